"""Resumable uploads: tus 1.0.0 with creation, creation-with-upload, checksum, expiration and termination."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import re
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from gateway.api.body import SenderGone, SenderSlow
from gateway.api.caller import require
from gateway.api.problems import Answer, Refused
from gateway.callers import Caller
from gateway.clock import from_us, rfc3339
from gateway.house import House
from gateway.uploads import UploadTooLarge
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from gateway.api.body import Limits
    from gateway.uploads import Taken
    from storage.uploads import Upload

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
PART = "application/offset+octet-stream"
PATH = "/v1/uploads"
# A part is handed to a thread in such lots, and of one without a checksum so much is made durable at a time: what a
# broken line, or a gateway that dies, can cost at most.
LOT_BYTES = 1024 * 1024
DURABLE_BYTES = 16 * 1024 * 1024
NUMBER_DIGITS_MAX = 15
_CHECKSUMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}
_CHECKSUM = re.compile(r"([a-z0-9-]+) ([A-Za-z0-9+/]+={0,2})")
_NO_STORE = {"cache-control": "no-store"}


class UploadShown(Struct, frozen=True, kw_only=True):
    """An upload: how much of it is here, and would survive a power cut."""

    upload: str
    size_bytes: int
    durable_bytes: int
    ends_at: str


class ChecksumDiffers(Refused):
    """The part is not what Upload-Checksum says: it was dropped. Sending it again is safe."""

    def __init__(self) -> None:
        super().__init__("upload-checksum-differs")


async def tell_version(message: Any, scope: Any) -> None:
    """Every answer names the protocol's version; one that broke off a request ends its connection too."""
    if message["type"] != "http.response.start" or not str(scope["path"]).startswith(PATH):
        return
    headers = [*message["headers"], (b"tus-resumable", VERSION.encode())]
    if message["status"] == 412:  # noqa: PLR2004 - Precondition Failed
        headers.append((b"tus-version", VERSION.encode()))
    if message["status"] >= 400 and scope["method"] in ("POST", "PATCH"):  # noqa: PLR2004
        headers.append((b"connection", b"close"))
    message["headers"] = headers


def asks_what_is_spoken(scope: Mapping[str, Any]) -> bool:
    """Whether this is OPTIONS at the door of uploads, which the framework would answer in its own way."""
    if scope["type"] != "http" or scope["method"] != "OPTIONS":
        return False
    return bool(scope["path"] == PATH or scope["path"].startswith(PATH + "/"))


def spoken(house: House) -> Answer:
    """What of tus is spoken here: its version, extensions and checksums, and the largest upload. Anyone may know."""
    headers = [
        (b"allow", b"OPTIONS, POST, GET, HEAD, PATCH, DELETE"),
        (b"tus-resumable", VERSION.encode()),
        (b"tus-version", VERSION.encode()),
        (b"tus-extension", EXTENSIONS.encode()),
        (b"tus-max-size", b"%d" % house.uploads.size_bytes_max),
        (b"tus-checksum-algorithm", ",".join(_CHECKSUMS).encode()),
    ]
    return Answer(200, headers, b"")


