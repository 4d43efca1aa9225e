"""One event as a carrier told it, in whatever shape, made into what is kept of it, or into why it cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM
from gateway.postal.carrier_tables import tidy_word, told_code, told_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.postal.carrier_tables import Carriers, ToldIn

EVENTS_AT_ONCE_MAX: Final = 5000
_CHARACTERS_MAX: Final = 100
_SHOWN_CHARACTERS_MAX: Final = 60
# An event of tomorrow is a wrong clock or a wrong zone; whoever tells it again with the right time is heard.
_AHEAD_MAX: Final = timedelta(days=1)
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
# Seconds since 1970 have ten digits from 2001 to 2286, milliseconds thirteen.
_SECONDS_DIGITS: Final = 10
_MILLISECONDS_DIGITS: Final = 13


class AnswerUnreadable(Exception):
    """What the carrier sent is not in the shape that its file says. Nothing was kept; the same again does not help."""


class Row(Struct, frozen=True, kw_only=True):
    """What was said of one event, as text, before anything was looked at."""

    item: str = ""
    code: str = ""
    word: str = ""
    at: str = ""
    office: str = ""
    place: str = ""


class Told(Struct, frozen=True, kw_only=True):
    """One event, read: a code that the carrier told, or a word with what the tables make of it (`mapped`)."""

    item: str
    code: str
    word: str
    mapped: bool
    at: datetime
    office: str
    place: str


class Bad(Struct, frozen=True, kw_only=True):
    """An event that was not kept: its place among the others (from 1), the field, what stood there, and the remedy."""

    number: int
    field: str
    value: str
    vi: str
    en: str


def read(
    row: Row, number: int, carrier: str, carriers: Carriers, now: datetime, times: Sequence[str] = ()
) -> Told | Bad:
    """Read one event. `times` are the carrier's ways of writing a time, beside RFC 3339; one without an offset is
    Vietnam's.
    """
    item = told_number(row.item)
    if not item:
        return _bad(number, "item", row.item, _ITEM)
    at = instant(row.at, times)
    if at is None:
        return _bad(number, "at", row.at, _AT)
    if not _EARLIEST <= at <= now + _AHEAD_MAX:
        return _bad(number, "at", row.at, _AT_ODD)
    code, word = told_code(row.code), tidy_word(row.word)
    mapped = False
    if not code:
        # A carrier's own code is a word like another; where the tables know it, it says more than the sentence beside.
        own = tidy_word(row.code)
        if own and (not word or carriers.code_of(carrier, own)):
            word = own
        if not word:
            return _bad(number, "code", row.code, _NOTHING)
        code, mapped = carriers.code_of(carrier, word), True
    office, place = (tidy_word(one)[:_CHARACTERS_MAX] for one in (row.office, row.place))
    return Told(item=item, code=code, word=word, mapped=mapped, at=at, office=office, place=place)


def instant(text: str, times: Sequence[str] = ()) -> datetime | None:
    """The instant that a carrier wrote; None when it cannot be read."""
    written = text.strip()
    if written.isascii() and written.isdigit() and len(written) in (_SECONDS_DIGITS, _MILLISECONDS_DIGITS):
        seconds = int(written) / (1 if len(written) == _SECONDS_DIGITS else 1000)
        return datetime.fromtimestamp(seconds, VIETNAM)
    found = _read_time(written, times)
    if found is None:
        return None
    try:
        return found.replace(tzinfo=VIETNAM) if found.tzinfo is None else found.astimezone(VIETNAM)
    except OverflowError:
        return None


def _read_time(written: str, times: Sequence[str]) -> datetime | None:
    for form in times:
        try:
            return datetime.strptime(written, form)  # noqa: DTZ007 - Vietnam's zone is put where none is told
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None


def rows_of(body: bytes, told: ToldIn) -> list[Row]:
    """The events in what a carrier sent: items with their events, one or a list of them. Raises `AnswerUnreadable`."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise AnswerUnreadable(f"not JSON: {error}") from error
    return rows_in(said, told)


def rows_in(said: object, told: ToldIn) -> list[Row]:
    """The same of JSON that was read. Raises `AnswerUnreadable`."""
    found: list[Row] = []
    for one in said if isinstance(said, list) else [said]:
        if not isinstance(one, dict):
            raise AnswerUnreadable("neither an object nor a list of objects")
        found += _rows(one, told)
        if len(found) > EVENTS_AT_ONCE_MAX:
            raise AnswerUnreadable(f"more than {EVENTS_AT_ONCE_MAX} events: send them in several")
    return found


def _rows(one: Mapping[str, Any], told: ToldIn) -> Iterator[Row]:
    item = _text(one, told.item)
    events = next((one[name] for name in told.events if name in one), None)
    if events is None and _text(one, told.at):
        # One event by itself, with its item beside.
        events = [one]
    if not item or (events is not None and not isinstance(events, list)):
        raise AnswerUnreadable(f"an item needs {' or '.join(told.item)}, and a list {' or '.join(told.events)}")
    for event in events or ():
        if not isinstance(event, dict):
            raise AnswerUnreadable("an event is an object")
        yield Row(
            item=item,
            code=_text(event, told.code),
            word=_text(event, told.word),
            at=_text(event, told.at),
            office=_text(event, told.office),
            place=_text(event, told.place),
        )


def _text(one: Mapping[str, Any], names: Sequence[str]) -> str:
    held = next((one[name] for name in names if one.get(name) is not None), "")
    return str(held) if isinstance(held, str | int) and not isinstance(held, bool) else ""


_ITEM: Final = (
    "Số hiệu bưu gửi phải có 6–35 chữ và số, như RR473124829VN.",
    "An item number has 6 to 35 letters and digits, like RR473124829VN.",
)
_AT: Final = (
    "Thời điểm viết như 2026-03-02T08:00:00+07:00 hoặc 02/03/2026 08:00.",
    "Write the time like 2026-03-02T08:00:00+07:00, or as the carrier's file says.",
)
_AT_ODD: Final = (
    "Thời điểm ở tương lai hoặc trước năm 2000: xem lại đồng hồ và múi giờ (+07:00), rồi gửi lại.",
    "The time is in the future or before 2000: check the clock and the zone (+07:00), then send it again.",
)
_NOTHING: Final = (
    "Cần mã sự kiện (EMSEVT, như EMI) hoặc lời của bưu chính.",
    "A code (EMSEVT, like EMI) or the carrier's word is needed.",
)


def _bad(number: int, field: str, value: str, words: tuple[str, str]) -> Bad:
    return Bad(number=number, field=field, value=tidy_word(value)[:_SHOWN_CHARACTERS_MAX], vi=words[0], en=words[1])
