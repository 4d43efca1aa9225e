"""What stands in one cell of a printed form: the values as people write them, and the numbers of the findings there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lxml import etree
from msgspec import Struct

from schemas.findings import cut
from schemas.printed_page import Cell, Mark, seen
from schemas.rows import row_elements
from schemas.tree import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from schemas.codes import Lists
    from schemas.findings import Finding
    from schemas.printed_layout import Part
    from schemas.rows import Rows

# Longer than any column of a form may be; what would be longer is no form's column.
VALUE_CHARACTERS_MAX: Final = 4000

# An element's place: the names from the root's children down, each with its number among its like, from 1.
Path = tuple[tuple[str, int], ...]

_AMOUNT: Final = re.compile(r"([0-9]{1,30})(?:\.([0-9]{1,10}))?")
_COMPACT_DAY: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_STEP: Final = re.compile(r"([^\[\]]+)(?:\[([0-9]{1,9})\])?")
_FLAGS: Final = {"1": "Có", "0": "Không"}


class Marks:
    """The findings of one form by their places; each is numbered by its order, from 1."""

    def __init__(self, findings: Sequence[Finding], root: etree._Element, rows: Rows | None) -> None:
        self._at: dict[Path, list[Mark]] = {}
        self._under: dict[Path, set[Path]] = {}
        for number, found in enumerate(findings, 1):
            path = _path(found.pointer)
            if rows and found.row and any(name == "*" for name, _ in path):
                path = _in_its_list(path, root, rows, found.row)
            if not path:
                continue
            if found.column and found.row is not None and path[-1][0] != found.column:
                # A misspelt column is shown where its right name has its place.
                path = (*path[:-1], (found.column, 1))
            self._at.setdefault(path, []).append(Mark(number, found.severity.value))
            for depth in range(len(path)):
                self._under.setdefault(path[:depth], set()).add(path)

    def at(self, path: Path) -> tuple[Mark, ...]:
        """The findings about exactly this element, there or missing."""
        return tuple(self._at.get(path, ()))

    def rest(self, path: Path, shown: set[Path]) -> tuple[Mark, ...]:
        """The findings about this element or anything inside it that no cell has shown."""
        if not self._at:
            return ()
        places = sorted((self._under.get(path, set()) | {path}) - shown)
        return tuple(mark for place in places for mark in self._at.get(place, ()))


class Writer(Struct, frozen=True):
    """Writes values by the code lists in force on a day."""

    lists: Lists
    on: date
    marks: Marks

    def cell(self, holder: etree._Element, at: Path, parts: Sequence[Part], shown: set[Path]) -> Cell:
        """The parts that say something, each in a line of its own."""
        lines: list[str] = []
        marks: list[Mark] = []
        for part in parts:
            if part.column == "*":
                lines += _others(holder, part.beside)
                continue
            if line := self.line(holder, part):
                lines.append(line)
            for column in (part.column, part.to):
                path = below(at, column) if column else ()
                if found := self.marks.at(path) if path else ():
                    marks += found
                    shown.add(path)
        return Cell(tuple(lines), tuple(marks))

    def line(self, holder: etree._Element, part: Part) -> str:
        """One part: its label and its value, or nothing."""
        said = self._value(holder, part.column, part)
        until = self._value(holder, part.to, part) if part.to else ""
        if part.to:
            said = f"{said} – {until}" if said and until else f"từ {said}" if said else f"đến {until}" if until else ""
        return f"{part.label}: {said}" if part.label and said else said

    def _value(self, holder: etree._Element, column: str, part: Part) -> str:
        element = holder.find(column)
        if element is None:
            return ""
        text = seen(cut(text_of(element), VALUE_CHARACTERS_MAX))
        if not text:
            return ""
        if part.write == "amount":
            return amount(text)
        if part.write == "flag":
            return _FLAGS.get(text, text)
        if part.write == "compact-day":
            found = _COMPACT_DAY.fullmatch(text)
            return f"{found[3]}/{found[2]}/{found[1]}" if found else text
        if part.write == "code" and (meant := self._meaning(part.codes, text)):
            # "TM Tăng mới", but "1 (tháng và năm)", which would else be read as a number of months.
            return f"{text} ({meant})" if text[-1].isdigit() else f"{text} {meant}"
        return text

    def _meaning(self, codes: str, code: str) -> str:
        version = self.lists.get(codes).at(self.on)
        return version.codes.get(code, "") if version else ""


def _others(holder: etree._Element, known: Sequence[str]) -> list[str]:
    """What stands in an element besides its known columns, each with its own name."""
    told = ((str(child.tag), "".join(map(str, child.itertext()))) for child in holder.iterchildren(etree.Element))
    return [
        f"{seen(name)}: {seen(cut(text, VALUE_CHARACTERS_MAX))}"
        for name, text in told
        if name not in known and text.strip()
    ]


def amount(text: str) -> str:
    """An amount as it is written in Vietnam: 7.500.000 and 3,66; anything else as it stands."""
    found = _AMOUNT.fullmatch(text)
    if not found:
        return text
    whole = f"{int(found[1]):,}".replace(",", ".")
    return f"{whole},{found[2]}" if found[2] else whole


def _in_its_list(path: Path, root: etree._Element, rows: Rows, number: int) -> Path:
    """The place in a form whose rows stand in several lists but are counted through all of them."""
    elements = row_elements(root, rows)
    if number > len(elements):
        return ()
    steps: list[tuple[str, int]] = []
    element: etree._Element | None = elements[number - 1]
    while element is not None and element is not root:
        tag = str(element.tag)
        steps.append((tag, 1 + sum(1 for _ in element.itersiblings(tag, preceding=True))))
        element = element.getparent()
    return (*reversed(steps), *path[len(steps) :])


def below(at: Path, column: str) -> Path:
    """The place of a column below another place."""
    return (*at, *((name, 1) for name in column.split("/"))) if column else at


def _path(pointer: str) -> Path:
    """The place that an XPath of ours names, without the root; () for the root itself, or for none that we can read."""
    steps: list[tuple[str, int]] = []
    for step in pointer.removeprefix("/").split("/")[1:]:
        found = _STEP.fullmatch(step)
        if not found:
            return ()
        steps.append((found[1], int(found[2] or 1)))
    return tuple(steps)
