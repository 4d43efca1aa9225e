"""Postal items: each number, what it is bound to, and what its handlings amount to.

Every function takes the open transaction `tx` and never commits; those that change something are called by a
transaction that holds the turn of handlings (`handlings.hold`), so two callers never bind one number to two things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.clients import HOLDS
from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Item(Struct, frozen=True, kw_only=True):
    """One postal item. Times are microseconds since 1970 UTC.

    `scheme` is `s10` or `local`, `direction` `in` or `out`; `office` the mail room that it goes to or comes from;
    `unit` whose paper it is. `questioned` is 1 while a typed number whose check digit is wrong waits to be confirmed.
    `state` and the times after it are what its handlings amount to. `watched` is 1 while something may still be told of
    it.
    """

    number: str
    scheme: str
    carrier: str
    direction: str
    office: str
    unit: str
    announcement: str | None
    bound_at_us: int
    bound_by: str
    questioned: int = 0
    state: str = "bound"
    state_at_us: int
    posted_at_us: int | None = None
    delivered_at_us: int | None = None
    heard_at_us: int | None = None
    watched: int = 1


class Whose(Struct, frozen=True, kw_only=True):
    """Whose items are asked for: those of these offices, of these carriers, or that a client announced or its units
    (on the day `on`, ISO 8601) have. With nothing set: everybody's.
    """

    offices: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    client: str = ""
    on: str = ""


_FIELDS = Item.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
# What a carrier told stays: it is folded anew, and not by who binds.
_BOUND = (
    "scheme", "carrier", "direction", "office", "unit", "announcement", "bound_at_us", "bound_by", "questioned",
    "watched",
)  # fmt: skip
_BIND = sa.text(
    f"INSERT INTO item ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)}) ON CONFLICT (number)"  # noqa: S608 - names are ours
    f" DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _BOUND)}"
)
_UNBIND_DOSSIERS = sa.text("DELETE FROM item_dossier WHERE item = :item")
_BIND_DOSSIER = sa.text("INSERT INTO item_dossier (item, dossier) VALUES (:item, :dossier)")
_STAND = sa.text(
    # What takes another turn is to be looked at again.
    "UPDATE item SET watched = CASE WHEN state = :state THEN watched ELSE 1 END, state = :state,"
    " state_at_us = :state_at_us, posted_at_us = :posted_at_us, delivered_at_us = :delivered_at_us,"
    " heard_at_us = :heard_at_us WHERE number = :number"
)
_FIND = Statement(f"SELECT {_COLUMNS} FROM item WHERE number = :number")  # noqa: S608 - names are ours
_DOSSIERS_OF = Statement("SELECT dossier FROM item_dossier WHERE item = :number ORDER BY dossier")
_OF_DOSSIER = Statement(
    f"SELECT {', '.join('i.' + name for name in _FIELDS)} FROM item_dossier d JOIN item i ON i.number = d.item"  # noqa: S608 - names are ours
    " WHERE d.dossier = :dossier ORDER BY i.bound_at_us, i.number"
)
_OF_ANNOUNCEMENT = Statement(
    f"SELECT {_COLUMNS} FROM item WHERE announcement = :announcement ORDER BY bound_at_us, number"  # noqa: S608 - names are ours
)


def find(tx: sa.Connection, number: str) -> Item | None:
    """The item of that number; None while nothing was bound to it, whatever a carrier has told of it."""
    return next(iter(_all(_FIND(tx, {"number": number}))), None)


def bind(tx: sa.Connection, item: Item, dossiers: Sequence[str]) -> None:
    """Write the item and what is in it, in the place of what it was bound to before; what a carrier told of it stays.

    Whether it may be bound anew is the caller's judgement. Again, it changes nothing.
    """
    tx.execute(_BIND, msgspec.structs.asdict(item))
    tx.execute(_UNBIND_DOSSIERS, {"item": item.number})
    if dossiers:
        tx.execute(_BIND_DOSSIER, [{"item": item.number, "dossier": one} for one in dict.fromkeys(dossiers)])


def dossiers_of(tx: sa.Connection, number: str) -> list[str]:
    """The dossiers in an item, by their ids."""
    return [str(dossier) for (dossier,) in _DOSSIERS_OF(tx, {"number": number})]


def of_dossier(tx: sa.Connection, dossier: str) -> list[Item]:
    """The items that a dossier was or is in, in the order in which they were bound."""
    return _all(_OF_DOSSIER(tx, {"dossier": dossier}))


def of_announcement(tx: sa.Connection, announcement: str) -> list[Item]:
    """The items that an announcement was posted in, in the order in which they were bound."""
    return _all(_OF_ANNOUNCEMENT(tx, {"announcement": announcement}))


def stand(
    tx: sa.Connection,
    number: str,
    *,
    state: str,
    state_at_us: int,
    posted_at_us: int | None,
    delivered_at_us: int | None,
    heard_at_us: int | None,
) -> None:
    """Write what an item's handlings amount to; nothing happens when there is no such item."""
    tx.execute(
        _STAND,
        {
            "number": number,
            "state": state,
            "state_at_us": state_at_us,
            "posted_at_us": posted_at_us,
            "delivered_at_us": delivered_at_us,
            "heard_at_us": heard_at_us,
        },
    )


