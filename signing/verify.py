"""Verification of one enveloped signature, in the numbered steps of ETSI EN 319 102-1."""

from datetime import datetime
from typing import Final

from lxml import etree

from signing import xmldsig
from signing.explain import explain_digest
from signing.explain_search import Search
from signing.explain_value import explain_other_key, explain_value
from signing.indication import Caution, Refusal, Verdict
from signing.judging import (
    Case,
    Context,
    accepted_algorithms,
    check_level,
    check_revocation,
    check_value,
    judge_certificate,
    judge_properties,
    legacy_cautions,
    missing_data,
    verdict_of,
)
from signing.policy import LEVELS, Algorithm, Policy
from signing.revocation import RevocationStore
from signing.second_reference import judge_second_reference
from signing.signature import ReadSignature, read_signature, recognise
from signing.signed_info import SignedInfo
from signing.trust import TrustStore
from signing.xades_read import ReadXades, read_xades, refers_to_signed_properties

# Refusals for what KeyInfo holds: whose key it was that signed may tell more.
_OF_KEY_INFO: Final = frozenset({"key-value-differs", "several-certificates"})

__all__ = ["Context", "Policy", "check_value", "judge_enveloped", "verify"]


def verify(
    root: etree._Element,
    path: str,
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
) -> Verdict:
    """Judge the one ds:Signature of the document, which must stand at `path` (like "/Hoso/CKy_Dvi").

    `root` is the root of a document that was parsed without a DTD. On TOTAL_PASSED the Signature has been taken out of
    the tree, the text behind it kept: what remains is exactly what was signed. Otherwise the tree is as it was. `now`
    is the instant at which the signature is known to exist; `size_bytes`, the document's length if known, lets a large
    one be hashed in a stream. `revocation` is what is known about revocation; asked only when the policy demands it.
    `tsa` are the anchors of time-stamp authorities: a time-stamp that holds moves the instant of judgement back to its
    own. `level` is the least level that is asked for, of `policy.LEVELS`.

    When the content or the value does not hold, the cause is looked for unless `explain` is false, which takes some
    tens of milliseconds (`explain.explain_digest`): `source` are the document's bytes as received, `search` the budget
    that several documents share. It changes nothing in the indication.

    Order: EN 319 102-1 v1.3.1 §5.3.4 and §5.5.4, except that accepted algorithms (§5.2.8) come before they are used,
    and that a refused certificate does not keep content from being checked: changed content is TOTAL_FAILED whoever
    signed it. Never raises for a bad document or signature; judging again gives the same verdict for the same `now`.
    """
    context = Context(
        policy=policy,
        trust=trust,
        now=now,
        revocation=revocation,
        tsa=tsa,
        level=level,
        explain=explain,
        source=source,
        search=search,
    )
    return judge_enveloped(root, path, file=file, context=context, size_bytes=size_bytes)


def judge_enveloped(
    root: etree._Element, path: str, *, file: str, context: Context, size_bytes: int = 0, others: int = 0
) -> Verdict:
    """Do what `verify` does, where exactly `others` more Signatures are known to stand elsewhere in the document."""
    case = Case(file, path, context.now)
    refusal = _read(case, root)
    if refusal is None:
        refusal = _judge(case, root, context, size_bytes=size_bytes, others=others)
    elif context.explain and refusal.code in _OF_KEY_INFO:
        signature = xmldsig.find_signature(root, path)
        refusal = (None if isinstance(signature, Refusal) else explain_other_key(signature)) or refusal
    return verdict_of(case, refusal, context)


def _read(case: Case, root: etree._Element) -> Refusal | None:
    """Steps (1) format checking (§5.2.2) and (2) identification of the signing certificate (§5.2.3).

    Nearly all signatures look like one that was read with care before. Nearly all others are plain XMLDSig; what has
    more References than one is looked at again.
    """
    if (alone := xmldsig.alone_at(root, case.path)) is not None and (known := recognise(alone)) is not None:
        case.read = known
        return None
    signature = xmldsig.find_signature(root, case.path)
    if isinstance(signature, Refusal):
        return signature
    read = read_signature(signature)
    if (isinstance(read, Refusal) or read.info.second is not None) and refers_to_signed_properties(signature):
        xades = read_xades(signature)
        if isinstance(xades, Refusal):
            return xades
        case.xades = xades
        read = _whole_document(xades)
    if isinstance(read, Refusal):
        return read
    case.read = read
    return None


