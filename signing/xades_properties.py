"""The signed properties of a XAdES signature, read from the very bytes that were signed."""

import re
from datetime import datetime
from typing import Final

from lxml import etree
from msgspec import Struct

from signing import base64text
from signing.indication import Refusal
from signing.xmldsig import DSIG, has_text

CERTIFICATE_REFERENCES_MAX: Final = 8

_XADES: Final = "{http://uri.etsi.org/01903/v1.3.2#}"
_DS: Final = f"{{{DSIG}}}"
_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
# xsd:dateTime with its zone (XML Schema 1.0 part 2 §3.2.7), within what Python can hold.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_SERIAL: Final = re.compile(r"[0-9]{1,60}")

# Claims of the signer that are read past: they do not decide whether the signature is valid.
_CLAIMS: Final = frozenset(
    {"SignatureProductionPlace", "SignatureProductionPlaceV2", "SignerRole", "SignerRoleV2", "CommitmentTypeIndication"}
)
_OF_SIGNATURE: Final = frozenset(
    {
        "SigningTime",
        "SigningCertificate",
        "SigningCertificateV2",
        "SignaturePolicyIdentifier",
        "SignatureProductionPlace",
        "SignatureProductionPlaceV2",
        "SignerRole",
        "SignerRoleV2",
    }
)
_OF_OBJECTS: Final = frozenset({"DataObjectFormat", "CommitmentTypeIndication"})


class CertificateReference(Struct, frozen=True):
    """How a property points at the signer's certificate (EN 319 132-1 v1.2.1 §5.2.2).

    `issuer_serial` is the DER of an IssuerSerial or b""; `serial` and `issuer_name` are from the older form, which says
    the one in decimals and the other in words (RFC 4514).
    """

    digest_algorithm: str
    digest_value: bytes
    issuer_serial: bytes = b""
    serial: int | None = None
    issuer_name: str = ""


class SignedProperties(Struct, frozen=True, kw_only=True):
    """What the signer states beside the content (EN 319 132-1 v1.2.1 §5.2).

    `certificates` are the first reference of SigningCertificateV2 and of SigningCertificate. `policy` is the identifier
    of an explicit signature policy, or "". `formats` are the Ids of the References whose MimeType is stated.
    `not_used` names claims that are passed over.
    """

    signing_time: str
    certificates: tuple[CertificateReference, ...]
    policy: str
    formats: frozenset[str]
    not_used: tuple[str, ...]


def read_signed_properties(canonical: bytes) -> SignedProperties | Refusal:
    """Read SignedProperties (EN 319 132-1 v1.2.1 §5.2), and see that what the baseline demands is there (§6.3).

    A property that is not known is refused, for it may say when the signature does not count; so is a time-stamp over
    the content, which nobody here would look at.
    """
    root = etree.fromstring(canonical, _PARSER)
    nodes = list(root.iter())
    if len(nodes) != len(list(root.iter("*"))) or any(len(node) and has_text(node, list(node)) for node in nodes):
        return _structure("SignedProperties")
    children = list(root)
    containers = [f"{_XADES}SignedSignatureProperties", f"{_XADES}SignedDataObjectProperties"]
    if [child.tag for child in children] not in (containers, containers[:1]):
        return _structure("SignedProperties")
    of_signature = _by_name(children[0], _OF_SIGNATURE)
    if isinstance(of_signature, Refusal):
        return of_signature
    of_objects = _by_name(children[1], _OF_OBJECTS) if len(children) > 1 else {}
    if isinstance(of_objects, Refusal):
        return of_objects
    if repeated := next((name for name, found in of_signature.items() if len(found) > 1), None):
        return _structure(repeated)
    # What EN 319 132-1 §6.3 wants in every baseline signature; MimeTypes are counted against References elsewhere.
    signing_time = _read_time(of_signature.get("SigningTime", []))
    if isinstance(signing_time, Refusal):
        return signing_time
    certificates = _read_certificates(of_signature)
    if isinstance(certificates, Refusal):
        return certificates
    policy = _read_policy(of_signature.get("SignaturePolicyIdentifier", []))
    if isinstance(policy, Refusal):
        return policy
    formats = _read_formats(of_objects.get("DataObjectFormat", []))
    if isinstance(formats, Refusal):
        return formats
    claims = tuple(name for name in (*of_signature, *of_objects) if name in _CLAIMS)
    return SignedProperties(
        signing_time=signing_time, certificates=certificates, policy=policy, formats=formats, not_used=claims
    )


