"""Forms from sheets: the layouts that employers have, what the headers mean, and where findings are led back to."""

from datetime import date

import pytest

from schemas.findings import Severity
from schemas.sheet_headers import HeadersUnclear
from schemas.sheet_package import SheetUnreadable
from schemas.sheet_words import COMMON, SheetWordsUnusable, Vocabulary, key
from tests.schemas.sheet_layouts import (
    CATALOGUE,
    ON,
    PEOPLE,
    PLAIN,
    findings,
    form,
    printed,
    reading,
    rows_of,
    saved,
    vendor,
    workbook,
)

WITH_ROWS = [each.code for each in CATALOGUE.forms(ON) if each.rows is not None]


def test_a_plain_list_becomes_the_forms_xml_without_a_finding():
    told = reading(workbook(PLAIN, *PEOPLE))
    assert [row["HoTen"] for row in rows_of(told.content)] == ["Nguyễn Văn An", "Trần Thị Bình"]
    assert rows_of(told.content)[0] == {
        "STT": "1",
        "HoTen": "Nguyễn Văn An",
        "MasoBHXH": "9912345678",
        "ChucVu": "Công nhân",
        "TienLuong": "7500000",
        "TuThang": "01/2026",
        "PA": "ON",
    }
    assert findings(told) == []


def test_the_xml_is_laid_out_as_real_software_does():
    content = reading(workbook(PLAIN, *PEOPLE)).content.decode()
    assert content.startswith(
        '<?xml version="1.0" encoding="utf-8"?>\n<D02-TS xmlns:xsi="http://www.w3.org/2001/XMLSchema-'
    )
    assert content.endswith("</NoiDung>\n<Cky/>\n</D02-TS>\n")
    assert content.index("<TuThang>") < content.index("<DenThang/>") < content.index("<PA>") < content.index("<CMND/>")


def test_a_printed_list_is_read_with_its_groups_sections_totals_and_signatures():
    told = reading(printed())
    people = rows_of(told.content)
    assert [(row["STT"], row["HoTen"], row["PA"]) for row in people] == [
        ("1", "Nguyễn Văn An", "ON"),
        ("2", "Trần Thị Bình", "ON"),
        ("3", "Lê Văn Công", "GH"),
    ]
    assert (people[0]["TienLuong"], people[0]["PhuCapCV"], people[0]["PhuCapTNVK"]) == ("4.65", "0.3", "5")
    assert (people[0]["PhuCapLuong"], people[1]["TienLuong"], people[1]["TuThang"]) == ("500000", "7500000", "01/2026")
    assert "Chức vụ" in told.headers.used["PhuCapCV"].text
    assert told.headers.used["ChucVu"].cell == "D5"
    assert told.rows == (11, 12, 16)
    assert told.renumbered
    whys = {each.row: each.why for each in told.skipped}
    assert whys == {
        9: "section", 10: "section", 13: "total", 15: "section", 17: "total",
        19: "total", 20: "foot", 21: "foot", 22: "foot", 23: "foot",
    }  # fmt: skip


def test_a_header_of_two_lines_in_a_csv_file_carries_its_group_to_the_right():
    text = (
        "STT;Họ và tên;Mã số BHXH;Chức danh;Tiền lương;;;Từ tháng;Phương án\n"
        ";;;;Mức lương;Phụ cấp chức vụ;Phụ cấp lương;;\n"
        "1;Nguyễn Văn An;9912345678;Thợ may;7.500.000;;500.000;01/2026;DC\n"
    )
    told = reading(text.encode("utf-8-sig"))
    assert rows_of(told.content)[0]["PhuCapLuong"] == "500000"
    assert told.headers.used["PhuCapCV"].cell == "F2"


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_csv_file_is_read_in_each_of_its_manners(delimiter, encoding):
    lines = [PLAIN, *PEOPLE]
    text = "\r\n".join(delimiter.join(map(str, line)) for line in lines)
    told = reading(text.encode(encoding))
    assert [row["HoTen"] for row in rows_of(told.content)] == ["Nguyễn Văn An", "Trần Thị Bình"]


def test_a_csv_file_may_say_its_own_delimiter():
    text = "sep=;\n" + "\n".join(";".join(map(str, line)) for line in [PLAIN, *PEOPLE])
    assert reading(text.encode()).rows == (3, 4)


def test_a_vendors_template_is_read_by_its_element_names():
    told = reading(vendor())
    assert told.sheet == "Dữ Liệu"
    assert rows_of(told.content) == [
        {
            "STT": "1",
            "HoTen": "Nguyễn Văn An",
            "MasoBHXH": "9912345678",
            "ChucVu": "Thợ may",
            "TienLuong": "7500000",
            "TuThang": "01/2026",
            "PA": "GH",
            "MavungLTT": "01",
            "Loai": "3",
        }
    ]
    assert {each.text.split(" › ")[0] for each in told.headers.unused} == {"TenLoaiKhaiBao", "TenPhuongAn"}


