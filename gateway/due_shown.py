"""When a dossier is due, as its parties are told: the date in force, how it came about, when it will likely be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM, for_people, from_us, rfc3339, to_us
from gateway.course import clock_start_us, due_in_force_us, pauses_since, procedure_of
from gateway.deadlines import OutsideCalendar, due
from gateway.estimate import RESTS_ON_MIN, estimate
from gateway.paper_receipt import payload_of
from gateway.postal.came import came_by_post
from gateway.states import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from gateway.deadlines import Calendar, Due
    from gateway.estimate import Basis, Durations
    from gateway.judge import Tables
    from gateway.postal.rules import PostRules
    from storage.courses import Course
    from storage.halves import Half
    from storage.journal import Dossier

_OPEN: Final = frozenset(
    {
        State.PENDING,
        State.ACCEPTED,
        State.AWAITING_PAPER,
        State.ACKNOWLEDGED,
        State.IN_WORK,
        State.SUPPLEMENT_REQUESTED,
    }
)
_OF: Final[dict[Basis, tuple[str, str]]] = {
    "office-procedure": ("cùng cơ quan, cùng thủ tục", "of the same office and procedure"),
    "office": ("cùng cơ quan, mọi thủ tục", "of the same office, of any procedure"),
    "procedure": ("cùng thủ tục, mọi cơ quan", "of the same procedure, at any office"),
    "none": ("", ""),
}


class OriginalShown(Struct, frozen=True):
    """What the receipt promised, by which version of the calendar."""

    due_at: str | None
    calendar: str | None


class PauseShown(Struct, frozen=True):
    """A wait for a supplement that has ended."""

    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")


class StepShown(Struct, frozen=True):
    """A step of the calculation and the moment at which it arrives."""

    vi: str
    en: str
    at: str


class EstimateShown(Struct, frozen=True, kw_only=True):
    """When the dossier will likely be finished, from what was finished in the last year: an estimate, no promise.

    `basis` says from whose history: office-procedure, office, procedure, or none when fewer than `rests_on_min`
    dossiers are known; `rests_on` is how many. Half of them took no longer than `median_working_h`, nine in ten than
    `ninety_working_h`; `likely_at` and `late_at` are those times from this dossier's receipt on.
    """

    basis: str
    rests_on: int
    rests_on_min: int
    median_working_h: float | None
    ninety_working_h: float | None
    likely_at: str | None
    late_at: str | None
    vi: str
    en: str


class StartsShown(Struct, frozen=True, kw_only=True):
    """From when the working time counts, and by which rule: `receipt` for what came by wire; of paper `posted` or
    `arrived`; of a dossier in two halves also which half starts it, and which is `awaited`. `at` is null until it
    starts. `rules` is the version of the rules of paper, of which `unconfirmed` ones are the operator's to confirm.
    """

    at: str | None
    by: str
    half: str | None
    awaited: str | None
    rules: str
    unconfirmed: bool


class DueShown(Struct, frozen=True, kw_only=True):
    """When a dossier is due. `due_at` is the date in force: `reappointed_at`, if an apology named one, else the date of
    the receipt with the working time added in which a supplement was awaited. While one is awaited the clock stands
    since `paused_since`, and `due_at` does not count that time yet. `calendar` is the version that gave the date, and
    `provisional` says that a later version may give another.

    `steps` are worked out now, from the receipt's moment; `recalculated` is false, and `note_vi` tells why, where they
    come out otherwise. Both dates are null where the procedure has no time limit. `estimate` is null once it is ended.
    """

    dossier: str
    receipt_number: str
    state: str
    received_at: str
    due_at: str | None
    original: OriginalShown
    reappointed_at: str | None
    calendar: str | None
    provisional: bool
    working_days: int | None
    verified_days: int | None
    pauses: tuple[PauseShown, ...]
    paused_since: str | None
    steps: tuple[StepShown, ...]
    recalculated: bool
    note_vi: str
    note_en: str
    starts: StartsShown
    estimate: EstimateShown | None


class _Promised(Struct, frozen=True):
    """Of a receipt, what it says of the due date."""

    calendar: str | None = None


def due_shown(
    dossier: Dossier,
    course: Course | None,
    tables: Tables,
    durations: Durations | None,
    now: datetime,
    halves: Sequence[Half] = (),
) -> DueShown:
    """What is told of a dossier's due date at `now`. `durations` are None where nothing is to be estimated."""
    awaits = next((one.kind for one in halves if one.came is None), "")
    promised = _promised(dossier)
    due_at_us = dossier.due_at_us if course is None else course.due_at_us
    pauses = [] if course is None else [(from_us(start), from_us(end)) for start, end in course.pauses]
    procedure = procedure_of(dossier, tables)
    limit = procedure.time_limit_working_days if procedure else None
    start_us = clock_start_us(course, dossier)
    counted = [] if course is None else pauses_since(course, start_us)
    found = None if due_at_us is None or limit is None else _again(start_us, limit, counted, tables.calendar)
    is_same = due_at_us is None or (found is not None and to_us(found.due_at) == due_at_us)
    in_force_us = due_at_us if course is None else due_in_force_us(course)
    note = _note(is_same=is_same, has_limit=due_at_us is not None, awaits=awaits if limit is not None else "")
    return DueShown(
        dossier=dossier.id,
        receipt_number=dossier.statement_number,
        state=dossier.state,
        received_at=_time(dossier.received_at_us),
        due_at=_time_or_none(in_force_us),
        original=OriginalShown(_time_or_none(dossier.due_at_us), promised.calendar),
        reappointed_at=_time_or_none(course.appointed_at_us if course else None),
        calendar=(course.calendar if course else "") or promised.calendar,
        provisional=in_force_us is not None and not tables.calendar.announced(from_us(in_force_us).date()),
        working_days=limit,
        verified_days=procedure.time_limit_verified_days if procedure else None,
        pauses=tuple(PauseShown(rfc3339(start), rfc3339(end)) for start, end in pauses),
        paused_since=_time_or_none(course.paused_since_us if course else None),
        steps=(*_steps(found), *_later_steps(course)),
        recalculated=is_same,
        note_vi=note[0],
        note_en=note[1],
        starts=_starts(dossier, course, tables.post, halves),
        estimate=None if durations is None else _estimate(dossier, course, pauses, tables.calendar, durations, now),
    )


