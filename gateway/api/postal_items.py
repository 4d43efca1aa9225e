"""The doors to postal items: bind a number, see where it is, take numbers from the pool, have an item fetched."""

from typing import Annotated, Any, Final

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from gateway import s10
from gateway.api import postal_items_shown as shown
from gateway.api.caller import doors_for
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM
from gateway.house import House
from gateway.postal import item_seen, pickup, pools
from gateway.postal import items as line
from gateway.postal.carrier_tables import carriers_of
from gateway.postal.pickup_sending import shape_of
from gateway.postal.pickup_shape import PickupWanted
from gateway.report import Language
from storage import items, pool

ITEMS_A_PAGE_MAX: Final = 200
_TAKES: Final[dict[str, Any]] = {"status_code": 200, "request_max_body_size": 64 * 1024}
_LOADS: Final[dict[str, Any]] = {"status_code": 200, "request_max_body_size": 1024 * 1024}
_BINDERS: Final[dict[str, Any]] = doors_for("employer", "ivan", "post", "office")
_Code = Annotated[str, Meta(max_length=100)]
_Number = Annotated[str, Meta(min_length=1, max_length=s10.CHARACTERS_MAX)]
After = Annotated[str, QueryParameter(max_length=40)]


class ItemWanted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a number stands for: an announcement (all of it), or dossiers.

    `typed` false: a machine read it off the label. `confirmed`: a person has looked at the label again. `instead_of`
    names what it is bound to now, to bind it to something else before it is posted; `corrects` the wrong number whose
    place it takes.
    """

    announcement: _Code = ""
    dossiers: Annotated[list[_Code], Meta(max_length=line.DOSSIERS_MAX)] = []
    carrier: _Code = ""
    typed: bool = True
    confirmed: bool = False
    instead_of: _Code = ""
    corrects: Annotated[str, Meta(max_length=s10.CHARACTERS_MAX)] = ""


class PoolLoad(Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers that the carrier gives out beforehand, as its machines print them."""

    numbers: Annotated[
        list[Annotated[str, Meta(max_length=100)]], Meta(min_length=1, max_length=pools.NUMBERS_AT_ONCE_MAX)
    ]


class NumberUnfit(Struct, frozen=True):
    """A number that was not loaded, and why."""

    number: str
    message: str


class PoolLoaded(Struct, frozen=True, kw_only=True):
    """What became of the numbers; those that were known are as they were. `free` is how many can be taken now."""

    added: int
    known: int
    refused: list[NumberUnfit]
    free: int


class PoolTaking(Struct, frozen=True, forbid_unknown_fields=True):
    """What a number is taken for: an announcement, or dossiers of one."""

    announcement: _Code = ""
    dossiers: Annotated[list[_Code], Meta(max_length=line.DOSSIERS_MAX)] = []


