"""Signed, versioned tables of offices in the database: kept, put in force, opened only if every seal and digest holds.

Each table is a version with the gateway's own seal over its SHA-256; putting one in force is a signed statement, and in
the log. All gateways on one database follow within seconds. A table of which anything does not hold is not taken: the
one in force stays, and the fault is told.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import date
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway.clock import VIETNAM, from_us, rfc3339, to_us
from gateway.office_files import read_toml
from gateway.office_rows import OfficesMistaken
from gateway.office_table import OfficeTable
from gateway.receipt import LOGGED_WITHIN
from signing.seal import SealBroken, kid_of, open_jws, seal_jws
from storage import journal, office_tables, statements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.house import House
    from gateway.judge import Tables
    from signing.keyring import Keyring
    from storage.database import Database
    from storage.office_tables import Kept, Source, Use

TABLE_TYPE: Final = "motcua-offices+jws"
USE_TYPE: Final = "motcua-offices-use+jws"
# Who makes what nobody asked for.
GATEWAY: Final = "gateway"
_LOG = logging.getLogger("motcua.offices")

Keys = dict[str, dict[str, str]]


class TableForged(OfficesMistaken):
    """A table in the database is not what was sealed. It is not used; trying again is useless until it is mended."""


class TableSaid(Struct, frozen=True, kw_only=True):
    """What the seal over a table says."""

    table: int
    name: str
    source: str
    sha256: str
    size_bytes: int
    made_at: str
    made_by: str
    note: str


class UseSaid(Struct, frozen=True, kw_only=True):
    """What the statement says by which a table was put in force; `sha256` is that of its content."""

    use: int
    gateway: str
    table: int
    name: str
    sha256: str
    valid_from: str
    at: str
    by: str
    why: str
    log: str | None = None
    log_by: str | None = None


class Sealing(Struct, frozen=True):
    """What is needed to seal: the keys, the instant, the gateway's unit, and the log's origin ("" without a log)."""

    seal: Keyring
    now: datetime
    gateway_unit: str
    log_origin: str = ""


class InForce(Struct, frozen=True):
    """What was in force at the last look: up to use `number`, on that day; `base` is the table where none was put in
    force, None before the first look.
    """

    number: int
    on: date
    base: OfficeTable | None = None
    is_kept: bool = False


NOTHING_YET: Final = InForce(-1, date.min)


def keys_of(seal: Keyring, now: datetime, *, compromised: bool = False) -> Keys:
    """The keys that ever sealed here, by name. One that is compromised puts no table in force: what it put in force is
    put in force again by `motcua office use`, which a person answers for and for which `compromised` ones are taken.
    """
    return {key.kid: key.jwk for key in seal.keys(now) if compromised or key.compromised_at is None}


def keep(
    tx: sa.Connection, table: OfficeTable, version: int, *, source: Source, by: str, note: str, sealing: Sealing
) -> Kept:
    """Seal a table and write it under that version. Raises what the seal's key store raises."""
    now = sealing.now
    said = TableSaid(
        table=version,
        name=table.version,
        source=source,
        sha256=table.sha256.hex(),
        size_bytes=len(table.content),
        made_at=rfc3339(now),
        made_by=by,
        note=note,
    )
    kept = office_tables.Kept(
        version=version,
        name=table.version,
        source=source,
        content=table.content,
        sha256=table.sha256,
        made_at_us=to_us(now),
        made_by=by,
        note=note,
        jws=seal_jws(sealing.seal.signer_at(now), msgspec.json.encode(said), TABLE_TYPE),
    )
    office_tables.add(tx, kept)
    return kept


def keep_base(tx: sa.Connection, base: OfficeTable, *, is_file: bool, sealing: Sealing) -> Kept:
    """Keep the table that serves where none was put in force, unless it is kept already: else a later program, which
    comes with another, could not replay what this one decided.
    """
    office_tables.hold(tx)
    if (held := office_tables.named(tx, base.version)) is not None:
        return held
    source: Source = "file" if is_file else "shipped"
    version = office_tables.next_version(tx)
    return keep(tx, base, version, source=source, by=GATEWAY, note="", sealing=sealing)


