"""A change of the calendar's tables by staff: what it would do, whether it may be, how it is put into the folder."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway.calendar_days import YEAR_MAX, YEAR_MIN
from gateway.calendar_tables import (
    HOURS_FILE,
    OVERRIDES_FILE,
    SHIPPED,
    CalendarMistaken,
    Difference,
    Tables,
    differences,
    kind_of,
    tables_of,
)
from gateway.deadlines import Calendar

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tables that were replaced lie here, each under its version: by them an earlier due date can be reckoned again.
EARLIER: Final = "earlier"
# A due date may be so far away: what is received today should find its year announced.
LOOK_AHEAD: Final = timedelta(days=90)


class ChangeRefused(Exception):
    """The tables are well made, but may not take the place of those in force; the message says what to do."""


class Turned(Struct, frozen=True):
    """A day that is worked now and was not before, or the other way round."""

    day: date
    is_worked: bool
    why_vi: str
    why_en: str


class Change(Struct, frozen=True, kw_only=True):
    """What an import would do. `name` is the table that it replaces; nothing differs when there is no difference."""

    name: str
    content: bytes
    before: Calendar
    after: Calendar
    differences: tuple[Difference, ...]
    turned: tuple[Turned, ...]


def read_both(folder: Path) -> tuple[bytes, bytes]:
    """The bytes of hours.toml and overrides.toml in the folder; of what is not there, those that come with motcua."""
    found = []
    for name in (HOURS_FILE, OVERRIDES_FILE):
        path = folder / name
        try:
            found.append((path if path.exists() else SHIPPED / name).read_bytes())
        except OSError as fault:
            raise CalendarMistaken(f"{path}: {fault}") from fault
    return found[0], found[1]


def change(folder: Path, content: bytes, today: date) -> Change:
    """What putting this table into the folder would do. Nothing is written.

    Raises `CalendarMistaken` for a table that contradicts itself, `ChangeRefused` for one under a version that was used
    already, or one that changes hours which receipts have been given by.
    """
    name = kind_of(content)
    hours, overrides = read_both(folder)
    before = tables_of(hours, overrides)
    after = tables_of(content, overrides) if name == HOURS_FILE else tables_of(hours, content)
    old, new = _calendar(before), _calendar(after)
    found = tuple(differences(before, after))
    if found:
        _refuse_used_version(folder, name, before, after)
        _refuse_past_hours(before, after, today)
    return Change(name=name, content=content, before=old, after=new, differences=found, turned=tuple(_turned(old, new)))


def apply(folder: Path, made: Change) -> None:
    """Put the changed table into the folder. The one it replaces is kept under `earlier`; a gateway sees the old table
    or the new one, never half of one. Doing it again changes nothing. Raises OSError.
    """
    (folder / EARLIER).mkdir(parents=True, exist_ok=True)
    hours, overrides = read_both(folder)
    for name, held in ((HOURS_FILE, hours), (OVERRIDES_FILE, overrides)):
        _write(folder / EARLIER / f"{_version(held)}.toml", held)
        if not (folder / name).exists() and name != made.name:
            _write(folder / name, held)
    _write(folder / made.name, made.content)


def _calendar(tables: Tables) -> Calendar:
    return Calendar(tables.hours, tables.overrides, digest=tables.digest)


def _refuse_used_version(folder: Path, name: str, before: Tables, after: Tables) -> None:
    is_hours = name == HOURS_FILE
    was, is_now = (
        (before.hours.version, after.hours.version) if is_hours else (before.overrides.version, after.overrides.version)
    )
    if is_now == was or (folder / EARLIER / f"{is_now}.toml").exists():
        raise ChangeRefused(
            f"phiên bản {is_now} đã dùng cho bảng khác: đặt `version` mới · version {is_now} was used for another table"
        )
    if not is_now or not all(one.isalnum() or one in "._-" for one in is_now):
        raise ChangeRefused(f"version {is_now!r}: chỉ gồm chữ, số, . _ - · letters, digits, . _ - only")


def _refuse_past_hours(before: Tables, after: Tables, today: date) -> None:
    """Receipts were given by the hours up to today: they stay as they were, but for their source and certainty."""
    rules = [
        {each.valid_from: structs.replace(each, source="", certainty="verified") for each in tables.hours.hours}
        for tables in (before, after)
    ]
    was, is_now = rules
    for day in sorted(was.keys() | is_now.keys()):
        if day <= today and was.get(day) != is_now.get(day):
            raise ChangeRefused(
                f"giờ làm việc từ {day:%d/%m/%Y} đã được dùng: thêm [[hours]] mới có valid_from sau hôm nay"
                f" · the hours of {day:%d/%m/%Y} were used: add [[hours]] valid from a day to come"
            )
    if before.hours.time_zone != after.hours.time_zone:
        raise ChangeRefused("time_zone không đổi được · the time zone cannot be changed")


def _turned(before: Calendar, after: Calendar) -> Iterator[Turned]:
    """Days that change sides, in the years that either table speaks of."""
    named = [
        each.day
        for table in (before.overrides, after.overrides)
        for each in (*table.holidays, *table.working_days)
        if YEAR_MIN <= each.day.year <= YEAR_MAX
    ]
    for day in sorted(set(named)):
        is_worked = after.is_working_day(day)
        if is_worked != before.is_working_day(day):
            vi, en = after.why_off(day) or ("", "")
            yield Turned(day, is_worked, vi, en)


def questions(calendar: Calendar, today: date) -> Iterator[tuple[str, str]]:
    """What in the tables needs a person, in Vietnamese and English."""
    ahead = today + LOOK_AHEAD
    if not calendar.announced(ahead):
        yield (
            f"chưa có thông báo ngày nghỉ năm {ahead.year}: ngày hẹn chỉ là tạm tính",
            f"the days off of {ahead.year} are not announced to this calendar: due dates are provisional",
        )
    for day in _needless(calendar):
        yield f"{day:%d/%m/%Y} không đổi gì: thư viện đã có", f"{day:%d/%m/%Y} changes nothing: the library knows it"
    for each in (*calendar.overrides.holidays, *calendar.overrides.working_days):
        if each.certainty != "verified":
            yield f"{each.day:%d/%m/%Y} chưa xác nhận ({each.source})", f"{each.day:%d/%m/%Y} is unconfirmed"
        if not calendar.announced(each.day):
            yield (
                f"{each.day:%d/%m/%Y} nằm sau năm đã thông báo: tăng announced_through_year khi bảng đã đủ",
                f"{each.day:%d/%m/%Y} lies after the announced years: raise announced_through_year when all is in",
            )
    for hours in calendar.hours.hours:
        if hours.certainty != "verified":
            since = f"{hours.valid_from:%d/%m/%Y}"
            yield f"giờ làm việc từ {since} chưa xác nhận ({hours.source})", f"the hours from {since} are unconfirmed"


def _needless(calendar: Calendar) -> list[date]:
    """Announced days that change nothing: the library, or the week, says the same of them without the table."""
    bare = Calendar(calendar.hours, structs.replace(calendar.overrides, holidays=(), working_days=()), digest="")
    return [
        each.day
        for each in (*calendar.overrides.holidays, *calendar.overrides.working_days)
        if bare.is_working_day(each.day) == calendar.is_working_day(each.day)
    ]


def _version(content: bytes) -> str:
    return str(msgspec.toml.decode(content, type=dict[str, object]).get("version", ""))


def _write(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.new")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    # The rename is durable only once the folder that holds the name is.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
