"""The database behind the journal: one engine, two dialects, one writer at a time.

SQLite (WAL, synchronous FULL) is the embedded default, PostgreSQL the real thing. A write transaction is taken with
`begin`, a consistent look with `read`; rooms are handed the open connection (`tx`) and never commit.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

CONNECT_TIMEOUT_S = 3
# How long a writer waits for its turn before the caller is told to come back.
TURN_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 20
# How often a waiting writer looks: well below the time of one commit, well above the cost of a look.
TURN_LOOK_S = 0.0003
POOL_CONNECTIONS_MAX = 8
# A server that says nothing for so long is given up by the kernel.
SILENT_MS_MAX = 15_000

# What means "not now": busy, locked, read-only, no room, no file, no memory (https://sqlite.org/rescode.html) …
_SQLITE_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
# … connection, resources, operator's hand, rollback, read-only after a failover (PostgreSQL, Appendix A).
_SQLSTATE_CLASSES_AWAY = frozenset({"08", "53", "57", "58", "40"})
_SQLSTATES_AWAY = frozenset({"55P03", "25006", "25P03", "3D000", "28000", "28P01"})


class DatabaseAway(Exception):
    """The database cannot be reached, is full, or did not give us our turn in time.

    Nothing of the transaction was kept as far as we know; a commit whose answer was lost may have been kept, so trying
    again must go by the digest. Trying again is safe.
    """


class TextUnfit(Exception):
    """A text holds a NUL, which no text of PostgreSQL may. Nothing was kept; trying again is of no use."""


_LIMITS = f"SET LOCAL lock_timeout = '{TURN_TIMEOUT_S}s'; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'"
_INSERT_OF_A_ROW = re.compile(
    r"(?P<into>INSERT INTO \w+ \([\w, ]+\) VALUES )\((?P<row>(?::\w+(?:, )?)+)\)(?P<after>[^:%]*)"
)
# A statement of PostgreSQL's takes so many values (its protocol counts them in 16 bits).
PARAMETERS_MAX = 65_535
_NAME = re.compile(r"(?<!:):(\w+)")


class Statement:
    """A statement of the hot path, written once with :names and handed to the driver past the toolkit's layers.

    The toolkit's own execution costs more than SQLite takes for the whole statement. Its connections and transactions
    are used all the same.
    """

    def __init__(self, sql: str) -> None:
        self.sql = {"sqlite": sql, "postgresql": _NAME.sub(r"%(\1)s", sql.replace("%", "%%"))}
        self._insert = _INSERT_OF_A_ROW.fullmatch(sql)

    def __call__(self, tx: sa.Connection, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run it once and return its rows."""
        rows: list[tuple[Any, ...]] = _driver(tx).execute(self.sql[tx.dialect.name], values).fetchall()
        return rows

    def many(self, tx: sa.Connection, rows: Sequence[Mapping[str, object]]) -> None:
        """Run it for each row."""
        if not rows:
            return
        if self._insert is not None and tx.dialect.name == "postgresql":
            self._insert_together(tx, rows)
        else:
            _driver(tx).cursor().executemany(self.sql[tx.dialect.name], rows)

    def _insert_together(self, tx: sa.Connection, rows: Sequence[Mapping[str, object]]) -> None:
        """One statement for all rows: a server reads and plans each that it is sent."""
        assert self._insert is not None
        into, names, after = self._insert["into"], _NAME.findall(self._insert["row"]), self._insert["after"]
        row = f"({', '.join(['%s'] * len(names))})"
        at_once_max = PARAMETERS_MAX // len(names)
        for start in range(0, len(rows), at_once_max):
            some = rows[start : start + at_once_max]
            values = [one[name] for one in some for name in names]
            _driver(tx).execute(f"{into}{', '.join([row] * len(some))}{after}", values)


def _driver(tx: sa.Connection) -> Any:
    return tx.connection.driver_connection


