"""Binding postal items: a number stands for one announcement, or for dossiers that are here, and for nothing else.

1. Read the number: S10 or a carrier's own. A wrong check digit refuses what was scanned and questions what was typed.
2. Find what it is to be bound to, as far as the caller may see it.
3. A number of the pool serves what it was taken for; a free one is taken with the binding.
4. The same binding again changes nothing. Another one is refused, unless the caller names what it puts it in the place
   of and nothing was posted yet; every binding leaves a trace.
5. What carriers told of the number before it was bound is folded at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from gateway import s10, tracking
from gateway.clock import to_us
from gateway.postal import item_seen
from gateway.postal.carrier_tables import ItemNumber, carriers_of
from gateway.s10 import Why
from storage import announcements, handlings, item_bindings, items, mailroom, pickups, pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.postal.carrier_tables import Carriers
    from storage.announcements import Announced
    from storage.database import Database
    from storage.items import Item

DOSSIERS_MAX: Final = 100
# One announcement may fill several envelopes.
ITEMS_OF_ANNOUNCEMENT_MAX: Final = 50
# Whose items bear Vietnam's S10 numbers, unless told otherwise: the designated operator (Law on Post 49/2010/QH12).
DESIGNATED: Final = "vnpost"


class NumberRefused(Exception):
    """The number is no item number, or its check digit is wrong. The message says so in two languages; send another."""


class BoundElsewhere(Exception):
    """The number is bound to something else, or taken for it. Trying again changes nothing; the message names it."""


class ItemMoved(Exception):
    """The item, or what it is to be bound to, has gone too far for that. Trying again changes nothing."""


class ItemUnfit(Exception):
    """What is asked cannot be bound together. The message says why; trying again changes nothing."""


class ItemNotThere(Exception):
    """No such item, announcement or dossier, as far as the caller may see. Trying again changes nothing."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What a number is to be bound to: an announcement, or dossiers.

    `typed`: a person keyed it in; `confirmed`: a person has looked again. `instead_of` names what it is bound to now,
    to bind it anew; `corrects` a number that was keyed in wrongly, whose place it takes.
    """

    announcement: str = ""
    dossiers: tuple[str, ...] = ()
    carrier: str = ""
    typed: bool = True
    confirmed: bool = False
    instead_of: str = ""
    corrects: str = ""


class Bound(Struct, frozen=True):
    """An item with what is in it, and what is questioned about its number, if anything is."""

    item: Item
    dossiers: tuple[str, ...]
    question: Why | None = None


class Target(Struct, frozen=True, kw_only=True):
    """What is to be in the item."""

    announcement: str | None
    dossiers: tuple[str, ...]
    office: str
    unit: str
    carrier: str

    @property
    def name(self) -> str:
        """What it is, by one name."""
        return name_of(self.announcement, self.dossiers)


def name_of(announcement: str | None, dossiers: Sequence[str]) -> str:
    """What an item is bound to, by one name: the announcement, else the first of its dossiers."""
    return announcement or min(dossiers, default="")


def bind(database: Database, carriers: Carriers, caller: Caller, number: str, wanted: Wanted, now: datetime) -> Bound:
    """Bind a number. The same again is safe and answered the same.

    Raises `NumberRefused`, `BoundElsewhere`, `ItemMoved`, `ItemUnfit`, `ItemNotThere`, `DatabaseAway`; then nothing was
    changed.
    """
    read = read_number(carriers, number, typed=wanted.typed)
    with database.begin() as tx:
        handlings.hold(tx)
        target = target_of(tx, caller, wanted, now)
        return _bind(tx, carriers, caller, read, target, wanted, now)


def read_number(carriers: Carriers, text: str, *, typed: bool) -> ItemNumber:
    """The number as it is kept. Raises `NumberRefused`."""
    found = carriers.number(text, scanned=not typed)
    if isinstance(found, Why):
        raise NumberRefused(f"{found.vi} · {found.en}")
    return found


def question_of(item: Item) -> Why | None:
    """Why the item's number is questioned; None when it is not."""
    found = s10.parse(item.number) if item.questioned else None
    return found if isinstance(found, Why) else None


def bind_in(
    tx: sa.Connection, carriers: Carriers, caller: Caller, read: ItemNumber, target: Target, carrier: str, now: datetime
) -> Bound:
    """The same, inside the transaction of a line that holds the turn of handlings."""
    wanted = Wanted(carrier=carrier, typed=False)
    return _bind(tx, carriers, caller, read, target, wanted, now)


def number_of(carriers: Carriers, carrier: str, text: str) -> ItemNumber | Why:
    """The number as that carrier's machines print it: S10 with its check digit, or one of its own."""
    found = carriers.number(text, scanned=True)
    written = s10.tidy(text)
    if any(re.fullmatch(one, written, re.ASCII) for one in carriers.all[carrier].numbers):
        return ItemNumber(number=written, scheme="local", carrier=carrier)
    if isinstance(found, ItemNumber) and found.scheme != "s10":
        return Why(
            code="not-s10", written=written, vi=f"Không phải số của {carrier}.", en=f"Not a number of {carrier}."
        )
    return found


