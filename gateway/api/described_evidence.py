"""The evidence bundle's door and the verifier's, as they are described."""

from __future__ import annotations

from gateway.api.described_shapes import Door, Said, bytes_of

_ASIC = "application/vnd.etsi.asic-e+zip"

EVIDENCE_DOORS: dict[str, Door] = {
    "show_evidence": Door(
        audience="parties", roles=("employer", "ivan", "office"), parameters=("why", "Reading-Reason"),
        vi="Gói bằng chứng",
        told_vi="Một tệp ASiC-E: các byte đã nhận, biên nhận, báo cáo chữ ký và căn cứ, mọi lỗi, diễn biến, cách tính "
        "ngày hẹn trả, bằng chứng trong nhật ký minh bạch, dấu thời gian; tất cả dưới niêm phong XAdES của cổng. Kiểm "
        "ngoại tuyến bằng `motcua verify`, bằng tệp ở /v1/verifier, hoặc phần mềm kiểm chữ ký thông dụng. Mỗi lần hỏi, "
        "gói được lập lại; lần đọc này được ghi vào sổ. `X-Time-Stamp: away`: tổ chức cấp dấu thời gian không trả lời.",
        answers={
            200: Said(
                words=("Gói bằng chứng", "the bundle"), schema=bytes_of(_ASIC), media_type=_ASIC,
                headers=("X-Seal-Level", "X-Correlation-Id", "Cache-Control"),
            )
        },
        problems=("not-found", "content-erased", "content-unreadable", "store-away"),
    ),
    "show_verifier": Door(
        audience="anyone",
        vi="Tệp kiểm chứng độc lập",
        told_vi="Một tệp Python ngắn, chỉ cần `cryptography` và `lxml`: kiểm biên nhận và gói bằng chứng ngoại tuyến, "
        "không cần tin phần mềm của cổng.",
        answers={
            200: Said(
                words=("Tệp Python", "the Python file"), schema=bytes_of("text/x-python"), media_type="text/x-python",
                headers=("Cache-Control",),
            )
        },
    ),
}  # fmt: skip
