"""The procedures that employers file: each one's file is whole, marked and honest, and a sample of each is good."""

import re
import unicodedata
from base64 import b64decode
from datetime import UTC, date, datetime

import pytest
from lxml import etree

from gateway.deadlines import Calendar, due
from schemas.catalogue import ROOM, Catalogue
from schemas.certainty import MARKS
from schemas.procedure import FACTS, ProcedureUnusableError, read_procedure
from schemas.sample import SampleError, make_dossier, tax_code
from tests.schemas.judging import CATALOGUE, FORMS, ON, codes, judge

EMPLOYERS = [
    "04", "05", "06", "600", "600c", "600o", "601", "602", "603", "604", "605", "606a", "606b", "607", "608", "609",
    "610", "611", "612", "613", "620", "621", "630a", "630b", "630c", "RUT",
]  # fmt: skip
HISTORIC = ["600d"]
FILES = sorted(ROOM.glob("procedures/*/*/procedure.toml"))
EVERY = [read_procedure(path) for path in FILES]
IN_FORCE = CATALOGUE.procedures(ON)
PAPER = ("609", "620", "621")
THE_DAY = date(2026, 1, 20)


def by_version(procedure):
    return procedure.version


def sample(code, catalogue=CATALOGUE, on=THE_DAY, **given):
    usual = {"unit": "AK4549H", "tax_code": tax_code(1), "office": "07906", "period": f"{on:%m/%Y}"}
    return make_dossier(code, **{**usual, "made_on": on, "catalogue": catalogue, **given})


def files(content):
    return [
        (file.findtext("MaToKhai"), file.findtext("LoaiFile"), b64decode(file.findtext("NoiDungFile")))
        for file in etree.fromstring(content).iterfind("NoiDung/ThongTinHoSo/ToKhais/FileToKhai")
    ]


# --- the catalogue ---


def test_every_procedure_that_employers_file_is_in_force():
    assert [procedure.code for procedure in IN_FORCE] == sorted(EMPLOYERS)
    assert {procedure.code for procedure in EVERY} == {*EMPLOYERS, *HISTORIC}


def test_what_is_historic_was_in_force_in_its_time():
    assert CATALOGUE.procedure("600d", ON) is None
    assert CATALOGUE.procedure("600d", date(2021, 12, 1)).version == "600d@2021-07-01"


def test_600_is_asked_for_by_the_rules_of_the_day():
    earlier, later = CATALOGUE.procedure("600", date(2025, 6, 30)), CATALOGUE.procedure("600", date(2025, 7, 1))
    assert (earlier.version, later.version) == ("600@2021-02-25", "600@2025-07-01")
    assert earlier.must == {"D02-LT"}
    assert not earlier.is_settled("must", frozenset())
    assert CATALOGUE.procedure("600", date(2021, 2, 24)) is None
    assert CATALOGUE.procedure_versions("600") == (later, earlier)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.parent.name)
def test_every_form_of_a_procedure_is_in_the_catalogue_from_its_first_day_on(path):
    procedure = read_procedure(path)
    for code in procedure.may - {procedure.attachments.code}:
        assert CATALOGUE.form(code, procedure.valid_from) is not None, code
        assert CATALOGUE.form(code, procedure.valid_to or ON) is not None, code


@pytest.mark.parametrize("procedure", EVERY, ids=by_version)
def test_every_fact_is_marked_and_a_list_is_no_surer_than_what_stands_in_it(procedure):
    assert procedure.certainty.keys() == FACTS
    assert set(procedure.certainty.values()) <= set(MARKS)

    def surest(name):
        return MARKS.index(procedure.certainty[name])

    for form in procedure.forms:
        assert not form.mandatory or surest("must") >= MARKS.index(form.certainty), form.code
        assert surest("may") >= MARKS.index(form.certainty), form.code
    if procedure.time_limit_working_days is None:
        assert procedure.certainty["time_limit_working_days"] == "unconfirmed"
    if procedure.retention_years is None:
        assert procedure.certainty["retention_years"] == "unconfirmed"


def test_no_field_of_a_procedure_goes_unmarked():
    told = set(read_procedure(FILES[0]).__struct_fields__)
    derived, marked_apart = {"version", "folder"}, {"certainty", "forms", "papers", "attachments", "purpose"}
    translated = {name for name in told if name.endswith("_en")}
    assert told - derived - marked_apart - translated <= FACTS