@post(PATH, summary="Begin an upload", status_code=201, request_max_body_size=None)
async def begin_upload(
    request: Request[Any, Any, Any], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """`Upload-Length` bytes will come in parts; the first may come at once. The answer says where to send them, and
    until when they are kept.
    """
    _speak(request, caller)
    size_bytes = _number(request, "upload-length")
    if size_bytes is None:
        raise Refused("bad-request", "Upload-Length.")
    checksum = _checksum(request)
    with_part = _media_type(request) == PART
    metadata = request.headers.get("upload-metadata", "")
    now = house.clock.now()
    upload = await house.run(house.uploads.make, caller.client, size_bytes, metadata, now)
    if with_part:
        async with _taken(house, upload.id, caller) as taken:
            try:
                taken.begin(0)
                await _receive(house, request, taken, checksum)
            except Exception:
                # Where it is, its client is not told: nobody could go on with it, or give it up.
                with contextlib.suppress(DatabaseAway):
                    await house.run(house.uploads.drop, taken.upload)
                raise
            upload = taken.upload
    return _shown(upload, 201, {"location": f"{PATH}/{upload.id}"})


@get(PATH + "/{upload:str}", summary="How much of an upload is here")
async def show_upload(
    request: Request[Any, Any, Any],
    upload: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """As tus asks by HEAD: `Upload-Offset` is how many bytes would survive a power cut."""
    _speak(request, caller)
    found = await house.run(house.uploads.here, upload, caller.client, house.clock.now())
    return _shown(found, 200, {"upload-metadata": found.metadata} if found.metadata else {})


@patch(PATH + "/{upload:str}", summary="Send the next part", status_code=204, request_max_body_size=None)
async def continue_upload(
    request: Request[Any, Any, Any],
    upload: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[None]:
    """The bytes from `Upload-Offset` on. A part that breaks off is kept as far as it came, unless it has a checksum:
    then it is kept whole or not at all.
    """
    _speak(request, caller)
    return await _continue(request, upload, house, caller)


@delete(PATH + "/{upload:str}", summary="Give an upload up", status_code=204)
async def give_up_upload(
    request: Request[Any, Any, Any],
    upload: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> None:
    """It is forgotten, and its bytes are removed."""
    _speak(request, caller)
    await _give_up(upload, house, caller)


@post(PATH + "/{upload:str}", summary="PATCH or DELETE, for whom only POST gets through", request_max_body_size=None)
async def override_upload(
    request: Request[Any, Any, Any],
    upload: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[None]:
    """`X-HTTP-Method-Override` says which is meant."""
    _speak(request, caller)
    meant = request.headers.get("x-http-method-override", "").upper()
    if meant == "PATCH":
        return await _continue(request, upload, house, caller)
    if meant == "DELETE":
        await _give_up(upload, house, caller)
        return Response(None, status_code=204)
    raise Refused("method-not-allowed", "X-HTTP-Method-Override.")


async def _continue(request: Request[Any, Any, Any], upload: str, house: House, caller: Caller) -> Response[None]:
    offset = _number(request, "upload-offset")
    if offset is None:
        raise Refused("bad-request", "Upload-Offset.")
    if _media_type(request) != PART:
        raise Refused("media-type", f"Content-Type: {PART}.")
    checksum = _checksum(request)
    async with _taken(house, upload, caller) as taken:
        taken.begin(offset)
        declared = _number(request, "content-length")
        if declared is not None and declared > taken.left_bytes:
            raise UploadTooLarge(f"{declared} > {taken.left_bytes} bytes.")
        await _receive(house, request, taken, checksum)
        return Response(None, status_code=204, headers=_told(taken.upload))


async def _give_up(upload: str, house: House, caller: Caller) -> None:
    async with _taken(house, upload, caller) as taken:
        await house.run(house.uploads.give_up, taken)


async def _receive(
    house: House, request: Request[Any, Any, Any], taken: Taken, checksum: tuple[str, bytes] | None
) -> None:
    """Take a part in. However it ends, what `taken.upload` says then is durable."""
    part = _Part(house, taken, checksum)
    try:
        await _take_in(part, request.receive, house.limits)
    except Exception:
        # Nothing is at work on the file now: what it did was waited for.
        await part.break_off()
        raise


async def _take_in(part: _Part, receive: Callable[[], Awaitable[Any]], limits: Limits) -> None:
    """Raises `SenderGone`, `SenderSlow`, `ChecksumDiffers`, and what writing raises."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    more = True
    while more:
        try:
            async with asyncio.timeout_at(limits.patience_ends_at(loop.time(), started, part.size_bytes)):
                message = await receive()
        except TimeoutError:
            raise SenderSlow(f"{part.size_bytes} bytes arrived in {loop.time() - started:.0f} s.") from None
        if message["type"] == "http.disconnect":
            raise SenderGone(f"{part.size_bytes} bytes arrived.")
        await part.add(message.get("body", b""))
        more = message.get("more_body", False)
    await part.end()


class _Part:
    """A part that comes in: gathered in lots, written in a thread, made durable now and then."""

    def __init__(self, house: House, taken: Taken, checksum: tuple[str, bytes] | None) -> None:
        self._house, self._taken = house, taken
        self._digest = _CHECKSUMS[checksum[0]]() if checksum else None
        self._expected = checksum[1] if checksum else b""
        self._may_keep = checksum is None
        self._lot: list[bytes] = []
        self._lot_bytes = self._unsynced_bytes = self.size_bytes = 0

    async def add(self, chunk: bytes) -> None:
        if self._digest is not None:
            self._digest.update(chunk)
        self._lot.append(chunk)
        self._lot_bytes += len(chunk)
        self.size_bytes += len(chunk)
        if self._lot_bytes >= LOT_BYTES:
            await self._write()
            if self._may_keep and self._unsynced_bytes >= DURABLE_BYTES:
                await self._keep()

    async def end(self) -> None:
        """The part is here: it is checked, synced, and told. Raises `ChecksumDiffers`."""
        if self._digest is not None and self._digest.digest() != self._expected:
            raise ChecksumDiffers
        await self._keep()

    async def break_off(self) -> None:
        """Keep what came of a part that did not come to its end, if that may be done; else drop it."""
        if self._may_keep:
            with contextlib.suppress(Exception):
                await self._keep()
                return
        with contextlib.suppress(OSError):
            self._taken.take_back()

    async def _keep(self) -> None:
        await self._write()
        if self._unsynced_bytes:
            # Whatever goes wrong from here on, it is not tried again: after a failed sync the next one would promise
            # what is not there.
            may_keep, self._may_keep = self._may_keep, False
            await self._house.run_apart(self._taken.sync)
            await self._house.run(self._taken.tell)
            self._may_keep, self._unsynced_bytes = may_keep, 0

    async def _write(self) -> None:
        lot, self._lot = self._lot, []
        size, self._lot_bytes = self._lot_bytes, 0
        if lot:
            await self._house.run_apart(self._taken.write, lot)
            self._unsynced_bytes += size


@contextlib.asynccontextmanager
async def _taken(house: House, upload: str, caller: Caller) -> AsyncIterator[Taken]:
    taken = await house.run(house.uploads.take, upload, caller.client, house.clock.now())
    try:
        yield taken
    finally:
        taken.close()


def _speak(request: Request[Any, Any, Any], caller: Caller) -> None:
    """The caller may upload, and speaks our version. Raises 403, 412."""
    require(caller, "employer", "ivan")
    if request.headers.get("tus-resumable") != VERSION:
        raise Refused("tus-version")


def _shown(upload: Upload, status: int, headers: dict[str, str]) -> Response[bytes]:
    shown = UploadShown(
        upload=upload.id,
        size_bytes=upload.size_bytes,
        durable_bytes=upload.durable_bytes,
        ends_at=rfc3339(from_us(upload.ends_at_us)),
    )
    headers = headers | _told(upload) | _NO_STORE | {"upload-length": str(upload.size_bytes)}
    return Response(msgspec.json.encode(shown), status_code=status, media_type="application/json", headers=headers)


def _told(upload: Upload) -> dict[str, str]:
    """Where the upload stands. An expiry is written as HTTP writes dates (RFC 9110 §5.6.7)."""
    ends_at = format_datetime(from_us(upload.ends_at_us).astimezone(UTC), usegmt=True)
    return {"upload-offset": str(upload.durable_bytes), "upload-expires": ends_at}


def _number(request: Request[Any, Any, Any], name: str) -> int | None:
    """A header that holds a number. Raises 400 for one that holds something else."""
    said = request.headers.get(name)
    if said is None:
        return None
    if not (said.isascii() and said.isdigit()) or len(said) > NUMBER_DIGITS_MAX:
        raise Refused("bad-request", f"{name.title()}.")
    return int(said)


def _checksum(request: Request[Any, Any, Any]) -> tuple[str, bytes] | None:
    """The algorithm and digest that Upload-Checksum names. Raises 400 for one that we do not know."""
    said = request.headers.get("upload-checksum")
    if said is None:
        return None
    match = _CHECKSUM.fullmatch(said.strip())
    if match is None or match[1] not in _CHECKSUMS:
        raise Refused("bad-request", "Upload-Checksum.")
    try:
        return match[1], base64.b64decode(match[2], validate=True)
    except binascii.Error:
        raise Refused("bad-request", "Upload-Checksum.") from None


def _media_type(request: Request[Any, Any, Any]) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


HANDLERS = [begin_upload, show_upload, continue_upload, give_up_upload, override_upload]
