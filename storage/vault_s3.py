"""The vault in an S3 store: one object a round, named by the SHA-256 of its bytes.

Because the name follows from the bytes, it does not matter who wins a race, whether a lost answer was a yes, or whether
the store keeps its promise about conditional puts under load: whoever wrote the object wrote these bytes.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage import pack
from storage.secret import read_secret
from storage.vault import ContentCorrupt, ContentMissing, Place, VaultAway, VaultFull, VaultUnfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

    from storage.vault import Entry

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
CONNECTIONS_MAX = 16
# A put whose outcome stays unknown is tried once more; then the caller decides.
PUT_ATTEMPTS_MAX = 2

_READ_BYTES = 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NO_ROOM = frozenset({"QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "XMinioStorageFull"})
_PARAMETERS = frozenset({"endpoint", "region", "credentials", "profile", "ca"})
_log = logging.getLogger(__name__)


class S3Vault:
    """A `Vault` in a bucket, below `prefix`. Asks for no more than plain S3: put, ranged get, list; nothing streams."""

    inline: bool = False

    def __init__(self, client: S3Client, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
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
        framed = self._get(self._pack_key(place.pack), place.offset, place.length)
        if len(framed) != place.length:
            raise ContentCorrupt(f"pack {place.pack} does not hold the entry")
        return pack.unframe(framed)

    def packs(self) -> Iterator[str]:
        """See `Vault.packs`."""
        start = self._pack_key("")
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start):
                for item in page.get("Contents", []):
                    if _NAME.fullmatch(name := item["Key"].removeprefix(start)):
                        yield name
        except (ClientError, BotoCoreError) as error:
            raise _away(error) from error

    def raw(self, pack: str) -> bytes:
        """See `Vault.raw`."""
        return self._get(self._pack_key(pack), 0, None)

    def probe(self) -> None:
        """See `Vault.probe`.

        One after another, not at once: a store that keeps conditional puts only while nobody races passes, and may,
        because the names of packs make the race harmless. A store that takes wrong checksums passes too; from then on
        every round is read back before it is acknowledged.
        """
        key = f"{self._prefix}probe/{secrets.token_hex(16)}"
        try:
            self._try_out(key)
            self.refused = frozenset(kind for kind in ("md5", "sha256") if self._refuses_wrong(kind, key))
        except ClientError as error:
            if _http_status(error) == 501:  # noqa: PLR2004 - Not Implemented
                raise VaultUnfit("the store does not know conditional puts") from error
            raise _away(error) from error
        except BotoCoreError as error:
            raise _away(error) from error
        except (ContentMissing, ContentCorrupt) as error:
            raise VaultUnfit(f"the store does not give back what it acknowledged: {error}") from error
        finally:
            for used in (key, f"{key}-md5", f"{key}-sha256"):
                self._discard(used)
        if not self.refused:
            _log.warning("the S3 store takes wrong checksums: every round is read back before it is acknowledged")

    def close(self) -> None:
        """See `Vault.close`."""
        self._closed = True
        self._client.close()

    def _try_out(self, key: str) -> None:
        """Put an object, put another over it, read what is there. Raises `VaultUnfit` and what `probe` translates."""
        first, second = secrets.token_bytes(2048), secrets.token_bytes(2048)
        self._put(key, first)
        try:
            self._put(key, second)
        except ClientError as error:
            if _http_status(error) not in (409, 412):
                raise
        if self._get(key, 0, None) != first:
            raise VaultUnfit("the store overwrites an object that was put with If-None-Match: *")
        if self._get(key, 1000, 24) != first[1000:1024]:
            raise VaultUnfit("the store answers with another range than it was asked for")

    def _keep(self, content: bytes, digest: bytes) -> None:
        """Put a pack until its outcome is known, `PUT_ATTEMPTS_MAX` times."""
        key = self._pack_key(digest.hex())
        failure: ClientError | BotoCoreError | None = None
        for _ in range(PUT_ATTEMPTS_MAX):
            try:
                self._put(key, content, sha256=digest)
            except ClientError as error:
                # 412 and 409: somebody (we, before the answer was lost) put this name. 5xx and the like: perhaps it was
                # put, perhaps it will be. Every other refusal is definite.
                if _http_status(error) not in (408, 409, 412, 429) and _http_status(error) < 500:  # noqa: PLR2004
                    raise _away(error) from error
                failure = error
            except BotoCoreError as error:
                failure = error
            else:
                if self.refused:
                    return
            if self._holds(key, digest):
                return
        raise _away(failure) from failure

    def _holds(self, key: str, digest: bytes) -> bool:
        """Whether the object is there and has these bytes, by reading it whole. Raises `VaultAway`."""
        hashed = hashlib.sha256()
        try:
            with closing(self._client.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
                for chunk in body.iter_chunks(_READ_BYTES):
                    hashed.update(chunk)
        except ClientError as error:
            if _is_missing(error):
                return False
            raise _away(error) from error
        except BotoCoreError as error:
            raise _away(error) from error
        return hashed.digest() == digest

    def _put(self, key: str, content: bytes, *, md5: bytes | None = None, sha256: bytes | None = None) -> None:
        """Put an object that must not exist yet, bound to its bytes in three ways, of which no store checks all.

        They are x-amz-checksum-sha256, the hash in the signature (see `_client`), and Content-MD5, which is left out
        once the store was seen to refuse a wrong SHA-256: it would take more time than the rest of the put.
        """
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": key,
            "Body": content,
            "ContentType": "application/octet-stream",
            "ChecksumSHA256": base64.b64encode(sha256 or hashlib.sha256(content).digest()).decode(),
            "IfNoneMatch": "*",
        }
        if md5 or "sha256" not in self.refused:
            md5 = md5 or hashlib.md5(content, usedforsecurity=False).digest()
            request["ContentMD5"] = base64.b64encode(md5).decode()
        self._client.put_object(**request)

    def _refuses_wrong(self, kind: Literal["md5", "sha256"], key: str) -> bool:
        try:
            if kind == "md5":
                self._put(f"{key}-md5", b"sent", md5=hashlib.md5(b"arrived", usedforsecurity=False).digest())
            else:
                self._put(f"{key}-sha256", b"sent", sha256=hashlib.sha256(b"arrived").digest())
        except ClientError as error:
            if _http_status(error) == 400:  # noqa: PLR2004 - BadDigest, or the store's own word for it
                return True
            raise
        return False

    def _get(self, key: str, offset: int, length: int | None) -> bytes:
        """Return (part of) an object. Raises `ContentMissing`, `ContentCorrupt`, `VaultAway`."""
        span = f"bytes={offset}-" if length is None else f"bytes={offset}-{offset + length - 1}"
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=span)
            with closing(answer["Body"]) as body:
                if length is not None and answer["ContentLength"] > length:
                    raise ContentCorrupt(f"the store sends more of {key} than it was asked for")
                return body.read()  # whole: only then a connection that broke off is told from an object cut short
        except ClientError as error:
            if _is_missing(error):
                raise ContentMissing(f"the store has no {key}") from None
            if _http_status(error) == 416:  # noqa: PLR2004 - Range Not Satisfiable
                raise ContentCorrupt(f"{key} ends before the entry begins") from None
            raise _away(error) from error
        except BotoCoreError as error:
            raise _away(error) from error

    def _discard(self, key: str) -> None:
        """Try to remove what the probe left. A store may forbid it, which is none of the contract's business."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            _log.info("the probe's %s stays in the store: %s", key, type(error).__name__)

    def _pack_key(self, name: str) -> str:
        if name and not _NAME.fullmatch(name):
            raise ContentMissing(f"no pack is ever named {name!r}")
        return f"{self._prefix}packs/{name}"