def test_the_papers_of_the_same_template_become_another_form():
    told = reading(vendor(), "D01-TS")
    assert told.sheet == "Bảng kê"
    assert rows_of(told.content, "ThongTin")[0]["SoVanBan"] == "15/2026"


def test_labels_alone_of_a_vendors_template_prefer_the_code_to_its_name():
    book = vendor()
    book["Dữ Liệu"].delete_rows(1)
    told = reading(book)
    assert (told.headers.used["PA"].text, rows_of(told.content)[0]["PA"]) == ("Mã Phương án", "GH")
    assert "Phương án" in {each.text for each in told.headers.unused}


@pytest.mark.parametrize(
    "header",
    [
        "MasoBHXH",
        "Masobhxh",
        "ma so bhxh",
        "MÃ SỐ BHXH (*)",
        "Mã số BHXH",
        "[03] Mã số BHXH",
        "Số sổ BHXH",
        "Mã  số\nBHXH",
    ],
)
def test_a_header_is_known_however_it_is_written(header):
    rows = [[*PLAIN[:2], header, *PLAIN[3:]], *PEOPLE]
    assert rows_of(reading(workbook(*rows)).content)[0]["MasoBHXH"] == "9912345678"


def test_unknown_headers_are_told_and_not_used():
    told = reading(workbook([*PLAIN, "Ngày vào công ty"], *[[*person, "x"] for person in PEOPLE]))
    assert [(each.cell, each.text) for each in told.headers.unused] == [("H1", "Ngày vào công ty")]


def test_two_headers_for_one_column_refuse_with_both_named():
    rows = [[*PLAIN, "Lương BHXH"], *[[*person, 1] for person in PEOPLE]]
    with pytest.raises(HeadersUnclear, match=r"“Mức lương” \(ô E1\), “Lương BHXH” \(ô H1\)"):
        reading(workbook(*rows))
    assert rows_of(reading(workbook(*rows), columns={"TienLuong": "E"}).content)[0]["TienLuong"] == "7500000"


def test_a_spare_header_gives_way_to_a_better_one():
    rows = [[*PLAIN, "Mã số BHXH"], *[[*person, "9900000009"] for person in PEOPLE]]
    told = reading(workbook(*rows))
    assert rows_of(told.content)[0]["MasoBHXH"] == "9900000009"
    assert [(each.cell, "MasoBHXH" in each.why_vi) for each in told.headers.unused] == [("C1", True)]


def test_a_required_column_without_header_refuses_with_the_near_misses_named():
    rows = [[*PLAIN[:4], "Mức lương thỏa thuận", *PLAIN[5:]], *PEOPLE]
    with pytest.raises(HeadersUnclear, match=r"TienLuong.*“Mức lương thỏa thuận” \(ô E1\)") as refused:
        reading(workbook(*rows))
    assert "--column TienLuong=" in str(refused.value)
    assert rows_of(reading(workbook(*rows), columns={"TienLuong": "e"}).content)[0]["TienLuong"] == "7500000"


def test_a_column_that_the_sheet_has_not_can_be_given_for_all_rows():
    told = reading(workbook(PLAIN[:6], *[person[:6] for person in PEOPLE]), given={"PA": "DC", "SoTheBHYT": "7"})
    assert [row["PA"] for row in rows_of(told.content)] == ["DC", "DC"]
    assert b"<SoTheBHYT>7</SoTheBHYT>" in told.content


def test_a_column_that_no_form_has_is_refused_by_name():
    with pytest.raises(HeadersUnclear, match="Luong"):
        reading(workbook(PLAIN, *PEOPLE), given={"Luong": "1"})


def test_the_header_counts_are_counted_from_the_rows():
    people = [[*PEOPLE[0][:6], "TM"], [*PEOPLE[1][:6], "GH"]]
    told = reading(workbook(PLAIN, *people))
    assert told.counted == {"SoToBiaSoBHXH": "1", "SoToRoiSoBHXH": "1", "SoTheBHYT": "1"}


def test_several_sheets_that_look_alike_must_be_named():
    book = workbook(PLAIN, *PEOPLE)
    book.copy_worksheet(book.active).title = "Tháng 2"
    with pytest.raises(HeadersUnclear, match="“Tháng 1”, “Tháng 2”"):
        reading(book)
    assert reading(book, sheet="thang 2").sheet == "Tháng 2"
    with pytest.raises(SheetUnreadable, match="“Tháng 1”, “Tháng 2”"):
        reading(book, sheet="Tháng 3")


