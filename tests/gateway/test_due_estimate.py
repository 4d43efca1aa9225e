"""The estimate is what the office's own finished dossiers say: median and nine in ten, and nothing from too few."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import to_us
from gateway.deadlines import Calendar
from gateway.estimate import KEPT_FOR, RESTS_ON_MIN, Durations, Estimates, durations, estimate
from storage import courses, journal
from storage.courses import Course
from storage.database import Database, open_database
from tests.databases import a_dossier, an_event, database, database_url, lay_migrated
from tests.gateway.test_due_watch import at

__all__ = ["database", "database_url"]
CALENDAR = Calendar.load()
NOW = at("30/11/2026 10:00")
RECEIVED = at("02/03/2026 07:00")
HOUR = timedelta(hours=1)


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Database]:
    """SQLite alone: where the arithmetic is what matters."""
    opened = open_database(f"sqlite:///{lay_migrated(tmp_path / 'journal.sqlite')}")
    yield opened
    opened.close()


def finish(
    database: Database,
    name: str,
    hours: list[float],
    *,
    office: str = "07906",
    procedure: str = "600",
    received: datetime = RECEIVED,
    pauses: tuple[tuple[int, int], ...] = (),
    **more: object,
) -> None:
    """Dossiers that took so many working hours each, from 07:00 on a Monday with no day off for weeks."""
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        for number, took in enumerate(hours):
            ended = CALENDAR.ahead(received, took * HOUR)
            dossier = a_dossier(
                f"{name}-{number}", turn.next(), state="finished", procedure=procedure, competent_office=office,
                received_at_us=to_us(received), **more,
            )  # fmt: skip
            journal.enter(tx, [dossier], [], [an_event(dossier, dossier.seq)], [])
            course = Course(
                dossier=dossier.id, office=office, since_us=0, due_at_us=None, pauses=pauses,
                finished_at_us=to_us(ended), ended_at_us=to_us(ended),
            )  # fmt: skip
            courses.put(tx, course)
        journal.end_turn(tx, turn)


def count(database: Database, office: str = "07906", procedure: str = "600") -> Durations:
    return durations(database, office, procedure, CALENDAR, NOW)


def test_half_took_no_longer_than_the_median_and_nine_in_ten_than_ninety(database: Database) -> None:
    finish(database, "a", [float(number) for number in range(1, 31)])
    finish(database, "elsewhere", [100.0] * 30, office="08907")
    finish(database, "other", [100.0] * 30, procedure="610")
    found = count(database)
    assert found == Durations(basis="office-procedure", rests_on=30, median=15 * HOUR, ninety=27 * HOUR)


def test_without_a_history_of_its_own_the_offices_then_the_procedures_stands_in_for_it(database: Database) -> None:
    finish(database, "few", [1.0] * (RESTS_ON_MIN - 1))
    assert count(database) == Durations(basis="none", rests_on=RESTS_ON_MIN - 1)
    finish(database, "elsewhere", [3.0] * RESTS_ON_MIN, office="08907")
    assert count(database) == Durations(
        basis="procedure", rests_on=2 * RESTS_ON_MIN - 1, median=3 * HOUR, ninety=3 * HOUR
    )
    finish(database, "other", [5.0] * RESTS_ON_MIN, procedure="610")
    assert (count(database).basis, count(database).ninety) == ("office", 5 * HOUR)
    finish(database, "one-more", [1.0])
    assert count(database) == Durations(basis="office-procedure", rests_on=RESTS_ON_MIN, median=HOUR, ninety=HOUR)


def test_waits_for_supplements_nights_and_days_off_are_no_working_time(light: Database) -> None:
    wait = (to_us(at("03/03/2026 09:00")), to_us(at("04/03/2026 09:00")))
    finish(light, "a", [20.0] * RESTS_ON_MIN, pauses=(wait,))
    assert count(light).median == 12 * HOUR


def test_only_the_last_year_and_only_filings_count(light: Database) -> None:
    finish(light, "old", [1.0] * RESTS_ON_MIN, received=NOW - timedelta(days=400))
    finish(light, "supplement", [1.0] * RESTS_ON_MIN, purpose="supplement")
    assert count(light) == Durations(basis="none", rests_on=0)


def test_an_estimate_is_told_from_the_receipt_on_in_working_time_with_the_waits_added() -> None:
    known = Durations(basis="office", rests_on=40, median=8 * HOUR, ninety=20 * HOUR)
    told = estimate(known, at("13/02/2026 18:00"), [], CALENDAR)
    assert (told.likely_at, told.late_at) == (at("24/02/2026 07:00"), at("25/02/2026 11:00"))
    waited = estimate(known, at("13/02/2026 18:00"), [(at("23/02/2026 08:00"), at("23/02/2026 09:30"))], CALENDAR)
    assert waited.likely_at == at("24/02/2026 08:30")
    nothing = Durations(basis="none", rests_on=3)
    assert estimate(nothing, NOW, [], CALENDAR).likely_at is None


def test_what_was_counted_is_kept_for_a_while(light: Database) -> None:
    estimates = Estimates(light)
    assert estimates.of("07906", "600", CALENDAR, NOW).rests_on == 0
    finish(light, "a", [2.0] * RESTS_ON_MIN)
    assert estimates.of("07906", "600", CALENDAR, NOW + KEPT_FOR - HOUR / 3600).rests_on == 0
    assert estimates.of("07906", "610", CALENDAR, NOW).basis == "office"
    assert estimates.of("07906", "600", CALENDAR, NOW + KEPT_FOR).rests_on == RESTS_ON_MIN
