"""What a backup consists of on disk: a sealed manifest, tables as rows, packs shared by all backups in the folder.

DIR/packs/<pack>                       whole packs, as they lie in the vault
DIR/<yyyymmddThhmmss>-<head>/          one backup, there only when it is whole
    manifest.jws                       what there is, with digests, sealed by the key that seals receipts
    tables/<table>.rows                rows: length (4 bytes, big-endian) and a msgpack array of the columns
    packs.rows                         the packs that these rows point into: name, bytes needed, SHA-256 of those
    erasures.jsonl                     what was ever erased
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from signing.seal import SealBroken, kid_of, open_jws, seal_jws

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from signing.seal import Signer
    from storage.tables import Row

BACKUP_TYPE: Final = "motcua-backup+jws"
FORMAT: Final = 1
MANIFEST, ERASURES, PACKS, TABLES = "manifest.jws", "erasures.jsonl", "packs.rows", "tables"
PACKS_FOLDER: Final = "packs"
MAKING: Final = ".making-"
ROW_BYTES_MAX: Final = 1 << 30
MANIFEST_BYTES_MAX: Final = 256 * 1024
_NAME: Final = re.compile(r"\d{8}T\d{6}-\d+", re.ASCII)
_FILE_NAME: Final = re.compile(r"[a-z][a-z_]*|[0-9a-f]{32}\.pack|[0-9a-f]{64}", re.ASCII)
_LENGTH: Final = struct.Struct(">I")
_READ_BYTES: Final = 1024 * 1024


class BackupUnusable(Exception):
    """A backup is torn, damaged or forged; the message names the file. Take another: trying again is of no use."""


class File(Struct, frozen=True):
    """A file of the backup: its path in the backup's folder, its size, its digest (hex), and how many rows it holds."""

    path: str
    size_bytes: int
    sha256: str
    rows: int


class TableFile(Struct, frozen=True):
    """A table: its columns in the order in which they stand in a row, and its file."""

    name: str
    columns: tuple[str, ...]
    file: File


class LogHead(Struct, frozen=True):
    """The transparency log as the backup has it: its last origin, the tree that was committed, the last signed note."""

    origin: str
    number: int
    size: int
    root: str
    checkpoint: str


class KeysNeeded(Struct, frozen=True):
    """The keys without which the backup cannot be used. They are not in it: keep them apart, by their own way."""

    note: str
    master: tuple[str, ...]
    seal: tuple[str, ...]


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup holds. `head` is the number of the last fact in it; nothing up to it is missing.

    `packs` is None when packs were left out: then the vault itself must survive. `damaged` are packs that were missing
    or damaged in the vault already when the backup was made.
    """

    format: int
    name: str
    made_at: str
    gateway_unit: str
    head: int
    schema: tuple[int, ...]
    dialect: str
    tables: tuple[TableFile, ...]
    packs: File | None
    packs_bytes: int
    damaged: tuple[str, ...]
    erasures: File
    log: LogHead | None
    keys: KeysNeeded


class PackNeeded(Struct, frozen=True, array_like=True):
    """A pack, how many bytes of it the backup's rows point into, and the SHA-256 (hex) of these; '' when it is gone."""

    name: str
    size_bytes: int
    sha256: str


class Writing:
    """A file that is being written and digested on the way; `done` makes it durable and tells what it is."""

    def __init__(self, folder: Path, path: str) -> None:
        self._path, self._rows, self._size, self._digest = path, 0, 0, hashlib.sha256()
        self._file = open_new(folder / path)

    def row(self, row: Row | PackNeeded) -> None:
        """Add a row."""
        content = msgspec.msgpack.encode(row)
        self.bytes(_LENGTH.pack(len(content)) + content)
        self._rows += 1

    def bytes(self, content: bytes) -> None:
        """Add bytes as they are."""
        self._digest.update(content)
        self._size += len(content)
        self._file.write(content)

    def done(self) -> File:
        """Make it durable."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return File(self._path, self._size, self._digest.hexdigest(), self._rows)


def open_new(path: Path) -> BinaryIO:
    """A new file for its owner alone: what persons wrote stands in backups. Raises `OSError`."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_file(folder: Path, file: File) -> None:
    """Raises `BackupUnusable` unless the file is there and is, byte for byte, the one that the manifest names."""
    path = folder / file.path
    try:
        size_bytes, sha256 = digest_of(path)
    except OSError as error:
        raise BackupUnusable(f"{path}: {error.strerror}") from error
    if (size_bytes, sha256) != (file.size_bytes, file.sha256):
        raise BackupUnusable(f"{path}: không đúng bản đã niêm phong · is not the file that the manifest names")


