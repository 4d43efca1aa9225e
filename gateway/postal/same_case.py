"""The same case twice: a paper and an electronic copy of one filing are found, told of, and never merged.

1. Whatever was accepted since the last look is put beside what else its unit filed for the same procedure and period,
   if one of the two is paper, or is announced as paper.
2. What both say is compared: rows and fields of their forms, without signatures.
3. What may be one case is written down, and told as a fact to both.
4. A person of an office decides whether it is one; each decision is a fact of both.

Nobody waits for it: it follows the committed facts, in small steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from gateway import events, repeated
from gateway.clock import from_us, to_us
from gateway.contents import ContentErased, submission_of
from gateway.judge import Submission
from gateway.postal import same_content
from gateway.reports import theirs
from storage import announcements, journal, same_cases
from storage.pieces import WHOLE_BYTES_MAX
from storage.vault import ContentCorrupt, ContentMissing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.house import House
    from gateway.judge import Tables
    from gateway.postal.same_content import Said
    from gateway.repeated import Once
    from gateway.settle import Stores
    from storage.same_cases import Pair, SameCase

FOLLOW_EVERY_S: Final = 30.0
FACTS_AT_ONCE_MAX: Final = 1000
STEPS_MAX: Final = 50
NOTICED, DECIDED = "case-noticed", "case-decided"
ACTOR: Final = "gateway"
_EVERYTHING: Final = journal.Scope(everything=True)

Decision = Literal["same", "different"]


class CaseUnknown(Exception):
    """Nobody has noticed that these two may be one case. Trying again changes nothing."""


class Beside(Struct, frozen=True, kw_only=True):
    """A filing that may be the same case, as far as the caller may see it: `dossier` is None for what is announced
    only, and for what the caller may not see.
    """

    pair: SameCase
    other: str
    is_announced: bool
    dossier: journal.Dossier | None


async def follow_same_cases(house: House) -> None:
    """Look at what was accepted since the last time. Raises what the stores raise; safe to repeat."""
    await house.run_apart(follow, house.stores, house.tables, house.clock.now())


def follow(stores: Stores, tables: Tables, now: datetime, steps_max: int = STEPS_MAX) -> bool:
    """Look at all that was accepted; whether nothing is left to look at now. Safe to repeat; several may do so at once.

    Raises `DatabaseAway`, `VaultAway`.
    """
    return any(not _step(stores, tables, now) for _ in range(steps_max))


def of(tx: sa.Connection, dossier: str, scope: journal.Scope) -> list[Beside]:
    """What may be the same case as this dossier, the first noticed first."""
    found = []
    for pair in same_cases.of(tx, dossier):
        other = pair.other if pair.one == dossier else pair.one
        seen = journal.dossier(tx, other, scope)
        is_announced = seen is None and journal.dossier(tx, other, _EVERYTHING) is None
        found.append(Beside(pair=pair, other=other, is_announced=is_announced, dossier=seen))
    return found


def decide(
    stores: Stores,
    dossier_id: str,
    caller: Caller,
    other_id: str,
    decision: Decision,
    reason: str,
    now: datetime,
    once: Once | None = None,
) -> SameCase | bytes:
    """Write whether the two are one case, as an office says; both are told. What it said before is no hindrance: a
    later decision stands, and the earlier stays among the facts. The same decision again writes nothing.

    Raises `NotTheirs`, `CaseUnknown`, `KeyReused`: nothing was written; `DatabaseAway`: trying again is safe.
    """
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        if kept := repeated.answered(tx, caller.client, once):
            return kept
        dossier = theirs(tx, dossier_id, caller)
        pair = _pair(tx, dossier.id, other_id)
        if (pair.decision, pair.reason) != (decision, reason):
            same_cases.decide(tx, pair, decision, reason, caller.client, to_us(now))
            for one, other in ((dossier.id, other_id), (other_id, dossier.id)):
                _tell(tx, turn, one, DECIDED, caller.client, now, other=other, decision=decision, reason=reason)
            pair = _pair(tx, dossier.id, other_id)
        repeated.remember(tx, caller.client, once, pair, now)
        journal.end_turn(tx, turn)
    return pair


def _pair(tx: sa.Connection, dossier: str, other: str) -> SameCase:
    for pair in same_cases.of(tx, dossier):
        if other in (pair.one, pair.other) and other != dossier:
            return pair
    raise CaseUnknown(other)


def _step(stores: Stores, tables: Tables, now: datetime) -> bool:
    """One step; whether there may be another."""
    with stores.database.read() as tx:
        after = same_cases.mark(tx)
        # What is committed up to here is seen by the reads below, whatever comes meanwhile.
        head = journal.head(tx)
        reached, pairs = _pairs(tx, after, head)
        is_any_untold = bool(same_cases.untold(tx, 1))
    if reached == after and not is_any_untold:
        return False
    found = _compared(stores, tables, pairs, now)
    with stores.database.begin() as tx:
        if not found and not is_any_untold:
            # Nothing is told: those who number facts need not wait for that.
            same_cases.move_mark(tx, after, reached)
            return reached < head
        turn = journal.take_turn(tx)
        if reached > after and not same_cases.move_mark(tx, after, reached):
            # Another worker went on from there.
            return True
        for one in found:
            _notice(tx, turn, one, now)
        for pair in same_cases.untold(tx):
            if same_cases.tell(tx, pair):
                _tell(tx, turn, pair.other, NOTICED, ACTOR, now, other=pair.one, why=pair.why)
        journal.end_turn(tx, turn)
    return reached < head


def _pairs(tx: sa.Connection, after: int, head: int) -> tuple[int, list[Pair]]:
    """Up to which fact this step looks, and what is to be compared: a shorter way where there is very much."""
    facts = FACTS_AT_ONCE_MAX
    while True:
        reached = same_cases.reach(tx, after, head, facts) if head > after else after
        pairs = same_cases.pairs(tx, after, reached) if reached > after else []
        if len(pairs) < same_cases.PAIRS_MAX or facts == 1:
            return reached, pairs
        facts = max(1, facts // 10)


def _compared(stores: Stores, tables: Tables, pairs: Sequence[Pair], now: datetime) -> list[SameCase]:
    read: dict[str, Said | None] = {}

    def said(name: str, *, is_announced: bool) -> Said | None:
        if name not in read:
            read[name] = _said(stores, tables, name, is_announced=is_announced)
        return read[name]

    found = []
    for pair in pairs:
        one, other = said(pair.one, is_announced=False), said(pair.other, is_announced=pair.is_announced)
        why = same_content.compare(one, other, same_batch=pair.same_batch)
        if why:
            told = int(not pair.is_announced)
            found.append(
                same_cases.SameCase(one=pair.one, other=pair.other, found_at_us=to_us(now), why=why, told=told)
            )
    return found


def _said(stores: Stores, tables: Tables, name: str, *, is_announced: bool) -> Said | None:
    """What a filing says; None where it is too large, erased, or cannot be read back."""
    try:
        if is_announced:
            submission = _announced(stores, name)
        else:
            with stores.database.read() as tx:
                dossier = events.dossier_of(tx, name)
            if dossier.size_bytes > WHOLE_BYTES_MAX:
                return None
            submission = submission_of(stores, dossier, from_us(dossier.received_at_us))
    except (ContentErased, ContentMissing, ContentCorrupt):
        return None
    return None if submission is None else same_content.read(submission, tables)


def _announced(stores: Stores, name: str) -> Submission | None:
    with stores.database.read() as tx:
        one = announcements.announced(tx, name)
    if one is None or one.wrapped_key is None or one.size_bytes > WHOLE_BYTES_MAX:
        return None
    return Submission(
        content=stores.cipher.open(stores.vault.read(one.place), one.wrapped_key, one.sha256),
        sha256=one.sha256,
        submitter="",
        received_at=from_us(one.state_at_us),
        media_type=one.media_type,
    )


def _notice(tx: sa.Connection, turn: journal.Turn, one: SameCase, now: datetime) -> None:
    if not same_cases.add(tx, one):
        return
    _tell(tx, turn, one.one, NOTICED, ACTOR, now, other=one.other, why=one.why)
    if one.told:
        _tell(tx, turn, one.other, NOTICED, ACTOR, now, other=one.one, why=one.why)


def _tell(tx: sa.Connection, turn: journal.Turn, name: str, fact: str, actor: str, now: datetime, **said: str) -> None:
    """A fact of the dossier, if it is one by now, and its facts may still say something."""
    dossier = journal.dossier(tx, name, _EVERYTHING)
    if dossier is not None and dossier.erased_at_us is None:
        journal.record(tx, [events.fact(turn, dossier, fact, actor, now, said)], {})
