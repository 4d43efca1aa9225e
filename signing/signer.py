"""Whoever can seal, and the public half of the key by which everyone else checks what was sealed."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

COORDINATE_OCTETS: Final = 32
SIGNATURE_OCTETS: Final = 64
ECDSA_SHA256: Final = ec.ECDSA(hashes.SHA256())
# Without a dot it is no JWS signing input: a signature over it can never be taken for a seal on a statement.
PROBE: Final = b"motcua seal probe"

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class SealBroken(Exception):
    """The JWS was not sealed by that key, or is not a JWS of ours. Trying again changes nothing."""


class SealKeyUnusable(Exception):
    """The key cannot be used: missing, open to others, of another kind, or not the one it is said to be.

    An operator must mend it; the message says where, and never holds a PIN or anything of the private key.
    """


class SealAway(Exception):
    """The key cannot seal now: the token is away, or no key is in use at that instant.

    Nothing was sealed; trying again is safe.
    """


class Signer(Protocol):
    """Whoever can seal: a file key or the key of a hardware token.

    `sign` returns the raw JOSE signature (RFC 7518 §3.4: r and s, 32 bytes each; RFC 8032: 64 bytes) and may be called
    from several threads. It raises `SealAway` when the key is away; asking again is safe.
    """

    @property
    def kid(self) -> str:
        """The key's name: its RFC 7638 thumbprint."""

    @property
    def alg(self) -> str:
        """The JOSE algorithm: "ES256" (RFC 7518 §3.4) or "Ed25519" (RFC 9864 §2.2)."""

    def sign(self, payload: bytes) -> bytes:
        """Return the raw signature over the JWS signing input. Raises `SealAway`."""

    def public_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK (RFC 7517) with `kid`, `alg` and `use`."""


def prove(signer: Signer) -> None:
    """Sign a probe and check it with the public key. Raises `SealKeyUnusable` when they do not belong together."""
    try:
        check_signature(signer.public_jwk(), PROBE, signer.sign(PROBE))
    except SealBroken as error:
        raise SealKeyUnusable(f"seal key {signer.kid}: what it signs does not verify under its public key") from error


def jwk_of(public: PublicKey) -> dict[str, str]:
    """Return the JWK of a P-256 or Ed25519 public key, named by its thumbprint. Raises `SealKeyUnusable`."""
    if isinstance(public, ed25519.Ed25519PublicKey):
        x = base64url(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "Ed25519"}
    elif isinstance(public.curve, ec.SECP256R1):
        numbers = public.public_numbers()
        x, y = (base64url(one.to_bytes(COORDINATE_OCTETS, "big")).decode() for one in (numbers.x, numbers.y))
        jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256"}
    else:
        raise SealKeyUnusable("neither P-256 nor Ed25519")
    return {**jwk, "use": "sig", "kid": thumbprint(jwk)}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the RFC 7638 thumbprint of an EC or OKP key (RFC 8037 appendix A.3): SHA-256 over its required members."""
    names = ("crv", "kty", "x", "y") if jwk.get("kty") == "EC" else ("crv", "kty", "x")
    try:
        required = {name: jwk[name] for name in names}
    except KeyError as error:
        raise SealBroken(f"the key has no {error}") from error
    return base64url(hashlib.sha256(msgspec.json.encode(required)).digest()).decode()


def algorithm_of(jwk: Mapping[str, str]) -> str:
    """Return the one algorithm that goes with the key (RFC 8725 §3.1). Raises `SealBroken` for another kind."""
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


def check_signature(jwk: Mapping[str, str], signed: bytes, signature: bytes) -> None:
    """Return when the raw JOSE signature over `signed` holds under the key. Raises `SealBroken`."""
    algorithm = algorithm_of(jwk)
    if len(signature) != SIGNATURE_OCTETS:
        raise SealBroken("the signature has a wrong length")
    try:
        if algorithm == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(from_base64url(jwk["x"])).verify(signature, signed)
            return
        x, y = (int.from_bytes(from_base64url(jwk[name]), "big") for name in ("x", "y"))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        r, s = (int.from_bytes(signature[at : at + COORDINATE_OCTETS], "big") for at in (0, COORDINATE_OCTETS))
        public.verify(encode_dss_signature(r, s), signed, ECDSA_SHA256)
    except (InvalidSignature, ValueError) as error:
        raise SealBroken("the signature does not hold") from error


def base64url(content: bytes) -> bytes:
    """Encode without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def from_base64url(text: str) -> bytes:
    """Decode unpadded base64url strictly (RFC 7515 §2): one spelling for one content. Raises `SealBroken`."""
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error) as error:
        raise SealBroken("not base64url") from error
    if base64url(content).decode() != text:
        raise SealBroken("not base64url in its one spelling")
    return content
