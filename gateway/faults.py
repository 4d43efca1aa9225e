"""How our own faults are logged: what kind and where, never what was in the rows or in the dossier.

Drivers and toolkits put values into the words of their exceptions; so the words stay out of the log.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

FRAMES_MAX = 12


def log_fault(log: logging.Logger, what: str, error: BaseException) -> None:
    """Write a fault: the kinds of the exception and of its causes, and the frames of the innermost."""
    kinds: list[str] = []
    cause: BaseException | None = error
    innermost = error
    while cause is not None and len(kinds) < FRAMES_MAX:
        state = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
        kinds.append(type(cause).__name__ + (f"[{state}]" if state else ""))
        innermost = cause
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(innermost.__traceback__)[-FRAMES_MAX:]
    where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    log.error("%s: %s at %s", what, " from ".join(kinds), where)
