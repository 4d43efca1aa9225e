"""What an S3 store does with throw-away objects, before anything is entrusted to it."""

from __future__ import annotations

import hashlib
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from storage.s3_bucket import Bucket, Lock, away, http_status
from storage.vault import ContentCorrupt, ContentMissing, Standing, VaultAway, VaultUnfit

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_s3.type_defs import ObjectLockRetentionTypeDef

    from storage.vault import Mark

# How many put one name at once, and how often, to see how many are told that they won. Twice as many would see a bad
# store hardly better, and keep a good one busy for seconds.
RACERS, RACES = 4, 2
# For how long the throw-away object is locked. It stays in the store until somebody (a lifecycle rule) removes it.
LOCK_PROBE_S = 60


def probe(bucket: Bucket, prefix: str, lock: Lock | None) -> Standing:
    """Try the store on names below `prefix`; returns what it did. Raises `VaultUnfit`, `VaultAway`.

    Some ways to fall short pass with a mark. Conditional puts that hold only while nobody races, or that lay a newer
    version on top, do no harm, because the names of packs follow from their bytes; where wrong checksums are taken,
    every round is read back before it is acknowledged. A store that overwrites, spoils or loses does not pass, nor one
    that does not keep the `lock` it is asked for.
    """
    key = f"{prefix}probe/{secrets.token_hex(16)}"
    races = [f"{key}-race-{number}" for number in range(RACES)]
    used = [key, f"{key}-md5", f"{key}-sha256", *races]
    try:
        once = _writes_once(bucket, key)
        lists = _lists(bucket, key)
        minds = tuple(kind for kind in ("md5", "sha256") if _refuses_wrong(bucket, kind, f"{key}-{kind}"))
        winners = max(_race(bucket, each) for each in races)
        if lock:
            used.append(f"{key}-lock")
            _prove(bucket, f"{key}-lock", lock)
    except ClientError as error:
        if http_status(error) == 501:  # noqa: PLR2004 - Not Implemented
            raise VaultUnfit("the store does not know conditional puts") from error
        raise away(error) from error
    except BotoCoreError as error:
        raise away(error) from error
    except (ContentMissing, ContentCorrupt) as error:
        raise VaultUnfit(f"the store does not give back what it acknowledged: {error}") from error
    finally:
        for each in used:
            bucket.discard(each)
    return Standing("s3", minds, winners, lists, str(lock) if lock else "", _marks(once, minds, winners, lists, lock))


def _marks(
    once: bool,  # noqa: FBT001
    minds: tuple[str, ...],
    winners: int,
    lists: Literal["at once", "late", "refused"],
    lock: Lock | None,
) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    if not once:
        marks.append("overwrites-by-version")
    elif winners > 1:
        marks.append("several-winners")
    if not minds:
        marks.append("checksums-ignored")
    if lists != "at once":
        marks.append("lists-late" if lists == "late" else "lists-refused")
    if lock and lock.mode == "GOVERNANCE":
        marks.append("lock-can-be-lifted")
    return tuple(marks)


def _writes_once(bucket: Bucket, key: str) -> bool:
    """Put an object, put another over it, read what is there; False where the other lies on top as a newer version.

    So Ceph 16 does in a bucket with versions, whatever the condition. Nothing is lost by it: two packs of one name have
    the same bytes, and what was acknowledged stays under its version.
    """
    first, second = secrets.token_bytes(2048), secrets.token_bytes(2048)
    version = bucket.put(key, first, md5=_md5(first))
    _won(lambda: bucket.put(key, second, md5=_md5(second)))
    seen = bucket.get(key)
    if bucket.get(key, 1000, 24) != seen[1000:1024]:
        raise VaultUnfit("the store answers with another range than it was asked for")
    if seen == first:
        return True
    if seen != second or not version or bucket.get(key, version=version) != first:
        raise VaultUnfit("the store overwrites an object that was put with If-None-Match: *")
    return False


def _lists(bucket: Bucket, key: str) -> Literal["at once", "late", "refused"]:
    try:
        return "at once" if key in bucket.keys(key) else "late"
    except VaultAway as error:
        if isinstance(cause := error.__cause__, ClientError) and http_status(cause) == 403:  # noqa: PLR2004
            return "refused"
        raise


