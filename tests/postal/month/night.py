"""The nights: the gateway's own steps, rows falsified behind its back, its account against the book, its alarms."""

from collections import Counter as Counts
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.clock import VIETNAM, to_us
from gateway.mailroom.finishing import finish, match_again
from gateway.postal.account import close_day
from gateway.postal.announce import end_old_announcements
from gateway.postal.follow_returns import follow_returns
from gateway.postal.look_over import look_over_post
from gateway.postal.same_case import follow_same_cases
from gateway.postal.words import follow_words
from storage import mailroom
from tests.postal.month.book import COLUMNS, Item, Key, Lines, Parcel, broken
from tests.postal.month.plan import KEPT
from tests.postal.month.stage import Stage

SUMS = frozenset(("identity", "count"))
NAMING_ITEMS = frozenset(("post-late", "post-silent", "post-returned", "post-lost", "post-unopened", "post-form-05"))
NAMING = NAMING_ITEMS | {"post-not-posted", "post-page-waiting", "post-half-missing"}


@dataclass
class Night:
    """What the gateway said of a day, and what the book says of it."""

    day: date
    lines: Lines
    book_lines: Lines
    named: set[tuple[str, str]]
    book_named: set[tuple[str, str]]
    sums: "Counts[tuple[str, str, str]]"
    book_sums: "Counts[tuple[str, str, str]]"
    differences_count: int
    waiting: set[str] = field(default_factory=set)
    book_waiting: set[str] = field(default_factory=set)
    kept: dict[str, int] = field(default_factory=dict)
    book_kept: dict[str, int] = field(default_factory=dict)


@dataclass
class Falsified:
    """A row that was changed, how it is put back, and what the gateway's rows (and its second count) then amount to."""

    item: Item
    restore: tuple[str, dict[str, Any]]
    rows: dict[str, Any] = field(default_factory=dict)
    recount: dict[str, Any] = field(default_factory=dict)
    rules: tuple[str, ...] = ()


