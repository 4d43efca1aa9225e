"""The rules judged a second time, by lxml's own ISO Schematron: XSLT, and the m: functions written once more.

Nothing here is shared with schemas/: dates by `datetime`, lists read again from their files, forms by XPath.
"""

import tomllib
from collections import Counter
from datetime import date, datetime
from functools import cache
from math import isnan, nan
from pathlib import Path

from lxml import etree, isoschematron

import schemas

RULE = "urn:motcua:rule"
CODES = Path(schemas.__file__).parent / "codes"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
SCH = "{http://purl.oclc.org/dsdl/schematron}"
NEEDS_THE_DOSSIER = ("m:filed(", "m:has(", "m:header(")


def parsed(path):
    """A form.sch as a tree without comments, which the stylesheets of ISO would copy into what they make."""
    return etree.parse(path, etree.XMLParser(remove_comments=True))


@cache
def stylesheet(path):
    """The XSLT that ISO's reference implementation makes of a form.sch, which must keep to ISO's RELAX NG first."""
    return isoschematron.Schematron(
        parsed(path), validate_schema=True, store_report=True, store_xslt=True
    ).validator_xslt


def failed(path, root, *, on, alone=True, forms=None, present=frozenset(), header=None):
    """How often each assertion of a form.sch fails in a document."""
    asked = Asked(on, forms or {}, present, header or {})
    report = etree.XSLT(stylesheet(path), extensions=asked.functions())(root.getroottree())
    found = Counter(item.get("id") for item in report.getroot().iter(f"{SVRL}failed-assert"))
    if alone:
        for item in parsed(path).iter(f"{SCH}assert"):
            if any(function in item.get("test") for function in NEEDS_THE_DOSSIER):
                del found[item.get("id")]
    return found


def text(value):
    """The string-value of what XSLT hands over (XPath 1.0 §4.2)."""
    if isinstance(value, list):
        return "" if not value else value[0] if isinstance(value[0], str) else "".join(value[0].itertext())
    return value if isinstance(value, str) else f"{value:.15g}"


def moment(written, pattern):
    """A day, or nothing; `strptime` alone would forgive missing zeros."""
    try:
        found = datetime.strptime(written, pattern).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
    return found if f"{found:{pattern}}" == written else None


def day(value):
    found = moment(text(value), "%d/%m/%Y")
    return nan if found is None else float((found - date(1900, 1, 1)).days)


def month(value):
    found = moment(text(value), "%m/%Y")
    return nan if found is None else float(found.year * 12 + found.month)


class Asked:
    """Answers the m: functions of one judgement."""

    def __init__(self, on, forms, present, header):
        self.on, self.forms, self.present, self.header = on, forms, present, header

    def functions(self):
        return {
            (RULE, "day"): lambda _, value: day(value),
            (RULE, "month"): lambda _, value: month(value),
            (RULE, "today"): lambda _: float((self.on - date(1900, 1, 1)).days),
            (RULE, "this-month"): lambda _: float(self.on.year * 12 + self.on.month),
            (RULE, "listed"): lambda _, name, code: self.listed(text(name), text(code)),
            (RULE, "amount"): lambda _, name, key, when: self.amount(text(name), text(key), text(when)),
            (RULE, "filed"): lambda _, form: text(form) in self.present,
            (RULE, "has"): lambda _, form, column, value: self.has(text(form), text(column), text(value)),
            (RULE, "header"): lambda _, column: self.header.get(text(column), ""),
        }

    def listed(self, name, code):
        if code == "":
            return True
        version = in_force(name, self.on)
        return version is None or not version.get("complete", True) or code in version["codes"]

    def amount(self, name, key, when):
        on = moment(when, "%d/%m/%Y") or moment(when, "%m/%Y")
        version = None if on is None else in_force(name, on)
        found = nan if version is None else float(version.get("amounts", {}).get(key, nan))
        assert isnan(found) or found > 0
        return found

    def has(self, form, column, value):
        if value == "":
            return False
        return any(value in root.xpath(f"//{column}/text()") for root in self.forms.get(form, ()))


@cache
def read(name):
    return tomllib.loads((CODES / f"{name}.toml").read_text("utf-8"))["versions"]


def in_force(name, on):
    """The version of a list in force on a day."""
    found = [
        version for version in read(name) if version["valid_from"] <= on <= version.get("valid_to", date(9999, 1, 1))
    ]
    return found[-1] if found else None
