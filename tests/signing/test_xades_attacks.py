"""Forged XAdES signatures: wrapped, doubled, substituted, cut short. Each is refused, and by its reason."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from signing.asn1 import issuer_serial
from signing.demo_pki import DemoPki, Holder
from signing.indication import SubIndication
from signing.sign_xades import sign_xades
from signing.trust import TrustStore
from tests.signing.workshop import (
    DSIG,
    ENVELOPED,
    NOW,
    PATH,
    b64,
    digest_of,
    employer,
    key_info,
    refused,
    rsa_sha256,
    unsigned,
)
from tests.signing.xades_workshop import (
    TIME,
    TYPE,
    XADES,
    canonical,
    cert_digest,
    forge_xades,
    judge_xades,
    qualifying,
    reference,
    signed_properties,
    signing_certificate,
)

FORMAT_FAILURE, HASH = SubIndication.FORMAT_FAILURE, SubIndication.HASH_FAILURE
PROFILE, SIGNER = SubIndication.SIG_CONSTRAINTS_FAILURE, SubIndication.NO_SIGNING_CERTIFICATE_FOUND
ASTRAY = (FORMAT_FAILURE, "signed-properties-astray")
STRUCTURE = (FORMAT_FAILURE, "signature-structure")
UNSIGNED = "<x:UnsignedProperties>@</x:UnsignedProperties>"
DECLARED = f' xmlns:x="{XADES}" xmlns="{DSIG}"'


def test_signed_properties_changed_after_signing(holder: Holder, trust: TrustStore) -> None:
    changed = forge_xades(holder).replace(b"2026-03-02T01:30:00Z", b"2025-03-02T01:30:00Z")
    refused(judge_xades(changed, trust), HASH, "own-part-digest")


def test_signed_properties_outside_their_place_are_refused_though_their_digest_is_right(
    holder: Holder, trust: TrustStore
) -> None:
    """The Reference's Id is found outside the Signature; another SignedProperties stands where it is looked for."""
    outside = signed_properties(holder).replace("<x:SignedProperties", f"<x:SignedProperties{DECLARED}", 1)
    inner = signed_properties(holder).replace('Id="p"', 'Id="q"')
    content = forge_xades(holder, properties=inner, before=outside)
    refused(judge_xades(content, trust), *ASTRAY)
    bare = forge_xades(holder, objects=lambda _: "", before=outside)
    refused(judge_xades(bare, trust), *STRUCTURE)


@pytest.mark.parametrize("name", ["QualifyingProperties", "SignedProperties", "QualifyingPropertiesReference"])
def test_a_stray_element_of_xades_in_the_content_is_refused(name: str, holder: Holder, trust: TrustStore) -> None:
    refused(judge_xades(forge_xades(holder, before=f'<{name} xmlns="{XADES}"/>'), trust), *ASTRAY)


@pytest.mark.parametrize(
    ("objects", "outcome"),
    [
        (lambda one: f"<Object>{qualifying(one)}</Object>" * 2, STRUCTURE),
        (lambda one: f"<Object>{qualifying(one) * 2}</Object>", STRUCTURE),
        (lambda one: f"<Object>{qualifying(one * 2)}</Object>", STRUCTURE),
        (lambda one: f"<Object>{qualifying(one)}</Object><Object/>", STRUCTURE),
        (lambda one: f"<Object><Vo>{qualifying(one)}</Vo></Object>", STRUCTURE),
        (lambda one: f'<Object xmlns="">{qualifying(one)}</Object>', STRUCTURE),
        (lambda one: f"<Object>{qualifying(one, target='#t')}</Object>", STRUCTURE),
        (lambda one: f"<Object>{qualifying(one, target='')}</Object>", STRUCTURE),
        (lambda one: f"<Object>{qualifying('', one)}</Object>", None),
        (lambda one: f"<Object>{qualifying(one, UNSIGNED.replace('@', one))}</Object>", ASTRAY),
        (lambda one: f"<Object>{qualifying('<x:UnsignedProperties/>' + one)}</Object>", STRUCTURE),
        (lambda one: f"<Object>{one}</Object>".replace("<x:", f'<x:SignedProperties xmlns:x="{XADES}"><x:', 1)
         .replace("</Object>", "</x:SignedProperties></Object>"), STRUCTURE),
    ],
)  # fmt: skip
def test_properties_doubled_moved_or_pointing_elsewhere(
    objects: object, outcome: tuple[SubIndication, str] | None, holder: Holder, trust: TrustStore
) -> None:
    verdict = judge_xades(forge_xades(holder, objects=objects), trust)  # type: ignore[arg-type]
    if outcome is None:  # nothing but where the text stands in `qualifying` differs: it is right
        assert verdict.passed
    else:
        refused(verdict, *outcome)


