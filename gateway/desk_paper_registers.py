"""What a register of an office says: one line a dossier, on paper or as CSV, and which of them are non-territorial."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from gateway import desk_paper_words as words
from gateway import paper_words
from gateway.clock import for_people, from_us, rfc3339, to_us
from gateway.desk_paper_facts import dated, office_told
from gateway.paper_receipt import payload_of
from gateway.report_rules import NATIONAL
from gateway.states import State
from schemas.desk_paper_table import ROWS_MAX, Column, TablePaper
from schemas.printed_page import seen
from schemas.receipt_paper import Field, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from gateway.judge import Tables
    from schemas.desk_paper_table import Row
    from storage.office_register import Line

Which = Literal["all", "non-territorial"]
CSV_HEADS: Final = (
    "number", "receipt_number", "national_code", "bhxh_number", "dossier", "procedure", "unit", "unit_name",
    "receiving_office", "competent_office", "received_at", "due_at", "appointed_at", "finished_at", "returned_at",
    "returned_by", "state", "national", "supplements", "overdue",
)  # fmt: skip

_WIDTHS: Final = (1.3, 6.9, 4.4, 5.6, 3.2, 2.9, 3.3, 2.9, 3.2, 4.5)
_MINUTE_US: Final = 60_000_000
# A worksheet would take what begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Entry(Struct, frozen=True):
    """A line of the register, numbered from 1, with the office that received the dossier."""

    number: int
    line: Line
    receiving_office: str


class ToldRegister(Struct, frozen=True, kw_only=True):
    """What a register is made from: whose it is, the days (the last is in it), which dossiers, the entries, up to which
    fact, the tables, and when it is made.
    """

    office: str
    first: date
    last: date
    which: Which
    entries: Sequence[Entry]
    upto_seq: int
    tables: Tables
    now: datetime

    @property
    def parts(self) -> int:
        """Into how many papers it is divided."""
        return max(1, -(-len(self.entries) // ROWS_MAX))


class _Received(Struct, frozen=True):
    receiving_office: str = ""


def receiving_office(statement: str) -> str:
    """The office that a receipt says received the dossier; "" where the statement was cleared."""
    return msgspec.json.decode(payload_of(statement), type=_Received).receiving_office if statement else ""


def paper_of(told: ToldRegister, part: int) -> TablePaper:
    """One part of the register, from 1."""
    start = (part - 1) * ROWS_MAX
    entries = told.entries[start : start + ROWS_MAX]
    office = told.tables.offices.get(told.office, told.last)
    parent = told.tables.offices.get(office.parent, told.last) if office and office.parent else None
    made = _fill(words.UP_TO, at=for_people(told.now), seq=told.upto_seq)
    days = {"first": f"{told.first:%d/%m/%Y}", "last": f"{told.last:%d/%m/%Y}"}
    under = [_fill(words.SPAN, **days), made]
    if told.parts > 1:
        numbers = {"first": entries[0].number, "last": entries[-1].number, "count": len(told.entries)}
        under.insert(1, _fill(words.PART, part=part, parts=told.parts, **numbers))
    title = words.REGISTER if told.which == "all" else words.REGISTER_ELSEWHERE
    codes = dict.fromkeys(code for one in entries for code in (one.receiving_office, one.line.competent_office) if code)
    names = tuple(seen(office_told(told.tables, code, told.last)) for code in codes)
    return TablePaper(
        superior=parent.name if parent else words.VSS if office else "",
        office=office.name if office else told.office,
        number=f"{told.office}/{told.first:%Y%m%d}-{told.last:%Y%m%d}" + (f"/{part}" if told.parts > 1 else ""),
        dated=dated(told.now),
        title=title,
        under_title=tuple(under),
        fields=(Field(label=words.OFFICES, lines=names),) if names else (),
        columns=tuple(
            Column(head=head, width=width) for head, width in zip(words.REGISTER_HEADS, _WIDTHS, strict=True)
        ),
        rows=tuple(_row(told, one) for one in entries),
        empty=words.EMPTY,
        notes=words.REGISTER_NOTES,
        foot=f"{title.vi} · {told.office} · {made.vi}",
    )


def csv_of(told: ToldRegister) -> bytes:
    """The whole register as CSV (RFC 4180) in UTF-8 with its mark, by which worksheets know it. Times are RFC 3339, to
    the millisecond; what a worksheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(CSV_HEADS)
    for one in told.entries:
        write.writerow([_plain(cell) for cell in _cells(told, one)])
    return out.getvalue().encode("utf-8-sig")


