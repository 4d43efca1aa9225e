"""LINE 3 begins: paper that is to come is announced, with the data that it will say, before it is printed.

Keep, seal, commit, speak: contents durable in the vault, each under its own key; the cover codes sealed; then one
transaction; then the answer. The same request of the same client finds the same announcement.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM, to_us
from gateway.intake import INLINE_BYTES_MAX
from gateway.judge import Filing, Refusal
from gateway.mailroom.codes import Printed, cover_code, digest_of
from gateway.postal.announced_judged import FoundAt, Judged, Whose, clash_told, judge_one, pieces_too_thick, twice
from gateway.postal.announced_words import say
from gateway.postal.pieces import Piece
from gateway.postal.printed_forms import count_forms
from gateway.settle import Kept
from schemas.typeset import TooLongError
from storage import announcements, items, journal, mailroom
from storage.announcements import AlreadyAnnounced, Announced, Announcement
from storage.database import DatabaseAway
from storage.vault import Entry

if TYPE_CHECKING:
    from datetime import date, datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.house import House
    from gateway.judge import Tables
    from gateway.postal.announced_input import AnnouncementSent
    from gateway.settle import Stores
    from storage.items import Item

# How many announcements that came to nothing are ended at a time.
ENDED_AT_ONCE_MAX: Final = 100
GATEWAY: Final = "gateway"
_HERE: Final = frozenset({"at-office", "delivered"})


class AnnouncementRefused(Exception):
    """What was announced has errors: `findings` are all of them. Nothing was kept; mend it, then send it again."""

    def __init__(self, findings: Sequence[FoundAt]) -> None:
        super().__init__(len(findings))
        self.findings = tuple(findings)


class AnnouncementUnfit(Exception):
    """The announcement names an office or an item that cannot be. Nothing was kept; the message says what to mend."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi} · {en}")


class AnnouncementNotThere(Exception):
    """There is no such announcement for this caller."""


class AnnouncementMoved(Exception):
    """Paper of the announcement was posted, opened or filed: it cannot be cancelled any more. Not worth a retry."""


class Made(Struct, frozen=True):
    """An announcement as it stands. `fresh` is false when the same request had made it before."""

    announcement: Announcement
    announced: tuple[Announced, ...]
    fresh: bool


class _Ready(Struct, frozen=True, kw_only=True):
    """A dossier that may be announced: what goes in, and what we print of it."""

    judged: Judged
    whose: Whose
    pieces: tuple[Piece, ...]
    printed: tuple[Printed, ...]


async def announce(house: House, caller: Caller, sent: AnnouncementSent, sha256: bytes) -> Made:
    """Announce; `sha256` is of the request. Trying again is always safe.

    Raises `AnnouncementRefused`, `AnnouncementUnfit`; and `VaultAway`, `DatabaseAway`, `SealAway`, `ScannerAway`: then
    nothing was promised.
    """
    # (1) The same request was answered before?
    if earlier := await house.run(_earlier, house.stores, caller.client, sha256):
        return earlier
    try:
        return await _announce(house, caller, sent, sha256)
    except AnnouncementRefused:
        # A twin may have been quicker: then it is its dossiers that were found to be announced.
        if earlier := await house.run(_earlier, house.stores, caller.client, sha256):
            return earlier
        raise


