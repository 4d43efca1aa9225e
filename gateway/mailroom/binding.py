"""A person binds pages to dossiers, or binds them otherwise: never without a reason, and never without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta, Struct, structs

from gateway.clock import to_us
from gateway.mailroom import settling
from gateway.mailroom.opening import NotInMailRoom
from storage import announcements, items, mailroom
from storage.mailroom import Binding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.settle import Stores
    from storage.mailroom import Page

PAGES_AT_ONCE_MAX: Final = 300
REASON_CHARACTERS_MAX: Final = 300
_PERSON: Final = "person"


class PageBound(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a scan, and the dossier that it is to be bound to; '': to none, it is set aside."""

    scan: Annotated[str, Meta(max_length=40)]
    number: Annotated[int, Meta(ge=1, le=9999)]
    dossier: Annotated[str, Meta(max_length=40)]


def bind_pages(
    stores: Stores, bound: Sequence[PageBound], reason: str, caller: Caller, now: datetime
) -> tuple[list[Page], list[str]]:
    """Bind pages as a person of the mail room says; returns them as they stand then, and the dossiers that are to be
    made or mended now. Safe to repeat: what is bound so already gets no second trace.

    Raises `NotInMailRoom` for a page, or a dossier, that is not this mail room's; `DatabaseAway`.
    """
    wanted = {(one.scan, one.number): one.dossier for one in bound}
    with stores.database.begin() as tx:
        openings = _openings(tx, {scan for scan, _ in wanted}, caller)
        for dossier in sorted(set(wanted.values()) - {""}):
            _check_theirs(tx, dossier, caller)
        for opening_id in sorted(openings):
            mailroom.hold(tx, opening_id)
        touched = [moved for (scan, number), dossier in wanted.items()
                   for moved in _bind(tx, scan, number, dossier, reason, caller, now)]  # fmt: skip
        todo: dict[str, None] = {}
        for dossier in dict.fromkeys(one for one in touched if one):
            if mailroom.rebound(tx, dossier, by=caller.client, reason=reason, at_us=to_us(now)):
                todo[dossier] = None
        further = {opening for dossier in set(wanted.values()) - {""} for opening in _openings_of(tx, dossier)}
        for opening_id in sorted(openings | further):
            todo |= dict.fromkeys(settling.settle(tx, stores, opening_id, now, by=caller.client))
        pages = [found for scan, number in wanted if (found := mailroom.page(tx, scan, number))]
    return pages, list(todo)


def _bind(
    tx: sa.Connection, scan: str, number: int, dossier: str, reason: str, caller: Caller, now: datetime
) -> list[str]:
    """Bind one page; the dossiers whose pages changed."""
    page = mailroom.page(tx, scan, number)
    if page is None:
        raise NotInMailRoom(f"{scan}/{number}")
    if page.how == _PERSON and page.dossier == dossier:
        return []
    trace = mailroom.bindings_of(tx, scan, number)
    state = mailroom.FILED if dossier else mailroom.SET_ASIDE
    mailroom.put_pages(tx, [structs.replace(page, dossier=dossier, state=state, how=_PERSON, why="{}")])
    mailroom.bind(
        tx,
        [
            Binding(
                scan=scan,
                number=number,
                version=trace[-1].version + 1 if trace else 1,
                dossier=dossier,
                was=page.dossier,
                at_us=to_us(now),
                bound_by=caller.client,
                why=reason,
            )
        ],
    )
    # A page that a person only confirms changes no dossier.
    return [] if page.dossier == dossier and page.state == state else [page.dossier, dossier]


def _openings(tx: sa.Connection, scans: set[str], caller: Caller) -> set[str]:
    found = set()
    for name in scans:
        scan = mailroom.scan(tx, name)
        opening = mailroom.opening(tx, scan.opening) if scan else None
        if opening is None or opening.office not in caller.offices:
            raise NotInMailRoom(name)
        found.add(opening.id)
    return found


def _openings_of(tx: sa.Connection, dossier: str) -> list[str]:
    opened = [mailroom.opening_of(tx, item.number) for item in items.of_dossier(tx, dossier)]
    return [one.id for one in opened if one is not None]


def _check_theirs(tx: sa.Connection, dossier: str, caller: Caller) -> None:
    """Refuse a dossier whose paper goes to no mail room of the caller's."""
    announced = announcements.announced(tx, dossier)
    made = announcements.find(tx, announced.announcement) if announced else None
    if made is None or announced is None or announced.state == announcements.CANCELLED:
        raise NotInMailRoom(dossier)
    there = {made.office, *(item.office for item in items.of_dossier(tx, dossier) if item.direction == "in")}
    if not there & caller.offices:
        raise NotInMailRoom(dossier)
