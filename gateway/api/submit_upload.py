"""A dossier is submitted by the name of its upload."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct, structs

from gateway.api.body import BodyTooLarge, Spool, check_declared, read_body
from gateway.api.problems import Refused
from gateway.clock import VIETNAM
from gateway.judge import ASIC_E, Spooled, Submission
from gateway.settle import Settled
from storage.database import DatabaseAway
from storage.pieces import WHOLE_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from gateway.about import About
    from gateway.callers import Caller
    from gateway.house import House
    from gateway.uploads import Taken

JSON = b"application/json"
NAMED_BYTES_MAX = 4096
XML = "application/xml"
_ZIP = b"PK\x03\x04"


class Asked(Struct, frozen=True, kw_only=True):
    """What is asked beside the dossier itself: which filing of the period it is, and whose electronic half; `paper` is
    that one as it was announced, while it has not come.
    """

    batch: int | None = None
    half_of: str = ""
    paper: About | None = None


class UploadNamed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which upload is the dossier, and which filing of the period it is, as `?batch=` says it elsewhere."""

    upload: Annotated[str, Meta(max_length=64)]
    batch: Annotated[int, Meta(ge=1, le=9999)] | None = None


def names_upload(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body does not hold the dossier but names it."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == JSON


async def submit_upload(
    house: House,
    caller: Caller,
    headers: Mapping[bytes, bytes],
    receive: Callable[[], Awaitable[Any]],
    asked: Asked,
    about: About | None = None,
) -> Settled:
    """The same line as for a dossier that came in one piece, and the same answers; received, the upload's file goes.

    Raises what `Intake.receive` raises, and what `Uploads.take` and `Taken.whole` raise.
    """
    limits = structs.replace(house.limits, bytes_max=NAMED_BYTES_MAX)
    try:
        check_declared(headers.get(b"content-length"), limits)
        with Spool(house.spool) as spool:
            body = await read_body(receive, None, limits, spool)
    except BodyTooLarge:
        # Whoever sends so much means the dossier itself.
        raise Refused("media-type", 'application/json: {"upload": "u-…"}.') from None
    try:
        named = msgspec.json.decode(body.content(), type=UploadNamed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused("bad-request", f"{error}.") from None
    now = house.clock.now()
    upload = await house.run(house.uploads.find, named.upload, caller.client, now)
    if upload.sha256 is not None:
        # The answer was lost: the bytes are the dossier's by now, and no more here.
        return await _earlier(house, caller, upload.sha256, now)
    taken = await house.run(house.uploads.take, named.upload, caller.client, now)
    try:
        return await _receive(
            house, caller, taken, structs.replace(asked, batch=named.batch or asked.batch), now, about
        )
    finally:
        taken.close()


async def _receive(
    house: House, caller: Caller, taken: Taken, asked: Asked, now: datetime, about: About | None
) -> Settled:
    # Gigabytes may take a while, in which nobody else shall want for a thread.
    sha256 = await asyncio.to_thread(taken.sha256)
    file, size_bytes = taken.whole(), taken.upload.size_bytes
    head = file.read(len(_ZIP))
    media_type = ASIC_E if head == _ZIP else XML
    if media_type == XML and size_bytes > house.limits.bytes_max:
        raise BodyTooLarge(f"{size_bytes} > {house.limits.bytes_max} bytes.")
    is_spooled = size_bytes > WHOLE_BYTES_MAX
    async with house.room_for(not is_spooled):
        submission = Submission(
            content=b"" if is_spooled else head + file.read(),
            spooled=Spooled(file, size_bytes) if is_spooled else None,
            sha256=sha256,
            submitter=caller.client,
            received_at=now,
            batch=asked.batch,
            half_of=asked.paper,
            media_type=media_type,
            about=about,
        )
        settled = await house.intake.receive(submission, caller)
    if settled.dossier.pack is not None:
        # It is received, whatever becomes of this: left behind, the upload ends by itself.
        with contextlib.suppress(DatabaseAway):
            await house.run(house.uploads.received, taken, sha256, now)
    return settled


async def _earlier(house: House, caller: Caller, sha256: bytes, now: datetime) -> Settled:
    on = now.astimezone(VIETNAM).date()
    found = await house.run(house.intake.earlier, sha256, caller.client, on)
    if found is None:
        raise Refused("not-found")
    return Settled(found, fresh=False)
