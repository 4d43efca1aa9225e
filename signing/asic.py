"""ASiC-E containers with XAdES signatures: opened strictly, judged whole, and what a dossier's container holds."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import BinaryIO, Final

from msgspec import Struct, structs

from signing.asic_manifest import MANIFEST, MEDIA_TYPE, check_manifest, read_xml
from signing.detached import DigestOf, verify_detached
from signing.indication import Refusal, Verdict, indication_of
from signing.policy import LEVELS, Policy
from signing.reasons_asic import REASONS
from signing.revocation import RevocationStore
from signing.trust import TrustStore
from signing.zip_container import Container, Entry, EntryBroken, Limits, open_zip
from signing.zip_names import shown
from signing.zip_records import STORED

__all__ = [
    "AsicContainer",
    "ContainerSignature",
    "DossierEntries",
    "Limits",
    "dossier_entries",
    "judge_container",
    "match_files",
    "open_container",
    "refused_verdict",
]

MIMETYPE: Final = "mimetype"
METADATA: Final = "META-INF/"
ENVELOPE: Final = "BHXHDienTu.xml"
SIGNATURES_MAX: Final = 8
SIGNATURE_FILE_BYTES_MAX: Final = 2 * 1024**2
MANIFEST_BYTES_MAX: Final = 1024**2
ENVELOPE_BYTES_MAX: Final = 64 * 1024**2

_DEFAULT_LIMITS: Final = Limits()
_USUAL_HASH: Final = "sha256"
_SIGNATURE_FILE: Final = re.compile(r"META-INF/[^/]*signatures[^/]*\.xml")
# ASiCManifest and CAdES signatures, time-stamp tokens, evidence records (EN 319 162-1 §4.4.4, Annex A.4 to A.7)
_NOT_JUDGED: Final = re.compile(
    r"META-INF/(?:ASiC[^/]*Manifest[^/]*\.xml|[^/]*\.(?:p7s|tst|ers)|[^/]*evidencerecord[^/]*\.xml)", re.IGNORECASE
)


class AsicContainer(Struct, frozen=True, kw_only=True):
    """An ASiC-E container that was opened: whole, and unjudged.

    `data_objects` is what signatures have to cover, in the order of places; their contents fit size and checksum.
    `signature_files` are the contents of META-INF/*signatures*.xml by name. Read entries through `zip`.
    """

    zip: Container
    data_objects: tuple[Entry, ...]
    signature_files: dict[str, bytes]


class _Parts(Struct, frozen=True):
    """A container's entries by what they are; there is one manifest at most."""

    data_objects: list[Entry]
    signatures: list[Entry]
    manifest: list[Entry]


class ContainerSignature(Struct, frozen=True):
    """One signature file: its name, the verdict, and the entries that its signature was found to fit."""

    name: str
    verdict: Verdict
    covered: frozenset[str]


class DossierEntries(Struct, frozen=True):
    """A dossier's container: the envelope's bytes, and the files beside it by their names in NFC."""

    envelope: bytes
    files: dict[str, Entry]


def open_container(source: bytes | BinaryIO, *, limits: Limits = _DEFAULT_LIMITS) -> AsicContainer | Refusal:
    """Open a container in memory or in a seekable binary file (EN 319 162-1 v1.1.1 §4.4.3, Annex A.1).

    `mimetype` stands first, stored and bare; META-INF holds one to eight signature files and perhaps a manifest that
    agrees with the data objects, and nothing else; every entry's content was read once, without being held, and is what
    its records say. The hash made on the way is the one that signatures ask for.

    Never raises for any bytes; opening again gives the same answer. A source that cannot be read raises OSError.
    """
    container = open_zip(source, limits)
    if isinstance(container, Refusal):
        return container
    if refusal := _refuse_mimetype(container):
        return refusal
    parts = _sort_out(container)
    if isinstance(parts, Refusal):
        return parts
    if refusal := _refuse_number(parts) or _refuse_manifest(container, parts):
        return refusal
    signature_files = _read_signature_files(container, parts.signatures)
    if isinstance(signature_files, Refusal):
        return signature_files
    for entry in parts.data_objects:
        digest = container.digest(entry, _USUAL_HASH)
        if isinstance(digest, Refusal):
            return digest
    return AsicContainer(zip=container, data_objects=tuple(parts.data_objects), signature_files=signature_files)


def judge_container(
    container: AsicContainer,
    *,
    policy: Policy,
    trust: TrustStore,
    now: datetime,
    revocation: RevocationStore | None = None,
    tsa: TrustStore | None = None,
    level: str = LEVELS[1],
) -> tuple[ContainerSignature, ...]:
    """Judge every signature file by itself; each must cover every data object, whoever signed it.

    A signature that is good but leaves an entry out is refused by the entry's name: what one signer did not see must
    not come in under that signer's name. The parameters are those of `detached.verify_detached`. Who had to sign is the
    caller's to ask. Never raises for a bad signature; judging again gives the same verdicts for the same `now`.
    """
    digests = {
        entry.name: _digest_of(container.zip, entry) for entry in container.zip.entries if _may_be_covered(entry)
    }
    wanted = [entry.name for entry in container.data_objects]
    judged = []
    for name, content in container.signature_files.items():
        root = read_xml(content)
        if root is None:
            refusal = Refusal("container-signature-unreadable", {"entry": shown(name)})
            verdict = refused_verdict(refusal, file=name, policy=policy, now=now)
            judged.append(ContainerSignature(name, verdict, frozenset()))
            continue
        found = verify_detached(
            root, digests, file=name, policy=policy, trust=trust, now=now, revocation=revocation, tsa=tsa, level=level
        )
        verdict = found.verdict
        missing = next((each for each in wanted if each not in found.covered), None)
        if missing is not None and (verdict.passed or verdict.waits):
            verdict = _refused(verdict, Refusal("container-entry-not-signed", {"entry": shown(missing)}), policy)
        judged.append(ContainerSignature(name, verdict, found.covered))
    return tuple(judged)


def refused_verdict(refusal: Refusal, *, file: str, policy: Policy, now: datetime) -> Verdict:
    """Say a refused container in the words of a verdict: nothing of it was judged but its form."""
    reason = REASONS[refusal.code]
    return Verdict(
        file=file,
        path="",
        indication=indication_of(reason.sub_indication),
        sub_indication=reason.sub_indication,
        reason_code=refusal.code,
        reason_vi=reason.vi.format(**refusal.fields),
        reason_en=reason.en.format(**refusal.fields),
        policy=policy.id,
        judged_at=now,
    )


def dossier_entries(
    container: AsicContainer, *, envelope_bytes_max: int = ENVELOPE_BYTES_MAX
) -> DossierEntries | Refusal:
    """Take a dossier's container apart: the envelope BHXHDienTu.xml, and files beside it that lie in no folder.

    Which files the envelope names, `match_files` holds against this. Nothing of it is judged here.
    """
    files = {unicodedata.normalize("NFC", entry.name): entry for entry in container.data_objects}
    envelope = files.pop(ENVELOPE, None)
    if envelope is None:
        return Refusal("container-no-envelope", {"entry": ENVELOPE})
    for name in files:
        if "/" in name:
            return Refusal("container-foreign-entry", {"entry": shown(name)})
    content = container.zip.read(envelope, envelope_bytes_max)
    return content if isinstance(content, Refusal) else DossierEntries(content, files)


def match_files(entries: DossierEntries, named: Iterable[str]) -> Refusal | None:
    """Hold the files beside the envelope against those that it names: TenFile where NoiDungFile is empty.

    Each named file is there, each file there is named, and none twice. Names are compared in NFC.
    """
    seen: set[str] = set()
    for name in (unicodedata.normalize("NFC", each) for each in named):
        if name in seen:
            return Refusal("container-file-named-twice", {"entry": shown(name)})
        if name not in entries.files:
            return Refusal("container-file-missing", {"entry": shown(name)})
        seen.add(name)
    foreign = next((name for name in entries.files if name not in seen), None)
    return None if foreign is None else Refusal("container-foreign-entry", {"entry": shown(foreign)})


def _refuse_mimetype(container: Container) -> Refusal | None:
    """Annex A.1: the media type can be read at a fixed place, byte 38, by whoever knows nothing of ZIP."""
    first = container.entries[0] if container.entries else None
    if first is None or first.name != MIMETYPE or first.method != STORED or first.extra:
        return Refusal("container-mimetype")
    if first.size_bytes != len(MEDIA_TYPE):
        return Refusal("container-mimetype")
    content = container.read(first, len(MEDIA_TYPE))
    if isinstance(content, Refusal):
        return content
    return None if content == MEDIA_TYPE.encode() else Refusal("container-mimetype")


def _sort_out(container: Container) -> _Parts | Refusal:
    """Tell data objects from what META-INF holds, which is nothing that nobody judges (§4.4.3.2)."""
    parts = _Parts([], [], [])
    for entry in container.entries[1:]:
        if entry.name == METADATA:
            continue
        if entry.folder:
            return Refusal("container-folder", {"entry": shown(entry.name)})
        if f"{entry.name.partition('/')[0]}/".casefold() != METADATA.casefold():
            parts.data_objects.append(entry)
        elif _SIGNATURE_FILE.fullmatch(entry.name):
            parts.signatures.append(entry)
        elif entry.name == MANIFEST:
            parts.manifest.append(entry)
        else:
            code = "container-not-judged" if _NOT_JUDGED.fullmatch(entry.name) else "container-foreign-metadata"
            return Refusal(code, {"entry": shown(entry.name)})
    return parts


def _refuse_number(parts: _Parts) -> Refusal | None:
    if not parts.signatures:
        return Refusal("container-no-signature")
    if len(parts.signatures) > SIGNATURES_MAX:
        fields = {"found": str(len(parts.signatures)), "most": str(SIGNATURES_MAX)}
        return Refusal("container-too-many-signatures", fields)
    return None if parts.data_objects else Refusal("container-no-data")


def _refuse_manifest(container: Container, parts: _Parts) -> Refusal | None:
    for manifest in parts.manifest:
        content = container.read(manifest, MANIFEST_BYTES_MAX)
        if isinstance(content, Refusal):
            return content
        if refusal := check_manifest(content, [entry.name for entry in parts.data_objects]):
            return refusal
    return None


def _read_signature_files(container: Container, signatures: list[Entry]) -> dict[str, bytes] | Refusal:
    files: dict[str, bytes] = {}
    for entry in signatures:
        content = container.read(entry, SIGNATURE_FILE_BYTES_MAX)
        if isinstance(content, Refusal):
            return content
        files[entry.name] = content
    return files


def _may_be_covered(entry: Entry) -> bool:
    """Some software signs `mimetype` and the manifest as well; a signature over signatures is another matter."""
    return not entry.folder and not _SIGNATURE_FILE.fullmatch(entry.name)


def _digest_of(container: Container, entry: Entry) -> DigestOf:
    def digest_of(hash_name: str) -> bytes:
        digest = container.digest(entry, hash_name)
        if isinstance(digest, Refusal):  # it was whole when the container was opened: the file changed under us
            raise EntryBroken(digest)
        return digest

    return digest_of


def _refused(verdict: Verdict, refusal: Refusal, policy: Policy) -> Verdict:
    said = refused_verdict(refusal, file=verdict.file, policy=policy, now=verdict.judged_at)
    return structs.replace(
        verdict,
        indication=said.indication,
        sub_indication=said.sub_indication,
        reason_code=said.reason_code,
        reason_vi=said.reason_vi,
        reason_en=said.reason_en,
    )
