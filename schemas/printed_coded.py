"""Forms printed with a code on every sheet, so that a sheet that is scanned finds its way to its dossier by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from schemas import typeset
from schemas.paper_codes import DrawnCode, SheetCode, SheetsChanged, drawn, sheets_of
from schemas.printed import ready
from schemas.printed_page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_TEMPLATE: Final = "page"


class _Coded(Page, frozen=True, kw_only=True):
    """A page whose foot has room for codes, and the codes of its sheets."""

    codes: tuple[DrawnCode, ...] = ()
    coded: bool = True


def count_sheets(pages: Sequence[Page], made_at: datetime, *, apart: bool = False) -> tuple[int, ...]:
    """On how many sheets each page (a form) will stand when it is printed with codes: it is set once for that.

    A server sets it `apart`, in a process of its own. Raises TypesetError, TooLongError.
    """
    return sheets_of(_set(pages, [()] * len(pages), made_at, apart=apart)) if pages else ()


def pdf(
    pages: Sequence[Page], codes: Sequence[Sequence[SheetCode]], made_at: datetime, *, apart: bool = False
) -> bytes:
    """The forms as one PDF/A, dated `made_at`, with these codes on the sheets of each.

    Raises SheetsChanged when the forms take another number of sheets than there are codes (their layout was changed
    since they were counted), CodeTooFine, TypesetError, TooLongError.
    """
    made = _set(pages, codes, made_at, apart=apart)
    counted = tuple(map(len, codes))
    if (found := sheets_of(made)) != counted:
        raise SheetsChanged(f"counted {counted}, set on {found}")
    return made


def _set(pages: Sequence[Page], codes: Sequence[Sequence[SheetCode]], made_at: datetime, *, apart: bool) -> bytes:
    content = [_Coded(**structs.asdict(page), codes=drawn(own)) for page, own in zip(ready(pages), codes, strict=True)]
    return (typeset.pdf_apart if apart else typeset.pdf)(_TEMPLATE, content, made_at)
