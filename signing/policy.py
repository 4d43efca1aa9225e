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

    def tolerates(self, name: str, now: datetime) -> bool:
        """Whether the operator lets the fault `name` pass at `now`."""
        return any(one.name == name and now <= one.until for one in self.tolerances)


def accepted(algorithms: tuple[Algorithm, ...], uri: str, now: datetime) -> Algorithm | None:
    """Return the algorithm with that identifier if it is accepted at `now`."""
    for one in algorithms:
        if one.uri == uri:
            return one if one.until is None or now <= one.until else None
    return None
