"""A second count of the same figures, from the facts alone, one dossier and one minute of reasoning at a time."""

import json
import math
from collections import defaultdict
from datetime import datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from gateway.clock import VIETNAM
from gateway.deadlines import Calendar
from gateway.figures import Wish
from storage.database import Database

WINDOWS = ((time(7), time(11, 30)), (time(13, 30), time(17)))
HAND = {"work-started", "worked-on", "passed-on", "transferred", "supplement-requested", "fee-requested",
        "re-appointed", "paper-awaited", "reopened"}  # fmt: skip
MOVES = {"received-pending": "pending", "accepted": "accepted", "refused": "refused", "acknowledged": "acknowledged",
         "work-started": "in-work", "supplement-requested": "supplement-requested", "supplement-received": "in-work",
         "withdrawn": "withdrawn", "stopped": "stopped", "declined": "declined", "finished": "finished",
         "returned": "returned", "reopened": "in-work", "transferred": "accepted"}  # fmt: skip
CODES = {"counter": "direct", "api": "online", "post": "post"}


class Life(Struct):
    """What one dossier's facts say."""

    unit: str
    procedure: str
    channel: str
    received: datetime
    due: datetime | None
    born: str = ""
    office: str = ""
    state: str = ""
    taken: datetime | None = None
    ended: datetime | None = None
    told: datetime | None = None
    returned: datetime | None = None
    way: str = ""
    apology: datetime | None = None
    asked: int = 0
    pauses: list[tuple[datetime, datetime]] = []
    paused: datetime | None = None
    straight: bool = True
    credited: bool = False


def instant(at_us: int) -> datetime:
    return datetime(1970, 1, 1, 7, tzinfo=VIETNAM) + timedelta(microseconds=at_us)


def lives(database: Database) -> list[Life]:
    """Every accepted dossier that is no supplement or withdrawal, folded from its facts."""
    with database.read() as tx:
        receipts = tx.execute(sa.text("SELECT * FROM dossier WHERE purpose = '' ORDER BY seq")).mappings().all()
        facts = defaultdict(list)
        for fact in tx.execute(sa.text("SELECT * FROM event ORDER BY seq")).mappings():
            facts[fact["dossier"]].append(fact)
        files: dict[str, dict[int, str]] = defaultdict(dict)
        for one in tx.execute(sa.text("SELECT * FROM result ORDER BY number")).mappings():
            files[one["dossier"]].pop(one["replaces"], None)
            files[one["dossier"]][one["number"]] = one["electronic_code"]
    told = []
    for receipt in receipts:
        due = instant(receipt["due_at_us"]) if receipt["due_at_us"] is not None else None
        life = Life(receipt["unit"], receipt["procedure"], receipt["channel"], instant(receipt["received_at_us"]), due)
        for fact in facts[receipt["id"]]:
            follow(life, fact)
        life.credited = any(files[receipt["id"]].values())
        if life.born:
            told.append(life)
    return told


def follow(life: Life, fact: Any) -> None:
    name, at, detail = fact["type"], instant(fact["at_us"]), json.loads(fact["detail"])
    life.state = MOVES.get(name, life.state)
    if name in HAND:
        life.straight = False
    if name == "accepted":
        life.born = life.office = fact["office"]
    elif name == "transferred":
        life.office, life.taken = detail["to"], None
    elif name == "acknowledged":
        life.taken = at
    elif name == "supplement-requested":
        life.asked += 1
        life.paused = life.paused or at
    elif name == "re-appointed":
        life.apology = datetime.fromisoformat(detail["due_at"])
    elif name == "reopened":
        life.ended = life.returned = None
        life.way = ""
    elif name == "returned":
        life.returned, life.way = at, detail["returned_by"]
    if name in ("finished", "declined", "stopped", "withdrawn"):
        life.ended = datetime.fromisoformat(detail["at"]) if "at" in detail else at
        life.told = at if name != "withdrawn" else life.told
    if life.paused and name in ("supplement-received", "work-started", "finished", "declined", "stopped"):
        life.pauses.append((life.paused, at))
        life.paused = None
    if "due_at" in detail and life.apology is None:
        life.due = datetime.fromisoformat(detail["due_at"])


