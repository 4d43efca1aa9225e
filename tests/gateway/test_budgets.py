"""Budgets: of clients, of tokens and of guesses, across workers and threads, on each database."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.callers import (
    REFUSALS_A_MINUTE_MAX,
    REFUSED_GROUPS,
    TOKENS_A_MINUTE_MAX,
    BudgetSpent,
    Caller,
    NotKnown,
)
from tests.databases import database_url
from tests.gateway.inhouse import UNIT, Inhouse, a_dossier, basic, inhouse
from tests.gateway.test_callers import Signed, another_worker, ask_token

__all__ = ["database_url"]


@pytest.fixture
def gateway(tmp_path: Path, database_url: str) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", database_url=database_url) as made:
        yield made


class Writes:
    """Counts the write transactions of a gateway."""

    def __init__(self, gateway: Inhouse) -> None:
        self.count = 0
        sa.event.listen(gateway.house.database.engine, "begin", self._begun)

    def _begun(self, connection: sa.Connection) -> None:
        self.count += connection.get_execution_options().get("motcua_write", False)


def test_a_client_that_guesses_is_slowed_and_hardly_writes(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer")
    writes = Writes(gateway)
    answers = [ask_token(gateway, basic(client, f"guess {turn}")) for turn in range(REFUSALS_A_MINUTE_MAX + 20)]
    assert [answer.status_code for answer in answers] == [401] * REFUSALS_A_MINUTE_MAX + [429] * 20
    assert 1 <= writes.count <= 3
    assert answers[-1].json()["error"] == "temporarily_unavailable"
    assert answers[-1].headers["retry-after"] == str(60 - int(gateway.clock.now().timestamp()) % 60)
    # Another worker knows of it; the client itself is not shut out; the next minute is a new one.
    with pytest.raises(BudgetSpent):
        another_worker(gateway).by_secret(client, "guess", gateway.clock.now())
    assert ask_token(gateway, basic(client, secret)).status_code == 200
    gateway.clock.advance(60)
    assert ask_token(gateway, basic(client, "guess")).status_code == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_strangers_cannot_fill_the_table_of_budgets(gateway: Inhouse) -> None:
    writes, now = Writes(gateway), gateway.clock.now()
    for turn in range(3000):
        with pytest.raises((NotKnown, BudgetSpent)):
            gateway.house.callers.by_secret(f"employer-{turn}", "guess", now)
    with gateway.house.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM quota").scalar_one() <= REFUSED_GROUPS
    assert writes.count <= 3 * REFUSED_GROUPS


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_wrong_signature_and_a_used_assertion_count_as_guesses(gateway: Inhouse, tmp_path: Path) -> None:
    signed, other = Signed(gateway, tmp_path), Signed(gateway, tmp_path)
    used = signed.claims()
    assert signed.ask(used).status_code == 200
    guesses = REFUSALS_A_MINUTE_MAX // 2
    assert {signed.ask(used).status_code for _ in range(guesses)} == {401}
    assert {signed.ask(signed.claims(), other.key).status_code for _ in range(guesses)} == {401}
    assert signed.ask(used).status_code == 429
    assert signed.ask(signed.claims(), other.key).status_code == 429
    assert signed.ask(signed.claims()).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_client_that_asks_for_tokens_without_end_is_slowed(gateway: Inhouse) -> None:
    (client, secret), now = gateway.client("employer"), gateway.clock.now()
    for _ in range(TOKENS_A_MINUTE_MAX):
        gateway.house.callers.by_secret(client, secret, now)
    answer = ask_token(gateway, basic(client, secret))
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_threads_together_are_given_exactly_the_budget(gateway: Inhouse) -> None:
    # Blocks of 200 and threads that take turns often: while one spends its block, others bring theirs.
    limit, threads, usual_s = 12_000, 8, sys.getswitchinterval()
    caller = Caller(client="employer-x", role="employer", offices=frozenset(), requests_per_minute_max=limit)
    callers, now, together = another_worker(gateway), gateway.clock.now(), threading.Barrier(threads)

    def spend_much() -> list[int]:
        together.wait()
        left = []
        for _ in range(limit // 2):
            try:
                left.append(callers.spend(caller, "business", now).remaining)
            except BudgetSpent as spent:
                assert spent.limit == limit
        return left

    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(threads) as pool:
            given = [one for left in pool.map(lambda _: spend_much(), range(threads)) for one in left]
    finally:
        sys.setswitchinterval(usual_s)
    assert len(given) == limit
    assert min(given) == 0
    with pytest.raises(BudgetSpent):
        callers.spend(caller, "business", now)


def test_a_budget_holds_across_workers(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", requests_per_minute_max=130)
    token, now = gateway.token(client, secret), gateway.clock.now()
    workers = [another_worker(gateway) for _ in range(3)]
    caller = workers[0].by_token(token, now)
    granted = 0
    for turn in range(600):
        try:
            workers[turn % 3].spend(caller, "business", now)
            granted += 1
        except BudgetSpent as spent:
            assert (spent.limit, spent.retry_after_s) == (130, 60 - int(now.timestamp()) % 60)
    assert granted == 130
    gateway.clock.advance(60)
    assert workers[0].spend(caller, "business", gateway.clock.now()).limit == 130


def test_a_spent_budget_is_told_with_headers_and_lookups_go_on(gateway: Inhouse) -> None:
    token = gateway.bearer("employer", units=[UNIT], requests_per_minute_max=2)
    answers = [gateway("POST", "/v1/dossiers", token, content=a_dossier(seed, employees=1)) for seed in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answers[0].headers[f"ratelimit-{name}"] for name in ("limit", "remaining")] == ["2", "1"]
    assert answers[1].headers["ratelimit-remaining"] == "0"
    assert answers[2].headers["retry-after"] == answers[2].headers["ratelimit-reset"]
    assert answers[2].json()["code"] == "too-many-requests"
    sha256 = answers[0].json()["sha256"]
    assert gateway("GET", f"/v1/receipts?sha256={sha256}", token).status_code == 200
