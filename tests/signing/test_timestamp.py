"""Time-stamp tokens by themselves, and what they do for a XAdES signature."""

import hashlib
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.demo_pki import DemoPki, Holder, make_key
from signing.indication import Refusal, SubIndication, TimestampUsed, Verdict
from signing.placing import SigningImpossible
from signing.policy import LEVELS, Policy, RevocationRule
from signing.reasons_timestamp import REASONS
from signing.revocation import RevocationStore
from signing.sign_xades import add_timestamp, sign_xades, timestamp_covers
from signing.timestamp import TOKEN_BYTES_MAX, verify_token
from signing.trust import TrustStore
from tests.signing.tsa_workshop import POLICY_OID, PURPOSE, TSA_EXTENSIONS, Tsa
from tests.signing.workshop import CA, NOW, PATH, authority_name, certificate, employer, refused, unsigned, usage
from tests.signing.xades_workshop import judge_xades

COVERED = b"the value of a signature"
LATER = NOW + timedelta(days=400)
B_T = LEVELS[2]


@pytest.fixture(scope="module")
def tsa() -> Tsa:
    return Tsa()


def code(token: bytes, tsa: Tsa, *, covered: bytes = COVERED, now: datetime = NOW, skew: int = 0) -> str:
    found = verify_token(token, covered, tsa.trust(), now, clock_skew_s=skew)
    return found.code if isinstance(found, Refusal) else "holds"


def test_a_good_token_says_when_by_whom_and_under_which_policy(tsa: Tsa) -> None:
    token = tsa.token(COVERED, NOW - timedelta(minutes=5))
    used = verify_token(token, COVERED, tsa.trust(), NOW)
    assert isinstance(used, TimestampUsed)
    assert used.generated_at == NOW - timedelta(minutes=5)
    assert used.authority == "CN=TSA UNIT"
    assert used.sha256 == hashlib.sha256(token).hexdigest()
    assert (used.serial, used.policy_oid) == (f"{4711:x}", POLICY_OID)
    assert len(used.authority_sha256) == 64


@pytest.mark.parametrize("imprint", ["sha256", "sha384", "sha512"])
def test_every_accepted_imprint_holds(imprint: str, tsa: Tsa) -> None:
    assert code(tsa.token(COVERED, imprint=imprint), tsa) == "holds"


def test_a_chain_that_came_unsorted_does_no_harm(tsa: Tsa) -> None:
    assert code(tsa.token(COVERED, beside=(tsa.root.certificate,)), tsa) == "holds"
    assert code(tsa.token(COVERED, beside=(tsa.root.certificate,), unsorted=True), tsa) == "holds"


def test_an_authority_that_has_expired_since_proves_nothing_more() -> None:
    """Whoever has its old key could date a token back: nothing else tells when it was made."""
    day = timedelta(days=1)
    short = Tsa(not_after=NOW + day)
    token = short.token(COVERED, NOW)
    assert code(token, short, now=NOW + day) == "holds"
    assert code(token, short, now=NOW + 30 * day) == "timestamp-out-of-validity"
    span = {"not_before": NOW - 1000 * day, "not_after": NOW + day}
    root = certificate(authority_name("SHORT ROOT"), make_key("rsa-2048"), None, extensions=CA, **span)
    above = Tsa(root)
    token = above.token(COVERED, NOW)
    assert code(token, above, now=NOW + day) == "holds"
    assert code(token, above, now=NOW + 30 * day) == "timestamp-out-of-validity"


@pytest.mark.parametrize(("kind", "found"), [("rsa-1024", "timestamp-key"), ("rsa-2048", "holds")])
def test_a_token_by_a_short_key(kind: str, found: str, tsa: Tsa) -> None:
    key = rsa.generate_private_key(65537, int(kind[4:]))
    unit = certificate(authority_name("TSA UNIT"), key, tsa.root, extensions=TSA_EXTENSIONS)
    token = tsa.token(COVERED, signer=unit)
    assert code(token, tsa) == found
    refusal = verify_token(token, COVERED, tsa.trust(), NOW)
    if isinstance(refusal, Refusal):
        assert refusal.fields == {"authority": "CN=TSA UNIT", "key": "RSA 1024"}
        for sentence in (REASONS["timestamp-key"].vi, REASONS["timestamp-key"].en):
            assert "{" not in sentence.format(**refusal.fields)


def test_a_token_without_accuracy_holds_and_a_vague_one_does_not(tsa: Tsa) -> None:
    assert code(tsa.token(COVERED, accuracy_s=None), tsa) == "holds"
    assert code(tsa.token(COVERED, accuracy_s=60), tsa) == "holds"
    assert code(tsa.token(COVERED, accuracy_s=61), tsa) == "timestamp-accuracy"


