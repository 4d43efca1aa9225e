"""Folding: the same set of handlings is the same state, in whatever order it came and however often it was told."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import to_us
from gateway.postal.emsevt import CODES, JOURNEY
from gateway.tracking import Folded, fold
from storage.handlings import Handling

HOUR_US = 3_600_000_000
BEGIN_US = to_us(datetime(2026, 3, 2, tzinfo=UTC))


def told(code: str, hour: int, *, word: str = "", meant: str = "", mapped: bool = False, office: str = "") -> Handling:
    return Handling(
        item="RR473124829VN", carrier="vnpost", code=code, word=word, mapped=int(mapped), meant=meant,
        at_us=BEGIN_US + hour * HOUR_US, office=office, source="api", heard_at_us=BEGIN_US, heard_from="post-x",
    )  # fmt: skip


def folded(*codes: str) -> Folded:
    """One event an hour."""
    return fold([told(code, hour) for hour, code in enumerate(codes)])


def hour(number: int) -> int:
    return BEGIN_US + number * HOUR_US


def test_an_item_of_which_nothing_was_told_is_bound() -> None:
    assert fold([]) == Folded("bound", 0, None, None, None)


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        ("EMA", "posted"), ("EMA EMC", "on-the-way"), ("EMA EMG", "at-office"), ("EMA EMG EMH", "attempted"),
        ("EMA EMG EMH EDF", "at-office"), ("EMA EMG EDG", "attempted"), ("EMA EMG EDE", "on-the-way"),
        ("EMA EMG EMI", "delivered"), ("EMA EDE EMA", "on-the-way"), ("EMI EMG EMH EDE EMA", "delivered"),
        ("EMA EMI returning", "returning"), ("EMA EMI lost", "lost"), ("EMA lost EDE", "on-the-way"),
        ("EMA lost EMI", "delivered"), ("EMA EMH returning EDE EMG EMH", "returning"), ("EMA lost EMA", "posted"),
        ("EMA returning EMI", "returned"), ("EMA returning lost", "lost"),
        ("EMA returning lost EDE", "returning"), ("EMA returning lost lost EMI", "returned"),
        ("EMA returned EMI EDE lost", "returned"),
        ("EXA EMB EMC EMD EDB EDC EMF EDD EMG EDH", "at-office"), ("EMG", "at-office"),
    ],
)  # fmt: skip
def test_a_journey_leaves_an_item_in_its_state(codes: str, state: str) -> None:
    assert folded(*codes.split()).state == state


def test_the_times_are_those_of_the_posting_that_was_first_and_of_the_delivery_that_stands() -> None:
    assert folded("EMA", "EMA", "EMG", "EMI", "EMI", "EDE") == Folded("delivered", hour(3), hour(0), hour(3), hour(5))
    assert folded("EMA", "EMI", "returning", "EDE") == Folded("returning", hour(2), hour(0), None, hour(3))
    assert folded("EMA", "EMI", "lost", "EMG", "EMI") == Folded("delivered", hour(4), hour(0), hour(4), hour(4))


def test_what_is_heard_late_but_was_before_a_delivery_does_not_undo_it() -> None:
    before = [told("EMA", 0), told("EMI", 9)]
    late = [told("EMH", 5), told("EDE", 2), told("returning", 7), told("lost", 1)]
    assert fold(before).state == "delivered"
    assert fold([*before, *late[:2]]) == fold(before)
    # A return that was told before the delivery makes that a delivery to the sender.
    assert fold([*before, *late]).state == "returned"


def test_events_of_one_instant_follow_the_journey() -> None:
    at_once = [told(code, 0) for code in ("EMI", "EMA", "EMH", "EMG")]
    assert fold(at_once) == Folded("delivered", hour(0), hour(0), hour(0), hour(0))
    assert fold([*at_once, told("returned", 0)]).state == "returned"


def test_an_unknown_word_is_heard_of_and_counts_once_it_is_known() -> None:
    events = [told("EMA", 0), told("", 4, word="Đã tới tay", mapped=True)]
    assert fold(events) == Folded("posted", hour(0), hour(0), None, hour(4))
    learnt = [events[0], told("", 4, word="Đã tới tay", mapped=True, meant="EMI")]
    assert fold(learnt) == Folded("delivered", hour(4), hour(0), hour(4), hour(4))


def test_a_word_that_was_taken_for_another_counts_as_what_it_is_taken_for_now() -> None:
    assert fold([told("EMH", 1, word="x", mapped=True, meant="EMI")]).state == "delivered"
    assert fold([told("EMH", 1, word="x", mapped=True)]).state == "attempted", "no table knows it any more"


def test_the_carriers_own_code_counts_before_its_word_but_for_returns_and_losses() -> None:
    assert fold([told("EMI", 1, word="x", meant="EMH")]).state == "delivered"
    assert fold([told("EMI", 1, word="Phát hoàn thành công", meant="returned")]).state == "returned"


def test_every_state_has_an_event_and_every_event_a_rank_of_its_own() -> None:
    assert {state for _, state in JOURNEY} == {
        "posted", "on-the-way", "at-office", "attempted", "delivered", "returning", "returned", "lost",
    }  # fmt: skip
    assert len(CODES) == len(JOURNEY)


events = st.builds(
    told,
    st.sampled_from(sorted(CODES) + [""] * 3),
    st.integers(0, 12),
    word=st.sampled_from(["", "Đã phát", "Không rõ"]),
    meant=st.sampled_from(["", "EMI", "returned", "EMG"]),
    mapped=st.booleans(),
    office=st.sampled_from(["", "100000", "700000"]),
)


@given(st.lists(events, max_size=20), st.randoms(use_true_random=False), st.data())
def test_any_order_and_any_repetition_is_the_same_state(
    set_of: list[Handling], chance: object, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(set_of))
    again = data.draw(st.lists(st.sampled_from(set_of), max_size=10)) if set_of else []
    assert fold(shuffled + again) == fold(set_of)


@given(st.lists(events, min_size=1, max_size=20), st.data())
def test_a_set_that_only_grows_ends_as_if_it_had_come_whole(set_of: list[Handling], data: st.DataObject) -> None:
    archive: list[Handling] = []
    for answer in data.draw(st.lists(st.lists(st.sampled_from(set_of), max_size=20), max_size=6)):
        # What an answer leaves out stays: the archive only grows.
        before = len(archive)
        archive += [one for one in answer if one not in archive]
        assert len(archive) >= before
    archive += [one for one in set_of if one not in archive]
    assert fold(archive) == fold(set_of)


@given(st.lists(events, max_size=20))
def test_a_fold_agrees_with_itself(set_of: list[Handling]) -> None:
    one = fold(set_of)
    assert (one.state == "bound") == (one.state_at_us == 0)
    assert (one.delivered_at_us is not None) == (one.state == "delivered")
    assert (one.heard_at_us is None) == (not set_of)
    if one.delivered_at_us is not None:
        assert one.delivered_at_us == one.state_at_us
    assert one.heard_at_us is None or one.heard_at_us >= max(one.state_at_us, one.posted_at_us or 0)
