"""What the shim wrote down, and the disks that a power cut may leave behind of it.

The model is as strict as POSIX allows. What was written is certain only once an fsync (or fdatasync) of that file began
after the write and came back with success; a name is certain only once its folder was synced. Everything else may be
there, or not, or in part: each write whole or not at all, or each of its 512-byte sectors by itself, earlier ones lost
while later ones stayed. A write whose fsync failed is never certain again, whatever succeeds later: the kernel may have
dropped the pages and called them clean. A rename is whole or not at all. SQLite's -shm lives in memory and is gone.
"""

import random
import struct
from enum import IntEnum
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

SECTOR_BYTES = 512
_HEAD = struct.Struct("=IIqQqqQII")
_MAGIC = 0x7461706E


class Kind(IntEnum):
    """As in shim.c."""

    OPEN = 1
    WRITE = 2
    CUT = 3
    SYNC_BEGINS = 4
    SYNC_ENDS = 5
    RENAME = 6
    UNLINK = 7
    MKDIR = 8
    RMDIR = 9
    LINK = 10


NAMES = frozenset({Kind.RENAME, Kind.UNLINK, Kind.MKDIR, Kind.RMDIR, Kind.LINK})


class Record(Struct, frozen=True):
    """One call. `at_ns` is the stopwatch (CLOCK_MONOTONIC) just before it was put on the tape."""

    kind: Kind
    at_ns: int
    inode: int
    offset: int
    length: int
    span: int
    path: str
    other: str
    content: bytes


def read_tape(path: Path) -> list[Record]:
    """All that is on the tape, in order. A record cut short at the end (its process was killed) is left out."""
    whole = path.read_bytes()
    found, position = [], 0
    while position + _HEAD.size <= len(whole):
        magic, kind, at_ns, inode, offset, length, span, named, other = _HEAD.unpack_from(whole, position)
        if magic != _MAGIC:
            raise ValueError(f"{path} is no tape at {position}")
        start = position + _HEAD.size
        end = start + named + other + (length if kind == Kind.WRITE else 0)
        if end > len(whole):
            break
        name, second = whole[start : start + named].decode(), whole[start + named : start + named + other].decode()
        content = whole[start + named + other : end]
        found.append(Record(Kind(kind), at_ns, inode, offset, length, span, name, second, content))
        position = end
    return found


class _File:
    """A file by whatever name. What it held before the tape began is certain."""

    def __init__(self, before: bytes = b"") -> None:
        self.before = before
        self.changes: list[tuple[int, Record]] = []
        # Numbers of changes of which no sync has decided yet.
        self.pending: list[int] = []


class _Name(Struct, frozen=True):
    """A change of a folder's entries: all of `gone` go and all of `come` come, or nothing happens."""

    number: int
    gone: tuple[str, ...]
    come: tuple[tuple[str, _File | None], ...]
    """The file under each new name; None for a folder."""


