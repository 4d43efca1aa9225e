"""A container is opened only if every reader would read it alike, and its contents never cost more than they may."""

import hashlib
import io
import struct
import time
import tracemalloc
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.indication import Refusal
from signing.zip_container import CHUNK_BYTES, Container, EntryBroken, Limits, open_zip
from tests.signing.zip_forging import DESCRIPTOR, UTF8, Member, build, deflate, descriptor, extra_field, is_explained
from tests.signing.zip_vectors import INFO_ZIP, JDK

FIRST = Member("mot.txt", b"mot")
TEXT = b"Nguyen Thi Mau " * 40
SECOND = Member("hai.txt", TEXT, method=8)
GOOD = build(FIRST, SECOND)
INSIDE = build(Member("trong.txt", b"nam trong"))
SYMLINK = 0o120777 << 16
MIB = 1024 * 1024


def opened(content: bytes, limits: Limits | None = None) -> Container:
    container = open_zip(content, limits or Limits())
    assert isinstance(container, Container), container
    return container


def contents(content: bytes) -> dict[str, bytes]:
    container = opened(content)
    found = {entry.name: container.read(entry, 10 * MIB) for entry in container.entries}
    assert not [each for each in found.values() if isinstance(each, Refusal)]
    return {name: each for name, each in found.items() if isinstance(each, bytes)}


def read_all(content: bytes, limits: Limits | None = None) -> Refusal | None:
    """The first refusal on the way through the whole container."""
    container = open_zip(content, limits or Limits())
    if isinstance(container, Refusal):
        return container
    digests = (container.digest(entry, "sha256") for entry in container.entries)
    return next((each for each in digests if isinstance(each, Refusal)), None)


def unicode_path(name: str, written: bytes, crc32: int | None = None) -> bytes:
    crc = zlib.crc32(written) if crc32 is None else crc32
    return extra_field(0x7075, struct.pack("<BL", 1, crc) + name.encode())


ACCEPTED = {
    "stored and deflated": GOOD,
    "nothing at all": build(),
    "an empty file": build(Member("rong.txt", b"")),
    "a name in Vietnamese that says it is UTF-8": build(Member("đơn đề nghị.pdf", TEXT, method=8)),
    "a name of ASCII letters that says it is UTF-8": build(Member("a.txt", flags=UTF8)),
    "its own name once more as Unicode Path": build(Member("a.txt", local_extra=unicode_path("a.txt", b"a.txt"))),
    "a descriptor with its mark": build(Member("a", TEXT, method=8, flags=DESCRIPTOR, descriptor=descriptor(TEXT))),
    "a descriptor without it": build(
        Member("a", TEXT, method=8, flags=DESCRIPTOR, descriptor=descriptor(TEXT, mark=False)), FIRST
    ),
    "a descriptor behind zeros": build(
        Member(
            "a",
            TEXT,
            method=8,
            flags=DESCRIPTOR,
            descriptor=descriptor(TEXT),
            local={"crc32": 0, "compressed": 0, "size": 0},
        )
    ),
    "a comment that can be read": build(FIRST, comment=b"mimetype=application/vnd.etsi.asic-e+zip"),
    "an empty folder": build(Member("META-INF/", b""), Member("META-INF/a", b"a")),
    "an empty folder that was deflated": build(Member("META-INF/", b"", method=8)),
    "the mode of a plain file": build(Member("a", central={"attributes": 0o100644 << 16, "made_by": 0x0314})),
    "a container inside": build(Member("trong.zip", GOOD)),
}

