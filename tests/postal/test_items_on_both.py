"""Items, pool, orders and looks on SQLite and PostgreSQL: the same statements, and nobody gets what another got."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import pytest
from msgspec import Struct

from gateway import s10, tracking
from gateway.callers import Caller
from gateway.clock import to_us
from gateway.deadlines import Calendar
from gateway.judge import Tables
from gateway.postal import items as line
from gateway.postal import pickup, pools
from gateway.postal.carrier_tables import Carriers, carriers
from gateway.postal.item_seen import whose
from gateway.postal.look_over import look_over
from gateway.postal.pickup_shape import PickupParty, PickupWanted
from gateway.postal.rules import PostRules, rules
from gateway.postal.watch_items import ITEM_RULES
from gateway.settle import Stores
from storage import alarms, handlings, item_watch, items, pickups, pool
from storage.database import Database, open_database
from tests.clocks import HandClock
from tests.databases import migrated_url, stores_on
from tests.gateway.inhouse import OFFICE
from tests.postal.item_rows import announce

NOW = HandClock().now()
TAKERS = 8
EACH = 6


@pytest.fixture(scope="module")
def known() -> Carriers:
    return carriers()


@pytest.fixture(params=("sqlite", "postgresql"))
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    database = open_database(migrated_url(request.param, tmp_path, request))
    yield stores_on(database, tmp_path)
    database.close()


class Looked(Struct):
    """Of the tables in force a look needs the calendar and the rules of paper."""

    calendar: Calendar
    post: PostRules


def number_of(serial: int) -> str:
    return f"RR{serial:08}{s10.check_digit(f'{serial:08}')}VN"


def a_clerk(name: str = "office-one") -> Caller:
    return Caller(client=name, role="office", offices=frozenset({OFFICE}), requests_per_minute_max=1)


def take(database: Database, known: Carriers, announcement: str) -> str:
    wanted = line.Wanted(announcement=announcement, carrier="vnpost")
    return pools.take(database, known, a_clerk(), "vnpost", wanted, NOW).item.number


def test_two_takers_never_get_the_same_number(stores: Stores, known: Carriers) -> None:
    database = stores.database
    names = [f"p-{number}" for number in range(TAKERS * EACH)]
    with database.begin() as tx:
        for name in names:
            announce(tx, "employer-one", name)
    pools.load(database, known, "vnpost", [number_of(serial) for serial in range(TAKERS * EACH)], NOW)

    def taking(taker: int) -> list[str]:
        # Every announcement is asked for by two takers at once: each has one number for both.
        wanted = names[(taker // 2) * 2 * EACH : (taker // 2 + 1) * 2 * EACH]
        return [take(database, known, name) for name in (wanted if taker % 2 else reversed(wanted))]

    with ThreadPoolExecutor(TAKERS) as threads:
        taken = list(threads.map(taking, range(TAKERS)))
    for one, other in zip(taken[::2], taken[1::2], strict=True):
        assert list(reversed(one)) == other
    given = [number for some in taken[1::2] for number in some]
    assert len(set(given)) == len(given) == TAKERS * EACH
    with pytest.raises(pools.PoolEmpty):
        with database.begin() as tx:
            announce(tx, "employer-one", "p-more")
        take(database, known, "p-more")
    with database.read() as tx:
        assert pool.counts(tx, "vnpost") == {"taken": TAKERS * EACH}
        assert [one.number for one in pool.listed(tx, "vnpost", states=("taken",), limit=2)] == [
            number_of(0),
            number_of(1),
        ]


def test_two_who_bind_one_number_at_once_bind_it_to_one_thing(stores: Stores, known: Carriers) -> None:
    names = [f"p-{number}" for number in range(TAKERS)]
    with stores.database.begin() as tx:
        for name in names:
            announce(tx, "employer-one", name)

    def binding(name: str) -> str:
        try:
            line.bind(stores.database, known, a_clerk(), number_of(1), line.Wanted(announcement=name), NOW)
        except line.BoundElsewhere as error:
            return str(error).rpartition(" ")[2]
        return name

    with ThreadPoolExecutor(TAKERS) as threads:
        assert len(set(threads.map(binding, names))) == 1


def test_an_order_is_one_workers_at_a_time_and_forgotten_when_it_ends(stores: Stores, known: Carriers) -> None:
    asked = PickupWanted(
        sender=PickupParty(name="Nguyễn Văn An", address="1 Hàng Bài", phone="0900000000"),
        receiver=PickupParty(name="BHXH", address="2 Tràng Thi", phone="024"),
    )
    with stores.database.begin() as tx:
        announce(tx, "employer-one", "p-1")
    for serial in (1, 2):
        line.bind(stores.database, known, a_clerk(), number_of(serial), line.Wanted(announcement="p-1"), NOW)
    first = pickup.order(stores, a_clerk(), number_of(1), asked, "vnpost", NOW)
    second = pickup.order(stores, a_clerk(), number_of(2), asked, "vnpost", NOW)
    assert (first.order_number, second.order_number) == ("p-1", "p-1-2")
    assert pickup.order(stores, a_clerk(), number_of(1), asked, "vnpost", NOW) == first
    assert b"An" not in (first.body or b"")
    with ThreadPoolExecutor(4) as threads:
        held = [one for some in threads.map(lambda _: pickup.take_due(stores, NOW), range(4)) for one in some]
    assert sorted(one.item for one in held) == [number_of(1), number_of(2)]
    assert pickup.facts(stores.cipher, held[0], "HCC-1")["sender.name"] == "Nguyễn Văn An"
    pickup.write_down(stores, held[0], "accepted", "100 OK", NOW)
    pickup.write_down(stores, held[1], "again", "timeout", NOW)
    with stores.database.read() as tx:
        ended, waiting = (pickups.find(tx, one.item) for one in held[:2])
    assert ended is not None
    assert (ended.state, ended.body, ended.wrapped_key) == ("accepted", None, None)
    assert waiting is not None
    assert (waiting.state, waiting.next_at_us) == ("waiting", to_us(NOW + timedelta(seconds=60)))
    assert [one.attempts for one in pickup.take_due(stores, NOW + timedelta(seconds=60))] == [2]


def test_looks_lists_and_settling_speak_to_both(stores: Stores, known: Carriers) -> None:
    database = stores.database
    tables = cast("Tables", Looked(calendar=Calendar.load(), post=rules()))
    with database.begin() as tx:
        announce(tx, "employer-one", "p-1")
        announce(tx, "employer-one", "p-2")
    line.bind(database, known, a_clerk(), number_of(1), line.Wanted(announcement="p-1"), NOW)
    told = handlings.Handling(
        item=number_of(1), carrier="vnpost", code="EMA", at_us=to_us(NOW), source="api", heard_at_us=to_us(NOW),
        heard_from="post",
    )  # fmt: skip
    with database.begin() as tx:
        handlings.keep(tx, [told])
        tracking.restand(tx, number_of(1))
    late = NOW + timedelta(days=40)
    look_over(database, tables, late, ITEM_RULES)
    with database.read() as tx:
        assert sorted(one.rule for one in alarms.alarms(tx, None)) == ["post-lost", "post-not-posted"]
        assert [one.rule for one in item_watch.alarms_about(tx, number_of(1))] == ["post-lost"]
        seen = whose(a_clerk(), date(2026, 3, 2))
        assert seen is not None
        assert [one.number for one in items.page(tx, seen, states=("posted",), limit=5)] == [number_of(1)]
        assert items.page(tx, items.Whose(client="employer-one", on="2026-03-02"), limit=5)
        assert not items.page(tx, items.Whose(client="employer-two", on="2026-03-02"), limit=5)
        assert [one.number for one in items.listed(tx, office=OFFICE, direction="in", limit=5)] == [number_of(1)]
    # Found again and sent back; another goes in its place: nothing more is to be told of the first.
    back = handlings.Handling(
        item=number_of(1), carrier="vnpost", code="returned", at_us=to_us(late), source="api", heard_at_us=to_us(late),
        heard_from="post",
    )  # fmt: skip
    with database.begin() as tx:
        handlings.keep(tx, [back])
        tracking.restand(tx, number_of(1))
    line.bind(database, known, a_clerk(), number_of(2), line.Wanted(announcement="p-1"), late + timedelta(hours=1))
    look_over(database, tables, late + timedelta(hours=1), ITEM_RULES)
    with database.read() as tx:
        assert [one.rule for one in alarms.alarms(tx, None)] == ["post-not-posted"]
        found = items.find(tx, number_of(1))
        assert found is not None
        assert found.watched == 0
