"""Two sides' lists compared: nothing is left out, and what one calls short the other calls surplus."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.postal.manifest_said import (
    Count,
    ItemSaid,
    ManifestSaid,
    ManifestUnfit,
    ReceiptSaid,
    canonical,
    compared,
    difference,
    digest,
    read_manifest,
)

AT = datetime(2026, 3, 2, tzinfo=UTC)
COUNTS = st.builds(Count, kind=st.sampled_from(["book", "card", "decision"]), count=st.integers(0, 3))
LINES = st.lists(
    st.builds(
        ItemSaid,
        number=st.sampled_from([f"RR00000{n}" for n in range(6)]),
        pieces=st.none() | st.lists(COUNTS, max_size=3).map(tuple),
        condition=st.sampled_from(["intact", "damaged", "opened"]),
    ),
    max_size=6,
    unique_by=lambda one: one.number,
).map(tuple)
MANY = tuple(f"RR{n:06d}" for n in range(3))


def manifest(items: tuple[ItemSaid, ...]) -> ManifestSaid:
    return ManifestSaid(id="x", number="1", carrier="c", office="o", direction="in", made_at=AT, items=items)


def receipt(lines: tuple[ItemSaid, ...]) -> ReceiptSaid:
    return ReceiptSaid(made_at=AT, officer="x", lines=lines)


def counts(told: tuple[tuple[str, int, str], ...] | None) -> tuple[Count, ...] | None:
    if told is None:
        return None
    return tuple(msgspec.convert({"kind": kind, "count": count, "name": name}, Count) for kind, count, name in told)


@given(given_=LINES, taken=LINES)
def test_every_item_of_either_list_is_told_once_and_only_of_both_sides_is_anything_said(
    given_: tuple[ItemSaid, ...], taken: tuple[ItemSaid, ...]
) -> None:
    lines = compared(manifest(given_), receipt(taken))
    assert [one.number for one in lines] == sorted({one.number for one in (*given_, *taken)})
    numbers = {one.number for one in given_}, {one.number for one in taken}
    assert {one.number for one in lines if one.difference == "not-handed"} == numbers[0] - numbers[1]
    assert {one.number for one in lines if one.difference == "unlisted"} == numbers[1] - numbers[0]
    assert "" not in {one.difference for one in lines}
    for alone in (compared(manifest(given_), None), compared(None, receipt(taken))):
        assert {one.difference for one in alone} <= {""}


@given(one=LINES, other=LINES)
def test_what_is_short_one_way_is_surplus_the_other_way(one: tuple[ItemSaid, ...], other: tuple[ItemSaid, ...]) -> None:
    there = {line.number: line.difference for line in compared(manifest(one), receipt(other))}
    back = {line.number: line.difference for line in compared(manifest(other), receipt(one))}
    for number, told in there.items():
        if told == "surplus":
            assert back[number] == "short"
        if told == "not-handed":
            assert back[number] == "unlisted"
    assert {line.difference for line in compared(manifest(one), receipt(one))} <= {"ok"}


@pytest.mark.parametrize(
    ("handed", "taken", "expected"),
    [
        ((("decision", 1, "QĐ hưu trí"),), (("decision", 1, "qđ  HƯU TRÍ"),), "ok"),
        ((("decision", 1, "QĐ hưu trí"),), (("decision", 1, "QĐ thu hồi"),), "short"),
        ((("decision", 1, "QĐ hưu trí"), ("decision", 1, "QĐ thu hồi")), (("decision", 2, ""),), "ok"),
        ((("decision", 1, ""),), (("decision", 2, "QĐ thu hồi"),), "surplus"),
        ((("book", 1, ""), ("book", 1, "")), (("book", 2, ""),), "ok"),
        ((("book", 2, ""), ("card", 1, "")), (("book", 1, ""), ("card", 2, "")), "short"),
        ((), (("book", 1, ""),), "surplus"),
        ((("book", 1, ""),), (), "short"),
        (None, (("book", 1, ""),), "ok"),
        ((("book", 1, ""),), None, "ok"),
    ],
)
def test_pieces_are_compared_by_kind_and_by_name_where_both_tell_names(
    handed: tuple[tuple[str, int, str], ...] | None, taken: tuple[tuple[str, int, str], ...] | None, expected: str
) -> None:
    one, other = (ItemSaid(number="RR0000", pieces=counts(told)) for told in (handed, taken))
    assert difference(one, other) == expected


def test_damage_that_the_giver_told_of_is_no_difference() -> None:
    told = {state: ItemSaid(number="RR0000", condition=state) for state in ("intact", "damaged", "opened", "missing")}
    assert difference(told["damaged"], told["damaged"]) == "ok"
    assert difference(told["damaged"], told["intact"]) == "ok"
    assert difference(told["damaged"], told["opened"]) == "damaged"
    assert difference(told["intact"], told["missing"]) == difference(None, told["missing"]) == "not-handed"


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.integers())))
def test_the_order_of_members_and_the_signature_change_no_digest(said: dict[str, object]) -> None:
    one = msgspec.json.encode(said)
    other = msgspec.json.encode(dict(reversed(said.items())) | {"signature": "x"})
    assert digest(one) == digest(other)
    assert canonical(canonical(one)) == canonical(one)


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    with pytest.raises(ManifestUnfit):
        read_manifest(body)
