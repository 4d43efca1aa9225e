"""The README's conformance table is what its command prints."""

import pytest

from tests.signing import conformance
from tests.signing.conformance import cells, in_readme, without_version
from tests.signing.suites import VECTORS, Row


@pytest.fixture(scope="module")
def readme() -> dict[str, tuple[str, ...]]:
    return in_readme()


def check(rows: list[Row], readme: dict[str, tuple[str, ...]]) -> None:
    for row in rows:
        counted = cells(row)
        assert readme.get(row.suite), f"{row.suite} is not in the README; run {conformance.COMMAND}"
        assert without_version(readme[row.suite]) == without_version(counted), row.suite


def test_the_table_of_kept_vectors_is_what_the_command_counts(readme: dict[str, tuple[str, ...]]) -> None:
    """Public vectors count where they are; those that come with the project always."""
    rows = conformance.kept_rows()
    assert len(rows) == (23 if VECTORS.is_dir() else 5)
    check(rows, readme)


@pytest.mark.slow
def test_the_table_of_live_peers_is_what_the_command_counts_whatever_their_version(
    readme: dict[str, tuple[str, ...]],
) -> None:
    rows = conformance.live_rows()
    assert len(rows) >= 8, "what is installed with the project is always there"
    check(rows, readme)


def test_every_suite_of_the_table_has_a_count_and_a_reason_for_each_difference(
    readme: dict[str, tuple[str, ...]],
) -> None:
    assert len(readme) >= 40
    for suite, (_, origin, cases, agree, differ, why) in readme.items():
        assert origin, suite
        assert int(cases) == int(agree) + int(differ), suite
        reasons = why.partition(" (")[0] if int(differ) == 0 else why
        assert bool(reasons) or int(differ) == 0, suite
        assert "not known why" not in why, suite


def test_the_command_is_named_beside_the_table() -> None:
    section = conformance.README.read_text(encoding="utf-8").partition(conformance.SECTION)[2]
    assert conformance.COMMAND in section
