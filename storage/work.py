"""Work for the offices: offered, leased for a time, acknowledged; offered again when its holder falls silent.

Every function takes the open transaction `tx` and never commits; those that change something are called by a
transaction that holds its turn (`journal.take_turn`), so two callers never take the same work. A lease is known by its
own id, given afresh each time (fencing): a holder whose lease ended cannot acknowledge what another holds now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


_COLUMNS = ", ".join(Work.__struct_fields__)
_INSERT = Statement(
    f"INSERT INTO work ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Work.__struct_fields__)})"  # noqa: S608 - names are ours
)
_OFFERED = sa.text(
    f"SELECT {_COLUMNS} FROM work WHERE office = :office AND state = 'offered' ORDER BY offered_seq LIMIT :most"  # noqa: S608 - names are ours
)
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


def lease(
    tx: sa.Connection, office: str, holder: str, most: int, until_us: int, new_lease: Callable[[], str]
) -> list[Work]:
    """Give at most `most` pieces of offered work to the holder until `until_us`, the oldest first."""
    given = [
        msgspec.structs.replace(
            _work(row),
            state="leased",
            attempt=row.attempt + 1,
            lease=new_lease(),
            holder=holder,
            lease_until_us=until_us,
        )
        for row in tx.execute(_OFFERED, {"office": office, "most": most})
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


def is_any_offered(tx: sa.Connection, office: str) -> bool:
    """Whether the office would be given work now; asked without taking a turn."""
    return tx.execute(_OFFERED, {"office": office, "most": 1}).first() is not None


def complete_until(tx: sa.Connection, office: str, head: int) -> int:
    """The mark up to which nothing is missing: all work committed up to it has been handed to the office's holders.

    It follows commit order and stands just before the oldest work that is still offered, else at the last committed
    fact. Work on the dead list does not hold it back: it is reported by an alarm.
    """
    oldest: int | None = tx.execute(
        sa.text("SELECT min(offered_seq) FROM work WHERE office = :office AND state = 'offered'"), {"office": office}
    ).scalar()
    return head if oldest is None else oldest - 1


def dead(tx: sa.Connection, office: str) -> list[Work]:
    """The office's dead list, the oldest first."""
    rows = tx.execute(
        sa.text(f"SELECT {_COLUMNS} FROM work WHERE office = :office AND state = 'dead' ORDER BY offered_seq"),  # noqa: S608 - names are ours
        {"office": office},
    )
    return [_work(row) for row in rows]