async def _announce(house: House, caller: Caller, sent: AnnouncementSent, sha256: bytes) -> Made:
    if house.intake.has_gone_back():
        raise DatabaseAway("the database went back behind what was published: an operator must mend it")
    now = house.clock.now()
    # (2) Where it goes is known before anything is judged; a clerk's item is here.
    item = await house.run(_item, house.stores, caller, sent.item)
    # (3) Everything that is wrong with any of its dossiers, at once.
    judged = await _judged(house, caller, sent, now)
    if any(one.is_refused for one in judged):
        raise AnnouncementRefused([found for one in judged for found in one.findings])
    office = _office(caller, sent, item, judged, house.tables, now.astimezone(VIETNAM).date())
    # (4) How many pages we shall print decides what is to be put in.
    ready = await _ready(house, judged, now)
    # (5) Contents are durable before anything points at them.
    kept = await house.run_apart(_keep, house.stores, ready)
    one = Announcement(
        id=announcement_id(),
        client=caller.client,
        role=caller.role,
        office=office,
        made_at_us=to_us(now),
        sha256=sha256,
        carrier=sent.carrier,
        return_to=msgspec.json.encode(sent.return_to).decode() if sent.return_to else "",
    )
    # (6) The cover codes are sealed; (7) one transaction; only then is anything said.
    rows = await house.run_apart(_rows, house.stores, one, ready, kept, now)
    try:
        return await house.run(_commit, house.stores, one, rows, sent.item)
    except AlreadyAnnounced as clash:
        number = next((row.number for row in rows if row.id == clash.dossier), 1)
        raise AnnouncementRefused([clash_told(clash, number, caller.client)]) from clash


async def check(house: House, caller: Caller, sent: AnnouncementSent) -> tuple[bool, list[FoundAt]]:
    """The same judgement, nothing kept: whether it would be taken, and all findings. Raises as `announce` does."""
    now = house.clock.now()
    judged = await _judged(house, caller, sent, now)
    found = [found for one in judged for found in one.findings]
    if any(one.is_refused for one in judged):
        return False, found
    try:
        await _ready(house, judged, now)
    except AnnouncementRefused as refused:
        return False, list(refused.findings)
    return True, found


def find(stores: Stores, caller: Caller, announcement: str, on: date) -> Made:
    """The announcement, with those of its dossiers that the caller may see. Raises `AnnouncementNotThere`."""
    with stores.database.read() as tx:
        one = announcements.find(tx, announcement)
        if one is None:
            raise AnnouncementNotThere(announcement)
        rows = announcements.of(tx, announcement)
        seen = [row for row in rows if _may_see(tx, caller, one, row, on)]
    if not seen:
        raise AnnouncementNotThere(announcement)
    return Made(one, tuple(seen), fresh=False)


def cancel(stores: Stores, caller: Caller, announcement: str, now: datetime) -> Made:
    """Cancel what was announced and not posted; nobody can read its contents any more. Again, it changes nothing.

    Raises `AnnouncementNotThere`, `AnnouncementMoved`, `DatabaseAway`.
    """
    seen = find(stores, caller, announcement, now.astimezone(VIETNAM).date())
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        one = announcements.find(tx, announcement)
        rows = announcements.of(tx, announcement)
        if one is None or (caller.client != one.client and len(seen.announced) < len(rows)):
            # Who speaks for some of its units only cannot cancel what others announced.
            raise AnnouncementNotThere(announcement)
        if one.cancelled_at_us is None:
            if announcements.was_moved(tx, announcement):
                raise AnnouncementMoved(announcement)
            announcements.cancel(tx, announcement, caller.client, to_us(now))
        found = announcements.find(tx, announcement), announcements.of(tx, announcement)
        journal.end_turn(tx, turn)
    return Made(found[0] or one, tuple(found[1]), fresh=False)


def end_unposted(stores: Stores, days_max: int, now: datetime) -> int:
    """End announcements of which no paper was heard for so many days, and forget their contents; returns how many.

    When nothing is due, nothing is written. Trying again is safe.
    """
    before_us = to_us(now - timedelta(days=days_max))
    with stores.database.read() as tx:
        if not announcements.never_posted(tx, before_us, 1):
            return 0
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        due = announcements.never_posted(tx, before_us, ENDED_AT_ONCE_MAX)
        for one in due:
            announcements.cancel(tx, one.id, GATEWAY, to_us(now))
        journal.end_turn(tx, turn)
    return len(due)


async def end_old_announcements(house: House) -> None:
    """The step in the background: what was announced and never posted is ended after its time."""
    days_max = house.tables.post.waits.announcement_days_max
    await house.run(end_unposted, house.stores, days_max, house.clock.now())


