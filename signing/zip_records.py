"""A ZIP file's records: the central directory and the local headers, read whole and held against each other."""

import struct
import zlib
from typing import BinaryIO, Final, Protocol

from msgspec import Struct, structs

from signing.indication import Refusal
from signing.zip_names import FOLDER, NAME_BYTES_MAX, read_name, repeated, shown

ENTRIES_MAX: Final = 1000
ENTRY_BYTES_MAX: Final = 2 * 1024**3
TOTAL_BYTES_MAX: Final = 4 * 1024**3 - 1
RATIO_MAX: Final = 100
RATIO_FREE_BYTES: Final = 1024**2  # so much may come out of nearly nothing: short repetitive documents do that
EXTRA_BYTES_MAX: Final = 1024
COMMENT_BYTES_MAX: Final = 256

STORED: Final = 0
DEFLATED: Final = 8
DESCRIPTOR_FLAG: Final = 0x0008
UTF8_FLAG: Final = 0x0800

# APPNOTE.TXT 6.3.10: §4.3.16 end of central directory, §4.3.12 central directory, §4.3.7 local file header.
END: Final = struct.Struct("<4s4H2LH")
CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
LOCAL: Final = struct.Struct("<4s5H3L2H")
END_MARK: Final = b"PK\x05\x06"
CENTRAL_MARK: Final = b"PK\x01\x02"
LOCAL_MARK: Final = b"PK\x03\x04"

_DESCRIPTOR_MARK: Final = b"PK\x07\x08"
_DESCRIPTOR: Final = struct.Struct("<3L")
_ZIP64_LOCATOR_MARK: Final = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES: Final = 20
_ZIP64: Final = 0xFFFFFFFF
_ZIP64_SHORT: Final = 0xFFFF
_ENCRYPTED_FLAGS: Final = 0x0001 | 0x0040 | 0x2000  # §4.4.4 bits 0, 6 and 13
_VERSION_MAX: Final = 63  # §4.4.3: 6.3, the last that changed what a reader needs; beyond it some read nothing
_KNOWN_FLAGS: Final = _ENCRYPTED_FLAGS | 0x0006 | DESCRIPTOR_FLAG | UTF8_FLAG
_EXTRA_HEAD: Final = struct.Struct("<2H")
_EXTRA_ZIP64: Final = 0x0001
_EXTRA_ENCRYPTION: Final = frozenset({0x0017, 0x9901})
_EXTRA_ASI_UNIX: Final = 0x756E  # holds a mode and a link's target, whatever the attributes say
_EXTRA_UNICODE_PATH: Final = 0x7075
_UNICODE_PATH_HEAD: Final = struct.Struct("<BL")
_KIND_MASK: Final = 0o170000
_KIND_FILE: Final = 0o100000
_KIND_FOLDER: Final = 0o040000
_DOS_FOLDER: Final = 0x10
_EMPTY_DEFLATED: Final = b"\x03\x00"
_END_SEARCH_BYTES: Final = END.size + 0xFFFF
_CENTRAL_BYTES_MAX: Final = CENTRAL.size + NAME_BYTES_MAX + EXTRA_BYTES_MAX + COMMENT_BYTES_MAX


class Limits(Struct, frozen=True, kw_only=True):
    """What a container may cost at most. The ratio counts once `RATIO_FREE_BYTES` have come out, and for the whole."""

    entries_max: int = ENTRIES_MAX
    entry_bytes_max: int = ENTRY_BYTES_MAX
    total_bytes_max: int = TOTAL_BYTES_MAX
    ratio_max: int = RATIO_MAX


class Entry(Struct, frozen=True, kw_only=True):
    """One entry, as both its records say: from `offset`, its local header's, to `end`, where the next may begin.

    `extra` is whether one of its records has extra fields.
    """

    name: str
    method: int
    flags: int
    crc32: int
    compressed_bytes: int
    size_bytes: int
    offset: int
    data_offset: int = 0
    end: int = 0
    extra: bool = False

    @property
    def folder(self) -> bool:
        """Whether it is a folder's own entry, which has no content."""
        return self.name.endswith(FOLDER)


class Directory(Struct, frozen=True, kw_only=True):
    """All entries in the order of their places; the central directory's own place; the container's comment."""

    entries: tuple[Entry, ...]
    offset: int
    size_bytes: int
    comment: bytes


class Source(Protocol):
    """Bytes that can be read at any place; fewer come back only at the end."""

    size_bytes: int

    def at(self, offset: int, size_bytes: int) -> bytes:
        """Return the bytes from `offset` on."""


