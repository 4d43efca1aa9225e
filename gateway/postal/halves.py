"""A dossier in two halves: one by wire, one on paper, on different days, and one dossier with one clock.

The half that comes first is the dossier. It goes to its office at once, marked; which of the two starts the clock is a
rule. The other half is received like a supplement: kept, receipted, logged and offered by itself, for the same dossier.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import structs

from gateway import ids
from gateway.about import HALF, about_of
from gateway.clock import from_us, to_us
from gateway.course import pauses_since, procedure_of
from gateway.deadlines import OutsideCalendar, due
from gateway.events import fact
from gateway.judge import WITH_DOSSIER
from gateway.postal.paper_told import POST
from gateway.postal.rules import clock_start_us
from gateway.states import State, after
from storage import announcements, halves, journal
from storage.halves import Half

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.judge import Filing, Tables
    from gateway.postal.rules import Hybrid
    from storage.announcements import Announced
    from storage.courses import Course
    from storage.journal import Dossier

PAPER: Final = "paper"
ELECTRONIC: Final = "electronic"
_EVERYTHING: Final = journal.Scope(everything=True)


def by_now(tx: sa.Connection, filing: Filing, in_round: Sequence[Dossier]) -> Filing:
    """What is about to be accepted as what it is by now, in the transaction that accepts it: its other half may have
    come since it was judged, in this very round. Whichever is first is the dossier, and its paper's announcement knows.
    """
    submission = filing.submission
    name = submission.half_of.dossier if submission.half_of else submission.paper.announced if submission.paper else ""
    one = announcements.announced(tx, name) if name else None
    if one is None:
        return filing
    own = ids.dossier_id(submission.sha256)
    if submission.paper is not None:
        at_us = to_us(submission.received_at)
        announcements.state(tx, one.id, announcements.FILED, at_us, forget_key=True)
    elif one.state == announcements.ANNOUNCED and not one.half_of:
        halves.name(tx, one.id, own)
    # Of the paper that came it is the other half, or of what the paper is the other half of.
    come = one.half_of or (one.id if one.state == announcements.FILED else "")
    if submission.about is not None or come in ("", own):
        return filing
    main = next((each for each in in_round if each.id == come), None) or journal.dossier(tx, come, _EVERYTHING)
    if main is None or main.state == State.REFUSED.value:
        return filing
    told = None if submission.paper is None else structs.replace(submission.paper, is_half=False)
    return structs.replace(
        filing,
        submission=structs.replace(submission, about=about_of(HALF, main), half_of=None, paper=told),
        route=structs.replace(filing.route, competent_office=main.competent_office, rule=WITH_DOSSIER),
        due=None,
        comes_in_halves=False,
    )


def of_paper(announced: Announced, main: Dossier) -> bytes:
    """What paper brings whose very data came by wire before it: nothing but whose other half it is, and its pieces."""
    told = {
        "announcement": announced.announcement,
        "half_of": main.id,
        "pieces": msgspec.Raw(announced.pieces.encode()),
    }
    return msgspec.json.encode(told)


def begun(
    turn: journal.Turn, dossier: Dossier, rules: Hybrid, now: datetime, received_at: datetime
) -> tuple[Dossier, journal.Event, Half]:
    """The first half is accepted: how the dossier stands then, the fact that says so, and what is awaited."""
    awaited = ELECTRONIC if dossier.channel == POST else PAPER
    said = fact(turn, dossier, f"{awaited}-awaited", "gateway", now, {"clock": rules.clock})
    half = Half(
        dossier=dossier.id,
        kind=awaited,
        awaited_since_us=to_us(received_at),
        alarm_at_us=to_us(received_at + timedelta(days=rules.half_days_max)),
    )
    return structs.replace(dossier, state=after(State(dossier.state), said.type).value), said, half


def joined(main: Dossier, course: Course, one: Dossier, one_at_us: int, tables: Tables) -> tuple[str, Course, Half]:
    """The other half `one` is accepted, received at `one_at_us`: the fact that it is to the dossier, the course
    afterwards, and what came.
    """
    kind = PAPER if one.channel == POST else ELECTRONIC
    main_at_us = main.received_at_us if course.starts_at_us is None else course.starts_at_us
    half = Half(
        dossier=main.id,
        kind=kind,
        awaited_since_us=main_at_us,
        alarm_at_us=one_at_us,
        came=one.id,
        came_at_us=one_at_us,
    )
    name = "half-received" if main.state == State.AWAITING_PAPER.value else "half-added"
    if course.due_at_us is not None:
        return name, course, half
    both_us = (main_at_us, one_at_us) if kind == PAPER else (one_at_us, main_at_us)
    start_us = clock_start_us(tables.post.hybrid, *both_us)
    return name, course if start_us is None else _started(main, course, start_us, tables), half


def _started(main: Dossier, course: Course, start_us: int, tables: Tables) -> Course:
    """The course once the clock has started; as it was, where the procedure has no limit or the calendar ends."""
    procedure = procedure_of(main, tables)
    if procedure is None or procedure.time_limit_working_days is None:
        return course
    pauses = pauses_since(course, start_us)
    try:
        found = due(from_us(start_us), procedure.time_limit_working_days, tables.calendar, pauses)
    except OutsideCalendar:
        return course
    return structs.replace(course, starts_at_us=start_us, due_at_us=to_us(found.due_at), calendar=found.calendar)
