"""The printable receipt: what stands on it, and its PDF with the code that a telephone reads."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, structs

from schemas import typeset

if TYPE_CHECKING:
    from datetime import datetime

# Longer lists are cut, and the paper says by how much: everything is at the gateway.
FILES_SHOWN_MAX: Final = 200
FINDINGS_SHOWN_MAX: Final = 50
# What the code may hold: beyond it the squares become too small for a cheap printer.
CODE_CHARACTERS_MAX: Final = 300

_TEMPLATE: Final = "receipt"
# The columns' widths in sizes of their letters, a little less than the template's.
_FIELD_EM: Final = 32
_NAME_EM: Final = 16
_FORM_EM: Final = 5.2
_PAGE_EM: Final = 44
_GROUP_DIGITS: Final = 4
_LINE_GROUPS: Final = 8
# A finding longer than this may run on to the next sheet.
_WHOLE_CHARACTERS_MAX: Final = 1500


class Words(Struct, frozen=True):
    """The same in Vietnamese and English; the English is small, and may be missing."""

    vi: str
    en: str = ""


NOTHING: Final = Words("")


class Field(Struct, frozen=True, kw_only=True):
    """A label and its lines, `digits` set in letters of one width; a note may follow."""

    label: Words
    lines: tuple[str, ...]
    digits: bool = False
    note: Words = NOTHING


class File(Struct, frozen=True, kw_only=True):
    """A file of the dossier; its SHA-256 in groups."""

    number: int
    name: str
    form: str
    size: str
    sha256: tuple[str, ...]


class Complaint(Struct, frozen=True, kw_only=True):
    """A finding: what is wrong, with which value, how to mend it, and where."""

    number: int
    head: str
    message: Words
    value: str
    fix: Words
    place: str
    is_error: bool
    is_long: bool = False


class ReceiptPaper(Struct, frozen=True, kw_only=True):
    """All that stands on the paper, in its order. `code` is what the square code holds, `qr_told` tells it in words.

    `files_more` and `findings_more` say what did not find room.
    """

    title: Words
    outcome: Literal["good", "waits", "bad"]
    issuer: Words
    office: str
    number: str
    dated: str
    state: Words
    words: tuple[Words, ...]
    fields: tuple[Field, ...]
    checking: Words
    steps: tuple[Words, ...]
    code: str
    qr_told: str
    files_title: Words
    files_heads: tuple[Words, ...]
    findings_title: Words
    files: tuple[File, ...] = ()
    files_more: Words = NOTHING
    findings: tuple[Complaint, ...] = ()
    findings_more: Words = NOTHING
    foot: str


class _Drawn(ReceiptPaper, frozen=True, kw_only=True):
    qr: str


def pdf(paper: ReceiptPaper, made_at: datetime, *, apart: bool = False) -> bytes:
    """The paper as PDF/A on A4, dated `made_at`; the same paper and instant give the same bytes.

    A server sets it `apart`, in a process of its own. Raises TypesetError; ValueError for a `code` too long to scan.
    """
    return (typeset.pdf_apart if apart else typeset.pdf)(_TEMPLATE, _drawn(paper), made_at)


def pictures(paper: ReceiptPaper, made_at: datetime) -> list[bytes]:
    """The sheets as PNG, for looking at. Raises as `pdf` does."""
    return typeset.pictures(_TEMPLATE, _drawn(paper), made_at)


def grouped(digest: str) -> tuple[str, ...]:
    """A SHA-256 in hex for people to compare: groups of four digits, eight a line."""
    groups = [digest[at : at + _GROUP_DIGITS] for at in range(0, len(digest), _GROUP_DIGITS)]
    return tuple(" ".join(groups[at : at + _LINE_GROUPS]) for at in range(0, len(groups), _LINE_GROUPS))


def square_code(text: str) -> str:
    """A QR code (ISO/IEC 18004, level M, quiet zone of four) as SVG. Raises ValueError when it would be too fine."""
    if len(text) > CODE_CHARACTERS_MAX:
        raise ValueError(f"{len(text)} characters are too many for a code on paper")
    # Only who prints pays for it.
    import segno  # noqa: PLC0415

    out = io.BytesIO()
    segno.make_qr(text, error="m").save(out, kind="svg", xmldecl=False, svgns=True, border=4, nl=False)
    return out.getvalue().decode("ascii")


def _drawn(paper: ReceiptPaper) -> _Drawn:
    """The paper as the template takes it: with its code drawn, lists cut, and places to break in long words."""
    fields = tuple(
        structs.replace(one, lines=one.lines if one.digits else tuple(_cut(line, _FIELD_EM) for line in one.lines))
        for one in paper.fields
    )
    files = tuple(
        structs.replace(one, name=_cut(one.name, _NAME_EM), form=_cut(one.form, _FORM_EM))
        for one in paper.files[:FILES_SHOWN_MAX]
    )
    findings = tuple(map(_complaint, paper.findings[:FINDINGS_SHOWN_MAX]))
    shown = structs.replace(paper, fields=fields, files=files, findings=findings)
    return _Drawn(qr=square_code(paper.code), **{name: getattr(shown, name) for name in ReceiptPaper.__struct_fields__})


def _complaint(one: Complaint) -> Complaint:
    whole = (one.head, one.message.vi, one.message.en, one.value, one.fix.vi, one.fix.en, one.place)
    return structs.replace(
        one,
        message=_cut_words(one.message),
        value=_cut(one.value, _PAGE_EM),
        fix=_cut_words(one.fix),
        place=_cut(one.place, _PAGE_EM),
        is_long=sum(map(len, whole)) > _WHOLE_CHARACTERS_MAX,
    )


def _cut_words(words: Words) -> Words:
    return Words(_cut(words.vi, _PAGE_EM), _cut(words.en, _PAGE_EM))


def _cut(text: str, width_em: float) -> str:
    return typeset.breakable(text, width_em)
