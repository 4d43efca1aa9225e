"""Pick-up orders: an item is fetched at its sender's, by an order that its carrier may be told twice.

1. Whoever may bind the item orders it fetched; what is asked names persons and is kept locked.
2. In the background the order is sent, always under its one number: an answer that was lost is asked for again.
3. Yes (also "had it before") and no end it, and what it said of persons is forgotten; anything else is tried again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.clock import VIETNAM, from_us, to_us
from gateway.postal import item_seen
from gateway.postal.items import BoundElsewhere, ItemMoved, ItemNotThere, ItemUnfit, name_of
from gateway.postal.pickup_shape import PickupWanted, facts_of
from storage import handlings, items, pickups
from storage.pickups import Pickup

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.settle import Stores
    from storage.cipher import Cipher
    from storage.items import Item

# After so many tries without an answer a person has to look; they take about two days.
ATTEMPTS_MAX: Final = 50
BACK_OFF_S: Final = 60
BACK_OFF_S_MAX: Final = 3600
# So long an order is one worker's alone: longer than any answer is waited for.
HOLD_S: Final = 120
AT_ONCE_MAX: Final = 8
UNANSWERED: Final = "no answer"


def order(stores: Stores, caller: Caller, number: str, asked: PickupWanted, carrier: str, now: datetime) -> Pickup:
    """Order an item fetched; the same again is safe and answered as it stands. One that was refused may be mended.

    Raises `ItemNotThere`, `ItemMoved`, `ItemUnfit`, `BoundElsewhere`, `DatabaseAway`; then nothing was changed.
    """
    content = msgspec.json.encode(asked, order="sorted")
    sha256 = hashlib.sha256(content).digest()
    locked = stores.cipher.lock(content, sha256)
    with stores.database.begin() as tx:
        handlings.hold(tx)
        item = items.find(tx, number)
        if item is None or not item_seen.sees_item(tx, caller, item, now):
            raise ItemNotThere(number)
        earlier = pickups.find(tx, number)
        if earlier is not None and earlier.state in (pickups.WAITING, pickups.ACCEPTED):
            if earlier.sha256 == sha256:
                return earlier
            raise BoundElsewhere(f"{number}: đã yêu cầu đến lấy · ordered to be fetched: {earlier.order_number}")
        _check(item, carrier)
        made = Pickup(
            item=number,
            carrier=carrier,
            order_number=earlier.order_number if earlier else _order_number(tx, item),
            sha256=sha256,
            body=locked.body,
            wrapped_key=locked.wrapped_key,
            state=pickups.WAITING,
            state_at_us=to_us(now),
            answer="",
            attempts=0,
            next_at_us=to_us(now),
            made_at_us=to_us(now),
            made_by=caller.client,
        )
        pickups.put(tx, made)
        return made


def _check(item: Item, carrier: str) -> None:
    if item.carrier != carrier:
        raise ItemUnfit(f"{item.number}: {item.carrier} ≠ {carrier}")
    if item.direction != "in" or item.questioned:
        raise ItemUnfit(f"{item.number}: số chưa xác nhận · the number is questioned")
    if item.state != "bound" or item.posted_at_us is not None:
        raise ItemMoved(f"{item.number}: đã gửi · was posted")


def _order_number(tx: sa.Connection, item: Item) -> str:
    """What the carrier knows the order by: the code of the paper; with a count where it fills several envelopes."""
    name = name_of(item.announcement, items.dossiers_of(tx, item.number))
    count, number = 1, name
    while pickups.numbered(tx, number) is not None:
        count += 1
        number = f"{name}-{count}"
    return number


def facts(cipher: Cipher, pickup: Pickup, customer: str) -> dict[str, str]:
    """What the order says. Raises `ContentCorrupt`, `MasterKeyUnknown`."""
    assert pickup.body is not None
    assert pickup.wrapped_key is not None
    asked = msgspec.json.decode(cipher.open(pickup.body, pickup.wrapped_key, pickup.sha256), type=PickupWanted)
    made_on = f"{from_us(pickup.made_at_us).astimezone(VIETNAM):%d/%m/%Y}"
    return facts_of(asked, customer=customer, item=pickup.item, order=pickup.order_number, made_on=made_on)


def take_due(stores: Stores, now: datetime) -> list[Pickup]:
    """Take in hand what is to be sent now; nothing is written when there is nothing. Raises `DatabaseAway`."""
    with stores.database.read() as tx:
        found = pickups.due(tx, to_us(now), AT_ONCE_MAX)
    if not found:
        return []
    until_us = to_us(now) + HOLD_S * 1_000_000
    with stores.database.begin() as tx:
        held = [(one, pickups.hold(tx, one, until_us)) for one in found]
    return [msgspec.structs.replace(one, attempts=attempts) for one, attempts in held if attempts]


def write_down(stores: Stores, pickup: Pickup, outcome: str, said: str, now: datetime) -> None:
    """What came of a try. Raises `DatabaseAway`: then it is sent again, under the same number."""
    with stores.database.begin() as tx:
        if outcome in (pickups.ACCEPTED, pickups.REFUSED):
            pickups.end(tx, pickup, outcome, said, to_us(now))
        elif pickup.attempts >= ATTEMPTS_MAX:
            pickups.end(tx, pickup, pickups.REFUSED, f"{UNANSWERED}: {said}", to_us(now))
        else:
            pickups.again(tx, pickup, said, to_us(now) + wait_s(pickup.attempts) * 1_000_000)


def wait_s(attempts: int) -> int:
    """How long to wait after so many tries."""
    return int(min(BACK_OFF_S * 2 ** min(attempts - 1, 10), BACK_OFF_S_MAX))
