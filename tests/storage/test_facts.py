"""The words about facts: who confirmed what, from when, in which order, and what counts on a day."""

import sqlite3
from datetime import date

import psycopg
import pytest
import sqlalchemy as sa

from storage import facts
from storage.database import Database
from storage.facts import Word
from tests.databases import database, database_url

__all__ = ["database", "database_url"]

DAY, EARLIER, LATER = date(2026, 3, 2), date(2026, 3, 1), date(2026, 4, 1)


def confirm(database: Database, fact: str, by: str = "Nguyễn Thị Mẫu", **more: object) -> Word:
    said: dict[str, object] = {"source": "CV 12/BHXH", "now_us": 7} | more
    with database.begin() as tx:
        return facts.confirm(tx, fact, by=by, **said)  # type: ignore[arg-type]


def withdraw(database: Database, fact: str) -> Word:
    with database.begin() as tx:
        return facts.withdraw(tx, fact, by="Trần Văn Thử", why="nhầm văn bản", now_us=9)


def in_force(database: Database, on: date = DAY, **more: int) -> list[Word]:
    with database.read() as tx:
        return facts.in_force(tx, on, **more)


def history(database: Database, fact: str | None = None) -> list[Word]:
    with database.read() as tx:
        return facts.history(tx, fact)


def test_a_confirmation_is_kept_with_name_source_and_time(database: Database) -> None:
    assert (facts.last(database), in_force(database), history(database)) == (0, [], [])
    word = confirm(database, "600c.must")
    assert word == Word(
        number=1, fact="600c.must", what="confirmed", said_by="Nguyễn Thị Mẫu", source="CV 12/BHXH", at_us=7
    )
    assert in_force(database) == history(database) == history(database, "600c.must") == [word]
    assert history(database, "600.must") == []
    assert facts.last(database) == 1


def test_the_last_word_about_each_fact_counts_and_nothing_is_lost(database: Database) -> None:
    first = confirm(database, "a")
    other = confirm(database, "b")
    assert in_force(database) == [first, other]
    gone = withdraw(database, "a")
    assert in_force(database) == [other]
    again = confirm(database, "a", by="Lê Thị Thử")
    assert in_force(database) == [again, other]
    assert history(database) == [first, other, gone, again]
    assert [one.number for one in history(database)] == [1, 2, 3, 4]
    assert (gone.what, gone.said_by, gone.source) == ("withdrawn", "Trần Văn Thử", "nhầm văn bản")


def test_a_word_counts_from_its_day_on(database: Database) -> None:
    now = confirm(database, "a")
    later = confirm(database, "a", source="CV 99/BHXH", valid_from=LATER)
    only_later = confirm(database, "b", valid_from=LATER)
    assert in_force(database, EARLIER) == in_force(database, DAY) == [now]
    assert in_force(database, LATER) == [later, only_later]
    withdraw(database, "a")
    assert in_force(database, DAY) == []
    assert in_force(database, LATER) == [only_later], "a withdrawal ends what was to begin later, too"


def test_what_was_in_force_at_a_number_can_be_told_again(database: Database) -> None:
    first = confirm(database, "a")
    other = confirm(database, "b")
    withdraw(database, "a")
    assert [in_force(database, upto=number) for number in range(4)] == [[], [first], [first, other], [other]]


def test_a_word_that_was_rolled_back_leaves_no_number_behind(database: Database) -> None:
    def fail_after_saying() -> None:
        with database.begin() as tx:
            facts.confirm(tx, "a", by="x", source="y", now_us=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_saying()
    assert facts.last(database) == 0
    assert confirm(database, "a").number == 1


@pytest.mark.parametrize("said", [{"by": ""}, {"source": ""}])
def test_nobody_confirms_without_a_name_and_a_source(database: Database, said: dict[str, str]) -> None:
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError, sa.exc.IntegrityError)):
        confirm(database, "a", **said)  # type: ignore[arg-type]
    assert history(database) == []


def test_what_the_code_names_is_what_the_table_holds(database: Database) -> None:
    inspector = sa.inspect(database.engine)
    assert {column["name"] for column in inspector.get_columns("fact_word")} == set(Word.__struct_fields__)
    database.engine.dispose()
