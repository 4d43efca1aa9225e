"""OCSP responses: whose word counts about which certificate, and which are refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from signing import ocsp as ocsp_module
from signing.demo_holder import employer_subject
from signing.demo_pki import Holder, make_ocsp, make_responder
from signing.indication import Refusal
from signing.ocsp import ReadOcsp, read_ocsp
from signing.policy import RevocationRule
from signing.revocation import AHEAD_S_MAX
from tests.signing.revocation_workshop import (
    DAY,
    FLAGS,
    HOUR,
    POLICY,
    Town,
    add_crl,
    add_ocsp,
    altered_ocsp,
    authority,
    code_of,
    leaf,
)
from tests.signing.workshop import NOW

OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


def purpose(*oids: x509.ObjectIdentifier) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage(list(oids)), False


def bare(der: bytes) -> bytes:
    """Take the responder's certificate out of a response; no signature covers it."""
    response = asn1_ocsp.OCSPResponse.load(der)
    basic = response["response_bytes"]["response"].parsed
    del basic["certs"]
    response["response_bytes"]["response"] = asn1_ocsp.BasicOCSPResponse.load(basic.dump(force=True))
    return response.dump(force=True)


def delegate(issuer: Holder, *extensions: tuple[x509.ExtensionType, bool], **more: Any) -> Holder:
    """Somebody with a certificate of `issuer`, named as responders are."""
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "RESPONDER")])
    return leaf(issuer, extensions=extensions, subject=more.pop("subject", named), **more)


NO_CHECK = (x509.OCSPNoCheck(), False)


@pytest.mark.parametrize("by_key", [True, False])
def test_the_issuer_and_its_delegate_may_speak(by_key: bool, town: Town) -> None:
    for signer in (town.middle, town.delegate()):
        store = town.store()
        assert code_of(town.status(store)) == "revocation-missing"
        assert add_ocsp(store, town.ocsp(signer=signer, by_key=by_key)) == ""
        status = town.status(store)
        assert code_of(status) == "good"
        used = status.used[0]
        assert (used.kind, used.status, used.age_s, used.source) == ("ocsp", "good", 3600, "http://ocsp.test/")
        assert used.produced_at == NOW - HOUR
        assert [proof.kind for proof in status.proofs] == ["ocsp", "crl"]
        assert status.wanted == ()


def test_a_revoked_certificate_is_named_with_date_and_reason(town: Town) -> None:
    store = town.store()
    assert add_ocsp(store, town.ocsp(revoked=(NOW - DAY, FLAGS.key_compromise))) == ""
    status = town.status(store)
    assert code_of(status) == "revoked"
    assert status.refusal is not None
    assert status.refusal.fields["date"] == "01/03/2026 01:30 (UTC)"
    assert status.refusal.fields["reason_vi"] == "lộ khóa bí mật"
    assert (status.used[0].status, status.used[0].reason) == ("revoked", "keyCompromise")
    assert status.used[0].revoked_at == NOW - DAY


def test_a_stranger_says_nothing(town: Town) -> None:
    """Under the issuer's own name, under a name of its own, with a certificate beside it, and without."""
    other = authority("TOWN CA")
    assert add_ocsp(town.store(), town.ocsp(signer=other)) == "ocsp-delegate-of-another"
    assert add_ocsp(town.store(), bare(town.ocsp(signer=other))) == "ocsp-responder-unknown"
    assert add_ocsp(town.store(), bare(town.ocsp(signer=town.delegate()))) == "ocsp-responder-unknown"
    in_the_issuers_name = altered_ocsp(town.ocsp(), other, lambda _: None)
    assert add_ocsp(town.store(), in_the_issuers_name) == "ocsp-signature"
    elsewhere = authority("ELSEWHERE")
    for by_key in (True, False):
        of_another = make_responder(elsewhere, NOW)
        assert add_ocsp(town.store(), town.ocsp(signer=of_another, by_key=by_key)) == "ocsp-delegate-of-another"
    in_our_name = Holder(other.key, town.middle.certificate)
    forged = delegate(in_our_name, purpose(OCSP_SIGNING), NO_CHECK)
    assert add_ocsp(town.store(), town.ocsp(signer=forged)) == "ocsp-delegate-of-another"
    # A delegate of the authority above is not one of the authority itself.
    assert add_ocsp(town.store(), town.ocsp(signer=make_responder(town.root, NOW))) == "ocsp-delegate-of-another"
    with_others_key = altered_ocsp(town.ocsp(signer=town.delegate()), other, lambda _: None)
    assert add_ocsp(town.store(), with_others_key) == "ocsp-signature"


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        (purpose(ExtendedKeyUsageOID.CLIENT_AUTH),),
        (purpose(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),),
        (purpose(OCSP_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION),),
        (purpose(OCSP_SIGNING), (x509.BasicConstraints(ca=True, path_length=None), True)),
        (purpose(OCSP_SIGNING), (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), True)),
    ],
)
def test_a_certificate_that_is_not_for_ocsp_alone_says_nothing(
    extensions: tuple[tuple[x509.ExtensionType, bool], ...], town: Town
) -> None:
    signer = delegate(town.middle, *extensions)
    assert add_ocsp(town.store(), town.ocsp(signer=signer)) == "ocsp-delegate-purpose"


