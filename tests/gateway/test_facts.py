"""Who confirms which fact of the catalogue: by command, in every gateway within seconds, for everyone to read."""

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec
import pytest

from gateway import app, background
from gateway.config import Misconfigured, Settings
from gateway.facts import facts_in, follow_confirmed, open_catalogue, read_confirmed
from gateway.trusting import tables_trusting
from schemas.catalogue import Catalogue, CatalogueError
from signing.trust_list import trusted_at
from storage import facts
from storage.database import Database
from tests.databases import database_url
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse, inhouse
from tests.gateway.overlay import PROCEDURE, SAMPLE, UNSURE_RULE, envelope, lay_over
from tests.gateway.test_procedures import signed

__all__ = ["database_url"]

NAME, SOURCE = "Nguyễn Thị Mẫu", "CV 12/BHXH-TST ngày 27/02/2026"
TODAY = date(2026, 3, 2)
MUST = f"{PROCEDURE}.must"


@pytest.fixture
def gateway(tmp_path: Path, database_url: str) -> Iterator[Inhouse]:
    folder = lay_over(tmp_path / "ours")
    with inhouse(tmp_path / "home", database_url=database_url, catalogue=str(folder)) as made:
        yield made


def confirm(database: Database, fact: str = UNSURE_RULE, on: date | None = None) -> None:
    with database.begin() as tx:
        facts.confirm(tx, fact, by=NAME, source=SOURCE, now_us=1_772_400_000_000_000, valid_from=on)


def withdraw(database: Database, fact: str = UNSURE_RULE) -> None:
    with database.begin() as tx:
        facts.withdraw(tx, fact, by=NAME, why="nhầm", now_us=1_772_400_100_000_000)


def follow(gateway: Inhouse) -> None:
    asyncio.run(follow_confirmed(gateway.house))


def many_meals(gateway: Inhouse, count: int = 40) -> bytes:
    return signed(envelope(UNIT, TAX_CODE, OFFICE, SAMPLE.replace("<SoSuat>20", f"<SoSuat>{count}")), gateway)


def severities(gateway: Inhouse, count: int = 40) -> dict[str, str]:
    employer = gateway.bearer("employer", units=[UNIT])
    report = gateway("POST", "/v1/dossiers/check", employer, content=many_meals(gateway, count)).json()
    found = {finding["code"]: finding["severity"] for finding in report["findings"]}
    assert report["ok"] is ("error" not in found.values())
    return found


def test_a_rule_warns_until_it_is_confirmed_then_refuses_and_warns_again_when_that_is_withdrawn(
    gateway: Inhouse,
) -> None:
    assert severities(gateway) == {UNSURE_RULE: "warning"}
    confirm(gateway.house.database)
    assert severities(gateway) == {UNSURE_RULE: "warning"}, "a gateway looks every two seconds"
    follow(gateway)
    assert severities(gateway) == {UNSURE_RULE: "error"}
    employer = gateway.bearer("employer", units=[UNIT])
    assert gateway("POST", "/v1/dossiers", employer, content=many_meals(gateway)).status_code == 422
    withdraw(gateway.house.database)
    follow(gateway)
    assert severities(gateway) == {UNSURE_RULE: "warning"}
    assert gateway("POST", "/v1/dossiers", employer, content=many_meals(gateway)).status_code == 201


def test_what_was_confirmed_before_the_start_counts_from_the_first_dossier(tmp_path: Path) -> None:
    folder = str(lay_over(tmp_path / "ours"))
    with inhouse(tmp_path / "home", catalogue=folder) as first:
        confirm(first.house.database)
        again = app.build(first.house.settings, first.clock)
        try:
            assert severities(Inhouse(again, first.clock)) == {UNSURE_RULE: "error"}
        finally:
            asyncio.run(again.house.close())


def test_a_confirmation_for_a_later_day_counts_from_that_day_on(gateway: Inhouse) -> None:
    confirm(gateway.house.database, on=date(2026, 3, 3))
    follow(gateway)
    assert severities(gateway) == {UNSURE_RULE: "warning"}
    gateway.clock.advance(24 * 3600)
    follow(gateway)
    assert gateway.house.tables.catalogue.confirmed == {UNSURE_RULE}


