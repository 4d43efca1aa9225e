"""When a message is tried again: three days, longer and longer, never sooner than asked."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.webhook_schedule import JITTER, RESTS_S, RETRY_AFTER_S_MAX, TRIED_S_MAX, WAITS_S, next_try, rest_s

FIRST = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
END = FIRST + timedelta(seconds=TRIED_S_MAX)


def tries(message: str, lateness_s: list[float]) -> list[datetime]:
    """Every try of a message that always fails, each so late."""
    at, made = FIRST, [FIRST]
    for attempt in range(1, 1000):
        again = next_try(message, attempt, FIRST, at)
        if again is None:
            return made
        at = again + timedelta(seconds=lateness_s[attempt % len(lateness_s)] if lateness_s else 0)
        made.append(at)
    raise AssertionError("it never ends")


def test_a_message_is_tried_at_once_and_then_as_the_standard_has_it() -> None:
    made = tries("msg_1", [])
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(made)]
    for wait, least in zip(waits[:-1], WAITS_S, strict=False):
        assert least <= wait <= least * (1 + JITTER)
    assert made[-1] == END, "the last try is at the very end of the third day"
    assert len(made) == 10


@given(st.text(max_size=60), st.lists(st.floats(0, 200_000), max_size=12))
def test_however_late_tries_are_the_waits_grow_and_the_end_comes(message: str, lateness_s: list[float]) -> None:
    at = FIRST
    for attempt in range(1, 100):
        again = next_try(message, attempt, FIRST, at)
        if again is None:
            assert at >= END
            return
        assert at < again <= END
        assert again == END or (again - at).total_seconds() >= WAITS_S[min(attempt, len(WAITS_S)) - 1]
        assert again == next_try(message, attempt, FIRST, at), "the same for the same message"
        at = again + timedelta(seconds=lateness_s[attempt % len(lateness_s)] if lateness_s else 0)
    raise AssertionError("it never ends")


@given(st.integers(1, 20), st.integers(0, 10_000_000), st.integers(0, TRIED_S_MAX - 1))
def test_a_receiver_that_asks_for_time_is_given_it_for_a_day_at_most(attempt: int, asked_s: int, after_s: int) -> None:
    now = FIRST + timedelta(seconds=after_s)
    again = next_try("msg_1", attempt, FIRST, now, asked_s)
    assert again is not None
    longest = max(RETRY_AFTER_S_MAX, WAITS_S[-1] * (1 + JITTER))
    assert (
        min(END, now + timedelta(seconds=min(asked_s, RETRY_AFTER_S_MAX))) <= again <= now + timedelta(seconds=longest)
    )


@given(st.integers(0, 1000))
def test_an_address_rests_longer_the_longer_it_fails_and_never_long(failures: int) -> None:
    assert 0 <= rest_s(failures) <= rest_s(failures + 1) <= RESTS_S[-1] == 300
    assert (rest_s(failures) == 0) == (failures == 0)
