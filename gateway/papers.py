"""The printable receipt: made once from the signed statement, kept in the vault, given out byte for byte thereafter."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from msgspec import structs

from gateway.clock import VIETNAM, from_us, to_us
from gateway.contents import ContentErased
from gateway.paper_receipt import Told, paper_of
from schemas import receipt_paper
from storage import documents, journal, register
from storage.documents import Document
from storage.vault import Entry

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.house import House
    from gateway.settle import Stores
    from storage.journal import Dossier

RECEIPT_PDF: Final = "receipt-pdf"
PDF: Final = "application/pdf"
# The receipt's paper, and the one made when its judgement is there: both are kept, neither is ever made again.
OF_RECEIPT: Final = 1
OF_JUDGEMENT: Final = 2


async def receipt_pdf(house: House, dossier: Dossier, number: int) -> tuple[Document, bytes]:
    """The paper of the receipt or notice (`OF_RECEIPT`), or of receipt and judgement (`OF_JUDGEMENT`, for one that has
    a judgement).

    Whoever asks first has it made; two who ask at once get the same bytes, whichever process they ask. Trying again is
    safe. Raises `ContentErased`, `TypesetError`, and what the stores raise; then nothing is given out.
    """
    if dossier.erased_at_us is not None:
        raise ContentErased(dossier.id)
    kept = await house.run_apart(find, house.stores, dossier.id, RECEIPT_PDF, number)
    if kept is None:
        # Where type is set one asks after the other, so that in one process none is set twice.
        kept = await house.typeset(_receipt_pdf, house, dossier, number, house.clock.now())
    return kept, await house.run_apart(read, house.stores, kept)


def find(stores: Stores, dossier_id: str, kind: str, number: int) -> Document | None:
    """The document, if it was ever made. Raises `DatabaseAway`."""
    with stores.database.read() as tx:
        return documents.find(tx, dossier_id, kind, number)


def read(stores: Stores, document: Document) -> bytes:
    """The bytes of a kept document. Raises `ContentErased`, and what vault and cipher raise."""
    if document.wrapped_key is None:
        raise ContentErased(document.dossier)
    return stores.cipher.open(stores.vault.read(document.place), document.wrapped_key, document.sha256)


def keep(
    stores: Stores, content: bytes, *, dossier: str, kind: str, number: int, media_type: str, now: datetime
) -> Document:
    """Keep a document about a dossier, and return the one that is kept: this, or a twin's that was quicker.

    Bytes first, then the row: a power cut between the two leaves noise in a pack, and the document can be made again.
    Raises `ContentErased` when the dossier was erased meanwhile, and what the stores raise.
    """
    sha256 = hashlib.sha256(content).digest()
    locked = stores.cipher.lock(content, sha256)
    (place,) = stores.vault.put_many([Entry(sha256, locked.body)])
    made = Document(
        dossier=dossier,
        kind=kind,
        number=number,
        media_type=media_type,
        sha256=sha256,
        size_bytes=len(content),
        pack=place.pack,
        pack_offset=place.offset,
        pack_length=place.length,
        wrapped_key=locked.wrapped_key,
        made_at_us=to_us(now),
    )
    with stores.database.begin() as tx:
        if documents.add(tx, made):
            return made
        twin = documents.find(tx, dossier, kind, number)
    if twin is None:
        raise ContentErased(dossier)
    return twin


def _receipt_pdf(house: House, dossier: Dossier, number: int, now: datetime) -> Document:
    if kept := find(house.stores, dossier.id, RECEIPT_PDF, number):
        return kept
    if number == OF_RECEIPT:
        # As it was when only the receipt had been given.
        dossier = structs.replace(dossier, judgement=None, judgement_number=None, judged_at_us=None)
    made_at = from_us(dossier.received_at_us if dossier.judged_at_us is None else dossier.judged_at_us)
    content = receipt_paper.pdf(paper_of(_told(house, dossier)), made_at, apart=True)
    return keep(house.stores, content, dossier=dossier.id, kind=RECEIPT_PDF, number=number, media_type=PDF, now=now)


def _told(house: House, dossier: Dossier) -> Told:
    on = from_us(dossier.received_at_us).astimezone(VIETNAM).date()
    unit = register.unit_at(house.database, dossier.unit, on) if dossier.unit else None
    with house.database.read() as tx:
        parts = journal.parts(tx, dossier.id)
    return Told(
        dossier=dossier,
        parts=parts,
        unit_name=unit.name if unit else "",
        tables=house.tables,
        url=house.settings.url,
    )
