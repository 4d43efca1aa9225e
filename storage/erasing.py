"""Erasure in the journal: the key to a dossier's content is forgotten, and whatever quotes persons is cleared.

Every function takes the open transaction `tx` and never commits. The row stays, with its number, its digest and its
place: what was received, and when, can be proved as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage import announcements, documents, mailroom_erasing, originals, outbound, same_cases

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from storage.database import Database

CANDIDATES_A_PAGE_MAX: Final = 500
# What is kept of a dossier beside its row: keys are forgotten, and what may name a person is cleared.
_BESIDE: Final = (
    documents.forget_keys,
    mailroom_erasing.forget_keys,
    originals.forget_names,
    outbound.forget_addresses,
    same_cases.forget_reasons,
    announcements.forget,
)


class Ended(Struct, frozen=True, kw_only=True):
    """A dossier that is kept still. `ended_at_us` is when the last of the ending facts came; None: it is under way.

    `work` is the state of its work (`storage.work`), None where it is nobody's.
    """

    id: str
    seq: int
    state: str
    statement_number: str
    procedure: str
    unit: str
    received_at_us: int
    ended_at_us: int | None
    work: str | None


_FIELDS = (
    "d.id, d.seq, d.state, d.statement_number, d.procedure, d.unit, d.received_at_us,"
    " (SELECT max(e.at_us) FROM event e WHERE e.dossier = d.id AND e.type IN :facts) AS ended_at_us, w.state AS work"
)
_FROM = "FROM dossier d LEFT JOIN work w ON w.dossier = d.id"
_ENDED = sa.text(
    f"SELECT {_FIELDS} {_FROM} WHERE d.state IN :states AND d.erased_at_us IS NULL AND d.seq > :after"
    " AND d.received_at_us <= :before ORDER BY d.seq LIMIT :limit"
).bindparams(sa.bindparam("facts", expanding=True), sa.bindparam("states", expanding=True))
_ONE = sa.text(f"SELECT {_FIELDS} {_FROM} WHERE d.id = :id").bindparams(sa.bindparam("facts", expanding=True))
_NAMED = sa.text("SELECT id FROM dossier WHERE id = :name OR statement_number = :name")
_FORGET = sa.text(
    "UPDATE dossier SET wrapped_key = NULL, report = :report, statement = :statement, judgement = :judgement,"
    " erased_at_us = :at WHERE id = :id AND erased_at_us IS NULL"
)
# What was refused at once says of itself whatever it likes, also where a period should stand.
_CLEAR_SAID = sa.text("UPDATE dossier SET procedure = '', period = '' WHERE id = :id AND pack IS NULL")
_CLEAR_WHY = sa.text("UPDATE reading SET why = '' WHERE dossier = :id AND why NOT IN :plain").bindparams(
    sa.bindparam("plain", expanding=True)
)
_CLEAR_PARTS = sa.text("UPDATE part SET name = '' WHERE dossier = :id AND name <> ''")
_CLEAR_RESULTS = sa.text("UPDATE result SET name = '' WHERE dossier = :id AND name <> ''")
_CLEAR_CERTIFICATES = sa.text("DELETE FROM dossier_certificate WHERE dossier = :id")
_DETAILS = sa.text("SELECT seq, detail FROM event WHERE dossier = :id ORDER BY seq")
_CLEAR_DETAIL = sa.text("UPDATE event SET detail = :detail WHERE seq = :seq")


def ended(
    tx: sa.Connection, states: Collection[str], facts: Collection[str], before_us: int, after: int
) -> list[Ended]:
    """A page of dossiers in those states, received by `before_us` and not erased, in commit order after `after`."""
    values = {"states": sorted(states), "facts": sorted(facts), "before": before_us, "after": after}
    return [_ended(row) for row in tx.execute(_ENDED, values | {"limit": CANDIDATES_A_PAGE_MAX})]


def one(tx: sa.Connection, dossier: str, facts: Collection[str]) -> Ended | None:
    """The same about one dossier, whatever its state, erased or not."""
    row = tx.execute(_ONE, {"id": dossier, "facts": sorted(facts)}).first()
    return _ended(row) if row else None


def named(tx: sa.Connection, name: str) -> str | None:
    """The id of the dossier of that id, or of that receipt's or notice's number."""
    found: str | None = tx.execute(_NAMED, {"name": name}).scalar()
    return found


def forget(
    tx: sa.Connection,
    dossier: str,
    *,
    report: str,
    statement: str,
    judgement: str | None,
    free_text: Sequence[str],
    plain_reasons: Sequence[str],
    at_us: int,
) -> bool:
    """Forget the keys to content and documents, and put these texts in the place of those that quote persons.

    The members `free_text` of the facts' details are emptied, and the reasons of its readers but for `plain_reasons`,
    which nobody wrote; which certificates signed is forgotten. Where `statement` is empty, because it quoted what was
    refused, so is what else the row quotes of it. False when it was erased already: then nothing is changed.
    """
    values = {"id": dossier, "report": report, "statement": statement, "judgement": judgement, "at": at_us}
    if not tx.execute(_FORGET, values).rowcount:
        return False
    for forget_of in _BESIDE:
        forget_of(tx, dossier)
    if not statement:
        tx.execute(_CLEAR_SAID, {"id": dossier})
    tx.execute(_CLEAR_WHY, {"id": dossier, "plain": list(plain_reasons)})
    tx.execute(_CLEAR_PARTS, {"id": dossier})
    tx.execute(_CLEAR_RESULTS, {"id": dossier})
    tx.execute(_CLEAR_CERTIFICATES, {"id": dossier})
    for seq, detail in tx.execute(_DETAILS, {"id": dossier}).all():
        told = msgspec.json.decode(detail)
        if any(told.get(name) for name in free_text):
            cleared = {name: "" if name in free_text else value for name, value in told.items()}
            tx.execute(_CLEAR_DETAIL, {"seq": seq, "detail": msgspec.json.encode(cleared).decode()})
    return True


def _ended(row: sa.Row[tuple[object, ...]]) -> Ended:
    return msgspec.convert(dict(row._mapping), Ended)  # noqa: SLF001 - SQLAlchemy's public name for it


def leave_no_copy(database: Database) -> bool:
    """Wipe what may be left of replaced rows, as far as the database lets us: whether none is left in its files.

    SQLite: deleted bytes are overwritten in its pages (`secure_delete`), and its write-ahead log is folded in and
    emptied here; a reader that looks at an older state keeps it from being so: then trying again later helps.
    PostgreSQL keeps replaced rows until it vacuums, and longer in its log and its copies: this returns False.
    """
    if database.dialect != "sqlite":
        return False
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
