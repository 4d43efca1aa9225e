"""The transparency log as the gateway keeps it: one leader at a time adds leaves, signs, publishes.

A publication is: (1) lead, under a fence number; (2) hold the database against what was published; (3) add what is new
in one transaction that swaps size and root if nobody else did; (4) only then sign; (5) the checkpoint into the file of
what was published, synced; (6) into the database, from where it is served. Whoever finds a tree that won and is not
signed signs it, so that a leader may die after any step.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from gateway import ids
from gateway.clock import to_us
from gateway.log_opening import (
    DISPUTED_RULE,
    ROLLED_BACK_RULE,
    LogDisputed,
    LogKeyDiffers,
    LogRolledBack,
    check_key,
    check_published,
    check_undisputed,
    has_key,
    open_first,
    open_key,
    published_file,
    reopen,
)
from gateway.log_outside import Outside, read_witnesses
from gateway.log_proofs import LogProof, proof_text, proofs_of
from gateway.log_published import PublishedBroken
from signing.note import Checkpoint, sign_note
from signing.signer import SealAway, SealKeyUnusable
from storage import alarms, journal, log, log_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.config import Settings
    from gateway.log_outside import Witness
    from gateway.log_published import Published
    from signing.keyring import Keyring
    from signing.signer import Signer
    from storage.database import Database
    from storage.log_rows import Look, Origin

__all__ = [
    "LogKeyDiffers",
    "LogProof",
    "LogRolledBack",
    "Logbook",
    "PublishedBroken",
    "open_log",
    "proof_text",
    "proofs_of",
    "reopen",
]

# A leader that says nothing for so long may be overtaken; nothing is lost when it was only slow.
LEAD_S: Final = 5
STOPPED_RULE: Final = "log-stopped"
_STOPPED_VI: Final = (
    "Nhật ký công khai đã dừng; hồ sơ vẫn được nhận, chưa có bằng chứng.",
    "Nhật ký công khai đã dừng, và không nhận thêm hồ sơ nào.",
)
_STOPPED_EN: Final = (
    "The transparency log has stopped; dossiers are received, without proofs so far.",
    "The transparency log has stopped, and no more dossiers are received.",
)
_OWNER: Final = "operator"
_US: Final = 1_000_000
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Logbook:
    """The log of one process. Its database steps run in a thread of its own, so that no queue holds them up.

    `origin` is the name that receipts promise, `trouble` why nothing is signed now; '' while all is well.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        published: Published,
        origin: str,
        witnesses: tuple[Witness, ...] = (),
    ) -> None:
        self.database, self.signer, self.published, self.origin = database, signer, published, origin
        self.witnesses, self.outside = witnesses, Outside()
        # Given when it first leads: a process may be forked after this.
        self.worker = ""
        self.trouble = ""
        # The database was seen to have gone back: whatever was received now could get a number that was given before.
        self.has_gone_back = False
        self.signed_size = 0
        # Which size each witness cosigned last, as far as this process knows.
        self.witnessed: dict[str, int] = {}
        self._fence: int | None = None
        self._seen, self._upto_seq = (0, 0), 0
        self._is_clear = False
        self._thread = ThreadPoolExecutor(1, "log")

    async def run(self, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a step of the log in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: step(*args, **kwargs))

    async def close(self) -> None:
        """End the thread, after what it is doing, and give the connections back."""
        self._thread.shutdown()
        await self.outside.close()

    def publish(self, now: datetime) -> bool:
        """Do all the steps for what is new, at most one slice of it; returns whether more is waiting.

        What stops the log is an alarm and no exception; raises only `DatabaseAway`. Trying again is always safe.
        """
        look = log_rows.look(self.database)
        if look is None:
            return False
        has_shrunk = (look.number, look.size) < self._seen
        if look.is_idle and not has_shrunk:
            return False
        self._seen = max(self._seen, (look.number, look.size))
        try:
            if not self.lead(look, now):
                return False
            self.extend(now)
            self.sign(now)
        except LogRolledBack as error:
            self.stop(ROLLED_BACK_RULE, str(error), now)
            return False
        except LogDisputed as error:
            self.stop(DISPUTED_RULE, str(error), now)
            return False
        except (log.LogCorrupt, LogKeyDiffers, PublishedBroken, SealAway, SealKeyUnusable, OSError) as error:
            self.stop(STOPPED_RULE, str(error), now)
            return False
        self._resume(now)
        return look.newest_seq > self._upto_seq

    def lead(self, look: Look, now: datetime) -> bool:
        """(1) Whether this worker leads the tree, taking the lead where nobody has it. Raises `DatabaseAway`."""
        self.worker = self.worker or secrets.token_hex(8)
        if self._fence is not None and (look.leader, look.fence) == (self.worker, self._fence):
            return True
        now_us = to_us(now)
        until_us = now_us + LEAD_S * _US
        # Another's lead is left alone, but for one so far ahead that a clock must be wrong.
        if look.leader != self.worker and now_us < look.leader_until_us <= until_us:
            return False
        with self.database.begin() as tx:
            self._fence = log_rows.take_lead(tx, look.number, self.worker, now_us, until_us)
        return self._fence is not None

    def extend(self, now: datetime) -> bool:
        """(2, 3) Add what is new, at most one slice; False when nothing was, or another leader was quicker.

        Raises `LogRolledBack`, `LogCorrupt`, `PublishedBroken`, `DatabaseAway`.
        """
        with self.published.locked():
            published = self.published.read()
            with self.database.read() as tx:
                origins = log_rows.origins(tx)
                check_published(tx, origins, published)
                old = origins[-1]
                check_undisputed(tx, old)
                leaves = log_rows.leaves(tx, old.upto_seq, journal.head(tx))
                edge = log_rows.edge(tx, old)
        self._upto_seq = old.upto_seq
        if not leaves or self._fence is None:
            return False
        size, root, tiles = log.extended(old.size, [leaf for _, leaf in leaves], edge)
        upto, until_us = leaves[-1][0], to_us(now) + LEAD_S * _US
        with self.database.begin() as tx:
            if not log_rows.grow(tx, old, self._fence, until_us, (size, root, upto), tiles):
                self._fence = None
                return False
        self._upto_seq = upto
        return True

    def sign(self, now: datetime) -> bool:
        """(4, 5, 6) Sign the tree that won, if it is not signed; False when there is nothing to sign.

        Never smaller than, or inconsistent with, what was published before, here or as the database has it. Raises
        `LogRolledBack`, `LogCorrupt`, `LogKeyDiffers`, `PublishedBroken`, `SealAway`, `DatabaseAway`, OSError.
        """
        with self.published.locked():
            published = self.published.read()
            with self.database.read() as tx:
                origins = log_rows.origins(tx)
                check_published(tx, origins, published)
                origin = origins[-1]
                check_undisputed(tx, origin)
                if not self._is_unsigned(tx, origin):
                    return False
            check_key(origin, self.signer)
            text = Checkpoint(origin.origin, origin.size, origin.root).text
            note = sign_note(text, origin.origin, self.signer)
            self.published.write(note)
            head = log_rows.SignedHead(
                origin=origin.number,
                size=origin.size,
                root=origin.root,
                upto_seq=origin.upto_seq,
                note=note,
                signed_at_us=to_us(now),
            )
            with self.database.begin() as tx:
                log_rows.enter(tx, head)
        self.signed_size = origin.size
        return True

    @staticmethod
    def _is_unsigned(tx: sa.Connection, origin: Origin) -> bool:
        """Whether the tree that won is new; that it goes on from the last one signed is made sure of once more."""
        signed = log_rows.newest(tx, origin.number)
        if origin.size <= (signed.size if signed else 0):
            return False
        tile = log_rows.reader(tx, origin.number)
        if log.root_of(origin.size, tile) != origin.root or (
            signed is not None and log.root_of(signed.size, tile) != signed.root
        ):
            raise log.LogCorrupt(f"{origin.origin}: the tiles do not give the roots that were signed or are to be")
        return True

    def stop(self, rule: str, why: str, now: datetime) -> None:
        """Sign no more until what is told was mended, and have an alarm say so."""
        self.has_gone_back = self.has_gone_back or rule == ROLLED_BACK_RULE
        if self.trouble == why:
            return
        with self.database.begin() as tx:
            current = log_rows.current(tx)
            alarm = alarms.Alarm(
                id=ids.alarm_id(),
                rule=rule,
                subject=current.origin if current else self.origin,
                owner=_OWNER,
                since_us=to_us(now),
                next_step_vi=f"{_STOPPED_VI[self.has_gone_back]} {why}",
                next_step_en=f"{_STOPPED_EN[self.has_gone_back]} {why}",
            )
            alarms.sound(tx, alarm)
        self.trouble = why

    def _resume(self, now: datetime) -> None:
        if self._is_clear and not self.trouble:
            return
        with self.database.begin() as tx:
            for one in log_rows.origins(tx):
                alarms.close(tx, STOPPED_RULE, one.origin, "gateway", to_us(now))
        self.trouble, self._is_clear = "", True


def open_log(settings: Settings, database: Database, seal: Keyring, now: datetime) -> Logbook | None:
    """Open the log, with its first origin where there is none; None where no log is kept: it never had a key.

    Raises `LogRolledBack`, `LogKeyDiffers`, `PublishedBroken`, `LogCorrupt`, `SealKeyUnusable`, `Misconfigured`: the
    gateway must not start; `SealAway`, `DatabaseAway`: trying again is safe.
    """
    published, witnesses = published_file(settings), read_witnesses(settings)
    with database.read() as tx:
        origins = log_rows.origins(tx)
    if not origins and not has_key(settings):
        return None
    signer = open_key(settings)
    if not origins:
        origins = [open_first(settings, database, seal, signer, now)]
    with published.locked():
        last = published.read()
        with database.read() as tx:
            origins = log_rows.origins(tx)
            check_published(tx, origins, last)
    check_key(origins[-1], signer)
    return Logbook(database, signer, published, origins[-1].origin, witnesses)
