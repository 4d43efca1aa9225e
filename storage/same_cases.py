"""Filings that may be one case: a paper copy and an electronic one, told side by side and never merged.

Every function takes the open transaction `tx` and never commits. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

PAIRS_MAX: Final = 200


class SameCase(Struct, frozen=True, kw_only=True):
    """Two filings, and why they may be one: `content`, `rows` or `batch`.

    `other` may be announced only; `told` is 1 once both know of it. `decision` is same, different, or '' so far.
    """

    one: str
    other: str
    found_at_us: int
    why: str
    told: int
    decision: str = ""
    reason: str = ""
    decided_by: str = ""
    decided_at_us: int | None = None


class Pair(Struct, frozen=True):
    """Two filings of one unit, procedure and period, of which at least one is paper; which is not looked at yet.

    `is_announced`: `other` is paper that has not come. `same_batch`: both stand under one batch (đợt).
    """

    one: str
    other: str
    is_announced: bool
    same_batch: bool


_FIELDS = SameCase.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_FACTS = sa.text("SELECT seq FROM event WHERE seq > :after AND seq <= :upto ORDER BY seq LIMIT 1 OFFSET :most")
_MARK = sa.text("SELECT seq FROM same_case_mark WHERE one = 1")
_MOVE_MARK = sa.text("UPDATE same_case_mark SET seq = :upto WHERE one = 1 AND seq = :after")
_FRESH = (
    "FROM event e JOIN dossier a ON a.id = e.dossier"
    " AND a.purpose = '' AND a.unit <> '' AND a.pack IS NOT NULL AND a.erased_at_us IS NULL"
)
_KNOWN = (
    " AND NOT EXISTS (SELECT 1 FROM same_case s WHERE s.one = a.id AND s.other = {0}.id)"
    " AND NOT EXISTS (SELECT 1 FROM same_case s WHERE s.one = {0}.id AND s.other = a.id)"
)
_IN_SPAN = " WHERE e.seq > :after AND e.seq <= :upto AND e.type = 'accepted'"
# The halves of one dossier are no copies of each other.
_HALVES = (
    " AND NOT EXISTS (SELECT 1 FROM announced h WHERE h.state <> 'cancelled'"
    " AND ((h.id = a.id AND h.half_of = b.id) OR (h.id = b.id AND h.half_of = a.id)))"
    " AND NOT EXISTS (SELECT 1 FROM half f WHERE (f.dossier = a.id AND f.came = b.id)"
    " OR (f.dossier = b.id AND f.came = a.id))"
)
# What was there is paper, or what came is: each from its own index, for a unit may file very much by wire.
_OTHER_IS_PAPER, _ONE_IS_PAPER = (
    sa.text(
        f"SELECT DISTINCT a.id AS one, b.id AS other, a.batch = b.batch AS same_batch, b.seq {_FRESH}"
        " JOIN dossier b ON b.unit = a.unit AND b.procedure = a.procedure AND b.period = a.period"
        " AND b.pack IS NOT NULL AND b.id <> a.id AND b.purpose = '' AND b.erased_at_us IS NULL"
        f" AND b.state NOT IN ('refused', 'pending') AND {paper}.channel = 'post'"
        f"{_IN_SPAN}{_KNOWN.format('b')}{_HALVES} ORDER BY a.id, b.seq DESC LIMIT :most"
    )
    for paper in ("b", "a")
)
_ONE_ANNOUNCED = sa.text(
    f"SELECT DISTINCT a.id AS one, n.id AS other, COALESCE(n.batch = a.batch, 1 = 0) AS same_batch {_FRESH}"  # noqa: S608 - words are ours
    " AND a.channel <> 'post' JOIN announced n ON n.unit = a.unit AND n.procedure = a.procedure AND n.period = a.period"
    " AND n.state = 'announced' AND n.id <> a.id AND n.half_of <> a.id AND NOT (n.hybrid = 1 AND EXISTS"
    f" (SELECT 1 FROM half h WHERE h.dossier = a.id)){_IN_SPAN}{_KNOWN.format('n')} ORDER BY a.id, n.id LIMIT :most"
)
_ADD = sa.text(
    f"INSERT INTO same_case ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})"  # noqa: S608 - names are ours
    " ON CONFLICT (one, other) DO NOTHING RETURNING one"
)
_OF = sa.text(
    f"SELECT {_COLUMNS} FROM same_case WHERE one = :dossier OR other = :dossier ORDER BY found_at_us, one, other"  # noqa: S608 - names are ours
)
_UNTOLD = sa.text(
    f"SELECT {', '.join('s.' + name for name in _FIELDS)} FROM same_case s JOIN dossier d ON d.id = s.other"  # noqa: S608 - names are ours
    " WHERE s.told = 0 AND d.state NOT IN ('refused', 'pending') ORDER BY s.other, s.one LIMIT :most"
)
_TELL = sa.text("UPDATE same_case SET told = 1 WHERE one = :one AND other = :other AND told = 0 RETURNING one")
_DECIDE = sa.text(
    "UPDATE same_case SET decision = :decision, reason = :reason, decided_by = :decided_by, decided_at_us = :at_us"
    " WHERE one = :one AND other = :other"
)


def mark(tx: sa.Connection) -> int:
    """The number of the last fact that was looked at."""
    seq: int = tx.execute(_MARK).scalar_one()
    return seq


def move_mark(tx: sa.Connection, after: int, upto: int) -> bool:
    """Move the mark from `after` to `upto`; False when somebody else moved it meanwhile: then write nothing."""
    return bool(tx.execute(_MOVE_MARK, {"after": after, "upto": upto}).rowcount)


def reach(tx: sa.Connection, after: int, upto: int, facts_max: int) -> int:
    """The number up to which at most so many facts after `after` go."""
    beyond = tx.execute(_FACTS, {"after": after, "upto": upto, "most": facts_max}).scalar()
    return upto if beyond is None else int(beyond) - 1


def pairs(tx: sa.Connection, after: int, upto: int, most: int = PAIRS_MAX) -> list[Pair]:
    """The pairs, not known yet, of what was accepted after fact `after` up to `upto` with what was there (the latest
    first), or is announced; each pair once. When there are as many as `most`, there may be others.
    """
    values = {"after": after, "upto": upto, "most": most}
    found: dict[tuple[str, str], Pair] = {}
    for is_announced, statement in ((False, _OTHER_IS_PAPER), (False, _ONE_IS_PAPER), (True, _ONE_ANNOUNCED)):
        for row in tx.execute(statement, values):
            first, second = (row.one, row.other) if is_announced else sorted((row.one, row.other))
            found.setdefault((first, second), Pair(first, second, is_announced, bool(row.same_batch)))
    return list(found.values())


def add(tx: sa.Connection, one: SameCase) -> bool:
    """Write a pair; False when it is known already."""
    return tx.execute(_ADD, msgspec.structs.asdict(one)).first() is not None


def of(tx: sa.Connection, dossier: str) -> list[SameCase]:
    """The pairs that a dossier is in."""
    return _all(tx.execute(_OF, {"dossier": dossier}))


def not_different(tx: sa.Connection, dossier: str) -> list[str]:
    """The dossiers that are one case with it, or may be: a person has not said otherwise."""
    pairs = [one for one in of(tx, dossier) if one.decision != "different"]
    return [one.other if one.one == dossier else one.one for one in pairs]


def untold(tx: sa.Connection, most: int = PAIRS_MAX) -> list[SameCase]:
    """The pairs whose announced half has come since, and was not told of it."""
    return _all(tx.execute(_UNTOLD, {"most": most}))


def tell(tx: sa.Connection, pair: SameCase) -> bool:
    """Write that both know of it; False when that was written already."""
    return tx.execute(_TELL, {"one": pair.one, "other": pair.other}).first() is not None


def decide(tx: sa.Connection, pair: SameCase, decision: str, reason: str, decided_by: str, at_us: int) -> None:
    """Write what a person decided, in the place of what was decided before."""
    values = {"one": pair.one, "other": pair.other, "decision": decision, "reason": reason, "at_us": at_us}
    tx.execute(_DECIDE, values | {"decided_by": decided_by})


def forget_reasons(tx: sa.Connection, dossier: str) -> None:
    """Clear what a person wrote about the pairs of an erased dossier."""
    tx.execute(
        sa.text("UPDATE same_case SET reason = '' WHERE one = :dossier OR other = :dossier"), {"dossier": dossier}
    )


def _all(rows: Iterable[sa.Row[tuple[object, ...]]]) -> list[SameCase]:
    return [msgspec.convert(dict(row._mapping), SameCase) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name
