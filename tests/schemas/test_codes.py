"""The code lists: each says how sure it is, since when it is in force, and nothing that contradicts itself."""

import math
import re
import unicodedata
from datetime import date

import pytest

from schemas.catalogue import ROOM
from schemas.certainty import MARKS
from schemas.codes import Lists, ListUnusableError
from tests.schemas.judging import CATALOGUE, ON

LISTS = CATALOGUE.lists
NAMES = LISTS.names


def now(name):
    return LISTS.get(name).at(ON)


def test_every_list_that_the_forms_know_is_there():
    assert {
        "base-wage", "birth-date-precision", "ethnicity", "health-benefit-level", "household-relation", "ivan",
        "minimum-wage", "reasons", "reasons-voluntary", "regions", "sex",
    } <= set(NAMES)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_each_code_list_says_how_sure_it_is_and_where_it_was_read(name):
    one = LISTS.get(name)
    assert one.title_vi
    assert one.title_en
    for version in one.versions:
        assert version.certainty in MARKS
        assert version.certainty_of_names in ("", *MARKS)
        assert version.source
        assert all(text.strip() for text in version.codes.values())
    assert unicodedata.is_normalized("NFC", (ROOM / f"codes/{name}.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("ethnicity", 56, "01", "99"),
        ("household-relation", 23, "00", "22"),
        ("reasons", 26, "TM", "DL"),
        ("reasons-voluntary", 11, "DB", "TM"),
        ("ivan", 15, "00001", "00115"),
        ("regions", 4, "01", "04"),
        ("birth-date-precision", 3, "0", "2"),
    ],
)
def test_a_complete_list_has_the_entries_that_were_counted_and_no_others(name, count, first, last):
    version = now(name)
    codes = list(version.codes)
    assert (len(codes), codes[0], codes[-1]) == (count, first, last)
    assert version.complete
    assert LISTS.has(name, first, ON)
    assert not LISTS.has(name, "??", ON)


def test_a_list_that_is_not_complete_refuses_nothing():
    assert not now("health-benefit-level").complete
    assert LISTS.has("health-benefit-level", "??", ON)


def test_ethnicities_are_numbered_without_a_gap_and_their_names_are_not_claimed():
    version = now("ethnicity")
    assert set(version.codes) == {*(f"{number:02}" for number in range(1, 56)), "99"}
    assert (version.certainty, version.certainty_of_names) == ("verified", "unconfirmed")
    assert len(set(version.codes.values())) == 56


def test_every_reason_is_in_just_one_group():
    for name in ("reasons", "reasons-voluntary"):
        version = now(name)
        grouped = [code for group in version.groups.values() for code in group]
        assert sorted(grouped) == sorted(version.codes)


def test_the_voluntary_reasons_are_those_that_the_portal_serves_and_may_mean_another_thing():
    assert set(now("reasons-voluntary").codes) == {"DB", "DL", "DT", "GB", "GC", "GD", "GH", "GM", "GT", "SB", "TM"}
    assert now("reasons-voluntary").codes["GC"] != now("reasons").codes["GC"]


# --- amounts ---


@pytest.mark.parametrize(
    ("on", "amounts"),
    [
        (date(2020, 1, 1), [4_420_000, 3_920_000, 3_430_000, 3_070_000]),
        (date(2022, 6, 30), [4_420_000, 3_920_000, 3_430_000, 3_070_000]),
        (date(2022, 7, 1), [4_680_000, 4_160_000, 3_640_000, 3_250_000]),
        (date(2024, 7, 1), [4_960_000, 4_410_000, 3_860_000, 3_450_000]),
        (date(2025, 12, 31), [4_960_000, 4_410_000, 3_860_000, 3_450_000]),
        (date(2026, 1, 1), [5_310_000, 4_730_000, 4_140_000, 3_700_000]),
    ],
)
def test_the_minimum_wage_is_that_of_the_region_and_the_day(on, amounts):
    assert [LISTS.amount("minimum-wage", region, on) for region in ("01", "02", "03", "04")] == amounts


