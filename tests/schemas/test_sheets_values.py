"""What a cell means: amounts, dates, months, numbers and codes as people type them and as Excel keeps them."""

from datetime import date, datetime, time

import pytest

from schemas.sheet_grid import Cell
from schemas.sheet_values import ColumnReader, plain_number
from schemas.sheet_words import Vocabulary
from tests.schemas.sheet_layouts import CATALOGUE, ON, form


def told(column, value, code="D02-TS", shape="General", *, is_typed=True, **more):
    vocabulary = Vocabulary(form(code))
    reader = ColumnReader(vocabulary.columns[column], vocabulary.data, CATALOGUE.lists, ON, is_typed=is_typed)
    return reader.read(Cell(value, shape, **more))


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("TienLuong", 7500000, "7500000"),
        ("TienLuong", 7.5e6, "7500000"),
        ("TienLuong", 4.65, "4.65"),
        ("TienLuong", 2.3400000000000003, "2.34"),
        ("TienLuong", 123456789012345.0, "123456789012345"),
        ("TienLuong", "7.500.000", "7500000"),
        ("TienLuong", "7,500,000 đ", "7500000"),
        ("TienLuong", "7 500 000 VNĐ", "7500000"),
        ("TienLuong", "7.500.000,00", "7500000"),
        ("TienLuong", "7,500,000.50", "7500000.5"),
        ("TienLuong", "2,34", "2.34"),
        ("TienLuong", "7500000", "7500000"),
        ("TienLuong", "bảy triệu", "bảy triệu"),
        ("TienLuong", "-5", "-5"),
        ("TienLuong", -5, "-5"),
        ("PhuCapLuong", "-", ""),
        ("PhuCapLuong", 0, "0"),
        ("PhuCapTNVK", "5%", "5"),
        ("PhuCapTNVK", "7.500", "7.500"),
        ("TyleDong", "32,5", "32.5"),
        ("TyleDong", 32.0, "32"),
        ("TuThang", date(2026, 1, 1), "01/2026"),
        ("TuThang", datetime(2026, 1, 15, 8), "01/2026"),  # noqa: DTZ001 - as Excel keeps it
        ("TuThang", "1/2026", "01/2026"),
        ("TuThang", "01-2026", "01/2026"),
        ("TuThang", "2026-01", "01/2026"),
        ("TuThang", 12026, "01/2026"),
        ("TuThang", 122026, "12/2026"),
        ("TuThang", 1.2026, "01/2026"),
        ("TuThang", "13/2026", "13/2026"),
        ("TuThang", "tháng này", "tháng này"),
        ("NgaySinh", date(1990, 8, 5), "05/08/1990"),
        ("NgaySinh", "5/8/1990", "05/08/1990"),
        ("NgaySinh", "1990-08-05", "05/08/1990"),
        ("NgaySinh", "5.8.1990", "05/08/1990"),
        ("NgaySinh", 33090, "05/08/1990"),
        ("NgaySinh", "31/02/1990", "31/02/1990"),
        ("NgaySinh", "05/08/90", "05/08/90"),
        ("MasoBHXH", 9912345678, "9912345678"),
        ("MasoBHXH", 9912345678.0, "9912345678"),
        ("MasoBHXH", "99 1234 5678", "9912345678"),
        ("MasoBHXH", "123456789", "123456789"),
        ("MasoBHXH", 123456, "123456"),
        ("CMND", "079 090 001 234", "079090001234"),
        ("MavungLTT", "Vùng I", "01"),
        ("MavungLTT", "vung iv", "04"),
        ("MavungLTT", 1, "01"),
        ("MavungLTT", "III", "03"),
        ("MavungLTT", "Vùng V", "Vùng V"),
        ("GioiTinh", "Nam", "1"),
        ("GioiTinh", "NỮ", "0"),
        ("GioiTinh", 1, "1"),
        ("GioiTinh", "khác", "khác"),
        ("PA", "tm", "TM"),
        ("PA", "Tăng mới", "TM"),
        ("PA", "TM - Tăng mới", "TM"),
        ("PA", "Giảm hẳn (GH)", "GH"),
        ("PA", "TM - Giảm hẳn", "TM - Giảm hẳn"),
        ("PA", "tăng giảm", "tăng giảm"),
        ("CoGiamChet", "x", "1"),
        ("CoGiamChet", "Có", "1"),
        ("CoGiamChet", "không", "0"),
        ("CoGiamChet", True, "1"),
        ("CoGiamChet", False, "0"),
        ("CoGiamChet", "có lẽ", "có lẽ"),
        ("HoTen", "  Nguyễn   Văn\u00a0An\n", "Nguyễn Văn An"),
        ("HoTen", "Nguye\u0302\u0303n Va\u0306n An", "Nguyễn Văn An"),
        ("HoTen", "Nguyễn\u200b Văn\x07 An", "Nguyễn Văn An"),
        ("Ghichu", "=1+1", "=1+1"),
        ("Ghichu", 15, "15"),
        ("Ghichu", date(2026, 1, 5), "05/01/2026"),
        ("Ghichu", time(8, 30), "08:30:00"),
        ("Ghichu", True, "TRUE"),
    ],
)
def test_a_value_is_read_as_it_was_meant(column, value, text):
    assert told(column, value).text == text


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("NgaySinh", 1990, "1990"),
        ("NgaySinh", "08/1990", "08/1990"),
        ("DanToc", 1, "01"),
        ("DanToc", "Kinh", "01"),
        ("MaBenhVien", 1131, "01131"),
        ("MaBenhVien", "01c05", "01C05"),
        ("QuocTich", "Việt Nam", "VN"),
        ("QuocTich", "vn", "VN"),
        ("Dienthoai_LH", 600000001, "0600000001"),
        ("Matinh_KS", 1, "01"),
    ],
)
def test_a_value_of_a_personal_declaration_is_read_as_it_was_meant(column, value, text):
    assert told(column, value, "TK1-TS").text == text


