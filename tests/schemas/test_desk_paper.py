"""The papers of the desk as they are set: what is given comes out, nothing is markup, nothing is cut."""

from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from msgspec import structs

from schemas import desk_paper, desk_paper_table
from schemas.desk_paper import ActPaper, Item, Passage
from schemas.desk_paper_table import ROWS_MAX, Column, TablePaper
from schemas.receipt_paper import CODE_CHARACTERS_MAX, Field, Words, grouped
from tests.schemas.pdf_text import sheets

AT = datetime(2026, 1, 20, 2, 29, tzinfo=UTC)
DIGEST = "0123456789abcdef" * 4
MARKUP = '#panic("no") *b* _i_ $x$ <label> @ref // = head `raw` <script>'


def an_act(**changes: object) -> ActPaper:
    made = ActPaper(
        superior="Bảo hiểm xã hội Thành phố Hồ Chí Minh",
        office="Bảo hiểm xã hội Cơ sở Bình Thạnh",
        number="G00.01-20260120-0000001/16",
        dated="Ngày 20 tháng 01 năm 2026",
        title=Words("PHIẾU YÊU CẦU BỔ SUNG, HOÀN THIỆN HỒ SƠ", "Request to supplement"),
        subject=Words("Về hồ sơ số 1", "about dossier 1"),
        addressee_label=Words("Kính gửi:", "To"),
        addressee=("Công ty Mẫu", "Mã đơn vị TS12345"),
        fields=(
            Field(label=Words("Thủ tục", "Procedure"), lines=("600",)),
            Field(label=Words("SHA-256"), lines=grouped(DIGEST), digits=True, note=Words("khoá", "key")),
        ),
        opening=(Passage(words=Words("Đề nghị bổ sung:", "Wanted:"), quoted=("Vì thiếu.", "Và sai.")),),
        items_heads=(Words("Số", "No."), Words("Nội dung", "What"), Words("Lý do", "Why")),
        items=(Item(number=1, what=("Sổ bảo hiểm xã hội", "bản sao"), why=("Không khớp",)),),
        closing=(Passage(words=Words("Thời hạn tạm dừng.", "The clock stands still.")),),
        recipients_label=Words("Nơi nhận:", "Copies"),
        recipients=(Words("Như trên;", "as above"), Words("Lưu.")),
        signer_title=Words("CÁN BỘ GIẢI QUYẾT HỒ SƠ", "Officer"),
        signer_lines=("Phòng Chế độ", "Nguyễn Thị Ỷ Lan"),
        signer_note=Words("Lập tự động.", "Made by itself."),
        checking=Words("Cách kiểm tra", "How to check"),
        steps=(Words("Quét mã.", "Scan."),),
        code="https://cong.example.vn/v1/reports/G00.01-20260120-0000001/16?key=abc#sha256=" + DIGEST,
        qr_told="Mã QR",
        foot="foot",
    )
    return structs.replace(made, **changes)


def a_table(*rows: tuple[str, ...], **changes: object) -> TablePaper:
    made = TablePaper(
        superior="Bảo hiểm xã hội Việt Nam",
        office="Bảo hiểm xã hội thành phố Hà Nội",
        number="00100/20260120",
        dated="Ngày 20 tháng 01 năm 2026",
        title=Words("SỔ THEO DÕI HỒ SƠ", "Register"),
        under_title=(Words("Từ ngày", "from"),),
        fields=(Field(label=Words("Các cơ quan", "Offices"), lines=("00100 – Hà Nội",)),),
        columns=(
            Column(head=Words("Số", "No."), width=1, align="right"),
            Column(head=Words("Mã hồ sơ", "Numbers"), width=5),
            Column(head=Words("Trạng thái", "State"), width=5),
        ),
        rows=rows,
        empty=Words("Không có.", "None."),
        notes=(Words("Tự động ghi.", "Written by itself."),),
        foot="foot",
    )
    return structs.replace(made, **changes)


def squeezed(said: str) -> str:
    return "".join(said.replace("\u200b", "").split())


def act_text(paper: ActPaper) -> str:
    return squeezed("".join(sheets(desk_paper.pdf(paper, AT))))


def table_text(paper: TablePaper) -> str:
    return squeezed("".join(sheets(desk_paper_table.pdf(paper, AT))))


