"""What the framework cannot see of a door: whom it is for, raw bodies, headers, answers, problems; and the words.

The key of a door is the name of its handler.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from gateway.callers import Role

Words = tuple[str, str]
Json = dict[str, Any]


class Said(Struct, frozen=True, kw_only=True):
    """One answer that is no problem: its words (Vietnamese, English), the schema's name or the schema, the headers."""

    words: Words
    schema: str | Json
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()


class Door(Struct, frozen=True, kw_only=True):
    """One door. Without roles it is open to anyone. `answers` stand for those that the framework cannot see."""

    audience: str
    vi: str = ""
    told_vi: str = ""
    roles: tuple[Role, ...] = ()
    body: Literal["", "dossier", "token"] = ""
    parameters: tuple[str, ...] = ()
    answers: dict[int, Said] = {}
    problems: tuple[str, ...] = ()


AUDIENCES: dict[str, Words] = {
    "access": ("Xác thực", "Access"),
    "employer": ("Đơn vị sử dụng lao động và tổ chức I-VAN", "Employers and I-VANs"),
    "parties": ("Các bên của hồ sơ", "The parties of a dossier"),
    "office": ("Cơ quan bảo hiểm xã hội", "The social-insurance offices"),
    "operator": ("Vận hành", "Operators"),
    "anyone": ("Mọi người", "Anyone"),
}
ROLE_WORDS: dict[str, Words] = {
    "employer": ("đơn vị", "employer"),
    "ivan": ("tổ chức I-VAN", "I-VAN"),
    "post": ("bưu chính", "post"),
    "office": ("cơ quan BHXH", "office"),
    "operator": ("vận hành", "operator"),
}

_SENDERS: tuple[Role, ...] = ("employer", "ivan")
_PARTIES: tuple[Role, ...] = ("employer", "ivan", "office", "operator")
_OF_A_BODY = ("digest-differs", "body-incomplete", "sender-too-slow", "body-too-large", "media-type", "store-full")
_RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_RECEIVED_HEADERS = ("Location", "X-Correlation-Id", *_RATE)
_NO_STORE = ("Cache-Control", "Pragma")
_WELL: Json = {
    "type": "object",
    "properties": {"ready": {"const": True}, "committed": {"type": "integer", "minimum": 0}},
    "required": ["ready", "committed"],
}
_UNWELL: Json = {
    "type": "object",
    "properties": {"ready": {"const": False}, "away": {"type": "string"}},
    "required": ["ready", "away"],
}


def bytes_of(media_type: str) -> Json:
    """Bytes that are no JSON."""
    return {"type": "string", "format": "binary", "contentMediaType": media_type}


