"""A form that does not follow its layout is explained: every mistake of every row, in one pass, near misses named."""

import xml.etree.ElementTree as ET
from copy import deepcopy
from datetime import date

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas.explain import ELEMENTS_EXAMINED_MAX, explain, wrong_value
from schemas.findings import FINDINGS_MAX, Place
from schemas.tree import text_of
from schemas.validate import validate_form
from tests.schemas.judging import CATALOGUE, FORMS, GOOD, ON, changed, codes, form_findings, sample, tree

D02 = CATALOGUE.form("D02-TS", ON)
TK1 = CATALOGUE.form("TK1-TS", ON)
SECOND = xmlschema.XMLSchema(FORMS / "D02-TS/595/form.xsd")


def test_all_mistakes_of_one_row_are_told_in_the_order_of_its_columns():
    found = form_findings(sample("invalid-many-in-one-row"))
    assert [(item.code, item.column) for item in found] == [
        ("element-misspelt", "MasoBHXH"),
        ("social-number-malformed", "MasoBHXH"),
        ("element-missing", "ChucVu"),
        ("value-not-listed", "PA"),
        ("value-malformed", "CoGiamChet"),
        ("date-impossible", "NgaySinh"),
    ]
    assert {(item.row, item.row_name) for item in found} == {(1, "Nguyễn Văn Mẫu")}
    assert all(item.line and item.pointer.startswith("/D02-TS/NoiDung[1]/LaoDong[1]/") for item in found)


def test_rows_after_a_bad_row_are_examined_too():
    source = GOOD.replace("7900000001", "12").replace("7900000002", "34")
    assert [(item.row, item.value) for item in form_findings(source)] == [(1, "12"), (2, "34")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("MaSoBHXH", "MasoBHXH"),
        ("masobhxh", "MasoBHXH"),
        ("GhiChu", "Ghichu"),
        ("PhuCapBoSung", "PhuCapBosung"),
        ("TyLeDong", "TyleDong"),
        ("MaVungSS", "MavungSS"),
        ("Tu_Thang", "TuThang"),
        ("TienLuongg", "TienLuong"),
    ],
)
def test_a_near_miss_is_named_and_its_value_still_judged(written, meant):
    source = (
        GOOD.replace(f"<{meant}>", f"<{written}>")
        .replace(f"</{meant}>", f"</{written}>")
        .replace(f"<{meant}/>", f"<{written}/>")
    )
    found = form_findings(source)
    assert codes(found) == ["element-misspelt"] * 2
    assert found[0].message_en.endswith(f"“{written}” in D02-TS is written “{meant}”.")
    assert found[0].column == meant


def test_two_names_far_from_any_other_are_unexpected_and_missing():
    found = form_findings(changed("<PA>TM</PA>", "<LyDo>TM</LyDo>"))
    assert codes(found) == ["element-unexpected", "element-missing"]
    assert "ngay sau “Ghichu”" in found[1].fix_vi


def test_of_swapped_columns_only_the_misplaced_one_is_told():
    found = form_findings(sample("invalid-element-out-of-order"))
    assert [(item.code, item.column) for item in found] == [("element-out-of-order", "PA")]
    assert found[0].fix_en == "Move “PA” right after “Ghichu”."


