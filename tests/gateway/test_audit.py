"""The audit says that everything holds when it does, and finds each way in which it may not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway import pending
from gateway.app import open_stores
from gateway.audit import Audit, Audited
from gateway.cli import main
from gateway.config import Settings
from gateway.settle import Stores
from signing.demo_pki import DemoPki, make_pki
from signing.seal import FileSealKey, create_seal_key
from storage.vault import Entry
from tests.authority import authority
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, UNIT, a_dossier, inhouse


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which dossiers were accepted, refused, handed over and acknowledged."""
    home = tmp_path_factory.mktemp("lived") / "home"
    with inhouse(home) as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        for seed in range(3):
            assert gateway("POST", "/v1/dossiers", employer, content=a_dossier(seed)).status_code == 201
        bad = a_dossier(9).replace(b"</KyKeKhai>", b"1</KyKeKhai>")
        assert gateway("POST", "/v1/dossiers", employer, content=bad).status_code == 422
        office = gateway.bearer("office", offices=[OFFICE])
        work = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 2}).json()["work"]
        assert gateway("POST", f"/v1/leases/{work[0]['lease']}/acknowledge", office, json={}).status_code == 200
        assert gateway("POST", f"/v1/leases/{work[1]['lease']}/release", office, json={}).status_code == 200
    return home


@pytest.fixture
def home(lived_in: Path, tmp_path: Path) -> Path:
    shutil.copytree(lived_in, tmp_path / "home")
    return tmp_path / "home"


def audited(home: Path, *, spoil: Callable[[Stores], None] | None = None, seal: FileSealKey | None = None) -> Audited:
    stores = open_stores(Settings(home=str(home)), HandClock().now())
    try:
        if spoil:
            spoil(stores)
        key = seal or stores.seal.signer_at(HandClock().now())
        return Audit(stores, {key.kid: key.public_jwk()}).run()
    finally:
        stores.vault.close()
        stores.database.close()


def codes(found: Audited) -> set[str]:
    return {fault.code for fault in found.faults}


def sql(*statements: str) -> Callable[[Stores], None]:
    def spoil(stores: Stores) -> None:
        with stores.database.begin() as tx:
            tx.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
            for statement in statements:
                assert tx.execute(sa.text(statement)).rowcount == 1, statement

    return spoil


def test_a_sound_house_is_found_sound(home: Path):
    found = audited(home)
    assert found.faults == []
    assert found.holds
    assert (found.accepted, found.refused, found.leaves, found.orphans, found.gaps) == (3, 1, 6, 0, 0)
    assert found.events == found.upto == 9


FIRST = "(SELECT id FROM dossier WHERE state <> 'refused' ORDER BY seq LIMIT 1)"
NOTICE = "(SELECT id FROM dossier WHERE state = 'refused')"


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("state", f"UPDATE dossier SET state = 'in-work' WHERE id = {FIRST}"),
        ("history", f"DELETE FROM event WHERE dossier = {FIRST} AND type = 'accepted'"),
        ("gap", f"DELETE FROM event WHERE dossier = {FIRST} AND type = 'leased'"),
        ("gap", "UPDATE event SET seq = seq + 100 WHERE seq = 8"),
        ("head", "UPDATE ordinal SET value = value + 1 WHERE name = 'commit'"),
        ("work", f"DELETE FROM work WHERE dossier = {FIRST}"),
        ("office", f"UPDATE work SET office = '09993' WHERE dossier = {FIRST}"),
        ("course", "UPDATE course SET supplements = 2"),
        ("course", "UPDATE course SET ended_at_us = 1"),
        ("course", "UPDATE course SET office = '09993'"),
        ("leaf", "UPDATE log_entry SET leaf = zeroblob(32) WHERE seq = 1"),
        ("leaves", "DELETE FROM log_entry WHERE seq = 4"),
        ("statement", f"UPDATE dossier SET size_bytes = size_bytes + 1 WHERE id = {FIRST}"),
        ("statement", f"UPDATE dossier SET received_at_us = received_at_us + 1000 WHERE id = {FIRST}"),
        ("statement", f"UPDATE dossier SET batch = 7 WHERE id = {FIRST}"),
        ("statement", f"UPDATE dossier SET unit = 'AA00000' WHERE id = {FIRST}"),
        ("statement", f"UPDATE dossier SET statement_number = 'G00.01-20260302-9999999' WHERE id = {FIRST}"),
        ("statement", f"UPDATE dossier SET statement = statement || 'A' WHERE id = {FIRST}"),
        ("statement", f"UPDATE dossier SET submitter = 'somebody' WHERE id = {NOTICE}"),
        ("place", f"UPDATE dossier SET pack = NULL WHERE id = {FIRST}"),
        ("key", f"UPDATE dossier SET wrapped_key = NULL WHERE id = {FIRST}"),
        ("content", f"UPDATE dossier SET pack_offset = pack_offset + 1 WHERE id = {FIRST}"),
        ("content", f"UPDATE dossier SET pack = '{'0' * 32}.pack' WHERE id = {FIRST}"),
        ("content", f"UPDATE dossier SET wrapped_key = zeroblob(69) WHERE id = {FIRST}"),
        ("id", f"UPDATE dossier SET sha256 = zeroblob(32) WHERE id = {FIRST}"),
    ],
)
def test_what_was_changed_behind_the_gateways_back_is_found(home: Path, code: str, statement: str):
    found = audited(home, spoil=sql(statement))
    assert not found.holds
    assert code in codes(found)


