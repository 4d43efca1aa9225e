"""The words that employers' sheets use, by form: headers, section lines, totals, how a code is said; all of it data."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct, ValidationError, convert

from schemas.findings import Message

if TYPE_CHECKING:
    from schemas.form import Form
    from schemas.model import Element, SimpleType

_MARKS_REMEMBERED: Final = 20_000
_BRACKETED: Final = re.compile(r"[(\[{][^)\]}]*[)\]}]")
_NUMBERED: Final = re.compile(r"^\s*(?:[(\[]\s*[0-9]{1,2}(?:\.[0-9]{1,2})?\s*[)\]]|[0-9]{1,2}(?:\.[0-9]{1,2})?[.)])\s*")
_UNSORTED_LETTERS: Final = str.maketrans("đĐ", "dD")


class SheetWordsUnusable(Exception):
    """A sheet.toml names a column that its form has not, or gives one header to two. Not worth a retry."""


class Coded(Struct, frozen=True, forbid_unknown_fields=True):
    """How the codes of a type are said in sheets: by a code list and by words of our own."""

    list: str = ""
    words: dict[str, str] = {}
    certainty: str = "verified"


class Counted(Struct, frozen=True, forbid_unknown_fields=True):
    """A column outside the rows that counts the rows whose `column` is one of `values`."""

    column: str
    values: tuple[str, ...]


class SheetData(Struct, frozen=True, forbid_unknown_fields=True):
    """A form's sheet.toml. `headers` are as good as the printed label; `spare` ones serve only where no better is.

    `widths` are columns of so many digits, whose zeros Excel drops. `sections` are words of section lines and the
    element that such a section becomes, for a form of several lists. `certainty` marks facts, as in a form.toml.
    """

    headers: dict[str, tuple[str, ...]] = {}
    spare: dict[str, tuple[str, ...]] = {}
    widths: dict[str, int] = {}
    coded: dict[str, Coded] = {}
    counted: dict[str, Counted] = {}
    sections: dict[str, str] = {}
    examples: dict[str, str] = {}
    certainty: dict[str, str] = {}


class Lines(Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of a list that are about nobody: sections and totals by all their words, the foot by words in them."""

    sections: tuple[str, ...]
    totals: tuple[str, ...]
    total_starts: tuple[str, ...]
    foot: tuple[str, ...]
    notes: tuple[str, ...]


class CommonWords(Struct, frozen=True, forbid_unknown_fields=True):
    """What all forms' sheets have in common. Under one of the `groups` a header means nothing without its group."""

    headers: dict[str, tuple[str, ...]]
    spare: dict[str, tuple[str, ...]]
    groups: tuple[str, ...]
    lines: Lines
    types: dict[str, Coded]
    findings: dict[str, Message]


class Column(Struct, frozen=True):
    """One column that a sheet can fill. `path` leads to it from the row: one step, or more inside an annex."""

    name: str
    label: str
    type: SimpleType
    required: bool
    path: tuple[str, ...]


COMMON: Final = convert(
    tomllib.loads((Path(__file__).parent / "sheet_words.toml").read_text("utf-8")),
    CommonWords,
)


@lru_cache(maxsize=_MARKS_REMEMBERED)
def key(text: str) -> str:
    """The letters and digits alone, without case and diacritics: what two headers are compared by."""
    plain = unicodedata.normalize("NFKD", text.translate(_UNSORTED_LETTERS)).casefold()
    return "".join(letter for letter in plain if letter.isalnum() and not unicodedata.combining(letter))


def keys(text: str) -> tuple[str, ...]:
    """A header's key as it stands, without its number, and without what stands in brackets; the fullest first."""
    bare = _NUMBERED.sub("", text)
    found = dict.fromkeys((key(text), key(bare), key(_BRACKETED.sub(" ", bare))))
    return tuple(each for each in found if each)


def sheet_data(form: Form) -> SheetData:
    """What the sheet.toml beside the form's schema says, or nothing. Raises SheetWordsUnusable."""
    path = form.folder / "sheet.toml"
    if not path.exists():
        return SheetData()
    try:
        return convert(tomllib.loads(path.read_text("utf-8")), SheetData)
    except (OSError, ValueError, ValidationError) as error:
        raise SheetWordsUnusable(f"{path}: {error}") from error


def row_model(form: Form) -> Element:
    """The declaration of a form's row. Raises SheetWordsUnusable for a form without rows."""
    declared = form.model
    for step in row_paths(form)[0].split("/")[2:]:
        declared = next(child for child in declared.children if child.name == step)
    return declared


def row_paths(form: Form) -> list[str]:
    """Where the form's rows are: one place, or several lists in the schema's order. Raises SheetWordsUnusable."""
    if form.rows is None:
        raise SheetWordsUnusable(f"mẫu {form.code} không có danh sách · the form {form.code} has no rows")
    found = [(f"/{form.root}", form.model)]
    for step in form.rows.path.split("/")[2:]:
        found = [
            (f"{path}/{child.name}", child)
            for path, declared in found
            for child in declared.children
            if step in ("*", child.name) and (step != "*" or child.children)
        ]
    return [path for path, _ in found]


def columns_of(form: Form) -> dict[str, Column]:
    """The columns of a row in the schema's order, those of an annex after their own row's; lists in a row are left out.

    Raises SheetWordsUnusable for a form without rows.
    """
    found: dict[str, Column] = {}
    inner: list[tuple[Element, tuple[str, ...]]] = [(row_model(form), ())]
    while inner:
        parent, path = inner.pop(0)
        for child in parent.children:
            steps = (*path, child.name)
            if child.type is not None and not child.repeated:
                column = Column(child.name, form.label(child.name), child.type, child.required and not path, steps)
                found.setdefault(child.name, column)
            elif not child.repeated and not child.open:
                inner.append((child, steps))
    return found


class Vocabulary:
    """Which column a header means. A header may be strong or spare."""

    def __init__(self, form: Form) -> None:
        self.columns = columns_of(form)
        self.data = sheet_data(form)
        named = {*self.data.headers, *self.data.spare, *self.data.widths, *self.data.coded, *self.data.examples}
        if strange := sorted(named - self.columns.keys()):
            raise SheetWordsUnusable(f"{form.folder / 'sheet.toml'}: không có cột · no such column: {strange}")
        self.names = {key(name): name for name in reversed(self.columns)}
        self.strong: dict[str, str] = {}
        self.spare: dict[str, str] = {}
        here = self.columns
        for column, words in self.data.headers.items():
            self._learn(self.strong, column, words)
        for name, told in here.items():
            if told.label:
                self.strong.setdefault(key(told.label), name)
        for column, words in COMMON.headers.items():
            self._learn(self.strong, column, words)
        for source in (self.data.spare, COMMON.spare):
            for column, words in source.items():
                self._learn(self.spare, column, words)

    def _learn(self, known: dict[str, str], column: str, words: tuple[str, ...]) -> None:
        if column in self.columns:
            for word in words:
                known.setdefault(key(word), column)

    def column(self, text: str) -> tuple[str, bool] | None:
        """The column that a header means and whether it means it strongly."""
        for each in keys(text):
            if each in self.spare:
                return self.spare[each], False
            if each in self.names:
                return self.names[each], True
            if each in self.strong:
                return self.strong[each], True
        return None

    def words_of(self, column: str) -> list[str]:
        """Every key by which the column is known."""
        return [
            word for known in (self.names, self.strong, self.spare) for word, name in known.items() if name == column
        ]
