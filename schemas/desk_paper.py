"""The papers of what an office decided: what stands on them, in the parts of an administrative paper, and their PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from schemas import typeset
from schemas.receipt_paper import Field, Words, square_code

if TYPE_CHECKING:
    from datetime import datetime

_TEMPLATE: Final = "act"
# The columns' widths in sizes of their letters, a little less than the template's.
_FIELD_EM: Final = 30
_WHAT_EM: Final = 20
_WHY_EM: Final = 18
_PAGE_EM: Final = 40
_NAME_EM: Final = 17


class Item(Struct, frozen=True, kw_only=True):
    """One thing that is asked for: the lines of what, and of why."""

    number: int
    what: tuple[str, ...]
    why: tuple[str, ...]


class Passage(Struct, frozen=True, kw_only=True):
    """Words that we say, and, indented below them, lines that the office wrote."""

    words: Words
    quoted: tuple[str, ...] = ()


class ActPaper(Struct, frozen=True, kw_only=True):
    """All that stands on the paper, in its order (Decree 30/2020, annex I): who issues it and who is above them, its
    number and day, its title, to whom, what, who signs for it, and who gets it.

    `items` come after `opening`, under `items_heads`; `closing` after them. `code` is what the square code holds,
    `qr_told` tells it in words.
    """

    superior: str
    office: str
    number: str
    dated: str
    title: Words
    subject: Words
    addressee_label: Words
    addressee: tuple[str, ...]
    fields: tuple[Field, ...]
    opening: tuple[Passage, ...]
    items_heads: tuple[Words, ...] = ()
    items: tuple[Item, ...] = ()
    closing: tuple[Passage, ...] = ()
    recipients_label: Words
    recipients: tuple[Words, ...]
    signer_title: Words
    signer_lines: tuple[str, ...]
    signer_note: Words
    checking: Words
    steps: tuple[Words, ...]
    code: str
    qr_told: str
    foot: str


class _Drawn(ActPaper, frozen=True, kw_only=True):
    qr: str


def pdf(paper: ActPaper, made_at: datetime, *, apart: bool = False) -> bytes:
    """The paper as PDF/A on A4, dated `made_at`; the same paper and instant give the same bytes.

    A server sets it `apart`, in a process of its own. Nothing is cut: one that is too long raises TooLongError, as
    `typeset` does. Raises TypesetError; ValueError for a `code` too long to scan.
    """
    return (typeset.pdf_apart if apart else typeset.pdf)(_TEMPLATE, _drawn(paper), made_at)


def pictures(paper: ActPaper, made_at: datetime) -> list[bytes]:
    """The sheets as PNG, for looking at. Raises as `pdf` does."""
    return typeset.pictures(_TEMPLATE, _drawn(paper), made_at)


def _drawn(paper: ActPaper) -> _Drawn:
    """The paper as the template takes it: with its code drawn, and places to break in long words."""
    shown = structs.replace(
        paper,
        superior=_cut((paper.superior,), _NAME_EM)[0],
        office=_cut((paper.office,), _NAME_EM)[0],
        addressee=_cut(paper.addressee, _FIELD_EM),
        fields=tuple(
            one if one.digits else structs.replace(one, lines=_cut(one.lines, _FIELD_EM)) for one in paper.fields
        ),
        opening=tuple(map(_passage, paper.opening)),
        items=tuple(
            structs.replace(one, what=_cut(one.what, _WHAT_EM), why=_cut(one.why, _WHY_EM)) for one in paper.items
        ),
        closing=tuple(map(_passage, paper.closing)),
        signer_lines=_cut(paper.signer_lines, _NAME_EM),
    )
    return _Drawn(qr=square_code(paper.code), **{name: getattr(shown, name) for name in ActPaper.__struct_fields__})


def _passage(one: Passage) -> Passage:
    return structs.replace(one, quoted=_cut(one.quoted, _PAGE_EM))


def _cut(lines: tuple[str, ...], width_em: float) -> tuple[str, ...]:
    return tuple(typeset.breakable(line, width_em) for line in lines)
