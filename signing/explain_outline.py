"""The outline of a canonical document: its tags, its blanks and its text fields, by their places in the bytes."""

import re
from functools import cached_property
from typing import Final

from msgspec import Struct

SHOWN_CHARACTERS_MAX: Final = 60
STEPS_SHOWN_MAX: Final = 8

# Canonical XML 1.0 §1.1: no CDATA, no empty-element tags, attribute values in double quotes without "<" or '"'.
_INSIDE_TAG: Final = rb'[^>"]*+(?:"[^"]*+"[^>"]*+)*+'
_PIECE: Final = re.compile(
    rb"(?P<other><\?.*?\?>|<!--.*?-->)"
    rb"|</(?P<close>[^>]++)>"
    rb"|<(?P<leaf>[^\s>/]++)" + _INSIDE_TAG + rb">(?P<text>[^<]*+)</(?P=leaf)>"
    rb"|<(?P<open>[^\s>/]++)" + _INSIDE_TAG + rb">",
    re.DOTALL,
)
_BLANKS: Final = b" \t\r\n"
_CARRIAGE_RETURN: Final = b"&#xD;"
# Columns by whose text people know a row.
_NAME_COLUMNS: Final = (b"HoTen", b"Hoten", b"TenFile")


class Leaf(Struct, frozen=True):
    """An element without child elements: `begin`–`end` is its text, `outer_begin`–`outer_end` the whole element.

    `gap_begin` is where the blanks before it begin; `number` counts same-named siblings from 1; `item` is its place
    among the outline's pieces.
    """

    name: bytes
    begin: int
    end: int
    outer_begin: int
    outer_end: int
    gap_begin: int
    parent: int
    number: int
    item: int


class Branch(Struct, frozen=True):
    """An element with child elements; `first_item`–`last_item` are its two tags among the outline's pieces."""

    name: bytes
    parent: int
    depth: int
    number: int
    outer_begin: int
    outer_end: int
    gap_begin: int
    inner_begin: int
    first_item: int
    last_item: int
    leaves: list[int]
    branches: list[int]
    mixed: bool


class _Open:
    """An element whose end has not come yet."""

    __slots__ = ("begin", "branches", "counts", "gap", "gaps", "index", "inner", "item", "leaves", "mixed", "name")

    def __init__(self, name: bytes, index: int, item: int, gap: int, begin: int, inner: int) -> None:
        self.name = name
        self.index = index
        self.item = item
        self.gap = gap
        self.begin = begin
        self.inner = inner
        self.counts: dict[bytes, int] = {}
        self.gaps: list[int] = []
        self.leaves: list[int] = []
        self.branches: list[int] = []
        self.mixed = False

    def count(self, name: bytes) -> int:
        number = self.counts[name] = self.counts.get(name, 0) + 1
        return number


