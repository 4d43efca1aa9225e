"""The gateway as a party meets it once a dossier is received: its course, results; an employer's supplements."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from gateway.client import Accepted, ContentDiffers, Gateway, RefusedDossier

_DIGEST_ITEM = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


class ResultShown(Struct, frozen=True, kw_only=True):
    """A file of a result, and what the gateway judged of its signature."""

    number: int
    name: str
    media_type: str
    sha256: str
    size_bytes: int
    signature: str
    result_number: str
    url: str


class CourseShown(Struct, frozen=True, kw_only=True):
    """Where a dossier is, when it is due, and what was asked for. `due_at` is the date in force, with all pauses."""

    dossier: str
    state: str
    national: int
    office: str
    department: str
    officer: str
    taken_at: str | None
    due_at: str | None
    receipt_due_at: str | None
    paused_since: str | None
    appointed_at: str | None
    supplements_asked: int
    supplement_requests: list[dict[str, Any]]
    bhxh_number: str
    results: list[ResultShown]


class CourseGateway(Gateway):
    """A client of one gateway, for a party of dossiers; use it as an async context manager."""

    async def course(self, dossier: str) -> CourseShown:
        """Where the dossier is."""
        return msgspec.json.decode((await self._get(f"/v1/dossiers/{dossier}/course", {})).content, type=CourseShown)

    async def result(self, file: ResultShown) -> bytes:
        """A file of a result, compared with both digests that were told. Raises `ContentDiffers`."""
        answer: httpx.Response = await self._get(file.url, {})
        found = hashlib.sha256(answer.content)
        told = _DIGEST_ITEM.search(answer.headers.get("content-digest", ""))
        if found.hexdigest() != file.sha256 or not told or base64.b64decode(told[1]) != found.digest():
            raise ContentDiffers(f"{file.url}: {found.hexdigest()} ≠ {file.sha256}")
        return answer.content


class EmployerGateway(CourseGateway):
    """A client of one gateway, for an employer."""

    async def supplement(self, dossier: str, content: bytes) -> Accepted | RefusedDossier:
        """Send what was asked for: a signed envelope of its own. Safe to repeat, as `submit` is."""
        return await self.submit(content, path=f"/v1/dossiers/{dossier}/supplements")

    async def withdraw(self, dossier: str, content: bytes) -> Accepted | RefusedDossier:
        """Send the signed request to withdraw the dossier. Safe to repeat."""
        return await self.submit(content, path=f"/v1/dossiers/{dossier}/withdrawal")
