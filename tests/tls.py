"""TLS in front of a server that has none: bytes go through as they are, so a client sees the same store over https."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.adversary import certificate

_READ_BYTES = 64 * 1024


class Front(msgspec.Struct, frozen=True):
    """Where it listens, and the file with the authority of its certificate."""

    url: str
    ca: Path


@contextmanager
def tls_front(port: int, folder: Path) -> Iterator[Front]:
    """Serve on loopback, with a certificate made in `folder`, what 127.0.0.1:`port` serves."""
    folder.mkdir(exist_ok=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))
    loop, started, ended = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[int] = []

    async def serve() -> None:
        passing: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            passing.add(task)
            try:
                await _pass_on(reader, writer, port)
            except asyncio.CancelledError:
                pass  # the front is being closed
            finally:
                passing.discard(task)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
        found.append(server.sockets[0].getsockname()[1])
        started.set()
        await ended.wait()
        server.close()
        for task in list(passing):
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield Front(f"https://127.0.0.1:{found[0]}", folder / "certificate.pem")
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    with contextlib.suppress(OSError):  # whoever asked sees a connection that was hung up
        try:
            back, there = await asyncio.open_connection("127.0.0.1", port)
            try:
                # When one side is done, both are: HTTP knows no half of a connection, and TLS cannot close half.
                pumps = [asyncio.create_task(_pump(reader, there)), asyncio.create_task(_pump(back, writer))]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
            finally:
                there.close()
        finally:
            writer.close()
            with contextlib.suppress(TimeoutError, ssl.SSLError):
                await asyncio.wait_for(writer.wait_closed(), 1)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_READ_BYTES):
        writer.write(piece)
        await writer.drain()
