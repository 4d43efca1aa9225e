"""A small part of XPath 1.0, turned into Python: what most rules ask of the columns of one row.

A row is told as a mapping from column to text that leaves out what is missing or empty. Whatever would tell these two
apart, or is beyond this part, is refused with `NotQuickError`: then libxml2 judges the rule, more slowly. Section
numbers are those of XPath 1.0 (W3C, 16 November 1999).
"""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Kind = Literal["column", "string", "number", "boolean"]
_NUMBER: Final = re.compile(r"[ \t\r\n]*(-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))[ \t\r\n]*")
_NUMBER_BY_LIBXML2: Final = etree.XPath("number($text)")
_NUMBERS_REMEMBERED: Final = 16_384
# Longer ones are read each time: whoever files chooses how long a text is.
_NUMBER_CHARACTERS_REMEMBERED_MAX: Final = 64
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_.-]*"
_TOKEN: Final = re.compile(
    rf"\s*(?:(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)|(?P<literal>\"[^\"]*\"|'[^']*')"
    rf"|(?P<name>(?:{_NAME}:)?{_NAME})|(?P<sign>!=|<=|>=|[()=<>+*,-]))"
)
_RELATIONS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


class NotQuickError(Exception):
    """The expression is beyond the quick part; libxml2 must judge it."""


class _Told(NamedTuple):
    """A piece of Python and the XPath type of what it gives; a boolean may be anything that is true or false in Python.
    `filled` are columns without which it is not a number.
    """

    code: str
    kind: _Kind
    filled: tuple[str, ...] = ()


# Name, types of the arguments, type of the result, Python. `{0}` is the first argument.
_CORE: Final[dict[str, tuple[tuple[_Kind, ...], _Kind, str]]] = {
    "string": (("string",), "string", "{0}"),
    "number": (("number",), "number", "{0}"),
    "boolean": (("boolean",), "boolean", "{0}"),
    "not": (("boolean",), "boolean", "(not {0})"),
    "true": ((), "boolean", "True"),
    "false": ((), "boolean", "False"),
    "string-length": (("string",), "number", "len({0})"),
    "normalize-space": (("string",), "string", "normal({0})"),
    "contains": (("string", "string"), "boolean", "({1} in {0})"),
    "starts-with": (("string", "string"), "boolean", "{0}.startswith({1})"),
    "translate": (("string", "string", "string"), "string", "translated({0}, {1}, {2})"),
}
_RULE: Final[dict[str, tuple[tuple[_Kind, ...], _Kind, str]]] = {
    "m:day": (("string",), "number", "day({0})"),
    "m:month": (("string",), "number", "month({0})"),
    "m:today": ((), "number", "today"),
    "m:this-month": ((), "number", "this_month"),
    "m:listed": (("string", "string"), "boolean", "q.listed({0}, {1})"),
    "m:amount": (("string", "string", "string"), "number", "q.amount({0}, {1}, {2})"),
    "m:filed": (("string",), "boolean", "q.filed({0})"),
    "m:has": (("string", "string", "string"), "boolean", "q.has({0}, {1}, {2})"),
    "m:header": (("string",), "string", "q.header_of({0})"),
}
# Of an empty text these are NaN, so that a comparison of them is false: the columns need not be read then.
_NAN_WHEN_EMPTY: Final = frozenset({"m:day", "m:month", "number"})


@functools.lru_cache(maxsize=_NUMBERS_REMEMBERED)
def number_of(text: str) -> float:
    """The number that a text is, or NaN (§4.4 `number`): no plus sign, no foreign digits."""
    if "e" in text or "E" in text:
        # libxml2 reads exponents, which the standard does not know; it is the judge.
        return float(cast("float", _NUMBER_BY_LIBXML2(etree.Element("text"), text=text)))
    match = _NUMBER.fullmatch(text)
    return math.nan if match is None else float(match[1])


def number_of_any(text: str) -> float:
    """`number_of` a text of any length: one that no schema has admitted."""
    known = len(text) <= _NUMBER_CHARACTERS_REMEMBERED_MAX
    return number_of(text) if known else number_of.__wrapped__(text)


def _substring(text: str, start: float, length: float | None = None) -> str:
    """§4.2 `substring`: positions count from 1, and are rounded."""
    first = math.floor(start + 0.5)
    end = len(text) + 1 if length is None else first + math.floor(length + 0.5)
    return text[max(first, 1) - 1 : max(end, 1) - 1]


def _translated(text: str, of: str, to: str) -> str:
    table: dict[int, str | None] = {}
    for at, letter in enumerate(of):
        table.setdefault(ord(letter), to[at] if at < len(to) else None)
    return text.translate(table)