def _refuses_wrong(bucket: Bucket, kind: str, key: str) -> bool:
    sent, arrived = b"sent", b"arrived"
    try:
        if kind == "md5":
            bucket.put(key, sent, md5=_md5(arrived))
        else:
            bucket.put(key, sent, sha256=hashlib.sha256(arrived).digest(), md5=_md5(sent))
    except ClientError as error:
        if http_status(error) == 400:  # noqa: PLR2004 - BadDigest, or the store's own word for it
            return True
        raise
    return False


def _race(bucket: Bucket, key: str) -> int:
    """Put other bytes under one name from many threads at once; returns how many were told that they won."""
    contents = [secrets.token_bytes(256) for _ in range(RACERS)]
    start = threading.Barrier(RACERS)

    def put(content: bytes) -> bool:
        start.wait()
        return _won(lambda: bucket.put(key, content, md5=_md5(content)))

    with ThreadPoolExecutor(RACERS) as pool:
        winners = sum(pool.map(put, contents))
    if winners and bucket.get(key) not in contents:
        raise VaultUnfit("when several write one name at once the store keeps what none of them wrote")
    return winners


def _won(put: Callable[[], str]) -> bool:
    """Whether a put was acknowledged; a refusal because of its condition is an answer."""
    try:
        put()
    except ClientError as error:
        # 503: a store may ask a writer in a crowd to come again, which is no acknowledgement either.
        if http_status(error) not in (409, 412, 503):
            raise
        return False
    return True


def _prove(bucket: Bucket, key: str, lock: Lock) -> None:
    """Try everything that a lock must refuse. Raises `VaultUnfit` when one of it is done, or the bytes have changed."""
    content = secrets.token_bytes(1024)
    until = bucket.now() + timedelta(seconds=LOCK_PROBE_S)
    try:
        version = bucket.put(key, content, md5=_md5(content), lock=(lock.mode, until))
    except ClientError as error:
        if http_status(error) < 500 or http_status(error) == 501:  # noqa: PLR2004
            raise VaultUnfit(f"the store takes no object with a lock: {away(error)}") from error
        raise
    if not version:
        raise VaultUnfit("the store says yes to a lock and gives the object no version: it locks nothing")
    which = {"Bucket": bucket.name, "Key": key, "VersionId": version}
    _tells(bucket, which, lock, until)
    _refuses_to_let_go(bucket, which, lock, until)
    # Without a version a delete only hides; what is under the marker must be as it was.
    bucket.discard(key)
    if bucket.get(key, version=version) != content:
        raise VaultUnfit("the store changes what is locked")


def _tells(bucket: Bucket, which: dict[str, str], lock: Lock, until: datetime) -> None:
    try:
        told = bucket.client.get_object_retention(**which)["Retention"]  # type: ignore[arg-type] # of three strings
    except ClientError as error:
        if http_status(error) == 503:  # noqa: PLR2004
            raise
        raise VaultUnfit(f"the store does not tell the lock of an object: {away(error)}") from error
    if told.get("Mode") != lock.mode or abs(told["RetainUntilDate"] - until) > timedelta(seconds=1):
        raise VaultUnfit("the store keeps another lock than it was asked for")


def _refuses_to_let_go(bucket: Bucket, which: dict[str, Any], lock: Lock, until: datetime) -> None:
    client = bucket.client
    shorter: ObjectLockRetentionTypeDef = {
        "Mode": lock.mode,
        "RetainUntilDate": until - timedelta(seconds=LOCK_PROBE_S // 2),
    }
    tries: list[tuple[str, Callable[[], object]]] = [
        ("deletes what is locked", lambda: client.delete_object(**which)),
        ("shortens a lock", lambda: client.put_object_retention(**which, Retention=shorter)),
    ]
    if lock.mode == "COMPLIANCE":
        bypass = {**which, "BypassGovernanceRetention": True}
        tries.append(("lets a lock be bypassed", lambda: client.delete_object(**bypass)))
    for does, attempt in tries:
        try:
            attempt()
        except ClientError as error:
            if http_status(error) >= 500:  # noqa: PLR2004
                raise
        else:
            raise VaultUnfit(f"the store {does}")


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()
