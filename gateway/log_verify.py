"""The log is worked out again from its leaves, held against all that is kept and published, and written out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.log_opening import LogRolledBack, OriginSaid, check_published
from gateway.log_proofs import tile_bytes
from gateway.log_published import PublishedBroken
from gateway.receipt import ORIGIN_TYPE
from signing.note import Checkpoint, NoteBroken, open_checkpoint, read_vkey
from signing.seal import SealBroken, open_jws
from storage import ledger, log, log_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import sqlalchemy as sa

    from gateway.log_published import Published
    from storage.database import Database
    from storage.log_rows import Origin, SignedHead

FAULTS_TOLD_MAX: Final = 1000
_SLICE_LEAVES: Final = 16_384
_HEADS_A_PAGE: Final = 1000
_SEQ_MAX: Final = 2**63 - 1


class LogFault(Struct, frozen=True):
    """Something that does not hold."""

    origin: str
    vi: str
    en: str


class LogVerified(Struct, kw_only=True):
    """What was looked at, and what does not hold."""

    leaves: int = 0
    tiles: int = 0
    checkpoints: int = 0
    stamped: int = 0
    waiting: int = 0
    faults: list[LogFault] = []

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify_log(
    database: Database,
    published: Published,
    keys: Mapping[str, Mapping[str, str]],
    progress: Callable[[int], None] = lambda _: None,
) -> LogVerified:
    """Work every tree out again from its leaves: each tile, each checkpoint's root and signature, each origin's
    statement under one of `keys` (JWKs by their names), the published file; as one commit left it, while a gateway may
    go on. Raises `DatabaseAway`.
    """
    found, broken = LogVerified(), ""
    # Before anything else is read: a gateway may publish more meanwhile, and the database is never behind this file.
    try:
        last = published.read()
    except PublishedBroken as error:
        last, broken = None, str(error)
    with database.read() as tx:
        ledger.settle_in(tx)
        origins = log_rows.origins(tx)
        said = log_rows.announced(tx, ORIGIN_TYPE)
        for origin in origins:
            walk = _Walk(tx, origin, found, progress)
            walk.statement(said.get(origin.origin, ""), keys)
            walk.tree()
        if origins:
            found.waiting = log_rows.waiting(tx, origins[-1].upto_seq)
        try:
            check_published(tx, origins, last)
        except (LogRolledBack, log.LogCorrupt) as error:
            broken = broken or str(error)
        if broken:
            vi, _, en = broken.partition(" · ")
            found.faults.append(LogFault(origins[-1].origin if origins else "", vi, en or vi))
    return found


class _Walk:
    """One origin, from its first leaf to its last."""

    def __init__(self, tx: sa.Connection, origin: Origin, found: LogVerified, progress: Callable[[int], None]) -> None:
        self.tx, self.origin, self.found, self.progress = tx, origin, found, progress
        self.vkey = read_vkey(origin.vkey)

    def tree(self) -> None:
        """Its leaves, tiles and heads, a slice at a time."""
        size, root, after = 0, log.EMPTY_ROOT, self.origin.after_seq
        edge: dict[tuple[int, int], bytes] = {}
        for stop, head in self._stops():
            while size < stop:
                most = min(stop - size, _SLICE_LEAVES)
                leaves = log_rows.leaves(self.tx, after, _SEQ_MAX, most)
                if len(leaves) < most:
                    told = f"{size + len(leaves)} < {stop}"
                    self._wrong(f"thiếu lá: {told}", f"leaves are missing: {told}")
                    return
                size, root, made = log.extended(size, [leaf for _, leaf in leaves], edge)
                self._tiles(one for one in made.items() if len(one[1]) == log.TILE_WIDTH * log.HASH_BYTES)
                kept = edge | made
                edge = {(one.level or 0, one.n): kept[one.level or 0, one.n] for one in log.edge_of(size)}
                after = leaves[-1][0]
                self.progress(size)
            if head is not None:
                self._head(head, root, after)
        self._tiles(edge.items())
        self.found.leaves += size
        if (size, root, after) != (self.origin.size, self.origin.root, self.origin.upto_seq):
            self._wrong(f"gốc của {size} lá không khớp", f"the root of {size} leaves differs")

    def _stops(self) -> Iterator[tuple[int, SignedHead | None]]:
        """Each signed head by its size, then the tree that won."""
        after = 0
        while heads := log_rows.heads(self.tx, self.origin.number, after, _HEADS_A_PAGE):
            yield from ((head.size, head) for head in heads)
            after = heads[-1].size
        if after > self.origin.size:
            told = f"{after} > {self.origin.size}"
            self._wrong(f"đã ký nhiều lá hơn cây có: {told}", f"more leaves are signed than there are: {told}")
        yield self.origin.size, None

    def _tiles(self, made: Iterable[tuple[tuple[int, int], bytes]]) -> None:
        for (level, n), hashes in made:
            self.found.tiles += 1
            if log_rows.tile(self.tx, self.origin.number, level, n) != hashes:
                self._wrong(f"mảnh {level}/{n} không khớp", f"tile {level}/{n} differs")

    def _head(self, head: SignedHead, root: bytes, after: int) -> None:
        self.found.checkpoints += 1
        self.found.stamped += head.token is not None
        if (head.root, head.upto_seq) != (root, after):
            self._wrong(f"điểm kiểm {head.size}: gốc không khớp", f"checkpoint {head.size}: its root differs")
        try:
            signed = open_checkpoint(head.note, self.vkey)
        except NoteBroken as error:
            self._wrong(f"điểm kiểm {head.size}: {error}", f"checkpoint {head.size}: {error}")
            return
        if signed != Checkpoint(self.origin.origin, head.size, head.root):
            self._wrong(f"điểm kiểm {head.size}: ký cây khác", f"checkpoint {head.size}: another tree is signed")

    def statement(self, jws: str, keys: Mapping[str, Mapping[str, str]]) -> None:
        """That the origin's name and key were announced under the seal."""
        for jwk in keys.values():
            try:
                said = msgspec.json.decode(open_jws(jws, jwk, typ=ORIGIN_TYPE), type=OriginSaid)
            except (SealBroken, msgspec.MsgspecError):
                continue
            if (said.origin, said.vkey, said.number) == (self.origin.origin, self.origin.vkey, self.origin.number):
                return
        self._wrong("không có văn bản công bố đúng", "no statement announces it as it is")

    def _wrong(self, vi: str, en: str) -> None:
        if len(self.found.faults) < FAULTS_TOLD_MAX:
            self.found.faults.append(LogFault(self.origin.origin, vi, en))


