"""The employer's doors to a dossier that was received: a supplement to it, and its withdrawal."""

from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway import supplements
from gateway.about import SUPPLEMENT, About
from gateway.api.submit import submit
from gateway.callers import Caller
from gateway.clock import VIETNAM
from gateway.house import House
from schemas.withdrawal import WITHDRAWAL


@post(
    "/v1/dossiers/{dossier:str}/supplements",
    summary="Send a supplement",
    status_code=201,
    opt={"asks_who_calls": True},
)
async def send_supplement(
    request: Request[Any, Any, Any], dossier: FromPath[str], house: NamedDependency[House]
) -> Response[bytes]:
    """What was asked for, as a signed envelope of the same unit, procedure and period with only what is new in it. It
    is received like a dossier, with its own receipt; a clock that stood still runs again from its time of receipt.
    """
    return await _send(request, dossier, house, SUPPLEMENT)


@post(
    "/v1/dossiers/{dossier:str}/withdrawal",
    summary="Withdraw a dossier",
    status_code=201,
    opt={"asks_who_calls": True},
)
async def send_withdrawal(
    request: Request[Any, Any, Any], dossier: FromPath[str], house: NamedDependency[House]
) -> Response[bytes]:
    """A signed envelope of procedure RUT, whose form names the receipt. The dossier ends with it at once; it is
    received with its own receipt, and offered to the office that has the dossier.
    """
    return await _send(request, dossier, house, WITHDRAWAL)


async def _send(request: Request[Any, Any, Any], dossier: str, house: House, purpose: str) -> Response[bytes]:
    async def sent_about(caller: Caller) -> About:
        return await house.run(_find, house, dossier, purpose, caller)

    answer = await submit(house, request.scope, request.receive, sent_about)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=headers["content-type"])


def _find(house: House, dossier: str, purpose: str, caller: Caller) -> About:
    on = house.clock.now().astimezone(VIETNAM).date()
    with house.database.read() as tx:
        return supplements.about(tx, dossier, purpose, caller, on)


HANDLERS = [send_supplement, send_withdrawal]
