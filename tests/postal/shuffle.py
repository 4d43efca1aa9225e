"""`python -m tests.postal.shuffle --events 100000`: carriers' events through the real ingest in any order, repeated and
truncated, against the same events folded in order, item by item.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from gateway import tracking
from gateway.clock import to_us
from gateway.postal.carrier_tables import Carriers, carriers
from gateway.postal.handlings import hear
from storage import handlings, items
from storage.database import open_database
from storage.migrations import migrate
from tests.postal.stories import BEGIN, Story, stories, tellings
from tests.servers import postgres, short_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.database import Database

NOW = BEGIN + timedelta(days=60)


def campaign(database: Database, events: int, seed: int, say: bool = False) -> list[str]:
    """Play it; returns every difference, in words. None: all the same."""
    words = carriers()
    made = stories(events, seed)
    distinct = sum(len(story.rows) for story in made)
    chance = random.Random(seed + 2)
    # A third of the items is bound before anything is told of them, a third in between, a third after everything.
    when = {story.number: chance.randint(0, 2) for story in made}
    _bind(database, [story for story in made if when[story.number] == 0])
    batches = list(tellings(made, seed))
    began = time.perf_counter()
    told = kept = 0
    slowest_s = 0.0
    for place, (carrier, batch) in enumerate(batches):
        if place == len(batches) // 2:
            _bind(database, [story for story in made if when[story.number] == 1])
        since = time.perf_counter()
        heard = hear(database, words, carrier, batch, source="api", heard_from="post-x", now=NOW)
        slowest_s = max(slowest_s, time.perf_counter() - since)
        told, kept = told + len(batch), kept + heard.kept
        assert not heard.bad, heard.bad[0]
    _bind(database, [story for story in made if when[story.number] == 2])
    took_s = time.perf_counter() - began
    differences = [] if kept == distinct else [f"{kept} events were kept of {distinct}"]
    differences += _compare(database, made, words)
    again = sum(
        hear(database, words, carrier, batch, source="poll", heard_from="again", now=NOW).kept
        for carrier, batch in batches[:20]
    )
    differences += [f"{again} events were kept again"] if again else []
    if say:
        print(
            f"{distinct} events of {len(made)} items, told {told} times in {len(batches)} batches; {kept} kept,"
            f" {told - kept} known before, {again} of the first 20 batches kept again"
        )
        print(
            f"{took_s:.1f} s, {told / took_s:.0f} events/s, slowest batch {slowest_s * 1000:.0f} ms"
            f" ({database.dialect})"
        )
        counts: dict[str, int] = {}
        for story in made:
            counts[story.state] = counts.get(story.state, 0) + 1
        print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
        print(f"{len(differences)} differences")
    return differences


def _bind(database: Database, some: list[Story]) -> None:
    for start in range(0, len(some), 500):
        with database.begin() as tx:
            for story in some[start : start + 500]:
                items.bind(tx, an_item(story.number, story.carrier), [])
                tracking.restand(tx, story.number)


def an_item(number: str, carrier: str = "vnpost") -> items.Item:
    bound_at_us = to_us(BEGIN)
    return items.Item(
        number=number, scheme="s10", carrier=carrier, direction="in", office="07906", unit="TS12345",
        announcement=None, bound_at_us=bound_at_us, bound_by="x", state_at_us=bound_at_us,
    )  # fmt: skip


def _compare(database: Database, made: list[Story], words: Carriers) -> list[str]:
    """Each item as it stands, by its story, and by its events told once in order to a database of their own."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        apart = open_database(f"sqlite:///{folder}/in-order.sqlite")
        migrate(apart)
        in_order = _in_order(apart, made, words)
        apart.close()
    with database.read() as tx:
        for story in made:
            held = items.find(tx, story.number)
            assert held is not None
            stands = (held.state, held.state_at_us, held.posted_at_us, held.delivered_at_us, held.heard_at_us)
            by_story = (
                story.state, story.state_at_us, story.posted_at_us, story.delivered_at_us, story.heard_at_us,
            )  # fmt: skip
            if stands != by_story:
                found.append(f"{story.number}: stands {stands}, its story ends {by_story}")
            if stands != in_order[story.number]:
                found.append(f"{story.number}: stands {stands}, in order {in_order[story.number]}")
    return found


def _in_order(database: Database, made: list[Story], words: Carriers) -> dict[str, tuple[object, ...]]:
    """What each item amounts to when its events come once, one after another as they happened."""
    folded: dict[str, tuple[object, ...]] = {}
    for carrier in sorted({story.carrier for story in made}):
        for start in range(0, len(made), 100):
            rows = [row for story in made[start : start + 100] if story.carrier == carrier for row in story.rows]
            hear(database, words, carrier, rows, source="file", heard_from="in order", now=NOW)
    with database.read() as tx:
        for start in range(0, len(made), 1000):
            some = [story.number for story in made[start : start + 1000]]
            for number, told in handlings.of_many(tx, some).items():
                one = tracking.fold(told)
                folded[number] = (
                    one.state, one.state_at_us, one.posted_at_us, one.delivered_at_us, one.heard_at_us,
                )  # fmt: skip
        assert tx.execute(sa.text("SELECT count(*) FROM handling")).scalar_one() == sum(len(one.rows) for one in made)
    return folded


@contextmanager
def opened(kind: str) -> Iterator[Database]:
    with short_folder() as folder:
        if kind == "postgresql":
            with postgres(folder) as url:
                yield from _migrated(url)
        else:
            yield from _migrated(f"sqlite:///{Path(folder) / 'shuffle.sqlite'}")


def _migrated(url: str) -> Iterator[Database]:
    database = open_database(url)
    migrate(database)
    try:
        yield database
    finally:
        database.close()


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--events", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    told = asked.parse_args()
    with opened(told.database) as database:
        differences = campaign(database, told.events, told.seed, say=True)
    for one in differences[:20]:
        print(one)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