def test_following_and_trust_do_not_undo_each_other(gateway: Inhouse) -> None:
    """Both put new tables in place; neither may bring back what the other has replaced."""
    house = gateway.house
    confirm(house.database)
    nobody = trusted_at((), (), gateway.clock.now())

    async def both() -> None:
        following = asyncio.create_task(follow_confirmed(house))
        await asyncio.sleep(0)
        house.intake.tables = tables_trusting(house.tables, nobody)
        await following

    asyncio.run(both())
    assert house.tables.trust is nobody.store
    assert house.tables.catalogue.confirmed == {UNSURE_RULE}
    house.intake.tables = tables_trusting(house.tables, trusted_at((), (), gateway.clock.now()))
    assert house.tables.catalogue.confirmed == {UNSURE_RULE}


def test_a_running_gateway_follows_by_itself(gateway: Inhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "FOLLOW_EVERY_S", 0.01)

    async def run() -> None:
        tasks = background.begin(gateway.house)
        try:
            confirm(gateway.house.database, MUST)
            async with asyncio.timeout(20):
                while gateway.house.tables.catalogue.confirmed != {MUST}:  # noqa: ASYNC110 - what another task does
                    await asyncio.sleep(0.01)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    asyncio.run(run())


def test_nothing_new_costs_one_look_and_changes_no_table(gateway: Inhouse) -> None:
    follow(gateway)
    before = gateway.house.tables
    follow(gateway)
    assert gateway.house.tables is before
    confirm(gateway.house.database)
    follow(gateway)
    after = gateway.house.tables
    assert after is not before
    confirm(gateway.house.database)
    follow(gateway)
    again = gateway.house.tables
    # Said again, by somebody else: the same facts are confirmed, by a later word.
    assert again.catalogue.confirmed == after.catalogue.confirmed
    assert again.catalogue.confirmed_number == after.catalogue.confirmed_number + 1
    assert again.trust is after.trust
    assert gateway.house.confirmed.number == 2


