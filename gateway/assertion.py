"""What a client signs to prove who it is (private_key_jwt): a JWT (RFC 7523 §2.2) under the key that it registered.

Clients' software is not ours: it writes what header its library writes. So the header is read for what could make the
signature mean something else, and the key is the register's, never the header's (RFC 8725 §3.1, §3.10).
"""

from __future__ import annotations

import base64
import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from msgspec import UNSET, Struct, UnsetType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ASSERTION_CHARACTERS_MAX = 8 * 1024
# A header holds three short members; how deep a longer one may be nested differs between Pythons.
HEADER_CHARACTERS_MAX = 2 * 1024
ASSERTION_LIFE_S_MAX = 600
CLOCK_SKEW_S = 30
JTI_CHARACTERS_MAX = 200
RSA_BITS_MIN = 2048
# Longer keys make every look at a signature dear.
RSA_BITS_MAX = 8192
_OCTETS = 32
_SIGNATURE_OCTETS = 64
_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=_SHA256.digest_size)
_PKCS1 = padding.PKCS1v15()

# "EdDSA" over Ed25519 (RFC 8037 §3.1) and "Ed25519" (RFC 9864 §2.2) are one algorithm under two names.
_ED25519 = frozenset({"EdDSA", "Ed25519"})
_RSA = frozenset({"RS256", "PS256"})
ALGORITHMS = frozenset({"ES256"}) | _ED25519 | _RSA
# Any other type is a statement made for another purpose (RFC 8725 §3.11).
TYPES = frozenset({"jwt", "client-authentication+jwt"})

_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class AssertionUnfit(Exception):
    """Whoever signed it, it is no assertion for this gateway now. A fresh one may be; the message says what to mend."""


class KeyUnusable(Exception):
    """The JWK is no public P-256, Ed25519 or RSA (2048 bits and more) signature key. Another must be registered."""


class Claims(Struct, frozen=True):
    """What an assertion must say (RFC 7523 §3); `jti` is asked for, so that it serves once."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    jti: str
    nbf: float = 0.0


class Assertion(Struct, frozen=True, kw_only=True):
    """An assertion that was read and is fit, but whose signature nobody has looked at: `signed_by` does."""

    algorithm: str
    signing_input: bytes
    signature: bytes
    client: str
    jti: str
    ends: datetime


class _Header(Struct):
    """The members that change what a signature means (RFC 7515 §4.1); all others are hints, and we take none."""

    alg: str
    typ: str = "JWT"
    kid: str = ""
    crit: Any | UnsetType = UNSET


class ClientKey:
    """A public key as a client registers it."""

    def __init__(self, jwk: Mapping[str, Any]) -> None:
        """Take a public JWK (RFC 7517). Raises `KeyUnusable`."""
        if "d" in jwk:
            raise KeyUnusable("a private key")
        if jwk.get("use", "sig") != "sig":
            raise KeyUnusable("not a key for signatures")
        try:
            self._key, implied = _public_key(jwk)
        except (KeyError, TypeError, ValueError) as error:
            raise KeyUnusable(f"not a usable JWK: {error}") from error
        told = jwk.get("alg")
        if told is not None and (not isinstance(told, str) or told not in implied):
            raise KeyUnusable("the key's alg does not go with its kind")
        # A key that names its algorithm is used with no other (RFC 7517 §4.4); Ed25519 goes by either name.
        self.algorithms = frozenset({told}) if told in _RSA else implied

    def holds(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        """Whether this key signed exactly this, by an algorithm that is its own (RFC 7518 §3.3 to §3.5)."""
        if algorithm not in self.algorithms:
            return False
        try:
            if isinstance(self._key, rsa.RSAPublicKey):
                self._key.verify(signature, signing_input, _PSS if algorithm == "PS256" else _PKCS1, _SHA256)
            elif len(signature) != _SIGNATURE_OCTETS:
                return False
            elif isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, signing_input)
            else:
                r, s = (int.from_bytes(signature[at : at + _OCTETS], "big") for at in (0, _OCTETS))
                self._key.verify(encode_dss_signature(r, s), signing_input, _ECDSA)
        except InvalidSignature:
            return False
        return True


def read_assertion(text: str, *, audiences: Collection[str], now: datetime) -> Assertion:
    """Read an assertion and judge everything but its signature, which needs the client's key.

    `audiences` are the names of this gateway that an assertion may be made for, and nobody else's may stand beside
    them; they are compared character by character, so that one made for another server is of no use here (RFC 7523 §3
    item 3). Raises `AssertionUnfit`.
    """
    pieces = text.split(".") if len(text) <= ASSERTION_CHARACTERS_MAX else []
    if len(pieces) != 3 or len(pieces[0]) > HEADER_CHARACTERS_MAX:  # noqa: PLR2004
        raise AssertionUnfit("not a compact JWS")
    header, payload, signature = (_from_base64url(piece) for piece in pieces)
    try:
        # UTF-8 throughout (RFC 7515 §5.2 item 2), also where the decoder would only skip.
        told = msgspec.json.decode(header.decode("utf-8"), type=_Header)
        claims = msgspec.json.decode(payload.decode("utf-8"), type=Claims)
    except (ValueError, RecursionError):
        raise AssertionUnfit("header or claims are not the JSON objects of an assertion") from None
    _judge_header(told)
    _judge_claims(claims, audiences, now.timestamp())
    return Assertion(
        algorithm=told.alg,
        signing_input=f"{pieces[0]}.{pieces[1]}".encode("ascii"),
        signature=signature,
        client=claims.sub,
        jti=claims.jti,
        # Rounded up: a used `jti` is remembered at least as long as it could serve again.
        ends=datetime.fromtimestamp(math.ceil(claims.exp), UTC) + timedelta(seconds=CLOCK_SKEW_S),
    )


def signed_by(shown: Assertion, jwk: str) -> bool:
    """Whether the registered key (a public JWK in JSON) made the assertion's signature; an unusable key made none."""
    try:
        key = ClientKey(msgspec.json.decode(jwk, type=dict[str, Any]))
    except (KeyUnusable, ValueError):
        return False
    return key.holds(shown.algorithm, shown.signing_input, shown.signature)


