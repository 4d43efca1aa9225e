"""Reading a form.sch: ISO/IEC 19757-3 Schematron, the part of it that the forms here are written in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lxml import etree
from msgspec import Struct

from schemas.certainty import MARKS
from schemas.rule_functions import ARGUMENTS, NAMESPACE, OF_OTHER_FORMS, OF_THE_DOSSIER, xpath
from schemas.xpath_quick import NotQuickError, columns_of, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from schemas.rule_functions import Facts

_SCH: Final = "{http://purl.oclc.org/dsdl/schematron}"
_BINDING: Final = "xslt"
_ROLES: Final = ("error", "warning")
_SAID: Final = (".vi", ".en", ".fix.vi", ".fix.en")
_ID: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_LITERAL: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_CALL: Final = re.compile(r"(?<![\w.-])((?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*)\s*\(")
# XPath 1.0 §4, the node tests of §2.3, and operators that a parenthesis may follow.
_OF_XPATH: Final = frozenset(
    re.findall(
        r"\S+",
        "last position count id local-name namespace-uri name string concat starts-with contains substring-before"
        " substring-after substring string-length normalize-space translate boolean not true false lang number sum"
        " floor ceiling round node text comment processing-instruction and or div mod",
    )
)
_LIST: Final = re.compile(r"m:(?:listed|amount)\(\s*['\"]([^'\"]*)['\"]")


class RulesNotUnderstoodError(Exception):
    """A form.sch uses more of Schematron than this house reads, or contradicts itself. Not worth a retry."""


class Words(Struct, frozen=True):
    """What a rule says in one language: texts, and between them expressions whose values are said."""

    parts: tuple[str, ...]
    values: tuple[etree.XPath, ...]
    # As a person reads it who has no document before him: each expression in braces.
    pattern: str


class Rule(Struct, frozen=True, kw_only=True):
    """One rule (`sch:assert`, §5.4.2). `role` is what it would be, "error" or "warning"; `certainty` and `source` are
    those of the fact it rests on.

    `context` names the elements that it is about and `test` what holds of each; `subject` is the column that its
    finding points at. `columns` are all that its test reads. One that `is_alone` needs nothing of the dossier but the
    form, one that `is_single` no other form; one that `is_quick` is asked in Python first, in `python`. `lists` are the
    code lists it asks.
    """

    id: str
    role: str
    certainty: str
    source: str
    statement: str
    context: str
    test: str
    subject: str
    message_vi: Words
    message_en: Words
    fix_vi: Words
    fix_en: Words
    columns: frozenset[str]
    lists: frozenset[str]
    is_alone: bool
    is_single: bool
    # The columns and the Python of the quick part; "" when libxml2 must judge.
    python: str
    python_columns: tuple[str, ...]

    def is_asked(self, facts: Facts) -> bool:
        """Whether what is known suffices to ask it: of a form judged alone, or of one in a supplement, it may not."""
        return (self.is_alone or not facts.alone) and (self.is_single or not facts.is_supplement)

    @property
    def is_quick(self) -> bool:
        """Whether most rows are judged without libxml2."""
        return bool(self.python)


def read_schematron(path: Path) -> tuple[Rule, ...]:
    """All rules of a form.sch, in its order. Raises RulesNotUnderstoodError, OSError, etree.LxmlError."""
    root = etree.parse(path).getroot()
    if root.tag != f"{_SCH}schema" or root.get("queryBinding") != _BINDING:
        raise RulesNotUnderstoodError(f'a sch:schema with queryBinding="{_BINDING}" is wanted')
    said = {item.get("id", ""): item for item in root.iterfind(f"{_SCH}diagnostics/{_SCH}diagnostic")}
    found: list[Rule] = []
    for pattern in _only(root, "title", "ns", "pattern", "diagnostics", kept="pattern"):
        contexts: set[str] = set()
        for rule in _only(pattern, "title", "rule", kept="rule"):
            context = rule.get("context", "")
            if not context or context in contexts:
                raise RulesNotUnderstoodError(f"the context {context!r} twice in a pattern, or none")
            contexts.add(context)
            lets: dict[str, str] = {}
            for item in _only(rule, "let", "assert", kept=""):
                if item.tag == f"{_SCH}let":
                    lets[item.get("name", "")] = _inserted(item.get("value", ""), lets)
                else:
                    found.append(_rule(item, context, lets, said))
    if len({rule.id for rule in found}) != len(found):
        raise RulesNotUnderstoodError("a rule's id stands twice")
    return tuple(found)


def _only(parent: etree._Element, *allowed: str, kept: str) -> Iterator[etree._Element]:
    """The children of that name (of any, where `kept` is empty). Raises for one that is not allowed."""
    for child in parent.iterchildren(tag=etree.Element):
        name = str(child.tag).removeprefix(_SCH)
        if name not in allowed:
            raise RulesNotUnderstoodError(f"{name} in {str(parent.tag).removeprefix(_SCH)}")
        if kept in ("", name):
            yield child


def _inserted(expression: str, lets: Mapping[str, str]) -> str:
    """The expression with each variable replaced by what it stands for: both are evaluated at the same element."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in lets:
            raise RulesNotUnderstoodError(f"${match[1]} is not declared")
        if "[" in expression:
            raise RulesNotUnderstoodError(f"${match[1]} beside a predicate, where it would mean another element")
        return f"({lets[match[1]]})"

    return re.sub(r"\$([A-Za-z_][\w.-]*)", value, expression)


