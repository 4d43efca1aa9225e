"""Large containers for tests: made on disk, an entry at a time."""

import hashlib
import random
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from schemas.sample_attachments import pdf
from signing.asic_manifest import MANIFEST, MEDIA_TYPE, make_manifest
from signing.demo_holder import Holder
from signing.dossier import sign_dossier
from signing.sign import algorithm_for, sign_value
from signing.sign_xades import sign_digests

MIB: Final = 1024 * 1024
ENVELOPE: Final = "BHXHDienTu.xml"
_DAY: Final = (1980, 1, 1, 0, 0, 0)


def naming(envelope: bytes, names: list[str]) -> bytes:
    """The unsigned envelope, naming supporting papers that lie beside it."""
    files = b"".join(
        b"<FileToKhai><MaToKhai>CT-DK</MaToKhai><MoTaToKhai>Hop dong</MoTaToKhai><TenFile>%s</TenFile>"
        b"<LoaiFile>%s</LoaiFile><DoDaiFile>0</DoDaiFile><NoiDungFile></NoiDungFile></FileToKhai>"
        % (name.encode(), Path(name).suffix.encode())
        for name in names
    )
    before, told, after = envelope.partition(b"<SoLuongFile>")
    count, _, after = after.partition(b"<")
    changed = before + told + b"%d<" % (int(count) + len(names)) + after
    return changed.replace(b"</ToKhais>", files + b"</ToKhais>")


def papers(count: int, size_bytes: int) -> dict[str, tuple[bytes, bytes, bytes]]:
    """So many PDFs of that size by name, each other bytes: head, what differs, and tail, so that few are held."""
    one = pdf(random.Random(7), size_bytes)
    middle = len(one) // 2
    return {f"hop-dong-{number:03}.pdf": (one[:middle], b"%08d" % number, one[middle + 8 :]) for number in range(count)}


def write_container(
    path: Path,
    envelope: bytes,
    entries: Mapping[str, tuple[bytes, ...]],
    holder: Holder,
    now: datetime,
    signature_paths: Mapping[str, str],
) -> bytes:
    """Write a signed container of the unsigned envelope, which already names the entries; returns its SHA-256."""
    signed = sign_dossier(
        envelope, holder.key, holder.certificate, signature_paths=signature_paths, now=now, level="forms"
    )
    contents: dict[str, tuple[bytes, ...]] = {ENVELOPE: (signed,), **entries}
    digests = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as made:
        made.writestr(zipfile.ZipInfo("mimetype", _DAY), MEDIA_TYPE)
        for name, parts in contents.items():
            digest = hashlib.sha256()
            with made.open(zipfile.ZipInfo(name, _DAY), "w") as entry:
                for part in parts:
                    digest.update(part)
                    entry.write(part)
            digests[name] = digest.digest()
        by = algorithm_for(holder.key, holder.certificate)
        signature = sign_digests(
            digests, lambda value: sign_value(holder.key, value, by), [holder.certificate], by=by, now=now
        )
        made.writestr(zipfile.ZipInfo(MANIFEST, _DAY), make_manifest(list(contents)))
        made.writestr(zipfile.ZipInfo("META-INF/signatures001.xml", _DAY), signature)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
