"""Active content in a PDF, by the names that stand in it: in plain sight, in object streams, and in every revision."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

UNPACKED_BYTES_MAX: Final = 32 * 1024 * 1024
# A file with more of them is not written by a program that anybody uses; they are then told without looking.
OPEN_ACTIONS_FOLLOWED_MAX: Final = 4
REVISIONS_FOLLOWED_MAX: Final = 64
# A stream's dictionary stands right before it; no honest one is longer.
_DICTIONARY_BYTES_MAX: Final = 8192
_OPENED_BYTES_MAX: Final = 1024
# The numbers and places at the beginning of an object stream.
_HEADER_BYTES_MAX: Final = 256 * 1024

# ISO 32000-2 §12.6.4 (actions), §12.6.3 (triggers), §7.11.4 (embedded files), §13 (multimedia), §12.7 (forms).
_LONG: Final = {
    b"JavaScript": "javascript",
    b"OpenAction": "open-action",
    b"Launch": "launch",
    b"EmbeddedFile": "embedded-file",
    b"EmbeddedFiles": "embedded-file",
    b"RichMedia": "rich-media",
    b"RichMediaExecute": "rich-media",
    b"Rendition": "rich-media",
    b"SubmitForm": "submit-form",
    b"ImportData": "import-data",
    b"GoToR": "remote-go-to",
    b"GoToE": "remote-go-to",
}
# Too short to be looked for where any bytes may stand: a picture holds them by chance. An action that does harm has a
# long name besides.
_SHORT: Final = {b"JS": "javascript", b"AA": "additional-action", b"XFA": "xfa-form"}
_NAMES: Final = _LONG | _SHORT


def _pattern(names: Collection[bytes]) -> re.Pattern[bytes]:
    """Any of these names, each letter of which may be written as # and two digits (§7.3.5)."""
    spelt = ["".join(f"(?:{chr(letter)}|#(?i:{letter:02x}))" for letter in name) for name in names]
    first = "".join(sorted({chr(name[0]) for name in names}))
    return re.compile((rf"/(?=[{first}#])(" + "|".join(spelt) + r")(?=[\0\t\n\f\r ()<>\[\]{}/%]|\Z)").encode("ascii"))


_NAME: Final = _pattern(_NAMES)
_LONG_NAME: Final = _pattern(_LONG)
_ESCAPE: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_LINE_ENDS: Final = (b"\r", b"\n")
_NUMBER: Final = re.compile(rb"(?<!\d)(\d{1,10})[\0\t\n\f\r ]+\d{1,5}[\0\t\n\f\r ]+obj")
_FILTER: Final = re.compile(rb"/Filter\s*(/\w+|\[[^\]]{0,200}\]|\d+\s+\d+\s+R)")
_PLAIN_FILTERS: Final = frozenset({b"/FlateDecode", b"/Fl"})
_PREDICTOR: Final = re.compile(rb"/Predictor\s*(?!1\b)\d")
_FIRST: Final = re.compile(rb"/First\s+(\d{1,10})(?!\s+\d+\s+R)")
_ENCRYPT: Final = re.compile(rb"/Encrypt\s*(?:<<|\d+\s+\d+\s+R)")
# A destination is an array; an action that only goes to one is a GoTo with no Next.
_PLACE: Final = re.compile(rb"\d{1,10}")
_REFERENCE: Final = re.compile(rb"\s*(\d{1,10})\s+\d{1,5}\s+R")
_ONLY_A_PAGE: Final = re.compile(
    rb"\s*(?:\[|<<(?!(?:(?!>>).)*/Next)(?:(?!>>).)*?/S\s*/GoTo(?=[\s/<>\[(]))",
    re.DOTALL,
)


class _Text:
    """A run of the file between two streams, or an unpacked object stream, whose objects begin at `first`."""

    __slots__ = ("content", "first")

    def __init__(self, content: bytes, first: int = 0) -> None:
        self.content = content
        self.first = first


def in_pdf(content: bytes, tell: Callable[[str, str], None]) -> str:
    """Tell each kind once and the object it stands in; the fault that kept from looking everywhere, or "".

    Reads no cross-reference table: what readers mend or what a later revision hides is seen too, and the work grows
    with the length alone.
    """
    found: dict[str, str] = {}
    texts, fault = _texts(content, found)
    followed = 0
    for one in texts:
        for name in _NAME.finditer(one.content):
            kind, at = _NAMES[_plain(name[1])], name.end()
            if kind in found:
                continue
            if kind == "open-action" and followed < OPEN_ACTIONS_FOLLOWED_MAX:
                followed += 1
                if _only_turns_a_page(one.content, at, texts):
                    continue
            found[kind] = "" if one.first else _where(one.content, at)
    for kind, where in found.items():
        tell(kind, where)
    return fault


