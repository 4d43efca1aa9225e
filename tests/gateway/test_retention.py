"""Nothing is due before an operator says so, what is under way never; `motcua erase` and `hold` say what they do."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import retention
from gateway.clock import VIETNAM, to_us
from gateway.retention import ENDED, Retention, RetentionUnusable, all_due, is_under_way, years_after
from gateway.states import State
from schemas.catalogue import Catalogue
from storage.erasing import Ended
from tests.gateway.cli_run import Terminal
from tests.gateway.ended import accepted, finished, reported
from tests.gateway.inhouse import UNIT, Inhouse, inhouse

CATALOGUE = Catalogue.load()
NOW = datetime(2026, 3, 2, 8, tzinfo=VIETNAM)


def by(text: str, tmp_path: Path) -> Retention:
    path = tmp_path / "retention.toml"
    path.write_text(text, "utf-8")
    return Retention.load(path, CATALOGUE)


def ended(at: datetime, **changes: object) -> Ended:
    fields: dict[str, object] = {
        "id": "d-1",
        "seq": 1,
        "state": "finished",
        "statement_number": "G00.01-20200101-0000001",
        "procedure": "600",
        "unit": UNIT,
        "received_at_us": to_us(at),
        "ended_at_us": to_us(at),
        "work": "done",
    }
    return Ended(**(fields | changes))


def test_without_an_operators_word_everything_is_kept_for_good():
    long_ago = ended(datetime(2021, 3, 1, tzinfo=UTC))
    assert Retention.load(None, CATALOGUE).due(long_ago, NOW + timedelta(days=36_500)) is None


def test_the_word_on_a_procedure_goes_before_the_default(tmp_path: Path):
    rules = by('default_years = 10\n[procedure.600]\nyears = 2\nsource = "QĐ 12/2026"\n', tmp_path)
    of_600, of_607 = rules.of("600", NOW), rules.of("607", NOW)
    assert of_600 == retention.Kept(years=2, certainty="operator", source="QĐ 12/2026")
    assert of_607 == retention.Kept(years=10, certainty="operator", source="retention.toml")
    assert by("[procedure.600]\nyears = 2\n", tmp_path).of("607", NOW) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("default_years = 0\n", "default_years"),
        ("default_years = 1000\n", "1000"),
        ('default_years = "10"\n', "default_years"),
        ("[procedure.600]\nyear = 5\n", "year"),
        ("[procedure.nothing]\nyears = 5\n", "nothing"),
        ("years = 5\n", "years"),
        ("default_years = \n", "retention.toml"),
    ],
)
def test_a_mistaken_file_is_refused(tmp_path: Path, text: str, named: str):
    with pytest.raises(RetentionUnusable, match=named):
        by(text, tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(RetentionUnusable, match=r"nowhere\.toml"):
        Retention.load(tmp_path / "nowhere.toml", CATALOGUE)


@given(
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_500)),
    st.integers(1, 100),
)
def test_years_are_of_the_calendar_in_vietnam(later_by: timedelta, years: int):
    at = datetime(2000, 1, 1, tzinfo=UTC) + later_by
    local, later = at.astimezone(VIETNAM), years_after(at, years)
    assert later.year == local.year + years
    same = (later.month, later.day) == (local.month, local.day)
    assert same or ((local.month, local.day), (later.month, later.day)) == ((2, 29), (3, 1))
    assert later.timetz() == local.timetz()


@given(st.sampled_from(sorted(State)), st.sampled_from(["offered", "leased", "done", "dead", None]), st.booleans())
def test_what_is_under_way_is_never_due(state: State, work: str | None, has_ended: bool):
    at = datetime(1999, 1, 1, tzinfo=UTC)
    one = ended(at, state=state.value, work=work, ended_at_us=to_us(at) if has_ended else None)
    rules = Retention(retention._File(default_years=1), "x", CATALOGUE)
    due = rules.due(one, NOW)
    if state.value not in ENDED or work in ("offered", "leased") or not has_ended:
        assert is_under_way(one)
        assert due is None
    else:
        assert due is not None
        assert due.due_at == years_after(at, 1)


def test_a_dossier_is_due_at_the_very_instant_and_not_before(tmp_path: Path):
    rules, at = by("default_years = 2\n", tmp_path), datetime(2024, 2, 29, 23, 30, tzinfo=VIETNAM)
    due_at = datetime(2026, 3, 1, 23, 30, tzinfo=VIETNAM)
    assert rules.due(ended(at), due_at - timedelta(microseconds=1)) is None
    found = rules.due(ended(at), due_at)
    assert found is not None
    assert (found.ended_at, found.due_at) == (at, due_at)


def test_it_is_counted_from_the_last_ending_fact(tmp_path: Path):
    rules = by("default_years = 1\n", tmp_path)
    with inhouse(tmp_path / "home") as gateway:
        first, second = finished(gateway, 1, 2)
        accepted(gateway, 3, gateway.bearer("employer", units=[UNIT]))
        gateway.clock.advance(86_400)
        # Returned a day later: what is counted begins anew. That its signer was revoked later begins nothing.
        reported(gateway.house, second["dossier"], "returned")
        reported(gateway.house, first["dossier"], "signer-revoked")
        a_year_on = years_after(gateway.clock.now() - timedelta(days=1), 1)
        database = gateway.house.database
        assert [one.dossier.id for one in all_due(database, rules, a_year_on)] == [first["dossier"]]
        both = list(all_due(database, rules, a_year_on + timedelta(days=1)))
        assert {one.dossier.id for one in both} == {first["dossier"], second["dossier"]}
        assert list(all_due(database, rules, a_year_on - timedelta(seconds=1))) == []


class Kept:
    """A home in which dossiers came to their end long before today, and the command for it."""

    def __init__(self, motcua: Terminal, gateway: Inhouse, made: list[dict[str, str]]) -> None:
        self.motcua, self.gateway, self.made = motcua, gateway, made


@pytest.fixture
def kept(motcua: Terminal, monkeypatch: pytest.MonkeyPatch):
    with inhouse(motcua.home) as gateway:
        made = finished(gateway, 1, 2)
        # Long ago, by the clock of this machine.
        gateway.clock.advance(-20 * 365 * 86_400)
        for one in made:
            reported(gateway.house, one["dossier"], "returned")
        rules = motcua.home / "retention.toml"
        rules.write_text("[procedure.600]\nyears = 5\n")
        monkeypatch.setenv("MOTCUA_RETENTION", str(rules))
        with gateway.house.database.begin() as tx:
            tx.exec_driver_sql("UPDATE event SET at_us = at_us - 700000000000000 WHERE type = 'finished'")
        yield Kept(motcua, gateway, made)


def test_a_dry_run_lists_and_touches_nothing(kept: Kept):
    shown = kept.motcua("erase", "--due", "--dry-run")
    assert shown.status == 0
    assert all(one["receipt_number"] in shown.out for one in kept.made)
    assert "retention.toml (theo đơn vị vận hành" in shown.out
    assert "would be erased: 2" in shown.out
    listed = json.loads(kept.motcua("erase", "--due", "--dry-run", "--json").out)
    assert {(one["receipt"], one["years"], one["certainty"]) for one in listed} == {
        (one["receipt_number"], 5, "operator") for one in kept.made
    }
    assert not (kept.motcua.home / "erasures.jsonl").exists()


def test_what_is_due_is_erased_but_not_what_is_held(kept: Kept):
    held, other = (one["receipt_number"] for one in kept.made)
    placed = kept.motcua("hold", "place", held, "--because", "công văn 34/TA", "--by", "tòa án")
    assert placed.status == 0
    foretold = kept.motcua("erase", "--due", "--dry-run")
    assert "held: 1" in foretold.out
    done = kept.motcua("erase", "--due")
    assert done.status == 0
    assert f"erased {other}" in done.out
    assert f"not erased {held}" in done.out
    assert "công văn 34/TA" in done.out
    refused = kept.motcua("erase", held, "--because", "x")
    assert refused.status == 2
    assert "legal hold" in refused.err
    assert len(refused.err.strip().splitlines()) == 1
    assert kept.motcua("audit", "--full").status == 0


def test_a_hold_is_listed_lifted_and_remembered(kept: Kept):
    motcua, number = kept.motcua, kept.made[0]["receipt_number"]
    assert motcua("hold", "list").out.startswith("Không có")
    for why in ("công văn 34/TA", "quyết định 9/TTr"):
        assert motcua("hold", "place", number, "--because", why, "--by", "thanh tra").status == 0
    listed = json.loads(motcua("hold", "list", number, "--json").out)
    assert [one["why"] for one in listed] == ["công văn 34/TA", "quyết định 9/TTr"]
    several = motcua("hold", "lift", number, "--because", "hết hạn")
    assert several.status == 2
    assert listed[0]["hold"] in several.err
    assert motcua("hold", "lift", listed[0]["hold"], "--because", "hết hạn").status == 0
    assert motcua("hold", "lift", listed[0]["hold"], "--because", "hết hạn").status == 2
    assert motcua("hold", "lift", number, "--because", "xong").status == 0
    assert json.loads(motcua("hold", "list", "--json").out) == []
    assert len(json.loads(motcua("hold", "list", "--all", "--json").out)) == 2
    assert motcua("erase", number, "--because", "theo yêu cầu của đơn vị").status == 0
    assert motcua("hold", "place", number, "--because", "muộn rồi").status == 2


@pytest.mark.parametrize(
    "words",
    [
        ("erase",),
        ("erase", "d-1", "--due"),
        ("erase", "d-1"),
        ("erase", "d-1", "--because", "x", "--dry-run"),
        ("erase", "d-nobody", "--because", "x"),
        ("erase", "d-nobody", "--because", "x" * 501),
        ("hold", "place", "d-nobody", "--because", "x"),
        ("hold", "lift", "h-nobody", "--because", "x"),
        ("hold", "list", "d-nobody"),
    ],
    ids=" ".join,
)
def test_what_is_called_wrong_changes_nothing_and_is_told_in_one_line(begun: Terminal, words: tuple[str, ...]):
    told = begun(*words)
    assert told.status == 2
    assert len(told.err.strip().splitlines()) == 1
