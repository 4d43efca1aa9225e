"""Which sheet of a workbook holds the list, and what the caller decides about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from openpyxl.utils import column_index_from_string

from schemas.sheet_headers import Headers, HeadersUnclear, find_headers, say_missing
from schemas.sheet_package import SheetUnreadable
from schemas.sheet_words import Vocabulary, columns_of, key, row_paths

if TYPE_CHECKING:
    from schemas.form import Form
    from schemas.model import Element
    from schemas.sheet_grid import Grid


class Asked(Struct, frozen=True, kw_only=True):
    """What the caller decides: which sheet, which sheet column (a letter) for a column, and texts to be written.

    A text in `given` for a column of the rows fills every row that has nothing there; for one outside, its only place.
    `into` names the list, such as CheDoThaiSan, in a form of several.
    """

    sheet: str = ""
    columns: Mapping[str, str] = {}
    given: Mapping[str, str] = {}
    into: str = ""
    visible_only: bool = False


def choose_sheet(grids: Sequence[Grid], form: Form, vocabulary: Vocabulary, asked: Asked) -> tuple[Grid, Headers]:
    """The sheet that was asked for, or the one that looks like the form.

    Raises HeadersUnclear when none does or several do, SheetUnreadable when there is no such sheet.
    """
    columns = {name: _index(letter) for name, letter in asked.columns.items()}
    if strange := sorted((columns.keys() | asked.given.keys()) - vocabulary.columns.keys() - outside(form)):
        raise HeadersUnclear(f"mẫu {form.code} không có cột · the form has no column: {', '.join(strange)}")
    filled = frozenset(asked.given) | {form.rows.number if form.rows else ""}
    visible = [grid for grid in grids if not grid.is_hidden and grid.rows]
    good: list[tuple[Grid, Headers]] = []
    near: list[tuple[int, HeadersUnclear]] = []
    for grid in _named(grids, asked.sheet) if asked.sheet else visible:
        try:
            headers = find_headers(grid, vocabulary, columns, filled)
        except HeadersUnclear as unclear:
            near.append((0, unclear))
            continue
        if headers.missing:
            near.append((len(headers.columns), say_missing(grid, form, headers, vocabulary)))
        else:
            good.append((grid, headers))
    if len(good) == 1 and good[0][0].beyond:
        raise SheetUnreadable(good[0][0].beyond)
    if len(good) == 1:
        return good[0]
    if good:
        names = ", ".join(f"“{grid.name}”" for grid, _ in good)
        raise HeadersUnclear(f"nhiều trang cùng giống mẫu {form.code}: {names}; chọn bằng --sheet · choose one")
    if near:
        raise max(near, key=lambda each: each[0])[1]
    raise SheetUnreadable("tệp không có trang nào có dữ liệu · there is nothing in the file")


def _named(grids: Sequence[Grid], name: str) -> list[Grid]:
    wanted = [grid for grid in grids if grid.name == name] or [grid for grid in grids if key(grid.name) == key(name)]
    if len(wanted) != 1:
        names = ", ".join(f"“{grid.name}”" for grid in grids)
        raise SheetUnreadable(f"không có trang “{name}”; tệp có · no such sheet; there are: {names}")
    return wanted


def _index(letter: str) -> int:
    try:
        return int(column_index_from_string(letter.upper()))
    except ValueError:
        raise HeadersUnclear(f"“{letter}” không phải tên cột như C hoặc AB · is no column's letter") from None


def outside(form: Form) -> frozenset[str]:
    """The columns outside the rows; one whose name the rows have too is called with its parent's, A/B."""
    names = columns_of(form).keys()
    paths = row_paths(form)
    found: set[str] = set()

    def look(parent: Element, pointer: str) -> None:
        for child in parent.children:
            if child.type is not None:
                found.add(f"{parent.name}/{child.name}" if child.name in names else child.name)
            elif not child.open and f"{pointer}/{child.name}" not in paths:
                look(child, f"{pointer}/{child.name}")

    look(form.model, f"/{form.root}")
    return frozenset(found)
