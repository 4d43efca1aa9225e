"""A dossier's bytes on their way out: streamed, whole or one range of them (RFC 9110 §14), with little memory."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from litestar.response import Stream
from litestar.response.base import Response
from msgspec import Struct

from gateway import ids
from gateway.api.caller import language_of
from gateway.api.problems import Refused, answer_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from litestar import Request
    from litestar.types import Receive, Send

    from gateway.contents import Content
    from gateway.house import House

DIGITS_MAX = 15
# Set where HEAD was asked for: nothing need be read then.
HEAD_EXTENSION = "motcua.head"
_RANGE = re.compile(r"bytes\s*=\s*([0-9]*)-([0-9]*)", re.IGNORECASE)


def as_get(scope: Any, receive: Receive, send: Send) -> tuple[Any, Receive, Send]:
    """HEAD is GET without the body (RFC 9110 §9.3.2)."""
    if scope["type"] != "http" or scope["method"] != "HEAD":
        return scope, receive, send

    async def sending(message: Any) -> None:
        without_body: Any = {**message, "body": b""}
        await send(without_body if message["type"] == "http.response.body" else message)

    extensions = {**(scope.get("extensions") or {}), HEAD_EXTENSION: {}}
    return {**scope, "method": "GET", "extensions": extensions}, receive, sending


class Span(Struct, frozen=True):
    """The bytes from `start` up to `end`."""

    start: int
    end: int


class RangeNotSatisfiable(Exception):
    """The content has none of the bytes that were asked for. Trying again is of no use."""


def asked_span(said: str | None, size_bytes: int) -> Span | None:
    """What a Range header asks for; None for all: without one, with one that is not understood, or with several ranges
    (RFC 9110 §14.2 lets them be ignored). Raises `RangeNotSatisfiable` (§15.5.17).
    """
    match = _RANGE.fullmatch(said.strip()) if said else None
    if match is None or match[1] == match[2] == "" or max(map(len, match.groups())) > DIGITS_MAX:
        return None
    if match[1] == "":
        # The last so many.
        start, end = max(0, size_bytes - int(match[2])), size_bytes
    else:
        start = int(match[1])
        end = min(int(match[2]) + 1, size_bytes) if match[2] else size_bytes
        if match[2] and int(match[2]) < start:
            return None
    if start >= size_bytes or start >= end:
        raise RangeNotSatisfiable(said)
    return Span(start, end)


class Outgoing:
    """An answer that carries content. `prepare` reads its beginning, so that what cannot be read is an error and not
    an answer that breaks off; only then may the reading be written down, and the answer be given.
    """

    def __init__(self, house: House, request: Request[Any, Any, Any], content: Content, media_type: str) -> None:
        self._house, self._content, self._media_type = house, content, media_type
        self._etag = f'"{content.sha256[:16].hex()}"'
        self._language = language_of(request.headers.get("accept-language"))
        self.is_head = HEAD_EXTENSION in (request.scope.get("extensions") or {})
        # A range of what the caller holds of another content would be put to the wrong place (RFC 9110 §13.1.5).
        fits = request.headers.get("if-range", self._etag) == self._etag
        self.span: Span | None = None
        self.is_refused = False
        try:
            self.span = asked_span(request.headers.get("range") if fits else None, content.size_bytes)
        except RangeNotSatisfiable:
            self.is_refused = True
        self._chunks: Iterator[bytes] = iter(())
        self._first: bytes | None = None

    @property
    def carries_content(self) -> bool:
        """Whether bytes of the dossier will leave."""
        return not (self.is_head or self.is_refused)

    async def prepare(self) -> None:
        """Read the first chunk. Raises what reading raises."""
        if self.carries_content:
            span = self.span or Span(0, self._content.size_bytes)
            self._chunks = self._content.chunks(span.start, span.end)
            self._first = await self._house.run_apart(next, self._chunks, None)

    def answer(self, correlation: str = "") -> Response[Any]:
        """The answer: 200, 206 or 416."""
        size_bytes = self._content.size_bytes
        if self.is_refused:
            refused = answer_of(Refused("range-not-satisfiable"), self._language, correlation or ids.correlation_id())
            headers = {name.decode(): value.decode() for name, value in refused.headers}
            headers["content-range"] = f"bytes */{size_bytes}"
            return Response(
                refused.body, status_code=refused.status, headers=headers, media_type=headers["content-type"]
            )
        span = self.span or Span(0, size_bytes)
        digest = f"sha-256=:{base64.b64encode(self._content.sha256).decode()}:"
        headers = {
            "accept-ranges": "bytes",
            "etag": self._etag,
            # RFC 9530: of the whole; and of what this answer carries, where that is the whole.
            "repr-digest": digest,
            "content-length": str(span.end - span.start),
        }
        if correlation:
            headers["x-correlation-id"] = correlation
        if self.span is None:
            headers["content-digest"] = digest
        else:
            headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{size_bytes}"
        status = 200 if self.span is None else 206
        if self.is_head:
            return Response(b"", status_code=status, headers=headers, media_type=self._media_type)
        return Stream(self._leaving(), status_code=status, headers=headers, media_type=self._media_type)

    async def _leaving(self) -> AsyncIterator[bytes]:
        chunk, self._first = self._first, None
        while chunk is not None:
            yield chunk
            # What turns out not to be right ends the connection: fewer bytes come than were announced.
            chunk = await self._house.run_apart(next, self._chunks, None)