@pytest.mark.parametrize(
    ("column", "value", "typed", "text"),
    [
        ("TienLuong", "7.500.000", "7.500.000", "7500000"),
        ("TuThang", date(2026, 1, 15), "15/01/2026", "01/2026"),
        ("CoGiamChet", True, "TRUE", "1"),
        ("HoTen", "An ", "An ", "An"),
        ("PhuCapLuong", "-", "-", ""),
    ],
)
def test_whatever_is_written_otherwise_counts_as_changed(column, value, typed, text):
    change = told(column, value)
    assert change.is_changed
    assert (change.typed, change.text) == (typed, text)


@pytest.mark.parametrize(
    ("column", "value"),
    [("TienLuong", 7500000.0), ("TuThang", date(2026, 1, 1)), ("NgaySinh", date(1990, 8, 5)), ("PA", "TM")],
)
def test_what_only_excel_shows_otherwise_is_no_change(column, value):
    assert not told(column, value).is_changed


def test_a_percentage_by_its_format_is_a_percentage():
    assert told("TyleDong", 0.32, shape="0%").text == "32"
    assert told("TyleDong", 0.325, shape="0.0%").text == "32.5"
    assert told("TyleDong", 0.32).text == "0.32"


def test_zeros_are_put_back_for_numbers_but_not_for_texts_that_somebody_typed():
    restored = told("MasoBHXH", 123456789)
    assert (restored.text, restored.notice) == ("0123456789", "sheet-zeros-restored")
    assert told("MasoBHXH", "123456789").notice == ""
    assert told("MasoBHXH", 1234567).text == "1234567"


def test_in_csv_every_number_may_have_lost_its_zeros():
    assert told("MasoBHXH", "123456789", is_typed=False).text == "0123456789"
    assert told("MasoBHXH", '="0123456789"', is_typed=False).text == "0123456789"
    assert told("MasoBHXH", "'0123456789", is_typed=False).text == "0123456789"
    assert told("CMND", "79090001234", is_typed=False).notice == "sheet-zero-perhaps-lost"


def test_a_percentage_of_one_digit_has_lost_no_zero():
    assert told("PhuCapTNVK", 5).text == "5"


def test_a_formula_without_a_result_is_named_and_writes_nothing():
    unsaved = told("TienLuong", "", is_unsaved=True)
    assert (unsaved.text, unsaved.notice) == ("", "sheet-formula-unsaved")


def test_a_formula_that_failed_stays_as_it_stands_and_is_named():
    failed = told("HoTen", "#N/A", is_error=True)
    assert (failed.text, failed.notice) == ("#N/A", "sheet-formula-failed")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.1 + 0.2, "0.3"), (1e17, "100000000000000000"), (1e-7, "0.0000001"), (100.0, "100"), (-0.5, "-0.5")],
)
def test_a_number_is_written_without_exponent_and_needless_zeros(number, text):
    assert plain_number(number) == text


def test_a_number_that_is_none_does_not_fail():
    assert plain_number(float("nan")) == "nan"
    assert plain_number(float("inf")) == "inf"
