"""The reckoning at the month's end: the gateway's figures, lists and facts beside what the town's software heard."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from gateway.client import Gateway
from tests.offices.ledger import COMPARED, ENDED, Ledger
from tests.offices.play import Play


class Check(Struct, frozen=True):
    """One thing that must hold, in words, and what stands against it."""

    vi: str
    en: str
    wrong: list[str]


async def reckon(play: Play) -> list[Check]:
    """Everything that the month was played for."""
    ledger = play.ledger
    states = {line["dossier"]: line["state"] async for line in _all(play.employer, "/v1/dossiers", "dossiers")}
    acknowledged: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    async for event in _all(play.employer, "/v1/events", "events"):
        facts[event["type"]] += 1
        if event["type"] == "acknowledged":
            acknowledged[event["dossier"]] += 1
    mine = {one: state for one, state in states.items() if one not in ledger.followers}
    return [
        Check(
            f"không mất: {len(ledger.entries)} biên nhận, {len(mine)} hồ sơ, tất cả đã kết thúc",
            "none lost: every receipt is a dossier there, in the state that was heard of, and has ended",
            _lost(ledger, mine),
        ),
        Check(
            f"không trùng: {sum(acknowledged[one] for one in mine)} lần xác nhận, mỗi cơ quan mỗi hồ sơ một lần",
            "none taken twice: one acknowledgement for each office that had it, by one holder",
            _twice(ledger, acknowledged),
        ),
        Check(
            f"số liệu: {await _count_of_figures(play)} số của {len(play.town.offices)} cơ quan bằng nhau",
            "figures equal the independent count, by office and month",
            await _differing(play),
        ),
        Check(
            f"báo động: {', '.join(f'{rule} {len(offices)}' for rule, offices in sorted(ledger.alarms.items()))}",
            "alarms: every silent office was told of",
            _not_alarmed(play),
        ),
        Check(
            f"tới hạn: {facts['due-soon']} sắp đến, {facts['due-now']} đến, {facts['overdue']} quá hạn",
            "the clock spoke: due soon, due, overdue",
            [] if facts["overdue"] else ["no fact `overdue` in a month with late offices"],
        ),
    ]


async def _all(gateway: Gateway, path: str, name: str) -> AsyncIterator[dict[str, Any]]:
    after = 0
    while True:
        page = (await gateway._get(path, {"after": str(after)})).json()
        for one in page[name]:
            yield one
        if not page[name] or page["next"] == after:
            return
        after = page["next"]


def _lost(ledger: Ledger, states: dict[str, str]) -> list[str]:
    wrong = [f"{one}: never heard of" for one in states.keys() - ledger.entries.keys()]
    for entry in ledger.entries.values():
        state = states.get(entry.dossier, "missing")
        if state != entry.state or state not in ENDED or state == "finished":
            wrong.append(f"{entry.receipt_number} ({entry.office}): {state}, heard {entry.state}")
    return wrong


def _twice(ledger: Ledger, acknowledged: Counter[str]) -> list[str]:
    wrong = list(ledger.twice)
    for entry in ledger.entries.values():
        if acknowledged[entry.dossier] != len(entry.acknowledged):
            wrong.append(f"{entry.receipt_number}: {acknowledged[entry.dossier]} facts, heard {entry.acknowledged}")
        offices = [office for office, _ in entry.acknowledged]
        if len(set(offices)) != len(offices) or (not offices and entry.state != "withdrawn"):
            wrong.append(f"{entry.receipt_number}: {entry.state}, taken by {entry.acknowledged}")
    return wrong


async def _told(play: Play) -> dict[tuple[str, str], dict[str, Any]]:
    span = {"from": f"{play.plan.slots[0]:%Y-%m-%d}", "to": f"{play.plan.slots[-1]:%Y-%m-%d}"}
    rows = (await play.operator.figures(by="office,month", **span))["rows"]
    return {(row["office"], row["month"]): row for row in rows}


async def _count_of_figures(play: Play) -> int:
    return len(await _told(play)) * len(COMPARED)


async def _differing(play: Play) -> list[str]:
    told, wrong = await _told(play), []
    months = sorted({f"{slot:%Y-%m}" for slot in play.plan.slots})
    counted = {(office, month): row for month in months for office, row in play.ledger.figures(month).items()}
    for key in sorted(told.keys() | counted.keys()):
        row, mine = told.get(key, {}), counted.get(key, Counter())
        wrong += [
            f"{key} {name}: {row.get(name, 0)} ≠ {mine[name]}" for name in COMPARED if row.get(name, 0) != mine[name]
        ]
    return wrong


def _not_alarmed(play: Play) -> list[str]:
    heard = play.ledger.alarms["work-dead"] | play.ledger.alarms["work-uncollected"]
    silent = {office for office, one in play.plan.characters.items() if one.silent}
    return [f"{office} was silent, and no alarm said so" for office in sorted(silent - heard)]
