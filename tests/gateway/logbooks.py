"""Logs for tests: on a database of the test's own, with leaves to put into it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.config import Settings
from gateway.logbook import Logbook, open_log
from signing.keyring import Keyring
from signing.note import open_checkpoint, read_vkey
from signing.seal import create_seal_key
from storage import journal, log, log_rows
from storage.database import Database

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class Kept:
    """A gateway's home as far as its log goes."""

    def __init__(self, database: Database, home: Path) -> None:
        self.database, self.home = database, home
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "log.pem").exists():
            create_seal_key(home / "log.pem", "Ed25519")
            create_seal_key(home / "seal.pem")
        self.settings = Settings(home=str(home), public_url="https://cong.example.vn")
        self.seal = Keyring.open(home / "seal-keys.json", home / "seal.pem", datetime(2026, 1, 1, tzinfo=UTC))

    def open(self, now: datetime = NOW) -> Logbook:
        """A worker's log."""
        book = open_log(self.settings, self.database, self.seal, now)
        assert book is not None
        return book

    def put(self, count: int, salt: str = "") -> list[bytes]:
        """Commit leaves as the line does."""
        with self.database.begin() as tx:
            turn = journal.take_turn(tx)
            leaves = [
                journal.LogEntry(seq := turn.next(), hashlib.sha256(f"{salt}{seq}".encode()).digest())
                for _ in range(count)
            ]
            journal.enter_leaves(tx, leaves)
            journal.end_turn(tx, turn)
        return [one.leaf for one in leaves]

    def origin(self) -> log_rows.Origin:
        with self.database.read() as tx:
            found = log_rows.current(tx)
        assert found is not None
        return found

    def heads(self, number: int | None = None) -> list[log_rows.SignedHead]:
        with self.database.read() as tx:
            return log_rows.heads(tx, number or log_rows.origins(tx)[-1].number, 0, 10_000)

    def check(self) -> int:
        """The newest checkpoint holds for an outsider who has the leaves; returns its size."""
        origin = self.origin()
        with self.database.read() as tx:
            leaves = [leaf for _, leaf in log_rows.leaves(tx, origin.after_seq, 2**63 - 1, 10**6)]
            newest = log_rows.newest(tx, origin.number)
        assert newest is not None
        signed = open_checkpoint(newest.note, read_vkey(origin.vkey))
        size, root, _ = log.extended(0, leaves[: signed.size], {})
        assert (signed.size, signed.root) == (size, root)
        return size


def publish(book: Logbook, now: datetime = NOW) -> None:
    """Work off all that waits."""
    while book.publish(now):
        pass


@contextmanager
def rolled_back(database: Database) -> Iterator[None]:
    """What is done inside is taken back, as a restore of an older copy would: the log's tables and the journal's."""
    tables = ("log_origin", "log_tile", "checkpoint", "log_entry", "statement", "ordinal", "alarm")
    with database.read() as tx:
        before = {name: tx.exec_driver_sql(f"SELECT * FROM {name}").fetchall() for name in tables}
    yield
    with database.begin() as tx:
        for name in ("log_tile", "checkpoint", "log_origin", "log_entry", "statement", "ordinal", "alarm"):
            tx.exec_driver_sql(f"DELETE FROM {name}")
        for name in tables:
            mark = "%s" if database.dialect == "postgresql" else "?"
            for row in before[name]:
                marks = ", ".join([mark] * len(row))
                tx.exec_driver_sql(f"INSERT INTO {name} VALUES ({marks})", tuple(row))
