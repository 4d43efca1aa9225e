"""Routing: which office is competent for a dossier, by which rule of which version of the tables.

Any office may receive, the competent one decides (phi địa giới), so the two are told apart. An office's territory does
not follow from administrative codes; the unit's registered agency, followed through mergers by date, is what counts.
Offices and rules are data (offices/offices.toml, offices/rules.toml). What cannot be told is shown, never guessed.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

CODE_DIGITS = 5
CANDIDATES_MAX = 5
WRITTEN_SHOWN_MAX = 40

_DATA = Path(__file__).parent / "offices"
_CODE = re.compile(r"[0-9]{5}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,5}", re.ASCII)
_NOT_DIGITS = re.compile(r"[^0-9]+")

Certainty = Literal["verified", "unconfirmed", "demo"]


class OfficesMistaken(Exception):
    """The tables of offices or rules contradict themselves. Trying again is useless until they are mended."""


class Office(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One office for a span of days; `valid_to` is its last day, None while in force."""

    code: str
    name: str
    parent: str
    valid_from: date
    certainty: Certainty
    valid_to: date | None = None
    successors: tuple[str, ...] = ()
    note: str = ""

    def in_force(self, on: date) -> bool:
        """Whether the office bears this code and name on that day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of competence for a span of days; `id` stands in receipts."""

    id: str
    procedures: tuple[str, ...]
    competent: Literal["registered-agency"]
    valid_from: date
    title_vi: str
    title_en: str
    source: str
    certainty: Certainty
    valid_to: date | None = None

    def in_force(self, on: date) -> bool:
        """Whether the rule holds on that day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


class _OfficeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    offices: tuple[Office, ...]


class _RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    rules: tuple[Rule, ...]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The competent office, and why.

    `original` is the code as the dossier wrote it. The explanation is empty when there is nothing to tell the sender:
    the code was there, right, and in force. `receiving_office` is told only for what came in at an office.
    """

    competent_office: str
    competent_name: str
    rule: str
    table_version: str
    original: str
    receiving_office: str | None = None
    candidates: tuple[Office, ...] = ()
    explanation_vi: str = ""
    explanation_en: str = ""


class Ambiguous(msgspec.Struct, frozen=True, kw_only=True):
    """The competent office cannot be told; `candidates` are shown to a person, and none of them is chosen."""

    original: str
    rule: str
    table_version: str
    candidates: tuple[Office, ...]
    explanation_vi: str
    explanation_en: str


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
    """The dated offices and rules. Immutable; `version` names both tables and a digest of their bytes."""

    def __init__(self, offices: _OfficeFile, rules: _RuleFile, *, digest: str) -> None:
        self.version = f"{offices.version}/{rules.version}/sha256-{digest}"
        self.offices = offices.offices
        self.rules = rules.rules
        self._by_code: dict[str, tuple[Office, ...]] = {}
        for office in sorted(self.offices, key=lambda each: each.valid_from):
            self._by_code[office.code] = (*self._by_code.get(office.code, ()), office)
        if faults := [*self._office_faults(), *self._rule_faults()]:
            raise OfficesMistaken("; ".join(faults))

    @classmethod
    def load(cls, path: Path | None = None) -> OfficeTable:
        """Read a folder with offices.toml and rules.toml, or a file of offices alone; what is absent is ours."""
        offices_at, rules_at = _DATA / "offices.toml", _DATA / "rules.toml"
        if path is not None:
            offices_at = path / "offices.toml" if path.is_dir() else path
            if path.is_dir() and (path / "rules.toml").exists():
                rules_at = path / "rules.toml"
        try:
            offices, rules = offices_at.read_bytes(), rules_at.read_bytes()
            return cls(
                msgspec.toml.decode(offices, type=_OfficeFile),
                msgspec.toml.decode(rules, type=_RuleFile),
                digest=hashlib.sha256(offices + b"\0" + rules).hexdigest()[:12],
            )
        except (OSError, ValueError) as fault:
            raise OfficesMistaken(f"{offices_at.name}, {rules_at.name}: {fault}") from fault

    def get(self, code: str, on: date) -> Office | None:
        """The office that bears exactly this code on that day."""
        for office in self._by_code.get(code, ()):
            if office.in_force(on):
                return office
        return None

    def offices_on(self, on: date) -> tuple[Office, ...]:
        """All offices in force on that day, by code."""
        return tuple(sorted((each for each in self.offices if each.in_force(on)), key=lambda each: each.code))

    def rule_for(self, procedure: str, on: date) -> Rule | None:
        """The rule that names the procedure, else the rule for all, in force on that day."""
        held = [rule for rule in self.rules if rule.in_force(on)]
        for wanted in (procedure, "*"):
            for rule in held:
                if wanted in rule.procedures:
                    return rule
        return None

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
            return Found(code, None, self._alike(shown, on), vi, en)
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
                return Found(code, None, (), *_joined((vi, en), says))
            if len(row.successors) != 1:
                why_vi = "được chia cho nhiều cơ quan" if row.successors else "chưa rõ cơ quan thay thế"
                why_en = "its units were shared out" if row.successors else "and no successor is known"
                says = (
                    f"cơ quan {here} {row.name} đã ngừng từ sau ngày {row.valid_to:%d/%m/%Y}, {why_vi}",
                    f"{here} {row.name} ended on {row.valid_to:%d/%m/%Y}, {why_en}",
                )
                return Found(code, None, self._heirs(row, on), *_joined((vi, en), says))
            here = row.successors[0]
            chain.append(here)
            if (office := self.get(here, on)) is not None:
                arrow = " → ".join(chain)
                says = (f"đã sáp nhập: {arrow} {office.name}", f"merged: {arrow} {office.name}")
                return Found(code, office, (), *_joined((vi, en), says))

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

    def _office_faults(self) -> list[str]:
        faults = []
        for code, rows in self._by_code.items():
            if not _CODE.fullmatch(code):
                faults.append(f"office code {code!r} is not 5 digits")
            for earlier, later in pairwise(rows):
                if earlier.valid_to is None or earlier.valid_to >= later.valid_from:
                    faults.append(f"two rows of {code} are in force on {later.valid_from}")
            for row in rows:
                if row.valid_to is not None and row.valid_to < row.valid_from:
                    faults.append(f"{code} ends before it begins")
                if row.successors and row.valid_to is None:
                    faults.append(f"{code} has successors but no last day")
                unknown = [each for each in (*row.successors, row.parent) if each and each not in self._by_code]
                faults += [f"{code} names {each}, which is not in the table" for each in unknown]
        return faults

    def _rule_faults(self) -> list[str]:
        ids = [rule.id for rule in self.rules]
        faults = [f"rule id {each} is used twice" for each in sorted(set(ids)) if ids.count(each) > 1]
        for at, rule in enumerate(self.rules):
            for other in self.rules[at + 1 :]:
                begin = max(rule.valid_from, other.valid_from)
                if set(rule.procedures) & set(other.procedures) and rule.in_force(begin) and other.in_force(begin):
                    faults.append(f"rules {rule.id} and {other.id} both hold on {begin}")
        return faults


