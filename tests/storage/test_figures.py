"""The rows that the figures are counted from, on SQLite and on PostgreSQL."""

import pytest
import sqlalchemy as sa

from storage import courses, figure_counts, figure_publication, figures, journal, results
from storage.database import Database
from storage.figure_counts import Asked
from tests.databases import a_dossier, an_event, database, database_url, put_dossier

__all__ = ["database", "database_url"]
# What PostgreSQL does not do in another way.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DAY_US = 86_400_000_000
ASKED = Asked(
    by=("office",), from_us=0, to_us=100 * DAY_US, decided=("finished", "returned"), by_appointed=False,
    supplements_max=1,
)  # fmt: skip


def a_figure(name: str, **changes: object) -> figures.Figure:
    fields: dict[str, object] = {
        "dossier": name, "unit": f"U{name}", "procedure": "600", "channel": 2, "state": "finished",
        "received_at_us": DAY_US, "received_month": 197001, "received_office": "07906", "office": "07906",
        "taken_at_us": None, "taken_month": None, "ended_at_us": 2 * DAY_US, "ended_month": 197001,
        "returned_at_us": None, "returned_month": None, "returned_by": "", "due_at_us": 2 * DAY_US,
        "appointed_at_us": None, "told_at_us": None, "is_waiting": 0, "supplements": 0, "has_electronic_result": 0,
        "is_straight": 1, "worked_us": 5,
    }  # fmt: skip
    return figures.Figure(**(fields | changes))  # type: ignore[arg-type]


def put(database: Database, *rows: figures.Figure) -> None:
    with database.begin() as tx:
        figures.put(tx, rows, [])


@ON_SQLITE
def test_facts_are_followed_in_commit_order_a_part_at_a_time(database: Database) -> None:
    for name in ("a", "b", "c"):
        put_dossier(database, name)
    with database.read() as tx:
        assert figures.touched(tx, 0, 3, most=2) == (["d-a", "d-b"], 2)
        assert figures.touched(tx, 2, 3, most=2) == (["d-c"], 3)
        assert figures.touched(tx, 0, 2) == (["d-a", "d-b"], 2)
        assert figures.touched(tx, 3, 7) == ([], 7)


@ON_SQLITE
def test_the_mark_moves_for_one_of_those_who_saw_it(database: Database) -> None:
    with database.begin() as tx:
        assert figures.mark(tx) == 0
        assert figures.move_mark(tx, 0, 5)
        assert not figures.move_mark(tx, 0, 4)
        assert figures.mark(tx) == 5


def test_a_source_is_an_accepted_filing_with_its_course_and_results(database: Database) -> None:
    put_dossier(database, "own", due_at_us=9)
    put_dossier(database, "sent", purpose="supplement", about="d-own")
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        waits = a_dossier("waits", turn.next(), state="pending")
        journal.enter(tx, [waits], [], [an_event(waits, waits.seq, "received-pending")], [])
        journal.end_turn(tx, turn)
    ids = ["d-own", "d-sent", "d-waits"]
    with database.read() as tx:
        (plain,) = figures.sources(tx, ids)
    assert (plain.dossier, plain.received_office, plain.due_at_us, plain.taken_at_us) == ("d-own", "07906", 9, None)
    assert plain.is_straight
    assert not plain.has_electronic_result
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        journal.record(tx, [an_event(a_dossier("own", 1), turn.next(), "work-started")], {"d-own": "in-work"})
        journal.end_turn(tx, turn)
        courses.put(tx, courses.Course(dossier="d-own", office="07906", since_us=1, due_at_us=None, taken_at_us=4))
        for number, code, replaces in ((1, "E-1", None), (2, "", 1)):
            results.add(
                tx,
                results.Result(
                    dossier="d-own", number=number, seq=1, name="", media_type="", sha256=b"", size_bytes=0,
                    result_number="", electronic_code=code, signature="", signer="", replaces=replaces,
                ),
            )  # fmt: skip
    with database.read() as tx:
        (worked,) = figures.sources(tx, ids)
    # The course's word on the due date counts, also that there is none; a file that was replaced counts no more.
    assert (worked.state, worked.due_at_us, worked.taken_at_us) == ("in-work", None, 4)
    assert not worked.is_straight
    assert not worked.has_electronic_result


def test_a_row_is_written_in_the_place_of_the_one_before(database: Database) -> None:
    put(database, a_figure("a"), a_figure("b"))
    put(database, a_figure("a", ended_at_us=3 * DAY_US))
    with database.read() as tx:
        counted = figure_counts.ended(tx, ASKED)[("07906",)]
        assert (counted["on_time"], counted["late"]) == (1, 1)
        assert figure_counts.received(tx, ASKED)[("07906",)]["received"] == 2


@ON_SQLITE
@pytest.mark.parametrize(
    ("ended", "due", "on_time", "late"),
    [(10, 10, 1, 0), (11, 10, 0, 1), (10, None, 0, 0)],
    ids=["in the very instant", "a microsecond later", "no date"],
)
def test_on_time_is_up_to_the_due_instant(
    database: Database, ended: int, due: int | None, on_time: int, late: int
) -> None:
    put(database, a_figure("a", ended_at_us=ended, due_at_us=due))
    with database.read() as tx:
        counted = figure_counts.ended(tx, ASKED)[("07906",)]
    assert (counted["on_time"], counted["late"]) == (on_time, late)
    assert counted["without_due_date"] == (due is None)


def test_times_are_counted_by_steps_and_half_a_step_goes_up(database: Database) -> None:
    put(database, *(a_figure(f"a{worked}", worked_us=worked) for worked in (0, 4, 5, 14, 15, 25)))
    put(database, a_figure("b", office="08907", worked_us=70), a_figure("open", worked_us=None))
    with database.read() as tx:
        found = figure_counts.working_times(tx, ASKED, 10)
    assert found == {("07906",): {0: 2, 1: 2, 2: 1, 3: 1}, ("08907",): {7: 1}}


def test_small_groups_are_named_with_their_employers_and_large_ones_are_not(database: Database) -> None:
    put(database, *(a_figure(f"{number}", unit=f"U{number % 4}") for number in range(9)))
    put(database, a_figure("x", procedure="607"), a_figure("y", procedure="607"))
    with database.read() as tx:
        groups = figure_publication.groups(tx, "received", ASKED, 3)
        assert groups["07906", "600"] == figure_publication.Held(dossiers=9, employers=4)
        assert groups["07906", "607"].units == {"Ux", "Uy"}


@ON_SQLITE
def test_the_first_thing_made_is_kept_and_an_earlier_hours_never_takes_its_place(database: Database) -> None:
    with database.begin() as tx:
        assert figure_publication.made(tx) == figure_publication.Made(0, "")
        assert figure_publication.put(tx, 7, "seven")
        assert not figure_publication.put(tx, 6, "six")
        assert figure_publication.made(tx) == figure_publication.Made(7, "seven")
        assert not figure_publication.claim(tx, 7, 1, 2)


@ON_SQLITE
def test_no_index_and_no_column_was_added_to_what_a_submission_writes(database: Database) -> None:
    """The figures stand in tables of their own."""
    with database.read() as tx:
        inspector = sa.inspect(tx)
        names = {
            one["name"]
            for table in ("dossier", "event", "part", "work", "log_entry")
            for one in (*inspector.get_indexes(table), *inspector.get_columns(table))
        }
    assert not [name for name in names if name and "figure" in name]
