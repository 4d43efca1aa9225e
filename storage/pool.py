"""The pool: numbers that a carrier gave out beforehand, each taken for one thing, and never given twice.

Every function takes the open transaction `tx` and never commits; those that change something are called by a
transaction that holds the turn of handlings (`handlings.hold`), so two takers never get the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FREE, TAKEN, USED, RECALLED = "free", "taken", "used", "recalled"


class PoolNumber(Struct, frozen=True, kw_only=True):
    """One number of a carrier's. `taken_for` is the announcement or dossier that it was taken for. State: free, taken,
    used (it was posted), recalled. Times are microseconds since 1970 UTC.
    """

    number: str
    carrier: str
    state: str
    added_at_us: int
    taken_for: str | None = None
    taken_by: str | None = None
    taken_at_us: int | None = None
    recalled_at_us: int | None = None


_FIELDS = PoolNumber.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
# A number that is bound, or ever was, is not to be given out.
_ADD = Statement(
    "INSERT INTO pool_number (number, carrier, state, added_at_us) SELECT :number, :carrier, 'free', :at_us"
    " WHERE NOT EXISTS (SELECT 1 FROM item WHERE number = :number)"
    " AND NOT EXISTS (SELECT 1 FROM item_binding WHERE item = :number) ON CONFLICT DO NOTHING"
)
_FIND = Statement(f"SELECT {_COLUMNS} FROM pool_number WHERE number = :number")  # noqa: S608 - names are ours
_TAKEN_FOR = Statement(
    f"SELECT {_COLUMNS} FROM pool_number WHERE carrier = :carrier AND taken_for = :taken_for AND state = 'taken'"  # noqa: S608 - names are ours
)
_NEXT = Statement(
    f"SELECT {_COLUMNS} FROM pool_number p WHERE carrier = :carrier AND state = 'free'"  # noqa: S608 - names are ours
    # What was posted or opened without being taken is somebody's paper already.
    " AND NOT EXISTS (SELECT 1 FROM item WHERE number = p.number)"
    " AND NOT EXISTS (SELECT 1 FROM handling WHERE item = p.number) ORDER BY added_at_us, number LIMIT 1"
)
_TAKE = Statement(
    "UPDATE pool_number SET state = 'taken', taken_for = :taken_for, taken_by = :by, taken_at_us = :at_us"
    " WHERE number = :number AND state = 'free' RETURNING number"
)
_USE = Statement("UPDATE pool_number SET state = 'used' WHERE number = :number AND state = 'taken' RETURNING number")
_RECALL = Statement(
    "UPDATE pool_number SET state = 'recalled', recalled_at_us = :at_us"
    " WHERE number = :number AND state IN ('free', 'taken') RETURNING number"
)
_COUNTS = Statement("SELECT state, count(*) FROM pool_number WHERE carrier = :carrier GROUP BY state")
_LISTED = (
    f"SELECT {_COLUMNS} FROM pool_number WHERE number > :after AND carrier = :carrier"  # noqa: S608 - names are ours
    "{state} ORDER BY number LIMIT :limit"
)


def add(tx: sa.Connection, carrier: str, numbers: Sequence[str], at_us: int) -> int:
    """Add those that were never here and never bound; returns how many. Again, it changes nothing."""
    before = sum(counts(tx, carrier).values())
    _ADD.many(tx, [{"number": number, "carrier": carrier, "at_us": at_us} for number in numbers])
    return sum(counts(tx, carrier).values()) - before


def find(tx: sa.Connection, number: str) -> PoolNumber | None:
    """The number, if it ever was in the pool."""
    return next(iter(_all(_FIND(tx, {"number": number}))), None)


def taken_for(tx: sa.Connection, carrier: str, what: str) -> PoolNumber | None:
    """The number that is taken for that announcement or dossier; at most one of a carrier."""
    return next(iter(_all(_TAKEN_FOR(tx, {"carrier": carrier, "taken_for": what}))), None)


def next_free(tx: sa.Connection, carrier: str) -> PoolNumber | None:
    """The free number that was added first and of which nobody has told anything; None: there is none."""
    return next(iter(_all(_NEXT(tx, {"carrier": carrier}))), None)


def take(tx: sa.Connection, number: str, what: str, by: str, at_us: int) -> bool:
    """Take a free number for an announcement or dossier; False when it is not free."""
    return bool(_TAKE(tx, {"number": number, "taken_for": what, "by": by, "at_us": at_us}))


def use(tx: sa.Connection, number: str) -> bool:
    """It was posted: another may be taken for the same. False when it is not taken."""
    return bool(_USE(tx, {"number": number}))


def recall(tx: sa.Connection, number: str, at_us: int) -> bool:
    """It goes back to the carrier, and is not given again; False when it went before, was used or was never there."""
    return bool(_RECALL(tx, {"number": number, "at_us": at_us}))


def counts(tx: sa.Connection, carrier: str) -> dict[str, int]:
    """How many numbers of a carrier are in each state."""
    return {str(state): int(count) for state, count in _COUNTS(tx, {"carrier": carrier})}


def listed(
    tx: sa.Connection, carrier: str, *, states: Sequence[str] = (), after: str = "", limit: int
) -> list[PoolNumber]:
    """At most `limit` numbers of a carrier after `after`, by number."""
    statement = sa.text(_LISTED.format(state=" AND state IN :states" if states else ""))
    if states:
        statement = statement.bindparams(sa.bindparam("states", expanding=True))
    values = {"carrier": carrier, "after": after, "limit": limit} | ({"states": list(states)} if states else {})
    return _all(tuple(row) for row in tx.execute(statement, values))


def _all(rows: Iterable[tuple[object, ...]]) -> list[PoolNumber]:
    return [msgspec.convert(dict(zip(_FIELDS, row, strict=True)), PoolNumber) for row in rows]
