"""The operator's tables: sealed, versioned, followed by gateways that run, and refused when anything does not hold."""

import asyncio
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from gateway import office_tables as signed
from gateway.clock import VIETNAM
from gateway.office_rows import OfficesMistaken
from gateway.office_tables import TableForged, follow_offices, tables_in_force
from gateway.route_replay import asked_by, replay
from gateway.routing import OfficeTable, Route
from signing.keyring import Keyring
from signing.seal import create_seal_key
from storage import office_tables, statements
from storage.database import Database, open_database
from storage.migrations import migrate
from tests.clocks import HandClock
from tests.databases import database, database_url  # noqa: F401 - fixtures
from tests.gateway.inhouse import UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.routing_cases import OPERATOR_FILE

NOW = HandClock().now()
TODAY = NOW.astimezone(VIETNAM).date()
OURS = OfficeTable.load()


def an_operators(name: str = "Cơ sở Bình Thạnh Mới") -> OfficeTable:
    """Ours with another name for one office, as an operator would import it."""
    rows = tuple(
        msgspec.structs.replace(each, name=name) if each.code == "07906" and each.valid_to is None else each
        for each in OURS.offices
    )
    return OfficeTable(msgspec.structs.replace(OURS.rows, version="offices-v2", offices=rows))


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    folder = tmp_path_factory.mktemp("seal")
    create_seal_key(folder / "seal.pem")
    return Keyring.open(folder / "seal-keys.json", folder / "seal.pem", NOW)


def put(base: Database, seal: Keyring, table: OfficeTable, since: date = TODAY) -> office_tables.Use:
    sealing = signed.Sealing(seal, NOW, "G00.01")
    with base.begin() as tx:
        signed.keep_base(tx, OURS, is_file=False, sealing=sealing)
        version = office_tables.next_version(tx)
        kept = signed.keep(tx, table, version, source="operator", by="Nguyễn Thị Mẫu", note="CV 1", sealing=sealing)
        return signed.put_in_force(tx, kept, since, by="Nguyễn Thị Mẫu", why="CV 1", sealing=sealing)


def in_force(base: Database, seal: Keyring, on: date = TODAY) -> OfficeTable | None:
    return signed.in_force(base, signed.keys_of(seal, NOW), on)


def test_the_last_table_whose_day_has_come_is_in_force_on_either_database(database: Database, seal: Keyring):  # noqa: F811
    migrate(database)
    assert in_force(database, seal) is None
    assert office_tables.last_use(database) == 0
    first, later = an_operators("Một"), an_operators("Hai")
    put(database, seal, first)
    used = put(database, seal, later, TODAY + timedelta(days=9))
    assert (used.number, used.version) == (2, 3)
    assert office_tables.last_use(database) == 2
    for on, expected in ((TODAY, first), (TODAY + timedelta(days=9), later), (TODAY - timedelta(days=1), None)):
        found = in_force(database, seal, on)
        assert (found and found.version) == (expected and expected.version)
    with database.read() as tx:
        kept = office_tables.kept(tx)
        assert [(each.version, each.source) for each in kept] == [(1, "shipped"), (2, "operator"), (3, "operator")]
        assert kept[0].name == OURS.version
        stated = statements.of(tx, "")
    assert [each.type for each in stated] == [signed.USE_TYPE] * 2
    keys = signed.keys_of(seal, NOW)
    for wanted in ("1", OURS.version):
        found = signed.find_table(database, keys, wanted)
        assert found is not None
        assert found.rows == OURS.rows
    assert signed.find_table(database, keys, "9") is None
    assert signed.find_table(database, keys, "nothing") is None


@pytest.fixture
def held(tmp_path: Path, seal: Keyring) -> Database:
    one = open_database(f"sqlite:///{tmp_path / 'one.sqlite'}")
    migrate(one)
    put(one, seal, an_operators())
    return one


@pytest.mark.parametrize(
    ("forgery", "complaint"),
    [
        ("UPDATE office_table SET content = CAST(replace(CAST(content AS TEXT), 'M', 'N') AS BLOB)", "content is not"),
        ("UPDATE office_table SET (content, sha256) = (SELECT content, sha256 FROM office_table LIMIT 1)", "sha256"),
        ("UPDATE office_table_use SET version = 1", "table, name, sha256"),
        ("UPDATE office_table_use SET valid_from = '2020-01-01'", "valid_from"),
        ("UPDATE office_table_use SET used_by = 'ai đó'", "by"),
        ("UPDATE office_table_use SET at_us = at_us + 1000000", "at"),
        ("UPDATE statement SET jws = substr(jws, 1, length(jws) - 4) || 'AAAA'", "seal does not hold"),
        ("UPDATE statement SET jws = (SELECT jws FROM office_table WHERE version = 2)", "seal does not hold: typ"),
        ("UPDATE statement SET jws = ''", "no key of ours"),
    ],
    ids=["content", "another-table", "another-version", "day", "name", "instant", "seal", "seal-of-a-table", "no-seal"],
)  # fmt: skip
def test_whatever_is_forged_in_the_database_the_table_is_not_taken(
    held: Database, seal: Keyring, forgery: str, complaint: str
):
    with held.begin() as tx:
        tx.execute(sa.text(forgery))
    with pytest.raises(TableForged, match=complaint):
        in_force(held, seal)
    held.close()


