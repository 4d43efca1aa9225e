"""Where a sheet's headers stand and which column of the form each of them means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from openpyxl.utils import get_column_letter

from schemas.findings import cut
from schemas.sheet_words import COMMON, Vocabulary, key

if TYPE_CHECKING:
    from schemas.form import Form
    from schemas.sheet_grid import Grid

HEADER_ROW_MAX: Final = 60
HEADER_LINES_MAX: Final = 4
_NAMES_IN_CODE_ROW_MIN: Final = 5
_COLUMNS_KNOWN_MIN: Final = 2
_HEADERS_REPEATED_MIN: Final = 3
_LIKENESS_MIN: Final = 0.6
_NEAR_MISSES_MAX: Final = 3
_PART_CHARACTERS_MIN: Final = 4
_SHOWN_CHARACTERS_MAX: Final = 60
_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TOKEN: Final = re.compile(r"[(\[]?\s*(?:[0-9]{1,2}(?:\.[0-9]{1,2})?|[A-Za-z][0-9]?)\s*[)\]]?(?:\s*=.*)?")
_GROUPS: Final = tuple(key(group) for group in COMMON.groups)
_NOTES: Final = frozenset(key(note) for note in COMMON.lines.notes)


class HeadersUnclear(Exception):
    """The headers do not say which column is which; the message names them and what to do. Not worth a retry."""


class Header(Struct, frozen=True):
    """One header of the sheet: where, its words, and why it is not used when it is not."""

    cell: str
    text: str
    why_vi: str = ""
    why_en: str = ""


class Headers(Struct, frozen=True):
    """The header of one sheet: its lines (`top` to `bottom`), the first row below it, and the sheet column of each
    of the form's columns.
    """

    top: int
    bottom: int
    below: int
    columns: Mapping[str, int]
    used: Mapping[str, Header]
    unused: tuple[Header, ...]
    missing: tuple[str, ...]


class _Match(Struct, frozen=True):
    column: str
    strong: bool


def find_headers(grid: Grid, vocabulary: Vocabulary, given: Mapping[str, int], filled: frozenset[str]) -> Headers:
    """The header of a sheet, or what comes nearest to one.

    `given` says which sheet column to take, whatever stands over it; `filled` columns need no header. Raises
    HeadersUnclear when two headers claim one column, or when nothing looks like a header.
    """
    texts = _texts(grid)
    best: tuple[int, int, int] | None = None
    for top in [row for row in sorted(texts) if row <= HEADER_ROW_MAX]:
        for lines in range(1, HEADER_LINES_MAX + 1):
            bottom = top + lines - 1
            if bottom not in texts:
                continue
            known = {match.column for match in _matches(texts, top, bottom, vocabulary).values()}
            score = (len(known), -lines, -top)
            if best is None or score > best:
                best = score
    if best is None or best[0] + len(given) < _COLUMNS_KNOWN_MIN:
        raise HeadersUnclear(
            f"trang “{grid.name}”: không thấy dòng tiêu đề trong {HEADER_ROW_MAX} dòng đầu "
            f"(cần những cột như {_examples(vocabulary)}) · no header row in the first {HEADER_ROW_MAX} rows"
        )
    top, bottom = -best[2], -best[2] - best[1] - 1
    bottom = _with_repeats(texts, bottom, vocabulary)
    found = _choose(grid, texts, top, bottom, vocabulary, given)
    missing = tuple(
        name
        for name, column in vocabulary.columns.items()
        if column.required and name not in found[0] and name not in filled
    )
    below = _below(texts, bottom)
    return Headers(top, bottom, below, found[0], found[1], found[2], missing)


def say_missing(grid: Grid, form: Form, headers: Headers, vocabulary: Vocabulary) -> HeadersUnclear:
    """Name each required column that has no header, and the headers that come near it."""
    said = []
    for name in headers.missing:
        label = vocabulary.columns[name].label or name
        near = near_misses(name, headers.unused, vocabulary)
        shown = ", ".join(f"“{cut(each.text, _SHOWN_CHARACTERS_MAX)}” (ô {each.cell})" for each in near)
        said.append(f"“{label}” ({name})" + (f", gần giống · near: {shown}" if shown else ""))
    letter = get_column_letter(max(headers.columns.values(), default=1) + 1)
    return HeadersUnclear(
        f"{form.code}, trang “{grid.name}”, dòng tiêu đề {headers.bottom}: thiếu cột bắt buộc · required columns "
        f"without a header: {'; '.join(said)}. Sửa tiêu đề, hoặc chỉ cột: --column {headers.missing[0]}={letter}, "
        f"hoặc ghi chung cho mọi dòng: --set {headers.missing[0]}=…"
    )


def near_misses(column: str, unused: Sequence[Header], vocabulary: Vocabulary) -> list[Header]:
    """The unused headers that look most like the column's names."""
    words = vocabulary.words_of(column)
    scored = []
    for header in unused:
        score = max((_likeness(key(header.text), word) for word in words), default=0.0)
        if score >= _LIKENESS_MIN:
            scored.append((score, header))
    scored.sort(key=lambda each: -each[0])
    return [header for _, header in scored[:_NEAR_MISSES_MAX]]


