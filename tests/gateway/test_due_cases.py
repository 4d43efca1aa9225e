"""Due dates worked out by hand, by the program, and by walking through the year minute by minute are the same."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import VIETNAM
from gateway.deadlines import Calendar, due
from tests.gateway import minute_walker
from tests.gateway.due_table import Case, cases, main

CALENDAR = Calendar.load()
CASES = cases()

# Through the whole of 2026, with room for what follows.
starts = st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 30)).map(  # noqa: DTZ001 - a wall clock in Vietnam
    lambda moment: moment.replace(second=0, microsecond=0)
)
# Where the rules change: an hour of these finds more than an hour of others.
edges = st.builds(
    lambda day, minute, off: day.replace(hour=0, minute=0) + timedelta(minutes=minute + off),
    starts,
    st.sampled_from([0, 7 * 60, 11 * 60 + 30, 13 * 60 + 30, 17 * 60]),
    st.integers(-1, 1),
).filter(lambda moment: moment.year == 2026)
received = starts | edges
waits = st.lists(
    st.tuples(st.integers(0, 6 * 24 * 60), st.integers(0, 9 * 24 * 60)).map(
        lambda wait: (timedelta(minutes=wait[0]), timedelta(minutes=wait[1]))
    ),
    max_size=3,
)


def test_there_are_at_least_sixty_cases_and_each_of_them_is_another():
    assert len({(case.received, case.days, case.pauses) for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.received}+{case.days} {case.what}")
def test_hand_program_and_walk_agree(case: Case):
    assert (case.by_program(CALENDAR), case.by_walking()) == (case.due, case.due)


@given(start=received, days=st.integers(0, 25), after=waits)
def test_program_and_walk_agree_whenever_something_comes_and_however_long_a_supplement_is_awaited(
    start: datetime, days: int, after: list[tuple[timedelta, timedelta]]
):
    pauses = [(start + begin, start + begin + lasted) for begin, lasted in after]
    told = [(begin.replace(tzinfo=VIETNAM), end.replace(tzinfo=VIETNAM)) for begin, end in pauses]
    found = due(start.replace(tzinfo=VIETNAM), days, CALENDAR, told).due_at
    assert found.replace(tzinfo=None) == minute_walker.due(start, days, pauses)


@given(start=received, lasted=st.integers(0, 20 * 24 * 60))
def test_working_time_is_what_the_walk_counts_and_going_on_and_back_by_it_arrive_there(start: datetime, lasted: int):
    end = start + timedelta(minutes=lasted)
    begin, until = start.replace(tzinfo=VIETNAM), end.replace(tzinfo=VIETNAM)
    passed = CALENDAR.working_time(begin, until)
    assert passed == timedelta(minutes=minute_walker.worked_minutes(start, end))
    assert CALENDAR.working_time(until, begin) == -passed
    # Another moment perhaps, but no working time lies between.
    assert CALENDAR.working_time(CALENDAR.ahead(begin, passed), until) == timedelta(0)
    assert CALENDAR.working_time(CALENDAR.back(until, passed), begin) == timedelta(0)
    assert CALENDAR.back(until, passed) <= until <= max(until, CALENDAR.ahead(begin, passed))


def test_the_command_prints_every_case_and_says_when_one_differs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert main() == 0
    told = capsys.readouterr().out
    assert all(case.what in told for case in CASES)
    assert f"{len(CASES)} cases, 0 differ" in told
    monkeypatch.setattr(minute_walker, "WORKED_DAYS", [True] * len(minute_walker.WORKED_DAYS))
    assert main() == 1
    assert "DIFFERS" in capsys.readouterr().out
