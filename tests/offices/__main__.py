"""The month as a campaign: `python -m tests.offices --dossiers 50000 --seed 1`; killed, it goes on where it was."""

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests import servers
from tests.offices.clock import SharedClock
from tests.offices.door import CLOCK_VARIABLE
from tests.offices.fates import Plan, make_plan
from tests.offices.filings import Makers
from tests.offices.ledger import Ledger
from tests.offices.play import Play
from tests.offices.reckoning import Check, reckon
from tests.offices.town import FIRST_DAY, Town, first_instant, found_town

ROOT = Path(__file__).parents[2]
DAYS, PER_DAY = 20, 4
START_S, STOP_S = 60.0, 60.0
CONNECTIONS = 16


def main() -> int:
    options = argparse.ArgumentParser(prog="make month-offices")
    options.add_argument("--dossiers", type=int, default=50_000)
    options.add_argument("--offices", type=int, default=40)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--makers", type=int, default=1, help="processes that make and sign dossiers")
    options.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options.add_argument("--folder", type=Path, default=ROOT / "var" / "month-offices")
    options.add_argument("--afresh", action="store_true", help="forget a month that was begun")
    asked = options.parse_args()
    folder: Path = asked.folder / f"{asked.database}-{asked.dossiers}-{asked.offices}-{asked.seed}"
    if asked.afresh:
        shutil.rmtree(folder, ignore_errors=True)
    began_s = time.monotonic()
    with ExitStack() as stack:
        url = ""
        if asked.database == "postgresql":
            # Its cluster is kept in a short place of its own, for the month and no longer: such a month begins afresh.
            shutil.rmtree(folder, ignore_errors=True)
            url = stack.enter_context(servers.postgres(stack.enter_context(servers.short_folder())))
        town = found_town(folder, asked.offices, database_url=url)
        clock = SharedClock(folder / "clock", first_instant())
        plan = make_plan(asked.dossiers, asked.seed, town.offices, FIRST_DAY, days=DAYS, per_day=PER_DAY)
        told_of(plan, asked, folder)
        ledger = Ledger(folder / "heard.jsonl")
        stack.callback(ledger.close)
        makers = Makers(town, plan, asked.makers)
        stack.callback(makers.close)
        port = stack.enter_context(_served(town, asked.workers))
        checks = asyncio.run(_play(town, plan, clock, ledger, makers, port))
    return _sum_up(checks, ledger, time.monotonic() - began_s)


def told_of(plan: Plan, asked: argparse.Namespace, folder: Path) -> None:
    kinds = plan.characters.values()
    print(
        f"Một tháng của {len(kinds)} cơ quan · a month of {len(kinds)} offices: {asked.dossiers} hồ sơ · dossiers"
        f" ({asked.database}, {asked.workers} workers, seed {asked.seed})\n"
        f"  im lặng · silent {sum(bool(one.silent) for one in kinds)},"
        f" hay chết · dying {sum(one.dies > 0 for one in kinds)}, chậm · slow {sum(one.is_slow for one in kinds)}\n"
        f"  {folder}",
        flush=True,
    )


@contextmanager
def _served(town: Town, workers: int) -> Iterator[int]:
    """The gateway, as an operator would start it, but for its clock."""
    port = servers._free_ports(1)[0]
    settings = {f"MOTCUA_{name.upper()}": value for name, value in town.settings().items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
    environment = kept | settings | {CLOCK_VARIABLE: str(town.folder / "clock")}
    command = [sys.executable, "-m", "uvicorn", "--factory", "tests.offices.door:door", "--workers", str(workers)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    if setpriv := shutil.which("setpriv"):
        # It dies with the campaign, also when that is killed.
        command = [setpriv, "--pdeathsig", "TERM", *command]
    with (town.folder / "gateway.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_ready(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the gateway did not start: see gateway.log")


async def _play(town: Town, plan: Plan, clock: SharedClock, ledger: Ledger, makers: Makers, port: int) -> list[Check]:
    def connect(kind: type[Any], name: str) -> Any:
        connections = CONNECTIONS if name == "employer" else 4
        return kind(f"http://127.0.0.1:{port}", town.proof(name), clock, connections=connections)

    async with Play(town, plan, clock, ledger, makers, connect) as play:
        await play.through(lambda line: print(line, flush=True))
        return await reckon(play)


def _sum_up(checks: list[Check], ledger: Ledger, took_s: float) -> int:
    print(f"\nĐã xảy ra · what happened ({took_s:.0f} s)")
    for name, count in sorted(ledger.counts.items()):
        if name not in ("said", "slot", "note"):
            print(f"  {name:<36} {count:>8}")
    print("\nĐối chiếu · the reckoning")
    for one in checks:
        print(f"  {'✗' if one.wrong else '✓'} {one.vi}\n      {one.en}")
        for wrong in one.wrong[:10]:
            print(f"      – {wrong}")
        if len(one.wrong) > 10:
            print(f"      – … {len(one.wrong) - 10}")
    failed = sum(bool(one.wrong) for one in checks)
    print(f"{'✗' if failed else '✓'} {len(checks) - failed}/{len(checks)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
