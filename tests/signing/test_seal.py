"""The seal holds for exactly the bytes that were sealed, by exactly the key that one has pinned."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signing.seal import (
    FileSealKey,
    SealBroken,
    SealKeyUnusable,
    Signer,
    create_seal_key,
    load_seal_key,
    open_jws,
    seal_jws,
    thumbprint,
)

TYP = "motcua-receipt+jws"


@pytest.fixture(params=["ES256", "Ed25519"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> FileSealKey:
    return create_seal_key(tmp_path / "seal.pem", request.param)


def b64u(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def resealed(key: Signer, header: bytes, payload: bytes = b"{}") -> str:
    """What the key's holder could make with any header."""
    signed = f"{b64u(header)}.{b64u(payload)}"
    return f"{signed}.{b64u(key.sign(signed.encode()))}"


@pytest.mark.parametrize("payload", [b"", b"{}", '{"a":"Mẫu"}'.encode(), bytes(range(256)) * 40])
def test_what_was_sealed_opens_to_the_same_bytes(payload: bytes, key: FileSealKey) -> None:
    jws = seal_jws(key, payload, TYP)
    assert open_jws(jws, key.public_jwk()) == payload
    assert open_jws(jws, key.public_jwk(), typ=TYP) == payload
    header = base64.urlsafe_b64decode(jws.partition(".")[0] + "==")
    assert header == f'{{"alg":"{key.alg}","kid":"{key.kid}","typ":"{TYP}"}}'.encode()


def test_the_public_key_tells_its_name_and_nothing_secret(key: FileSealKey) -> None:
    jwk = key.public_jwk()
    assert jwk["kid"] == key.kid == thumbprint(jwk)
    assert "d" not in jwk
    jwk["kid"] = "changed"
    assert key.public_jwk()["kid"] == key.kid


def test_the_thumbprint_is_the_one_of_rfc_8037() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_signature_of_rfc_8037_holds_and_needs_our_header() -> None:
    """Appendix A.4's key; its own JWS has no kid and says EdDSA, which RFC 9864 retires, so only the key is taken."""
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    key = FileSealKey(ed25519.Ed25519PrivateKey.from_private_bytes(seed))
    assert key.public_jwk()["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert seal_jws(key, b"x", TYP) == seal_jws(key, b"x", TYP)


def test_another_key_is_refused(key: FileSealKey, tmp_path: Path) -> None:
    other = create_seal_key(tmp_path / "other.pem", key.alg)
    with pytest.raises(SealBroken, match="another key"):
        open_jws(seal_jws(other, b"{}", TYP), key.public_jwk())
    named = json.dumps({"alg": key.alg, "kid": key.kid, "typ": TYP}, separators=(",", ":")).encode()
    with pytest.raises(SealBroken, match="does not hold"):
        open_jws(resealed(other, named), key.public_jwk())


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "EdDSA"},
        {"alg": "es256"},
        {"crit": ["b64"]},
        {"b64": False},
        {"jwk": {}},
        {"x5u": "https://127.0.0.1/"},
        {"extra": "1"},
        {"alg": None},
        {"kid": None},
        {"typ": None},
        {"typ": 1},
    ],
)
def test_a_header_that_we_do_not_write_is_refused(change: dict[str, object], key: FileSealKey) -> None:
    members = {"alg": key.alg, "kid": key.kid, "typ": TYP} | change
    header = json.dumps({name: value for name, value in members.items() if value is not None}, separators=(",", ":"))
    with pytest.raises(SealBroken):
        open_jws(resealed(key, header.encode()), key.public_jwk())


def test_a_header_spelt_otherwise_is_refused(key: FileSealKey) -> None:
    good = f'{{"alg":"{key.alg}","kid":"{key.kid}","typ":"{TYP}"}}'
    assert open_jws(resealed(key, good.encode()), key.public_jwk()) == b"{}"
    for header in (
        good + " ",
        good.replace('{"alg"', '{"alg":"none","alg"'),
        "[]",
        '"x"',
        "",
        "{",
        good[:-1] + ',"typ":"y"}',
    ):
        with pytest.raises(SealBroken):
            open_jws(resealed(key, header.encode()), key.public_jwk())


