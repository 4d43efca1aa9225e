"""A paper and an electronic copy of one filing are found, told of and left apart until a person has decided."""

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.audit import Audit
from gateway.judge import Submission
from gateway.postal import same_case, same_content
from gateway.postal.same_content import Said, compare
from storage import journal, same_cases
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_UNIT, UNIT, Inhouse, a_dossier, inhouse, sign
from tests.postal.returning import announced, filed, unsigned

_months = iter(f"{month:02d}/{year}" for year in (2025, 2024, 2023) for month in range(1, 13))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("same") / "home", token_life_s=10**7) as made:
        yield made


class Unit:
    """An employer with a period of its own, and its office."""

    def __init__(self, gateway: Inhouse) -> None:
        self.gateway, self.period = gateway, next(_months)
        self.client, secret = gateway.client("employer", units=[UNIT])
        self.employer = gateway.token(self.client, secret)
        self.office = gateway.bearer("office", offices=[OFFICE])

    def announce(self, seed: int = 1, **more: Any) -> tuple[Any, bytes]:
        content = unsigned(seed, period=self.period)
        return announced(self.gateway, self.client, content, period=self.period, **more), content

    def paper(self, seed: int = 1, **more: Any) -> str:
        row, content = self.announce(seed, **more)
        return filed(self.gateway, row, content).id

    def electronic(self, seed: int = 1, batch: int | None = None, **more: Any) -> str:
        path = "/v1/dossiers" + (f"?batch={batch}" if batch else "")
        answer = self.gateway("POST", path, self.employer, content=a_dossier(seed, period=self.period, **more))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["dossier"])

    def follow(self) -> int:
        """Follow, and how many facts that wrote."""
        house = self.gateway.house
        with house.database.read() as tx:
            before = journal.head(tx)
        same_case.follow(house.stores, house.tables, self.gateway.clock.now())
        with house.database.read() as tx:
            return journal.head(tx) - before

    def cases(self, dossier: str, token: str | None = None) -> list[dict[str, Any]]:
        answer = self.gateway("GET", f"/v1/dossiers/{dossier}/same-case", token or self.employer)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["same_case"]
        return found

    def decide(self, dossier: str, other: str, token: str | None = None, **said: str) -> httpx.Response:
        body = {"other": other, "decision": "same", "reason": "Nộp giấy sau khi mạng hỏng"} | said
        return self.gateway("POST", f"/v1/dossiers/{dossier}/same-case", token or self.office, json=body)

    def facts(self, dossier: str) -> list[str]:
        answer = self.gateway("GET", f"/v1/dossiers/{dossier}/events", self.employer)
        return [one["type"] for one in answer.json()["events"]]


def test_on_a_server_copies_are_found_told_and_decided_the_same(tmp_path: Path, postgres_migrated_url: str) -> None:
    with inhouse(tmp_path / "home", database_url=postgres_migrated_url) as served:
        unit = Unit(served)
        row, content = unit.announce(3)
        electronic, announced_too = unit.electronic(), unit.electronic(3)
        paper = unit.paper()
        assert unit.follow() == 3
        assert unit.follow() == 0
        assert [one["announced"] for one in unit.cases(announced_too)] == [True]
        assert unit.decide(electronic, paper).status_code == 200
        assert [one["decision"] for one in unit.cases(paper)] == ["same"]
        filed(served, row, content)
        assert unit.follow() == 1
        keys = {key.kid: key.jwk for key in served.house.stores.seal.keys(served.clock.now())}
        assert Audit(served.house.stores, keys).run().faults == []


@pytest.fixture
def unit(gateway: Inhouse) -> Unit:
    return Unit(gateway)


def test_a_paper_copy_of_an_electronic_filing_is_told_to_both_and_merged_with_neither(unit: Unit) -> None:
    electronic, paper = unit.electronic(), unit.paper()
    assert electronic != paper
    assert unit.follow() == 2
    assert unit.follow() == 0
    (one,), (other,) = unit.cases(electronic), unit.cases(paper)
    assert (one["dossier"], one["why"], one["channel"], one["announced"]) == (paper, "content", "post", False)
    assert (other["dossier"], other["why"], other["channel"], other["decision"]) == (electronic, "content", "api", "")
    for dossier in (electronic, paper):
        assert unit.facts(dossier).count("case-noticed") == 1
        assert unit.gateway("GET", f"/v1/dossiers/{dossier}", unit.employer).json()["state"] == "accepted"


