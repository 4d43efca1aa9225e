"""A primary dies under load and its standby is promoted: nothing that was acknowledged is lost."""

from datetime import UTC, datetime
from pathlib import Path

from signing.demo_pki import make_pki
from tests.ha.load import Load, failing_over, nothing_is_lost
from tests.lines.gateways import dossier, prepare, serving
from tests.servers import short_folder
from tests.servers_standby import pair

DOSSIERS = 60


def test_a_standby_that_is_promoted_has_every_acknowledged_dossier(tmp_path: Path) -> None:
    with short_folder() as folder, pair(folder) as both:
        home = prepare(tmp_path / "home", make_pki(datetime.now(UTC)), database_url=both.url)
        with serving(home) as first, serving(home) as second:
            dossiers = [dossier(home, seed) for seed in range(DOSSIERS)]
            load = Load([first, second], dossiers)

            def fail() -> None:
                both.kill_primary()
                both.promote()

            failing_over(load, fail, DOSSIERS // 4)
            load.end()
            nothing_is_lost(load, first, dossiers)
