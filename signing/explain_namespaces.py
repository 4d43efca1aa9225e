"""Namespace declarations, attributes and instructions that a program added, dropped or moved after signing."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from msgspec import Struct

from signing.explain_blanks import styled
from signing.explain_outline import Outline, cut
from signing.explain_search import Search
from signing.indication import Refusal

DECLARATIONS_MAX: Final = 6
ATTRIBUTES_MAX: Final = 12
INSTRUCTIONS_MAX: Final = 8
ELEMENTS_MAX: Final = 12
BLANKS_BEFORE_MAX: Final = 200

_ROOT_TAG: Final = re.compile(rb"<(?![?!])([^\s>/]++)([^>\"]*+(?:\"[^\"]*+\"[^>\"]*+)*+)>")
_ATTRIBUTE: Final = re.compile(rb' ([^\s=">]++)="([^"]*+)"')
_INNER_DECLARATION: Final = re.compile(rb' (xmlns(?::[^\s=">]++)?)="([^"]*+)"')
_INSTRUCTION: Final = re.compile(rb"<\?([^\s?]++).*?\?>", re.DOTALL)
_XSD: Final = (b"xmlns:xsd", b"http://www.w3.org/2001/XMLSchema")
_XSI: Final = (b"xmlns:xsi", b"http://www.w3.org/2001/XMLSchema-instance")
_DS: Final = (b"xmlns:ds", b"http://www.w3.org/2000/09/xmldsig#")
# .NET's serialiser declares the first two on each root, whether they are used or not.
_USUAL: Final = ((_XSD, _XSI), (_XSI,), (_XSD,), (_DS,), (_XSD, _XSI, _DS))
_USUAL_ATTRIBUTES: Final = ((b"xml:space", b"preserve"), (b"xml:space", b"default"), (b"xml:lang", b"vi"))

_Pair = tuple[bytes, bytes]


class _Root(Struct, frozen=True):
    """The root's start tag: where it stands, and what it says."""

    begin: int
    end: int
    name: bytes
    declared: tuple[_Pair, ...]
    attributes: tuple[_Pair, ...]


def explain_namespaces(content: bytes, search: Search) -> Refusal | None:
    """Try the root with fewer or more declarations (Canonical XML 1.0 §2.3 writes unused ones too), and moved ones."""
    root = _root(content)
    if root is None:
        return None
    for declared, code in _other_declarations(content, root):
        if search.fits_with(content, [(root.begin, root.end, _tag(root, declared, root.attributes))]):
            return Refusal(code, {"names": _names(declared, root.declared)})
    return _explain_moved(content, root, search)


def explain_markup(content: bytes, search: Search) -> Refusal | None:
    """Try without instructions and attributes that a program may have added, and with those that it may have dropped.

    Canonical XML 1.0 §2.1 keeps processing instructions, also beside the root, and drops comments and the declaration.
    """
    instructions = list(_INSTRUCTION.finditer(content))[:INSTRUCTIONS_MAX]
    groups = [[one] for one in instructions] + ([instructions] if len(instructions) > 1 else [])
    for group in groups:
        for edits in _without_instructions(content, group):
            if search.fits_with(content, edits):
                name = group[0][1].decode(errors="replace")
                return Refusal("digest-differs-instruction", {"name": cut(name)})
    root = _root(content)
    return None if root is None else _explain_attributes(content, root, search)


def explain_namespaces_and_blanks(outline: Outline, search: Search) -> Refusal | None:
    """Try other declarations of the root together with the commonest indentations: reading and writing does both."""
    for content in styled(outline):
        root = _root(content)
        if root is None or search.exhausted:
            return None
        unused = tuple(one for one in root.declared if not _used(content, root, one[0]))
        bare = tuple(one for one in root.declared if one not in unused)
        for declared in dict.fromkeys((_sorted((*bare, _XSD, _XSI)), _sorted(bare))):
            if declared != root.declared and search.fits_with(
                content, [(root.begin, root.end, _tag(root, declared, root.attributes))]
            ):
                return Refusal("digest-differs-namespaces-and-indentation")
    return None


def _root(content: bytes) -> _Root | None:
    match = _ROOT_TAG.search(content)
    if match is None:
        return None
    found = [(one[1], one[2]) for one in _ATTRIBUTE.finditer(match[2])]
    declared = tuple(one for one in found if one[0] == b"xmlns" or one[0].startswith(b"xmlns:"))
    attributes = tuple(one for one in found if one not in declared)
    return _Root(match.start(), match.end(), match[1], declared, attributes)


def _tag(root: _Root, declared: tuple[_Pair, ...], attributes: tuple[_Pair, ...]) -> bytes:
    return b"<" + root.name + b"".join(b' %s="%s"' % one for one in (*declared, *attributes)) + b">"


def _sorted(declared: tuple[_Pair, ...]) -> tuple[_Pair, ...]:
    """Put declarations in canonical order, the default one first (Canonical XML 1.0 §2.2), each name once."""
    return tuple(sorted(dict(declared).items()))


