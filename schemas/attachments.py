"""What an attachment really is: its bytes decide, not its name, and nothing is unpacked."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas.envelope_files import READ_BYTES_MAX
from schemas.findings import Finding, finding
from schemas.zip_directory import ZipBroken, entries

if TYPE_CHECKING:
    from schemas.findings import Place
    from schemas.procedure import Attachments

# By the table of contents of a DOCX or XLSX; nothing behind it is read.
ZIP_UNPACKED_BYTES_MAX: Final = 512 * 1024 * 1024
_TAIL_BYTES: Final = 2048
_TIFF_HEADER_BYTES: Final = 8
_HEAD_BYTES: Final = 1024


class Content(Struct, frozen=True):
    """What bytes are. `ending` is the usual one; `fault` says in both languages why they cannot be used, if so."""

    kind: str
    name_vi: str
    name_en: str
    ending: str = ""
    program: bool = False
    macro: bool = False
    fault_vi: str = ""
    fault_en: str = ""


_SAME: Final = {".jpeg": ".jpg", ".tiff": ".tif"}
_PROGRAM_NAME: Final = re.compile(r"\.(exe|dll|scr|com|bat|cmd|vbs|vbe|js|jse|wsf|hta|ps1|msi|lnk|jar)$", re.IGNORECASE)
_SIGNATURES: Final = (
    (b"MZ", Content("program", "chương trình Windows", "a Windows program", ".exe", program=True)),
    (b"\x7fELF", Content("program", "chương trình Linux", "a Linux program", "", program=True)),
    (b"\xcf\xfa\xed\xfe", Content("program", "chương trình macOS", "a macOS program", "", program=True)),
    (b"\xce\xfa\xed\xfe", Content("program", "chương trình macOS", "a macOS program", "", program=True)),
    (
        b"\xca\xfe\xba\xbe",
        Content("program", "chương trình Java hoặc macOS", "a Java or macOS program", "", program=True),
    ),
    (b"#!", Content("program", "tập lệnh", "a script", ".sh", program=True)),
    (
        b"L\x00\x00\x00\x01\x14\x02\x00",
        Content("program", "lối tắt Windows", "a Windows shortcut", ".lnk", program=True),
    ),
    (b"GIF8", Content("gif", "ảnh GIF", "a GIF picture", ".gif")),
    (b"BM", Content("bmp", "ảnh BMP", "a BMP picture", ".bmp")),
    (b"RIFF", Content("riff", "ảnh WebP hoặc tệp âm thanh", "a WebP picture or a sound", ".webp")),
    (b"\xd0\xcf\x11\xe0", Content("ole", "tệp Office đời cũ (DOC, XLS)", "an old Office file (DOC, XLS)", ".doc")),
    (b"Rar!", Content("rar", "tệp nén RAR", "a RAR archive", ".rar")),
    (b"7z\xbc\xaf", Content("7z", "tệp nén 7z", "a 7z archive", ".7z")),
    (b"\x1f\x8b", Content("gz", "tệp nén gzip", "a gzip archive", ".gz")),
    (b"{\\rtf", Content("rtf", "văn bản RTF", "an RTF text", ".rtf")),
)
_PDF: Final = Content("pdf", "PDF", "PDF", ".pdf")
_PNG: Final = Content("png", "ảnh PNG", "a PNG picture", ".png")
_JPEG: Final = Content("jpeg", "ảnh JPEG", "a JPEG picture", ".jpg")
_TIFF: Final = Content("tiff", "ảnh TIFF", "a TIFF picture", ".tif")
_HTML: Final = Content("html", "trang web hoặc tập lệnh HTML", "a web page or HTML script", ".html")
_PACKAGE: Final = Content("zip", "tệp nén ZIP", "a ZIP archive", ".zip")
_XML: Final = Content("xml", "tệp XML", "an XML file", ".xml")


def sniff(content: bytes) -> Content | None:
    """What these bytes are, or None when unknown. Reads the beginning, the end and a ZIP's directory only."""
    found = sniff_ends(content[:_HEAD_BYTES], content[-_TAIL_BYTES:], len(content))
    return _package(content) if found is _PACKAGE else found


def sniff_ends(head: bytes, tail: bytes, size_bytes: int) -> Content | None:
    """The same from the beginning and the end alone. What is in a ZIP is not told by these: it is just a ZIP."""
    # ISO 32000-1 §7.5.2 and Annex H: readers take a header a little way in; here only blanks or a mark may precede it.
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-"):
        return _whole(_PDF, whole=b"%%EOF" in tail)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _whole(_PNG, whole=head[12:16] == b"IHDR" and b"IEND\xaeB`\x82" in tail)
    if head.startswith(b"\xff\xd8\xff"):
        return _whole(_JPEG, whole=b"\xff\xd9" in tail)
    if head.startswith((b"II*\x00", b"MM\x00*")):
        (first,) = struct.unpack("<L" if head.startswith(b"II") else ">L", head[4:8].ljust(4, b"\0"))
        return _whole(_TIFF, whole=_TIFF_HEADER_BYTES <= first < size_bytes)
    if head.startswith(b"PK\x03\x04"):
        return _PACKAGE
    for mark, found in _SIGNATURES:
        if head.startswith(mark):
            return found
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<script", b"<svg")):
        return _HTML
    return _XML if text.startswith(b"<?xml") else None


