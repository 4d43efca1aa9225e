"""A command of the operator: which originals are not back with their owners."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.cli_terms import DONE, Commands, Parser, add_json, command, settings, table, thousands, whole
from gateway.clock import SystemClock, from_us
from gateway.opened import open_migrated
from gateway.postal.custody import csv_of, days_kept, not_returned
from gateway.postal.return_words import STATES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from datetime import datetime

    from storage.originals import Kept

DAYS_MAX: Final = 36_500
_HEADS: Final = ("NHẬN", "NGÀY", "CƠ QUAN", "ĐƠN VỊ", "HỒ SƠ", "LOẠI", "SỐ", "AI GIỮ", "TÌNH TRẠNG")


def declare(post: Commands[Parser]) -> None:
    """Declare `post originals`."""
    asked = command(
        post,
        "originals",
        _originals,
        says="Bản chính chưa trả lại, cũ nhất trước.",
        tells="Originals that are not back with their owners, the oldest first.",
        example="""
            motcua post originals --older-days 30
            motcua post originals --office 07906 --csv > ban-chinh.csv
        """,
    )
    asked.add_argument("--office", action="append", metavar="CODE", help="chỉ cơ quan này · only this office")
    asked.add_argument(
        "--older-days",
        type=whole(0, DAYS_MAX),
        default=0,
        metavar="N",
        help="giữ từ N ngày trở lên · kept for N days or more",
    )
    asked.add_argument("--csv", action="store_true", help="in CSV cho bảng tính · print CSV for spreadsheets")
    add_json(asked)


def _originals(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    with open_migrated(settings()) as database, database.read() as tx:
        kept = not_returned(tx, asked.office, asked.older_days, now)
    if asked.csv:
        sys.stdout.buffer.write(csv_of(kept, now))
        sys.stdout.buffer.flush()
    elif asked.json:
        print(msgspec.json.encode({"originals": [_told(one, now) for one in kept]}).decode())
    else:
        print("\n".join(_for_people(kept, now)))
    return DONE


def _told(one: Kept, now: datetime) -> dict[str, object]:
    told: dict[str, object] = msgspec.structs.asdict(one.original)
    return told | {
        "receipt_number": one.receipt_number,
        "holder": one.holder,
        "dossier_state": one.dossier_state,
        "days": days_kept(one.original, now),
    }


def _for_people(kept: Sequence[Kept], now: datetime) -> list[str]:
    rows = [
        (
            f"{from_us(one.original.arrived_at_us):%d/%m/%Y}",
            str(days_kept(one.original, now)),
            one.original.office,
            one.original.unit,
            one.receipt_number,
            one.original.kind,
            str(one.original.count),
            one.holder,
            STATES[one.original.state].vi,
        )
        for one in kept
    ]
    count = thousands(sum(one.original.count for one in kept))
    return [*(table([_HEADS, *rows]) if rows else []), f"{count} bản chính chưa trả · originals not back"]