def _normal(text: str) -> str:
    return " ".join(part for part in re.split("[ \t\r\n]+", text) if part)


def _divided(number: float, by: float) -> float:
    if by:
        return number / by
    return math.nan if not number or math.isnan(number) else math.copysign(math.inf, number * math.copysign(1, by))


def _remainder(number: float, by: float) -> float:
    return math.nan if not by or math.isinf(number) else math.fmod(number, by)


ENVIRONMENT: Final[dict[str, object]] = {
    "num": number_of,
    "substring": _substring,
    "translated": _translated,
    "normal": _normal,
    "divided": _divided,
    "remainder": _remainder,
}


def columns_of(expression: str) -> frozenset[str]:
    """The names in an expression that may be columns: those before no parenthesis, outside literals."""
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", " ", expression)
    names = re.finditer(rf"(?<![$\w:.-])({_NAME})(?![\w.-]|\s*\(|:)", bare)
    return frozenset(match[1] for match in names) - {"and", "or", "div", "mod"}


def python_of(expression: str) -> tuple[str, tuple[str, ...]]:
    """The expression as a Python expression that is true or false, and the columns it reads.

    It speaks of `g(column, "")`, the text of a column (or None, or nothing), of `q`, whoever answers the m: functions,
    of the numbers `today` and `this_month`, and of ENVIRONMENT. Raises NotQuickError.
    """
    reader = _Reader(expression)
    told = reader.whole()
    return _as(told, "boolean").code, tuple(dict.fromkeys(reader.columns))


class _Reader:
    """Reads one expression, operator by operator (§3)."""

    def __init__(self, expression: str) -> None:
        self.tokens = list(_tokens(expression))
        self.at = 0
        self.columns: list[str] = []

    def whole(self) -> _Told:
        told = self.either()
        if self.at != len(self.tokens):
            raise NotQuickError(f"unexpected {self.tokens[self.at][1]}")
        return told

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def want(self, sign: str) -> None:
        if self.take() != ("sign", sign):
            raise NotQuickError(f"{sign} is missing")

    def _joined(self, word: str, below: Callable[[], _Told]) -> _Told:
        parts = [below()]
        while self.peek() == ("name", word):
            self.take()
            parts.append(below())
        if len(parts) == 1:
            return parts[0]
        return _Told("(" + f" {word} ".join(_as(part, "boolean").code for part in parts) + ")", "boolean")

    def either(self) -> _Told:
        return self._joined("or", self.both)

    def both(self) -> _Told:
        return self._joined("and", lambda: self.compared(self.added))

    def compared(self, below: Callable[[], _Told]) -> _Told:
        """Equality and relations; chains of them are beyond the quick part."""
        left = below()
        kind, sign = self.peek()
        if kind != "sign" or sign not in _RELATIONS:
            return left
        self.take()
        told = _comparison(left, _RELATIONS[sign], below())
        if self.peek()[1] in _RELATIONS and self.peek()[0] == "sign":
            raise NotQuickError("a chain of comparisons")
        return told

    def added(self) -> _Told:
        told = self.multiplied()
        while self.peek() in (("sign", "+"), ("sign", "-")):
            sign = self.take()[1]
            told = _calculated(told, self.multiplied(), f"({{0}} {sign} {{1}})")
        return told

    def multiplied(self) -> _Told:
        told = self.single()
        forms = {"*": "({0} * {1})", "div": "divided({0}, {1})", "mod": "remainder({0}, {1})"}
        while self.peek()[1] in forms and self.peek()[0] != "literal":
            told = _calculated(told, self.single(), forms[word]) if (word := self.take()[1]) else told
        return told

    def single(self) -> _Told:
        kind, word = self.take()
        if kind == "number":
            return _Told(repr(float(word)), "number")
        if kind == "literal":
            return _Told(repr(word[1:-1]), "string")
        if (kind, word) == ("sign", "("):
            told = self.either()
            self.want(")")
            return told
        if (kind, word) == ("sign", "-"):
            return _Told(f"(-{_as(self.single(), 'number').code})", "number")
        if kind != "name":
            raise NotQuickError(f"unexpected {word!r}")
        if self.peek() == ("sign", "("):
            return self.called(word)
        if ":" in word:
            raise NotQuickError(f"a name with a prefix: {word}")
        self.columns.append(word)
        return _Told(f"g({word!r}, '')", "column")

    def called(self, name: str) -> _Told:
        self.want("(")
        arguments: list[_Told] = []
        while self.peek() != ("sign", ")"):
            arguments.append(self.either())
            if self.peek() == ("sign", ","):
                self.take()
        self.want(")")
        if name == "concat":
            return _Told("(" + " + ".join(_as(one, "string").code for one in arguments) + ")", "string")
        if name == "substring" and len(arguments) in (2, 3):
            text, *rest = arguments
            told = ", ".join([_as(text, "string").code, *(_as(one, "number").code for one in rest)])
            return _Told(f"substring({told})", "string")
        if name == "contains" and (one_of := _one_of(arguments)):
            return one_of
        takes, gives, form = _CORE.get(name) or _RULE.get(name) or ((), "boolean", "")
        if not form or len(takes) != len(arguments):
            raise NotQuickError(f"the function {name}")
        filled = arguments[0].code if name in _NAN_WHEN_EMPTY and arguments[0].kind == "column" else ""
        code = form.format(*(_as(one, kind).code for one, kind in zip(arguments, takes, strict=True)))
        return _Told(code, gives, (filled,) if filled else ())


