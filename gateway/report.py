"""The report of a judgement as programs read it: verdicts and findings, in Vietnamese or English."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from gateway.attached import Paper
from gateway.postal.paper_told import HANDWRITTEN, NOT_JUDGED
from schemas.findings import Finding
from signing.certificate import SigningCertificate, read_certificate
from signing.indication import (
    WAITING_REASONS,
    Caution,
    Indication,
    RevocationUsed,
    SubIndication,
    TimestampUsed,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signing.indication import Proof

Language = Literal["vi", "en"]


class SignatureReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One signature's verdict. What it rests on is named by digest and kept once for all dossiers (`storage.proofs`).

    `proofs` are (SHA-256, kind); the revocation data used stands in the report, for all its signatures together.
    """

    file: str
    path: str
    indication: str
    sub_indication: str | None
    reason: str
    reason_vi: str
    reason_en: str
    certificate_sha256: str
    subject: str
    tax_codes: tuple[str, ...]
    signature_algorithm: str
    signing_time_claimed: str
    policy: str
    format: str = ""
    digest_algorithm: str = ""
    content_digest: str = ""
    signature_value: bytes = b""
    chain: tuple[str, ...] = ()
    best_signature_time: datetime | None = None
    judged_at: datetime | None = None
    timestamps: tuple[TimestampUsed, ...] = ()
    cautions: tuple[Caution, ...] = ()
    proofs: tuple[tuple[str, str], ...] = ()


class Report(Struct, frozen=True, kw_only=True):
    """Everything that was judged: kept with the dossier, in both languages. `refused` is the kind of a refusal."""

    refused: str = ""
    signatures: tuple[SignatureReport, ...]
    findings: tuple[Finding, ...]
    revocation: tuple[RevocationUsed, ...] = ()
    # The very text of the policy that was in force, which is kept among the proofs; "" for one made in code.
    policy_sha256: str = ""
    papers: tuple[Paper, ...] = ()


class FindingShown(Struct, frozen=True, kw_only=True):
    """A finding in one language, every field present."""

    code: str
    severity: str
    file: str
    form: str
    row: int | None
    row_name: str
    row_key: str
    column: str
    column_label: str
    pointer: str
    line: int | None
    value: str
    message: str
    fix: str


class SignatureShown(Struct, frozen=True, kw_only=True):
    """A signature's verdict in one language."""

    file: str
    path: str
    indication: str
    sub_indication: str | None
    reason: str
    message: str
    certificate_sha256: str
    subject: str
    tax_codes: tuple[str, ...]
    signature_algorithm: str
    signing_time_claimed: str
    policy: str
    format: str
    cautions: tuple[str, ...]


class VerdictShown(Struct, frozen=True, kw_only=True):
    """The dossier's verdict as a whole, and each signature's. By hand it is NOT_JUDGED, as `message` says."""

    indication: str
    sub_indication: str | None
    signatures: tuple[SignatureShown, ...]
    message: str = ""


class PaperSignatureShown(Struct, frozen=True, kw_only=True):
    """One signature inside a supporting paper; `claimed` when nothing was found out about whether it holds."""

    place: str
    format: str
    indication: str
    sub_indication: str | None
    message: str
    subject: str
    claimed: bool


class PaperShown(Struct, frozen=True, kw_only=True):
    """What was judged of one supporting paper. `scan` is "clean" or "not-scanned" (`scan_why`)."""

    file: str
    signatures_state: str
    signatures: tuple[PaperSignatureShown, ...]
    note: str
    active: tuple[str, ...]
    scan: str
    scan_why: str
    scan_engine: str


def shown_papers(papers: Sequence[Paper], language: Language) -> list[PaperShown]:
    """What was judged of supporting papers, in one language."""
    vi = language == "vi"
    return [
        PaperShown(
            file=paper.file,
            signatures_state=paper.signatures_state,
            signatures=tuple(
                PaperSignatureShown(
                    place=one.place,
                    format=one.format,
                    indication=one.indication,
                    sub_indication=one.sub_indication,
                    message=one.reason_vi if vi else one.reason_en,
                    subject=one.subject,
                    claimed=one.claimed,
                )
                for one in paper.signatures
            ),
            note=paper.note_vi if vi else paper.note_en,
            active=tuple(f"{kind} ({where})" if where else kind for kind, where in paper.active),
            scan=paper.scan,
            scan_why=paper.scan_why,
            scan_engine=paper.scan_engine,
        )
        for paper in papers
    ]


def report_of(
    verdicts: Sequence[Verdict],
    findings: Sequence[Finding],
    refused: str = "",
    *,
    policy_sha256: str = "",
    papers: Sequence[Paper] = (),
) -> Report:
    """The report of a judgement."""
    used = {(one.certificate_sha256, one.sha256): one for verdict in verdicts for one in verdict.revocation}
    return Report(
        refused=refused,
        signatures=tuple(map(_signature, verdicts)),
        findings=tuple(findings),
        revocation=tuple(used.values()),
        policy_sha256=policy_sha256,
        papers=tuple(papers),
    )


