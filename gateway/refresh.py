"""Revocation data is fetched again in the background, and what it brings to light about accepted dossiers is told."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import revoked_later
from gateway.clock import to_us
from signing.indication import Refusal
from storage import proofs, revocation_sources
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from gateway.house import House
    from signing.trust import TrustStore

# So many CRLs are asked for in one go, and so many responders.
SOURCES_AT_ONCE_MAX: Final = 20
# A source that gave nothing, while what is held of it ends soon, is asked again after so long.
TRY_AGAIN_AFTER = timedelta(minutes=5)


async def refresh(house: House) -> int:
    """Ask the sources again whose data is older than `revocation_refresh_s`, each by one worker; how many it was."""
    sources = await house.run(_claimed, house)
    await asyncio.gather(*(_ask(house, source) for source in sources))
    return len(sources)


async def tell_of_revoked(house: House) -> int:
    """Look through what was learnt since the last look for certificates that signed dossiers; how many were told of.

    Raises `DatabaseAway`; then trying again is safe, and nothing that was learnt is forgotten.
    """
    return await house.run_apart(_tell, house)


def _claimed(house: House) -> list[revocation_sources.Source]:
    now, settings = house.clock.now(), house.settings
    before = to_us(now - timedelta(seconds=settings.revocation_refresh_s))
    since = to_us(now - timedelta(days=settings.revocation_watch_days))
    with house.database.read() as tx:
        due = revocation_sources.due(tx, before, since, SOURCES_AT_ONCE_MAX, _trusted(house.tables.trust))
    if not due:
        return []
    with house.database.begin() as tx:
        return [one for one in due if revocation_sources.claim(tx, one, to_us(now))]


def _trusted(trust: TrustStore) -> revocation_sources.Authorities:
    """The authorities that another one vouches for: nobody revokes an anchor."""
    below = [one for one in trust.authorities if one.issuer != one.subject]
    return revocation_sources.Authorities(
        certificates=frozenset(hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest() for one in below),
        issuers=frozenset(one.issuer.rfc4514_string() for one in below),
    )


async def _ask(house: House, source: revocation_sources.Source) -> None:
    """Ask one source. With the database away meanwhile, it is asked again at its next turn."""
    with suppress(DatabaseAway):
        got = await (_ask_responder(house, source) if source.certificate else house.revocations.get_crl(source.url))
        if not got and not _lasts(house, source):
            await house.run(_put_forward, house, source)


def _lasts(house: House, source: revocation_sources.Source) -> bool:
    """Whether a CRL from there is held that is good until its next turn: it may just not have been renewed yet."""
    then = house.clock.now() + timedelta(seconds=house.settings.revocation_refresh_s)
    return not source.certificate and any(
        one.source == source.url and one.next_update is not None and one.next_update > then
        for one in house.revocations.store.held()
    )


def _put_forward(house: House, source: revocation_sources.Source) -> None:
    asked_at = house.clock.now() - timedelta(seconds=house.settings.revocation_refresh_s) + TRY_AGAIN_AFTER
    with house.database.begin() as tx:
        revocation_sources.failed(tx, source, to_us(asked_at))


async def _ask_responder(house: House, source: revocation_sources.Source) -> bool:
    def look() -> proofs.Proof | None:
        with house.database.read() as tx:
            return proofs.find(tx, [source.certificate]).get(source.certificate)

    kept = await house.run(look)
    if kept is None:
        return False
    chain = house.tables.trust.chain(kept.content, house.clock.now())
    if isinstance(chain, Refusal):
        return False
    certificate = x509.load_der_x509_certificate(kept.content)
    return await house.revocations.get_ocsp(source.url, certificate, chain.certificates[1])


def _tell(house: House) -> int:
    news = house.revocations.newly_revoked()
    try:
        suspects = [
            certificate
            for one in news
            for certificate in revoked_later.suspects(house.database, one.issuer, one.serials)
        ]
        return revoked_later.tell(house.database, house.tables, suspects, house.clock.now()) if suspects else 0
    except BaseException:
        house.revocations.not_told(news)
        raise
