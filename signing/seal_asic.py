"""Our own seal on a container: a XAdES signature by the seal's key over all its files, made and read."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from msgspec import Struct

from signing import base64text, xmldsig
from signing.asic_manifest import read_xml
from signing.detached import SIGNATURE_PATH, SIGNATURES
from signing.policy import Algorithm
from signing.sign_xades import add_timestamp, sign_digests, timestamp_covers
from signing.signer import SealBroken, SealKeyUnusable, Signer, check_signature, jwk_of
from signing.xades_read import SIGNED_PROPERTIES_TYPE, XADES, FoundTimestamp, canonical_in_context

__all__ = ["SIGNATURE_FILE", "ContainerSeal", "SealedFile", "read_seal", "seal_files"]

SIGNATURE_FILE: Final = "META-INF/signatures001.xml"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
# RFC 9231 §2.3.12: known to few programs as yet.
ED25519: Final = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"
REFERENCES_MAX: Final = 1024
TIMESTAMPS_MAX: Final = 4

_SHA256_URI: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_ALGORITHMS: Final = {
    "ES256": Algorithm(ECDSA_SHA256, "sha256", "ecdsa"),
    "Ed25519": Algorithm(ED25519, "sha512", "eddsa"),
}
_DS: Final = f"{{{xmldsig.DSIG}}}"
_XADES: Final = f"{{{XADES}}}"
_EXCLUSIVE: Final = (xmldsig.C14N_EXCLUSIVE,)
_SHA256_BYTES: Final = 32


class SealedFile(Struct, frozen=True):
    """A container's seal as it was made: the signature file, and whether a time-stamp is in it (B-T) or not (B-B)."""

    content: bytes
    level: str


class ContainerSeal(Struct, frozen=True, kw_only=True):
    """A container's seal that holds as a signature by the key in its own certificate.

    `jwk` is that key, which is the reader's to compare with one that was pinned; `digests` are the SHA-256 of the files
    that it is over, by their names, which are the reader's to compare with the files; `timestamps` are not judged.
    """

    jwk: dict[str, str]
    certificate: x509.Certificate
    signed_at: datetime
    digests: dict[str, bytes]
    timestamps: tuple[FoundTimestamp, ...]


def seal_files(
    digests: Mapping[str, bytes],
    signer: Signer,
    chain: Sequence[x509.Certificate],
    now: datetime,
    *,
    stamp: Callable[[bytes], bytes | None] | None = None,
) -> SealedFile:
    """Return META-INF/signatures001.xml over files of these SHA-256 digests, by name (EN 319 132-1 v1.2.1 §6: B-B).

    The value is the signer's own (ES256's r and s side by side are XMLDSig's form too, XMLDSig 1.1 §6.4.3), so that a
    key in a token seals as well. `chain` is the certificate of the signer's key and those above it. `stamp` gets a
    time-stamp token over the bytes it is given, or None when no authority answers: then the seal stays B-B.

    Raises what the signer raises, and SigningImpossible for names that no container may hold.
    """
    content = sign_digests(digests, signer.sign, chain, by=_ALGORITHMS[signer.alg], now=now)
    token = stamp(timestamp_covers(content, SIGNATURE_PATH)) if stamp else None
    if token is None:
        return SealedFile(content, "XAdES-B-B")
    return SealedFile(add_timestamp(content, SIGNATURE_PATH, token), "XAdES-B-T")


def read_seal(content: bytes) -> ContainerSeal:
    """Read the signature file of a container that we sealed, and verify its value and its properties' digest.

    Only the form that `seal_files` writes is accepted: one Signature, exclusive C14N without parameters, SHA-256, each
    file referred to once and without Transforms, the certificate named in the signed properties. Raises SealBroken.
    """
    root = read_xml(content)
    if root is None or root.tag != SIGNATURES or [one.tag for one in root] != [xmldsig.SIGNATURE]:
        raise SealBroken("META-INF/signatures001.xml is no file with one XAdES signature")
    signature = root[0]
    if [one.tag for one in signature] != [_DS + name for name in ("SignedInfo", "SignatureValue", "KeyInfo", "Object")]:
        raise SealBroken("the Signature is not of the form that we write")
    info, value, key_info, holder = signature
    if len(holder) != 1 or len(list(root.iter(f"{_XADES}SignedProperties"))) != 1:
        raise SealBroken("the Signature holds other things than we write")
    certificate, jwk = _certificate(key_info)
    canonical = canonical_in_context(info, exclusive=True)
    written = None if canonical is None else etree.fromstring(canonical)
    if canonical is None or written is None:
        raise SealBroken("SignedInfo has no canonical form")
    method, references = _signed_info(written)
    if method != _ALGORITHMS[jwk["alg"]].uri:
        raise SealBroken("the signature's algorithm is not the key's")
    # (1) The signed properties, by their place and by the one Reference of that Type (EN 319 132-1 §4.4.3).
    properties = holder.find(f"{_XADES}QualifyingProperties/{_XADES}SignedProperties")
    signed_at = _properties(properties, references, certificate)
    # (2) What is signed besides: files, each once.
    digests = _files(references)
    # (3) The value, by the certificate's key.
    check_signature(jwk, canonical, base64text.decode(value.text) or b"")
    return ContainerSeal(
        jwk=jwk,
        certificate=certificate,
        signed_at=signed_at,
        digests=digests,
        timestamps=tuple(_timestamps(holder, value)),
    )


