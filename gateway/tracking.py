"""What a carrier's events amount to: all that was ever told of an item, folded into one state.

An item's state follows from the set of its handlings alone: not from the order in which they came, nor from how often
they were told, nor from what a carrier leaves out of a later answer, for nothing that was kept is dropped again. They
are walked through by the carrier's own time; at one instant, in the order of a journey (`RANKS`).

What counts when a carrier corrects or contradicts itself:

- The later event wins: an item that lay at the delivery office and was sent on is on its way.
- A second posting does not bring an item back: it was posted when that was first told.
- `delivered` stands whatever else is told after it, but for a return and for its loss: then nothing was delivered, and
  the office is not to look for it. Of several deliveries the first that stands counts.
- An item that returns stays so through every event that may as well be told of its way back; a delivery ends it, as
  `returned`: what goes back and is handed over was handed to its sender.
- A lost item that is told of again was found; if it was on its way back, it is again.
- `attempted` says that a delivery was tried or is under way (EMSEVT EMH, EDG): the last is told more often than not.
- `returned` is the end.
- An event whose word nobody knows changes no state; it was heard of, though. What a word stands for is looked up when
  it is folded, so that events told in it count as soon as it is learnt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gateway.postal.emsevt import OWN_CODES, RANKS, STATES, State
from storage import handlings, items

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import sqlalchemy as sa

    from storage.handlings import Handling


class Folded(Struct, frozen=True):
    """What an item's handlings amount to; times are the carrier's, in microseconds since 1970 UTC.

    `state_at_us` is since when (0: nothing was told); `posted_at_us` the earliest posting; `delivered_at_us` the
    delivery that stands; `heard_at_us` the latest event of all, with a known word or not.
    """

    state: State = "bound"
    state_at_us: int = 0
    posted_at_us: int | None = None
    delivered_at_us: int | None = None
    heard_at_us: int | None = None


def fold(told: Iterable[Handling]) -> Folded:
    """What these handlings amount to."""
    heard_at_us: int | None = None
    events: list[tuple[int, int, str]] = []
    for one in told:
        heard_at_us = one.at_us if heard_at_us is None else max(heard_at_us, one.at_us)
        code = code_of(one)
        if code in STATES:
            events.append((one.at_us, RANKS[code], code))
    events.sort()
    state: State = "bound"
    state_at_us = 0
    delivered_at_us: int | None = None
    was_going_back = False
    for at_us, _, code in events:
        after = _after("returning" if state == "lost" and was_going_back else state, STATES[code])
        was_going_back |= after == "returning"
        if after == state:
            continue
        state, state_at_us = after, at_us
        delivered_at_us = at_us if state == "delivered" else None
    posted_at_us = next((at_us for at_us, _, code in events if code == "EMA"), None)
    return Folded(state, state_at_us, posted_at_us, delivered_at_us, heard_at_us)


def _after(before: State, told: State) -> State:
    """The state in which an event leaves an item."""
    if before == "returned":
        return before
    if told in ("returning", "returned", "lost"):
        return told
    if before == "delivered":
        return before
    if before == "returning":
        return "returned" if told == "delivered" else before
    if told == "posted" and before not in ("bound", "lost"):
        return before
    return told


def code_of(one: Handling) -> str:
    """The code that a handling counts as; '' while its word is not known. A word that tells of a return or a loss says
    more than the code that came with it; otherwise the carrier's own code counts before its word.
    """
    return (one.meant or one.code) if one.mapped or one.meant in OWN_CODES else one.code


def restand(tx: sa.Connection, item: str) -> Folded | None:
    """Fold all that was told of an item again and write what it amounts to beside it; None: there is no such item (its
    handlings wait for it). Doing it again changes nothing. Whoever writes items calls it after the item is written.
    """
    handlings.hold(tx)
    return restand_all(tx, [item]).get(item)


def restand_all(tx: sa.Connection, numbers: Sequence[str]) -> Mapping[str, Folded]:
    """The same for several items, in the turn that the caller holds; returns those that are items."""
    told = handlings.of_many(tx, numbers)
    stood: dict[str, Folded] = {}
    # In one order, whoever writes: two that write the same items then wait for each other and not in a ring.
    for number in sorted(told):
        held = items.find(tx, number)
        if held is None:
            continue
        now = stood[number] = fold(told[number])
        since_us = now.state_at_us or held.bound_at_us
        before = (held.state, held.state_at_us, held.posted_at_us, held.delivered_at_us, held.heard_at_us)
        if before != (now.state, since_us, now.posted_at_us, now.delivered_at_us, now.heard_at_us):
            items.stand(
                tx,
                number,
                state=now.state,
                state_at_us=since_us,
                posted_at_us=now.posted_at_us,
                delivered_at_us=now.delivered_at_us,
                heard_at_us=now.heard_at_us,
            )
    return stood