class Nights:
    def __init__(self, stage: Stage) -> None:
        self.stage, self.book = stage, stage.book
        self.done: list[Night] = []
        self.open_alarms: set[tuple[str, str]] = set()
        self.falsified: set[int] = set()
        self.looked_at: set[tuple[str, int]] = set()

    async def pass_over(self, day: date) -> None:
        """From the evening of that day into the next: its account is counted and compared."""
        self.stage.set_clock(datetime.combine(day + timedelta(days=1), time(0, 10), VIETNAM))
        index = self.stage.calendar.index(day)
        house = self.stage.gateway.house
        for step in (finish, match_again, follow_returns, follow_words, follow_same_cases, end_old_announcements):
            await step(house)
        false = self._falsify(index)
        assert await close_day(house) is not None
        told = await self.stage.told("GET", f"/v1/postal/account?day={day.isoformat()}", self.stage.operator)
        night = self._compared(day, told, false, index)
        for one in false:
            self._say(*one.restore)
        await look_over_post(house)
        await self._alarms(night, index)
        await self._waiting(night, index)
        await self._manifests(index)
        await self._words(index)
        self.done.append(night)

    # --- the account ---

    def _compared(self, day: date, told: dict[str, Any], false: list[Falsified], index: int) -> Night:
        by_rows = self.book.lines({one.item.number: one.rows for one in false})
        recounted = {one.item.number: one.recount for one in false}
        again = self.book.lines(recounted)
        differences = told["differences"]
        night = Night(
            day=day,
            lines={_key(line): {name: line[name] for name in COLUMNS} for line in told["lines"]},
            book_lines=by_rows,
            named={(one["item"], one["rule"]) for one in differences if one["rule"] not in SUMS},
            book_named=self.book.named(recounted) | {(one.item.number, rule) for one in false for rule in one.rules},
            sums=Counts((one["rule"], one["office"], one["carrier"]) for one in differences if one["rule"] in SUMS),
            book_sums=_sums(by_rows, again),
            differences_count=told["differences_count"],
        )
        for item, rule in night.named:
            self._saw(item, rule, index)
        return night

    def _saw(self, subject: str, how: str, index: int) -> None:
        """It was found; what nobody can place was found where nothing is."""
        parcel = self.book.parcel_of.get(subject)
        if parcel is None:
            self.book.strange.append(f"{how}: {subject}")
        else:
            self.book.saw(parcel, how, index)

    # --- what is told of ---

    async def _alarms(self, night: Night, index: int) -> None:
        alarms = await self.stage.told("GET", "/v1/alarms", self.stage.operator, headers={"accept-language": "en"})
        ours = [one for one in alarms if one["rule"].startswith("post-")]
        self.open_alarms = {(one["rule"], one["subject"]) for one in ours if one["rule"] != "post-original-kept"}
        night.book_kept = self._kept(index)
        for one in ours:
            rule, subject = one["rule"], one["subject"]
            self.book.counts[f"nights × {rule}"] += 1
            if rule in NAMING:
                self._saw(subject, rule, index)
            elif rule == "post-manifest-difference":
                manifest = self.book.manifests.get(subject)
                for parcel in manifest.faulty if manifest else ():
                    self.book.saw(parcel, rule, index)
                if manifest is None or not manifest.faulty:
                    self.book.strange.append(f"{rule}: {subject}")
            elif rule == "post-original-kept":
                night.kept[subject] = int(one["next_step"].partition(" ")[0])
                self._saw_kept(subject, night, index)
            elif rule == "post-account-differs":
                if not night.differences_count:
                    self.book.strange.append(f"{rule}: nothing differs")
            elif rule != "post-word-unknown":
                self.book.strange.append(f"{rule}: {subject}")
        if night.differences_count and ("post-account-differs", "post-account") not in self.open_alarms:
            self.book.strange.append(f"{night.day}: {night.differences_count} differences, and no alarm says so")

    def _kept(self, index: int) -> dict[str, int]:
        """Of the dossiers that ended so long ago, how many entries of originals are not back, by office."""
        found: Counts[str] = Counts()
        for one in self.book.dossiers.values():
            if one.ended is not None and index >= one.ended + KEPT:
                found[one.office] += sum(1 for kind in one.kinds() if one.originals["held"] or one.originals["sent"])
        return dict(+found)

    def _saw_kept(self, office: str, night: Night, index: int) -> None:
        if night.kept[office] == night.book_kept.get(office):
            for name, one in self.book.dossiers.items():
                is_kept = one.originals["held"] or one.originals["sent"]
                if one.office == office and one.ended is not None and index >= one.ended + KEPT and is_kept:
                    self._saw(name, "post-original-kept", index)

    async def _waiting(self, night: Night, index: int) -> None:
        night.book_waiting = self.book.waiting()
        for office, clerk in self.stage.clerks.items():
            after: str | None = ""
            while after is not None:
                page = await self.stage.told("GET", f"/v1/mailroom/waiting?office={office}&after={after}", clerk)
                night.waiting |= {one["item"] for one in page["openings"]}
                after = page["next"] or None
        for item in night.waiting:
            self._saw(item, "waiting", index)

    async def _manifests(self, index: int) -> None:
        after = ""
        while True:
            path = f"/v1/postal/manifests?state=open&after={after}"
            page = await self.stage.told("GET", path, self.stage.operator)
            # What both sides have told does not change any more.
            fresh = [one for one in page["manifests"] if (one["manifest"], one["sides"]) not in self.looked_at]
            self.looked_at |= {(one["manifest"], one["sides"]) for one in fresh}
            for one in fresh:
                shown = await self.stage.told("GET", f"/v1/postal/manifests/{one['manifest']}", self.stage.operator)
                for line in shown["lines"]:
                    if line["difference"] not in ("", "ok"):
                        self._saw(line["item"], f"manifest {line['difference']}", index)
            if not page["manifests"] or page["next"] == after:
                return
            after = page["next"]

    async def _words(self, index: int) -> None:
        for one in await self.stage.told("GET", "/v1/postal/words", self.stage.operator):
            self._saw(one["item"], "post-word-unknown", index)

    # --- behind the gateway's back ---

    def _falsify(self, index: int) -> list[Falsified]:
        """Change the rows of those whose night it is."""
        false = []
        for parcel in self.book.parcels:
            fate = parcel.plan.fate
            if not fate.startswith("falsified-") or parcel.plan.number in self.falsified or not parcel.items:
                continue
            item = parcel.items[0]
            is_ripe = item.column == "on_the_way" if fate in _ON_THE_WAY else item.filed
            if is_ripe:
                self.falsified.add(parcel.plan.number)
                false.append(_HOW[fate](self, parcel, item))
                for rule in _RULES[fate]:
                    self.book.inject(parcel, rule, index)
        return false

    def _say(self, sql: str, values: dict[str, Any]) -> None:
        with self.stage.gateway.house.database.begin() as tx:
            tx.execute(sa.text(sql), values)

    def _state(self, _: Parcel, item: Item) -> Falsified:
        with self.stage.gateway.house.database.read() as tx:
            was = tx.execute(sa.text("SELECT state FROM item WHERE number = :n"), {"n": item.number}).scalar_one()
        sql = "UPDATE item SET state = :state WHERE number = :n"
        self._say(sql, {"state": "delivered", "n": item.number})
        return Falsified(
            item, (sql, {"state": was, "n": item.number}), rows={"column": "delivered"}, rules=("item-state",)
        )

    def _handling(self, _: Parcel, item: Item) -> Falsified:
        where, delivered = "WHERE item = :n AND at_us = :at", next(one for one in item.told if one.code == "EMI")
        which = {"n": item.number, "at": to_us(delivered.at)}
        with self.stage.gateway.house.database.read() as tx:
            row = dict(tx.execute(sa.text(f"SELECT * FROM handling {where}"), which).mappings().one())
        self._say(f"DELETE FROM handling {where}", which)
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        back = f"INSERT INTO handling ({names}) VALUES ({values})"
        return Falsified(item, (back, row), recount={"column": "on_the_way"}, rules=("item-state",))

    def _opening(self, parcel: Parcel, item: Item) -> Falsified:
        now_us = to_us(self.stage.gateway.clock.now())
        made = mailroom.Opening(
            id=f"o-false{parcel.plan.number}", item=item.number, office=parcel.office, opened_at_us=now_us,
            opened_by="nobody", officer="", arrived_at_us=now_us, counted="[]", condition="intact",
        )  # fmt: skip
        with self.stage.gateway.house.database.begin() as tx:
            assert mailroom.open_item(tx, made)
        view = {"opened": True, "filed": False}
        return Falsified(item, ("DELETE FROM opening WHERE id = :id", {"id": made.id}), rows=view, recount=view)

    def _announced(self, parcel: Parcel, item: Item) -> Falsified:
        return self._stands(parcel, item, "filed", "announced", rules=("filed-unopened", "filed-nowhere"))

    def _unfiled(self, parcel: Parcel, item: Item) -> Falsified:
        return self._stands(parcel, item, "announced", "filed", rows={"filed": False}, rules=("came-unfiled",))

    def _stands(self, parcel: Parcel, item: Item, false: str, true: str, **more: Any) -> Falsified:
        sql = "UPDATE announced SET state = :state WHERE id = :id"
        self._say(sql, {"state": false, "id": parcel.dossiers[0].id})
        return Falsified(item, (sql, {"state": true, "id": parcel.dossiers[0].id}), **more)


