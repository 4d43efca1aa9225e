"""The command that runs the gateway: as many workers as were asked for, sharing one port."""

from __future__ import annotations

import argparse
import logging.config
import multiprocessing
import signal
import socket
import sys
from typing import Any

import uvicorn
import uvicorn._subprocess
from uvicorn.supervisors import Multiprocess

from gateway.cli_terms import COULD_NOT, DONE, CannotWork, Commands, Parser, aside, command, settings
from gateway.config import Settings

BACKLOG_CONNECTIONS = 2048
KEEP_ALIVE_S = 75
# Long polls are cut short when the gateway stops; dossiers under way are answered well within this.
STOP_S = 15


def declare(commands: Commands[Parser]) -> None:
    """Declare `serve`."""
    serve = command(
        commands,
        "serve",
        _serve,
        says="Chạy cổng tiếp nhận. Lần đầu, nếu chưa có khóa thì tạo khóa trong MOTCUA_HOME.",
        tells="Run the gateway. A first start makes the keys that are not there yet.",
        example="""
            motcua serve
            motcua serve --demo            # thêm PKI, đơn vị và tài khoản mẫu · with a demo PKI, units and clients
            MOTCUA_HOME=/srv/motcua MOTCUA_WORKERS=4 MOTCUA_PORT=8443 motcua serve
        """,
    )
    serve.add_argument("--demo", action="store_true", help="PKI và tài khoản mẫu nếu chưa có gì · a demo PKI, if none")
    serve.add_argument("--quiet", action="store_true", help="không ghi nhật ký từng yêu cầu · no line for each request")


def _serve(asked: argparse.Namespace) -> int:
    told = settings()
    # Looked at in a process of its own: what that needs is then not held for as long as the gateway runs.
    looking = multiprocessing.get_context("fork").Process(target=_look, args=(told, asked.demo))
    looking.start()
    looking.join()
    if looking.exitcode:
        return COULD_NOT
    listening = _listen(told)
    aside(
        f"Cổng tiếp nhận · the gateway: http://{told.host}:{told.port} ({told.workers} tiến trình · workers), /schema"
    )
    config = uvicorn.Config(
        "gateway.preload:door",
        factory=True,
        workers=told.workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        log_config=_logging(quiet=asked.quiet),
    )
    # The server raises a signal that stopped it once more when it has stopped; it then finds that all is well.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: None)
    try:
        if told.workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
        else:
            _fork_from_one()
            supervisor = Multiprocess(config, sockets=[listening])
            supervisor.run()
            # A worker that was asked to stop ends by that very signal when it is done.
            if any(worker.exitcode not in (0, -signal.SIGTERM) for worker in supervisor.processes):
                return COULD_NOT
    except SystemExit:
        return COULD_NOT
    finally:
        listening.close()
    return DONE


def _look(told: Settings, demo: bool) -> None:  # noqa: FBT001 - a process is handed plain values
    """Make what a first start makes, and see whether everything opens; a failure is one line and exit status 2."""
    from gateway.cli import fail  # noqa: PLC0415 - only in the process that looks
    from gateway.start import prepare  # noqa: PLC0415

    try:
        for line in prepare(told, demo=demo):
            aside(line)
    except Exception as error:
        sys.exit(fail(error))


def _fork_from_one() -> None:
    """Have workers forked from a process that has read what they all hold, instead of each reading it for itself.

    It has no threads, so that forking it is safe, and stays for workers that take the place of others. The server
    offers no setting for this.
    """
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["gateway.forking", "gateway.preload"])
    uvicorn._subprocess.spawn = forking  # type: ignore[assignment]  # noqa: SLF001


class ShareOfPort(socket.socket):
    """A socket bound to the gateway's port, and made anew in each worker that it is handed to.

    Workers that take connections from one socket do not share them: whoever wakes first takes all that wait. With a
    socket each (SO_REUSEPORT) the kernel spreads connections over the workers.
    """

    def __reduce__(self) -> tuple[object, ...]:
        return share_of_port, (self.family, self.getsockname())


def share_of_port(family: int, address: tuple[object, ...]) -> ShareOfPort:
    """A socket of one's own on a port that others of this gateway hold too. Raises `OSError`."""
    share = ShareOfPort(family, socket.SOCK_STREAM)
    try:
        share.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        share.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        share.bind(address)
    except OSError:
        share.close()
        raise
    return share


def _listen(told: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in told.host else socket.AF_INET
    try:
        # Whether the port is free is asked without sharing: another gateway there must not go unnoticed.
        socket.create_server((told.host, told.port), family=family).close()
        return share_of_port(family, (told.host, told.port))
    except OSError as error:
        raise CannotWork(f"{told.host}:{told.port}: {error.strerror} (MOTCUA_HOST, MOTCUA_PORT)") from error


def _logging(*, quiet: bool) -> dict[str, Any]:
    """Everything to standard error, a line each; a container or systemd keeps it."""
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "uvicorn": {"level": "WARNING" if quiet else "INFO"},
            "uvicorn.error": {"level": "WARNING" if quiet else "INFO"},
            "motcua": {"level": "WARNING" if quiet else "INFO"},
        },
        "root": {"level": "WARNING", "handlers": ["stderr"]},
    }
    logging.config.dictConfig(config)
    return config
