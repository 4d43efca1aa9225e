"""The malware scanner: clamd, asked over its socket, or nobody; what it says is told as it is."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from msgspec import Struct

from gateway.config import Misconfigured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from typing import TypeAlias

    Content: TypeAlias = bytes | memoryview | Iterable[bytes]

CHUNK_BYTES: Final = 128 * 1024
ANSWER_BYTES_MAX: Final = 4096
CONNECT_TIME_LIMIT_S: Final = 2.0
SCAN_TIME_LIMIT_S: Final = 30.0
# clamd has ten threads as it comes; whoever else asks it shall find some of them free.
SCANS_AT_ONCE_MAX: Final = 4
SIGNATURE_CHARACTERS_MAX: Final = 200
SOCKET_PATH_BYTES_MAX: Final = 107  # unix(7)

_LENGTH: Final = struct.Struct(">L")
_TCP: Final = re.compile(r"tcp:(?P<host>[0-9A-Za-z.-]+|\[[0-9A-Fa-f:]+\]):(?P<port>[0-9]{1,5})")
_PORT_MAX: Final = 65535
_FOUND: Final = re.compile(rb"stream: (?P<signature>.+) FOUND")
_TOO_LARGE: Final = b"INSTREAM size limit exceeded. ERROR"
# What clamd calls a find when it gave up at one of its own limits (clamd.conf, AlertExceedsMax).
_GAVE_UP: Final = "Heuristics.Limits.Exceeded"

if TYPE_CHECKING:
    State: TypeAlias = Literal["clean", "infected", "not-scanned"]
    Why: TypeAlias = Literal["", "switched-off", "too-large", "limits"]


class ScannerAway(Exception):
    """The scanner did not answer, or answered that it could not work. Asking again is safe and may help."""


class Scan(Struct, frozen=True):
    """What was found in one content.

    `state` is "clean", "infected" or "not-scanned"; `signature` is the scanner's name for what it found; `engine` its
    own name, version and the version of its signatures ("" when nobody was asked). `why`, when not scanned:
    "switched-off"; "too-large", more than the scanner takes in (clamd.conf, StreamMaxLength); "limits", it gave up at
    another of its limits and says so (AlertExceedsMax). Asking again changes none of them; an operator does.
    """

    state: State
    signature: str = ""
    engine: str = ""
    why: Why = ""


class Scanner(Protocol):
    """Judges contents one by one. "clean" means that this engine found nothing, and no more.

    A content that does not come whole comes in chunks, which are taken in a thread.
    """

    async def scan(self, content: Content) -> Scan:
        """Raises `ScannerAway` when it cannot be said; asking again is safe."""
        ...


class NoScanner:
    """Scanning is switched off: nothing is ever called clean."""

    async def scan(self, content: Content) -> Scan:  # noqa: ARG002 - the contract's argument
        """Say that nothing was scanned."""
        return Scan("not-scanned", why="switched-off")


class Clamd:
    """A clamd at a Unix socket or a TCP port (clamd(8), INSTREAM and VERSION), one connection for every question.

    As it comes, clamd passes over what exceeds its limits of size and depth (MaxFileSize, MaxScanSize, MaxRecursion)
    and calls the rest clean; set `AlertExceedsMax yes` to have it said.
    """

    def __init__(self, address: Path | tuple[str, int], *, time_limit_s: float = SCAN_TIME_LIMIT_S) -> None:
        """Ask at `address`, a socket's path or a host and a port; give up a scan after `time_limit_s`."""
        self._address = address
        self._time_limit_s = time_limit_s
        self._turns = asyncio.Semaphore(SCANS_AT_ONCE_MAX)

    async def scan(self, content: Content) -> Scan:
        """Scan a content. Raises `ScannerAway`; asking again is safe."""
        async with self._turns:
            engine = await self.engine()
            answer = await self._ask(b"INSTREAM", content)
        return _read(answer, engine)

    async def engine(self) -> str:
        """The engine's own name, version and date of its signatures. Raises `ScannerAway`."""
        return _text(await self._ask(b"VERSION"))

    async def _ask(self, command: bytes, content: Content | None = None) -> bytes:
        try:
            async with asyncio.timeout(self._time_limit_s):
                with await self._connected() as connection:
                    return await _converse(connection, command, content)
        except TimeoutError as error:
            raise ScannerAway(f"no answer to {command.decode()} in {self._time_limit_s:g} s") from error
        except OSError as error:
            raise ScannerAway(f"{command.decode()}: {type(error).__name__} {error.errno}") from error

    async def _connected(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        tries: list[tuple[int, str | tuple[str, int]]] = []
        if isinstance(self._address, Path):
            tries.append((socket.AF_UNIX, str(self._address)))
        else:
            found = await loop.getaddrinfo(*self._address, type=socket.SOCK_STREAM)
            tries.extend((family, (str(at[0]), int(at[1]))) for family, _, _, _, at in found)
        for number, (family, at) in enumerate(tries, 1):
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_TIME_LIMIT_S):
                    await loop.sock_connect(connection, at)
            except BaseException as error:
                connection.close()
                if number < len(tries) and isinstance(error, OSError):
                    continue
                raise
            return connection
        raise ConnectionError("the host has no address")


