"""Commands about working time: the calendar's tables."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.calendar_change import apply, change, questions
from gateway.calendar_days import YEAR_MAX, YEAR_MIN
from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    command,
    group,
    read_file,
    settings,
    table,
    whole,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock
from gateway.deadlines import Calendar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.calendar_change import Change
    from gateway.calendar_tables import Hours

_WEEKDAYS: Final = ("Hai", "Ba", "Tư", "Năm", "Sáu", "Bảy", "Chủ nhật")


def declare(commands: Commands[Parser]) -> None:
    """Declare `calendar show|import|check`."""
    tables = group(
        commands,
        "calendar",
        says="Lịch làm việc: giờ làm việc, ngày nghỉ, ngày làm bù.",
        tells="The calendar: working hours, days off, weekend days that are worked.",
    )
    show = command(
        tables,
        "show",
        _show,
        says="Xem lịch của một năm, như đang có hiệu lực.",
        tells="Show a year's calendar as it is in force.",
        example="motcua calendar show 2026",
    )
    show.add_argument("year", nargs="?", type=whole(YEAR_MIN, YEAR_MAX), metavar="YEAR", help="năm · year")
    add_json(show)
    bring = command(
        tables,
        "import",
        _import,
        says="Nhập bảng giờ làm việc hoặc bảng ngày nghỉ, làm bù mới; nêu rõ điều thay đổi.",
        tells="Import a new table of hours or of announced days, and say what changes.",
        example="""
            motcua calendar import overrides-2027.toml --dry-run      # xem trước · look first
            motcua calendar import overrides-2027.toml
        """,
    )
    bring.add_argument("file", metavar="FILE", help="tệp TOML, như hours.toml hoặc overrides.toml")
    bring.add_argument("--dry-run", action="store_true", help="chỉ xem thay đổi · only tell what would change")
    add_json(bring)
    look = command(
        tables,
        "check",
        _check,
        says="Kiểm tra các bảng lịch đang có hiệu lực. 1: có điều cần người xem.",
        tells="Check the tables in force. Exit status 1 when something in them needs a person.",
        example="motcua calendar check",
    )
    add_json(look)


def _calendar() -> Calendar:
    told = settings()
    return Calendar.load(Path(told.calendar) if told.calendar else None)


def _today() -> date:
    return SystemClock().now().astimezone(VIETNAM).date()


def _show(asked: argparse.Namespace) -> int:
    calendar = _calendar()
    year = asked.year or _today().year
    week = calendar.on(max(date(year, 1, 1), calendar.hours.hours[0].valid_from))
    days = week.year(year)
    special = [day for day in days.off_vi if not calendar.is_working_day(day)] + list(days.exchanged)
    announced = {each.day for each in (*calendar.overrides.holidays, *calendar.overrides.working_days)}
    if asked.json:
        shown = [
            {
                "day": day,
                "works": calendar.is_working_day(day),
                "vi": (calendar.why_off(day) or ("làm việc bù", ""))[0],
                "en": (calendar.why_off(day) or ("", "worked in exchange"))[1],
                "from": "overrides" if day in announced else "library",
            }
            for day in sorted(special)
        ]
        told = {
            "calendar": calendar.version,
            "year": year,
            "announced": calendar.announced(date(year, 1, 1)),
            "hours": calendar.hours.hours,
            "days": shown,
            "working_days": len(days.working),
        }
        print(msgspec.json.encode(told).decode())
        return DONE
    print(f"Lịch · calendar {calendar.version}")
    for each in calendar.hours.hours:
        print("\n".join(_hours_told(each)))
    print(f"Năm · year {year}: {len(days.working)} ngày làm việc · working days")
    if not calendar.announced(date(year, 1, 1)):
        print("  CHƯA có thông báo ngày nghỉ, hoán đổi · not announced yet: due dates are provisional")
    rows = []
    for day in sorted(special):
        why = calendar.why_off(day)
        name = f"nghỉ: {why[0]} · off: {why[1]}" if why else "làm việc bù · worked in exchange"
        rows.append((f"{day:%d/%m/%Y}", _WEEKDAYS[day.weekday()], name, "bảng · table" if day in announced else ""))
    print("\n".join(table(rows)))
    return DONE


def _hours_told(each: Hours) -> Iterator[str]:
    rests = ", ".join(_WEEKDAYS[day - 1] for day in each.rest_weekdays)
    windows = ", ".join(f"{one.start}–{one.end}" for one in each.windows)
    yield f"Từ · from {each.valid_from:%d/%m/%Y}: {windows}; nghỉ · rest: {rests} ({each.certainty}: {each.source})"
    for one in each.outside:
        between = " ".join(
            text
            for text in (one.after and f"sau · after {one.after}", one.before and f"trước · before {one.before}")
            if text
        )
        later = " ngày làm việc tiếp theo · of the next working day" * one.next_working_day
        yield f"  {between}: tính từ · counts from {one.counts_from}{later}"
    yield f"  ngày nghỉ · days off: tính từ · counts from {each.day_off.counts_from} ngày làm việc tiếp theo"


def _import(asked: argparse.Namespace) -> int:
    told = settings()
    if not told.calendar:
        raise CannotWork(
            "chưa đặt thư mục bảng lịch: MOTCUA_CALENDAR=/thư/mục · set MOTCUA_CALENDAR to the folder of your tables"
        )
    folder = Path(told.calendar)
    made = change(folder, read_file(asked.file), _today())
    if made.differences and not asked.dry_run:
        apply(folder, made)
    _tell_change(made, dry_run=asked.dry_run, as_json=asked.json)
    return DONE


def _tell_change(made: Change, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        told = {
            "table": made.name,
            "before": made.before.version,
            "after": made.after.version,
            "imported": bool(made.differences) and not dry_run,
            "differences": made.differences,
            "turned": made.turned,
        }
        print(msgspec.json.encode(told).decode())
        return
    for one in made.differences:
        print(f"{one.sign} {one.where}: {one.what}")
    for turn in made.turned:
        word = (
            "thành ngày làm việc · is worked now"
            if turn.is_worked
            else f"thành ngày nghỉ: {turn.why_vi} · is off now: {turn.why_en}"
        )
        print(f"  {turn.day:%d/%m/%Y} {word}")
    if not made.differences:
        print("Không có gì thay đổi · nothing differs")
    elif dry_run:
        print(f"CHƯA nhập (--dry-run) · not imported. Lịch sẽ là · it would be {made.after.version}")
    else:
        print(f"Đã nhập · imported: {made.after.version}")
        print("Hồ sơ đã tiếp nhận giữ ngày hẹn cũ · dossiers received before keep their due date")


def _check(asked: argparse.Namespace) -> int:
    calendar, today = _calendar(), _today()
    found = list(questions(calendar, today))
    if asked.json:
        told = {"ok": not found, "calendar": calendar.version, "found": [{"vi": vi, "en": en} for vi, en in found]}
        print(msgspec.json.encode(told).decode())
    else:
        print(f"Lịch · calendar {calendar.version}")
        for vi, en in found:
            print("\n".join((*wrapped("- ", vi, 2), *wrapped("  ", en, 2))))
        if not found:
            print("Đúng · in order")
    return JUDGED_BAD if found else DONE
