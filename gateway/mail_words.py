"""The words of the mails that tell of a dossier, in Vietnamese and English; none of them is about a person."""

from __future__ import annotations

from typing import Final

from schemas.receipt_paper import Words

# What a fact means to whoever follows the dossier: a few words for the subject, and what there is to do.
FACTS: Final[dict[str, tuple[Words, Words]]] = {
    "accepted": (
        Words("đã tiếp nhận", "accepted"),
        Words("Cổng đã tiếp nhận hồ sơ. Không cần làm gì thêm.", "The dossier was accepted. Nothing need be done."),
    ),
    "refused": (
        Words("không được tiếp nhận", "not accepted"),
        Words(
            "Hồ sơ không được tiếp nhận. Hãy xem các lỗi tại cổng, sửa, ký lại rồi nộp lại.",
            "The dossier was not accepted. See at the gateway what is wrong, mend it, sign and submit again.",
        ),
    ),
    "supplement-requested": (
        Words("cần bổ sung", "a supplement is needed"),
        Words(
            "Cơ quan giải quyết yêu cầu bổ sung. Hãy xem danh mục tại cổng rồi gửi bổ sung; thời hạn tạm dừng cho tới "
            "khi nhận được.",
            "The office asks for a supplement. See the list at the gateway and send it; until then the clock stands.",
        ),
    ),
    "supplement-received": (
        Words("đã nhận bổ sung, hạn mới", "supplement received, new due date"),
        Words(
            "Cổng đã nhận phần bổ sung; thời hạn tính tiếp và hạn trả kết quả là hạn dưới đây.",
            "The supplement was received; the clock runs again, and the due date is the one below.",
        ),
    ),
    "fee-requested": (
        Words("cần nộp khoản phải nộp", "a fee is asked for"),
        Words(
            "Cơ quan giải quyết thông báo khoản phải nộp. Hãy xem chi tiết tại cổng.",
            "The office asks for a fee. See the gateway for it.",
        ),
    ),
    "transferred": (
        Words("đã chuyển cơ quan khác", "handed to another office"),
        Words(
            "Hồ sơ đã được chuyển sang cơ quan khác giải quyết; thời điểm nhận không đổi.",
            "Another office has the dossier now; its time of receipt stands.",
        ),
    ),
    "re-appointed": (
        Words("hẹn lại ngày trả kết quả", "a new due date"),
        Words(
            "Cơ quan giải quyết xin lỗi vì chưa xong đúng hạn và hẹn ngày dưới đây.",
            "The office apologises for being late, and names the date below.",
        ),
    ),
    "due-soon": (
        Words("sắp đến hạn trả kết quả", "due soon"),
        Words("Hạn trả kết quả sắp đến. Không cần làm gì.", "The result is due soon. Nothing need be done."),
    ),
    "due-now": (
        Words("đến hạn trả kết quả", "due now"),
        Words("Đã đến hạn trả kết quả.", "The result is due now."),
    ),
    "overdue": (
        Words("quá hạn", "overdue"),
        Words(
            "Đã quá hạn trả kết quả mà hồ sơ chưa giải quyết xong. Có thể hỏi cơ quan giải quyết, nêu số biên nhận.",
            "The due date has passed. The office may be asked; quote the receipt number.",
        ),
    ),
    "finished": (
        Words("đã giải quyết xong", "finished"),
        Words(
            "Hồ sơ đã giải quyết xong. Nếu có kết quả điện tử, hãy lấy tại cổng.",
            "The dossier is finished. If there is an electronic result, fetch it from the gateway.",
        ),
    ),
    "returned": (
        Words("đã trả kết quả", "the result was returned"),
        Words("Kết quả đã được trả.", "The result was returned."),
    ),
    "declined": (
        Words("cơ quan từ chối giải quyết", "declined by the office"),
        Words(
            "Cơ quan giải quyết từ chối hồ sơ. Hãy xem lý do tại cổng.",
            "The office declined the dossier. See the gateway for the reason.",
        ),
    ),
    "stopped": (
        Words("đã dừng giải quyết", "stopped"),
        Words(
            "Cơ quan đã dừng giải quyết hồ sơ. Hãy xem lý do tại cổng.",
            "The office has stopped work on the dossier. See the gateway for the reason.",
        ),
    ),
    "withdrawn": (
        Words("đã rút", "withdrawn"),
        Words("Hồ sơ đã được rút.", "The dossier was withdrawn."),
    ),
    "reopened": (
        Words("được giải quyết tiếp", "reopened"),
        Words("Cơ quan giải quyết tiếp hồ sơ.", "The office goes on with the dossier."),
    ),
}
MAIL_TYPES: Final = frozenset(FACTS)
# What is mailed unless others are asked for: what the employer must act on, moves of the due date, and the end.
MAIL_TYPES_DEFAULT: Final = (
    "supplement-requested", "supplement-received", "fee-requested", "re-appointed", "overdue", "finished", "returned",
    "declined", "stopped",
)  # fmt: skip

RECEIPT_NUMBER: Final = Words("Số biên nhận", "Receipt number")
PROCEDURE: Final = Words("Thủ tục", "Procedure")
UNIT: Final = Words("Mã đơn vị", "Unit code")
OFFICE: Final = Words("Cơ quan giải quyết", "Office")
AT: Final = Words("Thời điểm", "At")
STATE: Final = Words("Trạng thái", "State")
DUE: Final = Words("Hạn trả kết quả", "Result due by")

SUBJECT: Final = Words("Hồ sơ {number}: {told}", "{told}")
DIGEST_SUBJECT: Final = Words("{count} tin mới về hồ sơ bảo hiểm xã hội", "{count} facts about your dossiers")
DIGEST_HEAD: Final = Words("Từ lần báo trước có {count} tin:", "Since the last mail, {count} facts:")
TRIAL_SUBJECT: Final = Words("Thư thử của cổng tiếp nhận hồ sơ", "A mail of trial from the intake gateway")
TRIAL: Final = Words(
    "Đây là thư thử do tài khoản đăng ký yêu cầu. Thư đã đến nơi; không cần làm gì.",
    "This mail of trial was asked for by the client that subscribed. It arrived; nothing need be done.",
)
CONFIRM_SUBJECT: Final = Words("Mã xác nhận nhận thư: {code}", "Code to confirm this address: {code}")
CONFIRM: Final = Words(
    "Có tài khoản của cổng tiếp nhận hồ sơ bảo hiểm xã hội muốn gửi tin về hồ sơ tới địa chỉ này. Nếu đúng là bạn muốn "
    "nhận, hãy nhập mã {code} vào phần mềm đã đăng ký, trong {hours} giờ. Nếu không, hãy bỏ qua: sẽ không có thư nào "
    "nữa.",
    "A client of the intake gateway for social-insurance dossiers wants to send news of dossiers to this address. If "
    "you want them, type the code {code} into the software that subscribed, within {hours} hours. If not, do nothing: "
    "there will be no further mail.",
)
FOOT: Final = Words(
    "Thư tự động, xin đừng trả lời. Thư không nêu tên người nào và không kèm tệp. Nội dung hồ sơ chỉ xem tại cổng: "
    "{url}. Tra cứu bằng số biên nhận và mã tra cứu: {url}/track",
    "Sent automatically; please do not answer. No person is named here, and nothing is attached. The dossier itself is "
    "seen at the gateway alone.",
)
