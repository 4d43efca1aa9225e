"""Detached XAdES signatures, as they stand in an ASiC-E container: what they cover, and what no name may do."""

import hashlib
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from signing.demo_pki import DemoPki, Holder, make_crl
from signing.detached import Detached, DigestOf, verify_detached
from signing.indication import Refusal, SubIndication
from signing.placing import SigningImpossible
from signing.policy import LEVELS, Policy, RevocationRule
from signing.revocation import RevocationStore
from signing.sign_xades import add_timestamp, sign_detached, timestamp_covers
from signing.trust import TrustStore
from tests.signing.tsa_workshop import Tsa
from tests.signing.workshop import (
    DSIG,
    ENVELOPED,
    INCLUSIVE,
    NOW,
    RSA_SHA256,
    b64,
    employer,
    key_info,
    refused,
    rsa_sha256,
)
from tests.signing.xades_workshop import TYPE, XADES, canonical, qualifying, reference, signed_properties

ENTRIES = {"hoso.xml": b"<Hoso/>", "dinhkem/bản vẽ 100%.pdf": b"%PDF-1.7", "a+b&c'\"<d>.bin": bytes(300)}
PATH = "/XAdESSignatures"
PROFILE, FORMAT_FAILURE = SubIndication.SIG_CONSTRAINTS_FAILURE, SubIndication.FORMAT_FAILURE


def provided(entries: dict[str, bytes]) -> dict[str, DigestOf]:
    def provider(content: bytes) -> DigestOf:
        return lambda name: hashlib.new(name, content).digest()

    return {name: provider(content) for name, content in entries.items()}


def judge(
    content: bytes,
    trust: TrustStore,
    entries: dict[str, bytes] = ENTRIES,
    *,
    tsa: TrustStore | None = None,
    level: str = LEVELS[1],
    policy: Policy | None = None,
    now: object = NOW,
    revocation: RevocationStore | None = None,
) -> Detached:
    return verify_detached(
        etree.fromstring(content),
        provided(entries),
        file="META-INF/signatures001.xml",
        policy=policy or Policy(),
        trust=trust,
        now=now,  # type: ignore[arg-type]
        tsa=tsa,
        level=level,
        revocation=revocation or RevocationStore(),
    )


@pytest.fixture
def made(holder: Holder) -> bytes:
    return sign_detached(ENTRIES, holder.key, holder.certificate, NOW)


def forged(
    holder: Holder, uris: list[tuple[str, bytes]], *, transforms: str = "", root: str = "asic:XAdESSignatures"
) -> bytes:
    """A detached signature with any References at all, rightly signed."""
    formats = "".join(
        f'<x:DataObjectFormat ObjectReference="#r{n}"><x:MimeType>a/b</x:MimeType></x:DataObjectFormat>'
        for n in range(len(uris))
    )
    objects = f"<Object>{qualifying(signed_properties(holder, formats=formats))}</Object>"
    to_entries = "".join(
        reference(uri, hashlib.sha256(content).digest(), identity=f"r{n}", transforms=transforms)
        for n, (uri, content) in enumerate(uris)
    )

    def draft(digest: bytes, value: str) -> bytes:
        return (
            f'<{root} xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"><Signature Id="s" xmlns="{DSIG}"><SignedInfo>'
            f'<CanonicalizationMethod Algorithm="{INCLUSIVE}"/><SignatureMethod Algorithm="{RSA_SHA256}"/>{to_entries}'
            f"{reference('#p', digest, kind=TYPE)}</SignedInfo><SignatureValue>{value}</SignatureValue>"
            f"{key_info(holder.certificate)}{objects}</Signature></{root}>"
        ).encode()

    digest = hashlib.sha256(canonical(draft(bytes(32), "AA=="), f"{{{XADES}}}SignedProperties")).digest()
    return draft(digest, b64(rsa_sha256(holder)(canonical(draft(digest, "AA=="), f"{{{DSIG}}}SignedInfo"))))


@pytest.mark.parametrize("kind", ["employer", "branch"])
def test_what_we_sign_covers_every_entry(kind: str, pki: DemoPki, trust: TrustStore) -> None:
    one = pki.employers[kind]
    found = judge(sign_detached(ENTRIES, one.key, one.certificate, NOW), trust)
    assert found.verdict.passed, found.verdict.reason_en
    assert found.covered == frozenset(ENTRIES)
    assert found.verdict.format == "XAdES-B-B"
    assert found.verdict.file == "META-INF/signatures001.xml"
    assert found.verdict.signer is not None
    assert found.verdict.content_digest == ""


def test_an_entry_that_it_does_not_name_is_not_covered(holder: Holder, trust: TrustStore) -> None:
    some = {"hoso.xml": ENTRIES["hoso.xml"]}
    found = judge(sign_detached(some, holder.key, holder.certificate, NOW), trust)
    assert found.verdict.passed
    assert found.covered == {"hoso.xml"}
    assert found.verdict.content_digest == hashlib.sha256(ENTRIES["hoso.xml"]).hexdigest()