def test_everyone_can_read_who_confirmed_what_and_when(gateway: Inhouse) -> None:
    place = f"/v1/procedures/{PROCEDURE}"
    before = gateway("GET", place)
    assert before.json()["facts"]["must"] == {"fact": MUST, "certainty": "unconfirmed", "confirmed": None}
    for fact in (MUST, UNSURE_RULE):
        confirm(gateway.house.database, fact, on=TODAY)
    follow(gateway)
    after = gateway("GET", place, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    vouched = {"by": NAME, "at": "2026-03-02T04:20:00.000+07:00", "source": SOURCE, "valid_from": "2026-03-02"}
    assert after.json()["facts"]["must"] == {"fact": MUST, "certainty": "unconfirmed", "confirmed": vouched}
    (line,) = [one for one in gateway("GET", "/v1/procedures").json() if one["code"] == PROCEDURE]
    assert line["unconfirmed"] == []
    (rule,) = [one for one in gateway("GET", f"{place}/forms/N01-TS").json()["rules"] if one["id"] == UNSURE_RULE]
    assert (rule["severity"], rule["certainty"], rule["confirmed"]) == ("error", "unconfirmed", vouched)


def test_every_fact_of_the_catalogue_has_an_id_of_its_own() -> None:
    catalogue = Catalogue.load()
    known = facts_in(catalogue, TODAY)
    assert {f"{one.code}.must" for one in catalogue.procedures(TODAY)} <= known.keys()
    rules = {rule.id for form in catalogue.forms(TODAY) for rule in form.rules.rules}
    assert {name for name, fact in known.items() if fact.kind == "rule"} >= rules
    assert all(fact.says and fact.of for fact in known.values())
    assert all(fact.source for fact in known.values() if fact.kind == "rule")


BROKEN = {
    "no folders": lambda folder: (folder / "procedure").mkdir(),
    "not there": lambda folder: folder.rmdir(),
    "laid too high": lambda folder: put(folder, "procedures/690/procedure.toml", "code = 1"),
    "no such form.xsd": lambda folder: (lay_over(folder) / "forms/N01-TS/1/form.xsd").unlink(),
    "a rule that is none": lambda folder: put(lay_over(folder), "forms/N01-TS/1/form.sch", "<schema/>"),
    "a mark that is none": lambda folder: put(lay_over(folder), "procedures/690/2026-01-01/procedure.toml", "x = 1"),
    "a form that is none": lambda folder: change(folder, "procedures/690/2026-01-01/procedure.toml", "N01-TS", "N1-TS"),
    "a rule of another form": lambda folder: change(
        folder, "forms/N01-TS/1/form.sch", UNSURE_RULE, "d02-wage-below-region"
    ),
    "a paper that is none": lambda folder: put(lay_over(folder), "forms/N01-TS/1/paper.toml", "x = ["),
    "a column that the paper alone has": lambda folder: put(
        lay_over(folder), "forms/N01-TS/1/paper.toml", 'title = "X"\nleft = ["{Khong}"]\n'
    ),
    "a sheet that is none": lambda folder: put(lay_over(folder), "forms/N01-TS/1/sheet.toml", "x = ["),
    "a list that is none": lambda folder: put(folder, "codes/sex.toml", "x ="),
}


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (lay_over(folder) / name).read_text("utf-8")
    assert old in text
    put(folder, name, text.replace(old, new))


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_folder_stops_the_start_in_one_clear_line(tmp_path: Path, motcua: Terminal, what: str) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    BROKEN[what](folder)
    with pytest.raises((CatalogueError, Misconfigured)) as stopped:
        open_catalogue(Settings(catalogue=str(folder)))
    assert str(folder) in str(stopped.value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTCUA_CATALOGUE", str(folder))
        told = motcua("check-config")
    assert (told.status, str(folder.name) in told.out) == (1, True)


# The operator's commands.


@pytest.fixture
def operator(motcua: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("MOTCUA_CATALOGUE", str(lay_over(tmp_path / "ours")))
    return motcua


def listed(operator: Terminal, *words: str) -> dict[str, dict[str, object]]:
    told = operator("fact", "list", "--json", *words)
    assert told.status == 0, told.err
    return {one["id"]: one for one in json.loads(told.out)}


def shown(operator: Terminal, name: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(operator("fact", "show", name, "--json").out)
    return told


def test_facts_are_listed_shown_confirmed_and_withdrawn(operator: Terminal) -> None:
    unsure = listed(operator, "--unconfirmed")
    assert {MUST, UNSURE_RULE} <= unsure.keys()
    assert all(one["certainty"] == "unconfirmed" for one in unsure.values())
    assert listed(operator).keys() > unsure.keys()
    for name in (MUST, UNSURE_RULE):
        told = operator("fact", "confirm", name, "--by", f" {NAME} ", "--source", SOURCE)
        assert told.status == 0, told.err
        assert f"confirmed {name}: #" in told.out
        assert ("từ chối" in told.err) == (name == UNSURE_RULE)
    assert unsure.keys() - listed(operator, "--unconfirmed").keys() == {MUST, UNSURE_RULE}
    one = shown(operator, MUST)
    assert one["says"] == 'must = ["N01-TS"]'
    assert (one["confirmed"]["by"], one["confirmed"]["source"]) == (NAME, SOURCE)  # type: ignore[index]
    text = operator("fact", "show", UNSURE_RULE).out
    assert NAME in text
    assert "thông lệ" in text, "where the fact itself comes from"
    assert NAME in operator("fact", "list").out
    assert operator("fact", "withdraw", MUST, "--by", "Trần Văn Thử", "--why", "văn bản hết hiệu lực").status == 0
    assert shown(operator, MUST)["confirmed"] is None
    assert [word["what"] for word in shown(operator, MUST)["history"]] == ["confirmed", "withdrawn"]  # type: ignore[attr-defined]
    again = operator("fact", "withdraw", MUST, "--by", "x", "--why", "y")
    assert (again.status, "đã rút lại" in again.err) == (2, True)


def test_an_auditor_reads_every_word_in_order(operator: Terminal) -> None:
    assert "Chưa có" in operator("fact", "history").out
    operator("fact", "confirm", MUST, "--by", NAME, "--source", SOURCE, "--from", "01/07/2026")
    operator("fact", "withdraw", MUST, "--by", "Trần Văn Thử", "--why", "nhầm")
    told = json.loads(operator("fact", "history", "--json").out)
    assert [(one["number"], one["fact"], one["what"], one["by"]) for one in told] == [
        (1, MUST, "confirmed", NAME),
        (2, MUST, "withdrawn", "Trần Văn Thử"),
    ]
    assert [one["valid_from"] for one in told] == ["2026-07-01", None]
    assert all(str(one["at"]).endswith("+07:00") for one in told)
    text = operator("fact", "history").out
    assert "từ 01/07/2026" in text
    assert text.index(NAME) < text.index("Trần Văn Thử")


def test_an_unknown_fact_is_refused_with_those_that_are_nearly_it(operator: Terminal) -> None:
    for words in (
        ("show", "690.mus"),
        ("confirm", "690.mus", "--by", NAME, "--source", SOURCE),
        ("withdraw", "690.mus", "--by", NAME, "--why", "x"),
    ):
        told = operator("fact", *words)
        assert (told.status, MUST in told.err, len(told.err.strip().splitlines())) == (2, True, 1), words
    assert "fact list" in operator("fact", "show", "zzzzzzzz").err
    assert operator("fact", "history", "--json").out.strip() == "[]"


def test_what_is_verified_already_need_not_be_confirmed_and_is_not(operator: Terminal) -> None:
    told = operator("fact", "confirm", f"{PROCEDURE}.may", "--by", NAME, "--source", SOURCE)
    assert (told.status, "đã kiểm chứng" in told.out) == (0, True)
    assert operator("fact", "history", "--json").out.strip() == "[]"


@pytest.mark.parametrize(
    "words",
    [("--by", " ", "--source", "x"), ("--by", "x", "--source", ""), ("--by", "x" * 101, "--source", "x"),
     ("--by", "x\x1b[2J", "--source", "x"), ("--by", "x"), ("--source", "x")],
)  # fmt: skip
def test_nobody_confirms_without_a_readable_name_and_source(operator: Terminal, words: tuple[str, ...]) -> None:
    told = operator("fact", "confirm", MUST, *words)
    assert (told.status, len(told.err.strip().splitlines())) == (2, 1)
    assert operator("fact", "history", "--json").out.strip() == "[]"


def test_a_confirmation_of_what_left_the_catalogue_stays_to_be_seen_and_withdrawn(
    operator: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator("fact", "confirm", MUST, "--by", NAME, "--source", SOURCE)
    monkeypatch.delenv("MOTCUA_CATALOGUE")
    assert listed(operator)[MUST]["by"] == NAME
    assert "không còn" in operator("fact", "list").out
    assert "không còn" in operator("fact", "show", MUST).out
    assert operator("fact", "withdraw", MUST, "--by", NAME, "--why", "đã bỏ").status == 0
    assert MUST not in listed(operator)


def test_check_config_counts_the_catalogue_and_names_what_nobody_confirmed(operator: Terminal) -> None:
    def looked() -> dict[str, object]:
        told = json.loads(operator("check-config", "--json").out)
        (one,) = [each for each in told["checks"] if "catalogue" in each["what"]]
        assert isinstance(one, dict)
        return one

    first = looked()
    assert {MUST, UNSURE_RULE} <= set(first["unconfirmed"])  # type: ignore[call-overload]
    assert UNSURE_RULE in str(first["found"])
    assert str(operator.home.parent / "ours") in str(first["found"])
    operator("fact", "confirm", UNSURE_RULE, "--by", NAME, "--source", SOURCE)
    after = looked()
    assert set(first["unconfirmed"]) - set(after["unconfirmed"]) == {UNSURE_RULE}  # type: ignore[call-overload]
    assert UNSURE_RULE not in str(after["found"])
    assert "1 điều đã xác nhận" in str(after["found"])


@pytest.mark.parametrize("words", [("list",), ("show",), ("confirm",), ("withdraw",), ("history",)])
def test_each_command_shows_an_example(operator: Terminal, words: tuple[str, ...]) -> None:
    told = operator("fact", *words, "--help")
    assert told.status == 0
    assert f"motcua fact {words[0]}" in told.out.split("ví dụ")[1]


def test_the_facts_of_the_examples_are_there_and_may_be_confirmed(operator: Terminal) -> None:
    named = set()
    for word in ("show", "confirm", "withdraw"):
        named |= set(re.findall(rf"motcua fact {word} (\S+)", operator("fact", word, "--help").out)) - {"[-h]"}
    assert len(named) >= 3
    known = facts_in(Catalogue.load(), TODAY)
    assert named <= known.keys()
    assert {known[name].certainty for name in named} <= {"unconfirmed", "inferred"}


def test_the_gateway_and_the_command_speak_of_one_register(operator: Terminal) -> None:
    operator("fact", "confirm", MUST, "--by", NAME, "--source", SOURCE)
    database = app.open_the_database(Settings(home=str(operator.home)))
    try:
        known = read_confirmed(database, TODAY)
    finally:
        database.close()
    assert (known.number, known.words.keys()) == (1, {MUST})
    assert msgspec.structs.asdict(known.words[MUST])["said_by"] == NAME


def test_the_receipt_names_the_last_word_that_was_in_force(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    versions = []
    for count in (3, 4):
        answer = gateway("POST", "/v1/dossiers", employer, content=many_meals(gateway, count))
        assert answer.status_code == 201, answer.text
        payload = answer.json()["receipt"].split(".")[1]
        versions.append(json.loads(urlsafe_b64decode(payload + "=="))["schema_versions"])
        confirm(gateway.house.database)
        follow(gateway)
    number = gateway.house.tables.catalogue.confirmed_number - 1
    assert not [one for one in versions[0] if one.startswith("facts@")]
    assert f"facts@{number}" in versions[1]
