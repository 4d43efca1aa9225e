"""The words of the interface's description: parameters, headers, and what each field means, in both languages."""

from __future__ import annotations

from typing import Any

from gateway.api.described_postal_announcements import ANNOUNCEMENT_MEANINGS
from gateway.api.described_postal_handlings import HANDLINGS_MEANINGS
from gateway.api.described_postal_items import ITEM_MEANINGS
from gateway.api.described_postal_mailroom import MAILROOM_MEANINGS
from gateway.api.described_postal_manifests import MANIFEST_MEANINGS
from gateway.api.described_postal_returns import POSTAL_RETURN_MEANINGS
from gateway.api.described_shapes import Words
from gateway.api.described_webhooks import WEBHOOK_MEANINGS

Json = dict[str, Any]

PARAMETERS: dict[str, Json] = {
    "batch": {
        "name": "batch",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 9999},
        "description": "đợt trong kỳ; không ghi thì cổng cấp đợt tiếp theo của đơn vị, thủ tục và kỳ, và cho biết · "
        "which filing of the period this is; absent, the next in unit, procedure and period is given and told",
    },
    "half_of": {
        "name": "half_of",
        "in": "query",
        "schema": {"type": "string", "pattern": "^d-[a-z2-7]{26}$"},
        "description": "mã hồ sơ giấy (đã báo trước hoặc đã đến) mà đây là nửa điện tử · the paper dossier, announced "
        "or come, whose electronic half this is",
    },
    "Content-Digest": {
        "name": "Content-Digest",
        "in": "header",
        "schema": {"type": "string", "examples": ["sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"]},
        "description": "RFC 9530, `sha-256` hoặc `sha-512`; có thì được kiểm · RFC 9530; checked if given",
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "description": "cùng khoá, cùng yêu cầu: đúng câu trả lời cũ; yêu cầu khác: 422 · "
        "same key and request, same answer; another request, 422",
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "schema": {"type": "string", "examples": ['"5f3c0a0d1b2e4c6f8a9b0c1d2e3f4a5b"']},
        "description": "`ETag` của bản đã lưu: vẫn đúng thì 304, không gửi lại nội dung · "
        "the `ETag` of what you hold: 304 and no body while it is still right",
    },
    "why": {
        "name": "why",
        "in": "query",
        "schema": {"type": "string", "maxLength": 200},
        "description": "vì sao xem: được ghi lại và cho đơn vị thấy; đừng ghi tên người · "
        "why it is read: written down, and shown to the unit; name no person",
    },
    "Reading-Reason": {
        "name": "Reading-Reason",
        "in": "header",
        "schema": {"type": "string", "maxLength": 2000},
        "description": "như `why`, UTF-8 viết theo phần trăm · as `why`, percent-encoded UTF-8",
    },
    "Range": {
        "name": "Range",
        "in": "header",
        "schema": {"type": "string", "examples": ["bytes=0-1048575"]},
        "description": "một khoảng byte (RFC 9110 mục 14) · one range of bytes (RFC 9110 §14)",
    },
    "If-Range": {
        "name": "If-Range",
        "in": "header",
        "schema": {"type": "string"},
        "description": "`ETag` của phần đã có: khác thì gửi cả hồ sơ · "
        "the `ETag` of what you hold: if it is another, all is sent",
    },
    "Tus-Resumable": {
        "name": "Tus-Resumable",
        "in": "header",
        "required": True,
        "schema": {"const": "1.0.0"},
        "description": "phiên bản tus · the version of tus",
    },
    "Upload-Length": {
        "name": "Upload-Length",
        "in": "header",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "description": "tổng số byte · how many bytes there will be",
    },
    "Upload-Offset": {
        "name": "Upload-Offset",
        "in": "header",
        "schema": {"type": "integer", "minimum": 0},
        "description": "phần này bắt đầu từ byte nào; PATCH phải nêu · where this part begins; PATCH must say it",
    },
    "Upload-Metadata": {
        "name": "Upload-Metadata",
        "in": "header",
        "schema": {"type": "string", "maxLength": 1024},
        "description": "các cặp khoá và giá trị base64; đừng ghi tên người · keys with base64 values; name no person",
    },
    "Upload-Checksum": {
        "name": "Upload-Checksum",
        "in": "header",
        "schema": {"type": "string", "examples": ["sha256 X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="]},
        "description": "sha256 hoặc sha1 của phần này; khác thì bỏ cả phần · of this part; it is dropped if it differs",
    },
    "X-HTTP-Method-Override": {
        "name": "X-HTTP-Method-Override",
        "in": "header",
        "required": True,
        "schema": {"enum": ["PATCH", "DELETE"]},
        "description": "phương thức muốn dùng · the method that is meant",
    },
    "Accept-Language": {
        "name": "Accept-Language",
        "in": "header",
        "schema": {"type": "string", "default": "vi", "examples": ["vi", "en"]},
        "description": "lời văn bằng tiếng Việt, hoặc tiếng Anh · messages in Vietnamese, or in English",
    },
}

