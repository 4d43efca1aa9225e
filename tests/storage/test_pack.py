"""The pack explains itself, and says what it has lost."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import pack
from storage.vault import ContentCorrupt, Entry
from tests.storage.contents import some_round

ROUNDS = st.lists(
    st.builds(Entry, sha256=st.binary(min_size=32, max_size=32), body=st.binary(max_size=200)), max_size=6
)


def packed(entries: list[Entry]) -> bytes:
    return b"".join([pack.HEADER, *pack.lay(entries)[0]])


def covered(scan: pack.Scan, content: bytes) -> bool:
    """Whether entries and gaps, in order, cover the pack: all of it, or all but its header."""
    spans = sorted([*((f.offset, f.length) for f in scan.found), *((g.offset, g.length) for g in scan.gaps)])
    position = spans[0][0] if spans else len(content)
    for offset, length in spans:
        if offset != position:
            return False
        position += length
    return position == len(content) and (not spans or spans[0][0] in (0, len(pack.HEADER)))


@given(ROUNDS)
def test_a_scan_finds_every_entry_with_its_name_and_its_bytes(entries: list[Entry]) -> None:
    content = packed(entries)
    scan = pack.scan(content)
    assert not scan.gaps
    assert [f.sha256 for f in scan.found] == [e.sha256 for e in entries]
    assert [pack.unframe(content[f.offset : f.offset + f.length]) for f in scan.found] == [e.body for e in entries]
    assert [f.length for f in scan.found] == pack.lay(entries)[1]


@given(ROUNDS, st.data())
def test_a_torn_pack_gives_the_entries_before_the_tear_and_says_where_it_is(
    entries: list[Entry], data: st.DataObject
) -> None:
    content = packed(entries)
    cut = data.draw(st.integers(0, len(content)))
    whole, torn = pack.scan(content), pack.scan(content[:cut])
    assert torn.found == tuple(f for f in whole.found if f.offset + f.length <= cut)
    sound_end = max(
        [f.offset + f.length for f in torn.found], default=len(pack.HEADER) if cut >= len(pack.HEADER) else 0
    )
    assert torn.gaps == ((pack.Gap(sound_end, cut - sound_end),) if sound_end < cut or cut == 0 else ())


@given(ROUNDS, st.data())
def test_a_tail_of_zeros_or_noise_is_a_gap(entries: list[Entry], data: st.DataObject) -> None:
    content = packed(entries)
    tail = data.draw(st.one_of(st.integers(1, 200).map(bytes), st.binary(min_size=1, max_size=200)))
    scan = pack.scan(content + tail)
    assert [f.sha256 for f in scan.found] == [e.sha256 for e in entries]
    assert scan.gaps == (pack.Gap(len(content), len(tail)),)


@given(ROUNDS.filter(bool), st.data())
def test_damage_costs_the_entry_it_touches_and_no_other(entries: list[Entry], data: st.DataObject) -> None:
    content = bytearray(packed(entries))
    position = data.draw(st.integers(len(pack.HEADER), len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    damaged = bytes(content)
    lost = [f for f in pack.scan(packed(entries)).found if f.offset <= position < f.offset + f.length]
    scan = pack.scan(damaged)
    assert scan.found == tuple(f for f in pack.scan(packed(entries)).found if f not in lost)
    assert scan.gaps == tuple(pack.Gap(f.offset, f.length) for f in lost)
    for entry in lost:
        with pytest.raises(ContentCorrupt):
            pack.unframe(damaged[entry.offset : entry.offset + entry.length])


@given(st.binary(max_size=300))
def test_any_bytes_are_scanned_to_their_end(content: bytes) -> None:
    scan = pack.scan(content)
    assert covered(scan, content)


@given(ROUNDS, st.data())
def test_a_damaged_header_costs_no_entry(entries: list[Entry], data: st.DataObject) -> None:
    content = bytearray(packed(entries))
    content[data.draw(st.integers(0, len(pack.MAGIC) - 1))] ^= 0xFF
    scan = pack.scan(bytes(content))
    assert [f.sha256 for f in scan.found] == [e.sha256 for e in entries]
    assert scan.gaps == (pack.Gap(0, len(pack.HEADER)),)


def test_a_pack_of_an_unknown_version_is_not_guessed_at() -> None:
    with pytest.raises(pack.PackUnknown, match="version 2"):
        pack.scan(pack.MAGIC + (2).to_bytes(4, "big") + b"something new")


def test_a_body_that_looks_like_an_entry_is_still_a_body() -> None:
    inner = b"".join(pack.lay(some_round(1, 50))[0])
    outer = Entry(hashlib.sha256(inner).digest(), inner)
    assert [f.sha256 for f in pack.scan(packed([outer])).found] == [outer.sha256]


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_name_that_is_no_sha256_is_not_framed(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        pack.lay([Entry(bytes(length), b"body")])


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b[1:], lambda _: b"", lambda b: b + b]
)
def test_a_frame_is_exactly_one_entry(change) -> None:
    framed = b"".join(pack.lay(some_round(1, 50))[0])
    assert pack.unframe(framed) == some_round(1, 50)[0].body
    with pytest.raises(ContentCorrupt):
        pack.unframe(change(framed))


def test_a_length_beyond_all_bounds_reserves_no_memory() -> None:
    head = b"\x8fent" + (2**64 - 1).to_bytes(8, "big") + bytes(32)
    scan = pack.scan(pack.HEADER + head + bytes(100))
    assert scan.found == ()
    assert scan.gaps == (pack.Gap(len(pack.HEADER), len(head) + 100),)


def test_the_format_is_the_one_that_lies_on_disks_already() -> None:
    content = packed([Entry(bytes(range(32)), b"locked")])
    assert content.hex() == (
        "896d6f74637561207061636b0d0a1a0a"  # magic
        "00000001"  # version
        "8f656e74"  # mark
        "0000000000000006"  # length of the body
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"  # name
        "6c6f636b6564"  # body
        "44e0f746"  # CRC-32
    )
