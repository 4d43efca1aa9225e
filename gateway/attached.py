"""What is judged of supporting papers: their own signatures, active content, and what a malware scanner found."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, structs

from schemas import active_content
from schemas.envelope_files import ATTACHMENT
from schemas.findings import Finding, Severity
from signing.attachments import judge_attachment
from signing.indication import Indication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.judge import Tables
    from gateway.scanner import Scan
    from schemas.envelope import Envelope
    from schemas.envelope_files import EnvelopeFile
    from signing.attachments import AttachmentSignatures
    from signing.indication import Verdict

# `schemas.attachments` refuses these itself.
_REFUSED_ELSEWHERE: Final = frozenset({"macro"})
_NOT_SCANNED: Final = "not-scanned"
_LARGE: Final = ("Tệp quá lớn, chưa được xét.", "The file is too large and was not judged.")


class PaperSigned(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One signature inside a supporting paper. `claimed` says that nothing was found out about whether it holds."""

    place: str = ""
    format: str = ""
    indication: str = ""
    sub_indication: str | None = None
    reason_vi: str = ""
    reason_en: str = ""
    subject: str = ""
    certificate_sha256: str = ""
    at: datetime | None = None
    claimed: bool = False


class Paper(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One supporting paper. `scan` is "clean", "infected" or "not-scanned", `scan_why` why not.

    `signatures_state` is "none", "judged" or "not-judged": never silently fine. `active` are (kind, place).
    """

    file: str
    signatures_state: str = "none"
    signatures: tuple[PaperSigned, ...] = ()
    note_vi: str = ""
    note_en: str = ""
    active: tuple[tuple[str, str], ...] = ()
    unread: str = ""
    scan: str = _NOT_SCANNED
    scan_why: str = ""
    scan_engine: str = ""


def judge_papers(envelope: Envelope, tables: Tables, now: datetime) -> tuple[list[Finding], tuple[Paper, ...]]:
    """Every supporting paper's own signatures and active content. What they are worth is for the office to say: a
    signature that does not hold is a warning, or an error where the gateway is told to refuse it.
    """
    findings: list[Finding] = []
    papers: list[Paper] = []
    for file in envelope.files:
        # Of one that is held already nothing came: what was found of it stands in its own dossier's report.
        if file.form == ATTACHMENT and file.refers_to is None:
            paper, found = _judge(file, tables, now)
            papers.append(paper)
            findings += found
    return findings, tuple(papers)


def papers_of(envelope: Envelope) -> tuple[EnvelopeFile, ...]:
    """The supporting papers themselves, for whoever scans them."""
    return tuple(file for file in envelope.files if file.form == ATTACHMENT and file.refers_to is None)


def _judge(file: EnvelopeFile, tables: Tables, now: datetime) -> tuple[Paper, list[Finding]]:
    if file.is_too_large_to_read:
        paper = Paper(
            file=file.name, signatures_state="not-judged", unread="too-large", note_vi=_LARGE[0], note_en=_LARGE[1]
        )
        return paper, [_not_looked_into(file)]
    # Read once: a file of a large container is not held for longer than it is judged.
    content = file.content
    signed = judge_attachment(
        content,
        name=file.name,
        kind=file.kind,
        policy=tables.policy,
        trust=tables.trust,
        now=now,
        revocation=tables.revocation,
        tsa=tables.tsa,
    )
    looked = active_content.look(content)
    findings = active_content.judge(looked, file.place, name=file.name, kind=file.kind, passed_over=_REFUSED_ELSEWHERE)
    refuse = tables.refuse_broken_papers
    findings += [_broken(file, one, refuse=refuse) for one in signed.verdicts if not one.passed and not one.waits]
    if signed.state == "not-judged":
        findings.append(_not_judged(file, signed))
    paper = Paper(
        file=file.name,
        signatures_state=signed.state,
        signatures=(
            *(_shown(one) for one in signed.verdicts),
            *(
                PaperSigned(subject=one.subject, certificate_sha256=one.certificate_sha256, claimed=True)
                for one in signed.claimed
            ),
        ),
        note_vi=signed.note_vi,
        note_en=signed.note_en,
        active=tuple((one.kind, one.where) for one in looked.found),
        unread=looked.unread,
    )
    return paper, findings


def _shown(verdict: Verdict) -> PaperSigned:
    return PaperSigned(
        place=verdict.path,
        format=verdict.format,
        indication=verdict.indication.value,
        sub_indication=verdict.sub_indication.value if verdict.sub_indication else None,
        reason_vi=verdict.reason_vi,
        reason_en=verdict.reason_en,
        subject=verdict.signer.subject if verdict.signer else "",
        certificate_sha256=verdict.signer.certificate_sha256 if verdict.signer else "",
        at=verdict.best_signature_time,
    )


def scanned(papers: Sequence[Paper], scans: Sequence[Scan]) -> tuple[Paper, ...]:
    """The papers with what the scanner said of each, in their order."""
    return tuple(
        structs.replace(paper, scan=scan.state, scan_why=scan.why, scan_engine=scan.engine)
        for paper, scan in zip(papers, scans, strict=True)
    )


def infected(file: EnvelopeFile, scan: Scan) -> Finding:
    """Malware in a supporting paper: the dossier is refused."""
    return _finding(
        "attachment-infected",
        file,
        Severity.ERROR,
        value=scan.signature,
        vi=f"Tệp “{file.name}” chứa mã độc theo phần mềm quét ({scan.signature}).",
        en=f"The scanner found malware in “{file.name}” ({scan.signature}).",
        fix=(
            "Làm sạch máy tính, tạo lại tệp từ bản gốc rồi lập và ký lại hồ sơ.",
            "Clean the computer, make the file again from its original, then build and sign the dossier again.",
        ),
    )


def _broken(file: EnvelopeFile, verdict: Verdict, *, refuse: bool) -> Finding:
    failed = verdict.indication is Indication.TOTAL_FAILED
    return _finding(
        "attachment-signature-failed" if failed else "attachment-signature-undecided",
        file,
        Severity.ERROR if refuse and failed else Severity.WARNING,
        value=verdict.sub_indication.value if verdict.sub_indication else "",
        vi=f"Chữ ký “{verdict.path}” trong tệp “{file.name}”: {verdict.reason_vi}",
        en=f"The signature “{verdict.path}” in “{file.name}”: {verdict.reason_en}",
        fix=(
            "Ký lại tệp đính kèm từ bản gốc, rồi lập và ký lại hồ sơ.",
            "Sign the attachment again from its original, then build and sign the dossier again.",
        ),
    )


def _not_judged(file: EnvelopeFile, signed: AttachmentSignatures) -> Finding:
    return _finding(
        "attachment-signature-not-judged",
        file,
        Severity.WARNING,
        value=signed.format,
        vi=f"Tệp “{file.name}” có chữ ký nhưng cổng không xét được: {signed.note_vi}",
        en=f"“{file.name}” carries a signature that the gateway did not judge: {signed.note_en}",
        fix=(
            "Không bắt buộc; nếu cần được xét, ký tệp PDF theo PAdES.",
            "Nothing need be done; to have it judged, sign a PDF with PAdES.",
        ),
    )


def _not_looked_into(file: EnvelopeFile) -> Finding:
    return _finding(
        "attachment-not-looked-into",
        file,
        Severity.WARNING,
        value=str(file.size_bytes),
        vi=f"Tệp “{file.name}” quá lớn: cổng chỉ xét kích thước, mã băm, phần đầu và phần cuối; chữ ký riêng và "
        "nội dung động trong tệp chưa được xét.",
        en=f"“{file.name}” is too large: only its size, digest, beginning and end were looked at; signatures of its "
        "own and active content were not.",
        fix=(
            "Không bắt buộc; nếu cần được xét, chia tệp thành các tệp nhỏ hơn 64 MiB.",
            "Nothing need be done; to have it judged, split it into files below 64 MiB.",
        ),
    )


def _finding(
    code: str, file: EnvelopeFile, severity: Severity, *, value: str, vi: str, en: str, fix: tuple[str, str]
) -> Finding:
    place = file.place
    return Finding(
        code=code,
        severity=severity,
        file=place.file,
        form=place.form,
        pointer=place.pointer,
        line=place.line,
        value=value,
        message_vi=vi,
        message_en=en,
        fix_vi=fix[0],
        fix_en=fix[1],
    )


def scan_state(papers: Sequence[Paper]) -> Literal["none", "clean", "not-scanned"]:
    """What an office should know at a glance: were all papers scanned and found clean?"""
    if not papers:
        return "none"
    return "clean" if all(paper.scan == "clean" for paper in papers) else "not-scanned"
