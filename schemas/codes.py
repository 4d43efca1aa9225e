"""Code lists and tables of amounts as data: what a code means, since when, and how sure that is."""

from __future__ import annotations

import math
import tomllib
from datetime import date
from typing import TYPE_CHECKING

from msgspec import Struct, ValidationError, convert

from schemas.certainty import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ListUnusableError(Exception):
    """A file of `codes/` cannot be read, or contradicts itself. Not worth a retry."""


class Version(Struct, frozen=True, forbid_unknown_fields=True):
    """A list as it is in force between two days, both included.

    `certainty` is verified, inferred or unconfirmed, and speaks of the codes and amounts; `certainty_of_names` speaks
    of what the codes are called, where that differs. When the list is not `complete`, a code that is missing here may
    be right all the same. `groups` sort the codes; `amounts` are numbers by code, in the list's unit.
    """

    valid_from: date
    certainty: str
    source: str
    codes: dict[str, str]
    certainty_of_names: str = ""
    decision: str = ""
    valid_to: date | None = None
    complete: bool = True
    groups: dict[str, tuple[str, ...]] = {}
    amounts: dict[str, float] = {}


class CodeList(Struct, frozen=True, forbid_unknown_fields=True):
    """One list with all its versions, the oldest first. `unit` is that of its amounts, such as "VND/month"."""

    title_vi: str
    title_en: str
    versions: tuple[Version, ...]
    unit: str = ""

    def at(self, on: date) -> Version | None:
        """The version in force on that day."""
        for version in reversed(self.versions):
            if version.valid_from <= on and (version.valid_to is None or on <= version.valid_to):
                return version
        return None


class Lists:
    """All code lists by name. Safe for all threads."""

    def __init__(self, lists: dict[str, CodeList]) -> None:
        self._lists = lists

    @classmethod
    def load(cls, *folders: Path) -> Lists:
        """Read every `<name>.toml` of the folders; a later folder's list replaces an earlier one of its name.

        Raises ListUnusableError, naming the file.
        """
        found: dict[str, CodeList] = {}
        for folder in folders:
            for path in sorted(folder.glob("*.toml")):
                try:
                    one = convert(tomllib.loads(path.read_text("utf-8")), CodeList)
                except (OSError, ValueError, ValidationError) as error:
                    raise ListUnusableError(f"{path}: {error}") from error
                if wrong := list(_contradictions(one)):
                    raise ListUnusableError(f"{path}: {'; '.join(wrong)}")
                found[path.stem] = one
        return cls(found)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all lists."""
        return tuple(sorted(self._lists))

    def get(self, name: str) -> CodeList:
        """One list. Raises KeyError for a name that is none: a mistake of ours, never of a document's."""
        return self._lists[name]

    def has(self, name: str, code: str, on: date) -> bool:
        """Whether the code may be right: it is in the list in force that day, or that list is not complete.

        Raises KeyError as `get` does.
        """
        version = self.get(name).at(on)
        return version is None or not version.complete or code in version.codes

    def amount(self, name: str, code: str, on: date) -> float:
        """The amount of a code in force that day, in the list's unit; NaN when none is known. Raises KeyError."""
        version = self.get(name).at(on)
        return math.nan if version is None else version.amounts.get(code, math.nan)


def _contradictions(one: CodeList) -> Iterator[str]:
    if not one.versions:
        yield "there is no version"
    for earlier, later in zip(one.versions, one.versions[1:], strict=False):
        # A version without an end is in force until the next begins.
        last = earlier.valid_to or earlier.valid_from
        if later.valid_from <= last:
            yield f"versions must follow each other, the oldest first: {earlier.valid_from}, {later.valid_from}"
    for version in one.versions:
        for wrong in _wrong_in(version):
            yield f"the version of {version.valid_from} {wrong}"
    if not one.unit and any(version.amounts for version in one.versions):
        yield "amounts have no unit"


def _wrong_in(version: Version) -> Iterator[str]:
    if version.valid_to is not None and version.valid_to < version.valid_from:
        yield f"ends on {version.valid_to}, before it begins"
    for mark in (version.certainty, version.certainty_of_names or version.certainty):
        if mark not in MARKS:
            yield f"is marked {mark!r}, which is none of {', '.join(MARKS)}"
    grouped = {code for group in version.groups.values() for code in group}
    if strange := sorted((grouped | version.amounts.keys()) - version.codes.keys()):
        yield f"groups or prices codes that it does not have: {', '.join(strange)}"
