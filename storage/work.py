"""Work for the offices: offered, leased for a time, acknowledged; offered again when its holder falls silent.

Every function takes the open transaction `tx` and never commits; those that change something are called by a
transaction that holds its turn (`journal.take_turn`), so two callers never take the same work. A lease is known by its
own id, given afresh each time (fencing): a holder whose lease ended cannot acknowledge what another holds now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Work that was leased so often without an acknowledgement goes to the dead list.
ATTEMPTS_MAX = 5
SWEEP_MAX = 500


class LeaseLost(Exception):
    """The lease has expired, was never given, or its work is already done. Trying again changes nothing."""


class Work(Struct, frozen=True, kw_only=True):
    """One dossier that waits for, or is held by, its office. States: offered, leased, done, dead."""

    dossier: str
    offered_seq: int
    office: str
    state: str
    due_at_us: int | None
    attempt: int
    lease: str | None
    holder: str | None
    lease_until_us: int | None
    unit: str = ""
    procedure: str = ""
    offered_at_us: int = 0


class Choice(Struct, frozen=True, kw_only=True):
    """Which work of its office a holder asks for, and in which order.

    `procedures`: only these, all if there are none. `first`: `offered`, the oldest first, or `due`, what is due first.
    `unit_order`: of each employer only the oldest that is open, so that nobody works on a later dossier of a unit while
    an earlier one waits or is in another's hand; other units' work goes on. What is on the dead list holds nothing up.
    """

    procedures: tuple[str, ...] = ()
    first: Literal["offered", "due"] = "offered"
    unit_order: bool = False


ANY_WORK = Choice()


_COLUMNS = ", ".join(Work.__struct_fields__)
_INSERT = Statement(
    f"INSERT INTO work ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Work.__struct_fields__)})"  # noqa: S608 - names are ours
)
# "<> 'done'" is said as the index says it: SQLite takes it for no other reason.
_OFFERED = "FROM work w WHERE w.office = :office AND w.state = 'offered' AND w.state <> 'done'"
_OF_PROCEDURES = " AND w.procedure IN :procedures"
_IN_UNIT_ORDER = (
    " AND (w.unit = '' OR NOT EXISTS (SELECT 1 FROM work e WHERE e.office = w.office AND e.unit = w.unit"
    " AND e.offered_seq < w.offered_seq AND e.state <> 'done'"
    " AND (e.state = 'offered' OR (e.state = 'leased' AND e.holder <> :holder))))"
)
_ORDERS = {"offered": "w.offered_seq", "due": "w.due_at_us IS NULL, w.due_at_us, w.offered_seq"}
_GIVE = sa.text(
    "UPDATE work SET state = 'leased', attempt = :attempt, lease = :lease, holder = :holder, lease_until_us = :until"
    " WHERE dossier = :dossier"
)
_BY_LEASE = sa.text(
    f"SELECT {_COLUMNS} FROM work WHERE lease = :lease AND holder = :holder AND state = 'leased'"  # noqa: S608 - names are ours
)
_SILENT = sa.text(
    f"SELECT {_COLUMNS} FROM work WHERE state = 'leased' AND lease_until_us <= :now ORDER BY lease_until_us LIMIT :most"  # noqa: S608 - names are ours
)
_PUT_BACK = sa.text(
    "UPDATE work SET state = :state, lease = NULL, holder = NULL, lease_until_us = NULL WHERE dossier = :dossier"
)


def _work(row: sa.Row[tuple[object, ...]]) -> Work:
    return msgspec.convert(dict(row._mapping), Work)  # noqa: SLF001 - SQLAlchemy's public name for it


def offer(tx: sa.Connection, works: Sequence[Work]) -> None:
    """Put new work before its office."""
    _INSERT.many(tx, [msgspec.structs.asdict(work) for work in works])


def _chosen(what: str, choice: Choice, then: str = "") -> tuple[sa.TextClause, dict[str, object]]:
    """The office's offered work of that choice, and the values that its statement needs beside office and holder."""
    sql, values = f"SELECT {what} {_OFFERED}", dict[str, object]()
    if choice.procedures:
        sql, values = sql + _OF_PROCEDURES, {"procedures": list(choice.procedures)}
    if choice.unit_order:
        sql += _IN_UNIT_ORDER
    statement = sa.text(sql + then)
    return (statement.bindparams(sa.bindparam("procedures", expanding=True)) if values else statement), values


