"""What a message about facts is made from, read from the journal beside its pages.

Every function takes the open transaction `tx` and never commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence


class About(Struct, frozen=True, kw_only=True):
    """Of a dossier what may be told to whoever follows it: numbers and codes, no person."""

    id: str
    statement_number: str
    procedure: str
    unit: str
    due_at_us: int | None


class Happened(Struct, frozen=True):
    """A fact as far as states and due dates follow from it."""

    dossier: str
    seq: int
    type: str
    detail: str


_DOSSIERS: sa.BindParameter[object] = sa.bindparam("dossiers", expanding=True)
_ABOUT = sa.text(
    f"SELECT {', '.join(About.__struct_fields__)} FROM dossier WHERE id IN :dossiers"  # noqa: S608 - names are ours
).bindparams(_DOSSIERS)
_HAPPENED = sa.text(
    "SELECT dossier, seq, type, detail FROM event WHERE dossier IN :dossiers AND seq <= :upto ORDER BY seq"
).bindparams(_DOSSIERS)
_AT_OR_AFTER = sa.text("SELECT seq, at_us FROM event WHERE seq >= :seq ORDER BY seq LIMIT 1")


def about(tx: sa.Connection, dossiers: Sequence[str]) -> dict[str, About]:
    """The dossiers of these ids."""
    rows = tx.execute(_ABOUT, {"dossiers": list(dossiers)}) if dossiers else ()
    found = (msgspec.convert(dict(row._mapping), About) for row in rows)  # noqa: SLF001 - SQLAlchemy's public name for it
    return {one.id: one for one in found}


def happened(tx: sa.Connection, dossiers: Sequence[str], upto: int) -> list[Happened]:
    """Every fact of these dossiers up to number `upto`, in commit order."""
    rows = tx.execute(_HAPPENED, {"dossiers": list(dossiers), "upto": upto}) if dossiers else ()
    return [Happened(*row) for row in rows]


def before(tx: sa.Connection, at_us: int, head: int) -> int:
    """The number of the last fact before the first that was written at `at_us` or later.

    Facts are numbered as they are committed and dated a moment earlier, so that the two orders differ by seconds.
    """
    low, high = 0, head + 1
    while low < high:
        middle = (low + high) // 2
        row = tx.execute(_AT_OR_AFTER, {"seq": middle}).first()
        if row is None or int(row[1]) >= at_us:
            high = middle
        else:
            low = int(row[0]) + 1
    return max(0, low - 1)
