"""Webhooks, from their owners' side: made, listed, rotated, confirmed, replayed, disabled and enabled.

Each step is one short transaction. What is sent, and when, is `webhook_sending`'s business; nothing of it happens while
a dossier is submitted.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets as randomness
import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from gateway.callers import BudgetSpent
from gateway.clock import to_us
from gateway.mail_words import MAIL_TYPES, MAIL_TYPES_DEFAULT
from gateway.repeated import KeyReused
from gateway.states import STEADY, TRANSITIONS
from gateway.webhook_message import SECRET_BYTES, TEST_TYPE, confirmation_code
from storage import alarms, clients, journal, webhook_facts, webhooks
from storage.webhooks import Message, Webhook

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from storage.cipher import Cipher
    from storage.database import Database

WebhookKind = Literal["http", "mail"]
Digest = Literal["", "hourly", "daily"]

WEBHOOKS_MAX: Final = 50
MADE_AN_HOUR_MAX: Final = 60
# So often an hour one address is asked whether it wants mails, whoever asks: it may be a stranger's.
ASKED_AN_HOUR_MAX: Final = 5
TYPES_MAX: Final = 64
UNITS_MAX: Final = 1_000
TRIES_MAX: Final = 10
CONFIRM_H: Final = 48
OVERLAP_S_MAX: Final = 7 * 86_400
# With the one in force: a receiver that rotates again and again before it has the new secret everywhere.
SECRETS_MAX: Final = 4
# Clocks of workers differ, and so do the times of facts from their order.
REPLAY_MARGIN_S: Final = 120
DEAD_RULE: Final = "webhook-dead"
GONE_RULE: Final = "webhook-gone"
TYPES: Final = frozenset(TRANSITIONS) | STEADY
_UNIT: Final = re.compile(r"[0-9A-Z]{1,20}", re.ASCII)
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_ADDRESS_CHARACTERS_MAX: Final = 254


class WebhookRefused(Exception):
    """What was asked for a webhook cannot be done as it was asked. Trying again changes nothing."""


class WebhookUnknown(Exception):
    """The caller has no such webhook, or it no longer remembers such a message. Trying again changes nothing."""


class WebhooksTooMany(Exception):
    """The client has as many webhooks as one may have. Disable one first."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A webhook as its owner wants it; its address was looked at already."""

    kind: WebhookKind
    target: str
    types: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    digest: Digest = ""


class Made(Struct, frozen=True):
    """A webhook and the secret of its messages; None when that was rotated away since."""

    webhook: Webhook
    secret: bytes | None


class Key(Struct, frozen=True):
    """An idempotency key, and the digest of the request that it came with."""

    key: str
    request_sha256: bytes


def checked(wanted: Wanted) -> Wanted:
    """What was wanted, whole. Raises `WebhookRefused`."""
    if len(wanted.types) > TYPES_MAX or (unknown := sorted(set(wanted.types) - TYPES)):
        raise WebhookRefused(f"types: {', '.join(unknown)[:100]}" if len(wanted.types) <= TYPES_MAX else "types")
    if len(wanted.units) > UNITS_MAX or not all(_UNIT.fullmatch(unit) for unit in wanted.units):
        raise WebhookRefused("units")
    types = tuple(dict.fromkeys(wanted.types))
    if wanted.kind == "http":
        if wanted.digest:
            raise WebhookRefused("digest: for mails only")
        return msgspec.structs.replace(wanted, types=types)
    if len(wanted.target) > _ADDRESS_CHARACTERS_MAX or not _ADDRESS.fullmatch(wanted.target):
        raise WebhookRefused("address: one plain mail address")
    if silent := sorted(set(types) - MAIL_TYPES):
        raise WebhookRefused(f"types that are not mailed: {', '.join(silent)}")
    return msgspec.structs.replace(wanted, types=types or MAIL_TYPES_DEFAULT)


def spend_look(database: Database, caller: Caller, now: datetime) -> None:
    """Count that a name is looked up for a client: whoever owns the name decides how long that takes.

    Raises `BudgetSpent`, `DatabaseAway`.
    """
    with database.begin() as tx:
        _spend(tx, caller.client, now, "webhook-looks")


