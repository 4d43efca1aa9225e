"""The house at run time: what `app.py` chose and put together, handed to every audience's handlers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from msgspec import structs

from gateway.api.body import Limits
from gateway.estimate import Estimates
from gateway.facts import NOTHING, Confirmed, FormFiles
from gateway.intake import answered_in_time
from gateway.office_tables import NOTHING_YET, InForce
from gateway.postal.carrier_tables import carriers
from gateway.revocations import Revocations
from gateway.track import Tracking
from gateway.uploads import Uploads
from storage import journal
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.callers import Callers
    from gateway.clock import Clock
    from gateway.config import Settings
    from gateway.fetching import Fetcher
    from gateway.intake import Intake
    from gateway.judge import Tables
    from gateway.logbook import Logbook
    from gateway.settle import Stores
    from gateway.trusting import TrustWatch
    from storage.database import Database

# How often a worker looks whether something was committed, while someone waits for it.
LOOK_EVERY_S = 0.2
SWEEP_EVERY_S = 5.0
# So many large dossiers are held in memory at once, by each worker.
LARGE_AT_ONCE_MAX = 4
DATABASE_THREADS = 4

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Watch:
    """Wakes those who wait for the next committed fact, whichever worker committed it."""

    def __init__(self, database: Database, run: Callable[[Callable[[], int]], Awaitable[int]]) -> None:
        self._database, self._run = database, run
        self._changed = asyncio.Event()
        self._reached = 0
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self.stopped = False

    async def beyond(self, seen: int, wait_s: float) -> None:
        """Return when facts beyond number `seen` may have been committed, when the gateway stops, or after `wait_s`."""
        self._waiting += 1
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while self._reached <= seen and not self.stopped:
                        await self._changed.wait()
        finally:
            self._waiting -= 1

    async def _look(self) -> None:
        while self._waiting and not self.stopped:
            with suppress(DatabaseAway):
                reached = await self._run(self._head)
                if reached > self._reached:
                    self._reached = reached
                    self._announce()
            await asyncio.sleep(LOOK_EVERY_S)

    def _announce(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _head(self) -> int:
        with self._database.read() as tx:
            return journal.head(tx)

    def stop(self) -> None:
        """Answer everyone who waits: the gateway is about to end."""
        self.stopped = True
        self._announce()

    async def close(self) -> None:
        """Stop looking."""
        self.stop()
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking


class House:
    """Everything a handler may use."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        stores: Stores,
        intake: Intake,
        callers: Callers,
        fetcher: Fetcher,
    ) -> None:
        self.settings, self.clock = settings, clock
        self.stores = stores
        self.intake, self.callers = intake, callers
        self.spool = settings.home_path / "spool"
        self.limits = Limits(
            bytes_max=settings.body_bytes_max,
            idle_s=settings.body_idle_s,
            bytes_per_s_min=settings.body_bytes_per_s_min,
        )
        # A container may be larger than what is held in memory.
        self.container_limits = structs.replace(
            self.limits, bytes_max=max(settings.body_bytes_max, settings.upload_bytes_max)
        )
        self.uploads = Uploads(
            self.spool / "uploads",
            stores.database,
            size_bytes_max=self.container_limits.bytes_max,
            life_s=settings.upload_life_s,
        )
        self._large = asyncio.Semaphore(LARGE_AT_ONCE_MAX)
        self._threads = ThreadPoolExecutor(DATABASE_THREADS, "database")
        # Setting type takes a core for as long as it lasts: one document at a time.
        self._press = ThreadPoolExecutor(1, "typeset")
        # A scan is read by a process of its own, for as long as minutes: one at a time.
        self._scans = ThreadPoolExecutor(1, "scans")
        # Carriers' words and numbers. Raises `CarriersUnreadable`: then the gateway does not start.
        self.carriers = carriers(Path(settings.carriers) if settings.carriers else None)
        # Whether this process has let every word that was ever told stand for what its own tables say.
        self.words_followed = False
        self.watch = Watch(stores.database, self.run)
        self.estimates = Estimates(stores.database)
        self.fetcher = fetcher
        self.tracking = Tracking(stores.database)
        # Whoever composes the house says whether a log is kept, and which folder is followed.
        self.logbook: Logbook | None = None
        self.trust_watch: TrustWatch | None = None
        # Which unconfirmed facts of the catalogue an operator has confirmed: the catalogue in the tables agrees.
        self.confirmed: Confirmed = NOTHING
        # Which table of offices was put in force: the one in the tables agrees.
        self.offices_in_force: InForce = NOTHING_YET
        # The files of the catalogue's forms, by version, for whoever asks for them.
        self.form_files: dict[str, FormFiles] = {}
        # Sample dossiers that were made already, the oldest first.
        self.samples: dict[tuple[str, str, int], bytes] = {}
        # Anyone may ask for one, and making it takes a thread: one at a time.
        self.sampling = asyncio.Semaphore(1)
        # So may the post ask for the account of paper as it stands.
        self.counting = asyncio.Semaphore(1)
        self.revocations = Revocations(lambda: self.tables, fetcher, stores, self.run, clock)
        intake.revocations = self.revocations

    @property
    def tables(self) -> Tables:
        """The tables in force now."""
        return self.intake.tables

    @property
    def database(self) -> Database:
        """The database behind the journal."""
        return self.stores.database

    async def run(self, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a step that speaks to the database: in the loop when it is embedded, else in a thread."""
        if self.stores.database.inline:
            return step(*args, **kwargs)
        return await answered_in_time(
            asyncio.get_running_loop().run_in_executor(self._threads, lambda: step(*args, **kwargs))
        )

    def room_for(self, is_large: bool) -> AbstractAsyncContextManager[object]:  # noqa: FBT001 - it says what is asked
        """A place for a dossier in memory: large ones wait on disk until there is one."""
        return self._large if is_large else nullcontext()

    async def run_apart(self, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a step that takes long (large content, a store behind a network) in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: step(*args, **kwargs))

    async def typeset(self, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a step that sets type in its thread; others wait for their turn."""
        return await asyncio.get_running_loop().run_in_executor(self._press, lambda: step(*args, **kwargs))

    async def read_scans(self, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a step that reads a scan in its thread; others wait for their turn."""
        return await asyncio.get_running_loop().run_in_executor(self._scans, lambda: step(*args, **kwargs))

    async def close(self) -> None:
        """Answer who still waits, then give everything back."""
        await self.watch.close()
        await self.revocations.close()
        await self.intake.close()
        await self.fetcher.close()
        if self.logbook is not None:
            await self.logbook.close()
        self._threads.shutdown()
        self._press.shutdown(cancel_futures=True)
        self._scans.shutdown(cancel_futures=True)
        self.stores.vault.close()
        self.stores.database.close()
