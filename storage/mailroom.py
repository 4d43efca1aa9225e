"""The mail room: items opened and counted, pages scanned, and the dossiers that the pages were bound to.

Every function takes the open transaction `tx` and never commits. A scan's bytes are in the vault, under its own key,
before its row is written. Whoever binds pages of an opening holds it (`hold`), so that two never bind at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct

from storage.database import Statement
from storage.vault import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import sqlalchemy as sa

FILED: Final = "filed"
WAITING: Final = "waiting"
SET_ASIDE: Final = "set-aside"

KEPT: Final = "kept"
READ: Final = "read"
UNREADABLE: Final = "unreadable"

WANTED: Final = "wanted"
REFUSED: Final = "refused"
REBOUND: Final = "rebound"


class Opening(Struct, frozen=True, kw_only=True):
    """An item that was opened in the mail room of `office`; `counted` is what was counted in it (JSON).

    `condition` is intact, damaged or opened; `officer` the person's name as the mail room gave it, or ''; `open` is 1
    while something of it waits, `matched` what its pages were last matched with. Times are microseconds since 1970 UTC.
    """

    id: str
    item: str
    office: str
    opened_at_us: int
    opened_by: str
    officer: str
    arrived_at_us: int
    counted: str
    condition: str
    open: int = 1
    matched: str = ""


class Scan(Struct, frozen=True, kw_only=True):
    """A file of scanned pages, as it was sent; those of one `batch` follow one another by `number`.

    `state` is kept (its pages are not read yet), read or unreadable, and then `why` (JSON) says it. `wrapped_key` is
    None once nobody may read it any more.
    """

    id: str
    opening: str
    number: int
    batch: str
    media_type: str
    sha256: bytes
    size_bytes: int
    pages: int
    state: str
    why: str
    pack: str
    pack_offset: int
    pack_length: int
    wrapped_key: bytes | None
    scanned_at_us: int
    scanned_by: str

    @property
    def place(self) -> Place:
        """Where the locked bytes lie."""
        return Place(self.pack, self.pack_offset, self.pack_length)


class Page(Struct, frozen=True, kw_only=True):
    """A page of a scan, by its number from 1. `dossier` is '' unless `state` is filed; else waiting or set-aside.

    `how` is what it was bound by, `why` (JSON) what was found, `codes` (JSON) what was read on it.
    """

    scan: str
    number: int
    dossier: str
    state: str
    how: str
    why: str
    codes: str


class Binding(Struct, frozen=True, kw_only=True):
    """That a page was bound to a dossier ('' to none), which it had `was` before. Never changed."""

    scan: str
    number: int
    version: int
    dossier: str
    was: str
    at_us: int
    bound_by: str
    why: str


class PaperFiling(Struct, frozen=True, kw_only=True):
    """A dossier that is to be made, or was made, of scanned pages.

    `asked_by` is `gateway` where it was complete by itself; else a person said so for `reason`, knowing what was
    `missing` (JSON). `pages` (JSON) are those of its kept scan. `state` is wanted, filed, rebound (pages were bound
    otherwise since), or refused, and then `why`.
    """

    dossier: str
    opening: str
    state: str
    asked_at_us: int
    asked_by: str
    reason: str
    missing: str
    pages: str
    why: str
    state_at_us: int


class Waiting(Struct, frozen=True, kw_only=True):
    """A page that waits for a person, and where it lies."""

    opening: str
    item: str
    office: str
    scan: str
    batch: str
    number: int
    why: str
    codes: str
    scanned_at_us: int


_Row = TypeVar("_Row", bound=Struct)


def _names(struct: type[Struct], alias: str = "") -> str:
    return ", ".join(alias + name for name in struct.__struct_fields__)


def _insert(table: str, struct: type[Struct]) -> str:
    values = ", ".join(":" + name for name in struct.__struct_fields__)
    return f"INSERT INTO {table} ({_names(struct)}) VALUES ({values})"  # noqa: S608 - names are ours


def _all(struct: type[_Row], rows: Iterable[tuple[object, ...]]) -> list[_Row]:
    return [msgspec.convert(dict(zip(struct.__struct_fields__, row, strict=True)), struct) for row in rows]


_OPEN = Statement(_insert("opening", Opening) + " ON CONFLICT DO NOTHING RETURNING id")
_OPENING = Statement(f"SELECT {_names(Opening)} FROM opening WHERE id = :id")  # noqa: S608 - names are ours
_OPENING_OF = Statement(f"SELECT {_names(Opening)} FROM opening WHERE item = :item")  # noqa: S608 - names are ours
_HOLD = Statement("UPDATE opening SET id = id WHERE id = :id RETURNING id")
_STILL_OPEN = f"SELECT {_names(Opening)} FROM opening WHERE open = 1 AND id > :after"  # noqa: S608 - names are ours
_OPEN_ANYWHERE = Statement(f"{_STILL_OPEN} ORDER BY id LIMIT :limit")
_OPEN_THERE = Statement(f"{_STILL_OPEN} AND office = :office ORDER BY id LIMIT :limit")
_SETTLE = Statement(
    "UPDATE opening SET open = :open, matched = :matched WHERE id = :id AND (open <> :open OR matched <> :matched)"
    " RETURNING id"
)

_KEEP_SCAN = Statement(_insert("scan", Scan) + " ON CONFLICT DO NOTHING RETURNING id")
_SCAN = Statement(f"SELECT {_names(Scan)} FROM scan WHERE id = :id")  # noqa: S608 - names are ours
_SCANS_OF = Statement(f"SELECT {_names(Scan)} FROM scan WHERE opening = :opening ORDER BY number")  # noqa: S608 - names are ours
_LAST_SCAN = Statement("SELECT max(number) FROM scan WHERE opening = :opening")
_SCAN_READ = Statement(
    "UPDATE scan SET state = :state, pages = :pages, why = :why WHERE id = :id AND state <> 'read' RETURNING id"
)
_UNREAD = Statement(
    f"SELECT {_names(Scan)} FROM scan WHERE state = 'kept' AND scanned_at_us <= :before"  # noqa: S608 - names are ours
    " ORDER BY scanned_at_us, id LIMIT :limit"
)
_PUT_PAGE = Statement(
    _insert("page", Page) + " ON CONFLICT (scan, number) DO UPDATE SET dossier = excluded.dossier,"
    " state = excluded.state, how = excluded.how, why = excluded.why, codes = excluded.codes"
)
_PAGE = Statement(f"SELECT {_names(Page)} FROM page WHERE scan = :scan AND number = :number")  # noqa: S608 - names are ours
_PAGES = f"SELECT {_names(Page, 'p.')} FROM page p JOIN scan s ON s.id = p.scan JOIN opening o ON o.id = s.opening"  # noqa: S608 - names are ours
_IN_ORDER = " ORDER BY o.opened_at_us, o.id, s.number, p.number"
_PAGES_OF = Statement(f"{_PAGES} WHERE p.dossier = :dossier AND p.state = 'filed'{_IN_ORDER}")
_PAGES_IN = Statement(f"{_PAGES} WHERE s.opening = :opening{_IN_ORDER}")
_WAITING = (
    "SELECT o.id, o.item, o.office, s.id, s.batch, p.number, p.why, p.codes, s.scanned_at_us FROM page p"
    " JOIN scan s ON s.id = p.scan JOIN opening o ON o.id = s.opening WHERE p.state = 'waiting'"
)
_WAITING_ANYWHERE = Statement(f"{_WAITING}{_IN_ORDER}")
_WAITING_THERE = Statement(f"{_WAITING} AND o.office = :office{_IN_ORDER}")

_BIND = Statement(_insert("page_binding", Binding))
_BINDINGS = Statement(
    f"SELECT {_names(Binding)} FROM page_binding WHERE scan = :scan AND number = :number ORDER BY version"  # noqa: S608 - names are ours
)
_VERSIONS = Statement(
    "SELECT b.scan, b.number, max(b.version) FROM page_binding b JOIN scan s ON s.id = b.scan"
    " WHERE s.opening = :opening GROUP BY b.scan, b.number"
)

_WANT = Statement(
    _insert("paper_filing", PaperFiling) + " ON CONFLICT (dossier) DO UPDATE SET opening = excluded.opening,"
    " state = excluded.state, asked_at_us = excluded.asked_at_us, asked_by = excluded.asked_by,"
    " reason = excluded.reason, missing = excluded.missing, pages = excluded.pages, why = excluded.why,"
    " state_at_us = excluded.state_at_us WHERE paper_filing.state IN ('wanted', 'refused') RETURNING dossier"
)
_FILING = Statement(f"SELECT {_names(PaperFiling)} FROM paper_filing WHERE dossier = :dossier")  # noqa: S608 - names are ours
# "<> 'filed'" is said as the index says it: SQLite takes it for no other reason.
_UNDONE = Statement(
    f"SELECT {_names(PaperFiling)} FROM paper_filing WHERE state <> 'filed' AND state IN ('wanted', 'rebound')"  # noqa: S608 - names are ours
    " AND state_at_us <= :before ORDER BY state_at_us, dossier LIMIT :limit"
)
_END = Statement(
    "UPDATE paper_filing SET state = :state, why = :why, state_at_us = :at_us"
    " WHERE dossier = :dossier AND state = 'wanted' RETURNING dossier"
)
_REBOUND = Statement(
    "UPDATE paper_filing SET state = 'rebound', asked_by = :by, reason = :reason, state_at_us = :at_us"
    " WHERE dossier = :dossier AND state IN ('filed', 'rebound') RETURNING dossier"
)
_FILED_AGAIN = Statement(
    "UPDATE paper_filing SET state = 'filed', pages = :pages, state_at_us = :at_us"
    " WHERE dossier = :dossier AND state = 'rebound' AND state_at_us = :since RETURNING dossier"
)


def open_item(tx: sa.Connection, opening: Opening) -> bool:
    """Write that an item was opened; False when it was opened before, and then nothing is written."""
    return bool(_OPEN(tx, msgspec.structs.asdict(opening)))


def opening(tx: sa.Connection, opening_id: str) -> Opening | None:
    """The opening of that id."""
    return next(iter(_all(Opening, _OPENING(tx, {"id": opening_id}))), None)


def opening_of(tx: sa.Connection, item: str) -> Opening | None:
    """The opening of an item, if it was opened."""
    return next(iter(_all(Opening, _OPENING_OF(tx, {"item": item}))), None)


def hold(tx: sa.Connection, opening_id: str) -> bool:
    """Wait for whoever binds pages of the opening, and keep others waiting until `tx` ends. False: there is none."""
    return bool(_HOLD(tx, {"id": opening_id}))


def still_open(tx: sa.Connection, office: str | None, limit: int, after: str = "") -> list[Opening]:
    """At most `limit` openings (of the office; None: of all) of which something waits, by their ids after `after`."""
    values = {"limit": limit, "after": after}
    if office is None:
        return _all(Opening, _OPEN_ANYWHERE(tx, values))
    return _all(Opening, _OPEN_THERE(tx, values | {"office": office}))


def settle(tx: sa.Connection, opening_id: str, *, is_open: bool, matched: str) -> bool:
    """Write whether something of the opening waits, and what its pages were matched with; False: it stood so before."""
    return bool(_SETTLE(tx, {"id": opening_id, "open": int(is_open), "matched": matched}))


def keep_scan(tx: sa.Connection, scan: Scan) -> bool:
    """Write a scan whose bytes are in the vault; False when the same bytes were scanned of the opening before."""
    return bool(_KEEP_SCAN(tx, msgspec.structs.asdict(scan)))


def scan(tx: sa.Connection, scan_id: str) -> Scan | None:
    """The scan of that id."""
    return next(iter(_all(Scan, _SCAN(tx, {"id": scan_id}))), None)


def scans_of(tx: sa.Connection, opening_id: str) -> list[Scan]:
    """The scans of an opening, by number."""
    return _all(Scan, _SCANS_OF(tx, {"opening": opening_id}))


def last_scan(tx: sa.Connection, opening_id: str) -> int:
    """The number of the opening's last scan; 0 when there is none."""
    ((number,),) = _LAST_SCAN(tx, {"opening": opening_id})
    return int(number or 0)


