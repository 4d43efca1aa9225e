"""The house at run time: what `app.py` chose and put together, handed to every audience's handlers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from storage import journal
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.callers import Callers
    from gateway.clock import Clock
    from gateway.config import Settings
    from gateway.intake import Intake
    from gateway.judge import Tables
    from gateway.settle import Stores
    from storage.database import Database

# How often a worker looks whether something was committed, while someone waits for it.
LOOK_EVERY_S = 0.2
SWEEP_EVERY_S = 5.0
DATABASE_THREADS = 4

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Watch:
    """Wakes those who wait for the next committed fact, whichever worker committed it."""

    def __init__(self, database: Database, run: Callable[[Callable[[], int]], Awaitable[int]]) -> None:
        self._database, self._run = database, run
        self._changed = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None

    async def beyond(self, seen: int, wait_s: float) -> None:
        """Return when facts beyond number `seen` may have been committed, or after `wait_s`."""
        self._waiting += 1
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(seen))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)
        finally:
            self._waiting -= 1

    async def _look(self, seen: int) -> None:
        while self._waiting:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(DatabaseAway):
                reached = await self._run(self._head)
                if reached > seen:
                    seen = reached
                    changed, self._changed = self._changed, asyncio.Event()
                    changed.set()

    def _head(self) -> int:
        with self._database.read() as tx:
            return journal.head(tx)

    async def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking


class House:
    """Everything a handler may use."""

    def __init__(
        self, settings: Settings, clock: Clock, stores: Stores, tables: Tables, intake: Intake, callers: Callers
    ) -> None:
        self.settings, self.clock = settings, clock
        self.stores, self.tables = stores, tables
        self.intake, self.callers = intake, callers
        self._threads = ThreadPoolExecutor(DATABASE_THREADS, "database")
        self.watch = Watch(stores.database, self.run)

    @property
    def database(self) -> Database:
        """The database behind the journal."""
        return self.stores.database

    async def run(self, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a step that speaks to the database: in the loop when it is embedded, else in a thread."""
        if self.stores.database.inline:
            return step(*args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: step(*args, **kwargs))

    async def run_apart(self, step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a step that takes long (large content, a store behind a network) in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: step(*args, **kwargs))

    async def close(self) -> None:
        """Answer who still waits, then give everything back."""
        await self.watch.close()
        await self.intake.close()
        self._threads.shutdown()
        self.stores.vault.close()
        self.stores.database.close()
