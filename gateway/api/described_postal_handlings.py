"""The doors by which carriers tell of items, as they are described."""

from __future__ import annotations

from gateway.api.described_shapes import Door, Words

HANDLINGS_DOORS: dict[str, Door] = {
    "tell_handlings": Door(
        audience="post", roles=("post",),
        vi="Báo sự kiện của bưu gửi",
        told_vi="Tối đa 1000 sự kiện một lần, mã EMSEVT hoặc lời của bưu chính, theo thứ tự nào cũng được, gửi lại bao "
        "nhiêu lần cũng được: mỗi sự kiện giữ một lần theo (bưu gửi, mã, lời, thời điểm, bưu cục). Trạng thái bưu gửi "
        "tính từ mọi sự kiện đã nghe. Dòng sai được nêu riêng trong `bad`, không cản dòng khác.",
        problems=("bad-request", "body-too-large"),
    ),
    "tell_in_own_words": Door(
        audience="post", roles=("post",),
        vi="Báo sự kiện theo mẫu riêng của bưu chính",
        told_vi="Nội dung đúng như hệ thống của bưu chính gửi: `{ID, Events: [{EventCd, EventNm, EventDT}]}`, một bưu "
        "gửi hoặc danh sách; tên trường theo tệp khai của bưu chính ấy. Lời chưa rõ nghĩa vẫn được giữ và được báo.",
        problems=("bad-request", "body-too-large", "not-found"),
    ),
    "list_words": Door(
        audience="post", roles=("post", "operator"),
        vi="Lời của bưu chính nghĩa là gì",
        told_vi="Các lời chưa rõ nghĩa, hay gặp nhất trước; `all=true`: cả lời đã rõ. Khi nghĩa được khai, mọi sự kiện "
        "đã báo bằng lời ấy tính vào trạng thái.",
    ),
}  # fmt: skip

HANDLINGS_MEANINGS: dict[str, Words] = {
    "HandlingSaid.item": ("số hiệu bưu gửi", "the item's number"),
    "HandlingSaid.at": (
        "thời điểm (RFC 3339); không ghi múi giờ thì là giờ Việt Nam",
        "when (RFC 3339); without an offset Vietnam's time",
    ),
    "HandlingSaid.code": ("mã EMSEVT (EMA, EMI, …)", "the EMSEVT code"),
    "HandlingSaid.word": ("lời của bưu chính", "the carrier's own word"),
    "HandlingSaid.office": ("bưu cục", "the carrier's office"),
    "HandlingSaid.place": ("địa điểm", "the place"),
    "HandlingsSaid.handlings": ("các sự kiện", "the events"),
    "HandlingsSaid.carrier": (
        "bưu chính nào, khi tài khoản thay nhiều bưu chính",
        "which carrier, for who has several",
    ),
    "BadHandling.number": ("thứ tự trong các sự kiện đã gửi, từ 1", "its place in what was sent, from 1"),
    "BadHandling.field": ("trường sai", "the field that is wrong"),
    "BadHandling.value": ("giá trị đã gửi", "what stood there"),
    "BadHandling.message": ("sửa thế nào", "the remedy"),
    "HandlingsHeard.kept": ("số sự kiện mới được giữ", "how many events were kept"),
    "HandlingsHeard.known_before": ("số sự kiện đã có từ trước", "how many were known before"),
    "HandlingsHeard.unknown_words": ("lời chưa rõ nghĩa", "words that nobody knows yet"),
    "HandlingsHeard.items": ("số bưu gửi được nói tới", "how many items they were about"),
    "HandlingsHeard.bad": ("sự kiện không giữ được", "events that were not kept"),
    "CarrierWordShown.word": ("lời của bưu chính", "the carrier's own word"),
    "CarrierWordShown.code": ("mã mà lời ấy chỉ, rỗng khi chưa rõ", "what it stands for, empty while nobody knows"),
    "CarrierWordShown.times": ("đã gặp mấy lần", "how often it was told"),
    "CarrierWordShown.first_at": ("gặp lần đầu lúc nào", "when it was first told"),
    "CarrierWordShown.last_at": ("gặp lần cuối lúc nào", "when it was last told"),
    "CarrierWordShown.item": ("bưu gửi gần nhất", "the last item it was told of"),
}