class PoolRecall(Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers that are not used and go back to the carrier."""

    numbers: Annotated[list[_Number], Meta(min_length=1, max_length=pools.NUMBERS_AT_ONCE_MAX)]


class PoolRecalled(Struct, frozen=True):
    """How many went back now, and how many had gone before."""

    recalled: int
    before: int


@put("/v1/postal/items/{number:str}", summary="Bind an item's number", **_TAKES, **_BINDERS)
async def bind_item(
    number: FromPath[str],
    data: JSONBody[ItemWanted],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> shown.ItemBound:
    """The same again is answered the same. A number that a machine read must have a right check digit; one that was
    typed is taken, and questioned until `confirmed` or corrected. 409 when it stands for something else.
    """
    wanted = line.Wanted(
        announcement=data.announcement,
        dossiers=tuple(data.dossiers),
        carrier=data.carrier,
        typed=data.typed,
        confirmed=data.confirmed,
        instead_of=data.instead_of,
        corrects=data.corrects,
    )
    found = await house.run(line.bind, house.database, house.carriers, caller, number, wanted, house.clock.now())
    return shown.bound(found, language)


@get("/v1/postal/items/{number:str}", summary="Where an item is", **_BINDERS)
async def show_item(
    number: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> shown.ItemShown:
    """What it stands for, its state as all that carriers told amounts to, every event in the carrier's words, what
    needs a person, and the next step.
    """
    now = house.clock.now()

    def look() -> shown.ItemShown:
        with house.database.read() as tx:
            found = items.find(tx, s10.tidy(number))
            if found is None or not item_seen.sees_item(tx, caller, found, now):
                raise Refused("not-found")
            return shown.whole(tx, found, house.carriers, language)

    return await house.run(look)


@get("/v1/postal/items", summary="Items", **_BINDERS)
async def list_items(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
    office: Annotated[str | None, QueryParameter(max_length=20)] = None,
    states: Annotated[list[shown.ItemState] | None, QueryParameter(name="state")] = None,
    after: After = "",
) -> shown.ItemPage:
    """Those that the caller may see, by number; ask on with `after=next`."""
    on = house.clock.now().astimezone(VIETNAM).date()
    whose = item_seen.whose(caller, on)
    if whose is not None and office is not None:
        whose = item_seen.at_office(whose, office)

    def look() -> shown.ItemPage:
        if whose is None:
            return shown.ItemPage([], after)
        with house.database.read() as tx:
            found = items.page(tx, whose, states=states or (), after=after, limit=ITEMS_A_PAGE_MAX)
        return shown.ItemPage([shown.listed(one, language) for one in found], found[-1].number if found else after)

    return await house.run(look)


@post("/v1/postal/pool/{carrier:str}", summary="Give out numbers", **_LOADS, **doors_for("post"))
async def load_pool(
    carrier: FromPath[str], data: JSONBody[PoolLoad], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> PoolLoaded:
    """Each number is checked. Sending it again changes nothing, whatever became of it."""
    if carrier not in carriers_of(caller):
        raise Refused("not-found")

    def step() -> PoolLoaded:
        done = pools.load(house.database, house.carriers, carrier, data.numbers, house.clock.now())
        with house.database.read() as tx:
            free = pool.counts(tx, carrier).get(pool.FREE, 0)
        refused = [NumberUnfit(number, why) for number, why in done.refused]
        return PoolLoaded(added=done.added, known=done.known, refused=refused, free=free)

    return await house.run_apart(step)


@post("/v1/postal/pool/{carrier:str}/takings", summary="Take a number from the pool", **_TAKES,
      **doors_for("employer", "ivan", "office"))  # fmt: skip
async def take_number(
    carrier: FromPath[str],
    data: JSONBody[PoolTaking],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> shown.ItemBound:
    """The number is bound at once. The same request is given the same number, until that is posted; no number is given
    twice.
    """
    wanted = line.Wanted(announcement=data.announcement, dossiers=tuple(data.dossiers), carrier=carrier)
    now = house.clock.now()
    found = await house.run(pools.take, house.database, house.carriers, caller, carrier, wanted, now)
    return shown.bound(found, language)


@post("/v1/postal/pool/{carrier:str}/recalls", summary="Give unused numbers back", **_LOADS, **_BINDERS)
async def recall_numbers(
    carrier: FromPath[str], data: JSONBody[PoolRecall], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> PoolRecalled:
    """All of them or none: one that was posted cannot go back. A number that went back is not given again. Safe to
    repeat.
    """
    numbers = list(dict.fromkeys(s10.tidy(number) for number in data.numbers))
    back = await house.run_apart(pools.recall, house.database, caller, carrier, numbers, house.clock.now())
    return PoolRecalled(back, len(numbers) - back)


@post("/v1/postal/items/{number:str}/pickup", summary="Have an item fetched", **_TAKES,
      **doors_for("employer", "ivan", "office"))  # fmt: skip
async def order_pickup(
    number: FromPath[str], data: JSONBody[PickupWanted], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> shown.PickupShown:
    """The order is sent in the background, until the carrier has answered. The same again is answered as it stands; one
    that was refused may be mended and sent again.
    """
    carrier = shape_of(house.settings).carrier
    tidied = s10.tidy(number)
    ordered = await house.run(pickup.order, house.stores, caller, tidied, data, carrier, house.clock.now())
    return shown.pickup(ordered)


HANDLERS = [
    bind_item,
    show_item,
    list_items,
    load_pool,
    take_number,
    recall_numbers,
    order_pickup,
]
