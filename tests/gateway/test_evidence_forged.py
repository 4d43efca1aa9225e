"""Forged bundles: both verifiers refuse each, and name the same thing first."""

import base64
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from gateway.erasure import Order, erase
from signing.asic_manifest import MANIFEST
from signing.note import sign_note
from signing.seal import FileSealKey, create_seal_key, load_seal_key, seal_jws
from signing.seal_asic import SIGNATURE_FILE
from signing.signer import base64url, from_base64url
from tests.gateway.bundles import (
    EXPECTED,
    Verifiers,
    apart,
    bundle,
    entry,
    filed,
    listed,
    publish_and_stamp,
    resealed,
    stamped_gateway,
    together,
)
from tests.gateway.ended import finished
from tests.gateway.inhouse import UNIT
from tests.signing.tsa_workshop import Tsa

Files = dict[str, bytes]
RECEIVED, RECEIPT, PROOF, STAMP = "received/dossier.xml", "receipt.jws", "log/receipt.tlog-proof", "log/receipt.tst"
HANDOVER, ORIGIN, EVENTS = "statements/001-handover.jws", "log/origin-1.jws", "events.json"


class Made(Struct, frozen=True):
    """One dossier's bundle, another's, an erased one's; the keys they were made with."""

    files: Files
    other: Files
    erased: Files
    seal: FileSealKey
    log: FileSealKey
    both: Verifiers
    tsa: Tsa


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("forged")
    with stamped_gateway(folder / "home") as (gateway, one):
        first, second = filed(gateway, 1), filed(gateway, 2)
        (ended,) = finished(gateway, 3)
        employer, now = gateway.bearer("employer", units=[UNIT]), gateway.clock.now()
        path = gateway.house.settings.path("erasures", "erasures.jsonl")
        erase(gateway.house.stores, path, ended["dossier"], Order(by="operator", because="hết hạn"), now)
        publish_and_stamp(gateway)
        bundles = [bundle(gateway, *of) for of in ((first.dossier, first.token), (second.dossier, second.token))]
        erased = apart(bundle(gateway, ended["dossier"], employer))
        keys = [load_seal_key(folder / "home" / name) for name in ("seal.pem", "log.pem")]
        assert all(isinstance(key, FileSealKey) for key in keys)
        both = Verifiers(folder, gateway("GET", "/v1/keys").json(), one.tsa.root.certificate, now)
        yield Made(apart(bundles[0]), apart(bundles[1]), erased, keys[0], keys[1], both, one.tsa)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> FileSealKey:
    return create_seal_key(tmp_path_factory.mktemp("stranger") / "own.pem")


def changed(content: bytes) -> bytes:
    """One byte in the middle is another letter."""
    at = len(content) // 2
    return content[:at] + (b"A" if content[at : at + 1] != b"A" else b"B") + content[at + 1 :]


def without(files: Files, *names: str) -> Files:
    return {name: one for name, one in files.items() if name not in names}


