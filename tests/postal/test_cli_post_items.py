"""The operator's commands for items and the pool."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import open_the_database
from gateway.config import Settings
from gateway.postal import items as line
from gateway.postal import pools
from gateway.postal.carrier_tables import carriers
from storage.database import Database
from tests.clocks import HandClock
from tests.databases import lay_migrated
from tests.gateway.cli_run import Terminal
from tests.gateway.conftest import motcua
from tests.postal.item_rows import BAD, OTHER, WELL, announce
from tests.postal.test_items_on_both import a_clerk

__all__ = ["motcua"]


@pytest.fixture
def database(motcua: Terminal) -> Iterator[Database]:
    motcua.home.mkdir()
    lay_migrated(motcua.home / "motcua.sqlite")
    opened = open_the_database(Settings(home=str(motcua.home)))
    yield opened
    opened.close()


def test_numbers_are_loaded_listed_and_recalled(motcua: Terminal, database: Database, tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.txt"
    numbers.write_text(f"{WELL}\n\n{OTHER}\n{BAD}\n", "utf-8")
    first = motcua("post", "pool", "load", numbers, "--carrier", "vnpost")
    assert first.status == 1
    assert "loaded 2" in first.out
    assert BAD in first.out
    again = json.loads(motcua("post", "pool", "load", numbers, "--carrier", "vnpost", "--json").out)
    assert (again["added"], again["known"], [one["number"] for one in again["refused"]]) == (0, 2, [BAD])
    with database.begin() as tx:
        announce(tx, "employer-one", "p-1")
    wanted = line.Wanted(announcement="p-1")
    taken = pools.take(database, carriers(), a_clerk(), "vnpost", wanted, HandClock().now()).item.number
    listed = json.loads(motcua("post", "pool", "list", "--carrier", "vnpost", "--json").out)
    assert listed["counts"] == {"free": 1, "taken": 1}
    assert "p-1" in motcua("post", "pool", "list", "--carrier", "vnpost", "--state", "taken").out
    shown = motcua("post", "items")
    assert (taken in shown.out, "Đã gắn số, chưa gửi" in shown.out) == (True, True)
    assert [one["number"] for one in json.loads(motcua("post", "items", "--json").out)] == [taken]
    assert "1" in motcua("post", "pool", "recall", taken, "--carrier", "vnpost").out
    assert json.loads(motcua("post", "pool", "recall", taken, "--carrier", "vnpost", "--json").out) == {
        "recalled": 0,
        "before": 1,
    }
    assert "no items" in motcua("post", "items").out
    unknown = motcua("post", "pool", "recall", "RR000000005VN", "--carrier", "vnpost")
    assert (unknown.status, unknown.err.count("\n")) == (2, 1)
