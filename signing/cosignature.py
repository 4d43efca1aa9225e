"""Verification of a document that several signed, one round the other: an I-VAN round its client's signature."""

import copy
from collections.abc import Sequence
from datetime import datetime

from lxml import etree
from msgspec import structs

from signing import xmldsig
from signing.explain import EXPLAINED_BYTES_MAX
from signing.explain_search import Search
from signing.indication import Refusal, Verdict
from signing.judging import Case, Context, refused_instead, verdict_of
from signing.policy import LEVELS, Policy
from signing.revocation import RevocationStore
from signing.trust import TrustStore
from signing.verify import judge_enveloped
from signing.xmldsig import SIGNATURE


def verify_all(
    root: etree._Element,
    places: Sequence[str],
    *,
    file: str,
    policy: Policy,
    trust: TrustStore,
    now: datetime,
    size_bytes: int = 0,
    revocation: RevocationStore | None = None,
    tsa: TrustStore | None = None,
    level: str = LEVELS[0],
    explain: bool = True,
    source: bytes | None = None,
    search: Search | None = None,
) -> tuple[Verdict, ...]:
    """Judge the Signatures of a document at `places`, the outermost first ("/Hoso/CKy_IVAN", "/Hoso/CKy_Dvi").

    A Signature may stand at each place and nowhere else; the last place must hold one, the others need not, and give no
    verdict then: whoever demands a co-signature looks for its place among the verdicts. Each covers the whole document
    with all Signatures further in (XMLDSig 1.1 §6.6.4: enveloped-signature leaves out its own only), so each is judged
    over what those further out left, their emptied elements included. `level` is asked of the last one alone.

    The document passes when every verdict does; then all Signatures have been taken out of the tree, and what remains
    is exactly what the innermost signed. Otherwise the tree is as it was. Under an outer signature that fails, the
    inner ones are still judged, over the document without it, so that each signer is told what is wrong with theirs.
    `explain`, `source` and `search` are `verify`'s: one `search` bounds the work on all Signatures together, `source`
    tells of the outermost alone.
    """
    context = Context(
        policy=policy,
        trust=trust,
        now=now,
        revocation=revocation,
        tsa=tsa,
        explain=explain,
        source=source,
        search=search,
    )
    inner = places[-1]
    outer = [place for place in places[:-1] if _stands_at(root, place)]
    strict = structs.replace(context, level=level)
    if not outer:
        return (judge_enveloped(root, inner, file=file, context=strict, size_bytes=size_bytes),)
    standing = [_place_of(one) for one in root.iter(SIGNATURE)]
    if any(place not in places for place in standing):
        stray = Refusal("signature-undeclared", {"places": ", ".join(places)})
        return (verdict_of(Case(file, outer[0], now), stray, context),)
    verdicts: list[Verdict] = []
    taken: list[tuple[etree._Element, xmldsig.Place]] = []
    order = [*outer, inner]
    for place in order:
        signature = xmldsig.find_signature(root, place)
        if isinstance(signature, Refusal):  # nothing says what it would leave for those further in
            verdicts.append(verdict_of(Case(file, place, now), signature, context))
            break
        stood = xmldsig.place_of(signature)
        others = len(standing) - len(taken) - 1
        asked = strict if place == inner else context
        if taken:  # what came in is not what this one covers: the outer ones are in it
            asked = structs.replace(asked, source=None)
        verdict = judge_enveloped(root, place, file=file, context=asked, size_bytes=size_bytes, others=others)
        if not verdict.passed:
            if explain and verdict.reason_code.startswith("digest-differs") and size_bytes <= EXPLAINED_BYTES_MAX:
                plainly = structs.replace(asked, explain=False)
                verdict = _explained(root, place, order[: len(verdicts)], verdict, plainly, others, size_bytes)
            xmldsig.detach(signature)
        taken.append((signature, stood))
        verdicts.append(verdict)
    if not all(verdict.passed for verdict in verdicts):
        for signature, stood in reversed(taken):
            xmldsig.put_back(signature, stood)
    return tuple(verdicts)


def _explained(
    root: etree._Element,
    place: str,
    outer: list[str],
    verdict: Verdict,
    context: Context,
    others: int,
    size_bytes: int,
) -> Verdict:
    """Say so when the signature holds without the emptied elements of those further out: they came after it."""
    bare = copy.deepcopy(root.getroottree()).getroot()
    emptied = [one for above in outer for one in _elements_at(bare, above) if not len(one) and one is not bare]
    for one in emptied:
        xmldsig.detach(one)
    if not emptied:
        return verdict
    again = judge_enveloped(bare, place, file=verdict.file, context=context, size_bytes=size_bytes, others=others)
    if not again.passed:
        return verdict
    return refused_instead(verdict, Refusal("place-added-after-signing", {"places": ", ".join(outer)}))


def _elements_at(root: etree._Element, path: str) -> list[etree._Element]:
    names = path.split("/")[1:]
    found = [root] if root.tag == names[0] else []
    for name in names[1:]:
        found = [below for one in found for below in one.iterchildren(name)]
    return found


def _stands_at(root: etree._Element, place: str) -> bool:
    return any(next(one.iterchildren(SIGNATURE), None) is not None for one in _elements_at(root, place))


def _place_of(signature: etree._Element) -> str:
    above = [str(one.tag) for one in signature.iterancestors()]
    return "/" + "/".join(reversed(above))
