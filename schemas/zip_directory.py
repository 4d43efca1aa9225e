"""The directory of a ZIP file, and single members of it, read within bounds: what a DOCX or XLSX is packed in."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES_MAX: Final = 5_000
DIRECTORY_BYTES_MAX: Final = 2 * 1024 * 1024
_COMMENT_BYTES_MAX: Final = 0xFFFF

_END: Final = struct.Struct("<4s4H2LH")  # APPNOTE 6.3.10 §4.3.16
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")  # APPNOTE 6.3.10 §4.3.12
_LOCAL: Final = struct.Struct("<4s5H3L2H")  # APPNOTE 6.3.10 §4.3.7
_ENCRYPTED: Final = 0x1
_STORED: Final = 0
_DEFLATED: Final = 8


class ZipBroken(ValueError):
    """The directory or a member is broken, encrypted, packed otherwise than DEFLATE, or out of bounds."""


class Entry(Struct, frozen=True):
    """One entry as the directory has it; nothing of it need be true. `offset` is where its own header begins."""

    name: str
    flags: int
    method: int
    packed_bytes: int
    unpacked_bytes: int
    offset: int


def entries(content: bytes) -> Iterator[Entry]:
    """Every entry of the directory, in its order. Raises `ZipBroken`."""
    at = content.rfind(b"PK\x05\x06", max(0, len(content) - _COMMENT_BYTES_MAX - _END.size))
    try:
        if at < 0:
            raise ZipBroken("no end record")
        _, _, _, _, count, size, position, _ = _END.unpack_from(content, at)
        if count > ENTRIES_MAX or size > DIRECTORY_BYTES_MAX or position + size > at:
            raise ZipBroken("directory out of bounds")
        for _ in range(count):
            fields = _ENTRY.unpack_from(content, position)
            if fields[0] != b"PK\x01\x02":
                raise ZipBroken("no entry here")
            name_length, extra, comment = fields[10:13]
            start = position + _ENTRY.size
            name = content[start : start + name_length].decode("utf-8", "replace")
            yield Entry(name, fields[3], fields[4], fields[8], fields[9], fields[16])
            position = start + name_length + extra + comment
    except struct.error as error:
        raise ZipBroken("directory cut off") from error


def read(content: bytes, entry: Entry, bytes_max: int) -> bytes:
    """Unpack one member, at most `bytes_max`, whatever its directory entry says of its size. Raises `ZipBroken`."""
    try:
        fields = _LOCAL.unpack_from(content, entry.offset)
    except struct.error as error:
        raise ZipBroken("no member here") from error
    if fields[0] != b"PK\x03\x04" or (fields[2] | entry.flags) & _ENCRYPTED:
        raise ZipBroken("no readable member here")
    start = entry.offset + _LOCAL.size + fields[9] + fields[10]
    packed = memoryview(content)[start : start + entry.packed_bytes]
    if entry.method == _STORED:
        if len(packed) > bytes_max:
            raise ZipBroken("member too large")
        return bytes(packed)
    if entry.method != _DEFLATED:
        raise ZipBroken("member packed in an unusual way")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = inflater.decompress(packed, bytes_max + 1)
    except zlib.error as error:
        raise ZipBroken("member damaged") from error
    if len(unpacked) > bytes_max:
        raise ZipBroken("member too large")
    return unpacked
