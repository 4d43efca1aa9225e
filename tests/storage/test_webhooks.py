"""What the tables of webhooks promise, on each engine."""

import threading
from collections.abc import Callable

import msgspec
import pytest
import sqlalchemy as sa

from storage import journal, webhook_facts, webhooks
from storage.clients import Client, put_client
from storage.database import Database
from storage.webhooks import HoldLost, Message, Settled, Webhook
from tests.databases import a_dossier, an_event, database, database_url

__all__ = ["database", "database_url"]
# Where both engines read the same plain statements, one of them is asked.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def a_webhook(tx: sa.Connection, name: str = "w-1", **changes: object) -> Webhook:
    client = Client(
        id=f"employer-{name}", role="employer", name="", secret_sha256=None, jwk=None, requests_per_minute_max=1,
        created_at_us=1, disabled_at_us=None,
    )  # fmt: skip
    put_client(tx, client, [], [])
    fields = {"kind": "http", "target": "https://hook.example.vn/", "state": "active", "made_at_us": 1, "upto_seq": 0}
    made = Webhook(id=name, client=client.id, **(fields | changes))  # type: ignore[arg-type]
    webhooks.add(tx, made)
    return made


def a_message(name: str, seq: int, **changes: object) -> Message:
    fields: dict[str, object] = {"webhook": "w-1", "what": "fact", "type": "accepted", "first_at_us": 5, "seq": seq}
    return Message(id=name, first_seq=seq, **(fields | changes))  # type: ignore[arg-type]


def settled(upto: int) -> Settled:
    return Settled(upto_seq=upto, failures=0, wait_until_us=0)


def test_of_many_who_reach_for_a_webhook_one_holds_it(database: Database) -> None:
    with database.begin() as tx:
        a_webhook(tx)
    held: list[str] = []

    def reach(name: str) -> None:
        with database.begin() as tx:
            if webhooks.hold(tx, "w-1", name, 100, 200):
                held.append(name)

    together([lambda name=f"h{number}": reach(name) for number in range(6)])  # type: ignore[misc]
    assert len(held) == 1
    with database.begin() as tx:
        webhooks.settle(tx, "w-1", held[0], settled(7), [])
        assert webhooks.hold(tx, "w-1", "next", 101, 200), "let go, it is there for the next at once"


def together(steps: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=step) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)


@on_sqlite
def test_whoever_lost_its_hold_writes_nothing(database: Database) -> None:
    with database.begin() as tx:
        a_webhook(tx)
        webhooks.hold(tx, "w-1", "slow", 100, 200)
    with database.begin() as tx:
        assert webhooks.hold(tx, "w-1", "early", 199, 300) is None
        assert webhooks.hold(tx, "w-1", "next", 200, 300), "after its end another may have it"
    with pytest.raises(HoldLost), database.begin() as tx:
        webhooks.settle(tx, "w-1", "slow", settled(9), [a_message("m1", 1)])
    with database.begin() as tx:
        assert webhooks.messages(tx, "w-1", 0) == []
        webhooks.set_back(tx, "w-1", 0)
        webhooks.set_state(tx, "w-1", "disabled", "owner")
    with pytest.raises(HoldLost), database.begin() as tx:
        webhooks.settle(tx, "w-1", "next", settled(9), [])


def test_messages_are_numbered_in_the_order_in_which_they_were_first_written(database: Database) -> None:
    with database.begin() as tx:
        a_webhook(tx)
        webhooks.enqueue(tx, a_message("test", 0, what="test", next_at_us=50))
        webhooks.hold(tx, "w-1", "h", 100, 200)
        waits = a_message("m2", 12, next_at_us=150, attempt=1)
        webhooks.settle(tx, "w-1", "h", settled(12), [a_message("m1", 11, state="delivered"), waits])
        found = webhooks.messages(tx, "w-1", 0)
        assert [(one.number, one.id) for one in found] == [(1, "test"), (2, "m1"), (3, "m2")]
        assert [one.id for one in webhooks.messages(tx, "w-1", 2)] == ["m2"]
        assert [one.id for one in webhooks.messages(tx, "w-1", 0, "delivered")] == ["m1"]
        assert webhooks.counts(tx, ["w-1"]) == {("w-1", "waiting"): 2}
        held = webhooks.find(tx, "w-1")
        assert held
        assert (held.messages, held.upto_seq, held.retry_at_us, held.holder) == (3, 12, 50, "")
        assert [one.id for one in webhooks.waiting(tx, "w-1", 149, 9)] == ["test"]
        assert [one.id for one in webhooks.waiting(tx, "w-1", 150, 9)] == ["test", "m2"]
        # Written again: what became of it changes, its number does not.
        webhooks.hold(tx, "w-1", "h", 300, 400)
        again = msgspec.structs.replace(waits, number=0, state="delivered", next_at_us=None, attempt=2)
        webhooks.settle(tx, "w-1", "h", settled(12), [again])
        assert [(one.number, one.state, one.attempt) for one in webhooks.messages(tx, "w-1", 2)] == [
            (3, "delivered", 2)
        ]


