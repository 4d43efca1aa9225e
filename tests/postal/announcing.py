"""What employers announce, made for tests: envelopes, sheets and rows that say the same."""

import base64
import io
from typing import Any

import openpyxl

from schemas.sample import make_dossier
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_TAX_CODE, TAX_CODE, UNIT

PATH = "/v1/postal/announcements"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PERIOD = "03/2026"
NAME = "Công ty TNHH Ví Dụ"
COLUMNS = {
    "STT": "STT",
    "HoTen": "Họ tên",
    "MasoBHXH": "Số sổ BHXH",
    "ChucVu": "Chức danh",
    "TienLuong": "Mức lương",
    "TuThang": "Từ tháng",
    "PA": "Phương án",
}
PEOPLE: list[dict[str, str]] = [
    {"HoTen": "Nguyễn Văn An", "MasoBHXH": "9912345678", "ChucVu": "Công nhân", "TienLuong": "7500000"},
    {"HoTen": "Trần Thị Bình", "MasoBHXH": "9987654321", "ChucVu": "Kế toán", "TienLuong": "9200000"},
]


def people(**changed: str) -> list[dict[str, str]]:
    """Two employees; what is `changed` is so in the second row."""
    rows = [one | {"TuThang": PERIOD, "PA": "ON"} for one in PEOPLE]
    rows[1] |= changed
    return rows


def envelope(seed: int = 0, *, unit: str = UNIT, **more: Any) -> bytes:
    """An unsigned dossier of procedure 600."""
    of = (TAX_CODE, OFFICE) if unit == UNIT else (OTHER_TAX_CODE, OTHER_OFFICE)
    fields = {"procedure": "600", "employees": 2, "attachments": 0, "period": PERIOD} | more
    return make_dossier(
        fields.pop("procedure"), seed=seed, unit=unit, tax_code=of[0], office=of[1],
        made_on=HandClock().now().date(), **fields,
    )  # fmt: skip


def workbook(rows: list[dict[str, str]], title: str = "Tháng 3") -> bytes:
    """The rows as an HR clerk keeps them, below a title and an empty line."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    sheet.append([NAME])
    sheet.append([])
    sheet.append(list(COLUMNS.values()))
    for at, row in enumerate(rows, 1):
        sheet.append([at, *(row[column] for column in COLUMNS if column != "STT")])
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def in_rows(rows: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    """A dossier given as rows."""
    return {
        "procedure": "600",
        "unit": UNIT,
        "period": PERIOD,
        "header": {"TenDoiTuong": NAME},
        "forms": [{"form": "D02-TS", "rows": rows}],
    } | more


def in_sheet(rows: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    """A dossier given as a workbook."""
    form = {"form": "D02-TS", "sheet": text(workbook(rows)), "file": "luong.xlsx"}
    return in_rows([], forms=[form]) | more


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def xml(content: bytes) -> dict[str, Any]:
    """A request whose body is the envelope."""
    return {"content": content, "headers": {"content-type": "application/xml"}}
