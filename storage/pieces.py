"""Large contents: kept in numbered pieces under one key, never whole in memory.

The functions on rows take the open transaction `tx` and never commit.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement
from storage.vault import Entry, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from storage.cipher import Cipher
    from storage.vault import Vault

# A content larger than this is kept in pieces; up to it, as one entry.
WHOLE_BYTES_MAX = 64 * 1024 * 1024
# As large as one put to a distant store should be that may have to be tried again.
PIECE_BYTES = 4 * 1024 * 1024
# So many pieces are locked, framed and put together; the memory of a few of them is what keeping costs.
PIECES_A_ROUND = 2


class ContentChanged(Exception):
    """The file is not, or no longer, the content that was named. Nothing points at what was kept of it; trying again is
    safe, with the right name.
    """


class Piece(Struct, frozen=True, kw_only=True):
    """One piece of a dossier's content: how many bytes of it, and where they lie."""

    dossier: str
    number: int
    size_bytes: int
    pack: str
    pack_offset: int
    pack_length: int

    @property
    def place(self) -> Place:
        """Where it lies in the vault."""
        return Place(self.pack, self.pack_offset, self.pack_length)


class Kept(Struct, frozen=True):
    """A large content that is durable, though nothing points at it yet: its key, and each piece's size and place."""

    wrapped_key: bytes
    pieces: tuple[tuple[int, Place], ...]

    @property
    def place(self) -> Place:
        """Where the first piece lies."""
        return self.pieces[0][1]

    def rows(self, dossier: str) -> list[Piece]:
        """The pieces as the journal keeps them."""
        return [
            Piece(
                dossier=dossier,
                number=number,
                size_bytes=size_bytes,
                pack=place.pack,
                pack_offset=place.offset,
                pack_length=place.length,
            )
            for number, (size_bytes, place) in enumerate(self.pieces)
        ]


def keep(
    file: BinaryIO, size_bytes: int, sha256: bytes, vault: Vault, cipher: Cipher, *, piece_bytes: int = PIECE_BYTES
) -> Kept:
    """Keep the content of a file in pieces; when it returns, all of them would survive a power cut.

    Raises what `Vault.put_many` raises, and `ContentChanged`; then nothing is promised, and what was put is noise that
    nobody has the key to. Trying again is safe.
    """
    key = cipher.lock_pieces(sha256)
    digest = hashlib.sha256()
    kept: list[tuple[int, Place]] = []
    waiting: list[tuple[int, Entry]] = []
    file.seek(0)
    for number, content in enumerate(_cut(file, piece_bytes)):
        digest.update(content)
        last = (number + 1) * piece_bytes >= size_bytes
        waiting.append((len(content), Entry(sha256, key.lock(number, content, last=last))))
        if last or len(waiting) == PIECES_A_ROUND:
            places = vault.put_many([entry for _, entry in waiting])
            kept += zip((size for size, _ in waiting), places, strict=True)
            waiting.clear()
        if last:
            break
    if digest.digest() != sha256 or sum(size for size, _ in kept) != size_bytes or file.read(1):
        raise ContentChanged(sha256.hex())
    return Kept(key.wrapped_key, tuple(kept))


def _cut(file: BinaryIO, piece_bytes: int) -> Iterator[bytes]:
    """The file in pieces that are full, but for the last."""
    while True:
        parts: list[bytes] = []
        left = piece_bytes
        while left and (part := file.read(left)):
            parts.append(part)
            left -= len(part)
        if not parts:
            return
        yield b"".join(parts)


_COLUMNS = ", ".join(Piece.__struct_fields__)
_INSERT = Statement(
    f"INSERT INTO piece ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Piece.__struct_fields__)})"  # noqa: S608 - names are ours
)
_OF_DOSSIER = sa.text(f"SELECT {_COLUMNS} FROM piece WHERE dossier = :dossier ORDER BY number")  # noqa: S608 - names are ours


def enter(tx: sa.Connection, rows: Sequence[Piece]) -> None:
    """Write where the pieces of new dossiers lie."""
    _INSERT.many(tx, [msgspec.structs.asdict(row) for row in rows])


def of(tx: sa.Connection, dossier: str) -> list[Piece]:
    """The pieces of a dossier's content in their order; none when it is kept as a whole."""
    rows = tx.execute(_OF_DOSSIER, {"dossier": dossier})
    return [msgspec.convert(dict(row._mapping), Piece) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def count(tx: sa.Connection) -> int:
    """How many pieces there are beyond the first ones: entries of packs that are no dossier's own place."""
    counted: int = tx.execute(sa.text("SELECT count(*) FROM piece WHERE number > 0")).scalar_one()
    return counted
