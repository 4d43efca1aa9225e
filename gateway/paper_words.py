"""The words of the printable receipt, in Vietnamese and English."""

from __future__ import annotations

from typing import Final

from schemas.receipt_paper import Words

TITLE_RECEIVED: Final = Words("THÔNG BÁO TIẾP NHẬN HỒ SƠ", "Notice of receipt of a dossier")
# Accepted, with a due date: the one-stop form's own title.
TITLE_APPOINTED: Final = Words(
    "GIẤY TIẾP NHẬN HỒ SƠ VÀ HẸN TRẢ KẾT QUẢ", "Receipt of a dossier, and the date of its result"
)
TITLE_REFUSED: Final = Words("THÔNG BÁO KHÔNG TIẾP NHẬN HỒ SƠ", "Notice: a dossier was not accepted")
ISSUER: Final = Words("Cổng tiếp nhận hồ sơ bảo hiểm xã hội", "Intake gateway for social-insurance dossiers")

ACCEPTED: Final = Words("ĐÃ TIẾP NHẬN", "Accepted")
PENDING: Final = Words(
    "ĐÃ NHẬN, ĐANG CHỜ KIỂM TRA CHỮ KÝ", "Received; the examination of its signatures is not finished"
)
REFUSED: Final = Words("KHÔNG TIẾP NHẬN", "Not accepted")

NOT_A_DECISION: Final = Words(
    "Hồ sơ đủ thành phần, đúng mẫu, chữ ký số hợp lệ. Tiếp nhận chưa phải là giải quyết.",
    "The dossier is complete and its signatures hold. To accept it is not to decide on it.",
)
# Of paper: it is signed by hand, which nobody examines here.
BY_HAND: Final = Words(
    "Hồ sơ giấy: dữ liệu đủ thành phần, đúng mẫu; chữ ký tay, không xét. Tiếp nhận chưa phải là giải quyết.",
    "A paper dossier: its data is complete and well-formed; handwritten signature, not judged. To accept it is not to "
    "decide on it.",
)
WAITING: Final = Words(
    "Mọi điều khác đều đạt; dữ liệu thu hồi chứng thư số chưa có. Thời điểm nhận dưới đây được giữ; không cần nộp lại. "
    "Kết luận sẽ được thông báo riêng và nêu số biên nhận này.",
    "All else is good; revocation data is awaited. The time of receipt below stands, and nothing need be sent again. "
    "The judgement will be a document of its own that names this receipt.",
)
JUDGED_GOOD: Final = Words(
    "Hồ sơ nhận từ thời điểm dưới đây, nay đã kiểm tra xong chữ ký. Tiếp nhận chưa phải là giải quyết.",
    "Received at the time below; its signatures have now been examined. To accept it is not to decide on it.",
)
JUDGED_BAD: Final = Words(
    "Hồ sơ đã nhận và được lưu, nhưng chữ ký số không hợp lệ khi có đủ dữ liệu để kiểm tra. "
    "Hãy sửa các lỗi dưới đây, ký lại rồi nộp lại.",
    "The dossier was received and is kept, but its signatures did not hold once they could be examined. "
    "Put the errors below right, sign again and submit again.",
)
NOT_KEPT: Final = Words(
    "Nội dung đã gửi không được lưu; thông báo này cho biết đã đến lúc nào và sai ở đâu. "
    "Hãy sửa mọi lỗi dưới đây, ký lại rồi nộp lại.",
    "The bytes were not kept; this notice tells when they came and what was wrong with them. "
    "Put every error below right, sign again and submit again.",
)
# Why it was refused, by the code of the refusal.
WHY: Final = {
    "malformed": Words("Lý do: không đọc được XML.", "Reason: the XML cannot be read."),
    "signature-refused": Words("Lý do: có chữ ký số không được chấp nhận.", "Reason: a signature was refused."),
    "findings": Words("Lý do: nội dung hồ sơ có lỗi.", "Reason: the content has errors."),
    "not-your-unit": Words(
        "Lý do: tài khoản nộp không được nộp thay đơn vị này.", "Reason: the client does not speak for that unit."
    ),
}

