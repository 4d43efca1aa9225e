"""What a paper dossier brings with it into the transaction that accepts it: its scans, its custody, its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from gateway.clock import to_us
from storage import courses, documents, originals
from storage.courses import Course

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.judge import Filing
    from gateway.postal.paper_told import PaperTold
    from storage.journal import Dossier

# What a paper dossier's documents are: the one file of its pages, and how it came here.
SCANS = "scans"
CUSTODY = "custody"


def entered(tx: sa.Connection, dossier: Dossier, filing: Filing) -> None:
    """A paper dossier was accepted in this transaction: write what belongs to it."""
    told = filing.submission.paper
    if told is None:
        return
    for one in filing.documents:
        documents.add(tx, structs.replace(one, dossier=dossier.id))
    _start(tx, dossier, told)
    whole = dossier.about or dossier.id
    if told.originals:
        originals.arrive(
            tx, whole, dossier.unit, told.office, told.item, told.originals, to_us(told.arrived_at), told.told_by
        )


def _start(tx: sa.Connection, dossier: Dossier, told: PaperTold) -> None:
    """Its clock counts from the time of receipt, which is not when it was entered here."""
    course = Course(
        dossier=dossier.id,
        office=dossier.competent_office,
        since_us=dossier.received_at_us,
        due_at_us=dossier.due_at_us,
        starts_at_us=to_us(told.time_of_receipt),
    )
    courses.put(tx, course)
