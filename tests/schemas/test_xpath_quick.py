"""The quick part of XPath against libxml2: whatever it takes on, it judges alike."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas.rule_functions import ASKED, day, month, xpath
from schemas.xpath_quick import ENVIRONMENT, NotQuickError, columns_of, number_of, python_of
from tests.schemas.judging import CATALOGUE, ON

FACTS = CATALOGUE.facts(ON)
COLUMNS = ("A", "B", "C-d")
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        [
            *(
                "",
                "0",
                "1",
                "-1",
                "1.50",
                ".5",
                "5.",
                " 7 ",
                "+1",
                "1e3",
                "1_0",
                "٣",
                "NaN",
                "TM",
                "ab",
                "a b",
                "  a  b ",
            ),
            *("01/2026", "12/2025", "13/2026", "31/01/2026", "30/02/2026", "2026", "\u00a01", "é", "1" + 20 * "0"),
        ]
    ),
    st.text(alphabet="aB01./ -", max_size=6),
)
LITERALS = st.sampled_from(["'TM'", "'a'", "''", "'1'", "' '", "'01/2026'", '"b"'])
NUMBERS = st.sampled_from(["0", "1", "1.5", "100", ".5", "2026"])


def _strings(inner):
    return st.one_of(
        LITERALS,
        st.sampled_from(COLUMNS),
        st.builds("string({})".format, inner),
        st.builds("normalize-space({})".format, st.sampled_from(COLUMNS)),
        st.builds("concat({}, {})".format, inner, inner),
        st.builds("substring({}, {}, {})".format, inner, NUMBERS, NUMBERS),
        st.builds("substring({}, {})".format, inner, NUMBERS),
        st.builds("translate({}, 'aB', 'b')".format, inner),
    )


def _numbers(inner):
    return st.one_of(
        NUMBERS,
        st.builds("number({})".format, inner),
        st.builds("string-length({})".format, inner),
        st.builds("m:day({})".format, inner),
        st.builds("m:month({})".format, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "div", "mod"]), inner),
        st.builds("-{}".format, NUMBERS),
    )


VALUES = st.recursive(
    st.one_of(LITERALS, NUMBERS, st.sampled_from(COLUMNS)), lambda i: st.one_of(_strings(i), _numbers(i))
)
COMPARED = st.builds("{} {} {}".format, VALUES, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), VALUES)
TRUTHS = st.recursive(
    st.one_of(
        COMPARED,
        st.builds("contains({}, {})".format, VALUES, VALUES),
        st.builds("contains(' TM ab 1 ', concat(' ', {}, ' '))".format, st.sampled_from(COLUMNS)),
        st.builds("starts-with({}, {})".format, VALUES, VALUES),
        st.builds("boolean({})".format, st.builds("string({})".format, VALUES)),
        st.just("true()"),
        st.just("m:listed('regions', A)"),
    ),
    lambda i: st.one_of(
        st.builds("not({})".format, i),
        st.builds("({} and {})".format, i, i),
        st.builds("{} or {}".format, i, i),
        st.builds("({}) = ({})".format, i, i),
    ),
    max_leaves=6,
)


def quick(expression, row):
    code, columns = python_of(expression)
    assert set(columns) <= set(COLUMNS)
    present = {name: text for name, text in row.items() if text}
    return bool(
        eval(code, {**ENVIRONMENT, "day": day, "month": month, "g": present.get, "q": FACTS, "today": FACTS.today})
    )


def slow(expression, row):
    element = etree.Element("row")
    for name, text in row.items():
        if text is not None:
            etree.SubElement(element, name).text = text
    token = ASKED.set(FACTS)
    try:
        return xpath(f"boolean({expression})")(element)
    finally:
        ASKED.reset(token)


@settings(max_examples=1500, deadline=None)
@given(TRUTHS, st.fixed_dictionaries(dict.fromkeys(COLUMNS, TEXTS)))
def test_what_is_taken_on_is_judged_as_libxml2_judges_it(expression, row):
    try:
        told = quick(expression, row)
    except NotQuickError:
        return
    assert told is slow(expression, row), expression


@pytest.mark.parametrize(
    "expression",
    [
        "A",
        "A = ''",
        "A != 'TM'",
        "A = B",
        "A != 1",
        "not(A)",
        "boolean(A)",
        "count(A) = 1",
        "../A = '1'",
        "A[1] = '1'",
        "A/B = '1'",
        "@A = '1'",
        "$a = 1",
        "x:y(A)",
        "1 = 1 = 1",
        "A | B = '1'",
        "position() = 1",
        "string(A",
        "concat(A, 1)",
        "contains(A, true())",
        "'",
        "",
    ],
)
def test_what_depends_on_absence_or_is_beyond_this_part_is_left_to_libxml2(expression):
    with pytest.raises(NotQuickError):
        python_of(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "A != ''",
        "not(A != '') or B != ''",
        "not(m:month(A) > m:month(B))",
        "contains(' TM TH ', concat(' ', A, ' '))",
        "number(A) <= 100 or number(string(B)) = 0",
        "m:has('TK1-TS', 'CMND', A) or m:filed('TK1-TS')",
        "m:header('MaSoBHXH') = string(A)",
        "m:amount('regions', A, B) > A * 2",
    ],
)
def test_the_usual_shapes_of_rules_are_quick(expression):
    python_of(expression)


@given(st.text(alphabet="0123456789.-+eE_ \t\u00a0٣", max_size=8))
def test_numbers_are_read_as_libxml2_reads_them(text):
    told, wanted = number_of(text), etree.XPath("number($t)")(etree.Element("a"), t=text)
    assert told == wanted or (math.isnan(told) and math.isnan(wanted))


def test_the_columns_of_a_test_are_its_names_and_no_function_literal_or_operator():
    assert columns_of("not(A-b != 'C') and m:day(D) div 2 > $e or F/G mod 3") == {"A-b", "D", "F", "G"}
