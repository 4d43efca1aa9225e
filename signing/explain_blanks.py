"""Blanks between tags that an editor or a library wrote afresh after signing."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from signing.explain_outline import Outline, is_blank
from signing.explain_search import Search
from signing.indication import Refusal

PARTS_MAX: Final = 40
ALL_VARIANTS_PIECES_MAX: Final = 8_000
# What writing one gap afresh costs, said in bytes hashed.
PIECE_COSTS_BYTES: Final = 128

_CRLF: Final = b"&#xD;\n"
_BLANKS: Final = (b"", b"\n", b" ", _CRLF, b"\n  ", b"\n\t", b"\n    ")


class _Style(Struct, frozen=True):
    """A way to write blanks between tags: none at all if `line` is None.

    `rows` is what hand-written templates do: containers begin at the margin, fields below them are indented once.
    """

    line: bytes | None
    unit: bytes = b""
    rows: bool = False


# The likelier first: .NET, editors and Java write two or four blanks; string builders nothing or plain lines.
_COMMON: Final = (
    _Style(None),
    _Style(b"\n", b"  "),
    _Style(b"\n", b"    "),
    _Style(b"\n", b"\t"),
    _Style(_CRLF, b"  "),
    _Style(b"\n"),
    _Style(b"\n", b"  ", rows=True),
    _Style(b"\n", b" "),
)
_RARE: Final = (
    _Style(_CRLF),
    _Style(_CRLF, b"    "),
    _Style(_CRLF, b"\t"),
    _Style(_CRLF, b" "),
    _Style(b"\n", b"   "),
    _Style(b"\n", b"        "),
    _Style(b"\n", b"\t", rows=True),
    _Style(b"\n", b"    ", rows=True),
    _Style(_CRLF, b"  ", rows=True),
    _Style(b"\n\n"),
    _Style(b"\n\n", b"  "),
    _Style(b"\n\n", b"    "),
    _Style(b"\n\n", b"\t"),
)


def explain_blanks(outline: Outline, search: Search) -> Refusal | None:
    """Try without any blanks between tags, and with the indentations that editors and libraries write.

    Only blanks are touched: text stays, also text that stands beside elements.
    """
    root = next((branch for branch in outline.branches if branch.parent == -1), None)
    if root is None:
        return None
    few = len(outline.items) > ALL_VARIANTS_PIECES_MAX
    variants = list(_leaf_variants(outline))
    for style in _COMMON if few else _COMMON + _RARE:
        for items in variants:
            if search.exhausted:
                return None
            search.charge(PIECE_COSTS_BYTES * len(items))
            for candidate in _ends(outline, _written(outline, items, style), few=few):
                if search.fits(candidate):
                    return Refusal("digest-differs-indentation")
    return None


def explain_edges(outline: Outline, search: Search) -> Refusal | None:
    """Try other blanks at the root's two ends and round the Signature's place, then without that place.

    Without it: the element that holds the Signature was made after the digest.
    """
    content, place = outline.content, outline.place
    for begin, end in _edges(outline):
        for blank in _BLANKS:
            if content[begin:end] != blank and search.fits_with(content, [(begin, end, blank)]):
                return Refusal("digest-differs-indentation")
    if place is not None:
        for begin in dict.fromkeys((place.outer_begin, place.gap_begin)):
            if search.fits_with(content, [(begin, place.outer_end, b"")]):
                return Refusal("digest-differs-place")
    filled = [(leaf.begin, leaf.end, b" ") for leaf in outline.leaves if leaf.begin == leaf.end]
    return Refusal("digest-differs-indentation") if filled and search.fits_with(content, filled) else None


def _edges(outline: Outline) -> Iterator[tuple[int, int]]:
    """Yield where the blanks stand before the root's end, after its beginning, in the Signature's place, before it."""
    root = next((branch for branch in outline.branches if branch.parent == -1), None)
    if root is None or root.mixed:
        return
    last = root.outer_end - len(outline.items[root.last_item])
    yield last - len(outline.gaps[root.last_item]), last
    yield root.inner_begin, root.inner_begin + len(outline.gaps[root.first_item + 1])
    if (place := outline.place) is not None:
        yield place.begin, place.end
        yield place.gap_begin, place.outer_begin


def explain_part_of_blanks(outline: Outline, search: Search) -> Refusal | None:
    """Try one element's inside alone, the outermost and the largest elements first."""
    parts = sorted(outline.branches, key=lambda branch: (branch.depth, branch.outer_begin - branch.outer_end))
    variants = list(_leaf_variants(outline))
    for branch in parts[1 : PARTS_MAX + 1]:
        begin, end = branch.first_item + 1, branch.last_item + 1
        for style in _COMMON:
            for items in variants[:2]:
                if search.exhausted:
                    return None
                search.charge(PIECE_COSTS_BYTES * len(items))
                if search.fits(_written(outline, items, style, begin, end)):
                    return Refusal("digest-differs-indentation-part", outline.place_of(branch))
    return None


