"""The ledger's commands: close the books, list the closings, show one, as a person and as a program read them."""

import json

import pytest
import sqlalchemy as sa

from gateway.app import open_the_database
from gateway.config import Settings
from tests.gateway.cli_run import Terminal


@pytest.fixture
def closed(begun: Terminal) -> Terminal:
    told = begun("ledger", "close")
    assert told.status == 0
    assert told.out.startswith("Đã khóa kỳ 1 · closed; khớp · balanced")
    return begun


def change(terminal: Terminal, statement: str) -> None:
    database = open_the_database(Settings(home=str(terminal.home)))
    with database.begin() as tx:
        assert tx.execute(sa.text(statement)).rowcount == 1
    database.close()


def test_the_closings_are_listed(closed: Terminal):
    told = closed("ledger", "list")
    assert told.status == 0
    assert "0 → 1" in told.out or "0 → 0" in told.out
    assert json.loads(closed("ledger", "close", "--json").out) == {"closing": 2, "gaps": 0}
    listed = json.loads(closed("ledger", "list", "--after", "1", "--json").out)
    assert [one["closing"] for one in listed] == [2]
    assert listed[0]["closed_at"].endswith("+07:00")


def test_one_closing_is_shown_as_a_table(closed: Terminal):
    told = closed("ledger", "show", "1")
    assert told.status == 0
    assert "ĐẦU KỲ" in told.out
    assert "sự kiện đã ghi · facts committed" in told.out
    assert "CƠ QUAN" in closed("ledger", "show", "1", "--offices").out
    shown = json.loads(closed("ledger", "show", "1", "--json").out)
    assert shown["lines"][0][0] == "facts"
    assert shown["statement"].count(".") == 2
    assert closed("ledger", "show", "7").status == 2


def test_lines_that_are_not_those_that_were_signed_are_not_shown(closed: Terminal):
    change(closed, "UPDATE closing SET lines = '[]' WHERE number = 1")
    told = closed("ledger", "show", "1")
    assert told.status == 1
    assert "KHÔNG khớp" in told.err
    assert told.out == ""


def test_a_gap_ends_with_status_1_and_is_shown(closed: Terminal):
    change(closed, "UPDATE ordinal SET value = value + 3 WHERE name = 'commit'")
    assert closed("ledger", "close").status == 1
    told = closed("ledger", "show", "2")
    assert told.status == 1
    assert "1 CHỖ LỆCH · GAPS" in told.out
    assert "✗ facts" in told.out


def test_nothing_was_closed_yet(begun: Terminal):
    assert "Chưa khóa kỳ nào" in begun("ledger", "list").out


def test_the_key_is_made_once(begun: Terminal):
    (begun.home / "absence.pem").unlink(missing_ok=True)
    assert begun("ledger", "key").status == 0
    assert (begun.home / "absence.pem").stat().st_mode & 0o777 == 0o600
    told = begun("ledger", "key")
    assert told.status == 2
    assert "File exists" in told.err
