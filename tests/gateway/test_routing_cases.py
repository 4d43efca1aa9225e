"""The table of routing cases comes out as it was worked out by hand."""

import pytest

from gateway.routing import Ambiguous, Route
from tests.gateway.routing_cases import Case, main, office_of, read_cases

CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case)
def test_each_case_comes_out_as_expected(case: Case):
    answer = case.routed()
    assert (office_of(answer), answer.rule) == (case.office, case.rule)
    assert [each.code for each in answer.candidates][: len(case.shown)] == list(case.shown)
    said = [answer.explanation_vi, *(step.vi for step in answer.steps)]
    assert any(case.says in each for each in said), said
    assert all(step.vi and step.en and step.vi != step.en for step in answer.steps)
    assert answer.original == (case.unit_office if case.written == "=" else case.written)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case)
def test_the_same_question_has_the_same_answer(case: Case):
    assert case.routed() == case.routed()


def test_every_kind_of_case_is_in_the_table():
    assert len(CASES) >= 40
    assert {case.table for case in CASES} == {"shipped", "operator"}
    answers = [case.routed() for case in CASES]
    assert sum(isinstance(each, Ambiguous) for each in answers) >= 8
    assert {each.certainty for each in answers if isinstance(each, Route)} == {"unconfirmed", "demo"}


def test_the_table_is_printed_for_people(capsys: pytest.CaptureFixture[str]):
    assert main() == 0
    printed = capsys.readouterr().out
    assert f"{len(CASES)} ca · cases, 0 sai · wrong" in printed
    assert all(case.case in printed for case in CASES)