def test_a_hidden_sheet_is_not_chosen():
    book = workbook(PLAIN, *PEOPLE)
    book.copy_worksheet(book.active).sheet_state = "hidden"
    assert reading(book).sheet == "Tháng 1"


def test_hidden_rows_are_told_and_can_be_left_out():
    book = workbook(PLAIN, *PEOPLE)
    book.active.row_dimensions[3].hidden = True
    told = reading(book)
    assert (told.hidden, len(told.rows)) == ((3,), 2)
    assert "sheet-rows-hidden" in {each.finding.code for each in findings(told)}
    assert reading(book, visible_only=True).rows == (2,)


def test_blank_rows_and_rows_about_nobody_are_left_out_and_people_never():
    rows = [PLAIN, PEOPLE[0], [], [None, "Tống Công Thành", *PEOPLE[1][2:]], [None, "Tổng cộng", None, None, 16700000]]
    told = reading(workbook(*rows))
    assert told.rows == (2, 4)
    assert [(each.row, each.why) for each in told.skipped] == [(5, "total")]


def test_a_person_of_whom_only_the_name_is_known_stays_in_the_list():
    told = reading(workbook(PLAIN, PEOPLE[0], [2, "Trần Thị Bình"]))
    assert told.rows == (2, 3)
    missing = {each.finding.column for each in findings(told) if each.cell.endswith("3")}
    assert {"ChucVu", "TienLuong", "PA"} <= missing


def test_a_list_without_people_is_refused():
    with pytest.raises(SheetUnreadable, match="0 rows"):
        reading(workbook(PLAIN, [None, "Tổng cộng"]))


def test_a_sheet_without_headers_is_refused():
    with pytest.raises(HeadersUnclear, match="tiêu đề"):
        reading(workbook(["một", "hai"], ["ba", "bốn"]))


def test_each_finding_is_led_back_to_its_cell():
    people = [PEOPLE[0], [2, "Trần Thị Bình", "123", "Kế toán", "bảy triệu", "13/2026", "ZZ"]]
    told = reading(workbook([], [], PLAIN, *people))
    found = findings(told)
    assert {(each.cell, each.finding.code) for each in found if each.finding.severity is Severity.ERROR} == {
        ("C5", "social-number-malformed"),
        ("E5", "amount-malformed"),
        ("F5", "month-malformed"),
        ("G5", "value-not-listed"),
    }
    assert {(each.finding.row, each.finding.row_name) for each in found if each.cell[1:] == "5"} == {
        (2, "Trần Thị Bình")
    }


def test_a_finding_about_a_column_without_header_is_led_to_its_row():
    told = reading(workbook(PLAIN, [1, "Nguyễn Văn An", "", "Thợ may", 7500000, "01/2026", "TM"]))
    cells = {each.finding.code: each.cell for each in findings(told)}
    assert cells["d02-newcomer-without-birth-date"] == "2"


def test_what_was_changed_is_told_cell_by_cell():
    book = workbook(
        PLAIN, [1, "  Nguyễn Văn An ", "9912345678", "Thợ", "7,500,000 đ", date(2026, 1, 15), "Điều chỉnh lương"]
    )
    told = reading(book)
    assert [(each.cell, each.typed, each.written) for each in told.changes] == [
        ("B2", "  Nguyễn Văn An ", "Nguyễn Văn An"),
        ("E2", "7,500,000 đ", "7500000"),
        ("F2", "15/01/2026", "01/2026"),
        ("G2", "Điều chỉnh lương", "DC"),
    ]


def test_zeros_that_excel_dropped_are_put_back_and_told_only_where_the_width_is_fixed():
    header = [*PLAIN, "CCCD"]
    told = reading(workbook(header, [1, "Nguyễn Văn An", 12345678, "Thợ", 7500000, "01/2026", "DC", 1090001234]))
    assert rows_of(told.content)[0]["MasoBHXH"] == "0012345678"
    assert rows_of(told.content)[0]["CMND"] == "1090001234"
    notices = {each.finding.code: each for each in findings(told)}
    assert notices["sheet-zeros-restored"].cell == "C2"
    assert notices["sheet-zero-perhaps-lost"].cell == "H2"
    assert notices["sheet-zeros-restored"].finding.severity is Severity.WARNING


def test_sex_is_written_by_an_unconfirmed_code_and_that_is_told_once():
    people = [[*PEOPLE[0], "Nam"], [*PEOPLE[1], "Nữ"], [3, "Lê Thị Cúc", "9900000009", *PEOPLE[1][3:], "nữ"]]
    told = reading(workbook([*PLAIN, "Giới tính"], *people))
    assert [row["GioiTinh"] for row in rows_of(told.content)] == ["1", "0", "0"]
    said = [each.finding for each in findings(told) if each.finding.code == "sheet-code-unconfirmed"]
    assert sorted(one.value for one in said) == ["0", "0", "1"]
    assert COMMON.types["GioiTinh"].certainty == "unconfirmed"


