"""The public statistics: the groups they are made of, and what was made of them last.

Every function takes the open transaction `tx` and never commits. A group is an office and a procedure within a stretch
of time; it is told how many employers are in it, so that whoever publishes can merge what is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from storage.figure_counts import Asked

Kind = Literal["received", "decided", "finished"]
"""What is counted: dossiers by their receipt, by the end that made them on time or late, or by their result."""

Group = tuple[str, str]
"""An office and a procedure."""


class Held(Struct, frozen=True, kw_only=True):
    """How many dossiers of how many employers are in a group; the employers by name only where they are few."""

    dossiers: int
    employers: int
    units: frozenset[str] = frozenset()


class Made(Struct, frozen=True):
    """What was made last: for which hour (hours since 1970 UTC; 0: nothing yet), and the JSON."""

    hour: int
    content: str


_DATED: Final[dict[Kind, tuple[str, str, str]]] = {
    "received": ("received_office", "received_at_us", ""),
    "decided": ("office", "ended_at_us", " AND state IN :decided"),
    "finished": ("office", "ended_at_us", " AND worked_us IS NOT NULL"),
}
_MADE = sa.text("SELECT hour, content FROM public_statistics WHERE one = 1")
_HOUR = sa.text("SELECT hour FROM public_statistics WHERE one = 1")
# A claim that lies further ahead than any may was written by a clock that was wrong.
_CLAIM = sa.text(
    "UPDATE public_statistics SET claimed_until_us = :until WHERE one = 1 AND hour < :hour"
    " AND (claimed_until_us <= :now OR claimed_until_us > :until)"
)
_PUT = sa.text(
    "UPDATE public_statistics SET hour = :hour, content = :content, claimed_until_us = 0 WHERE one = 1 AND hour < :hour"
)


def groups(tx: sa.Connection, kind: Kind, asked: Asked, few: int) -> dict[Group, Held]:
    """Every group of the time that is asked about; those of fewer employers than `few` with their units."""
    office, where = _where(kind)
    values = _values(asked, where)
    small = (
        f"SELECT {office} AS o, procedure AS p FROM figure WHERE {where} GROUP BY {office}, procedure"  # noqa: S608
        " HAVING count(DISTINCT unit) < :few"
    )
    named: dict[Group, set[str]] = {}
    for row in _run(
        tx,
        f"SELECT DISTINCT {office} AS office, procedure, unit FROM figure JOIN ({small}) AS s"  # noqa: S608
        f" ON s.o = {office} AND s.p = procedure WHERE {where}",
        values | {"few": few},
    ):
        named.setdefault((row.office, row.procedure), set()).add(row.unit)
    whole = (
        f"SELECT {office} AS office, procedure, count(*) AS dossiers, count(DISTINCT unit) AS employers"  # noqa: S608
        f" FROM figure WHERE {where} GROUP BY {office}, procedure"
    )
    return {
        (row.office, row.procedure): Held(
            dossiers=row.dossiers,
            employers=row.employers,
            units=frozenset(named.get((row.office, row.procedure), ())),
        )
        for row in _run(tx, whole, values)
    }


def made(tx: sa.Connection) -> Made:
    """What was made last."""
    return Made(*tx.execute(_MADE).one())


def hour_made(tx: sa.Connection) -> int:
    """For which hour that was."""
    hour: int = tx.execute(_HOUR).scalar_one()
    return hour


def claim(tx: sa.Connection, hour: int, now_us: int, until_us: int) -> bool:
    """Take the turn to make that hour's; False when it is made, or somebody else is at it."""
    return bool(tx.execute(_CLAIM, {"hour": hour, "now": now_us, "until": until_us}).rowcount)


def put(tx: sa.Connection, hour: int, content: str) -> bool:
    """Keep what was made for that hour, in the place of an earlier one; False when a later one is there."""
    return bool(tx.execute(_PUT, {"hour": hour, "content": content}).rowcount)


def _where(kind: Kind) -> tuple[str, str]:
    office, at, further = _DATED[kind]
    return office, f"{at} >= :from_us AND {at} < :to_us{further}"


def _values(asked: Asked, where: str) -> dict[str, Any]:
    values: dict[str, Any] = {"from_us": asked.from_us, "to_us": asked.to_us}
    return values | ({"decided": list(asked.decided)} if ":decided" in where else {})


def _run(tx: sa.Connection, sql: str, values: dict[str, Any]) -> list[Any]:
    named = [name for name, value in values.items() if isinstance(value, list)]
    lists: list[sa.BindParameter[Any]] = [sa.bindparam(name, expanding=True) for name in named]
    return list(tx.execute(sa.text(sql).bindparams(*lists), values))
