"""Signed notes (C2SP signed-note) under Ed25519: checkpoints of a log, and witnesses' cosignatures on them.

A note is text that ends in a newline, an empty line, and a line for each signature. Whoever signs is known by a *vkey*:
a name, the key's id, and the public key behind one byte that says what it signs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from signing.signer import SealKeyUnusable, from_base64url

if TYPE_CHECKING:
    from signing.signer import Signer

NOTE_BYTES_MAX: Final = 64 * 1024
SIGNATURES_MAX: Final = 64
# What a key signs (C2SP signed-note, signature types): a note's text, or a cosignature/v1 of it.
TYPE_ED25519: Final = 0x01
TYPE_COSIGNATURE: Final = 0x04
_PUBLIC_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_TIME_MAX: Final = 2**63 - 1
_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_NAME: Final = re.compile(r"[^\s+\x00-\x20\x7f]{1,255}")
_SIZE: Final = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)


class NoteBroken(Exception):
    """It is no note, or not one of that key's. Trying again changes nothing."""


class Vkey(Struct, frozen=True):
    """Who signs notes: a name, the public key (32 bytes), and what it signs (`TYPE_ED25519`, `TYPE_COSIGNATURE`)."""

    name: str
    public: bytes
    type: int = TYPE_ED25519

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, type and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.type]) + self.public).decode()}"


class Signature(Struct, frozen=True):
    """One signature line: whose it says it is, and the bytes after the key's id."""

    name: str
    id: bytes
    value: bytes
    line: str


class Note(Struct, frozen=True):
    """A note that was taken apart; nothing is verified by that. `text` ends in a newline."""

    text: str
    signatures: tuple[Signature, ...]

    @property
    def body(self) -> bytes:
        """The bytes that signatures, cosignatures and time-stamps are over."""
        return self.text.encode()


class Checkpoint(Struct, frozen=True):
    """A tree head (C2SP tlog-checkpoint): the tree's name, how many leaves it has, the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def read_vkey(text: str) -> Vkey:
    """Read a vkey of type Ed25519 or cosignature/v1. Raises `NoteBroken` for anything else."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    key = _from_base64(encoded)
    if len(key) != 1 + _PUBLIC_BYTES or key[0] not in (TYPE_ED25519, TYPE_COSIGNATURE) or not _NAME.fullmatch(name):
        raise NoteBroken(f"{text[:120]!r} is no vkey of an Ed25519 key")
    found = Vkey(name, key[1:], key[0])
    if found.id.hex() != key_id:
        raise NoteBroken(f"{text[:120]!r}: the id is not the key's")
    return found


def vkey_of(name: str, signer: Signer, kind: int = TYPE_ED25519) -> Vkey:
    """The vkey under which that signer signs as `name`. Raises `SealKeyUnusable` when its key is not Ed25519."""
    if signer.alg != "Ed25519":
        raise SealKeyUnusable(f"key {signer.kid}: {signer.alg}; notes are signed with Ed25519")
    if not _NAME.fullmatch(name):
        raise SealKeyUnusable(f"{name!r} cannot be the name of a key: no blank, no +")
    return Vkey(name, from_base64url(signer.public_jwk()["x"]), kind)


def sign_note(text: str, name: str, signer: Signer) -> str:
    """The note with one signature. The same text and key give the same bytes (RFC 8032). Raises `SealAway`."""
    vkey = vkey_of(name, signer)
    return f"{text}\n{_line(name, vkey.id + signer.sign(text.encode()))}"


def cosign_note(text: str, name: str, signer: Signer, at_s: int) -> str:
    """A cosignature line over a checkpoint's text, made at `at_s` seconds since 1970 (C2SP tlog-cosignature)."""
    vkey = vkey_of(name, signer, TYPE_COSIGNATURE)
    return _line(name, vkey.id + at_s.to_bytes(_TIME_BYTES, "big") + signer.sign(_cosigned(text, at_s)))


