"""Who reads what of a dossier: written down before anything leaves, and shown to the unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import ids
from gateway.clock import to_us
from schemas.printed_page import seen
from storage import readings
from storage.readings import Reading

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.house import House

WHY_CHARACTERS_MAX: Final = 200
# Why, where the reader gave no reason: a party reads its own, the office what it has in hand; else nobody said.
OWN: Final = "own"
WORK: Final = "work"
UNSAID: Final = "unsaid"
PLAIN_REASONS: Final = (OWN, WORK, UNSAID)
_PARTIES: Final = frozenset({"employer", "ivan"})


class ReasonTooLong(Exception):
    """The reason for reading is longer than `WHY_CHARACTERS_MAX`. Trying again is safe with a shorter one."""


def reason(said: str) -> str:
    """A caller's reason as it is kept: one line, with what cannot be seen written out. Raises `ReasonTooLong`."""
    one_line = seen(said)
    if len(one_line) > WHY_CHARACTERS_MAX:
        raise ReasonTooLong(f"{len(one_line)} > {WHY_CHARACTERS_MAX}")
    return one_line


async def record_reading(house: House, caller: Caller, dossier: str, what: str, why: str = "") -> str:
    """Write down that the caller is about to be given `what` of a dossier; only then may it leave.

    `why` is the caller's own reason (see `reason`); empty: what follows from its part. Returns the correlation id,
    which the answer is to carry. Raises `DatabaseAway`: then nothing may be given out, and trying again is safe.
    """
    return (await house.run(_record, house, caller, dossier, what, why, house.clock.now())).correlation


def _record(house: House, caller: Caller, dossier: str, what: str, why: str, now: datetime) -> Reading:
    with house.database.begin() as tx:
        return readings.record(
            tx,
            Reading(
                id=ids.reading_id(),
                dossier=dossier,
                at_us=to_us(now),
                client=caller.client,
                role=caller.role,
                what=what,
                why=why or _plain_reason(tx, caller, dossier),
                correlation=ids.correlation_id(),
            ),
        )


def _plain_reason(tx: sa.Connection, caller: Caller, dossier: str) -> str:
    if caller.role in _PARTIES:
        return OWN
    if caller.role == "office" and readings.is_in_hand(tx, dossier):
        return WORK
    return UNSAID
