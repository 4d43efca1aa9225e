"""The journal and the register, on SQLite and on PostgreSQL."""

import fcntl
import sqlite3
import threading
from datetime import date
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from storage import clients, journal, register, work
from storage.database import Database, DatabaseAway, Statement, open_database
from storage.migrations import SchemaUnknown, available, migrate, missing
from tests.databases import a_dossier, an_event, database, database_url, empty_database_url, put_dossier

__all__ = ["database", "database_url", "empty_database_url"]
EVERYTHING = journal.Scope(everything=True)


def seen(database: Database, after: int) -> list[int]:
    with database.read() as tx:
        return [event.seq for event in journal.events(tx, EVERYTHING, after)]


def test_facts_are_numbered_in_commit_order_without_gaps(database: Database) -> None:
    for name in ("a", "b", "c"):
        put_dossier(database, name)
    assert seen(database, 0) == [1, 2, 3]


def test_a_transaction_that_fails_gives_its_numbers_back(database: Database) -> None:
    put_dossier(database, "a")
    with pytest.raises(RuntimeError), database.begin() as tx:
        turn = journal.take_turn(tx)
        dossier = a_dossier("lost", turn.next())
        journal.enter(tx, [dossier], [], [an_event(dossier, turn.head)], [])
        journal.end_turn(tx, turn)
        raise RuntimeError
    put_dossier(database, "b")
    assert seen(database, 0) == [1, 2]


def test_the_mark_never_passes_a_transaction_that_is_still_open(database: Database) -> None:
    """One writer has its numbers and has not committed; a second writer comes later and would be done at once."""
    put_dossier(database, "a")
    holds, may_commit, second_done = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with database.begin() as tx:
            turn = journal.take_turn(tx)
            dossier = a_dossier("slow", turn.next())
            journal.enter(tx, [dossier], [], [an_event(dossier, turn.head)], [])
            journal.end_turn(tx, turn)
            holds.set()
            assert may_commit.wait(10)

    def second() -> None:
        put_dossier(database, "fast")
        second_done.set()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert holds.wait(10)
    threads[1].start()
    assert not second_done.wait(0.5), "the later writer got in before the open transaction"
    with database.read() as tx:
        assert journal.head(tx) == 1
        assert work.complete_until(tx, "00000", journal.head(tx)) == 1
    assert seen(database, 0) == [1]
    may_commit.set()
    for thread in threads:
        thread.join(10)
    assert second_done.is_set()
    with database.read() as tx:
        facts = [(event.seq, event.dossier) for event in journal.events(tx, EVERYTHING, 1)]
    assert facts == [(2, "d-slow"), (3, "d-fast")]


def test_a_writer_that_does_not_get_its_turn_is_told_to_come_back(database: Database) -> None:
    if database.dialect == "sqlite":
        # Another program holds SQLite's own write lock, so that our queue is no help.
        other = open_database(str(database.engine.url))
        with (
            other.engine.connect() as held,
            held.execution_options(motcua_write=True).begin(),
            pytest.raises(DatabaseAway),
            database.begin(),
        ):
            pass
        other.close()
    else:
        with database.begin() as tx:
            journal.take_turn(tx)
            with pytest.raises(DatabaseAway), database.begin() as late:
                journal.take_turn(late)
    put_dossier(database, "a")
    assert seen(database, 0) == [1]


def test_the_same_bytes_cannot_be_accepted_twice(database: Database) -> None:
    dossier = put_dossier(database, "a")
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        put_dossier(database, "again", sha256=dossier.sha256)
    assert seen(database, 0) == [1]


def test_refused_bytes_may_come_again_and_be_accepted(database: Database) -> None:
    refused = put_dossier(database, "no", state="refused", pack=None)
    put_dossier(database, "no2", state="refused", pack=None, sha256=refused.sha256)
    put_dossier(database, "yes", sha256=refused.sha256)
    with database.read() as tx:
        assert journal.accepted(tx, [refused.sha256])[refused.sha256].id == "d-yes"
        assert [one.id for one in journal.refusals(tx, refused.sha256, EVERYTHING)] == ["d-no2", "d-no"]


def test_batches_count_up_and_the_same_batch_is_found(database: Database) -> None:
    put_dossier(database, "a", batch=1)
    put_dossier(database, "b", batch=4)
    put_dossier(database, "refused", batch=9, state="refused", pack=None)
    key = ("TS12345", "600", "11/2026")
    with database.read() as tx:
        assert journal.last_batch(tx, *key) == 4
        assert journal.last_batch(tx, "TS12345", "601", "11/2026") == 0
        assert journal.latest_of_batch(tx, *key, 4) == "d-b"
        assert journal.latest_of_batch(tx, *key, 2) is None


def test_a_caller_sees_its_own_units_and_submissions_and_nothing_else(database: Database) -> None:
    with database.begin() as tx:
        row = clients.Client(
            id="ivan-1", role="ivan", name="", secret_sha256=None, jwk=None,
            requests_per_minute_max=1, created_at_us=1, disabled_at_us=None,
        )  # fmt: skip
        clients.put_client(tx, row, ["AA1111A"], [])
    put_dossier(database, "theirs", unit="ZZ9999Z", submitter="other")
    put_dossier(database, "unit", unit="AA1111A", submitter="other", competent_office="08907")
    put_dossier(database, "sent", unit="NEW0001", submitter="ivan-1")
    scope = journal.Scope(client="ivan-1")
    with database.read() as tx:
        mine = [one.id for one in journal.dossiers(tx, scope, journal.Filter(), 0, 10)]
        assert mine == ["d-unit", "d-sent"]
        assert [event.dossier for event in journal.events(tx, scope, 0)] == mine
        assert journal.dossier(tx, "d-theirs", scope) is None
        office = journal.Scope(offices=("08907",))
        assert [one.id for one in journal.dossiers(tx, office, journal.Filter(), 0, 10)] == ["d-unit"]
        assert [event.dossier for event in journal.events(tx, office, 0)] == ["d-unit"]
        assert journal.dossiers(tx, journal.Scope(client="nobody"), journal.Filter(), 0, 10) == []


