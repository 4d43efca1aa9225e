"""A plain ZIP container written as a stream: entries of any size, stored, their size and checksum known before."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from signing.zip_names import NAME_BYTES_MAX
from signing.zip_records import (
    CENTRAL,
    CENTRAL_MARK,
    END,
    END_MARK,
    ENTRIES_MAX,
    LOCAL,
    LOCAL_MARK,
    STORED,
    TOTAL_BYTES_MAX,
    UTF8_FLAG,
)

__all__ = ["Streamed", "StreamedDiffers", "ZipTooLarge", "size_of", "stream_zip"]

_VERSION: Final = 10  # APPNOTE §4.4.3: stored, no folders
_MADE_BY: Final = 3 << 8 | _VERSION  # §4.4.2: as on Unix
_PLAIN_FILE: Final = 0o100644 << 16
_DAY: Final = 0x0021  # 01/01/1980: a container has no times of its own to tell


class StreamedDiffers(Exception):
    """An entry's content is not of the size that was told. What was given out is no container; start anew."""


class ZipTooLarge(Exception):
    """More entries or bytes than a container without ZIP64 holds. Trying again changes nothing."""


class Streamed(Struct, frozen=True, kw_only=True):
    """One entry: what its records say, and how to get its content when its turn comes."""

    name: str
    size_bytes: int
    crc32: int
    chunks: Callable[[], Iterable[bytes]]


def size_of(entries: Sequence[Streamed]) -> int:
    """The size of the container, in bytes. Raises ZipTooLarge."""
    size_bytes = END.size + sum(
        LOCAL.size + CENTRAL.size + 2 * len(one.name.encode()) + one.size_bytes for one in entries
    )
    if size_bytes > TOTAL_BYTES_MAX or len(entries) > ENTRIES_MAX:
        raise ZipTooLarge(f"{len(entries)} entries of {size_bytes} bytes together")
    if any(len(one.name.encode()) > NAME_BYTES_MAX for one in entries):
        raise ZipTooLarge(f"a name of more than {NAME_BYTES_MAX} bytes")
    return size_bytes


def stream_zip(entries: Sequence[Streamed]) -> Iterator[bytes]:
    """Give the container (APPNOTE.TXT 6.3.10) piece by piece, its entries in this order, none of them held.

    Sizes and checksums stand in the local headers, not behind the contents: readers that stream refuse a stored entry
    whose size they learn too late. Raises ZipTooLarge before the first byte, StreamedDiffers at the entry that lied,
    and whatever `chunks` raises.
    """
    size_of(entries)
    central, offset = bytearray(), 0
    for one in entries:
        name = one.name.encode()
        flags = 0 if name.isascii() else UTF8_FLAG
        shared = (_VERSION, flags, STORED, 0, _DAY, one.crc32, one.size_bytes, one.size_bytes)
        central += CENTRAL.pack(CENTRAL_MARK, _MADE_BY, *shared, len(name), 0, 0, 0, 0, _PLAIN_FILE, offset) + name
        local = LOCAL.pack(LOCAL_MARK, *shared, len(name), 0) + name
        yield local
        given_bytes = 0
        for chunk in one.chunks():
            given_bytes += len(chunk)
            if given_bytes > one.size_bytes:
                break
            yield chunk
        if given_bytes != one.size_bytes:
            raise StreamedDiffers(f"{one.name}: {given_bytes} bytes, not {one.size_bytes}")
        offset += len(local) + one.size_bytes
    yield bytes(central)
    yield END.pack(END_MARK, 0, 0, len(entries), len(entries), len(central), offset, 0)
