"""How the figures follow the facts: whatever a fact touched is counted afresh, in small steps beside the line."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.calendar_days import OutsideCalendar
from gateway.clock import VIETNAM, from_us
from gateway.report import read_report
from gateway.states import State
from schemas.findings import Severity
from signing.indication import Indication
from storage import figures, journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from gateway.deadlines import Calendar
    from storage.database import Database

# So many facts are followed in one transaction: a writer on SQLite waits for it, so it is short.
FACTS_AT_ONCE_MAX: Final = 1000
# Whoever asks for figures waits for so many such steps at most; the rest is followed in the background.
STEPS_MAX: Final = 50

_RESULT: Final = frozenset({State.FINISHED.value, State.RETURNED.value})
_ENDED: Final = _RESULT | {State.DECLINED.value, State.STOPPED.value, State.WITHDRAWN.value}


def follow(database: Database, calendar: Calendar, channels: Mapping[str, int], steps_max: int = STEPS_MAX) -> bool:
    """Count afresh what facts have touched; whether nothing is left to follow now. Trying again is safe.

    Raises `DatabaseAway`.
    """
    return any(not _step(database, calendar, channels) for _ in range(steps_max))


def _step(database: Database, calendar: Calendar, channels: Mapping[str, int]) -> bool:
    """One step; whether there may be another."""
    with database.read() as tx:
        after = figures.mark(tx)
        # What is committed up to here is seen by the reads below, whatever comes meanwhile.
        upto = journal.head(tx)
        if upto <= after:
            return False
        dossiers, reached = figures.touched(tx, after, upto, FACTS_AT_ONCE_MAX)
        rows = [_figure(one, calendar, channels) for one in figures.sources(tx, dossiers)]
        reasons = [reason for one in figures.refused(tx, dossiers) for reason in _reasons(one)]
    with database.begin() as tx:
        if not figures.move_mark(tx, after, reached):
            # Another worker went on from there.
            return True
        figures.put(tx, rows, reasons)
    return reached < upto


def _figure(one: figures.Source, calendar: Calendar, channels: Mapping[str, int]) -> figures.Figure:
    ended_at_us = _ended_at_us(one)
    taken_at_us = None if one.state == State.ACCEPTED else one.taken_at_us
    returned_at_us = (one.returned_at_us or one.stated_at_us) if one.state == State.RETURNED else None
    return figures.Figure(
        dossier=one.dossier,
        unit=one.unit,
        procedure=one.procedure,
        channel=channels.get(one.channel, 0),
        state=one.state,
        received_at_us=one.received_at_us,
        received_month=month_of(from_us(one.received_at_us)),
        received_office=one.received_office,
        office=one.office,
        taken_at_us=taken_at_us,
        taken_month=_month(taken_at_us),
        ended_at_us=ended_at_us,
        ended_month=_month(ended_at_us),
        returned_at_us=returned_at_us,
        returned_month=_month(returned_at_us),
        returned_by=one.returned_by if returned_at_us is not None else "",
        due_at_us=one.due_at_us,
        appointed_at_us=one.appointed_at_us,
        told_at_us=one.told_at_us,
        is_waiting=int(one.paused_since_us is not None and one.state not in _ENDED),
        supplements=one.supplements,
        has_electronic_result=int(one.has_electronic_result),
        is_straight=int(one.is_straight),
        worked_us=_worked_us(one, ended_at_us, calendar) if ended_at_us and one.state in _RESULT else None,
    )


def _ended_at_us(one: figures.Source) -> int | None:
    """When it ended: a result goes before its return, and both before any other end."""
    if one.state not in _ENDED:
        return None
    if one.state in _RESULT:
        return one.finished_at_us or one.returned_at_us or one.ended_at_us or one.stated_at_us
    return one.ended_at_us or one.stated_at_us


def _worked_us(one: figures.Source, ended_at_us: int, calendar: Calendar) -> int | None:
    """The working time until the result, without what passed while a supplement was awaited; None for days that the
    calendar does not know.
    """

    def between(start_us: int, end_us: int) -> int:
        if end_us <= start_us:
            return 0
        return calendar.working_time(from_us(start_us), from_us(end_us)) // timedelta(microseconds=1)

    try:
        waited = sum(
            between(max(start, one.received_at_us), min(end, ended_at_us))
            for start, end in msgspec.json.decode(one.pauses, type=list[tuple[int, int]])
        )
        return max(0, between(one.received_at_us, ended_at_us) - waited)
    except OutsideCalendar:
        return None


def _reasons(one: figures.Refused) -> Iterator[figures.Reason]:
    """The refusal itself, and each of its reasons once; an erased report says none, and leaves those that were kept."""
    report = read_report(one.report)
    codes = {finding.code for finding in report.findings if finding.severity is Severity.ERROR}
    codes |= {
        (signature.sub_indication or signature.indication)
        for signature in report.signatures
        if signature.indication != Indication.TOTAL_PASSED
    }
    if not codes and not one.is_erased:
        codes = {report.refused or "unsaid"}
    for reason in ("", *sorted(codes)):
        yield figures.Reason(
            dossier=one.dossier,
            reason=reason,
            procedure=one.procedure,
            received_at_us=one.received_at_us,
            received_month=month_of(from_us(one.received_at_us)),
        )


def _month(at_us: int | None) -> int | None:
    return month_of(from_us(at_us)) if at_us is not None else None


def month_of(at: datetime) -> int:
    """The month of an instant in Vietnam, as yyyymm."""
    local = at.astimezone(VIETNAM)
    return local.year * 100 + local.month
