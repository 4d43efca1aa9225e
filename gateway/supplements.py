"""What an employer sends about a dossier: a supplement, its other half, or its withdrawal; through the same line.

Each is received like a dossier: judged, kept, receipted, logged, and offered to the office that has the dossier. In the
same transaction the dossier it is about learns of it: the clock runs again from the moment of its receipt, or the
dossier ends. What comes too late to change anything is received all the same, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from gateway import course as courses_of
from gateway import events, office_statement, states
from gateway.about import HALF, About, NotOpen, about_of
from gateway.clock import from_us, rfc3339, to_us
from gateway.desk import DEAD_RULE
from gateway.postal import halves as halves_of
from gateway.postal.paper_told import POST
from gateway.report_rules import NATIONAL
from gateway.states import IllegalTransition, State
from schemas.withdrawal import WITHDRAWAL
from storage import alarms, courses, followers, halves, journal, pending, work

if TYPE_CHECKING:
    from datetime import date, datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.judge import Tables
    from gateway.settle import Stores
    from storage.courses import Course
    from storage.journal import Dossier

# Where a dossier stands that can be added to.
OPEN: Final = frozenset(
    {State.PENDING, State.ACCEPTED, State.AWAITING_PAPER, State.ACKNOWLEDGED, State.IN_WORK, State.SUPPLEMENT_REQUESTED}
)
_WITHDRAWABLE: Final = states.TRANSITIONS["withdrawn"][0]
# What is not judged yet, or was refused after it had waited, is no office's business.
_NO_OFFICES: Final = frozenset({State.PENDING, State.REFUSED})
_GATEWAY: Final = "gateway"


class NotThere(Exception):
    """There is no such dossier for this caller."""


def about(tx: sa.Connection, dossier_id: str, purpose: str, caller: Caller, on: date) -> About:
    """The dossier that the caller is about to send something for. Raises `NotThere`, `NotOpen`.

    One that has ended is told as `closed`: the very bytes that ended it may be sent again, and get their receipt.
    """
    found = journal.dossier(tx, dossier_id, journal.Scope(client=caller.client, on=on))
    if found is None or found.state == State.REFUSED:
        raise NotThere(dossier_id)
    if found.purpose:
        raise NotOpen(found.state)
    return about_of(purpose, found, closed=State(found.state) not in (_WITHDRAWABLE if purpose == WITHDRAWAL else OPEN))


def joined(tx: sa.Connection, turn: journal.Turn, stores: Stores, tables: Tables, one: Dossier, now: datetime) -> None:
    """Tell the dossier that `one` is about of it: `one` is accepted, in this transaction or just before."""
    if one.about is None:
        return
    main = events.dossier_of(tx, one.about)
    course = courses_of.course_of(tx, main, now)
    if one.competent_office != main.competent_office:
        # It was passed on between the judgement and now, or while this one waited to be judged.
        _follow(tx, turn, one, main, now)
    name, moved = (
        _half_joined(tx, main, course, one, tables) if one.purpose == HALF else _told(main, course, one, tables)
    )
    state = states.after(State(main.state), name)
    seq = turn.head + 1
    due_us = courses_of.due_in_force_us(moved)
    detail: dict[str, object] = {
        "report": office_statement.number_of(main, seq),
        "sent": one.id,
        "receipt": one.statement_number,
    }
    if name in ("supplement-received", "half-received", "half-added") and due_us is not None:
        detail["due_at"] = rfc3339(from_us(due_us))
    journal.record(
        tx,
        [events.fact(turn, main, name, one.submitter, now, detail, office="" if main.state in _NO_OFFICES else None)],
        {main.id: state.value} if state != main.state else {},
    )
    if name == "withdrawn":
        work.end(tx, main.id)
        pending.done(tx, main.id)
        moved = structs.replace(moved, ended_at_us=one.received_at_us, until_us=None)
        alarms.close(tx, DEAD_RULE, main.id, one.submitter, to_us(now))
    courses.put(tx, moved)
    said = office_statement.Reported(
        report=str(detail["report"]),
        receipt=main.statement_number,
        receipt_sha256=events.receipt_sha256(main),
        dossier=main.id,
        sha256=main.sha256.hex(),
        fact=name,
        state=state.value,
        national=NATIONAL[state],
        office=main.competent_office,
        reported_by=one.submitter,
        reported_at=rfc3339(now),
        at=rfc3339(from_us(one.received_at_us)),
        due_at=rfc3339(from_us(due_us)) if due_us is not None else "",
        calendar=moved.calendar,
        about=one.id,
        about_receipt=one.statement_number,
    )
    office_statement.state_it(tx, stores, main, said, seq, now)


def _half_joined(tx: sa.Connection, main: Dossier, course: Course, one: Dossier, tables: Tables) -> tuple[str, Course]:
    """The dossier has both its halves: the fact, and the course with a clock that runs."""
    if (one.channel == POST) == (main.channel == POST):
        # Two that came the same way are not two halves: what is awaited is awaited still.
        return "half-added", course
    one_at_us = courses_of.clock_start_us(courses.find(tx, one.id), one)
    name, moved, half = halves_of.joined(main, course, one, one_at_us, tables)
    halves.came(tx, half)
    if moved.due_at_us != course.due_at_us:
        work.promise(tx, main.id, moved.due_at_us)
    return name, moved


def _told(main: Dossier, course: Course, one: Dossier, tables: Tables) -> tuple[str, Course]:
    """The fact that it is to the dossier, and the course afterwards."""
    state = State(main.state)
    if one.purpose == WITHDRAWAL:
        try:
            states.after(state, "withdrawn")
        except IllegalTransition:
            return "withdrawal-late", course
        return "withdrawn", courses_of.resumed(course, main, tables, from_us(one.received_at_us))
    if course.paused_since_us is not None and one.received_at_us < course.paused_since_us:
        # It came before anything was asked for, and had to wait to be judged: what was asked for is awaited still.
        return "supplement-added", course
    resumed = courses_of.resumed(course, main, tables, from_us(one.received_at_us))
    return ("supplement-received" if state is State.SUPPLEMENT_REQUESTED else "supplement-added"), resumed


def _follow(tx: sa.Connection, turn: journal.Turn, one: Dossier, main: Dossier, now: datetime) -> None:
    moved = structs.replace(one, competent_office=main.competent_office)
    detail = {"from": one.competent_office, "to": main.competent_office}
    left = events.fact(turn, one, "sent-on", _GATEWAY, now, {"to": main.competent_office})
    went = events.fact(turn, moved, "transferred", _GATEWAY, now, detail)
    journal.record(tx, [left, went], {})
    followers.move(tx, one.id, main.competent_office)
    work.move(tx, one.id, main.competent_office, seq=went.seq, at_us=to_us(now), due_at_us=None)
