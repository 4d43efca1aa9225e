"""Signature wrapping: the genuine document is carried along, and another stands where readers look.

Every place in which the genuine one can hide is crossed with every place in which the Signature can stand.
"""

import copy
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

from lxml import etree

from signing.indication import SubIndication
from tests.signing.attacks.bench import SIGNATURE, TARGETS, Attack, Bench, Profile, Target, on_both
from tests.signing.workshop import DSIG

KIND: Final = "signature wrapping"
CLASSIC: Final = "McIntosh & Austel 2005, XML Signature Element Wrapping Attacks"
SAML: Final = "Somorovsky et al. 2012, On Breaking SAML"
XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
HIDDEN: Final = ("whole", "unsigned", "payload")
HIDING: Final = (
    "object-first",
    "object-last",
    "key-info",
    "signed-info",
    "signature-value",
    "before-signature",
    "after-signature",
    "payload-first",
    "payload-last",
    "root-first",
    "root-last",
    "own-element",
    "second-place-before",
    "second-place-after",
    "qualifying-properties",
    "unsigned-properties",
)
IN_CONTENT: Final = ("payload-first", "payload-last", "root-first", "root-last", "own-element")
STANDING: Final = ("place", "hidden", "both", "root", "payload", "top")


def parse(content: bytes) -> etree._Element:
    return etree.fromstring(content)


def written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", with_tail=False)


def taken_out(root: etree._Element) -> etree._Element:
    """Take the only Signature out of its document."""
    signature = next(root.iter(SIGNATURE))
    parent = signature.getparent()
    assert parent is not None
    parent.remove(signature)
    return signature


def wrapped(bench: Bench, target: Target, profile: Profile, hidden: str, hiding: str, standing: str) -> bytes:
    """The evil document, the genuine one or a part of it hidden somewhere in it, the genuine Signature somewhere."""
    genuine = parse(bench.signed(target, profile))
    evil = parse(target.evil(bench.signed(target, profile)))
    signature = taken_out(evil)
    hide = copy.deepcopy(genuine)
    if hidden != "whole":
        taken_out(hide)
    if hidden == "payload":
        hide = hide.find("NoiDung")
        assert hide is not None
    place, payload = evil.find(target.place), evil.find("NoiDung")
    assert place is not None
    assert payload is not None
    if standing in ("place", "both"):
        place.append(signature)
    elif standing == "root":
        evil.append(signature)
    elif standing == "payload":
        payload.insert(0, signature)
    _put(hide, hiding, evil, signature, place, payload)
    if standing == "top":
        top = signature
        etree.SubElement(top, f"{{{DSIG}}}Object").append(evil)
        return written(top)
    return written(evil)


def _put(
    hide: etree._Element,
    hiding: str,
    evil: etree._Element,
    signature: etree._Element,
    place: etree._Element,
    payload: etree._Element,
) -> None:
    inside: dict[str, Callable[[], object]] = {
        "object-first": lambda: _in_object(signature, 3, hide),
        "object-last": lambda: _in_object(signature, len(signature), hide),
        "key-info": lambda: signature[2].append(hide),
        "signed-info": lambda: signature[0].append(hide),
        "signature-value": lambda: signature[1].append(hide),
        "before-signature": lambda: place.insert(0, hide),
        "after-signature": lambda: place.append(hide),
        "payload-first": lambda: payload.insert(0, hide),
        "payload-last": lambda: payload.append(hide),
        "root-first": lambda: evil.insert(0, hide),
        "root-last": lambda: evil.append(hide),
        "own-element": lambda: (box := etree.Element("Goi")).append(hide) or evil.insert(0, box),
        "second-place-before": lambda: _second_place(evil, place, hide, 0),
        "second-place-after": lambda: _second_place(evil, place, hide, len(evil)),
        "qualifying-properties": lambda: _in_xades(signature, "QualifyingProperties").append(hide),
        "unsigned-properties": lambda: _unsigned_properties(signature).append(hide),
    }
    inside[hiding]()


def _in_object(signature: etree._Element, at: int, hide: etree._Element) -> None:
    box = etree.Element(f"{{{DSIG}}}Object")
    box.append(hide)
    signature.insert(at, box)


