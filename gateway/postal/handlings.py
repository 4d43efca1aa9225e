"""Handlings come in: whatever way a carrier tells of an item, each event is kept once and the item stands anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from gateway.clock import to_us
from gateway.postal.told import Bad, Told, read
from gateway.tracking import restand_all
from storage import handlings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.postal.carrier_tables import Carriers
    from gateway.postal.told import Row
    from storage.database import Database

BATCH_MAX: Final = 1000
Source = Literal["api", "webhook", "poll", "file"]


class Heard(Struct, frozen=True, kw_only=True):
    """What became of a batch: how many events were kept, how many were known before; the words in it that no table
    knows; how many items it was about; and the events that could not be read, which kept no other from being kept.
    """

    kept: int
    known_before: int
    unknown_words: list[str]
    items: int
    bad: list[Bad]


def hear(
    database: Database,
    carriers: Carriers,
    carrier: str,
    rows: Sequence[Row],
    *,
    source: Source,
    heard_from: str,
    now: datetime,
) -> Heard:
    """Keep what a carrier tells, in any order and repeated at will, and let each item stand by all that was told of it.

    Raises `DatabaseAway`: then what was committed before it stays, and sending everything again is safe.
    """
    times = carriers.all[carrier].told.times if carrier in carriers.all else ()
    told: list[Told] = []
    bad: list[Bad] = []
    for number, row in enumerate(rows, 1):
        one = read(row, number, carrier, carriers, now, times)
        if isinstance(one, Told):
            told.append(one)
        else:
            bad.append(one)
    made = [
        handlings.Handling(
            item=one.item,
            carrier=carrier,
            code=one.code,
            word=one.word,
            mapped=int(one.mapped),
            at_us=to_us(one.at),
            office=one.office,
            place=one.place,
            source=source,
            heard_at_us=to_us(now),
            heard_from=heard_from,
        )
        for one in told
    ]
    kept = sum(_keep(database, carriers, made[at : at + BATCH_MAX]) for at in range(0, len(made), BATCH_MAX))
    return Heard(
        kept=kept,
        known_before=len(made) - kept,
        unknown_words=sorted({one.word for one in told if not one.code}),
        items=len({one.item for one in told}),
        bad=bad,
    )


def _keep(database: Database, carriers: Carriers, rows: list[handlings.Handling]) -> int:
    with database.begin() as tx:
        kept = handlings.keep(tx, rows)
        if kept:
            named = {(one.carrier, one.word) for one in kept if one.word}
            handlings.tell_words(tx, kept, {name: carriers.code_of(*name) for name in named})
            restand_all(tx, sorted({one.item for one in kept}))
    return len(kept)
