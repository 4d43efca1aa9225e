"""Announcements: paper that is to come, with the data that it will say.

Every function takes the open transaction `tx` and never commits. The content of an announced dossier is in the vault,
under its own key, before its row is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement
from storage.vault import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ANNOUNCED = "announced"
FILED = "filed"
CANCELLED = "cancelled"


class AlreadyAnnounced(Exception):
    """A dossier with the same content is announced, or has come. Trying again helps only once that one is cancelled."""

    def __init__(self, dossier: str, announcement: str, client: str) -> None:
        super().__init__(dossier)
        self.dossier, self.announcement, self.client = dossier, announcement, client


class Announcement(Struct, frozen=True, kw_only=True):
    """What a client told of paper that is to come.

    `office` is the mail room that it is to be sent to, `sha256` of the request. `carrier` is who will bring it, or ''.
    `return_to` is where originals and results go back to (JSON), or ''. Times are microseconds since 1970 UTC.
    """

    id: str
    client: str
    role: str
    office: str
    made_at_us: int
    sha256: bytes
    carrier: str = ""
    return_to: str = ""
    cancelled_at_us: int | None = None
    cancelled_by: str | None = None


class Announced(Struct, frozen=True, kw_only=True):
    """One dossier of an announcement, by its number from 1.

    `id` is what its dossier will be called, `sha256` and `size_bytes` are of its content, which `wrapped_key` opens;
    None once it is forgotten. `half_of` is the dossier whose paper half it is, or ''; `hybrid` is 1 when an electronic
    half belongs to it. `pieces` and `printed` are JSON lists: what is to be put in, and what we print. `digest` is of
    all that the cover sheet stands for, `code` what its QR says. `findings` (JSON) are the warnings, which go with
    the key. `state` is announced, filed or cancelled.
    """

    id: str
    announcement: str
    number: int
    unit: str
    tax_code: str
    procedure: str
    period: str
    batch: int | None
    half_of: str
    hybrid: int
    competent_office: str
    sha256: bytes
    size_bytes: int
    media_type: str
    pack: str
    pack_offset: int
    pack_length: int
    wrapped_key: bytes | None
    pieces: str
    printed: str
    digest: bytes
    code: str
    findings: str = "[]"
    state: str
    state_at_us: int

    @property
    def place(self) -> Place:
        """Where the locked content lies."""
        return Place(self.pack, self.pack_offset, self.pack_length)


def _insert(table: str, fields: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(fields)}) VALUES ({', '.join(':' + name for name in fields)})"  # noqa: S608 - names are ours


_ONE = Announcement.__struct_fields__
_ROW = Announced.__struct_fields__
_ENTER = Statement(_insert("announcement", _ONE) + " ON CONFLICT DO NOTHING RETURNING id")
_ENTER_ROW = Statement(_insert("announced", _ROW) + " ON CONFLICT DO NOTHING RETURNING id")
_FIND = Statement(f"SELECT {', '.join(_ONE)} FROM announcement WHERE id = :id")  # noqa: S608 - names are ours
_BY_CONTENT = Statement(
    f"SELECT {', '.join(_ONE)} FROM announcement"  # noqa: S608 - names are ours
    " WHERE client = :client AND sha256 = :sha256 AND cancelled_at_us IS NULL"
)
# What was cancelled may be announced again, so several rows may bear one id; one of them counts.
_ANNOUNCED = Statement(
    f"SELECT {', '.join(_ROW)} FROM announced WHERE id = :id"  # noqa: S608 - names are ours
    " ORDER BY CASE state WHEN 'cancelled' THEN 1 ELSE 0 END, state_at_us DESC, announcement LIMIT 1"
)
_OF = Statement(f"SELECT {', '.join(_ROW)} FROM announced WHERE announcement = :id ORDER BY number")  # noqa: S608 - names are ours
_HALVES = Statement(
    f"SELECT {', '.join(_ROW)} FROM announced"  # noqa: S608 - names are ours
    " WHERE half_of = :dossier AND state <> 'cancelled' ORDER BY announcement, number"
)
_OWNER = Statement("SELECT client FROM announcement WHERE id = :id")
_FORGET = Statement(
    "UPDATE announced SET pieces = '[]', printed = '[]', findings = '[]', wrapped_key = NULL WHERE id = :id"
    " RETURNING id"
)
_FORGET_ADDRESS = Statement(
    "UPDATE announcement SET return_to = '' WHERE id IN (SELECT announcement FROM announced WHERE id = :id)"
    " AND NOT EXISTS (SELECT 1 FROM announced a JOIN dossier d ON d.id = a.id"
    " WHERE a.announcement = announcement.id AND a.id <> :id AND d.erased_at_us IS NULL)"
    " AND NOT EXISTS (SELECT 1 FROM announced a WHERE a.announcement = announcement.id AND a.state = 'announced')"
    " RETURNING id"
)
_CANCEL = Statement(
    "UPDATE announcement SET cancelled_at_us = :at_us, cancelled_by = :by, return_to = ''"
    " WHERE id = :id AND cancelled_at_us IS NULL RETURNING id"
)
_CANCEL_ROWS = Statement(
    "UPDATE announced SET state = 'cancelled', state_at_us = :at_us, wrapped_key = NULL, findings = '[]', pieces = '[]'"
    " WHERE announcement = :id AND state = 'announced' RETURNING id"
)
_STATE = Statement(
    "UPDATE announced SET state = :state, state_at_us = :at_us,"
    " wrapped_key = CASE WHEN :forget = 1 THEN NULL ELSE wrapped_key END,"
    " findings = CASE WHEN :forget = 1 THEN '[]' ELSE findings END"
    " WHERE id = :id AND state <> 'cancelled' RETURNING id"
)
# A row lock in PostgreSQL: whoever posts, files or cancels an announcement waits for the others.
_HOLD = Statement("UPDATE announcement SET id = id WHERE id = :id RETURNING id")
# Paper that something was heard of, of which a page was scanned, that was opened or filed, is on its way or here.
_MOVED = (
    "(EXISTS (SELECT 1 FROM announced b WHERE b.announcement = a.id AND (b.state = 'filed'"
    " OR EXISTS (SELECT 1 FROM page p WHERE p.dossier = b.id)))"
    " OR EXISTS (SELECT 1 FROM item i WHERE i.announcement = a.id AND i.direction = 'in' AND (i.state <> 'bound'"
    " OR i.posted_at_us IS NOT NULL OR EXISTS (SELECT 1 FROM opening o WHERE o.item = i.number)))"
    " OR EXISTS (SELECT 1 FROM announced b JOIN item_dossier d ON d.dossier = b.id"
    " JOIN item i ON i.number = d.item AND i.direction = 'in' WHERE b.announcement = a.id AND (i.state <> 'bound'"
    " OR i.posted_at_us IS NOT NULL OR EXISTS (SELECT 1 FROM opening o WHERE o.item = i.number))))"
)
_WAS_MOVED = Statement(f"SELECT a.id FROM announcement a WHERE a.id = :id AND {_MOVED}")  # noqa: S608 - text is ours
_NEVER_POSTED = Statement(
    f"SELECT {', '.join('a.' + name for name in _ONE)} FROM announcement a WHERE a.cancelled_at_us IS NULL"  # noqa: S608 - text is ours
    " AND a.id IN (SELECT announcement FROM announced WHERE state = 'announced' AND state_at_us <= :before)"
    f" AND NOT {_MOVED} ORDER BY a.made_at_us, a.id LIMIT :limit"
)


def enter(tx: sa.Connection, one: Announcement, rows: Sequence[Announced]) -> bool:
    """Write an announcement and its dossiers; False when the same client's same request stands there already.

    Then nothing was written, and `by_content` gives what stands. Raises `AlreadyAnnounced` when one of the dossiers is
    announced elsewhere: the transaction must then be rolled back.
    """
    if not _ENTER(tx, msgspec.structs.asdict(one)):
        return False
    for row in rows:
        if not _ENTER_ROW(tx, msgspec.structs.asdict(row)):
            there = announced(tx, row.id)
            announcement = there.announcement if there else ""
            owner = next((str(client) for (client,) in _OWNER(tx, {"id": announcement})), "")
            raise AlreadyAnnounced(row.id, announcement, owner)
    return True


def find(tx: sa.Connection, announcement: str) -> Announcement | None:
    """The announcement of that name, cancelled or not."""
    return next(iter(_ones(_FIND(tx, {"id": announcement}))), None)


def by_content(tx: sa.Connection, client: str, sha256: bytes) -> Announcement | None:
    """The client's announcement by a request with that digest, unless it is cancelled."""
    return next(iter(_ones(_BY_CONTENT(tx, {"client": client, "sha256": sha256}))), None)


