"""Sample dossiers: the same arguments give the same bytes, and the bytes are right in every part."""

import re
import unicodedata
from base64 import b64decode
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from stdnum.vn import mst

import schemas
from schemas.sample import SampleError, make_dossier, tax_code, unit_code
from schemas.sample_people import NEW_EVERY
from schemas.sample_words import places, words
from tests.schemas.judging import judge

FORMS_FOLDER = Path(schemas.__file__).parent / "forms"
BENCH_FORMS = ("D02-TS", "TK1-TS")
DECREASES = {"GH", "GC", "GD"}
ABSENCES = {"KL", "OF", "TS"}
FIXED_DIGEST = "53156fe4f457366a068c41e64c1cb219a5b96f113e4713cdba1b91df0ca3362f"


def dossier(procedure="600", **given):
    usual = {"unit": "AK4549H", "tax_code": tax_code(1), "office": "07906", "period": "03/2026"}
    return make_dossier(procedure, **{**usual, "made_on": date(2026, 3, 20), **given})


def tree(content):
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, huge_tree=True))


def files(content):
    """(form code, TenFile, content) of each embedded file, decoded strictly."""
    return [
        (file.findtext("MaToKhai"), file.findtext("TenFile"), b64decode(file.findtext("NoiDungFile"), validate=True))
        for file in tree(content).iterfind("NoiDung/ThongTinHoSo/ToKhais/FileToKhai")
    ]


def form(content, code):
    return tree(next(held for name, _, held in files(content) if name == code))


def rows(content, code="D02-TS"):
    path = "NoiDung/BangKe/ThongTin" if code == "D01-TS" else "NoiDung/LaoDong"
    return [{column.tag: column.text or "" for column in row} for row in form(content, code).iterfind(path)]


def day(text):
    return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day has no zone


def compiled_schemas():
    compiled = {}
    for path in FORMS_FOLDER.glob("*/*/form.xsd"):
        compiled[path.parent.parent.name] = etree.XMLSchema(etree.parse(path))
    assert {"Hoso", "D02-TS", "TK1-TS", "D01-TS", "04_DK-IVAN"} <= compiled.keys()
    return compiled


@pytest.fixture(scope="module")
def schema_of():
    return compiled_schemas()


def assert_all_valid(content, schema_of):
    schema_of["Hoso"].assertValid(tree(content))
    for code, _, held in files(content):
        if code != "CT-DK":
            schema_of[code].assertValid(tree(held))


# --- the same arguments, the same bytes ---


def test_the_same_arguments_give_the_same_bytes():
    assert dossier(attachments=4, attachment_bytes=50_000) == dossier(attachments=4, attachment_bytes=50_000)


def test_the_bytes_do_not_depend_on_machine_or_release_of_python():
    # Written down once: a change of the words, of Python's chance or of a compressor would show here.
    assert sha256(dossier(employees=25, seed=7, attachments=4, attachment_bytes=20_000)).hexdigest() == FIXED_DIGEST


def test_every_argument_that_can_differ_makes_different_bytes():
    variants = [
        dossier(),
        dossier(seed=1),
        dossier(employees=11),
        dossier(unit="BB12345"),
        dossier(tax_code=tax_code(2)),
        dossier(office="00100"),
        dossier(period="04/2026"),
        dossier(made_on=date(2026, 3, 21)),
        dossier(attachments=2),
        dossier(attachment_bytes=9_000),
        dossier(forms=BENCH_FORMS),
    ]
    assert len(set(variants)) == len(variants)


def test_the_same_unit_has_the_same_name_in_every_dossier_and_another_unit_another_signer():
    def who(content):
        return [tree(content).findtext(f"NoiDung/ThongTinDonVi/{name}") for name in ("TenDoiTuong", "NguoiKy")]

    assert who(dossier(seed=1)) == who(dossier(seed=2, period="04/2026"))
    assert len({who(dossier(tax_code=tax_code(seed)))[1] for seed in range(20)}) > 10


# --- the envelope ---


def test_the_root_declares_the_two_namespaces_that_dotnet_declares_and_has_none_itself():
    for content in [dossier(), dossier("04"), *(held for code, _, held in files(dossier()) if code != "CT-DK")]:
        root = tree(content)
        assert root.nsmap == {
            "xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsd": "http://www.w3.org/2001/XMLSchema",
        }
        assert "}" not in root.tag


