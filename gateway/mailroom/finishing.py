"""What is left of the mail room's work while nobody asks: to read, to match again, to make, to tell who waits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from gateway.alarm_watch import Wanted
from gateway.clock import for_people, from_us, to_us
from gateway.faults import log_fault
from gateway.mailroom import settling
from gateway.mailroom.filing import make
from gateway.mailroom.scanning import ScanNotNow, ScanRefused, read_kept
from gateway.postal.wanted import Rule, has_passed
from storage import mailroom
from storage.database import DatabaseAway
from storage.vault import VaultAway

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.house import House
    from gateway.judge import Tables
    from gateway.settle import Stores
    from storage.mailroom import Opening

FINISH_EVERY_S: Final = 10.0
MATCH_EVERY_S: Final = 60.0
# Whoever brought a scan, or asked for a dossier, is at work on it for so long at most.
READING_S_MAX: Final = 960
MAKING_S_MAX: Final = 60
AT_ONCE_MAX: Final = 20
_OPENINGS_A_LOOK: Final = 200
PAGE_WAITING_RULE: Final = "post-page-waiting"
_FAULTS: Final = logging.getLogger("motcua.faults")


async def finish(house: House) -> None:
    """Go on with what was begun and not ended: files that were kept are read, dossiers that were asked for are made.
    Several workers may do this at once. Raises `DatabaseAway`.
    """
    now_us = to_us(house.clock.now())
    await _read_again(house, now_us - READING_S_MAX * 1_000_000)
    await _make_each(house, await house.run(_undone, house.stores, now_us - MAKING_S_MAX * 1_000_000))


async def match_again(house: House) -> None:
    """Match the pages of the openings of which something else is expected than when they were matched last, and make
    what is complete with that. Several workers may do this at once. Raises `DatabaseAway`.
    """
    await _make_each(house, await house.run_apart(_match_again, house.stores, house.clock.now()))


async def _make_each(house: House, todo: Sequence[str]) -> None:
    for dossier in dict.fromkeys(todo):
        try:
            await make(house, [dossier])
        except (DatabaseAway, VaultAway):
            raise
        except Exception as fault:
            # One that cannot be made keeps no other from being made; it is tried again, and waits in the list.
            log_fault(_FAULTS, f"a paper dossier could not be made: {dossier}", fault)


def _undone(stores: Stores, before_us: int) -> list[str]:
    with stores.database.read() as tx:
        return [one.dossier for one in mailroom.undone(tx, before_us, AT_ONCE_MAX)]


async def _read_again(house: House, before_us: int) -> None:
    def look() -> list[mailroom.Scan]:
        with house.database.read() as tx:
            return mailroom.unread(tx, before_us, AT_ONCE_MAX)

    for scan in await house.run(look):
        try:
            await make(house, (await read_kept(house, scan, scan.scanned_by))[1])
        except (ScanRefused, ScanNotNow):
            # Told where it waits.
            continue


def _match_again(stores: Stores, now: datetime) -> list[str]:
    """Match the openings of which something else is announced, or opened, than when they were matched last."""
    with stores.database.read() as tx:
        stale = [one for one in _open(tx, None) if settling.matched_with(tx, one) != one.matched]
    wanted: list[str] = []
    for opening in stale:
        with stores.database.begin() as tx:
            wanted += settling.settle(tx, stores, opening.id, now)
    return wanted


def _open(tx: sa.Connection, office: str | None) -> Iterator[Opening]:
    after = ""
    while page := mailroom.still_open(tx, office, _OPENINGS_A_LOOK, after):
        yield from page
        after = page[-1].id


def _waiting(tx: sa.Connection, tables: Tables, now: datetime) -> Sequence[Wanted]:
    """The openings of which something waits for a person for longer than the rules allow."""
    days = tables.post.waits.page_days_max
    late = [one for one in _open(tx, None) if has_passed(tables.calendar, one.opened_at_us, days, now)]
    return [_said(one) for one in late]


def _said(opening: Opening) -> Wanted:
    since = for_people(from_us(opening.opened_at_us))
    return Wanted(
        rule=PAGE_WAITING_RULE,
        subject=opening.id,
        owner=opening.office,
        vi=f"Bưu gửi {opening.item}, mở lúc {since}, còn trang hoặc hồ sơ chờ người xem: mở danh sách chờ của phòng "
        "văn thư (GET /v1/mailroom/waiting), xếp trang vào hồ sơ, hoặc xác nhận hồ sơ đã đủ.",
        en=f"Item {opening.item}, opened {since}, has pages or dossiers that wait for a person: look at the mail "
        "room's list (GET /v1/mailroom/waiting), bind the pages, or say that a dossier is complete as it is.",
    )


MAILROOM_RULES: Final[list[Rule]] = [Rule((PAGE_WAITING_RULE,), _waiting)]
