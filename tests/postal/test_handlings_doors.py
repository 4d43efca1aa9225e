"""The doors by which carriers tell of items, asked over HTTP: who may, what is answered, what is kept."""

from collections.abc import Iterator
from typing import Any

import pytest

from storage import handlings, items
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, inhouse
from tests.postal.shuffle import an_item

TELL = "/v1/postal/handlings"
OWN = "/v1/postal/carriers/vnpost/handlings"
WORDS = "/v1/postal/words"
AT = "2026-03-02T07:00:00+07:00"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("handlings") / "home") as opened:
        yield opened


def said(*codes: str, item: str, word: str = "") -> dict[str, Any]:
    return {"handlings": [{"item": item, "code": code, "word": word, "at": AT} for code in codes]}


def bound(gateway: Inhouse, number: str) -> str:
    with gateway.house.database.begin() as tx:
        items.bind(tx, an_item(number), [])
    return number


def state(gateway: Inhouse, number: str) -> str:
    with gateway.house.database.read() as tx:
        found = items.find(tx, number)
    assert found is not None
    return found.state


def test_a_carrier_tells_and_tells_again(gateway: Inhouse) -> None:
    number, carrier = bound(gateway, "RR000000010VN"), gateway.bearer("post", offices=["vnpost"])
    first = gateway("POST", TELL, carrier, json=said("EMI", "EMA", item=number))
    assert (first.status_code, first.json()) == (
        200, {"kept": 2, "known_before": 0, "unknown_words": [], "items": 1, "bad": []},
    )  # fmt: skip
    again = gateway("POST", TELL, carrier, json=said("EMA", "EMI", item="rr 00000001 0 vn"))
    assert (again.json()["kept"], again.json()["known_before"]) == (0, 2)
    assert state(gateway, number) == "delivered"
    with gateway.house.database.read() as tx:
        assert {one.carrier for one in handlings.of(tx, number)} == {"vnpost"}
        assert all(one.heard_from.startswith("post-") and one.source == "api" for one in handlings.of(tx, number))


def test_bad_events_are_named_in_the_callers_language(gateway: Inhouse) -> None:
    carrier = gateway.bearer("post", offices=["vnpost"])
    body = {"handlings": [{"item": "??", "code": "EMA", "at": AT}, {"item": "RR000000023VN", "code": "EMA", "at": AT}]}
    told = gateway("POST", TELL, carrier, json=body, headers={"accept-language": "en"}).json()
    assert (told["kept"], told["bad"]) == (
        1,
        [{"number": 1, "field": "item", "value": "??",
          "message": "An item number has 6 to 35 letters and digits, like RR473124829VN."}],
    )  # fmt: skip
    assert "Số hiệu" in gateway("POST", TELL, carrier, json=body).json()["bad"][0]["message"]


def test_the_carriers_own_shape_is_read(gateway: Inhouse) -> None:
    number, carrier = bound(gateway, "EA000000045VN"), gateway.bearer("post", offices=["vnpost"])
    body = {
        "ID": number,
        "Events": [
            {"EventCd": "EMI", "EventNm": "Phát thành công", "EventDT": "02/03/2026 07:30:00"},
            {"EventCd": None, "EventNm": "Chấp nhận gửi", "EventDT": "2026-03-01T08:00:00"},
            {"EventCd": "EMG", "EventDT": 1772330400},
        ],
    }
    assert gateway("POST", OWN, carrier, json=body).json()["kept"] == 3
    shrunk = gateway("POST", OWN, carrier, json=[body | {"Events": body["Events"][:1]}, {"ID": number, "Events": []}])
    assert (shrunk.json()["kept"], shrunk.json()["known_before"]) == (0, 1)
    assert state(gateway, number) == "delivered"
    with gateway.house.database.read() as tx:
        assert [one.code for one in handlings.of(tx, number)] == ["EMA", "EMG", "EMI"]
    unfit: tuple[Any, ...] = (
        {"Events": []},
        [1],
        "x",
        {"ID": number, "Events": {"a": 1}},
        {"ID": number, "Events": [3]},
    )
    for body_unfit in unfit:
        assert gateway("POST", OWN, carrier, json=body_unfit).status_code == 400, body_unfit
    assert gateway("POST", OWN, carrier, content=b"<x/>").status_code == 400


def test_a_carrier_speaks_for_itself_alone(gateway: Inhouse) -> None:
    number = bound(gateway, "RR000000054VN")
    ems, both, none = (gateway.bearer("post", offices=of) for of in (["ems"], ["ems", "vnpost"], []))
    forged = said("EMI", item=number) | {"carrier": "vnpost"}
    assert gateway("POST", TELL, ems, json=forged).json()["code"] == "forbidden"
    assert gateway("POST", OWN, ems, json={"ID": number, "Events": []}).status_code == 404
    assert gateway("POST", TELL, none, json=said("EMI", item=number)).status_code == 403
    assert gateway("POST", TELL, both, json=said("EMI", item=number)).status_code == 400, "which of the two?"
    assert state(gateway, number) == "bound"
    assert gateway("POST", TELL, both, json=forged).json()["kept"] == 1
    for role in ("employer", "ivan", "office", "operator"):
        token = gateway.bearer(role, units=[UNIT], offices=["vnpost"])
        assert gateway("POST", TELL, token, json=said("EMI", item=number)).status_code == 403, role
        assert gateway("POST", OWN, token, json={"ID": number, "Events": []}).status_code == 403, role


def test_unknown_words_are_shown_to_their_carrier_and_the_operator(gateway: Inhouse) -> None:
    carrier, other = gateway.bearer("post", offices=["vnpost"]), gateway.bearer("post", offices=["ems"])
    told = gateway("POST", TELL, carrier, json=said("", item="RR000000068VN", word="Đã tới tay ai đó")).json()
    assert told["unknown_words"] == ["Đã tới tay ai đó"]
    for token in (carrier, gateway.bearer("operator")):
        (one,) = gateway("GET", WORDS, token).json()
        assert (one["carrier"], one["word"], one["code"], one["times"], one["item"]) == (
            "vnpost", "Đã tới tay ai đó", "", 1, "RR000000068VN",
        )  # fmt: skip
    assert gateway("GET", WORDS, other).json() == []
    known = gateway("GET", WORDS + "?all=true", carrier).json()
    assert {(one["word"], one["code"]) for one in known} >= {("Đã tới tay ai đó", ""), ("Chấp nhận gửi", "EMA")}
    assert gateway("GET", WORDS, gateway.bearer("office", offices=[OFFICE])).status_code == 403


def test_a_batch_is_bounded(gateway: Inhouse) -> None:
    carrier = gateway.bearer("post", offices=["vnpost"])
    assert gateway("POST", TELL, carrier, json=said(*["EMA"] * 1001, item="RR000000071VN")).status_code == 400
    assert gateway("POST", TELL, carrier, json={"handlings": []}).status_code == 400
    assert gateway("POST", TELL, carrier, json={"handlings": [], "more": 1}).status_code == 400
    assert gateway("POST", TELL, carrier, content=b" " * (2 * 1024 * 1024 + 1)).status_code == 413
