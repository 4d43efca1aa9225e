"""The gateway as a counter meets it: what was handed over or taken is told, as often as it takes."""

from __future__ import annotations

from typing import Final

import httpx
import msgspec
from msgspec import Struct

from gateway.client import Gateway, NotAllowed, Unexpected

_STRANGER: Final = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
_WRITTEN: Final = frozenset({httpx.codes.OK, httpx.codes.CREATED})


class Told(Struct, frozen=True, kw_only=True):
    """The gateway has written it; `fresh` is false when it had it already. `statement` is its compact JWS."""

    manifest: str
    side: str
    sha256: str
    entered_at: str
    signed_by: str
    statement: str
    fresh: bool = True


class CounterGateway(Gateway):
    """A client of one gateway, for a counter; use it as an async context manager."""

    async def tell(self, path: str, body: bytes) -> Told:
        """Tell what one side says of a manifest. Safe to repeat.

        Raises `Unexpected` for what the gateway refuses, `NotAllowed`, `GatewayAway`.
        """
        headers = {"content-type": "application/json"}
        answer = await self._surely("POST", path, content=body, headers=headers)
        if answer.status_code not in _WRITTEN:
            raise _refused(answer)
        told = msgspec.json.decode(answer.content, type=Told)
        return msgspec.structs.replace(told, fresh=answer.status_code == httpx.codes.CREATED)


def _refused(answer: httpx.Response) -> Exception:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if answer.status_code in _STRANGER:
        told = " ".join(str(problem.get(name, "")) for name in ("title", "detail"))
        return NotAllowed(f"HTTP {answer.status_code} {told}".strip())
    return Unexpected(answer.status_code, problem)
