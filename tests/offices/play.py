"""The month: employers file, offices take and work, some are slow, silent or die; an operator looks after alarms.

It goes from one hour of the month to the next. What was to happen in an hour is over before the clock is moved on, so
that the same month can be played again, and a play that was killed goes on in the hour in which it was.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from random import Random
from typing import Any, Self

from gateway.client import Accepted, Unexpected, Work
from gateway.client_course import EmployerGateway
from gateway.client_office import CannotFollow, OfficeGateway
from gateway.clock import rfc3339
from gateway.demo_office import BackOffice
from tests.offices.clock import SharedClock
from tests.offices.fates import Fate, Plan
from tests.offices.filings import Filer, Makers
from tests.offices.ledger import ENDED, Entry, Ledger
from tests.offices.steps import OperatorGateway, after
from tests.offices.town import HOLDERS, Town, may_handle

LEASE_S = 1800
AT_ONCE = 50
BEFORE = timedelta(minutes=90)
# Many dossiers side by side, as many as the doors have workers for.
EMPLOYERS_SIDE_BY_SIDE, OFFICES_SIDE_BY_SIDE = 12, 6
# In which order an office may take these steps within one hour.
_ORDER = ("begin", "number", "ask-1", "ask-2", "decline", "stop", "finish", "return")
_WAYS = ("electronic", "electronic", "electronic", "both", "post")


class Play:
    """Everybody in the town, and what they mean to do when."""

    def __init__(
        self,
        town: Town,
        plan: Plan,
        clock: SharedClock,
        ledger: Ledger,
        makers: Makers,
        connect: Callable[[type[Any], str], Any],
        tick: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.town, self.plan, self.clock, self.ledger, self.makers = town, plan, clock, ledger, makers
        self.filer = Filer(town, plan)
        self._connect, self._tick = connect, tick
        self.agenda: dict[int, list[tuple[str, str]]] = defaultdict(list)
        self.filings: dict[int, list[int]] = defaultdict(list)
        for number in range(plan.dossiers):
            self.filings[plan.slot_of(number)].append(number)
        # Leases of software that died: it comes back with them when they are somebody else's.
        self.ghosts: dict[str, list[tuple[int, Work]]] = defaultdict(list)
        self.lost_memory: set[str] = set(town.offices) if ledger.resumed else set()
        self.open = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        enter = self._stack.enter_async_context
        self.employer: EmployerGateway = await enter(self._connect(EmployerGateway, "employer"))
        self.operator: OperatorGateway = await enter(self._connect(OperatorGateway, "operator"))
        self.offices: dict[str, list[BackOffice]] = {}
        for office in self.town.offices:
            signer = self.town.signer(f"office-{office}")
            self.offices[office] = [
                BackOffice(await enter(self._connect(OfficeGateway, f"{office}/{n}")), office, signer, self.clock)
                for n in range(HOLDERS)
            ]
        for entry in self.ledger.entries.values():
            self._intend_again(entry)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def through(self, told: Callable[[str], None], *, stop_after: int | None = None) -> None:
        """Play from where the ledger ends until everybody has what he wants."""
        made: dict[int, Iterable[bytes]] = {}
        first, began_s = self.ledger.slot + 1, time.monotonic()
        for slot in range(first, len(self.plan.slots)):
            if slot % self.plan.per_day == 0:
                began_s = time.monotonic()
            for ahead in (slot, slot + 1):
                if ahead not in made:
                    made[ahead] = self.makers.make(self.filings.get(ahead, []))
            self.clock.set(self.plan.slots[slot])
            await self._file(slot, made.pop(slot))
            await self._act(slot)
            await self._take(slot)
            if self._tick is not None:
                await self._tick()
            await self._look_after(slot)
            self.ledger.hear("slot", slot=slot)
            self.open = sum(1 for one in self.ledger.entries.values() if one.state not in ENDED)
            if (slot + 1) % self.plan.per_day == 0:
                counts, took_s = self.ledger.counts, time.monotonic() - began_s
                told(
                    f"{self.plan.slots[slot]:%d/%m}  nộp · filed {counts['filed']:>6} nhận · taken {counts['taken']:>5}"
                    f"  xong · finished {counts['finish']:>6}  còn mở · open {self.open:>6}  {took_s:5.1f} s"
                )
            if slot >= self.plan.filing_slots and not self._is_anything_left(slot):
                return
            if stop_after is not None and slot >= stop_after:
                return

    def _is_anything_left(self, slot: int) -> bool:
        return self.open > 0 or any(acts for at, acts in self.agenda.items() if at > slot)

    # --- employers ---

    async def _file(self, slot: int, contents: Iterable[bytes]) -> None:
        free = asyncio.Semaphore(EMPLOYERS_SIDE_BY_SIDE)

        async def file(number: int, content: bytes) -> None:
            async with free:
                if number in self.ledger.numbers:
                    return
                said = await self.employer.submit(content)
            assert isinstance(said, Accepted), said
            self.ledger.hear(
                "filed",
                number=number,
                dossier=said.dossier,
                receipt_number=said.receipt_number,
                first_office=said.competent_office,
                office=said.competent_office,
                procedure=self.filer.procedure(number),
                received_at=said.received_at,
                due_at=said.due_at,
                slot=slot,
            )
            entry = self.ledger.entries[said.dossier]
            fate = self._fate(entry)
            if fate.ending == "withdraw":
                self.agenda[slot + fate.withdraw_after].append((entry.dossier, "withdraw"))

        filing = []
        for number, content in zip(self.filings.get(slot, []), contents, strict=True):
            filing.append(asyncio.create_task(file(number, content)))
            if len(filing) % EMPLOYERS_SIDE_BY_SIDE == 0:
                # What was made is sent while more is being made.
                await asyncio.sleep(0)
        await asyncio.gather(*filing)

    async def _send(self, entry: Entry, step: str, at: datetime) -> None:
        """The employer's own steps: a supplement, a withdrawal."""
        if step == "withdraw":
            content = self.filer.withdrawal(entry.number, entry.receipt_number, at)
            sending = self.employer.withdraw(entry.dossier, content)
        else:
            content = self.filer.supplement(entry.number, int(step[-1]), at)
            sending = self.employer.supplement(entry.dossier, content)
        try:
            said = await sending
        except Unexpected as told:
            if told.problem.get("code") != "not-open":
                raise
            self.ledger.hear("too-late", dossier=entry.dossier, step=step, slot=self.ledger.slot + 1)
            return
        assert isinstance(said, Accepted), said
        course = await self.employer.course(entry.dossier)
        self._heard(entry, step, said.received_at, course.state, course.due_at, sent=said.dossier)

    # --- offices ---

    async def _act(self, slot: int) -> None:
        """Everything that was meant to be done in this hour, or before it."""
        due = sorted(at for at in self.agenda if at <= slot)
        acts = [act for at in due for act in self.agenda.pop(at)]
        by_office: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for dossier, step in acts:
            by_office[self.ledger.entries[dossier].office].append((dossier, step))
        free = asyncio.Semaphore(OFFICES_SIDE_BY_SIDE)

        async def one_office(mine: list[tuple[str, str]]) -> None:
            async with free:
                for dossier, step in mine:
                    await self._step(self.ledger.entries[dossier], step, slot)

        await asyncio.gather(*map(one_office, by_office.values()))

    async def _step(self, entry: Entry, step: str, slot: int) -> None:
        at = self._own_time(entry, step, slot)
        if step == "withdraw" or step.startswith("supplement"):
            await self._send(entry, step, self.plan.slots[slot])
            return
        if entry.is_forgotten or entry.state in ("accepted", "withdrawn"):
            return
        if self.plan.characters[entry.office].is_silent(slot):
            # It does nothing at all, for now.
            self.agenda[slot + 1].append((entry.dossier, step))
            return
        office = self.offices[entry.office][Random(f"{entry.dossier}{step}").randrange(HOLDERS)]
        try:
            said, more = await self._report(office, entry, step, at)
        except CannotFollow:
            self.ledger.hear("too-late", dossier=entry.dossier, step=step, slot=self.ledger.slot + 1)
            return
        self._heard(entry, step, rfc3339(at), said.state, said.due_at, **more)

    async def _report(self, office: BackOffice, entry: Entry, step: str, at: datetime) -> tuple[Any, dict[str, Any]]:
        if step == "begin":
            return await office.begin(entry.dossier, at=at), {}
        if step == "number":
            return await office.number(entry.dossier, entry.receipt_number, at=at), {}
        if step.startswith("ask"):
            return await office.ask(entry.dossier, int(step[-1]), at=at), {}
        if step == "apologise":
            return await office.apologise(entry.dossier, self._new_date(entry)), {}
        if step == "decline":
            return await office.decline(entry.dossier, at=at), {}
        if step == "stop":
            return await office.stop(entry.dossier, at=at), {}
        if step == "finish":
            return await office.finish(entry.dossier, entry.receipt_number, at=at), {}
        if step == "return":
            way = Random(entry.dossier).choice(_WAYS)
            return await office.give_back(entry.dossier, way, at=at), {"by": way}  # type: ignore[arg-type]
        neighbour = self._neighbour(entry.office, entry.procedure)
        return await office.pass_on(entry.dossier, neighbour), {"to": neighbour}

    def _new_date(self, entry: Entry) -> datetime:
        return max(datetime.fromisoformat(entry.due_at), self.clock.now()) + timedelta(days=3)

    def _neighbour(self, office: str, procedure: str) -> str:
        """The next office that is neither gone nor the same, and may handle the procedure."""
        offices = self.town.offices
        at = offices.index(office)
        there = [offices[(at + n) % len(offices)] for n in range(1, len(offices))]
        able = (one for one in there if may_handle(one, procedure))
        return next(one for one in able if not self.plan.characters[one].silent)

    def _own_time(self, entry: Entry, step: str, slot: int) -> datetime:
        """When the office did it, by its own clock: some time before it said so, after what it said before."""
        latest = self.plan.slots[slot]
        earliest = max(latest - BEFORE, datetime.fromisoformat(entry.received_at))
        share = _ORDER.index(step) / len(_ORDER) if step in _ORDER else 0.0
        at = earliest + (max(latest, earliest) - earliest) * (share + Random(entry.dossier).random() / len(_ORDER))
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def _heard(self, entry: Entry, step: str, at: str, state: str, due_at: str | None, **more: Any) -> None:
        slot = self.ledger.slot + 1
        self.ledger.hear("said", dossier=entry.dossier, step=step, at=at, state=state, due_at=due_at, slot=slot, **more)
        if step == "finish" and self._dies(entry.office, f"{entry.number}/heard"):
            # Its software died before it read the answer; what was written is written.
            self.lost_memory.add(entry.office)
            self.ledger.hear("forgot", dossier=entry.dossier)
            return
        self._intend(entry, step, slot)

    # --- taking work ---

    async def _take(self, slot: int) -> None:
        free = asyncio.Semaphore(OFFICES_SIDE_BY_SIDE)

        async def one_office(office: str) -> None:
            async with free:
                await self._go_on(office, slot)
                # Two holders of one office, at the same time.
                await asyncio.gather(*(self._lease(office, holder, slot) for holder in range(HOLDERS)))

        await asyncio.gather(*map(one_office, self.town.offices))

    async def _go_on(self, office: str, slot: int) -> None:
        """Software that lost its memory asks what it has; and comes with leases that have long been others'."""
        if self.plan.characters[office].is_silent(slot):
            return
        ghosts = self.ghosts.pop(office, [])
        for holder in {one for one, _ in ghosts}:
            late = {work.lease: work for one, work in ghosts if one == holder}
            for some in _in_pieces(list(late), AT_ONCE):
                told = await self.offices[office][holder].gateway.acknowledge_all(some)
                self.ledger.note("late acknowledgements refused", len(told.lost))
                for lease in set(some) - set(told.lost):
                    self._has_taken(office, holder, late[lease], slot, is_forgotten=False)
        if office not in self.lost_memory:
            return
        self.lost_memory.discard(office)
        for state in ("acknowledged", "in-work", "finished"):
            async for line in self.offices[office][0].gateway.open_dossiers(state):
                entry = self.ledger.entries.get(line.dossier)
                if entry is None:
                    continue
                if not entry.taken_at:
                    # Acknowledged in the hour in which the play was killed: nobody heard the answer.
                    at = rfc3339(self.clock.now())
                    self.ledger.hear(
                        "taken", dossier=line.dossier, office=office, holder=0, at=at, forgotten=True, slot=slot
                    )
                if entry.is_forgotten:
                    self.ledger.hear("remembered", dossier=line.dossier, slot=slot)
                    self._go_on_with(entry)

    async def _lease(self, office: str, holder: int, slot: int) -> None:
        software, character = self.offices[office][holder], self.plan.characters[office]
        first = "due" if holder else "offered"
        while works := await software.lease(AT_ONCE, LEASE_S, first=first):
            if character.is_silent(slot):
                self.ledger.note("leases never answered", len(works))
                self.ghosts[office] += [(holder, one) for one in works]
                continue
            if self._dies(office, f"{office}/{slot}/{holder}/leased"):
                self.ledger.note("died with leases", 1)
                self.ghosts[office] += [(holder, one) for one in works]
                return
            taken = frozenset(await software.take(works))
            assert taken <= {one.dossier for one in works}
            is_forgotten = self._dies(office, f"{office}/{slot}/{holder}/taken")
            self.ledger.note("died after acknowledging", is_forgotten)
            for one in works:
                if one.dossier in taken:
                    self._has_taken(office, holder, one, slot, is_forgotten=is_forgotten)
                else:
                    self.ledger.note("leases lost", 1)
            if is_forgotten:
                self.lost_memory.add(office)
                return

    def _has_taken(self, office: str, holder: int, one: Work, slot: int, *, is_forgotten: bool) -> None:
        if one.purpose:
            self.ledger.note("supplements and withdrawals taken", 1)
            return
        self.ledger.hear(
            "taken",
            dossier=one.dossier,
            office=office,
            holder=holder,
            at=rfc3339(self.clock.now()),
            forgotten=is_forgotten,
            slot=slot,
        )
        if not is_forgotten:
            self._begin(self.ledger.entries[one.dossier], slot)

    # --- intentions ---

    def _fate(self, entry: Entry) -> Fate:
        return self.plan.fate(str(entry.number), entry.office, entry.turn)

    def _begin(self, entry: Entry, slot: int) -> None:
        self.agenda[slot + 1].append((entry.dossier, "begin"))

    def _intend(self, entry: Entry, done: str, slot: int) -> None:
        """What follows on a step that was just taken in that slot."""
        fate = self._fate(entry)
        for wait, step in after(done, fate):
            if step not in entry.steps:
                self.agenda[slot + max(1, wait)].append((entry.dossier, step))

    def _intend_again(self, entry: Entry) -> None:
        """What a play that was killed had meant to do with the dossier."""
        slot = self.ledger.slot
        fate = self._fate(entry)
        if entry.turn == 0 and fate.ending == "withdraw" and "withdraw" not in entry.steps:
            self.agenda[max(slot + 1, entry.slot + fate.withdraw_after)].append((entry.dossier, "withdraw"))
        if not entry.taken_at or entry.is_forgotten or (entry.state in ENDED and entry.state != "finished"):
            return
        self._go_on_with(entry)

    def _go_on_with(self, entry: Entry) -> None:
        if "begin" not in entry.steps:
            self._begin(entry, entry.known_since)
        for done, at in entry.steps.items():
            self._intend(entry, done, at)

    def _dies(self, office: str, where: str) -> bool:
        dies = self.plan.characters[office].dies
        return Random(f"{self.plan.seed}/{where}").random() < dies

    # --- the operator ---

    async def _look_after(self, slot: int) -> None:
        """Once a day: what was given up is offered again where its office is back, and passed on where it is not."""
        if (slot + 1) % self.plan.per_day:
            return
        for alarm in await self.operator.alarms():
            rule, subject, owner = alarm["rule"], alarm["subject"], alarm["owner"]
            if owner not in self.ledger.alarms[rule]:
                self.ledger.hear("alarm", rule=rule, owner=owner, slot=slot)
            if rule != "work-dead":
                continue
            character = self.plan.characters[owner]
            entry = self.ledger.entries.get(subject)
            if entry is not None and character.is_silent(slot) and character.is_gone_for_good:
                said = {"office": self._neighbour(owner, entry.procedure), "reason": "Cơ quan không nhận việc"}
                moved = await self.operator.transfer(subject, said, f"{subject}/{owner}"[:200])
                self._heard(entry, "transfer", moved.due_at or "", moved.state, moved.due_at, to=said["office"])
                self.ledger.note("passed on by the operator", 1)
            elif not character.is_silent(slot):
                await self.operator.revive(subject)
                self.ledger.note("offered again by the operator", 1)


def _in_pieces(all_of_them: list[str], most: int) -> Iterable[list[str]]:
    return (all_of_them[at : at + most] for at in range(0, len(all_of_them), most))
