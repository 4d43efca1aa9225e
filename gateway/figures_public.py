"""The public statistics: made once an hour from the figures, without personal data, and served as they were made.

No group of fewer employers than the rules say is told: small groups of an office are told together, then those of all
offices; what is small still is left out, of the sums too. Shares are whole per cents and times half working days, so
that one dossier more is not read off them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway import figures_follow
from gateway.clock import VIETNAM, rfc3339, to_us
from gateway.figures import Rules, Wish, asked_of, month_shown, nearest_rank
from gateway.figures_words import Definition
from storage import figure_counts, figure_publication, figures
from storage.tables import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.judge import Tables
    from storage.database import Database
    from storage.figure_publication import Group, Held

# Whoever makes an hour's statistics and falls silent is followed by another after so long.
CLAIM: Final = timedelta(minutes=10)
OTHERS: Final = "*"
_HOUR_US: Final = 3_600_000_000
_FOLLOW_STEPS_MAX: Final = 100_000

DEFINITIONS: Final[dict[str, Definition]] = {
    "received": Definition(
        "Hồ sơ được tiếp nhận trong tháng, theo cơ quan có thẩm quyền lúc tiếp nhận.",
        "Dossiers accepted in the month, at the office that was competent then.",
    ),
    "on_time_percent": Definition(
        "Trong số hồ sơ có kết quả, dừng hoặc bị từ chối trong tháng: phần trăm kết thúc không muộn hơn hạn trả (không "
        "kể thời gian chờ bổ sung); yêu cầu bổ sung từ lần thứ hai tính là trễ.",
        "Of the dossiers with a result, stopped or declined in the month: per cent that ended by their due date, not "
        "counting time waiting for a supplement; a second request for a supplement counts as late.",
    ),
    "working_days_median": Definition(
        "Một nửa số kết quả trong tháng có trong khoảng này, tính bằng ngày làm việc, làm tròn đến nửa ngày, không kể "
        "thời gian chờ bổ sung.",
        "Half of the month's results took no longer, in working days to the nearest half, not counting time waiting "
        "for a supplement.",
    ),
    "units_min": Definition(
        "Nhóm có ít đơn vị nộp hơn số này được gộp (*) hoặc không công bố; số nào dựa trên ít đơn vị hơn thì để trống.",
        "Groups of fewer employers than this are merged (*) or left out; a number that rests on fewer is empty.",
    ),
}


class StatisticsRow(Struct, frozen=True, kw_only=True):
    """One group of a month; `*` stands for several offices or procedures together. What rests on too few is null."""

    month: str
    office: str
    office_name: str
    procedure: str
    procedure_title: str
    received: int
    on_time_percent: int | None
    working_days_median: float | None


class MonthTotal(Struct, frozen=True, kw_only=True):
    """A month: the sum of the rows that are told of it."""

    month: str
    received: int
    on_time_percent: int | None
    working_days_median: float | None


class Statistics(Struct, frozen=True, kw_only=True):
    """The public statistics, as they were made: nothing up to fact number `upto_seq` is missing, and nothing that came
    after `at` is in them. The next are made in the next hour.
    """

    at: str
    upto_seq: int
    units_min: int
    rules: str
    months: list[MonthTotal]
    rows: list[StatisticsRow]
    definitions: dict[str, Definition]


class _Sum(Struct):
    """What is told together, while it is added up."""

    received: int = 0
    on_time: int = 0
    late: int = 0
    # Results by steps of working time.
    steps: dict[int, int] = {}
    decided_by: set[str] = set()
    decided_min: int = 0
    finished_by: set[str] = set()
    finished_min: int = 0


def publish(database: Database, tables: Tables, rules: Rules, now: datetime) -> bool:
    """Make this hour's statistics unless they are made or somebody is at it; whether they were made now.

    Safe to repeat, and by several workers at once. Raises `DatabaseAway`; then an earlier hour's stay.
    """
    hour = to_us(now) // _HOUR_US
    with database.read() as tx:
        if figure_publication.hour_made(tx) >= hour:
            return False
    with database.begin() as tx:
        if not figure_publication.claim(tx, hour, to_us(now), to_us(now + CLAIM)):
            return False
    figures_follow.follow(database, tables.calendar, rules.channels, _FOLLOW_STEPS_MAX)
    content = msgspec.json.encode(make(database, tables, rules, now)).decode()
    with database.begin() as tx:
        return figure_publication.put(tx, hour, content)


def published(database: Database) -> figure_publication.Made | None:
    """What was made last; None when nothing ever was. Raises `DatabaseAway`."""
    with database.read() as tx:
        made = figure_publication.made(tx)
    return made if made.hour else None


@lru_cache(maxsize=2)
def read_statistics(content: str) -> Statistics:
    """The statistics as they were kept; those that are asked for again and again are read once."""
    return msgspec.json.decode(content.encode(), type=Statistics)


def make(database: Database, tables: Tables, rules: Rules, now: datetime) -> Statistics:
    """The statistics of the latest months, in one look a month."""
    rows: list[StatisticsRow] = []
    totals: list[MonthTotal] = []
    with database.read() as tx:
        upto = figures.mark(tx)
    first = now.astimezone(VIETNAM).date().replace(day=1)
    for _ in range(rules.public.months):
        told = _month(database, tables, rules, first, now)
        if told:
            rows += [_row(first, key, one, tables, rules, now) for key, one in sorted(told.items(), key=_by_name)]
            totals.append(_total(first, told.values(), rules))
        first = (first - timedelta(days=1)).replace(day=1)
    return Statistics(
        at=rfc3339(now),
        upto_seq=upto,
        units_min=rules.public.units_min,
        rules=rules.version,
        months=totals,
        rows=rows,
        definitions=DEFINITIONS,
    )


def _by_name(one: tuple[Group, _Sum]) -> tuple[bool, str, bool, str]:
    """Groups by their codes, those that are told together last."""
    office, procedure = one[0]
    return office == OTHERS, office, procedure == OTHERS, procedure


def _month(database: Database, tables: Tables, rules: Rules, first: date, now: datetime) -> dict[Group, _Sum]:
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    few = rules.public.units_min
    asked = asked_of(Wish(first=first, last=last, by=("office", "procedure")), rules)
    asked = msgspec.structs.replace(asked, to_us=min(asked.to_us, to_us(now) + 1))
    # What one count finds the next must find as well, though another worker goes on counting meanwhile.
    with snapshot(database) as tx:
        received = figure_publication.groups(tx, "received", asked, few)
        decided = figure_publication.groups(tx, "decided", asked, few)
        finished = figure_publication.groups(tx, "finished", asked, few)
        judged = figure_counts.ended(tx, asked)
        times = figure_counts.working_times(tx, asked, _half_day_us(tables, now))
    told_as = _Names(received, few)
    sums: dict[Group, _Sum] = {}
    for group, held in received.items():
        if (name := told_as(group)) is not None:
            sums.setdefault(name, _Sum()).received += held.dossiers
    for group, held in decided.items():
        if (one := _sum_of(sums, told_as, group)) is not None:
            one.on_time += judged[group].get("on_time", 0)
            one.late += judged[group].get("late", 0)
            one.decided_by |= held.units
            one.decided_min = max(one.decided_min, held.employers)
    for group, held in finished.items():
        if (one := _sum_of(sums, told_as, group)) is not None:
            one.finished_by |= held.units
            one.finished_min = max(one.finished_min, held.employers)
    for (office, procedure), steps in times.items():
        if (one := _sum_of(sums, told_as, (office, procedure))) is not None:
            _add(one.steps, steps)
    return sums


class _Names:
    """As what each group is told: itself, its office's other procedures, all others, or not at all (None)."""

    def __init__(self, received: Mapping[Group, Held], few: int) -> None:
        self._names: dict[Group, Group | None] = {}
        of_office: dict[str, list[Group]] = {}
        left: list[Group] = []
        for group, held in received.items():
            if held.employers >= few:
                self._names[group] = group
            else:
                of_office.setdefault(group[0], []).append(group)
        for office, small in of_office.items():
            if len(_units(received, small)) >= few:
                self._names |= dict.fromkeys(small, (office, OTHERS))
            else:
                left += small
        self._rest = (OTHERS, OTHERS) if len(_units(received, left)) >= few else None
        self._names |= dict.fromkeys(left, self._rest)
        self._told = set(self._names.values())

    def __call__(self, group: Group) -> Group | None:
        """Under which name the group is told. One in which nothing was received goes with its office's others."""
        if group in self._names:
            return self._names[group]
        name = (group[0], OTHERS)
        return name if name in self._told else self._rest