def _bind(
    tx: sa.Connection,
    carriers: Carriers,
    caller: Caller,
    read: ItemNumber,
    target: Target,
    wanted: Wanted,
    now: datetime,
) -> Bound:
    carrier = _carrier(tx, carriers, caller, read, wanted, target)
    held = items.find(tx, read.number)
    if held is not None and not item_seen.sees_item(tx, caller, held, now):
        raise BoundElsewhere(f"{read.number}: của tài khoản khác · another client's")
    questioned = int(read.questioned and not wanted.confirmed)
    if held is not None:
        dossiers = tuple(items.dossiers_of(tx, held.number))
        if (held.direction, held.announcement, dossiers) == ("in", target.announcement, target.dossiers):
            return _same(tx, held, dossiers, questioned, caller, now)
        _may_rebind(tx, held, dossiers, wanted.instead_of)
    # First, so that a number of the pool can be corrected by another: each serves one thing alone.
    if wanted.corrects:
        _correct(tx, wanted.corrects, read.number, target, caller, now)
    _check_open(tx, target, read.number)
    _take_from_pool(tx, read.number, target, caller, now)
    item = items.Item(
        number=read.number,
        scheme=read.scheme,
        carrier=carrier,
        direction="in",
        office=target.office,
        unit=target.unit,
        announcement=target.announcement,
        bound_at_us=to_us(now),
        bound_by=caller.client,
        questioned=questioned,
        state_at_us=to_us(now),
    )
    items.bind(tx, item, target.dossiers)
    item_bindings.trace(
        tx, item.number, target.announcement, target.dossiers,
        questioned=questioned, at_us=to_us(now), by=caller.client,
        why=f"corrects {s10.tidy(wanted.corrects)}" if wanted.corrects else "rebound" if held else "bound",
    )  # fmt: skip
    tracking.restand(tx, item.number)
    return Bound(items.find(tx, item.number) or item, target.dossiers, question_of(item))


def _same(
    tx: sa.Connection, held: Item, dossiers: tuple[str, ...], questioned: int, caller: Caller, now: datetime
) -> Bound:
    """The binding stands; a person who has looked again ends the question about its number."""
    if held.questioned and not questioned:
        held = structs.replace(held, questioned=0)
        items.bind(tx, held, dossiers)
        item_bindings.trace(
            tx, held.number, held.announcement, dossiers, at_us=to_us(now), by=caller.client, why="confirmed"
        )
    return Bound(held, dossiers, question_of(held))


def _may_rebind(tx: sa.Connection, held: Item, dossiers: tuple[str, ...], instead_of: str) -> None:
    bound_to = name_of(held.announcement, dossiers)
    if held.direction != "in" or not instead_of or instead_of not in (bound_to, *dossiers):
        raise BoundElsewhere(f"{held.number} → {bound_to}")
    if has_moved(tx, held):
        raise ItemMoved(f"{held.number} → {bound_to}: đã gửi hoặc đã mở · was posted or opened")


def has_moved(tx: sa.Connection, item: Item) -> bool:
    """Whether the item was posted, opened, or ordered to be fetched: then its number stays with what is in it. So does
    that of an item that an office sends back, from when it was said what is in it.
    """
    ordered = pickups.find(tx, item.number)
    return (
        item.direction != "in"
        or is_used(tx, item.number)
        or (ordered is not None and ordered.state in (pickups.WAITING, pickups.ACCEPTED))
    )


def is_used(tx: sa.Connection, number: str) -> bool:
    """Whether it was posted, or is here: an order to fetch it does not use it up."""
    item = items.find(tx, number)
    return item is not None and (
        item.state != "bound" or item.posted_at_us is not None or mailroom.opening_of(tx, number) is not None
    )


def _carrier(
    tx: sa.Connection, carriers: Carriers, caller: Caller, read: ItemNumber, wanted: Wanted, target: Target
) -> str:
    """Who carries it: as told, as its number or the pool says, as announced. Raises `ItemUnfit`, `NumberRefused`."""
    pooled = pool.find(tx, read.number)
    told = wanted.carrier or (pooled.carrier if pooled else "") or read.carrier or target.carrier
    carrier = told or DESIGNATED
    if carrier not in carriers.all:
        raise ItemUnfit(f"bưu chính · carrier {carrier}?")
    if pooled is not None and pooled.carrier != carrier:
        raise ItemUnfit(f"{read.number}: {pooled.carrier} ≠ {carrier}")
    if read.scheme != "s10" and isinstance(number_of(carriers, carrier, read.number), Why):
        raise NumberRefused(f"{read.number}: không phải số của · not a number of {carrier}")
    if caller.role == "post" and carrier not in carriers_of(caller):
        raise ItemUnfit(f"{carrier}: không phải của tài khoản này · not this client's")
    return carrier


