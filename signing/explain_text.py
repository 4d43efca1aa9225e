"""Texts that were written otherwise after signing: line breaks, charsets, accents, escapes, lines of base64."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from signing.explain_outline import Leaf, Outline, is_blank
from signing.explain_search import Search, spliced
from signing.indication import Refusal

LONG_TEXTS_MAX: Final = 40
ENTITIES_MAX: Final = 20_000
_WRAPPED_FROM_CHARACTERS: Final = 65

_CR: Final = b"&#xD;"
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/=\s]|&#xD;)++")
_DOUBLED: Final = re.compile(rb"&amp;(amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_ESCAPED: Final = tuple(re.compile(rb"&(?=(?:" + names + rb");)") for names in (b"amp", b"lt|gt", b"amp|lt|gt"))
_TAG: Final = re.compile(rb'(<[^>"]*+(?:"[^"]*+"[^>"]*+)*+>)')
_NAMED: Final = {b"amp": b"&amp;", b"lt": b"&lt;", b"gt": b"&gt;", b"quot": b'"', b"apos": b"'"}
# Tone marks, which windows-1258 keeps apart while circumflex, breve and horn are part of its letters.
_TONES: Final = "\u0300\u0301\u0303\u0309\u0323"
_CHARSETS: Final = ("iso-8859-1", "windows-1252", "windows-1258")
_LINES: Final = ((76, b"\n"), (76, b"&#xD;\n"), (64, b"\n"), (64, b"&#xD;\n"))


def explain_text(outline: Outline, search: Search) -> Refusal | None:
    """Try each rewriting of all the document's texts that programs are known to do."""
    content = outline.content
    for refusal, rewrite in _REWRITINGS:
        if search.exhausted:
            return None
        for candidate in rewrite(content):
            if candidate != content and search.fits(candidate):
                return refusal
    return _explain_some_breaks(outline, search) or _explain_base64(outline, search)


def unread(text: str, charset: str) -> str | None:
    """Undo that UTF-8 bytes were read in a charset of one byte a letter; None if that cannot have happened."""
    letters = set(text)
    try:
        bytes_of = {ord(letter): _byte_of(letter, charset)[0] for letter in letters if letter > "\x7f"}
        return text.translate(bytes_of).encode("iso-8859-1").decode() if bytes_of else None
    except UnicodeError:
        return None


def _byte_of(letter: str, charset: str) -> bytes:
    try:
        return letter.encode(charset)
    except UnicodeEncodeError:
        if "\x80" <= letter <= "\x9f":  # Windows reads the bytes that its charsets leave open as control characters
            return letter.encode("iso-8859-1")
        raise


def half_composed(text: str) -> str:
    """Write accents as windows-1258 does: the letter with circumflex, breve or horn, then the tone as a mark."""
    table = {letter: _half_composed(letter) for letter in set(text) if letter > "\x7f"}
    return _NOT_ASCII.sub(lambda match: table[match[0]], text)


def _half_composed(letter: str) -> str:
    apart = unicodedata.normalize("NFD", letter)
    tones = "".join(mark for mark in apart if mark in _TONES)
    rest = unicodedata.normalize("NFC", "".join(mark for mark in apart if mark not in _TONES))
    return rest + tones


def _recoded(content: bytes) -> Iterator[bytes]:
    text = content.decode("utf-8", "replace")
    composed = unicodedata.normalize("NFC", text)
    yield composed.encode()
    yield unicodedata.normalize("NFD", text).encode()
    yield half_composed(composed).encode()


def _charset(content: bytes, charset: str) -> Iterator[bytes]:
    text = content.decode("utf-8", "replace")
    # What windows-1258 reads apart, saving may have composed.
    for written in (text, half_composed(text)) if charset == "windows-1258" else (text,):
        if (undone := unread(written, charset)) is not None:
            yield undone.encode()
            if (twice := unread(undone, charset)) is not None:
                yield twice.encode()


def _returns_lost(content: bytes) -> Iterator[bytes]:
    yield content.replace(_CR, b"").replace(b"\n", _CR + b"\n")


def _returns_added(content: bytes) -> Iterator[bytes]:
    if _CR in content:
        yield content.replace(_CR, b"")
        yield content.replace(_CR + b"\n", b"\n").replace(_CR, b"\n")


def _undoubled(match: "re.Match[bytes]") -> bytes:
    name = match[1]
    if named := _NAMED.get(name):
        return named
    number = int(b"0" + name[1:], 0) if name[1:2] in b"xX" else int(name[1:])
    return _NAMED_BY_NUMBER.get(number) or _letter(number) or match[0]


_NAMED_BY_NUMBER: Final = {ord("&"): b"&amp;", ord("<"): b"&lt;", ord(">"): b"&gt;", 13: b"&#xD;"}


def _letter(number: int) -> bytes:
    allowed = number in (9, 10) or 0x20 <= number < 0xD800 or 0xE000 <= number < 0x110000  # noqa: PLR2004
    return chr(number).encode() if allowed else b""


