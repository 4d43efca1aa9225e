"""The nursery of gateways, and the crash table at the end of the run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from signing.demo_pki import DemoPki, make_pki
from tests.crash.nursery import Nursery
from tests.lines.gateways import Home, prepare

NOTE = (
    "Every row is one real gateway process, killed by SIGKILL there, started again without the counter, and asked",
    "again with the same bytes. The steps were listed by a run that nobody killed. What SQLite and PostgreSQL write",
    "inside a commit is their own contract: it is cut before and after, and not in the middle. No file is renamed: a",
    "segment is made under its final name, and a torn one is told by its frames.",
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One kill and what became of it."""

    stores: str
    number: int
    step: str
    where: str
    when: str
    client_saw: str
    after_restart: str
    retry: str
    counts: str


MOMENTS = ("before", "halfway", "after", "on the wire")


def in_order(row: Row) -> tuple[str, int, int]:
    return row.stores, row.number, MOMENTS.index(row.when)


_ROWS: pytest.StashKey[list[Row]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []


@pytest.fixture
def crash_rows(request: pytest.FixtureRequest) -> list[Row]:
    return request.config.stash[_ROWS]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash[_ROWS]
    if not rows:
        return
    head = ("stores", "#", "step", "killed", "client saw", "after restart", "retry", "d/r/w/e/l", "where")
    lines = [head] + [
        (r.stores, str(r.number), r.step, r.when, r.client_saw, r.after_restart, r.retry, r.counts, r.where)
        for r in sorted(rows, key=in_order)
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    terminalreporter.section("crash table")
    for line in lines:
        terminalreporter.line("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    terminalreporter.line("d/r/w/e/l: dossiers, receipts, works, accepted events, log leaves for these bytes")
    for line in NOTE:
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def nurseries() -> Iterator[list[Nursery]]:
    """Two, for two processors."""
    both = [Nursery(), Nursery()]
    yield both
    for one in both:
        one.close()


@pytest.fixture(scope="session")
def crash_pki() -> DemoPki:
    return make_pki(datetime.now(UTC))


@pytest.fixture(scope="session")
def fresh_home(crash_pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Prepared once, never served: every kill gets a copy."""
    return prepare(Path(tmp_path_factory.mktemp("fresh") / "home"), crash_pki)
