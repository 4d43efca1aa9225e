"""The audit's look at bytes: that what the receipts name comes back from the vault, unlocked, to the byte.

Contents of one pack that lie on a distant store are fetched with the whole pack, as one round put them there: a request
for each would take most of the time.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.contents import ContentErased, open_content
from storage import pack
from storage.cipher import MasterKeyUnknown, is_in_pieces
from storage.vault import ContentCorrupt, ContentMissing, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.settle import Stores
    from storage.announcements import Announced
    from storage.documents import Document
    from storage.journal import Dossier
    from storage.mailroom import Scan

# Distant stores are asked by so many at once; a local disk needs none, but two cores unlock faster than one.
THREADS_DISTANT: Final = 8
THREADS_LOCAL: Final = 2
# A pack is fetched whole when this page needs so many of its contents, and they come to no more than so many bytes.
TOGETHER_MIN: Final = 2
TOGETHER_BYTES_MAX: Final = 32 * 1024 * 1024
_UNREADABLE: Final = (ContentMissing, ContentCorrupt, MasterKeyUnknown, ContentErased)


class Wanted(Struct, frozen=True):
    """Bytes to be read back: of a dossier, of a document about it, of paper. `subject` is what a fault is told of."""

    subject: str
    of: Dossier | Document | Announced | Scan
    place: Place
    wrapped_key: bytes

    @property
    def is_whole(self) -> bool:
        """Whether it is one entry of a pack."""
        return not is_in_pieces(self.wrapped_key)


class Read(Struct, frozen=True):
    """What came of it: the bytes read, or why they could not be."""

    subject: str
    size_bytes: int
    fault: str


class Reader:
    """Reads contents back, several at once."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._threads = ThreadPoolExecutor(THREADS_LOCAL if stores.vault.inline else THREADS_DISTANT, "audit")

    def read(self, wanted: Sequence[Wanted]) -> Iterator[Read]:
        """Read these back; begins at once, and gives what came of it in no particular order. Raises `VaultAway`."""
        groups: dict[str, list[Wanted]] = defaultdict(list)
        for one in wanted:
            groups[one.place.pack].append(one)
        waiting = [self._threads.submit(self._read_group, some) for some in self._shared_out(groups)]
        return (read for done in waiting for read in done.result())

    def _shared_out(self, groups: dict[str, list[Wanted]]) -> Iterator[list[Wanted]]:
        for some in groups.values():
            if not self._stores.vault.inline:
                yield some
                continue
            # A segment on disk holds thousands: its contents are read one by one, by all threads.
            step = max(1, -(-len(some) // THREADS_LOCAL))
            yield from (some[at : at + step] for at in range(0, len(some), step))

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(cancel_futures=True)

    def _read_group(self, wanted: list[Wanted]) -> list[Read]:
        """Contents of one pack."""
        whole = b""
        alike = [one for one in wanted if one.is_whole]
        if (
            not self._stores.vault.inline
            and len(alike) >= TOGETHER_MIN
            and sum(one.place.length for one in alike) <= TOGETHER_BYTES_MAX
        ):
            try:
                whole = self._stores.vault.raw(wanted[0].place.pack)
            except ContentMissing:
                whole = b""  # each is told by itself
        return [self._read_one(one, whole) for one in wanted]

    def _read_one(self, one: Wanted, whole: bytes) -> Read:
        try:
            if not one.is_whole:
                return Read(one.subject, self._read_pieces(one), "")
            place = one.place
            if whole:
                framed = whole[place.offset : place.offset + place.length]
                body = pack.unframe(framed)
            else:
                body = self._stores.vault.read(place)
            # The cipher gives out what the digest names, or nothing.
            content = self._stores.cipher.open(body, one.wrapped_key, one.of.sha256)
        except _UNREADABLE as error:
            return Read(one.subject, 0, str(error))
        if len(content) != one.of.size_bytes:
            return Read(one.subject, len(content), f"{len(content)} ≠ {one.of.size_bytes} byte")
        return Read(one.subject, len(content), "")

    def _read_pieces(self, one: Wanted) -> int:
        """A large content, piece by piece; the digest of the whole is compared before the last piece is given out."""
        content = open_content(self._stores, one.of)  # type: ignore[arg-type]
        return sum(len(chunk) for chunk in content.chunks())
