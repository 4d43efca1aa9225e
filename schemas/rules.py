"""The rules of one form, judged: a quick answer for the good form, every finding for the bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from schemas.certainty import is_settled
from schemas.findings import FINDINGS_MAX, Finding, Place, Severity, cut, placed
from schemas.row_rules import RowRules
from schemas.rows import person_of, row_elements, row_place
from schemas.rule_functions import ASKED, Facts, xpath
from schemas.schematron import Rule, RulesNotUnderstoodError, Words, read_schematron
from schemas.tree import line_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from schemas.form import Form
    from schemas.model import Element
    from schemas.rows import Rows


class RuleBook:
    """All rules of one form, and how its rows are told apart. Safe for all threads."""

    def __init__(self, rules: Sequence[Rule], model: Element, rows: Rows | None) -> None:
        self.rules = tuple(rules)
        self._rows = RowRules(self.rules, model, rows) if rows is not None else None
        walked = self._rows.rules if self._rows else ()
        self._broken = {rule.id: xpath(f"({rule.context})[not({rule.test})]") for rule in self.rules}
        self._fails = {rule.id: xpath(f"not({rule.test})") for rule in self.rules}
        apart = [rule for rule in self.rules if rule not in walked]
        self._apart = _any_broken(apart)
        self._apart_alone = _any_broken([rule for rule in apart if rule.is_alone])
        self._apart_supplement = _any_broken([rule for rule in apart if rule.is_single])
        self._subjects = {rule.id: xpath(rule.subject) for rule in self.rules}

    def are_kept(self, root: etree._Element, facts: Facts) -> bool:
        """Whether a form that its schema admits breaks no rule, and its rows are numbered and told apart.

        The quick answer: False may mean only that `broken` must look.
        """
        if self._rows is not None and not self._rows.is_clean(root, facts):
            return False
        apart = self._apart_alone if facts.alone else self._apart_supplement if facts.is_supplement else self._apart
        if apart is None:
            return True
        token = ASKED.set(facts)
        try:
            return not apart(root)
        finally:
            ASKED.reset(token)

    def broken(
        self, root: etree._Element, form: Form, facts: Facts, *, file: str, apart_from: Sequence[Finding] = ()
    ) -> tuple[list[Finding], int]:
        """Each rule that the form breaks, where and how, and how many more findings there are of rules broken very
        often. libxml2 judges, whatever the quick answer was.

        A rule is not asked of a column that `apart_from` refuses already: what stands there means nothing.
        """
        listed = row_elements(root, form.rows) if form.rows else []
        rows = {row: number for number, row in enumerate(listed, 1)}
        # What only warns hides no error.
        warned = {(finding.row, finding.column) for finding in apart_from}
        refused = {(finding.row, finding.column) for finding in apart_from if finding.severity is Severity.ERROR}
        suspects = self._rows.suspects(root, facts, len(listed)) if self._rows is not None else {}
        odd = {finding.row for finding in apart_from if finding.row is not None}
        found: list[Finding] = []
        more = 0
        token = ASKED.set(facts)
        try:
            for rule in self.rules:
                if not rule.is_asked(facts):
                    continue
                spoilt = refused if self.severity(rule, facts.confirmed) is Severity.ERROR else warned
                of_rule = 0
                if rule.id in suspects:
                    asked = (listed[number - 1] for number in sorted(suspects[rule.id] | odd))
                    elements = [row for row in asked if self._fails[rule.id](row)]
                else:
                    elements = _elements(self._broken[rule.id](root))
                for element in elements:
                    row = _row_of(element, rows)
                    number = rows[row] if row is not None else None
                    if any((number, column) in spoilt for column in rule.columns):
                        continue
                    of_rule += 1
                    # Every broken rule is told at least so often, so that no warnings can crowd out an error.
                    if of_rule <= FINDINGS_MAX:
                        found.append(self._finding(rule, element, row, number, form, facts, file))
                more += max(of_rule - FINDINGS_MAX, 0)
        finally:
            ASKED.reset(token)
        return found, more

    def severity(self, rule: Rule, confirmed: frozenset[str]) -> Severity:
        """What breaking the rule means now: one that rests on an unconfirmed fact only warns."""
        refuses = rule.role == "error" and is_settled(rule.certainty, rule.id, confirmed)
        return Severity.ERROR if refuses else Severity.WARNING

    def _finding(
        self,
        rule: Rule,
        element: etree._Element,
        row: etree._Element | None,
        number: int | None,
        form: Form,
        facts: Facts,
        file: str,
    ) -> Finding:
        chosen = _elements(self._subjects[rule.id](element))
        subject = chosen[0] if chosen else element
        if number is not None and element is row and subject.getparent() is row:
            place = row_place(form, file, number, element, subject)
        else:
            place = self._deeper_place(rule, element, subject, row, number, form, file)
        return placed(
            rule.id,
            place,
            severity=self.severity(rule, facts.confirmed),
            value=text_of(subject) if chosen and len(subject) == 0 else "",
            message=(_said(rule.message_vi, element), _said(rule.message_en, element)),
            fix=(_said(rule.fix_vi, element), _said(rule.fix_en, element)),
        )

    def _deeper_place(
        self,
        rule: Rule,
        element: etree._Element,
        subject: etree._Element,
        row: etree._Element | None,
        number: int | None,
        form: Form,
        file: str,
    ) -> Place:
        """A place that is no column of a row: in the header, deeper in a row, or where a column is missing."""
        pointer = element.getroottree().getpath(subject)
        name = str(subject.tag)
        if subject is element and rule.subject != ".":
            name = rule.subject.rpartition("/")[2]
            pointer = f"{pointer}/{name}"
        row_name = row_key = ""
        if row is not None and form.rows is not None:
            row_name, row_key = person_of(row, form.rows)
        return Place(
            file=file,
            form=form.code,
            row=number,
            row_name=row_name,
            row_key=row_key,
            column=name,
            column_label=form.label(name),
            pointer=pointer,
            line=line_of(subject),
        )


def _any_broken(rules: Sequence[Rule]) -> etree.XPath | None:
    """Whether any of them is broken, as one expression: calling libxml2 costs more than most tests."""
    return xpath(" or ".join(f"({rule.context})[not({rule.test})]" for rule in rules)) if rules else None


def read_rules(path: Path | None, model: Element, rows: Rows | None) -> RuleBook:
    """The rules of a form.sch, or none. Raises RulesNotUnderstoodError, OSError, etree.LxmlError."""
    rules = read_schematron(path) if path is not None else ()
    book = RuleBook(rules, model, rows)
    for rule in rules:
        if not rule.context.startswith(f"/{model.name}"):
            raise RulesNotUnderstoodError(f"{rule.id}: the context must begin with /{model.name}")
    return book


def _elements(chosen: object) -> list[etree._Element]:
    """The elements that an expression chose; whatever else it gave is none."""
    return [each for each in chosen if etree.iselement(each)] if isinstance(chosen, list) else []


def _said(words: Words, element: etree._Element) -> str:
    told = words.parts[0]
    for value, part in zip(words.values, words.parts[1:], strict=True):
        told += cut(" ".join(str(value(element)).split())) + part
    return told.strip()


def _row_of(element: etree._Element, rows: Mapping[etree._Element, int]) -> etree._Element | None:
    if element in rows:
        return element
    return next((each for each in element.iterancestors() if each in rows), None)


__all__ = ["Facts", "Rule", "RuleBook", "RulesNotUnderstoodError", "read_rules"]
