"""A real gateway for a test: a prepared home, its clients, signed dossiers, and the process that serves them."""

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
import sqlalchemy as sa
from msgspec import Struct, structs
from msgspec import json as msgjson

from gateway.callers import Callers, Role, register_client
from gateway.clock import VIETNAM
from gateway.config import Settings
from gateway.first_start import make_keys
from schemas.catalogue import Catalogue
from schemas.sample import make_dossier
from signing.demo_pki import DemoPki
from signing.dossier import sign_dossier
from signing.seal import open_jws
from storage import register
from storage.database import Database, open_database
from storage.migrations import migrate
from tests import servers
from tests.keys import lend_absence_key

UNIT, TAX_CODE, OFFICE = "TA0123A", "0101234565", "07906"
OTHER_UNIT, OTHER_TAX_CODE = "TB4567B", "0309876547"
TOKEN_LIFE_S = 3600
HURRIED_A_MINUTE = 10
# Of a gateway that is meant to meet its limits soon.
BODY_BYTES_MAX = 1_500_000
IDLE_S = 0.6
BYTES_PER_S_MIN = 16 * 1024
ANSWER_S = 30.0
ROOT = Path(__file__).parents[2]


class Client(Struct, frozen=True):
    """A registered client and a token that outlives the test."""

    id: str
    secret: str
    token: str


class Home(Struct, frozen=True, kw_only=True):
    """A gateway's folder, prepared and not yet served: keys, trust, units, clients. A copy of it is as good."""

    folder: Path
    database_url: str
    vault_url: str
    pki: DemoPki
    employer: Client
    stranger: Client
    office: Client
    hurried: Client
    """An employer of the same unit whose budget is small."""

    def environment(self) -> dict[str, str]:
        named = {"MOTCUA_HOME": str(self.folder), "MOTCUA_TOKEN_LIFE_S": str(TOKEN_LIFE_S)}
        named |= {"MOTCUA_DATABASE_URL": self.database_url} if self.database_url else {}
        return named | ({"MOTCUA_VAULT_URL": self.vault_url} if self.vault_url else {})

    def copy(self, folder: Path, *, database_url: str = "", vault_url: str = "") -> "Home":
        """The same home elsewhere, before it was ever served. What is not in its folder the caller has copied."""
        assert bool(database_url) == bool(self.database_url)
        assert bool(vault_url) == bool(self.vault_url)
        shutil.copytree(self.folder, folder)
        return structs.replace(self, folder=folder, database_url=database_url, vault_url=vault_url)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction of our own, beside the gateway's."""
        database = open_database(self.database_url or f"sqlite:///{self.folder / 'motcua.sqlite'}")
        try:
            with database.begin() as tx:
                yield tx
        finally:
            database.close()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Look into the database behind the gateway's back. Values are marked with "?"."""
        if self.database_url:
            # As SQLAlchemy would: its URLs may name several hosts.
            url = sa.engine.make_url(self.database_url).set(drivername="postgresql+psycopg")
            words, named = url.get_dialect()().create_connect_args(url)
            with psycopg.connect(*words, **named) as connection:
                return connection.execute(sql.replace("?", "%s"), values).fetchall()
        connection = sqlite3.connect(self.folder / "motcua.sqlite", timeout=10)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def kept(self, content: bytes) -> dict[str, int]:
        """How often the journal has these bytes: what exactly one submission leaves is one of each."""
        digest = hashlib.sha256(content).digest()
        mine = "FROM dossier d WHERE d.sha256 = ? AND d.state <> 'refused'"
        counts = {
            "dossiers": f"SELECT count(*) {mine}",
            "receipts": f"SELECT count(DISTINCT d.statement) {mine}",
            "works": f"SELECT count(*) FROM work w WHERE w.dossier IN (SELECT d.id {mine})",
            "events": f"SELECT count(*) FROM event e WHERE e.type = 'accepted' AND e.dossier IN (SELECT d.id {mine})",
            "leaves": f"SELECT count(*) FROM log_entry l WHERE l.seq IN (SELECT d.seq {mine})",
        }
        return {name: self.rows(sql, digest)[0][0] for name, sql in counts.items()}


