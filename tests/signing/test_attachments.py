"""Signatures in PDFs are judged as strictly as those in dossiers; each known way to cheat has its forged sample."""

import io
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper

from signing import pdf_signatures
from signing.attachments import PDF_BYTES_MAX, AttachmentSignatures
from signing.bounded_work import TooMuchWork, bounded_calls
from signing.demo_pki import DemoPki, Holder, make_crl, make_pki
from signing.indication import Indication, Refusal, SubIndication
from signing.pdf_signatures import SIGNATURES_MAX
from signing.policy import Policy, RevocationRule, RsaEnd
from signing.reasons_attachments import REASONS
from signing.revocation import RevocationStore
from signing.trust import TrustStore
from tests.signing import pdf_workshop as pdf
from tests.signing.tsa_workshop import Tsa
from tests.signing.workshop import NOW, refused

FORMAT = SubIndication.FORMAT_FAILURE


@pytest.fixture(scope="module")
def paper() -> bytes:
    return pdf.page()


@pytest.fixture(scope="module")
def signed(paper: bytes, holder: Holder) -> bytes:
    return pdf.sign(paper, holder)


@pytest.fixture(scope="module")
def stranger() -> Holder:
    """An employer of a PKI that nobody here trusts, with the same names."""
    return make_pki(NOW).employers["employer"]


# ---- what holds ----


def test_a_signed_pdf_passes_with_its_signer_and_format(signed: bytes, trust: TrustStore, holder: Holder) -> None:
    one = pdf.verdict(signed, trust)
    assert one.passed
    assert (one.file, one.path, one.format) == ("a.pdf", "ChuKy", "PAdES-B-B")
    assert one.signer is not None
    assert one.signer.certificate_der == holder.certificate.public_bytes(Encoding.DER)
    assert len(one.chain) == 2
    assert one.digest_algorithm.endswith("#sha256")
    assert one.signature_algorithm.endswith("#rsa-sha256")
    assert (one.best_signature_time, one.judged_at, one.policy) == (NOW, NOW, "no-revocation-1")
    assert one.cautions == ()
    assert one.proofs


def test_an_elliptic_curve_signs_too(paper: bytes, trust: TrustStore, elliptic: Holder) -> None:
    one = pdf.verdict(pdf.sign(paper, elliptic), trust)
    assert one.passed
    assert one.signature_algorithm.endswith("#ecdsa-sha256")


@pytest.mark.parametrize("md", ["sha384", "sha512"])
def test_longer_digests_pass(paper: bytes, trust: TrustStore, holder: Holder, md: str) -> None:
    assert pdf.verdict(pdf.sign(paper, holder, md=md), trust).passed


def test_a_signature_of_the_older_kind_passes_and_is_not_called_pades(
    paper: bytes, trust: TrustStore, holder: Holder
) -> None:
    one = pdf.verdict(pdf.sign(paper, holder, sub_filter=pdf.PKCS7), trust)
    assert one.passed
    assert one.format == "PKCS#7, not PAdES"


def test_of_two_signatures_both_pass_and_the_first_tells_of_the_second(
    signed: bytes, trust: TrustStore, elliptic: Holder
) -> None:
    found = pdf.judged(pdf.sign(signed, elliptic, field="ChuKy2"), trust)
    first, second = found.verdicts
    assert first.passed
    assert second.passed
    assert [caution.code for caution in first.cautions] == ["pdf-added-after-signing"]
    assert second.cautions == ()
    assert (first.path, second.path) == ("ChuKy", "ChuKy2")


def test_a_certified_pdf_takes_a_second_signature_where_its_signer_permits(
    paper: bytes, trust: TrustStore, holder: Holder, elliptic: Holder
) -> None:
    certified = pdf.sign(paper, holder, certify=MDPPerm.FILL_FORMS)
    assert all(one.passed for one in pdf.judged(pdf.sign(certified, elliptic, field="ChuKy2"), trust).verdicts)


def stamped_by(signed: bytes, tsa: Tsa, at: datetime) -> bytes:
    def stamp(info: cms.ContentInfo) -> None:
        signer = info["content"]["signer_infos"][0]
        token = cms.ContentInfo.load(tsa.token(signer["signature"].native, at))
        signer["unsigned_attrs"] = cms.CMSAttributes(
            [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})]
        )

    return pdf.changed_cms(signed, stamp)


