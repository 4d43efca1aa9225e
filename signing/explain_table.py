"""Tables that were written otherwise after signing: a column, a row more, two rows exchanged, empty fields dropped."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from signing.explain_fields import Fields, next_row, position
from signing.explain_guesses import repaired
from signing.explain_outline import Branch, Leaf, Outline, escape, is_blank, shown
from signing.explain_search import LOOK_COSTS_BYTES, Along, Search, spliced
from signing.indication import Refusal

LAID_OUT_MAX: Final = 2_000

Layout = Mapping[str, Sequence[str]]

# The children of the national envelope's elements, in order, as software writes them, empty ones too.
ENVELOPE: Final[Layout] = {
    "ThongTinIVAN": ("MaIVAN", "TenIVAN"),
    "ThongTinDonVi": (
        *("TenDoiTuong", "MaSoBHXH", "LoaiDoiTuong", "MaSoThue", "NguoiKy", "DienThoai", "CoQuanQuanLy"),
    ),
    "ThongTinHoSo": (*("TenThuTuc", "MaThuTuc", "KyKeKhai", "NgayLap", "SoLuongFile", "QuyTrinhISO", "ToKhais"),),
    "FileToKhai": ("MaToKhai", "MoTaToKhai", "TenFile", "LoaiFile", "DoDaiFile", "NoiDungFile"),
}

_Lacking = list[tuple[int, bytes]]


def explain_table(fields: Fields, search: Search, layout: Layout = ENVELOPE) -> Refusal | None:
    """Try one change to a list: a row more, two rows exchanged, empty fields dropped or added, a column rewritten.

    `layout` names the children that elements have by their forms, in order, so that dropped ones can be put back.
    """
    outline = fields.outline
    search.section(0.08)
    if refusal := _walk_rows(outline, search) or _walk_gaps(outline, search, layout):
        return refusal
    search.section(0.04)
    if refusal := _explain_empty_columns(fields, search):
        return refusal
    search.section(0.12)
    return _explain_columns(fields, search)


def _walk_rows(outline: Outline, search: Search) -> Refusal | None:
    """Try without each row, and with two neighbours exchanged."""
    content = outline.content
    along = Along(search, content)
    for at, row in enumerate(outline.branches):
        if search.exhausted:
            return None
        search.charge(LOOK_COSTS_BYTES)
        if at not in outline.rows:
            continue
        along.move(row.gap_begin)
        without = ((row.gap_begin, row.outer_end), (row.outer_begin, row.outer_end))
        if any(along.fits(begin, end, b"") for begin, end in without):
            return Refusal("digest-differs-row-added", outline.place_of(row))
        following = next_row(outline, at)
        if following is None:
            continue
        one, two = content[row.outer_begin : row.outer_end], content[following.outer_begin : following.outer_end]
        between = content[row.outer_end : following.outer_begin]
        if along.fits(row.outer_begin, following.outer_end, two + between + one):
            return Refusal("digest-differs-rows-exchanged", outline.place_of(row))
    return None


def _walk_gaps(outline: Outline, search: Search, layout: Layout) -> Refusal | None:
    """Try with the empty elements that an element lacks: one, all of one element, all of the document."""
    content = outline.content
    along = Along(search, content)
    everywhere: list[tuple[Branch, _Lacking]] = []
    for branch in outline.branches[:LAID_OUT_MAX]:
        if search.exhausted:
            return None
        search.charge(LOOK_COSTS_BYTES * (1 + len(branch.leaves)))
        found = [lacking for lacking in _lacking(outline, branch, layout) if lacking]
        for lacking in found:
            along.move(branch.inner_begin)
            first, last = lacking[0][0], lacking[-1][0]
            together = spliced(content[first:last], [(at - first, at - first, new) for at, new in lacking])
            if along.fits(first, last, together) or any(along.fits(at, at, new) for at, new in lacking):
                return Refusal("digest-differs-element-removed", outline.place_of(branch))
        everywhere += ((branch, lacking) for lacking in found[:1])
    if len(everywhere) > 1:
        edits = [(at, at, new) for _, lacking in everywhere for at, new in lacking]
        edits.sort(key=lambda edit: edit[0])  # those of one place stay in their order
        if search.fits_with(content, edits):
            words = outline.place_of(everywhere[0][0]) | {"count": str(len(edits))}
            return Refusal("digest-differs-elements-removed", words)
    return None


def _lacking(outline: Outline, branch: Branch, layout: Layout) -> tuple[_Lacking, _Lacking]:
    """Return where empty elements are to be put into an element: with blanks before them, and between blanks.

    Some programs drop an element with the blanks before it, others leave those behind.
    """
    children = _children(outline, branch)
    wanted = [name.encode() for name in layout.get(branch.name.decode(errors="replace"), ())]
    if not wanted:
        wanted = _model(outline, branch)
    left = {child.name: child for child in children}
    if not 0 < len(children) < len(wanted) or len(left) != len(children) or not left.keys() <= set(wanted):
        return [], []
    content = outline.content
    gap = content[children[0].gap_begin : children[0].outer_begin]
    with_gap: _Lacking = []
    in_gap: _Lacking = []
    at = inside = branch.inner_begin
    for name in wanted:
        if name in left:
            if left[name].outer_end < at:  # in another order than laid out
                return [], []
            at = inside = left[name].outer_end
            continue
        element = b"<" + name + b"></" + name + b">"
        with_gap.append((at, gap + element))
        if gap and content.startswith(gap, inside):
            inside += len(gap)
            in_gap.append((inside, element))
    return with_gap, in_gap


def _children(outline: Outline, branch: Branch) -> list[Leaf | Branch]:
    below: list[Leaf | Branch] = [outline.leaves[at] for at in branch.leaves]
    below += [outline.branches[at] for at in branch.branches]
    return sorted(below, key=lambda one: one.outer_begin)


def _model(outline: Outline, row: Branch) -> list[bytes]:
    """Return the children's names of a neighbouring row that has more of them."""
    if row.parent < 0:
        return []
    siblings = outline.branches[row.parent].branches
    at = position(siblings, row.outer_begin, outline)
    near = [outline.branches[siblings[one]] for one in (at - 1, at + 1) if 0 <= one < len(siblings)]
    like = [one for one in near if one.name == row.name and len(one.leaves) > len(row.leaves)]
    return [child.name for child in _children(outline, like[0])] if like else []


