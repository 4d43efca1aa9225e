"""`motcua post handlings`: events from a file, kept once, with every bad row named."""

import io
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from gateway.postal.carrier_tables import carriers
from gateway.postal.handlings_file import FileUnreadable, Read, bring
from storage import handlings
from storage.database import Database
from tests.databases import database, database_url
from tests.postal.shuffle import NOW

__all__ = ["database", "database_url"]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HEADER = "Số hiệu;Mã sự kiện;Trạng thái;Thời gian;Bưu cục;Nơi\n"
GOOD = "RR473124829VN;EMA;;02/03/2026 08:00;100000;Hà Nội\nRR473124829VN;;Phát thành công;03/03/2026 09:15:30;;\n"


def brought(database: Database, path: Path, steps: list[int] | None = None) -> Read:
    told: list[int] = [] if steps is None else steps
    return bring(path, database, carriers(), "vnpost", heard_from="x", now=NOW, progress=told.append)


def written(tmp_path: Path, text: str, encoding: str = "utf-8-sig") -> Path:
    path = tmp_path / "su-kien.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_list_is_kept_and_kept_once(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + GOOD)
    first, again = brought(database, path), brought(database, path)
    assert (first.rows, first.kept, first.bad, again.kept, again.known_before) == (2, 2, 0, 0, 2)
    with database.read() as tx:
        assert [(one.code, one.source, one.place) for one in handlings.of(tx, "RR473124829VN")] == [
            ("EMA", "file", "Hà Nội"), ("EMI", "file", ""),
        ]  # fmt: skip


def test_bad_rows_are_named_by_row_and_column_and_keep_no_other_out(database: Database, tmp_path: Path) -> None:
    path = written(
        tmp_path, HEADER + "RR 1;EMA;;02/03/2026 08:00;;\n\n" + GOOD + "RR473124829VN;EMG;;hôm qua;;\nRR473124829VN\n"
    )
    found = brought(database, path)
    assert (found.rows, found.kept, found.bad) == (5, 2, 3)
    assert [(one.row, one.column, one.value) for one in found.faults] == [
        (2, "Số hiệu", "RR 1"), (6, "Thời gian", "hôm qua"), (7, "Thời gian", ""),
    ]  # fmt: skip
    assert all(one.vi and one.en for one in found.faults)


def test_a_workbook_is_read_with_its_dates(database: Database, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["item", "code", "at"])
    sheet.append(["RR473124829VN", "EMA", datetime(2026, 3, 2, 8)])  # noqa: DTZ001 - a workbook knows no zones
    sheet.append(["RR473124829VN", "EMI", "not yet"])
    content = io.BytesIO()
    book.save(content)
    path = tmp_path / "su-kien.xlsx"
    path.write_bytes(content.getvalue())
    found = brought(database, path)
    assert (found.kept, [(one.row, one.column) for one in found.faults]) == (1, [(3, "at")])
    # The same event from a CSV is the same event.
    assert brought(database, written(tmp_path, HEADER + GOOD)).known_before == 0, "another office"
    assert brought(database, written(tmp_path, "item,code,at\nRR473124829VN,EMA,2026-03-02T01:00:00Z\n")).kept == 0


def test_a_long_list_goes_batch_by_batch_and_its_faults_are_counted(database: Database, tmp_path: Path) -> None:
    lines = "".join(f"VN{number:08d},EMA,2026-03-02T08:00:00\n" for number in range(2100))
    bad = "".join(f"VN{number:08d},EMA,x\n" for number in range(60))
    steps: list[int] = []
    found = brought(database, written(tmp_path, "item,code,at\n" + lines + bad), steps)
    assert (found.kept, found.bad, len(found.faults), steps) == (2100, 60, 50, [1000, 2000, 2160])


@pytest.mark.parametrize(
    "text", ["", "a,b\n", "item,code\n", "item,at\nRR473124829VN,x\n", "code,at\n", 'item,code,at\n"RR', "item,at\n"]
)
def test_what_is_no_such_list_is_refused_with_the_names_of_its_columns(
    database: Database, tmp_path: Path, text: str
) -> None:
    with pytest.raises(FileUnreadable, match=r"su-kien\.csv"):
        brought(database, written(tmp_path, text))


def test_another_encoding_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="UTF-8"):
        brought(database, written(tmp_path, HEADER + GOOD, "utf-16"))


def test_a_damaged_workbook_is_refused(database: Database, tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(FileUnreadable, match=r"x\.xlsx"):
        brought(database, tmp_path / "x.xlsx")