_ON_THE_WAY = frozenset(("falsified-state", "falsified-opening", "falsified-announced"))
_HOW: dict[str, Callable[[Nights, Parcel, Item], Falsified]] = {
    "falsified-state": Nights._state,
    "falsified-handling": Nights._handling,
    "falsified-opening": Nights._opening,
    "falsified-announced": Nights._announced,
    "falsified-unfiled": Nights._unfiled,
}
_RULES = {
    "falsified-state": ("item-state",),
    "falsified-handling": ("item-state", "received-undelivered", "opened-undelivered"),
    "falsified-opening": ("opened-undelivered",),
    "falsified-announced": ("filed-unopened", "filed-nowhere"),
    "falsified-unfiled": ("came-unfiled",),
}


def _key(line: dict[str, Any]) -> Key:
    return line["flow"], line["office"], line["carrier"]


def _sums(by_rows: Lines, again: Lines) -> "Counts[tuple[str, str, str]]":
    """How many sums cannot meet, by line: where an item was opened that nobody delivered, or a row was falsified."""
    found: Counts[tuple[str, str, str]] = Counts()
    for key in by_rows.keys() | again.keys():
        flow, office, carrier = key
        one, other = by_rows.get(key, {}), again.get(key, {})
        found["count", office, carrier] += sum(one.get(name, 0) != other.get(name, 0) for name in COLUMNS)
        if one:
            found["identity", office, carrier] += len(broken(one, outbound=flow == "outbound"))
    return +found
