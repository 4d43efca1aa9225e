"""Reading elements: their whole text, their line, their name."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from lxml import etree


def text_of(element: etree._Element) -> str:
    """An element's whole text. A comment or processing instruction inside does not cut it short."""
    if len(element) == 0:
        return element.text or ""
    return "".join([element.text or "", *(child.tail or "" for child in element)])


def line_of(element: etree._Element) -> int | None:
    """The line at which its tag was read, from 1."""
    return cast("int | None", element.sourceline)


def name_of(element: etree._Element) -> str:
    """Its name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace_of(element: etree._Element) -> str:
    """Its namespace, or nothing."""
    return str(element.tag).rpartition("}")[0].removeprefix("{")
