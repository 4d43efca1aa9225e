"""The operator's commands for carriers: their events from a file, and their clients."""

import json
from pathlib import Path

import pytest

from tests.gateway.cli_run import Terminal
from tests.gateway.conftest import motcua

__all__ = ["motcua"]


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "su-kien.csv"
    path.write_text(
        "Số hiệu;Mã sự kiện;Trạng thái;Thời gian\n"
        "RR473124829VN;EMA;;02/03/2026 08:00\nRR473124829VN;;Đã tới tay ai;03/03/2026 09:15\n"
        "RR47;EMI;;03/03/2026 10:00\n"
    )
    return path


def test_events_are_brought_in_and_every_bad_row_is_named(motcua: Terminal, listed: Path) -> None:
    motcua("migrate")
    told = motcua("post", "handlings", str(listed), "--carrier", "vnpost")
    assert told.status == 1
    assert "su-kien.csv: dòng · row 4, Số hiệu “RR47”" in told.out
    assert "“Đã tới tay ai”" in told.out
    again = motcua("post", "handlings", str(listed), "--carrier", "vnpost", "--json")
    said = json.loads(again.out)
    assert (said["rows"], said["kept"], said["known_before"], said["bad"]) == (3, 0, 2, 1)
    assert motcua("post", "handlings", str(listed), "--carrier", "nobody").status == 2


def test_a_carriers_client_names_its_carrier(motcua: Terminal) -> None:
    motcua("migrate")
    assert motcua("client", "add", "--role", "post").status == 2
    assert motcua("client", "add", "--role", "office", "--office", "07906", "--carrier", "vnpost").status == 2
    assert motcua("client", "add", "--role", "post", "--carrier", "vnpost", "--carrier", "ems").status == 0
    (one,) = json.loads(motcua("client", "list", "--json").out)
    assert (one["role"], one["offices"]) == ("post", ["ems", "vnpost"])
