"""Idempotency-Key over HTTP: the key of a request that its caller may repeat (an IETF draft)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from gateway.api.problems import Refused
from gateway.repeated import Once

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar import Request

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def once_of(request: Request[Any, Any, Any], what: bytes, body: bytes, render: Callable[[Any], bytes]) -> Once | None:
    """The request's key with the digest of what it asks; None when it carries none. Raises 400 for a key unfit."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Refused("bad-request", "Idempotency-Key: 1–255 visible ASCII.")
    return Once(key, hashlib.sha256(what + b"\0" + body).digest(), render)
