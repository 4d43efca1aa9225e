"""Statements that we signed beside those in a dossier's own row: hand-overs, erasures, closings, origins of the log.

Every function takes the open transaction `tx` and never commits; whoever states something holds its turn
(`journal.take_turn`), and a statement has the number of the fact that it states.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage import journal
from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable


class Stated(Struct, frozen=True, kw_only=True):
    """A signed statement: `jws` is the compact JWS, kept to the byte, and `type` its `typ`.

    `subject` is the dossier that it is about, or '' for the house itself; `number` is what people call it by.
    """

    seq: int
    type: str
    subject: str
    number: str
    jws: str

    @property
    def leaf(self) -> bytes:
        """What stands for it in the log: the SHA-256 of the compact JWS."""
        return hashlib.sha256(self.jws.encode("ascii")).digest()


_COLUMNS = ", ".join(Stated.__struct_fields__)
_INSERT = Statement(
    f"INSERT INTO statement ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Stated.__struct_fields__)})"  # noqa: S608 - names are ours
)
_OF_SUBJECT = sa.text(f"SELECT {_COLUMNS} FROM statement WHERE subject = :subject ORDER BY seq")  # noqa: S608 - names are ours
_LAST_OF_TYPE = sa.text(f"SELECT {_COLUMNS} FROM statement WHERE type = :type ORDER BY seq DESC LIMIT 1")  # noqa: S608 - names are ours


def state(tx: sa.Connection, *stated: Stated) -> None:
    """Write statements, each with its leaf for the log."""
    _INSERT.many(tx, [msgspec.structs.asdict(one) for one in stated])
    journal.enter_leaves(tx, [journal.LogEntry(one.seq, one.leaf) for one in stated])


def of(tx: sa.Connection, subject: str) -> list[Stated]:
    """What was stated about a dossier, or with '' about the house itself, in commit order."""
    return _all(tx.execute(_OF_SUBJECT, {"subject": subject}))


def last_of(tx: sa.Connection, typ: str) -> Stated | None:
    """The last statement of a type."""
    return next(iter(_all(tx.execute(_LAST_OF_TYPE, {"type": typ}))), None)


def _all(rows: Iterable[sa.Row[tuple[object, ...]]]) -> list[Stated]:
    return [msgspec.convert(dict(row._mapping), Stated) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