def styled(outline: Outline) -> Iterator[bytes]:
    """Yield the document in the commonest styles, for causes that come together with a new indentation."""
    items = next(_leaf_variants(outline))
    for style in _COMMON[:5]:
        yield _written(outline, items, style)


def _leaf_variants(outline: Outline) -> Iterator[list[bytes]]:
    """Yield the pieces without blanks in empty elements, then without those in the Signature's place, then as is."""
    blank = [
        leaf for leaf in outline.leaves if leaf.end > leaf.begin and is_blank(outline.content[leaf.begin : leaf.end])
    ]
    place = outline.place
    if blank:
        emptied = outline.items.copy()
        for leaf in blank:
            emptied[leaf.item] = _with_text(outline, leaf.item, leaf.begin - leaf.outer_begin, b"")
        yield emptied
    if place is not None and place in blank and len(blank) > 1:
        only_place = outline.items.copy()
        only_place[place.item] = _with_text(outline, place.item, place.begin - place.outer_begin, b"")
        yield only_place
    yield outline.items


def _with_text(outline: Outline, item: int, text_at: int, text: bytes) -> bytes:
    whole = outline.items[item]
    return whole[:text_at] + text + whole[whole.rindex(b"</") :]


def _written(outline: Outline, items: list[bytes], style: _Style, begin: int = 0, end: int | None = None) -> bytes:
    """Return the document with the gaps before the pieces begin–end written in a style."""
    stop = len(items) if end is None else end
    gaps = outline.gaps.copy()
    if style.line is None:
        gaps[begin:stop] = [
            b"" if depth >= 0 else gap for gap, depth in zip(gaps[begin:stop], outline.depths[begin:stop], strict=True)
        ]
    else:
        deepest = max(outline.depths, default=0) + 1
        if style.rows:
            at = [style.line] * deepest
            indented = [style.line] * 2 + [style.line + style.unit] * max(0, deepest - 2)
        else:
            at = [style.line + style.unit * depth for depth in range(deepest)]
            indented = at
        gaps[begin:stop] = [
            gap if depth < 0 else (indented if leaf else at)[depth]
            for gap, depth, leaf in zip(
                gaps[begin:stop], outline.depths[begin:stop], outline.is_leaf[begin:stop], strict=True
            )
        ]
    return _joined(gaps, items, outline.last_gap)


def _ends(outline: Outline, written: bytes, *, few: bool) -> Iterator[bytes]:
    """Yield a candidate, and the same with the root's last blank gone or put in: string builders differ there."""
    yield written
    if few or outline.last_gap or not written.endswith(outline.items[-1]):
        return
    closing = outline.items[-1]
    before = written[: -len(closing)]
    bare = before.rstrip(b" \t\n").removesuffix(b"&#xD;")
    yield (bare + closing) if bare != before else (before + b"\n" + closing)


def _joined(gaps: list[bytes], items: list[bytes], last: bytes) -> bytes:
    out = [b""] * (2 * len(items))
    out[0::2] = gaps
    out[1::2] = items
    return b"".join(out) + last
