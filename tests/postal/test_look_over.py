"""The looks over items: each alarm sounds once, for who has to act, and ends by itself once the cause is mended."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from gateway import s10, tracking
from gateway.clock import to_us
from gateway.judge import Tables
from gateway.postal.look_over import RULES, look_over
from gateway.postal.wanted import has_passed
from gateway.postal.watch_items import ITEM_RULES
from storage import alarms, announcements, handlings, items, mailroom, pickups
from storage.database import Database
from storage.items import Item
from tests.gateway.inhouse import OFFICE, UNIT, inhouse
from tests.postal.item_rows import an_opening, announce

# A Monday; the next Monday is five working days later.
MONDAY = datetime.fromisoformat("2026-03-02T08:30:00+07:00")
_NUMBERS = count(20_000_000)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Tables]]:
    with inhouse(tmp_path_factory.mktemp("looks") / "home") as opened:
        opened.client("employer", units=[UNIT])
        yield opened.house.database, opened.house.tables


class Post:
    """Paper that is announced, bound and told of, and the looks at it."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self.database, self.tables = database, tables
        self.made = next(_NUMBERS)

    def item(self, *events: tuple[str, datetime], direction: str = "in", bound_at: datetime = MONDAY) -> str:
        """An item of an announcement of its own, of which these events were told."""
        serial = str(next(_NUMBERS))
        number = f"RR{serial}{s10.check_digit(serial)}VN"
        with self.database.begin() as tx:
            dossiers = announce(tx, "employer-one", f"p-{number}", at_us=to_us(bound_at))
            self._bind(tx, number, f"p-{number}", dossiers, direction, bound_at)
        self.told(number, *events)
        return number

    def again(self, number: str, bound_at: datetime) -> str:
        """Another item for the same paper."""
        other = str(next(_NUMBERS))
        with self.database.begin() as tx:
            dossiers = items.dossiers_of(tx, number)
            self._bind(tx, f"RR{other}{s10.check_digit(other)}VN", f"p-{number}", dossiers, "in", bound_at)
        return f"RR{other}{s10.check_digit(other)}VN"

    def _bind(
        self, tx: sa.Connection, number: str, name: str, dossiers: list[str], direction: str, at: datetime
    ) -> None:
        one = Item(
            number=number, scheme="s10", carrier="vnpost", direction=direction, office=OFFICE, unit=UNIT,
            announcement=name, bound_at_us=to_us(at), bound_by="employer-one", state_at_us=to_us(at),
        )  # fmt: skip
        items.bind(tx, one, dossiers)

    def told(self, number: str, *events: tuple[str, datetime]) -> None:
        rows = [
            handlings.Handling(
                item=number,
                carrier="vnpost",
                code=code,
                at_us=to_us(at),
                source="api",
                heard_at_us=to_us(at),
                heard_from="post",
            )
            for code, at in events
        ]
        with self.database.begin() as tx:
            handlings.keep(tx, rows)
            tracking.restand(tx, number)

    def look(self, now: datetime) -> dict[str, alarms.Alarm]:
        """Look once; the open alarms of paper by rule and subject."""
        look_over(self.database, self.tables, now)
        with self.database.read() as tx:
            found = alarms.alarms(tx, None)
        return {f"{one.rule} {one.subject}": one for one in found if one.rule.startswith("post-")}

    def of(self, number: str, now: datetime) -> list[str]:
        """The rules that sound for it."""
        return [name.partition(" ")[0] for name in self.look(now) if name.endswith(number)]


@pytest.fixture
def paper(gateway: tuple[Database, Tables]) -> Post:
    return Post(*gateway)


def later(days: float) -> datetime:
    return MONDAY + timedelta(days=days)


def test_working_days_pass_over_the_weekend(gateway: tuple[Database, Tables]) -> None:
    friday = later(4)
    calendar = gateway[1].calendar
    assert not has_passed(calendar, to_us(friday), 1, later(7))
    assert has_passed(calendar, to_us(friday), 1, later(8))


def test_an_item_is_silent_then_late_then_lost_and_one_thing_at_a_time(paper: Post) -> None:
    number = paper.item(("EMA", MONDAY))
    assert paper.of(number, later(2)) == []
    assert paper.of(number, later(3)) == ["post-silent"]
    paper.told(number, ("EMG", later(3)))
    assert paper.of(number, later(3)) == []
    assert paper.of(number, later(4)) == ["post-late"]
    assert paper.of(number, later(30)) == ["post-lost"]
    found = paper.look(later(30))[f"post-lost {number}"]
    assert found.owner == "employer-one"
    assert "05/03/2026" in found.next_step_vi
    paper.told(number, ("EMI", later(30)))
    with paper.database.begin() as tx:
        mailroom.open_item(tx, an_opening(number, to_us(later(30))))
    assert paper.of(number, later(31)) == []


