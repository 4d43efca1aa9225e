"""What the control sheet says: every time that a dossier changed hands or state, from whom to whom, to the minute."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from gateway import desk_paper_words as words
from gateway import paper_words
from gateway.clock import for_people, from_us
from gateway.desk_paper_facts import Fact, dated, instant, office_told, on, paragraphs, procedure_told, unit_told
from gateway.report_rules import NATIONAL
from gateway.states import STEADY, State, after
from schemas.desk_paper_table import ROWS_MAX, Column, TablePaper
from schemas.printed_page import seen
from schemas.receipt_paper import Field, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from gateway.judge import Tables
    from schemas.desk_paper_table import Row
    from storage.journal import Dossier

_WIDTHS: Final = (1.1, 3.6, 4.4, 4.4, 4.2, 3.6, 3.6, 7)
_TO_UNIT: Final = frozenset({"supplement-requested", "returned", "result-delivered"})
_FROM_UNIT: Final = frozenset(
    {"supplement-received", "supplement-added", "half-received", "half-added", "withdrawal-late"}
)
_BY_CARRIER: Final = frozenset({"result-delivered", "result-undelivered"})
_AT_GATEWAY: Final = frozenset({"accepted", "received-pending"})


class ToldSheet(Struct, frozen=True, kw_only=True):
    """What the sheet is made from: the dossier, all its facts up to number `upto_seq`, the office that received it, its
    unit's name, the tables, and when it is made.
    """

    dossier: Dossier
    facts: Sequence[Fact]
    upto_seq: int
    receiving_office: str
    unit_name: str
    tables: Tables
    now: datetime


class _Hands(Struct, frozen=True):
    """Who has it."""

    office: str
    department: str = ""
    officer: str = ""

    def told(self) -> str:
        return "\n".join((self.office, *filter(None, (self.department,)), self.officer or words.OFFICER_UNSAID))


def paper_of(told: ToldSheet) -> TablePaper:
    """The sheet, up to that fact."""
    dossier, day = told.dossier, told.now.date()
    office = told.tables.offices.get(dossier.competent_office, day)
    parent = told.tables.offices.get(office.parent, day) if office and office.parent else None
    made = _fill(words.UP_TO, at=for_people(told.now), seq=told.upto_seq)
    return TablePaper(
        superior=parent.name if parent else words.VSS if office else "",
        office=office.name if office else dossier.competent_office,
        number=dossier.statement_number,
        dated=dated(told.now),
        title=words.TITLES["control-sheet"],
        under_title=(made,),
        fields=tuple(_fields(told)),
        columns=tuple(Column(head=head, width=width) for head, width in zip(words.CONTROL_HEADS, _WIDTHS, strict=True)),
        rows=_shortened(tuple(_rows(told))),
        empty=words.EMPTY,
        notes=words.CONTROL_NOTES,
        foot=f"{dossier.statement_number} · {dossier.id} · {made.vi}",
    )


def _fields(told: ToldSheet) -> Iterator[Field]:
    dossier = told.dossier
    day = on(dossier)
    yield Field(label=words.UNIT, lines=unit_told(dossier, told.unit_name))
    yield Field(label=words.PROCEDURE, lines=(seen(procedure_told(told.tables, dossier.procedure, day)),))
    yield Field(label=words.RECEIVED_AT, lines=(for_people(from_us(dossier.received_at_us)),))
    due = for_people(from_us(dossier.due_at_us)) if dossier.due_at_us is not None else words.DUE_UNKNOWN
    yield Field(label=words.DUE_AT, lines=(due,))
    yield Field(label=words.RECEIVING, lines=(seen(office_told(told.tables, told.receiving_office, day)),))
    # As they are met: a dossier that was passed on has several.
    codes = dict.fromkeys(code for one in told.facts for code in (one.said.left, one.event.office, one.said.to) if code)
    codes.setdefault(dossier.competent_office)
    names = tuple(seen(office_told(told.tables, code, told.now.date())) for code in codes)
    yield Field(label=words.OFFICES if len(names) > 1 else words.COMPETENT, lines=names)


def _rows(told: ToldSheet) -> Iterator[Row]:
    """The rows, and who has it after each."""
    unit = seen(f"{words.UNIT.vi} {told.dossier.unit}".strip())
    hands: _Hands | None = None
    state: State | None = None
    number = 0
    for fact in told.facts:
        kind, said = fact.event.type, fact.said
        state = state if kind in STEADY and state is not None else after(state, kind)
        if kind not in words.FACTS:
            continue
        before, hands = hands, _moved(hands, fact)
        left, right = (one.told() if one else _gateway(told) for one in (before, hands))
        if (kind in _AT_GATEWAY and number == 0) or kind in _FROM_UNIT or (kind == "withdrawn" and said.receipt):
            left = unit
        elif kind in _TO_UNIT:
            left, right = right, unit
        elif left == right:
            # Nothing was handed over: who has it did or said something.
            left = "—"
        number += 1
        yield (
            str(number),
            "\n".join(_when(fact)),
            _seen_lines(left),
            _seen_lines(right),
            words.FACTS[kind].vi,
            f"{paper_words.STATES[state.value].vi} ({NATIONAL[state]})",
            for_people(due) if (due := instant(said.due_at)) else "",
            "\n".join(_remarks(fact)),
        )


def _shortened(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows, if one paper holds them; else the first and the last of them, and between how many are left out."""
    if len(rows) <= ROWS_MAX:
        return rows
    half = ROWS_MAX // 2
    first, last = rows[:half], rows[len(rows) - half + 1 :]
    told = words.LEFT_OUT.format(count=len(rows) - len(first) - len(last))
    return (*first, ("…", *("",) * (len(_WIDTHS) - 2), told), *last)


