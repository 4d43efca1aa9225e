"""Authorities as the issuers of revocation data: how data names them, and what they or their delegates signed."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from msgspec import Struct

from signing.crl import SIGNATURE_HASHES, UNREADABLE, SignedBytes
from signing.indication import Refusal

ISSUER_RSA_BITS_MIN: Final = 2048
ISSUER_RSA_BITS_MAX: Final = 8192

# SHA-1 only tells certificates apart here (RFC 6960 §4.1.1, RFC 5019 §2.1.1); nothing is signed with it.
ID_HASHES: Final = ("sha1", "sha256", "sha384", "sha512")

_PREHASHED: Final = {
    "sha256": Prehashed(hashes.SHA256()),
    "sha384": Prehashed(hashes.SHA384()),
    "sha512": Prehashed(hashes.SHA512()),
}
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_DELEGATE_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.OCSP_NO_CHECK,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    }
)
_PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class Issuer(Struct, frozen=True):
    """One certificate of an authority. `identity` is its name and key, which a renewed certificate shares.

    `ids` are the pairs (hash of name, hash of key) by which a CertID names it (RFC 6960 §4.1.1), by hash.
    """

    certificate: x509.Certificate
    name: x509.Name
    shown: str
    key: _PublicKey
    identity: str
    ids: dict[str, tuple[bytes, bytes]]
    signs_crls: bool

    def is_valid_at(self, instant: datetime) -> bool:
        """Whether the certificate was valid then."""
        return self.certificate.not_valid_before_utc <= instant <= self.certificate.not_valid_after_utc


def read_issuer(certificate: x509.Certificate) -> Issuer | None:
    """Read an authority's certificate; None when its key is of no kind or size that is accepted here."""
    try:
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or not _is_strong(key):
            return None
        name = certificate.subject
        name_der, key_bits = name.public_bytes(), _bits_of(key)
        digest = hashlib.sha256(key_bits).hexdigest()
        return Issuer(
            certificate=certificate,
            name=name,
            shown=name.rfc4514_string()[:200],
            key=key,
            identity=f"{digest}:{name.rfc4514_string()}",
            ids={each: (_hash(each, name_der), _hash(each, key_bits)) for each in ID_HASHES},
            signs_crls=_may_sign_crls(certificate),
        )
    except UNREADABLE:
        return None


def is_signed_by(key: _PublicKey, signed: SignedBytes) -> bool:
    """Whether the key signed these bytes, with SHA-256, SHA-384 or SHA-512."""
    # hashlib lets other threads go on while it works through a long list.
    digest = hashlib.new(signed.hash_name, signed.content).digest()
    algorithm = _PREHASHED[signed.hash_name]
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if isinstance(signed.scheme, ec.ECDSA):
                return False
            key.verify(signed.signature, digest, signed.scheme, algorithm)
        else:
            if not isinstance(signed.scheme, ec.ECDSA):
                return False
            key.verify(signed.signature, digest, ec.ECDSA(algorithm))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


class Responder(Struct, frozen=True):
    """Who signed an OCSP response: the issuer itself (no `delegate`), or a certificate that it issued for this."""

    shown: str
    delegate: x509.Certificate | None = None
    unchecked_by_issuer: bool = False


def find_responder(
    signed: SignedBytes,
    issuer: Issuer,
    *,
    names: tuple[x509.Name | None, bytes | None],
    certificates: tuple[x509.Certificate, ...],
    produced_at: datetime,
) -> Responder | Refusal:
    """Find out who signed a response about certificates of `issuer`, and whether they may (RFC 6960 §4.2.2.2).

    That is the issuer, or a delegate: a certificate issued directly by the issuer's key, valid when the response was
    produced, for OCSPSigning and nothing else, and no signer of documents. The standard asks no more than that
    OCSPSigning is among the purposes; authorities here write it into employers' certificates too, and an employer must
    not be able to say that its own certificate is good.
    """
    refusal = Refusal("ocsp-responder-unknown", {"issuer": issuer.shown})
    try:
        for one in _named(issuer, names, certificates):
            judged = (
                _judge_issuer(one, signed, produced_at)
                if isinstance(one, Issuer)
                else _judge_delegate(one, signed, issuer, produced_at)
            )
            if isinstance(judged, Responder):
                return judged
            refusal = judged
    except UNREADABLE:  # a certificate in the response
        return Refusal("ocsp-malformed")
    return refusal