def check(content: bytes, place: Place, *, name: str, kind: str, allowed: Attachments) -> list[Finding]:
    """Hold an attachment against what it is called and against what the procedure allows. [] when good."""
    found = _limits(len(content), place, name=name, kind=kind, allowed=allowed)
    return found + _hold(sniff(content), place, name=name, kind=kind, allowed=allowed)


def check_ends(
    ends: tuple[bytes, bytes], size_bytes: int, place: Place, *, name: str, kind: str, allowed: Attachments
) -> list[Finding]:
    """The same for a file too large to be read whole. A ZIP of that size, into which nobody looks, is too large."""
    found = _limits(size_bytes, place, name=name, kind=kind, allowed=allowed)
    seen = sniff_ends(*ends, size_bytes)
    if seen is _PACKAGE:
        within = min(READ_BYTES_MAX, allowed.size_bytes_max)
        return found if size_bytes > allowed.size_bytes_max else [*found, _too_large(place, name, size_bytes, within)]
    return found + _hold(seen, place, name=name, kind=kind, allowed=allowed)


def check_kind(place: Place, *, name: str, kind: str, allowed: Attachments) -> list[Finding]:
    """Hold a kind of file against what the procedure allows, where there is no content to be looked at."""
    if kind in allowed.kinds:
        return []
    return [finding("attachment-kind-not-allowed", place, value=kind, name=name, allowed=", ".join(allowed.kinds))]


def _limits(size_bytes: int, place: Place, *, name: str, kind: str, allowed: Attachments) -> list[Finding]:
    found = check_kind(place, name=name, kind=kind, allowed=allowed)
    if size_bytes > allowed.size_bytes_max:
        found.append(_too_large(place, name, size_bytes, allowed.size_bytes_max))
    return found


def _too_large(place: Place, name: str, size_bytes: int, size_bytes_max: int) -> Finding:
    mib, mib_max = f"{size_bytes / 1_048_576:.1f}", f"{size_bytes_max / 1_048_576:g}"
    return finding("attachment-too-large", place, name=name, size_mib=mib, size_mib_max=mib_max)


def _hold(seen: Content | None, place: Place, *, name: str, kind: str, allowed: Attachments) -> list[Finding]:
    found: list[Finding] = []
    if seen is None:
        if kind in allowed.kinds:
            found.append(finding("attachment-content-unknown", place, value=kind, name=name))
        return found
    told = {"found_vi": seen.name_vi, "found_en": seen.name_en}
    if seen.program:
        found.append(finding("attachment-executable", place, told, value=kind, name=name))
    elif seen.ending != _SAME.get(kind, kind) and kind in allowed.kinds:
        found.append(
            finding("attachment-content-mismatch", place, told, value=kind, name=name, expected=seen.ending or "?"),
        )
    if seen.macro:
        found.append(finding("attachment-macro", place, value=kind, name=name))
    if seen.fault_vi:
        faults = {"found_vi": seen.fault_vi, "found_en": seen.fault_en}
        found.append(finding("attachment-damaged", place, faults, value=kind, name=name))
    return found


def _whole(content: Content, *, whole: bool) -> Content:
    if whole:
        return content
    return Content(
        content.kind,
        content.name_vi,
        content.name_en,
        content.ending,
        fault_vi=f"{content.name_vi} không có phần cuối hoặc phần đầu hợp lệ",
        fault_en=f"{content.name_en} without its proper beginning or end",
    )


def _package(content: bytes) -> Content:
    """Tell DOCX and XLSX from other ZIP files by the names in the directory (ISO/IEC 29500-2)."""
    try:
        listed = list(entries(content))
    except ZipBroken:
        return Content(
            "zip",
            "tệp nén ZIP",
            "a ZIP archive",
            ".zip",
            fault_vi="mục lục ZIP bị hỏng",
            fault_en="its ZIP directory is broken",
        )
    names = {entry.name for entry in listed}
    macro = any(name.endswith("vbaProject.bin") for name in names)
    fault_vi = fault_en = ""
    if sum(entry.unpacked_bytes for entry in listed) > ZIP_UNPACKED_BYTES_MAX:
        fault_vi, fault_en = "bung ra lớn bất thường", "it unpacks to an unreasonable size"
    if program := next((name for name in sorted(names) if _PROGRAM_NAME.search(name)), ""):
        return Content("program", f"tệp nén chứa {program}", f"an archive that holds {program}", ".zip", program=True)
    kind, name, ending = "zip", "ZIP", ".zip"
    if "[Content_Types].xml" in names:
        for part, office in (
            ("word/document.xml", "docx"),
            ("xl/workbook.xml", "xlsx"),
            ("ppt/presentation.xml", "pptx"),
        ):
            if part in names:
                kind, name, ending = office, office.upper(), f".{office}"
    return Content(kind, f"tệp {name}", f"a {name} file", ending, macro=macro, fault_vi=fault_vi, fault_en=fault_en)
