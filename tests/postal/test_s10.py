"""Item numbers by UPU S10: what is right is read back, and what the standard's digit can tell is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s10 import S10, Why, check_digit, parse

WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
serials = st.text("0123456789", min_size=8, max_size=8)
pairs = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)


def remainder(serial: str) -> int:
    return sum(weight * int(digit) for weight, digit in zip(WEIGHTS, serial, strict=True)) % 11


@pytest.mark.parametrize(
    ("serial", "expected"),
    [("47312482", "9"), ("12345678", "5"), ("00000027", "0"), ("00000034", "5"), ("12596688", "8"), ("46835912", "9")],
)
def test_the_worked_examples_have_their_check_digits(serial: str, expected: str) -> None:
    assert check_digit(serial) == expected


def test_a_number_says_what_it_is() -> None:
    read = parse("RR473124829VN")
    assert read == S10("RR", "47312482", "9", "VN")
    assert isinstance(read, S10)
    assert (read.number, read.meaning[1], read.is_home) == ("RR473124829VN", "registered letter", True)
    away = parse("EA123456785SG")
    assert isinstance(away, S10)
    assert (away.meaning[1], away.is_home) == ("EMS (express mail)", False)
    odd = parse("ZZ" + "12345678" + "5" + "VN")
    assert isinstance(odd, S10)
    assert odd.meaning[1] == "another service"


def test_a_clerks_placeholder_is_questioned_with_the_digit_that_belongs_there() -> None:
    read = parse("CD468359126VN")
    assert isinstance(read, Why)
    assert (read.code, read.written, read.expected) == ("bad-check-digit", "CD468359126VN", "9")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RR47312482VN",
        "RR4731248299VN",
        "R1473124829VN",
        "RR47312482９V",
        "VN473124829RR1",
        "RR473124829V1",
        "473124829",
        "ß473124829VN",
        "RR473124829VN" + " " * 27 + "XYZ",
    ],
)
def test_what_has_another_shape_is_no_s10(text: str) -> None:
    read = parse(text)
    assert isinstance(read, Why)
    assert read.code == "not-s10"


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    read = parse(text)
    assert isinstance(read, S10 | Why)


@given(serials, pairs, pairs, st.data())
def test_every_right_number_is_read_back_however_it_is_spaced(
    serial: str, service: str, country: str, data: st.DataObject
) -> None:
    number = service + serial + check_digit(serial) + country
    between = st.sampled_from(["", " ", "-", ".", "  ", "\u00a0"])
    typed = "".join(data.draw(between) + data.draw(st.sampled_from([one, one.lower()])) for one in number)
    read = parse(typed)
    assert isinstance(read, S10)
    assert read.number == number
    assert (read.service, read.serial, read.country) == (service, serial, country)


def notices(serial: str, check: str) -> bool:
    return isinstance(parse(f"RR{serial}{check}VN"), Why)


@given(serials, st.integers(0, 8), st.integers(1, 9))
def test_every_mistaken_digit_is_noticed_but_where_the_standard_writes_two_remainders_alike(
    serial: str, at: int, by: int
) -> None:
    written = serial + check_digit(serial)
    wrong = written[:at] + str((int(written[at]) + by) % 10) + written[at + 1 :]
    seen = notices(wrong[:8], wrong[8])
    if at == 8:
        assert seen, "the check digit itself"
    else:
        # The sum always changes; 0 and 6 are both written 5.
        assert remainder(wrong[:8]) != remainder(serial)
        assert seen == ({remainder(serial), remainder(wrong[:8])} != {0, 6})


@given(serials, st.integers(0, 6))
def test_every_swap_of_neighbours_in_the_series_is_noticed_but_for_the_same_two_remainders(
    serial: str, at: int
) -> None:
    swapped = serial[:at] + serial[at + 1] + serial[at] + serial[at + 2 :]
    if swapped != serial:
        assert remainder(swapped) != remainder(serial)
        alike = {remainder(serial), remainder(swapped)} == {0, 6}
        assert notices(swapped, check_digit(serial)) != alike


def test_a_swap_with_the_check_digit_is_noticed_in_all_but_these_cases() -> None:
    """All of them: the rest of the sum (0 to 10) and the last digit decide."""
    unnoticed = []
    for rest in range(11):
        head = next(f"{number:07d}" for number in range(100) if remainder(f"{number:07d}0") == rest)
        for last in "0123456789":
            check = check_digit(head + last)
            if check != last and not notices(head + check, last):
                unnoticed.append((rest, last, check))
    # 5 stands for two remainders, and so does 0 once 10 is written so; all other swaps of the 110 are told.
    assert unnoticed == [(5, "4", "5"), (5, "5", "4"), (9, "0", "2"), (9, "2", "0")]