def test_a_lost_item_that_was_sent_again_is_told_of_no_more(paper: Post) -> None:
    number = paper.item(("EMA", MONDAY))
    assert paper.of(number, later(40)) == ["post-lost"]
    paper.again(number, later(40))
    assert paper.of(number, later(40)) == []


def test_a_second_envelope_of_the_same_paper_hides_no_loss_of_the_first(paper: Post) -> None:
    first = paper.item(("EMA", MONDAY))
    second = paper.again(first, MONDAY + timedelta(hours=1))
    paper.told(second, ("EMA", MONDAY + timedelta(hours=2)), ("EMI", later(1)))
    assert paper.of(first, later(7)) == ["post-silent"]
    assert paper.of(first, later(28)) == ["post-lost"]
    paper.again(first, later(29))
    assert paper.of(first, later(29.5)) == [], "now another goes in its place"


def test_a_returned_item_is_its_senders_until_it_is_sent_again(paper: Post) -> None:
    number = paper.item(("EMA", MONDAY), ("returning", later(1)))
    assert paper.of(number, later(1)) == ["post-returned"]
    first = paper.look(later(1))[f"post-returned {number}"]
    assert (first.owner, "đang hoàn lại" in first.next_step_vi) == ("employer-one", True)
    paper.told(number, ("returned", later(2)))
    second = paper.look(later(2))[f"post-returned {number}"]
    assert second.id == first.id
    assert "đã hoàn lại người gửi" in second.next_step_vi
    assert paper.of(number, later(60)) == ["post-returned"]
    paper.again(number, later(3))
    assert paper.of(number, later(60)) == []


def test_what_comes_back_to_an_office_is_the_offices(paper: Post) -> None:
    number = paper.item(("EMA", MONDAY), ("returned", later(1)), direction="out")
    found = paper.look(later(1))[f"post-returned {number}"]
    assert (found.owner, "ask the unit" in found.next_step_en) == (OFFICE, True)


def test_a_delivered_item_that_nobody_opens_is_the_mail_rooms(paper: Post) -> None:
    number = paper.item(("EMA", MONDAY), ("EMI", later(1)))
    assert paper.of(number, later(2)) == []
    assert paper.of(number, later(3)) == ["post-unopened"]
    assert paper.look(later(3))[f"post-unopened {number}"].owner == OFFICE
    with paper.database.begin() as tx:
        mailroom.open_item(tx, an_opening(number, to_us(later(3))))
    assert paper.of(number, later(3)) == []


def test_an_announcement_of_which_nothing_is_posted_is_its_clients(paper: Post) -> None:
    number = paper.item()
    assert paper.of(f"p-{number}", later(14)) == []
    assert paper.of(f"p-{number}", later(15)) == ["post-not-posted"]
    found = paper.look(later(15))[f"post-not-posted p-{number}"]
    assert (found.owner, number in found.next_step_vi) == ("employer-one", True)
    with paper.database.begin() as tx:
        announcements.cancel(tx, f"p-{number}", "me", to_us(later(15)))
    assert paper.of(f"p-{number}", later(15)) == []


def test_a_refused_pickup_is_told_of_until_the_item_is_posted(paper: Post) -> None:
    number = paper.item()
    with paper.database.begin() as tx:
        order = pickups.Pickup(
            item=number, carrier="vnpost", order_number=number, sha256=bytes(32), body=None, wrapped_key=None,
            state="refused", state_at_us=to_us(MONDAY), answer="500 thiếu số điện thoại", attempts=1, next_at_us=None,
            made_at_us=to_us(MONDAY), made_by="employer-one",
        )  # fmt: skip
        pickups.put(tx, order)
    assert paper.of(number, later(0)) == ["post-pickup-refused"]
    assert "thiếu số điện thoại" in paper.look(later(0))[f"post-pickup-refused {number}"].next_step_vi
    paper.told(number, ("EMA", later(0)))
    assert paper.of(number, later(0)) == []


def test_a_look_that_finds_nothing_new_writes_nothing(paper: Post) -> None:
    numbers = [paper.item(("EMA", MONDAY)), paper.item(("EMA", MONDAY), ("EMI", later(1))), paper.item()]
    before = paper.look(later(20))
    assert all(any(name.endswith(number) for name in before) for number in numbers)
    writes: list[str] = []

    def seen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE")):
            writes.append(statement)

    commits: list[object] = []

    def committed(connection: object) -> None:
        commits.append(connection)

    event.listen(paper.database.engine, "before_cursor_execute", seen)
    event.listen(paper.database.engine, "commit", committed)
    try:
        assert paper.look(later(20)) == before
    finally:
        event.remove(paper.database.engine, "before_cursor_execute", seen)
        event.remove(paper.database.engine, "commit", committed)
    assert (writes, commits) == ([], [])


def test_every_rule_names_its_own_alarms() -> None:
    names = [name for rule in RULES for name in rule.names]
    assert len(names) == len(set(names))
    assert {name for rule in ITEM_RULES for name in rule.names} <= set(names)
