"""A command of the operator for carriers' events that come as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    command,
    settings,
    table,
    thousands,
)
from gateway.clock import SystemClock
from gateway.opened import open_migrated
from gateway.postal.carrier_tables import carriers
from gateway.postal.handlings_file import Read, bring

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS_TOLD_MAX = 20


def declare(commands: Commands[Parser]) -> None:
    """Declare `post handlings`."""
    tell = command(
        commands,
        "handlings",
        _handlings,
        says="Nhập sự kiện bưu gửi từ CSV hoặc Excel. Dòng sai được nêu và bỏ qua; chạy lại vẫn an toàn.",
        tells="Bring in carriers' events from CSV or Excel. Bad rows are named and left out; safe to run again.",
        example="""
            motcua post handlings su-kien.csv --carrier vnpost
            # item,code,word,at,office,place     (hoặc · or: Số hiệu, Mã sự kiện, Trạng thái, Thời gian, Bưu cục, Nơi)
            # RR473124829VN,EMA,,02/03/2026 08:00,100000,Hà Nội
        """,
    )
    tell.add_argument("file", type=Path, metavar="FILE", help="CSV (UTF-8) hoặc · or .xlsx, có dòng tên cột · a header")
    tell.add_argument("--carrier", required=True, metavar="CODE", help="bưu chính nào báo (vnpost, ems) · whose words")
    add_json(tell)


def _handlings(asked: argparse.Namespace) -> int:
    told = settings()
    known = carriers(Path(told.carriers) if told.carriers else None)
    if asked.carrier not in known.all:
        raise CannotWork(
            f"không có bưu chính {asked.carrier} · no such carrier; có · there are: {', '.join(known.all)}"
        )
    with open_migrated(told) as database:
        found = bring(
            asked.file,
            database,
            known,
            asked.carrier,
            heard_from="motcua post handlings",
            now=SystemClock().now(),
            progress=_progress(),
        )
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    _tell(found, asked)
    return JUDGED_BAD if found.bad else DONE


def _progress() -> Callable[[int], None]:
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda rows: print(f"\r\x1b[K{thousands(rows)} dòng · rows", end="", file=sys.stderr, flush=True)


def _tell(found: Read, asked: argparse.Namespace) -> None:
    if asked.json:
        told = msgspec.to_builtins(found) | {
            "file": str(asked.file),
            "carrier": asked.carrier,
            "unknown_words": sorted(found.unknown_words),
        }
        print(msgspec.json.encode(told).decode())
        return
    for one in found.faults:
        print(f"✗ {asked.file.name}: dòng · row {one.row}, {one.column} “{one.value}”: {one.vi} · {one.en}")
    if found.bad > len(found.faults):
        print(f"  … và {thousands(found.bad - len(found.faults))} dòng sai nữa · more bad rows")
    rows = [
        ("dòng · rows", thousands(found.rows)),
        ("mới giữ · kept", thousands(found.kept)),
        ("đã biết · known before", thousands(found.known_before)),
        ("sai · bad", thousands(found.bad)),
    ]
    print("\n".join(table(rows)))
    words = sorted(found.unknown_words)
    for word in words[:_WORDS_TOLD_MAX]:
        print(f"? chưa rõ nghĩa · unknown word: “{word}”")
    if len(words) > _WORDS_TOLD_MAX:
        print(f"  … {thousands(len(words) - _WORDS_TOLD_MAX)} lời nữa · more")
