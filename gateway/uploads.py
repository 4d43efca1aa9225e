"""Uploads: a large dossier arrives in parts, and every byte that is acknowledged would survive a power cut.

The bytes stand in a file of this machine, the row in the database says how many of them are durable: they are synced
first and told afterwards. What stands in the file beyond is nobody's, and is written over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
from typing import TYPE_CHECKING, BinaryIO

from msgspec import structs

from gateway import ids
from gateway.clock import to_us
from storage import journal, uploads
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from storage.database import Database
    from storage.uploads import Upload

# So many uploads a client may have open: with `upload_bytes_max`, what it can make us hold.
UPLOADS_OPEN_MAX = 8
METADATA_CHARACTERS_MAX = 1024
_HASH_BYTES = 1024 * 1024
# tus 1.0.0, Upload-Metadata: keys without blanks and commas, each with a value in base64 or none; commas between.
_METADATA = re.compile(r"[!-+\--~]+(?: [A-Za-z0-9+/]*={0,2})?(?:, ?[!-+\--~]+(?: [A-Za-z0-9+/]*={0,2})?)*")
_NAME = re.compile(r"u-[a-z2-7]{32}")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class UploadGone(Exception):
    """There is no such upload of this client: there never was, it was given up, or its time is over. Begin anew."""


class UploadReceived(Exception):
    """The upload was submitted and received: it takes no more. Submitting it again gives the identical receipt."""


class UploadElsewhere(Exception):
    """The bytes of the upload are on another machine. Trying again is safe, and helps where a proxy finds that one."""


class UploadBusy(Exception):
    """Another request is at work on the upload. Trying again later is safe."""


class UploadOffsetDiffers(Exception):
    """The part does not begin where the upload ends. Ask for the offset, then go on from there."""


class UploadIncomplete(Exception):
    """Not all of the upload is here yet. Send the rest, then submit again."""


class UploadTooLarge(Exception):
    """More than may be uploaded, or than was announced. Trying again is of no use."""


class UploadsTooMany(Exception):
    """The client has as many open uploads as it may. Give one up, or submit it, then try again."""


class UploadsFull(Exception):
    """There is no room for more. What was acknowledged is kept; trying again later is safe."""


class MetadataUnreadable(Exception):
    """Upload-Metadata is not written as tus asks, or too long. Trying again is of no use."""


class Uploads:
    """The uploads whose bytes are in one folder. Safe for use by many threads and processes."""

    def __init__(self, folder: Path, database: Database, *, size_bytes_max: int, life_s: int) -> None:
        self._folder, self._database = folder, database
        self.size_bytes_max, self._life_s = size_bytes_max, life_s

    def make(self, client: str, size_bytes: int, metadata: str, now: datetime) -> Upload:
        """Begin an upload of so many bytes; its file is durable, and empty.

        Raises `UploadTooLarge`, `UploadsTooMany`, `MetadataUnreadable`, `UploadsFull`, `DatabaseAway`. Trying again
        makes another.
        """
        if size_bytes > self.size_bytes_max:
            raise UploadTooLarge(f"{size_bytes} > {self.size_bytes_max} bytes.")
        if metadata and (len(metadata) > METADATA_CHARACTERS_MAX or not _METADATA.fullmatch(metadata)):
            raise MetadataUnreadable("Upload-Metadata.")
        now_us = to_us(now)
        upload = uploads.Upload(
            id=ids.upload_id(),
            client=client,
            size_bytes=size_bytes,
            durable_bytes=0,
            metadata=metadata,
            made_at_us=now_us,
            ends_at_us=now_us + self._life_s * 1_000_000,
        )
        with self._database.begin() as tx:
            # Whoever takes a number of the client's waits for the other: two at once are counted one after the other.
            journal.reserve(tx, f"uploads:{client}", 1)
            if uploads.open_count(tx, client, now_us) >= UPLOADS_OPEN_MAX:
                raise UploadsTooMany(f"{UPLOADS_OPEN_MAX}.")
            uploads.add(tx, upload)
        # After its row: a file without a row is one that nobody wants any more.
        try:
            with _told_when_full():
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                descriptor = os.open(self._path(upload), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                os.close(descriptor)
                _sync_folder(self._folder)
        except (UploadsFull, OSError):
            # Its client learns no name of it, and could not give it up.
            with contextlib.suppress(DatabaseAway):
                self.drop(upload)
            raise
        return upload

    def drop(self, upload: Upload) -> None:
        """Forget an upload whose name nobody was told, its bytes too. Raises `DatabaseAway`."""
        with self._database.begin() as tx:
            uploads.forget(tx, upload.id)
        self._remove(upload.id)

    def find(self, upload_id: str, client: str, now: datetime) -> Upload:
        """The client's own upload. Raises `UploadGone`, `DatabaseAway`."""
        found = None
        if _NAME.fullmatch(upload_id):
            with self._database.read() as tx:
                found = uploads.find(tx, upload_id, client, to_us(now))
        if found is None:
            raise UploadGone(upload_id)
        return found

    def here(self, upload_id: str, client: str, now: datetime) -> Upload:
        """The same, when its bytes are on this machine. Raises `UploadReceived`, `UploadElsewhere` besides."""
        found = self.find(upload_id, client, now)
        if found.sha256 is not None:
            raise UploadReceived(upload_id)
        if not self._path(found).is_file():
            raise UploadElsewhere(upload_id)
        return found

    def take(self, upload_id: str, client: str, now: datetime) -> Taken:
        """The upload and its file, for one at a time; the caller gives it back by `close`.

        Raises `UploadGone`, `UploadReceived`, `UploadElsewhere`, `UploadBusy`, `DatabaseAway`.
        """
        self.here(upload_id, client, now)
        try:
            file = (self._folder / upload_id).open("r+b", buffering=0)
        except FileNotFoundError:
            # Received, given up or swept meanwhile.
            raise UploadGone(upload_id) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before may have changed it, or ended it.
            return Taken(self._database, self.here(upload_id, client, now), file)
        except BlockingIOError:
            file.close()
            raise UploadBusy(upload_id) from None
        except BaseException:
            file.close()
            raise

    def give_up(self, taken: Taken) -> None:
        """Forget an upload, its bytes too. Raises `DatabaseAway`."""
        self.drop(taken.upload)

    def received(self, taken: Taken, sha256: bytes, now: datetime) -> None:
        """Note as what the upload was received, so that who asks again is told, and let its bytes go.

        Raises `DatabaseAway`: then they stay, and submitting again finds that they were received.
        """
        with self._database.begin() as tx:
            uploads.submitted(tx, taken.upload.id, sha256, to_us(now) + self._life_s * 1_000_000)
        self._remove(taken.upload.id)

    def sweep(self, now: datetime) -> None:
        """Forget uploads whose time is over, and remove files that no upload wants. Raises `DatabaseAway`."""
        now_us = to_us(now)
        # Looked at before the rows: a file that is made meanwhile is not in the list.
        names = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
        with self._database.read() as tx:
            ended = uploads.is_any_ended(tx, now_us)
        if ended:
            with self._database.begin() as tx:
                uploads.forget_ended(tx, now_us)
        if not names:
            return
        with self._database.read() as tx:
            wanted = uploads.known(tx)
        for name in names:
            if name not in wanted and _NAME.fullmatch(name):
                self._remove(name)

    def _path(self, upload: Upload) -> Path:
        return self._folder / upload.id

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._folder / name).unlink()


