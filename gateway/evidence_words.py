"""What an evidence bundle says of itself to whoever opens it: what each file is, and how to check it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

READ_VI: Final = "DOC-TRUOC.txt"
READ_EN: Final = "READ-ME.txt"
_LINE: Final = 28


class Stamping(Struct, frozen=True):
    """What became of the time-stamp on the seal: in Vietnamese and English."""

    vi: str
    en: str


STAMPED: Final = Stamping(
    "có dấu thời gian của bên thứ ba trên niêm phong (XAdES-B-T).",
    "a third party's time-stamp is on the seal (XAdES-B-T).",
)
STAMP_AWAY: Final = Stamping(
    "tổ chức cấp dấu thời gian không trả lời lúc lập gói: niêm phong KHÔNG có dấu thời gian (XAdES-B-B); "
    "có thể xin lại gói.",
    "the time-stamp authority did not answer when this was made: the seal has NO time-stamp (XAdES-B-B); "
    "you may ask for the bundle again.",
)
NO_AUTHORITY: Final = Stamping(
    "cổng chưa khai tổ chức cấp dấu thời gian: niêm phong không có dấu thời gian (XAdES-B-B).",
    "this gateway has no time-stamp authority: the seal has no time-stamp (XAdES-B-B).",
)
# What each file is, by how its name begins.
_WHAT: Final = (
    ("received/", "đúng các byte cổng đã nhận", "the very bytes received"),
    ("receipt.jws", "biên nhận (JWS), do khóa của cổng niêm phong", "the receipt (JWS), under the gateway's seal"),
    ("notice.jws", "thông báo không tiếp nhận (JWS)", "the notice of refusal (JWS)"),
    ("judgement.jws", "kết luận về hồ sơ phải chờ (JWS)", "the judgement of a dossier that had to wait (JWS)"),
    (
        "statements/",
        "các văn bản sau đó (JWS): bàn giao, báo cáo của cơ quan, xóa",
        "later statements (JWS): hand-overs, the office's reports, erasure",
    ),
    ("results/", "các tệp kết quả, đúng như cơ quan báo về", "the files of the result, as the office reported them"),
    (
        "report/validation-report.xml",
        "báo cáo kiểm tra chữ ký (ETSI TS 119 102-2)",
        "the validation report (ETSI TS 119 102-2)",
    ),
    ("report/findings.json", "mọi lỗi và cảnh báo, hai thứ tiếng", "all findings, in both languages"),
    (
        "proofs/",
        "căn cứ của báo cáo, tên là SHA-256: chứng thư (.cer), CRL, OCSP, dấu thời gian (.tst)",
        "what the report rests on, named by SHA-256: certificates (.cer), CRLs, OCSP, time-stamps (.tst)",
    ),
    ("events.json", "diễn biến của hồ sơ", "what happened to the dossier"),
    ("due-date.json", "ngày hẹn trả, tính từng bước", "the due date, step by step"),
    ("readings.json", "ai đã đọc hồ sơ", "who read the dossier"),
    (
        "log/",
        "bằng chứng các văn bản nằm trong nhật ký minh bạch (C2SP tlog-proof), dấu thời gian (.tst), nhật ký (origin)",
        "proofs that statements are in the transparency log (C2SP tlog-proof), time-stamps (.tst), the log (origin)",
    ),
    ("keys.jwks", "các khóa niêm phong của cổng và thời gian dùng", "the gateway's seal keys and their periods"),
    (
        "META-INF/",
        "niêm phong XAdES trên mọi tệp kể trên (ASiC-E)",
        "the gateway's XAdES seal over all of these files (ASiC-E)",
    ),
)


def read_me(names: Iterable[str], number: str, made_at: str, stamping: Stamping, unlogged: int) -> dict[str, bytes]:
    """The two texts, for a bundle with these files about the statement of that number."""
    inside = [*names, "META-INF/"]
    held = [one for one in _WHAT if any(name.startswith(one[0]) for name in inside)]
    vi = [
        "GÓI BẰNG CHỨNG",
        "",
        f"Về văn bản số {number} của cổng tiếp nhận. Lập lúc {made_at}.",
        f"Niêm phong: {stamping.vi}",
        _unlogged_vi(unlogged),
        "",
        *(f"  {name:<{_LINE}} {told}" for name, told, _ in held),
        "",
        "KIỂM CHỨNG (không cần mạng, không cần tin phần mềm của cổng)",
        "  1. Lấy khóa công khai của cổng (GET /v1/keys) vào một ngày khác, bằng đường khác với gói này.",
        "  2. Lấy motcua_verify.py (GET /v1/verifier): một tệp ngắn, đọc được hết; chỉ cần Python, cryptography, lxml.",
        "  3. python motcua_verify.py TỆP.asice --key keys.jwks       (hoặc: motcua verify TỆP.asice --key keys.jwks)",
        "  Phần mềm kiểm tra chữ ký thông dụng cũng đọc được niêm phong ASiC-E/XAdES.",
        "",
    ]
    en = [
        "EVIDENCE BUNDLE",
        "",
        f"About the gateway's statement {number}. Made at {made_at}.",
        f"Seal: {stamping.en}",
        _unlogged_en(unlogged),
        "",
        *(f"  {name:<{_LINE}} {told}" for name, _, told in held),
        "",
        "TO VERIFY (offline, without trusting the gateway's software)",
        "  1. Get the gateway's public keys (GET /v1/keys) on another day, in another way than this bundle.",
        "  2. Get motcua_verify.py (GET /v1/verifier): a short file, to be read; it needs Python, cryptography, lxml.",
        "  3. python motcua_verify.py FILE.asice --key keys.jwks      (or: motcua verify FILE.asice --key keys.jwks)",
        "  Common signature validators read the ASiC-E/XAdES seal, too.",
        "",
    ]
    return {READ_VI: "\n".join(vi).encode(), READ_EN: "\n".join(en).encode()}


def _unlogged_vi(count: int) -> str:
    if not count:
        return "Nhật ký minh bạch: mọi văn bản trong gói đều có bằng chứng."
    return f"Nhật ký minh bạch: {count} văn bản CHƯA có bằng chứng khi lập gói; hãy xin lại gói sau."


def _unlogged_en(count: int) -> str:
    if not count:
        return "Transparency log: every statement in here has its proof."
    return f"Transparency log: {count} statements had NO proof yet when this was made; ask for the bundle again later."
