"""A dossier that comes in an ASiC-E container: the envelope, and the files beside it, the large ones streamed."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING, BinaryIO, Final

from msgspec import Struct

from schemas.findings import Finding, Severity
from signing import asic
from signing.indication import Refusal
from signing.reasons_asic import REASONS
from signing.zip_container import EntryBroken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lxml import etree

    from schemas.envelope_files import Stored
    from signing.zip_container import Container, Entry

# By so much may a container grow when it is unpacked, whatever its own size.
UNPACKED_BYTES_MAX: Final = 256 * 1024 * 1024
# Files beside the envelope that are held in memory while they are judged: all of them up to this, of a container that
# is in memory itself; the small ones up to that, of one in a file. The others are read one at a time.
BESIDE_BYTES_MAX: Final = 64 * 1024 * 1024
BESIDE_A_FILE_BYTES_MAX: Final = 16 * 1024 * 1024
SMALL_BYTES_MAX: Final = 1024 * 1024
ENTRIES_MAX: Final = 256
_ENDS_BYTES: Final = 4096
_FILE: Final = "NoiDung/ThongTinHoSo/ToKhais/FileToKhai"


class Box(Struct, frozen=True):
    """What a container holds: the envelope's bytes, and entries beside it by name in NFC, not read yet."""

    container: asic.AsicContainer
    envelope: bytes
    entries: Mapping[str, Entry]


class Beside:
    """A file in a container, read when it is wanted; the container's source must stay open (see `Stored`).

    Not for two threads at a time. Its content was whole when the container was opened: `EntryBroken` means that the
    container changed since.
    """

    def __init__(self, container: Container, entry: Entry) -> None:
        self._container, self._entry = container, entry

    @property
    def size_bytes(self) -> int:
        """How large it is."""
        return self._entry.size_bytes

    @property
    def sha256(self) -> bytes:
        """Its digest, which opening the container has worked out."""
        digest = self._container.digest(self._entry, "sha256")
        if isinstance(digest, Refusal):
            raise EntryBroken(digest)
        return digest

    @functools.cached_property
    def ends(self) -> tuple[bytes, bytes]:
        """Its first and its last bytes."""
        head = tail = b""
        for chunk in self.chunks():
            head = head if len(head) >= _ENDS_BYTES else (head + chunk)[:_ENDS_BYTES]
            tail = (tail + chunk)[-_ENDS_BYTES:]
        return head, tail

    def chunks(self) -> Iterator[bytes]:
        """The content in small chunks."""
        return self._container.open(self._entry)

    def read(self) -> bytes:
        """The whole content."""
        return b"".join(self.chunks())


def open_box(source: bytes | BinaryIO, size_bytes: int) -> Box | Finding:
    """Open a dossier's container (EN 319 162-1), or say what is wrong with it. Never raises for any bytes."""
    limits = asic.Limits(entries_max=ENTRIES_MAX, total_bytes_max=UNPACKED_BYTES_MAX + size_bytes)
    container = asic.open_container(source, limits=limits)
    if isinstance(container, Refusal):
        return broken(container)
    entries = asic.dossier_entries(container)
    if isinstance(entries, Refusal):
        return broken(entries)
    return Box(container, entries.envelope, entries.files)


def beside(box: Box, root: etree._Element, *, in_file: bool) -> dict[str, bytes | Stored] | Finding:
    """The files beside the envelope that it names (TenFile where NoiDungFile is empty).

    What would exceed the budget of memory is not read yet.
    """
    found: dict[str, bytes | Stored] = {}
    left = BESIDE_A_FILE_BYTES_MAX if in_file else BESIDE_BYTES_MAX
    for file in root.iterfind(_FILE):
        name = unicodedata.normalize("NFC", " ".join((file.findtext("TenFile") or "").split()))
        entry = box.entries.get(name)
        if entry is None or file.findtext("NoiDungFile") or name in found:
            continue
        if entry.size_bytes > min(left, SMALL_BYTES_MAX if in_file else left):
            found[name] = Beside(box.container.zip, entry)
            continue
        content = box.container.zip.read(entry, left)
        if isinstance(content, Refusal):
            return broken(content)
        found[name] = content
        left -= len(content)
    return found


def unnamed(entries: Iterable[str], named: Mapping[str, object]) -> list[Finding]:
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
