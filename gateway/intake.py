"""LINE 1: a dossier comes in, from bytes to receipt.

`Intake.receive` is the line. Steps 4–8 are `judge`, one dossier at a time; steps 9–11 are `settle`, a round at a time:
dossiers that arrive together are kept, sealed and committed together, and each caller is answered only after its round.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec

from gateway.about import NotOpen
from gateway.attached import infected
from gateway.attached import scanned as with_scans
from gateway.belonging import look_up
from gateway.clock import VIETNAM
from gateway.faults import log_fault
from gateway.judge import ASIC_E, Filing, Opened, Refusal, judge, may_be_explained, open_dossier, refused_instead
from gateway.scanner import scanner_of
from gateway.settle import Settled, settle
from schemas.references import digests_in
from signing.seal import SealAway
from storage import journal, pieces
from storage.database import DatabaseAway
from storage.vault import VaultAway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from gateway.belonging import Known
    from gateway.callers import Caller
    from gateway.config import Settings
    from gateway.judge import Submission, Tables
    from gateway.revocations import Revocations
    from gateway.settle import Stores

# Up to this size a dossier is judged in the event loop: handing it to a thread would cost more than it saves.
INLINE_BYTES_MAX = 128 * 1024

# The code of supporting papers; and “/ByteRange”, which every signed PDF holds, in base64 at each of three places.
_PAPER = b"CT-DK"
_SIGNED_PDF = (b"L0J5dGVSYW5nZ", b"9CeXRlUmFuZ2", b"vQnl0ZVJhbmdl")
_LOG = logging.getLogger("motcua.intake")
_P = ParamSpec("_P")
_R = TypeVar("_R")

# What means "nobody of this round was promised anything, come back": the round is not tried one by one.
STORE_AWAY = (VaultAway, DatabaseAway, SealAway)


# A store behind a network that has not answered for so long is taken to be away; whatever it was asked may yet happen.
ANSWER_S_MAX = 40.0
# However many more are on the way, the first of a round waits no longer than so many windows (20 ms by default); in
# between we look so often.
WINDOWS_MAX = 10
LOOK_S = 0.0004
# So many dossiers may wait for a round; more are told to come back.
WAITING_MAX = 2048


class Poisonous(Exception):
    """This one dossier cannot be settled, for a fault of ours. Nothing of it was kept; trying again may not help."""


async def answered_in_time(work: asyncio.Future[_R]) -> _R:
    """What the work in a thread returns; `DatabaseAway` when it takes longer than anyone should wait.

    The thread itself cannot be stopped: it ends when the kernel gives up the connection.
    """
    try:
        return await asyncio.wait_for(asyncio.shield(work), ANSWER_S_MAX)
    except TimeoutError:
        raise DatabaseAway(f"no answer in {ANSWER_S_MAX:.0f} s") from None


def _takes_long(submission: Submission) -> bool:
    """Whether judging would keep the event loop: a large dossier, a container, or one with a signed PDF in it."""
    content = submission.content
    if submission.media_type == ASIC_E or len(content) > INLINE_BYTES_MAX:
        return True
    return _PAPER in content and any(mark in content for mark in _SIGNED_PDF)


class Rounds:
    """Gathers judged dossiers and settles them together."""

    def __init__(
        self, settle_round: Callable[[Sequence[Filing | Refusal]], list[Settled]], settings: Settings, *, inline: bool
    ) -> None:
        self._settle = settle_round
        self._window_s = settings.round_window_s
        self._most = settings.round_dossiers_max
        self._waiting: list[tuple[Filing | Refusal, asyncio.Future[Settled]]] = []
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._first_at = self._last_at = 0.0
        self._seen = 0
        # Submissions that have begun to arrive and have not joined yet.
        self.expected = 0
        self._thread = None if inline else ThreadPoolExecutor(1, "settle")
        self._under_way: asyncio.Task[None] | None = None
        self._closed = False

    async def join(self, outcome: Filing | Refusal) -> Settled:
        """Wait for the round that this dossier is settled in. Raises `VaultAway`, `DatabaseAway`, `Poisonous`."""
        if self._closed or len(self._waiting) >= WAITING_MAX:
            raise DatabaseAway("the gateway is stopping" if self._closed else "too many dossiers wait")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Settled] = loop.create_future()
        self._waiting.append((outcome, future))
        self._last_at = loop.time()
        if len(self._waiting) >= self._most:
            self._start()
        elif self._timer is None:
            self._first_at, self._seen = self._last_at, 0
            self._timer = loop.call_soon(self._consider, loop)
        # A caller that hangs up does not take its dossier out of the round.
        return await (asyncio.shield(future) if self._thread is None else answered_in_time(future))

    def _consider(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the round when a turn of the loop brought nothing new and nobody else is on the way; or when the window
        has passed since the last one joined; or when the first has waited long enough.
        """
        now = loop.time()
        count = len(self._waiting)
        quiet = count == self._seen and (self.expected <= 0 or now - self._last_at >= self._window_s)
        if quiet or now - self._first_at >= WINDOWS_MAX * self._window_s:
            self._timer = None
            self._start()
            return
        news, self._seen = count != self._seen, count
        self._timer = loop.call_soon(self._consider, loop) if news else loop.call_later(LOOK_S, self._consider, loop)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting or self._under_way is not None:
            return
        round_, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        if self._thread is None:
            self._answer(round_, self._outcomes([one for one, _ in round_]))
            if self._waiting:
                self._start()
        else:
            self._under_way = asyncio.ensure_future(self._in_thread(self._thread, round_))

    async def _in_thread(
        self, thread: ThreadPoolExecutor, round_: list[tuple[Filing | Refusal, asyncio.Future[Settled]]]
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._answer(round_, await loop.run_in_executor(thread, self._outcomes, [one for one, _ in round_]))
        except RuntimeError as ended:
            # The thread takes no more work: nobody may be left waiting.
            self._answer(round_, [DatabaseAway(str(ended))] * len(round_))
        finally:
            self._under_way = None
            # What arrived meanwhile has waited long enough: it is the next round.
            self._start()

    def _outcomes(self, round_: list[Filing | Refusal]) -> list[Settled | Exception]:
        """Settle together; when that fails for any reason but an absent store, one by one, so that one poisonous
        dossier cannot sink its neighbours.
        """
        try:
            return list(self._settle(round_))
        except STORE_AWAY as away:
            _LOG.warning("a round of %d was turned away: %s", len(round_), away)
            return [away] * len(round_)
        except Exception as fault:
            log_fault(_LOG, f"a round of {len(round_)} failed and is settled one by one", fault)
        outcomes: list[Settled | Exception] = []
        for one in round_:
            try:
                outcomes += self._settle([one])
            except STORE_AWAY as away:
                outcomes.append(away)
            except Exception as fault:
                log_fault(_LOG, f"dossier {one.submission.sha256.hex()} cannot be settled", fault)
                poisonous = Poisonous(one.submission.sha256.hex())
                poisonous.__cause__ = fault
                outcomes.append(poisonous)
        return outcomes

    @staticmethod
    def _answer(
        round_: list[tuple[Filing | Refusal, asyncio.Future[Settled]]], outcomes: Sequence[Settled | Exception]
    ) -> None:
        for (_, future), outcome in zip(round_, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def close(self) -> None:
        """Settle what still waits, then let the thread go."""
        self._closed = True
        self._start()
        while self._under_way is not None:
            await asyncio.wait([self._under_way])
        if self._thread is not None:
            self._thread.shutdown()


class Intake:
    """The line and what it works with."""

    def __init__(self, stores: Stores, tables: Tables, settings: Settings) -> None:
        self.stores, self.tables = stores, tables
        self._rounds = Rounds(lambda round_: settle(round_, self.stores, self.tables), settings, inline=stores.inline)
        # Whoever composes the house says who fetches revocation data; without it nothing is fetched.
        self.revocations: Revocations | None = None
        # Likewise, whether the database was seen to have gone back: a number could then be given twice.
        self.has_gone_back: Callable[[], bool] = lambda: False
        self.scanner = scanner_of(settings.scanner)
        self._revocation_wait_s = settings.revocation_wait_s
        self._judges = ThreadPoolExecutor(1, "judge")
        # What does not fit in memory is judged and kept apart from all others, which it would keep waiting, one at a
        # time.
        self._of_large = ThreadPoolExecutor(1, "large")
        self._one_large = asyncio.Semaphore(1)
        self._reads = None if stores.database.inline else ThreadPoolExecutor(1, "read")

    @contextmanager
    def arriving(self) -> Iterator[Callable[[], None]]:
        """While a submission arrives and is judged, a round waits a little for it. The yielded function says that it
        needs to wait no longer, because this one has joined.
        """
        rounds, counted = self._rounds, True
        rounds.expected += 1

        def joined() -> None:
            nonlocal counted
            if counted:
                counted = False
                rounds.expected -= 1

        try:
            yield joined
        finally:
            joined()

    async def receive(
        self, submission: Submission, caller: Caller, joined: Callable[[], None] = lambda: None
    ) -> Settled:
        """From bytes to receipt (or to the signed notice of a refusal): trying again is always safe.

        Raises `VaultAway` or `DatabaseAway` when nothing was accepted, `Poisonous` when we are at fault; `NotOpen` when
        it is about a dossier that has ended.
        """
        if self.has_gone_back():
            raise DatabaseAway("the database went back behind what was published: an operator must mend it")
        # (3) These bytes were accepted before? Only a party of the dossier is told so.
        if await self._read(journal.is_accepted, self.stores.database, submission.sha256):
            on = submission.received_at.astimezone(VIETNAM).date()
            earlier = await self._read(self.earlier, submission.sha256, caller.client, on)
            if earlier is not None:
                return Settled(earlier, fresh=False)
        if submission.about is not None and submission.about.closed:
            raise NotOpen(submission.about.closed)
        if submission.spooled is not None:
            joined()
            return await self._rounds.join(await self._judge_and_keep_large(submission, caller))
        # (4–8) Judge.
        outcome = await self._judge_now(submission, caller)
        joined()
        if isinstance(outcome, Filing) and outcome.waits:
            outcome = await self._after_a_wait(outcome, submission, caller)
        # (9–11) Keep, seal, commit; (12) only then may the caller be answered.
        return await self._rounds.join(outcome)

    async def _judge_and_keep_large(self, submission: Submission, caller: Caller) -> Filing | Refusal:
        """(4–9) What is large is kept before its round: nobody else shall wait for so many bytes."""
        async with self._one_large:
            outcome = await self._judge_now(submission, caller)
            if isinstance(outcome, Filing) and outcome.waits:
                outcome = await self._after_a_wait(outcome, submission, caller)
            spooled = submission.spooled
            if isinstance(outcome, Refusal) or spooled is None:
                return outcome
            vault, cipher = self.stores.vault, self.stores.cipher
            kept = await asyncio.get_running_loop().run_in_executor(
                self._of_large, pieces.keep, spooled.file, spooled.size_bytes, submission.sha256, vault, cipher
            )
            return msgspec.structs.replace(outcome, kept=kept)

    async def enter(self, filing: Filing) -> Settled:
        """Steps 9 to 12 for what was judged elsewhere (paper). Raises `VaultAway`, `DatabaseAway`, `Poisonous`."""
        if self.has_gone_back():
            raise DatabaseAway("the database went back behind what was published: an operator must mend it")
        return await self._rounds.join(filing)

    async def judge(self, submission: Submission, caller: Caller) -> Filing | Refusal:
        """Steps 4–8 alone: the same judgement, nothing kept."""
        if submission.spooled is None:
            return await self._judge_now(submission, caller)
        async with self._one_large:
            return await self._judge_now(submission, caller)

    async def _judge_now(self, submission: Submission, caller: Caller) -> Filing | Refusal:
        opened = await self._judge(submission, open_dossier, submission)
        if isinstance(opened, Refusal):
            return opened
        known = await self._read(self._known, opened, caller)
        if _takes_long(submission):
            outcome = await self._apart(submission, judge, opened, known, self.tables)
        else:
            outcome = judge(opened, known, self.tables, explain=False)
            if may_be_explained(outcome) and not isinstance(again := open_dossier(submission), Refusal):
                # Finding out why takes longer than anybody else should wait.
                outcome = await self._apart(submission, judge, again, known, self.tables)
        return await self.scanned(outcome)

    async def scanned(self, outcome: Filing | Refusal) -> Filing | Refusal:
        """Have the supporting papers of what would be accepted scanned; malware refuses. Raises `ScannerAway`."""
        if isinstance(outcome, Refusal) or not outcome.to_scan:
            return outcome
        # Of a large container a chunk at a time; clamd says itself what is too large for it.
        contents = (one.source if isinstance(one.source, bytes) else one.source.chunks() for one in outcome.to_scan)
        scans = [await self.scanner.scan(content) for content in contents]
        found = [
            infected(file, scan) for file, scan in zip(outcome.to_scan, scans, strict=True) if scan.state == "infected"
        ]
        if found:
            return refused_instead(outcome, found)
        return msgspec.structs.replace(outcome, papers=with_scans(outcome.papers, scans), to_scan=())

    def earlier(self, sha256: bytes, client: str, on: date) -> journal.Dossier | None:
        """The dossier that was received with these bytes, if the client is a party of it on that day."""
        with self.stores.database.read() as tx:
            found = journal.accepted(tx, [sha256]).get(sha256)
            if found and journal.is_party(tx, client, submitter=found.submitter, unit=found.unit, on=on):
                return found
            return None

    async def _after_a_wait(self, outcome: Filing, submission: Submission, caller: Caller) -> Filing | Refusal:
        """The first sight of a certificate waits a little for its revocation data, outside the round; then the dossier
        is judged again, or received and judged later.
        """
        revocations = self.revocations
        if revocations is None or not self._revocation_wait_s or not revocations.may_try(outcome.wanted):
            return outcome
        if not await revocations.obtain_within(outcome.wanted, self._revocation_wait_s):
            return outcome
        return await self._judge_now(submission, caller)

    def _known(self, opened: Opened, caller: Caller) -> Known:
        """What must be looked up about the unit and the caller, as of the day of receipt."""
        return look_up(
            self.stores.database,
            unit_code=opened.header.unit_code,
            on=opened.submission.received_at.astimezone(VIETNAM).date(),
            client=caller.client,
            ivan_code=caller.ivan_code,
            references=digests_in(opened.root),
        )

    async def _judge(self, submission: Submission, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Small dossiers are read in the loop, large ones one at a time in a thread."""
        if not _takes_long(submission):
            return step(*args, **kwargs)
        return await self._apart(submission, step, *args, **kwargs)

    async def _apart(self, submission: Submission, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        thread = self._judges if submission.spooled is None else self._of_large
        return await asyncio.get_running_loop().run_in_executor(thread, lambda: step(*args, **kwargs))

    async def _read(self, look: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """The embedded database is read in the loop, one behind a network in a thread."""
        if self._reads is None:
            return look(*args, **kwargs)
        return await answered_in_time(
            asyncio.get_running_loop().run_in_executor(self._reads, lambda: look(*args, **kwargs))
        )

    async def close(self) -> None:
        """Answer everyone who still waits, then let the threads go."""
        await self._rounds.close()
        self._judges.shutdown()
        self._of_large.shutdown()
        if self._reads is not None:
            self._reads.shutdown()
