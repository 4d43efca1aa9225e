"""The transparency log in the database: origins, their leader, tiles and checkpoints.

Every function takes the open transaction `tx` and never commits. A tree grows by a compare-and-swap under the leader's
fence number, so that whoever was overtaken writes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage import log
from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from storage.database import Database
    from storage.log import ReadTile

# So many leaves are added in one transaction; a backlog is worked off in such slices.
LEAVES_A_SLICE_MAX = 65_536


class Origin(Struct, frozen=True, kw_only=True):
    """One tree and who leads it. Times are microseconds since 1970 UTC.

    `size`, `root` and `upto_seq` (the number of the last leaf in it) are what last won; it may not be signed yet.
    `previous_origin` is '' where the origin continues no other.
    """

    number: int
    origin: str
    vkey: str
    opened_at_us: int
    after_seq: int
    size: int = 0
    root: bytes = log.EMPTY_ROOT
    upto_seq: int
    fence: int = 0
    leader: str = ""
    leader_until_us: int = 0
    stamp_at_us: int = 0
    previous_origin: str = ""
    previous_size: int = 0
    previous_root: bytes = b""


class SignedHead(Struct, frozen=True, kw_only=True):
    """A checkpoint that was signed: the note, with its cosignatures, and the time-stamp token over its text."""

    origin: int
    size: int
    root: bytes
    upto_seq: int
    note: str
    signed_at_us: int
    token: bytes | None = None
    stamped_at_us: int | None = None


class Look(Struct, frozen=True, kw_only=True):
    """What a worker sees at a glance: the tree that grows, its leader, the newest leaf there is, the size signed."""

    number: int
    size: int
    upto_seq: int
    fence: int
    leader: str
    leader_until_us: int
    newest_seq: int
    signed_size: int

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to add and nothing to sign."""
        return self.newest_seq <= self.upto_seq and self.signed_size == self.size


def _insert(table: str, struct: type[Struct]) -> str:
    names = struct.__struct_fields__
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"  # noqa: S608 - names are ours


