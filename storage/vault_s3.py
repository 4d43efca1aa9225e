"""The vault in an S3 store: one object a round, named by the SHA-256 of its bytes.

Because the name follows from the bytes, it does not matter who wins a race, whether a lost answer was a yes, or whether
the store keeps its promise about conditional puts under load: whoever wrote the object wrote these bytes.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage import pack
from storage.s3_bucket import Bucket, Lock, away, http_status
from storage.s3_probe import probe
from storage.secret import read_secret
from storage.vault import ContentCorrupt, ContentMissing, Place, VaultAway

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_s3 import S3Client

    from storage.vault import Entry, Standing

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
CONNECTIONS_MAX = 16
# A put whose outcome stays unknown is tried once more; then the caller decides.
PUT_ATTEMPTS_MAX = 2

# A hundred years; more is a slip of the hand, and nobody could take it back.
LOCK_DAYS_MAX = 36_500

_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PARAMETERS = frozenset({"endpoint", "region", "credentials", "profile", "ca", "lock", "lock_days"})


class S3Vault:
    """A `Vault` in a bucket, below `prefix`; with a `lock`, every pack is put with it."""

    inline: bool = False

    def __init__(self, client: S3Client, bucket: str, prefix: str = "", lock: Lock | None = None) -> None:
        self._client = client
        self._bucket = Bucket(client, bucket)
        self._lock = lock
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._closed = False
        self.refused: frozenset[str] = frozenset()
        """Which wrong checksums (`md5`, `sha256`) the store refused when probed. With none, all is read back."""

    def put_many(self, entries: Sequence[Entry]) -> list[Place]:
        """See `Vault.put_many`."""
        if not entries:
            return []
        if self._closed:
            raise VaultAway("the vault is closed")
        chunks, lengths = pack.lay(entries)
        content = b"".join((pack.HEADER, *chunks))
        digest = hashlib.sha256(content).digest()
        self._keep(content, digest)
        places = []
        offset = len(pack.HEADER)
        for length in lengths:
            places.append(Place(digest.hex(), offset, length))
            offset += length
        return places

    def read(self, place: Place) -> bytes:
        """See `Vault.read`."""
        try:
            framed = self._bucket.get(self._pack_key(place.pack), place.offset, place.length)
        except ContentMissing as error:
            if self._lock and "marker" not in str(error):
                raise ContentMissing(f"{error}; packs are locked, so look for a delete marker that hides it") from None
            raise
        if len(framed) != place.length:
            raise ContentCorrupt(f"pack {place.pack} does not hold the entry")
        return pack.unframe(framed)

    def packs(self) -> Iterator[str]:
        """See `Vault.packs`."""
        start = self._pack_key("")
        for key in self._bucket.keys(start):
            if _NAME.fullmatch(name := key.removeprefix(start)):
                yield name

    def raw(self, pack: str) -> bytes:
        """See `Vault.raw`."""
        return self._bucket.get(self._pack_key(pack))

    def raw_chunks(self, pack: str) -> Iterator[bytes]:
        """See `Vault.raw_chunks`."""
        return self._bucket.chunks(self._pack_key(pack))

    def probe(self) -> Standing:
        """See `Vault.probe`; `s3_probe.probe` says what is tried."""
        standing = probe(self._bucket, self._prefix, self._lock)
        self.refused = frozenset(standing.minds)
        return standing

    def put_raw(self, pack: str, content: bytes) -> str:  # noqa: ARG002 - here the name follows from the bytes
        """See `Vault.put_raw`."""
        if self._closed:
            raise VaultAway("the vault is closed")
        digest = hashlib.sha256(content).digest()
        try:
            self._keep(content, digest)
        except VaultAway as error:
            if isinstance(cause := error.__cause__, ClientError) and http_status(cause) == 412:  # noqa: PLR2004
                raise ContentCorrupt(f"other bytes are named {digest.hex()}") from error
            raise
        return digest.hex()

    def close(self) -> None:
        """See `Vault.close`."""
        self._closed = True
        self._client.close()

    def _keep(self, content: bytes, digest: bytes) -> None:
        """Put a pack until its outcome is known, `PUT_ATTEMPTS_MAX` times."""
        key = self._pack_key(digest.hex())
        # Content-MD5 is left out once the store was seen to refuse a wrong SHA-256: it would take more time than the
        # rest of the put.
        md5 = None if "sha256" in self.refused else hashlib.md5(content, usedforsecurity=False).digest()
        lock = self._bucket.retention(self._lock)
        failure: ClientError | BotoCoreError | None = None
        for _ in range(PUT_ATTEMPTS_MAX):
            try:
                self._bucket.put(key, content, sha256=digest, md5=md5, lock=lock)
            except ClientError as error:
                # 412 and 409: somebody (we, before the answer was lost) put this name. 5xx and the like: perhaps it was
                # put, perhaps it will be. Every other refusal is definite.
                if http_status(error) not in (408, 409, 412, 429) and http_status(error) < 500:  # noqa: PLR2004
                    raise away(error) from error
                failure = error
            except BotoCoreError as error:
                failure = error
            else:
                # A store that minds checksums kept no other bytes; that it kept any, only asking for them tells.
                if self.refused and self._bucket.size_of(key) == len(content):
                    return
            if self._bucket.holds(key, digest):
                return
        raise away(failure) from failure

    def _pack_key(self, name: str) -> str:
        if name and not _NAME.fullmatch(name):
            raise ContentMissing(f"no pack is ever named {name!r}")
        return f"{self._prefix}packs/{name}"


def open_s3_vault(url: str) -> S3Vault:
    """Open the vault at `s3://bucket/prefix?…`; nothing is sent yet. Raises `ValueError`, `SecretExposed`, `OSError`.

    Parameters: `endpoint` (URL of a store other than AWS), `region`, `ca` (file with the authorities trusted for its
    TLS), and either `credentials` (file with two lines, access key and secret key), or `profile`, or else whatever the
    AWS environment gives. `lock=COMPLIANCE` (or `GOVERNANCE`, which whoever has that right may lift) and `lock_days`:
    every pack is put with that retention, in a bucket made for it (Object Lock), which `probe` has the store prove.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    if parts.scheme != "s3" or not parts.hostname or parts.fragment or parts.username:
        raise ValueError("not the URL of an S3 vault: s3://bucket/prefix?endpoint=…")
    if unknown := query.keys() - _PARAMETERS:
        raise ValueError(f"unknown parameters of an S3 vault: {', '.join(sorted(unknown))}")
    if any(len(values) != 1 for values in query.values()):
        raise ValueError("a parameter of an S3 vault is given twice")
    given = {name: values[0] for name, values in query.items()}
    try:
        return S3Vault(_client(given), parts.netloc, parts.path, _lock(given))
    except BotoCoreError as error:
        raise ValueError(f"the parameters of the S3 vault do not fit: {error}") from error


