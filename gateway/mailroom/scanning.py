"""Scanned pages come in: kept as they were sent, read apart, matched, and filed by themselves when all is there."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway.clock import to_us
from gateway.mailroom import settling
from gateway.mailroom.opening import NotInMailRoom
from gateway.mailroom.reading import PageRead, ScanUnreadable, read_scan
from storage import mailroom
from storage.mailroom import Scan
from storage.vault import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.callers import Caller
    from gateway.house import House
    from gateway.settle import Stores

MEDIA_TYPES: Final = ("application/pdf", "image/tiff", "image/jpeg")
BATCH_CHARACTERS_MAX: Final = 60
SCANS_AN_OPENING_MAX: Final = 1000
_BATCH: Final = re.compile(r"[\w.\-]{0,60}")


class ScanRefused(Exception):
    """The scan cannot be read, and never will be: scan the paper again. What was sent is kept, and nothing else was
    changed.
    """


class ScanNotNow(Exception):
    """The scan is kept, but could not be read now. Sending it again is safe; it is also read by itself later."""


class ScansTooMany(Exception):
    """The opening has as many scans as it may. Trying again changes nothing."""


class _Unread(Struct, frozen=True):
    """Why a scan cannot be read, as it is kept."""

    code: str
    vi: str
    en: str


async def keep_scan(house: House, opening_id: str, batch: str, media_type: str, content: bytes, caller: Caller) -> Scan:
    """Keep a scan of an opening of the caller's office as it was sent; durable when this returns.

    The same bytes again find what was kept. Raises `NotInMailRoom`, `ScansTooMany`, and what the stores raise; trying
    again is safe.
    """
    now = house.clock.now()
    return await house.run_apart(_keep, house.stores, opening_id, batch, media_type, content, caller, now)


async def read_kept(house: House, scan: Scan, by: str) -> tuple[Scan, list[str]]:
    """Read a kept scan, if it is not read yet, and bind its pages; returns it, and the dossiers that are to be made
    now. One that could not be read is tried once more: it may have been our fault. Raises `ScanRefused`, `ScanNotNow`,
    and what the stores raise; trying again is safe after each.
    """
    pages: Sequence[PageRead] | None = None
    if scan.state != mailroom.READ:
        try:
            # Fetched when its turn has come: those that wait for it take no memory.
            pages = await house.read_scans(_read, house.stores, scan)
        except ScanUnreadable as error:
            if error.may_retry:
                raise ScanNotNow(f"{error.vi} · {error.en}") from error
            raise _refused(await house.run(_note, house.stores, scan, error)) from error
    # What is on the pages and where they belong, in one transaction.
    return await house.run(_settle, house.stores, scan, pages, by, house.clock.now())


def content_of(stores: Stores, scan: Scan) -> bytes:
    """The bytes of a kept scan. Raises `NotInMailRoom` when nobody may read them any more; what vault and cipher
    raise.
    """
    if scan.wrapped_key is None:
        raise NotInMailRoom(scan.id)
    return stores.cipher.open(stores.vault.read(scan.place), scan.wrapped_key, scan.sha256)


def is_batch(text: str) -> bool:
    """Whether it may name a batch: letters, digits, `.`, `-`, `_`; '' for a scan by itself."""
    return len(text) <= BATCH_CHARACTERS_MAX and _BATCH.fullmatch(text) is not None


def why_unread(scan: Scan) -> tuple[str, str]:
    """Why a scan cannot be read, in Vietnamese and English; '' where it can."""
    if not scan.why:
        return ("", "")
    told = msgspec.json.decode(scan.why, type=_Unread)
    return (told.vi, told.en)


def _keep(
    stores: Stores, opening_id: str, batch: str, media_type: str, content: bytes, caller: Caller, now: datetime
) -> Scan:
    sha256 = hashlib.sha256(content).digest()
    name = base64.b32encode(hashlib.sha256(b"scan\0" + opening_id.encode() + b"\0" + sha256).digest()[:16]).decode()
    # It follows from the bytes: a retry after a crash finds the same name.
    scan_id = "s-" + name.rstrip("=").lower()
    with stores.database.read() as tx:
        opening = mailroom.opening(tx, opening_id)
        if opening is None or opening.office not in caller.offices:
            raise NotInMailRoom(opening_id)
        if (kept := mailroom.scan(tx, scan_id)) is not None:
            return kept
        if mailroom.last_scan(tx, opening_id) >= SCANS_AN_OPENING_MAX:
            raise ScansTooMany(f"{SCANS_AN_OPENING_MAX}.")
    locked = stores.cipher.lock(content, sha256)
    (place,) = stores.vault.put_many([Entry(sha256, locked.body)])
    scan = Scan(
        id=scan_id,
        opening=opening_id,
        number=0,
        batch=batch,
        media_type=media_type,
        sha256=sha256,
        size_bytes=len(content),
        pages=0,
        state=mailroom.KEPT,
        why="",
        pack=place.pack,
        pack_offset=place.offset,
        pack_length=place.length,
        wrapped_key=locked.wrapped_key,
        scanned_at_us=to_us(now),
        scanned_by=caller.client,
    )
    with stores.database.begin() as tx:
        mailroom.hold(tx, opening_id)
        scan = structs.replace(scan, number=mailroom.last_scan(tx, opening_id) + 1)
        if mailroom.keep_scan(tx, scan):
            mailroom.settle(tx, opening_id, is_open=True, matched=opening.matched)
            return scan
        twin = mailroom.scan(tx, scan_id)
    if twin is None:
        raise NotInMailRoom(scan_id)
    return twin


def _read(stores: Stores, scan: Scan) -> list[PageRead]:
    return read_scan(content_of(stores, scan), scan.media_type)


def _note(stores: Stores, scan: Scan, error: ScanUnreadable) -> Scan:
    why = msgspec.json.encode(_Unread(error.code, error.vi, error.en)).decode()
    with stores.database.begin() as tx:
        mailroom.scan_read(tx, scan.id, state=mailroom.UNREADABLE, pages=0, why=why)
        opening = mailroom.opening(tx, scan.opening)
        if opening is not None:
            settling.close(tx, settling.held_pile(tx, opening))
    return structs.replace(scan, state=mailroom.UNREADABLE, why=why)


def _settle(
    stores: Stores, scan: Scan, pages: Sequence[PageRead] | None, by: str, now: datetime
) -> tuple[Scan, list[str]]:
    with stores.database.begin() as tx:
        read = {scan.id: pages} if pages is not None else {}
        if pages is not None:
            mailroom.scan_read(tx, scan.id, state=mailroom.READ, pages=len(pages))
        wanted = settling.settle(tx, stores, scan.opening, now, read=read, by=by)
        return mailroom.scan(tx, scan.id) or scan, wanted


def _refused(scan: Scan) -> ScanRefused:
    return ScanRefused(" · ".join(why_unread(scan)))
