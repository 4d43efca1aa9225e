"""The back office's door: lease, extend, release, acknowledge; and the alarms that need a person."""

from functools import partial
from typing import Annotated, Any, Literal, get_args

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from gateway import desk
from gateway.api import views, work_views
from gateway.api.caller import doors_for, require, require_office
from gateway.api.once import once_of
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM, from_us, rfc3339
from gateway.course import procedure_of
from gateway.house import House
from gateway.judge import Tables
from gateway.repeated import Once
from gateway.report import Language
from gateway.reports import theirs
from storage import alarms, clients, journal, work
from storage.work import Choice

LEASE_S = 300
WorkState = Literal["offered", "leased", "dead"]
LOOK_AGAIN_S = 1.0
_TAKES: dict[str, Any] = {"status_code": 200, "request_max_body_size": 64 * 1024}


class LeaseWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """How much work, for how long, and how long to wait for it."""

    max: Annotated[int, Meta(ge=1, le=desk.LEASES_MAX)] = 10
    lease_s: Annotated[int, Meta(ge=1)] = LEASE_S
    wait_s: Annotated[float, Meta(ge=0)] = 0
    # Only work of these procedures; none named: of all.
    procedures: Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(max_length=100)] = []
    # The oldest first, or what is due first.
    first: Literal["offered", "due"] = "offered"
    # Of each employer only its oldest open dossier, and none while another holder has an earlier one.
    unit_order: bool = False

    @property
    def choice(self) -> Choice:
        """Which work of the office is asked for, and in which order."""
        return Choice(procedures=tuple(self.procedures), first=self.first, unit_order=self.unit_order)


class Taken(Struct, frozen=True, forbid_unknown_fields=True):
    """What the office's software signed itself when it took the dossier: a JWS, `typ` motcua-pickup+jws, by its
    client's registered key, over {lease, dossier, sha256}; "" if it signs nothing.
    """

    pickup: Annotated[str, Meta(max_length=4096)] = ""


class TakenMany(Struct, frozen=True, forbid_unknown_fields=True):
    """Leases to acknowledge in one go."""

    leases: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(min_length=1, max_length=desk.LEASES_MAX)]


