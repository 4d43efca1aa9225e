"""Who calls: clients, their secrets, their tokens and their budgets.

A stranger must not be able to slow the line down: what is not proven is only read, never written, but for a few counts
a minute, however many names and secrets are tried.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from typing import TYPE_CHECKING, Literal, NoReturn

import msgspec
from msgspec import Struct

from gateway import ids
from gateway.assertion import signed_by
from gateway.clock import to_us
from storage import clients, journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from gateway.assertion import Assertion
    from storage.database import Database

Role = Literal["employer", "ivan", "post", "office", "operator"]
ROLES: tuple[Role, ...] = ("employer", "ivan", "post", "office", "operator")
Budget = Literal["business", "lookup"]

# A token that was found is believed for so long before the database is asked again: a disabled client is out by then.
BELIEVED_S = 5
TOKENS_BELIEVED_MAX = 10_000
# A worker takes requests from the shared budget in blocks, so that the budget holds across workers and costs little.
BLOCKS_A_MINUTE = 60
# Far above what software that keeps its token for its life asks for, and what a month end of single commands does.
TOKENS_A_MINUTE_MAX = 600
# Clients that could not prove who they are, known or not, are counted together in so many groups.
REFUSALS_A_MINUTE_MAX = 60
REFUSED_GROUPS = 16
_COUNTED_AT_ONCE = 20
# Our client ids are short; nothing else is looked up (RFC 6749 appendix A.1 allows visible ASCII).
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,100}")


class NotKnown(Exception):
    """The client, its secret or its token is not known, has ended or was disabled. Get a new token, then try again."""


class BudgetSpent(Exception):
    """This minute's requests are used up. Trying again is safe after `retry_after_s`."""

    def __init__(self, limit: int, retry_after_s: int) -> None:
        super().__init__(f"{limit} a minute")
        self.limit, self.retry_after_s = limit, retry_after_s


class Caller(Struct, frozen=True, kw_only=True):
    """A client that showed a valid token. `ivan_code` is an I-VAN's registered code, if it has one."""

    client: str
    role: Role
    offices: frozenset[str]
    requests_per_minute_max: int
    ivan_code: str = ""


def seen_by(caller: Caller, on: date) -> journal.Scope | None:
    """What of the journal the caller may see on that day: an I-VAN's mandates have days. None: nothing."""
    if caller.role == "operator":
        return journal.Scope(everything=True)
    if caller.role == "office" and caller.offices:
        return journal.Scope(offices=tuple(sorted(caller.offices)))
    if caller.role in ("employer", "ivan"):
        return journal.Scope(client=caller.client, on=on)
    return None


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
    left: int = 0
    used_by_all: int = 0
    spent: bool = False


