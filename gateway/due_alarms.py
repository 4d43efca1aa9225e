"""Alarms for offices that do not collect their work, or are late with it: one each, closed by itself when it is done.

An alarm is all that happens: nothing is refused, taken away or decided because an office is slow.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from gateway.alarm_watch import Wanted, bring_up_to_date, sounding
from gateway.clock import for_people, from_us, to_us
from storage import due

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.deadlines import Calendar
    from gateway.house import House
    from storage.database import Database
    from storage.due import Heap

UNCOLLECTED_RULE: Final = "work-uncollected"
OVERDUE_RULE: Final = "dossier-overdue"


async def sound_alarms(house: House) -> None:
    """Open, retell and close the alarms of offices, as things stand now. Several workers may do this at once. Raises
    `DatabaseAway`.
    """
    limit_h = house.settings.uncollected_h
    await house.run_apart(look_over, house.database, house.tables.calendar, limit_h, house.clock.now())


def look_over(database: Database, calendar: Calendar, uncollected_h: int, now: datetime) -> None:
    """Bring the offices' alarms up to date; nothing is written when they are. Doing it again changes nothing."""
    with database.read() as tx:
        lying = due.uncollected(tx, to_us(calendar.back(now, timedelta(hours=uncollected_h))))
        late = due.overdue(tx, to_us(now))
        told = sounding(tx, (UNCOLLECTED_RULE, OVERDUE_RULE))
    wanted = [*(_uncollected(heap, uncollected_h) for heap in lying), *map(_overdue, late)]
    bring_up_to_date(database, wanted, told, now)


def _uncollected(heap: Heap, limit_h: int) -> Wanted:
    since = for_people(from_us(heap.since_us))
    return Wanted(
        rule=UNCOLLECTED_RULE,
        subject=heap.office,
        owner=heap.office,
        vi=f"{heap.count} hồ sơ gửi cơ quan {heap.office} chưa được nhận quá {limit_h} giờ làm việc, lâu nhất từ "
        f"{since}: xem phần mềm nhận việc có chạy không và nhận hồ sơ. Hồ sơ vẫn được giữ nguyên, không bị từ chối.",
        en=f"Office {heap.office} has not collected {heap.count} dossiers for more than {limit_h} working hours, the "
        f"oldest since {since}: see whether its software runs, and take them. They are kept; none is refused.",
    )


def _overdue(heap: Heap) -> Wanted:
    since = for_people(from_us(heap.since_us))
    return Wanted(
        rule=OVERDUE_RULE,
        subject=heap.office,
        owner=heap.office,
        vi=f"{heap.count} hồ sơ của cơ quan {heap.office} đã quá hạn, sớm nhất từ {since}: giải quyết ngay, hoặc gửi "
        "phiếu xin lỗi và hẹn lại ngày trả (chỉ một lần).",
        en=f"{heap.count} dossiers of office {heap.office} are overdue, the oldest since {since}: finish them, or "
        "apologise and appoint a new date (once).",
    )
