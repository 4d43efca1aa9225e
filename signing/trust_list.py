"""The trust folder as a list: every certificate, where it is from, and what is trusted at an instant."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct, structs

from signing.crl import CRL_BYTES_MAX, UNREADABLE
from signing.trust import TSA_FOLDER, TrustStore, TrustUnusable
from signing.trust_facts import FACTS_FILE, Facts, Role, Standing, read_facts

CERTIFICATE_FILE_BYTES_MAX: Final = 4 * 1024 * 1024
CERTIFICATES_MAX: Final = 4096
CERTIFICATE_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".der"})
CRL_SUFFIX: Final = ".crl"

_KEY_SUFFIXES: Final = frozenset({".key", ".p12", ".pfx", ".jks"})
_KEY_MARK: Final = b"PRIVATE KEY-----"
_MARK_BYTES_MAX: Final = 1024 * 1024
_PEM_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_PEM_CRL: Final = b"-----BEGIN X509 CRL-----"
_PEM_HEAD: Final = b"-----BEGIN "


class FolderUnusable(TrustUnusable):
    """`TrustUnusable`, in both languages. Trying again helps only when a file was being written."""

    def __init__(self, vietnamese: str, english: str) -> None:
        super().__init__(english)
        self.vietnamese = vietnamese


class Entry(Struct, frozen=True, kw_only=True):
    """One certificate of the folder. `file` is relative to it; `is_listed` says whether trust.toml names it."""

    file: str
    certificate: x509.Certificate
    sha256: str
    role: Role
    facts: Facts
    is_listed: bool
    for_stamps: bool
    standing: Standing


class Fault(Struct, frozen=True):
    """Why a file of the folder cannot be used: "unreadable", "private-key", "too-large", "list", "missing", "role"."""

    file: str
    code: str
    detail: str = ""


class Survey(Struct, frozen=True, kw_only=True):
    """All that could be read, trusted or not, and all that could not. `crls` are (file, DER)."""

    entries: tuple[Entry, ...]
    crls: tuple[tuple[str, bytes], ...]
    faults: tuple[Fault, ...]


class Trusted(Struct, frozen=True, kw_only=True):
    """What is trusted, from the instant `holds_from` until before `holds_until` (None: open), by what the folder says.

    `tsa` is None when no time-stamp authority is trusted. `entries` are all certificates of the folder, those left out
    too, with their `standing`. `digest` (hex) is the same wherever the same is trusted for the same reasons.
    """

    store: TrustStore
    tsa: TrustStore | None
    crls: tuple[tuple[str, bytes], ...]
    entries: tuple[Entry, ...]
    digest: str
    holds_from: datetime | None = None
    holds_until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Whether no date has passed since that changes what is trusted."""
        begun = self.holds_from is None or self.holds_from <= now
        return begun and (self.holds_until is None or now < self.holds_until)

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """All certificates of the folder: the issuers of revocation data, which is no trust in them.

        Those that are left out too: their CRLs may lie there still.
        """
        return tuple(dict.fromkeys(one.certificate for one in self.entries))


def load_trust(folder: Path, now: datetime) -> Trusted:
    """Read the whole folder, and give what is trusted at `now`: new stores, which remember no chain.

    Certificates (.pem, .crt, .cer, .der; one or several a file), CRLs (.crl), the list `trust.toml`, and the same in
    the subfolder `tsa` for time-stamp authorities. A certificate that the list does not name is trusted as it lies
    there. One that the list names, and that is not there, makes the folder unusable unless it is withdrawn: a file
    lost by mistake is not a decision. So does every file that cannot be read, and every private key.
    Raises TrustUnusable, naming the file and the reason. Trying again is safe, and helps when a file was being written.
    """
    found = survey(folder, now)
    if found.faults:
        first, others = found.faults[0], len(found.faults) - 1
        vietnamese, english = told(first)
        place = folder / first.file
        raise FolderUnusable(
            f"tệp tin cậy {place}: {vietnamese}" + (f" (và {others} lỗi nữa)" if others else ""),
            f"trust file {place}: {english}" + (f" (and {others} more)" if others else ""),
        )
    roles = {(one.for_stamps, one.role) for one in found.entries}
    if (False, "anchor") not in roles:
        raise _without_anchor(folder)
    if any(stamps for stamps, _ in roles) and (True, "tsa-anchor") not in roles:
        raise _without_anchor(folder / TSA_FOLDER)
    return trusted_at(found.entries, found.crls, now)


def _without_anchor(folder: Path) -> FolderUnusable:
    return FolderUnusable(
        f"thư mục tin cậy {folder}: không có chứng thư tự ký nào, nên không có gốc",
        f"trust folder {folder}: no self-signed certificate, hence no anchor",
    )


