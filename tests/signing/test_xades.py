"""XAdES-B-B enveloped: what passes, what the verdict says, and what the properties must hold."""

import base64
import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from lxml import etree

from signing.demo_pki import DemoPki, Holder
from signing.dossier import sign_dossier
from signing.indication import Indication, SubIndication, indication_of
from signing.placing import SigningImpossible
from signing.policy import LEVELS, Policy, RsaEnd
from signing.reasons_xades import REASONS
from signing.sign import sign
from signing.sign_xades import sign_xades
from signing.trust import TrustStore
from signing.verify import verify
from tests.signing.workshop import (
    DOCUMENT,
    DSIG,
    NOW,
    PATH,
    SHA256,
    employer,
    forge,
    judge,
    refused,
    unsigned,
)
from tests.signing.xades_workshop import (
    FORMAT,
    TIME,
    TYPE,
    XADES,
    canonical,
    cert_digest,
    forge_xades,
    judge_xades,
    qualifying,
    reference,
    signed_properties,
    signing_certificate,
)

MISSING = (SubIndication.SIG_CONSTRAINTS_FAILURE, "signed-property-missing")
STRUCTURE = (SubIndication.FORMAT_FAILURE, "signature-structure")


@pytest.mark.parametrize("kind", ["employer", "branch"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("exclusive", [False, True])
def test_what_we_sign_passes_as_xades_b_b(
    kind: str, digest: str, exclusive: bool, pki: DemoPki, trust: TrustStore
) -> None:
    one = pki.employers[kind]
    content = sign_xades(unsigned(), PATH, one.key, one.certificate, now=NOW, digest=digest, exclusive=exclusive)
    verdict = judge_xades(content, trust)
    assert verdict.passed, verdict.reason_en
    assert verdict.format == "XAdES-B-B"
    assert verdict.signing_time_claimed == "2026-03-02T01:30:00Z"
    assert verdict.best_signature_time == NOW
    assert verdict.signer is not None
    assert verdict.signature_value
    assert verdict.cautions == ()
    refused(judge_xades(content.replace(b"5310000", b"9310000"), trust), SubIndication.HASH_FAILURE, "digest-differs")


@pytest.mark.parametrize(
    "attributes", ["", ' xml:lang="vi" xml:space="preserve"', ' xmlns="" xmlns:r="http://r.invalid/"']
)
@pytest.mark.parametrize("exclusive", [False, True])
def test_every_digest_is_taken_in_the_documents_context(
    attributes: str, exclusive: bool, holder: Holder, trust: TrustStore
) -> None:
    document = unsigned(DOCUMENT.replace("<D02-TS", f"<D02-TS{attributes}"))
    content = sign_xades(document, PATH, holder.key, holder.certificate, now=NOW, exclusive=exclusive)
    assert judge_xades(content, trust).passed


def test_by_hand_too_with_inclusive_and_with_exclusive_properties(holder: Holder, trust: TrustStore) -> None:
    for exclusive in (False, True):
        assert judge_xades(forge_xades(holder, exclusive_properties=exclusive), trust).passed


def test_what_remains_after_passing_is_exactly_what_was_signed(holder: Holder, trust: TrustStore) -> None:
    root = etree.fromstring(forge_xades(holder))
    assert verify(root, PATH, file="x", policy=Policy(), trust=trust, now=NOW).passed
    assert etree.tostring(root) == etree.tostring(etree.fromstring(unsigned()))
    changed = etree.fromstring(forge_xades(holder).replace(b"5310000", b"1"))
    before = etree.tostring(changed)
    assert not verify(changed, PATH, file="x", policy=Policy(), trust=trust, now=NOW).passed
    assert etree.tostring(changed) == before


def test_signing_leaves_every_other_byte_alone(holder: Holder) -> None:
    content = sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW)
    begin, end = content.index(b"<ds:Signature"), content.index(b"</ds:Signature>") + len(b"</ds:Signature>")
    assert content[:begin] + content[end:] == unsigned()
    assert content == sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW)


def test_a_plain_signature_is_of_too_low_a_level_where_xades_is_asked_for(signed: bytes, trust: TrustStore) -> None:
    assert judge_xades(signed, trust, level=LEVELS[0]).passed
    verdict = judge_xades(signed, trust)
    refused(verdict, SubIndication.SIG_CONSTRAINTS_FAILURE, "level-too-low")
    assert LEVELS[0] in verdict.reason_vi
    assert LEVELS[1] in verdict.reason_vi


