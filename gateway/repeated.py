"""Requests that may be repeated under a key (Idempotency-Key): the same request is given the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gateway.clock import to_us
from storage import clients

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import sqlalchemy as sa


class Once(Struct, frozen=True):
    """A request that its caller may repeat under one key: `render` makes the answer that is kept and repeated."""

    key: str
    request_sha256: bytes
    render: Callable[[Any], bytes]


class KeyReused(Exception):
    """The idempotency key was used for another request. Trying again is of no use; take a new key."""


def answered(tx: sa.Connection, client: str, once: Once | None) -> bytes | None:
    """The answer that this very request was given before, if it was. Raises `KeyReused`."""
    if once is None or (kept := clients.remembered(tx, client, once.key)) is None:
        return None
    if kept.request_sha256 != once.request_sha256:
        raise KeyReused(once.key)
    return kept.body


def remember(tx: sa.Connection, client: str, once: Once | None, answer: object, now: datetime) -> None:
    """Keep the answer with what it says, in the same transaction."""
    if once is not None:
        kept = clients.Remembered(once.request_sha256, 200, once.render(answer))
        clients.remember(tx, client, once.key, kept, to_us(now))
