"""A journal with 100,000 dossiers, its closing, and its audits: how long each takes, and how much memory.

    python -m tests.bench.audit_100000 [--dossiers 100000] [--home DIR]
        [--database-url postgresql://…] [--vault-url s3://…]

The dossiers are settled by the gateway's own line in rounds; nine of ten are accepted, a tenth of these is handed over;
one of ten is refused. Then: one closing of the books, the whole audit (with every pack counted), the next one (nothing
new but what a busy hour brings, and a twenty-fourth of what is older), and the audit of a journal in which one byte of
the vault and one row were changed.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from gateway import closing, desk
from gateway.audit import Audit
from gateway.settle import settle
from tests.gateway.filings import Filings
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, inhouse

T = TypeVar("T")
A_ROUND = 32
HANDED_OVER_PER_100 = 10
NEW_PER_100 = 1


def timed(what: str, step: Callable[[], T]) -> T:
    began = time.perf_counter()
    result = step()
    took = time.perf_counter() - began
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<58} {took:9.1f} s   peak {peak_mib:6.0f} MiB", flush=True)
    return result


def fill(gateway: Inhouse, filings: Filings, first: int, count: int, token: str) -> None:
    house = gateway.house
    for start in range(first, first + count, A_ROUND):
        numbers = range(start, min(start + A_ROUND, first + count))
        settle([filings.refusal(n) if n % 10 == 9 else filings.filing(n) for n in numbers], house.stores, house.tables)
    caller = house.callers.by_token(token, gateway.clock.now())
    left = count * 9 * HANDED_OVER_PER_100 // 1000
    while left > 0:
        now = gateway.clock.now()
        handed = desk.lease(house.database, OFFICE, caller, min(left, 100), 300, now)
        assert not isinstance(handed, bytes)
        for one in handed.leased:
            desk.acknowledge(house.stores, str(one.work.lease), caller, now)
        left -= len(handed.leased)


def publish(gateway: Inhouse) -> None:
    logbook = gateway.house.logbook
    while logbook is not None and logbook.publish(gateway.clock.now()):
        pass


def spoil(gateway: Inhouse) -> None:
    last = "SELECT id FROM dossier WHERE pack IS NOT NULL ORDER BY seq DESC LIMIT 1"
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text(f"UPDATE dossier SET batch = batch + 1 WHERE id = ({last})"))


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--dossiers", type=int, default=100_000)
    asked.add_argument("--database-url", default="")
    asked.add_argument("--vault-url", default="")
    asked.add_argument("--home", type=Path)
    told = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=told.home) as folder:
        settings: dict[str, Any] = {"database_url": told.database_url, "vault_url": told.vault_url}
        with inhouse(Path(folder) / "home", **settings) as gateway:
            return play(gateway, told.dossiers)


def play(gateway: Inhouse, count: int) -> int:
    house, now = gateway.house, gateway.clock.now
    client, _ = gateway.client("employer", units=[UNIT])
    office = gateway.bearer("office", offices=[OFFICE])
    filings = Filings(gateway, client)
    print(f"{count} dossiers, {house.database.dialect}, {type(house.stores.vault).__name__}, {os.cpu_count()} CPUs")
    timed("filled", lambda: fill(gateway, filings, 0, count, office))
    timed("log published", lambda: publish(gateway))
    keys = {key.kid: key.jwk for key in house.stores.seal.keys(now())}
    gateway.clock.advance(3600)
    key_file = house.settings.path("absence_key", closing.ABSENCE_KEY_FILE)
    made = timed(
        "closed (first: all of it, with its keyed hashes)", lambda: closing.close(house.stores, key_file, now())
    )
    assert made is not None
    assert made.gaps == 0
    print(f"  {made.absence_count} keyed hashes, {len(made.lines)} bytes of lines, gaps: {made.gaps}")

    def audit(**how: Any) -> Any:
        return Audit(house.stores, keys).go_on(now(), parts=24, **how)[0]

    found = timed("audit, whole, packs counted", lambda: audit(whole=True))
    assert found.holds, found.faults[:5]
    print(f"  {found.accepted} accepted, {found.refused} refused, {found.content_bytes} bytes, {found.entries} entries")
    office = gateway.bearer("office", offices=[OFFICE])
    timed(
        f"filled with {count * NEW_PER_100 // 100} more",
        lambda: fill(gateway, filings, count, count * NEW_PER_100 // 100, office),
    )
    publish(gateway)
    gateway.clock.advance(3600)
    made = timed("closed (second)", lambda: closing.close(house.stores, key_file, now()))
    assert made is not None
    assert made.gaps == 0
    found = timed("audit, the next", audit)
    assert found.holds, found.faults[:5]
    print(f"  since fact {found.since}: {found.accepted + found.refused} looked at, {found.again} of them older")
    spoil(gateway)
    found = timed("audit, whole, packs not counted, one row changed", lambda: audit(whole=True, packs=False))
    assert not found.holds
    print(f"  named: {[(fault.subject, fault.en[:60]) for fault in found.faults]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
