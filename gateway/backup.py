"""The backup: everything as one commit left it, while the gateway serves; keys excepted.

The tables are read in one snapshot, then the packs they point into are copied: a pack is durable before its first row
is committed and never changes where rows point, so what is copied later is what the snapshot needs. A backup is written
under a temporary name and gets its own only when it is whole and synced.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from msgspec import Struct

from gateway import erasures_file
from gateway.backup_files import (
    ERASURES,
    FORMAT,
    MAKING,
    MANIFEST,
    PACKS,
    PACKS_FOLDER,
    TABLES,
    BackupUnusable,
    File,
    KeysNeeded,
    LogHead,
    Manifest,
    PackNeeded,
    TableFile,
    Writing,
    backups_in,
    digest_of,
    open_new,
    read_manifest,
    read_packs,
    seal_manifest,
    sync_folder,
)
from gateway.clock import VIETNAM, rfc3339
from gateway.erasure import TombstoneForged, line_of, read_tombstone
from gateway.receipt import ERASURE_TYPE
from storage import journal, migrations, tables
from storage.cipher import master_key_of
from storage.pack import PackUnknown, scan
from storage.vault import ContentMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from gateway.settle import Stores
    from storage.tables import Table

DAMAGED_TOLD_MAX: Final = 100
_KEYS_NOTE: Final = (
    "Bản sao lưu này không chứa khóa nào. Giữ riêng: khóa chính, khóa niêm phong và lịch sử của nó, khóa nhật ký. · "
    "No key is in this backup. Keep apart: the master key, the seal keys and their history, the log's key."
)
_LOCK: Final = ".lock"
# A pack that is named by the SHA-256 of its bytes is whole from the start; any other may grow.
_WHOLE: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TOMBSTONES: Final = sa.text("SELECT jws FROM statement WHERE type = :type ORDER BY seq")
_ORIGIN: Final = sa.text("SELECT origin, number, size, root FROM log_origin ORDER BY number DESC LIMIT 1")
_CHECKPOINT: Final = sa.text("SELECT note FROM checkpoint WHERE origin = :number ORDER BY size DESC LIMIT 1")


class BackupImpossible(Exception):
    """No backup could be made there now; nothing that was there before is harmed. The message says what to mend."""


class Made(Struct, frozen=True):
    """A backup that is whole and durable: where, what it holds, and what of the packs was new."""

    folder: Path
    manifest: Manifest
    packs: int
    packs_copied: int
    bytes_copied: int


class _Needed(Struct):
    """What rows were seen to need: bytes of each pack, and master keys."""

    packs: dict[str, int] = {}
    master: set[str] = set()


def silent(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


class Backup:
    """One backup on its way into `folder`, which other backups may share."""

    def __init__(
        self,
        stores: Stores,
        folder: Path,
        erasures: Path,
        keys: Mapping[str, Mapping[str, str]],
        progress: Callable[[str, int, int], None] = silent,
    ) -> None:
        """`keys` are the seal's public keys (JWK) by `kid`; `erasures` is the file of erasures."""
        self._stores, self._folder, self._erasures = stores, folder, erasures
        self._keys, self._progress = keys, progress
        self._needed = _Needed()
        self._tombstones: list[str] = []
        self._copied = self._copied_bytes = 0
        self._damaged: list[str] = []

    def make(self, now: datetime, *, packs: bool = True) -> Made:
        """Make it. Raises `BackupImpossible`, and `DatabaseAway`, `VaultAway`, `SealAway`, after which trying again is
        safe: packs that were copied already are not copied again.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(self._folder):
                return self._make(now, packs=packs)
        except OSError as error:
            raise BackupImpossible(f"{error.filename or self._folder}: {error.strerror}") from error

    def _make(self, now: datetime, *, packs: bool) -> Made:
        for stale in self._folder.glob(f"{MAKING}*"):
            shutil.rmtree(stale)
        making = self._folder / f"{MAKING}{now.astimezone(VIETNAM):%Y%m%dT%H%M%S}"
        for made in (making, making / TABLES):
            made.mkdir(mode=0o700)
        with tables.snapshot(self._stores.database) as tx:
            head, schema, log = journal.head(tx), tuple(migrations.present(tx)), _log(tx)
            written = tuple(self._table(tx, table, making) for table in tables.tables(tx))
            self._tombstones = list(tx.execute(_TOMBSTONES, {"type": ERASURE_TYPE}).scalars())
        name = f"{now.astimezone(VIETNAM):%Y%m%dT%H%M%S}-{head}"
        if (self._folder / name).exists():
            raise BackupImpossible(
                f"{name}: đã có, hãy chạy lại sau một giây · is there already, run again in a second"
            )
        listed = self._packs(making) if packs else None
        manifest = Manifest(
            format=FORMAT,
            name=name,
            made_at=rfc3339(now),
            gateway_unit=self._stores.gateway_unit,
            head=head,
            schema=schema,
            dialect=self._stores.database.dialect,
            tables=written,
            packs=listed,
            packs_bytes=sum(self._needed.packs.values()),
            damaged=tuple(self._damaged[:DAMAGED_TOLD_MAX]),
            erasures=self._write_erasures(making),
            log=log,
            keys=KeysNeeded(_KEYS_NOTE, tuple(sorted(self._needed.master)), tuple(sorted(self._keys))),
        )
        with open_new(making / MANIFEST) as file:
            file.write(seal_manifest(manifest, self._stores.seal.signer_at(now)))
            file.flush()
            os.fsync(file.fileno())
        for synced in (making / TABLES, making):
            sync_folder(synced)
        making.rename(self._folder / name)
        sync_folder(self._folder)
        return Made(self._folder / name, manifest, len(self._needed.packs), self._copied, self._copied_bytes)

    def _table(self, tx: sa.Connection, table: Table, making: Path) -> TableFile:
        writing = Writing(making, f"{TABLES}/{table.name}.rows")
        at = {name: place for place, name in enumerate(table.columns)}
        in_packs = {"pack", "pack_offset", "pack_length"} <= at.keys()
        for count, row in enumerate(tables.rows(tx, table), 1):
            writing.row(row)
            if in_packs:
                self._note_place(row[at["pack"]], row[at["pack_offset"]], row[at["pack_length"]])
            if "wrapped_key" in at and isinstance(key := row[at["wrapped_key"]], bytes):
                self._needed.master.add(master_key_of(key))
            if count % tables.ROWS_MAX == 0:
                self._progress(table.name, count, 0)
        return TableFile(table.name, table.columns, writing.done())

    def _note_place(self, pack: object, offset: object, length: object) -> None:
        if isinstance(pack, str) and isinstance(offset, int) and isinstance(length, int):
            self._needed.packs[pack] = max(self._needed.packs.get(pack, 0), offset + length)

    def _packs(self, making: Path) -> File:
        folder = self._folder / PACKS_FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        known = self._known()
        writing = Writing(making, PACKS)
        for done, (name, size_bytes) in enumerate(sorted(self._needed.packs.items()), 1):
            writing.row(self._pack(folder, name, size_bytes, known.get(name)))
            self._progress(PACKS_FOLDER, done, len(self._needed.packs))
        sync_folder(folder)
        return writing.done()

    def _known(self) -> dict[str, PackNeeded]:
        """The packs of the backup before this, so that they need not be read again to be digested. A restore reads
        everything.
        """
        for name in reversed(backups_in(self._folder)):
            folder = self._folder / name
            try:
                manifest = read_manifest(folder, self._keys)
                if manifest.packs is not None:
                    return {one.name: one for one in read_packs(folder, manifest)}
            except BackupUnusable:
                continue
        return {}

    def _pack(self, folder: Path, name: str, size_bytes: int, known: PackNeeded | None) -> PackNeeded:
        """Copy a pack, as far as it is needed and not there yet."""
        path = folder / name
        held = path.stat().st_size if path.exists() else -1
        if held >= size_bytes:
            if known is not None and known.size_bytes == (held if _WHOLE.fullmatch(name) else size_bytes):
                return known
            return PackNeeded(name, *digest_of(path, None if _WHOLE.fullmatch(name) else size_bytes))
        try:
            content = self._stores.vault.raw(name)
        except ContentMissing:
            self._damaged.append(name)
            return PackNeeded(name, 0, "")
        if not _WHOLE.fullmatch(name):
            content = content[:size_bytes]
        digest = hashlib.sha256(content).hexdigest()
        if not _is_sound(name, content, size_bytes, digest):
            # What is left of it is worth keeping; and the operator is told.
            self._damaged.append(name)
        beside = folder / f"{MAKING}{name}"
        beside.unlink(missing_ok=True)
        with open_new(beside) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
        self._copied += 1
        self._copied_bytes += len(content)
        return PackNeeded(name, len(content), digest)

    def _write_erasures(self, making: Path) -> File:
        """What the file of erasures says, and what the database says beside: together nothing is lacking."""
        lines = erasures_file.read(self._erasures)
        told = {line.tombstone for line in lines}
        for jws in self._tombstones:
            if jws not in told:
                try:
                    lines.append(line_of(read_tombstone(jws, self._keys.values()), jws))
                except TombstoneForged:
                    continue  # the audit names it
        writing = Writing(making, ERASURES)
        writing.bytes(erasures_file.as_bytes(lines))
        return writing.done()


def _is_sound(name: str, content: bytes, size_bytes: int, digest: str) -> bool:
    if len(content) < size_bytes or (_WHOLE.fullmatch(name) and digest != name):
        return False
    try:
        return not scan(content).gaps
    except PackUnknown:
        return False


def _log(tx: sa.Connection) -> LogHead | None:
    found = tx.execute(_ORIGIN).first()
    if found is None:
        return None
    origin, number, size, root = found
    note = tx.execute(_CHECKPOINT, {"number": number}).scalar()
    return LogHead(origin, number, size, bytes(root).hex(), note or "")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One backup at a time in a folder."""
    held = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupImpossible(
            f"{folder}: một bản sao lưu khác đang chạy · another backup is being made here"
        ) from None
    finally:
        os.close(held)
