"""Alarms for offices that do not collect their work, or are late with it: one each, closed by itself when it is done.

An alarm is all that happens: nothing is refused, taken away or decided because an office is slow.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway import ids
from gateway.clock import for_people, from_us, to_us
from storage import alarms, due

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.deadlines import Calendar
    from gateway.house import House
    from storage.database import Database
    from storage.due import Heap

UNCOLLECTED_RULE: Final = "work-uncollected"
OVERDUE_RULE: Final = "dossier-overdue"


class _Say(Struct, frozen=True):
    """What an office is to be told: the rule and the next step, in Vietnamese and English."""

    rule: str
    office: str
    vi: str
    en: str


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
        told = {rule: due.sounding(tx, rule) for rule in (UNCOLLECTED_RULE, OVERDUE_RULE)}
    wanted = [*(_uncollected(heap, uncollected_h) for heap in lying), *map(_overdue, late)]
    fresh = [one for one in wanted if one.office not in told[one.rule]]
    changed = [one for one in wanted if one not in fresh and told[one.rule][one.office] != (one.vi, one.en)]
    still = {(one.rule, one.office) for one in wanted}
    ended = [(rule, office) for rule, offices in told.items() for office in offices if (rule, office) not in still]
    if fresh or changed or ended:
        _write(database, fresh, changed, ended, now)


def _write(
    database: Database,
    fresh: Sequence[_Say],
    changed: Sequence[_Say],
    ended: Sequence[tuple[str, str]],
    now: datetime,
) -> None:
    with database.begin() as tx:
        for one in fresh:
            alarm = alarms.Alarm(
                id=ids.alarm_id(),
                rule=one.rule,
                subject=one.office,
                owner=one.office,
                since_us=to_us(now),
                next_step_vi=one.vi,
                next_step_en=one.en,
            )
            alarms.sound(tx, alarm)
        for one in changed:
            due.retell(tx, one.rule, one.office, one.vi, one.en)
        for rule, office in ended:
            alarms.close(tx, rule, office, "gateway", to_us(now))


def _uncollected(heap: Heap, limit_h: int) -> _Say:
    since = for_people(from_us(heap.since_us))
    return _Say(
        UNCOLLECTED_RULE,
        heap.office,
        f"{heap.count} hồ sơ gửi cơ quan {heap.office} chưa được nhận quá {limit_h} giờ làm việc, lâu nhất từ {since}: "
        "xem phần mềm nhận việc có chạy không và nhận hồ sơ. Hồ sơ vẫn được giữ nguyên, không bị từ chối.",
        f"Office {heap.office} has not collected {heap.count} dossiers for more than {limit_h} working hours, the "
        f"oldest since {since}: see whether its software runs, and take them. They are kept; none is refused.",
    )


def _overdue(heap: Heap) -> _Say:
    since = for_people(from_us(heap.since_us))
    return _Say(
        OVERDUE_RULE,
        heap.office,
        f"{heap.count} hồ sơ của cơ quan {heap.office} đã quá hạn, sớm nhất từ {since}: giải quyết ngay, hoặc gửi "
        "phiếu xin lỗi và hẹn lại ngày trả (chỉ một lần).",
        f"{heap.count} dossiers of office {heap.office} are overdue, the oldest since {since}: finish them, or "
        "apologise and appoint a new date (once).",
    )
