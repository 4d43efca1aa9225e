"""Signing as XAdES-B-B: enveloped in a document, or detached beside a container's entries; and adding a time-stamp."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from msgspec import Struct

from signing import xmldsig
from signing.asn1 import issuer_serial
from signing.indication import Refusal
from signing.placing import SigningImpossible, open_place
from signing.policy import Algorithm
from signing.sign import DIGEST_URIS, SigningKey, algorithm_for, parse, sign_value, signature_at
from signing.xades_read import SIGNED_PROPERTIES_TYPE, XADES, canonical_in_context
from signing.zip_names import read_name

ASIC_NAMESPACE: Final = "http://uri.etsi.org/02918/v1.2.1#"

_BLANK: Final = "AA=="  # where a digest or value comes later
_OTHER_MIME_TYPE: Final = "application/octet-stream"
_MIME_TYPES: Final = {
    ".xml": "text/xml",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
}


class _Target(Struct, frozen=True):
    """One thing to sign: its URI, its digest, its kind, and how it is canonicalised before."""

    uri: str
    digest_value: bytes
    mime_type: str
    transforms: tuple[str, ...] = ()


def sign_xades(
    content: bytes,
    path: str,
    key: SigningKey,
    certificate: x509.Certificate,
    *,
    now: datetime,
    algorithm: str | None = None,
    digest: str = "sha256",
    exclusive: bool = True,
) -> bytes:
    """Return the document with a XAdES-B-B signature in the element at `path`; every other byte stays as it is.

    Baseline of EN 319 132-1 v1.2.1 §6: SigningTime of `now`, SigningCertificateV2 with IssuerSerialV2, and a MimeType.
    Everything is canonicalised exclusively, or inclusively with `exclusive` false. A Signature that stands elsewhere in
    the document is signed with it: so an I-VAN signs round its client's signature.

    Raises SigningImpossible for a document that cannot be signed at that place, or a key that does not fit.
    """
    by = algorithm_for(key, certificate, algorithm, digest)
    opened, offset = open_place(content, path)
    c14n = xmldsig.C14N_EXCLUSIVE if exclusive else xmldsig.C14N_INCLUSIVE
    try:
        digest_value = xmldsig.content_digest(parse(opened), digest, exclusive=exclusive, size_bytes=len(opened))
    except etree.C14NError as error:
        raise SigningImpossible("no canonical form: an xmlns is a relative address") from error
    target = _Target("", digest_value, "text/xml", (xmldsig.ENVELOPED, c14n))
    form = _Form([target], [certificate], by=by, digest=digest, c14n=c14n, now=now)
    return _filled(form, _signing_with(key, by), opened[:offset], opened[offset:], path)


def sign_detached(entries: Mapping[str, bytes], key: SigningKey, certificate: x509.Certificate, now: datetime) -> bytes:
    """Return the bytes of META-INF/signatures001.xml: one XAdES-B-B signature over all `entries`, by name.

    Names are those of the archive; what a URI does not carry as it is gets percent-encoded (RFC 3986 §2.1).

    Raises SigningImpossible for no entries, a name that no container may hold, or a key that is not the certificate's.
    """
    by = algorithm_for(key, certificate)
    digests = {name: hashlib.sha256(content).digest() for name, content in entries.items()}
    return sign_digests(digests, _signing_with(key, by), [certificate], by=by, now=now)


def sign_digests(
    digests: Mapping[str, bytes],
    sign: Callable[[bytes], bytes],
    chain: Sequence[x509.Certificate],
    *,
    by: Algorithm,
    now: datetime,
) -> bytes:
    """Do what `sign_detached` does for entries of which only the SHA-256 is at hand, by whoever can `sign`.

    `sign` returns the value over the canonical SignedInfo in XMLDSig's form for the algorithm `by`; `chain` is the
    signer's certificate and those above it, for KeyInfo. What `sign` raises goes through. Raises SigningImpossible.
    """
    targets = [_Target(_uri_of(name), digest, _mime_type(name)) for name, digest in digests.items()]
    if not targets:
        raise SigningImpossible("there is nothing to sign")
    form = _Form(targets, chain, by=by, digest="sha256", c14n=xmldsig.C14N_EXCLUSIVE, now=now)
    before = f'<?xml version="1.0" encoding="UTF-8"?>\n<asic:XAdESSignatures xmlns:asic="{ASIC_NAMESPACE}">'
    return _filled(form, sign, before.encode(), b"</asic:XAdESSignatures>\n", "/XAdESSignatures")


def timestamp_covers(content: bytes, path: str) -> bytes:
    """Return the bytes that a signature time-stamp is over (EN 319 132-1 v1.2.1 §5.3): the canonical SignatureValue.

    They are exclusively canonicalised, as `add_timestamp` says in the property. Raises SigningImpossible when there is
    no XAdES signature at `path`; a detached one's is "/XAdESSignatures".
    """
    covered = canonical_in_context(signature_at(parse(content), path)[1], exclusive=True)
    if covered is None:
        raise SigningImpossible(f"{path}: SignatureValue has no canonical form")
    return covered


def add_timestamp(content: bytes, path: str, token_der: bytes) -> bytes:
    """Return the signed document with a time-stamp token over the value of the signature at `path`: XAdES-B-T.

    Every byte outside this one new property stays. Raises SigningImpossible when there is no such signature, or when it
    has unsigned properties already.
    """
    signature = signature_at(parse(content), path)
    identity = signature.get("Id", "")
    at = content.find(b"</xades:QualifyingProperties>", content.find(f' Id="{identity}"'.encode()))
    if not identity or at < 0 or next(signature.iter(f"{{{XADES}}}UnsignedProperties"), None) is not None:
        raise SigningImpossible(f"{path}: no XAdES signature of this program, or one that has a time-stamp already")
    added = (
        "<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
        f'<ds:CanonicalizationMethod Algorithm="{xmldsig.C14N_EXCLUSIVE}"/>'
        f"<xades:EncapsulatedTimeStamp>{_base64(token_der)}</xades:EncapsulatedTimeStamp>"
        "</xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )
    return content[:at] + added.encode() + content[at:]


class _Form:
    """A XAdES-B-B signature with blanks for the digest of its properties and for its value."""

    def __init__(
        self,
        targets: list[_Target],
        chain: Sequence[x509.Certificate],
        *,
        by: Algorithm,
        digest: str,
        c14n: str,
        now: datetime,
    ) -> None:
        der = chain[0].public_bytes(Encoding.DER)
        certificates = "".join(
            f"<ds:X509Certificate>{_base64(one.public_bytes(Encoding.DER))}</ds:X509Certificate>" for one in chain
        )
        self.digest, self.c14n = digest, c14n
        seed = b"".join(one.digest_value for one in targets) + der + now.isoformat().encode()
        # An Id of its own: a co-signed document holds two signatures, and no Id may be there twice.
        self.identity = f"xades-{hashlib.sha256(seed).hexdigest()[:32]}"
        method = f'<ds:DigestMethod Algorithm="{DIGEST_URIS[digest]}"/>'
        references = "".join(
            f'<ds:Reference Id="{self.identity}-r{number}" URI={quoteattr(one.uri)}>{_transforms(one.transforms)}'
            f"{method}<ds:DigestValue>{_base64(one.digest_value)}</ds:DigestValue></ds:Reference>"
            for number, one in enumerate(targets)
        )
        formats = "".join(
            f'<xades:DataObjectFormat ObjectReference="#{self.identity}-r{number}">'
            f"<xades:MimeType>{escape(one.mime_type)}</xades:MimeType></xades:DataObjectFormat>"
            for number, one in enumerate(targets)
        )
        self.head = (
            f'<ds:Signature xmlns:ds="{xmldsig.DSIG}" Id="{self.identity}"><ds:SignedInfo>'
            f'<ds:CanonicalizationMethod Algorithm="{c14n}"/><ds:SignatureMethod Algorithm="{by.uri}"/>{references}'
            f'<ds:Reference Type="{SIGNED_PROPERTIES_TYPE}" URI="#{self.identity}-p">{_transforms((c14n,))}{method}'
            "<ds:DigestValue>"
        )
        self.middle = "</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>"
        self.tail = (
            f"</ds:SignatureValue><ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo><ds:Object>"
            f'<xades:QualifyingProperties xmlns:xades="{XADES}" Target="#{self.identity}">'
            f'<xades:SignedProperties Id="{self.identity}-p"><xades:SignedSignatureProperties>'
            f"<xades:SigningTime>{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</xades:SigningTime>"
            f"<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>{method}<ds:DigestValue>"
            f"{_base64(hashlib.new(digest, der).digest())}</ds:DigestValue></xades:CertDigest><xades:IssuerSerialV2>"
            f"{_base64(issuer_serial(der))}</xades:IssuerSerialV2></xades:Cert></xades:SigningCertificateV2>"
            "</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>"
            f"{formats}</xades:SignedDataObjectProperties></xades:SignedProperties></xades:QualifyingProperties>"
            "</ds:Object></ds:Signature>"
        )

    def filled(self, properties_digest: str, value: str) -> bytes:
        return f"{self.head}{properties_digest}{self.middle}{value}{self.tail}".encode()


def _signing_with(key: SigningKey, by: Algorithm) -> Callable[[bytes], bytes]:
    return lambda signed: sign_value(key, signed, by)


def _filled(form: _Form, sign: Callable[[bytes], bytes], before: bytes, after: bytes, path: str) -> bytes:
    """Fill a form's blanks in its place: what a part's canonical form is depends on where it stands."""
    exclusive = form.c14n == xmldsig.C14N_EXCLUSIVE

    def canonical(document: bytes, tag: str) -> bytes:
        found = canonical_in_context(next(signature_at(parse(document), path).iter(tag)), exclusive=exclusive)
        if found is None:
            raise SigningImpossible(f"{path}: no canonical form: an xmlns is a relative address, or too much to sign")
        return found

    draft = before + form.filled(_BLANK, _BLANK) + after
    digest = _base64(hashlib.new(form.digest, canonical(draft, f"{{{XADES}}}SignedProperties")).digest())
    draft = before + form.filled(digest, _BLANK) + after
    value = sign(canonical(draft, f"{{{xmldsig.DSIG}}}SignedInfo"))
    return before + form.filled(digest, _base64(value)) + after


def _transforms(algorithms: tuple[str, ...]) -> str:
    if not algorithms:
        return ""
    return "<ds:Transforms>" + "".join(f'<ds:Transform Algorithm="{one}"/>' for one in algorithms) + "</ds:Transforms>"


def _uri_of(name: str) -> str:
    if isinstance(read_name(name.encode(), utf8=True), Refusal):
        raise SigningImpossible(f"no container may hold an entry of this name: {name[:100]!r}")
    return quote(name, safe="/")


def _mime_type(name: str) -> str:
    return _MIME_TYPES.get(PurePosixPath(name).suffix.lower(), _OTHER_MIME_TYPE)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
