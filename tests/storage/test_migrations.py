"""A database that lived under the first schema becomes the same as a fresh one, and its rows mean the same."""

import sqlite3
from pathlib import Path

import msgspec
import psycopg
import pytest
import sqlalchemy as sa

from gateway.api import views
from storage import journal
from storage.database import Database, open_database
from storage.migrations import available, migrate
from tests.databases import ENGINES, a_dossier

EVERYTHING = journal.Scope(everything=True)
LATER = ("media_type", "judgement_number", "judgement", "judged_at_us", "erased_at_us", "purpose", "about")
REPORT = '{"signatures":[],"findings":[]}'


@pytest.fixture(params=ENGINES)
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Two empty databases of one engine; on PostgreSQL the second is a schema of its own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'old.sqlite'}", f"sqlite:///{tmp_path / 'fresh.sqlite'}"
    url = str(request.getfixturevalue("postgres_url"))
    return url, url


def schema_of(database: Database, number: int) -> None:
    """The schema as a program that knew only the first migrations left it."""
    with database.begin() as tx:
        tx.exec_driver_sql("CREATE TABLE schema_version (number BIGINT PRIMARY KEY)")
        for step, script in available()[:number]:
            for statement in script.split(";\n"):
                if statement.strip():
                    tx.exec_driver_sql(statement)
            tx.execute(sa.text("INSERT INTO schema_version (number) VALUES (:number)"), {"number": step})


def first_schema(database: Database) -> None:
    schema_of(database, 1)


def put_as_then(database: Database, dossier: journal.Dossier) -> None:
    row = {name: value for name, value in msgspec.structs.asdict(dossier).items() if name not in LATER}
    names = ", ".join(row)
    values = ", ".join(":" + name for name in row)
    with database.begin() as tx:
        tx.execute(sa.text(f"INSERT INTO dossier ({names}) VALUES ({values})"), row)


def shape(database: Database) -> list[tuple[object, ...]]:
    if database.dialect == "sqlite":
        looks = ["SELECT type, name, tbl_name, sql FROM sqlite_master"]
    else:
        looks = [
            (
                "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
                " WHERE table_schema = 'public'"
            ),
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
            (
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace"
            ),
        ]
    with database.read() as tx:
        return sorted((tuple(row) for look in looks for row in tx.exec_driver_sql(look)), key=repr)


def emptied(database: Database) -> None:
    if database.dialect == "postgresql":
        with database.begin() as tx:
            tx.exec_driver_sql("DROP SCHEMA public CASCADE")
            tx.exec_driver_sql("CREATE SCHEMA public")


def old_rows() -> list[journal.Dossier]:
    nowhere = {"state": "refused", "pack": None, "pack_offset": None, "pack_length": None, "wrapped_key": None}
    sha256 = a_dossier("accepted", 1).sha256
    return [
        a_dossier("accepted", 1, report=REPORT),
        a_dossier("refused-1", 2, report=REPORT, sha256=sha256, **nowhere),
        a_dossier("refused-2", 3, report=REPORT, sha256=sha256, **nowhere),
    ]


def test_a_migrated_database_is_as_a_fresh_one(urls: tuple[str, str]) -> None:
    old = open_database(urls[0])
    first_schema(old)
    for row in old_rows():
        put_as_then(old, row)
    assert migrate(old) == [number for number, _ in available()][1:]
    assert migrate(old) == []
    migrated = shape(old)
    emptied(old)
    old.close()
    fresh = open_database(urls[1])
    assert migrate(fresh) == [number for number, _ in available()]
    assert shape(fresh) == migrated
    assert len(migrated) > 30
    fresh.close()


def test_what_was_kept_before_means_the_same_after(urls: tuple[str, str]) -> None:
    database = open_database(urls[0])
    first_schema(database)
    kept = old_rows()
    for row in kept:
        put_as_then(database, row)
    migrate(database)
    with database.read() as tx:
        for row in kept:
            found = journal.dossier(tx, row.id, EVERYTHING)
            assert found == row
            shown = views.dossier_shown(found, journal.parts(tx, row.id), "vi")
            assert (shown.dossier, shown.state) == (row.id, row.state)
        page = views.dossier_page(journal.dossiers(tx, EVERYTHING, journal.Filter(), 0, 10), 0, {})
        assert len(page.dossiers) == 3
        assert [one.id for one in journal.refusals(tx, kept[0].sha256, EVERYTHING)] == [kept[2].id, kept[1].id]
    assert journal.is_accepted(database, kept[0].sha256)
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)), database.begin() as tx:
        journal.enter(tx, [a_dossier("twin", 4, sha256=kept[0].sha256)], [], [], [])
    database.close()


@pytest.mark.parametrize("number", range(2, len(available())))
def test_every_earlier_schema_becomes_the_same_as_a_fresh_one(urls: tuple[str, str], number: int) -> None:
    old = open_database(urls[0])
    schema_of(old, number)
    assert migrate(old) == [step for step, _ in available()][number:]
    migrated = shape(old)
    emptied(old)
    old.close()
    fresh = open_database(urls[1])
    migrate(fresh)
    assert shape(fresh) == migrated
    fresh.close()


def test_a_migration_that_breaks_half_way_leaves_what_was_there_and_can_be_run_again(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(urls[0])
    first_schema(database)
    before = shape(database)
    broken = [*available()[:2], (3, "CREATE TABLE half_way (id BIGINT);\nALTER TABLE nowhere ADD COLUMN id BIGINT")]
    with monkeypatch.context() as patched:
        patched.setattr("storage.migrations.available", lambda: broken)
        with pytest.raises((sa.exc.OperationalError, sa.exc.ProgrammingError)):
            migrate(database)
    assert shape(database) == before
    assert migrate(database) == [number for number, _ in available()][1:]
    database.close()
