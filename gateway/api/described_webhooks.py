"""The doors of webhooks and of public tracking, as they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_shapes import Door, Said, Words

if TYPE_CHECKING:
    from gateway.callers import Role

WEBHOOK_MEANINGS: dict[str, Words] = {
    "webhook": ("mã webhook", "the webhook's id"),
    "target": ("gửi tới đâu", "where it sends to"),
    "types": (
        "loại sự việc; trống: tất cả (thư: các loại cần biết)",
        "types of facts; none: all (mail: those that matter)",
    ),
    "units": ("chỉ các đơn vị này; trống: tất cả", "only these units; none: all"),
    "digest": ("gộp thư: hourly, daily; trống: mỗi tin một thư", "mails joined: hourly, daily; empty: each by itself"),
    "WebhookShown.why": ("vì sao ngừng", "why it was disabled"),
    "made_at": ("tạo lúc nào", "when it was made"),
    "upto": ("đã xem đến sự việc số mấy", "the number of the last fact it has come to"),
    "failures": ("số lần gửi hỏng liên tiếp", "how many tries in a row failed"),
    "WebhookShown.waiting": ("số tin chờ gửi lại", "how many messages wait to be tried again"),
    "WebhookShown.dead": ("số tin đã bỏ sau ba ngày", "how many were given up after three days"),
    "secret": ("whsec_…: chỉ hiện một lần", "whsec_…: shown this once"),
    "overlap_s": ("khoá cũ còn dùng song song bao nhiêu giây", "for how many seconds the earlier secret signs, too"),
    "ReplayWanted.since": ("từ lúc nào", "since when"),
    "ReplayWanted.message": ("mã tin (webhook-id)", "the message's id (webhook-id)"),
    "DeliveryShown.message": ("mã tin (webhook-id)", "the message's id (webhook-id)"),
    "skip_missed": ("bỏ qua những gì đã xảy ra khi ngừng", "leave out what happened meanwhile"),
    "DeliveryShown.number": ("tin thứ mấy của webhook", "which of the webhook's messages this is"),
    "DeliveryShown.state": ("waiting: chờ gửi lại; delivered: đã nhận; dead: đã bỏ", "waiting, delivered or dead"),
    "WebhookShown.state": ("active, unconfirmed: chưa xác nhận, disabled: đã ngừng", "active, unconfirmed or disabled"),
    "WebhookMade.state": ("active, hoặc unconfirmed: chưa xác nhận", "active or unconfirmed"),
    "attempts": ("đã thử mấy lần", "how often it was tried"),
    "first_at": ("thử lần đầu, hoặc yêu cầu lúc nào", "when it was first tried, or asked for"),
    "tried_at": ("lần thử cuối", "the last try"),
    "next_at": ("lần thử tới", "the next try"),
    "DeliveryShown.said": ("lần cuối kết thúc ra sao", "how the last try ended"),
    "state_vi": ("trạng thái bằng lời", "the state in words"),
    "state_en": ("trạng thái bằng lời, tiếng Anh", "the state in words, in English"),
    "procedure_name": ("tên thủ tục", "the procedure's name"),
    "office_name": ("tên cơ quan", "the office's name"),
    "appointed_at": ("ngày hẹn lại", "the new date after an apology"),
    "is_paused": ("đang tạm dừng chờ bổ sung", "the clock stands while a supplement is awaited"),
    "supplement_awaited": ("đang chờ bổ sung", "a supplement is awaited"),
    "result_ready": ("đã có kết quả", "the result is ready"),
    "Tracked.results": ("số tệp kết quả điện tử", "how many files of results there are"),
}

_FOLLOWERS: tuple[Role, ...] = ("employer", "ivan", "office", "operator")
_OF_ONE = ("not-found", "webhook-refused")
_PAGE = {"type": "string"}

WEBHOOK_DOORS: dict[str, Door] = {
    "create_webhook": Door(
        audience="parties", roles=_FOLLOWERS, parameters=("Idempotency-Key",),
        vi="Theo dõi hồ sơ bằng webhook hoặc thư",
        told_vi="Từ nay mọi sự việc mà GET /v1/events cho tài khoản này thấy, và qua được bộ lọc, được gửi tới đó: ký "
        "theo Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature), hoặc bằng thư sau khi địa chỉ đã "
        "xác nhận. Tin không nêu tên người nào. Gửi lại đến ba ngày, luôn cùng mã tin; khoá bí mật chỉ hiện một lần.",
        problems=("webhook-refused", "address-refused", "webhooks-too-many", "key-reused"),
    ),
    "list_webhooks": Door(
        audience="parties", roles=_FOLLOWERS,
        vi="Webhook của tài khoản",
        told_vi="Mỗi webhook đã đi đến đâu, bao nhiêu tin chờ gửi lại hoặc đã bỏ; không bao giờ kèm khoá bí mật.",
    ),
    "list_deliveries": Door(
        audience="parties", roles=_FOLLOWERS, problems=("not-found",),
        vi="Các tin của một webhook",
        told_vi="Theo thứ tự gửi lần đầu, sau số `after`: thử mấy lần, lần cuối ra sao. Tin đã nhận được nhớ 30 ngày, "
        "tin đã bỏ 90 ngày.",
    ),
    "rotate_webhook": Door(
        audience="parties", roles=_FOLLOWERS, problems=_OF_ONE,
        vi="Đổi khoá bí mật",
        told_vi="Trong một thời gian tin mang cả hai chữ ký, khoá mới và khoá cũ.",
    ),
    "replay_webhook": Door(
        audience="parties", roles=_FOLLOWERS, problems=_OF_ONE,
        vi="Gửi lại",
        told_vi="Một tin, hoặc mọi sự việc sau một số hay từ một thời điểm. Tin giữ nguyên mã: ai có rồi sẽ nhận ra.",
    ),
    "disable_webhook": Door(
        audience="parties", roles=_FOLLOWERS, problems=_OF_ONE,
        vi="Ngừng gửi", told_vi="Giữ nguyên chỗ, để có thể gửi tiếp từ đó. Gửi lại vẫn an toàn.",
    ),
    "enable_webhook": Door(
        audience="parties", roles=_FOLLOWERS, problems=_OF_ONE,
        vi="Gửi tiếp", told_vi="Từ chỗ đã ngừng, hoặc từ bây giờ nếu `skip_missed`.",
    ),
    "confirm_webhook": Door(
        audience="parties", roles=_FOLLOWERS, problems=_OF_ONE,
        vi="Xác nhận địa chỉ thư",
        told_vi="Bằng mã đã gửi tới địa chỉ ấy, trong 48 giờ và mười lần thử. Trước đó không có thư nào khác.",
    ),
    "try_webhook": Door(
        audience="parties", roles=_FOLLOWERS, problems=_OF_ONE,
        vi="Gửi một tin thử", told_vi="Đi đúng đường của mọi tin khác; xem kết quả ở danh sách tin.",
    ),
    "show_tracking_code": Door(
        audience="parties", roles=("employer", "ivan", "office"), problems=("not-found",),
        vi="Mã tra cứu của hồ sơ",
        told_vi="Mã in trên biên nhận, để đưa cho người cần theo dõi hồ sơ.",
    ),
    "track_dossier": Door(
        audience="anyone", problems=("not-tracked", "too-many-requests"),
        vi="Tra cứu hồ sơ",
        told_vi="Cho người có số biên nhận và mã tra cứu mười ký tự trên biên nhận. Sai số hay sai mã đều trả lời như "
        "nhau, và số lần thử có hạn. Không nêu tên người nào.",
    ),
    "track_page": Door(
        audience="anyone",
        vi="Tra cứu hồ sơ: trang web",
        told_vi="Ô nhập và câu trả lời cho người đọc; trang không tải, không chạy gì.",
        answers={
            200: Said(words=("Trang tra cứu", "the page"), schema=_PAGE, media_type="text/html",
                      headers=("Cache-Control",)),
            404: Said(words=("Không có hồ sơ với số và mã này", "no dossier with this number and code"),
                      schema=_PAGE, media_type="text/html", headers=("Cache-Control",)),
            429: Said(words=("Đã thử quá nhiều lần", "too many tries"),
                      schema=_PAGE, media_type="text/html", headers=("Cache-Control",)),
        },
    ),
}  # fmt: skip
