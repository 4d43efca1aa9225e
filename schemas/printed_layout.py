"""How a form looks on paper, as its paper.toml says; and a plain look for a form that has none."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, ValidationError, convert, field, structs

from schemas.model import Element
from schemas.printed_page import Align, Signer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.form import Form

PAPER: Final = "paper.toml"
WORD: Final = re.compile(r"\{([A-Za-z0-9_/]+)\}")
_ANYTHING: Final = "*"
_NARROW: Final = 3
_WIDE: Final = 10
_LONG_CHARACTERS: Final = 40


class LayoutUnusableError(Exception):
    """A paper.toml cannot be read, or names columns that its form does not have. Not worth a retry."""


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """One column of the form's XML inside a cell; `column` is its path from the row.

    `write` says how: an amount of money or a coefficient, a yes or no, a code with its meaning in the code list
    `codes`, a day written yyyyMMdd. `to` is a second column, with which it makes a range. The column `*` is whatever
    stands in the row besides the columns in `beside`, where the form's schema lets anything stand.
    """

    column: str
    label: str = ""
    write: Literal["text", "amount", "flag", "code", "compact-day"] = "text"
    codes: str = ""
    to: str = ""
    beside: tuple[str, ...] = ()


class ColumnLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """One printed column: `head` is its words, from the outermost level to its own. An `optional` one is left out when
    it is empty in every row. Parts that stand `together` share a line.
    """

    head: tuple[str, ...]
    parts: tuple[Part, ...]
    width: float = _WIDE
    align: Align = "left"
    sign: str = ""
    optional: bool = False
    together: bool = False


class SectionLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that stand together: those whose code is in the `group`, or those at a `path` of their own.

    `{count}` in `total` is the number of rows.
    """

    title: str
    group: str = ""
    path: str = ""
    total: str = ""


class GridLayout(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="grid"):
    """A table of the elements at `rows`. With `codes` and `by`, its sections are groups of that code list, by the code
    in that column; rows of no group come last, under `rest`. An `optional` table is left out when it has no rows.
    """

    columns: tuple[ColumnLayout, ...]
    rows: str = ""
    caption: str = ""
    person: str = ""
    sections: tuple[SectionLayout, ...] = ()
    codes: str = ""
    by: str = ""
    rest: str = ""
    total: str = ""
    optional: bool = False

    @property
    def row_paths(self) -> tuple[str, ...]:
        """Where its rows are."""
        paths = tuple(section.path for section in self.sections if section.path)
        return paths or (self.rows,)


class FieldLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """A label and what stands behind it."""

    label: str
    parts: tuple[Part, ...]
    wide: bool = False
    optional: bool = False


class FieldsLayout(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="fields"):
    """Labels with values; the columns' paths start at `at`."""

    fields: tuple[FieldLayout, ...]
    title: str = ""
    at: str = ""
    across: int = 2


class WordsLayout(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="words"):
    """Lines that are printed on every such form."""

    lines: tuple[str, ...]
    manner: Literal["plain", "heading", "note"] = "plain"


Inner = GridLayout | FieldsLayout | WordsLayout


class EachLayout(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="each"):
    """The same blocks for each element at `rows`, on a sheet of its own or one below the other. `{number}` in the
    title counts them.
    """

    rows: str
    blocks: tuple[Inner, ...]
    title: str = ""
    own_sheet: bool = False


BlockLayout = GridLayout | FieldsLayout | WordsLayout | EachLayout