def announced(tx: sa.Connection, dossier_id: str) -> Announced | None:
    """The announced dossier: the one that stands, else the one that was cancelled last."""
    return next(iter(_rows(_ANNOUNCED(tx, {"id": dossier_id}))), None)


def of(tx: sa.Connection, announcement: str) -> list[Announced]:
    """The dossiers of an announcement, by number."""
    return _rows(_OF(tx, {"id": announcement}))


def paper_halves(tx: sa.Connection, dossier: str) -> list[Announced]:
    """What is announced, or has come, as the paper half of a dossier; at most one."""
    return _rows(_HALVES(tx, {"dossier": dossier}))


def hold(tx: sa.Connection, announcement: str) -> bool:
    """Wait for whoever else changes the announcement, and keep others waiting until `tx` ends; False: there is none."""
    return bool(_HOLD(tx, {"id": announcement}))


def was_moved(tx: sa.Connection, announcement: str) -> bool:
    """Whether any of its paper is known to be posted, opened or filed."""
    return bool(_WAS_MOVED(tx, {"id": announcement}))


def never_posted(tx: sa.Connection, before_us: int, limit: int) -> list[Announcement]:
    """What was announced by then, stands, and of which no paper was heard; the oldest first."""
    return _ones(_NEVER_POSTED(tx, {"before": before_us, "limit": limit}))


