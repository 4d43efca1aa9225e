"""The envelope: its layout, its files in strict base64, its counts and lengths, names and identifiers."""

from base64 import b64encode
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas.checkdigits import agency_code_finding, tax_code_canonical, tax_code_holds
from schemas.envelope import BARE_FORMS, open_envelope, peek, procedure_code
from schemas.findings import Severity
from tests.schemas.judging import CATALOGUE, GOOD, ON, PDF, codes, dossier, file, opened, sample, tree

PDF_FILE = file("CT-DK", "HopDong.pdf", ".pdf", PDF)


def test_a_good_envelope_is_read_whole():
    box, found = opened(dossier(file(), PDF_FILE))
    assert found == []
    assert (box.form, box.form_version, box.procedure, box.period) == ("Hoso", "Hoso@1", "600", "01/2026")
    assert (box.unit_code, box.tax_code, box.office_code) == ("TS12345", "0101234565", "07906")
    assert (box.ivan_code, box.signer_name, box.made_on) == ("00040", "Phạm Thị Mẫu", date(2026, 1, 13))
    assert box.file_count == 2
    assert [(f.number, f.form, f.name, f.kind) for f in box.files] == [
        (1, "D02-TS", "D02-TS-595.xml", ".xml"),
        (2, "CT-DK", "HopDong.pdf", ".pdf"),
    ]
    assert box.files[0].content == GOOD.encode()
    assert box.files[0].declared_length == len(b64encode(GOOD.encode()))
    assert box.files[1].line


def test_the_header_is_seen_at_first_sight_without_judgement():
    header = peek(tree(dossier(MaThuTuc="600-595", MaSoThue="0101234565001", KyKeKhai="??")))
    assert (header.form, header.unit_code, header.procedure, header.period) == ("Hoso", "TS12345", "600", "??")
    assert (header.tax_code, header.office_code) == ("0101234565-001", "07906")


TAGS = st.sampled_from(
    [
        "Hoso",
        "NoiDung",
        "ThongTinDonVi",
        "ThongTinHoSo",
        "ToKhais",
        "FileToKhai",
        "MaSoBHXH",
        "MaIVan",
        "NoiDungThayDoi",
        "NgayNgung",
        "NoiDungFile",
        "SoLuongFile",
        "x",
    ]
)
TREES = st.recursive(
    st.builds(lambda tag, text: f"<{tag}>{text}</{tag}>", TAGS, st.sampled_from(["", "1", "<!--c-->2", "QQ=="])),
    lambda inner: st.builds(lambda tag, kids: f"<{tag}>{''.join(kids)}</{tag}>", TAGS, st.lists(inner, max_size=4)),
    max_leaves=15,
)


@settings(max_examples=200)
@given(TREES)
def test_any_tree_is_peeked_at_and_opened_without_raising(inner):
    for source in (inner, f"<Hoso>{inner}</Hoso>", f"<Hoso><NoiDung>{inner}</NoiDung></Hoso>"):
        root = tree(source)
        peek(root)
        box, found = open_envelope(root, catalogue=CATALOGUE, on=ON)
        assert found
        assert box is not None or codes(found) == ["envelope-root-unknown"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (GOOD, "D02-TS"),
        ("<BaoHiemDienTu/>", "mẫu phong bì cũ"),
        ("<hoso/>", "chữ hoa, chữ thường"),
        ('<Hoso xmlns="urn:x"/>', "không gian tên"),
    ],
)
def test_what_is_no_envelope_is_named(source, words):
    box, found = opened(source)
    assert box is None
    assert codes(found) == ["envelope-root-unknown"]
    assert words in found[0].message_vi


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("QUJD*", "ký tự lạ “*” ở vị trí 5"),
        ("QUJDQU", "bị cắt sau 6 ký tự"),
        ("QU JD", "chen giữa nhóm"),
        ("QUJ=QUJD", "dấu “=” sai chỗ"),
        ("QR==", "không đúng chuẩn"),
    ],
)
def test_junk_that_libxml2_would_take_for_base64_names_the_file_and_the_place(text, why):
    box, found = opened(dossier(file(text=text), PDF_FILE))
    assert codes(found) == ["file-base64-broken"]
    assert "tệp thứ 1 “D02-TS-595.xml”" in found[0].message_vi
    assert why in found[0].message_vi
    assert found[0].pointer.endswith("FileToKhai[1]")
    assert [f.number for f in box.files] == [2]
    assert box.unreadable == ("D02-TS",)


