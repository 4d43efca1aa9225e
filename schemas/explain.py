"""Why a form does not follow its layout: every mistake of every row in one pass, not only the first of each.

libxml2 has given the verdict already and stops at the first mistake inside an element; this goes on. It is bounded:
at most 500 findings are worded and at most 200,000 elements looked at.
"""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lxml import etree
from msgspec import Struct, convert

from schemas.findings import FINDINGS_MAX, Finding, Place, cut, finding
from schemas.rows import NAME_CHARACTERS_MAX, declared_rows, is_row, person_of
from schemas.tree import line_of, name_of, namespace_of, text_of
from schemas.written import date_like, suggest_amount, suggest_date, suggest_digits, suggest_month

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from schemas.form import Form
    from schemas.model import Element, SimpleType

ELEMENTS_EXAMINED_MAX: Final = 200_000
FINDINGS_COUNTED_MAX: Final = 20_000
VALUE_CHARACTERS_READ_MAX: Final = 20_000
STRANGERS_COMPARED_MAX: Final = 100
_LIKENESS_MIN: Final = 0.75
_BLANKS: Final = " \t\r\n"
_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_XSI_HARMLESS: Final = frozenset({_XSI + "schemaLocation", _XSI + "noNamespaceSchemaLocation"})
_SUGGEST: Final[dict[str, Callable[[str], str]]] = {
    "date": suggest_date,
    "month": suggest_month,
    "amount": suggest_amount,
    "digits": suggest_digits,
}


class TypeWords(Struct, frozen=True, forbid_unknown_fields=True):
    """What a type wants, in words."""

    code: str
    expects_vi: str
    expects_en: str
    example: str
    suggest: str = ""


TYPE_WORDS: Final = convert(
    tomllib.loads((Path(__file__).parent / "forms" / "types.toml").read_text("utf-8")),
    dict[str, TypeWords],
)


def explain(
    root: etree._Element, form: Form, *, file: str, named: AbstractSet[str] | None = None
) -> tuple[list[Finding], int]:
    """All that is wrong, in the document's order, and how many more findings there are (at least) beyond 500.

    `named` are the only rows that are looked into, as `rows_named` has them; None: all are.
    """
    name = name_of(root)
    if name != form.root or namespace_of(root):
        place = Place(file=file, form=form.code, pointer="/" + cut(name), line=line_of(root))
        return [finding("root-unexpected", place, value=name, expected=form.root)], 0
    pass_ = _Pass(form, file, named)
    found: list[Finding] = []
    more = 0
    for item in pass_.element(root, form.model, "/" + form.root):
        if len(found) < FINDINGS_MAX:
            found.append(item)
        else:
            more += 1
        if more >= FINDINGS_COUNTED_MAX:
            break
    return found, more


