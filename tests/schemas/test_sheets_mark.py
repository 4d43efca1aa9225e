"""The sheet given back, and the empty one: what a clerk sees in Excel, read again with openpyxl."""

import re
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill

from schemas.findings import Severity
from schemas.sheet_mark import AUTHOR, ERROR_COLOUR, WARNING_COLOUR, mark, put_text
from schemas.sheet_template import FIRST_ROW, LABEL_ROW, NAME_ROW, example_of, template
from schemas.sheet_words import Vocabulary, row_paths
from tests.schemas.sheet_layouts import (
    CATALOGUE,
    ON,
    PEOPLE,
    PLAIN,
    findings,
    form,
    opened,
    printed,
    reading,
    rows_of,
    saved,
    workbook,
)

WITH_ROWS = [each.code for each in CATALOGUE.forms(ON) if each.rows is not None]
WRONG = [2, "Trần Thị Bình", 12345678, "Kế toán", "bảy triệu", "13/2026", "ZZ"]


def marked(content, code="D02-TS", language="vi"):
    content = content if isinstance(content, bytes) else saved(content)
    told = reading(content, code)
    return opened(mark(content, told, findings(told, code), language=language))


def test_wrong_cells_are_filled_and_commented_in_vietnamese():
    sheet = marked(workbook(PLAIN, PEOPLE[0], WRONG))["Tháng 1"]
    assert sheet["E3"].fill.fgColor.rgb == ERROR_COLOUR
    assert sheet["C3"].fill.fgColor.rgb == WARNING_COLOUR
    note = sheet["E3"].comment
    assert note.author == AUTHOR
    assert note.text.startswith("LỖI: Số “bảy triệu”")
    assert "Cách sửa:" in note.text
    assert sheet["E2"].comment is None
    assert sheet["E2"].fill.fgColor.rgb not in (ERROR_COLOUR, WARNING_COLOUR)


def test_comments_are_in_english_when_asked():
    note = marked(workbook(PLAIN, WRONG), language="en")["Tháng 1"]["E2"].comment
    assert note.text.startswith("ERROR: ")
    assert "To mend:" in note.text


def test_one_column_at_the_right_tells_all_findings_of_the_row():
    sheet = marked(workbook(PLAIN, PEOPLE[0], WRONG))["Tháng 1"]
    assert sheet["H1"].value == "Lỗi"
    assert sheet["H2"].value is None
    assert all(word in sheet["H3"].value for word in ("E3: ", "F3: ", "G3: "))


def test_a_list_of_all_findings_links_to_their_cells():
    book = marked(workbook(PLAIN, PEOPLE[0], WRONG))
    listed = book["Kiểm tra"]
    cells = {listed.cell(row, 1).value: listed.cell(row, 1) for row in range(2, listed.max_row + 1)}
    assert {"E3", "F3", "G3"} <= set(cells)
    assert cells["E3"].hyperlink.location == "'Tháng 1'!E3" or cells["E3"].hyperlink.target == "#'Tháng 1'!E3"
    texts = [cell.value for row in listed.iter_rows() for cell in row if cell.value]
    assert "Trần Thị Bình · 0012345678" in texts
    assert "Đã ghi khác với ô" in texts


def test_a_good_sheet_is_told_to_be_good():
    book = marked(workbook(PLAIN, *PEOPLE))
    assert book["Kiểm tra"]["A2"].value == "Không có lỗi."


def test_nothing_else_of_the_sheet_is_changed():
    book = printed()
    book.active["F30"] = "=SUM(E11:E12)"
    book.active["G30"].number_format = "@"
    before = {cell.coordinate: cell.value for row in opened(saved(book)).active.iter_rows() for cell in row}
    after = marked(book).worksheets[0]
    assert {at: after[at].value for at in before} == before
    assert after["F30"].value == "=SUM(E11:E12)"
    assert after["G30"].number_format == "@"
    assert {str(each) for each in after.merged_cells.ranges} == {str(each) for each in book.active.merged_cells.ranges}
    assert after["O7"].value == "Lỗi"


def test_a_comment_that_was_there_stays():
    book = workbook(PLAIN, WRONG)
    book.active["E2"].comment = Comment("Chờ quyết định", "Phòng nhân sự")
    assert marked(book)["Tháng 1"]["E2"].comment.text.startswith("Chờ quyết định\n\n— motcua —\nLỖI: ")


