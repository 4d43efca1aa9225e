"""What lies between a gateway and its stores: a wire that can be cut or moved, and a faulty door before an S3 store."""

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Coroutine
from typing import Any

READ_BYTES = 64 * 1024
LATE_S_MAX = 4.0
SLOW_S_MAX = 2.0
# Longer than the gateway waits for a store's answer.
HANGS_S = 12.0


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        async def end() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Wire:
    """A TCP wire from an address of ours to a server. `target` may move; `cut` drops what is open and takes no more."""

    def __init__(self, target: tuple[str, int], host: str = "127.0.0.1") -> None:
        self.target, self.is_cut = target, False
        self._loop = _Loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._server = self._loop.run(self._listen(host))
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _listen(self, host: str) -> asyncio.Server:
        return await asyncio.start_server(self._met, host, 0)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if not self.is_cut:
                await self._joined(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond_reader, beyond = await asyncio.open_connection(*self.target)
        self._open.add(beyond)
        try:
            await asyncio.gather(_pump(reader, beyond), _pump(beyond_reader, writer))
        finally:
            self._open.discard(beyond)
            beyond.close()

    def cut(self) -> None:
        """Reset everything that is open; refuse whatever comes until `mend`."""
        self.is_cut = True
        self._loop.run(self._drop())

    def mend(self) -> None:
        self.is_cut = False

    async def _drop(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            await self._drop()

        self._loop.run(end())
        self._loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(READ_BYTES):
            writer.write(content)
            await writer.drain()
    writer.close()


# What the door does to a request. Those of the second row are for puts alone, of the third for gets alone.
ANY = ("slow", "away", "busy", "hangs")
PUTS = ("silent", "late", "half", "kept-500", "spoils")
GETS = ("wrong-bytes", "cut-short", "denies")
FORGETS = "forgets"


class Door:
    """An HTTP proxy before an S3 store, faulty by lot: of a thousand requests so many are struck, with one of `faults`.

    Each fault was seen in a real store or network: answers that are lost, puts that appear later, bodies cut short or
    spoilt, a put acknowledged and not kept (`forgets`).
    """

    def __init__(self, target: tuple[str, int], seed: int) -> None:
        self.target = target
        self.permille = 0
        self.faults: tuple[str, ...] = ()
        self.struck: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._later: set[asyncio.Task[Any]] = set()
        self._loop = _Loop()
        self._server = self._loop.run(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._met, "127.0.0.1", 0, limit=READ_BYTES)

    def fail(self, permille: int, *faults: str) -> None:
        self.faults, self.permille = faults, permille

    def heal(self) -> None:
        self.permille = 0

    def wait_for_late_ones(self) -> None:
        """Until every put that was delayed has arrived."""

        async def arrived() -> None:
            if self._later:
                await asyncio.wait(self._later, timeout=2 * LATE_S_MAX)

        self._loop.run(arrived())

    def close(self) -> None:
        async def end() -> None:
            self._server.close()

        self._loop.run(end())
        self._loop.close()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        names = {line.partition(b":")[0].strip().lower(): line.partition(b":")[2].strip() for line in lines}
        if names.get(b"expect", b"").lower() == b"100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
        body = await reader.readexactly(int(names.get(b"content-length", b"0")))
        kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in (b"expect", b"connection")]
        sent = b"\r\n".join([first, *kept, b"Connection: close", b"", b""])
        fault = self._lot(first.split(b" ")[0])
        writer.write(await self._struck(fault, sent, body))
        await writer.drain()

    def _lot(self, method: bytes) -> str:
        fitting = ANY + {b"PUT": (*PUTS, FORGETS), b"GET": GETS}.get(method, ())
        faults = [fault for fault in self.faults if fault in fitting]
        if not faults or self._rng.randrange(1000) >= self.permille:
            return ""
        fault = self._rng.choice(faults)
        self.struck[fault] += 1
        return fault

    async def _struck(self, fault: str, head: bytes, body: bytes) -> bytes:
        """What the client is sent; nothing means that the connection ends."""
        if fault == "slow":
            await asyncio.sleep(self._rng.random() * SLOW_S_MAX)
        if fault == "away":
            return b""
        if fault == "hangs":
            # A put that timed out appears all the same, when nobody waits for it any more.
            await asyncio.sleep(HANGS_S)
            self._postpone(head, body)
            return b""
        if fault in ("busy", "denies", FORGETS):
            return _told({"busy": 503, "denies": 404, FORGETS: 200}[fault], fault)
        if fault == "late":
            self._postpone(head, body)
            return b""
        if fault == "half":
            await self._ask(head, body[: len(body) // 2], whole=False)
            return b""
        if fault == "spoils" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        answer = await self._ask(head, body)
        if fault == "silent":
            return b""
        if fault == "kept-500":
            return _told(500, fault)
        start = answer.find(b"\r\n\r\n") + 4
        if fault == "wrong-bytes" and len(answer) > start:
            at = self._rng.randrange(start, len(answer))
            answer = answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
        return answer[: (start + len(answer)) // 2] if fault == "cut-short" else answer

    def _postpone(self, head: bytes, body: bytes) -> None:
        task = asyncio.ensure_future(self._late(head, body))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _late(self, head: bytes, body: bytes) -> None:
        await asyncio.sleep(0.5 + self._rng.random() * (LATE_S_MAX - 0.5))
        with contextlib.suppress(OSError):
            await self._ask(head, body)

    async def _ask(self, head: bytes, body: bytes, *, whole: bool = True) -> bytes:
        reader, writer = await asyncio.open_connection(*self.target)
        try:
            writer.write(head + body)
            await writer.drain()
            return await reader.read() if whole else b""
        finally:
            writer.close()


def _told(status: int, word: str) -> bytes:
    code = {503: "SlowDown", 404: "NoSuchKey", 500: "InternalError", 200: ""}[status]
    body = f"<Error><Code>{code}</Code><Message>{word}</Message></Error>".encode() if code else b""
    head = f"HTTP/1.1 {status} As Told\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    return head.encode() + b'ETag: "00000000000000000000000000000000"\r\n\r\n' + body
