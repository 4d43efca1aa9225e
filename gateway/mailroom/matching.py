"""Which dossier each scanned page goes to: pure, and never by a guess.

A page with a code of ours goes where its code says, if all of it holds. A page without one has only its place in the
pile to tell whose it is, and a pile can be dropped. So it follows the cover before it only while nothing at all speaks
against the pile: every cover and printed page of the item is there and was read, each dossier lies together behind
its cover, and every count agrees. Else it waits for a person, and so do all others without a code in that item.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from gateway.mailroom.codes import CoverCode, DossierCode, PageCode, Printed, check_page, read_code
from gateway.mailroom.counting import Counted, Line, compare, differing
from gateway.postal.pieces import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway.mailroom.reading import PageRead

State = Literal["filed", "waiting", "set-aside"]
How = Literal["", "code", "follows", "person"]


class Expected(Struct, frozen=True, kw_only=True):
    """A dossier that is announced in the item and not filed yet: what its cover stands for."""

    dossier: str
    digest: bytes
    printed: tuple[Printed, ...] = ()
    pieces: tuple[Piece, ...] = ()

    @property
    def loose_pages(self) -> int:
        """How many pages without a code it is to have: those of the pieces that we did not print."""
        return sum(one.pages for one in self.pieces if not one.form)


class Filed(Struct, frozen=True, kw_only=True):
    """What became of a page: `dossier` is '' unless it is filed; `why` is of `matching_words.WHYS`, or ''.

    `near` is a dossier that a person may think of first, when the page waits. `form` and `page` are its place among
    what we printed, of so many `pages`: form 0 is the cover (its page 1 of 1 where only the cover's own code was
    read); page 0: it has no place.
    """

    number: int
    state: State
    dossier: str = ""
    how: How = ""
    why: str = ""
    near: str = ""
    form: int = 0
    page: int = 0
    pages: int = 0


def match(
    pages: Sequence[PageRead],
    expected: Sequence[Expected],
    counted: Sequence[Counted],
    *,
    cover_holds: Callable[[CoverCode], bool],
) -> list[Filed]:
    """What becomes of each page of an item that was scanned in one batch, in their order; see `match_batches`."""
    return match_batches([pages], expected, counted, cover_holds=cover_holds)[0]


def match_batches(
    batches: Sequence[Sequence[PageRead]],
    expected: Sequence[Expected],
    counted: Sequence[Counted],
    *,
    cover_holds: Callable[[CoverCode], bool],
    bound: Mapping[tuple[int, int], str] | None = None,
) -> list[list[Filed]]:
    """What becomes of each page of an item, in the order of its batches and their pages.

    `expected` are all dossiers of the item, `counted` the pieces counted at its opening. `cover_holds` says whether a
    cover's signature does. `bound` is what people decided, by index of batch and page: the dossier ('': none); it
    stands. Told all batches again after each, it files what waited for a later one; what it once filed, a later batch
    may make it doubt, and then a person has to look.
    """
    known = {one.dossier: one for one in expected}
    placed = [
        [
            _bound(page, bound[at, index], known)
            if bound and (at, index) in bound
            else _coded(page, known, cover_holds)
            for index, page in enumerate(pages)
        ]
        for at, pages in enumerate(batches)
    ]
    _notice_doubles(placed)
    behind = [_behind(pages) for pages in placed]
    why = _against(batches, placed, behind, known, counted)
    return [
        [
            one if one is not None else _followed(page.number, dossier, why)
            for page, one, dossier in zip(pages, found, dossiers, strict=True)
        ]
        for pages, found, dossiers in zip(batches, placed, behind, strict=True)
    ]


def _bound(page: PageRead, dossier: str, known: Mapping[str, Expected]) -> Filed:
    """A page that a person bound, with its place if its code has one in that dossier."""
    if not dossier:
        return Filed(number=page.number, state="set-aside", how="person")
    filed = Filed(number=page.number, state="filed", dossier=dossier, how="person")
    read = [read_code(one.text) for one in page.codes]
    ours = [one for one in read if isinstance(one, CoverCode | PageCode | DossierCode) and one.dossier == dossier]
    return _with_place(filed, ours) if dossier in known and any(not isinstance(o, DossierCode) for o in ours) else filed


def _coded(page: PageRead, known: Mapping[str, Expected], cover_holds: Callable[[CoverCode], bool]) -> Filed | None:
    """Where the page's codes put it; None: it has none of ours, and is not blank."""
    read = [read_code(one.text) for one in page.codes]
    ours = [one for one in read if isinstance(one, CoverCode | PageCode | DossierCode)]
    if not ours:
        if page.unread:
            return Filed(number=page.number, state="waiting", why="code-unread")
        return Filed(number=page.number, state="set-aside", why="blank") if page.blank and not page.codes else None
    dossier = ours[0].dossier
    why = _doubt(ours, known, cover_holds)
    if why:
        near = dossier if why != "two-dossiers" and dossier in known else ""
        return Filed(number=page.number, state="waiting", why=why, near=near)
    return _with_place(Filed(number=page.number, state="filed", dossier=dossier, how="code"), ours)


