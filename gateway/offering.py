"""What comes with a dossier that is accepted: work for its office, and the certificates that it renews."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage import bindings, journal, work

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.judge import Filing


def renewed(
    tx: sa.Connection, turn: journal.Turn, dossier: journal.Dossier, filing: Filing, at_us: int
) -> list[journal.Event]:
    """Register the certificates that were recognised as renewals, and return the facts that say so."""
    return [
        journal.Event(
            seq=turn.next(),
            dossier=dossier.id,
            type="certificate-renewed",
            at_us=at_us,
            actor="gateway",
            detail=msgspec.json.encode(
                {"unit": row.unit, "certificate": row.sha256, "serial": row.serial, "renews": row.renews or ""}
            ).decode(),
            unit=dossier.unit,
            submitter=dossier.submitter,
            office=dossier.competent_office,
        )
        for row in bindings.renewed(tx, filing.renewals)
    ]


def offered(dossier: journal.Dossier, seq: int, at_us: int) -> work.Work:
    """The work that an accepted dossier is to its office, offered with fact number `seq` at that instant."""
    return work.Work(
        dossier=dossier.id,
        offered_seq=seq,
        office=dossier.competent_office,
        state="offered",
        due_at_us=dossier.due_at_us,
        attempt=0,
        lease=None,
        holder=None,
        lease_until_us=None,
        unit=dossier.unit,
        procedure=dossier.procedure,
        offered_at_us=at_us,
    )