_ORIGIN = ", ".join(Origin.__struct_fields__)
_HEAD = ", ".join(SignedHead.__struct_fields__)
_LOOK = Statement(
    "SELECT o.number, o.size, o.upto_seq, o.fence, o.leader, o.leader_until_us,"
    " (SELECT max(seq) FROM log_entry), (SELECT max(c.size) FROM checkpoint c WHERE c.origin = o.number)"
    " FROM log_origin o ORDER BY o.number DESC LIMIT 1"
)
_ORIGINS = sa.text(f"SELECT {_ORIGIN} FROM log_origin ORDER BY number")  # noqa: S608 - names are ours
_OPEN = sa.text(_insert("log_origin", Origin))
# Whose time is far ahead of ours has a wrong clock, or we have: its lead counts as ended.
_TAKE_LEAD = sa.text(
    "UPDATE log_origin SET fence = fence + 1, leader = :leader, leader_until_us = :until"
    " WHERE number = :number AND (leader_until_us <= :now OR leader_until_us > :until OR leader = :leader)"
    " RETURNING fence"
)
_GROW = sa.text(
    "UPDATE log_origin SET size = :size, root = :root, upto_seq = :upto, leader_until_us = :until"
    " WHERE number = :number AND size = :old_size AND root = :old_root AND fence = :fence"
)
_PUT_TILE = Statement(
    "INSERT INTO log_tile (origin, level, n, hashes) VALUES (:origin, :level, :n, :hashes)"
    " ON CONFLICT (origin, level, n) DO UPDATE SET hashes = excluded.hashes"
)
_TILE = sa.text("SELECT hashes FROM log_tile WHERE origin = :origin AND level = :level AND n = :n")
_LEAVES = sa.text("SELECT seq, leaf FROM log_entry WHERE seq > :after AND seq <= :upto ORDER BY seq LIMIT :most")
_LEAF = sa.text("SELECT leaf FROM log_entry WHERE seq = :seq")
_ENTER = sa.text(_insert("checkpoint", SignedHead) + " ON CONFLICT (origin, size) DO NOTHING")
# Of the heads of one block of 256 leaves the last is enough to count on from; a stamped one is kept for its token.
_THIN = sa.text("DELETE FROM checkpoint WHERE origin = :origin AND size < :size AND size >= :block AND token IS NULL")
_NEWEST = sa.text(f"SELECT {_HEAD} FROM checkpoint WHERE origin = :origin ORDER BY size DESC LIMIT 1")  # noqa: S608
_HEADS = sa.text(f"SELECT {_HEAD} FROM checkpoint WHERE origin = :origin AND size > :after ORDER BY size LIMIT :most")  # noqa: S608
_STAMPED_FROM = sa.text(
    f"SELECT {_HEAD} FROM checkpoint WHERE origin = :origin AND size > :index AND token IS NOT NULL"  # noqa: S608
    " ORDER BY size LIMIT 1"
)
_LAST_STAMPED = sa.text(
    f"SELECT {_HEAD} FROM checkpoint WHERE origin = :origin AND token IS NOT NULL ORDER BY size DESC LIMIT 1"  # noqa: S608
)
_ANCHOR_SEQ = sa.text(
    "SELECT size, upto_seq FROM checkpoint WHERE origin = :origin AND upto_seq < :seq ORDER BY upto_seq DESC LIMIT 1"
)
_ANCHOR_SIZE = sa.text(
    "SELECT size, upto_seq FROM checkpoint WHERE origin = :origin AND size <= :size ORDER BY size DESC LIMIT 1"
)
_COUNT = sa.text("SELECT count(*) FROM log_entry WHERE seq > :after AND seq < :seq")
_ENTRIES = sa.text("SELECT leaf FROM log_entry WHERE seq > :after ORDER BY seq LIMIT :most OFFSET :skipped")
_CLAIM_STAMP = sa.text(
    "UPDATE log_origin SET stamp_at_us = :next WHERE number = :number AND (stamp_at_us <= :now OR stamp_at_us > :next)"
)
_STAMP = sa.text(
    _insert("checkpoint", SignedHead)
    + " ON CONFLICT (origin, size) DO UPDATE SET token = excluded.token, stamped_at_us = excluded.stamped_at_us"
)
_PUT_NOTE = sa.text("UPDATE checkpoint SET note = :note WHERE origin = :origin AND size = :size AND note = :before")
_OPEN_ALARM = sa.text("SELECT since_us FROM alarm WHERE rule = :rule AND subject = :subject AND closed_at_us IS NULL")
_ANNOUNCED = sa.text("SELECT number, jws FROM statement WHERE type = :type ORDER BY seq")
_SERIES = sa.text("SELECT name, value FROM ordinal WHERE name <> 'commit'")
_RAISE = Statement(
    "INSERT INTO ordinal (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_LAST_AT = sa.text("SELECT max(at_us) FROM event")


def look(database: Database) -> Look | None:
    """What there is to do, asked by itself in one statement; None where no log is kept. Raises `DatabaseAway`."""
    found = database.look(_LOOK, {})
    if not found:
        return None
    *seen, newest, signed = found[0]
    names = Look.__struct_fields__
    return Look(**dict(zip(names, (*seen, newest or 0, signed or 0), strict=True)))


def origins(tx: sa.Connection) -> list[Origin]:
    """Every origin there ever was, the first first; the last is the tree that grows."""
    return [msgspec.convert(dict(row._mapping), Origin) for row in tx.execute(_ORIGINS)]  # noqa: SLF001 - SQLAlchemy's public name


def current(tx: sa.Connection) -> Origin | None:
    """The tree that grows."""
    return next(iter(origins(tx)[-1:]), None)


def open_origin(tx: sa.Connection, origin: Origin) -> None:
    """Write a new origin. Whoever opens one holds a turn (`journal.take_turn`)."""
    tx.execute(_OPEN, msgspec.structs.asdict(origin))


def take_lead(tx: sa.Connection, number: int, leader: str, now_us: int, until_us: int) -> int | None:
    """Become the leader of a tree until then; returns the fence number, None while another leads."""
    found: int | None = tx.execute(
        _TAKE_LEAD, {"number": number, "leader": leader, "now": now_us, "until": until_us}
    ).scalar()
    return found


def leaves(tx: sa.Connection, after: int, upto: int, most: int = LEAVES_A_SLICE_MAX) -> list[tuple[int, bytes]]:
    """Leaves with their numbers, in commit order."""
    return [(int(seq), bytes(leaf)) for seq, leaf in tx.execute(_LEAVES, {"after": after, "upto": upto, "most": most})]


def leaf(tx: sa.Connection, seq: int) -> bytes | None:
    """The leaf of that number."""
    found: bytes | None = tx.execute(_LEAF, {"seq": seq}).scalar()
    return found


def waiting(tx: sa.Connection, upto: int) -> int:
    """How many leaves there are after that number."""
    return int(tx.execute(_COUNT, {"after": upto, "seq": 2**63 - 1}).scalar_one())


def tile(tx: sa.Connection, number: int, level: int, n: int) -> bytes:
    """The hashes that are kept of a tile; b"" when there are none."""
    return bytes(tx.execute(_TILE, {"origin": number, "level": level, "n": n}).scalar() or b"")


def reader(tx: sa.Connection, number: int) -> ReadTile:
    """A way to the tiles of an origin; each is read once."""
    held: dict[tuple[int, int], bytes] = {}

    def read(level: int, n: int) -> bytes:
        if (level, n) not in held:
            held[level, n] = tile(tx, number, level, n)
        return held[level, n]

    return read


def edge(tx: sa.Connection, origin: Origin) -> dict[tuple[int, int], bytes]:
    """The partial tiles from which the tree grows. Raises `LogCorrupt` when they do not give its root."""
    found = {
        (one.level or 0, one.n): tile(tx, origin.number, one.level or 0, one.n) for one in log.edge_of(origin.size)
    }
    if log.root_of(origin.size, lambda level, n: found.get((level, n), b"")) != origin.root:
        raise log.LogCorrupt(f"{origin.origin}: the tiles do not give the root of {origin.size} leaves")
    return found


def grow(
    tx: sa.Connection,
    old: Origin,
    fence: int,
    until_us: int,
    grown: tuple[int, bytes, int],
    tiles: Mapping[tuple[int, int], bytes],
) -> bool:
    """Swap size, root and last leaf of `old` for `grown`, and write the tiles; False, and nothing is written, when
    another leader took over or the tree is no longer the one that was read.
    """
    size, root, upto = grown
    values = {"number": old.number, "old_size": old.size, "old_root": old.root, "fence": fence, "until": until_us}
    if not tx.execute(_GROW, values | {"size": size, "root": root, "upto": upto}).rowcount:
        return False
    rows = [{"origin": old.number, "level": level, "n": n, "hashes": hashes} for (level, n), hashes in tiles.items()]
    _PUT_TILE.many(tx, rows)
    return True


def enter(tx: sa.Connection, head: SignedHead) -> None:
    """Write a signed head, and drop those just before it that nobody needs; writing it again changes nothing."""
    tx.execute(_ENTER, msgspec.structs.asdict(head))
    block = head.size - head.size % log.TILE_WIDTH
    tx.execute(_THIN, {"origin": head.origin, "size": head.size, "block": block})


def newest(tx: sa.Connection, number: int) -> SignedHead | None:
    """The last head that was signed of an origin."""
    return next(iter(_heads(tx.execute(_NEWEST, {"origin": number}))), None)


def heads(tx: sa.Connection, number: int, after: int, most: int) -> list[SignedHead]:
    """Signed heads of an origin by their size, those larger than `after`."""
    return _heads(tx.execute(_HEADS, {"origin": number, "after": after, "most": most}))


def stamped_from(tx: sa.Connection, number: int, index: int) -> SignedHead | None:
    """The first time-stamped head that holds leaf `index`: it proves the earliest time."""
    return next(iter(_heads(tx.execute(_STAMPED_FROM, {"origin": number, "index": index}))), None)


def last_stamped(tx: sa.Connection, number: int) -> SignedHead | None:
    """The last head of an origin that has a time-stamp."""
    return next(iter(_heads(tx.execute(_LAST_STAMPED, {"origin": number}))), None)


def index_of(tx: sa.Connection, origin: Origin, seq: int) -> int:
    """Where the leaf numbered `seq` stands in the tree, or will: counted on from the last signed head before it."""
    size, after = _anchor(tx.execute(_ANCHOR_SEQ, {"origin": origin.number, "seq": seq}).first(), origin)
    return size + int(tx.execute(_COUNT, {"after": after, "seq": seq}).scalar_one())


def entries(tx: sa.Connection, origin: Origin, first: int, count: int) -> list[bytes]:
    """The records of `count` leaves from index `first` on; the caller asks for signed ones only."""
    size, after = _anchor(tx.execute(_ANCHOR_SIZE, {"origin": origin.number, "size": first}).first(), origin)
    rows = tx.execute(_ENTRIES, {"after": after, "most": count, "skipped": first - size})
    return [bytes(record) for record in rows.scalars()]


def claim_stamp(tx: sa.Connection, number: int, now_us: int, next_us: int) -> bool:
    """Whether it is this worker's turn to ask for a time-stamp; the next turn is at `next_us`."""
    return bool(tx.execute(_CLAIM_STAMP, {"number": number, "now": now_us, "next": next_us}).rowcount)


def stamp(tx: sa.Connection, head: SignedHead) -> None:
    """Write a head's token, and the head again if it was dropped meanwhile."""
    tx.execute(_STAMP, msgspec.structs.asdict(head))


def put_note(tx: sa.Connection, head: SignedHead, note: str) -> bool:
    """Replace the note by one with more cosignatures; False when another was quicker: read again."""
    values = {"note": note, "origin": head.origin, "size": head.size, "before": head.note}
    return bool(tx.execute(_PUT_NOTE, values).rowcount)


def alarm_since_us(tx: sa.Connection, rule: str, subject: str) -> int | None:
    """Since when an alarm is open for this rule and subject."""
    found: int | None = tx.execute(_OPEN_ALARM, {"rule": rule, "subject": subject}).scalar()
    return found


def announced(tx: sa.Connection, typ: str) -> dict[str, str]:
    """The statements of the origins (compact JWS), by their names."""
    return {str(name): str(jws) for name, jws in tx.execute(_ANNOUNCED, {"type": typ})}


def series(tx: sa.Connection) -> dict[str, int]:
    """Every series of numbers with the last one given."""
    return {str(name): int(value) for name, value in tx.execute(_SERIES)}


def raise_series(tx: sa.Connection, values: Mapping[str, int]) -> None:
    """Let each of these series of numbers go on after its value."""
    _RAISE.many(tx, [{"name": name, "value": value} for name, value in values.items()])


def last_fact_at_us(tx: sa.Connection) -> int | None:
    """When the last fact happened."""
    found: int | None = tx.execute(_LAST_AT).scalar()
    return found


def _anchor(row: sa.Row[Any] | None, origin: Origin) -> tuple[int, int]:
    size, after = tuple(row) if row else (0, origin.after_seq)
    return int(size), int(after)


def _heads(rows: Iterable[sa.Row[Any]]) -> list[SignedHead]:
    return [msgspec.convert(dict(row._mapping), SignedHead) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name
