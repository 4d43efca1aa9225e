"""The doors of resumable uploads, as they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_shapes import Door, Said

if TYPE_CHECKING:
    from gateway.callers import Role

_SENDERS: tuple[Role, ...] = ("employer", "ivan")
_VERSION = ("Tus-Resumable",)
_STANDS = (*_VERSION, "Upload-Offset", "Upload-Expires")
_OF_A_PART = ("upload-checksum-differs", "body-incomplete", "sender-too-slow", "body-too-large", "media-type")
_OF_A_FILE = ("tus-version", "not-found", "upload-elsewhere", "upload-received", "upload-busy", "store-full")

UPLOAD_DOORS: dict[str, Door] = {
    "begin_upload": Door(
        audience="employer", roles=_SENDERS, body="part",
        parameters=(*_VERSION, "Upload-Length", "Upload-Metadata", "Upload-Checksum"),
        vi="Mở một lượt tải lên",
        told_vi="tus 1.0.0 (core, creation, creation-with-upload, checksum, expiration, termination), cho hồ sơ lớn "
        "hoặc đường truyền hay đứt. Tải đủ thì nộp bằng POST /v1/dossiers với nội dung JSON nêu mã lượt tải lên.",
        answers={
            201: Said(words=("Đã mở", "begun"), schema="UploadShown", headers=("Location", *_STANDS)),
        },
        problems=(*_OF_A_PART, *_OF_A_FILE, "uploads-too-many"),
    ),
    "show_upload": Door(
        audience="employer", roles=_SENDERS, parameters=_VERSION,
        vi="Đã có bao nhiêu byte",
        told_vi="Như tus hỏi bằng HEAD: `Upload-Offset` là số byte còn nguyên dù mất điện ngay lúc này.",
        answers={
            200: Said(
                words=("Lượt tải lên", "the upload"), schema="UploadShown",
                headers=(*_STANDS, "Upload-Length", "Cache-Control"),
            ),
        },
        problems=("tus-version", "not-found", "upload-elsewhere", "upload-received"),
    ),
    "continue_upload": Door(
        audience="employer", roles=_SENDERS, body="part",
        parameters=(*_VERSION, "Upload-Offset", "Upload-Checksum"),
        vi="Gửi phần tiếp theo",
        told_vi="Các byte kể từ `Upload-Offset`. Phần bị đứt giữa chừng được giữ đến đâu hay đến đó; phần có "
        "`Upload-Checksum` thì giữ cả phần hoặc không giữ gì.",
        answers={204: Said(words=("Đã giữ bền", "kept durably"), schema="", headers=_STANDS)},
        problems=(*_OF_A_PART, *_OF_A_FILE, "upload-offset-differs"),
    ),
    "give_up_upload": Door(
        audience="employer", roles=_SENDERS, parameters=_VERSION,
        vi="Bỏ một lượt tải lên",
        told_vi="Các byte đã gửi bị xoá.",
        answers={204: Said(words=("Đã bỏ", "given up"), schema="", headers=_VERSION)},
        problems=_OF_A_FILE,
    ),
    "override_upload": Door(
        audience="employer", roles=_SENDERS, body="part",
        parameters=(*_VERSION, "X-HTTP-Method-Override", "Upload-Offset", "Upload-Checksum"),
        vi="PATCH hoặc DELETE, cho nơi chỉ gửi được POST",
        told_vi="`X-HTTP-Method-Override` nói rõ là PATCH hay DELETE.",
        answers={204: Said(words=("Đã làm", "done"), schema="", headers=_VERSION)},
        problems=(*_OF_A_PART, *_OF_A_FILE, "upload-offset-differs", "method-not-allowed"),
    ),
}  # fmt: skip
