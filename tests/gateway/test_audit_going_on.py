"""The audit of a house with one of everything in it, and audits that go on where the last one ended."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec import structs

from gateway import audit, closing, erasure, papers
from gateway.app import open_stores
from gateway.audit import Audit, Audited
from gateway.cli import main
from gateway.config import Settings
from gateway.judge import Spooled
from gateway.settle import Stores, settle
from storage import marks, pieces
from tests.clocks import HandClock
from tests.gateway.filings import Filings
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, inhouse

LARGE = 10_000


def settled(gateway: Inhouse, filings: Filings, *numbers: int) -> list[str]:
    house = gateway.house
    done = settle([filings.filing(number) for number in numbers], house.stores, house.tables)
    return [one.dossier.id for one in done]


def large(gateway: Inhouse, filings: Filings) -> str:
    """A dossier that is kept in pieces."""
    filing, house = filings.filing(1000), gateway.house
    content = filing.submission.content
    file, sha256 = io.BytesIO(content), filing.submission.sha256
    kept = pieces.keep(file, len(content), sha256, house.stores.vault, house.stores.cipher, piece_bytes=LARGE)
    spooled = structs.replace(filing.submission, content=b"", spooled=Spooled(io.BytesIO(content), len(content)))
    filing = structs.replace(filing, submission=spooled, kept=kept)
    return settle([filing], house.stores, house.tables)[0].dossier.id


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which one of everything is kept."""
    home = tmp_path_factory.mktemp("rich") / "home"
    with inhouse(home) as gateway:
        house, filings = gateway.house, Filings(gateway, gateway.client("employer", units=[UNIT])[0])
        names = settled(gateway, filings, 1, 2, 3)
        large(gateway, filings)
        settle([filings.refusal(1), filings.refusal(2)], house.stores, house.tables)
        for number, name in enumerate(names):
            papers.keep(
                house.stores, b"giay %d" % number, dossier=name, kind="result", number=1, media_type="text/plain",
                now=gateway.clock.now(),
            )  # fmt: skip
        office = gateway.bearer("office", offices=[OFFICE])
        (work,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 1}).json()["work"]
        assert gateway("POST", f"/v1/leases/{work['lease']}/acknowledge", office, json={}).status_code == 200
        with house.database.read() as tx:
            refused = tx.execute(sa.text("SELECT id FROM dossier WHERE pack IS NULL ORDER BY seq LIMIT 1")).scalar_one()
        order = erasure.Order(by="operator", because="thử")
        erasure.erase(house.stores, home / "erasures.jsonl", refused, order, gateway.clock.now())
        for _ in range(2):
            gateway.clock.advance(3600)
            assert closing.close(house.stores, home / closing.ABSENCE_KEY_FILE, gateway.clock.now())
        assert house.logbook
        house.logbook.publish(gateway.clock.now())
    return home


@pytest.fixture
def home(rich: Path, tmp_path: Path) -> Path:
    shutil.copytree(rich, tmp_path / "home")
    return tmp_path / "home"


def with_stores(home: Path, step: Callable[[Stores, dict[str, Any]], Any]) -> Any:
    now = HandClock().now()
    stores = open_stores(Settings(home=str(home)), now)
    try:
        return step(stores, {key.kid: key.jwk for key in stores.seal.keys(now)})
    finally:
        stores.vault.close()
        stores.database.close()


def spoiled(home: Path, *statements: str) -> Audited:
    def step(stores: Stores, keys: dict[str, Any]) -> Audited:
        with stores.database.begin() as tx:
            tx.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
            for statement in statements:
                assert tx.execute(sa.text(statement)).rowcount == 1, statement
        return Audit(stores, keys).run()

    found: Audited = with_stores(home, step)
    return found


def test_a_house_with_one_of_everything_is_sound(home: Path):
    found = spoiled(home)
    assert found.faults == []
    assert (found.accepted, found.refused, found.erased, found.documents, found.closings) == (4, 2, 1, 3, 2)
    assert found.logged == found.leaves > 0
    assert found.orphans == 0
    assert found.events == found.upto