def _texts(content: bytes, found: dict[str, str]) -> tuple[list[_Text], str]:
    """Whatever may hold objects; what has a long name inside streams of other kinds goes into `found` at once, for a
    stream may be feigned. And the fault, as `in_pdf` returns it.
    """
    texts: list[_Text] = []
    fault, left = "", UNPACKED_BYTES_MAX
    for text, stream in _parts(content):
        texts.append(_Text(text))
        dictionary = _plain(text[-_DICTIONARY_BYTES_MAX:])
        dictionary = dictionary[dictionary.rfind(b" obj") + 1 :]
        if _ENCRYPT.search(dictionary) or _ENCRYPT.search(text):
            fault = "encrypted"
        for name in _LONG_NAME.finditer(stream):
            if (kind := _LONG[_plain(bytes(name[1]))]) not in found:
                found[kind] = _where(text, len(text))
        if b"/ObjStm" in dictionary or (b"/First" in dictionary and b"/N" in dictionary):
            unpacked = _unpack(stream, dictionary, left)
            if unpacked is None:
                fault = fault or "an object stream cannot be read"
            else:
                left -= len(unpacked.content)
                texts.append(unpacked)
    return texts, fault


def _parts(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """What stands before each stream, and the stream; the last text has an empty one."""
    position = at = 0
    while (at := content.find(b"stream", at)) >= 0:
        begins = at + len(b"stream")
        if content[begins : begins + 1] not in _LINE_ENDS or content.startswith(b"end", max(0, at - 3)):
            at = begins
            continue
        text = content[position:at]
        begins += 2 if content.startswith(b"\r\n", begins) else 1
        position = content.find(b"endstream", begins)
        position = at = len(content) if position < 0 else position
        yield text, memoryview(content)[begins:position]
    yield content[position:], memoryview(b"")


def _unpack(stream: memoryview, dictionary: bytes, bytes_max: int) -> _Text | None:
    """Unpack an object stream (§7.5.7), at most `bytes_max`; None when it cannot be."""
    named, first = _FILTER.search(dictionary), _FIRST.search(dictionary)
    if first is None or _PREDICTOR.search(dictionary):
        return None
    if named is None:
        plain = b"/Filter" not in dictionary and len(stream) <= bytes_max
        return _Text(bytes(stream), int(first[1])) if plain else None
    if named[1].strip(b"[] \t\r\n") not in _PLAIN_FILTERS:
        return None
    inflater = zlib.decompressobj()
    try:
        unpacked = inflater.decompress(stream, bytes_max + 1)
    except zlib.error:
        return None
    return _Text(unpacked, int(first[1])) if inflater.eof and len(unpacked) <= bytes_max else None


def _only_turns_a_page(text: bytes, at: int, texts: list[_Text]) -> bool:
    """Whether what OpenAction holds at `at` is a destination in the document (§12.6.4.2), or refers to one."""
    reference = _REFERENCE.match(text, at)
    if reference is None:
        return _ONLY_A_PAGE.match(text, at, at + _OPENED_BYTES_MAX) is not None
    bodies = _bodies(int(reference[1]), texts)
    return 0 < len(bodies) <= REVISIONS_FOLLOWED_MAX and all(_ONLY_A_PAGE.match(body) for body in bodies)


def _bodies(number: int, texts: list[_Text]) -> list[bytes]:
    """The beginnings of the objects that go by a number, in whatever revision: one more than wanted at most."""
    written, wanted = re.compile(rb"(?<!\d)0*%d[\0\t\n\f\r ]+\d+[\0\t\n\f\r ]+obj" % number), str(number).encode()
    bodies: list[bytes] = []
    for one in texts:
        if one.first:
            pairs = one.content[: min(one.first, _HEADER_BYTES_MAX)].split()
            named = (place for name, place in zip(pairs[::2], pairs[1::2], strict=False) if name == wanted)
            places = (one.first + int(place) for place in named if _PLACE.fullmatch(place))
        else:
            places = (found.end() for found in written.finditer(one.content))
        for at in places:
            bodies.append(one.content[at : at + _OPENED_BYTES_MAX])
            if len(bodies) > REVISIONS_FOLLOWED_MAX:
                return bodies
    return bodies


def _plain(name: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), name) if b"#" in name else name


def _where(text: bytes, at: int) -> str:
    """The number of the object that a place stands in."""
    numbered = _NUMBER.findall(text, max(0, at - _DICTIONARY_BYTES_MAX), at)
    return numbered[-1].decode("ascii") if numbered else ""
