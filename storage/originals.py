"""Original papers that an office holds for their owners: what arrived, where it is, and who had it from when.

Every function takes the open transaction `tx` and never commits. Times are microseconds since 1970 UTC. What is told of
an original is only ever added to its custody; the row beside it says where it stands now.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LISTED_MAX: Final = 10_000
# 100 bits of the digest name an original among all others.
_ID_CHARACTERS: Final = 20

HELD, SENT, RETURNED, LOST = "held", "sent", "returned", "lost"


class OriginalElsewhere(Exception):
    """The original is not where this could be told of it: it was sent, returned or lost meanwhile, or there are not so
    many of it. Trying again changes nothing.
    """


class Original(Struct, frozen=True, kw_only=True):
    """So many originals of a kind, that came in item `arrived_in`. `office` holds them for the unit while `state` is
    held; `sent_in` is the item that brings, or brought, them back. `name` goes when their dossier is erased.
    """

    id: str
    dossier: str
    kind: str
    name: str
    count: int
    office: str
    unit: str
    arrived_at_us: int
    arrived_in: str
    state: str
    state_at_us: int
    sent_in: str | None = None


class Custody(Struct, frozen=True, kw_only=True):
    """Who had an original from when: `fact` is arrived, filed, moved, divided, sent,
    undelivered, returned, handed-over, lost or found.
    """

    original: str
    version: int
    at_us: int
    holder: str
    fact: str
    told_by: str
    note: str


class Kept(Struct, frozen=True, kw_only=True):
    """An original that its owner has not got back, who has it, where its dossier stands and since when it is ended."""

    original: Original
    receipt_number: str
    holder: str
    dossier_state: str
    ended_at_us: int | None


_FIELDS = Original.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_OF_ORIGINAL = ", ".join("o." + name for name in _FIELDS)
_ADD = sa.text(
    f"INSERT INTO original ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})"  # noqa: S608 - names are ours
    " ON CONFLICT (id) DO NOTHING RETURNING id"
)
_CUSTODY = ", ".join(Custody.__struct_fields__)
_TELL = sa.text(
    f"INSERT INTO custody ({_CUSTODY}) SELECT :original, COALESCE(max(version), 0) + 1, :at_us, :holder, :fact,"  # noqa: S608 - names are ours
    " :told_by, :note FROM custody WHERE original = :original"
)
_TRACE = sa.text(f"SELECT {_CUSTODY} FROM custody WHERE original = :original ORDER BY version")  # noqa: S608 - names are ours
_FIND = sa.text(f"SELECT {_COLUMNS} FROM original WHERE id = :id")  # noqa: S608 - names are ours
_OF = sa.text(f"SELECT {_COLUMNS} FROM original WHERE dossier = :dossier ORDER BY arrived_at_us, kind, name, id")  # noqa: S608 - names are ours
_IN = sa.text(f"SELECT {_COLUMNS} FROM original WHERE sent_in = :item ORDER BY dossier, kind, name, id")  # noqa: S608 - names are ours
_STAND = sa.text(
    "UPDATE original SET state = :state, state_at_us = :at_us, sent_in = :sent_in"
    " WHERE id = :id AND state = :was RETURNING id"
)
_FORGET_HOLDERS = sa.text(
    "UPDATE custody SET holder = '', note = '' WHERE original IN (SELECT id FROM original WHERE dossier = :dossier)"
)
_LAST_HOLDER = "(SELECT c.holder FROM custody c WHERE c.original = o.id ORDER BY c.version DESC LIMIT 1)"
_NOT_RETURNED = (
    f"SELECT {_OF_ORIGINAL}, {_LAST_HOLDER} AS holder, d.statement_number, d.state AS dossier_state,"  # noqa: S608 - names are ours
    " COALESCE(k.finished_at_us, k.ended_at_us) AS ended_at_us"
    " FROM original o JOIN dossier d ON d.id = o.dossier LEFT JOIN course k ON k.dossier = o.dossier"
)
_OPEN = " WHERE o.state <> 'returned' AND o.state <> 'lost' AND o.arrived_at_us < :before"


def arrive(
    tx: sa.Connection,
    dossier: str,
    unit: str,
    office: str,
    item: str,
    pieces: Sequence[tuple[str, str, int]],
    at_us: int,
    told_by: str,
) -> list[Original]:
    """Write the originals (kind, name, count) that came for the dossier in that item, and that the office has them.

    Returns those that are new: the same arrival told again changes nothing.
    """
    counts: dict[tuple[str, str], int] = {}
    for kind, name, count in pieces:
        counts[kind, name] = counts.get((kind, name), 0) + count
    fresh: list[Original] = []
    for (kind, name), count in counts.items():
        one = Original(
            id=_id_of(dossier, item, kind, name),
            dossier=dossier,
            kind=kind,
            name=name,
            count=count,
            office=office,
            unit=unit,
            arrived_at_us=at_us,
            arrived_in=item,
            state=HELD,
            state_at_us=at_us,
        )
        if count > 0 and tx.execute(_ADD, msgspec.structs.asdict(one)).first() is not None:
            tell(tx, one.id, "arrived", holder=office, at_us=at_us, told_by=told_by)
            fresh.append(one)
    return fresh


def tell(tx: sa.Connection, original: str, fact: str, *, holder: str, at_us: int, told_by: str, note: str = "") -> None:
    """Add to an original's custody."""
    values = {"original": original, "at_us": at_us, "holder": holder, "fact": fact, "told_by": told_by, "note": note}
    tx.execute(_TELL, values)