def digest_of(path: Path, size_bytes: int | None = None) -> tuple[int, str]:
    """Size and SHA-256 (hex) of a file, or of its first bytes. Raises `OSError`."""
    digest, left, read = hashlib.sha256(), size_bytes, 0
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES if left is None else min(_READ_BYTES, left)):
            digest.update(chunk)
            read += len(chunk)
            left = None if left is None else left - len(chunk)
    return read, digest.hexdigest()


def read_rows(folder: Path, file: File) -> Iterator[Row]:
    """The rows of a file that was checked before. Raises `BackupUnusable`, `OSError`."""
    path = folder / file.path
    with path.open("rb") as held:
        for _ in range(file.rows):
            head = held.read(_LENGTH.size)
            length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else ROW_BYTES_MAX + 1
            if length > ROW_BYTES_MAX:
                raise BackupUnusable(f"{path}: bị cắt hoặc hỏng · torn or damaged")
            try:
                yield msgspec.msgpack.decode(held.read(length), type=list)
            except msgspec.MsgspecError as error:
                raise BackupUnusable(f"{path}: {error}") from error


def read_packs(folder: Path, manifest: Manifest) -> list[PackNeeded]:
    """The packs that a backup needs; none where they were left out. Raises `BackupUnusable`, `OSError`."""
    if manifest.packs is None:
        return []
    try:
        needed = [msgspec.convert(row, PackNeeded) for row in read_rows(folder, manifest.packs)]
    except msgspec.ValidationError as error:
        raise BackupUnusable(f"{folder / PACKS}: {error}") from error
    if strange := [one.name for one in needed if not _FILE_NAME.fullmatch(one.name)]:
        raise BackupUnusable(f"{folder / PACKS}: {strange[0]!r}")
    return needed


def backups_in(folder: Path) -> list[str]:
    """The names of the backups in a folder, the oldest first. Raises `OSError`."""
    return sorted(one.name for one in folder.iterdir() if _NAME.fullmatch(one.name) and one.is_dir())


def seal_manifest(manifest: Manifest, signer: Signer) -> bytes:
    """The manifest as it is written."""
    return seal_jws(signer, msgspec.json.encode(manifest), BACKUP_TYPE).encode("ascii")


def read_manifest(folder: Path, keys: Mapping[str, Mapping[str, str]]) -> Manifest:
    """What the backup in this folder says it holds, sealed by one of these keys (JWK by `kid`).

    Raises `BackupUnusable`, naming the file.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            sealed = file.read(MANIFEST_BYTES_MAX + 1).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BackupUnusable(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        jwk = keys.get(kid_of(sealed))
        if jwk is None:
            raise BackupUnusable(
                f"{path}: không phải khóa niêm phong nào ở đây đã niêm phong · sealed by none of the seal keys here"
            )
        manifest = msgspec.json.decode(open_jws(sealed, jwk, typ=BACKUP_TYPE), type=Manifest)
    except (SealBroken, msgspec.MsgspecError) as error:
        raise BackupUnusable(f"{path}: niêm phong không đúng · the seal does not hold: {error}") from error
    if manifest.format != FORMAT:
        raise BackupUnusable(f"{path}: định dạng · format {manifest.format}")
    named = [manifest.erasures.path, *([manifest.packs.path] if manifest.packs else [])]
    expected = [ERASURES, *([PACKS] if manifest.packs else [])]
    named += [table.file.path for table in manifest.tables]
    expected += [f"{TABLES}/{table.name}.rows" for table in manifest.tables if _FILE_NAME.fullmatch(table.name)]
    if manifest.name != folder.name or named != expected:
        raise BackupUnusable(f"{path}: là của bản sao lưu khác · belongs to another backup ({manifest.name})")
    return manifest
