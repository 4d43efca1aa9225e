"""A form as its paper looks: from the form's XML and its layout to a page, and from pages to HTML and PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from schemas import typeset
from schemas.printed_cells import Marks, Path, Writer, below
from schemas.printed_findings import complaints
from schemas.printed_layout import (
    WORD,
    EachLayout,
    FieldsLayout,
    GridLayout,
    SectionLayout,
    WordsLayout,
    read_layout,
)
from schemas.printed_page import (
    Block,
    Break,
    Cell,
    Column,
    Complaints,
    Field,
    Fields,
    Grid,
    HeadCell,
    Language,
    Page,
    Section,
    Signing,
    Words,
    seen,
)
from schemas.tree import text_of
from schemas.written import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from lxml import etree

    from schemas.codes import Lists
    from schemas.findings import Finding
    from schemas.form import Form
    from schemas.printed_layout import BlockLayout, ColumnLayout, Layout

_DOTS: Final = "…………………"
_DATE_DOTS: Final = "Ngày …… tháng …… năm ………"
_FINDINGS_TITLE: Final = {"vi": "Các lỗi và lưu ý được đánh số trên tờ khai", "en": "The findings numbered on the form"}
_NOT_VALID: Final = (
    "Tờ khai này chưa đúng cấu trúc: bản in có thể không cho thấy hết nội dung. Hãy kiểm tra trước khi dùng.",
    "This form does not keep its schema: its print may not show all of it.",
)
# The blank at both sides of a cell, as the template has it.
_INSET_PT: Final = 4
_PT_IN_MM: Final = 0.3528
_PAPER_MM: Final = {("a4", False): 186, ("a4", True): 277, ("a3", False): 273, ("a3", True): 400}


class NotThisFormError(Exception):
    """A document was to be printed as a form that it is not. Not worth a retry."""


class Beside(Struct, frozen=True, kw_only=True):
    """What stands on a form's page besides its content: columns of the envelope's header, and lines about electronic
    signatures (who signed, when it was received), which the caller has verified.
    """

    header: Mapping[str, str] = {}
    stamps: tuple[str, ...] = ()


_NOTHING: Final = Beside()


def render(
    form: Form,
    root: etree._Element,
    *,
    lists: Lists,
    on: date,
    beside: Beside = _NOTHING,
    findings: Sequence[Finding] = (),
    language: Language = "vi",
) -> Page:
    """The page of one form. Codes are explained by the lists in force `on` that day.

    `findings` (of this form alone) are numbered, set beside their values and told below in `language`; the form itself
    stays Vietnamese. Raises NotThisFormError for another root, LayoutUnusableError for a bad paper.toml.
    """
    if root.tag != form.root:
        raise NotThisFormError(f"{form.code}: <{form.root}>, not <{root.tag}>")
    layout = read_layout(form)
    builder = _Builder(root, layout, Writer(lists, on, Marks(findings, root, form.rows)), beside)
    alarm = () if form.schema(root) else (Words(_NOT_VALID, "alarm"),)
    blocks = [*alarm, *builder.blocks()]
    if findings:
        blocks.append(complaints(findings, language, _FINDINGS_TITLE[language]))
    return Page(
        name=form.code,
        title=layout.title,
        blocks=tuple(blocks),
        language=language,
        size=layout.size,
        landscape=layout.landscape,
        text_pt=layout.text_pt,
        left=builder.lines(layout.left),
        right=builder.lines(layout.right),
        under_title=builder.lines(layout.under_title),
    )


def pdf(pages: Sequence[Page], made_at: datetime, *, apart: bool = False) -> bytes:
    """The pages as one PDF/A, dated `made_at`; the same pages and instant give the same bytes.

    A server sets them `apart`, in a process of its own (`typeset.pdf_apart`). Raises TypesetError.
    """
    content = ready(pages)
    return typeset.pdf_apart("page", content, made_at) if apart else typeset.pdf("page", content, made_at)


def pictures(pages: Sequence[Page], made_at: datetime) -> list[bytes]:
    """The sheets of the PDF as PNG. Raises TypesetError."""
    return typeset.pictures("page", ready(pages), made_at)


def ready(pages: Sequence[Page]) -> list[Page]:
    """The pages as the template takes them."""
    return [_with_breaks(page) for page in pages]


def _with_breaks(page: Page) -> Page:
    """The page with places to break in words that are longer than their column is wide."""
    em = _PAPER_MM[page.size, page.landscape] / (page.text_pt * _PT_IN_MM)
    return structs.replace(
        page,
        left=_cut_lines(page.left, em / 2 - 2),
        right=_cut_lines(page.right, em / 2 - 2),
        under_title=_cut_lines(page.under_title, em),
        blocks=tuple(_broken(block, em, _INSET_PT / page.text_pt) for block in page.blocks),
    )


def _cut_lines(lines: tuple[str, ...], width_em: float) -> tuple[str, ...]:
    return tuple(typeset.breakable(line, width_em) for line in lines)


def _broken(block: Block, page_em: float, inset_em: float) -> Block:
    if isinstance(block, Grid):
        whole = sum(column.width for column in block.columns) or 1
        most = [page_em * column.width / whole - inset_em for column in block.columns]
        return structs.replace(
            block,
            sections=tuple(
                structs.replace(section, rows=tuple(tuple(map(_cut, row, most)) for row in section.rows))
                for section in block.sections
            ),
        )
    if isinstance(block, Fields):
        most_em = page_em / block.across - 1
        return structs.replace(
            block,
            fields=tuple(
                structs.replace(one, value=_cut(one.value, page_em if one.wide else most_em)) for one in block.fields
            ),
        )
    if isinstance(block, Complaints):
        most_em = page_em - 2
        return structs.replace(
            block,
            items=tuple(
                structs.replace(
                    one,
                    message=typeset.breakable(one.message, most_em),
                    value=typeset.breakable(one.value, most_em),
                    fix=typeset.breakable(one.fix, most_em),
                    place=typeset.breakable(one.place, most_em),
                )
                for one in block.items
            ),
        )
    return block


def _cut(cell: Cell, width_em: float) -> Cell:
    # Letters are at most as wide as they are high: most cells need no closer look.
    if all(len(line) <= width_em for line in cell.lines):
        return cell
    return structs.replace(cell, lines=tuple(typeset.breakable(line, width_em) for line in cell.lines))


class _Builder:
    """Fills the blocks of one form's layout."""

    def __init__(self, root: etree._Element, layout: Layout, writer: Writer, beside: Beside) -> None:
        self._root = root
        self._layout = layout
        self._writer = writer
        self._beside = beside

    def blocks(self) -> list[Block]:
        """The form's blocks, and the places for signatures at its end."""
        made = [block for told in self._layout.blocks for block in self._block(told, self._root, ())]
        stamps = tuple(map(seen, self._beside.stamps))
        # Where each person has a sheet, each sheet is signed.
        if not any(isinstance(told, EachLayout) and told.own_sheet for told in self._layout.blocks):
            made += self._signing(stamps)
        elif stamps:
            made.append(Signing(stamps=stamps))
        return made

    def _signing(self, stamps: tuple[str, ...] = ()) -> list[Block]:
        layout = self._layout
        told = layout.place_date or layout.signers or stamps
        return [Signing(self._place_date(), layout.signers, stamps)] if told else []

    def lines(self, told: tuple[str, ...]) -> tuple[str, ...]:
        """Lines with their words put in; what is not known is dotted."""
        return tuple(WORD.sub(lambda word: self._word(word[1]) or _DOTS, line) for line in told)

    def _word(self, name: str) -> str:
        if "/" not in name:
            return seen(self._beside.header.get(name, ""))
        element = self._root.find(name)
        return "" if element is None else seen(text_of(element))

    def _place_date(self) -> str:
        day = parse_date(self._word(self._layout.date_from)) if self._layout.date_from else None
        date_words = f"Ngày {day:%d} tháng {day:%m} năm {day:%Y}" if day else _DATE_DOTS
        return self._layout.place_date.replace("{date}", date_words)

    def _block(self, told: BlockLayout, holder: etree._Element, at: Path) -> Iterator[Block]:
        if isinstance(told, GridLayout):
            grid = self._grid(told, holder, at)
            if not (told.optional and grid.empty):
                yield grid
        elif isinstance(told, FieldsLayout):
            fields = self._fields(told, holder, at)
            if fields.fields:
                yield fields
        elif isinstance(told, EachLayout):
            yield from self._each(told, holder, at)
        else:
            yield _words(told)

    def _each(self, told: EachLayout, holder: etree._Element, at: Path) -> Iterator[Block]:
        for number, (element, path) in enumerate(_elements(holder, told.rows, at), 1):
            if told.own_sheet and number > 1:
                yield Break()
            if told.title:
                yield Words((told.title.replace("{number}", str(number)),), "heading")
            for inner in told.blocks:
                yield from self._block(inner, element, path)
            if told.own_sheet:
                yield from self._signing()

    def _fields(self, told: FieldsLayout, holder: etree._Element, at: Path) -> Fields:
        inside = holder.find(told.at) if told.at else holder
        where = below(at, told.at)
        shown: set[Path] = set()
        made: list[Field] = []
        for one in told.fields:
            cell = Cell() if inside is None else self._writer.cell(inside, where, one.parts, shown)
            if cell.lines or cell.marks or not one.optional:
                made.append(Field(one.label, _in_one_line(cell, ", "), one.wide))
        return Fields(tuple(made), told.title, told.across)

    def _grid(self, told: GridLayout, holder: etree._Element, at: Path) -> Grid:
        rows = [
            self._row(told, element, path, path_of)
            for path_of in told.row_paths
            for element, path in _elements(holder, path_of, at)
        ]
        kept = [
            number
            for number, column in enumerate(told.columns)
            if not column.optional or any(row[1][number].lines or row[1][number].marks for row in rows)
        ]
        columns = [told.columns[number] for number in kept]
        slim = [(key, tuple(cells[number] for number in kept)) for key, cells in rows]
        person = next((n for n, c in enumerate(columns) if c.parts[0].column == told.person), -1) if told.person else -1
        signs = tuple(column.sign for column in columns)
        return Grid(
            caption=told.caption,
            columns=tuple(Column(column.width, column.align) for column in columns),
            heads=_heads(columns),
            sections=tuple(self._sections(told, slim)),
            signs=signs if any(signs) else (),
            person=person,
            empty="" if rows else "Không có dòng nào.",
        )

    def _row(self, told: GridLayout, element: etree._Element, path: Path, path_of: str) -> tuple[str, tuple[Cell, ...]]:
        """What sorts the row, and its cells; findings that no cell shows stand in the first."""
        shown: set[Path] = set()
        cells = [
            _in_one_line(cell, "; ") if column.together else cell
            for column in told.columns
            for cell in (self._writer.cell(element, path, column.parts, shown),)
        ]
        if rest := self._writer.marks.rest(path, shown):
            cells[0] = structs.replace(cells[0], marks=(*cells[0].marks, *rest))
        if told.by:
            found = element.find(told.by)
            return "" if found is None else text_of(found).strip(), tuple(cells)
        return path_of, tuple(cells)

    def _sections(self, told: GridLayout, rows: list[tuple[str, tuple[Cell, ...]]]) -> Iterator[Section]:
        if not told.sections:
            yield _section(SectionLayout("", total=told.total), [cells for _, cells in rows])
            return
        left = rows
        version = self._writer.lists.get(told.codes).at(self._writer.on) if told.codes else None
        groups = version.groups if version else {}
        for section in told.sections:
            keys = groups.get(section.group, ()) if section.group else (section.path,)
            yield _section(section, [cells for key, cells in left if key in keys])
            left = [row for row in left if row[0] not in keys]
        if left:
            yield _section(SectionLayout(told.rest or "Khác", total=told.total), [cells for _, cells in left])