@pytest.mark.parametrize("name", list(ENTRIES))
def test_a_changed_or_missing_entry(name: str, made: bytes, trust: TrustStore) -> None:
    changed = judge(made, trust, ENTRIES | {name: b"changed"})
    refused(changed.verdict, SubIndication.HASH_FAILURE, "entry-digest")
    assert changed.covered == frozenset()
    assert name in changed.verdict.reason_vi
    missing = judge(made, trust, {one: content for one, content in ENTRIES.items() if one != name})
    refused(missing.verdict, SubIndication.SIGNED_DATA_NOT_FOUND, "entry-missing")
    assert missing.covered == frozenset()


def test_names_exchanged_between_entries(made: bytes, trust: TrustStore) -> None:
    one, two = list(ENTRIES)[:2]
    swapped = ENTRIES | {one: ENTRIES[two], two: ENTRIES[one]}
    refused(judge(made, trust, swapped).verdict, SubIndication.HASH_FAILURE, "entry-digest")


def test_a_time_stamp_makes_it_b_t(pki: DemoPki, trust: TrustStore) -> None:
    tsa = Tsa()
    short = pki.issue(employer(valid_days=2), NOW)
    content = sign_detached(ENTRIES, short.key, short.certificate, NOW)
    stamped = add_timestamp(content, PATH, tsa.token(timestamp_covers(content, PATH)))
    found = judge(stamped, trust, tsa=tsa.trust(), level=LEVELS[2], now=NOW + timedelta(days=30))
    assert found.verdict.passed, found.verdict.reason_en
    assert found.verdict.format == "XAdES-B-T"
    assert found.verdict.best_signature_time == NOW
    low = judge(content, trust, tsa=tsa.trust(), level=LEVELS[2])
    refused(low.verdict, PROFILE, "level-too-low")
    assert low.covered == frozenset(ENTRIES)


