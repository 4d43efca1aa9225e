"""What is to become of each item of the month, drawn from the seed alone: the same month can be played again."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from random import Random

from msgspec import Struct

from gateway.clock import VIETNAM

FIRST_DAY = date(2026, 3, 2)
# Working days after the last announcement, until everything that was injected must have been found.
TAIL_DAYS, SMALLEST_DAYS, RIPENING_DAYS = 18, 26, 24
# The gateway's own rules (post.toml), as the simulator knows them: working days.
NOT_POSTED, LATE, SILENT, LOST, UNOPENED, WAITS, FORM_05, KEPT, HALF_DAYS = 10, 3, 2, 15, 1, 1, 10, 5, 10

# What happens on a working day, and when.
PHASES: dict[str, time] = {
    "announce": time(8, 30),
    "back": time(10, 0),
    "noon": time(12, 0),
    "bag": time(14, 0),
    "open": time(15, 0),
    "desk": time(16, 30),
    "give": time(17, 30),
    "evening": time(20, 0),
}

# The share of each fate in a thousand; what is left is plain.
FATES: dict[str, float] = {
    # Nothing is wrong with these.
    "several": 100, "scanned": 8, "coded": 20, "bare-page": 15, "keyed": 80, "hybrid": 5, "paper-half": 3,
    "cancelled": 30,
    # Lost, late, silent, returned on the way.
    "lost-way": 4, "lost-told": 4, "found-again": 3, "silent": 5, "late": 5, "returned": 6, "never-posted": 5,
    "unknown-word": 3,
    # Short, surplus or damaged at the counter.
    "not-in-bag": 5, "unlisted": 5, "damaged": 5, "bag-short": 4, "bag-surplus": 4, "one-sided": 3,
    "delivered-untold": 5,
    # In the mail room.
    "unopened": 5, "short": 6, "surplus": 6, "opened-twice": 5, "strange-page": 3, "missing-page": 3, "not-keyed": 5,
    # Halves, and one filing twice.
    "half-never": 2, "paper-never": 2, "twice-filed": 2,
    # On the way back.
    "originals-kept": 5, "back-returned": 5, "back-lost": 4, "form-05": 4, "untold-posting": 4,
    # Rows changed behind the gateway's back.
    "falsified-state": 1, "falsified-handling": 1, "falsified-opening": 1, "falsified-announced": 1,
    "falsified-unfiled": 1,
}  # fmt: skip
NORMAL = frozenset(("plain", "several", "scanned", "coded", "bare-page", "keyed", "hybrid", "paper-half", "cancelled"))
# Theirs is the one unit that can sign: the other half of these comes by wire.
BY_WIRE = frozenset(("hybrid", "paper-half", "half-never", "paper-never", "twice-filed"))
UNANNOUNCED = frozenset(("keyed", "not-keyed"))
WITH_ORIGINAL = frozenset(
    ("originals-kept", "back-returned", "back-lost", "form-05", "untold-posting", "short", "bag-short", "bag-surplus")
)
BACK = frozenset(("back-returned", "back-lost", "form-05", "untold-posting"))
# Where the office opens it on the day on which it came.
AT_ONCE = frozenset(("delivered-untold", "falsified-handling", "falsified-unfiled"))


class Plan(Struct, frozen=True):
    """One item's fate: `day` counts working days from 0; `hops` how many it takes from posting to delivery."""

    number: int
    fate: str
    unit: int
    day: int
    carrier: str
    dossiers: int
    post_after: int
    hops: int
    open_after: int
    has_original: bool
    # Whether it is put right in the course of the month, where it may be.
    mended: bool


class Calendar:
    """The working days of the month: Monday to Friday; no holiday is among them."""

    def __init__(self, sending: int) -> None:
        self.sending = sending
        total = max(sending + TAIL_DAYS, SMALLEST_DAYS)
        self.days: list[date] = []
        day = FIRST_DAY
        while len(self.days) < total:
            if day.weekday() < 5:
                self.days.append(day)
            day += timedelta(days=1)
        self.last_fault_day = min(sending - 1, total - RIPENING_DAYS)

    def at(self, index: int, phase: str | time, seconds: float = 0) -> datetime:
        """An instant of a working day."""
        hour = PHASES[phase] if isinstance(phase, str) else phase
        return datetime.combine(self.days[index], hour, VIETNAM) + timedelta(seconds=seconds)

    def index(self, day: date) -> int:
        """The last working day up to that one."""
        return sum(one <= day for one in self.days) - 1


def make_plans(items: int, seed: int, units: int, calendar: Calendar, without: Collection[str] = ()) -> list[Plan]:
    """Every fate at least once, however few items there are, but for those in `without`."""
    deck: list[str] = []
    for fate, share in FATES.items():
        if fate not in without:
            deck += [fate] * max(1, round(share * items / 1000))
    deck = (deck + ["plain"] * (items - len(deck)))[: max(items, len(deck))]
    Random(f"{seed}/deck").shuffle(deck)
    made = [0] * len(FATES)
    return [_plan(number, fate, seed, units, calendar, made) for number, fate in enumerate(deck)]


def _plan(number: int, fate: str, seed: int, units: int, calendar: Calendar, made: list[int]) -> Plan:
    rng = Random(f"{seed}/{number}")
    at = list(FATES).index(fate) if fate in FATES else 0
    made[at] += 1
    last = calendar.sending - 1 if fate in NORMAL else calendar.last_fault_day
    return Plan(
        number=number,
        fate=fate,
        unit=0 if fate in BY_WIRE else 1 + rng.randrange(units),
        day=rng.randint(0, last),
        carrier="vnpost" if rng.random() < 0.8 else "ems",
        dossiers=rng.randint(2, 3) if fate == "several" else 1,
        post_after=rng.randint(0, 1),
        hops=2 if fate in AT_ONCE else rng.randint(1, 2),
        open_after=0 if fate in AT_ONCE or rng.random() < 0.7 else 1,
        has_original=fate in WITH_ORIGINAL or (fate not in BY_WIRE and rng.random() < 0.35),
        mended=bool(made[at] % 2),
    )