def test_base64_folded_into_lines_is_read_and_its_length_may_be_told_in_three_ways():
    text = b64encode(GOOD.encode()).decode()
    folded = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    for length in (len(folded), len(text), len(folded) + folded.count("\n")):
        box, found = opened(dossier(file(text=folded, length=length)))
        assert found == []
        assert box.files[0].content == GOOD.encode()


def test_a_decoded_length_is_a_warning_and_any_other_an_error():
    size = len(GOOD.encode())
    _, found = opened(dossier(file(length=size)))
    assert [(item.code, item.severity) for item in found] == [("file-length-decoded", Severity.WARNING)]
    _, found = opened(dossier(file(length=size + 1)))
    assert [(item.code, item.severity) for item in found] == [("file-length-mismatch", Severity.ERROR)]
    _, found = opened(dossier(file(length="")))
    assert found == []


def test_the_number_of_files_must_be_the_number_told():
    _, found = opened(dossier(file(), SoLuongFile=3))
    assert codes(found) == ["file-count-mismatch"]
    assert "3" in found[0].message_vi
    assert found[0].line


def test_all_faults_of_all_files_come_in_one_pass():
    source = dossier(
        file(text="*"),
        file("CT-DK", "../x.pdf", ".pdf", PDF),
        file("CT-DK", "a.png", ".pdf", PDF),
        file(text=""),
        SoLuongFile=9,
    )
    _, found = opened(source)
    assert codes(found) == [
        "file-count-mismatch",
        "file-base64-broken",
        "file-name-unsafe",
        "file-kind-mismatch",
        "file-name-repeated",
        "file-empty",
    ]


@pytest.mark.parametrize(
    "name", ["a/b.pdf", "a\\b.pdf", "..", "a..pdf", ".pdf", "C:a.pdf", "a\u202efdp.exe", "a.pdf. ", "a|b.pdf"]
)
def test_a_name_that_could_leave_its_folder_or_deceive_the_eye_is_refused(name):
    _, found = opened(dossier(file("CT-DK", name, "", PDF)))
    # A trailing blank is gone before the name is looked at; the trailing point is not.
    assert "file-name-unsafe" in codes(found)


def test_names_that_differ_in_case_only_are_one():
    _, found = opened(dossier(file("CT-DK", "A.pdf", ".pdf", PDF), file("CT-DK", "a.PDF", ".pdf", PDF)))
    assert codes(found) == ["file-name-repeated"]


@pytest.mark.parametrize(
    ("code", "name", "kind", "form", "expected"),
    [
        ("D02-TS", "x.xml", ".xml", "D02-TS", []),
        ("D02-TS-595", "D02-TS-595.xml", "xml", "D02-TS", []),
        ("D02-TS", "D02-TS", ".XML", "D02-TS", []),
        (".xml", "D02-TS-595.xml", ".xml", "D02-TS", ["form-code-junk"]),
        ("", "0930455073_20260113_D02.xml", ".xml", "D02-TS", ["form-code-junk"]),
        (".xml", "093045507320260113_D02-TS.xml", ".xml", "D02-TS", ["form-code-junk"]),
        ("d02-ts", "a.xml", ".xml", "D02-TS", ["form-code-junk"]),
        ("D02-TS.xml", "a.xml", ".xml", "D02-TS", ["form-code-junk"]),
        ("05A-HSB", "05A-HSB.xml", ".xml", "M05A-HSB", []),
        ("M05A-HSB", "05A-HSB.xml", ".xml", "M05A-HSB", []),
        ("05A-HSB-166", "05A-HSB-166.xml", ".xml", "M05A-HSB", []),
        ("01B-HSB_166", "01B-HSB.xml", ".xml", "M01B-HSB", []),
        ("M01B-HSB", "x.xml", ".xml", "M01B-HSB", []),
        ("D03-TS-595", "D03-TS-595.xml", ".xml", "D03-TS", []),
        ("D02-LT-TANG", "x.xml", ".xml", "D02-LT", []),
        ("CT-DK", "a.pdf", ".pdf", "CT-DK", []),
        ("CT-DK", "a.jpeg", ".jpg", "CT-DK", []),
        ("CT-DK", "Hop dong 01.2026", ".pdf", "CT-DK", []),
        ("HopDong", "HopDong.pdf", ".pdf", "CT-DK", ["attachment-code-unexpected"]),
        (".pdf", "HopDong.pdf", ".pdf", "CT-DK", ["attachment-code-unexpected"]),
        ("D02-TS", "D02-TS.pdf", ".pdf", "D02-TS", ["form-not-xml"]),
        ("CT-DK", "a.exe", ".pdf", "CT-DK", ["file-kind-mismatch"]),
    ],
)
def test_the_form_is_told_by_its_code_and_junk_is_named_readably(code, name, kind, form, expected):
    box, found = opened(dossier(file(code, name, kind)))
    assert codes(found) == expected
    assert box.files[0].form == form
    if expected == ["form-code-junk"]:
        assert found[0].message_vi.endswith("Theo nội dung, đây là D02-TS.")