def test_every_place_for_a_signature_is_there_once_and_empty():
    content = dossier()
    places_for = [(tree(content), "CKy_Dvi"), (tree(dossier("04")), "CKy_Dvi")]
    places_for += [(form(content, code), "Cky") for code in ("D02-TS", "TK1-TS", "D01-TS")]
    for root, name in places_for:
        found = list(root.iter(name))
        assert found == [root[-1]]
        assert len(found[0]) == 0
        assert found[0].text is None


def test_file_count_and_lengths_are_those_of_the_base64_texts():
    root = tree(dossier(attachments=5))
    inside = list(root.iter("FileToKhai"))
    assert int(root.findtext(".//SoLuongFile")) == len(inside) == 8
    for file in inside:
        assert int(file.findtext("DoDaiFile")) == len(file.findtext("NoiDungFile"))
    names = [file.findtext("TenFile") for file in inside]
    assert len(set(names)) == len(names)
    assert all(file.findtext("TenFile").endswith(file.findtext("LoaiFile")) for file in inside)


def test_what_was_asked_for_stands_in_the_envelope():
    root = tree(dossier(unit="TS12345", tax_code="0100233488", office="00100", period="12/2025"))
    facts = {name: root.findtext(f".//{name}") for name in ("MaSoBHXH", "MaSoThue", "CoQuanQuanLy", "KyKeKhai")}
    assert facts == {"MaSoBHXH": "TS12345", "MaSoThue": "0100233488", "CoQuanQuanLy": "00100", "KyKeKhai": "12/2025"}
    assert root.findtext(".//NgayLap") == "20/03/2026"
    assert root.findtext(".//MaThuTuc") == "600"


def test_forms_come_in_the_order_asked_for_and_may_stand_without_attachments():
    found = [code for code, _, _ in files(dossier(forms=("TK1-TS", "D02-TS"), attachments=0))]
    assert found == ["TK1-TS", "D02-TS"]


def test_a_registration_is_the_form_itself_without_employees(schema_of):
    content = dossier("04")
    schema_of["04_DK-IVAN"].assertValid(tree(content))
    assert tree(content).findtext("NoiDung/MaIVan") == words().carrier.code
    assert content == dossier("04", employees=3, seed=9, attachments=4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"procedure": "699"},
        {"employees": 0},
        {"employees": 1001},
        {"period": "13/2026"},
        {"period": "3/2026"},
        {"period": "032026"},
        {"attachments": -1},
        {"attachments": 101},
        {"attachment_bytes": 10},
        {"attachment_bytes": 2**40},
        {"forms": ("D02-TS", "TK3-TS")},
        {"forms": ("D02-TS", "D02-TS")},
    ],
)
def test_what_cannot_be_made_is_refused_with_a_reason(wrong):
    with pytest.raises(SampleError, match=r"\w+ .*\w+"):
        dossier(**wrong)


# --- the forms ---


@settings(max_examples=40, deadline=None)
@given(
    employees=st.integers(1, 60),
    seed=st.integers(),
    unit=st.integers(0, 10**6),
    month=st.integers(1, 12),
    days_later=st.integers(0, 60),
    forms=st.sampled_from(
        [("D02-TS", "TK1-TS", "D01-TS"), BENCH_FORMS, ("D02-TS",), ("TK1-TS", "D02-TS"), ("D01-TS", "D02-TS")]
    ),
)
def test_every_dossier_is_judged_free_of_findings_from_the_first_day_of_its_month(
    employees, seed, unit, month, days_later, forms
):
    first = date(2026, month, 1)
    content = dossier(
        employees=employees,
        seed=seed,
        unit=unit_code(unit),
        tax_code=tax_code(unit),
        period=f"{month:02d}/2026",
        made_on=first,
        forms=forms,
    )
    assert judge(content, on=first + timedelta(days_later)) == []


def test_the_largest_dossier_and_a_registration_are_judged_free_of_findings():
    for seed in range(3):
        assert judge(dossier(employees=1000, seed=seed, attachments=4), on=date(2026, 3, 20)) == []
    assert judge(dossier("04"), on=date(2026, 3, 20)) == []


