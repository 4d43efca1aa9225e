"""Working days and working time under one set of hours: what the tables and the library of holidays imply."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from holidays import country_holidays
from msgspec import Struct

from gateway.calendar_tables import check_outside, times_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from gateway.calendar_tables import ExceptionalDay, Hours, Outside, Overrides

YEAR_MIN: Final = 1995
YEAR_MAX: Final = 2100  # the lunar tables of the library end here
SHIFTS_KEPT_MAX = 4096

_DAY_STEP: Final = timedelta(days=1)
_AMERICAN: Final = re.compile(r"(\d\d)/(\d\d)/(\d{4})")  # the library's English names say 08/22/2026


class OutsideCalendar(Exception):
    """A day lies outside the years that the calendar knows. Trying again is useless."""


class Shift(Struct, frozen=True):
    """Working days counted from one day: the day that was reached, and the special days on the way, in words."""

    day: date
    vi: str
    en: str


class Begun(Struct, frozen=True):
    """From when a moment counts; `vi` and `en` say why it is another one, '' when it is the moment itself."""

    at: datetime
    vi: str = ""
    en: str = ""


class Year(Struct, frozen=True):
    """One year: its working days in order (ordinals), the names of its days off, its weekend days that are worked."""

    working: tuple[int, ...]
    off_vi: dict[date, str]
    off_en: dict[date, str]
    exchanged: frozenset[date]


class _Rule(Struct, frozen=True):
    """What is received after one time and before another counts from `counts_from`. None: the day's own end."""

    after: time | None
    before: time | None
    counts_from: time
    next_working_day: bool
    vi: str
    en: str


