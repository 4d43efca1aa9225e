"""Places for vaults in every kind of store, and what can happen to them behind a vault's back."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from storage.vault import Mark, Vault
from storage.vault_s3 import S3Vault
from tests.adversary import Fault, Store
from tests.servers import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_numbers = itertools.count(1)


class Shelf:
    """A place for vaults, and what can happen to it behind their back.

    `marks` is what a probe is expected to say of its store; `lockable` whether a lock can be asked for there and kept.
    """

    url: str
    marks: frozenset[Mark] = frozenset()
    lockable = False

    def locking_url(self, mode: str) -> str:
        """A place in the same store for a vault that asks for a lock."""
        return f"{self.url}{'&' if '?' in self.url else '?'}lock={mode}&lock_days=1"

    def content(self, name: str) -> bytes:
        raise NotImplementedError

    def replace(self, name: str, content: bytes | None) -> None:
        """Put other bytes in the place of a pack; None takes it away."""
        raise NotImplementedError

    def without_lists(self, vault: Vault) -> None:
        raise NotImplementedError

    @contextmanager
    def away(self, vault: Vault) -> Iterator[None]:
        raise NotImplementedError
        yield


class DiskShelf(Shelf):
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.url, self.monkeypatch = folder, f"file:{folder}", monkeypatch

    def content(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def replace(self, name: str, content: bytes | None) -> None:
        if content is None:
            (self.folder / name).unlink()
        else:
            (self.folder / name).write_bytes(content)

    def without_lists(self, vault: Vault) -> None:
        def forbidden(*_: object) -> None:
            raise PermissionError

        for name in ("listdir", "scandir"):
            self.monkeypatch.setattr(os, name, forbidden)

    @contextmanager
    def away(self, vault: Vault) -> Iterator[None]:
        def failing(_: int) -> None:
            raise OSError(5, "Input/output error")

        with self.monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", failing)
            yield


class BucketShelf(Shelf):
    """A new bucket of a real store, as its administrator sees it."""

    lockable = True

    def __init__(self, server: S3Server, admin: "S3Client", folder: Path, *, through: str = "") -> None:
        """`through` is another way to the same store, for the vaults: its address and what else their URL needs."""
        self.bucket, self.admin = f"shelf-{os.getpid()}-{next(_numbers)}", admin
        credentials = folder / "shelf-credentials"
        credentials.touch(mode=0o600)
        credentials.write_text(f"{server.access_key}\n{server.secret_key}\n")
        self._way = f"endpoint={through or server.url}&region=us-east-1&credentials={credentials}"
        self.url = f"s3://{self.bucket}?{self._way}"
        admin.create_bucket(Bucket=self.bucket)

    def locking_url(self, mode: str) -> str:
        bucket = f"{self.bucket}-{mode.lower()}"
        self.admin.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        return f"s3://{bucket}?{self._way}&lock={mode}&lock_days=1"

    def content(self, name: str) -> bytes:
        with self.admin.get_object(Bucket=self.bucket, Key=f"packs/{name}")["Body"] as body:
            return body.read()

    def replace(self, name: str, content: bytes | None) -> None:
        if content is None:
            self.admin.delete_object(Bucket=self.bucket, Key=f"packs/{name}")
        else:
            self.admin.put_object(Bucket=self.bucket, Key=f"packs/{name}", Body=content)

    def without_lists(self, vault: Vault) -> None:
        assert isinstance(vault, S3Vault)
        vault._client.meta.events.register("before-send.s3.ListObjectsV2", _cut)

    @contextmanager
    def away(self, vault: Vault) -> Iterator[None]:
        assert isinstance(vault, S3Vault)
        vault._client.meta.events.register("before-send.s3", _cut)
        yield
        vault._client.meta.events.unregister("before-send.s3", _cut)


def administrator(server: S3Server) -> "S3Client":
    """A client that may do everything; making one takes longer than most tests."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )


class SwiftShelf(BucketShelf):
    """Swift says yes to a lock and keeps none."""

    marks = frozenset({"several-winners"})
    lockable = False


class CheatingShelf(Shelf):
    """A store with every fault at once that is said to do no harm."""

    faults = (
        *(Fault.SEVERAL_WINNERS, Fault.LATE_LISTING, Fault.TAKES_WRONG_MD5, Fault.TAKES_WRONG_SHA256),
        *(Fault.TAKES_OTHER_PAYLOAD, Fault.LOCK_CALL_REPLACES, Fault.LOCKS_IN_WORD),
    )
    marks = frozenset({"several-winners", "lists-late", "checksums-ignored"})

    def __init__(self, store: Store, credentials: Path) -> None:
        self.store = store
        self.url = f"s3://packs/below/here?endpoint={store.url}&credentials={credentials}"

    def content(self, name: str) -> bytes:
        return self.store.content(f"below/here/packs/{name}")

    def replace(self, name: str, content: bytes | None) -> None:
        if content is None:
            del self.store.objects[f"below/here/packs/{name}"]
        else:
            self.store.objects[f"below/here/packs/{name}"] = (content, 0.0)

    def without_lists(self, vault: Vault) -> None:
        self.store.faults.add(Fault.NO_LISTING)

    @contextmanager
    def away(self, vault: Vault) -> Iterator[None]:
        self.store.faults |= {Fault.HANGS_UP, Fault.HANGS_UP_ON_READS}
        yield
        self.store.faults -= {Fault.HANGS_UP, Fault.HANGS_UP_ON_READS}


def _cut(**_: object) -> None:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1")
