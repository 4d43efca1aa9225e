"""The mail room's doors: items opened and counted, pages scanned and bound, what waits for a person."""

import re
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct, structs

from gateway.api import mailroom_views as views
from gateway.api.body import Spool, check_declared, read_body
from gateway.api.caller import doors_for, require_office
from gateway.api.once import once_of
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.contents import ContentErased
from gateway.house import House
from gateway.mailroom import binding, filing, scanning, settling
from gateway.mailroom import opening as openings
from gateway.mailroom.binding import PAGES_AT_ONCE_MAX, REASON_CHARACTERS_MAX, PageBound
from gateway.mailroom.counting import Counted
from gateway.mailroom.sheets import page_png
from gateway.postal.pieces import PIECES_MAX
from gateway.reading import record_reading
from gateway.repeated import answered, remember
from gateway.report import Language
from storage import journal, mailroom

LACKS_MAX: Final = 400
WAITS_A_PAGE_MAX: Final = 50
_TAKES: Final[dict[str, Any]] = {"status_code": 200, "request_max_body_size": 256 * 1024}
_IMAGE: Final = re.compile(r"([1-9][0-9]{0,3})(\.png)?", re.ASCII)
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
Office = Annotated[str, Meta(max_length=20)]
Batch = Annotated[str, QueryParameter(name="batch", max_length=scanning.BATCH_CHARACTERS_MAX)]
OfOpening = Annotated[str, QueryParameter(name="opening", max_length=40)]
AnOffice = Annotated[str | None, QueryParameter(name="office", max_length=20)]
After = Annotated[str, QueryParameter(name="after", max_length=40)]


class OpeningTold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item that was opened, in what condition, and the pieces that were counted in it, by kind: of a dossier, or of
    the item as a whole. `confirmed` repeats an unknown number whose check digit is wrong.
    """

    item: Annotated[str, Meta(max_length=40)]
    office: Office
    condition: openings.Condition
    counted: Annotated[list[Counted], Meta(max_length=PIECES_MAX)]
    officer: Annotated[str, Meta(max_length=100)] = ""
    opened_at: Annotated[datetime, Meta(tz=True)] | None = None
    confirmed: bool = False


class PagesTold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pages, the dossiers that they are to be bound to ("": to none), and why."""

    pages: Annotated[list[PageBound], Meta(min_length=1, max_length=PAGES_AT_ONCE_MAX)]
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]