def read_note(content: str | bytes) -> Note:
    """Take a note apart. Raises `NoteBroken`."""
    try:
        text = content.decode() if isinstance(content, bytes) else content
        size_bytes = len(text.encode())
    except UnicodeError as error:
        raise NoteBroken("not UTF-8") from error
    if size_bytes > NOTE_BYTES_MAX:
        raise NoteBroken(f"more than {NOTE_BYTES_MAX} bytes")
    if any(character < " " and character != "\n" for character in text):
        raise NoteBroken("control characters")
    head, blank, tail = text.rpartition("\n\n")
    lines = tail.split("\n")
    if not blank or not head or lines.pop() or not 0 < len(lines) <= SIGNATURES_MAX:
        raise NoteBroken("not a text, an empty line and signatures")
    return Note(head + "\n", tuple(read_signature(line) for line in lines))


def read_signature(line: str) -> Signature:
    """Read one signature line, without its newline. Raises `NoteBroken`."""
    found = _LINE.fullmatch(line)
    value = _from_base64(found[2]) if found else b""
    if found is None or len(value) <= _ID_BYTES:
        raise NoteBroken(f"not a signature line: {line[:80]!r}")
    return Signature(found[1], value[:_ID_BYTES], value[_ID_BYTES:], line + "\n")


def check_note(note: Note, vkey: Vkey) -> None:
    """Return when the key signed the note. Lines of other keys are passed over. Raises `NoteBroken`."""
    mine = [one for one in note.signatures if (one.name, one.id) == (vkey.name, vkey.id)]
    if not mine:
        raise NoteBroken(f"not signed by {vkey.name}")
    for one in mine:
        _check(vkey, one.value, note.body)


def check_cosignature(text: str, signature: Signature, vkey: Vkey) -> int:
    """When the witness cosigned that checkpoint, in seconds since 1970 by its own clock. Raises `NoteBroken`."""
    if vkey.type != TYPE_COSIGNATURE or (signature.name, signature.id) != (vkey.name, vkey.id):
        raise NoteBroken(f"not a cosignature of {vkey.name}")
    at_s = int.from_bytes(signature.value[:_TIME_BYTES], "big")
    if at_s > _TIME_MAX:
        raise NoteBroken("a time beyond all times")
    _check(vkey, signature.value[_TIME_BYTES:], _cosigned(text, at_s))
    return at_s


def read_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text; lines after the third are passed over. Raises `NoteBroken`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not lines[0] or not _SIZE.fullmatch(lines[1]) or not all(lines[:-1]):  # noqa: PLR2004
        raise NoteBroken("not a checkpoint: name, size and root, each on a line")
    root = _from_base64(lines[2])
    if len(root) != hashlib.sha256().digest_size:
        raise NoteBroken("the root is not a SHA-256")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(content: str | bytes, vkey: Vkey) -> Checkpoint:
    """The tree head that the log behind that key signed under its own name. Raises `NoteBroken`."""
    note = read_note(content)
    check_note(note, vkey)
    found = read_checkpoint(note.text)
    if found.origin != vkey.name:
        raise NoteBroken(f"a checkpoint of {found.origin[:120]!r}, not of {vkey.name!r}")
    return found


def _cosigned(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def _check(vkey: Vkey, value: bytes, signed: bytes) -> None:
    try:
        if len(value) != _SIGNATURE_BYTES:
            raise NoteBroken(f"a signature of {vkey.name} has a wrong length")
        Ed25519PublicKey.from_public_bytes(vkey.public).verify(value, signed)
    except (InvalidSignature, ValueError) as error:
        raise NoteBroken(f"a signature of {vkey.name} does not hold") from error


def _line(name: str, value: bytes) -> str:
    return f"— {name} {base64.b64encode(value).decode()}\n"


def _from_base64(text: str) -> bytes:
    """Strictly (RFC 4648 §4): what has two spellings is refused. b"" when it is none."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return value if base64.b64encode(value).decode() == text else b""
