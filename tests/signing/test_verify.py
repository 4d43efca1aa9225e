"""What a good signature is, and what the verdict says about it."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from lxml import etree

from signing.demo_pki import DemoPki, Holder
from signing.indication import Indication, SubIndication, indication_of
from signing.policy import Policy
from signing.reasons import REASONS
from signing.sign import sign
from signing.trust import TrustStore
from signing.verify import verify
from tests.signing.workshop import (
    DOCUMENT,
    DSIG,
    EXCLUSIVE,
    NOW,
    PATH,
    digest_of,
    employer,
    forge,
    judge,
    key_info,
    reference,
    rsa_key_value,
    signed_info,
    unsigned,
)


def test_a_signed_form_passes_and_the_verdict_says_who_signed_how_and_when(
    signed: bytes, trust: TrustStore, holder: Holder, pki: DemoPki
) -> None:
    verdict = judge(signed, trust)
    assert verdict.passed
    assert verdict.indication is Indication.TOTAL_PASSED
    assert verdict.sub_indication is None
    assert (verdict.file, verdict.path, verdict.policy, verdict.judged_at) == (
        "D02-TS.xml",
        PATH,
        "no-revocation-1",
        NOW,
    )
    assert verdict.signature_algorithm.endswith("rsa-sha256")
    assert verdict.digest_algorithm.endswith("sha256")
    assert verdict.signing_time_claimed == "2026-03-02T01:30:00+00:00"
    assert verdict.signer is not None
    assert verdict.signer.tax_codes == ("0101234565",)
    assert verdict.signer.certificate_sha256 == holder.certificate.fingerprint(hashes.SHA256()).hex()
    assert verdict.signer.serial == f"{holder.certificate.serial_number:x}"
    assert verdict.signer.common_name == "CÔNG TY TNHH MAY MẪU SÔNG HỒNG"
    assert verdict.chain == tuple(
        one.certificate.fingerprint(hashes.SHA256()).hex() for one in (pki.intermediate, pki.root)
    )


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "rsa-sha384", "rsa-sha512"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("exclusive", [False, True])
def test_every_accepted_algorithm_passes(
    algorithm: str, digest: str, exclusive: bool, holder: Holder, trust: TrustStore
) -> None:
    content = sign(
        unsigned(),
        PATH,
        holder.key,
        holder.certificate,
        now=NOW,
        algorithm=algorithm,
        digest=digest,
        exclusive=exclusive,
    )
    assert judge(content, trust).passed


@pytest.mark.parametrize("key", ["ec-p256", "ec-p384", "ec-p521"])
@pytest.mark.parametrize("algorithm", ["ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512"])
def test_every_accepted_curve_passes(key: str, algorithm: str, pki: DemoPki, trust: TrustStore) -> None:
    one = pki.issue(employer(key=key), NOW)
    content = sign(unsigned(), PATH, one.key, one.certificate, now=NOW, algorithm=algorithm)
    assert judge(content, trust).passed


def test_the_phone_signers_shape_passes_with_its_guid_and_its_object_in_no_namespace(
    holder: Holder, trust: TrustStore
) -> None:
    content = sign(unsigned(), PATH, holder.key, holder.certificate, now=NOW, smartca=True)
    assert b'<Object xmlns="">' in content
    verdict = judge(content, trust)
    assert verdict.passed
    assert verdict.signing_time_claimed.startswith("2026-03-02")


def test_what_remains_after_passing_is_exactly_what_was_signed(signed: bytes, trust: TrustStore) -> None:
    root = etree.fromstring(signed)
    assert verify(root, PATH, file="x", policy=Policy(), trust=trust, now=NOW).passed
    assert next(root.iter(f"{{{DSIG}}}Signature"), None) is None
    original = etree.fromstring(unsigned())
    assert etree.tostring(root) == etree.tostring(original)


@pytest.mark.parametrize(
    "place", ["<Cky>trước@sau</Cky>", "<Cky>@\n  </Cky>", "<Cky><!--c-->@ tail</Cky>", "<Cky>\n@<!--c-->\n</Cky>"]
)
def test_the_text_round_the_signature_stays(place: str, holder: Holder, trust: TrustStore) -> None:
    document = DOCUMENT.replace("<Cky>@</Cky>", place)
    root = etree.fromstring(forge(holder, document=document))
    assert verify(root, PATH, file="x", policy=Policy(), trust=trust, now=NOW).passed
    assert etree.tostring(root) == etree.tostring(etree.fromstring(unsigned(document)))


@pytest.mark.parametrize(
    "place", ["<Cky>trước@sau</Cky>", "<Cky>@</Cky>", "<Cky>@ tail</Cky>", "<Cky>\n<!--c-->x@y<!--d-->z</Cky>"]
)
def test_a_refused_document_is_left_as_it_was_found(place: str, holder: Holder, trust: TrustStore) -> None:
    content = forge(holder, document=DOCUMENT.replace("<Cky>@</Cky>", place)).replace(b"5310000", b"9310000")
    root = etree.fromstring(content)
    before = etree.tostring(root, method="c14n", with_comments=True)
    assert not verify(root, PATH, file="x", policy=Policy(), trust=trust, now=NOW).passed
    assert etree.tostring(root, method="c14n", with_comments=True) == before


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(signed: bytes, trust: TrustStore) -> None:
    assert judge(b"\xef\xbb\xbf" + signed.replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n"), trust).passed


def test_the_tail_of_the_document_counts_and_instructions_are_signed(holder: Holder, trust: TrustStore) -> None:
    document = DOCUMENT.replace("<D02-TS", "<?kieu a?><D02-TS", 1) + "<?duoi b?>"
    content = forge(holder, document=document)
    assert judge(content, trust).passed
    assert judge(content.replace(b"<?duoi b?>", b"<?duoi c?>"), trust).reason_code == "digest-differs"


def test_comments_are_outside_what_is_signed(signed: bytes, trust: TrustStore) -> None:
    assert judge(signed.replace(b"<Luong>", b"<!-- them --><Luong>"), trust).passed


def test_a_key_value_that_is_the_certificates_passes_with_leading_zeros_too(holder: Holder, trust: TrustStore) -> None:
    key_value = rsa_key_value(holder.key.public_key())
    assert judge(forge(holder, keys=key_info(holder.certificate, key_value=key_value)), trust).passed
    assert judge(forge(holder, keys=key_info(holder.certificate)), trust).passed


def test_authorities_beside_the_signers_certificate_are_passed_over(
    holder: Holder, pki: DemoPki, trust: TrustStore
) -> None:
    one, two = (key_info(x.certificate).partition("<X509Data>")[2] for x in (pki.intermediate, holder))
    keys = f"<KeyInfo><X509Data>{one.partition('</X509Data>')[0]}{two}"
    assert judge(forge(holder, keys=keys), trust).passed


def test_a_claimed_time_is_reported_and_never_trusted(signed: bytes, trust: TrustStore) -> None:
    changed = signed.replace(b"2026-03-02T01:30:00", b"1999-12-31T23:59:59")
    verdict = judge(changed, trust)
    assert verdict.passed
    assert verdict.signing_time_claimed.startswith("1999-12-31T23:59:59")
    odd = judge(signed.replace(b"2026-03-02T01:30:00", b"h&#244;m nay"), trust)
    assert odd.passed
    assert odd.signing_time_claimed.startswith("hôm nay")


def test_a_large_document_is_hashed_in_a_stream_with_the_same_verdict(signed: bytes, trust: TrustStore) -> None:
    for content, passed in ((signed, True), (signed.replace(b"5310000", b"5310001"), False)):
        root = etree.fromstring(content)
        verdict = verify(root, PATH, file="x", policy=Policy(), trust=trust, now=NOW, size_bytes=5 * 1024 * 1024)
        assert verdict.passed is passed


def test_a_second_look_at_the_same_form_is_as_strict_as_the_first(holder: Holder, trust: TrustStore) -> None:
    """The second of two signatures of one form is read by its form; every blank in it is still looked at."""
    for salary in (b"1", b"2", b"3"):
        content = sign(
            unsigned().replace(b"5310000", salary), PATH, holder.key, holder.certificate, now=NOW + timedelta(hours=1)
        )
        assert judge(content, trust).passed
        for old, new in (
            (b"<DigestValue>", b"<DigestValue> "),
            (b"</SignatureValue>", b"=</SignatureValue>"),
            (b"<SignatureValue>", b"<SignatureValue>AAAA"),
            (b"<DigestValue>", b"<DigestValue>AAAA"),
        ):
            assert not judge(content.replace(old, new), trust).passed
        wrapped = content.replace(b"<SignatureValue>", b"<SignatureValue>\n ")
        assert judge(wrapped, trust).passed


def test_a_blank_in_the_digest_is_part_of_what_is_signed(holder: Holder, trust: TrustStore) -> None:
    spaced = signed_info(reference().replace("<DigestValue>", "<DigestValue>\n"))
    assert judge(forge(holder, info=spaced), trust).passed


def test_inherited_xml_attributes_are_in_the_signed_form(holder: Holder, trust: TrustStore) -> None:
    document = DOCUMENT.replace("<D02-TS ", '<D02-TS xml:lang="vi" ').replace("<Cky>", '<Cky xml:space="preserve">')
    content = sign(unsigned(document), PATH, holder.key, holder.certificate, now=NOW)
    assert judge(content, trust).passed
    assert judge(content.replace(b'xml:lang="vi"', b'xml:lang="en"'), trust).reason_code == "digest-differs"


def test_exclusive_canonicalisation_of_signed_info_alone_passes(holder: Holder, trust: TrustStore) -> None:
    info = signed_info(c14n=f'Algorithm="{EXCLUSIVE}"')
    assert judge(forge(holder, info=info, exclusive=True), trust).passed
    # Inclusive for SignedInfo and exclusive for the document, too.
    both = f'<Transform Algorithm="{DSIG}enveloped-signature"/><Transform Algorithm="{EXCLUSIVE}"/>'
    mixed = signed_info(reference(digest_of(exclusive=True), transforms=both))
    assert judge(forge(holder, info=mixed), trust).passed


def test_every_reason_can_be_said_and_belongs_to_a_main_indication() -> None:
    names = (
        "path where count uri transforms algorithm bits least most curve key date issuer certificate authority octets"
    )
    fields = dict.fromkeys([*names.split(), "found"], "x")
    for reason in REASONS.values():
        assert reason.vi.format(**fields) != reason.en.format(**fields)
        assert indication_of(reason.sub_indication) is not Indication.TOTAL_PASSED
    assert indication_of(SubIndication.HASH_FAILURE) is Indication.TOTAL_FAILED
    assert indication_of(SubIndication.NO_CERTIFICATE_CHAIN_FOUND) is Indication.INDETERMINATE
