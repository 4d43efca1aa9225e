"""Manifests (bản kê): what one side says that it handed over, what the other says that it took, line by line.

Every function takes the open transaction `tx` and never commits; those that change something are called by a
transaction that holds its turn (`journal.take_turn`). Either side may be the first to be told of here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_T = TypeVar("_T", bound=Struct)
Which = Literal["handed", "taken"]
WAITING_MAX: Final = 1000


class Manifest(Struct, frozen=True, kw_only=True):
    """A manifest, from when either side told of it. `number` is what stands on the paper, `direction` is `in` (the post
    to an office) or `out`. Times are microseconds since 1970 UTC.

    `sides` is how many have spoken (1 or 2); `differences` counts the lines that do not meet, once both have.
    `settlement` is a person's note on them, `settled_seq` the number of its signed statement; a side that comes after
    it opens it again (`settled_at_us` None).
    """

    id: str
    carrier: str
    office: str
    direction: str
    number: str
    sides: int = 0
    differences: int = 0
    settlement: str = ""
    settled_by: str = ""
    settled_at_us: int | None = None
    settled_seq: int | None = None


class Side(Struct, frozen=True, kw_only=True):
    """What one side said: written at `made_at_us` by the person `made_by`, entered by the client `entered_by`.

    `sha256` is of what was said, without the signature; `body` all of it (JSON). `seq` is the number of our statement.
    """

    manifest: str
    side: Which
    made_at_us: int
    made_by: str
    entered_at_us: int
    entered_by: str
    sha256: bytes
    signature: str
    body: str
    seq: int


class Line(Struct, frozen=True, kw_only=True):
    """One item of a manifest: what either side said of it (JSON), None: nothing. `difference` is '' until both
    have spoken.
    """

    manifest: str
    item: str
    handed: str | None
    taken: str | None
    difference: str


class Waiting(Struct, frozen=True, kw_only=True):
    """A manifest that needs a person: with differences that nobody settled, or with one side alone (`side`); written at
    `since_us`.
    """

    id: str
    number: str
    carrier: str
    office: str
    direction: str
    differences: int
    side: str
    since_us: int


class OnPaper(Struct, frozen=True, kw_only=True):
    """What the hand-over note says of an item beside the manifest: a dossier in it, whose it is."""

    item: str
    dossier: str
    number: str
    unit: str
    unit_name: str
    address: str


_MANIFEST, _SIDE, _LINE = Manifest.__struct_fields__, Side.__struct_fields__, Line.__struct_fields__


def _insert(table: str, fields: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(fields)}) VALUES ({', '.join(':' + name for name in fields)})"  # noqa: S608 - names are ours


_ENTER = sa.text(_insert("manifest", _MANIFEST))
_SAY = sa.text(_insert("manifest_side", _SIDE))
_PUT_LINES = sa.text(
    _insert("manifest_line", _LINE) + " ON CONFLICT (manifest, item) DO UPDATE SET"
    " handed = excluded.handed, taken = excluded.taken, difference = excluded.difference"
)
_FIND = Statement(f"SELECT {', '.join(_MANIFEST)} FROM manifest WHERE id = :id")  # noqa: S608 - names are ours
_SIDES = Statement(f"SELECT {', '.join(_SIDE)} FROM manifest_side WHERE manifest = :id ORDER BY side")  # noqa: S608 - names are ours
_LINES = Statement(f"SELECT {', '.join(_LINE)} FROM manifest_line WHERE manifest = :id ORDER BY item")  # noqa: S608 - names are ours
_COUNT = sa.text("UPDATE manifest SET sides = :sides, differences = :differences, settled_at_us = NULL WHERE id = :id")
_SETTLE = sa.text(
    "UPDATE manifest SET settlement = :note, settled_by = :by, settled_at_us = :at, settled_seq = :seq"
    " WHERE id = :id AND settled_at_us IS NULL"
)
_ELSEWHERE = sa.text(
    "SELECT item, manifest FROM manifest_line WHERE item IN :items AND manifest <> :id AND handed IS NOT NULL"
    " ORDER BY item, manifest"
).bindparams(sa.bindparam("items", expanding=True))
_WAITING = sa.text(
    "SELECT m.id, m.number, m.carrier, m.office, m.direction, m.differences,"
    " CASE WHEN m.sides = 2 THEN '' ELSE min(s.side) END AS side, min(s.made_at_us) AS since_us"
    " FROM manifest m JOIN manifest_side s ON s.manifest = m.id"
    " WHERE m.settled_at_us IS NULL AND (m.sides < 2 OR m.differences > 0)"
    " GROUP BY m.id, m.number, m.carrier, m.office, m.direction, m.differences, m.sides"
    " ORDER BY since_us, m.id LIMIT :most"
)
_LISTED = "SELECT {fields} FROM manifest WHERE id > :after{chosen} ORDER BY id LIMIT :limit"
_STATED = sa.text("SELECT seq, jws FROM statement WHERE seq IN :seqs").bindparams(sa.bindparam("seqs", expanding=True))
# The register's row that holds on the day, and the number that people call a dossier by, once it has come. Only of
# items that this carrier carries to or from this office: whoever writes a number into a list learns nothing by it.
_ON_PAPER = sa.text(
    "SELECT i.number AS item, d.dossier, COALESCE(came.statement_number, '') AS number,"
    " COALESCE(came.unit, a.unit, i.unit) AS unit, COALESCE(u.name, '') AS unit_name,"
    " COALESCE(o.address, n.return_to, '') AS address"
    " FROM item i JOIN manifest_line l ON l.item = i.number AND l.manifest = :id"
    " JOIN manifest m ON m.id = l.manifest AND m.office = i.office AND m.carrier = i.carrier"
    " JOIN item_dossier d ON d.item = i.number"
    " LEFT JOIN announced a ON a.id = d.dossier AND a.state <> 'cancelled'"
    " LEFT JOIN announcement n ON n.id = a.announcement"
    " LEFT JOIN dossier came ON came.id = CASE WHEN a.half_of <> '' THEN a.half_of ELSE d.dossier END"
    " LEFT JOIN outbound o ON o.item = i.number"
    " LEFT JOIN unit u ON u.code = COALESCE(came.unit, a.unit, i.unit) AND u.valid_from <= :on"
    " AND (u.valid_to IS NULL OR u.valid_to >= :on) ORDER BY i.number, d.dossier"
)


def enter(tx: sa.Connection, manifest: Manifest) -> None:
    """Write that there is such a manifest."""
    tx.execute(_ENTER, msgspec.structs.asdict(manifest))


def say(tx: sa.Connection, side: Side) -> None:
    """Write what one side said; each says it once, and it is never changed."""
    tx.execute(_SAY, msgspec.structs.asdict(side))


def put_lines(tx: sa.Connection, manifest: str, lines: Sequence[Line], *, sides: int, differences: int) -> None:
    """Write the lines as the sides make them, in the place of those before, and how many of them do not meet. A
    settlement holds no longer.
    """
    if lines:
        tx.execute(_PUT_LINES, [msgspec.structs.asdict(one) for one in lines])
    tx.execute(_COUNT, {"id": manifest, "sides": sides, "differences": differences})


def settle(tx: sa.Connection, manifest: str, note: str, by: str, at_us: int, seq: int) -> bool:
    """Write a person's note on the differences; False when there is one already."""
    return bool(tx.execute(_SETTLE, {"id": manifest, "note": note, "by": by, "at": at_us, "seq": seq}).rowcount)