def _whole_document(xades: ReadXades) -> ReadSignature | Refusal:
    """Return an enveloped XAdES signature as the profile knows signatures: one Reference, to the whole document."""
    if len(xades.references) != 1:
        return Refusal("several-references", {"count": str(len(xades.references) + len(xades.own_parts))})
    whole = xades.references[0]
    if whole.uri != "":
        return Refusal("reference-not-whole", {"uri": "(none)" if whole.uri is None else whole.uri[:100]})
    match whole.transforms:
        case (first,) if first == xmldsig.ENVELOPED:
            exclusive = False
        case (first, second) if first == xmldsig.ENVELOPED and second in xmldsig.C14N_EXCLUSIVE_BY_URI:
            exclusive = xmldsig.C14N_EXCLUSIVE_BY_URI[second]
        case _:
            return Refusal("transform-not-accepted", {"transforms": ", ".join(whole.transforms[:4]) or "(none)"})
    info = SignedInfo(
        canonical=xades.canonical,
        c14n_algorithm=xades.c14n_algorithm,
        signature_algorithm=xades.signature_algorithm,
        digest_algorithm=whole.digest_algorithm,
        digest_value=whole.digest_value,
        exclusive=exclusive,
    )
    return ReadSignature(xades.signature, info, xades.value, xades.certificate, xades.properties.signing_time)


def _judge(case: Case, root: etree._Element, context: Context, *, size_bytes: int, others: int) -> Refusal | None:
    read, policy, now = case.read, context.policy, context.now
    if read is None:
        raise AssertionError("a signature is read before it is judged")
    signature = read.signature

    # (3) The validation context (§5.2.4) is policy, trust and now. Its cryptographic constraints (§5.2.8) come first:
    #     an algorithm that is not accepted is not run.
    algorithms = accepted_algorithms(read.info, read.certificate, policy, now)
    if isinstance(algorithms, Refusal):
        return algorithms
    by, digested_by = algorithms
    if policy.legacy_until is not None:
        case.cautions = legacy_cautions(read, case.xades, algorithms, context)

    # (4) Time-stamps on the value tell the best signature time (§5.5.4); X.509 certificate validation (§5.2.6) as of
    #     then. A refusal waits until the content has been checked.
    judged = None if case.xades is None else judge_properties(case, context)
    certified = judge_certificate(case, context)

    # (5) Cryptographic verification (§5.2.7; XMLDSig 1.1 §3.2): first the digest of the content, then the value.
    # (6) Signature acceptance (§5.2.8): the profile has one Reference. It is read while the Signature has its context.
    references = _accept_references(read, policy, now)
    place = xmldsig.detach(signature)
    refusal = (
        _check_digest(case, root, digested_by, context, size_bytes=size_bytes, others=others)
        or (judged.own_parts if judged else None)
        or _check_value(read, by, root, context)
        or (judged.acceptance if judged else None)
        or certified
        or (references if isinstance(references, Refusal) else None)
        or (check_revocation(case, context) if case.revocation else None)
        or (None if context.level == LEVELS[0] else check_level(case, context))
        or missing_data(case)
    )
    if isinstance(references, Caution):
        case.cautions = (*case.cautions, references)
    if refusal is not None:
        xmldsig.put_back(signature, place)
    return refusal


def _accept_references(read: ReadSignature, policy: Policy, now: datetime) -> Caution | Refusal | None:
    second = read.info.second
    return None if second is None else judge_second_reference(second, read.signature, policy=policy, now=now)


def _check_value(read: ReadSignature, by: Algorithm, root: etree._Element, context: Context) -> Refusal | None:
    """Check the value over SignedInfo (XMLDSig 1.1 §3.2.2), and look for the cause when it does not hold."""
    refusal = check_value(read.info.canonical, read.value, read.certificate.key, by.hash_name)
    if refusal is None or not context.explain:
        return refusal
    return explain_value(read, by.hash_name, root=root, source=context.source) or refusal


def _check_digest(
    case: Case, root: etree._Element, algorithm: Algorithm, context: Context, *, size_bytes: int, others: int
) -> Refusal | None:
    """Compare the content's digest with the Reference's (XMLDSig 1.1 §3.2.1), and count the Signatures left."""
    if case.read is None:
        raise AssertionError("a signature is read before it is judged")
    info, name = case.read.info, algorithm.hash_name
    try:
        digest, found = xmldsig.digest_of_rest(root, name, exclusive=info.exclusive, size_bytes=size_bytes)
    except etree.C14NError:
        return Refusal("not-canonical")
    if found != others:
        return Refusal("several-signatures", {"count": str(found + 1), "path": case.path})
    if digest == info.digest_value:
        return None
    if not context.explain:
        return Refusal("digest-differs")
    return explain_digest(root, info, name, source=context.source, size_bytes=size_bytes, search=context.search)
