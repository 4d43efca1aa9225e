"""A document that an I-VAN signed round its client's signature."""

import pytest
from lxml import etree

from signing.cosignature import verify_all
from signing.demo_pki import DemoPki, Holder
from signing.explain_search import HASHED_BYTES_MAX, Search
from signing.indication import SubIndication, Verdict
from signing.policy import LEVELS, Policy
from signing.sign import sign
from signing.sign_xades import sign_xades
from signing.trust import TrustStore
from tests.signing.workshop import NOW, refused

OUTER, INNER = "/Hoso/CKy_IVAN", "/Hoso/CKy_Dvi"
PLACES = (OUTER, INNER)
DOSSIER = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<Hoso xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    b"  <NoiDung><Luong>5310000</Luong></NoiDung>\n  <CKy_Dvi/>\n  <CKy_IVAN/>\n</Hoso>"
)


@pytest.fixture
def ivan(pki: DemoPki) -> Holder:
    return pki.employers["other"]


def cosigned(holder: Holder, ivan: Holder, *, inner=sign, outer=sign, document: bytes = DOSSIER) -> bytes:
    once = inner(document, INNER, holder.key, holder.certificate, now=NOW)
    return outer(once, OUTER, ivan.key, ivan.certificate, now=NOW)


def judge(
    content: bytes, trust: TrustStore, *, places: tuple[str, ...] = PLACES, level: str = LEVELS[0]
) -> tuple[Verdict, ...]:
    return verify_all(
        etree.fromstring(content), places, file="Hoso", policy=Policy(), trust=trust, now=NOW, level=level
    )


@pytest.mark.parametrize("outer", [sign, sign_xades])
@pytest.mark.parametrize("inner", [sign, sign_xades])
def test_both_pass_the_outermost_first_and_what_remains_is_what_the_unit_signed(
    inner: object, outer: object, holder: Holder, ivan: Holder, trust: TrustStore
) -> None:
    root = etree.fromstring(cosigned(holder, ivan, inner=inner, outer=outer))
    verdicts = verify_all(root, PLACES, file="Hoso", policy=Policy(), trust=trust, now=NOW)
    assert [(one.path, one.passed) for one in verdicts] == [(OUTER, True), (INNER, True)]
    assert [one.signer.common_name for one in verdicts if one.signer] == [
        "CÔNG TY CỔ PHẦN CƠ KHÍ MẪU CỬU LONG",
        "CÔNG TY TNHH MAY MẪU SÔNG HỒNG",
    ]
    assert etree.tostring(root) == etree.tostring(etree.fromstring(DOSSIER))


def test_the_outer_one_may_stand_before_the_inner_in_the_document(
    holder: Holder, ivan: Holder, trust: TrustStore
) -> None:
    swapped = (
        DOSSIER.replace(b"<CKy_Dvi/>", b"<X/>").replace(b"<CKy_IVAN/>", b"<CKy_Dvi/>").replace(b"<X/>", b"<CKy_IVAN/>")
    )
    assert all(one.passed for one in judge(cosigned(holder, ivan, document=swapped), trust))


def test_without_a_co_signature_there_is_one_verdict(holder: Holder, trust: TrustStore) -> None:
    once = sign(DOSSIER, INNER, holder.key, holder.certificate, now=NOW)
    assert [(one.path, one.passed) for one in judge(once, trust)] == [(INNER, True)]
    assert [one.reason_code for one in judge(DOSSIER, trust)] == ["no-signature"]


def test_a_co_signature_alone_leaves_the_unit_unsigned(ivan: Holder, trust: TrustStore) -> None:
    alone = sign(DOSSIER, OUTER, ivan.key, ivan.certificate, now=NOW)
    outer, inner = judge(alone, trust)
    assert outer.passed
    refused(inner, SubIndication.FORMAT_FAILURE, "no-signature")


def test_one_place_refuses_what_two_would_accept(holder: Holder, ivan: Holder, trust: TrustStore) -> None:
    (only,) = judge(cosigned(holder, ivan), trust, places=(INNER,))
    refused(only, SubIndication.SIG_CONSTRAINTS_FAILURE, "several-signatures")


def test_the_order_of_places_is_the_order_of_signing(holder: Holder, ivan: Holder, trust: TrustStore) -> None:
    verdicts = judge(cosigned(holder, ivan), trust, places=(INNER, OUTER))
    assert [one.path for one in verdicts] == [INNER, OUTER]
    assert not verdicts[0].passed


def test_content_changed_after_the_unit_signed_and_then_co_signed(
    holder: Holder, ivan: Holder, trust: TrustStore
) -> None:
    once = sign(DOSSIER, INNER, holder.key, holder.certificate, now=NOW).replace(b"5310000", b"9310000")
    outer, inner = judge(sign(once, OUTER, ivan.key, ivan.certificate, now=NOW), trust)
    assert outer.passed
    assert inner.sub_indication is SubIndication.HASH_FAILURE


def test_an_outer_one_that_fails_does_not_hide_what_the_inner_says_and_the_tree_stays(
    holder: Holder, ivan: Holder, trust: TrustStore
) -> None:
    content = cosigned(holder, ivan)
    begin = content.index(b"<CKy_IVAN>")
    at = content.index(b"<SignatureValue>", begin) + len(b"<SignatureValue>") + 10
    broken = content[:at] + (b"B" if content[at : at + 1] == b"A" else b"A") + content[at + 1 :]
    root = etree.fromstring(broken)
    before = etree.tostring(root)
    outer, inner = verify_all(root, PLACES, file="Hoso", policy=Policy(), trust=trust, now=NOW)
    refused(outer, SubIndication.SIG_CRYPTO_FAILURE, "signature-value")
    assert inner.passed
    assert etree.tostring(root) == before
    both = etree.fromstring(broken.replace(b"5310000", b"1"))
    before = etree.tostring(both)
    verdicts = verify_all(both, PLACES, file="Hoso", policy=Policy(), trust=trust, now=NOW)
    assert [one.sub_indication for one in verdicts] == [SubIndication.HASH_FAILURE] * 2
    assert etree.tostring(both) == before


