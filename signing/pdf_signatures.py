"""Signatures in a PDF (PAdES, ISO 32000-2 §12.8), read with pyHanko and judged by our own trust and policy."""

import hashlib
import io
import logging
from collections import ChainMap
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from msgspec import Struct
from pyhanko.pdf_utils.decode_limits import DecodeLimits, DocumentDecodeBudget
from pyhanko.pdf_utils.generic import DictionaryObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from signing import reasons, reasons_attachments, reasons_revocation, reasons_timestamp, reasons_xades
from signing.bounded_work import bounded_calls
from signing.certificate import SigningCertificate, read_certificate
from signing.indication import Caution, Indication, Proof, Refusal, TimestampUsed, Verdict, indication_of
from signing.judging import accepted_algorithms, validate_certificate
from signing.pdf_cms import CmsFacts, read_cms
from signing.policy import Algorithm, Policy
from signing.revocation import RevocationStore, Status
from signing.timestamp import open_token
from signing.trust import Chain, TrustStore

# One signature takes some fifty thousand, whatever the file's size; three on a hundred printed pages take two million,
# for each revision is then compared, object by object. That is one to three seconds of work.
CALLS_MAX: Final = 3_000_000
SIGNATURES_MAX: Final = 16
UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
UNPACKED_RATIO_MAX: Final = 4.0
FIELD_CHARACTERS_MAX: Final = 100
CHANGED_FIELDS_SHOWN_MAX: Final = 8

PADES_B: Final = "PAdES-B-B"
PADES_T: Final = "PAdES-B-T"
CADES: Final = "CAdES in PDF, not PAdES"
PKCS7: Final = "PKCS#7, not PAdES"

_CADES_FILTER: Final = "/ETSI.CAdES.detached"
_FILTERS: Final = frozenset({_CADES_FILTER, "/adbe.pkcs7.detached"})
_END: Final = b"%%EOF"
_TIMESTAMP_FILTER: Final = "/ETSI.RFC3161"
_LIMITS: Final = DecodeLimits(
    document_budget=DocumentDecodeBudget(base_allowance=UNPACKED_BYTES_MAX, max_ratio=UNPACKED_RATIO_MAX)
)
_NOTHING_KNOWN: Final = RevocationStore()
_REASONS: Final = ChainMap(
    reasons.REASONS,
    reasons_attachments.REASONS,
    reasons_revocation.REASONS,
    reasons_xades.REASONS,
    reasons_timestamp.REASONS,
)

# Its warnings quote the document, which has no place in our log; what it finds is in the verdict.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False


class PdfUnreadable(Exception):
    """The PDF cannot be read as the standard demands, hence its signatures cannot be judged: `vi` and `en` say why.

    Trying again changes nothing.
    """

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi = vi
        self.en = en


class PdfSignatures(Struct, frozen=True):
    """A verdict for each signature field that is filled, the oldest first; and how many time-stamps over the whole
    document there are besides, which are not judged.
    """

    verdicts: tuple[Verdict, ...]
    document_timestamps: int


class _Field(Struct, frozen=True):
    """A signature field that is filled, and the kind of signature in it (SubFilter)."""

    name: str
    filter_name: str
    dictionary: DictionaryObject


class _Case(Struct):
    """One signature under judgement: what the steps have learnt so far."""

    field: str
    at: datetime
    format: str = ""
    facts: CmsFacts | None = None
    certificate: SigningCertificate | None = None
    chain: Chain | None = None
    revocation: Status | None = None
    timestamps: tuple[TimestampUsed, ...] = ()
    proofs: tuple[Proof, ...] = ()
    cautions: tuple[Caution, ...] = ()


class _Context(Struct, frozen=True, kw_only=True):
    file: str
    policy: Policy
    trust: TrustStore
    now: datetime
    revocation: RevocationStore
    tsa: TrustStore | None


