"""Uploads: contents that arrive in parts, before they are submitted.

Every function takes the open transaction `tx` and never commits. A row says what is durable, and is written after the
bytes are: whatever it tells would survive a power cut.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from msgspec import Struct


class Upload(Struct, frozen=True, kw_only=True):
    """One upload. `metadata` is what its client said of it, to the byte. Times are microseconds since 1970 UTC.

    `sha256` is of the whole, once it was submitted and received: the bytes are then the dossier's, and no more here.
    """

    id: str
    client: str
    size_bytes: int
    durable_bytes: int
    metadata: str
    made_at_us: int
    ends_at_us: int
    sha256: bytes | None = None


_COLUMNS = ", ".join(Upload.__struct_fields__)
_INSERT = sa.text(
    f"INSERT INTO upload ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Upload.__struct_fields__)})"  # noqa: S608 - names are ours
)
_FIND = sa.text(
    f"SELECT {_COLUMNS} FROM upload WHERE id = :id AND client = :client AND ends_at_us > :now"  # noqa: S608 - names are ours
)
_OPEN = sa.text("SELECT count(*) FROM upload WHERE client = :client AND sha256 IS NULL AND ends_at_us > :now")
_ADVANCE = sa.text(
    "UPDATE upload SET durable_bytes = :durable_bytes WHERE id = :id AND sha256 IS NULL"
    " AND durable_bytes <= :durable_bytes RETURNING id"
)
_SUBMITTED = sa.text("UPDATE upload SET sha256 = :sha256, ends_at_us = :ends_at_us WHERE id = :id")


def add(tx: sa.Connection, upload: Upload) -> None:
    """Write a new upload."""
    tx.execute(_INSERT, msgspec.structs.asdict(upload))


def find(tx: sa.Connection, upload_id: str, client: str, now_us: int) -> Upload | None:
    """The client's own upload, unless its time is over."""
    row = tx.execute(_FIND, {"id": upload_id, "client": client, "now": now_us}).first()
    return msgspec.convert(dict(row._mapping), Upload) if row else None  # noqa: SLF001 - SQLAlchemy's public name for it


def open_count(tx: sa.Connection, client: str, now_us: int) -> int:
    """How many uploads of the client are open: neither submitted nor over."""
    counted: int = tx.execute(_OPEN, {"client": client, "now": now_us}).scalar_one()
    return counted


def advance(tx: sa.Connection, upload_id: str, durable_bytes: int) -> bool:
    """Write how much is durable now; it never becomes less. False when the upload is gone or was submitted."""
    return tx.execute(_ADVANCE, {"id": upload_id, "durable_bytes": durable_bytes}).first() is not None


def submitted(tx: sa.Connection, upload_id: str, sha256: bytes, ends_at_us: int) -> None:
    """Write as what the upload was received; until `ends_at_us` its client may ask again."""
    tx.execute(_SUBMITTED, {"id": upload_id, "sha256": sha256, "ends_at_us": ends_at_us})


def forget(tx: sa.Connection, upload_id: str) -> None:
    """Drop an upload that its client gave up."""
    tx.execute(sa.text("DELETE FROM upload WHERE id = :id"), {"id": upload_id})


def forget_ended(tx: sa.Connection, now_us: int) -> int:
    """Drop all whose time is over; how many they were."""
    return tx.execute(sa.text("DELETE FROM upload WHERE ends_at_us <= :now"), {"now": now_us}).rowcount


def is_any_ended(tx: sa.Connection, now_us: int) -> bool:
    """Whether there is anything to drop."""
    return (
        tx.execute(sa.text("SELECT 1 FROM upload WHERE ends_at_us <= :now LIMIT 1"), {"now": now_us}).first()
        is not None
    )


def known(tx: sa.Connection) -> set[str]:
    """The ids of all uploads whose bytes may still be wanted."""
    return set(tx.execute(sa.text("SELECT id FROM upload WHERE sha256 IS NULL")).scalars())
