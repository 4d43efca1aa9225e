"""SignedInfo: read strictly, and canonicalised in its document's context (XMLDSig 1.1 §4.4)."""

from typing import Final

from lxml import etree
from msgspec import Struct

from signing import base64text
from signing.indication import Refusal
from signing.xmldsig import C14N_EXCLUSIVE_BY_URI, DSIG, ENVELOPED, has_text, says_something

SIGNED_INFO_BYTES_MAX: Final = 16 * 1024
REFERENCES_MAX: Final = 2

_C14N_METHOD: Final = f"{{{DSIG}}}CanonicalizationMethod"
_SIGNATURE_METHOD: Final = f"{{{DSIG}}}SignatureMethod"
_REFERENCE: Final = f"{{{DSIG}}}Reference"
_TRANSFORMS: Final = f"{{{DSIG}}}Transforms"
_TRANSFORM: Final = f"{{{DSIG}}}Transform"
_DIGEST_METHOD: Final = f"{{{DSIG}}}DigestMethod"
_DIGEST_VALUE: Final = f"{{{DSIG}}}DigestValue"
_XML_ATTRIBUTE: Final = "{http://www.w3.org/XML/1998/namespace}"

# A parser for the few bytes that this module serialised itself: nothing is fetched, nothing is expanded.
_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


class SecondReference(Struct, frozen=True):
    """A Reference beside the one to the document, as some phone-signing software adds it to its SigningTime."""

    uri: str
    digest_algorithm: str
    digest_value: bytes
    transforms: tuple[str, ...]


class SignedInfo(Struct, frozen=True):
    """What the signature value covers (XMLDSig 1.1 §4.4), read strictly.

    `canonical` are the very bytes that were signed; `exclusive` says how the document is canonicalised before its
    digest.
    """

    canonical: bytes
    c14n_algorithm: str
    signature_algorithm: str
    digest_algorithm: str
    digest_value: bytes
    exclusive: bool
    second: SecondReference | None = None


def read_signed_info(element: etree._Element) -> SignedInfo | Refusal:
    """Canonicalise a SignedInfo in its document's context, and read it (XMLDSig 1.1 §4.4 and §3.2.2).

    In scope of inclusive C14N (Canonical XML 1.0 §2.4) are the namespaces and the xml:* attributes of all ancestors,
    used or not. What is read is read from the tree that the canonical bytes were made of.
    """
    lifted = lift_out(element)
    if lifted is None:
        return Refusal("signature-structure", {"where": "SignedInfo"})
    element, inherited = lifted
    children = list(element)
    tags = [child.tag for child in children]
    if tags[:2] != [_C14N_METHOD, _SIGNATURE_METHOD] or set(tags[2:]) != {_REFERENCE} or not _elements_only(element):
        return Refusal("signature-structure", {"where": "SignedInfo"})
    c14n_algorithm, signature_algorithm = (child.get("Algorithm", "") for child in children[:2])
    if c14n_algorithm not in C14N_EXCLUSIVE_BY_URI:
        return Refusal("c14n-not-accepted", {"algorithm": c14n_algorithm[:100]})
    if _holds_something(children[0]):
        return Refusal("c14n-with-prefix-list")
    if _holds_something(children[1]):
        # HMACOutputLength and the like: parameters of algorithms that nobody may use here.
        return Refusal("signature-algorithm", {"algorithm": signature_algorithm[:100]})
    read = _read_references(children[2:])
    if isinstance(read, Refusal):
        return read
    digest_algorithm, digest_value, exclusive, second = read
    try:
        canonical = canonical_form(element, inherited, exclusive=C14N_EXCLUSIVE_BY_URI[c14n_algorithm])
    except etree.C14NError:  # a relative namespace URI in scope (Canonical XML 1.0 §1.3)
        return Refusal("not-canonical")
    return SignedInfo(canonical, c14n_algorithm, signature_algorithm, digest_algorithm, digest_value, exclusive, second)


def lift_out(element: etree._Element) -> tuple[etree._Element, dict[str, str]] | None:
    """Return a copy of `element` as the root of its own document, and the xml:* attributes that it inherits.

    The copy declares every namespace in scope. (C14N of a part of a document, as libxml2's binding offers it, leaves
    unused ancestors' namespaces out or writes some twice.) None when it is endless or holds an unresolved entity.
    """
    raw = etree.tostring(element, with_tail=False)  # the serialiser declares what is in scope, used or not
    if len(raw) > SIGNED_INFO_BYTES_MAX:
        return None
    try:
        return etree.fromstring(raw, _PARSER), inherited_xml_attributes(element)
    except etree.XMLSyntaxError:
        return None


