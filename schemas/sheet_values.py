"""What a cell means for its column: dates, months, amounts, numbers that lost their zeros, codes by their names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from openpyxl.utils.datetime import from_excel

from schemas.explain import TYPE_WORDS
from schemas.sheet_words import COMMON, Coded, Column, key
from schemas.written import YEAR_MAX, YEAR_MIN, suggest_amount, suggest_date, suggest_digits, suggest_month

if TYPE_CHECKING:
    from schemas.codes import Lists
    from schemas.sheet_grid import Cell
    from schemas.sheet_words import SheetData

ZEROS_LOST_MAX: Final = 2
# A CCCD has twelve digits and begins with a zero; a CMND has nine.
_CCCD_DIGITS: Final = 12
_CMND_DIGITS: Final = 9
_IDENTITY_TYPE: Final = "SoGiayToTuyThan"
# Days as Excel counts them, 1927 to 2091: a date whose cell has lost its format.
_SERIAL_MIN: Final = 10_000
_SERIAL_MAX: Final = 70_000
_NUMBER_DIGITS: Final = 15  # what a binary double holds for certain
_WIDTHS_TRIED: Final = range(1, 16)
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff\u200b-\u200d\ufeff]")
_BLANKS: Final = re.compile(r"\s+")
_QUOTED_FORMULA: Final = re.compile(r'="([^"]*)"')
_APOSTROPHE: Final = re.compile(r"'(?=[0-9+=@-])")
_GROUPED_WITH_DECIMALS: Final = re.compile(r"([0-9]{1,3}(?:([., ])[0-9]{3})+)([.,])([0-9]{1,4})")
_NOTHING: Final = frozenset({"-", "–", "—"})
_CODE_AND_NAME: Final = re.compile(r"([0-9A-Za-z]{1,6})\s*[-–—:.)/|]\s*(.+)")
_NAME_AND_CODE: Final = re.compile(r"(.+?)\s*[-–—:(\[/|]\s*([0-9A-Za-z]{1,6})\s*[)\]]?")
_GUESS: Final[Mapping[str, Callable[[str], str]]] = {
    "date": suggest_date,
    "month": suggest_month,
    "digits": suggest_digits,
}


class Told(Struct, frozen=True):
    """What is written for a cell, as what it stood there, and what was noticed: a finding's code, or nothing."""

    text: str
    typed: str
    notice: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether something else is written than was typed."""
        return self.text != self.typed


class ColumnReader:
    """Reads the cells of one column. What it cannot read it leaves as it was typed, for the schema to name."""

    def __init__(self, column: Column, data: SheetData, lists: Lists, on: date, *, is_typed: bool) -> None:
        self.column, self._type, self._is_typed = column, column.type, is_typed
        words = TYPE_WORDS.get(column.type.name)
        self._kind = words.suggest if words is not None else ""
        coded = data.coded.get(column.name) or COMMON.types.get(column.type.name) or Coded()
        self.is_unconfirmed = bool(coded.words) and coded.certainty == "unconfirmed"
        self._codes = _codes(coded, column, lists, on)
        self._width = data.widths.get(column.name, 0) or _width(column)

    def read(self, cell: Cell) -> Told:
        """The text to be written for a cell."""
        value = cell.value
        typed = _shown(value)
        if cell.is_unsaved:
            return Told("", "", "sheet-formula-unsaved")
        if cell.is_error:
            return Told(typed, typed, "sheet-formula-failed")
        if isinstance(value, bool):
            text = self._of_text(typed)
            return Told(text, typed)
        if isinstance(value, (datetime, date)):
            text = self._of_day(value)
            whole = f"{value:%d/%m/%Y}"
            # A date is typed as a date: how Excel shows it is no matter, but a day left out is.
            is_first = value.day == 1 and text == whole[3:]
            return Told(text, text if is_first or text == whole else whole)
        if isinstance(value, (int, float)):
            return self._of_number(value, cell.format, typed)
        if isinstance(value, (time, timedelta)):
            return Told(typed, typed)
        text = self._of_text(_clean(value, collapse=self._type.collapse))
        if not self._is_typed and text.isascii() and text.isdigit():
            return self._with_zeros(text, value)
        return Told(text, value)

    def _of_day(self, day: date) -> str:
        whole = f"{day:%d/%m/%Y}"
        return whole[3:] if self._kind == "month" else whole

    def _of_number(self, number: float, shape: str, typed: str) -> Told:
        text = plain_number(number)
        if "%" in shape and self._kind == "amount":
            percent = plain_number(number * 100)
            return Told(percent, f"{percent}%") if self._type.admits(percent) else Told(text, typed)
        if self._kind in ("date", "month"):
            return Told(self._of_day_number(number, text), text)
        coded = self._codes.get(key(text))
        if coded is not None:
            return Told(coded, text)
        return self._with_zeros(text, text)

    def _of_day_number(self, number: float, text: str) -> str:
        """A year, a month without its sign, or a date that has lost its format."""
        if self._type.admits(text) or YEAR_MIN <= number <= YEAR_MAX:
            return text
        # 12026 was 012026, and 1.2026 was 01.2026.
        if self._kind == "month" and (month := suggest_month(text.zfill(6) if "." not in text else text)):
            return month
        if _SERIAL_MIN <= number <= _SERIAL_MAX:
            day = from_excel(number)
            if isinstance(day, datetime):
                return self._of_day(day)
        return text

    def _with_zeros(self, digits: str, typed: str) -> Told:
        """Zeros that Excel drops are put back where the width is fixed, and told."""
        lost = self._width - len(digits)
        if digits.isdigit() and 0 < lost <= ZEROS_LOST_MAX and self._type.admits(digits.zfill(self._width)):
            return Told(digits.zfill(self._width), typed, "sheet-zeros-restored")
        is_short = _CMND_DIGITS < len(digits) < _CCCD_DIGITS
        if self._type.name == _IDENTITY_TYPE and digits.isdigit() and is_short:
            return Told(digits, typed, "sheet-zero-perhaps-lost")
        return Told(digits, typed)

    def _of_text(self, text: str) -> str:
        if not text:
            return ""
        if self._codes and (code := self._code(text)):
            return code
        if self._kind == "amount":
            if text in _NOTHING:
                return ""
            amount = _amount(text)
            if amount and self._type.admits(amount):
                return amount
        if self._type.admits(text):
            return text
        for guess in (_GUESS[self._kind](text) if self._kind in _GUESS else "", text.upper()):
            if guess and self._type.admits(guess):
                return guess
        return text

    def _code(self, text: str) -> str:
        """The code that is meant: by itself, by its name, or by both, if they agree."""
        if code := self._codes.get(key(text)):
            return code
        for pattern, first in ((_CODE_AND_NAME, 1), (_NAME_AND_CODE, 2)):
            if match := pattern.fullmatch(text):
                code = self._codes.get(key(match[first]), "")
                named = self._codes.get(key(match[3 - first]), code)
                if code and code == named:
                    return code
        return ""


def plain_number(number: float) -> str:
    """A number without exponent and without a needless “.0”, as exact as Excel keeps it."""
    try:
        told = Decimal(number) if isinstance(number, int) else Decimal(f"{number:.{_NUMBER_DIGITS}g}")
    except InvalidOperation:
        return str(number)
    if not told.is_finite():
        return str(number)
    text = f"{told:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _shown(value: object) -> str:
    """What stands in a cell, as near as can be told to what its owner sees."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return plain_number(value)
    return f"{value:%d/%m/%Y}" if isinstance(value, (datetime, date)) else str(value)


