"""The audit: walks journal, vault, log and closings, and says whether every statement that was ever made still holds.

A whole audit looks at everything. A further one looks at everything new since the mark that the last sound one left,
and at a part of what is older, so that after so many runs all of it was read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import audit_house
from gateway.audit_contents import Reader
from gateway.audit_dossiers import DossierAudit, pages, touched
from gateway.audit_found import FAULTS_TOLD_MAX, Audited, Fault
from gateway.audit_post import paper
from gateway.clock import to_us
from storage import journal, ledger, marks, pack
from storage.vault import ContentMissing, VaultAway

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.settle import Stores

__all__ = ["FAULTS_TOLD_MAX", "Audit", "Audited", "Fault"]

# A part of what is older is no smaller than this: it is read in seconds.
PART_DOSSIERS_MIN: Final = 5_000


class Audit:
    """One walk. It reads what had been committed when it began; a gateway may be at work meanwhile."""

    def __init__(
        self, stores: Stores, keys: Mapping[str, Mapping[str, str]], progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self._stores, self._keys, self._progress = stores, keys, progress
        self.found = Audited()

    def run(self, *, packs: bool = True) -> Audited:
        """Look at everything; no mark is read or left.

        Raises `DatabaseAway`, `VaultAway`: then nothing is known, and trying again is safe.
        """
        return self._walk(None, 0, packs=packs)[0]

    def go_on(
        self, now: datetime, *, parts: int, whole: bool = False, packs: bool = True
    ) -> tuple[Audited, marks.Mark]:
        """Look at everything new since the mark, and at one of `parts` parts of what is older; or at all of it.

        What was sound is marked; after a fault the mark stays, so that the fault is told again until it is mended.
        Where there is no mark, or what is older is less than one part, everything is looked at. Raises as `run`.
        """
        with self._stores.database.read() as tx:
            mark, head = marks.find(tx), journal.head(tx)
            older = marks.counts(tx, mark.upto_seq).dossiers if mark else 0
        part = max(PART_DOSSIERS_MIN, -(-older // parts))
        # A database that was brought back from before the mark has not been looked at.
        if whole or mark is None or mark.upto_seq > head or older <= PART_DOSSIERS_MIN:
            mark = None
        found, reached = self._walk(mark, part, packs=packs and mark is None)
        left = _next_mark(mark, found, reached, to_us(now))
        if found.holds:
            with self._stores.database.begin() as tx:
                marks.leave(tx, left)
        return found, left

    def _walk(self, mark: marks.Mark | None, part: int, *, packs: bool) -> tuple[Audited, int | None]:
        """The walk itself; how far the round over what is older has come, None when it is through."""
        reader = Reader(self._stores)
        reached: int | None = None
        try:
            with self._stores.database.read() as tx:
                ledger.settle_in(tx)
                self.found.upto = journal.head(tx)
                self.found.since = mark.upto_seq if mark else 0
                audit_house.numbers(tx, self.found)
                audit_house.own_statements(tx, self.found, self._keys)
                audit_house.closings(tx, self.found, self._keys)
                audit_house.tree(tx, self.found)
                reached = self._dossiers(tx, mark, part, reader)
                if mark is None:
                    paper(tx, self.found, reader)
                entries = marks.entries(tx)
        finally:
            reader.close()
        if packs:
            self._packs(entries)
        return self.found, reached

    def _dossiers(self, tx: sa.Connection, mark: marks.Mark | None, part: int, reader: Reader) -> int | None:
        look = DossierAudit(self.found, self._keys, reader).look
        looked_at = 0

        def told(page: list[journal.Dossier]) -> None:
            nonlocal looked_at
            looked_at += len(page)
            self._progress(looked_at)

        for page in pages(tx, self.found.since, self.found.upto):
            look(tx, page, bytes_too=True)
            told(page)
        if mark is None:
            return None
        for page in touched(tx, mark.upto_seq):
            look(tx, page, bytes_too=False)
            told(page)
        reached, before = mark.round_seq, self.found.again
        for page in pages(tx, mark.round_seq, mark.upto_seq, part):
            look(tx, page, bytes_too=True)
            told(page)
            self.found.again += len(page)
            reached = page[-1].seq
        return reached if self.found.again - before >= part else None

    def _packs(self, pointed_at: int) -> None:
        """Count what is kept and belongs to nobody: rounds whose transaction never came to be, and torn tails."""
        found = self.found
        try:
            for name in self._stores.vault.packs():
                try:
                    scanned = pack.scan(self._stores.vault.raw(name))
                except ContentMissing:
                    continue  # it was listed, and taken away meanwhile
                except pack.PackUnknown as error:
                    found.wrong("pack", name, f"gói lạ: {error}", f"an unknown pack: {error}")
                    continue
                found.packs += 1
                found.entries += len(scanned.found)
                found.gaps += len(scanned.gaps)
        except VaultAway as error:
            # A store may forbid listing; every dossier was read all the same.
            found.packs_unread = str(error)
            return
        found.orphans = max(0, found.entries - pointed_at)


def _next_mark(mark: marks.Mark | None, found: Audited, reached: int | None, now_us: int) -> marks.Mark:
    """The mark after a walk. A round that is through says since when all was read again, and the next one begins."""
    if mark is None or reached is None:
        since = mark.round_since_us if mark else now_us
        return marks.Mark(upto_seq=found.upto, at_us=now_us, round_seq=0, round_since_us=now_us, whole_since_us=since)
    return marks.Mark(
        upto_seq=found.upto,
        at_us=now_us,
        round_seq=reached,
        round_since_us=mark.round_since_us,
        whole_since_us=mark.whole_since_us,
    )
