"""A workbook from a stranger, looked at before it is read: its size, and what would make a reader run on."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Final

FILE_BYTES_MAX: Final = 32 * 1024 * 1024
UNPACKED_BYTES_MAX: Final = 128 * 1024 * 1024
ENTRIES_MAX: Final = 2_000
# Honest sheets shrink to a tenth or a thirtieth; beyond this a member is made to grow.
RATIO_MAX: Final = 300
RATIO_FROM_BYTES: Final = 1024 * 1024
TAGS_MAX: Final = 6_000_000
CELLS_MAX: Final = 1_000_000
SHEET_ROWS_MAX: Final = 200_000
# A merged range or a link over a range becomes that many cells in memory.
SPREAD_CELLS_MAX: Final = 200_000

_PACKED_PLAINLY: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1
_DTD: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_ENCODING: Final = re.compile(rb"""\A(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([^"'>]*)["']""")
_ENCODINGS_READ: Final = frozenset({b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1"})
_TWO_BYTES_A_LETTER: Final = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_CELL: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?c[\s>/]")
_ROW: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?row[\s>/]")
_FORMULA: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?f[\s>/]")
_SPREAD: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(?:mergeCell|hyperlink)\s[^>]*>")
_REF: Final = re.compile(rb"""\sref\s*=\s*["']\$?([A-Z]{1,3})\$?([0-9]{1,7})(?::\$?([A-Z]{1,3})\$?([0-9]{1,7}))?["']""")


class SheetUnreadable(Exception):
    """A sheet that cannot be read, or is not worth the risk; the message says what to do. Not worth a retry."""


def check_package(content: bytes) -> bool:
    """Whether the workbook holds formulas; it is safe to hand to a reader afterwards. Raises SheetUnreadable.

    Read with the same ZIP reader as the workbook's own reader will use, so that both see the same members.
    """
    if len(content) > FILE_BYTES_MAX:
        raise SheetUnreadable(_too_much("tệp", "file", len(content), FILE_BYTES_MAX))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            return _check_members(package)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise SheetUnreadable(
            "tệp Excel hỏng hoặc có mật khẩu: mở bằng Excel, bỏ mật khẩu, lưu lại thành .xlsx · "
            "the workbook is damaged or encrypted: open it in Excel and save it again as .xlsx"
        ) from error


def _check_members(package: zipfile.ZipFile) -> bool:
    members = package.infolist()
    names = {member.filename for member in members}
    if len(members) > ENTRIES_MAX or len(names) != len(members):
        raise SheetUnreadable(_bomb("quá nhiều phần hoặc phần trùng tên", "too many members, or two of one name"))
    if "xl/workbook.bin" in names:
        raise SheetUnreadable("tệp .xlsb không được đọc: lưu lại thành .xlsx · an .xlsb file: save it again as .xlsx")
    if "xl/workbook.xml" not in names:
        raise SheetUnreadable("không phải tệp Excel .xlsx: lưu lại thành .xlsx hoặc .csv · not an .xlsx workbook")
    counts = [0, 0, 0, 0, 0]
    has_formulas = False
    for member in members:
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _PACKED_PLAINLY:
            raise SheetUnreadable(_bomb("một phần bị mã hoá hoặc nén lạ", "a member is encrypted or oddly packed"))
        room = UNPACKED_BYTES_MAX - counts[0]
        with package.open(member) as opened:
            held = opened.read(room + 1)
        if len(held) > room or (len(held) > RATIO_FROM_BYTES and len(held) > RATIO_MAX * max(1, member.compress_size)):
            raise SheetUnreadable(_bomb("giải nén ra quá lớn", "it unpacks to far more than a list"))
        _check_text(held)
        more = (len(held), held.count(b"<"), _count(_CELL, held), _count(_ROW, held), _spread(held))
        counts = [old + new for old, new in zip(counts, more, strict=True)]
        if any(
            count > most
            for count, most in zip(counts[1:], (TAGS_MAX, CELLS_MAX, SHEET_ROWS_MAX, SPREAD_CELLS_MAX), strict=True)
        ):
            raise SheetUnreadable(_bomb("quá nhiều ô, dòng hoặc ô gộp", "too many cells, rows or merged cells"))
        has_formulas = has_formulas or _FORMULA.search(held) is not None
    return has_formulas


def _check_text(held: bytes) -> None:
    """No entities, and no encoding in which they could hide."""
    told = _ENCODING.search(held[:1024])
    if (
        held.startswith(_TWO_BYTES_A_LETTER)
        or _DTD.search(held)
        or (told is not None and told[1].lower() not in _ENCODINGS_READ)
    ):
        raise SheetUnreadable(_bomb("có DTD hoặc bảng mã lạ", "it has a DTD or an odd encoding"))


def _count(pattern: re.Pattern[bytes], held: bytes) -> int:
    return sum(1 for _ in pattern.finditer(held))


def _spread(held: bytes) -> int:
    """How many cells the merged ranges and links of a member cover."""
    total = 0
    for tag in _SPREAD.finditer(held):
        ref = _REF.search(tag[0])
        if ref is None:
            raise SheetUnreadable(_bomb("ô gộp ghi không đúng cách", "a merged range is oddly written"))
        if ref[3] is None:
            total += 1
            continue
        columns = abs(_column(ref[3]) - _column(ref[1])) + 1
        total += columns * (abs(int(ref[4]) - int(ref[2])) + 1)
    return total


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _bomb(why_vi: str, why_en: str) -> str:
    return (
        f"tệp Excel không được đọc vì lý do an toàn ({why_vi}): chép riêng danh sách sang một tệp .xlsx mới · "
        f"the workbook is not read, for safety ({why_en}): copy the list into a new .xlsx"
    )


def _too_much(what_vi: str, what_en: str, told: int, most: int) -> str:
    return f"{what_vi} quá lớn: {told:,} > {most:,} byte · the {what_en} is too large"
