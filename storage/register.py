"""The register of units: which employer, under which tax code, belongs to which office, from when until when.

Functions take the open transaction `tx` and never commit; `unit_at` looks by itself. Dates are ISO 8601 text, and
`valid_to` is the last day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from storage.database import Database


class Unit(Struct, frozen=True, kw_only=True):
    """An employer unit for a span of days: its code, tax code (MST) and registered office (mã cơ quan quản lý)."""

    code: str
    tax_code: str
    office: str
    name: str = ""
    valid_from: str
    valid_to: str | None = None


_COLUMNS = ", ".join(Unit.__struct_fields__)
_AT = Statement(
    f"SELECT {_COLUMNS} FROM unit WHERE code = :code AND valid_from <= :on AND (valid_to IS NULL OR valid_to >= :on)"  # noqa: S608 - names are ours
    " ORDER BY valid_from DESC LIMIT 1"
)
_ALL = sa.text(f"SELECT {_COLUMNS} FROM unit ORDER BY code, valid_from")  # noqa: S608 - names are ours
_PUT = sa.text(
    f"INSERT INTO unit ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Unit.__struct_fields__)})"  # noqa: S608 - names are ours
    " ON CONFLICT (code, valid_from) DO UPDATE SET tax_code = excluded.tax_code, office = excluded.office,"
    " name = excluded.name, valid_to = excluded.valid_to"
)


def unit_at(database: Database, code: str, on: date) -> Unit | None:
    """The unit as it is registered on that day; looked up by itself. Raises `DatabaseAway`."""
    found = database.look(_AT, {"code": code, "on": on.isoformat()})
    return Unit(**dict(zip(Unit.__struct_fields__, found[0], strict=True))) if found else None


def units(tx: sa.Connection) -> Iterator[Unit]:
    """Every row of the register, by code and day."""
    for row in tx.execute(_ALL):
        yield Unit(**row._mapping)  # noqa: SLF001


def put(tx: sa.Connection, rows: Sequence[Unit]) -> None:
    """Write rows; one with the same code and first day is replaced."""
    if rows:
        tx.execute(_PUT, [msgspec.structs.asdict(row) for row in rows])
