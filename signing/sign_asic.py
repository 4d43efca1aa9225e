"""Making ASiC-E containers: entries under one detached XAdES signature, and more signatures beside it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography import x509

from signing.asic import ENVELOPE, METADATA, MIMETYPE, SIGNATURES_MAX, AsicContainer, open_container
from signing.asic_manifest import MANIFEST, MEDIA_TYPE, make_manifest
from signing.dossier import sign_dossier
from signing.indication import Refusal
from signing.placing import SigningImpossible
from signing.reasons_asic import REASONS
from signing.sign import SigningKey
from signing.sign_xades import sign_detached
from signing.zip_names import shown
from signing.zip_records import TOTAL_BYTES_MAX
from signing.zip_writing import append, pack, write_zip

__all__ = ["add_signature", "container_of_envelope", "make_container"]

_SIGNATURE_FILE: Final = "META-INF/signatures{number:03}.xml"


def make_container(
    entries: Mapping[str, bytes], key: SigningKey, certificate: x509.Certificate, *, now: datetime
) -> bytes:
    """Return a container of these data objects, in their order, with a manifest and one signature over all of them.

    Only the signature depends on key and `now`; all else is the same bytes for the same entries. The manifest is for
    readers that insist on one (EN 319 162-1 §4.4.3.2).

    Raises SigningImpossible for names that `open_container` would refuse, for no entries, or a key that does not fit.
    """
    for name in entries:
        if name == MIMETYPE or name.startswith(METADATA):
            raise SigningImpossible(f"{shown(name)} is not for data")
    if sum(map(len, entries.values())) > TOTAL_BYTES_MAX // 2:
        raise SigningImpossible("a container is made in memory, and of at most 2 GiB")
    content = write_zip(
        [
            pack(MIMETYPE, MEDIA_TYPE.encode(), stored=True),
            *(pack(name, content) for name, content in entries.items()),
            pack(MANIFEST, make_manifest(list(entries))),
            pack(_SIGNATURE_FILE.format(number=1), sign_detached(entries, key, certificate, now)),
        ]
    )
    _opened(content)  # what we make, we would accept
    return content


def add_signature(container: bytes, key: SigningKey, certificate: x509.Certificate, now: datetime) -> bytes:
    """Return the container with one more signature file over all its data objects: an I-VAN's beside the unit's.

    Every other byte of every entry stays where it is. The signatures that are there are not judged.

    Raises SigningImpossible when the container is refused, holds eight signatures already, or the key does not fit.
    """
    opened = _opened(container)
    taken = {name.casefold() for name in opened.signature_files}
    if len(taken) >= SIGNATURES_MAX:
        raise SigningImpossible(f"there are {SIGNATURES_MAX} signatures already")
    names = (_SIGNATURE_FILE.format(number=number) for number in range(1, SIGNATURES_MAX + 2))
    name = next(each for each in names if each.casefold() not in taken)
    contents: dict[str, bytes] = {}
    for entry in opened.data_objects:
        content = opened.zip.read(entry, TOTAL_BYTES_MAX)
        if isinstance(content, Refusal):
            raise SigningImpossible(_said(content))
        contents[entry.name] = content
    signature = sign_detached(contents, key, certificate, now)
    return append(container, opened.zip.directory, [pack(name, signature)])


def container_of_envelope(
    envelope: bytes,
    key: SigningKey,
    certificate: x509.Certificate,
    now: datetime,
    *,
    signature_paths: Mapping[str, str],
) -> bytes:
    """Return an unsigned envelope as a container: each form inside it signed, the container's signature round it.

    The detached signature takes the place of the envelope's own: /Hoso/CKy_Dvi stays as it is. `signature_paths` is
    that of `dossier.sign_dossier`. Raises SigningImpossible.
    """
    forms_signed = sign_dossier(envelope, key, certificate, signature_paths=signature_paths, now=now, level="forms")
    return make_container({ENVELOPE: forms_signed}, key, certificate, now=now)


def _opened(content: bytes) -> AsicContainer:
    opened = open_container(content)
    if isinstance(opened, Refusal):
        raise SigningImpossible(_said(opened))
    return opened


def _said(refusal: Refusal) -> str:
    return REASONS[refusal.code].en.format(**refusal.fields)
