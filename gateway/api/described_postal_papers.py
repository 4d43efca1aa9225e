"""The doors to what is printed for an announcement, as they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_shapes import Door, Said, bytes_of

if TYPE_CHECKING:
    from gateway.callers import Role

_PARTIES: tuple[Role, ...] = ("employer", "ivan", "office")
_PDF = "application/pdf"
_HEADERS = ("Content-Digest", "Cache-Control")

POSTAL_PAPER_DOORS: dict[str, Door] = {
    "show_covers": Door(
        audience="parties", roles=_PARTIES,
        vi="Phiếu gửi hồ sơ giấy để in",
        told_vi="PDF/A, khổ A4, mỗi hồ sơ một phiếu (hoặc một hồ sơ nêu ở `dossier`): nơi nhận, mã QR có chữ ký của "
        "cổng, mã vạch Code 128 của mã hồ sơ, danh sách giấy tờ phải bỏ vào. Cùng dữ liệu thì đúng các byte ấy. Báo "
        "trước đã hủy thì không còn phiếu.",
        answers={
            200: Said(words=("Phiếu gửi", "the cover sheets"), schema=bytes_of(_PDF), media_type=_PDF,
                      headers=_HEADERS)
        },
        problems=("not-found", "content-erased", "too-long-for-pdf"),
    ),
    "show_announced_forms": Door(
        audience="parties", roles=_PARTIES,
        vi="Tờ khai của hồ sơ giấy để in và ký tay",
        told_vi="PDF/A: mọi tờ khai như mẫu giấy, có chỗ ký, ghi rõ họ tên, đóng dấu; mỗi trang mang mã riêng để khi "
        "quét trang tự về đúng hồ sơ. Cơ quan chỉ lấy được tờ khai của hồ sơ do chính mình nhập. Hồ sơ đã đến hoặc "
        "đã hủy thì không in lại được.",
        answers={
            200: Said(words=("Tờ khai", "the forms"), schema=bytes_of(_PDF), media_type=_PDF, headers=_HEADERS)
        },
        problems=(
            "not-found", "content-erased", "forms-changed", "too-long-for-pdf", "content-unreadable", "store-away",
        ),
    ),
}  # fmt: skip
