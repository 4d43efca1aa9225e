"""The words of the desk's papers, in Vietnamese and English."""

from __future__ import annotations

from typing import Final

from schemas.receipt_paper import Words

# The papers by the kind under which they are kept and asked for.
TITLES: Final = {
    "supplement-request": Words(
        "PHIẾU YÊU CẦU BỔ SUNG, HOÀN THIỆN HỒ SƠ", "Request to supplement and complete a dossier"
    ),
    "refusal": Words("PHIẾU TỪ CHỐI GIẢI QUYẾT HỒ SƠ", "Refusal to settle a dossier"),
    "apology": Words("PHIẾU XIN LỖI VÀ HẸN LẠI NGÀY TRẢ KẾT QUẢ", "Apology, and a new date for the result"),
    "control-sheet": Words(
        "PHIẾU KIỂM SOÁT QUÁ TRÌNH GIẢI QUYẾT HỒ SƠ", "Control sheet: how a dossier was settled, hand by hand"
    ),
}
REGISTER: Final = Words("SỔ THEO DÕI HỒ SƠ", "Register of dossiers")
REGISTER_ELSEWHERE: Final = Words(
    "SỔ THEO DÕI HỒ SƠ PHI ĐỊA GIỚI", "Register of non-territorial dossiers: received at one office, settled by another"
)
VSS: Final = "Bảo hiểm xã hội Việt Nam"

TO: Final = Words("Kính gửi:", "To")
NUMBER: Final = Words("Số biên nhận", "Receipt number")
NATIONAL_CODE: Final = Words("Mã hồ sơ quốc gia", "National code")
BHXH_NUMBER: Final = Words("Số hồ sơ của cơ quan", "The agency's number")
PROCEDURE: Final = Words("Thủ tục", "Procedure")
PERIOD: Final = Words("Kỳ kê khai, đợt", "Period, filing")
RECEIVED_AT: Final = Words("Nhận hồ sơ lúc", "Received at")
DUE_AT: Final = Words("Hẹn trả kết quả", "Result due by")
DUE_BEFORE: Final = Words("Đã hẹn trả kết quả", "Result was due by")
DUE_NEW: Final = Words("Hẹn lại ngày trả kết quả", "New date for the result")
DECIDED: Final = Words("Kết luận", "Decision")
DECIDED_AT: Final = Words("Thời điểm", "At")
OFFICE_SAYS: Final = Words("cơ quan ghi: {at}", "by the office's own clock")
UNTIL: Final = Words("Đề nghị bổ sung trước", "Supplement wanted by")
STATED: Final = Words("Báo cáo có chữ ký số", "Signed statement")
STATED_DIGEST: Final = Words("SHA-256 của báo cáo", "SHA-256 of the statement (JWS)")
SEALED_BY: Final = Words("khoá ký của cổng: {kid}", "the gateway's key")
UNIT: Final = Words("Đơn vị", "Employer unit")
UNIT_CODES: Final = "Mã đơn vị {unit} · Mã số thuế {tax_code}"
FIRST_UNIT: Final = "Chưa có mã đơn vị · Mã số thuế {tax_code}"
DUE_UNKNOWN: Final = "chưa ấn định"

SUBJECT: Final = Words("Về hồ sơ số {number}", "about dossier {number}")
DECLINED: Final = Words("Từ chối giải quyết (trạng thái quốc gia 3)", "declined (national state 3)")
STOPPED: Final = Words("Dừng giải quyết (trạng thái quốc gia 8)", "stopped (national state 8)")

