"""Clients, secrets, tokens, assertions and budgets, over HTTP, across workers and threads, on each database."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from gateway.api.oauth import FORM_BYTES_MAX
from gateway.app import build
from gateway.assertion import read_assertion
from gateway.callers import (
    Callers,
    NotKnown,
    digest,
    new_secret,
)
from gateway.clock import to_us
from signing.seal import FileSealKey, create_seal_key, seal_jws
from storage import clients
from tests.databases import database_url
from tests.gateway.inhouse import UNIT, Inhouse, basic, inhouse

__all__ = ["database_url"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def gateway(tmp_path: Path, database_url: str) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", database_url=database_url) as made:
        yield made


def ask_token(gateway: Inhouse, authorization: str | None = None, **form: str) -> httpx.Response:
    form = {"grant_type": "client_credentials"} | form
    headers = {"authorization": authorization.encode("latin-1")} if authorization else {}
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


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic", "Basic %%%", "Basic bm9jb2xvbg==", "Basic é"])
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
        audience = self.gateway.house.settings.token_url
        good = {"iss": self.client, "sub": self.client, "aud": audience, "exp": ends}
        return good | {"jti": str(uuid.uuid4())} | changes

    def assertion(self, claims: dict[str, object], key: FileSealKey | None = None) -> str:
        return seal_jws(key or self.key, json.dumps(claims).encode(), "JWT")

    def ask(self, claims: dict[str, object], key: FileSealKey | None = None, **form: str) -> httpx.Response:
        form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(claims, key)}
        return ask_token(self.gateway, **form)


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
    now = gateway.clock.now()
    shown = read_assertion(signed.assertion(claims), audiences=(str(claims["aud"]),), now=now)
    with pytest.raises(NotKnown):
        another_worker(gateway).by_assertion(shown, now)


BAD_CLAIMS: dict[str, dict[str, object]] = {
    "another audience": {"aud": "https://elsewhere/token"},
    "another server's token door": {"aud": "https://elsewhere/oauth/token"},
    "another port of this host": {"aud": "http://127.0.0.1:9999/oauth/token"},
    "this door and one more letter": {"aud": "http://127.0.0.1:8080/oauth/token/"},
    "another server beside this one": {"aud": ["http://127.0.0.1:8080/oauth/token", "https://elsewhere/oauth/token"]},
    "no audience": {"aud": []},
    "another subject": {"iss": "somebody"},
    "ended": {"exp": 1},
    "too long": {"exp": 4_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "no jti": {"jti": ""},
    "a huge jti": {"jti": "x" * 201},
    "a jti with NUL": {"jti": "a\0b"},
    "a jti with a line end": {"jti": "a\n"},
    "an unknown client": {"sub": "ivan-none", "iss": "ivan-none"},
    "a client with NUL": {"sub": "ivan\0", "iss": "ivan\0"},
    "a client of absurd length": {"sub": "i" * 3000, "iss": "i" * 3000},
    "a client in Vietnamese": {"sub": "đơn-vị", "iss": "đơn-vị"},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_assertion_may_name_the_issuer_and_the_public_url(tmp_path: Path, database_url: str) -> None:
    with inhouse(tmp_path / "home", database_url=database_url, public_url="https://cong.example.vn") as gateway:
        signed = Signed(gateway, tmp_path)
        for aud in ("https://cong.example.vn/oauth/token", "https://cong.example.vn", ["https://cong.example.vn"]):
            assert signed.ask(signed.claims(aud=aud)).status_code == 200, aud
        for aud in ("http://127.0.0.1:8080/oauth/token", "https://cong.example.vn/", "https://CONG.example.vn"):
            assert signed.ask(signed.claims(aud=aud)).status_code == 401, aud


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_client_id_beside_the_proof_must_be_the_same_client(gateway: Inhouse, tmp_path: Path) -> None:
    signed = Signed(gateway, tmp_path)
    assert signed.ask(signed.claims(), client_id=signed.client).status_code == 200
    assert signed.ask(signed.claims(), client_id="ivan-other").json()["error"] == "invalid_request"
    client, secret = gateway.client("employer")
    assert ask_token(gateway, basic(client, secret), client_id=client).status_code == 200
    assert ask_token(gateway, basic(client, secret), client_id="other").json()["error"] == "invalid_request"


@pytest.mark.parametrize("client", ["a\0b", "employer-\n", "x" * 101, "x" * 5000, "", "đơn-vị", "a b"])
def test_a_client_id_that_no_client_can_have_is_not_known(gateway: Inhouse, client: str) -> None:
    answer = ask_token(gateway, basic(client, "secret"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_form_that_is_too_large_is_answered_as_rfc_6749_says(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer")
    for filling in (FORM_BYTES_MAX, 2 * 1024 * 1024):
        answer = ask_token(gateway, basic(client, secret), filling="x" * filling)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert answer.headers["cache-control"] == "no-store"


def test_a_secret_that_is_replaced_while_a_token_is_issued_issues_none(
    gateway: Inhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, secret = gateway.client("employer")
    begin: Callable[[], AbstractContextManager[sa.Connection]] = gateway.house.database.begin

    def rotated_just_before() -> AbstractContextManager[sa.Connection]:
        monkeypatch.setattr(gateway.house.database, "begin", begin)
        new_secret(gateway.house.database, client)
        return begin()

    monkeypatch.setattr(gateway.house.database, "begin", rotated_just_before)
    with pytest.raises(NotKnown):
        gateway.house.callers.by_secret(client, secret, gateway.clock.now())
    with gateway.house.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM token").scalar_one() == 0


def test_what_has_ended_is_forgotten_by_the_sweep_and_not_by_each_issue(gateway: Inhouse, tmp_path: Path) -> None:
    def kept() -> dict[str, int]:
        with gateway.house.database.read() as tx:
            return {
                table: tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
                for table in ("token", "assertion", "quota", "idempotency")
            }

    signed = Signed(gateway, tmp_path)
    assert signed.ask(signed.claims()).status_code == 200
    answer = clients.Remembered(bytes(32), 200, b"{}")
    with gateway.house.database.begin() as tx:
        clients.remember(tx, signed.client, "old", answer, to_us(gateway.clock.now()))
    gateway.clock.advance(clients.REMEMBERED_DAYS * 86_400 + 1)
    assert signed.ask(signed.claims()).status_code == 200
    with gateway.house.database.begin() as tx:
        clients.remember(tx, signed.client, "new", answer, to_us(gateway.clock.now()))
    assert kept() == {"token": 2, "assertion": 2, "quota": 2, "idempotency": 2}
    gateway.house.callers.forget_ended(gateway.clock.now())
    assert kept() == {"token": 1, "assertion": 1, "quota": 1, "idempotency": 1}


def test_a_token_is_good_at_every_worker(gateway: Inhouse) -> None:
    token = gateway.bearer("employer", units=[UNIT])
    settings = gateway.house.settings
    other = build(settings, gateway.clock)
    second = Inhouse(other, gateway.clock)
    assert second("GET", "/v1/dossiers", token).status_code == 200
    second.asked(other.house.close())