def trusted_at(entries: Iterable[Entry], crls: Iterable[tuple[str, bytes]], now: datetime) -> Trusted:
    """Give what is trusted at `now` of these entries: new stores, which remember no chain."""
    judged = tuple([structs.replace(one, standing=one.facts.standing(now)) for one in entries])
    lists = tuple(crls)
    turns = sorted({turn for one in judged for turn in one.facts.turns()})
    anchors = _trusted(judged, "anchor", for_stamps=False)
    stamping = _trusted(judged, "tsa-anchor", for_stamps=True)
    said = [(one.file, one.sha256, one.role, one.standing, one.facts) for one in judged]
    sums = [(name, hashlib.sha256(der).hexdigest()) for name, der in lists]
    return Trusted(
        store=TrustStore(anchors, _trusted(judged, "intermediate", for_stamps=False)),
        tsa=TrustStore(stamping, _trusted(judged, "intermediate", for_stamps=True)) if stamping else None,
        crls=lists,
        entries=judged,
        digest=hashlib.sha256(msgspec.json.encode([said, sums])).hexdigest(),
        holds_from=max((turn for turn in turns if turn <= now), default=None),
        holds_until=min((turn for turn in turns if turn > now), default=None),
    )


def without_withdrawn(trusted: Trusted, folder: Path, now: datetime) -> Trusted:
    """Give what is left at `now` of what was trusted, when of the folder only its lists' withdrawals can be used.

    A withdrawal must not wait until some other file has been mended.
    """
    withdrawn: dict[tuple[bool, str], Facts] = {}
    for for_stamps, place in ((False, folder), (True, folder / TSA_FOLDER)):
        try:
            listed = read_facts((place / FACTS_FILE).read_bytes(), FACTS_FILE)
        except (OSError, TrustUnusable):
            continue
        withdrawn.update(((for_stamps, sha256), one) for sha256, one in listed.items() if one.withdrawn_on is not None)
    entries = [
        structs.replace(one, facts=withdrawn.get((one.for_stamps, one.sha256), one.facts)) for one in trusted.entries
    ]
    return trusted_at(entries, trusted.crls, now)


def survey(folder: Path, now: datetime) -> Survey:
    """Read all that can be read of the folder, and say what cannot; raises nothing for what is in it."""
    reading = _Reading(folder, now)
    reading.read_place("", for_stamps=False)
    if (folder / TSA_FOLDER).is_dir():
        reading.read_place(f"{TSA_FOLDER}/", for_stamps=True)
    if len(reading.entries) > CERTIFICATES_MAX:
        reading.faults.append(Fault(".", "too-large", f"{len(reading.entries)} > {CERTIFICATES_MAX}"))
    return Survey(entries=tuple(reading.entries), crls=tuple(reading.crls), faults=tuple(reading.faults))


def told(fault: Fault) -> tuple[str, str]:
    """A fault in Vietnamese and in English."""
    vietnamese, english = _FAULTS[fault.code]
    return vietnamese.format(fault.detail), english.format(fault.detail)


