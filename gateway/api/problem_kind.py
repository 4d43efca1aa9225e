"""What a kind of problem is: its status, whether to try again, and what to do about it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Retry = Literal["never", "same-request", "after"]


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of problem: what it is and what to do about it."""

    status: int
    retry: Retry
    title_vi: str
    title_en: str
    remedy_vi: str
    remedy_en: str
