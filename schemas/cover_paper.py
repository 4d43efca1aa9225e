"""The cover sheet of a paper dossier: what stands on it, its codes, and its PDF, a new sheet for each dossier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from schemas import typeset
from schemas.paper_codes import (
    LARGE_VERSION_MAX,
    DrawnCode,
    SheetCode,
    SheetsChanged,
    bars,
    drawn,
    sheets_of,
    square,
)
from schemas.receipt_paper import Field, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

_TEMPLATE: Final = "cover"
# Most covers stand on one sheet; one with more is set again when that is known.
_SETTINGS_MAX: Final = 3
# The columns' widths in sizes of their letters, a little less than the template's.
_FIELD_EM: Final = 17
_NAME_EM: Final = 21
_ADDRESS_EM: Final = 40


class PieceLine(Struct, frozen=True, kw_only=True):
    """One line of what is to be put in: `pages` is empty where nobody told."""

    number: int
    kind: Words
    name: str
    count: str
    pages: str
    note: Words


class CoverPaper(Struct, frozen=True, kw_only=True):
    """All that stands on the cover sheet of one dossier. `code` is what the large square holds, `code_told` tells it in
    words; `bars_text` stands in the bars and below them.
    """

    title: Words
    which: Words
    sent_by: tuple[str, ...]
    sent_to_label: Words
    sent_to: tuple[str, ...]
    code: str
    code_told: str
    fields: tuple[Field, ...]
    bars_text: str
    bars_told: str
    pieces_title: Words
    pieces_heads: tuple[Words, ...]
    pieces: tuple[PieceLine, ...]
    pieces_total: Words
    steps_title: Words
    steps: tuple[Words, ...]


class _Drawn(CoverPaper, frozen=True, kw_only=True):
    qr: str
    bars: str
    codes: tuple[DrawnCode, ...]


def pdf(
    papers: Sequence[CoverPaper],
    codes_of: Callable[[int, int], Sequence[SheetCode]],
    made_at: datetime,
    *,
    apart: bool = False,
) -> bytes:
    """The covers as one PDF/A on A4, dated `made_at`; the same papers, codes and instant give the same bytes.

    `codes_of(at, sheets)` gives the codes of the sheets of the cover `at` in the list when it has so many. A server
    sets it `apart`, in a process of its own. Raises CodeTooFine for a code beyond version 10 of the QR code, and
    TypesetError.
    """
    counted = (1,) * len(papers)
    for _ in range(_SETTINGS_MAX):
        content = [
            _drawn(one, codes_of(at, sheets)) for at, (one, sheets) in enumerate(zip(papers, counted, strict=True))
        ]
        made = (typeset.pdf_apart if apart else typeset.pdf)(_TEMPLATE, content, made_at)
        if (found := sheets_of(made)) == counted:
            return made
        counted = found
    raise SheetsChanged(f"set on {counted}, and never twice alike")


def _drawn(paper: CoverPaper, codes: Sequence[SheetCode]) -> _Drawn:
    """The paper as the template takes it: with its codes drawn, and places to break in long words."""
    shown = structs.replace(
        paper,
        sent_by=_cut(paper.sent_by, _NAME_EM),
        sent_to=_cut(paper.sent_to, _ADDRESS_EM),
        fields=tuple(
            one if one.digits else structs.replace(one, lines=_cut(one.lines, _FIELD_EM)) for one in paper.fields
        ),
        pieces=tuple(structs.replace(one, name=typeset.breakable(one.name, _NAME_EM)) for one in paper.pieces),
    )
    return _Drawn(
        **structs.asdict(shown),
        qr=square(paper.code, LARGE_VERSION_MAX),
        bars=bars(paper.bars_text),
        codes=drawn(codes),
    )


def _cut(lines: tuple[str, ...], width_em: float) -> tuple[str, ...]:
    return tuple(typeset.breakable(line, width_em) for line in lines)
