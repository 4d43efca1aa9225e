"""Certificate revocation lists: read within bounds, what they cover, and a compact index of the serials on them."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID
from msgspec import Struct

from signing.indication import Refusal

CRL_BYTES_MAX: Final = 32 * 1024 * 1024
CRL_ENTRIES_MAX: Final = 1_000_000

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

HOLD: Final = "certificateHold"
RELEASED: Final = "removeFromCRL"
NO_REASON: Final = "unspecified"

# What cryptography says of bytes that are not what they should be; some of it shares no other parent.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
SIGNATURE_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})

_EXPIRED_CERTS_ON_CRL: Final = x509.ObjectIdentifier("2.5.29.60")  # Rec. ITU-T X.509 §9.5.2.8
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        _EXPIRED_CERTS_ON_CRL,
    }
)
_REASONS: Final = tuple(flag.value for flag in x509.ReasonFlags)
_REASON_NUMBERS: Final = {reason: number for number, reason in enumerate(_REASONS)}

# One record of the index: the serial (signed, big-endian), the second since 1970, the reason's number.
_SERIAL_BYTES: Final = 24
_SECOND_BYTES: Final = 5
_RECORD_BYTES: Final = _SERIAL_BYTES + _SECOND_BYTES + 1
_LONG_LENGTH: Final = 0x80
_GENERALIZED_TIME: Final = b"\x18\x0f"


class Revoked(Struct, frozen=True):
    """When a certificate was revoked, and why (RFC 5280 §5.3.1, as written there: "keyCompromise").

    `at` is the revocation date, or the invalidity date (§5.3.2) if that is earlier: from then on the key may have been
    another's.
    """

    at: datetime
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether it can never be good again: neither held nor released from a hold."""
        return self.reason not in (HOLD, RELEASED)


class Scope(Struct, frozen=True):
    """Which of its issuer's certificates a CRL speaks of (RFC 5280 §5.2.5); the default is all of them."""

    only_users: bool = False
    only_authorities: bool = False
    points: frozenset[x509.GeneralName] = frozenset()

    def covers(self, certificate: x509.Certificate) -> bool:
        """Whether the certificate is in the scope (RFC 5280 §6.3.3 (b)(2))."""
        if self.only_users or self.only_authorities:
            try:
                is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
            except x509.ExtensionNotFound:
                is_authority = False
            if is_authority is self.only_users:
                return False
        return not self.points or any(name in self.points for name in distribution_names(certificate))


class CrlFacts(Struct, frozen=True, kw_only=True):
    """What a CRL says of itself. `sha256` is of its DER (hex); `issuer` is an RFC 4514 string, to be shown.

    `keeps_expired_since`: certificates that expired since then are still on it if revoked (expiredCertsOnCRL).
    """

    sha256: str
    issuer: str
    this_update: datetime
    next_update: datetime | None
    number: int | None
    scope: Scope
    keeps_expired_since: datetime | None
    entries: int
    size_bytes: int


class SignedBytes(Struct, frozen=True):
    """What was signed, and how: verified by `issuers.is_signed_by`."""

    content: bytes
    signature: bytes
    hash_name: str
    scheme: padding.PKCS1v15 | padding.PSS | ec.ECDSA


