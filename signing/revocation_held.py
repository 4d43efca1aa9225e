"""Revocation data that was verified and is held: each piece, and what it says of one certificate."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cryptography import x509
from msgspec import Struct, structs

from signing.crl import CrlFacts, Revoked, RevokedSerials, read_record

CARRIED_MAX: Final = 10_000


class Held(Struct, frozen=True, kw_only=True):
    """A CRL or OCSP response as it came: `kind` is "crl" or "ocsp", `sha256` of its DER (hex)."""

    sha256: str
    kind: str
    der: bytes
    source: str
    fetched_at: datetime
    this_update: datetime
    next_update: datetime | None


class Said(Struct, frozen=True, kw_only=True):
    """What one piece of data says of one certificate: `revoked` is None for "good".

    `issuer` is who signed the data, an RFC 4514 string. `delegate` is the OCSP delegate's own certificate, whose
    status has to be asked too unless its issuer exempted it (`delegate_exempt`).
    """

    held: Held
    issuer: str
    this_update: datetime
    next_update: datetime | None
    revoked: Revoked | None
    keeps_expired_since: datetime | None
    produced_at: datetime | None = None
    delegate: x509.Certificate | None = None
    delegate_exempt: bool = False


class HeldCrl(Struct, frozen=True):
    """A verified CRL with its index. `carried` are revocations that an earlier CRL of this issuer and scope told of.

    A revocation is for good (RFC 5280 §3.3, §5.3.1: only a hold ends); an entry may leave the list only after its
    certificate has expired. So an entry that is gone, or has moved to a later date, goes on counting.
    """

    facts: CrlFacts
    held: Held
    revoked: RevokedSerials
    carried: dict[int, Said]

    def about(self, certificate: x509.Certificate) -> Iterator[Said]:
        """What the list says of a certificate of its issuer, and what was carried over; nothing if out of scope."""
        if not self.facts.scope.covers(certificate):
            return
        serial = certificate.serial_number
        yield self._said(self.held, self.revoked.get(serial))
        if carried := self.carried.get(serial):
            yield carried

    def carry(self, newer: RevokedSerials) -> dict[int, Said]:
        """What has to be carried over when `newer` takes this list's place; the DER is not kept for it."""
        carried = dict(self.carried)
        origin = structs.replace(self.held, der=b"")
        for record in set(self.revoked.records()).difference(newer.records()):
            serial, was = read_record(record)
            now = newer.get(serial)
            if was.is_final and (now is None or not now.is_final or now.at > was.at):
                carried[serial] = self._said(origin, was)
        while len(carried) > CARRIED_MAX:
            del carried[next(iter(carried))]
        return carried

    def _said(self, held: Held, revoked: Revoked | None) -> Said:
        facts = self.facts
        return Said(
            held=held,
            issuer=facts.issuer,
            this_update=facts.this_update,
            next_update=facts.next_update,
            revoked=revoked,
            keeps_expired_since=facts.keeps_expired_since,
        )