def test_a_token_over_other_bytes(tsa: Tsa) -> None:
    assert code(tsa.token(b"other"), tsa) == "timestamp-imprint"


def test_a_token_of_an_authority_that_nobody_trusts(tsa: Tsa, trust: TrustStore) -> None:
    assert code(Tsa().token(COVERED), tsa) == "timestamp-untrusted"
    found = verify_token(tsa.token(COVERED), COVERED, trust, NOW)
    assert isinstance(found, Refusal)
    assert found.code == "timestamp-untrusted"


def test_a_token_whose_authority_signed_itself(tsa: Tsa) -> None:
    """The token brings its certificate; that must not make it trusted."""
    alone = certificate(authority_name("TSA UNIT"), make_key("rsa-2048"), None, extensions=TSA_EXTENSIONS)
    assert code(tsa.token(COVERED, signer=alone), tsa) == "timestamp-untrusted"


@pytest.mark.parametrize(
    "purpose",
    [
        (),
        ((PURPOSE[0], False),),
        ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True),),
        ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING]), True),),
    ],
)
def test_a_certificate_that_is_not_for_time_stamps_alone(
    purpose: tuple[tuple[x509.ExtensionType, bool], ...], tsa: Tsa
) -> None:
    other = Tsa(tsa.root, extensions=(*TSA_EXTENSIONS[:2], *purpose))
    assert code(other.token(COVERED), tsa) == "timestamp-purpose"


def test_a_forged_certificate_of_the_same_name_and_serial_beside_the_real_one(tsa: Tsa) -> None:
    """An employer under the same root makes a token and puts a look-alike with the right purpose beside its own."""
    insider = certificate(authority_name("NV"), make_key("rsa-2048"), tsa.root, extensions=((usage(sign=True), True),))
    real = insider.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .public_key(real.public_key())
        .serial_number(real.serial_number)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
    )
    for extension, critical in TSA_EXTENSIONS:
        builder = builder.add_extension(extension, critical=critical)
    look_alike = builder.sign(insider.key, real.signature_hash_algorithm)
    assert code(tsa.token(COVERED, signer=insider), tsa) == "timestamp-purpose"
    assert code(tsa.token(COVERED, signer=insider, beside=(look_alike,)), tsa) == "timestamp-signer"
    assert code(tsa.token(COVERED, signer=Holder(insider.key, look_alike)), tsa) == "timestamp-untrusted"


def test_a_token_without_its_certificate_or_naming_another(tsa: Tsa) -> None:
    assert code(tsa.token(COVERED, own=False), tsa) == "timestamp-signer"
    assert code(tsa.token(COVERED, own=False, beside=(tsa.root.certificate,)), tsa) == "timestamp-signer"
    assert code(tsa.token(COVERED, ess=tsa.root.certificate), tsa) == "timestamp-signer"
    assert code(tsa.token(COVERED, ess=False), tsa) == "timestamp-signer"


def test_sha1_is_refused_in_imprint_and_signature(tsa: Tsa) -> None:
    assert code(tsa.token(COVERED, imprint="sha1"), tsa) == "timestamp-hash"
    assert code(tsa.token(COVERED, digest="sha1"), tsa) == "timestamp-hash"


def test_a_token_from_the_future(tsa: Tsa) -> None:
    token = tsa.token(COVERED, NOW + timedelta(seconds=30))
    assert code(token, tsa) == "timestamp-order"
    assert code(token, tsa, skew=29) == "timestamp-order"
    assert code(token, tsa, skew=30) == "holds"


def test_a_token_from_before_or_after_its_authoritys_time(tsa: Tsa) -> None:
    young = Tsa(tsa.root, not_before=NOW - timedelta(days=1), not_after=NOW + timedelta(days=1))
    assert code(young.token(COVERED, NOW - timedelta(days=2)), tsa) == "timestamp-out-of-validity"
    late = young.token(COVERED, NOW + timedelta(days=2))
    assert code(late, tsa, now=NOW + timedelta(days=3)) == "timestamp-out-of-validity"


def test_a_changed_token(tsa: Tsa) -> None:
    token = tsa.token(COVERED)
    imprint = hashlib.sha256(COVERED).digest()
    other = hashlib.sha256(b"other").digest()
    assert code(token.replace(imprint, other), tsa, covered=b"other") == "timestamp-signature"
    assert code(token[:-1] + bytes([token[-1] ^ 1]), tsa) == "timestamp-signature"
    assert code(token + b"\0", tsa) == "timestamp-unreadable"
    assert code(b"", tsa) == "timestamp-unreadable"
    assert code(bytes(TOKEN_BYTES_MAX + 1), tsa) == "timestamp-unreadable"


