"""Pick-up orders against a carrier that is played: taken, refused, its answer lost, slow, and never told twice."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway import s10
from gateway.config import Misconfigured, Settings
from gateway.postal import pickup_sending
from gateway.postal.look_over import look_over
from gateway.postal.pickup import ATTEMPTS_MAX, wait_s
from gateway.postal.pickup_sending import PickupSending
from gateway.postal.pickup_shape import (
    PickupParty,
    PickupShapeUnreadable,
    PickupWanted,
    facts_of,
    pickup_shape,
)
from storage import pickups
from tests.gateway.inhouse import UNIT, Inhouse, inhouse
from tests.postal.carrier_simulator import CarrierSimulator
from tests.postal.item_rows import THIRD, WELL, announce

SENDER = {"name": "Công ty Ví Dụ", "address": "12 Lê Lợi", "province": "79", "phone": "0281234567"}
RECEIVER = {"name": "BHXH cơ sở", "address": "3 Nguyễn Huệ", "phone": "0287654321"}
ASKED: dict[str, Any] = {"sender": SENDER, "receiver": RECEIVER, "note": "Hồ sơ BHXH"}
TOKEN = "a-token"
_SERIALS = count(30_000_000)


class Desk:
    """A gateway that orders from the carrier that is played."""

    def __init__(self, gateway: Inhouse, carrier: CarrierSimulator) -> None:
        self.gateway, self.carrier = gateway, carrier
        self.client, secret = gateway.client("employer", units=[UNIT])
        self.employer = gateway.token(self.client, secret)
        self.sending = PickupSending(gateway.house)

    def bound(self) -> str:
        serial = str(next(_SERIALS))
        number = f"RR{serial}{s10.check_digit(serial)}VN"
        with self.gateway.house.database.begin() as tx:
            announce(tx, self.client, f"p-{number}")
        said = {"announcement": f"p-{number}"}
        assert self.gateway("PUT", f"/v1/postal/items/{number}", self.employer, json=said).status_code == 200
        return number

    def order(self, number: str, token: str | None = None, **changed: Any) -> httpx.Response:
        path = f"/v1/postal/items/{number}/pickup"
        return self.gateway("POST", path, token or self.employer, json=ASKED | changed)

    def send(self, wait_s: float = 0) -> int:
        self.gateway.clock.advance(wait_s)
        return self.gateway.asked(self.sending.step())

    def shown(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self.gateway("GET", f"/v1/postal/items/{number}", self.employer).json()
        return found

    def alarms(self, number: str) -> list[dict[str, Any]]:
        found = self.gateway("GET", "/v1/alarms", self.employer).json()
        return [one for one in found if one["subject"] == number]

    def state(self, number: str) -> str:
        return str(self.shown(number)["pickup"]["state"])


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("pickup")
    token = folder / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    with CarrierSimulator(TOKEN) as carrier:
        changes: dict[str, Any] = {
            "pickup_url": carrier.url, "pickup_hosts": carrier.host, "pickup_token_file": str(token),
            "pickup_customer": "HCC-1", "token_life_s": 10**7,
        }  # fmt: skip
        with inhouse(folder / "home", **changes) as gateway:
            yield Desk(gateway, carrier)


@pytest.fixture
def desk(opened: Desk) -> Desk:
    """With a carrier that takes everything and has taken nothing."""
    opened.carrier.sent.clear()
    opened.carrier.orders.clear()
    opened.carrier.refuses = lambda _: False
    opened.carrier.loses = lambda *_: False
    return opened


def test_an_order_is_sent_once_in_the_carriers_words_and_then_forgotten(desk: Desk) -> None:
    number = desk.bound()
    first = desk.order(number)
    assert (first.status_code, first.json()["state"]) == (200, "waiting")
    assert desk.order(number).content == first.content
    assert desk.order(number, note="khác").json()["code"] == "item-bound"
    assert desk.send() == 1
    assert desk.send(3600) == 0
    order = desk.carrier.orders[f"p-{number}"]
    assert (order["ItemCode"], order["CustomerCode"], order["SenderTel"]) == (number, "HCC-1", SENDER["phone"])
    assert (order["SenderDistrict"], order["FlagConfig"], order["CODAmount"]) == ("", 2, 0)
    assert len(order) == 19
    shown = desk.shown(number)["pickup"]
    assert (shown["state"], shown["answer"], shown["attempts"]) == ("accepted", "100 OK", 1)
    assert SENDER["name"] not in str(desk.shown(number))
    with desk.gateway.house.database.read() as tx:
        kept = pickups.find(tx, number)
    assert kept is not None
    assert (kept.body, kept.wrapped_key) == (None, None)
    assert desk.order(number).json()["state"] == "accepted", "the same again is answered as it stands"


def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_number(desk: Desk) -> None:
    number = desk.bound()
    desk.carrier.loses = lambda _, times: times <= 2
    desk.order(number)
    desk.send()
    assert desk.state(number) == "waiting"
    assert desk.send() == 0, "not before its time"
    desk.send(wait_s(1))
    desk.send(wait_s(2))
    shown = desk.shown(number)["pickup"]
    assert (shown["state"], shown["attempts"]) == ("accepted", 3)
    assert shown["answer"].startswith("101")
    assert desk.carrier.sent == [f"p-{number}"] * 3
    assert list(desk.carrier.orders) == [f"p-{number}"]


def test_a_refused_order_sounds_an_alarm_and_may_be_mended(desk: Desk) -> None:
    number = desk.bound()
    desk.carrier.refuses = lambda order: order["SenderAddress"] == SENDER["address"]
    desk.order(number)
    desk.send()
    assert desk.state(number) == "refused"
    house = desk.gateway.house
    look_over(house.database, house.tables, desk.gateway.clock.now())
    (alarm,) = desk.alarms(number)
    assert alarm["rule"] == "post-pickup-refused"
    assert "500 thiếu hoặc sai dữ liệu" in alarm["next_step"]
    assert [one["rule"] for one in desk.shown(number)["alarms"]] == ["post-pickup-refused"]
    assert desk.order(number, sender=SENDER | {"address": "12B Lê Lợi"}).json()["state"] == "waiting"
    desk.send()
    assert desk.state(number) == "accepted"
    look_over(house.database, house.tables, desk.gateway.clock.now())
    assert desk.alarms(number) == []


def test_a_wrong_token_is_tried_again_and_the_order_is_not_lost(desk: Desk) -> None:
    number = desk.bound()
    desk.carrier.token = "another"
    desk.order(number)
    desk.send()
    assert desk.shown(number)["pickup"]["answer"] == "http 401"
    Path(desk.gateway.house.settings.pickup_token_file).write_text("another")
    desk.send(wait_s(1))
    assert desk.state(number) == "accepted", "a new token needs no new start"


def test_an_order_that_cannot_be_read_is_told_of_in_the_end_and_forgotten(desk: Desk) -> None:
    number = desk.bound()
    desk.order(number)
    with desk.gateway.house.database.begin() as tx:
        spoilt = {"body": b"spoilt", "attempts": ATTEMPTS_MAX - 2, "item": number}
        tx.execute(sa.text("UPDATE pickup SET body = :body, attempts = :attempts WHERE item = :item"), spoilt)
    desk.send()
    assert desk.shown(number)["pickup"]["answer"] == "fault"
    desk.send(wait_s(ATTEMPTS_MAX))
    assert desk.state(number) == "refused"
    with desk.gateway.house.database.read() as tx:
        kept = pickups.find(tx, number)
    assert kept is not None
    assert kept.body is None


def test_who_gets_no_answer_for_days_is_told_so(desk: Desk) -> None:
    number = desk.bound()
    desk.carrier.loses = lambda *_: True
    desk.order(number)
    with desk.gateway.house.database.begin() as tx:
        held = pickups.find(tx, number)
        assert held is not None
        for _ in range(ATTEMPTS_MAX - 1):
            assert pickups.hold(tx, held, held.next_at_us or 0)
    desk.send()
    shown = desk.shown(number)["pickup"]
    assert (shown["state"], shown["attempts"]) == ("refused", ATTEMPTS_MAX)
    assert shown["answer"].startswith("no answer")


def test_only_who_has_the_item_orders_it_fetched_and_only_before_it_is_posted(desk: Desk) -> None:
    number = desk.bound()
    stranger = desk.gateway.bearer("employer", units=["ZZ99999"])
    post = desk.gateway.bearer("post", offices=["vnpost"])
    assert desk.order(number, stranger).status_code == 404
    assert desk.order(number, post).status_code == 403
    assert desk.order(THIRD).status_code == 404
    said = {"handlings": [{"item": number, "code": "EMA", "at": "2026-03-02T08:00:00+07:00"}]}
    desk.gateway("POST", "/v1/postal/handlings", post, json=said)
    assert desk.order(number).json()["code"] == "item-moved"
    third = desk.bound()
    desk.order(third)
    rebound = desk.gateway(
        "PUT",
        f"/v1/postal/items/{third}",
        desk.employer,
        json={"announcement": f"p-{number}", "instead_of": f"p-{third}"},
    )
    assert rebound.json()["code"] == "item-moved", "the carrier may be on its way"
    desk.send()


def test_a_gateway_without_an_address_sends_nothing(tmp_path: Path) -> None:
    with CarrierSimulator() as carrier, inhouse(tmp_path / "home") as gateway:
        desk = Desk(gateway, carrier)
        number = desk.bound()
        assert desk.order(number).json()["code"] == "pickup-not-offered"
        assert desk.send() == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"pickup_url": "http://127.0.0.1:1/x"},
        {"pickup_url": "https://169.254.169.254/x"},
        {"pickup_url": "https://example.vn/", "pickup_order": "nothing-such"},
        {"pickup_url": "https://example.vn/", "pickup_hosts": "not a host"},
        {"pickup_url": "https://example.vn/", "pickup_token_file": "/nonexistent/token"},
    ],
)
def test_what_cannot_be_sent_stops_the_start(changed: dict[str, Any]) -> None:
    class House:
        settings = Settings(**changed)

    with pytest.raises(Misconfigured):
        PickupSending(House())  # type: ignore[arg-type]


def test_a_token_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    os.chmod(token, 0o644)  # noqa: PTH101

    class House:
        settings = Settings(pickup_url="https://example.vn/", pickup_token_file=str(token))

    with pytest.raises(Misconfigured):
        PickupSending(House())  # type: ignore[arg-type]


def test_each_shape_is_written_and_its_answers_are_judged() -> None:
    asked = PickupWanted(sender=PickupParty(**SENDER), receiver=PickupParty(**RECEIVER), note="{item}")
    facts = facts_of(asked, customer="HCC", item=WELL, order="p-1", made_on="02/03/2026")
    vnpost, opencps = pickup_shape("vnpost-hcc"), pickup_shape("opencps")
    body, media_type = opencps.written(facts)
    assert media_type == "application/x-www-form-urlencoded"
    assert b"NgayTiepNhan=02%2F03%2F2026" in body
    assert b'"Description":"{item}"' in vnpost.written(facts)[0], "what a client says is no template"
    judged = [
        (vnpost, 200, b'{"Status":"100","Message":"OK"}', "accepted"),
        (vnpost, 200, b'{"Status":101}', "accepted"),
        (vnpost, 200, b'{"Status":"500","Message":"x"}', "refused"),
        (vnpost, 500, b"", "again"),
        (vnpost, 200, b"<html>", "again"),
        (vnpost, 200, b"[]", "again"),
        (vnpost, 401, b'{"Status":"500"}', "again"),
        (opencps, 204, b"", "accepted"),
        (opencps, 400, b"", "refused"),
        (opencps, 429, b"", "again"),
        (opencps, 503, b"", "again"),
    ]
    for shape, status, answer, outcome in judged:
        assert shape.judged(status, answer)[0] == outcome, (shape.order, status, answer)
    assert len(vnpost.judged(200, b'{"Status":"500","Message":"' + b"x" * 999 + b'"}')[1]) == 200


def test_a_shape_that_asks_for_unknown_facts_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        (Path(pickup_shape.__code__.co_filename).parent / "orders" / "opencps.toml")
        .read_text("utf-8")
        .replace("{item}", "{secret}")
    )
    with pytest.raises(PickupShapeUnreadable, match="secret"):
        pickup_shape(str(mine))


def test_a_carrier_that_does_not_answer_in_time_is_asked_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickup_sending, "POST_S_MAX", 0.2)
    number = desk.bound()
    desk.carrier.slow_s = 0.6
    desk.order(number)
    desk.send()
    desk.carrier.slow_s = 0.0
    assert desk.shown(number)["pickup"]["answer"] == "timeout"
    desk.carrier.wait_for(1)
    desk.send(wait_s(1))
    assert (desk.state(number), len(desk.carrier.orders)) == ("accepted", 1)
    assert desk.shown(number)["pickup"]["answer"].startswith("101"), "it had it before"
