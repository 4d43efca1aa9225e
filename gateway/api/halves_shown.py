"""The halves of a dossier that comes in two, as its parties see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gateway.clock import from_us, rfc3339
from gateway.events import dossier_of
from storage import halves, journal

if TYPE_CHECKING:
    import sqlalchemy as sa

    from storage.journal import Dossier


class HalfShown(Struct, frozen=True, kw_only=True):
    """A half of the dossier beside the one that came first: `paper` or `electronic`, awaited since when, and, once it
    has come, the id under which it is kept and its own receipt. The receipts of both name the one dossier.
    """

    half: str
    awaited_since: str
    record: str | None
    receipt_number: str | None
    received_at: str | None
    receipt: str | None


def halves_shown(tx: sa.Connection, dossier: Dossier, scope: journal.Scope) -> list[HalfShown]:
    """The other half, awaited or come; nothing for a dossier that is whole. Of one that somebody else sent, who may not
    see it learns that it came.
    """
    shown = []
    for half in halves.of(tx, dossier.id):
        one = journal.dossier(tx, half.came, scope) if half.came else None
        shown.append(
            HalfShown(
                half=half.kind,
                awaited_since=rfc3339(from_us(half.awaited_since_us)),
                record=one.id if one else None,
                receipt_number=one.statement_number if one else None,
                received_at=_received_at(tx, half.came) if half.came else None,
                receipt=one.statement if one else None,
            )
        )
    return shown


def _received_at(tx: sa.Connection, came: str) -> str:
    return rfc3339(from_us(dossier_of(tx, came).received_at_us))