def scan_read(tx: sa.Connection, scan_id: str, *, state: str, pages: int, why: str = "") -> bool:
    """Write that a scan was read, or cannot be; False when it was read before."""
    return bool(_SCAN_READ(tx, {"id": scan_id, "state": state, "pages": pages, "why": why}))


def unread(tx: sa.Connection, before_us: int, limit: int) -> list[Scan]:
    """Scans that were kept until then and not read since, the oldest first."""
    return _all(Scan, _UNREAD(tx, {"before": before_us, "limit": limit}))


def put_pages(tx: sa.Connection, pages: Sequence[Page]) -> None:
    """Write pages, in the place of what was known of them before."""
    _PUT_PAGE.many(tx, [msgspec.structs.asdict(one) for one in pages])


def page(tx: sa.Connection, scan_id: str, number: int) -> Page | None:
    """One page of a scan."""
    return next(iter(_all(Page, _PAGE(tx, {"scan": scan_id, "number": number}))), None)


def pages_of(tx: sa.Connection, dossier: str) -> list[Page]:
    """The pages that are bound to a dossier, in the order in which they were scanned, item by item."""
    return _all(Page, _PAGES_OF(tx, {"dossier": dossier}))


def pages_in(tx: sa.Connection, opening_id: str) -> list[Page]:
    """All pages of an opening, in the order in which they were scanned."""
    return _all(Page, _PAGES_IN(tx, {"opening": opening_id}))


