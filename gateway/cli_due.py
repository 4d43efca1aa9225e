"""The command that works out when a procedure's result is due, step by step, also for paper and for two halves."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    add_json,
    an_instant,
    command,
    settings,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock, for_people, from_us, rfc3339, to_us
from gateway.deadlines import Calendar, OutsideCalendar, due
from gateway.facts import open_catalogue
from gateway.postal.rules import PostRules, clock_start_us, rules

if TYPE_CHECKING:
    from gateway.deadlines import Due
    from schemas.procedure import Procedure

_NOT_YET: Final = "none"
_BY: Final = {
    "receipt": ("lúc nhận", "its receipt"),
    "posted": ("lúc gửi bưu điện", "its posting"),
    "arrived": ("lúc đến cơ quan", "its arrival"),
    "electronic": ("lúc nhận bản điện tử", "the receipt of its electronic half"),
    "paper": ("lúc nhận bản giấy", "the receipt of its paper half"),
    "first": ("lúc nhận nửa đến trước", "the half that came first"),
    "later": ("lúc nhận nửa đến sau", "the half that came later"),
}


class _Start(Struct, frozen=True):
    """From when the time counts, and by which rule; `at` is None while what starts the clock has not come."""

    at: datetime | None
    by: str
    rules: str
    unconfirmed: bool


def declare(commands: Commands[Parser]) -> None:
    """Declare `due`."""
    appointed = command(
        commands,
        "due",
        _due,
        says="Tính ngày hẹn trả của một thủ tục, nói rõ từng bước.",
        tells="Work out when a procedure's result is due, step by step.",
        example="""
            motcua due 600 --at '2026-04-27T16:45+07:00'
            motcua due 600 --at '27/04/2026 16:45' --pause '28/04/2026 09:00' '05/05/2026 10:00'
            motcua due 607 --at '27/04/2026 16:45' --verified
            motcua due 600 --posted '24/04/2026 10:00' --at '27/04/2026 09:00'    # hồ sơ giấy · on paper
            motcua due 630a --at '27/04/2026 16:45' --paper '29/04/2026 09:00'    # hai nửa · in two halves
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
    appointed.add_argument(
        "--verified",
        action="store_true",
        help="thời hạn dài hơn khi phải xác minh, đã báo bằng văn bản · the longer limit where facts must be verified",
    )
    appointed.add_argument(
        "--posted", type=an_instant, metavar="TIME", help="hồ sơ giấy: lúc gửi; --at là lúc đến · paper: posted at"
    )
    appointed.add_argument(
        "--paper",
        type=_an_instant_or_none,
        metavar="TIME",
        help="hồ sơ có hai nửa: lúc bản giấy đến, hoặc none · in two halves: when the paper came, or none",
    )
    add_json(appointed)


def _an_instant_or_none(text: str) -> datetime | str:
    return text if text == _NOT_YET else an_instant(text)


def _start(asked: argparse.Namespace, at: datetime, told: PostRules) -> _Start:
    """When the clock starts, by the rules in force."""
    unconfirmed = set(told.certainty.unconfirmed)
    if asked.paper is not None:
        paper_us = None if asked.paper == _NOT_YET else to_us(asked.paper)
        start_us = clock_start_us(told.hybrid, to_us(at), paper_us)
        start = None if start_us is None else from_us(start_us).astimezone(VIETNAM)
        return _Start(start, told.hybrid.clock, told.version, "hybrid" in unconfirmed)
    if asked.posted is not None:
        basis = told.time_of_receipt.of(asked.procedure)
        start = asked.posted if basis == "posted" else at
        return _Start(start, basis, told.version, "time_of_receipt" in unconfirmed)
    return _Start(at, "receipt", told.version, unconfirmed=False)


def _due(asked: argparse.Namespace) -> int:
    at: datetime = asked.at or SystemClock().now()
    procedure = open_catalogue(settings()).procedure(asked.procedure, at.astimezone(VIETNAM).date())
    if procedure is None:
        raise CannotWork(f"không có thủ tục {asked.procedure} vào ngày này · no such procedure on that day")
    limit = procedure.time_limit_verified_days if asked.verified else procedure.time_limit_working_days
    if limit is None:
        raise CannotWork(f"thủ tục {asked.procedure} không có thời hạn · this procedure has no time limit")
    told = settings()
    start = _start(asked, at, rules(Path(told.post) if told.post else None))
    if start.at is None:
        return _not_started(start, as_json=asked.json)
    pauses = [(begin, end) for begin, end in asked.pause]
    calendar = Calendar.load(Path(told.calendar) if told.calendar else None)
    try:
        found = due(start.at, limit, calendar, pauses, calendar_days=asked.verified)
    except (ValueError, OutsideCalendar) as error:
        raise CannotWork(str(error)) from error
    if asked.json:
        shown = _due_told(found, procedure, limit, is_verified=asked.verified)
        print(msgspec.json.encode(shown | {"starts": _start_told(start)}).decode())
        return DONE
    if start.by != "receipt":
        print("\n".join(_start_lines(start)))
    print(f"Hẹn trả · due: {found.due_at:%d/%m/%Y %H:%M:%S}   ({procedure.version}, lịch · calendar {found.calendar})")
    for number, step in enumerate(found.steps, 1):
        for line in (*wrapped(f"{number}. ", step.vi, 2), *wrapped("   ", step.en, 2)):
            print(line)
    if procedure.time_limit_note_vi:
        print("\n".join((*wrapped("", procedure.time_limit_note_vi, 2), *wrapped("", procedure.time_limit_note_en, 2))))
    return DONE


def _not_started(start: _Start, *, as_json: bool) -> int:
    if as_json:
        print(msgspec.json.encode({"due_at": None, "starts": _start_told(start), "steps": []}).decode())
    else:
        print("\n".join(_start_lines(start)))
    return DONE


def _start_told(start: _Start) -> dict[str, object]:
    at = None if start.at is None else rfc3339(start.at)
    return {"at": at, "by": start.by, "rules": start.rules, "unconfirmed": start.unconfirmed}


def _start_lines(start: _Start) -> list[str]:
    vi, en = _BY[start.by]
    mark = "; CHƯA xác nhận · unconfirmed" if start.unconfirmed else ""
    begins = "thời hạn chưa bắt đầu · the clock has not started" if start.at is None else for_people(start.at)
    return [f"Tính từ · counts from: {begins}", f"  theo {vi} · by {en} ({start.rules}{mark})"]


def _due_told(found: Due, procedure: Procedure, limit: int, *, is_verified: bool) -> dict[str, object]:
    field = "time_limit_verified_days" if is_verified else "time_limit_working_days"
    return {
        "due_at": rfc3339(found.due_at),
        "procedure": procedure.version,
        "calendar": found.calendar,
        "provisional": found.provisional,
        "limit": {field: limit, "certainty": procedure.certainty[field]},
        "steps": [{"vi": one.vi, "en": one.en, "at": rfc3339(one.at)} for one in found.steps],
    }
