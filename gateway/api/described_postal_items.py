"""The doors to postal items, the pool of numbers and pick-up orders, as they are described."""

from __future__ import annotations

from gateway.api.described_shapes import Door, Words
from gateway.callers import Role

_BINDERS: tuple[Role, ...] = ("employer", "ivan", "post", "office")
_TAKERS: tuple[Role, ...] = ("employer", "ivan", "office")
_BINDING = ("not-found", "item-bound", "item-moved", "item-unfit")

ITEM_MEANINGS: dict[str, Words] = {
    "ItemWanted.typed": ("người gõ số (false: máy đọc từ nhãn)", "a person keyed it in (false: a machine read it)"),
    "ItemWanted.confirmed": ("đã đọc lại nhãn", "a person has read the label again"),
    "ItemWanted.instead_of": (
        "hiện đang gắn với gì, để gắn lại khi chưa gửi",
        "what it is bound to now, to bind it anew before it is posted",
    ),
    "ItemWanted.corrects": ("số gõ sai mà số này thay", "the number keyed in wrongly whose place it takes"),
    "questioned": ("số kiểm tra sai, chờ xác nhận", "its check digit is wrong; it waits to be confirmed"),
    "expected": ("số kiểm tra đúng ra", "the check digit that belongs there"),
    "bound_at": ("gắn lúc nào", "when it was bound"),
    "state_text": ("trạng thái bằng lời", "the state in words"),
    "posted_at": ("bưu chính nhận gửi lúc nào", "when it was posted"),
    "delivered_at": ("phát lúc nào", "when it was delivered"),
    "heard_at": ("tin cuối lúc nào", "when it was last heard of"),
    "ItemShown.opened_at": ("văn thư mở lúc nào", "when the mail room opened it"),
    "ItemShown.handlings": ("mọi sự kiện đã nghe", "every event that was told"),
    "ItemShown.bindings": ("các lần gắn, bỏ gắn", "every time it was bound or let go"),
    "order_number": ("bưu chính biết yêu cầu bằng số này", "what the carrier knows the order by"),
    "HandlingShown.word": ("lời của bưu chính", "the carrier's word"),
    "PoolLoaded.free": ("còn bao nhiêu số chưa dùng", "how many numbers are free"),
    "PoolRecalled.before": ("đã thu hồi từ trước", "had gone back before"),
}

ITEM_DOORS: dict[str, Door] = {
    "bind_item": Door(
        audience="post", roles=_BINDERS, problems=(*_BINDING, "item-number-refused"),
        vi="Gắn số bưu gửi",
        told_vi="Gắn với một thông báo (mọi hồ sơ của nó) hoặc một số hồ sơ. Gửi lại y hệt thì câu trả lời y hệt. Số "
        "S10 do máy đọc mà sai số kiểm tra thì từ chối; số gõ tay thì nhận và hỏi lại, đến khi gửi `confirmed` hoặc số "
        "đúng kèm `corrects`. Đang gắn với việc khác: 409 và nêu việc đó; chưa gửi thì gắn lại bằng `instead_of`, có "
        "lưu vết.",
    ),
    "show_item": Door(
        audience="post", roles=_BINDERS, problems=("not-found",),
        vi="Bưu gửi đang ở đâu",
        told_vi="Gắn với gì, trạng thái tính từ mọi sự kiện đã nghe, từng sự kiện bằng lời bưu chính và mã EMSEVT, "
        "cảnh báo đang mở, việc cần làm tiếp.",
    ),
    "list_items": Door(
        audience="post", roles=_BINDERS,
        vi="Danh sách bưu gửi",
        told_vi="Những bưu gửi tài khoản được xem, theo số; trang sau hỏi bằng `after=next`.",
    ),
    "load_pool": Door(
        audience="post", roles=("post",), problems=("item-unfit", "not-found"),
        vi="Cấp sẵn số bưu gửi",
        told_vi="Tối đa 10.000 số một lần, từng số được kiểm. Gửi lại không đổi gì; số đã thu hồi hoặc đã dùng giữ "
        "nguyên.",
    ),
    "take_number": Door(
        audience="post", roles=_TAKERS, problems=(*_BINDING, "pool-empty"),
        vi="Lấy một số trong kho",
        told_vi="Số được gắn ngay. Cùng yêu cầu thì cùng số, đến khi số đó đã gửi; không số nào được cấp hai lần.",
    ),
    "recall_numbers": Door(
        audience="post", roles=_BINDERS, problems=("not-found", "item-moved"),
        vi="Thu hồi số chưa dùng",
        told_vi="Tất cả hoặc không số nào: số đã gửi thì không thu hồi được. Số đã thu hồi không cấp lại nữa.",
    ),
    "order_pickup": Door(
        audience="post", roles=_TAKERS, problems=(*_BINDING, "pickup-not-offered"),
        vi="Yêu cầu bưu chính đến lấy",
        told_vi="Yêu cầu được gửi dần cho bưu chính đến khi có trả lời, luôn cùng một số. Gửi lại y hệt thì trả lời "
        "theo tình trạng hiện thời; yêu cầu bị từ chối thì sửa rồi gửi lại. Nội dung nêu người gửi chỉ giữ (đã khóa) "
        "đến khi có trả lời.",
    ),
}  # fmt: skip
