"""The day's account of paper: every item and announcement counted twice, and whatever does not meet named.

1. What stands where is counted by the rows, in the database.
2. It is counted again, item by item: what the carrier told is folded anew; what was opened, came and waits, looked up.
3. The identities must hold, and both counts agree: announced = posted + cancelled + never posted; posted = delivered +
   returned + lost + on the way; delivered = opened + unopened; opened = filed + waiting for a person.
4. An item whose rows contradict one another is named, whichever sum it breaks.

All of it is read in one snapshot. The account of a day is counted once, when the day has ended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway import tracking
from gateway.clock import VIETNAM, rfc3339, to_us
from gateway.postal.account_words import account_words
from storage import handlings, ledger, post_counts
from storage.post_counts import Counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import date, datetime

    import sqlalchemy as sa

    from gateway.house import House
    from storage.database import Database
    from storage.post_counts import InItem, ItemRow

CLOSE_EVERY_S: Final = 300.0
# So many are named in an account; how many there are it says in any case.
DIFFERENCES_TOLD_MAX: Final = 500
# What was never posted is told by its age: at most so many days, the rest above.
AGES_DAYS: Final = (10, 30, 90)
FLOWS: Final = ("announced", "unannounced", "outbound")
COLUMNS: Final = Counted.__struct_fields__[3:]
IDENTITIES: Final[dict[str, tuple[str, ...]]] = {
    "announced": ("cancelled", "never_posted", "posted"),
    "posted": ("delivered", "returned", "lost", "on_the_way"),
    "delivered": ("opened", "unopened"),
    "opened": ("filed", "waiting"),
}
# What leaves an office is not opened there.
_INBOUND_ONLY: Final = frozenset({"delivered", "opened"})
_DAY_US: Final = 86_400_000_000


class Difference(Struct, frozen=True, kw_only=True):
    """Something that does not meet, and what it is (`rule`): an item or an announced dossier whose rows contradict one
    another, or, without either, a sum.
    """

    rule: str
    item: str = ""
    dossier: str = ""
    office: str = ""
    carrier: str = ""
    vi: str
    en: str


class Account(Struct, frozen=True, kw_only=True):
    """The account of paper at `counted_at`; `day` is '' for one that was counted meanwhile, and is kept by nobody.

    `lines` are by flow, office and carrier, `totals` by flow. `never_posted_by_age` counts by days at most,
    `more` beyond. `differences` names up to `DIFFERENCES_TOLD_MAX` of the `differences_count` things that do not meet.
    """

    day: str
    counted_at: str
    lines: tuple[Counted, ...]
    totals: tuple[Counted, ...]
    never_posted_by_age: dict[str, int]
    differences_count: int
    differences: tuple[Difference, ...]


class _Seen(Struct, frozen=True):
    """What a manifest's receipt says of the state of an item."""

    condition: str = "intact"


async def close_day(house: House) -> Account | None:
    """Count the day that has ended, when nobody has; a step of every worker's. Raises `DatabaseAway`."""
    day = (house.clock.now().astimezone(VIETNAM) - timedelta(days=1)).date()
    if await house.run(is_kept, house.database, day):
        return None
    return await house.run_apart(close, house.database, day, house.clock.now())


def is_kept(database: Database, day: date) -> bool:
    """Whether that day was counted."""
    with database.read() as tx:
        return post_counts.kept(tx, day.isoformat()) is not None


def close(database: Database, day: date, now: datetime) -> Account | None:
    """Count, and keep it as the account of that day; None when another was faster. Several processes may try at once.
    Raises `DatabaseAway`.
    """
    account = count(database, now, day.isoformat())
    kept = post_counts.Kept(
        day=account.day,
        counted_at_us=to_us(now),
        lines=msgspec.json.encode(account).decode(),
        differences=account.differences_count,
    )
    with database.begin() as tx:
        return account if post_counts.keep(tx, kept) else None