FORGED: dict[str, tuple[str, bytes]] = {
    "no bytes": ("container-not-zip", b""),
    "another file": ("container-not-zip", b"%PDF-1.7" + b" " * 100),
    "an end that was cut": ("container-not-zip", GOOD[:-1]),
    "a beginning that was cut": ("container-directory-lies", GOOD[1:]),
    "bytes in front": ("container-before-start", b"MZ" + GOOD),
    "bytes in front that offsets allow for": ("container-before-start", build(FIRST, prefix=b"#!/bin/sh\n")),
    "bytes behind": ("container-after-end", GOOD + b"\0"),
    "a whole container in front": ("container-before-start", INSIDE + GOOD),
    "a container hidden between": ("container-bytes-between", build(FIRST, between=INSIDE)),
    "a container hidden behind the directory": ("container-bytes-between", build(FIRST, after_directory=INSIDE)),
    "bytes between two entries": ("container-bytes-between", build(FIRST, Member("b", before=b"xx"))),
    "an entry that the directory leaves out": (
        "container-bytes-between",
        build(FIRST, between=SECOND.local_record() + SECOND.packed),
    ),
    "an end record in the comment": ("container-bytes-between", build(FIRST, comment=build())),
    "a comment with controls": ("container-comment", build(FIRST, comment=b"\x1b[2J")),
    "a comment without end": ("container-comment", build(FIRST, comment=b"a" * 300)),
    "an entry's comment with controls": ("container-comment", build(Member(comment=b"\0"))),
    "a comment shorter than told": ("container-directory-lies", build(FIRST, end={"comment": 9})),
    "several disks": ("container-multi-disk", build(FIRST, end={"disk": 1})),
    "a directory on another disk": ("container-multi-disk", build(FIRST, end={"directory_disk": 1})),
    "entries on other disks": ("container-multi-disk", build(FIRST, end={"count_here": 0})),
    "an entry on another disk": ("container-multi-disk", build(Member(central={"disk": 1}))),
    "more entries than there are": ("container-directory-lies", build(FIRST, end={"count": 2, "count_here": 2})),
    "fewer entries than there are": (
        "container-directory-lies",
        build(FIRST, SECOND, end={"count": 1, "count_here": 1}),
    ),
    "no entries, and a directory": ("container-directory-lies", build(FIRST, end={"count": 0, "count_here": 0})),
    "a directory beyond its end": ("container-directory-lies", build(FIRST, end={"offset": 0xFFFF0000})),
    "a name longer than the directory": ("container-directory-lies", build(Member(central={"name": 60_000}))),
    "the same name twice": ("container-name-repeated", build(FIRST, FIRST)),
    "names that differ in case": ("container-name-repeated", build(Member("a.XML"), Member("A.xml"))),
    "names that differ in composition": (
        "container-name-repeated",
        build(*(Member(unicodedata.normalize(form, "đề.xml")) for form in ("NFC", "NFD"))),
    ),
    "names that differ in width": ("container-name-repeated", build(Member("a.xml"), Member("ａ.xml"))),
    "names that differ in percent-coding": ("container-name-repeated", build(Member("a b"), Member("a%20b"))),
    "names that differ in coding twice": ("container-name-repeated", build(Member("a%2520b"), Member("a b"))),
    "a file and a folder of one name": ("container-name-repeated", build(Member("a"), Member("a/", b""))),
    "a file that is another's folder": ("container-name-repeated", build(Member("a"), Member("A/b"))),
    "an absolute name": ("container-name-unsafe", build(Member("/etc/passwd"))),
    "a way upwards": ("container-name-unsafe", build(Member("a/../../b"))),
    "only upwards": ("container-name-unsafe", build(Member(".."))),
    "a step that goes nowhere": ("container-name-unsafe", build(Member("a/./b"))),
    "an empty step": ("container-name-unsafe", build(Member("a//b"))),
    "a backslash": ("container-name-unsafe", build(Member("a\\b"))),
    "a drive": ("container-name-unsafe", build(Member("C:b"))),
    "a second stream": ("container-name-unsafe", build(Member("a.xml:b"))),
    "a NUL": ("container-name-unsafe", build(Member("a.xml\0.exe"))),
    "a line end": ("container-name-unsafe", build(Member("a\nb"))),
    "a mark of direction": ("container-name-unsafe", build(Member("a\u202elmx.exe"))),
    "an invisible letter": ("container-name-unsafe", build(Member("a\u200b.xml"))),
    "an empty name": ("container-name-unsafe", build(Member(""))),
    "a name without end": ("container-name-unsafe", build(Member("a" * 256))),
    "a dot at the end": ("container-name-unsafe", build(Member("a.xml."))),
    "a blank at the end": ("container-name-unsafe", build(Member("a.xml "))),
    "a name that is not the UTF-8 it says": ("container-name-encoding", build(Member(b"\xff\xfe", flags=UTF8))),
    "overlong UTF-8": ("container-name-encoding", build(Member(b"a\xc0\xafb", flags=UTF8))),
    "a name of no known encoding": ("container-name-encoding", build(Member("đơn.xml", flags=0))),
    "another name as Unicode Path, in front": (
        "container-name-override",
        build(Member("a.txt", local_extra=unicode_path("b.txt", b"a.txt"))),
    ),
    "another name as Unicode Path, in the directory": (
        "container-name-override",
        build(Member("a.txt", central_extra=unicode_path("b.txt", b"a.txt"))),
    ),
    "a Unicode Path with a wrong checksum": (
        "container-name-override",
        build(Member("a.txt", local_extra=unicode_path("a.txt", b"a.txt", 1))),
    ),
    "an extra field that was cut": ("container-extra", build(Member(local_extra=b"\x01\x00\x09\x00a"))),
    "a rest of an extra field": ("container-extra", build(Member(central_extra=b"\x00\x00\x00"))),
    "extra fields without end": ("container-extra", build(Member(local_extra=extra_field(0x4242, b"x" * 2000)))),
    "another name in front": ("container-header-differs", build(Member("a.txt", local_name=b"b.txt"))),
    "another method in front": ("container-header-differs", build(Member(local={"method": 8}))),
    "other flags in front": ("container-header-differs", build(Member(local={"flags": UTF8}))),
    "another size in front": ("container-header-differs", build(Member(local={"size": 3}))),
    "another packed size in front": ("container-header-differs", build(Member(local={"compressed": 3}))),
    "another checksum in front": ("container-header-differs", build(Member(local={"crc32": 3}))),
    "no checksum in front, and no descriptor": ("container-header-differs", build(Member(local={"crc32": 0}))),
    "overlapping entries": ("container-overlap", build(FIRST, Member("b", central={"offset": 20}))),
    "two entries in one place": (
        "container-overlap",
        build(FIRST, Member("b", central={"offset": 0}), end={}),
    ),
    "an entry inside another": (
        "container-overlap",
        build(Member("a", Member("b").local_record() + b"x" * 17), Member("b", central={"offset": 31})),
    ),
    "an entry beyond the file": ("container-entry-outside", build(Member(central={"offset": 0xFFFF0000}))),
    "an entry in the directory": ("container-entry-outside", build(FIRST, Member("b", central={"offset": 60}))),
    "content beyond the directory": (
        "container-entry-outside",
        build(Member(local={"compressed": 900, "size": 900}, central={"compressed": 900, "size": 900})),
    ),
    "no header where the entry is": ("container-entry-outside", b"PK\x03\x05" + GOOD[4:]),
    "a descriptor with another checksum": (
        "container-descriptor",
        build(Member("a", TEXT, method=8, flags=DESCRIPTOR, descriptor=descriptor(TEXT, crc32=7))),
    ),
    "a descriptor that is not there": (
        "container-descriptor",
        build(Member("a", TEXT, method=8, flags=DESCRIPTOR), FIRST),
    ),
    "a descriptor behind stored content": (
        "container-descriptor",
        build(Member("a", TEXT, flags=DESCRIPTOR, descriptor=descriptor(TEXT, method=0))),
    ),
    "a descriptor of the long kind": (
        "container-bytes-between",
        build(Member("a", TEXT, method=8, flags=DESCRIPTOR, descriptor=descriptor(TEXT) + b"\0" * 8)),
    ),
    "a descriptor that nobody announced": (
        "container-bytes-between",
        build(Member("a", TEXT, method=8, descriptor=descriptor(TEXT))),
    ),
    "encryption": ("container-encrypted", build(Member(flags=1))),
    "strong encryption": ("container-encrypted", build(Member(flags=0x40))),
    "masked headers": ("container-encrypted", build(Member(flags=0x2000))),
    "encryption of the AES kind": (
        "container-encrypted",
        build(Member(local_extra=extra_field(0x9901, b"\2\0AE\3\0\0"))),
    ),
    "a patch": ("container-flags", build(Member(flags=0x20))),
    "a version from the future": ("container-version", build(Member(central={"version": 64}))),
    "a version from the future in front": ("container-header-differs", build(Member(local={"version": 64}))),
    "bzip2": ("container-method", build(Member(method=12))),
    "deflate64": ("container-method", build(Member(method=9))),
    "a symbolic link": ("container-link", build(Member("a", b"/etc/passwd", central={"attributes": SYMLINK}))),
    "a device": ("container-link", build(Member("a", central={"attributes": 0o020666 << 16}))),
    "a file with a folder's mode": ("container-link", build(Member("a", central={"attributes": 0o040755 << 16}))),
    "a file with a folder's DOS attribute": ("container-link", build(Member("a", central={"attributes": 0x10}))),
    "a link in an extra field": ("container-link", build(Member("a", local_extra=extra_field(0x756E, b"\0" * 14)))),
    "a folder with content": ("container-folder-with-content", build(Member("a/", b"abc"))),
    "a folder with hidden content": (
        "container-folder-with-content",
        build(Member("a/", b"", method=8, data=b"ab")),
    ),
    "a folder with a checksum": (
        "container-folder-with-content",
        build(Member("a/", b"", local={"crc32": 1}, central={"crc32": 1})),
    ),
    "ZIP64 by an extra field": ("container-zip64", build(Member(central_extra=extra_field(1, b"\0" * 8)))),
    "ZIP64 by an extra field in front": ("container-zip64", build(Member(local_extra=extra_field(1, b"\0" * 16)))),
    "ZIP64 by a size": ("container-zip64", build(Member(central={"size": 0xFFFFFFFF}))),
    "ZIP64 by a size in front": ("container-zip64", build(Member(local={"size": 0xFFFFFFFF}))),
    "ZIP64 by an offset": ("container-zip64", build(Member(central={"offset": 0xFFFFFFFF}))),
    "ZIP64 by the directory's offset": ("container-zip64", build(FIRST, end={"offset": 0xFFFFFFFF})),
    "ZIP64 by the number of entries": ("container-zip64", build(FIRST, end={"count": 0xFFFF})),
    "a ZIP64 locator": ("container-zip64", build(FIRST, after_directory=b"PK\x06\x07" + b"\0" * 16)),
    "stored content of two sizes": (
        "container-size-lies",
        build(Member(local={"size": 3}, central={"size": 3})),
    ),
    "more content than told": (
        "container-size-lies",
        build(Member("a", TEXT, method=8, local={"size": 5}, central={"size": 5})),
    ),
    "less content than told": (
        "container-size-lies",
        build(Member("a", TEXT, method=8, local={"size": 5000}, central={"size": 5000})),
    ),
    "a wrong checksum": ("container-checksum", build(Member(local={"crc32": 7}, central={"crc32": 7}))),
    "content that was changed": ("container-checksum", build(Member("a", b"5310000", data=b"9310000"))),
    "broken deflate": ("container-deflate", build(Member("a", TEXT, method=8, data=b"\xff" * 20))),
    "deflate that was cut": ("container-deflate", build(Member("a", TEXT, method=8, data=deflate(TEXT)[:-3]))),
    "something behind the deflated stream": (
        "container-deflate",
        build(Member("a", TEXT, method=8, data=deflate(TEXT) + INSIDE)),
    ),
    "no deflated stream": ("container-deflate", build(Member("a", b"", method=8, data=b""))),
    "too many entries": ("container-too-many-entries", build(*(Member(f"{number}", b"") for number in range(1001)))),
    "a bomb": ("container-ratio", build(Member("a", b"\0" * 9 * MIB, method=8))),
    "many small bombs": (
        "container-ratio",
        build(*(Member(f"{number}", b"\0" * 900_000, method=8) for number in range(20))),
    ),
}


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED)
def test_what_every_reader_reads_alike_is_opened_and_read_as_python_reads_it(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as peer:
        assert contents(content) == {name: peer.read(name) for name in peer.namelist()}


@pytest.mark.parametrize(("code", "content"), FORGED.values(), ids=FORGED)
def test_a_forged_container_is_refused_by_its_reason(code: str, content: bytes) -> None:
    refusal = read_all(content)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    is_explained(refusal)


def test_from_a_file_the_answers_are_the_same(tmp_path: Path) -> None:
    place = tmp_path / "goi.zip"
    for content in [*ACCEPTED.values(), *(forged for _, forged in FORGED.values())]:
        place.write_bytes(content)
        with place.open("rb") as file:
            container = open_zip(file)
            expected = open_zip(content)
            if isinstance(expected, Refusal):
                assert container == expected
                continue
            assert isinstance(container, Container)
            for entry in expected.entries:
                assert container.digest(entry, "sha512") == expected.digest(entry, "sha512")


def test_a_file_that_gives_its_bytes_in_small_pieces_is_read_whole() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(7, size) if size and size > 0 else 7)

    container = open_zip(Slow(GOOD))
    assert isinstance(container, Container)
    assert [container.read(entry, MIB) for entry in container.entries] == [b"mot", TEXT]


