"""The parties' doors: what they sent, what became of it, the receipt again, the very bytes."""

import math
from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from gateway.api import views
from gateway.api.caller import require, scope_of, visible
from gateway.api.content import Outgoing
from gateway.api.halves_shown import halves_shown
from gateway.api.problems import Refused
from gateway.api.submit import check, checked, submit
from gateway.callers import Caller
from gateway.clock import VIETNAM, from_us
from gateway.contents import Content, ContentErased, open_content
from gateway.house import House
from gateway.notice import notice
from gateway.printing import NothingToPrint, page_of
from gateway.reading import record_reading
from gateway.report import Language
from gateway.states import State
from schemas import printed, printed_html
from storage import courses, journal, same_cases

PDF = "application/pdf"
# What is made for people loads and runs nothing, and stays nowhere: it is about persons.
PRINTED_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'",
}
_NUMBER_DIGITS_MAX = 4
_SHA256_HEX_LENGTH = 64
After = Annotated[int, QueryParameter(ge=0, le=2**63 - 1, description="the number of the last fact that was seen")]
WaitS = Annotated[float, QueryParameter(ge=0, le=3600, description="how long to wait for the next, in seconds")]


@post("/v1/dossiers", summary="Submit a signed dossier", status_code=201, opt={"asks_who_calls": True})
async def submit_dossier(request: Request[Any, Any, Any], house: NamedDependency[House]) -> Response[bytes]:
    """The body is the signed envelope's bytes (application/xml). 201 and the receipt; the same bytes again: 200 and the
    identical receipt; 422 and everything that is wrong. Safe to repeat at any time.
    """
    answer = await submit(house, request.scope, request.receive)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=headers["content-type"])


