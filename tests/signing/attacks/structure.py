"""Ids, places, additions, comments and keys: what is done to a signed document, or by a signer who means harm."""

from collections.abc import Callable
from itertools import product
from typing import Final

from lxml import etree

from signing.indication import SubIndication
from signing.sign import sign
from tests.signing.attacks.bench import Attack, Bench, Forge, Target, on_both
from tests.signing.attacks.wrapping import CLASSIC, SAML, parse, taken_out, written
from tests.signing.workshop import (
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    NOW,
    digest_of,
    forge,
    reference,
    signed_info,
)
from tests.signing.xades_workshop import TYPE, XADES, forge_xades, signed_properties
from tests.signing.xades_workshop import reference as xades_reference

FORMAT, HASH = SubIndication.FORMAT_FAILURE, SubIndication.HASH_FAILURE
PROFILE: Final = SubIndication.SIG_CONSTRAINTS_FAILURE
BEST_PRACTICES: Final = "W3C XML Signature Best Practices"
XMLDSIG: Final = "XMLDSig 1.1"
IDS: Final = ("Id", "ID", "id", "xml:id")
DUPLICATES: Final = ("alone", "before", "after", "nested", "in-object")


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    """The content with the first `old` replaced; it must be there."""
    if old not in content:
        raise ValueError(f"{old!r} is not in the document")
    return content.replace(old, new, 1)


def changed(old: bytes, new: bytes) -> Forge:
    """The signed document with one thing changed; PLACE stands for the name of the Signature's place."""

    def make(bench: Bench, target: Target) -> bytes:
        place = target.place.encode()
        return replaced(bench.signed(target), old.replace(b"PLACE", place), new.replace(b"PLACE", place))

    return make


def rightly_signed(info: Callable[[str], str]) -> Forge:
    """A document whose own holder signs a SignedInfo that the profile does not know; `info` gets the document."""
    return lambda bench, target: forge(bench.holder, document=bench.template(target), info=info(bench.template(target)))


# --- duplicate Ids ---------------------------------------------------------------------------------------------------


def by_id(attribute: str, duplicate: str) -> Forge:
    """The holder signs the payload by its Id; then another payload with the same Id is put in."""

    def make(bench: Bench, target: Target) -> bytes:
        named = bench.template(target).replace("<NoiDung>", f'<NoiDung {attribute}="nd">', 1)
        transform = f'<Transform Algorithm="{EXCLUSIVE}"/>'
        payload = parse(named.replace("@", "").encode()).find("NoiDung")
        digest = digest_of(etree.tostring(payload, encoding="unicode", with_tail=False), exclusive=True)
        info = signed_info(reference(digest, uri=' URI="#nd"', transforms=transform))
        root = parse(forge(bench.holder, document=named, info=info))
        genuine = root.find("NoiDung")
        evil = parse(target.evil(written(root))).find("NoiDung")
        assert genuine is not None
        assert evil is not None
        if duplicate == "before":
            genuine.addprevious(evil)
        elif duplicate == "after":
            genuine.addnext(evil)
        elif duplicate == "nested":
            root.replace(genuine, evil)
            evil.append(genuine)
        elif duplicate == "in-object":
            root.replace(genuine, evil)
            etree.SubElement(next(root.iter(f"{{{DSIG}}}Signature")), f"{{{DSIG}}}Object").append(genuine)
        return written(root)

    return make


def repeated_xades_id(attribute: str, identity: str, position: str) -> Forge:
    """In XAdES Ids matter: the content repeats one of the Signature's own, before or after it."""

    def make(bench: Bench, target: Target) -> bytes:
        stray, document = f'<GhiChu {attribute}="{identity}"/>', bench.template(target)
        if position == "before":
            return forge_xades(bench.holder, document=document, before=stray)
        return forge_xades(bench.holder, document=document.replace(f"</{target.root}>", f"{stray}</{target.root}>"))

    return make


