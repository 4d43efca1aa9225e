"""Samples are found good by the whole room, and each broken one is refused for its own reason."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas.catalogue import Catalogue
from schemas.findings import Severity
from tests.schemas.broken import BREAKERS, broken_dossiers
from tests.schemas.judging import judge
from tests.schemas.test_sample import BENCH_FORMS, assert_all_valid, compiled_schemas, dossier


def test_each_broken_dossier_differs_from_the_good_one_and_from_the_others():
    good = dossier()
    broken = broken_dossiers(good)
    assert len(broken) == len(BREAKERS) >= 10
    assert len({good, *broken.values()}) == len(BREAKERS) + 1
    assert all(make.__doc__.count("\n") == 0 for make in BREAKERS)


def test_the_schemas_alone_refuse_what_they_can_see():
    schema_of = compiled_schemas()

    def refused(content):
        try:
            assert_all_valid(content, schema_of)
        except (etree.XMLSyntaxError, etree.DocumentInvalid, KeyError, ValueError):
            return True
        return False

    good = dossier(employees=12)
    assert not refused(good)
    seen = {name for name, content in broken_dossiers(good).items() if refused(content)}
    # The others are well-formed and valid in each part; only rules beside the schemas can tell.
    assert broken_dossiers(good).keys() - seen == {
        "missing-mandatory-form",
        "wrong-file-count",
        "mangled-agency",
        "png-called-pdf",
        "unexpected-form",
        "unknown-procedure",
        "wrong-check-digit",
    }


def judged(content, catalogue):
    """All findings of this room, as the gateway would gather them."""
    return judge(content, catalogue, date(2026, 3, 20))


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.load()


@settings(max_examples=25, deadline=None)
@given(
    employees=st.integers(1, 60),
    seed=st.integers(),
    attachments=st.integers(0, 5),
    forms=st.sampled_from([("D02-TS",), BENCH_FORMS, ("D02-TS", "TK1-TS", "D01-TS"), ("D01-TS", "D02-TS")]),
)
def test_the_room_finds_nothing_at_all_in_a_sample(catalogue, employees, seed, attachments, forms):
    content = dossier(employees=employees, seed=seed, attachments=attachments, forms=forms)
    assert judged(content, catalogue) == []


def test_the_room_finds_nothing_in_a_thousand_employees_a_large_pdf_or_a_registration(catalogue):
    assert judged(dossier(employees=1000, attachment_bytes=1_000_000), catalogue) == []
    assert judged(dossier("04"), catalogue) == []


REFUSALS = {
    "unescaped-less-than": "xml-unescaped-less-than",
    "wrong-casing": "element-misspelt",
    "impossible-date": "date-impossible",
    "doubled-date": "date-malformed",
    "missing-mandatory-form": "mandatory-form-missing",
    "unexpected-form": "form-not-allowed",
    "truncated-base64": "file-base64-broken",
    "wrong-file-count": "file-count-mismatch",
    "png-called-pdf": "attachment-content-mismatch",
    "unknown-procedure": "procedure-unknown",
    "negative-wage": "amount-not-positive",
    "unknown-reason": "value-not-listed",
    "portal-period": "month-malformed",
    "cut-off": "xml-truncated",
}


@pytest.mark.parametrize(("name", "code"), REFUSALS.items())
def test_each_broken_dossier_is_refused_for_its_own_reason(catalogue, name, code):
    found = judged(broken_dossiers(dossier(employees=12))[name], catalogue)
    assert code in {finding.code for finding in found if finding.severity is Severity.ERROR}


def test_a_slip_in_the_tax_code_is_a_warning_and_offices_are_not_this_rooms_business(catalogue):
    broken = broken_dossiers(dossier())
    (slip,) = judged(broken["wrong-check-digit"], catalogue)
    assert (slip.code, slip.severity) == ("tax-code-check-digit", Severity.WARNING)
    assert judged(broken["mangled-agency"], catalogue) == []
    assert broken.keys() - REFUSALS.keys() == {"wrong-check-digit", "mangled-agency"}
