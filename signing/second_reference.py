"""The second Reference that one widespread phone-signing kit adds to its SigningTime, and what is wrong with it."""

import copy
import hashlib
from datetime import datetime
from typing import Final

from lxml import etree

from signing.indication import Caution, Refusal
from signing.policy import SECOND_REFERENCE_TO_SIGNING_TIME, Policy
from signing.signed_info import SecondReference
from signing.xmldsig import C14N_EXCLUSIVE_BY_URI, FIXED_CHILDREN

_PROPERTY_NAMES: Final = frozenset({"Object", "SignatureProperties", "SignatureProperty", "SigningTime"})

_TOLERATED: Final = Caution(
    SECOND_REFERENCE_TO_SIGNING_TIME,
    "Chữ ký có thêm tham chiếu tới thời điểm ký; tham chiếu này không được kiểm tra theo chính sách đang áp dụng. "
    "Thời điểm ký chỉ là lời khai.",
    "The signature has a second Reference, to its signing time; under the policy in force it was not checked. The "
    "signing time is a claim.",
)


def judge_second_reference(
    second: SecondReference, signature: etree._Element, *, policy: Policy, now: datetime
) -> Caution | Refusal:
    """Refuse a second Reference with its exact reason, or let it pass with a caution where the policy says so.

    Only a Reference to the SigningTime property inside this very signature can be tolerated: that property is outside
    what is filed, so leaving it unchecked leaves nothing of the dossier unchecked (XMLDSig 1.1 §4.4.3 would have every
    Reference hold; hence it is a named, dated decision of the operator and never the default).
    """
    uri = {"uri": second.uri[:100]}
    target = _signing_time_property(second.uri, signature)
    if target is None:
        return Refusal("second-reference-elsewhere", uri)
    if policy.tolerates(SECOND_REFERENCE_TO_SIGNING_TIME, now):
        return _TOLERATED
    algorithm = policy.accepted_digest(second.digest_algorithm, now)
    if algorithm is None:
        return Refusal("digest-algorithm", {"algorithm": second.digest_algorithm[:100]})
    return Refusal(_fault(second, target, algorithm.hash_name), uri)


def _fault(second: SecondReference, target: etree._Element, hash_name: str) -> str:
    try:
        if second.digest_value == _digest_in_context(target, second, hash_name):
            return "second-reference-signing-time"
        if second.digest_value in _digests_without_context(target, hash_name):
            return "second-reference-without-namespaces"
    except (etree.C14NError, etree.XMLSyntaxError):  # it has no canonical form
        return "second-reference-digest"
    return "second-reference-digest"


def _signing_time_property(uri: str, signature: etree._Element) -> etree._Element | None:
    """Return the one element of the Objects with that Id, if it holds a SigningTime and nothing else."""
    if not uri.startswith("#"):
        return None
    found = [
        node
        for one in list(signature)[FIXED_CHILDREN:]
        for node in one.iter("*")
        if uri[1:] in (node.get("Id"), node.get("ID"), node.get("id"))
    ]
    if len(found) != 1:
        return None
    names = [etree.QName(node).localname for node in found[0].iter("*")]
    return found[0] if names.count("SigningTime") == 1 and _PROPERTY_NAMES.issuperset(names) else None


def _digest_in_context(target: etree._Element, second: SecondReference, hash_name: str) -> bytes:
    """Return the digest by the standard: the subtree with all namespaces in scope (Canonical XML 1.0 §2.4)."""
    exclusive = any(C14N_EXCLUSIVE_BY_URI.get(uri, False) for uri in second.transforms)
    in_context = etree.fromstring(etree.tostring(target, with_tail=False))
    return hashlib.new(hash_name, etree.tostring(in_context, method="c14n", exclusive=exclusive)).digest()


def _digests_without_context(target: etree._Element, hash_name: str) -> set[bytes]:
    alone = copy.deepcopy(target)
    alone.tail = None
    bare = etree.fromstring(etree.tostring(alone))
    etree.cleanup_namespaces(bare)
    return {
        hashlib.new(hash_name, etree.tostring(one, method="c14n", exclusive=exclusive)).digest()
        for one in (alone, bare)
        for exclusive in (False, True)
    }