@pytest.mark.parametrize(
    ("on", "amount"),
    [(date(2019, 7, 1), 1_490_000), (date(2023, 7, 1), 1_800_000), (date(2024, 6, 30), 1_800_000), (ON, 2_340_000)],
)
def test_the_base_salary_is_that_of_the_day(on, amount):
    assert LISTS.amount("base-wage", "all", on) == amount


def test_an_amount_that_nobody_knows_is_no_number():
    assert math.isnan(LISTS.amount("minimum-wage", "05", ON))
    assert math.isnan(LISTS.amount("minimum-wage", "01", date(2019, 12, 31)))
    assert math.isnan(LISTS.amount("regions", "01", ON))


def test_wages_rest_on_common_knowledge_and_say_so():
    for name in ("minimum-wage", "base-wage"):
        assert {version.certainty for version in LISTS.get(name).versions} == {"unconfirmed"}
        assert all(version.decision for version in LISTS.get(name).versions)
        assert LISTS.get(name).unit == "VND/month"


def test_regions_of_wages_are_the_regions():
    assert set(now("minimum-wage").amounts) == set(now("regions").codes)


# --- files that cannot be used ---

GOOD = """
title_vi = "Thử"
title_en = "Trial"
unit = "VND/month"

[[versions]]
valid_from = 2020-01-01
valid_to = 2020-12-31
certainty = "verified"
source = "here"
groups = { all = ["A"] }
amounts = { A = 1 }
codes = { A = "a", B = "b" }

[[versions]]
valid_from = 2021-01-01
certainty = "inferred"
source = "here"
codes = { C = "c" }
"""


def loaded(tmp_path, text, name="trial"):
    (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    return Lists.load(tmp_path)


def test_a_list_is_asked_by_day(tmp_path):
    lists = loaded(tmp_path, GOOD)
    assert [lists.has("trial", "A", date(year, 6, 1)) for year in (2019, 2020, 2021)] == [True, True, False]
    assert lists.get("trial").at(date(2019, 12, 31)) is None
    assert lists.amount("trial", "A", date(2020, 12, 31)) == 1
    with pytest.raises(KeyError):
        lists.has("trail", "A", ON)


def test_a_version_without_an_end_ends_where_the_next_begins(tmp_path):
    lists = loaded(tmp_path, GOOD.replace("valid_to = 2020-12-31\n", ""))
    assert not lists.has("trial", "A", date(2021, 1, 1))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("valid_to = 2020-12-31", "valid_to = 2021-01-01", "versions must follow each other"),
        ("valid_from = 2021-01-01", "valid_from = 2020-01-01", "versions must follow each other"),
        ("valid_to = 2020-12-31", "valid_to = 2019-12-31", "ends on 2019-12-31, before it begins"),
        ('certainty = "inferred"', 'certainty = "sure"', "is marked 'sure'"),
        ('certainty = "inferred"', 'certainty = "inferred"\ncertainty_of_names = "sure"', "is marked 'sure'"),
        ('all = ["A"]', 'all = ["Z"]', "does not have: Z"),
        ("amounts = { A = 1 }", "amounts = { Z = 1 }", "does not have: Z"),
        ('unit = "VND/month"\n', "", "amounts have no unit"),
        ("amounts = { A = 1 }", 'amounts = { A = "1" }', "Expected `float`"),
        ('source = "here"', 'sauce = "here"', "sauce"),
    ],
)
def test_a_list_that_contradicts_itself_is_named_with_what_is_wrong(tmp_path, old, new, why):
    assert old in GOOD
    with pytest.raises(ListUnusableError, match=re.escape(why)) as caught:
        loaded(tmp_path, GOOD.replace(old, new, 1))
    assert "trial.toml" in str(caught.value)


def test_a_list_without_versions_is_none(tmp_path):
    with pytest.raises(ListUnusableError, match="there is no version"):
        loaded(tmp_path, 'title_vi = "a"\ntitle_en = "b"\nversions = []\n')


def test_a_later_folder_replaces_a_list_of_the_same_name(tmp_path):
    (tmp_path / "ivan.toml").write_text(GOOD, "utf-8")
    assert Lists.load(ROOM / "codes", tmp_path).get("ivan").title_en == "Trial"
    assert Lists.load(ROOM / "codes").get("ivan").title_en == "I-VAN service providers"
