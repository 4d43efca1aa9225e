"""The parties' door to the evidence bundle, and anyone's to the file that verifies one."""

from __future__ import annotations

import asyncio
import zlib
from importlib import resources
from typing import TYPE_CHECKING, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from gateway import evidence, evidence_files
from gateway.api.caller import require, visible
from gateway.api.content import HEAD_EXTENSION
from gateway.callers import Caller
from gateway.contents import Content, open_content
from gateway.house import House
from gateway.log_outside import OutsideAway
from gateway.reading import record_reading
from signing.asic_manifest import MEDIA_TYPE
from signing.indication import Refusal
from signing.timestamp import verify_token
from storage import journal
from storage.vault import ContentCorrupt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from datetime import datetime


PYTHON = "text/x-python"
VERIFIER = "motcua_verify.py"
# The authority is asked once, and the caller waits: it has answered by then, or the bundle goes without.
STAMP_S_MAX = 8.0
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_VERIFIER_HEADERS = {
    "cache-control": "public, max-age=300",
    "x-content-type-options": "nosniff",
    "content-disposition": f'attachment; filename="{VERIFIER}"',
}


@get("/v1/dossiers/{dossier:str}/evidence", summary="The evidence bundle", media_type=MEDIA_TYPE)
async def show_evidence(
    dossier: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
    request: Request[Any, Any, Any],
) -> Response[Any]:
    """All that can be shown about a dossier in one ASiC-E file under the gateway's XAdES seal: the received bytes,
    receipt, reports, proofs of the log, events, due date. It is made anew each time, and streamed. `X-Seal-Level` says
    whether the seal carries a time-stamp (B-T) or not (B-B); `X-Time-Stamp: away` that an authority did not answer.
    """
    # The parties alone: what was received is in it.
    require(caller, "employer", "ivan", "office")
    now = house.clock.now()
    found = await visible(house, caller, dossier)
    if HEAD_EXTENSION in (request.scope.get("extensions") or {}):
        return Response(b"", media_type=MEDIA_TYPE, headers=_HEADERS)
    received = await _received(house, found)
    correlation = await record_reading(house, caller, found.id, "evidence", why)
    gathered = await house.run_apart(
        evidence_files.gather,
        house.stores,
        house.tables,
        found,
        now,
        reader=caller.client if caller.role == "office" else None,
    )
    # In a thread of its own: it may wait for the authority, and nobody else shall wait for that.
    bundle = await asyncio.to_thread(
        evidence.make,
        gathered,
        received,
        number=found.statement_number,
        settings=house.settings,
        seal=house.stores.seal,
        now=now,
        stamp=_stamp(house, now),
    )
    headers = _HEADERS | {
        "content-length": str(bundle.size_bytes),
        "content-disposition": f'attachment; filename="{found.id}.asice"',
        "x-correlation-id": correlation,
        "x-seal-level": bundle.level,
    }
    if bundle.stamp_is_away:
        headers["x-time-stamp"] = "away"
    return Stream(_leaving(house, bundle.chunks()), media_type=MEDIA_TYPE, headers=headers)


@get("/v1/verifier", summary="The stand-alone verifier", media_type=PYTHON)
async def show_verifier() -> Response[bytes]:
    """One short Python file that verifies receipts and evidence bundles offline, and needs nothing of this software."""
    content = resources.files("gateway.standalone").joinpath(VERIFIER).read_bytes()
    return Response(content, media_type=PYTHON, headers=_VERIFIER_HEADERS)


async def _received(house: House, dossier: journal.Dossier) -> evidence.Received | None:
    """The received bytes, read once before anything is given out: what cannot be read is an error then, and not a file
    that breaks off. Raises what reading raises.
    """
    name = evidence_files.received_name(dossier)
    if name is None:
        return None
    content: Content = await house.run_apart(open_content, house.stores, dossier)
    crc32, size_bytes, chunks = 0, 0, content.chunks()
    while (chunk := await house.run_apart(next, chunks, None)) is not None:
        crc32, size_bytes = await house.run_apart(zlib.crc32, chunk, crc32), size_bytes + len(chunk)
    if size_bytes != dossier.size_bytes:
        raise ContentCorrupt(f"{dossier.id}: {size_bytes} bytes, not {dossier.size_bytes}")
    return evidence.Received(
        name=name, sha256=dossier.sha256, size_bytes=size_bytes, crc32=crc32, chunks=content.chunks
    )


def _stamp(house: House, now: datetime) -> Callable[[bytes], bytes | None] | None:
    """Whoever asks the authority that the settings name, from a thread; a token is used only when it was found good."""
    book, url = house.logbook, house.settings.tsa_url
    if not url or book is None:
        return None
    outside, loop = book.outside, asyncio.get_running_loop()

    def ask(covered: bytes) -> bytes | None:
        try:
            token = asyncio.run_coroutine_threadsafe(outside.token(url, covered), loop).result(STAMP_S_MAX)
        except (OutsideAway, TimeoutError):
            return None
        skew_s, trusted = house.tables.policy.clock_skew_s_max, house.tables.tsa
        is_bad = trusted is None or isinstance(verify_token(token, covered, trusted, now, clock_skew_s=skew_s), Refusal)
        return None if is_bad else token

    return ask


async def _leaving(house: House, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await house.run_apart(next, chunks, None)) is not None:
        yield chunk


HANDLERS = [show_evidence]
OPEN_HANDLERS = [show_verifier]
