"""`motcua backup` and `motcua restore` as an operator runs them, with the log that must not be continued unseen."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from gateway import logbook
from gateway.app import open_the_database
from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.logbook import Logbook, LogRolledBack
from gateway.opened import stores_beside
from gateway.restore import Restore, check, choose
from gateway.seals import open_seal
from tests.gateway.cli_run import Terminal

KEYS = ("master.key", "seal.pem", "seal-keys.json", "log.pem", "absence.pem", "seal-certificate.pem")


def with_log(home: Path) -> Logbook:
    """The log of a home, with its first origin, and what there is in it."""
    settings, now = Settings(home=str(home)), SystemClock().now()
    database = open_the_database(settings)
    book = logbook.open_log(settings, database, open_seal(settings, now), now)
    assert book is not None
    while book.publish(now):
        pass
    return book


@pytest.fixture
def logged(begun: Terminal) -> Terminal:
    """A home whose log has published something."""
    book = with_log(begun.home)
    asyncio.run(book.close())
    book.database.close()
    assert (begun.home / "log-published").exists()
    return begun


@pytest.fixture
def elsewhere(logged: Terminal, tmp_path: Path) -> Path:
    """An empty place with its keys."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in KEYS:
        if (logged.home / name).exists():
            shutil.copy(logged.home / name, folder / name)
    return folder


def test_a_backup_is_made_checked_and_restored(
    logged: Terminal, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = logged("backup", tmp_path / "backups")
    assert made.status == 0
    assert "Keys are NOT in the backup" in made.out
    assert logged("restore", tmp_path / "backups", "--check").out.startswith("Nguyên vẹn")
    monkeypatch.setenv("MOTCUA_HOME", str(elsewhere))
    done = logged("restore", tmp_path / "backups", "--no-later-erasures")
    assert done.status == 0, done.out + done.err
    assert "a new origin" in done.out
    assert done.out.rstrip().endswith("EVERY RECEIPT HOLDS")
    assert logged("audit", "--full").status == 0


def test_the_log_goes_on_under_a_new_origin_that_names_the_old_one(
    logged: Terminal, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    manifest = json.loads(logged("backup", tmp_path / "backups", "--json").out)["manifest"]
    monkeypatch.setenv("MOTCUA_HOME", str(elsewhere))
    told = json.loads(logged("restore", tmp_path / "backups", "--no-later-erasures", "--json").out)
    assert told["ok"]
    assert told["origin"] != manifest["log"]["origin"]
    book = with_log(elsewhere)
    assert book.origin == told["origin"]
    asyncio.run(book.close())
    book.database.close()


def test_a_gateway_does_not_start_on_a_restore_whose_log_was_not_opened_anew(
    logged: Terminal, elsewhere: Path, tmp_path: Path
):
    """As if the machine had died between the two steps of the command."""
    assert logged("backup", tmp_path / "backups").status == 0
    settings, now = Settings(home=str(elsewhere)), SystemClock().now()
    database, seal = open_the_database(settings), open_seal(settings, now)
    chosen = choose(tmp_path / "backups", {key.kid: key.jwk for key in seal.keys(now)}, at=None, name=None)
    with stores_beside(settings, database, now) as stores:
        assert Restore(stores, chosen, check(chosen)).run([], elsewhere / "erasures.jsonl", now).is_log_shut
    with pytest.raises(LogRolledBack, match="log reopen"):
        logbook.open_log(settings, database, seal, now)
    logbook.reopen(settings, database, seal, now, "khôi phục")
    book = logbook.open_log(settings, database, seal, now)
    assert book is not None
    asyncio.run(book.close())
    database.close()


@pytest.mark.parametrize(
    "words",
    [
        ("--at", "31/03/2026 16:30"),
        ("--erasures", "nowhere.jsonl"),
        ("--no-later-erasures", "--backup", "20200101T000000-1"),
        ("--no-later-erasures", "--at", "01/01/2020 00:00"),
        ("--no-later-erasures",),
        ("--check", "--no-later-erasures"),
        ("--at", "31/03/2026 16:30", "--backup", "x", "--no-later-erasures"),
    ],
    ids=" ".join,
)
def test_what_is_called_wrong_is_told_in_one_line_and_restores_nothing(
    logged: Terminal, tmp_path: Path, words: tuple[str, ...]
):
    assert logged("backup", tmp_path / "backups").status == 0
    told = logged("restore", tmp_path / "backups", *words)
    assert told.status == 2
    assert len(told.err.strip().splitlines()) == 1
    assert logged("audit", "--full").status == 0


def test_a_folder_that_is_not_there_is_told_in_one_line(logged: Terminal, tmp_path: Path):
    told = logged("restore", tmp_path / "nowhere", "--no-later-erasures")
    assert told.status == 2
    assert "nowhere" in told.err
    unwritable = tmp_path / "file"
    unwritable.touch()
    assert logged("backup", unwritable).status == 2
