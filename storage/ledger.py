"""The conservation ledger: what the journal's facts say came and went, what its tables say is there, and the closings.

Every function takes the open transaction `tx` and never commits. Facts and tables are read in one snapshot
(`settle_in`) and never from one another: that they agree is the point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T")

CLOSINGS_A_PAGE_MAX = 200
ROWS_AT_ONCE = 2000
# So long a leader may take for one closing; then another may take over, and what the first one made is not written.
LEADER_S = 600


class Closing(Struct, frozen=True, kw_only=True):
    """One closing: the facts after number `from_seq` up to `upto_seq`. Times are microseconds since 1970 UTC.

    `seq` is the fact number of its signed statement. `lines` is the JSON text whose SHA-256 the statement names. The
    `absence_…` fields are those of the tree of keyed hashes; without a root none was made.
    """

    number: int
    seq: int
    from_seq: int
    upto_seq: int
    opened_at_us: int
    closed_at_us: int
    lines: str
    gaps: int
    absence_root: bytes | None
    absence_count: int
    absence_kid: str | None


class Fact(Struct, frozen=True):
    """A fact about a dossier, as far as the ledger counts it; `channel` is None when the dossier is not there."""

    dossier: str
    seq: int
    type: str
    office: str
    channel: str | None


class Counted(Struct, frozen=True):
    """How many dossiers stand alike in the tables: their state, their work's office and state (None: no work), whether
    they wait to be judged, have a place in the vault, and a key to it.
    """

    channel: str
    office: str
    state: str
    work_office: str | None
    work: str | None
    waits: bool
    has_place: bool
    has_key: bool
    count: int


class Span(Struct, frozen=True):
    """Facts after number `after` up to `upto`. What was received by the instant `until_us` belongs to it too, though it
    was committed behind `upto`: its receipt says that instant.
    """

    after: int
    upto: int
    until_us: int


class Arrived(Struct, frozen=True):
    """What names a dossier that arrived. One that was refused at once names no unit."""

    seq: int
    sha256: bytes
    submitter: str
    unit: str
    procedure: str
    period: str
    batch: int
    is_kept: bool


_COLUMNS = ", ".join(Closing.__struct_fields__)
_ADD = sa.text(
    f"INSERT INTO closing ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Closing.__struct_fields__)})"  # noqa: S608 - names are ours
)
_LAST = sa.text(f"SELECT {_COLUMNS} FROM closing ORDER BY number DESC LIMIT 1")  # noqa: S608 - names are ours
_FIND = sa.text(f"SELECT {_COLUMNS} FROM closing WHERE number = :number")  # noqa: S608 - names are ours
_PAGE = sa.text(f"SELECT {_COLUMNS} FROM closing WHERE number > :after ORDER BY number LIMIT :limit")  # noqa: S608 - names are ours
_OVER = sa.text(
    f"SELECT {_COLUMNS} FROM closing WHERE closed_at_us > :since AND opened_at_us < :until"  # noqa: S608 - names are ours
    " ORDER BY number LIMIT :limit"
)
# A leader's end that lies further ahead than any leader may have asked for was written by a clock that was wrong.
# Clocks differ a little, and a leader may have asked a moment ago: only what is ahead by a whole term more is wrong.
_LEAD = sa.text(
    "UPDATE closing_leader SET fence = fence + 1, leader = :who, leader_until_us = :until"
    " WHERE number = 1 AND (leader = :who OR leader_until_us <= :now OR leader_until_us > :absurd) RETURNING fence"
)
_LEADS = sa.text("SELECT fence FROM closing_leader WHERE number = 1")
_RESIGN = sa.text("UPDATE closing_leader SET leader = '', leader_until_us = 0 WHERE number = 1 AND fence = :fence")
_TOUCHED = sa.text(
    "SELECT e.dossier, e.seq, e.type, e.office, d.channel FROM event e LEFT JOIN dossier d ON d.id = e.dossier"
    " WHERE e.seq <= :upto AND e.dossier IN"
    " (SELECT t.dossier FROM event t WHERE t.seq > :after AND t.seq <= :upto) ORDER BY e.dossier, e.seq"
)
_COUNTED = sa.text(
    "SELECT d.channel, d.competent_office AS office, d.state, w.office AS work_office, w.state AS work,"
    " p.dossier IS NOT NULL AS waits, d.pack IS NOT NULL AS has_place, d.wrapped_key IS NOT NULL AS has_key,"
    " count(*) AS count FROM dossier d LEFT JOIN work w ON w.dossier = d.id"
    " LEFT JOIN pending p ON p.dossier = d.id GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"
)
_FACTS = sa.text(
    "SELECT (SELECT count(*) FROM event WHERE seq > :after AND seq <= :upto) + (SELECT count(*) FROM statement s"
    " WHERE s.seq > :after AND s.seq <= :upto AND NOT EXISTS (SELECT 1 FROM event e WHERE e.seq = s.seq))"
)
_ARRIVED = sa.text(
    "SELECT seq, sha256, submitter, unit, procedure, period, batch, pack IS NOT NULL AS is_kept FROM dossier"
    " WHERE seq > :after AND seq <= :upto ORDER BY seq LIMIT :limit"
)
_BEFORE_FACT = sa.text("SELECT max(number) FROM closing WHERE seq <= :seq")
_SAID = sa.text("SELECT seq, jws FROM statement WHERE seq IN :seqs").bindparams(sa.bindparam("seqs", expanding=True))
_BYTES_CAME = sa.text(
    "SELECT number FROM (SELECT statement_number AS number, seq, submitter, unit, received_at_us FROM dossier"
    " WHERE sha256 = :sha256 AND pack IS NOT NULL UNION ALL"
    " SELECT statement_number, seq, submitter, unit, received_at_us FROM dossier"
    " WHERE sha256 = :sha256 AND pack IS NULL) AS same WHERE (submitter = :whose OR unit = :whose)"
    " AND seq > :after AND (seq <= :upto OR received_at_us <= :until) ORDER BY seq LIMIT 1"
)
_BUSINESS_CAME = sa.text(
    "SELECT statement_number FROM dossier WHERE unit = :unit AND procedure = :procedure AND period = :period"
    " AND (:batch = 0 OR batch = :batch) AND pack IS NOT NULL"
    " AND seq > :after AND (seq <= :upto OR received_at_us <= :until) ORDER BY seq LIMIT 1"
)
_OF_TYPE = sa.text("SELECT jws FROM statement WHERE type = :type ORDER BY seq")
_FIRST_FACT = sa.text("SELECT at_us FROM event ORDER BY seq LIMIT 1")


def settle_in(tx: sa.Connection) -> None:
    """Make this reading transaction one snapshot, however many statements follow and however long they take. Must come
    first.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        tx.execute(sa.text("SET LOCAL statement_timeout = 0"))


