"""The status of a whole chain at an instant, and what is remembered of it."""

import timeit
from datetime import timedelta

import pytest
from cryptography import x509
from msgspec.structs import replace

from signing.demo_holder import Addresses
from signing.demo_pki import make_crl
from signing.indication import WAITING_REASONS, SubIndication, indication_of
from signing.policy import Policy, RevocationRule
from signing.reasons import REASONS as COMMON
from signing.reasons_revocation import REASONS, UNUSABLE, WHY_REVOKED
from signing.revocation import RevocationStore, Status
from signing.revocation_judging import URL_CHARACTERS_MAX, URLS_MAX
from tests.signing.revocation_workshop import (
    BEGUN,
    DAY,
    FLAGS,
    HOUR,
    POLICY,
    Town,
    add_crl,
    add_ocsp,
    authority,
    code_of,
    leaf,
)
from tests.signing.workshop import NOW

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


def rule(**more: object) -> Policy:
    return Policy(id="rule", revocation=RevocationRule(required=True, **more))


def test_a_certificate_that_no_list_names_is_good(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl({5: (NOW - DAY, None)})) == ""
    status = town.status(store)
    assert code_of(status) == "good"
    assert [(one.kind, one.status, one.age_s) for one in status.used] == [("crl", "good", 3600), ("crl", "good", 86400)]
    assert status.used[0].issuer == town.middle.certificate.subject.rfc4514_string()
    assert status.used[0].source == "http://crl.test/ca.crl"
    assert [one.kind for one in status.proofs] == ["crl", "crl"]
    assert {one.sha256 for one in status.proofs} == {one.sha256 for one in status.used}
    assert status.wanted == ()


@pytest.mark.parametrize(
    ("reason", "code", "sub_indication"),
    [
        (None, "revoked", SubIndication.REVOKED_NO_POE),
        (FLAGS.key_compromise, "revoked", SubIndication.REVOKED_NO_POE),
        (FLAGS.certificate_hold, "on-hold", SubIndication.TRY_LATER),
        (FLAGS.remove_from_crl, "good", None),
    ],
)
def test_what_a_list_says_of_a_certificate(
    reason: x509.ReasonFlags | None, code: str, sub_indication: SubIndication | None, town: Town
) -> None:
    store = town.store()
    assert add_crl(store, town.crl({town.serial: (NOW - 2 * HOUR, reason)})) == ""
    status = town.status(store)
    assert code_of(status) == code
    if sub_indication is None:
        return
    assert REASONS[code].sub_indication is sub_indication
    assert code not in WAITING_REASONS
    assert status.refusal is not None
    assert status.refusal.fields["date"] == "01/03/2026 23:30 (UTC)"
    # Before that it was good, and what is known of its later fate is told.
    before = town.status(store, NOW - 2 * HOUR - SECOND)
    assert code_of(before) == "good"
    assert before.used[0].status == ("hold" if code == "on-hold" else "revoked")
    assert before.used[0].revoked_at == NOW - 2 * HOUR
    assert before.used[0].age_s < 0
    assert code_of(town.status(store, NOW - 2 * HOUR)) == code


def test_a_revoked_authority_refuses_all_below_it(town: Town) -> None:
    store = RevocationStore(town.trust.authorities)
    gone = {town.middle.certificate.serial_number: (NOW - DAY, FLAGS.ca_compromise)}
    assert add_crl(store, make_crl(town.root, gone, this_update=NOW - HOUR, next_update=NOW + DAY)) == ""
    # It wins over what is missing about the leaf, and over what is good.
    status = town.status(store)
    assert code_of(status) == "authority-revoked"
    assert REASONS["authority-revoked"].sub_indication is SubIndication.REVOKED_CA_NO_POE
    assert [one.sha256 for one in status.wanted] == [town.chain().proofs[0].sha256]
    assert add_crl(store, town.crl()) == ""
    assert code_of(town.status(store)) == "authority-revoked"
    assert code_of(town.status(store, NOW - DAY - SECOND)) == "good"


def test_what_refuses_for_good_wins_over_what_waits(town: Town) -> None:
    for reason, code in ((None, "revoked"), (FLAGS.certificate_hold, "on-hold")):
        store = RevocationStore(town.trust.authorities)
        assert code_of(town.status(store)) == "revocation-missing"
        assert add_crl(store, town.crl({town.serial: (NOW - DAY, reason)})) == ""
        assert code_of(town.status(store)) == code


