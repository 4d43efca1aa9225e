"""Safe parsing: bytes become a tree only if they are plain UTF-8 XML of bounded size, tags and depth, without a DTD."""

from __future__ import annotations

import re
import threading
from typing import Final

from lxml import etree

from schemas.findings import Finding, Place, finding
from schemas.malformed import explain

SIZE_BYTES_MAX: Final = 64 * 1024 * 1024
# Below this libxml2's own limits (10 MB a text, 256 levels) hold; above it they are lifted and ours below hold.
LIBXML2_LIMITS_BYTES_MAX: Final = 9 * 1024 * 1024
# Tags and attributes are counted only in documents above this: smaller ones cannot hold enough of them to hurt.
COUNTED_FROM_BYTES: Final = 1024 * 1024
TAGS_MAX: Final = 1_000_000
EQUALS_SIGNS_MAX: Final = 100_000
DEPTH_MAX: Final = 256

_BOM: Final = b"\xef\xbb\xbf"
# A declaration is at most this long in any honest document.
_DECLARATION_BYTES_MAX: Final = 1024
_ENCODING: Final = re.compile(rb"""encoding\s*=\s*["']([^"']*)["']""")
_VERSION: Final = re.compile(rb"""version\s*=\s*["']([^"']*)["']""")
_DTD: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
# As nearly all software writes it; any other is read.
_PLAIN_DECLARATIONS: Final = (b'<?xml version="1.0" encoding="utf-8"?>', b'<?xml version="1.0" encoding="UTF-8"?>')
_OTHER_UNICODE: Final = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"<\x00", "UTF-16"),
    (b"\x00<", "UTF-16"),
)
# Canonical forms sort an element's attributes, and look at every namespace in scope for every element: quadratic time.
ELEMENT_ATTRIBUTES_MAX: Final = 256
NAMESPACES_IN_SCOPE_MAX: Final = 32
# What has no more of these signs has neither.
_CROWDED_FROM_EQUALS_SIGNS: Final = NAMESPACES_IN_SCOPE_MAX
_TOO_MANY_ATTRIBUTES: Final = etree.XPath(f"boolean(//*[@*[{ELEMENT_ATTRIBUTES_MAX + 1}]])")
_TOO_DEEP: Final = etree.XPath("boolean(" + "/*" * (DEPTH_MAX + 1) + ")")


class _Parsers(threading.local):
    """A parser locks itself while it works, so every thread has its own two."""

    def __init__(self) -> None:
        self.small = _parser(huge=False)
        self.large = _parser(huge=True)


def _parser(*, huge: bool) -> etree.XMLParser:
    # The encoding is forced, so that what the declaration says cannot make two readers see two documents.
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=False,
        remove_pis=False,
        huge_tree=huge,
    )


_parsers: Final = _Parsers()


def parse(content: bytes, *, file: str, form: str = "") -> etree._Element | Finding:
    """Read a document, or say why it cannot be read: which line, column, row and element, and how to put it right.

    Never raises for any bytes. Comments and processing instructions outside the root are kept: the signature covers
    them (Canonical XML 1.0 §2.2). The tree is not shared with any other; use it from one thread at a time.
    """
    if not _are_plain(content) and (refused := _refuse_bytes(content, Place(file=file, form=form))):
        return refused
    huge = len(content) > LIBXML2_LIMITS_BYTES_MAX
    try:
        root = etree.fromstring(content, _parsers.large if huge else _parsers.small)
    except etree.XMLSyntaxError as error:
        return explain(content, error, Place(file=file, form=form), depth_max=DEPTH_MAX)
    if huge and _TOO_DEEP(root):
        return finding("xml-too-deep", Place(file=file, form=form), depth_max=DEPTH_MAX)
    if _may_be_crowded(content) and _is_crowded(root):
        words = {"attributes_max": ELEMENT_ATTRIBUTES_MAX, "spaces_max": NAMESPACES_IN_SCOPE_MAX}
        return finding("xml-crowded", Place(file=file, form=form), words)
    return root


def _may_be_crowded(content: bytes) -> bool:
    """Whether there are more equals signs than that: any are left when so many are gone.

    bytes.count takes every byte in turn; replacing leaps from one to the next, and is ten times as fast.
    """
    return b"=" in content.replace(b"=", b"-", _CROWDED_FROM_EQUALS_SIGNS)


def _is_crowded(root: etree._Element) -> bool:
    if _TOO_MANY_ATTRIBUTES(root):
        return True
    in_scope = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        in_scope += 1 if event == "start-ns" else -1
        if in_scope > NAMESPACES_IN_SCOPE_MAX:
            return True
    return False


def _are_plain(content: bytes) -> bool:
    """Whether `_refuse_bytes` would surely find nothing: nearly all documents need no closer look."""
    return (
        len(content) <= COUNTED_FROM_BYTES
        and content.startswith(_PLAIN_DECLARATIONS)
        and b"\0" not in content
        and b"!" not in content
    )


def too_large(place: Place) -> Finding:
    """What is said of a document beyond `SIZE_BYTES_MAX`, which nobody reads."""
    return finding("xml-too-large", place, size_mib_max=SIZE_BYTES_MAX // 1024 // 1024)


def _refuse_bytes(content: bytes, place: Place) -> Finding | None:
    """What can be told from the bytes alone, the cheapest first."""
    if not content:
        return finding("xml-empty", place)
    if len(content) > SIZE_BYTES_MAX:
        return too_large(place)
    head = content[:_DECLARATION_BYTES_MAX]
    for mark, encoding in _OTHER_UNICODE:
        if head.startswith(mark):
            return finding("xml-encoding-other", place, value=encoding)
    if (at := content.find(0)) >= 0:
        return finding("xml-nul", place, offset=at)
    start = head.removeprefix(_BOM)
    if start.startswith(b"<?xml") and (refused := _refuse_declaration(start, place)):
        return refused
    # Searching for one byte is many times faster than for two, and most documents hold no "!" at all.
    if b"!" in content and (declared := _DTD.search(content)):
        return finding("xml-dtd", _at_line(place, content.count(b"\n", 0, declared.start()) + 1))
    return _refuse_number(content, place) if len(content) > COUNTED_FROM_BYTES else None


def _refuse_number(content: bytes, place: Place) -> Finding | None:
    if content.count(b"<") > TAGS_MAX:
        return finding("xml-too-many-tags", place, tags_max=TAGS_MAX)
    if content.count(b"=") > EQUALS_SIGNS_MAX:
        return finding("xml-too-many-attributes", place, attributes_max=EQUALS_SIGNS_MAX)
    return None


def _refuse_declaration(start: bytes, place: Place) -> Finding | None:
    declaration = start.partition(b"?>")[0]
    encoding, version = _ENCODING.search(declaration), _VERSION.search(declaration)
    if encoding is not None and encoding[1].lower() not in (b"utf-8", b"utf8"):
        return finding("xml-encoding-other", _at_line(place, 1), value=encoding[1].decode("ascii", "replace"))
    if version is not None and version[1] != b"1.0":
        return finding("xml-version", _at_line(place, 1), value=version[1].decode("ascii", "replace"))
    return None


def _at_line(place: Place, line: int) -> Place:
    return Place(file=place.file, form=place.form, line=line)
