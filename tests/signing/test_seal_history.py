"""Keys come and go by a plan: no instant is without one, and what was sealed in good order holds for ever."""

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from signing.jwks import Doubt, JwksUnusable, PublishedKey, Standing, jwks_of, read_jwks
from signing.seal import FileSealKey
from signing.seal_history import (
    OVERLAP_S,
    ChangeRefused,
    HeldKey,
    History,
    HistoryBroken,
    begin,
    read_history,
    whole_second,
    write_history,
)

HANOI = timezone(timedelta(hours=7), "+07:00")
START = datetime(2026, 3, 2, 8, 30, 0, 250_000, HANOI)
DAY = timedelta(days=1)
LAG = timedelta(seconds=OVERLAP_S - 1)


@lru_cache
def key(number: int) -> FileSealKey:
    return FileSealKey(ed25519.Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big")))


def first() -> History:
    return begin(key(1), "seal.pem", START)


def sealing(history: History, instant: datetime) -> str:
    held = history.at(instant)
    assert held is not None
    return held.source


def test_the_first_key_seals_since_ever_and_until_further() -> None:
    history = first()
    for instant in (START - 900 * DAY, START, START + 9000 * DAY):
        assert sealing(history, instant) == "seal.pem"
    (only,) = history.keys
    assert (only.kid, only.seals_from, only.seals_until) == (key(1).kid, None, None)


def test_a_new_key_is_published_at_once_and_seals_a_day_later() -> None:
    history = first().rotated(key(2), "b.pem", START)
    old, new = history.keys
    begins = whole_second(START + DAY)
    assert (old.seals_until, new.seals_from, new.seals_until) == (begins, begins, None)
    assert old.retired_reason == "rotated"
    assert new.published_at == START.replace(microsecond=0)
    assert sealing(history, begins - timedelta(microseconds=1)) == "seal.pem"
    assert sealing(history, begins) == "b.pem"
    assert [one.standing(START) for one in history.keys] == [Standing.IN_USE, Standing.UPCOMING]
    assert [one.standing(begins) for one in history.keys] == [Standing.RETIRED, Standing.IN_USE]


def test_a_sudden_rotation_lets_the_old_key_hold_a_while_for_those_who_have_not_looked() -> None:
    old, new = first().rotated(key(2), "b.pem", START, START).keys
    assert new.seals_from == START.replace(microsecond=0)
    assert old.seals_until == whole_second(START + timedelta(seconds=OVERLAP_S))
    assert sealing(History(keys=(old, new)), START) == "b.pem"


def test_a_rotation_before_a_planned_one_holds_until_then() -> None:
    history = first().rotated(key(2), "b.pem", START, START + 10 * DAY).rotated(key(3), "c.pem", START, START + DAY)
    told = [sealing(history, START + days * DAY + timedelta(seconds=1)) for days in (0, 1, 9, 10, 99)]
    assert told == ["seal.pem", "c.pem", "c.pem", "b.pem", "b.pem"]


def test_a_key_is_used_once_and_never_backdated() -> None:
    history = first().rotated(key(2), "b.pem", START)
    with pytest.raises(ChangeRefused, match="once"):
        history.rotated(key(1), "seal.pem", START)
    with pytest.raises(ChangeRefused, match="past"):
        history.rotated(key(3), "c.pem", START, START - timedelta(seconds=2))


def test_of_two_keys_for_one_instant_the_later_word_counts() -> None:
    planned = first().rotated(key(2), "b.pem", START)
    begins = whole_second(START + DAY)
    history = planned.rotated(key(3), "c.pem", START, begins)
    assert sealing(history, begins) == "c.pem"
    assert history.keys[1].standing(begins) is Standing.RETIRED
    at_once = planned.rotated(key(3), "c.pem", START, START).rotated(key(4), "d.pem", START, START)
    assert sealing(at_once, START) == "d.pem"


def test_a_compromised_key_seals_nothing_more_and_leaves_a_gap_that_is_told() -> None:
    history = first().retired(key(1).kid, START - DAY, START)
    assert history.at(START) is None
    assert history.gap(START) == START
    (only,) = history.keys
    assert (only.retired_reason, only.standing(START - 9 * DAY)) == ("compromised", Standing.COMPROMISED)
    mended = history.rotated(key(2), "b.pem", START, START)
    assert mended.gap(START) is None
    assert sealing(mended, START) == "b.pem"


def test_a_planned_key_that_is_compromised_never_seals() -> None:
    planned = first().rotated(key(2), "b.pem", START)
    history = planned.retired(key(2).kid, START, START)
    assert history.gap(START) == planned.keys[1].seals_from
    assert history.keys[1].seals_until == history.keys[1].seals_from
    mended = history.rotated(key(3), "c.pem", START, history.gap(START))
    assert mended.gap(START) is None
    assert sealing(mended, START + 2 * DAY) == "c.pem"


def test_a_compromise_is_dated_earlier_but_never_later_and_never_ahead() -> None:
    history = first().retired(key(1).kid, START - DAY, START)
    with pytest.raises(ChangeRefused, match="known"):
        history.retired(key(1).kid, START - DAY, START)
    assert history.retired(key(1).kid, START - 2 * DAY, START).keys[0].compromised_at == (START - 2 * DAY).replace(
        microsecond=0
    )
    with pytest.raises(ChangeRefused, match="ahead"):
        first().retired(key(1).kid, START + DAY, START)
    with pytest.raises(ChangeRefused, match="called"):
        first().retired("nobody", START, START)


changes = st.lists(
    st.tuples(
        st.integers(0, 30 * 24 * 3600 * 10**6),  # how long after the last one, in microseconds
        st.sampled_from(["rotate", "at once", "retire"]),
        st.integers(0, 20 * 24 * 3600),
        st.integers(0, 9),
    ),
    max_size=8,
)


@given(changes)
def test_whatever_is_changed_no_key_is_lost_and_what_was_sealed_holds(steps: list[tuple[int, str, int, int]]) -> None:
    history, now = first(), START
    sealed: list[tuple[str, datetime]] = []
    for number, (later, change, seconds, which) in enumerate(steps, 2):
        before, now = history, now + timedelta(microseconds=later)
        try:
            if change == "retire":
                history = history.retired(history.keys[which % len(history.keys)].kid, now, now)
                if (gap := history.gap(now)) is not None:
                    history = history.rotated(key(number), str(number), now, gap)
            else:
                ahead = timedelta(seconds=0 if change == "at once" else seconds)
                history = history.rotated(key(number), str(number), now, now + ahead)
        except ChangeRefused:
            pass
        assert history.gap(now) is None
        assert {one.kid for one in before.keys} <= {one.kid for one in history.keys}
        assert read_history(write_history(history)) == history
        # One process has read the new history, another one has not yet.
        for ring, instant in ((history, now), (history, now + LAG), (before, now), (before, now + LAG)):
            held = ring.at(instant)
            assert held is not None
            assert held.seals_at(instant)
            sealed.append((held.kid, instant))
    for kid, instant in sealed:
        held = history.named(kid)
        assert held is not None
        # The time in a statement is cut down to milliseconds.
        said = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        assert held.doubt(said) in ((Doubt.COMPROMISED,) if held.compromised_at else (None,))
        existed = (held.compromised_at or START) - timedelta(seconds=1)
        assert held.doubt(said, existed) is None


def test_a_statement_outside_its_keys_period_proves_nothing() -> None:
    old, new = first().rotated(key(2), "b.pem", START).keys
    switch = whole_second(START + DAY)
    assert old.doubt(switch) is Doubt.AFTER_ITS_PERIOD
    assert old.doubt(switch - timedelta(seconds=1)) is None
    assert new.doubt(switch - timedelta(seconds=1)) is Doubt.BEFORE_ITS_PERIOD
    assert new.doubt(switch) is None


def test_a_compromised_keys_statement_needs_a_proof_that_it_was_there_before() -> None:
    (held,) = first().retired(key(1).kid, START, START).keys
    said = START - DAY
    assert held.doubt(said) is Doubt.COMPROMISED
    assert held.doubt(said, START + DAY) is Doubt.COMPROMISED
    assert held.doubt(said, START.replace(microsecond=0)) is Doubt.COMPROMISED
    assert held.doubt(said, START - timedelta(hours=1)) is None


def test_what_is_published_is_read_again_with_its_periods() -> None:
    now = START + 3 * DAY
    history = first().rotated(key(2), "b.pem", START).retired(key(1).kid, START - DAY, now)
    told = jwks_of(history.keys, now)
    old, new = told["keys"]
    assert (old["x-status"], new["x-status"]) == ("compromised", "in-use")
    assert "nbf" not in old
    assert old["exp"] == new["nbf"] == int(whole_second(START + DAY).timestamp())
    assert new["x-seals-from"] == "2026-03-03T08:30:01+07:00"
    assert old["revoked"] == {"revoked_at": int((START - DAY).timestamp()), "reason": "compromised"}
    assert "exp" not in new
    assert "source" not in new
    read = read_jwks(msgspec.json.encode(told))
    assert list(read) == [key(1).kid, key(2).kid]
    for one in history.keys:
        again = read[one.kid]
        for name in ("published_at", "seals_from", "seals_until", "compromised_at", "jwk"):
            assert getattr(again, name) == getattr(one, name)


def jwk(number: int = 1, **more: object) -> bytes:
    return json.dumps({**key(number).public_jwk(), **more}).encode()


def test_one_key_that_was_pinned_without_a_period_bounds_nothing() -> None:
    (pinned,) = read_jwks(jwk()).values()
    assert pinned == PublishedKey(jwk=key(1).public_jwk())
    assert pinned.doubt(START) is None


def test_a_key_superseded_in_good_order_is_in_no_doubt() -> None:
    (pinned,) = read_jwks(jwk(revoked={"revoked_at": 1, "reason": "superseded"})).values()
    assert pinned.doubt(START) is None
    (pinned,) = read_jwks(jwk(revoked={"revoked_at": 1})).values()
    assert pinned.doubt(START) is Doubt.COMPROMISED


def test_keys_of_other_kinds_in_a_set_are_passed_over() -> None:
    both = b'{"keys":[{"kty":"RSA","n":"AAAA","e":"AQAB"},' + jwk() + b"]}"
    assert list(read_jwks(both)) == [key(1).kid]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"keys":{}}',
        b'{"keys":[]}',
        b'{"keys":[1]}',
        b'{"keys":[{"kty":"RSA","n":"AAAA","e":"AQAB"}]}',
        b'{"keys":[' + jwk() + b"," + jwk(nbf=5) + b"]}",
        jwk(nbf="2026"),
        jwk(nbf=True),
        jwk(nbf=None),
        jwk(exp=1e300),
        jwk(revoked=[]),
        jwk(revoked={"reason": "compromised"}),
        jwk(alg="HS256"),
        b'{"kty":"OKP","crv":"Ed25519"}',
        b"[" * 100_000,
        b" " * (1024 * 1024 + 1),
    ],
)
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(JwksUnusable):
        read_jwks(content)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_a_key_set_or_are_refused(content: bytes) -> None:
    with pytest.raises(JwksUnusable):
        read_jwks(content)
    with pytest.raises(HistoryBroken):
        read_history(content)