def second_properties(position: str) -> Forge:
    """Two SignedProperties of the same Id: one is signed, another states a time that nobody signed."""

    def make(bench: Bench, target: Target) -> bytes:
        declared = signed_properties(bench.holder).replace(
            "<x:SignedProperties", f'<x:SignedProperties xmlns:x="{XADES}" xmlns="{DSIG}"', 1
        )
        evil = declared.replace("2026-03-02T", "2020-01-01T").encode()
        content = forge_xades(bench.holder, document=bench.template(target))
        at = {
            "before in the content": (b"<NoiDung>", evil + b"<NoiDung>"),
            "after in the content": (b"</NoiDung>", b"</NoiDung>" + evil),
            "before in the Object": (b"<x:QualifyingProperties", evil + b"<x:QualifyingProperties"),
            "after in the Object": (b"</x:QualifyingProperties>", b"</x:QualifyingProperties>" + evil),
            "before its twin": (b'<x:SignedProperties Id="p">', evil + b'<x:SignedProperties Id="p">'),
            "inside its twin": (b"</x:SignedProperties>", evil + b"</x:SignedProperties>"),
            "in an Object of its own": (b"</Signature>", b"<Object>" + evil + b"</Object></Signature>"),
        }[position]
        return replaced(content, *at)

    return make


PROPERTIES: Final = {
    "before in the content": ("signed-properties-astray", FORMAT),
    "after in the content": ("signed-properties-astray", FORMAT),
    "before in the Object": ("signature-structure", FORMAT),
    "after in the Object": ("signature-structure", FORMAT),
    "before its twin": ("signature-structure", FORMAT),
    "inside its twin": ("signed-properties-astray", FORMAT),
    "in an Object of its own": ("signature-structure", FORMAT),
}


def duplicate_ids() -> list[Attack]:
    kind, made = "duplicate Ids", []
    for attribute, duplicate in product(IDS, DUPLICATES):
        name = f"the payload signed by {attribute}, its double {duplicate}"
        # libxml2 itself holds xml:id to be unique.
        twice = attribute == "xml:id" and duplicate != "alone"
        answer = ("xml-malformed", None) if twice else ("reference-not-whole", PROFILE)
        made += on_both(name, kind, CLASSIC, by_id(attribute, duplicate), *answer)
    for attribute, identity, position in product(IDS, ("s", "p", "r0"), ("before", "after")):
        name = f"XAdES: {attribute}={identity} again {position} the Signature"
        made += on_both(name, kind, SAML, repeated_xades_id(attribute, identity, position), "id-repeated", FORMAT)
    for position, (code, sub) in PROPERTIES.items():
        made += on_both(
            f"XAdES: second SignedProperties {position}", kind, SAML, second_properties(position), code, sub
        )
    return made


# --- moved or second signatures --------------------------------------------------------------------------------------


def moved(where: str, *, keep: bool) -> Forge:
    """The Signature in another place, or a copy of it there."""

    def make(bench: Bench, target: Target) -> bytes:
        root = parse(bench.signed(target))
        original = next(root.iter(f"{{{DSIG}}}Signature"))
        signature = parse(etree.tostring(original, with_tail=False))
        if not keep:
            taken_out(root)
        payload, place = root.find("NoiDung"), root.find(target.place)
        assert payload is not None
        assert place is not None
        {
            "in the payload": lambda: payload.append(signature),
            "before the payload": lambda: payload.addprevious(signature),
            "under the root": lambda: root.append(signature),
            "deeper in its place": lambda: etree.SubElement(place, "Trong").append(signature),
            "in a place in another namespace": lambda: etree.SubElement(root, f"{{urn:khac}}{target.place}").append(
                signature
            ),
            "beside itself": lambda: place.append(signature),
            "in its own Object": lambda: etree.SubElement(original, f"{{{DSIG}}}Object").append(signature),
            "in its own KeyInfo": lambda: original[2].append(signature),
        }[where]()
        return written(root)

    return make


def another_signer(bench: Bench, target: Target) -> bytes:
    """Signed by the holder, and after that by somebody else beside it."""
    content, one = bench.signed(target), bench.other
    theirs = sign(bench.unsigned(target), target.path, one.key, one.certificate, now=NOW)
    begin, end = theirs.index(b"<Signature "), theirs.index(b"</Signature>") + len(b"</Signature>")
    return replaced(content, f"</{target.place}>".encode(), theirs[begin:end] + f"</{target.place}>".encode())


