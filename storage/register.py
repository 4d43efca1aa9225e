"""The register of units: which employer, under which tax code, belongs to which office, from when until when.

Functions take the open transaction `tx` and never commit; `unit_at` looks by itself. Dates are ISO 8601 text, and
`valid_to` is the last day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from storage.database import Database


Signing = Literal["tax-code", "registered"]
BY_TAX_CODE: Final[Signing] = "tax-code"
REGISTERED: Final[Signing] = "registered"


class Unit(Struct, frozen=True, kw_only=True):
    """An employer unit for a span of days: its code, tax code (MST) and registered office (mã cơ quan quản lý).

    `signing` says whose certificates sign for it: any with its tax code, or only registered ones and their renewals.
    `signed_by_parent`: a branch's dossiers may be signed by its head office (off by default; unconfirmed that the
    agency takes them).
    """

    code: str
    tax_code: str
    office: str
    name: str = ""
    valid_from: str
    valid_to: str | None = None
    signing: Signing = BY_TAX_CODE
    signed_by_parent: bool = False


class Told(Struct, frozen=True, kw_only=True):
    """A unit as a register from elsewhere tells it. What is None stays as it stands for the unit: on the row that is
    replaced, else on the row before it; so a monthly import does not loosen who may sign.
    """

    code: str
    tax_code: str
    office: str
    name: str = ""
    valid_from: str
    valid_to: str | None = None
    signing: Signing | None = None
    signed_by_parent: bool | None = None


_COLUMNS = ", ".join(Unit.__struct_fields__)
_AT = Statement(
    f"SELECT {_COLUMNS} FROM unit WHERE code = :code AND valid_from <= :on AND (valid_to IS NULL OR valid_to >= :on)"  # noqa: S608 - names are ours
    " ORDER BY valid_from DESC LIMIT 1"
)
_OF = sa.text(f"SELECT {_COLUMNS} FROM unit WHERE code = :code ORDER BY valid_from")  # noqa: S608 - names are ours
_ALL = sa.text(f"SELECT {_COLUMNS} FROM unit ORDER BY code, valid_from")  # noqa: S608 - names are ours


def _kept(column: str, otherwise: str) -> str:
    """SQL: what is told, else what stands for the unit on the first day of the row, else the default."""
    stands = (
        f"SELECT u.{column} FROM unit u WHERE u.code = :code AND u.valid_from <= :valid_from"  # noqa: S608 - names are ours
        " ORDER BY u.valid_from DESC LIMIT 1"
    )
    return f"coalesce(:{column}, ({stands}), {otherwise})"


_PUT = sa.text(
    f"INSERT INTO unit ({_COLUMNS}) VALUES (:code, :tax_code, :office, :name, :valid_from, :valid_to,"  # noqa: S608 - names are ours
    f" {_kept('signing', repr(BY_TAX_CODE))}, {_kept('signed_by_parent', 'FALSE')})"
    " ON CONFLICT (code, valid_from) DO UPDATE SET tax_code = excluded.tax_code, office = excluded.office,"
    " name = excluded.name, valid_to = excluded.valid_to, signing = excluded.signing,"
    " signed_by_parent = excluded.signed_by_parent"
)
_SET_SIGNING = sa.text(
    "UPDATE unit SET signing = coalesce(:signing, signing), signed_by_parent = coalesce(:parent, signed_by_parent)"
    " WHERE code = :code AND (valid_to IS NULL OR valid_to >= :on)"
)


def unit_at(database: Database, code: str, on: date) -> Unit | None:
    """The unit as it is registered on that day; looked up by itself. Raises `DatabaseAway`."""
    found = database.look(_AT, {"code": code, "on": on.isoformat()})
    return _unit(*found[0]) if found else None


def units(tx: sa.Connection) -> Iterator[Unit]:
    """Every row of the register, by code and day."""
    for row in tx.execute(_ALL):
        yield _unit(*row)


def units_of(tx: sa.Connection, code: str) -> list[Unit]:
    """The unit's rows by first day."""
    return [_unit(*row) for row in tx.execute(_OF, {"code": code})]


def put(tx: sa.Connection, rows: Sequence[Unit | Told]) -> None:
    """Write rows; one with the same code and first day is replaced."""
    if rows:
        tx.execute(_PUT, [msgspec.structs.asdict(row) for row in rows])


def set_signing(tx: sa.Connection, code: str, on: date, *, signing: Signing | None, parent: bool | None) -> int:
    """Say whose certificates sign for the unit, on its rows of that day and later; what is None stays. Returns how many
    rows there are.
    """
    values = {"code": code, "on": on.isoformat(), "signing": signing, "parent": parent}
    return tx.execute(_SET_SIGNING, values).rowcount


def _unit(*row: Any) -> Unit:
    """A row in the order of the fields; SQLite knows no truth values but 0 and 1."""
    code, tax_code, office, name, valid_from, valid_to, signing, signed_by_parent = row
    return Unit(
        code=code,
        tax_code=tax_code,
        office=office,
        name=name,
        valid_from=valid_from,
        valid_to=valid_to,
        signing=signing,
        signed_by_parent=bool(signed_by_parent),
    )
