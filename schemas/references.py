"""References in an envelope: papers that are held already, told by their digest and not sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.base64text import Base64Error, decode
from schemas.envelope_files import FILES_MAX, REFERENCE, SHA256_BYTES, plain
from schemas.findings import Finding, Place, finding
from schemas.tree import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lxml import etree

    from schemas.envelope import Envelope
    from schemas.envelope_files import EnvelopeFile

_TEXT_CHARACTERS_MAX: Final = 200


def digests_in(root: etree._Element) -> tuple[bytes, ...]:
    """The digests that an envelope refers to, each once, in its order: cheap, and before anything is judged.

    What is malformed is left out; `open_envelope` tells of it. Never raises for any tree.
    """
    return tuple(dict.fromkeys(_digests(root)))


def _digests(root: etree._Element) -> Iterator[bytes]:
    for number, file in enumerate(root.iter("FileToKhai")):
        if number == FILES_MAX:
            return
        kind, content = file.find("LoaiFile"), file.find("NoiDungFile")
        if kind is None or content is None or plain(text_of(kind)).lower() != REFERENCE:
            continue
        text = text_of(content)
        if len(text) > _TEXT_CHARACTERS_MAX:
            continue
        try:
            digest = decode(text)
        except Base64Error:
            continue
        if len(digest) == SHA256_BYTES:
            yield digest


def references_of(envelope: Envelope) -> tuple[EnvelopeFile, ...]:
    """The files of an envelope that are references."""
    return tuple(file for file in envelope.files if file.refers_to is not None)


def unknown(place: Place, sha256: bytes) -> Finding:
    """A document that is not held, or not held for whoever refers to it: the two are told alike."""
    return finding("reference-unknown", place, value=sha256.hex(), name=place.file)


def not_looked_for(file: EnvelopeFile) -> Finding:
    """Whether the document is held was not asked: a warning, for where only the content of a dossier is looked at."""
    return finding("reference-not-looked-for", file.place, value=file.sha256.hex(), name=file.name)


def kind_differs(file: EnvelopeFile, kinds: Sequence[str]) -> list[Finding]:
    """A name that ends otherwise than the document it refers to, which was filed as one of these kinds."""
    if not kinds or file.ending in kinds:
        return []
    return [finding("reference-kind-differs", file.place, value=file.ending, name=file.name, held=kinds[0])]
