"""The vault on a local disk: every process appends to a segment file of its own."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import threading
from typing import TYPE_CHECKING

from storage import pack
from storage.vault import ContentCorrupt, ContentMissing, Place, Standing, VaultAway, VaultFull, VaultUnfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from storage.vault import Entry

# A segment is closed before the round that would take it past this size; only a single larger round exceeds it.
SEGMENT_BYTES_MAX = 64 * 1024 * 1024
# How many buffers one writev takes (POSIX: at least 16; Linux: 1024).
_BUFFERS_MAX = min(os.sysconf("SC_IOV_MAX"), 1024) if os.sysconf("SC_IOV_MAX") > 0 else 16
_READ_BYTES = 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{32}\.pack", re.ASCII)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskVault:
    """A `Vault` in one folder. A round costs one write and one fdatasync; a new segment an fsync of the folder."""

    inline: bool = True

    def __init__(self, folder: Path) -> None:
        """Open the vault in `folder`, which is made if only its last part is missing. Raises `VaultAway`."""
        self._lock = threading.Lock()
        self._segment: _Segment | None = None
        try:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                _sync_folder(folder.parent)
            # Held open: everything goes through it, so a folder moved or mounted over later cannot split the vault.
            self._folder: int | None = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise _away(error) from error

    def put_many(self, entries: Sequence[Entry]) -> list[Place]:
        """See `Vault.put_many`."""
        if not entries:
            return []
        chunks, lengths = pack.lay(entries)
        with self._lock:
            try:
                segment = self._segment_for(sum(lengths))
                offset = segment.append(chunks, sum(lengths))
            except BaseException as error:
                self._abandon()
                if isinstance(error, OSError):
                    raise _away(error) from error
                raise
        places = []
        for length in lengths:
            places.append(Place(segment.name, offset, length))
            offset += length
        return places

    def read(self, place: Place) -> bytes:
        """See `Vault.read`."""
        descriptor = self._open_pack(place.pack)
        try:
            framed = os.pread(descriptor, place.length, place.offset)
        except OSError as error:
            raise _away(error) from error
        finally:
            os.close(descriptor)
        if len(framed) != place.length:
            raise ContentCorrupt(f"pack {place.pack} ends before the entry does")
        return pack.unframe(framed)

    def packs(self) -> Iterator[str]:
        """See `Vault.packs`."""
        try:
            names = os.listdir(self._open_folder())  # noqa: PTH208 - of a descriptor, not of a path
        except OSError as error:
            raise _away(error) from error
        return iter([name for name in names if _NAME.fullmatch(name)])

    def raw(self, pack: str) -> bytes:
        """See `Vault.raw`."""
        try:
            with open(self._open_pack(pack), "rb") as file:  # noqa: PTH123 - of a descriptor, not of a path
                return file.read()
        except OSError as error:
            raise _away(error) from error

    def raw_chunks(self, pack: str) -> Iterator[bytes]:
        """See `Vault.raw_chunks`."""
        try:
            with open(self._open_pack(pack), "rb") as file:  # noqa: PTH123 - of a descriptor, not of a path
                while chunk := file.read(_READ_BYTES):
                    yield chunk
        except OSError as error:
            raise _away(error) from error

    def probe(self) -> Standing:
        """See `Vault.probe`."""
        name = f"probe-{secrets.token_hex(16)}"
        content = secrets.token_bytes(4096)
        try:
            folder = self._open_folder()
            descriptor = _create(folder, name)
            try:
                _write_all(descriptor, [content], 0)
                os.fdatasync(descriptor)
                os.fsync(folder)
                if os.pread(descriptor, len(content), 0) != content:
                    raise VaultUnfit("the disk gives back other bytes than were written")
                with contextlib.suppress(FileExistsError):
                    os.close(_create(folder, name))
                    raise VaultUnfit("the disk creates a file that exists already")
            finally:
                os.close(descriptor)
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            raise _away(error) from error
        return Standing("disk")

    def put_raw(self, pack: str, content: bytes) -> str:
        """See `Vault.put_raw`. A pack that another kind of vault named is named here by the SHA-256 of its bytes."""
        name = pack if _NAME.fullmatch(pack) else f"{hashlib.sha256(content).hexdigest()[:32]}.pack"
        folder, beside = self._open_folder(), f"restoring-{secrets.token_hex(16)}"
        try:
            descriptor = _create(folder, beside)
            try:
                _write_all(descriptor, [content], 0)
                os.fdatasync(descriptor)
                # Not a rename, which would replace what is there.
                os.link(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
            except FileExistsError:
                if self.raw(name) != content:
                    raise ContentCorrupt(f"another pack is named {name}") from None
            finally:
                os.close(descriptor)
                os.unlink(beside, dir_fd=folder)
            os.fsync(folder)
        except OSError as error:
            raise _away(error) from error
        return name

    def close(self) -> None:
        """See `Vault.close`."""
        with self._lock:
            if self._segment is not None:
                self._segment.close()
                self._segment = None
            if self._folder is not None:
                os.close(self._folder)
                self._folder = None

    def _segment_for(self, size: int) -> _Segment:
        """Return the segment that takes the next round of `size` bytes: the open one, or a new one."""
        segment = self._segment
        if segment is not None and segment.takes(size):
            return segment
        if segment is not None:
            self._segment = None  # before it is closed: if the new one cannot be made, nobody may close it twice
            segment.close()
        self._segment = _Segment(self._open_folder())
        return self._segment

    def _abandon(self) -> None:
        """Never touch the segment again.

        After a failed fsync the kernel may have dropped the pages and call them clean: a second fsync would succeed
        and promise what is not there. The rounds acknowledged before lie safe in front of the torn tail. A segment with
        none of these is removed, or a full disk would fill with them.
        """
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.close()
            if not segment.acknowledged:
                segment.remove()

    def _open_folder(self) -> int:
        if self._folder is None:
            raise VaultAway("the vault is closed")
        return self._folder

    def _open_pack(self, name: str) -> int:
        if not _NAME.fullmatch(name):
            raise ContentMissing(f"no pack is ever named {name!r}")
        try:
            return os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self._open_folder())
        except FileNotFoundError:
            raise ContentMissing(f"there is no pack {name}") from None
        except OSError as error:
            raise _away(error) from error


class _Segment:
    """An append-only file, made by this process and written by no other.

    It is made under its final name: no other name could be confused with it, nobody knows of it before its first round
    is acknowledged, and a torn one is told by its frames. A rename would add a step and promise nothing more.
    """

    def __init__(self, folder: int) -> None:
        self._folder = folder
        self._process = os.getpid()
        self._end = 0
        self.name = f"{secrets.token_hex(16)}.pack"
        self._descriptor = _create(folder, self.name)

    @property
    def acknowledged(self) -> bool:
        return self._end > 0

    def takes(self, size: int) -> bool:
        # A forked child holds its parent's file: it must begin its own, or the two would write over one another.
        return self._end + size <= SEGMENT_BYTES_MAX and self._process == os.getpid()

    def append(self, chunks: list[bytes], size: int) -> int:
        """Write a round and make it durable; returns the offset of its first entry. Raises `OSError`."""
        first = self._end == 0
        start = self._end + (len(pack.HEADER) if first else 0)
        _write_all(self._descriptor, [pack.HEADER, *chunks] if first else chunks, self._end)
        os.fdatasync(self._descriptor)
        if os.fstat(self._descriptor).st_nlink == 0:
            # Somebody removed the file under our hands: it is durable under no name.
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        if first:
            # The file is durable only once the folder that holds its name is.
            os.fsync(self._folder)
        self._end = start + size
        return start

    def close(self) -> None:
        # What was acknowledged was synced before: an error of close tells nothing about it.
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.name, dir_fd=self._folder)


def _create(folder: int, name: str) -> int:
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=folder)


def _write_all(descriptor: int, chunks: Sequence[bytes], offset: int) -> None:
    """Write `chunks` one after another from `offset`; a short write goes on where it stopped, or raises."""
    waiting: list[bytes | memoryview] = list(chunks)
    first = 0
    while first < len(waiting):
        written = os.pwritev(descriptor, waiting[first : first + _BUFFERS_MAX], offset)
        offset += written
        while first < len(waiting) and written >= len(waiting[first]):
            written -= len(waiting[first])
            first += 1
        if written:
            waiting[first] = memoryview(waiting[first])[written:]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _away(error: OSError) -> VaultAway:
    return (VaultFull if error.errno in _NO_ROOM else VaultAway)(f"disk: {os.strerror(error.errno or 0)}")