class Outline:
    """A canonical document taken apart into markup (a leaf with its text is one piece) and the gap before each.

    `depths[i]` is the indentation level of piece i, or -1 where its gap is no indentation (text beside elements, or
    outside the root); `is_leaf[i]` says whether it is a leaf. `last_gap` follows the last piece. `rows` are the
    branches that have siblings of the same name.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.items: list[bytes] = []
        self.gaps: list[bytes] = []
        self.depths: list[int] = []
        self.is_leaf: list[bool] = []
        self.leaves: list[Leaf] = []
        self.last_gap = b""
        self._branches: dict[int, Branch] = {}
        self.rows: set[int] = set()
        self._read()
        self.branches: list[Branch] = [self._branches[at] for at in sorted(self._branches)]

    def _read(self) -> None:
        content = self.content
        stack: list[_Open] = []
        opened = at = 0
        for match in _PIECE.finditer(content):
            begin, end = match.span()
            gap = content[at:begin]
            kind = match.lastgroup
            item = len(self.items)
            self.items.append(content[begin:end])
            self.gaps.append(gap)
            self.is_leaf.append(kind == "text")
            self.depths.append(len(stack) - (kind == "close") if stack else -1)
            if stack:
                stack[-1].gaps.append(item)
                stack[-1].mixed = stack[-1].mixed or not is_blank(gap)
            if kind == "text":
                self._leaf(match, at, stack[-1] if stack else None)
            elif kind == "open":
                stack.append(_Open(match["open"], opened, item, at, begin, end))
                opened += 1
            elif kind == "close" and stack:
                self._close(stack, item, end)
            at = end
        self.last_gap = content[at:]

    def _leaf(self, match: "re.Match[bytes]", at: int, above: _Open | None) -> None:
        name = match["leaf"]
        number = above.count(name) if above else 1
        if above:
            above.leaves.append(len(self.leaves))
        begin, end = match.span("text")
        parent = above.index if above else -1
        self.leaves.append(Leaf(name, begin, end, match.start(), match.end(), at, parent, number, len(self.items) - 1))

    def _close(self, stack: list[_Open], item: int, end: int) -> None:
        one = stack.pop()
        above = stack[-1] if stack else None
        number = above.count(one.name) if above else 1
        if above:
            above.branches.append(one.index)
        self.rows.update(at for at in one.branches if one.counts[self._branches[at].name] > 1)
        if one.mixed:
            for inside in one.gaps:
                self.depths[inside] = -1
        self._branches[one.index] = Branch(
            one.name,
            above.index if above else -1,
            len(stack),
            number,
            one.begin,
            end,
            one.gap,
            one.inner,
            one.item,
            item,
            one.leaves,
            one.branches,
            one.mixed,
        )

    @cached_property
    def fields(self) -> list[Leaf]:
        """The leaves that may be somebody's input: all but the signature's own place."""
        place = self.place
        return [leaf for leaf in self.leaves if leaf is not place]

    @cached_property
    def place(self) -> Leaf | None:
        """Where the Signature stood: the last leaf of the root, if there is nothing (any more) in it."""
        roots = [branch for branch in self.branches if branch.parent == -1]
        if not roots or not roots[0].leaves:
            return None
        last = self.leaves[roots[0].leaves[-1]]
        return last if is_blank(self.content[last.begin : last.end]) else None

    @cached_property
    def columns(self) -> list[list[Leaf]]:
        """The fields by their path of names without numbers: a table's columns, each from its first row to its last."""
        # Paths as numbers: written out, they could be longer than the document.
        paths: dict[tuple[int, bytes], int] = {}
        path_of = {-1: -1}
        for at, branch in enumerate(self.branches):
            path_of[at] = paths.setdefault((path_of[branch.parent], branch.name), len(paths))
        found: dict[tuple[int, bytes], list[Leaf]] = {}
        for leaf in self.fields:
            found.setdefault((path_of[leaf.parent], leaf.name), []).append(leaf)
        return list(found.values())

    def text(self, leaf: Leaf) -> str:
        """Return a leaf's text as people typed it."""
        return unescape(self.content[leaf.begin : leaf.end])

    def place_of(self, leaf: Leaf | Branch) -> dict[str, str]:
        """Return a place in words: its path, and the row with the name that the row goes by."""
        chain = [leaf]
        while chain[-1].parent >= 0 and len(chain) < STEPS_SHOWN_MAX:
            chain.append(self.branches[chain[-1].parent])
        rows = [one for one in chain if isinstance(one, Branch) and self._is_row(one)]
        steps = [
            cut(one.name.decode(errors="replace")) + (f"[{one.number}]" if one in rows else "")
            for one in reversed(chain)
        ]
        path = ("…/" if chain[-1].parent >= 0 else "/") + "/".join(steps)
        if not rows:
            return {"place_vi": path, "place_en": path}
        name = self._row_name(rows[0])
        called = f", {name}" if name else ""
        number = rows[0].number
        return {"place_vi": f"{path} (dòng {number}{called})", "place_en": f"{path} (row {number}{called})"}

    def column_of(self, leaf: Leaf) -> str:
        """Return a column in words: the names of its row and of itself."""
        above = self.branches[leaf.parent].name + b"/" if leaf.parent >= 0 else b""
        return cut((above + leaf.name).decode(errors="replace"))

    def _is_row(self, branch: Branch) -> bool:
        if branch.number > 1 or any(self.leaves[at].name in _NAME_COLUMNS for at in branch.leaves):
            return True
        return branch.parent >= 0 and any(
            at in self.rows and self.branches[at] is branch for at in self.branches[branch.parent].branches
        )

    def _row_name(self, row: Branch) -> str:
        for at in row.leaves:
            if self.leaves[at].name in _NAME_COLUMNS:
                return cut(" ".join(self.text(self.leaves[at]).split()))
        return ""


def is_blank(text: bytes) -> bool:
    """Whether there is nothing but blanks, carriage returns as canonical XML writes them among them."""
    return not text or not text.replace(_CARRIAGE_RETURN, b"").strip(_BLANKS)


def escape(text: str) -> bytes:
    """Write a text as canonical XML does (Canonical XML 1.0 §2.3)."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    return text.encode("utf-8", "surrogatepass")


def unescape(text: bytes) -> str:
    """Undo `escape`."""
    found = text.decode("utf-8", "replace")
    if "&" not in found:
        return found
    return found.replace("&#xD;", "\r").replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")


def cut(text: str) -> str:
    """Shorten a text for a sentence."""
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[: SHOWN_CHARACTERS_MAX - 1] + "…"


def shown(name: str, text: str) -> dict[str, str]:
    """Return a value in words, in both languages: blanks that the eye does not see are drawn."""
    if not text:
        return {f"{name}_vi": "(để trống)", f"{name}_en": "(empty)"}
    inner = text.strip()
    drawn = text
    if inner != text or "  " in text or "\u00a0" in text or not inner.isprintable():
        drawn = "".join(_drawn(letter) for letter in text)
    return {f"{name}_vi": f"“{cut(drawn)}”", f"{name}_en": f"“{cut(drawn)}”"}


def _drawn(letter: str) -> str:
    if letter in "\r\n":
        return "⏎"
    if letter == "\t":
        return "⇥"
    if letter == "\u00a0":
        return "⍽"
    return "␣" if letter == " " else letter
