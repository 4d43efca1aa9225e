"""Assertions as clients' own libraries write them, and as forgers do."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from gateway.assertion import (
    ASSERTION_CHARACTERS_MAX,
    Assertion,
    AssertionUnfit,
    ClientKey,
    KeyUnusable,
    read_assertion,
    signed_by,
)
from tests.clocks import HandClock

NOW = HandClock().now()
AUDIENCES = ("https://cong.example.vn/oauth/token", "https://cong.example.vn")
SHA256 = hashes.SHA256()
Sign = Callable[[bytes], bytes]


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@lru_cache
def keys() -> dict[str, Any]:
    return {
        "EC": ec.generate_private_key(ec.SECP256R1()),
        "OKP": ed25519.Ed25519PrivateKey.generate(),
        "RSA": rsa.generate_private_key(65537, 2048),
        "small": rsa.generate_private_key(65537, 1024),
    }


def ecdsa(signing_input: bytes) -> bytes:
    r, s = decode_dss_signature(keys()["EC"].sign(signing_input, ec.ECDSA(SHA256)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def pss(signing_input: bytes) -> bytes:
    made: bytes = keys()["RSA"].sign(signing_input, padding.PSS(padding.MGF1(SHA256), 32), SHA256)
    return made


def pkcs1(signing_input: bytes, kind: str = "RSA") -> bytes:
    made: bytes = keys()[kind].sign(signing_input, padding.PKCS1v15(), SHA256)
    return made


def eddsa(signing_input: bytes) -> bytes:
    made: bytes = keys()["OKP"].sign(signing_input)
    return made


def jwk(kind: str, **more: object) -> dict[str, object]:
    public = keys()[kind].public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())} | more
    numbers = public.public_numbers()
    if isinstance(numbers, rsa.RSAPublicNumbers):
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)} | more
    x, y = (b64(one.to_bytes(32, "big")) for one in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y} | more


def claims(**changes: object) -> dict[str, object]:
    ends = (NOW + timedelta(seconds=60)).timestamp()
    return {"iss": "ivan-1", "sub": "ivan-1", "aud": AUDIENCES[0], "exp": ends, "jti": "1"} | changes


def made(sign: Sign, header: dict[str, object] | bytes, payload: bytes | None = None) -> str:
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = f"{b64(told)}.{b64(payload or json.dumps(claims()).encode())}"
    return f"{signing_input}.{b64(sign(signing_input.encode()))}"


def read(text: str) -> Assertion:
    return read_assertion(text, audiences=AUDIENCES, now=NOW)


def good(text: str, key: dict[str, object]) -> bool:
    return signed_by(read(text), json.dumps(key))


WAYS: dict[str, tuple[Sign, str]] = {
    "ES256": (ecdsa, "EC"),
    "EdDSA": (eddsa, "OKP"),
    "Ed25519": (eddsa, "OKP"),
    "RS256": (pkcs1, "RSA"),
    "PS256": (pss, "RSA"),
}
HEADERS: dict[str, dict[str, object]] = {
    "alg alone": {},
    "typ": {"typ": "JWT"},
    "typ in small letters": {"typ": "jwt"},
    "typ of client authentication": {"typ": "application/client-authentication+jwt"},
    "a kid of the client's own": {"kid": "2026-03", "typ": "JWT"},
    "hints that are not taken": {"x5t#S256": "AAAA", "jku": "https://elsewhere/keys", "jwk": {"kty": "oct", "k": "AA"}},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("algorithm", WAYS)
def test_what_an_ordinary_library_signs_is_believed(algorithm: str, header: dict[str, object]) -> None:
    sign, kind = WAYS[algorithm]
    text = made(sign, {"alg": algorithm} | header)
    assert good(text, jwk(kind))
    assert good(text, jwk(kind, alg=algorithm, use="sig", kid="another name"))
    shown = read(text)
    assert (shown.client, shown.jti) == ("ivan-1", "1")


@pytest.mark.parametrize("algorithm", WAYS)
@pytest.mark.parametrize("kind", ["EC", "OKP", "RSA"])
def test_an_algorithm_that_is_not_the_keys_is_refused(algorithm: str, kind: str) -> None:
    sign, own = WAYS[algorithm]
    text = made(sign, {"alg": algorithm})
    assert good(text, jwk(kind)) == (kind == own)


def test_a_key_that_names_its_algorithm_is_used_with_no_other() -> None:
    assert not good(made(pkcs1, {"alg": "RS256"}), jwk("RSA", alg="PS256"))
    assert not good(made(pss, {"alg": "PS256"}), jwk("RSA", alg="RS256"))
    assert good(made(eddsa, {"alg": "EdDSA"}), jwk("OKP", alg="Ed25519"))
    assert good(made(eddsa, {"alg": "Ed25519"}), jwk("OKP", alg="EdDSA"))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "Ed25519"])
def test_a_signature_by_another_way_than_the_header_says_is_refused(algorithm: str) -> None:
    other = {"RS256": pss, "PS256": pkcs1, "ES256": eddsa, "Ed25519": ecdsa}[algorithm]
    assert not good(made(other, {"alg": algorithm}), jwk(WAYS[algorithm][1]))


def by_the_public_key(signing_input: bytes) -> bytes:
    """The old forgery: a MAC under the public key, which everybody has."""
    return hmac.new(json.dumps(jwk("RSA")).encode(), signing_input, hashlib.sha256).digest()


FORGED_HEADERS: dict[str, dict[str, object] | bytes] = {
    "none": {"alg": "none"},
    "None": {"alg": "None"},
    "no alg": {"typ": "JWT"},
    "an empty alg": {"alg": ""},
    "an alg in small letters": {"alg": "es256"},
    "several algs": {"alg": ["ES256"]},
    "a longer curve": {"alg": "ES384"},
    "the other Edwards curve": {"alg": "Ed448"},
    "SHA-1": {"alg": "RS1"},
    "crit": {"alg": "ES256", "crit": ["exp"]},
    "an empty crit": {"alg": "ES256", "crit": []},
    "crit that is null": {"alg": "ES256", "crit": None},
    "unencoded payload": {"alg": "ES256", "b64": False, "crit": ["b64"]},
    "an access token": {"alg": "ES256", "typ": "at+jwt"},
    "a receipt": {"alg": "ES256", "typ": "motcua-receipt+jws"},
    "a kid that is no string": {"alg": "ES256", "kid": 7},
    "a list": b"[]",
    "no JSON": b"{",
    "not UTF-8": b'{"alg":"ES256","x":"\xff"}',
    "a depth": b'{"alg":"ES256","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
}


@pytest.mark.parametrize("header", FORGED_HEADERS.values(), ids=FORGED_HEADERS)
def test_a_header_that_would_change_the_meaning_is_refused(header: dict[str, object] | bytes) -> None:
    with pytest.raises(AssertionUnfit):
        read(made(ecdsa, header))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "none"])
def test_a_mac_under_the_public_key_is_refused(algorithm: str) -> None:
    with pytest.raises(AssertionUnfit):
        read(made(by_the_public_key, {"alg": algorithm}))


@pytest.mark.parametrize("algorithm", WAYS)
def test_one_changed_bit_breaks_the_signature(algorithm: str) -> None:
    sign, kind = WAYS[algorithm]
    head, _, signature = made(sign, {"alg": algorithm}).split(".")
    others = b64(json.dumps(claims(jti="2")).encode())
    assert not good(f"{head}.{others}.{signature}", jwk(kind))
    raw = base64.urlsafe_b64decode(signature + "==")
    for broken in (bytes(len(raw)), raw[:-1], raw + b"\0", bytes([raw[0] ^ 1]) + raw[1:]):
        assert not good(made(lambda _, broken=broken: broken, {"alg": algorithm}), jwk(kind)), broken


def test_an_ecdsa_signature_in_der_is_refused() -> None:
    assert not good(made(lambda text: keys()["EC"].sign(text, ec.ECDSA(SHA256)), {"alg": "ES256"}), jwk("EC"))


def test_base64url_has_one_spelling() -> None:
    text = made(ecdsa, {"alg": "ES256"})
    head, payload, signature = text.split(".")
    loose = signature[:-1] + chr(ord(signature[-1]) + 1)
    spellings = (
        f"{head}=.{payload}.{signature}", f"{head}.{payload}.{signature}=", f" {text}", f"{text}\n", f"{text}.",
        f"{head}.{payload}.{loose}", f"{head}.{payload}", f"{head}.{payload}.", f".{payload}.{signature}",
        f"{head}.{payload}.+{signature[1:]}", f"{head}.{payload}.é{signature}", "", "..",
    )  # fmt: skip
    for spelling in spellings:
        with pytest.raises(AssertionUnfit):
            read(spelling)
    assert good(text, jwk("EC"))


BAD_PAYLOADS: dict[str, bytes] = {
    "no JSON": b"{",
    "a list": b"[]",
    "a depth": b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "half a character": b'{"iss":"\\ud800","sub":"\\ud800"}',
    "endless": json.dumps(claims()).replace('"exp": ', '"exp": 1e400, "old": ').encode(),
    "no jti": json.dumps({name: value for name, value in claims().items() if name != "jti"}).encode(),
    "no audience": json.dumps({name: value for name, value in claims().items() if name != "aud"}).encode(),
    "an audience that is a number": json.dumps(claims(aud=7)).encode(),
    "huge": json.dumps(claims(x="x" * ASSERTION_CHARACTERS_MAX)).encode(),
}


@pytest.mark.parametrize("payload", BAD_PAYLOADS.values(), ids=BAD_PAYLOADS)
def test_claims_that_cannot_be_read_are_refused(payload: bytes) -> None:
    with pytest.raises(AssertionUnfit):
        read(made(ecdsa, {"alg": "ES256"}, payload))


def test_a_used_assertion_is_remembered_longer_than_it_could_serve() -> None:
    ends = NOW.timestamp() + 59.0000007
    text = made(ecdsa, {"alg": "ES256"}, json.dumps(claims(exp=ends)).encode())
    remembered = read(text).ends
    with pytest.raises(AssertionUnfit):
        read_assertion(text, audiences=AUDIENCES, now=remembered)


BAD_KEYS: dict[str, Callable[[], dict[str, object]]] = {
    "small RSA": lambda: jwk("small"),
    "even exponent": lambda: jwk("RSA", e=number(65536)),
    "a private key": lambda: jwk("EC", d="AAAA"),
    "for encryption": lambda: jwk("EC", use="enc"),
    "another curve": lambda: jwk("EC", crv="P-384"),
    "off the curve": lambda: jwk("EC", y=b64(bytes(32))),
    "a short coordinate": lambda: jwk("EC", x=b64(b"\1" * 31)),
    "padded": lambda: jwk("EC", x=f"{jwk('EC')['x']}="),
    "no coordinate": lambda: {"kty": "EC", "crv": "P-256", "x": jwk("EC")["x"]},
    "a number": lambda: jwk("EC", x=7),
    "a secret": lambda: {"kty": "oct", "k": b64(bytes(32))},
    "another's alg": lambda: jwk("EC", alg="RS256"),
    "alg of a MAC": lambda: jwk("RSA", alg="HS256"),
    "alg that is a list": lambda: jwk("RSA", alg=["RS256"]),
    "nothing": dict,
}


@pytest.mark.parametrize("bad", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_that_is_no_public_signature_key_is_refused(bad: Callable[[], dict[str, object]]) -> None:
    with pytest.raises(KeyUnusable):
        ClientKey(bad())


def test_an_unusable_key_in_the_register_made_no_signature() -> None:
    small = made(lambda text: pkcs1(text, "small"), {"alg": "RS256"})
    assert not good(small, jwk("small"))
    assert not signed_by(read(small), "not JSON")


@given(st.text(max_size=200) | st.binary(max_size=200).map(b64).map(lambda one: f"{one}.{one}.{one}"))
def test_whatever_is_shown_is_read_or_refused(text: str) -> None:
    with pytest.raises(AssertionUnfit):
        read(text)
