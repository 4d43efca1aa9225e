"""The mail room opens an item: who, when, in what condition, and what was counted in it against what was announced."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct, structs

from gateway import s10, tracking
from gateway.clock import to_us
from gateway.mailroom.counting import Counted, Line, compare
from gateway.postal.pieces import PIECES_MAX, Piece
from storage import announcements, handlings, items, journal, mailroom
from storage.items import Item
from storage.mailroom import Opening

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from storage.announcements import Announced
    from storage.database import Database

# A mail room's own clock may be so much ahead of ours.
AHEAD_MAX: Final = timedelta(minutes=10)
Condition = Literal["intact", "damaged", "opened"]
_IN: Final = "in"
_LOCAL: Final = re.compile(r"[A-Z0-9/]{4,40}", re.ASCII)


class NotInMailRoom(Exception):
    """There is no such item, opening, scan or page for this mail room. Trying again changes nothing."""


class OpenedOtherwise(Exception):
    """The item was opened before, and something else was told of it then. Look at what was told; it stays as it is."""


class OpeningUnfit(Exception):
    """What was told of an opening cannot be so. Trying again changes nothing; the message says what to correct."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi} · {en}")


class Told(Struct, frozen=True, kw_only=True):
    """What a mail room tells of an item that it opened. `opened_at` is None for now. `confirmed` says of an item that
    nobody told of that its number was read once more, although its check digit is wrong.
    """

    item: str
    office: str
    condition: Condition
    counted: tuple[Counted, ...]
    officer: str = ""
    opened_at: datetime | None = None
    confirmed: bool = False


class Expected(Struct, frozen=True, kw_only=True):
    """A dossier that an item was announced to hold, and its pieces; `keyed`: by a clerk, when the paper was here."""

    announced: Announced
    pieces: tuple[Piece, ...]
    keyed: bool


class Opened(Struct, frozen=True, kw_only=True):
    """An opening as it stands: the item, what was expected in it, and the comparison with what was counted."""

    opening: Opening
    item: Item
    expected: dict[str, Expected]
    lines: list[Line]


_PIECES: Final = msgspec.json.Decoder(tuple[Piece, ...])
_COUNTED: Final = msgspec.json.Decoder(tuple[Counted, ...])


def open_item(database: Database, told: Told, caller: Caller, now: datetime) -> Opened:
    """Write that the item was opened, or find that it was told before in the same words. Safe to repeat.

    An item of which nobody told anything is entered as it came: it waits for a person to say what it is. Raises
    `NotInMailRoom` for an item that goes elsewhere, `OpenedOtherwise`, `OpeningUnfit`, `DatabaseAway`.
    """
    if len(told.counted) > PIECES_MAX:
        raise OpeningUnfit(f"tối đa {PIECES_MAX} dòng đếm", f"at most {PIECES_MAX} lines of counts")
    if told.opened_at is not None and told.opened_at > now + AHEAD_MAX:
        raise OpeningUnfit("thời điểm mở ở tương lai", "the time of opening is in the future")
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        # Who binds the number waits for us, or we for them.
        handlings.hold(tx)
        item = _item(tx, told, caller, now)
        expected = expected_in(tx, item.number)
        if unknown := {one.dossier for one in told.counted if one.dossier} - expected.keys():
            raise OpeningUnfit(
                f"bưu gửi không có hồ sơ {', '.join(sorted(unknown))}",
                f"the item holds no dossier {', '.join(sorted(unknown))}",
            )
        wanted = _opening(told, item, caller, now)
        if not mailroom.open_item(tx, wanted):
            before = mailroom.opening_of(tx, item.number)
            if before is None or not _same(before, wanted, told):
                raise OpenedOtherwise(f"{item.number}.")
            wanted = before
        journal.end_turn(tx, turn)
        return _opened(wanted, item, expected)


def find(tx: sa.Connection, opening_id: str, offices: frozenset[str] | None) -> Opened:
    """The opening of one of these offices (None: of any). Raises `NotInMailRoom`."""
    opening = mailroom.opening(tx, opening_id)
    if opening is None or (offices is not None and opening.office not in offices):
        raise NotInMailRoom(opening_id)
    return stand(tx, opening)


def stand(tx: sa.Connection, opening: Opening) -> Opened:
    """The opening with its item, what was announced by now, and the comparison."""
    item = items.find(tx, opening.item)
    if item is None:
        raise NotInMailRoom(opening.id)
    return _opened(opening, item, expected_in(tx, item.number))


