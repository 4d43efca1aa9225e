"""When carriers are asked next, whichever worker does it, and about which items.

Every function takes the open transaction `tx` and never commits. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence


class CarrierPoll(Struct, frozen=True, kw_only=True):
    """A carrier is asked again at `next_at_us`, from the item after `after_item` on; so often it failed in a row."""

    carrier: str
    next_at_us: int
    failures: int = 0
    after_item: str = ""


_FIELDS = CarrierPoll.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_UNDER_WAY = sa.text(
    "SELECT number FROM item WHERE carrier = :carrier AND state IN :states AND bound_at_us >= :since"
    " AND number > :after ORDER BY number LIMIT :limit"
).bindparams(sa.bindparam("states", expanding=True))


def claim(tx: sa.Connection, carrier: str, now_us: int, until_us: int) -> CarrierPoll | None:
    """Take the turn to ask the carrier; None while it is not due, or another worker asks. Nobody else takes it before
    `until_us`, so that a worker that died keeps nobody from asking for longer.
    """
    tx.execute(
        sa.text(
            f"INSERT INTO carrier_poll ({_COLUMNS}) VALUES (:carrier, 0, 0, '') ON CONFLICT (carrier) DO NOTHING"  # noqa: S608 - names are ours
        ),
        {"carrier": carrier},
    )
    row = tx.execute(
        sa.text(
            "UPDATE carrier_poll SET next_at_us = :until WHERE carrier = :carrier AND next_at_us <= :now"  # noqa: S608 - names are ours
            f" RETURNING {_COLUMNS}"
        ),
        {"carrier": carrier, "now": now_us, "until": until_us},
    ).first()
    return CarrierPoll(**row._mapping) if row else None  # noqa: SLF001 - SQLAlchemy's public name for it


def is_due(tx: sa.Connection, carrier: str, now_us: int) -> bool:
    """Whether the carrier is to be asked: a look, before `claim` decides."""
    found = tx.execute(
        sa.text("SELECT next_at_us FROM carrier_poll WHERE carrier = :carrier"), {"carrier": carrier}
    ).scalar_one_or_none()
    return found is None or int(found) <= now_us


def settle(tx: sa.Connection, poll: CarrierPoll) -> None:
    """Write when the carrier is asked next, and from where on."""
    tx.execute(
        sa.text(
            "UPDATE carrier_poll SET next_at_us = :next_at_us, failures = :failures, after_item = :after_item"
            " WHERE carrier = :carrier"
        ),
        msgspec.structs.asdict(poll),
    )


def under_way(
    tx: sa.Connection, carrier: str, states: Sequence[str], *, since_us: int, after: str, limit: int
) -> list[str]:
    """The carrier's items in these states that were bound since then, by number, after the given one."""
    values = {"carrier": carrier, "states": list(states), "since": since_us, "after": after, "limit": limit}
    return [str(number) for number in tx.execute(_UNDER_WAY, values).scalars()]
