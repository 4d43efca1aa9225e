"""What a form.xsd says, read once, so that a refusal can be explained column by column."""

from __future__ import annotations

import re
from typing import Final

from lxml import etree
from msgspec import Struct

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_BLANKS: Final = re.compile(r"[ \t\r\n]+")


class SimpleType(Struct, frozen=True):
    """A column's type: its name in the schema and what its text must satisfy. `collapse` is xs:token's white space.

    `says_vi` and `says_en` are what the schema's own annotation says of it (xs:documentation), if anything.
    """

    name: str
    pattern: re.Pattern[str] | None = None
    values: tuple[str, ...] = ()
    characters_min: int = 0
    characters_max: int | None = None
    collapse: bool = False
    says_vi: str = ""
    says_en: str = ""

    def seen(self, text: str) -> str:
        """The text as the type sees it (XML Schema Part 2 §4.3.6)."""
        return _BLANKS.sub(" ", text).strip(" ") if self.collapse else text

    def admits(self, text: str) -> bool:
        """Whether the text is one of this type's (the same verdict as the schema's)."""
        seen = self.seen(text)
        if self.values and seen not in self.values:
            return False
        if self.pattern is not None and self.pattern.fullmatch(seen) is None:
            return False
        return len(seen) >= self.characters_min and not self.too_long(text)

    def too_long(self, text: str) -> bool:
        """Whether the text has more characters than the type holds."""
        return self.characters_max is not None and len(self.seen(text)) > self.characters_max


class Element(Struct, frozen=True):
    """An element as declared. `type` is None for one that holds others; `open` lets anything stand inside."""

    name: str
    required: bool
    repeated: bool
    type: SimpleType | None
    open: bool
    children: tuple[Element, ...]


class SchemaNotUnderstoodError(Exception):
    """The form.xsd uses more than the small part of XML Schema that this house writes. Not worth a retry."""


def read_model(schema: etree._ElementTree) -> Element:
    """Read the one global element of a schema. Raises SchemaNotUnderstoodError."""
    root = schema.getroot()
    types = {name: _simple_type(name, item) for item in root.iterfind(f"{_XS}simpleType") if (name := item.get("name"))}
    found = root.findall(f"{_XS}element")
    if len(found) != 1:
        raise SchemaNotUnderstoodError("one global element is wanted")
    return _element(found[0], types)


def _element(node: etree._Element, types: dict[str, SimpleType]) -> Element:
    name, type_name = node.get("name"), node.get("type")
    if name is None:
        raise SchemaNotUnderstoodError("an element without a name")
    required, repeated = node.get("minOccurs", "1") != "0", node.get("maxOccurs", "1") != "1"
    if type_name is not None:
        if type_name not in types:
            raise SchemaNotUnderstoodError(f"type {type_name} of {name}")
        return Element(name, required, repeated, types[type_name], open=False, children=())
    sequence = node.find(f"{_XS}complexType/{_XS}sequence")
    if sequence is None:
        raise SchemaNotUnderstoodError(f"content of {name}")
    if sequence.find(f"{_XS}any") is not None:
        return Element(name, required, repeated, None, open=True, children=())
    children = tuple(_element(child, types) for child in sequence.iterchildren(f"{_XS}element"))
    if len(children) != len(sequence) or len({child.name for child in children}) != len(children):
        raise SchemaNotUnderstoodError(f"sequence of {name}")
    return Element(name, required, repeated, None, open=False, children=children)


def _simple_type(name: str, node: etree._Element) -> SimpleType:
    restriction = node.find(f"{_XS}restriction")
    if restriction is None or restriction.get("base") not in ("xs:string", "xs:token"):
        raise SchemaNotUnderstoodError(f"base of {name}")
    facets: dict[str, list[str]] = {}
    for facet in restriction.iterchildren(tag=etree.Element):
        facets.setdefault(str(etree.QName(facet).localname), []).append(facet.get("value", ""))
    if unknown := facets.keys() - {"pattern", "enumeration", "minLength", "maxLength"}:
        raise SchemaNotUnderstoodError(f"facets {sorted(unknown)} of {name}")
    patterns = facets.get("pattern", [])
    lengths = facets.get("maxLength", [])
    return SimpleType(
        name=name,
        # Only [0-9A-Za-z], groups, alternatives and counts are written here, which Python reads alike.
        pattern=re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None,
        values=tuple(facets.get("enumeration", [])),
        characters_min=int(facets.get("minLength", ["0"])[0]),
        characters_max=int(lengths[0]) if lengths else None,
        collapse=restriction.get("base") == "xs:token",
        says_vi=_documented(node, "vi"),
        says_en=_documented(node, "en"),
    )


def _documented(node: etree._Element, language: str) -> str:
    for item in node.iterfind(f"{_XS}annotation/{_XS}documentation"):
        if item.get("{http://www.w3.org/XML/1998/namespace}lang") == language:
            return " ".join((item.text or "").split())
    return ""