@pytest.mark.parametrize("content", [INFO_ZIP, JDK], ids=["zip", "java.util.zip"])
def test_what_other_software_writes_is_opened(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as peer:
        assert contents(content) == {name: peer.read(name) for name in peer.namelist()}
    assert contents(content)["BHXHDienTu.xml"] == b"<Hoso/>"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_python_writes_is_opened(method: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.txt", TEXT)
        archive.writestr("phụ lục/đơn.txt", b"")
        archive.mkdir("rong")
    assert contents(file.getvalue()) == {"a.txt": TEXT, "phụ lục/đơn.txt": b"", "rong/": b""}


@pytest.mark.parametrize("method", [0, 8])
def test_content_comes_in_chunks_and_a_digest_holds_none_of_it(method: int) -> None:
    size_bytes = 24 * MIB
    content = bytes(range(256)) * (size_bytes // 256)  # compresses about 250 times
    container = opened(build(Member("a", content, method=method)), Limits(ratio_max=1000))
    entry = container.entries[0]
    assert max(map(len, container.open(entry))) <= CHUNK_BYTES
    tracemalloc.start()
    digest = container.digest(entry, "sha256")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert digest == hashlib.sha256(content).digest()
    assert peak_bytes < 2 * MIB


def test_an_entry_can_be_opened_twice_and_half() -> None:
    container = opened(GOOD)
    entry = container.entries[1]
    half = container.open(entry)
    next(half)
    assert b"".join(container.open(entry)) == b"".join(container.open(entry)) == TEXT


def test_a_broken_entry_says_so_only_at_its_end_and_the_others_are_read() -> None:
    container = opened(build(FIRST, Member("b", TEXT, local={"crc32": 1}, central={"crc32": 1})))
    chunks = container.open(container.entries[1])
    assert next(chunks) == TEXT
    with pytest.raises(EntryBroken) as broken:
        next(chunks)
    assert broken.value.refusal.code == "container-checksum"
    assert container.read(container.entries[0], 3) == b"mot"


def test_no_more_is_read_than_asked_for() -> None:
    container = opened(GOOD)
    refusal = container.read(container.entries[1], len(TEXT) - 1)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "container-too-large"
    assert container.read(container.entries[1], len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(entry_bytes_max=len(TEXT) - 1), "container-too-large"),
        (Limits(total_bytes_max=len(TEXT)), "container-too-large"),
        (Limits(entries_max=1), "container-too-many-entries"),
    ],
)
def test_limits_are_the_callers_to_set(limits: Limits, code: str) -> None:
    refusal = open_zip(GOOD, limits)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    is_explained(refusal)


def test_a_bomb_that_lies_about_its_size_costs_no_more_than_the_size_it_told() -> None:
    bomb = deflate(b"\0" * 200 * MIB)
    content = build(Member("a", b"", method=8, data=bomb, local={"size": MIB}, central={"size": MIB}))
    container = opened(content)
    tracemalloc.start()
    began = time.process_time()
    refusal = container.digest(container.entries[0], "sha256")
    took_s = time.process_time() - began
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(refusal, Refusal)
    assert refusal.code == "container-size-lies"
    assert peak_bytes < 2 * MIB
    assert took_s < 0.5


def test_a_directory_that_claims_the_whole_file_is_not_read() -> None:
    class Counted(io.BytesIO):
        asked_bytes = 0

        def read(self, size: int | None = -1) -> bytes:
            self.asked_bytes += size or 0
            return super().read(size)

    file = Counted(b"\0" * 8 * MIB + build(end={"directory_bytes": 8 * MIB, "offset": 0, "count": 9, "count_here": 9}))
    refusal = open_zip(file)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "container-directory-lies"
    assert file.asked_bytes < 100_000


def test_names_made_to_be_slow_are_judged_quickly() -> None:
    deep = [Member(f"{number:03}" + "/a" * 120, b"") for number in range(1000)]
    coded = [Member(f"{number:03}%" + "25" * 120, b"") for number in range(1000)]
    for members in (deep, coded):
        content = build(*members)
        began = time.process_time()
        opened(content)
        assert time.process_time() - began < 2


WHOLE = build(
    FIRST,
    Member("đơn.xml", TEXT, method=8, flags=DESCRIPTOR | UTF8, descriptor=descriptor(TEXT)),
    Member("c", TEXT, local_extra=extra_field(0x5455, b"\1abcd"), central={"attributes": 0o100644 << 16}),
    Member("META-INF/", b""),
)


@settings(max_examples=700, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.sampled_from(["put", "insert", "delete"])),
        max_size=4,
    )
)
def test_a_changed_container_never_gives_a_name_another_content(changes: list[tuple[int, int, str]]) -> None:
    content = bytearray(WHOLE)
    for at, byte, how in changes:
        if how == "insert":
            content[at:at] = bytes([byte])
        elif at < len(content):
            content[at : at + 1] = b"" if how == "delete" else bytes([byte])
    container = open_zip(bytes(content))
    if isinstance(container, Refusal):
        is_explained(container)
        return
    # Whoever passed all checks reads as another reader does. Only times, versions and the like may have changed.
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as peer:
        assert [entry.name for entry in container.entries] == sorted(
            peer.namelist(), key=lambda name: peer.getinfo(name).header_offset
        )
        for entry in container.entries:
            read = container.read(entry, MIB)
            if isinstance(read, bytes):
                assert read == peer.read(entry.name)
            else:
                is_explained(read)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"]))
