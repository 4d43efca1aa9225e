"""The statutory clock: from the moment of receipt to the due date, in working time of the offices.

Working hours, what counts from when outside them, and the announced days are data (calendar/hours.toml,
calendar/overrides.toml); public holidays and exchanged working Saturdays come from the `holidays` library. The rules:

1. Counting starts at the moment of receipt (Decree 61/2018/NĐ-CP: the receipt names the appointed time). A moment
   outside working time counts from where the table of hours says.
2. The day of the start is not counted; each following working day counts one; the clock time is kept.
3. A limit of 0 working days means "within the day": the end of the day on which counting starts.
4. Working time that passes while a supplement is awaited is added.
5. The hours in force on the day of receipt hold for the whole reckoning.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, timedelta
from importlib.metadata import version as library_version
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.calendar_days import OutsideCalendar, Shift, Week
from gateway.calendar_tables import (
    HOURS_FILE,
    CalendarMistaken,
    HoursTable,
    Overrides,
    check_overrides,
    read_tables,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gateway.calendar_days import Begun

__all__ = ["Calendar", "CalendarMistaken", "Due", "OutsideCalendar", "Step", "due"]

LIMIT_DAYS_MAX = 2000


class Step(Struct, frozen=True):
    """One step of the calculation, for people; `at` is the moment the step arrives at."""

    vi: str
    en: str
    at: datetime


class Due(Struct, frozen=True):
    """A due date, the version of the calendar that gave it, and how it came about.

    `provisional` is true when days of a year were counted whose exchanged days have not been announced to this
    calendar: the same dossier may get another date from a later version.
    """

    due_at: datetime
    calendar: str
    steps: tuple[Step, ...]
    provisional: bool = False


class Calendar:
    """Working days and windows, from the tables in force.

    Immutable but for its caches, which hold what the tables imply; one instance serves a process.
    `version` names the library's version, the tables' versions and a digest of their bytes, so that a due date can be
    reckoned again later with the same tables. Raises `CalendarMistaken` for tables that contradict themselves.
    """

    def __init__(self, hours: HoursTable, overrides: Overrides, *, digest: str) -> None:
        self.hours = hours
        self.overrides = check_overrides(overrides)
        self.version = f"holidays-{library_version('holidays')}/{hours.version}/{overrides.version}/sha256-{digest}"
        try:
            self.zone = ZoneInfo(hours.time_zone)
        except (ValueError, KeyError, OSError) as fault:
            raise CalendarMistaken(f"{HOURS_FILE}: {fault}") from fault
        self._since = [each.valid_from for each in hours.hours]
        if not self._since or any(left >= right for left, right in pairwise(self._since)):
            raise CalendarMistaken(f"{HOURS_FILE}: there must be hours, each valid from a later day than those above")
        self._weeks = [Week(each, overrides, self.zone) for each in hours.hours]

    @classmethod
    def load(cls, folder: Path | None = None) -> Calendar:
        """Read hours.toml and overrides.toml from `folder`, or the tables that come with the gateway."""
        tables = read_tables(folder)
        return cls(tables.hours, tables.overrides, digest=tables.digest)

    def on(self, day: date) -> Week:
        """The hours that hold for what is received on `day`. Raises `OutsideCalendar` for a day before the first."""
        at = bisect_right(self._since, day) - 1
        if at < 0:
            raise OutsideCalendar(f"the calendar knows no working hours before {self._since[0]}, not on {day}")
        return self._weeks[at]

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on `day`; an announced exception wins over the library, a swapped Saturday is worked."""
        return self.on(day).is_working_day(day)

    def why_off(self, day: date) -> tuple[str, str] | None:
        """Why offices rest on `day`, in Vietnamese and English; None on a working day."""
        return self.on(day).why_off(day)

    def announced(self, day: date) -> bool:
        """Whether the exchanged days of the year of `day` have been announced to this calendar."""
        return day.year <= self.overrides.announced_through_year

    def next_working_day(self, day: date) -> date:
        """The first working day after `day`."""
        return self.on(day).next_working_day(day)

    def shift(self, day: date, working_days: int) -> Shift:
        """Count `working_days` working days after `day`."""
        return self.on(day).shift(day, working_days)

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two aware moments, to the microsecond, by the hours at the start."""
        return self.on(start.astimezone(self.zone).date()).working_time(start, end)

    def ahead(self, now: datetime, working_time: timedelta) -> datetime:
        """The moment by which so much working time will have passed from `now` on."""
        here = now.astimezone(self.zone)
        week = self.on(here.date())
        return week.advance(week.begin(here).at, working_time)

    def back(self, now: datetime, working_time: timedelta) -> datetime:
        """The last moment since which so much working time has passed by `now`."""
        return self.on(now.astimezone(self.zone).date()).back(now, working_time)


def due(
    start: datetime,
    limit_days: int,
    calendar: Calendar,
    pauses: Sequence[tuple[datetime, datetime]] = (),
    *,
    calendar_days: bool = False,
) -> Due:
    """The moment by which a dossier received at `start` must be done; always inside a window of a working day.

    `limit_days` are working days; with `calendar_days` all days count, and one that ends on a day off ends on the next
    working day (Civil Code 91/2015/QH13, Article 148(5)). `start` and the ends of `pauses` are aware. A pause is the
    time from asking for a supplement to its receipt; an open pause has no end yet, so it is told with the moment up to
    which it shall count. Overlapping pauses count once. For one list of pauses a later start never gives an earlier due
    date. Raises ValueError for a naive time, a negative limit, or a pause that ends before it begins or begins before
    `start`; and `OutsideCalendar`.
    """
    if start.tzinfo is None:
        raise ValueError("start must be aware")
    if not 0 <= limit_days <= LIMIT_DAYS_MAX:
        raise ValueError(f"limit_days must be 0 to {LIMIT_DAYS_MAX}")
    received = start.astimezone(calendar.zone)
    week = calendar.on(received.date())
    steps = [Step(f"Tiếp nhận lúc {_said(received)}.", f"Received at {_said(received)}.", received)]
    begun = week.begin(received)
    if begun.vi:
        steps.append(
            Step(f"Tính từ {_said(begun.at)}: {begun.vi}.", f"Counted from {_said(begun.at)}: {begun.en}.", begun.at)
        )
    counted = (
        _counted_all(begun, limit_days, week) if calendar_days and limit_days else _counted(begun, limit_days, week)
    )
    steps.append(counted)
    reached = counted.at
    for pause_start, pause_end in _merged(pauses, start):
        waited = week.working_time(pause_start, pause_end)
        reached = week.advance(reached, waited)
        steps.append(_pause_step(pause_start.astimezone(calendar.zone), pause_end, waited, reached))
    provisional = not calendar.announced(reached.date())
    if provisional:
        steps.append(_provisional_step(reached))
    return Due(reached, calendar.version, tuple(steps), provisional)


def _counted(begun: Begun, working_days: int, week: Week) -> Step:
    if not working_days:
        reached = datetime.combine(begun.at.date(), week.windows[-1][1], week.zone)
        return Step(f"Giải quyết trong ngày: {_said(reached)}.", f"Within the day: {_said(reached)}.", reached)
    counted = week.shift(begun.at.date(), working_days)
    reached = datetime.combine(counted.day, begun.at.time(), week.zone)
    vi = f"Cộng {working_days} ngày làm việc, giữ nguyên giờ: {_said(reached)}{counted.vi}."
    en = f"Plus {working_days} working days, same clock time: {_said(reached)}{counted.en}."
    return Step(vi, en, reached)


def _counted_all(begun: Begun, days: int, week: Week) -> Step:
    """All days count; the last one must be a working day."""
    counted = begun.at.date() + timedelta(days=days)
    vi, en = "", ""
    day = counted
    if (why := week.why_off(counted)) is not None:
        day = week.next_working_day(counted)
        vi = f"; {counted:%d/%m/%Y} không phải ngày làm việc ({why[0]}), sang ngày làm việc tiếp theo"
        en = f"; {counted:%d/%m/%Y} is off ({why[1]}), so the next working day"
    reached = datetime.combine(day, begun.at.time(), week.zone)
    return Step(
        f"Cộng {days} ngày, kể cả ngày nghỉ, giữ nguyên giờ: {_said(reached)}{vi}.",
        f"Plus {days} days, days off included, same clock time: {_said(reached)}{en}.",
        reached,
    )


def _provisional_step(reached: datetime) -> Step:
    return Step(
        f"Tạm tính: lịch nghỉ, ngày hoán đổi năm {reached.year} chưa có trong bảng lịch.",
        f"Provisional: the days off and exchanged days of {reached.year} are not in this calendar yet.",
        reached,
    )


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


def _said(moment: datetime) -> str:
    # strftime costs four times as much, and this runs per dossier.
    day = f"{moment.day:02}/{moment.month:02}/{moment.year}"
    return f"{day} {moment.hour:02}:{moment.minute:02}:{moment.second:02}"
