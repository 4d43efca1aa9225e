"""The trace of bindings: every time that an item was bound to something, or let go.

Every function takes the open transaction `tx` and never commits; whoever writes holds its turn, and changes the item in
the same transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence


class ItemBinding(Struct, frozen=True, kw_only=True):
    """One binding, by its version from 1. With announcement '' and no dossiers the number was let go.

    `questioned` is 1 when its check digit was wrong and nobody had confirmed it; `at_us` microseconds since 1970 UTC.
    """

    version: int
    announcement: str
    dossiers: tuple[str, ...]
    questioned: int
    at_us: int
    bound_by: str
    why: str


_ADD = sa.text(
    "INSERT INTO item_binding (item, version, announcement, dossiers, questioned, at_us, bound_by, why)"
    " SELECT :item, COALESCE(max(version), 0) + 1, :announcement, :dossiers, :questioned, :at_us, :bound_by, :why"
    " FROM item_binding WHERE item = :item"
)
_OF = Statement(
    "SELECT version, announcement, dossiers, questioned, at_us, bound_by, why FROM item_binding"
    " WHERE item = :item ORDER BY version"
)
_LET_GO = (
    sa.text("DELETE FROM item_dossier WHERE item = :item"),
    sa.text("DELETE FROM pickup WHERE item = :item"),
    sa.text("DELETE FROM item WHERE number = :item"),
)


def trace(
    tx: sa.Connection,
    item: str,
    announcement: str | None,
    dossiers: Sequence[str],
    *,
    questioned: int = 0,
    at_us: int,
    by: str,
    why: str,
) -> None:
    """Write down that the number was bound to these (nothing: let go)."""
    values = {"item": item, "announcement": announcement or "", "questioned": questioned, "at_us": at_us}
    said = {"dossiers": msgspec.json.encode(sorted(dossiers)).decode(), "bound_by": by, "why": why}
    tx.execute(_ADD, values | said)


def of(tx: sa.Connection, item: str) -> list[ItemBinding]:
    """The bindings of a number, the first one first."""
    return [
        ItemBinding(
            version=version,
            announcement=announcement,
            dossiers=msgspec.json.decode(dossiers, type=tuple[str, ...]),
            questioned=questioned,
            at_us=at_us,
            bound_by=by,
            why=why,
        )
        for version, announcement, dossiers, questioned, at_us, by, why in _OF(tx, {"item": item})
    ]


def let_go(tx: sa.Connection, item: str, *, at_us: int, by: str, why: str) -> None:
    """The number stands for nothing any more: only its trace stays, and what a carrier may have told of it.

    Whether it may be let go is the caller's judgement: nothing may have been posted or opened under it.
    """
    trace(tx, item, None, (), at_us=at_us, by=by, why=why)
    for statement in _LET_GO:
        tx.execute(statement, {"item": item})