def _likeness(told: str, word: str) -> float:
    if min(len(told), len(word)) >= _PART_CHARACTERS_MIN and (told in word or word in told):
        return 1.0
    return difflib.SequenceMatcher(None, told, word).ratio()


def _texts(grid: Grid) -> dict[int, dict[int, str]]:
    """The words of the rows where a header may stand; a merged range says its words in every cell."""
    last = HEADER_ROW_MAX + HEADER_LINES_MAX + 3
    found = {
        row: {column: " ".join(str(cell.value).split()) for column, cell in cells.items()}
        for row, cells in grid.rows.items()
        if row <= last
    }
    for one in grid.merged:
        text = found.get(one.top, {}).get(one.left, "")
        if text and one.top <= last:
            for row in range(one.top, min(one.bottom, last) + 1):
                for column in range(one.left, one.right + 1):
                    found.setdefault(row, {}).setdefault(column, text)
    return found


def _pieces(texts: Mapping[int, Mapping[int, str]], top: int, bottom: int, column: int) -> list[tuple[str, bool]]:
    """What stands over a column, from the top down, and whether it spans several columns.

    A group's words that were not merged carry to the right, over the columns that have words of their own below.
    """
    found: list[tuple[str, bool]] = []
    for row in range(top, bottom + 1):
        line = texts.get(row, {})
        text = line.get(column, "")
        spans = bool(text) and (line.get(column + 1) == text or line.get(column - 1) == text)
        if not text and any(texts.get(lower, {}).get(column) for lower in range(row + 1, bottom + 1)):
            left = max((at for at in line if at < column), default=0)
            carried = left and all(
                any(texts.get(lower, {}).get(at) for lower in range(row + 1, bottom + 1))
                for at in range(left, column + 1)
            )
            text, spans = (line[left], True) if carried else ("", False)
        if text and (not found or found[-1][0] != text):
            found.append((text, spans))
    return found


def _match(pieces: Sequence[tuple[str, bool]], vocabulary: Vocabulary) -> _Match | None:
    """The longest words that mean a column: group and header together before the header alone."""
    words = [text for text, _ in pieces]
    for start in range(len(words)):
        if start == len(words) - 1 and any(
            spans and any(group in key(text) for group in _GROUPS) for text, spans in pieces[:-1]
        ):
            break  # “Chức vụ” under “Phụ cấp” is no job title
        if told := vocabulary.column(" ".join(words[start:])):
            return _Match(*told)
    for text, spans in reversed(pieces[:-1]):
        if not spans and (told := vocabulary.column(text)):
            return _Match(*told)
    return None


def _code_row(texts: Mapping[int, Mapping[int, str]], top: int, bottom: int, vocabulary: Vocabulary) -> int | None:
    """The line of a vendor's template that holds the names of the XML's own elements."""
    for row in range(top, bottom + 1):
        line = [text for text in texts.get(row, {}).values() if _IDENTIFIER.fullmatch(text)]
        if sum(key(text) in vocabulary.names for text in line) >= _NAMES_IN_CODE_ROW_MIN:
            return row
    return None


def _matches(
    texts: Mapping[int, Mapping[int, str]], top: int, bottom: int, vocabulary: Vocabulary
) -> dict[int, _Match]:
    columns = sorted({column for row in range(top, bottom + 1) for column in texts.get(row, {})})
    codes = texts.get(_code_row(texts, top, bottom, vocabulary) or 0, {})
    found: dict[int, _Match] = {}
    for column in columns:
        code = codes.get(column, "")
        if _IDENTIFIER.fullmatch(code):
            if name := vocabulary.names.get(key(code)):
                found[column] = _Match(name, strong=True)
            continue
        if match := _match(_pieces(texts, top, bottom, column), vocabulary):
            found[column] = match
    return found


