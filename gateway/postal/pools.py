"""The pool of a carrier's numbers: loaded by the post, taken one for each announcement or dossier, recalled unused.

A number that was recalled is never given again, and one that was posted never goes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.clock import to_us
from gateway.postal import item_seen
from gateway.postal.carrier_tables import ItemNumber, carriers_of
from gateway.postal.items import (
    ItemMoved,
    ItemNotThere,
    ItemUnfit,
    NumberRefused,
    Wanted,
    bind_in,
    has_moved,
    is_used,
    let_go,
    number_of,
    target_of,
)
from gateway.s10 import Why
from storage import handlings, items, pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.postal.carrier_tables import Carriers
    from gateway.postal.items import Bound
    from storage.database import Database

NUMBERS_AT_ONCE_MAX: Final = 10_000
FREE_MAX: Final = 500_000


class PoolEmpty(Exception):
    """The carrier's pool has no free number. Trying again helps once the post has loaded more."""


class Loaded(Struct, frozen=True):
    """What became of numbers: how many are new, how many were known; those refused, and why."""

    added: int
    known: int
    refused: list[tuple[str, str]]


def load(database: Database, carriers: Carriers, carrier: str, numbers: Sequence[str], now: datetime) -> Loaded:
    """Put numbers into the pool, each checked as if it were scanned. Loading one again changes nothing, whatever became
    of it. Raises `ItemUnfit`, `DatabaseAway`; then none was loaded.
    """
    if carrier not in carriers.all:
        raise ItemUnfit(f"bưu chính · carrier {carrier}?")
    if len(numbers) > NUMBERS_AT_ONCE_MAX:
        raise ItemUnfit(f"> {NUMBERS_AT_ONCE_MAX} số một lần · numbers at once")
    fit: dict[str, None] = {}
    refused: list[tuple[str, str]] = []
    for text in numbers:
        read = number_of(carriers, carrier, text)
        if isinstance(read, Why):
            refused.append((text[:40], f"{read.vi} · {read.en}"))
        else:
            fit[read.number] = None
    with database.begin() as tx:
        handlings.hold(tx)
        if pool.counts(tx, carrier).get(pool.FREE, 0) + len(fit) > FREE_MAX:
            raise ItemUnfit(f"> {FREE_MAX} số chưa dùng · free numbers")
        added = pool.add(tx, carrier, list(fit), to_us(now))
    return Loaded(added, len(fit) - added, refused)


def take(database: Database, carriers: Carriers, caller: Caller, carrier: str, wanted: Wanted, now: datetime) -> Bound:
    """Take the next free number for an announcement or dossiers and bind it. The same request is given the same number,
    until that was posted.

    Raises `PoolEmpty`, `ItemNotThere`, `ItemUnfit`, `ItemMoved`, `BoundElsewhere`, `DatabaseAway`; then none was taken.
    """
    with database.begin() as tx:
        handlings.hold(tx)
        target = target_of(tx, caller, wanted, now)
        held = pool.taken_for(tx, carrier, target.name)
        if held is not None and not is_used(tx, held.number):
            number = held.number
        elif free := pool.next_free(tx, carrier):
            if held is not None:
                pool.use(tx, held.number)
            number = free.number
        else:
            raise PoolEmpty(carrier)
        read = _read(carriers, carrier, number)
        return bind_in(tx, carriers, caller, read, target, carrier, now)


def _read(carriers: Carriers, carrier: str, number: str) -> ItemNumber:
    read = number_of(carriers, carrier, number)
    if isinstance(read, Why):
        raise NumberRefused(f"{read.vi} · {read.en}")
    return read


def recall(database: Database, caller: Caller, carrier: str, numbers: Sequence[str], now: datetime) -> int:
    """Give numbers back: a carrier those of its pool that were not posted, others those that they took. Returns how
    many went back now; one that went before stays there.

    Raises `ItemNotThere`, `ItemMoved` (it names the number), `DatabaseAway`; then none went back.
    """
    back = 0
    with database.begin() as tx:
        handlings.hold(tx)
        for number in dict.fromkeys(numbers):
            back += _recall(tx, caller, carrier, number, now)
    return back


def _recall(tx: sa.Connection, caller: Caller, carrier: str, number: str, now: datetime) -> int:
    found, item = pool.find(tx, number), items.find(tx, number)
    owns = caller.role == "operator" or carrier in carriers_of(caller)
    if found is None or found.carrier != carrier:
        raise ItemNotThere(number)
    if found.state == pool.RECALLED:
        if not owns and found.taken_by != caller.client:
            raise ItemNotThere(number)
        return 0
    if not owns and (item is None or not item_seen.sees_item(tx, caller, item, now)):
        raise ItemNotThere(number)
    if item is None:
        return int(pool.recall(tx, number, to_us(now)))
    if found.state == pool.USED or has_moved(tx, item):
        raise ItemMoved(f"{number}: đã gửi hoặc đã mở · was posted or opened")
    let_go(tx, item, caller, now, why="recalled")
    return 1
