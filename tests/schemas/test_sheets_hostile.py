"""Workbooks made to do harm, and files that are none: each is refused in one clear line, and quickly."""

import io
import time
import zipfile

import openpyxl
import pytest

from schemas import sheet_grid, sheet_package
from schemas.sheet_grid import read_grids
from schemas.sheet_package import SheetUnreadable, check_package
from tests.schemas.sheet_layouts import PEOPLE, PLAIN, findings, opened, reading, rows_of, saved, workbook

GOOD = saved(workbook(PLAIN, *PEOPLE))
SHEET = "xl/worksheets/sheet1.xml"
SECONDS_MAX = 5


def repacked(change, name=SHEET, more=None, content=GOOD):
    """The good workbook with one member changed, or with members added."""
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            held = old.read(member)
            new.writestr(member, change(held) if member == name else held)
        for added, held in (more or {}).items():
            new.writestr(added, held)
    return kept.getvalue()


def put(after, text):
    return lambda held: held.replace(after, after + text, 1)


def test_the_good_workbook_is_none_of_them():
    assert check_package(GOOD) is False
    assert len(reading(GOOD).rows) == 2


HOSTILE = {
    "a sheet that unpacks to a thousand times its size": lambda: repacked(put(b"</sheetData>", b" " * 40_000_000)),
    "a member beside it that does": lambda: repacked(put(b"", b""), more={"xl/media/a.png": b"\0" * 50_000_000}),
    "more members than a workbook has": lambda: repacked(
        put(b"", b""), more={f"x/{at}": b"" for at in range(sheet_package.ENTRIES_MAX + 1)}
    ),
    "a merged range over the whole sheet": lambda: repacked(
        put(b"</sheetData>", b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>')
    ),
    "a merged range that is oddly written": lambda: repacked(
        put(b"</sheetData>", b'<mergeCells count="1"><mergeCell ref="&#65;1:XFD1048576"/></mergeCells>')
    ),
    "a link over the whole sheet": lambda: repacked(
        put(b"</sheetData>", b'<hyperlinks><hyperlink ref="A1:XFD1048576" display="x"/></hyperlinks>')
    ),
    "entities": lambda: repacked(
        lambda held: b'<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + held
    ),
    "entities in another member": lambda: repacked(
        lambda held: b'<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + held, "xl/styles.xml"
    ),
    "an encoding of two bytes": lambda: repacked(lambda held: held.decode().encode("utf-16")),
    "an encoding where signs mean others": lambda: repacked(
        lambda held: b'<?xml version="1.0" encoding="cp037"?>' + held
    ),
    "more cells than a list has": lambda: repacked(
        put(b"<sheetData>", b"<row>" + b'<c r="A9"/>' * (sheet_package.CELLS_MAX + 1) + b"</row>")
    ),
    "more rows than a list has": lambda: repacked(
        put(b"<sheetData>", b'<row ht="9"/>' * (sheet_package.SHEET_ROWS_MAX + 1))
    ),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_workbook_made_to_do_harm_is_refused_quickly(make):
    content = make()
    begun = time.perf_counter()
    with pytest.raises(SheetUnreadable, match="an toàn"):
        reading(content)
    assert time.perf_counter() - begun < SECONDS_MAX


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused():
    kept = io.BytesIO(GOOD)
    with zipfile.ZipFile(kept, "a") as package:
        package.writestr(SHEET, b"<worksheet/>")
    with pytest.raises(SheetUnreadable, match="trùng tên"):
        reading(kept.getvalue())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "không có trang nào có dữ liệu"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, ".xls cũ hoặc có mật khẩu"),
        (b"PK\x03\x04" + b"\0" * 600, "hỏng hoặc có mật khẩu"),
        (GOOD[:-200], "hỏng hoặc có mật khẩu"),
        ("Họ tên;Mã số".encode("cp1258", "replace") + b"\xff\xfe", "CSV UTF-8"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "CSV UTF-8"),
        (b"<html><table><tr><td>HoTen</td></tr></table></html>", "tiêu đề"),
        (b'a;"' + b"x" * 200_000, "hỏng"),
    ],
    ids=["empty", "old", "zip", "cut off", "code page", "picture", "page", "endless field"],
)
def test_a_file_that_is_no_list_is_refused_in_one_line(content, says):
    with pytest.raises(Exception, match=says) as refused:
        reading(content)
    assert "\n" not in str(refused.value)
    assert type(refused.value).__module__.startswith("schemas.")


def test_other_packages_are_named():
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(SheetUnreadable, match=r"\.xlsx"):
        reading(kept.getvalue())


@pytest.mark.parametrize("broken", [b"<worksheet", b"", b"<a/>"])
def test_a_workbook_whose_inside_is_broken_is_refused(broken):
    with pytest.raises(Exception, match=r"không|lại") as refused:
        reading(repacked(lambda _: broken))
    assert type(refused.value).__module__.startswith("schemas.")