def lease(
    tx: sa.Connection,
    office: str,
    holder: str,
    most: int,
    until_us: int,
    new_lease: Callable[[], str],
    choice: Choice = ANY_WORK,
) -> list[Work]:
    """Give at most `most` pieces of offered work to the holder until `until_us`, in the order that it chose."""
    columns = ", ".join("w." + name for name in Work.__struct_fields__)
    offered, values = _chosen(columns, choice, f" ORDER BY {_ORDERS[choice.first]} LIMIT :most")
    values |= {"office": office, "most": most} | ({"holder": holder} if choice.unit_order else {})
    given = [
        msgspec.structs.replace(
            _work(row),
            state="leased",
            attempt=row.attempt + 1,
            lease=new_lease(),
            holder=holder,
            lease_until_us=until_us,
        )
        for row in tx.execute(offered, values)
    ]
    if given:
        tx.execute(
            _GIVE,
            [
                {"dossier": w.dossier, "attempt": w.attempt, "lease": w.lease, "holder": holder, "until": until_us}
                for w in given
            ],
        )
    return given


def held(tx: sa.Connection, lease_id: str, holder: str, now_us: int) -> Work:
    """The work behind a lease that still runs and belongs to this holder. Raises `LeaseLost`."""
    row = tx.execute(_BY_LEASE, {"lease": lease_id, "holder": holder}).first()
    if row is None:
        raise LeaseLost(lease_id)
    found = _work(row)
    if found.lease_until_us is None or found.lease_until_us <= now_us:
        raise LeaseLost(lease_id)
    return found


def extend(tx: sa.Connection, work: Work, until_us: int) -> None:
    """Move the end of a running lease."""
    tx.execute(
        sa.text("UPDATE work SET lease_until_us = :until WHERE dossier = :dossier"),
        {"until": until_us, "dossier": work.dossier},
    )


def finish(tx: sa.Connection, work: Work) -> None:
    """The office has taken the dossier over. The lease id stays, so that a repeated acknowledgement is recognised."""
    tx.execute(sa.text("UPDATE work SET state = 'done' WHERE dossier = :dossier"), {"dossier": work.dossier})


def finished_under(tx: sa.Connection, lease_id: str, holder: str) -> Work | None:
    """The work that was acknowledged under this very lease: the answer to a repeated acknowledgement."""
    row = tx.execute(
        sa.text(f"SELECT {_COLUMNS} FROM work WHERE lease = :lease AND holder = :holder AND state = 'done'"),  # noqa: S608 - names are ours
        {"lease": lease_id, "holder": holder},
    ).first()
    return _work(row) if row else None


def put_back(tx: sa.Connection, work: Work) -> str:
    """Offer work again, or, when it has failed too often, put it on the dead list. Returns the state it has now."""
    state = "dead" if work.attempt >= ATTEMPTS_MAX else "offered"
    tx.execute(_PUT_BACK, {"state": state, "dossier": work.dossier})
    return state


def revive(tx: sa.Connection, dossier: str) -> bool:
    """Take work off the dead list and offer it again, its attempts counted afresh; False when it is not dead."""
    changed = tx.execute(
        sa.text(
            "UPDATE work SET state = 'offered', attempt = 0 WHERE dossier = :dossier AND state = 'dead'"
            " RETURNING dossier"
        ),
        {"dossier": dossier},
    ).first()
    return changed is not None