ONE = "(SELECT id FROM dossier WHERE pack IS NOT NULL ORDER BY seq LIMIT 1)"
LARGE_ONE = "(SELECT dossier FROM piece LIMIT 1)"
ERASED = "(SELECT id FROM dossier WHERE erased_at_us IS NOT NULL)"
CLOSED = "(SELECT seq FROM closing WHERE number = 2)"
HANDED = "(SELECT seq FROM statement WHERE type = 'motcua-handover+jws')"


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("content", f"UPDATE piece SET number = 9 WHERE number = 1 AND dossier = {LARGE_ONE}"),
        ("content", f"UPDATE piece SET pack_offset = pack_offset + 1 WHERE number = 2 AND dossier = {LARGE_ONE}"),
        ("content", f"DELETE FROM piece WHERE number = 0 AND dossier = {LARGE_ONE}"),
        ("content", f"UPDATE document SET pack_offset = pack_offset + 1 WHERE dossier = {ONE}"),
        ("content", f"UPDATE document SET size_bytes = size_bytes + 1 WHERE dossier = {ONE}"),
        ("key", f"UPDATE document SET wrapped_key = NULL WHERE dossier = {ONE}"),
        ("erasure", f"UPDATE dossier SET erased_at_us = NULL WHERE id = {ERASED}"),
        ("erasure", f"UPDATE dossier SET erased_at_us = erased_at_us + 1000 WHERE id = {ERASED}"),
        ("erasure", f"UPDATE dossier SET erased_at_us = 1 WHERE id = {ONE}"),
        ("leaf", f"UPDATE log_entry SET leaf = zeroblob(32) WHERE seq = (SELECT seq FROM dossier WHERE id = {ERASED})"),
        ("leaf", f"UPDATE log_entry SET leaf = zeroblob(32) WHERE seq = {HANDED}"),
        ("leaf", f"UPDATE log_entry SET leaf = zeroblob(32) WHERE seq = {CLOSED}"),
        ("log", f"UPDATE log_entry SET leaf = zeroblob(32) WHERE seq = {HANDED}"),
        ("log", "UPDATE log_tile SET hashes = zeroblob(length(hashes)) WHERE level = 0"),
        ("log", "UPDATE log_origin SET root = zeroblob(32)"),
        ("log", "UPDATE log_origin SET size = size - 1"),
        ("statement", f"UPDATE statement SET jws = jws || 'A' WHERE seq = {HANDED}"),
        ("statement", f"UPDATE statement SET number = 'x' WHERE seq = {HANDED}"),
        ("statement", f"UPDATE statement SET type = 'motcua-origin+jws' WHERE seq = {CLOSED}"),
        ("leaves", f"DELETE FROM statement WHERE seq = {HANDED}"),
        ("history", f"UPDATE statement SET subject = {LARGE_ONE} WHERE seq = {HANDED}"),
        ("head", f"DELETE FROM statement WHERE seq = {CLOSED}"),
        ("gap", "DELETE FROM statement WHERE seq = (SELECT seq FROM closing WHERE number = 1)"),
        ("closing", "UPDATE closing SET lines = replace(lines, '\"received\"', '\"refused\"') WHERE number = 1"),
        ("closing", "UPDATE closing SET upto_seq = upto_seq + 1 WHERE number = 2"),
        ("closing", "UPDATE closing SET gaps = 1 WHERE number = 2"),
        ("closing", "UPDATE closing SET number = 3 WHERE number = 2"),
        ("closing", "UPDATE absence_chunk SET content = substr(content, 33) WHERE closing = 1"),
        ("closing", "DELETE FROM absence_chunk WHERE closing = 1"),
    ],
)
def test_whatever_was_changed_is_found(home: Path, code: str, statement: str):
    found = spoiled(home, statement)
    assert not found.holds
    assert code in {fault.code for fault in found.faults}
    assert all(fault.vi and fault.en and fault.subject for fault in found.faults)


def test_every_dossier_that_does_not_hold_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    statement = "UPDATE dossier SET tax_code = '0' WHERE id = (SELECT id FROM dossier WHERE tax_code <> '0' LIMIT 1)"
    found = spoiled(home, *[statement] * 4)
    monkeypatch.setenv("MOTCUA_HOME", str(home))
    assert main(["audit"]) == 1
    told = capsys.readouterr().out
    subjects = {fault.subject for fault in found.faults}
    assert len(subjects) == 4
    assert all(subject in told for subject in subjects)
    assert told.splitlines()[-1].startswith("4 CHỖ SAI")


def test_a_pack_on_a_distant_store_is_fetched_once_for_all_its_dossiers(home: Path, monkeypatch: pytest.MonkeyPatch):
    def step(stores: Stores, keys: dict[str, Any]) -> Audited:
        reads: list[str] = []
        raw, read = stores.vault.raw, stores.vault.read
        monkeypatch.setattr(stores.vault, "inline", False)
        monkeypatch.setattr(stores.vault, "raw", lambda pack: reads.append("raw") or raw(pack))
        monkeypatch.setattr(stores.vault, "read", lambda place: reads.append("read") or read(place))
        found = Audit(stores, keys).run(packs=False)
        assert reads.count("raw") == 1
        assert reads.count("read") == len(range(0, LARGE * 3, LARGE))
        return found

    found = with_stores(home, step)
    assert found.faults == []
    assert found.content_bytes > 4 * 20_000