def test_a_table_sealed_by_another_gateway_is_not_taken(held: Database, tmp_path: Path):
    folder = tmp_path / "other"
    folder.mkdir()
    create_seal_key(folder / "seal.pem")
    other = Keyring.open(folder / "seal-keys.json", folder / "seal.pem", NOW)
    with pytest.raises(TableForged, match="no key of ours"):
        in_force(held, other)
    held.close()


def test_a_kept_table_whose_own_row_was_changed_is_not_opened(held: Database, seal: Keyring):
    with held.begin() as tx:
        tx.execute(sa.text("UPDATE office_table SET made_by = 'ai đó' WHERE version = 2"))
    with pytest.raises(TableForged, match="made_by"):
        signed.find_table(held, signed.keys_of(seal, NOW), "2")
    held.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory):
    with inhouse(tmp_path_factory.mktemp("offices") / "home") as one:
        yield one


def follow(gateway: Inhouse) -> str:
    asyncio.run(follow_offices(gateway.house))
    return gateway.house.tables.offices.version


def import_into(gateway: Inhouse, table: OfficeTable, since: date) -> None:
    stores = gateway.house.stores
    assert isinstance(stores.seal, Keyring)
    put(stores.database, stores.seal, table, since)


def test_a_gateway_that_runs_follows_refuses_the_forged_and_replays_its_receipts(
    gateway: Inhouse, caplog: pytest.LogCaptureFixture
):
    house, clock = gateway.house, gateway.clock
    today = clock.now().astimezone(VIETNAM).date()
    assert not house.offices_in_force.is_kept
    assert follow(gateway) == OURS.version
    # What it came with is kept at once, so that what it decides can be replayed by a later program.
    with house.database.read() as tx:
        assert [each.name for each in office_tables.kept(tx)] == [OURS.version]
    employer = gateway.bearer("employer", units=[UNIT])
    before = gateway("POST", "/v1/dossiers", employer, content=a_dossier(1)).json()["receipt"]

    mine = an_operators()
    import_into(gateway, mine, today)
    assert follow(gateway) == mine.version
    after = gateway("POST", "/v1/dossiers", employer, content=a_dossier(2)).json()["receipt"]
    assert [asked_by(each).table for each in (before, after)] == [OURS.version, mine.version]

    keys = signed.keys_of(house.stores.seal, clock.now())
    for receipt in (before, after):
        asked = asked_by(receipt)
        assert (asked.registered, asked.written, asked.competent) == ("07906", "07906", "07906")
        table = signed.find_table(house.database, keys, asked.table)
        assert table is not None
        done = replay(asked, table)
        assert done.is_same
        assert isinstance(done.found, Route)
        other = OfficeTable.load(OPERATOR_FILE)
        assert not replay(asked, other).is_same

    later = an_operators("Sau")
    import_into(gateway, later, today + timedelta(days=1))
    assert follow(gateway) == mine.version
    clock.advance(timedelta(days=1).total_seconds())
    assert follow(gateway) == later.version

    forged = an_operators("Giả")
    import_into(gateway, forged, today)
    with house.database.begin() as tx:
        tx.execute(sa.text("UPDATE office_table SET sha256 = x'00' WHERE name = :name"), {"name": forged.version})
    assert follow(gateway) == later.version
    assert "is NOT taken" in caplog.text
    with pytest.raises(OfficesMistaken):
        tables_in_force(house.tables, house.database, house.stores.seal, clock.now())


def test_a_gateway_that_begins_has_the_table_in_force_from_its_first_dossier(
    held: Database, seal: Keyring, gateway: Inhouse
):
    begun = msgspec.structs.replace(gateway.house.tables, offices=OURS)
    tables, in_force_now = tables_in_force(begun, held, seal, NOW)
    assert tables.offices.version == an_operators().version
    assert (in_force_now.number, in_force_now.base) == (1, OURS)
    held.close()
