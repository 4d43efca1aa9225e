"""`motcua log`: what it prints, what it writes, how it ends."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.config import Settings
from gateway.logbook import Logbook, open_log
from gateway.seals import open_seal
from storage.database import open_database
from tests.gateway.cli_run import Terminal, prepared
from tests.gateway.logbooks import NOW, publish


@pytest.fixture
def motcua(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    home = prepared(tmp_path / "home")
    monkeypatch.setenv("MOTCUA_HOME", str(home))
    return Terminal(home, capfd)


def published(home: Path) -> Logbook:
    settings = Settings(home=str(home))
    database = open_database(settings.database)
    book = open_log(settings, database, open_seal(settings, NOW), NOW)
    assert book is not None
    publish(book)
    database.close()
    return book


def test_the_log_is_shown_verified_exported_and_opened_anew(motcua: Terminal, tmp_path: Path) -> None:
    book = published(motcua.home)
    shown = motcua("log", "show")
    assert shown.status == 0
    assert book.origin in shown.out
    told = json.loads(motcua("log", "show", "--json").out)
    assert (told["origins"][0]["signed_size"], told["waiting"], told["troubles"]) == (1, 0, [])
    assert motcua("log", "verify").out.splitlines()[-1] == "NHẬT KÝ ĐÚNG · THE LOG HOLDS"
    assert motcua("log", "export", tmp_path / "www").status == 0
    assert (tmp_path / "www" / "checkpoint").read_text().startswith(f"{book.origin}\n1\n")
    assert motcua("log", "reopen").status == 2
    assert motcua("log", "reopen", "--because", " ").status == 2
    opened = json.loads(motcua("log", "reopen", "--because", "thử", "--json").out)
    assert opened["number"] == 2
    published(motcua.home)
    assert json.loads(motcua("log", "verify", "--json").out)["ok"] is True
    assert motcua("log", "export", tmp_path / "www").status == 0
    assert (tmp_path / "www" / "origins" / "1" / "checkpoint").exists()


def test_a_leaf_that_was_changed_ends_with_one_and_is_named(motcua: Terminal) -> None:
    published(motcua.home)
    database = open_database(Settings(home=str(motcua.home)).database)
    with database.begin() as tx:
        tx.execute(sa.text("UPDATE log_entry SET leaf = :leaf"), {"leaf": b"x" * 32})
    database.close()
    told = motcua("log", "verify")
    assert told.status == 1
    assert "CHỖ SAI · FAULTS" in told.out
    assert json.loads(motcua("log", "verify", "--json").out)["ok"] is False


def test_where_no_log_is_kept_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOTCUA_HOME", str(tmp_path / "empty"))
    assert "no log is kept" in Terminal(tmp_path / "empty", capfd)("log", "show").out
