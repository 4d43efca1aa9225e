"""Revocation data is fetched again in the background, and what it brings to light about accepted dossiers is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509

from gateway import revoked_later
from gateway.clock import to_us
from signing.indication import Refusal
from storage import proofs, revocation_sources

if TYPE_CHECKING:
    from gateway.house import House

SOURCES_AT_ONCE_MAX: Final = 20


async def refresh(house: House) -> int:
    """Ask the sources again whose data is older than `revocation_refresh_s`, each by one worker; how many it was."""
    sources = await house.run(_claimed, house)
    for source in sources:
        if source.certificate:
            await _ask_responder(house, source)
        else:
            await house.revocations.get_crl(source.url)
    return len(sources)


async def tell_of_revoked(house: House) -> int:
    """Look through what was learnt since the last look for certificates that signed dossiers; how many were told of."""
    return await house.run_apart(_tell, house)


def _claimed(house: House) -> list[revocation_sources.Source]:
    now, settings = house.clock.now(), house.settings
    before = to_us(now - timedelta(seconds=settings.revocation_refresh_s))
    since = to_us(now - timedelta(days=settings.revocation_watch_days))
    with house.database.read() as tx:
        due = revocation_sources.due(tx, before, since, SOURCES_AT_ONCE_MAX)
    if not due:
        return []
    with house.database.begin() as tx:
        return [one for one in due if revocation_sources.claim(tx, one, to_us(now))]


async def _ask_responder(house: House, source: revocation_sources.Source) -> None:
    def look() -> proofs.Proof | None:
        with house.database.read() as tx:
            return proofs.find(tx, [source.certificate]).get(source.certificate)

    kept = await house.run(look)
    if kept is None:
        return
    chain = house.tables.trust.chain(kept.content, house.clock.now())
    if not isinstance(chain, Refusal):
        certificate = x509.load_der_x509_certificate(kept.content)
        await house.revocations.get_ocsp(source.url, certificate, chain.certificates[1])


def _tell(house: House) -> int:
    suspects = [
        certificate
        for issuer, serials in house.revocations.newly_revoked()
        for certificate in revoked_later.suspects(house.database, issuer, serials)
    ]
    return revoked_later.tell(house.database, house.tables, suspects, house.clock.now()) if suspects else 0
