"""The gateway as an office's software meets it after it has taken a dossier: reports, transfers, many at once."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from gateway.client import Unexpected
from gateway.client_course import CourseGateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

CONFLICT, NOT_FOUND = 409, 404


class CannotFollow(Exception):
    """The dossier stands elsewhere by now: it ended, was withdrawn or passed on. Trying again changes nothing."""


class Reported(Struct, frozen=True, kw_only=True):
    """The gateway has written it: the dossier's state, the fact's number, the due date in force, the statement."""

    dossier: str
    state: str
    report: str
    seq: int
    due_at: str | None
    statement: str


class TakenMany(Struct, frozen=True):
    """What became of leases: the dossiers that the office has now, and the leases that it had lost."""

    dossiers: tuple[str, ...]
    lost: tuple[str, ...]


class DossierLine(Struct, frozen=True, kw_only=True):
    """A dossier in the list of those that an office has."""

    seq: int
    dossier: str
    receipt_number: str
    state: str
    sha256: str
    procedure: str
    due_at: str | None


class ResultFile(Struct, frozen=True, kw_only=True):
    """A file of a result, signed by the agency in its own format."""

    name: str
    media_type: str
    content: bytes
    result_number: str = ""
    electronic_code: str = ""


class OfficeGateway(CourseGateway):
    """A client of one gateway, for an office; use it as an async context manager."""

    async def acknowledge_all(self, leases: Sequence[str]) -> TakenMany:
        """Say of many leases at once that the office has their dossiers. Safe to repeat."""
        answer = (await self._post("/v1/leases/acknowledgements", {"leases": list(leases)}, {})).json()
        return TakenMany(tuple(one["dossier"] for one in answer["acknowledged"]), tuple(answer["lost"]))

    async def report(
        self, dossier: str, state: int, said: Mapping[str, object], key: str, results: Sequence[ResultFile] = ()
    ) -> Reported:
        """Say what the office did: the national state, and the members of a report that go with it (`said`).

        `key` names this very report: saying it again under the same key, after a crash too, writes nothing twice.
        Raises `CannotFollow`, and what every request raises.
        """
        body: dict[str, object] = {"state": state, **said}
        if results:
            body["results"] = [_sent(one) for one in results]
        return await self._said(f"/v1/dossiers/{dossier}/reports", body, key)

    async def transfer(self, dossier: str, said: Mapping[str, object], key: str) -> Reported:
        """Pass the dossier on: to another `office`, or to a `department` of this one; `reason` says why.

        Safe to repeat under the same key. Raises `CannotFollow`.
        """
        return await self._said(f"/v1/dossiers/{dossier}/transfers", said, key)

    async def open_dossiers(self, state: str) -> AsyncIterator[DossierLine]:
        """The dossiers in that state that are this client's offices', in the order of their receipt."""
        after = 0
        while True:
            answer = await self._get("/v1/dossiers", {"state": state, "after": str(after)})
            page = answer.json()
            for one in msgspec.convert(page["dossiers"], list[DossierLine]):
                yield one
            if page["next"] == after or not page["dossiers"]:
                return
            after = page["next"]

    async def purpose_of(self, dossier: str) -> str:
        """What the dossier is: "" a filing, "supplement" or "withdrawal" what was sent about another."""
        purpose: str = (await self._get(f"/v1/dossiers/{dossier}", {})).json()["purpose"]
        return purpose

    async def _said(self, path: str, body: Mapping[str, object], key: str) -> Reported:
        try:
            answer = await self._post(path, body, {"idempotency-key": key})
        except Unexpected as told:
            if told.status in (CONFLICT, NOT_FOUND) and told.problem.get("code") != "key-reused":
                raise CannotFollow(str(told)) from told
            raise
        return msgspec.json.decode(answer.content, type=Reported)


def report_key(dossier: str, step: str, body: object = "") -> str:
    """The key of a step that is taken once for a dossier: the same again after a crash."""
    return hashlib.sha256(f"{dossier}\0{step}\0{body}".encode()).hexdigest()[:40]


def _sent(one: ResultFile) -> dict[str, Any]:
    return msgspec.structs.asdict(one) | {"content": base64.b64encode(one.content).decode()}
