"""A ds:Signature that carries XAdES properties, read strictly: what it refers to, its properties, its time-stamps."""

from collections import Counter
from typing import Final, cast

from lxml import etree
from msgspec import Struct

from signing import base64text, xmldsig
from signing.certificate import SigningCertificate
from signing.indication import Refusal
from signing.signature import identify
from signing.signed_info import canonical_form, inherited_xml_attributes
from signing.xades_properties import SignedProperties, read_signed_properties
from signing.xmldsig import C14N_EXCLUSIVE_BY_URI, DSIG, has_text, says_something

PART_BYTES_MAX: Final = 1024 * 1024
REFERENCES_MAX: Final = 2048
TIMESTAMPS_MAX: Final = 4

XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
SIGNED_PROPERTIES_TYPE: Final = "http://uri.etsi.org/01903#SignedProperties"

_REFERENCE: Final = f"{{{DSIG}}}Reference"
_OBJECT: Final = f"{{{DSIG}}}Object"
_C14N_METHOD: Final = f"{{{DSIG}}}CanonicalizationMethod"
_QUALIFYING: Final = f"{{{XADES}}}QualifyingProperties"
_QUALIFYING_ELSEWHERE: Final = f"{{{XADES}}}QualifyingPropertiesReference"
_SIGNED: Final = f"{{{XADES}}}SignedProperties"
_UNSIGNED: Final = f"{{{XADES}}}UnsignedProperties"
_UNSIGNED_OF_SIGNATURE: Final = f"{{{XADES}}}UnsignedSignatureProperties"
_TIMESTAMP: Final = f"{{{XADES}}}SignatureTimeStamp"
_ENCAPSULATED: Final = f"{{{XADES}}}EncapsulatedTimeStamp"
_DER_ENCODING: Final = "http://uri.etsi.org/01903/v1.2.2#DER"

# A parser for the few bytes that this module serialised itself: nothing is fetched, nothing is expanded.
_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
_ALL_IDS: Final = etree.XPath("//@*[local-name()='Id' or local-name()='ID' or local-name()='id']", smart_strings=False)
_OWN_IDS: Final = etree.XPath(
    "descendant-or-self::*/@*[local-name()='Id' or local-name()='ID' or local-name()='id']", smart_strings=False
)


class Reference(Struct, frozen=True):
    """A ds:Reference as written (XMLDSig 1.1 §4.4.3); `uri` is None when there is none, other absent texts are ""."""

    identity: str
    uri: str | None
    kind: str
    transforms: tuple[str, ...]
    digest_algorithm: str
    digest_value: bytes


class OwnPart(Struct, frozen=True):
    """A part of the Signature itself that it refers to: "SignedProperties" or "KeyInfo", canonical in its context."""

    name: str
    reference: Reference
    canonical: bytes


class FoundTimestamp(Struct, frozen=True):
    """A SignatureTimeStamp (EN 319 132-1 v1.2.1 §5.3): its token, and the bytes that it should be over."""

    token_der: bytes
    covered: bytes


class ReadXades(Struct, frozen=True, kw_only=True):
    """A XAdES signature that is well built; nothing about it has been verified.

    `canonical` is SignedInfo as it was signed. `references` are to what was signed beside the Signature's own parts.
    `not_used` names the unsigned properties that are passed over.
    """

    signature: etree._Element
    canonical: bytes
    c14n_algorithm: str
    signature_algorithm: str
    value: bytes
    certificate: SigningCertificate
    references: tuple[Reference, ...]
    own_parts: tuple[OwnPart, ...]
    properties: SignedProperties
    timestamps: tuple[FoundTimestamp, ...]
    not_used: tuple[str, ...]


class _SignedInfo(Struct, frozen=True):
    canonical: bytes
    c14n_algorithm: str
    signature_algorithm: str
    references: tuple[Reference, ...]


class _Qualifying(Struct, frozen=True):
    signed: etree._Element
    timestamps: tuple[etree._Element, ...]
    not_used: tuple[str, ...]


def refers_to_signed_properties(signature: etree._Element) -> bool:
    """Whether a Reference of the Signature says that it is to SignedProperties (EN 319 132-1 v1.2.1 §4.4.3)."""
    return any(
        reference.get("Type") == SIGNED_PROPERTIES_TYPE
        for reference in signature.iterfind(f"{{{DSIG}}}SignedInfo/{_REFERENCE}")
    )


