"""Where scenarios play: homes, servers, the pool of dossiers; and how one scenario ends."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psutil
import psycopg
from msgspec import Struct, structs
from psycopg import sql

from signing.demo_pki import make_pki
from tests import servers
from tests.faults import checker, checker_reading
from tests.faults.gates import Gate, open_budgets
from tests.faults.ledger import Ledger
from tests.faults.load import Load, Pool, settle
from tests.faults.wires import Door, Wire
from tests.lines.gateways import Home, prepare

POOL_DOSSIERS = 1500


class Outcome(Struct, frozen=True, kw_only=True):
    """One line of the table."""

    name: str
    operations: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    faults: int = 0
    restarts: int = 0
    verdict: checker.Verdict
    seconds: float
    told: str = ""
    failed_to_run: str = ""


class Postgres:
    """A PostgreSQL server that may be killed, behind a wire that always leads to the one that lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = servers.postgres(folder)
        self.url = self._running.__enter__()
        self.wire = Wire(self._address())

    def _address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def through(self, url: str, host: str, port: int) -> str:
        """The URL of a database with another way to it."""
        parts = urlsplit(url)
        return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{host}:{port}").geturl()

    def kill(self) -> None:
        """SIGKILL for the server and all of its processes."""
        postmaster = psutil.Process(int((self._folder / "cluster" / "postmaster.pid").read_text().split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                os.kill(process.pid, signal.SIGKILL)
        self._running.__exit__(None, None, None)

    def start(self) -> None:
        """Start it again from what is on its disk."""
        self._running = servers.postgres(self._folder)
        self.url = self._running.__enter__()
        self.wire.target = self._address()

    def close(self) -> None:
        self.wire.close()
        self._running.__exit__(None, None, None)


class Stage:
    """Everything that scenarios share. Servers are started when first asked for."""

    def __init__(self, seed: int, folder: Path, stack: ExitStack) -> None:
        self.seed, self.folder, self._stack = seed, folder, stack
        self.pki = make_pki(datetime.now(UTC))
        self._numbers = itertools.count(1)
        self._postgres: Postgres | None = None
        self._store: servers.S3Server | None = None
        self.pool = Pool(self.pki, seed, POOL_DOSSIERS)

    def rng(self, name: str) -> random.Random:
        """A scenario's own dice: the same for the same seed, whatever else is played."""
        return random.Random(f"{self.seed}/{name}")

    def work(self, name: str) -> Path:
        folder = self.folder / f"{next(self._numbers)}-{name}"
        folder.mkdir()
        return folder

    @property
    def postgres(self) -> Postgres:
        if self._postgres is None:
            self._postgres = Postgres(self._stack.enter_context(servers.short_folder()))
            self._stack.callback(self._postgres.close)
        return self._postgres

    @property
    def store(self) -> servers.S3Server:
        if self._store is None:
            folder = self._stack.enter_context(servers.short_folder())
            self._store = self._stack.enter_context(servers.seaweedfs(folder))
        return self._store

    def disk_home(self, work: Path) -> Home:
        """A home with SQLite and a folder."""
        home = prepare(work / "home", self.pki)
        open_budgets(home)
        return home

    def new_database(self) -> str:
        """The URL of an empty database, straight to the server."""
        name = f"faults_{next(self._numbers)}"
        with psycopg.connect(self.postgres.url.replace("+psycopg", "", 1), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return urlsplit(self.postgres.url)._replace(path=f"/{name}").geturl()

    def new_bucket(self) -> str:
        name = f"faults-{next(self._numbers)}"
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.store.url,
            region_name="us-east-1",
            aws_access_key_id=self.store.access_key,
            aws_secret_access_key=self.store.secret_key,
        )
        client.create_bucket(Bucket=name)
        client.close()
        return name

    def store_address(self) -> tuple[str, int]:
        parts = urlsplit(self.store.url)
        return str(parts.hostname), int(parts.port or 0)

    def s3_url(self, work: Path, bucket: str, host: str, port: int) -> str:
        credentials = work / "credentials"
        if not credentials.exists():
            credentials.touch(mode=0o600)
            credentials.write_text(f"{self.store.access_key}\n{self.store.secret_key}\n")
        return f"s3://{bucket}?endpoint=http://{host}:{port}&region=us-east-1&credentials={credentials}"

    def network_home(self, work: Path, *, door: Door | None = None) -> tuple[Home, Callable[[], checker_reading.Kept]]:
        """A home on PostgreSQL, behind its wire, and on S3, behind `door` if there is one; and a way to look into both
        behind the gateway's back.
        """
        database, bucket = self.new_database(), self.new_bucket()
        home = prepare(work / "home", self.pki, database_url=database)
        open_budgets(home)
        name = urlsplit(database).path
        host, port = ("127.0.0.1", door.port) if door else self.store_address()
        home = structs.replace(
            home,
            database_url=self.postgres.through(database, "127.0.0.1", self.postgres.wire.port),
            vault_url=self.s3_url(work, bucket, host, port),
        )

        def kept() -> checker_reading.Kept:
            now = urlsplit(self.postgres.url)._replace(path=name).geturl()
            read = checker_reading.s3_read(self.store.url, bucket, self.store.access_key, self.store.secret_key)
            return checker_reading.kept_in(home.folder, checker_reading.postgres_rows(now), read)

        return home, kept


@contextmanager
def stage(seed: int) -> Iterator[Stage]:
    """Set the stage, and clear it."""
    with ExitStack() as stack:
        folder = stack.enter_context(servers.short_folder())
        yield Stage(seed, folder.resolve(), stack)


class Play:
    """One scenario on its way: a gateway, its clients, the count of faults; and the look at the end."""

    def __init__(self, stage: Stage, name: str, seconds: float) -> None:
        self.stage, self.name, self.seconds = stage, name, seconds
        self.rng = stage.rng(name)
        self.work = stage.work(name)
        self.faults = 0
        self.restarts = 0
        self._came_in = self._began = time.monotonic()

    def ended(self, share: float = 1.0) -> bool:
        """Whether that share of the scenario's time has passed since its load began."""
        return time.monotonic() - self._began > self.seconds * share

    def pause(self, least_s: float, most_s: float) -> None:
        time.sleep(self.rng.uniform(least_s, most_s))

    @contextmanager
    def loaded(self, gate: Gate, *, employers: int = 5) -> Iterator[Ledger]:
        """A served gateway under load; when the block ends the load stops, and the gateway is left as it is."""
        with Load(gate.url, gate.home, self.stage.pool, self.rng, employers=employers) as load:
            self._began = time.monotonic()
            yield load.ledger

    def keep_up(self, gate: Gate) -> None:
        """Start it again if it ended by itself, as a service manager would; while faults last, it may not start."""
        if not gate.is_alive:
            gate.kill()
            with contextlib.suppress(AssertionError):
                gate.start()

    def conclude(self, gate: Gate, ledger: Ledger, kept: Callable[[], checker_reading.Kept], told: str = "") -> Outcome:
        """The faults are over: everything unanswered is submitted again, the gateway ends, and the checker looks."""
        if not gate.is_alive:
            gate.restart()
        gate.wait_until_ready()
        settle(gate.url, gate.home, ledger, rng=self.rng)
        gate.stop()
        return self.outcome(ledger, checker.check(kept(), ledger), gate.restarts, told)

    def outcome(self, ledger: Ledger, verdict: checker.Verdict, restarts: int, told: str = "") -> Outcome:
        counts = ledger.counts
        return Outcome(
            name=self.name,
            operations=counts["operations"],
            acknowledged=counts["acknowledged"],
            refused=counts["refused"],
            unknown=counts["unknown"],
            faults=self.faults,
            restarts=self.restarts + restarts,
            verdict=verdict,
            seconds=time.monotonic() - self._came_in,
            told=told,
        )

    def clear(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