def put_in_force(tx: sa.Connection, kept: Kept, valid_from: date, *, by: str, why: str, sealing: Sealing) -> Use:
    """State, sealed and for the log, that a table is in force from that day on. Takes and ends a turn of the journal,
    so it must be the last thing before the commit.
    """
    turn = journal.take_turn(tx)
    number, seq, now = office_tables.next_use(tx), turn.next(), sealing.now
    used = office_tables.Use(
        number=number,
        version=kept.version,
        valid_from=valid_from.isoformat(),
        at_us=to_us(now),
        used_by=by,
        why=why,
        seq=seq,
    )
    log = sealing.log_origin
    said = UseSaid(
        use=number,
        gateway=sealing.gateway_unit,
        table=kept.version,
        name=kept.name,
        sha256=kept.sha256.hex(),
        valid_from=used.valid_from,
        at=rfc3339(now),
        by=by,
        why=why,
        log=log or None,
        log_by=rfc3339(now + LOGGED_WITHIN) if log else None,
    )
    jws = seal_jws(sealing.seal.signer_at(now), msgspec.json.encode(said), USE_TYPE)
    stated = statements.Stated(seq=seq, type=USE_TYPE, subject="", number=f"offices-{number}", jws=jws)
    statements.state(tx, stated)
    office_tables.use(tx, used)
    journal.end_turn(tx, turn)
    return used


def open_kept(kept: Kept, keys: Mapping[str, Mapping[str, str]]) -> OfficeTable:
    """The table, if it is what was sealed: the seal holds, says what the row says, and the digest is the content's.

    Raises `TableForged`, `OfficesMistaken`.
    """
    said = _opened(kept.jws, TABLE_TYPE, TableSaid, keys, f"table {kept.version}")
    row = TableSaid(
        table=kept.version,
        name=kept.name,
        source=kept.source,
        sha256=kept.sha256.hex(),
        size_bytes=len(kept.content),
        made_at=rfc3339(from_us(kept.made_at_us)),
        made_by=kept.made_by,
        note=kept.note,
    )
    _agree(said, row, f"table {kept.version}")
    return _read(kept)


def _read(kept: Kept) -> OfficeTable:
    """The table of a row of which the seal, or a use's statement, says the SHA-256 and the name."""
    if hashlib.sha256(kept.content).digest() != kept.sha256:
        raise TableForged(f"bảng {kept.version}: nội dung không đúng mã băm · table: the content is not the one sealed")
    table = OfficeTable(read_toml(kept.content, "", ()), kept.content)
    if table.version != kept.name:
        raise TableForged(f"bảng {kept.version}: {table.version} ≠ {kept.name}")
    return table


def open_use(tx: sa.Connection, used: Use, keys: Mapping[str, Mapping[str, str]]) -> OfficeTable:
    """The table that a use put in force, if the statement and the table hold. Raises `TableForged`, OfficesMistaken."""
    kept = office_tables.find(tx, used.version)
    if kept is None:
        raise TableForged(f"không có bảng {used.version} · there is no table {used.version}")
    what = f"use {used.number}"
    said = _opened(office_tables.said(tx, used), USE_TYPE, UseSaid, keys, what)
    row = structs.replace(
        said,
        use=used.number,
        table=used.version,
        name=kept.name,
        sha256=kept.sha256.hex(),
        valid_from=used.valid_from,
        at=rfc3339(from_us(used.at_us)),
        by=used.used_by,
        why=used.why,
    )
    _agree(said, row, what)
    # The statement names the content's digest; who made the table is the table's own seal's to say.
    return _read(kept)


def in_force(database: Database, keys: Mapping[str, Mapping[str, str]], on: date) -> OfficeTable | None:
    """The table that was put in force for that day; None where none was. Raises `TableForged`, `OfficesMistaken`,
    `DatabaseAway`.
    """
    with database.read() as tx:
        used = office_tables.in_force(tx, on)
        return open_use(tx, used, keys) if used is not None else None


