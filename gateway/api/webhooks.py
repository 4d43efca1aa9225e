"""The doors to webhooks: whoever follows dossiers names an address, by https or mail, and sees what became of it."""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from gateway import webhook as line
from gateway.api.caller import require
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import from_us, rfc3339
from gateway.house import House
from gateway.outgoing import URL_CHARACTERS_MAX, AddressAway, allowed_by, checked
from gateway.webhook import OVERLAP_S_MAX, TYPES_MAX, UNITS_MAX, Digest, Key, Made, Wanted, WebhookKind
from gateway.webhook_message import shown_secret
from storage.webhooks import Message, Webhook

OVERLAP_S: Final = 86_400
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_JSON: Final[dict[str, Any]] = {"status_code": 200, "request_max_body_size": 64 * 1024}
MessageState = Literal["waiting", "delivered", "dead"]
_Code = Annotated[str, Meta(max_length=100)]


class WebhookWanted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to tell of facts, and of which. `http` needs a `url`, `mail` an `address`."""

    kind: WebhookKind = "http"
    url: Annotated[str, Meta(max_length=URL_CHARACTERS_MAX)] = ""
    address: Annotated[str, Meta(max_length=254)] = ""
    types: Annotated[list[_Code], Meta(max_length=TYPES_MAX)] = []
    units: Annotated[list[_Code], Meta(max_length=UNITS_MAX)] = []
    digest: Digest = ""


class WebhookShown(Struct, frozen=True, kw_only=True):
    """One webhook, and how it does."""

    webhook: str
    kind: WebhookKind
    target: str
    types: list[str]
    units: list[str]
    digest: str
    state: Literal["active", "unconfirmed", "disabled"]
    why: str
    made_at: str
    upto: int
    failures: int
    waiting: int
    dead: int


class WebhookMade(Struct, frozen=True, kw_only=True):
    """A new webhook, and the secret of its signatures, shown this once; null for mails, and for one rotated since."""

    webhook: str
    kind: WebhookKind
    target: str
    types: list[str]
    units: list[str]
    digest: str
    state: Literal["active", "unconfirmed", "disabled"]
    made_at: str
    secret: str | None


class RotationWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """For how long messages are signed with the secret before this one, too."""

    overlap_s: Annotated[int, Meta(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S


class SecretShown(Struct, frozen=True):
    """The secret in force from now on, shown this once."""

    webhook: str
    secret: str


class ReplayWanted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to send again: exactly one of these."""

    after: Annotated[int, Meta(ge=0)] | None = None
    since: datetime | None = None
    message: Annotated[str, Meta(max_length=200)] | None = None


class Replayed(Struct, frozen=True):
    """From which fact on messages are sent again."""

    webhook: str
    after: int


class EnablingWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether what happened meanwhile is left out."""

    skip_missed: bool = False


class CodeTyped(Struct, frozen=True, forbid_unknown_fields=True):
    """The code that was mailed to the address."""

    code: Annotated[str, Meta(max_length=40)]


class DeliveryShown(Struct, frozen=True, kw_only=True):
    """A message and what became of it; `said` is how the last try ended."""

    number: int
    message: str
    type: str
    seq: int
    dossier: str
    state: MessageState
    attempts: int
    first_at: str
    tried_at: str | None
    next_at: str | None
    said: str


class DeliveryPage(Struct, frozen=True):
    """A page of messages; ask on with `after=next`."""

    deliveries: list[DeliveryShown]
    next: int


async def _followers(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Who follows dossiers; asked before anything of the body is read."""
    require(connection.state.caller, "employer", "ivan", "office", "operator")


_DOOR: Final[dict[str, Any]] = {"guards": [_followers]}


