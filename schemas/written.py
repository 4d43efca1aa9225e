"""How people write dates, months and amounts, and what they probably meant."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_DATE: Final = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_MONTH: Final = re.compile(r"([0-9]{2})/([0-9]{4})")
_LOOSE_DATE: Final = re.compile(r"([0-9]{1,2})[/.\- ]([0-9]{1,2})[/.\- ]([0-9]{4})")
_ISO_DATE: Final = re.compile(r"([0-9]{4})[/.\-]([0-9]{1,2})[/.\-]([0-9]{1,2})([T ].*)?")
_LOOSE_MONTH: Final = re.compile(r"([0-9]{1,2})[/.\- ]([0-9]{4})")
_ISO_MONTH: Final = re.compile(r"([0-9]{4})[/.\-]([0-9]{1,2})")
_PLAIN_MONTH: Final = re.compile(r"([0-9]{2})([0-9]{4})")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([., \u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*")
_CURRENCY: Final = re.compile(r"\s*(?:đ|₫|đồng|vnd|vnđ)\.?$", re.IGNORECASE)
YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2099


def parse_date(text: str) -> date | None:
    """Read dd/MM/yyyy, years 1900 to 2099; None when it is written otherwise or is no day of the calendar."""
    match = _DATE.fullmatch(text)
    return None if match is None else _day(match[3], match[2], match[1])


def parse_month(text: str) -> date | None:
    """Read MM/yyyy, years 1900 to 2099, as the first of that month; None when it is anything else."""
    match = _MONTH.fullmatch(text)
    return None if match is None else _day(match[2], match[1], "01")


def date_like(text: str) -> bool:
    """Whether it has the shape dd/MM/yyyy, be there such a day or not."""
    return _DATE.fullmatch(text) is not None


def suggest_date(text: str) -> str:
    """What dd/MM/yyyy the writer probably meant, or nothing: 2025-05-23, 23.5.2025, 23/05/202523/05/2025."""
    text = text.strip()
    half = text[: len(text) // 2]
    if half and text == half * 2:
        text = half
    if match := _ISO_DATE.fullmatch(text):
        found = _day(match[1], match[2], match[3])
    elif match := _LOOSE_DATE.fullmatch(text):
        found = _day(match[3], match[2], match[1])
    else:
        found = None
    return "" if found is None else f"{found:%d/%m/%Y}"


def suggest_month(text: str) -> str:
    """What MM/yyyy the writer probably meant, or nothing: 012026, 1/2026, 2026-01, 01/01/2026."""
    text = text.strip()
    found: date | None = None
    if (match := _LOOSE_MONTH.fullmatch(text)) or (match := _PLAIN_MONTH.fullmatch(text)):
        found = _day(match[2], match[1], "1")
    elif match := _ISO_MONTH.fullmatch(text):
        found = _day(match[1], match[2], "1")
    elif whole := parse_date(suggest_date(text)):
        found = whole
    return "" if found is None else f"{found:%m/%Y}"


def suggest_amount(text: str) -> str:
    """What plain number the writer probably meant, or nothing: 5.000.000, 5,000,000 đ, 2,34."""
    text = _CURRENCY.sub("", text.strip())
    if match := _GROUPED.fullmatch(text):
        return text.replace(match[1], "")
    if re.fullmatch(r"[0-9]+,[0-9]{1,2}", text):
        return text.replace(",", ".")
    return text if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else ""


def suggest_digits(text: str) -> str:
    """The digits alone, when blanks, dots or dashes stand between them."""
    kept = re.sub(r"[\s.\-\u00a0]", "", text)
    return kept if kept != text and re.fullmatch(r"[0-9]+", kept) else ""


def _day(year: str, month: str, day: str) -> date | None:
    number = int(year)
    if not YEAR_MIN <= number <= YEAR_MAX:
        return None
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None
