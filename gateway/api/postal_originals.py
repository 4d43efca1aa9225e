"""The doors to the originals that an office holds: which are not back with their owners, and who has each."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from gateway.api.caller import doors_for, require, visible
from gateway.api.once import once_of
from gateway.api.postal_returns_shown import (
    OriginalsKept,
    OriginalsTraced,
    file_of,
    kept_shown,
    offices_of,
    traced_shown,
)
from gateway.callers import Caller
from gateway.clock import VIETNAM
from gateway.house import House
from gateway.papers import PDF
from gateway.postal import custody, return_papers
from schemas import desk_paper_table
from storage.originals import Kept

CSV: Final = "text/csv"
_TAKES: dict[str, Any] = {"status_code": 200, "request_max_body_size": 64 * 1024}
OfficeAsked = Annotated[
    str,
    QueryParameter(
        name="office", description="mã cơ quan; không ghi: mọi cơ quan của tài khoản · absent: all of yours"
    ),
]
OlderDays = Annotated[
    int,
    QueryParameter(
        name="older_days", ge=0, le=36_500, description="giữ từ bao nhiêu ngày trở lên · kept for so many days or more"
    ),
]


class CustodySent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is told of an original. `office` is another one that holds it from now on."""

    fact: custody.Fact = "moved"
    holder: Annotated[str, Meta(max_length=200)] = ""
    note: Annotated[str, Meta(max_length=1000)] = ""
    office: Annotated[str, Meta(max_length=20)] = ""


@get("/v1/postal/originals", summary="Originals that are not back")
async def list_originals(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    office: OfficeAsked = "",
    older_days: OlderDays = 0,
) -> OriginalsKept:
    """What an office holds, or has sent and does not know to be delivered, the oldest first; what was told lost is not
    among it.
    """
    now = house.clock.now()
    kept = await _kept(house, caller, office, older_days)
    return OriginalsKept([kept_shown(one, now) for one in kept])


@get("/v1/postal/originals.csv", summary="Originals that are not back, as CSV", media_type=CSV)
async def list_originals_csv(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    office: OfficeAsked = "",
    older_days: OlderDays = 0,
) -> Response[bytes]:
    """The same list as CSV (RFC 4180) in UTF-8 with its mark."""
    kept = await _kept(house, caller, office, older_days)
    return file_of(custody.csv_of(kept, house.clock.now()), CSV, f"originals-{office or 'all'}.csv", "attachment")


@get("/v1/postal/originals.pdf", summary="Originals that are not back, to print", media_type=PDF)
async def list_originals_pdf(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    office: OfficeAsked = "",
    older_days: OlderDays = 0,
) -> Response[bytes]:
    """The same list on paper (PDF/A), at most a thousand lines of it."""
    now = house.clock.now().astimezone(VIETNAM)
    kept = await _kept(house, caller, office, older_days)
    named = office or (next(iter(caller.offices)) if len(caller.offices) == 1 else "")
    paper = return_papers.originals_of(kept, named, older_days, house.tables, now)
    return file_of(
        await house.typeset(desk_paper_table.pdf, paper, now, apart=True), PDF, f"originals-{office or 'all'}.pdf"
    )


@post("/v1/postal/originals/{original:str}/custody", summary="Who has the original", **_TAKES, **doors_for("office"))
async def tell_custody(
    original: FromPath[str],
    request: Request[Any, Any, Any],
    data: JSONBody[CustodySent],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """`filed`, `moved` (to a holder, or another office), `handed-over` to its owner in person, `lost` (with a reason)
    or `found`. Only ever added to. With an Idempotency-Key the same request is given the same answer.
    """
    said = custody.Told(fact=data.fact, holder=data.holder, note=data.note, office=data.office)
    now = house.clock.now()

    def render(traced: custody.Traced) -> bytes:
        return msgspec.json.encode(traced_shown(traced, now))

    once = once_of(request, f"custody\0{original}".encode(), msgspec.json.encode(data), render)
    told = await house.run(custody.tell, house.database, original, caller, said, now, once)
    return Response(told if isinstance(told, bytes) else render(told), media_type="application/json")


@get("/v1/dossiers/{dossier:str}/originals", summary="The originals of a dossier")
async def list_dossier_originals(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> OriginalsTraced:
    """Every original that came for it, where it is now, and who had it from when."""
    require(caller, "employer", "ivan", "office", "operator")
    found = await visible(house, caller, dossier)
    now = house.clock.now()

    def look() -> list[custody.Traced]:
        with house.database.read() as tx:
            return custody.of_dossier(tx, found.id)

    return OriginalsTraced([traced_shown(one, now) for one in await house.run(look)])


async def _kept(house: House, caller: Caller, office: str, older_days: int) -> list[Kept]:
    offices, now = offices_of(caller, office), house.clock.now()

    def look() -> list[Kept]:
        with house.database.read() as tx:
            return custody.not_returned(tx, offices, older_days, now)

    return await house.run(look)


HANDLERS = [list_originals, list_originals_csv, list_originals_pdf, tell_custody, list_dossier_originals]