def test_lists_are_filtered_and_paged_in_commit_order(database: Database) -> None:
    for number in range(5):
        put_dossier(database, f"n{number}", period="11/2026" if number % 2 else "10/2026")
    with database.read() as tx:
        page = journal.dossiers(tx, EVERYTHING, journal.Filter(period="10/2026"), 0, 2)
        assert [one.id for one in page] == ["d-n0", "d-n2"]
        rest = journal.dossiers(tx, EVERYTHING, journal.Filter(period="10/2026"), page[-1].seq, 2)
        assert [one.id for one in rest] == ["d-n4"]
        assert journal.dossiers(tx, EVERYTHING, journal.Filter(state="refused"), 0, 9) == []


def test_number_series_are_separate(database: Database) -> None:
    with database.begin() as tx:
        assert journal.reserve(tx, "x", 3) == 1
        assert journal.reserve(tx, "x", 1) == 4
        assert journal.reserve(tx, "y", 2) == 1


def test_a_unit_is_found_as_it_stood_on_the_day(database: Database) -> None:
    rows = [
        register.Unit(code="U", tax_code="1", office="07906", valid_from="2020-01-01", valid_to="2025-06-30"),
        register.Unit(code="U", tax_code="1", office="08907", valid_from="2025-07-01"),
    ]
    with database.begin() as tx:
        register.put(tx, rows)
        register.put(tx, rows)
    found = [register.unit_at(database, "U", day) for day in (date(2019, 1, 1), date(2025, 6, 30), date(2026, 1, 1))]
    assert [unit and unit.office for unit in found] == [None, "07906", "08907"]
    with database.read() as tx:
        assert list(register.units(tx)) == rows


def test_migrating_twice_changes_nothing_and_an_empty_database_lacks_everything(empty_database_url: str) -> None:
    opened = open_database(empty_database_url)
    assert missing(opened) == [number for number, _ in available()]
    assert migrate(opened) == [number for number, _ in available()]
    assert migrate(opened) == []
    assert missing(opened) == []
    opened.close()


def test_gateways_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    applied: list[list[int]] = []

    def start() -> None:
        opened = open_database(empty_database_url)
        applied.append(migrate(opened))
        opened.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(len, applied)) == [0, 0, 0, len(available())]


def test_a_database_of_a_newer_program_is_left_alone(database: Database) -> None:
    with database.begin() as tx:
        tx.execute(sa.text("INSERT INTO schema_version (number) VALUES (9999)"))
    with pytest.raises(SchemaUnknown, match="9999"):
        migrate(database)


def test_both_engines_have_the_same_tables_columns_and_keys(database: Database) -> None:
    """What the code names exists in each: every struct's fields are columns of its table."""
    inspector = sa.inspect(database.engine)
    for table, struct in (
        ("dossier", journal.Dossier),
        ("part", journal.Part),
        ("event", journal.Event),
        ("log_entry", journal.LogEntry),
        ("work", work.Work),
        ("unit", register.Unit),
        ("client", clients.Client),
    ):
        assert {column["name"] for column in inspector.get_columns(table)} == set(struct.__struct_fields__), table
        assert inspector.get_pk_constraint(table)["constrained_columns"], table
    indexes = {index["name"]: index["unique"] for index in inspector.get_indexes("dossier")}
    assert indexes["dossier_content"]
    database.engine.dispose()


def test_a_database_that_is_away_is_said_to_be_away() -> None:
    opened = open_database("postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(DatabaseAway), opened.begin():
        pass
    with pytest.raises(DatabaseAway), opened.read():
        pass
    opened.close()


def test_a_writer_that_hangs_holds_nobody_for_ever(tmp_path: Path) -> None:
    """Another program keeps the queue's lock: whoever comes is told to come back, and is not kept waiting."""
    opened = open_database(f"sqlite:///{tmp_path / 'j.sqlite'}")
    migrate(opened)
    with (tmp_path / "j.sqlite.turn").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DatabaseAway, match="does not finish"), opened.begin():
            pass
    put_dossier(opened, "a")
    opened.close()


def test_threads_of_one_process_queue_too(tmp_path: Path) -> None:
    opened = open_database(f"sqlite:///{tmp_path / 'j.sqlite'}")
    migrate(opened)
    threads = [threading.Thread(target=put_dossier, args=[opened, f"n{n}"]) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen(opened, 0) == list(range(1, 17))
    opened.close()


def test_a_fault_of_ours_is_not_taken_for_an_absent_database(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError), database.begin() as tx:
        tx.execute(sa.text("SELECT no_such_column FROM dossier"))
    with pytest.raises((sqlite3.Error, psycopg.Error)), database.begin() as tx:
        Statement("SELECT no_such_column FROM dossier")(tx, {})


def test_what_is_in_the_rows_does_not_get_into_an_exceptions_words(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError) as raised, database.begin() as tx:
        tx.execute(sa.text("INSERT INTO alarm (id) VALUES (:name)"), {"name": "NGUYỄN VĂN MẪU"})
    assert "NGUYỄN" not in str(raised.value).splitlines()[0]
    assert "parameters: (" not in str(raised.value)


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "oracle://"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite"):
        open_database(url)
