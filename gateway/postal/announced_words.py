"""What is said of an announcement that cannot be taken, besides what every dossier is told."""

from __future__ import annotations

from typing import Final

from schemas.findings import NOWHERE, Finding, Message, Place, Severity, cut, placed

_WORDS: Final[dict[str, tuple[str, str, str, str]]] = {
    "sheet-unreadable": (
        "không đọc được bảng: {why}", "the sheet cannot be read: {why}",
        "Sửa bảng như đã nêu rồi gửi lại; lấy bảng mẫu bằng: motcua form {form} --template.",
        "Mend the sheet as told and send it again; an empty one is made by: motcua form {form} --template.",
    ),
    "procedure-unknown": (
        "không có thủ tục “{value}” vào ngày này.", "there is no procedure “{value}” on this day.",
        "Xem danh sách thủ tục tại /v1/procedures.", "See the procedures at /v1/procedures.",
    ),
    "form-unknown": (
        "không có mẫu “{value}” đang có hiệu lực.", "no form “{value}” is in force.",
        "Xem các mẫu của thủ tục tại /v1/procedures.", "See the procedure's forms at /v1/procedures.",
    ),
    "form-without-rows": (
        "mẫu {form} không có danh sách “{value}”.", "form {form} has no list “{value}”.",
        "Ghi các cột vào header, hoặc gọi đúng tên danh sách.", "Write the columns as header, or name the right list.",
    ),
    "column-unknown": (
        "mẫu {form} không có cột này ở đây.", "form {form} has no such column here.",
        "Dùng đúng tên cột của mẫu (viết hoa, viết thường như mẫu); cột ngoài danh sách ghi ở header.",
        "Write the column's name as the form has it; a column outside the list goes into header.",
    ),
    "form-not-one-source": (
        "mẫu {form} phải được đưa bằng đúng một cách: xml, sheet, hoặc header và rows.",
        "form {form} is given in exactly one way: xml, sheet, or header and rows.",
        "Bỏ bớt, hoặc thêm phần còn thiếu.", "Leave out all but one, or add what is missing.",
    ),
    "dossier-not-one-source": (
        "hồ sơ phải được đưa bằng đúng một cách: envelope, forms, hoặc half_of.",
        "a dossier is given in exactly one way: envelope, forms, or half_of.",
        "Bỏ bớt, hoặc thêm phần còn thiếu.", "Leave out all but one, or add what is missing.",
    ),
    "half-not-there": (
        "không có hồ sơ {value} để nộp phần giấy.", "there is no dossier {value} whose paper half this could be.",
        "Kiểm tra mã hồ sơ trên biên nhận.", "Check the dossier's id on the receipt.",
    ),
    "half-not-open": (
        "hồ sơ {value} không nhận thêm phần giấy (đã kết thúc, hoặc không phải hồ sơ điện tử độc lập).",
        "dossier {value} takes no paper half: it has ended, or is no electronic filing of its own.",
        "Nếu cần nộp giấy, lập hồ sơ giấy riêng.", "If paper is still to be filed, announce a dossier of its own.",
    ),
    "half-announced-before": (
        "phần giấy của hồ sơ {value} đã được báo trước.", "the paper half of dossier {value} is announced already.",
        "Dùng báo trước đã có, hoặc hủy nó rồi gửi lại.", "Use that announcement, or cancel it and send this again.",
    ),
    "half-without-pieces": (
        "phần giấy phải nêu các giấy tờ gửi kèm.", "a paper half names the papers that are put in.",
        "Ghi danh sách giấy tờ ở pieces.", "List the papers in pieces.",
    ),
    "already-received": (
        "hồ sơ này đã được cổng nhận ({value}).", "this very dossier was received before ({value}).",
        "Không cần gửi giấy nữa; nếu là phần giấy của hồ sơ đó, dùng half_of.",
        "No paper is needed; if this is the paper half of that dossier, use half_of.",
    ),
    "announced-before": (
        "hồ sơ có đúng nội dung này đã được báo trước{where_vi}.",
        "a dossier with this very content is announced already{where_en}.",
        "Dùng báo trước đã có, hoặc hủy nó rồi gửi lại.", "Use that announcement, or cancel it and send this again.",
    ),
    "announced-twice": (
        "hai hồ sơ trong cùng báo trước có nội dung y hệt nhau.",
        "two dossiers of this announcement have the same content.",
        "Bỏ một hồ sơ.", "Leave one of them out.",
    ),
    "pieces-too-many": (
        "danh sách có {value} loại giấy tờ, tối đa {most}.", "the list has {value} kinds of papers, {most} at most.",
        "Gộp các giấy tờ cùng loại thành một dòng.", "Put papers of a kind into one line.",
    ),
    "piece-count": (
        "số lượng {value} không hợp lệ (1…{most}).", "a count of {value} cannot be (1…{most}).",
        "Ghi đúng số tờ, số quyển.", "Write how many there are.",
    ),
    "piece-pages": (
        "số trang {value} không hợp lệ (0…{most} cho cả hồ sơ).",
        "{value} pages cannot be (0…{most} for the whole dossier).",
        "Ghi đúng số trang; hồ sơ quá dày thì tách thành nhiều hồ sơ.",
        "Write how many pages there are; split a dossier that is too thick.",
    ),
    "form-too-long": (
        "tờ khai quá dài để in.", "the forms are too long to be printed.",
        "Tách danh sách thành nhiều hồ sơ.", "Split the list into several dossiers.",
    ),
    "piece-name": (
        "tên giấy tờ dài quá {most} chữ hoặc có ký tự điều khiển.",
        "a paper's name has more than {most} characters, or a control character.",
        "Ghi tên ngắn gọn.", "Write a short name.",
    ),
    "piece-form": (
        "cột form của giấy tờ chỉ do cổng ghi.", "a piece's form is written by the gateway alone.",
        "Bỏ trống form: tờ khai in từ dữ liệu được tự thêm vào.",
        "Leave form out: the forms that are printed from the data are added by themselves.",
    ),
}  # fmt: skip
MESSAGES: Final = {
    code: Message(severity=Severity.ERROR, message_vi=words[0], message_en=words[1], fix_vi=words[2], fix_en=words[3])
    for code, words in _WORDS.items()
}


def say(code: str, place: Place = NOWHERE, *, value: str = "", **words: str | int) -> Finding:
    """Word a finding of an announcement. Raises KeyError for a code or word unknown: a mistake of ours."""
    message = MESSAGES[code]
    given: dict[str, str | int] = {"form": place.form, "value": cut(value), **words}
    return placed(
        code,
        place,
        severity=message.severity,
        value=value,
        message=(message.message_vi.format_map(given), message.message_en.format_map(given)),
        fix=(message.fix_vi.format_map(given), message.fix_en.format_map(given)),
    )
