"""A small town of authorities with elliptic keys, and revocation data of every kind about it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from signing.demo_holder import Addresses, Authority, Holder, begin_certificate, employer_subject, make_key, usage
from signing.demo_pki import make_crl, make_ocsp, make_responder
from signing.indication import Refusal
from signing.policy import Policy, RevocationRule
from signing.reasons_revocation import REASONS, UNUSABLE
from signing.revocation import RevocationStore, Status
from signing.trust import Chain, TrustStore
from tests.signing.workshop import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGUN = NOW - 30 * DAY
POLICY = Policy(id="test", revocation=RevocationRule(required=True))
FLAGS = x509.ReasonFlags


def authority(name: str, issuer: Holder | None = None, *, signs_crls: bool = True, valid_days: int = 2000) -> Holder:
    key = make_key("ec-p256")
    allowed = usage(key_cert_sign=True)
    if not signs_crls:
        allowed = x509.KeyUsage(**dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "digital_signature": True})
    made = Authority(common_name=name, key="ec-p256", valid_days=valid_days)
    builder = (
        begin_certificate(made.subject(), key, issuer, now=BEGUN, valid_days=valid_days + 30)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(allowed, critical=True)
    )
    return Holder(key, builder.sign((issuer or Holder(key, None)).key, hashes.SHA256()))


def leaf(
    issuer: Holder,
    *,
    addresses: Addresses | None = None,
    serial: int | None = None,
    valid_days: int = 365,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    subject: x509.Name | None = None,
) -> Holder:
    key = make_key("ec-p256")
    named = subject or employer_subject("CÔNG TY MẪU", ["MST:0101234565"])
    builder = begin_certificate(named, key, issuer, now=BEGUN, valid_days=valid_days + 30, addresses=addresses)
    if serial is not None:
        builder._serial_number = serial
    builder = builder.add_extension(usage(key_cert_sign=False), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Holder(key, builder.sign(issuer.key, hashes.SHA256()))


class Town:
    """A root, an authority under it, and an employer; the root's CRL is given to every store it opens."""

    def __init__(self, *, signs_crls: bool = True) -> None:
        self.root = authority("TOWN ROOT")
        self.middle = authority("TOWN CA", self.root, signs_crls=signs_crls)
        self.leaf = leaf(self.middle)
        self.trust = TrustStore([self.root.certificate], [self.middle.certificate])

    @property
    def serial(self) -> int:
        return self.leaf.certificate.serial_number

    def chain(self, holder: Holder | None = None) -> Chain:
        found = self.trust.chain((holder or self.leaf).certificate.public_bytes(Encoding.DER), NOW)
        assert isinstance(found, Chain)
        return found

    def store(self) -> RevocationStore:
        """A store that knows that nothing stands against the authority."""
        store = RevocationStore(self.trust.authorities)
        der = make_crl(self.root, this_update=NOW - DAY, next_update=NOW + 3000 * DAY)
        assert not isinstance(store.add_crl(der, source="root.crl", fetched_at=NOW), Refusal)
        return store

    def crl(self, revoked=None, *, at: datetime = NOW - HOUR, until: datetime | None = NOW + DAY, **more) -> bytes:
        issuer = more.pop("issuer", self.middle)
        made = make_crl(issuer, revoked or {}, this_update=at, next_update=until or NOW + DAY, **more)
        return made if until else endless(made, issuer)

    def ocsp(
        self,
        *,
        signer: Holder | None = None,
        about: x509.Certificate | None = None,
        issuer: Holder | None = None,
        at: datetime = NOW - HOUR,
        until: datetime | None = NOW + DAY,
        **more,
    ) -> bytes:
        certificate = about or self.leaf.certificate
        by = (issuer or self.middle).certificate
        return make_ocsp(certificate, by, signer or self.middle, this_update=at, next_update=until, **more)

    def delegate(self, **more) -> Holder:
        return make_responder(self.middle, BEGUN, **more)

    def status(self, store: RevocationStore, at: datetime = NOW, policy: Policy = POLICY) -> Status:
        return store.status(self.chain(), policy, at)


def endless(der: bytes, issuer: Holder) -> bytes:
    """Leave the nextUpdate of a CRL out, which no builder does, and sign again."""
    crl = asn1_crl.CertificateList.load(der)
    del crl["tbs_cert_list"]["next_update"]
    crl["signature"] = issuer.key.sign(crl["tbs_cert_list"].dump(force=True), ec.ECDSA(hashes.SHA256()))
    return crl.dump(force=True)


def crl_with_sha1(der: bytes, issuer: Holder) -> bytes:
    """Sign a CRL again with SHA-1, rightly."""
    crl = asn1_crl.CertificateList.load(der)
    crl["tbs_cert_list"]["signature"] = crl["signature_algorithm"] = {"algorithm": "sha1_ecdsa"}
    crl["signature"] = issuer.key.sign(crl["tbs_cert_list"].dump(force=True), ec.ECDSA(hashes.SHA1()))
    return crl.dump(force=True)


def altered_ocsp(der: bytes, signer: Holder, alter: Callable[[Any], None], *, sha1: bool = False) -> bytes:
    """Change a response's tbsResponseData and sign again, rightly."""
    response = asn1_ocsp.OCSPResponse.load(der)
    basic = response["response_bytes"]["response"].parsed
    alter(basic["tbs_response_data"])
    if sha1:
        basic["signature_algorithm"] = {"algorithm": "sha1_ecdsa"}
    content = basic["tbs_response_data"].dump(force=True)
    basic["signature"] = signer.key.sign(content, ec.ECDSA(hashes.SHA1() if sha1 else hashes.SHA256()))
    response["response_bytes"]["response"] = asn1_ocsp.BasicOCSPResponse.load(basic.dump(force=True))
    return response.dump(force=True)


def add_crl(store: RevocationStore, der: bytes, *, fetched_at: datetime = NOW) -> str:
    """Add a CRL and return "", or the code of the refusal, whose words must be there."""
    return _code(store.add_crl(der, source="http://crl.test/ca.crl", fetched_at=fetched_at))


def add_ocsp(store: RevocationStore, der: bytes, *, fetched_at: datetime = NOW) -> str:
    return _code(store.add_ocsp(der, source="http://ocsp.test/", fetched_at=fetched_at))


def code_of(status: Status) -> str:
    """The refusal's code or "good"; its sentences must be complete."""
    if status.refusal is None:
        return "good"
    reason = REASONS[status.refusal.code]
    for sentence in (reason.vi, reason.en):
        assert "{" not in sentence.format(**status.refusal.fields)
    return status.refusal.code


def _code(found: object) -> str:
    if not isinstance(found, Refusal):
        return ""
    words = UNUSABLE[found.code]
    assert "{" not in words.vi.format(**found.fields) + words.en.format(**found.fields)
    return found.code


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