DOORS: dict[str, Door] = {
    "token": Door(
        audience="access", body="token",
        vi="Lấy mã truy cập",
        told_vi="Xác thực bằng HTTP Basic (`client_id`, `client_secret`) hoặc bằng `client_assertion` đã ký "
        "(private_key_jwt, RFC 7523). Mã có hạn ngắn: hết hạn thì lấy mã mới. Lỗi viết theo RFC 6749 mục 5.2.",
        answers={
            200: Said(words=("Mã truy cập", "the access token"), schema="Granted", headers=_NO_STORE),
            400: Said(words=("Yêu cầu không đúng dạng", "not well formed"), schema="OAuthError", headers=_NO_STORE),
            401: Said(
                words=("Không nhận ra tài khoản", "the client is not known"),
                schema="OAuthError", headers=("WWW-Authenticate", *_NO_STORE),
            ),
            429: Said(
                words=("Quá số lượt trong phút này", "this minute's requests are used up"),
                schema="OAuthError", headers=("Retry-After", *_NO_STORE),
            ),
            503: Said(
                words=("Cơ sở dữ liệu tạm thời không dùng được", "the database is away"),
                schema="OAuthError", headers=("Retry-After", *_NO_STORE),
            ),
        },
    ),
    "submit_dossier": Door(
        audience="employer", roles=_SENDERS, body="dossier", parameters=("batch", "Content-Digest"),
        vi="Nộp hồ sơ đã ký",
        told_vi="Gửi đúng các byte của phong bì đã ký. Nhận được thì có biên nhận; gửi lại chính các byte đó thì được "
        "đúng biên nhận cũ; bị từ chối thì mọi lỗi được nêu trong một lần, kèm thông báo mang chữ ký của cổng. "
        "Lúc nào gửi lại cũng an toàn.",
        answers={
            201: Said(words=("Đã nhận: biên nhận", "received: the receipt"),
                      schema="Received", headers=_RECEIVED_HEADERS),
            200: Said(
                words=("Các byte này đã nhận trước đó: đúng biên nhận cũ",
                       "these bytes were received before: the identical receipt"),
                schema="Received", headers=_RECEIVED_HEADERS,
            ),
            202: Said(
                words=("Đã nhận, có biên nhận; chờ dữ liệu thu hồi chứng thư số để kết luận",
                       "received, with its receipt; to be judged when revocation data is there"),
                schema="Received", headers=_RECEIVED_HEADERS,
            ),
        },
        problems=(*_OF_A_BODY, "not-your-unit", "malformed", "signature-refused", "findings", "store-away"),
    ),
    "check_dossier": Door(
        audience="employer", roles=_SENDERS, body="dossier", parameters=("Content-Digest",),
        vi="Kiểm tra hồ sơ, không lưu gì",
        told_vi="Xét như khi nộp và trả về toàn bộ kết quả.",
        answers={200: Said(words=("Kết quả kiểm tra", "the report"), schema="Checked")},
        problems=_OF_A_BODY,
    ),
    "find_receipt": Door(
        audience="employer", roles=_SENDERS,
        vi="Cổng đã nhận các byte này chưa?",
        told_vi="Dành cho bên nộp đã mất câu trả lời: đúng biên nhận cũ. Với người ngoài thì như không có.",
        answers={200: Said(words=("Đúng biên nhận cũ", "the identical receipt"), schema="Received")},
        problems=("not-found",),
    ),
    "find_notices": Door(
        audience="parties", roles=_PARTIES,
        vi="Các byte này đã bị từ chối chưa?",
        told_vi="Mọi lần từ chối mà tài khoản này đã được báo, mới nhất trước, kèm thông báo mang chữ ký của cổng.",
    ),
    "list_dossiers": Door(
        audience="parties", roles=_PARTIES,
        vi="Danh sách hồ sơ",
        told_vi="Theo thứ tự ghi nhận; trang sau hỏi bằng `after=next`. Kỳ viết MM/yyyy.",
    ),
    "show_dossier": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Một hồ sơ",
        told_vi="Trạng thái, kết luận về chữ ký, thành phần, lỗi, và biên nhận đúng như khi cấp.",
    ),
    "show_receipt": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Biên nhận",
        told_vi="JWS dạng gọn (RFC 7515), đúng từng byte như khi cấp; kiểm bằng khoá tại /v1/keys.",
    ),
    "show_judgement": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Kết luận về hồ sơ phải chờ",
        told_vi="JWS dạng gọn, nêu số và mã băm của biên nhận; 404 với hồ sơ được kết luận ngay khi nhận.",
    ),
    "show_validation": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Báo cáo kiểm tra chữ ký (JSON)",
        told_vi="Mọi điều đã xét ở từng chữ ký và căn cứ của nó: thuật toán, mã băm, chuỗi chứng thư, dữ liệu thu hồi "
        "(tuổi, nguồn), các thời điểm, chính sách theo SHA-256. Hỏi lúc nào cũng như nhau.",
        answers={200: Said(words=("Báo cáo, bản 1", "the report, version 1"), schema={"type": "object"})},
    ),
    "show_validation_xml": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Báo cáo kiểm tra chữ ký theo ETSI TS 119 102-2",
        told_vi="Cùng nội dung, dạng XML, kèm chứng thư số và dữ liệu thu hồi.",
    ),
    "show_proof": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Một căn cứ của báo cáo",
        told_vi="Đúng các byte (DER) của chứng thư số, CRL, trả lời OCSP hoặc dấu thời gian mà báo cáo nêu.",
    ),
    "show_content": Door(
        audience="parties", roles=("employer", "ivan", "office"),
        vi="Các byte đã nhận",
        told_vi="Đúng các byte đã nhận, đã lưu và đã cấp biên nhận; `Content-Digest` là của chính các byte này.",
        answers={
            200: Said(
                words=("Các byte của hồ sơ", "the dossier's bytes"), schema=bytes_of("application/xml"),
                media_type="application/xml", headers=("Content-Digest",),
            )
        },
        problems=("not-found", "content-unreadable", "store-away"),
    ),
    "dossier_events": Door(
        audience="parties", roles=_PARTIES, problems=("not-found",),
        vi="Diễn biến của một hồ sơ",
        told_vi="Các sự việc sau số `after`, theo thứ tự ghi nhận; chờ tối đa `wait_s` giây nếu chưa có gì mới.",
    ),
    "all_events": Door(
        audience="parties", roles=_PARTIES,
        vi="Diễn biến của mọi hồ sơ",
        told_vi="Một dòng sự việc cho tất cả những gì tài khoản này được thấy, theo thứ tự ghi nhận.",
    ),
    "take_leases": Door(
        audience="office", roles=("office",), parameters=("Idempotency-Key",),
        vi="Nhận việc",
        told_vi="Các hồ sơ cũ nhất còn mở của cơ quan, mỗi hồ sơ một lượt nhận có hạn; chờ tối đa `wait_s` giây cho hồ "
        "sơ đầu tiên. Cùng Idempotency-Key thì được đúng câu trả lời cũ, ít nhất 30 ngày, nếu lần ấy đã giao việc.",
        answers={200: Said(words=("Việc được giao", "the work"), schema="WorkPage")},
        problems=("key-reused",),
    ),
    "acknowledge": Door(
        audience="office", roles=("office",), problems=("lease-lost",),
        vi="Xác nhận đã nhận hồ sơ",
        told_vi="Xác nhận khi giá trị băm của các byte lấy về là đúng. Gửi lại vẫn an toàn; 409 khi lượt nhận đã hết.",
    ),
    "extend": Door(
        audience="office", roles=("office",), problems=("lease-lost",),
        vi="Giữ việc lâu hơn",
        told_vi="Lượt nhận kết thúc sau `lease_s` giây kể từ bây giờ. 409 khi đã hết.",
    ),
    "release": Door(
        audience="office", roles=("office",), problems=("lease-lost",),
        vi="Trả lại việc",
        told_vi="Việc được giao lại ngay, hoặc vào danh sách hỏng sau quá nhiều lần. 409 khi lượt nhận đã hết.",
    ),
    "list_alarms": Door(
        audience="parties", roles=_PARTIES,
        vi="Những việc cần người xử lý",
        told_vi="Các cảnh báo đang mở: cơ quan, đơn vị thấy của mình, người vận hành thấy tất cả.",
    ),
    "revive": Door(
        audience="operator", roles=("operator",),
        vi="Giao lại việc đã hỏng",
        told_vi="Khi nguyên nhân đã được khắc phục: việc rời danh sách hỏng và cảnh báo được đóng.",
    ),
    "health": Door(
        audience="operator", vi="Tiến trình còn sống?", told_vi="Không nói gì về kho và cơ sở dữ liệu.",
    ),
    "ready": Door(
        audience="operator",
        vi="Bây giờ có nhận được hồ sơ không?",
        told_vi="503 khi cơ sở dữ liệu tạm thời không dùng được. Kho tạm thời không dùng được thì bên nộp được báo.",
        answers={
            200: Said(words=("Nhận được", "yes"), schema=_WELL),
            503: Said(words=("Chưa nhận được", "not now"), schema=_UNWELL, headers=("Retry-After",)),
        },
    ),
    "list_procedures": Door(
        audience="anyone",
        vi="Các thủ tục có thể nộp",
        told_vi="Các thủ tục đang có hiệu lực hôm nay.",
    ),
    "list_keys": Door(
        audience="anyone",
        vi="Khoá công khai để kiểm biên nhận (JWKS)",
        told_vi="RFC 7517. Hãy lưu sẵn khoá này: biên nhận kiểm được mà không cần mạng.",
    ),
    "explain_problem": Door(
        audience="anyone", problems=("not-found",),
        vi="Ý nghĩa của một mã lỗi",
        told_vi="Trang mà `type` của lỗi trỏ tới.",
    ),
}  # fmt: skip

