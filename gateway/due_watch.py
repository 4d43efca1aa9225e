"""Warnings about due dates: a fact before, on and after the day on which a dossier is due, once for each due date.

1. `due-soon`: no more than so many working hours are left.
2. `due-now`: the day on which it is due has begun.
3. `overdue`: the moment has passed.

What is late already when it is first looked at is told of by the latest of them alone. While a supplement is awaited
nothing warns. A due date that was moved (a supplement came, an apology named a new date) is warned of afresh.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway.clock import from_us, rfc3339, to_us
from storage import courses, due, journal
from storage.courses import Course

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.deadlines import Calendar
    from gateway.house import House
    from storage.database import Database
    from storage.due import Falling

WATCH_EVERY_S: Final = 30.0
# Those who number facts wait while a page is written.
PAGE_MAX: Final = 100
SOON, NOW, OVERDUE = "due-soon", "due-now", "overdue"
ACTOR: Final = "gateway"
_LONG_AGO_US: Final = -(2**62)


class _Stage(Struct, frozen=True):
    """What falls due after one instant and by another is told of by `fact`, unless it was by one of `after`."""

    fact: str
    after_us: int
    until_us: int
    unless: tuple[str, ...]


async def watch_due(house: House) -> int:
    """Write the warnings that are due now; how many. Several workers may do this at once. Raises `DatabaseAway`."""
    soon = timedelta(hours=house.settings.due_soon_h)
    return await house.run_apart(warn_due, house.database, house.tables.calendar, soon, house.clock.now())


def warn_due(database: Database, calendar: Calendar, soon: timedelta, now: datetime) -> int:
    """Write the warnings that are due at `now`, page by page; how many. Doing it again warns of nothing twice."""
    stages = _stages(calendar, soon, now)
    _begin_courses(database, stages[-1].until_us)
    return sum(_warn(database, stage, now) for stage in stages)


def _stages(calendar: Calendar, soon: timedelta, now: datetime) -> tuple[_Stage, ...]:
    """The latest first: what is told of by one of them is not told of by those before it."""
    now_us = to_us(now)
    today = now.astimezone(calendar.zone).date()
    day_end_us = to_us(datetime.combine(today, time.max, calendar.zone))
    soon_us = max(day_end_us, to_us(calendar.ahead(now, soon)))
    return (
        _Stage(OVERDUE, _LONG_AGO_US, now_us - 1, (OVERDUE,)),
        _Stage(NOW, now_us - 1, day_end_us, (NOW, OVERDUE)),
        _Stage(SOON, day_end_us, soon_us, (SOON, NOW, OVERDUE)),
    )


def _begin_courses(database: Database, until_us: int) -> None:
    """What its office has not acknowledged has a course from its first warning on."""
    while True:
        with database.read() as tx:
            if not due.unworked(tx, until_us, 1):
                return
        with database.begin() as tx:
            turn = journal.take_turn(tx)
            for one in due.unworked(tx, until_us, PAGE_MAX):
                begun = Course(
                    dossier=one.dossier, office=one.office, since_us=one.offered_at_us, due_at_us=one.due_at_us
                )
                courses.put(tx, begun)
            journal.end_turn(tx, turn)


def _warn(database: Database, stage: _Stage, now: datetime) -> int:
    """Look without a turn first: mostly there is nothing to tell, and those who number facts need not wait for that."""
    told = 0
    while True:
        with database.read() as tx:
            if not _found(tx, stage, 1):
                return told
        with database.begin() as tx:
            turn = journal.take_turn(tx)
            # Looked for again under the turn: another worker may have been faster.
            page = _found(tx, stage, PAGE_MAX)
            journal.record(tx, [_fact(turn, one, stage.fact, now) for one in page], {})
            due.warn(tx, [one.dossier for one in page], stage.fact)
            journal.end_turn(tx, turn)
        told += len(page)
        if page:
            # What is told of already need not be passed again; others may be due in the same instant.
            stage = structs.replace(stage, after_us=page[-1].due_at_us - 1)


def _found(tx: sa.Connection, stage: _Stage, most: int) -> list[Falling]:
    return due.falling(tx, stage.after_us, stage.until_us, stage.unless, most)


def _fact(turn: journal.Turn, one: Falling, fact: str, now: datetime) -> journal.Event:
    return journal.Event(
        seq=turn.next(),
        dossier=one.dossier,
        type=fact,
        at_us=to_us(now),
        actor=ACTOR,
        detail=msgspec.json.encode({"due_at": rfc3339(from_us(one.due_at_us))}).decode(),
        unit=one.unit,
        submitter=one.submitter,
        office=one.office,
    )