def read_xades(signature: etree._Element) -> ReadXades | Refusal:
    """Read a ds:Signature with XAdES properties (EN 319 132-1 v1.2.1 §4, §5), while it stands in its document.

    Everything is found by its place and never by looking an Id up: the one Object holds the one QualifyingProperties,
    its SignedProperties are what the one Reference of that Type must name. So nothing of the kind that stands elsewhere
    can be taken for it; that there is any is refused all the same, for another reader may be led astray.
    """
    parts = xmldsig.take_apart(signature)
    if isinstance(parts, Refusal):
        return parts
    key_info = xmldsig.read_key_info(parts.key_info)
    if isinstance(key_info, Refusal):
        return key_info
    certificate = identify(key_info)
    if isinstance(certificate, Refusal):
        return certificate
    info = _read_signed_info(parts.signed_info)
    if isinstance(info, Refusal):
        return info
    qualifying = _find_properties(signature, parts) or _structure("QualifyingProperties")
    if isinstance(qualifying, Refusal):
        return qualifying
    refusal = _astray(signature, qualifying.signed)
    if refusal is not None:
        return refusal
    sorted_out = _sort_out(info.references, qualifying.signed, parts.key_info)
    if isinstance(sorted_out, Refusal):
        return sorted_out
    references, own_parts = sorted_out
    properties = read_signed_properties(own_parts[0].canonical)
    if isinstance(properties, Refusal):
        return properties
    found = [_read_timestamp(one, signature[1]) for one in qualifying.timestamps[:TIMESTAMPS_MAX]]
    unread = ["SignatureTimeStamp"] * (len(qualifying.timestamps) - sum(one is not None for one in found))
    return ReadXades(
        signature=signature,
        canonical=info.canonical,
        c14n_algorithm=info.c14n_algorithm,
        signature_algorithm=info.signature_algorithm,
        value=parts.value,
        certificate=certificate,
        references=references,
        own_parts=own_parts,
        properties=properties,
        timestamps=tuple(one for one in found if one is not None),
        not_used=tuple(dict.fromkeys((*qualifying.not_used, *properties.not_used, *unread))),
    )


def canonical_in_context(element: etree._Element, *, exclusive: bool) -> bytes | None:
    """Return the canonical form of a part of a document (Canonical XML 1.0 §2.4), or None when it has none.

    The part is serialised with all namespaces in scope, used or not, and read again; inclusive C14N takes the xml:*
    attributes of its ancestors besides.
    """
    raw = etree.tostring(element, with_tail=False)
    if len(raw) > PART_BYTES_MAX:
        return None
    try:
        alone = etree.fromstring(raw, _PARSER)
        return canonical_form(alone, inherited_xml_attributes(element), exclusive=exclusive)
    except (etree.XMLSyntaxError, etree.C14NError):
        return None


def _holds_something(element: etree._Element) -> bool:
    return bool(len(element)) or says_something(element.text)


def _structure(where: str) -> Refusal:
    return Refusal("signature-structure", {"where": where})


def _read_signed_info(element: etree._Element) -> _SignedInfo | Refusal:
    """Canonicalise SignedInfo in its context, and read what those bytes say (XMLDSig 1.1 §4.4)."""
    method = next(element.iterchildren(), None)
    if method is None or method.tag != _C14N_METHOD:
        return _structure("SignedInfo")
    if len(list(element.iter())) != len(list(element.iter("*"))):  # a comment, an instruction
        return _structure("SignedInfo")
    c14n_algorithm = method.get("Algorithm", "")
    if c14n_algorithm not in C14N_EXCLUSIVE_BY_URI:
        return Refusal("c14n-not-accepted", {"algorithm": c14n_algorithm[:100]})
    if _holds_something(method):
        return Refusal("c14n-with-prefix-list")
    canonical = canonical_in_context(element, exclusive=C14N_EXCLUSIVE_BY_URI[c14n_algorithm])
    if canonical is None:
        return Refusal("not-canonical")
    read_again = etree.fromstring(canonical, _PARSER)
    if any(len(node) and has_text(node, list(node)) for node in read_again.iter()):
        return _structure("SignedInfo")
    return _read_children(list(read_again)[1:], canonical, c14n_algorithm)


def _read_children(children: list[etree._Element], canonical: bytes, c14n_algorithm: str) -> _SignedInfo | Refusal:
    if not 1 < len(children) <= REFERENCES_MAX or children[0].tag != f"{{{DSIG}}}SignatureMethod":
        return _structure("SignedInfo")
    signature_algorithm = children[0].get("Algorithm", "")
    if _holds_something(children[0]):  # HMACOutputLength and the like
        return Refusal("signature-algorithm", {"algorithm": signature_algorithm[:100]})
    references: list[Reference] = []
    for one in children[1:]:
        read = _read_reference(one)
        if isinstance(read, Refusal):
            return read
        references.append(read)
    return _SignedInfo(canonical, c14n_algorithm, signature_algorithm, tuple(references))


def _read_reference(element: etree._Element) -> Reference | Refusal:
    children = list(element)
    steps: list[etree._Element] = []
    if children and children[0].tag == f"{{{DSIG}}}Transforms":
        steps = list(children.pop(0))
    transforms = tuple(step.get("Algorithm", "")[:100] for step in steps)
    if any(step.tag != f"{{{DSIG}}}Transform" or _holds_something(step) for step in steps):
        return Refusal("transform-not-accepted", {"transforms": ", ".join(transforms[:4])})
    if element.tag != _REFERENCE or [child.tag for child in children] != [
        f"{{{DSIG}}}DigestMethod",
        f"{{{DSIG}}}DigestValue",
    ]:
        return _structure("Reference")
    method, value = children
    digest_value = None if len(value) else base64text.decode(value.text)
    if digest_value is None or _holds_something(method):
        return _structure("DigestValue")
    return Reference(
        element.get("Id", ""),
        element.get("URI"),
        element.get("Type", ""),
        transforms,
        method.get("Algorithm", ""),
        digest_value,
    )


