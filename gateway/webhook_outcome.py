"""How a try to send a message ended."""

from __future__ import annotations

from msgspec import Struct


class Outcome(Struct, frozen=True, kw_only=True):
    """`said` is a status or a word, never what the receiver wrote: nobody reads other machines through us.

    `is_away`: the address itself does not answer, and rests. `is_gone`: it wants nothing more. `is_final`: this message
    will never be taken.
    """

    ok: bool
    said: str
    is_away: bool = False
    is_gone: bool = False
    is_final: bool = False
    retry_after_s: int = 0
