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
    from collections.abc import Mapping

    from schemas.envelope import Envelope

# Files beside the envelope are judged in memory, like those inside it.
BESIDE_BYTES_MAX: Final = 64 * 1024 * 1024


class Box(Struct, frozen=True):
    """What a container holds: the envelope's bytes, and files by name in NFC."""

    container: asic.AsicContainer
    envelope: bytes
    beside: dict[str, bytes]


def open_box(content: bytes) -> Box | Finding:
    """Open a dossier's container (EN 319 162-1), or say what is wrong with it. Never raises for any bytes."""
    container = asic.open_container(content)
    if isinstance(container, Refusal):
        return broken(container)
    entries = asic.dossier_entries(container)
    if isinstance(entries, Refusal):
        return broken(entries)
    beside: dict[str, bytes] = {}
    for name, entry in entries.files.items():
        inside = container.zip.read(entry, BESIDE_BYTES_MAX)
        if isinstance(inside, Refusal):
            return broken(inside)
        beside[name] = inside
    return Box(container, entries.envelope, beside)


def unnamed(envelope: Envelope, beside: Mapping[str, bytes]) -> list[Finding]:
    """Files of the container that the envelope does not name: nobody would look at them."""
    named = {unicodedata.normalize("NFC", file.name) for file in envelope.files if file.is_beside}
    return [broken(Refusal("container-foreign-entry", {"entry": name[:200]})) for name in beside if name not in named]


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
