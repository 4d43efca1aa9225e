"""LINE 2, what an office did: each report becomes a fact, a course, and a signed statement, in one transaction.

1. The report's files are judged and kept: bytes are durable before anything points at them.
2. The turn is taken; the same request under the same key is given the same answer.
3. The fact follows from the reported national state and from where the dossier stands (`report_rules`, `states`).
4. The course moves on: who has it, until when; a wait for a supplement stops the clock, its end starts it again.
5. Fact, course, results, state and statement are committed together, and only then answered.

Nothing is overwritten: a correction is a fact of its own that names the one it corrects.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from gateway import course as courses_of
from gateway import events, office_statement, repeated, report_rules, results, states
from gateway.clock import from_us, rfc3339, to_us
from gateway.desk import DEAD_RULE
from gateway.states import State
from storage import alarms, courses, journal, work
from storage import results as result_rows

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.judge import Tables
    from gateway.repeated import Once
    from gateway.report_rules import Report
    from gateway.results import Kept
    from gateway.settle import Stores
    from storage.courses import Course
    from storage.journal import Dossier
    from storage.results import Result


class NotTheirs(Exception):
    """The dossier is not there, or not this office's (any more). Trying again changes nothing."""


class Written(Struct, frozen=True, kw_only=True):
    """What became of a report: the dossier's state, the fact's number, the date in force, the signed statement."""

    dossier: str
    state: str
    report: str
    seq: int
    due_at: str | None
    statement: str


def report(
    stores: Stores,
    tables: Tables,
    dossier_id: str,
    caller: Caller,
    said: Report,
    now: datetime,
    once: Once | None = None,
    *,
    refuse_unsigned: bool = True,
) -> Written | bytes:
    """Write what the office says it did; with a key that was used, the kept answer.

    Raises `NotTheirs`, `ReportUnfit`, `IllegalTransition`, `ResultRefused`, `KeyReused`: then nothing was written; and
    `VaultAway`, `SealAway`, `DatabaseAway`: then trying again is safe under the same key.
    """
    with stores.database.read() as tx:
        # The office may have passed it on since: what it reported before is answered as it was.
        if kept_answer := repeated.answered(tx, caller.client, once):
            return kept_answer
        dossier = theirs(tx, dossier_id, caller)
        # What cannot be written need not be kept first.
        before = result_rows.of(tx, dossier.id)
        _check(tx, dossier, said, len(before), now)
    # (1) What cannot be read, or is not the agency's, ends here.
    judged = [results.judge(one, tables, now, refuse_unsigned=refuse_unsigned) for one in said.results]
    files = results.keep(stores, judged)
    with stores.database.begin() as tx:
        # (2) Our turn, and what was said before.
        turn = journal.take_turn(tx)
        if kept_answer := repeated.answered(tx, caller.client, once):
            return kept_answer
        dossier = theirs(tx, dossier_id, caller)
        # (3) The fact follows.
        course, fact = _check(tx, dossier, said, len(result_rows.of(tx, dossier.id)), now)
        state = states.after(State(dossier.state), fact)
        # (4) The course moves on.
        course = _moved_on(course, dossier, tables, said, fact, now)
        # (5) All of it together, and the answer with it.
        written = _write(tx, turn, stores, dossier, course, said, fact, state, files, caller, now)
        repeated.remember(tx, caller.client, once, written, now)
        journal.end_turn(tx, turn)
    return written


def theirs(tx: sa.Connection, dossier_id: str, caller: Caller) -> Dossier:
    """The dossier, if it is one of the caller's offices'. Raises `NotTheirs`."""
    scope = journal.Scope(everything=caller.role == "operator", offices=tuple(sorted(caller.offices)))
    found = journal.dossier(tx, dossier_id, scope) if scope.everything or scope.offices else None
    if found is None:
        raise NotTheirs(dossier_id)
    return found


def _check(tx: sa.Connection, dossier: Dossier, said: Report, results_before: int, now: datetime) -> tuple[Course, str]:
    """The course and the fact, if it can be one. Raises `ReportUnfit`, `IllegalTransition`."""
    course = courses_of.course_of(tx, dossier, now)
    fact = report_rules.fact_of(said, State(dossier.state))
    states.after(State(dossier.state), fact)
    check_may_go_on(dossier, fact)
    if course.taken_at_us is None and dossier.state in (State.PENDING, State.ACCEPTED, State.REFUSED):
        raise states.IllegalTransition(f"{fact} cannot follow {dossier.state}")
    report_rules.check(said, fact, dossier, course, results_before + len(said.results), now)
    if said.corrects is not None and not events.has_fact(tx, dossier.id, said.corrects):
        raise report_rules.ReportUnfit(
            "corrects", f"hồ sơ không có sự kiện số {said.corrects}", f"the dossier has no fact {said.corrects}"
        )
    return course, fact


def check_may_go_on(dossier: Dossier, fact: str) -> None:
    """Whether an office may add anything to it. Raises `IllegalTransition` for what was erased, where new words would
    stay for good; and for what was sent about another dossier, whose course is that one's.
    """
    if dossier.erased_at_us is not None:
        raise states.IllegalTransition(f"{fact} cannot follow erased")
    if dossier.purpose:
        raise states.IllegalTransition(f"{fact} cannot follow for a {dossier.purpose}: it goes with {dossier.about}")


