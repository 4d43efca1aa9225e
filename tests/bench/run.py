"""The benchmark in one command: pool, stacks and floor in interleaved rounds, memory, fsyncs, network, and the bars."""

import argparse
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from tests.bench import bars, floor, machine, report
from tests.bench.bars import Measured
from tests.bench.network import servers
from tests.bench.pool import BENCH, KINDS, Pool
from tests.bench.stacks import COMPETENT, HTTP, MOTCUA, NAIVE, WORKERS, Stack, Told, serve

RESULTS = Path(__file__).with_name("RESULTS.md")
ROUNDS_MIN = 5
# Dossiers that every stack sees unmeasured first: each employer at each worker about once.
WARM = {"naive": 64, "competent": 128}
WARM_OTHERS = 512


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured. `pool` counts dossiers; they bound a run, as `seconds` does."""

    rounds: int
    seconds: float
    pool: dict[str, int]
    compared: tuple[str, ...]
    shown: tuple[str, ...]
    shown_rounds: int
    floor_dossiers: dict[str, int]
    network: bool
    memory: bool
    fsync_dossiers: int


FULL = Plan(
    rounds=ROUNDS_MIN,
    seconds=4.0,
    pool={"10": 8192, "50": 4096, "500": 256, "pdf": 256},
    compared=("10", "50"),
    shown=("500", "pdf"),
    shown_rounds=3,
    floor_dossiers={"10": 512, "50": 256, "500": 32, "pdf": 32},
    network=True,
    memory=True,
    fsync_dossiers=2048,
)
QUICK = Plan(
    rounds=1,
    seconds=1.5,
    pool={"10": 1024},
    compared=("10",),
    shown=(),
    shown_rounds=0,
    floor_dossiers={"10": 128},
    network=False,
    memory=False,
    fsync_dossiers=256,
)


class Bench:
    """A run of the benchmark."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.measured = plan, Measured()
        self._began = time.monotonic()

    def run(self) -> Measured:
        """Everything that the plan asks for."""
        self._say("pool")
        for name, count in self.plan.pool.items():
            Pool().ensure(KINDS[name], count)
        for kind in self.plan.compared:
            for number in range(self.plan.rounds):
                self._round(kind, number, [NAIVE, COMPETENT, MOTCUA, HTTP])
            self.measured.alone[kind] = floor.measure(kind, count=self.plan.floor_dossiers[kind], processes=1)
        for kind in self.plan.shown:
            for number in range(self.plan.shown_rounds):
                self._round(kind, number, [COMPETENT, MOTCUA, HTTP])
        self._fsyncs()
        if self.plan.memory:
            self._memory()
        if self.plan.network:
            self._network()
        return self.measured

    def _round(self, kind: str, number: int, stacks: list[Stack]) -> None:
        """Every stack and the floor once, each round beginning with another."""
        at = number % len(stacks)
        for stack in stacks[at:] + stacks[:at]:
            self.measured.rounds.setdefault((stack.name, kind), []).append(self._load(stack, kind))
        told = floor.measure(kind, count=self.plan.floor_dossiers[kind], processes=WORKERS)
        self.measured.floors.setdefault(kind, []).append(told)
        ratio = told.verification_over_its_primitives
        self._say(f"{kind:>4} floor      {told.floor_us:7.0f} µs without HTTP; verification {ratio:.2f}×")

    def _load(self, stack: Stack, kind: str) -> Told:
        most = self.plan.pool[kind]
        warm = min(WARM.get(stack.name, WARM_OTHERS), most // 4)
        with serve(stack) as running:
            told = running.load(kind, count=most - warm, seconds=self.plan.seconds, warm=warm)
        self._say(
            f"{kind:>4} {stack.name:<10} {told.per_s:7.1f}/s  p50 {told.p50_ms:6.1f}  p99 {told.p99_ms:6.1f} ms  "
            f"CPU {told.cpu_us:7.0f} µs  PSS {told.pss_mib:4.0f} MiB  ({told.answers})"
        )
        return told

    def _fsyncs(self) -> None:
        for stack in (MOTCUA, COMPETENT):
            for kind in self.plan.compared:
                with serve(stack, count_fsyncs=True) as running:
                    if not running.fsync_log.exists():
                        self._say("fsyncs are not counted: there is no strace")
                        return
                    few = self.plan.fsync_dossiers if stack is MOTCUA else self.plan.fsync_dossiers // 8
                    told = running.load(kind, count=few, seconds=self.plan.seconds, warm=32)
                assert told.fsyncs_each is not None
                self.measured.fsyncs[stack.name, kind] = told.fsyncs_each
                self._say(f"{kind:>4} {stack.name:<10} {told.fsyncs_each:.2f} fsyncs a dossier, {told.per_s:.0f}/s")

    def _memory(self) -> None:
        """After a long run of small dossiers; and at the worst moment of eight large ones at once."""
        with serve(MOTCUA) as running:
            small = running.load("10", count=self.plan.pool["10"] - 512, seconds=self.plan.seconds, warm=512)
        with serve(MOTCUA) as running:
            large = running.load("pdf", count=192, seconds=15.0, warm=8, connections=8, watch_memory=True)
        self.measured.memory_mib, self.measured.memory_large_mib = small.pss_mib, large.pss_peak_mib
        self._say(f"memory {small.pss_mib:.0f} MiB; eight 2 MB dossiers at once {large.pss_peak_mib:.0f} MiB")

    def _network(self) -> None:
        with servers() as fresh:
            for kind in self.plan.compared:
                pairs = self.measured.beside.setdefault(kind, [])
                for number in range(self.plan.rounds):
                    pair = [MOTCUA, fresh()]
                    told = {one.name: self._load(one, kind) for one in (pair if number % 2 else pair[::-1])}
                    pairs.append((told["motcua"], told["network"]))

    def _say(self, line: str) -> None:
        print(f"{time.monotonic() - self._began:5.0f} s  {line}", flush=True)


def main() -> None:
    """Measure, print the bars, and (but for a quick run) write RESULTS.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="one short round; proves that it runs, and nothing more")
    options.add_argument("--rounds", type=int, default=ROUNDS_MIN)
    asked = options.parse_args()
    own = Pool().folder
    for old in BENCH.glob("pool-*"):
        if old != own:
            shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(BENCH / "homes", ignore_errors=True)
    BENCH.mkdir(parents=True, exist_ok=True)
    load, begun = machine.load_of_others(), datetime.now(UTC)
    if load > 0.5:
        print(f"The machine is not quiet (load {load:.2f}): only ratios mean anything, and these little.", flush=True)
    plan = QUICK if asked.quick else FULL
    if not asked.quick:
        plan = Plan(**{**{name: getattr(plan, name) for name in plan.__struct_fields__}, "rounds": asked.rounds})
    measured = Bench(plan).run()
    command = "make bench" if sys.argv[1:] == [] else f"python -m tests.bench.run {' '.join(sys.argv[1:])}"
    text = report.written(measured, command=command, begun=f"{begun:%Y-%m-%d %H:%M} UTC", load=load)
    print("\n" + text)
    if plan.rounds >= ROUNDS_MIN:
        RESULTS.write_text(text, encoding="utf-8")
    missed = [bar for bar in bars.bars(measured) if bar.verdict == "MISSED"]
    print(f"{len(missed)} bars missed" if missed else "no bar missed")


if __name__ == "__main__":
    main()
