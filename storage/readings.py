"""Readings: every time that something of a dossier's content was given out, to which client, what and why.

Functions take the open transaction `tx` and never commit. A reading is committed before the first byte leaves, so that
what is not here did not leave; what is here may have been lost on its way. Nothing is ever deleted, and nothing changed
but for a reader's own words, which go when the dossier is erased. Clients are named by their id, persons never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage import journal
from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

READINGS_A_PAGE_MAX: Final = 500


class Reading(Struct, frozen=True, kw_only=True):
    """One reading. `what` is what was given out, `why` the reason that the reader gave or that follows from its part.

    `correlation` stands in the answer, too. `at_us` is microseconds since 1970 UTC. `number` counts the dossier's
    readings in commit order, from 1, without gaps; it is given by `record`.
    """

    id: str
    dossier: str
    at_us: int
    client: str
    role: str
    what: str
    why: str
    correlation: str
    number: int = 0


_FIELDS = Reading.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_INSERT = Statement(f"INSERT INTO reading ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})")  # noqa: S608 - names are ours
_OF = Statement(
    f"SELECT {_COLUMNS} FROM reading WHERE dossier = :dossier AND number > :after ORDER BY number LIMIT :limit"  # noqa: S608 - names are ours
)
_BY = Statement(
    f"SELECT {_COLUMNS} FROM reading WHERE dossier = :dossier AND client = :client AND number > :after"  # noqa: S608 - names are ours
    " ORDER BY number LIMIT :limit"
)
_IN_HAND = Statement("SELECT 1 FROM work WHERE dossier = :dossier AND state IN ('leased', 'done')")


def record(tx: sa.Connection, reading: Reading) -> Reading:
    """Write a reading under its dossier's next number, and return it with that. Its own `number` is not looked at."""
    # A series for each dossier: those who read different dossiers do not wait for one another.
    numbered = msgspec.structs.replace(reading, number=journal.reserve(tx, f"reading:{reading.dossier}", 1))
    _INSERT.many(tx, [msgspec.structs.asdict(numbered)])
    return numbered


def of(
    tx: sa.Connection, dossier: str, after: int = 0, limit: int = READINGS_A_PAGE_MAX, *, client: str | None = None
) -> list[Reading]:
    """A page of a dossier's readings, in commit order, after number `after`; by one client alone, if it is named."""
    values = {"dossier": dossier, "after": after, "limit": min(limit, READINGS_A_PAGE_MAX)}
    if client is not None:
        return _all(_BY(tx, values | {"client": client}))
    return _all(_OF(tx, values))


def is_in_hand(tx: sa.Connection, dossier: str) -> bool:
    """Whether the dossier's office has it in hand: its work is leased, or was acknowledged."""
    return bool(_IN_HAND(tx, {"dossier": dossier}))


def _all(rows: Iterable[tuple[object, ...]]) -> list[Reading]:
    return [msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Reading) for row in rows]