def kept(tx: sa.Connection, day: date) -> Account | None:
    """The account of that day; None when it was not counted."""
    found = post_counts.kept(tx, day.isoformat())
    return msgspec.json.decode(found.lines, type=Account) if found else None


def last(tx: sa.Connection) -> Account | None:
    """The account of the last day that was counted."""
    found = post_counts.last(tx)
    return msgspec.json.decode(found.lines, type=Account) if found else None


def count(database: Database, now: datetime, day: str = "") -> Account:
    """Count as things stand. Takes as long as reading every item and handling takes: not for the event loop."""
    with database.read() as tx:
        ledger.settle_in(tx)
        by_rows = post_counts.counted(tx)
        again = _Recount(tx, to_us(now))
    differences = [*again.found, *_sums(by_rows), *_against(by_rows, again.counted())]
    return Account(
        day=day,
        counted_at=rfc3339(now),
        lines=tuple(by_rows),
        totals=totals(by_rows),
        never_posted_by_age=again.ages,
        differences_count=len(differences),
        differences=tuple(differences[:DIFFERENCES_TOLD_MAX]),
    )


def totals(lines: Iterable[Counted]) -> tuple[Counted, ...]:
    """The lines over all offices and carriers, each flow once, in their order."""
    found = {flow: dict.fromkeys(COLUMNS, 0) for flow in FLOWS}
    for one in lines:
        for name in COLUMNS:
            found[one.flow][name] += getattr(one, name)
    return tuple(Counted(flow=flow, office="", carrier="", **sums) for flow, sums in found.items())


def of_carriers(account: Account, carriers: Collection[str]) -> Account:
    """What of it concerns these carriers; ages are told of all paper alone."""
    lines = tuple(one for one in account.lines if one.carrier in carriers)
    differences = tuple(one for one in account.differences if one.carrier in carriers)
    return structs.replace(
        account,
        lines=lines,
        totals=totals(lines),
        never_posted_by_age={},
        differences_count=len(differences),
        differences=differences,
    )


def broken(line: Counted) -> list[str]:
    """The identities that do not hold in a line, by what stands on their left."""
    return [
        whole
        for whole, parts in IDENTITIES.items()
        if not (line.flow == "outbound" and whole in _INBOUND_ONLY)
        and getattr(line, whole) != sum(getattr(line, part) for part in parts)
    ]


def _sums(lines: Sequence[Counted]) -> Iterator[Difference]:
    for line in lines:
        for whole in broken(line):
            parts = IDENTITIES[whole]
            told = f"{getattr(line, whole)} ≠ {' + '.join(str(getattr(line, part)) for part in parts)}"
            yield _difference(
                "identity", office=line.office, carrier=line.carrier, flow=line.flow, column=whole, told=told
            )


def _against(by_rows: Sequence[Counted], again: Sequence[Counted]) -> Iterator[Difference]:
    """Where the two counts differ."""
    ours, theirs = ({(one.flow, one.office, one.carrier): one for one in lines} for lines in (by_rows, again))
    for key in sorted(ours.keys() | theirs.keys()):
        flow, office, carrier = key
        for name in COLUMNS:
            one, other = (getattr(found.get(key), name, 0) for found in (ours, theirs))
            if one != other:
                told = f"{one} ≠ {other}"
                yield _difference("count", office=office, carrier=carrier, flow=flow, column=name, told=told)


def _difference(rule: str, *, flow: str = "", column: str = "", told: str = "", **named: str) -> Difference:
    vi, en = account_words(rule, flow=flow, column=column, told=told)
    return Difference(rule=rule, vi=vi, en=en, **named)


