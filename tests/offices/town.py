"""The month's town: offices that are in force, units with certificates of their own, clients, a gateway's home."""

import json
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from msgspec import Struct, structs
from msgspec import json as msgjson

from gateway.callers import Role, register_client
from gateway.client import BySecret
from gateway.clock import VIETNAM
from gateway.config import Settings
from gateway.demo_dossiers import Signing
from gateway.demo_office import load_signer
from gateway.first_start import make_keys
from gateway.routing import OfficeTable, Route, route
from schemas import sample
from signing.demo_pki import DemoPki, Employer, load_recipe, make_pki, write_holder
from signing.policy_file import policy_text
from storage import register
from storage.database import Database, open_database
from storage.migrations import migrate
from tests.databases import lay_migrated
from tests.keys import lend_absence_key

# A month with two holidays in it, and its beginning in the middle of a week.
FIRST_DAY = date(2026, 4, 1)
HOLDERS = 2
UNITS_AN_OFFICE = 4
TOKEN_LIFE_S = 400 * 86_400
# A home lasts as long as its month: nobody issues revocation lists in it after the first.
_FRESH = ("end_user_age_s_max = 604_800", 'end_user_age_s_max = "next-update"')


class Unit(Struct, frozen=True):
    """An employer of the town."""

    number: int
    office: str

    @property
    def code(self) -> str:
        return sample.unit_code(self.number)

    @property
    def tax_code(self) -> str:
        return sample.tax_code(self.number)

    @property
    def holder(self) -> str:
        return f"unit-{self.number}"


class Town(Struct, frozen=True, kw_only=True):
    """Everything that is there before the first day; it is kept in its folder and opened again from there."""

    folder: Path
    offices: tuple[str, ...]
    clients: dict[str, tuple[str, str]]
    database_url: str = ""

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(
            Unit(number, self.offices[number % len(self.offices)])
            for number in range(UNITS_AN_OFFICE * len(self.offices))
        )

    def proof(self, name: str) -> BySecret:
        return BySecret(*self.clients[name])

    def signer(self, name: str) -> Signing:
        return load_signer(self.folder / f"{name}.key.pem", self.folder / f"{name}.pem")

    def settings(self, **more: object) -> dict[str, str]:
        """The gateway's settings, by name."""
        known = {
            "home": self.folder,
            "signature_policy": self.folder / "policy.toml",
            "token_life_s": TOKEN_LIFE_S,
            "lookups_per_minute_max": 10_000_000,
            "database_url": self.database_url,
        }
        return {name: str(value) for name, value in (known | more).items() if str(value)}


def first_instant() -> datetime:
    return datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=VIETNAM)


def found_town(folder: Path, offices: int, *, database_url: str = "", key: str = "rsa-2048") -> Town:
    """Make a town of so many offices, or open the one in the folder. `key` is the kind that everybody signs with."""
    kept = folder / "town.json"
    if kept.exists():
        told = json.loads(kept.read_text())
        clients = {name: (one[0], one[1]) for name, one in told["clients"].items()}
        return Town(folder=folder, offices=tuple(told["offices"]), clients=clients, database_url=told["database_url"])
    folder.mkdir(parents=True, exist_ok=True)
    made_at = first_instant() - timedelta(days=1)
    town = Town(folder=folder, offices=_offices(offices), clients={}, database_url=database_url)
    _issue(town, make_pki(made_at, structs.replace(load_recipe(), employers=())), made_at, key)
    (folder / "policy.toml").write_text(policy_text("national-1").decode().replace(*_FRESH))
    if not database_url:
        lay_migrated(folder / "motcua.sqlite")
    database = open_database(database_url or f"sqlite:///{folder / 'motcua.sqlite'}")
    try:
        migrate(database)
        lend_absence_key(folder)
        make_keys(Settings(home=str(folder)), database)
        with database.begin() as tx:
            register.put(
                tx,
                [
                    register.Unit(
                        code=unit.code,
                        tax_code=unit.tax_code,
                        office=unit.office,
                        name="Đơn vị",
                        valid_from="2020-01-01",
                    )
                    for unit in town.units
                ],
            )
        town = structs.replace(town, clients=_clients(town, database, made_at))
    finally:
        database.close()
    kept.write_bytes(
        msgjson.encode({"offices": town.offices, "clients": town.clients, "database_url": town.database_url})
    )
    return town


def _offices(count: int) -> tuple[str, ...]:
    """Offices that decide themselves what their own units file."""
    table = OfficeTable.load()
    found = []
    for one in table.offices_on(FIRST_DAY):
        competent = route("600", one.code, one.code, FIRST_DAY, table)
        if isinstance(competent, Route) and competent.competent_office == one.code:
            found.append(one.code)
    assert len(found) >= count, f"the table has {len(found)} such offices"
    return tuple(found[:count])


@cache
def may_handle(office: str, procedure: str) -> bool:
    """Whether the table lets that office decide on the procedure."""
    found = OfficeTable.load().get(office, FIRST_DAY)
    return found is not None and found.may_handle(procedure)


def _issue(town: Town, pki: DemoPki, made_at: datetime, key: str) -> None:
    pki.write(town.folder)
    names: list[tuple[str, str, tuple[str, ...]]] = [
        (unit.holder, f"ĐƠN VỊ {unit.code}", (f"MST:{unit.tax_code}",)) for unit in town.units
    ]
    names += [(f"office-{office}", f"BẢO HIỂM XÃ HỘI {office}", ()) for office in town.offices]
    for name, common_name, identifiers in names:
        named = Employer(name=name, common_name=common_name, identifiers=identifiers, key=key, valid_days=365)
        write_holder(town.folder, name, pki.issue(named, made_at))


def _clients(town: Town, database: Database, made_at: datetime) -> dict[str, tuple[str, str]]:
    wanted: list[tuple[str, Role, list[str], list[str]]] = [
        ("employer", "employer", [unit.code for unit in town.units], []),
        ("operator", "operator", [], []),
    ]
    for office in town.offices:
        wanted += [(f"{office}/{holder}", "office", [], [office]) for holder in range(HOLDERS)]
    made = {}
    for name, role, units, offices in wanted:
        client, secret = register_client(
            database,
            role=role,
            name=name,
            units=units,
            offices=offices,
            jwk=None,
            requests_per_minute_max=10_000_000,
            now=made_at,
        )
        made[name] = (client, secret or "")
    return made
