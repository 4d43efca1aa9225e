"""An empty workbook for a form: headers, what each column wants, drop-down lists, and columns that keep their zeros."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

import openpyxl
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from schemas.explain import TYPE_WORDS
from schemas.sheet_mark import put_text
from schemas.sheet_words import COMMON, Coded, Column, Vocabulary

if TYPE_CHECKING:
    from datetime import date

    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from schemas.codes import Lists
    from schemas.form import Form

LABEL_ROW: Final = 3
NAME_ROW: Final = 4
FIRST_ROW: Final = 5
DROP_DOWN_ROWS: Final = 2_000
_TEXT: Final = "@"
_AMOUNT: Final = "#,##0.####"
_REQUIRED_COLOUR: Final = "FFFCE4D6"
_OPTIONAL_COLOUR: Final = "FFD9E1F2"
_WIDTH_MIN: Final = 12
_WIDTH_MAX: Final = 34
_PROMPT_CHARACTERS_MAX: Final = 200
_AMOUNT_TYPES: Final = frozenset({"amount"})


def template(form: Form, lists: Lists, on: date) -> bytes:
    """The bytes of an .xlsx to be filled in: the list, a guide with an example for each column, and the code lists.

    `on` chooses the code lists. Raises SheetWordsUnusable for a form without rows.
    """
    vocabulary = Vocabulary(form)
    book = openpyxl.Workbook()
    sheet = cast("Worksheet", book.active)
    sheet.title = form.code
    put_text(sheet["A1"], f"{form.code} – {form.title_vi}")
    sheet["A1"].font = Font(bold=True, size=14)
    how = f"Ghi từ dòng {FIRST_ROW}, mỗi người một dòng. Cột màu cam: bắt buộc. Giữ nguyên dòng {NAME_ROW}."
    put_text(sheet["A2"], how)
    sheet["A2"].font = Font(italic=True)
    codes = {
        name: listed for name, column in vocabulary.columns.items() if (listed := _codes(column, vocabulary, lists, on))
    }
    _headers(sheet, vocabulary.columns)
    places = _lists(book, vocabulary.columns, codes)
    for at, (name, column) in enumerate(vocabulary.columns.items(), 1):
        _drop_down(sheet, at, column, places.get(name, ""))
    _guide(book, vocabulary, codes)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def _headers(sheet: Worksheet, columns: Mapping[str, Column]) -> None:
    thin = Side(style="thin", color="FFBFBFBF")
    for at, (name, column) in enumerate(columns.items(), 1):
        head, code = sheet.cell(LABEL_ROW, at), sheet.cell(NAME_ROW, at)
        put_text(head, column.label or name)
        put_text(code, name)
        head.font = Font(bold=True)
        head.fill = PatternFill("solid", fgColor=_REQUIRED_COLOUR if column.required else _OPTIONAL_COLOUR)
        head.alignment = Alignment(wrap_text=True, horizontal="center", vertical="center")
        head.border = code.border = Border(left=thin, right=thin, top=thin, bottom=thin)
        code.font = Font(size=8, color="FF7F7F7F")
        code.alignment = Alignment(horizontal="center")
        told = sheet.column_dimensions[get_column_letter(at)]
        told.width = min(_WIDTH_MAX, max(_WIDTH_MIN, len(column.label) * 0.8, len(name) + 2))
        # Text keeps the zeros of numbers and the order of day and month; only amounts are for Excel to count with.
        told.number_format = _AMOUNT if _is_amount(column) else _TEXT
    sheet.row_dimensions[LABEL_ROW].height = 48
    sheet.freeze_panes = f"C{FIRST_ROW}"


def _is_amount(column: Column) -> bool:
    words = TYPE_WORDS.get(column.type.name)
    return words is not None and words.suggest in _AMOUNT_TYPES


def _codes(column: Column, vocabulary: Vocabulary, lists: Lists, on: date) -> dict[str, str]:
    """The codes that a column admits, with their names where they are known."""
    coded = vocabulary.data.coded.get(column.name) or COMMON.types.get(column.type.name) or Coded()
    version = lists.get(coded.list).at(on) if coded.list else None
    names = dict(version.codes) if version is not None else {}
    if column.type.values:
        return {code: names.get(code, _said(code, coded)) for code in column.type.values if code}
    if version is not None and version.complete:
        return {code: name for code, name in names.items() if column.type.admits(code)}
    return {code: _said(code, coded) for code in dict.fromkeys(coded.words.values()) if not version}


def _said(code: str, coded: Coded) -> str:
    """The first word by which sheets mean the code."""
    return next((word for word, meant in coded.words.items() if meant == code and word != code), "")


def _lists(book: Workbook, columns: Mapping[str, Column], codes: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """A sheet with every code list side by side; returns where each column's codes stand."""
    sheet = cast("Worksheet", book.create_sheet("Danh mục"))
    places: dict[str, str] = {}
    for number, (name, listed) in enumerate(codes.items()):
        at = number * 2 + 1
        put_text(sheet.cell(1, at), columns[name].label or name)
        sheet.cell(1, at).font = Font(bold=True)
        for row, (code, said) in enumerate(listed.items(), 2):
            put_text(sheet.cell(row, at), code)
            put_text(sheet.cell(row, at + 1), said)
        letter = get_column_letter(at)
        sheet.column_dimensions[get_column_letter(at + 1)].width = _WIDTH_MAX
        places[name] = f"'Danh mục'!${letter}$2:${letter}${len(listed) + 1}"
    sheet.freeze_panes = "A2"
    return places


