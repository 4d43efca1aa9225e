"""The words of a cover sheet, in Vietnamese and English."""

from __future__ import annotations

from typing import Final

from schemas.receipt_paper import Words

TITLE: Final = Words("PHIẾU GỬI HỒ SƠ GIẤY QUA BƯU CHÍNH", "Cover sheet of a paper dossier sent by post")
NAME: Final = "Phiếu gửi hồ sơ giấy"
SENT_TO: Final = Words("Nơi nhận", "To")
ADDRESS_BY_HAND: Final = "Địa chỉ: ………………………………………………………………………………………………"
OFFICE_CODE: Final = "Mã cơ quan BHXH: {code}"
SENDER: Final = "Đơn vị gửi: {name}"
UNIT_CODES: Final = "Mã đơn vị: {unit} · Mã số thuế: {tax_code}"
FIRST_UNIT: Final = "Chưa có mã đơn vị · Mã số thuế: {tax_code}"
NOT_KNOWN: Final = "—"

PROCEDURE: Final = Words("Thủ tục", "Procedure")
PERIOD: Final = Words("Kỳ kê khai, đợt", "Period, filing")
FILING: Final = "{period}, đợt {batch}"
COMPETENT: Final = Words("Cơ quan giải quyết", "Competent office")
ITEM: Final = Words("Số hiệu bưu gửi", "Item number")
ITEM_BY_HAND: Final = "………………………………………"
ITEM_NOTE: Final = Words("Ghi tay nếu chưa có.", "By hand, if there is none yet.")
RETURN_TO: Final = Words("Trả kết quả về", "Results go back to")
ANNOUNCED: Final = Words("Báo trước lúc", "Announced at")
HALF: Final = Words("Hồ sơ hai phần", "Dossier in two halves")
PAPER_HALF: Final = "Phần giấy của hồ sơ điện tử"
PAPER_HALF_NOTE: Final = Words("Cùng một hồ sơ với mã trên.", "One dossier with the one named above.")
ELECTRONIC_TO_COME: Final = "Còn phần điện tử, gửi riêng"
ELECTRONIC_NOTE: Final = Words("Gửi trên cổng, nêu mã hồ sơ này.", "Submit it online, naming this dossier.")

CODE_TOLD: Final = "Mã vuông của phiếu gửi, hồ sơ {dossier}"
BARS_TOLD: Final = "Mã vạch của hồ sơ {dossier}"

PIECES: Final = Words("Giấy tờ phải bỏ vào", "Papers to put in")
HEADS: Final = (
    Words("TT", "No."),
    Words("Loại", "Kind"),
    Words("Tên giấy tờ", "Paper"),
    Words("Số lượng", "Count"),
    Words("Số trang", "Pages"),
    Words("Ghi chú", "Note"),
    Words("Đã bỏ", "In"),
)
PRINTED_NOTE: Final = Words("In từ cổng, ký tay", "Printed here; sign it")
ORIGINAL_NOTE: Final = Words("Bản chính, trả lại", "Original, to be returned")
NO_NOTE: Final = Words("")

STEPS: Final = Words("Cách gửi", "How to send it")
STEP_WORDS: Final = (
    Words(
        "In phiếu này và các tờ khai trên giấy A4 trắng, một mặt, đúng 100 % khổ (không thu nhỏ).",
        "Print this sheet and the forms on white A4, on one side, at 100 % (not scaled).",
    ),
    Words(
        "Ký, ghi rõ họ tên và đóng dấu trên từng tờ khai. Không sửa nội dung đã in: nếu sai, hủy báo trước, báo lại "
        "rồi in lại.",
        "Sign each form, with name and stamp. Change nothing that is printed: if it is wrong, cancel the announcement, "
        "announce again and print again.",
    ),
    Words(
        "Đặt phiếu này lên trên cùng, xếp giấy tờ theo thứ tự trong bảng và đánh dấu vào ô khi đã bỏ vào.",
        "Put this sheet on top and the papers below it in the order of the list; tick each when it is in.",
    ),
    Words(
        "Mỗi hồ sơ một phiếu. Nhiều hồ sơ trong một bưu gửi: phiếu nào nằm ngay trên hồ sơ của phiếu đó.",
        "One cover sheet for each dossier. With several in one item, each lies right on its own dossier.",
    ),
    Words(
        "Không viết, đóng dấu, dán hay bấm ghim lên các ô mã. Mã không chứa thông tin cá nhân.",
        "Do not write, stamp, glue or staple over the codes. They say nothing about a person.",
    ),
    Words(
        "Gửi đến nơi nhận ghi trên, rồi khai số hiệu bưu gửi lên cổng để theo dõi.",
        "Send it to the office above, then tell the gateway the item's number, so that it can be followed.",
    ),
)