def stand(tx: sa.Connection, one: Original, state: str, at_us: int, *, sent_in: str | None) -> None:
    """Write where it stands from now on. Raises `OriginalElsewhere` when it stands no more where it was read."""
    values = {"id": one.id, "state": state, "at_us": at_us, "sent_in": sent_in, "was": one.state}
    if tx.execute(_STAND, values).first() is None:
        raise OriginalElsewhere(one.id)


def move(tx: sa.Connection, one: Original, office: str) -> None:
    """Another office holds it from now on."""
    tx.execute(sa.text("UPDATE original SET office = :office WHERE id = :id"), {"id": one.id, "office": office})


def divide(tx: sa.Connection, one: Original, count: int, at_us: int, told_by: str) -> Original:
    """Take `count` away from what is held, as an original of its own, which is returned; the rest keeps its id.

    Raises `OriginalElsewhere` when there are not more than that.
    """
    left = tx.execute(
        sa.text(
            "UPDATE original SET count = count - :count WHERE id = :id AND state = 'held' AND count > :count"
            " RETURNING count"
        ),
        {"id": one.id, "count": count},
    ).first()
    if left is None or count < 1:
        raise OriginalElsewhere(one.id)
    versions = len(trace(tx, one.id))
    taken = msgspec.structs.replace(one, id=_id_of(one.id, str(versions)), count=count)
    tx.execute(_ADD, msgspec.structs.asdict(taken))
    holder = holder_of(tx, one.id)
    tell(tx, one.id, "divided", holder=holder, at_us=at_us, told_by=told_by, note=f"{left[0]} + {count}: {taken.id}")
    tell(tx, taken.id, "arrived", holder=one.office, at_us=one.arrived_at_us, told_by=told_by, note=one.id)
    tell(tx, taken.id, "divided", holder=holder, at_us=at_us, told_by=told_by, note=one.id)
    return taken


def find(tx: sa.Connection, original: str) -> Original | None:
    """The original of that id."""
    return next(iter(_originals(tx.execute(_FIND, {"id": original}))), None)


def of(tx: sa.Connection, dossier: str) -> list[Original]:
    """All originals that came for the dossier, wherever they are now; the oldest first."""
    return _originals(tx.execute(_OF, {"dossier": dossier}))


def sent_in(tx: sa.Connection, item: str) -> list[Original]:
    """The originals that were last sent in that item."""
    return _originals(tx.execute(_IN, {"item": item}))


def trace(tx: sa.Connection, original: str) -> list[Custody]:
    """Its custody from the beginning."""
    return [
        msgspec.convert(dict(row._mapping), Custody)  # noqa: SLF001 - SQLAlchemy's public name for it
        for row in tx.execute(_TRACE, {"original": original})
    ]


def holder_of(tx: sa.Connection, original: str) -> str:
    """Who has it by what was last told; "" for none."""
    told = trace(tx, original)
    return told[-1].holder if told else ""


def not_returned(tx: sa.Connection, office: str | None, before_us: int, most: int = LISTED_MAX) -> list[Kept]:
    """The originals (of that office; None: of all) that arrived before that instant and are neither back with their
    owner nor told lost, the oldest first.
    """
    of_office = " AND o.office = :office" if office is not None else ""
    sql = f"{_NOT_RETURNED}{_OPEN}{of_office} ORDER BY o.arrived_at_us, o.id LIMIT :most"
    values: dict[str, object] = {"before": before_us, "most": most}
    rows = tx.execute(sa.text(sql), values | ({"office": office} if office is not None else {}))
    return _kept(rows)


def kept_after_end(tx: sa.Connection, ended_before_us: int, most: int = LISTED_MAX) -> list[Kept]:
    """The originals that are not back though their dossier ended before that instant, the longest ended first."""
    sql = (
        f"{_NOT_RETURNED} WHERE o.state <> 'returned' AND o.state <> 'lost'"
        " AND d.state IN ('finished', 'returned', 'stopped', 'withdrawn', 'declined')"
        " AND COALESCE(k.finished_at_us, k.ended_at_us) < :before"
        " ORDER BY COALESCE(k.finished_at_us, k.ended_at_us), o.id LIMIT :most"
    )
    return _kept(tx.execute(sa.text(sql), {"before": ended_before_us, "most": most}))


def forget_names(tx: sa.Connection, dossier: str) -> None:
    """Clear what the originals of an erased dossier are called, and what was freely written of who had them; how many
    there were, and in which items they came and went, stays.
    """
    tx.execute(sa.text("UPDATE original SET name = '' WHERE dossier = :dossier"), {"dossier": dossier})
    tx.execute(_FORGET_HOLDERS, {"dossier": dossier})


def _kept(rows: Iterable[sa.Row[Any]]) -> list[Kept]:
    return [
        Kept(
            original=msgspec.convert({name: row._mapping[name] for name in _FIELDS}, Original),  # noqa: SLF001 - as below
            receipt_number=row.statement_number,
            holder=row.holder or "",
            dossier_state=row.dossier_state,
            ended_at_us=row.ended_at_us,
        )
        for row in rows
    ]


def _originals(rows: Iterable[sa.Row[Any]]) -> list[Original]:
    return [msgspec.convert(dict(row._mapping), Original) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def _id_of(*named: str) -> str:
    digest = hashlib.sha256("\0".join(named).encode()).digest()
    return "g-" + base64.b32encode(digest).decode().lower()[:_ID_CHARACTERS]
