"""The simulator's own book: what really happened, counted without looking at the gateway."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.postal.month.plan import Plan

COLUMNS = (
    "announced", "cancelled", "never_posted", "posted", "delivered", "returned", "lost", "on_the_way", "opened",
    "unopened", "filed", "waiting",
)  # fmt: skip
IDENTITIES = {
    "announced": ("posted", "cancelled", "never_posted"),
    "posted": ("delivered", "returned", "lost", "on_the_way"),
    "delivered": ("opened", "unopened"),
    "opened": ("filed", "waiting"),
}
Key = tuple[str, str, str]
Lines = dict[Key, dict[str, int]]
# What is different in the gateway's rows from what happened, by item: `column`, `opened` or `filed`.
View = Mapping[str, Mapping[str, Any]]
_ENDS = {"EMI": "delivered", "returned": "returned", "lost": "lost"}


@dataclass(eq=False)
class Event:
    """Something that a carrier saw; `code` '' for a word that nobody knows."""

    code: str
    at: datetime
    word: str = ""
    # Scanned by a machine after the journey had ended: it means nothing.
    stray: bool = False


@dataclass(eq=False)
class Dossier:
    """One dossier on paper; `by_wire` for what came electronically."""

    id: str
    content: bytes
    sha256: str
    office: str
    announced: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    filed: bool = False
    by_wire: bool = False
    offered: int = 0
    content_same: bool = False
    ended: int | None = None
    # Of originals that arrived with it: how many stand where.
    originals: Counter[str] = field(default_factory=Counter)

    def kinds(self) -> list[str]:
        """The kinds of originals that arrived with it."""
        held = self.counted or self.announced
        return [kind for kind in ("book", "card") if held.get(kind)]


@dataclass(eq=False)
class Parcel:
    """An item as it was planned, and everything that came of it."""

    plan: Plan
    office: str
    unit: str
    announcement: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    cancelled: bool = False
    dossiers: list[Dossier] = field(default_factory=list)
    items: list["Item"] = field(default_factory=list)


@dataclass(eq=False)
class Item:
    """A postal item: what its carrier has told of it so far, and what was done with it."""

    number: str
    parcel: Parcel
    by: str
    flow: str
    carrier: str
    known: bool = True
    told: list[Event] = field(default_factory=list)
    taken: bool = False
    opened: bool = False
    opening: str = ""
    page_waits: bool = False
    returned: str = ""
    form_05: str = "not-asked"
    dossiers: list[Dossier] = field(default_factory=list)

    @property
    def column(self) -> str:
        """Where it stands by what was told."""
        heard = [one for one in self.told if one.code]
        real = [one for one in heard if not one.stray]
        if not heard:
            return "never_posted"
        return _ENDS.get(max(real, key=lambda one: one.at).code, "on_the_way") if real else "on_the_way"

    @property
    def filed(self) -> bool:
        """Whether everything in it has become a dossier."""
        return bool(self.dossiers) and all(one.filed for one in self.dossiers) and not self.page_waits


@dataclass(eq=False)
class Manifest:
    """A hand-over: its items with the difference that there is, once both sides have told."""

    id: str
    office: str
    carrier: str
    direction: str
    differences: dict[str, str] = field(default_factory=dict)
    sides: set[str] = field(default_factory=set)
    settled: bool = False
    faulty: list[Parcel] = field(default_factory=list)

    def stands(self) -> dict[str, str]:
        return self.differences if len(self.sides) == 2 else dict.fromkeys(self.differences, "")


@dataclass(eq=False)
class Fault:
    """Something injected, how it must be found, and by which working day."""

    parcel: Parcel
    how: str
    by: int


class Book:
    """Everything that happened, and what of it was found."""

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.items: dict[str, Item] = {}
        self.manifests: dict[str, Manifest] = {}
        self.dossiers: dict[str, Dossier] = {}
        self.faults: list[Fault] = []
        self.may: set[tuple[int, str]] = set()
        # Alarms that must still be open at the end: rule and subject.
        self.stays: set[tuple[str, str]] = set()
        # By item and way of finding it: the working day on which it was found first.
        self.found: dict[tuple[int, str], int] = {}
        self.strange: list[str] = []
        self.counts: Counter[str] = Counter()
        self.parcel_of: dict[str, Parcel] = {}

    def inject(self, parcel: Parcel, how: str, by: int, *, stays: str = "") -> None:
        """Something is wrong, and must be found in this way by then; `stays` is the subject of an alarm that nobody
        has ended at the end.
        """
        self.faults.append(Fault(parcel, how, by))
        if stays:
            self.stays.add((how, stays))

    def allow(self, parcel: Parcel, *hows: str) -> None:
        """What may be said of it besides, because of the same fault."""
        self.may |= {(parcel.plan.number, how) for how in hows}

    def saw(self, parcel: Parcel, how: str, index: int) -> None:
        self.found.setdefault((parcel.plan.number, how), index)

    def add_item(self, item: Item) -> None:
        self.items[item.number] = item
        self.parcel_of[item.number] = item.parcel
        item.parcel.items.append(item)

    def add_dossier(self, dossier: Dossier, parcel: Parcel) -> None:
        self.dossiers[dossier.id] = dossier
        self.parcel_of[dossier.id] = parcel

    def lines(self, view: View | None = None) -> Lines:
        """The account as it must be."""
        found: Lines = defaultdict(lambda: dict.fromkeys(COLUMNS, 0))
        for item in self.items.values():
            if item.known:
                _count(found[item.flow, item.parcel.office, item.carrier], item, (view or {}).get(item.number, {}))
        for parcel in self.parcels:
            if parcel.announcement and not any(one.flow != "outbound" for one in parcel.items):
                line = found["announced", parcel.office, parcel.plan.carrier]
                line["announced"] += 1
                line["cancelled" if parcel.cancelled else "never_posted"] += 1
        return dict(found)

    def named(self, view: View) -> set[tuple[str, str]]:
        """The items that an account must name, and for what; `view` is what the carriers' words amount to."""
        return set(self._named(view))

    def _named(self, view: View) -> Iterator[tuple[str, str]]:
        for item in self.items.values():
            if not item.known:
                continue
            changed = view.get(item.number, {})
            column = changed.get("column", item.column)
            if item.flow == "outbound":
                if item.taken and column == "never_posted":
                    yield item.number, "handed-unposted"
                continue
            if item.taken and column != "delivered":
                yield item.number, "received-undelivered"
            if changed.get("opened", item.opened) and column != "delivered":
                yield item.number, "opened-undelivered"

    def waiting(self) -> set[str]:
        """The items that were opened and of which something waits for a person."""
        return {one.number for one in self.items.values() if one.opened and not one.filed}


def _count(line: dict[str, int], item: Item, changed: Mapping[str, Any]) -> None:
    column = changed.get("column", item.column)
    line["announced"] += 1
    if column == "never_posted":
        line["cancelled" if item.parcel.cancelled else "never_posted"] += 1
    else:
        line["posted"] += 1
        line[column] += 1
    if item.flow == "outbound":
        return
    if changed.get("opened", item.opened):
        line["opened"] += 1
        line["filed" if changed.get("filed", item.filed) else "waiting"] += 1
    elif column == "delivered":
        line["unopened"] += 1


def broken(line: Mapping[str, int], *, outbound: bool) -> list[str]:
    """The identities that do not hold in a line."""
    return [
        whole
        for whole, parts in IDENTITIES.items()
        if not (outbound and whole in ("delivered", "opened")) and line[whole] != sum(line[part] for part in parts)
    ]
