"""Straight through: every check that was made of a dossier, and whether an office can decide by them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from schemas.envelope_files import ATTACHMENT, ENVELOPE
from schemas.findings import Severity
from signing.indication import WAITING_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.attached import Paper
    from gateway.report import Language, Report, SignatureReport
    from schemas.findings import Finding
    from schemas.procedure import Procedure

Result = Literal["passed", "warnings", "failed", "not-made", "none"]

_PASSED: Final = "TOTAL-PASSED"
_FAILED: Final = "TOTAL-FAILED"
_GOOD: Final = frozenset({"passed", "none"})
_SAYS: Final = {
    "signatures": ("Chữ ký số của phong bì và các tờ khai", "Signatures of the envelope and the forms"),
    "envelope": (
        "Phong bì, người ký, đơn vị, thủ tục và cơ quan thụ lý",
        "Envelope, signer, unit, procedure and competent office",
    ),
    "forms": ("Mẫu và quy tắc của từng tờ khai", "Layout and rules of each form"),
    "papers": ("Loại tệp và nội dung của chứng từ đi kèm", "Kind and content of the supporting papers"),
    "paper-signatures": ("Chữ ký số trong chứng từ đi kèm", "Signatures inside the supporting papers"),
    "malware": ("Quét mã độc chứng từ đi kèm", "The supporting papers scanned for malware"),
}
_RESULTS: Final[dict[Result, tuple[str, str]]] = {
    "passed": ("đạt", "passed"),
    "warnings": ("đạt, có cảnh báo cần xem", "passed, with warnings to be looked at"),
    "failed": ("không đạt", "failed"),
    "not-made": ("chưa kiểm tra được", "not made"),
    "none": ("không có gì để kiểm tra", "nothing to check"),
}


class Check(Struct, frozen=True):
    """One check and what came of it: `passed`, `warnings` (a person should look), `failed`, `not-made`, or `none` where
    there was nothing to check.
    """

    check: str
    result: Result


class CheckShown(Struct, frozen=True):
    """A check in one language: what was checked, and what came of it."""

    check: str
    result: str
    message: str


def checks_made(report: Report) -> list[Check]:
    """Every check of a dossier, from what was kept of its judgement, always the same ones in the same order."""
    envelope, forms, papers = _sorted(report.findings)
    return [
        Check("signatures", _of_signatures(report.signatures)),
        Check("envelope", _of_findings(envelope)),
        Check("forms", _of_findings(forms)),
        Check("papers", _of_papers(report.papers, papers)),
        Check("paper-signatures", _of_paper_signatures(report.papers)),
        Check("malware", _of_scans(report.papers)),
    ]


def is_straight_through(procedure: Procedure, report: Report, *, has_references: bool = False) -> bool:
    """Whether the procedure is simple, and every check was made and passed with nothing for a person to look at.

    One that refers to papers of earlier dossiers is never: what was found about them stands in those dossiers' reports.
    The office decides all the same: this only tells it that nothing is left to be checked by hand. That a procedure is
    simple is an unconfirmed fact of the catalogue, which an operator may take back with a version of his own.
    """
    if not procedure.straight_through or report.refused or has_references:
        return False
    return all(one.result in _GOOD for one in checks_made(report))


def shown(checks: Iterable[Check], language: Language) -> list[CheckShown]:
    """The checks in one language."""
    at = 0 if language == "vi" else 1
    return [CheckShown(one.check, one.result, f"{_SAYS[one.check][at]}: {_RESULTS[one.result][at]}") for one in checks]


def _sorted(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """What is about the envelope and the dossier as a whole, about forms, about papers."""
    envelope: list[Finding] = []
    forms: list[Finding] = []
    papers: list[Finding] = []
    for one in findings:
        if one.form == ATTACHMENT or one.code.startswith(("attachment-", "reference-")):
            papers.append(one)
        elif one.file in ("", ENVELOPE) or one.form in ("", ENVELOPE):
            envelope.append(one)
        else:
            forms.append(one)
    return envelope, forms, papers


def _of_findings(findings: Sequence[Finding]) -> Result:
    if any(one.severity is Severity.ERROR for one in findings):
        return "failed"
    return "warnings" if findings else "passed"


def _of_signatures(signatures: Sequence[SignatureReport]) -> Result:
    if not signatures:
        return "not-made"
    refused = [one for one in signatures if one.indication != _PASSED]
    if any(one.reason not in WAITING_REASONS for one in refused):
        return "failed"
    if refused:
        return "not-made"
    return "warnings" if any(one.cautions for one in signatures) else "passed"


def _of_papers(papers: Sequence[Paper], findings: Sequence[Finding]) -> Result:
    found = _of_findings(findings)
    if found == "failed":
        return found
    if any(one.unread for one in papers):
        return "not-made"
    if found == "warnings" or any(one.active for one in papers):
        return "warnings"
    return "passed" if papers else "none"


def _of_paper_signatures(papers: Sequence[Paper]) -> Result:
    if any(one.signatures_state == "not-judged" for one in papers):
        return "not-made"
    signatures = [each for one in papers for each in one.signatures]
    if any(each.indication == _FAILED for each in signatures):
        return "failed"
    if any(each.claimed or each.indication != _PASSED for each in signatures):
        return "not-made"
    return "passed" if signatures else "none"


def _of_scans(papers: Sequence[Paper]) -> Result:
    if any(one.scan == "infected" for one in papers):
        return "failed"
    if any(one.scan != "clean" for one in papers):
        return "not-made"
    return "passed" if papers else "none"
