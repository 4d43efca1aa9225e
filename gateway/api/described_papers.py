"""The doors to the papers of the desk, as they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.described_shapes import Door, Said, bytes_of

if TYPE_CHECKING:
    from gateway.callers import Role

_PARTIES: tuple[Role, ...] = ("employer", "ivan", "office")
_READING = ("why", "Reading-Reason")
_PDF = "application/pdf"
_CSV = "text/csv"
_OF_A_PAPER = ("not-found", "content-erased", "too-long-for-pdf", "content-unreadable", "store-away", "store-full")

PAPER_DOORS: dict[str, Door] = {
    "list_papers": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Các phiếu của một hồ sơ",
        told_vi="Những gì in được từ quyết định của cơ quan: phiếu yêu cầu bổ sung, phiếu từ chối, phiếu xin lỗi, mỗi "
        "báo cáo một phiếu; và phiếu kiểm soát.",
    ),
    "show_desk_paper": Door(
        audience="parties", roles=_PARTIES, parameters=_READING,
        vi="Phiếu bổ sung, từ chối, xin lỗi để in",
        told_vi="PDF/A có mã QR, mang số báo cáo có chữ ký số. Lập khi được hỏi lần đầu, về sau luôn đúng các byte ấy. "
        "Tên lấy ở danh sách: `supplement-request-<số>.pdf`, `refusal-<số>.pdf`, `apology-<số>.pdf`.",
        answers={
            200: Said(
                words=("Phiếu", "the paper"), schema=bytes_of(_PDF), media_type=_PDF,
                headers=("Content-Digest", "Cache-Control", "X-Correlation-Id"),
            )
        },
        problems=_OF_A_PAPER,
    ),
    "show_control_sheet": Door(
        audience="parties", roles=_PARTIES, parameters=_READING,
        vi="Phiếu kiểm soát quá trình giải quyết để in",
        told_vi="PDF/A: mỗi lần giao, nhận và đổi trạng thái, đến từng phút, từ ai sang ai. Lập mới mỗi lần hỏi, ghi "
        "rõ nói đến sự việc số mấy.",
        answers={
            200: Said(
                words=("Phiếu kiểm soát", "the control sheet"), schema=bytes_of(_PDF), media_type=_PDF,
                headers=("Cache-Control", "X-Correlation-Id"),
            )
        },
        problems=("not-found", "content-erased", "too-long-for-pdf"),
    ),
    "show_register": Door(
        audience="office", roles=("office", "operator"),
        vi="Sổ theo dõi hồ sơ để in",
        told_vi="Hồ sơ nhận trong các ngày từ `from` đến hết `to` (không ghi: hôm nay) mà cơ quan giải quyết, hoặc đã "
        "chuyển đi; `kind=non-territorial`: chỉ hồ sơ phi địa giới, kể cả hồ sơ cơ quan này nhận thay. Mỗi quyển một "
        "nghìn dòng; sổ có nhiều quyển thì hỏi từng quyển bằng `part`.",
        answers={
            200: Said(words=("Sổ, PDF/A", "the register, PDF/A"), schema=bytes_of(_PDF), media_type=_PDF,
                      headers=("Cache-Control",))
        },
        problems=("not-found", "too-long-for-pdf", "register-too-long", "register-in-parts"),
    ),
    "show_register_csv": Door(
        audience="office", roles=("office", "operator"),
        vi="Sổ theo dõi hồ sơ, CSV",
        told_vi="Cùng sổ ấy, trọn trong một tệp UTF-8 mở được bằng bảng tính; ô mà bảng tính sẽ coi là công thức có "
        "dấu nháy đứng trước.",
        answers={
            200: Said(words=("Sổ, CSV", "the register, CSV"), schema=bytes_of(_CSV), media_type=_CSV,
                      headers=("Cache-Control",))
        },
        problems=("register-too-long",),
    ),
    "check_report": Door(
        audience="anyone", problems=("not-found",),
        vi="Phiếu in này có thật không?",
        told_vi="Nơi mã QR trên phiếu bổ sung, từ chối, xin lỗi dẫn tới: cổng đã ký gì dưới số ấy, và hồ sơ đang ở "
        "đâu. `key` chỉ có trong mã QR; sai thì như không có. HTML hoặc JSON theo `Accept`; không nêu tên và lý do.",
        answers={
            200: Said(words=("Điều đã ký", "what was sealed"), schema="ReportShown", headers=("Cache-Control",),
                      or_as=("text/html",))
        },
    ),
}  # fmt: skip
