"""Every table as rows that can move: read at one snapshot, written again into another database of either kind.

What tables there are, and which refers to which, is asked of the database itself, so that no list here can lag behind a
migration.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from storage.database import Database

# A page grows from few rows to many, so that rows of megabytes do not come by the thousand.
ROWS_FIRST: Final = 8
ROWS_MAX: Final = 2_000
PAGE_BYTES: Final = 4 * 1024 * 1024
# Which migrations were applied is told beside the rows.
_NOT_CARRIED: Final = frozenset({"schema_version"})
# Where something stands as soon as a gateway was set up or served. Others may be filled by a migration.
_LIVED_IN: Final = frozenset({"client", "unit", "dossier", "event", "statement", "fact_word", "proof"})

Row = list[object]


class Table(Struct, frozen=True):
    """A table: its columns in order, its primary key, and which columns hold yes or no (in SQLite: 1 or 0)."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    booleans: frozenset[int]


@contextmanager
def snapshot(database: Database) -> Iterator[sa.Connection]:
    """A look at everything as one commit left it, however long it lasts; others may write. Raises `DatabaseAway`."""
    with database.read() as tx:
        if database.dialect == "postgresql":
            tx.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield tx


def names(tx: sa.Connection) -> list[str]:
    """Every table that is carried, each after those that it refers to."""
    found = [name for name, _ in sa.inspect(tx).get_sorted_table_and_fkc_names() if name is not None]
    return [name for name in found if name not in _NOT_CARRIED and not name.startswith("sqlite_")]


def tables(tx: sa.Connection) -> list[Table]:
    """The same with their columns."""
    inspector = sa.inspect(tx)
    found = []
    for name in names(tx):
        columns = inspector.get_columns(name)
        key = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
        if not key:
            raise LookupError(f"table {name} has no primary key")
        booleans = frozenset(at for at, column in enumerate(columns) if isinstance(column["type"], sa.Boolean))
        found.append(Table(name, tuple(column["name"] for column in columns), key, booleans))
    return found


def rows(tx: sa.Connection, table: Table) -> Iterator[Row]:
    """Every row, in the order of the primary key, a page at a time."""
    listed, ordered = ", ".join(table.columns), ", ".join(table.key)
    at = [table.columns.index(name) for name in table.key]
    after = f"({ordered}) > ({', '.join(':' + name for name in table.key)})"
    first = Statement(f"SELECT {listed} FROM {table.name} ORDER BY {ordered} LIMIT :rows_wanted")  # noqa: S608 - names are ours
    following = Statement(
        f"SELECT {listed} FROM {table.name} WHERE {after} ORDER BY {ordered} LIMIT :rows_wanted"  # noqa: S608 - names are ours
    )
    wanted = ROWS_FIRST
    page = first(tx, {"rows_wanted": wanted})
    while page:
        size_bytes = 0
        for told in page:
            row = list(told)
            for place in table.booleans:
                row[place] = None if row[place] is None else bool(row[place])
            size_bytes += sum(len(value) for value in row if isinstance(value, bytes | str))
            yield row
        if len(page) < wanted:
            return
        fitting = PAGE_BYTES * len(page) // max(size_bytes, 1)
        wanted = max(1, min(fitting, wanted * 4, ROWS_MAX))
        last = {name: page[-1][place] for name, place in zip(table.key, at, strict=True)}
        page = following(tx, last | {"rows_wanted": wanted})


def lived_in(tx: sa.Connection) -> str | None:
    """The name of a table by which a gateway was set up or served here; None in a database that is as good as new."""
    for name in sorted(_LIVED_IN.intersection(sa.inspect(tx).get_table_names())):
        if tx.execute(sa.text(f"SELECT 1 FROM {name} LIMIT 1")).first():  # noqa: S608 - names are ours
            return name
    return None


def drop(tx: sa.Connection) -> None:
    """Take away every table, with whatever stands in it."""
    known = sa.MetaData()
    with warnings.catch_warnings():
        # It cannot read what an index over an expression is; the index goes with its table.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        known.reflect(tx)
    known.drop_all(tx)


def forget_first_rows(tx: sa.Connection) -> None:
    """Take away what migrations put into a new database, before it is filled."""
    for name in reversed(names(tx)):
        tx.execute(sa.text(f"DELETE FROM {name}"))  # noqa: S608 - names are ours


def insert(tx: sa.Connection, table: str, columns: Sequence[str], page: Iterable[Row]) -> None:
    """Write rows into a table; `columns` says what stands in them, in order."""
    listed = ", ".join(columns)
    statement = Statement(f"INSERT INTO {table} ({listed}) VALUES ({', '.join(':' + name for name in columns)})")  # noqa: S608 - names are ours
    statement.many(tx, [dict(zip(columns, row, strict=True)) for row in page])
