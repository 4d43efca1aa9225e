"""The withdrawal of a dossier: a form of our own that names a receipt, and a procedure that is no filing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from schemas.sample import make_dossier, tax_code
from schemas.withdrawal import RECEIPT_EXAMPLE, WITHDRAWAL, unnamed, withdrawn_number
from tests.schemas.judging import CATALOGUE, FORMS, ON, codes, judge, opened, sample, tree

GOOD = sample("valid-withdrawal", "RUT-HS", "1")
NUMBER = "G09.20-20260116-0000123"


def request(**given):
    usual = {"unit": "AK4549H", "tax_code": tax_code(1), "office": "07906", "period": "01/2026", "attachments": 0}
    return make_dossier("RUT", **{**usual, "made_on": ON, **given})


def form_of(content):
    box, found = opened(content.decode())
    assert found == []
    (one,) = box.files
    return tree(one.content)


def test_the_form_names_the_receipt_of_the_dossier():
    assert withdrawn_number(tree(GOOD)) == NUMBER == RECEIPT_EXAMPLE
    commented = GOOD.replace(NUMBER, NUMBER[:5] + "<!-- c -->" + NUMBER[5:])
    assert withdrawn_number(tree(commented)) == NUMBER


@pytest.mark.parametrize("name", ["invalid-value-malformed", "invalid-value-missing", "invalid-element-missing"])
def test_a_form_that_names_none_withdraws_nothing_though_its_layout_only_warns(name):
    root = tree(sample(name, "RUT-HS", "1"))
    assert withdrawn_number(root) == ""
    told = unnamed(root, file="RUT-HS.xml")
    assert (told.code, told.severity, told.column) == ("withdrawal-unnamed", "error", "SoBienNhan")
    assert NUMBER in told.fix_vi


@pytest.mark.parametrize(
    "source",
    [
        "<RUT-HS/>",
        f"<D02-TS><NoiDung><SoBienNhan>{NUMBER}</SoBienNhan></NoiDung></D02-TS>",
        f"<RUT-HS><SoBienNhan>{NUMBER}</SoBienNhan></RUT-HS>",
        GOOD.replace("</SoBienNhan>", f"</SoBienNhan><SoBienNhan>{NUMBER}</SoBienNhan>"),
        GOOD.replace(NUMBER, f"{NUMBER} {NUMBER}"),
    ],
)
def test_neither_another_form_nor_a_second_number_withdraws(source):
    assert withdrawn_number(tree(source)) == ""
    assert unnamed(tree(source)).code == unnamed(None).code == "withdrawal-unnamed"


@given(st.text())
def test_only_a_receipts_number_is_one(text):
    root = tree(GOOD)
    root.find("NoiDung/SoBienNhan").text = "".join(letter for letter in text if letter.isprintable())
    assert withdrawn_number(root) in ("", root.findtext("NoiDung/SoBienNhan").strip())


def test_a_sample_withdraws_the_dossier_that_is_named():
    content = request(receipt="000.00.16.H26-20260119-0000007")
    assert judge(content) == []
    root = form_of(content)
    assert withdrawn_number(root) == "000.00.16.H26-20260119-0000007"
    assert root.findtext("NoiDung/MaDonVi") == "AK4549H"
    assert root.findtext("NoiDung/NgayLap") == "20/01/2026"
    assert withdrawn_number(form_of(request())) == NUMBER


def test_whoever_withdraws_for_another_unit_is_told():
    content = request().decode().replace("<MaSoBHXH>AK4549H", "<MaSoBHXH>AK4549K")
    assert codes(judge(content)) == ["rut-unit-differs"]


def test_a_withdrawal_can_be_told_from_a_filing():
    purposes = {one.code: one.purpose for one in CATALOGUE.procedures(ON) if one.purpose}
    assert purposes == {"RUT": WITHDRAWAL}


def test_every_fact_of_the_form_is_unconfirmed():
    form = CATALOGUE.form("RUT-HS", ON)
    assert set(form.certainty.values()) == {"unconfirmed"}
    assert {rule.certainty for rule in form.rules.rules} == {"unconfirmed"}
    assert not form.is_settled("columns", frozenset())
    assert etree.parse(FORMS / "RUT-HS/1/form.xsd") is not None