def _starts(dossier: Dossier, course: Course | None, rules: PostRules, halves: Sequence[Half]) -> StartsShown:
    paper = came_by_post(dossier)
    has_begun = not halves or dossier.due_at_us is not None or (course is not None and course.due_at_us is not None)
    named = {"time_of_receipt"} if paper else set()
    named |= {"hybrid"} if halves else set()
    return StartsShown(
        at=_time(clock_start_us(course, dossier)) if has_begun else None,
        by=paper.basis if paper else "receipt",
        half=rules.hybrid.clock if halves else None,
        awaited=next((one.kind for one in halves if one.came is None), None),
        rules=rules.version,
        unconfirmed=bool(named & set(rules.certainty.unconfirmed)),
    )


def is_open(dossier: Dossier) -> bool:
    """Whether the dossier may still come to its end."""
    return dossier.state in _OPEN


def _promised(dossier: Dossier) -> _Promised:
    if dossier.due_at_us is None or not dossier.statement:
        return _Promised()
    return msgspec.json.decode(payload_of(dossier.statement), type=_Promised)


def _again(start_us: int, limit: int, pauses: Sequence[tuple[datetime, datetime]], calendar: Calendar) -> Due | None:
    try:
        return due(from_us(start_us), limit, calendar, pauses)
    except (OutsideCalendar, ValueError):
        return None


def _note(*, is_same: bool, has_limit: bool, awaits: str) -> tuple[str, str]:
    if awaits and not has_limit:
        vi = "bản giấy" if awaits == "paper" else "bản điện tử"
        return f"Thời hạn chưa bắt đầu: còn chờ {vi}.", f"The clock has not started: its {awaits} half is awaited."
    if not has_limit:
        return "Thủ tục không có thời hạn giải quyết.", "The procedure has no time limit."
    if is_same:
        return "", ""
    return (
        "Ngày hẹn là ngày đã ghi; bảng lịch hoặc thời hạn nay đã khác, các bước chỉ để tham khảo.",
        "The due date stands as it was given; calendar or limit are others now, so the steps are for information only.",
    )


