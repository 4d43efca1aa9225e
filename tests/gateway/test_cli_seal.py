"""The operator's commands for seal keys: what is there, a new one, one that was lost to others."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import SystemClock, rfc3339
from gateway.config import Settings
from gateway.seals import HISTORY_FILE, open_seal
from signing.seal import create_seal_key
from tests.gateway.cli_run import Terminal
from tests.softhsm import PIN, SoftHsm, softhsm

__all__ = ["softhsm"]


@pytest.fixture
def home(motcua: Terminal) -> Terminal:
    """A home with one key and no history yet, as an older version leaves it."""
    motcua.home.mkdir()
    create_seal_key(motcua.home / "seal.pem")
    return motcua


def listed(motcua: Terminal) -> list[dict[str, str]]:
    told = motcua("seal", "list", "--json")
    assert told.status == 0
    held: list[dict[str, str]] = json.loads(told.out)
    return held


def test_one_key_is_listed_and_nothing_is_written_for_it(home: Terminal):
    (only,) = listed(home)
    assert (only["status"], only["source"], only["alg"]) == ("in-use", "seal.pem", "ES256")
    assert "đang dùng" in home("seal", "list").out
    assert [path.name for path in home.home.iterdir()] == ["seal.pem"]


def test_without_any_key_there_is_one_line_and_exit_status_2(motcua: Terminal):
    for words in (("list",), ("check",), ("rotate",), ("retire", "abcdefgh")):
        told = motcua("seal", *words)
        assert (told.status, told.out) == (2, "")
        assert len(told.err.splitlines()) == 1


def test_a_rotation_makes_a_key_for_tomorrow(home: Terminal):
    told = home("seal", "rotate")
    assert told.status == 0
    assert "vẫn được công bố mãi" in told.out
    old, new = listed(home)
    assert [old["status"], new["status"]] == ["in-use", "upcoming"]
    assert old["seals_until"] == new["seals_from"]
    path = home.home / new["source"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert home("seal", "check").out.count("✓") == 2


def test_a_rotation_can_be_told_when_and_with_which_key(home: Terminal, tmp_path: Path):
    key = create_seal_key(tmp_path / "mine.pem", "Ed25519")
    start = SystemClock().now() + timedelta(days=3)
    told = json.loads(home("seal", "rotate", "--key", tmp_path / "mine.pem", "--from", rfc3339(start), "--json").out)
    assert (told["kid"], told["source"], told["status"]) == (key.kid, str(tmp_path / "mine.pem"), "upcoming")
    now = json.loads(home("seal", "rotate", "--from", "now", "--json").out)
    assert now["status"] == "in-use"
    assert now["seals_until"] == told["seals_from"]
    assert "tải lại /v1/keys" in home("seal", "rotate", "--from", "now").out


def test_a_refused_rotation_leaves_nothing_behind(home: Terminal):
    home("seal", "rotate", "--from", "now")
    before = sorted(path.name for path in home.home.iterdir())
    told = home("seal", "rotate", "--from", "2020-01-01T00:00+07:00")
    assert told.status == 2
    assert "past" in told.err
    assert sorted(path.name for path in home.home.iterdir()) == before
    assert home("seal", "rotate", "--key", home.home / "seal.pem").status == 2
    assert home("seal", "rotate", "--key", home.home / "none.pem").status == 2
    assert home("seal", "rotate", "--from", "yesterday").status == 2


def test_a_compromised_key_gets_a_successor_at_once(home: Terminal):
    (old,) = listed(home)
    told = home("seal", "retire", old["kid"].lstrip("-")[:8])
    assert told.status == 0
    assert "bằng chứng độc lập" in told.out
    new, gone = listed(home)
    assert (gone["kid"], gone["status"], gone["retired_reason"]) == (old["kid"], "compromised", "compromised")
    assert new["status"] == "in-use"
    assert new["kid"] in told.out
    assert "ĐÃ LỘ" in home("seal", "list").out
    again = home("seal", "retire", old["kid"].lstrip("-"))
    assert again.status == 2
    assert "compromised since" in again.err
    assert home("seal", "retire", "nobody-s-key").status == 2
    assert home("seal", "retire", old["kid"].lstrip("-")[:3]).status == 2


def test_check_notices_each_key_that_cannot_seal(home: Terminal):
    home("seal", "rotate")
    new = listed(home)[1]
    (home.home / new["source"]).unlink()
    told = home("seal", "check")
    assert told.status == 1
    assert (told.out.count("✓"), told.out.count("✗")) == (1, 1)
    found = json.loads(home("seal", "check", "--json").out)
    assert found["ok"] is False
    assert [bool(one["wrong"]) for one in found["keys"]] == [False, True]
    create_seal_key(home.home / new["source"])
    assert "khóa khác" in home("seal", "check").out


def test_a_broken_history_is_one_clear_line(home: Terminal):
    home("seal", "rotate")
    (home.home / HISTORY_FILE).write_text("{}")
    for words in (("list",), ("check",), ("rotate",)):
        told = home("seal", *words)
        assert told.status == 2
        assert "sổ khóa hỏng" in told.err


def test_a_token_takes_over_from_a_file_and_no_pin_is_shown(home: Terminal, softhsm: SoftHsm):
    token = softhsm.token(("p256", "seal", "01"))
    told = home("seal", "rotate", "--key", token.uri("seal"), "--from", "now")
    assert told.status == 0
    shown = told.out + told.err + home("seal", "list").out + (home.home / HISTORY_FILE).read_text()
    assert token.label in shown
    assert PIN not in shown
    assert home("seal", "check").status == 0
    with softhsm.away():
        away = home("seal", "check")
        assert away.status == 1
        # A key that is away can be replaced all the same.
        assert home("seal", "rotate", "--from", "now").status == 0
    now = SystemClock().now() + timedelta(seconds=1)
    assert open_seal(Settings(home=str(home.home)), now).signer_at(now).alg == "ES256"
    refused = home("seal", "rotate", "--key", token.uri("seal") + f"&pin-value={PIN}")
    assert refused.status == 2
    assert PIN not in refused.out + refused.err


@pytest.mark.parametrize("name", ["list", "rotate", "retire", "check"])
def test_every_command_has_help_with_an_example(motcua: Terminal, name: str):
    told = motcua("seal", name, "--help")
    assert told.status == 0
    assert f"motcua seal {name}" in told.out.partition("ví dụ · example")[2]
