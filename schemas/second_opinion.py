"""The second opinion: what xmlschema says of those parts of a form that libxml2 named when it refused it.

Only refused forms are asked about, and only their named parts: xmlschema costs some forty times as much as libxml2.
It never gives a verdict. Everything is bounded by counting, not by the clock, so that the same form gets the same
answer on any machine.
"""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from itertools import islice
from typing import TYPE_CHECKING, Final, cast

from lxml import etree
from msgspec import Struct

from schemas.findings import cut
from schemas.tree import line_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from xmlschema.validators import XMLSchemaValidationError, XsdElement, XsdSimpleType

    from schemas.form import Form
    from schemas.model import Element, SimpleType

PARTS_MAX: Final = 50
NAMED_READ_MAX: Final = 2_000
ELEMENTS_ASKED_MAX: Final = 5_000
OPINIONS_MAX: Final = 200
REASON_CHARACTERS_MAX: Final = 300
# What is longer is cut before xmlschema's patterns see it: they are Python's, which can be made to backtrack. No column
# that has a pattern admits so much.
VALUE_CHARACTERS_ASKED_MAX: Final = 4_000
_ANY_ELEMENT: Final = "*"


class Opinion(Struct, frozen=True):
    """One thing that xmlschema finds wrong.

    `path` is an XPath with a position at every step below the root, such as `/D02-TS/NoiDung[1]/LaoDong[3]/PA[1]`; what
    is wrong with the order or number of an element's children is said of that element. `reason` is xmlschema's, in
    English, on one line; `value` is the text judged, or the name of the child that should not be there.
    """

    path: str
    line: int | None
    reason: str
    value: str


class _Declared(Struct, frozen=True):
    """An element as xmlschema compiled it, and as our own model has it."""

    component: XsdElement
    model: Element


class _Compiled(Struct, frozen=True):
    """A form's schema: every element by its path without positions, such as `/D02-TS/NoiDung`."""

    declared: Mapping[str, _Declared]
    disagreements: tuple[str, ...]


class _Part(Struct, frozen=True):
    """A piece of a document to be judged by itself; `shallow` is one whose rows are not looked into."""

    element: etree._Element
    declared: _Declared
    shallow: bool


def opinions(root: etree._Element, form: Form, named: Sequence[str]) -> list[Opinion]:
    """What xmlschema finds wrong with the parts of the form that hold these elements, in the order they are named.

    `named` are paths as libxml2's error log writes them (`/D02-TS/NoiDung/LaoDong[3]/PA`). Of a row the whole row is
    judged; above the rows only which children an element has. At most 50 parts, 5,000 elements and 200 opinions. Never
    raises, for any tree or path: what xmlschema cannot judge it has no opinion of. The first call for a version of a
    form compiles its schema, some tenths of a second; safe for all threads.
    """
    compiled = _compiled(form)
    rows = form.rows.path if form.rows else ""
    found: list[Opinion] = []
    asked = 0
    for part in _parts(root, compiled, rows, named):
        twins: dict[ET.Element, etree._Element] = {}
        copy = _copy(part.element, part.declared.model, twins, ELEMENTS_ASKED_MAX - asked, shallow=part.shallow)
        asked += len(twins)
        if copy is None:
            continue
        part_path = _path(part.element)
        for error in _errors(part, copy):
            # Of a shallow part the rows were left out, so only its own children can be spoken of.
            if len(found) < OPINIONS_MAX and (not part.shallow or error.elem is copy):
                found.append(_opinion(error, twins, part.element, part_path))
    return found


def unexplained(opinions: Iterable[Opinion], pointers: Iterable[str]) -> list[Opinion]:
    """Those opinions about whose element, its attributes and its children no pointer of a finding speaks."""
    told = set[str]()
    for pointer in pointers:
        plain = pointer.replace("[1]", "")
        told |= {plain, plain.rpartition("/")[0]}
    return [opinion for opinion in opinions if opinion.path.replace("[1]", "") not in told]


def compiles(form: Form) -> list[str]:
    """What keeps xmlschema from compiling the form's schema (XSD 1.0, strictly), or where it read it otherwise than
    `schemas.model` did: names, order, occurrence, types; [] when both agree. Never raises.
    """
    return list(_compiled(form).disagreements)


_known: dict[Path, _Compiled] = {}
_lock = threading.Lock()


def _compiled(form: Form) -> _Compiled:
    with _lock:
        if form.folder not in _known:
            _known[form.folder] = _compile(form)
        return _known[form.folder]


def _compile(form: Form) -> _Compiled:
    # Most processes never refuse a form, or only play another command: the import takes longer than all else.
    import xmlschema  # noqa: PLC0415

    try:
        schema = xmlschema.XMLSchema10(str(form.folder / "form.xsd"), validation="strict", allow="local")
        top = schema.elements[form.root]
    except Exception as error:
        # Whatever it cannot read it has no opinion of; libxml2 compiled the same file when the catalogue was loaded.
        return _Compiled({}, (f"{type(error).__name__}: {' '.join(str(error).split())}",))
    declared: dict[str, _Declared] = {}
    disagreements = tuple(_compare(top, form.model, f"/{form.root}", declared))
    return _Compiled(declared, disagreements)


def _compare(component: XsdElement, model: Element, path: str, declared: dict[str, _Declared]) -> Iterator[str]:
    """Put the element and all below it into `declared`; yield where the two readings differ."""
    declared[path] = _Declared(component, model)
    occurrence = (component.min_occurs > 0, component.max_occurs != 1)
    if (component.local_name, *occurrence) != (model.name, model.required, model.repeated):
        yield f"{path}: {component.local_name} {occurrence}"
    if model.type is not None:
        if (facets := _facets(component)) != _facets_of_model(model.type):
            yield f"{path}: {facets}"
        return
    children = [cast("XsdElement", child) for child in component.iterchildren()]
    if model.open:
        if any(child.name is not None for child in children):
            yield f"{path}: not open"
        return
    if [child.name for child in children] != [child.name for child in model.children]:
        yield f"{path}: {[child.name for child in children]}"
        return
    for child, entry in zip(children, model.children, strict=True):
        yield from _compare(child, entry, f"{path}/{entry.name}", declared)