def _judge_header(header: _Header) -> None:
    if header.crit is not UNSET:
        # RFC 7515 §4.1.11: we understand no extension, so that none may be critical.
        raise AssertionUnfit("crit is not understood here")
    if header.alg not in ALGORITHMS:
        raise AssertionUnfit(f"alg must be one of {', '.join(sorted(ALGORITHMS))}")
    if header.typ.lower().removeprefix("application/") not in TYPES:
        raise AssertionUnfit("typ must be JWT or client-authentication+jwt, if it is there")


def _judge_claims(claims: Claims, audiences: Collection[str], now_s: float) -> None:
    if claims.iss != claims.sub:
        raise AssertionUnfit("iss and sub must both be the client")
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    # One made for us and for another server too is one that the other server could show here.
    if not named or any(one not in audiences for one in named):
        raise AssertionUnfit(f"aud must be {' or '.join(audiences)}")
    if not now_s - CLOCK_SKEW_S < claims.exp <= now_s + ASSERTION_LIFE_S_MAX + CLOCK_SKEW_S:
        raise AssertionUnfit(f"exp must lie ahead, by at most {ASSERTION_LIFE_S_MAX} s")
    if claims.nbf > now_s + CLOCK_SKEW_S:
        raise AssertionUnfit("the assertion is not valid yet")
    if len(claims.jti) > JTI_CHARACTERS_MAX or not _PRINTABLE.fullmatch(claims.jti):
        raise AssertionUnfit(f"jti must hold 1 to {JTI_CHARACTERS_MAX} characters, none of them a control character")


def _public_key(jwk: Mapping[str, Any]) -> tuple[_PublicKey, frozenset[str]]:
    """The key and the algorithms that it implies. Raises KeyError, TypeError, ValueError."""
    match jwk.get("kty"), jwk.get("crv"):
        case "EC", "P-256":
            x, y = (int.from_bytes(_octets(jwk[name], _OCTETS), "big") for name in ("x", "y"))
            return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key(), frozenset({"ES256"})
        case "OKP", "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk["x"], _OCTETS)), _ED25519
        case "RSA", None:
            n, e = (int.from_bytes(_octets(jwk[name]), "big") for name in ("n", "e"))
            if not RSA_BITS_MIN <= n.bit_length() <= RSA_BITS_MAX:
                raise ValueError(f"an RSA key of {n.bit_length()} bits")
            return rsa.RSAPublicNumbers(e, n).public_key(), _RSA
        case _:
            raise ValueError("neither P-256 nor Ed25519 nor RSA")


def _octets(text: object, length: int | None = None) -> bytes:
    if not isinstance(text, str):
        raise TypeError("a member of the key is not a string")
    try:
        content = _from_base64url(text)
    except AssertionUnfit as error:
        raise ValueError(str(error)) from error
    if length is not None and len(content) != length:
        raise ValueError("a member of the key has a wrong length")
    return content


def _from_base64url(text: str) -> bytes:
    """Decode unpadded base64url strictly (RFC 7515 §2): no other letters, no padding, no loose bits at the end."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise AssertionUnfit("not base64url")
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii") != text:
        raise AssertionUnfit("not base64url in its one spelling")
    return content
