"""The cipher: each dossier under its own key, and each key wrapped by a master key.

AES-256-GCM throughout (NIST SP 800-38D). To erase a dossier is to forget its wrapped key: the pack that holds its
locked bytes need not be touched, nor any copy of the pack in a backup. A content too large for memory is locked in
pieces under one key, bound together as in STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015).
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from storage.secret import read_secret
from storage.vault import ContentCorrupt

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
# The first byte of a wrapped key: which algorithms, nonces and additional data wrapped it and locked its body: as a
# whole, or in pieces.
_VERSION = b"\x01"
_IN_PIECES = b"\x02"
# What stands before a locked piece, in clear: its number, and 1 if it is the last. Both are under its tag.
_PIECE_HEAD = struct.Struct(">IB")
PIECES_MAX = 2**32
_WRAPPED_BYTES = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES + KEY_BYTES + _TAG_BYTES
# Every key locks one message and is never used again, so one nonce is as good as another (SP 800-38D §8 asks that key
# and nonce never come together twice). A random one would cost 12 bytes and prove nothing more.
_ONLY_NONCE = bytes(_NONCE_BYTES)


class MasterKeyUnusable(Exception):
    """The file does not hold a master key. Trying again does not help."""


class MasterKeyUnknown(Exception):
    """The key was wrapped by a master key we were not given. Trying again helps once it is among the retired ones."""


class Locked(Struct, frozen=True):
    """A locked content, and the key to it as the journal keeps it. Without the second the first is noise."""

    body: bytes
    wrapped_key: bytes


class KeyWrapper(Protocol):
    """Wraps the keys of dossiers, each bound to the digest of its dossier."""

    def wrap(self, key: bytes, sha256: bytes, version: bytes = _VERSION) -> bytes:
        """Wrap `key` for the dossier named `sha256`. The result begins with `version`, which says how the key is used,
        and tells which master key wrapped it.
        """
        ...

    def unwrap(self, wrapped_key: bytes, sha256: bytes) -> bytes:
        """Return the key. Raises `MasterKeyUnknown`; `ContentCorrupt` when it was changed or is another dossier's."""
        ...


class FileKeyWrapper:
    """Master keys from files: the first wraps, all unwrap, so a master key can be retired and its wraps still open.

    Nonces are random; SP 800-38D §8.3 allows 2^32 of them under one master key.
    """

    def __init__(self, current: bytes, *retired: bytes) -> None:
        self._known = {_key_id(key): AESGCM(key) for key in (current, *retired)}
        self._current_id = _key_id(current)
        self._current = self._known[self._current_id]

    def wrap(self, key: bytes, sha256: bytes, version: bytes = _VERSION) -> bytes:
        """See `KeyWrapper.wrap`."""
        label = version + self._current_id
        nonce = os.urandom(_NONCE_BYTES)
        return label + nonce + self._current.encrypt(nonce, key, label + sha256)

    def unwrap(self, wrapped_key: bytes, sha256: bytes) -> bytes:
        """See `KeyWrapper.unwrap`."""
        if len(wrapped_key) != _WRAPPED_BYTES or not wrapped_key.startswith((_VERSION, _IN_PIECES)):
            raise ContentCorrupt("not a wrapped key of a version that we know")
        label = wrapped_key[: len(_VERSION) + _KEY_ID_BYTES]
        nonce = wrapped_key[len(label) : len(label) + _NONCE_BYTES]
        master = self._known.get(label[len(_VERSION) :])
        if master is None:
            raise MasterKeyUnknown(f"wrapped by master key {label[len(_VERSION) :].hex()}, which we do not have")
        try:
            return master.decrypt(nonce, wrapped_key[len(label) + _NONCE_BYTES :], label + sha256)
        except InvalidTag:
            raise ContentCorrupt("the wrapped key was changed, or belongs to another dossier") from None