HEADERS: dict[str, tuple[str, str, Json]] = {
    "Location": ("đường dẫn của hồ sơ", "the dossier's path", {"type": "string", "format": "uri-reference"}),
    "Content-Digest": ("RFC 9530", "", {"type": "string"}),
    "Repr-Digest": ("RFC 9530, của cả hồ sơ", "RFC 9530, of the whole", {"type": "string"}),
    "Accept-Ranges": ("nhận hỏi theo khoảng", "ranges may be asked for", {"const": "bytes"}),
    "Content-Range": ("khoảng được gửi", "the range that is sent", {"type": "string"}),
    "Tus-Resumable": ("phiên bản tus", "the version of tus", {"const": "1.0.0"}),
    "Upload-Offset": ("số byte đã giữ bền", "how much is durable", {"type": "integer", "minimum": 0}),
    "Upload-Length": ("tổng số byte", "how much there will be", {"type": "integer", "minimum": 0}),
    "Upload-Expires": ("giữ đến lúc nào (RFC 9110)", "until when it is kept (RFC 9110)", {"type": "string"}),
    "X-Correlation-Id": ("báo mã này khi cần trợ giúp", "name it when you ask for help", {"type": "string"}),
    "Content-Language": ("ngôn ngữ của lời văn", "the language of the messages", {"enum": ["vi", "en"]}),
    "WWW-Authenticate": ("cách xác thực", "how to authenticate", {"type": "string"}),
    "Retry-After": ("số giây phải đợi", "seconds to wait", {"type": "integer", "minimum": 0}),
    "RateLimit-Limit": ("số lượt mỗi phút", "requests a minute", {"type": "integer", "minimum": 0}),
    "RateLimit-Remaining": ("số lượt còn lại trong phút này", "requests left", {"type": "integer", "minimum": 0}),
    "RateLimit-Reset": ("số giây đến phút sau", "seconds to the next minute", {"type": "integer", "minimum": 0}),
    "Cache-Control": (
        "được lưu bao lâu",
        "how long it may be kept",
        {"type": "string", "pattern": "^(no-store|public, max-age=[0-9]+(, immutable)?)$"},
    ),
    "ETag": ("đổi khi nội dung đổi", "another for another body", {"type": "string", "pattern": '^"[0-9a-f]{32}"$'}),
    "X-Seal-Level": ("niêm phong của gói", "the bundle's seal", {"enum": ["XAdES-B-B", "XAdES-B-T"]}),
    "Pragma": ("không lưu đệm", "not to be cached", {"const": "no-cache"}),
}

