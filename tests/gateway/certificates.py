"""Certificates of signers to be judged: made by hand, from one small authority, with any subject, key and days."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from signing.certificate import SigningCertificate, read_certificate
from signing.demo_pki import Holder
from signing.indication import Indication, Signer, Verdict

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@lru_cache(maxsize=64)
def key(name: str = "key") -> ec.EllipticCurvePrivateKey:
    """The key of that name: the same in one run."""
    del name
    return ec.generate_private_key(ec.SECP256R1())


def subject(*identifiers: str, name: str = "CÔNG TY MẪU", turned: bool = False) -> x509.Name:
    """A subject with these UIDs; `turned`: the same attributes in another order."""
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "HÀ NỘI"),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
        *(x509.NameAttribute(NameOID.USER_ID, identifier) for identifier in identifiers),
    ]
    return x509.Name(reversed(attributes) if turned else attributes)


def holder(
    whose: x509.Name,
    *,
    of: str = "key",
    issuer: Holder | None = None,
    begins: datetime = NOW - 30 * DAY,
    ends: datetime = NOW + 300 * DAY,
) -> Holder:
    """A key and its certificate; without an issuer it is issued by a name that nobody knows."""
    authority = issuer.certificate.subject if issuer else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(authority)
        .public_key(key(of).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .sign(issuer.key if issuer else key("authority"), hashes.SHA256())
    )
    return Holder(key(of), certificate)


def signer(*identifiers: str, name: str = "CÔNG TY MẪU", turned: bool = False, **more: object) -> Signer:
    """What a verdict says of such a certificate's holder."""
    return signer_of(holder(subject(*identifiers, name=name, turned=turned), **more).certificate)  # type: ignore[arg-type]


def signer_of(certificate: x509.Certificate) -> Signer:
    from cryptography.hazmat.primitives.serialization import Encoding

    found = read_certificate(certificate.public_bytes(Encoding.DER))
    assert isinstance(found, SigningCertificate)
    return found.signer


def verdict(who: Signer | None, *, file: str = "Hoso", passed: bool = True, reason: str = "") -> Verdict:
    """A signature by that signer: one that holds, or one that does not for that reason."""
    return Verdict(
        file=file,
        path=f"/{file}/Cky",
        indication=Indication.TOTAL_PASSED if passed else Indication.INDETERMINATE,
        reason_code=reason,
        reason_vi="",
        reason_en="",
        signer=who,
        policy="test",
        judged_at=NOW,
    )