@settings(max_examples=25, deadline=None)
@given(employees=st.integers(1, 40), seed=st.integers(), unit=st.integers(0, 10**6), month=st.integers(1, 12))
def test_every_dossier_is_valid_by_the_schemas_and_in_nfc(schema_of, employees, seed, unit, month):
    content = dossier(
        employees=employees, seed=seed, unit=unit_code(unit), tax_code=tax_code(unit), period=f"{month:02d}/2026"
    )
    assert_all_valid(content, schema_of)
    listed = rows(content)
    assert [row["STT"] for row in listed] == [str(number) for number in range(1, employees + 1)]
    for code in ("D02-TS", "TK1-TS", "D01-TS"):
        text = etree.tostring(form(content, code), encoding="unicode")
        assert unicodedata.is_normalized("NFC", text)
    assert unicodedata.is_normalized("NFC", content.decode())
    assert_rows_agree(content, f"{month:02d}/2026")


def assert_rows_agree(content, period):
    listed = rows(content)
    first = day(f"01/{period}")
    for row in listed:
        assert row["TuThang"] == period
        assert (row["DenThang"] != "") == (row["PA"] in DECREASES | ABSENCES)
        if row["DenThang"]:
            assert day(f"01/{row['DenThang']}") >= first
        assert (row["CoGiamChet"] == "1") == (row["NgayChet"] != "")
        assert row["CoGiamChet"] == "0" or row["PA"] == "GH"
        assert row["PA"] != "TS" or row["GioiTinh"] == words().codes.female
        born = day(row["NgaySinh"])
        assert date(born.year + 18, born.month, 1) < first
        assert int(row["TienLuong"]) >= words().wages.minimum[row["MavungLTT"]]
        for begins in (name for name in row if name.endswith("_tungay")):
            ends = row.get(begins.replace("_tungay", "_denngay"), "")
            assert not ends or day(row[begins]) <= day(ends)
        assert sum(1 for name in row if name.startswith("Hdld") and name.endswith("tungay") and row[name]) == 1
        assert sum(1 for name in row if name.startswith("Vtvl") and name.endswith("tungay") and row[name]) == 1


def test_every_fifth_employee_is_newly_registered_and_has_a_declaration():
    content = dossier(employees=23)
    new = [row for row in rows(content) if row["PA"] == "TM"]
    assert [int(row["STT"]) for row in new] == list(range(1, 24, NEW_EVERY))
    declared = rows(content, "TK1-TS")
    same = ("HoTen", "NgaySinh", "GioiTinh", "CMND", "MasoBHXH")
    assert [[row[name] for name in same] for row in declared] == [[row[name] for name in same] for row in new]
    assert all(row["MasoBHXH"] == "" and row["DaCoSo"] == "0" for row in new)


def test_newcomers_bring_a_number_from_elsewhere_when_no_declaration_goes_along():
    listed = rows(dossier(employees=12, forms=("D02-TS",)))
    assert all(re.fullmatch(r"99\d{8}", row["MasoBHXH"]) and row["DaCoSo"] == "1" for row in listed)
    declared = rows(dossier(employees=12))
    assert [row["HoTen"] for row in listed] == [row["HoTen"] for row in declared]


def test_the_list_of_proofs_names_employees_of_the_dossier():
    content = dossier(employees=40)
    people = {(row["HoTen"], row["MasoBHXH"]) for row in rows(content)}
    proofs = rows(content, "D01-TS")
    assert len(proofs) > 10
    assert {(row["HoTen"], row["MasoBHXH"]) for row in proofs} <= people
    assert all(day(row["NgayBanHanh"]) <= date(2026, 3, 31) for row in proofs)


def test_a_large_unit_reports_every_kind_of_change():
    found = {row["PA"] for row in rows(dossier(employees=1000))}
    assert found == {change.code for change in words().changes}
    assert {"TM", "TH", "DC", "GH", "TS", "OF", "KL", "ON"} <= found


def test_absences_say_from_when_to_when():
    absent = [row for row in rows(dossier(employees=200)) if row["PA"] in ABSENCES]
    assert len(absent) > 10
    for row in absent:
        begins, ends = map(day, re.findall(r"\d\d/\d\d/\d{4}", row["Ghichu"]))
        assert begins <= ends
        assert f"{ends:%m/%Y}" == row["DenThang"]


