"""The same bytes: however often, from wherever and how many at once, they are one dossier with one receipt."""

from collections.abc import Callable
from datetime import datetime

import httpx
import pytest

from gateway.clock import VIETNAM
from schemas.sample import make_dossier
from storage import clients, register
from tests.lines.gateways import (
    NONE_OF_ANY,
    OFFICE,
    ONE_OF_EACH,
    OTHER_UNIT,
    TAX_CODE,
    Gateway,
    Home,
    all_at_once,
    dossier,
    signed,
    unsigned,
)

Serve = Callable[..., Gateway]
AT_ONCE = 16


def one_was_first(answers: list[httpx.Response]) -> None:
    """Exactly one made the dossier; every other was told the same, byte for byte."""
    assert sorted(answer.status_code for answer in answers) == [200] * (len(answers) - 1) + [201]
    assert len({answer.content for answer in answers}) == 1


def number_of(answer: httpx.Response) -> int:
    return int(answer.json()["receipt_number"].rpartition("-")[2])


def test_the_same_bytes_sent_twice_are_answered_with_the_identical_receipt(home: Home, serve: Serve) -> None:
    gateway, content = serve(home), dossier(home, 1)
    first, second = gateway.submit(content), gateway.submit(content)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content
    gateway.check_receipt(first.json(), content)
    assert home.kept(content) == ONE_OF_EACH


def test_sixteen_at_once_to_one_worker_are_one_dossier(home_on_either: Home, serve: Serve) -> None:
    gateway, content = serve(home_on_either), dossier(home_on_either, 1)
    answers = all_at_once([lambda: gateway.submit(content)] * AT_ONCE)
    one_was_first(answers)
    assert home_on_either.kept(content) == ONE_OF_EACH
    # No number was spent on those that came to nothing.
    assert number_of(gateway.submit(dossier(home_on_either, 2))) == number_of(answers[0]) + 1