@settings(max_examples=400, deadline=None)
@given(at=st.integers(0, 10**6), new=st.binary(max_size=3), cut=st.integers(0, 4))
def test_no_token_makes_the_reader_raise_and_no_changed_one_proves_another_time(
    at: int, new: bytes, cut: int, tsa: Tsa
) -> None:
    token = tsa.token(COVERED)
    spot = at % len(token)
    found = verify_token(token[:spot] + new + token[spot + cut :], COVERED, tsa.trust(), NOW)
    assert isinstance(found, Refusal) or found.generated_at == NOW


@given(content=st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise(content: bytes, tsa: Tsa) -> None:
    assert isinstance(verify_token(content, COVERED, tsa.trust(), NOW), Refusal)


# --- in a XAdES signature


def stamped(
    one: Holder, tsa: Tsa, at: datetime = NOW, *, over: bytes | None = None, signed_at: datetime = NOW
) -> bytes:
    content = sign_xades(unsigned(), PATH, one.key, one.certificate, now=signed_at)
    covered = timestamp_covers(content, PATH) if over is None else over
    return add_timestamp(content, PATH, tsa.token(covered, at))


def judge(
    content: bytes,
    trust: TrustStore,
    tsa: TrustStore | None,
    *,
    level: str = LEVELS[1],
    now: datetime = NOW,
    policy: Policy | None = None,
    revocation: RevocationStore | None = None,
) -> Verdict:
    return judge_xades(content, trust, level=level, tsa=tsa, now=now, policy=policy, revocation=revocation)


def test_a_good_time_stamp_makes_it_b_t_and_moves_the_best_signature_time(
    holder: Holder, trust: TrustStore, tsa: Tsa
) -> None:
    at = NOW + timedelta(hours=1)
    content = stamped(holder, tsa, at)
    verdict = judge(content, trust, tsa.trust(), level=B_T, now=NOW + timedelta(days=2))
    assert verdict.passed, verdict.reason_en
    assert verdict.format == B_T
    assert verdict.best_signature_time == at
    assert verdict.judged_at == NOW + timedelta(days=2)
    assert [one.generated_at for one in verdict.timestamps] == [at]
    assert [one.kind for one in verdict.proofs].count("timestamp") == 1
    assert len([one for one in verdict.proofs if one.kind == "certificate"]) == 5


def test_a_certificate_that_expired_after_the_time_stamp_passes(pki: DemoPki, trust: TrustStore, tsa: Tsa) -> None:
    short = pki.issue(employer(valid_days=2), NOW)
    content = stamped(short, tsa)
    assert judge(content, trust, tsa.trust(), now=LATER).passed
    without = sign_xades(unsigned(), PATH, short.key, short.certificate, now=NOW)
    refused(judge(without, trust, tsa.trust(), now=LATER), SubIndication.OUT_OF_BOUNDS_NO_POE, "expired")
    late = stamped(short, tsa, NOW + timedelta(days=3))
    refused(judge(late, trust, tsa.trust(), now=LATER), SubIndication.OUT_OF_BOUNDS_NO_POE, "expired")


@pytest.mark.parametrize("level", [LEVELS[1], B_T])
def test_a_token_that_does_not_hold_leaves_b_b_and_says_why(
    level: str, holder: Holder, trust: TrustStore, tsa: Tsa
) -> None:
    rootless = Tsa()
    for content, anchors, reason in (
        (stamped(holder, tsa, over=b"other bytes"), tsa.trust(), "timestamp-imprint"),
        (stamped(holder, rootless), tsa.trust(), "timestamp-untrusted"),
        (stamped(holder, tsa), None, "timestamp-no-anchors"),
        (stamped(holder, Tsa(tsa.root, extensions=TSA_EXTENSIONS[:2])), tsa.trust(), "timestamp-purpose"),
    ):
        verdict = judge(content, trust, anchors, level=level)
        assert [one.code for one in verdict.cautions] == [reason]
        assert verdict.format == "XAdES-B-B"
        assert verdict.best_signature_time == NOW
        if level == B_T:
            refused(verdict, SubIndication.SIG_CONSTRAINTS_FAILURE, "level-too-low")
            assert "XAdES-B-B" in verdict.reason_vi
            assert B_T in verdict.reason_vi
        else:
            assert verdict.passed


def test_times_that_contradict_one_another_are_refused(holder: Holder, trust: TrustStore, tsa: Tsa) -> None:
    ahead = stamped(holder, tsa, NOW + timedelta(minutes=1))
    for level in (LEVELS[1], B_T):
        verdict = judge(ahead, trust, tsa.trust(), level=level)
        refused(verdict, SubIndication.TIMESTAMP_ORDER_FAILURE, "timestamp-order")
    assert judge(ahead, trust, tsa.trust(), policy=Policy(clock_skew_s_max=60)).passed
    before = stamped(holder, tsa, NOW - timedelta(days=2))
    refused(judge(before, trust, tsa.trust()), SubIndication.TIMESTAMP_ORDER_FAILURE, "timestamp-before-certificate")
    # A token that nobody trusts contradicts nothing.
    assert judge(stamped(holder, Tsa(), NOW + timedelta(minutes=1)), trust, tsa.trust()).passed


def test_of_several_time_stamps_the_earliest_that_holds_counts(holder: Holder, trust: TrustStore, tsa: Tsa) -> None:
    content = sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW)
    covered = timestamp_covers(content, PATH)
    first = add_timestamp(content, PATH, tsa.token(covered, NOW + timedelta(hours=2)))
    second = add_timestamp(content, PATH, tsa.token(covered, NOW + timedelta(hours=1)))
    bad = add_timestamp(content, PATH, Tsa().token(covered, NOW + timedelta(minutes=1)))
    begin, end = b"<xades:SignatureTimeStamp>", b"</xades:SignatureTimeStamp>"
    more = b"".join(one[one.index(begin) : one.index(end) + len(end)] for one in (second, bad))
    several = first.replace(end, end + more)
    verdict = judge(several, trust, tsa.trust(), now=LATER - timedelta(days=390))
    assert verdict.passed
    assert verdict.best_signature_time == NOW + timedelta(hours=1)
    assert len(verdict.timestamps) == 2
    assert [one.code for one in verdict.cautions] == ["timestamp-untrusted"]


