"""The journal: what was accepted, what was refused and every fact since, in the order in which it was committed.

Every function takes the open transaction `tx` and never commits. Facts are numbered by a `Turn`: the row that holds
the last number stays locked until the transaction ends, so numbers are given in commit order, without gaps, and a
reader who has seen number n has seen everything up to n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from storage.clients import HOLDS
from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from storage.database import Database

EVENTS_A_PAGE_MAX = 500
DOSSIERS_A_PAGE_MAX = 200


class Dossier(Struct, frozen=True, kw_only=True):
    """One dossier as the journal keeps it. Times are microseconds since 1970 UTC.

    `statement` is the signed receipt (or, for a refused one, the signed notice), kept to the byte. `report` is the
    verdicts and findings as JSON. A dossier refused at once has no place in the vault: its bytes were not kept. One
    that was received and had to wait for its judgement holds a receipt, and, when it has been judged, `judgement`: the
    second signed statement, which names the receipt. Once erased, it has no key, and its report and whatever quotes
    persons are gone.
    """

    id: str
    seq: int
    state: str
    sha256: bytes
    size_bytes: int
    channel: str
    procedure: str
    procedure_version: str
    unit: str
    tax_code: str
    period: str
    batch: int
    follows: str | None
    submitter: str
    received_at_us: int
    due_at_us: int | None
    competent_office: str
    statement_number: str
    statement: str
    report: str
    pack: str | None
    pack_offset: int | None
    pack_length: int | None
    wrapped_key: bytes | None
    media_type: str = "application/xml"
    judgement_number: str | None = None
    judgement: str | None = None
    judged_at_us: int | None = None
    erased_at_us: int | None = None
    # '' for a filing of its own; 'supplement' or 'withdrawal' for what was sent about the dossier `about`.
    purpose: str = ""
    about: str | None = None


class Part(Struct, frozen=True, kw_only=True):
    """One file inside a dossier, as it was named in the envelope; `sha256` is of its decoded bytes."""

    dossier: str
    number: int
    form: str
    name: str
    kind: str
    size_bytes: int
    sha256: bytes


class Event(Struct, frozen=True, kw_only=True):
    """A fact about a dossier, in the past tense, never changed. `detail` is JSON."""

    seq: int
    dossier: str
    type: str
    at_us: int
    actor: str
    detail: str
    unit: str
    submitter: str
    office: str


class LogEntry(Struct, frozen=True):
    """A leaf that waits for the transparency log: the SHA-256 of a signed statement."""

    seq: int
    leaf: bytes


class Turn:
    """The right to number facts, held until the transaction ends."""

    def __init__(self, head: int) -> None:
        self.head = head

    def next(self) -> int:
        """The next number in commit order."""
        self.head += 1
        return self.head


class Scope(Struct, frozen=True, kw_only=True):
    """Whose dossiers a caller may see: its own submissions and, on the day `on`, its units'; or its offices'; or
    everything. Without a day only those units count that the client speaks for on any day.
    """

    client: str = ""
    on: date | None = None
    offices: tuple[str, ...] = ()
    everything: bool = False


def _columns(struct: type[Struct]) -> tuple[str, ...]:
    return struct.__struct_fields__


def _insert(table: str, struct: type[Struct]) -> Statement:
    columns = _columns(struct)
    return Statement(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(':' + name for name in columns)})")  # noqa: S608 - names are ours


_INSERT_DOSSIER = _insert("dossier", Dossier)
_INSERT_PART = _insert("part", Part)
_INSERT_EVENT = _insert("event", Event)
_INSERT_LOG_ENTRY = _insert("log_entry", LogEntry)
_DOSSIER = ", ".join("d." + name for name in _columns(Dossier))
_EVENT = ", ".join("e." + name for name in _columns(Event))


_TAKE_TURN = Statement("UPDATE ordinal SET value = value WHERE name = 'commit' RETURNING value")
_END_TURN = Statement("UPDATE ordinal SET value = :head WHERE name = 'commit'")
_RESERVE = Statement(
    "INSERT INTO ordinal (name, value) VALUES (:name, :count)"
    " ON CONFLICT (name) DO UPDATE SET value = ordinal.value + :count RETURNING value"
)
_IS_ACCEPTED = Statement("SELECT 1 FROM dossier WHERE sha256 = :sha256 AND pack IS NOT NULL")
_SPEAKS_FOR = Statement(
    f"SELECT 1 FROM client_unit WHERE client = :client AND unit = :unit AND {HOLDS} LIMIT 1"  # noqa: S608 - names are ours
)


def _each(rows: Iterable[Struct]) -> list[dict[str, object]]:
    return [msgspec.structs.asdict(row) for row in rows]


def _dossier(row: sa.Row[tuple[object, ...]]) -> Dossier:
    return msgspec.convert(dict(row._mapping), Dossier)  # noqa: SLF001 - SQLAlchemy's public name for it


def take_turn(tx: sa.Connection) -> Turn:
    """Wait for our turn to number facts. Held until `tx` ends; others wait meanwhile, so keep it short."""
    ((head,),) = _TAKE_TURN(tx, {})
    return Turn(head)


def end_turn(tx: sa.Connection, turn: Turn) -> None:
    """Write the last number given. Must be the last statement before the commit of a transaction that took a turn."""
    _END_TURN.many(tx, [{"head": turn.head}])


def head(tx: sa.Connection) -> int:
    """The number of the last committed fact: nothing up to it is missing, now or later."""
    value: int = tx.execute(sa.text("SELECT value FROM ordinal WHERE name = 'commit'")).scalar_one()
    return value


def reserve(tx: sa.Connection, name: str, count: int) -> int:
    """Take `count` numbers of the series `name`; returns the first. A rolled-back transaction gives them back."""
    ((last,),) = _RESERVE(tx, {"name": name, "count": count})
    return int(last) - count + 1


_SAME_CONTENT = sa.text(
    f"SELECT {_DOSSIER} FROM dossier d WHERE d.sha256 IN :digests AND d.pack IS NOT NULL"  # noqa: S608 - names are ours
).bindparams(sa.bindparam("digests", expanding=True))


def accepted(tx: sa.Connection, digests: Sequence[bytes]) -> dict[bytes, Dossier]:
    """The dossiers that were received with these very bytes."""
    found = tx.execute(_SAME_CONTENT, {"digests": list(digests)})
    return {dossier.sha256: dossier for dossier in map(_dossier, found)}


def is_party(tx: sa.Connection, client: str, *, submitter: str, unit: str, on: date | None = None) -> bool:
    """Whether this employer or I-VAN submitted the dossier, or speaks for its unit on that day.

    A submitter stays a party of what it submitted, whatever becomes of its mandate.
    """
    return submitter == client or speaks_for(tx, client, unit, on)


def speaks_for(tx: sa.Connection, client: str, unit: str, on: date | None = None) -> bool:
    """Whether the client is registered for the unit on that day; without a day, whether it is on any day."""
    return bool(_SPEAKS_FOR(tx, {"client": client, "unit": unit, "on": _day(on)}))


def may_speak(database: Database, client: str, unit: str, on: date | None = None) -> bool:
    """The same, looked up by itself."""
    return bool(database.look(_SPEAKS_FOR, {"client": client, "unit": unit, "on": _day(on)}))


def _day(on: date | None) -> str:
    """The day as the register writes it. None holds for no row that has days: whoever forgets the day shows less."""
    return on.isoformat() if on else ""


def is_accepted(database: Database, sha256: bytes) -> bool:
    """Whether these very bytes were received, from whomever; looked up by itself."""
    return bool(database.look(_IS_ACCEPTED, {"sha256": sha256}))


_LAST_BATCH = Statement(
    "SELECT d.batch FROM dossier d WHERE d.unit = :unit AND d.procedure = :procedure AND d.period = :period"
    " AND d.pack IS NOT NULL ORDER BY d.batch DESC LIMIT 1"
)
_SAME_BATCH = Statement(
    "SELECT d.id FROM dossier d WHERE d.unit = :unit AND d.procedure = :procedure AND d.period = :period"
    " AND d.batch = :batch AND d.pack IS NOT NULL AND d.purpose = '' ORDER BY d.seq DESC LIMIT 1"
)


def last_batch(tx: sa.Connection, unit: str, procedure: str, period: str) -> int:
    """The highest batch (đợt) accepted for the unit, procedure and period; 0 when there is none."""
    found = _LAST_BATCH(tx, {"unit": unit, "procedure": procedure, "period": period})
    return int(found[0][0]) if found else 0


def latest_of_batch(tx: sa.Connection, unit: str, procedure: str, period: str, batch: int) -> str | None:
    """The dossier that was last accepted under this unit, procedure, period and batch."""
    found = _SAME_BATCH(tx, {"unit": unit, "procedure": procedure, "period": period, "batch": batch})
    return str(found[0][0]) if found else None


def enter(
    tx: sa.Connection,
    dossiers: Sequence[Dossier],
    parts: Sequence[Part],
    events: Sequence[Event],
    leaves: Sequence[LogEntry],
) -> None:
    """Write a round: dossiers, their parts, their first events and their leaves for the log."""
    for statement, rows in (
        (_INSERT_DOSSIER, dossiers),
        (_INSERT_PART, parts),
        (_INSERT_EVENT, events),
        (_INSERT_LOG_ENTRY, leaves),
    ):
        statement.many(tx, _each(rows))


def record(tx: sa.Connection, events: Sequence[Event], states: Mapping[str, str]) -> None:
    """Append facts, and write the state that follows from them for each dossier named in `states`."""
    _INSERT_EVENT.many(tx, _each(events))
    if states:
        tx.execute(
            sa.text("UPDATE dossier SET state = :state WHERE id = :id"),
            [{"id": dossier, "state": state} for dossier, state in states.items()],
        )


_CONCLUDE = sa.text(
    "UPDATE dossier SET state = :state, report = :report, judgement_number = :number, judgement = :judgement,"
    " judged_at_us = :judged_at_us WHERE id = :id AND state = 'pending'"
)


def conclude(
    tx: sa.Connection, dossier_id: str, *, state: str, report: str, number: str, judgement: str, judged_at_us: int
) -> bool:
    """Write what was judged of a dossier that had to wait; False when it waits no more. Its receipt stays as it is."""
    values = {"state": state, "report": report, "number": number, "judgement": judgement, "judged_at_us": judged_at_us}
    return bool(tx.execute(_CONCLUDE, {"id": dossier_id, **values}).rowcount)


def enter_leaves(tx: sa.Connection, leaves: Sequence[LogEntry]) -> None:
    """Write leaves for the log."""
    _INSERT_LOG_ENTRY.many(tx, _each(leaves))


def _visible(scope: Scope, alias: str) -> tuple[list[str], dict[str, object]]:
    """The SQL conditions (a row is seen if one holds; no row fulfils two), and their values.

    They are kept apart so that each is answered from its own index, in commit order.
    """
    if scope.everything:
        return ["1 = 1"], {}
    if scope.offices:
        if alias == "d":
            # What is refused, or not judged yet, is no office's; nor what was withdrawn before it was judged.
            judged = "(d.state <> 'withdrawn' OR EXISTS (SELECT 1 FROM work w WHERE w.dossier = d.id))"
            seen = f"d.competent_office IN :offices AND d.state NOT IN ('refused', 'pending') AND {judged}"
            return [seen], {"offices": list(scope.offices)}
        return ["e.office IN :offices"], {"offices": list(scope.offices)}
    own = f"{alias}.submitter = :client"
    spoken_for = f"SELECT unit FROM client_unit WHERE client = :client AND {HOLDS}"  # noqa: S608 - names are ours
    units = f"{alias}.unit IN ({spoken_for}) AND {alias}.submitter <> :client"
    return [own, units], {"client": scope.client, "on": _day(scope.on)}


def _select(sql: str, values: Mapping[str, object]) -> sa.TextClause:
    statement = sa.text(sql)
    if "offices" in values:
        statement = statement.bindparams(sa.bindparam("offices", expanding=True))
    return statement


def _page(columns: str, source: str, conditions: Sequence[str], further: str) -> str:
    """The first `limit` rows after `after` under any of the conditions, in commit order."""
    alias = source[-1]
    branches = [
        f"SELECT {columns} FROM {source} WHERE {alias}.seq > :after AND {condition}{further}"  # noqa: S608 - names are ours
        f" ORDER BY {alias}.seq LIMIT :limit"
        for condition in conditions
    ]
    if len(branches) == 1:
        return branches[0]
    joined = " UNION ALL ".join(f"SELECT * FROM ({branch}) AS b{n}" for n, branch in enumerate(branches))  # noqa: S608
    return f"SELECT * FROM ({joined}) AS p ORDER BY seq LIMIT :limit"  # noqa: S608


def dossier(tx: sa.Connection, dossier_id: str, scope: Scope) -> Dossier | None:
    """The dossier, if it exists and the caller may see it. An office does not see what was refused."""
    conditions, values = _visible(scope, "d")
    seen = " OR ".join(f"({condition})" for condition in conditions)
    sql = f"SELECT {_DOSSIER} FROM dossier d WHERE d.id = :id AND ({seen})"  # noqa: S608 - names are ours
    row = tx.execute(_select(sql, values), {"id": dossier_id, **values}).first()
    return _dossier(row) if row else None


def refusals(tx: sa.Connection, sha256: bytes, scope: Scope) -> list[Dossier]:
    """Every time that these bytes were refused to a caller who may see it, the latest first."""
    conditions, values = _visible(scope, "d")
    seen = " OR ".join(f"({condition})" for condition in conditions)
    sql = (
        f"SELECT {_DOSSIER} FROM dossier d WHERE d.sha256 = :sha256 AND d.pack IS NULL"  # noqa: S608 - names are ours
        f" AND ({seen}) ORDER BY d.seq DESC LIMIT {DOSSIERS_A_PAGE_MAX}"
    )
    return [_dossier(row) for row in tx.execute(_select(sql, values), {"sha256": sha256, **values})]


def parts(tx: sa.Connection, dossier_id: str) -> list[Part]:
    """The files inside a dossier, in the envelope's order."""
    rows = tx.execute(
        sa.text(f"SELECT {', '.join(_columns(Part))} FROM part WHERE dossier = :dossier ORDER BY number"),  # noqa: S608 - names are ours
        {"dossier": dossier_id},
    )
    return [msgspec.convert(dict(row._mapping), Part) for row in rows]  # noqa: SLF001