def test_a_stale_list_still_says_that_a_certificate_was_revoked(town: Town) -> None:
    store = town.store()
    old = town.crl({town.serial: (NOW - 4 * DAY, None)}, at=NOW - 3 * DAY, until=NOW - 2 * DAY)
    assert add_crl(store, old) == ""
    assert code_of(town.status(store)) == "revoked"
    # Not so a hold, which may have ended.
    store = town.store()
    held = {town.serial: (NOW - 4 * DAY, FLAGS.certificate_hold)}
    assert add_crl(store, town.crl(held, at=NOW - 3 * DAY, until=NOW - 2 * DAY)) == ""
    assert code_of(town.status(store)) == "revocation-stale"
    assert add_crl(store, town.crl()) == ""
    assert code_of(town.status(store)) == "good"


def test_a_hold_that_is_newer_than_a_good_response_counts(town: Town) -> None:
    held = {town.serial: (NOW - 2 * HOUR, FLAGS.certificate_hold)}
    for at, code in ((NOW - 30 * SECOND, "on-hold"), (NOW - 3 * HOUR, "good")):
        store = town.store()
        assert add_ocsp(store, town.ocsp(at=NOW - HOUR)) == ""
        assert add_crl(store, town.crl(held, at=at)) == ""
        assert code_of(town.status(store)) == code


def test_a_response_is_asked_before_a_list_and_a_stale_one_is_passed_over(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl()) == ""
    assert add_ocsp(store, town.ocsp(at=NOW - 2 * HOUR, until=NOW + HOUR)) == ""
    assert town.status(store).used[0].kind == "ocsp"
    later = town.status(store, NOW + HOUR + SECOND)
    assert (code_of(later), later.used[0].kind) == ("good", "crl")


def test_a_revocation_counts_although_the_responder_says_good(town: Town) -> None:
    store = town.store()
    assert add_ocsp(store, town.ocsp(at=NOW)) == ""
    assert add_crl(store, town.crl({town.serial: (NOW - DAY, None)}, at=NOW - 2 * HOUR)) == ""
    status = town.status(store)
    assert (code_of(status), status.used[0].kind) == ("revoked", "crl")


def test_how_old_data_may_be_is_the_policys(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl(at=NOW, until=NOW + 30 * DAY)) == ""
    week = 7 * DAY
    assert code_of(town.status(store, NOW + week)) == "good"
    stale = town.status(store, NOW + week + SECOND)
    assert code_of(stale) == "revocation-stale"
    assert stale.refusal is not None
    assert stale.refusal.fields["date"] == "02/03/2026 01:30 (UTC)"
    assert indication_of(REASONS["revocation-stale"].sub_indication) == "INDETERMINATE"
    by_next_update = rule(end_user_age_s_max="next-update")
    assert code_of(town.status(store, NOW + 30 * DAY, by_next_update)) == "good"
    assert code_of(town.status(store, NOW + 30 * DAY + SECOND, by_next_update)) == "revocation-stale"
    hour = rule(end_user_age_s_max=3600)
    assert code_of(town.status(store, NOW + HOUR, hour)) == "good"
    assert code_of(town.status(store, NOW + HOUR + SECOND, hour)) == "revocation-stale"
    # The root's list, a day old, is measured by the authorities' rule.
    strict = rule(authority_age_s_max=86_400)
    assert code_of(town.status(store, NOW, strict)) == "good"
    assert code_of(town.status(store, NOW + SECOND, strict)) == "revocation-stale"


def test_data_without_an_end_is_fresh_for_a_while(town: Town) -> None:
    day = timedelta(days=1)
    for add, der in ((add_crl, town.crl(at=NOW, until=None)), (add_ocsp, town.ocsp(at=NOW, until=None))):
        store = town.store()
        assert add(store, der) == ""
        assert code_of(town.status(store, NOW + day)) == "good"
        assert code_of(town.status(store, NOW + day + SECOND)) == "revocation-stale"
        assert code_of(town.status(store, NOW + SECOND, rule(without_next_update_age_s_max=0))) == "revocation-stale"


def test_another_clock_may_be_ahead_as_far_as_the_policy_says(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl(at=NOW + 60 * SECOND)) == ""
    assert code_of(town.status(store)) == "revocation-missing"
    assert code_of(town.status(store, policy=replace(POLICY, id="skew", clock_skew_s_max=60))) == "good"
    assert code_of(town.status(store, policy=replace(POLICY, id="less", clock_skew_s_max=59))) == "revocation-missing"
    # Once that instant has come it is what it is.
    assert code_of(town.status(store, NOW + 59 * SECOND)) == "revocation-missing"
    assert code_of(town.status(store, NOW + 60 * SECOND)) == "good"