def going_on(gateway: Inhouse, *, parts: int = 100, whole: bool = False) -> tuple[Audited, marks.Mark]:
    stores, now = gateway.house.stores, gateway.clock.now()
    return Audit(stores, {key.kid: key.jwk for key in stores.seal.keys(now)}).go_on(now, parts=parts, whole=whole)


def changed(gateway: Inhouse, statement: str) -> None:
    with gateway.house.database.begin() as tx:
        assert tx.execute(sa.text(statement)).rowcount == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_an_audit_goes_on_where_the_last_one_ended(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    monkeypatch.setattr(audit, "PART_DOSSIERS_MIN", 2)
    url = "" if engine == "sqlite" else request.getfixturevalue("postgres_migrated_url")
    with inhouse(tmp_path / "home", database_url=url) as gateway:
        filings = Filings(gateway, gateway.client("employer", units=[UNIT])[0])
        names = settled(gateway, filings, *range(5))
        began = gateway.clock.now()
        found, mark = going_on(gateway)
        assert (found.since, found.accepted, mark.upto_seq, mark.round_seq) == (0, 5, found.upto, 0)

        # Two of the five older ones each time, and what is new.
        gateway.clock.advance(60)
        settled(gateway, filings, 5)
        found, mark = going_on(gateway)
        assert (found.accepted, found.again, found.holds) == (3, 2, True)
        assert mark.whole_since_us == int(began.timestamp() * 1e6)
        found, mark = going_on(gateway)
        assert (found.accepted, found.again) == (2, 2)
        found, mark = going_on(gateway)
        assert (found.accepted, found.again) == (2, 2)
        found, mark = going_on(gateway)
        assert (found.again, mark.round_seq) == (0, 0)

        # A fault among the older ones is found when its part comes, and told until it is mended.
        changed(gateway, f"UPDATE dossier SET batch = 99 WHERE id = '{names[3]}'")
        found, unmarked = going_on(gateway)
        assert found.holds
        for _ in range(2):
            found, unmarked = going_on(gateway)
            assert {fault.code for fault in found.faults} == {"statement"}
        changed(gateway, f"UPDATE dossier SET batch = 4 WHERE id = '{names[3]}'")
        assert going_on(gateway)[0].holds
        assert unmarked.round_seq != 0


def test_what_happens_to_an_older_dossier_is_looked_at_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit, "PART_DOSSIERS_MIN", 1)
    with inhouse(tmp_path / "home") as gateway:
        filings = Filings(gateway, gateway.client("employer", units=[UNIT])[0])
        settled(gateway, filings, *range(4))
        going_on(gateway)
        office = gateway.bearer("office", offices=[OFFICE])
        work = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 4}).json()["work"]
        assert gateway("POST", f"/v1/leases/{work[3]['lease']}/acknowledge", office, json={}).status_code == 200
        changed(gateway, f"UPDATE dossier SET state = 'in-work' WHERE id = '{work[3]['dossier']}'")
        found, _ = going_on(gateway)
        assert [fault.code for fault in found.faults] == ["state"]
        assert going_on(gateway, whole=True)[0].since == 0


def test_a_database_that_was_brought_back_from_before_the_mark_is_looked_at_whole(tmp_path: Path):
    with inhouse(tmp_path / "home") as gateway:
        filings = Filings(gateway, gateway.client("employer", units=[UNIT])[0])
        settled(gateway, filings, 1)
        going_on(gateway)
        changed(gateway, "UPDATE audit_mark SET upto_seq = upto_seq + 10")
        found, mark = going_on(gateway)
        assert (found.since, mark.upto_seq) == (0, found.upto)


def test_the_command_says_what_it_looked_at(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setenv("MOTCUA_HOME", str(home))
    monkeypatch.setattr(audit, "PART_DOSSIERS_MIN", 1)
    assert main(["audit", "--part", "1/3"]) == 0
    assert "MỌI BIÊN NHẬN ĐỀU ĐÚNG" in capsys.readouterr().out
    assert main(["audit", "--part", "1/3"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "mới từ sự kiện · new since fact" in told[-1]
    assert "tất cả đã đọc lại từ" in told[-1]
    assert main(["audit", "--full", "--json"]) == 0
    assert '"since":0' in capsys.readouterr().out
    assert main(["audit", "--part", "2/3"]) == 2
