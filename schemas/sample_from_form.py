"""A form made from its own good sample: rows for people who do not exist, the header for the unit, its days moved."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from lxml import etree

from schemas.sample_forms import DECLARATION, ROOT_NAMESPACES, day_of, month_of
from schemas.sample_people import later, plain
from schemas.sample_words import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from schemas.form import Form
    from schemas.rows import Rows
    from schemas.sample_people import Employee
    from schemas.sample_words import PersonFact, UnitFact

# The good samples of all forms are right on this day.
SAMPLES_ARE_OF: Final = date(2026, 1, 20)

_DAY: Final = re.compile(r"[0-9]{2}/[0-9]{2}/[0-9]{4}")
_MONTH: Final = re.compile(r"[0-9]{2}/[0-9]{4}")
_YEAR: Final = re.compile(r"[0-9]{4}")


def from_sample(
    form: Form, sample: Path, people: Sequence[Employee], unit: Mapping[UnitFact, str], *, period: date, made_on: date
) -> bytes:
    """The form with one row for each of these people, its place for the signature empty. `sample` is a good one."""
    root = etree.fromstring(sample.read_bytes(), etree.XMLParser(resolve_entities=False))
    _move_days(root, months=_months(period) - _months(SAMPLES_ARE_OF), days=(made_on - SAMPLES_ARE_OF).days)
    rows = _for_people(root, form.rows, people) if form.rows else []
    inside = {element for row in rows for element in row.iter()}
    known = words().columns.unit
    for element in root.iter(*known):
        if element.text and element not in inside:
            # What nobody has told stays as it is in the sample.
            element.text = unit[known[str(element.tag)]] or element.text
    _empty_signature(root, form)
    text = "".join(etree.tostring(child, encoding="unicode", with_tail=False) + "\n" for child in root)
    return f"{DECLARATION}<{form.root} {ROOT_NAMESPACES}>\n{text}</{form.root}>\n".encode()


def _months(day: date) -> int:
    return day.year * 12 + day.month


def _move_days(root: etree._Element, *, months: int, days: int) -> None:
    """Move months by months and days by days, so that a sample of another time keeps its order and its lengths."""
    for element in _leaves(root):
        text = element.text or ""
        if _DAY.fullmatch(text):
            element.text = day_of(_day(text) + timedelta(days=days))
        elif _MONTH.fullmatch(text):
            element.text = month_of(later(_day(f"01/{text}"), months))


def _leaves(root: etree._Element) -> Iterable[etree._Element]:
    return (element for element in root.iter("*") if len(element) == 0)


def _day(text: str) -> date:
    return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day has no zone


def _for_people(root: etree._Element, rows: Rows, people: Sequence[Employee]) -> list[etree._Element]:
    """Put one row for each of these people where the sample's rows were; where it has several tables, in the first."""
    tag = rows.path.rpartition("/")[2]
    found = [row for row in root.iter(tag) if row.find(rows.number) is not None and row.find(rows.name) is not None]
    table = found[0].getparent() if found else None
    if table is None:
        return []
    patterns = [row for row in found if row.getparent() is table]
    place = table.index(patterns[0])
    for row in found:
        parent = row.getparent()
        if parent is not None:
            parent.remove(row)
    made = []
    for number, person in enumerate(people):
        row = deepcopy(patterns[number % len(patterns)])
        _fill(row, rows, number + 1, person)
        row.tail = "\n"
        table.insert(place + number, row)
        made.append(row)
    return made


def _fill(row: etree._Element, rows: Rows, number: int, person: Employee) -> None:
    told = {rows.number: str(number), rows.name: person.name, rows.key: person.insurance_number}
    known = words().columns.person
    for column in row:
        name = str(column.tag)
        if name in told:
            column.text = told[name]
        elif name in known and column.text:
            column.text = _fact(known[name], person, column.text)


def _fact(fact: PersonFact, person: Employee, was: str) -> str:
    if fact == "born":
        # As exactly as the sample tells it: a day, a month or a year.
        if _YEAR.fullmatch(was):
            return str(person.born.year)
        return month_of(person.born) if _MONTH.fullmatch(was) else day_of(person.born)
    codes = words().codes
    facts: dict[PersonFact, str] = {
        "sex": codes.male if person.male else codes.female,
        "personal_id": person.personal_id,
        "phone": person.phone,
        "email": f"nld{person.row}@example.com",
        # As banks write it.
        "account_holder": plain(person.name).upper(),
    }
    return facts[fact]


def _empty_signature(root: etree._Element, form: Form) -> None:
    """Leave one empty place for the signature, where the form has it."""
    *parents, name = form.signature_path.split("/")[2:]
    parent = root.find("/".join(parents)) if parents else root
    if parent is None:
        return
    for signed in parent.findall(name):
        parent.remove(signed)
    etree.SubElement(parent, name)
