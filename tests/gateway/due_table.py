"""The table of due-date cases, and a command that prints it: `python -m tests.gateway.due_table`."""

import sys
import tomllib
from datetime import datetime
from pathlib import Path

from msgspec import Struct, convert

from gateway.clock import VIETNAM
from gateway.deadlines import Calendar, due
from tests.gateway import minute_walker

CASES = Path(__file__).parent / "due_cases.toml"


class Case(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case: what is received when, and when it is due; times in Vietnam's time, dd/MM/yyyy HH:mm."""

    what: str
    received: str
    days: int
    due: str
    pauses: tuple[tuple[str, str], ...] = ()

    def by_program(self, calendar: Calendar) -> str:
        pauses = [(aware(start), aware(end)) for start, end in self.pauses]
        found = due(aware(self.received), self.days, calendar, pauses).due_at
        assert found.second == found.microsecond == 0
        return f"{found:%d/%m/%Y %H:%M}"

    def by_walking(self) -> str:
        pauses = [(clock(start), clock(end)) for start, end in self.pauses]
        return f"{minute_walker.due(clock(self.received), self.days, pauses):%d/%m/%Y %H:%M}"


def clock(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M")  # noqa: DTZ007 - a wall clock in Vietnam


def aware(text: str) -> datetime:
    return clock(text).replace(tzinfo=VIETNAM)


def cases() -> list[Case]:
    with CASES.open("rb") as file:
        return convert(tomllib.load(file)["cases"], list[Case])


def main() -> int:
    calendar, wrong = Calendar.load(), 0
    print(f"{calendar.version}\n{'received':17} {'days':>4}  {'by hand':17} {'program':17} {'walked':17}")
    for case in cases():
        answers = (case.due, case.by_program(calendar), case.by_walking())
        is_same = len(set(answers)) == 1
        wrong += not is_same
        waits = "; ".join(f"{start} – {end}" for start, end in case.pauses)
        told = case.what + (f" [{waits}]" if waits else "")
        print(f"{case.received:17} {case.days:4}  {'  '.join(answers)}  {'=' if is_same else 'DIFFERS'} {told}")
    print(f"{len(cases())} cases, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
