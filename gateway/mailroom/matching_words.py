"""Why a page is where it is, and what a dossier still lacks, in words for people."""

from __future__ import annotations

from typing import Final

# Why a page is where it is, in Vietnamese and English; '' needs no words.
WHYS: Final[dict[str, tuple[str, str]]] = {
    "blank": ("Trang trắng", "A blank page"),
    "doubled": ("Trang này đã có một bản quét khác", "Another scan of this page is there already"),
    "other-item": (
        "Mã trên trang là của hồ sơ không nằm trong bưu gửi này",
        "Its code is of a dossier that is not in this item",
    ),
    "stale": ("Trang in theo bản khai báo cũ", "It was printed for what was announced earlier"),
    "unsigned": ("Chữ ký trong mã của phiếu không đúng", "The signature in the cover's code does not hold"),
    "two-dossiers": ("Trên trang có mã của hai hồ sơ", "It bears codes of two dossiers"),
    "two-pages": ("Trên một ảnh có mã của hai trang", "One image bears the codes of two pages"),
    "code-unread": ("Trang có mã QR nhưng không đọc được", "It bears a QR code that cannot be read"),
    "barcode-only": (
        "Chỉ đọc được mã vạch của phiếu, không đọc được mã QR",
        "Only the cover's barcode can be read, not its QR code",
    ),
    "no-cover": ("Trang không có mã và không nằm sau phiếu nào", "It has no code, and lies behind no cover"),
    "strays": (
        "Trong bưu gửi có trang không mã nằm lạc, nên trang không mã phải chờ",
        "A page without a code lies astray in the item, so those without a code wait",
    ),
    "counts": (
        "Số trang không mã khác với số trang đã khai báo",
        "There are more or fewer pages without a code than were announced",
    ),
    "pieces": (
        "Số giấy tờ đếm khi mở khác với số đã khai báo",
        "What was counted at the opening differs from what was announced",
    ),
    "disorder": (
        "Các trang không nằm theo thứ tự từng hồ sơ, mỗi hồ sơ sau phiếu của nó",
        "The pages do not lie dossier by dossier, each behind its cover",
    ),
    "pages-missing": (
        "Còn thiếu trang in của bưu gửi này; trang không mã có thể là trang đó",
        "A printed page of the item is missing, and a page without a code may be it",
    ),
}