class Disk:
    """The tape's first `cut` records, told apart into what is certain and what is not."""

    def __init__(self, before: Path, root: Path, tape: list[Record], cut: int) -> None:
        self._root = str(root)
        self._names: dict[str, _File] = {}
        self._folders: set[str] = set()
        for path in sorted(before.rglob("*")):
            name = self._root + "/" + path.relative_to(before).as_posix()
            if path.is_dir():
                self._folders.add(name)
            elif path.is_file():
                self._names[name] = _File(path.read_bytes())
        self._entries = dict(self._names)
        self._inodes: dict[int, _File] = {}
        self._changes: list[_Name] = []
        self._pending: dict[str, list[int]] = {}
        self._certain: set[int] = set()
        self._cursed: set[int] = set()
        self._spans: dict[int, int] = {}
        self.fsyncs = 0
        for number, record in enumerate(tape[:cut]):
            self._play(number, record)

    @property
    def uncertain(self) -> int:
        """How many writes and names a power cut at this instant puts at risk."""
        files = {id(file): file for file in [*self._entries.values(), *self._inodes.values()]}
        writes = sum(number not in self._certain for file in files.values() for number, _ in file.changes)
        return writes + sum(change.number not in self._certain for change in self._changes)

    def _play(self, number: int, record: Record) -> None:
        kind = record.kind
        if kind == Kind.OPEN:
            self._open(number, record)
        elif kind in (Kind.WRITE, Kind.CUT):
            if (file := self._inodes.get(record.inode)) is not None:
                file.changes.append((number, record))
                file.pending.append(number)
        elif kind == Kind.SYNC_BEGINS:
            self._spans[record.span] = number
        elif kind == Kind.SYNC_ENDS:
            self._sync(self._spans.pop(record.span), record)
        elif kind in NAMES:
            self._rename(number, record)

    def _open(self, number: int, record: Record) -> None:
        known = self._entries.get(record.path)
        if record.length:  # it was made by this call
            known = _File()
            self._change(number, (), ((record.path, known),))
        if known is not None:
            self._inodes[record.inode] = known

    def _sync(self, begun: int, record: Record) -> None:
        """What was done before the sync began is certain now; or, if it failed, never again."""
        verdict = self._certain if record.offset == 0 else self._cursed
        self.fsyncs += record.offset == 0
        file = self._inodes.get(record.inode)
        for pending in (file.pending if file else [], self._pending.get(record.path, [])):
            verdict.update(number for number in pending if number < begun)
            pending[:] = [number for number in pending if number >= begun]

    def _rename(self, number: int, record: Record) -> None:
        if record.kind == Kind.MKDIR:
            self._change(number, (), ((record.path, None),))
        elif record.kind in (Kind.UNLINK, Kind.RMDIR):
            self._change(number, (record.path,), ())
        elif (file := self._entries.get(record.path)) is not None:
            gone = (record.path,) if record.kind == Kind.RENAME else ()
            self._change(number, gone, ((record.other, file),))

    def _change(self, number: int, gone: tuple[str, ...], come: tuple[tuple[str, _File | None], ...]) -> None:
        name = come[0][0] if come else gone[0]
        self._changes.append(_Name(number, gone, come))
        self._pending.setdefault(name.rpartition("/")[0], []).append(number)
        for one in gone:
            self._entries.pop(one, None)
        for one, file in come:
            if file is not None:
                self._entries[one] = file

    def leave(self, folder: Path, manner: "Manner", rng: random.Random) -> None:
        """Write a disk that the power cut may have left into `folder`, which must not be there yet."""
        names, folders = dict(self._names), set(self._folders)
        for change in self._changes:
            if change.number not in self._certain and not manner.keeps(change.number, rng):
                continue
            for one in change.gone:
                names.pop(one, None)
                folders.discard(one)
            for one, file in change.come:
                if file is None:
                    folders.add(one)
                else:
                    names[one] = file
        folder.mkdir(parents=True)
        for one in sorted(folders):
            self._place(folder, one).mkdir(parents=True, exist_ok=True)
        for one, file in names.items():
            path = self._place(folder, one)
            # A name whose folder was lost is lost with it.
            if not one.endswith("-shm") and path.parent.is_dir():
                path.write_bytes(self._content(file, manner, rng))
                path.chmod(0o600)

    def _place(self, folder: Path, name: str) -> Path:
        return folder / name.removeprefix(self._root).lstrip("/")

    def _content(self, file: _File, manner: "Manner", rng: random.Random) -> bytes:
        content = bytearray(file.before)
        for number, record in file.changes:
            certain = number in self._certain
            if record.kind == Kind.CUT:
                if certain or manner.keeps(number, rng):
                    del content[record.offset :]
                    content.extend(bytes(record.offset - len(content)))
                continue
            if certain or (not manner.tears and manner.keeps(number, rng)):
                _write(content, record.offset, record.content)
            elif manner.tears:
                for start, end in _sectors(record):
                    if manner.keeps(number, rng):
                        _write(content, start, record.content[start - record.offset : end - record.offset])
        return bytes(content)


def _sectors(record: Record) -> list[tuple[int, int]]:
    first, end = record.offset, record.offset + record.length
    edges = [first, *range(first - first % SECTOR_BYTES + SECTOR_BYTES, end, SECTOR_BYTES), end]
    return list(pairwise(edges))


def _write(content: bytearray, offset: int, written: bytes) -> None:
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(written)] = written


class Manner(Struct, frozen=True):
    """How a power cut treats what is uncertain: the share that stays, and whether writes are torn at sectors."""

    name: str
    stays: float
    tears: bool = False

    def keeps(self, number: int, rng: random.Random) -> bool:
        """Whether this one stays."""
        return self.stays > 0 and rng.random() < self.stays


# Everything uncertain is lost; a part of every write is; some are lost and later ones stay; nearly nothing is lost.
MANNERS = (
    Manner("dropped", 0.0),
    Manner("torn", 0.5, tears=True),
    Manner("reordered", 0.5),
    Manner("torn-late", 0.95, tears=True),
)