class _Reading:
    """The folder while it is read."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder, self._now = folder, now
        self.entries: list[Entry] = []
        self.crls: list[tuple[str, bytes]] = []
        self.faults: list[Fault] = []

    def read_place(self, prefix: str, *, for_stamps: bool) -> None:
        """Read the folder itself (""), or its subfolder ("tsa/")."""
        place = self._folder / prefix
        try:
            # A file may vanish or be replaced meanwhile; then reading it says so.
            paths = sorted(path for path in place.iterdir() if not path.is_dir())
        except OSError as error:
            self.faults.append(Fault(prefix or ".", "unreadable", _plainly(error)))
            return
        listed = self._listed(place, prefix)
        held: set[str] = set()
        for path in paths:
            name = prefix + path.name
            try:
                for one in self._read_file(path, name):
                    entry = self._entry(name, one, listed, for_stamps=for_stamps)
                    held.add(entry.sha256)
                    self.entries.append(entry)
            except UNREADABLE as error:
                self.faults.append(Fault(name, "unreadable", _plainly(error)))
            except OSError as error:
                self.faults.append(Fault(name, "unreadable", error.strerror or type(error).__name__))
        for sha256, facts in listed.items():
            if sha256 not in held and facts.withdrawn_on is None:
                self.faults.append(Fault(prefix + FACTS_FILE, "missing", sha256))

    def _listed(self, place: Path, prefix: str) -> dict[str, Facts]:
        try:
            return read_facts((place / FACTS_FILE).read_bytes(), prefix + FACTS_FILE)
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.faults.append(Fault(prefix + FACTS_FILE, "unreadable", error.strerror or type(error).__name__))
        except TrustUnusable as error:
            self.faults.append(Fault(prefix + FACTS_FILE, "list", str(error).partition(": ")[2]))
        return {}

    def _read_file(self, path: Path, name: str) -> list[x509.Certificate]:
        """The certificates of a file; its CRLs are put by, its faults too. Raises what reading raises."""
        suffix = path.suffix.lower()
        if suffix in _KEY_SUFFIXES:
            self.faults.append(Fault(name, "private-key"))
            return []
        is_read = suffix in CERTIFICATE_SUFFIXES or suffix == CRL_SUFFIX
        if not path.is_file():  # a pipe must not be opened; it would wait for whoever writes to it
            if is_read:
                self.faults.append(Fault(name, "unreadable", "not a file"))
            return []
        most = 2 * CRL_BYTES_MAX if suffix == CRL_SUFFIX else CERTIFICATE_FILE_BYTES_MAX if is_read else _MARK_BYTES_MAX
        if is_read and path.stat().st_size > most:
            self.faults.append(Fault(name, "too-large", f"{path.stat().st_size} > {most}"))
            return []
        with path.open("rb") as file:
            content = file.read(most)
        if _KEY_MARK in content:
            self.faults.append(Fault(name, "private-key"))
        elif suffix == CRL_SUFFIX:
            self.crls.extend((name, der) for der in read_crls(content))
        elif is_read:
            return read_certificates(content)
        return []

    def _entry(self, name: str, one: x509.Certificate, listed: Mapping[str, Facts], *, for_stamps: bool) -> Entry:
        sha256 = one.fingerprint(hashes.SHA256()).hex()
        facts = listed.get(sha256) or Facts(sha256=sha256)
        top: Role = "tsa-anchor" if for_stamps else "anchor"
        if facts.role not in (None, top, "intermediate"):
            place = "tsa" if for_stamps else "."
            self.faults.append(Fault(name, "role", f"{facts.role} ({place})"))
        return Entry(
            file=name,
            certificate=one,
            sha256=sha256,
            role=facts.role or (top if is_self_signed(one) else "intermediate"),
            facts=facts,
            is_listed=sha256 in listed,
            for_stamps=for_stamps,
            standing=facts.standing(self._now),
        )


def read_certificates(content: bytes) -> list[x509.Certificate]:
    """Read a file's certificates, PEM (one or several) or DER (one). Raises what `UNREADABLE` lists."""
    found: list[x509.Certificate] = []
    if _PEM_CERTIFICATE in content:
        # A file that was cut off between two certificates cannot be told from a whole one; within one, it can.
        if content.count(_PEM_HEAD) != content.count(b"-----END "):
            raise ValueError("a PEM block is not closed")
        found = x509.load_pem_x509_certificates(content)
    else:
        found = [x509.load_der_x509_certificate(content)]
    for one in found:
        # These are read late; whatever cannot be read shall stop here, and not when the first signature comes.
        one.public_key()
        _ = (list(one.extensions), one.subject, one.issuer, one.not_valid_before_utc, one.not_valid_after_utc)
    return found


def read_crls(content: bytes) -> list[bytes]:
    """Read a file's CRLs, PEM (one or several) or DER (one), each as DER. Raises what `UNREADABLE` lists."""
    parts = content.split(_PEM_CRL)[1:]
    ders = [x509.load_pem_x509_crl(_PEM_CRL + part).public_bytes(Encoding.DER) for part in parts] or [content]
    for der in ders:
        x509.load_der_x509_crl(der)
    return ders


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether it carries its own name and is signed by its own key, by whatever hash, or by one that cannot be checked.

    As `TrustStore.load` sees it: an anchor is trusted because it was configured, not for its signature.
    """
    if certificate.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature:
        return False
    except UNREADABLE:
        return True
    return True


def _trusted(entries: Iterable[Entry], role: Role, *, for_stamps: bool) -> tuple[x509.Certificate, ...]:
    """The certificates of a role that are trusted, each once."""
    chosen = (
        one.certificate
        for one in entries
        if one.role == role and one.for_stamps is for_stamps and one.standing == "trusted"
    )
    return tuple(dict.fromkeys(chosen))


def _plainly(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


_FAULTS: Final = {
    "unreadable": ("không đọc được ({})", "cannot be read ({})"),
    "private-key": ("có khóa riêng, không được để ở đây", "holds a private key, which must not lie there"),
    "too-large": ("lớn quá ({})", "too large ({})"),
    "list": ("danh sách không dùng được: {}", "the list cannot be used: {}"),
    "missing": (
        "danh sách nêu chứng thư {} nhưng thư mục không có: trả tệp lại, hoặc ghi withdrawn_on",
        "the list names certificate {}, which is not there: bring the file back, or write withdrawn_on",
    ),
    "role": ("vai trò {} không hợp với thư mục chứa nó", "role {} does not fit the folder that holds it"),
}
