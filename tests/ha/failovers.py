"""`make test-ha`: behind PgBouncer, and through a failover of Patroni's; both come as Debian packages."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from signing.demo_pki import make_pki
from tests.ha.load import Load, failing_over, nothing_is_lost
from tests.ha.patroni import patroni
from tests.ha.pooled import pgbouncer
from tests.lines.gateways import dossier, prepare, serving
from tests.servers import postgres, short_folder

DOSSIERS = 120


def test_behind_a_pool_of_transactions_everything_works(tmp_path: Path) -> None:
    with short_folder() as folder, short_folder() as pooled, ExitStack() as stack:
        url = stack.enter_context(pgbouncer(pooled, stack.enter_context(postgres(folder))))
        home = prepare(tmp_path / "home", make_pki(datetime.now(UTC)), database_url=url)
        with serving(home) as first, serving(home) as second:
            dossiers = [dossier(home, seed) for seed in range(DOSSIERS)]
            load = Load([first, second, first, second], dossiers)
            load.end()
            nothing_is_lost(load, first, dossiers)
            assert {one.status for told in load.told.values() for one in told} == {201}


def test_when_patronis_leader_dies_every_acknowledged_dossier_is_there(tmp_path: Path) -> None:
    with short_folder() as folder, patroni(folder) as cluster:
        home = prepare(tmp_path / "home", make_pki(datetime.now(UTC)), database_url=cluster.url)
        with serving(home) as first, serving(home) as second:
            dossiers = [dossier(home, seed) for seed in range(DOSSIERS)]
            load = Load([first, second], dossiers)
            took_s = failing_over(load, cluster.kill_leader, DOSSIERS // 4)
            load.end()
            nothing_is_lost(load, first, dossiers)
            answers = [one.status for told in load.told.values() for one in told]
            print(f"\nPatroni: {DOSSIERS} dossiers, {len(answers)} answers, writes again after {took_s:.1f} s, 0 lost")
