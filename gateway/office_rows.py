"""Offices and rules of competence as dated rows, and what would make a table of them contradict itself."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Final, Literal

import msgspec

OFFICES_MAX: Final = 20_000
RULES_MAX: Final = 1_000
WEIGHT_MAX: Final = 1_000_000
TEXT_CHARACTERS_MAX: Final = 300
LISTED_MAX: Final = 5_000

_CODE = re.compile(r"[0-9]{5}", re.ASCII)
_PLACE = re.compile(r"[0-9]{2}|[0-9]{5}", re.ASCII)

Certainty = Literal["verified", "unconfirmed", "demo"]
# "" where nobody said; a "district" office is one of before 01/07/2025.
Kind = Literal["", "central", "provincial", "grassroots", "district"]
Competent = Literal["registered-agency", "place", "spread"]


class OfficesMistaken(Exception):
    """The tables of offices or rules contradict themselves. Trying again is useless until they are mended."""


class Office(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One office for a span of days; `valid_to` is its last day, None while in force.

    `handles` are the procedures that it may decide (empty: all), `places` the communes (5 digits) and provinces (2)
    that it serves (empty: not told). `predecessors` need not be told, for they follow from others' `successors`; where
    they are told, they must agree.
    """

    code: str
    name: str
    parent: str
    valid_from: date
    certainty: Certainty
    valid_to: date | None = None
    successors: tuple[str, ...] = ()
    note: str = ""
    kind: Kind = ""
    predecessors: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    def in_force(self, on: date) -> bool:
        """Whether the office bears this code and name on that day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)

    def may_handle(self, procedure: str) -> bool:
        """Whether the office may decide that procedure."""
        return not self.handles or procedure in self.handles


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule of competence for a span of days; `id` stands in receipts.

    `under` are offices: the rule holds only for units that are registered with one of them or below it (empty: for all
    units). `weights` are the offices that share the load of a "spread" rule. `fallback` is the office that decides what
    the office found may not handle, nor those above it.
    """

    id: str
    procedures: tuple[str, ...]
    competent: Competent
    valid_from: date
    title_vi: str
    title_en: str
    source: str
    certainty: Certainty
    valid_to: date | None = None
    under: tuple[str, ...] = ()
    weights: dict[str, int] = {}
    fallback: str = ""

    def in_force(self, on: date) -> bool:
        """Whether the rule holds on that day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole table: offices and rules, and what their keepers call the two versions."""

    version: str
    rules_version: str
    offices: tuple[Office, ...]
    rules: tuple[Rule, ...]


def by_code(offices: tuple[Office, ...]) -> dict[str, tuple[Office, ...]]:
    """The rows of each code, the earliest first."""
    found: dict[str, tuple[Office, ...]] = {}
    for office in sorted(offices, key=lambda each: each.valid_from):
        found[office.code] = (*found.get(office.code, ()), office)
    return found


def predecessors_of(offices: tuple[Office, ...]) -> dict[str, tuple[str, ...]]:
    """Whom each office took over from: the codes that name it as successor, in their order."""
    found: dict[str, tuple[str, ...]] = {}
    for office in offices:
        for heir in office.successors:
            found[heir] = tuple(dict.fromkeys((*found.get(heir, ()), office.code)))
    return found


def faults(rows: Rows) -> list[str]:
    """Everything by which the table contradicts itself; empty when it does not."""
    if len(rows.offices) > OFFICES_MAX or len(rows.rules) > RULES_MAX:
        return [f"more than {OFFICES_MAX} offices or {RULES_MAX} rules"]
    known = by_code(rows.offices)
    return [*_of_offices(rows.offices, known), *_of_parents(rows.offices, known), *_of_rules(rows.rules, known)]


def _of_offices(offices: tuple[Office, ...], known: dict[str, tuple[Office, ...]]) -> list[str]:
    found, before = [], predecessors_of(offices)
    for code, rows in known.items():
        if not _CODE.fullmatch(code):
            found.append(f"office code {code!r} is not 5 digits")
        for earlier, later in pairwise(rows):
            if earlier.valid_to is None or earlier.valid_to >= later.valid_from:
                found.append(f"two rows of {code} are in force on {later.valid_from}")
        for row in rows:
            unknown = [each for each in (*row.successors, row.parent) if each and each not in known]
            found += [f"{code} names {each}, which is not in the table" for each in unknown]
            found += _of_row(row, before.get(code, ()))
    return found


def _of_row(row: Office, before: tuple[str, ...]) -> list[str]:
    """What is wrong with one row; `before` are the codes that name it as their successor."""
    code, found = row.code, []
    if row.valid_to is not None and row.valid_to < row.valid_from:
        found.append(f"{code} ends before it begins")
    if row.successors and row.valid_to is None:
        found.append(f"{code} has successors but no last day")
    if row.predecessors and set(row.predecessors) != set(before):
        named = ", ".join(before) or "none"
        found.append(f"{code} names its predecessors otherwise than the rows that lead to it: {named}")
    found += [f"{code} serves {each!r}, which is no place code" for each in row.places if not _PLACE.fullmatch(each)]
    if not row.name.strip() or len(row.name) > TEXT_CHARACTERS_MAX or len(row.note) > TEXT_CHARACTERS_MAX:
        found.append(f"{code} has no name, or more than {TEXT_CHARACTERS_MAX} characters in its name or note")
    if max(len(row.handles), len(row.places), len(row.successors)) > LISTED_MAX:
        found.append(f"{code} lists more than {LISTED_MAX} of something")
    return found


def _of_parents(offices: tuple[Office, ...], known: dict[str, tuple[Office, ...]]) -> list[str]:
    """Offices that are above themselves."""
    found = []
    for code in dict.fromkeys(each.code for each in offices):
        seen, here = {code}, known[code][-1].parent
        while here and here in known and here not in seen:
            seen.add(here)
            here = known[here][-1].parent
        if here in seen:
            found.append(f"{code} is above itself")
    return found


def _of_rules(rules: tuple[Rule, ...], known: dict[str, tuple[Office, ...]]) -> list[str]:
    ids = [rule.id for rule in rules]
    found = [f"rule id {each} is used twice" for each in sorted(set(ids)) if ids.count(each) > 1]
    for at, rule in enumerate(rules):
        named = (*rule.under, *rule.weights, *filter(None, (rule.fallback,)))
        found += [f"rule {rule.id} names {each}, which is not in the table" for each in named if each not in known]
        if (rule.competent == "spread") is not bool(rule.weights):
            found.append(f"rule {rule.id} spreads without weights, or has weights and does not spread")
        if any(not 1 <= weight <= WEIGHT_MAX for weight in rule.weights.values()):
            found.append(f"rule {rule.id} has a weight that is not from 1 to {WEIGHT_MAX}")
        for other in rules[at + 1 :]:
            begin = max(rule.valid_from, other.valid_from)
            same_units = (not rule.under and not other.under) or set(rule.under) & set(other.under)
            same_days = rule.in_force(begin) and other.in_force(begin)
            if set(rule.procedures) & set(other.procedures) and same_units and same_days:
                found.append(f"rules {rule.id} and {other.id} both hold on {begin}")
    return found
