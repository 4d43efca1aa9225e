"""What a field may have held when it was signed: the other ways in which people and programs write the same value."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from html import escape, unescape
from typing import Final

REWRITTEN_CHARACTERS_MAX: Final = 600
TYPO_DIGITS_MAX: Final = 14

_WIDTHS: Final = (2, 3, 5, 7, 9, 10, 12, 13)
# How long codes, telephones and personal numbers are whose leading zeros a spreadsheet took away.
_WIDTHS_SPOILT: Final = {3: 5, 4: 5, 9: 10, 10: 12, 11: 12}
_ZEROS_ADDED_MAX: Final = 4
# How people group the ten digits of a telephone number.
_GROUPS: Final = ((4, 3, 3), (3, 3, 4), (4, 2, 2, 2))
_DIGITS: Final = re.compile(r"[0-9]+")
_NUMBER: Final = re.compile(r"(-?[0-9]+)(?:[.,]([0-9]{1,4}))?")
_GROUPED: Final = re.compile(r"-?[0-9]{1,3}(?:([., \u00a0])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]{1,2})?")
_WITH_PLACES: Final = re.compile(r"[0-9]{4,}[.,]0{1,2}")
_SCIENTIFIC: Final = re.compile(r"-?[0-9](?:[.,][0-9]{1,14})?[eE]\+?([0-9]{1,2})")
_TIME: Final = r"(?:[T ][0-9:.]{4,15}(?:Z|[+-][0-9:]{5})?(?: ?[AP]M| ?SA| ?CH)?)?"
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})" + _TIME)
_YEAR_FIRST: Final = re.compile(r"([0-9]{4})([/.-])([0-9]{1,2})\2([0-9]{1,2})" + _TIME)
_COMPACT: Final = re.compile(r"[0-9]{8}")
_SERIAL: Final = re.compile(r"[1-9][0-9]{4}(?:\.0)?")
_MONTH: Final = re.compile(r"([0-9]{1,2})[/.-]([0-9]{4})")
_MONTH_YEAR_FIRST: Final = re.compile(r"([0-9]{4})[/.-]([0-9]{1,2})")
_MONTH_COMPACT: Final = re.compile(r"([0-9]{2})([0-9]{4})")
# Spreadsheets count days from here (ECMA-376 part 1 §18.17.4.1), the day that never was (29/02/1900) among them.
_EPOCH: Final = date(1899, 12, 30)
_YEARS: Final = range(1900, 2100)

_LIKELY: Final = frozenset(
    {
        *("trim", "one-blank", "blank-after", "zeros-1", "zeros-2", "no-zeros", "wide-10", "wide-12", "phone-0"),
        *("short", "one-place", "ungrouped", "grouped-comma", "grouped-point", "written-out", "upper", "composed"),
    }
)
_LIKELY_DATES: Final = ("-dmy", "-iso", "-mdy", "-my", "-y-m")

_DATES_WRITTEN: Final[dict[str, Callable[[date], str]]] = {
    "dmy": lambda day: f"{day:%d/%m}/{day.year:04d}",
    "iso": lambda day: day.isoformat(),
    "mdy": lambda day: f"{day:%m/%d}/{day.year:04d}",
    "d/m/y": lambda day: f"{day.day}/{day.month}/{day.year:04d}",
    "m/d/y": lambda day: f"{day.month}/{day.day}/{day.year:04d}",
    "d-m-y": lambda day: f"{day:%d-%m}-{day.year:04d}",
    "d.m.y": lambda day: f"{day:%d.%m}.{day.year:04d}",
    "y/m/d": lambda day: f"{day.year:04d}/{day:%m/%d}",
    "ymd": lambda day: f"{day.year:04d}{day:%m%d}",
    "dmY": lambda day: f"{day:%d%m}{day.year:04d}",
    "iso-time": lambda day: f"{day.isoformat()}T00:00:00",
    "iso-midnight": lambda day: f"{day.isoformat()} 00:00:00",
    "dmy-midnight": lambda day: f"{day:%d/%m}/{day.year:04d} 00:00:00",
    "m/d/y-midnight": lambda day: f"{day.month}/{day.day}/{day.year:04d} 12:00:00 AM",
    "serial": lambda day: str((day - _EPOCH).days),
    "month": lambda day: f"{day:%m}/{day.year:04d}",
}
_MONTHS_WRITTEN: Final[dict[str, Callable[[date], str]]] = {
    "my": lambda day: f"{day:%m}/{day.year:04d}",
    "m/y": lambda day: f"{day.month}/{day.year:04d}",
    "y-m": lambda day: f"{day.year:04d}-{day:%m}",
    "m-y": lambda day: f"{day:%m}-{day.year:04d}",
    "mY": lambda day: f"{day:%m}{day.year:04d}",
    "Ym": lambda day: f"{day.year:04d}{day:%m}",
    "first": lambda day: f"{day:%d/%m}/{day.year:04d}",
    "iso": lambda day: day.isoformat(),
    "m.y": lambda day: f"{day:%m}.{day.year:04d}",
}


def rewritten(text: str) -> dict[str, str]:
    """Return other ways to write a text, each under the name of its rewriting; the text itself is not among them.

    The same name means the same rewriting for another text, so that a whole column can be rewritten alike.
    """
    if not text or len(text) > REWRITTEN_CHARACTERS_MAX:
        return {}
    found: dict[str, str] = {}
    for name, other in _all(text):
        if other != text:
            found.setdefault(name, other)
    return found


def repaired(text: str) -> dict[str, str]:
    """Return what a text was if a spreadsheet spoilt it: zeros lost, a foreign date, a grouped amount, blanks.

    For a text as forms want it (dd/MM/yyyy, MM/yyyy, plain numbers) there is nothing; the names are as in `rewritten`.
    """
    plain = text.strip()
    if not plain or len(plain) > TYPO_DIGITS_MAX * 3:
        return {} if plain == text or len(text) > REWRITTEN_CHARACTERS_MAX else {"trim": plain}
    found = {"trim": plain}
    if _DIGITS.fullmatch(plain) and (width := _WIDTHS_SPOILT.get(len(plain))):
        found[f"wide-{width}"] = plain.zfill(width)
    if _SCIENTIFIC.fullmatch(plain) or _GROUPED.fullmatch(plain) or _WITH_PLACES.fullmatch(plain):
        found.update((name, other) for name, other in _numbers(plain) if name in ("written-out", "ungrouped", "whole"))
    days, months = dict(_read_dates(plain)), dict(_read_months(plain))
    for reader in ("ymd", "dmy", "mdy", "compact-ymd"):
        if reader in days and "dmy" not in found:
            found["dmy"] = _DATES_WRITTEN["dmy"](days[reader])
    for reader in ("ym", "my", "compact"):
        if reader in months and "my" not in found:
            found["my"] = _MONTHS_WRITTEN["my"](months[reader])
    half = plain[: len(plain) // 2]
    if half * 2 == plain and _DAY_FIRST.fullmatch(half):
        found["once"] = half
    return {name: other for name, other in found.items() if other != text}


def is_likely(name: str) -> bool:
    """Whether a rewriting is one of those that spreadsheets and people do most."""
    return name in _LIKELY or name.endswith(_LIKELY_DATES)


def _all(text: str) -> Iterator[tuple[str, str]]:
    yield from _blanks(text)
    plain = text.strip()
    if len(plain) <= TYPO_DIGITS_MAX * 3 and any(letter.isdigit() for letter in plain):
        yield from _numbers(plain)
        yield from _dates(plain)
    yield from _letters(text)


def _blanks(text: str) -> Iterator[tuple[str, str]]:
    yield "trim", text.strip()
    yield "one-blank", " ".join(text.split())
    yield "blank-after", text + " "
    yield "blank-before", " " + text
    yield "break-after", text + "\n"
    yield "no-blanks", "".join(text.split())
    yield "hard-blank", text.replace(" ", "\u00a0")
    yield "soft-blank", text.replace("\u00a0", " ")
    if "," in text or ";" in text:
        yield "blank-after-comma", re.sub(r"([,;])(?=\S)", r"\1 ", text)
        yield "no-blank-after-comma", re.sub(r"([,;]) +", r"\1", text)


def _letters(text: str) -> Iterator[tuple[str, str]]:
    yield "upper", text.upper()
    yield "lower", text.lower()
    yield "title", text.title()
    yield "first-upper", text[:1].upper() + text[1:]
    yield "capitalised", text[:1].upper() + text[1:].lower()
    if "&" in text:
        yield "unescaped", unescape(text)
    if any(letter in text for letter in "&<>\"'"):
        yield "escaped", escape(text, quote=False)
        yield "escaped-quotes", escape(text)
    if not text.isascii():
        yield "composed", unicodedata.normalize("NFC", text)
        yield "decomposed", unicodedata.normalize("NFD", text)
        yield "compatible", unicodedata.normalize("NFKC", text)


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    yield from _zeros(text)
    digits = re.sub(r"[ .\-\u00a0]", "", text)
    if digits != text and _DIGITS.fullmatch(digits):
        yield "digits", digits
    if match := _SCIENTIFIC.fullmatch(text):
        yield "written-out", str(int(float(text.replace(",", ".")))) if int(match[1]) < 20 else text  # noqa: PLR2004
    if match := _GROUPED.fullmatch(text):
        yield from _amount("ungrouped", text.replace(match[1], ""))
    if _NUMBER.fullmatch(text):
        yield from _amount("number", text)
        yield "currency", f"{text} đ"
        yield "percent", f"{text}%"
    if text.endswith(("%", "đ")):
        yield "unit", text[:-1].rstrip()


def _zeros(text: str) -> Iterator[tuple[str, str]]:
    """Yield numbers that are names (codes, telephones) with other zeros before them."""
    if _DIGITS.fullmatch(text):
        yield "no-zeros", text.lstrip("0") or "0"
        for width in _WIDTHS:
            if len(text) < width <= len(text) + _ZEROS_ADDED_MAX:
                yield f"wide-{width}", text.zfill(width)
        for zeros in range(1, _ZEROS_ADDED_MAX + 1):
            yield f"zeros-{zeros}", "0" * zeros + text
        if text.startswith("84"):
            yield "phone-0", "0" + text[2:]
        if text.startswith("0"):
            yield "phone-84", "84" + text[1:]
            yield "phone+84", "+84" + text[1:]
            for groups in _GROUPS if len(text) == sum(_GROUPS[0]) else ():
                for mark in ". -":
                    yield f"phone-{groups}{mark}", mark.join(_grouped(text, groups))
    elif text.startswith("+84"):
        yield "phone-0", "0" + text[3:].lstrip(" ")


def _grouped(text: str, groups: tuple[int, ...]) -> Iterator[str]:
    at = 0
    for length in groups:
        yield text[at : at + length]
        at += length


def _amount(name: str, text: str) -> Iterator[tuple[str, str]]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return
    whole, fraction = match[1], match[2] or ""
    if name == "ungrouped":
        yield name, text
    kept = fraction.rstrip("0")
    yield "whole", whole if not kept else text
    yield "short", f"{whole}.{kept}" if kept else whole
    yield "one-place", f"{whole}.{kept or '0'}"
    yield "two-places", f"{whole}.{kept:0<2}"
    yield "one-place-comma", f"{whole},{kept or '0'}"
    yield "two-places-comma", f"{whole},{kept:0<2}"
    if fraction:
        yield "point", f"{whole}.{fraction}"
        yield "comma", f"{whole},{fraction}"
    if len(whole.lstrip("-")) > 3 and not whole.lstrip("-").startswith("0"):  # noqa: PLR2004 - groups are of three
        grouped = f"{int(whole):,}"
        yield "grouped-comma", grouped + (f".{fraction}" if fraction else "")
        yield "grouped-point", grouped.replace(",", ".") + (f",{fraction}" if fraction else "")
        yield "grouped-blank", grouped.replace(",", " ")
        yield "grouped-comma-places", f"{grouped}.00"


def _dates(text: str) -> Iterator[tuple[str, str]]:
    for reader, day in _read_dates(text):
        for writer, write in _DATES_WRITTEN.items():
            yield f"date-{reader}-{writer}", write(day)
    for reader, day in _read_months(text):
        for writer, write in _MONTHS_WRITTEN.items():
            yield f"month-{reader}-{writer}", write(day)
    half = text[: len(text) // 2]
    if len(half) >= 8 and half * 2 == text:  # noqa: PLR2004 - a date written twice
        yield "once", half


def _read_dates(text: str) -> Iterator[tuple[str, date]]:
    if match := _DAY_FIRST.fullmatch(text):
        yield from _day("dmy", match[4], match[3], match[1])
        yield from _day("mdy", match[4], match[1], match[3])
    if match := _YEAR_FIRST.fullmatch(text):
        yield from _day("ymd", match[1], match[3], match[4])
        yield from _day("ydm", match[1], match[4], match[3])
    if _COMPACT.fullmatch(text):
        yield from _day("compact-dmy", text[4:], text[2:4], text[:2])
        yield from _day("compact-ymd", text[:4], text[4:6], text[6:])
    if _SERIAL.fullmatch(text):
        day = _EPOCH + timedelta(days=int(text[:5]))
        if day.year in _YEARS:
            yield "serial", day


def _read_months(text: str) -> Iterator[tuple[str, date]]:
    if match := _MONTH.fullmatch(text):
        yield from _day("my", match[2], match[1], "1")
    if match := _MONTH_YEAR_FIRST.fullmatch(text):
        yield from _day("ym", match[1], match[2], "1")
    if match := _MONTH_COMPACT.fullmatch(text):
        yield from _day("compact", match[2], match[1], "1")
    for _, day in _read_dates(text):
        if day.day == 1:
            yield "first", day


def _day(reader: str, year: str, month: str, day: str) -> Iterator[tuple[str, date]]:
    if int(year) in _YEARS:
        try:
            yield reader, date(int(year), int(month), int(day))
        except ValueError:
            return


def typos(text: str) -> Iterator[str]:
    """Yield a number with one digit another, two neighbours exchanged, one digit more or less."""
    figures = [at for at, letter in enumerate(text) if "0" <= letter <= "9"]
    if not figures or len(figures) > TYPO_DIGITS_MAX or len(text) > TYPO_DIGITS_MAX * 2:
        return
    for at in figures:
        for digit in "0123456789":
            if digit != text[at]:
                yield text[:at] + digit + text[at + 1 :]
    for at in figures:
        if at + 1 in figures and text[at] != text[at + 1]:
            yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    for at in figures:
        yield text[:at] + text[at + 1 :]
    last = figures[-1] + 1
    for digit in "0123456789":
        yield text[:last] + digit + text[last:]


def shape(text: str) -> str:
    """Return what a text looks like: digits, letters and the rest, so that an odd one stands out in its column."""
    if len(text) > TYPO_DIGITS_MAX * 2:
        return "…"
    return "".join("9" if letter.isdigit() else "a" if letter.isalpha() else letter for letter in text)