def _rule(item: etree._Element, context: str, lets: Mapping[str, str], said: Mapping[str, etree._Element]) -> Rule:
    name = item.get("id", "")
    role, subject = item.get("role", ""), item.get("subject", "")
    certainty, source = item.get(f"{{{NAMESPACE}}}certainty", ""), item.get(f"{{{NAMESPACE}}}source", "")
    statement = " ".join((item.text or "").split())
    if not _ID.fullmatch(name):
        raise RulesNotUnderstoodError(f"an id in kebab-case is wanted, not {name!r}")
    if role not in _ROLES or certainty not in MARKS or not (subject and source and statement):
        raise RulesNotUnderstoodError(f"{name}: role, subject, certainty, source and statement are wanted")
    if item.get("diagnostics", "").split() != [name + ending for ending in _SAID]:
        raise RulesNotUnderstoodError(f"{name}: diagnostics {', '.join(name + ending for ending in _SAID)} are wanted")
    words = [_words(name + ending, said, lets) for ending in _SAID]
    test = _inserted(item.get("test", ""), lets)
    try:
        xpath(test), xpath(subject), xpath(context)
    except etree.XPathError as error:
        raise RulesNotUnderstoodError(f"{name}: {error}") from error
    if wrong := [each for asked in (test, subject, context) for each in _misuses(asked)]:
        raise RulesNotUnderstoodError(f"{name}: {'; '.join(wrong)}")
    try:
        python, columns = python_of(test)
    except NotQuickError:
        python, columns = "", ()
    return Rule(
        id=name,
        role=role,
        certainty=certainty,
        source=source,
        statement=statement,
        context=context,
        test=test,
        subject=subject,
        message_vi=words[0],
        message_en=words[1],
        fix_vi=words[2],
        fix_en=words[3],
        columns=columns_of(test),
        lists=frozenset(_LIST.findall(test)),
        is_alone=not any(function in test for function in OF_THE_DOSSIER),
        is_single=not any(function in test for function in OF_OTHER_FORMS),
        python=python,
        python_columns=columns,
    )


def _misuses(expression: str) -> Iterator[str]:
    """Functions that do not exist, and m: functions with too many or too few arguments: libxml2 tells neither before
    the first document is judged.
    """
    bare = _LITERAL.sub("''", expression)
    for call in _CALL.finditer(bare):
        prefix, _, name = call[1].rpartition(":")
        if not prefix and name in _OF_XPATH:
            continue
        wanted = ARGUMENTS.get(name) if prefix == "m" else None
        if wanted is None:
            yield f"there is no function {call[1]}"
        elif (given := _arguments(bare[call.end() :])) != wanted:
            yield f"{call[1]} takes {wanted} arguments, not {given}"


def _arguments(rest: str) -> int:
    """How many arguments there are before the parenthesis that closes the call."""
    depth, commas, told = 1, 0, ""
    for letter in rest:
        depth += (letter in "([") - (letter in ")]")
        if depth == 0:
            break
        commas += depth == 1 and letter == ","
        told += letter
    return commas + 1 if told.strip() else 0


def _words(name: str, said: Mapping[str, etree._Element], lets: Mapping[str, str]) -> Words:
    item = said.get(name)
    language = name.rpartition(".")[2]
    if item is None or item.get("{http://www.w3.org/XML/1998/namespace}lang") != language:
        raise RulesNotUnderstoodError(f'a diagnostic {name} with xml:lang="{language}" is wanted')
    parts, values, pattern = [_plain(item.text)], list[etree.XPath](), _plain(item.text)
    for value in _only(item, "value-of", kept=""):
        select = _inserted(value.get("select", ""), lets)
        try:
            values.append(xpath(f"string({select})"))
        except etree.XPathError as error:
            raise RulesNotUnderstoodError(f"{name}: {error}") from error
        if wrong := list(_misuses(select)):
            raise RulesNotUnderstoodError(f"{name}: {'; '.join(wrong)}")
        parts.append(_plain(value.tail))
        pattern += f"{{{value.get('select', '')}}}{parts[-1]}"
    return Words(tuple(parts), tuple(values), pattern.strip())


def _plain(text: str | None) -> str:
    """A text with its line breaks as blanks."""
    return re.sub(r"\s+", " ", text or "")