def _section(told: SectionLayout, rows: list[tuple[Cell, ...]]) -> Section:
    return Section(told.title, tuple(rows), told.total.replace("{count}", str(len(rows))))


def _in_one_line(cell: Cell, between: str) -> Cell:
    return structs.replace(cell, lines=(between.join(cell.lines),)) if len(cell.lines) > 1 else cell


def _words(told: WordsLayout) -> Words:
    return Words(told.lines, told.manner)


def _elements(holder: etree._Element, path: str, at: Path) -> Iterator[tuple[etree._Element, Path]]:
    """The elements at a path, each with its place: only the last step is repeated."""
    above, _, name = path.rpartition("/")
    inside = holder.find(above) if above else holder
    if inside is None:
        return
    where = below(at, above)
    for number, element in enumerate(inside.iterchildren(name), 1):
        yield element, (*where, (name, number))


def _heads(columns: Sequence[ColumnLayout]) -> tuple[tuple[HeadCell, ...], ...]:
    """The rows of a table's head: words that neighbours share stand once, over all of them."""
    depth = max((len(column.head) for column in columns), default=1)
    heads: list[list[HeadCell]] = [[] for _ in range(depth)]
    for level in range(depth):
        number = 0
        while number < len(columns):
            head = columns[number].head
            if len(head) <= level:
                number += 1
                continue
            last = number + 1
            if len(head) > level + 1:
                while last < len(columns) and _shares(columns[last].head, head, level):
                    last += 1
                heads[level].append(HeadCell(head[level], columns=last - number))
            else:
                heads[level].append(HeadCell(head[level], rows=depth - level))
            number = last
    return tuple(tuple(row) for row in heads)


def _shares(head: tuple[str, ...], other: tuple[str, ...], level: int) -> bool:
    return len(head) > level + 1 and head[: level + 1] == other[: level + 1]
