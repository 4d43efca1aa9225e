"""Which items, announcements and pick-up orders something may have to be told of: looks that stay small in a long year.

Every function takes the open transaction `tx` and never commits. An item is looked at while it is `watched`; once
nothing more can be told of it, `settle` lets it go, and only another turn of its state brings it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from msgspec import Struct

from storage.alarms import Alarm
from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# So many are let go in one transaction; the others in the next look.
SETTLED_AT_ONCE_MAX: Final = 2000


class Watched(Struct, frozen=True, kw_only=True):
    """An item that something may have to be told of. Times are microseconds since 1970 UTC.

    `client` and `role` are who announced what is in it, '' when nobody did. `another_at_us` is when another item was
    last bound to the same dossiers, if that was after its last turn; `is_settled`: nothing is to be sent any more.
    """

    number: str
    carrier: str
    direction: str
    office: str
    unit: str
    announcement: str
    client: str
    role: str
    state: str
    state_at_us: int
    posted_at_us: int | None
    delivered_at_us: int | None
    heard_at_us: int | None
    another_at_us: int | None
    is_settled: bool


class Unposted(Struct, frozen=True, kw_only=True):
    """An announcement of which nothing was posted; `number` is one that it is bound to, or ''."""

    id: str
    client: str
    role: str
    office: str
    made_at_us: int
    number: str


class RefusedPickup(Struct, frozen=True, kw_only=True):
    """A pick-up order that its carrier refused, of an item that it has not taken over otherwise."""

    item: str
    carrier: str
    order_number: str
    answer: str
    made_by: str
    role: str
    office: str
    state_at_us: int


_OPENED = "EXISTS (SELECT 1 FROM opening o WHERE o.item = i.number)"
_ANOTHER = (
    " FROM item_dossier d JOIN item_dossier e ON e.dossier = d.dossier AND e.item <> d.item"
    " JOIN item n ON n.number = e.item AND n.direction = i.direction AND n.bound_at_us > i.state_at_us"
    " WHERE d.item = i.number"
)
_SETTLED = (
    "(EXISTS (SELECT 1 FROM announcement c WHERE c.id = i.announcement AND c.cancelled_at_us IS NOT NULL)"
    " OR EXISTS (SELECT 1 FROM outbound b WHERE b.item = i.number AND b.state NOT IN ('sent', 'undelivered')))"
)
# Another item was bound to the same dossiers since, or none is to be sent any more.
_REPLACED = f"(EXISTS (SELECT 1{_ANOTHER}) OR {_SETTLED})"
_ENDED = Statement(
    "SELECT i.number, i.state FROM item i WHERE i.watched = 1 AND ("  # noqa: S608 - text is ours
    f"(i.direction = 'in' AND {_OPENED})"
    " OR (i.direction = 'out' AND i.state = 'delivered')"
    f" OR (i.state IN ('returned', 'lost') AND {_REPLACED})"
    " OR (i.state = 'bound' AND EXISTS (SELECT 1 FROM announcement c"
    " WHERE c.id = i.announcement AND c.cancelled_at_us IS NOT NULL))"
    ") ORDER BY i.number LIMIT :most"
)
_SETTLE = sa.text("UPDATE item SET watched = 0 WHERE number = :number AND state = :state AND watched = 1")
_WATCHED = (
    "SELECT i.number, i.carrier, i.direction, i.office, i.unit, COALESCE(i.announcement, ''), COALESCE(a.client, ''),"
    " COALESCE(a.role, ''), i.state, i.state_at_us, i.posted_at_us, i.delivered_at_us, i.heard_at_us,"
    " {another}, CASE WHEN {settled} THEN 1 ELSE 0 END FROM item i LEFT JOIN announcement a ON a.id = i.announcement"
    " WHERE i.watched = 1 AND {which} ORDER BY i.number"
)
_NOT_OPENED = f"NOT (i.direction = 'in' AND {_OPENED})"
_MOVING = Statement(
    _WATCHED.format(
        another=f"(SELECT max(n.bound_at_us){_ANOTHER})",
        settled=_SETTLED,
        which="i.state NOT IN ('bound', 'delivered') AND (i.state IN ('returning', 'returned', 'lost')"
        f" OR COALESCE(i.posted_at_us, i.state_at_us) <= :before OR i.heard_at_us <= :before) AND {_NOT_OPENED}",
    )
)
_UNOPENED = Statement(
    _WATCHED.format(
        another="CAST(NULL AS BIGINT)",
        settled="1 = 0",
        which=f"i.direction = 'in' AND i.state = 'delivered' AND i.delivered_at_us <= :before AND NOT {_OPENED}",
    )
)
# From what is awaited, which is little, to what was announced of it.
_UNPOSTED = Statement(
    "SELECT a.id, a.client, a.role, a.office, a.made_at_us, COALESCE((SELECT min(i.number) FROM item i"
    " WHERE i.announcement = a.id AND i.direction = 'in'), '')"
    " FROM announcement a WHERE a.id IN (SELECT n.announcement FROM announced n WHERE n.state = 'announced')"
    " AND a.cancelled_at_us IS NULL AND a.made_at_us <= :before"
    " AND NOT EXISTS (SELECT 1 FROM item i WHERE i.announcement = a.id AND i.direction = 'in' AND (i.state <> 'bound'"
    " OR i.posted_at_us IS NOT NULL OR EXISTS (SELECT 1 FROM opening o WHERE o.item = i.number)))"
    " AND NOT EXISTS (SELECT 1 FROM announced f WHERE f.announcement = a.id AND f.state = 'filed')"
    " ORDER BY a.made_at_us, a.id"
)
_REFUSED = Statement(
    "SELECT p.item, p.carrier, p.order_number, p.answer, p.made_by, COALESCE(c.role, ''), i.office, p.state_at_us"
    " FROM pickup p JOIN item i ON i.number = p.item LEFT JOIN client c ON c.id = p.made_by"
    " WHERE p.state = 'refused' AND i.state = 'bound' AND i.posted_at_us IS NULL ORDER BY p.item"
)
_ABOUT = Statement(
    f"SELECT {', '.join(Alarm.__struct_fields__)} FROM alarm WHERE subject = :subject AND rule LIKE 'post-%'"  # noqa: S608 - names are ours
    " AND closed_at_us IS NULL ORDER BY since_us, id"
)


def ended(tx: sa.Connection) -> list[tuple[str, str]]:
    """Watched items of which nothing more is to be told, with the state that they are in; some of them."""
    return [(str(number), str(state)) for number, state in _ENDED(tx, {"most": SETTLED_AT_ONCE_MAX})]


def settle(tx: sa.Connection, found: Sequence[tuple[str, str]]) -> None:
    """Look at these no more, unless their state has changed meanwhile. Again, it changes nothing."""
    tx.execute(_SETTLE, [{"number": number, "state": state} for number, state in found])


def moving(tx: sa.Connection, before_us: int) -> list[Watched]:
    """Items on their way that were posted, or last heard of, by then; and all that return, returned or are lost."""
    return _watched(_MOVING(tx, {"before": before_us}))


def unopened(tx: sa.Connection, before_us: int) -> list[Watched]:
    """Items that were delivered to an office by then, and that no mail room has opened."""
    return _watched(_UNOPENED(tx, {"before": before_us}))


def unposted(tx: sa.Connection, before_us: int) -> list[Unposted]:
    """Announcements made by then that stand and of which no paper was heard, each with a number that it is bound to."""
    rows = _UNPOSTED(tx, {"before": before_us})
    return [Unposted(**dict(zip(Unposted.__struct_fields__, row, strict=True))) for row in rows]


def refused_pickups(tx: sa.Connection) -> list[RefusedPickup]:
    """Orders that were refused, of items that are still with their senders."""
    rows = _REFUSED(tx, {})
    return [RefusedPickup(**dict(zip(RefusedPickup.__struct_fields__, row, strict=True))) for row in rows]


def alarms_about(tx: sa.Connection, subject: str) -> list[Alarm]:
    """The open alarms about an item or announcement, the oldest first."""
    return [Alarm(**dict(zip(Alarm.__struct_fields__, row, strict=True))) for row in _ABOUT(tx, {"subject": subject})]


def _watched(rows: Iterable[tuple[object, ...]]) -> list[Watched]:
    names = Watched.__struct_fields__
    return [Watched(**dict(zip(names, (*row[:-1], bool(row[-1])), strict=True))) for row in rows]  # type: ignore[arg-type]
