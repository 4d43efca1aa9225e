"""The file of erasures: what was ever erased, kept apart from the database, so that no restore of it brings it back.

One JSON object a line, each with the signed tombstone. A line is durable before the erasure is committed: it may name
an erasure that never came to be, which was ordered all the same, and it never lacks one that did.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class ErasuresUnkept(Exception):
    """The file of erasures cannot be written, so nothing was erased. Trying again is safe, once it can."""


class ErasuresBroken(Exception):
    """A line of the file of erasures is none of ours: it was damaged or forged. Bring back a sound copy."""


class Line(Struct, frozen=True, kw_only=True):
    """One erasure: whose, when (RFC 3339), and the tombstone's compact JWS, which proves it. Digests are hex."""

    dossier: str
    receipt: str
    sha256: str
    at: str
    tombstone: str


def append(path: Path, lines: Iterable[Line]) -> None:
    """Write lines at the end of the file, which is made if need be; they are durable when it returns.

    A line that a power cut left torn belonged to an erasure that was not committed, and goes. Raises `ErasuresUnkept`.
    """
    content = as_bytes(lines)
    try:
        is_new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _to_the_end(file.fileno())
            file.seek(0, os.SEEK_END)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            # The file is durable only once the folder that holds its name is.
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise ErasuresUnkept(f"{path}: {error.strerror}") from error


def _to_the_end(descriptor: int) -> None:
    """Cut off what follows the last whole line."""
    end = os.fstat(descriptor).st_size
    position = end
    while position:
        start = max(0, position - 4096)
        held = os.pread(descriptor, position - start, start)
        if (found := held.rfind(b"\n")) >= 0:
            position = start + found + 1
            break
        position = start
    if position != end:
        os.ftruncate(descriptor, position)


def read(path: Path) -> list[Line]:
    """Every whole line, in the order in which they were written; none where there is no file.

    Raises `ErasuresBroken`, naming the line; `OSError`. What the tombstones say is for the caller to check.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole, _, _ = content.rpartition(b"\n")
    return read_lines(whole, str(path))


def read_lines(content: bytes, name: str) -> list[Line]:
    """The lines of a file that was read already. Raises `ErasuresBroken`."""
    found = []
    for number, line in enumerate(content.split(b"\n") if content else [], 1):
        try:
            found.append(msgspec.json.decode(line, type=Line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ErasuresBroken(f"{name}:{number}: không phải dòng xóa · not a line of erasures: {error}") from error
    return found


def as_bytes(lines: Iterable[Line]) -> bytes:
    """The same, to be written."""
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