@pytest.mark.parametrize("procedure", EVERY, ids=by_version)
def test_words_for_people_are_in_both_languages_and_in_nfc(procedure):
    pairs = [(procedure.title_vi, procedure.title_en), (procedure.result_vi, procedure.result_en)]
    pairs += [(paper.title_vi, paper.title_en) for paper in procedure.papers]
    pairs += [(procedure.attachments.title_vi, procedure.attachments.title_en)]
    assert all(vi.strip() and en.strip() for vi, en in pairs)
    pairs += [(procedure.time_limit_note_vi, procedure.time_limit_note_en)]
    pairs += [(each.when_vi, each.when_en) for each in (*procedure.forms, *procedure.papers)]
    assert all(bool(vi) == bool(en) for vi, en in pairs)
    text = (procedure.folder / "procedure.toml").read_text("utf-8")
    assert unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize("procedure", EVERY, ids=by_version)
def test_what_comes_back_and_by_which_way_is_told(procedure):
    # A withdrawal ends what another dossier asked for: nothing comes back.
    assert bool(procedure.result_kinds) is bool(procedure.result_returned_by) is (procedure.purpose == "")
    assert procedure.channels
    assert procedure.fee_vnd == 0
    assert procedure.copies == 1


def test_paper_procedures_are_filed_by_post_or_directly_and_electronically_only_accompanied():
    assert [one.code for one in IN_FORCE if "electronic" not in one.channels] == [*PAPER]
    for code in PAPER:
        procedure = CATALOGUE.procedure(code, ON)
        assert procedure.must == frozenset()
        assert "CT-DK" in procedure.may
        assert any(paper.original for paper in procedure.papers)


def test_only_the_withdrawal_is_no_filing_of_its_own_and_it_has_neither_limit_nor_result():
    (one,) = [procedure for procedure in EVERY if procedure.purpose]
    assert (one.code, one.purpose, one.must) == ("RUT", "withdrawal", {"RUT-HS"})
    assert one.time_limit_working_days is None
    assert {*one.certainty.values(), *(form.certainty for form in one.forms)} == {"unconfirmed"}


def test_what_may_go_straight_through_is_simple_unconfirmed_and_needs_no_inspection():
    simple = [procedure for procedure in EVERY if procedure.straight_through]
    assert [procedure.code for procedure in simple] == ["611", "612", "613"]
    for procedure in simple:
        assert procedure.certainty["straight_through"] == "unconfirmed"
        assert procedure.inspection == "none"


def test_known_time_limits_are_those_of_the_sources():
    limits = {one.code: (one.time_limit_working_days, one.certainty["time_limit_working_days"]) for one in IN_FORCE}
    verified = {code: days for code, (days, mark) in limits.items() if mark == "verified"}
    assert verified == {"600": 5, "600c": 5, "601": 10, "607": 10, "608": 10, "609": 5, "610": 3, "612": 0}
    assert limits["611"] == limits["613"] == (None, "unconfirmed")
    assert [one.code for one in IN_FORCE if one.time_limit_verified_days == 45] == ["607", "608"]


def test_the_same_day_is_a_time_limit_that_the_clock_of_deadlines_can_tell():
    limit = CATALOGUE.procedure("612", ON).time_limit_working_days
    received = datetime(2026, 1, 20, 3, tzinfo=UTC)
    found = due(received, limit, Calendar.load())
    assert found.due_at.date() == ON


def test_the_portals_two_titles_of_600_are_labels_of_one_code():
    procedure = CATALOGUE.procedure("600", ON)
    (other,) = procedure.also_called
    assert other.title_vi != procedure.title_vi
    assert "105" in other.source


def test_registrations_are_bare_forms():
    bare = {procedure.code: procedure.bare_form for procedure in IN_FORCE if procedure.bare_form}
    assert bare == {"04": "04_DK-IVAN", "05": "05_SD-IVAN", "06": "06_NG-IVAN"}


# --- what is settled ---


def test_an_unconfirmed_list_is_settled_only_by_an_operators_word_for_it():
    procedure = CATALOGUE.procedure("600c", ON)
    assert procedure.fact_id("must") == "600c.must"
    assert not procedure.is_settled("must", frozenset())
    assert not procedure.is_settled("must", frozenset({"600c.may", "600.must"}))
    assert procedure.is_settled("must", frozenset({"600c.must"}))
    with pytest.raises(KeyError):
        procedure.is_settled("mast", frozenset())


def test_a_verified_or_inferred_list_needs_nobodys_word():
    assert CATALOGUE.procedure("600", ON).is_settled("must", frozenset())
    assert CATALOGUE.procedure("630a", ON).certainty["must"] == "inferred"
    assert CATALOGUE.procedure("630a", ON).is_settled("must", frozenset())


