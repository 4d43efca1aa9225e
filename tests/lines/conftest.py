"""What the lines are tested with: a PKI of the run, a home of the test's own, a gateway that serves it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signing.demo_pki import DemoPki, make_pki
from tests.lines.gateways import (
    BODY_BYTES_MAX,
    BYTES_PER_S_MIN,
    IDLE_S,
    ONE_OF_EACH,
    Gateway,
    Home,
    dossier,
    prepare,
    serving,
)
from tests.lines.problems import accepted_count, spooled

_seeds = itertools.count(5000)


@pytest.fixture(scope="session")
def pki() -> DemoPki:
    return make_pki(datetime.now(UTC))


@pytest.fixture(scope="session")
def fresh_home(pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Prepared once and never served."""
    return prepare(tmp_path_factory.mktemp("fresh") / "home", pki)


@pytest.fixture
def home(fresh_home: Home, tmp_path: Path) -> Home:
    """A home of the test's own: SQLite and a folder."""
    return fresh_home.copy(tmp_path / "home")


@pytest.fixture(params=["sqlite", "postgresql"])
def home_on_either(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A home of the test's own on each of the two databases."""
    if request.param == "sqlite":
        found: Home = request.getfixturevalue("home")
        return found
    pki = request.getfixturevalue("pki")
    return prepare(tmp_path / "home", pki, database_url=request.getfixturevalue("postgres_migrated_url"))


@pytest.fixture
def serve() -> Iterator[Callable[..., Gateway]]:
    """Serve a home until the test ends."""
    with ExitStack() as stack:
        yield lambda home, **settings: stack.enter_context(serving(home, **settings))


@pytest.fixture(scope="session")
def _served(fresh_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = fresh_home.copy(tmp_path_factory.mktemp("bad") / "home")
    limits = {"body_bytes_max": BODY_BYTES_MAX, "body_idle_s": IDLE_S, "body_bytes_per_s_min": BYTES_PER_S_MIN}
    with serving(home, **limits) as gateway:
        yield gateway


@pytest.fixture
def gateway(_served: Gateway) -> Iterator[Gateway]:
    """One gateway for all: after every test it has accepted nothing more, holds no spool, and works."""
    before = accepted_count(_served.home)
    yield _served
    assert accepted_count(_served.home) == before
    assert spooled(_served) == []
    good = dossier(_served.home, next(_seeds), attachments=0)
    assert _served.submit(good).status_code == 201
    assert _served.home.kept(good) == ONE_OF_EACH