def test_a_marked_copy_that_was_put_right_is_marked_anew():
    first = marked(workbook(PLAIN, PEOPLE[0], WRONG))
    sheet = first["Tháng 1"]
    for column, value in enumerate(PEOPLE[1], 1):
        sheet.cell(3, column).value = value
    again = marked(first)
    assert again.sheetnames == ["Tháng 1", "Kiểm tra"]
    sheet = again["Tháng 1"]
    assert (sheet["H1"].value, sheet["H3"].value, sheet["I1"].value) == ("Lỗi", None, None)
    assert sheet["E3"].comment is None
    assert sheet["E3"].fill.fgColor.rgb not in (ERROR_COLOUR, WARNING_COLOUR)


def test_a_comment_of_somebody_elses_outlives_any_number_of_markings():
    book = workbook(PLAIN, WRONG)
    book["Tháng 1"]["E2"].comment = Comment("hỏi lại chị Lan", "Phòng nhân sự")
    twice = marked(saved(marked(saved(marked(book)))))["Tháng 1"]["E2"].comment
    assert twice.author == "Phòng nhân sự"
    assert twice.text.startswith("hỏi lại chị Lan\n")
    assert twice.text.count("LỖI: Số “bảy triệu”") == 1
    book["Tháng 1"]["E2"].value = 7_500_000
    book["Tháng 1"]["E2"].comment = Comment(twice.text, twice.author)
    mended = marked(book)["Tháng 1"]["E2"].comment
    assert (mended.text, mended.author) == ("hỏi lại chị Lan", "Phòng nhân sự")


def test_a_sheet_of_the_employers_own_called_check_is_not_touched():
    book = workbook(PLAIN, *PEOPLE)
    book.create_sheet("Kiểm tra")["A1"] = "Của phòng nhân sự"
    book.active["A2"].fill = PatternFill("solid", fgColor=ERROR_COLOUR)
    again = marked(book)
    assert again["Kiểm tra"]["A1"].value == "Của phòng nhân sự"
    assert len(again.sheetnames) == 3
    assert again["Tháng 1"]["A2"].fill.fgColor.rgb == ERROR_COLOUR


def test_a_csv_file_comes_back_as_a_workbook_of_texts():
    text = ";".join(PLAIN) + "\n" + ";".join(map(str, WRONG)) + "\n" + '1;"=cmd|calc";;+1;-2;@a;DC\n'
    sheet = marked(text.encode())["CSV"]
    assert sheet["E2"].comment.text.startswith("LỖI")
    assert [(sheet[at].value, sheet[at].data_type) for at in ("B3", "D3", "F3")] == [
        ("=cmd|calc", "s"),
        ("+1", "s"),
        ("@a", "s"),
    ]


def test_a_text_that_begins_like_a_formula_is_written_as_a_text():
    book = marked(workbook(PLAIN, [1, "Nguyễn Văn An", "9912345678", "Thợ", "'=1+1", "@thang", "DC"]))
    for sheet in book:
        for row in sheet.iter_rows():
            assert not [cell.coordinate for cell in row if cell.data_type == "f"]
    fresh = workbook()
    put_text(fresh.active["A1"], "=HYPERLINK(1)")
    again = opened(saved(fresh)).active["A1"]
    assert (again.value, again.data_type, again.quotePrefix) == ("=HYPERLINK(1)", "s", True)