def canonical_form(lifted: etree._Element, inherited: dict[str, str], *, exclusive: bool) -> bytes:
    """Return the canonical form of what `lift_out` gave (Canonical XML 1.0 §2.4; Exclusive XML Canonicalization §3)."""
    if not exclusive:
        for name, value in inherited.items():
            if name not in lifted.attrib:
                lifted.set(name, value)
    return etree.tostring(lifted, method="c14n", exclusive=exclusive, with_comments=False)


def _holds_something(element: etree._Element) -> bool:
    return bool(len(element)) or says_something(element.text)


def _elements_only(element: etree._Element) -> bool:
    """Whether there is no comment, no instruction and no stray text between elements.

    A comment inside DigestValue splits its text for one reader and not for another.
    """
    nodes = list(element.iter())
    if len(nodes) != len(list(element.iter("*"))):
        return False
    return not any(len(node) and has_text(node, list(node)) for node in nodes)


def _read_references(
    elements: list[etree._Element],
) -> tuple[str, bytes, bool, SecondReference | None] | Refusal:
    """Read the Reference to the whole document, and the other one if there is one (XMLDSig 1.1 §4.4.3)."""
    if len(elements) > REFERENCES_MAX:
        return Refusal("several-references", {"count": str(len(elements))})
    whole = [element for element in elements if element.get("URI") == ""]
    if len(whole) != 1:
        uri = elements[0].get("URI")
        return Refusal("reference-not-whole", {"uri": "(none)" if uri is None else uri[:100]})
    first = _read_reference(whole[0])
    if isinstance(first, Refusal):
        return first
    exclusive = _exclusive_after_enveloped(first.transforms)
    if isinstance(exclusive, Refusal):
        return exclusive
    second: SecondReference | None = None
    for element in elements:
        if element is not whole[0]:
            other = _read_reference(element)
            if isinstance(other, Refusal):
                return other
            second = other
    return first.digest_algorithm, first.digest_value, exclusive, second


def _read_reference(element: etree._Element) -> SecondReference | Refusal:
    children = list(element)
    transforms: tuple[str, ...] = ()
    if children and children[0].tag == _TRANSFORMS:
        steps = list(children.pop(0))
        if any(step.tag != _TRANSFORM for step in steps):
            return Refusal("signature-structure", {"where": "Transforms"})
        if any(_holds_something(step) for step in steps):
            # XPath, XSLT programs and InclusiveNamespaces stand as children of a Transform.
            return Refusal("transform-not-accepted", {"transforms": _named(steps)})
        transforms = tuple(step.get("Algorithm", "") for step in steps)
    if [child.tag for child in children] != [_DIGEST_METHOD, _DIGEST_VALUE] or len(children[1]):
        return Refusal("signature-structure", {"where": "Reference"})
    if _holds_something(children[0]):
        return Refusal("signature-structure", {"where": "Reference"})
    digest_value = base64text.decode(children[1].text)
    if digest_value is None:
        return Refusal("signature-structure", {"where": "DigestValue"})
    return SecondReference(
        element.get("URI", ""),
        children[0].get("Algorithm", ""),
        digest_value,
        transforms,
    )


def _exclusive_after_enveloped(transforms: tuple[str, ...]) -> bool | Refusal:
    """Return how the document is canonicalised; enveloped-signature comes first, then at most one C14N.

    Without one, inclusive C14N 1.0 turns the node-set into bytes (XMLDSig 1.1 §4.4.3.2).
    """
    match transforms:
        case (first,) if first == ENVELOPED:
            return False
        case (first, second) if first == ENVELOPED and second in C14N_EXCLUSIVE_BY_URI:
            return C14N_EXCLUSIVE_BY_URI[second]
        case _:
            named = ", ".join(uri[:100] for uri in transforms[:4]) or "(none)"
            return Refusal("transform-not-accepted", {"transforms": named})


def inherited_xml_attributes(element: etree._Element) -> dict[str, str]:
    """Return the xml:* attributes that inclusive C14N copies from ancestors (Canonical XML 1.0 §2.4), nearest first."""
    inherited: dict[str, str] = {}
    for above in element.iterancestors():
        for name, value in above.items():
            if str(name).startswith(_XML_ATTRIBUTE):
                inherited.setdefault(str(name), str(value))
    return inherited


def inherits_xml_attributes(element: etree._Element) -> bool:
    """Whether there are any of those; mostly no ancestor has an attribute at all."""
    above = element.getparent()
    while above is not None:
        if above.keys() and inherited_xml_attributes(element):
            return True
        above = above.getparent()
    return False


def _named(steps: list[etree._Element]) -> str:
    return ", ".join(step.get("Algorithm", "")[:100] for step in steps[:4])
