"""Which rows of a sheet are about a person, and which are sections, totals, signatures or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas.findings import cut
from schemas.sheet_headers import HeadersUnclear
from schemas.sheet_words import COMMON, key, row_paths

if TYPE_CHECKING:
    from schemas.form import Form
    from schemas.sheet_grid import Cell, Grid
    from schemas.sheet_headers import Headers
    from schemas.sheet_words import Vocabulary

_SHOWN_CHARACTERS_MAX: Final = 80
_ORDINAL: Final = re.compile(r"\s*(?:[IVX]{1,5}|[A-Z]|[0-9]{1,2})(?:\.[0-9IVX]{1,4})*\s*[.)/:-]*\s*")
_SECTIONS: Final = frozenset(key(word) for word in COMMON.lines.sections)
_TOTALS: Final = frozenset(key(word) for word in COMMON.lines.totals)
_TOTAL_STARTS: Final = tuple(key(word) for word in COMMON.lines.total_starts)
_FOOT: Final = tuple(key(word) for word in COMMON.lines.foot)
_DATED_PLACE: Final = re.compile(r"ngay[0-9.]*thang[0-9.]*nam[0-9.]*")
_FILLED_MIN: Final = 2


class Skipped(Struct, frozen=True):
    """A row that is about nobody: `section`, `total`, `foot`, `stray` or `hidden`, with its words."""

    row: int
    why: str
    text: str


class Person(Struct, frozen=True):
    """A row about a person, and the path of the form's list that it belongs in."""

    row: int
    path: str


def person_rows(
    grid: Grid, headers: Headers, form: Form, vocabulary: Vocabulary, into: str
) -> tuple[list[Person], list[Skipped]]:
    """The rows below the header that are about a person, and all others that hold something.

    In a form of several lists a section line says which list its rows belong in; `into` says it for all. Raises
    HeadersUnclear when neither does.
    """
    looker = _Looker(headers, form, vocabulary)
    lists = _Lists(form, vocabulary, into)
    people: list[Person] = []
    skipped: list[Skipped] = []
    at_foot = False
    for row, cells in grid.rows.items():
        if row < headers.below:
            continue
        why = looker.why_not(cells, at_foot=at_foot)
        if not why:
            people.append(Person(row, lists.path(row)))
            at_foot = False
            continue
        at_foot = at_foot or why == "foot"
        text = " ".join(dict.fromkeys(str(cell.value).strip() for cell in cells.values() if str(cell.value).strip()))
        skipped.append(Skipped(row, why, cut(" ".join(text.split()), _SHOWN_CHARACTERS_MAX)))
        if why == "section":
            lists.enter(text)
    return people, skipped


class _Lists:
    """Which of the form's lists the next row belongs in."""

    def __init__(self, form: Form, vocabulary: Vocabulary, into: str) -> None:
        self._paths = row_paths(form)
        self._sections = {key(word): name for word, name in vocabulary.data.sections.items()}
        self._code, self._is_given = form.code, bool(into)
        steps = [step for step in into.split("/") if step]
        names = {step for path in self._paths for step in path.split("/")}
        if not set(steps) <= names:
            raise HeadersUnclear(f"--into {into}: {self._choices()}")
        self._steps = steps

    def enter(self, text: str) -> None:
        """A section begins: its words name a list, or the part of the form that holds several."""
        if self._is_given:
            return
        told = key(text)
        found = [name for word, name in self._sections.items() if word in told]
        for name in found[:1]:
            depth = self._depth(name)
            self._steps = [step for step in self._steps if self._depth(step) < depth] + [name]

    def path(self, row: int) -> str:
        """The path of the list that a row belongs in. Raises HeadersUnclear when it is not told."""
        fit = [path for path in self._paths if set(self._steps) <= set(path.split("/"))]
        # Only the part is open: the first, which is that of new cases.
        lists = {path.split("/")[-2] for path in fit}
        if len(self._paths) > 1 and len(lists) > 1:
            raise HeadersUnclear(f"dòng {row}: chưa rõ thuộc danh sách nào của {self._code}: {self._choices()}")
        return fit[0]

    def _depth(self, name: str) -> int:
        return next((path.split("/").index(name) for path in self._paths if name in path.split("/")), 0)

    def _choices(self) -> str:
        shown = ", ".join("/".join(path.split("/")[3:-1]) for path in self._paths)
        return f"chọn bằng --into một trong · choose one by --into: {shown}"


class _Looker:
    """Knows what a row about a person looks like in this sheet."""

    def __init__(self, headers: Headers, form: Form, vocabulary: Vocabulary) -> None:
        rows = form.rows
        columns = headers.columns
        number = rows.number if rows is not None else ""
        self._number = columns.get(number, 0)
        self._name = columns.get(rows.name, 0) if rows is not None else 0
        self._asked = [at for name, at in columns.items() if name != number]
        self._required = [at for name, at in columns.items() if name != number and vocabulary.columns[name].required]
        # What tells one person from another is never in a section or total line.
        telling = {rows.key if rows is not None else "", "CMND", "SoCMND", "PA"}
        self._telling = [at for name, at in columns.items() if name in telling]
        self._sections = tuple(key(word) for word in vocabulary.data.sections)

    def why_not(self, cells: Mapping[int, Cell], *, at_foot: bool) -> str:
        """Why a row is about nobody, or nothing."""
        texts = {at: " ".join(str(cell.value).split()) for at, cell in cells.items()}
        filled = [at for at in self._asked if at in texts]
        if any(at in texts for at in self._telling) and len(filled) >= _FILLED_MIN and len(set(texts.values())) > 1:
            return ""
        words = [text for at, text in texts.items() if not _is_number(cells[at]) and not _is_ordinal(text)]
        if not words:
            return "total" if self._name not in texts else ""
        if why := self._by_words(words):
            return why
        has_name = self._name in texts
        if has_name and sum(at in texts for at in self._required) * 2 >= len(self._required):
            return ""
        if at_foot:
            return "foot"
        if not has_name:
            is_numbered = _ORDINAL.sub("", words[0], count=1) != words[0]
            return "" if len(filled) >= _FILLED_MIN else "section" if is_numbered else "stray"
        ordinal = texts.get(self._number, "")
        return "section" if ordinal and _is_ordinal(ordinal) and not ordinal.isdigit() else ""

    def _by_words(self, words: list[str]) -> str:
        """What the words of a row say that it is."""
        for told in {key(words[0]), key(_ORDINAL.sub("", words[0], count=1))}:
            if told in _TOTALS or told.startswith(_TOTAL_STARTS):
                return "total"
            if told in _SECTIONS or any(word in told for word in self._sections):
                return "section"
        if any(mark in key(text) for text in words for mark in _FOOT) or _DATED_PLACE.search(key(" ".join(words))):
            return "foot"
        return ""


def _is_number(cell: Cell) -> bool:
    return isinstance(cell.value, (int, float)) or cell.is_unsaved or cell.is_error


def _is_ordinal(text: str) -> bool:
    return _ORDINAL.fullmatch(text) is not None