def _doubled_entities(content: bytes) -> Iterator[bytes]:
    if b"&amp;" in content and content.count(b"&") <= ENTITIES_MAX:
        once = _DOUBLED.sub(_undoubled, content)
        yield once
        if once != content:
            yield _DOUBLED.sub(_undoubled, once)


def _undone_entities(content: bytes) -> Iterator[bytes]:
    """Yield texts whose ampersands, brackets and quotes are escaped once more; tags stay as they are."""
    pieces = _TAG.split(content)  # texts and tags by turns
    texts = b"\0".join(pieces[0::2])
    tags = pieces[1::2]
    for pattern in _ESCAPED:
        yield _rejoined(pattern.sub(b"&amp;", texts), tags)
    for plain, written in ((b'"', b"&amp;quot;"), (b"'", b"&amp;apos;"), (b"'", b"&amp;#39;")):
        if plain in texts:
            yield _rejoined(texts.replace(plain, written), tags)
            yield _rejoined(_ESCAPED[-1].sub(b"&amp;", texts).replace(plain, written), tags)


def _rejoined(texts: bytes, tags: list[bytes]) -> bytes:
    out = [b""] * (2 * len(tags) + 1)
    out[0::2] = texts.split(b"\0")
    out[1::2] = tags
    return b"".join(out)


_Rewrite = Callable[[bytes], Iterator[bytes]]
_REWRITINGS: Final[tuple[tuple[Refusal, _Rewrite], ...]] = (
    (Refusal("digest-differs-unicode"), _recoded),
    (Refusal("digest-differs-returns-added"), _returns_added),
    (Refusal("digest-differs-returns-lost"), _returns_lost),
    *(
        (Refusal("digest-differs-charset", {"charset": charset}), partial(_charset, charset=charset))
        for charset in _CHARSETS
    ),
    (Refusal("digest-differs-entities-doubled"), _doubled_entities),
    (Refusal("digest-differs-entities-undone"), _undone_entities),
)


def _explain_some_breaks(outline: Outline, search: Search) -> Refusal | None:
    """Try with carriage returns in the texts alone, or in the blanks between tags alone."""
    content = outline.content
    values = [leaf for leaf in outline.leaves if not is_blank(content[leaf.begin : leaf.end])]
    for code, change in (("digest-differs-returns-lost", _with_returns), ("digest-differs-returns-added", _no_returns)):
        inside = [
            (leaf.begin, leaf.end, changed)
            for leaf in values
            if (changed := change(text := content[leaf.begin : leaf.end])) != text
        ]
        if inside and search.fits_with(content, inside):
            return Refusal(code)
        if inside:
            others = [(begin, end, content[begin:end]) for begin, end, _ in inside]
            if search.fits(_changed_elsewhere(content, others, change)):
                return Refusal(code)
    return None


def _with_returns(text: bytes) -> bytes:
    return text.replace(_CR, b"").replace(b"\n", _CR + b"\n")


def _no_returns(text: bytes) -> bytes:
    return text.replace(_CR, b"")


def _changed_elsewhere(content: bytes, kept: list[tuple[int, int, bytes]], change: Callable[[bytes], bytes]) -> bytes:
    out: list[bytes] = []
    at = 0
    for begin, end, text in kept:
        out += (change(content[at:begin]), text)
        at = end
    out.append(change(content[at:]))
    return b"".join(out)


def _explain_base64(outline: Outline, search: Search) -> Refusal | None:
    """Try long base64 texts in one line, and in lines of 76 or 64 characters (RFC 2045 §6.8, RFC 7468 §2)."""
    content = outline.content
    texts = [
        leaf
        for leaf in outline.leaves
        if leaf.end - leaf.begin >= _WRAPPED_FROM_CHARACTERS and _BASE64.fullmatch(content, leaf.begin, leaf.end)
    ][:LONG_TEXTS_MAX]
    if not texts:
        return None
    layouts = [list(_layouts(content[leaf.begin : leaf.end])) for leaf in texts]
    for number in range(len(layouts[0])):
        whole = [(leaf.begin, leaf.end, layout[number]) for leaf, layout in zip(texts, layouts, strict=True)]
        for edits in [whole, *([one] for one in whole)] if len(whole) > 1 else [whole]:
            if search.exhausted:
                return None
            if spliced(content, edits) != content and search.fits_with(content, edits):
                return Refusal("digest-differs-base64-lines", _named(outline, texts, edits))
    return None


def _layouts(text: bytes) -> Iterator[bytes]:
    plain = b"".join(text.replace(_CR, b"").split())
    yield plain
    for width, end in _LINES:
        lines = [plain[at : at + width] for at in range(0, len(plain), width)]
        yield end.join(lines)
        yield end.join(lines) + end
        yield end + end.join(lines) + end


def _named(outline: Outline, texts: list[Leaf], edits: list[tuple[int, int, bytes]]) -> dict[str, str]:
    return outline.place_of(next(leaf for leaf in texts if leaf.begin == edits[0][0]))
