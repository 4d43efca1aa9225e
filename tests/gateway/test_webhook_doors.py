"""The doors of webhooks: made once, shown once, owned by one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.webhook import MADE_AN_HOUR_MAX, WEBHOOKS_MAX
from gateway.webhook_sending import Sending
from storage import webhooks
from storage.database import Database
from tests.databases import database_url
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, inhouse
from tests.gateway.test_webhook_sending import LISTED, apart
from tests.gateway.webhook_receiver import happen, receiver, send

__all__ = ["database_url"]
PUBLIC = {"url": "http://127.0.0.1:1/hook"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("webhook-doors") / "home", **LISTED) as made:
        yield made


@pytest.fixture
def gateway(house: Inhouse) -> Iterator[Inhouse]:
    with apart(house):
        yield house


def test_the_secret_is_shown_once_and_kept_locked(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    answer = gateway("POST", "/v1/webhooks", employer, json=PUBLIC)
    made = answer.json()
    assert answer.status_code == 201
    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in gateway("GET", "/v1/webhooks", employer).text
    with gateway.house.database.read() as tx:
        (held,) = webhooks.secrets(tx, made["webhook"], 0)
    home = Path(gateway.house.settings.home)
    raw = b"".join(path.read_bytes() for path in home.glob("motcua.sqlite*"))
    assert made["secret"].removeprefix("whsec_").encode() not in raw
    assert gateway.house.stores.cipher.open(held.body, held.wrapped_key, held.sha256) not in raw


def test_a_request_repeated_under_its_key_makes_one_webhook_and_gives_one_answer(gateway: Inhouse) -> None:
    employer, key = gateway.bearer("employer", units=[UNIT]), {"idempotency-key": "erp-1"}
    first = gateway("POST", "/v1/webhooks", employer, json=PUBLIC, headers=key)
    again = gateway("POST", "/v1/webhooks", employer, json=PUBLIC, headers=key)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert len(gateway("GET", "/v1/webhooks", employer).json()) == 1
    other = gateway("POST", "/v1/webhooks", employer, json=PUBLIC | {"units": [UNIT]}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")
    gateway("POST", f"/v1/webhooks/{first.json()['webhook']}/rotate", employer, json={})
    late = gateway("POST", "/v1/webhooks", employer, json=PUBLIC, headers=key).json()
    assert late == first.json() | {"secret": None}, "a secret that was replaced is shown to nobody"
    with gateway.house.database.read() as tx:
        kept = tx.execute(sa.text("SELECT body FROM idempotency WHERE key = 'erp-1'")).scalar_one()
    assert b"whsec" not in kept


def test_a_webhook_is_its_makers_alone(gateway: Inhouse) -> None:
    employer, mate = gateway.bearer("employer", units=[UNIT]), gateway.bearer("ivan", units=[UNIT])
    operator = gateway.bearer("operator")
    path = f"/v1/webhooks/{gateway('POST', '/v1/webhooks', employer, json=PUBLIC).json()['webhook']}"
    for stranger in (mate, operator, gateway.bearer("office", offices=[OFFICE])):
        assert gateway("GET", "/v1/webhooks", stranger).json() == []
        assert gateway("GET", f"{path}/deliveries", stranger).status_code == 404
        for step, body in (
            ("rotate", {}), ("replay", {"after": 0}), ("disable", {}), ("enable", {}), ("confirm", {"code": "x"}),
            ("test", {}),
        ):  # fmt: skip
            answer = gateway("POST", f"{path}/{step}", stranger, json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), step
    assert gateway("GET", f"{path}/deliveries", employer).json() == {"deliveries": [], "next": 0}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "bad-request"),
        ({"url": "https://hook.example.vn/", "address": "a@b.vn"}, "bad-request"),
        ({"kind": "mail", "url": "https://hook.example.vn/"}, "bad-request"),
        ({"kind": "sms", "url": "x"}, "bad-request"),
        (PUBLIC | {"secret": "mine"}, "bad-request"),
        (PUBLIC | {"types": ["finished", "fnished"]}, "webhook-refused"),
        (PUBLIC | {"units": ["ts 1"]}, "webhook-refused"),
        (PUBLIC | {"digest": "daily"}, "webhook-refused"),
        ({"kind": "mail", "address": "ke-toan@example.vn"}, "webhook-refused"),
        ({"url": "http://hook.example.vn/"}, "address-refused"),
        ({"url": "https://10.0.0.1/"}, "address-refused"),
        ({"url": "https://169.254.169.254/latest/meta-data/"}, "address-refused"),
        ({"url": "https://user@hook.example.vn/"}, "address-refused"),
        ({"url": "https://localhost:22/"}, "address-refused"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "address-refused"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_reason(gateway: Inhouse, asked: dict[str, str], code: str) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    answer = gateway("POST", "/v1/webhooks", employer, json=asked)
    assert answer.json()["code"] == code, answer.text
    assert gateway("GET", "/v1/webhooks", employer).json() == []


def test_names_are_looked_up_for_a_client_so_many_times_an_hour(
    gateway: Inhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.webhook.MADE_AN_HOUR_MAX", 3)
    employer = gateway.bearer("employer", units=[UNIT])
    inside = {"url": "https://10.0.0.1/"}
    told = [gateway("POST", "/v1/webhooks", employer, json=inside).json()["code"] for _ in range(4)]
    assert told[:3] == ["address-refused"] * 3
    assert told[3] != "address-refused"


def test_a_client_has_so_many_and_makes_so_many_an_hour(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token = gateway.token(client, secret)
    made = [gateway("POST", "/v1/webhooks", token, json=PUBLIC) for _ in range(WEBHOOKS_MAX + 1)]
    assert [one.status_code for one in made] == [201] * WEBHOOKS_MAX + [409]
    assert made[-1].json()["code"] == "webhooks-too-many"
    path = f"/v1/webhooks/{made[0].json()['webhook']}"
    gateway("POST", f"{path}/disable", token)
    assert gateway("POST", "/v1/webhooks", token, json=PUBLIC).status_code == 201
    answers = [gateway("POST", f"{path}/rotate", token, json={}) for _ in range(MADE_AN_HOUR_MAX - WEBHOOKS_MAX)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 60
    gateway.clock.advance(3600)
    assert gateway("POST", f"{path}/rotate", gateway.token(client, secret), json={}).status_code == 200


def test_two_workers_send_each_message_once_and_lose_none(tmp_path: Path, database_url: str) -> None:
    with inhouse(tmp_path / "home", database_url=database_url, **LISTED) as gateway, receiver() as hook:
        employer = gateway.bearer("employer", units=[UNIT])
        for _ in range(3):
            gateway("POST", "/v1/webhooks", employer, json={"url": hook.url})
        workers = [Sending(gateway.house) for _ in range(3)]
        seqs = [happen(gateway, "accepted", "finished", dossier=f"d{number}") for number in range(12)]

        async def all_at_once() -> None:
            await asyncio.gather(*(worker.drain() for worker in workers))

        gateway.asked(all_at_once())
        # Whoever was turned away looks again.
        send(gateway, workers[0])
        assert len(hook.came) == 3 * 24
        assert len({came.id for came in hook.came}) == 3 * 24
        for made in gateway("GET", "/v1/webhooks", employer).json():
            mine = [came.told["data"]["seq"] for came in hook.came if made["webhook"] in came.id]
            assert mine == [seq for some in seqs for seq in some], "each webhook's in the order of the facts"


def test_nothing_of_it_is_done_while_nobody_follows(gateway: Inhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    happen(gateway, "accepted")
    written = []
    begin = Database.begin
    monkeypatch.setattr(Database, "begin", lambda self: written.append(1) or begin(self))
    send(gateway)
    assert written == []
