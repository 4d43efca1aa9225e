"""Revocation: what CRLs and OCSP responses say about the certificates of a chain, at an instant."""

from datetime import datetime

from msgspec import Struct

from signing.indication import Proof, Refusal, RevocationUsed, Wanted
from signing.policy import Policy
from signing.trust import Chain


class Status(Struct, frozen=True, kw_only=True):
    """What is known about a whole chain: None in `refusal` when nothing stands against it."""

    refusal: Refusal | None = None
    used: tuple[RevocationUsed, ...] = ()
    proofs: tuple[Proof, ...] = ()
    wanted: tuple[Wanted, ...] = ()


class RevocationStore:
    """The revocation data at hand, fed by whoever fetches it; asks nobody itself."""

    def status(self, chain: Chain, policy: Policy, at: datetime) -> Status:
        """Judge every certificate of the chain but the anchor at the instant `at`."""
        raise NotImplementedError
