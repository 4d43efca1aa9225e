"""Writing a plain ZIP container, the same bytes for the same content, and putting one more entry at its end."""

import zlib
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from signing.zip_records import (
    CENTRAL,
    CENTRAL_MARK,
    DEFLATED,
    END,
    END_MARK,
    LOCAL,
    LOCAL_MARK,
    RATIO_MAX,
    STORED,
    UTF8_FLAG,
    Directory,
)

_VERSION: Final = 20  # APPNOTE §4.4.3: deflate
_MADE_BY: Final = 3 << 8 | _VERSION  # §4.4.2: as on Unix, where unzip takes UTF-8 names for what they are
_PLAIN_FILE: Final = 0o100644 << 16
_DAY: Final = 0x0021  # 01/01/1980: a container has no times of its own to tell
_LEVEL: Final = 6


class Packed(Struct, frozen=True, kw_only=True):
    """One entry ready to be written."""

    name: bytes
    method: int
    crc32: int
    size_bytes: int
    content: bytes


def pack(name: str, content: bytes, *, stored: bool = False) -> Packed:
    """Compress an entry if that makes it smaller, and not so much smaller that it would look like a bomb."""
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = b"" if stored else deflater.compress(content) + deflater.flush()
    plain = stored or not len(deflated) < len(content) <= len(deflated) * RATIO_MAX
    return Packed(
        name=name.encode(),
        method=STORED if plain else DEFLATED,
        crc32=zlib.crc32(content),
        size_bytes=len(content),
        content=content if plain else deflated,
    )


def write_zip(entries: Sequence[Packed]) -> bytes:
    """Return a container of these entries in this order."""
    return _close(b"", b"", entries, count=0, comment=b"")


def append(container: bytes, directory: Directory, entries: Sequence[Packed]) -> bytes:
    """Return the container with more entries behind its own; what is there stays, the end record aside."""
    central = container[directory.offset : directory.offset + directory.size_bytes]
    return _close(
        container[: directory.offset], central, entries, count=len(directory.entries), comment=directory.comment
    )


def _close(locals_: bytes, central: bytes, entries: Sequence[Packed], *, count: int, comment: bytes) -> bytes:
    pieces, records, offset = [locals_], [central], len(locals_)
    for entry in entries:
        flags = 0 if entry.name.isascii() else UTF8_FLAG
        shared = (_VERSION, flags, entry.method, 0, _DAY, entry.crc32, len(entry.content), entry.size_bytes)
        local = LOCAL.pack(LOCAL_MARK, *shared, len(entry.name), 0) + entry.name
        records.append(
            CENTRAL.pack(CENTRAL_MARK, _MADE_BY, *shared, len(entry.name), 0, 0, 0, 0, _PLAIN_FILE, offset) + entry.name
        )
        pieces += [local, entry.content]
        offset += len(local) + len(entry.content)
    directory = b"".join(records)
    count += len(entries)
    end = END.pack(END_MARK, 0, 0, count, count, len(directory), offset, len(comment)) + comment
    return b"".join([*pieces, directory, end])