def test_a_person_decides_and_may_decide_again(unit: Unit) -> None:
    electronic, paper = unit.electronic(), unit.paper()
    unit.follow()
    decided = unit.decide(paper, electronic)
    assert (decided.status_code, decided.json()["decision"]) == (200, "same"), decided.text
    assert unit.decide(electronic, paper).status_code == 200
    assert unit.decide(electronic, paper, decision="different", reason="Khác người").json()["decision"] == "different"
    for dossier in (electronic, paper):
        assert unit.facts(dossier).count("case-decided") == 2
        assert [one["decision"] for one in unit.cases(dossier)] == ["different"]
    # It is no filing's end: both stay what they were.
    assert unit.gateway("GET", f"/v1/dossiers/{paper}", unit.employer).json()["state"] == "accepted"


def test_only_an_office_that_has_the_dossier_decides_and_only_about_what_was_noticed(unit: Unit) -> None:
    electronic, paper = unit.electronic(), unit.paper()
    assert unit.decide(paper, electronic).status_code == 404
    unit.follow()
    assert unit.decide(paper, electronic, unit.employer).status_code == 403
    assert unit.decide(paper, electronic, unit.gateway.bearer("office", offices=[OTHER_OFFICE])).status_code == 404
    assert unit.decide(paper, paper).status_code == 404
    assert unit.decide(paper, electronic, decision="merged").status_code == 400
    assert unit.decide(paper, electronic, reason="").status_code == 400
    assert "case-decided" not in unit.facts(paper)
    stranger = unit.gateway.bearer("employer", units=[OTHER_UNIT])
    assert unit.gateway("GET", f"/v1/dossiers/{paper}/same-case", stranger).status_code == 404


def test_who_may_see_one_of_the_two_learns_nothing_of_the_other(unit: Unit) -> None:
    electronic, paper = unit.electronic(), unit.paper()
    unit.follow()
    # An I-VAN that sent it once stays its party, and is none of the other.
    agent, secret = unit.gateway.client("ivan", units=[UNIT])
    token = unit.gateway.token(agent, secret)
    content = a_dossier(1, period=unit.period, employees=3)
    sent = unit.gateway("POST", "/v1/dossiers", token, content=content).json()["dossier"]
    with unit.gateway.house.database.begin() as tx:
        same_cases.add(tx, same_cases.SameCase(one=sent, other=paper, found_at_us=1, why="rows", told=1))
        tx.exec_driver_sql(f"DELETE FROM client_unit WHERE client = '{agent}'")
    (seen,) = unit.cases(sent, token)
    assert (seen["dossier"], seen["channel"], seen["receipt_number"], seen["announced"]) == (paper, None, None, False)
    assert electronic not in str(seen)


def test_an_electronic_filing_meets_paper_that_is_announced_and_the_paper_is_told_when_it_comes(unit: Unit) -> None:
    row, content = unit.announce()
    electronic = unit.electronic()
    assert unit.follow() == 1
    (seen,) = unit.cases(electronic)
    assert (seen["dossier"], seen["announced"], seen["channel"], seen["why"]) == (row.id, True, "post", "content")
    assert unit.decide(electronic, row.id).status_code == 200
    paper = filed(unit.gateway, row, content).id
    assert paper == row.id
    assert unit.follow() == 1
    assert unit.facts(paper).count("case-noticed") == 1
    assert unit.facts(electronic).count("case-noticed") == 1
    assert [one["decision"] for one in unit.cases(paper)] == ["same"]
    assert unit.follow() == 0


def test_other_people_another_period_or_two_electronic_filings_are_no_such_case(unit: Unit) -> None:
    unit.paper(1)
    unit.electronic(2)
    unit.electronic(3)
    unit.electronic(3, employees=1)
    unit.period = next(_months)
    unit.electronic(1)
    assert unit.follow() == 0