def _moved(hands: _Hands | None, fact: Fact) -> _Hands | None:
    """Who has it after the fact; None: the gateway."""
    kind, said = fact.event.type, fact.said
    if kind in _AT_GATEWAY:
        return None
    if kind == "transferred":
        return _Hands(said.to or fact.event.office, said.department, said.officer)
    if kind in _FROM_UNIT or (kind == "withdrawn" and said.receipt):
        return hands
    if hands is None or hands.office != fact.event.office:
        return _Hands(fact.event.office, said.department, said.officer)
    if said.department or said.officer:
        return structs.replace(hands, department=said.department or hands.department, officer=said.officer)
    return hands


def _gateway(told: ToldSheet) -> str:
    return f"{words.GATEWAY}\n{told.receiving_office}"


def _when(fact: Fact) -> Iterator[str]:
    yield for_people(fact.at)
    own = instant(fact.said.at)
    if own is not None and for_people(own) != for_people(fact.at):
        told = words.CARRIER_CLOCK if fact.event.type in _BY_CARRIER else words.OWN_CLOCK
        yield told.format(at=for_people(own))


def _remarks(fact: Fact) -> Iterator[str]:
    """What else the fact says, one thing a line."""
    said = fact.said
    if fact.event.type == "finished" and (due := instant(said.due_at)):
        # Appointments are to the minute.
        yield words.IN_TIME if fact.own_at - due < timedelta(minutes=1) else words.LATE
    if said.second:
        yield words.SECOND
    if said.asked:
        yield words.ITEMS.format(count=len(said.asked))
    if until := instant(said.until):
        within = words.WANTED_BY if fact.event.type == "supplement-requested" else words.WITHIN
        yield within.format(until=for_people(until))
    if said.results:
        yield words.RESULTS.format(count=len(said.results))
    if said.returned_by:
        yield words.RETURNED_BY.get(said.returned_by, seen(said.returned_by))
    if said.corrects is not None:
        yield words.CORRECTS.format(seq=said.corrects)
    yield from map(seen, filter(None, (said.bhxh_number, said.national_code, said.item)))
    if said.receipt and fact.event.type not in _AT_GATEWAY:
        yield words.SENT_AS.format(receipt=seen(said.receipt))
    yield from paragraphs(said.reason)
    if said.report:
        yield words.REPORT_NUMBER.format(report=said.report)
    actor = fact.event.submitter if fact.event.type in _AT_GATEWAY else fact.event.actor
    yield words.REPORTED_BY.format(actor=seen(actor))


def _seen_lines(text: str) -> str:
    """The same lines, with what cannot be seen written out."""
    return "\n".join(map(seen, text.split("\n")))


def _fill(said: Words, **values: object) -> Words:
    return Words(said.vi.format(**values), said.en.format(**values))
