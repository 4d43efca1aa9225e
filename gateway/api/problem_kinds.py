"""What can go wrong, as kinds of RFC 9457 problems, in Vietnamese and English."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Retry = Literal["never", "same-request", "after"]


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of problem: what it is and what to do about it."""

    status: int
    retry: Retry
    title_vi: str
    title_en: str
    remedy_vi: str
    remedy_en: str


KINDS: dict[str, Kind] = {
    "bad-request": Kind(
        status=400, retry="never",
        title_vi="Yêu cầu không đúng dạng", title_en="The request is not well formed",
        remedy_vi="Xem chi tiết trong «detail» và mô tả giao diện tại /schema.",
        remedy_en="See `detail`, and the description of the interface at /schema.",
    ),
    "digest-differs": Kind(
        status=400, retry="same-request",
        title_vi="Nội dung nhận được khác Content-Digest", title_en="The content received differs from Content-Digest",
        remedy_vi="Nội dung đã hỏng trên đường truyền: gửi lại nguyên vẹn.",
        remedy_en="The content was damaged on the way: send it again as it is.",
    ),
    "body-incomplete": Kind(
        status=400, retry="same-request",
        title_vi="Nội dung đến thiếu", title_en="The body did not arrive whole",
        remedy_vi="Kết nối bị ngắt giữa chừng; chưa nhận gì cả. Gửi lại.",
        remedy_en="The connection ended early; nothing was received. Send it again.",
    ),
    "unauthorized": Kind(
        status=401, retry="never",
        title_vi="Chưa xác thực", title_en="Not authenticated",
        remedy_vi="Lấy mã truy cập mới tại /oauth/token rồi gửi lại.",
        remedy_en="Get a new access token at /oauth/token, then send again.",
    ),
    "forbidden": Kind(
        status=403, retry="never",
        title_vi="Tài khoản không có quyền này", title_en="This client may not do that",
        remedy_vi="Dùng tài khoản có vai trò hoặc cơ quan phù hợp.",
        remedy_en="Use a client with the right role or office.",
    ),
    "not-your-unit": Kind(
        status=403, retry="never",
        title_vi="Không được nộp thay đơn vị này", title_en="This client does not speak for that unit",
        remedy_vi="Kiểm tra mã đơn vị, hoặc đề nghị gắn đơn vị với tài khoản.",
        remedy_en="Check the unit code, or ask for the unit to be registered for this client.",
    ),
    "not-found": Kind(
        status=404, retry="never",
        title_vi="Không có", title_en="Not there",
        remedy_vi="Kiểm tra mã; hồ sơ của đơn vị khác không hiện ra với tài khoản này.",
        remedy_en="Check the id; dossiers of other units are not shown to this client.",
    ),
    "method-not-allowed": Kind(
        status=405, retry="never",
        title_vi="Không dùng phương thức này ở đây", title_en="That method is not for this path",
        remedy_vi="Xem mô tả giao diện tại /schema.", remedy_en="See the description of the interface at /schema.",
    ),
    "sender-too-slow": Kind(
        status=408, retry="same-request",
        title_vi="Gửi quá chậm", title_en="The sender was too slow",
        remedy_vi="Chưa nhận gì cả. Kiểm tra đường truyền rồi gửi lại.",
        remedy_en="Nothing was received. Check the line, then send again.",
    ),
    "lease-lost": Kind(
        status=409, retry="never",
        title_vi="Lượt nhận việc đã hết", title_en="The lease has ended",
        remedy_vi="Việc có thể đã giao cho người khác: nhận lượt mới.",
        remedy_en="The work may be in other hands: take a new lease.",
    ),
    "too-long-for-pdf": Kind(
        status=406, retry="never",
        title_vi="Quá dài để in ra PDF", title_en="Too long for a PDF",
        remedy_vi="Lấy bản HTML (Accept: text/html) rồi in từ trình duyệt.",
        remedy_en="Take the HTML (Accept: text/html), print it in a browser.",
    ),
    "upload-elsewhere": Kind(
        status=404, retry="after",
        title_vi="Phần đã tải lên nằm ở máy khác", title_en="The upload's bytes are on another machine",
        remedy_vi="Gửi qua đúng máy đã mở lượt tải lên này (theo đường dẫn), hoặc tải lên lại từ đầu.",
        remedy_en="Send it to the machine that began this upload (route by its path), or begin a new one.",
    ),
    "upload-offset-differs": Kind(
        status=409, retry="never",
        title_vi="Phần gửi không nối tiếp phần đã nhận", title_en="This part does not begin where the upload ends",
        remedy_vi="Hỏi Upload-Offset bằng HEAD rồi gửi tiếp từ đó.",
        remedy_en="Ask for Upload-Offset with HEAD, and go on from there.",
    ),
    "upload-incomplete": Kind(
        status=409, retry="never",
        title_vi="Chưa tải lên đủ", title_en="Not all of the upload is here",
        remedy_vi="Tải lên phần còn lại rồi nộp.", remedy_en="Upload the rest, then submit it.",
    ),
    "uploads-too-many": Kind(
        status=409, retry="never",
        title_vi="Quá nhiều lượt tải lên đang mở", title_en="Too many uploads are open",
        remedy_vi="Nộp, hoặc bỏ (DELETE) một lượt đang mở, rồi mở lượt mới.",
        remedy_en="Submit one or give one up (DELETE), then begin anew.",
    ),
    "upload-received": Kind(
        status=410, retry="never",
        title_vi="Lượt tải lên này đã nộp và đã nhận", title_en="This upload was submitted and received",
        remedy_vi="Nộp lại lượt này thì được đúng biên nhận cũ.",
        remedy_en="Submit it again and the identical receipt is given.",
    ),
    "tus-version": Kind(
        status=412, retry="never",
        title_vi="Cần tus 1.0.0", title_en="tus 1.0.0 is needed",
        remedy_vi="Gửi kèm Tus-Resumable: 1.0.0.", remedy_en="Send Tus-Resumable: 1.0.0.",
    ),
    "range-not-satisfiable": Kind(
        status=416, retry="never",
        title_vi="Khoảng byte không có trong nội dung", title_en="The content has no such range",
        remedy_vi="Content-Range cho biết nội dung dài bao nhiêu.", remedy_en="Content-Range tells how long it is.",
    ),
    "upload-busy": Kind(
        status=423, retry="after",
        title_vi="Lượt tải lên đang được xử lý", title_en="Another request is at work on this upload",
        remedy_vi="Đợi theo Retry-After rồi thử lại.", remedy_en="Wait as Retry-After says, then try again.",
    ),
    "upload-checksum-differs": Kind(
        status=460, retry="same-request",
        title_vi="Phần gửi khác Upload-Checksum", title_en="The part differs from Upload-Checksum",
        remedy_vi="Phần này đã hỏng trên đường truyền và đã bị bỏ: gửi lại phần ấy.",
        remedy_en="This part was damaged on the way and dropped: send it again.",
    ),
    "content-erased": Kind(
        status=410, retry="never",
        title_vi="Nội dung đã được xoá theo thời hạn lưu trữ", title_en="The content was erased",
        remedy_vi="Không lấy lại được; biên nhận và việc xoá vẫn kiểm được.",
        remedy_en="It cannot be had again; the receipt and the erasure can still be verified.",
    ),
    "body-too-large": Kind(
        status=413, retry="never",
        title_vi="Hồ sơ quá lớn", title_en="The dossier is too large",
        remedy_vi="Giảm dung lượng tệp đính kèm.", remedy_en="Make the attachments smaller.",
    ),
    "media-type": Kind(
        status=415, retry="never",
        title_vi="Kiểu nội dung không được nhận", title_en="That media type is not received",
        remedy_vi="Gửi với Content-Type: application/xml.", remedy_en="Send with Content-Type: application/xml.",
    ),
    "malformed": Kind(
        status=422, retry="never",
        title_vi="Không đọc được XML", title_en="The XML cannot be read",
        remedy_vi="Xem «findings»: dòng nào, chữ nào, sửa ra sao.",
        remedy_en="See `findings`: which line, which character, how to mend it.",
    ),
    "signature-refused": Kind(
        status=422, retry="never",
        title_vi="Chữ ký số không được chấp nhận", title_en="A signature was refused",
        remedy_vi="Xem «verdict»: chữ ký nào, vì sao; sửa rồi ký lại.",
        remedy_en="See `verdict`: which signature and why; mend it and sign again.",
    ),
    "findings": Kind(
        status=422, retry="never",
        title_vi="Hồ sơ có lỗi", title_en="The dossier has errors",
        remedy_vi="Xem «findings»: mọi lỗi được liệt kê một lần.",
        remedy_en="See `findings`: every error, in one pass.",
    ),
    "cannot-follow": Kind(
        status=409, retry="never",
        title_vi="Hồ sơ không ở trạng thái cho phép việc này", title_en="That cannot follow from its state",
        remedy_vi="Xem trạng thái hiện nay của hồ sơ; muốn sửa điều đã báo thì dùng «corrects».",
        remedy_en="See where the dossier stands; what was reported wrongly is mended with `corrects`.",
    ),
    "report-unfit": Kind(
        status=422, retry="never",
        title_vi="Báo cáo thiếu hoặc sai một mục", title_en="The report lacks something, or says what cannot be",
        remedy_vi="«detail» nêu mục và lý do; chưa ghi gì cả. Sửa rồi gửi lại.",
        remedy_en="`detail` names the member and why; nothing was written. Mend it and send it again.",
    ),
    "result-refused": Kind(
        status=422, retry="never",
        title_vi="Tệp kết quả không được nhận", title_en="A file of the result is not taken",
        remedy_vi="«detail» nêu tệp và lý do. Ký số tệp bằng chứng thư số của cơ quan rồi báo lại.",
        remedy_en="`detail` names the file and why. Sign it with the agency's certificate, then report again.",
    ),
    "pickup-forged": Kind(
        status=422, retry="never",
        title_vi="Chữ ký giao nhận không đúng", title_en="The signature of the pick-up does not hold",
        remedy_vi="Ký {lease, dossier, sha256} bằng khóa đã đăng ký của tài khoản, hoặc bỏ trống.",
        remedy_en="Sign {lease, dossier, sha256} with the client's registered key, or leave it out.",
    ),
    "not-open": Kind(
        status=409, retry="never",
        title_vi="Hồ sơ đã kết thúc, không thể bổ sung hoặc rút", title_en="The dossier has ended",
        remedy_vi="Xem trạng thái hồ sơ; nếu cần thì nộp hồ sơ mới.",
        remedy_en="See where it stands; if need be, file a new one.",
    ),
    "received-before": Kind(
        status=409, retry="never",
        title_vi="Các byte này đã được nhận cho việc khác", title_en="These bytes were received as something else",
        remedy_vi="Biên nhận nêu trong «detail». Lập và ký nội dung riêng cho hồ sơ này.",
        remedy_en="`detail` names their receipt. Make and sign a content of its own for this dossier.",
    ),
    "register-too-long": Kind(
        status=422, retry="never",
        title_vi="Sổ quá dài", title_en="The register is too long",
        remedy_vi="Tối đa 50.000 hồ sơ và 366 ngày: hỏi khoảng ngày ngắn hơn.",
        remedy_en="50,000 dossiers and 366 days at most: ask for a shorter span.",
    ),
    "register-in-parts": Kind(
        status=422, retry="never",
        title_vi="Sổ có nhiều quyển", title_en="The register fills several papers",
        remedy_vi="«detail» nêu số hồ sơ / số quyển: hỏi từng quyển bằng «part», từ 1, hoặc lấy CSV.",
        remedy_en="`detail` tells dossiers / parts: ask for each by `part`, from 1, or for CSV.",
    ),
    "key-reused": Kind(
        status=422, retry="never",
        title_vi="Idempotency-Key đã dùng cho yêu cầu khác",
        title_en="This Idempotency-Key was used for another request",
        remedy_vi="Dùng khoá mới cho yêu cầu mới.", remedy_en="Use a new key for a new request.",
    ),
    "too-many-requests": Kind(
        status=429, retry="after",
        title_vi="Quá số lượt trong phút này", title_en="This minute's requests are used up",
        remedy_vi="Đợi theo Retry-After rồi gửi lại.", remedy_en="Wait as Retry-After says, then send again.",
    ),
    "internal": Kind(
        status=500, retry="same-request",
        title_vi="Lỗi phía cổng", title_en="A fault of ours",
        remedy_vi="Gửi lại; nếu vẫn lỗi, báo mã «correlation_id» cho cơ quan vận hành.",
        remedy_en="Send it again; if it persists, tell the operator the `correlation_id`.",
    ),
    "content-unreadable": Kind(
        status=500, retry="never",
        title_vi="Nội dung đã lưu không đọc lại được nguyên vẹn", title_en="Kept content does not read back whole",
        remedy_vi="Báo mã «correlation_id» cho cơ quan vận hành ngay.",
        remedy_en="Tell the operator the `correlation_id` at once.",
    ),
    "scanner-away": Kind(
        status=503, retry="after",
        title_vi="Phần mềm quét mã độc tạm thời không trả lời", title_en="The malware scanner does not answer",
        remedy_vi="Chưa nhận gì cả. Đợi theo Retry-After rồi gửi lại đúng các byte này.",
        remedy_en="Nothing was received. Wait as Retry-After says, then send the same bytes again.",
    ),
    "store-away": Kind(
        status=503, retry="after",
        title_vi="Kho lưu trữ tạm thời không dùng được", title_en="The store is away",
        remedy_vi="Chưa nhận gì cả. Gửi lại đúng nội dung này sau.",
        remedy_en="Nothing was accepted. Send the same content again later.",
    ),
    "store-full": Kind(
        status=503, retry="after",
        title_vi="Kho lưu trữ đã đầy", title_en="The store is full",
        remedy_vi="Chưa nhận gì cả. Gửi lại đúng nội dung này sau.",
        remedy_en="Nothing was accepted. Send the same content again later.",
    ),
    "database-away": Kind(
        status=503, retry="after",
        title_vi="Cơ sở dữ liệu tạm thời không dùng được", title_en="The database is away",
        remedy_vi="Nếu chưa nhận được biên nhận, gửi lại đúng nội dung này: sẽ có đúng một hồ sơ.",
        remedy_en="Unless you hold a receipt, send the same content again: there will be exactly one dossier.",
    ),
    "numbers-exhausted": Kind(
        status=503, retry="after",
        title_vi="Hết số biên nhận của hôm nay", title_en="Today's receipt numbers are used up",
        remedy_vi="Chưa có gì được tiếp nhận. Gửi lại đúng nội dung này vào ngày mai.",
        remedy_en="Nothing was accepted. Send the same content again tomorrow.",
    ),
    "not-tracked": Kind(
        status=404, retry="never",
        title_vi="Không có hồ sơ với số và mã này", title_en="No dossier with this number and code",
        remedy_vi="So lại số biên nhận và mã tra cứu với biên nhận.", remedy_en="Compare both with the receipt.",
    ),
    "webhook-refused": Kind(
        status=422, retry="never",
        title_vi="Webhook không làm được như yêu cầu", title_en="The webhook cannot be as it was asked for",
        remedy_vi="Xem «detail»; loại sự việc là tên trong GET /v1/events.",
        remedy_en="See `detail`; types are those of GET /v1/events.",
    ),
    "address-refused": Kind(
        status=422, retry="never",
        title_vi="Cổng không gửi tới địa chỉ này", title_en="The gateway does not send to that address",
        remedy_vi="Cần https tới máy chủ công khai, cổng 443 hoặc 8443; máy nội bộ phải do đơn vị vận hành khai.",
        remedy_en="https to a public host, port 443 or 8443; a private host must be listed by the operator.",
    ),
    "webhooks-too-many": Kind(
        status=409, retry="never",
        title_vi="Quá nhiều webhook", title_en="Too many webhooks",
        remedy_vi="Ngừng một webhook không dùng nữa rồi tạo mới.", remedy_en="Disable one, then make another.",
    ),
    "was-received": Kind(
        status=409, retry="never",
        title_vi="Cổng đã nhận nội dung này", title_en="The gateway did receive this",
        remedy_vi="Không có bằng chứng không tiếp nhận: hãy lấy biên nhận hoặc thông báo của hồ sơ.",
        remedy_en="There is no proof of non-receipt: ask for the dossier's receipt or notice.",
    ),
    "not-closed-yet": Kind(
        status=409, retry="after",
        title_vi="Khoảng thời gian này chưa được khóa sổ", title_en="This span has not been closed yet",
        remedy_vi="Cổng khóa sổ mỗi giờ: hỏi lại sau khi hết giờ.",
        remedy_en="The books are closed every hour: ask again when the hour is over.",
    ),
    "not-made-yet": Kind(
        status=503, retry="after",
        title_vi="Thống kê chưa được lập lần nào", title_en="The statistics were never made yet",
        remedy_vi="Cổng lập thống kê mỗi giờ một lần: hỏi lại sau ít phút.",
        remedy_en="The gateway makes them once an hour: ask again in a few minutes.",
    ),
    "absence-unprovable": Kind(
        status=409, retry="never",
        title_vi="Không chứng minh được cho khoảng này", title_en="Nothing can be proved for this span",
        remedy_vi="Một kỳ trong khoảng không có cây chứng minh, hoặc dùng khóa khác: hỏi khoảng ngắn hơn.",
        remedy_en="A closing of the span has no tree, or one under another key: ask for less.",
    ),
}  # fmt: skip