@pytest.mark.parametrize(
    ("listed", "asked", "code"), [(0, 90, "revocation-stale"), (89, 90, "passed"), (89, 99, "revocation-stale")]
)
def test_an_old_time_stamp_does_not_make_stale_data_about_the_signer_fresh(
    listed: int, asked: int, code: str, signed: bytes, trust: TrustStore, pki: DemoPki
) -> None:
    day, tsa = timedelta(days=1), Tsa(pki.root)
    now, at = NOW + asked * day, NOW + listed * day
    store = RevocationStore(trust.authorities)
    for issuer, begin, end in ((pki.root, now - day, now + day), (pki.intermediate, at, at + 3 * day)):
        der = make_crl(issuer, this_update=begin, next_update=end)
        assert not isinstance(store.add_crl(der, source="test", fetched_at=now), Refusal)
    policy = Policy(id="asks", revocation=RevocationRule(required=True))
    content = stamped_by(signed, tsa, NOW + day)
    one = pdf.verdict(content, trust, now=now, tsa=tsa.trust(), policy=policy, revocation=store)
    assert (one.reason_code, one.best_signature_time) == (code, NOW + day)


def test_what_passes_by_the_legacy_switch_alone_is_said(paper: bytes, trust: TrustStore, holder: Holder) -> None:
    ended = (RsaEnd(3072, NOW - timedelta(days=1)),)
    legacy = Policy(id="legacy", legacy_until=NOW + timedelta(days=1), rsa_ends=ended)
    one = pdf.verdict(pdf.sign(paper, holder), trust, policy=legacy)
    assert one.passed
    assert [caution.code for caution in one.cautions] == ["legacy-algorithms"]


def test_a_time_stamp_makes_it_pades_t_and_saves_it_beyond_its_certificates_end(
    signed: bytes, trust: TrustStore
) -> None:
    tsa = Tsa()
    at = NOW + timedelta(days=3)
    stamped = stamped_by(signed, tsa, at)
    later = NOW + timedelta(days=800)
    one = pdf.verdict(stamped, trust, now=later, tsa=tsa.trust())
    assert one.passed
    assert (one.format, one.best_signature_time) == ("PAdES-B-T", at)
    assert {proof.kind for proof in one.proofs} == {"certificate", "timestamp"}
    # Without the authority's anchors, or with a token over another value, it saves nothing, and says why.
    alone = pdf.verdict(stamped, trust, now=later)
    refused(alone, SubIndication.OUT_OF_BOUNDS_NO_POE, "expired")
    assert [caution.code for caution in alone.cautions] == ["timestamp-no-anchors"]
    other = pdf.verdict(stamped, trust, now=later, tsa=Tsa().trust())
    refused(other, SubIndication.OUT_OF_BOUNDS_NO_POE, "expired")
    assert (other.format, [caution.code for caution in other.cautions]) == ("PAdES-B-B", ["timestamp-untrusted"])


# ---- who signed ----


def test_a_stranger_is_refused(paper: bytes, trust: TrustStore, stranger: Holder) -> None:
    refused(pdf.verdict(pdf.sign(paper, stranger), trust), *_chain_failure(trust, stranger))


def _chain_failure(trust: TrustStore, stranger: Holder) -> tuple[SubIndication, str]:
    """The stranger's authorities bear the same names as ours, so that a path is found and its signature fails."""
    found = trust.chain(stranger.certificate.public_bytes(Encoding.DER), NOW)
    return SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, found.code


def test_expired_and_not_yet_valid_are_told_apart(signed: bytes, trust: TrustStore) -> None:
    late = pdf.verdict(signed, trust, now=NOW + timedelta(days=800))
    refused(late, SubIndication.OUT_OF_BOUNDS_NO_POE, "expired")
    early = pdf.verdict(signed, trust, now=NOW - timedelta(days=2))
    assert early.reason_code in ("not-yet-valid", "authority-out-of-validity")


def test_an_authority_does_not_sign_attachments(paper: bytes, trust: TrustStore, pki: DemoPki) -> None:
    one = pdf.verdict(pdf.sign(paper, pki.intermediate), trust)
    refused(one, SubIndication.CHAIN_CONSTRAINTS_FAILURE, "authority-signs")


def test_revocation_that_is_not_known_waits_where_the_policy_asks_for_it(signed: bytes, trust: TrustStore) -> None:
    one = pdf.verdict(signed, trust, policy=Policy(id="asks", revocation=RevocationRule(required=True)))
    assert one.waits
    assert one.wanted


