"""The forms of an announced dossier as their paper looks, to be signed by hand, each sheet with the dossier's code."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.judge import Refusal, Submission, open_dossier
from gateway.mailroom.codes import Printed, page_code
from gateway.printing import NothingToPrint
from schemas import printed, printed_coded, xml
from schemas.envelope import open_envelope
from schemas.findings import Finding
from schemas.paper_codes import SheetCode, SheetsChanged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from lxml import etree

    from schemas.catalogue import Catalogue
    from schemas.form import Form
    from schemas.printed_page import Page

_ENVELOPE: Final = "Hoso"
_ANY_TIME: Final = datetime.min.replace(tzinfo=UTC)
_CHECK_CHARACTERS: Final = 8
_CLEAR: Final = "Không viết, đóng dấu lên ô mã · Keep the square clear"


class ToPrint(Struct, frozen=True, kw_only=True):
    """An announced dossier whose forms are printed: its content, and the digest and the printed forms that its cover
    sheet stands for.
    """

    dossier: str
    digest: bytes
    content: bytes
    media_type: str
    printed: tuple[Printed, ...]


def pages_of(content: bytes, media_type: str, catalogue: Catalogue, on: date) -> list[Page]:
    """The page of each form in the content, in the order of the envelope, as in force on that day; supporting papers
    have none, and the envelope's own list neither, for the cover sheet takes its place.

    None for a content that is empty or cannot be read: what is wrong with it is told where it is judged.
    """
    if not content:
        return []
    # Opened only: when and from whom it came says nothing about its forms.
    opened = open_dossier(
        Submission(content=content, sha256=b"", submitter="", received_at=_ANY_TIME, media_type=media_type)
    )
    if isinstance(opened, Refusal):
        return []
    envelope, _ = open_envelope(opened.root, catalogue=catalogue, on=on, header=opened.header, beside=opened.beside)
    if envelope is None:
        return []
    beside = printed.Beside(header=opened.header.columns)
    found: list[tuple[Form | None, etree._Element | None]]
    if envelope.form != _ENVELOPE:
        found = [(catalogue.form(envelope.form, on), opened.root)]
    else:
        found = [(catalogue.form(file.form, on), _root(file.content, file.name)) for file in envelope.files]
    return [
        printed.render(form, root, lists=catalogue.lists, on=on, beside=beside)
        for form, root in found
        if form is not None and root is not None and root.tag == form.root
    ]


def count_forms(
    content: bytes, media_type: str, catalogue: Catalogue, on: date, made_at: datetime, *, apart: bool = True
) -> tuple[Printed, ...]:
    """Which forms of the content are printed, by the catalogue of that day, and on how many sheets each: what the
    cover's digest holds. The forms are set for that, which takes up to half a minute for a list of thousands.

    A server sets them `apart`, in a process of its own. Raises TypesetError, TooLongError.
    """
    pages = pages_of(content, media_type, catalogue, on)
    counted = printed_coded.count_sheets(pages, made_at, apart=apart)
    return tuple(
        Printed(number=number, form=page.name, pages=sheets)
        for number, (page, sheets) in enumerate(zip(pages, counted, strict=True), 1)
    )


def forms_pdf(
    asked: Sequence[ToPrint], catalogue: Catalogue, on: date, made_at: datetime, *, apart: bool = True
) -> bytes:
    """The forms of these dossiers as one PDF/A, each sheet with its own code; the same dossiers, day and instant give
    the same bytes. `on` is the day on which they were announced and counted.

    Raises NothingToPrint when none of them has a form, SheetsChanged when a form takes another number of sheets than
    was counted when it was announced (the catalogue was changed since), CodeTooFine, TypesetError, TooLongError.
    """
    pages: list[Page] = []
    codes: list[Sequence[SheetCode]] = []
    for one in asked:
        own = pages_of(one.content, one.media_type, catalogue, on)
        if [page.name for page in own] != [form.form for form in one.printed]:
            raise SheetsChanged(f"{one.dossier}: other forms than were counted")
        pages += own
        codes += [list(_codes(one, form)) for form in one.printed]
    if not pages:
        raise NothingToPrint(", ".join(one.dossier for one in asked))
    return printed_coded.pdf(pages, codes, made_at, apart=apart)


def sheet_code(dossier: str, digest: bytes, name: str, what: str, place: tuple[int, int, int]) -> SheetCode:
    """The code of one sheet: of `what` (in words), form number, page and pages. Raises `CodeTooLarge`."""
    number, page, pages = place
    code = page_code(dossier, digest, number, page, pages)
    check = code[-_CHECK_CHARACTERS:]
    return SheetCode(
        code=code,
        line=f"{name} · trang {page}/{pages}",
        fine=f"Hồ sơ {dossier} · {what} · mã trang {check[:4]}-{check[4:]} · {_CLEAR}",
    )


def _codes(one: ToPrint, form: Printed) -> Iterator[SheetCode]:
    for page in range(1, form.pages + 1):
        what = f"tờ khai {form.number}/{len(one.printed)}"
        yield sheet_code(one.dossier, one.digest, form.form, what, (form.number, page, form.pages))


def _root(content: bytes, name: str) -> etree._Element | None:
    root = xml.parse(content, file=name)
    return None if isinstance(root, Finding) else root