def test_the_typ_asked_for_is_the_one_there(key: FileSealKey) -> None:
    """A seal on a checkpoint must not be taken for a seal on a receipt."""
    with pytest.raises(SealBroken, match="typ"):
        open_jws(seal_jws(key, b"{}", "other+jws"), key.public_jwk(), typ=TYP)


def test_one_content_has_one_spelling(key: FileSealKey) -> None:
    jws = seal_jws(key, b"payload", TYP)
    head, payload, signature = jws.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    neighbour = alphabet[alphabet.index(signature[-1]) ^ 1]
    for other in (
        f"{head}.{payload}.{signature[:-1]}{neighbour}",
        f"{head}.{payload}.{signature}=",
        f"{head}.{payload}=.{signature}",
        f"{head}.{payload}.{signature}\n",
        f" {jws}",
        f"{jws}.",
        f"{head}..{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-4]}",
        f"{head}.{payload}",
        "",
        "é.é.é",
        "A" * 300_000,
    ):
        with pytest.raises(SealBroken):
            open_jws(other, key.public_jwk())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), letter=st.characters(codec="utf-8", exclude_categories=("Cs",)))
def test_one_letter_changed_anywhere_breaks_the_seal(place: float, letter: str, key: FileSealKey) -> None:
    jws = seal_jws(key, b'{"receipt":1}', TYP)
    at = int(place * len(jws))
    changed = jws[:at] + letter + jws[at + 1 :]
    if changed != jws:
        with pytest.raises(SealBroken):
            open_jws(changed, key.public_jwk())


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "n": "AAAA", "e": "AQAB"},
        {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA"},
        {"kty": "OKP", "crv": "X25519", "x": "AAAA"},
    ],
)
def test_a_key_that_is_not_of_the_two_kinds_opens_nothing(jwk: dict[str, str], key: FileSealKey) -> None:
    with pytest.raises(SealBroken):
        open_jws(seal_jws(key, b"{}", TYP), jwk)


def test_a_pinned_key_with_anothers_algorithm_opens_nothing(key: FileSealKey) -> None:
    jwk = key.public_jwk() | {"alg": "HS256"}
    with pytest.raises(SealBroken):
        open_jws(seal_jws(key, b"{}", TYP), jwk)


def test_a_point_off_the_curve_is_no_key(tmp_path: Path) -> None:
    key = create_seal_key(tmp_path / "seal.pem")
    off = key.public_jwk() | {"y": b64u(bytes(31) + b"\1")}
    header = json.dumps({"alg": "ES256", "kid": thumbprint(off), "typ": TYP}, separators=(",", ":"))
    with pytest.raises(SealBroken):
        open_jws(resealed(key, header.encode()), off)


def test_a_key_file_is_its_owners_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "seal.pem"
    made = create_seal_key(path, "Ed25519")
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_seal_key(path).kid == made.kid
    with pytest.raises(SealKeyUnusable, match="exists"):
        create_seal_key(path)
    assert load_seal_key(path).kid == made.kid
    path.chmod(0o640)
    assert load_seal_key(path).kid == made.kid
    for mode in (0o644, 0o660, 0o602):
        path.chmod(mode)
        with pytest.raises(SealKeyUnusable, match="chmod 600"):
            load_seal_key(path)


def test_other_files_are_no_seal_keys(tmp_path: Path) -> None:
    with pytest.raises(SealKeyUnusable):
        load_seal_key(tmp_path / "missing")
    with pytest.raises(SealKeyUnusable, match="unknown"):
        create_seal_key(tmp_path / "x", "RS256")
    assert not (tmp_path / "x").exists()
    path = tmp_path / "key.pem"
    for odd in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        path.write_bytes(odd.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        with pytest.raises(SealKeyUnusable, match="neither"):
            load_seal_key(path)
    path.write_bytes(b"not a key")
    with pytest.raises(SealKeyUnusable, match="PEM"):
        load_seal_key(path)
