"""The doors to the same case twice: what may be one case with a dossier, and whether a person says that it is."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from gateway.api.caller import doors_for, require, scope_of, visible
from gateway.api.once import once_of
from gateway.callers import Caller
from gateway.clock import VIETNAM, from_us, rfc3339
from gateway.house import House
from gateway.postal import same_case
from gateway.postal.same_case import Beside, Decision
from storage.same_cases import SameCase

_TAKES: dict[str, Any] = {"status_code": 200, "request_max_body_size": 64 * 1024}


class CaseShown(Struct, frozen=True, kw_only=True):
    """A filing that may be the same case, and why: `content`, both say the same; `rows`, much of what they say;
    `batch`, both stand under one batch. `announced`: it is paper that has not come. What the caller may not see of it
    is null.
    """

    dossier: str
    why: str
    noticed_at: str
    announced: bool
    channel: str | None
    receipt_number: str | None
    state: str | None
    received_at: str | None
    decision: str
    reason: str
    decided_by: str
    decided_at: str | None


class CasesShown(Struct, frozen=True):
    """What may be one case with the dossier; nothing of it is merged."""

    dossier: str
    same_case: list[CaseShown]


class CaseDecided(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the two are one case, and why."""

    other: Annotated[str, Meta(max_length=60)]
    decision: Decision
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class CaseDecision(Struct, frozen=True, kw_only=True):
    """What was decided of two filings."""

    dossier: str
    other: str
    decision: str
    reason: str
    decided_by: str
    decided_at: str


@get("/v1/dossiers/{dossier:str}/same-case", summary="The same case twice")
async def show_same_case(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> CasesShown:
    """Paper and electronic copies of one filing, found by unit, procedure, period and what their forms say."""
    require(caller, "employer", "ivan", "office", "operator")
    found = await visible(house, caller, dossier)
    return await house.run(_look, house, found.id, caller)


@post("/v1/dossiers/{dossier:str}/same-case", summary="Decide whether it is one case", **_TAKES, **doors_for("office"))
async def decide_same_case(
    dossier: FromPath[str],
    request: Request[Any, Any, Any],
    data: JSONBody[CaseDecided],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """`same` or `different`; both dossiers are told, and stay as they are. A later decision stands. With an
    Idempotency-Key the same request is given the same answer.
    """

    def render(pair: SameCase) -> bytes:
        return msgspec.json.encode(
            CaseDecision(
                dossier=dossier,
                other=data.other,
                decision=pair.decision,
                reason=pair.reason,
                decided_by=pair.decided_by,
                decided_at=rfc3339(from_us(pair.decided_at_us or 0)),
            )
        )

    once = once_of(request, f"same-case\0{dossier}".encode(), msgspec.json.encode(data), render)
    decided = await house.run(
        same_case.decide,
        house.stores,
        dossier,
        caller,
        data.other,
        data.decision,
        data.reason,
        house.clock.now(),
        once,
    )
    return Response(decided if isinstance(decided, bytes) else render(decided), media_type="application/json")


def _look(house: House, dossier: str, caller: Caller) -> CasesShown:
    scope = scope_of(caller, house.clock.now().astimezone(VIETNAM).date())
    with house.database.read() as tx:
        return CasesShown(dossier, [_shown(one) for one in same_case.of(tx, dossier, scope)])


def _shown(one: Beside) -> CaseShown:
    pair, seen = one.pair, one.dossier
    return CaseShown(
        dossier=one.other,
        why=pair.why,
        noticed_at=rfc3339(from_us(pair.found_at_us)),
        announced=one.is_announced,
        channel="post" if one.is_announced else seen.channel if seen else None,
        receipt_number=seen.statement_number if seen else None,
        state=seen.state if seen else None,
        received_at=rfc3339(from_us(seen.received_at_us)) if seen else None,
        decision=pair.decision,
        reason=pair.reason,
        decided_by=pair.decided_by,
        decided_at=rfc3339(from_us(pair.decided_at_us)) if pair.decided_at_us is not None else None,
    )


HANDLERS = [show_same_case, decide_same_case]