def waiting(tx: sa.Connection, office: str | None) -> list[Waiting]:
    """The pages that wait for a person of the office (None: of any), in the order in which they came."""
    if office is None:
        return _all(Waiting, _WAITING_ANYWHERE(tx, {}))
    return _all(Waiting, _WAITING_THERE(tx, {"office": office}))


def bind(tx: sa.Connection, bindings: Sequence[Binding]) -> None:
    """Add to the trace of pages; a version that is there already is an error of the caller's."""
    _BIND.many(tx, [msgspec.structs.asdict(one) for one in bindings])


def bindings_of(tx: sa.Connection, scan_id: str, number: int) -> list[Binding]:
    """The trace of a page: what it was bound to, one after the other."""
    return _all(Binding, _BINDINGS(tx, {"scan": scan_id, "number": number}))


def versions(tx: sa.Connection, opening_id: str) -> dict[tuple[str, int], int]:
    """How often each page of an opening was bound."""
    return {(str(scan), int(number)): int(last) for scan, number, last in _VERSIONS(tx, {"opening": opening_id})}


def want(tx: sa.Connection, filing: PaperFiling) -> bool:
    """Write that a dossier is to be made, in the place of an earlier wish; False when it is made already."""
    return bool(_WANT(tx, msgspec.structs.asdict(filing)))


