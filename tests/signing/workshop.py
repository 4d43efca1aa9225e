"""A workshop for signatures: right ones and forged ones, put together by hand and signed by whoever is asked to."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from signing.demo_pki import Employer, Holder
from signing.indication import Indication, SubIndication, Verdict
from signing.policy import Policy
from signing.trust import TrustStore
from signing.verify import verify

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
PATH = "/D02-TS/Cky"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f'<Transform Algorithm="{DSIG}enveloped-signature"/>'
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = MORE + "rsa-sha256"

DOCUMENT = (
    '<?xml version="1.0" encoding="utf-8"?>\r\n'
    '<D02-TS xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">\n'
    "  <NoiDung>\n    <HoTen>Nguyễn Thị Mẫu</HoTen>\n    <Luong>5310000</Luong>\n  </NoiDung>\n"
    "  <Cky>@</Cky>\n</D02-TS>"
)


def unsigned(document: str = DOCUMENT) -> bytes:
    return document.replace("@", "").encode()


def digest_of(document: str = DOCUMENT, *, exclusive: bool = False, name: str = "sha256") -> bytes:
    tree = etree.fromstring(unsigned(document)).getroottree()
    return hashlib.new(name, etree.tostring(tree, method="c14n", exclusive=exclusive, with_comments=False)).digest()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def reference(
    digest: bytes | None = None, *, uri: str = ' URI=""', transforms: str = ENVELOPED, method: str = SHA256
) -> str:
    value = b64(digest_of() if digest is None else digest)
    return (
        f"<Reference{uri}><Transforms>{transforms}</Transforms>"
        f'<DigestMethod Algorithm="{method}"/><DigestValue>{value}</DigestValue></Reference>'
    )


def signed_info(
    references: str | None = None,
    *,
    c14n: str = f'Algorithm="{INCLUSIVE}"/>',
    method: str = f'Algorithm="{RSA_SHA256}"/>',
) -> str:
    inside = reference() if references is None else references
    return (
        f"<SignedInfo><CanonicalizationMethod {c14n if c14n.endswith('>') else c14n + '/>'}"
        f"<SignatureMethod {method}{inside}</SignedInfo>"
    )


def key_info(certificate: x509.Certificate | bytes, *, key_value: str = "") -> str:
    der = certificate if isinstance(certificate, bytes) else certificate.public_bytes(Encoding.DER)
    return f"<KeyInfo>{key_value}<X509Data><X509Certificate>{b64(der)}</X509Certificate></X509Data></KeyInfo>"


def rsa_key_value(key: rsa.RSAPublicKey) -> str:
    numbers = key.public_numbers()
    modulus, exponent = (n.to_bytes((n.bit_length() + 7) // 8, "big") for n in (numbers.n, numbers.e))
    return (
        f"<KeyValue><RSAKeyValue><Modulus>{b64(modulus)}</Modulus>"
        f"<Exponent>{b64(exponent)}</Exponent></RSAKeyValue></KeyValue>"
    )


def rsa_sha256(holder: Holder) -> Callable[[bytes], bytes]:
    return lambda content: holder.key.sign(content, padding.PKCS1v15(), hashes.SHA256())


def forge(
    holder: Holder,
    *,
    document: str = DOCUMENT,
    info: str | None = None,
    sign: Callable[[bytes], bytes] | None = None,
    keys: str | None = None,
    objects: str = "",
    exclusive: bool = False,
) -> bytes:
    """Sign exactly the SignedInfo that is given, as a signer with any intention could."""
    head = (
        f'<Signature Id="sigid" xmlns="{DSIG}">{signed_info(reference(digest_of(document))) if info is None else info}'
    )
    rest = f"{key_info(holder.certificate) if keys is None else keys}{objects}</Signature>"
    draft = document.replace("@", f"{head}<SignatureValue/>{rest}").encode()
    element = next(etree.fromstring(draft).iter(f"{{{DSIG}}}SignedInfo"))
    # Serialised with all namespaces in scope and read again: lxml's C14N of a part of a document is not reliable.
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    canonical = etree.tostring(alone, method="c14n", exclusive=exclusive, with_comments=False)
    value = b64((sign or rsa_sha256(holder))(canonical))
    return document.replace("@", f"{head}<SignatureValue>{value}</SignatureValue>{rest}").encode()


def judge(
    content: bytes,
    trust: TrustStore,
    *,
    path: str = PATH,
    policy: Policy | None = None,
    now: datetime = NOW,
    explain: bool = False,
) -> Verdict:
    """Without looking for the cause, unless asked: these tests are about what is refused."""
    root = etree.fromstring(content)
    return verify(root, path, file="D02-TS.xml", policy=policy or Policy(), trust=trust, now=now, explain=explain)


def explained(content: bytes, trust: TrustStore) -> Verdict:
    return judge(content, trust, explain=True)


def employer(name: str = "CÔNG TY MẪU", *identifiers: str, key: str = "rsa-2048", valid_days: int = 365) -> Employer:
    return Employer(
        name="x", common_name=name, identifiers=identifiers or ("MST:0101234565",), key=key, valid_days=valid_days
    )


def certificate(
    subject: x509.Name,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    issuer: Holder | None,
    *,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    not_before: datetime = NOW - timedelta(days=10),
    not_after: datetime = NOW + timedelta(days=300),
    signed_by: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
) -> Holder:
    """Issue any certificate, right or wrong; `signed_by` lets somebody else sign in the issuer's name."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    signer = signed_by or (issuer.key if issuer else key)
    return Holder(key, builder.sign(signer, algorithm or hashes.SHA256()))


def authority_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def usage(*, sign: bool = False, certify: bool = False, encrypt: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=encrypt,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certify,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


CA = ((x509.BasicConstraints(ca=True, path_length=None), True), (usage(certify=True), True))


def refused(verdict: Verdict, sub_indication: SubIndication, code: str) -> None:
    assert (verdict.sub_indication, verdict.reason_code) == (sub_indication, code)
    assert verdict.indication is not Indication.TOTAL_PASSED
    assert verdict.reason_vi
    assert verdict.reason_en
    assert "{" not in verdict.reason_vi + verdict.reason_en
