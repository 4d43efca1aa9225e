"""LINE 2 on SQLite and on PostgreSQL: leases, fencing, silence, the dead list, the mark."""

import hashlib
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import desk, states
from gateway.callers import Caller
from gateway.clock import to_us
from gateway.receipt import HANDOVER_TYPE, Handover
from gateway.repeated import KeyReused
from gateway.settle import Stores
from signing.seal import open_jws
from storage import alarms, journal, statements, work
from storage.database import Database
from storage.work import ATTEMPTS_MAX, LeaseLost
from tests.clocks import HandClock
from tests.databases import database, database_url, put_dossier, stores_on

__all__ = ["database", "database_url"]
OFFICE = "07906"
EVERYTHING = journal.Scope(everything=True)


def holder(name: str) -> Caller:
    return Caller(client=name, role="office", offices=frozenset({OFFICE}), requests_per_minute_max=1)


ANNA, BINH = holder("anna"), holder("binh")
_STORES: dict[int, Stores] = {}


@pytest.fixture(autouse=True)
def _stores(database: Database, tmp_path: Path) -> Iterator[None]:
    _STORES[id(database)] = stores_on(database, tmp_path)
    yield
    del _STORES[id(database)]


def take(database: Database, caller: Caller, clock: HandClock, most: int = 1, lease_s: int = 60) -> desk.Handed:
    handed = desk.lease(database, OFFICE, caller, most, lease_s, clock.now())
    assert isinstance(handed, desk.Handed)
    return handed


def lease_of(handed: desk.Handed) -> str:
    lease = handed.leased[0].work.lease
    assert lease is not None
    return lease


def acknowledge(database: Database, lease: str, caller: Caller, now: datetime) -> journal.Dossier:
    return desk.acknowledge(_STORES[id(database)], lease, caller, now).dossier


def facts(database: Database, dossier: str) -> list[str]:
    with database.read() as tx:
        return [event.type for event in journal.events(tx, EVERYTHING, 0, dossier)]


def test_work_is_handed_out_oldest_first_and_once(database: Database, clock: HandClock) -> None:
    for name in ("a", "b", "c"):
        put_dossier(database, name)
    put_dossier(database, "elsewhere", competent_office="08907")
    first = take(database, ANNA, clock, most=2)
    second = take(database, BINH, clock, most=9)
    assert [one.dossier.id for one in first.leased] == ["d-a", "d-b"]
    assert [one.dossier.id for one in second.leased] == ["d-c"]
    assert take(database, ANNA, clock).leased == ()
    assert all(one.work.attempt == 1 for one in first.leased)


def test_acknowledged_work_is_done_and_saying_so_again_changes_nothing(database: Database, clock: HandClock) -> None:
    put_dossier(database, "a")
    lease = lease_of(take(database, ANNA, clock))
    assert acknowledge(database, lease, ANNA, clock.now()).state == "acknowledged"
    clock.advance(3600)
    assert acknowledge(database, lease, ANNA, clock.now()).state == "acknowledged"
    assert facts(database, "d-a") == ["accepted", "leased", "acknowledged"]
    assert take(database, BINH, clock).leased == ()


def test_the_work_of_a_silent_holder_is_offered_again_and_the_late_holder_is_refused(
    database: Database, clock: HandClock
) -> None:
    put_dossier(database, "a")
    late = lease_of(take(database, ANNA, clock, lease_s=60))
    clock.advance(60)
    again = take(database, BINH, clock)
    assert [one.work.attempt for one in again.leased] == [2]
    for step in (
        lambda: acknowledge(database, late, ANNA, clock.now()),
        lambda: desk.extend(database, late, ANNA, 60, clock.now()),
        lambda: desk.release(database, late, ANNA, "", clock.now()),
    ):
        with pytest.raises(LeaseLost):
            step()
    assert acknowledge(database, lease_of(again), BINH, clock.now()).state == "acknowledged"
    assert facts(database, "d-a") == ["accepted", "leased", "lease-expired", "leased", "acknowledged"]


def test_a_late_holder_is_refused_though_nobody_swept_and_nobody_else_came(
    database: Database, clock: HandClock
) -> None:
    put_dossier(database, "a")
    late = lease_of(take(database, ANNA, clock, lease_s=60))
    clock.advance(60)
    with pytest.raises(LeaseLost):
        acknowledge(database, late, ANNA, clock.now())


