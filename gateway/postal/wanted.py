"""The looks over paper: which alarms they want, and how long something has waited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gateway.alarm_watch import Wanted
from gateway.calendar_days import OutsideCalendar
from gateway.clock import VIETNAM, from_us

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.deadlines import Calendar
    from gateway.judge import Tables


class Rule(Struct, frozen=True):
    """A look, and the names of the alarms that it wants: those of them that it does not want any more are closed."""

    names: tuple[str, ...]
    wanted: Callable[[sa.Connection, Tables, datetime], Sequence[Wanted]]


def has_passed(calendar: Calendar, since_us: int, working_days: int, now: datetime) -> bool:
    """Whether so many whole working days have passed after the day of that instant. What was before the calendar's
    years has.
    """
    day, today = from_us(since_us).date(), now.astimezone(VIETNAM).date()
    try:
        return today > calendar.shift(day, working_days).day
    except OutsideCalendar:
        return day < today