@pytest.mark.parametrize(
    ("column", "old", "new", "code", "hint"),
    [
        ("TienLuong", "7500000", "7.500.000 đ", "amount-malformed", "7500000"),
        ("TienLuong", "7500000", "-1", "amount-not-positive", ""),
        ("TienLuong", "7500000", "0.00", "amount-not-positive", ""),
        ("TienLuong", "7500000", "1_0", "amount-malformed", ""),
        ("TienLuong", "7500000", "٧٥٠٠٠٠٠", "amount-malformed", "7500000"),
        ("TienLuong", "7500000", "7500000\u00a0", "amount-malformed", "7500000"),
        ("TienLuong", "7500000", " 7500000", "amount-malformed", "7500000"),
        ("TyleDong", "32.0", "132", "amount-malformed", ""),
        ("TuThang", "01/2026", "2026-01", "month-malformed", "01/2026"),
        ("NgaySinh", "29/02/1992", "29/02/199229/02/1992", "date-malformed", "29/02/1992"),
        ("NgaySinh", "29/02/1992", "29/02/1993", "date-impossible", ""),
        ("NgaySinh", "29/02/1992", "1/3/1992", "date-malformed", "01/03/1992"),
        ("MasoBHXH", "7900000001", "79.0000.0001", "social-number-malformed", "7900000001"),
        ("PA", "TM", "tm", "value-not-listed", "TM"),
        ("GioiTinh", "1", "Nam", "value-not-listed", ""),
        ("MavungLTT", "01", "1", "value-malformed", ""),
        ("STT", "1", "0", "value-malformed", ""),
    ],
)  # fmt: skip
def test_a_wrong_value_is_explained_and_what_was_meant_is_guessed_only_when_right(column, old, new, code, hint):
    found = form_findings(changed(f"<{column}>{old}<", f"<{column}>{new}<"))
    assert [(item.code, item.column, item.value) for item in found] == [(code, column, new)]
    assert (f"Có lẽ là “{hint}”." in found[0].fix_vi) is bool(hint)
    assert ("Có lẽ" in found[0].fix_vi) is bool(hint)


def test_a_character_that_the_eye_does_not_see_is_named():
    found = form_findings(changed("7900000001", "79000\u200b00001"))
    assert "U+200B ZERO WIDTH SPACE" in found[0].message_vi
    assert "U+0661" in form_findings(changed("7900000001", "790000000\u0661"))[0].message_en


@pytest.mark.parametrize("noise", ["<!-- c -->", "<?p q?>", "<![CDATA[]]>"])
def test_a_comment_inside_a_value_does_not_hide_what_follows(noise):
    assert form_findings(changed("7900000001", f"79000{noise}00001")) == []
    found = form_findings(changed("7900000001", f"7900000001{noise}9"))
    assert found[0].value == "79000000019"


def test_an_element_inside_a_column_is_unexpected():
    found = form_findings(changed("7900000001", "7900000001<b>x</b>"))
    assert codes(found) == ["element-unexpected"]


def test_a_document_of_nothing_but_mistakes_is_bounded_and_the_rest_counted():
    row = "<LaoDong>" + "<x/>" * 20 + "</LaoDong>"
    root = tree(f"<D02-TS><NoiDung>{row * 300}</NoiDung></D02-TS>")
    found = validate_form(root, D02, file="f", facts=CATALOGUE.facts(ON))
    assert len(found) == FINDINGS_MAX + 1
    assert found[-1].code == "more-findings"
    # 20 unknown and 7 missing columns a row
    assert f"{300 * 27 - 500} more" in found[-1].message_en