ONE_OF_EACH = {"dossiers": 1, "receipts": 1, "works": 1, "events": 1, "leaves": 1}
NONE_OF_ANY = dict.fromkeys(ONE_OF_EACH, 0)


def prepare(folder: Path, pki: DemoPki, *, database_url: str = "", vault_url: str = "") -> Home:
    """Make a home: an empty database, keys, the trust of `pki`, two units, and one client of each kind."""
    folder.mkdir(parents=True)
    pki.write(folder)
    database = open_database(database_url or f"sqlite:///{folder / 'motcua.sqlite'}")
    try:
        migrate(database)
        lend_absence_key(folder)
        make_keys(Settings(home=str(folder)), database)
        units = [
            register.Unit(code=code, tax_code=tax_code, office=OFFICE, name="Đơn vị mẫu", valid_from="2020-01-01")
            for code, tax_code in ((UNIT, TAX_CODE), (OTHER_UNIT, OTHER_TAX_CODE))
        ]
        with database.begin() as tx:
            register.put(tx, units)
        return Home(
            folder=folder,
            database_url=database_url,
            vault_url=vault_url,
            pki=pki,
            employer=_client(database, "employer", units=[UNIT]),
            stranger=_client(database, "employer", units=[OTHER_UNIT]),
            office=_client(database, "office", offices=[OFFICE]),
            hurried=_client(database, "employer", units=[UNIT], requests_per_minute_max=HURRIED_A_MINUTE),
        )
    finally:
        database.close()


def _client(
    database: Database,
    role: Role,
    *,
    units: list[str] | None = None,
    offices: list[str] | None = None,
    requests_per_minute_max: int = 6000,
) -> Client:
    now = datetime.now(UTC)
    client, secret = register_client(
        database,
        role=role,
        name="Khách mẫu",
        units=units or [],
        offices=offices or [],
        jwk=None,
        requests_per_minute_max=requests_per_minute_max,
        now=now,
    )
    assert secret
    callers = Callers(database, token_life_s=TOKEN_LIFE_S, lookups_per_minute_max=6000)
    return Client(client, secret, callers.by_secret(client, secret, now).token)


def unsigned(seed: int, **changed: Any) -> bytes:
    """A small valid dossier of procedure 600 of `UNIT`; another `seed`, other bytes."""
    now = datetime.now(VIETNAM)
    asked: dict[str, Any] = {
        "employees": 2,
        "attachments": 1,
        "attachment_bytes": 4096,
        "unit": UNIT,
        "tax_code": TAX_CODE,
        "office": OFFICE,
        "period": f"{now:%m/%Y}",
        "made_on": now.date(),
        "forms": ("D02-TS",),
    }
    return make_dossier("600", seed=seed, **(asked | changed))


def signed(content: bytes, pki: DemoPki, *, employer: str = "employer", level: Any = "both") -> bytes:
    """Sign a dossier as an employer's software would."""
    holder = pki.employers[employer]
    now = datetime.now(UTC)
    return sign_dossier(
        content, holder.key, holder.certificate, signature_paths=_signature_paths(), now=now, level=level
    )


def dossier(home: Home, seed: int, **changed: Any) -> bytes:
    """A small signed dossier that the gateway accepts from `home.employer`."""
    return signed(unsigned(seed, **changed), home.pki)


def _signature_paths() -> dict[str, str]:
    today = datetime.now(VIETNAM).date()
    return {form.root: form.signature_path for form in Catalogue.load().forms(today)}


