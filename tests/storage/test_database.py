"""The database's connections after its server went away and came back."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.database import Database, Statement, TextUnfit, open_database
from tests.databases import engine_url

ONE = Statement("SELECT 1 AS one")
IN_THE_POOL = 5


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    opened = open_database(engine_url("postgresql", tmp_path, request))
    yield opened
    opened.close()


def test_a_look_is_had_though_every_connection_was_ended_meanwhile(server: Database):
    assert server.look(ONE, {}) == [(1,)]
    with ExitStack() as held:
        for _ in range(IN_THE_POOL):
            held.enter_context(server.read()).execute(sa.text("SELECT 1"))
    with server.read() as tx:
        ended = tx.execute(
            sa.text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND application_name = 'motcua' AND datname = current_database()"
            )
        ).scalar_one()
    assert ended == IN_THE_POOL
    assert server.look(ONE, {}) == [(1,)]


def test_a_text_that_postgresql_cannot_hold_is_told_as_such(postgres_migrated_url: str):
    database = open_database(postgres_migrated_url)
    try:
        with pytest.raises(TextUnfit), database.begin() as tx:
            tx.execute(sa.text("UPDATE ordinal SET value = 1 WHERE name = :name"), {"name": "a\0b"})
    finally:
        database.close()
