"""The table of legal transitions: a test for each entry, and for what is not in it."""

import pytest

from gateway.states import STEADY, TRANSITIONS, IllegalTransition, State, after, fold

LEGAL = [
    (came, fact, leads) for fact, (allowed, leads) in TRANSITIONS.items() for came in [None, *State] if came in allowed
]
ILLEGAL = [(came, fact) for fact, (allowed, _) in TRANSITIONS.items() for came in [None, *State] if came not in allowed]


@pytest.mark.parametrize(("came", "fact", "leads"), LEGAL)
def test_a_legal_fact_leads_on(came: State | None, fact: str, leads: State) -> None:
    assert after(came, fact) is leads


@pytest.mark.parametrize(("came", "fact"), ILLEGAL)
def test_an_illegal_fact_is_refused(came: State | None, fact: str) -> None:
    with pytest.raises(IllegalTransition):
        after(came, fact)


@pytest.mark.parametrize("fact", sorted(STEADY))
def test_handing_work_about_changes_no_state_and_is_never_the_first_fact(fact: str) -> None:
    assert all(after(state, fact) is state for state in State)
    with pytest.raises(IllegalTransition):
        after(None, fact)


def test_nothing_but_a_correction_follows_the_end() -> None:
    ends = {State.REFUSED, State.STOPPED, State.WITHDRAWN, State.DECLINED, State.RETURNED}
    for end in ends:
        for fact in TRANSITIONS.keys() - {"reopened"}:
            with pytest.raises(IllegalTransition):
                after(end, fact)


def test_a_state_is_what_the_facts_amount_to() -> None:
    assert fold(["accepted", "leased", "lease-expired", "leased", "acknowledged"]) is State.ACKNOWLEDGED
    assert (
        fold(["received-pending", "accepted", "acknowledged", "work-started", "finished", "returned"]) is State.RETURNED
    )
    with pytest.raises(IllegalTransition):
        fold([])
    with pytest.raises(IllegalTransition):
        fold(["accepted", "unheard-of"])