# --- a file that cannot be used ---

GOOD = (ROOM / "procedures/607/2025-07-01/procedure.toml").read_text("utf-8")


def written(tmp_path, text, folder="607/2025-07-01"):
    path = tmp_path / folder / "procedure.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('code = "607"', 'code = "608"', "it stands in 607/2025-07-01 but tells of 608"),
        ("valid_from = 2025-07-01\n", "valid_from = 2025-07-02\n", "tells of 607 from 2025-07-02"),
        ("valid_from = 2025-07-01\n", "valid_from = 2025-07-01\nvalid_to = 2025-06-30\n", "ends on 2025-06-30, before"),
        ('code = "TK1-TS"', 'code = "CT-DK"', "listed twice: CT-DK"),
        ('channels = ["electronic"', 'channels = ["fax"', "'fax'"),
        ('must = "unconfirmed"', 'must = "certain"', "must is marked 'certain', which is none of verified"),
        ('must = "unconfirmed"\n', "", "certainty lacks must"),
        ('must = "unconfirmed"', 'must = "unconfirmed"\nmust_not = "verified"', "no fact: must_not"),
        ("mandatory = true", "mandatory = true\nobligatory = true", "obligatory"),
        ('kind = "1"', 'kind = "3"', "form TK1-TS has kind 3"),
        ("copies = 1", 'copies = 1\nbare_form = "TK3-TS"', "bare_form TK3-TS is not among the mandatory forms"),
        ('certainty = "unconfirmed"', 'certainty = "guessed"', "TK1-TS is marked 'guessed'"),
        ('inspection = "possible"', 'inspection = "maybe"', "'maybe'"),
        ("fee_vnd = 0", "fee_vnd = ", "procedure.toml"),
        ("fee_vnd = 0", 'fee_vnd = 0\npurpose = "protest"', "'protest'"),
        ('must = "unconfirmed"', 'must = "unconfirmed"\nstraight_through = "surely"', "straight_through is marked"),
    ],
)
def test_a_procedure_that_contradicts_itself_is_named_with_what_is_wrong(tmp_path, old, new, why):
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ProcedureUnusableError, match=re.escape(why)) as caught:
        read_procedure(path)
    assert str(path) in str(caught.value)


def test_a_file_of_before_that_does_not_speak_of_going_straight_through_is_read_and_vouches_for_nothing(tmp_path):
    assert "straight_through" not in GOOD
    procedure = read_procedure(written(tmp_path, GOOD))
    assert (procedure.straight_through, procedure.certainty["straight_through"]) == (False, "unconfirmed")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProcedureUnusableError, match=re.escape(str(tmp_path / "procedure.toml"))):
        read_procedure(tmp_path / "procedure.toml")


def test_all_that_is_wrong_in_a_file_is_told_at_once(tmp_path):
    text = GOOD.replace('code = "607"', 'code = "608"').replace('fee_vnd = "verified"\n', "")
    with pytest.raises(ProcedureUnusableError, match=r"tells of 608.*; certainty lacks fee_vnd"):
        read_procedure(written(tmp_path, text))


# --- samples ---


@pytest.mark.parametrize("procedure", IN_FORCE, ids=by_version)
@pytest.mark.parametrize(("employees", "on"), [(1, THE_DAY), (7, THE_DAY), (3, date(2026, 6, 15))])
def test_a_sample_of_every_procedure_is_judged_clean(procedure, employees, on):
    content = sample(procedure.code, employees=employees, attachments=2, on=on)
    assert judge(content, CATALOGUE, on) == []
    if not procedure.bare_form:
        present = {code for code, _, _ in files(content)} - {"CT-DK"}
        assert procedure.must <= present <= procedure.may
        assert present == procedure.must or procedure.code == "600"
        assert etree.fromstring(content).findtext(".//TenThuTuc") == procedure.title_vi


@pytest.mark.parametrize(("code", "on"), [("600", date(2024, 5, 6)), ("600d", date(2022, 3, 3))])
def test_a_sample_of_another_time_is_by_that_times_rules(code, on):
    content = sample(code, on=on, attachments=0)
    assert judge(content, CATALOGUE, on) == []
    assert {form for form, _, _ in files(content)} == CATALOGUE.procedure(code, on).must