def _clean(text: str, *, collapse: bool) -> str:
    """NFC, without signs that nobody sees, without what Excel and CSV put round a number to keep it a text."""
    plain = unicodedata.normalize("NFC", _UNSPEAKABLE.sub("", text))
    if match := _QUOTED_FORMULA.fullmatch(plain.strip()):
        plain = match[1]
    plain = _APOSTROPHE.sub("", plain, count=1) if plain.startswith("'") else plain
    # No column is one where a line break means anything; those that do not collapse are codes and numbers.
    return _BLANKS.sub(" ", plain).strip() if collapse or "\n" in plain else plain.strip().replace("\xa0", " ")


def _amount(text: str) -> str:
    text = text.removesuffix("%").strip()
    if (match := _GROUPED_WITH_DECIMALS.fullmatch(text)) and match[2] != match[3]:
        decimals = match[4].rstrip("0")
        return match[1].replace(match[2], "") + (f".{decimals}" if decimals else "")
    return suggest_amount(text)


def _codes(coded: Coded, column: Column, lists: Lists, on: date) -> dict[str, str]:
    """Each way of saying a code, by its key. A name that two codes share says neither."""
    names: dict[str, set[str]] = {}
    version = lists.get(coded.list).at(on) if coded.list else None
    if version is not None:
        for code, name in version.codes.items():
            if column.type.admits(code):
                names.setdefault(key(name), set()).add(code)
                if code.isdigit():
                    names.setdefault(str(int(code)), set()).add(code)
    found = {name: next(iter(codes)) for name, codes in names.items() if len(codes) == 1}
    found |= {key(word): code for word, code in coded.words.items() if column.type.admits(code)}
    if version is not None:
        found |= {key(code): code for code in version.codes if column.type.admits(code)}
    return found | {key(code): code for code in column.type.values if code}


def _width(column: Column) -> int:
    """How many digits the type wants, when it wants one number of digits only."""
    if column.type.pattern is None:
        return 0
    widths = [width for width in _WIDTHS_TRIED if column.type.admits("1" * width)]
    return widths[0] if len(widths) == 1 else 0
