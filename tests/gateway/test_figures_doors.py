"""The figures' doors and the public statistics: who sees what, in which form, and that no single employer shows."""

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from gateway import figures_public, figures_steps
from gateway.figures import Wish, rules_in_force
from gateway.figures_page import statistics_page
from gateway.figures_public import DEFINITIONS, OTHERS, Statistics
from storage import figure_publication, figures, journal
from tests.gateway.cli_run import Terminal
from tests.gateway.figure_histories import NOW, OFFICES, Lives
from tests.gateway.figure_recount import lives, recount
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, UNIT, Inhouse, a_dossier, inhouse

RULES = rules_in_force()
SPAN = "from=2025-01-01&to=2026-12-31"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("figures") / "home") as made:
        made.clock.advance((NOW - made.clock.now()).total_seconds())
        yield made


@pytest.fixture(scope="module")
def never_made(gateway: Inhouse) -> list[int]:
    """What the public doors answered before anything was made."""
    return [gateway("GET", path).status_code for path in ("/v1/statistics", "/v1/statistics.csv", "/statistics")]


@pytest.fixture(scope="module")
def lived(gateway: Inhouse, never_made: list[int]) -> Inhouse:
    Lives(gateway.house.database, 7).write(400)
    assert publish(gateway)
    return gateway


def test_what_the_lines_write_is_counted_as_its_facts_say(tmp_path: Path) -> None:
    """Filed, taken, reported on and transferred over HTTP; then counted twice."""
    with inhouse(tmp_path / "home", token_life_s=90_000) as gateway:
        employer, operator = gateway.bearer("employer", units=[UNIT]), gateway.bearer("operator")
        office = gateway.bearer("office", offices=[OFFICE])
        for seed in range(4):
            assert gateway("POST", "/v1/dossiers", employer, content=a_dossier(seed, employees=1)).status_code == 201
        assert gateway("POST", "/v1/dossiers", employer, content=a_dossier(9)[:-9]).status_code == 422
        gateway.clock.advance(3600)
        answer = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 4})
        assert answer.status_code == 200, answer.text
        work = answer.json()["work"]
        taken = [one["dossier"] for one in work[:3] if gateway.asked(acknowledged(gateway, one["lease"], office))]
        gateway.clock.advance(2 * 3600)
        lacking = [{"what": "Tờ khai", "why": "thiếu"}]
        for dossier, said in (
            (taken[0], {"state": 4}),
            (taken[0], {"state": 5, "supplement": lacking}),
            (taken[1], {"state": 3, "reason": "không đủ điều kiện"}),
        ):
            answer = gateway("POST", f"/v1/dossiers/{dossier}/reports", office, json=said)
            assert answer.status_code in (200, 201), answer.text
        away = {"office": OTHER_OFFICE, "reason": "sai địa bàn"}
        answer = gateway("POST", f"/v1/dossiers/{taken[2]}/transfers", office, json=away)
        assert answer.status_code in (200, 201), answer.text
        told = gateway("GET", "/v1/figures?by=office", operator).json()
        rows = {row["office"]: row for row in told["rows"]}
        first, second = rows[OFFICE], rows[OTHER_OFFICE]
        assert (first["received"], first["moved_out"], first["taken"], first["declined"]) == (4, 1, 2, 1)
        assert (first["open"], first["open_waiting"], first["on_time"], first["supplement_never"]) == (2, 1, 1, 1)
        assert (second["received"], second["moved_in"], second["taken"], second["open"]) == (0, 1, 0, 1)
        assert told["refusals"]["refused"] == 1
        day = gateway.clock.now().date()
        wish = Wish(first=day, last=day, by=("office",))
        counted = recount(gateway.house.database, gateway.house.tables.calendar, wish, gateway.clock.now())
        for (name,), figures_of_it in counted.items():
            assert {one: rows[name][one] for one in figures_of_it} == figures_of_it


async def acknowledged(gateway: Inhouse, lease: str, office: str) -> bool:
    return (await gateway.ask("POST", f"/v1/leases/{lease}/acknowledge", office)).status_code == 200


def publish(gateway: Inhouse) -> bool:
    house = gateway.house
    return figures_public.publish(house.database, house.tables, RULES, gateway.clock.now())


