"""What a command that works beside the gateway opens: the database, known to be migrated, and the tables in force."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.app import open_tables, open_the_database
from gateway.deadlines import Calendar
from gateway.judge import Tables
from gateway.routing import OfficeTable
from gateway.start import SchemaMissing
from schemas.catalogue import Catalogue
from signing.trust import TrustStore, TrustUnusable
from signing.verify import Policy
from storage.migrations import migrate, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.config import Settings
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


def open_tables_at_least(settings: Settings) -> Tables:
    """The tables in force; where nothing is trusted yet, with a store that trusts nobody."""
    try:
        return open_tables(settings)
    except TrustUnusable:
        folder = settings.path("trust", "trust")
        if folder.is_dir() and any(folder.iterdir()):
            raise
    return Tables(
        catalogue=Catalogue.load(),
        policy=Policy(),
        trust=TrustStore(()),
        offices=OfficeTable.load(settings.path("offices", "") if settings.offices else None),
        calendar=Calendar.load(),
        receiving_office=settings.receiving_office,
    )
