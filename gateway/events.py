"""Facts about a dossier, as the lines write them: numbered by the turn, in the past tense, never changed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.clock import to_us
from storage import journal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import sqlalchemy as sa

_EVERYTHING: Final = journal.Scope(everything=True)


def fact(
    turn: journal.Turn,
    dossier: journal.Dossier,
    name: str,
    actor: str,
    now: datetime,
    detail: Mapping[str, object],
    *,
    office: str | None = None,
) -> journal.Event:
    """The next fact about the dossier. `office` is the one that it concerns, if not the one that has the dossier."""
    return journal.Event(
        seq=turn.next(),
        dossier=dossier.id,
        type=name,
        at_us=to_us(now),
        actor=actor,
        detail=msgspec.json.encode(detail).decode(),
        unit=dossier.unit,
        submitter=dossier.submitter,
        office=dossier.competent_office if office is None else office,
    )


def dossier_of(tx: sa.Connection, dossier_id: str) -> journal.Dossier:
    """The dossier that a row names, whoever asks. Raises `LookupError`, which a foreign key forbids."""
    found = journal.dossier(tx, dossier_id, _EVERYTHING)
    if found is None:
        raise LookupError(dossier_id)
    return found


def events_of(tx: sa.Connection, dossier_id: str, *names: str) -> list[journal.Event]:
    """All facts of these types about the dossier, in commit order, whoever asks."""
    found, after = [], 0
    while page := journal.events(tx, _EVERYTHING, after, dossier_id):
        found += [one for one in page if one.type in names]
        after = page[-1].seq
    return found


def has_fact(tx: sa.Connection, dossier_id: str, seq: int) -> bool:
    """Whether fact number `seq` is about the dossier."""
    return any(one.seq == seq for one in journal.events(tx, _EVERYTHING, seq - 1, dossier_id)[:1])


def receipt_sha256(dossier: journal.Dossier) -> str:
    """The SHA-256 (hex) of the compact JWS of the receipt, by which later statements name it."""
    return hashlib.sha256(dossier.statement.encode()).hexdigest()
