"""The load generator: a process of its own that posts dossiers over keep-alive connections and times every answer.

HTTP/1.1 is written by hand, because a client library would take more of the cores that it shares with the server than
the server does. It speaks with its parent in lines: it says "warm" when the warm-up is over, starts when told "go", and
ends with one line of JSON.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from array import array
from typing import cast

import uvloop

from tests.bench.pool import KINDS, Pool

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
SAMPLES = 8


class Refused(Exception):
    """The server answered something other than it should; the run is worth nothing."""


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._body_at = 0
        self._whole = 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in all but the base class.
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Refused(f"connection lost: {exc}"))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._whole:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            at = head.index(b"content-length:") + 15
            stop = head.find(b"\r\n", at)
            length = int(head[at:] if stop < 0 else head[at:stop])
            self._body_at, self._whole = end + 4, end + 4 + length
        if len(self._buffer) >= self._whole and self._answer is not None:
            answer = int(self._buffer[9:12]), self._buffer[self._body_at : self._whole]
            self._buffer, self._whole = b"", 0
            self._answer.set_result(answer)

    def post(self, head: bytes, body: memoryview) -> asyncio.Future[tuple[int, bytes]]:
        self._answer = asyncio.get_running_loop().create_future()
        assert self.transport is not None
        self.transport.writelines([head + b"%d\r\n\r\n" % len(body), body])
        return self._answer


class Run:
    """A stretch of dossiers, posted by all connections until they, or the time, are used up."""

    def __init__(self, head: bytes, dossiers: list[memoryview], expected: bytes, seconds: float) -> None:
        self.head, self.dossiers, self.expected, self.seconds = head, dossiers, expected, seconds
        self.next = 0
        self.latencies_s = array("d")
        self.samples: list[tuple[int, str]] = []

    async def all(self, connections: list[Connection]) -> float:
        """Post; returns the seconds from the first byte sent to the last answer."""
        begin = time.perf_counter()
        await asyncio.gather(*(self._one(connection, begin + self.seconds) for connection in connections))
        return time.perf_counter() - begin

    async def _one(self, connection: Connection, end: float) -> None:
        clock = time.perf_counter
        while (number := self.next) < len(self.dossiers):
            begin = clock()
            if begin >= end:
                return
            self.next = number + 1
            status, body = await asyncio.wait_for(connection.post(self.head, self.dossiers[number]), ANSWER_TIMEOUT_S)
            self.latencies_s.append(clock() - begin)
            if status != 201 or self.expected not in body:
                raise Refused(f"dossier {number}: {status} {body[:600]!r}")
            if number % max(1, len(self.dossiers) // SAMPLES) == 0:
                self.samples.append((number, body.decode()))


async def _load(asked: argparse.Namespace) -> None:
    pool, kind = Pool(), KINDS[asked.kind]
    dossiers = pool.dossiers(kind, asked.first, asked.warm + asked.count)
    # Read them once, so that no page fault falls into the timing.
    touched = sum(sum(one[::4096]) for one in dossiers)
    head = (
        f"POST {asked.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {asked.token}\r\n"
        "Content-Type: application/xml\r\nContent-Length: "
    ).encode()
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(asked.connections):
        opening = loop.create_connection(Connection, "127.0.0.1", asked.port)
        _, connection = await asyncio.wait_for(opening, CONNECT_TIMEOUT_S)
        connections.append(connection)
    expected = asked.expected.encode()
    warm = Run(head, dossiers[: asked.warm], expected, asked.seconds)
    await warm.all(connections)
    gc.collect()
    gc.freeze()
    print("warm", touched, flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    run = Run(head, dossiers[asked.warm :], expected, asked.seconds)
    began = time.process_time()
    seconds = await run.all(connections)
    ordered = sorted(run.latencies_s)

    def quantile_ms(share: float) -> float:
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    told = {
        "answers": len(ordered),
        "warmed": len(warm.latencies_s),
        "seconds": seconds,
        "per_s": len(ordered) / seconds,
        "p50_ms": quantile_ms(0.5),
        "p99_ms": quantile_ms(0.99),
        "max_ms": 1000 * ordered[-1],
        "generator_cpu_us": 1e6 * (time.process_time() - began) / len(ordered),
        "samples": [(asked.first + asked.warm + number, body) for number, body in run.samples],
    }
    print(json.dumps(told), flush=True)
    for connection in connections:
        if connection.transport is not None:
            connection.transport.abort()


def main() -> None:
    """Read what is asked from the command line, and load."""
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--path", required=True)
    options.add_argument("--token", required=True)
    options.add_argument("--kind", required=True)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--warm", type=int, required=True)
    options.add_argument("--count", type=int, required=True)
    options.add_argument("--seconds", type=float, required=True)
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--expected", required=True)
    uvloop.run(_load(options.parse_args()))


if __name__ == "__main__":
    main()
