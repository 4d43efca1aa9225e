"""The less common forms: irregular names, one form under two names, lists of claims, registrations with an I-VAN."""

import pytest
from lxml import etree

from schemas.findings import Severity
from schemas.rows import row_elements
from tests.schemas.judging import CATALOGUE, ON, changed, codes, dossier, file, form_findings, judge, sample

FORMS = ("D03-TS", "D05-TS", "TK3-TS", "D02-LT", "M01B-HSB", "M05A-HSB", "05_SD-IVAN", "06_NG-IVAN")
CLAIMS = sample("valid-two-lists", "M01B-HSB", "166")


def columns(code, *steps):
    """The columns below these steps, in the order in which the form wants them."""
    element = CATALOGUE.form(code, ON).model
    for step in steps:
        element = next(child for child in element.children if child.name == step)
    return [child.name for child in element.children]


@pytest.mark.parametrize("code", FORMS)
def test_each_is_in_force_with_rules_and_says_how_sure_it_is(code):
    form = CATALOGUE.form(code, ON)
    assert len(form.rules.rules) >= 4
    assert {"root", "columns", "labels", "valid_from"} <= set(form.certainty)


def test_a_form_whose_columns_are_guessed_asks_for_little():
    def required(element, above=""):
        for child in element.children:
            if child.required and child.type is not None:
                yield child.name
            yield from required(child)

    told = {code: set(required(CATALOGUE.form(code, ON).model)) for code in FORMS}
    of_file = {"MaToKhai", "TenFile", "LoaiFile", "NoiDungFile"}
    assert told["TK3-TS"] == set()
    assert told["M05A-HSB"] == {"HoTen"}
    assert told["D02-LT"] == {"STT", "HoTen", "MasoBHXH", "PA"}
    who = {"MaCoQuan", "TenDoiTuong", "MaSoBHXH", "MaSoThue", "NgayLap", "MaIVan"}
    assert told["05_SD-IVAN"] - of_file == who | {"NoiDungThayDoi"}
    assert told["06_NG-IVAN"] - of_file == who | {"NgayNgung"}


def test_irregular_names_are_kept_to_the_letter():
    d03, d05 = columns("D03-TS", "NoiDung", "LaoDong"), columns("D05-TS", "NoiDung", "LaoDong")
    assert {"Tiendong", "Sothang", "Ghichu", "MasoBHXH", "MavungSS", "TyleNSDP", "HotroKhac"} <= set(d03)
    assert d03.index("NgayBienLai") + 1 == d03.index("SoBienLai")
    assert d05[3:9] == ["MucTien", "Tuthang", "Sothang", "Tongtien", "TienTudong", "TienHotro"]
    claim = columns("M01B-HSB", "NoiDung", "DieuChinh", "CheDoDuongSuc", "LaoDong")
    assert claim[:5] == ["STT", "MaNhomHuong", "SoBHXH", "SoCMND", "HoTen"]
    assert claim == columns("M01B-HSB", "NoiDung", "PhatSinh", "CheDoOmDau", "LaoDong")


@pytest.mark.parametrize(
    ("code", "version", "name", "written", "meant"),
    [
        ("D03-TS", "595", "valid-two-people", "TienDong", "Tiendong"),
        ("D05-TS", "595", "valid-two-people", "TuThang", "Tuthang"),
        ("M01B-HSB", "166", "valid-sickness", "SoBhxh", "SoBHXH"),
        ("TK3-TS", "595", "valid-change", "NoiDungThayDoi", "Noidung_Thaydoi"),
    ],
)
def test_a_name_in_another_spelling_is_told_as_the_one_meant(code, version, name, written, meant):
    source = sample(name, code, version).replace(f"<{meant}>", f"<{written}>").replace(f"</{meant}>", f"</{written}>")
    found = form_findings(source, code)
    assert set(codes(found)) == {"element-misspelt"}
    assert found[0].message_vi.endswith(f"thẻ “{written}” trong {code} phải viết là “{meant}”.")


