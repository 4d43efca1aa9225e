"""The command that shows the account of paper: what is where, and what does not meet."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    a_day,
    add_json,
    command,
    settings,
    table,
    thousands,
)
from gateway.clock import SystemClock
from gateway.postal.account_words import COLUMN_WORDS, FLOW_WORDS

if TYPE_CHECKING:
    from gateway.postal.account import Account
    from storage.post_counts import Counted

DIFFERENCES_SHOWN_MAX: Final = 50


def declare(post: Commands[Parser]) -> None:
    """Declare `post account`."""
    shown = command(
        post,
        "account",
        _account,
        says="Đối chiếu bưu gửi: báo trước, đã gửi, đã phát, đã mở, đã thành hồ sơ. 1: có chỗ không khớp.",
        tells="The account of paper: announced, posted, delivered, opened, filed. 1: something does not meet.",
        example="""
            motcua post account                       # đếm ngay bây giờ · counted now
            motcua post account --day 2026-03-31      # như đã đếm khi hết ngày · as it was counted at the day's end
            motcua post account --json
        """,
    )
    shown.add_argument("--day", type=a_day, metavar="DAY", help="ngày đã đối chiếu · a day that was counted")
    add_json(shown)


def _account(asked: argparse.Namespace) -> int:
    # A counter that only writes a manifest does not load what counts.
    from gateway.opened import open_migrated  # noqa: PLC0415
    from gateway.postal import account  # noqa: PLC0415

    with open_migrated(settings()) as database:
        if asked.day is None:
            found = account.count(database, SystemClock().now())
        else:
            with database.read() as tx:
                kept = account.kept(tx, asked.day)
            if kept is None:
                raise CannotWork(f"chưa đối chiếu ngày {asked.day:%d/%m/%Y} · that day was not counted")
            found = kept
    if asked.json:
        print(msgspec.json.encode(found).decode())
    else:
        _tell(found)
    return JUDGED_BAD if found.differences_count else DONE


def _tell(found: Account) -> None:
    print(f"{found.day or 'bây giờ · now'}  (đếm lúc · counted at {found.counted_at})")
    heads = ("", *(vi for vi, _ in COLUMN_WORDS.values()))
    lines = [_cells(one) for one in (*found.totals, *found.lines)]
    print("\n".join(table([heads, *lines])))
    ages = ", ".join(f"≤ {days}: {count}" for days, count in found.never_posted_by_age.items() if days != "more")
    print(f"chưa gửi theo số ngày · never posted by days: {ages}, hơn · more: {found.never_posted_by_age['more']}")
    if not found.differences_count:
        print("✓ khớp · everything meets")
        return
    print(f"✗ {thousands(found.differences_count)} chỗ không khớp · things do not meet:")
    for one in found.differences[:DIFFERENCES_SHOWN_MAX]:
        print("  " + "  ".join(filter(None, (one.item or one.dossier, one.office, f"{one.vi} · {one.en}"))))
    if (more := found.differences_count - DIFFERENCES_SHOWN_MAX) > 0:
        print(f"  … và {thousands(more)} chỗ nữa · and more: --json")


def _cells(line: Counted) -> tuple[str, ...]:
    where = " ".join(filter(None, (FLOW_WORDS[line.flow][0], line.office, line.carrier)))
    return (where, *(thousands(getattr(line, name)) for name in COLUMN_WORDS))