NUMBER: Final = Words("Số biên nhận", "Receipt number")
NOTICE_NUMBER: Final = Words("Số thông báo", "Notice number")
RECEIVED_AT: Final = Words("Thời điểm nhận", "Received at")
COUNTS_FROM: Final = Words("Tính là nhận từ", "Counts as received at")
BASIS: Final = {"posted": Words("lúc gửi bưu điện", "when posted"), "arrived": Words("lúc bưu gửi đến", "on arrival")}
ITEM: Final = Words("Bưu gửi, số trang quét", "Postal item, pages scanned")
HALF: Final = Words("Phần này của hồ sơ", "This half of the dossier")
HALVES: Final = {
    "paper": Words("bản giấy; bản điện tử được nhận riêng", "paper; the electronic half is received by itself"),
    "electronic": Words("bản điện tử; bản giấy được nhận riêng", "electronic; the paper half is received by itself"),
}
PROCEDURE: Final = Words("Thủ tục", "Procedure")
UNIT: Final = Words("Đơn vị", "Employer unit")
SAID_UNIT: Final = Words("Đơn vị (theo hồ sơ)", "Employer unit, as the dossier says")
UNIT_CODES: Final = Words("Mã đơn vị {unit} · Mã số thuế {tax_code}", "unit code · tax code")
FIRST_UNIT: Final = Words("Chưa có mã đơn vị · Mã số thuế {tax_code}", "no unit code yet · tax code")
PERIOD: Final = Words("Kỳ kê khai, đợt", "Period, filing")
FILING: Final = "{period}, đợt {batch}"
SIGNER: Final = Words("Người ký hồ sơ", "Signer")
SUBMITTER: Final = Words("Tài khoản nộp", "Submitted by client")
OFFICE: Final = Words("Cơ quan giải quyết", "Competent office")
DUE: Final = Words("Hạn trả kết quả", "Result due by")
TRACKING: Final = Words("Mã tra cứu", "Tracking code")
TRACK_AT: Final = Words("nhập cùng số biên nhận tại {url}/track", "type it with the number there")
CONTENT: Final = Words("SHA-256 của hồ sơ", "SHA-256 of the dossier")
STATEMENT: Final = Words("SHA-256 của biên nhận", "SHA-256 of the receipt (JWS)")
NOTICE_STATEMENT: Final = Words("SHA-256 của thông báo", "SHA-256 of the notice (JWS)")
SEALED_BY: Final = Words("khoá ký của cổng: {kid}", "the gateway's key")
JUDGEMENT: Final = Words("Kết luận", "Judgement")
JUDGED: Final = "Số {number}, {at}"
LOG: Final = Words("Nhật ký minh bạch", "Transparency log")
LOG_BY: Final = Words("ghi vào chậm nhất {at}", "logged at the latest")
DOSSIER: Final = Words("Mã hồ sơ tại cổng", "Dossier id")

FILES: Final = Words("Các tệp trong hồ sơ ({count})", "Files")
FILES_HEADS: Final = (
    Words("Số", "No."),
    Words("Tệp", "File"),
    Words("Mẫu", "Form"),
    Words("Byte", "Bytes"),
    Words("SHA-256", ""),
)
FILES_MORE: Final = Words("… và {more} tệp khác.", "… and {more} more.")
FINDINGS: Final = Words("Các lỗi và lưu ý ({count})", "Findings")
FINDINGS_MORE: Final = Words(
    "… và {more} điều khác: xem đủ tại cổng, hồ sơ {dossier}.", "… and {more} more: the gateway has them all."
)
SIGNATURE_HEAD: Final = "CHỮ KÝ SỐ [{code}]"
SIGNATURE_FIX: Final = Words("Sửa điều đó rồi ký lại.", "Put that right, then sign again.")

CHECKING: Final = Words("Cách kiểm tra thông báo này", "How to check this notice")
STEPS: Final = (
    Words(
        "Quét mã vuông: cổng cho biết thông báo này có thật không, ghi những gì, và hồ sơ đang ở đâu.",
        "Scan the code: the gateway tells whether this notice is genuine, what it says and where the dossier stands.",
    ),
    Words(
        "So SHA-256 của tệp đã nộp với giá trị ghi trên đây: giống nhau thì đúng là tệp ấy.",
        "Compare the SHA-256 of the file that was sent with the one above.",
    ),
    Words(
        "Bản điện tử (JWS) mang chữ ký số của cổng và là bản chính; kiểm không cần mạng bằng lệnh “motcua verify”, với "
        "khoá công khai tại {url}/v1/keys. Bản in này được lập tự động từ bản ấy, một lần.",
        "The electronic receipt (JWS), signed by the gateway, is the original; this print was made from it, once.",
    ),
)
CODE_TOLD: Final = "Mã QR: địa chỉ để kiểm tra số {number}, và SHA-256 của bản điện tử."

# Where a dossier stands, for people; the codes are those of `states.State`.
STATES: Final = {
    "pending": Words("đã nhận, đang chờ kiểm tra chữ ký", "received, its signatures not yet examined"),
    "accepted": Words("đã tiếp nhận", "accepted"),
    "refused": Words("không tiếp nhận", "not accepted"),
    "awaiting-paper": Words("đang chờ bản giấy", "the paper is awaited"),
    "acknowledged": Words("cơ quan giải quyết đã nhận hồ sơ", "the competent office has it"),
    "in-work": Words("đang giải quyết", "in work"),
    "supplement-requested": Words("đang chờ bổ sung", "a supplement was requested"),
    "stopped": Words("đã dừng", "stopped"),
    "withdrawn": Words("đã rút", "withdrawn"),
    "declined": Words("cơ quan từ chối giải quyết", "declined by the office"),
    "finished": Words("đã giải quyết xong", "finished"),
    "returned": Words("đã trả kết quả", "the result was returned"),
}
