"""The halves of dossiers that come in two, one by wire and one on paper: which is awaited, and what came.

Every function takes the open transaction `tx` and never commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

AWAITED_MAX = 500


class Half(Struct, frozen=True, kw_only=True):
    """The half of that `kind` (`paper` or `electronic`) that dossier `dossier` waits for. `came` is the id under which
    it is kept, None until then. Times are microseconds since 1970 UTC; an alarm is due from `alarm_at_us` on.
    """

    dossier: str
    kind: str
    awaited_since_us: int
    alarm_at_us: int
    came: str | None = None
    came_at_us: int | None = None


_COLUMNS = ", ".join(Half.__struct_fields__)
_VALUES = ", ".join(":" + name for name in Half.__struct_fields__)
_EXPECT = sa.text(f"INSERT INTO half ({_COLUMNS}) VALUES ({_VALUES}) ON CONFLICT DO NOTHING")  # noqa: S608 - names are ours
_CAME = sa.text(
    f"INSERT INTO half ({_COLUMNS}) VALUES ({_VALUES}) ON CONFLICT (dossier, kind)"  # noqa: S608 - names are ours
    " DO UPDATE SET came = excluded.came, came_at_us = excluded.came_at_us WHERE half.came IS NULL"
)
_OF = sa.text(f"SELECT {_COLUMNS} FROM half WHERE dossier = :dossier ORDER BY kind")  # noqa: S608 - names are ours
_MISSING = sa.text(
    f"SELECT {_COLUMNS} FROM half WHERE came IS NULL AND alarm_at_us <= :now ORDER BY alarm_at_us, dossier LIMIT :most"  # noqa: S608 - names are ours
)
_NAME = sa.text(
    "UPDATE announced SET half_of = :dossier"
    " WHERE id = :announced AND half_of = '' AND state = 'announced' RETURNING id"
)
# What was announced as a half from the first has no data of its own, and stays one.
_UNNAME = sa.text(
    "UPDATE announced SET half_of = '' WHERE half_of = :dossier AND state = 'announced'"
    " AND media_type <> 'application/json'"
)


def expect(tx: sa.Connection, halves: Sequence[Half]) -> None:
    """Wait for these. What is awaited already, or has come, stays as it is."""
    if halves:
        tx.execute(_EXPECT, [msgspec.structs.asdict(one) for one in halves])


def came(tx: sa.Connection, half: Half) -> None:
    """It came, whether or not anybody waited for it. The first to come stays."""
    tx.execute(_CAME, msgspec.structs.asdict(half))


def of(tx: sa.Connection, dossier: str) -> list[Half]:
    """The halves that belong to the dossier beside the one that came first."""
    return [_half(row) for row in tx.execute(_OF, {"dossier": dossier})]


def awaited(tx: sa.Connection, dossier: str) -> str:
    """The kind of the half that has not come, or ''."""
    return next((one.kind for one in of(tx, dossier) if one.came is None), "")


def missing(tx: sa.Connection, now_us: int) -> list[Half]:
    """Those that should have come by now, the longest awaited first."""
    return [_half(row) for row in tx.execute(_MISSING, {"now": now_us, "most": AWAITED_MAX})]


def name(tx: sa.Connection, announced: str, dossier: str) -> bool:
    """The announced paper is the other half of that dossier from now on; False when it is some other's, or has come."""
    return tx.execute(_NAME, {"announced": announced, "dossier": dossier}).first() is not None


def unname(tx: sa.Connection, dossier: str) -> None:
    """The dossier is none: announced paper that was to be its other half stands by itself again."""
    tx.execute(_UNNAME, {"dossier": dossier})


def _half(row: sa.Row[tuple[object, ...]]) -> Half:
    return msgspec.convert(dict(row._mapping), Half)  # noqa: SLF001 - SQLAlchemy's public name for it
