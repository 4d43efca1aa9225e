"""The ledger: whatever the lines do, the books meet; whatever is changed behind their back, they do not."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from gateway import closing, closing_lines, desk, erasure, events, pending, reports, states, transfers
from gateway.about import about_of
from gateway.audit import Audit
from gateway.callers import Caller
from gateway.clock import to_us
from gateway.judge import Filing, Refusal
from gateway.receipt import CLOSING_TYPE
from gateway.report_rules import Asked, Report
from gateway.settle import settle
from signing.seal import open_jws
from storage import alarms, journal, ledger
from storage.work import LeaseLost
from tests.gateway.filings import Filings
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, UNIT, Inhouse, inhouse

EVERYTHING = journal.Scope(everything=True)


class Month:
    """A gateway in which things happen, one legal step after another, chosen by numbers."""

    def __init__(self, gateway: Inhouse) -> None:
        self.gateway, self.house = gateway, gateway.house
        client, _ = gateway.client("employer", units=[UNIT])
        self.filings = Filings(gateway, client)
        self.office = Caller(client="office-1", role="office", offices=frozenset({OFFICE}), requests_per_minute_max=1)
        self.waiting: list[tuple[str, Filing]] = []
        self.leases: list[str] = []
        self.made = 0

    @property
    def now(self):
        return self.gateway.clock.now()

    def settle(self, one: Filing | Refusal) -> str:
        self.made += 1
        return settle([one], self.house.stores, self.house.tables)[0].dossier.id

    def accept(self, _: int) -> None:
        self.settle(self.filings.filing(self.made))

    def refuse(self, _: int) -> None:
        self.settle(self.filings.refusal(self.made))

    def let_wait(self, _: int) -> None:
        filing = self.filings.filing(self.made, waits=True)
        self.waiting.append((self.settle(filing), msgspec.structs.replace(filing, waits=False)))

    def judge(self, choice: int) -> None:
        if self.waiting:
            dossier, filing = self.waiting.pop(choice % len(self.waiting))
            outcome = filing if choice % 3 else Refusal(submission=filing.submission, code="signature-refused")
            assert pending.conclude(dossier, outcome, self.house.stores, self.now, tables=self.house.tables) == 1

    def lease(self, choice: int) -> None:
        handed = desk.lease(self.house.database, OFFICE, self.office, 1 + choice % 4, 60, self.now)
        assert isinstance(handed, desk.Handed)
        self.leases += [str(one.work.lease) for one in handed.leased]

    def release(self, choice: int) -> None:
        if self.leases:
            with suppress(LeaseLost):
                desk.release(self.house.database, self.leases.pop(choice % len(self.leases)), self.office, "", self.now)

    def acknowledge(self, choice: int) -> None:
        if self.leases:
            with suppress(LeaseLost):
                desk.acknowledge(self.house.stores, self.leases.pop(choice % len(self.leases)), self.office, self.now)

    def fall_silent(self, _: int) -> None:
        self.gateway.clock.advance(61)
        self.leases.clear()
        desk.sweep(self.house.database, self.now)

    def revive(self, _: int) -> None:
        for one in self.rows("SELECT dossier FROM work WHERE state = 'dead'"):
            assert desk.revive(self.house.database, one, "operator", self.now)

    def report(self, choice: int) -> None:
        """What the office makes of a dossier that it has."""
        asked = (Asked("Quyết định"),)
        steps = {
            "acknowledged": [Report(state=4), Report(state=9), Report(state=3, reason="x"), Report(state=8, reason="x"),
                             Report(state=7, reason="x"), Report(state=5, supplement=asked)],
            "in-work": [Report(state=9), Report(state=5, supplement=asked), Report(state=4)],
            "supplement-requested": [Report(state=4), Report(state=7, reason="x")],
            "finished": [Report(state=10, returned_by="post"), Report(state=4, corrects=1, reason="x")],
            "stopped": [Report(state=4, corrects=1, reason="x")],
        }  # fmt: skip
        states_now = f"state IN {tuple(steps)} AND purpose = '' AND erased_at_us IS NULL"
        found = self.rows(f"SELECT id FROM dossier WHERE {states_now} ORDER BY seq")
        if found:
            dossier = self.dossier(found[choice % len(found)])
            said = steps[dossier.state][choice % len(steps[dossier.state])]
            if said.corrects is not None:
                said = msgspec.structs.replace(said, corrects=dossier.seq)
            office = msgspec.structs.replace(self.office, offices=frozenset({dossier.competent_office}))
            reports.report(self.house.stores, self.house.tables, dossier.id, office, said, self.now)

    def await_paper(self, choice: int) -> None:
        """One half of it is accepted, the other is awaited."""
        found = self.rows("SELECT id FROM dossier WHERE state = 'accepted' AND purpose = '' ORDER BY seq")
        if found:
            dossier = self.dossier(found[choice % len(found)])
            with self.house.database.begin() as tx:
                turn = journal.take_turn(tx)
                fact = events.fact(turn, dossier, "paper-awaited", "office-1", self.now, {})
                journal.record(tx, [fact], {dossier.id: states.State.AWAITING_PAPER.value})
                journal.end_turn(tx, turn)

    def pass_on(self, choice: int) -> None:
        open_ones = "state IN ('accepted', 'acknowledged', 'in-work', 'supplement-requested', 'awaiting-paper')"
        found = self.rows(f"SELECT id FROM dossier WHERE {open_ones} AND purpose = '' ORDER BY seq")
        if found:
            dossier = self.dossier(found[choice % len(found)])
            office = msgspec.structs.replace(self.office, offices=frozenset({dossier.competent_office}))
            to = OFFICE if dossier.competent_office == OTHER_OFFICE else OTHER_OFFICE
            said = transfers.Transfer(office=to, reason="x")
            transfers.transfer(self.house.stores, self.house.tables, dossier.id, office, said, self.now)

    def send(self, choice: int) -> None:
        """A supplement or a withdrawal, judged at once or later."""
        found = self.rows("SELECT id FROM dossier WHERE purpose = '' AND state <> 'refused' ORDER BY seq")
        if found:
            about = about_of(("supplement", "withdrawal", "half")[choice % 3], self.dossier(found[choice % len(found)]))
            filing = self.filings.filing(self.made, waits=choice % 5 == 0)
            submission = msgspec.structs.replace(filing.submission, about=about)
            route = msgspec.structs.replace(filing.route, competent_office=about.office)
            filing = msgspec.structs.replace(filing, submission=submission, route=route)
            dossier = self.settle(filing)
            if filing.waits:
                self.waiting.append((dossier, msgspec.structs.replace(filing, waits=False)))

    def dossier(self, name: str) -> journal.Dossier:
        with self.house.database.read() as tx:
            return events.dossier_of(tx, name)

    def erase(self, choice: int) -> None:
        ended = "('refused', 'finished', 'returned', 'declined', 'stopped', 'withdrawn')"
        found = self.rows(f"SELECT id FROM dossier WHERE erased_at_us IS NULL AND state IN {ended} ORDER BY seq")
        if found:
            order = erasure.Order(by="operator", because="thử")
            path = self.house.settings.path("erasures", "erasures.jsonl")
            # What was sent about it may be on its way to the office still.
            with suppress(erasure.NotErased):
                erasure.erase(self.house.stores, path, found[choice % len(found)], order, self.now)

    def rows(self, sql: str) -> list[str]:
        with self.house.database.read() as tx:
            return list(tx.execute(sa.text(sql)).scalars())

    def close(self) -> ledger.Closing:
        self.gateway.clock.advance(3600)
        self.leases.clear()
        desk.sweep(self.house.database, self.now)
        key = self.house.settings.path("absence_key", closing.ABSENCE_KEY_FILE)
        made = closing.close(self.house.stores, key, self.now)
        assert made is not None
        return made

    def statement(self, made: ledger.Closing) -> closing.ClosingSaid:
        with self.house.database.read() as tx:
            jws = ledger.said(tx, [made])[made.number]
        jwk = self.house.stores.seal.signer_at(self.now).public_jwk()
        return msgspec.json.decode(open_jws(jws, jwk, typ=CLOSING_TYPE), type=closing.ClosingSaid)

    def alarms(self) -> list[alarms.Alarm]:
        with self.house.database.read() as tx:
            return [one for one in alarms.alarms(tx, None) if one.rule == closing.GAP_RULE]


STEPS = ("accept", "accept", "refuse", "let_wait", "judge", "lease", "release", "acknowledge", "acknowledge",
         "fall_silent", "revive", "report", "report", "erase", "send", "pass_on", "await_paper")  # fmt: skip


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    with inhouse(tmp_path_factory.mktemp("ledger") / "home") as gateway:
        yield Month(gateway)


@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99)), max_size=25))
@hypothesis(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_lines_do_the_books_meet(month: Month, steps: list[tuple[str, int]]):
    for name, choice in steps:
        getattr(month, name)(choice)
    made = month.close()
    said = month.statement(made)
    assert (said.gaps_count, said.gaps) == (0, ())
    assert month.alarms() == []
    total = {stock: numbers for stock, *numbers in said.totals}
    for stock, (opening, came, went, there) in total.items():
        assert opening + came - went == there, stock
    left = {stock: numbers[3] for stock, numbers in total.items()}
    assert left.get("received", 0) == month.made
    assert left.get("pending", 0) == len(month.waiting)


def test_a_busy_month_is_closed_in_one_chain_and_audited_clean(month: Month):
    for number in range(60):
        getattr(month, STEPS[number * 5 % len(STEPS)])(number)
    made = month.close()
    said = month.statement(made)
    seen = {stock for stock, *_ in said.totals}
    assert seen >= {"received", "refused", "accepted", "stored", "offered", "acknowledged"}
    keys = {key.kid: key.jwk for key in month.house.stores.seal.keys(month.now)}
    found = Audit(month.house.stores, keys).run()
    assert found.faults == []
    assert found.closings == made.number


@contextmanager
def lived_in(home: Path) -> Iterator[Month]:
    """Three dossiers at an office, one waiting and one refused; closed."""
    with inhouse(home) as gateway:
        month = Month(gateway)
        for step in ("accept", "accept", "accept", "let_wait", "refuse"):
            getattr(month, step)(0)
        desk.lease(month.house.database, OFFICE, month.office, 1, 86_400, month.now)
        assert month.close().gaps == 0
        yield month


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Month]:
    with lived_in(tmp_path / "home") as month:
        yield month


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """The same for those who leave everything as it was."""
    with lived_in(tmp_path_factory.mktemp("calm") / "home") as month:
        yield month


class Undone(Exception):
    """Rolls a transaction back."""


LAST = "(SELECT id FROM dossier WHERE state = 'accepted' ORDER BY seq DESC LIMIT 1)"


@pytest.mark.parametrize(
    ("stocks", "statements"),
    [
        (
            # Its facts lie in an hour that is closed; they left their numbers there.
            {"received", "accepted", "stored", "offered", "open", "state:accepted"},
            [f"DELETE FROM {table} WHERE {name} = {LAST}" for table, name in (
                ("work", "dossier"), ("part", "dossier"), ("dossier_certificate", "dossier"), ("event", "dossier"),
                ("dossier", "id"),
            )],
        ),
        ({"state:accepted", "state:finished"}, [f"UPDATE dossier SET state = 'finished' WHERE id = {LAST}"]),
        (
            {"received", "accepted", "refused", "refused-later", "stored", "state:accepted"},
            [f"UPDATE dossier SET state = 'refused' WHERE id = {LAST}"],
        ),
        ({"offered", "open"}, [f"DELETE FROM work WHERE dossier = {LAST}"]),
        ({"open", "acknowledged"}, [f"UPDATE work SET state = 'done' WHERE dossier = {LAST}"]),
        ({"offered", "open"}, [f"UPDATE work SET office = '08907' WHERE dossier = {LAST}"]),
        (
            {"received", "accepted", "stored", "state:accepted"},
            [f"UPDATE dossier SET competent_office = '08907' WHERE id = {LAST}"],
        ),
        ({"stored", "erased"}, [f"UPDATE dossier SET wrapped_key = NULL WHERE id = {LAST}"]),
        ({"stored"}, [f"UPDATE dossier SET pack = NULL WHERE id = {LAST}"]),
        ({"waiting"}, ["DELETE FROM pending"]),
    ],
)  # fmt: skip
def test_what_was_changed_behind_the_gateways_back_is_a_gap_by_name(
    calm: Month, stocks: set[str], statements: list[str]
):
    with calm.house.database.read() as tx:
        previous = ledger.last(tx)
    (name,) = calm.rows(f"SELECT id FROM dossier WHERE id = {LAST}")
    with suppress(Undone), calm.house.database.begin() as tx:
        tx.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        for statement in statements:
            tx.execute(sa.text(statement.replace(LAST, f"'{name}'")))
        book = closing_lines.count(tx, previous, journal.head(tx))
        assert {gap.stock for gap in book.gaps if gap.rule == "flow"} == stocks
        assert all(gap.expected != gap.counted for gap in book.gaps)
        raise Undone
    with calm.house.database.read() as tx:
        assert closing_lines.count(tx, previous, journal.head(tx)).gaps == ()


def test_a_gap_is_in_the_statement_and_an_alarm(closed: Month):
    with closed.house.database.begin() as tx:
        tx.execute(sa.text(f"UPDATE work SET office = '08907' WHERE dossier = {LAST}"))
    made = closed.close()
    said = closed.statement(made)
    assert made.gaps == said.gaps_count == len(said.gaps)
    flows = {(gap.stock, gap.office, gap.expected - gap.counted) for gap in said.gaps if gap.rule == "flow"}
    assert flows == {
        (stock, office, by) for stock in ("offered", "open") for office, by in (("07906", 1), ("08907", -1))
    }
    told = closed.alarms()
    assert {one.owner for one in told} == {"operator"}
    assert {f"2/flow/{stock}/api/{office}" for stock, office, _ in flows} < {one.subject for one in told}
    assert all("motcua audit --full" in one.next_step_vi and "motcua audit --full" in one.next_step_en for one in told)


def test_a_flow_that_did_not_meet_is_told_once_and_a_sum_that_does_not_hold_until_it_is_mended(closed: Month):
    with closed.house.database.begin() as tx:
        tx.execute(sa.text(f"DELETE FROM work WHERE dossier = {LAST}"))
    first, second = closed.close(), closed.close()
    rules = [{gap.rule for gap in closed.statement(made).gaps} for made in (first, second)]
    assert rules == [{"flow", "identity"}, {"identity"}]
    assert sum(one.subject.startswith("identity/") for one in closed.alarms()) == 1


def test_facts_that_vanish_within_the_hour_are_missed_by_their_numbers(closed: Month):
    closed.accept(0)
    with closed.house.database.begin() as tx:
        tx.execute(sa.text(f"DELETE FROM work WHERE dossier = {LAST}"))
        tx.execute(sa.text(f"DELETE FROM part WHERE dossier = {LAST}"))
        tx.execute(sa.text(f"DELETE FROM dossier_certificate WHERE dossier = {LAST}"))
        name = tx.execute(sa.text(LAST[1:-1])).scalar_one()
        tx.execute(sa.text("DELETE FROM event WHERE dossier = :name"), {"name": name})
        tx.execute(sa.text("DELETE FROM dossier WHERE id = :name"), {"name": name})
    (gap,) = closed.statement(closed.close()).gaps
    assert (gap.rule, gap.stock, gap.expected - gap.counted) == ("flow", "facts", -1)


def test_an_office_may_change_by_a_transfer_alone(closed: Month):
    facts = [
        ledger.Fact("d", 1, "accepted", "07906", "api"),
        ledger.Fact("d", 2, "leased", "08907", "api"),
    ]
    came, went, _ = closing_lines._flows(facts, 1)
    assert came == {("leased", "api", "07906"): 1}
    assert went == {("open", "api", "07906"): 1}


def test_a_gateway_that_was_away_closes_what_is_missing_in_one_closing(closed: Month):
    closed.gateway.clock.advance(7 * 3600)
    closed.accept(0)
    assert closing.is_due(closed.house.stores, closed.now)
    made = closed.close()
    assert made.number == 2
    assert not closing.is_due(closed.house.stores, closed.now)
    said = closed.statement(made)
    assert said.opened_at < said.closed_at
    assert timedelta(hours=8) == timedelta(microseconds=made.closed_at_us - made.opened_at_us)
    assert said.upto_seq == made.seq - 1


def test_nothing_is_closed_before_anything_came(tmp_path: Path):
    with inhouse(tmp_path / "home") as gateway:
        gateway.clock.advance(7200)
        assert not closing.is_due(gateway.house.stores, gateway.clock.now())


def test_one_closes_at_a_time_and_who_was_overtaken_writes_nothing(closed: Month, monkeypatch: pytest.MonkeyPatch):
    stores, key = closed.house.stores, closed.house.settings.path("absence_key", closing.ABSENCE_KEY_FILE)
    closed.gateway.clock.advance(3600)
    count, overtaken = closing._count, []

    def slow(of_stores: object) -> object:
        counted = count(stores)
        if not overtaken:
            overtaken.append(True)
            assert closing.close(stores, key, closed.now, who="too early") is None
            later = closed.now + timedelta(seconds=ledger.LEADER_S + 1)
            made = closing.close(stores, key, later, who="the next one")
            assert made is not None
            assert made.number == 2
        return counted

    monkeypatch.setattr(closing, "_count", slow)
    assert closing.close(stores, key, closed.now, who="the slow one") is None
    assert closed.rows("SELECT number FROM closing ORDER BY number") == [1, 2]


def test_a_leader_whose_clock_was_wrong_does_not_stop_the_closings(closed: Month):
    with closed.house.database.begin() as tx:
        assert ledger.lead(tx, "ahead", to_us(closed.now + timedelta(days=400)))
    assert closed.close().number == 2


def test_without_its_key_the_books_are_closed_and_an_alarm_says_what_is_missing(closed: Month):
    path = closed.house.settings.path("absence_key", closing.ABSENCE_KEY_FILE)
    kept = path.read_bytes()
    path.unlink()
    assert closed.statement(closed.close()).absence is None
    with closed.house.database.read() as tx:
        assert [one.rule for one in alarms.alarms(tx, None)] == [closing.KEY_RULE]
    path.write_bytes(kept)
    path.chmod(0o600)
    assert closed.statement(closed.close()).absence is not None
    with closed.house.database.read() as tx:
        assert alarms.alarms(tx, None) == []


def test_postgresql_closes_alike(tmp_path: Path, postgres_migrated_url: str):
    with inhouse(tmp_path / "home", database_url=postgres_migrated_url) as gateway:
        month = Month(gateway)
        for step in ("accept", "accept", "let_wait", "refuse", "judge", "lease", "acknowledge", "erase"):
            getattr(month, step)(1)
        assert [month.close().gaps, month.close().gaps] == [0, 0]
        with gateway.house.database.begin() as tx:
            tx.execute(sa.text("UPDATE work SET state = 'dead' WHERE state = 'offered'"))
        assert {gap.stock for gap in month.statement(month.close()).gaps} == {"open", "dead"}


def test_the_doors_show_closings_to_operators_as_they_were_signed(closed: Month):
    operator = closed.gateway.bearer("operator")
    page = closed.gateway("GET", "/v1/ledger", operator).json()
    assert [one["closing"] for one in page["closings"]] == [1]
    assert closed.gateway("GET", f"/v1/ledger?after={page['next']}", operator).json()["closings"] == []
    answer = closed.gateway("GET", "/v1/ledger/1", operator)
    assert closed.gateway("GET", "/v1/ledger/2", operator).status_code == 404
    said = closing.read_said(answer.json()["statement"])
    lines = answer.content[answer.content.index(b'"lines":') + len(b'"lines":') : -1]
    assert hashlib.sha256(lines).hexdigest() == said.lines.sha256
    assert json.loads(lines)[0][0] == "facts"


def test_the_step_in_the_background_closes_when_the_hour_is_over_and_not_before(closed: Month):
    assert closed.gateway.asked(closing.close_due(closed.house)) is None
    closed.gateway.clock.advance(3600)
    made = closed.gateway.asked(closing.close_due(closed.house))
    assert made is not None
    assert (made.number, made.gaps) == (2, 0)
    assert closed.gateway.asked(closing.close_due(closed.house)) is None