def create(
    database: Database, cipher: Cipher, caller: Caller, wanted: Wanted, now: datetime, key: Key | None = None
) -> Made:
    """Make a webhook: it is told of facts from now on; one of mails only once its address is confirmed.

    Trying again makes another, unless the same `key` comes with it. Raises `KeyReused`, `WebhooksTooMany`,
    `BudgetSpent`, `DatabaseAway`.
    """
    with database.begin() as tx:
        # Held until the end: of a client's requests at once, one comes after the other.
        _spend(tx, caller.client, now)
        if key and (kept := clients.remembered(tx, caller.client, key.key)):
            if kept.request_sha256 != key.request_sha256:
                raise KeyReused(key.key)
            return _made_before(tx, cipher, kept.body.decode(), now)
        if sum(one.state != "disabled" for one in webhooks.of(tx, caller.client)) >= WEBHOOKS_MAX:
            raise WebhooksTooMany(str(WEBHOOKS_MAX))
        webhook = Webhook(
            id="w-" + randomness.token_hex(10),
            client=caller.client,
            kind=wanted.kind,
            target=wanted.target,
            types=wanted.types,
            units=tuple(dict.fromkeys(wanted.units)),
            digest=wanted.digest,
            state="active" if wanted.kind == "http" else "unconfirmed",
            made_at_us=to_us(now),
            upto_seq=journal.head(tx),
        )
        webhooks.add(tx, webhook)
        secret = randomness.token_bytes(SECRET_BYTES)
        webhooks.put_secret(tx, _locked(cipher, webhook.id, 1, secret), to_us(now))
        if webhook.kind == "mail":
            _spend(tx, f"mail {wanted.target.lower()}", now, "webhook-asks", ASKED_AN_HOUR_MAX)
            webhooks.enqueue(tx, _asked(webhook, "confirm", now))
        if key:
            remembered = clients.Remembered(key.request_sha256, 201, webhook.id.encode())
            clients.remember(tx, caller.client, key.key, remembered, to_us(now))
    return Made(webhook, secret)


def listed(database: Database, caller: Caller) -> tuple[list[Webhook], dict[tuple[str, str], int]]:
    """The caller's webhooks, and how many of their messages wait or are dead."""
    with database.read() as tx:
        found = webhooks.of(tx, caller.client)
        return found, webhooks.counts(tx, [one.id for one in found])


def page(database: Database, caller: Caller, webhook_id: str, after: int, state: str) -> list[Message]:
    """What became of a webhook's messages. Raises `WebhookUnknown`."""
    with database.read() as tx:
        _own(tx, caller, webhook_id)
        return webhooks.messages(tx, webhook_id, after, state)


def rotate(database: Database, cipher: Cipher, caller: Caller, webhook_id: str, overlap_s: int, now: datetime) -> Made:
    """Give a new secret. For `overlap_s` seconds messages are signed with those before it, too.

    Trying again rotates again, and leaves the receiver's secret in force for its time. Raises `WebhookUnknown`.
    """
    with database.begin() as tx:
        _spend(tx, caller.client, now)
        webhook = _own(tx, caller, webhook_id)
        held = webhooks.secrets(tx, webhook_id, to_us(now))
        secret = randomness.token_bytes(SECRET_BYTES)
        until_us = to_us(now + timedelta(seconds=min(overlap_s, OVERLAP_S_MAX)))
        webhooks.put_secret(tx, _locked(cipher, webhook_id, held[0].number + 1, secret), until_us)
    return Made(webhook, secret)


def replay(
    database: Database,
    caller: Caller,
    webhook_id: str,
    now: datetime,
    *,
    after: int | None = None,
    since: datetime | None = None,
    message: str | None = None,
) -> int:
    """Send again: one message, or every fact after number `after`, or since an instant (two minutes before it, because
    clocks differ). Returns the number from which facts are looked at again. Their messages keep their names.

    Trying again is safe. Raises `WebhookUnknown`, `WebhookRefused`.
    """
    with database.begin() as tx:
        webhook = _own(tx, caller, webhook_id)
        if webhook.state != "active":
            raise WebhookRefused(f"the webhook is {webhook.state}")
        if message is not None:
            found = webhooks.message(tx, message)
            if found is None or found.webhook != webhook_id:
                raise WebhookUnknown(message)
            webhooks.again(tx, message, to_us(now))
            if not webhooks.counts(tx, [webhook_id]).get((webhook_id, "dead")):
                # It was the last that had been given up; should it be again, it is told of again.
                alarms.close(tx, DEAD_RULE, webhook_id, caller.client, to_us(now))
            return found.first_seq
        if since is not None:
            # In numbers: a day of the first or last year has no day before or after it.
            since_us = to_us(since) - REPLAY_MARGIN_S * 1_000_000
            after = webhook_facts.before(tx, since_us, journal.head(tx))
        if after is None:
            raise WebhookRefused("nothing to replay was named")
        webhooks.set_back(tx, webhook_id, min(after, webhook.upto_seq))
        alarms.close(tx, DEAD_RULE, webhook_id, caller.client, to_us(now))
        return min(after, webhook.upto_seq)


def disable(database: Database, caller: Caller, webhook_id: str, now: datetime) -> Webhook:
    """Send nothing more. Again, it changes nothing. Raises `WebhookUnknown`."""
    return _set(database, caller, webhook_id, now, "disabled", "owner")


def enable(database: Database, caller: Caller, webhook_id: str, now: datetime, *, skip_missed: bool) -> Webhook:
    """Go on from where it stopped, or from now. Raises `WebhookUnknown`; `WebhookRefused` for an address of mails that
    was never confirmed.
    """
    return _set(database, caller, webhook_id, now, "active", "", skip_missed=skip_missed)


