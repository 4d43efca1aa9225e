"""The stacks: how each is furnished with keys, units and a client, started with its workers, loaded and ended."""

import base64
import hashlib
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from msgspec import Struct

from gateway.callers import Callers, register_client
from signing.seal import create_seal_key, load_seal_key, open_jws
from storage import register
from storage.cipher import create_master_key
from storage.database import open_database
from storage.migrations import migrate
from tests.bench import baseline, machine
from tests.bench.pool import BENCH, HOUSE, KINDS, Pool, units

WORKERS = 2
REQUESTS_A_MINUTE_MAX = 60_000_000
TOKEN_LIFE_S = 7200
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
PSS_EVERY_S = 0.05
_READY = "Application startup complete"


class Failed(Exception):
    """A stack did not start, answered wrongly or lost what it had acknowledged: there is nothing to measure."""


class Stack(Struct, frozen=True):
    """A way to serve: the command, how its home is furnished, and how its accepted dossiers are counted."""

    name: str
    command: Callable[[int], list[str]]
    furnish: Callable[[Path, "Stack"], tuple[str, dict[str, str]]]
    accepted: Callable[[Path, "Stack"], int] | None
    expected: str = '"receipt":'
    database_url: str = ""
    vault_url: str = ""


class Told(Struct, frozen=True, kw_only=True):
    """What one run told. CPU is that of the server's whole process tree, a dossier."""

    stack: str
    kind: str
    answers: int
    per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float
    pss_mib: float
    pss_peak_mib: float
    generator_cpu_us: float
    fsyncs_each: float | None = None


def _furnish_gateway(home: Path, stack: Stack) -> tuple[str, dict[str, str]]:
    create_master_key(home / "master.key")
    create_seal_key(home / "seal.pem")
    shutil.copytree(Pool().trust, home / "trust")
    url = stack.database_url or f"sqlite:///{home / 'motcua.sqlite'}"
    database = open_database(url)
    migrate(database)
    now = datetime.now(UTC)
    known = units()
    with database.begin() as tx:
        rows = [
            register.Unit(code=one.code, tax_code=one.tax_code, office=one.office, valid_from="2025-07-01")
            for one in known
        ]
        register.put(tx, rows)
    client, secret = register_client(
        database,
        role="ivan",
        name="bench",
        units=[one.code for one in known],
        offices=[],
        jwk=None,
        requests_per_minute_max=REQUESTS_A_MINUTE_MAX,
        now=now,
    )
    assert secret is not None
    issued = Callers(database, token_life_s=TOKEN_LIFE_S, lookups_per_minute_max=1).by_secret(client, secret, now)
    database.close()
    settings = {"MOTCUA_HOME": str(home), "MOTCUA_WORKERS": str(WORKERS), "MOTCUA_DATABASE_URL": url}
    return issued.token, settings | ({"MOTCUA_VAULT_URL": stack.vault_url} if stack.vault_url else {})


def _accepted_by_gateway(home: Path, stack: Stack) -> int:
    database = open_database(stack.database_url or f"sqlite:///{home / 'motcua.sqlite'}")
    with database.read() as tx:
        count: int = tx.exec_driver_sql("SELECT count(*) FROM dossier WHERE state <> 'refused'").scalar_one()
    database.close()
    return count


def _furnish_baseline(home: Path, _stack: Stack) -> tuple[str, dict[str, str]]:
    pems = [path.read_bytes() for path in sorted(Pool().trust.glob("*.pem"))]
    token = furnish_baseline(home, *map(x509.load_pem_x509_certificate, pems))
    return token, {"BENCH_HOME": str(home)}


