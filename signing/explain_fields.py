"""Fields that were edited after signing: one field, one column written otherwise, two exchanged, one row more."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final

from signing.explain_guesses import REWRITTEN_CHARACTERS_MAX, is_likely, repaired, rewritten, shape, typos
from signing.explain_outline import Branch, Leaf, Outline, escape, is_blank, shown, unescape
from signing.explain_search import LOOK_COSTS_BYTES, Along, Search
from signing.indication import Refusal

ELSEWHERE_MAX: Final = 20
ODD_ONES_IN: Final = 10  # values of a column, at most one looks otherwise; else it is not odd
ROWS_ALIKE_MIN: Final = 3
AMOUNT_DIGITS_MIN: Final = 5
AMOUNT_DIGITS_MAX: Final = 9
# What working out a text's other writings costs, said in bytes hashed.
REWRITING_COSTS_BYTES: Final = 24 * 1024

# (begin, end, new bytes, the refusal if it fits)
Edit = tuple[int, int, bytes, Callable[[], Refusal]]


class Fields:
    """One document's fields, and what each may have been; rewritings are worked out once for each distinct text."""

    def __init__(self, outline: Outline, search: Search) -> None:
        self.outline = outline
        self._search = search
        self.content = content = outline.content
        self.leaves = [leaf for leaf in outline.fields if leaf.end - leaf.begin <= REWRITTEN_CHARACTERS_MAX]
        self.texts = {leaf.item: unescape(content[leaf.begin : leaf.end]) for leaf in self.leaves}
        columns = ([leaf for leaf in column if leaf.item in self.texts] for column in outline.columns)
        self.columns = [column for column in columns if column]
        self._others: dict[str, dict[str, str]] = {}

    @cached_property
    def usual(self) -> dict[int, str]:
        """What most values of a field's column look like, for fields of columns where most look alike."""
        found: dict[int, str] = {}
        shapes = {text: shape(text) for text in set(self.texts.values())}
        for column in self.columns:
            counted = Counter(shapes[self.texts[leaf.item]] for leaf in column)
            commonest, count = counted.most_common(1)[0]
            if len(column) >= ROWS_ALIKE_MIN and len(column) - count <= max(1, len(column) // ODD_ONES_IN):
                found.update((leaf.item, commonest) for leaf in column)
        return found

    @cached_property
    def seen(self) -> dict[int, list[str]]:
        """The first different values of a field's column."""
        found: dict[int, list[str]] = {}
        for column in self.columns:
            values = list(dict.fromkeys(self.texts[leaf.item] for leaf in column))[:ELSEWHERE_MAX]
            found.update((leaf.item, values) for leaf in column)
        return found

    def others(self, text: str) -> dict[str, str]:
        """Return the other ways to write a text, by the names of the rewritings."""
        if text not in self._others:
            self._search.charge(REWRITING_COSTS_BYTES)
            self._others[text] = rewritten(text)
        return self._others[text]

    def in_one_column(self, leaves: list[Leaf]) -> bool:
        """Whether all these fields stand in one column."""
        wanted = {leaf.item for leaf in leaves}
        return any(wanted <= {leaf.item for leaf in column} for column in self.columns if len(column) >= len(leaves))

    def beside(self, leaf: Leaf) -> Leaf | None:
        """Return the next field of the document."""
        at = bisect_left(self.leaves, leaf.begin, key=lambda one: one.begin) + 1
        return self.leaves[at] if at < len(self.leaves) else None

    def edited(self, leaf: Leaf, text: str) -> Edit:
        """One field with another text in it."""
        now = self.texts[leaf.item]

        def refusal() -> Refusal:
            words = self.outline.place_of(leaf) | shown("now", now) | shown("signed", text)
            return Refusal("digest-differs-field", words)

        return leaf.begin, leaf.end, escape(text), refusal


def explain_spoilt(fields: Fields, search: Search) -> Refusal | None:
    """Try the values that look odd: as they were before a spreadsheet spoilt them, and like their column's others."""
    return walk(fields, search, _repaired) or walk(fields, search, _odd)


def explain_head(fields: Fields, search: Search) -> Refusal | None:
    """Try the likeliest rewritings of the fields that stand in no list: who files, with which office, when."""
    outline = fields.outline
    rows: set[int] = set()
    for at, branch in enumerate(outline.branches):
        if at in outline.rows or branch.parent in rows:
            rows.add(at)
    return walk(fields, search, _likely, [leaf for leaf in fields.leaves if leaf.parent not in rows])


def explain_fields(fields: Fields, search: Search) -> Refusal | None:
    """Try one change to one field; two changes at different places are never tried.

    The likelier come first: the same value written otherwise, a field that was emptied, exchanged or put in, a digit
    mistyped.
    """
    steps = (
        (0.12, _likely),
        (0.1, _rewritten),
        (0.06, _structure),
        (0.08, _elsewhere),
        (0.15, _mistyped_amounts),
        (1.0, _mistyped),
    )
    for share, edits_of in steps:
        search.section(share)
        if refusal := walk(fields, search, edits_of):
            return refusal
    return None


def walk(
    fields: Fields,
    search: Search,
    edits_of: Callable[[Fields, Leaf], Iterator[Edit]],
    leaves: list[Leaf] | None = None,
) -> Refusal | None:
    """Try the edits of each field in document order: what stands before them is hashed once."""
    along = Along(search, fields.content)
    for leaf in fields.leaves if leaves is None else leaves:
        if search.exhausted:
            return None
        search.charge(LOOK_COSTS_BYTES)
        along.move(leaf.gap_begin)
        for begin, end, new, refusal in edits_of(fields, leaf):
            if along.fits(begin, end, new):
                return refusal()
    return None


def _odd(fields: Fields, leaf: Leaf) -> Iterator[Edit]:
    """Yield what makes a value look like the others of its column."""
    text = fields.texts[leaf.item]
    usual = fields.usual.get(leaf.item)
    if usual is None or shape(text) == usual:
        return
    for other in dict.fromkeys(fields.others(text).values()):
        if shape(other) == usual:
            yield fields.edited(leaf, other)


def _repaired(fields: Fields, leaf: Leaf) -> Iterator[Edit]:
    for other in dict.fromkeys(repaired(fields.texts[leaf.item]).values()):
        yield fields.edited(leaf, other)


def _rewritten(fields: Fields, leaf: Leaf) -> Iterator[Edit]:
    text = fields.texts[leaf.item]
    if not text:
        yield fields.edited(leaf, " ")
    for other in dict.fromkeys(fields.others(text).values()):
        yield fields.edited(leaf, other)


def _likely(fields: Fields, leaf: Leaf) -> Iterator[Edit]:
    """Yield what spreadsheets and people do most: zeros and blanks lost, dates and amounts written their own way."""
    others = fields.others(fields.texts[leaf.item])
    for other in dict.fromkeys(text for name, text in others.items() if is_likely(name)):
        yield fields.edited(leaf, other)


def _mistyped(fields: Fields, leaf: Leaf) -> Iterator[Edit]:
    for other in typos(fields.texts[leaf.item]):
        yield fields.edited(leaf, other)


def _mistyped_amounts(fields: Fields, leaf: Leaf) -> Iterator[Edit]:
    text = fields.texts[leaf.item]
    if AMOUNT_DIGITS_MIN <= len(text) <= AMOUNT_DIGITS_MAX and text.isdigit() and text[0] != "0":
        yield from _mistyped(fields, leaf)


def _elsewhere(fields: Fields, leaf: Leaf) -> Iterator[Edit]:
    """Yield values of the same column, and for an emptied field those of the same row and of the document's head."""
    outline = fields.outline
    text = fields.texts[leaf.item]
    seen = fields.seen[leaf.item].copy()
    if not text:
        if leaf.parent >= 0:
            beside = (outline.leaves[one] for one in outline.branches[leaf.parent].leaves[: 4 * ELSEWHERE_MAX])
            seen += [fields.texts[one.item] for one in beside if one.item in fields.texts]
        seen += [fields.texts[one.item] for one in fields.leaves[: 2 * ELSEWHERE_MAX]]
    else:
        seen.append("")
    for other in dict.fromkeys(seen):
        if other != text:
            yield fields.edited(leaf, other)


def _structure(fields: Fields, leaf: Leaf) -> Iterator[Edit]:
    """Yield the document without this element if it is empty, and with its value exchanged for a neighbour's."""
    outline = fields.outline
    place = outline.place_of
    if is_blank(fields.content[leaf.begin : leaf.end]):

        def added() -> Refusal:
            return Refusal("digest-differs-element-added", place(leaf))

        yield leaf.gap_begin, leaf.outer_end, b"", added
        yield leaf.outer_begin, leaf.outer_end, b"", added
    below = fields.beside(leaf)
    next_row = _below(fields, leaf)
    for other in (below, next_row):
        if other is None or fields.texts[leaf.item] == fields.texts[other.item]:
            continue

        def exchanged(one: Leaf = leaf, two: Leaf = other) -> Refusal:
            first, second = shown("one", fields.texts[two.item]), shown("two", fields.texts[one.item])
            there = {name.replace("place", "there"): words for name, words in place(two).items()}
            return Refusal("digest-differs-exchanged", place(one) | there | first | second)

        content = fields.content
        new = content[other.begin : other.end] + content[leaf.end : other.begin] + content[leaf.begin : leaf.end]
        yield leaf.begin, other.end, new, exchanged


def _below(fields: Fields, leaf: Leaf) -> Leaf | None:
    """Return the same field of the next row."""
    outline = fields.outline
    following = next_row(outline, leaf.parent)
    if following is None:
        return None
    for at in following.leaves:
        one = outline.leaves[at]
        if one.name == leaf.name and one.number == leaf.number and one.item in fields.texts:
            return one
    return None


def next_row(outline: Outline, at: int) -> Branch | None:
    """Return the row below, if there is one of the same name."""
    if at < 0 or outline.branches[at].parent < 0:
        return None
    siblings = outline.branches[outline.branches[at].parent].branches
    below = position(siblings, outline.branches[at].outer_begin, outline) + 1
    if below >= len(siblings):
        return None
    following = outline.branches[siblings[below]]
    return following if following.name == outline.branches[at].name else None


def position(siblings: list[int], begin: int, outline: Outline) -> int:
    """Return which of the siblings begins there."""
    return bisect_left(siblings, begin, key=lambda at: outline.branches[at].outer_begin)
