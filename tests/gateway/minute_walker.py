"""The second method: a due date found by walking through a year minute by minute, from a calendar typed by hand.

It shares nothing with the program: no library of holidays, no table, no arithmetic on days. A minute is a number; what
is known of it is whether offices work in it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

FIRST = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall clock in Vietnam, which knows no other
LAST = datetime(2027, 2, 1)  # noqa: DTZ001
DAYS_OFF = {
    date(2026, 1, 1),
    date(2026, 2, 16), date(2026, 2, 17), date(2026, 2, 18), date(2026, 2, 19), date(2026, 2, 20),  # Tết
    date(2026, 4, 27),  # for Giỗ Tổ, on Sunday 26/04
    date(2026, 4, 30), date(2026, 5, 1),
    date(2026, 8, 31),  # exchanged for Saturday 22/08
    date(2026, 9, 1), date(2026, 9, 2),
    date(2026, 11, 24),
    date(2027, 1, 1),
}  # fmt: skip
WORKED_SATURDAY = date(2026, 8, 22)
SATURDAY, MINUTES_A_DAY = 5, 24 * 60
OPENS, BREAK, RESUMES, CLOSES = 7 * 60, 11 * 60 + 30, 13 * 60 + 30, 17 * 60
WORKING_MINUTES_A_DAY = 8 * 60


def is_worked(day: date) -> bool:
    return day == WORKED_SATURDAY or (day.weekday() < SATURDAY and day not in DAYS_OFF)


WORKED_DAYS = [is_worked((FIRST + timedelta(days=n)).date()) for n in range((LAST - FIRST).days)]
# Whether offices work in the minute that begins there, for every minute of the year.
WORKS = bytes(
    worked and (OPENS <= minute < BREAK or RESUMES <= minute < CLOSES)
    for worked in WORKED_DAYS
    for minute in range(MINUTES_A_DAY)
)


def number(moment: datetime) -> int:
    return int((moment - FIRST).total_seconds()) // 60


def due(received: datetime, days: int, pauses: Sequence[tuple[datetime, datetime]] = ()) -> datetime:
    """The due date of what is received in that minute."""
    minute = _begin(number(received))
    if days == 0:
        while minute % MINUTES_A_DAY != CLOSES:
            minute += 1
    minute = _same_clock(minute, days)
    for run in _runs(pauses):
        worked = sum(WORKS[one] for one in run)
        minute = _same_clock(minute, worked // WORKING_MINUTES_A_DAY)
        left = worked % WORKING_MINUTES_A_DAY
        while left:
            left -= WORKS[minute]
            minute += 1
    return FIRST + timedelta(minutes=minute)


def worked_minutes(start: datetime, end: datetime) -> int:
    return sum(WORKS[number(start) : number(end)])


def _begin(minute: int) -> int:
    """The very end of a window belongs to it, though no work is done in the minute that begins there."""
    if WORKS[minute] or WORKS[minute - 1]:
        return minute
    while not WORKS[minute]:
        minute += 1
    return minute


def _same_clock(minute: int, days: int) -> int:
    """Walk on until the clock has shown the same time on so many working days."""
    clock = minute % MINUTES_A_DAY
    while days:
        minute += 1
        if minute % MINUTES_A_DAY == clock and WORKED_DAYS[minute // MINUTES_A_DAY]:
            days -= 1
    return minute


def _runs(pauses: Sequence[tuple[datetime, datetime]]) -> Iterable[list[int]]:
    """The minutes of all waits, each once, in runs without a gap."""
    minutes = sorted({one for start, end in pauses for one in range(number(start), number(end))})
    run: list[int] = []
    for minute in minutes:
        if run and minute != run[-1] + 1:
            yield run
            run = []
        run.append(minute)
    if run:
        yield run