def cancel(tx: sa.Connection, announcement: str, by: str, at_us: int) -> bool:
    """Cancel it and forget the contents of its dossiers that have not come, what was to be put in, and where papers
    would go back to: no dossier will be erased with which they could go. False when it was cancelled before.
    """
    if not _CANCEL(tx, {"id": announcement, "by": by, "at_us": at_us}):
        return False
    _CANCEL_ROWS(tx, {"id": announcement, "at_us": at_us})
    return True


def state(tx: sa.Connection, dossier_id: str, state: str, at_us: int, *, forget_key: bool = False) -> bool:
    """Write where an announced dossier stands; False when none stands by that id. `forget_key`: nobody can read its
    content from then on.
    """
    return bool(_STATE(tx, {"id": dossier_id, "state": state, "at_us": at_us, "forget": int(forget_key)}))


def forget(tx: sa.Connection, dossier: str) -> None:
    """Erase: what was announced of the dossier names no person any more, and where its papers go back to is gone with
    the last dossier of its announcement. Again, it changes nothing.
    """
    _FORGET(tx, {"id": dossier})
    _FORGET_ADDRESS(tx, {"id": dossier})


def _ones(rows: Iterable[tuple[object, ...]]) -> list[Announcement]:
    return [msgspec.convert(dict(zip(_ONE, row, strict=True)), Announcement) for row in rows]


def _rows(rows: Iterable[tuple[object, ...]]) -> list[Announced]:
    return [msgspec.convert(dict(zip(_ROW, row, strict=True)), Announced) for row in rows]
