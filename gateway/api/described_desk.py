"""The desk's doors, as they are described: reports, transfers, supplements, withdrawals, courses and results."""

from __future__ import annotations

from gateway.api.described_shapes import Door, Said, bytes_of
from gateway.callers import Role

_SENDERS: tuple[Role, ...] = ("employer", "ivan")
_PARTIES: tuple[Role, ...] = ("employer", "ivan", "office", "operator")
_OF_A_BODY = ("digest-differs", "body-incomplete", "sender-too-slow", "body-too-large", "media-type", "store-full")
_HEADERS = ("Location", "X-Correlation-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_RECEIVED = {
    201: Said(words=("Đã nhận: biên nhận", "received: the receipt"), schema="Received", headers=_HEADERS),
    200: Said(
        words=("Các byte này đã nhận trước đó: đúng biên nhận cũ", "received before: the identical receipt"),
        schema="Received", headers=_HEADERS,
    ),
    202: Said(
        words=("Đã nhận, có biên nhận; chờ dữ liệu thu hồi", "received; to be judged when revocation data is there"),
        schema="Received", headers=_HEADERS,
    ),
}  # fmt: skip
_SENT = (
    *_OF_A_BODY, "not-found", "not-open", "received-before", "not-your-unit", "malformed", "signature-refused",
    "findings", "store-away", "upload-incomplete", "upload-elsewhere", "upload-busy",
)  # fmt: skip

DESK_DOORS: dict[str, Door] = {
    "acknowledge_many": Door(
        audience="office", roles=("office",),
        vi="Xác nhận đã nhận nhiều hồ sơ",
        told_vi="Nhiều lượt nhận trong một lần ghi. Lượt đã hết hạn được nêu riêng, không cản các lượt khác. Gửi lại "
        "vẫn an toàn.",
    ),
    "list_work": Door(
        audience="office", roles=("office", "operator"),
        vi="Việc còn mở của cơ quan",
        told_vi="Việc chờ nhận, đang giữ, hoặc giao không được, theo thứ tự giao; trang sau hỏi bằng `after=next`.",
    ),
    "report": Door(
        audience="office", roles=("office",), parameters=("Idempotency-Key",),
        vi="Báo việc đã làm",
        told_vi="Trạng thái quốc gia 2–10, phòng, cán bộ, thời điểm, hạn, lý do, số hồ sơ, danh mục bổ sung (một lần "
        "cho đủ: lần thứ hai bị tính là quá hạn), tệp kết quả đã ký số. Ghi thành sự kiện, có chữ ký của cổng, vào "
        "nhật ký; không ghi đè: sửa bằng báo cáo mới có `corrects`. Cùng Idempotency-Key thì được đúng câu trả lời cũ.",
        answers={200: Said(words=("Đã ghi", "written"), schema="Written")},
        problems=("not-found", "cannot-follow", "report-unfit", "result-refused", "key-reused", "store-away"),
    ),
    "transfer": Door(
        audience="office", roles=("office", "operator"), parameters=("Idempotency-Key",),
        vi="Chuyển hồ sơ",
        told_vi="Sang cơ quan khác (được giao ngay ở đó) hoặc phòng khác. Thời điểm nhận và hạn trả giữ nguyên.",
        answers={200: Said(words=("Đã chuyển", "passed on"), schema="Written")},
        problems=("not-found", "cannot-follow", "report-unfit", "key-reused"),
    ),
    "send_supplement": Door(
        audience="employer", roles=_SENDERS, body="dossier-or-upload", parameters=("Content-Digest",),
        vi="Nộp bổ sung",
        told_vi="Phong bì đã ký, cùng đơn vị, thủ tục, kỳ, chỉ gồm phần bổ sung. Nhận như hồ sơ, có biên nhận riêng; "
        "thời hạn đang tạm dừng lại chạy tiếp từ thời điểm nhận.",
        answers=_RECEIVED, problems=_SENT,
    ),
    "send_withdrawal": Door(
        audience="employer", roles=_SENDERS, body="dossier-or-upload", parameters=("Content-Digest",),
        vi="Rút hồ sơ",
        told_vi="Phong bì đã ký của thủ tục RUT, tờ RUT-HS ghi số biên nhận. Hồ sơ kết thúc ngay; đề nghị rút có biên "
        "nhận riêng và được giao cho cơ quan đang giữ hồ sơ.",
        answers=_RECEIVED, problems=_SENT,
    ),
    "show_course": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Hồ sơ đang ở đâu",
        told_vi="Ai giữ, từ bao giờ, đến bao giờ; hạn trả hiện hành và hạn ghi trong biên nhận; các lần tạm dừng, yêu "
        "cầu bổ sung, phần đã bổ sung, số hồ sơ, tệp kết quả.",
    ),
    "list_results": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Các tệp kết quả",
        told_vi="Theo thứ tự báo về; tệp đã sửa vẫn còn và nêu tệp thay thế.",
    ),
    "show_result": Door(
        audience="parties", roles=("employer", "ivan", "office"), parameters=("why", "Reading-Reason"),
        vi="Một tệp kết quả",
        told_vi="Đúng các byte cơ quan đã báo về, kèm giá trị băm. Lần đọc này được ghi vào sổ.",
        answers={
            200: Said(
                words=("Tệp kết quả", "the file"), schema=bytes_of("application/pdf"), media_type="application/pdf",
                headers=("Content-Digest", "X-Correlation-Id", "Cache-Control"),
                or_as=("application/xml", "application/vnd.etsi.asic-e+zip"),
            )
        },
        problems=("not-found", "content-erased", "content-unreadable", "store-away"),
    ),
}  # fmt: skip
