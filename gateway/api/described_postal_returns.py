"""The doors to what goes back by post, and to the same case twice, as they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_shapes import Door, Said, bytes_of

if TYPE_CHECKING:
    from gateway.api.described_shapes import Words
    from gateway.callers import Role

_OFFICE: tuple[Role, ...] = ("office", "operator")
_PARTIES: tuple[Role, ...] = ("employer", "ivan", "office", "operator")
_PDF = "application/pdf"
_CSV = "text/csv"
_KEY = ("Idempotency-Key",)
_SENT = Said(words=("Bưu gửi trả", "the outbound item"), schema="ReturnShown")


def _printed(vi: str, en: str, media_type: str = _PDF) -> dict[int, Said]:
    return {
        200: Said(words=(vi, en), schema=bytes_of(media_type), media_type=media_type, headers=("Cache-Control",)),
    }


POSTAL_RETURN_DOORS: dict[str, Door] = {
    "send_return": Door(
        audience="office", roles=("office",), parameters=_KEY,
        vi="Gửi trả kết quả, bản chính qua bưu chính",
        told_vi="Bưu gửi gồm những gì, của hồ sơ nào: sổ, thẻ, tờ rời, quyết định, đếm theo loại; bản chính ghi mã. Số "
        "hiệu tự ghi, hoặc `pool`: lấy số tiếp theo trong kho của bưu chính. Không ghi địa chỉ thì gửi về nơi đã nêu "
        "khi báo trước. Bưu chính báo phát thì hồ sơ có sự kiện, bản chính thành đã trả.",
        answers={200: _SENT},
        problems=("not-found", "return-unfit", "original-elsewhere", "key-reused"),
    ),
    "list_returns": Door(
        audience="office", roles=_OFFICE,
        vi="Các bưu gửi trả",
        told_vi="Theo số hiệu; lọc theo cơ quan và trạng thái; trang sau hỏi bằng `after=next`.",
    ),
    "show_return": Door(
        audience="office", roles=_OFFICE, problems=("not-found",),
        vi="Một bưu gửi trả",
        told_vi="Trong có gì, bưu chính báo gì, mẫu 05 đã thu hồi chưa.",
    ),
    "decide_return": Door(
        audience="office", roles=("office",), parameters=_KEY,
        vi="Quyết định về bưu gửi không phát được",
        told_vi="`send-again`: gửi lại đúng các giấy tờ ấy bằng số khác, có thể tới địa chỉ khác; `keep`: giữ tại cơ "
        "quan để đến nhận.",
        answers={200: _SENT},
        problems=("not-found", "return-settled", "return-unfit", "original-elsewhere", "key-reused"),
    ),
    "enter_form_05": Door(
        audience="office", roles=("office",),
        vi="Mẫu 05 đã thu hồi",
        told_vi="Phiếu có chữ ký người nhận đã về. Ghi một lần; ghi lại thì lần đầu vẫn đứng.",
        problems=("not-found", "return-unfit"),
    ),
    "show_return_slip": Door(
        audience="office", roles=_OFFICE,
        vi="Phiếu đi kèm bưu gửi để in",
        told_vi="PDF/A: `hand-over` bàn giao cho bưu chính, `receipt` biên nhận của người nhận, `form-05` phiếu hồi "
        "báo (lập theo mô tả, chưa được xác nhận là mẫu 05). Lập mới mỗi lần hỏi.",
        answers=_printed("Phiếu", "the slip"),
        problems=("not-found", "too-long-for-pdf"),
    ),
    "list_originals": Door(
        audience="office", roles=_OFFICE,
        vi="Bản chính chưa trả",
        told_vi="Đang giữ, hoặc đã gửi mà chưa biết đã phát; cũ nhất trước; `older_days`: giữ từ bao nhiêu ngày.",
    ),
    "list_originals_csv": Door(
        audience="office", roles=_OFFICE,
        vi="Bản chính chưa trả, CSV",
        told_vi="Cùng danh sách, UTF-8, mở được bằng bảng tính.",
        answers=_printed("Danh sách, CSV", "the list, CSV", _CSV),
    ),
    "list_originals_pdf": Door(
        audience="office", roles=_OFFICE,
        vi="Bản chính chưa trả, để in",
        told_vi="Cùng danh sách, PDF/A, nhiều nhất một nghìn dòng.",
        answers=_printed("Danh sách, PDF/A", "the list, PDF/A"),
        problems=("too-long-for-pdf",),
    ),
    "tell_custody": Door(
        audience="office", roles=("office",), parameters=_KEY,
        vi="Ai đang giữ bản chính",
        told_vi="`filed` xếp vào hồ sơ, `moved` chuyển người hoặc cơ quan giữ, `handed-over` giao tận tay, `lost` mất "
        "(phải có lý do), `found` tìm thấy. Chỉ ghi thêm, không sửa.",
        answers={200: Said(words=("Bản chính và dấu vết", "the original and its custody"), schema="OriginalTraced")},
        problems=("not-found", "return-unfit", "original-elsewhere", "key-reused"),
    ),
    "list_dossier_originals": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Bản chính của một hồ sơ",
        told_vi="Từng bản chính đã đến: đang ở đâu, ai giữ từ bao giờ, trả trong bưu gửi nào.",
    ),
    "show_same_case": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Một hồ sơ nộp hai lần?",
        told_vi="Bản giấy và bản điện tử của cùng một lần kê khai, tìm theo đơn vị, thủ tục, kỳ và nội dung tờ khai. "
        "Chỉ nêu, không bao giờ tự gộp.",
    ),
    "decide_same_case": Door(
        audience="office", roles=("office",), parameters=_KEY,
        vi="Kết luận trùng hay không",
        told_vi="`same` hoặc `different`, có lý do; cả hai hồ sơ đều ghi sự kiện. Kết luận sau thay kết luận trước.",
        answers={200: Said(words=("Đã ghi", "written"), schema="CaseDecision")},
        problems=("not-found", "key-reused"),
    ),
}  # fmt: skip

POSTAL_RETURN_MEANINGS: dict[str, Words] = {
    "original": ("mã bản chính", "the original's id"),
    "ReturnShown.item": ("số hiệu bưu gửi", "the item's number"),
    "ReturnShown.state": (
        "sent đã gửi, delivered đã phát, undelivered không phát được, sent-again gửi lại, kept giữ chờ nhận",
        "sent, delivered, undelivered, sent-again, kept",
    ),
    "ReturnShown.item_state": ("bưu chính báo", "where the carrier says it is"),
    "ReturnShown.form_05": ("mẫu 05: awaited chờ, returned đã về, not-asked không cần", "awaited, returned, not-asked"),
    "ReturnShown.next_item": ("gửi lại trong bưu gửi này", "the item in which it was sent again"),
    "OriginalTraced.days": ("đã giữ bao nhiêu ngày", "for how many days it was kept"),
    "OriginalKept.days": ("đã giữ bao nhiêu ngày", "for how many days it is kept"),
    "CaseShown.why": (
        "content: cùng nội dung; rows: phần lớn cùng nội dung; batch: cùng đợt",
        "content: the same content; rows: much of it; batch: one filing of the period",
    ),
    "CaseShown.decision": ("same, different; trống: chưa ai kết luận", "same, different; empty: nobody has decided"),
}
