"""A receipt's own routing, worked out again from what the receipt says, and whether it comes out the same."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM
from gateway.receipt import RECEIPT_TYPE, Receipt
from gateway.routing import Route, route
from signing.signer import SealBroken, from_base64url

if TYPE_CHECKING:
    from gateway.routing import Ambiguous, OfficeTable

_PIECES = 3


class NotAReceipt(Exception):
    """The text is not a receipt of a gateway. Trying again is of no use."""


class Asked(Struct, frozen=True):
    """What a receipt was routed by. `registered` is "" in a receipt of before it was said there."""

    number: str
    procedure: str
    unit: str
    registered: str
    written: str
    place: str
    on: date
    sha256: bytes
    table: str
    rule: str
    competent: str
    receiving: str


class Replayed(Struct, frozen=True):
    """The decision as it comes out now, and whether it is the receipt's: the office, the rule and the table."""

    asked: Asked
    found: Route | Ambiguous
    is_same: bool


def asked_by(statement: str) -> Asked:
    """What a receipt (compact JWS) says that it was routed by. Its seal is not looked at. Raises `NotAReceipt`."""
    pieces = statement.strip().split(".")
    try:
        if len(pieces) != _PIECES:
            raise NotAReceipt("không phải biên nhận (JWS) · not a receipt (a compact JWS)")
        header = msgspec.json.decode(from_base64url(pieces[0]), type=dict[str, str])
        if header.get("typ") != RECEIPT_TYPE:
            raise NotAReceipt(f"là {header.get('typ', '?')[:60]}, không phải biên nhận · not a receipt")
        said = msgspec.json.decode(from_base64url(pieces[1]), type=Receipt)
        on = datetime.fromisoformat(said.received_at).astimezone(VIETNAM).date()
        sha256 = bytes.fromhex(said.sha256)
    except (SealBroken, ValueError) as error:
        raise NotAReceipt(f"không đọc được biên nhận · the receipt cannot be read: {error}") from error
    return Asked(
        number=said.receipt,
        procedure=said.procedure,
        unit=said.unit,
        registered=said.registered_office,
        written=said.written_office,
        place=said.place,
        on=on,
        sha256=sha256,
        table=said.routing_table,
        rule=said.routing_rule,
        competent=said.competent_office,
        receiving=said.receiving_office,
    )


def replay(asked: Asked, table: OfficeTable) -> Replayed:
    """Decide again by that table: the same when the office, the rule and the table's version are the receipt's."""
    found = route(
        asked.procedure,
        asked.registered,
        asked.written,
        asked.on,
        table,
        place=asked.place,
        receiving=asked.receiving,
        sha256=asked.sha256,
    )
    is_same = isinstance(found, Route) and (found.competent_office, found.rule, found.table_version) == (
        asked.competent,
        asked.rule,
        asked.table,
    )
    return Replayed(asked, found, is_same)