def find_table(database: Database, keys: Mapping[str, Mapping[str, str]], wanted: str) -> OfficeTable | None:
    """The kept table of that version (a number) or name, as receipts write it. Raises `TableForged`, `DatabaseAway`."""
    with database.read() as tx:
        is_number = wanted.isascii() and wanted.isdigit() and len(wanted) < len(str(2**63))
        kept = office_tables.find(tx, int(wanted)) if is_number else office_tables.named(tx, wanted)
        return open_kept(kept, keys) if kept is not None else None


def tables_in_force(tables: Tables, database: Database, seal: Keyring, now: datetime) -> tuple[Tables, InForce]:
    """These tables with the offices that are in force now, for a gateway that begins. Raises `TableForged`,
    `OfficesMistaken`, `DatabaseAway`: then it must not start.
    """
    on, base = now.astimezone(VIETNAM).date(), tables.offices
    number = office_tables.last_use(database)
    found = in_force(database, keys_of(seal, now), on)
    return structs.replace(tables, offices=found or base), InForce(number, on, base)


async def follow_offices(house: House) -> None:
    """Take into force what was put in force since the last look. Costs one small look when nothing was.

    Every worker does this for itself; a dossier under judgement is judged by what was in force when it began. Raises
    `DatabaseAway`.
    """
    now = house.clock.now()
    on, held = now.astimezone(VIETNAM).date(), house.offices_in_force
    base = held.base or house.tables.offices
    if not held.is_kept:
        await house.run_apart(_keep_base, house, base, now)
        held = house.offices_in_force = structs.replace(held, base=base, is_kept=True)
    fresh = await house.run(_news, house, held, on, now)
    if fresh is None:
        return
    table, number = fresh
    # From here on nothing is awaited, so that what else is followed meanwhile is kept.
    house.offices_in_force = structs.replace(held, number=number, on=on)
    table = table or base
    if table.version != house.tables.offices.version:
        house.intake.tables = structs.replace(house.tables, offices=table)
        _LOG.warning("offices: table %s is in force", table.version)


def _news(house: House, held: InForce, on: date, now: datetime) -> tuple[OfficeTable | None, int] | None:
    """The table in force and the last use's number; None when nothing is new. One that does not hold is told once, and
    what is in force stays.
    """
    number = office_tables.last_use(house.database)
    if held.on == on and held.number == number:
        return None
    try:
        return in_force(house.database, keys_of(house.stores.seal, now), on), number
    except OfficesMistaken as fault:
        _LOG.error("offices: use %d is NOT taken, %s stays in force: %s", number, house.tables.offices.version, fault)
        return house.tables.offices, number


def _keep_base(house: House, base: OfficeTable, now: datetime) -> None:
    """Keep what this gateway came with; whoever is first of all workers writes it."""
    stores = house.stores
    with house.database.read() as tx:
        if office_tables.named(tx, base.version) is not None:
            return
    sealing = Sealing(stores.seal, now, stores.gateway_unit, stores.log_origin)
    with house.database.begin() as tx:
        keep_base(tx, base, is_file=bool(house.settings.offices), sealing=sealing)


def _opened(
    jws: str,
    typ: str,
    kind: type[TableSaid | UseSaid],
    keys: Mapping[str, Mapping[str, str]],
    what: str,
) -> TableSaid | UseSaid:
    """What a seal of ours says. Raises `TableForged`."""
    try:
        jwk = keys.get(kid_of(jws))
        if jwk is None:
            raise TableForged(f"{what}: không do khóa của cổng niêm phong · sealed by no key of ours")
        said: TableSaid | UseSaid = msgspec.json.decode(open_jws(jws, jwk, typ=typ), type=kind)
    except (SealBroken, msgspec.MsgspecError) as error:
        raise TableForged(f"{what}: con dấu không đúng · the seal does not hold: {error}") from error
    return said


def _agree(said: Struct, row: Struct, what: str) -> None:
    differ = [name for name in said.__struct_fields__ if getattr(said, name) != getattr(row, name)]
    if differ:
        raise TableForged(f"{what}: khác với điều đã niêm phong · is not what was sealed: {', '.join(differ)}")
