"""The figures for those who direct: their rules, what each figure means, and the answer to what was asked.

A figure counts what happened in the time asked about, each by its own date: receipts by the receipt, ends by the end.
What is open is open now. A dossier is received by the office that was competent at its receipt; all else of it counts
at the office that has it, or had it last. What was reopened is open, and its earlier end counts no more. Supplements
and withdrawals are no dossiers of their own.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM, rfc3339, to_us
from gateway.figures_words import DEFINITIONS, Definition
from storage import figure_counts, figures
from storage.figure_counts import By

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import sqlalchemy as sa

    from gateway.deadlines import Calendar
    from storage.figure_counts import Asked, Counts, Key

RULES_FILE: Final = Path(__file__).with_name("figures.toml")
DAYS_MAX: Final = 3700
# Working days since the receipt, or since the due date: from, to (None: and more).
AGES: Final[dict[str, tuple[int, int | None]]] = {
    "0_1": (0, 1),
    "2_5": (2, 5),
    "6_10": (6, 10),
    "11_20": (11, 20),
    "over_20": (21, None),
}
# Working times are told to hundredths of a working day.
DAY_STEPS: Final = 100
_NEVER_US: Final = 2**62
_SHARE_DIGITS: Final = 4
_T = TypeVar("_T")


class RulesMistaken(Exception):
    """The rules of the figures cannot be read. Trying again is useless until they are mended."""


class PublicRules(Struct, frozen=True, forbid_unknown_fields=True):
    """How many employers a published group has at least, and how many months are published."""

    units_min: int
    months: int


class Certainty(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the rules are from, and which of them nothing known to us lays down."""

    source: str
    unconfirmed: tuple[str, ...]


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """By which rules dossiers are counted: the shape of figures.toml."""

    version: str
    on_time_by: Literal["due", "appointed"]
    decided: tuple[str, ...]
    supplement_requests_max: int
    channels: dict[str, int]
    public: PublicRules
    certainty: Certainty

    @classmethod
    def load(cls, path: Path = RULES_FILE) -> Rules:
        """Read the rules, or those of the operator's own file. Raises `RulesMistaken`."""
        try:
            return msgspec.toml.decode(path.read_bytes(), type=cls)
        except (OSError, ValueError) as fault:
            raise RulesMistaken(f"{path.name}: {fault}") from fault


@cache
def rules_in_force() -> Rules:
    """The rules that come with motcua, read once. Raises `RulesMistaken`."""
    return Rules.load()


class FigureRow(Struct, frozen=True, kw_only=True):
    """The figures of one group; what a group does not tell apart is null. `definitions` says what each one means."""

    office: str | None = None
    procedure: str | None = None
    month: str | None = None
    received: int = 0
    received_direct: int = 0
    received_online: int = 0
    received_post: int = 0
    online_share: float | None = None
    moved_in: int = 0
    moved_out: int = 0
    taken: int = 0
    finished: int = 0
    declined: int = 0
    stopped: int = 0
    withdrawn: int = 0
    returned: int = 0
    returned_electronic: int = 0
    returned_post: int = 0
    on_time: int = 0
    on_time_told_late: int = 0
    late: int = 0
    on_time_share: float | None = None
    late_by_second_supplement: int = 0
    late_within_apology: int = 0
    without_due_date: int = 0
    supplement_never: int = 0
    supplement_once: int = 0
    supplement_again: int = 0
    supplement_share: float | None = None
    finished_online: int = 0
    credited_online: int = 0
    straight_through: int = 0
    straight_through_share: float | None = None
    working_days_median: float | None = None
    working_days_p90: float | None = None
    open: int = 0
    open_waiting: int = 0
    open_overdue: int = 0
    open_0_1: int = 0
    open_2_5: int = 0
    open_6_10: int = 0
    open_11_20: int = 0
    open_over_20: int = 0
    overdue_0_1: int = 0
    overdue_2_5: int = 0
    overdue_6_10: int = 0
    overdue_11_20: int = 0
    overdue_over_20: int = 0


