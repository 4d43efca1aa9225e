"""A clock that all processes of the month share: it runs as the machine's does, from wherever it was set to."""

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.clock import VIETNAM

_OFFSET = struct.Struct("<q")


class SharedClock:
    """Stands for the wall clock of the gateway's workers and of the offices' machines."""

    def __init__(self, path: Path, start: datetime | None = None) -> None:
        """Open the clock that is kept there; a new one begins at `start`."""
        if not path.exists():
            if start is None:
                raise FileNotFoundError(path)
            path.write_bytes(_OFFSET.pack((start - datetime.now(UTC)) // timedelta(microseconds=1)))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _OFFSET.size)

    def now(self) -> datetime:
        (offset_us,) = _OFFSET.unpack_from(self._shared)
        return (datetime.now(UTC) + timedelta(microseconds=offset_us)).astimezone(VIETNAM)

    def set(self, at: datetime) -> None:
        """It is `at` now, everywhere at once. It is never set back: what is past already is past."""
        if at > self.now():
            self._write(at)

    def _write(self, at: datetime) -> None:
        _OFFSET.pack_into(self._shared, 0, (at - datetime.now(UTC)) // timedelta(microseconds=1))