class Serving:
    """A door that somebody serves: how a client speaks to it."""

    def __init__(self, port: int, home: Home) -> None:
        self.port, self.home = port, home
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=ANSWER_S, trust_env=False)

    def submit(
        self, content: bytes, client: Client | None = None, *, query: str = "", **headers: str
    ) -> httpx.Response:
        """Submit bytes as `home.employer`, or as `client`."""
        sent = {"content-type": "application/xml", **bearer(client or self.home.employer)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post("/v1/dossiers" + query, content=content, headers=sent)

    def get(self, path: str, client: Client | None = None) -> httpx.Response:
        return self.http.get(path, headers=bearer(client or self.home.employer))

    def receipt_of(self, content: bytes, client: Client | None = None) -> httpx.Response:
        return self.get(f"/v1/receipts?sha256={hashlib.sha256(content).hexdigest()}", client)

    def check_receipt(self, answer: Mapping[str, Any], content: bytes) -> dict[str, Any]:
        """Check a receipt as its holder would: offline, by the public key, against the bytes sent."""
        (key,) = self.http.get("/v1/keys").json()["keys"]
        payload: dict[str, Any] = msgjson.decode(open_jws(answer["receipt"], key, typ="motcua-receipt+jws"))
        assert payload["sha256"] == hashlib.sha256(content).hexdigest()
        assert payload["receipt"] == answer["receipt_number"]
        return payload

    def wait_until_ready(self, alive: Any) -> None:
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            assert alive(), "the gateway ended instead of serving"
            try:
                if self.http.get("/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError("the gateway did not begin to serve")


class Gateway(Serving):
    """A gateway process of its own, as an operator would start it."""

    def __init__(self, home: Home, **settings: object) -> None:
        super().__init__(servers._free_ports(1)[0], home)
        self.log = home.folder / f"gateway-{self.port}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
        environment |= home.environment() | {f"MOTCUA_{name.upper()}": str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", "uvicorn", "--factory", "gateway.app:from_environment"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--no-access-log"]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*_bound(), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )
        try:
            self.wait_until_ready(lambda: self.process.poll() is None)
        except BaseException as fault:
            self.stop()
            raise AssertionError(self.log.read_text(errors="replace")[-3000:]) from fault

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """End it as an operator would."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def logs(self, text: str) -> bool:
        """Whether the log says so, now or within a moment: a thread of its own writes it."""
        deadline = time.monotonic() + 5
        while text not in self.log.read_text(errors="replace"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _bound() -> list[str]:
    """It dies with the test run, also when the run itself is killed; and root's is held to file permissions, too."""
    if (setpriv := shutil.which("setpriv")) is None:
        return []
    unprivileged = ["--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    return [setpriv, "--pdeathsig", "KILL", *unprivileged]


def all_at_once(sendings: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Let all senders go at the same instant, each on a connection of its own."""
    start = threading.Barrier(len(sendings))

    def send(sending: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait()
        return sending()

    with ThreadPoolExecutor(len(sendings)) as threads:
        return list(threads.map(send, sendings))


@contextmanager
def serving(home: Home, **settings: object) -> Iterator[Gateway]:
    """Serve a home while the context lasts."""
    gateway = Gateway(home, **settings)
    try:
        yield gateway
    finally:
        gateway.stop()


def bearer(client: Client) -> dict[str, str]:
    return {"authorization": f"Bearer {client.token}"}


def content_digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


class Raw(Struct, frozen=True):
    """An answer that was read from the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection on which a test says exactly what it wants to say."""

    def __init__(self, gateway: Serving) -> None:
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), ANSWER_S)
        self.gateway = gateway

    def head(self, *lines: str, client: Client | None = None, method: str = "POST", path: str = "/v1/dossiers") -> None:
        """Send the request line and headers; `lines` are added as they are."""
        token = (client or self.gateway.home.employer).token
        first = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
        first += ["Content-Type: application/xml", *lines, "", ""]
        self.send("\r\n".join(first).encode())

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def answer(self) -> Raw | None:
        """The next answer; None when the connection ended without one."""
        try:
            with self.socket.makefile("rb") as file:
                line = file.readline()
                if not line:
                    return None
                headers = {}
                while (header := file.readline().strip()) != b"":
                    name, _, value = header.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = file.read(int(headers["content-length"])) if "content-length" in headers else file.read()
        except ConnectionError:
            return None
        return Raw(int(line.split()[1]), headers, body)

    def hang_up(self, *, rudely: bool = False) -> None:
        """Close; rudely with a reset instead of a farewell."""
        if rudely:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
