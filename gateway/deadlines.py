"""The statutory clock: from the moment of receipt to the due date, in working time of the offices.

The windows, the weekly rest days and the announced exceptions are data (calendar/hours.toml, calendar/overrides.toml);
public holidays and exchanged working Saturdays come from the `holidays` library. The rules:

1. Counting starts at the moment of receipt (Decree 61/2018/NĐ-CP: the receipt names the appointed time). A moment
   outside the windows is moved to the start of the next window.
2. The day of the start is not counted; each following working day counts one; the clock time is kept.
3. A limit of 0 working days means "within the day": the end of the day on which counting starts.
4. Working time that passes while a supplement is awaited is added.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from functools import cached_property
from importlib.metadata import version as library_version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import msgspec
from holidays import country_holidays

if TYPE_CHECKING:
    from collections.abc import Sequence

WORKING_DAYS_MAX = 2000
YEAR_MIN = 1995
YEAR_MAX = 2100  # the lunar tables of the library end here
SHIFTS_KEPT_MAX = 4096
ISO_WEEKDAY_MAX = 7

_DATA = Path(__file__).parent / "calendar"
_DAY_STEP = timedelta(days=1)
_AMERICAN = re.compile(r"(\d\d)/(\d\d)/(\d{4})")  # the library's English names say 08/22/2026


class CalendarMistaken(Exception):
    """The calendar's tables cannot be read or contradict themselves. Trying again is useless until they are mended."""


class OutsideCalendar(Exception):
    """A day lies outside the years that the calendar knows. Trying again is useless."""


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of the day in which offices work; both ends belong to it."""

    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    source: str = ""
    certainty: Literal["verified", "unconfirmed"] = "unconfirmed"


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The working week: the shape of calendar/hours.toml."""

    version: str
    time_zone: str
    rest_weekdays: tuple[int, ...]
    windows: tuple[Window, ...]


class ExceptionalDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One announced day that wins over the library, and who said so."""

    day: date
    name_vi: str
    name_en: str
    source: str
    certainty: Literal["verified", "unconfirmed"]


class Overrides(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The announced exceptions: the shape of calendar/overrides.toml."""

    version: str
    announced_through_year: int
    holidays: tuple[ExceptionalDay, ...] = ()
    working_days: tuple[ExceptionalDay, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """One step of the calculation, for people; `at` is the moment the step arrives at."""

    vi: str
    en: str
    at: datetime


class Due(msgspec.Struct, frozen=True):
    """A due date, the version of the calendar that gave it, and how it came about.

    `provisional` is true when days of a year were counted whose exchanged days have not been announced to this
    calendar: the same dossier may get another date from a later version.
    """

    due_at: datetime
    calendar: str
    steps: tuple[Step, ...]
    provisional: bool = False


class _Shift(msgspec.Struct, frozen=True):
    """Working days counted from one day, with the words for it."""

    day: date
    vi: str
    en: str


class _Year(msgspec.Struct, frozen=True):
    """One year of the calendar: its working days in order, and the names of its days off."""

    working: tuple[int, ...]  # ordinals
    off_vi: dict[date, str]
    off_en: dict[date, str]


class Calendar:
    """Working days and windows, from the tables in force.

    Immutable but for its caches, which hold what the tables imply; one instance serves a process.
    `version` names the library's version, the tables' versions and a digest of their bytes, so that a due date can be
    reckoned again later with the same tables.
    """

    def __init__(self, hours: Hours, overrides: Overrides, *, digest: str) -> None:
        self.hours = hours
        self.overrides = overrides
        self.version = f"holidays-{library_version('holidays')}/{hours.version}/{overrides.version}/sha256-{digest}"
        try:
            self.zone = ZoneInfo(hours.time_zone)
            self.windows = tuple(
                (time.fromisoformat(each.start), time.fromisoformat(each.end)) for each in hours.windows
            )
        except (ValueError, KeyError, OSError) as fault:
            raise CalendarMistaken(f"hours.toml: {fault}") from fault
        edges = [edge for window in self.windows for edge in window]
        if not edges or any(left >= right for left, right in pairwise(edges)):
            raise CalendarMistaken("hours.toml: windows must be there, in order, and must not overlap")
        rest = set(hours.rest_weekdays)
        if not rest < set(range(1, ISO_WEEKDAY_MAX + 1)):
            raise CalendarMistaken("hours.toml: rest_weekdays are ISO numbers 1 to 7, and not all of them")
        self._extra_off = {each.day: each for each in overrides.holidays}
        self._extra_work = {each.day: each for each in overrides.working_days}
        if both := self._extra_off.keys() & self._extra_work.keys():
            raise CalendarMistaken(f"overrides.toml: {min(both)} is both a holiday and a working day")
        if len(self._extra_off) + len(self._extra_work) != len(overrides.holidays) + len(overrides.working_days):
            raise CalendarMistaken("overrides.toml: a day is named twice")
        self._years: dict[int, _Year] = {}
        self._shifts: dict[tuple[date, int], _Shift] = {}

    @classmethod
    def load(cls, folder: Path | None = None) -> Calendar:
        """Read hours.toml and overrides.toml from `folder`, or the tables that come with the gateway."""
        place = folder or _DATA
        try:
            hours = (place / "hours.toml").read_bytes()
            overrides = (place / "overrides.toml").read_bytes()
            return cls(
                msgspec.toml.decode(hours, type=Hours),
                msgspec.toml.decode(overrides, type=Overrides),
                digest=hashlib.sha256(hours + b"\0" + overrides).hexdigest()[:12],
            )
        except (OSError, ValueError) as fault:
            raise CalendarMistaken(f"{place.name}: {fault}") from fault

    @cached_property
    def day_length(self) -> timedelta:
        """The working time of one working day."""
        return sum((_length(start, end) for start, end in self.windows), timedelta())

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on `day`; an announced exception wins over the library, a swapped Saturday is worked."""
        working = self._year(day.year).working
        at = bisect_left(working, day.toordinal())
        return at < len(working) and working[at] == day.toordinal()

    def why_off(self, day: date) -> tuple[str, str] | None:
        """Why offices rest on `day`, in Vietnamese and English; None on a working day."""
        if self.is_working_day(day):
            return None
        year = self._year(day.year)
        return year.off_vi.get(day, "nghỉ hằng tuần"), year.off_en.get(day, "weekly rest")

    def announced(self, day: date) -> bool:
        """Whether the exchanged days of the year of `day` have been announced to this calendar."""
        return day.year <= self.overrides.announced_through_year

    def next_working_day(self, day: date) -> date:
        """The first working day after `day`."""
        return self.shift(day, 1).day

    def shift(self, day: date, working_days: int) -> _Shift:
        """Count `working_days` working days after `day`; kept, because a day's dossiers all ask the same."""
        key = (day, working_days)
        if (known := self._shifts.get(key)) is not None:
            return known
        if len(self._shifts) >= SHIFTS_KEPT_MAX:
            self._shifts.clear()
        self._shifts[key] = found = self._count(day, working_days)
        return found

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two aware moments, to the microsecond."""
        start, end = start.astimezone(self.zone), end.astimezone(self.zone)
        return self._position(end, start.year) - self._position(start, start.year)

    def _position(self, moment: datetime, since_year: int) -> timedelta:
        """Working time from the first day of `since_year` to `moment`."""
        day, clock = moment.date(), moment.time()
        days = sum(len(self._year(year).working) for year in range(since_year, day.year))
        days += bisect_left(self._year(day.year).working, day.toordinal())
        position = days * self.day_length
        if self.is_working_day(day):
            for start, end in self.windows:
                if clock > start:
                    position += _length(start, min(clock, end))
        return position

    def _count(self, day: date, working_days: int) -> _Shift:
        year, wanted = day.year, working_days
        working = self._year(year).working
        at = bisect_right(working, day.toordinal()) + wanted - 1
        while at >= len(working):
            at -= len(working)
            year += 1
            working = self._year(year).working
        last = date.fromordinal(working[at])
        vi, en = "", ""
        for each in (day + _DAY_STEP * n for n in range(1, (last - day).days + 1)):
            weekend = each.isoweekday() in self.hours.rest_weekdays
            if self.is_working_day(each):
                vi += f"; {each:%d/%m/%Y} làm việc bù" * weekend
                en += f"; {each:%d/%m/%Y} is worked in exchange" * weekend
            elif not weekend and (why := self.why_off(each)):
                vi += f"; {each:%d/%m/%Y} nghỉ: {why[0]}"
                en += f"; {each:%d/%m/%Y} off: {why[1]}"
        return _Shift(last, vi, en)

    def _year(self, year: int) -> _Year:
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
        working = []
        for ordinal in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()):
            day = date.fromordinal(ordinal)
            rests = day.isoweekday() in self.hours.rest_weekdays and day not in exchanged
            if day in self._extra_work or not (rests or day in off_vi):
                working.append(ordinal)
        self._years[year] = found = _Year(tuple(working), off_vi, off_en)
        return found


def due(
    start: datetime,
    working_days: int,
    calendar: Calendar,
    pauses: Sequence[tuple[datetime, datetime]] = (),
) -> Due:
    """The moment by which a dossier received at `start` must be done; always inside a window of a working day.

    `start` and the ends of `pauses` are aware. A pause is the time from asking for a supplement to its receipt; an
    open pause has no end yet, so it is told with the moment up to which it shall count. Overlapping pauses count once.
    For one list of pauses a later start never gives an earlier due date. Raises ValueError for a naive time, a negative
    limit, or a pause that ends before it begins or begins before `start`.
    """
    if start.tzinfo is None:
        raise ValueError("start must be aware")
    if not 0 <= working_days <= WORKING_DAYS_MAX:
        raise ValueError(f"working_days must be 0 to {WORKING_DAYS_MAX}")
    received = start.astimezone(calendar.zone)
    steps = [Step(f"Tiếp nhận lúc {_said(received)}.", f"Received at {_said(received)}.", received)]
    begun = _begin(received, calendar)
    if begun != received:
        steps.append(_begin_step(received, begun, calendar))
    if working_days:
        counted = calendar.shift(begun.date(), working_days)
        reached = datetime.combine(counted.day, begun.time(), calendar.zone)
        vi = f"Cộng {working_days} ngày làm việc, giữ nguyên giờ: {_said(reached)}{counted.vi}."
        en = f"Plus {working_days} working days, same clock time: {_said(reached)}{counted.en}."
    else:
        reached = datetime.combine(begun.date(), calendar.windows[-1][1], calendar.zone)
        vi = f"Giải quyết trong ngày: {_said(reached)}."
        en = f"Within the day: {_said(reached)}."
    steps.append(Step(vi, en, reached))
    for pause_start, pause_end in _merged(pauses, start):
        waited = calendar.working_time(pause_start, pause_end)
        reached = _advance(reached, waited, calendar)
        steps.append(_pause_step(pause_start.astimezone(calendar.zone), pause_end, waited, reached))
    provisional = not calendar.announced(reached.date())
    if provisional:
        steps.append(
            Step(
                f"Tạm tính: lịch nghỉ, ngày hoán đổi năm {reached.year} chưa có trong bảng lịch.",
                f"Provisional: the days off and exchanged days of {reached.year} are not in this calendar yet.",
                reached,
            )
        )
    return Due(reached, calendar.version, tuple(steps), provisional)


def _begin(moment: datetime, calendar: Calendar) -> datetime:
    """The moment itself inside a window, else the start of the next window."""
    day, clock = moment.date(), moment.time()
    if calendar.is_working_day(day):
        for start, end in calendar.windows:
            if clock <= end:
                return moment if clock >= start else datetime.combine(day, start, calendar.zone)
    return datetime.combine(calendar.next_working_day(day), calendar.windows[0][0], calendar.zone)


def _begin_step(received: datetime, begun: datetime, calendar: Calendar) -> Step:
    why = calendar.why_off(received.date())
    if why is not None:
        vi, en = f"{received:%d/%m/%Y} không phải ngày làm việc ({why[0]})", f"{received:%d/%m/%Y} is off ({why[1]})"
    elif begun.date() != received.date():
        vi, en = "sau giờ làm việc", "after working hours"
    elif begun.time() == calendar.windows[0][0]:
        vi, en = "trước giờ làm việc", "before working hours"
    else:
        vi, en = "trong giờ nghỉ giữa buổi", "in the break"
    return Step(f"Tính từ {_said(begun)}: {vi}.", f"Counted from {_said(begun)}: {en}.", begun)


def _pause_step(start: datetime, end: datetime, waited: timedelta, reached: datetime) -> Step:
    end = end.astimezone(start.tzinfo)
    minutes = round(waited.total_seconds() / 60)
    return Step(
        f"Cộng thời gian chờ bổ sung {_said(start)} – {_said(end)}: {minutes // 60} giờ {minutes % 60} phút làm việc, "
        f"đến {_said(reached)}.",
        f"Plus the wait for a supplement {_said(start)} – {_said(end)}: {minutes // 60} h {minutes % 60} min of "
        f"working time, to {_said(reached)}.",
        reached,
    )


def _merged(pauses: Sequence[tuple[datetime, datetime]], received: datetime) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(pauses):
        if start.tzinfo is None or end.tzinfo is None:
            raise ValueError("a pause's ends must be aware")
        if end < start or start < received:
            raise ValueError("a pause must begin after the receipt and end after it began")
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _advance(moment: datetime, waited: timedelta, calendar: Calendar) -> datetime:
    """`moment`, which lies inside a window, moved on by working time: whole days keep the clock, the rest walks."""
    days, rest = divmod(waited, calendar.day_length)
    day, clock = moment.date(), moment.time()
    if days:
        day = calendar.shift(day, days).day
    while rest:
        for start, end in calendar.windows:
            if clock < end:
                from_here = max(clock, start)
                room = _length(from_here, end)
                if rest <= room:
                    return datetime.combine(day, from_here, calendar.zone) + rest
                rest -= room
        day, clock = calendar.next_working_day(day), time.min
    return datetime.combine(day, clock, calendar.zone)


def _length(start: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, start)


def _said(moment: datetime) -> str:
    # strftime costs four times as much, and this runs per dossier.
    day = f"{moment.day:02}/{moment.month:02}/{moment.year}"
    return f"{day} {moment.hour:02}:{moment.minute:02}:{moment.second:02}"
