"""Forms from employers' sheets: a workbook becomes the form's XML, and each finding is led back to its cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from lxml import etree
from msgspec import Struct
from openpyxl.utils import get_column_letter

from schemas import validate, xml
from schemas.findings import Finding, Place, Severity, cut, placed
from schemas.sheet_choice import Asked, choose_sheet
from schemas.sheet_form import write_form
from schemas.sheet_grid import Grid, read_grids
from schemas.sheet_headers import Headers
from schemas.sheet_lines import Person, Skipped, person_rows
from schemas.sheet_package import SheetUnreadable
from schemas.sheet_values import ColumnReader, Told
from schemas.sheet_words import COMMON, Vocabulary, row_paths

if TYPE_CHECKING:
    from schemas.codes import Lists
    from schemas.form import Form
    from schemas.rule_functions import Facts
    from schemas.sheet_grid import Cell

ROWS_MAX: Final = 10_000
_ROWS_NAMED_MAX: Final = 10
_NAME_CHARACTERS_MAX: Final = 60


class Change(Struct, frozen=True):
    """Something that is written otherwise than it was typed."""

    cell: str
    column: str
    typed: str
    written: str


class Reading(Struct, frozen=True, kw_only=True):
    """A sheet, read: the form's bytes, and how they came about.

    `rows` are the sheet's row numbers, in the form's order. `counted` are columns outside the rows that were counted.
    `notices` are what was noticed while reading, by the form's row number and column, as findings.
    """

    sheet: str
    headers: Headers
    rows: tuple[int, ...]
    hidden: tuple[int, ...]
    skipped: tuple[Skipped, ...]
    changes: tuple[Change, ...]
    counted: Mapping[str, str]
    renumbered: bool
    notices: tuple[Finding, ...]
    content: bytes

    def cell_of(self, found: Finding) -> str:
        """The cell that a finding is about, such as E12; only its row, when the column has no header; or nothing."""
        if found.row is None or not 0 < found.row <= len(self.rows):
            return ""
        row = self.rows[found.row - 1]
        column = self.headers.columns.get(found.column)
        return f"{get_column_letter(column)}{row}" if column is not None else str(row)


class CellFinding(Struct, frozen=True):
    """A finding and its cell: `E12`, `12` for a whole row, nothing for the sheet."""

    cell: str
    finding: Finding


def read(content: bytes, form: Form, lists: Lists, on: date, *, file: str, asked: Asked) -> Reading:
    """Make a form from a workbook or CSV file. `file` is how findings call it; `on` chooses the code lists.

    Raises SheetUnreadable (the file), HeadersUnclear (its headers), SheetWordsUnusable (a form without rows): each
    says in one line what to do, and none is worth a retry.
    """
    vocabulary = Vocabulary(form)
    grid, headers = choose_sheet(read_grids(content), form, vocabulary, asked)
    people, skipped = person_rows(grid, headers, form, vocabulary, asked.into)
    hidden = tuple(person.row for person in people if person.row in grid.hidden_rows)
    if asked.visible_only:
        people = [person for person in people if person.row not in grid.hidden_rows]
        skipped += [Skipped(row, "hidden", "") for row in hidden]
        hidden = ()
    if not people or len(people) > ROWS_MAX:
        raise SheetUnreadable(
            f"trang “{grid.name}”: có {len(people)} dòng lao động dưới dòng tiêu đề {headers.bottom} "
            f"(cần từ 1 đến {ROWS_MAX}) · {len(people)} rows below the header, 1 to {ROWS_MAX} are wanted"
        )
    # Findings count rows through all lists of the form, in the form's order.
    order = row_paths(form)
    people.sort(key=lambda person: order.index(person.path))
    return _Maker(form, vocabulary, lists, on, file, asked).make(grid, headers, people, skipped, hidden)


def judge(reading: Reading, form: Form, facts: Facts, *, file: str) -> list[CellFinding]:
    """All that is wrong with the form that was read, and the notices of the reading, in the order of the sheet."""
    root = xml.parse(reading.content, file=file, form=form.code)
    found = list(reading.notices)
    if isinstance(root, etree._Element):  # noqa: SLF001 - lxml has no public name for it
        found += validate.validate_form(root, form, file=file, facts=facts)
    else:
        found.append(root)
    found.sort(key=lambda each: (each.row or 0, each.severity is not Severity.ERROR))
    return [CellFinding(reading.cell_of(each), each) for each in found]


class _Maker:
    """Writes one form from one sheet."""

    def __init__(self, form: Form, vocabulary: Vocabulary, lists: Lists, on: date, file: str, asked: Asked) -> None:
        self._form, self._vocabulary, self._file, self._asked = form, vocabulary, file, asked
        self._lists, self._on = lists, on
        self._changes: list[Change] = []
        self._notices: list[Finding] = []
        self._coded: dict[tuple[str, str, str], int] = {}

    def make(
        self, grid: Grid, headers: Headers, people: Sequence[Person], skipped: list[Skipped], hidden: tuple[int, ...]
    ) -> Reading:
        readers = {
            name: ColumnReader(column, self._vocabulary.data, self._lists, self._on, is_typed=grid.is_typed)
            for name, column in self._vocabulary.columns.items()
        }
        number = self._form.rows.number if self._form.rows is not None else ""
        by_list: dict[str, list[dict[str, str]]] = {path: [] for path in row_paths(self._form)}
        renumbered = False
        for at, person in enumerate(people, 1):
            texts = self._row(grid.rows[person.row], person.row, at, headers, readers)
            by_list[person.path].append(texts)
            place = str(len(by_list[person.path]))
            renumbered = renumbered or texts.get(number, place) != place
            texts[number] = place
        counted = self._counted([texts for rows in by_list.values() for texts in rows])
        header = counted | {name: text for name, text in self._asked.given.items() if name not in readers}
        self._note_codes()
        if hidden:
            named = ", ".join(map(str, hidden[:_ROWS_NAMED_MAX])) + ("…" if len(hidden) > _ROWS_NAMED_MAX else "")
            self._notices.append(
                self._notice("sheet-rows-hidden", Place(file=self._file), count=len(hidden), rows=named)
            )
        return Reading(
            sheet=grid.name,
            headers=headers,
            rows=tuple(person.row for person in people),
            hidden=hidden,
            skipped=tuple(sorted(skipped, key=lambda each: each.row)),
            changes=tuple(self._changes),
            counted={name: text for name, text in counted.items() if name not in self._asked.given},
            renumbered=renumbered,
            notices=tuple(self._notices),
            content=write_form(self._form, header, by_list),
        )

    def _row(
        self, cells: Mapping[int, Cell], row: int, at: int, headers: Headers, readers: Mapping[str, ColumnReader]
    ) -> dict[str, str]:
        texts: dict[str, str] = {}
        told: dict[str, Told] = {}
        for name, column in headers.columns.items():
            if (cell := cells.get(column)) is not None:
                told[name] = readers[name].read(cell)
                texts[name] = told[name].text
        for name, one in told.items():
            where = f"{get_column_letter(headers.columns[name])}{row}"
            if one.is_changed and name != (self._form.rows.number if self._form.rows else ""):
                self._changes.append(Change(where, name, one.typed, one.text))
            if one.notice:
                self._notices.append(self._cell_notice(one, name, where, at, texts))
            if readers[name].is_unconfirmed and one.is_changed:
                coded = (name, one.typed, one.text)
                self._coded[coded] = self._coded.get(coded, 0) + 1
        for name, given in self._asked.given.items():
            if name in readers and not texts.get(name):
                texts[name] = given
        return texts

    def _cell_notice(self, told: Told, name: str, where: str, at: int, texts: Mapping[str, str]) -> Finding:
        rows = self._form.rows
        place = Place(
            file=self._file,
            form=self._form.code,
            row=at,
            row_name=cut(texts.get(rows.name, "") if rows else "", _NAME_CHARACTERS_MAX),
            row_key=cut(texts.get(rows.key, "") if rows else "", _NAME_CHARACTERS_MAX),
            column=name,
            column_label=self._form.label(name),
            pointer=f"{rows.path if rows else ''}[{at}]/{name}",
        )
        return self._notice(told.notice, place, told.text, cell=where, typed=told.typed, count=len(told.text))

    def _note_codes(self) -> None:
        for (name, typed, text), count in self._coded.items():
            place = Place(file=self._file, form=self._form.code, column=name, column_label=self._form.label(name))
            self._notices.append(self._notice("sheet-code-unconfirmed", place, text, typed=typed, count=count))

    def _notice(self, code: str, place: Place, value: str = "", **words: str | int) -> Finding:
        message = COMMON.findings[code]
        given = {"value": cut(value)} | {
            name: cut(word) if isinstance(word, str) else word for name, word in words.items()
        }
        return placed(
            code,
            place,
            severity=message.severity,
            value=value,
            message=(message.message_vi.format_map(given), message.message_en.format_map(given)),
            fix=(message.fix_vi.format_map(given), message.fix_en.format_map(given)),
        )

    def _counted(self, texts: Sequence[Mapping[str, str]]) -> dict[str, str]:
        return {
            name: str(sum(row.get(told.column, "") in told.values for row in texts))
            for name, told in self._vocabulary.data.counted.items()
        }