def _other_declarations(content: bytes, root: _Root) -> Iterator[tuple[tuple[_Pair, ...], str]]:
    """Yield what the root may have declared when it was signed, and what happened if it did; the likelier first."""
    present = dict(root.declared)
    unused = [one for one in root.declared[:DECLARATIONS_MAX] if not _used(content, root, one[0])]
    bare = tuple(one for one in root.declared if one not in unused)
    for more in _USUAL:
        added = tuple(one for one in more if one[0] not in present)
        if added:
            yield _sorted((*root.declared, *added)), "digest-differs-namespaces-removed"
    for count in range(1, len(unused) + 1):
        for gone in combinations(unused, count):
            rest = tuple(one for one in root.declared if one not in gone)
            yield rest, "digest-differs-namespaces-added"
            for more in _USUAL[:3]:
                replaced = _sorted((*rest, *more))
                if replaced not in (rest, root.declared) and set(more) - set(root.declared):
                    yield replaced, "digest-differs-namespaces-changed"
    if bare != root.declared:
        yield bare, "digest-differs-namespaces-added"


def _used(content: bytes, root: _Root, name: bytes) -> bool:
    prefix = name.partition(b":")[2]
    if not prefix:
        # A default declaration names all elements: taking it away by hand is what editors of texts do.
        return False
    return b"<" + prefix + b":" in content or b" " + prefix + b":" in content[root.begin :]


def _names(one: tuple[_Pair, ...], other: tuple[_Pair, ...]) -> str:
    differing = sorted(set(one) ^ set(other))
    return cut(", ".join(name.decode(errors="replace") for name, _ in differing))


def _explain_moved(content: bytes, root: _Root, search: Search) -> Refusal | None:
    """Try with the inner elements' declarations on the root, and the root's on an inner element."""
    inner = [one for one in _INNER_DECLARATION.finditer(content, root.end) if one[2]]
    together = {(one[1], one[2]) for one in inner}
    if together and len(dict(together)) == len(together) and len(inner) <= ELEMENTS_MAX * DECLARATIONS_MAX:
        edits = [(root.begin, root.end, _tag(root, _sorted((*root.declared, *together)), root.attributes))]
        edits += [(one.start(), one.end(), b"") for one in inner]
        if search.fits_with(content, edits):
            return Refusal("digest-differs-namespaces-moved", {"names": _names(tuple(together), ())})
    for below in list(_ROOT_TAG.finditer(content, root.end))[:ELEMENTS_MAX]:
        child = _Root(below.start(), below.end(), below[1], *_split(below[2]))
        for moved in (root.declared, *((one,) for one in root.declared[:DECLARATIONS_MAX])):
            if not moved or search.exhausted:
                continue
            stays = tuple(one for one in root.declared if one not in moved)
            edits = [
                (root.begin, root.end, _tag(root, stays, root.attributes)),
                (child.begin, child.end, _tag(child, _sorted((*child.declared, *moved)), child.attributes)),
            ]
            if search.fits_with(content, edits):
                return Refusal("digest-differs-namespaces-moved", {"names": _names(moved, ())})
    return None


def _split(inside: bytes) -> tuple[tuple[_Pair, ...], tuple[_Pair, ...]]:
    found = [(one[1], one[2]) for one in _ATTRIBUTE.finditer(inside)]
    declared = tuple(one for one in found if one[0].startswith(b"xmlns"))
    return declared, tuple(one for one in found if one not in declared)


def _without_instructions(content: bytes, group: list["re.Match[bytes]"]) -> Iterator[list[tuple[int, int, bytes]]]:
    """Yield the edits that take instructions out: with the line break behind, with the blanks before, alone."""
    breaks, blanks, alone = [], [], []
    for one in group:
        begin, end = one.span()
        breaks.append((begin, end + (content[end : end + 1] == b"\n"), b""))
        before = content[max(0, begin - BLANKS_BEFORE_MAX) : begin]
        blanks.append((begin - len(before) + len(before.rstrip(b" \t\n")), end, b""))
        alone.append((begin, end, b""))
    yield breaks
    yield blanks
    yield alone


def _explain_attributes(content: bytes, root: _Root, search: Search) -> Refusal | None:
    for text in _attributes(content):
        if any(search.fits(candidate) for candidate in _without_attribute(content, text)):
            name = text.strip().partition(b"=")[0].decode(errors="replace")
            return Refusal("digest-differs-attribute-added", {"name": cut(name)})
    for attribute in _USUAL_ATTRIBUTES:
        if attribute[0] in dict(root.attributes):
            continue
        tag = _tag(root, root.declared, (*root.attributes, attribute))
        if search.fits_with(content, [(root.begin, root.end, tag)]):
            return Refusal("digest-differs-attribute-removed", {"name": attribute[0].decode()})
    return None


def _without_attribute(content: bytes, text: bytes) -> Iterator[bytes]:
    """Yield the document without an attribute, and without what declared its prefix and may have come with it."""
    without = content.replace(text, b"")
    yield without
    top = _root(without)
    if top is None:
        return
    own = b"xmlns:" + text.strip().partition(b":")[0]
    used = {one[0] for one in top.declared if _used(without, top, one[0])}
    for gone in ({own} - used, {one[0] for one in top.declared} - used):
        stays = tuple(one for one in top.declared if one[0] not in gone)
        if stays != top.declared:
            yield without[: top.begin] + _tag(top, stays, top.attributes) + without[top.end :]


def _attributes(content: bytes) -> list[bytes]:
    """Return the first few attributes of the document that differ, as they are written."""
    seen: dict[bytes, None] = {}
    for tag in _ROOT_TAG.finditer(content):
        seen.update((one[0], None) for one in _ATTRIBUTE.finditer(tag[2]) if not one[1].startswith(b"xmlns"))
        if len(seen) >= ATTRIBUTES_MAX:
            break
    return list(seen)[:ATTRIBUTES_MAX]
