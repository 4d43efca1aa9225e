"""The rules of a form: how a form.sch is read, and how its rules are judged."""

import re

import pytest
from msgspec import structs

from schemas.findings import Severity
from schemas.form import FormUnusableError, read_form
from schemas.rule_functions import day, month
from schemas.rules import RulesNotUnderstoodError
from schemas.schematron import read_schematron
from schemas.validate import validate_form
from schemas.xpath_quick import number_of
from tests.schemas.judging import CATALOGUE, ON, codes, tree

FACTS = CATALOGUE.facts(ON)
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="F"><xs:complexType><xs:sequence>
  <xs:element name="Dau" minOccurs="0"><xs:complexType><xs:sequence>
    <xs:element name="Tong" type="T" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="NoiDung"><xs:complexType><xs:sequence>
    <xs:element name="Dong" maxOccurs="unbounded"><xs:complexType><xs:sequence>
      <xs:element name="STT" type="T"/><xs:element name="Ten" type="T"/><xs:element name="So" type="T" minOccurs="0"/>
      <xs:element name="Ma" type="M" minOccurs="0"/>
      <xs:element name="Sau" minOccurs="0"><xs:complexType><xs:sequence>
        <xs:any namespace="##any" processContents="skip" minOccurs="0" maxOccurs="unbounded"/>
      </xs:sequence></xs:complexType></xs:element>
    </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
  <xs:element name="Cky" minOccurs="0"><xs:complexType><xs:sequence>
    <xs:any namespace="##any" processContents="skip" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:sequence></xs:complexType></xs:element>
