"""What each figure means, in both languages: it stands beside the figures wherever they are told."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Definition(Struct, frozen=True):
    """What a figure counts, and by which time and office."""

    vi: str
    en: str


def _of(vi: str, en: str) -> Definition:
    return Definition(vi, en)


_AGES: Final = {
    "0_1": ("từ 0 đến 1 ngày làm việc", "0 to 1 working days"),
    "2_5": ("từ 2 đến 5 ngày làm việc", "2 to 5 working days"),
    "6_10": ("từ 6 đến 10 ngày làm việc", "6 to 10 working days"),
    "11_20": ("từ 11 đến 20 ngày làm việc", "11 to 20 working days"),
    "over_20": ("trên 20 ngày làm việc", "more than 20 working days"),
}

DEFINITIONS: Final[dict[str, Definition]] = {
    "office": _of(
        "Cơ quan. Hồ sơ tiếp nhận tính cho cơ quan có thẩm quyền lúc tiếp nhận; mọi số khác tính cho cơ quan đang giữ, "
        "hoặc giữ sau cùng.",
        "The office. A dossier is received by the office that was competent at its receipt; all else counts at the "
        "office that has it, or had it last.",
    ),
    "procedure": _of("Mã thủ tục.", "The procedure's code."),
    "month": _of(
        "Tháng, giờ Việt Nam: mỗi số theo ngày của chính việc được đếm.",
        "The month in Vietnam's time: each figure by the date of what it counts.",
    ),
    "received": _of(
        "Hồ sơ được cổng tiếp nhận, theo thời điểm tiếp nhận trên biên nhận. Không tính hồ sơ bổ sung và đơn rút.",
        "Dossiers that the gateway accepted, by the time of receipt on the receipt. Supplements and withdrawals are no "
        "dossiers.",
    ),
    "received_direct": _of(
        "Trong số tiếp nhận: nộp trực tiếp (KenhThucHien 1).", "Of those received: handed in (KenhThucHien 1)."
    ),
    "received_online": _of(
        "Trong số tiếp nhận: trực tuyến (KenhThucHien 2).", "Of those received: online (KenhThucHien 2)."
    ),
    "received_post": _of(
        "Trong số tiếp nhận: bưu chính công ích (KenhThucHien 3).",
        "Of those received: by public post (KenhThucHien 3).",
    ),
    "online_share": _of("Trực tuyến / tiếp nhận.", "Online / received."),
    "moved_in": _of(
        "Tiếp nhận ở cơ quan khác trong kỳ, nay do cơ quan này giữ (chuyển đến).",
        "Received by another office in this time, now with this one.",
    ),
    "moved_out": _of(
        "Tiếp nhận trong kỳ, nay do cơ quan khác giữ (chuyển đi).",
        "Received in this time, now with another office.",
    ),
    "taken": _of(
        "Hồ sơ mà cơ quan đang giữ đã xác nhận giao nhận, theo thời điểm xác nhận.",
        "Dossiers that the office which has them has acknowledged, by the time when it did.",
    ),
    "finished": _of(
        "Có kết quả (mã quốc gia 9, kể cả đã trả: 10), theo thời điểm có kết quả. Hồ sơ mở lại không còn tính.",
        "With a result (national code 9, also once returned: 10), by the time of the result. What was reopened does "
        "not count.",
    ),
    "declined": _of(
        "Cơ quan từ chối giải quyết (mã 3), theo thời điểm từ chối.", "Declined by the office (code 3), by that time."
    ),
    "stopped": _of("Dừng xử lý (mã 8), theo thời điểm dừng.", "Stopped (code 8), by that time."),
    "withdrawn": _of("Đã rút (mã 7), theo thời điểm rút.", "Withdrawn (code 7), by that time."),
    "returned": _of("Đã trả kết quả (mã 10), theo thời điểm trả.", "The result was returned (code 10), by that time."),
    "returned_electronic": _of("Trong số đã trả: bằng bản điện tử.", "Of those returned: electronically."),
    "returned_post": _of(
        "Trong số đã trả: qua bưu chính; hồ sơ trả cả hai cách tính ở cả hai.",
        "Of those returned: by post; what went both ways counts in both.",
    ),
    "on_time": _of(
        "Kết thúc không muộn hơn hạn trả (hạn đã cộng thời gian chờ bổ sung), và không yêu cầu bổ sung quá một lần. "
        "Tính cho hồ sơ có kết quả, dừng, từ chối; hồ sơ rút không tính.",
        "Ended no later than the due date (which the time waiting for a supplement has moved), with no second request "
        "for a supplement. Of dossiers with a result, stopped or declined; not of those withdrawn.",
    ),
    "on_time_told_late": _of(
        "Trong số đúng hạn: đúng hạn theo thời điểm cơ quan ghi, nhưng cổng chỉ được báo sau hạn.",
        "Of those on time: by the time that the office wrote, while the gateway was told only after the due date.",
    ),
    "late": _of(
        "Kết thúc sau hạn trả, hoặc yêu cầu bổ sung từ lần thứ hai. Ngày hẹn lại của phiếu xin lỗi không làm hồ sơ trễ "
        "thành đúng hạn, trừ khi `rules.on_time_by` là appointed.",
        "Ended after the due date, or a supplement was asked for a second time. An apology's new date does not make it "
        "on time, unless `rules.on_time_by` is appointed.",
    ),
    "on_time_share": _of("Đúng hạn / (đúng hạn + trễ).", "On time / (on time + late)."),
    "late_by_second_supplement": _of(
        "Trong số trễ: vì yêu cầu bổ sung từ lần thứ hai.",
        "Of the late ones: because a supplement was asked for a second time.",
    ),
    "late_within_apology": _of(
        "Trong số trễ: kết thúc trong ngày hẹn lại của phiếu xin lỗi.",
        "Of the late ones: ended by the new date of an apology.",
    ),
    "without_due_date": _of(
        "Đã kết thúc, thủ tục không có thời hạn: không tính đúng hạn hay trễ.",
        "Ended, of a procedure without a time limit: neither on time nor late.",
    ),
    "supplement_never": _of(
        "Trong số có kết quả, dừng, từ chối: chưa từng yêu cầu bổ sung.",
        "Of those with a result, stopped or declined: no supplement was asked for.",
    ),
    "supplement_once": _of("… yêu cầu bổ sung một lần.", "… one was asked for."),
    "supplement_again": _of("… yêu cầu bổ sung từ hai lần.", "… one was asked for twice or more."),
    "supplement_share": _of(
        "Đã yêu cầu bổ sung / có kết quả, dừng, từ chối.",
        "Asked for a supplement / with a result, stopped or declined.",
    ),
    "finished_online": _of("Trong số có kết quả: nộp trực tuyến.", "Of those with a result: filed online."),
    "credited_online": _of(
        "… và kết quả là tệp có mã kết quả điện tử (được tính trực tuyến).",
        "… and the result is a file with an electronic result code (credited as online).",
    ),
    "straight_through": _of(
        "Trong số có kết quả: từ giao nhận đến kết quả không qua thao tác nào khác của cơ quan.",
        "Of those with a result: nothing was reported between taking it and its result.",
    ),
    "straight_through_share": _of("Đi thẳng / có kết quả.", "Straight through / with a result."),
    "working_days_median": _of(
        "Trung vị thời gian làm việc từ tiếp nhận đến kết quả, không kể thời gian chờ bổ sung, tính bằng ngày làm "
        "việc: một nửa số kết quả có trong khoảng này.",
        "The median working time from receipt to result, without the time waiting for a supplement, in working days: "
        "half of the results took no longer.",
    ),
    "working_days_p90": _of("90 % số kết quả có trong khoảng này.", "90 % of the results took no longer than this."),
    "open": _of("Tiếp nhận trong kỳ và đến nay chưa kết thúc.", "Received in this time and not ended yet, as of now."),
    "open_waiting": _of("… đang chờ bổ sung: không tính quá hạn.", "… a supplement is awaited: not overdue."),
    "open_overdue": _of(
        "… quá hạn trả, hoặc đã yêu cầu bổ sung từ lần thứ hai.",
        "… past the due date, or a supplement was asked for a second time.",
    ),
    **{
        f"open_{name}": _of(f"Đang mở, {vi} sau ngày tiếp nhận.", f"Open, {en} after the day of receipt.")
        for name, (vi, en) in _AGES.items()
    },
    **{
        f"overdue_{name}": _of(f"Đang mở, quá hạn {vi}.", f"Open and overdue, {en} after the day it was due.")
        for name, (vi, en) in _AGES.items()
    },
    "refusals": _of(
        "Hồ sơ cổng không tiếp nhận, theo thời điểm nhận; không thuộc cơ quan nào. Mỗi lý do đếm một lần mỗi hồ sơ: mã "
        "lỗi, hoặc kết luận về chữ ký.",
        "Dossiers that the gateway refused, by the time they came; they are no office's. Each reason counts once a "
        "dossier: a finding's code, or what was found of a signature.",
    ),
}
