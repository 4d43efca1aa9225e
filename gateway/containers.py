"""A dossier that comes in an ASiC-E container: the envelope, and the files beside it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas.findings import Finding, Severity
from signing import asic
from signing.indication import Refusal
from signing.reasons_asic import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lxml import etree

    from signing.zip_container import Entry

# What a container may come to when it is unpacked, and the files beside its envelope, which are judged in memory.
UNPACKED_BYTES_MAX: Final = 256 * 1024 * 1024
BESIDE_BYTES_MAX: Final = 64 * 1024 * 1024
ENTRIES_MAX: Final = 256
_LIMITS: Final = asic.Limits(entries_max=ENTRIES_MAX, total_bytes_max=UNPACKED_BYTES_MAX)
_FILE: Final = "NoiDung/ThongTinHoSo/ToKhais/FileToKhai"


class Box(Struct, frozen=True):
    """What a container holds: the envelope's bytes, and entries beside it by name in NFC, not read yet."""

    container: asic.AsicContainer
    envelope: bytes
    entries: Mapping[str, Entry]


def open_box(content: bytes) -> Box | Finding:
    """Open a dossier's container (EN 319 162-1), or say what is wrong with it. Never raises for any bytes."""
    container = asic.open_container(content, limits=_LIMITS)
    if isinstance(container, Refusal):
        return broken(container)
    entries = asic.dossier_entries(container)
    if isinstance(entries, Refusal):
        return broken(entries)
    return Box(container, entries.envelope, entries.files)


def beside(box: Box, root: etree._Element) -> dict[str, bytes] | Finding:
    """The files beside the envelope that it names (TenFile where NoiDungFile is empty), within one budget."""
    read: dict[str, bytes] = {}
    left = BESIDE_BYTES_MAX
    for file in root.iterfind(_FILE):
        name = unicodedata.normalize("NFC", " ".join((file.findtext("TenFile") or "").split()))
        entry = box.entries.get(name)
        if entry is None or file.findtext("NoiDungFile") or name in read:
            continue
        content = box.container.zip.read(entry, left)
        if isinstance(content, Refusal):
            return broken(content)
        read[name] = content
        left -= len(content)
    return read


def unnamed(entries: Iterable[str], named: Mapping[str, bytes]) -> list[Finding]:
    """Files of the container that the envelope does not name: nobody would look at them."""
    return [broken(Refusal("container-foreign-entry", {"entry": name[:200]})) for name in entries if name not in named]


def broken(refusal: Refusal) -> Finding:
    """What is wrong with a container, as a finding."""
    reason = REASONS[refusal.code]
    return Finding(
        code=refusal.code,
        severity=Severity.ERROR,
        file=refusal.fields.get("entry", ""),
        message_vi=reason.vi.format(**refusal.fields),
        message_en=reason.en.format(**refusal.fields),
        fix_vi="Tạo lại gói ASiC-E bằng phần mềm ký số (ví dụ: motcua sign --profile asic) rồi nộp lại.",
        fix_en="Make the ASiC-E container again with signing software (say, motcua sign --profile asic) and submit it.",
    )
