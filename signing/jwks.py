"""Public keys with their periods: how they are published (RFC 7517), pinned, and asked whether they could seal then."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from signing.signer import SealBroken, algorithm_of, thumbprint

if TYPE_CHECKING:
    from collections.abc import Iterable

JWKS_BYTES_MAX: Final = 1024 * 1024
_MEMBERS: Final = ("kty", "crv", "x", "y", "alg", "use", "kid")
_KINDS: Final = frozenset({("EC", "P-256"), ("OKP", "Ed25519")})


class JwksUnusable(Exception):
    """The text is neither a JWK nor a set of them, or holds no key of ours. Trying again changes nothing."""


class Standing(StrEnum):
    """What a key is doing at an instant."""

    UPCOMING = "upcoming"
    IN_USE = "in-use"
    RETIRED = "retired"
    COMPROMISED = "compromised"


class Doubt(StrEnum):
    """Why a seal that holds as a signature still proves nothing."""

    BEFORE_ITS_PERIOD = "before-its-period"
    AFTER_ITS_PERIOD = "after-its-period"
    COMPROMISED = "compromised"


class PublishedKey(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A public key and its sealing period, from `seals_from` on and before `seals_until`; None: no such bound.

    `compromised_at` is the instant since which somebody else may have had the private key. The instants have a zone and
    are whole seconds; None where whoever published or pinned the key did not say.
    """

    jwk: dict[str, str]
    published_at: datetime | None = None
    seals_from: datetime | None = None
    seals_until: datetime | None = None
    compromised_at: datetime | None = None

    @property
    def kid(self) -> str:
        """The key's name: its RFC 7638 thumbprint."""
        return thumbprint(self.jwk)

    def seals_at(self, instant: datetime) -> bool:
        """Whether `instant` lies in the sealing period."""
        return (self.seals_from is None or self.seals_from <= instant) and (
            self.seals_until is None or instant < self.seals_until
        )

    def standing(self, now: datetime) -> Standing:
        """What the key is doing at `now`."""
        if self.compromised_at is not None:
            return Standing.COMPROMISED
        if self.seals_from is not None and now < self.seals_from:
            return Standing.UPCOMING
        return Standing.IN_USE if self.seals_at(now) else Standing.RETIRED

    def doubt(self, sealed_at: datetime, existed_at: datetime | None = None) -> Doubt | None:
        """What speaks against a statement that says it was sealed at `sealed_at`; None: nothing does.

        A statement dates itself, so that its period alone does not help when the private key was in other hands: then
        it needs a proof from elsewhere (a log, a time-stamp, a copy held by others; EN 319 102-1 §5.5: a proof of
        existence) that it was there at `existed_at`, before the compromise.
        """
        if self.seals_from is not None and sealed_at < self.seals_from:
            return Doubt.BEFORE_ITS_PERIOD
        if self.seals_until is not None and sealed_at >= self.seals_until:
            return Doubt.AFTER_ITS_PERIOD
        if self.compromised_at is not None and (existed_at is None or existed_at >= self.compromised_at):
            return Doubt.COMPROMISED
        return None


def jwks_of(keys: Iterable[PublishedKey], now: datetime) -> dict[str, list[dict[str, object]]]:
    """Return the JWK Set (RFC 7517 §5) with each key's period.

    For programs `iat` (published), `nbf`, `exp` and `revoked` in seconds since 1970, as OpenID Federation 1.0 has them
    for historical keys (§8.7.2); for people the same as `x-…` in RFC 3339, in the zone of `now`. A bound that a
    key has not is left out.
    """
    return {"keys": [_members(key, now) for key in keys]}


def _members(key: PublishedKey, now: datetime) -> dict[str, object]:
    told: dict[str, object] = dict(key.jwk)
    told["x-status"] = key.standing(now).value
    if key.published_at is not None:
        told["iat"] = int(key.published_at.timestamp())
    for number, text, instant in (
        ("nbf", "x-seals-from", key.seals_from),
        ("exp", "x-seals-until", key.seals_until),
    ):
        if instant is not None:
            told[number] = int(instant.timestamp())
            told[text] = instant.astimezone(now.tzinfo).isoformat(timespec="seconds")
    if key.compromised_at is not None:
        told["revoked"] = {"revoked_at": int(key.compromised_at.timestamp()), "reason": "compromised"}
        told["x-compromised-at"] = key.compromised_at.astimezone(now.tzinfo).isoformat(timespec="seconds")
    return told


def read_jwks(content: bytes) -> dict[str, PublishedKey]:
    """Read a JWK Set or one JWK that somebody pinned; returns the keys by their thumbprints.

    Keys of other kinds in a set are passed over (RFC 7517 §5). Raises `JwksUnusable`; among other things when one key
    comes twice, for it could then have two periods.
    """
    if len(content) > JWKS_BYTES_MAX:
        raise JwksUnusable(f"more than {JWKS_BYTES_MAX} bytes")
    try:
        held: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise JwksUnusable("not JSON") from error
    each = held.get("keys", [held]) if isinstance(held, dict) else None
    if not isinstance(each, list) or not all(isinstance(one, dict) for one in each):
        raise JwksUnusable("neither a JWK nor a JWK Set (RFC 7517)")
    found: dict[str, PublishedKey] = {}
    for one in each:
        if (one.get("kty"), one.get("crv")) not in _KINDS:
            continue
        key = _published(one)
        if key.kid in found:
            raise JwksUnusable(f"the key {key.kid} comes twice")
        found[key.kid] = key
    if not found:
        raise JwksUnusable("no P-256 or Ed25519 key in it")
    return found


def _published(one: dict[str, Any]) -> PublishedKey:
    jwk = {name: one[name] for name in _MEMBERS if isinstance(one.get(name), str)}
    try:
        algorithm_of(jwk)
        thumbprint(jwk)
    except SealBroken as error:
        raise JwksUnusable(str(error)) from error
    revoked = one.get("revoked", {})
    if not isinstance(revoked, dict):
        raise JwksUnusable("revoked is no object")
    if revoked and "revoked_at" not in revoked:
        raise JwksUnusable("revoked without revoked_at")
    # A key that was replaced in good order proves what it proved; for any other reason, or none, it is in doubt.
    in_doubt = bool(revoked) and revoked.get("reason") != "superseded"
    return PublishedKey(
        jwk=jwk,
        published_at=_instant(one, "iat"),
        seals_from=_instant(one, "nbf"),
        seals_until=_instant(one, "exp"),
        compromised_at=_instant(revoked, "revoked_at") if in_doubt else None,
    )


def _instant(members: dict[str, Any], name: str) -> datetime | None:
    """A NumericDate (RFC 7519 §2); None when it is not there."""
    number = members.get(name)
    if name not in members:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise JwksUnusable(f"{name} is no number of seconds")
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise JwksUnusable(f"{name} is no instant") from error
