"""Pages as one HTML file that needs nothing else: no script, no font, no picture, nothing from any network."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.printed_page import Break, Complaints, Fields, Grid, Signing, Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from schemas.printed_page import Block, Cell, Complaint, Field, HeadCell, Page

_STYLE: Final = Path(__file__).parent / "paper" / "page.css"
_VALUE: Final = {"vi": "Giá trị", "en": "Value"}
_FIX: Final = {"vi": "Cách sửa", "en": "To mend"}
_PLACE: Final = {"vi": "Vị trí", "en": "Place"}
_FINDING: Final = {"vi": "Lỗi hoặc lưu ý số", "en": "Finding"}


def html(pages: Sequence[Page]) -> str:
    """One HTML document of all pages, in their order. Every text is escaped.

    Its Content-Security-Policy lets in only this one style sheet, by its SHA-256, so that whatever stands in a form
    can neither load nor run anything.
    """
    style = _sheet() + "".join(_own_style(number, page) for number, page in enumerate(pages))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    language = pages[0].language if pages else "vi"
    title = " · ".join(dict.fromkeys(page.title for page in pages))
    body = "".join(text for number, page in enumerate(pages) for text in _page(number, page))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; "
        f"base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


@cache
def _sheet() -> str:
    return _STYLE.read_text("utf-8")


def _own_style(number: int, page: Page) -> str:
    """The page's own paper, letters and column widths."""
    paper = f"{page.size} {'landscape' if page.landscape else 'portrait'}"
    rules = [
        f"@page p{number} {{ size: {paper}; margin: 10mm; }}",
        f"#p{number} {{ page: p{number}; font-size: {page.text_pt:g}pt; }}",
    ]
    for at, block in enumerate(page.blocks):
        if isinstance(block, Grid):
            whole = sum(column.width for column in block.columns) or 1
            rules += [
                f"#p{number}t{at} col:nth-child({place}) {{ width: {100 * column.width / whole:.2f}%; }}"
                for place, column in enumerate(block.columns, 1)
            ]
    return "\n".join(rules) + "\n"


def _page(number: int, page: Page) -> Iterator[str]:
    upright = "" if page.landscape else ' class="upright"'
    yield f'<main id="p{number}"{upright}>\n'
    if page.left or page.right:
        yield f"<header><div>{_lines(page.left)}</div><div>{_lines(page.right)}</div></header>\n"
    yield f"<h1>{escape(page.title)}</h1>\n"
    if page.under_title:
        yield f'<div class="under">{_lines(page.under_title)}</div>\n'
    for at, block in enumerate(page.blocks):
        yield from _block(block, page, number, at)
    yield "</main>\n"


def _block(block: Block, page: Page, number: int, at: int) -> Iterator[str]:
    if isinstance(block, Grid):
        yield from _grid(block, page, number, at)
    elif isinstance(block, Fields):
        yield f"<h2>{escape(block.title)}</h2>\n" if block.title else ""
        inside = "".join(_field(one, number, page) for one in block.fields)
        yield f'<dl class="across{block.across}">{inside}</dl>\n'
    elif isinstance(block, Words):
        if block.manner == "heading":
            yield "".join(f"<h2>{escape(line)}</h2>\n" for line in block.lines)
        else:
            yield f'<div class="words {block.manner}">{_lines(block.lines)}</div>\n'
    elif isinstance(block, Break):
        yield '<div class="sheet"></div>\n'
    elif isinstance(block, Complaints):
        yield f"<h2>{escape(block.title)}</h2>\n" if block.title else ""
        inside = "".join(_complaint(one, number, page) for one in block.items)
        yield f'<ol class="complaints">{inside}</ol>\n'
    else:
        yield from _signing(block)


