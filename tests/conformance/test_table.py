"""The conformance table in the README is what the recorded runs saw, of every sentence and of every store."""

import ast
from pathlib import Path

import pytest

from tests.conformance.record import Record, read
from tests.conformance.table import BEGIN, COLUMNS, END, README, placed, render, sentences

SUITE = Path(__file__).with_name("test_vault.py")


def suite_by_sentence() -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for function in ast.parse(SUITE.read_text(encoding="utf-8")).body:
        if isinstance(function, ast.FunctionDef):
            for mark in function.decorator_list:
                if ast.unparse(mark).startswith("pytest.mark.sentence("):
                    assert isinstance(mark, ast.Call)
                    found.setdefault(ast.literal_eval(mark.args[0]), set()).add(function.name)
    return found


def test_every_sentence_of_the_contract_has_a_test() -> None:
    assert list(sentences()) == list(range(1, len(sentences()) + 1))
    assert set(suite_by_sentence()) == set(sentences())


def test_the_readme_holds_the_table_of_the_recorded_runs() -> None:
    readme = README.read_text(encoding="utf-8")
    assert placed(readme, render(read())) == readme


def test_every_store_has_a_run_and_no_test_that_is_not_in_the_suite() -> None:
    results, known = read(), suite_by_sentence()
    assert set(results) == set(COLUMNS)
    for result in results.values():
        assert result.by
        for number, seen in result.sentences.items():
            assert seen.passed.keys() | seen.failed.keys() <= known[int(number)]


def test_a_failure_is_shown_before_what_held(tmp_path: Path) -> None:
    record = Record()
    record.begin("disk", "")
    for passed in (True, True, False):
        record.add("disk", 4, "test_x", passed=passed)
    record.write(tmp_path)
    rows = render(read(tmp_path)).splitlines()
    assert next(row for row in rows if row.startswith("| 4 |")).endswith("| ✗ 1 of 3 |")
    assert next(row for row in rows if row.startswith("| 5 |")).endswith("| – |")


def test_a_readme_without_a_place_for_it_is_not_written() -> None:
    with pytest.raises(ValueError, match="no place"):
        placed("# storage\n", "table")
    assert placed(f"a {BEGIN} old {END} b", "new") == f"a {BEGIN}\nnew\n{END} b"
