"""The evidence bundle: all that can be shown about one dossier, in one ASiC-E file under the gateway's seal."""

from __future__ import annotations

import hashlib
import logging
import zlib
from typing import TYPE_CHECKING, Final

from cryptography import x509
from msgspec import Struct

from gateway.clock import for_people
from gateway.evidence_words import NO_AUTHORITY, STAMP_AWAY, STAMPED, read_me
from signing.asic_manifest import MANIFEST, MEDIA_TYPE, make_manifest
from signing.seal_asic import SIGNATURE_FILE, seal_files
from signing.seal_certificate import SealCertificateUnusable, ensure, issue
from signing.zip_streamed import Streamed, size_of, stream_zip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from gateway.config import Settings
    from gateway.evidence_files import Gathered
    from signing.keyring import Keyring
    from signing.signer import Signer

CERTIFICATE_FILE: Final = "seal-certificate.pem"
_MIMETYPE: Final = "mimetype"
_LOG: Final = logging.getLogger("motcua.evidence")


class Received(Struct, frozen=True, kw_only=True):
    """The received bytes on their way into a bundle: their digest and checksum known, themselves read when wanted."""

    name: str
    sha256: bytes
    size_bytes: int
    crc32: int
    chunks: Callable[[], Iterable[bytes]]


class Bundle(Struct, frozen=True, kw_only=True):
    """A sealed bundle, not yet written: its size in bytes, the seal's level, and what to read of its time-stamp."""

    entries: tuple[Streamed, ...]
    size_bytes: int
    level: str
    stamp_is_away: bool

    def chunks(self) -> Iterator[bytes]:
        """The file, piece by piece. Raises what reading the received bytes raises."""
        return stream_zip(self.entries)


def make(
    gathered: Gathered,
    received: Received | None,
    *,
    number: str,
    settings: Settings,
    seal: Keyring,
    now: datetime,
    stamp: Callable[[bytes], bytes | None] | None = None,
) -> Bundle:
    """Put a bundle together and seal it, as XAdES-B-T where `stamp` gives a token, else as XAdES-B-B, and say which.

    `number` is what people call the statement by that it is about. Raises `SealAway`, after which trying again is safe;
    `ZipTooLarge`.
    """
    signer = seal.signer_at(now)
    chain = certificate_of(settings, signer, now)
    got: list[bytes | None] = []

    def once(covered: bytes) -> bytes | None:
        got.append(stamp(covered) if stamp else None)
        return got[-1]

    stamping = STAMPED if stamp else NO_AUTHORITY
    names = [*gathered.files, *([received.name] if received else [])]
    made = _made(gathered, received, read_me(names, number, for_people(now), stamping, gathered.unlogged))
    sealed = seal_files(made.digests, signer, chain, now, stamp=once if stamp else None)
    is_away = bool(got) and got[-1] is None
    if is_away:
        # It says of itself what it is, so it is made again without.
        texts = read_me(names, number, for_people(now), STAMP_AWAY, gathered.unlogged)
        made = _made(gathered, received, texts)
        sealed = seal_files(made.digests, signer, chain, now)
    entries = (
        _entry(_MIMETYPE, MEDIA_TYPE.encode()),
        *made.entries,
        _entry(MANIFEST, make_manifest(list(made.digests))),
        _entry(SIGNATURE_FILE, sealed.content),
    )
    return Bundle(entries=entries, size_bytes=size_of(entries), level=sealed.level, stamp_is_away=is_away)


def certificate_of(settings: Settings, signer: Signer, now: datetime) -> tuple[x509.Certificate, ...]:
    """The certificate that goes with the seal's key. An operator's file is only read; ours is kept up to date."""
    path, name = settings.path("seal_certificate", CERTIFICATE_FILE), f"motcua {settings.gateway_unit}"
    try:
        return ensure(path, signer, name, now, keep=not settings.seal_certificate)
    except SealCertificateUnusable as error:
        # What it would say is in the pinned key as well: a bundle is worth more than a name in it.
        _LOG.error("%s; a certificate of our own is used", error)
        return (x509.load_der_x509_certificate(issue(signer, name, now)),)


class _Made(Struct, frozen=True):
    entries: tuple[Streamed, ...]
    digests: dict[str, bytes]


def _made(gathered: Gathered, received: Received | None, texts: dict[str, bytes]) -> _Made:
    """All data objects in their order: what to read first, what was received, what was said of it."""
    digests: dict[str, bytes] = {name: hashlib.sha256(content).digest() for name, content in texts.items()}
    entries = [_entry(name, content) for name, content in texts.items()]
    if received is not None:
        digests[received.name] = received.sha256
        entries.append(
            Streamed(name=received.name, size_bytes=received.size_bytes, crc32=received.crc32, chunks=received.chunks)
        )
    for name, content in gathered.files.items():
        digests[name] = hashlib.sha256(content).digest()
        entries.append(_entry(name, content))
    return _Made(tuple(entries), digests)


def _entry(name: str, content: bytes) -> Streamed:
    return Streamed(name=name, size_bytes=len(content), crc32=zlib.crc32(content), chunks=lambda: (content,))
