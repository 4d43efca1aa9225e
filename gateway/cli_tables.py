"""Commands that ask the tables in force: offices, competence, due dates."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    a_day,
    add_json,
    an_instant,
    command,
    group,
    settings,
    table,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock, rfc3339
from gateway.deadlines import Calendar, due
from gateway.facts import open_catalogue
from gateway.routing import Ambiguous, OfficeTable, route

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from gateway.routing import Office

_MARKS = {"verified": "", "unconfirmed": "chưa xác nhận · unconfirmed", "demo": "mẫu · demo"}


def declare(commands: Commands[Parser]) -> None:
    """Declare `office`, `due` and `route`."""
    offices = group(commands, "office", says="Bảng cơ quan BHXH.", tells="The table of offices.")
    shown = command(
        offices,
        "list",
        _offices,
        says="Liệt kê cơ quan BHXH có hiệu lực trong một ngày.",
        tells="List the offices in force on a day.",
        example="""
            motcua office list
            motcua office list --at 30/06/2025
        """,
    )
    shown.add_argument("--at", type=a_day, metavar="DAY", help="ngày (mặc định: hôm nay) · default: today")
    add_json(shown)
    appointed = command(
        commands,
        "due",
        _due,
        says="Tính ngày hẹn trả của một thủ tục, nói rõ từng bước.",
        tells="Work out when a procedure's result is due, step by step.",
        example="""
            motcua due 600 --at '2026-04-27T16:45+07:00'
            motcua due 600 --at '27/04/2026 16:45' --pause '28/04/2026 09:00' '05/05/2026 10:00'
        """,
    )
    appointed.add_argument("procedure", metavar="PROCEDURE", help="mã thủ tục · code of the procedure")
    appointed.add_argument("--at", type=an_instant, metavar="TIME", help="lúc nhận (mặc định: bây giờ) · received at")
    appointed.add_argument(
        "--pause",
        nargs=2,
        action="append",
        default=[],
        type=an_instant,
        metavar=("FROM", "TO"),
        help="thời gian chờ bổ sung (lặp lại được) · a wait for a supplement",
    )
    add_json(appointed)
    competent = command(
        commands,
        "route",
        _route,
        says="Tìm cơ quan giải quyết. 1: không xác định được.",
        tells="Find the competent office. Exit status 1 when it cannot be told.",
        example="""
            motcua route 600 --unit-office 09991 --at 2026-03-31 --explain
            motcua route 600 --unit-office 9993 --json
        """,
    )
    competent.add_argument("procedure", metavar="PROCEDURE", help="mã thủ tục · code of the procedure")
    competent.add_argument("--unit-office", required=True, metavar="CODE", help="cơ quan đang quản lý đơn vị")
    competent.add_argument("--written", metavar="CODE", help="mã cơ quan ghi trong hồ sơ (mặc định: như trên)")
    competent.add_argument(
        "--place", default="", metavar="CODE", help="nơi nhận hồ sơ giấy · where paper was handed in"
    )
    competent.add_argument("--at", type=a_day, metavar="DAY", help="ngày (mặc định: hôm nay) · default: today")
    competent.add_argument("--explain", action="store_true", help="nói rõ vì sao · say why")
    add_json(competent)


def _today() -> date:
    return SystemClock().now().astimezone(VIETNAM).date()


def _offices(asked: argparse.Namespace) -> int:
    held = _table()
    offices = held.offices_on(asked.at or _today())
    if asked.json:
        print(msgspec.json.encode({"table": held.version, "offices": offices}).decode())
        return DONE
    rows = [("MÃ", "TÊN", "CẤP TRÊN", "TỪ", "")]
    rows += [
        (one.code, one.name, one.parent or "—", f"{one.valid_from:%d/%m/%Y}", _MARKS[one.certainty]) for one in offices
    ]
    print("\n".join(table(rows)))
    print(f"Bảng · table {held.version}")
    return DONE


def _due(asked: argparse.Namespace) -> int:
    at: datetime = asked.at or SystemClock().now()
    procedure = open_catalogue(settings()).procedure(asked.procedure, at.astimezone(VIETNAM).date())
    if procedure is None:
        raise CannotWork(f"không có thủ tục {asked.procedure} vào ngày này · no such procedure on that day")
    if procedure.time_limit_working_days is None:
        raise CannotWork(f"thủ tục {asked.procedure} không có thời hạn · this procedure has no time limit")
    try:
        found = due(
            at, procedure.time_limit_working_days, Calendar.load(), [(start, end) for start, end in asked.pause]
        )
    except ValueError as error:
        raise CannotWork(str(error)) from error
    if asked.json:
        steps = [{"vi": one.vi, "en": one.en, "at": rfc3339(one.at)} for one in found.steps]
        told = {
            "due_at": rfc3339(found.due_at),
            "procedure": procedure.version,
            "calendar": found.calendar,
            "provisional": found.provisional,
            "steps": steps,
        }
        print(msgspec.json.encode(told).decode())
        return DONE
    print(f"Hẹn trả · due: {found.due_at:%d/%m/%Y %H:%M:%S}   ({procedure.version}, lịch · calendar {found.calendar})")
    for number, step in enumerate(found.steps, 1):
        for line in (*wrapped(f"{number}. ", step.vi, 2), *wrapped("   ", step.en, 2)):
            print(line)
    return DONE


def _route(asked: argparse.Namespace) -> int:
    held = _table()
    at = asked.at or _today()
    written = asked.unit_office if asked.written is None else asked.written
    found = route(asked.procedure, asked.unit_office, written, at, held, place=asked.place)
    ambiguous = isinstance(found, Ambiguous)
    if asked.json:
        print(msgspec.json.encode({"ok": not ambiguous, **msgspec.to_builtins(found)}).decode())
        return JUDGED_BAD if ambiguous else DONE
    if isinstance(found, Ambiguous):
        print("KHÔNG xác định được cơ quan giải quyết · the competent office cannot be told")
    else:
        print(f"{found.competent_office}  {found.competent_name}")
    if asked.explain or ambiguous:
        for line in _why(found.explanation_vi, found.explanation_en, found.candidates):
            print(line)
        rule = held.rule_for(asked.procedure, at)
        print(f"  quy tắc · rule {found.rule or '—'}, bảng · table {found.table_version}")
        if rule is not None:
            print(f"  {rule.title_vi}\n  {rule.title_en}")
    return JUDGED_BAD if ambiguous else DONE


def _why(vi: str, en: str, candidates: Sequence[Office]) -> list[str]:
    lines = (
        wrapped("", vi, 2) + wrapped("", en, 2)
        if vi
        else ["  Mã đúng và đang có hiệu lực · the code is right and in force"]
    )
    return [*lines, *(f"  - {one.code}  {one.name}" for one in candidates)]


def _table() -> OfficeTable:
    told = settings()
    return OfficeTable.load(told.path("offices", "") if told.offices else None)
