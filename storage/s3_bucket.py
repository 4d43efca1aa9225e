"""One bucket of an S3 store: an object put once, read, listed and let go, and what the store's refusals mean."""

from __future__ import annotations

import base64
import hashlib
import logging
from contextlib import closing
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from storage.vault import ContentCorrupt, ContentMissing, VaultAway, VaultFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, PutObjectRequestTypeDef

_READ_BYTES = 1024 * 1024
_NO_ROOM = frozenset({"QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "XMinioStorageFull"})
_log = logging.getLogger(__name__)


class Lock(Struct, frozen=True):
    """For how long no version of an object may be deleted (S3 Object Lock), and whether somebody may lift that."""

    mode: Literal["COMPLIANCE", "GOVERNANCE"]
    days: int

    def __str__(self) -> str:
        return f"{self.mode} {self.days}"


class Bucket:
    """A bucket as a client sees it. Asks for no more than plain S3: put, ranged get, list, delete.

    `put` raises what boto3 raises, because what an error means for an object is for the caller to find out; everything
    else raises `VaultAway`, and reading also `ContentMissing` and `ContentCorrupt`.
    """

    def __init__(self, client: S3Client, name: str) -> None:
        self.client = client
        self.name = name

    def put(
        self,
        key: str,
        content: bytes,
        *,
        sha256: bytes | None = None,
        md5: bytes | None = None,
        lock: tuple[str, datetime] | None = None,
    ) -> str:
        """Put an object that must not exist yet; returns its version, '' where the bucket has none.

        It is bound to its bytes by x-amz-checksum-sha256 and the hash in the signature, and by Content-MD5 where `md5`
        is given: no store minds all three. A `lock` (mode, until when) goes with the object, in its headers. A later
        call for it would leave a moment without, and there is a store that answers that call with 200 and puts the
        text of the request in the place of the object.
        """
        request: PutObjectRequestTypeDef = {
            "Bucket": self.name,
            "Key": key,
            "Body": content,
            "ContentType": "application/octet-stream",
            "ChecksumSHA256": base64.b64encode(sha256 or hashlib.sha256(content).digest()).decode(),
            "IfNoneMatch": "*",
        }
        if md5:
            request["ContentMD5"] = base64.b64encode(md5).decode()
        if lock:
            mode, until = lock
            request["ObjectLockMode"] = "COMPLIANCE" if mode == "COMPLIANCE" else "GOVERNANCE"
            request["ObjectLockRetainUntilDate"] = until
        return self.client.put_object(**request).get("VersionId", "")

    def get(self, key: str, offset: int = 0, length: int | None = None, *, version: str = "") -> bytes:
        """Return (part of) an object."""
        span = f"bytes={offset}-" if length is None else f"bytes={offset}-{offset + length - 1}"
        request: GetObjectRequestTypeDef = {"Bucket": self.name, "Key": key, "Range": span}
        if version:
            request["VersionId"] = version
        try:
            answer = self.client.get_object(**request)
            with closing(answer["Body"]) as body:
                if length is not None and answer["ContentLength"] > length:
                    raise ContentCorrupt(f"the store sends more of {key} than it was asked for")
                return body.read()  # whole: only then a connection that broke off is told from an object cut short
        except ClientError as error:
            if http_status(error) == 416:  # noqa: PLR2004 - Range Not Satisfiable
                raise ContentCorrupt(f"{key} ends before the entry begins") from None
            raise _missing_or_away(error, key) from error
        except BotoCoreError as error:
            raise away(error) from error

    def chunks(self, key: str) -> Iterator[bytes]:
        """Give a whole object piece by piece."""
        try:
            with closing(self.client.get_object(Bucket=self.name, Key=key)["Body"]) as body:
                yield from body.iter_chunks(_READ_BYTES)
        except ClientError as error:
            raise _missing_or_away(error, key) from error
        except BotoCoreError as error:
            raise away(error) from error

    def size_of(self, key: str) -> int | None:
        """How many bytes the object has, without reading it; None when there is none. Raises `VaultAway`."""
        try:
            return self.client.head_object(Bucket=self.name, Key=key)["ContentLength"]
        except ClientError as error:
            if http_status(error) == 404:  # noqa: PLR2004
                return None
            raise away(error) from error
        except BotoCoreError as error:
            raise away(error) from error

    def holds(self, key: str, sha256: bytes) -> bool:
        """Whether the object is there and has these bytes, by reading it whole."""
        hashed = hashlib.sha256()
        try:
            for chunk in self.chunks(key):
                hashed.update(chunk)
        except ContentMissing:
            return False
        return hashed.digest() == sha256

    def keys(self, start: str) -> Iterator[str]:
        """Name the objects whose keys begin with `start`, as far as the store lists them already."""
        try:
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=start):
                for item in page.get("Contents", []):
                    yield item["Key"]
        except (ClientError, BotoCoreError) as error:
            raise away(error) from error

    def retention(self, lock: Lock | None) -> tuple[str, datetime] | None:
        """Until when an object that is put now shall be locked, by the store's own clock.

        That clock will judge the lock. Ours may be wrong by years, and nobody can take back a lock in compliance mode.
        """
        return (lock.mode, self.now() + timedelta(days=lock.days)) if lock else None

    def now(self) -> datetime:
        """What the store's clock says (RFC 9110, 6.6.1: the Date of its answer)."""
        try:
            answer = self.client.head_bucket(Bucket=self.name)
            return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        except (ClientError, BotoCoreError) as error:
            raise away(error) from error
        except (KeyError, ValueError) as error:
            raise VaultAway("S3: the store does not say what time it has") from error

    def discard(self, key: str) -> None:
        """Try to remove what a probe left. A store may forbid it, which is none of the contract's business."""
        try:
            self.client.delete_object(Bucket=self.name, Key=key)
        except (ClientError, BotoCoreError) as error:
            _log.info("the probe's %s stays in the store: %s", key, type(error).__name__)


def http_status(error: ClientError) -> int:
    """Return the HTTP status of a refusal, 0 where there was none."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def away(error: ClientError | BotoCoreError | None) -> VaultAway:
    """Translate without the store's own text, which may name keys and hosts."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        full = code in _NO_ROOM or http_status(error) == 507  # noqa: PLR2004 - Insufficient Storage
        return (VaultFull if full else VaultAway)(f"S3: {http_status(error)} {code}")
    if error is None:
        return VaultAway("S3: the store acknowledged other bytes than it was sent")
    return VaultAway(f"S3: {type(error).__name__}")


def _missing_or_away(error: ClientError, key: str) -> ContentMissing | VaultAway:
    """Tell an object that is not there from a bucket that is not, and from a store that does not say."""
    if http_status(error) != 404 or error.response.get("Error", {}).get("Code") == "NoSuchBucket":  # noqa: PLR2004
        return away(error)
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if headers.get("x-amz-delete-marker") == "true":
        # In a bucket with versions a DELETE removes nothing: it hides. The operator can take the marker away.
        return ContentMissing(f"the store hides {key} under a delete marker; remove the marker and it is back")
    return ContentMissing(f"the store has no {key}")