@pytest.mark.parametrize("written", ["05A-HSB", "M05A-HSB", "05A-HSB-166"])
def test_the_two_names_of_one_form_lead_to_the_same_judgement(written):
    bad = sample("valid-accident", "M05A-HSB", "166").replace("<HoTen>Trần Văn Mẫu", "<HoTen>")
    found = [item for item in judge(dossier(file(written, f"{written}.xml", ".xml", bad))) if item.form == "M05A-HSB"]
    assert "value-missing" in codes(found)
    assert next(item for item in found if item.code == "value-missing").column == "HoTen"


def test_a_claim_in_any_of_the_six_lists_is_found_by_row_name_and_number():
    bad = changed("<TongSoNgay>181", "<TongSoNgay>200", CLAIMS)
    (found,) = form_findings(bad, "M01B-HSB")
    assert (found.code, found.severity) == ("m01b-days-too-many", Severity.ERROR)
    assert (found.row, found.row_name, found.row_key) == (3, "Phạm Thị Mẫu", "7912345680")
    assert found.pointer == "/M01B-HSB/NoiDung/PhatSinh/CheDoThaiSan/LaoDong/TongSoNgay"
    assert "200" in found.message_vi
    (found,) = form_findings(changed("<TuNgay>02/01/2026", "<TuNgay>31/02/2026", CLAIMS), "M01B-HSB")
    assert (found.code, found.row, found.row_name) == ("date-impossible", 3, "Phạm Thị Mẫu")


def test_each_list_of_claims_is_numbered_for_itself():
    assert form_findings(CLAIMS, "M01B-HSB") == []
    rows = row_elements(etree.fromstring(CLAIMS.encode()), CATALOGUE.form("M01B-HSB", ON).rows)
    assert [row.findtext("STT") for row in rows] == ["1", "2", "1"]
    (found,) = form_findings(changed("<STT>2</STT>", "<STT>3</STT>", CLAIMS), "M01B-HSB")
    assert (found.code, found.row) == ("row-number-gap", 2)


def test_the_same_leave_claimed_twice_is_told():
    row = CLAIMS[CLAIMS.index("        <LaoDong>") : CLAIMS.index("</LaoDong>") + len("</LaoDong>\n")]
    twice = changed(row, row + row.replace("<STT>1", "<STT>2"), CLAIMS).replace("<STT>2</STT>", "<STT>3</STT>")
    twice = changed("<STT>3</STT>", "<STT>2</STT>", twice)
    found = form_findings(twice, "M01B-HSB")
    assert codes(found) == ["row-repeated"]


@pytest.mark.parametrize(
    ("day", "good"),
    [("20260115", True), ("20240229", True), ("20230229", False), ("20261301", False), ("2026011", False), ("", True)],
)
def test_the_batch_of_claims_is_a_day_without_separators(day, good):
    found = form_findings(changed("<DotXetDuyet>20260115", f"<DotXetDuyet>{day}", CLAIMS), "M01B-HSB")
    assert codes(found) == ([] if good else ["m01b-batch-day"])


def test_claims_of_another_unit_refuse_and_capitals_do_not_matter():
    def told(unit):
        claims = changed("<MaDonVi>TS12345", f"<MaDonVi>{unit}", CLAIMS)
        found = judge(dossier(file("01B-HSB", "01B-HSB.xml", ".xml", claims), MaThuTuc="630b"))
        return [(item.code, item.severity) for item in found]

    assert told("TS12345") == told("ts12345") == []
    assert told("TS54321") == [("m01b-unit-differs", Severity.ERROR)]


@pytest.mark.parametrize(
    ("code", "name"),
    [("05_SD-IVAN", "valid-change"), ("06_NG-IVAN", "valid-stop"), ("06_NG-IVAN", "valid-few-columns")],
)
def test_registrations_are_judged_without_an_envelope(code, name):
    assert judge(sample(name, code, "1")) == []


def test_an_end_in_the_older_spelling_is_recognised_and_each_name_put_right():
    old = sample("valid-stop", "06_NG-IVAN", "1")
    for name, written in (("NgayNgung", "NGAY_NGUNG"), ("LyDoNgung", "LYDO_NGUNG")):
        old = old.replace(name, written)
    found = judge(old)
    assert codes(found) == ["element-misspelt", "element-misspelt"]
    assert [item.form for item in found] == ["06_NG-IVAN"] * 2
    assert found[0].message_vi.endswith("phải viết là “NgayNgung”.")