def test_properties_that_nobody_signed_make_no_xades(holder: Holder, trust: TrustStore) -> None:
    plain = forge(holder, objects=f"<Object>{qualifying(signed_properties(holder))}</Object>")
    assert judge(plain, trust).passed
    assert judge(plain, trust).format == LEVELS[0]
    refused(judge_xades(plain, trust), SubIndication.SIG_CONSTRAINTS_FAILURE, "level-too-low")


@pytest.mark.parametrize(
    ("of_signature", "outcome"),
    [
        ("", MISSING),
        (TIME, MISSING),
        ("{certificate}", MISSING),
        ("<x:SigningTime>02/03/2026</x:SigningTime>{certificate}", STRUCTURE),
        ("<x:SigningTime>2026-03-02T01:30:00</x:SigningTime>{certificate}", STRUCTURE),
        ("<x:SigningTime>2026-13-02T01:30:00Z</x:SigningTime>{certificate}", STRUCTURE),
        (TIME + TIME + "{certificate}", STRUCTURE),
        (TIME + "{certificate}{certificate}", STRUCTURE),
        (TIME + "{certificate}stray", STRUCTURE),
        (TIME + "<x:SigningCertificateV2/>", STRUCTURE),
        (TIME + "<x:SigningCertificateV2><x:Cert/></x:SigningCertificateV2>", STRUCTURE),
        (TIME + "{certificate}<x:Moi/>", (SubIndication.SIG_CONSTRAINTS_FAILURE, "signed-property-unknown")),
        (TIME + '{certificate}<SigningTime xmlns="http://x.invalid/"/>',
         (SubIndication.SIG_CONSTRAINTS_FAILURE, "signed-property-unknown")),
    ],
)  # fmt: skip
def test_what_the_baseline_demands_and_nothing_unknown(
    of_signature: str, outcome: tuple[SubIndication, str], holder: Holder, trust: TrustStore
) -> None:
    inside = of_signature.replace("{certificate}", signing_certificate(holder))
    verdict = judge_xades(forge_xades(holder, properties=signed_properties(holder, inside)), trust)
    refused(verdict, *outcome)


@pytest.mark.parametrize(
    ("formats", "outcome"),
    [
        ("", MISSING),
        ('<x:DataObjectFormat ObjectReference="#r0"/>', MISSING),
        ('<x:DataObjectFormat ObjectReference="#r0"><x:MimeType/></x:DataObjectFormat>', MISSING),
        (FORMAT.replace("#r0", "#r1"), MISSING),
        (FORMAT + FORMAT, STRUCTURE),
        (FORMAT.replace("#r0", "r0"), STRUCTURE),
        (FORMAT + "<x:AllDataObjectsTimeStamp/>",
         (SubIndication.SIG_CONSTRAINTS_FAILURE, "signed-property-unknown")),
    ],
)  # fmt: skip
def test_every_signed_object_has_its_mime_type(
    formats: str, outcome: tuple[SubIndication, str], holder: Holder, trust: TrustStore
) -> None:
    verdict = judge_xades(forge_xades(holder, properties=signed_properties(holder, formats=formats)), trust)
    refused(verdict, *outcome)


def test_claims_are_passed_over_with_a_caution(holder: Holder, trust: TrustStore) -> None:
    role = "<x:SignerRoleV2><x:ClaimedRoles><x:ClaimedRole>GD</x:ClaimedRole></x:ClaimedRoles></x:SignerRoleV2>"
    verdict = judge_xades(forge_xades(holder, properties=signed_properties(holder, more=role)), trust)
    assert verdict.passed
    assert [one.code for one in verdict.cautions] == ["property-not-used"]
    assert "SignerRoleV2" in verdict.cautions[0].message_vi


