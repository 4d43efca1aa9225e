"""The looks at postal items: not posted, late, silent, returned, lost, unopened, or refused to be fetched.

Of an item that is on its way one thing is told at a time, the gravest: lost, returned, silent, late. Whoever has to act
owns it: the sender where paper has to be sent again, the office where it has to be asked for or looked for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from gateway.alarm_watch import Wanted
from gateway.clock import for_people, from_us, to_us
from gateway.postal.wanted import Rule, has_passed
from storage import item_watch

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.judge import Tables
    from storage.database import Database
    from storage.item_watch import RefusedPickup, Unposted, Watched

NOT_POSTED: Final = "post-not-posted"
LATE: Final = "post-late"
SILENT: Final = "post-silent"
RETURNED: Final = "post-returned"
LOST: Final = "post-lost"
UNOPENED: Final = "post-unopened"
PICKUP_REFUSED: Final = "post-pickup-refused"
# Clients that have paper to send; what concerns them is told to them, and else to the office.
SENDERS: Final = frozenset({"employer", "ivan"})
_DAY_US: Final = 86_400_000_000


def settle_ended(database: Database) -> None:
    """Look no more at items of which nothing more can be told; nothing is written when there are none."""
    with database.read() as tx:
        found = item_watch.ended(tx)
    if found:
        with database.begin() as tx:
            item_watch.settle(tx, found)


def _before_us(now: datetime, working_days: int) -> int:
    """So many working days take at least so many days."""
    return to_us(now - timedelta(days=working_days)) + _DAY_US


def _travelling(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    waits = tables.post.waits
    fewest = min(waits.late_days_max, waits.silent_days_max, waits.lost_days_max)
    told = (_travel(one, tables, now) for one in item_watch.moving(tx, _before_us(now, fewest)))
    return [one for one in told if one is not None]


def _travel(one: Watched, tables: Tables, now: datetime) -> Wanted | None:
    """The gravest that is to be told of an item on its way."""
    calendar, waits = tables.calendar, tables.post.waits
    heard_us = one.heard_at_us if one.heard_at_us is not None else one.state_at_us
    if one.is_settled or _is_replaced(one, tables, heard_us):
        return None
    if one.state == "lost" or (one.state != "returned" and has_passed(calendar, heard_us, waits.lost_days_max, now)):
        return _lost(one, heard_us)
    if one.state in ("returning", "returned"):
        return _returned(one)
    if has_passed(calendar, heard_us, waits.silent_days_max, now):
        return _silent(one, heard_us)
    posted_us = one.posted_at_us if one.posted_at_us is not None else one.state_at_us
    if has_passed(calendar, posted_us, waits.late_days_max, now):
        return _late(one, posted_us, waits.late_days_max)
    return None


def _is_replaced(one: Watched, tables: Tables, heard_us: int) -> bool:
    """Whether another item goes in its place. What was bound while it travelled, and was heard of, is another envelope
    of the same paper: that hides nothing.
    """
    if one.another_at_us is None or one.state in ("returning", "returned", "lost"):
        return one.another_at_us is not None
    return has_passed(tables.calendar, heard_us, tables.post.waits.silent_days_max, from_us(one.another_at_us))


def _unopened(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    days_max = tables.post.waits.unopened_days_max
    return [
        _lying(one, one.delivered_at_us)
        for one in item_watch.unopened(tx, _before_us(now, days_max))
        if one.delivered_at_us is not None and has_passed(tables.calendar, one.delivered_at_us, days_max, now)
    ]


def _unposted(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    days_max = tables.post.waits.not_posted_days_max
    return [
        _never_posted(one)
        for one in item_watch.unposted(tx, _before_us(now, days_max))
        if has_passed(tables.calendar, one.made_at_us, days_max, now)
    ]


def _refused(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    del tables, now
    return [_not_fetched(one) for one in item_watch.refused_pickups(tx)]


ITEM_RULES: Final = (
    Rule((LATE, SILENT, RETURNED, LOST), _travelling),
    Rule((UNOPENED,), _unopened),
    Rule((NOT_POSTED,), _unposted),
    Rule((PICKUP_REFUSED,), _refused),
)


def _sender(one: Watched) -> str:
    """Who has to send again: who announced it, else its office."""
    return one.client if one.direction == "in" and one.role in SENDERS else one.office


def _late(one: Watched, posted_us: int, days_max: int) -> Wanted:
    since = for_people(from_us(posted_us))
    return Wanted(
        rule=LATE,
        subject=one.number,
        owner=one.office,
        vi=f"Bưu gửi {one.number} gửi từ {since}, quá {days_max} ngày làm việc chưa tới: hỏi bưu chính ({one.carrier}) "
        "đang ở đâu và bao giờ phát; nếu đã nhận thì mở và ghi nhận.",
        en=f"Item {one.number} was posted on {since} and is not here after {days_max} working days: ask the carrier "
        f"({one.carrier}) where it is and when it will come; if you have it, open it and say so.",
    )


def _silent(one: Watched, heard_us: int) -> Wanted:
    since = for_people(from_us(heard_us))
    return Wanted(
        rule=SILENT,
        subject=one.number,
        owner=one.office,
        vi=f"Bưu gửi {one.number} không có tin mới từ {since}: tra lại ở bưu chính ({one.carrier}) và xem phần nhận "
        "tin bưu chính có chạy không.",
        en=f"Nothing was heard of item {one.number} since {since}: track it with the carrier ({one.carrier}), and see "
        "whether the carrier's messages still come in.",
    )


def _lost(one: Watched, heard_us: int) -> Wanted:
    since = for_people(from_us(heard_us))
    if one.direction == "out":
        vi = "lập lại kết quả, bản chính và gửi lại bằng số mới, báo cho đơn vị."
        en = "have results and originals made again, send them under a new number, and tell the unit."
    else:
        vi = "in lại, gửi lại bằng số mới và gắn số đó với thông báo; bản chính bị mất thì báo ngay cơ quan cấp."
        en = (
            "print and send it again under a new number, and bind that to the announcement; tell whoever issued "
            "originals that are lost."
        )
    return Wanted(
        rule=LOST,
        subject=one.number,
        owner=_sender(one),
        vi=f"Bưu gửi {one.number} coi như thất lạc, tin cuối {since}: yêu cầu bưu chính ({one.carrier}) điều tra và "
        f"bồi thường; {vi}",
        en=f"Item {one.number} must be taken for lost, last heard of {since}: claim it from the carrier "
        f"({one.carrier}); {en}",
    )


def _returned(one: Watched) -> Wanted:
    since, back = for_people(from_us(one.state_at_us)), one.state == "returned"
    vi, en = ("đã hoàn lại người gửi", "came back to its sender") if back else ("đang hoàn lại", "is on its way back")
    if one.direction == "out":
        then_vi = "hỏi đơn vị địa chỉ đúng, gửi lại bằng số mới hoặc giữ tại cơ quan để đến nhận."
        then_en = "ask the unit for its right address, send it again under a new number, or keep it to be collected."
    else:
        then_vi = "lấy lại bưu gửi, sửa địa chỉ, gửi lại bằng số mới và gắn số đó với thông báo."
        then_en = "collect it, mend the address, send it again under a new number, and bind that to the announcement."
    return Wanted(
        rule=RETURNED,
        subject=one.number,
        owner=_sender(one),
        vi=f"Bưu gửi {one.number} {vi} từ {since}: {then_vi}",
        en=f"Item {one.number} {en} since {since}: {then_en}",
    )


def _lying(one: Watched, delivered_us: int) -> Wanted:
    since = for_people(from_us(delivered_us))
    return Wanted(
        rule=UNOPENED,
        subject=one.number,
        owner=one.office,
        vi=f"Bưu gửi {one.number} đã phát cho cơ quan {one.office} lúc {since} mà chưa mở: tìm ở phòng văn thư, mở, "
        "kiểm đếm và quét ngay; không thấy thì đòi bưu chính chứng từ phát.",
        en=f"Item {one.number} was delivered to office {one.office} at {since} and is not opened: find it in the mail "
        "room, open, count and scan it; if it is not there, ask the carrier for the proof of delivery.",
    )


def _never_posted(one: Unposted) -> Wanted:
    made = for_people(from_us(one.made_at_us))
    number_vi = f" (số bưu gửi {one.number})" if one.number else ""
    number_en = f" (item {one.number})" if one.number else ""
    return Wanted(
        rule=NOT_POSTED,
        subject=one.id,
        owner=one.client if one.role in SENDERS else one.office,
        vi=f"Thông báo {one.id} ngày {made}{number_vi} chưa có bưu gửi nào được gửi: gửi đi và gắn số bưu gửi, hoặc "
        "hủy thông báo.",
        en=f"Nothing was posted for announcement {one.id} of {made}{number_en}: post it and bind the item's number, or "
        "cancel the announcement.",
    )


def _not_fetched(one: RefusedPickup) -> Wanted:
    return Wanted(
        rule=PICKUP_REFUSED,
        subject=one.item,
        owner=one.made_by if one.role in SENDERS else one.office,
        vi=f"Bưu chính ({one.carrier}) không nhận yêu cầu đến lấy bưu gửi {one.item} (trả lời: {one.answer}): sửa địa "
        "chỉ, số điện thoại rồi yêu cầu lại, hoặc mang ra bưu cục.",
        en=f"The carrier ({one.carrier}) refused to fetch item {one.item} (it said: {one.answer}): mend address and "
        "telephone and ask again, or hand it in at a post office.",
    )
