"""The rules about single rows, judged in Python: all rows at once, by the texts of the columns that matter."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, cast

from lxml import etree

from schemas.rows import Rows, declared_rows
from schemas.rule_functions import Facts, day, day_of_any, month, month_of_any
from schemas.xpath_quick import ENVIRONMENT, number_of, number_of_any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schemas.model import Element
    from schemas.schematron import Rule

    # Row after row, each as the texts of its columns; None or "" for one that is empty or missing.
    _Texts = list[str | None]
    _Keeps = Callable[[_Texts, Facts, float, float], bool]
    _Breaks = Callable[[_Texts, Facts, float, float], list[int]]

# What tests ask so often of one column is asked once a row.
CALLED_ONCE_FROM: Final = 3
_NUMBERS: Final = [str(number) for number in range(1, 1001)]
_TEXT: Final = attrgetter("text")
# Where a test asks first whether the column is filled, it asks for no more; here nobody has asked.
_CALL: Final = re.compile(r"\b(num|day|month)\(\(?(c[0-9]+)(?: or '')?\)?\)")


class RowRules:
    """Those rules of a form that speak of one row and are quick, and how its rows are numbered and told apart.

    All of it presumes that the schema admits the form: each column stands at most once in its row. What cannot be told
    for sure is called unclean.
    """

    def __init__(self, rules: Sequence[Rule], model: Element, rows: Rows) -> None:
        declared = list(declared_rows(model, rows.path))
        children = declared[0].children
        simple = {child.name for child in children if child.type is not None}
        self.rules = tuple(
            rule
            for rule in rules
            if rule.is_quick and rule.context == rows.path and simple.issuperset(rule.python_columns)
        )
        read = {rows.number, *rows.same[:1], *(column for rule in self.rules for column in rule.python_columns)}
        # In the schema's order, which is that of every document that it admits.
        self._columns = tuple(child.name for child in children if child.name in read)
        self._within = "/".join(rows.path.split("/")[2:-1])
        self._row = rows.path.rpartition("/")[2]
        self._is_uniform = all(one.children == children for one in declared)
        # Whatever stands deeper in a row, or beside the rows, may bear the name of a column.
        holders = declared_rows(model, rows.path.rpartition("/")[0])
        self._is_flat = len(simple) == len(children) and all(len(one.children) == 1 for one in holders)
        self._row_width = len(children)
        self._places = tuple(at for at, child in enumerate(children) if child.name in read)
        self._number = self._columns.index(rows.number)
        self._same = self._columns.index(rows.same[0]) if rows.same else None
        self._whole = _keeping(self.rules, self._columns)
        self._alone = _keeping([rule for rule in self.rules if rule.is_alone], self._columns)
        self._supplement = _keeping([rule for rule in self.rules if rule.is_single], self._columns)
        self._each = [(rule.id, _breaking(rule, self._columns)) for rule in self.rules]

    def is_clean(self, root: etree._Element, facts: Facts) -> bool:
        """Whether every row keeps every rule, is numbered by its place, and is about somebody else than the others."""
        if not self._is_uniform:
            return False
        keeps = self._alone if facts.alone else self._supplement if facts.is_supplement else self._whole
        width, same = len(self._columns), list[str]()
        for within in root.findall(self._within):
            texts = self._texts(within)
            if texts is None or texts[self._number :: width] != _numbers(len(texts) // width):
                return False
            if not keeps(texts, facts, facts.today, facts.this_month):
                return False
            if self._same is not None:
                same += [text for text in texts[self._same :: width] if text]
        return len(set(same)) == len(same)

    def suspects(self, root: etree._Element, facts: Facts, count: int) -> dict[str, set[int]]:
        """For each rule the numbers of the rows that may break it, of `count` in all: of a row that the schema admits
        the others keep it. Rules of which this cannot be told are left out.
        """
        if not self._is_uniform:
            return {}
        found: dict[str, set[int]] = {name: set() for name, _ in self._each}
        before = 0
        for within in root.findall(self._within):
            texts = self._texts(within)
            if texts is None:
                return {}
            for name, breaks in self._each:
                found[name].update(before + row for row in breaks(texts, facts, facts.today, facts.this_month))
            before += len(texts) // len(self._columns)
        return found if before == count else {}

    def _texts(self, within: etree._Element) -> _Texts | None:
        """The texts of all rows; None where a comment may cut one short or be taken for one."""
        if next(within.iter(etree.Comment, etree.PI), None) is not None:
            return None
        if self._is_flat:
            # A row holds each column once at most. If there are as many as there can be, all are in their places.
            texts = list(map(_TEXT, within.iter(*self._columns)))
            if len(texts) == len(within) * len(self._columns):
                return texts
        return list(self._one_by_one(within))

    def _one_by_one(self, within: etree._Element) -> Iterator[str | None]:
        for row in within.iterchildren(self._row):
            children = [*row]
            if len(children) == self._row_width:
                for at in self._places:
                    yield children[at].text
            else:
                told = {child.tag: child.text for child in children}
                for column in self._columns:
                    yield told.get(column)


def _numbers(count: int) -> list[str | None]:
    known = _NUMBERS if count <= len(_NUMBERS) else [str(number) for number in range(1, count + 1)]
    return cast("list[str | None]", known[:count])


def _keeping(rules: Sequence[Rule], columns: Sequence[str]) -> _Keeps:
    """All tests as one function of the rows' texts and of whoever is asked: whether every row keeps every rule."""
    tests = " and ".join(f"({_placed(rule.python, columns)})" for rule in rules)
    if not tests:
        return lambda *_: True
    lines = ["def keeps(texts, q, today, this_month):", f"    for {_names(columns)} in {_rows(columns)}:"]
    calls = [match.group(0, 1, 2) for match in _CALL.finditer(tests)]
    for at, asked in enumerate(asked for asked in dict.fromkeys(calls) if calls.count(asked) >= CALLED_ONCE_FROM):
        call, function, column = asked
        lines.append(f"        n{at} = {function}({column} or '')")
        tests = tests.replace(call, f"n{at}")
    lines += [f"        if not ({tests}):", "            return False", "    return True"]
    # Asked of forms that their schema admits: no text is long.
    return cast("_Keeps", _defined("keeps", lines, day=day, month=month, num=number_of))


