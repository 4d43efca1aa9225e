"""The text of a PDF as a reader would copy it, sheet by sheet: through each font's own table from glyphs to letters."""

import io
import re

from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.reader import PdfFileReader

_TOKEN = re.compile(rb"<<|>>|<[0-9A-Fa-f\s]*>|\(|[\[\]]|/[^\s<>\[\]()/]*|[^\s<>\[\]()/]+", re.DOTALL)
_PART = re.compile(rb"\\(?:[0-7]{1,3}|\r\n|.)|[()]|[^\\()]+", re.DOTALL)
_PAIR = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")


def sheets(pdf: bytes) -> list[str]:
    """The text of each sheet, in the order in which it is drawn."""
    reader = PdfFileReader(io.BytesIO(pdf))
    return [_text(page) for page in _leaves(reader.root["/Pages"])]


def _leaves(node):
    if node["/Type"] == pdf_name("/Page"):
        yield node
    else:
        for kid in node["/Kids"]:
            yield from _leaves(kid.get_object())


def _text(page) -> str:
    fonts = {name[1:].encode(): _letters(font.get_object()) for name, font in page["/Resources"]["/Font"].items()}
    found: list[str] = []
    letters: dict[bytes, str] = {}
    operands: list[bytes] = []
    strings: list[bytes] = []
    for kind, value in _tokens(page["/Contents"].data):
        if kind == "string":
            strings.append(value)
        elif value == b"Tf":
            letters = fonts[operands[-2]]
        elif value in (b"Tj", b"TJ"):
            codes = b"".join(strings)
            found += [letters.get(codes[at : at + 2], "\ufffd") for at in range(0, len(codes), 2)]
        if kind == "word" and value.isalpha():
            operands, strings = [], []
        elif kind == "word":
            operands.append(value.removeprefix(b"/"))
    return "".join(found)


def _tokens(content: bytes):
    """Strings, and all other words, of a content stream (ISO 32000-1 §7.3.4)."""
    at = 0
    while found := _TOKEN.search(content, at):
        at = found.end()
        token = found[0]
        if token == b"(":
            value, at = _literal(content, at)
            yield "string", value
        elif token.startswith(b"<") and token != b"<<":
            yield "string", bytes.fromhex(token[1:-1].decode())
        else:
            yield "word", token


def _literal(content: bytes, at: int) -> tuple[bytes, int]:
    depth, value = 1, b""
    while depth:
        found = _PART.match(content, at)
        assert found
        at = found.end()
        part = found[0]
        if part == b"(":
            depth += 1
        elif part == b")":
            depth -= 1
        value += _unescaped(part[1:]) if part.startswith(b"\\") else part if depth else b""
    return value, at


def _unescaped(said: bytes) -> bytes:
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r\n": b""}
    return bytes([int(said, 8)]) if said.isdigit() else plain.get(said, said)


def _letters(font) -> dict[bytes, str]:
    """Which letters each glyph stands for, by the font's ToUnicode table; none for `.notdef`."""
    table = font["/ToUnicode"].data
    told = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for code, letters in _PAIR.findall(block):
            told[bytes.fromhex(code.decode())] = bytes.fromhex(letters.decode()).decode("utf-16-be")
    assert b"beginbfrange" not in table
    return told