def broken(**changes: object) -> bytes:
    (only,) = first().keys
    return write_history(History(keys=(replace(only, **changes),)))


@pytest.mark.parametrize(
    "content",
    [
        write_history(History(keys=())),
        write_history(replace(first(), version=2)),
        write_history(History(keys=first().keys * 2)),
        write_history(first()).replace(b'"source"', b'"colour"'),
        write_history(first()).replace(b'"crv"', b'"d": "c2VjcmV0", "crv"'),
        broken(jwk=key(1).public_jwk() | {"kid": "other"}),
        broken(jwk=key(1).public_jwk() | {"x": key(2).public_jwk()["x"]}),
        broken(published_at=START),
        broken(published_at=START.replace(microsecond=0, tzinfo=None)),
        broken(seals_from=datetime(2026, 2, 2, tzinfo=UTC), seals_until=datetime(2026, 2, 1, tzinfo=UTC)),
        broken(retired_reason="compromised"),
        broken(compromised_at=datetime(2026, 2, 2, tzinfo=UTC)),
        broken(retired_reason="lost"),
    ],
)
def test_a_history_that_is_not_ours_is_refused(content: bytes) -> None:
    with pytest.raises(HistoryBroken):
        read_history(content)


def test_a_history_is_read_by_people_too() -> None:
    text = write_history(first().rotated(key(2), "b.pem", START)).decode()
    assert '"seals_until": "2026-03-03T08:30:01+07:00"' in text
    assert isinstance(read_history(text.encode()).keys[0], HeldKey)
