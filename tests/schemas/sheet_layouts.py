"""Employers' sheets as they are in real life, made anew for each test, and what reads them."""

import io
from datetime import date

import openpyxl
from lxml import etree

from schemas.catalogue import Catalogue
from schemas.sheet_choice import Asked
from schemas.sheets import judge, read
from schemas.tree import text_of

CATALOGUE = Catalogue.load()
ON = date(2026, 1, 20)
FILE = "danh-sach.xlsx"

# A small list as an HR clerk keeps it: one header row, no title.
PLAIN = ["STT", "Họ tên", "Số sổ BHXH", "Chức danh", "Mức lương", "Từ tháng", "Phương án"]
PEOPLE = [
    [1, "Nguyễn Văn An", "9912345678", "Công nhân", 7500000, "01/2026", "ON"],
    [2, "Trần Thị Bình", "9987654321", "Kế toán", 9200000, "01/2026", "ON"],
]


def form(code="D02-TS"):
    return CATALOGUE.form(code, ON)


def saved(book):
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def opened(content, **how):
    return openpyxl.load_workbook(io.BytesIO(content), **how)


def workbook(*rows, title="Tháng 1", merged=(), before=0):
    """A workbook of one sheet with these rows, below so many empty ones."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for at, row in enumerate(rows, before + 1):
        for column, value in enumerate(row, 1):
            if value is not None:
                sheet.cell(at, column).value = value
    for one in merged:
        sheet.merge_cells(one)
    return book


def reading(content, code="D02-TS", **asked):
    content = content if isinstance(content, bytes) else saved(content)
    return read(content, form(code), CATALOGUE.lists, ON, file=FILE, asked=Asked(**asked))


def findings(told, code="D02-TS"):
    return judge(told, form(code), CATALOGUE.facts(ON), file=FILE)


def rows_of(content, path="LaoDong"):
    """The rows of a form's XML as dictionaries, empty columns left out."""
    root = etree.fromstring(content)
    return [{child.tag: text_of(child) for child in row if text_of(child).strip()} for row in root.iter(path)]


def printed():
    """The printed D02-TS: titles, a header of three lines with groups, a number row, sections, totals, signatures."""
    return workbook(
        ["CÔNG TY TNHH VÍ DỤ"],
        ["Mã đơn vị: TS12345"],
        [],
        ["DANH SÁCH LAO ĐỘNG THAM GIA BHXH, BHYT, BHTN, BHTNLĐ, BNN"],
        [*_BANNER, "Tiền lương", *[None] * 5, "Từ tháng, năm", "Đến tháng, năm", "Phương án", "Ghi chú"],
        [None, None, None, None, "Hệ số/Mức lương", "Phụ cấp"],
        [*[None] * 5, "Chức vụ", "Thâm niên VK (%)", "Thâm niên nghề (%)", "Phụ cấp lương", "Các khoản bổ sung"],
        ["A", "B", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        ["I", "Tăng"],
        ["I.1", "Lao động"],
        [
            1,
            "Nguyễn Văn An",
            9912345678,
            "Thợ may",
            4.65,
            0.3,
            5,
            None,
            500000,
            None,
            date(2026, 1, 1),
            None,
            "ON",
            "x",
        ],
        [
            2,
            "Trần Thị Bình",
            9987654321,
            "Kế toán",
            "7.500.000",
            None,
            None,
            None,
            None,
            None,
            "1/2026",
            None,
            "Đi làm lại",
        ],
        [None, "Cộng tăng", None, None, 7500004.65],
        [],
        ["II", "Giảm"],
        [1, "Lê Văn Công", 9900000017, "Tổ trưởng", 8000000, None, None, None, None, None, "01/2026", "02/2026", "GH"],
        ["Tổng cộng", None, None, None, 15500004.65],
        [],
        [None, "Tổng số sổ BHXH đề nghị cấp: 0"],
        [*[None] * 10, "Hà Nội, ngày 05 tháng 01 năm 2026"],
        [None, "Người lập biểu", *[None] * 8, "Thủ trưởng đơn vị"],
        [None, "(Ký, ghi rõ họ tên)"],
        [None, "Phạm Thị Dung"],
        merged=("A4:N4", "E5:J5", "E6:E7", "F6:J6", *[f"{letter}5:{letter}7" for letter in "ABCDKLMN"]),
    )


_BANNER = ["STT", "Họ và tên", "Mã số BHXH", "Cấp bậc, chức vụ, chức danh nghề, nơi làm việc"]


def vendor():
    """A vendor's import template: element names, then labels, then notes, in a workbook with lists of codes."""
    book = workbook(
        [
            "STT",
            "HoTen",
            "MasoBHXH",
            "TenLoaiKhaiBao",
            "Loai",
            "TenPhuongAn",
            "PA",
            "ChucVu",
            "TienLuong",
            "TuThang",
            "MavungLTT",
        ],
        [
            "ID Lao động",
            "Họ tên",
            "Mã số BHXH",
            "Loại khai báo",
            "Mã loại khai báo",
            "Phương án",
            "Mã Phương án",
            "Chức vụ",
            "Tiền lương",
            "Từ tháng",
            "Mã vùng lương tối thiểu",
        ],
        ["Số", "Text", "Text", "Danh mục", "Danh mục", "Danh mục", "Danh mục", "Text", "Number", "mm/yyyy", "Danh mục"],
        [1, "Nguyễn Văn An", "9912345678", "Giảm lao động", 3, "Giảm hẳn", "GH", "Thợ may", 7500000, "01/2026", "01"],
        title="Dữ Liệu",
    )
    lists = book.create_sheet("Dân tộc")
    lists.append(["Mã dân tộc", "Tên dân tộc"])
    papers = book.create_sheet("Bảng kê")
    papers.append(["STT", "HoTen", "MasoBHXH", "TenLoaiVanBan", "SoVanBan", "NgayBanHanh", "NgayHieuLuc"])
    papers.append([1, "Nguyễn Văn An", "9912345678", "Hợp đồng lao động", "15/2026", "02/01/2026", "02/01/2026"])
    return book