def scanner_of(setting: str) -> Scanner:
    """The scanner that a setting names: "", `unix:/run/clamav/clamd.ctl` or `tcp:127.0.0.1:3310`.

    Nothing is asked yet. Raises `Misconfigured` when it names none.
    """
    if not setting:
        return NoScanner()
    if setting.startswith("unix:/") and len(setting.removeprefix("unix:").encode()) <= SOCKET_PATH_BYTES_MAX:
        return Clamd(Path(setting.removeprefix("unix:")))
    if (named := _TCP.fullmatch(setting)) and 0 < int(named["port"]) <= _PORT_MAX:
        return Clamd((named["host"].strip("[]"), int(named["port"])))
    raise Misconfigured(f"scanner {setting!r} is neither unix:/path/of/a/socket nor tcp:host:port")


async def _converse(connection: socket.socket, command: bytes, content: Content | None) -> bytes:
    """Send a command, and the content after INSTREAM in chunks; read the answer, which may come before all is sent."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(connection, b"z" + command + b"\0")
        async for piece in _pieces(content):
            await loop.sock_sendall(connection, piece)
    except (BrokenPipeError, ConnectionResetError):
        # It hung up because it wants no more, or died. What it said before is still there to be read.
        pass
    answer = bytearray()
    while not answer.endswith(b"\0") and len(answer) < ANSWER_BYTES_MAX:
        received = await loop.sock_recv(connection, ANSWER_BYTES_MAX)
        if not received:
            break
        answer += received
    if not answer.endswith(b"\0"):
        raise ConnectionResetError("it hung up before it had answered")
    return bytes(answer[:-1])


async def _pieces(content: Content | None) -> AsyncIterator[bytes | memoryview]:
    if content is None:
        return
    async for chunk in _chunks(content):
        # An empty one would end the stream (clamd(8)).
        if len(chunk):
            yield _LENGTH.pack(len(chunk))
            yield chunk
        await asyncio.sleep(0)  # sending to a quick scanner never waits, and others want to go on too
    yield _LENGTH.pack(0)


async def _chunks(content: Content) -> AsyncIterator[bytes | memoryview]:
    if isinstance(content, bytes | memoryview):
        whole = memoryview(content).cast("B")
        for start in range(0, len(whole), CHUNK_BYTES):
            yield whole[start : start + CHUNK_BYTES]
        return
    coming = iter(content)
    while (chunk := await asyncio.to_thread(next, coming, None)) is not None:
        yield chunk


def _read(answer: bytes, engine: str) -> Scan:
    if answer == b"stream: OK":
        return Scan("clean", engine=engine)
    if found := _FOUND.fullmatch(answer):
        signature = _text(found["signature"])
        if signature.startswith(_GAVE_UP):
            return Scan("not-scanned", signature=signature, engine=engine, why="limits")
        return Scan("infected", signature=signature, engine=engine)
    if answer == _TOO_LARGE:
        return Scan("not-scanned", engine=engine, why="too-large")
    raise ScannerAway(f"it answered: {_text(answer)}")


def _text(said: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in said.decode("utf-8", "replace"))[:SIGNATURE_CHARACTERS_MAX]
