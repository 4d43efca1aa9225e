"""The account of paper: its identities hold for every history, and whatever was falsified is found and named."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.clock import from_us
from gateway.postal import account
from gateway.postal.account import COLUMNS, Account, broken, totals
from gateway.postal.account_csv import account_csv, differences_csv
from gateway.postal.look_over import look_over
from gateway.postal.watch_account import ACCOUNT_RULE, DIFFERS_RULE
from storage import alarms
from storage.database import Database, open_database
from tests.databases import database, database_url, lay_migrated, put_dossier
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import Inhouse, inhouse
from tests.postal.paper_rows import NOW_US, OFFICE, OTHER_OFFICE, Paper

__all__ = ["database", "database_url"]
NOW = from_us(NOW_US)
# What a carrier tells of an item, and how its journey ends then.
JOURNEYS = {
    (): "never_posted", ("EMA",): "on_the_way", ("EMA", "EMG"): "on_the_way", ("EMA", "EMG", "EMH"): "on_the_way",
    ("EMA", "EMG", "EMI"): "delivered", ("EMI", "EMA"): "delivered",
}  # fmt: skip


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[Paper]:
    opened = open_database(f"sqlite:///{lay_migrated(tmp_path / 'paper.sqlite')}")
    yield Paper(opened)
    opened.close()


def played(paper: Paper) -> None:
    """One of everything, told as it happens."""
    (one,) = paper.announce("p-1")
    paper.bind("RR1", "p-1", [one])
    paper.tell("RR1", "EMA", "EMG", "EMI")
    paper.open("RR1")
    paper.scan("RR1", "filed")
    paper.file(one)
    paper.bind("RR2", "p-2", paper.announce("p-2"))
    paper.tell("RR2", "EMA", "EMI")
    paper.open("RR2")
    paper.bind("RR3", "p-3", paper.announce("p-3"))
    paper.tell("RR3", "EMA", "EMI")
    paper.bind("RR4", "p-4", paper.announce("p-4", office=OTHER_OFFICE), office=OTHER_OFFICE)
    paper.tell("RR4", "EMA", "EMG")
    paper.announce("p-5")
    paper.announce("p-6")
    paper.cancel("p-6")
    paper.bind("RR7", None, [])
    paper.tell("RR7", "EMA", "EMI")
    paper.open("RR7")
    paper.bind("RR8", None, [], direction="out")
    paper.tell("RR8", "EMA", "EMI")


def of(found: Account, flow: str, office: str = "") -> dict[str, int]:
    """What stands in a flow, of an office or of all, without what is nought."""
    lines = found.lines if office else found.totals
    sums = totals(one for one in lines if (one.flow, one.office) == (flow, office))
    (line,) = (one for one in sums if one.flow == flow)
    return {name: getattr(line, name) for name in COLUMNS if getattr(line, name)}


def rules(found: Account) -> dict[str, set[str]]:
    """What does not meet, by what it is about, without the sums."""
    named: dict[str, set[str]] = {}
    for one in found.differences:
        if one.rule not in ("identity", "count"):
            named.setdefault(one.item or one.dossier, set()).add(one.rule)
    return named


def sums(found: Account) -> set[str]:
    return {one.rule for one in found.differences} & {"identity", "count"}


def test_everything_is_counted_where_it_stands_and_every_identity_holds(database: Database) -> None:
    paper = Paper(database)
    played(paper)
    found = account.count(database, NOW)
    assert found.differences == ()
    assert of(found, "announced") == {
        "announced": 6, "cancelled": 1, "never_posted": 1, "posted": 4, "delivered": 3, "on_the_way": 1, "opened": 2,
        "unopened": 1, "filed": 1, "waiting": 1,
    }  # fmt: skip
    assert of(found, "announced", OTHER_OFFICE) == {"announced": 1, "posted": 1, "on_the_way": 1}
    assert of(found, "unannounced") == {"announced": 1, "posted": 1, "delivered": 1, "opened": 1, "waiting": 1}
    assert of(found, "outbound") == {"announced": 1, "posted": 1, "delivered": 1}
    assert found.never_posted_by_age == {"10": 1, "30": 0, "90": 0, "more": 0}


def test_what_was_never_posted_is_told_by_its_age(paper: Paper) -> None:
    paper.announce("p-1")
    paper.bind("RR2", "p-2", paper.announce("p-2"))
    later = account.count(paper.database, NOW + timedelta(days=31))
    assert later.never_posted_by_age == {"10": 0, "30": 0, "90": 2, "more": 0}


def test_an_item_of_two_dossiers_is_filed_when_both_have_come_and_no_page_waits(paper: Paper) -> None:
    one, two = paper.announce("p-1", dossiers=2)
    paper.bind("RR1", "p-1", [one, two])
    paper.tell("RR1", "EMI")
    paper.open("RR1")
    paper.file(one)
    assert of(account.count(paper.database, NOW), "announced")["waiting"] == 1
    paper.file(two)
    assert of(account.count(paper.database, NOW), "announced")["filed"] == 1
    paper.scan("RR1", "waiting")
    found = account.count(paper.database, NOW)
    assert (of(found, "announced")["waiting"], found.differences) == (1, ())


FALSIFIED: dict[str, tuple[Callable[[Paper], None], str, str]] = {
    "the row of an item says that it was delivered": (
        lambda paper: paper.say("UPDATE item SET state = 'delivered' WHERE number = 'RR4'"), "RR4", "item-state",
    ),
    "a handling is gone": (
        lambda paper: paper.say("DELETE FROM handling WHERE item = 'RR3' AND code = 'EMI'"), "RR3", "item-state",
    ),
    "an item was received by a manifest and no delivery told": (
        lambda paper: paper.receive("RR4", "m-1"), "RR4", "received-undelivered",
    ),
    "an item was opened that was not delivered": (lambda paper: paper.open("RR4"), "RR4", "opened-undelivered"),
    "a dossier was filed without its item being opened": (
        lambda paper: paper.file("d-p-3-1"), "RR3", "filed-unopened",
    ),
    "an opening is gone": (lambda paper: paper.unopen("RR1"), "RR1", "filed-unopened"),
    "a row says filed and there is no dossier": (
        lambda paper: paper.say("UPDATE announced SET state = 'filed' WHERE id = 'd-p-2-1'"), "RR2", "filed-nowhere",
    ),
    "a dossier has come and its row still waits for it": (
        lambda paper: paper.say("UPDATE announced SET state = 'announced' WHERE id = 'd-p-1-1'"), "RR1", "came-unfiled",
    ),
}  # fmt: skip


@pytest.mark.parametrize("falsified", FALSIFIED.values(), ids=FALSIFIED.keys())
def test_whatever_is_falsified_is_found_and_its_item_named(
    paper: Paper, falsified: tuple[Callable[[Paper], None], str, str]
) -> None:
    played(paper)
    change, item, rule = falsified
    change(paper)
    found = account.count(paper.database, NOW)
    assert rules(found) == {item: {rule}}
    assert found.differences_count == len(found.differences)


def test_a_falsified_state_breaks_the_sums_as_well(paper: Paper) -> None:
    played(paper)
    paper.say("UPDATE item SET state = 'unheard-of' WHERE number = 'RR4'")
    found = account.count(paper.database, NOW)
    assert sums(found) == {"identity", "count"}
    assert {"posted"} == {name for line in found.lines for name in broken(line)}


def test_an_outbound_item_that_the_post_took_and_never_posted_is_named(paper: Paper) -> None:
    paper.bind("RR9", None, [], direction="out")
    assert rules(account.count(paper.database, NOW)) == {}
    paper.receive("RR9", "m-1", direction="out")
    assert rules(account.count(paper.database, NOW)) == {"RR9": {"handed-unposted"}}


def test_what_a_manifest_says_was_missing_need_not_have_been_delivered(paper: Paper) -> None:
    paper.bind("RR1", "p-1", paper.announce("p-1"))
    paper.receive("RR1", "m-1", condition="missing")
    assert account.count(paper.database, NOW).differences == ()


def test_what_was_cancelled_and_announced_again_is_counted_by_what_stands(database: Database) -> None:
    paper = Paper(database)
    (one,) = paper.announce("p-1")
    paper.cancel("p-1")
    (other,) = paper.announce("p-2")
    paper.say("UPDATE announced SET id = :one WHERE id = :other", one=one, other=other)
    paper.bind("RR1", "p-2", [one])
    paper.tell("RR1", "EMA", "EMI")
    paper.open("RR1")
    paper.scan("RR1", "filed")
    put_dossier(database, one.removeprefix("d-"), channel="post")
    paper.say("UPDATE announced SET state = 'filed' WHERE announcement = 'p-2'")
    found = account.count(database, NOW)
    assert found.differences == ()
    assert of(found, "announced") == {
        "announced": 2, "cancelled": 1, "posted": 1, "delivered": 1, "opened": 1, "filed": 1,
    }  # fmt: skip


def test_paper_that_is_sent_after_a_dossier_waits_until_a_clerk_has_keyed_it_in(database: Database) -> None:
    paper = Paper(database)
    put_dossier(database, "here")
    paper.bind("RR1", None, ["d-here"])
    paper.tell("RR1", "EMA", "EMI")
    paper.open("RR1")
    found = account.count(database, NOW)
    assert found.differences == ()
    assert of(found, "unannounced")["waiting"] == 1
    (keyed,) = paper.announce("p-1", role="office")
    paper.bind("RR1", "p-1", ["d-here", keyed])
    paper.file(keyed)
    found = account.count(database, NOW)
    assert found.differences == ()
    assert of(found, "unannounced")["filed"] == 1


def test_what_nobody_carried_is_delivered_when_it_is_opened(database: Database) -> None:
    paper = Paper(database)
    paper.bind("RR1", None, [])
    paper.say("UPDATE item SET carrier = '' WHERE number = 'RR1'")
    paper.open("RR1")
    found = account.count(database, NOW)
    assert found.differences == ()
    assert of(found, "unannounced") == {"announced": 1, "posted": 1, "delivered": 1, "opened": 1, "waiting": 1}


HISTORIES = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.sampled_from(["employer", "ivan", "office", "nobody"]),
            "office": st.sampled_from([OFFICE, OTHER_OFFICE]),
            "direction": st.sampled_from(["in", "in", "in", "out"]),
            "dossiers": st.integers(1, 2),
            "items": st.integers(0, 2),
            "cancelled": st.booleans(),
            "journey": st.sampled_from(list(JOURNEYS)),
            "opened": st.booleans(),
            "page": st.sampled_from(["", "filed", "waiting"]),
            "filed": st.integers(0, 2),
        }
    ),
    max_size=8,
)


@given(histories=HISTORIES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_identities_hold_for_every_history(tmp_path: Path, histories: list[dict[str, object]]) -> None:
    file = lay_migrated(tmp_path / "any.sqlite")
    opened = open_database(f"sqlite:///{file}")
    try:
        posted = sum(_lived(Paper(opened), at, told) for at, told in enumerate(histories))
        found = account.count(opened, NOW)
    finally:
        opened.close()
        for one in tmp_path.glob("any.sqlite*"):
            one.unlink()
    assert found.differences == ()
    assert not [name for line in (*found.lines, *found.totals) for name in broken(line)]
    assert sum(line.posted for line in found.totals) == posted


def _lived(paper: Paper, at: int, told: dict[str, object]) -> int:
    """Play one history as it may happen; returns how many items were posted in it."""
    who, office, direction = str(told["who"]), str(told["office"]), str(told["direction"])
    dossiers: list[str] = []
    name = None
    if who != "nobody" and direction == "in":
        name = f"p-{at}"
        dossiers = paper.announce(name, role=who, office=office, dossiers=int(str(told["dossiers"])))
    journey = told["journey"]
    assert isinstance(journey, tuple)
    opened = False
    numbers = [f"RR{at}-{n}" for n in range(int(str(told["items"])))]
    for number in numbers:
        paper.bind(number, name, dossiers, office=office, direction=direction)
        paper.tell(number, *journey)
        if told["opened"] and JOURNEYS[journey] == "delivered" and direction == "in":
            paper.open(number, office)
            opened = True
            if told["page"]:
                paper.scan(number, str(told["page"]))
    if opened:
        for one in dossiers[: int(str(told["filed"]))]:
            paper.file(one)
    elif told["cancelled"] and name and not (journey and numbers):
        paper.cancel(name)
    return len(numbers) if journey else 0


def test_a_day_is_counted_once_though_several_try_at_once(database: Database) -> None:
    played(Paper(database))
    day = date(2026, 3, 1)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: account.close(database, day, NOW), range(4)))
    assert sum(one is not None for one in made) == 1
    with database.read() as tx:
        kept, none = account.kept(tx, day), account.kept(tx, date(2026, 3, 2))
        last = account.last(tx)
    assert (kept is not None, none) == (True, None)
    assert kept == last == next(one for one in made if one is not None)
    assert account.is_kept(database, day)


def test_the_account_as_csv_tells_every_line_and_what_does_not_meet(paper: Paper) -> None:
    played(paper)
    paper.open("RR4")
    found = account.count(paper.database, NOW)
    lines = account_csv(found).decode().splitlines()
    assert lines[0] == "counted_at,flow,office,carrier," + ",".join(COLUMNS)
    assert len(lines) == 1 + len(found.lines) + len(found.totals)
    assert any(line.startswith(f"{found.counted_at},announced,{OFFICE},vnpost,3,") for line in lines)
    (named,) = [line for line in differences_csv(found).decode().splitlines() if "opened-undelivered" in line]
    assert "RR4" in named


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("account") / "home", token_life_s=30 * 86400) as made:
        yield made


def test_the_day_that_ended_is_counted_once_shown_to_operators_and_the_post_and_sounds_what_does_not_meet(
    gateway: Inhouse,
) -> None:
    paper = Paper(gateway.house.database)
    played(paper)
    paper.open("RR4")
    made = gateway.asked(account.close_day(gateway.house))
    assert (made.day if made else "", gateway.asked(account.close_day(gateway.house))) == ("2026-03-01", None)
    operator, post = gateway.bearer("operator"), gateway.bearer("post", offices=["vnpost"])
    kept = gateway("GET", "/v1/postal/account?day=2026-03-01", operator)
    theirs = gateway("GET", "/v1/postal/account?day=2026-03-01", post).json()
    assert {one["carrier"] for one in kept.json()["lines"]} == {"", "vnpost"}
    assert {one["carrier"] for one in theirs["lines"]} == {"vnpost"}
    assert "RR4" in {one["item"] for one in theirs["differences"]}
    other = gateway("GET", "/v1/postal/account?day=2026-03-01", gateway.bearer("post", offices=["ems"])).json()
    assert (other["lines"], other["differences"], other["differences_count"]) == ([], [], 0)
    assert "opened-undelivered" in {one["rule"] for one in kept.json()["differences"]}
    assert gateway("GET", "/v1/postal/account?day=2026-02-28", operator).status_code == 404
    assert gateway("GET", "/v1/postal/account", gateway.bearer("office", offices=[OFFICE])).status_code == 403
    look = (gateway.house.database, gateway.house.tables, gateway.clock.now(), [ACCOUNT_RULE])
    look_over(*look)
    (alarm,) = sounding(gateway)
    assert (alarm.owner, "RR4" in alarm.next_step_vi, "RR4" in alarm.next_step_en) == ("operator", True, True)
    paper.tell("RR4", "EMI")
    assert gateway("GET", "/v1/postal/account", operator).json()["differences"] == []
    gateway.clock.advance(86_400)
    assert gateway.asked(account.close_day(gateway.house)) is not None
    look_over(*look)
    assert sounding(gateway) == []
    answer = gateway("GET", "/v1/postal/account.csv?day=2026-03-01&part=differences", operator)
    assert (answer.headers["content-type"].partition(";")[0], b"RR4" in answer.content) == ("text/csv", True)
    asked = gateway("GET", "/v1/postal/account?day=2026-03-01", operator, headers={"accept": "text/csv"})
    assert asked.text.startswith("counted_at,flow,office,carrier,")


def sounding(gateway: Inhouse) -> list[alarms.Alarm]:
    with gateway.house.database.read() as tx:
        return [one for one in alarms.alarms(tx, None) if one.rule == DIFFERS_RULE]


def test_the_command_shows_the_account_and_its_status_says_whether_it_meets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("MOTCUA_HOME", str(home))
    motcua = Terminal(home, capfd)
    opened = open_database(f"sqlite:///{lay_migrated(home / 'motcua.sqlite')}")
    paper = Paper(opened)
    played(paper)
    told = motcua("post", "account")
    assert (told.status, "khớp" in told.out, "Đã báo trước 07906 vnpost" in told.out) == (0, True, True)
    paper.open("RR4")
    told = motcua("post", "account", "--json")
    assert told.status == 1
    found = msgspec.json.decode(told.out, type=Account)
    assert rules(found) == {"RR4": {"opened-undelivered"}}
    account.close(opened, date(2026, 3, 1), NOW)
    kept = motcua("post", "account", "--day", "01/03/2026")
    assert (kept.status, "RR4" in kept.out) == (1, True)
    assert motcua("post", "account", "--day", "02/03/2026").status == 2
    opened.close()