def target_of(tx: sa.Connection, caller: Caller, wanted: Wanted, now: datetime) -> Target:
    """What is to be in the item, as far as the caller may see it. Raises `ItemNotThere`, `ItemUnfit`."""
    if bool(wanted.announcement) == bool(wanted.dossiers):
        raise ItemUnfit("announcement, hoặc · or dossiers")
    if wanted.announcement:
        rows = [row for row in announcements.of(tx, wanted.announcement) if row.state != announcements.CANCELLED]
        return _of_announcement(tx, caller, wanted.announcement, rows, now)
    chosen = sorted(set(wanted.dossiers))
    found = {name: announcements.announced(tx, name) for name in chosen}
    announced = [row for row in found.values() if row is not None and row.state != announcements.CANCELLED]
    if not announced:
        return _of_dossiers(tx, caller, chosen, now)
    if len(announced) != len(chosen) or len({row.announcement for row in announced}) > 1:
        raise ItemUnfit("các hồ sơ không cùng một thông báo · the dossiers are not of one announcement")
    return _of_announcement(tx, caller, announced[0].announcement, announced, now)


def _of_announcement(tx: sa.Connection, caller: Caller, name: str, rows: Sequence[Announced], now: datetime) -> Target:
    # Whoever cancels it waits for us, or we for them.
    announcements.hold(tx, name)
    one = announcements.find(tx, name)
    if one is None or not item_seen.sees_announcement(tx, caller, one, announcements.of(tx, name), now):
        raise ItemNotThere(name)
    if one.cancelled_at_us is not None or not rows:
        raise ItemMoved(f"{name}: thông báo đã hủy · the announcement is cancelled")
    units = {row.unit for row in rows}
    return Target(
        announcement=name,
        dossiers=tuple(sorted(row.id for row in rows)),
        office=one.office,
        unit=units.pop() if len(units) == 1 else "",
        carrier=one.carrier,
    )


def _of_dossiers(tx: sa.Connection, caller: Caller, names: Sequence[str], now: datetime) -> Target:
    """Dossiers that are here already: what is sent after them goes to their office."""
    found = [item_seen.visible_dossier(tx, caller, name, now) for name in names]
    here = [one for one in found if one is not None]
    if len(here) != len(found):
        raise ItemNotThere(", ".join(names))
    offices, units = {one.competent_office for one in here}, {one.unit for one in here}
    if len(offices) != 1:
        raise ItemUnfit("các hồ sơ không cùng một cơ quan · the dossiers are not of one office")
    return Target(
        announcement=None,
        dossiers=tuple(names),
        office=offices.pop(),
        unit=units.pop() if len(units) == 1 else "",
        carrier="",
    )


def _check_open(tx: sa.Connection, target: Target, number: str) -> None:
    if target.announcement is None:
        return
    others = [one for one in items.of_announcement(tx, target.announcement) if one.number != number]
    if len(others) >= ITEMS_OF_ANNOUNCEMENT_MAX:
        raise ItemUnfit(f"{target.announcement}: > {ITEMS_OF_ANNOUNCEMENT_MAX} bưu gửi · items")


def _take_from_pool(tx: sa.Connection, number: str, target: Target, caller: Caller, now: datetime) -> None:
    """A number of the pool serves what it was taken for. Raises `BoundElsewhere`."""
    pooled = pool.find(tx, number)
    if pooled is None:
        return
    if pooled.state == pool.RECALLED:
        raise BoundElsewhere(f"{number}: đã thu hồi · was recalled")
    if pooled.state == pool.FREE:
        if other := pool.taken_for(tx, pooled.carrier, target.name):
            if not is_used(tx, other.number):
                raise BoundElsewhere(f"{target.name} → {other.number}")
            pool.use(tx, other.number)
        pool.take(tx, number, target.name, caller.client, to_us(now))
    elif pooled.taken_for not in (target.name, *target.dossiers):
        raise BoundElsewhere(f"{number} → {pooled.taken_for}")


def _correct(
    tx: sa.Connection,
    wrong: str,
    right: str,
    target: Target,
    caller: Caller,
    now: datetime,
) -> None:
    """Let go of a number that was keyed in wrongly for the same thing. One that was let go before is no fault."""
    number = s10.tidy(wrong)
    held = items.find(tx, number)
    if held is None or number == right:
        return
    if not item_seen.sees_item(tx, caller, held, now):
        raise BoundElsewhere(f"{number}: của tài khoản khác · another client's")
    if held.announcement != target.announcement or set(items.dossiers_of(tx, number)) != set(target.dossiers):
        raise BoundElsewhere(f"{number} → {name_of(held.announcement, items.dossiers_of(tx, number))}")
    let_go(tx, held, caller, now, why=f"corrected: {right}")


def let_go(tx: sa.Connection, held: Item, caller: Caller, now: datetime, *, why: str) -> None:
    """The number stands for nothing any more; one of the pool goes back. Raises `ItemMoved`."""
    if has_moved(tx, held):
        raise ItemMoved(f"{held.number}: đã gửi hoặc đã mở · was posted or opened")
    pool.recall(tx, held.number, to_us(now))
    item_bindings.let_go(tx, held.number, at_us=to_us(now), by=caller.client, why=why)
