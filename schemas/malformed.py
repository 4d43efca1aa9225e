"""Why bytes are no XML, told so that the writer finds the very character: line, column, row, element and remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from lxml import etree
from msgspec import structs

from schemas.findings import Place, finding

if TYPE_CHECKING:
    from schemas.findings import Finding

NEIGHBOURHOOD_CHARACTERS_MAX: Final = 30
# Beyond this the search for row and element is given up; line and column are always told.
SEARCH_BYTES_MAX: Final = 16 * 1024 * 1024

# A name between "&" and ";" is at most so long when a person meant one.
ENTITY_BYTES_MAX: Final = 100

_E: Final = etree.ErrorTypes
_AMPERSAND_ERRORS: Final = frozenset(
    {
        _E.ERR_NAME_REQUIRED,
        _E.ERR_ENTITYREF_SEMICOL_MISSING,
        _E.ERR_INVALID_CHARREF,
        _E.ERR_INVALID_HEX_CHARREF,
        _E.ERR_INVALID_DEC_CHARREF,
        _E.ERR_INVALID_CHAR,
    },
)
# Possessive and closed at the end of the searched part, so that no input makes it go back over what it has read.
_TAG: Final = re.compile(
    rb"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)"
    rb"|<(?P<end>/)?(?P<name>[A-Za-z_][\w.:-]*+)(?P<rest>[^<>]*+)>",
    re.DOTALL,
)
# A "<" that opens no tag: another "<" comes before any ">", or what follows cannot begin a name.
_STRAY_LESS: Final = re.compile(rb"<(?![!?])(?=[^<>]*<|[^A-Za-z_/:\x80-\xff])")
_STRAY_AMPERSAND: Final = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_ENTITY: Final = re.compile(rb"&([A-Za-z][A-Za-z0-9]*);")
_FIRST_COLUMN: Final = b"STT"
_NAME_COLUMN: Final = b"HoTen"


class _Open:
    """An element that stands open at the error: its name, its place among namesakes, what was seen inside it."""

    __slots__ = ("name", "number", "seen", "start")

    def __init__(self, name: bytes, number: int, start: int) -> None:
        self.name, self.number, self.start = name, number, start
        self.seen: dict[bytes, int] = {}


def explain(content: bytes, error: etree.XMLSyntaxError, place: Place, *, depth_max: int) -> Finding:
    """Turn libxml2's refusal into a finding. The bytes were refused already: nothing here can accept them."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as broken:
        return _broken_bytes(content, broken.start, place)
    reason = cast("int", vars(error).get("code", 0))
    if reason == _E.ERR_RESOURCE_LIMIT:
        return finding("xml-too-deep", place, depth_max=depth_max)
    line, column = error.lineno or 1, (error.offset or 0) + 1
    at = _offset(content, line, column)
    if reason == _E.ERR_DOCUMENT_EMPTY and not content.strip(b"\xef\xbb\xbf \t\r\n"):
        return finding("xml-empty", place)
    code, at = _classify(content, reason, at)
    line, column = _line_column(content, at)
    where = _where(content, at, place)
    element = where.column or "?"
    words: dict[str, str | int] = {
        "line": line,
        "column": column,
        "near": neighbourhood(content, at),
        "element": element,
        "reason": re.sub(r", line \d+, column \d+.*$", "", error.msg or ""),
    }
    if code == "xml-unknown-entity" and (match := _ENTITY.match(content, at)):
        return finding(code, structs.replace(where, line=line), words, value=match[0].decode("ascii"))
    return finding(code, structs.replace(where, line=line), words)


