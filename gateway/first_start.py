"""The first start: the keys of a gateway that has none, and, for a demonstration, a PKI, units and clients."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from msgspec import Struct

from gateway.callers import register_client
from gateway.receipt import CLOSING_TYPE, ORIGIN_TYPE
from gateway.seals import history_path
from schemas import sample
from signing.demo_pki import DemoPki, Employer, Holder, Recipe, load_recipe, make_pki, write_holder
from signing.demo_revocation import make_crl
from signing.pkcs11_uri import is_pkcs11
from signing.seal import create_seal_key
from signing.sign import load_certificate, load_key
from signing.trust_facts import Facts, with_facts
from signing.unique import create_unique_key
from storage import journal, register, statements
from storage.cipher import create_master_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    import sqlalchemy as sa

    from gateway.callers import Role
    from gateway.config import Settings
    from storage.database import Database

# Invented offices of the table that comes with motcua, and where the demonstration's units belong.
DEMO_OFFICES = ("09993", "09995")
# The carrier that the demonstration's post speaks for.
DEMO_CARRIER = "vnpost"
DEMO_UNITS = 4
DEMO_FOLDER = "demo"
SECRETS_FILE = "clients.json"
_AUTHORITY = "authority"
_CRL_BACKDATED = timedelta(minutes=5)
_CRL_VALID = timedelta(days=3650)
_DEMO_SINCE = "2020-01-01"


class KeysMissing(Exception):
    """A key is not where it should be, and a new one would be wrong. An operator must bring it back."""


class DemoUnit(Struct, frozen=True, kw_only=True):
    """A unit of the demonstration, and the name of its key and certificate in the demo folder."""

    code: str
    tax_code: str
    office: str
    holder: str


def make_keys(settings: Settings, database: Database) -> list[str]:
    """Make the keys that have their default places and are not there; say which.

    Master key and seal key only while nothing was ever received, the others only while nothing was ever said under
    them: a gateway that made itself a new key because a disk was not mounted could no longer open what it holds, or
    would seem another. The database must be migrated. Raises `KeysMissing`; trying again is safe.
    """
    made = []
    for name, default, create, is_missed in _KEYS:
        path = settings.path(name, default)
        # A token's key is not ours to make; and once there is a history of seal keys, it is the one to miss them.
        is_elsewhere = name == "seal_key" and history_path(settings).exists()
        if is_elsewhere or is_pkcs11(getattr(settings, name)) or path.exists():
            continue
        if getattr(settings, name):
            raise KeysMissing(f"{path}: không có khóa này · no such key (MOTCUA_{name.upper()})")
        with database.read() as tx:
            if is_missed(tx):
                raise KeysMissing(f"{path}: mất khóa đã dùng · a key that was in use is gone")
        settings.home_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        create(path)
        made.append(str(path))
    return made


def _has_received(tx: sa.Connection) -> bool:
    return journal.head(tx) > 0


def _has_logged(tx: sa.Connection) -> bool:
    return statements.last_of(tx, ORIGIN_TYPE) is not None


def _has_closed(tx: sa.Connection) -> bool:
    return statements.last_of(tx, CLOSING_TYPE) is not None


def _create_log_key(path: Path) -> None:
    create_seal_key(path, "Ed25519")


_KEYS: tuple[tuple[str, str, Callable[[Path], object], Callable[[sa.Connection], bool]], ...] = (
    ("master_key", "master.key", create_master_key, _has_received),
    ("seal_key", "seal.pem", create_seal_key, _has_received),
    ("log_key", "log.pem", _create_log_key, _has_logged),
    ("absence_key", "absence.pem", create_unique_key, _has_closed),
)


def demo_units() -> list[DemoUnit]:
    """The units of the demonstration: the same every time, at two offices by turns."""
    return [
        DemoUnit(
            code=sample.unit_code(number),
            tax_code=sample.tax_code(number),
            office=DEMO_OFFICES[number % len(DEMO_OFFICES)],
            holder=f"unit-{number + 1}",
        )
        for number in range(DEMO_UNITS)
    ]


def make_demo(settings: Settings, database: Database, now: datetime) -> Path | None:
    """A demo PKI that is trusted, units with their signing keys, and clients; None when there is trust already.

    The clients' secrets are written to a file for the owner alone, whose path is returned.
    """
    if is_trusting(settings):
        return None
    trust = settings.path("trust", "trust")
    folder = settings.home_path / DEMO_FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    recipe = load_recipe()
    pki = make_pki(now, Recipe(recipe.root, recipe.intermediate, employers=()))
    pki.write(folder)
    _keep_authorities(folder, pki, now)
    units = demo_units()
    for unit in units:
        named = Employer(
            name=unit.holder,
            common_name=f"ĐƠN VỊ MẪU {unit.code}",
            identifiers=(f"MST:{unit.tax_code}",),
            key="rsa-2048",
            valid_days=365,
        )
        write_holder(folder, unit.holder, pki.issue(named, now))
    with database.begin() as tx:
        register.put(tx, [_row(unit) for unit in units])
    secrets = _make_clients(database, units, now)
    listed = folder / SECRETS_FILE
    descriptor = os.open(listed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(secrets, file, indent=2)
    # Trust comes last: a first start that was cut short begins again from here.
    trust.mkdir(mode=0o755, parents=True, exist_ok=True)
    sources = b""
    for _, holder in _authorities_of(pki):
        sha256 = holder.certificate.fingerprint(hashes.SHA256()).hex()
        sources = with_facts(sources, Facts(sha256=sha256, source="motcua serve --demo"))
    for one in sorted((folder / "trust").iterdir()):
        (trust / f"demo-{one.name}").write_bytes(one.read_bytes())
    (trust / "trust.toml").write_bytes(sources)
    return listed


def _keep_authorities(folder: Path, pki: DemoPki, now: datetime) -> None:
    """Keep the demo authorities' keys, so that their CRLs can be made anew: a policy takes none that is too old."""
    for name, holder in _authorities_of(pki):
        write_holder(folder, f"{_AUTHORITY}-{name}", holder)
    _write_crls(folder / "trust", _authorities_of(pki), now)