def _find_properties(signature: etree._Element, parts: xmldsig.Parts) -> _Qualifying | None:
    """Return the parts of the one QualifyingProperties, in the one Object (EN 319 132-1 v1.2.1 §4.3, §4.4)."""
    if len(parts.objects) != 1 or parts.objects[0].tag != _OBJECT or len(parts.objects[0]) != 1:
        return None
    qualifying = parts.objects[0][0]
    identity = signature.get("Id")
    if qualifying.tag != _QUALIFYING or not identity or qualifying.get("Target") != f"#{identity}":
        return None
    children = list(qualifying)
    if [child.tag for child in children] not in ([_SIGNED], [_SIGNED, _UNSIGNED]):
        return None
    unsigned = list(children[1]) if len(children) > 1 else []
    of_signature = [one for one in unsigned if one.tag == _UNSIGNED_OF_SIGNATURE]
    if len(of_signature) > 1:
        return None
    properties = [one for below in of_signature for one in below.iterchildren("*")]
    others = [one for one in properties if one.tag != _TIMESTAMP]
    others += [one for one in unsigned if one.tag != _UNSIGNED_OF_SIGNATURE and isinstance(one.tag, str)]
    return _Qualifying(
        children[0],
        tuple(one for one in properties if one.tag == _TIMESTAMP),
        tuple(etree.QName(one).localname[:60] for one in others),
    )


def _astray(signature: etree._Element, signed: etree._Element) -> Refusal | None:
    """Refuse XAdES properties outside their place, and an Id of the Signature that is there twice.

    Properties inside another Signature are that one's matter; whether there may be another is asked elsewhere.
    """
    root = signature.getroottree().getroot()
    for one in root.iter(_QUALIFYING, _SIGNED, _QUALIFYING_ELSEWHERE):
        holder = next(one.iterancestors(xmldsig.SIGNATURE), None)
        if holder is None or (holder is signature and one is not signed and one is not signed.getparent()):
            return Refusal("signed-properties-astray", {"where": etree.QName(one).localname})
    everywhere = Counter(_ids(_ALL_IDS, root))
    for own in _ids(_OWN_IDS, signature):
        if everywhere[own] > 1:
            return Refusal("id-repeated", {"id": own[:100]})
    return None


def _ids(path: etree.XPath, element: etree._Element) -> list[str]:
    return cast("list[str]", path(element))


def _sort_out(
    references: tuple[Reference, ...], signed: etree._Element, key_info: etree._Element
) -> tuple[tuple[Reference, ...], tuple[OwnPart, ...]] | Refusal:
    """Tell the References to the Signature's own parts from those to what was signed; SignedProperties come first."""
    to_signed = [one for one in references if one.kind == SIGNED_PROPERTIES_TYPE]
    identity = signed.get("Id")
    if len(to_signed) != 1 or not identity or to_signed[0].uri != f"#{identity}":
        return Refusal("signed-properties-astray", {"where": "Reference"})
    named = key_info.get("Id")
    to_key = [one for one in references if named and one.uri == f"#{named}" and one is not to_signed[0]]
    if len(to_key) > 1:
        return _structure("Reference")
    own: list[OwnPart] = []
    for name, reference, element in (
        ("SignedProperties", to_signed[0], signed),
        *(("KeyInfo", one, key_info) for one in to_key),
    ):
        methods = reference.transforms or (xmldsig.C14N_INCLUSIVE,)
        if len(methods) != 1 or methods[0] not in C14N_EXCLUSIVE_BY_URI:
            return Refusal("transform-not-accepted", {"transforms": ", ".join(methods[:4])})
        canonical = canonical_in_context(element, exclusive=C14N_EXCLUSIVE_BY_URI[methods[0]])
        if canonical is None:
            return Refusal("not-canonical")
        own.append(OwnPart(name, reference, canonical))
    others = tuple(one for one in references if one is not to_signed[0] and one not in to_key)
    return others, tuple(own)


def _read_timestamp(element: etree._Element, value_element: etree._Element) -> FoundTimestamp | None:
    """Read a SignatureTimeStamp over the canonical ds:SignatureValue (EN 319 132-1 v1.2.1 §5.3), or None.

    Without a CanonicalizationMethod it is inclusive C14N 1.0 (§4.5, XMLDSig's own).
    """
    children = list(element)
    exclusive = False
    if children and children[0].tag == _C14N_METHOD:
        method = children.pop(0)
        algorithm = method.get("Algorithm", "")
        if algorithm not in C14N_EXCLUSIVE_BY_URI or len(method):
            return None
        exclusive = C14N_EXCLUSIVE_BY_URI[algorithm]
    if [child.tag for child in children] != [_ENCAPSULATED] or len(children[0]):
        return None
    if children[0].get("Encoding", _DER_ENCODING) != _DER_ENCODING:
        return None
    token_der = base64text.decode(children[0].text)
    covered = canonical_in_context(value_element, exclusive=exclusive)
    return None if token_der is None or covered is None else FoundTimestamp(token_der, covered)