def test_an_entry_in_the_last_row_of_excel_costs_nothing_and_is_refused():
    book = workbook(PLAIN, *PEOPLE)
    book.active["B1048576"] = "Lạc loài"
    begun = time.perf_counter()
    with pytest.raises(SheetUnreadable, match="1048576"):
        reading(book)
    assert time.perf_counter() - begun < SECONDS_MAX


def test_empty_cells_that_are_only_formatted_are_no_matter():
    book = workbook(PLAIN, *PEOPLE)
    for row in (5_000, 60_000, 1_048_576):
        book.active.cell(row, 2).number_format = "@"
    assert len(reading(book).rows) == 2


def test_a_large_sheet_beside_the_list_is_no_matter():
    book = workbook(PLAIN, *PEOPLE)
    codes = book.create_sheet("BenhVien")
    codes.cell(sheet_grid.ROW_NUMBER_MAX + 5, 1).value = "79001"
    assert reading(book).sheet == "Tháng 1"


def test_a_formula_is_read_as_excel_saved_it():
    formula = b'<c r="E2"><f>1000*7500</f><v>7500000</v></c>'
    book = repacked(lambda held: held.replace(b'<c r="E2" t="n"><v>7500000</v></c>', formula, 1))
    assert b"<f>" in zipfile.ZipFile(io.BytesIO(book)).read(SHEET)
    assert rows_of(reading(book).content)[0]["TienLuong"] == "7500000"


def test_a_formula_that_was_never_calculated_is_named_with_its_cell():
    book = workbook(PLAIN, [*PEOPLE[0][:4], "=1000*7500", *PEOPLE[0][5:]], PEOPLE[1])
    found = {each.finding.code: each for each in findings(reading(book))}
    assert found["sheet-formula-unsaved"].cell == "E2"
    assert found["value-missing"].cell == "E2"


def test_a_formula_that_ended_in_an_error_is_named_with_its_cell():
    failed = b'<c r="D2" t="e"><f>VLOOKUP(1,A1,1)</f><v>#N/A</v></c>'
    told = reading(
        repacked(lambda held: held.replace(held[held.index(b'<c r="D2"') : held.index(b'<c r="E2"')], failed))
    )
    found = {each.finding.code: each for each in findings(told)}
    assert (found["sheet-formula-failed"].cell, found["sheet-formula-failed"].finding.value) == ("D2", "#N/A")


def test_a_date_beyond_the_calendar_does_not_fail():
    book = workbook(PLAIN, [*PEOPLE[0][:5], 99999999, "DC"])
    book.active["F2"].number_format = "dd/mm/yyyy"
    found = {each.finding.code: each for each in findings(reading(book))}
    assert found["sheet-formula-failed"].cell == "F2"


def test_a_cell_longer_than_excel_keeps_is_refused():
    text = ";".join(PLAIN) + "\n1;" + "x" * (sheet_grid.CELL_CHARACTERS_MAX + 1) + ";9912345678;a;1;01/2026;DC\n"
    with pytest.raises(SheetUnreadable, match="quá dài"):
        reading(text.encode())


def test_a_csv_file_of_too_many_rows_is_refused():
    text = ";".join(PLAIN) + "\n" + "1;Nguyễn Văn An;;a;1;01/2026;DC\n" * (sheet_grid.ROW_NUMBER_MAX + 1)
    with pytest.raises(SheetUnreadable, match=str(sheet_grid.ROW_NUMBER_MAX)):
        reading(text.encode())


def test_signs_that_xml_cannot_hold_are_left_out():
    told = reading(
        ";".join(PLAIN).encode() + "\n1;Nguyễn\x00 Văn\x0b An\ufffe;9912345678;a;5000000;01/2026;DC".encode()
    )
    assert rows_of(told.content)[0]["HoTen"] == "Nguyễn Văn An"
    assert told.changes[0].cell == "B2"


def test_markup_in_a_cell_stays_a_text():
    told = reading(workbook(PLAIN, [1, "</HoTen><PA>TM</PA>&amp;<!--", *PEOPLE[0][2:]]))
    assert rows_of(told.content)[0]["HoTen"] == "</HoTen><PA>TM</PA>&amp;<!--"


def test_macros_and_external_links_are_not_run_nor_followed():
    content = repacked(put(b"", b""), more={"xl/vbaProject.bin": b"\0" * 100})
    assert len(reading(content).rows) == 2
    assert opened(content).sheetnames == ["Tháng 1"]


def test_openpyxl_itself_would_have_followed_such_a_range():
    """Why the range is looked at before: one merged cell too many is one more cell in memory."""
    merged = put(b"</sheetData>", b'<mergeCells count="1"><mergeCell ref="A1:Z1000"/></mergeCells>')
    sheet = openpyxl.load_workbook(io.BytesIO(repacked(merged))).active
    assert len(sheet._cells) == 26_000
    assert [grid.name for grid in read_grids(repacked(merged))] == ["Tháng 1"]
