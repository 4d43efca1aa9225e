"""The cover sheets of an announcement: what each tells the sender, the carrier and the mail room, and their PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM, for_people, from_us
from gateway.mailroom.codes import COVER_NUMBER
from gateway.postal import cover_words as words
from gateway.postal.announced_input import ReturnTo
from gateway.postal.pieces import KINDS, Piece
from gateway.postal.printed_forms import sheet_code
from schemas import cover_paper
from schemas.cover_paper import CoverPaper, PieceLine
from schemas.printed_page import seen
from schemas.receipt_paper import Field, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from gateway.office_table import OfficeTable
    from schemas.catalogue import Catalogue
    from schemas.paper_codes import SheetCode
    from storage.announcements import Announced, Announcement

# An S10 number is read in groups: its service, its serial number in threes, its country.
_S10_CHARACTERS: Final = 13
_GROUPS: Final = ((0, 2), (2, 5), (5, 8), (8, 11), (11, 13))


class Told(Struct, frozen=True, kw_only=True):
    """What cover sheets are made from: the announcement, how many dossiers it has, the units' names by their codes, the
    item numbers that each dossier is bound to, the tables in force.
    """

    announcement: Announcement
    dossiers: int
    unit_names: Mapping[str, str]
    items: Mapping[str, Sequence[str]]
    catalogue: Catalogue
    offices: OfficeTable

    @property
    def made_at(self) -> datetime:
        """When it was announced."""
        return from_us(self.announcement.made_at_us).astimezone(VIETNAM)

    @property
    def on(self) -> date:
        """The day of the announcement in Vietnam."""
        return self.made_at.date()


def cover_pdf(told: Told, shown: Sequence[Announced], *, apart: bool = False) -> bytes:
    """The cover sheets of the dossiers `shown`, as PDF/A, dated by the announcement: the same rows give the same bytes.

    Raises CodeTooFine for a code that a cover may not bear, TypesetError.
    """
    papers = [paper_of(told, one) for one in shown]

    def codes_of(at: int, sheets: int) -> list[SheetCode]:
        one = shown[at]
        what = f"phiếu {one.number}/{told.dossiers}"
        return [
            sheet_code(one.id, one.digest, words.NAME, what, (COVER_NUMBER, page, sheets))
            for page in range(1, sheets + 1)
        ]

    return cover_paper.pdf(papers, codes_of, told.made_at, apart=apart)


def paper_of(told: Told, one: Announced) -> CoverPaper:
    """The cover sheet of one dossier."""
    pieces = msgspec.json.decode(one.pieces, type=tuple[Piece, ...])
    return CoverPaper(
        title=words.TITLE,
        which=_which(told, one),
        sent_by=tuple(_sender(told, one)),
        sent_to_label=words.SENT_TO,
        sent_to=tuple(_addressee(told)),
        code=one.code,
        code_told=words.CODE_TOLD.format(dossier=one.id),
        fields=tuple(_fields(told, one)),
        bars_text=one.id,
        bars_told=words.BARS_TOLD.format(dossier=one.id),
        pieces_title=words.PIECES,
        pieces_heads=words.HEADS,
        pieces=tuple(_line(number, piece, told) for number, piece in enumerate(pieces, 1)),
        pieces_total=_total(pieces),
        steps_title=words.STEPS,
        steps=words.STEP_WORDS,
    )


def _which(told: Told, one: Announced) -> Words:
    """Which of the announcement's dossiers it is."""
    most, named = told.dossiers, told.announcement.id
    return Words(
        f"Hồ sơ {one.number}/{most} của báo trước {named}", f"dossier {one.number} of {most} of announcement {named}"
    )


def item_told(number: str) -> str:
    """An item's number as people read it: RR 123 456 785 VN."""
    if len(number) == _S10_CHARACTERS and number[:2].isalpha() and number[-2:].isalpha():
        return " ".join(number[begin:end] for begin, end in _GROUPS)
    return seen(number)


def _sender(told: Told, one: Announced) -> Iterator[str]:
    if name := seen(told.unit_names.get(one.unit, "")):
        yield words.SENDER.format(name=name)
    codes = words.UNIT_CODES if one.unit else words.FIRST_UNIT
    yield seen(codes.format(unit=one.unit, tax_code=one.tax_code or words.NOT_KNOWN))


def _addressee(told: Told) -> Iterator[str]:
    """The office that the item is sent to, and those above it. The table of offices has no streets: the sender writes
    that line by hand.
    """
    code = told.announcement.office
    office = told.offices.get(code, told.on)
    if office is None:
        yield words.OFFICE_CODE.format(code=seen(code))
    else:
        own, *above = told.offices.above(office, told.on)
        yield seen(own.name)
        for one in above:
            yield seen(one.name)
        yield words.OFFICE_CODE.format(code=code)
    yield words.ADDRESS_BY_HAND


def _fields(told: Told, one: Announced) -> Iterator[Field]:
    procedure = told.catalogue.procedure(one.procedure, told.on)
    title = f"{one.procedure} – {procedure.title_vi}" if procedure else one.procedure
    yield Field(label=words.PROCEDURE, lines=(seen(title),))
    if one.period:
        filing = words.FILING.format(period=one.period, batch=one.batch) if one.batch is not None else one.period
        yield Field(label=words.PERIOD, lines=(seen(filing),))
    if one.competent_office != told.announcement.office:
        competent = told.offices.get(one.competent_office, told.on)
        name = f"{one.competent_office} – {competent.name}" if competent else one.competent_office
        yield Field(label=words.COMPETENT, lines=(seen(name),))
    if one.half_of:
        yield Field(label=words.HALF, lines=(words.PAPER_HALF, one.half_of), note=words.PAPER_HALF_NOTE)
    elif one.hybrid:
        yield Field(label=words.HALF, lines=(words.ELECTRONIC_TO_COME,), note=words.ELECTRONIC_NOTE)
    numbers = tuple(map(item_told, told.items.get(one.id, ())))
    if numbers:
        yield Field(label=words.ITEM, lines=numbers)
    else:
        yield Field(label=words.ITEM, lines=(words.ITEM_BY_HAND,), note=words.ITEM_NOTE)
    if told.announcement.return_to:
        to = msgspec.json.decode(told.announcement.return_to, type=ReturnTo)
        yield Field(label=words.RETURN_TO, lines=tuple(seen(line) for line in (to.name, to.address, to.phone) if line))
    yield Field(label=words.ANNOUNCED, lines=(for_people(told.made_at),))


def _line(number: int, piece: Piece, told: Told) -> PieceLine:
    form = told.catalogue.form(piece.form, told.on) if piece.form else None
    named = piece.name or (form.title_vi if form else "")
    name = " – ".join(part for part in (piece.form, named) if part)
    return PieceLine(
        number=number,
        kind=Words(*KINDS[piece.kind]),
        name=seen(name),
        count=str(piece.count),
        pages=str(piece.pages) if piece.pages else "",
        note=words.ORIGINAL_NOTE if piece.original else words.PRINTED_NOTE if piece.form else words.NO_NOTE,
    )


def _total(pieces: Sequence[Piece]) -> Words:
    count, pages = sum(piece.count for piece in pieces), sum(piece.pages for piece in pieces)
    return Words(
        f"Cộng: {count} giấy tờ, {pages} trang, chưa kể phiếu này",
        f"in all {count} papers, {pages} pages, this sheet not counted",
    )
