"""Where revocation data was got, so that it is asked for again in the background, by one worker at a time.

Every function takes the open transaction `tx` and never commits. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

import sqlalchemy as sa
from msgspec import Struct


class Source(Struct, frozen=True, kw_only=True):
    """A CRL's address (`certificate` is empty), or a responder's for the certificate with this SHA-256."""

    url: str
    certificate: str
    asked_at_us: int
    used_at_us: int


_COLUMNS = ", ".join(Source.__struct_fields__)
_USE = sa.text(
    "INSERT INTO revocation_source (url, certificate, asked_at_us, used_at_us) VALUES (:url, :certificate, 0, :now)"
    " ON CONFLICT (url, certificate) DO UPDATE SET used_at_us = :now"
)
_DUE = sa.text(
    f"SELECT {_COLUMNS} FROM revocation_source WHERE asked_at_us <= :before AND used_at_us >= :since"  # noqa: S608 - names are ours
    " ORDER BY asked_at_us, url, certificate LIMIT :most"
)
_CLAIM = sa.text(
    "UPDATE revocation_source SET asked_at_us = :now"
    " WHERE url = :url AND certificate = :certificate AND asked_at_us = :asked_at"
)


def use(tx: sa.Connection, url: str, certificate: str, now_us: int) -> None:
    """Say that this source was needed now."""
    tx.execute(_USE, {"url": url, "certificate": certificate, "now": now_us})


def due(tx: sa.Connection, before_us: int, since_us: int, most: int) -> list[Source]:
    """Sources not asked since `before_us` that were needed at `since_us` or later, the longest waiting first."""
    rows = tx.execute(_DUE, {"before": before_us, "since": since_us, "most": most})
    return [Source(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def claim(tx: sa.Connection, source: Source, now_us: int) -> bool:
    """Take a source to ask it; False when another worker has taken it meanwhile."""
    values = {"url": source.url, "certificate": source.certificate, "asked_at": source.asked_at_us, "now": now_us}
    return bool(tx.execute(_CLAIM, values).rowcount)