@on_sqlite
def test_due_is_what_has_new_facts_or_a_message_to_try_and_rests_not(database: Database) -> None:
    with database.begin() as tx:
        a_webhook(tx, "w-new", upto_seq=4)
        a_webhook(tx, "w-done", upto_seq=5)
        a_webhook(tx, "w-rests", wait_until_us=101)
        a_webhook(tx, "w-held", held_until_us=101)
        a_webhook(tx, "w-off", state="disabled", retry_at_us=1)
        a_webhook(tx, "w-retry", upto_seq=5, retry_at_us=100)
        a_webhook(tx, "w-later", upto_seq=5, retry_at_us=101)
        a_webhook(tx, "w-asks", kind="mail", state="unconfirmed", retry_at_us=100)
        a_webhook(tx, "w-asked", kind="mail", state="unconfirmed")
        a_webhook(tx, "w-out")
        tx.execute(sa.text("UPDATE client SET disabled_at_us = 1 WHERE id = 'employer-w-out'"))
        assert {one.id for one in webhooks.due(tx, 5, 100)} == {"w-new", "w-retry", "w-asks"}


def test_setting_back_leaves_what_waits_to_the_new_look(database: Database) -> None:
    with database.begin() as tx:
        a_webhook(tx)
        webhooks.hold(tx, "w-1", "h", 100, 200)
        told = [a_message(f"m{seq}", seq, next_at_us=150) for seq in (3, 7)]
        webhooks.settle(tx, "w-1", "h", settled(9), [*told, a_message("m8", 8, state="dead")])
        webhooks.enqueue(tx, a_message("t", 0, what="test", next_at_us=160))
        webhooks.set_back(tx, "w-1", 5)
        assert [one.id for one in webhooks.messages(tx, "w-1", 0)] == ["m3", "m8", "t"]
        webhooks.set_back(tx, "w-1", 6)
        held = webhooks.find(tx, "w-1")
        assert held
        assert held.upto_seq == 5, "set back, never forward"
        webhooks.set_forward(tx, "w-1", 8)
        webhooks.again(tx, "m8", 500)
        assert [one.id for one in webhooks.waiting(tx, "w-1", 500, 9)] == ["t", "m3", "m8"]


@on_sqlite
def test_the_first_fact_at_or_after_an_instant_is_found(database: Database) -> None:
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        seqs = []
        for number in range(40):
            # Numbers are given to other things, too.
            turn.head += number % 3
            row = a_dossier(f"x{number}", turn.next())
            event = msgspec.structs.replace(an_event(row, row.seq), at_us=1000 + number * 10)
            journal.enter(tx, [row], [], [event], [])
            seqs.append(row.seq)
        journal.end_turn(tx, turn)
        for number, seq in enumerate(seqs):
            for at_us in (1000 + number * 10, 991 + number * 10):
                before = webhook_facts.before(tx, at_us, turn.head)
                assert (seqs[number - 1] if number else 0) <= before < seq
        assert webhook_facts.before(tx, 10_000, turn.head) >= seqs[-1]


def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(database: Database) -> None:
    with database.begin() as tx:
        a_webhook(tx)
        webhooks.hold(tx, "w-1", "h", 1, 200)
        told = [
            a_message(f"{state}-{at_us}", at_us, state=state, tried_at_us=at_us, next_at_us=at_us)
            for state in ("delivered", "dead", "waiting")
            for at_us in (10, 20, 30)
        ]
        webhooks.settle(tx, "w-1", "h", settled(30), told)
        assert webhooks.forget_ended(tx, 30, 20) == 3
        left = {one.id for one in webhooks.messages(tx, "w-1", 0)}
        assert left == {"delivered-30", "dead-20", "dead-30", "waiting-10", "waiting-20", "waiting-30"}


@on_sqlite
def test_a_secret_ends_when_the_next_has_come_and_its_time_is_over(database: Database) -> None:
    def secret(number: int) -> webhooks.Secret:
        return webhooks.Secret(webhook="w-1", number=number, sha256=b"d", body=b"b", wrapped_key=b"k")

    with database.begin() as tx:
        a_webhook(tx)
        webhooks.put_secret(tx, secret(1), 0)
        webhooks.put_secret(tx, secret(2), 100)
        assert [one.number for one in webhooks.secrets(tx, "w-1", 99)] == [2, 1]
        assert [one.number for one in webhooks.secrets(tx, "w-1", 100)] == [2]
