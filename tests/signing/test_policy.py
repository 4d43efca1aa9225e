from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from signing.policy import (
    DIGEST_ALGORITHMS,
    LEGACY_DIGEST_ALGORITHMS,
    LEGACY_SIGNATURE_ALGORITHMS,
    SIGNATURE_ALGORITHMS,
    Policy,
    RsaEnd,
    last_instant,
)

VIETNAM = timezone(timedelta(hours=7))
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
RSA_SHA256, SHA256 = SIGNATURE_ALGORITHMS[0], DIGEST_ALGORITHMS[0]
LAST_DAY = last_instant(date(2026, 12, 31))
IN_TIME = datetime(2026, 12, 31, 23, 59, 59, tzinfo=VIETNAM)
TOO_LATE = datetime(2027, 1, 1, tzinfo=VIETNAM)


def test_until_a_day_means_until_the_end_of_that_day_in_vietnam() -> None:
    assert datetime(2026, 12, 31, 16, 59, 59, 999999, tzinfo=UTC) == LAST_DAY
    assert IN_TIME <= LAST_DAY < TOO_LATE


def test_every_built_algorithm_is_found_by_its_identifier_and_no_other_is() -> None:
    policy = Policy()
    for one in SIGNATURE_ALGORITHMS:
        assert policy.accepted_signature(one.uri, TOO_LATE) is one
        assert policy.accepted_digest(one.uri, TOO_LATE) is None
    for one in DIGEST_ALGORITHMS:
        assert policy.accepted_digest(one.uri, TOO_LATE) is one
        assert policy.accepted_signature(one.uri, TOO_LATE) is None
    hmac = "http://www.w3.org/2000/09/xmldsig#hmac-sha1"
    assert policy.accepted_signature(hmac, IN_TIME) is None
    assert policy.accepted_signature("", IN_TIME) is None


@given(st.timedeltas(timedelta(days=-2), timedelta(days=2)))
@example(timedelta())
@example(timedelta(microseconds=1))
def test_an_algorithm_ends_with_its_day_by_either_look_up(later: timedelta) -> None:
    now, ends = LAST_DAY + later, structs.replace(RSA_SHA256, until=LAST_DAY)
    policy = Policy(signature_algorithms=(ends,))
    found = policy.accepted_signature(ends.uri, now)
    assert (found is ends) == (now.astimezone(VIETNAM).date() <= date(2026, 12, 31))


def test_without_the_switch_nothing_old_passes() -> None:
    policy = Policy()
    assert policy.accepted_signature(RSA_SHA1, IN_TIME) is None
    assert policy.accepted_digest(SHA1, IN_TIME) is None
    assert policy.rsa_bits_least(IN_TIME) == 2048
    assert not policy.legacy_at(IN_TIME)


def test_one_switch_lets_all_three_pass_until_and_including_its_day() -> None:
    policy = Policy(legacy_until=LAST_DAY)
    signature, digest = policy.accepted_signature(RSA_SHA1, IN_TIME), policy.accepted_digest(SHA1, IN_TIME)
    assert signature is not None
    assert digest is not None
    assert (signature.hash_name, signature.family, digest.hash_name) == ("sha1", "rsa", "sha1")
    assert policy.rsa_bits_least(IN_TIME) == 1024
    assert policy.legacy_at(IN_TIME)
    assert policy.accepted_signature(RSA_SHA1, TOO_LATE) is None
    assert policy.accepted_digest(SHA1, TOO_LATE) is None
    assert policy.rsa_bits_least(TOO_LATE) == 2048
    assert not policy.legacy_at(TOO_LATE)


def test_the_switch_does_not_let_ecdsa_with_sha1_pass() -> None:
    policy = Policy(legacy_until=LAST_DAY)
    assert policy.accepted_signature("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", IN_TIME) is None


def test_what_passed_through_the_switch_is_named_and_nothing_else_is() -> None:
    policy = Policy(legacy_until=LAST_DAY)
    (rsa_sha1,), (sha1,) = LEGACY_SIGNATURE_ALGORITHMS, LEGACY_DIGEST_ALGORITHMS
    assert policy.legacy_caution(RSA_SHA256, SHA256, rsa_bits=2048, now=IN_TIME) is None
    assert policy.legacy_caution(RSA_SHA256, SHA256, rsa_bits=0, now=IN_TIME) is None
    both = policy.legacy_caution(rsa_sha1, sha1, rsa_bits=1024, now=IN_TIME)
    assert both is not None
    assert both.code == "legacy-algorithms"
    assert "rsa-sha1, sha1, RSA 1024" in both.message_vi
    assert "31/12/2026" in both.message_vi
    assert "31/12/2026" in both.message_en
    short = policy.legacy_caution(RSA_SHA256, SHA256, rsa_bits=1536, now=IN_TIME)
    assert short is not None
    assert "RSA 1536" in short.message_en
    assert "sha1" not in short.message_en
    # Every algorithm counts, wherever it was used; none is named twice.
    beside = policy.legacy_caution(RSA_SHA256, SHA256, sha1, SHA256, sha1, rsa_bits=2048, now=IN_TIME)
    assert beside is not None
    assert beside.message_en.count("sha1") == 1


def test_the_switch_does_not_silently_undo_the_end_of_short_keys() -> None:
    ended = (RsaEnd(3072, IN_TIME - timedelta(days=1)),)
    policy = Policy(legacy_until=LAST_DAY, rsa_ends=ended)
    caution = policy.legacy_caution(RSA_SHA256, SHA256, rsa_bits=2048, now=IN_TIME)
    assert caution is not None
    assert "RSA 2048" in caution.message_vi
    assert "3072 bit" in caution.message_vi
    assert policy.legacy_caution(RSA_SHA256, SHA256, rsa_bits=2048, now=IN_TIME - timedelta(days=2)) is None
    assert policy.legacy_caution(RSA_SHA256, SHA256, rsa_bits=3072, now=IN_TIME) is None


@pytest.mark.parametrize(("day", "least"), [("2028-12-31", 2048), ("2029-01-01", 3072), ("2031-01-01", 4096)])
def test_short_rsa_keys_end_with_their_days(day: str, least: int) -> None:
    ends = (RsaEnd(3072, last_instant(date(2028, 12, 31))), RsaEnd(4096, last_instant(date(2030, 12, 31))))
    now = datetime.fromisoformat(day).replace(hour=12, tzinfo=VIETNAM)
    assert Policy(rsa_ends=ends).rsa_bits_least(now) == least


def test_a_changed_copy_of_a_policy_forgets_nothing_and_keeps_nothing_old() -> None:
    policy = Policy()
    assert policy.accepted_digest(SHA1, IN_TIME) is None  # looked up before the copy
    switched = structs.replace(policy, legacy_until=LAST_DAY)
    assert switched.accepted_digest(SHA1, IN_TIME) is not None
    assert switched != policy
    assert structs.replace(switched, legacy_until=None) == policy