def furnish_baseline(home: Path, *authorities: x509.Certificate) -> str:
    """Give a baseline its keys, its database with units and one client, and whom it trusts; returns the token."""
    (home / "authorities.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in authorities))
    (home / "master.key").write_bytes(os.urandom(32))
    key = ec.generate_private_key(ec.SECP256R1())
    (home / "seal.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (home / "vault").mkdir()
    token = secrets.token_urlsafe(32)
    ends_at = int((datetime.now(UTC) + timedelta(seconds=TOKEN_LIFE_S)).timestamp())
    database = sqlite3.connect(home / "baseline.sqlite")
    with database:
        database.executescript(baseline.SCHEMA)
        row = (hashlib.sha256(token.encode()).digest(), "bench", REQUESTS_A_MINUTE_MAX, ends_at)
        database.execute("INSERT INTO client VALUES (?, ?, ?, ?)", row)
        known = units()
        database.executemany("INSERT INTO client_unit VALUES ('bench', ?)", [(one.code,) for one in known])
        rows = [(one.code, one.tax_code, one.office, "2025-07-01") for one in known]
        database.executemany("INSERT INTO unit VALUES (?, ?, ?, ?, NULL)", rows)
    database.close()
    return token


def _accepted_by_baseline(home: Path, _stack: Stack) -> int:
    with sqlite3.connect(home / "baseline.sqlite") as database:
        (count,) = database.execute("SELECT count(*) FROM dossier").fetchone()
    database.close()
    return count


def _furnish_nothing(_home: Path, _stack: Stack) -> tuple[str, dict[str, str]]:
    return "none", {}


def _uvicorn(target: str, *more: str) -> Callable[[int], list[str]]:
    fixed = ["-m", "uvicorn", target, "--host=127.0.0.1", f"--workers={WORKERS}", "--loop=uvloop", "--http=httptools"]
    return lambda port: [sys.executable, *fixed, f"--port={port}", "--backlog=2048", *more]


def _serve_command(_port: int) -> list[str]:
    return [sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())", "serve"]


# The gateway is started as an operator starts it, and writes a line for every request; so do the baselines.
NAIVE = Stack(
    "naive", _uvicorn("tests.bench.naive:from_environment", "--factory"), _furnish_baseline, _accepted_by_baseline
)
COMPETENT = Stack(
    "competent",
    _uvicorn("tests.bench.competent:from_environment", "--factory"),
    _furnish_baseline,
    _accepted_by_baseline,
)
MOTCUA = Stack("motcua", _serve_command, _furnish_gateway, _accepted_by_gateway)
HTTP = Stack("http", _uvicorn("tests.bench.http_floor:app", "--no-access-log"), _furnish_nothing, None)


def on_network(database_url: str, vault_url: str) -> Stack:
    """The gateway on a database and a store behind sockets, both empty."""
    return Stack(
        "network",
        _serve_command,
        _furnish_gateway,
        _accepted_by_gateway,
        database_url=database_url,
        vault_url=vault_url,
    )


class Running:
    """A stack that serves."""

    def __init__(self, stack: Stack, home: Path, token: str, port: int, process: subprocess.Popen[bytes]) -> None:
        self.stack, self.home, self.token, self.port, self.process = stack, home, token, port, process
        self.fsync_log = home / "fsyncs.log"
        self.acknowledged = 0

    def load(
        self, kind: str, *, count: int, seconds: float, warm: int, first: int = 0, connections: int = 32,
        watch_memory: bool = False,
    ) -> Told:  # fmt: skip
        """Post dossiers of the kind from number `first` on: `warm` unmeasured, then up to `count` or `seconds`.

        Memory is watched only when asked: looking takes the server's locks and a core's time.
        """
        command = [sys.executable, "-m", "tests.bench.load"]
        asked = {
            "port": self.port, "path": "/v1/dossiers", "token": self.token, "kind": kind, "first": first, "warm": warm,
            "count": count, "seconds": seconds, "connections": connections, "expected": self.stack.expected,
        }  # fmt: skip
        for name, value in asked.items():
            command.append(f"--{name}={value}")
        generator = subprocess.Popen(command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert generator.stdin is not None
        assert generator.stdout is not None
        try:
            if not generator.stdout.readline().startswith("warm"):
                raise Failed(f"{self.stack.name}: the warm-up failed; {self.log_end()}")
            fsyncs_before = machine.fsyncs(self.fsync_log) if self.fsync_log.exists() else None
            watch = _Watch(self.process.pid) if watch_memory else None
            cpu_before = machine.cpu_s(self.process.pid)
            generator.stdin.write("go\n")
            generator.stdin.flush()
            line = generator.stdout.readline()
            cpu_after = machine.cpu_s(self.process.pid)
            peak = watch.end() if watch else 0.0
        finally:
            generator.stdin.close()
            generator.wait(STOP_TIMEOUT_S)
        if not line:
            raise Failed(f"{self.stack.name}: the load failed; {self.log_end()}")
        told = json.loads(line)
        answers = told["answers"]
        self.acknowledged += answers + told["warmed"]
        if self.stack.accepted is not None:
            self._hold_to_word(kind, told["samples"])
        counted = None if fsyncs_before is None else (machine.fsyncs(self.fsync_log) - fsyncs_before) / answers
        return Told(
            stack=self.stack.name,
            kind=kind,
            answers=answers,
            per_s=told["per_s"],
            p50_ms=told["p50_ms"],
            p99_ms=told["p99_ms"],
            max_ms=told["max_ms"],
            cpu_us=1e6 * (cpu_after - cpu_before) / answers,
            pss_mib=machine.pss_mib(self.process.pid),
            pss_peak_mib=peak,
            generator_cpu_us=told["generator_cpu_us"],
            fsyncs_each=counted,
        )

    def _hold_to_word(self, kind: str, samples: list[tuple[int, str]]) -> None:
        """Every acknowledged dossier is in the database, and receipts hold and name the bytes that were sent."""
        assert self.stack.accepted is not None
        kept = self.stack.accepted(self.home, self.stack)
        if kept != self.acknowledged:
            raise Failed(f"{self.stack.name}: {self.acknowledged} acknowledged, {kept} kept")
        pool = Pool()
        for number, body in samples:
            (sent,) = pool.dossiers(KINDS[kind], number, 1)
            payload = json.loads(self._opened(json.loads(body)["receipt"]))
            if payload["sha256"] != hashlib.sha256(sent).hexdigest():
                raise Failed(f"{self.stack.name}: the receipt of dossier {number} names other bytes")

    def _opened(self, receipt: str) -> bytes:
        seal = self.home / "seal.pem"
        if self.stack.furnish is _furnish_gateway:
            return open_jws(receipt, load_seal_key(seal).public_jwk())
        head, payload, signature = receipt.split(".")
        raw = base64.urlsafe_b64decode(signature + "==")
        key: Any = load_pem_private_key(seal.read_bytes(), None)
        value = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.public_key().verify(value, f"{head}.{payload}".encode(), ec.ECDSA(SHA256()))
        return base64.urlsafe_b64decode(payload + "==")

    def log_end(self) -> str:
        """The end of what the server wrote."""
        return (self.home / "server.log").read_text(errors="replace")[-3000:]


class _Watch:
    """Watches the memory of a process tree while it works."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._done = pid, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._done.wait(PSS_EVERY_S):
            with suppress(Exception):
                self._peak = max(self._peak, machine.pss_mib(self._pid))

    def end(self) -> float:
        self._done.set()
        self._thread.join()
        return self._peak


@contextmanager
def serve(stack: Stack, *, count_fsyncs: bool = False) -> Iterator[Running]:
    """The stack in a fresh home on the disk that the house is on, with its workers up; gone when left."""
    home = BENCH / "homes" / f"{stack.name}-{secrets.token_hex(4)}"
    home.mkdir(parents=True)
    token, environment = stack.furnish(home, stack)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    command = stack.command(port)
    if count_fsyncs and (tracer := machine.strace_command(home / "fsyncs.log")):
        command = [*tracer, *command]
    log = home / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=HOUSE,
            env={**os.environ, **environment, **_port(stack, port)},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    running = Running(stack, home, token, port, process)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while log.read_text(errors="replace").count(_READY) < WORKERS:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{stack.name} did not start: {running.log_end()}")
            time.sleep(0.05)
        yield running
    finally:
        _end(process)
        shutil.rmtree(home, ignore_errors=True)


def _port(stack: Stack, port: int) -> dict[str, str]:
    return {"MOTCUA_PORT": str(port)} if stack.furnish is _furnish_gateway else {}


def _end(process: subprocess.Popen[bytes]) -> None:
    everyone = []
    with suppress(Exception):
        everyone = machine.tree(process.pid)
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in everyone:
        with suppress(Exception):
            if one.is_running() and one.pid != process.pid:
                one.kill()
