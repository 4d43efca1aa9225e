"""Documents that cost: entities, depth, attributes, namespaces, numbers and blanks, far more than anybody needs."""

from collections.abc import Callable
from typing import Final

from signing.indication import SubIndication
from tests.signing.attacks.bench import Attack, Bench, Forge, Target, on_both
from tests.signing.attacks.containers import SIGNATURE_FILE, members
from tests.signing.attacks.structure import replaced
from tests.signing.workshop import digest_of, forge, reference, signed_info
from tests.signing.xades_workshop import forge_xades
from tests.signing.xades_workshop import reference as xades_reference
from tests.signing.zip_forging import Member, build

ENTITIES, DEPTH = "entity and expansion bombs", "depth and attribute bombs"
HASH, FORMAT = SubIndication.HASH_FAILURE, SubIndication.FORMAT_FAILURE
PROFILE: Final = SubIndication.SIG_CONSTRAINTS_FAILURE
LAUGHS: Final = "CVE-2003-1564 (billion laughs); CWE-776"
XXE: Final = "CWE-611 (XXE)"
COST: Final = "W3C XML Signature Best Practices (denial of service); CWE-400"

LOLS: Final = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPES: Final = {
    "billion laughs": (LAUGHS, f"<!DOCTYPE ROOT [{LOLS}]>", "&a9;"),
    "a quadratic entity": (LAUGHS, f'<!DOCTYPE ROOT [<!ENTITY a "{"x" * 100_000}">]>', "&a;" * 10_000),
    "an entity of itself": (LAUGHS, '<!DOCTYPE ROOT [<!ENTITY a "&a;">]>', "&a;"),
    "a file": (XXE, '<!DOCTYPE ROOT [<!ENTITY a SYSTEM "file:///etc/hostname">]>', "&a;"),
    "a page": (XXE, '<!DOCTYPE ROOT [<!ENTITY a SYSTEM "http://127.0.0.1:9/">]>', "&a;"),
    "a parameter entity": (
        XXE,
        '<!DOCTYPE ROOT [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;]>',
        "",
    ),
    "a parameter entity made of another": (
        XXE,
        "<!DOCTYPE ROOT [<!ENTITY % a \"<!ENTITY b 'c'>\"> %a;]>",
        "&b;",
    ),
    "an external subset": (XXE, '<!DOCTYPE ROOT SYSTEM "http://127.0.0.1:9/x.dtd">', ""),
    "a public subset": (XXE, '<!DOCTYPE ROOT PUBLIC "-//X//X" "file:///etc/hostname">', ""),
    "a default attribute": ("Canonical XML 1.0 §2.1", '<!DOCTYPE ROOT [<!ATTLIST NoiDung a CDATA "b">]>', ""),
    "an attribute that is an Id": ("XMLDSig 1.1 §4.4.3.3", "<!DOCTYPE ROOT [<!ATTLIST NoiDung a ID #IMPLIED>]>", ""),
    "an empty declaration": (LAUGHS, "<!DOCTYPE ROOT>", ""),
}


def with_doctype(declared: str, used: str) -> Forge:
    def make(bench: Bench, target: Target) -> bytes:
        content = bench.signed(target)
        content = replaced(content, b"?>", b"?>" + declared.replace("ROOT", target.root).encode())
        return replaced(content, b"<NoiDung>", b"<NoiDung>" + used.encode())

    return make


def in_other_encoding(encoding: str) -> Forge:
    """The declaration hidden from whoever looks for it byte by byte."""

    def make(bench: Bench, target: Target) -> bytes:
        text = with_doctype(*DOCTYPES["billion laughs"][1:])(bench, target).decode()
        return text.replace('encoding="utf-8"', f'encoding="{encoding}"').encode(encoding)

    return make


def entities() -> list[Attack]:
    made: list[Attack] = []
    for name, (source, declared, used) in DOCTYPES.items():
        made += on_both(name, ENTITIES, source, with_doctype(declared, used), "xml-dtd", None)
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"):
        made += on_both(f"billion laughs in {encoding}", ENTITIES, LAUGHS, in_other_encoding(encoding), "xml-*", None)
    made += on_both("an entity that nobody declared", ENTITIES, LAUGHS, inserted(lambda: b"&a;"), "xml-*", None)
    made += on_both(
        "XInclude", ENTITIES, XXE,
        inserted(lambda: b'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/hostname"/>'),
        "digest-differs*", HASH,
    )  # fmt: skip
    return made + on_both(
        "XInclude, 100,000 times", ENTITIES, XXE,
        inserted(lambda: b'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href=""/>' * 100_001),
        "xml-too-many-attributes", None,
    )  # fmt: skip


def inserted(more: object, old: bytes = b"<NoiDung>") -> Forge:
    """The signed document with something put behind `old`."""
    assert callable(more)
    return lambda bench, target: replaced(bench.signed(target), old, old + more())