def verdicts_of(report: Report, proofs: Mapping[str, Proof]) -> list[Verdict]:
    """The verdicts again, as they were, from a kept report and what it rests on (by SHA-256)."""
    return [_verdict(one, report, proofs) for one in report.signatures]


def _verdict(one: SignatureReport, report: Report, proofs: Mapping[str, Proof]) -> Verdict:
    certificate = proofs.get(one.certificate_sha256)
    read = read_certificate(certificate.der) if certificate else None
    path = {one.certificate_sha256, *one.chain}
    return Verdict(
        file=one.file,
        path=one.path,
        indication=Indication(one.indication),
        sub_indication=SubIndication(one.sub_indication) if one.sub_indication else None,
        reason_code=one.reason,
        reason_vi=one.reason_vi,
        reason_en=one.reason_en,
        signer=read.signer if isinstance(read, SigningCertificate) else None,
        chain=one.chain,
        signature_algorithm=one.signature_algorithm,
        digest_algorithm=one.digest_algorithm,
        content_digest=one.content_digest,
        signature_value=one.signature_value,
        signing_time_claimed=one.signing_time_claimed,
        format=one.format,
        best_signature_time=one.best_signature_time,
        revocation=tuple(used for used in report.revocation if used.certificate_sha256 in path),
        timestamps=one.timestamps,
        proofs=tuple(proofs[sha256] for sha256, _ in one.proofs if sha256 in proofs),
        cautions=one.cautions,
        policy=one.policy,
        judged_at=one.judged_at or datetime.fromtimestamp(0, UTC),
    )


def keep_report(report: Report) -> str:
    """The report as JSON, to be kept."""
    return msgspec.json.encode(report).decode()


def read_report(kept: str) -> Report:
    """A report as it was kept."""
    return msgspec.json.decode(kept.encode(), type=Report)


def shown_findings(findings: Sequence[Finding], language: Language) -> list[FindingShown]:
    """The findings in one language."""
    return [
        FindingShown(
            code=f.code,
            severity=f.severity.value,
            file=f.file,
            form=f.form,
            row=f.row,
            row_name=f.row_name,
            row_key=f.row_key,
            column=f.column,
            column_label=f.column_label,
            pointer=f.pointer,
            line=f.line,
            value=f.value,
            message=f.message_vi if language == "vi" else f.message_en,
            fix=f.fix_vi if language == "vi" else f.fix_en,
        )
        for f in findings
    ]


def by_hand(language: Language) -> VerdictShown:
    """What is said of signatures on paper."""
    said = "Chữ ký tay, không xét." if language == "vi" else "Handwritten signature, not judged."
    return VerdictShown(indication=NOT_JUDGED, sub_indication=HANDWRITTEN, signatures=(), message=said)


def shown_verdict(report: Report, language: Language) -> VerdictShown | None:
    """The verdict in one language; None when no signature could be looked at."""
    if not report.signatures:
        return None
    refused = [s for s in report.signatures if s.indication != "TOTAL-PASSED"]
    decided = [s for s in refused if s.reason not in WAITING_REASONS]
    chief = next(iter(decided or refused or report.signatures))
    return VerdictShown(
        indication=chief.indication,
        sub_indication=chief.sub_indication,
        signatures=tuple(
            SignatureShown(
                file=s.file,
                path=s.path,
                indication=s.indication,
                sub_indication=s.sub_indication,
                reason=s.reason,
                message=s.reason_vi if language == "vi" else s.reason_en,
                certificate_sha256=s.certificate_sha256,
                subject=s.subject,
                tax_codes=s.tax_codes,
                signature_algorithm=s.signature_algorithm,
                signing_time_claimed=s.signing_time_claimed,
                policy=s.policy,
                format=s.format,
                cautions=tuple(c.message_vi if language == "vi" else c.message_en for c in s.cautions),
            )
            for s in report.signatures
        ),
    )


def _signature(verdict: Verdict) -> SignatureReport:
    signer = verdict.signer
    return SignatureReport(
        file=verdict.file,
        path=verdict.path,
        indication=verdict.indication.value,
        sub_indication=verdict.sub_indication.value if verdict.sub_indication else None,
        reason=verdict.reason_code,
        reason_vi=verdict.reason_vi,
        reason_en=verdict.reason_en,
        certificate_sha256=signer.certificate_sha256 if signer else "",
        subject=signer.subject if signer else "",
        tax_codes=signer.tax_codes if signer else (),
        signature_algorithm=verdict.signature_algorithm,
        signing_time_claimed=verdict.signing_time_claimed,
        policy=verdict.policy,
        format=verdict.format,
        digest_algorithm=verdict.digest_algorithm,
        content_digest=verdict.content_digest,
        signature_value=verdict.signature_value,
        chain=verdict.chain,
        best_signature_time=verdict.best_signature_time,
        judged_at=verdict.judged_at,
        timestamps=verdict.timestamps,
        cautions=verdict.cautions,
        proofs=tuple((proof.sha256, proof.kind) for proof in verdict.proofs),
    )
