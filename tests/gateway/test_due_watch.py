"""The clock speaks before, on and after the day on which a dossier is due: once for each due date, whoever watches."""

import json
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from msgspec import structs

from gateway import due_watch
from gateway.clock import VIETNAM, rfc3339, to_us
from gateway.course import resumed
from gateway.deadlines import Calendar
from gateway.due_watch import warn_due
from storage import courses, journal, work
from storage.courses import Course
from storage.database import Database
from tests.databases import a_dossier, an_event, database, database_url
from tests.gateway.inhouse import catalogue

if TYPE_CHECKING:
    from gateway.judge import Tables

__all__ = ["database", "database_url"]
CALENDAR = Calendar.load()
SOON = timedelta(hours=8)
EVERYTHING = journal.Scope(everything=True)
OFFICE = "07906"


def at(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=VIETNAM)


DUE = at("20/01/2026 09:29")


def put(database: Database, *names: str, due_at: datetime | None = DUE, state: str = "in-work") -> None:
    """Dossiers in that state; those that an office took have a course."""
    due_us = None if due_at is None else to_us(due_at)
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        for name in names:
            dossier = a_dossier(
                name, turn.next(), due_at_us=due_us, state=state, received_at_us=to_us(at("13/01/2026 09:29"))
            )
            journal.enter(tx, [dossier], [], [an_event(dossier, dossier.seq)], [])
            taken = state != "accepted"
            work.offer(tx, [work_of(dossier, "done" if taken else "offered")])
            if taken:
                courses.put(tx, Course(dossier=dossier.id, office=OFFICE, since_us=0, due_at_us=due_us))
        journal.end_turn(tx, turn)


def work_of(dossier: journal.Dossier, state: str) -> work.Work:
    return work.Work(
        dossier=dossier.id,
        offered_seq=dossier.seq,
        office=dossier.competent_office,
        state=state,
        due_at_us=dossier.due_at_us,
        attempt=0,
        lease=None,
        holder=None,
        lease_until_us=None,
        offered_at_us=dossier.received_at_us,
    )


def change(database: Database, name: str, **changed: object) -> None:
    """What the line writes of a course."""
    with database.begin() as tx:
        held = courses.find(tx, f"d-{name}")
        assert held is not None
        courses.put(tx, structs.replace(held, **changed))


def watch(database: Database, text: str) -> int:
    return warn_due(database, CALENDAR, SOON, at(text))


def told(database: Database, name: str) -> list[tuple[str, str]]:
    """What the clock said of a dossier, and of which due date."""
    with database.read() as tx:
        events = journal.events(tx, EVERYTHING, 0, f"d-{name}")
    clocks = [one for one in events if one.type != "accepted"]
    assert all(one.actor == "gateway" and one.office == OFFICE and one.unit == "TS12345" for one in clocks)
    return [(one.type, json.loads(one.detail)["due_at"]) for one in clocks]


def said(*facts: str, due_at: datetime = DUE) -> list[tuple[str, str]]:
    return [(fact, rfc3339(due_at)) for fact in facts]


def test_it_warns_eight_working_hours_before_on_the_day_and_after_each_once(database: Database) -> None:
    put(database, "a")
    assert watch(database, "19/01/2026 09:28") == 0
    assert watch(database, "19/01/2026 09:29") == 1
    assert told(database, "a") == said("due-soon")
    assert watch(database, "19/01/2026 23:59") == 0
    assert watch(database, "20/01/2026 00:00") == 1
    assert told(database, "a") == said("due-soon", "due-now")
    assert watch(database, "20/01/2026 09:29") == 0, "finished at the appointed moment is on time"
    assert watch(database, "20/01/2026 09:30") == 1
    assert told(database, "a") == said("due-soon", "due-now", "overdue")
    assert watch(database, "30/01/2026 09:30") == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_over_a_weekend_working_hours_count(database: Database) -> None:
    put(database, "a", due_at=at("19/01/2026 09:00"))
    assert watch(database, "16/01/2026 08:59") == 0
    assert watch(database, "16/01/2026 09:00") == 1
    assert watch(database, "17/01/2026 12:00") == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("seen", "fact"), [("20/01/2026 08:00", "due-now"), ("21/01/2026 08:00", "overdue")])
def test_what_is_seen_late_is_told_of_as_it_stands(database: Database, seen: str, fact: str) -> None:
    put(database, "a")
    assert watch(database, seen) == 1
    assert told(database, "a") == said(fact)


