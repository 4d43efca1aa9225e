"""Whom the log asks outside, at addresses that the operator named: a time-stamp authority, and witnesses."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from gateway.config import Misconfigured
from signing.note import (
    NOTE_BYTES_MAX,
    TYPE_COSIGNATURE,
    NoteBroken,
    Vkey,
    check_cosignature,
    read_note,
    read_signature,
    read_vkey,
)
from signing.timestamp_request import (
    REQUEST_MEDIA_TYPE,
    RESPONSE_BYTES_MAX,
    TimestampRefused,
    timestamp_request,
    token_from,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.config import Settings

ANSWER_S_MAX: Final = 5.0
CONNECT_S_MAX: Final = 3.0
WITNESSES_MAX: Final = 16
_OK: Final = 200
_CONFLICT: Final = 409
_SIZE_DIGITS_MAX: Final = 19


class OutsideAway(Exception):
    """Whoever was asked did not answer, or not as it should. Asking again later is safe."""


class WitnessElsewhere(Exception):
    """A witness has cosigned a head of another size than the one it was told it had; `size` says which."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the witness has seen {size} leaves")
        self.size = size


class WitnessDisagrees(Exception):
    """A witness has seen a tree of ours that this one does not go on from. Trying again changes nothing."""


class Witness(Struct, frozen=True):
    """Someone who cosigns checkpoints (C2SP tlog-witness): its key, and where it is asked."""

    vkey: Vkey
    url: str


def read_witnesses(settings: Settings) -> tuple[Witness, ...]:
    """The witnesses in the file that the settings name, a vkey and an address on each line. Raises `Misconfigured`."""
    if not settings.log_witnesses:
        return ()
    found = []
    try:
        lines = Path(settings.log_witnesses).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"log_witnesses {settings.log_witnesses}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not (told := line.partition("#")[0].split()):
            continue
        try:
            vkey, url = read_vkey(told[0]), address(told[1])
        except (NoteBroken, IndexError, ValueError) as error:
            raise Misconfigured(f"log_witnesses {settings.log_witnesses}:{number}: {error}") from error
        if vkey.type != TYPE_COSIGNATURE:
            raise Misconfigured(f"log_witnesses {settings.log_witnesses}:{number}: not a witness's key (type 0x04)")
        found.append(Witness(vkey, url.rstrip("/")))
    if len(found) > WITNESSES_MAX or len({one.vkey.name for one in found}) < len(found):
        raise Misconfigured(f"log_witnesses {settings.log_witnesses}: one line a witness, at most {WITNESSES_MAX}")
    return tuple(found)


def address(url: str) -> str:
    """The address, if it is one that can be asked; raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(f"{url!r} is not an http address")
    return url


class Outside:
    """Asks over HTTP, and waits for nothing large or slow. What is answered is signed, so nothing else need be."""

    def __init__(self) -> None:
        self._opened: httpx.AsyncClient | None = None

    @property
    def _client(self) -> httpx.AsyncClient:
        """Opened at the first question: it takes memory, and most processes never ask."""
        if self._opened is None:
            # Neither proxies nor cookies of the environment, and no redirects: only the address that was named.
            self._opened = httpx.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(ANSWER_S_MAX, connect=CONNECT_S_MAX),
            )
        return self._opened

    async def token(self, url: str, covered: bytes) -> bytes:
        """A time-stamp token over these bytes (RFC 3161 §3.4), not judged. Raises `OutsideAway`."""
        request = timestamp_request(covered)
        status, answer = await self._post(url, request.der, REQUEST_MEDIA_TYPE, RESPONSE_BYTES_MAX)
        if status != _OK:
            raise OutsideAway(f"HTTP {status}")
        try:
            return token_from(answer, request)
        except TimestampRefused as error:
            raise OutsideAway(str(error)) from error

    async def cosignatures(self, witness: Witness, old_size: int, proof: Sequence[bytes], note: str) -> list[str]:
        """A witness's signature lines for this checkpoint, those that hold (C2SP tlog-witness, add-checkpoint).

        Raises `WitnessElsewhere`, `WitnessDisagrees`, `OutsideAway`.
        """
        hashes = "".join(base64.b64encode(one).decode() + "\n" for one in proof)
        body = f"old {old_size}\n{hashes}\n{note}".encode()
        status, answer = await self._post(f"{witness.url}/add-checkpoint", body, "text/plain", NOTE_BYTES_MAX)
        told = answer.decode("utf-8", "replace")
        if status == _CONFLICT:
            size = told.strip()
            if not size.isascii() or not size.isdigit() or len(size) > _SIZE_DIGITS_MAX or int(size) == old_size:
                # It is where we said it was, and saw another root there.
                raise WitnessDisagrees(f"{witness.vkey.name}: HTTP {status} {told[:80]!r}")
            raise WitnessElsewhere(int(size))
        if status == 422:  # noqa: PLR2004
            raise WitnessDisagrees(f"{witness.vkey.name}: HTTP {status}")
        if status != _OK:
            raise OutsideAway(f"HTTP {status}")
        text, lines = read_note(note).text, []
        try:
            for line in told.splitlines():
                signature = read_signature(line)
                if (signature.name, signature.id) == (witness.vkey.name, witness.vkey.id):
                    check_cosignature(text, signature, witness.vkey)
                    lines.append(signature.line)
        except NoteBroken as error:
            raise OutsideAway(str(error)) from error
        if not lines:
            raise OutsideAway("no cosignature in the answer")
        return lines

    async def _post(self, url: str, body: bytes, media_type: str, size_bytes_max: int) -> tuple[int, bytes]:
        headers = {"content-type": media_type, "accept-encoding": "identity", "user-agent": "motcua"}
        content = bytearray()
        try:
            async with (
                asyncio.timeout(ANSWER_S_MAX),
                self._client.stream("POST", url, headers=headers, content=body) as answer,
            ):
                async for chunk in answer.aiter_raw():
                    content += chunk
                    if len(content) > size_bytes_max:
                        raise OutsideAway(f"more than {size_bytes_max} bytes")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise OutsideAway(type(error).__name__) from error
        return answer.status_code, bytes(content)

    async def close(self) -> None:
        """Give the connections back."""
        if self._opened is not None:
            await self._opened.aclose()
            self._opened = None