def test_the_units_signature_replaced_under_the_co_signature(
    holder: Holder, elliptic: Holder, ivan: Holder, trust: TrustStore
) -> None:
    """Somebody else's signature put in the unit's place breaks the one round it."""
    one, other = cosigned(holder, ivan), sign(DOSSIER, INNER, elliptic.key, elliptic.certificate, now=NOW)
    ours = one[one.index(b"<CKy_Dvi>") : one.index(b"</CKy_Dvi>")]
    theirs = other[other.index(b"<CKy_Dvi>") : other.index(b"</CKy_Dvi>")]
    outer, inner = judge(one.replace(ours, theirs), trust)
    assert outer.sub_indication is SubIndication.HASH_FAILURE
    assert inner.passed


def test_a_signature_anywhere_else_is_refused(holder: Holder, ivan: Holder, trust: TrustStore) -> None:
    content = cosigned(holder, ivan)
    begin, end = content.index(b"<Signature "), content.index(b"</Signature>") + len(b"</Signature>")
    stray = content.replace(b"<NoiDung>", b"<NoiDung>" + content[begin:end], 1)
    (only,) = judge(stray, trust)
    refused(only, SubIndication.SIG_CONSTRAINTS_FAILURE, "signature-undeclared")
    assert OUTER in only.reason_vi
    nested = content.replace(b"<Object>", b"<Object>" + content[begin:end], 1)
    assert judge(nested, trust)[0].reason_code == "signature-undeclared"


@pytest.mark.parametrize("place", [b"CKy_IVAN", b"CKy_Dvi"])
def test_a_place_that_is_there_twice_or_shared(place: bytes, holder: Holder, ivan: Holder, trust: TrustStore) -> None:
    content = cosigned(holder, ivan)
    twice = content.replace(b"</Hoso>", b"<" + place + b"/></Hoso>")
    assert not all(one.passed for one in judge(twice, trust))
    shared = content.replace(b"</" + place + b">", b"<X/></" + place + b">")
    assert not all(one.passed for one in judge(shared, trust))
    doubled = content.replace(
        b"<" + place + b">", b"<" + place + b"><Signature xmlns='http://www.w3.org/2000/09/xmldsig#'/>"
    )
    assert not all(one.passed for one in judge(doubled, trust))


def test_the_level_is_asked_of_the_unit_alone(holder: Holder, ivan: Holder, trust: TrustStore) -> None:
    assert all(one.passed for one in judge(cosigned(holder, ivan, inner=sign_xades), trust, level=LEVELS[1]))
    outer, inner = judge(cosigned(holder, ivan, outer=sign_xades), trust, level=LEVELS[1])
    assert outer.passed
    refused(inner, SubIndication.SIG_CONSTRAINTS_FAILURE, "level-too-low")


def test_a_place_made_after_the_unit_signed_is_named_as_the_cause(
    holder: Holder, ivan: Holder, trust: TrustStore
) -> None:
    bare = DOSSIER.replace(b"<CKy_IVAN/>", b"")
    outer, inner = judge(cosigned(holder, ivan, document=bare), trust)
    assert outer.passed
    refused(inner, SubIndication.HASH_FAILURE, "place-added-after-signing")
    assert OUTER in inner.reason_vi
    changed = sign(bare, INNER, holder.key, holder.certificate, now=NOW).replace(b"5310000", b"9310000")
    outer, inner = judge(sign(changed, OUTER, ivan.key, ivan.certificate, now=NOW), trust)
    assert inner.reason_code != "place-added-after-signing"
    assert not inner.passed


def test_causes_are_looked_for_only_where_that_is_asked_for(holder: Holder, ivan: Holder, trust: TrustStore) -> None:
    """The place for the co-signature came after the unit had signed; and, apart from that, a number was changed."""
    later = sign(DOSSIER.replace(b"  <CKy_IVAN/>\n", b""), INNER, holder.key, holder.certificate, now=NOW)
    later = later.replace(b"</Hoso>", b"  <CKy_IVAN/>\n</Hoso>")
    added = sign(later, OUTER, ivan.key, ivan.certificate, now=NOW)
    changed = cosigned(holder, ivan).replace(b"<Luong>5310000</Luong>", b"<Luong>5.310.000</Luong>")
    for content in (added, changed):
        codes = {}
        for explain in (False, True):
            search = Search()
            more = {"explain": explain, "source": content, "search": search, "size_bytes": len(content)}
            root = etree.fromstring(content)
            verdicts = verify_all(root, PLACES, file="Hoso", policy=Policy(), trust=trust, now=NOW, **more)
            codes[explain] = [one.reason_code for one in verdicts]
            assert [one.indication for one in verdicts] == [one.indication for one in judge(content, trust)]
            assert (search.bytes_left < HASHED_BYTES_MAX) is explain
        assert codes[False][-1] == "digest-differs"
        assert codes[True][-1] != "digest-differs"
        assert codes[True] == [one.reason_code for one in judge(content, trust)]