@post("/v1/dossiers/check", summary="Judge a dossier, keep nothing", status_code=200)
async def check_dossier(
    request: Request[Any, Any, Any],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> Response[Any]:
    """The same judgement as for a submission, and the whole report: as JSON, or as the printable notice in HTML or PDF,
    as `Accept` asks.
    """
    require(caller, "employer", "ivan")
    outcome = await check(house, caller, request.scope, request.receive)
    wanted = request.accept.best_match([MediaType.JSON, MediaType.HTML, PDF], MediaType.JSON)
    if wanted == MediaType.JSON:
        return Response(msgspec.json.encode(checked(outcome, language)), media_type=MediaType.JSON)
    printable = await house.run_apart(notice, outcome, language)
    if wanted == PDF:
        return Response(await house.typeset(printable.pdf, apart=True), media_type=PDF, headers=PRINTED_HEADERS)
    return Response(await house.run_apart(printable.html), media_type=MediaType.HTML, headers=PRINTED_HEADERS)


@get("/v1/dossiers", summary="The caller's dossiers")
async def list_dossiers(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    unit: FromQuery[str | None] = None,
    procedure: FromQuery[str | None] = None,
    period: FromQuery[str | None] = None,
    in_state: Annotated[State | None, QueryParameter(name="state")] = None,
    after: After = 0,
) -> views.DossierPage:
    """In commit order, with the due date in force; ask on with `after=next`. A period is written MM/yyyy."""
    asked = {"unit": unit, "procedure": procedure, "period": period, "state": in_state}
    wanted = journal.Filter(**{name: value for name, value in asked.items() if value is not None})
    scope = scope_of(caller, _today(house))

    def look() -> views.DossierPage:
        with house.database.read() as tx:
            found = journal.dossiers(tx, scope, wanted, after, journal.DOSSIERS_A_PAGE_MAX)
            return views.dossier_page(found, after, courses.of(tx, [one.id for one in found]))

    return await house.run(look)


@get("/v1/dossiers/{dossier:str}", summary="One dossier")
async def show_dossier(
    dossier: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> views.DossierShown:
    """State, due date in force, verdicts, parts, findings, and the receipt as it was first given."""
    scope = scope_of(caller, _today(house))

    def look() -> views.DossierShown:
        with house.database.read() as tx:
            found = _found(journal.dossier(tx, dossier, scope))
            parts = journal.parts(tx, found.id)
            course, others = courses.find(tx, found.id), same_cases.not_different(tx, found.id)
            # Who may see this one alone learns nothing of the other.
            same = [one for one in others if journal.dossier(tx, one, scope) is not None]
            return views.dossier_shown(found, parts, language, course, halves_shown(tx, found, scope), same)

    return await house.run(look)


@get("/v1/dossiers/{dossier:str}/receipt", summary="The receipt", media_type="application/jose")
async def show_receipt(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Response[str]:
    """The compact JWS, byte for byte as it was first given."""
    found = await visible(house, caller, dossier)
    if not found.statement:
        # A notice that quoted findings, of a dossier that was erased; the tombstone names its digest.
        raise ContentErased(found.id)
    return Response(found.statement, media_type="application/jose")


@get("/v1/dossiers/{dossier:str}/content", summary="The very bytes received")
async def show_content(
    request: Request[Any, Any, Any],
    dossier: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
) -> Response[Any]:
    """The bytes that were received, kept and receipted, streamed; all of them, or one `Range`. `Repr-Digest` is of all,
    `Content-Digest` of what the answer carries when that is all.
    """
    # The parties alone: an operator keeps the gateway, and has no business with what is in the dossiers.
    require(caller, "employer", "ivan", "office")
    found = await visible(house, caller, dossier)
    outgoing = Outgoing(house, request, await house.run_apart(_content, house, found), found.media_type)
    await outgoing.prepare()
    if not outgoing.carries_content:
        return outgoing.answer()
    return outgoing.answer(await record_reading(house, caller, found.id, "content", why))


@get("/v1/dossiers/{dossier:str}/forms/{number:str}", summary="A form as its paper looks")
async def show_paper(
    dossier: FromPath[str],
    number: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
    request: Request[Any, Any, Any],
) -> Response[Any]:
    """The form with that number among the dossier's parts (0: the document itself, where it has no envelope), as HTML
    that loads nothing, or as PDF; with who signed it and when it was received.
    """
    require(caller, "employer", "ivan", "office")
    digits = number.removesuffix(".pdf")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _NUMBER_DIGITS_MAX:
        raise Refused("not-found")
    found = await visible(house, caller, dossier)
    content = await house.run_apart(_content, house, found)
    held = await house.run_apart(content.in_hand)
    try:
        page = await house.run_apart(page_of, found, held, int(digits), house.tables.catalogue)
    except NothingToPrint:
        raise Refused("not-found") from None
    headers = PRINTED_HEADERS | {
        "x-correlation-id": await record_reading(house, caller, found.id, f"forms/{int(digits)}", why)
    }
    if number.endswith(".pdf") or request.accept.best_match([MediaType.HTML, PDF], MediaType.HTML) == PDF:
        sheets = await house.typeset(printed.pdf, [page], from_us(found.received_at_us), apart=True)
        return Response(sheets, media_type=PDF, headers=headers)
    shown = await house.run_apart(printed_html.html, [page])
    return Response(shown, media_type=MediaType.HTML, headers=headers)


@get("/v1/dossiers/{dossier:str}/events", summary="What happened to one dossier")
async def dossier_events(
    dossier: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    after: After = 0,
    wait_s: WaitS = 0,
) -> views.EventPage:
    """Facts in commit order after number `after`; waits up to `wait_s` for the next one."""
    await visible(house, caller, dossier)
    return await _events(house, scope_of(caller, _today(house)), after, wait_s, dossier)


@get("/v1/events", summary="What happened to all the caller's dossiers")
async def all_events(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    after: After = 0,
    wait_s: WaitS = 0,
) -> views.EventPage:
    """One feed for everything that the caller may see, in commit order."""
    return await _events(house, scope_of(caller, _today(house)), after, wait_s, None)


@get("/v1/receipts", summary="Do you hold these bytes?")
async def find_receipt(
    sha256: FromQuery[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The identical receipt for an employer that lost the answer; only to a party, for all others it is not there."""
    require(caller, "employer", "ivan")
    wanted, on = _digest(sha256), _today(house)

    def look() -> journal.Dossier | None:
        with house.database.read() as tx:
            found = journal.accepted(tx, [wanted]).get(wanted)
            if found and journal.is_party(tx, caller.client, submitter=found.submitter, unit=found.unit, on=on):
                return found
            return None

    return Response(views.received(_found(await house.run(look))), media_type="application/json")


@get("/v1/notices", summary="Were these bytes refused?")
async def find_notices(
    sha256: FromQuery[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> list[views.DossierShown]:
    """Every refusal of these bytes that the caller was given, the latest first, each with its signed notice."""
    wanted, scope = _digest(sha256), scope_of(caller, _today(house))

    def look() -> list[views.DossierShown]:
        with house.database.read() as tx:
            return [views.dossier_shown(one, [], language) for one in journal.refusals(tx, wanted, scope)]

    return await house.run(look)


async def _events(
    house: House, scope: journal.Scope, after: int, wait_s: float, dossier: str | None
) -> views.EventPage:
    def look() -> tuple[int, views.EventPage]:
        with house.database.read() as tx:
            reached = journal.head(tx)
            return reached, views.event_page(journal.events(tx, scope, after, dossier), after)

    if math.isnan(wait_s):
        raise Refused("bad-request", "wait_s: NaN.")
    until = house.clock.now().timestamp() + min(wait_s, house.settings.wait_s_max)
    while True:
        reached, page = await house.run(look)
        left_s = until - house.clock.now().timestamp()
        if page.events or left_s <= 0 or house.watch.stopped:
            return page
        await house.watch.beyond(reached, left_s)


def _content(house: House, dossier: journal.Dossier) -> Content:
    if dossier.pack is None:
        raise Refused("not-found", "refused bytes are not kept.")
    return open_content(house.stores, dossier)


def _today(house: House) -> date:
    """The day in Vietnam, on which mandates are looked at."""
    return house.clock.now().astimezone(VIETNAM).date()


def _found(dossier: journal.Dossier | None) -> journal.Dossier:
    if dossier is None:
        raise Refused("not-found")
    return dossier


def _digest(sha256: str) -> bytes:
    try:
        digest = bytes.fromhex(sha256)
    except ValueError:
        digest = b""
    if len(sha256) != _SHA256_HEX_LENGTH or len(digest) * 2 != _SHA256_HEX_LENGTH:
        raise Refused("bad-request", "sha256: 64 hex digits.")
    return digest


HANDLERS = [
    submit_dossier,
    check_dossier,
    list_dossiers,
    show_dossier,
    show_receipt,
    show_content,
    show_paper,
    dossier_events,
    all_events,
    find_receipt,
    find_notices,
]