SUPPLEMENT_OPENING: Final = Words(
    "{office} đã xem xét hồ sơ nêu trên và đề nghị Quý đơn vị bổ sung, hoàn thiện {count} nội dung sau đây, "
    "được nêu đủ trong một lần:",
    "The office has looked at the dossier and asks for all that is listed here, in one request.",
)
SUPPLEMENT_HEADS: Final = (
    Words("Số", "No."),
    Words("Nội dung cần bổ sung, hoàn thiện", "What is wanted"),
    Words("Lý do", "Why"),
)
SUPPLEMENT_NOTE: Final = Words("Cơ quan ghi thêm:", "The office adds:")
SUPPLEMENT_CLOCK: Final = Words(
    "Từ {at}, thời hạn giải quyết tạm dừng. Hẹn trả kết quả đang ghi là {due}; thời gian làm việc chờ bổ sung được "
    "cộng thêm khi cổng nhận được bản bổ sung.",
    "The clock stands still from then on. The working time until the supplement arrives is added to the due date.",
)
SUPPLEMENT_SECOND: Final = Words(
    "Đây là yêu cầu bổ sung lần thứ {count}. Theo quy tắc chấm điểm quốc gia, hồ sơ bị yêu cầu bổ sung quá một lần "
    "được tính là quá hạn; lỗi không thuộc về đơn vị.",
    "This is not the first request: by the national rule the dossier counts as overdue, which is not the unit's fault.",
)
SUPPLEMENT_HOW: Final = Words(
    "Gửi bản bổ sung đã ký số qua phần mềm kê khai hoặc tổ chức I-VAN, nêu hồ sơ {dossier}; không nộp lại thành hồ sơ "
    "mới. Bản bổ sung có biên nhận riêng.",
    "Send the supplement, signed, about this dossier, not as a new one; it gets a receipt of its own.",
)
REFUSAL_OPENING: Final = Words(
    "{office} đã xem xét hồ sơ nêu trên và thông báo không giải quyết hồ sơ này, với lý do:",
    "The office has looked at the dossier and does not settle it, for this reason:",
)
STOPPED_OPENING: Final = Words(
    "{office} thông báo dừng giải quyết hồ sơ nêu trên, với lý do:",
    "The office has stopped work on the dossier, for this reason:",
)
REFUSAL_CLOSING: Final = Words(
    "Hồ sơ đã nhận vẫn được lưu cùng biên nhận. Khi đã khắc phục lý do trên, Quý đơn vị có thể nộp hồ sơ mới; nếu "
    "không đồng ý, Quý đơn vị có quyền khiếu nại theo quy định của pháp luật.",
    "What was received is kept. A new dossier may be sent once the reason is removed; the law on complaints holds.",
)
APOLOGY_BEFORE: Final = Words(
    "{office} đang giải quyết hồ sơ nêu trên và sẽ không trả được kết quả đúng hẹn đã ghi trên biên nhận, với lý do:",
    "The office will not have the result by the date that the receipt named, for this reason:",
)
APOLOGY_AFTER: Final = Words(
    "{office} đang giải quyết hồ sơ nêu trên và đã không trả được kết quả đúng hẹn đã ghi trên biên nhận, với lý do:",
    "The office did not have the result by the date that the receipt named, for this reason:",
)
APOLOGY_CLOSING: Final = Words(
    "Sự chậm trễ này gây phiền hà và mất thời gian cho Quý đơn vị. Chúng tôi xin lỗi và hẹn trả kết quả lúc {due}. "
    "Việc hẹn lại chỉ được thực hiện một lần.",
    "We apologise for the trouble and the time that this takes, and name the date above, once.",
)
REASON_MISSING: Final = "(cơ quan không ghi lý do)"

RECIPIENTS: Final = Words("Nơi nhận:", "Copies")
RECIPIENT_UNIT: Final = Words("Như trên;", "as above")
RECIPIENT_FILE: Final = Words("Lưu: hồ sơ {number}.", "the file")
SIGNER: Final = Words("CÁN BỘ GIẢI QUYẾT HỒ SƠ", "Officer in charge")
OFFICER_MISSING: Final = "(báo cáo không nêu tên cán bộ)"
SIGNER_NOTE: Final = Words(
    "Lập tự động từ báo cáo điện tử số {report}, mang chữ ký số của cổng. Bản in không mang chữ ký tay và dấu.",
    "Made from the electronic report, which the gateway sealed; the print bears neither signature nor stamp.",
)

CHECKING: Final = Words("Cách kiểm tra phiếu này", "How to check this paper")
STEPS: Final = (
    Words(
        "Quét mã vuông: cổng cho biết báo cáo này có thật không, nói gì, và hồ sơ đang ở đâu.",
        "Scan the code: the gateway tells whether this report is genuine, what it says and where the dossier stands.",
    ),
    Words(
        "Báo cáo điện tử (JWS) là bản chính; mã băm của nó nằm trong nhật ký minh bạch, kiểm với khoá công khai tại "
        "{url}/v1/keys. Tệp phiếu này được lập một lần, về sau luôn đúng các byte ấy.",
        "The electronic report (JWS) is the original, and its digest is in the log; this file was made once.",
    ),
)
CODE_TOLD: Final = "Mã QR: địa chỉ để kiểm tra báo cáo số {number}, và SHA-256 của bản điện tử."

