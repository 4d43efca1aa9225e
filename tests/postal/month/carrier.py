"""The carriers: journeys as the items' fates want them, and events told shuffled, again and again, and late."""

from collections import defaultdict
from collections.abc import Callable
from datetime import time
from typing import Any

from gateway.clock import rfc3339
from tests.postal.month.book import Event, Item, Parcel
from tests.postal.month.plan import LATE, LOST, PHASES, SILENT
from tests.postal.month.stage import CARRIERS, Stage
from tests.postal.stories import WORDS

BATCH_MAX = 800
AGAIN, LATE_SHARE, OWN_WORDS, STRAY = 0.2, 0.1, 0.3, 0.05
_NOON, _EVENING = "noon", "evening"


class Carrier:
    """`arrives` is called with an item and the day on which its bag comes."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.book = stage, stage.book
        self.arrives: Callable[[Item, int], None] = lambda _item, _index: None
        self.to_tell: dict[tuple[int, str], list[tuple[Item, Event]]] = defaultdict(list)
        self.told_before: list[tuple[Item, Event]] = []

    # --- journeys ---

    async def send_unannounced(self, parcel: Parcel) -> None:
        """Paper that nobody tells of: its number is first heard of when it is opened."""
        number = self.stage.number(parcel.plan.carrier)
        item = Item(number, parcel, parcel.plan.carrier, "unannounced", "", known=False)
        self.book.add_item(item)
        self.post_plainly(item, parcel.plan.day)

    def saw(self, item: Item, index: int, at: time, code: str, tell: tuple[int, str], **more: Any) -> None:
        """An event, and when it is told."""
        rng = self.stage.rng(item.number, code, index, at)
        event = Event(code, self.stage.calendar.at(index, at, rng.randrange(1200)), **more)
        # What is told later than it happened.
        if rng.random() < LATE_SHARE and code in ("EDD", "EMG", "EDG") and not more:
            tell = (tell[0] + rng.randint(1, 4), tell[1])
        if tell[0] < len(self.stage.calendar.days):
            self.to_tell[tell].append((item, event))

    def post_plainly(self, item: Item, day: int, *, delivery_told: int = 0, hops: int | None = None) -> int:
        """A journey without trouble; returns the day on which it is delivered."""
        rng = self.stage.rng(item.number, "journey")
        if hops is None:
            hops = rng.randint(1, 2)
        there = day + hops
        posting_told = (day + 1, _NOON) if rng.random() < LATE_SHARE / 2 and not delivery_told else (day, _EVENING)
        self.saw(item, day, time(11), "EMA", posting_told)
        self.saw(item, day, time(18), "EDD", (day, _EVENING))
        self.saw(item, day + 1, time(7), "EMG", (day + 1, _NOON))
        if hops > 1:
            self.saw(item, day + 1, time(10), "EMH", (day + 1, _NOON))
        if rng.random() < 0.3:
            self.saw(item, there, time(8), "EDG", (there, _NOON))
        self.saw(item, there, time(9), "EMI", (there + delivery_told, _NOON))
        if rng.random() < STRAY:
            self.saw(item, there, time(10), "EDE", (there, _EVENING), stray=True)
        if item.flow != "outbound":
            self.arrives(item, there)
        return there

    def post(self, item: Item, day: int) -> None:
        """An inbound item sets out, to the fate that is planned."""
        parcel, plan = item.parcel, item.parcel.plan
        odd = {
            "lost-way": self._lost_on_the_way,
            "lost-told": self._lost_as_told,
            "found-again": self._found_again,
            "silent": self._silent,
            "late": self._late,
            "returned": self._returned,
        }.get(plan.fate)
        if odd is not None:
            odd(item, day)
            return
        if plan.fate == "unknown-word":
            word = f"Đã quét lại mã vạch số {plan.number}"
            self.saw(item, day, time(19), "", (day, _EVENING), word=word)
            self.book.inject(parcel, "post-word-unknown", day, stays=plan.carrier)
        delivery_told = int(plan.fate == "delivered-untold")
        there = self.post_plainly(item, day, delivery_told=delivery_told, hops=plan.hops)
        if delivery_told:
            self.book.inject(parcel, "opened-undelivered", there)
            self.book.inject(parcel, "received-undelivered", there)

    def _way(self, item: Item, day: int, *events: tuple[int, int, str]) -> None:
        """The events of an odd journey: days after the posting, hour, code; told in the evening, those before noon at
        noon.
        """
        self.saw(item, day, time(11), "EMA", (day, _EVENING))
        for after, hour, code in events:
            phase = _NOON if hour < PHASES[_NOON].hour else _EVENING
            self.saw(item, day + after, time(hour), code, (day + after, phase), stray=False)

    def _lost_on_the_way(self, item: Item, day: int) -> None:
        self._way(item, day, (0, 18, "EDD"))
        self.book.inject(item.parcel, "post-silent", day + SILENT)
        self.book.inject(item.parcel, "post-lost", day + LOST, stays=item.number)

    def _lost_as_told(self, item: Item, day: int) -> None:
        self._way(item, day, (0, 18, "EDD"), (2, 15, "lost"))
        stays = "" if item.parcel.plan.mended else item.number
        self.book.inject(item.parcel, "post-lost", day + 2, stays=stays)
        self._mended(item, day + 5)

    def _found_again(self, item: Item, day: int) -> None:
        self._way(item, day, (0, 18, "EDD"), (2, 15, "lost"), (4, 8, "EDE"), (5, 7, "EMG"), (5, 9, "EMI"))
        self.book.inject(item.parcel, "post-lost", day + 2)
        self.book.allow(item.parcel, "post-late")
        self.arrives(item, day + 5)

    def _silent(self, item: Item, day: int) -> None:
        self._way(item, day, (5, 8, "EDD"), (6, 7, "EMG"), (6, 9, "EMI"))
        self.book.inject(item.parcel, "post-silent", day + SILENT)
        self.book.allow(item.parcel, "post-late")
        self.arrives(item, day + 6)

    def _late(self, item: Item, day: int) -> None:
        self._way(item, day, (1, 8, "EDD"), (3, 8, "EDE"), (5, 8, "EMG"), (6, 9, "EMI"))
        self.book.inject(item.parcel, "post-late", day + LATE)
        self.arrives(item, day + 6)

    def _returned(self, item: Item, day: int) -> None:
        self._way(item, day, (0, 18, "EDD"), (1, 7, "EMG"), (1, 10, "EMH"), (2, 15, "returning"), (4, 15, "returned"))
        stays = "" if item.parcel.plan.mended else item.number
        self.book.inject(item.parcel, "post-returned", day + 2, stays=stays)
        self._mended(item, day + 6)

    def _mended(self, item: Item, index: int) -> None:
        if item.parcel.plan.mended:
            self.stage.on(index, "announce", lambda: self.send_again(item.parcel))

    async def send_again(self, parcel: Parcel) -> None:
        """Set by the senders."""
        raise NotImplementedError(parcel)

    # --- telling ---

    async def tell(self, index: int, phase: str) -> None:
        """All that is due, shuffled with what was told before."""
        fresh = self.to_tell.pop((index, phase), [])
        rng = self.stage.rng("telling", index, phase)
        again = rng.sample(self.told_before, min(len(self.told_before), round(AGAIN * len(fresh))))
        told = fresh + again
        rng.shuffle(told)
        self.stage.set_clock(self.stage.calendar.at(index, phase))
        for carrier in CARRIERS:
            some = [one for one in told if one[0].by == carrier]
            for start in range(0, len(some), BATCH_MAX):
                await self._tell(carrier, some[start : start + BATCH_MAX], own=rng.random() < OWN_WORDS)
        for item, event in fresh:
            item.told.append(event)
        self.told_before = (self.told_before + fresh)[-5000:]
        self.book.counts["events told"] += len(told)
        self.book.counts["events told again"] += len(again)

    async def _tell(self, carrier: str, some: list[tuple[Item, Event]], *, own: bool) -> None:
        if own:
            path = f"/v1/postal/carriers/{carrier}/handlings"
            body: Any = [
                {"ID": item.number, "Events": [{"EventCd": code, "EventNm": word, "EventDT": rfc3339(event.at)}]}
                for item, event in some
                for code, word in (_said(event, item),)
            ]
        else:
            path = "/v1/postal/handlings"
            rows = [
                {"item": item.number, "at": rfc3339(event.at), "code": code, "word": word}
                for item, event in some
                for code, word in (_said(event, item),)
            ]
            body = {"handlings": rows, "carrier": carrier}
        heard = await self.stage.told("POST", path, self.stage.post, json=body)
        assert not heard["bad"], heard["bad"][0]


def _said(event: Event, item: Item) -> tuple[str, str]:
    """By its code or by the carrier's word: the same each time that it is told."""
    if event.word:
        return "", event.word
    in_words = event.code.islower() or (event.code in WORDS and sum(item.number.encode()) % 2 == 0)
    return ("", WORDS[event.code]) if in_words else (event.code, "")