def test_an_operator_sees_all_and_an_office_its_own(lived: Inhouse) -> None:
    operator, office = lived.bearer("operator"), lived.bearer("office", offices=OFFICES[:1])
    everything = lived("GET", f"/v1/figures?{SPAN}", operator).json()
    assert [row["office"] for row in everything["rows"]] == sorted(OFFICES)
    assert everything["refusals"]["refused"] > 0
    own = lived("GET", f"/v1/figures?{SPAN}", office).json()
    assert own["rows"] == [row for row in everything["rows"] if row["office"] == OFFICES[0]]
    assert own["total"]["received"] == own["rows"][0]["received"] < everything["total"]["received"]
    assert own["refusals"] is None
    assert own["upto_seq"] == everything["upto_seq"]
    assert {"on_time", "working_days_p90"} <= own["definitions"].keys()
    assert own["rules"]["unconfirmed"] == list(RULES.certainty.unconfirmed)
    assert lived("GET", f"/v1/figures?{SPAN}&office={OFFICES[1]}", office).status_code == 403
    assert lived("GET", f"/v1/figures.csv?{SPAN}&office={OFFICES[0]},{OFFICES[1]}", office).status_code == 403
    only = lived("GET", f"/v1/figures?{SPAN}&office={OFFICES[1]}&procedure=600&by=office,procedure", operator).json()
    assert [(row["office"], row["procedure"]) for row in only["rows"]] == [(OFFICES[1], "600")]
    for role in ("employer", "ivan", "post"):
        assert lived("GET", f"/v1/figures?{SPAN}", lived.bearer(role)).status_code == 403


def test_the_csv_says_the_same_as_the_json(lived: Inhouse) -> None:
    operator = lived.bearer("operator")
    path = f"?{SPAN}&by=office,month"
    told = lived("GET", f"/v1/figures{path}", operator).json()
    by_path = lived("GET", f"/v1/figures.csv{path}", operator)
    by_accept = lived("GET", f"/v1/figures{path}", operator, headers={"accept": "text/csv"})
    assert by_path.content == by_accept.content
    assert by_path.headers["content-type"].partition(";")[0] == "text/csv"
    lines = list(csv.DictReader(io.StringIO(by_path.text)))
    assert len(lines) == len(told["rows"]) > 6
    for line, row in zip(lines, told["rows"], strict=True):
        assert (line["first"], line["last"], int(line["upto_seq"])) == (told["first"], told["last"], told["upto_seq"])
        assert "procedure" not in line
        for name, value in row.items():
            assert name == "procedure" or line[name] == ("" if value is None else str(value)), name


@pytest.mark.parametrize(
    "asked",
    [
        "by=unit",
        "from=01/03/2026",
        "from=2026-03-02&to=2026-03-01",
        "from=1900-01-01",
        "from=9999-12-31&to=9999-12-31",
        "office=",
        "procedure=a%20b",
    ],
)
def test_what_cannot_be_asked_is_said_so(lived: Inhouse, asked: str) -> None:
    answer = lived("GET", f"/v1/figures?{asked}", lived.bearer("operator"))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_figures_follow_what_was_committed_just_before(lived: Inhouse) -> None:
    operator = lived.bearer("operator")
    before = lived("GET", f"/v1/figures?{SPAN}&by=", operator).json()
    more = Lives(lived.house.database, 99)
    more.made = 5000
    more.write(20)
    after = lived("GET", f"/v1/figures?{SPAN}&by=", operator).json()
    assert after["upto_seq"] > before["upto_seq"]
    assert 0 < after["total"]["received"] - before["total"]["received"] <= 20


def test_before_anything_is_made_the_public_doors_say_so(never_made: list[int]) -> None:
    assert never_made == [503, 503, 503]


