"""The last checkpoint that was ever published, in a file of its own that no restored database can take back."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from signing.note import NOTE_BYTES_MAX, Checkpoint, NoteBroken, read_checkpoint, read_note

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MODE: Final = 0o644


class PublishedBroken(Exception):
    """The file of the last published checkpoint cannot be read as one. An operator must bring it back, or reopen."""


class Published:
    """The file. It is written before a checkpoint is served, so that it never says less than anybody was told.

    All workers of one machine share it and lock it while they compare and write; each machine has its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file alone, among all processes of this machine."""
        lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def read(self) -> Checkpoint | None:
        """The checkpoint; None when none was ever published from here. Raises `PublishedBroken`, OSError."""
        try:
            with self.path.open("rb") as file:
                content = file.read(NOTE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        try:
            return read_checkpoint(read_note(content).text)
        except NoteBroken as error:
            raise PublishedBroken(
                f"{self.path}: không đọc được điểm kiểm đã công bố gần nhất: hãy khôi phục tệp này, hoặc chạy `motcua "
                f"log reopen --because …` · the last published checkpoint cannot be read ({error})"
            ) from error

    def write(self, note: str) -> None:
        """Put a new checkpoint in place of the old one; durable when it returns. Raises OSError: nothing changed."""
        fresh = self.path.with_name(self.path.name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(note.encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except BaseException:
            with suppress(OSError):
                fresh.unlink()
            raise
        # The rename is durable only once the folder that holds the name is.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