def _client(given: Mapping[str, str]) -> S3Client:
    session = boto3.session.Session(profile_name=given.get("profile"), region_name=given.get("region"))
    access_key, secret_key = _credentials(Path(given["credentials"])) if "credentials" in given else (None, None)
    return session.client(
        "s3",
        endpoint_url=given.get("endpoint"),
        region_name=session.region_name or "us-east-1",
        verify=given.get("ca"),
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            signature_version="s3v4",
            # Buckets as host names need a DNS that only AWS can be expected to have.
            s3={
                "addressing_style": "path" if "endpoint" in given else "auto",
                "payload_signing_enabled": True,  # over https botocore would sign no payload
            },
            # Otherwise botocore sends checksums as trailers of a chunked body, which Ceph refuses (411). We send ours.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # One attempt: what to do after a lost answer is decided here, not in the depths.
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            max_pool_connections=CONNECTIONS_MAX,
        ),
    )


def _lock(given: Mapping[str, str]) -> Lock | None:
    if not {"lock", "lock_days"} & given.keys():
        return None
    mode, days = given.get("lock"), given.get("lock_days", "")
    if mode not in ("COMPLIANCE", "GOVERNANCE") or not days.isdecimal() or not 0 < int(days) <= LOCK_DAYS_MAX:
        raise ValueError(f"lock is COMPLIANCE or GOVERNANCE, and lock_days 1 to {LOCK_DAYS_MAX}")
    return Lock("COMPLIANCE" if mode == "COMPLIANCE" else "GOVERNANCE", int(days))


def _credentials(path: Path) -> tuple[str, str]:
    lines = read_secret(path).decode("ascii").split()
    if len(lines) != 2:  # noqa: PLR2004
        raise ValueError(f"{path} must hold two lines: access key and secret key")
    return lines[0], lines[1]
