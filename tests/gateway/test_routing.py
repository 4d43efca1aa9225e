"""The competent office follows from the unit's registration, by dated tables; nothing is guessed."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import routing
from gateway.office_files import write_toml
from gateway.office_rows import Rows
from gateway.routing import Ambiguous, OfficesMistaken, OfficeTable, Route, route

TABLE = OfficeTable.load()
ON = date(2026, 1, 13)
SHIPPED = Path(routing.__file__).parent / "offices"


def office(code: str, **more: str) -> str:
    rows = {"name": '"x"', "parent": '""', "valid_from": "2020-01-01", "certainty": '"demo"'} | more
    return f'\n[[offices]]\ncode = "{code}"\n' + "".join(f"{key} = {value}\n" for key, value in rows.items())


def table_of(folder: Path, *offices: str, rules: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    ours = OfficeTable.load(SHIPPED / "offices.toml").rows
    plain = tuple(each for each in ours.rules if each.competent == "registered-agency")
    shipped = write_toml(Rows("", ours.rules_version, (), plain)).decode()
    (folder / "rules.toml").write_text(shipped.replace('version = ""\nrules_version', "version"), "utf-8")
    (folder / "offices.toml").write_text('version = "test-1"\n' + "".join(offices), "utf-8")
    with (folder / "rules.toml").open("a", encoding="utf-8") as table:
        table.write(rules)
    return folder


def rule(rule_id: str, procedures: str, valid_from: str = "2020-01-01") -> str:
    return (
        f'\n[[rules]]\nid = "{rule_id}"\nprocedures = {procedures}\ncompetent = "registered-agency"\n'
        f'valid_from = {valid_from}\ntitle_vi = "x"\ntitle_en = "x"\nsource = "a test"\ncertainty = "demo"\n'
    )


def routed(unit_office: str, written: str, on: date = ON) -> Route:
    answer = route("600", unit_office, written, on, TABLE)
    assert isinstance(answer, Route)
    return answer


def test_the_registered_agency_is_competent_and_there_is_nothing_to_say():
    answer = routed("07906", "07906")
    assert answer.competent_office == answer.original == "07906"
    assert answer.competent_name == "Bảo hiểm xã hội Cơ sở Bình Thạnh"
    assert answer.rule == "registered-agency-1"
    assert answer.table_version == TABLE.version
    assert answer.explanation_vi == answer.explanation_en == ""
    assert answer.candidates == ()
    assert answer.receiving_office is None


def test_lost_zeros_are_put_back_by_look_up_and_said():
    answer = routed("07906", "7906")
    assert (answer.competent_office, answer.original, answer.candidates) == ("07906", "7906", ())
    assert "“7906” được hiểu là 07906" in answer.explanation_vi
    assert "“7906” was read as 07906" in answer.explanation_en
    assert routed("00100", "100").competent_office == "00100"
    assert routed("7906", "07906").explanation_vi == ""


def test_a_mangled_code_that_is_no_office_is_never_guessed():
    answer = routed("07906", "903")
    assert (answer.competent_office, answer.original) == ("07906", "903")
    assert [each.code for each in answer.candidates] == ["07906", "01903"]
    assert "00903" in answer.explanation_vi
    assert "07906 Bảo hiểm xã hội Cơ sở Bình Thạnh" in answer.explanation_vi
    assert "00903" in answer.explanation_en


def test_a_written_office_that_conflicts_with_the_registered_one_is_shown_and_does_not_decide():
    answer = routed("07906", "08907")
    assert (answer.competent_office, answer.original) == ("07906", "08907")
    assert [each.code for each in answer.candidates] == ["07906", "08907"]
    assert "không khớp" in answer.explanation_vi
    assert "08907" in answer.explanation_en


def test_a_mangled_code_that_pads_to_another_office_conflicts():
    answer = routed("07906", "1903")
    assert answer.competent_office == "07906"
    assert "được hiểu là 01903" in answer.explanation_vi


@pytest.mark.parametrize("written", ["", "   ", "BHXH Bình Thạnh", "07906x", "079060", "٠٧٩٠٦", "-7906", "7" * 5000])
def test_what_is_not_a_code_is_told_and_the_registered_agency_stays_competent(written: str):
    answer = routed("07906", written)
    assert answer.competent_office == "07906"
    assert answer.original == written
    assert answer.explanation_vi
    assert len(answer.explanation_vi) < 400


@pytest.mark.parametrize("registered", ["", "903", "99999", "x"])
def test_an_unknown_registered_agency_is_not_routed(registered: str):
    answer = route("600", registered, "07906", ON, TABLE)
    assert isinstance(answer, Ambiguous)
    assert answer.original == "07906"
    assert "Không xác định được" in answer.explanation_vi
    assert answer.rule == "registered-agency-1"


def test_candidates_for_an_unknown_registered_agency_are_shown():
    answer = route("600", "903", "903", ON, TABLE)
    assert isinstance(answer, Ambiguous)
    assert [each.code for each in answer.candidates] == ["01903"]


@pytest.mark.parametrize(
    ("code", "on", "competent"),
    [
        ("09991", date(2025, 6, 30), "09991"),
        ("09991", date(2025, 7, 1), "09993"),
        ("09992", date(2024, 12, 31), "09992"),
        ("09992", date(2025, 1, 1), "09991"),
        ("09992", date(2025, 7, 1), "09993"),
        ("07906", date(2025, 6, 30), "07906"),
        ("07906", date(2025, 7, 1), "07906"),
    ],
)
def test_merged_offices_follow_their_successors_by_date(code: str, on: date, competent: str):
    answer = routed(code, code, on)
    assert answer.competent_office == competent
    assert bool(answer.explanation_vi) is (competent != code)


def test_the_name_is_the_one_of_the_day():
    assert routed("07906", "07906", date(2025, 6, 30)).competent_name == "Bảo hiểm xã hội quận Bình Thạnh"
    assert routed("07906", "07906", date(2025, 7, 1)).competent_name == "Bảo hiểm xã hội Cơ sở Bình Thạnh"


def test_a_merger_is_explained_to_who_writes_the_old_office_and_not_to_who_writes_the_new_one():
    assert "09992 → 09991 → 09993" in routed("09992", "09992").explanation_vi
    assert "09991 → 09993" in routed("09992", "09991").explanation_en
    assert routed("09992", "09993").explanation_vi == ""


def test_an_office_that_was_shared_out_is_ambiguous_and_its_heirs_are_shown():
    answer = route("600", "09994", "09994", ON, TABLE)
    assert isinstance(answer, Ambiguous)
    assert [each.code for each in answer.candidates] == ["09993", "09995"]
    assert "được chia cho nhiều cơ quan" in answer.explanation_vi


def test_an_office_that_closed_without_a_successor_is_ambiguous():
    answer = route("600", "09996", "09996", ON, TABLE)
    assert isinstance(answer, Ambiguous)
    assert "chưa rõ cơ quan thay thế" in answer.explanation_vi


def test_an_office_is_not_competent_before_its_first_day():
    answer = route("600", "09993", "09993", date(2025, 6, 30), TABLE)
    assert isinstance(answer, Ambiguous)
    assert "is not in force on 30/06/2025" in answer.explanation_en


def test_where_it_was_handed_in_is_told_apart_from_who_decides():
    answer = route("600", "07906", "07906", ON, TABLE, receiving="8907")
    assert isinstance(answer, Route)
    assert (answer.receiving_office, answer.competent_office) == ("08907", "07906")


def test_successors_that_run_in_a_circle_end_as_ambiguous(tmp_path: Path):
    ended = {"valid_to": "2024-12-31"}
    table = OfficeTable.load(
        table_of(
            tmp_path,
            office("09991", **ended, successors='["09992"]'),
            office("09992", **ended, successors='["09991"]'),
        )
    )
    assert isinstance(route("600", "09991", "09991", ON, table), Ambiguous)


def test_shared_out_offices_that_point_at_each_other_end_as_ambiguous(tmp_path: Path):
    ended = {"valid_to": "2024-12-31"}
    table = OfficeTable.load(
        table_of(
            tmp_path,
            office("09991", **ended, successors='["09992", "09993"]'),
            office("09992", **ended, successors='["09991", "09993"]'),
            office("09993"),
        )
    )
    answer = route("600", "09991", "09991", ON, table)
    assert isinstance(answer, Ambiguous)
    assert [each.code for each in answer.candidates] == ["09993"]


@given(registered=st.sampled_from([each.code for each in TABLE.offices]), written=st.text(max_size=12))
def test_whatever_is_written_the_registered_agency_decides(registered: str, written: str):
    plain, odd = (route("600", registered, text, ON, TABLE) for text in (registered, written))
    assert type(plain) is type(odd)
    assert odd.original == written
    if isinstance(plain, Route) and isinstance(odd, Route):
        assert plain.competent_office == odd.competent_office
        competent = TABLE.get(odd.competent_office, ON)
        assert competent is not None
        assert competent.in_force(ON)


@given(written=st.from_regex(r"[0-9]{1,5}", fullmatch=True))
def test_digits_resolve_to_their_padded_code_or_to_no_office(written: str):
    found = TABLE.resolve(written, date(2026, 1, 13))
    assert found.code == written.zfill(5)
    if found.office is not None and not found.vi.count("→"):
        assert found.office.code == written.zfill(5)
    assert len(found.candidates) <= routing.CANDIDATES_MAX


def test_a_rule_that_names_the_procedure_wins_and_rules_are_dated(tmp_path: Path):
    table = OfficeTable.load(
        table_of(tmp_path, office("09991"), rules=rule("special-1", '["601", "605"]', "2026-01-01"))
    )
    named = {code: route(code, "09991", "09991", ON, table).rule for code in ("600", "601", "605")}
    assert named == {"600": "registered-agency-1", "601": "special-1", "605": "special-1"}
    assert route("601", "09991", "09991", date(2025, 12, 31), table).rule == "registered-agency-1"


def test_without_a_rule_in_force_nothing_is_routed():
    answer = route("600", "07906", "07906", date(1990, 1, 1), TABLE)
    assert isinstance(answer, Ambiguous)
    assert answer.rule == ""
    assert "Không có quy tắc" in answer.explanation_vi


def test_the_version_names_both_tables_and_their_bytes(tmp_path: Path):
    assert re.fullmatch(r"offices-[0-9.]+/rules-[0-9.]+/sha256-[0-9a-f]{12}", TABLE.version)
    first = OfficeTable.load(table_of(tmp_path / "a", office("09991")))
    second = OfficeTable.load(table_of(tmp_path / "b", office("09991", note='"a word"')))
    assert first.version != second.version
    alone = tmp_path / "a" / "offices.toml"
    assert OfficeTable.load(alone).version.startswith("test-1/rules-")


def test_invented_offices_are_marked_and_cannot_meet_a_real_code():
    invented = [each for each in TABLE.offices if each.certainty == "demo"]
    assert invented
    assert all(each.name.startswith("[DEMO]") and each.code.startswith("099") for each in invented)
    assert all(each.note for each in TABLE.offices if each.certainty == "unconfirmed")
    assert not [each for each in TABLE.offices if each.code.startswith("099") and each.certainty != "demo"]


def test_offices_of_a_day_are_listed_once_each():
    codes = [each.code for each in TABLE.offices_on(ON)]
    assert codes == sorted(set(codes))
    assert {"00100", "01903", "07906", "08907"} <= set(codes)
    assert "09991" not in codes


@pytest.mark.parametrize(
    ("offices", "rules", "complaint"),
    [
        ((office("9991"),), "", "not 5 digits"),
        ((office("09991"), office("09991", valid_from="2024-01-01")), "", "two rows of 09991"),
        ((office("09991", valid_to="2019-01-01"),), "", "ends before it begins"),
        ((office("09991", valid_to="2024-01-01", successors='["09999"]'),), "", "names 09999"),
        ((office("09991", parent='"09990"'),), "", "names 09990"),
        ((office("09991", successors='["09991"]'),), "", "no last day"),
        ((office("09991", colour='"red"'),), "", "colour"),
        ((office("09991", certainty='"sure"'),), "", "certainty"),
        ((office("09991"),), rule("registered-agency-1", '["601"]'), "used twice"),
        ((office("09991"),), rule("again-1", '["*"]'), "both hold"),
        ((office("09991"),), rule("a", '["601"]').replace("registered-agency", "by-guess"), "competent"),
    ],
)
def test_tables_that_contradict_themselves_do_not_load(
    tmp_path: Path, offices: tuple[str, ...], rules: str, complaint: str
):
    with pytest.raises(OfficesMistaken, match=complaint):
        OfficeTable.load(table_of(tmp_path, *offices, rules=rules))


def test_a_table_that_is_not_there_does_not_load(tmp_path: Path):
    with pytest.raises(OfficesMistaken):
        OfficeTable.load(tmp_path / "absent.toml")
