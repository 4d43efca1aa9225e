"""Carriers' words: which of them nobody knows is told, and what is learnt of one counts for all that was told in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gateway.alarm_watch import Wanted
from gateway.postal.wanted import Rule
from gateway.tracking import restand_all
from storage import handlings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.house import House
    from gateway.judge import Tables
    from gateway.postal.carrier_tables import Carriers
    from storage.database import Database
    from storage.handlings import Word

WORDS_EVERY_S: Final = 60.0
UNKNOWN_RULE: Final = "post-word-unknown"
# Each step is a short transaction, so that what comes in meanwhile hardly waits.
ITEMS_A_STEP: Final = 200
_NAMED_MAX: Final = 3


async def follow_words(house: House) -> None:
    """Let what was learnt of carriers' words count. Raises `DatabaseAway`; safe to repeat, also by several workers."""
    follow = follow_learnt if house.words_followed else follow_all
    await house.run_apart(follow, house.database, house.carriers)
    house.words_followed = True


def follow_all(database: Database, carriers: Carriers) -> int:
    """Let every word that was ever told stand for what the tables say now; returns how many items were folded again.

    For the start of a process, whose tables may be others than the last one's. Looks through all handlings. Raises
    `DatabaseAway`; broken off, it goes on at the next call.
    """
    with database.read() as tx:
        told = handlings.told(tx)
    changed = [one for one in told if one.followed is not None or one.code != carriers.code_of(one.carrier, one.word)]
    # What nobody knows now, and nobody knew, is no change; that it was reported is enough.
    return sum(_follow(database, carriers, one) for one in changed)


def follow_learnt(database: Database, carriers: Carriers) -> int:
    """The same for the words that nobody knew, and for those that were not followed to the end. Reads a small table
    only, and writes nothing when nothing was learnt.
    """
    with database.read() as tx:
        held = handlings.words(tx, None)
    learnt = [
        one for one in held if one.followed is not None or (not one.code and carriers.code_of(one.carrier, one.word))
    ]
    return sum(_follow(database, carriers, one) for one in learnt)


def _follow(database: Database, carriers: Carriers, word: Word) -> int:
    code = carriers.code_of(word.carrier, word.word)
    after = (word.followed or "") if code == word.code else ""
    folded = 0
    while True:
        with database.begin() as tx:
            handlings.hold(tx)
            some = handlings.items_told(tx, word.carrier, word.word, after, ITEMS_A_STEP)
            is_last = len(some) < ITEMS_A_STEP
            after = some[-1] if some else after
            handlings.mean(tx, msgspec.structs.replace(word, code=code, followed=None if is_last else after))
            folded += len(restand_all(tx, some))
        if is_last:
            return folded


def unknown_words(tx: sa.Connection, tables: Tables, now: datetime) -> Sequence[Wanted]:
    """One alarm for each carrier that tells of items in words that nobody knows: it is the operator's to map them."""
    del tables, now
    unknown: dict[str, list[str]] = {}
    for one in handlings.words(tx, None):
        if not one.code:
            unknown.setdefault(one.carrier, []).append(one.word)
    return [_wanted(carrier, words) for carrier, words in sorted(unknown.items())]


def _wanted(carrier: str, words: Sequence[str]) -> Wanted:
    # By the alphabet: which one is told most often changes every day.
    shown = ", ".join(f"“{word}”" for word in sorted(words)[:_NAMED_MAX]) + (" …" if len(words) > _NAMED_MAX else "")
    return Wanted(
        rule=UNKNOWN_RULE,
        subject=carrier,
        owner="operator",
        vi=f"{len(words)} lời của {carrier} chưa rõ nghĩa: {shown}. Sự kiện vẫn được giữ nhưng chưa tính vào trạng "
        "thái bưu gửi: ghi nghĩa vào tệp của bưu chính (thiết lập carriers), rồi khởi động lại cổng.",
        en=f"{len(words)} words of {carrier} that nobody knows: {shown}. Their events are kept but count for no item's "
        "state yet: write what they stand for into the carrier's file (setting carriers), and start the gateway again.",
    )


WORD_RULE: Final = Rule((UNKNOWN_RULE,), unknown_words)
