"""Items opened and counted: what is short, what is too much, what nobody announced, and who may know."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers import Caller
from gateway.clock import rfc3339, to_us
from gateway.mailroom.counting import Counted, compare, differing, pieces_there
from gateway.mailroom.opening import OpeningUnfit, Told, open_item
from gateway.postal.pieces import Piece
from storage import items, mailroom
from storage.database import Database
from tests.clocks import HandClock
from tests.databases import database, database_url
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE
from tests.mailroom.post_room import BOOK, PostRoom

__all__ = ["database", "database_url"]

CARD = {"kind": "card", "count": 2, "name": "Thẻ BHYT"}


def test_an_opening_tells_what_is_short_and_what_is_too_much_of_each_dossier(room: PostRoom) -> None:
    announced = room.announce((1, [BOOK, CARD]), (2, [BOOK]))
    one, other = (dossier["dossier"] for dossier in announced["dossiers"])
    opened = room.open(
        room.item([one, other]),
        {"dossier": one, "kind": "book", "count": 1},
        {"dossier": one, "kind": "card", "count": 1},
        {"dossier": other, "kind": "book", "count": 1},
        {"dossier": other, "kind": "decision", "count": 3},
        officer="Cán bộ văn thư",
    )
    assert opened.status_code == 200, opened.text
    told = opened.json()
    assert (told["announced"], told["agrees"], told["settled"]) == (True, False, False)
    lines = {(line["dossier"], line["kind"]): (line["short"], line["surplus"]) for line in told["pieces"]}
    assert lines == {
        (one, "form"): (0, 0), (other, "form"): (0, 0), (one, "book"): (0, 0), (other, "book"): (0, 0),
        (one, "card"): (1, 0), (other, "decision"): (0, 3),
    }  # fmt: skip
    assert [stand["dossier"] for stand in told["dossiers"]] == [one, other]
    keys = {stand["dossier"]: {lack["key"] for lack in stand["missing"]} for stand in told["dossiers"]}
    assert "pieces:card:1/2" in keys[one]
    assert "pieces:decision:3/0" in keys[other]
    assert room.shown(told["opening"]) == told


def test_an_item_is_opened_once_and_the_same_again_is_answered_the_same(room: PostRoom) -> None:
    announced = room.announce((3, [BOOK]))
    item = room.item([announced["dossiers"][0]["dossier"]])
    counted = {"kind": "book", "count": 1}
    first = room.open(item, counted)
    room.gateway.clock.advance(60)
    assert room.open(item, counted).json() == first.json()
    colleague = room.gateway.bearer("office", offices=[OFFICE])
    assert room.open(item, counted, token=colleague).json() == first.json()
    again = room.open(item, {"kind": "book", "count": 2})
    assert (again.status_code, again.json()["code"]) == (409, "opened-otherwise")
    assert room.open(item, counted, condition="damaged").status_code == 409
    assert room.shown(first.json()["opening"])["pieces"] == first.json()["pieces"]


def test_paper_arrived_when_the_carrier_delivered_it_even_if_that_is_told_later(room: PostRoom) -> None:
    item = room.item([room.announce((4, []))["dossiers"][0]["dossier"]])
    now = room.gateway.clock.now()
    opened = room.open(item, opened_at=rfc3339(now - timedelta(hours=1))).json()
    assert opened["arrived_at"] == opened["opened_at"] == rfc3339(now - timedelta(hours=1))
    with room.gateway.house.database.begin() as tx:
        items.stand(
            tx, item, state="delivered", state_at_us=to_us(now), posted_at_us=None,
            delivered_at_us=to_us(now - timedelta(hours=5)), heard_at_us=to_us(now),
        )  # fmt: skip
    assert room.shown(opened["opening"])["arrived_at"] == rfc3339(now - timedelta(hours=5))
    # A carrier's clock that is ahead does not make paper arrive after it was opened.
    with room.gateway.house.database.begin() as tx:
        items.stand(
            tx, item, state="delivered", state_at_us=to_us(now), posted_at_us=None, delivered_at_us=to_us(now),
            heard_at_us=to_us(now),
        )  # fmt: skip
    assert room.shown(opened["opening"])["arrived_at"] == opened["opened_at"]


def test_an_item_that_nobody_announced_is_entered_and_waits_to_be_keyed_in(room: PostRoom) -> None:
    opened = room.open("RR 473124829 VN", {"kind": "form", "count": 2})
    assert opened.status_code == 200, opened.text
    told = opened.json()
    assert (told["item"], told["announced"], told["dossiers"]) == ("RR473124829VN", False, [])
    (waits,) = (one for one in room.waiting() if one["opening"] == told["opening"])
    assert waits["announced"] is False
    with room.gateway.house.database.read() as tx:
        item = items.find(tx, "RR473124829VN")
    assert item is not None
    assert (item.scheme, item.direction, item.office, item.announcement) == ("s10", "in", OFFICE, None)


def test_an_unknown_number_with_a_wrong_check_digit_is_asked_for_again(room: PostRoom) -> None:
    refused = room.open("CD468359126VN", {"kind": "form", "count": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "opening-unfit")
    with room.gateway.house.database.read() as tx:
        assert items.find(tx, "CD468359126VN") is None
    assert room.open("CD468359126VN", {"kind": "form", "count": 1}, confirmed=True).status_code == 200
    assert room.open("?!", {"kind": "form", "count": 1}, confirmed=True).json()["code"] == "opening-unfit"


def test_what_goes_to_another_office_is_not_there(room: PostRoom) -> None:
    announced = room.announce((5, [BOOK]))
    dossier = announced["dossiers"][0]["dossier"]
    elsewhere = room.item([dossier], office=OTHER_OFFICE)
    assert room.open(elsewhere, {"kind": "book", "count": 1}).status_code == 404
    stranger = room.gateway.bearer("office", offices=[OTHER_OFFICE])
    mine = room.open(room.item([dossier]), {"kind": "book", "count": 1}).json()["opening"]
    for method, path, said in (
        ("GET", f"/v1/mailroom/openings/{mine}", {}),
        (
            "POST",
            f"/v1/mailroom/scans?opening={mine}",
            {"content": b"%PDF-", "headers": {"content-type": "image/tiff"}},
        ),
        ("POST", f"/v1/mailroom/openings/{mine}/filings", {"json": {"dossier": dossier, "reason": "x"}}),
    ):
        assert room.gateway(method, path, stranger, **said).status_code == 404, path
    assert room.gateway("GET", f"/v1/mailroom/waiting?office={OFFICE}", stranger).status_code == 403
    theirs = room.gateway("GET", "/v1/mailroom/waiting", stranger).json()
    assert theirs == {"openings": [], "next": ""}


@pytest.mark.parametrize(
    "more",
    [
        {"opened_at": "2027-01-01T08:00:00+07:00"},
        {"counted": [{"dossier": "d-" + "a" * 26, "kind": "book", "count": 1}]},
    ],
)
def test_what_cannot_be_of_an_opening_is_refused_and_nothing_is_written(room: PostRoom, more: dict[str, Any]) -> None:
    item = room.item([room.announce((6, []))["dossiers"][0]["dossier"]])
    refused = room.open(item, **more)
    assert (refused.status_code, refused.json()["code"]) == (422, "opening-unfit")
    with room.gateway.house.database.read() as tx:
        assert mailroom.opening_of(tx, item) is None


def test_opening_and_waiting_are_the_same_on_every_database(database: Database) -> None:
    """The statements of the mail room, where they are not SQLite's."""
    caller = Caller(client="office-x", role="office", offices=frozenset({OFFICE}), requests_per_minute_max=1)
    now = HandClock().now()
    told = Told(item="RR473124829VN", office=OFFICE, condition="intact", counted=(Counted(kind="book", count=1),))
    opened = open_item(database, told, caller, now)
    assert open_item(database, told, caller, now) == opened
    with database.read() as tx:
        assert [one.id for one in mailroom.still_open(tx, OFFICE, 10)] == [opened.opening.id]
        assert not mailroom.still_open(tx, OTHER_OFFICE, 10)
        assert not mailroom.waiting(tx, None)
    with pytest.raises(OpeningUnfit):
        open_item(database, Told(item="x", office=OFFICE, condition="intact", counted=()), caller, now)


