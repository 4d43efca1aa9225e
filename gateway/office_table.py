"""The table of offices: what a code stands for on a day, who serves a place, which rule holds."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from gateway.office_files import load_rows, write_toml
from gateway.office_rows import Office, OfficesMistaken, Rows, Rule, by_code, faults, predecessors_of
from gateway.places import REORGANISED_ON, Places, load_places

CODE_DIGITS: Final = 5
CANDIDATES_MAX: Final = 5
WRITTEN_SHOWN_MAX: Final = 40
# The last two digits of a provincial office's code (unconfirmed: it follows from the codes that are known).
PROVINCIAL: Final = "00"
# In a receipt stand so many hex digits of the digest; the seal of an operator's table has all of them.
DIGEST_SHOWN: Final = 12

_DIGITS = re.compile(r"[0-9]{1,5}", re.ASCII)
_NOT_DIGITS = re.compile(r"[^0-9]+")
_PREFIX_DIGITS: Final = 3


class Found(msgspec.Struct, frozen=True):
    """What a written code stands for on a day: the office, or None with what a person might choose from.

    `code` is the written code with its lost zeros put back. The words say what was done to it; empty when nothing was.
    """

    code: str
    office: Office | None
    candidates: tuple[Office, ...] = ()
    vi: str = ""
    en: str = ""


class OfficeTable:
    """The dated offices and rules. Immutable; `version` names both tables and a digest of the whole text."""

    def __init__(self, rows: Rows, content: bytes | None = None) -> None:
        """`content` is the table's one text, when it was read from that. Raises `OfficesMistaken`."""
        if found := faults(rows):
            raise OfficesMistaken("; ".join(found))
        self.rows = rows
        self.content = write_toml(rows) if content is None else content
        self.sha256 = hashlib.sha256(self.content).digest()
        self.version = f"{rows.version}/{rows.rules_version}/sha256-{self.sha256.hex()[:DIGEST_SHOWN]}"
        self.offices, self.rules = rows.offices, rows.rules
        self._by_code = by_code(rows.offices)
        self._before = predecessors_of(rows.offices)

    @classmethod
    def load(cls, path: Path | None = None) -> OfficeTable:
        """Read a folder with offices.toml and rules.toml, or a file of offices alone; what is absent is ours."""
        return cls(load_rows(path))

    @property
    def places(self) -> Places:
        """Provinces and communes."""
        return load_places()

    def get(self, code: str, on: date) -> Office | None:
        """The office that bears exactly this code on that day."""
        for office in self._by_code.get(code, ()):
            if office.in_force(on):
                return office
        return None

    def of_code(self, code: str) -> tuple[Office, ...]:
        """All rows of that code, the earliest first."""
        return self._by_code.get(code, ())

    def predecessors(self, code: str) -> tuple[str, ...]:
        """The codes that named this one as their successor."""
        return self._before.get(code, ())

    def offices_on(self, on: date) -> tuple[Office, ...]:
        """All offices in force on that day, by code."""
        return tuple(sorted((each for each in self.offices if each.in_force(on)), key=lambda each: each.code))

    def rule_for(self, procedure: str, on: date, registered: Office | None = None) -> Rule | None:
        """The rule in force on that day for a unit that is registered with that office (None: not known).

        One that names the procedure wins over one for all; then one for the office itself, or for the nearest above it,
        over one for all units.
        """
        held = [rule for rule in self.rules if rule.in_force(on)]
        above = [each.code for each in self.above(registered, on)] if registered else []
        for wanted in (procedure, "*"):
            named = [rule for rule in held if wanted in rule.procedures]
            for code in above:
                if rule := next((each for each in named if code in each.under), None):
                    return rule
            if rule := next((each for each in named if not each.under), None):
                return rule
        return None

    def above(self, office: Office, on: date) -> list[Office]:
        """The office, then those above it that are in force, the nearest first."""
        found, here = [office], office
        while here.parent and (parent := self.resolve(here.parent, on).office) is not None and parent not in found:
            found.append(parent)
            here = parent
        return found

    def serving(self, place: str, on: date) -> tuple[Office, ...]:
        """The offices that say that they serve that place: those that name the commune, else those of its province."""
        held = self.offices_on(on)
        codes = [place, *(each.code for each in self.places.resolve(place, on))]
        for code in dict.fromkeys(codes):
            if found := tuple(each for each in held if code in each.places):
                return found
        return ()

    def resolve(self, written: str, on: date) -> Found:
        """What the written code stands for on that day: lost zeros put back, mergers followed, nothing guessed."""
        if (office := self.get(written, on)) is not None:
            return Found(written, office)
        shown = written.strip()[:WRITTEN_SHOWN_MAX]
        if not _DIGITS.fullmatch(shown):
            return Found(
                shown,
                None,
                self._alike(shown, on),
                f"“{shown}” không phải mã cơ quan BHXH (5 chữ số)" if shown else "không có mã cơ quan BHXH",
                f"“{shown}” is not an office code (5 digits)" if shown else "there is no office code",
            )
        code = shown.zfill(CODE_DIGITS)
        vi, en = ("", "") if code == shown else (f"mã “{shown}” được hiểu là {code}", f"“{shown}” was read as {code}")
        rows = self._by_code.get(code)
        if rows is None:
            vi = f"mã “{shown}” không có trong bảng cơ quan BHXH, kể cả khi thêm số 0 ở đầu ({code})"
            en = f"“{shown}” is not in the table of offices, nor is {code} with its zeros put back"
            near = self._alike(shown, on)
            if (of_prefix := self._provincial(code, on)) is not None and of_prefix not in near:
                near = (*near, of_prefix)[-CANDIDATES_MAX:]
            return Found(code, None, near, *joined((vi, en), self._prefix(code, on)))
        if (office := self.get(code, on)) is not None:
            return Found(code, office, (), vi, en)
        return self._follow(code, on, vi, en)

    def _follow(self, code: str, on: date, vi: str, en: str) -> Found:
        """Follow an office that has ended to its one successor, step by step, until one is in force."""
        chain, here = [code], code
        while True:
            row = next((each for each in reversed(self._by_code[here]) if each.valid_to and each.valid_to < on), None)
            if row is None or (len(row.successors) == 1 and row.successors[0] in chain):
                says = (
                    f"cơ quan {here} không hoạt động ngày {on:%d/%m/%Y}",
                    f"{here} is not in force on {on:%d/%m/%Y}",
                )
                return Found(code, None, (), *joined((vi, en), says))
            if len(row.successors) != 1:
                why_vi = "được chia cho nhiều cơ quan" if row.successors else "chưa rõ cơ quan thay thế"
                why_en = "its units were shared out" if row.successors else "and no successor is known"
                says = (
                    f"cơ quan {here} {row.name} đã ngừng từ sau ngày {row.valid_to:%d/%m/%Y}, {why_vi}",
                    f"{here} {row.name} ended on {row.valid_to:%d/%m/%Y}, {why_en}",
                )
                return Found(code, None, self._heirs(row, on), *joined((vi, en), says))
            here = row.successors[0]
            chain.append(here)
            if (office := self.get(here, on)) is not None:
                arrow = " → ".join(chain)
                says = (f"đã sáp nhập: {arrow} {office.name}", f"merged: {arrow} {office.name}")
                return Found(code, office, (), *joined((vi, en), says))

    def _heirs(self, row: Office, on: date) -> tuple[Office, ...]:
        """Every office in force that took over from `row`, by whatever way."""
        heirs: dict[str, Office] = {}
        seen, ahead = {row.code}, list(row.successors)
        while ahead:
            here = ahead.pop(0)
            if here in seen:
                continue
            seen.add(here)
            if (office := self.get(here, on)) is not None:
                heirs[here] = office
            else:
                ahead += [each for ended in self._by_code[here] for each in ended.successors]
        return tuple(heirs.values())

    def _alike(self, written: str, on: date) -> tuple[Office, ...]:
        """Offices whose code holds the written digits at its end, else anywhere: for a person to choose from."""
        digits = _NOT_DIGITS.sub("", written)
        if not digits:
            return ()
        held = self.offices_on(on)
        at_end = [each for each in held if each.code.endswith(digits)]
        bare = digits.lstrip("0")
        within = [each for each in held if bare and bare in each.code and each not in at_end]
        return tuple((at_end + within)[:CANDIDATES_MAX])

    def _provincial(self, code: str, on: date) -> Office | None:
        """The provincial office to whose province the first three digits would belong."""
        whole = code[:_PREFIX_DIGITS] + PROVINCIAL
        return self.resolve(whole, on).office if whole in self._by_code else None

    def _prefix(self, code: str, on: date) -> tuple[str, str]:
        """To which province a code's first three digits would belong: shown to a person, and never routed by."""
        past = self.places.before(code[1:_PREFIX_DIGITS]) if code.startswith("0") else None
        if past is None:
            return "", ""
        now = self.places.province(past.of)
        if on < REORGANISED_ON or now is None or now.name == past.name:
            return f"đầu mã {code[:3]} là của {past.name}", f"the prefix {code[:3]} is that of {past.name}"
        return (
            f"đầu mã {code[:3]} là của {past.name}, nay thuộc {now.name}",
            f"the prefix {code[:3]} was that of {past.name}, which is part of {now.name} now",
        )


def joined(first: tuple[str, str], then: tuple[str, str]) -> tuple[str, str]:
    """Two sayings in both languages as one, whichever of them are empty."""
    return "; ".join(filter(None, (first[0], then[0]))), "; ".join(filter(None, (first[1], then[1])))
