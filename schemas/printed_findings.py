"""Findings in words for a printed page, with the same sentences that every other door gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.findings import Severity
from schemas.printed_page import Complaint, Complaints, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.findings import Finding
    from schemas.printed_page import Language

_HEADS: Final = {
    ("vi", Severity.ERROR): "LỖI",
    ("vi", Severity.WARNING): "LƯU Ý",
    ("en", Severity.ERROR): "ERROR",
    ("en", Severity.WARNING): "WARNING",
}


def complaints(findings: Sequence[Finding], language: Language, title: str) -> Complaints:
    """The findings, numbered from 1 in their order: message, value and fix word for word."""
    return Complaints(title, tuple(_complaint(number, found, language) for number, found in enumerate(findings, 1)))


def counted(findings: Sequence[Finding], language: Language) -> str:
    """How many errors and warnings there are."""
    errors = sum(found.severity is Severity.ERROR for found in findings)
    warnings = len(findings) - errors
    return f"{errors} lỗi, {warnings} lưu ý" if language == "vi" else f"{errors} errors, {warnings} warnings"


def _complaint(number: int, found: Finding, language: Language) -> Complaint:
    vi = language == "vi"
    form, line = ("mẫu", "dòng XML") if vi else ("form", "XML line")
    place = [f"{form} {found.form}"] if found.form else []
    place += [f"{line} {found.line}"] if found.line is not None else []
    place += [found.pointer] if found.pointer else []
    return Complaint(
        number=number,
        severity=found.severity.value,
        head=f"{_HEADS[language, found.severity]} [{found.code}]",
        message=seen(found.message_vi if vi else found.message_en),
        value=seen(found.value),
        fix=seen(found.fix_vi if vi else found.fix_en),
        place=seen(" · ".join(place)),
    )
