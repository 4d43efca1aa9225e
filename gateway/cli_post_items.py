"""Commands of the operator for postal items: where they are, and the pool of their numbers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.callers import Caller
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
)
from gateway.clock import SystemClock, for_people, from_us, rfc3339
from gateway.opened import open_migrated
from gateway.postal import item_words, pools
from gateway.postal.carrier_tables import carriers
from storage import items, pool

if TYPE_CHECKING:
    from storage.items import Item
    from storage.pool import PoolNumber

LISTED_MAX = 10_000
_STATES = tuple(item_words.STATES)
_POOL_STATES = (pool.FREE, pool.TAKEN, pool.USED, pool.RECALLED)


def declare(kinds: Commands[Parser]) -> None:
    """Declare `post items` and `post pool load|list|recall`."""
    show = command(
        kinds,
        "items",
        _items,
        says="Liệt kê bưu gửi: gắn với gì, đang ở đâu.",
        tells="List items: what they stand for, and where they are.",
        example="""
            motcua post items --office 07906 --state delivered
            motcua post items --state returned --state lost --json
        """,
    )
    show.add_argument("--office", metavar="CODE", help="chỉ của cơ quan này · only this office's")
    show.add_argument(
        "--state", action="append", choices=_STATES, default=[], help="chỉ ở trạng thái này · in that state"
    )
    show.add_argument("--direction", choices=("in", "out"), help="chiều đến, chiều đi · inbound, outbound")
    show.add_argument("--after", default="", metavar="NUMBER", help="sau số này · after that number")
    show.add_argument("--limit", type=whole(1, LISTED_MAX), default=200, metavar="N", help="nhiều nhất (%(default)s)")
    add_json(show)
    pooled = group(kinds, "pool", says="Kho số bưu gửi cấp sẵn.", tells="Numbers that a carrier gave out beforehand.")
    _declare_pool(pooled)


def _declare_pool(pooled: Commands[Parser]) -> None:
    load = command(
        pooled,
        "load",
        _load,
        says="Nạp số từ tệp, mỗi dòng một số; số sai bị nêu riêng. Nạp lại không đổi gì.",
        tells="Load numbers from a file, one a line; wrong ones are told. Loading them again changes nothing.",
        example="motcua post pool load so-vnpost.txt --carrier vnpost",
    )
    load.add_argument("file", metavar="FILE", help="tệp, hoặc - · a file, or -")
    listed = command(
        pooled,
        "list",
        _list,
        says="Liệt kê số: còn trống, đã lấy cho việc gì, đã gửi, đã thu hồi.",
        tells="List numbers: free, taken for what, used, recalled.",
        example="motcua post pool list --carrier vnpost --state taken",
    )
    listed.add_argument("--state", action="append", choices=_POOL_STATES, default=[], help="chỉ ở trạng thái này")
    listed.add_argument("--after", default="", metavar="NUMBER", help="sau số này · after that number")
    listed.add_argument("--limit", type=whole(1, LISTED_MAX), default=200, metavar="N", help="nhiều nhất (%(default)s)")
    recall = command(
        pooled,
        "recall",
        _recall,
        says="Thu hồi số chưa gửi; số đã thu hồi không cấp lại nữa.",
        tells="Take numbers back that were not posted; they are not given again.",
        example="motcua post pool recall RR473124829VN --carrier vnpost",
    )
    recall.add_argument("numbers", nargs="+", metavar="NUMBER")
    for one in (load, listed, recall):
        one.add_argument("--carrier", required=True, metavar="NAME", help="bưu chính (vnpost, ems…) · the carrier")
        add_json(one)


def _items(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database, database.read() as tx:
        found = items.listed(
            tx,
            office=asked.office,
            direction=asked.direction,
            states=asked.state,
            after=asked.after,
            limit=asked.limit,
        )
    if asked.json:
        print(msgspec.json.encode([_shown(one) for one in found]).decode())
        return DONE
    rows = [("SỐ", "CHIỀU", "BƯU CHÍNH", "CƠ QUAN", "THÔNG BÁO", "TRẠNG THÁI", "TỪ")]
    rows += [
        (
            one.number + ("?" if one.questioned else ""),
            "đến" if one.direction == "in" else "đi",
            one.carrier,
            one.office,
            one.announcement or "",
            item_words.STATES.get(one.state, (one.state, ""))[0],
            for_people(from_us(one.state_at_us)),
        )
        for one in found
    ]
    print("\n".join(table(rows)) if found else "Không có bưu gửi nào · no items")
    return DONE


def _shown(one: Item) -> dict[str, object]:
    return {
        "number": one.number,
        "carrier": one.carrier,
        "direction": one.direction,
        "office": one.office,
        "unit": one.unit,
        "announcement": one.announcement,
        "questioned": bool(one.questioned),
        "state": one.state,
        "state_at": _at(one.state_at_us),
        "posted_at": _at(one.posted_at_us),
        "delivered_at": _at(one.delivered_at_us),
        "heard_at": _at(one.heard_at_us),
    }


def _load(asked: argparse.Namespace) -> int:
    try:
        lines = read_file(asked.file).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise CannotWork(f"{asked.file}: không phải UTF-8 · not UTF-8") from None
    numbers = [line.strip() for line in lines if line.strip()]
    here, now = settings(), SystemClock().now()
    added = known = 0
    refused: list[tuple[str, str]] = []
    with open_migrated(here) as database:
        known_carriers = carriers(Path(here.carriers) if here.carriers else None)
        for start in range(0, len(numbers), pools.NUMBERS_AT_ONCE_MAX):
            some = numbers[start : start + pools.NUMBERS_AT_ONCE_MAX]
            done = pools.load(database, known_carriers, asked.carrier, some, now)
            added, known, refused = added + done.added, known + done.known, refused + done.refused
    if asked.json:
        said = {"added": added, "known": known, "refused": [{"number": one, "why": why} for one, why in refused]}
        print(msgspec.json.encode(said).decode())
    else:
        print(f"Đã nạp · loaded {added}; đã có · known {known}; sai · wrong {len(refused)}")
        for number, why in refused:
            print(f"  {number}: {why}")
    return JUDGED_BAD if refused else DONE


def _list(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database, database.read() as tx:
        found = pool.listed(tx, asked.carrier, states=asked.state, after=asked.after, limit=asked.limit)
        counted = pool.counts(tx, asked.carrier)
    if asked.json:
        print(msgspec.json.encode({"counts": counted, "numbers": [_number(one) for one in found]}).decode())
        return DONE
    rows = [("SỐ", "TRẠNG THÁI", "LẤY CHO", "LÚC")]
    rows += [
        (one.number, one.state, one.taken_for or "", for_people(from_us(one.taken_at_us)) if one.taken_at_us else "")
        for one in found
    ]
    print("\n".join(table(rows)) if found else "Không có số nào · no numbers")
    print("; ".join(f"{state}: {counted.get(state, 0)}" for state in _POOL_STATES))
    return DONE


def _number(one: PoolNumber) -> dict[str, object]:
    return {
        "number": one.number,
        "state": one.state,
        "taken_for": one.taken_for,
        "taken_by": one.taken_by,
        "added_at": _at(one.added_at_us),
        "taken_at": _at(one.taken_at_us),
        "recalled_at": _at(one.recalled_at_us),
    }


def _recall(asked: argparse.Namespace) -> int:
    operator = Caller(client="operator", role="operator", offices=frozenset(), requests_per_minute_max=1)
    with open_migrated(settings()) as database:
        back = pools.recall(database, operator, asked.carrier, asked.numbers, SystemClock().now())
    if asked.json:
        print(msgspec.json.encode({"recalled": back, "before": len(asked.numbers) - back}).decode())
    else:
        print(f"Đã thu hồi · recalled {back}; từ trước · before {len(asked.numbers) - back}")
    return DONE


def _at(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(from_us(at_us))
