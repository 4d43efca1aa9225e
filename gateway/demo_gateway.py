"""The gateway of the demonstration: the real one, as a process of its own, in a folder that is made afresh."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gateway.cli_terms import CannotWork, environment_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS = 2
STOP_S = 20.0
PORT_MIN, PORT_MAX, PORTS_TRIED_MAX = 20_000, 32_000, 50
_MARK = ".motcua-demo"


class Unplayable(Exception):
    """The demonstration could not go on. Trying again is safe: it starts afresh."""


def make_afresh(home: Path) -> None:
    """Empty the folder, if it is one of ours; anybody else's is left alone."""
    if home.exists() and any(home.iterdir()) and not (home / _MARK).exists():
        raise CannotWork(f"{home} có dữ liệu khác, không xóa · holds something else: name another folder with --home")
    shutil.rmtree(home, ignore_errors=True)
    (home / "out").mkdir(parents=True)
    (home / _MARK).touch()


def free_port() -> int:
    """A free port below those that the system lends to connections, which could take it before the gateway does."""
    for _ in range(PORTS_TRIED_MAX):
        port = PORT_MIN + secrets.randbelow(PORT_MAX - PORT_MIN)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Unplayable("không còn cổng mạng trống · no port is free")


def settings_of(home: Path, port: int = 1) -> dict[str, str]:
    """The environment of a command that works on the demonstration's gateway."""
    return environment_with(
        home=str(home),
        port=str(port),
        workers=str(WORKERS),
        requests_per_minute_max="60000",
        # One place for everything, whatever a configuration file says.
        database_url="",
        vault_url="",
    )


@contextmanager
def a_gateway(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The real gateway as a process of its own; it is asked to stop at the end, and told so only once it refuses."""
    with (home / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve", "--demo"],
            env=settings_of(home, port),
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