def is_late(line: Line, now: datetime) -> bool | None:
    """Whether it was finished, or is still not finished, after the date in force, or was sent back more than once
    (the national index counts that as overdue). None where there is nothing to judge: no date, withdrawn, or awaiting a
    supplement.
    """
    if line.state == State.WITHDRAWN:
        return None
    if line.supplements > 1:
        return True
    due_us = line.due_at_us if line.appointed_at_us is None else line.appointed_at_us
    ended_us = line.finished_at_us or line.ended_at_us
    if due_us is None or (ended_us is None and line.paused_since_us is not None):
        return None
    # Appointments are to the minute.
    return (to_us(now) if ended_us is None else ended_us) >= due_us + _MINUTE_US


def _row(told: ToldRegister, one: Entry) -> Row:
    line = one.line
    numbers = (line.statement_number, line.national_code, line.bhxh_number)
    procedure = told.tables.catalogue.procedure(line.procedure, told.last)
    due = [_time(line.due_at_us)]
    if line.appointed_at_us is not None:
        due.append(words.REAPPOINTED.format(due=_time(line.appointed_at_us)))
    returned = [_time(line.returned_at_us), words.RETURNED_BY.get(line.returned_by, seen(line.returned_by))]
    return (
        str(one.number),
        _lines(*map(seen, numbers)),
        seen(f"{line.procedure} – {procedure.title_vi}" if procedure else line.procedure),
        _lines(seen(line.unit), seen(line.unit_name)),
        f"{one.receiving_office} → {line.competent_office}",
        _time(line.received_at_us),
        _lines(*due),
        _time(line.finished_at_us),
        _lines(*returned),
        _lines(*_remarks(told, one)),
    )


def _remarks(told: ToldRegister, one: Entry) -> Iterator[str]:
    line = one.line
    yield f"{paper_words.STATES[line.state].vi} ({NATIONAL[State(line.state)]})"
    late = is_late(line, told.now)
    if late:
        yield words.LATE
    elif late is False and line.finished_at_us is not None:
        yield words.IN_TIME
    if line.supplements:
        yield words.SUPPLEMENTS.format(count=line.supplements)
    if told.office not in (line.competent_office, one.receiving_office):
        yield words.PASSED_TO.format(office=line.competent_office)


def _cells(told: ToldRegister, one: Entry) -> tuple[str, ...]:
    line = one.line
    late = is_late(line, told.now)
    return (
        str(one.number),
        line.statement_number,
        line.national_code,
        line.bhxh_number,
        line.id,
        line.procedure,
        line.unit,
        seen(line.unit_name),
        one.receiving_office,
        line.competent_office,
        *map(
            _instant,
            (
                line.received_at_us,
                line.due_at_us,
                line.appointed_at_us,
                line.finished_at_us,
                line.returned_at_us,
            ),
        ),
        line.returned_by,
        line.state,
        str(NATIONAL[State(line.state)]),
        str(line.supplements),
        "" if late is None else str(late).lower(),
    )


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _instant(at_us: int | None) -> str:
    return "" if at_us is None else rfc3339(from_us(at_us))


def _time(at_us: int | None) -> str:
    return "" if at_us is None else for_people(from_us(at_us))


def _lines(*said: str) -> str:
    return "\n".join(filter(None, said))


def _fill(said: Words, **values: object) -> Words:
    return Words(said.vi.format(**values), said.en.format(**values))
