"""The doors to announcements, as they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_shapes import Door, Said

if TYPE_CHECKING:
    from gateway.api.described_shapes import Words
    from gateway.callers import Role

_TELLERS: tuple[Role, ...] = ("employer", "ivan", "office")
_SEEING: tuple[Role, ...] = ("employer", "ivan", "office", "operator")
_REFUSING = ("announcement-refused", "announcement-unfit", "media-type", "scanner-away")

ANNOUNCEMENT_MEANINGS: dict[str, Words] = {
    "cover_url": ("nơi lấy phiếu gửi để in", "where the cover sheets to print are"),
    "forms_url": ("nơi lấy tờ khai để in và ký tay", "where the forms to print and sign by hand are"),
    "DossierAnnounced.half_of": (
        "mã hồ sơ điện tử mà đây là nửa giấy",
        "the electronic dossier whose paper half this is",
    ),
    "hybrid": ("có một nửa điện tử và một nửa giấy", "it has an electronic and a paper half"),
    "return_to": ("trả kết quả và bản gốc về đâu", "where results and originals go back to"),
    "AnnouncedFindingShown.dossier": ("hồ sơ thứ mấy trong báo trước", "which dossier of the announcement, from 1"),
    "AnnouncedFindingShown.cell": ("ô trong bảng, như E12", "the cell of the sheet, such as E12"),
    "AnnouncedFindingShown.sheet_row": ("dòng trong bảng", "the row of the sheet"),
    "FormSent.sheet": ("tệp Excel hoặc CSV, base64", "a workbook or CSV, in base64"),
    "FormSent.xml": ("tờ khai XML, base64", "the form's XML, in base64"),
    "DossierSent.envelope": ("phong bì Hoso, base64", "the envelope Hoso, in base64"),
    "unit_name": ("tên đơn vị, nếu danh bạ chưa có", "the unit's name, where the register has none"),
    "carrier": ("bên vận chuyển", "the carrier"),
    "item": ("số bưu gửi", "the postal item's number"),
    "tab": ("trang tính nào của bảng", "which sheet of the workbook"),
}

ANNOUNCEMENT_DOORS: dict[str, Door] = {
    "announce_paper": Door(
        audience="employer", roles=_TELLERS, body="announcement",
        vi="Báo trước hồ sơ giấy",
        told_vi="Cùng dữ liệu như hồ sơ điện tử: phong bì Hoso (XML), bảng Excel hoặc CSV (một tờ khai, các mã ghi ở "
        "địa chỉ), hoặc JSON với một hay nhiều hồ sơ. Được kiểm như hồ sơ điện tử, trừ chữ ký, trước khi in; mọi lỗi "
        "của mọi hồ sơ nêu một lần, lỗi từ bảng chỉ đúng ô. Gửi lại đúng các byte đó thì được đúng báo trước cũ. Văn "
        "thư của cơ quan dùng cửa này để nhập hồ sơ giấy chưa được báo trước, nêu `item` đã mở hoặc đã đến.",
        answers={
            201: Said(words=("Đã báo trước", "announced"), schema="AnnouncementShown", headers=("Location",)),
            200: Said(
                words=("Đã báo từ trước: đúng báo trước cũ", "announced before: the same announcement"),
                schema="AnnouncementShown", headers=("Location",),
            ),
        },
        problems=(*_REFUSING, "store-away", "store-full"),
    ),
    "check_announcement": Door(
        audience="employer", roles=_TELLERS, body="announcement",
        vi="Kiểm báo trước, không lưu gì",
        told_vi="Cùng cách kiểm như khi báo trước, và mọi lỗi, lưu ý.",
        problems=("media-type", "scanner-away"),
    ),
    "show_announcement": Door(
        audience="parties", roles=_SEEING, problems=("not-found",),
        vi="Một báo trước",
        told_vi="Trạng thái từng hồ sơ, số biên nhận khi hồ sơ đã vào, các bưu gửi và tin cuối về chúng. Chỉ thấy hồ "
        "sơ của đơn vị mình.",
    ),
    "cancel_announcement": Door(
        audience="employer", roles=_TELLERS, problems=("not-found", "announcement-moved"),
        vi="Hủy báo trước",
        told_vi="Từ đó không ai đọc được nội dung. Không hủy được khi giấy tờ đã gửi đi. Hủy lại không đổi gì.",
    ),
}  # fmt: skip