def judge_pdf(
    content: bytes,
    *,
    file: str,
    policy: Policy,
    trust: TrustStore,
    now: datetime,
    revocation: RevocationStore | None = None,
    tsa: TrustStore | None = None,
) -> PdfSignatures:
    """Judge every signature of a PDF (EN 319 102-1 v1.3.1 §5.3, EN 319 142-1 v1.2.1).

    pyHanko reads the file, says what a signature covers, compares later revisions with the signed one, and checks the
    value; certificates, algorithms, revocation and time-stamps are judged here. Raises `PdfUnreadable`, and
    `TooMuchWork` when reading takes more than CALLS_MAX calls. Opens no connection.
    """
    context = _Context(file=file, policy=policy, trust=trust, now=now, revocation=revocation or _NOTHING_KNOWN, tsa=tsa)
    verdicts, timestamps = [], 0
    with bounded_calls(CALLS_MAX):
        reader, fields = _open(content)
        for one in fields:
            if one.filter_name == _TIMESTAMP_FILTER:
                timestamps += 1
                continue
            case = _Case(one.name, now)
            try:
                refusal = _judge(case, reader, one, content, context)
            except Exception:  # as in _open; whatever it was, this signature has not been found to hold
                refusal = Refusal("pdf-signature-structure", {"where": case.field})
            verdicts.append(_verdict(case, refusal, context))
    return PdfSignatures(tuple(verdicts), timestamps)


def _open(content: bytes) -> tuple[PdfFileReader, list[_Field]]:
    try:
        reader = PdfFileReader(io.BytesIO(content), decode_limits=_LIMITS)
        encrypted, hybrid = reader.encrypt_dict is not None, reader.xrefs.hybrid_xrefs_present
        fields = [
            _Field(str(name)[:FIELD_CHARACTERS_MAX], str(value.get_object().get("/SubFilter", "")), field.get_object())
            for name, value, field in islice(enumerate_sig_fields(reader, filled_status=True), SIGNATURES_MAX + 1)
        ]
    except Exception as error:  # a hostile file brings out whatever its reader did not think of
        raise PdfUnreadable("cấu trúc PDF không đúng chuẩn", "the PDF is not built as the standard demands") from error
    if encrypted:
        raise PdfUnreadable("tệp được mã hóa", "the file is encrypted")
    if hybrid:
        # One file, two documents: which objects count depends on who reads (ISO 32000-2 §7.5.8.4).
        raise PdfUnreadable("tệp có hai bảng tham chiếu chồng nhau", "the file has two cross-reference tables in one")
    if len(fields) > SIGNATURES_MAX:
        raise PdfUnreadable(f"có hơn {SIGNATURES_MAX} chữ ký", f"there are more than {SIGNATURES_MAX} signatures")
    return reader, fields


def _judge(case: _Case, reader: PdfFileReader, field: _Field, content: bytes, context: _Context) -> Refusal | None:
    # (1) Format checking (§5.2.2): a kind that is accepted, and a range that leaves out the signature and nothing else.
    if field.filter_name not in _FILTERS:
        return Refusal("pdf-sub-filter", {"filter": field.filter_name[1:100]})
    case.format = CADES if field.filter_name == _CADES_FILTER else PKCS7
    embedded = EmbeddedPdfSignature(reader, field.dictionary, case.field)
    contents = bytes(embedded.pkcs7_content)
    span = _signed_span(list(embedded.byte_range), contents, content)
    if span is None:
        return Refusal("pdf-byte-range")
    facts = case.facts = read_cms(contents)
    if facts is None:
        return Refusal("pdf-signature-structure", {"where": "CMS"})
    # (2) Identification of the signing certificate (§5.2.3).
    if facts.certificate_der is None:
        return Refusal("pdf-signer-unknown")
    certificate = read_certificate(facts.certificate_der)
    if isinstance(certificate, Refusal):
        return certificate
    case.certificate = certificate
    if field.filter_name == _CADES_FILTER and facts.names_certificate:
        case.format = PADES_B
    # (3) Cryptographic constraints (§5.2.8) come first: an algorithm that is not accepted is not run.
    algorithms = accepted_algorithms(facts, certificate, context.policy, context.now)
    if isinstance(algorithms, Refusal):
        return algorithms
    rsa_bits = certificate.key_bits if certificate.rsa_numbers else 0
    caution = context.policy.legacy_caution(*algorithms, rsa_bits=rsa_bits, now=context.now)
    case.cautions += () if caution is None else (caution,)
    # (4) X.509 validation (§5.2.6), at the instant that a time-stamp proves; a refusal waits for the content.
    _judge_timestamps(case, facts, certificate, context)
    chain = validate_certificate(certificate, context.trust, case.at, context.policy)
    if isinstance(chain, Chain):
        case.chain = chain
        if context.policy.revocation.required:
            case.revocation = context.revocation.status(chain, context.policy, case.at, context.now)
    # (5) Cryptographic verification (§5.2.7), and what was done to the file afterwards.
    return (
        _check_content(embedded, facts, content, span, algorithms)
        or _check_changes(case, embedded, content[span[2] :])
        or (chain if isinstance(chain, Refusal) else None)
        or (case.revocation.refusal if case.revocation else None)
    )


