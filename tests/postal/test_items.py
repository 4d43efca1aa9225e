"""Items over HTTP: bound once, questioned, corrected, seen by who may, taken from the pool and given back."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from gateway import s10
from gateway.clock import to_us
from storage import announcements, items, mailroom, pool
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_UNIT, UNIT, Inhouse, inhouse
from tests.postal.item_rows import BAD, LOCAL, an_opening, announce

_SERIALS = count(10_000_000)


def a_number(service: str = "RR") -> str:
    """Another item number whose check digit is right."""
    serial = str(next(_SERIALS))
    return f"{service}{serial}{s10.check_digit(serial)}VN"


class House:
    """A gateway, an employer with announcements, and those around it."""

    def __init__(self, gateway: Inhouse) -> None:
        self.gateway = gateway
        self.client, secret = gateway.client("employer", units=[UNIT])
        self.employer = gateway.token(self.client, secret)
        self.ivan = gateway.bearer("ivan", units=[OTHER_UNIT])
        self.office = gateway.bearer("office", offices=[OFFICE])
        self.elsewhere = gateway.bearer("office", offices=[OTHER_OFFICE])
        self.post = gateway.bearer("post", offices=["vnpost"])
        self.ems = gateway.bearer("post", offices=["ems"])
        self._names = count(1)

    def announcement(self, **more: Any) -> tuple[str, list[str]]:
        name = f"p-{next(self._names)}"
        with self.gateway.house.database.begin() as tx:
            return name, announce(tx, more.pop("client", self.client), name, **more)

    def bind(self, number: str, token: str | None = None, **said: Any) -> httpx.Response:
        return self.gateway("PUT", f"/v1/postal/items/{number}", token or self.employer, json=said)

    def shown(self, number: str, token: str | None = None, **headers: str) -> httpx.Response:
        return self.gateway("GET", f"/v1/postal/items/{number}", token or self.employer, headers=headers)

    def tell(self, number: str, code: str, at: str) -> None:
        said = {"handlings": [{"item": number, "code": code, "at": at}]}
        assert self.gateway("POST", "/v1/postal/handlings", self.post, json=said).json()["kept"] == 1

    def pool(self, what: str = "", token: str | None = None, carrier: str = "vnpost", **said: Any) -> httpx.Response:
        return self.gateway("POST", f"/v1/postal/pool/{carrier}{what}", token or self.employer, json=said)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with inhouse(tmp_path_factory.mktemp("items") / "home", token_life_s=10**7) as gateway:
        yield House(gateway)


def test_the_same_binding_again_is_answered_the_same_and_another_is_refused(house: House) -> None:
    (one, dossiers), (two, _), number = house.announcement(dossiers=2), house.announcement(), a_number()
    first = house.bind(number, announcement=one)
    assert first.status_code == 200, first.text
    assert first.json()["dossiers"] == dossiers
    assert (first.json()["carrier"], first.json()["office"]) == ("vnpost", OFFICE)
    assert house.bind(number, announcement=one).content == first.content
    assert house.bind(f"{number[:2]} {number[2:11]} {number[11:].lower()}", announcement=one).content == first.content
    other = house.bind(number, announcement=two)
    assert (other.status_code, other.json()["code"]) == (409, "item-bound")
    assert one in other.json()["detail"]
    assert [one["why"] for one in house.shown(number).json()["bindings"]] == ["bound"]


def test_dossiers_of_one_announcement_are_bound_to_it_and_of_two_are_not(house: House) -> None:
    (one, dossiers), (_, others), number = house.announcement(dossiers=2), house.announcement(), a_number()
    assert house.bind(number, dossiers=[dossiers[0], others[0]]).json()["code"] == "item-unfit"
    assert house.bind(number, dossiers=dossiers, announcement=one).json()["code"] == "item-unfit"
    assert house.bind(number).json()["code"] == "item-unfit"
    bound = house.bind(number, dossiers=[dossiers[1]]).json()
    assert (bound["announcement"], bound["dossiers"]) == (one, [dossiers[1]])


def test_a_scanned_number_with_a_bad_check_digit_is_refused_and_a_typed_one_questioned(house: House) -> None:
    (one, _), wrong = house.announcement(), BAD
    scanned = house.bind(wrong, announcement=one, typed=False)
    assert (scanned.status_code, scanned.json()["code"]) == (422, "item-number-refused")
    assert house.shown(wrong).status_code == 404
    typed = house.bind(wrong, announcement=one).json()
    assert typed["questioned"]
    assert (typed["findings"][0]["code"], typed["findings"][0]["expected"]) == ("bad-check-digit", "9")
    assert "confirmed=true" in house.shown(wrong).json()["next_step"]
    confirmed = house.bind(wrong, announcement=one, confirmed=True).json()
    assert (confirmed["questioned"], confirmed["findings"]) == (False, [])
    assert not house.bind(wrong, announcement=one).json()["questioned"], "what was confirmed is not asked again"
    assert [one["why"] for one in house.shown(wrong).json()["bindings"]] == ["bound", "confirmed"]


def test_a_wrong_number_is_corrected_and_leaves_a_trace(house: House) -> None:
    one, _ = house.announcement()
    right = a_number()
    wrong = right[:10] + str((int(right[10]) + 1) % 10) + right[11:]
    assert house.bind(wrong, announcement=one).json()["questioned"]
    assert house.bind(right, announcement=one, corrects=wrong).status_code == 200
    assert house.shown(wrong).status_code == 404
    assert house.bind(right, announcement=one, corrects=wrong).status_code == 200
    assert [one["why"] for one in house.shown(right).json()["bindings"]] == [f"corrects {wrong}"]


def test_a_local_number_must_be_its_carriers(house: House) -> None:
    one, _ = house.announcement()
    assert house.bind("X1", announcement=one).json()["code"] == "item-number-refused"
    assert house.bind(LOCAL, announcement=one, carrier="ems").json()["code"] == "item-number-refused"
    assert house.bind(LOCAL, announcement=one, carrier="nobody").json()["code"] == "item-unfit"
    assert house.bind(LOCAL, announcement=one).json()["scheme"] == "local"


def test_before_it_is_posted_an_item_is_bound_anew_by_who_names_what_it_was_bound_to(house: House) -> None:
    (one, _), (two, dossiers), number = house.announcement(), house.announcement(), a_number()
    house.bind(number, announcement=one)
    assert house.bind(number, announcement=two, instead_of="p-none").status_code == 409
    assert house.bind(number, announcement=two, instead_of=one).json()["dossiers"] == dossiers
    trace = house.shown(number).json()["bindings"]
    assert [(step["announcement"], step["why"]) for step in trace] == [(one, "bound"), (two, "rebound")]
    house.tell(number, "EMA", "2026-03-02T10:00:00+07:00")
    moved = house.bind(number, announcement=one, instead_of=two)
    assert (moved.status_code, moved.json()["code"]) == (409, "item-moved")


def test_handlings_that_came_before_the_binding_count_from_it_on(house: House) -> None:
    (one, _), number = house.announcement(), a_number()
    house.tell(number, "EMA", "2026-03-01T10:00:00+07:00")
    house.tell(number, "EMI", "2026-03-02T10:00:00+07:00")
    assert house.shown(number).status_code == 404
    house.bind(number, announcement=one)
    shown = house.shown(number).json()
    assert (shown["state"], shown["state_text"]) == ("delivered", "Đã phát")
    assert shown["posted_at"] == "2026-03-01T10:00:00.000+07:00"
    assert [(one["code"], one["text"]) for one in shown["handlings"]] == [
        ("EMA", "Chấp nhận gửi"),
        ("EMI", "Phát thành công"),
    ]
    english = house.shown(number, **{"accept-language": "en"}).json()
    assert english["next_step"] == "The mail room opens, counts and scans it."


def test_each_sees_its_own_and_what_one_may_not_see_is_not_there(house: House) -> None:
    (one, _), (mixed, _), number = house.announcement(), house.announcement(unit=OTHER_UNIT), a_number()
    house.bind(number, announcement=one)
    for token, status in (
        (house.office, 200),
        (house.post, 200),
        (house.elsewhere, 404),
        (house.ems, 404),
        (house.ivan, 404),
    ):
        assert house.shown(number, token).status_code == status
    assert house.bind(number, house.ivan, announcement=mixed).json()["code"] == "item-bound"
    assert one not in house.bind(number, house.ivan, announcement=mixed).json()["detail"]
    assert house.bind(a_number(), house.ivan, announcement=one).status_code == 404
    assert house.bind(a_number(), house.elsewhere, announcement=one).status_code == 404
    assert house.bind(a_number(), house.ems, announcement=one).json()["code"] == "item-unfit"
    assert house.bind(a_number(), house.ivan, announcement=mixed).status_code == 200, "it speaks for the unit"


def test_a_cancelled_announcement_is_bound_no_more(house: House) -> None:
    one, dossiers = house.announcement()
    with house.gateway.house.database.begin() as tx:
        announcements.cancel(tx, one, "me", to_us(house.gateway.clock.now()))
    assert house.bind(a_number(), announcement=one).json()["code"] == "item-moved"
    assert house.bind(a_number(), dossiers=dossiers).status_code == 404


def test_items_are_listed_by_office_and_state_a_page_after_the_other(house: House) -> None:
    one, _ = house.announcement()
    number = a_number("UA")
    house.bind(number, announcement=one)
    for token in (house.employer, house.office, house.post):
        listed = house.gateway("GET", f"/v1/postal/items?after={number[:-1]}&state=bound", token).json()
        assert number in [one["number"] for one in listed["items"]]
        assert house.gateway("GET", f"/v1/postal/items?after={number}&state=lost", token).json() == {
            "items": [],
            "next": number,
        }
    assert not house.gateway("GET", f"/v1/postal/items?office={OFFICE}", house.elsewhere).json()["items"]
    assert not house.gateway("GET", "/v1/postal/items", house.ems).json()["items"]
    assert house.gateway("GET", "/v1/postal/items?state=nonsense", house.office).status_code == 400


def test_the_pool_gives_each_number_once_and_the_same_request_the_same(house: House) -> None:
    numbers = [a_number() for _ in range(3)]
    loaded = house.pool(token=house.post, numbers=[*numbers, BAD, numbers[0]]).json()
    assert (loaded["added"], loaded["known"]) == (3, 0)
    assert [one["number"] for one in loaded["refused"]] == [BAD]
    assert house.pool(token=house.post, numbers=numbers).json()["known"] == 3
    assert house.pool(token=house.ems, numbers=numbers).status_code == 404
    (one, dossiers), (two, _) = house.announcement(), house.announcement()
    first = house.pool("/takings", announcement=one)
    assert first.json()["number"] == numbers[0]
    assert house.pool("/takings", announcement=one).content == first.content
    second = house.pool("/takings", token=house.office, announcement=two).json()["number"]
    assert second == numbers[1]
    # Whoever binds a free number of the pool takes it; another's number stays another's.
    three, _ = house.announcement()
    assert house.bind(numbers[2], announcement=three).status_code == 200
    assert house.bind(second, announcement=one, instead_of=two).json()["code"] == "item-bound"
    four, _ = house.announcement()
    empty = house.pool("/takings", announcement=four)
    assert (empty.status_code, empty.json()["code"]) == (503, "pool-empty")
    # Once it was posted, the same paper may go again under another number.
    house.tell(first.json()["number"], "EMA", "2026-03-02T08:00:00+07:00")
    assert house.pool("/takings", announcement=one).json()["code"] == "pool-empty"
    more = a_number()
    house.pool(token=house.post, numbers=[more])
    assert house.pool("/takings", dossiers=dossiers, announcement="").json()["number"] == more


def test_a_recalled_number_is_never_given_again_and_a_posted_one_never_goes_back(house: House) -> None:
    numbers = sorted(a_number() for _ in range(3))
    house.pool(token=house.post, numbers=numbers)
    (one, _), (two, _) = house.announcement(), house.announcement()
    mine, posted = (house.pool("/takings", announcement=name).json()["number"] for name in (one, two))
    house.tell(posted, "EMA", "2026-03-02T08:00:00+07:00")
    assert house.pool("/recalls", token=house.ivan, numbers=[mine]).status_code == 404
    assert house.pool("/recalls", numbers=[numbers[2]]).status_code == 404, "what is free is the carrier's"
    both = house.pool("/recalls", numbers=[mine, posted])
    assert (both.status_code, both.json()["code"]) == (409, "item-moved")
    assert house.shown(mine).status_code == 200, "none went back"
    assert house.pool("/recalls", numbers=[mine]).json() == {"recalled": 1, "before": 0}
    assert house.pool("/recalls", numbers=[mine]).json() == {"recalled": 0, "before": 1}
    assert house.shown(mine).status_code == 404
    assert house.bind(mine, announcement=one).json()["code"] == "item-bound"
    assert house.pool(token=house.post, numbers=[mine]).json()["added"] == 0
    assert house.pool("/takings", announcement=one).json()["number"] == numbers[2]
    assert house.pool("/recalls", token=house.post, numbers=[numbers[2]]).json()["recalled"] == 1
    with house.gateway.house.database.read() as tx:
        states = {number: found.state for number in numbers if (found := pool.find(tx, number))}
    assert states == {mine: "recalled", posted: "taken", numbers[2]: "recalled"}


def test_a_number_that_was_opened_keeps_what_is_in_it(house: House) -> None:
    (one, _), (two, _), number = house.announcement(), house.announcement(), a_number()
    house.bind(number, announcement=one)
    with house.gateway.house.database.begin() as tx:
        now_us = to_us(house.gateway.clock.now())
        assert mailroom.open_item(tx, an_opening(number, now_us))
        assert items.find(tx, number) is not None
    assert house.bind(number, announcement=two, instead_of=one).json()["code"] == "item-moved"
    assert house.shown(number).json()["opened_at"] is not None
