"""What a command that works beside the gateway opens: the database, known to be migrated."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from gateway.app import open_the_database
from gateway.facts import open_catalogue, read_confirmed
from gateway.seals import open_seal
from gateway.settle import Stores
from gateway.start import SchemaMissing
from storage import log_rows
from storage.cipher import Cipher
from storage.migrations import migrate, missing
from storage.vaults import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from gateway.config import Settings
    from schemas.catalogue import Catalogue
    from storage.database import Database


@contextmanager
def open_migrated(settings: Settings) -> Iterator[Database]:
    """The database that the settings name. An embedded one that is empty is made; others must have been migrated.

    Raises `SchemaMissing`, `DatabaseAway`; then nothing was done.
    """
    fresh = not settings.database_url and not (settings.home_path / "motcua.sqlite").exists()
    if fresh:
        settings.home_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_the_database(settings)
    try:
        if fresh:
            migrate(database)
        elif steps := missing(database):
            raise SchemaMissing(f"cơ sở dữ liệu thiếu bước {steps}: chạy `motcua migrate` · run `motcua migrate` first")
        yield database
    finally:
        database.close()


@contextmanager
def stores_beside(settings: Settings, database: Database, now: datetime) -> Iterator[Stores]:
    """The stores and the seal for a command that says something itself, on a database that is open already.

    Raises `VaultAway`, `MasterKeyUnusable`, `KeyringUnusable`, `SealKeyUnusable`; then nothing was done.
    """
    with database.read() as tx:
        # An empty database, into which something is to be restored, has no log yet.
        origin = log_rows.current(tx) if sa.inspect(tx).has_table("log_origin") else None
    vault = open_vault(settings.vault)
    try:
        yield Stores(
            database=database,
            vault=vault,
            cipher=Cipher.load(settings.path("master_key", "master.key")),
            seal=open_seal(settings, now, keep=False),
            gateway_unit=settings.gateway_unit,
            log_origin=origin.origin if origin else "",
        )
    finally:
        vault.close()


def open_if_there(settings: Settings) -> Database | None:
    """The database, if there is one here and it has been migrated: looking must not make it. Raises `DatabaseAway`."""
    if not settings.database_url and not (settings.home_path / "motcua.sqlite").exists():
        return None
    database = open_the_database(settings)
    if missing(database):
        database.close()
        return None
    return database


def catalogue_here(settings: Settings, on: date) -> Catalogue:
    """The catalogue with what operators confirmed for that day, so that it judges as the gateway here does.

    Raises CatalogueError, Misconfigured, `DatabaseAway`.
    """
    catalogue, database = open_catalogue(settings), open_if_there(settings)
    if database is None:
        return catalogue
    try:
        confirmed = read_confirmed(database, on)
    finally:
        database.close()
    return catalogue.confirming(confirmed.words, confirmed.number)
