"""The verifiable keyed hash: the same for an item always, checked by anybody, made by its owner alone."""

import hashlib
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from signing.unique import (
    ProofBroken,
    UniqueKey,
    UniqueKeyUnusable,
    check,
    create_unique_key,
    load_unique_key,
    value_of,
)


@cache
def key(number: int = 0) -> UniqueKey:
    return UniqueKey(rsa.generate_private_key(65537, 2048))


@given(item=st.binary(max_size=64))
def test_an_item_has_one_value_and_its_proof_shows_it(item: bytes):
    proof = key().prove(item)
    assert key().prove(item) == proof
    assert check(key().public_jwk(), item, proof) == key().value(item) == hashlib.sha256(proof).digest()


def test_another_item_another_key_and_another_proof_are_refused():
    item, proof = b"digest:unit:ab", key().prove(b"digest:unit:ab")
    modulus = int.from_bytes(proof, "big")
    forged = {
        "another item": (key().public_jwk(), b"digest:unit:ac", proof),
        "another key": (key(1).public_jwk(), item, proof),
        "a bit": (key().public_jwk(), item, bytes([proof[0] ^ 1]) + proof[1:]),
        "shorter": (key().public_jwk(), item, proof[1:]),
        "longer": (key().public_jwk(), item, b"\0" + proof),
        "none": (key().public_jwk(), item, b""),
        "not below the modulus": (key().public_jwk(), item, (modulus + 1).to_bytes(257, "big")),
    }
    for name, (jwk, asked, shown) in forged.items():
        with pytest.raises(ProofBroken):
            pytest.fail(f"{name}: {check(jwk, asked, shown).hex()}")
    assert value_of(proof) != value_of(proof[1:])


@pytest.mark.parametrize(
    "wrong",
    [{"kty": "EC"}, {"e": "Aw"}, {"n": "AQAB"}, {"n": "%%"}, {"n": "AQAB" * 200}, {"e": ""}],
    ids=str,
)
def test_a_key_that_proves_nothing_is_refused(wrong: dict[str, str]):
    with pytest.raises(ProofBroken):
        check(key().public_jwk() | wrong, b"x", key().prove(b"x"))
    with pytest.raises(ProofBroken):
        check({}, b"x", b"")


def test_a_key_file_is_made_once_and_read_again(tmp_path: Path):
    path = tmp_path / "absence.pem"
    made = create_unique_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_unique_key(path).value(b"x") == made.value(b"x")
    assert made.public_jwk().keys() == {"kty", "n", "e", "alg", "kid"}
    with pytest.raises(UniqueKeyUnusable, match="File exists"):
        create_unique_key(path)


def test_a_key_file_that_is_missing_open_to_others_or_of_another_kind_is_refused(tmp_path: Path):
    path = tmp_path / "absence.pem"
    with pytest.raises(FileNotFoundError):
        load_unique_key(path)
    small = rsa.generate_private_key(65537, 1024)
    for content in (b"nothing", small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(UniqueKeyUnusable):
            load_unique_key(path)
    path.chmod(0o644)
    with pytest.raises(UniqueKeyUnusable, match="chmod 600"):
        load_unique_key(path)