@pytest.mark.parametrize(
    ("code", "name", "root", "form"),
    [
        (".xml", "05A-HSB.xml", "x", "M05A-HSB"),
        (".xml", "0930455073_05a-hsb-166.xml", "x", "M05A-HSB"),
        ("", "a.xml", "M05A-HSB", "M05A-HSB"),
        ("", "a.xml", "M01B-HSB", "M01B-HSB"),
        ("m01b-hsb", "a.xml", "x", "M01B-HSB"),
    ],
)
def test_a_form_is_recognised_by_either_of_its_names_or_by_its_root(code, name, root, form):
    box, found = opened(dossier(file(code, name, ".xml", f"<{root}/>")))
    assert codes(found) == ["form-code-junk"]
    assert found[0].message_vi.endswith(f"Theo nội dung, đây là {form}.")
    assert box.files[0].form == form


def test_a_form_code_nobody_knows_is_kept_for_the_procedure_to_judge():
    box, found = opened(dossier(file("TK9-TS", "TK9-TS.xml", ".xml", "<TK9-TS/>")))
    assert found == []
    assert box.files[0].form == "TK9-TS"


@pytest.mark.parametrize(
    ("columns", "code", "severity"),
    [
        ({"KyKeKhai": "13/2026"}, "month-malformed", "error"),
        ({"KyKeKhai": "012026"}, "month-malformed", "error"),
        ({"NgayLap": "31/02/2026"}, "date-impossible", "error"),
        ({"NgayLap": "2026-01-13"}, "date-malformed", "error"),
        ({"NgayLap": "21/01/2026"}, "made-on-in-future", "warning"),
        ({"MaSoThue": "0101234567"}, "tax-code-check-digit", "warning"),
        ({"MaSoThue": "01012345"}, "value-malformed", "error"),
        ({"MaSoBHXH": "TS123"}, "unit-code-shape", "warning"),
        ({"SoLuongFile": "hai"}, "value-malformed", "error"),
    ],
)
def test_the_headers_values_are_judged(columns, code, severity):
    _, found = opened(dossier(**columns))
    assert [(item.code, item.severity) for item in found] == [(code, severity)]
    assert found[0].column in columns
    assert found[0].line


@pytest.mark.parametrize("tax_code", ["0101234565-001", "0101234565001", "079092000001"])
def test_branch_and_personal_tax_codes_are_accepted(tax_code):
    assert opened(dossier(MaSoThue=tax_code))[1] == []


def test_tax_codes_have_one_spelling():
    assert tax_code_canonical("0101234565001") == tax_code_canonical("0101234565-001") == "0101234565-001"
    assert tax_code_canonical("0101234565") == "0101234565"
    assert tax_code_canonical("x") == "x"
    assert tax_code_holds("0101234565")
    assert not tax_code_holds("0101234566")
    assert tax_code_holds("079092000001")
    assert not tax_code_holds("x")


def test_the_first_registration_is_itself_the_form():
    box, found = opened(sample("valid-registration", "04_DK-IVAN", "1"))
    assert found == []
    assert (box.form, box.procedure, box.unit_code, box.period, box.files) == ("04_DK-IVAN", "04", "", "", ())
    assert (box.tax_code, box.office_code, box.ivan_code, box.phone) == ("0101234565", "07906", "00040", "0900000000")
    assert peek(tree(sample("valid-registration", "04_DK-IVAN", "1"))).procedure == "04"


