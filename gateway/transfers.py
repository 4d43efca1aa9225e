"""LINE 2, a dossier changes hands: to another office, whose work it then is, or to another department of the same.

The time of receipt stands, and with it the due date: who has to be quick about it changes, not by when.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from gateway import course as courses_of
from gateway import events, office_statement, repeated, states
from gateway.clock import VIETNAM, from_us, rfc3339, to_us
from gateway.desk import DEAD_RULE
from gateway.report_rules import NATIONAL, ReportUnfit
from gateway.reports import Written, check_may_go_on, stated_of, theirs
from gateway.states import State
from storage import alarms, courses, followers, journal, work

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.judge import Tables
    from gateway.repeated import Once
    from gateway.settle import Stores
    from storage.courses import Course
    from storage.journal import Dossier


class Transfer(Struct, frozen=True, kw_only=True):
    """Where a dossier goes: to an `office`, or, within its own, to a `department`; until when, and why."""

    office: str = ""
    department: str = ""
    officer: str = ""
    until: datetime | None = None
    reason: str


def transfer(
    stores: Stores,
    tables: Tables,
    dossier_id: str,
    caller: Caller,
    said: Transfer,
    now: datetime,
    once: Once | None = None,
) -> Written | bytes:
    """Pass the dossier on; with a key that was used, the kept answer.

    To another office: it is offered there at once, whoever held it here has lost it, and this office sees it no more
    but for what happened while it was here. Raises `NotTheirs`, `ReportUnfit`, `IllegalTransition`, `KeyReused`: then
    nothing was written; and `SealAway`, `DatabaseAway`: then trying again is safe under the same key.
    """
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        if kept := repeated.answered(tx, caller.client, once):
            return kept
        dossier = theirs(tx, dossier_id, caller)
        _check(dossier, said, tables, now)
        is_away = bool(said.office) and said.office != dossier.competent_office
        course = courses_of.course_of(tx, dossier, now)
        fact = "transferred" if is_away else "passed-on"
        state = states.after(State(dossier.state), fact)
        check_may_go_on(dossier, fact)
        if not is_away and course.taken_at_us is None:
            raise states.IllegalTransition(f"{fact} cannot follow {dossier.state}")
        due_us = courses_of.due_in_force_us(course)
        moved = structs.replace(dossier, competent_office=said.office or dossier.competent_office)
        facts = [_left(turn, dossier, said, caller, now)] if is_away else []
        if is_away:
            _take_along(tx, turn, dossier, said, caller, now)
        seq = turn.head + 1
        detail = _detail(dossier, moved, said, due_us, seq)
        facts.append(events.fact(turn, moved, fact, caller.client, now, detail))
        journal.record(tx, facts, {dossier.id: state.value} if state != dossier.state else {})
        courses.put(tx, _passed_on(course, moved.competent_office, said, now))
        if is_away:
            followers.move(tx, dossier.id, moved.competent_office)
            work.move(tx, dossier.id, moved.competent_office, seq=seq, at_us=to_us(now), due_at_us=due_us)
            alarms.close(tx, DEAD_RULE, dossier.id, caller.client, to_us(now))
        stated = stated_of(
            dossier,
            detail,
            fact,
            state,
            caller,
            now,
            department=said.department,
            officer=said.officer,
            until=str(detail.get("until", "")),
            due_at=str(detail.get("due_at", "")),
            to=moved.competent_office if is_away else "",
        )
        jws = office_statement.state_it(tx, stores, dossier, stated, seq, now)
        written = Written(
            dossier=dossier.id,
            state=state.value,
            report=stated.report,
            seq=seq,
            due_at=rfc3339(from_us(due_us)) if due_us is not None else None,
            statement=jws,
        )
        repeated.remember(tx, caller.client, once, written, now)
        journal.end_turn(tx, turn)
    return written


def _check(dossier: Dossier, said: Transfer, tables: Tables, now: datetime) -> None:
    if not said.reason:
        raise ReportUnfit("reason", "phải nêu lý do chuyển", "the reason must be told")
    if not said.office and not said.department:
        raise ReportUnfit("office", "chuyển đến cơ quan hoặc phòng nào?", "to which office or department?")
    if said.office:
        _check_office(dossier, said.office, tables, now)
    if said.office == dossier.competent_office and not said.department:
        raise ReportUnfit("office", "hồ sơ đang ở cơ quan này", "the dossier is there already")
    if said.until is not None and said.until < now:
        raise ReportUnfit("until", "trước thời điểm hiện tại", "it lies before now")


def _check_office(dossier: Dossier, office: str, tables: Tables, now: datetime) -> None:
    """One that there is today, and that may decide the procedure, as routing asks it, too. Raises `ReportUnfit`."""
    to = tables.offices.get(office, now.astimezone(VIETNAM).date())
    if to is None:
        raise ReportUnfit("office", f"không có cơ quan {office} hôm nay", f"no office {office} today")
    if office != dossier.competent_office and not to.may_handle(dossier.procedure):
        raise ReportUnfit(
            "office",
            f"cơ quan {office} không được giao thủ tục {dossier.procedure}",
            f"{office} may not handle procedure {dossier.procedure}",
        )


def _left(turn: journal.Turn, dossier: Dossier, said: Transfer, caller: Caller, now: datetime) -> journal.Event:
    """What the office that had the dossier sees of it last."""
    return events.fact(turn, dossier, "sent-on", caller.client, now, {"to": said.office, "reason": said.reason})


def _passed_on(course: Course, office: str, said: Transfer, now: datetime) -> Course:
    """The course afterwards. Another office has not taken it yet, and has not been warned of its due date."""
    is_away = office != course.office
    return structs.replace(
        course,
        office=office,
        department=said.department,
        officer=said.officer,
        since_us=to_us(now),
        until_us=to_us(said.until) if said.until else None,
        taken_at_us=None if is_away else course.taken_at_us,
        warned="" if is_away else course.warned,
    )


def _take_along(
    tx: sa.Connection, turn: journal.Turn, dossier: Dossier, said: Transfer, caller: Caller, now: datetime
) -> None:
    """What was sent about the dossier goes with it, and is offered there too. What still waits to be judged follows
    when it is accepted (`supplements.joined`).
    """
    for one in followers.of(tx, dossier.id):
        if one.state not in (State.ACCEPTED, State.ACKNOWLEDGED):
            continue
        left = _left(turn, one, said, caller, now)
        moved = structs.replace(one, competent_office=said.office)
        detail = {"from": one.competent_office, "to": said.office, "reason": said.reason}
        went = events.fact(turn, moved, "transferred", caller.client, now, detail)
        journal.record(tx, [left, went], {one.id: State.ACCEPTED.value})
        followers.move(tx, one.id, said.office)
        work.move(tx, one.id, said.office, seq=went.seq, at_us=to_us(now), due_at_us=None)
        if course := courses.find(tx, one.id):
            begun = structs.replace(course, office=said.office, since_us=to_us(now), taken_at_us=None)
            courses.put(tx, begun)
        alarms.close(tx, DEAD_RULE, one.id, caller.client, to_us(now))


def _detail(dossier: Dossier, moved: Dossier, said: Transfer, due_us: int | None, seq: int) -> dict[str, object]:
    is_away = moved.competent_office != dossier.competent_office
    told: dict[str, object] = {
        "report": office_statement.number_of(dossier, seq),
        "national": NATIONAL[State.ACCEPTED if is_away else State(dossier.state)],
        "from": dossier.competent_office if is_away else "",
        "to": moved.competent_office if is_away else "",
        "department": said.department,
        "officer": said.officer,
        "until": rfc3339(said.until) if said.until else "",
        "due_at": rfc3339(from_us(due_us)) if due_us is not None else "",
        "reason": said.reason,
        "salt": secrets.token_hex(16),
    }
    return {name: value for name, value in told.items() if value}
