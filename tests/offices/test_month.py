"""A small month over a few offices, in this process: the campaign's play."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx

from gateway import desk
from gateway.app import build
from gateway.config import load
from gateway.due_alarms import sound_alarms
from gateway.due_watch import watch_due
from tests.offices.clock import SharedClock
from tests.offices.fates import make_plan
from tests.offices.filings import Makers
from tests.offices.ledger import Ledger
from tests.offices.play import Play
from tests.offices.reckoning import Check, reckon
from tests.offices.town import FIRST_DAY, Town, first_instant, found_town

DOSSIERS, OFFICES, DAYS, PER_DAY = 60, 4, 4, 1


async def _played(town: Town, dossiers: int, seed: int, said: list[str]) -> tuple[list[Check], list[Check], Ledger]:
    """The reckoning as it is, and once more by a ledger that was falsified in every way that a fault could show in."""
    clock = SharedClock(town.folder / "clock", first_instant())
    plan = make_plan(dossiers, seed, town.offices, FIRST_DAY, days=DAYS, per_day=PER_DAY)
    ledger = Ledger(town.folder / "heard.jsonl")
    door = build(load({f"MOTCUA_{name.upper()}": value for name, value in town.settings().items()}), clock)

    @asynccontextmanager
    async def connect(kind: type[Any], name: str) -> Any:
        async with kind("http://gateway", town.proof(name), clock) as gateway:
            gateway._http = httpx.AsyncClient(
                transport=httpx.ASGITransport(app=cast("Any", door)), base_url="http://gateway"
            )
            yield gateway
            await gateway._http.aclose()

    async def tick() -> None:
        # What a worker does by itself now and then.
        desk.sweep(door.house.database, clock.now())
        await watch_due(door.house)
        await sound_alarms(door.house)

    try:
        async with Play(town, plan, clock, ledger, Makers(town, plan, 0), connect, tick) as play:
            await play.through(said.append)
            checks = await reckon(play)
            _falsify(ledger)
            return checks, await reckon(play), ledger
    finally:
        ledger.close()
        await door.house.close()


def _falsify(ledger: Ledger) -> None:
    finished = [one for one in ledger.entries.values() if one.state == "returned"]
    finished[0].acknowledged.append(finished[0].acknowledged[0])
    finished[1].state = "acknowledged"
    finished[2].supplements += 2
    del ledger.entries[finished[3].dossier]
    ledger.alarms.clear()


def test_a_small_month_loses_nothing_takes_nothing_twice_and_is_counted_right(tmp_path: Path) -> None:
    said: list[str] = []
    town = found_town(tmp_path / "town", OFFICES, key="ec-p256")
    checks, falsified, ledger = asyncio.run(_played(town, DOSSIERS, 1, said))
    assert [one for one in checks if one.wrong] == [], said[-3:]
    assert [bool(one.wrong) for one in falsified] == [True, True, True, True, False]
    # It was a month worth playing: everything that can happen has happened.
    for what in (
        "leases never answered",
        "late acknowledgements refused",
        "transfer",
        "ask-1",
        "supplement-1",
        "withdraw",
    ):
        assert ledger.counts[what], (what, ledger.counts)
