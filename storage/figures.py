"""What the figures are counted from: one narrow row a dossier, made again whenever a fact touches it.

Every function takes the open transaction `tx` and never commits. The rows are made from what stands in the journal, the
courses and the results; they are no truth of their own, and may be emptied and made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

# Facts by which an office dealt with a dossier by hand before it had its result.
_BY_HAND: Final = (
    "work-started",
    "worked-on",
    "passed-on",
    "transferred",
    "supplement-requested",
    "fee-requested",
    "re-appointed",
    "paper-awaited",
    "reopened",
)
# Facts by which an office says that it is done with a dossier.
_ENDING: Final = ("finished", "declined", "stopped")
IDS_AT_ONCE_MAX: Final = 1000


class Source(Struct, frozen=True, kw_only=True):
    """What is known of an accepted dossier that is a filing of its own. Times are microseconds since 1970 UTC.

    `received_office` was competent at acceptance, `office` is now. `stated_at_us` is when the state it stands in was
    last written, `told_at_us` when the gateway was last told of a result or another end, whatever time was told.
    `pauses` is the course's JSON. `is_straight`: nobody dealt with it by hand.
    """

    dossier: str
    unit: str
    procedure: str
    channel: str
    state: str
    received_at_us: int
    received_office: str
    office: str
    due_at_us: int | None
    appointed_at_us: int | None
    paused_since_us: int | None
    pauses: str
    supplements: int
    taken_at_us: int | None
    finished_at_us: int | None
    ended_at_us: int | None
    returned_at_us: int | None
    returned_by: str
    stated_at_us: int | None
    told_at_us: int | None
    has_electronic_result: bool
    is_straight: bool


class Refused(Struct, frozen=True):
    """A dossier that was refused, and the report that says why; an erased one says it no more."""

    dossier: str
    procedure: str
    received_at_us: int
    report: str
    is_erased: bool


class Figure(Struct, frozen=True, kw_only=True):
    """One dossier as it is counted. Months are yyyymm in Vietnam's time; `channel` is the national code, 0 unknown.

    `ended_at_us` is None while it is open. `worked_us` is the working time until its result, without the time in which
    a supplement was awaited; None without a result.
    """

    dossier: str
    unit: str
    procedure: str
    channel: int
    state: str
    received_at_us: int
    received_month: int
    received_office: str
    office: str
    taken_at_us: int | None
    taken_month: int | None
    ended_at_us: int | None
    ended_month: int | None
    returned_at_us: int | None
    returned_month: int | None
    returned_by: str
    due_at_us: int | None
    appointed_at_us: int | None
    told_at_us: int | None
    is_waiting: int
    supplements: int
    has_electronic_result: int
    is_straight: int
    worked_us: int | None


class Reason(Struct, frozen=True, kw_only=True):
    """One reason why a dossier was refused; '' stands for the refusal itself."""

    dossier: str
    reason: str
    procedure: str
    received_at_us: int
    received_month: int


_FIELDS = Figure.__struct_fields__
_PUT = sa.text(
    f"INSERT INTO figure ({', '.join(_FIELDS)}) VALUES ({', '.join(':' + name for name in _FIELDS)})"  # noqa: S608 - names are ours
    f" ON CONFLICT (dossier) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _FIELDS[1:])}"
)
_REASONS = Reason.__struct_fields__
_PUT_REASON = sa.text(
    f"INSERT INTO figure_refusal ({', '.join(_REASONS)}) VALUES ({', '.join(':' + name for name in _REASONS)})"  # noqa: S608 - names are ours
    " ON CONFLICT (dossier, reason) DO NOTHING"
)
_FACTS = sa.text("SELECT seq, dossier FROM event WHERE seq > :after AND seq <= :upto ORDER BY seq LIMIT :most")
_MARK = sa.text("SELECT seq FROM figure_mark WHERE one = 1")
_MOVE_MARK = sa.text("UPDATE figure_mark SET seq = :upto WHERE one = 1 AND seq = :after")
_SOURCES = sa.text(
    "SELECT d.id AS dossier, d.unit, d.procedure, d.channel, d.state, d.received_at_us, a.office AS received_office,"
    " d.competent_office AS office, CASE WHEN c.dossier IS NULL THEN d.due_at_us ELSE c.due_at_us END AS due_at_us,"
    " c.appointed_at_us, c.paused_since_us, coalesce(c.pauses, '[]') AS pauses,"
    " coalesce(c.supplements, 0) AS supplements, CASE WHEN c.dossier IS NOT NULL THEN c.taken_at_us ELSE"
    " (SELECT max(t.at_us) FROM event t WHERE t.dossier = d.id AND t.type = 'acknowledged') END AS taken_at_us,"
    " c.finished_at_us, c.ended_at_us,"
    " c.returned_at_us, coalesce(c.returned_by, '') AS returned_by,"
    " (SELECT max(s.at_us) FROM event s WHERE s.dossier = d.id AND s.type = d.state) AS stated_at_us,"
    " (SELECT max(o.at_us) FROM event o WHERE o.dossier = d.id AND o.type IN :ending) AS told_at_us,"
    " EXISTS (SELECT 1 FROM result r WHERE r.dossier = d.id AND r.electronic_code <> '' AND NOT EXISTS"
    " (SELECT 1 FROM result n WHERE n.dossier = r.dossier AND n.replaces = r.number)) AS has_electronic_result,"
    " NOT EXISTS (SELECT 1 FROM event h WHERE h.dossier = d.id AND h.type IN :by_hand) AS is_straight"
    " FROM dossier d JOIN event a ON a.dossier = d.id AND a.type = 'accepted'"
    " LEFT JOIN course c ON c.dossier = d.id WHERE d.purpose = '' AND d.state <> 'refused' AND d.id IN :ids"
).bindparams(
    sa.bindparam("ids", expanding=True), sa.bindparam("by_hand", expanding=True), sa.bindparam("ending", expanding=True)
)
_REFUSED = sa.text(
    "SELECT d.id AS dossier, d.procedure, d.received_at_us, d.report, d.erased_at_us IS NOT NULL AS is_erased"
    " FROM dossier d WHERE d.purpose = '' AND d.state = 'refused' AND d.id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))


def mark(tx: sa.Connection) -> int:
    """The number of the last fact whose dossier was looked at."""
    seq: int = tx.execute(_MARK).scalar_one()
    return seq


def move_mark(tx: sa.Connection, after: int, upto: int) -> bool:
    """Move the mark from `after` to `upto`; False when somebody else moved it meanwhile: then write nothing."""
    return bool(tx.execute(_MOVE_MARK, {"after": after, "upto": upto}).rowcount)


def touched(tx: sa.Connection, after: int, upto: int, most: int = IDS_AT_ONCE_MAX) -> tuple[list[str], int]:
    """The dossiers of at most `most` facts after number `after` up to `upto`, and the number up to which that goes."""
    rows = tx.execute(_FACTS, {"after": after, "upto": upto, "most": most}).all()
    reached = rows[-1].seq if len(rows) == most else upto
    return sorted({row.dossier for row in rows}), reached


def sources(tx: sa.Connection, dossiers: Sequence[str]) -> list[Source]:
    """What is known of these dossiers, as far as they were accepted and are no supplement or withdrawal."""
    values = {"ids": list(dossiers), "by_hand": list(_BY_HAND), "ending": list(_ENDING)}
    rows = tx.execute(_SOURCES, values) if dossiers else ()
    return [_source(row) for row in rows]


def refused(tx: sa.Connection, dossiers: Sequence[str]) -> list[Refused]:
    """Those of these dossiers that were refused."""
    rows = tx.execute(_REFUSED, {"ids": list(dossiers)}) if dossiers else ()
    return [Refused(one.dossier, one.procedure, one.received_at_us, one.report, bool(one.is_erased)) for one in rows]


def put(tx: sa.Connection, figures: Sequence[Figure], reasons: Sequence[Reason]) -> None:
    """Write rows in the place of those before; a refusal's reasons stay as they were first written."""
    if figures:
        tx.execute(_PUT, [msgspec.structs.asdict(one) for one in figures])
    if reasons:
        tx.execute(_PUT_REASON, [msgspec.structs.asdict(one) for one in reasons])


def empty(tx: sa.Connection) -> None:
    """Forget everything, so that it is made again from the first fact on."""
    for table in ("figure", "figure_refusal"):
        tx.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 - names are ours
    tx.execute(sa.text("UPDATE figure_mark SET seq = 0 WHERE one = 1"))


def _source(row: sa.Row[tuple[object, ...]]) -> Source:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    for name in ("has_electronic_result", "is_straight"):
        values[name] = bool(values[name])
    return msgspec.convert(values, Source)
