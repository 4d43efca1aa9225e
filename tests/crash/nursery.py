"""The test's side of `launch`: order a gateway, speak to it, learn how it ended."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from tests import servers
from tests.crash.launch import Order
from tests.lines.gateways import ROOT, Home, Serving


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a submission, as it was counted."""

    number: int
    kind: str
    call: str
    where: str


class Born(Serving):
    """A gateway out of the nursery."""

    def __init__(self, nursery: "Nursery", home: Home, *, trace: Path | None = None, number: int = 0, when: str = ""):
        super().__init__(servers._free_ports(1)[0], home)
        self._nursery = nursery
        self.log = home.folder / f"gateway-{self.port}.log"
        order = Order(
            environment=home.environment(),
            port=self.port,
            log=str(self.log),
            trace=str(trace or ""),
            number=number,
            when=when,
        )
        self.pid = nursery.order(order)
        try:
            self.wait_until_ready(self._alive)
        except AssertionError as fault:
            self.stop()
            raise AssertionError(self.log.read_text(errors="replace")[-3000:]) from fault

    def _alive(self) -> bool:
        # A child that ended stays a zombie until the nursery is asked about it.
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

    def end(self) -> int:
        """Wait for the process to end by itself; its exit status, or minus the signal that ended it."""
        self.http.close()
        return self._nursery.wait(self.pid)

    def stop(self) -> int:
        os.kill(self.pid, signal.SIGTERM)
        return self.end()


class Nursery:
    """A process that has imported the gateway once and forks it on order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.launch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")},
            text=True,
        )

    def order(self, order: Order) -> int:
        return self._ask(msgspec.json.encode(order).decode())

    def wait(self, pid: int) -> int:
        return self._ask(f"wait {pid}")

    def _ask(self, line: str) -> int:
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Trace(msgspec.Struct, frozen=True):
    """The steps that were counted; and, seen from elsewhere, the files opened for writing and the SQLite commits."""

    steps: list[Step]
    opened: list[str]
    committed: list[str]


def trace_of(path: Path) -> Trace:
    """Read what a watched gateway wrote down."""
    lines = [msgspec.json.decode(line) for line in path.read_text().splitlines()]
    return Trace(
        steps=[msgspec.convert(line, Step) for line in lines if "number" in line],
        opened=[line["opened"] for line in lines if "opened" in line],
        committed=[line["committed"] for line in lines if "committed" in line],
    )
