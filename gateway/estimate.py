"""When a dossier will really be finished: an estimate from what offices did before, told as such and never promised.

The working time from receipt to result, without the waits for supplements, of dossiers that ended in the last year:
those of the same office and procedure; if they are too few, of the office; then of the procedure anywhere.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from gateway.clock import from_us, to_us
from storage import due

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.deadlines import Calendar
    from storage.courses import Pause
    from storage.database import Database
    from storage.due import Finished

# Fewer say nothing that holds.
RESTS_ON_MIN: Final = 20
HISTORY: Final = timedelta(days=365)
KEPT_FOR: Final = timedelta(minutes=5)
KEPT_MAX: Final = 4096

Basis = Literal["office-procedure", "office", "procedure", "none"]


class Durations(Struct, frozen=True, kw_only=True):
    """How long dossiers took, in working time: half of them no longer than `median`, nine in ten than `ninety`.

    `rests_on` is how many were counted; with `basis` "none" it is how many there are, which is too few.
    """

    basis: Basis
    rests_on: int
    median: timedelta | None = None
    ninety: timedelta | None = None


class Estimate(Struct, frozen=True, kw_only=True):
    """When a dossier will probably be finished. `likely_at` and `late_at` are None without enough history."""

    durations: Durations
    likely_at: datetime | None = None
    late_at: datetime | None = None


class Estimates:
    """Estimates of one process: what was counted is kept for `KEPT_FOR`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[tuple[str, str], tuple[datetime, str, Durations]] = {}

    def of(self, office: str, procedure: str, calendar: Calendar, now: datetime) -> Durations:
        """How long dossiers of this procedure take at this office. Raises `DatabaseAway`."""
        key = (office, procedure)
        kept = self._kept.get(key)
        if kept is not None and kept[1] == calendar.version and timedelta(0) <= now - kept[0] < KEPT_FOR:
            return kept[2]
        found = durations(self._database, office, procedure, calendar, now)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[key] = (now, calendar.version, found)
        return found


def durations(database: Database, office: str, procedure: str, calendar: Calendar, now: datetime) -> Durations:
    """Count afresh: the narrowest history that is long enough."""
    since_us, most = to_us(now - HISTORY), 0
    ways: tuple[tuple[Basis, str, str], ...] = (
        ("office-procedure", office, procedure),
        ("office", office, ""),
        ("procedure", "", procedure),
    )
    for basis, by_office, by_procedure in ways:
        with database.read() as tx:
            rows = due.finished(tx, office=by_office, procedure=by_procedure, since_us=since_us)
        if len(rows) >= RESTS_ON_MIN:
            took = sorted(_took(row, calendar) for row in rows)
            return Durations(basis=basis, rests_on=len(took), median=_share(took, 50), ninety=_share(took, 90))
        most = max(most, len(rows))
    return Durations(basis="none", rests_on=most)


def estimate(
    found: Durations, received_at: datetime, pauses: Sequence[tuple[datetime, datetime]], calendar: Calendar
) -> Estimate:
    """The moments at which a dossier will have had that much working time, its waits not counted."""
    if found.median is None or found.ninety is None:
        return Estimate(durations=found)
    waited = sum((calendar.working_time(start, end) for start, end in pauses), timedelta())
    return Estimate(
        durations=found,
        likely_at=calendar.ahead(received_at, found.median + waited),
        late_at=calendar.ahead(received_at, found.ninety + waited),
    )


def _took(row: Finished, calendar: Calendar) -> timedelta:
    whole = calendar.working_time(from_us(row.received_at_us), from_us(row.finished_at_us))
    waited = sum((_within(pause, row, calendar) for pause in row.pauses), timedelta())
    return max(timedelta(), whole - waited)


def _within(pause: Pause, row: Finished, calendar: Calendar) -> timedelta:
    """As much of a wait as lies between receipt and result."""
    start, end = max(pause[0], row.received_at_us), min(pause[1], row.finished_at_us)
    return calendar.working_time(from_us(start), from_us(end)) if start < end else timedelta()


def _share(sorted_times: Sequence[timedelta], percent: int) -> timedelta:
    """The shortest time that is enough for so many per cent of them (nearest rank)."""
    return sorted_times[-(-len(sorted_times) * percent // 100) - 1]