def test_unsigned_properties_are_named_and_not_used(holder: Holder, trust: TrustStore) -> None:
    unsigned_ones = (
        "<x:UnsignedProperties><x:UnsignedSignatureProperties><x:CertificateValues/><x:RevocationValues/>"
        "</x:UnsignedSignatureProperties></x:UnsignedProperties>"
    )
    content = forge_xades(holder, objects=lambda one: f"<Object>{qualifying(one, unsigned_ones)}</Object>")
    verdict = judge_xades(content, trust)
    assert verdict.passed
    assert verdict.format == "XAdES-B-B"
    assert [
        "CertificateValues" in verdict.cautions[0].message_en,
        "RevocationValues" in verdict.cautions[1].message_vi,
    ] == [
        True,
        True,
    ]


def test_the_implied_policy_passes_another_is_not_available_and_ours_is_ours(holder: Holder, trust: TrustStore) -> None:
    def with_policy(inside: str) -> bytes:
        more = f"<x:SignaturePolicyIdentifier>{inside}</x:SignaturePolicyIdentifier>"
        return forge_xades(holder, properties=signed_properties(holder, more=more))

    def explicit(identifier: str) -> str:
        return (
            f"<x:SignaturePolicyId><x:SigPolicyId><x:Identifier>{identifier}</x:Identifier></x:SigPolicyId>"
            f"<x:SigPolicyHash>{cert_digest(holder)[len('<x:CertDigest>') : -len('</x:CertDigest>')]}</x:SigPolicyHash>"
            "</x:SignaturePolicyId>"
        )

    assert judge_xades(with_policy("<x:SignaturePolicyImplied/>"), trust).passed
    other = judge_xades(with_policy(explicit("urn:oid:1.2.3.4")), trust)
    refused(other, SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE, "signature-policy")
    assert "urn:oid:1.2.3.4" in other.reason_vi
    assert judge_xades(with_policy(explicit(Policy().id)), trust).passed
    refused(judge_xades(with_policy(explicit("")), trust), *STRUCTURE)
    refused(judge_xades(with_policy(""), trust), *STRUCTURE)


def test_the_older_signing_certificate_passes_too(holder: Holder, trust: TrustStore) -> None:
    def older(serial: int) -> bytes:
        inside = (
            f"<x:SigningCertificate><x:Cert>{cert_digest(holder)}<x:IssuerSerial><X509IssuerName>CN=…</X509IssuerName>"
            f"<X509SerialNumber>{serial}</X509SerialNumber></x:IssuerSerial></x:Cert></x:SigningCertificate>"
        )
        return forge_xades(holder, properties=signed_properties(holder, TIME + inside))

    serial = holder.certificate.serial_number
    assert judge_xades(older(serial), trust).passed
    refused(
        judge_xades(older(serial + 1), trust),
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
        "signing-certificate-differs",
    )


def test_certificate_faults_are_told_as_for_any_signature(pki: DemoPki, trust: TrustStore) -> None:
    expired = pki.issue(employer(valid_days=1), NOW - timedelta(days=10))
    refused(judge_xades(forge_xades(expired), trust), SubIndication.OUT_OF_BOUNDS_NO_POE, "expired")
    stranger = TrustStore([pki.root.certificate])
    refused(
        judge_xades(forge_xades(pki.employers["employer"]), stranger),
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
        "no-chain",
    )


def test_every_reason_can_be_said_and_belongs_to_a_main_indication() -> None:
    names = "where id property policy part found needed time date authority algorithm seconds most uri entry places"
    fields = dict.fromkeys(names.split(), "x")
    for reason in REASONS.values():
        assert reason.vi.format(**fields) != reason.en.format(**fields)
        assert indication_of(reason.sub_indication) is not Indication.TOTAL_PASSED


def test_a_signature_of_the_national_profile_and_a_xades_one_are_told_apart_each_time(
    holder: Holder, trust: TrustStore
) -> None:
    """What is remembered of the one form must not be taken for the other."""
    for _ in range(2):
        plain = sign(unsigned(), PATH, holder.key, holder.certificate, now=NOW)
        advanced = sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW)
        assert judge(plain, trust).format == LEVELS[0]
        assert judge(advanced, trust).format == LEVELS[1]