def test_data_that_knows_more_than_the_instant_is_fresh(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl(at=NOW + 10 * DAY, until=NOW + 11 * DAY), fetched_at=NOW + 10 * DAY) == ""
    status = town.status(store)
    assert code_of(status) == "good"
    assert status.used[0].age_s == -10 * 86_400


def test_a_list_may_have_dropped_what_had_expired(town: Town) -> None:
    short = leaf(town.middle, valid_days=1)
    store = town.store()
    assert add_crl(store, town.crl(at=NOW + 2 * DAY, until=NOW + 3 * DAY), fetched_at=NOW + 2 * DAY) == ""
    assert code_of(store.status(town.chain(short), POLICY, NOW)) == "revocation-missing"
    kept = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x18\x0f20250101000000Z")
    der = town.crl(at=NOW + 2 * DAY, until=NOW + 4 * DAY, extensions=((kept, False),))
    assert add_crl(store, der, fetched_at=NOW + 2 * DAY) == ""
    assert code_of(store.status(town.chain(short), POLICY, NOW)) == "good"


def test_a_revocation_that_a_newer_list_leaves_out_goes_on_counting(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl({town.serial: (NOW - DAY, None)})) == ""
    assert add_crl(store, town.crl(at=NOW)) == ""
    status = town.status(store)
    assert code_of(status) == "revoked"
    assert status.used[0].this_update == NOW - HOUR
    assert add_crl(store, town.crl({town.serial: (NOW + DAY, None)}, at=NOW + HOUR), fetched_at=NOW + HOUR) == ""
    assert code_of(town.status(store, NOW + HOUR)) == "revoked"
    # Neither does a later date help, nor that it is called a hold now.
    for moved in ((NOW + 3 * HOUR, None), (NOW - DAY, FLAGS.certificate_hold)):
        store = town.store()
        assert add_crl(store, town.crl({town.serial: (NOW - DAY, None)})) == ""
        assert add_crl(store, town.crl({town.serial: moved}, at=NOW)) == ""
        assert code_of(town.status(store)) == "revoked"
    # A hold may end.
    store = town.store()
    assert add_crl(store, town.crl({town.serial: (NOW - DAY, FLAGS.certificate_hold)})) == ""
    assert add_crl(store, town.crl(at=NOW)) == ""
    assert code_of(town.status(store)) == "good"


def test_a_response_that_takes_a_revocation_back_is_refused(town: Town) -> None:
    store = town.store()
    assert add_ocsp(store, town.ocsp(revoked=(NOW - DAY, None))) == ""
    assert add_ocsp(store, town.ocsp(at=NOW)) == "revocation-contradicts"
    assert add_ocsp(store, town.ocsp(at=NOW, revoked=(NOW, None))) == "revocation-older"
    assert add_ocsp(store, town.ocsp(at=NOW, revoked=(NOW - 2 * DAY, None))) == ""
    assert code_of(town.status(store, NOW - 2 * DAY)) == "revoked"
    # An older response that tells of a revocation is heard.
    store = town.store()
    assert add_ocsp(store, town.ocsp(at=NOW)) == ""
    assert add_ocsp(store, town.ocsp(revoked=(NOW - DAY, None))) == ""
    assert code_of(town.status(store)) == "revoked"


def test_what_is_wanted_names_the_certificate_its_issuer_and_where_to_ask(town: Town) -> None:
    addresses = Addresses(
        ocsp_urls=(
            "http://a.test/",
            "ldap://b.test/",
            "HTTPS://c.test/x",
            "http://a.test/",
            "http://d.test/a b",
            "ftp://e.test/",
            f"http://f.test/{'f' * URL_CHARACTERS_MAX}",
        ),
        crl_urls=tuple(f"http://{number}.test/ca.crl" for number in range(URLS_MAX + 1)),
    )
    named = leaf(town.middle, addresses=addresses)
    status = RevocationStore().status(town.chain(named), POLICY, NOW)
    assert code_of(status) == "revocation-missing"
    first, second = status.wanted
    assert first.ocsp_urls == ("http://a.test/", "HTTPS://c.test/x")
    assert first.crl_urls == addresses.crl_urls[:URLS_MAX]
    assert (first.certificate, first.issuer) == (named.certificate, town.middle.certificate)
    assert first.sha256 == town.chain(named).proofs[0].sha256
    assert (second.certificate, second.issuer) == (town.middle.certificate, town.root.certificate)
    assert (second.ocsp_urls, second.crl_urls) == ((), ())


