"""What is said to people of a postal item: its state, its events, and what is to be done next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from storage.items import Item

Words = tuple[str, str]

STATES: Final[dict[str, Words]] = {
    "bound": ("Đã gắn số, chưa gửi", "numbered, not posted yet"),
    "posted": ("Bưu chính đã nhận gửi", "posted"),
    "on-the-way": ("Đang vận chuyển", "on its way"),
    "at-office": ("Đã tới bưu cục phát", "at the delivery office"),
    "attempted": ("Đang phát, hoặc phát chưa được", "out for delivery, or not delivered yet"),
    "delivered": ("Đã phát", "delivered"),
    "returning": ("Đang chuyển hoàn", "on its way back to the sender"),
    "returned": ("Đã hoàn trả người gửi", "returned to the sender"),
    "lost": ("Thất lạc", "lost"),
}
# EMSEVT (UPU M17, M40), and three of ours, for which it has none.
EVENTS: Final[dict[str, Words]] = {
    "EMA": ("Chấp nhận gửi", "posting / collection"),
    "EMB": ("Đến bưu cục ngoại dịch chiều đi", "arrival at outward office of exchange"),
    "EMC": ("Rời bưu cục ngoại dịch chiều đi", "departure from outward office of exchange"),
    "EMD": ("Đến bưu cục ngoại dịch chiều đến", "arrival at inward office of exchange"),
    "EME": ("Hải quan giữ", "held by customs"),
    "EMF": ("Rời bưu cục ngoại dịch chiều đến", "departure from inward office of exchange"),
    "EMG": ("Đến bưu cục phát", "arrival at delivery office"),
    "EMH": ("Phát không thành công", "attempted / unsuccessful delivery"),
    "EMI": ("Phát thành công", "final delivery"),
    "EMJ": ("Đến bưu cục ngoại dịch quá giang", "arrival at transit office of exchange"),
    "EMK": ("Rời bưu cục ngoại dịch quá giang", "departure from transit office of exchange"),
    "EDA": ("Giữ tại bưu cục ngoại dịch chiều đến", "held at inward office of exchange"),
    "EDB": ("Trình hải quan", "presented to customs"),
    "EDC": ("Hải quan trả lại", "returned from customs"),
    "EDD": ("Đến trung tâm khai thác", "into sorting centre"),
    "EDE": ("Rời trung tâm khai thác", "out of sorting centre"),
    "EDF": ("Lưu tại bưu cục phát", "held at delivery depot"),
    "EDG": ("Đang đi phát", "out for delivery"),
    "EDH": ("Đến điểm nhận", "arrival at collection point"),
    "EDX": ("Chấm dứt nhập khẩu", "import terminated"),
    "EXA": ("Trình hải quan chiều đi", "presented to export customs"),
    "EXB": ("Hải quan chiều đi giữ", "held by export customs"),
    "EXC": ("Hải quan chiều đi trả lại", "returned from export customs"),
    "EXD": ("Giữ tại bưu cục ngoại dịch chiều đi", "held at outward office of exchange"),
    "EXX": ("Chấm dứt xuất khẩu", "export terminated"),
    "returning": ("Bắt đầu chuyển hoàn", "begins to be returned"),
    "returned": ("Đã phát hoàn", "returned to sender"),
    "lost": ("Báo thất lạc", "reported lost"),
}
UNKNOWN_EVENT: Final = ("Chưa rõ nghĩa", "not known")

_IN: Final[dict[str, Words]] = {
    "bound": ("Gửi bưu gửi đi, hoặc yêu cầu bưu chính đến lấy.", "Post it, or order it fetched."),
    "posted": ("Chờ bưu chính phát.", "Wait for the carrier to deliver it."),
    "on-the-way": ("Chờ bưu chính phát.", "Wait for the carrier to deliver it."),
    "at-office": ("Chờ bưu tá phát.", "Wait for the postman."),
    "attempted": (
        "Cơ quan nhận liên hệ bưu cục để nhận.",
        "The office it is addressed to should get in touch with the post office.",
    ),
    "delivered": ("Văn thư mở, kiểm đếm và quét.", "The mail room opens, counts and scans it."),
    "returning": ("Xem lại địa chỉ; chuẩn bị gửi lại bằng số mới.", "Check the address; prepare to send it again."),
    "returned": ("Gửi lại bằng số mới và gắn số đó.", "Send it again under a new number, and bind that."),
    "lost": (
        "Yêu cầu bưu chính điều tra; gửi lại bằng số mới và gắn số đó.",
        "Claim it from the carrier; send it again under a new number, and bind that.",
    ),
}
_OUT: Final[dict[str, Words]] = _IN | {
    "bound": ("Giao bưu gửi cho bưu chính.", "Hand it to the carrier."),
    "attempted": ("Đơn vị liên hệ bưu cục để nhận.", "The unit should get in touch with the post office."),
    "delivered": ("Đã xong; nếu có mẫu 05 thì chờ mẫu về.", "Done; if form 05 is in it, wait for that to come back."),
    "returned": ("Hỏi lại địa chỉ, gửi lại hoặc giữ để đến nhận.", "Ask for the address, send again or keep it."),
    "lost": ("Yêu cầu bưu chính điều tra; báo cho đơn vị.", "Claim it from the carrier; tell the unit."),
}


def next_step(item: Item, *, is_opened: bool) -> Words:
    """What is to be done next with an item, in Vietnamese and English."""
    if item.questioned:
        return (
            "Đọc lại số trên nhãn rồi gửi lại: đúng thì confirmed=true, sai thì số đúng với corrects.",
            "Read the label again: if it is right send confirmed=true, else the right number with corrects.",
        )
    if item.direction == "in" and is_opened:
        return ("Đã mở; xem hồ sơ.", "It is opened; see its dossiers.")
    return (_IN if item.direction == "in" else _OUT).get(item.state, ("", ""))
