"""The tables of offices, each a version that is never changed, and which of them was put in force when and by whom.

Functions take the open transaction `tx` and never commit; `last_use` looks by itself. The content is opaque here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage import journal
from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from storage.database import Database

Source = Literal["shipped", "file", "operator"]
_T = TypeVar("_T")
_TABLES: Final = "office-tables"
_USES: Final = "office-table-uses"


class Kept(Struct, frozen=True, kw_only=True):
    """A table: `name` is what receipts call it by, `jws` the seal over it. `made_at_us` is microseconds since 1970."""

    version: int
    name: str
    source: Source
    content: bytes
    sha256: bytes
    made_at_us: int
    made_by: str
    note: str
    jws: str


class Use(Struct, frozen=True, kw_only=True):
    """A version was put in force from the day `valid_from` on (ISO 8601, Vietnam's day); `seq` is its statement's."""

    number: int
    version: int
    valid_from: str
    at_us: int
    used_by: str
    why: str
    seq: int


_KEPT = ", ".join(Kept.__struct_fields__)
_USE = ", ".join(Use.__struct_fields__)
_ADD_TABLE = sa.text(
    f"INSERT INTO office_table ({_KEPT}) VALUES ({', '.join(':' + name for name in Kept.__struct_fields__)})"  # noqa: S608 - names are ours
)
_ADD_USE = sa.text(
    f"INSERT INTO office_table_use ({_USE}) VALUES ({', '.join(':' + name for name in Use.__struct_fields__)})"  # noqa: S608 - names are ours
)
_FIND = sa.text(f"SELECT {_KEPT} FROM office_table WHERE version = :version")  # noqa: S608 - names are ours
_NAMED = sa.text(f"SELECT {_KEPT} FROM office_table WHERE name = :name")  # noqa: S608 - names are ours
_ALL = sa.text(f"SELECT {_KEPT} FROM office_table ORDER BY version")  # noqa: S608 - names are ours
_USES_ALL = sa.text(f"SELECT {_USE} FROM office_table_use ORDER BY number")  # noqa: S608 - names are ours
_IN_FORCE = sa.text(
    f"SELECT {_USE} FROM office_table_use WHERE valid_from <= :day ORDER BY number DESC LIMIT 1"  # noqa: S608 - names are ours
)
_SAID = sa.text("SELECT jws FROM statement WHERE seq = :seq")
_LAST_USE = Statement(f"SELECT value FROM ordinal WHERE name = '{_USES}'")  # noqa: S608 - the name is ours


def hold(tx: sa.Connection) -> None:
    """Wait until no other transaction is about to write a table; others wait for this one until it ends."""
    journal.reserve(tx, _TABLES, 0)


def next_version(tx: sa.Connection) -> int:
    """Take the next version; the first is 1. A rolled-back transaction gives it back."""
    return journal.reserve(tx, _TABLES, 1)


def next_use(tx: sa.Connection) -> int:
    """Take the next number of a use."""
    return journal.reserve(tx, _USES, 1)


def add(tx: sa.Connection, kept: Kept) -> None:
    """Write a table. A second of the same name or version is an error."""
    tx.execute(_ADD_TABLE, msgspec.structs.asdict(kept))


def use(tx: sa.Connection, used: Use) -> None:
    """Write that a version was put in force. Its statement is the caller's to write."""
    tx.execute(_ADD_USE, msgspec.structs.asdict(used))


def find(tx: sa.Connection, version: int) -> Kept | None:
    """The table of that version."""
    return next(iter(_read(tx.execute(_FIND, {"version": version}), Kept)), None)


def named(tx: sa.Connection, name: str) -> Kept | None:
    """The table that receipts call by that name."""
    return next(iter(_read(tx.execute(_NAMED, {"name": name}), Kept)), None)


def kept(tx: sa.Connection) -> list[Kept]:
    """Every table, by version. There are few."""
    return _read(tx.execute(_ALL), Kept)


def uses(tx: sa.Connection) -> list[Use]:
    """Every use, in commit order."""
    return _read(tx.execute(_USES_ALL), Use)


def planned(tx: sa.Connection, after: date) -> list[Use]:
    """The uses whose day lies after that day and is still to come to pass, in commit order."""
    found: list[Use] = []
    for one in uses(tx):
        found = [each for each in found if each.valid_from < one.valid_from]
        if one.valid_from > after.isoformat():
            found.append(one)
    return found


def in_force(tx: sa.Connection, on: date) -> Use | None:
    """The last use whose day has come by that day."""
    return next(iter(_read(tx.execute(_IN_FORCE, {"day": on.isoformat()}), Use)), None)


def said(tx: sa.Connection, used: Use) -> str:
    """The signed statement (compact JWS) of a use; "" when it is not there."""
    return tx.execute(_SAID, {"seq": used.seq}).scalar() or ""


def last_use(database: Database) -> int:
    """The number of the last use; 0 when there was none. Looked up by itself. Raises `DatabaseAway`."""
    return next((int(value) for (value,) in database.look(_LAST_USE, {})), 0)


def _read(rows: Iterable[sa.Row[tuple[object, ...]]], kind: type[_T]) -> list[_T]:
    return [msgspec.convert(dict(row._mapping), kind) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
