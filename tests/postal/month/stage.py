"""The stage of the month: one gateway in this process, its clients, the clock, the agenda of every working day."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from typing import Any, Self, cast

import httpx

from gateway.callers import Role
from gateway.office_table import OfficeTable
from gateway.routing import Route, route
from gateway.s10 import check_digit
from storage import register
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, TAX_CODE, UNIT, Inhouse
from tests.postal.month.book import Book
from tests.postal.month.plan import FIRST_DAY, PHASES, Calendar, Plan

CARRIERS = ("vnpost", "ems")
SIDE_BY_SIDE = 6
# An employer's software speaks for so many units.
UNITS_A_CLIENT = 60
SERVICES = {"vnpost": "RR", "ems": "EE"}

Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Unit:
    code: str
    office: str
    client: str
    role: str


@dataclass
class Stage:
    """Where the month is played."""

    gateway: Inhouse
    calendar: Calendar
    plans: list[Plan]
    seed: int
    book: Book = field(default_factory=Book)
    agenda: dict[tuple[int, str], list[Act]] = field(default_factory=lambda: defaultdict(list))
    index: int = 0
    serial: int = 50_000_000

    def __post_init__(self) -> None:
        self.offices = _offices(2 if len(self.plans) < 500 else 4)
        self.clerks = {one: self.gateway.bearer("office", offices=[one]) for one in self.offices}
        self.post = self.gateway.bearer("post", offices=list(CARRIERS))
        self.operator = self.gateway.bearer("operator")
        self.units = self._units(max(plan.unit for plan in self.plans))
        self.periods: dict[str, int] = defaultdict(int)

    def _units(self, count: int) -> list[Unit]:
        """The first is the one that can sign what it files by wire."""
        codes = [UNIT, *(f"TS{number:05d}" for number in range(20_000, 20_000 + count))]
        office = {code: self.offices[at % len(self.offices)] for at, code in enumerate(codes)} | {UNIT: OFFICE}
        fresh = [
            register.Unit(code=code, tax_code=TAX_CODE, office=office[code], valid_from="2020-01-01")
            for code in codes[1:]
        ]
        with self.gateway.house.database.begin() as tx:
            register.put(tx, fresh)
        made = []
        for start in range(0, len(codes), UNITS_A_CLIENT):
            some = codes[start : start + UNITS_A_CLIENT]
            is_last = start > 0 and start + UNITS_A_CLIENT >= len(codes)
            role: Role = "ivan" if is_last else "employer"
            client = self.gateway.bearer(role, units=some)
            made += [Unit(code, office[code], client, role) for code in some]
        return made

    def rng(self, *names: object) -> Random:
        return Random("/".join(map(str, (self.seed, *names))))

    def period(self, unit: str) -> str:
        """Another one for each dossier of a unit: two of one period might be one case."""
        self.periods[unit] += 1
        years, month = divmod(self.periods[unit] - 1, 12)
        return f"{month + 1:02d}/{2025 - years}"

    def number(self, carrier: str) -> str:
        """A number of the carrier's that is in no pool."""
        self.serial += 1
        return f"{SERVICES[carrier]}{self.serial:08d}{check_digit(f'{self.serial:08d}')}VN"

    def on(self, index: int, phase: str, act: Act) -> None:
        """To be done then, if the month goes on for so long."""
        assert (index, list(PHASES).index(phase)) > (self.index, -1), (index, phase)
        self.agenda[index, phase].append(act)

    def set_clock(self, at: datetime) -> None:
        seconds = (at - self.gateway.clock.now()).total_seconds()
        assert seconds >= 0, at
        self.gateway.clock.advance(seconds)

    async def __aenter__(self) -> Self:
        transport = httpx.ASGITransport(app=cast("Any", self.gateway.door))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://gateway")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", **more.pop("headers", {})}
        self.book.counts["requests"] += 1
        return await self._http.request(method, path, headers=headers, **more)

    async def told(self, method: str, path: str, token: str, **more: Any) -> Any:
        """The answer, which must be a good one."""
        answer = await self.ask(method, path, token, **more)
        assert answer.status_code in (200, 201), f"{method} {path}: {answer.status_code} {answer.text[:600]}"
        return answer.json()

    async def phase(self, index: int, phase: str) -> None:
        """Everything that is to be done then, side by side."""
        self.index = index
        self.set_clock(self.calendar.at(index, phase))
        await self.side_by_side(self.agenda.pop((index, phase), []))

    async def side_by_side(self, acts: Iterable[Act]) -> None:
        free = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(act: Act) -> None:
            async with free:
                await act()

        await asyncio.gather(*(one(act) for act in acts))


def _offices(count: int) -> list[str]:
    """Offices that decide themselves what their own units file."""
    table = OfficeTable.load()
    found = [OFFICE, OTHER_OFFICE]
    for one in table.offices_on(date(FIRST_DAY.year, 3, 2)):
        competent = route("600", one.code, one.code, FIRST_DAY, table)
        if isinstance(competent, Route) and competent.competent_office == one.code and one.code not in found:
            found.append(one.code)
    return found[:count]
