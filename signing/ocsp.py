"""OCSP responses: read within bounds, and what each says about one certificate."""

import hashlib
from datetime import datetime
from itertools import islice
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509 import ocsp
from cryptography.x509.oid import OCSPExtensionOID, SignatureAlgorithmOID
from msgspec import Struct

from signing.crl import EPOCH, NO_REASON, UNREADABLE, Revoked, SignedBytes, check_times, read_generalized_time
from signing.indication import Refusal

OCSP_BYTES_MAX: Final = 64 * 1024
OCSP_STATEMENTS_MAX: Final = 16
OCSP_CERTIFICATES_MAX: Final = 8

_PKCS1: Final = padding.PKCS1v15()
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_SCHEMES: Final[dict[x509.ObjectIdentifier, padding.PKCS1v15 | ec.ECDSA]] = {
    SignatureAlgorithmOID.RSA_WITH_SHA256: _PKCS1,
    SignatureAlgorithmOID.RSA_WITH_SHA384: _PKCS1,
    SignatureAlgorithmOID.RSA_WITH_SHA512: _PKCS1,
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: _ECDSA,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: _ECDSA,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: _ECDSA,
}
_ARCHIVE_CUTOFF: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.6")  # RFC 6960 §4.4.4
_UNDERSTOOD: Final = frozenset({_ARCHIVE_CUTOFF, OCSPExtensionOID.NONCE, x509.InvalidityDate.oid})
# How DER begins an extension's value behind "critical": TRUE, then an OCTET STRING.
_CRITICAL: Final = b"\x01\x01\xff\x04"


class CertificateId(Struct, frozen=True):
    """A certificate as a response names it: hashes of its issuer's name and key, and the serial (RFC 6960 §4.1.1)."""

    hash_name: str
    name_hash: bytes
    key_hash: bytes
    serial: int


class Statement(Struct, frozen=True, kw_only=True):
    """One certificate's status: good when `revoked` is None.

    `keeps_expired_since`: certificates that expired since then are still answered for (archive cutoff).
    """

    certificate: CertificateId
    this_update: datetime
    next_update: datetime | None
    revoked: Revoked | None
    keeps_expired_since: datetime | None


class OcspFacts(Struct, frozen=True, kw_only=True):
    """What a response says. `sha256` is of its DER (hex); `responder` is an RFC 4514 string, to be shown.

    `statements` leaves out those of status "unknown": they say nothing (RFC 6960 §2.2).
    """

    sha256: str
    responder: str
    produced_at: datetime
    statements: tuple[Statement, ...]
    size_bytes: int


class ReadOcsp(Struct, frozen=True):
    """A response that was read and whose signature has not been looked at yet.

    `responder_name` and `responder_key_hash` are its ResponderID: one of them is there.
    """

    facts: OcspFacts
    responder_name: x509.Name | None
    responder_key_hash: bytes | None
    certificates: tuple[x509.Certificate, ...]
    signed: SignedBytes


def read_ocsp(der: bytes) -> ReadOcsp | Refusal:
    """Read a basic OCSP response (RFC 6960 §4.2.1) from DER; any bytes are read or refused."""
    if len(der) > OCSP_BYTES_MAX:
        return Refusal("ocsp-too-large", {"most": str(OCSP_BYTES_MAX)})
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return Refusal("ocsp-no-answer", {"answer": response.response_status.name.lower()})
        return _read(response, der)
    except UNREADABLE:
        return Refusal("ocsp-malformed")


def _read(response: ocsp.OCSPResponse, der: bytes) -> ReadOcsp | Refusal:
    scheme = _SCHEMES.get(response.signature_algorithm_oid)
    algorithm = response.signature_hash_algorithm
    if scheme is None or algorithm is None:
        return Refusal("revocation-algorithm")
    singles = list(islice(response.responses, OCSP_STATEMENTS_MAX + 1))
    certificates = tuple(islice(response.certificates, OCSP_CERTIFICATES_MAX + 1))
    if len(singles) > OCSP_STATEMENTS_MAX or len(certificates) > OCSP_CERTIFICATES_MAX:
        return Refusal("ocsp-too-large", {"most": str(OCSP_BYTES_MAX)})
    refusal = _critical(response, alone=len(singles) == 1)
    if refusal is not None:
        return refusal
    known = [one for one in singles if one.certificate_status is not ocsp.OCSPCertStatus.UNKNOWN]
    if not known:
        return Refusal("ocsp-unknown")
    extensions = response.single_extensions if len(singles) == 1 else None
    facts = OcspFacts(
        sha256=hashlib.sha256(der).hexdigest(),
        responder=response.responder_name.rfc4514_string()[:200] if response.responder_name else "",
        produced_at=response.produced_at_utc,
        statements=tuple(_statement(one, extensions) for one in known),
        size_bytes=len(der),
    )
    signed = SignedBytes(response.tbs_response_bytes, response.signature, algorithm.name, scheme)
    return ReadOcsp(facts, response.responder_name, response.responder_key_hash, certificates, signed)


def _critical(response: ocsp.OCSPResponse, *, alone: bool) -> Refusal | None:
    """Refuse critical extensions that are not understood, on the response or on what it says of one certificate.

    Of a response about several certificates the extensions of each cannot be had from cryptography; there anything
    that looks critical is refused.
    """
    extensions = list(response.extensions)
    if alone:
        extensions += list(response.single_extensions)
    for one in extensions:
        if one.critical and one.oid not in _UNDERSTOOD:
            return Refusal("ocsp-critical-extension", {"oid": one.oid.dotted_string})
    if not alone and _CRITICAL in response.tbs_response_bytes:
        return Refusal("ocsp-critical-extension", {"oid": ""})
    return None


def _statement(single: ocsp.OCSPSingleResponse, extensions: x509.Extensions | None) -> Statement:
    this_update, next_update = single.this_update_utc, single.next_update_utc
    check_times(this_update, next_update)
    revoked_at = single.revocation_time_utc
    keeps_expired_since: datetime | None = None
    for one in extensions or ():
        if isinstance(one.value, x509.InvalidityDate) and revoked_at is not None:
            revoked_at = min(revoked_at, one.value.invalidity_date_utc)
        elif one.oid == _ARCHIVE_CUTOFF and isinstance(one.value, x509.UnrecognizedExtension):
            keeps_expired_since = read_generalized_time(one.value.value)
    reason = single.revocation_reason
    return Statement(
        certificate=CertificateId(
            single.hash_algorithm.name, single.issuer_name_hash, single.issuer_key_hash, single.serial_number
        ),
        this_update=this_update,
        next_update=next_update,
        revoked=None if revoked_at is None else Revoked(max(revoked_at, EPOCH), reason.value if reason else NO_REASON),
        keeps_expired_since=keeps_expired_since,
    )
