"""The second Reference of one phone-signing kit: refused with its exact reason, or let pass by a dated decision."""

import hashlib
from datetime import timedelta

import pytest
from lxml import etree

from signing.demo_pki import Holder
from signing.indication import SubIndication
from signing.policy import SECOND_REFERENCE_TO_SIGNING_TIME, Policy, Tolerance
from signing.trust import TrustStore
from tests.signing.workshop import DSIG, NOW, b64, forge, judge, reference, signed_info

OBJECT = (
    '<Object xmlns=""><SignatureProperties Id="proid"><SignatureProperty Target="#sigid">'
    '<SigningTime xmlns="http://example.org/#signatureProperties">2026-03-02T08:30:00Z</SigningTime>'
    "</SignatureProperty></SignatureProperties></Object>"
)
PROPERTY = OBJECT[len('<Object xmlns="">') : -len("</Object>")]
TOLERANT = Policy(
    id="tolerant",
    tolerances=(Tolerance(name=SECOND_REFERENCE_TO_SIGNING_TIME, until=NOW + timedelta(days=30), why="a named kit"),),
)


def digest_without_namespaces() -> bytes:
    """What the kit computes: the property as if it stood alone."""
    return hashlib.sha256(etree.tostring(etree.fromstring(PROPERTY), method="c14n")).digest()


def digest_by_the_standard() -> bytes:
    declared = (
        '<SignatureProperties xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    )
    in_context = PROPERTY.replace("<SignatureProperties", declared, 1)
    return hashlib.sha256(etree.tostring(etree.fromstring(in_context), method="c14n")).digest()


def with_second(
    holder: Holder, digest: bytes, *, uri: str = "#proid", objects: str = OBJECT, first: bool = False
) -> bytes:
    second = (
        f'<Reference URI="{uri}"><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<DigestValue>{b64(digest)}</DigestValue></Reference>"
    )
    both = second + reference() if first else reference() + second
    return forge(holder, info=signed_info(both), objects=objects)


@pytest.mark.parametrize("first", [False, True])
def test_the_kits_reference_is_refused_and_the_reason_names_the_fault(
    first: bool, holder: Holder, trust: TrustStore
) -> None:
    verdict = judge(with_second(holder, digest_without_namespaces(), first=first), trust)
    assert verdict.sub_indication is SubIndication.HASH_FAILURE
    assert verdict.reason_code == "second-reference-without-namespaces"
    assert "#proid" in verdict.reason_vi


def test_a_second_reference_that_is_right_by_the_standard_is_outside_the_profile(
    holder: Holder, trust: TrustStore
) -> None:
    verdict = judge(with_second(holder, digest_by_the_standard()), trust)
    assert verdict.sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE
    assert verdict.reason_code == "second-reference-signing-time"


def test_a_second_reference_that_fits_nothing(holder: Holder, trust: TrustStore) -> None:
    verdict = judge(with_second(holder, bytes(32)), trust)
    assert verdict.reason_code == "second-reference-digest"


def test_a_property_without_a_canonical_form(holder: Holder, trust: TrustStore) -> None:
    odd = OBJECT.replace("<SignatureProperty ", '<SignatureProperty xmlns:r="tuong-doi" ')
    verdict = judge(with_second(holder, bytes(32), objects=odd), trust)
    assert verdict.reason_code == "second-reference-digest"


def test_the_operator_may_let_it_pass_until_a_day_and_the_verdict_cautions(holder: Holder, trust: TrustStore) -> None:
    content = with_second(holder, digest_without_namespaces())
    verdict = judge(content, trust, policy=TOLERANT)
    assert verdict.passed
    assert verdict.policy == "tolerant"
    assert [caution.code for caution in verdict.cautions] == [SECOND_REFERENCE_TO_SIGNING_TIME]
    late = judge(content, trust, policy=TOLERANT, now=NOW + timedelta(days=30, seconds=1))
    assert late.reason_code == "second-reference-without-namespaces"


def test_nothing_else_is_let_pass_with_it(holder: Holder, trust: TrustStore) -> None:
    changed = with_second(holder, digest_without_namespaces()).replace(b"5310000", b"9310000")
    assert judge(changed, trust, policy=TOLERANT).reason_code == "digest-differs"
    other = Policy(tolerances=(Tolerance(name="something-else", until=NOW + timedelta(days=1)),))
    content = with_second(holder, digest_without_namespaces())
    assert judge(content, trust, policy=other).reason_code == "second-reference-without-namespaces"


@pytest.mark.parametrize(
    ("uri", "objects"),
    [
        ("#noidung", OBJECT),
        ("http://127.0.0.1/", OBJECT),
        ("#proid", ""),
        ("#proid", OBJECT + OBJECT),
        ("#proid", OBJECT.replace("SigningTime", "KhacHan")),
        ("#proid", OBJECT.replace("</SignatureProperty>", "<Them/></SignatureProperty>")),
        ("#proid", OBJECT.replace("</SignatureProperties>", "</SignatureProperties><Manifest/>").replace("Id=", "X=")),
        ("#sigid", OBJECT),
    ],
)
def test_only_the_signing_time_of_this_signature_can_be_let_pass(
    uri: str, objects: str, holder: Holder, trust: TrustStore
) -> None:
    content = with_second(holder, digest_without_namespaces(), uri=uri, objects=objects)
    for policy in (Policy(), TOLERANT):
        verdict = judge(content, trust, policy=policy)
        assert verdict.sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE
        assert verdict.reason_code == "second-reference-elsewhere"


def test_a_weak_digest_in_the_second_reference_is_not_run(holder: Holder, trust: TrustStore) -> None:
    info = signed_info(reference() + reference(bytes(20), uri=' URI="#proid"', method=f"{DSIG}sha1"))
    content = forge(holder, info=info, objects=OBJECT)
    assert judge(content, trust).reason_code == "digest-algorithm"
