"""What the project's data declares, read for the baselines and the floor without the project's code."""

import tomllib
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import xmlschema
from lxml import etree

from tests.bench.pool import HOUSE
from tests.schemas import second_rules

ENVELOPE_SIGNATURE = "/Hoso/CKy_Dvi"
_REMEMBERED = 16_384


class Facts(NamedTuple):
    """What the rules of one dossier may ask: the day of receipt, its forms, the codes of all its files, its header."""

    on: date
    forms: dict[str, list[etree._Element]]
    present: frozenset[str]
    header: dict[str, str]


class Asked(second_rules.Asked):
    """The m: functions, for one dossier after the other; dates, amounts and columns are read once."""

    def __init__(self) -> None:
        super().__init__(date.min, {}, frozenset(), {})
        self._columns: dict[tuple[str, str], set[str]] = {}

    def about(self, facts: Facts) -> None:
        """Answer of this dossier from now on. One thread judges in a baseline's process."""
        self.on, self.forms, self.present, self.header = facts
        self._columns = {}

    def functions(self) -> dict[tuple[str, str], Any]:
        text = second_rules.text
        return super().functions() | {
            (second_rules.RULE, "day"): lambda _, value: _day(text(value)),
            (second_rules.RULE, "month"): lambda _, value: _month(text(value)),
        }

    def amount(self, name: str, key: str, when: str) -> float:
        return _amount(name, key, when)

    def has(self, form: str, column: str, value: str) -> bool:
        found = self._columns.get((form, column))
        if found is None:
            texts = (text for root in self.forms.get(form, ()) for text in root.xpath(f"//{column}/text()"))
            found = self._columns[form, column] = set(texts)
        return value in found


_day = lru_cache(_REMEMBERED)(second_rules.day)
_month = lru_cache(_REMEMBERED)(second_rules.month)


@lru_cache(_REMEMBERED)
def _amount(name: str, key: str, when: str) -> float:
    return second_rules.Asked(date.min, {}, frozenset(), {}).amount(name, key, when)


class Rules:
    """A form.sch as lxml's ISO Schematron compiles it, once; which of its assertions refuse."""

    def __init__(self, path: Path) -> None:
        self._asked = Asked()
        self._judge = etree.XSLT(second_rules.stylesheet(path), extensions=self._asked.functions())
        self.refusing = frozenset(
            item.get("id")
            for item in second_rules.parsed(path).iter(f"{second_rules.SCH}assert")
            if item.get("role") == "error" and item.get(f"{{{second_rules.RULE}}}certainty") != "unconfirmed"
        )

    def broken(self, root: etree._Element, facts: Facts) -> tuple[list[str], list[str]]:
        """The ids of the assertions that fail: those that refuse, and those that only warn."""
        self._asked.about(facts)
        report = self._judge(root.getroottree()).getroot()
        found = [item.get("id") for item in report.iter(f"{second_rules.SVRL}failed-assert")]
        refused = [name for name in found if name in self.refusing]
        return refused, [name for name in found if name not in self.refusing]


class Form:
    """A form.toml, its schema compiled twice over (each stack uses one), and its rules beyond the schema."""

    def __init__(self, folder: Path) -> None:
        self.xsd, self.sch = folder / "form.xsd", folder / "form.sch"
        told = tomllib.loads((folder / "form.toml").read_text("utf-8"))
        self.code: str = told["form"]
        self.signature_path: str = told["signature_path"]
        self.rows: dict[str, Any] | None = told.get("rows")

    @cached_property
    def libxml2(self) -> etree.XMLSchema:
        return etree.XMLSchema(etree.parse(self.xsd))

    @cached_property
    def pure_python(self) -> xmlschema.XMLSchema10:
        return xmlschema.XMLSchema10(str(self.xsd))

    @cached_property
    def rules(self) -> Rules:
        return Rules(self.sch)


class Procedure:
    """A procedure.toml."""

    def __init__(self, path: Path) -> None:
        told = tomllib.loads(path.read_text("utf-8"))
        self.code: str = told["code"]
        self.must = frozenset(form["code"] for form in told["forms"] if form["mandatory"])
        self.may = frozenset(form["code"] for form in told["forms"])
        self.days: int = told["time_limit_working_days"]
        self.attachment_code: str = told["attachments"]["code"]
        self.attachment_kinds = frozenset(told["attachments"]["kinds"])
        self.attachment_bytes_max: int = told["attachments"]["size_bytes_max"]


def forms() -> dict[str, Form]:
    """All forms by code, the envelope `Hoso` among them."""
    found = [Form(path.parent) for path in sorted(HOUSE.glob("schemas/forms/*/*/form.toml"))]
    return {form.code: form for form in found}


def procedures() -> dict[str, Procedure]:
    """All procedures by code."""
    found = [Procedure(path) for path in sorted(HOUSE.glob("schemas/procedures/600/*/procedure.toml"))]
    return {procedure.code: procedure for procedure in found}


def faults_of_rows(root: etree._Element, form: Form) -> list[str]:
    """What no schema says about a table: rows numbered in order, none twice."""
    if form.rows is None:
        return []
    found: list[str] = []
    seen: set[tuple[str | None, ...]] = set()
    same = form.rows.get("same", [])
    for expected, row in enumerate(root.iterfind("/".join(form.rows["path"].split("/")[2:])), 1):
        columns = {child.tag: child.text for child in row}
        if columns.get(form.rows["number"]) != str(expected):
            found.append(f"row {expected} is numbered {columns.get(form.rows['number'])}")
        if same and columns.get(same[0]):
            key = tuple(columns.get(column) for column in same)
            if key in seen:
                found.append(f"row {expected} is there twice")
            seen.add(key)
    return found