def test_a_filing_that_holds_the_rows_of_the_other_and_more_is_noticed(unit: Unit) -> None:
    paper = unit.paper(1)
    more = unit.electronic(1, employees=3)
    assert unit.follow() == 2
    assert [(one["dossier"], one["why"]) for one in unit.cases(paper)] == [(more, "rows")]


def test_the_halves_of_one_dossier_are_no_copies(unit: Unit) -> None:
    electronic = unit.electronic()
    unit.paper(half_of=electronic)
    assert unit.follow() == 0
    assert unit.cases(electronic) == []


def test_a_filing_that_was_withdrawn_or_erased_since_stops_nobody(unit: Unit) -> None:
    electronic, paper = unit.electronic(), unit.paper()
    with unit.gateway.house.database.begin() as tx:
        tx.exec_driver_sql(f"UPDATE dossier SET wrapped_key = NULL, erased_at_us = 1 WHERE id = '{electronic}'")
    assert unit.follow() == 0
    assert unit.cases(paper) == []


def said(*rows: int, fields: tuple[int, ...] = (), persons: tuple[int, ...] = ()) -> Said:
    def digests(numbers: tuple[int, ...]) -> frozenset[bytes]:
        return frozenset(bytes([number]) for number in numbers)

    return Said(digests(rows), digests(fields), digests(persons))


@pytest.mark.parametrize(
    ("one", "other", "same_batch", "why"),
    [
        (said(1, 2), said(2, 1), False, "content"),
        (said(1, 2, 3, 4), said(1, 2), False, "rows"),
        (said(1, 2, 3, 4), said(4, 5, 6, 7), False, ""),
        (said(1, 2, persons=(1, 2)), said(3, persons=(2,)), False, ""),
        (said(1, 2, persons=(1, 2)), said(3, persons=(2,)), True, "batch"),
        (said(1, persons=(1,)), said(3, persons=(2,)), True, ""),
        (said(fields=(1, 2, 3, 4, 5, 6, 7, 8, 9)), said(fields=(1, 2, 3, 4, 5, 6, 7, 8, 10)), False, "rows"),
        (said(fields=(1, 2, 3)), said(fields=(1, 2, 4)), False, ""),
        (said(), said(), True, ""),
        (said(1), said(fields=(1,)), True, ""),
        (None, said(1), True, "batch"),
        (None, said(1), False, ""),
    ],
)
def test_what_two_filings_say_decides(one: Said | None, other: Said | None, same_batch: bool, why: str) -> None:
    assert compare(one, other, same_batch=same_batch) == why
    assert compare(other, one, same_batch=same_batch) == why


def rewritten(content: bytes, change: Callable[[str], str]) -> bytes:
    """The same envelope with other texts in its forms."""

    def form(found: re.Match[bytes]) -> bytes:
        told = base64.b64decode(found[2]).decode()
        return found[1] + base64.b64encode(re.sub(r">([^<>]+)<", lambda one: f">{change(one[1])}<", told).encode())

    return re.sub(rb"(<NoiDungFile>)([^<]+)", form, content)


def test_how_it_is_written_makes_no_other_case_and_what_it_says_does(unit: Unit) -> None:
    def read(content: bytes) -> Said | None:
        now = unit.gateway.clock.now()
        submission = Submission(content=content, sha256=b"", submitter="", received_at=now)
        return same_content.read(submission, unit.gateway.house.tables)

    content = unsigned(5)
    one = read(content)
    assert one is not None
    assert one.rows
    signed = read(sign(content))
    written = read(rewritten(content, lambda text: unicodedata.normalize("NFD", f"  {text.upper()} ")))
    for other in (signed, written):
        assert compare(one, other, same_batch=False) == "content"
    changed = read(rewritten(content, lambda text: text + "0" if text.isdecimal() else text))
    assert compare(one, changed, same_batch=False) == ""
    assert read(b"<Hoso") is None


def test_a_signed_copy_of_the_very_data_is_the_same_case(unit: Unit) -> None:
    paper, content = unit.paper(5), unsigned(5, period=unit.period)
    electronic = unit.gateway("POST", "/v1/dossiers", unit.employer, content=sign(content)).json()["dossier"]
    unit.follow()
    assert [(one["dossier"], one["why"]) for one in unit.cases(paper)] == [(electronic, "content")]
