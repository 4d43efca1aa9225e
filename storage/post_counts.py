"""Counts of paper: how many announcements and items stand where, by their rows; and the rows to count them by again.

Every function takes the open transaction `tx` and never commits. An account reads all of it in one snapshot
(`ledger.settle_in`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T", bound=Struct)
ITEMS_A_PAGE: Final = 2000
DOSSIERS_NAMED_MAX: Final = 500


class Counted(Struct, frozen=True, kw_only=True):
    """How many stand where, of a flow, an office and a carrier ('': not said yet): an item each, or an announcement
    that no item was bound to.

    The flow is `announced` (paper that an employer or an I-VAN told of), `unannounced` (what came without, or was told
    by a clerk) or `outbound`.
    """

    flow: str
    office: str
    carrier: str
    announced: int
    cancelled: int
    never_posted: int
    posted: int
    delivered: int
    returned: int
    lost: int
    on_the_way: int
    opened: int
    unopened: int
    filed: int
    waiting: int


class ItemRow(Struct, frozen=True, kw_only=True):
    """An item as its row has it, and the role of who announced it ('': nobody); without `opening` it is unopened."""

    number: str
    direction: str
    office: str
    carrier: str
    state: str
    bound_at_us: int
    announcement: str
    role: str
    is_cancelled: bool
    opening: str


class Alone(Struct, frozen=True, kw_only=True):
    """An announcement that no item was bound to."""

    id: str
    role: str
    office: str
    carrier: str
    made_at_us: int
    is_cancelled: bool


class InItem(Struct, frozen=True, kw_only=True):
    """An announced dossier in an item: what its announcement says of it, and whether it has come."""

    item: str
    dossier: str
    state: str
    has_come: bool


class Astray(Struct, frozen=True, kw_only=True):
    """An announced dossier whose row does not agree with what became of it: `filed-unopened`, `filed-nowhere` or
    `came-unfiled`; `item` is one that it was bound to, or ''.
    """

    rule: str
    dossier: str
    item: str
    office: str
    carrier: str


class Kept(Struct, frozen=True, kw_only=True):
    """The account of a day as it was counted; `lines` is JSON."""

    day: str
    counted_at_us: int
    lines: str
    differences: int


_EMPLOYERS = "n.role IN ('employer', 'ivan')"
# An announcement belongs to an item also where the item was bound to its dossiers alone.
_HAS_ITEM = (
    "(EXISTS (SELECT 1 FROM item b WHERE b.announcement = n.id AND b.direction = 'in') OR EXISTS"
    " (SELECT 1 FROM announced a JOIN item_dossier d ON d.dossier = a.id JOIN item b ON b.number = d.item"
    " WHERE a.announcement = n.id AND a.state <> 'cancelled' AND b.direction = 'in'))"
)
_IN = "i.direction = 'in'"
# Nobody tells of what no carrier carried: it was delivered when it was opened.
_STATE = (
    f"(CASE WHEN {_IN} AND i.carrier = '' AND i.state = 'bound' AND o.id IS NOT NULL THEN 'delivered' ELSE i.state END)"
)


def _sum(condition: str, name: str) -> str:
    return f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END) AS {name}"


_IS_FILED = "c.dossiers > 0 AND c.dossiers = c.filed AND w.opening IS NULL"
_ITEMS = sa.text(
    "SELECT CASE WHEN i.direction = 'out' THEN 'outbound'"  # noqa: S608 - words are ours
    f" WHEN {_EMPLOYERS} THEN 'announced' ELSE 'unannounced' END AS flow, i.office, i.carrier, count(*) AS announced, "
    + ", ".join(
        [
            _sum(f"{_STATE} = 'bound' AND n.cancelled_at_us IS NOT NULL", "cancelled"),
            _sum(f"{_STATE} = 'bound' AND n.cancelled_at_us IS NULL", "never_posted"),
            _sum(f"{_STATE} <> 'bound'", "posted"),
            _sum(f"{_STATE} = 'delivered'", "delivered"),
            _sum("i.state = 'returned'", "returned"),
            _sum("i.state = 'lost'", "lost"),
            _sum("i.state IN ('posted', 'on-the-way', 'at-office', 'attempted', 'returning')", "on_the_way"),
            _sum(f"{_IN} AND o.id IS NOT NULL", "opened"),
            _sum(f"{_IN} AND i.state = 'delivered' AND o.id IS NULL", "unopened"),
            _sum(f"{_IN} AND o.id IS NOT NULL AND {_IS_FILED}", "filed"),
            _sum(f"{_IN} AND o.id IS NOT NULL AND NOT COALESCE({_IS_FILED}, 1 = 0)", "waiting"),
        ]
    )
    + " FROM item i LEFT JOIN announcement n ON n.id = i.announcement LEFT JOIN opening o ON o.item = i.number"
    " LEFT JOIN (SELECT d.item, count(*) AS dossiers, sum(CASE WHEN a.state = 'filed' THEN 1 ELSE 0 END) AS filed"
    # What was cancelled was announced again, or is not in it; a dossier that was here before says nothing of paper.
    " FROM item_dossier d JOIN announced a ON a.id = d.dossier AND a.state <> 'cancelled' GROUP BY d.item) c"
    " ON c.item = i.number"
    " LEFT JOIN (SELECT DISTINCT s.opening FROM page p JOIN scan s ON s.id = p.scan WHERE p.state = 'waiting') w"
    " ON w.opening = o.id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_ALONE = sa.text(
    f"SELECT CASE WHEN {_EMPLOYERS} THEN 'announced' ELSE 'unannounced' END AS flow, n.office, n.carrier,"  # noqa: S608 - words are ours
    " count(*) AS announced,"
    f" {_sum('n.cancelled_at_us IS NOT NULL', 'cancelled')}, {_sum('n.cancelled_at_us IS NULL', 'never_posted')}"
    f" FROM announcement n WHERE NOT {_HAS_ITEM} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_ITEM_ROWS = sa.text(
    "SELECT i.number, i.direction, i.office, i.carrier, i.state, i.bound_at_us, COALESCE(n.id, '') AS announcement,"
    " COALESCE(n.role, '') AS role, CASE WHEN n.cancelled_at_us IS NULL THEN 0 ELSE 1 END AS is_cancelled,"
    " COALESCE(o.id, '') AS opening FROM item i LEFT JOIN announcement n ON n.id = i.announcement"
    " LEFT JOIN opening o ON o.item = i.number WHERE i.number > :after ORDER BY i.number LIMIT :most"
)
_ALONE_ROWS = sa.text(
    "SELECT n.id, n.role, n.office, n.carrier, n.made_at_us,"  # noqa: S608 - words are ours
    " CASE WHEN n.cancelled_at_us IS NULL THEN 0 ELSE 1 END AS is_cancelled"
    f" FROM announcement n WHERE n.id > :after AND NOT {_HAS_ITEM} ORDER BY n.id LIMIT :most"
)
_IN_ITEMS = sa.text(
    "SELECT d.item, d.dossier, a.state,"
    " CASE WHEN came.pack IS NULL THEN 0 ELSE 1 END AS has_come FROM item_dossier d"
    " JOIN announced a ON a.id = d.dossier AND a.state <> 'cancelled' LEFT JOIN dossier came ON came.id = d.dossier"
    " WHERE d.item > :after AND d.item <= :upto ORDER BY d.item, d.dossier"
)
_PAGES_WAIT = sa.text("SELECT DISTINCT s.opening FROM page p JOIN scan s ON s.id = p.scan WHERE p.state = 'waiting'")
_TAKEN = sa.text(
    "SELECT l.item, l.taken FROM manifest_line l JOIN manifest m ON m.id = l.manifest"
    " WHERE l.taken IS NOT NULL AND m.direction = :direction AND l.item > :after AND l.item <= :upto"
)
_WHERE_BOUND = (
    "COALESCE((SELECT min(d.item) FROM item_dossier d JOIN item i ON i.number = d.item"
    " WHERE d.dossier = a.id AND i.direction = 'in'), '')"
)
_CAME = "EXISTS (SELECT 1 FROM dossier came WHERE came.id = a.id AND came.pack IS NOT NULL)"
_NOT_OPENED = "NOT EXISTS (SELECT 1 FROM item_dossier d JOIN opening o ON o.item = d.item WHERE d.dossier = a.id)"
_ASTRAY_RULES = {
    "filed-unopened": f"a.state = 'filed' AND {_NOT_OPENED}",
    "filed-nowhere": f"a.state = 'filed' AND NOT {_CAME}",
    "came-unfiled": f"a.state = 'announced' AND {_CAME}",
}
_ASTRAY_BRANCHES = [
    f"SELECT '{rule}' AS rule, a.id AS dossier, {_WHERE_BOUND} AS item, n.office, n.carrier FROM announced a"  # noqa: S608 - words are ours
    f" JOIN announcement n ON n.id = a.announcement WHERE {condition}"
    for rule, condition in _ASTRAY_RULES.items()
]
_ASTRAY = sa.text(" UNION ALL ".join(_ASTRAY_BRANCHES) + " ORDER BY 1, 2 LIMIT :most")
_ACCOUNT = ", ".join(Kept.__struct_fields__)
_KEEP = sa.text(
    f"INSERT INTO post_account ({_ACCOUNT}) VALUES ({', '.join(':' + name for name in Kept.__struct_fields__)})"  # noqa: S608 - names are ours
    " ON CONFLICT (day) DO NOTHING"
)
_FIND = sa.text(f"SELECT {_ACCOUNT} FROM post_account WHERE day = :day")  # noqa: S608 - names are ours
_LAST = sa.text(f"SELECT {_ACCOUNT} FROM post_account ORDER BY day DESC LIMIT 1")  # noqa: S608 - names are ours


def counted(tx: sa.Connection) -> list[Counted]:
    """How many stand where by their rows, by flow, office and carrier."""
    found = {(one.flow, one.office, one.carrier): one for one in _all(tx.execute(_ITEMS), Counted)}
    for flow, office, carrier, announced, cancelled, never_posted in tx.execute(_ALONE):
        key = (flow, office, carrier)
        before = found.get(key) or _nothing(*key)
        found[key] = msgspec.structs.replace(
            before,
            announced=before.announced + announced,
            cancelled=before.cancelled + cancelled,
            never_posted=before.never_posted + never_posted,
        )
    return [found[key] for key in sorted(found)]


def items(tx: sa.Connection) -> Iterator[list[ItemRow]]:
    """Every item, a page at a time, by their numbers."""
    after = ""
    while page := _all(tx.execute(_ITEM_ROWS, {"after": after, "most": ITEMS_A_PAGE}), ItemRow):
        yield page
        after = page[-1].number


def alone(tx: sa.Connection) -> Iterator[Alone]:
    """Every announcement that no item was bound to."""
    after = ""
    while page := _all(tx.execute(_ALONE_ROWS, {"after": after, "most": ITEMS_A_PAGE}), Alone):
        yield from page
        after = page[-1].id


def in_items(tx: sa.Connection, after: str, upto: str) -> list[InItem]:
    """The dossiers announced to be in the items after the one number, up to the other."""
    return _all(tx.execute(_IN_ITEMS, {"after": after, "upto": upto}), InItem)


def openings_waiting(tx: sa.Connection) -> set[str]:
    """The openings of which a page waits for a person."""
    return {str(opening) for (opening,) in tx.execute(_PAGES_WAIT)}


def taken(tx: sa.Connection, direction: str, after: str, upto: str) -> list[tuple[str, str]]:
    """The items after the one number, up to the other, that a manifest's receipt of that direction names, each with
    what it says (JSON).
    """
    found = tx.execute(_TAKEN, {"direction": direction, "after": after, "upto": upto})
    return [(str(item), str(said)) for item, said in found]


def astray(tx: sa.Connection) -> list[Astray]:
    """Announced dossiers whose rows do not agree; at most `DOSSIERS_NAMED_MAX`."""
    return _all(tx.execute(_ASTRAY, {"most": DOSSIERS_NAMED_MAX}), Astray)


def keep(tx: sa.Connection, account: Kept) -> bool:
    """Keep the account of a day; False when there is one already."""
    return bool(tx.execute(_KEEP, msgspec.structs.asdict(account)).rowcount)


def kept(tx: sa.Connection, day: str) -> Kept | None:
    """The account of that day (ISO 8601)."""
    return next(iter(_all(tx.execute(_FIND, {"day": day}), Kept)), None)


def last(tx: sa.Connection) -> Kept | None:
    """The account of the last day that was counted."""
    return next(iter(_all(tx.execute(_LAST), Kept)), None)


def _nothing(flow: str, office: str, carrier: str) -> Counted:
    return Counted(flow=flow, office=office, carrier=carrier, **dict.fromkeys(Counted.__struct_fields__[3:], 0))


def _all(rows: Iterable[sa.Row[tuple[object, ...]]], struct: type[_T]) -> list[_T]:
    return [msgspec.convert(dict(row._mapping), struct, strict=False) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
