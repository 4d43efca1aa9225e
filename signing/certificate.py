"""A signer's certificate, read once: its key, its names, and the tax codes that its subject carries."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from msgspec import Struct

from signing import base64text
from signing.indication import Refusal, Signer

CERTIFICATE_BYTES_MAX: Final = 16 * 1024
CERTIFICATES_CACHED_MAX: Final = 2048
IDENTIFIERS_MAX: Final = 16

# How subjects carry a tax code: UID (RFC 4519 §2.39, OID 0.9.2342.19200300.100.1.1) with the value "MST:…".
_TAX_CODE: Final = re.compile(r"MST: *([0-9]{10})(?: *-? *([0-9]{3}))?", re.IGNORECASE)

CURVE_URIS: Final = {
    "urn:oid:1.2.840.10045.3.1.7": "secp256r1",
    "urn:oid:1.3.132.0.34": "secp384r1",
    "urn:oid:1.3.132.0.35": "secp521r1",
}


PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class SigningCertificate(Struct, frozen=True, kw_only=True):
    """A certificate that may verify a signature: parsed, its facts as plain values.

    `rsa_numbers` are (modulus, exponent) big-endian without leading zeros; `point` is (curve name, uncompressed
    point). Exactly one of them is there. `key_bits` is the modulus's or the curve's size.
    """

    der: bytes
    certificate: x509.Certificate
    key: PublicKey
    key_bits: int
    curve: str
    rsa_numbers: tuple[bytes, bytes] | None
    point: tuple[str, bytes] | None
    is_authority: bool
    may_sign: bool
    signer: Signer


@lru_cache(maxsize=CERTIFICATES_CACHED_MAX)
def from_text(text: str) -> SigningCertificate | Refusal:
    """Read the base64 DER of an X509Certificate element (XMLDSig 1.1 §4.5.4).

    Remembered by its text, so that an employer's every next signature costs a look-up; nothing that depends on time
    is remembered here.
    """
    der = base64text.decode(text) if len(text) <= 2 * CERTIFICATE_BYTES_MAX else None
    return Refusal("certificate-unreadable") if der is None else read_certificate(der)


def read_certificate(der: bytes) -> SigningCertificate | Refusal:
    """Read an X.509 v3 certificate (RFC 5280 §4) from DER."""
    if len(der) > CERTIFICATE_BYTES_MAX:
        return Refusal("certificate-unreadable")
    try:
        certificate = x509.load_der_x509_certificate(der)
        if certificate.version is not x509.Version.v3:
            return Refusal("certificate-unreadable")
        key = certificate.public_key()
        is_authority = _is_authority(certificate)
        may_sign = _may_sign(certificate)
        signer = read_signer(certificate, der)
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType):  # cryptography's words for a broken certificate
        return Refusal("certificate-unreadable")
    except Exception as error:  # its own exceptions for unknown keys and doubled extensions share no other parent
        if type(error).__module__.startswith("cryptography"):
            return Refusal("certificate-unreadable")
        raise
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        rsa_numbers, point, curve = (_unsigned(numbers.n), _unsigned(numbers.e)), None, ""
    elif isinstance(key, ec.EllipticCurvePublicKey):
        curve = key.curve.name
        rsa_numbers, point = None, (curve, key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    else:
        return Refusal("key-not-accepted", {"key": type(key).__name__.removesuffix("PublicKey")})
    return SigningCertificate(
        der=der,
        certificate=certificate,
        key=key,
        key_bits=key.key_size,
        curve=curve,
        rsa_numbers=rsa_numbers,
        point=point,
        is_authority=is_authority,
        may_sign=may_sign,
        signer=signer,
    )


def read_signer(certificate: x509.Certificate, der: bytes) -> Signer:
    """Return what the certificate says about its holder."""
    identifiers = uids(certificate.subject)
    common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Signer(
        certificate_der=der,
        certificate_sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        serial=f"{certificate.serial_number:x}",
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        common_name=str(common_names[0].value) if common_names else "",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        tax_codes=tax_codes(identifiers),
        identifiers=identifiers,
    )


def uids(subject: x509.Name) -> tuple[str, ...]:
    """Return all UID values of a subject, wherever its RDNs put them, several in one RDN or not."""
    values = (str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.USER_ID))
    return tuple(value.strip() for value in values)[:IDENTIFIERS_MAX]


def tax_codes(identifiers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tax codes among UID values: "0101234565", or "0101234565-001" for a branch, each once.

    Thirteen digits with or without a dash are the same code (Circular 86/2024/TT-BTC Article 5).
    """
    codes: dict[str, None] = {}
    for value in identifiers:
        if found := _TAX_CODE.fullmatch(value):
            codes[f"{found[1]}-{found[2]}" if found[2] else found[1]] = None
    return tuple(codes)


def within_validity(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether `now` lies in the certificate's validity, both ends included (RFC 5280 §4.1.2.5)."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _may_sign(certificate: x509.Certificate) -> bool:
    """Whether keyUsage, if there is one, allows signing documents (RFC 5280 §4.2.1.3)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def _unsigned(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