def test_another_certificate_of_the_same_name_and_number_is_not_taken_for_the_signers(
    signed: bytes, trust: TrustStore, holder: Holder, pki: DemoPki, stranger: Holder
) -> None:
    ours = holder.certificate
    forged = (
        x509.CertificateBuilder(issuer_name=ours.issuer, subject_name=stranger.certificate.subject)
        .public_key(ours.public_key())
        .serial_number(ours.serial_number)
        .not_valid_before(ours.not_valid_before_utc)
        .not_valid_after(ours.not_valid_after_utc)
        .sign(stranger.key, hashes.SHA256())
    )

    def replace(info: cms.ContentInfo) -> None:
        loaded = cms.CertificateChoices.load(forged.public_bytes(Encoding.DER))
        info["content"]["certificates"] = cms.CertificateSet([loaded])

    one = pdf.verdict(pdf.changed_cms(signed, replace), trust)
    refused(one, SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "pdf-signer-unknown")


def test_a_signature_without_certificates_has_no_known_signer(signed: bytes, trust: TrustStore) -> None:
    def remove(info: cms.ContentInfo) -> None:
        info["content"]["certificates"] = cms.CertificateSet([])

    one = pdf.verdict(pdf.changed_cms(signed, remove), trust)
    refused(one, SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "pdf-signer-unknown")


# ---- with what ----


def test_sha1_is_refused_and_pss_is_not_accepted(paper: bytes, trust: TrustStore, holder: Holder) -> None:
    crypto = SubIndication.CRYPTO_CONSTRAINTS_FAILURE
    pss = pdf.verdict(pdf.sign(paper, holder, pss=True), trust)
    refused(pss, crypto, "signature-algorithm")
    assert pss.signature_algorithm.endswith("#sha256-rsa-MGF1")
    refused(pdf.verdict(pdf.sign(paper, holder, md="sha1"), trust), crypto, "signature-algorithm")


def test_a_key_that_the_policy_finds_too_short_is_refused(signed: bytes, trust: TrustStore) -> None:
    one = pdf.verdict(signed, trust, policy=Policy(rsa_bits_min=4096))
    refused(one, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "key-size")


def test_signatures_of_old_kinds_are_refused_by_name(signed: bytes, trust: TrustStore) -> None:
    for name in (b"/adbe.pkcs7.sha1", b"/adbe.x509.rsa_sha1", b"/Own.Kind"):
        one = pdf.verdict(signed.replace(b"/ETSI.CAdES.detached", name.ljust(20)), trust)
        refused(one, SubIndication.SIG_CONSTRAINTS_FAILURE, "pdf-sub-filter")
        assert name[1:].decode() in one.reason_en


# ---- what was signed ----


def test_a_changed_byte_is_a_changed_content(signed: bytes, trust: TrustStore) -> None:
    at = signed.index(b"Hop dong")
    refused(pdf.verdict(signed[:at] + b"K" + signed[at + 1 :], trust), SubIndication.HASH_FAILURE, "pdf-digest")


def test_a_changed_content_is_told_before_an_unknown_signer(paper: bytes, trust: TrustStore, stranger: Holder) -> None:
    forged = pdf.sign(paper, stranger).replace(b"Hop dong", b"Quyet di")
    refused(pdf.verdict(forged, trust), SubIndication.HASH_FAILURE, "pdf-digest")


def test_a_changed_value_is_no_signature(signed: bytes, trust: TrustStore) -> None:
    def change(info: cms.ContentInfo) -> None:
        signer = info["content"]["signer_infos"][0]
        signer["signature"] = bytes(reversed(signer["signature"].native))

    refused(pdf.verdict(pdf.changed_cms(signed, change), trust), SubIndication.SIG_CRYPTO_FAILURE, "signature-value")


UPDATES: dict[str, Callable[[IncrementalPdfFileWriter], None]] = {
    "other text": pdf.show_other_text,
    "a shadow that was there when it was signed": pdf.show_the_shadow,
    "a catalogue entry": lambda update: (
        update.root.__setitem__("/Added", generic.pdf_string("x")),
        update.update_root(),
    ),
    "a page removed": lambda update: (
        update.root["/Pages"].__setitem__("/Kids", generic.ArrayObject()),
        update.update_container(update.root["/Pages"]["/Kids"]),
    ),
}


