"""The calendar's tables as staff write them: working hours with their dates, announced days, and what differs."""

from __future__ import annotations

import hashlib
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec
from msgspec import Struct, structs

if TYPE_CHECKING:
    from collections.abc import Iterable

HOURS_FILE: Final = "hours.toml"
OVERRIDES_FILE: Final = "overrides.toml"
SHIPPED: Final = Path(__file__).parent / "calendar"
ISO_WEEKDAY_MAX: Final = 7

T = TypeVar("T")
Certainty = Literal["verified", "unconfirmed"]
Moment = tuple[int, time]
"""A time of day, so many working days later."""


class CalendarMistaken(Exception):
    """The calendar's tables cannot be read or contradict themselves. Trying again is useless until they are mended."""


class Window(Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of the day in which offices work; both ends belong to it."""

    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")


class Outside(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is received after one time of a working day and before another, neither included ('' is the day's own end),
    counts from `counts_from`, of that day or of the next working day; and why, for people.
    """

    counts_from: str
    vi: str
    en: str
    after: str = ""
    before: str = ""
    next_working_day: bool = False


class DayOff(Struct, frozen=True, forbid_unknown_fields=True):
    """What is received on a day off counts from this time of the next working day."""

    counts_from: str


class Hours(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The working week since a day, until the next one begins."""

    valid_from: date
    rest_weekdays: tuple[int, ...]
    windows: tuple[Window, ...]
    outside: tuple[Outside, ...]
    day_off: DayOff
    source: str
    certainty: Certainty


class HoursTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of hours.toml."""

    version: str
    time_zone: str
    hours: tuple[Hours, ...]


class ExceptionalDay(Struct, frozen=True, forbid_unknown_fields=True):
    """One announced day that wins over the library, and who said so."""

    day: date
    name_vi: str
    name_en: str
    source: str
    certainty: Certainty


class Overrides(Struct, frozen=True, forbid_unknown_fields=True):
    """The announced exceptions: the shape of overrides.toml."""

    version: str
    announced_through_year: int
    holidays: tuple[ExceptionalDay, ...] = ()
    working_days: tuple[ExceptionalDay, ...] = ()


class Tables(Struct, frozen=True):
    """Both tables, and a digest of their bytes."""

    hours: HoursTable
    overrides: Overrides
    digest: str


class Difference(Struct, frozen=True):
    """One line of what differs between two tables: what came (`+`), what went (`-`)."""

    sign: Literal["+", "-"]
    where: str
    what: str


def read_tables(folder: Path | None = None) -> Tables:
    """Read both tables from a folder, or those that come with the gateway. Raises `CalendarMistaken`."""
    place = folder or SHIPPED
    try:
        return tables_of((place / HOURS_FILE).read_bytes(), (place / OVERRIDES_FILE).read_bytes())
    except OSError as fault:
        raise CalendarMistaken(f"{place.name}: {fault}") from fault


def tables_of(hours: bytes, overrides: bytes) -> Tables:
    """Both tables from their bytes. Raises `CalendarMistaken`, and says in which table the mistake is."""
    digest = hashlib.sha256(hours + b"\0" + overrides).hexdigest()[:12]
    return Tables(
        _read(hours, HoursTable, HOURS_FILE),
        check_overrides(_read(overrides, Overrides, OVERRIDES_FILE)),
        digest,
    )


def kind_of(content: bytes) -> str:
    """Which of the two tables a file holds: its name in the folder. Raises `CalendarMistaken` when it is neither."""
    try:
        keys = msgspec.toml.decode(content, type=dict[str, object]).keys()
    except ValueError as fault:
        raise CalendarMistaken(str(fault)) from fault
    if "hours" in keys:
        return HOURS_FILE
    if "announced_through_year" in keys:
        return OVERRIDES_FILE
    raise CalendarMistaken("neither a table of hours (hours) nor of announced days (announced_through_year)")


def _read(content: bytes, shape: type[T], name: str) -> T:
    try:
        return msgspec.toml.decode(content, type=shape)
    except ValueError as fault:
        raise CalendarMistaken(f"{name}: {fault}") from fault


def check_overrides(overrides: Overrides) -> Overrides:
    """The same, if no day is named twice. Raises `CalendarMistaken`."""
    off, worked = ({each.day for each in days} for days in (overrides.holidays, overrides.working_days))
    if both := off & worked:
        raise CalendarMistaken(f"{OVERRIDES_FILE}: {min(both)} is both a holiday and a working day")
    if len(off) + len(worked) != len(overrides.holidays) + len(overrides.working_days):
        raise CalendarMistaken(f"{OVERRIDES_FILE}: a day is named twice")
    return overrides


def times_of(hours: Hours) -> tuple[tuple[time, time], ...]:
    """The windows as times, in order. Raises `CalendarMistaken`."""
    windows = tuple((_time(each.start), _time(each.end)) for each in hours.windows)
    edges = [edge for window in windows for edge in window]
    if not edges or any(left >= right for left, right in pairwise(edges)):
        raise CalendarMistaken(f"{HOURS_FILE}: windows must be there, in order, and must not overlap")
    if not set(hours.rest_weekdays) < set(range(1, ISO_WEEKDAY_MAX + 1)):
        raise CalendarMistaken(f"{HOURS_FILE}: rest_weekdays are ISO numbers 1 to 7, and not all of them")
    return windows


def check_outside(hours: Hours, windows: tuple[tuple[time, time], ...]) -> None:
    """Refuse rules for what comes outside working time by which some moment has no answer, or an answer outside the
    windows, or a later one is answered earlier than one before it. Raises `CalendarMistaken`.
    """
    rows = [(_time(row.after, time.min), _time(row.before, time.max), _answer(row)) for row in hours.outside]
    if any(low >= high for low, high, _ in rows) or any(one[1] > two[0] for one, two in pairwise(rows)):
        raise CalendarMistaken(f"{HOURS_FILE}: the rows of `outside` must be in order and must not overlap")
    gaps = pairwise([time.min, *(edge for window in windows for edge in window), time.max])
    for low, high in list(gaps)[::2]:
        if low < high and not any(row[0] <= low and high <= row[1] for row in rows):
            raise CalendarMistaken(f"{HOURS_FILE}: nothing is said of what is received after {low} and before {high}")
    day_off = (1, _time(hours.day_off.counts_from))
    for _, clock in [*(answer for _, _, answer in rows), day_off]:
        if not any(start <= clock <= end for start, end in windows):
            raise CalendarMistaken(f"{HOURS_FILE}: counts_from {clock} is not in working time")
    if not _in_order(_answers(rows), day_off):
        raise CalendarMistaken(f"{HOURS_FILE}: by `outside`, what comes later would count from earlier")


def _answer(row: Outside) -> Moment:
    return (1 if row.next_working_day else 0, _time(row.counts_from))


def _answers(rows: Iterable[tuple[time, time, Moment]]) -> list[Moment]:
    """From when the moments of a working day count, at every place where the rule changes, in the day's order."""
    found: list[Moment] = []
    reached = time.min
    for low, high, answer in rows:
        # Between two rows a moment counts as it is.
        found += [(0, reached), (0, low)] if reached < low else []
        found.append(answer)
        reached = high
    return [*found, (0, reached), (0, time.max)] if reached < time.max else found


def _in_order(answers: list[Moment], day_off: Moment) -> bool:
    """Through a working day, a day off after it, and into the next working day."""
    days, clock = answers[0]
    all_of_them = [*answers, day_off, (days + 1, clock)]
    return all(left <= right for left, right in pairwise(all_of_them))


def _time(text: str, otherwise: time | None = None) -> time:
    if not text and otherwise is not None:
        return otherwise
    try:
        found = time.fromisoformat(text)
    except ValueError as fault:
        raise CalendarMistaken(f"{HOURS_FILE}: {fault}") from fault
    if found.tzinfo is not None:
        raise CalendarMistaken(f"{HOURS_FILE}: {text} carries a zone")
    return found


def differences(before: Tables, after: Tables) -> list[Difference]:
    """What came and what went, line by line, table by table; nothing when both say the same."""
    return [
        *_lines(HOURS_FILE, _of_hours(before.hours), _of_hours(after.hours)),
        *_lines(OVERRIDES_FILE, _of_overrides(before.overrides), _of_overrides(after.overrides)),
    ]


def _lines(where: str, before: list[str], after: list[str]) -> list[Difference]:
    went = [Difference("-", where, line) for line in before if line not in after]
    return went + [Difference("+", where, line) for line in after if line not in before]


def _of_hours(table: HoursTable) -> list[str]:
    lines = [f"version {table.version}", f"time_zone {table.time_zone}"]
    for each in table.hours:
        told = structs.asdict(each) | {"windows": ", ".join(f"{one.start}-{one.end}" for one in each.windows)}
        told["outside"] = "; ".join(
            f"{one.after or '00:00'}-{one.before or '24:00'} → {one.counts_from}" + " (+1)" * one.next_working_day
            for one in each.outside
        )
        told["day_off"] = f"→ {each.day_off.counts_from} (+1)"
        told["rest_weekdays"] = ", ".join(map(str, each.rest_weekdays))
        since = told.pop("valid_from")
        lines += [f"{since:%d/%m/%Y} {name} {value}" for name, value in told.items()]
    return lines


def _of_overrides(table: Overrides) -> list[str]:
    lines = [f"version {table.version}", f"announced_through_year {table.announced_through_year}"]
    for word, days in (("nghỉ · off", table.holidays), ("làm việc · worked", table.working_days)):
        lines += [
            f"{each.day:%d/%m/%Y} {word}: {each.name_vi} · {each.name_en} ({each.source}, {each.certainty})"
            for each in sorted(days, key=lambda one: one.day)
        ]
    return lines