@pytest.mark.parametrize("attribute", ["Id", "ID", "id", "xml:id"])
@pytest.mark.parametrize("identity", ["p", "s", "r0"])
def test_an_id_of_the_signature_that_the_content_repeats(
    attribute: str, identity: str, holder: Holder, trust: TrustStore
) -> None:
    content = forge_xades(holder, before=f'<GhiChu {attribute}="{identity}"/>')
    refused(judge_xades(content, trust), FORMAT_FAILURE, "id-repeated")


def test_an_id_twice_within_the_signature(holder: Holder, trust: TrustStore) -> None:
    content = forge_xades(holder, objects=lambda one: f'<Object Id="p">{qualifying(one)}</Object>')
    refused(judge_xades(content, trust), FORMAT_FAILURE, "id-repeated")


@pytest.mark.parametrize(
    ("references", "outcome"),
    [
        (lambda one, two: two, (PROFILE, "several-references")),
        (lambda one, two: one + two + two, ASTRAY),
        (lambda one, two: one + two.replace("#p", "#r0"), ASTRAY),
        (lambda one, two: one + two.replace('URI="#p"', 'URI=""'), ASTRAY),
        (lambda one, two: one + two.replace(' URI="#p"', ""), ASTRAY),
        (lambda one, two: one + two + two.replace(f' Type="{TYPE}"', ""), (PROFILE, "several-references")),
        (lambda one, two: one + one.replace("r0", "r1") + two, (PROFILE, "several-references")),
        (lambda one, two: one.replace('URI=""', 'URI="#nd"') + two, (PROFILE, "reference-not-whole")),
        (lambda one, two: one.replace('URI=""', 'URI="http://127.0.0.1/"') + two, (PROFILE, "reference-not-whole")),
        (lambda one, two: one.replace(' URI=""', "") + two, (PROFILE, "reference-not-whole")),
        (lambda one, two: one.replace(ENVELOPED, "") + two, (PROFILE, "transform-not-accepted")),
        (lambda one, two: one.replace(ENVELOPED, ENVELOPED * 2) + two, (PROFILE, "transform-not-accepted")),
        (lambda one, two: one.replace(ENVELOPED, ENVELOPED.replace("/>", "><XPath>1</XPath></Transform>")) + two,
         (PROFILE, "transform-not-accepted")),
        (lambda one, two: one + two.replace("<DigestMethod", f"<Transforms>{ENVELOPED}</Transforms><DigestMethod"),
         (PROFILE, "transform-not-accepted")),
    ],
)  # fmt: skip
def test_references_left_out_doubled_or_elsewhere(
    references: object, outcome: tuple[SubIndication, str], holder: Holder, trust: TrustStore
) -> None:
    refused(judge_xades(forge_xades(holder, references=references), trust), *outcome)  # type: ignore[arg-type]


def test_a_signed_key_info_is_checked_against_its_digest(holder: Holder, trust: TrustStore) -> None:
    keys = key_info(holder.certificate).replace("<KeyInfo>", '<KeyInfo Id="k">')
    first = forge_xades(holder, keys=keys)
    right = hashlib.sha256(canonical(first, f"{{{DSIG}}}KeyInfo")).digest()

    def three(digest: bytes, times: int = 1) -> bytes:
        return forge_xades(holder, keys=keys, references=lambda one, two: one + two + reference("#k", digest) * times)

    assert judge_xades(three(right), trust).passed
    refused(judge_xades(three(bytes(32)), trust), HASH, "own-part-digest")
    refused(judge_xades(three(right, 2), trust), *STRUCTURE)