def _breaking(rule: Rule, columns: Sequence[str]) -> _Breaks:
    """One test as a function that gives the numbers of the rows, from 1, that break it."""
    test = _placed(rule.python, columns)
    rows = f"enumerate({_rows(columns)}, 1)"
    lines = [
        "def breaks(texts, q, today, this_month):",
        f"    return [row for row, ({_names(columns)}) in {rows} if not ({test})]",
    ]
    return cast("_Breaks", _defined("breaks", lines, day=day_of_any, month=month_of_any, num=number_of_any))


def _placed(python: str, columns: Sequence[str]) -> str:
    """The test, speaking of `c0`, `c1` and so on in place of columns."""
    places = {column: f"c{at}" for at, column in enumerate(columns)}
    return re.sub(r"g\('([^']*)', ''\)", lambda match: places[match[1]], python)


def _names(columns: Sequence[str]) -> str:
    return "".join(f"c{at}, " for at in range(len(columns)))


def _rows(columns: Sequence[str]) -> str:
    """Columns put side by side again: cheaper than cutting the texts into rows."""
    return "zip(" + ", ".join(f"texts[{at}::{len(columns)}]" for at in range(len(columns))) + ")"


def _defined(name: str, lines: Sequence[str], **asked: Callable[[str], float]) -> object:
    space: dict[str, Any] = {**ENVIRONMENT, **asked}
    # The source is made by `xpath_quick` from the tests of a form.sch: names and literals stand in it quoted.
    exec(compile("\n".join(lines), "<rules>", "exec"), space)  # noqa: S102
    return space[name]
