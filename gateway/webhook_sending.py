"""The sending of messages, in the background: it follows the committed facts and takes no part in receiving dossiers.

1. Look which webhooks have facts that are new to them, or messages to be tried again.
2. Take one in hand, so that no other worker sends its messages meanwhile.
3. Send its messages one after the other, in the order of their facts, while its address answers.
4. Write what became of them, and how far it has come, and let it go.

A worker that dies between 3 and 4 leaves a webhook that another takes when the hold has ended; what was sent is then
sent again, under the same name. A message that failed waits for its own next time while those behind it go on: the
order is kept as long as the address takes what it is sent, and each message carries the number of its fact.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway import webhook_facts
from gateway.clock import to_us
from gateway.config import Misconfigured
from gateway.faults import log_fault
from gateway.mail import Sender
from gateway.mail_post import MailPost, MailServer, server_of
from gateway.outgoing import Allowed, allowed_by, resolve_apart
from gateway.webhook_batch import HOLD_S, NOT_YOURS, Batch, Item, Tried, gather, must_stop, signed, write_down
from gateway.webhook_outcome import Outcome
from gateway.webhook_post import WebhookPost, tls_context
from storage import journal, webhooks
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

    from gateway.fetching import Resolve
    from gateway.house import House
    from storage.webhooks import Due, Webhook

LOOK_EVERY_S: Final = 1.0
FORGET_EVERY_S: Final = 3600.0
DELIVERED_DAYS: Final = 30
DEAD_DAYS: Final = 90
# So many addresses are sent to at once by each worker; those that failed or were slow fill at most half of the places.
# Whoever was served longest ago comes first, so that no number of slow ones keeps another from its turn.
AT_ONCE_MAX: Final = 32
TROUBLED_AT_ONCE_MAX: Final = 16
# A visit ends after so long, so that others have their turn; one that took so long at one message is slow.
VISIT_S: Final = 10.0
SLOW_S: Final = 3.0
# So many idle webhooks are looked at in one pass; the others have their turn in the next.
LOOKED_AT_MAX: Final = 200
# One that is so far behind without anything to send has its place written down.
BEHIND_MAX: Final = 5_000

_FAULTS: Final = logging.getLogger("motcua.faults")
_REFUSED: Final = Outcome(ok=False, said=NOT_YOURS, is_final=True)


class _Seen(Struct, frozen=True):
    """After fact `after`, nothing that is wanted comes up to fact `upto`."""

    after: int
    upto: int


class Sending:
    """One worker's part in it."""

    def __init__(self, house: House, resolve: Resolve = resolve_apart) -> None:
        """Raises `Misconfigured` when a setting cannot be used."""
        self._house, self._resolve = house, resolve
        self._allowed, self._server, self._tls, self._mail_tls = _settled(house)
        self._visits: dict[str, asyncio.Task[None]] = {}
        self._troubled_visits: set[str] = set()
        # What this worker knows of idle webhooks, of slow ones, and when it served each; forgotten with the worker.
        self._looked: dict[str, _Seen] = {}
        self._served: dict[str, float] = {}
        self._troubled: set[str] = set()
        self._turn = 0

    async def run(self) -> None:
        """Look and send until cancelled; what is on its way then is written down first."""
        forget_at = 0.0
        try:
            while True:
                try:
                    await self.step()
                    if time.monotonic() >= forget_at:
                        await self._apart(self._forget, self._house.clock.now())
                        forget_at = time.monotonic() + FORGET_EVERY_S
                except DatabaseAway:
                    pass
                except Exception as fault:
                    log_fault(_FAULTS, "sending to webhooks failed", fault)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await self.stop()

    async def step(self) -> int:
        """Look once, and begin the visits that are due and have a place; returns how many began."""
        found = await self._apart(self._due, self._house.clock.now())
        for due in sorted(found, key=lambda one: self._served.get(one.id, 0.0)):
            if due.id in self._visits:
                continue
            if len(self._visits) >= AT_ONCE_MAX:
                break
            if due.failures > 0 or due.id in self._troubled:
                if len(self._troubled_visits) >= TROUBLED_AT_ONCE_MAX:
                    continue
                self._troubled_visits.add(due.id)
            self._served[due.id] = time.monotonic()
            visit = asyncio.create_task(self._visit(due.id))
            self._visits[due.id] = visit
            visit.add_done_callback(partial(self._over, due.id))
        return len(self._visits)

    def _over(self, name: str, _: asyncio.Task[None]) -> None:
        self._visits.pop(name, None)
        self._troubled_visits.discard(name)

    async def drain(self) -> None:
        """Look and send until nothing is left to be sent now."""
        while await self.step():
            await asyncio.gather(*self._visits.values())

    async def stop(self) -> None:
        """End the visits; each writes down what it sent."""
        for visit in list(self._visits.values()):
            visit.cancel()
        await asyncio.gather(*self._visits.values(), return_exceptions=True)

    async def _apart(self, step: Callable[..., Any], *arguments: object) -> Any:
        # In a thread also where the database is embedded: nobody who submits is to wait for it.
        return await self._house.run_apart(step, *arguments)

    def _due(self, now: datetime) -> list[Due]:
        with self._house.database.read() as tx:
            head = journal.head(tx)
            found = webhooks.due(tx, head, to_us(now))
            ready = [one for one in found if one.retry_at_us is not None and one.retry_at_us <= to_us(now)]
            known = {one.id for one in ready}
            idle = [one for one in found if one.id not in known and self._seen_upto(one) < head]
            start = self._turn % len(idle) if len(idle) > LOOKED_AT_MAX else 0
            self._turn = start + LOOKED_AT_MAX
            for one in (idle[start:] + idle[:start])[:LOOKED_AT_MAX]:
                held = webhooks.find(tx, one.id)
                if held is None:
                    continue
                seen = webhook_facts.look(tx, held, self._seen_upto(one), 1, now)
                if seen.events or seen.upto - one.upto_seq > BEHIND_MAX:
                    ready.append(one)
                else:
                    # Of a digest that is no further than its hour; what comes later is looked at when that has come.
                    self._looked[one.id] = _Seen(one.upto_seq, seen.upto)
        return ready

    def _seen_upto(self, one: Due) -> int:
        """Up to which fact there is nothing for it. One that was set back since is looked at afresh."""
        seen = self._looked.get(one.id)
        return one.upto_seq if seen is None or one.upto_seq < seen.after else max(one.upto_seq, seen.upto)

    async def _visit(self, name: str) -> None:
        """One webhook, taken in hand and let go."""
        holder, began = secrets.token_hex(8), time.monotonic()
        try:
            held = await self._apart(self._take, name, holder, self._house.clock.now())
            if held is None:
                return
            # What was looked through idly may be asked for again.
            self._looked.pop(name, None)
            while await self._batch(held, holder, began):
                held = await self._apart(self._find, name)
        except (webhooks.HoldLost, DatabaseAway):
            # Another goes on with it, or this worker when the hold has ended.
            return
        except Exception as fault:
            log_fault(_FAULTS, f"webhook {name} was not served", fault)

    async def _batch(self, held: Webhook, holder: str, began: float) -> bool:
        """Send one batch and write it down; returns whether the visit goes on."""
        batch: Batch = await self._apart(self._gather, held, self._house.clock.now())
        tried: list[Tried] = []
        goes_on = False
        try:
            if held.kind == "mail":
                await self._mail(batch, tried, began)
            else:
                async with WebhookPost(held.target, self._allowed, self._tls, self._resolve) as post:
                    await self._post(batch, tried, post, began)
            goes_on = len(tried) == len(batch.items) and not batch.is_last and time.monotonic() - began < VISIT_S
        except asyncio.CancelledError:
            # The gateway ends: what was sent is not to be sent again.
            self._write(batch, holder, tried, goes_on=False)
            raise
        failures = await self._apart(lambda: self._write(batch, holder, tried, goes_on=goes_on))
        return goes_on and failures == 0

    async def _post(self, batch: Batch, tried: list[Tried], post: WebhookPost, began: float) -> None:
        for item in batch.items:
            started = time.monotonic()
            if started - began > VISIT_S:
                return
            now = self._house.clock.now()
            outcome = _REFUSED if item.body is None else await post.send(item.body, signed(batch, item, now))  # type: ignore[arg-type]
            tried.append(Tried(item, outcome, now))
            is_slow = time.monotonic() - started > SLOW_S
            (self._troubled.add if is_slow else self._troubled.discard)(batch.webhook.id)
            if must_stop(tried, batch.webhook.failures):
                return

    async def _mail(self, batch: Batch, tried: list[Tried], began: float) -> None:
        if self._server is None:
            # The operator took the server away: what waits goes on waiting.
            away = Outcome(ok=False, said="no-mail-server", is_away=True)
            tried += [Tried(item, away, self._house.clock.now()) for item in batch.items[:1]]
            return
        with MailPost(self._server, self._mail_tls) as post:
            for item in batch.items:
                if time.monotonic() - began > VISIT_S:
                    return
                now = self._house.clock.now()
                tried.append(Tried(item, await self._one_mail(post, item), now))
                if must_stop(tried, batch.webhook.failures):
                    return

    async def _one_mail(self, post: MailPost, item: Item) -> Outcome:
        if item.body is None or isinstance(item.body, bytes):
            return _REFUSED
        # The library waits in its thread; not in the few that speak to the database.
        return await asyncio.to_thread(post.send, item.body)

    def _take(self, name: str, holder: str, now: datetime) -> Webhook | None:
        with self._house.database.begin() as tx:
            return webhooks.hold(tx, name, holder, to_us(now), to_us(now + timedelta(seconds=HOLD_S)))

    def _find(self, name: str) -> Webhook:
        with self._house.database.read() as tx:
            found = webhooks.find(tx, name)
        if found is None:
            raise webhooks.HoldLost(name)
        return found

    def _gather(self, held: Webhook, now: datetime) -> Batch:
        house = self._house
        sender = None
        if self._server is not None:
            sender = Sender(mail_from=house.settings.mail_from, url=house.settings.url, tables=house.tables)
        with house.database.read() as tx:
            return gather(tx, house.stores.cipher, held, sender, now)

    def _write(self, batch: Batch, holder: str, tried: list[Tried], *, goes_on: bool) -> int:
        with self._house.database.begin() as tx:
            return write_down(tx, batch, holder, tried, self._house.clock.now(), goes_on=goes_on)

    def _forget(self, now: datetime) -> None:
        delivered, dead = (to_us(now - timedelta(days=days)) for days in (DELIVERED_DAYS, DEAD_DAYS))
        with self._house.database.read() as tx:
            if not webhooks.is_any_ended(tx, delivered, dead):
                return
        with self._house.database.begin() as tx:
            webhooks.forget_ended(tx, delivered, dead)


def _settled(house: House) -> tuple[Allowed, MailServer | None, ssl.SSLContext, ssl.SSLContext]:
    settings = house.settings
    try:
        authorities = Path(settings.outgoing_authorities) if settings.outgoing_authorities else None
        # One for each protocol: a client of the one announces it in its context.
        return allowed_by(settings), server_of(settings), tls_context(authorities), tls_context(authorities)
    except (ValueError, OSError, ssl.SSLError) as error:
        raise Misconfigured(f"webhooks and mail: {error}") from error
