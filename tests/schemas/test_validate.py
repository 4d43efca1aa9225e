"""Rules beyond the schema, and the dossier against its procedure."""

import re
import time

import pytest

from schemas.findings import Severity
from schemas.validate import ROWS_MAX, validate_form
from tests.schemas.judging import (
    CATALOGUE,
    GOOD,
    ON,
    PDF,
    changed,
    codes,
    dossier,
    file,
    form_findings,
    judge,
    sample,
    tree,
)

TK1 = sample("valid-newcomer", "TK1-TS")
D01 = sample("valid-one-paper", "D01-TS")


def test_a_good_dossier_has_no_findings():
    parts = [file(), file("TK1-TS", "TK1-TS.xml", ".xml", TK1), file("D01-TS", "D01-TS.xml", ".xml", D01)]
    assert judge(dossier(*parts, file("CT-DK", "a.pdf", ".pdf", PDF))) == []
    assert judge(sample("valid-registration", "04_DK-IVAN", "1")) == []


def test_an_unknown_procedure_is_named_with_those_near_it():
    (found,) = judge(dossier(file(), MaThuTuc="600x"))
    assert found.code == "procedure-unknown"
    assert "Có lẽ là: 600" in found.message_vi
    (found,) = judge(dossier(file(), MaThuTuc="XYZ"))
    assert "Cổng này nhận: 04, 05, 06, 600" in found.message_vi


def test_a_missing_mandatory_form_is_named_with_its_title():
    (found,) = judge(dossier(file("TK1-TS", "TK1-TS.xml", ".xml", TK1)))
    assert (found.code, found.value) == ("mandatory-form-missing", "600")
    assert "D02-TS (Danh sách lao động" in found.message_vi


def test_a_form_that_may_not_be_there_is_named_with_those_that_may():
    found, *_ = judge(dossier(file(), file("TK3-TS", "TK3-TS.xml", ".xml", "<TK3-TS/>")))[::-1]
    assert (found.code, found.file, found.value) == ("form-not-allowed", "TK3-TS.xml", "TK3-TS")
    assert "CT-DK, D01-TS, D02-TS, TK1-TS" in found.message_en


def test_a_form_that_could_not_be_decoded_is_not_missing_besides():
    assert codes(judge(dossier(file(text="*")))) == ["file-base64-broken"]


def test_attachments_are_judged_by_their_content():
    (found,) = judge(dossier(file(), file("CT-DK", "a.pdf", ".pdf", b"\x89PNG\r\n\x1a\n")))[:1]
    assert found.code == "attachment-content-mismatch"
    assert found.pointer.endswith("FileToKhai[2]")
    assert codes(judge(dossier(file(), file("CT-DK", "a.xml", ".xml", "<a/>")))) == ["attachment-kind-not-allowed"]


def test_faults_of_envelope_form_and_attachment_come_in_one_pass():
    bad = changed("7900000001", "79")
    found = judge(dossier(file(content=bad), file("CT-DK", "a.pdf", ".pdf", b"MZ"), KyKeKhai="1/2026", SoLuongFile=1))
    assert codes(found) == [
        "month-malformed",
        "file-count-mismatch",
        "social-number-malformed",
        "attachment-executable",
    ]


def test_someone_without_a_number_needs_a_declaration():
    source = changed("<MasoBHXH>7900000001</MasoBHXH>", "<MasoBHXH/>")
    (found,) = judge(dossier(file(content=source)))
    assert (found.code, found.severity, found.row) == ("d02-declaration-missing", Severity.WARNING, 1)
    assert "TK1-TS" in found.message_vi
    (found,) = judge(dossier(file(content=source), file("TK1-TS", "TK1-TS.xml", ".xml", TK1)))
    assert (found.code, found.severity, found.row) == ("d02-declaration-of-others", Severity.WARNING, 1)


@pytest.mark.parametrize(
    ("start", "end", "first", "last", "code"),
    [
        ("TuThang", "DenThang", "01/2026", "12/2025", "d02-months-reversed"),
        ("TuThang", "DenThang", "01/2026", "01/2026", ""),
        ("TuThang", "DenThang", "12/2025", "01/2026", ""),
        ("Hdld_xdth_tungay", "Hdld_xdth_denngay", "02/01/2026", "01/01/2026", "d02-fixed-term-reversed"),
        ("Hdld_xdth_tungay", "Hdld_xdth_denngay", "31/12/2025", "01/01/2026", ""),
        ("Hdld_xdth_tungay", "Hdld_xdth_denngay", "01/02/2026", "31/01/2026", "d02-fixed-term-reversed"),
        ("Nndh_tungay", "Nndh_denngay", "", "01/01/2026", ""),
        ("Nndh_tungay", "Nndh_denngay", "02/01/2026", "01/01/2026", "d02-hazard-reversed"),
        ("Vtvl_khac_tungay", "Vtvl_khac_denngay", "02/02/2026", "03/01/2026", "d02-other-position-reversed"),
    ],
)
def test_a_range_may_not_run_backwards(start, end, first, last, code):
    root = tree(GOOD)
    row = root.find("NoiDung/LaoDong")
    row.find(start).text, row.find(end).text = first, last
    found = validate_form(root, CATALOGUE.form("D02-TS", ON), file="f", facts=CATALOGUE.facts(ON))
    found = [one for one in found if one.code.endswith("-reversed")]
    assert codes(found) == ([code] if code else [])
    if code:
        assert (found[0].column, found[0].value, found[0].row) == (end, last, 1)
        assert first in found[0].message_vi