def test_the_statement_of_a_hand_over_is_said_once_and_has_its_leaf(database: Database, clock: HandClock) -> None:
    dossier = put_dossier(database, "a")
    lease = lease_of(take(database, ANNA, clock))
    stores = _STORES[id(database)]
    said = [desk.acknowledge(stores, lease, ANNA, clock.now()).statement for _ in range(2)]
    assert said[0] == said[1]
    (key,) = stores.seal.keys(clock.now())
    told = msgspec.json.decode(open_jws(said[0], key.jwk, typ=HANDOVER_TYPE), type=Handover)
    assert (told.dossier, told.receipt, told.taken_by, told.lease) == (
        dossier.id,
        dossier.statement_number,
        "anna",
        lease,
    )
    assert told.receipt_sha256 == hashlib.sha256(dossier.statement.encode()).hexdigest()
    with database.read() as tx:
        (kept,) = statements.of(tx, dossier.id)
        leaf = tx.exec_driver_sql(f"SELECT leaf FROM log_entry WHERE seq = {kept.seq}").scalar_one()
    assert kept.jws == said[0]
    assert bytes(leaf) == hashlib.sha256(said[0].encode()).digest()


def test_a_lease_is_its_holders_alone(database: Database, clock: HandClock) -> None:
    put_dossier(database, "a")
    lease = lease_of(take(database, ANNA, clock))
    for step in (acknowledge, lambda *a: desk.extend(a[0], a[1], a[2], 60, a[3])):
        with pytest.raises(LeaseLost):
            step(database, lease, BINH, clock.now())


def test_an_extended_lease_ends_later(database: Database, clock: HandClock) -> None:
    put_dossier(database, "a")
    lease = lease_of(take(database, ANNA, clock, lease_s=60))
    clock.advance(50)
    extended = desk.extend(database, lease, ANNA, 60, clock.now())
    assert extended.work.lease_until_us == to_us(clock.now()) + 60_000_000
    clock.advance(59)
    assert take(database, BINH, clock).leased == ()
    assert acknowledge(database, lease, ANNA, clock.now()).state == "acknowledged"


def test_work_that_fails_too_often_goes_to_the_dead_list_and_is_reported(database: Database, clock: HandClock) -> None:
    dossier = put_dossier(database, "a")
    for attempt in range(1, ATTEMPTS_MAX + 1):
        lease = lease_of(take(database, ANNA, clock))
        became = desk.release(database, lease, ANNA, "không mở được", clock.now())
        assert became == ("dead" if attempt == ATTEMPTS_MAX else "offered")
    assert take(database, ANNA, clock).leased == ()
    with database.read() as tx:
        assert [one.dossier for one in work.listed(tx, OFFICE, ["dead"], 0)] == [dossier.id]
        (alarm,) = alarms.alarms(tx, [OFFICE])
        assert (alarm.rule, alarm.subject, alarm.owner) == (desk.DEAD_RULE, dossier.id, OFFICE)
        assert dossier.statement_number in alarm.next_step_vi
        assert alarms.alarms(tx, ["08907"]) == []
    assert facts(database, dossier.id)[-2:] == ["lease-released", "dead-listed"]
    assert desk.revive(database, dossier.id, "operator", clock.now())
    assert not desk.revive(database, dossier.id, "operator", clock.now())
    with database.read() as tx:
        assert alarms.alarms(tx, None) == []
        assert [one.closed_by for one in alarms.alarms(tx, None, closed=True)] == ["operator"]
    assert acknowledge(database, lease_of(take(database, BINH, clock)), BINH, clock.now()).id == dossier.id


def test_silence_counts_as_a_failed_attempt(database: Database, clock: HandClock) -> None:
    put_dossier(database, "a")
    for _ in range(ATTEMPTS_MAX):
        take(database, ANNA, clock, lease_s=1)
        clock.advance(1)
        assert desk.sweep(database, clock.now()) == 1
    assert desk.sweep(database, clock.now()) == 0
    with database.read() as tx:
        assert [one.attempt for one in work.listed(tx, OFFICE, ["dead"], 0)] == [ATTEMPTS_MAX]