def _signed_span(byte_range: list[object], contents: bytes, content: bytes) -> tuple[int, int, int] | None:
    """Return (end of the first part, begin and end of the second): all but the hexadecimal string of Contents
    (ISO 32000-2 §12.8.1). Anything else lets bytes into the file that nobody signed.
    """
    if len(byte_range) != 4 or not all(isinstance(one, int) and one >= 0 for one in byte_range):  # noqa: PLR2004
        return None
    begin, first, second, length = (int(str(one)) for one in byte_range)
    end = second + length
    if begin != 0 or not 0 < first < second < end <= len(content):
        return None
    between = content[first:second]
    if not between.startswith(b"<") or not between.endswith(b">"):
        return None
    try:
        written = bytes.fromhex(between[1:-1].decode("ascii"))
    except ValueError:
        return None
    return (first, second, end) if written == contents and len(between) == 2 * len(contents) + 2 else None


def _check_content(
    embedded: EmbeddedPdfSignature,
    facts: CmsFacts,
    content: bytes,
    span: tuple[int, int, int],
    algorithms: tuple[Algorithm, Algorithm],
) -> Refusal | None:
    """Check the digest of the signed span, then the value over the signed attributes (RFC 5652 §5.4, §5.6)."""
    first, second, end = span
    digest = hashlib.new(algorithms[1].hash_name, memoryview(content)[:first], usedforsecurity=True)
    digest.update(memoryview(content)[second:end])
    intact, valid = validate_sig_integrity(
        embedded.signer_info, embedded.signer_cert, expected_content_type="data", actual_digest=digest.digest()
    )
    if not intact or digest.digest() != facts.message_digest:
        return Refusal("pdf-digest")
    return None if valid else Refusal("signature-value")


def _check_changes(case: _Case, embedded: EmbeddedPdfSignature, tail: bytes) -> Refusal | None:
    """See what was added after signing: nothing, or what the signer permits, or what nobody could (EN 319 142-1 §4.1).

    Later signatures, data for validating them, and forms that were filled in are permitted, unless the signer certified
    the document against that (DocMDP, FieldMDP: ISO 32000-2 §12.8.2); they are named all the same. `tail` is what
    stands behind the signed range.
    """
    embedded.compute_integrity_info()  # type: ignore[no-untyped-call]
    seen: dict[str, object] = embedded.summarise_integrity_info()
    coverage, changes = seen["coverage"], seen["diff_result"]
    if not isinstance(coverage, SignatureCoverageLevel) or coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return Refusal("pdf-not-whole")
    # Revisions alone are compared; but programs that mend a file find what stands behind its last revision too, and
    # what somebody closed with an end that leads back to the old table (ISO 32000-2 §7.5.6).
    last = embedded.signed_revision == embedded.reader.xrefs.total_revisions - 1
    if (tail if last else tail[tail.rfind(_END) + len(_END) :]).strip():
        return Refusal("pdf-changed-after-signing")
    if not isinstance(changes, DiffResult) or changes.modification_level == ModificationLevel.OTHER:
        certified = embedded.docmdp_level is not None or embedded.fieldmdp is not None
        return Refusal("pdf-change-not-permitted" if certified else "pdf-changed-after-signing")
    permitted = embedded.docmdp_level
    if permitted is not None and changes.modification_level.value > permitted.value:
        return Refusal("pdf-change-not-permitted")
    if changes.modification_level != ModificationLevel.NONE:
        case.cautions += (_changed(sorted(changes.changed_form_fields)),)
    return None


