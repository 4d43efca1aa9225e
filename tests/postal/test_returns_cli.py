"""`motcua post originals`: what is not back with its owners, for people and for programs."""

import csv
import io
import json
from pathlib import Path

import pytest

from gateway.clock import SystemClock, to_us
from storage import originals
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, inhouse
from tests.postal.returning import Office

DAY_US = 86_400_000_000


def test_originals_that_are_kept_are_told_to_people_and_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    with inhouse(home) as gateway:
        office = Office(gateway, 3)
        with gateway.house.database.begin() as tx:
            arrived_us = to_us(SystemClock().now()) - 100 * DAY_US
            originals.arrive(tx, office.dossier, "TS12345", OFFICE, "X", [("card", "Thẻ", 2)], arrived_us, "clerk")
        assert office.custody("decision", fact="lost", note="cháy kho").status_code == 200
    monkeypatch.setenv("MOTCUA_HOME", str(home))
    run = Terminal(home, capfd)
    told = run("post", "originals")
    assert told.status == 0, told.err
    assert "5 bản chính chưa trả" in told.out
    assert office.receipt_number in told.out
    old = json.loads(run("post", "originals", "--older-days", 100, "--json").out)["originals"]
    assert ("card", 100) in [(one["kind"], one["days"]) for one in old]
    rows = list(csv.DictReader(io.StringIO(run("post", "originals", "--office", OFFICE, "--csv").out.lstrip("\ufeff"))))
    assert {row["kind"] for row in rows} == {"book", "card"}
    assert run("post", "originals", "--office", OTHER_OFFICE).out.startswith("0 bản chính")