def test_sixteen_at_once_to_two_workers_are_one_dossier(home_on_either: Home, serve: Serve) -> None:
    workers = [serve(home_on_either), serve(home_on_either)]
    # Several rounds: with two processes the race is another one each time.
    for seed in range(5):
        content = dossier(home_on_either, seed)
        answers = all_at_once([lambda w=worker, c=content: w.submit(c) for worker in workers * (AT_ONCE // 2)])
        one_was_first(answers)
        assert home_on_either.kept(content) == ONE_OF_EACH
        assert number_of(answers[0]) == seed + 1
        for worker in workers:
            assert worker.get(f"/v1/dossiers/{answers[0].json()['dossier']}/content").content == content


def test_different_dossiers_at_once_to_two_workers_all_become_dossiers_in_one_order(
    home_on_either: Home, serve: Serve
) -> None:
    workers = [serve(home_on_either), serve(home_on_either)]
    contents = [dossier(home_on_either, seed) for seed in range(AT_ONCE)]
    answers = all_at_once(
        [lambda w=workers[number % 2], c=content: w.submit(c) for number, content in enumerate(contents)]
    )
    assert [answer.status_code for answer in answers] == [201] * AT_ONCE
    assert sorted(map(number_of, answers)) == list(range(1, AT_ONCE + 1))
    assert sorted(answer.json()["batch"] for answer in answers) == list(range(1, AT_ONCE + 1))
    seqs = [seq for (seq,) in home_on_either.rows("SELECT seq FROM event ORDER BY seq")]
    # The first fact is the log's origin.
    assert seqs == list(range(2, AT_ONCE + 2))


def test_bytes_that_were_refused_are_judged_afresh(home: Home, serve: Serve) -> None:
    gateway = serve(home)
    with home.writing() as tx:
        clients.add_units(tx, home.employer.id, ["TC0001C"])
    content = dossier(home, 1, unit="TC0001C")
    refused = [gateway.submit(content), gateway.submit(content)]
    assert [answer.status_code for answer in refused] == [422, 422]
    assert "unit-unknown" in {finding["code"] for finding in refused[0].json()["findings"]}
    assert refused[0].json()["notice_number"] != refused[1].json()["notice_number"]
    assert home.kept(content) == NONE_OF_ANY

    with home.writing() as tx:
        unit = register.Unit(code="TC0001C", tax_code=TAX_CODE, office=OFFICE, valid_from="2020-01-01")
        register.put(tx, [unit])
    first, second = gateway.submit(content), gateway.submit(content)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content
    assert home.kept(content) == ONE_OF_EACH
    notices = gateway.get(f"/v1/notices?sha256={first.json()['sha256']}").json()
    assert [notice["receipt_number"] for notice in notices] == [r.json()["notice_number"] for r in refused[::-1]]


def test_a_stranger_with_the_same_bytes_learns_nothing(home: Home, serve: Serve) -> None:
    gateway, content, never_sent = serve(home), dossier(home, 1), dossier(home, 2)
    accepted = gateway.submit(content).json()
    told, told_of_none = (gateway.submit(bytes_, home.stranger) for bytes_ in (content, never_sent))
    assert told.status_code == told_of_none.status_code == 403
    shown = [
        {name: value for name, value in answer.json().items() if name not in (*OF_THE_MOMENT, "sha256")}
        for answer in (told, told_of_none)
    ]
    assert shown[0] == shown[1]
    assert accepted["receipt"] not in told.text
    assert accepted["dossier"] not in told.text
    for path in ("", "/receipt", "/content", "/events"):
        assert gateway.get(f"/v1/dossiers/{accepted['dossier']}{path}", home.stranger).status_code == 404
    assert gateway.receipt_of(content, home.stranger).status_code == 404
    assert gateway.receipt_of(never_sent, home.stranger).status_code == 404
    assert home.kept(content) == ONE_OF_EACH


OF_THE_MOMENT = ("correlation_id", "dossier", "received_at", "notice", "notice_number")


def test_a_stranger_who_was_first_does_not_stand_in_the_owners_way(home: Home, serve: Serve) -> None:
    gateway, content = serve(home), dossier(home, 1)
    assert gateway.submit(content, home.stranger).status_code == 403
    assert gateway.submit(content).status_code == 201
    assert gateway.submit(content, home.stranger).status_code == 403
    assert home.kept(content) == ONE_OF_EACH


def test_a_stranger_with_the_bytes_of_a_registration_is_not_given_its_receipt(home: Home, serve: Serve) -> None:
    """Anybody may file a first registration (04); that makes nobody a party of somebody else's."""
    gateway = serve(home)
    now = datetime.now(VIETNAM)
    form = make_dossier(
        "04", unit="", tax_code=TAX_CODE, office=OFFICE, period=f"{now:%m/%Y}", made_on=now.date(), attachments=0
    )
    content = signed(form, home.pki, level="envelope")
    accepted = gateway.submit(content)
    assert accepted.status_code == 201, accepted.text
    assert gateway.receipt_of(content, home.stranger).status_code == 404
    told = gateway.submit(content, home.stranger)
    assert accepted.json()["receipt"] not in told.text
    assert told.status_code == 403


def test_every_party_of_the_unit_is_given_the_one_receipt(home: Home, serve: Serve) -> None:
    gateway, content = serve(home), dossier(home, 1)
    first = gateway.submit(content)
    colleague = gateway.submit(content, home.hurried)
    assert (first.status_code, colleague.status_code) == (201, 200)
    assert colleague.content == first.content
    assert home.kept(content) == ONE_OF_EACH


def test_the_owner_who_lost_the_answer_asks_by_digest_and_is_given_it(home: Home, serve: Serve) -> None:
    gateway, content = serve(home), dossier(home, 1)
    assert gateway.receipt_of(content).status_code == 404
    first = gateway.submit(content)
    found = gateway.receipt_of(content)
    assert found.status_code == 200
    assert found.json()["receipt"] == first.json()["receipt"]
    assert found.content == first.content
    receipt = gateway.get(f"/v1/dossiers/{first.json()['dossier']}/receipt")
    assert receipt.headers["content-type"].startswith("application/jose")
    assert receipt.text == first.json()["receipt"]


@pytest.mark.parametrize("asked", ["z" * 64, "ab", "a" * 63 + " ", ""])
def test_a_digest_that_is_none_is_told_so(home: Home, serve: Serve, asked: str) -> None:
    answer = serve(home).get(f"/v1/receipts?sha256={asked}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_other_bytes_under_the_same_batch_follow_the_earlier_dossier(home: Home, serve: Serve) -> None:
    gateway = serve(home)
    contents = [dossier(home, seed) for seed in range(3)]
    first, second, third = (gateway.submit(content, query="?batch=4") for content in contents)
    assert [answer.status_code for answer in (first, second, third)] == [201, 201, 201]
    assert first.json()["follows"] is None
    assert second.json()["follows"] == first.json()["dossier"]
    assert third.json()["follows"] == second.json()["dossier"]
    assert gateway.check_receipt(second.json(), contents[1])["follows"] == first.json()["dossier"]
    assert {answer.json()["batch"] for answer in (first, second, third)} == {4}
    assert gateway.submit(contents[0], query="?batch=9").content == first.content


def test_batches_that_are_not_said_count_up_for_unit_procedure_and_period(home: Home, serve: Serve) -> None:
    gateway = serve(home)
    answers = [gateway.submit(dossier(home, seed)).json() for seed in range(3)]
    assert [answer["batch"] for answer in answers] == [1, 2, 3]
    assert [answer["follows"] for answer in answers] == [None, None, None]
    assert gateway.submit(dossier(home, 3), query="?batch=7").json()["batch"] == 7
    assert gateway.submit(dossier(home, 4)).json()["batch"] == 8
    # Another unit, and another period, begin at one.
    other = signed(unsigned(5, unit=OTHER_UNIT, tax_code="0309876547"), home.pki, employer="other")
    assert gateway.submit(other, home.stranger).json()["batch"] == 1
    last_year = f"12/{datetime.now(VIETNAM).year - 1}"
    assert gateway.submit(dossier(home, 6, period=last_year)).json()["batch"] == 1


def test_two_at_once_under_the_same_batch_follow_one_another(home_on_either: Home, serve: Serve) -> None:
    workers = [serve(home_on_either), serve(home_on_either)]
    contents = [dossier(home_on_either, seed) for seed in range(8)]
    answers = all_at_once(
        [lambda w=workers[n % 2], c=content: w.submit(c, query="?batch=1") for n, content in enumerate(contents)]
    )
    assert [answer.status_code for answer in answers] == [201] * len(contents)
    followed = [answer.json()["follows"] for answer in answers]
    # A chain: one begins it, and every other follows another one.
    assert followed.count(None) == 1
    assert len(set(followed)) == len(contents)
