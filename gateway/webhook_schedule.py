"""When a message is tried again, and how long an address rests that does not answer."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

# The waits after the first try, the second, … (Standard Webhooks, "Operational considerations").
WAITS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
# A message that was not taken in so long, since its first try, is dead; the last try is made at its very end.
TRIED_S_MAX: Final = 3 * 86_400
# Waits are made longer by up to a tenth, so that what failed together does not come back together.
JITTER: Final = 0.1
RETRY_AFTER_S_MAX: Final = 86_400
# How long an address rests after so many failures in a row, and after every further one.
RESTS_S: Final = (5, 30, 60, 120, 300)


def next_try(
    message: str, attempt: int, first_at: datetime, now: datetime, asked_to_wait_s: int = 0
) -> datetime | None:
    """When to try a message again after its try number `attempt` (from 1) failed at `now`; None: never, it is dead.

    The receiver may have asked to be left alone for a while (Retry-After), which is done for a day at most. The same
    message gets the same times.
    """
    end = first_at + timedelta(seconds=TRIED_S_MAX)
    if now >= end:
        return None
    wait_s = WAITS_S[min(attempt, len(WAITS_S)) - 1] * (1 + JITTER * _fraction(message, attempt))
    wait_s = max(wait_s, min(asked_to_wait_s, RETRY_AFTER_S_MAX))
    return min(now + timedelta(seconds=wait_s), end)


def rest_s(failures: int) -> int:
    """For how many seconds an address rests after so many failures in a row; 0 after none."""
    return RESTS_S[min(failures, len(RESTS_S)) - 1] if failures > 0 else 0


def _fraction(message: str, attempt: int) -> float:
    """From 0 to 1, another for each message and try."""
    digest = hashlib.sha256(f"{message} {attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