def find(tx: sa.Connection, manifest: str) -> Manifest | None:
    """The manifest of that id."""
    rows = _FIND(tx, {"id": manifest})
    return next((msgspec.convert(dict(zip(_MANIFEST, row, strict=True)), Manifest) for row in rows), None)


def sides(tx: sa.Connection, manifest: str) -> dict[Which, Side]:
    """What was said so far, by side."""
    rows = _SIDES(tx, {"id": manifest})
    found = [msgspec.convert(dict(zip(_SIDE, row, strict=True)), Side) for row in rows]
    return {one.side: one for one in found}


def lines(tx: sa.Connection, manifest: str) -> list[Line]:
    """Its lines, by the items' numbers."""
    return [msgspec.convert(dict(zip(_LINE, row, strict=True)), Line) for row in _LINES(tx, {"id": manifest})]


def elsewhere(tx: sa.Connection, manifest: str, items: Sequence[str]) -> dict[str, list[str]]:
    """The other manifests on which these items were handed over, by item."""
    found: dict[str, list[str]] = {}
    if items:
        for item, other in tx.execute(_ELSEWHERE, {"items": list(items), "id": manifest}):
            found.setdefault(str(item), []).append(str(other))
    return found


def waiting(tx: sa.Connection) -> list[Waiting]:
    """What needs a person, or may soon: differences that nobody settled, and manifests of one side alone; the oldest
    first, at most `WAITING_MAX`.
    """
    return _all(tx.execute(_WAITING, {"most": WAITING_MAX}), Waiting)


def listed(
    tx: sa.Connection,
    *,
    offices: Sequence[str] | None,
    carriers: Sequence[str] | None,
    open_only: bool,
    after: str,
    limit: int,
) -> list[Manifest]:
    """At most `limit` manifests after id `after`: of these offices and carriers (None: of all)."""
    chosen = ""
    values: dict[str, object] = {"after": after, "limit": limit}
    several = {"office": offices, "carrier": carriers}
    for column, wanted in several.items():
        if wanted is not None:
            chosen += f" AND {column} IN :{column}"
            values[column] = list(wanted)
    if open_only:
        chosen += " AND settled_at_us IS NULL AND (sides < 2 OR differences > 0)"
    statement = sa.text(_LISTED.format(fields=", ".join(_MANIFEST), chosen=chosen)).bindparams(
        *(
            sa.bindparam(column, expanding=True, type_=sa.String)
            for column, wanted in several.items()
            if wanted is not None
        )
    )
    return _all(tx.execute(statement, values), Manifest)


def stated(tx: sa.Connection, seqs: Sequence[int]) -> dict[int, str]:
    """Our statements under these numbers (compact JWS)."""
    return {int(seq): str(jws) for seq, jws in tx.execute(_STATED, {"seqs": list(seqs)})} if seqs else {}


def on_paper(tx: sa.Connection, manifest: str, on: str) -> list[OnPaper]:
    """The dossiers in the items of a manifest and whose they are on that day (ISO 8601), as far as they are known."""
    return _all(tx.execute(_ON_PAPER, {"id": manifest, "on": on}), OnPaper)


def _all(rows: Iterable[sa.Row[tuple[object, ...]]], struct: type[_T]) -> list[_T]:
    return [msgspec.convert(dict(row._mapping), struct) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