def _grid(grid: Grid, page: Page, number: int, at: int) -> Iterator[str]:
    yield f'<div class="wide-table"><table id="p{number}t{at}">\n'
    # A table without a title of its own has the page's, for those who hear it.
    unseen = "" if grid.caption else ' class="unseen"'
    yield f"<caption{unseen}>{escape(grid.caption or page.title)}</caption>\n"
    yield f"<colgroup>{'<col>' * len(grid.columns)}</colgroup>\n<thead>\n"
    for row in grid.heads:
        yield f"<tr>{''.join(map(_head, row))}</tr>\n"
    if grid.signs:
        yield f'<tr class="signs">{"".join(f"<th>{escape(sign)}</th>" for sign in grid.signs)}</tr>\n'
    yield "</thead>\n"
    classes = ["" if column.align == "left" else column.align for column in grid.columns]
    span = len(grid.columns)
    for section in grid.sections:
        yield "<tbody>\n"
        if section.title:
            yield f'<tr><th class="section" scope="rowgroup" colspan="{span}">{escape(section.title)}</th></tr>\n'
        for cells in section.rows:
            yield "<tr>"
            for place, (cell, named) in enumerate(zip(cells, classes, strict=True)):
                yield _cell(cell, named, number, page, names_row=place == grid.person)
            yield "</tr>\n"
        if section.total:
            yield f'<tr><td class="total" colspan="{span}">{escape(section.total)}</td></tr>\n'
        yield "</tbody>\n"
    if grid.empty:
        yield f'<tbody><tr><td colspan="{span}">{escape(grid.empty)}</td></tr></tbody>\n'
    yield "</table></div>\n"


def _head(cell: HeadCell) -> str:
    columns = f' colspan="{cell.columns}"' if cell.columns > 1 else ""
    rows = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    scope = "colgroup" if cell.columns > 1 else "col"
    return f'<th scope="{scope}"{columns}{rows}>{escape(cell.text)}</th>'


def _cell(cell: Cell, named: str, number: int, page: Page, *, names_row: bool) -> str:
    classes = " ".join(filter(None, (named, _severity(cell))))
    said = f' class="{classes}"' if classes else ""
    inside = "<br>".join(map(escape, cell.lines)) + _marks(cell, number, page)
    return f'<th scope="row"{said}>{inside}</th>' if names_row else f"<td{said}>{inside}</td>"


def _severity(cell: Cell) -> str:
    return "" if not cell.marks else "error" if any(m.severity == "error" for m in cell.marks) else "warning"


def _marks(cell: Cell, number: int, page: Page) -> str:
    label = _FINDING[page.language]
    return "".join(
        f'<sup><a href="#p{number}f{mark.number}" aria-label="{label} {mark.number}">[{mark.number}]</a></sup>'
        for mark in cell.marks
    )


def _field(one: Field, number: int, page: Page) -> str:
    named = _severity(one.value)
    said = f' class="{named}"' if named else ""
    inside = "<br>".join(map(escape, one.value.lines)) + _marks(one.value, number, page)
    wide = ' class="wide"' if one.wide else ""
    return f"<div{wide}><dt>{escape(one.label)}</dt><dd{said}>{inside}</dd></div>"


def _complaint(one: Complaint, number: int, page: Page) -> str:
    language = page.language
    told = [f"<p><b>{one.number}. {escape(one.head)}</b></p>", f"<p>{escape(one.message)}</p>"]
    if one.value:
        told.append(f"<p>{_VALUE[language]}: “{escape(one.value)}”</p>")
    told.append(f"<p>{_FIX[language]}: {escape(one.fix)}</p>")
    if one.place:
        told.append(f'<p class="place">{_PLACE[language]}: {escape(one.place)}</p>')
    return f'<li id="p{number}f{one.number}" class="is-{one.severity}">{"".join(told)}</li>\n'


def _signing(block: Signing) -> Iterator[str]:
    if block.place_date:
        yield f'<p class="date">{escape(block.place_date)}</p>\n'
    if block.signers:
        places = "".join(
            f'<div><p><b>{escape(one.title)}</b></p><p class="note">{escape(one.note)}</p>'
            f'<p class="line"></p><p>{escape(one.name)}</p></div>'
            for one in block.signers
        )
        yield f'<div class="signing">{places}</div>\n'
    if block.stamps:
        yield f'<div class="stamps">{_lines(block.stamps)}</div>\n'


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)
