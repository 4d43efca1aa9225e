"""Paths through authorities that certify one another, share names, were renewed, or constrain what is below them."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing import trust as trust_module
from signing.demo_pki import Holder, employer_subject, make_key, make_tsa
from signing.indication import Refusal
from signing.reasons import REASONS as COMMON
from signing.reasons_revocation import REASONS
from signing.trust import Chain, TrustStore, TrustUnusable, load_revocation
from tests.signing.revocation_workshop import Town
from tests.signing.workshop import NOW, authority_name, certificate, usage

LEAF = employer_subject("CÔNG TY MẪU", ["MST:0101234565"])
SIGNS = ((usage(sign=True), True),)
MAY = ((x509.BasicConstraints(ca=True, path_length=None), True), (usage(certify=True), True))
KEYS = [make_key("ec-p256") for _ in range(6)]
LONG = NOW + timedelta(days=4000)


def ca(name: str, key: int, issuer: Holder | None = None, *more: tuple[x509.ExtensionType, bool], **times) -> Holder:
    """An authority with both key identifiers, as they are usually written."""
    public = KEYS[key].public_key()
    signer = issuer.key.public_key() if issuer else public
    identifiers = (
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False),
    )
    extensions = (*MAY, *identifiers, *more)
    return certificate(authority_name(name), KEYS[key], issuer, extensions=extensions, **times)


def leaf(issuer: Holder, *, identified: bool = True) -> bytes:
    named = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    extensions = (*SIGNS, (named, False)) if identified else SIGNS
    made = certificate(LEAF, KEYS[5], issuer, extensions=extensions)
    return made.certificate.public_bytes(Encoding.DER)


def built(der: bytes, anchors: list[Holder], *others: Holder, at=NOW) -> list[x509.Certificate]:
    found = TrustStore([one.certificate for one in anchors], [one.certificate for one in others]).chain(der, at)
    assert isinstance(found, Chain), found
    return list(found.certificates[1:])


def refused(der: bytes, anchors: list[Holder], *others: Holder) -> Refusal:
    found = TrustStore([one.certificate for one in anchors], [one.certificate for one in others]).chain(der, NOW)
    assert isinstance(found, Refusal)
    reason = COMMON.get(found.code) or REASONS[found.code]
    assert "{" not in (reason.vi + reason.en).format(**found.fields)
    return found


def test_a_cross_certificate_leads_to_the_anchor_that_is_trusted() -> None:
    old_root, new_root = ca("OLD ROOT", 0), ca("NEW ROOT", 1)
    crossed = ca("NEW ROOT", 1, old_root)
    middle = ca("MIDDLE", 2, new_root)
    der = leaf(middle)
    assert built(der, [new_root], middle) == [middle.certificate, new_root.certificate]
    assert built(der, [old_root], middle, crossed) == [middle.certificate, crossed.certificate, old_root.certificate]
    # Of both the shorter is taken, whichever comes first.
    for anchors in ([old_root, new_root], [new_root, old_root]):
        assert built(der, anchors, crossed, middle) == [middle.certificate, new_root.certificate]
    assert refused(der, [old_root], middle).code == "no-chain"


def test_when_the_shorter_way_has_ended_the_cross_certificate_is_taken() -> None:
    old_root, new_root = ca("OLD ROOT", 0, not_after=LONG), ca("NEW ROOT", 1, not_after=NOW + timedelta(days=5))
    crossed, middle = ca("NEW ROOT", 1, old_root, not_after=LONG), ca("MIDDLE", 2, new_root, not_after=LONG)
    later = NOW + timedelta(days=10)
    der = leaf(middle)
    assert built(der, [old_root, new_root], crossed, middle)[-1] == new_root.certificate
    assert built(der, [old_root, new_root], crossed, middle, at=later)[-1] == old_root.certificate


def test_authorities_that_certify_one_another_in_a_circle_are_no_trap() -> None:
    root = ca("ROOT", 0)
    one = ca("ONE", 1, root)
    two = ca("TWO", 2, one)
    back = ca("ONE", 1, two)
    again = ca("TWO", 2, back)
    for order in ((one, two, back, again), (again, back, two, one)):
        chain = built(leaf(two), [root], *order)
        assert chain[-1] == root.certificate
        assert len(chain) == 3
    assert refused(leaf(two), [root], two, back, again).code == "no-chain"


@pytest.mark.parametrize("identified", [True, False])
def test_of_two_authorities_of_one_name_the_one_with_the_key_is_taken(identified: bool) -> None:
    root = ca("ROOT", 0)
    first, second = ca("SAME", 1, root), ca("SAME", 2, root)
    for right, wrong in ((first, second), (second, first)):
        der = leaf(right, identified=identified)
        for order in ((first, second), (second, first)):
            assert built(der, [root], *order) == [right.certificate, root.certificate]
        # The wrong one alone is no way.
        assert refused(der, [root], wrong).code == "chain-signature"


def test_many_authorities_of_one_name_do_not_hide_the_right_one() -> None:
    root = ca("ROOT", 0)
    crowd = [ca("SAME", 1 + number % 3, root) for number in range(trust_module.SEARCH_STEPS_MAX)]
    right = ca("SAME", 4, root)
    assert built(leaf(right), [root], *crowd, right) == [right.certificate, root.certificate]


def test_a_renewed_authority_takes_the_place_of_the_old() -> None:
    """The same name and key; the new one counts from its own beginning, the old one until its end."""
    root = ca("ROOT", 0, not_before=NOW - timedelta(days=900), not_after=LONG)
    old = ca("MIDDLE", 1, root, not_before=NOW - timedelta(days=800), not_after=NOW - timedelta(days=1))
    new = ca("MIDDLE", 1, root, not_before=NOW - timedelta(days=10), not_after=LONG)
    der = leaf(old)
    for order in ((old, new), (new, old)):
        assert built(der, [root], *order)[0] == new.certificate
        assert built(der, [root], *order, at=NOW - timedelta(days=20))[0] == old.certificate
    assert refused(der, [root], old).code == "authority-out-of-validity"


def test_names_outside_of_what_an_authority_may_certify_refuse_the_path() -> None:
    root = ca("ROOT", 0)
    vietnam, laos = (
        x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, country)]))
        for country in ("VN", "LA")
    )
    for permitted, critical, code in ((vietnam, True, ""), (laos, True, "name-not-permitted"), (laos, False, "same")):
        limits = x509.NameConstraints([permitted], None)
        middle = ca("MIDDLE", 1, root, (limits, critical))
        if not code:
            assert built(leaf(middle), [root], middle)
        else:
            refusal = refused(leaf(middle), [root], middle)
            assert refusal.code == "name-not-permitted"
            assert "CÔNG TY MẪU" in refusal.fields["name"]
            assert refusal.fields["authority"] == "CN=MIDDLE"


def test_unreadable_constraints_refuse_the_path() -> None:
    root = ca("ROOT", 0)
    torn = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.30"), b"\x30\x03\x02\x01")
    middle = ca("MIDDLE", 1, root, (torn, True))
    assert refused(leaf(middle), [root], middle).code == "chain-unreadable"


MAPPINGS = x509.ObjectIdentifier("2.5.29.33")
ONE_TO_TWO = bytes.fromhex("300c300a06032a030406032a0305")
ANY_TO_TWO = bytes.fromhex("300d300b0604551d200006032a0305")


@pytest.mark.parametrize(
    ("extension", "critical", "said"),
    [
        (x509.InhibitAnyPolicy(0), True, ""),
        (x509.PolicyConstraints(require_explicit_policy=None, inhibit_policy_mapping=0), True, ""),
        (x509.UnrecognizedExtension(MAPPINGS, ONE_TO_TWO), True, ""),
        (x509.UnrecognizedExtension(MAPPINGS, ANY_TO_TWO), True, "policyMappings: anyPolicy"),
        (x509.UnrecognizedExtension(MAPPINGS, ANY_TO_TWO), False, "policyMappings: anyPolicy"),
        (x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None), True, "requireExplicitPolicy"),
        (
            x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None),
            False,
            "requireExplicitPolicy",
        ),
    ],
)
def test_a_path_fails_for_its_policies_only_where_a_certificate_demands_one(
    extension: x509.ExtensionType, critical: bool, said: str
) -> None:
    root = ca("ROOT", 0)
    middle = ca("MIDDLE", 1, root, (extension, critical))
    if not said:
        assert built(leaf(middle), [root], middle)
        return
    refusal = refused(leaf(middle), [root], middle)
    assert (refusal.code, refusal.fields["extension"]) == ("policy-constraints", said)


def test_stamps_and_signatures_have_anchors_of_their_own(tmp_path: Path) -> None:
    town, tsa = Town(), make_tsa(NOW)
    (tmp_path / "root.pem").write_bytes(town.root.certificate.public_bytes(Encoding.PEM))
    assert TrustStore.load_tsa(tmp_path).anchors == ()
    (tmp_path / "tsa").mkdir()
    with pytest.raises(TrustUnusable, match="no anchor"):
        TrustStore.load_tsa(tmp_path)
    (tmp_path / "tsa" / "root.pem").write_bytes(tsa.root.certificate.public_bytes(Encoding.PEM))
    signers, stamps = TrustStore.load(tmp_path), TrustStore.load_tsa(tmp_path)
    assert signers.anchors == (town.root.certificate,)
    assert stamps.anchors == (tsa.root.certificate,)
    der = tsa.unit.certificate.public_bytes(Encoding.DER)
    assert isinstance(stamps.chain(der, NOW), Chain)
    assert isinstance(signers.chain(der, NOW), Refusal)
    assert isinstance(stamps.chain(town.middle.certificate.public_bytes(Encoding.DER), NOW), Refusal)
    assert tsa.trust().anchors == stamps.anchors


def test_lists_in_the_trust_folder_are_told_apart_from_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town()
    first, second = town.crl(), town.crl(number=2)
    (tmp_path / "root.pem").write_bytes(town.root.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "a.crl").write_bytes(first)
    pem = [x509.load_der_x509_crl(one).public_bytes(Encoding.PEM) for one in (first, second)]
    (tmp_path / "b.CRL").write_bytes(b"both:\n" + b"".join(pem))
    (tmp_path / "c.crl").write_bytes(b"no list at all")
    assert TrustStore.load(tmp_path).anchors == (town.root.certificate,)
    assert load_revocation(tmp_path) == [
        ("a.crl", first),
        ("b.CRL", first),
        ("b.CRL", second),
        ("c.crl", b"no list at all"),
    ]
    monkeypatch.setattr(trust_module, "CRL_BYTES_MAX", 10)
    with pytest.raises(TrustUnusable, match="larger"):
        load_revocation(tmp_path)
    with pytest.raises(TrustUnusable, match="missing"):
        load_revocation(tmp_path / "missing")


def test_all_authorities_of_a_store_can_be_had() -> None:
    town = Town()
    assert set(town.trust.authorities) == {town.root.certificate, town.middle.certificate}
