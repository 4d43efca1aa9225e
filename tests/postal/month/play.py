"""The month itself: day by day, hour by hour, and every night the account."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import perf_counter

from tests.gateway.inhouse import Inhouse, inhouse
from tests.postal.month.carrier import Carrier
from tests.postal.month.counter import Counter
from tests.postal.month.desk import Desk
from tests.postal.month.employers import Employers
from tests.postal.month.mailroom import MailRoom
from tests.postal.month.night import Nights
from tests.postal.month.plan import Calendar, make_plans
from tests.postal.month.reckoning import Check, Seen, look, reckon
from tests.postal.month.stage import Stage

UNITS_SHARE = 4
TOKEN_LIFE_S = 180 * 86_400


class Month:
    """A month on one gateway; `play` it, then `reckon`."""

    def __init__(
        self, gateway: Inhouse, items: int, seed: int, sending_days: int, without: Collection[str] = ()
    ) -> None:
        calendar = Calendar(sending_days)
        units = max(10, items // UNITS_SHARE)
        self.stage = Stage(gateway, calendar, make_plans(items, seed, units, calendar, without), seed)
        self.book = self.stage.book
        self.carrier = Carrier(self.stage)
        self.counter = Counter(self.stage)
        self.employers = Employers(self.stage, self.carrier)
        self.desk = Desk(self.stage, self.carrier, self.counter)
        self.mail_room = MailRoom(self.stage, self.employers, self.carrier, self.counter, self.desk)
        self.nights = Nights(self.stage)
        self.seen: Seen | None = None

    async def play(self, told: Callable[[str], None]) -> None:
        """All of it; `told` is told of every day."""
        await self.employers.load_pools()
        self.employers.plan()
        days = self.stage.calendar.days
        day, index = days[0], 0
        while day <= days[-1]:
            began_s = perf_counter()
            if index < len(days) and days[index] == day:
                await self._work(index)
                index += 1
            await self.nights.pass_over(day)
            totals = [one for item in self.book.items.values() for one in (item.column,)]
            told(
                f"{day:%d/%m}  {self.book.counts['dossiers announced']:>6} {len(totals):>6}"
                f" {totals.count('delivered'):>6} {self.book.counts['paper dossiers filed']:>6}"
                f" {len(self.nights.done[-1].waiting):>5} {len(self.nights.open_alarms):>5}"
                f" {perf_counter() - began_s:6.1f} s"
            )
            day += timedelta(days=1)
        self.seen = await look(self.stage)

    async def _work(self, index: int) -> None:
        phase = partial(self.stage.phase, index)
        await phase("announce")
        await phase("back")
        await phase("noon")
        await self.carrier.tell(index, "noon")
        await phase("bag")
        await self.counter.hand_in(index)
        await phase("open")
        await phase("desk")
        for office in self.stage.offices:
            await self.desk.take(office)
        await phase("give")
        await self.counter.give_back(index)
        await phase("evening")
        await self.carrier.tell(index, "evening")

    def reckon(self) -> list[Check]:
        assert self.seen is not None
        return reckon(self.book, self.nights, self.seen)


async def played(
    gateway: Inhouse,
    items: int,
    seed: int,
    sending_days: int,
    told: Callable[[str], None],
    without: Collection[str] = (),
) -> Month:
    """A month that was played to its end, without these fates."""
    month = Month(gateway, items, seed, sending_days, without)
    async with month.stage:
        await month.play(told)
    return month


def opened(home: Path, database_url: str = "") -> AbstractContextManager[Inhouse]:
    """A gateway for a month, in that home; nobody makes revocation lists anew while it is played."""
    return inhouse(home, token_life_s=TOKEN_LIFE_S, database_url=database_url, signature_policy="no-revocation-1")
