"""Whose certificates are trusted, at which instant, and why others are not."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signing.demo_pki import DemoPki, Holder, employer_subject, make_key
from signing.indication import Indication, Refusal, SubIndication
from signing.trust import Chain, TrustStore, TrustUnusable
from tests.signing.workshop import (
    CA,
    NOW,
    authority_name,
    certificate,
    employer,
    forge,
    judge,
    usage,
)

LEAF = employer_subject("CÔNG TY MẪU", ["MST:0101234565"])
SIGNS = ((usage(sign=True), True),)
GENERAL = SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE


@pytest.fixture(scope="module")
def keys() -> list[rsa.RSAPrivateKey]:
    made = [make_key("rsa-2048") for _ in range(3)]
    return [key for key in made if isinstance(key, rsa.RSAPrivateKey)]


@pytest.fixture(scope="module")
def root(keys: list[rsa.RSAPrivateKey]) -> Holder:
    return certificate(authority_name("ROOT"), keys[0], None, extensions=CA, not_after=NOW + timedelta(days=4000))


def outcome(leaf: Holder, *authorities: Holder, root: Holder) -> tuple[SubIndication | None, str]:
    trust = TrustStore([root.certificate], [one.certificate for one in authorities])
    verdict = judge(forge(leaf), trust)
    assert verdict.signer is not None
    return verdict.sub_indication, verdict.reason_code


def test_a_chain_over_an_intermediate_holds(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    middle = certificate(authority_name("MIDDLE"), keys[1], root, extensions=CA)
    leaf = certificate(LEAF, keys[2], middle, extensions=SIGNS)
    assert outcome(leaf, middle, root=root) == (None, "passed")
    assert outcome(certificate(LEAF, keys[2], root), root=root) == (None, "passed")


@pytest.mark.parametrize(
    ("days", "indication", "sub_indication", "code"),
    [
        (-2, Indication.TOTAL_FAILED, SubIndication.NOT_YET_VALID, "not-yet-valid"),
        (8, Indication.INDETERMINATE, SubIndication.OUT_OF_BOUNDS_NO_POE, "expired"),
    ],
)
def test_a_certificate_outside_its_validity(
    days: int, indication: Indication, sub_indication: SubIndication, code: str, pki: DemoPki, trust: TrustStore
) -> None:
    issued = NOW + timedelta(days=30)
    one = pki.issue(employer(valid_days=7), issued)
    content = forge(one)
    assert judge(content, trust, now=issued).passed
    verdict = judge(content, trust, now=issued + timedelta(days=days))
    assert (verdict.indication, verdict.sub_indication, verdict.reason_code) == (indication, sub_indication, code)
    assert "/2026" in verdict.reason_vi
    # The ends belong to it, and what is remembered of a chain does not outlive it.
    last = issued + timedelta(days=7)
    assert one.certificate.not_valid_after_utc == last
    assert judge(content, trust, now=last).passed
    assert not judge(content, trust, now=last + timedelta(seconds=1)).passed
    assert judge(content, trust, now=issued).passed


def test_an_unknown_issuer(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    stranger = certificate(authority_name("STRANGER"), keys[1], None, extensions=CA)
    leaf = certificate(LEAF, keys[2], stranger, extensions=SIGNS)
    assert outcome(leaf, root=root) == (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no-chain")
    # A self-signed authority among the intermediates is no anchor.
    assert outcome(leaf, stranger, root=root) == (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no-chain")


def test_a_self_signed_employer(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    leaf = certificate(LEAF, keys[2], None, extensions=SIGNS)
    assert outcome(leaf, root=root) == (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no-chain")


def test_a_name_borrowed_from_the_root(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    leaf = certificate(LEAF, keys[2], root, extensions=SIGNS, signed_by=keys[1])
    assert outcome(leaf, root=root) == (GENERAL, "chain-signature")
    double = certificate(authority_name("ROOT"), keys[1], None, extensions=CA)
    own = certificate(LEAF, keys[2], double, extensions=SIGNS)
    assert outcome(own, double, root=root) == (GENERAL, "chain-signature")


@pytest.mark.parametrize(
    ("extensions", "code"),
    [
        ((), "issuer-not-authority"),
        (((x509.BasicConstraints(ca=False, path_length=None), True),), "issuer-not-authority"),
        (((usage(certify=True), True),), "issuer-not-authority"),
        (((x509.BasicConstraints(ca=True, path_length=None), True), (usage(sign=True), True)), "issuer-not-authority"),
        (
            (*CA, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)),
            "critical-extension",
        ),
    ],
)
def test_an_intermediate_that_may_not_issue(
    extensions: tuple[tuple[x509.ExtensionType, bool], ...], code: str, root: Holder, keys: list[rsa.RSAPrivateKey]
) -> None:
    middle = certificate(authority_name("MIDDLE"), keys[1], root, extensions=extensions)
    leaf = certificate(LEAF, keys[2], middle, extensions=SIGNS)
    assert outcome(leaf, middle, root=root) == (GENERAL, code)


def test_an_employer_does_not_issue_certificates(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    """Without the check of basicConstraints every employer could make certificates for every other."""
    evil = certificate(employer_subject("KẺ GIAN", ["MST:0309876547"]), keys[1], root, extensions=SIGNS)
    leaf = certificate(LEAF, keys[2], evil, extensions=SIGNS)
    assert outcome(leaf, evil, root=root) == (GENERAL, "issuer-not-authority")


def test_more_authorities_than_the_path_length_allows(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    none_below = ((x509.BasicConstraints(ca=True, path_length=0), True), (usage(certify=True), True))
    first = certificate(authority_name("FIRST"), keys[1], root, extensions=none_below)
    second = certificate(authority_name("SECOND"), keys[1], first, extensions=CA)
    assert outcome(certificate(LEAF, keys[2], first), first, root=root) == (None, "passed")
    assert outcome(certificate(LEAF, keys[2], second), first, second, root=root) == (GENERAL, "path-too-long")


def test_a_path_longer_than_anybody_needs_and_authorities_that_go_in_a_circle(
    root: Holder, keys: list[rsa.RSAPrivateKey]
) -> None:
    below, authorities = root, []
    for number in range(9):
        below = certificate(authority_name(f"CA {number}"), keys[1], below, extensions=CA)
        authorities.append(below)
    assert outcome(certificate(LEAF, keys[2], below), *authorities, root=root)[1] == "no-chain"
    one = certificate(authority_name("ONE"), keys[1], None, extensions=CA)
    two = certificate(authority_name("TWO"), keys[1], one, extensions=CA)
    back = certificate(authority_name("ONE"), keys[1], two, extensions=CA)
    assert outcome(certificate(LEAF, keys[2], back), one, two, back, root=root)[1] == "no-chain"


def test_weak_algorithms_in_the_chain(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    weak = SubIndication.CRYPTO_CONSTRAINTS_FAILURE
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    middle = certificate(authority_name("MIDDLE"), short, root, extensions=CA)
    leaf = certificate(LEAF, keys[2], middle, extensions=SIGNS)
    assert outcome(leaf, middle, root=root) == (weak, "chain-algorithm")


def test_a_certificate_signed_by_an_algorithm_that_nobody_knows(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    """One byte of the algorithm's number is enough, and must not stop the judgement."""
    sound = certificate(LEAF, keys[1], root)
    der = sound.certificate.public_bytes(Encoding.DER)
    sha256_with_rsa = bytes.fromhex("2a864886f70d01010b")
    assert der.count(sha256_with_rsa) == 2
    unheard_of = x509.load_der_x509_certificate(der.replace(sha256_with_rsa, bytes.fromhex("2a864886f70d01017f")))
    leaf = Holder(sound.key, unheard_of)
    assert outcome(leaf, root=root) == (SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "chain-algorithm")


