"""Keys and certificates of a throw-away PKI: how one is begun, whoever issues it."""

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from msgspec import Struct

from signing.sign import SigningKey

_BACKDATED: Final = timedelta(days=1)  # clocks of those who verify may be a little behind
_KEYS: Final = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}
_CURVES: Final = {"ec-p256": ec.SECP256R1(), "ec-p384": ec.SECP384R1(), "ec-p521": ec.SECP521R1()}


class Authority(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An authority of the recipe, or what works for one: a responder, a time-stamping unit."""

    common_name: str
    key: str
    valid_days: int
    organization: str = ""

    def subject(self) -> x509.Name:
        """Return its name: country, organization if there is one, common name."""
        names = [(NameOID.COUNTRY_NAME, "VN"), (NameOID.ORGANIZATION_NAME, self.organization)]
        names.append((NameOID.COMMON_NAME, self.common_name))
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in names if value])


class Addresses(Struct, frozen=True):
    """Where a certificate says that its revocation data is (RFC 5280 §4.2.2.1, §4.2.1.13); nowhere at first."""

    ocsp_urls: tuple[str, ...] = ()
    crl_urls: tuple[str, ...] = ()


class Holder(Struct, frozen=True):
    """A key and its certificate."""

    key: SigningKey
    certificate: x509.Certificate


def make_key(kind: str) -> SigningKey:
    """Make a key: "rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384" or "ec-p521"."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind in _KEYS:
        return rsa.generate_private_key(public_exponent=65537, key_size=_KEYS[kind])
    raise ValueError(f"unknown kind of key: {kind}")


def begin_certificate(
    subject: x509.Name,
    key: SigningKey,
    issuer: Holder | None,
    *,
    now: datetime,
    valid_days: int,
    addresses: Addresses | None = None,
) -> x509.CertificateBuilder:
    """Begin a certificate, valid from a day before `now`; without an issuer it is to be self-signed."""
    public = key.public_key()
    issuer_public = issuer.key.public_key() if issuer else public
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=valid_days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )
    if addresses and addresses.ocsp_urls:
        access = [
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
            for url in addresses.ocsp_urls
        ]
        builder = builder.add_extension(x509.AuthorityInformationAccess(access), critical=False)
    if addresses and addresses.crl_urls:
        points = [
            x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
            for url in addresses.crl_urls
        ]
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    return builder


def usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    """Return an authority's key usage (keyCertSign and cRLSign), or a signer's."""
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=not key_cert_sign,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


def write_holder(folder: Path, name: str, holder: Holder) -> None:
    """Write one certificate as `<name>.pem`, and its key for the owner's eyes only."""
    (folder / f"{name}.pem").write_bytes(holder.certificate.public_bytes(Encoding.PEM))
    pem = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(folder / f"{name}.key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)


def employer_subject(common_name: str, identifiers: Iterable[str]) -> x509.Name:
    """Return a subject as licensed authorities write it: country, province, name, and one UID an identifier."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "HÀ NỘI"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            *(x509.NameAttribute(NameOID.USER_ID, identifier) for identifier in identifiers),
        ]
    )