def test_a_form_of_several_lists_is_filled_by_its_section_lines():
    header = ["STT", "Họ và tên", "Mã số BHXH", "Từ ngày", "Đến ngày", "Tổng số", "Lý do điều chỉnh"]
    book = workbook(
        ["PHẦN 1: DANH SÁCH HƯỞNG CHẾ ĐỘ MỚI PHÁT SINH"],
        header,
        ["A", "CHẾ ĐỘ ỐM ĐAU"],
        [1, "Nguyễn Văn An", "9912345678", "05/01/2026", "06/01/2026", 2],
        ["B", "CHẾ ĐỘ THAI SẢN"],
        [1, "Trần Thị Bình", "9987654321", date(2026, 1, 1), date(2026, 6, 30), 181],
        ["C", "Phần 2: Danh sách đề nghị điều chỉnh số đã được giải quyết"],
        ["A", "Chế độ ốm đau"],
        [1, "Lê Văn Công", "9900000009", "05/12/2025", "06/12/2025", 2, "Tính sai"],
    )
    told = reading(book, "M01B-HSB", given={"MaDonVi": "TS12345"})
    assert told.rows == (4, 6, 9)
    content = told.content.decode()
    order = [
        "<PhatSinh>",
        "<CheDoOmDau>",
        "Nguyễn Văn An",
        "<CheDoThaiSan>",
        "Trần Thị Bình",
        "<DieuChinh>",
        "Lê Văn Công",
    ]
    assert [content.index(word) for word in order] == sorted(content.index(word) for word in order)
    assert not [each for each in findings(told, "M01B-HSB") if each.finding.severity is Severity.ERROR]


def test_a_form_of_several_lists_must_be_told_which():
    rows = [["STT", "Họ và tên", "Mã số BHXH", "Từ ngày"], [1, "Nguyễn Văn An", "9912345678", "05/01/2026"]]
    with pytest.raises(HeadersUnclear, match="PhatSinh/CheDoThaiSan"):
        reading(workbook(*rows), "M01B-HSB")
    told = reading(workbook(*rows), "M01B-HSB", into="DieuChinh/CheDoThaiSan", given={"MaDonVi": "TS12345"})
    assert "<DieuChinh>\n<CheDoThaiSan>" in told.content.decode()
    with pytest.raises(HeadersUnclear, match="--into"):
        reading(workbook(*rows), "M01B-HSB", into="CheDoKhac")


def test_an_annex_of_a_row_is_written_when_it_is_filled():
    rows = [
        ["HoTen", "NgaySinh", "GioiTinh", "Hoten_Chuho", "MasoBHXH"],
        ["Nguyễn Văn An", 1990, 1, "Nguyễn Văn Ba", ""],
    ]
    told = reading(workbook(*rows), "TK1-TS")
    assert "<Hoten_Chuho>Nguyễn Văn Ba</Hoten_Chuho>" in told.content.decode()
    assert rows_of(told.content)[0]["NgaySinh"] == "1990"
    without = reading(workbook(rows[0][:3], rows[1][:3]), "TK1-TS")
    assert "PhuLuc" not in without.content.decode()


@pytest.mark.parametrize("code", WITH_ROWS)
def test_no_header_means_two_columns_of_a_form(code):
    vocabulary = Vocabulary(form(code))
    meant = {}
    for known in (vocabulary.data.headers, COMMON.headers):
        for column, words in known.items():
            for word in words:
                if column in vocabulary.columns:
                    meant.setdefault(key(word), set()).add(vocabulary.column(word)[0])
    assert not {word: columns for word, columns in meant.items() if len(columns) > 1}
    for known in (vocabulary.data.headers, vocabulary.data.spare):
        for column, words in known.items():
            assert [vocabulary.column(word)[0] for word in words] == [column] * len(words)


@pytest.mark.parametrize("code", WITH_ROWS)
def test_every_form_with_rows_has_its_sheet_words_with_marks(code):
    data = Vocabulary(form(code)).data
    assert data.headers
    assert set(data.certainty) >= {"headers"}
    assert set(data.certainty.values()) <= {"verified", "inferred", "unconfirmed"}


def test_a_form_without_rows_is_no_sheet():
    with pytest.raises(SheetWordsUnusable, match="TK3-TS"):
        reading(workbook(PLAIN, *PEOPLE), "TK3-TS")


def test_every_cell_that_the_reader_gets_is_in_the_order_of_the_sheet():
    told = reading(saved(printed()))
    assert list(told.rows) == sorted(told.rows)
