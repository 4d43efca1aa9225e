"""The trust folder as rows for people and programs: each certificate and CRL, what it rests on, and what is wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct, structs

from gateway.clock import VIETNAM, for_people
from signing.certificate import CURVE_URIS
from signing.crl import CrlFacts
from signing.indication import Refusal
from signing.reasons_revocation import UNUSABLE
from signing.revocation import RevocationStore
from signing.trust import AUTHORITY_RSA_BITS_MIN
from signing.trust_list import Survey, Trusted, survey, told, trusted_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from signing.trust_list import Entry

SOON: Final = timedelta(days=90)
_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_CURVES: Final = frozenset(CURVE_URIS.values())
_ANCHORS: Final = frozenset({"anchor", "tsa-anchor"})


class Said(Struct, frozen=True):
    """Something that a person should know, in both languages."""

    code: str
    vi: str
    en: str


class CrlAtHand(Struct, frozen=True):
    """The newest CRL of an authority that lies in the folder."""

    file: str
    this_update: datetime
    next_update: datetime | None


class Row(Struct, frozen=True, kw_only=True):
    """A certificate ("anchor", "intermediate", "tsa-anchor"), a CRL ("crl"), or what could not be used ("unusable").

    `leads_to` is the SHA-256 of the anchor at the end of an intermediate's chain. `wrong` wants to be mended;
    `cautions` want to be known.
    """

    file: str
    kind: str
    subject: str = ""
    sha256: str = ""
    standing: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    trusted_from: date | None = None
    trusted_until: date | None = None
    withdrawn_on: date | None = None
    why: str = ""
    source: str = ""
    obtained_on: date | None = None
    added_by: str = ""
    note: str = ""
    expires_soon: bool = False
    leads_to: str = ""
    crl: CrlAtHand | None = None
    wrong: tuple[Said, ...] = ()
    cautions: tuple[Said, ...] = ()


def rows_of(folder: Path, now: datetime) -> list[Row]:
    """Everything in the folder. A folder that is not there has no rows."""
    if not folder.is_dir():
        return []
    found = survey(folder, now)
    trusted = trusted_at(found.entries, found.crls, now)
    lists, newest = _crls(found, trusted, now)
    rows = [_row(one, trusted, newest.get(one.sha256), now) for one in trusted.entries]
    rows.sort(key=lambda one: (one.file.partition("/")[1], one.kind, one.subject))
    rows += lists
    rows += [Row(file=one.file, kind="unusable", wrong=(Said(one.code, *told(one)),)) for one in found.faults]
    return rows


def subject_of(certificate: x509.Certificate) -> str:
    """A certificate's subject, safe for a terminal."""
    return shown(certificate.subject)


def shown(name: x509.Name) -> str:
    """A name, safe for a terminal: whoever made the certificate chose its letters."""
    return "".join(letter if letter.isprintable() else "�" for letter in name.rfc4514_string()[:300])


def unfit(certificate: x509.Certificate, now: datetime) -> Said | None:
    """Why a certificate is of no use as an authority's, whoever vouches for it; None when it is."""
    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        is_authority = False
    if not is_authority:
        return Said("not-authority", "không phải chứng thư số của CA", "not an authority's certificate")
    if key := _weak_key(certificate):
        return Said("key", f"khóa yếu hoặc lạ: {key}", f"a weak or unknown key: {key}")
    if certificate.not_valid_after_utc < now:
        day = day_of(certificate.not_valid_after_utc)
        return Said("expired", f"hết hạn ngày {day}", f"expired on {day}")
    if certificate.not_valid_before_utc > now:
        day = day_of(certificate.not_valid_before_utc)
        return Said("not-yet-valid", f"chưa có hiệu lực, từ ngày {day}", f"not valid before {day}")
    return None


def weak_hash(certificate: x509.Certificate) -> str:
    """The hash under a certificate's signature when no chain may rest on it, or ""."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return certificate.signature_algorithm_oid.dotted_string
    if algorithm is None:
        return certificate.signature_algorithm_oid.dotted_string
    return "" if algorithm.name in _HASHES else algorithm.name.upper().replace("SHA1", "SHA-1")


def day_of(instant: datetime) -> str:
    """An instant's day in Vietnam, for people."""
    return instant.astimezone(VIETNAM).strftime("%d/%m/%Y")


def _weak_key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "" if key.key_size >= AUTHORITY_RSA_BITS_MIN else f"RSA {key.key_size} bit"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if key.curve.name in _CURVES else f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")


