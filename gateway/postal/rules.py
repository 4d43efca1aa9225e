"""The rules of paper, from a file that an operator may replace: time of receipt, halves, how long to wait for what."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

_OURS: Final = Path(__file__).with_name("post.toml")


class RulesUnreadable(Exception):
    """The file of rules cannot be read, or says what cannot be. The gateway does not start; the message names it."""


class TimeOfReceipt(Struct, frozen=True, forbid_unknown_fields=True):
    """Which instant counts as the receipt of paper, and for which procedures another one does."""

    basis: Literal["posted", "arrived"]
    procedures: dict[str, Literal["posted", "arrived"]] = {}

    def of(self, procedure: str) -> Literal["posted", "arrived"]:
        """The basis for that procedure."""
        return self.procedures.get(procedure, self.basis)


class Hybrid(Struct, frozen=True, forbid_unknown_fields=True):
    """Which half starts the clock, and how many days one may be later than the other."""

    clock: Literal["electronic", "paper", "first", "later"]
    half_days_max: int


def clock_start_us(rules: Hybrid, electronic_us: int | None, paper_us: int | None) -> int | None:
    """When the clock of a dossier in two halves starts, each received at that instant (microseconds; None: not yet).
    None: what starts it has not come.
    """
    if rules.clock == "electronic":
        return electronic_us
    if rules.clock == "paper":
        return paper_us
    come = [at_us for at_us in (electronic_us, paper_us) if at_us is not None]
    if rules.clock == "first":
        return min(come, default=None)
    return max(come) if len(come) == len((electronic_us, paper_us)) else None


class Waits(Struct, frozen=True, forbid_unknown_fields=True):
    """After how many working days something is told of."""

    not_posted_days_max: int
    late_days_max: int
    silent_days_max: int
    lost_days_max: int
    unopened_days_max: int
    page_days_max: int
    form_05_days_max: int
    original_days_max: int
    # Days of the calendar: what was announced so long ago and never posted is ended, and its content forgotten.
    announcement_days_max: int


class Certainty(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the rules come from, and which of them nobody has confirmed."""

    source: str
    unconfirmed: tuple[str, ...] = ()


class PostRules(Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of paper, under their version."""

    version: str
    time_of_receipt: TimeOfReceipt
    hybrid: Hybrid
    waits: Waits
    certainty: Certainty


def rules(path: Path | None = None) -> PostRules:
    """The operator's rules, or those that come with motcua. Raises `RulesUnreadable`."""
    source = path or _OURS
    try:
        found = msgspec.toml.decode(source.read_bytes(), type=PostRules)
    except (OSError, msgspec.MsgspecError) as error:
        raise RulesUnreadable(f"{source.name}: {error}") from error
    waits = [found.hybrid.half_days_max, *msgspec.structs.astuple(found.waits)]
    if min(waits) < 1:
        raise RulesUnreadable(f"{source.name}: days must be at least 1")
    return found
