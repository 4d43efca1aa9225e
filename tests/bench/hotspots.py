"""Where the gateway's time goes: the whole gateway in one process without HTTP parsing, under cProfile.

`python -m tests.bench.hotspots 10` prints µs a dossier: first unprofiled, then by function. The profiler makes calls of
Python dear and calls of C cheap; ratios between functions of one kind hold, sums do not.
"""

import asyncio
import cProfile
import os
import pstats
import secrets
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from gateway.app import Door, build
from gateway.config import load
from tests.bench.pool import BENCH, KINDS, Pool
from tests.bench.stacks import MOTCUA

CONNECTIONS = 32
SHOWN = 45


async def _post(door: Door, token: str, body: bytes) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 201:
            raise AssertionError(message)

    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/xml")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "method": "POST", "path": "/v1/dossiers", "query_string": b"",
        "headers": headers, "scheme": "http", "server": ("127.0.0.1", 0), "client": ("127.0.0.1", 0),
    }  # fmt: skip
    await door(scope, receive, send)  # type: ignore[arg-type]


async def _all(door: Door, token: str, bodies: list[bytes]) -> None:
    waiting = iter(bodies)

    async def one() -> None:
        for body in waiting:
            await _post(door, token, body)

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


def main() -> None:
    """Serve two thirds of a small pool unprofiled, the rest profiled."""
    kind = KINDS[sys.argv[1] if len(sys.argv) > 1 else "10"]
    count = 768 if kind.employees <= 50 and not kind.attachment_bytes else 96
    Pool().ensure(kind, count)
    bodies = [bytes(one) for one in Pool().dossiers(kind, 0, count)]
    home = BENCH / "homes" / f"hotspots-{secrets.token_hex(4)}"
    home.mkdir(parents=True)
    token, environment = MOTCUA.furnish(home, MOTCUA)
    # A line is logged for every request, as in service; nobody reads it here.
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    door = build(load({**os.environ, **environment}))
    third = count // 3
    with asyncio.Runner() as runner:
        runner.run(_all(door, token, bodies[:third]))
        began = time.process_time()
        runner.run(_all(door, token, bodies[third : 2 * third]))
        print(f"{1e6 * (time.process_time() - began) / third:.0f} µs of CPU a dossier, unprofiled, without HTTP")
        profile = cProfile.Profile()
        profile.enable()
        runner.run(_all(door, token, bodies[2 * third :]))
        profile.disable()
        runner.run(door.house.close())
    shutil.rmtree(home)
    rows = []
    for (file, line, name), (_, calls, own, below, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        rows.append(
            (1e6 * own / third, 1e6 * below / third, calls / third, f"{file.rpartition('/motcua/')[2]}:{line} {name}")
        )
    print("  own µs  with callees  calls  function")
    for own, below, calls, name in sorted(rows, reverse=True)[:SHOWN]:
        print(f"{own:8.1f}  {below:12.1f}  {calls:5.1f}  {name[-90:]}")


if __name__ == "__main__":
    main()
