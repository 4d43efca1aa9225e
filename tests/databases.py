"""A migrated database of the test's own, on each engine; and rows to put into it."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.settle import Stores
from signing.keyring import Keyring
from signing.seal import create_seal_key
from storage import journal, work
from storage.cipher import Cipher, create_master_key
from storage.database import Database, open_database
from storage.migrations import migrate
from storage.vaults import open_vault

ENGINES = ("sqlite", "postgresql")


def engine_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.sqlite'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def migrated_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database with today's schema and nothing in it."""
    if engine == "sqlite":
        return f"sqlite:///{lay_migrated(tmp_path / 'journal.sqlite')}"
    url: str = request.getfixturevalue("postgres_migrated_url")
    return url


def lay_migrated(path: Path) -> Path:
    """Lay an SQLite database with today's schema there: a copy of the run's own takes a twentieth of migrating."""
    path.write_bytes(_migrated())
    path.chmod(0o600)
    return path


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.sqlite"
        opened = open_database(f"sqlite:///{path}")
        migrate(opened)
        opened.close()
        return path.read_bytes()


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each engine."""
    return engine_url(request.param, tmp_path, request)


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with today's schema and nothing in it, once for each engine."""
    return migrated_url(request.param, tmp_path, request)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """That database, open."""
    opened = open_database(database_url)
    yield opened
    opened.close()


def stores_on(database: Database, folder: Path) -> Stores:
    """Stores on that database, with a vault and keys of their own in the folder."""
    if not (folder / "master.key").exists():
        create_master_key(folder / "master.key")
        create_seal_key(folder / "seal.pem")
        (folder / "vault").mkdir()
    return Stores(
        database=database,
        vault=open_vault(f"file:{folder / 'vault'}"),
        cipher=Cipher.load(folder / "master.key"),
        seal=Keyring.open(folder / "seal-keys.json", folder / "seal.pem", datetime(2026, 1, 1, tzinfo=UTC)),
        gateway_unit="G00.01",
    )


def a_dossier(name: str, seq: int, **changes: object) -> journal.Dossier:
    """A dossier row of that name; everything else is plausible."""
    fields: dict[str, object] = {
        "id": f"d-{name}",
        "seq": seq,
        "state": "accepted",
        "sha256": hashlib.sha256(name.encode()).digest(),
        "size_bytes": 10,
        "channel": "api",
        "procedure": "600",
        "procedure_version": "600@2025-07-01",
        "unit": "TS12345",
        "tax_code": "0101234565",
        "period": "11/2026",
        "batch": 1,
        "follows": None,
        "submitter": "employer-1",
        "received_at_us": 1,
        "due_at_us": None,
        "competent_office": "07906",
        "statement_number": f"G00.01-20261122-{name}",
        "statement": "a.b.c",
        "report": "{}",
        "pack": "pack",
        "pack_offset": 0,
        "pack_length": 10,
        "wrapped_key": b"key",
    }
    return journal.Dossier(**(fields | changes))


def an_event(dossier: journal.Dossier, seq: int, fact: str = "accepted") -> journal.Event:
    return journal.Event(
        seq=seq,
        dossier=dossier.id,
        type=fact,
        at_us=1,
        actor="gateway",
        detail="{}",
        unit=dossier.unit,
        submitter=dossier.submitter,
        office=dossier.competent_office,
    )


def put_dossier(database: Database, name: str, **changes: object) -> journal.Dossier:
    """Accept a dossier and offer it to its office, as the line does."""
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        seq = turn.next()
        dossier = a_dossier(name, seq, **changes)
        journal.enter(tx, [dossier], [], [an_event(dossier, seq)], [])
        work.offer(
            tx,
            [
                work.Work(
                    dossier=dossier.id,
                    offered_seq=seq,
                    office=dossier.competent_office,
                    state="offered",
                    due_at_us=None,
                    attempt=0,
                    lease=None,
                    holder=None,
                    lease_until_us=None,
                )
            ],
        )
        journal.end_turn(tx, turn)
    return dossier
