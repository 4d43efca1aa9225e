"""Our own seal: a compact JWS (RFC 7515) under ES256 or Ed25519, by a key that has a name."""

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

JWS_CHARACTERS_MAX: Final = 256 * 1024
_COORDINATE_OCTETS: Final = 32
_SIGNATURE_OCTETS: Final = 64
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_UNSAFE_MODE: Final = stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_HEADER_MEMBERS: Final = frozenset({"alg", "kid", "typ"})

_PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class SealBroken(Exception):
    """The JWS was not sealed by that key, or is not a JWS of ours. Trying again changes nothing."""


class SealKeyUnusable(Exception):
    """The key file is missing, open to others, or holds no P-256 or Ed25519 key. An operator must mend it."""


class Signer(Protocol):
    """Whoever can seal: a file key here, a hardware token elsewhere.

    `sign` returns the raw JOSE signature (RFC 7518 §3.4: r and s, 32 bytes each; RFC 8032: 64 bytes) and may be called
    from one thread at a time. It raises an exception of its own kind when the key is away; asking again is safe.
    """

    @property
    def kid(self) -> str:
        """The key's name: its RFC 7638 thumbprint."""

    @property
    def alg(self) -> str:
        """The JOSE algorithm: "ES256" (RFC 7518 §3.4) or "Ed25519" (RFC 9864 §2.2)."""

    def sign(self, payload: bytes) -> bytes:
        """Return the raw signature over the JWS signing input."""

    def public_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK (RFC 7517) with `kid`, `alg` and `use`."""


class FileSealKey:
    """A seal key that was read from a file."""

    def __init__(self, key: _PrivateKey) -> None:
        """Take a P-256 or Ed25519 private key."""
        self._key = key
        self._jwk = _jwk_of(key)
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
        r, s = decode_dss_signature(self._key.sign(payload, _ECDSA))
        return r.to_bytes(_COORDINATE_OCTETS, "big") + s.to_bytes(_COORDINATE_OCTETS, "big")

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


def load_seal_key(path: Path) -> FileSealKey:
    """Read a PKCS#8 PEM key file.

    Raises SealKeyUnusable when others than owner and group may read it, or more than the owner may write it.
    """
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
    signing_input = _header(signer.alg, signer.kid, typ) + b"." + _base64url(payload)
    return (signing_input + b"." + _base64url(signer.sign(signing_input))).decode()


@lru_cache(maxsize=16)
def _header(algorithm: str, kid: str, typ: str) -> bytes:
    return _base64url(msgspec.json.encode({"alg": algorithm, "kid": kid, "typ": typ}))


def open_jws(jws: str, jwk: Mapping[str, str], *, typ: str | None = None) -> bytes:
    """Return the payload of a compact JWS that was sealed by exactly the key `jwk`.

    The key is the reader's choice, never the header's. `alg` must be the key's own, `kid` its thumbprint, `typ` the one
    asked for if any; a header member that we do not write, `crit` among them, breaks the seal (RFC 7515 §4.1.11,
    RFC 8725 §3.1). Raises SealBroken.
    """
    pieces = jws.split(".") if len(jws) <= JWS_CHARACTERS_MAX else []
    if len(pieces) != 3:  # noqa: PLR2004
        raise SealBroken("not a compact JWS")
    header_bytes, payload, signature = (_from_base64url(piece) for piece in pieces)
    algorithm, kid = _algorithm_of(jwk), thumbprint(jwk)
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
    _check(jwk, algorithm, f"{pieces[0]}.{pieces[1]}".encode(), signature)
    return payload


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the RFC 7638 thumbprint of an EC or OKP key (RFC 8037 appendix A.3): SHA-256 over its required members."""
    names = ("crv", "kty", "x", "y") if jwk.get("kty") == "EC" else ("crv", "kty", "x")
    try:
        required = {name: jwk[name] for name in names}
    except KeyError as error:
        raise SealBroken(f"the key has no {error}") from error
    return _base64url(hashlib.sha256(msgspec.json.encode(required)).digest()).decode()


def _algorithm_of(jwk: Mapping[str, str]) -> str:
    match jwk.get("kty"), jwk.get("crv"):
        case "EC", "P-256":
            algorithm = "ES256"
        case "OKP", "Ed25519":
            algorithm = "Ed25519"
        case _:
            raise SealBroken("the key is neither P-256 nor Ed25519")
    if jwk.get("alg", algorithm) != algorithm:
        raise SealBroken("the key's alg does not go with its curve")
    return algorithm


def _check(jwk: Mapping[str, str], algorithm: str, signing_input: bytes, signature: bytes) -> None:
    if len(signature) != _SIGNATURE_OCTETS:
        raise SealBroken("the signature has a wrong length")
    try:
        if algorithm == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(_from_base64url(jwk["x"])).verify(signature, signing_input)
            return
        x, y = (int.from_bytes(_from_base64url(jwk[name]), "big") for name in ("x", "y"))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
        public.verify(encode_dss_signature(r, s), signing_input, _ECDSA)
    except (InvalidSignature, ValueError) as error:
        raise SealBroken("the signature does not hold") from error


def _jwk_of(key: _PrivateKey) -> dict[str, str]:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        x = _base64url(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "Ed25519"}
    else:
        numbers = key.public_key().public_numbers()
        x, y = (_base64url(one.to_bytes(_COORDINATE_OCTETS, "big")).decode() for one in (numbers.x, numbers.y))
        jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256"}
    return {**jwk, "use": "sig", "kid": thumbprint(jwk)}


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _from_base64url(text: str) -> bytes:
    """Decode unpadded base64url strictly (RFC 7515 §2): one spelling for one content."""
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error) as error:
        raise SealBroken("not base64url") from error
    if _base64url(content).decode() != text:
        raise SealBroken("not base64url in its one spelling")
    return content