# Of fields and parameters, by name, or by `Struct.name` where a name has two meanings.
MEANINGS: dict[str, Words] = {
    "printed": ("loại và số của phiếu: refusal-12.pdf", "the paper's kind and number: refusal-12.pdf"),
    "PaperListed.kind": ("loại phiếu", "what kind of paper"),
    "paper_sha256": ("SHA-256 của tệp phiếu, khi đã lập", "the SHA-256 of the paper's file, once made"),
    "tile": ("tầng, số và độ rộng của mảnh: 0/000, 1/x001/000.p/5, entries/000", "the tile's level, number and width"),
    "which": ("số của nhật ký, như ở /v1/log/origins", "the origin's number, as /v1/log/origins has it"),
    "OriginShown.number": ("số của nhật ký", "the origin's number"),
    "OriginShown.statement": ("văn bản công bố nhật ký: JWS dạng gọn", "the origin's statement: a compact JWS"),
    "vkey": ("khóa kiểm của nhật ký (C2SP signed-note)", "the log's key (C2SP signed-note)"),
    "logged": ("đã có trong một cây đã ký", "whether it is in a signed tree"),
    "log_by": ("chậm nhất sẽ có trong nhật ký lúc nào", "when it will be in the log at the latest"),
    "ClosingLine.closing": ("số của kỳ khóa sổ", "the closing's number"),
    "ClosingWhole.closing": ("số của kỳ khóa sổ", "the closing's number"),
    "ClosingWhole.statement": ("văn bản của kỳ: JWS dạng gọn", "the closing's statement: a compact JWS"),
    "ClosingShown.statement": ("văn bản của kỳ: JWS dạng gọn", "the closing's statement: a compact JWS"),
    "ClosingWhole.lines": (
        "loại, kênh, cơ quan, đầu kỳ, vào, ra, cuối kỳ; văn bản nêu SHA-256 của đúng các byte này",
        "stock, channel, office, opening, in, out, closing; the statement names the SHA-256 of these very bytes",
    ),
    "from_seq": ("sau sự kiện số này", "after the fact of this number"),
    "upto_seq": ("đến sự kiện số này", "up to the fact of this number"),
    "gaps": ("số chỗ lệch", "how many stocks do not meet"),
    "arrived": ("số giá trị trong cây chứng minh", "how many values are in the tree of keyed hashes"),
    "AbsenceProof.value": ("giá trị băm của nội dung, hex", "the item's keyed hash, in hex"),
    "AbsenceProof.item": ("nội dung được chứng minh là không có", "what is proved to be missing"),
    "AbsenceProof.proof": (
        "chữ ký RSASSA-PKCS1-v1_5 (base64url) chứng minh giá trị là của nội dung",
        "the signature (RSASSA-PKCS1-v1_5, base64url) that shows whose the value is",
    ),
    "AbsenceProof.not_covered": ("từ lúc này chưa khóa sổ", "from here on nothing is closed yet"),
    "AbsenceProof.origins": ("văn bản công bố khóa của nhật ký", "the statements that announce the log's keys"),
    "ClosingShown.log_proof": (
        "bằng chứng có trong nhật ký (C2SP tlog-proof)",
        "that it is in the log (C2SP tlog-proof)",
    ),
    "AbsenceProof.not_provable": ("điều không thể chứng minh", "what cannot be shown"),
    "NeighbourShown.value": ("giá trị đứng cạnh trong cây, hex", "the value beside it in the tree, in hex"),
    "upload": ("mã lượt tải lên", "the upload's id"),
    "durable_bytes": ("số byte đã giữ bền", "how many bytes are durable"),
    "ends_at": ("giữ đến lúc nào", "until when it is kept"),
    "dossier": ("mã hồ sơ tại cổng", "the gateway's id of the dossier"),
    "announcement": ("mã báo trước", "the announcement's id"),
    "receipt_number": ("số biên nhận", "the receipt's number"),
    "receipt": ("biên nhận: JWS dạng gọn", "the receipt: a compact JWS"),
    "judgement": (
        "kết luận về hồ sơ phải chờ: JWS dạng gọn, nêu số biên nhận",
        "what was judged of a dossier that had to wait: a compact JWS that names the receipt",
    ),
    "erased_at": ("lúc nội dung bị xóa", "when the content was erased"),
    "judgement_number": ("số của kết luận", "the judgement's number"),
    "media_type": ("loại nội dung", "what kind of content it is"),
    "notice": ("thông báo từ chối: JWS dạng gọn", "the notice of refusal: a compact JWS"),
    "notice_number": ("số thông báo", "the notice's number"),
    "DossierShown.receipt": ("biên nhận, hoặc thông báo từ chối", "the receipt, or the notice of refusal"),
    "state": ("trạng thái của hồ sơ", "where the dossier stands"),
    "received_at": ("thời điểm nhận", "when it was received"),
    "due_at": ("hạn trả kết quả", "when the result is due"),
    "sha256": ("SHA-256 của các byte, 64 chữ số thập lục phân", "SHA-256 of the bytes, 64 hex digits"),
    "size_bytes": ("số byte", "size in bytes"),
    "batch": ("đợt trong kỳ; của tệp quét: tên tập", "which filing of the period this is; of scans: the pile's name"),
    "follows": ("mã hồ sơ mà hồ sơ này tiếp theo", "the dossier that this one follows"),
    "competent_office": ("mã cơ quan BHXH thụ lý", "the competent office's code"),
    "procedure": ("mã thủ tục", "the procedure's code"),
    "procedure_version": ("phiên bản thủ tục", "the procedure's version"),
    "unit": ("mã đơn vị", "the unit's code"),
    "period": ("kỳ, MM/yyyy", "the period, MM/yyyy"),
    "channel": ("kênh tiếp nhận", "how it came"),
    "submitter": ("tài khoản đã nộp", "the client that submitted it"),
    "office": ("mã cơ quan BHXH", "the office's code"),
    "lease": ("mã lượt nhận việc", "the lease's id"),
    "lease_until": ("lượt nhận có hạn đến", "when the lease ends"),
    "lease_s": ("lượt nhận dài bao nhiêu giây", "how long a lease runs, in seconds"),
    "attempt": ("lần giao thứ mấy", "how often it was handed out"),
    "content_url": ("nơi lấy các byte", "where the bytes are"),
    "max": ("nhiều nhất bao nhiêu hồ sơ", "how many at most"),
    "after": ("số của sự việc cuối đã thấy", "the number of the last fact that was seen"),
    "wait_s": ("chờ tối đa bao nhiêu giây", "how long to wait, in seconds"),
    "next": ("lần sau hỏi với `after` này", "ask on with this `after`"),
    "seq": ("số thứ tự ghi nhận", "its place in commit order"),
    "complete_until": ("đến số này không thiếu gì", "up to this number nothing is missing"),
    "verdict": ("kết luận về chữ ký", "the verdict on the signatures"),
    "indication": ("kết luận theo EN 319 102-1", "the indication of EN 319 102-1"),
    "sub_indication": ("lý do theo EN 319 102-1", "the sub-indication of EN 319 102-1"),
    "findings": ("mọi lỗi, trong một lần", "everything that is wrong, in one pass"),
    "FindingShown.code": ("mã lỗi, không đổi theo thời gian", "a stable code"),
    "file": ("tên tệp trong phong bì", "the file's name in the envelope"),
    "form": ("mã biểu mẫu", "the form's code"),
    "row": ("dòng thứ mấy trong bảng, từ 1", "the row of the table, from 1"),
    "row_name": ("họ tên ở dòng ấy", "the name in that row"),
    "column": ("tên phần tử", "the element's name"),
    "column_label": ("tên cột trên mẫu giấy", "the column's label on the paper form"),
    "pointer": ("XPath", "XPath"),
    "line": ("dòng trong tệp XML", "the line in the XML file"),
    "value": ("giá trị, cắt còn 100 ký tự", "the value, cut to 100 characters"),
    "fix": ("cách sửa", "how to mend it"),
    "certificate_sha256": ("SHA-256 của chứng thư số", "SHA-256 of the certificate"),
    "signing_time_claimed": ("thời điểm ký do bên ký ghi", "the signing time that the signer claims"),
    "tax_codes": ("mã số thuế trong chứng thư", "the tax codes in the certificate"),
    "code": ("mã", "the code"),
    "Problem.type": ("trang giải thích lỗi này", "the page that explains it"),
    "RefusedDossier.type": ("trang giải thích lỗi này", "the page that explains it"),
    "correlation_id": ("báo mã này khi cần trợ giúp", "name it when you ask for help"),
    "retry": ("không gửi lại, gửi lại y nguyên, hoặc gửi lại sau", "whether to try again"),
    "must": ("biểu mẫu bắt buộc", "the forms that must be there"),
    "may": ("biểu mẫu được kèm", "the forms that may be there"),
    "time_limit_working_days": ("thời hạn giải quyết, ngày làm việc", "the time limit in working days"),
    "paper": ("1: của biên nhận; 2: kèm kết luận", "1: the receipt's; 2: the judgement's"),
    "key": ("chỉ có trong mã QR của bản in", "it stands in the paper's QR code alone"),
    "StatementShown.kind": ("receipt: biên nhận; notice: không tiếp nhận", "receipt, or notice of refusal"),
    "StatementShown.receipt_number": ("số biên nhận hoặc thông báo", "the receipt's or notice's number"),
    "statement_sha256": ("SHA-256 của bản điện tử (JWS)", "SHA-256 of the electronic original (JWS)"),
    "ReadingShown.number": ("lần xem thứ mấy của hồ sơ", "which reading of the dossier this is"),
    "ReadingShown.client": ("tài khoản", "the client"),
    "ReadingShown.what": ("phần nào của hồ sơ", "what was given out"),
    "ReadingShown.why": (
        "lý do người xem nêu; không nêu: own (bên của hồ sơ), work (cơ quan đang thụ lý), unsaid",
        "the reader's reason; if it gave none: own (a party), work (the office has it in hand), unsaid",
    ),
    "ReadingShown.correlation": ("mã có trong câu trả lời ấy", "the id that the answer carried"),
    "number": (
        "số thứ tự của tệp trong hồ sơ; khi tra cứu: số biên nhận; bưu gửi: số bưu gửi",
        "the file's number in the dossier; in tracking, the receipt's; of a postal item, its own",
    ),
    "version": ("phiên bản", "the version"),
    "on": ("vào ngày nào, yyyy-MM-dd; mặc định: hôm nay", "on which day, yyyy-MM-dd; today if none is named"),
    "employees": ("bao nhiêu người lao động", "how many employees"),
    "unconfirmed": ("những điều chưa ai xác nhận", "the facts that nobody has confirmed"),
    "certainty": ("mức chắc chắn", "how sure it is"),
    "fact": ("mã để xác nhận", "the id under which it is confirmed"),
    "confirmed": ("ai đã xác nhận; null: chưa ai", "who confirmed it; null: nobody"),
    "severity": ("error: từ chối; warning: chỉ nhắc", "error refuses, warning only tells"),
    "RuleShown.role": ("mức khi đã chắc chắn", "what it means once it is sure"),
    "labels": ("tên cột trên mẫu giấy", "the words over each column on the paper form"),
    "valid_from": ("từ ngày", "its first day"),
    "valid_to": ("đến hết ngày", "its last day"),
    "FormShown.rows": ("các dòng ở đâu; null: không có", "where its rows are; null: it has none"),
    "decision": ("văn bản ban hành", "the decision that it rests on"),
    "channels": ("kênh nộp", "how it may be filed"),
    "also_called": ("tên gọi khác", "what it is also called"),
    "forms": ("thành phần hồ sơ", "the forms of its dossier"),
    "ProcedureShown.papers": ("giấy tờ kèm theo", "the supporting papers"),
    "inspection": ("có thẩm tra, xác minh không", "whether facts are verified on the spot"),
    "result_returned_by": ("trả kết quả bằng", "how the result comes back"),
    "retention_years": ("lưu bao nhiêu năm", "for how many years it is kept"),
    "national_ids": ("mã trên Cổng Dịch vụ công quốc gia", "its ids on the national portal"),
    "facts": ("từng điều, chắc đến đâu", "each fact, and how sure it is"),
    "versions": ("mọi phiên bản, mới nhất trước", "every version, the newest first"),
}
MEANINGS |= {"DocumentHeld.held": ("cổng có giữ không", "whether the gateway holds it")}
MEANINGS |= WEBHOOK_MEANINGS
MEANINGS |= ITEM_MEANINGS
MEANINGS |= MAILROOM_MEANINGS
MEANINGS |= MANIFEST_MEANINGS
MEANINGS |= HANDLINGS_MEANINGS
MEANINGS |= POSTAL_RETURN_MEANINGS
MEANINGS |= ANNOUNCEMENT_MEANINGS