def test_an_employer_cannot_say_that_its_own_certificate_is_good(town: Town) -> None:
    """Authorities write OCSPSigning into signers' certificates, though nobody should."""
    odd = delegate(
        town.middle, purpose(OCSP_SIGNING), NO_CHECK, subject=employer_subject("KẺ GIAN", ["MST:0309876547"])
    )
    assert add_ocsp(town.store(), town.ocsp(signer=odd)) == "ocsp-delegate-purpose"
    assert add_ocsp(town.store(), town.ocsp(signer=odd, about=odd.certificate)) == "ocsp-delegate-purpose"
    plain = delegate(town.middle, purpose(OCSP_SIGNING), NO_CHECK)
    assert add_ocsp(town.store(), town.ocsp(signer=plain, about=plain.certificate)) == "ocsp-delegate-purpose"
    assert add_ocsp(town.store(), town.ocsp(signer=plain)) == ""


def test_a_delegate_must_have_been_valid_when_it_spoke(town: Town) -> None:
    short = delegate(town.middle, purpose(OCSP_SIGNING), NO_CHECK, valid_days=2)
    late = town.ocsp(signer=short, at=NOW + 3 * DAY, until=NOW + 4 * DAY)
    assert add_ocsp(town.store(), late, fetched_at=NOW + 3 * DAY) == "ocsp-delegate-validity"
    in_time = town.ocsp(signer=short, at=NOW + DAY, until=NOW + 4 * DAY)
    assert add_ocsp(town.store(), in_time, fetched_at=NOW + 3 * DAY) == ""
    old = town.middle.certificate.not_valid_after_utc + DAY
    by_issuer = town.ocsp(at=old, until=old + DAY)
    assert add_ocsp(town.store(), by_issuer, fetched_at=old) == "revocation-issuer-validity"


def test_a_delegate_without_nocheck_counts_with_a_list_that_does_not_name_it(town: Town) -> None:
    store = town.store()
    signer = town.delegate(unchecked=False)
    assert add_ocsp(store, town.ocsp(signer=signer)) == ""
    assert code_of(town.status(store)) == "revocation-missing"
    lax = replace(POLICY, id="lax", revocation=RevocationRule(required=True, responder_unchecked=True))
    assert code_of(town.status(store, policy=lax)) == "good"
    assert add_crl(store, town.crl(at=NOW - 3 * DAY, until=NOW - 2 * DAY)) == ""
    assert code_of(town.status(store)) == "revocation-stale"
    assert add_crl(store, town.crl()) == ""
    status = town.status(store)
    assert code_of(status) == "good"
    assert status.used[0].kind == "ocsp"


def test_a_revoked_delegate_says_nothing_even_with_nocheck(town: Town) -> None:
    for revoked in (None, (NOW - DAY, None)):
        store = town.store()
        signer = town.delegate()
        assert add_ocsp(store, town.ocsp(signer=signer, revoked=revoked)) == ""
        assert code_of(town.status(store)) == ("revoked" if revoked else "good")
        gone = {signer.certificate.serial_number: (NOW, FLAGS.key_compromise)}
        assert add_crl(store, town.crl(gone)) == ""
        status = town.status(store)
        assert (code_of(status), status.used[0].kind) == ("good", "crl")


