"""The cipher: each dossier under its own key, and each key wrapped by a master key.

AES-256-GCM throughout (NIST SP 800-38D). To erase a dossier is to forget its wrapped key: the pack that holds its
locked bytes need not be touched, nor any copy of the pack in a backup.
"""

from __future__ import annotations

import hashlib
import os
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
# The first byte of a wrapped key: which algorithms, nonces and additional data wrapped it and locked its body.
_VERSION = b"\x01"
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

    def wrap(self, key: bytes, sha256: bytes) -> bytes:
        """Wrap `key` for the dossier named `sha256`. The result tells which master key wrapped it."""
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

    def wrap(self, key: bytes, sha256: bytes) -> bytes:
        """See `KeyWrapper.wrap`."""
        label = _VERSION + self._current_id
        nonce = os.urandom(_NONCE_BYTES)
        return label + nonce + self._current.encrypt(nonce, key, label + sha256)

    def unwrap(self, wrapped_key: bytes, sha256: bytes) -> bytes:
        """See `KeyWrapper.unwrap`."""
        if len(wrapped_key) != _WRAPPED_BYTES or not wrapped_key.startswith(_VERSION):
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
