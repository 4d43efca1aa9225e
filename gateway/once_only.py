"""Once only: a paper that is held already may be referred to by its digest, and need not be sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from schemas.envelope_files import ENVELOPE, file_pointer
from schemas.findings import Place
from schemas.references import kind_differs, not_looked_for, references_of, unknown
from storage import held
from storage.held import REFERENCE, Held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import sqlalchemy as sa

    from gateway.judge import PartOf
    from schemas.envelope import Envelope
    from schemas.findings import Finding

__all__ = [
    "NOTHING", "NOT_ASKED", "REFERENCE", "Held", "Resolved", "digests_of", "findings_of", "is_held", "lost",
    "referred_to", "resolve",
]  # fmt: skip


class Resolved(Struct, frozen=True):
    """Which documents are held for whoever refers to them: `found` by digest, each where it lies, the earliest first.

    A stranger's document is `unknown`, as one that is not held at all: nobody learns what others have filed.
    """

    found: Mapping[bytes, Sequence[Held]]
    unknown: tuple[bytes, ...] = ()
    was_asked: bool = True


NOTHING = Resolved({})
# Where there is no gateway to ask: a reference is then told as not looked for, and refuses nothing.
NOT_ASKED = Resolved({}, was_asked=False)


def resolve(tx: sa.Connection, references: Sequence[bytes], *, client: str, unit: str, on: date) -> Resolved:
    """Look for the documents with these SHA-256 digests, for a dossier of `unit` that `client` submits on that day.

    Held are papers of accepted dossiers whose content is not erased, of the same submitter, or of the same unit where
    the client speaks for it. Costs nothing without references. Asked before the dossier is judged; whether they are
    held still is asked once more by `lost`, for an erasure may come between.
    """
    if not references:
        return NOTHING
    found = held.for_reference(tx, references, client=client, unit=unit, on=on)
    return Resolved(found, tuple(digest for digest in dict.fromkeys(references) if digest not in found))


def findings_of(envelope: Envelope, resolved: Resolved) -> list[Finding]:
    """What is wrong with the references of an envelope, whose digests were looked for: one that is not held refuses."""
    if not resolved.was_asked:
        return [not_looked_for(file) for file in references_of(envelope)]
    findings: list[Finding] = []
    for file in references_of(envelope):
        where = resolved.found.get(file.sha256, ())
        if where:
            findings += kind_differs(file, [one.kind for one in where])
        else:
            findings.append(unknown(file.place, file.sha256))
    return findings


def lost(tx: sa.Connection, parts: Sequence[PartOf], *, client: str, unit: str, on: date) -> list[Finding]:
    """What was held when a dossier with these parts was judged and is not any more; asked in the transaction that
    accepts it, under its turn. Costs nothing without references.
    """
    gone = resolve(tx, digests_of(parts), client=client, unit=unit, on=on).unknown
    return [
        unknown(Place(file=part.name, form=part.form, pointer=file_pointer(ENVELOPE, part.number)), part.sha256)
        for part in parts
        if part.kind == REFERENCE and part.sha256 in gone
    ]


def digests_of(parts: Sequence[PartOf]) -> tuple[bytes, ...]:
    """The digests that a dossier's parts refer to."""
    return tuple(part.sha256 for part in parts if part.kind == REFERENCE)


def is_held(tx: sa.Connection, sha256: bytes, *, client: str, on: date, unit: str | None = None) -> bool:
    """Whether this client may refer to the document: in a dossier of that unit, or of any that it speaks for."""
    if unit is None:
        return bool(held.of_client(tx, [sha256], client=client, on=on))
    return bool(held.for_reference(tx, [sha256], client=client, unit=unit, on=on))


def referred_to(tx: sa.Connection, dossier: str) -> list[str]:
    """The receipt numbers of dossiers that refer to a paper of this one, and would lose it: while there are any, it is
    not erased. Under the turn of whoever erases (`journal.take_turn`) none can come meanwhile.
    """
    return held.relying(tx, dossier)
