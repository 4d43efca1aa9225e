"""Macros and active content in Office files: DOCX and XLSX by parts and relations, DOC and XLS by their directory."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

from schemas import xml
from schemas.findings import Finding
from schemas.zip_directory import Entry, ZipBroken, entries, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What is unpacked of one file in all: its relations, and the parts in which Word keeps field instructions.
UNPACKED_BYTES_MAX: Final = 48 * 1024 * 1024
OLE_DIRECTORY_ENTRIES_MAX: Final = 20_000
_OLE_SECTORS_MAX: Final = 1 << 20

# By name, whatever relates to them: ECMA-376 Part 1 §12, §15; MS-OFFMACRO2 §2.1; MS-CUSTOMUI §2.1.
_BY_NAME: Final = (
    (re.compile(r"(^|/)vbaProject(Signature\w*)?\.bin$|(^|/)macrosheets/|(^|/)dialogsheets/", re.IGNORECASE), "macro"),
    (re.compile(r"(^|/)activeX/", re.IGNORECASE), "activex"),
    (re.compile(r"(^|/)embeddings/[^/]*\.bin$", re.IGNORECASE), "embedded-object"),
    (re.compile(r"(^|/)externalLinks/[^/]+$", re.IGNORECASE), "external-link"),
    (re.compile(r"^customUI/", re.IGNORECASE), "custom-ui"),
)
# By the last word of a relation's type, whatever its target is called.
_BY_RELATION: Final = {
    "vbaProject": "macro",
    "wordVbaData": "macro",
    "xlMacrosheet": "macro",
    "xlIntlMacrosheet": "macro",
    "dialogsheet": "macro",
    "control": "activex",
    "activeXControlBinary": "activex",
    "oleObject": "embedded-object",
    "aFChunk": "embedded-object",
    "externalLink": "external-link",
    "externalLinkPath": "external-link",
    "attachedTemplate": "attached-template",
    "extensibility": "custom-ui",
}
_RELATIONS: Final = re.compile(r"(^|/)_rels/[^/]*\.rels$", re.IGNORECASE)
_WORD_PART: Final = re.compile(r"^word/[^/]+\.xml$", re.IGNORECASE)
_CODED_OTHERWISE: Final = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_DDE: Final = re.compile(r"\bDDE(AUTO)?\b", re.IGNORECASE)


def in_package(content: bytes, tell: Callable[[str, str], None]) -> str:
    """Tell every kind and its part of a DOCX or XLSX; the fault that kept from looking everywhere, or ""."""
    try:
        listed = list(entries(content))
    except ZipBroken as error:
        return str(error)
    left, fault = UNPACKED_BYTES_MAX, ""
    # Two entries may go by one name: each is looked at, for nobody knows which of them another reader takes.
    for entry in listed:
        for pattern, kind in _BY_NAME:
            if pattern.search(entry.name):
                tell(kind, entry.name)
        look = _relations if _RELATIONS.search(entry.name) else _fields if _WORD_PART.match(entry.name) else None
        if look is not None:
            try:
                part = read(content, entry, left)
                left -= len(part)
                look(part, entry, tell)
            except ZipBroken as error:
                fault = f"{entry.name}: {error}"
    return fault


def _relations(part: bytes, entry: Entry, tell: Callable[[str, str], None]) -> None:
    """ECMA-376 Part 2 §8.3: an external target is fetched when the file is opened, unless it is a link to click."""
    root = xml.parse(part, file=entry.name)
    if isinstance(root, Finding):
        raise ZipBroken("not readable as XML")
    for relation in root.iter("{*}Relationship"):
        last = (relation.get("Type") or "").rstrip("/").rpartition("/")[2]
        if kind := _BY_RELATION.get(last):
            tell(kind, relation.get("Target") or entry.name)
        elif (relation.get("TargetMode") or "").lower() == "external" and last != "hyperlink":
            tell("external-link", relation.get("Target") or entry.name)


def _fields(part: bytes, entry: Entry, tell: Callable[[str, str], None]) -> None:
    """ECMA-376 Part 1 §17.16: an instruction stands in one attribute, or spread over the runs between two marks."""
    if part.startswith(_CODED_OTHERWISE):
        raise ZipBroken("not coded as UTF-8")
    if b"instrText" not in part and b"fldSimple" not in part:
        return
    root = xml.parse(part, file=entry.name)
    if isinstance(root, Finding):
        raise ZipBroken("not readable as XML")
    instructions: list[str] = []
    for one in root.iter("{*}instrText", "{*}fldChar", "{*}fldSimple"):
        instructions.append("".join(map(str, one.itertext())) if str(one.tag).endswith("}instrText") else "\n")
        instructions.extend(f"\n{value!s}\n" for name, value in one.items() if str(name).endswith("instr"))
    if _DDE.search("".join(instructions)):
        tell("dde", entry.name)


_OLE_HEADER: Final = struct.Struct("<8s16s5H6x9L")  # MS-CFB §2.2, up to the DIFAT array
_OLE_MARK: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENTRY_BYTES: Final = 128
_OLE_NAME_BYTES_MAX: Final = 64
_OLE_HEADER_DIFAT: Final = 109
_OLE_SECTOR_SHIFTS: Final = (9, 12)
_OLE_LAST_SECTOR: Final = 0xFFFFFFFA
# MS-OVBA §2.2.1, MS-DOC §2.1.10, MS-OLEDS §2.3.6, MS-OFFCRYPTO §2.3.4.
_OLE_NAMES: Final = {
    "macros": "macro",
    "_vba_project_cur": "macro",
    "_vba_project": "macro",
    "vba": "macro",
    "objectpool": "embedded-object",
    "\x01ole10native": "embedded-object",
    "\x03ocxname": "activex",
}


def in_compound_file(content: bytes, tell: Callable[[str, str], None]) -> str:
    """Tell what the directory of a DOC, XLS or PPT names; the fault that kept from reading it, or ""."""
    try:
        for name in _ole_names(content):
            if kind := _OLE_NAMES.get(name.lower()):
                tell(kind, name.strip("\x01\x03"))
            elif name in ("EncryptedPackage", "EncryptionInfo"):
                return "encrypted"
    except (ValueError, struct.error, IndexError):
        return "its directory is broken"
    return ""


def _ole_names(content: bytes) -> Iterator[str]:
    """The names of all storages and streams (MS-CFB §2.6). Raises ValueError, IndexError or struct.error."""
    header = _OLE_HEADER.unpack_from(content)
    shift = header[5]
    if header[0] != _OLE_MARK or shift not in _OLE_SECTOR_SHIFTS:
        raise ValueError("no header")
    table = _ole_table(content, shift, difat_sector=header[14], difat_sectors=header[15])
    sector, seen = header[9], 0
    while sector < _OLE_LAST_SECTOR:
        at = (sector + 1) << shift
        for start in range(at, at + (1 << shift), _OLE_ENTRY_BYTES):
            (length,) = struct.unpack_from("<H", content, start + _OLE_NAME_BYTES_MAX)
            if 2 <= length <= _OLE_NAME_BYTES_MAX:  # noqa: PLR2004 - its end mark alone
                yield content[start : start + length - 2].decode("utf-16-le", "replace")
        seen += (1 << shift) // _OLE_ENTRY_BYTES
        if seen > OLE_DIRECTORY_ENTRIES_MAX:
            raise ValueError("too many entries, or a circle")
        sector = table[sector]


def _ole_table(content: bytes, shift: int, *, difat_sector: int, difat_sectors: int) -> list[int]:
    """The table of which sector follows which (MS-CFB §2.3, §2.5)."""
    words = (1 << shift) // 4
    places = list(struct.unpack_from(f"<{_OLE_HEADER_DIFAT}L", content, _OLE_HEADER.size))
    for _ in range(min(difat_sectors, _OLE_SECTORS_MAX // words)):
        if difat_sector >= _OLE_LAST_SECTOR:
            break
        *more, difat_sector = struct.unpack_from(f"<{words}L", content, (difat_sector + 1) << shift)
        places += more
    table: list[int] = []
    for place in places:
        if place >= _OLE_LAST_SECTOR:
            continue
        table += struct.unpack_from(f"<{words}L", content, (place + 1) << shift)
        if len(table) > _OLE_SECTORS_MAX:
            raise ValueError("too many sectors")
    return table
