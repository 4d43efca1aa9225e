"""The doors to what goes back by post: outbound items, their slips, form 05; and the originals that an office holds."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from gateway.api.caller import doors_for, require
from gateway.api.once import once_of
from gateway.api.postal_returns_shown import ReturnShown, file_of, offices_of, return_shown
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM
from gateway.house import House
from gateway.papers import PDF
from gateway.postal import return_papers, returns
from gateway.postal.announced_input import ReturnTo
from gateway.postal.return_papers import Slip, ToldReturn
from gateway.postal.returns import Content, Return, Sent
from schemas import desk_paper
from storage import items, journal, outbound

CSV: Final = "text/csv"
RETURNS_A_PAGE_MAX: Final = 200
BODY_BYTES_MAX: Final = 256 * 1024
_TAKES: dict[str, Any] = {"status_code": 200, "request_max_body_size": BODY_BYTES_MAX}
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_EVERYTHING: Final = journal.Scope(everything=True)
At = Annotated[datetime, Meta(tz=True)]
Code = Annotated[str, Meta(max_length=40)]
Note = Annotated[str, Meta(max_length=1000)]
OfficeAsked = Annotated[
    str,
    QueryParameter(
        name="office", description="mã cơ quan; không ghi: mọi cơ quan của tài khoản · absent: all of yours"
    ),
]
StateAsked = Annotated[
    list[str] | None,
    QueryParameter(name="state", description="sent, delivered, undelivered, sent-again, kept"),
]
OlderDays = Annotated[
    int,
    QueryParameter(
        name="older_days", ge=0, le=36_500, description="giữ từ bao nhiêu ngày trở lên · kept for so many days or more"
    ),
]
After = Annotated[str, QueryParameter(name="after")]
Which = Annotated[
    Slip,
    QueryParameter(
        name="kind",
        description="hand-over: bàn giao cho bưu chính; receipt: biên nhận của người nhận; form-05: phiếu hồi báo",
    ),
]


class ReturnSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes back in an item. `item` is its number; `pool` takes the next one of `carrier`'s instead. Without an
    address it goes where the announcement said. `form_05`: a signed slip is to come back.
    """

    item: Code = ""
    pool: bool = False
    carrier: Code = ""
    dossiers: Annotated[list[Annotated[str, Meta(max_length=60)]], Meta(min_length=1, max_length=returns.DOSSIERS_MAX)]
    contents: Annotated[list[Content], Meta(min_length=1, max_length=200)]
    address: ReturnTo | None = None
    manifest_number: Code = ""
    form_05: bool = False


class DecisionSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What becomes of an item that was not delivered: `send-again` in another one (to another address, if it is told),
    or `keep` it to be collected.
    """

    decision: Literal["send-again", "keep"]
    item: Code = ""
    pool: bool = False
    carrier: Code = ""
    address: ReturnTo | None = None
    manifest_number: Code = ""
    note: Note = ""


class Form05Sent(Struct, frozen=True, forbid_unknown_fields=True):
    """When the signed slip came back, and what stands on it."""

    at: At | None = None
    note: Note = ""


class ReturnPage(Struct, frozen=True):
    """Outbound items by their numbers; ask on with `after=next`."""

    returns: list[ReturnShown]
    next: str


@post("/v1/postal/returns", summary="Send results and originals back", **_TAKES, **doors_for("office"))
async def send_return(
    request: Request[Any, Any, Any],
    data: JSONBody[ReturnSent],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """An item with books, cards, loose leaves and decisions, counted; the originals in it are `sent` from now on. Its
    carrier's events confirm the delivery. With an Idempotency-Key the same request is given the same answer.
    """
    said = _return(data, tuple(data.dossiers), tuple(data.contents))
    once = once_of(request, b"postal-return", msgspec.json.encode(data), _render)
    sent = await house.run(returns.send, house.database, house.carriers, caller, said, house.clock.now(), once)
    return _answer(sent)


@get("/v1/postal/returns", summary="What goes back")
async def list_returns(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    office: OfficeAsked = "",
    states: StateAsked = None,
    after: After = "",
) -> ReturnPage:
    """The outbound items of these offices, by number, in these states (all, where none is named)."""
    offices = offices_of(caller, office)
    if strange := sorted(set(states or ()) - set(outbound.STATES)):
        raise Refused("bad-request", f"state: {strange[0]}.")

    def look() -> ReturnPage:
        with house.database.read() as tx:
            found = outbound.listed(tx, offices=offices, states=states or (), after=after, most=RETURNS_A_PAGE_MAX)
            shown = [return_shown(Sent(one, tuple(items.dossiers_of(tx, one.outbound.item)))) for one in found]
        return ReturnPage(shown, shown[-1].item if shown else after)

    return await house.run(look)


@get("/v1/postal/returns/{item:str}", summary="One outbound item")
async def show_return(
    item: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> ReturnShown:
    """What is in it, and what became of it."""
    require(caller, "office", "operator")
    return await house.run(_look, house, item, caller)


@post("/v1/postal/returns/{item:str}/decision", summary="Decide about what was not delivered", **_TAKES,
      **doors_for("office"))  # fmt: skip
async def decide_return(
    item: FromPath[str],
    request: Request[Any, Any, Any],
    data: JSONBody[DecisionSent],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """`send-again`: the same contents in another item; `keep`: they stay at the office to be collected. For what came
    back or is lost; else 409.
    """
    again = _return(data, (), ()) if data.decision == "send-again" else None
    once = once_of(request, f"postal-decision\0{item}".encode(), msgspec.json.encode(data), _render)
    decided = await house.run(
        returns.decide, house.database, house.carriers, caller, item, again, data.note, house.clock.now(), once
    )
    return _answer(decided)


@post("/v1/postal/returns/{item:str}/form-05", summary="The signed slip came back", **_TAKES, **doors_for("office"))
async def enter_form_05(
    item: FromPath[str],
    data: JSONBody[Form05Sent],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> ReturnShown:
    """Written once; told again, the first stands. Without `at`: now."""
    now = house.clock.now()
    await house.run(returns.form_05_came, house.database, caller, item, data.at or now, data.note, now)
    return await house.run(_look, house, item, caller)


@get("/v1/postal/returns/{item:str}/slip.pdf", summary="A slip for the item, to print", media_type=PDF)
async def show_return_slip(
    item: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller], which: Which = "hand-over"
) -> Response[bytes]:
    """The hand-over slip for the carrier, the receipt for the receiver, or the return slip (form 05, laid out from a
    description), PDF/A. Made afresh.
    """
    require(caller, "office", "operator")
    now = house.clock.now().astimezone(VIETNAM)

    def look() -> ToldReturn:
        with house.database.read() as tx:
            carried = returns.theirs_to_send(tx, item, caller)
            found = [journal.dossier(tx, name, _EVERYTHING) for name in items.dossiers_of(tx, item)]
        carrier = house.carriers.all.get(carried.carrier)
        return ToldReturn(
            carried=carried,
            receipts={one.id: one.statement_number for one in found if one is not None},
            carrier_name=carrier.name if carrier else carried.carrier,
            tables=house.tables,
            now=now,
        )

    told = await house.run(look)
    content = await house.typeset(desk_paper.pdf, return_papers.slip_of(told, which), now, apart=True)
    return file_of(content, PDF, f"{item}-{which}.pdf")


def _return(said: ReturnSent | DecisionSent, dossiers: tuple[str, ...], contents: tuple[Content, ...]) -> Return:
    if bool(said.item) == said.pool:
        raise Refused("bad-request", "item | pool.")
    if said.pool and not said.carrier:
        raise Refused("bad-request", "pool: carrier.")
    return Return(
        item=said.item,
        pool=said.pool,
        carrier=said.carrier,
        dossiers=dossiers,
        contents=contents,
        address=said.address,
        manifest_number=said.manifest_number,
        form_05=said.form_05 if isinstance(said, ReturnSent) else False,
    )


def _look(house: House, item: str, caller: Caller) -> ReturnShown:
    with house.database.read() as tx:
        carried = returns.theirs_to_send(tx, item, caller)
        return return_shown(Sent(carried, tuple(items.dossiers_of(tx, item))))


def _render(sent: Sent) -> bytes:
    return msgspec.json.encode(return_shown(sent))


def _answer(sent: Sent | bytes) -> Response[bytes]:
    return Response(sent if isinstance(sent, bytes) else _render(sent), media_type="application/json")


HANDLERS = [send_return, list_returns, show_return, decide_return, enter_form_05, show_return_slip]
