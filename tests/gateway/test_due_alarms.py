"""An office that leaves its work lying, or is late with it, has one alarm that ends by itself; nothing else happens."""

import pytest

from gateway.clock import to_us
from gateway.deadlines import Calendar
from gateway.due_alarms import OVERDUE_RULE, UNCOLLECTED_RULE, look_over
from storage import alarms, courses, journal, work
from storage.courses import Course
from storage.database import Database
from tests.databases import a_dossier, an_event, database, database_url
from tests.gateway.test_due_watch import at, work_of

__all__ = ["database", "database_url"]
CALENDAR = Calendar.load()
HOURS = 8


def offer(database: Database, name: str, offered: str, office: str = "07906") -> None:
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        dossier = a_dossier(name, turn.next(), competent_office=office, received_at_us=to_us(at(offered)))
        journal.enter(tx, [dossier], [], [an_event(dossier, dossier.seq)], [])
        work.offer(tx, [work_of(dossier, "offered")])
        journal.end_turn(tx, turn)


def late(database: Database, name: str, due_at: str, *, state: str = "in-work", **more: object) -> None:
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        dossier = a_dossier(name, turn.next(), state=state)
        journal.enter(tx, [dossier], [], [an_event(dossier, dossier.seq)], [])
        fields = {
            "dossier": dossier.id,
            "office": dossier.competent_office,
            "since_us": 0,
            "due_at_us": to_us(at(due_at)),
        }
        courses.put(tx, Course(**(fields | more)))
        journal.end_turn(tx, turn)


def look(database: Database, now: str) -> list[alarms.Alarm]:
    look_over(database, CALENDAR, HOURS, at(now))
    return sounding(database)


def sounding(database: Database) -> list[alarms.Alarm]:
    with database.read() as tx:
        return alarms.alarms(tx, None)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_work_that_lies_for_eight_working_hours_has_one_alarm_for_its_office(database: Database) -> None:
    offer(database, "a", "16/01/2026 10:00")
    offer(database, "b", "16/01/2026 15:00")
    offer(database, "c", "16/01/2026 09:00", office="08907")
    assert [one.owner for one in look(database, "19/01/2026 09:59")] == ["08907"]
    second, first = sorted(look(database, "19/01/2026 10:00"), key=lambda one: one.owner)
    assert (first.rule, first.subject, first.owner) == (UNCOLLECTED_RULE, "08907", "08907")
    assert second.next_step_vi.startswith("1 hồ sơ gửi cơ quan 07906 chưa được nhận quá 8 giờ làm việc")
    assert "16/01/2026 10:00" in second.next_step_vi
    assert "not collected 1 dossiers" in second.next_step_en
    assert "16/01/2026 10:00" in second.next_step_en


def test_an_alarm_tells_how_things_stand_and_ends_when_the_office_has_collected(database: Database) -> None:
    offer(database, "a", "12/01/2026 10:00")
    (one,) = look(database, "13/01/2026 12:00")
    offer(database, "b", "12/01/2026 11:00")
    (same,) = look(database, "13/01/2026 12:00")
    assert same.id == one.id
    assert same.next_step_vi.startswith("2 hồ sơ")
    with database.begin() as tx:
        work.lease(tx, "07906", "anna", 1, to_us(at("13/01/2026 13:00")), lambda: "l-1")
    (same,) = look(database, "13/01/2026 12:30")
    assert same.next_step_vi.startswith("1 hồ sơ")
    assert "12/01/2026 11:00" in same.next_step_vi
    with database.begin() as tx:
        work.lease(tx, "07906", "anna", 1, to_us(at("13/01/2026 13:00")), lambda: "l-2")
    assert look(database, "13/01/2026 12:30") == []
    with database.read() as tx:
        (ended,) = alarms.alarms(tx, None, closed=True)
        states = {row.state for row in (work.find(tx, name) for name in ("d-a", "d-b")) if row}
    assert (ended.id, ended.closed_by, ended.closed_at_us) == (one.id, "gateway", to_us(at("13/01/2026 12:30")))
    assert states == {"leased"}, "nothing was taken away"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_is_written_while_nothing_changes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(database, "a", "12/01/2026 10:00")
    before = look(database, "13/01/2026 12:00")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a transaction was begun")

    monkeypatch.setattr(database, "begin", refuse)
    assert look(database, "13/01/2026 16:00") == before


def test_overdue_dossiers_have_an_alarm_for_their_office_until_they_are_done(database: Database) -> None:
    late(database, "a", "13/01/2026 09:00")
    late(database, "b", "13/01/2026 10:00")
    late(database, "waits", "13/01/2026 08:00", paused_since_us=1, state="supplement-requested")
    late(database, "re-appointed", "13/01/2026 08:00", appointed_at_us=to_us(at("20/01/2026 08:00")))
    late(database, "done", "13/01/2026 08:00", ended_at_us=1, state="finished")
    assert look(database, "13/01/2026 09:00") == []
    (one,) = look(database, "13/01/2026 10:01")
    assert (one.rule, one.owner) == (OVERDUE_RULE, "07906")
    assert one.next_step_vi.startswith("2 hồ sơ của cơ quan 07906 đã quá hạn, sớm nhất từ 13/01/2026 09:00")
    assert "2 dossiers of office 07906 are overdue" in one.next_step_en
    with database.begin() as tx:
        for name in ("a", "b"):
            course = courses.find(tx, f"d-{name}")
            assert course is not None
            courses.put(tx, Course(dossier=course.dossier, office="07906", since_us=0, due_at_us=1, ended_at_us=2))
    assert look(database, "13/01/2026 10:02") == []
