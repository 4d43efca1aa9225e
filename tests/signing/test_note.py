"""Signed notes: what others signed is read, what we sign holds, and nothing forged does."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.note import (
    TYPE_COSIGNATURE,
    Checkpoint,
    NoteBroken,
    Vkey,
    check_cosignature,
    check_note,
    cosign_note,
    open_checkpoint,
    read_checkpoint,
    read_note,
    read_signature,
    read_vkey,
    sign_note,
    vkey_of,
)
from signing.seal import FileSealKey, SealKeyUnusable, create_seal_key

# The documentation of Go's note package, golang.org/x/mod/sumdb/note.
OTHERS_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
OTHERS_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NAME = "gateway.example/G00.01/0a1b2c3d"
HEAD = Checkpoint(NAME, 42, bytes(range(32)))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> FileSealKey:
    return create_seal_key(tmp_path_factory.mktemp("note") / "log.pem", "Ed25519")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> FileSealKey:
    return create_seal_key(tmp_path_factory.mktemp("note") / "other.pem", "Ed25519")


def test_a_note_that_others_signed_holds() -> None:
    note = read_note(OTHERS_NOTE)
    check_note(note, read_vkey(OTHERS_VKEY))
    assert note.text.endswith("problem is.\n")


def test_a_vkey_is_written_as_it_was_read(key: FileSealKey) -> None:
    assert str(read_vkey(OTHERS_VKEY)) == OTHERS_VKEY
    for vkey in (vkey_of(NAME, key), vkey_of("witness.example", key, TYPE_COSIGNATURE)):
        assert read_vkey(str(vkey)) == vkey


def test_a_checkpoint_is_three_lines_and_a_signature_the_same_each_time(key: FileSealKey) -> None:
    note = sign_note(HEAD.text, NAME, key)
    assert note == sign_note(HEAD.text, NAME, key)
    assert note.startswith(f"{NAME}\n42\n{base64.b64encode(HEAD.root).decode()}\n\n— {NAME} ")
    assert open_checkpoint(note.encode(), vkey_of(NAME, key)) == HEAD


def test_a_note_is_refused_that_another_key_signed_or_that_was_changed(key: FileSealKey, other: FileSealKey) -> None:
    vkey, note = vkey_of(NAME, key), sign_note(HEAD.text, NAME, key)
    with pytest.raises(NoteBroken, match="not signed by"):
        open_checkpoint(sign_note(HEAD.text, NAME, other), vkey)
    with pytest.raises(NoteBroken, match="does not hold"):
        open_checkpoint(note.replace("\n42\n", "\n43\n"), vkey)
    renamed = sign_note(HEAD.text.replace(NAME, "elsewhere.example"), NAME, key)
    with pytest.raises(NoteBroken, match="a checkpoint of"):
        open_checkpoint(renamed, vkey)
    # One forged line of ours beside a right one: whoever sees it must not choose.
    forged = note + note.splitlines()[-1][:-6] + "AAAA=\n"
    with pytest.raises(NoteBroken):
        open_checkpoint(forged, vkey)


def test_lines_of_unknown_keys_are_passed_over(key: FileSealKey, other: FileSealKey) -> None:
    note = sign_note(HEAD.text, NAME, key) + sign_note(HEAD.text, NAME, other).splitlines(keepends=True)[-1]
    assert open_checkpoint(note, vkey_of(NAME, key)) == open_checkpoint(note, vkey_of(NAME, other)) == HEAD


def test_a_cosignature_holds_for_its_witness_its_time_and_its_text(key: FileSealKey, other: FileSealKey) -> None:
    witness = vkey_of("witness.example/w1", other, TYPE_COSIGNATURE)
    line = cosign_note(HEAD.text, witness.name, other, 1_679_315_147)
    signature = read_signature(line.rstrip("\n"))
    assert check_cosignature(HEAD.text, signature, witness) == 1_679_315_147
    open_checkpoint(sign_note(HEAD.text, NAME, key) + line, vkey_of(NAME, key))
    with pytest.raises(NoteBroken, match="does not hold"):
        check_cosignature(HEAD.text.replace("42", "43"), signature, witness)
    later = read_signature(line.rstrip("\n").replace(line.split()[-1], retimed(signature.id, signature.value)))
    with pytest.raises(NoteBroken, match="does not hold"):
        check_cosignature(HEAD.text, later, witness)
    # The same key under the type of a log's signature is another key.
    with pytest.raises(NoteBroken, match="not a cosignature"):
        check_cosignature(HEAD.text, signature, Vkey(witness.name, witness.public))
    with pytest.raises(NoteBroken, match="not signed by"):
        check_note(read_note(HEAD.text + "\n" + line), Vkey(witness.name, witness.public))


def retimed(key_id: bytes, value: bytes) -> str:
    at_s = int.from_bytes(value[:8], "big") + 1
    return base64.b64encode(key_id + at_s.to_bytes(8, "big") + value[8:]).decode()


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "text", "text\n\n", "\n\n— a b\n", "text\n\n— name\n", "text\n\n- name AAAAAAA=\n",
        "text\n\n— name AAAA\n", "text\n\n— na+me AAAAAAA=\n", "text\n\n— name AAAAAAA=", "text\n\n— name AAAAAAB=\n",
        "te\txt\n\n— name AAAAAAA=\n", "text\r\n\n— name AAAAAAA=\n", "text\n\n— name AAAAAAA=\n\n",
        "text\n\n" + "— name AAAAAAA=\n" * 65, "x" * 70_000 + "\n\n— name AAAAAAA=\n", "\ud800\n\n— name AAAAAAA=\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteBroken):
        read_note(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n", "a\n1\n" + "A" * 43 + "=",
        "a\n٣\n" + "A" * 43 + "=\n", "a\n1\n" + "A" * 44 + "\n", "a\n1\n\n" + "A" * 43 + "=\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteBroken):
        read_checkpoint(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a+b+c", "a+00000000+AQ==", OTHERS_VKEY.replace("c74f20a3", "c74f20a4"),
        OTHERS_VKEY.replace("+AR", "+AB"), OTHERS_VKEY.replace("PeterNeumann", "Peter Neumann"),
    ],
)  # fmt: skip
def test_what_is_no_vkey_is_refused(text: str) -> None:
    with pytest.raises(NoteBroken):
        read_vkey(text)


def test_only_ed25519_signs_notes_and_under_a_name_that_a_note_can_hold(tmp_path: Path, key: FileSealKey) -> None:
    with pytest.raises(SealKeyUnusable, match="Ed25519"):
        sign_note(HEAD.text, NAME, create_seal_key(tmp_path / "p256.pem"))
    for name in ("", "a b", "a+b", "a\u2003b", "a\nb"):
        with pytest.raises(SealKeyUnusable):
            sign_note(HEAD.text, name, key)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_reading_hostile_notes_never_fails_otherwise(content: bytes | str) -> None:
    for read in (read_note, lambda told: read_checkpoint(told if isinstance(told, str) else "")):
        try:
            read(content)
        except NoteBroken:
            continue