def of_another_document(bench: Bench, target: Target) -> bytes:
    """The holder's own Signature over something else, put under this document."""
    other = target.evil(bench.unsigned(target))
    one = bench.holder
    theirs = sign(other, target.path, one.key, one.certificate, now=NOW)
    begin, end = theirs.index(b"<Signature "), theirs.index(b"</Signature>") + len(b"</Signature>")
    place = target.place.encode()
    return replaced(bench.unsigned(target), b"<" + place + b"/>", b"<%b>%b</%b>" % (place, theirs[begin:end], place))


def signatures() -> list[Attack]:
    kind, made = "moved or second signatures", []
    for where in ("in the payload", "before the payload", "under the root", "deeper in its place"):
        made += on_both(
            f"moved {where}", kind, BEST_PRACTICES, moved(where, keep=False), "signature-misplaced", PROFILE
        )
    made += on_both(
        "moved to a place in another namespace", kind, BEST_PRACTICES,
        moved("in a place in another namespace", keep=False), "signature-misplaced", PROFILE,
    )  # fmt: skip
    for where in (
        "in the payload", "before the payload", "under the root", "in a place in another namespace", "beside itself",
        "in its own Object", "in its own KeyInfo",
    ):  # fmt: skip
        made += on_both(f"a copy {where}", kind, BEST_PRACTICES, moved(where, keep=True), "several-signatures", PROFILE)
    made += on_both("another's beside it", kind, BEST_PRACTICES, another_signer, "several-signatures", PROFILE)
    return made + on_both("of another document", kind, BEST_PRACTICES, of_another_document, "digest-differs*", HASH)


# --- unsigned additions ----------------------------------------------------------------------------------------------

ADDITIONS: Final = {
    "an element in the payload": (b"<NoiDung>", b"<NoiDung><Them/>"),
    "an element before the payload": (b"<NoiDung>", b"<Them/><NoiDung>"),
    "an attribute": (b"<NoiDung>", b'<NoiDung them="1">'),
    "an attribute of XML Schema instances": (
        b"<NoiDung>",
        b'<NoiDung xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true">',
    ),
    "a language": (b"<NoiDung>", b'<NoiDung xml:lang="en">'),
    "a base": (b"<NoiDung>", b'<NoiDung xml:base="http://127.0.0.1/">'),
    "a namespace that nothing uses": (b"<NoiDung>", b'<NoiDung xmlns:t="urn:them">'),
    "another default namespace": (b"<NoiDung>", b'<NoiDung xmlns="urn:khac">'),
    "an instruction in the payload": (b"<NoiDung>", b"<NoiDung><?them nua?>"),
    "an instruction in a text": (b"</NoiDung>", b"<?them?></NoiDung>"),
    "blanks": (b"<NoiDung>", b"<NoiDung> "),
    "a text beside the Signature": (b"<PLACE>", b"<PLACE>them"),
    "a text behind the Signature": (b"</PLACE>", b"them</PLACE>"),
}
STYLESHEET: Final = b'<?xml-stylesheet type="text/xsl" href="http://127.0.0.1/x.xsl"?>'


def additions() -> list[Attack]:
    kind, made = "unsigned additions", []
    for name, (old, new) in ADDITIONS.items():
        made += on_both(f"{name} added", kind, BEST_PRACTICES, changed(old, new), "digest-differs*", HASH)
    made += on_both(
        "an instruction before the root added", kind, "Canonical XML 1.0 §2.2",
        lambda bench, target: replaced(
            bench.signed(target), b"<" + target.root.encode(), STYLESHEET + b"<" + target.root.encode()
        ),
        "digest-differs*", HASH,
    )  # fmt: skip
    made += on_both(
        "an instruction behind the root added", kind, "Canonical XML 1.0 §2.2",
        lambda bench, target: bench.signed(target).rstrip() + STYLESHEET, "digest-differs*", HASH,
    )  # fmt: skip
    made += on_both(
        "an element beside the Signature added", kind, BEST_PRACTICES,
        changed(b"</PLACE>", b"<Them/></PLACE>"), "signature-not-alone", PROFILE,
    )  # fmt: skip
    made += on_both(
        "an element of no kind in the Signature added", kind, XMLDSIG,
        changed(b"</Signature>", b"<Them/></Signature>"), "signature-structure", FORMAT,
    )  # fmt: skip
    for old, new in ((b"</KeyInfo>", b"<MgmtData>x</MgmtData></KeyInfo>"), (b"<SignedInfo>", b"<SignedInfo><Them/>")):
        made += on_both(f"{new.decode()} added", kind, XMLDSIG, changed(old, new), "signature-structure", FORMAT)
    return made