class BytesSource:
    """A container in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size_bytes = len(content)

    def at(self, offset: int, size_bytes: int) -> bytes:
        """Return the bytes from `offset` on."""
        return self._content[offset : offset + size_bytes]


class FileSource:
    """A container in a seekable binary file, which nobody else moves in or writes to meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size_bytes = file.seek(0, 2)

    def at(self, offset: int, size_bytes: int) -> bytes:
        """Return the bytes from `offset` on; a raw file may give them in pieces."""
        self._file.seek(offset)
        pieces = []
        while size_bytes > 0 and (piece := self._file.read(size_bytes)):
            pieces.append(piece)
            size_bytes -= len(piece)
        return b"".join(pieces)


def read_directory(source: Source, limits: Limits) -> Directory | Refusal:
    """Read all records, and see that every byte of the file belongs to exactly one of them.

    Never raises for any bytes; reads the records only, never an entry's content.
    """
    found = _find_end(source)
    if isinstance(found, Refusal):
        return found
    count, size_bytes, offset, comment = found
    if count > limits.entries_max:
        return Refusal("container-too-many-entries", {"found": str(count), "most": str(limits.entries_max)})
    if size_bytes > count * _CENTRAL_BYTES_MAX:
        return Refusal("container-directory-lies")
    central = _read_central(source.at(offset, size_bytes), count)
    if isinstance(central, Refusal):
        return central
    refusal = repeated([entry.name for entry in central]) or _too_large(central, source.size_bytes, limits)
    if refusal:
        return refusal
    entries = _read_locals(source, sorted(central, key=lambda entry: entry.offset), offset)
    if isinstance(entries, Refusal):
        return entries
    return Directory(entries=entries, offset=offset, size_bytes=size_bytes, comment=comment)


def _find_end(source: Source) -> tuple[int, int, int, bytes] | Refusal:
    """Return count, size, offset and comment of the end record, which must end with the file (APPNOTE §4.3.16)."""
    tail_offset = max(0, source.size_bytes - _END_SEARCH_BYTES)
    tail = source.at(tail_offset, _END_SEARCH_BYTES)
    at = tail.rfind(END_MARK)
    if at < 0 or len(tail) - at < END.size:
        return Refusal("container-not-zip")
    _, disk, disk_of_directory, count_here, count, size_bytes, offset, comment_bytes = END.unpack_from(tail, at)
    comment = tail[at + END.size :]
    if len(comment) > comment_bytes:
        return Refusal("container-after-end", {"bytes": str(len(comment) - comment_bytes)})
    if len(comment) < comment_bytes:
        return Refusal("container-directory-lies")
    # Only what a person can read; thereby no comment can hide a record.
    if len(comment) > COMMENT_BYTES_MAX or not _readable(comment):
        return Refusal("container-comment", {"entry": "ZIP"})
    place = tail_offset + at
    before = source.at(max(0, place - _ZIP64_LOCATOR_BYTES), 4)
    if _ZIP64 in (size_bytes, offset) or _ZIP64_SHORT in (count, count_here) or before == _ZIP64_LOCATOR_MARK:
        return Refusal("container-zip64", {"entry": "ZIP"})
    if disk or disk_of_directory or count_here != count:
        return Refusal("container-multi-disk")
    if offset + size_bytes > place:
        return Refusal("container-directory-lies")
    if offset + size_bytes < place:
        # Whatever was put in front moves all records: the directory still stands right before its end.
        moved = source.at(place - size_bytes, 4) == CENTRAL_MARK and source.at(offset, 4) != CENTRAL_MARK
        code = "container-before-start" if moved else "container-bytes-between"
        return Refusal(code, {"bytes": str(place - offset - size_bytes)})
    return count, size_bytes, offset, comment


def _readable(comment: bytes) -> bool:
    return comment.isascii() and comment.decode().isprintable()


def _read_central(directory: bytes, count: int) -> list[Entry] | Refusal:
    entries: list[Entry] = []
    at = 0
    for _ in range(count):
        if directory[at : at + 4] != CENTRAL_MARK or at + CENTRAL.size > len(directory):
            return Refusal("container-directory-lies")
        fields = CENTRAL.unpack_from(directory, at)
        name_end = at + CENTRAL.size + fields[10]
        extra_end = name_end + fields[11]
        end = extra_end + fields[12]
        if end > len(directory):
            return Refusal("container-directory-lies")
        entry = _central_entry(
            fields, directory[at + CENTRAL.size : name_end], directory[name_end:extra_end], directory[extra_end:end]
        )
        if isinstance(entry, Refusal):
            return entry
        entries.append(entry)
        at = end
    return entries if at == len(directory) else Refusal("container-directory-lies")


