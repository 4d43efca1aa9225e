"""Where pages go: by their codes, behind their covers while everything agrees, and never to the wrong dossier."""

import random
from collections.abc import Sequence
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from gateway.mailroom import matching_words
from gateway.mailroom.codes import CoverCode, Printed, check_cover, cover_code, digest_of, page_code
from gateway.mailroom.counting import Counted
from gateway.mailroom.matching import Expected, Filed, Missing, complete, match, match_batches
from gateway.mailroom.reading import Code, PageRead
from gateway.postal.pieces import Piece
from tests.postal.papers import KEYS, SEAL


class Sheet(Struct, frozen=True):
    """A sheet as it lies in the pile: whose it is ('': blank or of nobody here), and what a scanner sees of it."""

    owner: str
    page: PageRead
    coded: bool


@lru_cache(maxsize=64)
def dossier(name: str, loose: int = 0, forms: tuple[int, ...] = (2, 1), books: int = 0) -> Expected:
    named = "d-" + (name * 26)[:26]
    printed = tuple(Printed(number=at, form=f"F{at}", pages=pages) for at, pages in enumerate(forms, 1))
    pieces = tuple(Piece(kind="form", form=one.form, pages=one.pages) for one in printed)
    if loose:
        pieces += (Piece(kind="attachment", name="Hợp đồng", pages=loose),)
    if books:
        pieces += (Piece(kind="book", count=books, original=True),)
    digest = digest_of(
        announcement="p-a", dossier=named, sha256=name.encode() * 32, half_of="", pieces=pieces, printed=printed
    )
    return Expected(dossier=named, digest=digest, printed=printed, pieces=pieces)


@lru_cache(maxsize=64)
def signed(named: str, digest: bytes) -> str:
    return cover_code(named, digest, SEAL)


def coded(one: Expected, number: int, page: int, pages: int) -> PageRead:
    return read(page_code(one.dossier, one.digest, number, page, pages))


def read(*texts: str, **more: object) -> PageRead:
    return PageRead(number=1, codes=tuple(Code(text=text, format="QRCode") for text in texts), **more)  # type: ignore[arg-type]


def cover(one: Expected) -> PageRead:
    return read(signed(one.dossier, one.digest), page_code(one.dossier, one.digest, 0, 1, 1), one.dossier)


def block(one: Expected) -> list[Sheet]:
    sheets = [Sheet(one.dossier, cover(one), True)]
    for form in one.printed:
        sheets += [
            Sheet(one.dossier, coded(one, form.number, page, form.pages), True) for page in range(1, form.pages + 1)
        ]
    return sheets + [Sheet(one.dossier, read(), False) for _ in range(one.loose_pages)]


def counted(*expected: Expected) -> list[Counted]:
    return [Counted(kind=piece.kind, count=piece.count) for one in expected for piece in one.pieces if not piece.form]


def holds(code: CoverCode) -> bool:
    return check_cover(code, KEYS)


def of(sheets: Sequence[Sheet], *expected: Expected, pieces: list[Counted] | None = None) -> list[Filed]:
    pages = [structs.replace(sheet.page, number=number) for number, sheet in enumerate(sheets, 1)]
    told = counted(*expected) if pieces is None else pieces
    return match(pages, expected, told, cover_holds=holds)


def wrong(sheets: Sequence[Sheet], filed: Sequence[Filed]) -> list[Filed]:
    return [
        one for sheet, one in zip(sheets, filed, strict=True) if one.state == "filed" and one.dossier != sheet.owner
    ]


A, B, C = dossier("a", loose=2), dossier("b", loose=1, books=2), dossier("c")
STRANGE = dossier("x", loose=2)
BLANK = Sheet("", read(blank=True), False)


def stranger() -> Sheet:
    return Sheet("", coded(STRANGE, 1, 1, 2), True)


def test_a_pile_in_order_files_itself():
    sheets = block(A) + block(B) + block(C)
    filed = of(sheets, A, B, C)
    assert [(one.dossier, one.state) for one in filed] == [(sheet.owner, "filed") for sheet in sheets]
    assert [one.how for one in filed] == ["code" if sheet.coded else "follows" for sheet in sheets]
    assert [one.complete for one in complete([A, B, C], filed, counted(A, B, C))] == [True] * 3


def test_blank_pages_are_set_aside_and_disturb_nothing():
    sheets = [sheet for each in block(A) + block(B) for sheet in (each, BLANK)]
    filed = of(sheets, A, B)
    assert {one.why for one in filed[1::2]} == {"blank"}
    assert {one.state for one in filed[1::2]} == {"set-aside"}
    assert {one.state for one in filed[::2]} == {"filed"}


