"""The hand-over note that three parties sign: what stands in its lines, each item's bars, and its PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from schemas import typeset
from schemas.paper_codes import bars
from schemas.receipt_paper import NOTHING, Words

if TYPE_CHECKING:
    from datetime import datetime

# Two lists of 500 that name wholly different items.
LINES_MAX: Final = 1000
PARTIES: Final = 3

_TEMPLATE: Final = "handover"
# How wide the columns of words are, in sizes of their letters, a little less than the template's.
_CODE_EM: Final = 13
_UNIT_EM: Final = 13
_ADDRESS_EM: Final = 13
_NAME_EM: Final = 24
_SIGNER_EM: Final = 22


class ItemLine(Struct, frozen=True, kw_only=True):
    """One item: its number, the dossiers in it, whose it is, a cell for each kind that is counted, and a remark."""

    item: str
    dossiers: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    address: str = ""
    phone: str = ""
    counts: tuple[str, ...]
    remark: Words = NOTHING


class Party(Struct, frozen=True, kw_only=True):
    """Who signs: as what, and, where it is known, who and when."""

    title: Words
    lines: tuple[str, ...] = ()


class HandoverPaper(Struct, frozen=True, kw_only=True):
    """All that stands on the note, in its order. `count_heads` are the kinds; `totals` their sums."""

    superior: str
    office: str
    number: str
    dated: str
    title: Words
    under_title: tuple[Words, ...]
    heads: tuple[Words, ...]
    count_heads: tuple[Words, ...]
    lines: tuple[ItemLine, ...]
    total: Words
    totals: tuple[str, ...]
    notes: tuple[Words, ...]
    parties: tuple[Party, ...]
    sign_here: Words
    foot: str


class _DrawnLine(ItemLine, frozen=True, kw_only=True):
    bars: str


class _Drawn(HandoverPaper, frozen=True, kw_only=True):
    lines: tuple[_DrawnLine, ...]


def pdf(paper: HandoverPaper, made_at: datetime, *, apart: bool = False) -> bytes:
    """The note as PDF/A on wide A4, dated `made_at`; the same paper and instant give the same bytes.

    A server sets it `apart`, in a process of its own. Raises ValueError for more than `LINES_MAX` lines or a cell too
    many, `CodeTooFine` for an item number that no bars can hold, and what `typeset` raises.
    """
    return (typeset.pdf_apart if apart else typeset.pdf)(_TEMPLATE, _drawn(paper), made_at)


def pictures(paper: HandoverPaper, made_at: datetime) -> list[bytes]:
    """The sheets as PNG, for looking at. Raises as `pdf` does."""
    return typeset.pictures(_TEMPLATE, _drawn(paper), made_at)


def _drawn(paper: HandoverPaper) -> _Drawn:
    """The note as the template takes it: with its bars drawn, and places to break in long words."""
    if len(paper.lines) > LINES_MAX:
        raise ValueError(f"{len(paper.lines)} lines: more than {LINES_MAX}")
    counts = len(paper.count_heads)
    if len(paper.parties) != PARTIES or any(len(one) != counts for one in (*_cells(paper), paper.totals)):
        raise ValueError("parties or columns do not agree")
    shown = structs.replace(
        paper,
        superior=typeset.breakable(paper.superior, _NAME_EM),
        office=typeset.breakable(paper.office, _NAME_EM),
        parties=tuple(structs.replace(one, lines=_cut(one.lines, _SIGNER_EM)) for one in paper.parties),
    )
    fields = {name: getattr(shown, name) for name in HandoverPaper.__struct_fields__ if name != "lines"}
    return _Drawn(lines=tuple(map(_drawn_line, paper.lines)), **fields)


def _cells(paper: HandoverPaper) -> tuple[tuple[str, ...], ...]:
    return tuple(one.counts for one in paper.lines)


def _drawn_line(one: ItemLine) -> _DrawnLine:
    cut = structs.replace(
        one,
        dossiers=_cut(one.dossiers, _CODE_EM),
        unit=_cut(one.unit, _UNIT_EM),
        address=typeset.breakable(one.address, _ADDRESS_EM),
    )
    return _DrawnLine(bars=bars(one.item), **{name: getattr(cut, name) for name in ItemLine.__struct_fields__})


def _cut(lines: tuple[str, ...], width_em: float) -> tuple[str, ...]:
    return tuple(typeset.breakable(line, width_em) for line in lines)
