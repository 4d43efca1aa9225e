"""What the project's data declares, read for the baselines and the floor without the project's code."""

import tomllib
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import xmlschema
from lxml import etree

from tests.bench.pool import HOUSE

ENVELOPE_SIGNATURE = "/Hoso/CKy_Dvi"
_WRITTEN = {"date": "%d/%m/%Y", "month": "%m/%Y"}


class Form:
    """A form.toml, its schema compiled twice over (each stack uses one), and its rules beyond the schema."""

    def __init__(self, folder: Path) -> None:
        self.xsd = folder / "form.xsd"
        told = tomllib.loads((folder / "form.toml").read_text("utf-8"))
        self.code: str = told["form"]
        self.signature_path: str = told["signature_path"]
        self.rows: dict[str, Any] | None = told.get("rows")
        self.ranges: list[dict[str, str]] = told.get("ranges", [])
        self.newcomers: dict[str, str] | None = told.get("newcomers")

    @cached_property
    def libxml2(self) -> etree.XMLSchema:
        return etree.XMLSchema(etree.parse(self.xsd))

    @cached_property
    def pure_python(self) -> xmlschema.XMLSchema10:
        return xmlschema.XMLSchema10(str(self.xsd))


class Procedure:
    """A procedure.toml."""

    def __init__(self, path: Path) -> None:
        told = tomllib.loads(path.read_text("utf-8"))
        self.code: str = told["code"]
        self.must = frozenset(told["must"])
        self.may = frozenset(told["may"])
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
    """What no schema says about a table: rows numbered in order, none twice, no range that runs backwards."""
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
        for one in form.ranges:
            first, last = columns.get(one["from"]), columns.get(one["to"])
            if first and last and _read(first, one["unit"]) > _read(last, one["unit"]):
                found.append(f"row {expected}: {one['from']} is after {one['to']}")
    return found


def _read(text: str, unit: str) -> date:
    return datetime.strptime(text, _WRITTEN[unit]).date()  # noqa: DTZ007 - a day has no zone
