"""The back office's door: lease, extend, release, acknowledge; and the alarms that need a person."""

import hashlib
import re
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from gateway import desk
from gateway.api import views
from gateway.api.caller import require, require_office
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM, from_us, rfc3339
from gateway.house import House
from gateway.report import Language
from storage import alarms, clients, journal

LEASE_S = 300
LOOK_AGAIN_S = 1.0
_TAKES: dict[str, Any] = {"status_code": 200, "request_max_body_size": 64 * 1024}
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class LeaseWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """How much work, for how long, and how long to wait for it."""

    max: Annotated[int, Meta(ge=1, le=desk.LEASES_MAX)] = 10
    lease_s: Annotated[int, Meta(ge=1)] = LEASE_S
    wait_s: Annotated[float, Meta(ge=0)] = 0


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
    once = _once(request, office, data)
    until = house.clock.now().timestamp() + min(data.wait_s, house.settings.wait_s_max)
    lease_s = min(data.lease_s, house.settings.lease_s_max)
    while True:
        now = house.clock.now()
        handed = await house.run(desk.lease, house.database, office, caller, data.max, lease_s, now, once)
        if isinstance(handed, bytes):
            return Response(handed, media_type="application/json")
        left_s = until - now.timestamp()
        if handed.leased or left_s <= 0:
            return Response(_render(handed), media_type="application/json")
        while left_s > 0:
            reached, is_open = await house.run(_look, house, office)
            if is_open:
                break
            if house.watch.stopped:
                return Response(_render(handed), media_type="application/json")
            # A lease that runs out is no new fact until somebody looks: look again soon.
            await house.watch.beyond(reached, min(left_s, LOOK_AGAIN_S))
            left_s = until - house.clock.now().timestamp()


@post("/v1/leases/{lease:str}/acknowledge", summary="The office has the dossier", **_TAKES)
async def acknowledge(
    lease: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Acknowledged:
    """Say so when the digest of the fetched bytes is right. Safe to repeat; 409 when the lease has ended."""
    require(caller, "office")
    handed = await house.run(desk.acknowledge, house.stores, lease, caller, house.clock.now())
    return Acknowledged(handed.dossier.id, handed.dossier.state, handed.statement)


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
            return [views.alarm_shown(alarm, language) for alarm in alarms.alarms(tx, owners)]

    return await house.run(look)


@post("/v1/dossiers/{dossier:str}/revive", summary="Offer dead work again", **_TAKES)
async def revive(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> dict[str, bool]:
    """For an operator, when the cause is mended: the work leaves the dead list and its alarm is closed."""
    require(caller, "operator")
    return {"offered": await house.run(desk.revive, house.database, dossier, caller.client, house.clock.now())}


def _look(house: House, office: str) -> tuple[int, bool]:
    with house.database.read() as tx:
        return journal.head(tx), desk.is_any_open(tx, office, house.clock.now())


def _render(handed: desk.Handed) -> bytes:
    return msgspec.json.encode(views.work_page(handed))


def _once(request: Request[Any, Any, Any], office: str, wanted: LeaseWanted) -> desk.Once | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Refused("bad-request", "Idempotency-Key: 1–255 visible ASCII.")
    return desk.Once(
        key, hashlib.sha256(b"leases\0" + office.encode() + b"\0" + msgspec.json.encode(wanted)).digest(), _render
    )


HANDLERS = [take_leases, acknowledge, extend, release, list_alarms, revive]