@pytest.mark.parametrize("update", UPDATES)
def test_an_incremental_update_after_signing_is_refused(signed: bytes, trust: TrustStore, update: str) -> None:
    refused(pdf.verdict(pdf.updated(signed, UPDATES[update]), trust), FORMAT, "pdf-changed-after-signing")


@pytest.mark.parametrize("update", ["other text", "a shadow that was there when it was signed"])
def test_a_change_between_two_signatures_does_not_spare_the_first(
    signed: bytes, trust: TrustStore, elliptic: Holder, update: str
) -> None:
    changed = pdf.sign(pdf.updated(signed, UPDATES[update]), elliptic, field="ChuKy2")
    first, second = pdf.judged(changed, trust).verdicts
    refused(first, FORMAT, "pdf-changed-after-signing")
    assert second.passed


def test_a_certified_pdf_that_permits_nothing_takes_no_second_signature(
    paper: bytes, trust: TrustStore, holder: Holder, elliptic: Holder
) -> None:
    certified = pdf.sign(paper, holder, certify=MDPPerm.NO_CHANGES)
    assert pdf.verdict(certified, trust).passed
    # pyHanko itself would not sign here: the forger's tool does.
    free = certified.replace(b"/P 1", b"/P 2")
    tail = pdf.sign(free, elliptic, field="ChuKy2")[len(free) :]
    first, second = pdf.judged(certified + tail, trust).verdicts
    refused(first, FORMAT, "pdf-change-not-permitted")
    assert second.path == "ChuKy2"


def test_bytes_appended_without_a_table_are_no_part_of_what_was_signed(signed: bytes, trust: TrustStore) -> None:
    """Incremental saving attacks: new objects behind the end, with a forged end, or none at all."""
    body = b"\n4 0 obj\n<</Length 25>>\nstream\nBT (Luong 99999999) Tj ET\nendstream\nendobj\n"
    start = signed[signed.rindex(b"startxref") :]
    trailer = b"trailer\n<</Root 1 0 R/Size 99>>\n" + start
    for tail in (body, body + trailer, body + start, b"\n%%EOF\n", b"\0" * 2000, body + b"%%EOF", start):
        found = pdf.judged(signed + tail, trust)
        assert found.state == "not-judged" or not any(one.passed for one in found.verdicts), tail
    assert pdf.verdict(signed + b"\r\n", trust).passed


# ---- ByteRange ----


def test_a_signature_over_less_than_its_revision_is_refused_though_its_signer_made_it(
    signed: bytes, trust: TrustStore, holder: Holder
) -> None:
    first, second, end = pdf.byte_range(signed)
    short = pdf.signed_anew(signed, holder, 0, first, second, end - second - 20)
    refused(pdf.verdict(short, trust), FORMAT, "pdf-not-whole")
    # The same tool, told the truth, makes a good one: so it is the range that is refused.
    assert pdf.verdict(pdf.signed_anew(signed, holder, 0, first, second, end - second), trust).passed


@pytest.mark.parametrize("numbers", ["late begin", "wide gap", "left", "no parts", "negative", "far", "five"])
def test_a_range_that_leaves_out_more_than_the_signature_is_refused(
    signed: bytes, trust: TrustStore, numbers: str
) -> None:
    """Universal signature forgery and signature wrapping both begin with a range of the forger's choice."""
    first, second, end = pdf.byte_range(signed)
    chosen = {
        "late begin": (9, first - 9, second, end - second),
        "wide gap": (0, first - 100, second, end - second),
        "left": (0, first, second + 9, end - second - 9),
        "no parts": (0, 0, 0, 0),
        "negative": (0, first, second, -1),
        "far": (0, first, second, 999),
        "five": (0, 9, 9, 9, 9),
    }[numbers]
    refused(pdf.verdict(pdf.with_range(signed, *chosen), trust), FORMAT, "pdf-byte-range")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"/ByteRange [", b"/ByteRangX ["),
        (rb"/Contents <", b"/Contentx <"),
        (rb"/Contents <30", b"/Contents <00"),
        (rb"/Contents <3082", b"/Contents <>82"),
    ],
)
def test_a_signature_without_range_or_contents_is_never_taken_for_one_that_holds(
    signed: bytes, trust: TrustStore, old: bytes, new: bytes
) -> None:
    """Universal signature forgery: some readers took what could not be read for nothing to complain of."""
    assert old in signed
    at = signed.rindex(old)
    found = pdf.judged(signed[:at] + new + signed[at + len(old) :] + b"%/ByteRange", trust)
    assert found.state == "not-judged" or not any(one.passed for one in found.verdicts)