def test_a_signer_nobody_trusts_still_tells_what_was_covered_and_does_not_pass(made: bytes, pki: DemoPki) -> None:
    found = judge(made, TrustStore([pki.root.certificate]))
    refused(found.verdict, SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no-chain")
    assert found.covered == frozenset(ENTRIES)


def test_missing_revocation_data_waits(made: bytes, trust: TrustStore) -> None:
    found = judge(made, trust, policy=Policy(revocation=RevocationRule(required=True)))
    assert found.verdict.waits
    assert found.covered == frozenset(ENTRIES)


@pytest.mark.parametrize(
    "uri",
    [
        "", "#p", "#r0", "hoso.xml#a", "hoso.xml?a=b", "/hoso.xml", "./hoso.xml", "../hoso.xml", "a/../hoso.xml",
        "%2e%2e/hoso.xml", "a/%2E%2E/hoso.xml", "%2Fhoso.xml", "//x.invalid/hoso.xml", "http://127.0.0.1/hoso.xml",
        "file:///hoso.xml", "C:hoso.xml", "a%5Chhoso.xml", "a\\hoso.xml", "hoso.xml%00", "%zz", "%", "%ff", "a//b",
        "hoso.xml%23a", "h%C2%A0/..", " hoso.xml", "hoso.xml.",
    ],
)  # fmt: skip
def test_a_uri_that_is_no_plain_name_is_refused(uri: str, holder: Holder, trust: TrustStore) -> None:
    content = ENTRIES["hoso.xml"]
    found = judge(forged(holder, [(uri, content)]), trust)
    assert found.verdict.reason_code in ("entry-uri", "entry-missing")
    assert found.verdict.reason_code == "entry-uri" or uri == "hoso.xml%23a"
    assert found.covered == frozenset()


def test_a_name_may_be_coded_or_not(holder: Holder, trust: TrustStore) -> None:
    name, content = "dinhkem/bản vẽ 100%.pdf", ENTRIES["dinhkem/bản vẽ 100%.pdf"]
    for uri in (quote(name), "dinhkem/bản vẽ 100%25.pdf", "%64inhkem%2Fb%E1%BA%A3n%20v%E1%BA%BD%20100%25.pdf"):
        found = judge(forged(holder, [(uri, content)]), trust)
        assert found.verdict.passed, found.verdict.reason_en
        assert found.covered == {name}
    twice = [("hoso.xml", ENTRIES["hoso.xml"]), ("h%6Fso.xml", ENTRIES["hoso.xml"])]
    refused(judge(forged(holder, twice), trust).verdict, PROFILE, "entry-repeated")


def test_transforms_are_not_run(holder: Holder, trust: TrustStore) -> None:
    one = [("hoso.xml", ENTRIES["hoso.xml"])]
    for transform in (f'<Transform Algorithm="{INCLUSIVE}"/>', ENVELOPED):
        found = judge(forged(holder, one, transforms=transform), trust)
        refused(found.verdict, PROFILE, "transform-not-accepted")


def test_a_file_that_is_not_one_signature_in_its_root(holder: Holder, made: bytes, trust: TrustStore) -> None:
    one = [("hoso.xml", ENTRIES["hoso.xml"])]
    begin, end = made.index(b"<ds:Signature "), made.index(b"</ds:Signature>") + len(b"</ds:Signature>")
    signature = made[begin:end]
    for content in (
        forged(holder, one, root="asic:Khac"),
        forged(holder, one, root="XAdESSignatures"),
        forged(holder, []),
        made.replace(signature, b""),
        made.replace(signature, signature * 2),
        made.replace(signature, signature + b"<x/>"),
        made.replace(b"<ds:Object>", b"<ds:Object>" + signature, 1),
        made.replace(TYPE.encode(), b"x"),
        signature,
    ):
        refused(judge(content, trust).verdict, FORMAT_FAILURE, "signatures-file")


def test_substituted_properties_and_values(holder: Holder, pki: DemoPki, made: bytes, trust: TrustStore) -> None:
    late = made.replace(b"2026-03-02T01:30:00Z", b"2025-03-02T01:30:00Z")
    refused(judge(late, trust).verdict, SubIndication.HASH_FAILURE, "own-part-digest")
    other = sign_detached(ENTRIES, pki.employers["other"].key, pki.employers["other"].certificate, NOW)
    begin, end = b"<ds:SignatureValue>", b"</ds:SignatureValue>"
    ours, theirs = (one[one.index(begin) : one.index(end)] for one in (made, other))
    swapped = judge(made.replace(ours, theirs), trust)
    refused(swapped.verdict, SubIndication.SIG_CRYPTO_FAILURE, "signature-value")
    assert swapped.covered == frozenset()


@pytest.mark.parametrize("name", ["", "../a", "/a", "a\\b", "a//b", "C:a", "a\0", "."])
def test_a_name_that_no_container_may_hold_is_not_signed(name: str, holder: Holder) -> None:
    with pytest.raises(SigningImpossible):
        sign_detached({name: b""}, holder.key, holder.certificate, NOW)


def test_nothing_is_not_signed_and_neither_is_it_with_another_key(holder: Holder, elliptic: Holder) -> None:
    with pytest.raises(SigningImpossible):
        sign_detached({}, holder.key, holder.certificate, NOW)
    with pytest.raises(SigningImpossible):
        sign_detached(ENTRIES, elliptic.key, holder.certificate, NOW)


@settings(max_examples=150, deadline=None)
@given(uri=st.text(max_size=30).filter(lambda text: text.isprintable() and not set(text) & set('<&"')))
def test_no_uri_makes_it_raise_or_covers_what_it_does_not_name(uri: str, holder: Holder, trust: TrustStore) -> None:
    found = judge(forged(holder, [(uri, ENTRIES["hoso.xml"])]), trust)
    assert found.covered <= {"hoso.xml"}
    assert found.verdict.passed == bool(found.covered)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_revocation_is_said_before_the_level_and_waits_only_for_a_time_stamp_that_could_save_it(
    hours: int, holder: Holder, pki: DemoPki, trust: TrustStore
) -> None:
    tsa, at, now = Tsa(), NOW + timedelta(days=1), NOW + timedelta(days=90)
    content = sign_detached(ENTRIES, holder.key, holder.certificate, NOW)
    stamped = add_timestamp(content, PATH, tsa.token(timestamp_covers(content, PATH), at))
    revoked = {holder.certificate.serial_number: (at + timedelta(hours=hours), None)}
    store = RevocationStore(trust.authorities)
    for issuer, entries in ((pki.root, {}), (pki.intermediate, revoked)):
        der = make_crl(issuer, entries, this_update=now - timedelta(days=1), next_update=now + timedelta(days=1))
        assert not isinstance(store.add_crl(der, source="test", fetched_at=now), Refusal)
    for one, waits in ((content, False), (stamped, hours > 0)):
        for level in LEVELS[1:]:
            asks = Policy(id="asks", revocation=RevocationRule(required=True))
            more = {"tsa": tsa.trust(), "policy": asks, "now": now, "revocation": store}
            found = judge(one, trust, level=level, **more).verdict
            assert found.waits == waits
            if not waits:
                refused(found, SubIndication.REVOKED_NO_POE, "revoked")


def test_a_level_that_is_too_low_waits_for_no_data(made: bytes, trust: TrustStore) -> None:
    asks = Policy(id="asks", revocation=RevocationRule(required=True))
    assert judge(made, trust, policy=asks).verdict.waits
    refused(judge(made, trust, policy=asks, level=LEVELS[2]).verdict, PROFILE, "level-too-low")
