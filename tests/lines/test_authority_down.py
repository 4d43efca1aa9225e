"""Real gateways and a certificate authority that is down: pending, then accepted, with the identical receipt."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signing.demo_pki import Addresses, make_pki
from tests.authority import Authority, authority
from tests.lines.gateways import ONE_OF_EACH, Gateway, Home, dossier, prepare

JUDGED_WITHIN_S = 60.0


class _Now:
    """The authority lives in the same time as the gateways."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def outside() -> Iterator[Authority]:
    with authority() as running:
        running.clock = _Now()  # type: ignore[assignment]
        addresses = Addresses(ocsp_urls=(running.ocsp_url,), crl_urls=(running.crl_url,))
        running.pki = make_pki(datetime.now(UTC), addresses=addresses)
        yield running


@pytest.fixture
def home(outside: Authority, tmp_path: Path, postgres_migrated_url: str) -> Home:
    """On PostgreSQL, so that two gateways can share it; the employers' issuer has left no CRL there."""
    assert outside.pki is not None
    made = prepare(tmp_path / "home", outside.pki, database_url=postgres_migrated_url)
    (made.folder / "trust" / "intermediate.crl").unlink()
    return made


def test_pending_then_accepted_and_every_worker_knows(
    outside: Authority, home: Home, serve: Callable[..., Gateway]
) -> None:
    settings = {"revocation_hosts": outside.host, "revocation_wait_s": 1.0}
    first, second = serve(home, **settings), serve(home, **settings)
    content = dossier(home, 7101)
    began = time.monotonic()
    answer = first.submit(content)
    assert answer.status_code == 202, answer.text
    assert time.monotonic() - began < 5
    told = answer.json()
    assert second.submit(content).json() == told
    assert outside.asked, "the authority was asked, and did not answer"

    outside.is_up = True
    while (answer := second.submit(content)).status_code == 202:
        assert time.monotonic() - began < JUDGED_WITHIN_S, "nobody judges it"
        time.sleep(0.5)
    assert answer.status_code == 200
    assert answer.json() | {"state": "pending", "judgement": None, "judgement_number": None} == told
    assert answer.json()["state"] == "accepted"
    assert answer.json()["judgement"]
    # Another dossier of the same signer waits for nobody, at either gateway.
    assert first.submit(dossier(home, 7102)).status_code == 201
    assert second.submit(dossier(home, 7103)).status_code == 201
    assert home.kept(content) == ONE_OF_EACH
