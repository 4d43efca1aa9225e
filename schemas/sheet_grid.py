"""The cells of an employer's sheet as they were typed, out of a workbook or a CSV file."""

from __future__ import annotations

import csv
import io
import statistics
import warnings
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

import openpyxl
from msgspec import Struct

from schemas.sheet_package import SheetUnreadable, check_package

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

CSV_BYTES_MAX: Final = 32 * 1024 * 1024
ROW_NUMBER_MAX: Final = 21_000
COLUMN_NUMBER_MAX: Final = 512
CELL_CHARACTERS_MAX: Final = 32_767  # Excel's own
_SNIFFED_ROWS: Final = 50
_DELIMITERS: Final = ("\t", ";", ",")
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
_ZIP: Final = b"PK"

Value: TypeAlias = str | int | float | datetime | date | time | timedelta


class Cell(Struct, frozen=True):
    """One cell that holds something. `format` is Excel's number format.

    `is_unsaved`: a formula whose result was never saved; `is_error`: a formula that ended in #N/A or the like.
    """

    value: Value
    format: str = "General"
    is_unsaved: bool = False
    is_error: bool = False


class Range(Struct, frozen=True):
    """A merged range, all numbers from 1 and included."""

    top: int
    left: int
    bottom: int
    right: int


class Grid(Struct, frozen=True):
    """One sheet: its cells by row and column (both from 1, only cells that hold something), in order.

    `is_typed` is false for CSV, where Excel's numbers have become text. `beyond` says why the sheet is too large to be
    the list, if it is: what lies outside the bounds is not kept.
    """

    name: str
    rows: Mapping[int, Mapping[int, Cell]]
    merged: tuple[Range, ...] = ()
    hidden_rows: frozenset[int] = frozenset()
    is_hidden: bool = False
    is_typed: bool = True
    beyond: str = ""


def is_workbook(content: bytes) -> bool:
    """Whether it is to be read as a workbook, else as CSV."""
    return content.startswith(_ZIP)


def read_grids(content: bytes) -> list[Grid]:
    """All sheets of a workbook, or the one of a CSV file. Raises SheetUnreadable."""
    if content.startswith(_OLD_OFFICE):
        raise SheetUnreadable(
            "tệp .xls cũ hoặc có mật khẩu: mở bằng Excel, bỏ mật khẩu, lưu lại thành .xlsx · "
            "an old .xls or an encrypted file: save it again as .xlsx"
        )
    grids = _read_workbook(content) if is_workbook(content) else [_read_csv(content)]
    for grid in grids:
        if any(
            isinstance(cell.value, str) and len(cell.value) > CELL_CHARACTERS_MAX
            for row in grid.rows.values()
            for cell in row.values()
        ):
            raise SheetUnreadable(f"trang “{grid.name}” có ô quá dài · a cell is too long")
    return grids


def open_workbook(content: bytes, *, data_only: bool) -> Workbook:
    """A workbook whose package has been checked. Raises SheetUnreadable."""
    try:
        with warnings.catch_warnings():
            # What openpyxl does not keep of a workbook it says in warnings; none of it is in the list.
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(io.BytesIO(content), data_only=data_only)
    except Exception as error:
        raise SheetUnreadable(
            "không đọc được tệp Excel: mở bằng Excel rồi lưu lại thành .xlsx · "
            f"the workbook cannot be read: save it again as .xlsx ({type(error).__name__})"
        ) from error


def _read_workbook(content: bytes) -> list[Grid]:
    has_formulas = check_package(content)
    saved = open_workbook(content, data_only=True)
    formulas = open_workbook(content, data_only=False) if has_formulas else None
    return [_grid(sheet, formulas[sheet.title] if formulas is not None else None) for sheet in saved.worksheets]


