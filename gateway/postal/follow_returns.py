"""How outbound items end: what their carriers told is followed, delivered or not, into custody and facts.

An item that was delivered confirms that its results and originals are with their owner; one that came back, or is
lost, waits for the office to decide. A carrier may take a delivery back: that is followed too; and where the originals
of an item go that was lost, decided about and found after all. Where nothing changed, nothing is written.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import structs

from gateway import events
from gateway.clock import from_us, rfc3339, to_us
from gateway.postal.returns import address_of
from storage import items, journal, originals, outbound

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.house import House
    from storage.database import Database
    from storage.outbound import Carried

FOLLOW_EVERY_S: Final = 30.0
# So many are followed in one transaction; others that number facts wait meanwhile.
AT_ONCE_MAX: Final = 50
# A carrier that takes a delivery back later than that has to be spoken to.
TAKEN_BACK_DAYS_MAX: Final = 90
DELIVERED, UNDELIVERED = "result-delivered", "result-undelivered"
ACTOR: Final = "gateway"
# What the office has decided stays decided; only where the originals are is followed then.
_DECIDED: Final = (outbound.SENT_AGAIN, outbound.KEPT)
_EVERYTHING: Final = journal.Scope(everything=True)


async def follow_returns(house: House) -> None:
    """Follow what carriers told of outbound items. Several workers may do this at once. Raises `DatabaseAway`."""
    await house.run_apart(follow, house.database, house.clock.now())


def follow(database: Database, now: datetime) -> int:
    """Follow all that carriers told; how many items. Doing it again writes nothing. Raises `DatabaseAway`."""
    followed = 0
    since_us = to_us(now - timedelta(days=TAKEN_BACK_DAYS_MAX))
    while True:
        # Without a turn first: mostly there is nothing, and those who number facts need not wait for that.
        with database.read() as tx:
            if not outbound.told(tx, since_us, 1):
                return followed
        with database.begin() as tx:
            turn = journal.take_turn(tx)
            page = outbound.told(tx, since_us, AT_ONCE_MAX)
            for one in page:
                (_delivered if one.item_state == "delivered" else _undelivered)(tx, turn, one, now)
            journal.end_turn(tx, turn)
        followed += len(page)


def _delivered(tx: sa.Connection, turn: journal.Turn, one: Carried, now: datetime) -> None:
    item = one.outbound.item
    at_us = one.delivered_at_us if one.delivered_at_us is not None else one.item_state_at_us
    address = address_of(one.outbound)
    is_decided = one.outbound.state in _DECIDED
    for original in originals.sent_in(tx, item):
        # Told lost with its item, and delivered with it after all.
        if original.state in (originals.SENT, originals.LOST) or (original.state == originals.HELD and not is_decided):
            originals.stand(tx, original, originals.RETURNED, at_us, sent_in=item)
            originals.tell(
                tx,
                original.id,
                "returned",
                holder=address.name if address else original.unit,
                at_us=at_us,
                told_by=one.carrier,
                note=item,
            )
    if not is_decided:
        outbound.put(
            tx,
            structs.replace(one.outbound, state=outbound.DELIVERED, state_at_us=to_us(now), confirmed_at_us=at_us),
        )
    _tell(tx, turn, one, DELIVERED, at_us, now)


def _undelivered(tx: sa.Connection, turn: journal.Turn, one: Carried, now: datetime) -> None:
    """It came back, or is lost: what came back is held again; what is lost is where it was, until a person says so."""
    item = one.outbound.item
    for original in originals.sent_in(tx, item):
        if original.state == originals.HELD:
            continue
        is_back = one.item_state == "returned"
        if original.state in (originals.SENT, originals.RETURNED):
            state = originals.HELD if is_back else originals.SENT
            if state != original.state:
                originals.stand(tx, original, state, to_us(now), sent_in=item)
            originals.tell(
                tx,
                original.id,
                "undelivered",
                holder=original.office if is_back else one.carrier,
                at_us=one.item_state_at_us,
                told_by=one.carrier,
                note=f"{item}: {one.item_state}",
            )
    if one.outbound.state not in _DECIDED:
        outbound.put(
            tx,
            structs.replace(one.outbound, state=outbound.UNDELIVERED, state_at_us=to_us(now), confirmed_at_us=None),
        )
    _tell(tx, turn, one, UNDELIVERED, one.item_state_at_us, now, why=one.item_state)


def _tell(
    tx: sa.Connection, turn: journal.Turn, one: Carried, fact: str, at_us: int, now: datetime, **more: str
) -> None:
    """The fact, to each dossier that is in the item, as far as facts of it may still be written."""
    detail = {"item": one.outbound.item, "at": rfc3339(from_us(at_us))} | more
    for name in items.dossiers_of(tx, one.outbound.item):
        dossier = journal.dossier(tx, name, _EVERYTHING)
        if dossier is not None and dossier.erased_at_us is None:
            journal.record(tx, [events.fact(turn, dossier, fact, ACTOR, now, detail)], {})