class FilingTold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dossier that a person says is complete as it is, why, and the keys of all that it lacks, as they were seen."""

    dossier: Annotated[str, Meta(max_length=40)]
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]
    missing: Annotated[list[Annotated[str, Meta(max_length=2000)]], Meta(max_length=LACKS_MAX)] = []


@post("/v1/mailroom/openings", summary="An item was opened and counted", **_TAKES, **doors_for("office"))
async def open_item(
    data: JSONBody[OpeningTold],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> views.OpeningShown:
    """What was counted against what was announced, and the dossiers that are expected. An item is opened once: the
    same again is answered the same. One that nobody announced is entered, and waits to be keyed in.
    """
    require_office(caller, data.office)
    told = openings.Told(
        item=data.item,
        office=data.office,
        condition=data.condition,
        counted=tuple(data.counted),
        officer=data.officer,
        opened_at=data.opened_at,
        confirmed=data.confirmed,
    )
    opened = await house.run(openings.open_item, house.database, told, caller, house.clock.now())
    # What came in an earlier item may have waited for this one.
    await filing.make(house, await house.run(_settle, house, opened.opening.id))
    return await house.run(_opening, house, opened.opening.id, caller, language)


@get("/v1/mailroom/openings/{opening:str}", summary="An opened item", **doors_for("office"))
async def show_opening(
    opening: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> views.OpeningShown:
    """What was counted, scanned and bound, and how its dossiers stand."""
    return await house.run(_opening, house, opening, caller, language)


@post("/v1/mailroom/scans", summary="Scanned pages", status_code=200, **doors_for("office"))
async def take_scan(
    request: Request[Any, Any, Any],
    opening: OfOpening,
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
    batch: Batch = "",
) -> views.Scanned:
    """A file of scanned pages of an opened item. It is kept, read, and its pages are bound to their dossiers; a dossier
    that is complete is made at once. Scans of one `batch` follow one another. The same bytes again are answered the
    same.
    """
    if not scanning.is_batch(batch):
        raise Refused("bad-request", "batch.")
    await house.run(_check_theirs, house, opening, caller)
    said = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if said not in scanning.MEDIA_TYPES or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused("media-type", f"Content-Type: {said or '(none)'}.")
    limits = structs.replace(house.limits, bytes_max=house.settings.scan_bytes_max)
    length = request.headers.get("content-length")
    check_declared(length.encode() if length else None, limits)
    with Spool(house.spool) as spool:
        body = await read_body(request.receive, request.headers.get("content-digest"), limits, spool)
        async with house.room_for(body.is_large):
            kept = await scanning.keep_scan(house, opening, batch, said, body.content(), caller)
    kept, wanted = await scanning.read_kept(house, kept, caller.client)
    await filing.make(house, wanted)
    return await house.run(_scanned, house, kept, language)


@get("/v1/mailroom/waiting", summary="What waits for a person", **doors_for("office"))
async def list_waiting(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
    office: AnOffice = None,
    after: After = "",
) -> views.WaitsPage:
    """The openings of which something waits: pages without a dossier, dossiers that lack something, items that nobody
    announced, files that cannot be read; and why.
    """
    if office is not None:
        require_office(caller, office)
    offices = sorted(caller.offices) if office is None else [office]
    return await house.run(_waiting, house, offices, after, language)


@post("/v1/mailroom/pages", summary="Bind pages to dossiers", **_TAKES, **doors_for("office"))
async def bind_pages(
    request: Request[Any, Any, Any],
    data: JSONBody[PagesTold],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> Response[bytes]:
    """A person says whose these pages are, or sets them aside ("") and why. Every change leaves a trace. Where a
    dossier was made already, a new file of its pages is added beside the old one, with the fact `pages-rebound`.
    """
    body = msgspec.json.encode(data)
    once = once_of(request, b"mailroom-pages", body, msgspec.json.encode)

    def before() -> bytes | None:
        with house.database.read() as tx:
            return answered(tx, caller.client, once)

    if (kept := await house.run(before)) is not None:
        return Response(kept, media_type="application/json")
    now = house.clock.now()
    bound, wanted = await house.run(binding.bind_pages, house.stores, data.pages, data.reason, caller, now)
    await filing.make(house, wanted)
    said = await house.run(_bound, house, [(page.scan, page.number) for page in bound], language)

    def keep() -> None:
        with house.database.begin() as tx:
            if answered(tx, caller.client, once) is None:
                remember(tx, caller.client, once, said, now)

    if once is not None:
        await house.run(keep)
    return Response(msgspec.json.encode(said), media_type="application/json")


@post(
    "/v1/mailroom/openings/{opening:str}/filings",
    summary="A dossier is complete as it is",
    **_TAKES,
    **doors_for("office"),
)
async def say_complete(
    opening: FromPath[str],
    data: JSONBody[FilingTold],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> views.OpeningShown:
    """A person says that a dossier is to be made although it lacks something, names all that it lacks as it was seen,
    and says why. Safe to repeat; 409 when it lacks something else by now.
    """
    say = partial(filing.say_complete, house.stores, opening, data.dossier, data.reason, data.missing)
    await house.run(say, caller, house.clock.now())
    await filing.make(house, [data.dossier])
    return await house.run(_opening, house, opening, caller, language)


@get("/v1/mailroom/scans/{scan:str}/pages/{page:str}", summary="A scanned page", **doors_for("office"))
async def show_scanned_page(
    scan: FromPath[str],
    page: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
    language: NamedDependency[Language],
) -> Response[Any]:
    """`3.png` is the picture of page 3, `3` its trace: every time that it was bound, to which dossier, by whom and why.
    That the picture of a dossier's page was read is written down.
    """
    asked = _IMAGE.fullmatch(page)
    if asked is None:
        raise Refused("not-found")
    number = int(asked[1])
    kept, found, trace = await house.run(_page, house, scan, number, caller)
    if not asked[2]:
        return Response(views.trace_shown(found, trace, language), headers=_HEADERS)
    if await house.run(_is_made, house, found.dossier) == "made":
        await record_reading(house, caller, found.dossier, f"scan {scan} {number}", why)
    image = await house.run_apart(_picture, house, kept, number)
    return Response(image, media_type="image/png", headers=_HEADERS)


def _settle(house: House, opening_id: str) -> list[str]:
    with house.database.begin() as tx:
        return settling.settle(tx, house.stores, opening_id, house.clock.now())


def _check_theirs(house: House, opening_id: str, caller: Caller) -> None:
    with house.database.read() as tx:
        openings.find(tx, opening_id, caller.offices)


def _opening(house: House, opening_id: str, caller: Caller, language: Language) -> views.OpeningShown:
    with house.database.read() as tx:
        opened = openings.find(tx, opening_id, caller.offices)
        return views.opening_shown(opened, *filing.lacks_of(tx, opened.opening), language)


def _scanned(house: House, scan: mailroom.Scan, language: Language) -> views.Scanned:
    with house.database.read() as tx:
        found = mailroom.opening(tx, scan.opening)
        if found is None:
            raise openings.NotInMailRoom(scan.opening)
        pile, lacks = filing.lacks_of(tx, found)
        return views.Scanned(
            scan=scan.id,
            opening=scan.opening,
            pages=views.pages_shown(views.pages_in(pile, [scan]), language),
            dossiers=views.dossiers_shown(pile, lacks, language),
        )


def _waiting(house: House, offices: list[str], after: str, language: Language) -> views.WaitsPage:
    with house.database.read() as tx:
        found = [one for office in offices for one in mailroom.still_open(tx, office, WAITS_A_PAGE_MAX + 1, after)]
        found.sort(key=lambda one: one.id)
        shown = []
        for one in found[:WAITS_A_PAGE_MAX]:
            pile, lacks = filing.lacks_of(tx, one)
            shown.append(views.waits(pile, one.id, lacks, language))
    return views.WaitsPage(shown, shown[-1].opening if len(found) > WAITS_A_PAGE_MAX else "")


def _bound(house: House, keys: list[tuple[str, int]], language: Language) -> views.PagesBound:
    with house.database.read() as tx:
        pages = [page for scan, number in keys if (page := mailroom.page(tx, scan, number))]
        scans = {scan.opening for name, _ in keys if (scan := mailroom.scan(tx, name))}
        stands: dict[str, views.DossierStand] = {}
        for opening_id in sorted(scans):
            if (one := mailroom.opening(tx, opening_id)) is not None:
                shown = views.dossiers_shown(*filing.lacks_of(tx, one), language)
                stands |= {stand.dossier: stand for stand in shown}
    return views.PagesBound(pages=views.pages_shown(pages, language), dossiers=list(stands.values()))


def _page(
    house: House, scan_id: str, number: int, caller: Caller
) -> tuple[mailroom.Scan, mailroom.Page, list[mailroom.Binding]]:
    with house.database.read() as tx:
        scan, found = mailroom.scan(tx, scan_id), mailroom.page(tx, scan_id, number)
        if scan is None or found is None:
            raise openings.NotInMailRoom(scan_id)
        openings.find(tx, scan.opening, caller.offices)
        return scan, found, mailroom.bindings_of(tx, scan_id, number)


def _picture(house: House, scan: mailroom.Scan, number: int) -> bytes:
    return page_png(scanning.content_of(house.stores, scan), scan.media_type, number)


def _is_made(house: House, dossier: str) -> str:
    """Whether there is such a dossier: "made", or "" while none is. Raises `ContentErased`."""
    with house.database.read() as tx:
        found = journal.dossier(tx, dossier, journal.Scope(everything=True))
    if found is not None and found.erased_at_us is not None:
        raise ContentErased(dossier)
    return "made" if found else ""


HANDLERS = [open_item, show_opening, take_scan, list_waiting, bind_pages, say_complete, show_scanned_page]