# --- comment tricks --------------------------------------------------------------------------------------------------


def split(element: bytes, mark: bytes) -> Forge:
    """A comment or an instruction in the middle of a text of the Signature: one reader reads half of it."""

    def make(bench: Bench, target: Target) -> bytes:
        content = bench.signed(target)
        at = content.index(b"<" + element + b">") + len(element) + 2 + 8
        return content[:at] + mark + content[at:]

    return make


def comments() -> list[Attack]:
    kind, source, made = "comment tricks in text", "CVE-2017-11427 and others: text cut at a comment", []
    marks = {"a comment": b"<!---->", "an instruction": b"<?a?>"}
    for (name, mark), element in product(
        marks.items(), (b"DigestValue", b"SignatureValue", b"X509Certificate", b"Modulus")
    ):
        made += on_both(
            f"{name} in {element.decode()}", kind, source, split(element, mark), "signature-structure", FORMAT
        )
    made += on_both(
        "an instruction in the content's text", kind, source,
        lambda bench, target: replaced(
            bench.signed(target), target.old, target.old[:-2] + b"<?a?>" + target.old[-2:]
        ),
        "digest-differs*", HASH,
    )  # fmt: skip
    for old in (b"<SignedInfo>", b"<KeyInfo>", b'<Reference URI="">'):
        made += on_both(
            f"a comment in {old.decode()}", kind, source, changed(old, old + b"<!---->"), "signature-structure", FORMAT
        )
    return made


# --- external references, XPath and XSLT -----------------------------------------------------------------------------

URIS: Final = {
    "http": "http://127.0.0.1:9/x.xml",
    "https": "https://127.0.0.1:9/x.xml",
    "file": "file:///etc/hostname",
    "ftp": "ftp://127.0.0.1/x",
    "data": "data:text/xml,&lt;a/&gt;",
    "UNC": "\\\\127.0.0.1\\x",
    "jar": "jar:file:///x.jar!/y",
    "a relative name": "Hoso.xml",
    "a parent folder": "../Hoso.xml",
    "an XPointer to the root": "#xpointer(/)",
    "an XPointer by Id": "#xpointer(id('nd'))",
    "an empty fragment": "#",
    "a blank": " ",
    "a fragment in a name": "Hoso.xml#nd",
    "a query": "?",
    "a CID": "cid:nd",
}


def external() -> list[Attack]:
    kind, made = "external references", []
    for name, uri in URIS.items():
        made += on_both(
            f"Reference to {name}", kind, f"{BEST_PRACTICES} (denial of service, external references)",
            rightly_signed(lambda text, uri=uri: signed_info(reference(digest_of(text), uri=f' URI="{uri}"'))),
            "reference-not-whole", PROFILE,
        )  # fmt: skip
    made += on_both(
        "Reference without a URI", kind, "XMLDSig 1.1 §4.4.3.1",
        rightly_signed(lambda text: signed_info(reference(digest_of(text), uri=""))), "reference-not-whole", PROFILE,
    )  # fmt: skip
    made += on_both(
        "a Manifest instead of the content", kind, "XMLDSig 1.1 §5.1",
        lambda bench, target: forge(
            bench.holder, document=bench.template(target),
            info=signed_info(reference(bytes(32), uri=f' URI="#m" Type="{DSIG}Manifest"', transforms="")),
            objects=f'<Object><Manifest Id="m">{reference(digest_of(bench.template(target)))}</Manifest></Object>',
        ),
        "reference-not-whole", PROFILE,
    )  # fmt: skip
    for name, inside in {
        "RetrievalMethod": '<RetrievalMethod URI="http://127.0.0.1:9/c.cer"/>',
        "KeyInfoReference": '<KeyInfoReference xmlns="http://www.w3.org/2009/xmldsig11#" URI="#k"/>',
    }.items():
        made += on_both(
            f"{name} in KeyInfo", kind, f"{BEST_PRACTICES} (RetrievalMethod)",
            changed(b"<KeyInfo>", f"<KeyInfo>{inside}".encode()), "signature-structure", FORMAT,
        )  # fmt: skip
    return made


