"""XAdES signatures by hand: every part may be left out, doubled, moved or wrong, and is signed all the same."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from signing.asn1 import issuer_serial
from signing.demo_pki import Holder
from signing.indication import Verdict
from signing.policy import LEVELS, Policy
from signing.revocation import RevocationStore
from signing.trust import TrustStore
from signing.verify import verify
from tests.signing.workshop import (
    DOCUMENT,
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    NOW,
    PATH,
    RSA_SHA256,
    SHA256,
    b64,
    digest_of,
    key_info,
    rsa_sha256,
)

XADES = "http://uri.etsi.org/01903/v1.3.2#"
TYPE = "http://uri.etsi.org/01903#SignedProperties"
TIME = "<x:SigningTime>2026-03-02T01:30:00Z</x:SigningTime>"
FORMAT = '<x:DataObjectFormat ObjectReference="#r0"><x:MimeType>text/xml</x:MimeType></x:DataObjectFormat>'


def cert_digest(holder: Holder, name: str = "sha256", method: str = SHA256, *, digest: bytes | None = None) -> str:
    der = holder.certificate.public_bytes(Encoding.DER)
    value = b64(hashlib.new(name, der).digest() if digest is None else digest)
    return f'<x:CertDigest><DigestMethod Algorithm="{method}"/><DigestValue>{value}</DigestValue></x:CertDigest>'


def signing_certificate(holder: Holder, more: str | None = None, *, digest: str | None = None) -> str:
    serial = b64(issuer_serial(holder.certificate.public_bytes(Encoding.DER)))
    inside = f"<x:IssuerSerialV2>{serial}</x:IssuerSerialV2>" if more is None else more
    return (
        f"<x:SigningCertificateV2><x:Cert>{cert_digest(holder) if digest is None else digest}{inside}"
        "</x:Cert></x:SigningCertificateV2>"
    )


def signed_properties(holder: Holder, of_signature: str | None = None, formats: str = FORMAT, more: str = "") -> str:
    inside = TIME + signing_certificate(holder) if of_signature is None else of_signature
    return (
        f'<x:SignedProperties Id="p"><x:SignedSignatureProperties>{inside}{more}</x:SignedSignatureProperties>'
        f"<x:SignedDataObjectProperties>{formats}</x:SignedDataObjectProperties></x:SignedProperties>"
    )


def qualifying(properties: str, unsigned: str = "", target: str = "#s") -> str:
    return (
        f'<x:QualifyingProperties xmlns:x="{XADES}" Target="{target}">{properties}{unsigned}</x:QualifyingProperties>'
    )


def reference(uri: str, digest: bytes, *, identity: str = "", kind: str = "", transforms: str = "") -> str:
    return (
        f'<Reference URI="{uri}"'
        + (f' Id="{identity}"' if identity else "")
        + (f' Type="{kind}"' if kind else "")
        + ">"
        + (f"<Transforms>{transforms}</Transforms>" if transforms else "")
        + f'<DigestMethod Algorithm="{SHA256}"/><DigestValue>{b64(digest)}</DigestValue></Reference>'
    )


def canonical(content: bytes, tag: str, *, exclusive: bool = False) -> bytes:
    """A part's canonical form in its document, by our own words: the part with all names in scope, read again."""
    element = next(etree.fromstring(content).iter(tag))
    return etree.tostring(
        etree.fromstring(etree.tostring(element, with_tail=False)), method="c14n", exclusive=exclusive
    )


def forge_xades(
    holder: Holder,
    *,
    document: str = DOCUMENT,
    properties: str | None = None,
    objects: Callable[[str], str] | None = None,
    references: Callable[[str, str], str] | None = None,
    keys: str | None = None,
    method: str = RSA_SHA256,
    sign: Callable[[bytes], bytes] | None = None,
    digest_of_properties: bytes | None = None,
    digest: bytes | None = None,
    before: str = "",
    exclusive_properties: bool = False,
) -> bytes:
    """Sign as a signer with any intention could.

    `properties` is the SignedProperties element; `objects` makes all Objects of it (one, with QualifyingProperties);
    `references` makes all References of the usual two. The digest of the first SignedProperties of the document is
    taken in its context, wherever it stands; `before` stands in the form before the content.
    """
    inside = signed_properties(holder) if properties is None else properties
    made = (objects or (lambda one: f"<Object>{qualifying(one)}</Object>"))(inside)
    rest = f"{key_info(holder.certificate) if keys is None else keys}{made}</Signature>"
    document = document.replace("<NoiDung>", f"{before}<NoiDung>", 1)
    whole = reference("", digest_of(document) if digest is None else digest, identity="r0", transforms=ENVELOPED)

    def draft(properties_digest: bytes, value: str) -> bytes:
        transform = f'<Transform Algorithm="{EXCLUSIVE}"/>' if exclusive_properties else ""
        to_properties = reference("#p", properties_digest, kind=TYPE, transforms=transform)
        both = (references or (lambda one, two: one + two))(whole, to_properties)
        info = (
            f'<SignedInfo><CanonicalizationMethod Algorithm="{INCLUSIVE}"/><SignatureMethod Algorithm="{method}"/>'
            f"{both}</SignedInfo>"
        )
        head = f'<Signature Id="s" xmlns="{DSIG}">{info}<SignatureValue>'
        return document.replace("@", f"{head}{value}</SignatureValue>{rest}").encode()

    right = digest_of_properties
    if right is None:
        found = canonical(draft(bytes(32), "AA=="), f"{{{XADES}}}SignedProperties", exclusive=exclusive_properties)
        right = hashlib.sha256(found).digest()
    value = (sign or rsa_sha256(holder))(canonical(draft(right, "AA=="), f"{{{DSIG}}}SignedInfo"))
    return draft(right, b64(value))


def judge_xades(
    content: bytes,
    trust: TrustStore,
    *,
    level: str = LEVELS[1],
    policy: Policy | None = None,
    now: datetime = NOW,
    tsa: TrustStore | None = None,
    revocation: RevocationStore | None = None,
    path: str = PATH,
) -> Verdict:
    return verify(
        etree.fromstring(content),
        path,
        file="D02-TS.xml",
        policy=policy or Policy(),
        trust=trust,
        explain=False,
        now=now,
        level=level,
        tsa=tsa,
        revocation=revocation,
    )