def test_a_second_signature_anywhere_is_refused(holder: Holder, trust: TrustStore) -> None:
    one = forge_xades(holder).decode()
    inside = one[one.index("<Signature ") : one.index("</Signature>") + len("</Signature>")]
    other = inside.replace('"s"', '"s2"').replace('"#s"', '"#s2"').replace('"p"', '"p2"').replace('"r0"', '"r2"')
    for place in ("<NoiDung>", "<Cky>"):
        doubled = one.replace(place, place + other, 1).encode()
        verdict = judge_xades(doubled, trust)
        assert not verdict.passed
        assert verdict.reason_code in ("several-signatures", "signature-not-alone")
    wrapped = one.replace("<Object>", f"<Object>{other}", 1).encode()
    refused(judge_xades(wrapped, trust), PROFILE, "several-signatures")


def test_the_signature_moved_with_its_place(holder: Holder, trust: TrustStore) -> None:
    one = forge_xades(holder).decode()
    begin, end = one.index("<Signature "), one.index("</Signature>") + len("</Signature>")
    moved = (one[:begin] + one[end:]).replace("<NoiDung>", f"<NoiDung>{one[begin:end]}").encode()
    refused(judge_xades(moved, trust), PROFILE, "signature-misplaced")


def test_the_content_wrapped_away_and_another_put_in_its_place(holder: Holder, trust: TrustStore) -> None:
    one = forge_xades(holder).decode()
    begin = one.index("<D02-TS")
    original = one[begin:].replace("<D02-TS", "<Cu", 1).replace("</D02-TS>", "</Cu>")
    wrapped = one.replace("<Luong>5310000", "<Luong>9310000").replace("<NoiDung>", f"<NoiDung>{original}", 1)
    verdict = judge_xades(wrapped.encode(), trust)
    assert not verdict.passed


def test_another_certificate_of_the_same_key_is_not_the_one_that_signed(
    holder: Holder, pki: DemoPki, trust: TrustStore
) -> None:
    """Whoever gets an authority to certify the same key could stand in for the signer; the digest in the properties
    tells them apart."""
    twin = pki.issue(employer("CÔNG TY KHÁC", "MST:0309876547"), NOW, key=holder.key)
    content = forge_xades(holder, keys=key_info(twin.certificate))
    refused(judge_xades(content, trust), SIGNER, "signing-certificate-differs")
    assert judge_xades(forge_xades(twin), trust).passed


def test_the_issuer_and_serial_must_be_the_certificates(holder: Holder, pki: DemoPki, trust: TrustStore) -> None:
    other = b64(issuer_serial(pki.employers["other"].certificate.public_bytes(Encoding.DER)))
    for value, outcome in (
        (other, (SIGNER, "signing-certificate-differs")),
        (b64(b"\x30\x00"), (SIGNER, "signing-certificate-differs")),
        ("?", STRUCTURE),
    ):
        inside = TIME + signing_certificate(holder, f"<x:IssuerSerialV2>{value}</x:IssuerSerialV2>")
        refused(judge_xades(forge_xades(holder, properties=signed_properties(holder, inside)), trust), *outcome)
    without = TIME + signing_certificate(holder, "")
    assert judge_xades(forge_xades(holder, properties=signed_properties(holder, without)), trust).passed


@pytest.mark.parametrize("octets", [1, 16, 31])
def test_truncated_digests_are_refused_everywhere(octets: int, holder: Holder, trust: TrustStore) -> None:
    der = holder.certificate.public_bytes(Encoding.DER)
    cut = cert_digest(holder, digest=hashlib.sha256(der).digest()[:octets])
    properties = signed_properties(holder, TIME + signing_certificate(holder, digest=cut))
    refused(judge_xades(forge_xades(holder, properties=properties), trust), SIGNER, "signing-certificate-differs")
    refused(judge_xades(forge_xades(holder, digest=digest_of()[:octets]), trust), HASH, "digest-differs")
    whole = hashlib.sha256(canonical(forge_xades(holder), f"{{{XADES}}}SignedProperties")).digest()
    short = forge_xades(holder, digest_of_properties=whole[:octets])
    refused(judge_xades(short, trust), HASH, "own-part-digest")