def _classify(content: bytes, code: int, at: int) -> tuple[str, int]:
    """What kind of mistake it is, and the byte where it stands (libxml2 stops a little after it)."""
    if code == _E.ERR_DOCUMENT_EMPTY:
        return "xml-not-xml", at
    ending = content.rstrip()
    if at >= len(ending) and (code == _E.ERR_TAG_NOT_FINISHED or not ending.endswith(b">")):
        return "xml-truncated", len(content)
    before = max(0, at - 200)
    ampersand = [m.start() for m in _STRAY_AMPERSAND.finditer(content, before, min(at + 1, len(content)))]
    if code in (_E.ERR_UNDECLARED_ENTITY, _E.WAR_UNDECLARED_ENTITY) and ampersand:
        return "xml-unknown-entity", ampersand[-1]
    if code in _AMPERSAND_ERRORS and ampersand and at - ampersand[-1] <= ENTITY_BYTES_MAX:
        return "xml-unescaped-ampersand", ampersand[-1]
    # A stray "<" may be noticed far behind it, when tags no longer close: then the last one before the error counts.
    last = content.rfind(b"<", 0, at + 1)
    for start in (last, content.rfind(b"<", 0, max(last, 0))):
        if start >= 0 and _STRAY_LESS.match(content, start):
            return "xml-unescaped-less-than", start
    if code == _E.ERR_TAG_NAME_MISMATCH and (stray := _like_a_tag(content, at)) >= 0:
        return "xml-unescaped-less-than", stray
    if code == _E.ERR_TAG_NAME_MISMATCH:
        return "xml-tag-mismatch", at
    if code == _E.ERR_INVALID_CHAR:
        return "xml-control-character", at
    return "xml-malformed", at


def _like_a_tag(content: bytes, at: int) -> int:
    """A "<name>" in free text: text stands before it inside the same element, and it is never closed."""
    end = content.rfind(b"</", 0, at + 1)
    start = content.rfind(b"<", 0, max(end, 0))
    if start <= 0 or content[start : start + 2] == b"</":
        return -1
    before = content[content.rfind(b">", 0, start) + 1 : start]
    return start if before.strip() else -1


def _where(content: bytes, at: int, place: Place) -> Place:
    """The element open at the error and the employee's row it belongs to."""
    if at > SEARCH_BYTES_MAX:
        return place
    stack: list[_Open] = [_Open(b"", 1, 0)]
    name_start = -1
    row_name = b""
    for match in _TAG.finditer(content, 0, at):
        name = match["name"]
        if name is None:
            continue
        if match["end"]:
            if len(stack) > 1 and stack[-1].name == name:
                closed = stack.pop()
                if name == _NAME_COLUMN and name_start == closed.start:
                    row_name = content[closed.start : match.start()]
            continue
        number = stack[-1].seen[name] = stack[-1].seen.get(name, 0) + 1
        if name == _FIRST_COLUMN:
            row_name = b""
        if match["rest"].rstrip().endswith(b"/"):
            continue
        stack.append(_Open(name, number, match.end()))
        if name == _NAME_COLUMN:
            name_start = match.end()
    row = next((item for item in reversed(stack) if _FIRST_COLUMN in item.seen), None)
    opened = stack[1:]
    return structs.replace(
        place,
        pointer="".join(f"/{_text(item.name)}[{item.number}]" for item in opened),
        column=_text(opened[-1].name) if opened else "",
        row=None if row is None else row.number,
        row_name="" if row is None else _text(row_name).strip(),
    )


def neighbourhood(content: bytes, at: int) -> str:
    """The characters round a byte, on one line, as a person can search for them."""
    width = NEIGHBOURHOOD_CHARACTERS_MAX * 4
    before = content[max(0, at - width) : at].decode("utf-8", "ignore").rpartition("\n")[2]
    after = content[at : at + width].decode("utf-8", "ignore").partition("\n")[0]
    shown = before[-NEIGHBOURHOOD_CHARACTERS_MAX:] + after[:NEIGHBOURHOOD_CHARACTERS_MAX]
    return "".join(letter if letter.isprintable() else "�" for letter in shown)


def _broken_bytes(content: bytes, at: int, place: Place) -> Finding:
    line = content.count(b"\n", 0, at) + 1
    where = structs.replace(_where(content, at, place), line=line)
    near = neighbourhood(content, at)
    return finding("xml-encoding-bytes", where, offset=at, byte=f"{content[at]:02X}", line=line, near=near)


def _offset(content: bytes, line: int, column: int) -> int:
    """The byte at which a line and a column (in characters, from 1) stand."""
    start = 0
    for _ in range(line - 1):
        found = content.find(b"\n", start)
        if found < 0:
            break
        start = found + 1
    end = content.find(b"\n", start)
    text = content[start : end if end >= 0 else len(content)].decode("utf-8", "ignore")
    return min(start + len(text[: column - 1].encode()), len(content))


def _line_column(content: bytes, at: int) -> tuple[int, int]:
    start = content.rfind(b"\n", 0, at) + 1
    return content.count(b"\n", 0, at) + 1, len(content[start:at].decode("utf-8", "ignore")) + 1


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
