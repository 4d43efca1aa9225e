"""Revocation data of a throw-away PKI: CRLs, OCSP responses, and a delegate to sign these."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from asn1crypto import ocsp as asn1_ocsp  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.demo_holder import Authority, Holder, begin_certificate, make_key, usage

RESPONDER: Final = Authority(common_name="MOTCUA DEMO OCSP RESPONDER", key="ec-p256", valid_days=365)

# serial → when it was revoked, and why if that is said
Revocations = Mapping[int, tuple[datetime, x509.ReasonFlags | None]]
_NONE: Final[Revocations] = {}


def make_crl(
    issuer: Holder,
    revoked: Revocations = _NONE,
    *,
    this_update: datetime,
    next_update: datetime,
    number: int | None = 1,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> bytes:
    """Return a CRL (DER) of `issuer`; `extensions` are (value, critical)."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(this_update).next_update(next_update)
    for serial, (revoked_at, reason) in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revoked_at)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    public = issuer.key.public_key()
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def make_responder(issuer: Holder, now: datetime, recipe: Authority = RESPONDER, *, unchecked: bool = True) -> Holder:
    """Issue a delegate's certificate for OCSP alone (RFC 6960 §4.2.2.2), with ocsp-nocheck if `unchecked`."""
    key = make_key(recipe.key)
    builder = (
        begin_certificate(recipe.subject(), key, issuer, now=now, valid_days=recipe.valid_days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(key_cert_sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    )
    if unchecked:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    return Holder(key, builder.sign(issuer.key, hashes.SHA256()))


def make_ocsp(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    signer: Holder,
    *,
    this_update: datetime,
    next_update: datetime | None,
    revoked: tuple[datetime, x509.ReasonFlags | None] | None = None,
    unknown: bool = False,
    produced_at: datetime | None = None,
    by_key: bool = True,
) -> bytes:
    """Return an OCSP response (DER) about one certificate, signed by its issuer or a delegate.

    The signer is named by its key or by its name; a delegate's certificate goes with it. Good unless `revoked` or
    `unknown`; produced at `produced_at`, else at `this_update`.
    """
    status = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
    encoding = ocsp.OCSPResponderEncoding.HASH if by_key else ocsp.OCSPResponderEncoding.NAME
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            certificate,
            issuer,
            hashes.SHA1(),  # noqa: S303 -- it tells the certificate apart, as responders do; nothing is signed with it
            ocsp.OCSPCertStatus.UNKNOWN if unknown else status,
            this_update,
            next_update,
            revoked[0] if revoked else None,
            revoked[1] if revoked else None,
        )
        .responder_id(encoding, signer.certificate)
    )
    if signer.certificate != issuer:
        builder = builder.certificates([signer.certificate])
    made = builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)
    return _produced(made, produced_at or this_update, signer)


def _produced(response_der: bytes, produced_at: datetime, signer: Holder) -> bytes:
    """Say another producedAt, and sign again: cryptography writes there what the wall clock says."""
    response = asn1_ocsp.OCSPResponse.load(response_der)
    basic = response["response_bytes"]["response"].parsed
    basic["tbs_response_data"]["produced_at"] = produced_at
    content = basic["tbs_response_data"].dump(force=True)
    if isinstance(signer.key, rsa.RSAPrivateKey):
        basic["signature"] = signer.key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    else:
        basic["signature"] = signer.key.sign(content, ec.ECDSA(hashes.SHA256()))
    response["response_bytes"]["response"] = asn1_ocsp.BasicOCSPResponse.load(basic.dump(force=True))
    return bytes(response.dump(force=True))
