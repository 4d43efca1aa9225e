"""Gateways for the campaign: `motcua serve` as an operator starts it, behind a shim, killed and started at will."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import psutil
import sqlalchemy as sa

from tests import servers
from tests.faults.shim import Shim
from tests.lines.gateways import ROOT, Home

READY_S = 60.0
# The campaign asks as much as the machine gives.
REQUESTS_A_MINUTE_MAX = 10_000_000


def open_budgets(home: Home) -> None:
    """Let the campaign's clients ask as much as they like."""
    with home.writing() as tx:
        tx.execute(sa.text(f"UPDATE client SET requests_per_minute_max = {REQUESTS_A_MINUTE_MAX}"))


class Gate:
    """One gateway at one address, whatever becomes of its processes."""

    def __init__(
        self,
        home: Home,
        work: Path,
        *,
        shim: Shim | None = None,
        workers: int = 1,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
        **settings: object,
    ) -> None:
        self.home, self.host, self.port = home, host, servers._free_ports(1)[0]
        self.url = f"http://{host}:{self.port}"
        self.log = work / "gateway.log"
        self.restarts = -1
        self._within = list(within)
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {n: v for n, v in os.environ.items() if not n.startswith(("MOTCUA_", "FAULT_"))}
        self._environment |= home.environment() | (shim.environment() if shim else {})
        named = {"host": host, "port": self.port, "workers": workers, "lookups_per_minute_max": REQUESTS_A_MINUTE_MAX}
        self._environment |= {f"MOTCUA_{name.upper()}": str(value) for name, value in (named | settings).items()}

    def start(self, *, wait: bool = True) -> "Gate":
        """Start it. With `wait` it answers when this returns."""
        bound = [setpriv, "--pdeathsig", "KILL"] if (setpriv := shutil.which("setpriv")) else []
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._within, *bound, sys.executable, "-m", "gateway.cli", "serve", "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=ROOT,
                env=self._environment,
                start_new_session=True,
            )
        self.restarts += 1
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        """Until it answers; an `AssertionError` with the end of its log when it does not."""
        deadline = time.monotonic() + READY_S
        with httpx.Client(timeout=2, trust_env=False, verify=False) as http:
            while time.monotonic() < deadline:
                if self._process is None or self._process.poll() is not None:
                    break
                with contextlib.suppress(httpx.HTTPError):
                    if http.get(self.url + "/health").status_code == 200:
                        return
                time.sleep(0.05)
        raise AssertionError("the gateway does not serve: " + self.log.read_text(errors="replace")[-2000:])

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """The processes under it, the serving ones among them."""
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(self.pid).children(recursive=True)]
        return []

    def kill(self) -> None:
        """SIGKILL for all of its processes at once: what a power switch does, but for the disk's cache."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it as an operator would; what does not end is killed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        self.kill()

    def restart(self) -> None:
        """Kill and start."""
        self.kill()
        self.start()