def touched(tx: sa.Connection, after: int, upto: int) -> Iterator[Fact]:
    """All facts up to `upto` of every dossier that has a fact after `after`: dossier by dossier, in commit order.

    Rows are streamed, so that memory does not grow with the hour.
    """
    rows = tx.execution_options(yield_per=ROWS_AT_ONCE).execute(_TOUCHED, {"after": after, "upto": upto})
    for row in rows:
        yield Fact(*row)


def counted(tx: sa.Connection) -> list[Counted]:
    """How many dossiers stand where, by the tables alone."""
    rows = tx.execute(_COUNTED)
    return [_lenient(row, Counted) for row in rows]


def facts(tx: sa.Connection, after: int, upto: int) -> int:
    """How many facts have a number in the span: events, and statements about the house itself."""
    return int(tx.execute(_FACTS, {"after": after, "upto": upto}).scalar_one())


def arrived(tx: sa.Connection, after: int, upto: int) -> list[Arrived]:
    """A page of the dossiers whose first fact lies in the span, in commit order. What is told of them never changes."""
    rows = tx.execute(_ARRIVED, {"after": after, "upto": upto, "limit": ROWS_AT_ONCE})
    return [_lenient(row, Arrived) for row in rows]


def first_fact_at_us(tx: sa.Connection) -> int | None:
    """When the first fact was written; None when there is none."""
    return tx.execute(_FIRST_FACT).scalar()


