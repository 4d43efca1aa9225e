"""The one way to read what a dossier holds: whole, by ranges, or as a file, with little memory however large it is."""

from __future__ import annotations

import hashlib
import io
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from gateway.about import About, about_of
from gateway.judge import Spooled, Submission
from storage import journal, pieces
from storage.cipher import is_in_pieces
from storage.vault import ContentCorrupt, ContentMissing, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from typing import Self

    from _typeshed import WriteableBuffer

    from storage.cipher import Cipher
    from storage.database import Database
    from storage.journal import Dossier
    from storage.vault import Vault


class Shelves(Protocol):
    """Where contents are kept."""

    @property
    def database(self) -> Database:
        """Says where the pieces of a large one lie."""
        ...

    @property
    def vault(self) -> Vault:
        """Holds the locked bytes."""
        ...

    @property
    def cipher(self) -> Cipher:
        """Opens them."""
        ...


class ContentErased(Exception):
    """The key to the content was destroyed, as somebody decided; nobody can read it any more. Not worth a retry."""


class Content:
    """What a dossier holds. Every byte given out is one that was received, or `ContentCorrupt` is raised instead.

    Reading raises `ContentMissing`, `ContentCorrupt`, `VaultAway`, `MasterKeyUnknown`, as the vault and the cipher do.
    """

    def __init__(self, sha256: bytes, sizes: Sequence[int], open_piece: Callable[[int], bytes]) -> None:
        self.sha256 = sha256
        self._sizes, self._ends = sizes, list(accumulate(sizes))
        self._open_piece = open_piece

    @property
    def size_bytes(self) -> int:
        """How large it is."""
        return self._ends[-1]

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, in chunks of a few MiB.

        Each piece is checked by its tag. Where all is read, the digest is too: the last chunk comes only when it is
        right, so that whoever reads on to the end knows.
        """
        end = self.size_bytes if end is None else min(end, self.size_bytes)
        # A content that is one piece was checked as a whole by whoever opened it.
        digest = hashlib.sha256() if (start, end) == (0, self.size_bytes) and len(self._sizes) > 1 else None
        for number in range(bisect_right(self._ends, start), len(self._sizes)):
            begins_at = self._ends[number] - self._sizes[number]
            if begins_at >= end:
                return
            content = self.piece(number)
            if digest is not None:
                digest.update(content)
                if number == len(self._sizes) - 1 and digest.digest() != self.sha256:
                    raise ContentCorrupt("the content is not the one its name says")
            yield content[max(0, start - begins_at) : end - begins_at]

    def read(self) -> bytes:
        """All of it, in memory."""
        return b"".join(self.chunks())

    def piece(self, number: int) -> bytes:
        """One piece, checked by its tag."""
        content = self._open_piece(number)
        if len(content) != self._sizes[number]:
            raise ContentCorrupt(f"piece {number} is not as long as it was")
        return content

    def find(self, at: int) -> tuple[int, int]:
        """The number of the piece that holds the byte `at`, and where the piece begins."""
        number = bisect_right(self._ends, at)
        return number, self._ends[number] - self._sizes[number]

    def in_hand(self) -> bytes | Spooled:
        """All of it in memory, or, when it is too large for that, as a file that is read as it is wanted."""
        if self.size_bytes <= pieces.WHOLE_BYTES_MAX:
            return self.read()
        return Spooled(self.file(), self.size_bytes)

    def file(self) -> BinaryIO:
        """The same as a seekable file that is only read; it holds one piece."""
        return cast("BinaryIO", _ContentFile(self))


def open_content(stores: Shelves, dossier: Dossier) -> Content:
    """What the dossier holds, not read yet.

    Raises `ContentErased` when its key was destroyed, `ContentMissing` when it has no place (a refused one's bytes were
    not kept), `ContentCorrupt`, `MasterKeyUnknown`, `DatabaseAway`.
    """
    if dossier.erased_at_us is not None:
        raise ContentErased(dossier.id)
    if dossier.pack is None or dossier.pack_offset is None or dossier.pack_length is None:
        raise ContentMissing(dossier.id)
    if dossier.wrapped_key is None:
        raise ContentErased(dossier.id)
    sha256, wrapped_key = dossier.sha256, dossier.wrapped_key
    if is_in_pieces(wrapped_key):
        return _in_pieces(stores, dossier, wrapped_key)
    place = Place(dossier.pack, dossier.pack_offset, dossier.pack_length)
    return Content(
        sha256,
        [dossier.size_bytes],
        lambda _: stores.cipher.open(stores.vault.read(place), wrapped_key, sha256),
    )


def _in_pieces(stores: Shelves, dossier: Dossier, wrapped_key: bytes) -> Content:
    with stores.database.read() as tx:
        rows = pieces.of(tx, dossier.id)
    if [row.number for row in rows] != list(range(len(rows))) or not rows:
        raise ContentCorrupt(f"the pieces of {dossier.id} are not all listed")
    if sum(row.size_bytes for row in rows) != dossier.size_bytes:
        raise ContentCorrupt(f"the pieces of {dossier.id} do not come to its size")
    key = stores.cipher.open_pieces(wrapped_key, dossier.sha256)
    last = len(rows) - 1

    def open_piece(number: int) -> bytes:
        return key.open(number, stores.vault.read(rows[number].place), last=number == last)

    return Content(dossier.sha256, [row.size_bytes for row in rows], open_piece)


def submission_of(stores: Shelves, dossier: Dossier, received_at: datetime) -> Submission:
    """The submission as it came; a large one is read from the vault as it is wanted. Raises as `open_content` does."""
    held = open_content(stores, dossier).in_hand()
    return Submission(
        content=held if isinstance(held, bytes) else b"",
        spooled=None if isinstance(held, bytes) else held,
        sha256=dossier.sha256,
        submitter=dossier.submitter,
        received_at=received_at,
        batch=dossier.batch,
        channel=dossier.channel,
        media_type=dossier.media_type,
        about=_about(stores, dossier),
    )


def _about(stores: Shelves, dossier: Dossier) -> About | None:
    """What it was sent about, as that dossier is now."""
    if dossier.about is None:
        return None
    with stores.database.read() as tx:
        main = journal.dossier(tx, dossier.about, journal.Scope(everything=True))
    return None if main is None else about_of(dossier.purpose, main)


class _ContentFile(io.RawIOBase):
    """A content as a file: whoever reads it from the front opens each piece once."""

    def __init__(self, content: Content) -> None:
        self._content, self._at = content, 0
        self._number, self._piece = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._content.size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        wanted = memoryview(buffer).cast("B")
        if self._at >= self._content.size_bytes:
            return 0
        number, begins_at = self._content.find(self._at)
        if number != self._number:
            self._number, self._piece = number, self._content.piece(number)
        found = memoryview(self._piece)[self._at - begins_at :][: len(wanted)]
        wanted[: len(found)] = found
        self._at += len(found)
        return len(found)

    def __enter__(self) -> Self:
        return self