def test_a_response_about_another_certificate_with_the_same_serial_says_nothing(town: Town) -> None:
    twin_authority = authority("TWIN CA", town.root)
    twin = leaf(twin_authority, serial=town.serial)
    store = town.store()
    der = town.ocsp(signer=twin_authority, issuer=twin_authority, about=twin.certificate)
    assert add_ocsp(store, der) == "ocsp-issuer-unknown"
    store.learn([twin_authority.certificate])
    assert add_ocsp(store, der) == ""
    assert code_of(town.status(store)) == "revocation-missing"
    same_name = authority("TOWN CA", town.root)
    store.learn([same_name.certificate])
    der = town.ocsp(signer=same_name, issuer=same_name, about=leaf(same_name, serial=town.serial).certificate)
    assert add_ocsp(store, der) == ""
    assert code_of(town.status(store)) == "revocation-missing"


def test_unknown_and_other_non_answers_are_no_data(town: Town) -> None:
    store = town.store()
    assert add_ocsp(store, town.ocsp(unknown=True)) == "ocsp-unknown"
    for status in (ocsp.OCSPResponseStatus.TRY_LATER, ocsp.OCSPResponseStatus.UNAUTHORIZED):
        der = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
        assert add_ocsp(store, der) == "ocsp-no-answer"
    assert code_of(town.status(store)) == "revocation-missing"


def test_a_stale_response_that_is_shown_again_decides_nothing(town: Town) -> None:
    store = town.store()
    old = town.ocsp(at=NOW - 3 * DAY, until=NOW - 2 * DAY)
    assert add_ocsp(store, old) == ""
    assert code_of(town.status(store)) == "revocation-stale"
    assert add_ocsp(store, town.ocsp()) == ""
    assert add_ocsp(store, old) == "revocation-older"
    assert code_of(town.status(store)) == "good"


def test_responses_from_the_future_are_refused(town: Town) -> None:
    ahead = NOW + timedelta(seconds=AHEAD_S_MAX + 1)
    assert add_ocsp(town.store(), town.ocsp(at=ahead, until=ahead + DAY)) == "revocation-from-the-future"
    assert add_ocsp(town.store(), town.ocsp(produced_at=ahead)) == "revocation-from-the-future"


def test_sha_1_names_a_certificate_and_signs_nothing(town: Town) -> None:
    der = town.ocsp()
    single = next(iter(ocsp.load_der_ocsp_response(der).responses))
    assert isinstance(single.hash_algorithm, hashes.SHA1)
    assert add_ocsp(town.store(), altered_ocsp(der, town.middle, lambda _: None)) == ""
    weak = altered_ocsp(der, town.middle, lambda _: None, sha1=True)
    assert add_ocsp(town.store(), weak) == "revocation-algorithm"


def test_changed_bytes_are_found(town: Town) -> None:
    der = town.ocsp(revoked=(NOW - DAY, None))
    wrong = der.replace((NOW - DAY).strftime("%Y%m%d%H%M%SZ").encode(), (NOW + DAY).strftime("%Y%m%d%H%M%SZ").encode())
    assert wrong != der
    assert add_ocsp(town.store(), wrong) == "ocsp-signature"


def test_critical_extensions_that_are_not_understood_spoil_a_response(town: Town) -> None:
    unheard_of = {"extn_id": "1.2.3.4", "critical": True, "extn_value": b"\x05\x00"}
    harmless = unheard_of | {"critical": False}

    def on_response(extension: dict[str, object]) -> bytes:
        def alter(tbs: Any) -> None:
            tbs["response_extensions"] = [extension]

        return altered_ocsp(town.ocsp(), town.middle, alter)

    def on_single(extension: dict[str, object], *, twice: bool) -> bytes:
        def alter(tbs: Any) -> None:
            tbs["responses"][0]["single_extensions"] = [extension]
            if twice:
                tbs["responses"].append(tbs["responses"][0].copy())

        return altered_ocsp(town.ocsp(), town.middle, alter)

    for make in (on_response, lambda one: on_single(one, twice=False), lambda one: on_single(one, twice=True)):
        assert add_ocsp(town.store(), make(unheard_of)) == "ocsp-critical-extension"
        assert add_ocsp(town.store(), make(harmless)) == ""


def test_a_response_about_several_certificates_counts_for_each(town: Town) -> None:
    other = leaf(town.middle)
    serials = (town.serial, other.certificate.serial_number)

    def alter(tbs: Any) -> None:
        second = tbs["responses"][0].copy()
        second["cert_id"]["serial_number"] = serials[1]
        tbs["responses"].append(second)

    store = town.store()
    assert add_ocsp(store, altered_ocsp(town.ocsp(), town.middle, alter)) == ""
    assert code_of(town.status(store)) == "good"
    assert code_of(store.status(town.chain(other), POLICY, NOW)) == "good"
    assert len([one for one in store.held() if one.kind == "ocsp"]) == 1
    # The same response is known until none of its statements is held any more.
    sha256 = next(one.sha256 for one in store.held() if one.kind == "ocsp")
    assert add_ocsp(store, town.ocsp(at=NOW)) == ""
    assert store.knows(sha256)
    assert add_ocsp(store, town.ocsp(about=other.certificate, at=NOW)) == ""
    assert not store.knows(sha256)