def test_a_signature_wrapped_around_other_content_is_refused(signed: bytes, trust: TrustStore) -> None:
    """Signature wrapping attack: the second part moves back, and a new range and new objects fill the gap."""
    first, second, end = pdf.byte_range(signed)
    room = 400
    inserted = b"/ByteRange [0 %d %d %d]" % (first, second + room, end - second)
    inserted += b" >>\nendobj\n4 0 obj\n<</Length 25>>\nstream\nBT (Luong 99999999) Tj ET\nendstream\nendobj\n"
    wrapped = signed[:second] + inserted.ljust(room) + signed[second:]
    found = pdf.judged(wrapped, trust)
    assert found.state == "not-judged" or not any(one.passed for one in found.verdicts)


def test_what_is_hidden_behind_the_cms_is_refused(signed: bytes, trust: TrustStore) -> None:
    _, second, _ = pdf.byte_range(signed)
    hidden = signed[: second - 9] + b"deadbeef" + signed[second - 1 :]
    assert len(hidden) == len(signed)
    refused(pdf.verdict(hidden, trust), FORMAT, "pdf-signature-structure")


def test_a_cms_without_signed_attributes_is_refused(signed: bytes, trust: TrustStore) -> None:
    def remove(info: cms.ContentInfo) -> None:
        del info["content"]["signer_infos"][0]["signed_attrs"]

    refused(pdf.verdict(pdf.changed_cms(signed, remove), trust), FORMAT, "pdf-signature-structure")


def test_a_cms_with_content_or_with_two_signers_is_refused(signed: bytes, trust: TrustStore) -> None:
    def embed(info: cms.ContentInfo) -> None:
        info["content"]["encap_content_info"]["content"] = b"other"

    def double(info: cms.ContentInfo) -> None:
        signers_of = info["content"]["signer_infos"]
        info["content"]["signer_infos"] = cms.SignerInfos([signers_of[0].copy(), signers_of[0].copy()])

    for change in (embed, double):
        refused(pdf.verdict(pdf.changed_cms(signed, change), trust), FORMAT, "pdf-signature-structure")


# ---- what cannot be judged ----


def not_judged(found: AttachmentSignatures) -> None:
    assert (found.format, found.state, found.verdicts) == ("PAdES", "not-judged", ())
    assert found.note_vi
    assert found.note_en


@pytest.mark.parametrize("tail", [b"", b"\n%%EOF\n", b"\nstartxref\n0\n%%EOF\n", b"\nstartxref\n99999999\n%%EOF\n"])
def test_garbage_is_not_judged(trust: TrustStore, tail: bytes) -> None:
    not_judged(pdf.judged(b"%PDF-1.7\n/ByteRange " + random.Random(1).randbytes(5000) + tail, trust))


def test_a_header_that_comes_late_is_not_judged_and_not_called_unsigned(signed: bytes, trust: TrustStore) -> None:
    not_judged(pdf.judged(b"junk\n" + signed, trust, kind=".PDF"))


def test_a_pdf_larger_than_the_bound_is_not_judged(trust: TrustStore) -> None:
    not_judged(pdf.judged(b"%PDF-1.7\n/ByteRange" + bytes(PDF_BYTES_MAX), trust))


def test_an_encrypted_pdf_is_not_judged(paper: bytes, trust: TrustStore, holder: Holder) -> None:
    out = PdfFileWriter(stream_xrefs=False)
    out.encrypt(owner_pass="a", user_pass="b")
    kept = io.BytesIO()
    out.write(kept)
    found = pdf.judged(kept.getvalue() + b"%/ByteRange\n" + b"%%EOF\n", trust)
    not_judged(found)


def test_a_field_with_a_mark_but_no_signature_is_not_called_unsigned(paper: bytes, trust: TrustStore) -> None:
    marked = pdf.updated(
        paper, lambda update: update.root.__setitem__("/X", generic.pdf_name("/ByteRange")) or update.update_root()
    )
    not_judged(pdf.judged(marked, trust))


def test_a_time_stamp_over_the_document_alone_is_named_and_not_judged(paper: bytes, trust: TrustStore) -> None:
    tsa = pdf.signer_of(Tsa().unit)
    stamper = DummyTimeStamper(tsa.signing_cert, tsa.signing_key, fixed_dt=NOW)
    stamped = signers.PdfTimeStamper(stamper).timestamp_pdf(IncrementalPdfFileWriter(io.BytesIO(paper)), "sha256")
    found = pdf.judged(stamped.getvalue(), trust)
    not_judged(found)
    assert "dấu thời gian" in found.note_vi


