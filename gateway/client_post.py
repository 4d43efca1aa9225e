"""The gateway as an employer's software meets it when paper is to come: announced, printed, bound to an item."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from gateway.client import ContentDiffers, Gateway, NotAllowed, Unexpected

_PATH = "/v1/postal/announcements"
_DIGEST_ITEM = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


class Announced(Struct, frozen=True, kw_only=True):
    """An announcement as the gateway holds it: `told` is its whole answer. `fresh` is false when it held it before."""

    announcement: str
    told: dict[str, Any]
    fresh: bool


class Unannounced(Struct, frozen=True, kw_only=True):
    """The gateway did not take the announcement: `problem` is the whole answer, with all findings of all dossiers."""

    code: str
    problem: dict[str, Any]

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What is wrong, if it is the data."""
        found: list[dict[str, Any]] = self.problem.get("findings", [])
        return found


class PostGateway(Gateway):
    """A client of one gateway, for who sends paper; use it as an async context manager."""

    async def announce(self, body: object) -> Announced | Unannounced:
        """Announce paper; `body` as the interface describes it. Safe to repeat: the same body, the same announcement.

        Raises `GatewayAway`, `NotAllowed`, `Unexpected`.
        """
        content = msgspec.json.encode(body)
        answer = await self._surely("POST", _PATH, content=content, headers={"content-type": "application/json"})
        if answer.status_code in (httpx.codes.OK, httpx.codes.CREATED):
            told = answer.json()
            fresh = answer.status_code == httpx.codes.CREATED
            return Announced(announcement=told["announcement"], told=told, fresh=fresh)
        problem = _problem(answer)
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY and "code" in problem:
            return Unannounced(code=problem["code"], problem=problem)
        raise _error(answer)

    async def check(self, body: object) -> tuple[bool, list[dict[str, Any]]]:
        """What an announcement would be told; nothing is kept."""
        told = (await self._post(f"{_PATH}/check", body, {})).json()
        return bool(told["ok"]), told["findings"]

    async def announcement(self, announcement: str) -> dict[str, Any]:
        """Where its dossiers and items are."""
        told: dict[str, Any] = (await self._get(f"{_PATH}/{announcement}", {})).json()
        return told

    async def cancel(self, announcement: str) -> dict[str, Any]:
        """Cancel it. Safe to repeat."""
        told: dict[str, Any] = (await self._post(f"{_PATH}/{announcement}/cancellation", {}, {})).json()
        return told

    async def printed(self, url: str) -> bytes:
        """Cover sheets or forms to print, compared with the digest that was told. Raises `ContentDiffers`."""
        answer = await self._get(url, {})
        found = hashlib.sha256(answer.content)
        told = _DIGEST_ITEM.search(answer.headers.get("content-digest", ""))
        if told and base64.b64decode(told[1]) != found.digest():
            raise ContentDiffers(f"{url}: {found.hexdigest()}")
        return answer.content

    async def bind(self, item: str, announcement: str, carrier: str = "") -> dict[str, Any]:
        """Bind an item's number to an announcement. Safe to repeat."""
        body = {"announcement": announcement} | ({"carrier": carrier} if carrier else {})
        content = msgspec.json.encode(body)
        headers = {"content-type": "application/json"}
        answer = await self._surely("PUT", f"/v1/postal/items/{item}", content=content, headers=headers)
        if answer.status_code not in (httpx.codes.OK, httpx.codes.CREATED):
            raise _error(answer)
        told: dict[str, Any] = answer.json()
        return told


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _error(answer: httpx.Response) -> Exception:
    problem = _problem(answer)
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return NotAllowed(f"{problem.get('title', 'HTTP')} {answer.status_code} {problem.get('detail', '')}".strip())
    return Unexpected(answer.status_code, problem)