def _central_entry(fields: tuple[int, ...], written: bytes, extra: bytes, comment: bytes) -> Entry | Refusal:
    flags, method, crc32, compressed_bytes, size_bytes = fields[3], fields[4], *fields[7:10]
    disk, attributes, offset = fields[13], fields[15], fields[16]
    name = read_name(written, utf8=bool(flags & UTF8_FLAG))
    if isinstance(name, Refusal):
        return name
    told = {"entry": shown(name)}
    if fields[2] > _VERSION_MAX:
        return Refusal("container-version", told)
    if _ZIP64 in (compressed_bytes, size_bytes, offset) or disk == _ZIP64_SHORT:
        return Refusal("container-zip64", told)
    if disk:
        return Refusal("container-multi-disk")
    if len(comment) > COMMENT_BYTES_MAX or not _readable(comment):
        return Refusal("container-comment", told)
    kind = attributes >> 16 & _KIND_MASK
    is_folder = name.endswith(FOLDER)
    if kind not in (0, _KIND_FOLDER if is_folder else _KIND_FILE) or (attributes & _DOS_FOLDER and not is_folder):
        return Refusal("container-link", told)
    entry = Entry(
        name=name,
        method=method,
        flags=flags,
        crc32=crc32,
        compressed_bytes=compressed_bytes,
        size_bytes=size_bytes,
        offset=offset,
        extra=bool(extra),
    )
    return _refuse_coding(entry) or _refuse_extra(extra, entry, written) or entry


def _refuse_coding(entry: Entry) -> Refusal | None:
    """Only stored and deflated, in the clear, with sizes that such a method can have (APPNOTE §4.4.4, §4.4.5)."""
    told = {"entry": shown(entry.name)}
    if entry.flags & _ENCRYPTED_FLAGS:
        return Refusal("container-encrypted", told)
    if entry.method not in (STORED, DEFLATED):
        return Refusal("container-method", told | {"method": str(entry.method)})
    if entry.flags & ~_KNOWN_FLAGS:
        return Refusal("container-flags", told)
    if entry.method == STORED and entry.flags & DESCRIPTOR_FLAG:
        # Whoever reads from the front cannot know where such content ends, and would look for a mark inside it.
        return Refusal("container-descriptor", told)
    if entry.method == STORED and entry.compressed_bytes != entry.size_bytes:
        return Refusal("container-size-lies", told)
    if entry.folder and (entry.size_bytes or entry.crc32 or entry.compressed_bytes > len(_EMPTY_DEFLATED)):
        return Refusal("container-folder-with-content", told)
    return None


def _refuse_extra(extra: bytes, entry: Entry, written: bytes) -> Refusal | None:
    """Walk the extra fields (APPNOTE §4.5, §4.6.9): none may change the name, the kind or the sizes."""
    told = {"entry": shown(entry.name)}
    if len(extra) > EXTRA_BYTES_MAX:
        return Refusal("container-extra", told)
    at = 0
    while at < len(extra):
        if at + _EXTRA_HEAD.size > len(extra):
            return Refusal("container-extra", told)
        kind, length = _EXTRA_HEAD.unpack_from(extra, at)
        content = extra[at + _EXTRA_HEAD.size : at + _EXTRA_HEAD.size + length]
        at += _EXTRA_HEAD.size + length
        if len(content) != length:
            return Refusal("container-extra", told)
        if kind == _EXTRA_ZIP64:
            return Refusal("container-zip64", told)
        if kind in _EXTRA_ENCRYPTION:
            return Refusal("container-encrypted", told)
        if kind == _EXTRA_ASI_UNIX:
            return Refusal("container-link", told)
        expected = _UNICODE_PATH_HEAD.pack(1, zlib.crc32(written)) + entry.name.encode()
        if kind == _EXTRA_UNICODE_PATH and content != expected:
            return Refusal("container-name-override", told)
    return None


