"""Our signed statement of what a side told in a manifest, or of how a person settled its differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.clock import rfc3339
from gateway.receipt import LOGGED_WITHIN
from signing.seal import SealBroken, seal_jws
from signing.signer import from_base64url
from storage import statements

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.settle import Stores
    from storage.manifests import Manifest

STATED_TYPE: Final = "motcua-manifest-stated+jws"
_JWS_PARTS: Final = 3


class Stated(Struct, frozen=True, kw_only=True):
    """What our statement says that a side told, or how a person settled it. `sha256` is of what was said, as
    `canonical` writes it. `signed_by` is the thumbprint of the side's own key, '' where it signed nothing and the
    authenticated client alone stands for it. Free text and names of persons are not quoted.
    """

    manifest: str
    number: str
    carrier: str
    office: str
    direction: str
    side: str
    sha256: str
    items: int
    pieces: int
    differences: int
    made_at: str
    entered_at: str
    entered_by: str
    signed_by: str
    signature_sha256: str
    log: str | None
    log_by: str | None


def stated_of(stores: Stores, header: Manifest, side: str, sha256: str, now: datetime, client: str) -> Stated:
    """What is stated of anything that is told of a manifest now, by that client."""
    log = stores.log_origin
    return Stated(
        manifest=header.id,
        number=header.number,
        carrier=header.carrier,
        office=header.office,
        direction=header.direction,
        side=side,
        sha256=sha256,
        items=0,
        pieces=0,
        differences=header.differences,
        made_at=rfc3339(now),
        entered_at=rfc3339(now),
        entered_by=client,
        signed_by="",
        signature_sha256="",
        log=log or None,
        log_by=rfc3339(now + LOGGED_WITHIN) if log else None,
    )


def state_it(tx: sa.Connection, stores: Stores, stated: Stated, seq: int, now: datetime) -> str:
    """Seal the statement of number `seq` and write it with its leaf; returns the compact JWS. Raises `SealAway`."""
    jws = seal_jws(stores.seal.signer_at(now), msgspec.json.encode(stated), STATED_TYPE)
    number = f"{stated.manifest}/{stated.side}"
    statements.state(tx, statements.Stated(seq=seq, type=STATED_TYPE, subject="", number=number, jws=jws))
    return jws


def read_stated(jws: str) -> Stated:
    """What such a statement says; its seal is not looked at. Raises `SealBroken`, `msgspec.MsgspecError`."""
    parts = jws.split(".")
    if len(parts) != _JWS_PARTS:
        raise SealBroken("not a compact JWS")
    return msgspec.json.decode(from_base64url(parts[1]), type=Stated)
