"""The verifiable keyed hash: a value for an item, which anybody can check and only the key's owner can make.

It is the full-domain-hash construction of RFC 9381 (§4) with a signature that is there already: the proof is
RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2), which is deterministic, and the value is the SHA-256 of the proof. Who
holds the public key can tell that a value belongs to an item; nobody else can go through all possible items and look
which of them are in a list of values.

Uniqueness rests on the key having been made as it should: under a modulus that was made on purpose an item could have
several proofs. Whoever needs more than the owner's word must not rely on this alone.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from signing.signer import SealBroken, base64url, from_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ALGORITHM: Final = "RS256"
KEY_BITS: Final = 2048
KEY_BITS_MAX: Final = 4096
PUBLIC_EXPONENT: Final = 65537
VALUE_BYTES: Final = 32
_UNSAFE_MODE: Final = stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


class UniqueKeyUnusable(Exception):
    """The file holds no key of ours, or is open to others. Trying again does not help."""


class ProofBroken(Exception):
    """The proof does not show that a value belongs to the item under this key. Trying again changes nothing."""


class UniqueKey:
    """The private key. Safe for use by many threads; making a proof leaves the interpreter to others meanwhile."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        """Take an RSA private key of 2048 to 4096 bits with the exponent 65537."""
        self._key = key
        self._jwk = _jwk_of(key.public_key())

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        return self._jwk["kid"]

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JWK (RFC 7518 §6.3)."""
        return dict(self._jwk)

    def prove(self, item: bytes) -> bytes:
        """The proof of the item's value: the same for the same item, always. About a third of a millisecond."""
        return self._key.sign(item, padding.PKCS1v15(), hashes.SHA256())

    def value(self, item: bytes) -> bytes:
        """The item's value (32 bytes)."""
        return value_of(self.prove(item))


def value_of(proof: bytes) -> bytes:
    """The value (32 bytes) that a proof shows; whether the proof holds is asked with `check`."""
    return hashlib.sha256(proof).digest()


def check(jwk: Mapping[str, str], item: bytes, proof: bytes) -> bytes:
    """The item's value under the public key, if the proof holds. Raises `ProofBroken`."""
    try:
        _public_of(jwk).verify(proof, item, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise ProofBroken("the proof is not of this item under this key") from None
    return value_of(proof)


def create_unique_key(path: Path) -> UniqueKey:
    """Make a new key file, readable by its owner alone and durable before the key is returned.

    Raises UniqueKeyUnusable when the file is there already: what was hashed under a key must stay provable.
    """
    key = rsa.generate_private_key(PUBLIC_EXPONENT, KEY_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        # The name is durable only once the folder that holds it is.
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UniqueKeyUnusable(f"absence key {path}: {error.strerror}") from error
    return UniqueKey(key)


def load_unique_key(path: Path) -> UniqueKey:
    """Read a key file (PKCS#8 PEM). Raises UniqueKeyUnusable; `FileNotFoundError` when there is none."""
    try:
        mode, content = path.stat().st_mode, path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UniqueKeyUnusable(f"absence key {path}: {error.strerror}") from error
    if mode & _UNSAFE_MODE:
        raise UniqueKeyUnusable(f"absence key {path}: mode {mode & 0o777:o} lets others at it; chmod 600")
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError) as error:
        raise UniqueKeyUnusable(f"absence key {path}: not an unencrypted PEM private key") from error
    if not isinstance(key, rsa.RSAPrivateKey) or not _is_fit(key.public_key()):
        raise UniqueKeyUnusable(f"absence key {path}: not RSA of {KEY_BITS} to {KEY_BITS_MAX} bits, exponent 65537")
    return UniqueKey(key)


def _is_fit(key: rsa.RSAPublicKey) -> bool:
    return KEY_BITS <= key.key_size <= KEY_BITS_MAX and key.public_numbers().e == PUBLIC_EXPONENT


def _jwk_of(key: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    # RFC 7638 §3.2: these members, in this order.
    required = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
    thumbprint = base64url(hashlib.sha256(msgspec.json.encode(required)).digest()).decode()
    return {"kty": "RSA", "n": required["n"], "e": required["e"], "alg": ALGORITHM, "kid": thumbprint}


def _number(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()


def _public_of(jwk: Mapping[str, str]) -> rsa.RSAPublicKey:
    """The key of a JWK. Raises `ProofBroken` when it is none of ours: a short key proves nothing."""
    try:
        modulus, exponent = (int.from_bytes(from_base64url(jwk[name]), "big") for name in ("n", "e"))
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except (KeyError, ValueError, SealBroken) as error:
        raise ProofBroken("the key is no RSA key") from error
    if jwk.get("kty") != "RSA" or not _is_fit(key):
        raise ProofBroken("the key is not RSA of 2048 to 4096 bits with the exponent 65537")
    return key
