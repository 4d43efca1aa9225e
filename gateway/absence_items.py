"""The items that stand for what arrived: which texts are hashed under the absence key, and for whom each speaks.

    digest:<client or unit>:<SHA-256 of the bytes, hex>       these bytes came from this client, or for this unit
    business:<unit>:<procedure>:<period>                      a dossier came for this unit, procedure and period
    business:<unit>:<procedure>:<period>:<batch>              … and batch

Each names a client or a unit, and is proved to nobody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from storage.ledger import Arrived


def digest_item(whose: str, sha256: bytes) -> bytes:
    """The item of bytes that came from the client, or for the unit, `whose`."""
    return _item("digest", whose, sha256.hex())


def business_item(unit: str, procedure: str, period: str, batch: int | None = None) -> bytes:
    """The item of a dossier for this unit, procedure and period, whichever its bytes; and batch, if one is named."""
    return _item("business", unit, procedure, period, *([str(batch)] if batch is not None else []))


def _item(*fields: str) -> bytes:
    """Joined so that no field can be taken for two."""
    return ":".join(field.replace("%", "%25").replace(":", "%3A") for field in fields).encode()


def items_of(arrived: Iterable[Arrived]) -> Iterator[bytes]:
    """Every item of what arrived. Bytes refused at once name no unit that was proved, so they stand for their submitter
    alone.
    """
    for one in arrived:
        yield digest_item(one.submitter, one.sha256)
        if one.unit:
            yield digest_item(one.unit, one.sha256)
        if one.unit and one.is_kept:
            yield business_item(one.unit, one.procedure, one.period)
            yield business_item(one.unit, one.procedure, one.period, one.batch)