class Longer(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a lease is to run from now."""

    lease_s: Annotated[int, Meta(ge=1)] = LEASE_S


class GivenBack(Struct, frozen=True, forbid_unknown_fields=True):
    """Why work is given back."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class Acknowledged(Struct, frozen=True):
    """The office has the dossier; `handover` is the signed statement of it (JWS), whose digest goes into the log."""

    dossier: str
    state: str
    handover: str


class AcknowledgedMany(Struct, frozen=True):
    """What became of each lease: acknowledged, or lost, as a lease that has ended is."""

    acknowledged: list[Acknowledged]
    lost: list[str]


class Extended(Struct, frozen=True):
    """The lease runs on."""

    lease: str
    lease_until: str


class Released(Struct, frozen=True):
    """What became of work that was given back: offered, or dead after too many attempts."""

    work: str


@post("/v1/offices/{office:str}/leases", summary="Take work", **_TAKES)
async def take_leases(
    request: Request[Any, Any, Any],
    office: FromPath[str],
    data: JSONBody[LeaseWanted],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """The office's oldest open dossiers, each under its own lease. Waits up to `wait_s` for the first. With an
    Idempotency-Key the same request is given the same answer for at least 30 days, if it handed out work.
    """
    require_office(caller, office)
    once = _once(request, office, data, house.tables)
    until = house.clock.now().timestamp() + min(data.wait_s, house.settings.wait_s_max)
    lease_s = min(data.lease_s, house.settings.lease_s_max)
    while True:
        now = house.clock.now()
        handed = await house.run(desk.lease, house.database, office, caller, data.max, lease_s, now, once, data.choice)
        if isinstance(handed, bytes):
            return Response(handed, media_type="application/json")
        left_s = until - now.timestamp()
        if handed.leased or left_s <= 0:
            return Response(_render(house.tables, handed), media_type="application/json")
        while left_s > 0:
            reached, is_open = await house.run(_look, house, office, caller, data.choice)
            if is_open:
                break
            if house.watch.stopped:
                return Response(_render(house.tables, handed), media_type="application/json")
            # A lease that runs out is no new fact until somebody looks: look again soon.
            await house.watch.beyond(reached, min(left_s, LOOK_AGAIN_S))
            left_s = until - house.clock.now().timestamp()


@post("/v1/leases/{lease:str}/acknowledge", summary="The office has the dossier", **_TAKES)
async def acknowledge(
    lease: FromPath[str],
    request: Request[Any, Any, Any],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Acknowledged:
    """Say so when the digest of the fetched bytes is right; a body may carry the office's own signature of it. Safe to
    repeat; 409 when the lease has ended.
    """
    require(caller, "office")
    taken = _taken(await request.body())
    handed = await house.run(desk.acknowledge, house.stores, lease, caller, house.clock.now(), taken.pickup)
    return Acknowledged(handed.dossier.id, handed.dossier.state, handed.statement)


@post("/v1/leases/acknowledgements", summary="The office has these dossiers", **_TAKES, **doors_for("office"))
async def acknowledge_many(
    data: JSONBody[TakenMany], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> AcknowledgedMany:
    """Many leases in one commit. One that has ended is named, and keeps no other from being acknowledged. Safe to
    repeat.
    """
    outcomes = await house.run(desk.acknowledge_all, house.stores, data.leases, caller, house.clock.now())
    return AcknowledgedMany(
        [
            Acknowledged(one.dossier.id, one.dossier.state, one.statement)
            for one in outcomes.values()
            if isinstance(one, desk.HandedOver)
        ],
        [lease for lease, one in outcomes.items() if not isinstance(one, desk.HandedOver)],
    )


@post("/v1/leases/{lease:str}/extend", summary="Hold work longer", **_TAKES)
async def extend(
    lease: FromPath[str], data: JSONBody[Longer], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Extended:
    """The lease then ends `lease_s` from now. 409 when it has ended."""
    require(caller, "office")
    lease_s = min(data.lease_s, house.settings.lease_s_max)
    leased = await house.run(desk.extend, house.database, lease, caller, lease_s, house.clock.now())
    return Extended(lease, rfc3339(from_us(leased.work.lease_until_us or 0)))


@post("/v1/leases/{lease:str}/release", summary="Give work back", **_TAKES)
async def release(
    lease: FromPath[str], data: JSONBody[GivenBack], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Released:
    """It is offered again at once, or put on the dead list after too many attempts. 409 when the lease has ended."""
    require(caller, "office")
    return Released(await house.run(desk.release, house.database, lease, caller, data.reason, house.clock.now()))


@get("/v1/alarms", summary="What needs a person")
async def list_alarms(
    house: NamedDependency[House], caller: NamedDependency[Caller], language: NamedDependency[Language]
) -> list[views.AlarmShown]:
    """The open alarms: an office sees its own, an employer or I-VAN its units', an operator all."""
    require(caller, "employer", "ivan", "office", "operator")
    on = house.clock.now().astimezone(VIETNAM).date()

    def look() -> list[views.AlarmShown]:
        with house.database.read() as tx:
            owners: list[str] | None = sorted(caller.offices)
            if caller.role == "operator":
                owners = None
            elif caller.role != "office":
                owners = sorted(clients.units(tx, caller.client, on))
            if owners is not None:
                # What concerns the client itself: its webhooks.
                owners.append(caller.client)
            return [views.alarm_shown(alarm, language) for alarm in alarms.alarms(tx, owners)]

    return await house.run(look)


@post("/v1/dossiers/{dossier:str}/revive", summary="Offer dead work again", **_TAKES)
async def revive(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> dict[str, bool]:
    """When the cause is mended: the work leaves the dead list and its alarm is closed. For its office and operators."""
    require(caller, "office", "operator")
    if caller.role == "office":
        await house.run(_check_theirs, house, dossier, caller)
    return {"offered": await house.run(desk.revive, house.database, dossier, caller.client, house.clock.now())}


@get("/v1/offices/{office:str}/work", summary="The office's open work")
async def list_work(
    office: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    states: Annotated[list[WorkState] | None, QueryParameter(name="state")] = None,
    after: Annotated[int, QueryParameter(ge=0, le=2**63 - 1)] = 0,
) -> work_views.OpenWorkPage:
    """What is offered, leased or on the dead list, in the order it was offered; ask on with `after=next`."""
    if caller.role != "operator":
        require_office(caller, office)

    def look() -> work_views.OpenWorkPage:
        with house.database.read() as tx:
            return work_views.open_work_page(work.listed(tx, office, states or get_args(WorkState), after), after)

    return await house.run(look)


def _look(house: House, office: str, caller: Caller, choice: Choice) -> tuple[int, bool]:
    with house.database.read() as tx:
        return journal.head(tx), desk.is_any_open(tx, office, caller.client, house.clock.now(), choice)


def _check_theirs(house: House, dossier: str, caller: Caller) -> None:
    with house.database.read() as tx:
        theirs(tx, dossier, caller)


def _taken(body: bytes) -> Taken:
    """The body of an acknowledgement, which may be empty."""
    if not body.strip():
        return Taken()
    try:
        return msgspec.json.decode(body, type=Taken)
    except msgspec.MsgspecError as error:
        raise Refused("bad-request", f"{error}.") from error


def _render(tables: Tables, handed: desk.Handed) -> bytes:
    return msgspec.json.encode(work_views.work_page(handed, lambda dossier: procedure_of(dossier, tables)))


def _once(request: Request[Any, Any, Any], office: str, wanted: LeaseWanted, tables: Tables) -> Once | None:
    render = partial(_render, tables)
    return once_of(request, f"leases\0{office}".encode(), msgspec.json.encode(wanted), render)


HANDLERS = [take_leases, acknowledge, acknowledge_many, extend, release, list_work, list_alarms, revive]
