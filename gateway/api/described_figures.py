"""The figures' doors and those of the public statistics, as they are described."""

from __future__ import annotations

from gateway.api.described_shapes import Door, Said, bytes_of, kept_a_while
from gateway.figures_csv import CSV

_LINES = ("Mỗi nhóm một dòng", "one line a group")
_KEPT = ("Thống kê đã lập", "the statistics as made")

FIGURES_DOORS: dict[str, Door] = {
    "show_figures": Door(
        audience="office", roles=("office", "operator"), problems=("bad-request",),
        vi="Số liệu điều hành",
        told_vi="Nhận, giao nhận, kết thúc, đúng hạn theo bộ chỉ số quốc gia, đang mở và quá hạn, theo cơ quan, thủ "
        "tục, tháng; cơ quan chỉ thấy của mình. CSV theo `Accept: text/csv` hoặc ở `/v1/figures.csv`. `definitions` "
        "nói rõ mỗi số đếm gì.",
        answers={200: Said(words=("Số liệu", "the figures"), schema="FiguresAnswer", or_as=(CSV,),
                           headers=("Cache-Control",))},
    ),
    "show_figures_csv": Door(
        audience="office", roles=("office", "operator"), problems=("bad-request",),
        vi="Số liệu điều hành, dạng CSV",
        told_vi="Cùng các dòng, mỗi nhóm một dòng (RFC 4180).",
        answers={200: Said(words=_LINES, schema=bytes_of(CSV), media_type=CSV, headers=("Cache-Control",))},
    ),
    "show_statistics": Door(
        audience="anyone", parameters=("If-None-Match",), problems=("not-made-yet", "database-away"),
        vi="Thống kê công khai",
        told_vi="Số nhận, tỷ lệ đúng hạn và thời gian trung vị theo tháng, cơ quan, thủ tục; lập mỗi giờ, không "
        "có dữ liệu cá nhân. Nhóm có ít đơn vị nộp được gộp hoặc không công bố.",
        answers={
            200: Said(words=_KEPT, schema="Statistics", or_as=(CSV,), headers=("ETag", "Cache-Control")),
            304: kept_a_while(_KEPT, "Statistics")[304],
        },
    ),
    "show_statistics_csv": Door(
        audience="anyone", parameters=("If-None-Match",), problems=("not-made-yet", "database-away"),
        vi="Thống kê công khai, dạng CSV",
        told_vi="Cùng các dòng, mỗi nhóm một dòng (RFC 4180).",
        answers=kept_a_while(_LINES, bytes_of(CSV), CSV),
    ),
    "show_statistics_page": Door(
        audience="anyone", parameters=("If-None-Match",), problems=("not-made-yet", "database-away", "bad-request"),
        vi="Trang thống kê công khai",
        told_vi="Để xem và in: mọi tháng, và các cơ quan, thủ tục của một tháng.",
        answers=kept_a_while(("Trang HTML", "the page"), {"type": "string"}, "text/html"),
    ),
}  # fmt: skip