XSL: Final = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">'
    "{}</xsl:template></xsl:stylesheet>"
)
TRANSFORMS: Final = {
    "XPath that leaves the payload out": (
        '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
        "<XPath>not(ancestor-or-self::NoiDung)</XPath></Transform>"
    ),
    "XPath that costs (count of everything for everything)": (
        '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
        "<XPath>count(//. | //@* | //namespace::*) &gt; 0</XPath></Transform>"
    ),
    "XPath Filter 2.0": (
        '<Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2">'
        '<XPath xmlns="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">//NoiDung</XPath></Transform>'
    ),
    "XSLT that says what was signed": (
        '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">' + XSL.format("x") + "</Transform>"
    ),
    "XSLT that reads a file": (
        '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">'
        + XSL.format("<xsl:copy-of select=\"document('file:///etc/hostname')\"/>")
        + "</Transform>"
    ),
    "XSLT that never ends": (
        '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">'
        + XSL.format("<xsl:apply-templates select='/'/>")
        + "</Transform>"
    ),
    "base64": f'<Transform Algorithm="{DSIG}base64"/>',
    "decryption": '<Transform Algorithm="http://www.w3.org/2002/07/decrypt#XML"/>',
    "a C14N with comments": f'<Transform Algorithm="{INCLUSIVE}#WithComments"/>',
    "C14N 1.1": '<Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"/>',
    "a PrefixList": (
        f'<Transform Algorithm="{EXCLUSIVE}"><InclusiveNamespaces xmlns="{EXCLUSIVE}" PrefixList="xsi"/></Transform>'
    ),
    "a C14N twice": f'<Transform Algorithm="{INCLUSIVE}"/>' * 2,
    "enveloped-signature twice": ENVELOPED,
    "an empty name": '<Transform Algorithm=""/>',
    "a name with a blank": f'<Transform Algorithm="{INCLUSIVE} "/>',
}


def transforms() -> list[Attack]:
    kind, made = "XPath and XSLT transforms", []
    source = f"{BEST_PRACTICES} (XSLT, XPath, C14N); CVE-2021-40690 (Santuario)"
    for name, one in TRANSFORMS.items():
        for order in ("after", "before"):
            both = ENVELOPED + one if order == "after" else one + ENVELOPED
            if name == "enveloped-signature twice" and order == "before":
                continue
            made += on_both(
                f"{name} {order} enveloped-signature", kind, source,
                rightly_signed(lambda text, both=both: signed_info(reference(digest_of(text), transforms=both))),
                "transform-not-accepted", PROFILE,
            )  # fmt: skip
    for name, transform in (("none", ""), ("a C14N alone", f'<Transform Algorithm="{INCLUSIVE}"/>')):
        made += on_both(
            f"transforms: {name}", kind, "XMLDSig 1.1 §6.6",
            rightly_signed(
                lambda text, one=transform: signed_info(reference(digest_of(text), transforms=one))
            ),
            "transform-not-accepted", PROFILE,
        )  # fmt: skip
    made += on_both(
        "XAdES: an XPath over SignedProperties", kind, source,
        lambda bench, target: forge_xades(
            bench.holder, document=bench.template(target),
            references=lambda one, _: one + xades_reference(
                "#p", bytes(32), kind=TYPE, transforms=TRANSFORMS["XPath that leaves the payload out"]
            ),
        ),
        "transform-not-accepted", PROFILE,
    )  # fmt: skip
    return made


def attacks() -> list[Attack]:
    return [*duplicate_ids(), *signatures(), *additions(), *comments(), *external(), *transforms()]
