"""What rules may ask beyond XPath itself: days, months, code lists, amounts, the dossier's other forms."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import date
from typing import Any, Final, TypeAlias

from lxml import etree
from msgspec import Struct, field, structs

from schemas.codes import Lists
from schemas.tree import text_of
from schemas.written import parse_date, parse_month

NAMESPACE: Final = "urn:motcua:rule"
# All days that people are born, hired and paid on; some megabytes.
_TEXTS_REMEMBERED: Final = 32_768
# A longer text is neither a day nor a month, and is not remembered: whoever files chooses how long it is.
TEXT_CHARACTERS_REMEMBERED_MAX: Final = 64
_MONTHS_A_YEAR: Final = 12
# What lxml hands to an extension function: a node-set, a text, a number or a truth value.
XPathValue: TypeAlias = list[Any] | str | float | bool


class Facts(Struct, frozen=True, kw_only=True):
    """What rules may ask besides the form itself. `on` is the day of receipt, in Vietnam.

    `forms` are the forms of the same dossier that could be read, by code; `present` the codes of all its files, read
    or not; `header` the columns of its envelope. A form that is judged `alone` keeps all rules about these; one of a
    supplement keeps those about other forms, for they may lie in the dossier that is supplemented.
    """

    on: date
    lists: Lists
    confirmed: frozenset[str] = frozenset()
    alone: bool = False
    is_supplement: bool = False
    header: Mapping[str, str] = {}
    forms: Mapping[str, Sequence[etree._Element]] = {}
    present: frozenset[str] = frozenset()
    # The values of a column of a form, read when first asked for.
    _values: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    _amounts: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Facts that were replaced remember nothing of what they were."""
        structs.force_setattr(self, "_values", {})
        structs.force_setattr(self, "_amounts", {})

    @property
    def today(self) -> float:
        """The day of receipt as a day number."""
        return float(self.on.toordinal())

    @property
    def this_month(self) -> float:
        """The month of receipt as a month number."""
        return float(self.on.year * _MONTHS_A_YEAR + self.on.month)

    def listed(self, name: str, code: str) -> bool:
        """Whether the code may be right by a list in force that day; so is no code at all."""
        return not code or self.lists.has(name, code, self.on)

    def amount(self, name: str, code: str, when: str) -> float:
        """The amount in force in a month (MM/yyyy) or on a day (dd/MM/yyyy); NaN when it is not known."""
        key = (name, code, when)
        found = self._amounts.get(key)
        if found is None:
            on = parse_month(when) or parse_date(when)
            found = self._amounts[key] = math.nan if on is None else self.lists.amount(name, code, on)
        return found

    def filed(self, form: str) -> bool:
        """Whether that form is in this dossier."""
        return form in self.present

    def has(self, form: str, column: str, value: str) -> bool:
        """Whether that form, in this dossier, has the value in that column; an empty value is nowhere.

        A form that is filed and cannot be read has every value: nothing may be said against it but that.
        """
        if form in self.present and form not in self.forms:
            return True
        values = self._values.get((form, column))
        if values is None:
            texts = (text_of(each) for root in self.forms.get(form, ()) for each in root.iter(column))
            values = self._values[form, column] = frozenset(text for text in texts if text)
        return value in values

    def header_of(self, column: str) -> str:
        """A column of the envelope's header, or nothing."""
        return self.header.get(column, "")


@functools.lru_cache(maxsize=_TEXTS_REMEMBERED)
def day(text: str) -> float:
    """dd/MM/yyyy as a number of days; NaN for anything else."""
    found = parse_date(text)
    return math.nan if found is None else float(found.toordinal())


@functools.lru_cache(maxsize=_TEXTS_REMEMBERED)
def month(text: str) -> float:
    """MM/yyyy as a number of months; NaN for anything else."""
    found = parse_month(text)
    return math.nan if found is None else float(found.year * _MONTHS_A_YEAR + found.month)


def day_of_any(text: str) -> float:
    """`day` of a text of any length: one that no schema has admitted."""
    return day(text) if len(text) <= TEXT_CHARACTERS_REMEMBERED_MAX else math.nan


def month_of_any(text: str) -> float:
    """`month` of a text of any length: one that no schema has admitted."""
    return month(text) if len(text) <= TEXT_CHARACTERS_REMEMBERED_MAX else math.nan


_STRING: Final = etree.XPath("string($value)")
# libxml2 hands a function nothing but its arguments; whoever evaluates sets what they are asked of.
ASKED: Final[ContextVar[Facts]] = ContextVar("facts")


def _text(value: XPathValue) -> str:
    """XPath 1.0 §4.2: the text of the first node, or of a value."""
    if isinstance(value, list):
        first = value[0] if value else ""
        return first if isinstance(first, str) else _string_value(first)
    return value if isinstance(value, str) else str(_STRING(etree.Element("value"), value=value))


def _string_value(element: etree._Element) -> str:
    if len(element) == 0 or all(not isinstance(child.tag, str) for child in element):
        return text_of(element)
    return str(element.xpath("string()"))


# lxml calls each with its own context first.
EXTENSIONS: Final[dict[tuple[str, str], Callable[..., object]]] = {
    (NAMESPACE, "day"): lambda _, text: day_of_any(_text(text)),
    (NAMESPACE, "month"): lambda _, text: month_of_any(_text(text)),
    (NAMESPACE, "today"): lambda _: ASKED.get().today,
    (NAMESPACE, "this-month"): lambda _: ASKED.get().this_month,
    (NAMESPACE, "listed"): lambda _, name, code: ASKED.get().listed(_text(name), _text(code)),
    (NAMESPACE, "amount"): lambda _, name, code, when: ASKED.get().amount(_text(name), _text(code), _text(when)),
    (NAMESPACE, "filed"): lambda _, form: ASKED.get().filed(_text(form)),
    (NAMESPACE, "has"): lambda _, form, column, value: ASKED.get().has(_text(form), _text(column), _text(value)),
    (NAMESPACE, "header"): lambda _, column: ASKED.get().header_of(_text(column)),
}
# How many arguments each takes.
ARGUMENTS: Final = {
    "day": 1, "month": 1, "today": 0, "this-month": 0, "listed": 2, "amount": 3, "filed": 1, "has": 3, "header": 1,
}  # fmt: skip
# Whoever asks one of these needs the dossier's other forms; or these and its envelope.
OF_OTHER_FORMS: Final = ("m:filed", "m:has")
OF_THE_DOSSIER: Final = (*OF_OTHER_FORMS, "m:header")


def xpath(expression: str) -> etree.XPath:
    """An expression that may ask all this. Raises etree.XPathSyntaxError."""
    return etree.XPath(expression, namespaces={"m": NAMESPACE}, extensions=EXTENSIONS, smart_strings=False)
