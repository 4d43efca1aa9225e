"""A message of a webhook: its name, its bytes and its signatures, as Standard Webhooks asks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.clock import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.webhook_facts import Fact

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with, not one
TEST_TYPE: Final = "test"
_BESIDE: Final = ("type", "at")


def fact_id(webhook: str, first_seq: int, seq: int) -> str:
    """The name of the message about these facts: the same however often it is sent."""
    return f"msg_{webhook}_{seq}" if first_seq == seq else f"msg_{webhook}_{first_seq}-{seq}"


def body_of(fact: Fact) -> bytes:
    """The message about a fact: thin, so that whoever reads it on the way learns of no person; the rest is fetched
    through the gateway's own doors.
    """
    data = {name: value for name, value in msgspec.structs.asdict(fact).items() if name not in _BESIDE}
    return msgspec.json.encode({"type": fact.type, "timestamp": fact.at, "data": data})


def trial_body(webhook: str, at: datetime) -> bytes:
    """The message that an owner asked for to see whether messages arrive."""
    return msgspec.json.encode({"type": TEST_TYPE, "timestamp": rfc3339(at), "data": {"webhook": webhook}})


def headers_of(message_id: str, body: bytes, secrets: Sequence[bytes], now: datetime) -> dict[str, str]:
    """Name, time of this try, and a signature under each secret (Standard Webhooks, "Signature scheme")."""
    timestamp = str(int(now.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def shown_secret(secret: bytes) -> str:
    """A secret as its owner is shown it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def confirmation_code(secret: bytes) -> str:
    """What is mailed to an address to find out whether it wants mails: ten characters that are typed back."""
    digest = hmac.new(secret, b"motcua confirm", hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:10]
