"""Revocation data: obtained for whoever misses it, kept, and shared with the other workers.

The store of the signing room asks nobody. This fetches for it: OCSP first, else the CRL, each certificate once at a
time; what is got is kept in the database, where the other workers find it. Where nothing was to be had, the same is not
tried again for a while, so that an authority that is down costs nobody but the first any time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from gateway.clock import from_us, to_us
from gateway.faults import log_fault
from gateway.fetching import CRL_BYTES_MAX, OCSP_BYTES_MAX, FetchFailed, FetchRefused
from signing.crl import CrlFacts
from signing.indication import Refusal
from signing.ocsp import OcspFacts
from storage import journal, pending, proofs, revocation_sources
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable, Sequence
    from datetime import datetime

    from cryptography import x509

    from gateway.clock import Clock
    from gateway.fetching import Fetcher
    from gateway.judge import Tables
    from gateway.settle import Stores
    from signing.indication import Wanted
    from signing.revocation import RevocationStore

    Run = Callable[[Callable[[], int]], Awaitable[int]]

# A certificate whose data could not be had is not tried again for so long; the first sight of it alone waits.
TRY_AGAIN_AFTER = timedelta(seconds=10)
REMEMBERED_MAX: Final = 20_000
SHARED_A_LOOK_MAX: Final = 8
FETCHES_AT_ONCE_MAX: Final = 8
_SERIES: Final = "revocation"
_CRL: Final = "application/pkix-crl"
_OCSP: Final = "application/ocsp-response"
_LOG = logging.getLogger("motcua.revocation")


class News(NamedTuple):
    """Serials of one issuer (its name, RFC 4514) that data which came in calls revoked."""

    issuer: str
    serials: Container[int]


class Revocations:
    """What one worker does about revocation data."""

    def __init__(self, tables: Callable[[], Tables], fetcher: Fetcher, stores: Stores, run: Run, clock: Clock) -> None:
        self._tables, self._fetcher, self._stores, self._run, self._clock = tables, fetcher, stores, run, clock
        self._under_way: dict[str, asyncio.Task[bool]] = {}
        self._in_vain_at: dict[str, datetime] = {}
        self._at_once = asyncio.Semaphore(FETCHES_AT_ONCE_MAX)
        self._seen_seq = 0
        # Put in by whoever adds data, in whatever thread; taken out by whoever tells what it means.
        self._news: deque[News] = deque()

    @property
    def store(self) -> RevocationStore:
        """The store that is fed."""
        return self._tables().revocation

    def may_try(self, wanted: Sequence[Wanted]) -> bool:
        """Whether asking for any of these may bring something now."""
        now = self._clock.now()
        return any(
            one.sha256 in self._under_way
            or (bool(one.ocsp_urls or one.crl_urls) and not self._was_in_vain(one.sha256, now))
            for one in wanted
        )

    def _was_in_vain(self, what: str, now: datetime) -> bool:
        at = self._in_vain_at.get(what)
        return at is not None and now - at < TRY_AGAIN_AFTER

    def _note_in_vain(self, what: str) -> None:
        if len(self._in_vain_at) >= REMEMBERED_MAX:
            self._in_vain_at.clear()
        self._in_vain_at[what] = self._clock.now()

    async def obtain(self, wanted: Iterable[Wanted]) -> bool:
        """Try to get what is wanted; whether any of it is wanted no more. Never raises for what the outside does.

        Whoever stops waiting does not stop the fetching: the next one finds what it brought.
        """
        tasks = [self._begin(one.sha256, lambda one=one: self._obtain(one)) for one in wanted]  # type: ignore[misc]
        return any(await asyncio.gather(*(asyncio.shield(task) for task in tasks))) if tasks else False

    async def obtain_within(self, wanted: Sequence[Wanted], wait_s: float) -> bool:
        """As `obtain`, but waiting no longer than `wait_s`."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self.obtain(wanted), wait_s)
        return False

    def _begin(self, what: str, step: Callable[[], Coroutine[None, None, bool]]) -> asyncio.Task[bool]:
        """Do this, or join whoever does it already. Failing is an answer: it was in vain."""
        task = self._under_way.get(what)
        if task is None:
            task = asyncio.ensure_future(self._safely(what, step))
            self._under_way[what] = task
            task.add_done_callback(lambda _: self._under_way.pop(what, None))
        return task

    async def _safely(self, what: str, step: Callable[[], Coroutine[None, None, bool]]) -> bool:
        if self._was_in_vain(what, self._clock.now()):
            return False
        try:
            if await step():
                return True
        except Exception as fault:
            log_fault(_LOG, "revocation data", fault)
        self._note_in_vain(what)
        return False

    async def _obtain(self, one: Wanted) -> bool:
        """Ask one address after the other, until the store wants this certificate's data no more."""
        for url in one.ocsp_urls:
            if await self.get_ocsp(url, one.certificate, one.issuer) and not self._is_wanted(one):
                await self._use(one)
                return True
        for url in one.crl_urls:
            if await self.get_crl(url) and not self._is_wanted(one):
                await self._use(one)
                return True
        return False

    def _is_wanted(self, one: Wanted) -> bool:
        """Whether the data about this certificate is still missing or stale."""
        tables, now = self._tables(), self._clock.now()
        chain = tables.trust.chain(one.certificate.public_bytes(Encoding.DER), now)
        if isinstance(chain, Refusal):
            # Not trusted any more: what came was for a dossier received while it was.
            return False
        return any(each.sha256 == one.sha256 for each in tables.revocation.status(chain, tables.policy, now).wanted)

    async def _use(self, one: Wanted) -> None:
        """Have this certificate's sources asked again from time to time."""
        certificate, issuer = "" if one.crl_urls else one.sha256, one.certificate.issuer.rfc4514_string()
        now_us = to_us(self._clock.now())

        def note() -> int:
            with self._stores.database.begin() as tx:
                for url in one.crl_urls or one.ocsp_urls:
                    revocation_sources.use(tx, url, certificate, issuer, now_us)
            return 0

        with suppress(DatabaseAway):
            await self._run(note)

    async def get_ocsp(self, url: str, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Ask a responder about one certificate; whether it said something new that can be used."""
        subject = f"{url}#{certificate.serial_number:x}"
        got = await self._get(url, "ocsp", subject, _request(certificate, issuer))
        if isinstance(got, OcspFacts) and any(one.revoked is not None for one in got.statements):
            self._news.append(News(certificate.issuer.rfc4514_string(), {certificate.serial_number}))
        return got is not None

    async def get_crl(self, url: str) -> bool:
        """Fetch a CRL, once at a time for all who want it; whether it is new and can be used."""

        async def step() -> bool:
            return await self._get(url, "crl", url, None) is not None

        return await asyncio.shield(self._begin(url, step))

    async def _get(self, url: str, kind: str, subject: str, request: bytes | None) -> CrlFacts | OcspFacts | None:
        accept, most = (_OCSP, OCSP_BYTES_MAX) if kind == "ocsp" else (_CRL, CRL_BYTES_MAX)
        try:
            async with self._at_once:
                der = await self._fetcher.get(url, accept=accept, size_bytes_max=most, body=request)
        except (FetchRefused, FetchFailed) as told:
            _LOG.warning("revocation data: %s", told)
            return None
        if self.store.knows(hashlib.sha256(der).hexdigest()):
            return None
        at = self._clock.now()
        # A large list takes tenths of a second to read.
        added = await asyncio.to_thread(self._add, kind, der, url, at)
        if added is None:
            return None
        kept = proofs.Fetched(
            seq=0, sha256=added.sha256, kind=kind, source=url, subject=subject, fetched_at_us=to_us(at), content=der
        )
        try:
            await self._run(lambda: self._keep(kept))
        except DatabaseAway as error:
            # It is known to this worker all the same; what cannot be kept now is fetched again.
            _LOG.warning("revocation data from %s is not kept: %s", url, error)
        return added

    def _add(self, kind: str, der: bytes, source: str, fetched_at: datetime) -> CrlFacts | OcspFacts | None:
        added: CrlFacts | OcspFacts | Refusal
        if kind == "ocsp":
            added = self.store.add_ocsp(der, source=source, fetched_at=fetched_at)
        else:
            added = self.store.add_crl(der, source=source, fetched_at=fetched_at)
        if isinstance(added, Refusal):
            _LOG.warning("revocation data from %s cannot be used: %s", source, added.code)
            return None
        if isinstance(added, CrlFacts):
            self._news.append(News(added.issuer, self.store.revoked_in(added.sha256)))
        return added

    def newly_revoked(self) -> list[News]:
        """What came in since the last call. Whoever cannot tell of it now gives it back (`not_told`)."""
        news = []
        with suppress(IndexError):
            while True:
                news.append(self._news.popleft())
        return news

    def not_told(self, news: Iterable[News]) -> None:
        """Keep these for the next call of `newly_revoked`."""
        self._news.extend(news)

    def _keep(self, one: proofs.Fetched) -> int:
        """Keep it for the other workers, and let what waits be judged again."""
        with self._stores.database.begin() as tx:
            # First: whoever concludes what waits holds its row and then keeps proofs, perhaps this very one.
            pending.try_all(tx, one.fetched_at_us)
            proofs.keep(tx, [proofs.Proof(sha256=one.sha256, kind=one.kind, content=one.content)], one.fetched_at_us)
            seq = journal.reserve(tx, _SERIES, 1)
            proofs.add_fetched(tx, msgspec.structs.replace(one, seq=seq))
        self._stores.remember_kept([one.sha256])
        return seq

    def take_shared(self) -> int:
        """Learn what other workers have got since the last look (and, at the start, what is kept); how much it was."""
        count = 0
        while True:
            with self._stores.database.read() as tx:
                page = proofs.fetched_after(tx, self._seen_seq, SHARED_A_LOOK_MAX)
            self._stores.remember_kept([one.sha256 for one in page])
            for one in page:
                self._seen_seq = one.seq
                if not self.store.knows(one.sha256):
                    count += 1
                    self._add(one.kind, one.content, one.source, from_us(one.fetched_at_us))
            if len(page) < SHARED_A_LOOK_MAX:
                return count

    def look_again(self) -> None:
        """Authorities came to be known: what was passed over for an unknown issuer may be of use now."""
        self._seen_seq = 0

    def learn(self, folder: Iterable[tuple[str, bytes]], now: datetime) -> None:
        """Take CRLs that an operator laid into the trust folder: (file name, DER)."""
        for name, der in folder:
            self._add("crl", der, name, now)

    async def close(self) -> None:
        """Give up what is being fetched."""
        for task in list(self._under_way.values()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """An OCSP request without a nonce (RFC 6960 §4.1). SHA-1 only names the issuer here: responders know no other."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303
    return builder.build().public_bytes(Encoding.DER)
