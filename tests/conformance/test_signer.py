"""The signer's contract, sentence by sentence, for keys in files and for keys in a token."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from signing.seal import SealAway, Signer, create_seal_key, load_seal_key, open_jws, seal_jws
from signing.signer import prove
from tests.softhsm import SoftHsm, Token, softhsm

__all__ = ["softhsm"]


class Place:
    """Where a key is, and how it goes away."""

    source: Path | str
    alg: str

    @contextmanager
    def away(self) -> Iterator[None]:
        raise NotImplementedError
        yield

    def other(self) -> Signer:
        raise NotImplementedError


class InFile(Place):
    def __init__(self, folder: Path, alg: str) -> None:
        self.source, self.alg, self.folder = folder / "seal.pem", alg, folder
        create_seal_key(self.source, alg)

    @contextmanager
    def away(self) -> Iterator[None]:
        elsewhere = self.folder / "elsewhere"
        Path(self.source).rename(elsewhere)
        yield
        elsewhere.rename(self.source)

    def other(self) -> Signer:
        return create_seal_key(self.folder / "other.pem", self.alg)


class InToken(Place):
    def __init__(self, token: Token, alg: str) -> None:
        self.token, self.alg = token, alg
        kind = {"ES256": "p256", "Ed25519": "ed25519"}[alg]
        token.make((kind, "seal", "01"), (kind, "other", "02"))
        self.source = token.uri("seal", "01")

    @contextmanager
    def away(self) -> Iterator[None]:
        with self.token.hsm.away():
            yield

    def other(self) -> Signer:
        return load_seal_key(self.token.uri("other"))


@pytest.fixture(params=["file-ES256", "file-Ed25519", "token-ES256", "token-Ed25519"])
def place(request: pytest.FixtureRequest, tmp_path: Path, softhsm: SoftHsm) -> Place:
    where, _, alg = request.param.partition("-")
    return InFile(tmp_path, alg) if where == "file" else InToken(softhsm.token(), alg)


@pytest.fixture
def signer(place: Place) -> Signer:
    return load_seal_key(place.source)


def octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(jwk: dict[str, str], payload: bytes, signature: bytes) -> None:
    """As a stranger would, with nothing of ours."""
    if jwk["kty"] == "OKP":
        ed25519.Ed25519PublicKey.from_public_bytes(octets(jwk["x"])).verify(signature, payload)
        return
    x, y = (int.from_bytes(octets(jwk[name]), "big") for name in "xy")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    public.verify(encode_dss_signature(r, s), payload, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("payload", [b"", b"x", "Mẫu".encode(), bytes(range(256)) * 400])
def test_sign_returns_the_raw_jose_signature(signer: Signer, payload: bytes) -> None:
    signature = signer.sign(payload)
    assert len(signature) == 64
    verify(signer.public_jwk(), payload, signature)


def test_es256_signatures_are_two_numbers_of_32_bytes_whatever_their_leading_zeros(signer: Signer) -> None:
    for number in range(400):
        signature = signer.sign(b"%d" % number)
        assert len(signature) == 64
        verify(signer.public_jwk(), b"%d" % number, signature)


def test_the_name_is_the_rfc_7638_thumbprint(signer: Signer) -> None:
    jwk = signer.public_jwk()
    required = {name: jwk[name] for name in sorted(jwk) if name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    assert octets(signer.kid) == digest


def test_the_algorithm_is_the_keys_own(signer: Signer, place: Place) -> None:
    assert signer.alg == place.alg == signer.public_jwk()["alg"]


def test_the_public_jwk_has_kid_alg_and_use_and_nothing_secret(signer: Signer) -> None:
    jwk = signer.public_jwk()
    assert (jwk["kid"], jwk["alg"], jwk["use"]) == (signer.kid, signer.alg, "sig")
    assert set(jwk) - {"y"} == {"kty", "crv", "x", "alg", "use", "kid"}
    jwk["kid"] = "changed"
    assert signer.public_jwk()["kid"] == signer.kid


def test_a_seal_opens_under_the_public_jwk_and_under_no_other(signer: Signer, place: Place) -> None:
    jws = seal_jws(signer, b'{"receipt":1}', "x+jws")
    assert open_jws(jws, signer.public_jwk(), typ="x+jws") == b'{"receipt":1}'
    with pytest.raises(Exception, match="another key"):
        open_jws(jws, place.other().public_jwk())


def test_it_may_be_called_from_several_threads(signer: Signer, place: Place) -> None:
    other = place.other()

    def work(number: int) -> None:
        one = signer if number % 2 else other
        verify(one.public_jwk(), b"%d" % number, one.sign(b"%d" % number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))


def test_when_the_key_is_away_it_says_so_and_asking_again_is_safe(signer: Signer, place: Place) -> None:
    with place.away():
        for _ in range(2):
            try:
                signature = signer.sign(b"x")
            except SealAway:
                continue
            # What needs nothing from outside is never away; what it signs holds.
            assert isinstance(place, InFile)
            verify(signer.public_jwk(), b"x", signature)
    verify(signer.public_jwk(), b"y", signer.sign(b"y"))


def test_the_same_source_opened_again_is_the_same_key(signer: Signer, place: Place) -> None:
    again = load_seal_key(place.source)
    assert again.public_jwk() == signer.public_jwk()
    prove(again)


def test_a_seal_is_set_in_a_time_that_a_round_can_bear(signer: Signer) -> None:
    began = time.perf_counter()
    for _ in range(50):
        signer.sign(b"x" * 900)
    assert (time.perf_counter() - began) / 50 < 0.02