def export_log(database: Database, folder: Path, progress: Callable[[int], None] = lambda _: None) -> int:
    """Write the log as files that any web server can serve (C2SP tlog-tiles); returns how many were written.

    The tree that grows stands in `folder` itself, closed ones below `origins/`. Full tiles that are there already are
    left alone, and the checkpoint comes last: whoever reads meanwhile finds all that it names. Raises OSError,
    `DatabaseAway`; doing it again is safe.
    """
    written = 0
    with database.read() as tx:
        origins = log_rows.origins(tx)
        for origin in origins:
            below = folder if origin is origins[-1] else folder / "origins" / str(origin.number)
            newest = log_rows.newest(tx, origin.number)
            for tile in log.tiles_of(newest.size) if newest else ():
                path = below / "tile" / tile.path
                if tile.is_full and path.exists():
                    continue
                _write(path, tile_bytes(tx, origin, tile) or b"")
                written += 1
                progress(written)
            if newest is not None:
                _write(below / "checkpoint", newest.note.encode())
                written += 1
        for name, jws in log_rows.announced(tx, ORIGIN_TYPE).items():
            number = next((one.number for one in origins if one.origin == name), 0)
            _write(folder / "origins" / f"{number}.jws", jws.encode())
            written += 1
    return written


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for whoever reads meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)