def test_a_huge_bad_form_is_explained_within_its_bound():
    row = "<LaoDong>" + "<STT>x</STT>" * 40 + "</LaoDong>"
    root = tree("<D02-TS><NoiDung>" + row * (ELEMENTS_EXAMINED_MAX // 40 + 2000) + "</NoiDung></D02-TS>")
    found, more = explain(root, D02, file="f")
    assert len(found) == FINDINGS_MAX
    assert more >= 1000


def test_wide_rows_of_unknown_names_do_not_take_quadratic_time():
    names = "".join(f"<La{number}Ten/>" for number in range(20_000))
    found = validate_form(
        tree(f"<D02-TS><NoiDung><LaoDong>{names}</LaoDong></NoiDung></D02-TS>"),
        D02,
        file="f",
        facts=CATALOGUE.facts(ON),
    )
    assert len(found) == FINDINGS_MAX + 1


def test_household_members_are_let_through_and_do_not_count_as_rows():
    root = tree(sample("valid-household", "TK1-TS").replace("<STT>1</STT>\n            <HoTen>", "<STT>7</STT><HoTen>"))
    assert validate_form(root, TK1, file="f", facts=CATALOGUE.facts(ON)) == []


COLUMNS = list(D02.model.children[1].children[0].children)
VALUES = st.sampled_from(
    ["", " ", "0", "1", "01", "05", "TM", "tm", "32.0", "101", "01/2026", "13/2026", "31/02/2026", "29/02/2024",
     "7900000001", "7500000", "-1", "1_0", "٣", "\u00a01", " 1", "1 ", "x" * 101, "x" * 501,
     "Nguyễn", "079092000001", "a\nb"]
) | st.text(alphabet="0123456789/.TMG x", max_size=12)  # fmt: skip


XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
CHANGES = {
    "rename": lambda row, column, draw: setattr(
        column, "tag", draw(st.sampled_from(["MaSoBHXH", "La", "STT", "PA", "hoten"]))
    ),
    "drop": lambda row, column, draw: row.remove(column),
    "double": lambda row, column, draw: row.insert(row.index(column), deepcopy(column)),
    "move": lambda row, column, draw: row.insert(draw(st.integers(0, len(row) - 1)), column),
    "attribute": lambda row, column, draw: column.set(
        draw(st.sampled_from(["a", XSI + "nil", XSI + "type", XSI + "schemaLocation"])), "true"
    ),
    "text": lambda row, column, draw: setattr(column, "tail", draw(st.sampled_from(["chữ", "\n"]))),
    "inside": lambda row, column, draw: etree.SubElement(column, "b"),
    "namespace": lambda row, column, draw: setattr(column, "tag", "{urn:x}" + etree.QName(column).localname),
    "no-row": lambda row, column, draw: row.getparent().remove(row),
    "value": lambda row, column, draw: setattr(column, "text", draw(VALUES)),
}


@st.composite
def mutated(draw):
    """A good form with a few columns refilled, renamed, dropped, doubled, moved or given what they may not have."""
    root = etree.fromstring(GOOD.encode())
    for _ in range(draw(st.integers(1, 4))):
        if rows := [row for row in root.findall("NoiDung/LaoDong") if len(row)]:
            row = draw(st.sampled_from(rows))
            column = draw(st.sampled_from(list(row)))
            CHANGES[draw(st.sampled_from([*CHANGES, "value", "value"]))](row, column, draw)
    return etree.tostring(root, encoding="unicode")


@settings(max_examples=250, deadline=None)
@given(mutated())
def test_our_explanation_finds_fault_exactly_where_libxml2_does(source):
    root = tree(source)
    found, _ = explain(root, D02, file="f")
    # libxml2 takes what XML Schema Part 1 §3.4.4 allows: nothing of xsi:type or xsi:nil is allowed here, nor elsewhere.
    assert (found == []) == D02.schema.validate(root), [item.message_en for item in found]


@settings(max_examples=100, deadline=None)
@given(mutated())
def test_xmlschema_is_of_libxml2s_mind_but_for_known_differences(source):
    verdict = D02.schema.validate(tree(source))
    try:
        second = SECOND.is_valid(ET.fromstring(source))
    except (xmlschema.XMLSchemaException, KeyError, ValueError):
        # xmlschema raises on an xsi:type it does not know, where libxml2 finds it invalid.
        second = False
    assert verdict == second


@settings(max_examples=200)
@given(st.sampled_from(COLUMNS), VALUES | st.text(max_size=40))
def test_each_type_admits_what_libxml2_admits_and_else_is_worded(column, text):
    try:
        cell = etree.Element(column.name)
        cell.text = text
    except ValueError:
        return
    root = etree.fromstring(GOOD.encode())
    row = root.find("NoiDung/LaoDong")
    row.replace(row.find(column.name), cell)
    # A lone carriage return would be another character once written and read again.
    if "\r" in text:
        return
    assert column.type.admits(text) == D02.schema.validate(tree(etree.tostring(root)))
    if not column.type.admits(text):
        told = wrong_value(text, column.type, Place(file="f"))
        assert told.message_vi.startswith("Tệp f: ")


def test_the_text_of_an_element_is_whole():
    assert text_of(etree.fromstring("<a>1<!-- x -->2<?p q?>3</a>")) == "123"
    assert text_of(etree.fromstring("<a/>")) == ""


def test_columns_are_judged_on_any_day_alike():
    assert CATALOGUE.form("D02-TS", date(2030, 1, 1)) is D02
