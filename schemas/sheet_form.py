"""A form's XML written from rows of texts, laid out as the forms that real software sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from schemas.sample_forms import DECLARATION, ROOT_NAMESPACES, element

if TYPE_CHECKING:
    from schemas.form import Form
    from schemas.model import Element


def write_form(form: Form, header: Mapping[str, str], lists: Mapping[str, Sequence[Mapping[str, str]]]) -> bytes:
    """The form's bytes: the schema's order, every column present, its signature's place empty.

    `header` are the columns outside the rows, by name or by `parent/name`; `lists` the rows by their path.
    """
    inside = "".join(_written(child, form.model, f"/{form.root}", header, lists) for child in form.model.children)
    return f"{DECLARATION}<{form.root} {ROOT_NAMESPACES}>\n{inside}</{form.root}>\n".encode()


def _written(
    declared: Element,
    parent: Element,
    pointer: str,
    header: Mapping[str, str],
    lists: Mapping[str, Sequence[Mapping[str, str]]],
) -> str:
    here = f"{pointer}/{declared.name}"
    if here in lists:
        return "".join(_row_written(declared, texts) for texts in lists[here])
    if declared.type is not None:
        text = header.get(f"{parent.name}/{declared.name}", header.get(declared.name, ""))
        return _column_written(declared, text)
    if declared.open:
        return f"<{declared.name}/>\n"
    inside = "".join(_written(child, declared, here, header, lists) for child in declared.children)
    if declared.repeated or not (inside or declared.required):
        return ""
    return f"<{declared.name}>\n{inside}</{declared.name}>\n" if inside else f"<{declared.name}/>\n"


def _row_written(declared: Element, texts: Mapping[str, str]) -> str:
    return _inside(declared, texts, frozenset())


def _inside(declared: Element, texts: Mapping[str, str], above: frozenset[str]) -> str:
    """A row or its annex. A name that an element above has too means the one above."""
    own = frozenset(child.name for child in declared.children if child.type is not None)
    inside = []
    for child in declared.children:
        if child.repeated or child.open:
            continue
        if child.type is not None:
            text = "" if child.name in above else texts.get(child.name, "")
            inside.append("  " + _column_written(child, text))
        elif child.required or _has_any(child, texts, above | own):
            inside.append(_inside(child, texts, above | own))
    return f"<{declared.name}>\n{''.join(inside)}</{declared.name}>\n"


def _has_any(declared: Element, texts: Mapping[str, str], above: frozenset[str]) -> bool:
    own = frozenset(child.name for child in declared.children if child.type is not None)
    return any(
        bool(texts.get(child.name)) and child.name not in above
        if child.type is not None
        else _has_any(child, texts, above | own)
        for child in declared.children
        if not child.repeated and not child.open
    )


def _column_written(declared: Element, text: str) -> str:
    """A column, empty when there is nothing to say; left out when its type lets it be only so."""
    is_out = not text and not declared.required and declared.type is not None and not declared.type.admits("")
    return "" if is_out else f"{element(declared.name, text)}\n"