def _set(
    database: Database,
    caller: Caller,
    webhook_id: str,
    now: datetime,
    state: str,
    why: str,
    *,
    skip_missed: bool = False,
) -> Webhook:
    with database.begin() as tx:
        webhook = _own(tx, caller, webhook_id)
        if state == "active" and (webhook.state == "unconfirmed" or webhook.why == "unconfirmed"):
            raise WebhookRefused("the address was not confirmed")
        # What was never confirmed stays so, whatever becomes of it.
        kept = "unconfirmed" if webhook.state == "unconfirmed" or webhook.why == "unconfirmed" else why
        webhooks.set_state(tx, webhook_id, state, kept)
        if skip_missed:
            webhooks.set_forward(tx, webhook_id, journal.head(tx))
        for rule in (DEAD_RULE, GONE_RULE):
            alarms.close(tx, rule, webhook_id, caller.client, to_us(now))
        return _own(tx, caller, webhook_id)


def confirm(database: Database, cipher: Cipher, caller: Caller, webhook_id: str, code: str, now: datetime) -> Webhook:
    """The address wants mails: its owner typed the code that was mailed there. Again, it changes nothing.

    Raises `WebhookUnknown`; `WebhookRefused` for a wrong code, after too many of them, or too late.
    """
    with database.begin() as tx:
        webhook = _own(tx, caller, webhook_id)
        if webhook.state == "active":
            return webhook
        is_late = to_us(now) > webhook.made_at_us + CONFIRM_H * 3_600_000_000
        if webhook.state != "unconfirmed" or webhook.tries >= TRIES_MAX or is_late:
            raise WebhookRefused("code: too late, or too many tries; subscribe again")
        right = confirmation_code(_secret_in_force(tx, cipher, webhook_id, now))
        typed = unicodedata.normalize("NFKC", code).strip().upper()
        is_right = typed.isascii() and hmac.compare_digest(right, typed)
        if is_right:
            webhooks.set_state(tx, webhook_id, "active", "")
            # Nothing that happened before it was wanted.
            webhooks.set_forward(tx, webhook_id, journal.head(tx))
        else:
            webhooks.count_try(tx, webhook_id)
        found = _own(tx, caller, webhook_id)
    if not is_right:
        raise WebhookRefused("code")
    return found


def trial(database: Database, caller: Caller, webhook_id: str, now: datetime) -> Message:
    """Have a message of trial sent. Trying again sends another. Raises `WebhookUnknown`, `WebhookRefused`."""
    with database.begin() as tx:
        _spend(tx, caller.client, now)
        webhook = _own(tx, caller, webhook_id)
        if webhook.state != "active":
            raise WebhookRefused(f"the webhook is {webhook.state}")
        message = _asked(webhook, "test", now)
        webhooks.enqueue(tx, message)
    return message


def open_secrets(cipher: Cipher, held: list[webhooks.Secret]) -> list[bytes]:
    """The secrets to sign with, the one in force first."""
    return [cipher.open(one.body, one.wrapped_key, one.sha256) for one in held[:SECRETS_MAX]]


def _asked(webhook: Webhook, what: str, now: datetime) -> Message:
    return Message(
        id=f"msg_{webhook.id}_{what}_{randomness.token_hex(6)}",
        webhook=webhook.id,
        what=what,
        type=TEST_TYPE if what == "test" else what,
        first_at_us=to_us(now),
        next_at_us=to_us(now),
    )


def _locked(cipher: Cipher, webhook_id: str, number: int, secret: bytes) -> webhooks.Secret:
    digest = hashlib.sha256(secret).digest()
    locked = cipher.lock(secret, digest)
    return webhooks.Secret(
        webhook=webhook_id, number=number, sha256=digest, body=locked.body, wrapped_key=locked.wrapped_key
    )


def _secret_in_force(tx: sa.Connection, cipher: Cipher, webhook_id: str, now: datetime) -> bytes:
    return open_secrets(cipher, webhooks.secrets(tx, webhook_id, to_us(now)))[0]


def _made_before(tx: sa.Connection, cipher: Cipher, webhook_id: str, now: datetime) -> Made:
    webhook = webhooks.find(tx, webhook_id)
    if webhook is None:
        raise WebhookUnknown(webhook_id)
    held = webhooks.secrets(tx, webhook_id, to_us(now))
    first = held[0].number == 1
    state = "active" if webhook.kind == "http" else "unconfirmed"
    # As it was answered then; a secret that was replaced since is shown to nobody.
    then = msgspec.structs.replace(webhook, state=state, why="")
    return Made(then, open_secrets(cipher, held)[0] if first else None)


def _own(tx: sa.Connection, caller: Caller, webhook_id: str) -> Webhook:
    found = webhooks.find(tx, webhook_id)
    if found is None or found.client != caller.client:
        raise WebhookUnknown(webhook_id)
    return found


def _spend(tx: sa.Connection, whose: str, now: datetime, budget: str = "webhooks", most: int | None = None) -> None:
    """Count a webhook that is made, rotated or tried, or what another budget counts. Raises `BudgetSpent`."""
    most = MADE_AN_HOUR_MAX if most is None else most
    seconds = int(now.timestamp())
    # Kept under the last minute of the hour: counts of minutes that are over are dropped.
    hour = (seconds // 3600 + 1) * 60 - 1
    if clients.take(tx, whose, budget, hour, 1) > most:
        raise BudgetSpent(most, 3600 - seconds % 3600)
