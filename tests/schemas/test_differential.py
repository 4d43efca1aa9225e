"""libxml2, xmlschema and our own walk judge the same changed forms; where they differ is known and explained."""

from copy import deepcopy
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.schemas.differential import (
    DIFFERENCES,
    DOCUMENTS_A_FORM_MIN,
    DOCUMENTS_MIN,
    document,
    every_form,
    good_samples,
    in_readme,
    judged,
    kind_of,
    markdown,
    sweep,
    whole_sweep,
)
from tests.schemas.mutations import CHANGES, mutated

QUICK_DOCUMENTS = 300
FORMS_BY_VERSION = {form.version: form for form in every_form()}


def told(one):
    return one.form.version, one.changes, one.words, one.raised, one.content


@pytest.fixture(scope="module")
def tally():
    return whole_sweep()


def test_three_hundred_changed_forms_are_judged_alike_but_for_known_differences():
    forms = every_form()
    numbered = ((form, number) for number in range(QUICK_DOCUMENTS) for form in forms)
    found = sweep(judged(form, *document(form, number)) for form, number in islice(numbered, QUICK_DOCUMENTS))
    assert found.documents == QUICK_DOCUMENTS
    assert [told(one) for one in found.unknown] == []


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FORMS_BY_VERSION)), st.randoms(use_true_random=False))
def test_whatever_else_is_changed_the_three_differ_only_in_known_ways(version, random):
    form = FORMS_BY_VERSION[version]
    one = judged(form, *mutated(random, random.choice(good_samples(form.folder))))
    assert one.agrees or kind_of(one), told(one)


@pytest.mark.parametrize("change", sorted(CHANGES.keys() - {"no-change"}))
def test_each_kind_of_change_changes_some_form(change):
    for number in range(40):
        for form in every_form():
            root = deepcopy(good_samples(form.folder)[0])
            before = etree.tostring(root)
            CHANGES[change](Random(number), root)
            if etree.tostring(root) != before:
                return
    pytest.fail("it changes nothing")


@pytest.mark.slow
def test_at_least_five_thousand_documents_are_judged_and_no_difference_is_unknown(tally):
    assert tally.documents >= max(DOCUMENTS_MIN, DOCUMENTS_A_FORM_MIN * len(every_form()))
    assert [told(one) for one in tally.unknown] == []


@pytest.mark.slow
def test_good_and_bad_forms_are_both_many_among_them(tally):
    assert min(tally.good, tally.documents - tally.good) > tally.documents // 10
    assert min(tally.changes[change] for change in CHANGES) > tally.documents // (5 * len(CHANGES))


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_known_difference_still_occurs(tally, name):
    assert tally.differ[name] > 0


@pytest.mark.slow
def test_the_readme_tells_the_differences_as_they_are(tally):
    assert in_readme() == markdown(tally), "run: python -m tests.schemas.differential --write"
