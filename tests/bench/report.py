"""The report: the bars, and what stands behind them, as Markdown."""

from pathlib import Path
from statistics import median

from tests.bench import bars, machine
from tests.bench.bars import Measured
from tests.bench.floor import LOCKING, OF_THE_FLOOR, OF_VERIFICATION
from tests.bench.pool import KINDS, UNITS, Pool, describe
from tests.bench.stacks import WORKERS

BETWEEN = Path(__file__).with_name("BETWEEN.md")


def written(measured: Measured, *, command: str, begun: str, load: float) -> str:
    """RESULTS.md."""
    return (
        "\n\n".join(
            [
                "# Results\n\nWritten by `make bench`; not by hand. What is measured, and how, stands in README.md.",
                _where(command, begun, load),
                _bars(measured),
                _stacks(measured),
                _floor(measured),
                _beside(measured),
                # Written by hand: what the figures cannot say of themselves.
                BETWEEN.read_text("utf-8").rstrip(),
            ]
        )
        + "\n"
    )


def _where(command: str, begun: str, load: float) -> str:
    lines = [f"- command: `{command}`", f"- begun: {begun}; load of the machine before: {load:.2f}"]
    lines += [f"- {name}: {value}" for name, value in machine.describe().items()]
    lines.append(f"- every stack: {WORKERS} workers, loopback, the load generator on the same cores; {UNITS} employers")
    return "## Machine\n\n" + "\n".join(lines)


def _bars(measured: Measured) -> str:
    rows = [bar.row for bar in bars.bars(measured)]
    return "\n".join(["## Bars\n", "| | dossier | bar | aim | measured | |", "|---|---|---:|---:|---:|---|", *rows])


def _stacks(measured: Measured) -> str:
    rows = []
    for (stack, kind), told in measured.rounds.items():
        rates = sorted(one.per_s for one in told)
        middle = [f"{median(read):.{digits}f}" for read, digits in (
            ([one.per_s for one in told], 0 if rates[0] >= 20 else 1),
            ([one.p50_ms for one in told], 1),
            ([one.p99_ms for one in told], 1),
            ([one.cpu_us for one in told], 0),
            ([one.generator_cpu_us for one in told], 0),
            ([one.pss_mib for one in told], 0),
        )]  # fmt: skip
        fsyncs = measured.fsyncs.get((stack, kind))
        each = "" if fsyncs is None else f"{fsyncs:.2f}"
        spread = f"{rates[0]:.0f}…{rates[-1]:.0f}"
        rows.append(f"| {stack} | {kind} | {len(told)} | {' | '.join([middle[0], spread, *middle[1:]])} | {each} |")
    return "\n".join(
        [
            "## Stacks, medians of the rounds\n",
            "Latencies are in ms; `server` and `generator` are µs of CPU a dossier; MiB is PSS.\n",
            "| stack | dossier | rounds | dossiers/s | least…most | p50 | p99 | server | generator | MiB | fsyncs |",
            "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
            *rows,
        ]
    )


def _floor(measured: Measured) -> str:
    kinds = list(measured.floors)
    if not kinds:
        return "## Floor\n\nNot measured."
    pool = Pool()

    def line(name: str, cells: list[str]) -> str:
        return f"| {name} | {' | '.join(cells)} |"

    def of(name: str) -> list[str]:
        return [f"{median(one.primitives[name] for one in measured.floors[kind]):.0f}" for kind in kinds]

    sizes = [f"{describe(pool, KINDS[kind])['bytes'] / 1000:.0f} KB" for kind in kinds]
    rows = [line("size of a dossier", sizes)] + [line(name, of(name)) for name in OF_THE_FLOOR]
    http = [measured.of("http", kind, lambda told: told.cpu_us) or 0 for kind in kinds]
    rows.append(line("HTTP (uvicorn, raw ASGI)", [f"{one:.0f}" for one in http]))
    sums = [
        median(one.floor_us for one in measured.floors[kind]) + bare for kind, bare in zip(kinds, http, strict=True)
    ]
    rows.append(line("**the floor**", [f"**{one:.0f}**" for one in sums]))
    rows.append(
        line("the gateway's server CPU", [f"{measured.of('motcua', k, lambda t: t.cpu_us) or 0:.0f}" for k in kinds])
    )
    over = [measured.over_the_floor(kind) for kind in kinds]
    rows.append(line("… over the floor", ["" if one is None else f"{one:.2f}×" for one in over]))
    primitives = [
        median(sum(one.primitives[name] for name in OF_VERIFICATION) for one in measured.floors[kind]) for kind in kinds
    ]
    rows.append(line("verification's primitives", [f"{one:.0f}" for one in primitives]))
    warm = [median(one.verification_us for one in measured.floors[kind]) for kind in kinds]
    cold = [median(one.verification_cold_us for one in measured.floors[kind]) for kind in kinds]
    rows.append(line("verification", [f"{one:.0f}" for one in warm]))
    ratios = [measured.verification(kind) or 0 for kind in kinds]
    rows.append(line("… over its primitives", [f"{one:.2f}×" for one in ratios]))
    rows.append(line("verification, every certificate new", [f"{one:.0f}" for one in cold]))
    rows.append(line("AES-256-GCM, not in the floor", of(LOCKING)))
    alone = [f"{measured.alone[kind].floor_us:.0f}" if kind in measured.alone else "" for kind in kinds]
    rows.append(line("the floor but for HTTP, other core idle", alone))
    heading = f"| µs a dossier | {' | '.join(kinds)} |"
    return "\n".join(["## Floor, medians of the rounds\n", heading, "|---|" + "---:|" * len(kinds), *rows])


def _beside(measured: Measured) -> str:
    rows = []
    for kind, pairs in measured.beside.items():
        embedded, network = (median(pair[at].per_s for pair in pairs) for at in (0, 1))
        p99 = median(pair[1].p99_ms for pair in pairs)
        rows.append(f"| {kind} | {len(pairs)} | {embedded:.0f} | {network:.0f} | {p99:.0f} |")
    if not rows:
        return "## PostgreSQL + S3\n\nNot measured."
    return "\n".join(
        [
            "## PostgreSQL + S3 beside the embedded default, medians of the rounds\n",
            "The database and the store run on the same cores and take their share of them.\n",
            "| dossier | rounds | embedded, dossiers/s | PostgreSQL + S3, dossiers/s | p99 ms |",
            "|---|---:|---:|---:|---:|",
            *rows,
        ]
    )