KINDS = st.sampled_from(["book", "card", "form", "attachment"])
PIECES = st.lists(
    st.builds(Piece, kind=KINDS, count=st.integers(1, 4), form=st.sampled_from(["", "TK1-TS"])), max_size=5
)


@given(st.dictionaries(st.sampled_from(["d-1", "d-2"]), PIECES, min_size=1), st.data())
def test_counting_what_was_announced_leaves_no_difference(expected: dict[str, list[Piece]], data: Any) -> None:
    told = [
        Counted(kind=piece.kind, count=piece.count, dossier=dossier)
        for dossier, some in expected.items()
        for piece in some
    ]
    lines = compare(expected, told)
    assert all(not differing(lines, expected, dossier) for dossier in expected)
    assert all(pieces_there(lines, expected, dossier) == tuple(some) for dossier, some in expected.items())
    if told:
        lost = data.draw(st.integers(0, len(told) - 1))
        fewer = compare(expected, told[:lost] + told[lost + 1 :])
        of = told[lost].dossier
        uncounted = told[lost].kind == "form" and not any(
            one.kind == "form" and one.dossier == of for one in told[:lost] + told[lost + 1 :]
        )
        printed = any(piece.form for piece in expected[of])
        assert bool(differing(fewer, expected, of)) != (uncounted and printed)