def recount(database: Database, calendar: Calendar, wish: Wish, now: datetime) -> dict[tuple[str, ...], dict[str, Any]]:
    """The same groups and figures as the gateway tells, counted one by one; zeros are left out."""
    groups: dict[tuple[str, ...], dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    spent: dict[tuple[str, ...], list[timedelta]] = defaultdict(list)
    days = Days(calendar)

    def group(at: datetime, office: str, life: Life) -> Any:
        if not wish.first <= at.date() <= wish.last:
            return None
        if office not in (wish.offices or (office,)) or life.procedure not in (wish.procedures or (life.procedure,)):
            return None
        key = {"office": office, "procedure": life.procedure, "month": f"{at:%Y-%m}"}
        return tuple(key[one] for one in wish.by)

    def count(at: datetime | None, office: str, life: Life, *names: str) -> None:
        key = group(at, office, life) if at else None
        if key is not None:
            for name in names:
                groups[key][name] += 1

    for life in lives(database):
        count(life.received, life.born, life, "received", f"received_{CODES[life.channel]}")
        if life.office != life.born:
            count(life.received, life.born, life, "moved_out")
            count(life.received, life.office, life, "moved_in")
        count(life.taken, life.office, life, "taken")
        count(life.returned, life.office, life, "returned")
        for way in ("electronic", "post"):
            if life.way in (way, "both"):
                count(life.returned, life.office, life, f"returned_{way}")
        if life.ended:
            count(life.ended, life.office, life, *ending(life))
        if life.ended and life.state in ("finished", "returned"):
            key = group(life.ended, life.office, life)
            if key is not None:
                spent[key].append(days.worked(life))
        if life.ended is None:
            count(life.received, life.office, life, *lying(life, now, days))
    for key, times in spent.items():
        for name, percent in (("working_days_median", 50), ("working_days_p90", 90)):
            at = sorted(times)[math.ceil(len(times) * percent / 100) - 1]
            # To hundredths of a working day of eight hours, half a hundredth upwards.
            groups[key][name] = int(at / timedelta(hours=8) * 100 + 0.5) / 100
    return {key: {name: value for name, value in one.items() if value} for key, one in groups.items()}


def ending(life: Life) -> list[str]:
    if life.state == "withdrawn":
        return ["withdrawn"]
    names = ["finished" if life.state == "returned" else life.state]
    if names == ["finished"]:
        names += ["finished_online"] * (life.channel == "api")
        names += ["credited_online"] * (life.channel == "api" and life.credited)
        names += ["straight_through"] * life.straight
    names.append({0: "supplement_never", 1: "supplement_once"}.get(life.asked, "supplement_again"))
    assert life.ended is not None
    if life.asked > 1:
        names += ["late", "late_by_second_supplement"]
    elif life.due is None:
        names.append("without_due_date")
    elif life.ended <= life.due:
        names.append("on_time")
        assert life.told is not None
        names += ["on_time_told_late"] * (life.told > life.due)
    else:
        names.append("late")
    if "late" in names and life.apology is not None and life.ended <= life.apology:
        names.append("late_within_apology")
    return names


def lying(life: Life, now: datetime, days: "Days") -> list[str]:
    names = ["open", f"open_{days.bucket(life.received, now)}"]
    if life.paused:
        return [*names, "open_waiting"]
    overdue = life.asked > 1 or (life.due is not None and life.due <= now)
    names += ["open_overdue"] * overdue
    if overdue and life.due is not None and life.due <= now:
        names.append(f"overdue_{days.bucket(life.due, now)}")
    elif overdue and life.due is not None:
        names.append("overdue_0_1")
    return names


class Days:
    """Working days, counted one after another."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def bucket(self, since: datetime, now: datetime) -> str:
        age, day = 0, since.date()
        while day < now.date():
            day += timedelta(days=1)
            age += self.calendar.is_working_day(day)
        return "over_20" if age > 20 else next(
            name for name, most in (("0_1", 1), ("2_5", 5), ("6_10", 10), ("11_20", 20)) if age <= most
        )  # fmt: skip

    def worked(self, life: Life) -> timedelta:
        assert life.ended is not None
        waited = sum(
            (self.between(start, min(end, life.ended)) for start, end in life.pauses if start < life.ended), timedelta()
        )
        return self.between(life.received, life.ended) - waited

    def between(self, start: datetime, end: datetime) -> timedelta:
        total, day = timedelta(), start.date()
        while day <= end.date():
            if self.calendar.is_working_day(day):
                for opens, closes in WINDOWS:
                    since = max(start, datetime.combine(day, opens, VIETNAM))
                    until = min(end, datetime.combine(day, closes, VIETNAM))
                    total += max(timedelta(), until - since)
            day += timedelta(days=1)
        return total
