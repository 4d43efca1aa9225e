"""Items, pool, orders and looks on SQLite and PostgreSQL: the same statements, and nobody gets what another got."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa
from msgspec import Struct, structs

from gateway import s10, tracking
from gateway.callers import Caller
from gateway.clock import to_us
from gateway.deadlines import Calendar
from gateway.judge import Tables
from gateway.mailroom import opening
from gateway.postal import items as line
from gateway.postal import pickup, pools, returns
from gateway.postal.carrier_tables import Carriers, carriers
from gateway.postal.item_seen import whose
from gateway.postal.look_over import look_over
from gateway.postal.pickup_shape import PickupParty, PickupWanted
from gateway.postal.rules import PostRules, rules
from gateway.postal.watch_items import ITEM_RULES
from gateway.settle import Stores
from storage import alarms, handlings, item_watch, items, journal, outbound, pickups, pool
from storage.database import Database, open_database
from tests.clocks import HandClock
from tests.databases import migrated_url, stores_on
from tests.gateway.inhouse import OFFICE
from tests.postal.item_rows import announce

NOW = HandClock().now()
TAKERS = 8
EACH = 6


AN_ITEM = items.Item(
    number="", scheme="s10", carrier="", direction="in", office=OFFICE, unit="", announcement=None, bound_at_us=1,
    bound_by="office-one", state_at_us=1,
)  # fmt: skip


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


def an_employer(name: str) -> Caller:
    return Caller(client=name, role="employer", offices=frozenset(), requests_per_minute_max=1)


def tell(tx: sa.Connection, number: str, code: str) -> None:
    one = handlings.Handling(
        item=number, carrier="vnpost", code=code, at_us=to_us(NOW), source="api", heard_at_us=to_us(NOW),
        heard_from="post",
    )  # fmt: skip
    handlings.keep(tx, [one])
    tracking.restand(tx, number)


def going_out(tx: sa.Connection, number: str, dossier: str) -> None:
    """An item that an office sends back, and of which nothing was told yet."""
    item = items.Item(
        number=number, scheme="s10", carrier="vnpost", direction="out", office=OFFICE, unit="", announcement=None,
        bound_at_us=1, bound_by="office-one", state_at_us=1,
    )  # fmt: skip
    items.bind(tx, item, [dossier])
    one = outbound.Outbound(
        item=number, contents="[]", address="", manifest_number="", form_05=outbound.AWAITED, made_at_us=1,
        made_by="office-one", state_at_us=1,
    )  # fmt: skip
    outbound.add(tx, one)


def while_held(database: Database, held: Callable[[sa.Connection], None], step: Callable[[], object]) -> None:
    """Begin a step while another transaction, that has written, is open; both end."""
    with ThreadPoolExecutor(1) as threads:
        with database.begin() as tx:
            held(tx)
            begun = threads.submit(step)
            time.sleep(0.2)
        begun.result(10)


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


def test_what_is_corrected_is_the_callers_own_and_comes_in(
    stores: Stores, known: Carriers, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = stores.database
    with database.begin() as tx:
        announce(tx, "employer-one", "p-1")
        announce(tx, "employer-two", "p-2")
        going_out(tx, number_of(9), "d-1")
    line.bind(database, known, an_employer("employer-one"), number_of(1), line.Wanted(announcement="p-1"), NOW)
    wanted = line.Wanted(announcement="p-2", corrects=number_of(1))
    with pytest.raises(line.BoundElsewhere) as refused:
        line.bind(database, known, an_employer("employer-two"), number_of(2), wanted, NOW)
    assert "p-1" not in str(refused.value), "what is another's is not told"
    # An item that goes out is no wrong number of what comes in, though the same dossier is in it.
    target = line.Target(announcement=None, dossiers=("d-1",), office=OFFICE, unit="", carrier="")
    monkeypatch.setattr(line, "target_of", lambda *_: target)
    with pytest.raises(line.ItemMoved):
        line.bind(database, known, a_clerk(), number_of(3), line.Wanted(dossiers=("d-1",), corrects=number_of(9)), NOW)
    with database.read() as tx:
        assert items.find(tx, number_of(9)) is not None


def test_the_pool_passes_over_what_was_used_without_being_taken(stores: Stores, known: Carriers) -> None:
    database = stores.database
    pools.load(database, known, "vnpost", [number_of(serial) for serial in range(1, 7)], NOW)
    with database.begin() as tx:
        announce(tx, "employer-one", "p-1")
        # One was opened by a mail room that nobody had told of it, another posted.
        items.bind(tx, structs.replace(AN_ITEM, number=number_of(1)), [])
        tell(tx, number_of(2), "EMA")
    assert take(database, known, "p-1") == number_of(3)
    # A wrong label is corrected by another one of the same pool; a posted one keeps no second from being bound.
    wanted = line.Wanted(announcement="p-1", corrects=number_of(3))
    line.bind(database, known, a_clerk(), number_of(4), wanted, NOW)
    with pytest.raises(line.BoundElsewhere, match=number_of(4)):
        line.bind(database, known, a_clerk(), number_of(5), line.Wanted(announcement="p-1"), NOW)
    with database.begin() as tx:
        tell(tx, number_of(4), "EMA")
    line.bind(database, known, a_clerk(), number_of(5), line.Wanted(announcement="p-1"), NOW)
    with database.read() as tx:
        assert pool.counts(tx, "vnpost") == {"free": 3, "recalled": 1, "used": 1, "taken": 1}


def test_the_number_of_an_item_that_goes_out_is_not_given_back(stores: Stores, known: Carriers) -> None:
    pools.load(stores.database, known, "vnpost", [number_of(1)], NOW)
    with stores.database.begin() as tx:
        assert pool.take(tx, number_of(1), "return:1", "office-one", 1)
        going_out(tx, number_of(1), "d-1")
    with pytest.raises(line.ItemMoved):
        pools.recall(stores.database, a_clerk(), "vnpost", [number_of(1)], NOW)


def test_a_form_05_that_comes_while_somebody_decides_undoes_no_decision(stores: Stores) -> None:
    database = stores.database
    with database.begin() as tx:
        going_out(tx, number_of(1), "d-1")

    def decide(tx: sa.Connection) -> None:
        turn = journal.take_turn(tx)
        found = outbound.find(tx, number_of(1))
        assert found is not None
        outbound.put(tx, structs.replace(found.outbound, state=outbound.SENT_AGAIN, next_item=number_of(2)))
        journal.end_turn(tx, turn)

    while_held(database, decide, lambda: returns.form_05_came(database, a_clerk(), number_of(1), NOW, "", NOW))
    with database.read() as tx:
        found = outbound.find(tx, number_of(1))
    assert found is not None
    one = found.outbound
    assert (one.state, one.next_item, one.form_05) == (outbound.SENT_AGAIN, number_of(2), outbound.CAME_BACK)


def test_an_item_that_is_opened_while_it_is_bound_stays_bound(stores: Stores, known: Carriers) -> None:
    database = stores.database
    with database.begin() as tx:
        (dossier,) = announce(tx, "employer-one", "p-1")

    def bound(tx: sa.Connection) -> None:
        handlings.hold(tx)
        items.bind(tx, structs.replace(AN_ITEM, number=number_of(1), announcement="p-1"), [dossier])

    told = opening.Told(item=number_of(1), office=OFFICE, condition="intact", counted=())
    while_held(database, bound, lambda: opening.open_item(database, told, a_clerk(), NOW))
    with database.read() as tx:
        found = items.find(tx, number_of(1))
        assert found is not None
        assert (found.announcement, items.dossiers_of(tx, number_of(1))) == ("p-1", [dossier])


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
