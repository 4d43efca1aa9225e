"""Dossiers that were received and wait to be judged: until when, and how often it was tried.

Every function takes the open transaction `tx` and never commits. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence


class Pending(Struct, frozen=True, kw_only=True):
    """One dossier that waits since `since_us`, to be tried again at `next_try_at_us`."""

    dossier: str
    since_us: int
    next_try_at_us: int
    attempts: int


_COLUMNS = ", ".join(Pending.__struct_fields__)
_ADD = sa.text(
    f"INSERT INTO pending ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Pending.__struct_fields__)})"  # noqa: S608 - names are ours
)
_DUE = sa.text(f"SELECT {_COLUMNS} FROM pending WHERE next_try_at_us <= :now ORDER BY next_try_at_us LIMIT :most")  # noqa: S608 - names are ours
_POSTPONE = sa.text(
    "UPDATE pending SET next_try_at_us = :next, attempts = attempts + 1"
    " WHERE dossier = :dossier AND attempts = :attempts"
)
_SOONER = sa.text("UPDATE pending SET next_try_at_us = :now WHERE next_try_at_us > :now")
_DONE = sa.text("DELETE FROM pending WHERE dossier = :dossier")


def add(tx: sa.Connection, rows: Sequence[Pending]) -> None:
    """Let dossiers wait."""
    if rows:
        tx.execute(_ADD, [msgspec.structs.asdict(row) for row in rows])


def due(tx: sa.Connection, now_us: int, most: int) -> list[Pending]:
    """Dossiers to be tried now, the longest due first."""
    return [Pending(**row._mapping) for row in tx.execute(_DUE, {"now": now_us, "most": most})]  # noqa: SLF001 - SQLAlchemy's public name for it


def claim(tx: sa.Connection, one: Pending, next_us: int) -> bool:
    """Take a dossier for one attempt and put its next one off; False when another worker has taken it meanwhile."""
    taken = tx.execute(_POSTPONE, {"dossier": one.dossier, "attempts": one.attempts, "next": next_us})
    return bool(taken.rowcount)


def try_all(tx: sa.Connection, now_us: int) -> None:
    """Something new is known: everything that waits is due now."""
    tx.execute(_SOONER, {"now": now_us})


def done(tx: sa.Connection, dossier: str) -> bool:
    """Take a dossier out; False when it did not wait any more."""
    return bool(tx.execute(_DONE, {"dossier": dossier}).rowcount)