def _drop_down(sheet: Worksheet, at: int, column: Column, place: str) -> None:
    """What Excel offers and says when a cell of the column is chosen. It never refuses: motcua says why itself."""
    words = TYPE_WORDS.get(column.type.name)
    prompt = f"{words.expects_vi[:1].upper()}{words.expects_vi[1:]}." if words is not None else ""
    if not place and not prompt:
        return
    rule = DataValidation(type="list", formula1=place, allow_blank=True) if place else DataValidation(allow_blank=True)
    rule.showErrorMessage = False
    rule.showInputMessage = True
    rule.promptTitle, rule.prompt = column.name, prompt[:_PROMPT_CHARACTERS_MAX]
    letter = get_column_letter(at)
    rule.add(f"{letter}{FIRST_ROW}:{letter}{FIRST_ROW + DROP_DOWN_ROWS - 1}")
    sheet.add_data_validation(rule)


def _guide(book: Workbook, vocabulary: Vocabulary, codes: Mapping[str, Mapping[str, str]]) -> None:
    """What each column wants, with an example."""
    sheet = cast("Worksheet", book.create_sheet("Hướng dẫn"))
    heads = ("Cột", "Tên trong tờ khai", "Bắt buộc", "Ghi gì", "Ví dụ", "Danh mục")
    for at, head in enumerate(heads, 1):
        put_text(sheet.cell(1, at), head)
        sheet.cell(1, at).font = Font(bold=True)
    for row, (name, column) in enumerate(vocabulary.columns.items(), 2):
        words = TYPE_WORDS.get(column.type.name)
        listed = ", ".join(f"{code} {said}".strip() for code, said in codes.get(name, {}).items())
        told = (
            column.label or name,
            name,
            "x" if column.required else "",
            words.expects_vi if words is not None else "",
            example_of(column, vocabulary),
            listed,
        )
        for at, text in enumerate(told, 1):
            put_text(sheet.cell(row, at), text)
            sheet.cell(row, at).alignment = Alignment(wrap_text=True, vertical="top")
    for at, width in enumerate((44, 24, 10, 44, 30, 60), 1):
        sheet.column_dimensions[get_column_letter(at)].width = width
    sheet.freeze_panes = "A2"


def example_of(column: Column, vocabulary: Vocabulary) -> str:
    """A text that the column admits: the form's own example, or its type's."""
    if told := vocabulary.data.examples.get(column.name):
        return told
    words = TYPE_WORDS.get(column.type.name)
    return words.example if words is not None and column.type.admits(words.example) else ""