def open_s3_vault(url: str) -> S3Vault:
    """Open the vault at `s3://bucket/prefix?…`; nothing is sent yet. Raises `ValueError`, `SecretExposed`, `OSError`.

    Parameters: `endpoint` (URL of a store other than AWS), `region`, `ca` (file with the authorities trusted for its
    TLS), and either `credentials` (file with two lines, access key and secret key), or `profile`, or else whatever the
    AWS environment gives.
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
        return S3Vault(_client(given), parts.netloc, parts.path)
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


def _credentials(path: Path) -> tuple[str, str]:
    lines = read_secret(path).decode("ascii").split()
    if len(lines) != 2:  # noqa: PLR2004
        raise ValueError(f"{path} must hold two lines: access key and secret key")
    return lines[0], lines[1]


def _http_status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _is_missing(error: ClientError) -> bool:
    """Whether the store says that the object is not there (and not, say, that the bucket is not)."""
    return _http_status(error) == 404 and error.response.get("Error", {}).get("Code") != "NoSuchBucket"  # noqa: PLR2004


def _away(error: ClientError | BotoCoreError | None) -> VaultAway:
    """Translate without the store's own text, which may name keys and hosts."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        full = code in _NO_ROOM or _http_status(error) == 507  # noqa: PLR2004 - Insufficient Storage
        return (VaultFull if full else VaultAway)(f"S3: {_http_status(error)} {code}")
    if error is None:
        return VaultAway("S3: the store acknowledged other bytes than it was sent")
    return VaultAway(f"S3: {type(error).__name__}")