def _named(
    issuer: Issuer, names: tuple[x509.Name | None, bytes | None], certificates: tuple[x509.Certificate, ...]
) -> Iterator[Issuer | x509.Certificate]:
    """All that the response's ResponderID may mean: by name, or by the SHA-1 of the key (RFC 6960 §4.2.1)."""
    name, key_hash = names
    if name == issuer.name if name is not None else key_hash == issuer.ids["sha1"][1]:
        yield issuer
    for one in certificates:
        if name is not None:
            if one.subject == name:
                yield one
        else:
            key = one.public_key()
            if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and _hash("sha1", _bits_of(key)) == (
                key_hash
            ):
                yield one


def _judge_issuer(issuer: Issuer, signed: SignedBytes, produced_at: datetime) -> Responder | Refusal:
    if not is_signed_by(issuer.key, signed):
        return Refusal("ocsp-signature", {"issuer": issuer.shown})
    if not issuer.is_valid_at(produced_at):
        return Refusal("revocation-issuer-validity", {"issuer": issuer.shown})
    return Responder(issuer.shown)


def _judge_delegate(
    delegate: x509.Certificate, signed: SignedBytes, issuer: Issuer, produced_at: datetime
) -> Responder | Refusal:
    shown = delegate.subject.rfc4514_string()[:200]
    fields = {"responder": shown, "issuer": issuer.shown}
    key = delegate.public_key()
    algorithm = delegate.signature_hash_algorithm
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or not _is_strong(key):
        return Refusal("revocation-algorithm")
    if algorithm is None or algorithm.name not in SIGNATURE_HASHES:
        return Refusal("revocation-algorithm")
    try:
        delegate.verify_directly_issued_by(issuer.certificate)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return Refusal("ocsp-delegate-of-another", fields)
    if not _is_only_for_ocsp(delegate):
        return Refusal("ocsp-delegate-purpose", fields)
    if not delegate.not_valid_before_utc <= produced_at <= delegate.not_valid_after_utc:
        return Refusal("ocsp-delegate-validity", fields)
    if not is_signed_by(key, signed):
        return Refusal("ocsp-signature", {"issuer": shown})
    unchecked = any(isinstance(one.value, x509.OCSPNoCheck) for one in delegate.extensions)
    return Responder(shown, delegate, unchecked)


def _is_only_for_ocsp(delegate: x509.Certificate) -> bool:
    """Whether a certificate is for OCSP responses alone, and carries nothing critical that is not understood."""
    purposes: list[x509.ObjectIdentifier] = []
    is_authority, may_sign = False, True
    for extension in delegate.extensions:
        value = extension.value
        if extension.critical and extension.oid not in _DELEGATE_UNDERSTOOD:
            return False
        if isinstance(value, x509.ExtendedKeyUsage):
            purposes = list(value)
        elif isinstance(value, x509.BasicConstraints):
            is_authority = value.ca
        elif isinstance(value, x509.KeyUsage):
            may_sign = value.digital_signature or value.content_commitment
    if is_authority or not may_sign:
        return False
    return purposes == [ExtendedKeyUsageOID.OCSP_SIGNING] and not delegate.subject.get_attributes_for_oid(
        NameOID.USER_ID
    )


def _may_sign_crls(certificate: x509.Certificate) -> bool:
    """Whether keyUsage, if there is one, allows signing CRLs (RFC 5280 §6.3.3 (f))."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _is_strong(key: _PublicKey) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return ISSUER_RSA_BITS_MIN <= key.key_size <= ISSUER_RSA_BITS_MAX
    return key.curve.name in _CURVES


def _bits_of(key: _PublicKey) -> bytes:
    """The content of subjectPublicKey, as CertID and ResponderID hash it (RFC 6960 §4.1.1)."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _hash(name: str, content: bytes) -> bytes:
    return hashlib.new(name, content, usedforsecurity=False).digest()
