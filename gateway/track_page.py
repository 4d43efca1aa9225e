"""The page of public tracking: a form, and where the dossier stands; it loads and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import html
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from gateway.clock import for_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.track import Tracked

Trouble = Literal["", "not-found", "too-many"]

_STYLE: Final = (
    "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:34rem;margin:0 auto;padding:1rem;color:#1a1a1a;"
    "background:#fff}h1{font-size:1.4rem;margin:.5rem 0}small{color:#595959}label{display:block;margin-top:1rem}"
    "input{font:inherit;width:100%;box-sizing:border-box;padding:.6rem;border:1px solid #767676;border-radius:.3rem;"
    "text-transform:uppercase}button{font:inherit;font-weight:bold;width:100%;margin-top:1rem;padding:.8rem;border:0;"
    "border-radius:.3rem;background:#0b5394;color:#fff}dl{margin:1rem 0}dt{margin-top:.8rem}dd{margin:0;"
    "font-weight:bold;overflow-wrap:anywhere}.state{font-size:1.25rem;padding:.8rem;border-left:.4rem solid #0b5394;"
    "background:#eef4fa}.trouble{padding:.8rem;border-left:.4rem solid #b45309;background:#fff7ed}"
)
_STYLE_SHA256: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}
_TROUBLES: Final = {
    "not-found": (
        "Không có hồ sơ nào với số và mã này. Hãy xem lại biên nhận: từng chữ của số, và mã tra cứu mười ký tự.",
        "There is no dossier with this number and code. Compare both with the receipt.",
    ),
    "too-many": (
        "Số và mã này không đúng, và đã thử sai quá nhiều lần. Hãy xem lại biên nhận; đúng cả hai vẫn tra cứu được.",
        "Number and code do not fit, and there were too many wrong tries. The right ones are answered all the same.",
    ),
}
_Row = tuple[str, str, str]


def page(number: str, code: str, tracked: Tracked | None, trouble: Trouble) -> str:
    """The page: the form as it was filled in, and under it what was found, or what was wrong."""
    told = "".join(_told(tracked)) if tracked else ""
    if trouble:
        vi, en = _TROUBLES[trouble]
        told = f'<p class="trouble" role="alert">{vi}<br><small lang="en">{en}</small></p>'
    kept = "" if tracked else html.escape(code, quote=True)
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Tra cứu hồ sơ</title>'
        f"<style>{_STYLE}</style></head><body><main>"
        '<h1>Tra cứu hồ sơ<br><small lang="en">Where is my dossier?</small></h1>'
        f"{told}"
        '<form method="get" action="/track" autocomplete="off">'
        + _input("number", "Số biên nhận", "Receipt number", html.escape(number, quote=True), 100)
        + _input("code", "Mã tra cứu (10 ký tự trên biên nhận)", "Code on the receipt", kept, 40)
        + '<button>Tra cứu <span lang="en">· Look up</span></button></form>'
        "<p><small>Trang này không nêu tên người nào. Nội dung hồ sơ chỉ xem được tại phần mềm của đơn vị.<br>"
        '<span lang="en">No person is named here.</span></small></p></main></body></html>'
    )


def _input(name: str, vi: str, en: str, value: str, characters_max: int) -> str:
    return (
        f'<label for="{name}">{vi}<br><small lang="en">{en}</small></label>'
        f'<input id="{name}" name="{name}" value="{value}" maxlength="{characters_max}" required spellcheck="false" '
        'autocapitalize="characters">'
    )


def _told(tracked: Tracked) -> Iterator[str]:
    yield f'<p class="state">{html.escape(_first_up(tracked.state_vi))}<br><small lang="en">'
    yield f"{html.escape(_first_up(tracked.state_en))}</small></p><dl>"
    for vi, en, said in _rows(tracked):
        yield f'<dt>{vi}<br><small lang="en">{en}</small></dt><dd>{html.escape(said)}</dd>'
    yield "</dl>"


def _rows(tracked: Tracked) -> Iterator[_Row]:
    yield "Số biên nhận", "Receipt number", tracked.receipt_number
    yield "Thủ tục", "Procedure", _named(tracked.procedure, tracked.procedure_name)
    if tracked.office:
        yield "Cơ quan giải quyết", "Office", _named(tracked.office, tracked.office_name)
    yield "Thời điểm nhận", "Received at", _time(tracked.received_at)
    if tracked.supplement_awaited:
        yield "Cần bổ sung", "Supplement awaited", "Hãy xem danh mục trong phần mềm đã nộp hồ sơ, rồi gửi bổ sung."
    if tracked.due_at is not None:
        paused = " (đang tạm dừng chờ bổ sung)" if tracked.is_paused else ""
        yield "Hạn trả kết quả", "Result due by", _time(tracked.due_at) + paused
    if tracked.appointed_at is not None:
        yield "Hẹn lại", "New date", _time(tracked.appointed_at)
    if tracked.result_ready:
        files = f"{tracked.results} tệp kết quả điện tử" if tracked.results else "đã có"
        yield "Kết quả", "Result", files


def _named(code: str, name: str) -> str:
    return f"{code} – {name}" if name else code


def _time(told: str) -> str:
    return for_people(datetime.fromisoformat(told))


def _first_up(words: str) -> str:
    return words[:1].upper() + words[1:]
