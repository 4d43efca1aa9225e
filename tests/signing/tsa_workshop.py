"""A time-stamp authority by hand: right tokens and forged ones, of any instant."""

import hashlib
from datetime import datetime, timedelta

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.demo_pki import Holder, make_key
from signing.trust import TrustStore
from tests.signing.workshop import CA, NOW, authority_name, certificate, usage

POLICY_OID = "1.3.6.1.4.1.99999.1"
PURPOSE = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
TSA_EXTENSIONS = ((x509.BasicConstraints(ca=False, path_length=None), True), (usage(sign=True), True), PURPOSE)


class Tsa:
    """An authority of its own: a root and the certificate that makes tokens."""

    def __init__(self, root: Holder | None = None, *, extensions=TSA_EXTENSIONS, **validity: datetime) -> None:
        span = {"not_before": NOW - timedelta(days=1000), "not_after": NOW + timedelta(days=1000)}
        self.root = root or certificate(authority_name("TSA ROOT"), make_key("rsa-2048"), None, extensions=CA, **span)
        self.unit = certificate(
            authority_name("TSA UNIT"), make_key("rsa-2048"), self.root, extensions=extensions, **(span | validity)
        )

    def trust(self) -> TrustStore:
        return TrustStore([self.root.certificate])

    def token(
        self,
        covered: bytes,
        at: datetime = NOW,
        *,
        imprint: str = "sha256",
        digest: str = "sha256",
        accuracy_s: int | None = 1,
        beside: tuple[x509.Certificate, ...] = (),
        own: bool = True,
        unsorted: bool = False,
        ess: x509.Certificate | bool = True,
        signer: Holder | None = None,
        nonce: int | None = None,
        imprinted: bytes | None = None,
    ) -> bytes:
        """Return a token (ContentInfo, DER); every argument but the first three makes it odd or wrong."""
        unit = signer or self.unit
        loaded = asn1_x509.Certificate.load(unit.certificate.public_bytes(Encoding.DER))
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": POLICY_OID,
                "message_imprint": {
                    "hash_algorithm": {"algorithm": imprint},
                    "hashed_message": imprinted or hashlib.new(imprint, covered).digest(),
                },
                "serial_number": 4711,
                "gen_time": at,
                **({} if accuracy_s is None else {"accuracy": {"seconds": accuracy_s}}),
                **({} if nonce is None else {"nonce": nonce}),
            }
        ).dump()
        attributes = [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.new(digest, info).digest()]}),
        ]
        if ess is not False:
            named = (unit.certificate if ess is True else ess).public_bytes(Encoding.DER)
            essential = tsp.SigningCertificateV2(
                {"certs": [{"hash_algorithm": {"algorithm": "sha256"}, "cert_hash": hashlib.sha256(named).digest()}]}
            )
            attributes.append(cms.CMSAttribute({"type": "signing_certificate_v2", "values": [essential]}))
        signed = cms.CMSAttributes(attributes)
        algorithm = hashes.SHA1() if digest == "sha1" else hashes.SHA256()
        value = unit.key.sign(signed.dump(), padding.PKCS1v15(), algorithm)
        signer_info = cms.SignerInfo(
            {
                "version": "v1",
                "sid": {"issuer_and_serial_number": {"issuer": loaded.issuer, "serial_number": loaded.serial_number}},
                "digest_algorithm": {"algorithm": digest},
                "signed_attrs": signed,
                "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
                "signature": value,
            }
        )
        der = [one.public_bytes(Encoding.DER) for one in ((unit.certificate,) if own else ()) + beside]
        certificates = cms.CertificateSet(
            [cms.CertificateChoices("certificate", asn1_x509.Certificate.load(d)) for d in der]
        )
        content = {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest})],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
            "certificates": certificates,
            "signer_infos": [signer_info],
        }
        made = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(content)}).dump()
        if unsorted:
            right = b"".join(sorted(der))
            wrong = b"".join(sorted(der, reverse=True))
            assert right != wrong
            assert made.count(right) + made.count(wrong) == 1
            made = made.replace(right, wrong)
        return made
