"""Every key this gateway has ever sealed with, and when each one seals: a value, and the two ways it may change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from signing.jwks import PublishedKey, Standing
from signing.signer import SealBroken, Signer, algorithm_of, thumbprint

VERSION: Final = 1
HISTORY_BYTES_MAX: Final = 1024 * 1024
# So long a new key is published before it seals, unless an operator says otherwise: whoever pins keys can fetch it.
NOTICE_S: Final = 24 * 3600
# So long after a sudden change the key before it may still be met: other processes, or other machines that read the
# file over a network, have not looked yet, and what they seal meanwhile must hold.
OVERLAP_S: Final = 60
_PUBLIC_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "alg", "use", "kid"})


class HistoryBroken(Exception):
    """The text is no history of seal keys. Trying again changes nothing: an operator must bring back the right one."""


class ChangeRefused(Exception):
    """The change would leave the history wrong; nothing was changed."""


class HeldKey(PublishedKey, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A key of ours: what is published of it, and its `source`, the file (from the history's folder) or PKCS#11 URI."""

    source: str
    retired_reason: Literal["rotated", "compromised"] | None = None


class History(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys, the first published first. No key ever leaves it."""

    keys: tuple[HeldKey, ...]
    version: int = VERSION

    def at(self, instant: datetime) -> HeldKey | None:
        """The key that seals at `instant`: of those whose period it lies in, the one that began last.

        A compromised key seals nothing more, whatever its period says.
        """
        able = [key for key in self.keys if key.seals_at(instant) and key.compromised_at is None]
        began = [key for key in able if key.seals_from is not None]
        # The first key of a gateway began with it; of two that begin together, the one published last was meant.
        return max(reversed(began), key=lambda key: key.seals_from or instant) if began else next(iter(able), None)

    def named(self, kid: str) -> HeldKey | None:
        """The key of that name."""
        return next((key for key in self.keys if key.kid == kid), None)

    def bounds(self, instant: datetime) -> tuple[datetime | None, datetime | None]:
        """The last change of periods up to `instant` and the next one after it."""
        changes = [at for key in self.keys for at in (key.seals_from, key.seals_until) if at is not None]
        before, after = [at for at in changes if at <= instant], [at for at in changes if at > instant]
        return max(before, default=None), min(after, default=None)

    def living(self, now: datetime) -> list[HeldKey]:
        """The keys that seal now or will."""
        return [key for key in self.keys if key.standing(now) in (Standing.IN_USE, Standing.UPCOMING)]

    def rotated(self, signer: Signer, source: str, now: datetime, seals_from: datetime | None = None) -> History:
        """Publish a new key that seals from `seals_from` on (default: in 24 hours); the key before it ends then.

        A key that was planned for later still takes over at its time, one that was planned for then does not. Raises
        `ChangeRefused` for a key that is in the history already, or for an instant before `now`.
        """
        wanted = seals_from or now + timedelta(seconds=NOTICE_S)
        begins = whole_second(wanted) if wanted > now else wanted.replace(microsecond=0)
        if begins < now.replace(microsecond=0):
            raise ChangeRefused("a key cannot begin to seal in the past")
        if self.named(signer.kid) is not None:
            raise ChangeRefused(f"the key {signer.kid} is in the history already; a key is used once")
        later = [key.seals_from for key in self.keys if key.seals_from and key.seals_from > begins and _is_open(key)]
        ends = min(later, default=None)
        new = HeldKey(
            jwk=signer.public_jwk(),
            source=source,
            published_at=now.replace(microsecond=0),
            seals_from=begins,
            seals_until=ends,
            retired_reason="rotated" if ends else None,
        )
        last = max(begins, whole_second(now + timedelta(seconds=OVERLAP_S)))
        return replace(self, keys=(*(_ended(key, begins, last) for key in self.keys), new))

    def retired(self, kid: str, at: datetime, now: datetime) -> History:
        """Mark a key as compromised since `at`: it seals nothing more, and what it sealed needs a proof from elsewhere.

        Its period ends now, unless it had ended. Raises `ChangeRefused` when there is no such key, or `at` lies ahead.
        A compromise may be dated earlier than it was, never later.
        """
        key = self.named(kid)
        if key is None:
            raise ChangeRefused(f"no key of ours is called {kid}")
        since = at.replace(microsecond=0)
        if since > now:
            raise ChangeRefused("a compromise cannot lie ahead")
        if key.compromised_at is not None and key.compromised_at <= since:
            raise ChangeRefused(f"the key {kid} is known to be compromised since {key.compromised_at.isoformat()}")
        stops = whole_second(now + timedelta(seconds=OVERLAP_S))
        # One that would begin later than that never begins.
        stops = max(stops, key.seals_from or stops)
        until = min(key.seals_until, stops) if key.seals_until else stops
        ended = replace(key, seals_until=until, compromised_at=since, retired_reason="compromised")
        return replace(self, keys=tuple(ended if each is key else each for each in self.keys))

    def gap(self, now: datetime) -> datetime | None:
        """The first instant from `now` on at which no key seals; None when there will be none."""
        ends = [key.seals_until for key in self.keys if key.seals_until is not None and key.seals_until > now]
        return next((instant for instant in sorted([now, *ends]) if self.at(instant) is None), None)


def begin(signer: Signer, source: str, now: datetime) -> History:
    """The history of a gateway that has its one key still: that key began with it, whenever that was."""
    first = HeldKey(jwk=signer.public_jwk(), source=source, published_at=now.replace(microsecond=0))
    return History(keys=(first,))


def write_history(history: History) -> bytes:
    """The history as a file: JSON, indented for people. It holds nothing secret."""
    return msgspec.json.format(msgspec.json.encode(history), indent=2) + b"\n"


def read_history(content: bytes) -> History:
    """Read it back. Raises `HistoryBroken`."""
    if len(content) > HISTORY_BYTES_MAX:
        raise HistoryBroken(f"more than {HISTORY_BYTES_MAX} bytes")
    try:
        history = msgspec.json.decode(content, type=History)
        _check(history)
    except (msgspec.MsgspecError, UnicodeDecodeError, SealBroken, RecursionError) as error:
        raise HistoryBroken(str(error)) from error
    return history


def whole_second(instant: datetime) -> datetime:
    """The first whole second at or after `instant`.

    Periods change at whole seconds, for that is what a NumericDate holds and what times of receipt are cut down from:
    no statement then falls out of its key's period by being rounded.
    """
    return instant if not instant.microsecond else instant.replace(microsecond=0) + timedelta(seconds=1)


def _is_open(key: HeldKey) -> bool:
    """Whether the key has a period to seal in at all."""
    is_empty = key.seals_from is not None and key.seals_from == key.seals_until
    return key.compromised_at is None and not is_empty


def _ended(key: HeldKey, begins: datetime, last: datetime) -> HeldKey:
    """The key as it is once another one begins: it ends at `last`, unless it ends earlier or begins later."""
    is_later = key.seals_from is not None and key.seals_from > begins
    if is_later or (key.seals_until is not None and key.seals_until <= last):
        return key
    return replace(key, seals_until=last, retired_reason=key.retired_reason or "rotated")


def _check(history: History) -> None:
    """What the shape does not say."""
    if history.version != VERSION:
        raise HistoryBroken(f"version {history.version} is not {VERSION}")
    if not history.keys:
        raise HistoryBroken("there is no key in it")
    seen: set[str] = set()
    for key in history.keys:
        algorithm_of(key.jwk)
        if not set(key.jwk) <= _PUBLIC_MEMBERS or key.jwk.get("kid") != thumbprint(key.jwk):
            raise HistoryBroken(f"the key {key.jwk.get('kid')} has another name than its thumbprint, or more members")
        if key.kid in seen:
            raise HistoryBroken(f"the key {key.kid} comes twice")
        seen.add(key.kid)
        instants = (key.published_at, key.seals_from, key.seals_until, key.compromised_at)
        if any(one is not None and (one.tzinfo is None or one.microsecond) for one in instants):
            raise HistoryBroken(f"the key {key.kid} has an instant without zone or with a fraction of a second")
        if key.seals_from and key.seals_until and key.seals_until < key.seals_from:
            raise HistoryBroken(f"the key {key.kid} ends before it begins")
        if (key.retired_reason == "compromised") != (key.compromised_at is not None):
            raise HistoryBroken(f"the key {key.kid} is compromised at no instant, or the other way round")
