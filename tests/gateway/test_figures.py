"""The figures equal an independent count, whatever happened to the dossiers; and are told to whom they are for."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
import sqlalchemy as sa

from gateway import figures_follow, figures_public
from gateway.clock import VIETNAM, to_us
from gateway.deadlines import Calendar
from gateway.figures import (
    FigureRow,
    FiguresAnswer,
    PublicRules,
    Rules,
    RulesMistaken,
    Wish,
    ages,
    reckon,
    rules_in_force,
)
from gateway.figures_words import DEFINITIONS
from storage import figure_counts, figure_publication, figures, journal
from storage.database import Database, open_database
from storage.figure_counts import Asked, By
from storage.figure_publication import Group, Held, Kind
from storage.migrations import migrate
from tests.databases import a_dossier, an_event, database, database_url
from tests.gateway.figure_histories import NOW, OFFICES, Lives
from tests.gateway.figure_recount import recount

if TYPE_CHECKING:
    from gateway.judge import Tables

__all__ = ["database", "database_url"]
RULES, CALENDAR = rules_in_force(), Calendar.load()
KEYS: tuple[By, ...] = ("office", "procedure", "month")
ALWAYS = (date(2025, 1, 1), date(2026, 12, 31))
EVER = Wish(first=ALWAYS[0], last=ALWAYS[1])


def follow(database: Database) -> None:
    assert figures_follow.follow(database, CALENDAR, RULES.channels)


def reckoned(database: Database, wish: Wish) -> FiguresAnswer:
    with database.read() as tx:
        answer = reckon(tx, wish, RULES, CALENDAR, NOW)
        assert answer.upto_seq == figures.mark(tx)
    return answer


def told(row: FigureRow) -> dict[str, object]:
    """What is not nothing, without what is worked out from the rest."""
    found = msgspec.structs.asdict(row)
    return {name: value for name, value in found.items() if value and name not in KEYS and not name.endswith("share")}


@pytest.mark.parametrize(
    ("database_url", "seed"), [("sqlite", 3), ("sqlite", 4), ("postgresql", 5)], indirect=["database_url"]
)
def test_the_figures_equal_a_count_of_the_facts_alone(database: Database, seed: int) -> None:
    lives = Lives(database, seed)
    lives.write(400)
    follow(database)
    # What goes on is followed from there.
    lives.write(60)
    follow(database)
    asked: list[tuple[tuple[By, ...], tuple[date, date], tuple[str, ...] | None, tuple[str, ...] | None]] = [
        ((), ALWAYS, None, None),
        (("office",), ALWAYS, None, None),
        (KEYS, (date(2026, 1, 1), date(2026, 4, 30)), None, None),
        (("month",), (date(2026, 2, 3), date(2026, 3, 17)), None, ("600", "607")),
        (("office", "month"), (date(2026, 2, 1), date(2026, 2, 28)), OFFICES[:1], None),
    ]
    for by, (first, last), offices, procedures in asked:
        wish = Wish(first=first, last=last, by=by, offices=offices, procedures=procedures)
        answer = reckoned(database, wish)
        expected = recount(database, CALENDAR, wish, NOW)
        assert {tuple(getattr(row, one) for one in by): told(row) for row in answer.rows} == expected
        assert told(answer.total) == recount(database, CALENDAR, msgspec.structs.replace(wish, by=()), NOW)[()]
    # The lives were such that every figure was at stake.
    total = reckoned(database, EVER).total
    idle = {name for name in FigureRow.__struct_fields__ if name not in KEYS and not getattr(total, name)}
    assert idle <= {"overdue_over_20"}, idle


def test_a_month_is_counted_as_of_one_moment_though_another_worker_goes_on_counting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lives(database, 8).write(60)
    follow(database)
    groups, counted = figure_publication.groups, []

    def and_meanwhile_all_are_reopened(tx: sa.Connection, kind: Kind, asked: Asked, few: int) -> dict[Group, Held]:
        found = groups(tx, kind, asked, few)
        if kind == "finished":
            counted.append(sum(one.dossiers for one in found.values()))
            with database.begin() as other:
                other.execute(sa.text("UPDATE figure SET ended_at_us = NULL, ended_month = NULL"))
        return found

    monkeypatch.setattr(figure_publication, "groups", and_meanwhile_all_are_reopened)
    tables = cast("Tables", SimpleNamespace(calendar=CALENDAR))
    lenient = msgspec.structs.replace(RULES, public=PublicRules(units_min=1, months=1))
    month = figures_public._month(database, tables, lenient, date(2026, 2, 1), NOW)
    assert sum(count for one in month.values() for count in one.steps.values()) == counted[0] > 0


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path_factory.mktemp('figures') / 'journal.sqlite'}")
    migrate(opened)
    Lives(opened, 6).write(300)
    follow(opened)
    yield opened
    opened.close()


def test_what_was_received_is_with_somebody_or_has_ended(lived: Database) -> None:
    """Of all time: received + moved in − moved out = finished + declined + stopped + withdrawn + open."""
    rows = reckoned(lived, EVER).rows
    assert len(rows) == len(OFFICES)
    for row in rows:
        ended = row.finished + row.declined + row.stopped + row.withdrawn
        assert row.received + row.moved_in - row.moved_out == ended + row.open
        assert row.finished + row.declined + row.stopped == row.on_time + row.late + row.without_due_date
        assert row.received == row.received_direct + row.received_online + row.received_post
        assert row.open == row.open_0_1 + row.open_2_5 + row.open_6_10 + row.open_11_20 + row.open_over_20
    assert sum(row.moved_in for row in rows) == sum(row.moved_out for row in rows) > 0


def test_shares_are_of_what_their_definitions_say(lived: Database) -> None:
    for row in reckoned(lived, msgspec.structs.replace(EVER, by=KEYS)).rows:
        decided = row.on_time + row.late
        assert row.on_time_share == (round(row.on_time / decided, 4) if decided else None)
        assert row.online_share == (round(row.received_online / row.received, 4) if row.received else None)
        assert row.straight_through_share == (round(row.straight_through / row.finished, 4) if row.finished else None)


def test_an_apologys_date_makes_nothing_on_time_unless_the_rules_say_so(lived: Database) -> None:
    by_due = reckoned(lived, EVER).total
    lenient = msgspec.structs.replace(RULES, on_time_by="appointed")
    with lived.read() as tx:
        by_apology = reckon(tx, EVER, lenient, CALENDAR, NOW).total
    forgiven = by_apology.on_time - by_due.on_time
    assert 0 < forgiven <= by_due.late_within_apology
    assert "on_time_by" in RULES.certainty.unconfirmed


def test_a_second_request_for_a_supplement_makes_late_by_rule(lived: Database) -> None:
    by_rule = reckoned(lived, EVER).total
    with lived.read() as tx:
        without = reckon(
            tx, EVER, msgspec.structs.replace(RULES, supplement_requests_max=99), CALENDAR, NOW
        ).total  # fmt: skip
    assert by_rule.late_by_second_supplement == by_rule.supplement_again > 0
    assert without.late_by_second_supplement == 0
    assert without.late < by_rule.late


def test_refusals_are_counted_by_their_reasons_once_a_dossier(lived: Database) -> None:
    reasons: Counter[str] = Counter()
    with lived.read() as tx:
        kept = list(tx.execute(sa.text("SELECT report FROM dossier WHERE state = 'refused'")).scalars())
    for report in kept:
        reasons.update({one["code"] for one in json.loads(report)["findings"]} or {"findings"})
    refusals = reckoned(lived, msgspec.structs.replace(EVER, by=KEYS)).refusals
    assert refusals is not None
    assert refusals.refused == len(kept) == sum(row.refused for row in refusals.rows) > 10
    assert {one.code: one.dossiers for one in refusals.codes} == reasons
    assert [one.dossiers for one in refusals.codes] == sorted(reasons.values(), reverse=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_erased_keeps_the_reasons_that_were_counted(database: Database) -> None:
    Lives(database, 8).write(80)
    follow(database)
    before = reckoned(database, EVER).refusals
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        refused = list(tx.execute(sa.text("SELECT id FROM dossier WHERE state = 'refused'")).scalars())
        tx.execute(
            sa.text("UPDATE dossier SET report = :report, erased_at_us = 1 WHERE state = 'refused'"),
            {"report": json.dumps({"refused": "findings", "signatures": [], "findings": []})},
        )
        for one in refused:
            journal.record(tx, [an_event(a_dossier("x", 1, id=one), turn.next(), "erased")], {})
        journal.end_turn(tx, turn)
    follow(database)
    assert reckoned(database, EVER).refusals == before
    assert before is not None
    assert before.refused == len(refused) > 0


def test_emptied_the_figures_are_made_again_as_they_were(lived: Database) -> None:
    before = reckoned(lived, EVER)
    with lived.begin() as tx:
        figures.empty(tx)
    assert reckoned(lived, EVER).total.received == 0
    # A step at a time: nobody's wait grows with what is left to follow.
    assert not figures_follow.follow(lived, CALENDAR, RULES.channels, steps_max=1)
    follow(lived)
    assert reckoned(lived, EVER) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_who_follow_at_once_count_nothing_twice_and_nothing_old(database: Database) -> None:
    Lives(database, 9).write(30)
    with database.read() as tx:
        after, upto = figures.mark(tx), journal.head(tx)
    follow(database)
    with database.begin() as tx:
        assert not figures.move_mark(tx, after, upto)
        assert figures.mark(tx) == upto


def test_every_figure_has_its_meaning_beside_it_in_both_languages(lived: Database) -> None:
    answer = reckoned(lived, EVER)
    assert set(FigureRow.__struct_fields__) | {"refusals"} == answer.definitions.keys()
    for meaning in DEFINITIONS.values():
        assert meaning.vi
        assert meaning.en
        assert unicodedata.is_normalized("NFC", meaning.vi)


def test_more_groups_than_an_answer_holds_are_refused(lived: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_counts, "GROUPS_MAX", 3)
    assert len(reckoned(lived, EVER).rows) == 3
    with pytest.raises(figure_counts.TooManyGroups):
        reckoned(lived, msgspec.structs.replace(EVER, by=KEYS))


@pytest.mark.parametrize(
    ("now", "since", "bucket"),
    [
        # A Thursday; the Friday before is four working days back, the weekend between counts nothing.
        ("2026-04-09T10:20", "2026-04-09T00:00", "0_1"),
        ("2026-04-09T10:20", "2026-04-08T23:59", "0_1"),
        ("2026-04-09T10:20", "2026-04-07T23:59", "2_5"),
        ("2026-04-09T10:20", "2026-04-02T08:00", "2_5"),
        ("2026-04-09T10:20", "2026-04-01T23:59", "6_10"),
        # A Sunday looks back on the same working days as the Saturday before.
        ("2026-04-12T10:20", "2026-04-09T12:00", "0_1"),
        ("2026-04-12T10:20", "2026-04-08T12:00", "2_5"),
        # Over Tết: five working days take more than two weeks.
        ("2026-02-24T10:20", "2026-02-12T08:00", "2_5"),
        ("2026-02-24T10:20", "2025-12-01T08:00", "over_20"),
    ],
)
def test_ages_are_in_working_days(now: str, since: str, bucket: str) -> None:
    spans = ages(datetime.fromisoformat(now).replace(tzinfo=VIETNAM), CALENDAR)
    at_us = to_us(datetime.fromisoformat(since).replace(tzinfo=VIETNAM))
    assert [name for name, (first, before) in spans.items() if first <= at_us < before] == [bucket]


def test_rules_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    with pytest.raises(RulesMistaken, match=r"figures\.toml"):
        Rules.load(tmp_path / "figures.toml")
    (tmp_path / "figures.toml").write_text('version = "x"\nunknown = 1\n')
    with pytest.raises(RulesMistaken, match="unknown"):
        Rules.load(tmp_path / "figures.toml")
