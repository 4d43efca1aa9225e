"""The checker's own way to what a gateway keeps: rows, packs, keys and seals, read behind its back."""

import base64
import hashlib
import json
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from tests.faults import checker_log

MARK = b"\x8fent"
HEAD = struct.Struct(">4sQ32s")
KEY_LABEL_BYTES = 9
NONCE_BYTES = 12
Rows = Callable[[str], list[tuple[Any, ...]]]
Read = Callable[[str, int, int], bytes]


class Unreadable(Exception):
    """The bytes are not there, or are not what was put."""


class Kept(Struct, frozen=True):
    """Where a gateway keeps things, seen from behind its back."""

    rows: Rows
    read: Read
    """(pack, offset, length) → the bytes there; raises `Unreadable`."""
    master_key: bytes
    seal: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    log: ed25519.Ed25519PublicKey | None = None


def sqlite_rows(path: Path) -> Rows:
    """Ask an SQLite file that nobody serves any more."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(path, timeout=10)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return rows


def postgres_rows(url: str) -> Rows:
    """Ask a PostgreSQL database."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
            return connection.execute(sql.encode()).fetchall()

    return rows


def disk_read(folder: Path) -> Read:
    """Read packs that are files of a folder."""

    def read(pack: str, offset: int, length: int) -> bytes:
        try:
            with (folder / pack).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise Unreadable(f"{pack}: {error.strerror}") from error

    return read


def s3_read(endpoint: str, bucket: str, access_key: str, secret_key: str) -> Read:
    """Read packs that are objects of a bucket, whole, each once: they are never changed."""
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=botocore.config.Config(retries={"total_max_attempts": 5}, read_timeout=30),
    )
    held: dict[str, bytes] = {}

    def read(pack: str, offset: int, length: int) -> bytes:
        if pack not in held:
            try:
                held[pack] = client.get_object(Bucket=bucket, Key=f"packs/{pack}")["Body"].read()
            except client.exceptions.NoSuchKey as error:
                raise Unreadable(f"{pack}: no such object") from error
            if hashlib.sha256(held[pack]).hexdigest() != pack:
                raise Unreadable(f"{pack}: the object is not the one its name says")
        return held[pack][offset : offset + length]

    return read


def kept_in(folder: Path, rows: Rows, read: Read) -> Kept:
    """With the keys that lie in a gateway's home."""
    key = serialization.load_pem_private_key((folder / "seal.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
    return Kept(rows, read, (folder / "master.key").read_bytes(), key.public_key(), checker_log.key_of(folder))


def home_on_disk(folder: Path) -> Kept:
    """A home with SQLite and a folder of packs."""
    return kept_in(folder, sqlite_rows(folder / "motcua.sqlite"), disk_read(folder / "vault"))


def content_of(kept: Kept, sha256: bytes, place: tuple[str, int, int], wrapped: bytes) -> bytes:
    """The plain bytes at a place. Raises `Unreadable`."""
    framed = kept.read(*place)
    if len(framed) != place[2] or len(framed) < HEAD.size + 4:
        raise Unreadable(f"{place[0]} ends before the entry does")
    mark, length, name = HEAD.unpack_from(framed)
    (told,) = struct.unpack(">I", framed[-4:])
    if mark != MARK or HEAD.size + length + 4 != len(framed) or name != sha256 or zlib.crc32(framed[:-4]) != told:
        raise Unreadable(f"{place[0]} at {place[1]}: no sound entry of these bytes")
    label, nonce = wrapped[:KEY_LABEL_BYTES], wrapped[KEY_LABEL_BYTES : KEY_LABEL_BYTES + NONCE_BYTES]
    try:
        key = AESGCM(kept.master_key).decrypt(nonce, wrapped[KEY_LABEL_BYTES + NONCE_BYTES :], label + sha256)
        content = AESGCM(key).decrypt(bytes(NONCE_BYTES), framed[HEAD.size : -4], b"\x01" + sha256)
    except (InvalidTag, ValueError) as error:
        raise Unreadable(f"{place[0]} at {place[1]}: key and bytes do not fit") from error
    if hashlib.sha256(content).digest() != sha256:
        raise Unreadable(f"{place[0]} at {place[1]}: other bytes")
    return content


def payload_of(kept: Kept, jws: str, typ: str) -> dict[str, Any]:
    """What a statement says. Raises `InvalidSignature`, `ValueError`."""
    head, body, signature = jws.split(".")
    told = json.loads(_bytes(head))
    if told.get("typ") != typ:
        raise ValueError(f"typ {told.get('typ')}")
    raw, signed = _bytes(signature), f"{head}.{body}".encode()
    if isinstance(kept.seal, ed25519.Ed25519PublicKey):
        kept.seal.verify(raw, signed)
    else:
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        kept.seal.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    payload: dict[str, Any] = json.loads(_bytes(body))
    return payload


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