class _Pass:
    """One walk through one document."""

    def __init__(self, form: Form, file: str, named: AbstractSet[str] | None) -> None:
        self.form = form
        self.named = named
        self.rows = {id(one) for one in declared_rows(form.model, form.rows.path)} if form.rows else set[int]()
        self.file = file
        self.row: int | None = None
        self.row_name = self.row_key = ""
        self.examined = self.entered = 0

    def place(self, element: etree._Element, pointer: str, column: str = "") -> Place:
        return Place(
            file=self.file,
            form=self.form.code,
            row=self.row,
            row_name=self.row_name,
            row_key=self.row_key,
            column=column,
            column_label=self.form.label(column),
            pointer=pointer,
            line=line_of(element),
        )

    def element(self, element: etree._Element, declared: Element, pointer: str) -> Iterator[Finding]:
        """Everything wrong in one element and below it."""
        self.examined += 1
        if self.examined > ELEMENTS_EXAMINED_MAX:
            return
        yield from self.attributes(element, pointer)
        if declared.type is not None:
            yield from self.column(element, declared, declared.type, pointer)
        else:
            yield from self.stray_text(element, declared, pointer)
            if not declared.open:
                yield from self.children(element, declared, pointer)

    def attributes(self, element: etree._Element, pointer: str) -> Iterator[Finding]:
        for name in element.attrib:
            if str(name) not in _XSI_HARMLESS:
                place = self.place(element, f"{pointer}/@{etree.QName(name).localname}")
                yield finding("attribute-not-allowed", place, value=str(name), parent=name_of(element))

    def stray_text(self, element: etree._Element, declared: Element, pointer: str) -> Iterator[Finding]:
        text = text_of(element).strip(_BLANKS)
        if text:
            yield finding("text-not-allowed", self.place(element, pointer), value=text, parent=declared.name)

    def children(self, element: etree._Element, declared: Element, pointer: str) -> Iterator[Finding]:
        """The sequence of children against the declared one: unknown, misspelt, repeated, misplaced, missing."""
        slots = {child.name: number for number, child in enumerate(declared.children)}
        present = list(element.iterchildren(tag=etree.Element))
        tags = [str(child.tag) for child in present]
        names = [tag.rpartition("}")[2] for tag in tags]
        near = _near_misses(
            [tag for tag in tags if tag not in slots and not tag.startswith("{")],
            [name for name in slots if name not in set(tags)],
        )
        meant = ["" if tag.startswith("{") else near.get(tag, tag) for tag in tags]
        in_order = _longest_rising([slots.get(name, -1) for name in meant])
        # One in a foreign namespace is told as such, and not as missing besides.
        there = {*meant, *names}
        seen: dict[str, int] = {}
        by_name: dict[str, int] = {}
        expected = 0
        for at, child in enumerate(present):
            name, known = names[at], meant[at]
            number = seen.get(known, 0) + 1
            by_name[name] = by_name.get(name, 0) + 1
            child_pointer = f"{pointer}/{cut(name)}[{by_name[name]}]"
            slot = slots.get(known)
            if slot is None:
                yield from self.unknown(child, declared, child_pointer)
                continue
            seen[known] = number
            entry = declared.children[slot]
            with_row = id(entry) in self.rows
            if with_row and not self._enter(child, child_pointer):
                if at in in_order:
                    expected = max(expected, slot + 1)
                continue
            if at in in_order:
                yield from self.missing(element, declared, declared.children[expected:slot], there, pointer)
                expected = max(expected, slot + 1)
            if known != name:
                place = self.place(child, child_pointer, known)
                yield finding("element-misspelt", place, value=name, expected=known)
            elif number > 1 and not entry.repeated:
                place = self.place(child, child_pointer, known)
                yield finding("element-repeated", place, value=name, parent=declared.name)
            elif at not in in_order:
                place = self.place(child, child_pointer, known)
                yield finding(
                    "element-out-of-order", place, _position(declared, slot), value=name, parent=declared.name
                )
            yield from self.element(child, entry, child_pointer)
            if with_row:
                self.row, self.row_name, self.row_key = None, "", ""
        yield from self.missing(element, declared, declared.children[expected:], there, pointer)

    def _enter(self, child: etree._Element, pointer: str) -> bool:
        """Count a row, and say whether it is to be looked into."""
        self.entered += 1
        if self.named is not None and pointer.replace("[1]", "") not in self.named:
            return False
        self.row = self.entered
        if self.form.rows is not None:
            self.row_name, self.row_key = person_of(child, self.form.rows)
        return True

    def missing(
        self, element: etree._Element, parent: Element, slots: Sequence[Element], there: set[str], pointer: str
    ) -> Iterator[Finding]:
        for slot in slots:
            if slot.required and slot.name not in there:
                position = _position(parent, parent.children.index(slot))
                place = self.place(element, f"{pointer}/{slot.name}", slot.name)
                yield finding("element-missing", place, position, expected=slot.name, parent=parent.name)

    def unknown(self, child: etree._Element, parent: Element, pointer: str) -> Iterator[Finding]:
        self.examined += 1
        name = name_of(child)
        place = self.place(child, pointer, cut(name))
        if namespace := namespace_of(child):
            yield finding("element-foreign-namespace", place, value=name, namespace=namespace)
        else:
            yield finding("element-unexpected", place, value=name, parent=parent.name)

    def column(
        self,
        element: etree._Element,
        declared: Element,
        type_: SimpleType,
        pointer: str,
    ) -> Iterator[Finding]:
        for child in element:
            if isinstance(child.tag, str):
                yield from self.unknown(child, declared, f"{pointer}/{cut(name_of(child))}")
        text = text_of(element)
        if len(text) <= VALUE_CHARACTERS_READ_MAX or type_.characters_max is not None or type_.pattern is None:
            admitted = type_.admits(text)
        else:
            admitted = False
        if not admitted:
            yield wrong_value(text, type_, self.place(element, pointer, declared.name))


def wrong_value(text: str, type_: SimpleType, place: Place) -> Finding:
    """Word why a text is not of its type, and what was probably meant."""
    words = _words_of(type_)
    told = {"expects_vi": words.expects_vi, "expects_en": words.expects_en, "example": words.example}
    if not text.strip(_BLANKS + "\u00a0"):
        return finding("value-missing", place, told, value=text)
    if type_.characters_max is not None and type_.too_long(text):
        seen = len(type_.seen(text))
        return finding("value-too-long", place, value=text, characters=seen, characters_max=type_.characters_max)
    short = text[:VALUE_CHARACTERS_READ_MAX]
    hint_vi, hint_en = _hint(_guess(short, type_, words.suggest))
    if type_.values:
        listed = ", ".join(value for value in type_.values if value)
        return finding("value-not-listed", place, value=text, list=listed, hint_vi=hint_vi, hint_en=hint_en)
    code = words.code
    if code == "date-malformed" and date_like(short):
        return finding("date-impossible", place, value=text)
    if code == "amount-malformed" and not type_.admits("0") and _is_zero_or_less(short):
        return finding("amount-not-positive", place, value=text)
    odd_vi, odd_en = _odd(short)
    return finding(code, place, told, value=text, odd_vi=odd_vi, odd_en=odd_en, hint_vi=hint_vi, hint_en=hint_en)