def test_foreign_barcodes_are_ignored():
    first, *rest = block(A)
    last = rest.pop()
    foreign = Sheet(A.dossier, read("8934000000017", "https://example.org/", "MOTCUA1/Z/no"), False)
    sheets = [first, *rest, foreign]
    assert len(sheets) == len(block(A))
    assert last.page == read()
    assert {(one.state, one.dossier) for one in of(sheets, A)} == {("filed", A.dossier)}


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (coded(STRANGE, 1, 1, 2), "other-item"),
        (read(page_code(C.dossier, A.digest, 1, 1, 2)), "stale"),
        (coded(C, 9, 1, 2), "stale"),
        (coded(C, 1, 1, 9), "stale"),
        (read(signed(C.dossier, A.digest)), "stale"),
        (read(signed(C.dossier, C.digest)[:-4] + "AAAA"), "unsigned"),
        (read(page_code(C.dossier, C.digest, 1, 1, 2), page_code(A.dossier, A.digest, 1, 1, 2)), "two-dossiers"),
        (read(page_code(C.dossier, C.digest, 1, 1, 2), A.dossier), "two-dossiers"),
        (read(page_code(C.dossier, C.digest, 1, 1, 2), page_code(C.dossier, C.digest, 1, 2, 2)), "two-pages"),
        (read(signed(C.dossier, C.digest), page_code(C.dossier, C.digest, 1, 2, 2)), "two-pages"),
        (read(C.dossier), "barcode-only"),
        (read(unread=True), "code-unread"),
        (read(), "no-cover"),
    ],
)
def test_a_page_whose_code_does_not_hold_waits_and_says_why(page: PageRead, why: str):
    filed = of([Sheet("", page, True), *block(C)], A, C)
    assert (filed[0].state, filed[0].dossier, filed[0].how, filed[0].why) == ("waiting", "", "", why)
    assert all(one.state == "filed" for one in filed[1:])
    assert all(matching_words.WHYS[why])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda sheets: sheets[:-1], "counts"),
        (lambda sheets: [*sheets, Sheet("", read(), False)], "counts"),
        (lambda sheets: [Sheet("", read(), False), *sheets], "strays"),
        (lambda sheets: sheets[:1] + sheets[2:], "pages-missing"),
        (lambda sheets: sheets[1:], "no-cover"),
        (lambda sheets: [*sheets[:2], sheets[1], *sheets[2:]], "disorder"),
        (lambda sheets: [*sheets[:2], *block(C), *sheets[2:]], "disorder"),
        (lambda sheets: [*sheets[:-1], stranger(), sheets[-1]], "strays"),
    ],
)
def test_pages_without_a_code_wait_as_soon_as_anything_is_amiss(change, why: str):
    sheets = change(block(A))
    expected = (A, C) if any(sheet.owner == C.dossier for sheet in sheets) else (A,)
    filed = of(sheets, *expected)
    loose = [one for sheet, one in zip(sheets, filed, strict=True) if not sheet.coded]
    assert {one.state for one in loose} == {"waiting"}
    assert why in {one.why for one in loose}
    assert all(one.state == "filed" for sheet, one in zip(sheets, filed, strict=True) if sheet.coded and sheet.owner)


def test_pages_without_a_code_wait_when_the_counted_pieces_differ():
    filed = of(block(B), B, pieces=[Counted(kind="attachment", count=1), Counted(kind="book", count=1)])
    assert [(one.state, one.why) for one in filed if one.how != "code"] == [("waiting", "pieces")]
    (told,) = complete([B], filed, [Counted(kind="attachment", count=1), Counted(kind="book", count=1)])
    assert Missing(what="pieces", kind="book", wanted=2, found=1) in told.missing


def test_the_very_same_image_twice_is_no_second_page():
    same = read(sha256="ab")
    sheets = [sheet for sheet in block(A) if sheet.coded] + [Sheet(A.dossier, same, False)] * 2
    assert {one.why for one in of(sheets, A) if one.state == "waiting"} == {"doubled"}


def test_a_dossier_says_which_printed_pages_are_missing():
    filed = of([sheet for sheet in block(A) if sheet.page != coded(A, 1, 2, 2)], A)
    (told,) = complete([A], filed, counted(A))
    assert not told.complete
    assert Missing(what="printed", form=1, pages=(2,), wanted=2, found=1) in told.missing
    (nothing,) = complete([A], [], counted(A))
    assert Missing(what="cover", pages=(1,), wanted=1) in nothing.missing