class Taken:
    """An upload that one request works on: a part is written, synced and told, or taken back; or all of it is read."""

    def __init__(self, database: Database, upload: Upload, file: BinaryIO) -> None:
        self._database, self.file = database, file
        self.upload = upload
        self._written = upload.durable_bytes

    @property
    def left_bytes(self) -> int:
        """How much is still to come."""
        return self.upload.size_bytes - self._written

    def begin(self, offset: int) -> None:
        """A part begins: what an earlier one left beyond the durable end is dropped. Raises `UploadOffsetDiffers`,
        and `UploadElsewhere` when the file has lost what was durable.
        """
        if offset != self.upload.durable_bytes:
            raise UploadOffsetDiffers(f"{offset} ≠ {self.upload.durable_bytes}.")
        if os.fstat(self.file.fileno()).st_size < self.upload.durable_bytes:
            raise UploadElsewhere(self.upload.id)
        self.take_back()

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append; nothing is promised yet. Raises `UploadTooLarge`, `UploadsFull`."""
        size = sum(map(len, chunks))
        if size > self.left_bytes:
            raise UploadTooLarge(f"> {self.upload.size_bytes} bytes.")
        with _told_when_full():
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[self.file.write(rest) :]
        self._written += size

    def sync(self) -> None:
        """Make what was written survive a power cut. Raises `UploadsFull`, `OSError`: what was not told is lost."""
        with _told_when_full():
            os.fdatasync(self.file.fileno())

    def tell(self) -> Upload:
        """Write down how much is durable, after it was synced. Raises `UploadGone`, `DatabaseAway`."""
        with self._database.begin() as tx:
            if not uploads.advance(tx, self.upload.id, self._written):
                raise UploadGone(self.upload.id)
        self.upload = structs.replace(self.upload, durable_bytes=self._written)
        return self.upload

    def take_back(self) -> None:
        """Drop what was written since it was last told."""
        self._written = self.upload.durable_bytes
        self.file.truncate(self._written)
        self.file.seek(self._written)

    def whole(self) -> BinaryIO:
        """All of it. Raises `UploadIncomplete`; `UploadElsewhere` when the file has lost something."""
        if self.left_bytes:
            raise UploadIncomplete(f"{self.upload.durable_bytes} < {self.upload.size_bytes} bytes.")
        if os.fstat(self.file.fileno()).st_size != self.upload.size_bytes:
            raise UploadElsewhere(self.upload.id)
        self.file.seek(0)
        return self.file

    def sha256(self) -> bytes:
        """The digest of all of it."""
        digest, file = hashlib.sha256(), self.whole()
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
        return digest.digest()

    def close(self) -> None:
        """Let others have it. Closing again does nothing."""
        self.file.close()


@contextlib.contextmanager
def _told_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise UploadsFull(os.strerror(error.errno or 0)) from error
        raise


def _sync_folder(folder: Path) -> None:
    """A file is durable only once the folder that holds its name is; and so are that folder and the spool."""
    for path in (folder, *folder.parents[:2]):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
