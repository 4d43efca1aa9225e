"""What was backed up comes back, byte for byte, wherever it is restored to; and what was erased does not."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway import erasures_file, papers
from gateway.app import open_the_database
from gateway.audit import Audit
from gateway.backup import Backup, BackupImpossible, Made
from gateway.backup_files import MANIFEST, PACKS_FOLDER, BackupUnusable, File, read_rows
from gateway.clock import VIETNAM, to_us
from gateway.config import Settings
from gateway.contents import open_content
from gateway.erasure import Order, erase
from gateway.opened import stores_beside
from gateway.restore import Chosen, Restore, Restored, RestoreRefused, all_erasures, check, choose
from storage import holds, journal, migrations, tables, work
from storage.database import Database
from tests.clocks import HandClock
from tests.gateway.ended import EVERYTHING, accepted, finished
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, a_dossier, inhouse

ORDER = Order(by="vận hành", because="theo yêu cầu")
KEYS = ("master.key", "seal.pem", "seal-keys.json", "log.pem", "absence.pem")
Json = dict[str, str]


def file_of(settings: Settings) -> Path:
    return settings.path("erasures", "erasures.jsonl")


def keys_of(gateway: Inhouse) -> dict[str, dict[str, str]]:
    return {key.kid: key.jwk for key in gateway.house.stores.seal.keys(gateway.clock.now())}


def backed_up(gateway: Inhouse, folder: Path, **asked: bool) -> Made:
    gateway.clock.advance(60)
    stores = gateway.house.stores
    return Backup(stores, folder, file_of(gateway.house.settings), keys_of(gateway)).make(gateway.clock.now(), **asked)


def kept(gateway: Inhouse, dossier: str) -> bytes:
    with gateway.house.database.read() as tx:
        found = journal.dossier(tx, dossier, EVERYTHING)
    assert found is not None
    return open_content(gateway.house.stores, found).read()


class Elsewhere:
    """An empty place with the keys of a home and nothing else."""

    def __init__(self, home: Path, folder: Path, **more: str) -> None:
        folder.mkdir()
        for name in KEYS:
            if (home / name).exists():
                shutil.copy(home / name, folder / name)
        self.settings = Settings(home=str(folder), **more)
        self.now = HandClock().advance(86_400)

    def chosen(self, backups: Path, **asked: object) -> Chosen:
        with self.opened() as (_, keys):
            return choose(backups, keys, at=None, name=None) if not asked else choose(backups, keys, **asked)

    def opened(self):
        return _Opened(self)

    def restored(self, backups: Path, *erasures: Path, **asked: object) -> Restored:
        chosen = self.chosen(backups, **asked)
        packs = check(chosen)
        with self.opened() as (stores, keys):
            erased = all_erasures(chosen, [*erasures, file_of(self.settings)], keys, complete=bool(erasures))
            return Restore(stores, chosen, packs).run(erased, file_of(self.settings), self.now)

    def faults(self) -> list[str]:
        with self.opened() as (stores, keys):
            found = Audit(stores, keys).run()
            return [f"{fault.code} {fault.subject}: {fault.en}" for fault in found.faults]


class _Opened:
    def __init__(self, place: Elsewhere) -> None:
        self.place = place

    def __enter__(self):
        self.database = open_the_database(self.place.settings)
        self.beside = stores_beside(self.place.settings, self.database, self.place.now)
        stores = self.beside.__enter__()
        return stores, {key.kid: key.jwk for key in stores.seal.keys(self.place.now)}

    def __exit__(self, *told: object) -> None:
        self.beside.__exit__(None, None, None)
        self.database.close()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def elsewhere(gateway: Inhouse, tmp_path: Path) -> Elsewhere:
    return Elsewhere(gateway.house.settings.home_path, tmp_path / "elsewhere")


def lived(gateway: Inhouse) -> list[Json]:
    """Finished, refused, accepted and leased dossiers."""
    made = finished(gateway, 1, 2)
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    bad = a_dossier(9).replace(b"</KyKeKhai>", b"1</KyKeKhai>")
    assert gateway("POST", "/v1/dossiers", employer, content=bad).status_code == 422
    made += [accepted(gateway, seed, employer) for seed in (3, 4)]
    assert gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 1}).json()["work"]
    return made


def every_row(database: Database) -> dict[str, list[list[object]]]:
    with tables.snapshot(database) as tx:
        return {table.name: list(tables.rows(tx, table)) for table in tables.tables(tx)}


def test_everything_comes_back_and_the_audit_finds_nothing(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    made = lived(gateway)
    backup = backed_up(gateway, tmp_path / "backups")
    assert backup.manifest.damaged == ()
    restored = elsewhere.restored(tmp_path / "backups")
    assert (restored.dossiers, restored.leases_back, restored.erased_again) == (5, 1, 0)
    assert elsewhere.faults() == []
    with elsewhere.opened() as (stores, _), stores.database.read() as tx:
        for one in made:
            found = journal.dossier(tx, one["dossier"], EVERYTHING)
            assert found is not None
            assert found.statement == one["receipt"]
            assert open_content(stores, found).read() == kept(gateway, one["dossier"])


def test_every_row_that_was_there_is_there_again_but_for_what_a_restore_must_change(
    gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path
):
    finished(gateway, 1, 2)
    backed_up(gateway, tmp_path / "backups")
    before = every_row(gateway.house.database)
    elsewhere.restored(tmp_path / "backups")
    database = open_the_database(elsewhere.settings)
    after = every_row(database)
    database.close()
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"ordinal", "token", "alarm", "audit_mark"}
    assert len(before["dossier"]) == 2


def test_leased_work_is_offered_again(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    lived(gateway)
    backed_up(gateway, tmp_path / "backups")
    elsewhere.restored(tmp_path / "backups")
    with elsewhere.opened() as (stores, _), stores.database.read() as tx:
        states = tx.execute(sa.text("SELECT state, count(*) FROM work GROUP BY state ORDER BY state")).all()
        assert [tuple(row) for row in states] == [("done", 2), ("offered", 2)]
        assert work.is_any_offered(tx, OFFICE)


def test_receipt_numbers_never_repeat(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    employer = gateway.bearer("employer", units=[UNIT])
    backup = tmp_path / "backups"
    made = accepted(gateway, 1, employer)
    backed_up(gateway, backup)
    # Given after the backup, and lost with the machine.
    lost = {accepted(gateway, seed, employer)["receipt_number"] for seed in (2, 3)}
    elsewhere.restored(backup)
    with elsewhere.opened() as (stores, _), stores.database.begin() as tx:
        day = gateway.clock.now().astimezone(VIETNAM)
        first = journal.reserve(tx, f"statement:G00.01:{day:%Y%m%d}", 1)
    assert first > 1_000_000
    assert f"{first:07d}" not in {number[-7:] for number in lost | {made["receipt_number"]}}


def test_what_was_erased_since_is_erased_again_under_the_same_tombstone(
    gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path
):
    one, two, _ = finished(gateway, 1, 2, 3)
    backed_up(gateway, tmp_path / "backups")
    erasures = file_of(gateway.house.settings)
    done = [
        erase(gateway.house.stores, erasures, name["dossier"], ORDER, gateway.clock.advance(5)) for name in (one, two)
    ]
    restored = elsewhere.restored(tmp_path / "backups", erasures)
    assert restored.erased_again == 2
    assert elsewhere.faults() == []
    with elsewhere.opened() as (stores, _), stores.database.read() as tx:
        for said in done:
            found = journal.dossier(tx, said.tombstone.dossier, EVERYTHING)
            assert found is not None
            assert found.wrapped_key is None
            assert found.erased_at_us == to_us(gateway.clock.now()) - (5_000_000 if said is done[0] else 0)
            (stated,) = tx.execute(
                sa.text("SELECT jws FROM statement WHERE subject = :id AND type = 'motcua-erasure+jws'"),
                {"id": found.id},
            ).scalars()
            assert stated == said.jws
    # From now on this place tells of them, too.
    assert len(erasures_file.read(file_of(elsewhere.settings))) == 2


def test_a_later_backup_in_the_folder_tells_of_erasures_and_holds_as_well(
    gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path
):
    one, two = finished(gateway, 1, 2)
    first = backed_up(gateway, tmp_path / "backups")
    erase(gateway.house.stores, file_of(gateway.house.settings), one["dossier"], ORDER, gateway.clock.now())
    hold = holds.Hold(id="h-1", dossier=two["dossier"], placed_by="tòa án", placed_at_us=1, why="CV 34/TA")
    with gateway.house.database.begin() as tx:
        holds.place(tx, hold)
    # Even where the file of erasures was lost: the database knows.
    file_of(gateway.house.settings).unlink()
    backed_up(gateway, tmp_path / "backups")
    restored = elsewhere.restored(tmp_path / "backups", at=None, name=first.folder.name)
    assert (restored.erased_again, restored.holds_again) == (1, 1)
    with elsewhere.opened() as (stores, _), stores.database.read() as tx:
        assert holds.binding(tx, [two["dossier"]]) == {two["dossier"]: [hold]}


def test_documents_come_back_and_every_table_that_points_into_packs_is_known(
    gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path
):
    (made,) = finished(gateway, 1)
    stores, now = gateway.house.stores, gateway.clock.now()
    asked = {"dossier": made["dossier"], "kind": "receipt-pdf", "number": 1, "media_type": papers.PDF}
    document = papers.keep(stores, b"%PDF of the receipt", **asked, now=now)
    backed_up(gateway, tmp_path / "backups")
    elsewhere.restored(tmp_path / "backups")
    with elsewhere.opened() as (restored, _):
        found = papers.find(restored, made["dossier"], "receipt-pdf", 1)
        assert found == document
        assert papers.read(restored, found) == b"%PDF of the receipt"
    with gateway.house.database.read() as tx:
        in_packs = {table.name for table in tables.tables(tx) if "pack_offset" in table.columns}
    # Whatever a migration lets point into packs is carried by its columns' names.
    assert in_packs >= {"dossier", "document", "piece"}


def test_packs_are_copied_once_and_a_growing_one_again(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    finished(gateway, 1)
    first = backed_up(gateway, tmp_path / "backups")
    assert first.packs_copied == first.packs == 1
    again = backed_up(gateway, tmp_path / "backups")
    assert again.packs_copied == 0
    finished(gateway, 2)
    grown = backed_up(gateway, tmp_path / "backups")
    assert grown.packs_copied == 1
    # The first backup needs but the beginning of it.
    for made, count in ((first, 1), (grown, 2)):
        shutil.rmtree(elsewhere.settings.home_path / "vault", ignore_errors=True)
        (elsewhere.settings.home_path / "motcua.sqlite").unlink(missing_ok=True)
        for left in elsewhere.settings.home_path.glob("motcua.sqlite-*"):
            left.unlink()
        assert elsewhere.restored(tmp_path / "backups", at=None, name=made.folder.name).dossiers == count
        assert elsewhere.faults() == []


def test_the_newest_backup_by_a_time_is_chosen(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    made = []
    for seed in (1, 2, 3):
        finished(gateway, seed)
        made.append((backed_up(gateway, tmp_path / "backups").folder.name, gateway.clock.now()))
    for name, at in made:
        assert elsewhere.chosen(tmp_path / "backups", at=at, name=None).manifest.name == name
    before = made[0][1].replace(second=0).replace(microsecond=0)
    early = before.astimezone(VIETNAM).replace(hour=0)
    with pytest.raises(RestoreRefused, match="no backup by then"):
        elsewhere.chosen(tmp_path / "backups", at=early, name=None)
    with pytest.raises(RestoreRefused, match="no such backup"):
        elsewhere.chosen(tmp_path / "backups", at=None, name="20260101T000000-1")


def a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda at: a_byte(at / "tables" / "dossier.rows"), "dossier.rows"),
        (lambda at: (at / "tables" / "event.rows").write_bytes(b""), "event.rows"),
        (lambda at: (at / "tables" / "unit.rows").unlink(), "unit.rows"),
        (lambda at: a_byte(at / "packs.rows"), "packs.rows"),
        (lambda at: (at / "erasures.jsonl").write_bytes(b"{}\n"), "erasures.jsonl"),
        (lambda at: a_byte(next((at.parent / PACKS_FOLDER).iterdir())), ".pack"),
        (lambda at: next((at.parent / PACKS_FOLDER).iterdir()).unlink(), ".pack"),
        (lambda at: a_byte(at / MANIFEST), MANIFEST),
        (lambda at: (at / MANIFEST).unlink(), MANIFEST),
        (lambda at: at.rename(at.with_name("20260303T000000-99")), MANIFEST),
    ],
    ids=["row", "emptied", "removed", "packs", "erasures", "pack", "no pack", "seal", "no seal", "another's name"],
)
def test_a_torn_or_forged_backup_is_refused_and_the_file_is_named(
    gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path, spoil: Callable[[Path], object], named: str
):
    finished(gateway, 1)
    spoil(backed_up(gateway, tmp_path / "backups").folder)
    with pytest.raises(BackupUnusable, match=named.replace(".", r"\.")):
        elsewhere.restored(tmp_path / "backups")
    with elsewhere.opened() as (stores, _):
        assert every_row(stores.database) == {}
        assert list(stores.vault.packs()) == []


@given(st.binary(max_size=200), st.integers(0, 5))
def test_rows_of_any_bytes_are_read_or_refused(content: bytes, count: int):
    with TemporaryDirectory() as folder:
        (Path(folder) / "x.rows").write_bytes(content)
        try:
            rows = list(read_rows(Path(folder), File("x.rows", len(content), "", count)))
        except BackupUnusable:
            return
        assert len(rows) == count


def test_a_manifest_that_another_key_sealed_is_refused(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    from gateway.backup_files import read_manifest, seal_manifest
    from signing.seal import create_seal_key

    finished(gateway, 1)
    made = backed_up(gateway, tmp_path / "backups")
    stranger = create_seal_key(tmp_path / "stranger.pem")
    forged = msgspec.structs.replace(made.manifest, head=1)
    (made.folder / MANIFEST).write_bytes(seal_manifest(forged, stranger))
    with pytest.raises(BackupUnusable, match="none of the seal keys"):
        elsewhere.restored(tmp_path / "backups")
    assert read_manifest(made.folder, {stranger.kid: stranger.public_jwk()}).head == 1


def test_a_broken_later_backup_may_hide_erasures_so_their_file_must_be_named(
    gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path
):
    finished(gateway, 1)
    first = backed_up(gateway, tmp_path / "backups")
    a_byte(backed_up(gateway, tmp_path / "backups").folder / MANIFEST)
    with pytest.raises(BackupUnusable, match=r"manifest\.jws"):
        elsewhere.restored(tmp_path / "backups", at=None, name=first.folder.name)
    nothing = tmp_path / "erasures.jsonl"
    nothing.touch()
    assert elsewhere.restored(tmp_path / "backups", nothing, at=None, name=first.folder.name).dossiers == 1


def test_it_is_restored_into_an_empty_place_alone(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    finished(gateway, 1)
    backed_up(gateway, tmp_path / "backups")
    elsewhere.restored(tmp_path / "backups")
    with pytest.raises(RestoreRefused, match="database is not empty"):
        elsewhere.restored(tmp_path / "backups")
    for left in elsewhere.settings.home_path.glob("motcua.sqlite*"):
        left.unlink()
    # The packs of this very backup may be there from an attempt that was cut short; anything else may not.
    elsewhere.restored(tmp_path / "backups")
    for left in elsewhere.settings.home_path.glob("motcua.sqlite*"):
        left.unlink()
    (elsewhere.settings.home_path / "vault" / f"{'0' * 32}.pack").write_bytes(b"somebody else's")
    with pytest.raises(RestoreRefused, match="vault is not empty"):
        elsewhere.restored(tmp_path / "backups")


def test_without_its_master_key_nothing_is_restored(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    from storage.cipher import create_master_key

    finished(gateway, 1)
    made = backed_up(gateway, tmp_path / "backups")
    (elsewhere.settings.home_path / "master.key").unlink()
    create_master_key(elsewhere.settings.home_path / "master.key")
    with pytest.raises(RestoreRefused, match=made.manifest.keys.master[0]):
        elsewhere.restored(tmp_path / "backups")


def test_no_key_is_in_a_backup(gateway: Inhouse, tmp_path: Path):
    finished(gateway, 1)
    folder = backed_up(gateway, tmp_path / "backups").folder
    home = gateway.house.settings.home_path
    secrets = [(home / name).read_bytes() for name in KEYS if (home / name).exists() and not name.endswith(".json")]
    written = [path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()]
    assert len(secrets) >= 2
    assert not any(secret in content for secret in secrets for content in written)
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.parent.rglob("*"))


def test_a_damaged_pack_does_not_keep_the_rest_from_being_backed_up(
    gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path
):
    finished(gateway, 1, 2)
    (pack,) = (gateway.house.settings.home_path / "vault").glob("*.pack")
    content = bytearray(pack.read_bytes())
    content[200] ^= 1
    pack.write_bytes(content)
    made = backed_up(gateway, tmp_path / "backups")
    assert made.manifest.damaged == (pack.name,)
    elsewhere.restored(tmp_path / "backups")
    assert len(elsewhere.faults()) == 1


def test_a_backup_without_packs_goes_with_the_vault_that_is_there(gateway: Inhouse, tmp_path: Path):
    finished(gateway, 1)
    made = backed_up(gateway, tmp_path / "backups", packs=False)
    assert made.manifest.packs is None
    home = gateway.house.settings.home_path
    place = Elsewhere(home, tmp_path / "elsewhere", vault_url=f"file:{home / 'vault'}")
    place.restored(tmp_path / "backups")
    assert place.faults() == []


def test_one_backup_at_a_time_and_what_was_left_half_made_is_removed(gateway: Inhouse, tmp_path: Path):
    import fcntl

    folder = tmp_path / "backups"
    finished(gateway, 1)
    backed_up(gateway, folder)
    (folder / ".making-20200101T000000" / "tables").mkdir(parents=True)
    with (folder / ".lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupImpossible, match="another backup"):
            backed_up(gateway, folder)
    backed_up(gateway, folder)
    assert sorted(path.name[:8] for path in folder.iterdir()) == [".lock", "20260302", "20260302", "packs"]


def test_a_backup_of_an_older_schema_is_brought_up_to_date(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    """As if the last migration had not been there when the backup was made."""
    from gateway.backup_files import seal_manifest

    finished(gateway, 1)
    made = backed_up(gateway, tmp_path / "backups")
    manifest = made.manifest
    numbers = [number for number, _ in migrations.available()]
    gone = {"piece", "upload"}
    older = msgspec.structs.replace(
        manifest,
        schema=tuple(number for number in numbers if number != 10),
        tables=tuple(table for table in manifest.tables if table.name not in gone),
    )
    assert isinstance(older.erasures, File)
    signer = gateway.house.stores.seal.signer_at(gateway.clock.now())
    (made.folder / MANIFEST).write_bytes(seal_manifest(older, signer))
    # An empty database that was migrated to today's schema already is as good as none.
    with elsewhere.opened() as (stores, _):
        migrations.migrate(stores.database)
    elsewhere.restored(tmp_path / "backups")
    with elsewhere.opened() as (stores, _), stores.database.read() as tx:
        assert migrations.present(tx) == numbers
    assert elsewhere.faults() == []


def test_a_backup_of_a_newer_schema_is_refused(gateway: Inhouse, elsewhere: Elsewhere, tmp_path: Path):
    from gateway.backup_files import seal_manifest

    finished(gateway, 1)
    made = backed_up(gateway, tmp_path / "backups")
    newer = msgspec.structs.replace(made.manifest, schema=(*made.manifest.schema, 9999))
    signer = gateway.house.stores.seal.signer_at(gateway.clock.now())
    (made.folder / MANIFEST).write_bytes(seal_manifest(newer, signer))
    with pytest.raises(RestoreRefused, match="9999"):
        elsewhere.restored(tmp_path / "backups")


def test_the_manifest_says_what_it_holds(gateway: Inhouse, tmp_path: Path):
    finished(gateway, 1)
    manifest = backed_up(gateway, tmp_path / "backups").manifest
    with gateway.house.database.read() as tx:
        assert manifest.head == journal.head(tx)
        counted = {name: len(rows) for name, rows in every_row(gateway.house.database).items()}
    assert {table.name: table.file.rows for table in manifest.tables} == counted
    assert "KHÔNG" in manifest.keys.note.upper() or "không" in manifest.keys.note
    assert json.loads(msgspec.json.encode(manifest))["gateway_unit"] == "G00.01"
