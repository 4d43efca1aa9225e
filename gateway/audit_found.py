"""What an audit found: what was looked at, and what does not hold."""

from __future__ import annotations

from msgspec import Struct

# So many faults are kept and told one by one; all are counted.
FAULTS_TOLD_MAX = 10_000


class Fault(Struct, frozen=True):
    """Something that does not hold. `subject` is a receipt number, an event, a closing, a pack or the log."""

    code: str
    subject: str
    vi: str
    en: str


class Audited(Struct):
    """What was looked at, and what does not hold. Orphans are kept bytes that no row points at: harmless.

    `since` is the fact after which everything was looked at; of what is older, `again` dossiers were read again. Then
    the other numbers, but for `facts`, `leaves` and what follows, are of what was looked at.
    """

    upto: int = 0
    since: int = 0
    again: int = 0
    accepted: int = 0
    refused: int = 0
    # Received, and judged later: each has a second statement.
    judged_later: int = 0
    erased: int = 0
    content_bytes: int = 0
    documents: int = 0
    # Facts up to the head: events, and statements about the house itself.
    events: int = 0
    leaves: int = 0
    logged: int = 0
    closings: int = 0
    packs: int = 0
    entries: int = 0
    orphans: int = 0
    gaps: int = 0
    packs_unread: str = ""
    faults_count: int = 0
    faults: list[Fault] = []

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return self.faults_count == 0

    def wrong(self, code: str, subject: str, vi: str, en: str) -> None:
        """Note a fault."""
        self.faults_count += 1
        if len(self.faults) < FAULTS_TOLD_MAX:
            self.faults.append(Fault(code, subject, vi, en))
