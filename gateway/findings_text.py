"""Findings and verdicts as a clerk reads them: what is wrong, where, and how to put it right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.cli_terms import wrapped
from schemas.findings import Finding, Place, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.cli_terms import Language
    from signing.indication import Verdict

_INDENT = 5


def finding_lines(shown: Mapping[str, Any]) -> list[str]:
    """A finding from an answer of the gateway, in two short lines."""
    return [f"- {shown['message']}", f"  → {shown['fix']}"]


def block(number: int, found: Finding, language: Language) -> list[str]:
    """A finding as a numbered block."""
    heads = {Severity.ERROR: "LỖI · ERROR", Severity.WARNING: "LƯU Ý · WARNING"}
    lines = [f"{number:>3}. {heads[found.severity]}  [{found.code}]"]
    vi, en = language in ("vi", "both"), language in ("en", "both")
    where_vi, where_en = where(found)
    if vi:
        lines += wrapped("Ở đâu    : ", where_vi, _INDENT) if where_vi else []
    if en:
        lines += wrapped("Where    : ", where_en, _INDENT) if where_en else []
    if found.value:
        lines += wrapped(f"{'Giá trị  ' if vi else 'Value    '}: ", f"“{found.value}”", _INDENT)
    place = _place(found)
    if vi:
        lines += wrapped("Sai gì   : ", _bare(found.message_vi, place.words_vi()), _INDENT)
        lines += wrapped("Cách sửa : ", found.fix_vi, _INDENT)
    if en:
        lines += wrapped("Wrong    : ", _bare(found.message_en, place.words_en()), _INDENT)
        lines += wrapped("To mend  : ", found.fix_en, _INDENT)
    return lines


def where(found: Finding) -> tuple[str, str]:
    """File, form, row with the employee's name, column with its printed label, line; in both languages."""
    place = _place(found)
    vi, en = place.words_vi(), place.words_en()
    if found.form and found.file and found.form not in found.file:
        vi, en = f"{vi} · mẫu {found.form}", f"{en} · form {found.form}"
    if found.line is not None:
        vi, en = f"{vi} · dòng XML {found.line}", f"{en} · XML line {found.line}"
    return vi.removeprefix(" · "), en.removeprefix(" · ")


def signature_lines(verdicts: Sequence[Verdict], language: Language) -> list[str]:
    """One line for each signature that holds, and the reason for each that does not."""
    lines: list[str] = []
    for verdict in verdicts:
        who = ""
        if verdict.signer is not None:
            who = f"{verdict.signer.common_name} (MST {', '.join(verdict.signer.tax_codes) or '—'})"
        if verdict.passed:
            lines += wrapped(f"✓ {verdict.file}: ", who, 2)
            continue
        sub = verdict.sub_indication.value if verdict.sub_indication else ""
        lines += wrapped(f"✗ {verdict.file}: ", f"{verdict.indication.value} {sub} {who}", 2)
        lines += wrapped("", verdict.reason_vi, 6) if language in ("vi", "both") else []
        lines += wrapped("", verdict.reason_en, 6) if language in ("en", "both") else []
    return lines


def _place(found: Finding) -> Place:
    return Place(
        file=found.file,
        form=found.form,
        row=found.row,
        row_name=found.row_name,
        row_key=found.row_key,
        column=found.column,
        column_label=found.column_label,
    )


def _bare(message: str, place: str) -> str:
    """The message without the place that a line above has said already."""
    bare = message.removeprefix(f"{place}: ") if place else message
    return bare[:1].upper() + bare[1:]
