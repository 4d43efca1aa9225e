"""Dates, months and amounts as people write them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.written import parse_date, parse_month, suggest_amount, suggest_date, suggest_digits, suggest_month

DAYS = st.dates(date(1900, 1, 1), date(2099, 12, 31))


@given(DAYS)
def test_every_day_of_two_centuries_is_read_back(day):
    assert parse_date(f"{day:%d/%m/%Y}") == day
    assert parse_month(f"{day:%m/%Y}") == day.replace(day=1)
    assert suggest_date(f"{day:%Y-%m-%d}") == suggest_date(f"{day.day}.{day.month}.{day.year}") == f"{day:%d/%m/%Y}"
    assert suggest_date(f"{day:%d/%m/%Y}" * 2) == f"{day:%d/%m/%Y}"
    assert suggest_month(f"{day:%m%Y}") == suggest_month(f"{day:%Y-%m}") == f"{day:%m/%Y}"


@given(st.text(max_size=40) | st.from_regex(r"[0-9/.\- đ]{0,25}", fullmatch=True))
def test_any_text_is_read_or_not_but_never_raises(text):
    day, month = parse_date(text), parse_month(text)
    assert day is None or f"{day:%d/%m/%Y}" == text
    assert month is None or f"{month:%m/%Y}" == text
    assert suggest_date(text) == "" or parse_date(suggest_date(text))
    assert suggest_month(text) == "" or parse_month(suggest_month(text))
    suggest_amount(text)
    suggest_digits(text)


@pytest.mark.parametrize(
    "text", ["31/02/2026", "29/02/2025", "00/01/2026", "1/1/2026", "01/01/1899", "٠١/٠١/٢٠٢٦", "01/01/2026 "]
)
def test_what_is_no_day_is_not_read(text):
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5.000.000", "5000000"),
        ("5,000,000 đ", "5000000"),
        ("5 000 000 VNĐ", "5000000"),
        ("5\u00a0000\u00a0000", "5000000"),
        ("2,34", "2.34"),
        ("7500000₫", "7500000"),
        ("năm triệu", ""),
        ("1.000.00", ""),
    ],
)
def test_an_amount_written_for_people_is_understood(written, meant):
    assert suggest_amount(written) == meant


def test_digits_with_blanks_are_understood():
    assert suggest_digits("79 0000-0001") == "7900000001"
    assert suggest_digits("7900000001") == suggest_digits("79A") == ""


def test_no_day_is_suggested_that_is_not_there():
    assert suggest_date("2026-02-30") == ""
    assert parse_date(f"{date(2026, 3, 1) - timedelta(days=1):%d/%m/%Y}") == date(2026, 2, 28)
