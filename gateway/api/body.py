"""A request's body, streamed: bounded in size and time, hashed on the way, spooled to disk when it is large."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import hashlib
import re
import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

# Up to this size a body that arrives is held in memory; beyond, in a file without a name.
MEMORY_BYTES_MAX = 1024 * 1024
_DIGEST_ITEM = re.compile(r"\s*([a-z0-9-]+)\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?")


class BodyTooLarge(Exception):
    """More than the limit. Trying again is of no use."""


class SenderSlow(Exception):
    """The body came too slowly. Nothing was kept; trying again is safe."""


class SenderGone(Exception):
    """The connection ended before the body was whole. Nothing was kept; trying again is safe."""


class DigestDiffers(Exception):
    """The body is not what Content-Digest says. Nothing was kept; trying again is safe."""


class DigestUnreadable(Exception):
    """Content-Digest is not written as RFC 9530 asks. Trying again is of no use."""


class SpoolFull(Exception):
    """There is no room to receive a large body. Nothing was kept; trying again later is safe."""


class Limits(Struct, frozen=True, kw_only=True):
    """How much, and how slowly, a body may come."""

    bytes_max: int
    idle_s: float
    bytes_per_s_min: int

    def patience_ends_at(self, now_s: float, started_s: float, size_bytes: int) -> float:
        """When to give up a sender of whom so much has come: silence is borne for a while, a steady trickle only as
        long as it keeps to the slowest rate.
        """
        return min(now_s + self.idle_s, started_s + self.idle_s + size_bytes / self.bytes_per_s_min)


class Body:
    """A body that arrived whole. A large one waits in a file without a name until `content` is asked for."""

    def __init__(self, sha256: bytes, size_bytes: int, chunks: list[bytes], spool: Spool) -> None:
        self.sha256, self.size_bytes = sha256, size_bytes
        self._chunks, self._spool = chunks, spool

    @property
    def is_large(self) -> bool:
        """Whether it waits on disk."""
        return self._spool.used

    def content(self) -> bytes:
        """Its bytes, in memory."""
        if not self._spool.used and len(self._chunks) == 1:
            return self._chunks[0]
        return self._spool.read() + b"".join(self._chunks)

    def file(self) -> BinaryIO:
        """Its bytes in a file that ends with the spool: for a body too large for memory. Raises `SpoolFull`."""
        self._spool.write(self._chunks)
        self._chunks.clear()
        return self._spool.file()


class _Hash(Protocol):
    def update(self, content: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def check_declared(length: bytes | None, limits: Limits) -> None:
    """Refuse a declared Content-Length before a byte is read."""
    if length is not None and length.isdigit() and int(length) > limits.bytes_max:
        raise BodyTooLarge(f"{int(length)} > {limits.bytes_max} bytes.")


async def read_body(
    receive: Callable[[], Awaitable[Any]], content_digest: str | None, limits: Limits, spool: Spool
) -> Body:
    """Read a body to its end. Raises what stands above; the caller closes the spool, whatever happens."""
    claimed = _claims(content_digest) if content_digest else []
    hashes: list[_Hash] = [hashlib.sha256(), *(_HASHES[name]() for name, _ in claimed if name != "sha-256")]
    loop = asyncio.get_running_loop()
    started = loop.time()
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.idle_s) as patience:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise SenderGone(f"{size} bytes arrived.")
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limits.bytes_max:
                    raise BodyTooLarge(f"> {limits.bytes_max} bytes.")
                for one in hashes:
                    one.update(chunk)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    break
                if size > MEMORY_BYTES_MAX:
                    spool.write(chunks)
                    chunks.clear()
                patience.reschedule(limits.patience_ends_at(loop.time(), started, size))
    except TimeoutError:
        raise SenderSlow(f"{size} bytes arrived in {loop.time() - started:.0f} s.") from None
    found = [one.digest() for one in hashes]
    _compare(claimed, found)
    return Body(found[0], size, chunks, spool)


class Spool:
    """A file without a name for what does not fit in memory; it is gone when it is closed, also by a crash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: Any = None

    @property
    def used(self) -> bool:
        """Whether anything was written to it."""
        return self._file is not None

    def write(self, chunks: list[bytes]) -> None:
        """Append. Raises `SpoolFull`."""
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                # Unbuffered: what finds no room must say so here, not when the file is read or closed.
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by our exit
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[self._file.write(rest) :]
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise SpoolFull(str(error)) from error
            raise

    def read(self) -> bytes:
        """All that was written."""
        if self._file is None:
            return b""
        self._file.seek(0)
        content: bytes = self._file.read()
        return content

    def file(self) -> BinaryIO:
        """The file itself, at its beginning."""
        file: BinaryIO = self._file
        file.seek(0)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


_HASHES: dict[str, Callable[[], _Hash]] = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def _claims(header: str) -> list[tuple[str, bytes]]:
    """The digests that Content-Digest names and that we can check (RFC 9530 §2); others are passed over."""
    claims: list[tuple[str, bytes]] = []
    for item in header.split(","):
        match = _DIGEST_ITEM.fullmatch(item)
        if match is None:
            raise DigestUnreadable(f"Content-Digest: {item.strip()[:60]}")
        if match[1] in _HASHES:
            try:
                claims.append((match[1], base64.b64decode(match[2], validate=True)))
            except binascii.Error as error:
                raise DigestUnreadable(f"Content-Digest: {match[1]}") from error
    return claims


def _compare(claimed: list[tuple[str, bytes]], found: list[bytes]) -> None:
    others = iter(found[1:])
    for name, digest in claimed:
        actual = found[0] if name == "sha-256" else next(others)
        if digest != actual:
            raise DigestDiffers(f"{name}: {actual.hex()}.")
