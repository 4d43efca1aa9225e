"""Pick-up orders: what carriers are asked to fetch, each order under one number, until they have answered.

Every function takes the open transaction `tx` and never commits. An order is sent by whoever holds it: `hold` puts off
its next time, so that no other worker sends it meanwhile; who dies while holding it leaves it to be sent again, under
the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

WAITING, ACCEPTED, REFUSED = "waiting", "accepted", "refused"


class Pickup(Struct, frozen=True, kw_only=True):
    """An order to fetch an item. State: waiting, accepted or refused. Times are microseconds since 1970 UTC.

    `sha256` is of what was asked (canonical JSON). `body` is that, locked under `wrapped_key`, while it may have to
    be sent; it names persons, and is forgotten with the carrier's answer. `answer` is what came of the last try.
    """

    item: str
    carrier: str
    order_number: str
    sha256: bytes
    body: bytes | None
    wrapped_key: bytes | None
    state: str
    state_at_us: int
    answer: str
    attempts: int
    next_at_us: int | None
    made_at_us: int
    made_by: str


_FIELDS = Pickup.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_PUT = sa.text(
    f"INSERT INTO pickup ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)}) ON CONFLICT (item)"  # noqa: S608 - names are ours
    f" DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _FIELDS if name != 'item')}"
)
_FIND = Statement(f"SELECT {_COLUMNS} FROM pickup WHERE item = :item")  # noqa: S608 - names are ours
_NUMBERED = Statement("SELECT item FROM pickup WHERE order_number = :order_number")
_DUE = Statement(
    f"SELECT {_COLUMNS} FROM pickup WHERE state = 'waiting' AND next_at_us <= :now"  # noqa: S608 - names are ours
    # In one order, whoever asks: two workers that take them then wait for each other and not in a ring.
    " ORDER BY next_at_us, item LIMIT :most"
)
_HOLD = Statement(
    "UPDATE pickup SET next_at_us = :until, attempts = attempts + 1"
    " WHERE item = :item AND state = 'waiting' AND next_at_us = :seen RETURNING attempts"
)
_AGAIN = Statement(
    "UPDATE pickup SET next_at_us = :next_at_us, answer = :answer"
    " WHERE item = :item AND state = 'waiting' AND order_number = :order_number RETURNING item"
)
_END = Statement(
    "UPDATE pickup SET state = :state, state_at_us = :at_us, answer = :answer, next_at_us = NULL, body = NULL,"
    " wrapped_key = NULL WHERE item = :item AND state = 'waiting' AND order_number = :order_number RETURNING item"
)


def put(tx: sa.Connection, pickup: Pickup) -> None:
    """Write an order, in the place of one that was refused before."""
    tx.execute(_PUT, msgspec.structs.asdict(pickup))


def find(tx: sa.Connection, item: str) -> Pickup | None:
    """The order to fetch that item, if there ever was one."""
    return next(iter(_all(_FIND(tx, {"item": item}))), None)


def numbered(tx: sa.Connection, order_number: str) -> str | None:
    """The item that was ordered to be fetched under that number."""
    return next((str(item) for (item,) in _NUMBERED(tx, {"order_number": order_number})), None)


def due(tx: sa.Connection, now_us: int, most: int) -> list[Pickup]:
    """Orders that wait to be sent by now, the longest first."""
    return _all(_DUE(tx, {"now": now_us, "most": most}))


def hold(tx: sa.Connection, pickup: Pickup, until_us: int) -> int:
    """Take an order in hand until then; returns which try this is, 0 when another was quicker."""
    values = {"item": pickup.item, "seen": pickup.next_at_us, "until": until_us}
    return next((int(attempts) for (attempts,) in _HOLD(tx, values)), 0)


def again(tx: sa.Connection, pickup: Pickup, answer: str, next_at_us: int) -> bool:
    """It is to be sent again then; False when it waits no more."""
    values = {"item": pickup.item, "order_number": pickup.order_number, "answer": answer, "next_at_us": next_at_us}
    return bool(_AGAIN(tx, values))


def end(tx: sa.Connection, pickup: Pickup, state: str, answer: str, at_us: int) -> bool:
    """It is accepted or refused, and what it said of persons is forgotten; False when it waits no more."""
    values = {"item": pickup.item, "order_number": pickup.order_number, "state": state, "answer": answer}
    return bool(_END(tx, values | {"at_us": at_us}))


def _all(rows: Iterable[tuple[object, ...]]) -> list[Pickup]:
    return [msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Pickup) for row in rows]