def _units(received: Mapping[Group, Held], groups: Iterable[Group]) -> set[str]:
    return {unit for group in groups for unit in received[group].units}


def _sum_of(sums: Mapping[Group, _Sum], told_as: _Names, group: Group) -> _Sum | None:
    name = told_as(group)
    return sums.get(name) if name is not None else None


def _half_day_us(tables: Tables, now: datetime) -> int:
    """Half a working day, in microseconds."""
    return int(tables.calendar.on(now.astimezone(VIETNAM).date()).day_length / timedelta(microseconds=1)) // 2


def _percent(one: _Sum, rules: Rules) -> int | None:
    enough = max(one.decided_min, len(one.decided_by)) >= rules.public.units_min
    decided = one.on_time + one.late
    return round(100 * one.on_time / decided) if enough and decided else None


def _median(one: _Sum, rules: Rules) -> float | None:
    """The least number of half days within which half of the results were there."""
    enough = max(one.finished_min, len(one.finished_by)) >= rules.public.units_min
    step = nearest_rank(one.steps, 50) if enough else None
    return None if step is None else step / 2


def _add(steps: dict[int, int], more: Mapping[int, int]) -> None:
    for step, count in more.items():
        steps[step] = steps.get(step, 0) + count


def _row(first: date, group: Group, one: _Sum, tables: Tables, rules: Rules, now: datetime) -> StatisticsRow:
    office, procedure = group
    on = now.astimezone(VIETNAM).date()
    known = tables.offices.get(office, on) or tables.offices.get(office, first)
    titled = tables.catalogue.procedure(procedure, on) or tables.catalogue.procedure(procedure, first)
    return StatisticsRow(
        month=_shown(first),
        office=office,
        office_name=known.name if known else "",
        procedure=procedure,
        procedure_title=titled.title_vi if titled else "",
        received=one.received,
        on_time_percent=_percent(one, rules),
        working_days_median=_median(one, rules),
    )


def _total(first: date, told: Iterable[_Sum], rules: Rules) -> MonthTotal:
    """The sum of what is told: a row's share or time that is not told is not in the sum either."""
    whole = _Sum()
    for one in told:
        whole.received += one.received
        if _percent(one, rules) is not None:
            whole.on_time += one.on_time
            whole.late += one.late
            whole.decided_min = rules.public.units_min
        if _median(one, rules) is not None:
            whole.finished_min = rules.public.units_min
            _add(whole.steps, one.steps)
    return MonthTotal(
        month=_shown(first),
        received=whole.received,
        on_time_percent=_percent(whole, rules),
        working_days_median=_median(whole, rules),
    )


def _shown(first: date) -> str:
    return month_shown(first.year * 100 + first.month)
