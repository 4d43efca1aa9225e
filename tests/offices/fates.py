"""What is to become of each dossier: drawn from the seed alone, so that the same month can be played again."""

from datetime import date, datetime, time, timedelta
from random import Random

from msgspec import Struct

from gateway.clock import VIETNAM
from gateway.deadlines import Calendar

PROCEDURES = ("600", "600", "600", "603", "607", "610", "630a")
# When things happen on a working day: before noon and after it, within office hours.
HOURS = (time(8, 0), time(10, 0), time(14, 0), time(16, 0))
ENDINGS = (
    ("decline", 0.03),
    ("stop", 0.02),
    ("ask", 0.08),
    ("ask-again", 0.015),
    ("transfer", 0.04),
    ("withdraw", 0.03),
)
LATE, SORRY = 0.05, 0.3
# In working days: how long a firm takes to answer, how long an office takes, in time and not.
ANSWERING_DAYS = (1, 3)
IN_TIME_DAYS = (0, 4)
LATE_DAYS = (6, 14)


class Character(Struct, frozen=True, kw_only=True):
    """How an office is: `silent` from and to which slot it takes leases and says nothing; how often its software dies
    at each place where it can; whether it is slow with everything.
    """

    silent: tuple[int, int] | None = None
    is_gone_for_good: bool = False
    dies: float = 0.0
    is_slow: bool = False

    def is_silent(self, slot: int) -> bool:
        return self.silent is not None and self.silent[0] <= slot < self.silent[1]


class Fate(Struct, frozen=True, kw_only=True):
    """What becomes of a dossier, in slots after it was taken (or filed, for `withdraw_after`)."""

    ending: str
    work: int
    answering: tuple[int, int]
    withdraw_after: int
    is_sorry: bool


class Plan(Struct, frozen=True, kw_only=True):
    """The month: its instants, who files when, and how the offices are."""

    dossiers: int
    seed: int
    slots: tuple[datetime, ...]
    filing_slots: int
    characters: dict[str, Character]
    per_day: int

    def slot_of(self, number: int) -> int:
        """In which slot dossier `number` is filed: more of them towards the end of the month, as it is."""
        at = Random(f"{self.seed}/when/{number}").random() ** 0.7
        return min(self.filing_slots - 1, int(at * self.filing_slots))

    def fate(self, key: str, office: str, turn: int) -> Fate:
        """`turn` counts the offices that had it."""
        rng = Random(f"{self.seed}/fate/{key}/{turn}")
        character = self.characters[office]
        ending, at = "finish", rng.random()
        for name, share in ENDINGS:
            if at < share and not (turn and name in ("transfer", "withdraw")):
                ending = name
                break
            at -= share
        is_late = rng.random() < (0.5 if character.is_slow else LATE)
        days = rng.uniform(*(LATE_DAYS if is_late else IN_TIME_DAYS))
        answering = [round(rng.uniform(*ANSWERING_DAYS) * self.per_day) for _ in range(2)]
        return Fate(
            ending=ending,
            work=round(days * self.per_day),
            answering=(answering[0], answering[1]),
            withdraw_after=1 + rng.randrange(3 * self.per_day),
            is_sorry=is_late and rng.random() < SORRY,
        )


def make_plan(dossiers: int, seed: int, offices: tuple[str, ...], first: date, *, days: int, per_day: int) -> Plan:
    """A month of so many working days on which is filed, and as many more as the last dossier may take."""
    calendar = Calendar.load()
    slots: list[datetime] = []
    day = first
    while len(slots) < (days + LATE_DAYS[1] * 3 + 10) * per_day:
        if calendar.is_working_day(day):
            hours = HOURS if per_day == len(HOURS) else HOURS[:: len(HOURS) // per_day]
            slots += [datetime.combine(day, hour, VIETNAM) for hour in hours]
        day += timedelta(days=1)
    filing = days * per_day
    rng = Random(f"{seed}/offices")
    order = list(offices)
    rng.shuffle(order)
    some = max(1, len(order) // 13)
    characters = {office: Character() for office in order}
    for at, office in enumerate(order[:some]):
        # A week of silence; whoever never comes back is given up by the operator.
        begin = rng.randrange(per_day, max(per_day + 1, filing // 2))
        characters[office] = Character(silent=(begin, begin + 7 * per_day), is_gone_for_good=at % 2 == 1)
    for office in order[some : 3 * some]:
        characters[office] = Character(dies=0.15)
    for office in order[3 * some : 5 * some]:
        characters[office] = Character(is_slow=True)
    return Plan(
        dossiers=dossiers, seed=seed, slots=tuple(slots), filing_slots=filing, characters=characters, per_day=per_day
    )
