"""A whole gateway in the test's own process, asked over ASGI; the clock is moved by hand."""

import asyncio
import base64
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import httpx

from gateway.app import Door, build, open_the_database
from gateway.callers import Role, register_client
from gateway.config import Settings
from gateway.first_start import make_keys
from schemas.catalogue import Catalogue
from schemas.sample import make_dossier
from signing.demo_pki import DemoPki, make_pki
from signing.dossier import sign_dossier
from storage import register
from storage.migrations import migrate
from tests.clocks import HandClock
from tests.databases import lay_migrated
from tests.keys import lend_absence_key

UNIT, TAX_CODE, OFFICE = "TS12345", "0101234565", "07906"
OTHER_UNIT, OTHER_TAX_CODE, OTHER_OFFICE = "AA1234B", "0309876547", "08907"
T = TypeVar("T")


@lru_cache(maxsize=1)
def pki() -> DemoPki:
    """One PKI a run: keys take time to make."""
    return make_pki(HandClock().now())


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """One reading of it a run, which workers that are forked share as well."""
    return Catalogue.load()


@lru_cache(maxsize=1)
def signature_paths() -> dict[str, str]:
    return {form.root: form.signature_path for form in catalogue().forms(date(2026, 3, 2))}


def a_dossier(
    seed: int = 0,
    *,
    employees: int = 2,
    unit: str = UNIT,
    tax_code: str = TAX_CODE,
    holder: str = "employer",
    made_by: DemoPki | None = None,
    **more: Any,
) -> bytes:
    """A signed dossier of procedure 600; another seed, other people."""
    now = HandClock().now()
    office = OFFICE if unit == UNIT else OTHER_OFFICE
    fields = {"period": "03/2026", "made_on": now.date(), "attachments": 0, "office": office, "procedure": "600"} | more
    raw = make_dossier(fields.pop("procedure"), employees=employees, seed=seed, unit=unit, tax_code=tax_code, **fields)
    return sign(raw, holder, made_by)


def sign(raw: bytes, holder: str = "employer", made_by: DemoPki | None = None) -> bytes:
    signer = (made_by or pki()).employers[holder]
    return sign_dossier(raw, signer.key, signer.certificate, signature_paths=signature_paths(), now=HandClock().now())


class Inhouse:
    """The gateway, its clock, and clients of it."""

    def __init__(self, door: Door, clock: HandClock) -> None:
        self.door, self.clock, self.house = door, clock, door.house

    def client(
        self,
        role: Role,
        *,
        units: Sequence[str] = (),
        offices: Sequence[str] = (),
        jwk: str | None = None,
        requests_per_minute_max: int = 100_000,
    ) -> tuple[str, str]:
        client, secret = register_client(
            self.house.database, role=role, name="", units=units, offices=offices, jwk=jwk,
            requests_per_minute_max=requests_per_minute_max, now=self.clock.now(),
        )  # fmt: skip
        return client, secret or ""

    def token(self, client: str, secret: str) -> str:
        return self.house.callers.by_secret(client, secret, self.clock.now()).token

    def bearer(self, role: Role, **more: Any) -> str:
        """The token of a new client."""
        return self.token(*self.client(role, **more))

    def asked(self, session: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(session)

    async def ask(
        self, method: str, path: str, token: str | None = None, *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if method == "POST" and path.partition("?")[0].endswith(("/dossiers", "/check")):
            sent.setdefault("content-type", "application/xml")
        transport = httpx.ASGITransport(app=self.door)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, path, headers=sent, **more)

    def __call__(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """One request and its answer."""
        return self.asked(self.ask(method, path, token, **more))


def basic(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


@contextmanager
def inhouse(home: Path, made_by: DemoPki | None = None, **changes: Any) -> Iterator[Inhouse]:
    """A gateway with two units, in a home of its own."""
    clock = HandClock()
    home.mkdir(exist_ok=True)
    (made_by or pki()).write(home)
    settings = Settings(home=str(home), **changes)
    if not settings.database_url and not (home / "motcua.sqlite").exists():
        lay_migrated(home / "motcua.sqlite")
    database = open_the_database(settings)
    migrate(database)
    lend_absence_key(home)
    make_keys(settings, database)
    with database.begin() as tx:
        register.put(
            tx,
            [
                register.Unit(code=UNIT, tax_code=TAX_CODE, office=OFFICE, valid_from="2020-01-01"),
                register.Unit(code=OTHER_UNIT, tax_code=OTHER_TAX_CODE, office=OTHER_OFFICE, valid_from="2020-01-01"),
            ],
        )
    database.close()
    door = build(settings, clock, None if settings.catalogue else catalogue())
    try:
        yield Inhouse(door, clock)
    finally:
        asyncio.run(door.house.close())