def announcement_id() -> str:
    """An announcement's name."""
    return "p-" + base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower()


def _earlier(stores: Stores, client: str, sha256: bytes) -> Made | None:
    with stores.database.read() as tx:
        one = announcements.by_content(tx, client, sha256)
        return Made(one, tuple(announcements.of(tx, one.id)), fresh=False) if one else None


def _may_see(tx: sa.Connection, caller: Caller, one: Announcement, row: Announced, on: date) -> bool:
    if caller.role == "operator" or caller.client == one.client:
        return True
    if caller.role == "office":
        return one.office in caller.offices or row.competent_office in caller.offices
    return (
        caller.role in ("employer", "ivan") and bool(row.unit) and journal.speaks_for(tx, caller.client, row.unit, on)
    )


async def _judged(house: House, caller: Caller, sent: AnnouncementSent, now: datetime) -> list[Judged]:
    """Every dossier judged, one after the other in a thread: a list of a thousand people takes a while."""
    judged: list[Judged] = []
    for number, one in enumerate(sent.dossiers, 1):
        found = await house.run_apart(judge_one, one, number, caller, house.stores, house.tables, now)
        if found.filing is not None and found.filing.to_scan:
            found = _after_scan(found, await house.intake.scanned(found.filing))
        judged.append(found)
    for again in twice(judged):
        at = again.dossier - 1
        judged[at] = msgspec.structs.replace(judged[at], findings=(*judged[at].findings, again))
    return judged


def _after_scan(judged: Judged, outcome: Filing | Refusal) -> Judged:
    if isinstance(outcome, Filing):
        return msgspec.structs.replace(judged, filing=outcome)
    found = tuple(FoundAt(dossier=judged.number, finding=one) for one in outcome.findings)
    return msgspec.structs.replace(judged, filing=None, whose=None, findings=found)


async def _ready(house: House, judged: Sequence[Judged], now: datetime) -> list[_Ready]:
    """What goes into the envelope with each. Raises `AnnouncementRefused` for what is too thick."""
    catalogue, on = house.tables.catalogue, now.astimezone(VIETNAM).date()
    titles = {form.code: form.title_vi for form in catalogue.forms(on)}
    ready: list[_Ready] = []
    thick: list[FoundAt] = []
    for one in judged:
        if one.whose is None:
            raise AssertionError("what was refused is not got ready")
        apart = len(one.content) > INLINE_BYTES_MAX
        try:
            printed = await house.typeset(count_forms, one.content, one.media_type, catalogue, on, now, apart=apart)
        except TooLongError:
            thick.append(FoundAt(dossier=one.number, finding=say("form-too-long")))
            continue
        ours = (
            Piece(kind="form", name=titles.get(form.form, ""), pages=form.pages, form=form.form) for form in printed
        )
        pieces = (*ours, *one.sent.pieces)
        thick += pieces_too_thick(one.number, pieces)
        ready.append(_Ready(judged=one, whose=one.whose, pieces=pieces, printed=printed))
    if thick:
        raise AnnouncementRefused([*thick, *(found for one in judged for found in one.findings)])
    return ready


def _office(
    caller: Caller, sent: AnnouncementSent, item: Item | None, judged: Sequence[Judged], tables: Tables, on: date
) -> str:
    """The mail room: the one that was asked for; for a clerk the one where the item lies; else the competent one."""
    if caller.role == "office":
        office = item.office if item is not None else sent.office
        if not office and len(caller.offices) == 1:
            office = next(iter(caller.offices))
        if office not in caller.offices or (sent.office and sent.office != office):
            raise AnnouncementUnfit(
                "office: nêu phòng thư của mình, nơi có bưu gửi", "office: name your own, where the item is"
            )
        return office
    whose = judged[0].whose
    office = sent.office or (whose.competent_office if whose else "")
    if tables.offices.get(office, on) is None:
        raise AnnouncementUnfit(f"office: không có cơ quan {office[:10]}", "there is no such office")
    return office