def silent(tx: sa.Connection, now_us: int) -> list[Work]:
    """Leased work whose holder let the lease run out, the longest silent first, at most `SWEEP_MAX`."""
    return [_work(row) for row in tx.execute(_SILENT, {"now": now_us, "most": SWEEP_MAX})]


def is_any_silent(tx: sa.Connection, now_us: int) -> bool:
    """Whether a sweep would find something; asked without taking a turn."""
    return tx.execute(_SILENT, {"now": now_us, "most": 1}).first() is not None


def is_any_offered(tx: sa.Connection, office: str, holder: str = "", choice: Choice = ANY_WORK) -> bool:
    """Whether the office's holder would be given work now; asked without taking a turn."""
    offered, values = _chosen("1", choice, " LIMIT 1")
    values |= {"office": office} | ({"holder": holder} if choice.unit_order else {})
    return tx.execute(offered, values).first() is not None


def complete_until(tx: sa.Connection, office: str, head: int, procedures: tuple[str, ...] = ()) -> int:
    """The mark up to which nothing is missing: all work (of these procedures, if any are named) that was committed up
    to it has been handed to the office's holders.

    It follows commit order and stands just before the oldest work that is still offered, else at the last committed
    fact. Work on the dead list does not hold it back: it is reported by an alarm.
    """
    offered, values = _chosen("min(w.offered_seq)", Choice(procedures=procedures))
    oldest: int | None = tx.execute(offered, values | {"office": office}).scalar()
    return head if oldest is None else oldest - 1


def find(tx: sa.Connection, dossier: str) -> Work | None:
    """The work that the dossier is, if it is any office's."""
    row = tx.execute(sa.text(f"SELECT {_COLUMNS} FROM work WHERE dossier = :dossier"), {"dossier": dossier}).first()  # noqa: S608 - names are ours
    return _work(row) if row else None


def end(tx: sa.Connection, dossier: str) -> None:
    """There is nothing left to do about it: whoever holds it has lost its lease, and nobody is offered it again."""
    tx.execute(
        sa.text(
            "UPDATE work SET state = 'done', lease = NULL, holder = NULL, lease_until_us = NULL"
            " WHERE dossier = :dossier AND state <> 'done'"
        ),
        {"dossier": dossier},
    )


_MOVE = sa.text(
    "UPDATE work SET state = 'offered', office = :office, offered_seq = :seq, offered_at_us = :at, due_at_us = :due,"
    " attempt = 0, lease = NULL, holder = NULL, lease_until_us = NULL WHERE dossier = :dossier"
)
_PROMISE = sa.text("UPDATE work SET due_at_us = :due_at_us WHERE dossier = :dossier")
_LISTED = sa.text(
    f"SELECT {_COLUMNS} FROM work WHERE office = :office AND state <> 'done' AND state IN :states"  # noqa: S608 - names are ours
    " AND offered_seq > :after ORDER BY offered_seq LIMIT :most"
).bindparams(sa.bindparam("states", expanding=True))


def promise(tx: sa.Connection, dossier: str, due_at_us: int | None) -> None:
    """The work is due then, from now on."""
    tx.execute(_PROMISE, {"dossier": dossier, "due_at_us": due_at_us})


def move(tx: sa.Connection, dossier: str, office: str, *, seq: int, at_us: int, due_at_us: int | None) -> None:
    """Offer the dossier to another office, with fact number `seq`; whoever holds it has lost its lease."""
    tx.execute(_MOVE, {"dossier": dossier, "office": office, "seq": seq, "at": at_us, "due": due_at_us})


def listed(tx: sa.Connection, office: str, states: Sequence[str], after: int, most: int = SWEEP_MAX) -> list[Work]:
    """The office's work in these states (never what is done), in the order it was offered, after number `after`."""
    rows = tx.execute(_LISTED, {"office": office, "states": list(states), "after": after, "most": most})
    return [_work(row) for row in rows]
