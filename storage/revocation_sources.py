"""Where revocation data was got, so that it is asked for again in the background, by one worker at a time.

Every function takes the open transaction `tx` and never commits. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

import sqlalchemy as sa
from msgspec import Struct


class Source(Struct, frozen=True, kw_only=True):
    """A CRL's address (`certificate` is empty), or a responder's for the certificate with this SHA-256.

    `issuer` is the name (RFC 4514) of who issued the certificates that it speaks of.
    """

    url: str
    certificate: str
    issuer: str
    asked_at_us: int
    used_at_us: int


class Authorities(Struct, frozen=True, kw_only=True):
    """Whose sources are needed as long as they are trusted: certificates (SHA-256), and who issued them (RFC 4514)."""

    certificates: frozenset[str] = frozenset()
    issuers: frozenset[str] = frozenset()


_COLUMNS = ", ".join(Source.__struct_fields__)
_USE = sa.text(
    "INSERT INTO revocation_source (url, certificate, issuer, asked_at_us, used_at_us)"
    " VALUES (:url, :certificate, :issuer, 0, :now)"
    " ON CONFLICT (url, certificate) DO UPDATE SET used_at_us = :now, issuer = :issuer"
)
_WAITING = f"SELECT {_COLUMNS} FROM revocation_source s WHERE asked_at_us <= :before AND "  # noqa: S608 - names are ours
_LONGEST_FIRST = " ORDER BY asked_at_us, url, certificate LIMIT :most"
_DUE_CRLS = sa.text(
    _WAITING  # noqa: S608 - names are ours
    + "certificate = '' AND (used_at_us >= :since OR issuer IN :trusted OR EXISTS"
    " (SELECT 1 FROM dossier_certificate d WHERE d.issuer = s.issuer AND d.received_at_us >= :since))" + _LONGEST_FIRST
).bindparams(sa.bindparam("trusted", expanding=True, type_=sa.String()))
_DUE_RESPONDERS = sa.text(
    _WAITING  # noqa: S608 - names are ours
    + "certificate <> '' AND (used_at_us >= :since OR certificate IN :trusted OR EXISTS"
    " (SELECT 1 FROM dossier_certificate d WHERE d.certificate = s.certificate AND d.received_at_us >= :since))"
    + _LONGEST_FIRST
).bindparams(sa.bindparam("trusted", expanding=True, type_=sa.String()))
_CLAIM = sa.text(
    "UPDATE revocation_source SET asked_at_us = :now"
    " WHERE url = :url AND certificate = :certificate AND asked_at_us = :asked_at"
)
_FAILED = sa.text("UPDATE revocation_source SET asked_at_us = :at WHERE url = :url AND certificate = :certificate")


def use(tx: sa.Connection, url: str, certificate: str, issuer: str, now_us: int) -> None:
    """Say that this source was needed now."""
    tx.execute(_USE, {"url": url, "certificate": certificate, "issuer": issuer, "now": now_us})


def due(tx: sa.Connection, before_us: int, since_us: int, most: int, trusted: Authorities) -> list[Source]:
    """Sources not asked since `before_us` that are in use: CRLs first, then responders, `most` of each, and of each
    the longest waiting first.

    In use is what was needed at `since_us` or later, what speaks of a signer of a dossier received since then (a CRL
    by its issuer, a responder by the certificate), and what speaks of a trusted authority.
    """
    found: list[Source] = []
    for statement, names in ((_DUE_CRLS, trusted.issuers), (_DUE_RESPONDERS, trusted.certificates)):
        values = {"before": before_us, "since": since_us, "most": most, "trusted": sorted(names)}
        found += [Source(**row._mapping) for row in tx.execute(statement, values)]  # noqa: SLF001 - SQLAlchemy's public name for it
    return found


def claim(tx: sa.Connection, source: Source, now_us: int) -> bool:
    """Take a source to ask it; False when another worker has taken it meanwhile."""
    values = {"url": source.url, "certificate": source.certificate, "asked_at": source.asked_at_us, "now": now_us}
    return bool(tx.execute(_CLAIM, values).rowcount)


def failed(tx: sa.Connection, source: Source, at_us: int) -> None:
    """Say that a claimed source gave nothing: it counts as asked at `at_us`, earlier than it was, so as to be due again
    sooner than one that answered.
    """
    tx.execute(_FAILED, {"url": source.url, "certificate": source.certificate, "at": at_us})