class Filter(Struct, frozen=True, kw_only=True):
    """What a caller asks to see of its dossiers; what is unset is not asked."""

    unit: str | UnsetType = UNSET
    procedure: str | UnsetType = UNSET
    period: str | UnsetType = UNSET
    state: str | UnsetType = UNSET


def dossiers(tx: sa.Connection, scope: Scope, asked: Filter, after: int, limit: int) -> list[Dossier]:
    """A page of what the caller may see, in commit order, after number `after`."""
    conditions, values = _visible(scope, "d")
    further = ""
    for name, value in msgspec.structs.asdict(asked).items():
        if value is not UNSET:
            further += f" AND d.{name} = :{name}"
            values[name] = value
    values |= {"after": after, "limit": min(limit, DOSSIERS_A_PAGE_MAX)}
    rows = tx.execute(_select(_page(_DOSSIER, "dossier d", conditions, further), values), values)
    return [_dossier(row) for row in rows]


def events(tx: sa.Connection, scope: Scope, after: int, dossier_id: str | None = None) -> list[Event]:
    """A page of the facts that the caller may see, in commit order, after number `after`."""
    conditions, values = _visible(scope, "e")
    further = ""
    if dossier_id is not None:
        further = " AND e.dossier = :dossier"
        values["dossier"] = dossier_id
    values |= {"after": after, "limit": EVENTS_A_PAGE_MAX}
    rows = tx.execute(_select(_page(_EVENT, "event e", conditions, further), values), values)
    return [msgspec.convert(dict(row._mapping), Event) for row in rows]  # noqa: SLF001
