"""One part of a dossier, decoded, with little memory; of a reference, the document that it refers to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from gateway.clock import VIETNAM, from_us
from gateway.contents import Content, ContentErased, submission_of
from gateway.judge import Refusal, open_dossier
from schemas.envelope import open_envelope
from storage import held, journal
from storage.held import REFERENCE
from storage.vault import ContentCorrupt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.contents import Shelves
    from schemas.catalogue import Catalogue
    from schemas.envelope_files import EnvelopeFile, Stored
    from storage.held import Held
    from storage.journal import Dossier, Part

_EVERYTHING = journal.Scope(everything=True)


class PartUnknown(Exception):
    """The dossier has no part of that number. Not worth a retry."""


class OpenedPart(Struct, frozen=True):
    """A part: its row and its bytes; for a reference, also in which other dossier they lie, and as which part."""

    part: Part
    content: Content
    holder: Held | None = None


class PartContent(Content):
    """The decoded bytes of one part. Every byte given out is one that the journal's digest is of."""

    def __init__(self, sha256: bytes, source: bytes | Stored) -> None:
        size_bytes = len(source) if isinstance(source, bytes) else source.size_bytes
        super().__init__(sha256, [size_bytes], lambda _: source if isinstance(source, bytes) else source.read())
        self._source = source

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `end`; of a file too large to be held, one piece of its container at a time."""
        if isinstance(self._source, bytes):
            yield from super().chunks(start, end)
            return
        end = self.size_bytes if end is None else min(end, self.size_bytes)
        digest, at = hashlib.sha256(), 0
        for chunk in self._source.chunks():
            digest.update(chunk)
            at += len(chunk)
            if at >= self.size_bytes and digest.digest() != self.sha256:
                raise ContentCorrupt("the part is not the one its digest says")
            if wanted := chunk[max(0, start - (at - len(chunk))) : max(0, end - (at - len(chunk)))]:
                yield wanted
            if at >= end and end < self.size_bytes:
                return


def open_part(shelves: Shelves, dossier: Dossier, number: int, catalogue: Catalogue) -> OpenedPart:
    """The part with that number, not read yet where it is large; a reference is followed to its document.

    Raises `PartUnknown`; `ContentErased` when the dossier, or the one that holds the document, was erased;
    `ContentCorrupt` when the bytes are not the ones that the journal names; and what reading a content raises.
    """
    with shelves.database.read() as tx:
        part = next((one for one in journal.parts(tx, dossier.id) if one.number == number), None)
        if part is None:
            raise PartUnknown(f"{dossier.id}/{number}")
        if part.kind != REFERENCE:
            held_in = None
        else:
            found = held.of_unit(tx, [part.sha256], submitter=dossier.submitter, unit=dossier.unit)
            held_in = next(iter(found.get(part.sha256, ())), None)
        holder = None if held_in is None else journal.dossier(tx, held_in.dossier, _EVERYTHING)
    if dossier.erased_at_us is not None:
        raise ContentErased(dossier.id)
    if part.kind != REFERENCE:
        return OpenedPart(part, _content(shelves, dossier, part.number, part.sha256, catalogue))
    if held_in is None or holder is None:
        # Erasure is refused while somebody refers to it; only an erasure that a restore had to repeat leads here.
        raise ContentErased(dossier.id)
    return OpenedPart(part, _content(shelves, holder, held_in.number, part.sha256, catalogue), held_in)


def _content(shelves: Shelves, dossier: Dossier, number: int, sha256: bytes, catalogue: Catalogue) -> PartContent:
    file = _file(shelves, dossier, number, catalogue)
    if file is None or file.refers_to is not None or file.sha256 != sha256:
        raise ContentCorrupt(f"part {number} of {dossier.id} is not the one that the journal names")
    return PartContent(sha256, file.source)


def _file(shelves: Shelves, dossier: Dossier, number: int, catalogue: Catalogue) -> EnvelopeFile | None:
    received_at = from_us(dossier.received_at_us)
    opened = open_dossier(submission_of(shelves, dossier, received_at))
    if isinstance(opened, Refusal):
        raise ContentCorrupt(f"{dossier.id} can no longer be opened")
    on = received_at.astimezone(VIETNAM).date()
    envelope, _ = open_envelope(opened.root, catalogue=catalogue, on=on, header=opened.header, beside=opened.beside)
    return next((one for one in envelope.files if one.number == number), None) if envelope else None
