"""The mail room's doors, as they are described."""

from __future__ import annotations

from gateway.api.described_shapes import Door, Said, Words
from gateway.callers import Role

_OFFICE: tuple[Role, ...] = ("office",)

MAILROOM_DOORS: dict[str, Door] = {
    "open_item": Door(
        audience="office", roles=_OFFICE,
        vi="Mở và đếm một bưu gửi",
        told_vi="Số giấy tờ đếm được theo loại, so với phần đã khai báo: thiếu gì, thừa gì, gồm những hồ sơ nào. Mỗi "
        "bưu gửi mở một lần; gửi lại đúng nội dung ấy thì được đúng câu trả lời. Bưu gửi chưa ai khai báo vẫn được ghi "
        "nhận, chờ nhập dữ liệu.",
        problems=("not-found", "opened-otherwise", "opening-unfit"),
    ),
    "show_opening": Door(
        audience="office", roles=_OFFICE,
        vi="Một bưu gửi đã mở",
        told_vi="Đã đếm gì, quét gì, trang nào thuộc hồ sơ nào, và từng hồ sơ còn thiếu gì.",
        problems=("not-found",),
    ),
    "take_scan": Door(
        audience="office", roles=_OFFICE, body="scan", parameters=("Content-Digest",),
        vi="Gửi tệp quét",
        told_vi="Tệp được giữ nguyên, đọc mã, xếp trang vào hồ sơ; hồ sơ đủ thì được lập ngay. Trang không có mã chỉ "
        "được xếp theo phiếu phía trước khi mọi số đếm đều khớp, nếu không thì chờ người xem. Các tệp cùng `batch` nối "
        "tiếp nhau. Gửi lại chính các byte ấy vẫn an toàn.",
        problems=(
            "not-found", "digest-differs", "body-incomplete", "sender-too-slow", "media-type", "store-full",
            "store-away", "scan-unreadable", "scan-not-read-yet", "scans-too-many",
        ),
    ),
    "list_waiting": Door(
        audience="office", roles=_OFFICE,
        vi="Việc chờ người xem",
        told_vi="Các trang chưa rõ của hồ sơ nào, hồ sơ còn thiếu, bưu gửi chưa khai báo, tệp không đọc được; và vì "
        "sao. Trang sau hỏi bằng `after=next`.",
    ),
    "bind_pages": Door(
        audience="office", roles=_OFFICE, parameters=("Idempotency-Key",),
        vi="Xếp trang vào hồ sơ",
        told_vi="Người phụ trách quyết định trang thuộc hồ sơ nào (hoặc để riêng), kèm lý do; mọi thay đổi đều lưu "
        "vết. Hồ sơ đã lập thì được thêm một tệp quét mới và sự kiện `pages-rebound`, không ghi đè.",
        answers={200: Said(words=("Đã xếp", "bound"), schema="PagesBound")},
        problems=("not-found", "key-reused", "store-away", "cannot-follow"),
    ),
    "say_complete": Door(
        audience="office", roles=_OFFICE,
        vi="Xác nhận hồ sơ đủ như hiện có",
        told_vi="Người phụ trách nêu đủ những điều hồ sơ còn thiếu (theo khóa đã xem) và lý do; hồ sơ được lập. Gửi "
        "lại vẫn an toàn.",
        problems=("not-found", "not-as-seen", "paper-filed", "store-away"),
    ),
    "show_scanned_page": Door(
        audience="office", roles=_OFFICE, parameters=("why", "Reading-Reason"),
        vi="Một trang đã quét",
        told_vi="`3.png` là hình của trang 3, `3` là vết xếp trang: vào hồ sơ nào, ai, vì sao. Việc đọc hình của trang "
        "thuộc hồ sơ được ghi vào sổ.",
        answers={
            200: Said(
                words=("Hình hoặc vết của trang", "the picture, or the trace"), schema="PageTrace",
                headers=("Cache-Control",), or_as=("image/png",),
            )
        },
        problems=("not-found", "store-away", "content-erased", "content-unreadable", "scan-unreadable"),
    ),
}  # fmt: skip

MAILROOM_MEANINGS: dict[str, Words] = {
    "opening": ("mã lần mở bưu gửi", "the id of the opening"),
    "scan": ("mã tệp quét", "the id of the scan"),
    "page": ("3: vết của trang 3; 3.png: hình của trang", "3: the trace of page 3; 3.png: its picture"),
    "OpeningTold.condition": ("nguyên vẹn, hư hỏng, đã bị mở", "intact, damaged, opened"),
    "PieceLine.counted": ("đếm được", "counted"),
    "OpeningShown.officer": ("cán bộ", "the officer"),
    "OpeningTold.confirmed": ("số hiệu lạ đã đọc lại", "an odd number that was read again"),
    "OpeningShown.opened_at": ("lúc mở", "when it was opened"),
    "OpeningShown.arrived_at": ("lúc đến", "when it arrived"),
    "PieceLine.announced": ("đã khai báo", "how many were announced"),
    "OpeningShown.announced": ("đã có ai khai báo chưa", "whether anybody announced it"),
    "OpeningShown.agrees": ("đếm khớp với khai báo", "the counts are what was announced"),
    "OpeningShown.settled": ("không còn gì chờ", "nothing of it waits"),
    "PieceLine.short": ("thiếu", "how many are missing"),
    "PieceLine.surplus": ("thừa", "how many are there too much"),
    "DossierStand.missing": ("những điều còn thiếu", "what it lacks"),
    "LackShown.key": ("khóa, nêu lại khi xác nhận", "its key, to be named when it is acknowledged"),
    "DossierStand.refused": ("vì sao không lập được", "why it could not be made"),
    "DossierStand.complete": ("đủ để tự lập", "all of it is there"),
    "PageShown.how": ("theo mã, theo phiếu phía trước, do người", "by its code, behind its cover, by a person"),
    "PageShown.near": ("hồ sơ nên xem trước", "the dossier to think of first"),
    "Bound.was": ("trước đó thuộc hồ sơ", "the dossier that it had been with"),
    "Bound.by": ("ai", "by whom"),
    "Bound.version": ("lần thứ", "which time"),
    "PageTrace.bindings": ("mọi lần xếp trang", "every time that it was bound"),
}