<xs:simpleType name="T"><xs:restriction base="xs:string"/></xs:simpleType>
<xs:simpleType name="M"><xs:restriction base="xs:string"><xs:pattern value="[A-Z]*"/></xs:restriction></xs:simpleType>
</xs:schema>"""
TOML = """form = "F"
version = "1"
title_vi = "Mẫu thử"
title_en = "A form to try"
decision = ""
valid_from = 2020-01-01
root = "F"
signature_path = "/F/Cky"
[certainty]
root = "verified"
[rows]
path = "/F/NoiDung/Dong"
number = "STT"
name = "Ten"
key = "So"
same = ["So"]
[labels]
So = "Số"
"""
HEAD = (
    '<sch:schema xmlns:sch="http://purl.oclc.org/dsdl/schematron" xmlns:m="urn:motcua:rule" queryBinding="xslt">'
    '<sch:ns prefix="m" uri="urn:motcua:rule"/>'
)


def said(name, vi="sai <sch:value-of select='Ma'/>.", en="wrong <sch:value-of select='Ma'/>."):
    words = {".vi": vi, ".en": en, ".fix.vi": "Sửa.", ".fix.en": "Mend it."}
    return "".join(
        f'<sch:diagnostic id="{name}{ending}" xml:lang="{ending[-2:]}">{text}</sch:diagnostic>'
        for ending, text in words.items()
    )


def checked(name, test, role="error", certainty="verified", subject="Ma"):
    named = " ".join(name + ending for ending in (".vi", ".en", ".fix.vi", ".fix.en"))
    return (
        f'<sch:assert id="{name}" role="{role}" subject="{subject}" test="{test}" m:certainty="{certainty}"'
        f' m:source="made up" diagnostics="{named}">It holds.</sch:assert>'
    )


def book(*rules, lets="", context="/F/NoiDung/Dong"):
    """A form.sch with these (name, test, …) rules."""
    asserts = "".join(checked(*rule) for rule in rules)
    return (
        f'{HEAD}<sch:pattern><sch:rule context="{context}">{lets}{asserts}</sch:rule></sch:pattern>'
        f"<sch:diagnostics>{''.join(said(rule[0]) for rule in rules)}</sch:diagnostics></sch:schema>"
    )


@pytest.fixture
def form_of(tmp_path):
    def make(sch):
        folder = tmp_path / "F" / "1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "form.xsd").write_text(XSD, "utf-8")
        (folder / "form.toml").write_text(TOML, "utf-8")
        (folder / "form.sch").write_text(sch, "utf-8")
        return read_form(folder / "form.toml")

    return make


def rows(*inside, head=""):
    made = "".join(f"<Dong><STT>{at}</STT><Ten>Người {at}</Ten>{one}</Dong>" for at, one in enumerate(inside, 1))
    return tree(f"<F>{head}<NoiDung>{made}</NoiDung></F>")


def found(form, root, **facts):
    return validate_form(root, form, file="f.xml", facts=structs.replace(FACTS, **facts))


def test_a_broken_rule_names_row_person_column_value_and_remedy_in_both_languages(form_of):
    form = form_of(book(("f-ma-a", "not(Ma != '') or Ma = 'A'")))
    (one,) = found(form, rows("<So>01</So><Ma>A</Ma>", "<So>02</So><Ma>B</Ma>", "<So>03</So>"))
    assert (one.code, one.severity, one.row, one.row_name, one.row_key) == ("f-ma-a", "error", 2, "Người 2", "02")
    assert (one.column, one.value, one.pointer, one.line) == ("Ma", "B", "/F/NoiDung/Dong[2]/Ma", 1)
    assert one.message_vi == "Tệp f.xml, dòng 2 (Người 2, 02), cột Ma: sai B."
    assert one.message_en == "File f.xml, row 2 (Người 2, 02), column Ma: wrong B."
    assert (one.fix_vi, one.fix_en) == ("Sửa.", "Mend it.")


def test_a_column_that_is_not_there_is_named_all_the_same(form_of):
    form = form_of(book(("f-ma-needed", "Ma != ''")))
    (one,) = found(form, rows("<So>01</So>"))
    assert (one.column, one.value, one.row, one.pointer) == ("Ma", "", 1, "/F/NoiDung/Dong/Ma")


def test_a_rule_on_an_unconfirmed_fact_warns_until_that_fact_is_confirmed(form_of):
    form = form_of(book(("f-ma-a", "Ma = 'A'", "error", "unconfirmed"), ("f-ma-b", "Ma = 'A'", "warning")))
    bad = rows("<Ma>B</Ma>")
    assert [one.severity for one in found(form, bad)] == [Severity.WARNING, Severity.WARNING]
    confirmed = found(form, bad, confirmed=frozenset({"f-ma-a", "f-ma-b"}))
    assert [one.severity for one in confirmed] == [Severity.ERROR, Severity.WARNING]


def test_rules_about_other_forms_are_asked_of_a_dossier_and_not_of_a_form_alone(form_of):
    form = form_of(book(("f-ma-there", "m:has('G', 'Ma', Ma)"), ("f-g-there", "m:filed('G')")))
    row = rows("<Ma>B</Ma>")
    assert found(form, row) == []
    assert codes(found(form, row, alone=False)) == ["f-ma-there", "f-g-there"]
    other = {"G": (tree("<G><Ma>B</Ma></G>"),)}
    assert found(form, row, alone=False, forms=other, present=frozenset({"G"})) == []
    header = form_of(book(("f-ma-header", "string(Ma) = m:header('MaSoBHXH')")))
    assert codes(found(header, row, alone=False, header={"MaSoBHXH": "C"})) == ["f-ma-header"]
    assert found(header, row, alone=False, header={"MaSoBHXH": "B"}) == []


def test_a_rule_is_not_asked_of_a_column_that_the_schema_refuses_already(form_of):
    form = form_of(book(("f-ma-a", "Ma = 'A'")))
    told = [(one.row, one.code) for one in found(form, rows("<Ma>b</Ma>", "<Ma>B</Ma>", "<ma>B</ma>"))]
    assert told == [(1, "value-malformed"), (2, "f-ma-a"), (3, "element-misspelt")]


def test_a_type_without_words_of_ours_is_explained_by_its_own_annotation_or_pattern(form_of, monkeypatch):
    form = form_of(GOOD)
    (one,) = found(form, rows("<Ma>b</Ma>"))
    assert "giá trị theo mẫu (?:[A-Z]*)" in one.message_vi + one.fix_vi
    said_so = '<xs:annotation><xs:documentation xml:lang="vi">một chữ in hoa</xs:documentation></xs:annotation>'
    monkeypatch.setattr("tests.schemas.test_rules.XSD", XSD.replace('name="M">', f'name="M">{said_so}'))
    (one,) = found(form_of(GOOD), rows("<Ma>b</Ma>"))
    assert "một chữ in hoa" in one.message_vi + one.fix_vi


def test_what_only_warns_hides_no_rule(form_of):
    form = form_of(book(("f-so-short", "string-length(So) &lt; 3", "error", "verified", "So")))
    twice = found(form, rows("<So>0001</So>", "<So>0001</So>"))
    assert codes(twice) == ["f-so-short", "row-repeated", "f-so-short"]


def test_ten_thousand_warnings_do_not_crowd_out_an_error_and_all_are_counted(form_of):
    form = form_of(book(("f-ma-a", "Ma = 'A'", "warning"), ("f-ma-z", "not(Ma = 'Z')")))
    told = found(form, rows(*["<Ma>B</Ma>"] * 1200, "<Ma>Z</Ma>"))
    assert len(told) == 501
    assert (told[-2].code, told[-2].severity) == ("f-ma-z", Severity.ERROR)
    assert (told[-1].code, "702" in told[-1].message_vi) == ("more-findings", True)


@pytest.mark.parametrize(
    "inside",
    [
        "<Ma>{}</Ma><Sau><Ma>Z</Ma></Sau>",
        "<Ma>{}<!-- Z --></Ma>",
        "<Ma><![CDATA[{}]]></Ma>",
        "<Ma>{}</Ma><!-- <Ma>Z</Ma> -->",
        "<Ma><?x y?>{}</Ma>",
    ],
)
def test_what_stands_deeper_in_comments_or_in_other_spellings_changes_nothing(form_of, inside):
    form = form_of(book(("f-ma-a", "Ma = 'A'")))
    assert found(form, rows(inside.format("A"), inside.format("&#65;" if "[" not in inside else "A"))) == []
    (one,) = found(form, rows(inside.format("A"), inside.format("C")))
    assert (one.code, one.row) == ("f-ma-a", 2)


@pytest.mark.parametrize("instead", ["<!--A-->", "<?ma A?>", "<So>1<!--A--></So>"])
def test_a_comment_is_not_taken_for_the_column_that_is_missing_there(form_of, instead):
    form = form_of(book(("f-ma-a", "string-length(So) &lt; 9 and Ma = 'A'")).replace("<sch:title/>", ""))
    so = "" if instead.startswith("<So>") else "<So>1</So>"
    assert codes(found(form, rows(so + instead))) == ["f-ma-a"]


def test_a_text_of_a_mebibyte_is_judged_and_not_remembered(form_of):
    form = form_of(book(("f-so-day", "not(m:day(So) &gt; m:month(So)) and not(So &gt; 5)", "error", "verified", "So")))
    asked = day, month, number_of
    for row in ("<So>{}</So>", "<So>{}</So><Ma>b</Ma>", "<So>{}</So><!-- x --><Ma>b</Ma>"):
        before = [one.cache_info().currsize for one in asked]
        assert "f-so-day" in codes(found(form, rows(row.format("7" * 2**20), "<Ma>b</Ma>")))
        kept = [one.cache_info().currsize for one in asked]
        if "<Ma>" in row:
            assert kept == before


def test_columns_smuggled_into_the_signatures_place_hide_nothing(form_of):
    form = form_of(book(("f-ma-a", "Ma = 'A'")))
    root = tree("<F><NoiDung><Dong><STT>1</STT><Ten>x</Ten><Ma>B</Ma></Dong></NoiDung><Cky><Ma>A</Ma></Cky></F>")
    assert codes(found(form, root)) == ["f-ma-a"]


def test_rules_may_stand_outside_the_rows_and_count_them(form_of):
    test = "not(Tong != '') or number(Tong) = count(../NoiDung/Dong)"
    sch = book(("f-tong", test, "error", "verified", "Tong"), context="/F/Dau").replace("select='Ma'", "select='Tong'")
    form = form_of(sch)
    assert not form.rules.rules[0].is_quick
    assert found(form, rows("", "", head="<Dau><Tong>2</Tong></Dau>")) == []
    (one,) = found(form, rows("", head="<Dau><Tong>2</Tong></Dau>"))
    assert (one.code, one.row, one.pointer, one.value) == ("f-tong", None, "/F/Dau/Tong", "2")


def test_a_variable_stands_for_its_expression(form_of):
    form = form_of(
        book(
            ("f-ma-x", "not($so > 5) or $xin = 'A'"),
            lets=('<sch:let name="so" value="number(So)"/><sch:let name="xin" value="string(Ma)"/>'),
        )
    )
    assert form.rules.rules[0].is_quick
    assert found(form, rows("<So>6</So><Ma>A</Ma>", "<So>5</So><Ma>B</Ma>")) == []
    assert codes(found(form, rows("<So>6</So><Ma>B</Ma>"))) == ["f-ma-x"]


def test_quick_and_slow_rules_are_judged_alike(form_of):
    quick, slow = "not(Ma != '') or Ma = 'A'", "not(Ma) or Ma = '' or Ma = 'A'"
    for inside in ("", "<Ma/>", "<Ma>A</Ma>", "<Ma>B</Ma>"):
        told = [
            codes(
                found(
                    form_of(
                        book(("f-ma-a", test)),
                    ),
                    rows(inside),
                )
            )
            for test in (quick, slow)
        ]
        assert told[0] == told[1] == (["f-ma-a"] if "B" in inside else [])


GOOD = book(("f-ma-a", "Ma = 'A'"))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('queryBinding="xslt"', 'queryBinding="xpath2"', "queryBinding"),
        ('role="error"', 'role="fatal"', "role"),
        ('m:certainty="verified"', 'm:certainty="sure"', "certainty"),
        ('m:source="made up"', 'm:source=""', "source"),
        ('subject="Ma"', 'subject=""', "subject"),
        ("It holds.", "", "statement"),
        ('id="f-ma-a" role', 'id="F" role', "kebab"),
        ("Ma = 'A'", "Ma = ", "f-ma-a"),
        ("Ma = 'A'", "m:no-such(Ma)", "there is no function m:no-such"),
        ("Ma = 'A'", "Ma or lower-case (Ma) = 'a'", "there is no function lower-case"),
        ("Ma = 'A'", "not(x:day(Ma) > 1)".replace(">", "&gt;"), "there is no function x:day"),
        ("Ma = 'A'", "m:listed(concat('a,(', Ma))", "m:listed takes 2 arguments, not 1"),
        ("Ma = 'A'", "m:today(Ma) = 1", "m:today takes 0 arguments, not 1"),
        ("select='Ma'", "select='m:day()'", "m:day takes 1 arguments, not 0"),
        ("Ma = 'A'", "$x = 'A'", "not declared"),
        ('context="/F/NoiDung/Dong"', 'context="/G"', "must begin"),
        ('context="/F/NoiDung/Dong"', 'context=""', "context"),
        ('<sch:diagnostic id="f-ma-a.fix.en" xml:lang="en">Mend it.</sch:diagnostic>', "", "fix.en"),
        ('id="f-ma-a.en" xml:lang="en"', 'id="f-ma-a.en" xml:lang="vi"', "xml:lang"),
        ("<sch:pattern>", '<sch:phase id="p"/><sch:pattern>', "phase"),
        ("</sch:rule>", '<sch:report test="Ma">x</sch:report></sch:rule>', "report"),
        ("select='Ma'", "select='Ma['", "f-ma-a.vi"),
    ],
)
def test_a_form_sch_beyond_this_part_stops_the_start_and_says_why(form_of, old, new, why):
    assert old in GOOD
    with pytest.raises(FormUnusableError, match=re.escape(why)):
        form_of(GOOD.replace(old, new, 1))


def test_a_variable_beside_a_predicate_is_refused_for_it_would_mean_another_element(tmp_path):
    path = tmp_path / "form.sch"
    path.write_text(book(("f-ma-x", "../Dong[So = $a]"), lets='<sch:let name="a" value="So"/>'), "utf-8")
    with pytest.raises(RulesNotUnderstoodError, match="predicate"):
        read_schematron(path)