def _structure(where: str) -> Refusal:
    return Refusal("signature-structure", {"where": where})


def _by_name(container: etree._Element, known: frozenset[str]) -> dict[str, list[etree._Element]] | Refusal:
    """Return a container's properties by their names, or refuse the first that is not known."""
    found: dict[str, list[etree._Element]] = {}
    for one in container:
        name = one.tag.removeprefix(_XADES)
        if not one.tag.startswith(_XADES) or name not in known:
            return Refusal("signed-property-unknown", {"property": etree.QName(one).localname[:60]})
        found.setdefault(name, []).append(one)
    return found


def _read_time(found: list[etree._Element]) -> str | Refusal:
    if not found:
        return Refusal("signed-property-missing", {"property": "SigningTime"})
    text = (found[0].text or "").strip()
    try:
        if len(found[0]) or not _TIME.fullmatch(text):
            return _structure("SigningTime")
        datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    except ValueError:
        return _structure("SigningTime")
    return text


def _read_certificates(of_signature: dict[str, list[etree._Element]]) -> tuple[CertificateReference, ...] | Refusal:
    """Return the first reference of each of the two forms (§5.2.2): that one is the signer's."""
    read: list[CertificateReference] = []
    for name in ("SigningCertificateV2", "SigningCertificate"):
        for found in of_signature.get(name, []):
            references = [_read_certificate(one) for one in found]
            if not 1 <= len(references) <= CERTIFICATE_REFERENCES_MAX or None in references or references[0] is None:
                return _structure(name)
            read.append(references[0])
    return tuple(read) or Refusal("signed-property-missing", {"property": "SigningCertificateV2"})


def _read_certificate(element: etree._Element) -> CertificateReference | None:
    children = list(element)
    tags = [child.tag for child in children]
    digest = f"{_XADES}CertDigest"
    if element.tag != f"{_XADES}Cert" or tags[:1] != [digest] or len(tags) > 2:  # noqa: PLR2004
        return None
    inside = list(children[0])
    if [one.tag for one in inside] != [f"{_DS}DigestMethod", f"{_DS}DigestValue"] or len(inside[1]):
        return None
    value = base64text.decode(inside[1].text)
    if value is None:
        return None
    algorithm = inside[0].get("Algorithm", "")
    match tags[1:]:
        case []:
            return CertificateReference(algorithm, value)
        case [tag] if tag == f"{_XADES}IssuerSerialV2":
            named = None if len(children[1]) else base64text.decode(children[1].text)
            return None if named is None else CertificateReference(algorithm, value, issuer_serial=named)
        case [tag] if tag == f"{_XADES}IssuerSerial":
            serial = (children[1].findtext(f"{_DS}X509SerialNumber") or "").strip()
            named_issuer = (children[1].findtext(f"{_DS}X509IssuerName") or "").strip()
            if not _SERIAL.fullmatch(serial):
                return None
            return CertificateReference(algorithm, value, serial=int(serial), issuer_name=named_issuer)
    return None


def _read_policy(found: list[etree._Element]) -> str | Refusal:
    """Return the identifier of an explicit policy, or "" for the implied one and for none (§5.2.9)."""
    if not found:
        return ""
    children = list(found[0])
    if [child.tag for child in children] == [f"{_XADES}SignaturePolicyImplied"]:
        return ""
    text = found[0].findtext(f"{_XADES}SignaturePolicyId/{_XADES}SigPolicyId/{_XADES}Identifier") or ""
    identifier = text.strip()[:200]
    return identifier if len(children) == 1 and identifier else _structure("SignaturePolicyIdentifier")


def _read_formats(found: list[etree._Element]) -> frozenset[str] | Refusal:
    """Return the Ids that DataObjectFormats with a MimeType name (§5.2.4; §6.3 makes the MimeType mandatory)."""
    named: set[str] = set()
    for one in found:
        target = one.get("ObjectReference", "")
        mime_types = list(one.iterchildren(f"{_XADES}MimeType"))
        if not target.startswith("#") or len(target) == 1 or target[1:] in named or len(mime_types) > 1:
            return _structure("DataObjectFormat")
        if mime_types and not len(mime_types[0]) and (mime_types[0].text or "").strip():
            named.add(target[1:])
    return frozenset(named)