def test_the_statistics_are_made_once_an_hour_and_served_as_they_were_made(lived: Inhouse) -> None:
    first = lived("GET", "/v1/statistics")
    more = Lives(lived.house.database, 98)
    more.made = 9000
    more.write(10)
    assert not publish(lived)
    again = lived("GET", "/v1/statistics", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    lived.clock.advance(3600)
    assert publish(lived)
    assert not publish(lived)
    second = lived("GET", "/v1/statistics").json()
    assert second["upto_seq"] > first.json()["upto_seq"]
    assert second["at"] > first.json()["at"]


def test_the_steps_in_the_background_follow_and_make(lived: Inhouse) -> None:
    before = lived("GET", "/v1/statistics").json()
    more = Lives(lived.house.database, 97)
    more.made = 13_000
    more.write(5)
    lived.asked(figures_steps.follow_figures(lived.house))
    with lived.house.database.read() as tx:
        assert figures.mark(tx) == journal.head(tx)
    lived.clock.advance(3600)
    lived.asked(figures_steps.make_statistics(lived.house))
    assert lived("GET", "/v1/statistics").json()["upto_seq"] > before["upto_seq"]


def test_of_several_workers_one_makes_an_hours_statistics_and_a_silent_one_is_followed(lived: Inhouse) -> None:
    database = lived.house.database
    with database.begin() as tx:
        hour = figure_publication.hour_made(tx) + 1
        assert figure_publication.claim(tx, hour, 1_000, 5_000)
        assert not figure_publication.claim(tx, hour, 4_000, 8_000)
        assert figure_publication.claim(tx, hour, 5_000, 9_000)
        before = figure_publication.made(tx)
        assert not figure_publication.put(tx, before.hour, "stale")
        assert figure_publication.made(tx) == before


def test_no_group_is_told_that_rests_on_too_few_employers(lived: Inhouse) -> None:
    told = made(lived)
    came: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for life in lives(lived.house.database):
        came[f"{life.received:%Y-%m}", life.born, life.procedure].add(life.unit)
    for row in told.rows:
        if OTHERS not in (row.office, row.procedure):
            assert len(came[row.month, row.office, row.procedure]) >= told.units_min
            assert row.received >= told.units_min
    assert {row.month for row in told.rows} == {one.month for one in told.months}
    for one in told.months:
        assert one.received == sum(row.received for row in told.rows if row.month == one.month)


def test_small_groups_are_told_together_or_not_at_all(lived: Inhouse) -> None:
    """One office with two small procedures, two offices that are small even so, and a month that is small in all."""
    filed = {
        ("07906", "600", 202605): 7,
        ("07906", "607", 202605): 3,
        ("07906", "630a", 202605): 3,
        ("08907", "600", 202605): 3,
        ("01903", "600", 202605): 3,
        ("01903", "600", 202606): 4,
    }
    database, unit = lived.house.database, 0
    with database.begin() as tx:
        held = tx.execute(sa.text("SELECT * FROM figure WHERE worked_us IS NOT NULL LIMIT 1")).mappings().one()
        like = msgspec.convert(dict(held), figures.Figure)
        for (office, procedure, month), employers in filed.items():
            at_us = like.received_at_us + (month - like.received_month) * 30 * 86_400_000_000
            for _ in range(employers):
                unit += 1
                one = msgspec.structs.replace(
                    like, dossier=f"s-{unit}", unit=f"U{unit}", office=office, procedure=procedure,
                    received_office=office, received_at_us=at_us, received_month=month, ended_at_us=at_us,
                    ended_month=month, due_at_us=at_us, supplements=0, worked_us=3 * 4 * 3_600_000_000,
                )  # fmt: skip
                figures.put(tx, [one], [])
    at = NOW.replace(month=7, day=1)
    told = figures_public.make(database, lived.house.tables, RULES, at)
    may = {(row.office, row.procedure): row for row in told.rows if row.month == "2026-05"}
    assert {key: row.received for key, row in may.items()} == {
        ("07906", "600"): 7,
        ("07906", OTHERS): 6,
        (OTHERS, OTHERS): 6,
    }
    assert {(row.on_time_percent, row.working_days_median) for row in may.values()} == {(100, 1.5)}
    assert "2026-06" not in {row.month for row in told.rows} | {one.month for one in told.months}
    with database.begin() as tx:
        tx.execute(sa.text("DELETE FROM figure WHERE dossier LIKE 's-%'"))


def test_the_statistics_name_no_employer_and_no_person(lived: Inhouse) -> None:
    units = {life.unit for life in lives(lived.house.database)}
    for path in ("/v1/statistics", "/v1/statistics.csv", "/statistics"):
        text = lived("GET", path).text
        assert not [unit for unit in units if unit in text]
        assert "d-1" not in text


def test_the_statistics_are_the_same_in_json_and_csv(lived: Inhouse) -> None:
    kept = lived("GET", "/v1/statistics").headers
    assert (kept["cache-control"], kept["vary"]) == ("public, max-age=300", "accept"), "one address, two forms"
    told = lived("GET", "/v1/statistics").json()
    lines = list(csv.DictReader(io.StringIO(lived("GET", "/v1/statistics.csv").text)))
    assert (
        lived("GET", "/v1/statistics", headers={"accept": "text/csv"}).text == lived("GET", "/v1/statistics.csv").text
    )
    assert len(lines) == len(told["rows"]) > 5
    for line, row in zip(lines, told["rows"], strict=True):
        assert line.pop("at") == told["at"]
        assert int(line.pop("upto_seq")) == told["upto_seq"]
        assert line == {name: "" if value is None else str(value) for name, value in row.items()}


def made(gateway: Inhouse) -> Statistics:
    return msgspec.json.decode(gateway("GET", "/v1/statistics").content, type=Statistics)


class Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in {"href", "src"}:
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_vietnamese_first_runs_nothing_and_its_links_lead_somewhere(lived: Inhouse) -> None:
    answer = lived("GET", "/statistics")
    page = answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert unicodedata.is_normalized("NFC", page)
    elements = Elements(page)
    assert elements.open == []
    assert not elements.tags & {"script", "iframe", "object", "embed", "img", "base", "form"}
    assert not {name for name in elements.attributes if name.startswith("on")}
    assert page.index("Thống kê hồ sơ") < page.index("Statistics of electronic")
    assert "default-src 'none'" in page
    for link in {one for one in elements.links if one != "data:,"}:
        assert link.startswith("/"), link
        assert lived("GET", link).status_code == 200, link
    for meaning in DEFINITIONS.values():
        assert meaning.vi in page
    assert re.search(r"Số liệu đến <strong>\d\d/\d\d/2026 \d\d:\d\d</strong>", page)
    assert lived("GET", "/statistics?month=x").status_code == 400


def test_the_page_of_a_month_has_its_rows_and_names_are_text_not_markup(lived: Inhouse) -> None:
    told = made(lived)
    month = told.months[-1].month
    page = lived("GET", f"/statistics?month={month}").text
    assert page.count('<th scope="row">') == len(told.months) + sum(row.month == month for row in told.rows)
    named = msgspec.structs.replace(told.rows[0], office_name="<script>", procedure_title="<b>")
    shown = statistics_page(msgspec.structs.replace(told, rows=[named]), named.month)
    assert "<script" not in shown
    assert "<b>" not in shown
    nothing = msgspec.structs.replace(told, rows=[], months=[])
    assert "Chưa có số liệu nào" in statistics_page(nothing, "")


@pytest.fixture
def motcua(lived: Inhouse, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("MOTCUA_HOME", lived.house.settings.home)
    return Terminal(SimpleNamespace(), capfd)  # type: ignore[arg-type]


def test_the_command_prints_a_table_for_people_and_the_same_for_programs(motcua: Terminal) -> None:
    words = ("figures", "--from", "01/01/2025", "--to", "2026-12-31", "--by", "office,month")
    told = motcua(*words)
    assert told.status == 0, told.err
    answer = msgspec.json.decode(motcua(*words, "--json").out)
    lines = told.out.splitlines()
    head = next(at for at, line in enumerate(lines) if line.startswith("CƠ QUAN"))
    table = lines[head + 1 : head + 2 + len(answer["rows"])]
    assert [line.split()[:3] for line in table[:-1]] == [
        [row["office"], f"{row['month'][5:]}/{row['month'][:4]}", str(row["received"])] for row in answer["rows"]
    ]
    assert table[-1].startswith("TỔNG")
    assert "ĐÚNG HẠN: " in told.out
    assert "Cổng không tiếp nhận" in told.out
    printed = list(csv.DictReader(io.StringIO(motcua(*words, "--csv").out)))
    assert [line["received"] for line in printed] == [str(row["received"]) for row in answer["rows"]]


@pytest.mark.parametrize(
    "words", [("--by", "unit"), ("--from", "2026-03-02", "--to", "2026-03-01"), ("--json", "--csv"), ("--from", "x")]
)
def test_a_wrong_call_is_answered_in_one_line(motcua: Terminal, words: tuple[str, ...]) -> None:
    told = motcua("figures", *words)
    assert told.status == 2
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