def _item(stores: Stores, caller: Caller, number: str) -> Item | None:
    """The item in which a clerk found paper that nobody announced: it is open, or at least here."""
    if not number:
        return None
    if caller.role != "office":
        raise AnnouncementUnfit(
            "item: gắn bưu gửi bằng PUT /v1/postal/items/{số}", "bind an item by PUT /v1/postal/items/{number}"
        )
    with stores.database.read() as tx:
        found = items.find(tx, number)
        is_here = found is not None and (found.state in _HERE or mailroom.opening_of(tx, number) is not None)
    if found is None or found.office not in caller.offices or found.direction != "in":
        raise AnnouncementUnfit(f"item: không có bưu gửi {number[:40]}", "there is no such item here")
    if not is_here:
        raise AnnouncementUnfit(f"item: bưu gửi {number[:40]} chưa đến", "the item has not arrived")
    return found


def _keep(stores: Stores, ready: Sequence[_Ready]) -> list[Kept]:
    """One pack for the announcement, each content under its own key."""
    locked = [stores.cipher.lock(one.judged.content, one.judged.sha256) for one in ready]
    entries = [Entry(one.judged.sha256, lock.body) for one, lock in zip(ready, locked, strict=True)]
    places = stores.vault.put_many(entries)
    return [Kept(lock.wrapped_key, place) for lock, place in zip(locked, places, strict=True)]


def _rows(
    stores: Stores, one: Announcement, ready: Sequence[_Ready], kept: Sequence[Kept], now: datetime
) -> list[Announced]:
    signer = stores.seal.signer_at(now)
    rows: list[Announced] = []
    for of, at in zip(ready, kept, strict=True):
        judged, whose = of.judged, of.whose
        comes_in_halves = judged.filing is not None and judged.filing.comes_in_halves
        half_of = judged.half_of.id if judged.half_of else ""
        digest = digest_of(
            announcement=one.id,
            dossier=judged.id,
            sha256=judged.sha256,
            half_of=half_of,
            pieces=of.pieces,
            printed=of.printed,
        )
        rows.append(
            Announced(
                id=judged.id,
                announcement=one.id,
                number=judged.number,
                unit=whose.unit,
                tax_code=whose.tax_code,
                procedure=whose.procedure,
                period=whose.period,
                batch=judged.sent.batch,
                half_of=half_of,
                hybrid=int((judged.sent.hybrid or comes_in_halves) and not half_of),
                competent_office=whose.competent_office,
                sha256=judged.sha256,
                size_bytes=len(judged.content),
                media_type=judged.media_type,
                pack=at.place.pack,
                pack_offset=at.place.offset,
                pack_length=at.place.length,
                wrapped_key=at.wrapped_key,
                pieces=msgspec.json.encode(of.pieces).decode(),
                printed=msgspec.json.encode(of.printed).decode(),
                digest=digest,
                code=cover_code(judged.id, digest, signer),
                findings=msgspec.json.encode(judged.findings).decode(),
                state=announcements.ANNOUNCED,
                state_at_us=one.made_at_us,
            )
        )
    return rows


def _commit(stores: Stores, one: Announcement, rows: Sequence[Announced], item: str) -> Made:
    """Raises `AlreadyAnnounced`: then nothing was written."""
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        is_fresh = announcements.enter(tx, one, rows)
        if is_fresh and item and (found := items.find(tx, item)) is not None:
            inside = [*items.dossiers_of(tx, item), *(row.id for row in rows)]
            bound = msgspec.structs.replace(
                found, announcement=found.announcement or one.id, unit=found.unit or rows[0].unit
            )
            items.bind(tx, bound, inside)
        stands = one if is_fresh else announcements.by_content(tx, one.client, one.sha256)
        if stands is None:
            raise AssertionError("what was not entered stands there already")
        written = announcements.of(tx, stands.id)
        journal.end_turn(tx, turn)
    return Made(stands, tuple(written), is_fresh)
