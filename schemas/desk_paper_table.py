"""The wide papers of an office, a control sheet or a register: what stands in their columns, and their PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, structs

from schemas import typeset
from schemas.receipt_paper import NOTHING, Field, Words

if TYPE_CHECKING:
    from datetime import datetime

# A sheet of a thousand lines takes half a second and 200 MB; memory and time grow with the lines.
ROWS_MAX: Final = 1_000

_TEMPLATE: Final = "table"
# How wide the sheet is between its margins, in sizes of its letters, a little less than the template's.
_PAGE_EM: Final = 82
_FIELD_EM: Final = 28
_NAME_EM: Final = 24

Row = tuple[str, ...]
"""One cell for each column; a line break within a cell is written as one."""


class Column(Struct, frozen=True, kw_only=True):
    """A column: its head, its share of the width, and how its cells are set."""

    head: Words
    width: float
    align: Literal["left", "center", "right"] = "left"


class TablePaper(Struct, frozen=True, kw_only=True):
    """All that stands on the paper, in its order. `empty` is said where there is no row."""

    superior: str
    office: str
    number: str
    dated: str
    title: Words
    under_title: tuple[Words, ...] = ()
    fields: tuple[Field, ...] = ()
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: Words = NOTHING
    notes: tuple[Words, ...] = ()
    foot: str


def pdf(paper: TablePaper, made_at: datetime, *, apart: bool = False) -> bytes:
    """The paper as PDF/A on wide A4, dated `made_at`; the same paper and instant give the same bytes.

    A server sets it `apart`, in a process of its own. Raises ValueError for more than `ROWS_MAX` rows, and what
    `typeset` raises.
    """
    return (typeset.pdf_apart if apart else typeset.pdf)(_TEMPLATE, _drawn(paper), made_at)


def pictures(paper: TablePaper, made_at: datetime) -> list[bytes]:
    """The sheets as PNG, for looking at. Raises as `pdf` does."""
    return typeset.pictures(_TEMPLATE, _drawn(paper), made_at)


def _drawn(paper: TablePaper) -> TablePaper:
    """The paper as the template takes it: with places to break in long words."""
    if len(paper.rows) > ROWS_MAX:
        raise ValueError(f"{len(paper.rows)} rows: more than {ROWS_MAX}")
    shares = sum(column.width for column in paper.columns)
    widths = [column.width / shares * _PAGE_EM for column in paper.columns]
    return structs.replace(
        paper,
        superior=typeset.breakable(paper.superior, _NAME_EM),
        office=typeset.breakable(paper.office, _NAME_EM),
        fields=tuple(
            structs.replace(one, lines=tuple(typeset.breakable(line, _FIELD_EM) for line in one.lines))
            for one in paper.fields
        ),
        rows=tuple(tuple(_cell(cell, width) for cell, width in zip(row, widths, strict=True)) for row in paper.rows),
    )


def _cell(text: str, width_em: float) -> str:
    return "\n".join(typeset.breakable(line, width_em - 1) for line in text.split("\n"))