@pytest.mark.parametrize(
    ("form", "procedure", "name"),
    [
        ("05_SD-IVAN", "05", "valid-change"),
        ("06_NG-IVAN", "06", "valid-stop"),
        ("06_NG-IVAN", "06", "valid-few-columns"),
    ],
)
def test_change_and_end_of_a_registration_are_forms_of_a_registered_unit(form, procedure, name):
    box, found = opened(sample(name, form, "1"))
    assert found == []
    assert (box.form, box.form_version, box.procedure) == (form, f"{form}@1", procedure)
    assert (box.unit_code, box.tax_code, box.office_code, box.ivan_code) == ("TS12345", "0101234565", "07906", "00040")
    assert (box.period, box.file_count, box.files) == ("", None, ())
    header = peek(tree(sample(name, form, "1")))
    assert (header.form, header.procedure, header.unit_code) == (form, procedure, "TS12345")
    assert BARE_FORMS[form] == procedure


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("<MaCoQuan/><MaIVan/>", "04_DK-IVAN"),
        ("<MaIVan/>", "04_DK-IVAN"),
        ("<MaCoQuan/><NoiDungThayDoi/>", "05_SD-IVAN"),
        ("<MaCoQuan/><Noidung_Thaydoi/>", "05_SD-IVAN"),
        ("<MaCoQuan/><NgayNgung/>", "06_NG-IVAN"),
        ("<MaCoQuan/><LYDO_NGUNG/>", "06_NG-IVAN"),
        ("<MaCoQuan/><NoiDungThayDoi/><NgayNgung/>", "06_NG-IVAN"),
        ("<MaCoQuan/><NgayNgung/><ThongTinDonVi/>", "Hoso"),
        ("<MaIVan/><NoiDungThayDoi/><ThongTinHoSo/>", "Hoso"),
        ("<TenDoiTuong/>", "Hoso"),
    ],
)
def test_documents_without_an_envelope_are_told_apart_by_what_they_hold(content, form):
    assert peek(tree(f"<Hoso><NoiDung>{content}</NoiDung></Hoso>")).form == form


def test_a_first_registration_that_names_a_unit_speaks_for_nobody():
    told = sample("valid-registration", "04_DK-IVAN", "1")
    header = peek(tree(told.replace("<MaSoThue>", "<MaSoBHXH>TS12345</MaSoBHXH><MaSoThue>")))
    assert (header.form, header.unit_code) == ("04_DK-IVAN", "")


def test_the_envelopes_other_spelling_of_the_ivan_code_is_a_near_miss():
    _, found = opened(dossier().replace("MaIVAN", "MaIVan"))
    assert codes(found) == ["element-misspelt"]
    assert found[0].message_vi.endswith("thẻ “MaIVan” trong Hoso phải viết là “MaIVAN”.")


@pytest.mark.parametrize(
    ("written", "candidates", "code"),
    [
        ("07906", ["07906"], None),
        ("07906", ["07906", "08906"], None),
        ("903", ["00903"], "agency-code-mangled"),
        ("1903", ["01903"], "agency-code-mangled"),
        ("903", ["00903", "01903"], "agency-code-ambiguous"),
        ("903", [], "agency-code-unknown"),
        ("99999", [], "agency-code-unknown"),
    ],
)
def test_an_agency_code_is_looked_up_and_never_guessed(written, candidates, code):
    found = agency_code_finding(written, candidates)
    assert (found.code if found else None) == code
    if found:
        assert found.value == written
        assert all(candidate in found.message_vi for candidate in candidates)
        assert found.severity == ("warning" if code == "agency-code-mangled" else "error")


def test_procedure_codes_lose_the_decisions_number():
    written = ("600", "600-595", "600_595", "600c-959", "630a-166", "600-1")
    assert [procedure_code(code) for code in written] == ["600", "600", "600", "600c", "630a", "600-1"]


def test_a_comment_inside_the_header_hides_nothing():
    source = dossier().replace("TS12345", "TS1<!-- x -->2345")
    assert peek(tree(source)).unit_code == "TS12345"
    assert etree.tostring(tree(source), method="c14n", with_comments=False).count(b"TS12345") == 1
