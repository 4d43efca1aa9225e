"""The due date's door, as it is described."""

from __future__ import annotations

from gateway.api.described_shapes import Door

DUE_DOORS: dict[str, Door] = {
    "show_due": Door(
        audience="parties", roles=("employer", "ivan", "office", "operator"), problems=("not-found",),
        vi="Ngày hẹn trả, cách tính và ước tính",
        told_vi="Ngày hẹn trả đang có hiệu lực và ngày ghi trong biên nhận, phiên bản lịch, các lần chờ bổ sung, từng "
        "bước tính bằng tiếng Việt và tiếng Anh, ngày hẹn lại; và ước tính từ những hồ sơ cơ quan đã giải quyết, không "
        "phải cam kết.",
    ),
}  # fmt: skip