def test_work_that_nobody_acknowledged_is_warned_of_too_and_has_a_course_from_then_on(database: Database) -> None:
    put(database, "a", state="accepted")
    put(database, "no-limit", state="accepted", due_at=None)
    assert watch(database, "19/01/2026 10:00") == 1
    with database.read() as tx:
        course = courses.find(tx, "d-a")
        assert courses.find(tx, "d-no-limit") is None
    assert course == Course(
        dossier="d-a", office=OFFICE, since_us=to_us(at("13/01/2026 09:29")), due_at_us=to_us(DUE), warned="due-soon"
    )
    assert watch(database, "21/01/2026 10:00") == 1
    assert told(database, "a") == said("due-soon", "overdue")


def test_while_a_supplement_is_awaited_nothing_warns_and_the_moved_date_is_warned_of_afresh(database: Database) -> None:
    put(database, "a")
    assert watch(database, "19/01/2026 10:00") == 1
    change(database, "a", paused_since_us=to_us(at("19/01/2026 10:30")))
    assert watch(database, "21/01/2026 10:00") == 0
    moved = at("22/01/2026 09:29")
    change(database, "a", paused_since_us=None, due_at_us=to_us(moved), warned="")
    assert watch(database, "21/01/2026 10:00") == 1
    assert watch(database, "22/01/2026 10:00") == 1
    assert told(database, "a") == said("due-soon") + said("due-soon", "overdue", due_at=moved)


@pytest.mark.parametrize(
    ("appointed", "wait", "warned"),
    [
        (None, ("19/01/2026 08:00", "19/01/2026 10:00"), ""),
        (None, ("19/01/2026 18:00", "19/01/2026 20:00"), "due-soon"),
        ("22/01/2026 09:00", ("19/01/2026 08:00", "19/01/2026 10:00"), "due-soon"),
    ],
)
def test_a_wait_that_moves_no_date_has_none_warned_of_again(
    appointed: str | None, wait: tuple[str, str], warned: str
) -> None:
    held = catalogue()
    tables = cast("Tables", SimpleNamespace(catalogue=held, calendar=CALENDAR))
    version = held.procedure_versions("600")[-1].version
    received_us = to_us(at("13/01/2026 09:29"))
    dossier = a_dossier(
        "one", 1, procedure="600", procedure_version=version, received_at_us=received_us, due_at_us=to_us(DUE)
    )
    course = Course(
        dossier="one",
        office=OFFICE,
        since_us=0,
        due_at_us=to_us(DUE),
        appointed_at_us=to_us(at(appointed)) if appointed else None,
        paused_since_us=to_us(at(wait[0])),
        warned="due-soon",
    )
    assert resumed(course, dossier, tables, at(wait[1])).warned == warned


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_after_an_apology_the_new_date_binds(database: Database) -> None:
    put(database, "a")
    new = at("27/01/2026 09:29")
    change(database, "a", appointed_at_us=to_us(new), warned="")
    assert watch(database, "21/01/2026 10:00") == 0
    assert watch(database, "26/01/2026 10:00") == 1
    assert watch(database, "27/01/2026 10:00") == 1
    assert told(database, "a") == said("due-soon", "overdue", due_at=new)


def test_nothing_warns_where_the_office_has_nothing_to_do(database: Database) -> None:
    for state in ("finished", "returned", "stopped", "withdrawn", "declined", "supplement-requested"):
        put(database, state, state=state)
    put(database, "ended")
    change(database, "ended", ended_at_us=to_us(at("16/01/2026 10:00")))
    assert watch(database, "21/01/2026 10:00") == 0


def test_many_fall_due_at_once_and_are_told_of_page_by_page(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_watch, "PAGE_MAX", 3)
    names = [f"n{number}" for number in range(8)]
    put(database, *names[:4])
    put(database, *names[4:], state="accepted")
    assert watch(database, "19/01/2026 10:00") == len(names)
    assert all(told(database, name) == said("due-soon") for name in names)
    with database.read() as tx:
        assert journal.head(tx) == 2 * len(names), "facts are numbered without a gap"


def test_several_workers_watch_and_nobody_is_warned_twice(database: Database) -> None:
    names = [f"n{number}" for number in range(30)]
    put(database, *names[:15])
    put(database, *names[15:], state="accepted")
    counts: list[int] = []

    def work_on() -> None:
        counts.extend(watch(database, text) for text in ("19/01/2026 10:00", "20/01/2026 01:00", "20/01/2026 10:00"))

    at_once([threading.Thread(target=work_on) for _ in range(3)])
    assert len(counts) == 9, "a worker failed"
    everything = [told(database, name) for name in names]
    assert sum(counts) == sum(map(len, everything))
    for facts in everything:
        assert len(set(facts)) == len(facts)
        assert facts[-1] == said("overdue")[0]


def at_once(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
