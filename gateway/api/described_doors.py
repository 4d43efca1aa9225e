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
    """One answer that is no problem: its words (Vietnamese, English), the schema's name or the schema ("": no body),
    the headers. `or_as` are media types in which the same can be had by `Accept`.
    """

    words: Words
    schema: str | Json
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()
    or_as: tuple[str, ...] = ()


class Door(Struct, frozen=True, kw_only=True):
    """One door. Without roles it is open to anyone. `answers` stand for those that the framework cannot see; `en` and
    `told_en` are needed where no handler of its own tells them.
    """

    audience: str
    vi: str = ""
    told_vi: str = ""
    en: str = ""
    told_en: str = ""
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
_PRINTED = ("Cache-Control",)
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


def kept_a_while(words: Words, schema: str | Json, media_type: str = "application/json") -> dict[int, Said]:
    """The answers of a door whose body may be kept: the body, or 304 for who holds it still (RFC 9110 §15.4.5)."""
    headers = ("ETag", "Cache-Control")
    held = ("Bản đã lưu vẫn đúng", "what you hold is still right")
    return {
        200: Said(words=words, schema=schema, media_type=media_type, headers=headers),
        304: Said(words=held, schema="", headers=headers),
    }


# Doors that share a handler with another, by its name: the endings of their paths, and their own names.
BEHIND: dict[str, dict[str, str]] = {
    "show_paper": {".pdf": "show_paper_pdf"},
    "show_form": {".xsd": "show_form_schema", ".sch": "show_form_rules"},
}

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
        told_vi="Xét như khi nộp và trả về toàn bộ kết quả: JSON, hoặc bản thông báo để in (HTML, PDF) theo `Accept`.",
        answers={
            200: Said(
                words=("Kết quả kiểm tra", "the report"), schema="Checked", or_as=("text/html", "application/pdf")
            )
        },
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
    "show_paper": Door(
        audience="parties", roles=("employer", "ivan", "office"),
        vi="Tờ khai như trên giấy",
        told_vi="Tờ khai có số thứ tự ấy trong hồ sơ (0: chính tài liệu, khi không có phong bì), dạng HTML không tải "
        "gì từ ngoài, hoặc PDF theo `Accept`; kèm người ký và thời điểm tiếp nhận.",
        answers={
            200: Said(
                words=("Tờ khai", "the form"), schema={"type": "string"}, media_type="text/html",
                or_as=("application/pdf",), headers=_PRINTED,
            )
        },
        problems=("not-found", "too-long-for-pdf", "content-unreadable", "store-away"),
    ),
    "show_paper_pdf": Door(
        audience="parties", roles=("employer", "ivan", "office"),
        vi="Tờ khai như trên giấy, dạng PDF", en="A form as its paper looks, as PDF",
        told_vi="Cùng nội dung, PDF/A để in và lưu.", told_en="The same as PDF/A, to print and to keep.",
        answers={
            200: Said(
                words=("Tờ khai", "the form"), schema=bytes_of("application/pdf"), media_type="application/pdf",
                headers=_PRINTED,
            )
        },
        problems=("not-found", "too-long-for-pdf", "content-unreadable", "store-away"),
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
        audience="anyone", parameters=("If-None-Match",),
        vi="Các thủ tục có thể nộp",
        told_vi="Các thủ tục có hiệu lực vào một ngày (mặc định: hôm nay), theo mã; `unconfirmed` là những điều của "
        "thủ tục mà chưa ai xác nhận.",
        answers=kept_a_while(
            ("Danh sách thủ tục", "the procedures"),
            {"type": "array", "items": {"$ref": "#/components/schemas/ProcedureLine"}},
        ),
    ),
    "show_procedure": Door(
        audience="anyone", parameters=("If-None-Match",), problems=("not-found",),
        vi="Một thủ tục, đầy đủ",
        told_vi="Mọi điều đã khai về thủ tục vào một ngày: thành phần hồ sơ, giấy tờ, kênh, thời hạn, kết quả, mã quốc "
        "gia; mỗi điều chắc đến đâu và ai đã xác nhận.",
        answers=kept_a_while(("Thủ tục", "the procedure"), "ProcedureShown"),
    ),
    "show_form": Door(
        audience="anyone", parameters=("If-None-Match",), problems=("not-found",),
        vi="Một biểu mẫu của thủ tục",
        told_vi="Bản có hiệu lực vào một ngày, hoặc bản được nêu ở `version`: tên cột trên mẫu giấy, các quy tắc, mỗi "
        "quy tắc chắc đến đâu, hiện từ chối hay chỉ nhắc. Phong bì là biểu mẫu `Hoso`.",
        answers=kept_a_while(("Biểu mẫu", "the form"), "FormShown"),
    ),
    "show_form_schema": Door(
        audience="anyone", parameters=("If-None-Match",), problems=("not-found",),
        vi="Lược đồ XML của biểu mẫu", en="A form's XML Schema",
        told_vi="Đúng các byte của tệp XSD mà cổng dùng để xét.",
        told_en="The very bytes of the XSD that the gateway judges by.",
        answers=kept_a_while(("Lược đồ", "the schema"), bytes_of("application/xml"), "application/xml"),
    ),
    "show_form_rules": Door(
        audience="anyone", parameters=("If-None-Match",), problems=("not-found",),
        vi="Quy tắc của biểu mẫu", en="A form's rules",
        told_vi="Đúng các byte của tệp Schematron (ISO/IEC 19757-3); 404 khi biểu mẫu không có quy tắc riêng.",
        told_en="The very bytes of the Schematron (ISO/IEC 19757-3); 404 for a form without rules of its own.",
        answers=kept_a_while(("Quy tắc", "the rules"), bytes_of("application/xml"), "application/xml"),
    ),
    "show_sample": Door(
        audience="anyone", parameters=("If-None-Match",), problems=("not-found",),
        vi="Hồ sơ mẫu, chưa ký",
        told_vi="Một hồ sơ hợp lệ của thủ tục như lập vào một ngày, chỉ còn phải ký; người và đơn vị trong đó đều bịa "
        "ra. Cùng câu hỏi thì cùng các byte.",
        answers=kept_a_while(
            ("Phong bì chưa ký", "the unsigned envelope"), bytes_of("application/xml"), "application/xml"
        ),
    ),
    "list_keys": Door(
        audience="anyone", parameters=("If-None-Match",),
        vi="Khoá công khai để kiểm biên nhận (JWKS)",
        told_vi="RFC 7517. Hãy lưu sẵn khoá này: biên nhận kiểm được mà không cần mạng.",
        answers=kept_a_while(
            ("Các khoá", "the keys"),
            {
                "type": "object",
                "properties": {"keys": {"type": "array", "items": {"type": "object"}, "minItems": 1}},
                "required": ["keys"],
            },
        ),
    ),
    "explain_problem": Door(
        audience="anyone", problems=("not-found",),
        vi="Ý nghĩa của một mã lỗi",
        told_vi="Trang mà `type` của lỗi trỏ tới.",
    ),
}  # fmt: skip
