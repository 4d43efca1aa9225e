"""XMLDSig 1.1 mechanics for one enveloped signature: find it, read it strictly, canonicalise what it covers."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from lxml import etree
from msgspec import Struct

from signing import base64text
from signing.indication import Refusal

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_DSIG_END: Final = b"#"
DSIG11: Final = "http://www.w3.org/2009/xmldsig11#"
ENVELOPED: Final = DSIG + "enveloped-signature"
C14N_INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
C14N_EXCLUSIVE_BY_URI: Final = {C14N_INCLUSIVE: False, C14N_EXCLUSIVE: True}

FIXED_CHILDREN: Final = 3  # SignedInfo, SignatureValue, KeyInfo; then Objects
OBJECTS_MAX: Final = 8
CERTIFICATES_MAX: Final = 8
STREAM_FROM_BYTES: Final = 4 * 1024 * 1024

_HASHERS: Final = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512, "sha1": hashlib.sha1}

SIGNATURE: Final = f"{{{DSIG}}}Signature"
_SIGNED_INFO: Final = f"{{{DSIG}}}SignedInfo"
_SIGNATURE_VALUE: Final = f"{{{DSIG}}}SignatureValue"
_KEY_INFO: Final = f"{{{DSIG}}}KeyInfo"
_OBJECT: Final = f"{{{DSIG}}}Object"
_KEY_NAME: Final = f"{{{DSIG}}}KeyName"
_KEY_VALUE: Final = f"{{{DSIG}}}KeyValue"
_X509_DATA: Final = f"{{{DSIG}}}X509Data"
_KEY_INFO_CHILDREN: Final = frozenset({_KEY_NAME, _KEY_VALUE, _X509_DATA})
_X509_CERTIFICATE: Final = f"{{{DSIG}}}X509Certificate"
_RSA_KEY_VALUE: Final = f"{{{DSIG}}}RSAKeyValue"
_EC_KEY_VALUE: Final = f"{{{DSIG11}}}ECKeyValue"
_SIGNING_TIME: Final = "{*}SigningTime"


class KeyInfo(Struct, frozen=True):
    """What KeyInfo offers (XMLDSig 1.1 §4.5): certificates as base64 text, and the bare key if there is one.

    `rsa` is (modulus, exponent); `point` is (curve URI, uncompressed point).
    """

    certificates: tuple[str, ...]
    rsa: tuple[bytes, bytes] | None = None
    point: tuple[str, bytes] | None = None


class Parts(Struct, frozen=True):
    """The children of one ds:Signature, in the only order allowed (XMLDSig 1.1 §4.2)."""

    signed_info: etree._Element
    value: bytes
    key_info: etree._Element
    objects: tuple[etree._Element, ...]


def alone_at(root: etree._Element, path: str) -> etree._Element | None:
    """Return the ds:Signature that stands, with no other element, in the one element at `path`, or None.

    Whether Signatures are inside it or elsewhere is not looked at.
    """
    place = root
    names = path.split("/")
    if len(names) == 1 or names[1] != root.tag:
        return None
    for name in names[2:]:
        named = list(place.iterchildren(name)) if name else []
        if len(named) != 1:
            return None
        place = named[0]
    if len(place) != 1:
        return None
    signature = place[0]
    return signature if signature.tag == SIGNATURE else None


def find_signature(root: etree._Element, path: str) -> etree._Element | Refusal:
    """Return the ds:Signature that stands directly in the one element at `path`.

    `path` is like "/Hoso/CKy_Dvi": element names in no namespace, from the root. A second signature anywhere, or one
    elsewhere, is how a signed part is smuggled beside an unsigned one (W3C XML Signature Best Practices, "signature
    wrapping"). That no other Signature is in the rest of the document is known only after `digest_of_rest`: walking
    through all elements to look for one would cost as much again as a tenth of the canonical form.
    """
    signature = alone_at(root, path)
    if signature is None or next(signature.iterdescendants(SIGNATURE), None) is not None:
        return _look_everywhere(root, path)
    return signature


def _look_everywhere(root: etree._Element, path: str) -> etree._Element | Refusal:
    """Return the only Signature of the document if it is in its place, or say what is wrong with where it is."""
    found = list(root.iter(SIGNATURE))
    if not found:
        return Refusal("no-signature", {"path": path})
    if len(found) > 1:
        return Refusal("several-signatures", {"count": str(len(found)), "path": path})
    signature = found[0]
    place = element = signature.getparent()
    for name in path.split("/")[:0:-1]:
        if element is None or element.tag != name:
            return Refusal("signature-misplaced", {"path": path})
        element = element.getparent()
    if element is not None or place is None:
        return Refusal("signature-misplaced", {"path": path})
    if any(len(list(one.iterchildren(below))) > 1 for one, below in _steps(place)):
        return Refusal("signature-place-repeated", {"path": path})
    if len(list(place.iterchildren("*"))) > 1:
        return Refusal("signature-not-alone", {"path": path})
    return signature


def _steps(place: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    """Yield each ancestor of `place` with the name of the step that leads down from it."""
    for above in place.iterancestors():
        yield above, place.tag
        place = above


def take_apart(signature: etree._Element) -> Parts | Refusal:
    """Take a ds:Signature apart: SignedInfo, SignatureValue, KeyInfo, then Objects (XMLDSig 1.1 §4.2).

    KeyInfo, optional in the standard, is needed here. An Object may be in no namespace, as one widespread signing kit
    writes it; whatever Objects hold is claimed and not signed.
    """
    children = list(signature)
    if [child.tag for child in children[:FIXED_CHILDREN]] != [_SIGNED_INFO, _SIGNATURE_VALUE, _KEY_INFO] or len(
        children
    ) > FIXED_CHILDREN + OBJECTS_MAX:
        return Refusal("signature-structure", {"where": "Signature"})
    objects = tuple(children[FIXED_CHILDREN:])
    if any(one.tag not in (_OBJECT, "Object") for one in objects):
        return Refusal("signature-structure", {"where": "Object"})
    if has_text(signature, children):
        return Refusal("signature-structure", {"where": "Signature"})
    value_element = children[1]
    value = None if len(value_element) else base64text.decode(value_element.text)
    if value is None:
        return Refusal("signature-structure", {"where": "SignatureValue"})
    return Parts(children[0], value, children[2], objects)


def read_key_info(element: etree._Element) -> KeyInfo | Refusal:
    """Read KeyName (ignored), at most one KeyValue and exactly one X509Data (XMLDSig 1.1 §4.5).

    Nothing is fetched: RetrievalMethod, KeyInfoReference and other ways to a key are refused. X509SubjectName and its
    like are for people; programs go by the certificate.
    """
    children = {child.tag: child for child in element}
    if len(children) != len(element) or not _KEY_INFO_CHILDREN.issuperset(children):
        return Refusal("signature-structure", {"where": "KeyInfo"})
    certificates = [] if (data := children.get(_X509_DATA)) is None else list(data.iterchildren(_X509_CERTIFICATE))
    if not 1 <= len(certificates) <= CERTIFICATES_MAX:
        return Refusal("no-certificate", {"count": str(len(certificates))})
    if any(len(one) for one in certificates):
        return Refusal("signature-structure", {"where": "X509Certificate"})
    rsa: tuple[bytes, bytes] | None = None
    point: tuple[str, bytes] | None = None
    if (key_value := children.get(_KEY_VALUE)) is not None:
        values = list(key_value)
        if len(values) == 1 and values[0].tag == _RSA_KEY_VALUE:
            rsa = _rsa_key_value(values[0])
        elif len(values) == 1 and values[0].tag == _EC_KEY_VALUE:
            point = _ec_key_value(values[0])
        if rsa is None and point is None:
            return Refusal("signature-structure", {"where": "KeyValue"})
    return KeyInfo(tuple(one.text or "" for one in certificates), rsa, point)


def _rsa_key_value(element: etree._Element) -> tuple[bytes, bytes] | None:
    """Return modulus and exponent without leading zeros (XMLDSig 1.1 §4.5.2.2 and §4.1, CryptoBinary)."""
    children = list(element)
    if [child.tag for child in children] != [f"{{{DSIG}}}Modulus", f"{{{DSIG}}}Exponent"]:
        return None
    modulus, exponent = (None if len(child) else base64text.decode(child.text) for child in children)
    return None if modulus is None or exponent is None else (modulus.lstrip(b"\0"), exponent.lstrip(b"\0"))


def _ec_key_value(element: etree._Element) -> tuple[str, bytes] | None:
    """Return curve and point of an ECKeyValue with a named curve (XMLDSig 1.1 §4.5.2.3)."""
    children = list(element)
    if [child.tag for child in children] != [f"{{{DSIG11}}}NamedCurve", f"{{{DSIG11}}}PublicKey"]:
        return None
    point = None if len(children[1]) else base64text.decode(children[1].text)
    return None if point is None else (children[0].get("URI", ""), point)


def claimed_signing_time(parts: Parts) -> str:
    """Return the SigningTime that the signer's software wrote into an Object, cut to 40 characters, or ""."""
    for one in parts.objects:
        for time in one.iter(_SIGNING_TIME):
            return (time.text or "").strip()[:40]
    return ""


class Place(Struct, frozen=True):
    """Where a Signature stood, so that a refused document can be left as it was found."""

    parent: etree._Element
    previous: etree._Element | None
    before: str | None
    tail: str | None


def place_of(signature: etree._Element) -> Place:
    """Remember where `signature` stands and the texts round it."""
    parent, previous = signature.getparent(), signature.getprevious()
    if parent is None:
        raise ValueError("a root cannot be an enveloped signature")
    return Place(parent, previous, parent.text if previous is None else previous.tail, signature.tail)


def detach(signature: etree._Element) -> Place:
    """Take the Signature out of its tree and leave the text behind it (XMLDSig 1.1 §6.6.4, enveloped-signature).

    Return where it stood.
    """
    place = place_of(signature)
    if place.tail:
        signature.tail = None
        if place.previous is None:
            place.parent.text = (place.before or "") + place.tail
        else:
            place.previous.tail = (place.before or "") + place.tail
    place.parent.remove(signature)
    return place


def put_back(signature: etree._Element, place: Place) -> None:
    """Undo `detach`."""
    if place.previous is None:
        place.parent.insert(0, signature)
        place.parent.text = place.before
    else:
        place.parent.insert(place.parent.index(place.previous) + 1, signature)
        place.previous.tail = place.before
    signature.tail = place.tail


class _Digesting:
    """A file-like thing that only hashes."""

    def __init__(self, name: str) -> None:
        self.digest = _HASHERS[name]()

    def write(self, chunk: bytes) -> int:
        self.digest.update(chunk)
        return len(chunk)


def content_digest(root: etree._Element, hash_name: str, *, exclusive: bool, size_bytes: int = 0) -> bytes:
    """Return the digest of the canonical document that `root` is the root of, without its comments.

    `URI=""` is the whole document, with processing instructions beside the root (XMLDSig 1.1 §4.4.3.3). From
    STREAM_FROM_BYTES on the canonical form is hashed as it is made and never stands in memory; that is 7 % slower.

    Raises lxml.etree.C14NError for what has no canonical form (a relative namespace URI).
    """
    if size_bytes < STREAM_FROM_BYTES:
        canonical = etree.tostring(root.getroottree(), method="c14n", exclusive=exclusive, with_comments=False)
        return _HASHERS[hash_name](canonical).digest()
    sink = _Digesting(hash_name)
    tree = root.getroottree()
    tree.write(cast("BinaryIO", sink), method="c14n", exclusive=exclusive, with_comments=False)
    return sink.digest.digest()


def digest_of_rest(root: etree._Element, hash_name: str, *, exclusive: bool, size_bytes: int = 0) -> tuple[bytes, int]:
    """Return the digest of the document whose Signature is taken out, and how many more Signatures are in it.

    An element of XMLDSig's namespace declares it, or has an ancestor that does, and canonical forms write declarations
    out in full. That name ends in "#", which a form seldom holds; where no "#" occurs in the canonical bytes, no
    Signature does, and one letter is found faster than a name and much faster than an element.
    """
    if size_bytes < STREAM_FROM_BYTES:
        canonical = etree.tostring(root.getroottree(), method="c14n", exclusive=exclusive, with_comments=False)
        digest = _HASHERS[hash_name](canonical).digest()
        if _DSIG_END not in canonical:
            return digest, 0
    else:
        digest = content_digest(root, hash_name, exclusive=exclusive, size_bytes=size_bytes)
    return digest, len(list(root.iter(SIGNATURE)))


def says_something(text: str | None) -> bool:
    """Whether a text is more than the blanks of XML (XML 1.0 §2.3)."""
    return bool(text and text.strip(" \t\r\n"))


def has_text(element: etree._Element, children: list[etree._Element]) -> bool:
    """Whether anything but blanks stands between an element's children."""
    return says_something(element.text) or any(says_something(child.tail) for child in children)
