"""The doors to parts and to documents that are held, as they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_shapes import Door, Said, bytes_of

if TYPE_CHECKING:
    from gateway.callers import Role

_SENDERS: tuple[Role, ...] = ("employer", "ivan")
_ANY = "application/octet-stream"
_KINDS = (
    "application/pdf",
    "application/xml",
    "image/png",
    "image/jpeg",
    "image/tiff",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
_OF_CONTENT = ("Accept-Ranges", "ETag", "Repr-Digest", "X-Correlation-Id")

PARTS_DOORS: dict[str, Door] = {
    "show_part": Door(
        audience="parties", roles=("employer", "ivan", "office"),
        parameters=("why", "Reading-Reason", "Range", "If-Range"),
        vi="Một tệp trong hồ sơ",
        told_vi="Các byte đã giải mã của tệp mang số ấy trong phong bì, cả tệp hoặc một khoảng (`Range`). Nếu tệp chỉ "
        "dẫn chiếu một tài liệu đã nộp thì là các byte của chính tài liệu ấy.",
        answers={
            200: Said(
                words=("Các byte của tệp", "the file's bytes"), schema=bytes_of(_ANY), media_type=_ANY,
                or_as=_KINDS, headers=("Content-Digest", *_OF_CONTENT),
            ),
            206: Said(
                words=("Khoảng được hỏi", "the range that was asked for"), schema=bytes_of(_ANY), media_type=_ANY,
                or_as=_KINDS, headers=("Content-Range", *_OF_CONTENT),
            ),
        },
        problems=("not-found", "content-erased", "content-unreadable", "store-away", "range-not-satisfiable"),
    ),
    "find_document": Door(
        audience="employer", roles=_SENDERS,
        vi="Cổng có giữ tài liệu này không?",
        told_vi="Nếu có, hồ sơ của đơn vị ấy dẫn chiếu được tài liệu bằng SHA-256 (LoaiFile “urn:sha256”), không phải "
        "gửi lại. Tài liệu của người ngoài thì như không có.",
    ),
}  # fmt: skip