def _second_place(evil: etree._Element, place: etree._Element, hide: etree._Element, at: int) -> None:
    second = etree.Element(place.tag)
    second.append(hide)
    evil.insert(at, second)


def _in_xades(signature: etree._Element, name: str) -> etree._Element:
    return next(signature.iter(f"{{{XADES}}}{name}"))


def _unsigned_properties(signature: etree._Element) -> etree._Element:
    unsigned = etree.SubElement(_in_xades(signature, "QualifyingProperties"), f"{{{XADES}}}UnsignedProperties")
    return etree.SubElement(unsigned, f"{{{XADES}}}UnsignedSignatureProperties")


def permutations() -> Iterator[tuple[Profile, str, str, str]]:
    """All that make sense: XAdES's own places only in XAdES, and a Signature "hidden" only within the whole genuine."""
    profiles: tuple[Profile, Profile] = ("XMLDSig", "XAdES")
    for profile, hidden, hiding, standing in product(profiles, HIDDEN, HIDING, STANDING):
        in_signature = hiding in HIDING[:5] or hiding.endswith("properties")
        if hiding.endswith("properties") and profile == "XMLDSig":
            continue
        if standing in ("hidden", "both") and hidden != "whole":
            continue
        if standing == "hidden" and in_signature:  # there is no other Signature to hide it in
            continue
        if standing == "place" and hidden == "whole":  # that is "both"
            continue
        yield profile, hidden, hiding, standing


def expected(profile: Profile, hidden: str, hiding: str, standing: str) -> tuple[str, SubIndication]:
    """The reason for which a permutation is refused, from where things stand alone."""
    profile_failure, format_failure = SubIndication.SIG_CONSTRAINTS_FAILURE, SubIndication.FORMAT_FAILURE
    if hidden == "whole" and standing != "hidden":
        # Two Signatures. In XAdES the second repeats the first's Ids, which is seen first where the first is in place.
        apart = standing == "both" and hiding in IN_CONTENT
        return (
            ("id-repeated", format_failure) if apart and profile == "XAdES" else ("several-signatures", profile_failure)
        )
    if standing != "place":
        return "signature-misplaced", profile_failure
    if hiding in ("before-signature", "after-signature"):
        return "signature-not-alone", profile_failure
    if hiding.startswith("second-place"):
        return "signature-place-repeated", profile_failure
    outside_the_digest = ("unsigned-properties",) if profile == "XAdES" else ("object-first", "object-last")
    if hiding in (*IN_CONTENT, *outside_the_digest):
        return "digest-differs*", SubIndication.HASH_FAILURE
    return "signature-structure", format_failure


def under_another_root(order: str, name: str) -> Callable[[Bench, Target], bytes]:
    """A new root above the genuine document and the evil one, side by side."""

    def forge(bench: Bench, target: Target) -> bytes:
        genuine, evil = parse(bench.signed(target)), parse(target.evil(bench.signed(target)))
        taken_out(evil)
        root = etree.Element(name or target.root)
        root.extend([genuine, evil] if order == "genuine-first" else [evil, genuine])
        return written(root)

    return forge


def attacks() -> list[Attack]:
    made = []
    for profile, hidden, hiding, standing in permutations():
        code, sub = expected(profile, hidden, hiding, standing)
        made += [
            Attack(
                name=f"{profile}, {target.name}: genuine {hidden} in {hiding}, Signature {standing}",
                kind=KIND,
                source=SAML if "object" in hiding or standing == "top" else CLASSIC,
                level="form" if target.name == "form" else "envelope",
                make=lambda bench, how=(target, profile, hidden, hiding, standing): wrapped(bench, *how),
                code=code,
                sub=sub,
            )
            for target in TARGETS
        ]
    for order, name in product(("genuine-first", "evil-first"), ("", "Goi", "soap:Envelope")):
        made += on_both(
            f"{order} under another root {name or 'of the same name'}", KIND, CLASSIC,
            under_another_root(order, name.rpartition(":")[2]), "signature-misplaced",
            SubIndication.SIG_CONSTRAINTS_FAILURE,
        )  # fmt: skip
    return made