class RevokedSerials(Mapping[int, Revoked]):
    """Serial → when and why, over sorted records: thirty bytes an entry, some microseconds a look-up."""

    __slots__ = ("_records",)

    def __init__(self, records: list[bytes]) -> None:
        """Take the records of `_record`, in any order."""
        self._records = b"".join(sorted(records))

    def __len__(self) -> int:
        return len(self._records) // _RECORD_BYTES

    def __iter__(self) -> Iterator[int]:
        for record in self.records():
            yield int.from_bytes(record[:_SERIAL_BYTES], "big", signed=True)

    def __getitem__(self, serial: int) -> Revoked:
        try:
            wanted = serial.to_bytes(_SERIAL_BYTES, "big", signed=True)
        except OverflowError:
            raise KeyError(serial) from None
        records, size = self._records, _RECORD_BYTES
        place = bisect_left(range(len(self)), wanted, key=lambda at: records[at * size : at * size + _SERIAL_BYTES])
        found: list[Revoked] = []
        while records.startswith(wanted, place * size):
            found.append(read_record(records[place * size : (place + 1) * size])[1])
            place += 1
        if not found:
            raise KeyError(serial)
        # Listed twice: what is final counts, then a hold, and of these the earliest.
        return min(found, key=lambda one: (not one.is_final, one.reason == RELEASED, one.at))

    def records(self) -> Iterator[bytes]:
        """All records, sorted; two CRLs' may be compared as they are."""
        for start in range(0, len(self._records), _RECORD_BYTES):
            yield self._records[start : start + _RECORD_BYTES]


class ReadCrl(Struct, frozen=True):
    """A CRL that was read and whose signature has not been looked at yet."""

    facts: CrlFacts
    issuer: x509.Name
    revoked: RevokedSerials
    signed: SignedBytes


def read_crl(der: bytes) -> ReadCrl | Refusal:
    """Read a complete, direct CRL (RFC 5280 §5) from DER; any bytes are read or refused.

    Refused by name: delta CRLs, indirect CRLs, CRLs for some reasons only or for attribute certificates, and CRLs with
    a critical extension that is not understood, on the list or on one entry (§5.2, §5.3: they must not be used).
    """
    if len(der) > CRL_BYTES_MAX:
        return Refusal("crl-too-large", {"most": str(CRL_BYTES_MAX)})
    try:
        crl = x509.load_der_x509_crl(der)
        if len(crl) > CRL_ENTRIES_MAX:
            return Refusal("crl-too-large", {"most": str(CRL_BYTES_MAX)})
        scope = _scope_of(crl)
        if isinstance(scope, Refusal):
            return scope
        signed = _signed_bytes(crl, der)
        if isinstance(signed, Refusal):
            return signed
        revoked = _index(crl)
        if isinstance(revoked, Refusal):
            return revoked
        return ReadCrl(_facts(crl, der, scope), crl.issuer, revoked, signed)
    except UNREADABLE:
        return Refusal("crl-malformed")


def distribution_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    """The names of the points where a certificate's own issuer publishes its CRLs for all reasons (RFC 5280 §4.2.1.13).

    Points of another issuer (indirect CRLs) and for some reasons only are left out: such CRLs are not used.
    """
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []
    return [
        name for point in points if not point.crl_issuer and point.reasons is None for name in point.full_name or ()
    ]


def check_times(this_update: datetime, next_update: datetime | None) -> None:
    """Raise ValueError when data ends before it begins, or is from before there was any."""
    if this_update < EPOCH or (next_update is not None and next_update < this_update):
        raise ValueError("thisUpdate and nextUpdate")