def _row(one: Entry, trusted: Trusted, crl: CrlAtHand | None, now: datetime) -> Row:
    certificate, facts = one.certificate, one.facts
    wrong: list[Said] = []
    cautions: list[Said] = []
    leads_to = ""
    soon = False
    if one.standing in ("trusted", "not-yet"):
        if fault := unfit(certificate, now):
            wrong.append(fault)
        else:
            soon = certificate.not_valid_after_utc - now < SOON
        if one.role in _ANCHORS and not facts.source:
            wrong.append(
                Said("no-source", "không ghi lấy từ đâu (trust.toml: source)", "its source is not told (trust.toml)")
            )
        if weak := weak_hash(certificate):
            (cautions if one.role in _ANCHORS and facts.source else wrong).append(_weak(one, weak))
    if one.standing == "trusted" and one.role == "intermediate" and not wrong:
        leads_to, refused = _chain(one, trusted, now)
        wrong.extend(refused)
    if soon:
        day = day_of(certificate.not_valid_after_utc)
        cautions.append(Said("expires-soon", f"sắp hết hạn: {day}", f"expires soon: {day}"))
    return Row(
        file=one.file,
        kind=one.role,
        subject=subject_of(certificate),
        sha256=one.sha256,
        standing=one.standing,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        trusted_from=facts.trusted_from,
        trusted_until=facts.trusted_until,
        withdrawn_on=facts.withdrawn_on,
        why=facts.why,
        source=facts.source,
        obtained_on=facts.obtained_on,
        added_by=facts.added_by,
        note=facts.note,
        expires_soon=soon,
        leads_to=leads_to,
        crl=crl,
        wrong=tuple(wrong),
        cautions=tuple(cautions),
    )


def _weak(one: Entry, name: str) -> Said:
    """Nobody relies on an anchor's own signature; where it is from then vouches for it, by its SHA-256."""
    if one.role in _ANCHORS:
        return Said(
            "weak-hash",
            f"tự ký bằng {name}: chỉ tin nhờ đối chiếu SHA-256",
            f"signs itself with {name}: only its SHA-256 vouches for it",
        )
    return Said("weak-hash", f"được ký bằng {name}: không chuỗi nào qua được", f"signed with {name}: no chain passes")


def _chain(one: Entry, trusted: Trusted, now: datetime) -> tuple[str, list[Said]]:
    store = trusted.tsa if one.for_stamps else trusted.store
    chain = store.chain(one.certificate.public_bytes(Encoding.DER), now) if store else Refusal("no-chain")
    if not isinstance(chain, Refusal):
        return chain.sha256[-1], []
    more = "" if chain.code == "no-chain" else f" ({chain.code})"
    return "", [Said(chain.code, f"không nối được tới gốc nào{more}", f"leads to no anchor{more}")]


def _crls(found: Survey, trusted: Trusted, now: datetime) -> tuple[list[Row], dict[str, CrlAtHand]]:
    """The CRLs as rows, and for each authority, by SHA-256, the newest."""
    store = RevocationStore(trusted.authorities)
    read = [(file, x509.load_der_x509_crl(der), der) for file, der in found.crls]
    # The oldest first: then each newer one is taken in its place.
    read.sort(key=lambda one: one[1].last_update_utc)
    rows: list[Row] = []
    newest: dict[str, CrlAtHand] = {}
    held: dict[tuple[str, object], int] = {}
    for file, crl, der in read:
        taken = store.add_crl(der, source=file, fetched_at=now)
        row = Row(
            file=file,
            kind="crl",
            subject=shown(crl.issuer),
            not_before=crl.last_update_utc,
            not_after=crl.next_update_utc,
        )
        if isinstance(taken, Refusal):
            said = UNUSABLE[taken.code]
            vi, en = said.vi.format(**taken.fields), said.en.format(**taken.fields)
            rows.append(structs.replace(row, wrong=(Said(taken.code, vi, en),)))
            continue
        by = [one.sha256 for one in trusted.entries if _issued(crl, one.certificate)]
        for sha256 in by:
            newest[sha256] = CrlAtHand(file, taken.this_update, taken.next_update)
        earlier = held.get((taken.issuer, taken.scope))
        if earlier is not None:
            rows[earlier] = structs.replace(
                rows[earlier], wrong=(), cautions=(Said("superseded", f"có bản mới hơn: {file}", f"newer: {file}"),)
            )
        held[taken.issuer, taken.scope] = len(rows)
        rows.append(structs.replace(row, sha256=taken.sha256, wrong=_stale(taken, now)))
    return rows, newest


def _stale(crl: CrlFacts, now: datetime) -> tuple[Said, ...]:
    if crl.next_update is None or now <= crl.next_update:
        return ()
    at = for_people(crl.next_update)
    return (Said("crl-stale", f"CRL đã cũ từ {at}", f"the CRL is stale since {at}"),)


def _issued(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    if crl.issuer != authority.subject or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return crl.is_signature_valid(key)


def wrong_in(rows: Iterable[Row]) -> bool:
    """Whether anything wants to be mended."""
    return any(one.wrong for one in rows)


def anchors_trusted(rows: Iterable[Row]) -> int:
    """How many anchors end chains of signers now."""
    return sum(one.kind == "anchor" and one.standing == "trusted" for one in rows)