def test_the_mark_stands_before_the_oldest_open_work(database: Database, clock: HandClock) -> None:
    assert take(database, ANNA, clock).complete_until == 0
    for name in ("a", "b", "c"):
        put_dossier(database, name)
    first = take(database, ANNA, clock, most=1)
    assert first.complete_until == 1
    rest = take(database, ANNA, clock, most=9)
    assert rest.complete_until == 6  # three acceptances and three leases: nothing is missing
    desk.release(database, lease_of(first), ANNA, "", clock.now())
    with database.read() as tx:
        assert work.complete_until(tx, OFFICE, journal.head(tx)) == 0


def test_two_holders_who_ask_at_once_never_get_the_same_work(database: Database, clock: HandClock) -> None:
    for number in range(40):
        put_dossier(database, f"n{number}")
    got: dict[str, list[str]] = {"anna": [], "binh": [], "chi": []}

    def ask(name: str) -> None:
        while handed := take(database, holder(name), clock, most=3).leased:
            got[name] += [one.dossier.id for one in handed]

    threads = [threading.Thread(target=ask, args=[name]) for name in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    everything = [dossier for each in got.values() for dossier in each]
    assert sorted(everything) == sorted(f"d-n{number}" for number in range(40))


def test_a_repeated_request_under_one_key_gets_the_same_answer(database: Database, clock: HandClock) -> None:
    put_dossier(database, "a")
    put_dossier(database, "b")
    once = desk.Once("k", b"1" * 32, lambda handed: handed.leased[0].dossier.id.encode())
    first = desk.lease(database, OFFICE, ANNA, 1, 60, clock.now(), once)
    assert isinstance(first, desk.Handed)
    clock.advance(86_400 * 30)
    assert desk.lease(database, OFFICE, ANNA, 1, 60, clock.now(), once) == b"d-a"
    other = desk.Once("k", b"2" * 32, lambda _: b"")
    with pytest.raises(KeyReused):
        desk.lease(database, OFFICE, ANNA, 1, 60, clock.now(), other)
    assert isinstance(desk.lease(database, OFFICE, BINH, 1, 60, clock.now(), other), desk.Handed)


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "take", "ack", "release", "extend", "wait"]), st.integers(0, 3)), max_size=30
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_holders_do_no_dossier_is_lost_or_held_twice(database: Database, steps: list[tuple[str, int]]) -> None:
    clock = HandClock()
    with database.begin() as tx:
        for table in ("work", "alarm", "course", "event", "dossier"):
            tx.exec_driver_sql(f"DELETE FROM {table}")
        tx.exec_driver_sql("UPDATE ordinal SET value = 0")
    leases: list[tuple[str, Caller]] = []
    count = 0
    for action, number in steps:
        caller = (ANNA, BINH)[number % 2]
        if action == "put":
            put_dossier(database, f"n{count}")
            count += 1
        elif action == "take":
            leases += [
                (one.work.lease or "", caller) for one in take(database, caller, clock, most=2, lease_s=10).leased
            ]
        elif action == "wait":
            clock.advance(4 * number)
        elif leases:
            lease, owner = leases[number % len(leases)]
            try:
                if action == "ack":
                    acknowledge(database, lease, owner, clock.now())
                elif action == "release":
                    desk.release(database, lease, owner, "", clock.now())
                else:
                    desk.extend(database, lease, owner, 10, clock.now())
            except LeaseLost:
                pass
    with database.read() as tx:
        rows = tx.exec_driver_sql("SELECT dossier, state, lease FROM work").all()
        numbers = [event.seq for event in journal.events(tx, EVERYTHING, 0)]
        assert len(rows) == count
        assert numbers == list(range(1, len(numbers) + 1))
        for dossier, state, lease in rows:
            found = [event.type for event in journal.events(tx, EVERYTHING, 0, dossier)]
            stored = journal.dossier(tx, dossier, EVERYTHING)
            assert stored is not None
            assert states.fold(found).value == stored.state
            assert (state == "done") == (stored.state == "acknowledged")
            assert (lease is not None) == (state in ("leased", "done"))
