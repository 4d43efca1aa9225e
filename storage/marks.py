"""The audit's marks: what was found sound up to which fact, and how far the round over everything older has come.

Every function takes the open transaction `tx` and never commits. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

DOSSIERS: Final = "dossiers"
GAPS_TOLD_MAX: Final = 100

# Facts: events, and statements; what is stated of a dossier has its event's number.
_HOLES: Final = sa.text(
    "SELECT previous, seq FROM (SELECT seq, LAG(seq, 1, :after) OVER (ORDER BY seq) AS previous FROM"
    " (SELECT seq FROM event WHERE seq > :after UNION SELECT seq FROM statement WHERE seq > :after) AS numbered)"
    " AS paired WHERE seq <> previous + 1 ORDER BY seq LIMIT :most"
)
_COUNT: Final = sa.text(
    "SELECT (SELECT count(*) FROM event WHERE seq <= :upto) + (SELECT count(*) FROM statement s WHERE s.seq <= :upto"
    " AND NOT EXISTS (SELECT 1 FROM event e WHERE e.seq = s.seq)) AS facts,"
    " (SELECT count(*) FROM statement WHERE seq <= :upto) AS statements,"
    " (SELECT count(*) FROM log_entry WHERE seq <= :upto) AS leaves,"
    " (SELECT count(*) FROM dossier WHERE seq <= :upto) AS dossiers,"
    " (SELECT count(*) FROM dossier WHERE seq <= :upto AND judgement IS NOT NULL) AS judgements"
)
_LAST: Final = sa.text(
    "SELECT max(seq) FROM (SELECT max(seq) AS seq FROM event UNION ALL SELECT max(seq) FROM statement) AS both_of_them"
)
_ENTRIES: Final = sa.text(
    "SELECT (SELECT count(*) FROM dossier WHERE pack IS NOT NULL) + (SELECT count(*) FROM document)"
    " + (SELECT count(*) FROM piece) - (SELECT count(DISTINCT dossier) FROM piece)"
    " + (SELECT count(*) FROM announced) + (SELECT count(*) FROM scan)"
)


class Mark(Struct, frozen=True, kw_only=True):
    """Every fact up to `upto_seq` was looked at by `at_us`. Of the dossiers older than the last run, a round that began
    at `round_since_us` has come as far as number `round_seq`; all of them were read again since `whole_since_us`.
    """

    what: str = DOSSIERS
    upto_seq: int
    at_us: int
    round_seq: int
    round_since_us: int
    whole_since_us: int | None


class Counts(Struct, frozen=True):
    """How many rows there are up to a number in commit order."""

    facts: int
    statements: int
    leaves: int
    dossiers: int
    judgements: int


_COLUMNS: Final = Mark.__struct_fields__
_FIND: Final = sa.text(f"SELECT {', '.join(_COLUMNS)} FROM audit_mark WHERE what = :what")  # noqa: S608 - names are ours
_SET: Final = sa.text(
    f"INSERT INTO audit_mark ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"  # noqa: S608 - names are ours
    " ON CONFLICT (what) DO UPDATE SET upto_seq = :upto_seq, at_us = :at_us, round_seq = :round_seq,"
    " round_since_us = :round_since_us, whole_since_us = :whole_since_us"
)


def find(tx: sa.Connection) -> Mark | None:
    """The mark that the last sound audit left."""
    row = tx.execute(_FIND, {"what": DOSSIERS}).first()
    return msgspec.convert(dict(row._mapping), Mark) if row else None  # noqa: SLF001 - SQLAlchemy's public name for it


def leave(tx: sa.Connection, mark: Mark) -> None:
    """Leave a mark in place of the one before."""
    tx.execute(_SET, msgspec.structs.asdict(mark))


def counts(tx: sa.Connection, upto: int) -> Counts:
    """How many rows there are up to number `upto`."""
    row = tx.execute(_COUNT, {"upto": upto}).one()
    return msgspec.convert(dict(row._mapping), Counts)  # noqa: SLF001 - SQLAlchemy's public name for it


def last_fact(tx: sa.Connection) -> int:
    """The highest number that any fact has."""
    return int(tx.execute(_LAST).scalar() or 0)


def holes(tx: sa.Connection, after: int) -> Iterator[tuple[int, int]]:
    """Where numbers are missing after `after`: the numbers on both sides of each hole, at most `GAPS_TOLD_MAX`."""
    for previous, seq in tx.execute(_HOLES, {"after": after, "most": GAPS_TOLD_MAX}):
        yield int(previous), int(seq)


def entries(tx: sa.Connection) -> int:
    """How many entries of packs the rows point at: contents, pieces of large ones, and documents."""
    return int(tx.execute(_ENTRIES).scalar_one())
