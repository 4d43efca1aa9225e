"""The keys that seal, by the instant: their history kept in a file, looked at again while the gateway runs."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from signing.pkcs11_uri import is_pkcs11
from signing.seal import FileSealKey, load_seal_key
from signing.seal_history import HISTORY_BYTES_MAX, ChangeRefused, HistoryBroken, begin, read_history, write_history
from signing.signer import SealAway, SealKeyUnusable, Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from signing.seal_history import HeldKey, History

# A change in the file is seen so soon, by every process that seals.
LOOK_EVERY_S: Final = 1
HISTORY_MODE: Final = 0o644
_UNSAFE_MODE: Final = stat.S_IWGRP | stat.S_IWOTH
_LOOK_EVERY: Final = timedelta(seconds=LOOK_EVERY_S)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

_Stamp = tuple[int, int, int]


class KeyringUnusable(Exception):
    """The file of the keys' history is missing, broken, an old copy, or open to others. An operator must mend it."""


class Keyring:
    """All keys of this gateway, and the signer of any instant.

    The file holds public parts and places only. Whoever can write to it can publish a key of their own: it belongs to
    the gateway's user, beside the keys. Every process of every gateway reads the same file, again within a second of a
    change, so that a rotation needs no restart. A file that cannot be read any more, or that forgets a key, is not
    taken over: what was read last stays in force, and `troubles` tells.
    """

    def __init__(self, path: Path, history: History, stamp: _Stamp | None, signers: dict[str, Signer]) -> None:
        """Take what `Keyring.open` found; `stamp` is None for a history that is not in its file yet."""
        self.path = path
        self._history, self._stamp, self._signers = history, stamp, dict(signers)
        self._lock = Lock()
        self._unread = ""
        self._unloaded: dict[str, str] = {}
        self._window: tuple[datetime, datetime, Signer | None] = (_NEVER, _NEVER, None)

    @classmethod
    def open(cls, path: Path, source: Path | str, now: datetime, *, keep: bool = True, to_seal: bool = True) -> Keyring:
        """Open the history in `path`, and the key that seals now; without a file, begin one with the key in `source`.

        `source` is the key that the configuration names, a PEM file or a PKCS#11 URI: it must be one of the history's.
        With `keep` false nothing is written. With `to_seal` false the key in use need not open, so that a key that is
        broken or away can be listed and replaced. Raises `KeyringUnusable` when the file is broken, open to others, or
        lacks that key (an old copy was restored, or the key was replaced without a rotation); `SealKeyUnusable`;
        `SealAway`.
        """
        placed = _placed(source, path.parent)
        if path.exists():
            history, stamp = _read(path)
            ring = cls(path, history, stamp, {})
            if placed not in [key.source for key in history.keys]:
                ring._know(load_seal_key(source), placed)
        else:
            signer = load_seal_key(source)
            ring = cls(path, begin(signer, placed, now), None, {signer.kid: signer})
            if keep:
                ring._keep()
        if not to_seal:
            return ring
        held = ring._history.at(now)
        if held is None:
            raise KeyringUnusable(f"{path}: không có khóa nào niêm phong lúc này · no key seals at {now.isoformat()}")
        ring.load(held)
        return ring

    @property
    def inline(self) -> bool:
        """Whether sealing takes microseconds: true of keys in files, not of keys in a token."""
        return all(isinstance(signer, FileSealKey) for signer in self._signers.values())

    def signer_at(self, instant: datetime) -> Signer:
        """The signer of the key that seals at `instant`, which must be the one that the statement names as its own.

        Safe from several threads. Raises `SealAway` when no key seals then, or the one that does is away or unusable.
        """
        since, until, signer = self._window
        if since <= instant < until and signer is not None:
            return signer
        try:
            with self._lock:
                return self._choose(instant)
        except SealKeyUnusable as error:
            raise SealAway(str(error)) from error

    def keys(self, now: datetime) -> tuple[HeldKey, ...]:
        """Every key ever published, the one in use first, then what is coming, then the past, the latest first."""
        with self._lock:
            self._look(now)
            current = self._history.at(now)
            newest_first = self._history.keys[::-1]
        living = [key for key in newest_first if key.standing(now).value in ("in-use", "upcoming") and key != current]
        first = [current] if current else []
        return (*first, *living, *(key for key in newest_first if key not in (*first, *living)))

    def troubles(self, now: datetime) -> list[str]:
        """What an operator should mend before it stops the seal: the file, and keys that cannot be opened."""
        with self._lock:
            self._look(now)
            return [*([self._unread] if self._unread else []), *self._unloaded.values()]

    def load(self, key: HeldKey) -> Signer:
        """Open a key of the history. Raises `SealKeyUnusable`, also when its source holds another key; `SealAway`."""
        signer = self._signers.get(key.kid)
        if signer is None:
            source = key.source if is_pkcs11(key.source) else self.path.parent / key.source
            signer = load_seal_key(source)
            if signer.kid != key.kid:
                raise SealKeyUnusable(f"{key.source}: giữ khóa khác, không phải {key.kid} · holds another key")
            self._signers[key.kid] = signer
        return signer

    def rotate(self, signer: Signer, source: Path | str, now: datetime, seals_from: datetime | None = None) -> HeldKey:
        """Publish a new key at once, to seal from `seals_from` on (default: in 24 hours); the one before it ends then.

        Durable when it returns. Raises `ChangeRefused`, `KeyringUnusable`: then nothing was changed.
        """
        with self._changing(now):
            self._write(self._history.rotated(signer, _placed(source, self.path.parent), now, seals_from))
            self._signers[signer.kid] = signer
        return self._history.keys[-1]

    def retire(
        self, kid: str, at: datetime, now: datetime, successor: Callable[[], tuple[Signer, Path | str]] | None = None
    ) -> HeldKey | None:
        """Mark a key as compromised since `at`; it seals nothing more.

        Where it is the one that seals now, or leaves a time without a key, the one that `successor` makes (signer and
        source) takes over and is returned. Durable when it returns. Raises `ChangeRefused`, also when a successor is
        needed and cannot be made; `KeyringUnusable`: then nothing was changed.
        """
        with self._changing(now):
            current = self._history.at(now)
            history = self._history.retired(kid, at, now)
            # A key that was just replaced may still be good for a moment; it is not to come back for it.
            gap = now if current is not None and current.kid == kid else history.gap(now)
            if gap is not None:
                if successor is None:
                    raise ChangeRefused(
                        f"from {gap.isoformat(timespec='seconds')} on no key would seal: name another one"
                    )
                signer, source = successor()
                history = history.rotated(signer, _placed(source, self.path.parent), now, gap)
                self._signers[signer.kid] = signer
            self._write(history)
        return history.keys[-1] if gap is not None else None

    def _choose(self, instant: datetime) -> Signer:
        self._look(instant)
        held = self._history.at(instant)
        if held is None:
            raise SealAway(f"no key of ours seals at {instant.isoformat(timespec='seconds')}")
        signer = self.load(held)
        before, after = self._history.bounds(instant)
        since, until = instant - _LOOK_EVERY, instant + _LOOK_EVERY
        # In the zone of those who ask: instants of one zone are compared without working out their offsets.
        self._window = (
            max(since, before or since).astimezone(instant.tzinfo),
            min(until, after or until).astimezone(instant.tzinfo),
            signer,
        )
        return signer

    def _look(self, now: datetime) -> None:
        """Take the file's word if it has changed, and open what will be needed, while there is time to mend it."""
        with suppress(OSError):
            if _stamp_of(os.stat(self.path)) == self._stamp:  # noqa: PTH116 - often, and on the way of every round
                self._unread = ""
                return
        if self._stamp is None and not self.path.exists():
            return
        try:
            self._take()
            self._unread = ""
        except KeyringUnusable as error:
            self._unread = str(error)
            return
        self._unloaded = {}
        for key in self._history.living(now):
            try:
                self.load(key)
            except (SealKeyUnusable, SealAway) as error:
                self._unloaded[key.kid] = f"{key.kid}: {error}"

    def _take(self) -> None:
        history, stamp = _read(self.path)
        if forgotten := [key.kid for key in self._history.keys if history.named(key.kid) is None]:
            raise KeyringUnusable(
                f"{self.path}: bản cũ, thiếu khóa đã công bố · an old copy, it lacks {', '.join(forgotten)}"
            )
        self._history, self._stamp = history, stamp
        self._window = (_NEVER, _NEVER, None)

    def _know(self, signer: Signer, source: str) -> None:
        if self._history.named(signer.kid) is None:
            raise KeyringUnusable(
                f"{self.path}: không có khóa {signer.kid} ({source}) mà cấu hình chỉ tới: sổ khóa là bản cũ, hoặc khóa "
                "bị thay mà không qua `motcua seal rotate` · lacks the configured key: an old copy, or replaced by hand"
            )
        self._signers[signer.kid] = signer

    def _keep(self) -> None:
        """Write the first history. Another process may have been first: then theirs counts."""
        with self._lock, _alone(self.path):
            if self.path.exists():
                self._take()
            else:
                self._write(self._history)

    @contextmanager
    def _changing(self, now: datetime) -> Iterator[None]:
        """One change at a time, by whatever process, upon what the file says now."""
        with self._lock, _alone(self.path):
            self._look(now)
            if self._unread:
                raise KeyringUnusable(self._unread)
            yield

    def _write(self, history: History) -> None:
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, HISTORY_MODE)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), HISTORY_MODE)
                file.write(write_history(history))
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)  # noqa: PTH105 - said as what it is
            # The rename is durable only once the folder that holds the name is.
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise KeyringUnusable(f"{self.path}: {error.strerror}") from error
        self._take()


def _placed(source: Path | str, folder: Path) -> str:
    """A source as the history names it: a file beside it by its name alone, so that they can be moved together."""
    if is_pkcs11(str(source)):
        return str(source)
    path = Path(source).absolute()
    return path.name if path.parent == folder.absolute() else str(path)


def _read(path: Path) -> tuple[History, _Stamp]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(HISTORY_BYTES_MAX + 1)
    except OSError as error:
        raise KeyringUnusable(f"{path}: {error.strerror}") from error
    if found.st_mode & _UNSAFE_MODE:
        raise KeyringUnusable(f"{path}: mode {found.st_mode & 0o777:o} lets others write; chmod 644")
    try:
        return read_history(content), _stamp_of(found)
    except HistoryBroken as error:
        raise KeyringUnusable(f"{path}: sổ khóa hỏng · broken: {error}") from error


def _stamp_of(found: os.stat_result) -> _Stamp:
    return found.st_mtime_ns, found.st_ino, found.st_size


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock beside the file, which is there before the file is, and stays when the file is replaced."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise KeyringUnusable(f"{lock}: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
