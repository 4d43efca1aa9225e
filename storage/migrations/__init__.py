"""Numbered steps from an empty database to today's: each file once, in order, in one transaction."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Collection

    from storage.database import Database


class SchemaUnknown(Exception):
    """The database was migrated by a newer motcua. Trying again is of no use; run the newer program."""


def available() -> list[tuple[int, str]]:
    """The numbered migrations that this program carries: (number, SQL), in order."""
    names = sorted(entry.name for entry in files(__name__).iterdir() if entry.name.endswith(".sql"))
    return [(int(name[:4]), files(__name__).joinpath(name).read_text("utf-8")) for name in names]


def migrate(database: Database) -> list[int]:
    """Bring the database to today's schema; returns the numbers applied now. Running it again changes nothing.

    Several gateways may start at once: the first takes the write lock, the others find nothing left to do.
    """
    with database.begin() as tx:
        return apply(tx)


def apply(tx: sa.Connection, only: Collection[int] | None = None) -> list[int]:
    """The same inside a transaction of the caller's; with `only`, no others than these: so an older schema is made.

    Raises `SchemaUnknown`, also when one of `only` is not known.
    """
    applied: list[int] = []
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text("SELECT pg_advisory_xact_lock(60001)"))
    tx.execute(sa.text("CREATE TABLE IF NOT EXISTS schema_version (number BIGINT PRIMARY KEY)"))
    held = set(tx.execute(sa.text("SELECT number FROM schema_version")).scalars())
    steps = available()
    if unknown := held.union(only or ()) - {number for number, _ in steps}:
        raise SchemaUnknown(f"this database knows migration {max(unknown)}, this program does not")
    for number, script in steps:
        if number in held or (only is not None and number not in only):
            continue
        for statement in script.split(";\n"):
            if statement.strip():
                tx.exec_driver_sql(statement)
        tx.execute(sa.text("INSERT INTO schema_version (number) VALUES (:number)"), {"number": number})
        applied.append(number)
    return applied


def present(tx: sa.Connection) -> list[int]:
    """The numbers that were applied, in order; none in an empty database."""
    if not sa.inspect(tx).has_table("schema_version"):
        return []
    return sorted(tx.execute(sa.text("SELECT number FROM schema_version")).scalars())


def missing(database: Database) -> list[int]:
    """The numbers not applied yet: all of them in an empty database."""
    with database.read() as tx:
        held = present(tx)
    return [number for number, _ in available() if number not in held]
