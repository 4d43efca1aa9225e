"""What the framework cannot see of a door: whom it is for, raw bodies, headers, answers, problems; and the words.

The key of a door is the name of its handler.
"""

from __future__ import annotations

from gateway.api.described_desk import DESK_DOORS
from gateway.api.described_due import DUE_DOORS
from gateway.api.described_evidence import EVIDENCE_DOORS
from gateway.api.described_figures import FIGURES_DOORS
from gateway.api.described_log import LOG_DOORS
from gateway.api.described_papers import PAPER_DOORS
from gateway.api.described_parts import PARTS_DOORS
from gateway.api.described_postal import POSTAL_DOORS
from gateway.api.described_shapes import Door, Json, Said, Words, bytes_of, kept_a_while
from gateway.api.described_uploads import UPLOAD_DOORS
from gateway.api.described_webhooks import WEBHOOK_DOORS
from gateway.callers import Role

AUDIENCES: dict[str, Words] = {
    "access": ("Xác thực", "Access"),
    "employer": ("Đơn vị sử dụng lao động và tổ chức I-VAN", "Employers and I-VANs"),
    "parties": ("Các bên của hồ sơ", "The parties of a dossier"),
    "office": ("Cơ quan bảo hiểm xã hội", "The social-insurance offices"),
    "post": ("Bưu chính", "The post"),
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
_READING = ("why", "Reading-Reason")
_READ = ("X-Correlation-Id",)
_OF_CONTENT = ("Accept-Ranges", "ETag", "Repr-Digest")
_CONTAINER = "application/vnd.etsi.asic-e+zip"
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
        audience="employer", roles=_SENDERS, body="dossier-or-upload",
        parameters=("batch", "half_of", "Content-Digest"),
        vi="Nộp hồ sơ đã ký",
        told_vi="Gửi đúng các byte của phong bì đã ký, hoặc nêu lượt tải lên chứa các byte ấy. "
        "Nhận được thì có biên nhận; gửi lại chính các byte đó thì được "
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
        problems=(
            *_OF_A_BODY, "not-your-unit", "malformed", "signature-refused", "findings", "store-away", "not-found",
            "upload-incomplete", "upload-elsewhere", "upload-busy",
        ),
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
        audience="parties", roles=_PARTIES, problems=("not-found", "content-erased"),
        vi="Biên nhận",
        told_vi="JWS dạng gọn (RFC 7515), đúng từng byte như khi cấp; kiểm bằng khoá tại /v1/keys.",
    ),
    "show_judgement": Door(
        audience="parties", roles=_PARTIES, problems=("not-found", "content-erased"),
        vi="Kết luận về hồ sơ phải chờ",
        told_vi="JWS dạng gọn, nêu số và mã băm của biên nhận; 404 với hồ sơ được kết luận ngay khi nhận.",
    ),
    "show_validation": Door(
        audience="parties", roles=_PARTIES, problems=("not-found", "content-erased"),
        vi="Báo cáo kiểm tra chữ ký (JSON)",
        told_vi="Mọi điều đã xét ở từng chữ ký và căn cứ của nó: thuật toán, mã băm, chuỗi chứng thư, dữ liệu thu hồi "
        "(tuổi, nguồn), các thời điểm, chính sách theo SHA-256. Hỏi lúc nào cũng như nhau.",
        answers={200: Said(words=("Báo cáo, bản 1", "the report, version 1"), schema={"type": "object"})},
    ),
    "show_validation_xml": Door(
        audience="parties", roles=_PARTIES, problems=("not-found", "content-erased"),
        vi="Báo cáo kiểm tra chữ ký theo ETSI TS 119 102-2",
        told_vi="Cùng nội dung, dạng XML, kèm chứng thư số và dữ liệu thu hồi.",
    ),
    "show_proof": Door(
        audience="parties", roles=_PARTIES, problems=("not-found", "content-erased"),
        vi="Một căn cứ của báo cáo",
        told_vi="Đúng các byte (DER) của chứng thư số, CRL, trả lời OCSP hoặc dấu thời gian mà báo cáo nêu.",
    ),
    "show_content": Door(
        audience="parties", roles=("employer", "ivan", "office"), parameters=(*_READING, "Range", "If-Range"),
        vi="Các byte đã nhận",
        told_vi="Đúng các byte đã nhận, đã lưu và đã cấp biên nhận, cả hồ sơ hoặc một khoảng (`Range`). `Repr-Digest` "
        "là của cả hồ sơ, `Content-Digest` của phần được gửi khi gửi cả hồ sơ.",
        answers={
            200: Said(
                words=("Các byte của hồ sơ", "the dossier's bytes"), schema=bytes_of("application/xml"),
                media_type="application/xml", or_as=(_CONTAINER,), headers=("Content-Digest", *_OF_CONTENT, *_READ),
            ),
            206: Said(
                words=("Khoảng được hỏi", "the range that was asked for"), schema=bytes_of("application/xml"),
                media_type="application/xml", or_as=(_CONTAINER,), headers=("Content-Range", *_OF_CONTENT, *_READ),
            ),
        },
        problems=("not-found", "content-erased", "content-unreadable", "store-away", "range-not-satisfiable"),
    ),
    "show_paper": Door(
        audience="parties", roles=("employer", "ivan", "office"), parameters=_READING,
        vi="Tờ khai như trên giấy",
        told_vi="Tờ khai có số thứ tự ấy trong hồ sơ (0: chính tài liệu, khi không có phong bì), dạng HTML không tải "
        "gì từ ngoài, hoặc PDF theo `Accept`; kèm người ký và thời điểm tiếp nhận.",
        answers={
            200: Said(
                words=("Tờ khai", "the form"), schema={"type": "string"}, media_type="text/html",
                or_as=("application/pdf",), headers=(*_PRINTED, *_READ),
            )
        },
        problems=("not-found", "content-erased", "too-long-for-pdf", "content-unreadable", "store-away"),
    ),
    "show_paper_pdf": Door(
        audience="parties", roles=("employer", "ivan", "office"), parameters=_READING,
        vi="Tờ khai như trên giấy, dạng PDF", en="A form as its paper looks, as PDF",
        told_vi="Cùng nội dung, PDF/A để in và lưu.", told_en="The same as PDF/A, to print and to keep.",
        answers={
            200: Said(
                words=("Tờ khai", "the form"), schema=bytes_of("application/pdf"), media_type="application/pdf",
                headers=(*_PRINTED, *_READ),
            )
        },
        problems=("not-found", "content-erased", "too-long-for-pdf", "content-unreadable", "store-away"),
    ),
    "show_receipt_pdf": Door(
        audience="parties", roles=("employer", "ivan", "office"), parameters=_READING,
        vi="Thông báo tiếp nhận để in",
        told_vi="Biên nhận, hoặc thông báo không tiếp nhận, dạng PDF/A có mã QR. Lập khi được hỏi lần đầu, về sau luôn "
        "đúng các byte ấy. Hồ sơ phải chờ kết luận có hai bản: `paper=1` của biên nhận, `2` kèm kết luận.",
        answers={
            200: Said(
                words=("Thông báo", "the notice"), schema=bytes_of("application/pdf"), media_type="application/pdf",
                headers=("Content-Digest", *_PRINTED, *_READ),
            )
        },
        problems=("not-found", "content-erased", "too-long-for-pdf", "content-unreadable", "store-away", "store-full"),
    ),
    "list_readings": Door(
        audience="parties", roles=("employer", "ivan", "office"), problems=("not-found",),
        vi="Ai đã xem hồ sơ",
        told_vi="Mỗi lần nội dung hồ sơ được đưa ra: cho tài khoản nào, lúc nào, phần nào, vì sao; theo thứ tự ghi, "
        "sau số `after`. Cơ quan chỉ thấy các lần xem của chính mình.",
    ),
    "check_paper": Door(
        audience="anyone", problems=("not-found",),
        vi="Bản in này có thật không?",
        told_vi="Nơi mã QR trên bản in dẫn tới: cổng đã ký những gì dưới số ấy, và hồ sơ đang ở đâu. `key` chỉ có "
        "trong mã QR; sai thì như không có. HTML hoặc JSON theo `Accept`; không nêu tên người nào.",
        answers={
            200: Said(words=("Điều đã ký", "what was signed"), schema="StatementShown", headers=_PRINTED,
                      or_as=("text/html",))
        },
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
        audience="office", roles=("office",), problems=("lease-lost", "pickup-forged"),
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
        audience="office", roles=("office", "operator"), problems=("not-found",),
        vi="Giao lại việc đã hỏng",
        told_vi="Khi nguyên nhân đã được khắc phục: việc rời danh sách hỏng và cảnh báo được đóng.",
    ),
    "list_closings": Door(
        audience="operator", roles=("operator",),
        vi="Các kỳ khóa sổ đối chiếu",
        told_vi="Mỗi giờ một kỳ, có chữ ký của cổng: đầu kỳ, vào, ra, cuối kỳ của từng loại; trang sau hỏi bằng "
        "`after=next`.",
    ),
    "show_closing": Door(
        audience="operator", roles=("operator",), problems=("not-found",),
        vi="Một kỳ khóa sổ, đầy đủ",
        told_vi="Văn bản có chữ ký, và các dòng mà văn bản nêu mã băm: loại, kênh, cơ quan, đầu kỳ, vào, ra, cuối kỳ.",
    ),
    "prove_absence": Door(
        audience="employer", roles=_SENDERS,
        problems=("bad-request", "not-your-unit", "was-received", "not-closed-yet", "absence-unprovable"),
        vi="Chứng minh không tiếp nhận",
        told_vi="Bằng chứng rằng trong các kỳ đã khóa sổ không có nội dung này (`sha256`), hoặc không có hồ sơ của đơn "
        "vị, thủ tục và kỳ này. Chỉ cấp cho bên được nêu. Kiểm được ngoại tuyến bằng `motcua verify-absence`; điều "
        "không thể chứng minh được nói rõ trong câu trả lời.",
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
DOORS |= UPLOAD_DOORS
DOORS |= WEBHOOK_DOORS
DOORS |= LOG_DOORS
DOORS |= EVIDENCE_DOORS
DOORS |= FIGURES_DOORS
DOORS |= DUE_DOORS
DOORS |= PARTS_DOORS
DOORS |= PAPER_DOORS
DOORS |= POSTAL_DOORS
DOORS |= DESK_DOORS
