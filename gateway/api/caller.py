"""Who calls, over HTTP: the bearer token, the role, the budget and its headers, the language of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.api.problems import Refused
from gateway.callers import Allowance, Budget, Caller, NotKnown, Role, seen_by
from gateway.clock import VIETNAM
from storage import journal

if TYPE_CHECKING:
    from datetime import date, datetime

    from gateway.house import House
    from gateway.report import Language

_BEARER = "bearer "


def bearer(authorization: str | None) -> str:
    """The token of an Authorization header (RFC 6750 §2.1). Raises `NotKnown`."""
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        raise NotKnown("no bearer token")
    return authorization[len(_BEARER) :].strip()


async def identify(house: House, authorization: str | None, budget: Budget, now: datetime) -> tuple[Caller, Allowance]:
    """The caller, and what is left of its budget after this request. Raises `NotKnown`, `BudgetSpent`."""
    token = bearer(authorization)
    caller = house.callers.believed(token, now)
    if caller is None:
        caller = await house.run(house.callers.by_token, token, now)
    if house.callers.has_block(caller, budget, now):
        return caller, house.callers.spend(caller, budget, now)
    return caller, await house.run(house.callers.spend, caller, budget, now)


def require(caller: Caller, *roles: Role) -> None:
    """Refuse a caller whose role is another."""
    if caller.role not in roles:
        raise Refused("forbidden", f"role {caller.role}")


def doors_for(*roles: Role) -> dict[str, Any]:
    """Options of a door that is for these roles alone: others are refused before its body is read."""

    def guard(connection: Any, handler: Any) -> None:
        del handler
        require(connection.state.caller, *roles)

    return {"guards": [guard]}


def require_office(caller: Caller, office: str) -> None:
    """Refuse a caller that does not work for the office."""
    require(caller, "office")
    if office not in caller.offices:
        raise Refused("forbidden", f"office {office}")


def scope_of(caller: Caller, on: date) -> journal.Scope:
    """What of the journal the caller may see on that day. Raises `Refused` for one that may see nothing."""
    scope = seen_by(caller, on)
    if scope is None:
        raise Refused("forbidden", f"role {caller.role}")
    return scope


async def visible(house: House, caller: Caller, dossier: str) -> journal.Dossier:
    """The dossier of that id, if the caller may see it today; else it is not there. Raises `Refused`."""
    scope = scope_of(caller, house.clock.now().astimezone(VIETNAM).date())

    def look() -> journal.Dossier | None:
        with house.database.read() as tx:
            return journal.dossier(tx, dossier, scope)

    found = await house.run(look)
    if found is None:
        raise Refused("not-found")
    return found


def allowance_headers(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """The budget as headers (draft-ietf-httpapi-ratelimit-headers, the three-field form that clients know)."""
    return [
        (b"ratelimit-limit", b"%d" % allowance.limit),
        (b"ratelimit-remaining", b"%d" % allowance.remaining),
        (b"ratelimit-reset", b"%d" % allowance.reset_s),
    ]


def language_of(accept_language: str | None) -> Language:
    """Vietnamese, unless the caller prefers English (RFC 9110 §12.5.4)."""
    if not accept_language:
        return "vi"
    best: dict[Language, float] = {}
    for item in accept_language.split(","):
        tag, _, parameters = item.strip().partition(";")
        name = tag.strip().lower().partition("-")[0]
        weight = parameters.strip().removeprefix("q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        if name == "vi":
            best["vi"] = max(best.get("vi", 0.0), quality)
        elif name == "en":
            best["en"] = max(best.get("en", 0.0), quality)
    return "en" if best.get("en", 0.0) > best.get("vi", 0.0) else "vi"