def test_a_chain_signed_with_sha_1_is_refused(root: Holder) -> None:
    """cryptography does not make SHA-1 certificates any more, so one is kept: made by `openssl req -sha1`."""
    folder = Path(__file__).with_name("sha1")
    anchor = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    leaf = x509.load_pem_x509_certificate((folder / "leaf.pem").read_bytes())
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA1)
    found = TrustStore([anchor]).chain(leaf.public_bytes(Encoding.DER), NOW)
    assert isinstance(found, Refusal)
    assert found.code == "chain-algorithm"
    assert TrustStore.load(folder).anchors == (anchor,)


def test_an_authority_outside_its_validity(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    for begin, end in ((-300, -1), (1, 300)):
        middle = certificate(
            authority_name("MIDDLE"),
            keys[1],
            root,
            extensions=CA,
            not_before=NOW + timedelta(days=begin),
            not_after=NOW + timedelta(days=end),
        )
        leaf = certificate(LEAF, keys[2], middle, extensions=SIGNS)
        assert outcome(leaf, middle, root=root) == (GENERAL, "authority-out-of-validity")


def test_of_two_paths_the_one_that_is_valid_now_is_taken(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    """A renewed intermediate has the name and key of the old one."""
    old = certificate(authority_name("MIDDLE"), keys[1], root, extensions=CA, not_after=NOW - timedelta(days=1))
    new = certificate(authority_name("MIDDLE"), keys[1], root, extensions=CA)
    leaf = certificate(LEAF, keys[2], new, extensions=SIGNS)
    for order in ((old, new), (new, old)):
        assert outcome(leaf, *order, root=root) == (None, "passed")
    trust = TrustStore([root.certificate], [old.certificate, new.certificate])
    der = leaf.certificate.public_bytes(Encoding.DER)
    then, now = trust.chain(der, NOW - timedelta(days=2)), trust.chain(der, NOW)
    assert isinstance(then, Chain)
    assert isinstance(now, Chain)
    assert now.certificates[1] == new.certificate


def test_authorities_do_not_sign_dossiers(root: Holder, pki: DemoPki, keys: list[rsa.RSAPrivateKey]) -> None:
    both = (CA[0], (usage(sign=True, certify=True), True))
    middle = certificate(authority_name("MIDDLE"), keys[1], root, extensions=both)
    constraints = SubIndication.CHAIN_CONSTRAINTS_FAILURE
    assert outcome(middle, middle, root=root) == (constraints, "authority-signs")
    # An anchor that does not call itself an authority is not an employer either.
    plain = certificate(LEAF, keys[2], None, extensions=SIGNS)
    assert outcome(plain, root=plain) == (constraints, "anchor-signs")


def test_a_key_that_was_not_issued_for_signing(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    leaf = certificate(LEAF, keys[2], root, extensions=((usage(encrypt=True), True),))
    assert outcome(leaf, root=root) == (SubIndication.CHAIN_CONSTRAINTS_FAILURE, "key-usage")


def test_odd_extended_key_usages_do_not_matter(root: Holder, keys: list[rsa.RSAPrivateKey]) -> None:
    odd = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING])
    leaf = certificate(LEAF, keys[2], root, extensions=((odd, True), *SIGNS))
    assert outcome(leaf, root=root) == (None, "passed")


def test_a_folder_of_pem_and_der_files_is_trust(pki: DemoPki, tmp_path: Path) -> None:
    (tmp_path / "b.pem").write_bytes(pki.intermediate.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "a.CRT").write_bytes(pki.root.certificate.public_bytes(Encoding.DER))
    (tmp_path / "readme.txt").write_text("not a certificate")
    store = TrustStore.load(tmp_path)
    assert store.anchors == (pki.root.certificate,)
    leaf = pki.employers["employer"].certificate.public_bytes(Encoding.DER)
    assert isinstance(store.chain(leaf, NOW), Chain)
    pki.write(tmp_path / "written")
    assert TrustStore.load(tmp_path / "written" / "trust").anchors == store.anchors


def test_trust_that_cannot_be_had_stops_the_start(pki: DemoPki, tmp_path: Path) -> None:
    with pytest.raises(TrustUnusable, match="missing"):
        TrustStore.load(tmp_path / "missing")
    with pytest.raises(TrustUnusable, match="no anchor"):
        TrustStore.load(tmp_path)
    (tmp_path / "only.pem").write_bytes(pki.intermediate.certificate.public_bytes(Encoding.PEM))
    with pytest.raises(TrustUnusable, match="no anchor"):
        TrustStore.load(tmp_path)
    (tmp_path / "torn.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(TrustUnusable, match=r"torn\.pem"):
        TrustStore.load(tmp_path)
