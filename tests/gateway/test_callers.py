"""Clients, secrets, tokens, assertions and budgets, over HTTP and across workers, on each database."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.app import build
from gateway.callers import BudgetSpent, Callers, NotKnown, digest, new_secret
from gateway.clock import to_us
from signing.seal import FileSealKey, create_seal_key, seal_jws
from storage import clients
from tests.databases import database_url
from tests.gateway.inhouse import UNIT, Inhouse, a_dossier, basic, inhouse

__all__ = ["database_url"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def gateway(tmp_path: Path, database_url: str) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", database_url=database_url) as made:
        yield made


def ask_token(gateway: Inhouse, authorization: str | None = None, **form: str) -> httpx.Response:
    form = {"grant_type": "client_credentials"} | form
    headers = {"authorization": authorization} if authorization else {}
    return gateway("POST", "/oauth/token", headers=headers, data=form)


def another_worker(gateway: Inhouse) -> Callers:
    settings = gateway.house.settings
    return Callers(
        gateway.house.database,
        token_life_s=settings.token_life_s,
        lookups_per_minute_max=settings.lookups_per_minute_max,
    )


def test_a_secret_is_exchanged_for_a_short_token(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    answer = ask_token(gateway, basic(client, secret))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    granted = answer.json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 600)
    assert gateway("GET", "/v1/dossiers", granted["access_token"]).status_code == 200
    gateway.clock.advance(600)
    assert gateway("GET", "/v1/dossiers", granted["access_token"]).status_code == 401


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic", "Basic %%%", "Basic bm9jb2xvbg=="])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_unreadable_credentials_are_refused_as_rfc_6749_says(gateway: Inhouse, authorization: str) -> None:
    answer = ask_token(gateway, authorization)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_wrong_secret_and_an_unknown_client_are_told_the_same(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer")
    wrong = ask_token(gateway, basic(client, secret + "x"))
    unknown = ask_token(gateway, basic("employer-none", secret))
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert wrong.status_code == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_other_grants_and_repeated_parameters_are_refused(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer")
    assert ask_token(gateway, basic(client, secret), grant_type="password").json()["error"] == "unsupported_grant_type"
    twice = gateway("POST", "/oauth/token", content="grant_type=client_credentials&grant_type=client_credentials")
    assert twice.json()["error"] == "invalid_request"


def test_only_digests_are_kept(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer")
    token = ask_token(gateway, basic(client, secret)).json()["access_token"]
    with gateway.house.database.read() as tx:
        for table in ("client", "token"):
            kept = repr(tx.exec_driver_sql(f"SELECT * FROM {table}").all())
            assert secret not in kept
            assert token not in kept
        held = clients.token(tx, digest(token))
        assert held is not None
        assert held.expires_at_us == to_us(gateway.clock.now()) + 600_000_000


def test_a_disabled_client_is_out_at_once_for_new_tokens_and_within_seconds_for_old_ones(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer")
    token = gateway.token(client, secret)
    assert gateway("GET", "/v1/dossiers", token).status_code == 200
    with gateway.house.database.begin() as tx:
        assert clients.disable(tx, client, to_us(gateway.clock.now()))
    assert ask_token(gateway, basic(client, secret)).status_code == 401
    gateway.clock.advance(5)
    assert gateway("GET", "/v1/dossiers", token).status_code == 401


def test_a_rotated_secret_replaces_the_old_one_and_ends_its_tokens(gateway: Inhouse) -> None:
    client, old = gateway.client("employer")
    token = gateway.token(client, old)
    new = new_secret(gateway.house.database, client)
    assert ask_token(gateway, basic(client, old)).status_code == 401
    assert ask_token(gateway, basic(client, new)).status_code == 200
    assert gateway("GET", "/v1/dossiers", token).status_code == 401
    with pytest.raises(NotKnown):
        new_secret(gateway.house.database, "nobody")


class Signed:
    """A client with a key of its own."""

    def __init__(self, gateway: Inhouse, folder: Path, algorithm: str = "ES256") -> None:
        self.gateway = gateway
        self.key: FileSealKey = create_seal_key(folder / f"{uuid.uuid4()}.pem", algorithm)
        self.client, none = gateway.client("ivan", jwk=json.dumps(self.key.public_jwk()))
        assert none == ""

    def claims(self, **changes: object) -> dict[str, object]:
        ends = self.gateway.clock.now().timestamp() + 60
        good = {"iss": self.client, "sub": self.client, "aud": "https://gateway/oauth/token", "exp": ends}
        return good | {"jti": str(uuid.uuid4())} | changes

    def ask(self, claims: dict[str, object], key: FileSealKey | None = None) -> httpx.Response:
        assertion = seal_jws(key or self.key, json.dumps(claims).encode(), "JWT")
        return ask_token(self.gateway, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion)


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
def test_a_signed_assertion_is_exchanged_for_a_token(gateway: Inhouse, tmp_path: Path, algorithm: str) -> None:
    signed = Signed(gateway, tmp_path, algorithm)
    answer = signed.ask(signed.claims())
    assert answer.status_code == 200, answer.text
    assert gateway("GET", "/v1/dossiers", answer.json()["access_token"]).status_code == 200


def test_an_assertion_serves_once_whichever_worker_sees_it(gateway: Inhouse, tmp_path: Path) -> None:
    signed = Signed(gateway, tmp_path)
    claims = signed.claims()
    assert signed.ask(claims).status_code == 200
    assert signed.ask(claims).status_code == 401
    ends = gateway.clock.now()
    with pytest.raises(NotKnown):
        another_worker(gateway).by_assertion(signed.client, str(claims["jti"]), ends, gateway.clock.now())


BAD_CLAIMS: dict[str, dict[str, object]] = {
    "another audience": {"aud": "https://elsewhere/token"},
    "another subject": {"iss": "somebody"},
    "ended": {"exp": 1},
    "too long": {"exp": 4_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "no jti": {"jti": ""},
    "a huge jti": {"jti": "x" * 201},
    "an unknown client": {"sub": "ivan-none", "iss": "ivan-none"},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_forged_assertion_is_refused(gateway: Inhouse, tmp_path: Path, changes: dict[str, object]) -> None:
    signed = Signed(gateway, tmp_path)
    answer = signed.ask(signed.claims(**changes))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_assertion_of_another_key_or_shape_is_refused(gateway: Inhouse, tmp_path: Path) -> None:
    signed, other = Signed(gateway, tmp_path), Signed(gateway, tmp_path)
    assert signed.ask(signed.claims(), other.key).status_code == 401
    for broken in ("", "x", "a.b.c", "e30.e30."):
        answer = ask_token(gateway, client_assertion_type=ASSERTION_TYPE, client_assertion=broken)
        assert answer.status_code in (400, 401), broken
    client, secret = gateway.client("employer")
    both = ask_token(gateway, basic(client, secret), client_assertion_type=ASSERTION_TYPE, client_assertion="a.b.c")
    assert both.json()["error"] == "invalid_request"


def test_a_budget_holds_across_workers(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", requests_per_minute_max=130)
    token, now = gateway.token(client, secret), gateway.clock.now()
    workers = [another_worker(gateway) for _ in range(3)]
    caller = workers[0].by_token(token, now)
    granted = 0
    for turn in range(600):
        try:
            workers[turn % 3].spend(caller, "business", now)
            granted += 1
        except BudgetSpent as spent:
            assert (spent.limit, spent.retry_after_s) == (130, 60 - int(now.timestamp()) % 60)
    assert granted == 130
    gateway.clock.advance(60)
    assert workers[0].spend(caller, "business", gateway.clock.now()).limit == 130


def test_a_spent_budget_is_told_with_headers_and_lookups_go_on(gateway: Inhouse) -> None:
    token = gateway.bearer("employer", units=[UNIT], requests_per_minute_max=2)
    answers = [gateway("POST", "/v1/dossiers", token, content=a_dossier(seed, employees=1)) for seed in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answers[0].headers[f"ratelimit-{name}"] for name in ("limit", "remaining")] == ["2", "1"]
    assert answers[1].headers["ratelimit-remaining"] == "0"
    assert answers[2].headers["retry-after"] == answers[2].headers["ratelimit-reset"]
    assert answers[2].json()["code"] == "too-many-requests"
    sha256 = answers[0].json()["sha256"]
    assert gateway("GET", f"/v1/receipts?sha256={sha256}", token).status_code == 200


def test_a_token_is_good_at_every_worker(gateway: Inhouse) -> None:
    token = gateway.bearer("employer", units=[UNIT])
    settings = gateway.house.settings
    other = build(settings, gateway.clock)
    second = Inhouse(other, gateway.clock)
    assert second("GET", "/v1/dossiers", token).status_code == 200
    second.asked(other.house.close())