class Layout(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A paper.toml. `{MaSoThue}` in a line is a column of the envelope's header, `{ThongTinKhac/MoTai}` one of the
    form itself; what is missing is dotted. `left_out` names the columns that are not printed, and says why.
    """

    source: str
    certainty: dict[str, str]
    title: str
    blocks: tuple[BlockLayout, ...]
    size: Literal["a4", "a3"] = "a4"
    landscape: bool = False
    text_pt: float = 10
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    under_title: tuple[str, ...] = ()
    date_from: str = ""
    place_date: str = ""
    signers: tuple[Signer, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)


def read_layout(form: Form) -> Layout:
    """The form's paper.toml, or a plain layout; columns that it says nothing about are added at the end, so that all
    that is signed can be seen. Raises LayoutUnusableError.
    """
    path = form.folder / PAPER
    if not path.exists():
        return _plain(form)
    try:
        layout = convert(tomllib.loads(path.read_text("utf-8")), Layout)
    except (OSError, ValueError, ValidationError) as error:
        raise LayoutUnusableError(f"{path}: {error}") from error
    there = {leaf.path for leaf in _leaves(form.model, "", "")}
    told = _told(layout)
    if unknown := sorted(path for path in told - there if not _may_stand(path, there)):
        raise LayoutUnusableError(f"{path}: the form has no {', '.join(unknown)}")
    return _completed(layout, form, told)


def _may_stand(path: str, there: set[str]) -> bool:
    """Whether the column is one of those that an element of open content may have."""
    above, _, name = path.rpartition("/")
    return name == _ANYTHING or f"{above}/{_ANYTHING}" in there


class _Leaf(Struct, frozen=True):
    """A column of the form: its path below the root, and the nearest repeated element above it ("" when none)."""

    path: str
    row: str
    element: Element

    @property
    def inside(self) -> str:
        """Its path from the row."""
        return self.path[len(self.row) + 1 :] if self.row else self.path


def _leaves(holder: Element, path: str, row: str) -> Iterable[_Leaf]:
    for child in holder.children:
        below = f"{path}/{child.name}" if path else child.name
        if child.type is not None:
            yield _Leaf(below, row, child)
        elif child.open and child.repeated:
            yield _Leaf(f"{below}/{_ANYTHING}", below, child)
        elif not child.open:
            yield from _leaves(child, below, below if child.repeated else row)


def _told(layout: Layout) -> set[str]:
    """The paths of all columns that a layout speaks of."""
    lines = (*layout.left, *layout.right, *layout.under_title, layout.date_from and f"{{{layout.date_from}}}")
    told = {word for line in lines for word in WORD.findall(line) if "/" in word}
    told |= layout.left_out.keys()
    for block in layout.blocks:
        told |= _told_by(block, "")
    return told


def _told_by(block: BlockLayout, above: str) -> set[str]:
    if isinstance(block, EachLayout):
        return {path for inner in block.blocks for path in _told_by(inner, joined(above, block.rows))}
    if isinstance(block, FieldsLayout):
        return {one for item in block.fields for one in _parts(item.parts, joined(above, block.at))}
    if isinstance(block, GridLayout):
        rows = [joined(above, path) for path in block.row_paths]
        by = {joined(path, block.by) for path in rows} if block.by else set()
        return by | {one for item in block.columns for path in rows for one in _parts(item.parts, path)}
    return set()


def _parts(parts: tuple[Part, ...], above: str) -> list[str]:
    return [joined(above, path) for part in parts for path in (part.column, part.to) if path]


def joined(above: str, path: str) -> str:
    """One path below another; either may be empty."""
    return f"{above}/{path}" if above and path else above or path


def _completed(layout: Layout, form: Form, told: set[str]) -> Layout:
    """The layout with the columns that it says nothing about: in the table of their rows, or by themselves."""
    missing: dict[str, list[_Leaf]] = {}
    for leaf in _leaves(form.model, "", ""):
        if leaf.path not in told:
            missing.setdefault(leaf.row, []).append(leaf)
    blocks: list[BlockLayout] = []
    for block in layout.blocks:
        here = [leaf for path in _rows_of(block) for leaf in missing.pop(path, ())]
        blocks.append(_with(block, form, here))
    for row, leaves in missing.items():
        blocks.append(_block(form, row, leaves))
    return structs.replace(layout, blocks=tuple(blocks))


def _rows_of(block: BlockLayout) -> tuple[str, ...]:
    if isinstance(block, GridLayout):
        return block.row_paths
    return (block.rows,) if isinstance(block, EachLayout) else ()


def _with(block: BlockLayout, form: Form, leaves: list[_Leaf]) -> BlockLayout:
    if not leaves:
        return block
    inside = {leaf.inside: leaf for leaf in leaves}
    if isinstance(block, GridLayout):
        more = tuple(_column(form, leaf) for leaf in inside.values())
        return structs.replace(block, columns=(*block.columns, *more))
    if isinstance(block, EachLayout):
        added = FieldsLayout(fields=tuple(_field(form, leaf) for leaf in inside.values()))
        return structs.replace(block, blocks=(*block.blocks, added))
    return block


def _column(form: Form, leaf: _Leaf) -> ColumnLayout:
    narrow = leaf.element.type is not None and leaf.element.type.name in ("SoThuTu", "CoKhong")
    part = Part(leaf.inside)
    return ColumnLayout((_label(form, leaf),), (part,), width=_NARROW if narrow else _WIDE, optional=True)


def _field(form: Form, leaf: _Leaf) -> FieldLayout:
    most = leaf.element.type.characters_max if leaf.element.type else None
    return FieldLayout(_label(form, leaf), (Part(leaf.inside),), wide=(most or 0) > _LONG_CHARACTERS * 5)


def _label(form: Form, leaf: _Leaf) -> str:
    return form.label(leaf.element.name) or leaf.element.name


def _block(form: Form, row: str, leaves: list[_Leaf]) -> BlockLayout:
    if not row:
        return FieldsLayout(fields=tuple(_field(form, leaf) for leaf in leaves))
    name = row.rpartition("/")[2]
    caption = form.label(name) or name
    columns = tuple(_column(form, leaf) for leaf in leaves)
    outer = _row_above(form.model, row)
    if not outer:
        return GridLayout(columns=columns, rows=row, caption=caption)
    # Rows inside rows: told for each outer one, so that nobody wonders whose they are.
    above = outer.rpartition("/")[2]
    inner = GridLayout(columns=columns, rows=row[len(outer) + 1 :], caption=caption)
    return EachLayout(rows=outer, blocks=(inner,), title=f"{form.label(above) or above} {{number}}")


def _row_above(model: Element, row: str) -> str:
    """The repeated element that the rows stand in, "" when in none."""
    found, at, holder = "", "", model
    for name in row.split("/")[:-1]:
        at = joined(at, name)
        holder = next(child for child in holder.children if child.name == name)
        found = at if holder.repeated else found
    return found


def _plain(form: Form) -> Layout:
    """Every column of a form with its label: what stands once as labels with values, what is repeated as tables."""
    by_row: dict[str, list[_Leaf]] = {}
    for leaf in _leaves(form.model, "", ""):
        by_row.setdefault(leaf.row, []).append(leaf)
    return Layout(
        source="the form's schema and labels",
        certainty={"layout": "inferred"},
        title=form.title_vi.upper(),
        blocks=tuple(_block(form, row, leaves) for row, leaves in by_row.items()),
        landscape=any(len(leaves) > _WIDE for row, leaves in by_row.items() if row),
        text_pt=8,
        right=(f"Mẫu {form.code}", *((f"({form.decision})",) if form.decision else ())),
    )