def _too_large(entries: list[Entry], file_bytes: int, limits: Limits) -> Refusal | None:
    total_bytes = 0
    for entry in entries:
        total_bytes += entry.size_bytes
        if entry.size_bytes > limits.entry_bytes_max or total_bytes > limits.total_bytes_max:
            most = limits.entry_bytes_max if entry.size_bytes > limits.entry_bytes_max else limits.total_bytes_max
            return Refusal("container-too-large", {"entry": shown(entry.name), "mib_max": f"{most / 1024**2:g}"})
        if entry.size_bytes > entry.compressed_bytes * limits.ratio_max + RATIO_FREE_BYTES:
            return Refusal("container-ratio", {"entry": shown(entry.name), "most": str(limits.ratio_max)})
    if total_bytes > file_bytes * limits.ratio_max + RATIO_FREE_BYTES:
        return Refusal("container-ratio", {"entry": "ZIP", "most": str(limits.ratio_max)})
    return None


def _read_locals(source: Source, central: list[Entry], directory_offset: int) -> tuple[Entry, ...] | Refusal:
    """Hold each local header against the central directory's record, one after the other without a gap."""
    entries: list[Entry] = []
    expected = 0
    for number, entry in enumerate(central):
        told = {"entry": shown(entry.name)}
        if entry.offset + LOCAL.size > directory_offset:
            return Refusal("container-entry-outside", told)
        if entry.offset < expected:
            return Refusal("container-overlap", told)
        if entry.offset > expected:
            code = "container-bytes-between" if number else "container-before-start"
            return Refusal(code, {"bytes": str(entry.offset - expected)})
        limit = central[number + 1].offset if number + 1 < len(central) else directory_offset
        read = _read_local(source, entry, directory_offset, limit)
        if isinstance(read, Refusal):
            return read
        expected = read.end
        entries.append(read)
    if expected != directory_offset:
        code = "container-bytes-between" if entries else "container-before-start"
        return Refusal(code, {"bytes": str(directory_offset - expected)})
    return tuple(entries)


def _read_local(source: Source, entry: Entry, directory_offset: int, limit: int) -> Entry | Refusal:
    told = {"entry": shown(entry.name)}
    header = source.at(entry.offset, LOCAL.size)
    if len(header) < LOCAL.size or header[:4] != LOCAL_MARK:
        return Refusal("container-entry-outside", told)
    _, version, flags, method, _, _, crc32, compressed_bytes, size_bytes, name_bytes, extra_bytes = LOCAL.unpack(header)
    written = source.at(entry.offset + LOCAL.size, name_bytes)
    extra = source.at(entry.offset + LOCAL.size + name_bytes, extra_bytes)
    sizes, expected = (crc32, compressed_bytes, size_bytes), (entry.crc32, entry.compressed_bytes, entry.size_bytes)
    deferred = bool(flags & DESCRIPTOR_FLAG) and not any(sizes)
    differs = (
        ("name" if written != entry.name.encode() else "")
        or ("flags" if flags != entry.flags else "")
        or ("method" if method != entry.method else "")
        or ("sizes" if sizes != expected and not deferred else "")
        or ("version" if version > _VERSION_MAX else "")
    )
    if differs == "sizes" and _ZIP64 in sizes:
        return Refusal("container-zip64", told)
    if differs:
        return Refusal("container-header-differs", told | {"field": differs})
    refusal = _refuse_extra(extra, entry, written)
    if refusal or len(extra) != extra_bytes:
        return refusal or Refusal("container-entry-outside", told)
    data_offset = entry.offset + LOCAL.size + name_bytes + extra_bytes
    end = _end_of(source, entry, data_offset, directory_offset, limit)
    if isinstance(end, Refusal):
        return end
    return structs.replace(entry, data_offset=data_offset, end=end, extra=entry.extra or bool(extra))


def _end_of(source: Source, entry: Entry, data_offset: int, directory_offset: int, limit: int) -> int | Refusal:
    """Return where an entry ends, with the data descriptor that some have (APPNOTE §4.3.9) and that must not lie."""
    told = {"entry": shown(entry.name)}
    end = data_offset + entry.compressed_bytes
    if end > directory_offset:
        return Refusal("container-entry-outside", told)
    if entry.folder and source.at(data_offset, entry.compressed_bytes) not in (b"", _EMPTY_DEFLATED):
        return Refusal("container-folder-with-content", told)
    if not entry.flags & DESCRIPTOR_FLAG:
        return end
    expected = _DESCRIPTOR.pack(entry.crc32, entry.compressed_bytes, entry.size_bytes)
    # The descriptor's mark is optional. Both lengths may fit the bytes; only one fits the next record's place.
    for descriptor in (_DESCRIPTOR_MARK + expected, expected):
        if end + len(descriptor) <= limit and source.at(end, len(descriptor)) == descriptor:
            return end + len(descriptor)
    return Refusal("container-overlap" if end > limit else "container-descriptor", told)
