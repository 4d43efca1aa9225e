"""What falls due, what lies uncollected, and how long finished dossiers took: looks over open and ended courses.

Every function takes the open transaction `tx` and never commits. Whoever writes warnings holds the turn and looks in
the same transaction, so that two never warn of the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.courses import Pause

# So many of the latest ended dossiers are looked through for an estimate, and so many of them are used at most.
LOOKED_THROUGH_MAX: Final = 20_000
USED_MAX: Final = 1000

# Where an office has something to do. While a supplement is awaited it has not.
_OPEN = "d.state IN ('accepted', 'awaiting-paper', 'acknowledged', 'in-work')"
_IN_FORCE = "COALESCE(c.appointed_at_us, c.due_at_us)"
_WATCHED = "c.ended_at_us IS NULL AND c.paused_since_us IS NULL"


class Falling(Struct, frozen=True, kw_only=True):
    """An open dossier and the due date that binds its office (microseconds since 1970 UTC); the last warning given."""

    dossier: str
    office: str
    unit: str
    submitter: str
    due_at_us: int
    warned: str


class Unworked(Struct, frozen=True, kw_only=True):
    """Work that its office has not acknowledged and that has no course yet."""

    dossier: str
    office: str
    due_at_us: int
    offered_at_us: int


class Heap(Struct, frozen=True):
    """How much lies with an office, and the instant of the oldest of it."""

    office: str
    count: int
    since_us: int


class Finished(Struct, frozen=True):
    """When a dossier was received and its result reported, and the waits for a supplement between."""

    received_at_us: int
    finished_at_us: int
    pauses: tuple[Pause, ...]


_FALLING = sa.text(
    f"SELECT c.dossier, c.office, d.unit, d.submitter, {_IN_FORCE} AS due_at_us, c.warned"  # noqa: S608 - words are ours
    f" FROM course c JOIN dossier d ON d.id = c.dossier WHERE {_WATCHED} AND {_IN_FORCE} > :after"
    f" AND {_IN_FORCE} <= :until AND c.warned NOT IN :warned AND {_OPEN} ORDER BY {_IN_FORCE} LIMIT :most"
).bindparams(sa.bindparam("warned", expanding=True))
_UNWORKED = sa.text(
    "SELECT w.dossier, w.office, w.due_at_us, w.offered_at_us FROM work w JOIN dossier d ON d.id = w.dossier"  # noqa: S608 - words are ours
    " WHERE w.state <> 'done' AND w.due_at_us <= :until"
    f" AND NOT EXISTS (SELECT 1 FROM course c WHERE c.dossier = w.dossier) AND {_OPEN}"
    " ORDER BY w.due_at_us LIMIT :most"
)
_WARN = sa.text("UPDATE course SET warned = :warned WHERE dossier = :dossier")
_UNCOLLECTED = sa.text(
    "SELECT office, count(*), min(offered_at_us) FROM work"
    # SQLite takes the index of open work only where its own condition is said.
    " WHERE state <> 'done' AND state = 'offered' AND offered_at_us <= :before GROUP BY office ORDER BY office"
)
_OVERDUE = sa.text(
    f"SELECT c.office, count(*), min({_IN_FORCE}) FROM course c JOIN dossier d ON d.id = c.dossier"  # noqa: S608 - words are ours
    f" WHERE {_WATCHED} AND {_IN_FORCE} < :now AND {_OPEN} GROUP BY c.office ORDER BY c.office"
)
_SOUNDING = sa.text("SELECT subject, next_step_vi, next_step_en FROM alarm WHERE rule = :rule AND closed_at_us IS NULL")
_RETELL = sa.text(
    "UPDATE alarm SET next_step_vi = :vi, next_step_en = :en"
    " WHERE rule = :rule AND subject = :subject AND closed_at_us IS NULL"
)


def falling(tx: sa.Connection, after_us: int, until_us: int, warned: Sequence[str], most: int) -> list[Falling]:
    """Open dossiers that fall due after the one instant and by the other, that were not warned of in one of these ways;
    the earliest first.
    """
    values = {"after": after_us, "until": until_us, "warned": list(warned), "most": most}
    return [msgspec.convert(dict(row._mapping), Falling) for row in tx.execute(_FALLING, values)]  # noqa: SLF001


def unworked(tx: sa.Connection, until_us: int, most: int) -> list[Unworked]:
    """Work due by that instant that nobody has acknowledged and that has no course yet; the earliest first."""
    rows = tx.execute(_UNWORKED, {"until": until_us, "most": most})
    return [msgspec.convert(dict(row._mapping), Unworked) for row in rows]  # noqa: SLF001


def warn(tx: sa.Connection, dossiers: Sequence[str], warned: str) -> None:
    """Write that these were warned of in that way."""
    if dossiers:
        tx.execute(_WARN, [{"dossier": dossier, "warned": warned} for dossier in dossiers])


def uncollected(tx: sa.Connection, before_us: int) -> list[Heap]:
    """What each office has not collected though it was offered by that instant."""
    return [Heap(*row) for row in tx.execute(_UNCOLLECTED, {"before": before_us})]


def overdue(tx: sa.Connection, now_us: int) -> list[Heap]:
    """What each office has still to do though the date that binds it is past; the oldest date beside."""
    return [Heap(*row) for row in tx.execute(_OVERDUE, {"now": now_us})]


def sounding(tx: sa.Connection, rule: str) -> dict[str, tuple[str, str]]:
    """The subjects of this rule's open alarms, and what each says is to be done (Vietnamese, English)."""
    return {subject: (vi, en) for subject, vi, en in tx.execute(_SOUNDING, {"rule": rule})}


def retell(tx: sa.Connection, rule: str, subject: str, next_step_vi: str, next_step_en: str) -> None:
    """Say in an open alarm how things stand now."""
    tx.execute(_RETELL, {"rule": rule, "subject": subject, "vi": next_step_vi, "en": next_step_en})


def finished(tx: sa.Connection, *, office: str = "", procedure: str = "", since_us: int) -> list[Finished]:
    """Dossiers whose result was reported since that instant, the latest first: of this office, of this procedure, or
    both. At most `USED_MAX`, from the latest `LOOKED_THROUGH_MAX` of the office (or of all).
    """
    of_office = " AND office = :office" if office else ""
    of_procedure = " AND d.procedure = :procedure" if procedure else ""
    sql = (
        "SELECT d.received_at_us, c.finished_at_us, c.pauses FROM (SELECT dossier, finished_at_us, pauses FROM course"  # noqa: S608 - words are ours
        f" WHERE finished_at_us IS NOT NULL AND finished_at_us >= :since{of_office}"
        " ORDER BY finished_at_us DESC LIMIT :through) c JOIN dossier d ON d.id = c.dossier"
        f" WHERE d.purpose = ''{of_procedure} ORDER BY c.finished_at_us DESC LIMIT :most"
    )
    values: dict[str, object] = {"since": since_us, "through": LOOKED_THROUGH_MAX, "most": USED_MAX}
    values |= ({"office": office} if office else {}) | ({"procedure": procedure} if procedure else {})
    return [
        Finished(received, ended, msgspec.json.decode(pauses, type=tuple[tuple[int, int], ...]))
        for received, ended, pauses in tx.execute(sa.text(sql), values)
    ]
