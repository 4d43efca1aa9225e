"""Our own seal: a compact JWS (RFC 7515) under ES256 or Ed25519, by a key that has a name."""

import os
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from signing.pkcs11_uri import is_pkcs11
from signing.signer import (
    COORDINATE_OCTETS,
    ECDSA_SHA256,
    SealAway,
    SealBroken,
    SealKeyUnusable,
    Signer,
    algorithm_of,
    base64url,
    check_signature,
    from_base64url,
    jwk_of,
    thumbprint,
)

__all__ = [
    "FileSealKey",
    "SealAway",
    "SealBroken",
    "SealKeyUnusable",
    "Signer",
    "create_seal_key",
    "kid_of",
    "load_seal_key",
    "open_jws",
    "seal_jws",
    "thumbprint",
]

JWS_CHARACTERS_MAX: Final = 256 * 1024
_UNSAFE_MODE: Final = stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_HEADER_MEMBERS: Final = frozenset({"alg", "kid", "typ"})

_PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class FileSealKey:
    """A seal key that was read from a file."""

    def __init__(self, key: _PrivateKey) -> None:
        """Take a P-256 or Ed25519 private key."""
        self._key = key
        self._jwk = jwk_of(key.public_key())
        self._alg = self._jwk["alg"]
        self._kid = self._jwk["kid"]

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        return self._kid

    @property
    def alg(self) -> str:
        """The JOSE algorithm of the key."""
        return self._alg

    def sign(self, payload: bytes) -> bytes:
        """Return the raw JOSE signature over `payload`."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(payload)
        r, s = decode_dss_signature(self._key.sign(payload, ECDSA_SHA256))
        return r.to_bytes(COORDINATE_OCTETS, "big") + s.to_bytes(COORDINATE_OCTETS, "big")

    def public_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK."""
        return dict(self._jwk)


def create_seal_key(path: Path, algorithm: str = "ES256") -> FileSealKey:
    """Make a new key file, readable by its owner alone, and return the key.

    Raises SealKeyUnusable when the file is there already: a seal key is never overwritten, for what it sealed must stay
    provable. The file is durable before the key is returned.
    """
    if algorithm == "ES256":
        key: _PrivateKey = ec.generate_private_key(ec.SECP256R1())
    elif algorithm == "Ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        raise SealKeyUnusable(f"unknown seal algorithm {algorithm}: ES256 or Ed25519")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        # The name is durable only once the folder that holds it is.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SealKeyUnusable(f"seal key {path}: {error.strerror}") from error
    return FileSealKey(key)


def load_seal_key(source: Path | str) -> Signer:
    """Open the key that `source` names: a PKCS#8 PEM file, or a key in a token (`pkcs11:…`, RFC 7512).

    Raises SealKeyUnusable when the file is open to others than owner and group, may be written by more than its owner,
    or holds no such key, and when the token's key cannot seal. Raises SealAway when the token is away.
    """
    if is_pkcs11(str(source)):
        # Only who has a token pays for loading the binding.
        from signing.seal_pkcs11 import Pkcs11SealKey  # noqa: PLC0415

        return Pkcs11SealKey(str(source))
    path = Path(source)
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise SealKeyUnusable(f"seal key {path}: {error.strerror}") from error
    if mode & _UNSAFE_MODE:
        raise SealKeyUnusable(f"seal key {path}: mode {mode & 0o777:o} lets others at it; chmod 600")
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError) as error:
        raise SealKeyUnusable(f"seal key {path}: not an unencrypted PEM private key") from error
    is_p256 = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    if not is_p256 and not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SealKeyUnusable(f"seal key {path}: neither P-256 nor Ed25519")
    return FileSealKey(cast("_PrivateKey", key))


def seal_jws(signer: Signer, payload: bytes, typ: str) -> str:
    """Return the compact JWS (RFC 7515 §7.1) of exactly these bytes; the header is {"alg", "kid", "typ"} in that order.

    An ES256 signature is fresh each time (its nonce is random): what must stay byte-identical is kept, not made again.
    """
    signing_input = _header(signer.alg, signer.kid, typ) + b"." + base64url(payload)
    return (signing_input + b"." + base64url(signer.sign(signing_input))).decode()


@lru_cache(maxsize=16)
def _header(algorithm: str, kid: str, typ: str) -> bytes:
    return base64url(msgspec.json.encode({"alg": algorithm, "kid": kid, "typ": typ}))


def open_jws(jws: str, jwk: Mapping[str, str], *, typ: str | None = None) -> bytes:
    """Return the payload of a compact JWS that was sealed by exactly the key `jwk`.

    The key is the reader's choice, never the header's. `alg` must be the key's own, `kid` its thumbprint, `typ` the one
    asked for if any; a header member that we do not write, `crit` among them, breaks the seal (RFC 7515 §4.1.11,
    RFC 8725 §3.1). Raises SealBroken.
    """
    pieces = jws.split(".") if len(jws) <= JWS_CHARACTERS_MAX else []
    if len(pieces) != 3:  # noqa: PLR2004
        raise SealBroken("not a compact JWS")
    header_bytes, payload, signature = (from_base64url(piece) for piece in pieces)
    algorithm, kid = algorithm_of(jwk), thumbprint(jwk)
    try:
        header = msgspec.json.decode(header_bytes, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SealBroken("the header is not a JSON object of strings") from error
    if set(header) != _HEADER_MEMBERS or msgspec.json.encode(header) != header_bytes:
        raise SealBroken("the header has other members than alg, kid and typ, or one of them twice")
    if header["alg"] != algorithm:
        raise SealBroken("the header's alg is not the key's")
    if header["kid"] != kid:
        raise SealBroken("sealed by another key")
    if typ is not None and header["typ"] != typ:
        raise SealBroken(f"typ is {header['typ'][:60]!r}, not {typ!r}")
    check_signature(jwk, f"{pieces[0]}.{pieces[1]}".encode(), signature)
    return payload


def kid_of(jws: str) -> str:
    """Return the name of the key that a compact JWS says it was sealed by; "" when it says none.

    Nothing is checked: it serves to choose among keys that are trusted already.
    """
    try:
        header = msgspec.json.decode(from_base64url(jws[:JWS_CHARACTERS_MAX].partition(".")[0]))
    except (SealBroken, msgspec.DecodeError, UnicodeError):
        return ""
    named = header.get("kid") if isinstance(header, dict) else None
    return named if isinstance(named, str) else ""
