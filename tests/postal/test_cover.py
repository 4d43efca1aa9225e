"""Cover sheets: all codes are read back from the picture of the paper, and all that must stand on it does."""

import json
from functools import lru_cache
from typing import Any

import msgspec
import pytest

from gateway.mailroom.codes import (
    CoverCode,
    DossierCode,
    PageCode,
    check_cover,
    check_page,
    read_code,
)
from gateway.postal.cover import cover_pdf, item_told
from gateway.postal.cover_words import STEP_WORDS
from gateway.postal.pieces import KINDS, Piece
from schemas.paper_codes import CodeTooFine, bars, sheets_of, square
from storage.announcements import Announced
from tests.postal.papers import KEYS, NAME, OTHER_OFFICE, announced, codes_on, sheets, told
from tests.schemas.pdf_text import sheets as texts

HALF = "d-" + "a" * 26
LONG = 40


@lru_cache(maxsize=1)
def three() -> tuple[list[Announced], bytes]:
    """An announcement of three dossiers; the first has its item, the second is a paper half."""
    rows = [announced(1), announced(2, half_of=HALF, competent_office=OTHER_OFFICE), announced(3, hybrid=1)]
    return rows, cover_pdf(told(rows, {rows[0].id: ["RR473124829VN"]}), rows)


def squeezed(said: str) -> str:
    return "".join(said.split()).replace("\u200b", "")


def test_every_code_is_read_from_the_picture_of_each_cover_and_holds() -> None:
    rows, made = three()
    pictures = sheets(made)
    assert len(pictures) == len(rows)
    for row, picture in zip(rows, pictures, strict=True):
        read = [read_code(text) for text in codes_on(picture)]
        (cover,) = [one for one in read if isinstance(one, CoverCode)]
        (page,) = [one for one in read if isinstance(one, PageCode)]
        assert DossierCode(dossier=row.id) in read
        assert len(read) == 3
        assert (cover.dossier, cover.digest) == (row.id, row.digest)
        assert check_cover(cover, KEYS)
        assert (page.dossier, page.number, page.page, page.pages) == (row.id, 0, 1, 1)
        assert check_page(page, row.digest)


def test_a_cover_is_still_read_from_a_coarse_fax_like_scan() -> None:
    rows, made = three()
    (picture, *_) = sheets(made, dots_per_inch=120)
    assert rows[0].code in codes_on(picture.convert("1"))


def test_a_cover_tells_the_address_the_unit_the_papers_and_what_to_do() -> None:
    rows, made = three()
    first, second, third = (squeezed(text) for text in texts(made))
    for said in (
        "PHIẾU GỬI HỒ SƠ GIẤY QUA BƯU CHÍNH", "Bảo hiểm xã hội Cơ sở Bình Thạnh", "Mã cơ quan BHXH: 07906", NAME,
        "TS12345", "0101234565", "600 – Báo tăng", "03/2026, đợt 1", "RR 473 124 829 VN", "12 Nguyễn Huệ",
        "Hồ sơ 1/3", rows[0].id, "Hợp đồng lao động", "Bản chính, trả lại", "Cộng: 7 giấy tờ, 13 trang",
        *(word for step in STEP_WORDS for word in (step.vi, step.en)),
    ):  # fmt: skip
        assert squeezed(said) in first, said
    for said in ("Hồ sơ 2/3", "Phần giấy của hồ sơ điện tử", HALF, OTHER_OFFICE, "Ghi tay nếu chưa có"):
        assert squeezed(said) in second, said
    for said in ("Hồ sơ 3/3", "Còn phần điện tử"):
        assert squeezed(said) in third, said
    assert squeezed("Ghi tay") not in first


def test_the_same_rows_give_the_same_bytes_in_this_process_and_in_one_of_its_own() -> None:
    rows, made = three()
    assert cover_pdf(told(rows, {rows[0].id: ["RR473124829VN"]}), rows, apart=True) == made
    assert cover_pdf(told(rows), rows) != made


def test_one_dossiers_cover_is_printed_alone_and_keeps_its_number() -> None:
    rows, _ = three()
    (text,) = texts(cover_pdf(told(rows), rows[1:2]))
    assert squeezed("Hồ sơ 2/3") in squeezed(text)


def test_a_cover_with_a_long_list_has_a_code_on_each_of_its_sheets() -> None:
    pieces = tuple(
        Piece(kind=kind, name=f"Giấy tờ số {number} " + "W" * 60, count=number, pages=1)
        for number, kind in zip(range(1, LONG + 1), list(KINDS) * LONG, strict=False)
    )
    rows = [announced(1, pieces=pieces), announced(2)]
    made = cover_pdf(told(rows), rows)
    long, short = sheets_of(made)
    assert long > 1
    assert short == 1
    for at, picture in enumerate(sheets(made)):
        read = [read_code(text) for text in codes_on(picture)]
        (page,) = [one for one in read if isinstance(one, PageCode)]
        row, place = (rows[0], (at + 1, long)) if at < long else (rows[1], (1, 1))
        assert (page.dossier, page.page, page.pages) == (row.id, *place)
        assert check_page(page, row.digest)
    shown = squeezed("".join(texts(made)))
    assert [piece.name for piece in pieces if squeezed(piece.name) not in shown] == []


def test_no_text_of_a_caller_is_taken_for_markup() -> None:
    name = '#panic("x") $x^2$ *b* @ref \u202e<script>'
    rows = [announced(pieces=(Piece(kind="other", name=name),))]
    (text,) = texts(cover_pdf(told(rows, return_to=json.dumps({"name": name, "address": "x"})), rows))
    shown = squeezed('#panic("x") $x^2$ *b* @ref [U+202E]<script>')
    assert squeezed(text).count(shown) == 2


def test_an_office_or_unit_that_the_tables_do_not_know_is_told_by_its_code() -> None:
    rows = [announced(unit="", tax_code="0101234565", batch=None, period="")]
    made = msgspec.structs.replace(told(rows, office="99999", return_to=""), unit_names={})
    (text,) = texts(cover_pdf(made, rows))
    assert squeezed("Mã cơ quan BHXH: 99999") in squeezed(text)
    assert squeezed("Chưa có mã đơn vị · Mã số thuế: 0101234565") in squeezed(text)


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (lambda text: square(text, 10), "a" * 214),
        (lambda text: square(text, 3), "A" * 62),
        (lambda text: square(text, 3), "a" * 43),
        (lambda text: square(text, 40), "a" * 10_000),
        (bars, "a" * 41),
        (bars, "đ"),
        (bars, "a\nb"),
    ],
)
def test_a_code_that_would_be_too_fine_is_not_drawn(draw: Any, text: str) -> None:
    with pytest.raises(CodeTooFine):
        draw(text)


def test_a_cover_whose_code_is_too_large_is_not_printed() -> None:
    row = announced(1)
    with pytest.raises(CodeTooFine):
        cover_pdf(told([row]), [msgspec.structs.replace(row, code=row.code + "A" * 40)])


def test_an_item_number_is_told_in_groups_and_a_local_one_as_it_is() -> None:
    assert item_told("RR473124829VN") == "RR 473 124 829 VN"
    assert item_told("VNP-2026/001") == "VNP-2026/001"
