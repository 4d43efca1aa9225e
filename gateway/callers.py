"""Who calls: clients, their secrets, their tokens and their budgets."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from gateway import ids
from gateway.clock import to_us
from storage import clients

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.database import Database

Role = Literal["employer", "ivan", "post", "office", "operator"]
ROLES: tuple[Role, ...] = ("employer", "ivan", "post", "office", "operator")
Budget = Literal["business", "lookup"]

# A token that was found is believed for so long before the database is asked again: a disabled client is out by then.
BELIEVED_S = 5
TOKENS_BELIEVED_MAX = 10_000
# A worker takes requests from the shared budget in blocks, so that the budget holds across workers and costs little.
BLOCKS_A_MINUTE = 60


class NotKnown(Exception):
    """The client, its secret or its token is not known, has ended or was disabled. Get a new token, then try again."""


class BudgetSpent(Exception):
    """This minute's requests are used up. Trying again is safe after `retry_after_s`."""

    def __init__(self, limit: int, retry_after_s: int) -> None:
        super().__init__(f"{limit} a minute")
        self.limit, self.retry_after_s = limit, retry_after_s


class Caller(Struct, frozen=True, kw_only=True):
    """A client that showed a valid token."""

    client: str
    role: Role
    offices: frozenset[str]
    requests_per_minute_max: int


class Issued(Struct, frozen=True):
    """A fresh access token; only its digest is kept."""

    token: str
    life_s: int


class Allowance(Struct, frozen=True):
    """What is left of this minute's budget, as far as this worker knows."""

    limit: int
    remaining: int
    reset_s: int


class _Believed(Struct):
    caller: Caller
    until_us: int
    ends_us: int


class _Block(Struct):
    minute: int
    left: int
    used_by_all: int
    spent: bool = False


class Callers:
    """Answers who calls, and how often they still may."""

    def __init__(self, database: Database, *, token_life_s: int, lookups_per_minute_max: int) -> None:
        self._database = database
        self._token_life_s = token_life_s
        self._lookups_per_minute_max = lookups_per_minute_max
        self._believed: dict[bytes, _Believed] = {}
        self._blocks: dict[tuple[str, Budget], _Block] = {}

    def by_secret(self, client: str, secret: str, now: datetime) -> Issued:
        """Exchange a client secret for a token (RFC 6749 §4.4). Raises `NotKnown`."""
        with self._database.begin() as tx:
            found = clients.client(tx, client)
            # Compared in constant time, and compared with something also when the client does not exist.
            expected = found.secret_sha256 if found and found.secret_sha256 else bytes(32)
            right = hmac.compare_digest(expected, digest(secret))
            if found is None or not right or found.disabled_at_us is not None:
                raise NotKnown(client)
            return self._issue(tx, client, now)

    def by_assertion(self, client: str, jti: str, ends: datetime, now: datetime) -> Issued:
        """Exchange an assertion (RFC 7523) whose signature holds; its `jti` serves once. Raises `NotKnown`."""
        with self._database.begin() as tx:
            if not clients.use_assertion(tx, client, jti, to_us(ends)):
                raise NotKnown("this jti was used before")
            return self._issue(tx, client, now)

    def key_of(self, client: str) -> dict[str, Any]:
        """The public key (JWK) that a client registered. Raises `NotKnown`."""
        with self._database.read() as tx:
            found = clients.client(tx, client)
        if found is None or found.jwk is None or found.disabled_at_us is not None:
            raise NotKnown(client)
        key: dict[str, Any] = msgspec.json.decode(found.jwk)
        return key

    def _issue(self, tx: Any, client: str, now: datetime) -> Issued:
        token = ids.secret()
        clients.put_token(tx, digest(token), client, to_us(now) + self._token_life_s * 1_000_000)
        clients.forget_ended(tx, to_us(now))
        return Issued(token, self._token_life_s)

    def believed(self, token: str, now: datetime) -> Caller | None:
        """The caller behind a token that was looked up a moment ago; None: ask `by_token`."""
        found = self._believed.get(digest(token))
        return found.caller if found and to_us(now) < found.until_us else None

    def by_token(self, token: str, now: datetime) -> Caller:
        """The caller behind a token, from the database. Raises `NotKnown`."""
        name, now_us = digest(token), to_us(now)
        with self._database.read() as tx:
            held = clients.token(tx, name)
            if held is None or held.expires_at_us <= now_us:
                self._believed.pop(name, None)
                raise NotKnown("token")
            found = clients.client(tx, held.client)
            offices = clients.offices(tx, held.client)
        if found is None or found.disabled_at_us is not None:
            self._believed.pop(name, None)
            raise NotKnown("token")
        caller = Caller(
            client=found.id,
            role=msgspec.convert(found.role, Role),
            offices=frozenset(offices),
            requests_per_minute_max=found.requests_per_minute_max,
        )
        if len(self._believed) >= TOKENS_BELIEVED_MAX:
            self._believed.clear()
        until_us = min(now_us + BELIEVED_S * 1_000_000, held.expires_at_us)
        self._believed[name] = _Believed(caller, until_us, held.expires_at_us)
        return caller

    def has_block(self, caller: Caller, budget: Budget, now: datetime) -> bool:
        """Whether `spend` can answer without asking the database."""
        block = self._blocks.get((caller.client, budget))
        return block is not None and block.minute == int(now.timestamp()) // 60 and (block.left > 0 or block.spent)

    def spend(self, caller: Caller, budget: Budget, now: datetime) -> Allowance:
        """Take one request from the caller's budget, shared by all workers and hosts. Raises `BudgetSpent`."""
        limit = caller.requests_per_minute_max if budget == "business" else self._lookups_per_minute_max
        seconds = int(now.timestamp())
        minute, reset_s = seconds // 60, 60 - seconds % 60
        key = (caller.client, budget)
        block = self._blocks.get(key)
        if block is None or block.minute != minute:
            block = self._blocks[key] = _Block(minute, 0, 0)
        if block.left == 0 and not block.spent:
            wanted = max(1, limit // BLOCKS_A_MINUTE)
            with self._database.begin() as tx:
                used = clients.take(tx, caller.client, budget, minute, wanted)
            block.left = max(0, min(wanted, limit - (used - wanted)))
            block.used_by_all = min(used, limit)
            block.spent = block.left == 0
        if block.spent:
            raise BudgetSpent(limit, reset_s)
        block.left -= 1
        return Allowance(limit, limit - block.used_by_all + block.left, reset_s)


def register_client(
    database: Database,
    *,
    role: Role,
    name: str,
    units: Sequence[str],
    offices: Sequence[str],
    jwk: str | None,
    requests_per_minute_max: int,
    now: datetime,
) -> tuple[str, str | None]:
    """Make a client; returns its id and, unless it brought a key, its secret, which is shown this once."""
    client, secret = ids.client_id(role), None if jwk else ids.secret()
    row = clients.Client(
        id=client,
        role=role,
        name=name,
        secret_sha256=digest(secret) if secret else None,
        jwk=jwk,
        requests_per_minute_max=requests_per_minute_max,
        created_at_us=to_us(now),
        disabled_at_us=None,
    )
    with database.begin() as tx:
        clients.put_client(tx, row, units, offices)
    return client, secret


def new_secret(database: Database, client: str) -> str:
    """Replace a client's secret; its tokens end at once. Raises `NotKnown`."""
    secret = ids.secret()
    with database.begin() as tx:
        if not clients.set_secret(tx, client, digest(secret)):
            raise NotKnown(client)
    return secret


def digest(secret: str) -> bytes:
    """What is kept of a secret or token. They hold 256 random bits, so that a slow password hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()