_Facets = tuple[str, str, tuple[str, ...], int, int | None, bool]


def _facets(component: XsdElement) -> _Facets | str:
    if not component.type.is_simple():
        return "is no simple type"
    type_ = cast("XsdSimpleType", component.type)
    patterns = () if type_.patterns is None else tuple(type_.patterns.regexps)
    return (
        type_.local_name or "",
        "|".join(f"(?:{pattern})" for pattern in patterns),
        tuple(str(value) for value in type_.enumeration or ()),
        type_.min_length or 0,
        type_.max_length,
        type_.white_space == "collapse",
    )


def _facets_of_model(type_: SimpleType) -> _Facets:
    pattern = "" if type_.pattern is None else type_.pattern.pattern
    return type_.name, pattern, type_.values, type_.characters_min, type_.characters_max, type_.collapse


def _parts(root: etree._Element, compiled: _Compiled, rows: str, named: Sequence[str]) -> Iterator[_Part]:
    """The parts to judge, each once, in the order in which they are named."""
    top = compiled.declared.get(f"/{root.tag}")
    if top is None:
        return
    steps_to_row = rows.count("/") if rows else 0
    looked: set[str] = set()
    taken: set[etree._Element] = set()
    for path in named[:NAMED_READ_MAX]:
        steps = path.split("/")
        # Every column of a row leads to that row: it is looked for once.
        short = "/".join(steps[: steps_to_row + 1]) if steps_to_row and _bare(steps, steps_to_row) == rows else path
        if short in looked:
            continue
        looked.add(short)
        element, bare = _descend(root, short.split("/")[2:], compiled, rows)
        if element in taken:
            continue
        taken.add(element)
        yield _Part(element, compiled.declared[bare], shallow=rows.startswith(bare + "/"))
        if len(taken) >= PARTS_MAX:
            return


def _bare(steps: Sequence[str], count: int) -> str:
    return "/".join(step.partition("[")[0] for step in steps[: count + 1])


def _descend(root: etree._Element, steps: Sequence[str], compiled: _Compiled, rows: str) -> tuple[etree._Element, str]:
    """As far down the steps as the document and the schema go, and not below a row."""
    element, bare = root, f"/{root.tag}"
    for step in steps:
        name, _, position = step.rstrip("]").partition("[")
        below = f"{bare}/{name}"
        number = int(position) if position.isdecimal() and position.isascii() else 1
        if bare == rows or name == _ANY_ELEMENT or below not in compiled.declared or number < 1:
            break
        child = next(islice(element.iterchildren(name), number - 1, None), None)
        if child is None:
            break
        element, bare = child, below
    return element, bare


def _copy(
    element: etree._Element,
    model: Element,
    twins: dict[ET.Element, etree._Element],
    elements_max: int,
    *,
    shallow: bool,
) -> ET.Element | None:
    """The element without comments, whose text xmlschema would not read past, without what is inside elements that the
    schema does not know or leaves open, and without long values. None when there are too many elements.
    """
    copy = ET.Element(str(element.tag), {str(name): str(value) for name, value in element.attrib.items()})
    twins[copy] = element
    if len(twins) > elements_max:
        return None
    copy.text = text_of(element)[:VALUE_CHARACTERS_ASKED_MAX]
    if model.open:
        return copy
    known = {child.name: child for child in model.children}
    for child in element.iterchildren(tag=etree.Element):
        entry = None if shallow else known.get(str(child.tag))
        if entry is None:
            twin = ET.SubElement(copy, str(child.tag))
            twins[twin] = child
        else:
            below = _copy(child, entry, twins, elements_max, shallow=False)
            if below is None:
                return None
            copy.append(below)
        if len(twins) > elements_max:
            return None
    return copy


def _errors(part: _Part, copy: ET.Element) -> list[XMLSchemaValidationError]:
    prefixes = {prefix or "": uri for prefix, uri in part.element.nsmap.items()}
    try:
        return list(
            part.declared.component.iter_errors(copy, namespaces=prefixes, max_depth=1 if part.shallow else None)
        )
    except Exception:
        # It is known to raise where it should refuse (an xsi:type that it does not know, say). The verdict is not its.
        return []


def _opinion(
    error: XMLSchemaValidationError,
    twins: Mapping[ET.Element, etree._Element],
    part: etree._Element,
    part_path: str,
) -> Opinion:
    judged = error.elem
    element = part if judged is None else twins.get(judged, part)
    stranger = getattr(error, "invalid_tag", None)
    return Opinion(
        path=part_path + _path(element, part),
        line=line_of(element),
        reason=cut(" ".join((error.reason or error.message).split()), REASON_CHARACTERS_MAX),
        value=cut(stranger or text_of(element).strip()),
    )


def _path(element: etree._Element, above: etree._Element | None = None) -> str:
    """Its XPath, with a position at every step below the root; from an element above it, or from the root."""
    steps: list[str] = []
    here = element
    while here is not above and (parent := here.getparent()) is not None:
        before = sum(1 for _ in here.itersiblings(here.tag, preceding=True))
        steps.append(f"/{etree.QName(here).localname}[{before + 1}]")
        here = parent
    top = "" if here is above else f"/{etree.QName(here).localname}"
    return top + "".join(reversed(steps))