def _explain_columns(fields: Fields, search: Search) -> Refusal | None:
    """Try each column, and all fields, written otherwise in one and the same way."""
    columns = [column for column in fields.columns if len(column) > 1]
    for column in (fields.leaves, *columns):
        refusal = _written_alike(fields, search, column, repaired, everywhere=column is fields.leaves)
        if refusal or search.exhausted:
            return refusal
    for column in columns:
        refusal = _numbered(fields, search, column) or _written_alike(fields, search, column, fields.others)
        if refusal or search.exhausted:
            return refusal
    return _written_alike(fields, search, fields.leaves, fields.others, everywhere=True)


def _written_alike(
    fields: Fields,
    search: Search,
    leaves: list[Leaf],
    others_of: Callable[[str], dict[str, str]],
    *,
    everywhere: bool = False,
) -> Refusal | None:
    others: dict[str, dict[str, str]] = {}
    names: dict[str, None] = {}
    for leaf in leaves:
        text = fields.texts[leaf.item]
        if text not in others:
            search.charge(LOOK_COSTS_BYTES)
            others[text] = others_of(text)
            names.update(dict.fromkeys(others[text]))
        if search.exhausted:
            return None
    tried: set[tuple[str, ...]] = set()
    for name in names:
        search.charge(LOOK_COSTS_BYTES * len(leaves))
        changed = [(leaf, one) for leaf in leaves if (one := others[fields.texts[leaf.item]].get(name)) is not None]
        outcome = tuple(other for _, other in changed)
        if len(changed) > 1 and outcome not in tried:
            tried.add(outcome)
            if refusal := _together(fields, search, changed, everywhere=everywhere):
                return refusal
        if search.exhausted:
            return None
    return None


def _together(
    fields: Fields, search: Search, changed: list[tuple[Leaf, str]], *, everywhere: bool = False
) -> Refusal | None:
    edits = [(leaf.begin, leaf.end, escape(other)) for leaf, other in changed]
    if not search.fits_with(fields.content, edits):
        return None
    leaf, other = changed[0]
    words = fields.outline.place_of(leaf) | shown("now", fields.texts[leaf.item]) | shown("signed", other)
    words |= {"count": str(len(changed))}
    if everywhere and not fields.in_one_column([leaf for leaf, _ in changed]):
        return Refusal("digest-differs-fields", words)
    return Refusal("digest-differs-column", words | {"column": fields.outline.column_of(leaf)})


def _numbered(fields: Fields, search: Search, column: list[Leaf]) -> Refusal | None:
    """Try a column of numbers (STT) counted from one, from nought, and not filled in at all."""
    texts = [fields.texts[leaf.item].strip() for leaf in column]
    if not all(text.isdigit() for text in texts if text):
        return None
    counted = [str(number) for number in range(1, len(column) + 1)]
    for wanted in (counted, [str(number) for number in range(len(column))], [""] * len(column)):
        changed = [(leaf, new) for leaf, new, now in zip(column, wanted, texts, strict=True) if new != now]
        if len(changed) > 1 and (refusal := _together(fields, search, changed)):
            return refusal
    return None


def _explain_empty_columns(fields: Fields, search: Search) -> Refusal | None:
    """Try without the empty elements of each column, then of all: serialisers differ in whether they write them."""
    content = fields.content
    empty = [leaf for leaf in fields.leaves if is_blank(content[leaf.begin : leaf.end])]
    groups: dict[bytes, list[Leaf]] = {}
    for leaf in empty:
        groups.setdefault(leaf.name, []).append(leaf)
    candidates = [empty, *groups.values()]
    for group in candidates:
        if len(group) <= 1:
            continue
        for edits in (
            [(leaf.gap_begin, leaf.outer_end, b"") for leaf in group],
            [(leaf.outer_begin, leaf.outer_end, b"") for leaf in group],
        ):
            if search.exhausted:
                return None
            if search.fits_with(content, edits):
                words = fields.outline.place_of(group[0]) | {"count": str(len(group))}
                return Refusal("digest-differs-elements-added", words)
    return None
