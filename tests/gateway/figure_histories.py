"""Several hundred dossiers' lives, chosen by a seed: facts, courses and results as the lines write them."""

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gateway.clock import VIETNAM, rfc3339, to_us
from storage import courses, journal, results
from storage.database import Database
from tests.databases import a_dossier

OFFICES = ("07906", "08907", "01903")
PROCEDURES = ("600", "607", "630a")
BEGIN = datetime(2026, 1, 28, 8, 0, tzinfo=VIETNAM)
NOW = datetime(2026, 4, 9, 10, 20, tzinfo=VIETNAM)
UNITS = tuple(f"TS{number:05d}" for number in range(40))
REPORT = {"refused": "findings", "signatures": [], "findings": []}


class Lives:
    """Writes one dossier after another; every step is a fact, and what it does to the course."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.random = random.Random(seed)
        self.made = 0

    def write(self, count: int) -> None:
        with self.database.begin() as tx:
            self.tx, self.turn = tx, journal.take_turn(tx)
            for _ in range(count):
                self.live()
            journal.end_turn(tx, self.turn)

    def live(self) -> None:
        self.made += 1
        choose = self.random
        self.at = BEGIN + timedelta(minutes=choose.randrange(int((NOW - BEGIN) / timedelta(minutes=1))))
        kind = choose.random()
        if kind < 0.08:
            self.refuse()
            return
        purpose = {0: "supplement", 1: "withdrawal"}.get(int(kind * 100) - 8, "")
        self.due = self.at + timedelta(hours=choose.randrange(8, 400)) if choose.random() < 0.95 else None
        self.state, self.office, self.waits = "accepted", choose.choice(OFFICES), False
        unit = choose.choice(UNITS)
        name = f"{self.made}"
        waited = kind > 0.95
        self.dossier = a_dossier(
            name, self.turn.next(), unit=unit, procedure=choose.choice(PROCEDURES), purpose=purpose,
            about="d-0" if purpose else None, competent_office=self.office, received_at_us=to_us(self.at),
            due_at_us=to_us(self.due) if self.due else None, channel=choose.choice(("api", "api", "post", "counter")),
            state="pending" if waited else "accepted",
        )  # fmt: skip
        journal.enter(self.tx, [self.dossier], [], [], [])
        self.fact("received-pending" if waited else "accepted", seq=self.dossier.seq, office="" if waited else None)
        self.course: dict[str, Any] = {}
        if waited:
            self.wait(1, 40)
            if choose.random() < 0.3:
                self.state = "withdrawn" if choose.random() < 0.5 else "pending"
                if self.state == "withdrawn":
                    self.fact("withdrawn", office="")
                self.end()
                return
            self.fact("accepted")
        if not purpose:
            while self.step():
                pass
        self.end()

    def refuse(self) -> None:
        codes = self.random.sample(["tax-code", "office-unresolved", "row-sum"], self.random.randrange(3))
        found = [
            {"code": code, "severity": "error", "message_vi": "", "message_en": "", "fix_vi": "", "fix_en": ""}
            for code in (*codes, *codes)
        ]
        said = msgspec.json.encode(REPORT | {"findings": found}).decode()
        dossier = a_dossier(
            f"{self.made}", self.turn.next(), state="refused", report=said, unit="", competent_office="", pack=None,
            procedure=self.random.choice(PROCEDURES), received_at_us=to_us(self.at), due_at_us=None,
        )  # fmt: skip
        self.dossier = dossier
        journal.enter(self.tx, [dossier], [], [], [])
        self.fact("refused", seq=dossier.seq, office="")

    def wait(self, least_h: float, most_h: float) -> None:
        self.at += timedelta(minutes=int(60 * self.random.uniform(least_h, most_h)))

    def fact(self, fact: str, *, seq: int = 0, office: str | None = None, **detail: Any) -> None:
        told = msgspec.json.encode({name: value for name, value in detail.items() if value}).decode()
        one = self.dossier
        event = journal.Event(
            seq=seq or self.turn.next(), dossier=one.id, type=fact, at_us=to_us(self.at), actor="office-1",
            detail=told, unit=one.unit, submitter=one.submitter, office=self.office_of(office),
        )  # fmt: skip
        journal.record(self.tx, [event], {})

    def office_of(self, office: str | None) -> str:
        return office if office is not None else getattr(self, "office", "")

    def step(self) -> bool:
        """One thing that happens to it; False when nothing more does."""
        if self.random.random() < 0.08:
            return False
        self.wait(0.1, 70)
        if self.at > NOW:
            return False
        ways = {
            "accepted": (self.acknowledge, self.acknowledge, self.acknowledge, self.withdraw, self.transfer),
            "acknowledged": (self.begin_work, self.begin_work, self.finish, self.ask, self.pass_on, self.transfer),
            "in-work": (self.finish, self.finish, self.finish, self.ask, self.ask, self.ask, self.apologise,
                        self.apologise, self.stop, self.decline, self.transfer, self.withdraw),
            "supplement-requested": (self.resume, self.resume, self.resume, self.resume, self.withdraw,
                                     self.transfer, self.decline),
            "finished": (self.give_back, self.give_back, self.reopen),
            "returned": (self.reopen, self.rest, self.rest, self.rest),
            "declined": (self.rest, self.reopen),
            "stopped": (self.rest, self.reopen),
        }  # fmt: skip
        way = self.random.choice(ways.get(self.state, (self.rest,)))
        return way() is not False

    def rest(self) -> bool:
        return False

    def acknowledge(self) -> None:
        self.state = "acknowledged"
        self.course["taken_at_us"] = to_us(self.at)
        self.fact("acknowledged", lease="l")

    def begin_work(self) -> None:
        self.unpause()
        self.state = "in-work"
        self.fact("work-started", due_at=self.due_told())

    def pass_on(self) -> None:
        self.fact("passed-on", department="2")

    def ask(self) -> None:
        if self.course.get("appointed_at_us"):
            return
        self.state = "supplement-requested"
        self.course["supplements"] = self.course.get("supplements", 0) + 1
        self.course.setdefault("paused_since_us", to_us(self.at))
        self.fact("supplement-requested", second=self.course["supplements"] > 1, due_at=self.due_told())

    def unpause(self) -> None:
        since = self.course.pop("paused_since_us", None)
        if since is None:
            return
        self.course["pauses"] = (*self.course.get("pauses", ()), (since, to_us(self.at)))
        if self.due:
            self.due += timedelta(microseconds=to_us(self.at) - since)

    def resume(self) -> None:
        self.unpause()
        self.state = "in-work"
        self.fact("supplement-received", receipt="r", due_at=self.due_told())

    def due_told(self) -> str:
        appointed = self.course.get("appointed_at_us")
        due = datetime.fromtimestamp(appointed / 1e6, VIETNAM) if appointed else self.due
        return rfc3339(due) if due else ""

    def apologise(self) -> None:
        if self.due is None or self.course.get("appointed_at_us"):
            return
        self.course["appointed_at_us"] = to_us(self.due + timedelta(hours=self.random.randrange(8, 200)))
        self.fact("re-appointed", due_at=self.due_told())

    def transfer(self) -> None:
        before, self.office = self.office, self.random.choice([one for one in OFFICES if one != self.office])
        self.fact("sent-on", office=before, to=self.office)
        self.state = "accepted"
        self.course["taken_at_us"] = None
        moved: dict[str, Any] = {"from": before, "to": self.office}
        self.fact("transferred", **moved)

    def finish(self) -> None:
        self.unpause()
        self.state = "finished"
        # The office says when it was, and says so later.
        at = self.at - timedelta(minutes=self.random.choice((0, 0, 30, 4000)))
        at = max(at, datetime.fromtimestamp(self.dossier.received_at_us / 1e6, VIETNAM) + timedelta(minutes=1))
        self.course |= {"finished_at_us": to_us(at), "ended_at_us": to_us(at)}
        number = self.course.get("results", 0)
        files = []
        for _ in range(self.random.randrange(3)):
            number += 1
            replaces = number - 1 if number > 1 and self.random.random() < 0.5 else None
            files.append(number)
            result = results.Result(
                dossier=self.dossier.id, number=number, seq=1, name="kq.pdf", media_type="application/pdf",
                sha256=b"x" * 32, size_bytes=1, result_number="", signature="passed", signer="",
                electronic_code=self.random.choice(("", "E-1")), replaces=replaces,
            )  # fmt: skip
            results.add(self.tx, result)
        self.course["results"] = number
        self.fact("finished", results=files, due_at=self.due_told(), at=rfc3339(at))

    def over(self, fact: str) -> None:
        if fact != "withdrawn":
            self.unpause()
        self.state = fact
        self.course["ended_at_us"] = to_us(self.at)
        self.fact(fact, due_at=self.due_told())

    def decline(self) -> None:
        self.over("declined")

    def stop(self) -> None:
        self.over("stopped")

    def withdraw(self) -> None:
        self.over("withdrawn")

    def give_back(self) -> None:
        self.state = "returned"
        way = self.random.choice(("electronic", "post", "both"))
        self.course |= {"returned_at_us": to_us(self.at), "returned_by": way}
        self.fact("returned", returned_by=way)

    def reopen(self) -> None:
        self.state = "in-work"
        self.course |= {"ended_at_us": None, "finished_at_us": None, "returned_at_us": None, "returned_by": ""}
        self.fact("reopened", corrects=1)

    def end(self) -> None:
        journal.record(self.tx, [], {self.dossier.id: self.state})
        self.tx.exec_driver_sql(f"UPDATE dossier SET competent_office = '{self.office}' WHERE id = '{self.dossier.id}'")
        if self.course:
            known = {name: value for name, value in self.course.items() if name != "results"}
            due_at_us = to_us(self.due) if self.due else None
            since_us = self.dossier.received_at_us
            course = courses.Course(
                dossier=self.dossier.id, office=self.office, since_us=since_us, due_at_us=due_at_us, **known
            )
            courses.put(self.tx, course)