def test_a_form_made_from_its_own_sample_has_a_row_for_each_invented_person():
    content = sample("607", employees=20)
    ((_, _, inside), *_) = files(content)
    rows = etree.fromstring(inside).findall("NoiDung/LaoDong")
    assert [row.findtext("STT") for row in rows] == [str(number) for number in range(1, 21)]
    for column in ("CMND", "MasoBHXH"):
        assert len({row.findtext(column) for row in rows}) == 20
    assert all(re.fullmatch(r"99[0-9]{8}", row.findtext("MasoBHXH")) for row in rows)
    assert "7912345678" not in inside.decode()


def test_the_three_lists_of_benefits_fill_three_tables_of_one_form():
    def tables(code):
        ((_, _, inside), *_) = files(sample(code, employees=2))
        return {row.getparent().tag for row in etree.fromstring(inside).iter("LaoDong")}

    assert [tables(code) for code in ("630a", "630b", "630c")] == [{"CheDoOmDau"}, {"CheDoThaiSan"}, {"CheDoDuongSuc"}]


def test_a_form_made_from_its_own_sample_tells_of_the_unit_that_files_it():
    ((_, _, inside), *_) = files(sample("604", unit="TS12345", tax_code=tax_code(7)))
    form = etree.fromstring(inside)
    assert form.findtext("NoiDung/MaDonVi") == "TS12345"
    assert form.findtext("NoiDung/MaSoThue") == tax_code(7)


def test_every_place_for_a_signature_is_there_once_last_and_empty():
    for code in ("602", "604", "608", "630a"):
        for form, kind, inside in files(sample(code, employees=2, attachments=0)):
            root = etree.fromstring(inside)
            assert (kind, root[-1].tag, len(root[-1]), root[-1].text) == (".xml", "Cky", 0, None), form
            assert len(root.findall("Cky")) == 1
            assert set(root.nsmap) == {"xsi", "xsd"}


def test_a_sample_moved_to_another_month_keeps_the_length_of_what_it_tells():
    def stay(on):
        ((_, _, inside), *_) = files(sample("630a", employees=1, on=on))
        row = next(etree.fromstring(inside).iter("LaoDong"))
        first, last = (datetime.strptime(row.findtext(name), "%d/%m/%Y") for name in ("TuNgay", "DenNgay"))  # noqa: DTZ007
        return first.date(), (last - first).days + 1, row.findtext("TongSoNgay")

    first, days, told = stay(date(2026, 3, 2))
    assert str(days) == told
    assert first - stay(THE_DAY)[0] == date(2026, 3, 2) - THE_DAY


def test_a_form_that_the_procedure_does_not_take_is_refused_with_a_reason():
    with pytest.raises(SampleError, match="607 takes no D02-TS; it takes: TK1-TS"):
        sample("607", forms=("D02-TS",))
    with pytest.raises(SampleError, match="no procedure 600d on 20/01/2026"):
        sample("600d")


# --- adding one ---

ADDED = (
    GOOD.replace('code = "607"', 'code = "699"')
    .replace('title_vi = "Cấp lại', 'title_vi = "Thủ tục thử: cấp lại', 1)
    .replace('code = "TK1-TS"', 'code = "D05-TS"', 1)
)


def test_a_procedure_that_is_a_folder_in_another_room_is_filed_and_sampled_without_any_python(tmp_path):
    written(tmp_path / "procedures", ADDED, "699/2025-07-01")
    catalogue = Catalogue.load(ROOM, tmp_path)
    content = sample("699", catalogue, employees=4)
    assert judge(content, catalogue) == []
    assert [form for form, _, _ in files(content)] == ["D05-TS", "CT-DK"]
    assert etree.fromstring(content).findtext(".//TenThuTuc").startswith("Thủ tục thử")
    assert codes(judge(content)) == ["procedure-unknown"]


def test_its_own_sample_of_a_form_goes_before_the_forms(tmp_path):
    path = written(tmp_path / "procedures", ADDED, "699/2025-07-01")
    own = (FORMS / "D05-TS/595/samples/valid-few-columns.xml").read_text("utf-8").replace("<PA>TM", "<PA>DT")
    (path.parent / "samples").mkdir()
    (path.parent / "samples/D05-TS.xml").write_text(own, "utf-8")
    catalogue = Catalogue.load(ROOM, tmp_path)
    ((_, _, inside), *_) = files(sample("699", catalogue, employees=2))
    assert [row.findtext("PA") for row in etree.fromstring(inside).iter("LaoDong")] == ["DT", "DT"]


def test_a_procedure_of_another_room_replaces_ours_of_the_same_version(tmp_path):
    written(tmp_path / "procedures", GOOD.replace("time_limit_working_days = 10", "time_limit_working_days = 8"))
    assert Catalogue.load(ROOM, tmp_path).procedure("607", ON).time_limit_working_days == 8
