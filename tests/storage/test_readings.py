"""The readings of a dossier: each once, numbered in commit order, never changed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from storage import readings
from storage.database import Database
from storage.readings import Reading
from tests.databases import database, database_url, put_dossier

__all__ = ["database", "database_url"]


def a_reading(name: str, dossier: str = "d-a", client: str = "office-1") -> Reading:
    return Reading(
        id=f"v-{name}", dossier=dossier, at_us=7, client=client, role="office", what="content", why="work",
        correlation=f"c-{name}",
    )  # fmt: skip


def record(database: Database, *written: Reading) -> list[Reading]:
    with database.begin() as tx:
        return [readings.record(tx, one) for one in written]


def of(database: Database, dossier: str = "d-a", after: int = 0, limit: int = 100, **more: str) -> list[Reading]:
    with database.read() as tx:
        return readings.of(tx, dossier, after, limit, **more)


def test_a_reading_is_kept_under_its_dossiers_next_number(database: Database) -> None:
    put_dossier(database, "a")
    put_dossier(database, "b")
    written = record(database, a_reading("1"), a_reading("2", "d-b"), a_reading("3"))
    assert [one.number for one in written] == [1, 1, 2]
    assert of(database) == [written[0], written[2]]
    assert of(database, "d-b") == [written[1]]
    assert of(database, "d-none") == []
    assert (written[0].what, written[0].why, written[0].correlation) == ("content", "work", "c-1")


def test_pages_follow_the_numbers_and_are_bounded(database: Database) -> None:
    put_dossier(database, "a")
    written = record(database, *(a_reading(f"{n:03}") for n in range(readings.READINGS_A_PAGE_MAX + 5)))
    assert of(database, limit=2) == written[:2]
    assert of(database, after=2, limit=2) == written[2:4]
    whole = of(database, limit=10**9)
    assert whole == written[: readings.READINGS_A_PAGE_MAX]
    assert of(database, after=whole[-1].number) == written[readings.READINGS_A_PAGE_MAX :]


def test_one_clients_readings_can_be_asked_for_alone(database: Database) -> None:
    put_dossier(database, "a")
    written = record(database, a_reading("1"), a_reading("2", client="employer-1"), a_reading("3"))
    assert of(database, client="office-1") == [written[0], written[2]]
    assert of(database, after=1, client="office-1") == [written[2]]
    assert of(database, client="nobody") == []


def test_many_at_once_get_numbers_without_gaps(database: Database) -> None:
    put_dossier(database, "a")
    start = threading.Barrier(6)

    def read(name: int) -> int:
        start.wait()
        return record(database, a_reading(str(name)))[0].number

    with ThreadPoolExecutor(6) as threads:
        numbers = list(threads.map(read, range(6)))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    assert [one.number for one in of(database)] == [1, 2, 3, 4, 5, 6]


def test_a_reading_that_was_rolled_back_leaves_no_number_behind(database: Database) -> None:
    put_dossier(database, "a")

    def fail_after_recording() -> None:
        with database.begin() as tx:
            readings.record(tx, a_reading("1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_recording()
    assert [one.number for one in record(database, a_reading("1"))] == [1]


def test_a_dossier_is_in_hand_when_its_work_is_leased_or_done(database: Database) -> None:
    put_dossier(database, "a")
    put_dossier(database, "b")
    for state, is_held in (("offered", False), ("leased", True), ("done", True), ("dead", False)):
        with database.begin() as tx:
            tx.execute(sa.text("UPDATE work SET state = :state WHERE dossier = 'd-a'"), {"state": state})
            assert readings.is_in_hand(tx, "d-a") is is_held
            assert not readings.is_in_hand(tx, "d-b")


def test_what_the_code_names_is_what_the_table_holds(database: Database) -> None:
    columns = {column["name"] for column in sa.inspect(database.engine).get_columns("reading")}
    assert columns == set(Reading.__struct_fields__)
    database.engine.dispose()
