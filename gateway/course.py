"""The course of a dossier at its office: who has it, when it is due, and how a wait for a supplement moves that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from gateway.clock import from_us, to_us
from gateway.deadlines import OutsideCalendar, due
from storage import courses
from storage.courses import Course

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.judge import Tables
    from schemas.procedure import Procedure
    from storage.journal import Dossier


def course_of(tx: sa.Connection, dossier: Dossier, now: datetime) -> Course:
    """Where the dossier's course stands; one that nobody has worked on begins now, due when the receipt says."""
    return courses.find(tx, dossier.id) or Course(
        dossier=dossier.id,
        office=dossier.competent_office,
        since_us=to_us(now),
        due_at_us=dossier.due_at_us,
    )


def paused(course: Course, now: datetime) -> Course:
    """A supplement is asked for: the clock stands still from now on, if it did not already."""
    since_us = course.paused_since_us if course.paused_since_us is not None else to_us(now)
    return structs.replace(course, supplements=course.supplements + 1, paused_since_us=since_us)


def resumed(course: Course, dossier: Dossier, tables: Tables, until: datetime) -> Course:
    """The wait is over: the working time that passed in it is added to the due date. One that waits not is as it was.

    The due date is worked out afresh from the receipt, with all pauses and the calendar in force, so that anybody can
    work it out again.
    """
    if course.paused_since_us is None:
        return course
    # What arrived in the very instant of the request, or before it was told, has paused nothing. The clocks of two
    # machines may differ: no pause begins before the receipt, nor before the clock that it stops.
    since_us = max(course.paused_since_us, dossier.received_at_us, clock_start_us(course, dossier))
    pause = (since_us, max(since_us, to_us(until)))
    running = structs.replace(course, paused_since_us=None, pauses=(*course.pauses, pause))
    procedure = procedure_of(dossier, tables)
    if procedure is None or procedure.time_limit_working_days is None or course.due_at_us is None:
        return running
    start_us = clock_start_us(course, dossier)
    pauses = pauses_since(running, start_us)
    try:
        found = due(from_us(start_us), procedure.time_limit_working_days, tables.calendar, pauses=pauses)
    except OutsideCalendar:
        return running
    moved = structs.replace(running, due_at_us=to_us(found.due_at), calendar=found.calendar)
    # A date is warned of once: one that the wait did not move (no working time passed, or an apology named it) is not
    # warned of again.
    return moved if due_in_force_us(moved) == due_in_force_us(course) else structs.replace(moved, warned="")


def clock_start_us(course: Course | None, dossier: Dossier) -> int:
    """From when the working time counts: the receipt, or the half that started the clock later."""
    return dossier.received_at_us if course is None or course.starts_at_us is None else course.starts_at_us


def pauses_since(course: Course, start_us: int) -> list[tuple[datetime, datetime]]:
    """The pauses of a clock that started then: what was waited for before it started stopped nothing."""
    return [(from_us(max(since, start_us)), from_us(until)) for since, until in course.pauses if until > start_us]


def procedure_of(dossier: Dossier, tables: Tables) -> Procedure | None:
    """The procedure in the version under which the dossier was received; None when the catalogue has lost it."""
    versions = tables.catalogue.procedure_versions(dossier.procedure)
    return next((one for one in versions if one.version == dossier.procedure_version), None)


def due_in_force_us(course: Course) -> int | None:
    """The date that binds the office now: the one that its apology named, else the due date."""
    return course.due_at_us if course.appointed_at_us is None else course.appointed_at_us