def _with_place(filed: Filed, ours: Sequence[CoverCode | PageCode | DossierCode]) -> Filed:
    """With the place that its page code tells; a cover's own code stands on its first page."""
    code = next((one for one in ours if isinstance(one, PageCode)), None)
    if code is None:
        return msgspec.structs.replace(filed, page=1, pages=1)
    return msgspec.structs.replace(filed, form=code.number, page=code.page, pages=code.pages)


def _doubt(
    ours: Sequence[CoverCode | PageCode | DossierCode],
    known: Mapping[str, Expected],
    cover_holds: Callable[[CoverCode], bool],
) -> str:
    """What speaks against filing a page by these codes; '': nothing."""
    if len({one.dossier for one in ours}) > 1:
        return "two-dossiers"
    expected = known.get(ours[0].dossier)
    if expected is None:
        return "other-item"
    places: set[tuple[int, int]] = set()
    cover = False
    for one in ours:
        if isinstance(one, CoverCode):
            cover = True
            if one.digest != expected.digest:
                return "stale"
            if not cover_holds(one):
                return "unsigned"
        elif isinstance(one, PageCode):
            places.add((one.number, one.page))
            if not check_page(one, expected.digest) or not _is_printed(one, expected):
                return "stale"
    if len(places) > 1 or (cover and any(form for form, _ in places)):
        return "two-pages"
    return "" if cover or places else "barcode-only"


def _is_printed(code: PageCode, expected: Expected) -> bool:
    return code.number == 0 or any(one.number == code.number and one.pages == code.pages for one in expected.printed)


def _notice_doubles(placed: list[list[Filed | None]]) -> None:
    """Say of each later scan of a printed page that it is one."""
    seen: set[tuple[str, int, int]] = set()
    for pages in placed:
        for index, one in enumerate(pages):
            if one is None or one.state != "filed" or not one.page:
                continue
            place = (one.dossier, one.form, one.page)
            if place in seen and one.how == "code":
                pages[index] = msgspec.structs.replace(one, why="doubled")
            seen.add(place)


def _behind(pages: Sequence[Filed | None]) -> list[str]:
    """The dossier whose pages each page lies behind, in its batch; '': none, or a page that waits is in between."""
    found, covers, last = [], set(), ""
    for one in pages:
        if one is None:
            found.append(last if last in covers else "")
            continue
        found.append("")
        if one.page or one.state == "waiting":
            last = one.dossier
        if one.page and one.form == 0:
            covers.add(one.dossier)
    return found


def _against(
    batches: Sequence[Sequence[PageRead]],
    placed: Sequence[Sequence[Filed | None]],
    behind: Sequence[Sequence[str]],
    known: Mapping[str, Expected],
    counted: Sequence[Counted],
) -> str:
    """What speaks against the order of this item's piles; '': nothing, and pages without a code may follow."""
    filed = [one for pages in placed for one in pages if one is not None and one.state == "filed"]
    if any(_lacking(one, filed) for one in known.values()):
        return "pages-missing"
    if any(line.short or line.surplus for line in compare(_announced(known.values()), counted)):
        return "pieces"
    if not _in_order(placed, strictly=sum(one.loose_pages > 0 for one in known.values()) > 1):
        return "disorder"
    uncoded = [
        (page, dossier)
        for pages, found, dossiers in zip(batches, placed, behind, strict=True)
        for page, one, dossier in zip(pages, found, dossiers, strict=True)
        if one is None
    ]
    if not all(dossier in known for _, dossier in uncoded):
        return "strays"
    images = [page.sha256 for page, _ in uncoded if page.sha256]
    if len(images) > len(set(images)):
        return "doubled"
    loose = Counter([dossier for _, dossier in uncoded] + [one.dossier for one in filed if not one.page])
    return "" if all(loose[name] == one.loose_pages for name, one in known.items()) else "counts"


