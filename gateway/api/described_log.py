"""The transparency log's doors, as they are described."""

from __future__ import annotations

from gateway.api.described_shapes import Door, Said, Words, bytes_of


def _file(words: Words, media_type: str) -> Said:
    """A file of the log."""
    return Said(words=words, schema=bytes_of(media_type), media_type=media_type, headers=("Cache-Control",))


LOG_DOORS: dict[str, Door] = {
    "show_checkpoint": Door(
        audience="anyone", problems=("not-found",),
        vi="Điểm kiểm mới nhất của nhật ký công khai",
        told_vi="Văn bản có chữ ký (C2SP tlog-checkpoint): tên nhật ký, số lá, gốc cây Merkle, kèm chữ ký của các nhân "
        "chứng. Khoá kiểm nêu ở /v1/log/origins.",
        answers={200: _file(("Điểm kiểm", "the checkpoint"), "text/plain")},
    ),
    "show_tile": Door(
        audience="anyone", problems=("not-found",),
        vi="Một mảnh của nhật ký",
        told_vi="`<tầng>/<số>[.p/<rộng>]`, hoặc `entries/…` cho các bản ghi (C2SP tlog-tiles). Một bản ghi là SHA-256 "
        "của một văn bản đã ký (JWS dạng gọn); không có dữ liệu cá nhân.",
        answers={200: _file(("Mảnh", "the tile"), "application/octet-stream")},
    ),
    "show_origin_checkpoint": Door(
        audience="anyone", problems=("not-found",),
        vi="Điểm kiểm cuối của một nhật ký trước",
        told_vi="Như /v1/log/checkpoint, của một nhật ký đã đóng.",
        answers={200: _file(("Điểm kiểm", "the checkpoint"), "text/plain")},
    ),
    "show_origin_tile": Door(
        audience="anyone", problems=("not-found",),
        vi="Một mảnh của một nhật ký trước",
        told_vi="Như /v1/log/tile, của một nhật ký đã đóng.",
        answers={200: _file(("Mảnh", "the tile"), "application/octet-stream")},
    ),
    "list_origins": Door(
        audience="anyone",
        vi="Các nhật ký công khai của cổng",
        told_vi="Tên, khoá, và văn bản công bố do khoá niêm phong ký. Nhật ký mới chỉ mở khi cơ sở dữ liệu được khôi "
        "phục hoặc thay khoá; nó nêu nhật ký trước và điểm kiểm cuối đã biết.",
        answers={
            200: Said(words=("Các nhật ký", "the origins"), schema="OriginsShown", headers=("Cache-Control",)),
        },
    ),
    "show_consistency": Door(
        audience="anyone",
        vi="Cây sau nối tiếp cây trước",
        told_vi="Bằng chứng nhất quán (RFC 6962 mục 2.1.2) giữa hai cỡ của cây đang lớn.",
        answers={
            200: Said(words=("Bằng chứng", "the proof"), schema="ConsistencyShown", headers=("Cache-Control",)),
        },
        problems=("bad-request", "not-found"),
    ),
    "show_log_proof": Door(
        audience="anyone", problems=("not-found",),
        vi="Nhật ký chứng minh gì về một hồ sơ",
        told_vi="Mỗi văn bản đã ký về hồ sơ, kèm bằng chứng có trong cây, dấu thời gian, và văn bản công bố nhật ký: "
        "đủ để kiểm ngoại tuyến cùng khoá công khai. Dạng `text/plain`: C2SP tlog-proof của biên nhận hoặc thông báo.",
        answers={
            200: Said(words=("Các bằng chứng", "the proofs"), schema="DossierLogged", or_as=("text/plain",),
                      headers=("Cache-Control",))
        },
    ),
}  # fmt: skip
