"""Which step follows which in a dossier's course; and what the operator asks of the gateway."""

from typing import Any

from gateway.client_office import OfficeGateway
from tests.offices.fates import Fate


class OperatorGateway(OfficeGateway):
    """The gateway as its operator meets it."""

    async def alarms(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._get("/v1/alarms", {})).json()
        return found

    async def revive(self, dossier: str) -> None:
        await self._post(f"/v1/dossiers/{dossier}/revive", {}, {})

    async def figures(self, **asked: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self._get("/v1/figures", asked)).json()
        return found


def after(done: str, fate: Fate) -> list[tuple[int, str]]:
    """The steps that follow a step, and after how many slots."""
    if done == "begin":
        return [(1, "number")]
    if done == "number":
        ways = {"decline": (1, "decline"), "stop": (fate.work, "stop"), "transfer": (1, "transfer")}
        if fate.ending in ways:
            return [ways[fate.ending]]
        if fate.ending in ("ask", "ask-again"):
            return [(1, "ask-1")]
        sorry = [(max(1, fate.work - 2), "apologise")] if fate.is_sorry else []
        return [*sorry, (fate.work, "finish")]
    if done == "ask-1":
        return [(fate.answering[0], "supplement-1")]
    if done == "ask-2":
        return [(fate.answering[1], "supplement-2")]
    if done == "supplement-1" and fate.ending == "ask-again":
        return [(1, "ask-2")]
    if done in ("supplement-1", "supplement-2"):
        return [(fate.work, "finish")]
    if done == "finish":
        return [(1, "return")]
    return []