class Week:
    """Working days and windows under one set of hours. Immutable but for its caches, which hold what they imply."""

    def __init__(self, hours: Hours, overrides: Overrides, zone: ZoneInfo) -> None:
        self.hours, self.zone = hours, zone
        self.windows = times_of(hours)
        check_outside(hours, self.windows)
        self._rules = tuple(map(_rule, hours.outside))
        self._day_off_from = time.fromisoformat(hours.day_off.counts_from)
        self._extra_off = _by_day(overrides.holidays)
        self._extra_work = _by_day(overrides.working_days)
        self._years: dict[int, Year] = {}
        self._shifts: dict[tuple[date, int], Shift] = {}

    @cached_property
    def day_length(self) -> timedelta:
        """The working time of one working day."""
        return sum((length(start, end) for start, end in self.windows), timedelta())

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on `day`; an announced exception wins over the library, a swapped Saturday is worked."""
        working = self.year(day.year).working
        at = bisect_left(working, day.toordinal())
        return at < len(working) and working[at] == day.toordinal()

    def why_off(self, day: date) -> tuple[str, str] | None:
        """Why offices rest on `day`, in Vietnamese and English; None on a working day."""
        if self.is_working_day(day):
            return None
        year = self.year(day.year)
        return year.off_vi.get(day, "nghỉ hằng tuần"), year.off_en.get(day, "weekly rest")

    def begin(self, moment: datetime) -> Begun:
        """From when `moment` (in the zone) counts: itself inside a window, else what the table says."""
        day, clock = moment.date(), moment.time()
        if not self.is_working_day(day):
            why = self.why_off(day) or ("", "")
            at = datetime.combine(self.next_working_day(day), self._day_off_from, self.zone)
            vi = f"{moment:%d/%m/%Y} không phải ngày làm việc ({why[0]})"
            return Begun(at, vi, f"{moment:%d/%m/%Y} is off ({why[1]})")
        for rule in self._rules:
            if (rule.after is None or clock > rule.after) and (rule.before is None or clock < rule.before):
                on = self.next_working_day(day) if rule.next_working_day else day
                return Begun(datetime.combine(on, rule.counts_from, self.zone), rule.vi, rule.en)
        return Begun(moment)

    def next_working_day(self, day: date) -> date:
        """The first working day after `day`."""
        return self.shift(day, 1).day

    def shift(self, day: date, working_days: int) -> Shift:
        """Count `working_days` working days after `day`; kept, because a day's dossiers all ask the same."""
        key = (day, working_days)
        if (known := self._shifts.get(key)) is not None:
            return known
        if len(self._shifts) >= SHIFTS_KEPT_MAX:
            self._shifts.clear()
        self._shifts[key] = found = self._count(day, working_days)
        return found

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two aware moments, to the microsecond; negative when `end` comes first."""
        start, end = start.astimezone(self.zone), end.astimezone(self.zone)
        since_year = min(start.year, end.year)
        return self._position(end, since_year) - self._position(start, since_year)

    def advance(self, moment: datetime, waited: timedelta) -> datetime:
        """`moment`, which lies inside a window, moved on by working time: whole days keep the clock, the rest walks."""
        days, rest = divmod(waited, self.day_length)
        day, clock = moment.date(), moment.time()
        if days:
            day = self.shift(day, days).day
        while rest:
            for start, end in self.windows:
                if clock < end:
                    from_here = max(clock, start)
                    room = length(from_here, end)
                    if rest <= room:
                        return datetime.combine(day, from_here, self.zone) + rest
                    rest -= room
            day, clock = self.next_working_day(day), time.min
        return datetime.combine(day, clock, self.zone)

    def back(self, moment: datetime, working_time: timedelta) -> datetime:
        """The last moment from which so much working time passes until `moment`."""
        day, clock, rest = moment.astimezone(self.zone).date(), moment.astimezone(self.zone).time(), working_time
        while True:
            if self.is_working_day(day):
                for start, end in reversed(self.windows):
                    if clock > start:
                        to_here = min(clock, end)
                        room = length(start, to_here)
                        if rest <= room:
                            return datetime.combine(day, to_here, self.zone) - rest
                        rest -= room
            day, clock = day - _DAY_STEP, time.max

    def _position(self, moment: datetime, since_year: int) -> timedelta:
        """Working time from the first day of `since_year` to `moment`."""
        day, clock = moment.date(), moment.time()
        days = sum(len(self.year(year).working) for year in range(since_year, day.year))
        days += bisect_left(self.year(day.year).working, day.toordinal())
        position = days * self.day_length
        if self.is_working_day(day):
            for start, end in self.windows:
                if clock > start:
                    position += length(start, min(clock, end))
        return position

    def _count(self, day: date, working_days: int) -> Shift:
        year, wanted = day.year, working_days
        working = self.year(year).working
        at = bisect_right(working, day.toordinal()) + wanted - 1
        while at >= len(working):
            at -= len(working)
            year += 1
            working = self.year(year).working
        last = date.fromordinal(working[at])
        return Shift(last, *self.special_days(day, last))

    def special_days(self, after: date, last: date) -> tuple[str, str]:
        """The holidays and worked weekend days after one day up to another, as a sentence goes on to tell them."""
        vi, en = "", ""
        for each in (after + _DAY_STEP * n for n in range(1, (last - after).days + 1)):
            weekend = each.isoweekday() in self.hours.rest_weekdays
            if self.is_working_day(each):
                vi += f"; {each:%d/%m/%Y} làm việc bù" * weekend
                en += f"; {each:%d/%m/%Y} is worked in exchange" * weekend
            elif not weekend and (why := self.why_off(each)):
                vi += f"; {each:%d/%m/%Y} nghỉ: {why[0]}"
                en += f"; {each:%d/%m/%Y} off: {why[1]}"
        return vi, en

    def year(self, year: int) -> Year:
        """The days of one year. Raises `OutsideCalendar`."""
        if (known := self._years.get(year)) is not None:
            return known
        if not YEAR_MIN <= year <= YEAR_MAX:
            raise OutsideCalendar(f"the calendar knows the years {YEAR_MIN} to {YEAR_MAX}, not {year}")
        library = country_holidays("VN", years=year, expand=False, language="vi")
        english = country_holidays("VN", years=year, expand=False, language="en_US")
        exchanged = library.weekend_workdays
        off_vi = {day: name for day, name in library.items() if day.year == year}
        off_en = {day: _AMERICAN.sub(r"\2/\1/\3", name) for day, name in english.items() if day.year == year}
        for day, each in self._extra_off.items():
            if day.year == year:
                off_vi[day], off_en[day] = each.name_vi, each.name_en
        working, worked = [], set()
        for ordinal in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()):
            day = date.fromordinal(ordinal)
            is_weekend = day.isoweekday() in self.hours.rest_weekdays
            rests = is_weekend and day not in exchanged
            if day in self._extra_work or not (rests or day in off_vi):
                working.append(ordinal)
                worked |= {day} if is_weekend else set()
        self._years[year] = found = Year(tuple(working), off_vi, off_en, frozenset(worked))
        return found


def length(start: time, end: time) -> timedelta:
    """How much time lies between two times of one day."""
    return datetime.combine(date.min, end) - datetime.combine(date.min, start)


def _by_day(days: Iterable[ExceptionalDay]) -> dict[date, ExceptionalDay]:
    return {each.day: each for each in days}


def _rule(row: Outside) -> _Rule:
    return _Rule(
        after=time.fromisoformat(row.after) if row.after else None,
        before=time.fromisoformat(row.before) if row.before else None,
        counts_from=time.fromisoformat(row.counts_from),
        next_working_day=row.next_working_day,
        vi=row.vi,
        en=row.en,
    )
