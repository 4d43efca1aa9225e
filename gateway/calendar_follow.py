"""A running gateway follows the operator's tables of the calendar: what staff import counts within a minute."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from gateway.deadlines import Calendar, CalendarMistaken

if TYPE_CHECKING:
    from gateway.house import House

_LOG = logging.getLogger("motcua.calendar")


async def follow_calendar(house: House) -> None:
    """Take the operator's tables into force if they differ from those in force; tables that contradict themselves are
    told of in the log, and those in force stay. Every worker does this for itself.
    """
    if not house.settings.calendar:
        return
    try:
        fresh = await house.run_apart(Calendar.load, Path(house.settings.calendar))
    except CalendarMistaken as mistake:
        _LOG.warning("the calendar stays as it is: %s", mistake)
        return
    if fresh.version != house.tables.calendar.version:
        # Nothing is awaited between the look and the change: what others put into the tables meanwhile is kept.
        house.intake.tables = structs.replace(house.tables, calendar=fresh)
        _LOG.warning("the calendar in force is now %s", fresh.version)