def add(tx: sa.Connection, closing: Closing) -> None:
    """Write a closing. Its number follows the last one's; a second of the same number is an error."""
    tx.execute(_ADD, msgspec.structs.asdict(closing))


def last(tx: sa.Connection) -> Closing | None:
    """The last closing."""
    return next(iter(_all(tx.execute(_LAST))), None)


def find(tx: sa.Connection, number: int) -> Closing | None:
    """The closing of that number."""
    return next(iter(_all(tx.execute(_FIND, {"number": number}))), None)


def closings(tx: sa.Connection, after: int, limit: int = CLOSINGS_A_PAGE_MAX) -> list[Closing]:
    """A page of closings after number `after`."""
    return _all(tx.execute(_PAGE, {"after": after, "limit": min(limit, CLOSINGS_A_PAGE_MAX)}))


def closings_over(tx: sa.Connection, since_us: int, until_us: int, limit: int) -> list[Closing]:
    """The closings whose span overlaps these instants, in their order, at most `limit`."""
    return _all(tx.execute(_OVER, {"since": since_us, "until": until_us, "limit": limit}))


def before_fact(tx: sa.Connection, seq: int) -> int:
    """The number before that of the last closing stated up to fact `seq`, so that reading on begins with that closing;
    0 when there is none.
    """
    found: int | None = tx.execute(_BEFORE_FACT, {"seq": seq}).scalar()
    return found - 1 if found else 0


def said(tx: sa.Connection, closings: Iterable[Closing]) -> dict[int, str]:
    """The signed statements (compact JWS) of closings, by the closings' numbers."""
    numbers = {one.seq: one.number for one in closings}
    rows = tx.execute(_SAID, {"seqs": list(numbers)}) if numbers else ()
    return {numbers[row.seq]: row.jws for row in rows}


def stated(tx: sa.Connection, typ: str) -> tuple[str, ...]:
    """All statements of a type of which there are few, in commit order."""
    return tuple(tx.execute(_OF_TYPE, {"type": typ}).scalars())


def bytes_came(tx: sa.Connection, whose: str, sha256: bytes, span: Span) -> str | None:
    """The receipt or notice number of these bytes, if they came from the client, or for the unit, `whose`, in the
    span.
    """
    values = {"whose": whose, "sha256": sha256, "after": span.after, "upto": span.upto, "until": span.until_us}
    return tx.execute(_BYTES_CAME, values).scalar()


def business_came(
    tx: sa.Connection, unit: str, procedure: str, period: str, batch: int | None, span: Span
) -> str | None:
    """The receipt number of a dossier that was received for this unit, procedure and period (and batch, if one is
    named) in the span.
    """
    values: dict[str, object] = {"unit": unit, "procedure": procedure, "period": period, "batch": batch or 0}
    values |= {"after": span.after, "upto": span.upto, "until": span.until_us}
    return tx.execute(_BUSINESS_CAME, values).scalar()


def _lenient(row: sa.Row[tuple[object, ...]], kind: type[_T]) -> _T:
    """SQLite knows no booleans."""
    return msgspec.convert(dict(row._mapping), kind, strict=False)  # noqa: SLF001 - SQLAlchemy's public name for it


def _all(rows: Iterable[sa.Row[tuple[object, ...]]]) -> list[Closing]:
    return [msgspec.convert(dict(row._mapping), Closing) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def lead(tx: sa.Connection, who: str, now_us: int) -> int | None:
    """Become, or stay, the one who closes, for `LEADER_S`; the fence number, or None while another is at it."""
    term_us = LEADER_S * 1_000_000
    values = {"who": who, "now": now_us, "until": now_us + term_us, "absurd": now_us + 2 * term_us}
    fence: int | None = tx.execute(_LEAD, values).scalar()
    return fence


def leads(tx: sa.Connection, fence: int) -> bool:
    """Whether nobody took over since `fence` was given. Asked by a transaction that holds its turn."""
    return bool(tx.execute(_LEADS).scalar_one() == fence)


def resign(tx: sa.Connection, fence: int) -> None:
    """Let another close, unless one has taken over already."""
    tx.execute(_RESIGN, {"fence": fence})