# Control sheet: what each fact is, for people. A fact that is not here handed nothing over.
FACTS: Final = {
    "accepted": Words("Tiếp nhận hồ sơ", "accepted"),
    "received-pending": Words("Nhận hồ sơ, chờ kiểm tra chữ ký", "received, to be judged"),
    "acknowledged": Words("Cơ quan nhận hồ sơ", "taken by the office"),
    "paper-awaited": Words("Chờ bản giấy", "paper awaited"),
    "electronic-awaited": Words("Chờ bản điện tử", "electronic half awaited"),
    "half-received": Words("Đã đủ bản giấy và bản điện tử", "the other half came"),
    "half-added": Words("Nhận thêm nửa còn lại", "the other half came"),
    "pages-rebound": Words("Xếp lại trang giấy", "pages bound to it or away"),
    "work-started": Words("Bắt đầu giải quyết", "work started"),
    "worked-on": Words("Đang giải quyết", "worked on"),
    "numbered": Words("Cấp số hồ sơ", "numbered"),
    "fee-requested": Words("Yêu cầu nghĩa vụ tài chính", "a fee was asked for"),
    "supplement-requested": Words("Yêu cầu bổ sung", "supplement requested"),
    "supplement-received": Words("Nhận bổ sung", "supplement received"),
    "supplement-added": Words("Nhận thêm giấy tờ", "something was added"),
    "withdrawn": Words("Rút hồ sơ", "withdrawn"),
    "withdrawal-late": Words("Yêu cầu rút đến muộn", "withdrawal came too late"),
    "stopped": Words("Dừng giải quyết", "stopped"),
    "declined": Words("Từ chối giải quyết", "declined"),
    "finished": Words("Giải quyết xong", "finished"),
    "returned": Words("Trả kết quả", "result returned"),
    "reopened": Words("Giải quyết lại", "reopened"),
    "corrected": Words("Đính chính báo cáo", "a report was corrected"),
    "transferred": Words("Chuyển cơ quan khác", "passed to another office"),
    "passed-on": Words("Chuyển bộ phận, cán bộ", "passed on within the office"),
    "re-appointed": Words("Xin lỗi và hẹn lại", "apology and new date"),
    "result-delivered": Words("Bưu chính đã phát kết quả", "the post delivered the result"),
    "result-undelivered": Words("Bưu chính không phát được kết quả", "the post could not deliver the result"),
    "case-decided": Words("Kết luận trùng hồ sơ", "decided whether it is one case with another"),
}
CONTROL_HEADS: Final = (
    Words("Số", "No."),
    Words("Thời điểm giao, nhận", "Handed over at"),
    Words("Bên giao", "From"),
    Words("Bên nhận", "To"),
    Words("Việc", "What"),
    Words("Trạng thái", "State"),
    Words("Hẹn trả", "Due by"),
    Words("Ghi chú", "Remarks"),
)
CONTROL_NOTES: Final = (
    Words(
        "Mỗi lần giao, nhận được hệ thống tự động ghi thời điểm và người báo, thay cho chữ ký của bên giao và bên "
        "nhận; mỗi báo cáo của cơ quan mang chữ ký số của cổng và số nêu ở cột ghi chú.",
        "The system wrote down each hand-over by itself, in place of signatures; each report is sealed and numbered.",
    ),
    Words(
        "Nơi hồ sơ giấy đi qua dịch vụ bưu chính công ích, chứng từ của bưu chính thay cho thời điểm và chữ ký giao, "
        "nhận.",
        "Where paper went by public post, the carrier's documents stand for time and signature.",
    ),
)
UP_TO: Final = Words("Lập lúc {at}, đến sự việc số {seq} của cổng", "as of {at}, up to fact {seq} of the gateway")
GATEWAY: Final = "Cổng tiếp nhận"
RECEIVING: Final = Words("Cơ quan tiếp nhận", "Receiving office")
COMPETENT: Final = Words("Cơ quan giải quyết", "Competent office")
OFFICES: Final = Words("Các cơ quan", "Offices")
OWN_CLOCK: Final = "cơ quan ghi: {at}"
CARRIER_CLOCK: Final = "bưu chính báo: {at}"
OFFICER_UNSAID: Final = "(không nêu cán bộ)"
REPORT_NUMBER: Final = "báo cáo {report}"
LEFT_OUT: Final = "{count} dòng không in ở đây: xem các sự kiện của hồ sơ tại cổng"
REPORTED_BY: Final = "tài khoản {actor}"
WITHIN: Final = "giải quyết trước {until}"
WANTED_BY: Final = "bổ sung trước {until}"
IN_TIME: Final = "đúng hạn"
LATE: Final = "quá hạn"
SECOND: Final = "bổ sung lần hai: tính là quá hạn"
ITEMS: Final = "{count} nội dung"
SENT_AS: Final = "gửi kèm hồ sơ {receipt}"
RESULTS: Final = "{count} tệp kết quả"
CORRECTS: Final = "thay sự việc số {seq}"
RETURNED_BY: Final = {"electronic": "điện tử", "post": "bưu chính", "both": "điện tử và bưu chính"}
EMPTY: Final = Words("Không có hồ sơ nào.", "None.")

