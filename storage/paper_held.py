"""What is kept of paper beside dossiers and their documents: contents that were announced, and scans.

Every function takes the open transaction `tx` and never commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import sqlalchemy as sa

from storage.announcements import Announced
from storage.mailroom import Scan

if TYPE_CHECKING:
    from collections.abc import Mapping

A_PAGE_MAX: Final = 200
_CONTENTS: Final = sa.text(
    f"SELECT {', '.join(Announced.__struct_fields__)} FROM announced WHERE wrapped_key IS NOT NULL"  # noqa: S608 - names are ours
    " AND (announcement > :announcement OR (announcement = :announcement AND id > :id))"
    " ORDER BY announcement, id LIMIT :limit"
)
_SCANS: Final = sa.text(
    f"SELECT {', '.join(Scan.__struct_fields__)} FROM scan WHERE wrapped_key IS NOT NULL AND id > :after"  # noqa: S608 - names are ours
    " ORDER BY id LIMIT :limit"
)
_Row = TypeVar("_Row", Announced, Scan)


def contents(tx: sa.Connection, announcement: str, dossier: str) -> list[Announced]:
    """A page of the announced dossiers whose content can be read, after that one."""
    return _all(tx, _CONTENTS, Announced, {"announcement": announcement, "id": dossier, "limit": A_PAGE_MAX})


def scans(tx: sa.Connection, after: str) -> list[Scan]:
    """A page of the scans that can be read, after that one."""
    return _all(tx, _SCANS, Scan, {"after": after, "limit": A_PAGE_MAX})


def _all(tx: sa.Connection, sql: sa.TextClause, kind: type[_Row], values: Mapping[str, object]) -> list[_Row]:
    return [msgspec.convert(dict(row._mapping), kind) for row in tx.execute(sql, values)]  # noqa: SLF001 - SQLAlchemy's public name for it