def test_no_bytes_make_the_reader_raise(content: bytes, mark: bytes) -> None:
    refusal = read_all(mark + content + b"PK\x05\x06" + content)
    assert refusal is None or refusal.code.startswith("container-")


NUMBERS = st.sampled_from([0, 1, 3, 8, 22, 30, 46, 60, 255, 0x7FFF, 0xFFFF])
LONG = st.one_of(NUMBERS, st.sampled_from([0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]))
SHORT_FIELDS = ["flags", "method", "name", "extra", "version"]
LONG_FIELDS = ["crc32", "compressed", "size"]


@settings(max_examples=500, deadline=None)
@given(
    local=st.dictionaries(st.sampled_from(SHORT_FIELDS), NUMBERS, max_size=2),
    central=st.dictionaries(st.sampled_from([*SHORT_FIELDS, "disk", "comment"]), NUMBERS, max_size=2),
    sizes=st.dictionaries(st.sampled_from(LONG_FIELDS), LONG, max_size=2),
    offset=st.none() | LONG,
    end=st.dictionaries(st.sampled_from(["count", "count_here", "comment"]), NUMBERS, max_size=2),
)
def test_no_numbers_in_any_record_make_the_reader_raise(
    local: dict[str, int],
    central: dict[str, int],
    sizes: dict[str, int],
    offset: int | None,
    end: dict[str, int],
) -> None:
    where = {} if offset is None else {"offset": offset}
    forged = Member("b", TEXT, method=8, local=local | sizes, central=central | sizes | where)
    refusal = read_all(build(FIRST, forged, Member("c"), end=end))
    if refusal is not None:
        is_explained(refusal)