def read_generalized_time(der: bytes) -> datetime:
    """Read a GeneralizedTime as RFC 5280 §4.1.2.5.2 writes it; raises ValueError."""
    if not der.startswith(_GENERALIZED_TIME):
        raise ValueError("not a GeneralizedTime")
    return datetime.strptime(der[2:].decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def read_record(record: bytes) -> tuple[int, Revoked]:
    """Take one record of the index apart: serial, and when and why."""
    second = int.from_bytes(record[_SERIAL_BYTES:-1], "big")
    serial = int.from_bytes(record[:_SERIAL_BYTES], "big", signed=True)
    return serial, Revoked(datetime.fromtimestamp(second, UTC), _REASONS[record[-1]])


def _record(serial: int, revoked_at: datetime, reason: str) -> bytes:
    second = max(0, int(revoked_at.timestamp()))
    return (
        serial.to_bytes(_SERIAL_BYTES, "big", signed=True)
        + second.to_bytes(_SECOND_BYTES, "big")
        + bytes((_REASON_NUMBERS[reason],))
    )


def _index(crl: x509.CertificateRevocationList) -> RevokedSerials | Refusal:
    """Walk the entries, once in a CRL's life."""
    records: list[bytes] = []
    for entry in crl:
        reason, revoked_at = NO_REASON, entry.revocation_date_utc
        for extension in entry.extensions:
            value = extension.value
            if isinstance(value, x509.CRLReason):
                reason = value.reason.value
            elif isinstance(value, x509.InvalidityDate):
                revoked_at = min(revoked_at, value.invalidity_date_utc)
            elif extension.oid == CRLEntryExtensionOID.CERTIFICATE_ISSUER:
                return Refusal("crl-indirect")
            elif extension.critical:
                return Refusal("crl-critical-extension", {"oid": extension.oid.dotted_string})
        records.append(_record(entry.serial_number, revoked_at, reason))
    return RevokedSerials(records)


def _scope_of(crl: x509.CertificateRevocationList) -> Scope | Refusal:
    scope = Scope()
    for extension in crl.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            return Refusal("crl-delta")
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return Refusal("crl-critical-extension", {"oid": extension.oid.dotted_string})
        if isinstance(value, x509.IssuingDistributionPoint):
            if value.indirect_crl:
                return Refusal("crl-indirect")
            if value.only_some_reasons or value.only_contains_attribute_certs or value.relative_name:
                return Refusal("crl-partial")
            scope = Scope(
                value.only_contains_user_certs, value.only_contains_ca_certs, frozenset(value.full_name or ())
            )
    return scope


def _facts(crl: x509.CertificateRevocationList, der: bytes, scope: Scope) -> CrlFacts:
    number: int | None = None
    keeps_expired_since: datetime | None = None
    for extension in crl.extensions:
        if isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
        elif extension.oid == _EXPIRED_CERTS_ON_CRL and isinstance(extension.value, x509.UnrecognizedExtension):
            keeps_expired_since = read_generalized_time(extension.value.value)
    this_update, next_update = crl.last_update_utc, crl.next_update_utc
    check_times(this_update, next_update)
    return CrlFacts(
        sha256=hashlib.sha256(der).hexdigest(),
        issuer=crl.issuer.rfc4514_string(),
        this_update=this_update,
        next_update=next_update,
        number=number,
        scope=scope,
        keeps_expired_since=keeps_expired_since,
        entries=len(crl),
        size_bytes=len(der),
    )


def _signed_bytes(crl: x509.CertificateRevocationList, der: bytes) -> SignedBytes | Refusal:
    """Cut tbsCertList out of the bytes as they came (RFC 5280 §5.1.1).

    cryptography has seen that the algorithm is the same inside and outside (§5.1.1.2). To verify, it would write the
    whole list anew, which takes longer than everything else and stops other threads.
    """
    algorithm = crl.signature_hash_algorithm
    if algorithm is None or algorithm.name not in SIGNATURE_HASHES:
        return Refusal("revocation-algorithm")
    start = _content(der, 0)
    end = _end(der, start)
    scheme = crl.signature_algorithm_parameters
    if not isinstance(scheme, padding.PKCS1v15 | padding.PSS | ec.ECDSA):
        return Refusal("revocation-algorithm")
    return SignedBytes(der[start:end], crl.signature, algorithm.name, scheme)


def _content(der: bytes, at: int) -> int:
    """Where the content of the element at `at` begins; the bytes are known to be DER."""
    length = der[at + 1]
    return at + 2 + (length & ~_LONG_LENGTH if length & _LONG_LENGTH else 0)


def _end(der: bytes, at: int) -> int:
    """Where the element at `at` ends."""
    begin = _content(der, at)
    return begin + (int.from_bytes(der[at + 2 : begin], "big") if der[at + 1] & _LONG_LENGTH else der[at + 1])
