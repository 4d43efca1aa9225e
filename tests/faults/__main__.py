"""The crash and fault campaign: `python -m tests.faults --seed N --minutes M [--only NAME …] [--prove]`."""

import argparse
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable

from tests.faults import checker, prove, scenarios_disk, scenarios_network
from tests.faults.shim import ToolMissing
from tests.faults.stage import Outcome, Stage, stage

MINUTES = 8.0
# What starting, settling and looking take beside the faults, for each scenario.
ASIDE_S = 14.0
Scenario = Callable[[Stage, str, float], Outcome]
# Each with its share of the time.
SCENARIOS: dict[str, tuple[Scenario, float]] = {
    "kill": (scenarios_disk.kill, 1.0),
    "errors": (scenarios_disk.errors, 1.3),
    "power": (scenarios_disk.power, 2.0),
    "full": (scenarios_disk.full, 0.8),
    "clock": (scenarios_disk.clock, 0.8),
    "kill-net": (scenarios_network.kill, 1.0),
    "database": (scenarios_network.database, 1.0),
    "promoted": (scenarios_network.promoted, 0.6),
    "store": (scenarios_network.store, 1.0),
    "forgetful": (scenarios_network.forgetful, 0.6),
    "partition": (scenarios_network.partition, 1.2),
}
HEAD = (
    "scenario", "operations", "acknowledged", "refused", "unknown", "faults", "restarts",
    *checker.KINDS, "seconds", "",
)  # fmt: skip


def main() -> int:
    """Play; 0 when nothing was lost, 1 when something was, 2 when a scenario could not be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="the same seed draws the same faults")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--only", action="append", choices=[*SCENARIOS], help="only this scenario; may be repeated")
    parser.add_argument("--prove", action="store_true", help="prove that the checker can fail")
    asked = parser.parse_args()
    # Whoever ends the campaign, it takes its servers, mounts and namespaces down with it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(2))
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    if asked.prove:
        with stage(seed) as shared:
            return prove.prove(shared)
    return campaign(seed, asked.minutes, asked.only or [*SCENARIOS])


def campaign(seed: int, minutes: float, names: list[str]) -> int:
    """Play the scenarios one after another, and print the table."""
    began = time.monotonic()
    outcomes: list[Outcome] = []
    with stage(seed) as shared:
        left_s = minutes * 60 - (time.monotonic() - began) - ASIDE_S * len(names)
        shares = sum(SCENARIOS[name][1] for name in names)
        for name in names:
            scenario, share = SCENARIOS[name]
            outcomes.append(play(shared, name, scenario, max(12.0, left_s * share / shares)))
            print(_line(_cells(outcomes[-1])), flush=True)
            for found in outcomes[-1].verdict.named():
                print("    " + found, flush=True)
    print()
    for line in table(outcomes):
        print(line)
    print(f"seed {seed}, {time.monotonic() - began:.0f} s")
    if any(not outcome.verdict for outcome in outcomes):
        return 1
    return 2 if any(outcome.failed_to_run for outcome in outcomes) else 0


def play(shared: Stage, name: str, scenario: Scenario, seconds: float) -> Outcome:
    """One scenario. One that lacks a tool, or breaks down, is reported as not run: never as passed."""
    began = time.monotonic()
    try:
        return scenario(shared, name, seconds)
    except ToolMissing as missing:
        why = str(missing)
    except Exception as fault:
        traceback.print_exc()
        why = f"{type(fault).__name__}: {fault}"
    return Outcome(
        name=name, verdict=checker.Verdict(), seconds=time.monotonic() - began, failed_to_run=why.splitlines()[0][:200]
    )


def _cells(outcome: Outcome) -> list[str]:
    if outcome.failed_to_run:
        return [outcome.name, "FAILED TO RUN: " + outcome.failed_to_run]
    counts = (outcome.operations, outcome.acknowledged, outcome.refused, outcome.unknown, outcome.faults)
    counted = [*counts, outcome.restarts, *outcome.verdict.counts()]
    return [outcome.name, *(f"{count:,}" for count in counted), f"{outcome.seconds:.0f}", outcome.told]


def _line(cells: list[str]) -> str:
    return "  ".join(cells)


def table(outcomes: list[Outcome]) -> list[str]:
    """The table, with a line of totals."""
    rows = [list(HEAD), *(_cells(outcome) for outcome in outcomes)]
    ran = [outcome for outcome in outcomes if not outcome.failed_to_run]
    sums = [
        sum(getattr(outcome, name) for outcome in ran)
        for name in ("operations", "acknowledged", "refused", "unknown", "faults", "restarts")
    ]
    sums += [sum(column) for column in zip(*(outcome.verdict.counts() for outcome in ran), strict=True)] or [0] * 4
    rows.append(["total", *(f"{one:,}" for one in sums), f"{sum(outcome.seconds for outcome in outcomes):.0f}", ""])
    whole = [row for row in rows if len(row) == len(HEAD)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(HEAD))]
    lines = []
    for row in rows:
        if len(row) < len(HEAD):
            lines.append(f"{row[0].ljust(widths[0])}  {row[1]}")
            continue
        first, *numbers, last = row
        padded = [first.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:-1], strict=True)), last]
        lines.append("  ".join(padded).rstrip())
    return lines


if __name__ == "__main__":
    sys.exit(main())
