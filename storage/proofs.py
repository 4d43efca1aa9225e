"""What verdicts rest on, kept for as long as dossiers: certificates, CRLs, OCSP responses, time-stamps.

Every function takes the open transaction `tx` and never commits. A proof is known by the SHA-256 of its DER bytes, in
hex; keeping it again changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROOFS_A_LOOK_MAX = 500


class Proof(Struct, frozen=True, kw_only=True):
    """One proof: `kind` is "certificate", "crl", "ocsp" or "timestamp", `content` its DER bytes."""

    sha256: str
    kind: str
    content: bytes


class Fetched(Struct, frozen=True, kw_only=True):
    """A CRL or OCSP response as some worker got it, numbered in the order in which they were kept.

    `subject` is what it speaks of: newer data with the same subject takes its place.
    """

    seq: int
    sha256: str
    kind: str
    source: str
    subject: str
    fetched_at_us: int
    content: bytes


class Signed(Struct, frozen=True, kw_only=True):
    """A certificate that signed a received dossier; `issuer` is its name (RFC 4514), `serial` hex."""

    dossier: str
    certificate: str
    issuer: str
    serial: str
    received_at_us: int


_KEEP = Statement(
    "INSERT INTO proof (sha256, kind, content, kept_at_us) VALUES (:sha256, :kind, :content, :kept_at_us)"
    " ON CONFLICT (sha256) DO NOTHING"
)
_SIGNED = Statement(
    "INSERT INTO dossier_certificate (dossier, certificate, issuer, serial, received_at_us)"
    " VALUES (:dossier, :certificate, :issuer, :serial, :received_at_us) ON CONFLICT DO NOTHING"
)
_FIND = sa.text("SELECT sha256, kind, content FROM proof WHERE sha256 IN :wanted").bindparams(
    sa.bindparam("wanted", expanding=True)
)
_KINDS = sa.text("SELECT sha256, kind FROM proof WHERE sha256 IN :wanted").bindparams(
    sa.bindparam("wanted", expanding=True)
)
_FETCHED = sa.text(
    "INSERT INTO revocation (seq, sha256, source, subject, fetched_at_us)"
    " VALUES (:seq, :sha256, :source, :subject, :fetched_at_us)"
    " ON CONFLICT (sha256) DO NOTHING"
)
_FETCHED_AFTER = sa.text(
    "SELECT r.seq, r.sha256, p.kind, r.source, r.subject, r.fetched_at_us, p.content FROM revocation r"
    " JOIN proof p ON p.sha256 = r.sha256 WHERE r.seq > :after"
    " AND NOT EXISTS (SELECT 1 FROM revocation n WHERE n.subject = r.subject AND n.seq > r.seq)"
    " ORDER BY r.seq LIMIT :most"
)
# One step down the index a certificate, however many dossiers it signed: DISTINCT would sort all of them at every page.
_OF_ISSUER = sa.text(
    "WITH RECURSIVE step (certificate, number) AS ("
    " SELECT (SELECT min(certificate) FROM dossier_certificate WHERE issuer = :issuer AND certificate > :after), 1"
    " UNION ALL"
    " SELECT (SELECT min(d.certificate) FROM dossier_certificate d"
    " WHERE d.issuer = :issuer AND d.certificate > step.certificate), step.number + 1"
    " FROM step WHERE step.certificate IS NOT NULL AND step.number < :most)"
    " SELECT step.certificate, (SELECT min(d.serial) FROM dossier_certificate d"
    " WHERE d.issuer = :issuer AND d.certificate = step.certificate)"
    " FROM step WHERE step.certificate IS NOT NULL ORDER BY step.certificate"
)
_UNTOLD = sa.text(
    "SELECT c.dossier, c.certificate, c.issuer, c.serial, c.received_at_us FROM dossier_certificate c"
    " JOIN dossier d ON d.id = c.dossier"
    " WHERE c.certificate = :certificate AND c.received_at_us >= :since_us AND d.state NOT IN ('refused', 'pending')"
    " AND NOT EXISTS (SELECT 1 FROM event e WHERE e.dossier = c.dossier AND e.type = :fact)"
    " AND (c.received_at_us > :since_us OR c.dossier > :after)"
    " ORDER BY c.received_at_us, c.dossier LIMIT :most"
)


def keep(tx: sa.Connection, proofs: Iterable[Proof], now_us: int) -> None:
    """Keep proofs that are not kept yet; in one order, so that no two who keep the same wait for each other."""
    _KEEP.many(
        tx,
        [
            {"sha256": one.sha256, "kind": one.kind, "content": one.content, "kept_at_us": now_us}
            for one in sorted(proofs, key=lambda proof: proof.sha256)
        ],
    )


def find(tx: sa.Connection, wanted: Sequence[str]) -> dict[str, Proof]:
    """The proofs with these digests, as far as they are kept."""
    found: dict[str, Proof] = {}
    for at in range(0, len(wanted), PROOFS_A_LOOK_MAX):
        for sha256, kind, content in tx.execute(_FIND, {"wanted": list(wanted[at : at + PROOFS_A_LOOK_MAX])}):
            found[sha256] = Proof(sha256=sha256, kind=kind, content=bytes(content))
    return found


def add_fetched(tx: sa.Connection, one: Fetched) -> None:
    """Say that a kept proof is revocation data, got from there and then. `seq` must come from a numbered series."""
    values = {"seq": one.seq, "sha256": one.sha256, "source": one.source, "subject": one.subject}
    tx.execute(_FETCHED, values | {"fetched_at_us": one.fetched_at_us})


def fetched_after(tx: sa.Connection, after: int, most: int) -> list[Fetched]:
    """Revocation data that any worker kept after number `after`, in order, without what newer has replaced."""
    rows = tx.execute(_FETCHED_AFTER, {"after": after, "most": most})
    return [
        Fetched(
            seq=seq,
            sha256=sha256,
            kind=kind,
            source=source,
            subject=subject,
            fetched_at_us=at_us,
            content=bytes(content),
        )
        for seq, sha256, kind, source, subject, at_us, content in rows
    ]


def add_signed(tx: sa.Connection, rows: Sequence[Signed]) -> None:
    """Remember which certificates signed a received dossier."""
    _SIGNED.many(
        tx,
        [
            {
                "dossier": one.dossier,
                "certificate": one.certificate,
                "issuer": one.issuer,
                "serial": one.serial,
                "received_at_us": one.received_at_us,
            }
            for one in rows
        ],
    )


def certificates_of_issuer(tx: sa.Connection, issuer: str, after: str, most: int) -> list[tuple[str, str]]:
    """Certificates of this issuer that signed dossiers: (SHA-256, serial), in order, after SHA-256 `after`."""
    rows = tx.execute(_OF_ISSUER, {"issuer": issuer, "after": after, "most": most})
    return [(str(certificate), str(serial)) for certificate, serial in rows]


def dossiers_untold(
    tx: sa.Connection, certificate: str, fact: str, since_us: int, after: str, most: int
) -> list[Signed]:
    """The dossiers that a certificate signed, that were accepted and of which `fact` was never told.

    Those received at `since_us` or later, the earliest first; of those received in that very microsecond only what
    comes after dossier `after`. A page therefore continues from the last row's `received_at_us` and `dossier`.
    """
    values = {"certificate": certificate, "fact": fact, "since_us": since_us, "after": after}
    return [
        Signed(dossier=dossier, certificate=sha256, issuer=issuer, serial=serial, received_at_us=at_us)
        for dossier, sha256, issuer, serial, at_us in tx.execute(_UNTOLD, values | {"most": most})
    ]


def kinds(tx: sa.Connection, wanted: Sequence[str]) -> dict[str, str]:
    """Which of these digests are kept, and of what kind each is, without their bytes."""
    found: dict[str, str] = {}
    for at in range(0, len(wanted), PROOFS_A_LOOK_MAX):
        found |= {
            str(sha256): str(kind)
            for sha256, kind in tx.execute(_KINDS, {"wanted": list(wanted[at : at + PROOFS_A_LOOK_MAX])})
        }
    return found