def _authorities_of(pki: DemoPki) -> list[tuple[str, Holder]]:
    return [("root", pki.root), ("intermediate", pki.intermediate)]


def _write_crls(folder: Path, authorities: list[tuple[str, Holder]], now: datetime, prefix: str = "") -> None:
    for name, holder in authorities:
        der = make_crl(holder, this_update=now - _CRL_BACKDATED, next_update=now + _CRL_VALID)
        (folder / f"{prefix}{name}.crl").write_bytes(der)


def renew_demo_crls(settings: Settings, now: datetime) -> None:
    """Make the demo authorities' CRLs anew, where this home has a demonstration."""
    folder, trust = settings.home_path / DEMO_FOLDER, settings.path("trust", "trust")
    authorities = []
    for name in ("root", "intermediate"):
        if not (key_file := folder / f"{_AUTHORITY}-{name}.key.pem").exists():
            return
        key, _ = load_key(key_file)
        authorities.append((name, Holder(key, load_certificate(folder / f"{_AUTHORITY}-{name}.pem"))))
    _write_crls(trust, authorities, now, "demo-")


def _row(unit: DemoUnit) -> register.Unit:
    return register.Unit(
        code=unit.code,
        tax_code=unit.tax_code,
        office=unit.office,
        name=f"Đơn vị mẫu {unit.code}",
        valid_from=_DEMO_SINCE,
    )


def _make_clients(database: Database, units: list[DemoUnit], now: datetime) -> dict[str, dict[str, str]]:
    """An employer's software for all demo units, one client for each office, one for the post, and an operator."""
    codes = [unit.code for unit in units]
    wanted: list[tuple[str, Role, list[str], list[str]]] = [("employer", "employer", codes, [])]
    wanted += [(f"office-{office}", "office", [], [office]) for office in DEMO_OFFICES]
    wanted.append(("post", "post", [], [DEMO_CARRIER]))
    wanted.append(("operator", "operator", [], []))
    made: dict[str, dict[str, str]] = {}
    for name, role, of_units, of_offices in wanted:
        client, secret = register_client(
            database,
            role=role,
            name=f"demo {name}",
            units=of_units,
            offices=of_offices,
            jwk=None,
            requests_per_minute_max=60_000,
            now=now,
        )
        made[name] = {"client_id": client, "client_secret": secret or ""}
    return made


def is_trusting(settings: Settings) -> bool:
    """Whether the trust folder holds anything; without it every signature is refused."""
    trust = settings.path("trust", "trust")
    return trust.is_dir() and any(trust.iterdir())


def read_secrets(folder: Path) -> list[tuple[str, str, str]]:
    """The demo clients: name, client id and secret."""
    held = json.loads((folder / SECRETS_FILE).read_text("utf-8"))
    return [(name, one["client_id"], one["client_secret"]) for name, one in held.items()]