class Database:
    """An open database. `inline` says that a transaction is short enough to run in the event loop."""

    def __init__(self, engine: sa.Engine, turnstile: Turnstile | None) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self.inline = self.dialect == "sqlite"
        self._turnstile = turnstile
        self._lookers: _Lookers | _ServerLookers = (
            _Lookers(engine.url.database or "") if self.inline else _ServerLookers(engine)
        )
        self._errors = _errors_of(self.dialect)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A write transaction: committed when the block ends, rolled back when it raises.

        SQLite's writers queue at a lock of ours and look often, where SQLite itself would sleep for long. Raises
        `DatabaseAway`.
        """
        with self._translated(), self._turnstile or nullcontext(), self.engine.connect() as tx:
            tx.execution_options(motcua_write=True)
            with tx.begin():
                yield tx

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent look that changes nothing. Raises `DatabaseAway`."""
        with self._translated(), self.engine.connect() as tx:
            yield tx

    def look(self, statement: Statement, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run one reading statement by itself: what the hot path asks before it judges. Raises `DatabaseAway`."""
        with self._translated():
            return self._lookers.ask(statement.sql[self.dialect], values)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.TimeoutError as error:
            raise DatabaseAway("no connection is free") from error
        except Exception as error:
            told = error.orig if isinstance(error, exc.DBAPIError) else error
            if isinstance(told, self._errors) and _is_away(told):
                raise DatabaseAway(_reason(told)) from error
            if "NUL (0x00)" in str(told):
                raise TextUnfit("NUL") from error
            raise

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()
        self._lookers.close()
        if self._turnstile is not None:
            self._turnstile.close()


class _ServerLookers:
    """Connections to a server that only read, each statement by itself, one for each thread and kept open.

    Fetching one from the pool, and giving it back as it was, takes more time than the look.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._local = threading.local()
        self._opened: list[Any] = []

    def ask(self, sql: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        connection = getattr(self._local, "connection", None) or self._connect()
        try:
            rows: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
        except Exception:
            if not connection.closed:
                raise
        else:
            return rows
        # The server ended it, or another server took its place: a look may be had twice. What lies in the pool ended
        # with it.
        self._engine.dispose()
        again: list[tuple[Any, ...]] = self._connect().execute(sql, values).fetchall()
        return again

    def _connect(self) -> Any:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        assert connection is not None
        connection.autocommit = True
        self._opened = [one for one in self._opened if not one.closed]
        self._opened.append(connection)
        self._local.connection = connection
        return connection

    def close(self) -> None:
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()


def _errors_of(dialect: str) -> tuple[type[Exception], ...]:
    """What the driver raises. PostgreSQL's is loaded only where it is used: it takes 9 MB a process."""
    if dialect == "sqlite":
        return (sqlite3.Error,)
    import psycopg  # noqa: PLC0415

    return (psycopg.Error,)


def _is_away(error: BaseException) -> bool:
    """Whether the database could not do its work now; anything else is a fault of ours or of one row."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in _SQLITE_AWAY
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        # No word from the server: the connection failed.
        return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)
    return state in _SQLSTATES_AWAY or state[:2] in _SQLSTATE_CLASSES_AWAY


def _reason(error: BaseException) -> str:
    """The first line of what the database said; the lines after it may tell a row's content."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class Turnstile:
    """Where SQLite's writers queue: one thread of one process passes at a time, and nobody waits for ever."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # The kernel's lock belongs to the open file, which all threads of this process share.
        self._threads = threading.Lock()

    def __enter__(self) -> None:
        if not self._threads.acquire(timeout=TURN_TIMEOUT_S):
            raise DatabaseAway("another writer of this process does not finish")
        try:
            self._queue()
        except BaseException:
            self._threads.release()
            raise

    def _queue(self) -> None:
        for _ in range(int(TURN_TIMEOUT_S / TURN_LOOK_S)):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(TURN_LOOK_S)
            else:
                return
        raise DatabaseAway("another writer does not finish")

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        """Leave the queue for good."""
        os.close(self._file)


class _Lookers:
    """SQLite connections that only read, one for each thread, kept open: opening one costs as much as fifty looks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    def ask(self, sql: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        return self._mine().execute(sql, values).fetchall()

    def _mine(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=TURN_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
            self._opened.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()


def open_database(url: str, password: str | None = None) -> Database:
    """Open `sqlite:///path` or `postgresql://…` (driver psycopg 3). Does not migrate; raises ValueError for others."""
    target = make_url(url)
    if password is not None:
        target = target.set(password=password)
    if target.get_backend_name() == "sqlite":
        return _open_sqlite(target)
    if target.get_backend_name() == "postgresql":
        return _open_postgresql(target)
    raise ValueError(f"neither sqlite nor postgresql: {target.get_backend_name()}")


def _open_sqlite(target: sa.URL) -> Database:
    if not target.database:
        raise ValueError("an SQLite database needs a file: sqlite:///path")
    path = Path(target.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        target,
        connect_args={"check_same_thread": False, "timeout": TURN_TIMEOUT_S},
        pool_size=POOL_CONNECTIONS_MAX,
        pool_timeout=TURN_TIMEOUT_S,
        # What is in the rows is nobody's business in a log.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # The driver's own BEGIN is late and deferred; we say ourselves when a transaction starts.
        connection.isolation_level = None
        # What is deleted or replaced is overwritten with zeros: the key to an erased dossier must not stay behind.
        pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "secure_delete=ON")
        for pragma in pragmas:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("motcua_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return Database(engine, Turnstile(path.with_name(path.name + ".turn")))


def _open_postgresql(target: sa.URL) -> Database:
    engine = sa.create_engine(
        target.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "motcua",
            # A pooler between us and the server may give every transaction another session, which knows no statement
            # that was prepared in an earlier one.
            "prepare_threshold": None,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": SILENT_MS_MAX,
        },
        pool_size=POOL_CONNECTIONS_MAX,
        pool_timeout=TURN_TIMEOUT_S,
        hide_parameters=True,
    )

    @event.listens_for(engine, "begin")
    def _limit(connection: sa.Connection) -> None:
        # For this transaction alone: what is set for a session would be lost, or another's, behind a pooler.
        connection.exec_driver_sql(_LIMITS)

    return Database(engine, None)
