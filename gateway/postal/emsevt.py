"""The events of a postal item, in the words of EMSEVT (UPU M17, M40), and the state that each stands for."""

from __future__ import annotations

from typing import Final, Literal

State = Literal["bound", "posted", "on-the-way", "at-office", "attempted", "delivered", "returning", "returned", "lost"]
# Events in the order of a journey, as it decides between those of one instant, and the state that each stands for. The
# codes are EMSEVT's; beside them stand three of ours, for which it has none: carriers tell them in words.
JOURNEY: Final[tuple[tuple[str, State], ...]] = (
    ("EMA", "posted"),
    *((f"EX{last}", "on-the-way") for last in "ABCDEFGHIJKLMNOPQRSTUVWX"),
    ("EMB", "on-the-way"), ("EMC", "on-the-way"), ("EMJ", "on-the-way"), ("EMK", "on-the-way"),
    ("EMD", "on-the-way"), ("EDA", "on-the-way"), ("EDB", "on-the-way"), ("EME", "on-the-way"), ("EDC", "on-the-way"),
    ("EDX", "on-the-way"), ("EMF", "on-the-way"), ("EDD", "on-the-way"), ("EDE", "on-the-way"),
    ("EMG", "at-office"), ("EDF", "at-office"),
    ("EDG", "attempted"), ("EMH", "attempted"),
    ("EDH", "at-office"),
    ("EMI", "delivered"),
    ("returning", "returning"), ("returned", "returned"), ("lost", "lost"),
)  # fmt: skip
STATES: Final[dict[str, State]] = dict(JOURNEY)
RANKS: Final[dict[str, int]] = {code: rank for rank, (code, _) in enumerate(JOURNEY)}
CODES: Final = frozenset(STATES)
# Told in words only; they say more than the code beside them.
OWN_CODES: Final = frozenset({"returning", "returned", "lost"})