def test_more_signatures_than_anybody_needs_are_not_judged(paper: bytes, trust: TrustStore, elliptic: Holder) -> None:
    content = paper
    for number in range(SIGNATURES_MAX + 1):
        content = pdf.sign(content, elliptic, field=f"K{number}", reserved=4096)
    not_judged(pdf.judged(content, trust))


def test_a_bomb_is_not_judged_and_takes_no_longer_than_its_bound(
    trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each object that is asked for makes the reader count through all that stand before it."""
    monkeypatch.setattr(pdf_signatures, "CALLS_MAX", 300_000)
    out = PdfFileWriter(stream_xrefs=True)
    packed = out.prepare_object_stream(compress=True)
    for _ in range(60_000):
        packed.add_object(out.allocate_placeholder().idnum, generic.NumberObject(1))
    fields = generic.ArrayObject()
    for number in range(200):
        field = generic.DictionaryObject({generic.pdf_name("/T"): generic.pdf_string(str(number))})
        fields.append(out.add_object(field, obj_stream=packed))
    out.root["/AcroForm"] = generic.DictionaryObject({generic.pdf_name("/Fields"): fields})
    kept = io.BytesIO()
    out.write(kept)
    found = pdf.judged(kept.getvalue() + b"%/ByteRange\n" + kept.getvalue()[-40:], trust)
    not_judged(found)
    assert "unreasonably complicated" in found.note_en


def test_work_is_bounded_by_calls_and_a_tracer_is_put_back() -> None:
    def forever() -> None:
        while True:
            str(object()).__len__()
            len_of("x")

    def len_of(text: str) -> int:
        return len(text)

    before = sys.gettrace()
    with pytest.raises(TooMuchWork), bounded_calls(1000):
        forever()
    assert sys.gettrace() is before
    with bounded_calls(1000):
        assert len_of("abc") == 3


# ---- none ----


def test_an_unsigned_attachment_has_none_and_costs_no_reader() -> None:
    script = """
import sys
from datetime import datetime, UTC
from signing.attachments import judge_attachment, AttachmentSignatures
from signing.policy import Policy
from signing.trust import TrustStore
given = {"policy": Policy(), "trust": TrustStore([]), "now": datetime(2026, 3, 2, tzinfo=UTC)}
for name, content in (("a.pdf", b"%PDF-1.4 %%EOF"), ("a.docx", b"PK\\x03\\x04 word/"), ("a.png", b"\\x89PNG")):
    found = judge_attachment(content, name=name, kind=name[1:], **given)
    assert found == AttachmentSignatures(file=name), found
print("pyhanko" in sys.modules)
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


# ---- all ----


@settings(max_examples=60)
@given(data=st.data())
def test_no_changed_byte_outside_the_signature_leaves_it_passed(
    data: st.DataObject, trust: TrustStore, signed: bytes
) -> None:
    first, second, _ = pdf.byte_range(signed)
    at = data.draw(st.integers(0, len(signed) - 1 - (second - first)))
    at += (second - first) * (at >= first)
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != signed[at]))
    found = pdf.judged(signed[:at] + bytes([value]) + signed[at + 1 :], trust)
    assert not any(one.passed for one in found.verdicts)
    assert found.state != "judged" or all(one.indication is not Indication.TOTAL_PASSED for one in found.verdicts)


@settings(max_examples=60)
@given(data=st.data())
def test_no_changed_contents_raises_or_names_another_signer(
    data: st.DataObject, trust: TrustStore, signed: bytes, holder: Holder
) -> None:
    contents = bytearray(pdf.contents_of(signed))
    for _ in range(data.draw(st.integers(1, 4))):
        contents[data.draw(st.integers(0, 2600))] = data.draw(st.integers(0, 255))
    found = pdf.judged(pdf.with_contents(signed, bytes(contents)), trust)
    for one in found.verdicts:
        assert not one.passed or one.signer.certificate_der == holder.certificate.public_bytes(Encoding.DER)


def test_every_reason_has_both_sentences_and_a_forged_sample() -> None:
    text = Path(__file__).read_text("utf-8")
    assert all(f'"{code}"' in text for code in REASONS)
    assert all(one.vi.endswith((".", ").")) and one.en.endswith((".", ").")) for one in REASONS.values())