def test_a_printed_page_scanned_twice_is_noticed():
    sheets = block(C)
    filed = of([*sheets, sheets[-1]], C)
    assert (filed[-1].state, filed[-1].why) == ("filed", "doubled")
    (told,) = complete([C], filed, [])
    assert told.complete
    assert told.doubled == ((2, 1),)


def test_a_later_batch_and_a_person_settle_what_waited():
    first, second = block(A), block(B)
    pages = [[sheet.page for sheet in first], [sheet.page for sheet in second]]
    alone = match_batches(pages[:1], [A, B], counted(A, B), cover_holds=holds)
    assert {one.why for one in alone[0] if one.state == "waiting"} == {"pages-missing"}
    both = match_batches(pages, [A, B], counted(A, B), cover_holds=holds)
    assert {one.state for batch in both for one in batch} == {"filed"}
    late = [[*pages[0], read()]]
    bound = {(0, len(first)): ""}
    by_hand = match_batches(late, [A], counted(A), cover_holds=holds, bound=bound)[0]
    assert [one.state for one in by_hand] == ["filed"] * len(first) + ["set-aside"]
    assert by_hand[-1].how == "person"


def shuffled(sheets: Sequence[Sheet], rng: random.Random, times: int) -> list[Sheet]:
    """Pages are taken out, put elsewhere, scanned twice; pages of others get in between."""
    pile = list(sheets)
    for _ in range(times):
        at = rng.randrange(len(pile) + 1)
        match rng.randrange(6):
            case 0 if len(pile) > 1:
                pile.pop(min(at, len(pile) - 1))
            case 1:
                pile.insert(rng.randrange(len(pile)), pile.pop(min(at, len(pile) - 1)))
            case 2:
                pile.insert(at, rng.choice(pile))
            case 3:
                pile.insert(at, stranger())
            case 4:
                pile.insert(at, BLANK)
            case _:
                rng.shuffle(pile)
    return pile


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 8), st.integers(0, 4), st.integers(0, 2))
def test_whatever_happens_to_a_pile_no_page_is_filed_wrongly(rng: random.Random, times: int, loose: int, misread: int):
    # Of one dossier with papers that bear no code, any disorder at all; and printed pages whose code is not read.
    one, other = dossier("q", loose=loose), dossier("d", forms=(1,))
    pile = block(one) + block(C) + block(other)
    for at in rng.sample(range(len(pile)), misread):
        pile[at] = Sheet(pile[at].owner, read(), False)
    if misread and loose and rng.random() < 0.5:
        pile.pop(len(block(one)) - 1)
    sheets = shuffled(pile, rng, times)
    filed = of(sheets, one, C, other)
    assert wrong(sheets, filed) == []


@settings(max_examples=60, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(["lost", "moved", "doubled", "strange", "strange-pile", "moved-and-lost", "blocks"]),
)
def test_one_mishap_among_several_dossiers_files_no_page_wrongly(rng: random.Random, mishap: str):
    expected = [dossier("a", loose=2), dossier("b", loose=1), dossier("e", loose=2, forms=(1,))]
    blocks = [block(one) for one in expected]
    rng.shuffle(blocks)
    sheets = [sheet for each in blocks for sheet in each]
    if mishap in ("moved", "moved-and-lost"):
        sheets.insert(rng.randrange(len(sheets)), sheets.pop(rng.randrange(len(sheets))))
    if mishap in ("lost", "moved-and-lost"):
        sheets.pop(rng.randrange(len(sheets)))
    if mishap == "doubled":
        sheets.insert(rng.randrange(len(sheets)), rng.choice(sheets))
    if mishap == "strange":
        sheets.insert(rng.randrange(len(sheets)), Sheet("", read(), False))
    if mishap == "strange-pile":
        at = rng.randrange(len(sheets))
        sheets[at:at] = [Sheet("", sheet.page, sheet.coded) for sheet in block(STRANGE)]
    filed = of(sheets, *expected)
    assert wrong(sheets, filed) == []
    if mishap == "blocks":
        assert {one.state for one in filed} == {"filed"}


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 10))
def test_pages_with_a_code_are_never_filed_wrongly_and_always_if_expected(rng: random.Random, times: int):
    expected = [dossier("a", loose=2), dossier("b", loose=1), C]
    sheets = shuffled([sheet for one in expected for sheet in block(one)], rng, times)
    for sheet, one in zip(sheets, of(sheets, *expected), strict=True):
        if sheet.coded:
            assert (one.state, one.dossier) == (("filed", sheet.owner) if sheet.owner else ("waiting", ""))
