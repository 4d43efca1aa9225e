"""Kept documents: files about a dossier other than its content, made once and kept in the vault under their own keys.

Every function takes the open transaction `tx` and never commits. The bytes are in the vault before the row is written,
and the row decides: of two who made the same document at once, one row is written, and both give out its bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement
from storage.vault import Place

if TYPE_CHECKING:
    from collections.abc import Iterable


class Document(Struct, frozen=True, kw_only=True):
    """One kept file: which dossier it is about, what it is (`kind`, and its `number` among those), and where it lies.

    `sha256` is of its plain bytes. `wrapped_key` opens it; None once the dossier was erased: then nobody can read it,
    and its row tells that it was there. `made_at_us` is microseconds since 1970 UTC.
    """

    dossier: str
    kind: str
    number: int
    media_type: str
    sha256: bytes
    size_bytes: int
    pack: str
    pack_offset: int
    pack_length: int
    wrapped_key: bytes | None
    made_at_us: int

    @property
    def place(self) -> Place:
        """Where the locked bytes lie."""
        return Place(self.pack, self.pack_offset, self.pack_length)


_FIELDS = Document.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
# A row lock in PostgreSQL, on which erasing and adding wait for each other (SQLite has one writer anyway). Looked at
# again once it is had: what was erased meanwhile gets no document any more.
_HOLD = Statement(
    "UPDATE dossier SET erased_at_us = erased_at_us WHERE id = :dossier AND erased_at_us IS NULL RETURNING id"
)
_HOLD_ANY = Statement("UPDATE dossier SET erased_at_us = erased_at_us WHERE id = :dossier RETURNING id")
_ADD = Statement(
    f"INSERT INTO document ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})"  # noqa: S608 - names are ours
    " ON CONFLICT (dossier, kind, number) DO NOTHING RETURNING number"
)
_FIND = Statement(
    f"SELECT {_COLUMNS} FROM document WHERE dossier = :dossier AND kind = :kind AND number = :number"  # noqa: S608 - names are ours
)
_OF = Statement(f"SELECT {_COLUMNS} FROM document WHERE dossier = :dossier ORDER BY kind, number")  # noqa: S608 - names are ours
_FORGET = sa.text("UPDATE document SET wrapped_key = NULL WHERE dossier = :dossier AND wrapped_key IS NOT NULL")
_BY_STATEMENT = Statement("SELECT id FROM dossier WHERE statement_number = :number")


def add(tx: sa.Connection, document: Document) -> bool:
    """Write a document whose bytes are in the vault; False when it was not written.

    Then a twin was quicker, whose row `find` gives, or the dossier was erased meanwhile, and nothing may be kept of it.
    Trying again is safe.
    """
    if not _HOLD(tx, {"dossier": document.dossier}):
        return False
    return bool(_ADD(tx, msgspec.structs.asdict(document)))


def find(tx: sa.Connection, dossier: str, kind: str, number: int) -> Document | None:
    """The document of that kind and number, if it was ever made."""
    return next(iter(_all(_FIND(tx, {"dossier": dossier, "kind": kind, "number": number}))), None)


def of(tx: sa.Connection, dossier: str) -> list[Document]:
    """Every document about a dossier, by kind and number."""
    return _all(_OF(tx, {"dossier": dossier}))


def forget_keys(tx: sa.Connection, dossier: str) -> int:
    """Erase: forget the keys of all documents about a dossier; returns how many there were. Again, it changes nothing.

    Before or after the dossier's own row is erased, but in the same transaction: whoever is about to add a document
    waits for its end, and then sees that the dossier is erased.
    """
    _HOLD_ANY(tx, {"dossier": dossier})
    return tx.execute(_FORGET, {"dossier": dossier}).rowcount


def about(tx: sa.Connection, statement_number: str) -> str | None:
    """The dossier whose receipt or notice bears that number: what a printed paper is looked up by."""
    return next((str(dossier) for (dossier,) in _BY_STATEMENT(tx, {"number": statement_number})), None)


def _all(rows: Iterable[tuple[object, ...]]) -> list[Document]:
    return [msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Document) for row in rows]
