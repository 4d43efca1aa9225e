"""The parties' door to a dossier's due date: the date in force, how it came about, when it will likely be finished."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.api.caller import scope_of
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM
from gateway.due_shown import DueShown, due_shown, is_open
from gateway.house import House
from storage import courses, halves, journal


@get("/v1/dossiers/{dossier:str}/due", summary="When a dossier is due")
async def show_due(dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]) -> DueShown:
    """The due date in force and the receipt's, the waits for supplements, the steps of the calculation in both
    languages, and an estimate of the real finish from the office's own history, which is no promise.
    """
    now, tables = house.clock.now(), house.tables
    scope = scope_of(caller, now.astimezone(VIETNAM).date())

    def look() -> DueShown:
        with house.database.read() as tx:
            found = journal.dossier(tx, dossier, scope)
            course = courses.find(tx, dossier) if found else None
            two = halves.of(tx, dossier)
        if found is None:
            raise Refused("not-found")
        durations = None
        if is_open(found):
            office = course.office if course else found.competent_office
            durations = house.estimates.of(office, found.procedure, tables.calendar, now)
        return due_shown(found, course, tables, durations, now, two)

    return await house.run_apart(look)


HANDLERS = [show_due]
