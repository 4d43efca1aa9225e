"""The report of a judgement as programs read it: verdicts and findings, in Vietnamese or English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from schemas.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signing.indication import Verdict

Language = Literal["vi", "en"]


class SignatureReport(Struct, frozen=True, kw_only=True):
    """One signature's verdict, without the certificate's bytes (the dossier holds them)."""

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


class Report(Struct, frozen=True, kw_only=True):
    """Everything that was judged: kept with the dossier, in both languages. `refused` is the kind of a refusal."""

    refused: str = ""
    signatures: tuple[SignatureReport, ...]
    findings: tuple[Finding, ...]


class FindingShown(Struct, frozen=True, kw_only=True):
    """A finding in one language, every field present."""

    code: str
    severity: str
    file: str
    form: str
    row: int | None
    row_name: str
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


class VerdictShown(Struct, frozen=True, kw_only=True):
    """The dossier's verdict as a whole, and each signature's."""

    indication: str
    sub_indication: str | None
    signatures: tuple[SignatureShown, ...]


def report_of(verdicts: Sequence[Verdict], findings: Sequence[Finding], refused: str = "") -> Report:
    """The report of a judgement."""
    return Report(refused=refused, signatures=tuple(map(_signature, verdicts)), findings=tuple(findings))


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


def shown_verdict(report: Report, language: Language) -> VerdictShown | None:
    """The verdict in one language; None when no signature could be looked at."""
    if not report.signatures:
        return None
    chief = next((s for s in report.signatures if s.indication != "TOTAL-PASSED"), report.signatures[0])
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
    )