REGISTER_HEADS: Final = (
    Words("Số", "No."),
    Words("Mã hồ sơ", "Numbers"),
    Words("Thủ tục", "Procedure"),
    Words("Đơn vị", "Employer unit"),
    Words("Tiếp nhận → giải quyết", "Received → competent"),
    Words("Nhận hồ sơ", "Received"),
    Words("Hẹn trả", "Due by"),
    Words("Giải quyết xong", "Finished"),
    Words("Trả kết quả", "Returned"),
    Words("Trạng thái, ghi chú", "State, remarks"),
)
SPAN: Final = Words("Hồ sơ nhận từ ngày {first} đến hết ngày {last}", "received from {first} to {last}")
PART: Final = Words("Quyển {part}/{parts}: từ số {first} đến số {last} trong {count} hồ sơ", "part {part} of {parts}")
REAPPOINTED: Final = "hẹn lại {due}"
SUPPLEMENTS: Final = "bổ sung {count} lần"
PASSED_TO: Final = "đã chuyển đến {office}"
REGISTER_NOTES: Final = (
    Words(
        "Mã hồ sơ: số biên nhận của cổng; dưới đó là mã hồ sơ quốc gia và số hồ sơ của cơ quan, khi đã được báo. "
        "“Quá hạn”: xong, hoặc đến lúc lập sổ chưa xong, sau thời điểm hẹn trả đang có hiệu lực, hoặc bị yêu cầu bổ "
        "sung quá một lần.",
        "Overdue: finished, or not yet finished, after the date in force, or asked for a supplement more than once.",
    ),
    Words(
        "Sổ do hệ thống lập tự động từ các sự việc đã ghi; ký nhận của người nhận kết quả thay bằng sự việc “đã trả "
        "kết quả”.",
        "Made by the system from what was written down; “returned” stands for the receiver's signature.",
    ),
)

# The page that a paper's code leads to.
STATED_LABELS: Final = (
    ("report", "Báo cáo số", "Report"),
    ("fact", "Việc", "What"),
    ("receipt_number", "Hồ sơ, số biên nhận", "Dossier, receipt number"),
    ("office", "Cơ quan", "Office"),
    ("reported_at", "Thời điểm", "At"),
    ("due_at", "Hẹn trả kết quả sau đó", "Result due by, from then on"),
    ("procedure", "Thủ tục", "Procedure"),
    ("unit", "Mã đơn vị", "Unit code"),
    ("state", "Trạng thái hiện nay", "State now"),
    ("statement_sha256", "SHA-256 của báo cáo", "SHA-256 of the statement"),
    ("paper_sha256", "SHA-256 của tệp phiếu", "SHA-256 of the paper's file"),
    ("dossier", "Mã hồ sơ tại cổng", "Dossier id"),
)
STATED_TITLE: Final = Words("Cổng đã ký báo cáo này", "This gateway sealed this report")
