"""The doors of public tracking: by receipt number and code, as JSON and as a page; and the code, for the parties."""

from typing import Annotated, Final

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from gateway.api.caller import require, scope_of
from gateway.api.problems import Refused
from gateway.callers import BudgetSpent, Caller
from gateway.clock import VIETNAM
from gateway.house import House
from gateway.track import NotTracked, Tracked
from gateway.track_code import shown, tracking_code
from gateway.track_page import HEADERS, Trouble, page
from storage import journal

_NO_STORE: Final = {"cache-control": "no-store"}
_NUMBER_CHARACTERS_MAX: Final = 100
_CODE_CHARACTERS_MAX: Final = 40
_STATUSES: Final[dict[Trouble, int]] = {"": 200, "not-found": 404, "too-many": 429}
Number = Annotated[str, QueryParameter(name="number", max_length=_NUMBER_CHARACTERS_MAX)]
Code = Annotated[str, QueryParameter(name="code", max_length=_CODE_CHARACTERS_MAX)]


class TrackingCode(Struct, frozen=True):
    """The code that opens a dossier's tracking, and where it is typed."""

    receipt_number: str
    code: str
    url: str


@get("/v1/track", summary="Where is this dossier?")
async def track_dossier(
    number: FromQuery[str], code: FromQuery[str], house: NamedDependency[House]
) -> Response[Tracked]:
    """To whoever has the receipt number and the code on the receipt. A wrong number and a wrong code are answered
    alike, and tries are counted.
    """
    tracked = await house.run(house.tracking.find, number, code, house.tables, house.clock.now())
    return Response(tracked, headers=_NO_STORE)


@get("/track", summary="Where is this dossier? The page", media_type=MediaType.HTML)
async def track_page(house: NamedDependency[House], number: Number = "", code: Code = "") -> Response[str]:
    """A form, and the same answer for people; it loads and runs nothing."""
    tracked: Tracked | None = None
    trouble: Trouble = ""
    if number.strip() or code.strip():
        try:
            tracked = await house.run(house.tracking.find, number, code, house.tables, house.clock.now())
        except NotTracked:
            trouble = "not-found"
        except BudgetSpent:
            trouble = "too-many"
    text = page(number, code, tracked, trouble)
    return Response(text, status_code=_STATUSES[trouble], media_type=MediaType.HTML, headers=HEADERS)


@get("/v1/dossiers/{dossier:str}/tracking-code", summary="The code for public tracking")
async def show_tracking_code(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> TrackingCode:
    """The same that stands on the printed receipt: for a party to give to whoever is to follow the dossier."""
    require(caller, "employer", "ivan", "office")
    scope = scope_of(caller, house.clock.now().astimezone(VIETNAM).date())

    def look() -> journal.Dossier | None:
        with house.database.read() as tx:
            return journal.dossier(tx, dossier, scope)

    found = await house.run(look)
    if found is None or not found.statement:
        raise Refused("not-found")
    code = shown(tracking_code(found.statement))
    return TrackingCode(found.statement_number, code, f"{house.settings.url}/track")


HANDLERS = [show_tracking_code]
OPEN_HANDLERS = [track_dossier, track_page]