def listed(
    tx: sa.Connection,
    *,
    office: str | None = None,
    direction: str | None = None,
    states: Sequence[str] = (),
    after: str = "",
    limit: int,
) -> list[Item]:
    """At most `limit` items after number `after`, by their numbers: of that office, direction and those states."""
    chosen = [" AND office = :office" if office is not None else ""]
    chosen.append(" AND direction = :direction" if direction is not None else "")
    chosen.append(" AND state IN :states" if states else "")
    statement = sa.text(
        f"SELECT {_COLUMNS} FROM item WHERE number > :after{''.join(chosen)} ORDER BY number LIMIT :limit"  # noqa: S608 - names are ours
    )
    if states:
        statement = statement.bindparams(sa.bindparam("states", expanding=True))
    values: dict[str, object] = {"after": after, "limit": limit}
    values |= {"office": office} if office is not None else {}
    values |= {"direction": direction} if direction is not None else {}
    values |= {"states": list(states)} if states else {}
    return _all(tuple(row) for row in tx.execute(statement, values))


_OF_CLIENT = (
    " AND (announcement IN (SELECT id FROM announcement WHERE client = :client)"  # noqa: S608 - text is ours
    f" OR unit IN (SELECT unit FROM client_unit WHERE client = :client AND {HOLDS}))"
)


def page(tx: sa.Connection, whose: Whose, *, states: Sequence[str] = (), after: str = "", limit: int) -> list[Item]:
    """At most `limit` of somebody's items after number `after`, by their numbers."""
    lists = {"offices": whose.offices, "carriers": whose.carriers, "states": tuple(states)}
    columns = {"offices": "office", "carriers": "carrier", "states": "state"}
    chosen = [f" AND {columns[name]} IN :{name}" for name, values in lists.items() if values]
    chosen += [_OF_CLIENT] if whose.client else []
    statement = sa.text(
        f"SELECT {_COLUMNS} FROM item WHERE number > :after{''.join(chosen)} ORDER BY number LIMIT :limit"  # noqa: S608 - names are ours
    ).bindparams(*(sa.bindparam(name, expanding=True) for name, values in lists.items() if values))
    values: dict[str, object] = {"after": after, "limit": limit}
    values |= {name: list(some) for name, some in lists.items() if some}
    values |= {"client": whose.client, "on": whose.on} if whose.client else {}
    return _all(tuple(row) for row in tx.execute(statement, values))


def _all(rows: Iterable[tuple[object, ...]]) -> list[Item]:
    return [msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Item) for row in rows]
