"""A key in a real token: found, checked, lost, found again; and no PIN where it does not belong."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from signing.seal import SealAway, SealKeyUnusable, load_seal_key, open_jws, seal_jws
from signing.seal_pkcs11 import Pkcs11SealKey
from tests.softhsm import PIN, SoftHsm, softhsm

__all__ = ["softhsm"]

REPOSITORY = Path(__file__).parents[2]


def holds(key: Pkcs11SealKey) -> bool:
    return open_jws(seal_jws(key, b"{}", "x+jws"), key.public_jwk()) == b"{}"


def refusal(uri: str) -> str:
    with pytest.raises(SealKeyUnusable) as refused:
        load_seal_key(uri)
    assert PIN not in str(refused.value)
    return str(refused.value)


def test_a_key_is_found_by_label_or_id_or_both(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "a", "01"), ("p256", "b", "02"))
    a, b = Pkcs11SealKey(token.uri("a")), Pkcs11SealKey(token.uri("", "02"))
    assert a.kid != b.kid
    assert Pkcs11SealKey(token.uri("a", "01")).kid == a.kid
    assert holds(a)
    assert holds(b)
    assert "no such private key" in refusal(token.uri("a", "02"))


def test_a_token_is_found_by_what_the_uri_names_of_it(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    named = token.uri("seal").replace("?", ";manufacturer=SoftHSM%20project;model=SoftHSM%20v2?", 1)
    assert holds(Pkcs11SealKey(named))
    with pytest.raises(SealAway, match="no such token"):
        load_seal_key(named.replace("v2", "v3"))
    with pytest.raises(SealAway, match="no such token"):
        load_seal_key(token.uri("seal").replace(token.label, "nobody"))


def test_two_keys_of_one_name_are_not_chosen_between(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"), ("p256", "seal", "02"))
    assert "several" in refusal(token.uri("seal"))
    assert holds(Pkcs11SealKey(token.uri("seal", "02")))


@pytest.mark.parametrize(
    ("kind", "why"),
    [("p384", "neither"), ("rsa", "neither"), ("p256-open", "CKA_SENSITIVE"), ("p256-mute", "CKA_SIGN")],
)
def test_a_key_that_cannot_or_must_not_seal_is_refused(softhsm: SoftHsm, kind: str, why: str) -> None:
    assert why in refusal(softhsm.token((kind, "seal", "01")).uri("seal"))


def certified(folder: Path, public: ec.EllipticCurvePublicKey) -> Path:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Seal")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7).public_key(public)
    made = made.not_valid_before(start).not_valid_after(start + timedelta(days=400))
    path = folder / "certificate.der"
    signed = made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    path.write_bytes(signed.public_bytes(serialization.Encoding.DER))
    return path


_POINT = """
import sys, pkcs11
from pkcs11 import Attribute, ObjectClass
session = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(user_pin=sys.argv[3], rw=True)
found = session.get_key(ObjectClass.PUBLIC_KEY)
print(found[Attribute.EC_POINT][2:].hex())
found.destroy()
"""


def test_the_public_half_may_stand_in_a_certificate(softhsm: SoftHsm, tmp_path: Path) -> None:
    token = softhsm.token(("p256", "seal", "05"))
    point = bytes.fromhex(softhsm.python(_POINT, token.label, PIN))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    assert "certificate" in refusal(token.uri("seal"))
    token.certify("05", certified(tmp_path, public))
    assert holds(Pkcs11SealKey(token.uri("seal")))


def test_a_public_half_of_another_key_is_noticed(softhsm: SoftHsm, tmp_path: Path) -> None:
    """The forged sample: a certificate that names this key's id and holds somebody else's key."""
    token = softhsm.token(("p256-bare", "seal", "05"))
    token.certify("05", certified(tmp_path, ec.generate_private_key(ec.SECP256R1()).public_key()))
    assert "does not verify" in refusal(token.uri("seal"))


def test_a_wrong_pin_is_given_once_so_that_the_token_is_not_locked(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    token.pin_file.write_text("0000-wrong\n")
    assert "refuses the PIN" in refusal(token.uri("seal"))
    for _ in range(5):
        told = refusal(token.uri("seal"))
        assert "not tried again" in told
        assert "0000-wrong" not in told
    token.pin_file.write_text(PIN)
    assert holds(Pkcs11SealKey(token.uri("seal")))


def test_the_pin_is_not_in_any_exception_nor_in_what_caused_it(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    token.pin_file.write_text("0000-wrong")
    with pytest.raises(SealKeyUnusable) as refused:
        load_seal_key(token.uri("seal"))
    error: BaseException | None = refused.value
    while error is not None:
        assert "0000-wrong" not in repr(error) + str(error.args)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"x" * 300, b"\xff\xfe", b"a\0b"])
def test_a_pin_file_without_one_pin_is_refused(softhsm: SoftHsm, content: bytes) -> None:
    token = softhsm.token()
    token.pin_file.write_bytes(content)
    assert "PIN file" in refusal(token.uri("seal"))


def test_a_pin_file_that_is_open_to_others_is_refused(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    for mode in (0o644, 0o604, 0o620):
        token.pin_file.chmod(mode)
        assert "chmod 600" in refusal(token.uri("seal"))
    token.pin_file.unlink()
    assert "No such file" in refusal(token.uri("seal"))


def test_without_a_pin_a_private_key_is_not_seen(softhsm: SoftHsm, tmp_path: Path) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    assert "pin-source" in refusal(token.uri("seal").partition("&")[0])


def test_a_library_that_is_none_is_refused(softhsm: SoftHsm, tmp_path: Path) -> None:
    (tmp_path / "library.so").write_bytes(b"no library")
    token = softhsm.token()
    assert "not a PKCS#11 library" in refusal(
        token.uri("a").replace(str(softhsm.library), str(tmp_path / "library.so"))
    )
    assert "not there" in refusal(token.uri("a").replace(str(softhsm.library), str(tmp_path / "none.so")))


def test_a_token_that_comes_back_with_another_key_seals_nothing(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    key = Pkcs11SealKey(token.uri("seal"))
    token.destroy("seal")
    with pytest.raises(SealAway):
        key.sign(b"x")
    token.make(("p256", "seal", "01"))
    for _ in range(2):
        with pytest.raises(SealAway, match="another key"):
            key.sign(b"x")
    assert holds(Pkcs11SealKey(token.uri("seal")))


def test_a_token_whose_pin_was_changed_is_away_until_the_file_says_the_new_one(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    key = Pkcs11SealKey(token.uri("seal"))
    softhsm.change_pin(token.label, PIN, "new-pin-99")
    with softhsm.away(), pytest.raises(SealAway):
        key.sign(b"x")
    for _ in range(4):
        with pytest.raises(SealAway, match="PIN"):
            key.sign(b"x")
    token.pin_file.write_text("new-pin-99\n")
    assert holds(key)


def test_a_fault_of_one_key_is_mended_once_for_all_keys_of_the_library(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "a", "01"), ("ed25519", "b", "02"))
    a, b = Pkcs11SealKey(token.uri("a")), Pkcs11SealKey(token.uri("b"))
    with softhsm.away():
        for key in (a, b):
            with pytest.raises(SealAway):
                key.sign(b"x")
    assert holds(a)
    generation = a._module.generation
    for _ in range(5):
        assert holds(a)
        assert holds(b)
    assert a._module.generation == generation


_FORKED = """
import os, sys
from signing.seal import load_seal_key, open_jws, seal_jws
key = load_seal_key(sys.argv[1])
def holds():
    return open_jws(seal_jws(key, b"{}", "x+jws"), key.public_jwk()) == b"{}"
assert holds()
children = []
for _ in range(3):
    child = os.fork()
    if not child:
        before = key._module.inherited
        os._exit(0 if before and all(holds() for _ in range(20)) and not key._module.inherited else 1)
    children.append(child)
assert all(holds() for _ in range(50))
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
assert holds()
print("all hold")
"""


def test_a_child_process_opens_the_token_for_itself(softhsm: SoftHsm) -> None:
    token = softhsm.token(("p256", "seal", "01"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FORKED, token.uri("seal")],
        env={**os.environ, "SOFTHSM2_CONF": str(softhsm.configuration)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "all hold\n"), done.stderr


def test_nothing_is_loaded_for_keys_in_files(tmp_path: Path) -> None:
    script = "import sys; import signing.keyring; assert 'pkcs11' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=False).returncode == 0


def test_a_token_is_another_token_when_it_has_another_name(softhsm: SoftHsm) -> None:
    first, second = softhsm.token(("p256", "seal", "01")), softhsm.token(("p256", "seal", "01"))
    assert Pkcs11SealKey(first.uri("seal")).kid != Pkcs11SealKey(second.uri("seal")).kid
