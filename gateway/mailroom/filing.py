"""A complete paper dossier is made: its pages become one file, its pieces are told, and it goes into the line.

What is to be made stands in the database first, with the pages that it is to be made of. So a power cut between any two
steps loses nothing: the step in the background makes what was asked for and is not there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway.callers import Caller
from gateway.clock import from_us, to_us
from gateway.faults import log_fault
from gateway.mailroom import settling
from gateway.mailroom.counting import compare, pieces_there
from gateway.mailroom.opening import NotInMailRoom, arrived_at_us, pieces_of
from gateway.mailroom.reading import ScanUnreadable
from gateway.mailroom.scanning import content_of
from gateway.mailroom.settling import Lack, Pile, held_pile, its_pages, keys_of, keys_text, lacking, pile_of
from gateway.mailroom.sheets import dossier_pdf
from gateway.post import Paper, PaperRefused, file_paper, refile
from storage import announcements, items, mailroom
from storage.mailroom import PaperFiling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.house import House
    from gateway.settle import Stores
    from storage.announcements import Announced
    from storage.mailroom import Opening, Scan


_FAULTS: Final = logging.getLogger("motcua.faults")


class NotAsSeen(Exception):
    """What the dossier lacks is not what was said to be seen. Look at it again; nothing was changed."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(", ".join(keys) or "-")
        self.keys = tuple(keys)


class FiledBefore(Exception):
    """The dossier was made already. Nothing was changed; pages are added to it by binding them, with a reason."""


class FindingKept(Struct, frozen=True):
    """A finding for which a paper dossier could not be made, as it is kept."""

    code: str
    vi: str
    en: str


class _Made(Struct, frozen=True, kw_only=True):
    """What a dossier is to be made of."""

    filing: PaperFiling
    opening: Opening
    # None where it is there already.
    paper: Paper | None
    dossier: str
    scans: dict[str, Scan]
    keys: list[settling.PageKey]


async def make(house: House, dossiers: Iterable[str]) -> None:
    """Make these dossiers, or mend the files of those whose pages were bound otherwise; what cannot be made now waits
    for a person, with the findings. Doing it again changes nothing. Raises what the stores raise: then what is left is
    made later.
    """
    for dossier in dict.fromkeys(dossiers):
        made = await house.run_apart(_look, house.stores, dossier)
        if made is None:
            continue
        if made.filing.state == mailroom.REBOUND:
            await _mend(house, made)
        elif made.paper is not None:
            await _make(house, made, made.paper)
        else:
            # The power went between its making and our writing that it was made.
            await house.run(_filed, house.stores, made, house.clock.now())


def say_complete(
    stores: Stores, opening_id: str, dossier: str, reason: str, seen: Sequence[str], caller: Caller, now: datetime
) -> None:
    """Write that a person says: the dossier is complete as it is, although it lacks what was `seen`. Safe to repeat.

    Raises `NotInMailRoom`, `NotAsSeen`, `FiledBefore`, `DatabaseAway`.
    """
    with stores.database.begin() as tx:
        opening = mailroom.opening(tx, opening_id)
        if opening is None or opening.office not in caller.offices:
            raise NotInMailRoom(opening_id)
        pile = held_pile(tx, opening)
        if dossier not in pile.dossiers[opening.id]:
            raise NotInMailRoom(dossier)
        before = pile.filings.get(dossier)
        if before is not None and before.state != mailroom.REFUSED:
            if before.asked_by == caller.client and before.reason == reason:
                return
            raise FiledBefore(dossier)
        if pile.expected[dossier].announced.state != announcements.ANNOUNCED:
            raise FiledBefore(dossier)
        keys = [one.key for one in lacking(pile)[dossier]]
        if sorted(keys) != sorted(set(seen)):
            raise NotAsSeen(keys)
        settling.want(tx, pile, dossier, by=caller.client, reason=reason, missing=keys, now=now)


def lacks_of(tx: sa.Connection, opening: Opening) -> tuple[Pile, dict[str, list[Lack]]]:
    """Of each dossier of an opening, what keeps it from being made by itself."""
    pile = pile_of(tx, opening)
    lacks = lacking(pile)
    return pile, {dossier: lacks[dossier] for dossier in pile.dossiers[opening.id]}


def findings_of(filing: PaperFiling) -> list[FindingKept]:
    """Why a dossier that was asked for was refused."""
    return msgspec.json.decode(filing.why, type=list[FindingKept]) if filing.why else []