class _Recount:
    """The second count, from what was told and done rather than from what the rows say of it."""

    def __init__(self, tx: sa.Connection, now_us: int) -> None:
        self._tx, self._now_us = tx, now_us
        self._counts: dict[tuple[str, str, str], dict[str, int]] = {}
        self.ages = {f"{days}": 0 for days in AGES_DAYS} | {"more": 0}
        self.found: list[Difference] = []
        waiting, after = post_counts.openings_waiting(tx), ""
        for page in post_counts.items(tx):
            self._page(page, after, waiting)
            after = page[-1].number
        for one in post_counts.alone(tx):
            line = self._line(_flow("in", one.role), one.office, one.carrier)
            line["announced"] += 1
            self._not_posted(line, one.made_at_us, is_cancelled=one.is_cancelled)
        self.found += [
            _difference(one.rule, item=one.item, dossier=one.dossier, office=one.office, carrier=one.carrier)
            for one in post_counts.astray(tx)
        ]

    def counted(self) -> list[Counted]:
        """The lines, as the first count has them."""
        return [
            Counted(flow=flow, office=office, carrier=carrier, **line)
            for (flow, office, carrier), line in sorted(self._counts.items())
        ]

    def _page(self, page: Sequence[ItemRow], after: str, waiting: set[str]) -> None:
        upto = page[-1].number
        told = handlings.of_many(self._tx, [one.number for one in page])
        inside: dict[str, list[InItem]] = {}
        for one in post_counts.in_items(self._tx, after, upto):
            inside.setdefault(one.item, []).append(one)
        taken = {direction: self._taken(direction, after, upto) for direction in ("in", "out")}
        for item in page:
            folded = state = tracking.fold(told[item.number]).state
            if item.direction == "in" and item.opening and not item.carrier and folded == "bound":
                # Nobody tells of what no carrier carried: it was delivered when it was opened.
                state = "delivered"
            dossiers = inside.get(item.number, [])
            is_filed = bool(dossiers) and all(one.has_come for one in dossiers) and item.opening not in waiting
            self._item(item, state, is_filed=is_filed)
            self._look(item, state, folded, is_taken=item.number in taken[item.direction])

    def _taken(self, direction: str, after: str, upto: str) -> set[str]:
        """The items that the receipt of a manifest says were received."""
        found = post_counts.taken(self._tx, direction, after, upto)
        return {item for item, said in found if msgspec.json.decode(said, type=_Seen).condition != "missing"}

    def _line(self, flow: str, office: str, carrier: str) -> dict[str, int]:
        return self._counts.setdefault((flow, office, carrier), dict.fromkeys(COLUMNS, 0))

    def _not_posted(self, line: dict[str, int], since_us: int, *, is_cancelled: bool) -> None:
        line["cancelled" if is_cancelled else "never_posted"] += 1
        if not is_cancelled:
            days = (self._now_us - since_us) // _DAY_US
            self.ages[next((f"{most}" for most in AGES_DAYS if days <= most), "more")] += 1

    def _item(self, item: ItemRow, state: str, *, is_filed: bool) -> None:
        line = self._line(_flow(item.direction, item.role), item.office, item.carrier)
        line["announced"] += 1
        if state == "bound":
            self._not_posted(line, item.bound_at_us, is_cancelled=item.is_cancelled)
        else:
            line["posted"] += 1
            line[state if state in ("delivered", "returned", "lost") else "on_the_way"] += 1
        if item.direction == "out":
            return
        if item.opening:
            line["opened"] += 1
            line["filed" if is_filed else "waiting"] += 1
        elif state == "delivered":
            line["unopened"] += 1

    def _look(self, item: ItemRow, state: str, folded: str, *, is_taken: bool) -> None:
        """What one item's rows do not have in common."""
        rules = []
        if folded != item.state:
            rules.append(("item-state", f"{item.state} ≠ {folded}"))
        if item.direction == "in" and is_taken and state != "delivered":
            rules.append(("received-undelivered", state))
        if item.direction == "in" and item.opening and state != "delivered":
            rules.append(("opened-undelivered", state))
        if item.direction == "out" and is_taken and state == "bound":
            rules.append(("handed-unposted", state))
        for rule, told in rules:
            named = {"item": item.number, "office": item.office, "carrier": item.carrier}
            self.found.append(_difference(rule, told=told, **named))


def _flow(direction: str, role: str) -> str:
    if direction == "out":
        return "outbound"
    return "announced" if role in ("employer", "ivan") else "unannounced"
