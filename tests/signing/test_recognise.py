"""A Signature that is recognised by its form is read exactly as one that is read with care, or is not recognised."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from signing import signature
from signing.demo_pki import DemoPki, Holder
from signing.indication import Refusal
from signing.sign import sign
from signing.sign_xades import sign_xades
from signing.signature import ReadSignature, read_signature, recognise
from signing.trust import TrustStore
from signing.xmldsig import alone_at
from tests.signing.workshop import DOCUMENT, DSIG, NOW, PATH, employer, judge, unsigned

PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    signature._known.clear()
    yield
    signature._known.clear()


def signed_at(hours: int, holder: Holder, document: str = DOCUMENT, **how: object) -> bytes:
    """A document of its own, signed that many hours later."""
    content = unsigned(document).replace(b"5310000", str(5310000 + hours).encode())
    return sign(content, PATH, holder.key, holder.certificate, now=NOW + timedelta(hours=hours), **how)


def found(content: bytes, path: str = PATH) -> etree._Element:
    element = alone_at(etree.fromstring(content, PARSER), path)
    assert element is not None
    return element


def same(one: ReadSignature, other: ReadSignature | Refusal) -> None:
    assert isinstance(other, ReadSignature)
    assert one.info == other.info
    assert one.value == other.value
    assert one.certificate == other.certificate
    assert one.signing_time_claimed == other.signing_time_claimed


def prefixed(content: bytes) -> bytes:
    """The same with the prefix ds; nothing that was signed holds any more, and it is read all the same."""
    head, begin, rest = content.partition(b"<Signature ")
    inside, end, tail = (begin + rest).partition(b"</Signature>")
    inside = (inside + end).replace(b"</", b"\0").replace(b"<", b"<ds:").replace(b"\0", b"</ds:")
    return head + inside.replace(b"xmlns=" + f'"{DSIG}"'.encode(), b"xmlns:ds=" + f'"{DSIG}"'.encode()) + tail


@pytest.mark.parametrize(
    "how",
    [{}, {"exclusive": True}, {"digest": "sha512"}, {"algorithm": "rsa-sha384"}],
    ids=str,
)
@pytest.mark.parametrize("shape", [bytes, prefixed], ids=["bare", "prefixed"])
def test_the_second_of_a_form_is_recognised_and_read_as_with_care(
    how: dict[str, object], shape: Callable[[bytes], bytes], holder: Holder
) -> None:
    first, second = (found(shape(signed_at(hours, holder, **how))) for hours in (1, 2))
    assert recognise(first) is None
    read_signature(first)
    known = recognise(second)
    assert known is not None
    assert known.signature is second
    same(known, read_signature(second))


def test_a_value_in_lines_and_an_elliptic_one_are_recognised_too(holder: Holder, pki: DemoPki) -> None:
    elliptic = pki.issue(employer(key="ec-p256"), NOW)
    for one, end in ((holder, b"\n"), (elliptic, b"")):
        first, second = (
            found(signed_at(hours, one).replace(b"</SignatureValue>", end + b"</SignatureValue>")) for hours in (1, 2)
        )
        read_signature(first)
        known = recognise(second)
        assert known is not None
        same(known, read_signature(second))


def test_two_forms_of_one_length_take_turns(holder: Holder, trust: TrustStore) -> None:
    other = DOCUMENT.replace("xmlns:xsd=", "xmlns:xse=")
    for hours in range(1, 5):
        content = signed_at(hours, holder, DOCUMENT if hours % 2 else other)
        assert recognise(found(content)) is None
        assert judge(content, trust).passed
        known = recognise(found(content))
        assert known is not None
        same(known, read_signature(found(content)))
    assert len(signature._known) == 1


def test_where_xml_attributes_are_inherited_nothing_is_recognised(holder: Holder, trust: TrustStore) -> None:
    plain = signed_at(1, holder)
    assert judge(plain, trust).passed
    assert recognise(found(plain)) is not None
    for place in (b"<D02-TS ", b"<Cky"):
        assert recognise(found(plain.replace(place, place.rstrip() + b' xml:lang="vi" ', 1))) is None
    spoken = signed_at(2, holder, DOCUMENT.replace("<D02-TS ", '<D02-TS xml:lang="vi" '))
    assert judge(spoken, trust).passed
    assert recognise(found(spoken)) is None


def test_one_with_another_inside_or_with_several_times_or_with_xades_is_never_remembered(holder: Holder) -> None:
    plain = signed_at(1, holder)
    nested = plain.replace(b"</SignatureProperty>", f'<Signature xmlns="{DSIG}"/></SignatureProperty>'.encode())
    times = plain.replace(b"</SigningTime>", b"</SigningTime><SigningTime>2026-03-02T01:30:00Z</SigningTime>")
    xades = sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW)
    for content in (nested, times, xades):
        read_signature(found(content))
        assert recognise(found(content)) is None
    assert not signature._known


def test_the_phone_signers_shape_names_each_signature_anew_and_is_read_with_care(holder: Holder) -> None:
    first, second = (found(signed_at(hours, holder, smartca=True)) for hours in (1, 2))
    assert isinstance(read_signature(first), ReadSignature)
    assert recognise(second) is None


def test_a_flood_of_forms_costs_no_memory(holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "KNOWN_MAX", 3)
    for length in range(1, 9):
        read_signature(found(signed_at(1, holder).replace(b'Id="proid"', b'Id="' + b"x" * length + b'"')))
        assert len(signature._known) <= 3


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), put=st.sampled_from([*b"A=+/ <>&;\n\"'#0T:-!?\x00\xc3", -1]))
@example(place=0.5, put=-1)
def test_whatever_byte_is_changed_what_is_recognised_is_what_care_reads(place: float, put: int, holder: Holder) -> None:
    signature._known.clear()
    read_signature(found(signed_at(1, holder)))
    content = signed_at(2, holder)
    begin, end = content.index(b"<Cky>"), content.index(b"</Cky>")
    at = begin + int(place * (end - begin))
    changed = content[:at] + (b"" if put < 0 else bytes([put])) + content[at + 1 :]
    try:
        element = alone_at(etree.fromstring(changed, PARSER), PATH)
    except etree.XMLSyntaxError:
        return
    if element is None or (known := recognise(element)) is None:
        return
    signature._known.clear()
    same(known, read_signature(element))
