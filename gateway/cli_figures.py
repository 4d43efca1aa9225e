"""The command `figures`: what came, ended, was on time and lies open, for those who direct."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import figures_follow
from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    a_day,
    command,
    settings,
    table,
    thousands,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock, for_people
from gateway.deadlines import Calendar
from gateway.figures import DAYS_MAX, Wish, reckon, rules_in_force
from gateway.figures_csv import figures_csv
from gateway.figures_words import DEFINITIONS
from gateway.opened import open_migrated
from storage.figure_counts import BYS, GROUPS_MAX, TooManyGroups
from storage.tables import snapshot

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.figures import FigureRow, FiguresAnswer

_FOLLOW_STEPS_MAX: Final = 1_000_000
_KEYS: Final = {"office": "CƠ QUAN", "procedure": "THỦ TỤC", "month": "THÁNG"}
_HEADS: Final = {
    "received": "NHẬN",
    "taken": "GIAO NHẬN",
    "finished": "CÓ KQ",
    "returned": "ĐÃ TRẢ",
    "declined": "TỪ CHỐI",
    "stopped": "DỪNG",
    "withdrawn": "RÚT",
    "on_time": "ĐÚNG HẠN",
    "late": "TRỄ",
    "on_time_share": "% ĐH",
    "working_days_median": "TRUNG VỊ",
    "working_days_p90": "90 %",
    "open": "ĐANG MỞ",
    "open_waiting": "CHỜ BS",
    "open_overdue": "QUÁ HẠN",
}


def declare(commands: Commands[Parser]) -> None:
    """Declare `figures`."""
    asked = command(
        commands,
        "figures",
        _figures,
        says="Số liệu điều hành: nhận, giải quyết, đúng hạn theo bộ chỉ số quốc gia, tồn đọng.",
        tells="The figures: received, ended, on time by the national index's rules, lying open.",
        example="""
            motcua figures --from 01/03/2026 --to 31/03/2026
            motcua figures --by office,month --csv > so-lieu.csv
        """,
    )
    asked.add_argument("--from", dest="first", type=a_day, metavar="DAY", help="từ ngày (đầu tháng) · the first day")
    asked.add_argument("--to", dest="last", type=a_day, metavar="DAY", help="đến hết ngày (hôm nay) · the last day")
    asked.add_argument("--by", default="office", metavar="LIST", help=f"chia theo · told apart by: {','.join(BYS)}")
    asked.add_argument("--office", action="append", metavar="CODE", help="chỉ cơ quan này · only this office")
    asked.add_argument("--procedure", action="append", metavar="CODE", help="chỉ thủ tục này · only this procedure")
    form = asked.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="in JSON cho chương trình đọc · print JSON for programs")
    form.add_argument("--csv", action="store_true", help="in CSV cho bảng tính · print CSV for spreadsheets")


def _figures(asked: argparse.Namespace) -> int:
    told, now, rules = settings(), SystemClock().now(), rules_in_force()
    wish = _wish(asked, now)
    calendar = Calendar.load(Path(told.calendar) if told.calendar else None)
    with open_migrated(told) as database:
        figures_follow.follow(database, calendar, rules.channels, _FOLLOW_STEPS_MAX)
        with snapshot(database) as tx:
            try:
                answer = reckon(tx, wish, rules, calendar, now)
            except TooManyGroups as error:
                raise CannotWork(f"quá {GROUPS_MAX} nhóm: hỏi hẹp hơn · too many groups: ask for less") from error
    if asked.json:
        print(msgspec.json.encode(answer).decode())
    elif asked.csv:
        sys.stdout.buffer.write(figures_csv(answer))
        sys.stdout.buffer.flush()
    else:
        print("\n".join(_for_people(answer, now)))
    return DONE


def _wish(asked: argparse.Namespace, now: datetime) -> Wish:
    by = {one.strip() for one in asked.by.split(",") if one.strip()}
    if strange := by - set(BYS):
        raise CannotWork(f"--by {','.join(sorted(strange))}: {','.join(BYS)}")
    today = now.astimezone(VIETNAM).date()
    wish = Wish(
        first=asked.first or (asked.last or today).replace(day=1),
        last=asked.last or today,
        by=tuple(one for one in BYS if one in by),
        offices=tuple(asked.office) if asked.office else None,
        procedures=tuple(asked.procedure) if asked.procedure else None,
    )
    if not 0 <= (wish.last - wish.first).days < DAYS_MAX or wish.last == date.max:
        raise CannotWork(f"--from, --to: 1–{DAYS_MAX} ngày · days")
    return wish


def _for_people(answer: FiguresAnswer, now: datetime) -> list[str]:
    """A table of what matters most, each head explained; the rest is in --json and --csv."""
    first, last = (f"{day[8:]}/{day[5:7]}/{day[:4]}" for day in (answer.first, answer.last))
    upto = thousands(answer.upto_seq)
    lines = [f"Từ · from {first} đến · to {last}, lúc · at {for_people(now)}, sự kiện · fact {upto}", ""]
    keys = [name for name in _KEYS if name in answer.by]
    rows = [(*(_KEYS[name] for name in keys), *_HEADS.values())]
    rows += [(*(_key(row, name) for name in keys), *_numbers(row)) for row in answer.rows if keys]
    whole = ("TỔNG · TOTAL", *("" for _ in keys[1:])) if keys else ()
    rows.append((*whole, *_numbers(answer.total)))
    lines += table(_set_right(rows, len(keys)))
    if (refusals := answer.refusals) is not None:
        why = ", ".join(f"{one.code} {thousands(one.dossiers)}" for one in refusals.codes)
        counted = f"Cổng không tiếp nhận · refused by the gateway: {thousands(refusals.refused)}"
        lines += ["", *wrapped("", f"{counted}{f' ({why})' if why else ''}", 0)]
    lines.append("")
    for name, head in _HEADS.items():
        lines += wrapped(f"{head}: ", f"{DEFINITIONS[name].vi} · {DEFINITIONS[name].en}", 0)
    lines += wrapped("! ", f"Chưa xác nhận · unconfirmed: {', '.join(answer.rules.unconfirmed)}", 0)
    return lines


def _key(row: FigureRow, name: str) -> str:
    value = str(getattr(row, name))
    return f"{value[5:]}/{value[:4]}" if name == "month" else value


def _numbers(row: FigureRow) -> tuple[str, ...]:
    return tuple(_number(name, getattr(row, name)) for name in _HEADS)


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name.endswith("_share"):
        return f"{100 * value:.1f}".replace(".", ",")
    return thousands(value) if isinstance(value, int) else f"{value:.1f}".replace(".", ",")


def _set_right(rows: list[tuple[str, ...]], keys: int) -> list[tuple[str, ...]]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [tuple(cell if at < keys else cell.rjust(widths[at]) for at, cell in enumerate(row)) for row in rows]
