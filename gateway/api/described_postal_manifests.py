"""The doors to manifests, and to the account of paper, as they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_shapes import Door, Said, Words, bytes_of

if TYPE_CHECKING:
    from gateway.callers import Role

_SIDES: tuple[Role, ...] = ("post", "office")
_SEEING: tuple[Role, ...] = ("post", "office", "operator")
_PDF = "application/pdf"
_CSV = "text/csv"
_TOLD = {
    201: Said(words=("Đã ghi", "written"), schema="ManifestTold", headers=("Location",)),
    200: Said(
        words=("Đã ghi từ trước: đúng câu trả lời cũ", "written before: the same answer"), schema="ManifestTold",
        headers=("Location",),
    ),
}  # fmt: skip
_TELLING = ("manifest-unfit", "manifest-forged", "manifest-differs", "store-away")

MANIFEST_MEANINGS: dict[str, Words] = {
    "manifest": ("mã bản kê, một UUID do nơi lập đặt", "the manifest's id, a UUID made where it was written"),
    "difference": (
        "rỗng: chưa đủ hai bên; ok, short thiếu, surplus thừa, damaged hư hỏng, not-handed, unlisted ngoài bản kê",
        '"": both have not spoken yet; ok, short, surplus, damaged, not-handed, unlisted',
    ),
    "signed_by": ("dấu vân tay khóa đã ký; rỗng: không ký", 'the thumbprint of the key that signed; "": not signed'),
    "entered_by": ("tài khoản đã gửi vào cổng", "the client that entered it"),
    "never_posted_by_age": ("số chưa gửi, theo số ngày tối đa", "what was never posted, by days at most"),
    "differences_count": ("số chỗ không khớp", "how many things do not meet"),
}

MANIFEST_DOORS: dict[str, Door] = {
    "hand_over_manifest": Door(
        audience="office", roles=_SIDES, problems=_TELLING,
        vi="Bản kê giao: đã giao những gì",
        told_vi="Bưu chính giao cho cơ quan (`in`), hoặc cơ quan giao cho bưu chính (`out`); `id` là UUID lập ngay nơi "
        "viết, `made_at` là lúc viết, nên có thể lập khi không có mạng, gửi sau và gửi lại. Cùng nội dung: đúng câu "
        "trả lời cũ; nội dung khác dưới cùng `id`: 409, nêu cả hai. `signature`: JWS (`typ` motcua-manifest+jws) bằng "
        "khoá đã đăng ký của tài khoản, trên {manifest, side: handed, sha256}; sha256 là của JSON chuẩn tắc (RFC 8785) "
        "không có `signature`. Không ký thì ghi rõ tài khoản đã xác thực.",
        answers=_TOLD,
    ),
    "receive_manifest": Door(
        audience="office", roles=_SIDES, problems=("not-found", *_TELLING),
        vi="Bản kê nhận: đã nhận những gì",
        told_vi="Từng bưu gửi: số giấy tờ theo loại, nguyên vẹn, hư hỏng, đã mở hay không có. Có thể đến trước bản kê "
        "giao nếu ghi đủ số, bên vận chuyển, cơ quan, chiều. Lần nhận thứ hai khác nội dung: 409, nêu cả hai. Ký như "
        "bản kê giao, `side` là taken.",
        answers=_TOLD,
    ),
    "settle_manifest": Door(
        audience="office", roles=("office", "operator"),
        problems=("bad-request", "not-found", "manifest-settled", "store-away"),
        vi="Kết luận về chỗ không khớp",
        told_vi="Ghi của người đã đối chiếu; cảnh báo được đóng. Bên nào còn gửi thêm sau đó thì mở lại.",
        answers=_TOLD,
    ),
    "show_manifest": Door(
        audience="office", roles=_SEEING, problems=("not-found",),
        vi="Một bản kê, từ hai bên",
        told_vi="Bên giao viết gì, bên nhận viết gì, và từng dòng: ok khớp, short thiếu, surplus thừa, damaged hư "
        "hỏng, not-handed có trong bản kê mà không nhận được, unlisted nhận được mà không có trong bản kê.",
    ),
    "list_manifests": Door(
        audience="office", roles=_SEEING, problems=("bad-request",),
        vi="Các bản kê",
        told_vi="Theo mã; `state=open`: mới có một bên, hoặc không khớp mà chưa có kết luận. Cơ quan chỉ thấy của "
        "mình.",
    ),
    "show_handover_note": Door(
        audience="office", roles=_SEEING, problems=("not-found", "too-long-for-pdf"),
        vi="Giấy giao nhận hồ sơ để in",
        told_vi="PDF/A, ba bên ký: từng bưu gửi có mã vạch, mã hồ sơ, đơn vị, địa chỉ, số tờ rời, thẻ, bìa sổ, quyết "
        "định. Lập mới mỗi lần hỏi.",
        answers={
            200: Said(words=("Giấy giao nhận", "the note"), schema=bytes_of(_PDF), media_type=_PDF,
                      headers=("Cache-Control",))
        },
    ),
    "show_post_account": Door(
        audience="operator", roles=("operator", "post"), problems=("not-found",),
        vi="Đối chiếu bưu gửi",
        told_vi="Đếm khi hết ngày, hoặc ngay bây giờ nếu không ghi ngày; theo luồng, cơ quan, bưu chính: báo trước = "
        "đã gửi + đã hủy + chưa gửi; đã gửi = đã phát + hoàn lại + mất + trên đường; đã phát = đã mở + chưa mở; "
        "đã mở = đã thành hồ sơ + chờ người xử lý. Chỗ không khớp nêu rõ từng bưu gửi.",
        answers={200: Said(words=("Bảng đối chiếu", "the account"), schema="Account", or_as=(_CSV,),
                           headers=("Cache-Control",))},
    ),
    "show_post_account_csv": Door(
        audience="operator", roles=("operator", "post"), problems=("not-found",),
        vi="Đối chiếu bưu gửi, dạng CSV",
        told_vi="Cùng các dòng, hoặc với `part=differences` những chỗ không khớp.",
        answers={200: Said(words=("Các dòng", "the lines"), schema=bytes_of(_CSV),
                           media_type=_CSV, headers=("Cache-Control",))},
    ),
}  # fmt: skip
