"""The one table from what can go wrong to an RFC 9457 problem, in Vietnamese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from gateway.api.body import BodyTooLarge, DigestDiffers, DigestUnreadable, SenderGone, SenderSlow, SpoolFull
from gateway.callers import BudgetSpent, NotKnown
from gateway.desk import KeyReused
from gateway.ids import NumbersExhausted
from gateway.intake import Poisonous
from gateway.scanner import ScannerAway
from schemas.typeset import TooLongError
from signing.seal import SealAway
from storage.database import DatabaseAway
from storage.vault import ContentCorrupt, ContentMissing, VaultAway, VaultFull
from storage.work import LeaseLost

if TYPE_CHECKING:
    from gateway.report import FindingShown, Language, VerdictShown

Retry = Literal["never", "same-request", "after"]
RETRY_AFTER_S = 5
MEDIA_TYPE = b"application/problem+json"


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
}  # fmt: skip

# From exception to kind; the first that fits. What is not here is `internal`, with an id and no text.
_OF_EXCEPTION: tuple[tuple[type[Exception], str], ...] = (
    (BodyTooLarge, "body-too-large"),
    (SenderSlow, "sender-too-slow"),
    (SenderGone, "body-incomplete"),
    (DigestDiffers, "digest-differs"),
    (DigestUnreadable, "bad-request"),
    (SpoolFull, "store-full"),
    (NotKnown, "unauthorized"),
    (BudgetSpent, "too-many-requests"),
    (LeaseLost, "lease-lost"),
    (KeyReused, "key-reused"),
    (VaultFull, "store-full"),
    (VaultAway, "store-away"),
    (SealAway, "store-away"),
    (ScannerAway, "scanner-away"),
    (DatabaseAway, "database-away"),
    (ContentMissing, "content-unreadable"),
    (ContentCorrupt, "content-unreadable"),
    (TooLongError, "too-long-for-pdf"),
    (NumbersExhausted, "internal"),
    (Poisonous, "internal"),
)
# Whose own words may be shown: they speak of the request, never of our inside.
_SPEAKS = (BodyTooLarge, SenderSlow, SenderGone, DigestDiffers, DigestUnreadable)


class Refused(Exception):
    """A handler's own refusal: a kind, and what it is about."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


class Problem(Struct, frozen=True, kw_only=True):
    """The body of an RFC 9457 problem (§3), with our members: `code`, `correlation_id` and whether to try again."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    correlation_id: str
    retry: Retry


class RefusedDossier(Problem, frozen=True, kw_only=True):
    """The problem of a refused dossier: everything that is wrong, and the signed notice that says so."""

    dossier: str
    sha256: str
    received_at: str
    verdict: VerdictShown | None
    findings: list[FindingShown]
    notice_number: str
    notice: str


class Answer(Struct, frozen=True):
    """A whole HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def code_of(error: Exception) -> str:
    """The kind of problem that an exception is."""
    if isinstance(error, Refused):
        return error.code
    return next((code for kind, code in _OF_EXCEPTION if isinstance(error, kind)), "internal")


def answer_of(error: Exception, language: Language, correlation_id: str) -> Answer:
    """The answer to a request that failed."""
    code = code_of(error)
    detail = error.detail if isinstance(error, Refused) else str(error) if isinstance(error, _SPEAKS) else ""
    kind = KINDS[code]
    headers = _headers(language, correlation_id)
    if isinstance(error, BudgetSpent):
        headers += [
            (b"retry-after", b"%d" % error.retry_after_s),
            (b"ratelimit-limit", b"%d" % error.limit),
            (b"ratelimit-remaining", b"0"),
            (b"ratelimit-reset", b"%d" % error.retry_after_s),
        ]
    elif kind.retry == "after":
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    if code == "unauthorized":
        headers.append((b"www-authenticate", b'Bearer realm="motcua"'))
    problem = problem_of(code, language, correlation_id, detail)
    return Answer(kind.status, headers, msgspec.json.encode(problem))


def answer_with(problem: Problem, language: Language) -> Answer:
    """The answer that carries a problem which its handler filled in."""
    return Answer(problem.status, _headers(language, problem.correlation_id), msgspec.json.encode(problem))


def problem_of(code: str, language: Language, correlation_id: str, detail: str = "") -> Problem:
    """A problem of that kind, in one language."""
    kind = KINDS[code]
    remedy = kind.remedy_vi if language == "vi" else kind.remedy_en
    return Problem(
        type=f"/problems/{code}",
        title=kind.title_vi if language == "vi" else kind.title_en,
        status=kind.status,
        detail=f"{detail} {remedy}".strip(),
        code=code,
        correlation_id=correlation_id,
        retry=kind.retry,
    )


def _headers(language: Language, correlation_id: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", MEDIA_TYPE),
        (b"content-language", language.encode()),
        (b"x-correlation-id", correlation_id.encode()),
    ]