def expected_in(tx: sa.Connection, item: str) -> dict[str, Expected]:
    """The dossiers that were announced to be in an item and are not cancelled, in the order of their announcement."""
    found = [announcements.announced(tx, dossier) for dossier in items.dossiers_of(tx, item)]
    standing = [one for one in found if one is not None and one.state != announcements.CANCELLED]
    standing.sort(key=lambda one: (one.announcement, one.number))
    made = {name: announcements.find(tx, name) for name in {one.announcement for one in standing}}
    keyed = {name for name, one in made.items() if one is not None and one.role == "office"}
    return {
        one.id: Expected(announced=one, pieces=_PIECES.decode(one.pieces), keyed=one.announcement in keyed)
        for one in standing
    }


def counted_in(opening: Opening) -> tuple[Counted, ...]:
    """What was counted when the item was opened."""
    return _COUNTED.decode(opening.counted)


def arrived_at_us(opening: Opening, item: Item) -> int:
    """When the paper came: when the carrier delivered it, if it has told so, and never later than it was opened."""
    return opening.opened_at_us if item.delivered_at_us is None else min(item.delivered_at_us, opening.opened_at_us)


def pieces_of(expected: Mapping[str, Expected]) -> dict[str, Sequence[Piece]]:
    """What was announced of each dossier."""
    return {dossier: one.pieces for dossier, one in expected.items()}


def _opened(opening: Opening, item: Item, expected: dict[str, Expected]) -> Opened:
    lines = compare(pieces_of(expected), counted_in(opening))
    return Opened(opening=opening, item=item, expected=expected, lines=lines)


def _item(tx: sa.Connection, told: Told, caller: Caller, now: datetime) -> Item:
    """The item, entered if nobody told of it before."""
    number = s10.tidy(told.item)
    if (found := items.find(tx, number)) is not None:
        if found.office != told.office or found.direction != _IN:
            raise NotInMailRoom(number)
        return found
    unannounced = Item(
        number=number,
        scheme=_scheme(number, confirmed=told.confirmed),
        carrier="",
        direction=_IN,
        office=told.office,
        unit="",
        announcement=None,
        bound_at_us=to_us(now),
        bound_by=caller.client,
        state_at_us=to_us(now),
    )
    items.bind(tx, unannounced, ())
    # A carrier may have told of it before.
    tracking.restand(tx, number)
    return items.find(tx, number) or unannounced


def _scheme(number: str, *, confirmed: bool) -> str:
    """How an item is numbered that nobody told of. Raises `OpeningUnfit` for what can be no number, and for one that
    seems misread: it would be opened beside the one that was announced.
    """
    read = s10.parse(number)
    if isinstance(read, s10.S10):
        return "s10"
    if read.code == "bad-check-digit":
        if not confirmed:
            raise OpeningUnfit(
                f"{read.vi} Nếu nhãn đúng như vậy, gửi lại với «confirmed»",
                f"{read.en} If the label says so, send it again with `confirmed`",
            )
        return "s10"
    if not _LOCAL.fullmatch(number):
        raise OpeningUnfit(f"{number[:40]} không phải số hiệu bưu gửi", f"{number[:40]} is no item number")
    return "local"


def _opening(told: Told, item: Item, caller: Caller, now: datetime) -> Opening:
    opened_at_us = to_us(told.opened_at or now)
    name = base64.b32encode(hashlib.sha256(b"opening\0" + item.number.encode()).digest()[:16]).decode()
    opening = Opening(
        # It follows from the item, which is opened once: a retry after a crash finds the same name.
        id="o-" + name.rstrip("=").lower(),
        item=item.number,
        office=told.office,
        opened_at_us=opened_at_us,
        opened_by=caller.client,
        officer=told.officer,
        arrived_at_us=opened_at_us,
        counted=msgspec.json.encode(told.counted).decode(),
        condition=told.condition,
    )
    return structs.replace(opening, arrived_at_us=arrived_at_us(opening, item))


def _same(before: Opening, again: Opening, told: Told) -> bool:
    """Whether the same was told: by whoever of the office, and whenever, if no time was told."""
    if told.opened_at is not None and before.opened_at_us != again.opened_at_us:
        return False
    return (before.office, before.officer, before.counted, before.condition) == (
        again.office, again.officer, again.counted, again.condition,
    )  # fmt: skip
