"""Where elements stand in a document's bytes, so that a signature goes in without touching any other byte."""

import re
from collections.abc import Callable
from typing import Final
from xml.parsers import expat

from msgspec import Struct

ELEMENTS_FOUND_MAX: Final = 10_000

_TAG: Final = re.compile(rb"""<[^\s/>"']+(?:\s+[^\s=>"']+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(/?)>""")
_BOM: Final = b"\xef\xbb\xbf"


class SigningImpossible(Exception):
    """The document cannot be signed as asked: it is not XML, or has no fitting place. Trying again changes nothing."""


class Spot(Struct, frozen=True):
    """One element in the document's bytes; offsets are bytes from the start of the document.

    `inner_begin`–`inner_end` is its content; for `<e/>` both are `end`, and `empty_tag` is true. `children` counts its
    child elements.
    """

    path: str
    begin: int
    inner_begin: int
    inner_end: int
    end: int
    empty_tag: bool
    children: int


def find_spots(content: bytes, wanted: Callable[[str], bool]) -> list[Spot]:
    """Return the elements whose path ("/Hoso/CKy_Dvi", names as written) is `wanted`, in document order of their ends.

    Raises SigningImpossible when the document is not well-formed, not UTF-8 or carries a DTD.
    """
    open_elements: list[list[int]] = []  # [begin, children]
    names: list[str] = []
    spots: list[Spot] = []
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    shift = len(_BOM) if content.startswith(_BOM) else 0
    document = content[shift:]

    def start(name: str, _attributes: object) -> None:
        if open_elements:
            open_elements[-1][1] += 1
        names.append(name)
        open_elements.append([parser.CurrentByteIndex, 0])

    def end(_name: str) -> None:
        path = "/" + "/".join(names)
        names.pop()
        begin, children = open_elements.pop()
        if not wanted(path):
            return
        if len(spots) >= ELEMENTS_FOUND_MAX:
            raise SigningImpossible(f"more than {ELEMENTS_FOUND_MAX} elements of one kind")
        tag = _TAG.match(document, begin)
        if tag is None:
            raise SigningImpossible(f"the start tag at byte {begin} is not understood")
        if tag[1]:
            inner_begin = inner_end = finish = tag.end()
        else:
            inner_begin, inner_end = tag.end(), parser.CurrentByteIndex
            finish = document.index(b">", inner_end) + 1
        spots.append(
            Spot(path, begin + shift, inner_begin + shift, inner_end + shift, finish + shift, bool(tag[1]), children)
        )

    def no_doctype(*_: object) -> None:
        raise SigningImpossible("a document with a DTD is not signed")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = no_doctype
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise SigningImpossible(f"not well-formed: {error}") from error
    return spots


def open_place(content: bytes, path: str) -> tuple[bytes, int]:
    """Return the document with an empty element at `path`, and the offset inside it where a Signature goes.

    `<Cky/>` becomes `<Cky></Cky>`; an absent one is made at the end of its parent, which must be there. All other bytes
    stay.

    Raises SigningImpossible when the place is taken, there twice, or cannot be made.
    """
    parent, _, name = path.rpartition("/")
    spots = find_spots(content, lambda found: found in (path, parent))
    places = [spot for spot in spots if spot.path == path]
    if len(places) > 1:
        raise SigningImpossible(f"{path} is there {len(places)} times")
    if places:
        place = places[0]
        if place.children:
            raise SigningImpossible(f"{path} is not empty: it may be signed already")
        if not place.empty_tag:
            return content, place.inner_end
        return _opened(content, place, b""), place.end - 1 - len(_slash(content, place)) + 1
    parents = [spot for spot in spots if spot.path == parent]
    if len(parents) != 1 or not parent:
        raise SigningImpossible(f"{parent or '/'} is there {len(parents)} times, so {path} cannot be made")
    above = parents[0]
    before, after = f"<{name}>".encode(), f"</{name}>".encode()
    if above.empty_tag:
        opened = _opened(content, above, before + after)
        return opened, above.end - len(_slash(content, above)) + len(before)
    made = content[: above.inner_end] + before + after + content[above.inner_end :]
    return made, above.inner_end + len(before)


def _slash(content: bytes, spot: Spot) -> bytes:
    """Return the blanks and slash before the ">" of an empty-element tag."""
    tag = content[spot.begin : spot.end - 1]
    return tag[len(tag[:-1].rstrip(b" \t\r\n")) :]


def _opened(content: bytes, spot: Spot, inside: bytes) -> bytes:
    """Turn `<e a="1" />` into `<e a="1">…</e>`."""
    name = spot.path.rpartition("/")[2].encode()
    tag = content[spot.begin : spot.end - 1].removesuffix(b"/").rstrip(b" \t\r\n")
    return content[: spot.begin] + tag + b">" + inside + b"</" + name + b">" + content[spot.end :]