def test_a_time_stamp_that_cannot_be_read_is_passed_over(holder: Holder, trust: TrustStore, tsa: Tsa) -> None:
    content = stamped(holder, tsa)
    for old, new in (
        (b"<xades:EncapsulatedTimeStamp>", b'<xades:EncapsulatedTimeStamp Encoding="http://x.invalid/#BER">'),
        (b"<xades:EncapsulatedTimeStamp>", b"<xades:EncapsulatedTimeStamp>?"),
        (b"<xades:EncapsulatedTimeStamp>", b"<xades:Include/><xades:EncapsulatedTimeStamp>"),
        (b"Stamp><ds:CanonicalizationMethod Algorithm=", b"Stamp><ds:CanonicalizationMethod Algorithm='x' A="),
    ):  # fmt: skip
        assert content.count(old) == 1
        verdict = judge(content.replace(old, new), trust, tsa.trust())
        assert verdict.passed
        assert verdict.format == "XAdES-B-B"
        assert [one.code for one in verdict.cautions] == ["property-not-used"]


def test_the_time_stamp_is_over_the_value_in_its_documents_context(holder: Holder, trust: TrustStore, tsa: Tsa) -> None:
    """Inclusive C14N, the standard's own where none is named, sees the root's names round SignatureValue."""
    content = sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW)
    value = content[content.index(b"<ds:SignatureValue>") : content.index(b"<ds:KeyInfo>")]
    declared = (
        b'<ds:SignatureValue xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
        b' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    )
    inclusive = value.replace(b"<ds:SignatureValue>", declared)
    made = add_timestamp(content, PATH, tsa.token(inclusive))
    method = b'<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><xades:Enc'
    assert made.count(method) == 1
    assert judge(made.replace(method, b"<xades:Enc"), trust, tsa.trust(), level=B_T).passed
    assert judge(made, trust, tsa.trust()).cautions[0].code == "timestamp-imprint"


def test_a_second_time_stamp_is_not_added_and_none_where_there_is_no_signature(holder: Holder, tsa: Tsa) -> None:
    content = stamped(holder, tsa)
    with pytest.raises(SigningImpossible):
        add_timestamp(content, PATH, b"x")
    with pytest.raises(SigningImpossible):
        timestamp_covers(unsigned(), PATH)


REVOCATION = Policy(id="asks", revocation=RevocationRule(required=True))


def test_without_revocation_data_the_authoritys_time_stamp_waits_where_it_is_needed(
    pki: DemoPki, trust: TrustStore, tsa: Tsa
) -> None:
    short = pki.issue(employer(valid_days=2), NOW)
    content = stamped(short, tsa)
    verdict = judge(content, trust, tsa.trust(), now=LATER, policy=REVOCATION, revocation=RevocationStore())
    assert verdict.waits, verdict.reason_en
    assert verdict.wanted
    assert [one.code for one in verdict.cautions] == ["timestamp-undecided"]
    demanded = judge(content, trust, tsa.trust(), level=B_T, policy=REVOCATION, revocation=RevocationStore())
    assert demanded.waits