def _with_repeats(texts: Mapping[int, Mapping[int, str]], bottom: int, vocabulary: Vocabulary) -> int:
    """The header's last line, when lines below say the same in other words."""
    while True:
        line = [text for text in texts.get(bottom + 1, {}).values() if text]
        known = sum(vocabulary.column(text) is not None for text in line)
        if known < _HEADERS_REPEATED_MIN or known * 2 < len(line):
            return bottom
        bottom += 1


def _choose(
    grid: Grid,
    texts: Mapping[int, Mapping[int, str]],
    top: int,
    bottom: int,
    vocabulary: Vocabulary,
    given: Mapping[str, int],
) -> tuple[dict[str, int], dict[str, Header], tuple[Header, ...]]:
    """One sheet column for each column of the form; the headers that are used, and those that are not."""
    headers: dict[int, Header] = {}
    for column in sorted({column for row in range(top, bottom + 1) for column in texts.get(row, {})}):
        words = " › ".join(text for text, _ in _pieces(texts, top, bottom, column))
        at = max(row for row in range(top, bottom + 1) if column in texts.get(row, {}))
        headers[column] = Header(_anchor(grid, at, column), words)
    matches = _matches(texts, top, bottom, vocabulary)
    matches = {at: match for at, match in matches.items() if at not in given.values() and match.column not in given}
    claims: dict[str, list[int]] = {}
    for column, match in matches.items():
        claims.setdefault(match.column, []).append(column)
    chosen = dict(given)
    why: dict[int, tuple[str, str]] = {}
    for name, claimed in claims.items():
        strong = [column for column in claimed if matches[column].strong] or claimed
        if len(strong) > 1:
            raise _two_headers(grid, name, [headers[column] for column in strong], vocabulary)
        chosen[name] = strong[0]
        other = headers[strong[0]].cell
        why |= {
            column: (f"đã lấy cột {name} ở ô {other}", f"{name} is taken from {other}")
            for column in claimed
            if column != strong[0]
        }
    unknown = ("không nhận ra cột nào của mẫu", "no column of the form is known by it")
    unused = tuple(
        Header(header.cell, header.text, *why.get(column, unknown))
        for column, header in headers.items()
        if column not in chosen.values()
    )
    nameless = {name: Header(f"{get_column_letter(at)}{bottom}", "") for name, at in chosen.items()}
    return chosen, {name: headers.get(at, nameless[name]) for name, at in chosen.items()}, unused


def _anchor(grid: Grid, row: int, column: int) -> str:
    """The cell that holds the words: of a merged range its first."""
    for one in grid.merged:
        if one.top <= row <= one.bottom and one.left <= column <= one.right:
            return f"{get_column_letter(one.left)}{one.top}"
    return f"{get_column_letter(column)}{row}"


def _two_headers(grid: Grid, name: str, headers: Sequence[Header], vocabulary: Vocabulary) -> HeadersUnclear:
    shown = ", ".join(f"“{cut(each.text, _SHOWN_CHARACTERS_MAX)}” (ô {each.cell})" for each in headers)
    letter = headers[0].cell.rstrip("0123456789")
    return HeadersUnclear(
        f"trang “{grid.name}”: hai tiêu đề cùng là cột “{vocabulary.columns[name].label or name}” ({name}): {shown} · "
        f"two headers for one column. Xoá hoặc đổi tên một cột, hoặc chọn · or choose: --column {name}={letter}"
    )


def _below(texts: Mapping[int, Mapping[int, str]], bottom: int) -> int:
    """The first row below the header that is neither its number row (“(1)”, “A”, “B”) nor a row of notes."""
    row = bottom + 1
    while line := [text for text in texts.get(row, {}).values() if text]:
        is_numbers = len(line) >= _HEADERS_REPEATED_MIN and all(_TOKEN.fullmatch(text) for text in line)
        if not is_numbers and not all(key(text) in _NOTES for text in line):
            break
        row += 1
    return row


def _examples(vocabulary: Vocabulary) -> str:
    required = [column.label or name for name, column in vocabulary.columns.items() if column.required]
    return ", ".join(f"“{label}”" for label in required[:5])
