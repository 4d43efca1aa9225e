"""Provinces and communes: the 34 and the 3,321 since 01/07/2025, and which of the 63 earlier provinces became which.

A place is where something is, not who decides about it: offices say themselves which places they serve.
"""

from __future__ import annotations

import csv
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

PLACES_FILE: Final = Path(__file__).parent / "offices" / "places.csv"
COLUMNS: Final = ("kind", "code", "name", "of", "was", "certainty")
# NQ 202/2025/QH15: the 34 provinces and the communes of today, and the end of the districts.
REORGANISED_ON: Final = date(2025, 7, 1)
PROVINCE_DIGITS: Final = 2
COMMUNE_DIGITS: Final = 5

Kind = Literal["tỉnh", "thành phố", "tỉnh cũ", "thành phố cũ", "xã", "phường", "đặc khu"]
PROVINCES: Final = ("tỉnh", "thành phố")
COMMUNES: Final = ("xã", "phường", "đặc khu")
_DIGITS = re.compile(r"[0-9]{1,5}", re.ASCII)


class Place(msgspec.Struct, frozen=True):
    """A province or commune. `of` is a commune's province, or the heir of one of the 63; `was` a province's parts."""

    kind: Kind
    code: str
    name: str
    of: str = ""
    was: tuple[str, ...] = ()
    certainty: Literal["verified", "unconfirmed"] = "unconfirmed"

    @property
    def is_past(self) -> bool:
        """Whether it is one of the 63, which ended with 30/06/2025."""
        return self.kind not in PROVINCES and self.kind not in COMMUNES


class Places:
    """The table, by code. Immutable."""

    def __init__(self, rows: tuple[Place, ...]) -> None:
        self.rows = rows
        self._now = {row.code: row for row in rows if not row.is_past}
        self._past = {row.code: row for row in rows if row.is_past}

    def province(self, code: str) -> Place | None:
        """The province of today with that 2-digit code."""
        found = self._now.get(code)
        return found if found and found.kind in PROVINCES else None

    def before(self, code: str) -> Place | None:
        """The one of the 63 with that 2-digit code; `of` tells what took it over."""
        return self._past.get(code)

    def resolve(self, code: str, on: date) -> tuple[Place, ...]:
        """What a written place code stands for on a day: a commune and then its province, or a province alone.

        Lost zeros are put back. A province of before 01/07/2025 leads on to the one that took it over; on a day before
        that, communes of today are not known. Empty when the code is of no place.
        """
        if not _DIGITS.fullmatch(code):
            return ()
        if len(code) <= PROVINCE_DIGITS:
            return self._province_on(code.zfill(PROVINCE_DIGITS), on)
        commune = self._now.get(code.zfill(COMMUNE_DIGITS))
        if commune is None or on < REORGANISED_ON:
            return ()
        return (commune, self._now[commune.of])

    def _province_on(self, code: str, on: date) -> tuple[Place, ...]:
        past = self._past.get(code)
        if on < REORGANISED_ON:
            return (past,) if past else ()
        # A code that lived on stands for the province of today, which holds what it was.
        found = self.province(code) or (self._now.get(past.of) if past else None)
        return (found,) if found else ()


def read_places(text: str) -> tuple[Place, ...]:
    """The rows of a table's text; lines that begin with # are not part of it. Raises ValueError."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    rows = list(csv.reader(lines, strict=True))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ValueError(f"the columns are not {','.join(COLUMNS)}")
    named = (dict(zip(COLUMNS, row, strict=True)) for row in rows[1:])
    return tuple(msgspec.convert({**row, "was": row["was"].split()}, Place) for row in named)


@cache
def load_places() -> Places:
    """The table that comes with motcua; read once, when it is first asked for."""
    return Places(read_places(PLACES_FILE.read_text("utf-8")))