def _grid(sheet: Worksheet, formulas: Worksheet | None) -> Grid:
    rows: dict[int, dict[int, Cell]] = {}
    beyond = ""
    # The public iterators make a cell for every gap; a sheet may have one entry in its millionth row.
    for (row, column), cell in sheet._cells.items():  # noqa: SLF001
        value: object = cell.value
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        if row > ROW_NUMBER_MAX or column > COLUMN_NUMBER_MAX:
            beyond = _beyond(sheet.title, row, column)
            continue
        kept = value if isinstance(value, (str, int, float, datetime, date, time, timedelta)) else str(value)
        found = Cell(kept, str(cell.number_format or "General"), is_error=cell.data_type == "e")
        rows.setdefault(row, {})[column] = found
    if formulas is not None:
        for (row, column), cell in formulas._cells.items():  # noqa: SLF001
            if cell.data_type != "f" or row > ROW_NUMBER_MAX or column > COLUMN_NUMBER_MAX:
                continue
            result = sheet.cell(row, column)
            # A result that is an empty text was saved all the same, as a text.
            if result.value is None and result.data_type != "str":
                rows.setdefault(row, {})[column] = Cell("", is_unsaved=True)
    return Grid(
        name=sheet.title,
        rows={number: dict(sorted(rows[number].items())) for number in sorted(rows)},
        merged=tuple(Range(one.min_row, one.min_col, one.max_row, one.max_col) for one in sheet.merged_cells.ranges),
        hidden_rows=frozenset(number for number, told in sheet.row_dimensions.items() if told.hidden),
        is_hidden=sheet.sheet_state != "visible",
        beyond=beyond,
    )


def _beyond(sheet: str, row: int, column: int) -> str:
    return (
        f"trang “{sheet}” có nội dung ở dòng {row}, cột thứ {column}; chỉ đọc tới dòng {ROW_NUMBER_MAX}, cột thứ "
        f"{COLUMN_NUMBER_MAX}: chia danh sách thành nhiều tệp, xoá phần thừa · the sheet is too large: split the list"
    )


def _read_csv(content: bytes) -> Grid:
    if len(content) > CSV_BYTES_MAX:
        raise SheetUnreadable(f"tệp CSV quá lớn: {len(content):,} byte · the CSV file is too large")
    text = _decoded(content)
    first, _, rest = text.partition("\n")
    told = first.strip().lower()
    if told.startswith("sep=") and len(told) == len("sep=;"):
        text, delimiter = "\n" + rest, told[-1]
    else:
        delimiter = _delimiter(text)
    rows: dict[int, dict[int, Cell]] = {}
    beyond = ""
    try:
        for number, fields in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1):
            cells = {at: Cell(field) for at, field in enumerate(fields, 1) if field.strip()}
            if cells and (number > ROW_NUMBER_MAX or max(cells) > COLUMN_NUMBER_MAX):
                beyond = _beyond("CSV", number, max(cells))
                break
            if cells:
                rows[number] = cells
    except csv.Error as error:
        raise SheetUnreadable(f"tệp CSV hỏng: {error} · the CSV file is damaged") from error
    return Grid(name="CSV", rows=rows, is_typed=False, beyond=beyond)


def _decoded(content: bytes) -> str:
    """UTF-8 with or without its mark, or the UTF-16 that Excel calls Unicode text."""
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SheetUnreadable(
            "không phải tệp .xlsx và không phải văn bản UTF-8: trong Excel chọn “CSV UTF-8” hoặc .xlsx khi lưu · "
            "neither .xlsx nor UTF-8 text: in Excel save as “CSV UTF-8” or .xlsx"
        ) from error


def _delimiter(text: str) -> str:
    """The one that parts the first lines into most columns, and alike."""
    best, best_score = ",", 0.0
    head = text[: CELL_CHARACTERS_MAX * 4]
    for delimiter in _DELIMITERS:
        widths = []
        try:
            for fields in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter):
                if any(field.strip() for field in fields):
                    widths.append(len(fields))
                if len(widths) == _SNIFFED_ROWS:
                    break
        except csv.Error:
            continue
        usual = statistics.mode(widths) if widths else 1
        score = (usual - 1) * widths.count(usual)
        if score > best_score:
            best, best_score = delimiter, score
    return best