def _look(stores: Stores, dossier: str) -> _Made | None:
    """What it is to be made of; None: nothing is to be made of it."""
    with stores.database.read() as tx:
        filing = mailroom.filing_of(tx, dossier)
        if filing is None or filing.state not in (mailroom.WANTED, mailroom.REBOUND):
            return None
        opening = mailroom.opening(tx, filing.opening)
        announced = announcements.announced(tx, dossier)
        if opening is None or announced is None or announced.state == announcements.CANCELLED:
            return None
        pile = pile_of(tx, opening)
        # What is mended has the pages that it has now; what is made, those that it had when it was asked for.
        mended = filing.state == mailroom.REBOUND
        keys = its_pages(pile, dossier) if mended else keys_of(filing.pages)
        scans = {scan.id: scan for name, _ in keys if (scan := mailroom.scan(tx, name))}
        item = items.find(tx, opening.item)
    paper = None
    if not mended and item is not None and announced.wrapped_key is not None and announced.state != announcements.FILED:
        pieces = pieces_of(pile.expected)
        paper = Paper(
            announced=announced,
            content=_content(stores, announced, announced.wrapped_key),
            item=item.number,
            posted_at=from_us(item.posted_at_us) if item.posted_at_us is not None else None,
            arrived_at=from_us(arrived_at_us(opening, item)),
            opened_at=from_us(opening.opened_at_us),
            office=opening.office,
            scans=b"",
            pages=len(keys),
            counted=pieces_there(compare(pieces, pile.counted), pieces, dossier),
            reason=filing.reason,
            missing=filing.missing or "[]",
        )
    return _Made(filing=filing, opening=opening, paper=paper, dossier=dossier, scans=scans, keys=keys)


def _content(stores: Stores, announced: Announced, wrapped_key: bytes) -> bytes:
    return stores.cipher.open(stores.vault.read(announced.place), wrapped_key, announced.sha256)


async def _make(house: House, made: _Made, paper: Paper) -> None:
    try:
        paper = structs.replace(paper, scans=await house.run_apart(_pdf, house.stores, made))
        await file_paper(house, paper, _caller(made))
    except PaperRefused as refused:
        why = [FindingKept(one.code, one.message_vi, one.message_en) for one in refused.findings]
        await house.run(_refused, house.stores, made, why, house.clock.now())
        return
    except ScanUnreadable as unreadable:
        if not unreadable.may_retry:
            why = [FindingKept(unreadable.code, unreadable.vi, unreadable.en)]
            await house.run(_refused, house.stores, made, why, house.clock.now())
        return
    await house.run(_filed, house.stores, made, house.clock.now())


async def _mend(house: House, made: _Made) -> None:
    try:
        scans = await house.run_apart(_pdf, house.stores, made)
    except ScanUnreadable as unreadable:
        log_fault(_FAULTS, f"the pages of {made.dossier} cannot be put together", unreadable)
        return
    await refile(house, made.dossier, scans, len(made.keys), _caller(made), made.filing.reason)
    await house.run(_mended, house.stores, made, house.clock.now())


def _pdf(stores: Stores, made: _Made) -> bytes:
    """One PDF of the pages, in their order; b"" of none."""
    if not made.keys:
        return b""
    contents = {name: (content_of(stores, scan), scan.media_type) for name, scan in made.scans.items()}
    return dossier_pdf(contents, made.keys)


def _caller(made: _Made) -> Caller:
    """In whose name it is made: of whoever said that it is complete, else of the gateway."""
    offices = frozenset({made.opening.office})
    return Caller(client=made.filing.asked_by, role="office", offices=offices, requests_per_minute_max=0)


def _filed(stores: Stores, made: _Made, now: datetime) -> None:
    with stores.database.begin() as tx:
        pile = held_pile(tx, made.opening)
        if not mailroom.end_filing(tx, made.dossier, state=mailroom.FILED, at_us=to_us(now)):
            return
        if keys_text(its_pages(pile, made.dossier)) != made.filing.pages:
            # A person bound pages otherwise while it was made.
            bound = made.filing
            mailroom.rebound(tx, made.dossier, by=bound.asked_by, reason=bound.reason, at_us=to_us(now))
        settling.close(tx, pile_of(tx, made.opening))


def _refused(stores: Stores, made: _Made, why: Sequence[FindingKept], now: datetime) -> None:
    text = msgspec.json.encode(why).decode()
    with stores.database.begin() as tx:
        mailroom.end_filing(tx, made.dossier, state=mailroom.REFUSED, at_us=to_us(now), why=text)


def _mended(stores: Stores, made: _Made, now: datetime) -> None:
    with stores.database.begin() as tx:
        pages, since_us = keys_text(made.keys), made.filing.state_at_us
        mailroom.filed_again(tx, made.dossier, pages=pages, since_us=since_us, at_us=to_us(now))