def strings(node: Any) -> list[str]:
    """Every text of a paper."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, tuple):
        return [text for one in node for text in strings(one)]
    return [] if isinstance(node, int | float) else [text for one in structs.astuple(node) for text in strings(one)]


def test_everything_that_was_given_stands_on_the_paper_of_a_decision() -> None:
    paper = an_act()
    drawn = act_text(paper)
    for said in ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Trang 1/1"):
        assert squeezed(said) in drawn
    whole = [*strings(structs.replace(paper, code="", qr_told=""))]
    upper = squeezed("".join(whole)).upper()
    assert len(upper) > 500
    for said in whole:
        # Names of offices, and the title's English, are written in capitals.
        assert squeezed(said) in drawn or squeezed(said.upper()) in drawn, said
    assert "\ufffd" not in drawn


def test_everything_that_was_given_stands_in_the_table() -> None:
    paper = a_table(("1", "G00.01-1\n03706/2026/07906", "đang giải quyết"), ("2", "G00.01-2", "đã dừng"))
    drawn = table_text(paper)
    for said in strings(structs.replace(paper, empty=Words(""))):
        if said not in ("left", "right"):
            assert squeezed(said) in drawn or squeezed(said.upper()) in drawn, said
    assert squeezed("Không có.") not in drawn
    assert squeezed("Không có.") in table_text(a_table())


def test_thirty_items_run_on_to_further_sheets_under_their_heads_and_none_is_lost() -> None:
    many = tuple(
        Item(number=n, what=(f"Nội dung thứ {n} " + "của hồ sơ " * 12,), why=("Căn cứ " * 15,)) for n in range(1, 31)
    )
    drawn = sheets(desk_paper.pdf(an_act(items=many), AT))
    assert len(drawn) >= 2
    for number in range(1, 31):
        assert squeezed(f"Nội dung thứ {number} của hồ sơ") in squeezed("".join(drawn))
    assert all(squeezed("Nội dung") in squeezed(sheet) for sheet in drawn if "Căn" in sheet)


def test_a_table_repeats_its_heads_on_each_sheet() -> None:
    drawn = sheets(desk_paper_table.pdf(a_table(*((str(n), f"số {n}", "x") for n in range(1, 201))), AT))
    assert len(drawn) >= 3
    assert all(squeezed("Mã hồ sơ") in squeezed(sheet) for sheet in drawn)
    assert squeezed("số 200") in squeezed("".join(drawn))


def test_the_same_paper_and_instant_give_the_same_bytes_here_and_apart() -> None:
    first = desk_paper.pdf(an_act(), AT)
    assert desk_paper.pdf(an_act(), AT, apart=True) == first
    assert desk_paper.pdf(an_act(number="x"), AT) != first
    table = desk_paper_table.pdf(a_table(("1", "2", "3")), AT)
    assert desk_paper_table.pdf(a_table(("1", "2", "3")), AT, apart=True) == table
    assert desk_paper_table.pdf(a_table(("1", "2", "3")), AT.replace(minute=30)) != table


def test_they_are_made_for_keeping_and_for_those_who_hear_them() -> None:
    for made in (desk_paper.pdf(an_act(), AT), desk_paper_table.pdf(a_table(), AT)):
        for mark in (b"<pdfaid:part>2<", b"<pdfaid:conformance>A<", b"<pdfuaid:part>1<"):
            assert mark in made


def test_nothing_that_is_written_is_markup_and_no_long_word_leaves_its_column() -> None:
    long = "Ư" * 300
    paper = an_act(
        office=MARKUP, addressee=(MARKUP, long), fields=(Field(label=Words(MARKUP), lines=(MARKUP, long)),),
        opening=(Passage(words=Words(MARKUP), quoted=(MARKUP, long)),), signer_lines=(MARKUP, long),
        items=(Item(number=1, what=(MARKUP, long), why=(MARKUP, long)),), foot=MARKUP,
    )  # fmt: skip
    drawn = act_text(paper)
    assert drawn.count(squeezed(MARKUP)) >= 8
    assert drawn.count(long) == 6
    table = table_text(a_table((MARKUP, long, f"{MARKUP}\n{long}"), foot=MARKUP))
    assert (table.count(squeezed(MARKUP)), table.count(long)) == (3, 2)


def test_a_register_sheet_takes_so_many_rows_and_no_more() -> None:
    with pytest.raises(ValueError, match=f"more than {ROWS_MAX}"):
        desk_paper_table.pdf(a_table(*([("1", "2", "3")] * (ROWS_MAX + 1))), AT)


def test_a_row_that_lacks_a_cell_is_a_fault() -> None:
    with pytest.raises(ValueError, match="zip"):
        desk_paper_table.pdf(a_table(("1", "2")), AT)


def test_the_code_is_drawn_and_one_too_long_to_scan_is_refused() -> None:
    drawn = desk_paper._drawn(an_act())
    assert etree.fromstring(drawn.qr).tag.endswith("svg")
    with pytest.raises(ValueError, match="too many"):
        desk_paper.pdf(an_act(code="x" * (CODE_CHARACTERS_MAX + 1)), AT)


def test_the_pictures_are_one_a_sheet() -> None:
    assert [one[:4] for one in desk_paper.pictures(an_act(), AT)] == [b"\x89PNG"]
    assert [one[:4] for one in desk_paper_table.pictures(a_table(), AT)] == [b"\x89PNG"]