def test_too_large_and_malformed_responses_are_refused(town: Town) -> None:
    store = town.store()
    der = town.ocsp()

    def many(tbs: Any) -> None:
        for _ in range(ocsp_module.OCSP_STATEMENTS_MAX):
            tbs["responses"].append(tbs["responses"][0].copy())

    def backwards(tbs: Any) -> None:
        tbs["responses"][0]["next_update"] = NOW - 2 * DAY

    assert add_ocsp(store, altered_ocsp(der, town.middle, many)) == "ocsp-too-large"
    assert add_ocsp(store, altered_ocsp(der, town.middle, backwards)) == "ocsp-malformed"
    assert add_ocsp(store, bytes(ocsp_module.OCSP_BYTES_MAX + 1)) == "ocsp-too-large"
    for wrong in (b"", b"\x30", der[:-1], der + b"\0", town.crl()):
        assert add_ocsp(store, wrong) == "ocsp-malformed"


def test_silence_about_the_expired_needs_an_archive_cutoff(town: Town) -> None:
    """Whoever answers after a certificate's end may have forgotten it (RFC 6960 §4.4.4)."""
    short = leaf(town.middle, valid_days=1)
    chain = town.chain(short)

    def response(cutoff: datetime | None) -> bytes:
        def alter(tbs: Any) -> None:
            if cutoff:
                tbs["responses"][0]["single_extensions"] = [
                    {"extn_id": "1.3.6.1.5.5.7.48.1.6", "critical": False, "extn_value": cutoff}
                ]

        der = town.ocsp(about=short.certificate, at=NOW + 2 * DAY, until=NOW + 3 * DAY)
        return altered_ocsp(der, town.middle, alter)

    before = datetime(2025, 1, 1, tzinfo=UTC)
    for cutoff, code in ((None, "revocation-missing"), (NOW + 30 * DAY, "revocation-missing"), (before, "good")):
        store = town.store()
        assert add_ocsp(store, response(cutoff), fetched_at=NOW + 2 * DAY) == ""
        assert code_of(store.status(chain, POLICY, NOW)) == code
    no_month = response(before).replace(b"20250101000000Z", b"20251301000000Z")
    assert add_ocsp(town.store(), no_month, fetched_at=NOW + 2 * DAY) == "ocsp-malformed"


def test_the_earlier_of_revocation_and_invalidity_counts(town: Town) -> None:
    def alter(tbs: Any) -> None:
        extension = {"extn_id": "2.5.29.24", "critical": False, "extn_value": NOW - 5 * DAY}
        tbs["responses"][0]["single_extensions"] = [extension]

    found = read_ocsp(altered_ocsp(town.ocsp(revoked=(NOW, None)), town.middle, alter))
    assert isinstance(found, ReadOcsp)
    revoked = found.facts.statements[0].revoked
    assert revoked is not None
    assert revoked.at == NOW - 5 * DAY


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_bytes_are_read_or_refused(data: st.DataObject) -> None:
    der = bytearray(EXAMPLES[data.draw(st.integers(0, len(EXAMPLES) - 1))])
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(der) - 1))
        der[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([None, None, data.draw(st.integers(0, len(der)))]))
    found = read_ocsp(bytes(der[:cut]))
    assert isinstance(found, ReadOcsp | Refusal)
    store = EXAMPLE.store()
    changed = bytes(der[:cut]) not in EXAMPLES
    added = store.add_ocsp(bytes(der[:cut]), source="", fetched_at=NOW)
    assert not changed or isinstance(added, Refusal) or code_of(EXAMPLE.status(store)) == "good"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    assert isinstance(read_ocsp(noise), Refusal)


EXAMPLE = Town()
EXAMPLES = [
    EXAMPLE.ocsp(),
    EXAMPLE.ocsp(signer=EXAMPLE.delegate(), by_key=False),
    make_ocsp(
        EXAMPLE.leaf.certificate, EXAMPLE.middle.certificate, EXAMPLE.delegate(), this_update=NOW, next_update=None
    ),
]