class RefusedFor(Struct, frozen=True):
    """In how many refused dossiers a reason stood."""

    code: str
    dossiers: int


class RefusedRow(Struct, frozen=True, kw_only=True):
    """How many dossiers the gateway refused, by procedure and month where it was asked so."""

    procedure: str | None = None
    month: str | None = None
    refused: int = 0


class Refusals(Struct, frozen=True, kw_only=True):
    """What the gateway refused: it is no office's. `codes` are the most frequent reasons."""

    refused: int
    rows: list[RefusedRow]
    codes: list[RefusedFor]


class RulesShown(Struct, frozen=True, kw_only=True):
    """By which rules was counted; `unconfirmed` names those that no text known to us lays down."""

    version: str
    source: str
    unconfirmed: list[str]
    on_time_by: str
    decided: list[str]
    supplement_requests_max: int
    calendar: str


class FiguresAnswer(Struct, frozen=True, kw_only=True):
    """The figures from the day `first` to the day `last`, both counted; nothing up to fact number `upto_seq` is
    missing. `refusals` are told to operators alone.
    """

    first: str
    last: str
    by: list[str]
    at: str
    upto_seq: int
    rows: list[FigureRow]
    total: FigureRow
    refusals: Refusals | None
    rules: RulesShown
    definitions: dict[str, Definition]


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody asks, who may see `offices` (None: all): the days, both counted, and by what it is told apart."""

    first: date
    last: date
    by: tuple[By, ...] = ("office",)
    offices: tuple[str, ...] | None = None
    procedures: tuple[str, ...] | None = None


def reckon(tx: sa.Connection, wish: Wish, rules: Rules, calendar: Calendar, now: datetime) -> FiguresAnswer:
    """Count what was asked, in the snapshot that `tx` is. Raises `TooManyGroups`."""
    asked = asked_of(wish, rules)
    upto = figures.mark(tx)
    held = _all_counts(tx, asked, now, calendar)
    day_us = calendar.on(now.astimezone(VIETNAM).date()).day_length // timedelta(microseconds=1)
    times = figure_counts.working_times(tx, asked, day_us // DAY_STEPS)
    rows = [_row(asked.by, key, held[key], times.get(key, {})) for key in sorted(held)]
    total = _row((), (), _summed(held.values()), _summed(times.values()))
    return FiguresAnswer(
        first=wish.first.isoformat(),
        last=wish.last.isoformat(),
        by=list(wish.by),
        at=rfc3339(now),
        upto_seq=upto,
        rows=rows if asked.by else [total],
        total=total,
        refusals=_refusals(tx, asked) if wish.offices is None else None,
        rules=rules_shown(rules, calendar),
        definitions=DEFINITIONS,
    )


def asked_of(wish: Wish, rules: Rules) -> Asked:
    """The same as what is asked of the rows: instants for days, and the rules."""
    return figure_counts.Asked(
        by=tuple(one for one in figure_counts.BYS if one in wish.by),
        from_us=to_us(midnight(wish.first)),
        to_us=to_us(midnight(wish.last + timedelta(days=1))),
        offices=wish.offices,
        procedures=wish.procedures,
        decided=rules.decided,
        by_appointed=rules.on_time_by == "appointed",
        supplements_max=rules.supplement_requests_max,
    )


def midnight(day: date) -> datetime:
    """When a day begins in Vietnam."""
    return datetime.combine(day, time(), VIETNAM)


def rules_shown(rules: Rules, calendar: Calendar) -> RulesShown:
    """The rules, to stand beside the figures."""
    return RulesShown(
        version=rules.version,
        source=rules.certainty.source,
        unconfirmed=list(rules.certainty.unconfirmed),
        on_time_by=rules.on_time_by,
        decided=list(rules.decided),
        supplement_requests_max=rules.supplement_requests_max,
        calendar=calendar.version,
    )


def ages(now: datetime, calendar: Calendar) -> dict[str, tuple[int, int]]:
    """The stretches of time in which something lies that is so many working days old: the working days after its own
    day, up to and with today.
    """
    today = now.astimezone(VIETNAM).date()
    # Day n is the last day after which exactly n working days have come, today with them.
    edges: list[date] = []
    day = today
    most = max(end or start for start, end in AGES.values())
    while len(edges) <= most:
        edges.append(day)
        while not calendar.is_working_day(day):
            day -= timedelta(days=1)
        day -= timedelta(days=1)
    spans = {}
    for name, (start, end) in AGES.items():
        before = to_us(midnight(edges[start] + timedelta(days=1))) if start else _NEVER_US
        since = to_us(midnight(edges[end + 1] + timedelta(days=1))) if end is not None else -_NEVER_US
        spans[name] = (since, before)
    return spans


def _all_counts(tx: sa.Connection, asked: Asked, now: datetime, calendar: Calendar) -> Counts:
    held: Counts = {}
    for counts in (
        figure_counts.received(tx, asked),
        figure_counts.moved_in(tx, asked),
        figure_counts.taken(tx, asked),
        figure_counts.ended(tx, asked),
        figure_counts.returned(tx, asked),
        figure_counts.still_open(tx, asked, to_us(now), ages(now, calendar)),
    ):
        for key, numbers in counts.items():
            held.setdefault(key, {}).update(numbers)
    if len(held) > figure_counts.GROUPS_MAX:
        raise figure_counts.TooManyGroups(len(held))
    return held


def _summed(all_of_them: Iterable[Mapping[_T, int]]) -> dict[_T, int]:
    total: dict[_T, int] = {}
    for numbers in all_of_them:
        for name, number in numbers.items():
            total[name] = total.get(name, 0) + number
    return total


def nearest_rank(steps: Mapping[int, int], percent: int) -> int | None:
    """The least number of steps within which so many of a hundred were; None of none."""
    held, seen = sum(steps.values()), 0
    for step in sorted(steps):
        seen += steps[step]
        if seen * 100 >= held * percent:
            return step
    return None


def _row(by: tuple[By, ...], key: Key, numbers: Mapping[str, int], times: Mapping[int, int]) -> FigureRow:
    decided = numbers.get("on_time", 0) + numbers.get("late", 0)
    asked_for = numbers.get("supplement_once", 0) + numbers.get("supplement_again", 0)
    found: dict[str, Any] = dict(numbers)
    for name, percent in (("working_days_median", 50), ("working_days_p90", 90)):
        step = nearest_rank(times, percent)
        found[name] = None if step is None else step / DAY_STEPS
    found |= {
        "on_time_share": share(numbers.get("on_time", 0), decided),
        "online_share": share(numbers.get("received_online", 0), numbers.get("received", 0)),
        "supplement_share": share(asked_for, asked_for + numbers.get("supplement_never", 0)),
        "straight_through_share": share(numbers.get("straight_through", 0), numbers.get("finished", 0)),
    }
    return msgspec.convert(_named(by, key) | found, FigureRow)


def share(part: int, whole: int) -> float | None:
    """A part of a whole, from 0 to 1; None when there is no whole."""
    return round(part / whole, _SHARE_DIGITS) if whole else None


def _named(by: tuple[By, ...], key: Key) -> dict[str, Any]:
    return {name: month_shown(value) if name == "month" else str(value) for name, value in zip(by, key, strict=True)}


def month_shown(month: int) -> str:
    """A month as programs read it: 2026-03."""
    return f"{month // 100:04d}-{month % 100:02d}"


def _refusals(tx: sa.Connection, asked: Asked) -> Refusals:
    apart = msgspec.structs.replace(asked, by=tuple(one for one in asked.by if one != "office"))
    counts = figure_counts.refusals(tx, apart)
    rows = [msgspec.convert(_named(apart.by, key) | counts[key], RefusedRow) for key in sorted(counts)]
    return Refusals(
        refused=sum(one.refused for one in rows),
        rows=rows if apart.by else [],
        codes=[RefusedFor(code, count) for code, count in figure_counts.reasons(tx, asked)],
    )
