"""The employer's own sheet given back: wrong cells filled and commented, each row's faults beside it, and a list."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, cast

import openpyxl
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import coordinate_from_string

from schemas.findings import Finding, Place, Severity
from schemas.sheet_grid import is_workbook, open_workbook, read_grids
from schemas.sheet_package import check_package

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from schemas.sheets import CellFinding, Reading

AUTHOR: Final = "motcua"
ERROR_COLOUR: Final = "FFFFC7CE"
WARNING_COLOUR: Final = "FFFFEB9C"
HEAD_COLOUR: Final = "FFD9E1F2"
CHANGES_MAX: Final = 5_000
# What stands between a person's own comment and ours in one cell.
_BELOW_OWN: Final = f"\n\n— {AUTHOR} —\n"
_COMMENT_WIDTH_PX: Final = 420
_COMMENT_LINE_PX: Final = 20
_COMMENT_LINE_CHARACTERS: Final = 55
_FAULTS_WIDTH: Final = 60
_NAME_CHARACTERS_MAX: Final = 31  # Excel's own, for a sheet
Language = Literal["vi", "en"]

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "faults": ("Lỗi", "Faults"),
    "check": ("Kiểm tra", "Check"),
    "fix": ("Cách sửa", "To mend"),
    "error": ("LỖI", "ERROR"),
    "warning": ("LƯU Ý", "WARNING"),
    "cell": ("Ô", "Cell"),
    "person": ("Người lao động", "Employee"),
    "column": ("Cột", "Column"),
    "kind": ("Mức", "Kind"),
    "value": ("Giá trị", "Value"),
    "wrong": ("Sai gì", "Wrong"),
    "good": ("Không có lỗi.", "Nothing is wrong."),
    "changes": ("Đã ghi khác với ô", "Written otherwise than typed"),
    "typed": ("Trong ô", "In the cell"),
    "written": ("Trong tờ khai", "In the form"),
    "more": ("… và {count} chỗ khác", "… and {count} more"),
    "unused": ("Tiêu đề không dùng", "Headers not used"),
}


def mark(content: bytes, reading: Reading, found: Sequence[CellFinding], *, language: Language) -> bytes:
    """The bytes of an .xlsx: a copy of the sheet that was read, with its findings. Nothing else is changed in it.

    Marks of an earlier copy are taken away first. Pictures and charts do not survive; formulas do. Raises
    SheetUnreadable.
    """
    book = _copy(content)
    sheet = cast("Worksheet", book[reading.sheet])
    marker = _Marker(book, sheet, reading, language)
    marker.unmark()
    marker.mark_cells(found)
    marker.mark_rows(found)
    marker.list_all(found)
    kept = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book.save(kept)
    return kept.getvalue()


def put_text(cell: Cell | MergedCell, text: str) -> None:
    """Write a text that stays a text, whatever it begins with: Excel takes =, +, - and @ for formulas."""
    if isinstance(cell, MergedCell):
        return
    cell.value = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", text)
    cell.data_type = "s"
    if text[:1] in tuple("=+-@"):
        cell.quotePrefix = True


def message_of(found: Finding, language: Language) -> str:
    """What is wrong, without the place that the cell says already."""
    place = Place(
        file=found.file,
        form=found.form,
        row=found.row,
        row_name=found.row_name,
        row_key=found.row_key,
        column=found.column,
        column_label=found.column_label,
    )
    said, where = (found.message_vi, place.words_vi()) if language == "vi" else (found.message_en, place.words_en())
    bare = said.removeprefix(f"{where}: ") if where else said
    return bare[:1].upper() + bare[1:]


def _copy(content: bytes) -> Workbook:
    """The workbook again with its formulas; a CSV file as a workbook of texts."""
    if is_workbook(content):
        check_package(content)
        return open_workbook(content, data_only=False)
    grid = read_grids(content)[0]
    book = openpyxl.Workbook()
    sheet = cast("Worksheet", book.active)
    sheet.title = grid.name
    for row, cells in grid.rows.items():
        for column, held in cells.items():
            put_text(sheet.cell(row, column), str(held.value))
    return book


class _Marker:
    """Marks one sheet of one workbook."""

    def __init__(self, book: Workbook, sheet: Worksheet, reading: Reading, language: Language) -> None:
        self._book, self._sheet, self._reading, self._language = book, sheet, reading, language
        self._fills = {
            Severity.ERROR: PatternFill("solid", fgColor=ERROR_COLOUR),
            Severity.WARNING: PatternFill("solid", fgColor=WARNING_COLOUR),
        }

    def _said(self, word: str) -> str:
        return _WORDS[word][self._language == "en"]

    def unmark(self) -> None:
        """Take away what an earlier run has put here: its list, its comments, its colours."""
        for title in _WORDS["check"]:
            if title in self._book.sheetnames and self._is_ours(cast("Worksheet", self._book[title])):
                del self._book[title]
        for cell in list(self._sheet._cells.values()):  # noqa: SLF001 - the public iterators make a cell for every gap
            if cell.comment is None or isinstance(cell, MergedCell):
                continue
            own, is_shared, _ = cell.comment.text.partition(_BELOW_OWN)
            if not is_shared and cell.comment.author != AUTHOR:
                continue
            cell.comment = Comment(own, cell.comment.author) if is_shared else None
            if cell.fill.fgColor.rgb in (ERROR_COLOUR, WARNING_COLOUR, HEAD_COLOUR):
                cell.fill = PatternFill()
            if cell.value in _WORDS["faults"] and cell.row == self._reading.headers.bottom:
                for row in range(cell.row, self._sheet.max_row + 1):
                    self._sheet.cell(row, cell.column).value = None

    def _is_ours(self, sheet: Worksheet) -> bool:
        note = sheet.cell(1, 1).comment
        return note is not None and note.author == AUTHOR

    def mark_cells(self, found: Sequence[CellFinding]) -> None:
        """Fill each wrong cell and comment it with all that is wrong there."""
        by_cell: dict[str, list[Finding]] = {}
        for each in found:
            if each.cell and not each.cell.isdigit():
                by_cell.setdefault(each.cell, []).append(each.finding)
        for where, findings in by_cell.items():
            cell = self._anchor(where)
            worst = Severity.ERROR if any(one.severity is Severity.ERROR for one in findings) else Severity.WARNING
            cell.fill = self._fills[worst]
            self._comment(cell, "\n\n".join(self._words(one) for one in findings))

    def mark_rows(self, found: Sequence[CellFinding]) -> None:
        """One column at the right with everything that is wrong in each row."""
        sheet, reading = self._sheet, self._reading
        rows = {*reading.rows, *range(reading.headers.top, reading.headers.bottom + 1)}
        last = max(rows)
        merged = [one.max_col for one in sheet.merged_cells.ranges if one.min_row <= last]
        used = [column for (row, column), cell in sheet._cells.items() if row in rows and cell.value is not None]  # noqa: SLF001
        at = max([*used, *merged], default=0) + 1
        head = sheet.cell(reading.headers.bottom, at)
        put_text(head, self._said("faults"))
        head.font, head.fill = Font(bold=True), PatternFill("solid", fgColor=HEAD_COLOUR)
        self._comment(head, AUTHOR)
        sheet.column_dimensions[get_column_letter(at)].width = _FAULTS_WIDTH
        by_row: dict[int, list[CellFinding]] = {}
        for each in found:
            if each.finding.row is not None:
                by_row.setdefault(reading.rows[each.finding.row - 1], []).append(each)
        for row, findings in by_row.items():
            lines = [
                f"{each.cell if not each.cell.isdigit() else each.finding.column}: "
                f"{message_of(each.finding, self._language)}"
                for each in findings
            ]
            cell = sheet.cell(row, at)
            put_text(cell, "\n".join(lines))
            cell.alignment = Alignment(wrap_text=True, vertical="top")

    def list_all(self, found: Sequence[CellFinding]) -> None:
        """A sheet of its own with every finding, a link to its cell, and what was written otherwise than typed."""
        title = self._said("check")
        book = self._book
        sheet = cast("Worksheet", book.create_sheet(title if title not in book.sheetnames else None))
        heads = [self._said(word) for word in ("cell", "person", "column", "kind", "value", "wrong", "fix")]
        self._line(sheet, 1, heads, bold=True)
        self._comment(sheet.cell(1, 1), AUTHOR)
        row = 2
        for each in found:
            one = each.finding
            person = " · ".join(word for word in (one.row_name, one.row_key) if word)
            fix = one.fix_vi if self._language == "vi" else one.fix_en
            kind = self._said("error" if one.severity is Severity.ERROR else "warning")
            wrong = message_of(one, self._language)
            self._line(sheet, row, [each.cell, person, one.column_label or one.column, kind, one.value, wrong, fix])
            sheet.cell(row, 4).fill = self._fills[one.severity]
            self._link(sheet, row, each.cell)
            row += 1
        if not found:
            self._line(sheet, row, [self._said("good")])
            row += 1
        row = self._list_changes(sheet, row + 1)
        if self._reading.headers.unused:
            self._line(sheet, row + 1, [self._said("unused")], bold=True)
            for header in self._reading.headers.unused:
                row += 1
                why = header.why_vi if self._language == "vi" else header.why_en
                self._line(sheet, row + 1, [header.cell, header.text, why])
        for column, width in zip("ABCDEFG", (10, 34, 28, 10, 24, 60, 60), strict=True):
            sheet.column_dimensions[column].width = width
        sheet.freeze_panes = "A2"

    def _list_changes(self, sheet: Worksheet, row: int) -> int:
        changes = self._reading.changes
        if not changes:
            return row - 1
        self._line(sheet, row, [self._said("changes")], bold=True)
        self._line(sheet, row + 1, [self._said(word) for word in ("cell", "column", "typed", "written")], bold=True)
        row += 2
        for change in changes[:CHANGES_MAX]:
            self._line(sheet, row, [change.cell, change.column, change.typed, change.written])
            self._link(sheet, row, change.cell)
            row += 1
        if len(changes) > CHANGES_MAX:
            self._line(sheet, row, [self._said("more").format(count=len(changes) - CHANGES_MAX)])
            row += 1
        return row

    def _line(self, sheet: Worksheet, row: int, texts: Sequence[str], *, bold: bool = False) -> None:
        for column, text in enumerate(texts, 1):
            cell = sheet.cell(row, column)
            put_text(cell, text)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if bold:
                cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor=HEAD_COLOUR)

    def _link(self, sheet: Worksheet, row: int, where: str) -> None:
        if where:
            target = self._reading.sheet.replace("'", "''")
            cell = sheet.cell(row, 1)
            cell.hyperlink = f"#'{target}'!{f'A{where}' if where.isdigit() else where}"
            cell.font = Font(color="FF0563C1", underline="single")

    def _anchor(self, where: str) -> Cell:
        """The cell itself, or the one that a merged range keeps its value in."""
        letters, row = coordinate_from_string(where)
        cell = self._sheet[f"{letters}{row}"]
        if isinstance(cell, MergedCell):
            for one in self._sheet.merged_cells.ranges:
                if where in one:
                    return cast("Cell", self._sheet.cell(one.min_row, one.min_col))
        return cast("Cell", cell)

    def _words(self, one: Finding) -> str:
        kind = self._said("error" if one.severity is Severity.ERROR else "warning")
        fix = one.fix_vi if self._language == "vi" else one.fix_en
        return f"{kind}: {message_of(one, self._language)}\n{self._said('fix')}: {fix}"

    def _comment(self, cell: Cell | MergedCell, text: str) -> None:
        if isinstance(cell, MergedCell):
            return
        held, author = cell.comment, AUTHOR
        if held is not None:
            author = str(held.author)
            is_ours = author == AUTHOR or _BELOW_OWN in held.text
            text = held.text + ("\n\n" if is_ours else _BELOW_OWN) + text
        note = Comment(text, author, width=_COMMENT_WIDTH_PX)
        lines = sum(1 + len(line) // _COMMENT_LINE_CHARACTERS for line in text.split("\n"))
        note.height = _COMMENT_LINE_PX * (lines + 1)
        cell.comment = note