# --- numbers ---


def test_a_thousand_employees_have_numbers_of_their_own_shaped_as_they_should_be():
    listed = rows(dossier(employees=1000))
    personal = [row["CMND"] for row in listed]
    insurance = [row["MasoBHXH"] for row in listed if row["MasoBHXH"]]
    assert len(set(personal)) == 1000
    assert len(set(insurance)) == len(insurance) == 800
    known = {f"0{province.code}" for province in places().provinces}
    for row in listed:
        number, born = row["CMND"], day(row["NgaySinh"])
        assert re.fullmatch(r"\d{12}", number)
        assert number[:3] in known
        century_and_gender = (0 if born.year < 2000 else 2) + (row["GioiTinh"] == words().codes.female)
        assert number[3] == str(century_and_gender)
        assert number[4:6] == f"{born:%y}"
        assert int(number[6:]) >= words().numbers.personal_serial_min
    assert all(re.fullmatch(r"99\d{8}", number) for number in insurance)


def test_phone_numbers_come_from_the_block_that_is_not_in_use():
    phones = [row["Dienthoai_LH"] for row in rows(dossier(employees=100), "TK1-TS")]
    phones.append(tree(dossier()).findtext(".//ThongTinDonVi/DienThoai"))
    assert all(re.fullmatch(r"0600\d{6}", phone) for phone in phones)


@given(st.integers())
def test_every_tax_code_has_a_right_check_digit(seed):
    assert mst.is_valid(tax_code(seed))
    assert len(tax_code(seed)) == 10


def test_units_next_to_each_other_have_different_codes():
    assert len({tax_code(seed) for seed in range(20_000)}) == 20_000
    assert len({unit_code(seed) for seed in range(20_000)}) == 20_000


@given(st.integers())
def test_every_unit_code_has_one_of_the_three_shapes(seed):
    assert re.fullmatch(r"[A-Z]{2}\d{4}[A-Z]|[A-Z]{3}\d{3}[A-Z]|[A-Z]{2}\d{5}", unit_code(seed))
    assert {re.sub(r"[A-Z]", "A", re.sub(r"\d", "9", unit_code(seed + turn))) for turn in range(3)} == {
        "AA9999A",
        "AAA999A",
        "AA99999",
    }


# --- sizes ---


@pytest.mark.parametrize("employees", [1, 1000])
def test_one_employee_and_a_thousand_are_both_valid(schema_of, employees):
    content = dossier(employees=employees, forms=BENCH_FORMS, attachments=0)
    assert_all_valid(content, schema_of)
    assert len(rows(content)) == employees


@pytest.mark.parametrize(("employees", "signed_bytes"), [(10, 35_000), (50, 117_000), (500, 1_040_000)])
def test_an_envelope_for_measuring_is_about_as_large_as_those_that_were_measured(employees, signed_bytes):
    three_signatures_bytes = 11_000
    content = dossier(employees=employees, forms=BENCH_FORMS, attachments=0)
    assert len(content) + three_signatures_bytes == pytest.approx(signed_bytes, rel=0.08)


# --- the words ---


def test_the_words_are_in_nfc_and_every_doubtful_table_is_marked():
    for name in ("sample_words.toml", "sample_places.toml"):
        text = (FORMS_FOLDER.parent / name).read_text(encoding="utf-8")
        assert unicodedata.is_normalized("NFC", text)
        marks = re.findall(r'certainty = "(\w+)", source = ".+"', text)
        assert len(marks) >= 3
        assert set(marks) <= {"confirmed", "unconfirmed"}


def test_there_are_34_provinces_and_each_ward_has_a_code_of_its_own():
    provinces = places().provinces
    assert len({province.code for province in provinces}) == len(provinces) == 34
    wards = [ward for province in provinces for ward in province.wards]
    assert len({ward.code for ward in wards}) == len(wards)
    assert all(re.fullmatch(r"\d{5}", ward.code) for ward in wards)
    assert all(ward.name.startswith(("Phường ", "Xã ", "Đặc khu ")) for ward in wards)
    assert all(province.name.startswith(("Tỉnh ", "Thành phố ")) for province in provinces)
    assert {province.wage_region for province in provinces} <= words().wages.minimum.keys()