def test_a_weak_digest_is_not_run_wherever_it_stands(holder: Holder, trust: TrustStore) -> None:
    sha1 = f"{DSIG}sha1"
    properties = signed_properties(holder, TIME + signing_certificate(holder, digest=cert_digest(holder, "sha1", sha1)))
    weak = (SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "digest-algorithm")
    refused(judge_xades(forge_xades(holder, properties=properties), trust), *weak)
    for at in (0, 1):

        def weaken(one: str, two: str, at: int = at) -> str:
            both = [one, two]
            both[at] = both[at].replace("http://www.w3.org/2001/04/xmlenc#sha256", sha1)
            return "".join(both)

        refused(judge_xades(forge_xades(holder, references=weaken), trust), *weak)


def test_an_hmac_with_the_public_key_as_its_secret(holder: Holder, trust: TrustStore) -> None:
    secret = holder.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    content = forge_xades(
        holder,
        method="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        sign=lambda signed: hmac.digest(secret, signed, "sha256"),
    )
    refused(judge_xades(content, trust), SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "signature-algorithm")


def test_a_value_by_another_key(holder: Holder, pki: DemoPki, trust: TrustStore) -> None:
    content = forge_xades(holder, sign=rsa_sha256(pki.employers["other"]))
    refused(judge_xades(content, trust), SubIndication.SIG_CRYPTO_FAILURE, "signature-value")


def test_a_comment_or_instruction_in_what_is_signed_is_refused(holder: Holder, trust: TrustStore) -> None:
    split = signed_properties(holder).replace("2026-03-02T", "2026-03-<?a b?>02T")
    refused(judge_xades(forge_xades(holder, properties=split), trust), *STRUCTURE)
    commented = forge_xades(holder).replace(b"<SignedInfo>", b"<SignedInfo><!-- c -->")
    refused(judge_xades(commented, trust), *STRUCTURE)
    late = forge_xades(holder).replace(b"</SignedInfo>", b"<!-- c --></SignedInfo>")
    refused(judge_xades(late, trust), *STRUCTURE)


def test_a_relative_namespace_has_no_canonical_form(holder: Holder, trust: TrustStore) -> None:
    content = forge_xades(holder).replace(b"<x:SignedProperties ", b'<x:SignedProperties xmlns:r="tuong-doi" ')
    refused(judge_xades(content, trust), FORMAT_FAILURE, "not-canonical")


def test_many_ids_and_references_cost_little(holder: Holder, trust: TrustStore) -> None:
    many = "".join(f'<M Id="m{number}"/>' for number in range(20_000))
    assert judge_xades(forge_xades(holder, before=many), trust).passed
    flood = forge_xades(holder, references=lambda one, two: one + two + reference("#x", bytes(32)) * 3000)
    refused(judge_xades(flood, trust), *STRUCTURE)
    some = forge_xades(holder, references=lambda one, two: one + two + reference("#x", bytes(32)) * 1000)
    refused(judge_xades(some, trust), PROFILE, "several-references")


SAMPLE: dict[str, bytes] = {}


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10**6), new=st.integers(0, 255), cut=st.integers(0, 3))
def test_one_byte_changed_in_the_signature_never_passes_unless_it_says_the_same(
    at: int, new: int, cut: int, holder: Holder, trust: TrustStore
) -> None:
    content = SAMPLE.setdefault("xades", sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW))
    begin, end = content.index(b"<ds:Signature "), content.index(b"</ds:Signature>")
    spot = begin + at % (end - begin)
    changed = content[:spot] + bytes([new]) * (cut != 1) + content[spot + (cut != 2) :]
    try:
        root = etree.fromstring(changed)
    except etree.XMLSyntaxError:
        return
    same = etree.tostring(root, method="c14n") == etree.tostring(etree.fromstring(content), method="c14n")
    blank = b"".join(changed.split()) == b"".join(content.split())
    verdict = judge_xades(changed, trust)
    assert verdict.passed is False or same or blank