def _changed(fields: list[str]) -> Caution:
    shown = ", ".join(one[:FIELD_CHARACTERS_MAX] for one in fields[:CHANGED_FIELDS_SHOWN_MAX])
    more_vi, more_en = (f" (trường biểu mẫu: {shown})", f" (form fields: {shown})") if shown else ("", "")
    return Caution(
        "pdf-added-after-signing",
        f"Sau chữ ký này tệp còn được bổ sung những phần được phép, như chữ ký khác hoặc điền biểu mẫu{more_vi}.",
        f"After this signature something permitted was added, as other signatures or filled-in forms are{more_en}.",
    )


def _judge_timestamps(case: _Case, facts: CmsFacts, certificate: SigningCertificate, context: _Context) -> None:
    """Take the earliest instant that a time-stamp on the value proves (EN 319 102-1 §5.5.4); name those that do not."""
    for der in facts.timestamps:
        refusal = _judge_timestamp(case, der, facts, certificate, context)
        if refusal is not None:
            reason = _REASONS[refusal.code]
            vi, en = reason.vi.format(**refusal.fields), reason.en.format(**refusal.fields)
            vi, en = f"Dấu thời gian của chữ ký không được dùng: {vi}", f"The signature's time-stamp is not used: {en}"
            case.cautions += (Caution(refusal.code, vi, en),)
    if case.timestamps:
        case.at = min(one.generated_at for one in case.timestamps)
        case.format = PADES_T if case.format == PADES_B else case.format


def _judge_timestamp(
    case: _Case, der: bytes, facts: CmsFacts, certificate: SigningCertificate, context: _Context
) -> Refusal | None:
    if context.tsa is None:
        return Refusal("timestamp-no-anchors")
    skew_s = context.policy.clock_skew_s_max
    token = open_token(der, facts.value, context.tsa, context.now, clock_skew_s=skew_s, curves=context.policy.curves)
    if isinstance(token, Refusal):
        return token
    at, begins = token.used.generated_at, certificate.signer.not_before
    if at + timedelta(seconds=skew_s) < begins:
        fields = {"time": f"{at:%d/%m/%Y %H:%M:%S} (UTC)", "date": f"{begins:%d/%m/%Y %H:%M:%S} (UTC)"}
        return Refusal("timestamp-before-certificate", fields)
    if context.policy.revocation.required:
        status = context.revocation.status(token.chain, context.policy, context.now)
        if status.refusal is not None:
            return status.refusal
        case.proofs += status.proofs
    case.timestamps += (token.used,)
    case.proofs += (token.proof, *token.chain.proofs)
    return None


def _verdict(case: _Case, refusal: Refusal | None, context: _Context) -> Verdict:
    """Put together what the steps have learnt."""
    facts, known = case.facts, case.revocation
    reason = _REASONS[refusal.code] if refusal else None
    return Verdict(
        file=context.file,
        path=case.field,
        indication=indication_of(reason.sub_indication) if reason else Indication.TOTAL_PASSED,
        sub_indication=reason.sub_indication if reason else None,
        reason_code=refusal.code if refusal else "passed",
        reason_vi=reason.vi.format(**refusal.fields) if reason and refusal else reasons.PASSED_VI,
        reason_en=reason.en.format(**refusal.fields) if reason and refusal else reasons.PASSED_EN,
        signer=case.certificate.signer if case.certificate else None,
        chain=case.chain.sha256 if case.chain else (),
        signature_algorithm=facts.signature_algorithm[:200] if facts else "",
        digest_algorithm=facts.digest_algorithm[:200] if facts else "",
        content_digest=facts.message_digest.hex() if facts else "",
        signature_value=facts.value if facts else b"",
        signing_time_claimed=facts.signing_time_claimed if facts else "",
        format=case.format,
        best_signature_time=case.at if case.certificate else None,
        revocation=known.used if known else (),
        timestamps=case.timestamps,
        proofs=(case.chain.proofs if case.chain else ()) + (known.proofs if known else ()) + case.proofs,
        wanted=known.wanted if known else (),
        cautions=case.cautions,
        policy=context.policy.id,
        judged_at=context.now,
    )
