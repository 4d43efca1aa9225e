"""The words of the papers that go with results and originals on their way back, in Vietnamese and English."""

from __future__ import annotations

from typing import Final

from schemas.receipt_paper import Words

HAND_OVER, RECEIPT, FORM_05 = "hand-over", "receipt", "form-05"
TITLES: Final = {
    HAND_OVER: Words("PHIẾU BÀN GIAO KẾT QUẢ CHO BƯU CHÍNH", "Results and originals handed over to the carrier"),
    RECEIPT: Words("PHIẾU BIÊN NHẬN KẾT QUẢ", "Receipt for results and originals"),
    FORM_05: Words("PHIẾU HỒI BÁO (THEO MẪU 05)", "Return slip, signed at delivery"),
}
SUBJECT: Final = Words("Bưu gửi số {item}", "item {item}")
TO: Final = Words("Người nhận:", "To")
ITEM: Final = Words("Số hiệu bưu gửi", "Item number")
CARRIER: Final = Words("Bưu chính", "Carrier")
MANIFEST: Final = Words("Số bản kê", "Manifest number")
UNIT: Final = Words("Mã đơn vị", "Unit code")
DOSSIERS: Final = Words("Hồ sơ (số biên nhận)", "Dossiers (receipt numbers)")
MADE_AT: Final = Words("Lập lúc", "Made at")
FORM_05_ASKED: Final = Words("Thu hồi mẫu 05", "Form 05 to be returned")
YES: Final = "có"
TOTAL: Final = Words("Tổng số: {counts}.", "In all: {counts}.")
HEADS: Final = (
    Words("Số", "No."),
    Words("Loại, số lượng", "What, how many"),
    Words("Của hồ sơ, số", "Of dossier, number"),
)
RESULT_NUMBER: Final = "kết quả số {number}"
ORIGINAL: Final = "bản chính {id}"
PHONE: Final = "Điện thoại: {phone}"

OPENING: Final = {
    HAND_OVER: Words(
        "{office} bàn giao cho bưu chính bưu gửi nêu trên, trong có các giấy tờ sau đây, để phát tận tay người nhận:",
        "The office hands the item over to the carrier, with what is listed here, to be delivered to the receiver.",
    ),
    RECEIPT: Words(
        "Người nhận đã mở bưu gửi, kiểm đếm và nhận đủ các giấy tờ sau đây do {office} trả:",
        "The receiver has opened the item, counted, and received from the office what is listed here.",
    ),
    FORM_05: Words(
        "PHÁT ĐỒNG KIỂM, THU HỒI MẪU 05. Người nhận kiểm đếm trước mặt bưu tá, ký phiếu này; bưu tá thu hồi phiếu và "
        "trả về {office}:",
        "Opened and counted at delivery. The receiver signs; the carrier brings this slip back to the office.",
    ),
}
# Nobody has shown us the form itself: whoever knows it has to say whether this one serves.
FORM_05_UNCONFIRMED: Final = Words(
    "Mẫu này lập theo mô tả, chưa được cơ quan bảo hiểm xã hội xác nhận đúng “mẫu 05”.",
    "Laid out from a description; the agency has not confirmed that this is its form 05.",
)
DIFFERENCE: Final = Words(
    "Nếu thiếu, thừa hoặc hư hỏng, ghi rõ tại đây: ………………………………………………………………………………",
    "What is short, surplus or damaged is to be written here.",
)
GIVER: Final = Words("BÊN GIAO (CƠ QUAN)", "Handed over by the office")
RECEIVER: Final = Words("NGƯỜI NHẬN", "Receiver")
OTHER_SIDE: Final = {
    HAND_OVER: Words("BÊN NHẬN (BƯU CHÍNH)", "Taken over by the carrier"),
    RECEIPT: Words("NGƯỜI PHÁT (BƯU CHÍNH)", "Delivered by the carrier"),
    FORM_05: Words("BƯU TÁ", "Delivered by"),
}
NAME_LINE: Final = Words("Họ tên: ……………………………………")
TIME_LINE: Final = Words("Lúc: …… giờ ……, ngày …… / …… / 20……")
SIGN_LINE: Final = Words("Chữ ký: ……………………………………")
SIGN_NOTE: Final = Words("(ký, ghi rõ họ tên)", "(signature, name in full)")
CHECKING: Final = Words("Đối chiếu khi giao, nhận", "How to check it")
STEPS: Final = (
    Words(
        "Số hiệu trên phiếu, trên bưu gửi và trong mã vuông phải là một.",
        "The number on this paper, on the item and in the square code must be one.",
    ),
    Words(
        "Đếm từng loại giấy tờ theo bảng trên; chỉ ký khi đủ, hoặc đã ghi phần khác nhau.",
        "Count each kind by the table above; sign when all is there, or the difference is written down.",
    ),
)
CODE_TOLD: Final = "Mã QR: số hiệu bưu gửi {item}."

ORIGINALS: Final = Words("DANH SÁCH BẢN CHÍNH CHƯA TRẢ", "Originals that are not back with their owners")
ORIGINALS_UNDER: Final = Words("Giữ từ {days} ngày trở lên, lập lúc {at}", "kept for {days} days or more")
ORIGINALS_HEADS: Final = (
    Words("Số", "No."),
    Words("Nhận lúc", "Arrived"),
    Words("Ngày giữ", "Days"),
    Words("Loại, số lượng", "What, how many"),
    Words("Đơn vị", "Unit"),
    Words("Hồ sơ", "Dossier"),
    Words("Ai đang giữ", "Who has it"),
    Words("Tình trạng", "State"),
)
STATES: Final = {
    "held": Words("đang giữ", "held"),
    "sent": Words("đã gửi trả", "sent"),
    "returned": Words("đã trả", "returned"),
    "lost": Words("báo mất", "lost"),
}
ENDED: Final = "hồ sơ kết thúc {at}"
EMPTY: Final = Words("Không có bản chính nào.", "None.")
CUT: Final = Words(
    "Chỉ in {shown} dòng đầu trong {count}: lấy đủ bằng CSV.", "The first {shown} of {count} alone: the CSV has all."
)
