"""Starts real gateway processes that SIGKILL themselves at the asked step of their first submission.

A nursery (`python -m tests.crash.launch`) has imported everything once and forks one process for every order it reads;
each is a whole gateway with a home, a port and a life of its own, served by uvicorn. The steps of one submission are
counted where the gateway touches the world: every call that writes, syncs, makes or renames a file, every commit, every
signature of the seal, every put into an S3 store, and everything that is received or sent. Without an order to count,
nothing is wrapped and the process is the plain gateway.
"""

import asyncio
import ctypes
import functools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from msgspec import Struct
from sqlalchemy import event

import gateway.app
import storage.vault_s3
from signing.seal import FileSealKey

FILE_CALLS = {
    "write": ("write", "writev", "pwrite", "pwritev", "sendfile", "copy_file_range"),
    "sync": ("fsync", "fdatasync", "sync"),
    "rename": ("rename", "renames", "replace", "link", "symlink"),
    "cut": ("truncate", "ftruncate", "unlink", "remove"),
}
LOG_THREAD = "log_"
# How long a dying gateway waits for what it sent to leave, and for its client to have read it.
LEAVING_S = 0.15
_ROOT = Path(__file__).parents[2]
_ROOMS = ("gateway", "schemas", "signing", "storage")
_PR_SET_PDEATHSIG = 1


class Order(Struct, frozen=True, kw_only=True):
    """What a process is started for. `number` 0 counts and lists only; without `trace` nothing is wrapped."""

    environment: dict[str, str]
    port: int
    log: str
    trace: str = ""
    number: int = 0
    when: str = ""


class Watch:
    """Counts the steps of the first submission, writes them down, and dies at the one that was ordered."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._lock = threading.Lock()
        self._write = os.write
        self._trace = os.open(order.trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._inside = False
        self._met = False
        self._steps = 0

    @property
    def watching(self) -> bool:
        """The log grows beside the line, in a thread of its own and at its own time: its steps are not the line's."""
        return self._inside and not threading.current_thread().name.startswith(LOG_THREAD)

    def begin(self) -> bool:
        """A submission arrives; only the first is counted."""
        self._inside = first = not self._met
        self._met = True
        return first

    def end(self) -> None:
        self._inside = False

    def before(self, kind: str, call: str) -> int:
        """A step is about to be taken. Returns its number."""
        with self._lock:
            self._steps += 1
            number = self._steps
        self._note({"number": number, "kind": kind, "call": call, "where": _where()})
        self._die_if(number, "before")
        return number

    def torn(self, number: int) -> bool:
        """Whether to die in the middle of this write."""
        return self._order.number == number and self._order.when == "halfway"

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def after(self, number: int) -> None:
        self._die_if(number, "after")

    async def left(self, number: int) -> None:
        """What was sent is given the time to leave, if it is to die after that."""
        if self._order.number == number and self._order.when == "on the wire":
            await asyncio.sleep(LEAVING_S)
            self._die_if(number, "on the wire")

    def opened(self, name: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: a file opened for writing in any way, so that no way of writing can escape the count."""
        if name == "open" and self.watching:
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._note({"opened": str(path)})

    def said(self, statement: str) -> None:
        """SQLite's own trace: every statement, so that no commit can escape the count."""
        if self.watching and statement.strip().upper().startswith(("COMMIT", "END", "RELEASE")):
            self._note({"committed": statement})

    def _die_if(self, number: int, when: str) -> None:
        if self._order.number == number and self._order.when == when:
            self.die()

    def _note(self, line: dict[str, Any]) -> None:
        self._write(self._trace, json.dumps(line).encode() + b"\n")


def _where() -> str:
    """The two innermost functions of the house that are at work."""
    names: list[str] = []
    frame = sys._getframe(2)
    while frame is not None and len(names) < 2:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _ROOMS:
            name = f"{path.relative_to(_ROOT).with_suffix('')}:{frame.f_code.co_name.strip('_')}"
            if name not in names:
                names.append(name)
        frame = frame.f_back  # type: ignore[assignment]
    return " < ".join(names)


def _counted(watch: Watch, kind: str, call: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def step(*args: Any, **kwargs: Any) -> Any:
        if not watch.watching:
            return original(*args, **kwargs)
        number = watch.before(kind, call)
        if watch.torn(number):
            original(*_first_half(call, *args))
            watch.die()
        result = original(*args, **kwargs)
        watch.after(number)
        return result

    return step


def _first_half(call: str, descriptor: int, content: Any, *rest: int) -> tuple[Any, ...]:
    """The arguments that write only the first half of what should be written."""
    if call in ("writev", "pwritev"):
        whole = b"".join(content)
        return descriptor, [whole[: len(whole) // 2]], *rest
    return descriptor, content[: len(content) // 2], *rest


def _wrap(watch: Watch, door: gateway.app.Door) -> None:
    """Put a counter round everything through which the gateway touches the world."""
    for kind, names in FILE_CALLS.items():
        for name in names:
            setattr(os, name, _counted(watch, kind, name, getattr(os, name)))
    open_ = os.open
    make = _counted(watch, "make", "open(O_CREAT)", open_)
    os.open = lambda path, flags, *args, **kw: (make if flags & os.O_CREAT else open_)(path, flags, *args, **kw)
    sys.addaudithook(watch.opened)
    stores = door.house.stores
    engine = stores.database.engine
    if stores.database.dialect == "sqlite":
        engine.dispose()
        event.listen(engine, "connect", lambda connection, _: connection.set_trace_callback(watch.said))
    dialect = engine.dialect
    dialect.do_commit = _counted(watch, "commit", "commit", dialect.do_commit)
    FileSealKey.sign = _counted(watch, "seal", "sign", FileSealKey.sign)
    if isinstance(stores.vault, storage.vault_s3.S3Vault):
        client = stores.vault._client
        client.put_object = _counted(watch, "put", "put_object", client.put_object)


def _watched(watch: Watch, door: gateway.app.Door) -> Any:
    """The gateway's ASGI application, its ears and its mouth counted."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not watch.begin():
            await door(scope, receive, send)
            return

        async def hear() -> Any:
            number = watch.before("receive", "receive")
            message = await receive()
            watch.after(number)
            return message

        async def say(message: Any) -> None:
            number = watch.before("send", message["type"].removeprefix("http.response."))
            await send(message)
            watch.after(number)
            await watch.left(number)

        await door(scope, hear, say)
        watch.end()

    return app


def serve(order: Order) -> None:
    """Be one gateway, until killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    descriptor = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.environ.update(order.environment)
    app: Any = gateway.app.from_environment()
    if order.trace:
        watch = Watch(order)
        _wrap(watch, app)
        app = _watched(watch, app)
    uvicorn.run(app, host="127.0.0.1", port=order.port, access_log=False, log_level="warning")


def main() -> None:
    """Fork a gateway for every line on standard input; answer with its pid, and on "wait" with its end."""

    for line in sys.stdin:
        if line.startswith("wait "):
            print(os.waitstatus_to_exitcode(os.waitpid(int(line[5:]), 0)[1]), flush=True)
            continue
        order = msgspec.json.decode(line, type=Order)
        if (child := os.fork()) == 0:
            status = 1
            try:
                serve(order)
                status = 0
            finally:
                os._exit(status)
        print(child, flush=True)


if __name__ == "__main__":
    main()