def filing_of(tx: sa.Connection, dossier: str) -> PaperFiling | None:
    """What was asked for a dossier, and what became of it."""
    return next(iter(_all(PaperFiling, _FILING(tx, {"dossier": dossier}))), None)


def undone(tx: sa.Connection, before_us: int, limit: int) -> list[PaperFiling]:
    """Dossiers that until then were asked for, or whose pages were rebound, and that are not made since; the oldest
    first.
    """
    return _all(PaperFiling, _UNDONE(tx, {"before": before_us, "limit": limit}))


def end_filing(tx: sa.Connection, dossier: str, *, state: str, at_us: int, why: str = "") -> bool:
    """Write what became of a dossier that was asked for: filed or refused. False when nothing was asked any more."""
    return bool(_END(tx, {"dossier": dossier, "state": state, "why": why, "at_us": at_us}))


def rebound(tx: sa.Connection, dossier: str, *, by: str, reason: str, at_us: int) -> bool:
    """Write that pages of a filed dossier were bound otherwise, by whom and why; False when it is not filed."""
    return bool(_REBOUND(tx, {"dossier": dossier, "by": by, "reason": reason, "at_us": at_us}))


def filed_again(tx: sa.Connection, dossier: str, *, pages: str, since_us: int, at_us: int) -> bool:
    """Write which pages the latest kept scan of a dossier has; False when they were bound otherwise again after
    `since_us`.
    """
    return bool(_FILED_AGAIN(tx, {"dossier": dossier, "pages": pages, "since": since_us, "at_us": at_us}))
