"""Whatever single byte of a signed document is changed, it does not pass unless what was signed stayed the same."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from signing.demo_pki import Holder
from signing.indication import Indication
from signing.policy import Policy
from signing.trust import TrustStore
from signing.verify import verify
from tests.signing.workshop import DSIG, NOW, PATH, unsigned

PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


def canonical_content(content: bytes) -> bytes:
    """The document without its Signature, worked out here and not by the verifier."""
    root = etree.fromstring(content, PARSER)
    etree.strip_elements(root, f"{{{DSIG}}}Signature", with_tail=False)
    return etree.tostring(root.getroottree(), method="c14n", with_comments=False)


def check(content: bytes, trust: TrustStore, expected: bytes) -> bool:
    try:
        root = etree.fromstring(content, PARSER)
    except etree.XMLSyntaxError:
        return False
    verdict = verify(root, PATH, file="x", policy=Policy(), trust=trust, now=NOW)
    if verdict.passed:
        assert canonical_content(content) == expected
        assert etree.tostring(root.getroottree(), method="c14n", with_comments=False) == expected
    else:
        assert verdict.indication in (Indication.TOTAL_FAILED, Indication.INDETERMINATE)
        assert verdict.reason_vi
    return verdict.passed


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.floats(0, 1, exclude_max=True),
    byte=st.integers(0, 255),
    how=st.sampled_from(["change", "insert", "delete"]),
)
def test_one_byte_changed_anywhere(
    place: float, byte: int, how: str, signed: bytes, trust: TrustStore, holder: Holder
) -> None:
    at = int(place * len(signed))
    after = signed[at:] if how == "insert" else signed[at + 1 :]
    middle = b"" if how == "delete" else bytes([byte])
    check(signed[:at] + middle + after, trust, canonical_content(unsigned()))


def test_every_byte_of_signed_info_and_value_counts(signed: bytes, trust: TrustStore) -> None:
    """One letter for another, at each place where it matters: only blanks and quotes may be spelt otherwise."""
    begin, end = signed.index(b"<SignedInfo>"), signed.index(b"</SignatureValue>")
    expected = canonical_content(unsigned())
    passed = [at for at in range(begin, end) if check(signed[:at] + b"Z" + signed[at + 1 :], trust, expected)]
    assert [signed[at : at + 1] for at in passed] == [b"Z"] * len(passed)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z")), max_size=60))
def test_no_path_no_content_and_no_name_makes_the_verifier_raise(text: str) -> None:
    root = etree.Element("D02-TS")
    etree.SubElement(root, "Cky").text = text
    verdict = verify(root, f"/{text}", file=text, policy=Policy(), trust=TrustStore([]), now=NOW)
    assert verdict.reason_code == "no-signature"