def test_they_are_accepted_as_they_are(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    for files in (made.files, made.other, made.erased):
        made.both.hold(together(files), capsys)
        made.both.hold(together(resealed(files, made.seal, made.both.now)), capsys)


def test_a_changed_byte_in_any_member_is_noticed_and_the_member_named(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(made.files) > 20
    for name, content in made.files.items():
        if name != MANIFEST:
            step = 1 if name == "mimetype" else 2
            made.both.refuse(together({**made.files, name: changed(content)}), capsys, (step, name))
    # A manifest names what is there: which of the two names is wrong, nobody can tell.
    forged = together({**made.files, MANIFEST: made.files[MANIFEST].replace(b'"keys.jwks"', b'"keys.jwkt"')})
    for wrong in (made.both.ours(forged)[1], made.both.alone(forged, capsys)[1]):
        assert wrong in ((1, "keys.jwks"), (1, "keys.jwkt"))


def test_a_damaged_entry_is_named_before_anything_is_believed(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    whole = together(made.files)
    for name in (RECEIVED, RECEIPT, EVENTS):
        at = whole.index(made.files[name]) + 5
        made.both.refuse(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], capsys, (1, name))


def test_no_byte_is_beside_the_entries(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    whole = together(made.files)
    for forged in (whole[:-1], whole[: len(whole) // 2], b"x" + whole, whole + b"x", whole[:-2] + b"\x01\x00x", b"PK"):
        assert (made.both.ours(forged)[1] or (0,))[0] == 1
        out, wrong = made.both.alone(forged, capsys)
        assert wrong is not None, out
        assert wrong[0] == 1, out


def test_a_member_that_is_taken_away_or_put_in_is_named(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (RECEIVED, RECEIPT, HANDOVER, PROOF, STAMP, "keys.jwks", EVENTS):
        made.both.refuse(together(without(made.files, name)), capsys, (1, name))
    # With a manifest that fits, the seal says it.
    for name in (RECEIVED, RECEIPT, HANDOVER, PROOF, STAMP, EVENTS):
        made.both.refuse(together(listed(without(made.files, name))), capsys, (2, name))
    added = {**made.files, "extra.txt": b"what nobody signed"}
    made.both.refuse(together(added), capsys, (1, "extra.txt"))
    made.both.refuse(together(listed(added)), capsys, (2, "extra.txt"))
    for name in ("META-INF/signatures002.xml", "META-INF/x.txt"):
        forged = together({**made.files, name: made.files[SIGNATURE_FILE]})
        assert made.both.ours(forged)[1] is not None
        assert made.both.alone(forged, capsys)[1] == (1, name)


def test_a_seal_is_read_as_it_was_written_or_not_at_all(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    text = made.files[SIGNATURE_FILE].decode()
    body = text[text.index("?>") + 2 :].lstrip()
    dtd = '<!DOCTYPE x [<!ENTITY a "b">]>'
    hidden = dtd
    for one in '<>!"[]&':
        hidden = hidden.replace(one, "+" + base64.b64encode(one.encode("utf-16-be")).decode().rstrip("=") + "-")
    for forged in (
        # A DTD that whoever looks for it byte by byte does not see.
        ('<?xml version="1.0" encoding="utf-16"?>' + dtd + body).encode("utf-16"),
        ('<?xml version="1.0" encoding="utf-7"?>' + hidden + body.replace("+", "+-")).encode(),
        ('<?xml version="1.0" encoding="UTF-8"?>' + dtd + body).encode(),
        text.replace("XAdESSignatures", "XAdESSignaturesToo").encode(),
    ):
        made.both.refuse(together({**made.files, SIGNATURE_FILE: forged}), capsys, (2, SIGNATURE_FILE))


def put_otherwise(files: Files, odd: str, body: bytes, local: bytes = b"", method: int = 0) -> bytes:
    """The same files, one of them put into the container as `body`; `local` stands in its local header instead."""
    out, central = bytearray(), bytearray()
    for name, content in files.items():
        kept, how = (body, method) if name == odd else (content, 0)
        plain = struct.pack(
            "<HHHHHIIIHH", 10, 0, how, 0, 33, zlib.crc32(content), len(kept), len(content), len(name), 0
        )
        central += (
            b"PK\x01\x02\x0a\x03" + plain + struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, len(out)) + name.encode()
        )
        out += b"PK\x03\x04" + (local if local and name == odd else plain) + name.encode() + kept
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(central), len(out), 0)
    return bytes(out + central + b"PK\x05\x06" + end)


def test_an_entry_hides_nothing_and_is_not_told_otherwise_before_its_content(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    content = made.files[RECEIPT]
    made.both.hold(put_otherwise(made.files, RECEIPT, content), capsys)
    lie = struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 33, zlib.crc32(b"abc"), 3, 3, len(RECEIPT), 0)
    deflated = zlib.compress(content)[2:-4]
    for forged in (
        put_otherwise(made.files, RECEIPT, content + b"what no seal covers"),
        put_otherwise(made.files, RECEIPT, content, lie),
        put_otherwise(made.files, RECEIPT, deflated, method=8),
        put_otherwise(made.files, RECEIPT, deflated + b"what no seal covers", method=8),
        put_otherwise(made.files, RECEIPT, b"\xff" * 5, method=8),
        put_otherwise(made.files, RECEIPT, content, method=99),
    ):
        made.both.refuse(forged, capsys, (1, RECEIPT))


def test_a_name_that_is_there_twice_is_refused(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    from signing.zip_streamed import stream_zip

    for name in (RECEIPT, "Receipt.JWS", "receipt%2Ejws"):
        entries = [entry(one, content) for one, content in made.files.items()]
        entries.insert(6, entry(name, made.other[RECEIPT]))
        forged = b"".join(stream_zip(entries))
        assert (made.both.ours(forged)[1] or (0,))[0] == 1
        out, wrong = made.both.alone(forged, capsys)
        assert wrong is not None, out
        assert wrong[0] == 1, out


def test_anothers_seal_is_refused_whatever_it_covers(
    made: Made, stranger: FileSealKey, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = resealed(made.files, stranger, made.both.now)
    made.both.refuse(together(forged), capsys, (2, SIGNATURE_FILE))
    # Even when the forger's key is in the bundle's own key set.
    keys = json.loads(made.files["keys.jwks"])
    keys["keys"].append(stranger.public_jwk())
    forged = resealed({**made.files, "keys.jwks": json.dumps(keys).encode()}, stranger, made.both.now)
    made.both.refuse(together(forged), capsys, (2, SIGNATURE_FILE))
    # And by a thumbprint that is another's.
    other = stranger.kid
    assert made.both.ours(together(made.files), key=other)[1] == (2, SIGNATURE_FILE)
    assert made.both.alone(together(made.files), capsys, key=other)[1] == (2, SIGNATURE_FILE)


# What only the holder of the seal's key could make; each is refused all the same.


def _jws(made: Made, jws: bytes, key: FileSealKey | None = None, **changes: object) -> bytes:
    """The same statement with other words, sealed again."""
    head, body, _ = jws.decode().split(".")
    said = json.loads(from_base64url(body)) | changes
    typ = json.loads(from_base64url(head))["typ"]
    return seal_jws(key or made.seal, json.dumps(said).encode(), typ).encode()


def _header(made: Made, jws: bytes, header: dict[str, object]) -> bytes:
    """The same statement under another header, sealed again."""
    _, body, _ = jws.decode().split(".")
    head = base64url(json.dumps(header, separators=(",", ":")).encode()).decode()
    value = base64url(made.seal.sign(f"{head}.{body}".encode())).decode()
    return f"{head}.{body}.{value}".encode()


def _events(made: Made, change: Callable[[list[dict[str, object]]], object]) -> Files:
    events = json.loads(made.files[EVENTS])
    change(events["events"])
    return {EVENTS: json.dumps(events).encode()}


def _proof(made: Made, name: str = PROOF) -> tuple[list[str], str]:
    head, _, note = made.files[name].decode().partition("\n\n")
    return head.split("\n"), note


def _put(lines: list[str], note: str, name: str = PROOF) -> Files:
    return {name: ("\n".join(lines) + "\n\n" + note).encode()}


def _checkpoint(made: Made, key: FileSealKey, size: int | None = None, origin: str = "") -> Files:
    """A proof under a checkpoint that says another size or origin, by that key."""
    lines, note = _proof(made)
    body = note.partition("\n\n")[0].split("\n")
    name = origin or body[0]
    text = "\n".join([name, str(size or body[1]), *body[2:]]) + "\n"
    return _put(lines, sign_note(text, name, key))


def _handover(made: Made, **changes: Any) -> Files:
    return {HANDOVER: _jws(made, made.files[HANDOVER], **changes)}


def _lone_leaf(made: Made, record: bytes, key: FileSealKey) -> Files:
    """A tree of one leaf, in a log of the forger's own."""
    origin = "forged.example/log"
    root = base64.b64encode(hashlib.sha256(b"\0" + record).digest()).decode()
    return _put(["c2sp.org/tlog-proof@v1", "index 0"], sign_note(f"{origin}\n1\n{root}\n", origin, key))


def _forgeries(made: Made, log_key: FileSealKey) -> dict[str, tuple[Files, EXPECTED]]:
    """Members to be replaced, and what is wrong with them; an empty member is taken away."""
    files, other = made.files, made.other
    header = json.loads(from_base64url(files[RECEIPT].decode().partition(".")[0]))
    lines, note = _proof(made)
    handover_lines, handover_note = _proof(made, "log/001-handover.tlog-proof")
    record = hashlib.sha256(files[RECEIPT]).digest()
    receipt = (3, RECEIPT)
    return {
        "another dossier's receipt": ({RECEIPT: other[RECEIPT]}, (4, RECEIVED)),
        "a receipt by a key of the forger's": (
            {RECEIPT: _jws(made, files[RECEIPT], log_key)},
            receipt,
        ),
        "no algorithm": ({RECEIPT: _header(made, files[RECEIPT], header | {"alg": "none"})}, receipt),
        "another algorithm": ({RECEIPT: _header(made, files[RECEIPT], header | {"alg": "HS256"})}, receipt),
        "another type": ({RECEIPT: _header(made, files[RECEIPT], header | {"typ": "motcua-notice+jws"})}, receipt),
        "another kid": ({RECEIPT: _header(made, files[RECEIPT], header | {"kid": log_key.kid})}, receipt),
        "a key in the header": (
            {RECEIPT: _header(made, files[RECEIPT], header | {"jwk": log_key.public_jwk()})},
            receipt,
        ),
        "a critical extension": ({RECEIPT: _header(made, files[RECEIPT], header | {"crit": ["x"]})}, receipt),
        "a short signature": ({RECEIPT: files[RECEIPT][:-10]}, receipt),
        "padding": ({RECEIPT: files[RECEIPT] + b"="}, receipt),
        "no receipt": ({RECEIPT: b""}, receipt),
        "a receipt and a notice": ({"notice.jws": files[RECEIPT]}, receipt),
        "another content": ({RECEIVED: other[RECEIVED]}, (4, RECEIVED)),
        "no content": ({RECEIVED: b""}, (4, "received/")),
        "another size": ({RECEIPT: _jws(made, files[RECEIPT], size_bytes=1)}, (4, RECEIVED)),
        "another dossier's hand-over": ({HANDOVER: other[HANDOVER]}, (5, HANDOVER)),
        "a hand-over of another receipt": (_handover(made, receipt="G00.01-20260302-0000009"), (5, HANDOVER)),
        "a hand-over of another digest": (_handover(made, receipt_sha256="0" * 64), (5, HANDOVER)),
        "a hand-over at another time": (_handover(made, taken_at="2026-03-02T10:00:00.000+07:00"), (5, EVENTS)),
        "a fact less": (_events(made, lambda all_: all_.pop()), (5, EVENTS)),
        "facts in another order": (_events(made, lambda all_: all_.reverse()), (5, EVENTS)),
        "a fact of another dossier": (_events(made, lambda all_: all_[1].update(dossier="d-x")), (5, EVENTS)),
        "another beginning": (_events(made, lambda all_: all_.pop(0)), (5, EVENTS))
        if json.loads(files[EVENTS])["events"][1]["at"] != json.loads(files[EVENTS])["events"][0]["at"]
        else (_events(made, lambda all_: all_[0].update(at="2026-03-02T07:00:00.000+07:00")), (5, EVENTS)),
        "an erasure without tombstone": (_events(made, lambda all_: all_[1].update(type="erased")), (5, EVENTS)),
        "events that are none": ({EVENTS: b"[]"}, (5, EVENTS)),
        "a proof without its end": (_put(lines[:-1], note), (6, PROOF)),
        "a proof with one hash more": (_put([*lines, lines[-1]], note), (6, PROOF)),
        "the hashes the other way round": (_put([*lines[:2], *lines[:1:-1]], note), (6, PROOF)),
        "another index": (
            _put([lines[0], "index 2" if lines[1] != "index 2" else "index 3", *lines[2:]], note),
            (6, PROOF),
        ),
        "an index beyond the tree": (_put([lines[0], "index 99999", *lines[2:]], note), (6, PROOF)),
        "an index below": (_put([lines[0], "index -1", *lines[2:]], note), (6, PROOF)),
        "another form": (_put(["c2sp.org/tlog-proof@v2", *lines[1:]], note), (6, PROOF)),
        "a proof of another statement": (_put(handover_lines, handover_note), (6, PROOF)),
        "a proof of another dossier": ({PROOF: other[PROOF]}, (6, PROOF)),
        "an empty proof": ({PROOF: b"\n"}, (6, PROOF)),
        "a checkpoint that is signed by another key": (_checkpoint(made, log_key), (6, PROOF)),
        "a checkpoint of another size": (_checkpoint(made, made.log, 1000), (6, PROOF)),
        "a checkpoint that was changed": (_put(lines, changed(note.encode()).decode("utf-8", "replace")), (6, PROOF)),
        "a log of the forger's own": (_lone_leaf(made, record, log_key), (6, PROOF)),
        "no log announced": ({ORIGIN: b""}, (6, PROOF)),
        "a log announced by the forger": ({ORIGIN: _jws(made, files[ORIGIN], log_key)}, (6, ORIGIN)),
        "another log's key": (
            {
                ORIGIN: _jws(
                    made,
                    files[ORIGIN],
                    vkey=re.sub(r".\Z", "B", json.loads(from_base64url(files[ORIGIN].decode().split(".")[1]))["vkey"]),
                )
            },
            (6, PROOF),
        ),
        "a statement of another kind for the log": ({ORIGIN: files[HANDOVER]}, (6, ORIGIN)),
        "another dossier's time-stamp": ({STAMP: made.tsa.token(b"something else", made.both.now)}, (7, STAMP)),
        "a stranger's time-stamp": (
            {STAMP: Tsa().token((note.rpartition("\n\n")[0] + "\n").encode(), made.both.now)},
            (7, STAMP),
        ),
        "no time-stamp at all": ({STAMP: b"0" * 300}, (7, STAMP)),
    }


@pytest.fixture(scope="module")
def forgeries(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Files, EXPECTED]]:
    key = create_seal_key(tmp_path_factory.mktemp("forger") / "log.pem", "Ed25519")
    return _forgeries(made, key)


def test_what_only_the_keys_holder_could_forge_is_refused_and_the_right_thing_named_first(
    made: Made, forgeries: dict[str, tuple[Files, EXPECTED]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(forgeries) >= 40
    for kind, (members, expected) in forgeries.items():
        files = {name: one for name, one in {**made.files, **members}.items() if one}
        content = together(resealed(files, made.seal, made.both.now))
        assert made.both.ours(content)[1] == expected, kind
        out, wrong = made.both.alone(content, capsys)
        assert wrong == expected, (kind, out)


def test_an_erased_bundles_tombstone_must_be_its_own(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    name = "statements/002-erasure.jws"
    put_back = {**made.erased, RECEIVED: made.files[RECEIVED]}
    cases: list[tuple[Files, EXPECTED]] = [
        (put_back, (4, RECEIVED)),
        (without(made.erased, name, "log/002-erasure.tlog-proof", "log/002-erasure.tst"), (4, "received/")),
        ({**made.erased, name: _jws(made, made.erased[name], dossier="d-x")}, (5, name)),
        ({**made.erased, name: _jws(made, made.erased[name], statement_sha256="0" * 64)}, (5, name)),
    ]
    for files, expected in cases:
        made.both.refuse(together(resealed(files, made.seal, made.both.now)), capsys, expected)


def test_a_proof_that_belongs_to_no_statement_is_not_passed_over(made: Made) -> None:
    files = {**made.files, "log/007-closing.tlog-proof": made.files[PROOF]}
    content = together(resealed(files, made.seal, made.both.now))
    assert made.both.ours(content)[1] == (6, "log/007-closing.tlog-proof")


def test_a_compromised_key_needs_a_time_stamp_from_before(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = made.both.now
    pinned = json.loads(made.both.key_file.read_bytes())
    for after_s, expected in ((3600, None), (-3600, (2, SIGNATURE_FILE))):
        (key,) = pinned["keys"]
        revoked = key | {"revoked": {"revoked_at": int(now.timestamp()) + after_s, "reason": "compromised"}}
        both = Verifiers(tmp_path, {"keys": [revoked]}, made.tsa.root.certificate, now)
        content = together(made.files)
        assert both.ours(content)[1] == expected
        assert both.alone(content, capsys)[1] == expected
        # Without a stamp that is believed, the dates in it prove nothing.
        assert both.ours(content, tsa=False)[1] == (2, SIGNATURE_FILE)
        assert both.alone(content, capsys, tsa=False)[1] == (2, SIGNATURE_FILE)


def test_a_key_that_did_not_seal_then_is_refused(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (key,) = json.loads(made.both.key_file.read_bytes())["keys"]
    seconds = int(made.both.now.timestamp())
    for period in ({"exp": seconds - 60}, {"nbf": seconds + 60}):
        both = Verifiers(tmp_path, {"keys": [key | period]}, made.tsa.root.certificate, made.both.now)
        both.refuse(together(made.files), capsys, (2, SIGNATURE_FILE))


def test_a_statement_sealed_by_an_earlier_key_holds_because_the_pinned_one_vouches_for_it(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a rotation whoever pinned the new key alone can still check what the old one sealed, and the other way
    round nothing is believed.
    """
    new = create_seal_key(tmp_path / "new.pem")
    keys = json.loads(made.files["keys.jwks"])
    keys["keys"].insert(0, new.public_jwk())
    files = resealed({**made.files, "keys.jwks": json.dumps(keys).encode()}, new, made.both.now)
    pinned_new = Verifiers(tmp_path, {"keys": [new.public_jwk()]}, made.tsa.root.certificate, made.both.now)
    pinned_new.hold(together(files), capsys)
    made.both.refuse(together(files), capsys, (2, SIGNATURE_FILE))
    # A period that has ended is heeded in what is vouched for, too.
    keys["keys"][1]["exp"] = int(made.both.now.timestamp()) - 60
    files = resealed({**made.files, "keys.jwks": json.dumps(keys).encode()}, new, made.both.now)
    pinned_new.refuse(together(files), capsys, (3, RECEIPT))
