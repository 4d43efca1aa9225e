"""The bars: what the benchmark asks of the project, and whether it was met."""

from collections.abc import Callable, Mapping
from statistics import median

from msgspec import Struct

from tests.bench.floor import Primitives
from tests.bench.stacks import Told

MONTH_DOSSIERS = 600_000


class Measured(Struct, kw_only=True):
    """Everything a run measured. Lists hold one entry a round, in order; what was not measured is absent."""

    rounds: dict[tuple[str, str], list[Told]] = {}
    floors: dict[str, list[Primitives]] = {}
    alone: dict[str, Primitives] = {}
    beside: dict[str, list[tuple[Told, Told]]] = {}
    fsyncs: dict[tuple[str, str], float] = {}
    memory_mib: float | None = None
    memory_large_mib: float | None = None

    def of(self, stack: str, kind: str, read: Callable[[Told], float]) -> float | None:
        """The median over the rounds."""
        told = self.rounds.get((stack, kind))
        return median(map(read, told)) if told else None

    def times(self, stack: str, kind: str) -> float | None:
        """How many times as many dossiers a second the gateway takes as that stack, round by round."""
        ours, theirs = self.rounds.get(("motcua", kind)), self.rounds.get((stack, kind))
        if not ours or not theirs:
            return None
        return median(our.per_s / their.per_s for our, their in zip(ours, theirs, strict=True))

    def over_the_floor(self, kind: str) -> float | None:
        """Server CPU over the floor, round by round."""
        ours, http, floors = self.rounds.get(("motcua", kind)), self.rounds.get(("http", kind)), self.floors.get(kind)
        if not ours or not http or not floors:
            return None
        return median(
            our.cpu_us / (floor.floor_us + bare.cpu_us) for our, bare, floor in zip(ours, http, floors, strict=True)
        )

    def verification(self, kind: str) -> float | None:
        floors = self.floors.get(kind)
        return median(one.verification_over_its_primitives for one in floors) if floors else None

    def on_network(self, kind: str) -> float | None:
        pairs = self.beside.get(kind)
        return median(network.per_s / embedded.per_s for embedded, network in pairs) if pairs else None

    def month_minutes(self, kind: str) -> float | None:
        rate = self.of("motcua", kind, lambda told: told.per_s)
        return MONTH_DOSSIERS / rate / 60 if rate else None


class Bar(Struct, frozen=True):
    """A bar: `most` tells whether the value may at most be the limit, or must at least be it."""

    name: str
    kind: str
    limit: float
    aim: float | None
    most: bool
    unit: str
    value: float | None

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        if not self._meets(self.limit):
            return "MISSED"
        return "aim met" if self.aim is not None and self._meets(self.aim) else "met"

    def _meets(self, limit: float) -> bool:
        assert self.value is not None
        return self.value <= limit if self.most else self.value >= limit

    @property
    def row(self) -> str:
        sign = "≤" if self.most else "≥"
        aim = "" if self.aim is None else f"{self.aim:g}{self.unit}"
        value = "" if self.value is None else f"**{_shown(self.value)}{self.unit}**"
        return f"| {self.name} | {self.kind} | {sign} {self.limit:g}{self.unit} | {aim} | {value} | {self.verdict} |"


def _shown(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def bars(measured: Measured) -> list[Bar]:
    """All bars, in the order of the table."""
    found: list[Bar] = []
    asked: Mapping[str, Mapping[str, tuple[float, float | None]]] = {
        "naive": {"10": (12, 18), "50": (20, 30)},
        "competent": {"10": (5, 8), "50": (3.5, 5)},
        "floor": {"10": (1.9, 1.5), "50": (1.6, 1.35)},
        "verification": {"10": (1.25, 1.15), "50": (1.25, 1.15)},
        "p99": {"10": (60, None), "50": (120, None)},
        "fsyncs": {"10": (0.4, 0.2), "50": (0.4, 0.2)},
        "network": {"10": (0.5, 0.8), "50": (0.5, 0.8)},
        "month": {"10": (8, 6), "50": (20, 15)},
    }

    def add(what: str, name: str, value: Callable[[str], float | None], *, most: bool, unit: str) -> None:
        for kind, (limit, aim) in asked[what].items():
            found.append(Bar(name, kind, limit, aim, most, unit, value(kind)))

    m = measured
    add("naive", "dossiers/s against the naive stack", lambda kind: m.times("naive", kind), most=False, unit="×")
    add(
        "competent",
        "dossiers/s against the competent stack",
        lambda kind: m.times("competent", kind),
        most=False,
        unit="×",
    )
    add("floor", "server CPU over the floor", m.over_the_floor, most=True, unit="×")
    add("verification", "verification alone over its primitives", m.verification, most=True, unit="×")
    add(
        "p99",
        "p99, 32 connections, saturated",
        lambda kind: m.of("motcua", kind, lambda t: t.p99_ms),
        most=True,
        unit=" ms",
    )
    add("fsyncs", "fsyncs a dossier", lambda kind: m.fsyncs.get(("motcua", kind)), most=True, unit="")
    found.append(Bar("memory (PSS), 2 workers", "10", 160, None, True, " MiB", m.memory_mib))
    found.append(Bar("memory, eight 2 MB dossiers at once", "pdf", 300, None, True, " MiB", m.memory_large_mib))
    add("network", "PostgreSQL + S3 against the embedded default", m.on_network, most=False, unit="×")
    add("month", "a month of 600,000, derived", m.month_minutes, most=True, unit=" min")
    return found
