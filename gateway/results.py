"""Files of results: the agency's signature in each is judged, and each is kept like a dossier, under its own key."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.clock import to_us
from gateway.office_statement import ResultNamed
from gateway.signed_by import Looking, verdict_on
from schemas import xml
from schemas.findings import Finding
from signing import asic
from signing.asic_manifest import MEDIA_TYPE as ASIC_E
from signing.attachments import judge_attachment
from signing.indication import Refusal
from signing.xmldsig import SIGNATURE
from storage import documents, results
from storage.documents import Document
from storage.results import KIND, Result
from storage.vault import Entry, Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.judge import Tables
    from gateway.report_rules import ResultFile
    from gateway.settle import Stores
    from signing.indication import Verdict
    from storage.journal import Dossier

NAME_CHARACTERS_MAX: Final = 200
PDF: Final = "application/pdf"
XML: Final = "application/xml"
# What may be a result: everything else is not opened by those who receive it.
MEDIA_TYPES: Final = (PDF, XML, ASIC_E)
FILES_A_DOSSIER_MAX: Final = 100


class ResultRefused(Exception):
    """A file of a result is not fit: of another kind, unsigned, or its signature does not hold. Nothing was kept."""

    def __init__(self, name: str, vi: str, en: str) -> None:
        super().__init__(f"{name}: {vi} · {en}")
        self.name, self.vi, self.en = name, vi, en


class Judged(Struct, frozen=True):
    """A file, what was judged of its signature, and the certificate that made it (SHA-256, hex; '' without one)."""

    file: ResultFile
    signature: str
    signer: str


class Kept(Struct, frozen=True):
    """A judged file whose bytes are durable, though nothing points at them yet."""

    judged: Judged
    sha256: bytes
    wrapped_key: bytes
    place: Place


def judge(file: ResultFile, tables: Tables, now: datetime, *, refuse_unsigned: bool) -> Judged:
    """The agency's signature in the file: `passed`, `indeterminate` (it holds as far as could be told now) or `none`.

    Raises `ResultRefused` for a signature that does not hold, for a kind of file that is not taken, and, where
    `refuse_unsigned`, for a file without any.
    """
    if file.media_type not in MEDIA_TYPES:
        raise ResultRefused(file.name, "chỉ nhận PDF, XML hoặc ASiC-E", "a PDF, XML or ASiC-E file is taken")
    if not file.content:
        raise ResultRefused(file.name, "tệp rỗng", "the file is empty")
    verdicts = _verdicts(file, tables, now)
    for one in verdicts:
        if not one.passed and not one.waits:
            raise ResultRefused(
                file.name, f"chữ ký số không hợp lệ: {one.reason_vi}", f"its signature does not hold: {one.reason_en}"
            )
    if not verdicts:
        if refuse_unsigned:
            raise ResultRefused(file.name, "chưa có chữ ký số của cơ quan", "it bears no signature of the agency")
        return Judged(file, "none", "")
    first = verdicts[0]
    signature = "indeterminate" if any(one.waits for one in verdicts) else "passed"
    return Judged(file, signature, first.signer.certificate_sha256 if first.signer else "")


def _verdicts(file: ResultFile, tables: Tables, now: datetime) -> Sequence[Verdict]:
    if file.media_type == XML:
        return _of_xml(file, tables, now)
    known = {
        "policy": tables.policy, "trust": tables.trust, "now": now, "revocation": tables.revocation, "tsa": tables.tsa,
    }  # fmt: skip
    if file.media_type == PDF:
        signed = judge_attachment(file.content, name=file.name, kind=".pdf", **known)  # type: ignore[arg-type]
        if signed.state == "not-judged":
            raise ResultRefused(file.name, signed.note_vi, signed.note_en)
        if not file.content.lstrip()[:5].startswith(b"%PDF-"):
            raise ResultRefused(file.name, "không phải tệp PDF", "it is not a PDF")
        return signed.verdicts
    container = asic.open_container(file.content)
    if isinstance(container, Refusal):
        raise ResultRefused(file.name, "không mở được gói ASiC-E", f"the container cannot be opened: {container.code}")
    return [one.verdict for one in asic.judge_container(container, **known)]  # type: ignore[arg-type]


def _of_xml(file: ResultFile, tables: Tables, now: datetime) -> list[Verdict]:
    """The one signature of an XML file, wherever it stands: no national form says where."""
    root = xml.parse(file.content, file=file.name)
    if isinstance(root, Finding):
        raise ResultRefused(file.name, root.message_vi, root.message_en)
    signature = next(root.iter(SIGNATURE), None)
    if signature is None:
        return []
    path = "".join(f"/{element.tag}" for element in reversed(list(signature.iterancestors())))
    if not path:
        raise ResultRefused(file.name, "chữ ký không bao trùm nội dung nào", "the signature covers no content")
    return [verdict_on(root, path, file.name, tables, now, looking=Looking(), source=file.content)]


def keep(stores: Stores, judged: Sequence[Judged]) -> list[Kept]:
    """Put the files into the vault, each under a key of its own; they are durable when this returns.

    Raises `VaultAway`: then nothing points at them, and trying again is safe.
    """
    digests = [hashlib.sha256(one.file.content).digest() for one in judged]
    locked = [stores.cipher.lock(one.file.content, sha256) for one, sha256 in zip(judged, digests, strict=True)]
    if not locked:
        return []
    # The vault keeps one place for one digest.
    bodies = dict(zip(digests, locked, strict=True))
    places = stores.vault.put_many([Entry(sha256, one.body) for sha256, one in bodies.items()])
    at = dict(zip(bodies, places, strict=True))
    return [
        Kept(one, sha256, bodies[sha256].wrapped_key, at[sha256]) for one, sha256 in zip(judged, digests, strict=True)
    ]


def enter(tx: sa.Connection, dossier: Dossier, kept: Sequence[Kept], seq: int, now: datetime) -> list[Result]:
    """Write what the files are, with fact `seq`, numbered on from those before.

    A signature that holds is the agency's own when its certificate is registered for the office; where none is
    registered it is marked `unregistered`. Raises `ResultRefused` for a certificate that is not this office's, for one
    that replaces a file that is not there, and for too many.
    """
    before = results.of(tx, dossier.id)
    registered = results.certificates(tx, dossier.competent_office)
    rows = []
    for number, one in enumerate(kept, len(before) + 1):
        file = one.judged.file
        if number > FILES_A_DOSSIER_MAX:
            raise ResultRefused(file.name, f"tối đa {FILES_A_DOSSIER_MAX} tệp", f"at most {FILES_A_DOSSIER_MAX} files")
        if file.replaces is not None and file.replaces not in {row.number for row in before}:
            raise ResultRefused(
                file.name, f"không có kết quả số {file.replaces}", f"there is no result {file.replaces}"
            )
        row = Result(
            dossier=dossier.id,
            number=number,
            seq=seq,
            name=unicodedata.normalize("NFC", file.name)[:NAME_CHARACTERS_MAX],
            media_type=file.media_type,
            sha256=one.sha256,
            size_bytes=len(file.content),
            result_number=file.result_number,
            electronic_code=file.electronic_code,
            signature=_whose(one.judged, registered),
            signer=one.judged.signer,
            replaces=file.replaces,
        )
        results.add(tx, row)
        documents.add(tx, _document(dossier, one, number, now))
        rows.append(row)
    return rows


def _whose(judged: Judged, registered: frozenset[str]) -> str:
    if judged.signature == "none" or judged.signer in registered:
        return judged.signature
    if registered:
        raise ResultRefused(
            judged.file.name,
            "chứng thư số ký kết quả không phải của cơ quan này",
            "it is signed with a certificate that is not this office's",
        )
    return "unregistered" if judged.signature == "passed" else judged.signature


def _document(dossier: Dossier, kept: Kept, number: int, now: datetime) -> Document:
    return Document(
        dossier=dossier.id,
        kind=KIND,
        number=number,
        media_type=kept.judged.file.media_type,
        sha256=kept.sha256,
        size_bytes=len(kept.judged.file.content),
        pack=kept.place.pack,
        pack_offset=kept.place.offset,
        pack_length=kept.place.length,
        wrapped_key=kept.wrapped_key,
        made_at_us=to_us(now),
    )


def named(row: Result) -> ResultNamed:
    """A file as a statement names it: by digest and number, never by its name, in which a person may stand."""
    return ResultNamed(
        number=row.number,
        sha256=row.sha256.hex(),
        size_bytes=row.size_bytes,
        media_type=row.media_type,
        signature=row.signature,
        signer=row.signer,
        result_number=row.result_number,
        electronic_code=row.electronic_code,
        replaces=row.replaces,
    )