def _moved_on(course: Course, dossier: Dossier, tables: Tables, said: Report, fact: str, now: datetime) -> Course:
    at_us = to_us(min(said.at or now, now))
    if fact == "supplement-requested":
        course = courses_of.paused(course, now)
    elif fact not in states.STEADY:
        # What only adds something ends no wait, also where another office has the dossier since.
        course = courses_of.resumed(course, dossier, tables, now)
    if (said.department, said.officer) not in (("", ""), (course.department, course.officer)):
        course = structs.replace(course, department=said.department, officer=said.officer, since_us=at_us)
    course = structs.replace(
        course,
        until_us=to_us(said.until) if said.until else course.until_us,
        national_code=said.national_code or course.national_code,
        bhxh_number=said.bhxh_number or course.bhxh_number,
    )
    if fact in report_rules.ENDING:
        finished_at_us = at_us if fact == "finished" else course.finished_at_us
        return structs.replace(course, ended_at_us=at_us, finished_at_us=finished_at_us, until_us=None)
    if fact == "reopened":
        return structs.replace(course, ended_at_us=None, finished_at_us=None, returned_at_us=None, returned_by="")
    if fact == "returned":
        return structs.replace(course, returned_at_us=at_us, returned_by=said.returned_by)
    if fact == "re-appointed" and said.new_due_at is not None:
        return structs.replace(course, appointed_at_us=to_us(said.new_due_at), warned="")
    return course


def _write(
    tx: sa.Connection,
    turn: journal.Turn,
    stores: Stores,
    dossier: Dossier,
    course: Course,
    said: Report,
    fact: str,
    state: State,
    files: list[Kept],
    caller: Caller,
    now: datetime,
) -> Written:
    seq = turn.head + 1
    rows = results.enter(tx, dossier, files, seq, now)
    detail = _detail(dossier, course, said, fact, rows, seq)
    event = events.fact(turn, dossier, fact, caller.client, now, detail)
    journal.record(tx, [event], {dossier.id: state.value} if state != dossier.state else {})
    courses.put(tx, course)
    if fact in report_rules.ENDING:
        work.end(tx, dossier.id)
        alarms.close(tx, DEAD_RULE, dossier.id, caller.client, to_us(now))
    statement = office_statement.state_it(
        tx, stores, dossier, _stated(dossier, course, detail, fact, state, rows, caller, now), event.seq, now
    )
    due_us = courses_of.due_in_force_us(course)
    return Written(
        dossier=dossier.id,
        state=state.value,
        report=office_statement.number_of(dossier, event.seq),
        seq=event.seq,
        due_at=rfc3339(from_us(due_us)) if due_us is not None else None,
        statement=statement,
    )


def _detail(
    dossier: Dossier, course: Course, said: Report, fact: str, rows: list[Result], seq: int
) -> dict[str, object]:
    """The fact's detail: what the report said, without what it left out."""
    due_us = courses_of.due_in_force_us(course)
    told: dict[str, object] = {
        "report": office_statement.number_of(dossier, seq),
        "national": said.state,
        "department": said.department,
        "officer": said.officer,
        "at": rfc3339(said.at) if said.at else "",
        "until": rfc3339(said.until) if said.until else "",
        "due_at": rfc3339(from_us(due_us)) if due_us is not None else "",
        "national_code": said.national_code,
        "bhxh_number": said.bhxh_number,
        "results": [row.number for row in rows],
        "returned_by": said.returned_by,
        "corrects": said.corrects,
        "second": fact == "supplement-requested" and course.supplements > 1,
        "reason": said.reason,
        "supplement": [structs.asdict(one) for one in said.supplement],
    }
    if said.reason or said.supplement:
        told["salt"] = secrets.token_hex(16)
    return {name: value for name, value in told.items() if value}


def _stated(
    dossier: Dossier,
    course: Course,
    detail: dict[str, object],
    fact: str,
    state: State,
    rows: list[Result],
    caller: Caller,
    now: datetime,
) -> office_statement.Reported:
    same = ("department", "officer", "at", "until", "due_at", "national_code", "bhxh_number", "returned_by")
    return stated_of(
        dossier,
        detail,
        fact,
        state,
        caller,
        now,
        calendar=course.calendar,
        second=bool(detail.get("second")),
        corrects=detail.get("corrects"),
        results=tuple(map(results.named, rows)),
        **{name: detail[name] for name in same if name in detail},
    )


def stated_of(
    dossier: Dossier,
    detail: dict[str, object],
    fact: str,
    state: State,
    caller: Caller,
    now: datetime,
    **more: object,
) -> office_statement.Reported:
    """What is stated of a fact; `more` are further members of `Reported`."""
    return structs.replace(
        office_statement.Reported(
            report=str(detail["report"]),
            receipt=dossier.statement_number,
            receipt_sha256=events.receipt_sha256(dossier),
            dossier=dossier.id,
            sha256=dossier.sha256.hex(),
            fact=fact,
            state=state.value,
            national=int(str(detail.get("national") or report_rules.NATIONAL[state])),
            office=dossier.competent_office,
            reported_by=caller.client,
            reported_at=rfc3339(now),
            words_sha256=office_statement.digest_of_words(detail),
        ),
        **more,
    )
