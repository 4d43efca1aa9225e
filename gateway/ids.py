"""Names that the gateway gives: dossiers, leases, clients, receipt numbers."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

RECEIPTS_A_DAY_MAX = 9_999_999


class NumbersExhausted(Exception):
    """This day's receipt numbers are used up. Trying again helps only tomorrow."""


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode("ascii").rstrip("=").lower()


def dossier_id(sha256: bytes) -> str:
    """The id of an accepted dossier: it follows from its bytes, so that a retry after a crash finds the same name."""
    return "d-" + _base32(sha256[:16])


def refusal_id() -> str:
    """The id of a refusal: the same bytes may be refused more than once."""
    return "r-" + _base32(secrets.token_bytes(16))


def lease_id() -> str:
    """An unguessable lease."""
    return "l-" + _base32(secrets.token_bytes(20))


def alarm_id() -> str:
    """An alarm's name."""
    return "a-" + _base32(secrets.token_bytes(10))


def upload_id() -> str:
    """An unguessable upload; also the name of its file."""
    return "u-" + _base32(secrets.token_bytes(20))


def hold_id() -> str:
    """A legal hold's name."""
    return "h-" + _base32(secrets.token_bytes(10))


def reading_id() -> str:
    """A reading's name."""
    return "v-" + _base32(secrets.token_bytes(10))


def correlation_id() -> str:
    """What a caller quotes when it asks about an answer; it stands in our log."""
    return _base32(secrets.token_bytes(10))


def client_id(role: str) -> str:
    """A client's name; it tells the role to people who read a log."""
    return f"{role}-{_base32(secrets.token_bytes(5))}"


def secret() -> str:
    """256 bits, for client secrets and tokens."""
    return secrets.token_urlsafe(32)


def series(kind: str, gateway_unit: str, day: date) -> str:
    """The name of the number series from which this day's receipts are numbered."""
    return f"{kind}:{gateway_unit}:{day:%Y%m%d}"


def receipt_number(gateway_unit: str, day: date, number: int) -> str:
    """`<gateway unit>-<yyyyMMdd>-<7 digits>`, shaped like the newer national codes. Raises `NumbersExhausted`."""
    if number > RECEIPTS_A_DAY_MAX:
        raise NumbersExhausted(f"{gateway_unit} {day:%d/%m/%Y}")
    return f"{gateway_unit}-{day:%Y%m%d}-{number:07d}"


def leaf(statement: str) -> bytes:
    """What stands for a signed statement in the log: the SHA-256 of its compact JWS."""
    return hashlib.sha256(statement.encode("ascii")).digest()
