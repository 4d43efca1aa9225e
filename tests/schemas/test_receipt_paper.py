"""The printable receipt: what is written comes out as it was written, and the code holds what it was given."""

import re
from datetime import UTC, datetime

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import structs

from schemas import receipt_paper
from schemas.receipt_paper import Complaint, Field, File, ReceiptPaper, Words, grouped, square_code
from tests.schemas.pdf_text import sheets

AT = datetime(2026, 1, 20, 2, 29, tzinfo=UTC)
DIGEST = "0123456789abcdef" * 4
CODE = "https://cong.example.vn/v1/receipts/G00.01-20260120-0000001?key=abc#sha256=" + DIGEST
MARKUP = '#panic("no") *b* _i_ $x$ <label> @ref // = head `raw` <script>'


def a_file(number: int, name: str = "D02-TS.xml") -> File:
    return File(number=number, name=name, form="D02-TS", size="5.893", sha256=grouped(DIGEST))


def a_complaint(number: int, text: str = "Sai.") -> Complaint:
    return Complaint(
        number=number, head=f"LỖI [code-{number}]", message=Words(text, "Wrong."), value="699",
        fix=Words("Sửa.", "Mend."), place="/Hoso", is_error=number % 2 == 1,
    )  # fmt: skip


def a_paper(**changes: object) -> ReceiptPaper:
    made = ReceiptPaper(
        title=Words("THÔNG BÁO TIẾP NHẬN HỒ SƠ", "Notice of receipt"),
        outcome="good",
        issuer=Words("Cổng tiếp nhận hồ sơ", "Intake gateway"),
        office="Bảo hiểm xã hội mẫu",
        number="G00.01-20260120-0000001",
        dated="Ngày 20 tháng 01 năm 2026",
        state=Words("ĐÃ TIẾP NHẬN", "Accepted"),
        words=(Words("Hồ sơ đủ.", "Complete."),),
        fields=(
            Field(label=Words("Đơn vị", "Unit"), lines=("Công ty Mẫu", "TS12345")),
            Field(label=Words("SHA-256"), lines=grouped(DIGEST), digits=True, note=Words("12 byte", "twelve")),
        ),
        checking=Words("Cách kiểm tra", "How to check"),
        steps=(Words("Quét mã.", "Scan."),),
        code=CODE,
        qr_told="Mã QR",
        files_title=Words("Các tệp", "Files"),
        files_heads=tuple(Words(head) for head in ("Số", "Tệp", "Mẫu", "Byte", "SHA-256")),
        findings_title=Words("Các lỗi", "Findings"),
        foot="foot",
    )
    return structs.replace(made, **changes)


def text(paper: ReceiptPaper) -> str:
    return "".join(sheets(receipt_paper.pdf(paper, AT))).replace("\u200b", "")


def squeezed(said: str) -> str:
    return "".join(said.split())


def test_everything_that_was_given_stands_on_the_paper() -> None:
    paper = a_paper(
        files=(a_file(1), a_file(2, "Hợp đồng.pdf")), files_more=Words("… và 3 tệp khác."),
        findings=(a_complaint(1), a_complaint(2)),
        findings_more=Words("… và 7 điều khác."),
    )  # fmt: skip
    drawn = squeezed(text(paper))
    for said in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "THÔNG BÁO TIẾP NHẬN HỒ SƠ",
        "NOTICE OF RECEIPT", "CỔNG TIẾP NHẬN HỒ SƠ", "Intake gateway", "Bảo hiểm xã hội mẫu",
        "Số: G00.01-20260120-0000001", "Ngày 20 tháng 01 năm 2026", "ĐÃ TIẾP NHẬN", "Accepted",
        "Hồ sơ đủ.", "Complete.",
        "Đơn vị", "Unit", "Công ty Mẫu", "TS12345", "12 byte", "twelve", "Quét mã.", "Scan.", "Hợp đồng.pdf", "5.893",
        "… và 3 tệp khác.", "LỖI [code-1]", "LỖI [code-2]", "Wrong.", "Giá trị: “699”", "Cách sửa: Sửa.", "Mend.",
        "Vị trí: /Hoso", "… và 7 điều khác.", "Trang 1/",
    ):  # fmt: skip
        assert squeezed(said) in drawn, said
    assert drawn.count(DIGEST) == 3
    assert "\ufffd" not in drawn


