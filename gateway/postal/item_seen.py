"""Who may see which postal item, and bind what: a client its own, an office its mail, a carrier what it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from gateway.callers import seen_by
from gateway.clock import VIETNAM
from gateway.postal.carrier_tables import carriers_of
from storage import announcements, clients, items, journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from storage.announcements import Announced, Announcement
    from storage.items import Item, Whose


def whose(caller: Caller, on: date) -> Whose | None:
    """Which items the caller may list; None: none."""
    if caller.role == "operator":
        return items.Whose()
    if caller.role == "office":
        return items.Whose(offices=tuple(sorted(caller.offices))) if caller.offices else None
    if caller.role == "post":
        theirs = carriers_of(caller)
        return items.Whose(carriers=tuple(sorted(theirs))) if theirs else None
    return items.Whose(client=caller.client, on=on.isoformat())


def at_office(theirs: Whose, office: str) -> Whose | None:
    """Of these only those of one office; None: there are none."""
    if theirs.offices and office not in theirs.offices:
        return None
    return structs.replace(theirs, offices=(office,))


def sees_item(tx: sa.Connection, caller: Caller, item: Item, now: datetime) -> bool:
    """Whether the caller may see the item; else it is not there for it."""
    if caller.role == "operator":
        return True
    if caller.role == "office":
        return item.office in caller.offices
    if caller.role == "post":
        return item.carrier in carriers_of(caller)
    if item.announcement is not None:
        found = announcements.find(tx, item.announcement)
        return found is not None and sees_announcement(tx, caller, found, announcements.of(tx, found.id), now)
    return bool(item.unit) and item.unit in _units(tx, caller, now)


def sees_announcement(
    tx: sa.Connection, caller: Caller, one: Announcement, rows: Sequence[Announced], now: datetime
) -> bool:
    """Whether the caller may bind items to the announcement. A carrier is told no more of it than its name: whoever
    holds the paper reads that from its cover.
    """
    if caller.role in ("operator", "post"):
        return True
    if caller.role == "office":
        return one.office in caller.offices
    return one.client == caller.client or {row.unit for row in rows} <= _units(tx, caller, now)


def visible_dossier(tx: sa.Connection, caller: Caller, dossier: str, now: datetime) -> journal.Dossier | None:
    """A dossier that has come already, if the caller may see it."""
    scope = seen_by(caller, now.astimezone(VIETNAM).date())
    return journal.dossier(tx, dossier, scope) if scope is not None else None


def _units(tx: sa.Connection, caller: Caller, now: datetime) -> set[str]:
    return set(clients.units(tx, caller.client, now.astimezone(VIETNAM).date()))
