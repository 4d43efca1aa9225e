"""A strict reader of ZIP containers: opens only what every reader understands alike, and streams what is inside."""

import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from signing.indication import Refusal
from signing.zip_names import shown
from signing.zip_records import STORED, BytesSource, Directory, Entry, FileSource, Limits, Source, read_directory

__all__ = ["Container", "Entry", "EntryBroken", "Limits", "open_zip"]

CHUNK_BYTES: Final = 128 * 1024

_DEFAULT_LIMITS: Final = Limits()


class EntryBroken(Exception):
    """An entry's content is not what its records say; reading it again gives the same. `refusal` says how."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Container:
    """A ZIP container whose records hold together; contents are checked as they are read.

    Not for two threads at a time when it was opened from a file.
    """

    def __init__(self, source: Source, directory: Directory) -> None:
        self._source = source
        self._digests: dict[tuple[str, str], bytes] = {}
        self._by_name = {entry.name: entry for entry in directory.entries}
        self.directory = directory

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, folders too, in the order of their places."""
        return self.directory.entries

    def get(self, name: str) -> Entry | None:
        """Return the entry of that very name."""
        return self._by_name.get(name)

    def open(self, entry: Entry) -> Iterator[bytes]:
        """Give the content in chunks of at most CHUNK_BYTES, never holding more.

        The size is enforced on the way, the checksum at the end: only content that was read to its end without
        EntryBroken is the entry's content. Can be opened as often as wanted.
        """
        told = {"entry": shown(entry.name)}
        size_bytes, crc32 = 0, 0
        for chunk in self._stored(entry) if entry.method == STORED else self._inflated(entry):
            size_bytes += len(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            if size_bytes > entry.size_bytes:
                raise EntryBroken(Refusal("container-size-lies", told))
            yield chunk
        if size_bytes != entry.size_bytes:
            raise EntryBroken(Refusal("container-size-lies", told))
        if crc32 != entry.crc32:
            raise EntryBroken(Refusal("container-checksum", told))

    def digest(self, entry: Entry, hash_name: str) -> bytes | Refusal:
        """Hash the content ("sha256" …) as it streams by; a digest once found is remembered."""
        known = self._digests.get((entry.name, hash_name))
        if known is not None:
            return known
        digest = hashlib.new(hash_name)
        try:
            for chunk in self.open(entry):
                digest.update(chunk)
        except EntryBroken as broken:
            return broken.refusal
        self._digests[entry.name, hash_name] = digest.digest()
        return self._digests[entry.name, hash_name]

    def read(self, entry: Entry, size_bytes_max: int) -> bytes | Refusal:
        """Return the whole content if it is at most `size_bytes_max` long."""
        if entry.size_bytes > size_bytes_max:
            return Refusal(
                "container-too-large", {"entry": shown(entry.name), "mib_max": f"{size_bytes_max / 1024**2:g}"}
            )
        try:
            return b"".join(self.open(entry))
        except EntryBroken as broken:
            return broken.refusal

    def _stored(self, entry: Entry) -> Iterator[bytes]:
        at, end = entry.data_offset, entry.data_offset + entry.compressed_bytes
        while at < end and (chunk := self._source.at(at, min(CHUNK_BYTES, end - at))):
            at += len(chunk)
            yield chunk

    def _inflated(self, entry: Entry) -> Iterator[bytes]:
        """Inflate (RFC 1951): the stream must end, and end where the entry does."""
        broken = Refusal("container-deflate", {"entry": shown(entry.name)})
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        compressed = self._stored(entry)
        piece = b""
        while not inflater.eof:
            piece = piece or next(compressed, b"")
            try:
                chunk = inflater.decompress(piece, CHUNK_BYTES)
            except zlib.error as error:
                raise EntryBroken(broken) from error
            if not piece and not chunk and not inflater.eof:
                raise EntryBroken(broken)
            piece = inflater.unconsumed_tail
            if chunk:
                yield chunk
        if piece or inflater.unused_data or next(compressed, b""):
            raise EntryBroken(broken)


def open_zip(source: bytes | BinaryIO, limits: Limits = _DEFAULT_LIMITS) -> Container | Refusal:
    """Open a container in memory or in a seekable binary file, or say why it cannot be trusted.

    Accepted is what every reader reads alike (APPNOTE.TXT 6.3.10, of which ISO/IEC 21320-1 is a like selection):
    entries that follow one another from the first byte to the central directory, that to the end record, and that to
    the last byte; each local header agreeing with the directory; stored or deflated, in the clear, on one disk; names
    that are safe, in UTF-8 if not ASCII, and no two of them alike. ZIP64 is refused: below 4 GiB nobody needs it.

    Reads the records only. Never raises for any bytes; opening again gives the same answer.
    """
    reader = BytesSource(source) if isinstance(source, bytes) else FileSource(source)
    directory = read_directory(reader, limits)
    return directory if isinstance(directory, Refusal) else Container(reader, directory)