def test_the_same_paper_and_instant_give_the_same_bytes_here_and_apart() -> None:
    paper = a_paper(files=(a_file(1),))
    first = receipt_paper.pdf(paper, AT)
    assert receipt_paper.pdf(paper, AT, apart=True) == first
    assert receipt_paper.pdf(paper, AT.replace(minute=30)) != first
    assert receipt_paper.pdf(structs.replace(paper, number="x"), AT) != first


def test_it_is_made_for_keeping_and_for_those_who_hear_it() -> None:
    made = receipt_paper.pdf(a_paper(), AT)
    for mark in (b"<pdfaid:part>2<", b"<pdfaid:conformance>A<", b"<pdfuaid:part>1<"):
        assert mark in made


def test_nothing_that_is_written_is_markup() -> None:
    paper = a_paper(
        office=MARKUP, fields=(Field(label=Words(MARKUP, MARKUP), lines=(MARKUP,)),), files=(a_file(1, MARKUP),),
        findings=(a_complaint(1, MARKUP),), foot=MARKUP, qr_told=MARKUP,
    )  # fmt: skip
    assert squeezed(text(paper)).count(squeezed(MARKUP)) >= 6


def test_a_name_without_blanks_stays_in_its_column() -> None:
    name = "Ư" * 300
    assert (
        squeezed(text(a_paper(files=(a_file(1, name),), fields=(Field(label=Words("x"), lines=(name,)),)))).count(name)
        == 2
    )


def test_what_is_beyond_the_lists_ends_is_left_out() -> None:
    many = a_paper(
        files=tuple(a_file(n, f"tep-{n}.xml") for n in range(1, receipt_paper.FILES_SHOWN_MAX + 2)),
        findings=tuple(a_complaint(n) for n in range(1, receipt_paper.FINDINGS_SHOWN_MAX + 2)),
    )
    drawn = text(many)
    assert f"tep-{receipt_paper.FILES_SHOWN_MAX}.xml" in drawn
    assert f"tep-{receipt_paper.FILES_SHOWN_MAX + 1}.xml" not in drawn
    assert f"code-{receipt_paper.FINDINGS_SHOWN_MAX}]" in drawn
    assert f"code-{receipt_paper.FINDINGS_SHOWN_MAX + 1}]" not in drawn


def dark(svg: str) -> set[tuple[int, int]]:
    """The dark squares that the picture draws: (row, column), its quiet zone counted."""
    (path,) = etree.fromstring(svg).iter("{*}path")
    x, y, found = 0.0, 0.0, set()
    for move, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?:[ ,]?(-?[\d.]+))?", path.get("d")):
        if move == "h":
            found |= {(int(y - 0.5), int(column)) for column in range(int(x), int(x + float(first)))}
            x += float(first)
        else:
            x, y = (float(first), float(second)) if move == "M" else (x + float(first), y + float(second))
    return found


@settings(max_examples=25, deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789/:.?=#-", min_size=1, max_size=receipt_paper.CODE_CHARACTERS_MAX))
def test_the_code_draws_the_squares_of_its_text_within_a_quiet_zone(said: str) -> None:
    code = segno.make_qr(said, error="m")
    assert code.error in ("M", "Q", "H")
    wanted = {(row + 4, column + 4) for row, line in enumerate(code.matrix) for column, bit in enumerate(line) if bit}
    assert dark(square_code(said)) == wanted


def test_a_text_too_long_to_scan_is_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        receipt_paper.pdf(a_paper(code="x" * (receipt_paper.CODE_CHARACTERS_MAX + 1)), AT)


def test_a_digest_is_grouped_for_reading_and_loses_nothing() -> None:
    assert grouped(DIGEST) == (" ".join(["0123 4567 89ab cdef"] * 2),) * 2
    assert grouped("") == ()