@post("/v1/webhooks", summary="Follow dossiers by webhook or mail", **_DOOR, **(_JSON | {"status_code": 201}))
async def create_webhook(
    request: Request[Any, Any, Any],
    data: JSONBody[WebhookWanted],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[WebhookMade]:
    """From now on every fact that GET /v1/events would show this client, and that passes the filters, is sent there:
    signed as Standard Webhooks asks, or by mail once the address is confirmed. No type named: all, or by mail those
    that matter. With an Idempotency-Key the same request is given the same answer for at least 30 days.
    """
    target = data.url if data.kind == "http" else data.address
    if bool(data.url) + bool(data.address) != 1 or not target:
        raise Refused("bad-request", "kind http: url; kind mail: address.")
    if data.kind == "mail" and not house.settings.smtp_url:
        raise line.WebhookRefused("this gateway sends no mails")
    wanted = line.checked(
        Wanted(kind=data.kind, target=target, types=tuple(data.types), units=tuple(data.units), digest=data.digest)
    )
    if data.kind == "http":
        await house.run(line.spend_look, house.database, caller, house.clock.now())
        await _look_at(house, target)
    made = await house.run(
        line.create, house.database, house.stores.cipher, caller, wanted, house.clock.now(), _key(request, data)
    )
    return Response(_made(made), status_code=201)


async def _look_at(house: House, url: str) -> None:
    """Refuse at once what would never be sent to. A name without an address today may have one tomorrow."""
    try:
        await checked(url, allowed_by(house.settings))
    except AddressAway:
        return


@get("/v1/webhooks", summary="The caller's webhooks", **_DOOR)
async def list_webhooks(house: NamedDependency[House], caller: NamedDependency[Caller]) -> list[WebhookShown]:
    """Each with how far it has come, and how many messages wait or are dead; never a secret."""
    found, counts = await house.run(line.listed, house.database, caller)
    return [_shown(one, counts) for one in found]


@get("/v1/webhooks/{webhook:str}/deliveries", summary="What became of a webhook's messages", **_DOOR)
async def list_deliveries(
    webhook: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    after: Annotated[int, QueryParameter(ge=0, le=2**63 - 1)] = 0,
    in_state: Annotated[MessageState | None, QueryParameter(name="state")] = None,
) -> DeliveryPage:
    """In the order in which they were first tried, after number `after`. Those that were delivered are remembered for
    30 days, dead ones for 90.
    """
    page = await house.run(line.page, house.database, caller, webhook, after, in_state or "")
    return DeliveryPage([_delivery(one) for one in page], page[-1].number if page else after)


@post("/v1/webhooks/{webhook:str}/rotate", summary="A new secret", **_DOOR, **_JSON)
async def rotate_webhook(
    webhook: FromPath[str],
    data: JSONBody[RotationWanted],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> SecretShown:
    """Messages are signed with both for a while, so that none is refused meanwhile."""
    now, cipher = house.clock.now(), house.stores.cipher
    made = await house.run(line.rotate, house.database, cipher, caller, webhook, data.overlap_s, now)
    return SecretShown(webhook, shown_secret(made.secret or b""))


@post("/v1/webhooks/{webhook:str}/replay", summary="Send again", **_DOOR, **_JSON)
async def replay_webhook(
    webhook: FromPath[str],
    data: JSONBody[ReplayWanted],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Replayed:
    """One message, or every fact after a number or since a time. Messages keep their names: who has them knows them."""
    asked = {"after": data.after, "since": data.since, "message": data.message}
    named = {name: value for name, value in asked.items() if value is not None}
    if len(named) != 1 or (data.since is not None and data.since.tzinfo is None):
        raise Refused("bad-request", "after, since (RFC 3339) or message.")
    after = await house.run(line.replay, house.database, caller, webhook, house.clock.now(), **named)  # type: ignore[arg-type]
    return Replayed(webhook, after)


@post("/v1/webhooks/{webhook:str}/disable", summary="Send nothing more", **_DOOR, **_JSON)
async def disable_webhook(
    webhook: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> WebhookShown:
    """Safe to repeat. It keeps its place, so that it can go on from there."""
    return _shown(await house.run(line.disable, house.database, caller, webhook, house.clock.now()), {})


@post("/v1/webhooks/{webhook:str}/enable", summary="Send on", **_DOOR, **_JSON)
async def enable_webhook(
    webhook: FromPath[str],
    data: JSONBody[EnablingWanted],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> WebhookShown:
    """From where it stopped, or with `skip_missed` from now on."""

    def step() -> Webhook:
        return line.enable(house.database, caller, webhook, house.clock.now(), skip_missed=data.skip_missed)

    return _shown(await house.run(step), {})


@post("/v1/webhooks/{webhook:str}/confirm", summary="The address wants mails", **_DOOR, **_JSON)
async def confirm_webhook(
    webhook: FromPath[str],
    data: JSONBody[CodeTyped],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> WebhookShown:
    """With the code that was mailed there, within 48 hours and ten tries. Nothing else is mailed before."""
    now, cipher = house.clock.now(), house.stores.cipher
    return _shown(await house.run(line.confirm, house.database, cipher, caller, webhook, data.code, now), {})


@post("/v1/webhooks/{webhook:str}/test", summary="Send a message of trial", **_DOOR, **(_JSON | {"status_code": 202}))
async def try_webhook(
    webhook: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> DeliveryShown:
    """It goes the way of all others, within a second or two; its deliveries tell how it went."""
    return _delivery(await house.run(line.trial, house.database, caller, webhook, house.clock.now()))


def _key(request: Request[Any, Any, Any], wanted: WebhookWanted) -> Key | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Refused("bad-request", "Idempotency-Key: 1–255 visible ASCII.")
    return Key(key, hashlib.sha256(b"webhooks\0" + msgspec.json.encode(wanted)).digest())


def _made(made: Made) -> WebhookMade:
    one = made.webhook
    is_signed = one.kind == "http" and made.secret is not None
    return WebhookMade(
        webhook=one.id,
        kind="http" if one.kind == "http" else "mail",
        target=one.target,
        types=list(one.types),
        units=list(one.units),
        digest=one.digest,
        state="active" if one.state == "active" else "unconfirmed",
        made_at=rfc3339(from_us(one.made_at_us)),
        secret=shown_secret(made.secret) if is_signed and made.secret else None,
    )


def _shown(one: Webhook, counts: dict[tuple[str, str], int]) -> WebhookShown:
    shown = {name: getattr(one, name) for name in ("kind", "target", "types", "units", "digest", "state", "why")}
    further = {
        "webhook": one.id,
        "made_at": rfc3339(from_us(one.made_at_us)),
        "upto": one.upto_seq,
        "failures": one.failures,
        "waiting": counts.get((one.id, "waiting"), 0),
        "dead": counts.get((one.id, "dead"), 0),
    }
    return msgspec.convert(shown | further, WebhookShown)


def _delivery(one: Message) -> DeliveryShown:
    shown = {
        "number": one.number,
        "message": one.id,
        "type": one.type,
        "seq": one.seq,
        "dossier": one.dossier,
        "state": one.state,
        "attempts": one.attempt,
        "first_at": rfc3339(from_us(one.first_at_us)),
        "tried_at": rfc3339(from_us(one.tried_at_us)) if one.tried_at_us else None,
        "next_at": rfc3339(from_us(one.next_at_us)) if one.next_at_us is not None else None,
        "said": one.said,
    }
    return msgspec.convert(shown, DeliveryShown)


HANDLERS = [
    create_webhook,
    list_webhooks,
    list_deliveries,
    rotate_webhook,
    replay_webhook,
    disable_webhook,
    enable_webhook,
    confirm_webhook,
    try_webhook,
]