def _words_of(type_: SimpleType) -> TypeWords:
    """What the type wants: our words, else its own annotation's, else its bare pattern, so that no type is mute."""
    if type_.name in TYPE_WORDS:
        return TYPE_WORDS[type_.name]
    bare = type_.pattern.pattern if type_.pattern is not None else type_.name
    vi, en = type_.says_vi or f"giá trị theo mẫu {bare}", type_.says_en or f"a value like {bare}"
    return TypeWords(code="value-malformed", expects_vi=vi, expects_en=en, example=next(filter(None, type_.values), ""))


def _guess(text: str, type_: SimpleType, suggest: str) -> str:
    """What was probably meant, if it would be right."""
    digits = "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)
    trimmed = " ".join(unicodedata.normalize("NFKC", digits).split())
    candidates = [trimmed, trimmed.upper()]
    if suggest:
        candidates.append(_SUGGEST[suggest](trimmed))
    for candidate in candidates:
        if candidate and candidate != text and type_.admits(candidate):
            return candidate
    return ""


def _hint(guess: str) -> tuple[str, str]:
    return (f" Có lẽ là “{guess}”.", f" Probably “{guess}”.") if guess else ("", "")


def _is_zero_or_less(text: str) -> bool:
    try:
        return float(text) <= 0
    except ValueError:
        return False


def _odd(text: str) -> tuple[str, str]:
    """Characters that the eye does not see or takes for others, named."""
    for letter in text:
        digit = letter.isdecimal() and not letter.isascii()
        if (
            digit
            or (letter.isspace() and letter != " ")
            or (unicodedata.category(letter) in ("Cf", "Zs") and letter != " ")
        ):
            name = f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip()
            return f" Trong đó có ký tự lạ {name}.", f" It holds the odd character {name}."
    if text != text.strip(_BLANKS):
        return " Có dấu cách thừa ở đầu hoặc cuối.", " There are blanks before or after it."
    return "", ""


def _near_misses(strangers: Sequence[str], unused: Sequence[str]) -> dict[str, str]:
    """For each unknown name the one unused name it probably stands for."""
    found: dict[str, str] = {}
    free = list(unused)
    folded = {name.casefold().replace("_", ""): name for name in free}
    for stranger in dict.fromkeys(strangers):
        meant = folded.get(stranger.casefold().replace("_", ""), "")
        if meant in free:
            found[stranger] = meant
            free.remove(meant)
    for stranger in list(dict.fromkeys(strangers))[:STRANGERS_COMPARED_MAX]:
        if stranger in found or len(stranger) > NAME_CHARACTERS_MAX:
            continue
        if like := difflib.get_close_matches(stranger, free, n=1, cutoff=_LIKENESS_MIN):
            found[stranger] = like[0]
            free.remove(like[0])
    return found


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """Which positions make the longest run that never falls; the others stand out of order. Negative ones are left out.

    Patience sorting, O(n log n): as few elements as possible are called misplaced.
    """
    if all(0 <= low <= high for low, high in itertools.pairwise(numbers)):
        return set(range(len(numbers)))
    tails: list[int] = []
    before: list[int] = [-1] * len(numbers)
    for at, number in enumerate(numbers):
        if number < 0:
            continue
        low, high = 0, len(tails)
        while low < high:
            middle = (low + high) // 2
            if numbers[tails[middle]] <= number:
                low = middle + 1
            else:
                high = middle
        before[at] = tails[low - 1] if low else -1
        tails[low : low + 1] = [at]
    run: set[int] = set()
    at = tails[-1] if tails else -1
    while at >= 0:
        run.add(at)
        at = before[at]
    return run


def _position(parent: Element, slot: int) -> dict[str, str]:
    """Where a child belongs, said by its neighbour."""
    if slot > 0:
        neighbour = parent.children[slot - 1].name
        return {"position_vi": f"ngay sau “{neighbour}”", "position_en": f"right after “{neighbour}”"}
    if len(parent.children) > 1:
        neighbour = parent.children[1].name
        return {"position_vi": f"ngay trước “{neighbour}”", "position_en": f"right before “{neighbour}”"}
    return {"position_vi": f"trong “{parent.name}”", "position_en": f"inside “{parent.name}”"}


def rows_named(paths: Iterable[str | None], form: Form) -> frozenset[str] | None:
    """The rows that hold these elements, as XPaths without `[1]`; None when one of them is in no row.

    `paths` are as libxml2's error log writes them: `/D02-TS/NoiDung/LaoDong[3]/PA`. What is wrong above the rows may
    have kept it from looking at them.
    """
    if form.rows is None:
        return None
    depth = form.rows.path.count("/") + 1
    found: set[str] = set()
    for path in paths:
        steps = (path or "").split("/")
        row = "/".join(steps[:depth])
        if len(steps) < depth or not is_row(re.sub(r"\[[0-9]+\]", "", row), form.rows):
            return None
        found.add(row.replace("[1]", ""))
    return frozenset(found)