def test_a_dossier_is_signed_as_xades_on_both_levels(holder: Holder, trust: TrustStore) -> None:
    form = base64.b64encode(b"<D02-TS><A>1</A><Cky/></D02-TS>").decode()
    dossier = (
        "<Hoso><NoiDung><ThongTinHoSo><ToKhais><FileToKhai><LoaiFile>.xml</LoaiFile>"
        f"<NoiDungFile>{form}</NoiDungFile></FileToKhai></ToKhais></ThongTinHoSo></NoiDung><CKy_Dvi/></Hoso>"
    ).encode()
    content = sign_dossier(
        dossier, holder.key, holder.certificate, signature_paths={"D02-TS": PATH}, now=NOW, profile="xades"
    )
    assert judge_xades(content, trust, path="/Hoso/CKy_Dvi").passed
    inside = base64.b64decode(etree.fromstring(content).findtext(".//NoiDungFile") or "")
    assert judge_xades(inside, trust).passed


def test_what_cannot_be_signed_is_told(holder: Holder, elliptic: Holder) -> None:
    relative = unsigned(DOCUMENT.replace("<D02-TS", '<D02-TS xmlns:r="tuong-doi"'))
    for content, path, one in (
        (unsigned(), "/D02-TS/Khong/Co", holder),
        (b"<D02-TS>", PATH, holder),
        (relative, PATH, holder),
        (sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW), PATH, holder),
        (unsigned(), PATH, Holder(elliptic.key, holder.certificate)),
    ):
        with pytest.raises(SigningImpossible):
            sign_xades(content, path, one.key, one.certificate, now=NOW)


def older_form(holder: Holder, issuer: str, *, name: str = "sha256", method: str = SHA256) -> str:
    return (
        f"{TIME}<x:SigningCertificate><x:Cert>{cert_digest(holder, name, method)}<x:IssuerSerial>"
        f"<X509IssuerName>{issuer}</X509IssuerName>"
        f"<X509SerialNumber>{holder.certificate.serial_number}</X509SerialNumber>"
        "</x:IssuerSerial></x:Cert></x:SigningCertificate>"
    )


def test_the_older_forms_issuer_name_is_compared_loosely_and_doubted_aloud(holder: Holder, trust: TrustStore) -> None:
    issuer = holder.certificate.issuer
    right = issuer.rfc4514_string()
    turned = x509.Name(list(reversed(list(issuer)))).rfc4514_string()
    for named, cautions in (
        (right, []),
        (turned.upper().replace(",", ", "), []),
        ("CN=ai khác", ["issuer-name-differs"]),
        ("không phải một tên", ["issuer-name-differs"]),
        ("", ["issuer-name-differs"]),
    ):
        content = forge_xades(holder, properties=signed_properties(holder, older_form(holder, named)))
        verdict = judge_xades(content, trust)
        assert verdict.passed, verdict.reason_en
        assert [one.code for one in verdict.cautions] == cautions


def test_whatever_passes_by_the_legacy_switch_alone_is_said_wherever_it_stands(
    holder: Holder, trust: TrustStore
) -> None:
    sha1 = f"{DSIG}sha1"
    legacy = Policy(id="legacy", legacy_until=NOW + timedelta(days=10))
    digest = hashlib.sha1(canonical(forge_xades(holder), f"{{{XADES}}}SignedProperties")).digest()
    of_properties = reference("#p", digest, kind=TYPE).replace(SHA256, sha1)
    by_sha1 = older_form(holder, holder.certificate.issuer.rfc4514_string(), name="sha1", method=sha1)
    for content in (
        forge_xades(holder, references=lambda one, _: one + of_properties),
        forge_xades(holder, properties=signed_properties(holder, by_sha1)),
    ):
        verdict = judge_xades(content, trust, policy=legacy)
        assert verdict.passed, verdict.reason_en
        assert [one.code for one in verdict.cautions] == ["legacy-algorithms"]
        refused(judge_xades(content, trust), SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "digest-algorithm")
    assert judge_xades(forge_xades(holder), trust, policy=legacy).cautions == ()


def test_a_key_past_its_end_passes_by_the_legacy_switch_with_a_caution(holder: Holder, trust: TrustStore) -> None:
    ended = (RsaEnd(3072, NOW - timedelta(days=1)),)
    legacy = Policy(id="legacy", legacy_until=NOW + timedelta(days=10), rsa_ends=ended)
    verdict = judge(forge(holder), trust, policy=legacy)
    assert verdict.passed
    assert [one.code for one in verdict.cautions] == ["legacy-algorithms"]
    without = judge(forge(holder), trust, policy=Policy(rsa_ends=ended))
    refused(without, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "key-size")
