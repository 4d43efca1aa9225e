"""What happens to a dossier while its evidence bundle is put together: the bundle is whole, or there is none."""

from pathlib import Path

import pytest

from gateway import evidence, pending
from gateway.api import evidence as door
from gateway.erasure import Order, erase
from gateway.house import House
from storage.journal import Dossier
from tests.authority import Authority
from tests.gateway.bundles import Verifiers, apart, bundle, publish_and_stamp
from tests.gateway.ended import reported, taken
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse
from tests.gateway.test_pending import gateway, outside, signed, without_crl

__all__ = ["gateway", "outside", "without_crl"]


@pytest.fixture
def database_url() -> str:
    return ""


def test_a_dossier_that_is_judged_meanwhile_has_its_judgement_in_the_bundle(
    gateway: Inhouse,
    outside: Authority,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    received = gateway("POST", "/v1/dossiers", employer, content=signed(outside, 51)).json()
    assert received["state"] == "pending"
    publish_and_stamp(gateway)
    outside.is_up = True
    gateway.clock.advance(120)
    read = door._received

    async def judged_meanwhile(house: House, dossier: Dossier) -> evidence.Received | None:
        found = await read(house, dossier)
        await pending.judge_due(house)
        return found

    monkeypatch.setattr(door, "_received", judged_meanwhile)
    content = bundle(gateway, received["dossier"], employer)
    assert "judgement.jws" in apart(content)
    Verifiers(tmp_path, gateway("GET", "/v1/keys").json(), None, gateway.clock.now()).hold(content, capsys)


def test_a_dossier_that_is_erased_meanwhile_is_not_given_out(
    gateway: Inhouse, outside: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.is_up = True
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    made = gateway("POST", "/v1/dossiers", employer, content=signed(outside, 52)).json()
    assert made["state"] == "accepted"
    taken(gateway, office)
    reported(gateway.house, made["dossier"], "work-started", "finished")
    path = gateway.house.settings.path("erasures", "erasures.jsonl")
    read = door._received

    async def erased_meanwhile(house: House, dossier: Dossier) -> evidence.Received | None:
        found = await read(house, dossier)
        erase(house.stores, path, dossier.id, Order(by="operator", because="hết hạn"), house.clock.now())
        return found

    monkeypatch.setattr(door, "_received", erased_meanwhile)
    answer = gateway("GET", f"/v1/dossiers/{made['dossier']}/evidence", employer)
    assert (answer.status_code, answer.json()["code"]) == (410, "content-erased")
