"""A manifest, or the receipt of one, in a file: written at a counter without a network, closed, sent when there is one.

The file is JSON. While it is open, items are put in and taken out; closing gives it its time, its digest and, with a
key, its signature; from then on it says the same for ever, and may be sent as often as one likes.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, structs

from gateway import s10
from gateway.clock import rfc3339
from gateway.postal.manifest_said import (
    SIGNED_TYPE,
    UUID_PATTERN,
    ItemSaid,
    ManifestUnfit,
    Signed,
    canonical,
    read_manifest,
    read_receipt,
)
from signing.seal import seal_jws

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from gateway.postal.manifest_said import Said
    from signing.seal import Signer

FORMAT: Final = "motcua-manifest/1"
SIZE_BYTES_MAX: Final = 1024 * 1024


class FileUnfit(Exception):
    """The file is no such file, or what was asked cannot be done to it; the message says why. Nothing was changed."""


class Paper(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands at the head of a manifest's paper."""

    number: str
    carrier: str
    office: str
    direction: Literal["in", "out"]


class ManifestFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: `side` is handed (a manifest) or taken (the receipt of one), `items` what stands in it so far.

    `made_at` and `sha256` are '' while it is open; `signature` stays '' where no key signed it. `statement` is what the
    gateway answered (a compact JWS), '' until it was sent.
    """

    format: Literal["motcua-manifest/1"] = FORMAT
    manifest: Annotated[str, Meta(pattern=UUID_PATTERN)]
    side: Literal["handed", "taken"]
    # A receipt need not say it, where the manifest itself is on its way.
    paper: Paper | None = None
    officer: str = ""
    items: tuple[ItemSaid, ...] = ()
    made_at: str = ""
    sha256: str = ""
    signature: str = ""
    statement: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be changed any more."""
        return bool(self.sha256)


class Added(Struct, frozen=True):
    """An item was put in; `warning` is '' unless its number should be read again."""

    file: ManifestFile
    warning: str = ""


def begin(paper: Paper, officer: str) -> ManifestFile:
    """A new manifest, with an id of its own. Raises `FileUnfit`."""
    return _fit(ManifestFile(manifest=str(uuid.uuid4()), side="handed", paper=paper, officer=officer))


def begin_receipt(manifest: str, paper: Paper | None, officer: str) -> ManifestFile:
    """The receipt of a manifest, by its id. Raises `FileUnfit`."""
    if not officer.strip():
        raise FileUnfit("ghi người nhận · say who received it")
    return _fit(ManifestFile(manifest=manifest.strip().lower(), side="taken", paper=paper, officer=officer))


def add(file: ManifestFile, item: ItemSaid, *, scanned: bool) -> Added:
    """Put an item in, or change what is said of it. A wrong check digit refuses what was scanned, and is told of what
    was typed. Raises `FileUnfit`.
    """
    _refuse_closed(file)
    read = s10.parse(item.number)
    warning = ""
    if isinstance(read, s10.Why) and read.code == "bad-check-digit":
        if scanned:
            raise FileUnfit(f"{read.vi} · {read.en}")
        warning = f"{read.vi} · {read.en}"
    others = tuple(one for one in file.items if one.number != item.number)
    return Added(_fit(structs.replace(file, items=(*others, item))), warning)


def remove(file: ManifestFile, number: str) -> ManifestFile:
    """Take an item out. Raises `FileUnfit`."""
    _refuse_closed(file)
    left = tuple(one for one in file.items if one.number != s10.tidy(number))
    if len(left) == len(file.items):
        raise FileUnfit(f"{number}: không có trong bản kê · is not in it")
    return structs.replace(file, items=left)


def close(file: ManifestFile, made_at: datetime, key: Signer | None) -> ManifestFile:
    """Give it its time and, with a key, its signature. Closing it again changes nothing. Raises `FileUnfit`."""
    if file.is_closed:
        return file
    told = structs.replace(file, made_at=rfc3339(made_at))
    plain = canonical(_said(told))
    _read(told, plain)
    sha256 = hashlib.sha256(plain).hexdigest()
    signature = ""
    if key is not None:
        signed = Signed(manifest=file.manifest, side=file.side, sha256=sha256)
        signature = seal_jws(key, msgspec.json.encode(signed), SIGNED_TYPE)
    return structs.replace(told, sha256=sha256, signature=signature)


def to_send(file: ManifestFile) -> tuple[str, bytes]:
    """The path and the body of the request that tells it. Raises `FileUnfit` for one that is open, or was changed after
    it was closed.
    """
    if not file.is_closed:
        raise FileUnfit("bản kê chưa đóng: dùng «close» · it is not closed yet: close it first")
    plain = canonical(_said(file))
    if hashlib.sha256(plain).hexdigest() != file.sha256:
        raise FileUnfit("nội dung đã bị sửa sau khi đóng · it was changed after it had been closed")
    _read(file, plain)
    body = msgspec.json.decode(plain) | ({"signature": file.signature} if file.signature else {})
    path = "/v1/postal/manifests" + (f"/{file.manifest}/received" if file.side == "taken" else "")
    return path, msgspec.json.encode(body)


def read(path: Path) -> ManifestFile:
    """The file at that path. Raises `FileUnfit`."""
    try:
        if path.stat().st_size > SIZE_BYTES_MAX:
            raise FileUnfit(f"{path}: > {SIZE_BYTES_MAX} byte")
        return msgspec.json.decode(path.read_bytes(), type=ManifestFile)
    except OSError as error:
        raise FileUnfit(f"{path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise FileUnfit(f"{path}: không phải tệp bản kê · is no manifest file: {error}") from error


def write(path: Path, file: ManifestFile, *, fresh: bool = False) -> None:
    """Write it whole or not at all: a counter's machine may be switched off at any moment. A `fresh` one replaces no
    file. Raises `FileUnfit`.
    """
    if fresh and path.exists():
        raise FileUnfit(f"{path}: đã có · is there already")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise FileUnfit(f"{path}: {error.strerror}") from error


def _refuse_closed(file: ManifestFile) -> None:
    if file.is_closed:
        raise FileUnfit("bản kê đã đóng, không sửa được nữa · it is closed and cannot be changed any more")


def _fit(file: ManifestFile) -> ManifestFile:
    """The same, if it could be closed and sent but for its items. Raises `FileUnfit`."""
    if not re.fullmatch(UUID_PATTERN, file.manifest):
        raise FileUnfit(f"{file.manifest}: không phải mã bản kê (UUID), cũng không phải tệp · no manifest id, no file")
    at = "2000-01-01T00:00:00.000+07:00"
    told = structs.replace(file, made_at=at, items=file.items or (ItemSaid(number="RR000000005VN"),))
    _read(file, canonical(_said(told)))
    return file


def _said(file: ManifestFile) -> bytes:
    """What is told, without a signature."""
    said: dict[str, Any] = structs.asdict(file.paper) if file.paper else {}
    said |= {"made_at": file.made_at, "officer": file.officer}
    items = [msgspec.to_builtins(one) for one in file.items]
    said |= {"id": file.manifest, "items": items} if file.side == "handed" else {"lines": items}
    return msgspec.json.encode(said)


def _read(file: ManifestFile, plain: bytes) -> Said:
    try:
        return read_manifest(plain) if file.side == "handed" else read_receipt(plain)
    except ManifestUnfit as unfit:
        raise FileUnfit(str(unfit)) from unfit
