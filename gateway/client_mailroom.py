"""The gateway as a mail room without software of its own meets it: items opened, scans sent, what waits."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from msgspec import Struct

from gateway.client import Gateway, NotAllowed, Unexpected

if TYPE_CHECKING:
    from collections.abc import Mapping

READING_S = 1000.0
_REFUSED = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})


class Lack(Struct, frozen=True):
    """Something that a dossier lacks, and the key by which it is acknowledged."""

    key: str
    why: str


class Stand(Struct, frozen=True, kw_only=True):
    """How a dossier of an item stands: waiting, wanted, refused or filed."""

    dossier: str
    procedure: str
    unit: str
    state: str
    complete: bool
    pages: int
    missing: list[Lack]


class Piece(Struct, frozen=True, kw_only=True):
    """A kind of piece: announced and counted."""

    dossier: str
    kind: str
    name: str
    announced: int
    counted: int | None
    short: int
    surplus: int


class Page(Struct, frozen=True, kw_only=True):
    """A scanned page, and why it is where it is."""

    scan: str
    number: int
    state: str
    dossier: str
    why: str


class Opening(Struct, frozen=True, kw_only=True):
    """An opened item."""

    opening: str
    item: str
    announced: bool
    agrees: bool
    settled: bool
    pieces: list[Piece]
    dossiers: list[Stand]


class Scanned(Struct, frozen=True, kw_only=True):
    """What became of a scan's pages."""

    scan: str
    opening: str
    pages: list[Page]
    dossiers: list[Stand]


class MailRoomGateway(Gateway):
    """A client of one gateway, for a mail room; use it as an async context manager. Everything is safe to repeat."""

    async def open_item(self, told: Mapping[str, object]) -> Opening:
        """Say that an item was opened and what was counted. Raises `Unexpected`, and what every request raises."""
        return msgspec.json.decode((await self._post("/v1/mailroom/openings", told, {})).content, type=Opening)

    async def scan(self, opening: str, content: bytes, media_type: str, batch: str = "") -> Scanned:
        """Send a file of scanned pages until there is an answer. Raises `Unexpected` for one that cannot be read, and
        what every request raises.
        """
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {"content-type": media_type, "content-digest": f"sha-256=:{digest}:"}
        parameters = {"opening": opening} | ({"batch": batch} if batch else {})
        # Reading hundreds of pages takes minutes, in which nothing is said.
        answer = await self._surely(
            "POST", "/v1/mailroom/scans", content=content, headers=headers, params=parameters, timeout=READING_S
        )
        if answer.status_code != httpx.codes.OK:
            raise _error(answer)
        return msgspec.json.decode(answer.content, type=Scanned)


def _error(answer: httpx.Response) -> Exception:
    problem: dict[str, Any] = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    if answer.status_code in _REFUSED:
        return NotAllowed(f"{problem.get('title', 'HTTP')} {answer.status_code} {problem.get('detail', '')}".strip())
    return Unexpected(answer.status_code, problem)
