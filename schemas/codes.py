"""Code lists as data: what a code means, and how sure that is."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from msgspec import Struct, convert

_FOLDER: Final = Path(__file__).parent / "codes"


class Reasons(Struct, frozen=True, forbid_unknown_fields=True):
    """Phương án (PA): why an employee's row is there, in three groups."""

    certainty: str
    source: str
    increase: dict[str, str]
    decrease: dict[str, str]
    adjust: dict[str, str]

    def all(self) -> dict[str, str]:
        """Every code with its meaning."""
        return {**self.increase, **self.decrease, **self.adjust}


class CodeList(Struct, frozen=True, forbid_unknown_fields=True):
    """One list. When it is not `complete`, a code that is missing here may be right all the same."""

    certainty: str
    source: str
    codes: dict[str, str]
    complete: bool = True


def reasons() -> Reasons:
    """The reasons of change that employers use."""
    return convert(_read("reasons"), Reasons)


def regions() -> CodeList:
    """Regions of the minimum wage."""
    return convert(_read("regions"), CodeList)


def persons() -> dict[str, CodeList]:
    """Sex, ethnicity, relation in the household, precision of the date of birth, level of health benefit."""
    return convert(_read("persons"), dict[str, CodeList])


def _read(name: str) -> dict[str, object]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