def _lacking(expected: Expected, filed: Iterable[Filed]) -> set[tuple[int, int]]:
    """The printed pages of a dossier that are not there, as (form, page); form 0 is its cover."""
    theirs = [one for one in filed if one.dossier == expected.dossier and one.page]
    cover = max((one.pages for one in theirs if one.form == 0), default=1)
    wanted = {(0, page) for page in range(1, cover + 1)}
    wanted |= {(one.number, page) for one in expected.printed for page in range(1, one.pages + 1)}
    return wanted - {(one.form, one.page) for one in theirs}


def _in_order(placed: Sequence[Sequence[Filed | None]], *, strictly: bool) -> bool:
    """Whether in each batch every dossier's coded pages lie together, none of them twice; strictly: also as printed."""
    for pages in placed:
        coded = [one for one in pages if one is not None and one.state == "filed" and one.page]
        if any(one.why == "doubled" for one in coded):
            return False
        runs = [one.dossier for index, one in enumerate(coded) if not index or coded[index - 1].dossier != one.dossier]
        if len(runs) > len(set(runs)):
            return False
        if strictly and any(
            (before.form, before.page) >= (after.form, after.page)
            for before, after in pairwise(coded)
            if before.dossier == after.dossier
        ):
            return False
    return True


def _followed(number: int, dossier: str, why: str) -> Filed:
    """A page without a code: behind its cover if nothing speaks against that."""
    if not dossier:
        return Filed(number=number, state="waiting", why="no-cover")
    if why:
        return Filed(number=number, state="waiting", why=why, near=dossier)
    return Filed(number=number, state="filed", dossier=dossier, how="follows")


class Missing(Struct, frozen=True, kw_only=True):
    """Something that a dossier lacks, or has too much of: `wanted` and `found` are numbers of pages or of pieces.

    `what` is cover, printed (pages `pages` of form `form`), loose (pages without a code) or pieces (of kind `kind`).
    """

    what: Literal["cover", "printed", "loose", "pieces"]
    form: int = 0
    kind: str = ""
    pages: tuple[int, ...] = ()
    wanted: int = 0
    found: int = 0


class Completeness(Struct, frozen=True, kw_only=True):
    """Whether all of an expected dossier is there: it is where `missing` is empty. `doubled` are printed pages that
    were scanned more than once, as (form, page): they are no hindrance, and a person may want to know.
    """

    dossier: str
    missing: tuple[Missing, ...]
    doubled: tuple[tuple[int, int], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def complete(expected: Sequence[Expected], pages: Iterable[Filed], counted: Sequence[Counted]) -> list[Completeness]:
    """Of each expected dossier, in their order, whether all of it is among the pages of its item, and what is not."""
    filed = [one for one in pages if one.state == "filed"]
    announced = _announced(expected)
    lines = compare(announced, counted)
    return [_completeness(one, filed, differing(lines, announced, one.dossier)) for one in expected]


def _announced(expected: Iterable[Expected]) -> dict[str, tuple[Piece, ...]]:
    return {one.dossier: one.pieces for one in expected}


def _completeness(expected: Expected, filed: Sequence[Filed], lines: Sequence[Line]) -> Completeness:
    theirs = [one for one in filed if one.dossier == expected.dossier]
    lacking = _lacking(expected, theirs)
    missing: list[Missing] = []
    if cover := sorted(page for form, page in lacking if form == 0):
        missing.append(Missing(what="cover", pages=tuple(cover), wanted=len(cover)))
    for printed in expected.printed:
        if gone := sorted(page for form, page in lacking if form == printed.number):
            found = printed.pages - len(gone)
            missing.append(
                Missing(what="printed", form=printed.number, pages=tuple(gone), wanted=printed.pages, found=found)
            )
    loose = sum(not one.page for one in theirs)
    if loose != expected.loose_pages:
        missing.append(Missing(what="loose", wanted=expected.loose_pages, found=loose))
    missing += [
        Missing(what="pieces", kind=line.kind, wanted=line.announced, found=line.counted or 0) for line in lines
    ]
    places = Counter((one.form, one.page) for one in theirs if one.page)
    return Completeness(
        dossier=expected.dossier,
        missing=tuple(missing),
        doubled=tuple(sorted(place for place, times in places.items() if times > 1)),
    )