def attributes(number: int, per_element: int = 0) -> bytes:
    each = per_element or number
    one = b"<a" + b"".join(b' a%d=""' % at for at in range(each)) + b"/>"
    return one * (number // each)


def namespaces(number: int, elements: int) -> bytes:
    """As many declarations in scope of as many elements: inclusive C14N looks at each for each."""
    return b"<a" + b"".join(b' xmlns:a%d="urn:a"' % at for at in range(number)) + b">" + b"<b/>" * elements + b"</a>"


def chain_of_namespaces(depth: int, elements: int) -> bytes:
    heads = b"".join(b'<a xmlns:a%d="urn:a">' % at for at in range(depth))
    return heads + b"<b/>" * elements + b"</a>" * depth


# Not even made into a tree.
NOT_PARSED: Final = {
    "depth 10,000": lambda: b"<a>" * 10_000 + b"</a>" * 10_000,
    "depth 1,000,000": lambda: b"<a>" * 1_000_000 + b"</a>" * 1_000_000,
    "depth 300": lambda: b"<a>" * 300 + b"</a>" * 300,
    "depth 10,000, never closed": lambda: b"<a>" * 10_000,
    "a name of 1 MB": lambda: b"<" + b"a" * 1_000_000 + b"/>",
    "1,000,001 elements": lambda: b"<a/>" * 1_000_001,
    "2,000,000 elements": lambda: b"<a/>" * 2_000_000,
}
# Cheap enough to be digested; and the digest is another.
DIGESTED: Final = {
    "depth 200, often": lambda: (b"<a>" * 200 + b"</a>" * 200) * 500,
    "an attribute of 8 MB": lambda: b'<a b="' + b"x" * 8_000_000 + b'"/>',
    "an attribute of 1 MB of references": lambda: b'<a b="' + b"&#65;" * 200_000 + b'"/>',
    "30,000 elements alike": lambda: b"<b/>" * 30_000,
    "30,000 texts alike": lambda: b"<b>1</b>" * 30_000,
    "5,000 rows": lambda: b"<LaoDong><STT>1</STT><HoTen>A</HoTen><Luong>1</Luong></LaoDong>" * 5_000,
    "100,000 comments in a text": lambda: b"a<!---->" * 100_000,
    "200,000 instructions": lambda: b"<?a?>" * 200_000,
    "a text of 9 MB": lambda: b"x" * 9_000_000,
    "a text of 12 MB": lambda: b"x" * 12_000_000,
    "a text of 8 MB of references": lambda: b"&#65;" * 1_600_000,
    "a text of 1 MB of blanks": lambda: b" " * 1_000_000,
    "a text of 2 MB of line ends": lambda: b"\r\n" * 1_000_000,
    "CDATA, 100,000 times": lambda: b"<![CDATA[x]]>" * 100_000,
}
# Canonical forms sort attributes, and look at every namespace in scope for every element: whatever refuses these, the
# time is what counts.
SORTED: Final = {
    "100,000 attributes": lambda: attributes(100_000),
    "20,000 attributes": lambda: attributes(20_000),
    "5,000 attributes": lambda: attributes(5_000),
    "100,000 attributes on 100 elements": lambda: attributes(100_000, 1_000),
    "100,000 attributes on 1,000 elements": lambda: attributes(100_000, 100),
    "60,000 namespaces": lambda: namespaces(60_000, 0),
    "4,000 namespaces": lambda: namespaces(4_000, 1),
    "1,000 namespaces over 1,000 elements": lambda: namespaces(1_000, 1_000),
    "250 namespaces over 20,000 elements": lambda: namespaces(250, 20_000),
    "60 namespaces over 20,000 elements": lambda: namespaces(60, 20_000),
    "250 namespaces one under another over 2,000 elements": lambda: chain_of_namespaces(250, 2_000),
    "namespaces that alternate": lambda: b'<a xmlns="urn:a"><b xmlns=""/></a>' * 25_000,
}


def content_bombs() -> list[Attack]:
    """Put into a signed document."""
    made: list[Attack] = []
    for bombs, code, sub in ((NOT_PARSED, "xml-*", None), (DIGESTED, "digest-differs*", HASH), (SORTED, "*", None)):
        for name, more in bombs.items():
            made += on_both(name, DEPTH, COST, inserted(more), code, sub)
    return made


def of_signature(bench: Bench, target: Target, number: int) -> bytes:
    signed = bench.signed(target)
    begin, end = signed.index(b"<Signature "), signed.index(b"</Signature>") + len(b"</Signature>")
    return signed[begin:end] * number


def signature_bombs() -> list[Attack]:
    made: list[Attack] = []

    def add(name: str, make: Forge, code: str, sub: SubIndication | None) -> None:
        made.extend(on_both(name, DEPTH, COST, make, code, sub))

    structure = ("signature-structure", FORMAT)
    crowded = ("xml-crowded", None)
    several = ("several-signatures", PROFILE)
    add(
        "500 Signatures",
        lambda bench, target: replaced(
            bench.signed(target), b"<NoiDung>", b"<NoiDung>" + of_signature(bench, target, 500)
        ),
        *several,
    )
    add(
        "100 Signatures in one another",
        lambda bench, target: replaced(
            bench.signed(target), b"<NoiDung>",
            b"<NoiDung>" + of_signature(bench, target, 1)[: -len(b"</Signature>")] * 100 + b"</Signature>" * 100,
        ),
        "*",
        None,
    )  # fmt: skip
    for number, (code, sub) in {
        3: ("several-references", PROFILE),
        20: ("several-references", PROFILE),
        20_000: structure,
    }.items():
        add(
            f"{number} References, signed",
            lambda bench, target, number=number: forge(  # type: ignore[misc]
                bench.holder, document=bench.template(target),
                info=signed_info(reference(digest_of(bench.template(target))) * number),
            ),
            code, sub,
        )  # fmt: skip
    add(
        "XAdES: 1,000 References, signed",
        lambda bench, target: forge_xades(
            bench.holder, document=bench.template(target),
            references=lambda one, two: one + two + xades_reference("#x", bytes(32)) * 1_000,
        ),
        "several-references", PROFILE,
    )  # fmt: skip
    for name, old, more, code, sub in (
        ("20,000 Transforms", b"<Transforms>", b'<Transform Algorithm="urn:x"/>' * 20_000, *structure),
        ("100 Transforms", b"<Transforms>", b'<Transform Algorithm="urn:x"/>' * 100, "transform-not-accepted", PROFILE),
        ("20,000 Objects", b"</KeyInfo>", b"<Object/>" * 20_000, *structure),
        ("9 Objects", b"</KeyInfo>", b"<Object/>" * 9, *structure),
        ("200 KB in an Object", b"</KeyInfo>", b"<Object>" + b"x" * 300_000 + b"</Object>", *structure),
        ("8 MB of blanks in DigestValue", b"<DigestValue>", b" " * 8_000_000, *structure),
        ("8 MB of line ends in SignatureValue", b"<SignatureValue>", b"\n" * 8_000_000, *structure),
        ("8 MB of letters in SignatureValue", b"<SignatureValue>", b"A" * 8_000_000, *structure),
        ("200 KB of letters in SignatureValue", b"<SignatureValue>", b"A" * 200_000, "signature-value*", None),
        ("8 MB of blanks in X509Certificate", b"<X509Certificate>", b" " * 8_000_000, *structure),
        ("200 KB of letters in X509Certificate", b"<X509Certificate>", b"A" * 200_000, "certificate-unreadable", None),
        ("a modulus of 200 KB", b"<Modulus>", b"Q" * 200_000, "key-value-differs", None),
        ("an exponent of 200 KB", b"<Exponent>", b"Q" * 200_000, "key-value-differs", None),
        (
            "2,000 certificates", b"<X509Data>", b"<X509Certificate>AA==</X509Certificate>" * 2_000,
            "no-certificate", None,
        ),
        ("60,000 certificates", b"<X509Data>", b"<X509Certificate/>" * 60_000, *structure),
        ("2,000 namespaces on SignedInfo", b"<SignedInfo", namespaces(2_000, 0)[2 : -len(b"></a>")], *crowded),
        ("a SignedInfo of 20 KB", b"<Reference ", b'Id="' + b"x" * 20_000 + b'" ', *structure),
        ("depth 10,000 in an Object", b"</KeyInfo>", b"<Object>" + b"<a>" * 10_000, "xml-too-deep", None),
    ):  # fmt: skip
        add(name, inserted(lambda more=more: more, old), code, sub)
    return made


def in_signature_file(old: bytes, more: bytes) -> Callable[[Bench], bytes]:
    """The dossier's container with something put behind `old` in its signature file."""

    def make(bench: Bench) -> bytes:
        there = members(bench)
        file = replaced(there[SIGNATURE_FILE].content, old, old + more)
        return build(*(there | {SIGNATURE_FILE: Member(SIGNATURE_FILE, file)}).values())

    return make


def container_bombs() -> list[Attack]:
    """A container's signature file is XML as well."""
    declared = namespaces(80_000, 0)[2 : -len(b"></a>")]
    files = {
        "100,000 attributes in SignedProperties": (b"<xades:SignedSignatureProperties>", attributes(100_000)),
        "100,000 attributes in an Object": (b"</ds:KeyInfo>", b"<ds:Object>" + attributes(100_000) + b"</ds:Object>"),
        "1,000 namespaces over 1,000 elements in SignedProperties": (
            b"<xades:SignedSignatureProperties>",
            namespaces(1_000, 1_000),
        ),
        "80,000 namespaces on the signature file": (b"<asic:XAdESSignatures", declared),
        "80,000 namespaces on its Signature": (b"<ds:Signature", declared),
        "10,000 References": (b"<ds:SignedInfo>", b'<ds:Reference URI="x"/>' * 10_000),
        "depth 10,000 in the signature file": (b"</ds:KeyInfo>", b"<a>" * 10_000 + b"</a>" * 10_000),
    }
    return [
        Attack(
            name=f"{name}, container", kind=DEPTH, source=COST, level="container", make=in_signature_file(*put),
            code="*", sub=None,
        )
        for name, put in files.items()
    ]  # fmt: skip


def attacks() -> list[Attack]:
    return [*entities(), *content_bombs(), *signature_bombs(), *container_bombs()]
