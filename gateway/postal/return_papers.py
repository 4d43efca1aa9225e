"""The papers of what goes back: the hand-over slip, the receiver's receipt, the return slip, the list of originals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from gateway import desk_paper_words
from gateway.clock import VIETNAM, for_people, from_us
from gateway.desk_paper_facts import dated, paragraphs
from gateway.postal import return_words as words
from gateway.postal.custody import days_kept
from gateway.postal.pieces import KINDS
from gateway.postal.returns import address_of, contents_of
from schemas.desk_paper import ActPaper, Item, Passage
from schemas.desk_paper_table import ROWS_MAX, Column, TablePaper
from schemas.printed_page import seen
from schemas.receipt_paper import Field, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from gateway.judge import Tables
    from gateway.postal.returns import Content
    from schemas.desk_paper_table import Row
    from storage.originals import Kept
    from storage.outbound import Carried

Slip = Literal["hand-over", "receipt", "form-05"]
_WIDTHS: Final = (1.2, 3.4, 1.6, 5.2, 2.6, 6, 5, 4)
# Room for a signature and a name.
_SIGNED_LINES: Final = ("\u00a0", "\u00a0", "\u00a0", "………………………………………")


class ToldReturn(Struct, frozen=True, kw_only=True):
    """What a slip is made from: the item, the receipt numbers of its dossiers, the carrier's name, the tables, and when
    it is made.
    """

    carried: Carried
    receipts: Mapping[str, str]
    carrier_name: str
    tables: Tables
    now: datetime


def slip_of(told: ToldReturn, which: Slip) -> ActPaper:
    """One of the slips of an item."""
    one = told.carried.outbound
    office, superior = _office(told.tables, told.carried.office, told.now)
    contents = contents_of(one)
    closing = [Passage(words=_fill(words.TOTAL, counts=_counts(contents)))]
    closing.append(Passage(words=words.DIFFERENCE))
    if which == words.FORM_05:
        closing.append(Passage(words=words.FORM_05_UNCONFIRMED))
    return ActPaper(
        superior=superior,
        office=office,
        number=one.item,
        dated=dated(told.now),
        title=words.TITLES[which],
        subject=_fill(words.SUBJECT, item=one.item),
        addressee_label=words.TO,
        addressee=tuple(_addressee(told)),
        fields=tuple(_fields(told)),
        opening=(Passage(words=_fill(words.OPENING[which], office=office)),),
        items_heads=words.HEADS,
        items=tuple(_item(number, content, told) for number, content in enumerate(contents, 1)),
        closing=tuple(closing),
        recipients_label=words.OTHER_SIDE[which],
        recipients=(words.NAME_LINE, words.TIME_LINE, words.SIGN_LINE),
        signer_title=words.GIVER if which == words.HAND_OVER else words.RECEIVER,
        signer_lines=_SIGNED_LINES,
        signer_note=words.SIGN_NOTE,
        checking=words.CHECKING,
        steps=words.STEPS,
        code=one.item,
        qr_told=words.CODE_TOLD.format(item=one.item),
        foot=f"{words.TITLES[which].vi} · {one.item}",
    )


def originals_of(kept: Sequence[Kept], office: str, older_days: int, tables: Tables, now: datetime) -> TablePaper:
    """The list of originals that are not back; what finds no room on paper is told, and stands in the CSV."""
    name, superior = _office(tables, office, now) if office else (desk_paper_words.VSS, "")
    shown = kept[:ROWS_MAX]
    under = [_fill(words.ORIGINALS_UNDER, days=older_days, at=for_people(now))]
    if len(kept) > len(shown):
        under.append(_fill(words.CUT, shown=len(shown), count=len(kept)))
    return TablePaper(
        superior=superior,
        office=name,
        number=f"{office or 'VN'}/{now.astimezone(VIETNAM):%Y%m%d-%H%M}",
        dated=dated(now),
        title=words.ORIGINALS,
        under_title=tuple(under),
        columns=tuple(
            Column(head=head, width=width) for head, width in zip(words.ORIGINALS_HEADS, _WIDTHS, strict=True)
        ),
        rows=tuple(_row(number, one, now) for number, one in enumerate(shown, 1)),
        empty=words.EMPTY,
        foot=f"{words.ORIGINALS.vi} · {office}",
    )


def _addressee(told: ToldReturn) -> Iterator[str]:
    address = address_of(told.carried.outbound)
    if address is None:
        yield "—"
        return
    yield seen(address.name)
    yield from paragraphs(address.address)
    if address.phone:
        yield words.PHONE.format(phone=seen(address.phone))


def _fields(told: ToldReturn) -> Iterator[Field]:
    one = told.carried.outbound
    yield _field(words.ITEM, one.item)
    yield _field(words.CARRIER, told.carrier_name)
    if one.manifest_number:
        yield _field(words.MANIFEST, one.manifest_number)
    yield _field(words.UNIT, told.carried.unit)
    yield Field(label=words.DOSSIERS, lines=tuple(map(seen, told.receipts.values())))
    if one.form_05 != "not-asked":
        yield _field(words.FORM_05_ASKED, words.YES)
    yield _field(words.MADE_AT, for_people(from_us(one.made_at_us)))


def _item(number: int, one: Content, told: ToldReturn) -> Item:
    what = [f"{one.count} × {KINDS[one.kind][0]}", *paragraphs(one.name)]
    of = [told.receipts.get(one.dossier, one.dossier)]
    if one.result_number:
        of.append(words.RESULT_NUMBER.format(number=seen(one.result_number)))
    if one.original:
        of.append(words.ORIGINAL.format(id=one.original))
    return Item(number=number, what=tuple(what), why=tuple(of))


def _counts(contents: Sequence[Content]) -> str:
    counts: dict[str, int] = {}
    for one in contents:
        counts[KINDS[one.kind][0]] = counts.get(KINDS[one.kind][0], 0) + one.count
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _row(number: int, one: Kept, now: datetime) -> Row:
    held = one.original
    kind = next((vi for code, (vi, _) in KINDS.items() if code == held.kind), held.kind)
    dossier = [one.receipt_number]
    if one.ended_at_us is not None:
        dossier.append(words.ENDED.format(at=for_people(from_us(one.ended_at_us))))
    return (
        str(number),
        for_people(from_us(held.arrived_at_us)),
        str(days_kept(held, now)),
        "\n".join((f"{held.count} × {kind}", *paragraphs(held.name))),
        held.unit,
        "\n".join(dossier),
        seen(one.holder),
        "\n".join((words.STATES[held.state].vi, *((held.sent_in,) if held.sent_in else ()))),
    )


def _office(tables: Tables, code: str, now: datetime) -> tuple[str, str]:
    """The office's name, and that of the one above it."""
    day = now.astimezone(VIETNAM).date()
    office = tables.offices.get(code, day)
    if office is None:
        return code, ""
    parent = tables.offices.get(office.parent, day) if office.parent else None
    return office.name, parent.name if parent else desk_paper_words.VSS


def _field(label: Words, line: str) -> Field:
    return Field(label=label, lines=(seen(line),))


def _fill(said: Words, **values: object) -> Words:
    return Words(said.vi.format(**values), said.en.format(**values))
