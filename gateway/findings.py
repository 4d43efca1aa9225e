"""Findings that only the line can make: whether the office can be told, and in which order all are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.routing import Ambiguous, Route
from schemas.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

ENVELOPE = "Hoso"
_OFFICE_POINTER = "/Hoso/NoiDung/ThongTinDonVi/CoQuanQuanLy"


def of_route(destination: Route | Ambiguous, written: str) -> list[Finding]:
    """What routing has to say: an office that cannot be told refuses; a code that was put right is a warning."""
    if isinstance(destination, Route) and not destination.explanation_vi:
        return []
    shown = ", ".join(f"{office.code} {office.name}" for office in destination.candidates)
    refused = isinstance(destination, Ambiguous)
    return [
        Finding(
            code="office-unresolved" if refused else "office-corrected",
            severity=Severity.ERROR if refused else Severity.WARNING,
            file=ENVELOPE,
            column="CoQuanQuanLy",
            pointer=_OFFICE_POINTER,
            value=written,
            message_vi=destination.explanation_vi,
            message_en=destination.explanation_en,
            fix_vi="Ghi đúng mã cơ quan 5 chữ số" + (f", một trong: {shown}." if shown else "."),
            fix_en="Write the office's 5-digit code" + (f", one of: {shown}." if shown else "."),
        )
    ]


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors before warnings, then by file, row and line, as a clerk works through them."""
    return tuple(
        sorted(findings, key=lambda f: (f.severity is not Severity.ERROR, f.file, f.row or 0, f.line or 0, f.column))
    )