def test_ranges_are_judged_in_a_form_that_is_bad_elsewhere_and_where_the_ends_stand_apart():
    source = changed("<PA>TM</PA>", "<PA>ZZ</PA>").replace("<DenThang/>", "<!-- c --><DenThang>12/2025</DenThang>", 1)
    assert codes(form_findings(source)) == ["value-not-listed", "d02-months-reversed"]


def numbered(*numbers):
    row = GOOD[GOOD.index("    <LaoDong>") : GOOD.index("</LaoDong>") + len("</LaoDong>\n")]
    rows = "".join(
        row.replace("<STT>1<", f"<STT>{number}<").replace("7900000001", f"79{at:08}")
        for at, number in enumerate(numbers)
    )
    return GOOD[: GOOD.index("    <LaoDong>")] + rows + GOOD[GOOD.index("  </NoiDung>") :]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 2, 3), []),
        ((1, 2, 2, 3), [("row-number-repeated", 3)]),
        ((1, 3, 4), [("row-number-gap", 2)]),
        ((2, 3), [("row-number-gap", 1)]),
        ((1, 2, 1, 2), [("row-number-repeated", 3)]),
    ],
)
def test_rows_numbered_otherwise_than_in_turn_are_warned_of_once_a_slip(numbers, expected):
    found = form_findings(numbered(*numbers))
    assert [(item.code, item.row) for item in found] == expected
    assert all(item.severity is Severity.WARNING for item in found)


def test_the_same_row_twice_is_warned_of_and_the_same_person_for_another_reason_is_not():
    source = GOOD.replace("7900000002", "7900000001")
    assert form_findings(source) == []
    twice = (
        source.replace("<PA>TS", "<PA>TM")
        .replace("<TuThang>12/2025", "<TuThang>01/2026")
        .replace("<DenThang>12/2025", "<DenThang>")
    )
    (found,) = (one for one in form_findings(twice) if not one.code.startswith("d02-"))
    assert (found.code, found.row, found.severity) == ("row-repeated", 2, Severity.WARNING)
    assert "dòng 1 (Mã số BHXH, Phương án, Từ tháng, năm)" in found.message_vi


def test_findings_are_sorted_by_row():
    rows = numbered(1, 5, 6).replace("7900000002", "x").replace("7900000000", "y")
    found = form_findings(rows)
    assert [(item.row, item.code) for item in found] == [
        (1, "social-number-malformed"),
        (2, "row-number-gap"),
        (3, "social-number-malformed"),
    ]


def test_a_form_inside_another_forms_name_is_told_by_its_root():
    (found,) = judge(dossier(file(content=TK1)))
    assert (found.code, found.value) == ("root-unexpected", "TK1-TS")


def test_a_dossier_without_any_file_is_refused_though_what_it_must_hold_is_not_confirmed():
    for procedure in ("607", "609", "600"):
        found = [one for one in judge(dossier(MaThuTuc=procedure)) if one.code == "dossier-empty"]
        assert [one.severity for one in found] == [Severity.ERROR], procedure
    assert "dossier-empty" not in codes(judge(dossier(file(text="*"))))


def test_a_form_that_nobody_can_read_is_refused_though_the_procedures_list_is_not_confirmed():
    parts = file("TK1-TS", "TK1-TS.xml", ".xml", TK1)
    (found,) = judge(dossier(parts, file("MAU-LA", "a.xml", ".xml", "<x>junk"), MaThuTuc="607"))
    assert (found.code, found.severity) == ("form-not-allowed", Severity.ERROR)
    found = judge(dossier(parts, file("D01-TS", "a.xml", ".xml", D01), MaThuTuc="607"))[-1]
    assert (found.code, found.severity) == ("form-not-allowed", Severity.WARNING)


def test_columns_that_are_not_confirmed_hide_no_rule_that_refuses():
    for source in ("<TK3-TS/>", "<TK3-TS><Noidung/></TK3-TS>", f"<TK3-TS><NoiDung>{'<x/>' * 600}</NoiDung></TK3-TS>"):
        found = {one.code: one.severity for one in form_findings(source, "TK3-TS")}
        assert found["tk3-nothing-declared"] is Severity.ERROR, source


def test_a_household_of_ten_thousand_is_judged_in_the_time_of_its_length():
    member = "<ThanhVien><STT>1</STT><HoTen>Lê Văn Ví Dụ</HoTen><MoiQuanHe>{}</MoiQuanHe></ThanhVien>"
    spent = []
    for count in (1_000, 10_000):
        members = member.format("00") + member.format("22") * (count - 1)
        source = re.sub(r"<ThanhVien>.*</ThanhVien>", members, sample("valid-household", "TK1-TS"), flags=re.DOTALL)
        root = tree(source)
        began = time.process_time()
        for _ in range(3):
            found = validate_form(root, CATALOGUE.form("TK1-TS", ON), file="t", facts=CATALOGUE.facts(ON))
            assert found == []
        spent.append(time.process_time() - began)
    assert spent[1] < 30 * spent[0]


def test_a_list_that_would_take_long_to_explain_is_refused_at_once():
    row = "<LaoDong><STT>1</STT></LaoDong>"
    root = tree(f"<D02-TS><NoiDung>{row * (ROWS_MAX + 1)}</NoiDung></D02-TS>")
    (found,) = validate_form(root, CATALOGUE.form("D02-TS", ON), file="f", facts=CATALOGUE.facts(ON))
    assert (found.code, found.severity) == ("rows-too-many", Severity.ERROR)
    assert "10001" in found.message_vi
