"""Journeys of postal items as carriers tell of them, with what each must amount to by its own story."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway.clock import rfc3339, to_us
from gateway.postal.told import Row
from gateway.s10 import check_digit

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CARRIERS = ("vnpost", "ems")
# A word of each carrier's that its file maps, for some of the codes.
WORDS = {
    "EMA": "Chấp nhận gửi",
    "EDE": "Vận chuyển",
    "EMG": "Đến bưu cục phát",
    "EDG": "Giao bưu tá",
    "EMH": "Phát không thành công",
    "EMI": "Phát thành công",
    "returning": "Chuyển hoàn",
    "returned": "Phát hoàn thành công",
    "lost": "Thất lạc",
}
WAY = ("EDD", "EDE", "EMC", "EMD", "EMF", "EDB", "EDC", "EXC", "EMJ", "EMK")
UNKNOWN = ("Đã quét lại mã vạch", "Cập nhật khối lượng")
# How a journey ends → its share of a hundred, the last events, and the state that they leave.
ENDS: dict[str, tuple[int, tuple[str, ...], str]] = {
    "delivered": (55, ("EMG", "EDG", "EMI"), "delivered"),
    "delivered after a try": (12, ("EMG", "EMH", "EDF", "EDG", "EMI"), "delivered"),
    "delivered, then scanned late": (5, ("EMG", "EMI", "EDE", "EMG"), "delivered"),
    "returned": (6, ("EMG", "EMH", "returning", "EDE", "EMG", "returned"), "returned"),
    "returned as a delivery to its sender": (3, ("EMG", "returning", "EDE", "EMI"), "returned"),
    "delivered by mistake, returns": (2, ("EMG", "EMI", "returning", "EDD"), "returning"),
    "lost": (3, ("lost",), "lost"),
    "lost and found": (2, ("lost", "EDD", "EMG"), "at-office"),
    "under way": (6, (), "on-the-way"),
    "waits at the office": (3, ("EMG", "EDH"), "at-office"),
    "tried": (3, ("EMG", "EMH"), "attempted"),
}


@dataclass
class Story:
    """One item: its events in order, and what they amount to."""

    number: str
    carrier: str
    rows: list[Row] = field(default_factory=list)
    state: str = ""
    state_at_us: int = 0
    posted_at_us: int | None = None
    delivered_at_us: int | None = None
    heard_at_us: int = 0


def stories(events: int, seed: int) -> list[Story]:
    """So many items that they have at least that many events together."""
    chance = random.Random(seed)
    made: list[Story] = []
    count = 0
    while count < events:
        made.append(_story(len(made), chance))
        count += len(made[-1].rows)
    return made


def _story(at: int, chance: random.Random) -> Story:
    serial = f"{at:08d}"
    story = Story(chance.choice(("RR", "EA", "CP")) + serial + check_digit(serial) + "VN", chance.choice(CARRIERS))
    _, last, story.state = chance.choices(list(ENDS.values()), [share for share, _, _ in ENDS.values()])[0]
    codes = ["EMA", *chance.choices(WAY, k=chance.randint(1, 4)), *last]
    now = BEGIN + timedelta(minutes=chance.randint(0, 20 * 24 * 60))
    states: list[tuple[str, datetime]] = []
    for place, code in enumerate(codes):
        story.rows.append(_row(story, code, now, chance))
        states.append((code, now))
        if chance.random() < 0.05:
            story.rows.append(Row(item=story.number, word=chance.choice(UNKNOWN), at=rfc3339(now)))
        # Never two at once: what decides then is shown elsewhere.
        now += timedelta(minutes=chance.randint(1, 600) + place)
    story.posted_at_us = to_us(states[0][1])
    story.heard_at_us = to_us(states[-1][1])
    story.state_at_us = to_us(_since(story.state, states))
    if story.state == "delivered":
        story.delivered_at_us = story.state_at_us
    return story


def _since(state: str, states: list[tuple[str, datetime]]) -> datetime:
    """When the state that the story ends in was reached, by the story and not by the fold."""
    first = {"delivered": "EMI", "returned": "returned", "returning": "returning", "lost": "lost"}.get(state)
    if state == "returned" and all(code != "returned" for code, _ in states):
        first = "EMI"
    if first is not None:
        return next(at for code, at in states if code == first)
    if state == "on-the-way":
        return states[1][1]
    return next(at for code, at in states if code in (("EMG",) if state == "at-office" else ("EMH", "EDG")))


def _row(story: Story, code: str, at: datetime, chance: random.Random) -> Row:
    office = f"{chance.randint(100, 999)}000"
    written = rfc3339(at) if chance.random() < 0.7 else f"{at + timedelta(hours=7):%d/%m/%Y %H:%M:%S}"
    own = code.islower()
    if code in WORDS and (own or chance.random() < 0.4):
        told = "EMH" if own and chance.random() < 0.3 else ""
        return Row(item=story.number, code=told, word=WORDS[code], at=written, office=office)
    return Row(item=story.number, code=code, word="", at=written, office=office)


def tellings(made: list[Story], seed: int) -> Iterator[tuple[str, list[Row]]]:
    """What carriers send, in batches of one carrier: histories that grow, that shrink again, that are repeated, in any
    order; all of it together tells every event at least once.
    """
    chance = random.Random(seed + 1)
    told: list[tuple[str, list[Row]]] = []
    for story in made:
        rows = story.rows
        whole = [list(rows)]
        if chance.random() < 0.5:
            grown = sorted(chance.sample(range(1, len(rows) + 1), k=min(2, len(rows))))
            whole += [rows[:length] for length in grown]
        if chance.random() < 0.5:
            whole.append(chance.sample(rows, k=chance.randint(1, len(rows))))
        if chance.random() < 0.2:
            # Never told as a whole: only in parts that overlap.
            cut = len(rows) // 2
            whole = [rows[: cut + 1], rows[cut:], *whole[1:]]
        for part in whole:
            chance.shuffle(part)
            told.append((story.carrier, part))
    chance.shuffle(told)
    waiting: dict[str, list[Row]] = {carrier: [] for carrier in CARRIERS}
    for carrier, part in told:
        waiting[carrier] += part
        if len(waiting[carrier]) >= chance.randint(1, 1000):
            batch, waiting[carrier] = waiting[carrier], []
            chance.shuffle(batch)
            yield carrier, batch
    yield from ((carrier, batch) for carrier, batch in waiting.items() if batch)