PARAMETERS: dict[str, Json] = {
    "batch": {
        "name": "batch",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 9999},
        "description": "đợt trong kỳ; không ghi thì cổng cấp đợt tiếp theo của đơn vị, thủ tục và kỳ, và cho biết · "
        "which filing of the period this is; absent, the next in unit, procedure and period is given and told",
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
    "X-Correlation-Id": ("báo mã này khi cần trợ giúp", "name it when you ask for help", {"type": "string"}),
    "Content-Language": ("ngôn ngữ của lời văn", "the language of the messages", {"enum": ["vi", "en"]}),
    "WWW-Authenticate": ("cách xác thực", "how to authenticate", {"type": "string"}),
    "Retry-After": ("số giây phải đợi", "seconds to wait", {"type": "integer", "minimum": 0}),
    "RateLimit-Limit": ("số lượt mỗi phút", "requests a minute", {"type": "integer", "minimum": 0}),
    "RateLimit-Remaining": ("số lượt còn lại trong phút này", "requests left", {"type": "integer", "minimum": 0}),
    "RateLimit-Reset": ("số giây đến phút sau", "seconds to the next minute", {"type": "integer", "minimum": 0}),
    "Cache-Control": ("không lưu đệm", "not to be cached", {"const": "no-store"}),
    "Pragma": ("không lưu đệm", "not to be cached", {"const": "no-cache"}),
}

# Of fields and parameters, by name, or by `Struct.name` where a name has two meanings.
MEANINGS: dict[str, Words] = {
    "dossier": ("mã hồ sơ tại cổng", "the gateway's id of the dossier"),
    "receipt_number": ("số biên nhận", "the receipt's number"),
    "receipt": ("biên nhận: JWS dạng gọn", "the receipt: a compact JWS"),
    "judgement": (
        "kết luận về hồ sơ phải chờ: JWS dạng gọn, nêu số biên nhận",
        "what was judged of a dossier that had to wait: a compact JWS that names the receipt",
    ),
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
    "batch": ("đợt trong kỳ", "which filing of the period this is"),
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
}
