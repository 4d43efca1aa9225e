"""A supplement brings what was asked for, not the whole: nothing must be in it, and no rule looks for what is not."""

import re

import pytest
from lxml import etree

from schemas.sample import SampleError, make_dossier, tax_code
from schemas.schematron import read_schematron
from tests.schemas.judging import CATALOGUE, FORMS, ON, PDF, changed, codes, dossier, file, judge, sample

PAPER = file("CT-DK", "HopDong.pdf", ".pdf", PDF)
NO_NUMBER = changed("<MasoBHXH>7900000001</MasoBHXH>", "<MasoBHXH/>")
TK1 = sample("valid-newcomer", "TK1-TS")
RULES = {rule.id: rule for path in FORMS.glob("*/*/form.sch") for rule in read_schematron(path)}


def supplement(procedure="600", **given):
    usual = {"unit": "AK4549H", "tax_code": tax_code(1), "office": "07906", "period": "01/2026"}
    return make_dossier(procedure, **{**usual, "made_on": ON, "supplement": True, **given})


def of_papers(content):
    return [each.text for each in etree.fromstring(content).iter("MaToKhai")]


def test_a_supplement_need_not_hold_what_a_filing_must():
    assert codes(judge(dossier(PAPER))) == ["mandatory-form-missing"]
    assert judge(dossier(PAPER), is_supplement=True) == []
    assert judge(dossier(file()), is_supplement=True) == []


def test_a_supplement_is_not_empty():
    assert codes(judge(dossier(), is_supplement=True)) == ["supplement-empty"]


def test_what_does_not_belong_to_the_procedure_does_not_belong_to_its_supplement():
    other = file("TK3-TS", "TK3.xml", ".xml", sample("valid-change", "TK3-TS"))
    assert codes(judge(dossier(PAPER, other), is_supplement=True)) == ["form-not-allowed"]
    assert codes(judge(dossier(file("CT-DK", "a.exe", ".exe", b"MZ")), is_supplement=True)) == [
        "attachment-kind-not-allowed",
        "attachment-executable",
    ]


def test_a_form_of_a_supplement_keeps_its_own_rules():
    wrong = changed("<TienLuong>7500000", "<TienLuong>5000000")
    assert codes(judge(dossier(file(content=wrong)), is_supplement=True)) == ["d02-wage-below-region"]
    assert codes(judge(dossier(file(content=changed("<PA>TM", "<PA>tm"))), is_supplement=True)) == ["value-not-listed"]


def test_the_envelope_of_a_supplement_is_compared_as_ever():
    form = file("TK3-TS", "TK3.xml", ".xml", sample("valid-change", "TK3-TS").replace("TS12345", "TS54321"))
    filed = dossier(form, MaThuTuc="604")
    assert codes(judge(filed)) == codes(judge(filed, is_supplement=True)) == ["tk3-unit-differs"]


@pytest.mark.parametrize(
    ("files", "misfires"),
    [
        ((file(content=NO_NUMBER),), "d02-declaration-missing"),
        ((file(content=NO_NUMBER), file("TK1-TS", "TK1.xml", ".xml", TK1)), "d02-declaration-of-others"),
    ],
    ids=["the declaration is in the first dossier", "only some declarations are sent again"],
)
def test_a_rule_that_compares_forms_is_not_asked_of_a_supplement(files, misfires):
    assert misfires in codes(judge(dossier(*files)))
    assert misfires not in codes(judge(dossier(*files), is_supplement=True))


def test_these_rules_and_no_others_look_into_other_forms():
    # Each is named here so that whoever adds one thinks of supplements.
    assert sorted(rule.id for rule in RULES.values() if not rule.is_single) == [
        "d01-person-elsewhere-unknown",
        "d02-declaration-missing",
        "d02-declaration-of-others",
        "d02lt-also-in-d02",
        "d05-newcomer-undeclared",
        "tk1-person-not-in-list",
    ]
    for rule in RULES.values():
        assert rule.is_single or not rule.is_alone
        assert rule.is_single is not bool(re.search(r"m:(filed|has)\(", rule.test))


def test_a_sample_of_a_supplement_holds_attachments_or_one_corrected_form_or_both():
    papers, form, both = supplement(), supplement(forms=["TK1-TS"], attachments=0), supplement(forms=["D02-TS"])
    assert [of_papers(each) for each in (papers, form, both)] == [["CT-DK"], ["TK1-TS"], ["D02-TS", "CT-DK"]]
    for content in (papers, form, both):
        assert judge(content, is_supplement=True) == []
    assert codes(judge(papers)) == ["mandatory-form-missing"]
    with pytest.raises(SampleError, match="a supplement holds a form or an attachment"):
        supplement(attachments=0)
    with pytest.raises(SampleError, match="is itself the form 04_DK-IVAN: name it"):
        supplement("04", period="01/2026")


@pytest.mark.parametrize("procedure", CATALOGUE.procedures(ON), ids=lambda one: one.code)
def test_a_paper_supplements_every_procedure_that_takes_papers(procedure):
    if procedure.bare_form:
        assert judge(supplement(procedure.code, forms=[procedure.bare_form]), is_supplement=True) == []
    else:
        assert judge(supplement(procedure.code), is_supplement=True) == []