def _steps(found: Due | None) -> list[StepShown]:
    return [] if found is None else [StepShown(one.vi, one.en, rfc3339(one.at)) for one in found.steps]


def _later_steps(course: Course | None) -> list[StepShown]:
    """What moves the date, or will, beside the reckoning: a wait that goes on, a date that an apology named."""
    steps = []
    if course is not None and course.appointed_at_us is not None:
        new = for_people(from_us(course.appointed_at_us))
        steps.append(
            StepShown(
                f"Cơ quan đã xin lỗi và hẹn lại: {new}.",
                f"The office has apologised and appointed a new date: {new}.",
                _time(course.appointed_at_us),
            )
        )
    if course is not None and course.paused_since_us is not None:
        since = for_people(from_us(course.paused_since_us))
        steps.append(
            StepShown(
                f"Đang chờ bổ sung từ {since}: thời hạn tạm dừng; khi nhận bổ sung, thời gian chờ được cộng vào.",
                f"A supplement is awaited since {since}: the clock stands, and this time will be added when it comes.",
                _time(course.paused_since_us),
            )
        )
    return steps


def _estimate(
    dossier: Dossier,
    course: Course | None,
    pauses: Sequence[tuple[datetime, datetime]],
    calendar: Calendar,
    durations: Durations,
    now: datetime,
) -> EstimateShown:
    since_us = course.paused_since_us if course else None
    waiting = [] if since_us is None else [(from_us(since_us), max(now, from_us(since_us)))]
    found = estimate(durations, from_us(dossier.received_at_us), [*pauses, *waiting], calendar)
    vi, en = _estimate_words(durations, found.likely_at, found.late_at, now)
    return EstimateShown(
        basis=durations.basis,
        rests_on=durations.rests_on,
        rests_on_min=RESTS_ON_MIN,
        median_working_h=_hours(durations.median),
        ninety_working_h=_hours(durations.ninety),
        likely_at=None if found.likely_at is None else rfc3339(found.likely_at),
        late_at=None if found.late_at is None else rfc3339(found.late_at),
        vi=vi,
        en=en,
    )


def _estimate_words(
    durations: Durations, likely_at: datetime | None, late_at: datetime | None, now: datetime
) -> tuple[str, str]:
    if likely_at is None or late_at is None:
        return (
            f"Chưa đủ hồ sơ đã giải quyết để ước tính ({durations.rests_on}, cần ít nhất {RESTS_ON_MIN}).",
            f"Not enough history for an estimate ({durations.rests_on} dossiers, at least {RESTS_ON_MIN} are needed).",
        )
    vi, en = _OF[durations.basis]
    likely, late = for_people(likely_at), for_people(late_at)
    slow = ("", "")
    if now > late_at:
        slow = (
            " Hồ sơ này đã lâu hơn 90 % số hồ sơ ấy.",
            " This dossier has taken longer than nine in ten of them already.",
        )
    said_vi = (
        f"Ước tính, không phải cam kết: theo {durations.rests_on} hồ sơ {vi} trong một năm qua, một nửa xong trước "
        f"{likely}, 90 % trước {late}.{slow[0]}"
    )
    said_en = (
        f"An estimate, not a promise: by {durations.rests_on} dossiers {en} in the last year, half would be finished "
        f"by {likely}, nine in ten by {late}.{slow[1]}"
    )
    return said_vi, said_en


def _hours(working_time: timedelta | None) -> float | None:
    return None if working_time is None else round(working_time.total_seconds() / 3600, 2)


def _time(at_us: int) -> str:
    return rfc3339(from_us(at_us).astimezone(VIETNAM))


def _time_or_none(at_us: int | None) -> str | None:
    return None if at_us is None else _time(at_us)
