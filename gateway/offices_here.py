"""Which table of offices is in force here, for a command that works beside the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import office_tables as signed
from gateway.cli_terms import CannotWork
from gateway.clock import VIETNAM
from gateway.opened import open_if_there
from gateway.routing import OfficeTable
from gateway.seals import open_seal
from storage import office_tables

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.config import Settings
    from storage.database import Database


def base_here(settings: Settings) -> OfficeTable:
    """The table where none was put in force: the settings' file, or what comes with motcua. Raises OfficesMistaken."""
    return OfficeTable.load(settings.path("offices", "") if settings.offices else None)


def table_here(settings: Settings, now: datetime, wanted: str = "") -> OfficeTable:
    """The table in force, or the one of that version (a number) or name. Raises `CannotWork`, TableForged,
    OfficesMistaken, `DatabaseAway`.
    """
    base = base_here(settings)
    if wanted == base.version:
        return base
    database = open_if_there(settings)
    if database is None:
        if wanted in ("", "1"):
            return base
        raise CannotWork(f"không có bảng {wanted} · there is no table {wanted}")
    try:
        found = _look(settings, database, now, wanted)
    finally:
        database.close()
    if found is None and wanted:
        raise CannotWork(f"không có bảng {wanted}: xem · see: motcua office tables")
    return found or base


def _look(settings: Settings, database: Database, now: datetime, wanted: str) -> OfficeTable | None:
    if not wanted and office_tables.last_use(database) == 0:
        return None
    seal = open_seal(settings, now, keep=False, to_seal=False)
    if wanted:
        return signed.find_table(database, signed.keys_of(seal, now, compromised=True), wanted)
    return signed.in_force(database, signed.keys_of(seal, now), now.astimezone(VIETNAM).date())
