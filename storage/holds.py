"""Legal holds: who forbade to erase a dossier, since when and why, and who lifted it.

Every function takes the open transaction `tx` and never commits. Whoever places a hold takes a turn
(`journal.take_turn`), as whoever erases does: so a hold is either seen by an erasure or comes after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Databases take only so many values with one question (PostgreSQL: 65 535).
DOSSIERS_A_LOOK_MAX = 500


class Hold(Struct, frozen=True, kw_only=True):
    """One hold. It binds until it is lifted; several may bind one dossier. Times are microseconds since 1970 UTC."""

    id: str
    dossier: str
    placed_by: str
    placed_at_us: int
    why: str
    lifted_by: str | None = None
    lifted_at_us: int | None = None
    lifted_why: str | None = None


_COLUMNS = ", ".join(Hold.__struct_fields__)
_PLACE = sa.text(
    f"INSERT INTO hold ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Hold.__struct_fields__)})"  # noqa: S608 - names are ours
    " ON CONFLICT (id) DO NOTHING"
)
_LIFT = sa.text(
    "UPDATE hold SET lifted_by = :by, lifted_at_us = :at, lifted_why = :why WHERE id = :id AND lifted_at_us IS NULL"
)
_BINDING = sa.text(
    f"SELECT {_COLUMNS} FROM hold WHERE dossier IN :dossiers AND lifted_at_us IS NULL ORDER BY placed_at_us, id"  # noqa: S608 - names are ours
).bindparams(sa.bindparam("dossiers", expanding=True))


def place(tx: sa.Connection, hold: Hold) -> bool:
    """Write a hold; False when it was written already: then it stays as it is."""
    return bool(tx.execute(_PLACE, msgspec.structs.asdict(hold)).rowcount)


def lift(tx: sa.Connection, hold_id: str, by: str, why: str, at_us: int) -> bool:
    """Lift one hold; False when there is none of that id, or it was lifted already."""
    return bool(tx.execute(_LIFT, {"id": hold_id, "by": by, "why": why, "at": at_us}).rowcount)


def binding(tx: sa.Connection, dossiers: Sequence[str]) -> dict[str, list[Hold]]:
    """The holds that bind these dossiers now, by dossier, the oldest first."""
    found: dict[str, list[Hold]] = {}
    for at in range(0, len(dossiers), DOSSIERS_A_LOOK_MAX):
        asked = list(dossiers[at : at + DOSSIERS_A_LOOK_MAX])
        for hold in _all(tx.execute(_BINDING, {"dossiers": asked})):
            found.setdefault(hold.dossier, []).append(hold)
    return found


def history(tx: sa.Connection, dossier: str | None = None, *, lifted: bool = True) -> list[Hold]:
    """Every hold ever placed, on one dossier or on all, the oldest first; without `lifted`, those that bind now."""
    conditions = ["dossier = :dossier"] if dossier is not None else []
    conditions += [] if lifted else ["lifted_at_us IS NULL"]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"SELECT {_COLUMNS} FROM hold{where} ORDER BY placed_at_us, id"  # noqa: S608 - names are ours
    return _all(tx.execute(sa.text(sql), {"dossier": dossier} if dossier is not None else {}))


def _all(rows: Iterable[sa.Row[tuple[object, ...]]]) -> list[Hold]:
    return [msgspec.convert(dict(row._mapping), Hold) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