class Callers:
    """Answers who calls, and how often they still may."""

    def __init__(self, database: Database, *, token_life_s: int, lookups_per_minute_max: int) -> None:
        self._database = database
        self._token_life_s = token_life_s
        self._lookups_per_minute_max = lookups_per_minute_max
        self._believed: dict[bytes, _Believed] = {}
        self._blocks: dict[tuple[str, str], _Block] = {}
        # Held while the blocks are looked at or changed, never while the database is asked.
        self._counting = threading.Lock()

    def by_secret(self, client: str, secret: str, now: datetime) -> Issued:
        """Exchange a client secret for a token (RFC 6749 §4.4). Raises `NotKnown`, `BudgetSpent`."""
        found = self._registered(client)
        # Compared in constant time, and compared with something also when the client does not exist.
        expected = found.secret_sha256 if found and found.secret_sha256 else bytes(32)
        right = hmac.compare_digest(expected, digest(secret))
        if found is None or not right or found.disabled_at_us is not None:
            self._refuse(client, now)
        return self._issue(found, None, now)

    def by_assertion(self, shown: Assertion, now: datetime) -> Issued:
        """Exchange a fit assertion (RFC 7523) for a token; its `jti` serves once. Raises `NotKnown`, `BudgetSpent`."""
        found = self._registered(shown.client)
        if found is None or found.jwk is None or found.disabled_at_us is not None or not signed_by(shown, found.jwk):
            self._refuse(shown.client, now)
        with self._database.read() as tx:
            used = clients.assertion_used(tx, shown.client, shown.jti)
        if used:
            self._refuse(shown.client, now)
        return self._issue(found, shown, now)

    def _registered(self, client: str) -> clients.Client | None:
        if not _CLIENT_ID.fullmatch(client):
            raise NotKnown("client")
        with self._database.read() as tx:
            return clients.client(tx, client)

    def _refuse(self, client: str, now: datetime) -> NoReturn:
        """Count a try that proved nothing. Raises `NotKnown`; `BudgetSpent` when there were too many this minute.

        Groups stand for clients, so that strangers can neither fill the table nor learn which clients there are. The
        count is asked only after the proof failed: whoever guesses at a client cannot shut out the client itself.
        """
        group = f"group {digest(client)[0] % REFUSED_GROUPS}"
        self._take(group, "refused", REFUSALS_A_MINUTE_MAX, _COUNTED_AT_ONCE, now)
        raise NotKnown("client")

    def _issue(self, proven: clients.Client, shown: Assertion | None, now: datetime) -> Issued:
        self._take(proven.id, "token", TOKENS_A_MINUTE_MAX, _COUNTED_AT_ONCE, now)
        token = ids.secret()
        with self._database.begin() as tx:
            # What was proven must still be so: a secret that is replaced meanwhile takes all its tokens with it.
            if clients.held_client(tx, proven.id) != proven:
                raise NotKnown("client")
            if shown is not None and not clients.use_assertion(tx, proven.id, shown.jti, to_us(shown.ends)):
                raise NotKnown("this jti was used before")
            clients.put_token(tx, digest(token), proven.id, to_us(now) + self._token_life_s * 1_000_000)
        return Issued(token, self._token_life_s)

    def forget_ended(self, now: datetime) -> None:
        """Drop what can matter no more; the sweep calls it once a minute. Raises `DatabaseAway`; safe to repeat."""
        with self._database.begin() as tx:
            clients.forget_ended(tx, to_us(now))

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
            ivan_code=found.ivan_code,
        )
        if len(self._believed) >= TOKENS_BELIEVED_MAX:
            self._believed.clear()
        until_us = min(now_us + BELIEVED_S * 1_000_000, held.expires_at_us)
        self._believed[name] = _Believed(caller, until_us, held.expires_at_us)
        return caller

    def has_block(self, caller: Caller, budget: Budget, now: datetime) -> bool:
        """Whether `spend` can answer without asking the database."""
        with self._counting:
            block = self._blocks.get((caller.client, budget))
            return block is not None and block.minute == int(now.timestamp()) // 60 and (block.left > 0 or block.spent)

    def spend(self, caller: Caller, budget: Budget, now: datetime) -> Allowance:
        """Take one request from the caller's budget, shared by all workers and hosts. Raises `BudgetSpent`.

        Safe from several threads: together they are given exactly the budget.
        """
        limit = caller.requests_per_minute_max if budget == "business" else self._lookups_per_minute_max
        return self._take(caller.client, budget, limit, max(1, limit // BLOCKS_A_MINUTE), now)

    def _take(self, name: str, budget: str, limit: int, at_once: int, now: datetime) -> Allowance:
        """Take one from a budget; when this worker's block is used up, first `at_once` from the shared count."""
        seconds = int(now.timestamp())
        minute, reset_s = seconds // 60, 60 - seconds % 60
        with self._counting:
            block = self._blocks.get((name, budget))
            if block is None or block.minute != minute:
                block = self._blocks[name, budget] = _Block(minute)
            if block.left > 0 or block.spent:
                return _one_of(block, limit, reset_s)
        with self._database.begin() as tx:
            used = clients.take(tx, name, budget, minute, at_once)
        with self._counting:
            # Another thread may have brought a block meanwhile: both are ours.
            block.left += max(0, min(at_once, limit - (used - at_once)))
            block.used_by_all = max(block.used_by_all, min(used, limit))
            if used >= limit:
                block.spent = True
            return _one_of(block, limit, reset_s)


def _one_of(block: _Block, limit: int, reset_s: int) -> Allowance:
    if block.left <= 0:
        raise BudgetSpent(limit, reset_s)
    block.left -= 1
    return Allowance(limit, max(0, limit - block.used_by_all + block.left), reset_s)


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
    ivan_code: str = "",
) -> tuple[str, str | None]:
    """Make a client; returns its id and, unless it brought a key, its secret, which is shown this once.

    It speaks for `units` on any day; a mandate with days is registered apart (`storage.clients.put_mandate`).
    """
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
        ivan_code=ivan_code,
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