def route(
    procedure: str, unit_office: str, written_office: str, on: date, table: OfficeTable, *, place: str = ""
) -> Route | Ambiguous:
    """The office that is competent for a dossier of `procedure` on that day.

    `unit_office` is the agency with which the unit is registered, and decides; `written_office` is what the dossier
    says (CoQuanQuanLy), which is only compared: it arrives mangled in practice. `place` is the office whose counter or
    post room took the dossier in, if one did.
    """
    rule = table.rule_for(procedure, on)
    if rule is None:
        return Ambiguous(
            original=written_office,
            rule="",
            table_version=table.version,
            candidates=(),
            explanation_vi=f"Không có quy tắc phân công cơ quan giải quyết cho thủ tục {procedure} ngày {on:%d/%m/%Y}.",
            explanation_en=f"No rule says which office is competent for procedure {procedure} on {on:%d/%m/%Y}.",
        )
    registered = table.resolve(unit_office, on)
    if registered.office is None:
        return Ambiguous(
            original=written_office,
            rule=rule.id,
            table_version=table.version,
            candidates=registered.candidates,
            explanation_vi=f"Không xác định được cơ quan BHXH quản lý đơn vị: {registered.vi}.",
            explanation_en=f"The agency that manages the unit cannot be told: {registered.en}.",
        )
    written = registered if written_office == unit_office else table.resolve(written_office, on)
    vi, en = _compared(registered.office, written)
    return Route(
        competent_office=registered.office.code,
        competent_name=registered.office.name,
        rule=rule.id,
        table_version=table.version,
        original=written_office,
        receiving_office=office.code if place and (office := table.resolve(place, on).office) else None,
        candidates=_candidates(registered.office, written),
        explanation_vi=vi,
        explanation_en=en,
    )


def _compared(competent: Office, written: Found) -> tuple[str, str]:
    """What the sender should know about the office it wrote; empty when it wrote the competent one, as it is."""
    if written.office is competent:
        if not written.vi:
            return "", ""
        goes_to = f"{competent.code} {competent.name}"
        return f"Hồ sơ được chuyển đến {goes_to}: {written.vi}.", f"The dossier goes to {goes_to}: {written.en}."
    if written.office is None:
        why_vi, why_en = written.vi, written.en
    else:
        why_vi = f"hồ sơ ghi {written.office.code} {written.office.name}" + (f" ({written.vi})" if written.vi else "")
        why_en = f"it names {written.office.code} {written.office.name}" + (f" ({written.en})" if written.en else "")
    vi = f"Cơ quan ghi trong hồ sơ không khớp: {why_vi}. Hồ sơ được chuyển đến cơ quan đang quản lý đơn vị: "
    en = f"The office written in the dossier does not fit: {why_en}. The dossier goes to the unit's registered agency: "
    return f"{vi}{competent.code} {competent.name}.", f"{en}{competent.code} {competent.name}."


def _candidates(competent: Office, written: Found) -> tuple[Office, ...]:
    """What the sender may have meant when it did not write the competent office; that one first."""
    if written.office is competent:
        return ()
    others = written.candidates if written.office is None else (written.office,)
    return (competent, *(each for each in others if each is not competent))[:CANDIDATES_MAX]


def _joined(first: tuple[str, str], then: tuple[str, str]) -> tuple[str, str]:
    return "; ".join(filter(None, (first[0], then[0]))), "; ".join(filter(None, (first[1], then[1])))
