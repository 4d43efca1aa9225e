"""Which certificates are registered to sign for which unit, from when until when, and what renews what.

Functions take the open transaction `tx` and never commit; `bindings_of` looks by itself. Days are ISO 8601 text, and
`valid_to` is the last day; instants are microseconds since 1970 UTC. Nothing is ever deleted: a withdrawal is a fact of
its own, so that what was judged before it can still be explained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.database import Database


class Binding(Struct, frozen=True, kw_only=True):
    """One certificate that may sign for a unit on the days from `valid_from` to `valid_to` (None: without an end).

    `sha256`, `spki_sha256` (of its public key) and `subject_sha256` (of its holder's name, in any order) are hex;
    `holder` is the name and identifiers of its holder as JSON. `not_before_us` and `not_after_us` are the certificate's
    own. `renews` is the `sha256` of the earlier certificate that this one was recognised to renew.
    """

    unit: str
    sha256: str
    valid_from: str
    valid_to: str | None = None
    serial: str
    issuer: str
    spki_sha256: str
    subject_sha256: str
    holder: str
    not_before_us: int
    not_after_us: int
    registered_by: str
    at_us: int
    renews: str | None = None
    withdrawn_by: str | None = None
    withdrawn_at_us: int | None = None


_FIELDS = Binding.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_MARKS = ", ".join(":" + name for name in _FIELDS)
_KEY = ("unit", "sha256", "valid_from")
_OF = Statement(f"SELECT {_COLUMNS} FROM certificate_binding WHERE unit = :unit ORDER BY valid_from, at_us, sha256")  # noqa: S608 - names are ours
_BIND = sa.text(
    f"INSERT INTO certificate_binding ({_COLUMNS}) VALUES ({_MARKS}) ON CONFLICT (unit, sha256, valid_from) DO UPDATE"  # noqa: S608 - names are ours
    f" SET {', '.join(f'{name} = excluded.{name}' for name in _FIELDS if name not in _KEY)}"
)
_RENEW = sa.text(
    f"INSERT INTO certificate_binding ({_COLUMNS}) VALUES ({_MARKS}) ON CONFLICT (unit, sha256, valid_from) DO NOTHING"  # noqa: S608 - names are ours
)
_WITHDRAW = sa.text(
    "UPDATE certificate_binding SET withdrawn_at_us = :now, withdrawn_by = :by"
    " WHERE unit = :unit AND sha256 = :sha256 AND withdrawn_at_us IS NULL"
)


def bindings_of(database: Database, unit: str) -> tuple[Binding, ...]:
    """Every binding of the unit, ended ones too, the earliest first; looked up by itself. Raises `DatabaseAway`."""
    return tuple(_binding(row) for row in database.look(_OF, {"unit": unit}))


def bindings(tx: sa.Connection, unit: str) -> tuple[Binding, ...]:
    """The same, inside a transaction."""
    return tuple(_binding(row) for row in _OF(tx, {"unit": unit}))


def bind(tx: sa.Connection, row: Binding) -> None:
    """Register a certificate for a unit. One with the same first day is replaced, and is withdrawn no more."""
    tx.execute(_BIND, msgspec.structs.asdict(row))


def renewed(tx: sa.Connection, rows: Sequence[Binding]) -> list[Binding]:
    """Write recognised renewals; returns those that are new. Doing it again changes nothing.

    A certificate that has a binding of its own, ended or withdrawn, keeps it. What renews a certificate whose bindings
    were all withdrawn since it was judged is not written: the dossier stays accepted, the next one is judged afresh.
    """
    written = []
    for row in rows:
        held = bindings(tx, row.unit)
        stands = any(one.sha256 == row.renews and one.withdrawn_at_us is None for one in held)
        if stands and all(one.sha256 != row.sha256 for one in held):
            tx.execute(_RENEW, msgspec.structs.asdict(row))
            written.append(row)
    return written


def withdraw(tx: sa.Connection, unit: str, sha256: str, *, by: str, now_us: int) -> int:
    """End a certificate's bindings from this instant on; returns how many. What was received before is not touched."""
    return tx.execute(_WITHDRAW, {"unit": unit, "sha256": sha256, "by": by, "now": now_us}).rowcount


def renewals_of(held: Sequence[Binding], sha256: str) -> tuple[str, ...]:
    """The certificates among `held` that renew this one, directly or by way of others, in order; never itself."""
    found: dict[str, None] = {}
    sources = [sha256]
    while sources:
        source = sources.pop(0)
        fresh = [one.sha256 for one in held if one.renews == source and one.sha256 not in found]
        found.update(dict.fromkeys(fresh))
        sources += fresh
    found.pop(sha256, None)
    return tuple(found)


def _binding(row: tuple[object, ...]) -> Binding:
    return msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Binding)