def test_a_responder_that_cannot_count_is_not_asked_again_where_there_is_a_list(town: Town) -> None:
    named = leaf(town.middle, addresses=Addresses(("http://ocsp.test/",), ("http://crl.test/",)))
    store = town.store()
    chain = town.chain(named)
    assert store.status(chain, POLICY, NOW).wanted[0].ocsp_urls == ("http://ocsp.test/",)
    der = town.ocsp(about=named.certificate, signer=town.delegate(unchecked=False))
    assert add_ocsp(store, der) == ""
    wanted = store.status(chain, POLICY, NOW).wanted[0]
    assert (wanted.ocsp_urls, wanted.crl_urls) == ((), ("http://crl.test/",))


def test_the_authorities_of_a_chain_are_learnt_from_asking(town: Town) -> None:
    store = RevocationStore()
    assert add_crl(store, town.crl()) == "crl-issuer-unknown"
    assert code_of(town.status(store)) == "revocation-missing"
    assert add_crl(store, town.crl()) == ""
    assert add_crl(store, make_crl(town.root, this_update=NOW, next_update=NOW + DAY)) == ""
    assert code_of(town.status(store)) == "good"


def test_new_data_is_seen_at_once_and_what_is_remembered_does_not_outlive_its_span(town: Town) -> None:
    store = town.store()
    assert code_of(town.status(store)) == "revocation-missing"
    assert add_crl(store, town.crl(until=NOW + HOUR)) == ""
    first = town.status(store)
    assert code_of(first) == "good"
    assert town.status(store) is first
    later = town.status(store, NOW + HOUR)
    assert [one.age_s for one in later.used] == [2 * 3600, 25 * 3600]
    assert replace(later, used=()) == replace(first, used=())
    assert code_of(town.status(store, NOW + HOUR + SECOND)) == "revocation-stale"
    assert code_of(town.status(store, NOW)) == "good"
    assert add_crl(store, town.crl({town.serial: (NOW + 2 * HOUR, None)}, at=NOW)) == ""
    assert code_of(town.status(store, NOW + 2 * HOUR - SECOND)) == "good"
    assert code_of(town.status(store, NOW + 2 * HOUR)) == "revoked"
    assert code_of(town.status(store, NOW + 2 * HOUR - SECOND)) == "good"


def test_what_is_remembered_is_for_its_chain_and_policy_alone(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl()) == ""
    strict = replace(POLICY, revocation=RevocationRule(required=True, end_user_age_s_max=60))
    assert strict.id == POLICY.id
    for policy, code in ((POLICY, "good"), (strict, "revocation-stale"), (POLICY, "good")):
        assert code_of(town.status(store, policy=policy)) == code
    other_way = authority("TOWN ROOT TWO")
    longer = replace(
        town.chain(),
        certificates=(*town.chain().certificates[:2], other_way.certificate),
        sha256=(town.chain().sha256[0], "00"),
    )
    assert code_of(store.status(longer, POLICY, NOW)) == "revocation-missing"
    assert code_of(town.status(store)) == "good"


def test_a_warm_question_costs_next_to_nothing(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl()) == ""
    chain = town.chain()
    store.status(chain, POLICY, NOW)
    seconds = min(timeit.repeat(lambda: store.status(chain, POLICY, NOW), number=2000, repeat=5)) / 2000
    assert seconds < 20e-6  # it takes about half a microsecond; a busy machine is allowed for


def test_every_reason_is_said_in_both_languages_and_no_code_twice() -> None:
    assert not set(REASONS) & set(COMMON)
    assert not set(REASONS) & set(UNUSABLE)
    for one in (*REASONS.values(), *UNUSABLE.values()):
        assert one.vi
        assert one.en
    assert set(WHY_REVOKED) == {flag.value for flag in FLAGS}
    assert set(REASONS) >= WAITING_REASONS


def test_nothing_is_known_in_the_beginning(town: Town) -> None:
    empty = RevocationStore()
    status = town.status(empty, BEGUN)
    assert isinstance(status, Status)
    assert code_of(status) == "revocation-missing"