def test_a_name_that_begins_like_a_formula_never_becomes_one_in_the_list():
    content = (";".join(PLAIN) + "\n" + "1;=2+3;123;a;-5;x;ZZ\n").encode()
    listed = marked(content)["Kiểm tra"]
    values = [cell for row in listed.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert any(cell.value.startswith("=2+3") for cell in values)
    assert {cell.data_type for cell in values} == {"s"}


@pytest.mark.parametrize("code", WITH_ROWS)
def test_a_template_has_its_headers_its_names_its_guide_and_keeps_zeros(code):
    book = opened(template(form(code), CATALOGUE.lists, ON))
    sheet = book[code]
    columns = Vocabulary(form(code)).columns
    assert [sheet.cell(NAME_ROW, at).value for at in range(1, len(columns) + 1)] == list(columns)
    assert sheet.cell(LABEL_ROW, 2).value == columns[list(columns)[1]].label
    assert sheet.freeze_panes == f"C{FIRST_ROW}"
    key = form(code).rows.key
    at = list(columns).index(key) + 1
    assert sheet.column_dimensions[sheet.cell(1, at).column_letter].number_format == "@"
    guide = book["Hướng dẫn"]
    assert [guide.cell(row, 2).value for row in range(2, len(columns) + 2)] == list(columns)


def test_a_template_offers_the_code_lists():
    book = opened(template(form(), CATALOGUE.lists, ON))
    rules = {str(rule.sqref).split(":")[0]: rule for rule in book["D02-TS"].data_validations.dataValidation}
    columns = list(Vocabulary(form()).columns)
    letter = book["D02-TS"].cell(1, columns.index("PA") + 1).column_letter
    rule = rules[f"{letter}{FIRST_ROW}"]
    assert rule.type == "list"
    place = re.fullmatch(r"'Danh mục'!\$([A-Z]+)\$2:\$[A-Z]+\$([0-9]+)", rule.formula1)
    codes = [book["Danh mục"][f"{place[1]}{row}"].value for row in range(2, int(place[2]) + 1)]
    assert set(codes) == set(Vocabulary(form()).columns["PA"].type.values)
    assert "Tăng mới" in {cell.value for row in book["Danh mục"].iter_rows() for cell in row}


@pytest.mark.parametrize("code", WITH_ROWS)
def test_a_template_filled_with_its_own_examples_is_read_whole(code):
    book = opened(template(form(code), CATALOGUE.lists, ON))
    vocabulary = Vocabulary(form(code))
    examples = {name: example_of(column, vocabulary) for name, column in vocabulary.columns.items()}
    assert not [name for name, text in examples.items() if text and not vocabulary.columns[name].type.admits(text)]
    for at, text in enumerate(examples.values(), 1):
        book[code].cell(FIRST_ROW, at).value = text or None
    into = row_paths(form(code))[0].split("/")[-2] if "*" in form(code).rows.path else ""
    told = reading(book, code, into=into)
    assert not told.headers.unused
    row = form(code).rows.path.rpartition("/")[2]
    written = {name: text for text in rows_of(told.content, row) for name, text in text.items()}
    top = {name for name, column in vocabulary.columns.items() if len(column.path) == 1}
    assert written == {name: text for name, text in examples.items() if text and name in top}


NAMES = st.lists(
    st.sampled_from(["Nguyễn", "Tống", "Công", "Trần", "Thị", "Văn", "Ngọc", "Ánh", "Đỗ", "Lê"]), min_size=2, max_size=4
).map(" ".join)
TEXTS = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs"), max_codepoint=0x2FFF), min_size=1, max_size=40
).map(lambda text: " ".join(text.split()))
DAYS = st.dates(date(1950, 1, 1), date(2049, 12, 31))
AMOUNTS = st.integers(1, 10**12).map(str) | st.tuples(st.integers(1, 99), st.integers(1, 99)).map(
    lambda told: f"{told[0]}.{told[1]:02d}".rstrip("0")
)


@st.composite
def people(draw):
    """Rows as a form's XML would have them."""
    columns = {
        "HoTen": NAMES,
        "MasoBHXH": st.from_regex(r"\A[0-9]{10}\Z"),
        "ChucVu": TEXTS.filter(lambda text: text not in ("", "-")),
        "TienLuong": AMOUNTS,
        "PhuCapLuong": AMOUNTS,
        "PhuCapTNVK": st.integers(0, 100).map(str),
        "TuThang": DAYS.map(lambda day: f"{day:%m/%Y}"),
        "DenThang": DAYS.map(lambda day: f"{day:%m/%Y}"),
        "Ghichu": TEXTS,
        "PA": st.sampled_from(["TM", "GH", "DC", "TS", "ON"]),
        "DaCoSo": st.sampled_from(["0", "1"]),
        "MavungLTT": st.sampled_from(["01", "02", "03", "04"]),
        "NgaySinh": DAYS.map(lambda day: f"{day:%d/%m/%Y}"),
        "GioiTinh": st.sampled_from(["0", "1", "2"]),
        "CMND": st.from_regex(r"\A0[0-9]{11}\Z"),
        "Hdld_tungay": DAYS.map(lambda day: f"{day:%d/%m/%Y}"),
    }
    required = {"HoTen", "MasoBHXH", "ChucVu", "TienLuong", "TuThang", "PA"}
    found = []
    for at in range(1, draw(st.integers(1, 4)) + 1):
        chosen = [name for name in columns if name in required or draw(st.booleans())]
        row = {name: draw(columns[name]) for name in chosen}
        found.append({"STT": str(at)} | {name: text for name, text in row.items() if text})
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(people())
def test_rows_put_into_the_template_come_out_as_the_same_columns(rows):
    book = opened(template(form(), CATALOGUE.lists, ON))
    columns = {name: at for at, name in enumerate(Vocabulary(form()).columns, 1)}
    for at, row in enumerate(rows, FIRST_ROW):
        for name, text in row.items():
            put_text(book["D02-TS"].cell(at, columns[name]), text)
    told = reading(book)
    assert rows_of(told.content) == rows
    assert not told.changes
    assert not [each for each in findings(told) if each.finding.severity is Severity.ERROR and each.cell == ""]
