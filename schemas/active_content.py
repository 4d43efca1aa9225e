"""Macros and active content in attachments: named with their place, so that a person knows before opening a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas.active_office import in_compound_file, in_package
from schemas.active_pdf import in_pdf
from schemas.findings import Finding, Severity, finding

if TYPE_CHECKING:
    from collections.abc import Collection

    from schemas.findings import Place

PLACES_MAX: Final = 50
PLACE_CHARACTERS_MAX: Final = 120
_HEAD_BYTES: Final = 1024
_PDF: Final = b"%PDF-"
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"

# Every kind that is told, in both languages.
KINDS: Final = {
    "macro": ("macro", "macros"),
    "activex": ("điều khiển ActiveX", "ActiveX controls"),
    "embedded-object": ("đối tượng nhúng (OLE)", "embedded objects (OLE)"),
    "external-link": ("liên kết tự tải từ bên ngoài", "links that are fetched from outside"),
    "attached-template": ("mẫu (template) tải từ bên ngoài", "a template from outside"),
    "custom-ui": ("thanh lệnh tự tạo", "own commands in the ribbon"),
    "dde": ("trường DDE", "DDE fields"),
    "javascript": ("JavaScript", "JavaScript"),
    "open-action": ("hành động khi mở tệp", "an action on opening"),
    "additional-action": ("hành động tự chạy", "actions that run by themselves"),
    "launch": ("lệnh chạy chương trình", "a command that starts a program"),
    "embedded-file": ("tệp đính kèm bên trong", "files embedded in it"),
    "rich-media": ("nội dung đa phương tiện", "rich media"),
    "xfa-form": ("biểu mẫu XFA", "an XFA form"),
    "submit-form": ("lệnh gửi dữ liệu đi", "a command that sends data away"),
    "import-data": ("lệnh nạp dữ liệu", "a command that imports data"),
    "remote-go-to": ("liên kết mở tệp khác", "links that open another file"),
}
_FAULTS_VI: Final = {
    "encrypted": "tệp được mã hóa",
    "an object stream cannot be read": "một luồng đối tượng không đọc được",
    "its directory is broken": "mục lục bên trong bị hỏng",
}
_FAULT_VI: Final = "một phần bên trong không đọc được"


class ActiveContent(Struct, frozen=True):
    """One kind of active content (a key of KINDS) and where it is: a part's name, a link's target, an object's number
    in a PDF; "" when it stands in a compressed object.
    """

    kind: str
    where: str


class Looked(Struct, frozen=True):
    """What was seen in one file. `unread`, short and in English, is what kept from looking everywhere, if anything."""

    found: tuple[ActiveContent, ...] = ()
    unread: str = ""


def look(content: bytes) -> Looked:
    """Name the active content of a PDF, DOCX, XLSX or an old Office file, by its bytes; others have none.

    Runs nothing and resolves nothing; unpacks within bounds. Never raises for any bytes. That nothing is found does
    not make a file harmless: faults of the program that opens it are not looked for.
    """
    found: dict[ActiveContent, None] = {}

    def tell(kind: str, where: str) -> None:
        if len(found) < PLACES_MAX:
            found[ActiveContent(kind, where[:PLACE_CHARACTERS_MAX])] = None

    unread = ""
    if content.startswith(_ZIP):
        unread = in_package(content, tell)
    elif content.startswith(_OLE):
        unread = in_compound_file(content, tell)
    elif _PDF in content[:_HEAD_BYTES]:
        unread = in_pdf(content, tell)
    return Looked(tuple(found), unread)


def judge(
    looked: Looked,
    place: Place,
    *,
    name: str,
    kind: str = "",
    severity: Severity | None = None,
    passed_over: Collection[str] = (),
) -> list[Finding]:
    """At most two findings for one attachment: what is active in it, and that it could not be looked through.

    `severity`, when given, is that of the first in place of the message's own. Kinds in `passed_over` are not told.
    """
    findings: list[Finding] = []
    places: dict[str, str] = {}
    for one in looked.found:
        if one.kind not in passed_over and not places.get(one.kind):
            places[one.kind] = one.where
    if places:
        told = [(*KINDS[one], f" ({where})" if where else "") for one, where in places.items()]
        words = {
            "found_vi": "; ".join(vi + where for vi, _, where in told),
            "found_en": "; ".join(en + where for _, en, where in told),
        }
        findings.append(finding("attachment-active-content", place, words, value=kind, severity=severity, name=name))
    if looked.unread:
        fault = {"fault_vi": _FAULTS_VI.get(looked.unread, _FAULT_VI), "fault_en": looked.unread}
        findings.append(finding("attachment-unreadable", place, fault, value=kind, name=name))
    return findings
