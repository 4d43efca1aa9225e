"""The signature policy: which algorithms, keys and known faults are accepted, and until when."""

from datetime import datetime
from typing import Final

from msgspec import Struct

_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC: Final = "http://www.w3.org/2001/04/xmlenc#"

SECOND_REFERENCE_TO_SIGNING_TIME: Final = "second-reference-to-signing-time"


class Algorithm(Struct, frozen=True):
    """An accepted algorithm by its identifier; accepted up to and including `until`, or for good."""

    uri: str
    hash_name: str
    family: str = ""
    until: datetime | None = None


class Tolerance(Struct, frozen=True, kw_only=True):
    """A known fault that an operator decided to let pass, by name and up to and including a date.

    There is one: "second-reference-to-signing-time" lets a second Reference to the signature's own SigningTime pass
    unchecked, with a caution in the verdict. `why` is for the operator's records.
    """

    name: str
    until: datetime
    why: str = ""


class RevocationRule(Struct, frozen=True, kw_only=True):
    """How much must be known about revocation (EN 319 102-1 v1.3.1 §5.2.5, revocation freshness).

    Data is fresh at an instant when it is at most `end_user_age_s_max` (authorities: `authority_age_s_max`) old then,
    and its nextUpdate, if it has one, has not passed.
    """

    required: bool = False
    end_user_age_s_max: int = 24 * 3600
    authority_age_s_max: int = 31 * 24 * 3600


# Levels of signatures, the weakest first; a policy asks for one of them at least.
LEVELS: Final = ("XMLDSig, not AdES", "XAdES-B-B", "XAdES-B-T")


class Policy(Struct, frozen=True, kw_only=True):
    """What is asked of a signature (EN 319 102-1 v1.3.1 §5.2.4): data, so that an algorithm's end is a line of it.

    Algorithms: XMLDSig 1.1 §6.1; identifiers from RFC 9231. Only what is listed here *and* built is accepted; SHA-1 and
    HMAC are not built. `no-revocation-1` does not ask whether a certificate was revoked.
    """

    id: str = "no-revocation-1"
    signature_algorithms: tuple[Algorithm, ...] = (
        Algorithm(_MORE + "rsa-sha256", "sha256", "rsa"),
        Algorithm(_MORE + "rsa-sha384", "sha384", "rsa"),
        Algorithm(_MORE + "rsa-sha512", "sha512", "rsa"),
        Algorithm(_MORE + "ecdsa-sha256", "sha256", "ecdsa"),
        Algorithm(_MORE + "ecdsa-sha384", "sha384", "ecdsa"),
        Algorithm(_MORE + "ecdsa-sha512", "sha512", "ecdsa"),
    )
    digest_algorithms: tuple[Algorithm, ...] = (
        Algorithm(_ENC + "sha256", "sha256"),
        Algorithm(_MORE + "sha384", "sha384"),
        Algorithm(_ENC + "sha512", "sha512"),
    )
    rsa_bits_min: int = 2048
    rsa_bits_max: int = 8192
    curves: tuple[str, ...] = ("secp256r1", "secp384r1", "secp521r1")
    tolerances: tuple[Tolerance, ...] = ()
    revocation: RevocationRule = RevocationRule()
    # How far another's clock (a certificate's beginning, a thisUpdate, a time-stamp) may be ahead of ours.
    clock_skew_s_max: int = 0
    # The least level of an envelope's signature, by procedure; for all others `level`.
    level: str = LEVELS[0]
    levels: dict[str, str] = {}

    def level_for(self, procedure: str) -> str:
        """The least level that a dossier of this procedure must be signed with."""
        return self.levels.get(procedure, self.level)

    def tolerates(self, name: str, now: datetime) -> bool:
        """Whether the operator lets the fault `name` pass at `now`."""
        return any(one.name == name and now <= one.until for one in self.tolerances)


def accepted(algorithms: tuple[Algorithm, ...], uri: str, now: datetime) -> Algorithm | None:
    """Return the algorithm with that identifier if it is accepted at `now`."""
    for one in algorithms:
        if one.uri == uri:
            return one if one.until is None or now <= one.until else None
    return None
