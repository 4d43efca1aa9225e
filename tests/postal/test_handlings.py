"""Handlings through the real ingest: kept once, folded into their items, words learnt later; on both engines."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from gateway import tracking
from gateway.clock import to_us
from gateway.postal.carrier_tables import Carrier, Carriers, carriers
from gateway.postal.handlings import Heard, hear
from gateway.postal.look_over import look_over
from gateway.postal.told import Row
from gateway.postal.words import WORD_RULE, follow_all, follow_learnt
from storage import alarms, handlings, items
from storage.database import Database
from tests.databases import database, database_url
from tests.postal.shuffle import NOW, an_item, campaign

__all__ = ["database", "database_url"]

ITEM = "RR473124829VN"
OURS = carriers()


def tell(database: Database, *rows: Row, words: Carriers = OURS, carrier: str = "vnpost") -> Heard:
    return hear(database, words, carrier, rows, source="api", heard_from="post-x", now=NOW)


def row(
    code: str = "", at: str = "2026-03-02T08:00:00+07:00", *, word: str = "", item: str = ITEM, office: str = ""
) -> Row:
    return Row(item=item, code=code, word=word, at=at, office=office)


def bind(database: Database, number: str = ITEM) -> None:
    with database.begin() as tx:
        items.bind(tx, an_item(number), [])
        tracking.restand(tx, number)


def state(database: Database, number: str = ITEM) -> str:
    with database.read() as tx:
        found = items.find(tx, number)
    assert found is not None
    return found.state


def test_a_campaign_of_shuffled_repeated_and_truncated_events_ends_as_in_order(database: Database) -> None:
    assert campaign(database, 1500 if database.inline else 700, seed=5) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestKeeping:
    def test_events_wait_for_their_item(self, database: Database) -> None:
        assert tell(database, row("EMA"), row("EMI", "2026-03-03T08:00:00+07:00")).kept == 2
        bind(database)
        assert state(database) == "delivered"

    def test_each_is_kept_once_by_item_code_word_time_and_office(self, database: Database) -> None:
        first = tell(
            database, row("EMA"), row("ema"), row("EMA", "2026-03-02T01:00:00Z"), row("EMA", "02/03/2026 08:00")
        )
        assert (first.kept, first.known_before, first.items) == (1, 3, 1)
        others = tell(
            database, row("EMA", office="100000"), row("EMB"), row("EMA", word="Chấp nhận gửi"),
            row(word="Chấp nhận gửi"), row("EMA", "2026-03-02T08:00:01+07:00"), row("EMA", item="EA123456785VN"),
        )  # fmt: skip
        assert (others.kept, others.known_before, others.items) == (6, 0, 2)

    def test_bad_rows_are_named_and_keep_no_other_from_being_kept(self, database: Database) -> None:
        heard = tell(
            database, row("EMA"), row("EMI", item="RR 47"), row("EMI", "soon"), row(""), row("EMI", "2031-01-01"),
            row("EMI", "1999-01-01T00:00:00Z"), row("EMG", "2026-03-02 09:00:00"),
        )  # fmt: skip
        assert heard.kept == 2
        assert [(one.number, one.field, one.value) for one in heard.bad] == [
            (2, "item", "RR 47"), (3, "at", "soon"), (4, "code", ""), (5, "at", "2031-01-01"),
            (6, "at", "1999-01-01T00:00:00Z"),
        ]  # fmt: skip
        assert all(one.vi and one.en for one in heard.bad)

    def test_a_number_with_a_wrong_check_digit_is_kept_for_an_item_that_is_questioned(self, database: Database) -> None:
        assert tell(database, row("EMA", item="cd 468359126 vn")).kept == 1
        bind(database, "CD468359126VN")
        assert state(database, "CD468359126VN") == "posted"

    def test_nothing_is_written_when_everything_is_known(self, database: Database) -> None:
        bind(database)
        tell(database, row("EMA"))
        with database.read() as tx:
            before = tx.execute(sa.text("SELECT value FROM ordinal WHERE name = 'handling'")).scalar_one()
        assert tell(database, row("EMA")).known_before == 1
        with database.read() as tx:
            assert tx.execute(sa.text("SELECT value FROM ordinal WHERE name = 'handling'")).scalar_one() == before
            assert [one.seq for one in handlings.of(tx, ITEM)] == [1]

    def test_what_is_kept_tells_how_it_came_and_is_never_changed(self, database: Database) -> None:
        tell(database, row("EMA", office="Bưu cục   Hà Đông"))
        later = hear(
            database, OURS, "vnpost", [row("EMA", office="Bưu cục Hà Đông")],
            source="poll", heard_from="x", now=NOW + timedelta(days=1),
        )  # fmt: skip
        assert later.known_before == 1
        with database.read() as tx:
            (held,) = handlings.of(tx, ITEM)
        assert (held.source, held.heard_from, held.heard_at_us, held.office) == (
            "api", "post-x", to_us(NOW), "Bưu cục Hà Đông",
        )  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestWords:
    def test_known_words_count_however_they_are_spaced(self, database: Database) -> None:
        bind(database)
        assert (
            tell(
                database, row(word="  phát   THÀNH công "), row("I am a code of theirs", word="Đến bưu cục phát 3")
            ).kept
            == 2
        )
        assert state(database) == "delivered"

    def test_a_carriers_own_code_is_a_word(self, database: Database) -> None:
        bind(database)
        words = Carriers({"vnpost": Carrier(carrier="vnpost", words={"EMI": ("I100",)})})
        assert tell(database, row("I100", word="Anything"), words=words).unknown_words == []
        assert state(database) == "delivered"
        assert tell(database, row("X7"), words=words).unknown_words == ["X7"]

    def test_an_unknown_word_is_kept_and_reported_and_counts_when_it_is_learnt(self, database: Database) -> None:
        bind(database)
        told = [row("EMA"), row(word="Đã tới tay", at="2026-03-04T08:00:00+07:00")]
        assert tell(database, *told).unknown_words == ["Đã tới tay"]
        assert state(database) == "posted"
        for _ in range(2):
            look_over_words(database)
        assert [(one.subject, one.owner) for one in sounding(database)] == [("vnpost", "operator")]
        assert "“Đã tới tay”" in sounding(database)[0].next_step_vi

        learnt = Carriers({"vnpost": Carrier(carrier="vnpost", words={"EMI": ("đã tới tay",)})})
        assert follow_learnt(database, OURS) == 0
        assert follow_learnt(database, learnt) == 1
        assert state(database) == "delivered"
        look_over_words(database)
        assert sounding(database) == []
        with database.read() as tx:
            assert [one.code for one in handlings.of(tx, ITEM)] == ["EMA", ""], "as they were kept"
        # Told again after it was learnt, it is still the same event; and nobody who has no table undoes it.
        assert tell(database, *told, words=learnt).known_before == 2
        with database.begin() as tx:
            tracking.restand(tx, ITEM)
        assert (state(database), follow_learnt(database, learnt)) == ("delivered", 0)

    def test_a_word_that_is_mapped_otherwise_folds_its_items_again(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.postal.words.ITEMS_A_STEP", 2)
        numbers = [f"VN{number:08d}" for number in range(7)]
        for number in numbers:
            bind(database, number)
        tell(database, *(row(word="Phát thành công", item=number) for number in numbers))
        assert {state(database, number) for number in numbers} == {"delivered"}
        otherwise = Carriers({"vnpost": Carrier(carrier="vnpost", words={"EMH": ("Phát thành công",)})})
        assert follow_all(database, otherwise) == 7
        assert {state(database, number) for number in numbers} == {"attempted"}
        assert follow_all(database, otherwise) == 0

    def test_following_that_was_broken_off_goes_on(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gateway.postal.words.ITEMS_A_STEP", 2)
        numbers = [f"VN{number:08d}" for number in range(6)]
        for number in numbers:
            bind(database, number)
        tell(database, *(row(word="Đã tới tay", item=number) for number in numbers))
        learnt = Carriers({"vnpost": Carrier(carrier="vnpost", words={"EMI": ("Đã tới tay",)})})
        steps = 0

        def falls_at_the_second(tx: sa.Connection, some: list[str]) -> object:
            nonlocal steps
            steps += 1
            if steps == 2:
                raise ConnectionError
            return tracking.restand_all(tx, some)

        with monkeypatch.context() as broken, pytest.raises(ConnectionError):
            broken.setattr("gateway.postal.words.restand_all", falls_at_the_second)
            follow_learnt(database, learnt)
        assert [state(database, number) for number in numbers] == ["delivered"] * 2 + ["bound"] * 4
        assert follow_learnt(database, learnt) == 4
        assert {state(database, number) for number in numbers} == {"delivered"}

    def test_words_that_come_without_end_do_not_fill_the_table(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("storage.handlings.WORDS_MAX", 3)
        bind(database)
        assert tell(database, *(row(word=f"Lời {number}") for number in range(9))).kept == 9
        with database.read() as tx:
            assert len(handlings.words(tx, None)) == 3
        assert follow_all(database, Carriers({"vnpost": Carrier(carrier="vnpost", words={"EMI": ("Lời 8",)})})) == 1
        assert state(database) == "delivered"


def look_over_words(database: Database) -> None:
    no_tables: Any = None
    look_over(database, no_tables, NOW, [WORD_RULE])


def sounding(database: Database) -> list[alarms.Alarm]:
    with database.read() as tx:
        return [one for one in alarms.alarms(tx, None) if one.rule == "post-word-unknown"]


def test_two_that_tell_and_bind_at_once_leave_the_item_as_all_was_told(database: Database) -> None:
    numbers = [f"VN{number:08d}" for number in range(12)]

    def tells(code: str, at: str) -> None:
        for number in numbers:
            tell(database, row(code, at, item=number))

    def binds() -> None:
        for number in numbers:
            bind(database, number)

    jobs: list[Callable[[], None]] = [
        partial(tells, "EMA", "2026-03-02T08:00:00+07:00"), partial(tells, "EMI", "2026-03-05T08:00:00+07:00"), binds,
    ]  # fmt: skip
    threads = [Thread(target=job) for job in jobs]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {state(database, number) for number in numbers} == {"delivered"}
