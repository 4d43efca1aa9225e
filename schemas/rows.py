"""The rows of a form: where each stands, whom it is about, and whether they are numbered and told apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas.findings import Finding, Place, cut, finding
from schemas.tree import line_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from schemas.form import Form
    from schemas.model import Element

NAME_CHARACTERS_MAX: Final = 60
_ROW_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


class RowsNowhereError(Exception):
    """A form's rows are said to stand where its schema has none. Not worth a retry."""


class Rows(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a form's rows are, which column numbers them, which names the person and which holds the person's number,
    and which columns make two rows the same.

    A step of `path` may be `*`: then the rows stand in several lists, are counted through all of them, and are numbered
    anew in each.
    """

    path: str
    number: str
    name: str
    key: str = ""
    same: tuple[str, ...] = ()


def declared_rows(model: Element, path: str) -> Iterator[Element]:
    """The declarations of the rows below a form's root; at least one. Raises RowsNowhereError."""
    found = [model]
    for step in path.split("/")[2:]:
        found = [child for each in found for child in each.children if step in ("*", child.name)]
    if not found:
        raise RowsNowhereError(f"no rows at {path}")
    yield from found


def is_row(path: str, rows: Rows) -> bool:
    """Whether a path without positions is that of a row."""
    steps, wanted = path.split("/"), rows.path.split("/")
    return len(steps) == len(wanted) and all(want in ("*", step) for step, want in zip(steps, wanted, strict=True))


def person_of(row: etree._Element, rows: Rows) -> tuple[str, str]:
    """Whom a row is about: the name and the number, each bounded, empty where there is none."""
    name = row.find(rows.name)
    key = row.find(rows.key) if rows.key else None
    return (
        "" if name is None else cut(" ".join(text_of(name).split()), NAME_CHARACTERS_MAX),
        "" if key is None else cut(text_of(key).strip(), NAME_CHARACTERS_MAX),
    )


def row_elements(root: etree._Element, rows: Rows) -> list[etree._Element]:
    """All rows, in the document's order."""
    return root.findall("/".join(rows.path.split("/")[2:]))


def row_place(form: Form, file: str, number: int, row: etree._Element, column: etree._Element) -> Place:
    """The place of a column in a row; rows count from 1."""
    rows = form.rows
    row_name, row_key = person_of(row, rows) if rows is not None else ("", "")
    name = str(column.tag)
    return Place(
        file=file,
        form=form.code,
        row=number,
        row_name=row_name,
        row_key=row_key,
        column=name,
        column_label=form.label(name),
        pointer=_pointer(row, number, rows) + f"/{name}",
        line=line_of(column),
    )


def _pointer(row: etree._Element, number: int, rows: Rows | None) -> str:
    if rows is None or "*" in rows.path:
        return row.getroottree().getpath(row)
    return f"{rows.path}[{number}]"


def numbering(root: etree._Element, form: Form, *, file: str) -> list[Finding]:
    """Which rows are numbered otherwise than 1, 2, 3 and so on in their list; a slip is told once, where it happens."""
    rows = form.rows
    if rows is None:
        return []
    found: list[Finding] = []
    used: dict[int, int] = {}
    expected = 1
    within: etree._Element | None = None
    for number, row in enumerate(row_elements(root, rows), 1):
        if row.getparent() is not within:
            within, expected, used = row.getparent(), 1, {}
        element = row.find(rows.number)
        text = "" if element is None else text_of(element)
        if element is None or not _ROW_NUMBER.fullmatch(text):
            expected += 1
            continue
        told = int(text)
        if told != expected:
            place = row_place(form, file, number, row, element)
            if told in used:
                found.append(finding("row-number-repeated", place, value=text, other=used[told]))
            else:
                found.append(finding("row-number-gap", place, value=text, expected=expected))
        used.setdefault(told, number)
        expected = told + 1
    return found


def repeats(root: etree._Element, form: Form, *, file: str) -> list[Finding]:
    """Rows that agree with an earlier one in every column that tells rows apart: probably pasted twice."""
    rows = form.rows
    if rows is None or not rows.same:
        return []
    elements = row_elements(root, rows)
    keys = [key for row in elements if (key := row.findtext(rows.same[0]))]
    if len(set(keys)) == len(keys):
        return []
    found: list[Finding] = []
    seen: dict[tuple[str, ...], int] = {}
    columns = ", ".join(form.label(column) or column for column in rows.same)
    for number, row in enumerate(elements, 1):
        first = row.find(rows.same[0])
        values = tuple(row.findtext(column) or "" for column in rows.same)
        if first is None or not values[0]:
            continue
        earlier = seen.setdefault(values, number)
        if earlier != number:
            place = row_place(form, file, number, row, first)
            found.append(finding("row-repeated", place, value=values[0], other=earlier, columns=columns))
    return found