def test_bytes_that_rotted_are_found(home: Path):
    (pack,) = (home / "vault").glob("*.pack")
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    found = audited(home)
    assert "content" in codes(found)
    assert found.gaps == 1


def test_a_dossier_whose_key_and_bytes_were_exchanged_with_anothers_is_found(home: Path):
    swap = (
        "UPDATE dossier SET (pack_offset, pack_length, wrapped_key) ="
        " (SELECT pack_offset, pack_length, wrapped_key FROM dossier o"
        f" WHERE o.id <> dossier.id AND o.state <> 'refused' ORDER BY o.seq LIMIT 1) WHERE id = {FIRST}"
    )
    assert "content" in codes(audited(home, spoil=sql(swap)))


def test_statements_under_another_key_do_not_hold(home: Path, tmp_path: Path):
    found = audited(home, seal=create_seal_key(tmp_path / "other.pem"))
    assert codes(found) == {"statement"}
    assert found.faults_count == 6


def test_what_a_power_cut_left_in_the_vault_is_counted_and_is_no_fault(home: Path):
    found = audited(home, spoil=lambda stores: stores.vault.put_many([Entry(bytes(32), b"never committed")]))
    assert found.holds
    assert found.orphans == 1


def test_the_command_ends_with_the_verdict(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("MOTCUA_HOME", str(home))
    assert main(["audit"]) == 0
    told = capsys.readouterr().out
    assert "MỌI BIÊN NHẬN ĐỀU ĐÚNG" in told
    assert len(told.splitlines()) < 25
    audited(home, spoil=sql(f"DELETE FROM work WHERE dossier = {FIRST}"))
    assert main(["audit"]) == 1
    assert "1 CHỖ SAI" in capsys.readouterr().out


@pytest.fixture(scope="module")
def waited_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which one dossier waits, and another was judged later."""
    home = tmp_path_factory.mktemp("waited") / "home"
    write = DemoPki.write

    def write_some(self: DemoPki, folder: Path) -> None:
        write(self, folder)
        (folder / "trust" / "intermediate.crl").unlink()

    with authority() as outside, pytest.MonkeyPatch.context() as patch:
        patch.setattr(DemoPki, "write", write_some)
        pki = make_pki(HandClock().now())
        with inhouse(home, pki) as gateway:
            outside.clock, outside.pki = gateway.clock, pki
            employer = gateway.bearer("employer", units=[UNIT])
            content = a_dossier(0, made_by=pki)
            assert gateway("POST", "/v1/dossiers", employer, content=content).status_code == 202
            now = gateway.clock.now()
            later = gateway.house.tables.revocation
            other = a_dossier(1, made_by=pki)
            assert gateway("POST", "/v1/dossiers", employer, content=other).status_code == 202
            gateway.clock.advance(60)
            later.add_crl(outside.crl(), source="by hand", fetched_at=now)
            first = pending._due(gateway.house)[0]
            assert gateway.asked(pending._judge_one(gateway.house, first)) == 1
    return home


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("", "UPDATE dossier SET judgement = judgement WHERE judgement IS NOT NULL"),
        ("pending", "DELETE FROM pending"),
        ("pending", "UPDATE pending SET dossier = (SELECT id FROM dossier WHERE state = 'accepted')"),
        ("judgement", "UPDATE dossier SET judged_at_us = judged_at_us + 1000 WHERE judgement IS NOT NULL"),
        ("judgement", "UPDATE dossier SET due_at_us = due_at_us + 1000 WHERE judgement IS NOT NULL"),
        ("judgement", "UPDATE dossier SET state = 'refused' WHERE judgement IS NOT NULL"),
        (
            "judgement",
            (
                'UPDATE dossier SET report = replace(report, \'"refused":""\', \'"refused":"findings"\')'
                " WHERE judgement IS NOT NULL"
            ),
        ),
    ],
)
def test_what_waits_and_what_was_judged_later_is_as_it_was_said(
    waited_in: Path, tmp_path: Path, code: str, statement: str
):
    shutil.copytree(waited_in, tmp_path / "home")
    found = audited(tmp_path / "home", spoil=sql(statement))
    assert found.judged_later == 1
    assert found.holds is (code == ""), found.faults
    assert not code or code in codes(found)