class PieceKey:
    """The key of one content that is kept in pieces, numbered from 0; safe for use by many threads.

    The nonce is a piece's number, and its tag covers the content's name, the number, and whether it is the last: no
    piece can be cut off, put in another's place, repeated, added, or taken from another content.
    """

    def __init__(self, key: bytes, sha256: bytes, wrapped_key: bytes) -> None:
        self._cipher, self._name = AESGCM(key), _IN_PIECES + sha256
        self.wrapped_key = wrapped_key

    def lock(self, number: int, content: bytes, *, last: bool) -> bytes:
        """Lock a piece. Each number is to be locked once under a key (SP 800-38D §8)."""
        head = _PIECE_HEAD.pack(number, last)
        return head + self._cipher.encrypt(_piece_nonce(number), content, self._name + head)

    def open(self, number: int, body: bytes, *, last: bool) -> bytes:
        """Return the content of the piece that must be this one. Raises `ContentCorrupt` for any other."""
        head = _PIECE_HEAD.pack(number, last)
        if not body.startswith(head):
            raise ContentCorrupt(f"not piece {number} of the content")
        try:
            return self._cipher.decrypt(_piece_nonce(number), memoryview(body)[len(head) :], self._name + head)
        except InvalidTag:
            raise ContentCorrupt(f"piece {number} was changed, or belongs to another dossier") from None


class Cipher:
    """Locks and opens contents. Safe for use by many threads."""

    def __init__(self, wrapper: KeyWrapper) -> None:
        self._wrapper = wrapper

    @classmethod
    def load(cls, master_key: Path, *retired: Path) -> Cipher:
        """Read the master key, and retired ones that still open what they wrapped.

        Raises `MasterKeyUnusable`, `SecretExposed`, `OSError`. A key is never made here: a gateway that made itself a
        new key because a disk was not mounted could no longer open anything.
        """
        return cls(FileKeyWrapper(_load(master_key), *map(_load, retired)))

    def lock(self, content: bytes, sha256: bytes) -> Locked:
        """Lock `content` under a key of its own. `sha256` is its digest, which the caller has worked out already."""
        key = os.urandom(KEY_BYTES)
        body = AESGCM(key).encrypt(_ONLY_NONCE, content, _VERSION + sha256)
        return Locked(body, self._wrapper.wrap(key, sha256))

    def open(self, body: bytes, wrapped_key: bytes, sha256: bytes) -> bytes:
        """Return the content, which is what `sha256` names or is not returned.

        Raises `ContentCorrupt` when body, key or name do not belong together, or one was changed; `MasterKeyUnknown`.
        """
        key = self._wrapper.unwrap(wrapped_key, sha256)
        try:
            content = AESGCM(key).decrypt(_ONLY_NONCE, body, _VERSION + sha256)
        except InvalidTag:
            raise ContentCorrupt("the locked bytes were changed, or belong to another dossier") from None
        # The tag says that we locked these bytes under this name; only the digest says that the name was true.
        if hashlib.sha256(content).digest() != sha256:
            raise ContentCorrupt("the content is not the one its name says")
        return content

    def lock_pieces(self, sha256: bytes) -> PieceKey:
        """A fresh key for a content that is locked in pieces. That `sha256` is its digest the caller sees to."""
        key = os.urandom(KEY_BYTES)
        return PieceKey(key, sha256, self._wrapper.wrap(key, sha256, _IN_PIECES))

    def open_pieces(self, wrapped_key: bytes, sha256: bytes) -> PieceKey:
        """The key of a content that was locked in pieces. Raises `ContentCorrupt`, `MasterKeyUnknown`."""
        if not is_in_pieces(wrapped_key):
            raise ContentCorrupt("the content was not locked in pieces")
        return PieceKey(self._wrapper.unwrap(wrapped_key, sha256), sha256, wrapped_key)


def is_in_pieces(wrapped_key: bytes) -> bool:
    """Whether the content behind this key is kept in pieces."""
    return wrapped_key.startswith(_IN_PIECES)


def _piece_nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")


def create_master_key(path: Path) -> None:
    """Make a new master key at `path`, for its owner only, durably. Raises `FileExistsError`: none is ever replaced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor, not of a path
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    # The file is durable only once the folder that holds its name is.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _load(path: Path) -> bytes:
    key = read_secret(path)
    if len(key) != KEY_BYTES:
        raise MasterKeyUnusable(f"{path} holds {len(key)} bytes; a master key is {KEY_BYTES}")
    return key


def _key_id(master_key: bytes) -> bytes:
    """A name for a master key that tells nothing about it."""
    return hashlib.sha256(b"motcua master key\x00" + master_key).digest()[:_KEY_ID_BYTES]


def master_key_of(wrapped_key: bytes) -> str:
    """The name of the master key that wrapped a key (16 hex digits); it tells nothing about either."""
    return wrapped_key[len(_VERSION) : len(_VERSION) + _KEY_ID_BYTES].hex()