class _Reference(Struct, frozen=True):
    uri: str
    kind: str
    transforms: tuple[str, ...]
    digest: bytes


def _certificate(key_info: etree._Element) -> tuple[x509.Certificate, dict[str, str]]:
    texts = [one.text for one in key_info.iterfind(f"{_DS}X509Data/{_DS}X509Certificate")]
    der = base64text.decode(texts[0]) if texts else None
    try:
        certificate = x509.load_der_x509_certificate(der or b"")
        public = certificate.public_key()
        return certificate, jwk_of(public)  # type: ignore[arg-type] # another kind of key is refused there
    except (ValueError, SealKeyUnusable, AttributeError) as error:
        raise SealBroken("KeyInfo begins with no certificate of a key of ours") from error


def _signed_info(info: etree._Element) -> tuple[str, list[_Reference]]:
    """What the canonical SignedInfo says: the algorithm, and the References."""
    children = list(info)
    tags = [one.tag for one in children[:2]]
    if tags != [_DS + "CanonicalizationMethod", _DS + "SignatureMethod"] or not 2 < len(children) <= REFERENCES_MAX:  # noqa: PLR2004
        raise SealBroken("SignedInfo is not of the form that we write")
    if children[0].get("Algorithm") != xmldsig.C14N_EXCLUSIVE or len(children[0]) or len(children[1]):
        raise SealBroken("SignedInfo is canonicalised or signed in another way than ours")
    return children[1].get("Algorithm", ""), [_reference(one) for one in children[2:]]


def _reference(element: etree._Element) -> _Reference:
    steps = [one for one in element if one.tag == _DS + "Transforms"]
    rest = [one for one in element if one.tag != _DS + "Transforms"]
    transforms = tuple(step.get("Algorithm", "") for one in steps for step in one)
    wanted = [_DS + "DigestMethod", _DS + "DigestValue"]
    if element.tag != _DS + "Reference" or len(steps) > 1 or [one.tag for one in rest] != wanted:
        raise SealBroken("a Reference is not of the form that we write")
    digest = base64text.decode(rest[1].text)
    if rest[0].get("Algorithm") != _SHA256_URI or digest is None or len(digest) != _SHA256_BYTES:
        raise SealBroken("a Reference has no SHA-256 digest")
    return _Reference(element.get("URI", ""), element.get("Type", ""), transforms, digest)


def _properties(
    properties: etree._Element | None, references: list[_Reference], certificate: x509.Certificate
) -> datetime:
    """Check the signed properties against their Reference and the certificate; return the signing time they claim."""
    own = [one for one in references if one.kind == SIGNED_PROPERTIES_TYPE]
    if properties is None or len(own) != 1 or own[0].transforms != _EXCLUSIVE:
        raise SealBroken("there is not one Reference to the signed properties")
    canonical = canonical_in_context(properties, exclusive=True)
    if (
        own[0].uri != f"#{properties.get('Id')}"
        or canonical is None
        or hashlib.sha256(canonical).digest() != own[0].digest
    ):
        raise SealBroken("the signed properties were changed")
    below = f"{_XADES}SignedSignatureProperties/{_XADES}"
    digest = properties.findtext(f"{below}SigningCertificateV2/{_XADES}Cert/{_XADES}CertDigest/{_DS}DigestValue")
    if base64text.decode(digest) != hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest():
        raise SealBroken("the signed properties name another certificate")
    try:
        signed_at = datetime.fromisoformat(properties.findtext(f"{below}SigningTime") or "")
    except ValueError as error:
        raise SealBroken("the signing time cannot be read") from error
    if signed_at.tzinfo is None:
        raise SealBroken("the signing time has no zone")
    return signed_at


def _files(references: list[_Reference]) -> dict[str, bytes]:
    digests: dict[str, bytes] = {}
    for one in references:
        if one.kind == SIGNED_PROPERTIES_TYPE:
            continue
        name = unquote(one.uri, errors="replace")
        if one.transforms or not name or one.uri.startswith("#") or name in digests:
            raise SealBroken(f"a Reference to {name[:100]!r} is empty, transformed or there twice")
        digests[name] = one.digest
    return digests


def _timestamps(holder: etree._Element, value: etree._Element) -> list[FoundTimestamp]:
    """The time-stamps in their place (EN 319 132-1 §5.3), as far as they are of the form that we write."""
    place = (
        f"{_XADES}QualifyingProperties/{_XADES}UnsignedProperties/{_XADES}UnsignedSignatureProperties/"
        f"{_XADES}SignatureTimeStamp"
    )
    found = []
    for one in holder.findall(place)[:TIMESTAMPS_MAX]:
        method = one.find(f"{_DS}CanonicalizationMethod")
        exclusive = method is not None and method.get("Algorithm") == xmldsig.C14N_EXCLUSIVE
        token = base64text.decode(one.findtext(f"{_XADES}EncapsulatedTimeStamp"))
        covered = canonical_in_context(value, exclusive=exclusive)
        if token is None or covered is None:
            raise SealBroken("a time-stamp cannot be read")
        found.append(FoundTimestamp(token, covered))
    return found
