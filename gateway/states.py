"""The states of a dossier and the legal transitions between them: one table.

A state is what the events so far amount to; it is never set for another reason. *Refused* is the gateway's word,
*declined* the office's. National status codes 1–10 are a mapping at the boundary.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class State(StrEnum):
    """Where a dossier stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    AWAITING_PAPER = "awaiting-paper"
    ACKNOWLEDGED = "acknowledged"
    IN_WORK = "in-work"
    SUPPLEMENT_REQUESTED = "supplement-requested"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    FINISHED = "finished"
    RETURNED = "returned"


class IllegalTransition(Exception):
    """A fact was reported that cannot follow from where the dossier stands. Trying again changes nothing."""


# A fact that moves a dossier, the states it may come in (None: it is the first fact), and the state it leads to.
TRANSITIONS: dict[str, tuple[frozenset[State | None], State]] = {
    "accepted": (frozenset({None, State.PENDING}), State.ACCEPTED),
    "refused": (frozenset({None, State.PENDING}), State.REFUSED),
    "received-pending": (frozenset({None}), State.PENDING),
    "acknowledged": (frozenset({State.ACCEPTED, State.AWAITING_PAPER}), State.ACKNOWLEDGED),
    # Its paper half is to come; the office has it all the same.
    "paper-awaited": (frozenset({State.ACCEPTED}), State.AWAITING_PAPER),
    "work-started": (frozenset({State.ACKNOWLEDGED, State.AWAITING_PAPER, State.SUPPLEMENT_REQUESTED}), State.IN_WORK),
    "supplement-requested": (frozenset({State.ACKNOWLEDGED, State.IN_WORK}), State.SUPPLEMENT_REQUESTED),
    "stopped": (
        frozenset({State.ACKNOWLEDGED, State.IN_WORK, State.SUPPLEMENT_REQUESTED, State.AWAITING_PAPER}),
        State.STOPPED,
    ),
    "withdrawn": (
        frozenset(
            {
                State.ACCEPTED,
                State.AWAITING_PAPER,
                State.ACKNOWLEDGED,
                State.IN_WORK,
                State.SUPPLEMENT_REQUESTED,
                State.PENDING,
            }
        ),
        State.WITHDRAWN,
    ),
    "declined": (
        frozenset({State.ACKNOWLEDGED, State.IN_WORK, State.SUPPLEMENT_REQUESTED, State.AWAITING_PAPER}),
        State.DECLINED,
    ),
    "finished": (frozenset({State.ACKNOWLEDGED, State.IN_WORK}), State.FINISHED),
    "returned": (frozenset({State.FINISHED}), State.RETURNED),
    # The other half of a dossier that comes in two has come, before its office took the first.
    "half-received": (frozenset({State.AWAITING_PAPER}), State.ACCEPTED),
    # What the employer sent was asked for: the clock runs again.
    "supplement-received": (frozenset({State.SUPPLEMENT_REQUESTED}), State.IN_WORK),
    # Offered to another office, which has not taken it yet.
    "transferred": (
        frozenset(
            {State.ACCEPTED, State.ACKNOWLEDGED, State.IN_WORK, State.SUPPLEMENT_REQUESTED, State.AWAITING_PAPER}
        ),
        State.ACCEPTED,
    ),
    # A correction: what was reported as ended goes on.
    "reopened": (frozenset({State.FINISHED, State.RETURNED, State.STOPPED, State.DECLINED}), State.IN_WORK),
}
# Facts that leave a dossier where it stands: its work was handed about.
STEADY = frozenset(
    {
        "leased",
        "lease-extended",
        "lease-released",
        "lease-expired",
        "dead-listed",
        "revived",
        # What was noticed of its signer on the way.
        "certificate-renewed",
        # Learnt afterwards; what becomes of the dossier is its office's decision.
        "signer-revoked",
        # Its office went on with it: who has it now, what was numbered, paid for or corrected.
        "worked-on",
        "passed-on",
        # The office that had it has it no more; `transferred` says where it went.
        "sent-on",
        "numbered",
        "fee-requested",
        "corrected",
        # An apology with its new date.
        "re-appointed",
        # The employer sent something unasked, or too late to change anything.
        "supplement-added",
        # Its other half came when the office had begun; or its electronic half is the one that is awaited.
        "half-added",
        "electronic-awaited",
        # A page was bound to another dossier than before.
        "pages-rebound",
        "withdrawal-late",
        # The carrier says that the item with its results and originals was delivered; or that it was not.
        "result-delivered",
        "result-undelivered",
        # It may be one case with another filing; a person decided whether it is.
        "case-noticed",
        "case-decided",
        # The clock spoke.
        "due-soon",
        "due-now",
        "overdue",
        # The key to its content was destroyed, and what quotes persons was cleared; where it stood, it stands.
        "erased",
    }
)


def after(state: State | None, fact: str) -> State:
    """The state that a fact leads to. Raises `IllegalTransition`."""
    if fact in STEADY and state is not None:
        return state
    came_from, leads_to = TRANSITIONS.get(fact, (frozenset(), None))
    if leads_to is None or state not in came_from:
        raise IllegalTransition(f"{fact} cannot follow {state or 'nothing'}")
    return leads_to


def fold(facts: Iterable[str]) -> State:
    """The state that a dossier's facts amount to, in their order. Raises `IllegalTransition`."""
    state: State | None = None
    for fact in facts:
        state = after(state, fact)
    if state is None:
        raise IllegalTransition("no fact, no state")
    return state
