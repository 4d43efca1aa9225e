"""The page of a printed form or notice: one model that the HTML and the PDF are both made from."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

from msgspec import Struct

Language = Literal["vi", "en"]
Severity = Literal["error", "warning"]
Align = Literal["left", "center", "right"]

# What would be seen as nothing, or would turn the order of what is seen, is written out instead: Unicode's control,
# format, surrogate, private and separator characters, save the blank itself.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_BLANKS: Final = re.compile(r"[ \t\r\n]+")


class Mark(Struct, frozen=True):
    """A finding's number, set beside the value that it is about."""

    number: int
    severity: Severity


class Cell(Struct, frozen=True):
    """The lines of one cell, and the findings about it."""

    lines: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()


class HeadCell(Struct, frozen=True):
    """A cell of a table's head, over so many columns and through so many rows."""

    text: str
    columns: int = 1
    rows: int = 1


class Column(Struct, frozen=True):
    """One column: its share of the width, and how its cells are set."""

    width: float
    align: Align = "left"


class Section(Struct, frozen=True):
    """Rows under a title of their own, closed by a line such as their count; both may be empty."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]
    total: str = ""


class Grid(Struct, frozen=True, tag_field="kind", tag="grid"):
    """A table. `signs` are the letters and figures under the heads; `person` is the column that names a row, or -1."""

    caption: str
    columns: tuple[Column, ...]
    heads: tuple[tuple[HeadCell, ...], ...]
    sections: tuple[Section, ...]
    signs: tuple[str, ...] = ()
    person: int = -1
    empty: str = ""


class Field(Struct, frozen=True):
    """A label and its value; a `wide` one takes a whole line."""

    label: str
    value: Cell
    wide: bool = False


class Fields(Struct, frozen=True, tag_field="kind", tag="fields"):
    """Labels with their values, `across` beside each other."""

    fields: tuple[Field, ...]
    title: str = ""
    across: int = 2


class Words(Struct, frozen=True, tag_field="kind", tag="words"):
    """Lines of text: plain, a heading, a note in small letters, or an alarm in a frame."""

    lines: tuple[str, ...]
    manner: Literal["plain", "heading", "note", "alarm"] = "plain"


class Break(Struct, frozen=True, tag_field="kind", tag="break"):
    """A new sheet begins."""


class Complaint(Struct, frozen=True):
    """A finding in words: its number, what it is, what is wrong, which value, what to do, where in the file."""

    number: int
    severity: Severity
    head: str
    message: str
    value: str
    fix: str
    place: str


class Complaints(Struct, frozen=True, tag_field="kind", tag="complaints"):
    """The findings, in their order."""

    title: str
    items: tuple[Complaint, ...]


class Signer(Struct, frozen=True):
    """A place for a signature by hand."""

    title: str
    note: str = ""
    name: str = ""


class Signing(Struct, frozen=True, tag_field="kind", tag="signing"):
    """Date, places for signatures, and the lines that tell of electronic ones."""

    place_date: str = ""
    signers: tuple[Signer, ...] = ()
    stamps: tuple[str, ...] = ()


Block = Grid | Fields | Words | Break | Complaints | Signing


class Page(Struct, frozen=True, kw_only=True):
    """A form or a notice as it is printed, on as many sheets as it takes. `name` stands at the foot of each sheet."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    language: Language = "vi"
    size: Literal["a4", "a3"] = "a4"
    landscape: bool = False
    text_pt: float = 10
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    under_title: tuple[str, ...] = ()


def seen(text: str) -> str:
    """The text as a reader shall see it: composed (NFC), single blanks, and what cannot be seen written as [U+202E]."""
    composed = unicodedata.normalize("NFC", _BLANKS.sub(" ", text).strip())
    if composed.isprintable():
        return composed
    return "".join(f"[U+{ord(sign):04X}]" if unicodedata.category(sign) in _UNSEEN else sign for sign in composed)