def _one_of(arguments: list[_Told]) -> _Told | None:
    """`contains(' A B ', concat(' ', C, ' '))`, which asks whether C is one of several: a set answers it faster.

    A value with a blank in it is asked of the text all the same, for it may be found across two words.
    """
    if len(arguments) != 2 or arguments[0].kind != "string":  # noqa: PLR2004 - the list, and what is sought
        return None
    wanted = re.fullmatch(r"\(' ' \+ \((g\('[^']*', ''\)) or ''\) \+ ' '\)", arguments[1].code)
    listed = re.fullmatch(r"'( [A-Za-z0-9]+)+ '", arguments[0].code)
    if wanted is None or listed is None:
        return None
    column, words = wanted[1], ", ".join(repr(word) for word in arguments[0].code[1:-1].split())
    slowly = f"' ' in ({column} or '') and {arguments[1].code} in {arguments[0].code}"
    return _Told(f"({column} in {{{words}}} or {slowly})", "boolean")


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    at = 0
    end = len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise NotQuickError(f"unexpected {expression[at : at + 10]!r}")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


def _as(told: _Told, kind: _Kind) -> _Told:
    """The same value as another type (§4.2–4.4). Whether a column is there at all cannot be told."""
    if told.kind == kind:
        return told
    if kind == "string":
        if told.kind == "column":
            return _Told(f"({told.code} or '')", "string")
        # libxml2 writes numbers in ways of its own.
        raise NotQuickError("a number or a truth as a text")
    if kind == "number":
        if told.kind == "boolean":
            return _Told(f"float(bool({told.code}))", "number")
        if told.kind == "column":
            return _Told(f"num(({told.code} or ''))", "number", (told.code,))
        return _Told(f"num({told.code})", "number")
    if told.kind == "column":
        raise NotQuickError("whether a column is there")
    if told.kind == "string":
        return _Told(f"({told.code} != '')", "boolean")
    return _Told(f"({told.code} != 0 and {told.code} == {told.code})", "boolean")


def _calculated(left: _Told, right: _Told, form: str) -> _Told:
    first, second = _as(left, "number"), _as(right, "number")
    return _Told(form.format(first.code, second.code), "number", (*first.filled, *second.filled))


def _comparison(left: _Told, sign: str, right: _Told) -> _Told:
    """§3.4. A column is a set of no node or one: an absent one makes every comparison false."""
    kinds = {left.kind, right.kind}
    if sign in ("==", "!="):
        if "boolean" in kinds:
            return _Told(f"(bool{_in(left)} {sign} bool{_in(right)})", "boolean")
        if "column" in kinds and "number" not in kinds:
            return _column_is(left, sign, right)
        if "number" not in kinds:
            return _Told(f"({left.code} {sign} {right.code})", "boolean")
        if "column" in kinds and sign == "!=":
            raise NotQuickError("whether a column is there and differs")
    first, second = _as(left, "number"), _as(right, "number")
    filled = "" if sign == "!=" else "".join(f"{one} and " for one in dict.fromkeys((*first.filled, *second.filled)))
    told = f"{first.code} {sign} {second.code}"
    for column in (*first.filled, *second.filled) if filled else ():
        told = told.replace(f"({column} or '')", column)
    return _Told(f"({filled}{told})", "boolean")


def _in(told: _Told) -> str:
    return f"({_as(told, 'boolean').code})"


def _column_is(left: _Told, sign: str, right: _Told) -> _Told:
    column, other = (left, right) if left.kind == "column" else (right, left)
    if other.code == "''" and sign == "!=":
        return _Told(f"({column.code})", "boolean")
    # An empty column equals an empty text, an absent one equals nothing.
    if other.kind == "string" and sign == "==" and other.code[0] in "'\"" and other.code != "''":
        return _Told(f"({column.code} == {other.code})", "boolean")
    raise NotQuickError("a comparison that depends on whether a column is there")
