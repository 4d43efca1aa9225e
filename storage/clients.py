"""Clients of the gateway as the journal keeps them: what they may see, their tokens, the requests they have used.

Every function takes the open transaction `tx` and never commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from storage.database import Database


# Answers are promised to be remembered for at least 30 days.
REMEMBERED_DAYS = 35


class Client(Struct, frozen=True, kw_only=True):
    """A registered client; secrets are kept as their SHA-256 only, keys as a public JWK in JSON.

    `ivan_code` is the code under which an I-VAN is registered (mã I-VAN); empty when it has none or is not known.
    """

    id: str
    role: str
    name: str
    secret_sha256: bytes | None
    jwk: str | None
    requests_per_minute_max: int
    created_at_us: int
    disabled_at_us: int | None
    ivan_code: str = ""


class Mandate(Struct, frozen=True, kw_only=True):
    """A client may submit for a unit from `valid_from` to `valid_to`, both included (ISO 8601).

    An empty `valid_from`: ever since, and then without an end; this is what employers' own software has. `reference` is
    the document of the mandate (số, ngày văn bản ủy quyền).
    """

    client: str
    unit: str
    valid_from: str = ""
    valid_to: str | None = None
    reference: str = ""
    registered_by: str = ""
    at_us: int = 0

    def holds(self, on: str) -> bool:
        """Whether it holds on that day."""
        return self.valid_from <= on and (self.valid_to is None or self.valid_to >= on)


class Token(Struct, frozen=True):
    """An access token, known by its SHA-256."""

    client: str
    expires_at_us: int


_COLUMNS = ", ".join(Client.__struct_fields__)


def client(tx: sa.Connection, client_id: str) -> Client | None:
    """The client of that id."""
    row = tx.execute(sa.text(f"SELECT {_COLUMNS} FROM client WHERE id = :id"), {"id": client_id}).first()  # noqa: S608 - names are ours
    return msgspec.convert(dict(row._mapping), Client) if row else None  # noqa: SLF001 - SQLAlchemy's public name for it


def held_client(tx: sa.Connection, client_id: str) -> Client | None:
    """The client of that id, which nobody changes until this write transaction ends."""
    # SQLite has one writer at a time; PostgreSQL is asked to hold the row.
    hold = " FOR SHARE" if tx.dialect.name == "postgresql" else ""
    row = tx.execute(sa.text(f"SELECT {_COLUMNS} FROM client WHERE id = :id{hold}"), {"id": client_id}).first()  # noqa: S608 - names are ours
    return msgspec.convert(dict(row._mapping), Client) if row else None  # noqa: SLF001 - SQLAlchemy's public name for it


def all_clients(tx: sa.Connection) -> list[Client]:
    """Every client, the oldest first."""
    rows = tx.execute(sa.text(f"SELECT {_COLUMNS} FROM client ORDER BY created_at_us, id"))  # noqa: S608 - names are ours
    return [msgspec.convert(dict(row._mapping), Client) for row in rows]  # noqa: SLF001


def put_client(tx: sa.Connection, row: Client, units: Sequence[str], offices: Sequence[str]) -> None:
    """Write a new client with the units and offices that it speaks for."""
    marks = ", ".join(":" + name for name in Client.__struct_fields__)
    tx.execute(sa.text(f"INSERT INTO client ({_COLUMNS}) VALUES ({marks})"), msgspec.structs.asdict(row))  # noqa: S608 - names are ours
    add_units(tx, row.id, units)
    if offices:
        tx.execute(
            sa.text("INSERT INTO client_office (client, office) VALUES (:client, :office)"),
            [{"client": row.id, "office": office} for office in dict.fromkeys(offices)],
        )


# The one condition under which a row of client_unit holds on the day `:on`; '' as that day: on any day.
HOLDS = "valid_from <= :on AND (valid_to IS NULL OR valid_to >= :on)"
_MANDATE = ", ".join(Mandate.__struct_fields__)
_MANDATES_FOR = Statement(
    f"SELECT {_MANDATE} FROM client_unit WHERE client = :client AND unit = :unit ORDER BY valid_from"  # noqa: S608 - names are ours
)
_ADD_UNIT = sa.text(
    f"INSERT INTO client_unit ({_MANDATE}) SELECT :client, :unit, '', NULL, '', '', 0"  # noqa: S608 - names are ours
    " WHERE NOT EXISTS (SELECT 1 FROM client_unit WHERE client = :client AND unit = :unit) ON CONFLICT DO NOTHING"
)
_PUT_MANDATE = sa.text(
    f"INSERT INTO client_unit ({_MANDATE}) VALUES ({', '.join(':' + name for name in Mandate.__struct_fields__)})"  # noqa: S608 - names are ours
    " ON CONFLICT (client, unit, valid_from) DO UPDATE SET valid_to = excluded.valid_to,"
    " reference = excluded.reference, registered_by = excluded.registered_by, at_us = excluded.at_us"
)


def add_units(tx: sa.Connection, client_id: str, units: Sequence[str]) -> None:
    """Let the client speak for these units too, on any day. Where it has a mandate, ended or not, that one stands."""
    if units:
        tx.execute(_ADD_UNIT, [{"client": client_id, "unit": unit} for unit in dict.fromkeys(units)])


def put_mandate(tx: sa.Connection, row: Mandate) -> None:
    """Write a mandate; one with the same first day is replaced, and a dated one takes the place of an undated one."""
    if row.valid_from:
        tx.execute(
            sa.text("DELETE FROM client_unit WHERE client = :client AND unit = :unit AND valid_from = ''"),
            {"client": row.client, "unit": row.unit},
        )
    tx.execute(_PUT_MANDATE, msgspec.structs.asdict(row))


def mandates(tx: sa.Connection, client_id: str) -> list[Mandate]:
    """Every mandate of the client, ended ones too, by unit and first day."""
    found = tx.execute(
        sa.text(f"SELECT {_MANDATE} FROM client_unit WHERE client = :client ORDER BY unit, valid_from"),  # noqa: S608 - names are ours
        {"client": client_id},
    )
    return [Mandate(**row._mapping) for row in found]  # noqa: SLF001 - SQLAlchemy's public name for it


def mandates_for(database: Database, client_id: str, unit: str) -> tuple[Mandate, ...]:
    """The client's mandates for the unit, ended ones too, the earliest first; looked up by itself.

    For an answer to a client that may not speak: they are its own and nobody else's. Raises `DatabaseAway`.
    """
    found = database.look(_MANDATES_FOR, {"client": client_id, "unit": unit})
    return tuple(Mandate(**dict(zip(Mandate.__struct_fields__, row, strict=True))) for row in found)


def units(tx: sa.Connection, client_id: str, on: date | None = None) -> list[str]:
    """The units that the client speaks for on that day; without a day, those that it speaks for on any day."""
    found = tx.execute(
        sa.text(f"SELECT DISTINCT unit FROM client_unit WHERE client = :client AND {HOLDS} ORDER BY unit"),  # noqa: S608 - names are ours
        {"client": client_id, "on": on.isoformat() if on else ""},
    )
    return list(found.scalars())


def offices(tx: sa.Connection, client_id: str) -> list[str]:
    """The offices that the client works for."""
    found = tx.execute(
        sa.text("SELECT office FROM client_office WHERE client = :client ORDER BY office"), {"client": client_id}
    )
    return list(found.scalars())


def set_secret(tx: sa.Connection, client_id: str, secret_sha256: bytes) -> bool:
    """Replace the secret and end all tokens; False when there is no such client."""
    changed = tx.execute(
        sa.text("UPDATE client SET secret_sha256 = :secret WHERE id = :id RETURNING id"),
        {"secret": secret_sha256, "id": client_id},
    ).first()
    tx.execute(sa.text("DELETE FROM token WHERE client = :client"), {"client": client_id})
    return changed is not None


def disable(tx: sa.Connection, client_id: str, now_us: int) -> bool:
    """Shut a client out and end all its tokens; False when there is no such client."""
    changed = tx.execute(
        sa.text("UPDATE client SET disabled_at_us = coalesce(disabled_at_us, :now) WHERE id = :id RETURNING id"),
        {"now": now_us, "id": client_id},
    ).first()
    tx.execute(sa.text("DELETE FROM token WHERE client = :client"), {"client": client_id})
    return changed is not None


def put_token(tx: sa.Connection, sha256: bytes, client_id: str, expires_at_us: int) -> None:
    """Keep a new token's digest."""
    tx.execute(
        sa.text("INSERT INTO token (sha256, client, expires_at_us) VALUES (:sha256, :client, :expires)"),
        {"sha256": sha256, "client": client_id, "expires": expires_at_us},
    )


def token(tx: sa.Connection, sha256: bytes) -> Token | None:
    """The token of that digest, ended or not."""
    row = tx.execute(
        sa.text("SELECT client, expires_at_us FROM token WHERE sha256 = :sha256"), {"sha256": sha256}
    ).first()
    return Token(*row) if row else None


def assertion_used(tx: sa.Connection, client_id: str, jti: str) -> bool:
    """Whether an assertion's `jti` is marked as used: a look, before `use_assertion` decides."""
    found = tx.execute(
        sa.text("SELECT 1 FROM assertion WHERE client = :client AND jti = :jti"), {"client": client_id, "jti": jti}
    )
    return found.first() is not None


def use_assertion(tx: sa.Connection, client_id: str, jti: str, expires_at_us: int) -> bool:
    """Mark an assertion's `jti` as used, for all workers; False when it was used before."""
    written = tx.execute(
        sa.text(
            "INSERT INTO assertion (client, jti, expires_at_us) VALUES (:client, :jti, :expires)"
            " ON CONFLICT DO NOTHING RETURNING jti"
        ),
        {"client": client_id, "jti": jti, "expires": expires_at_us},
    ).first()
    return written is not None


def forget_ended(tx: sa.Connection, now_us: int) -> None:
    """Drop tokens, assertions and request counts that can matter no more."""
    tx.execute(sa.text("DELETE FROM token WHERE expires_at_us < :now"), {"now": now_us})
    tx.execute(sa.text("DELETE FROM assertion WHERE expires_at_us < :now"), {"now": now_us})
    tx.execute(sa.text("DELETE FROM quota WHERE minute < :minute"), {"minute": now_us // 60_000_000 - 2})
    tx.execute(
        sa.text("DELETE FROM idempotency WHERE at_us < :then"), {"then": now_us - REMEMBERED_DAYS * 86_400_000_000}
    )


def take(tx: sa.Connection, client_id: str, budget: str, minute: int, count: int) -> int:
    """Take `count` requests from a budget of this minute; returns how many are taken by now, these included."""
    used: int = tx.execute(
        sa.text(
            "INSERT INTO quota (client, budget, minute, used) VALUES (:client, :budget, :minute, :count)"
            " ON CONFLICT (client, budget, minute) DO UPDATE SET used = quota.used + :count RETURNING used"
        ),
        {"client": client_id, "budget": budget, "minute": minute, "count": count},
    ).scalar_one()
    return used


class Remembered(Struct, frozen=True):
    """The answer once given to a request with an idempotency key."""

    request_sha256: bytes
    status: int
    body: bytes


def remembered(tx: sa.Connection, client_id: str, key: str) -> Remembered | None:
    """The earlier answer to this client's key."""
    row = tx.execute(
        sa.text("SELECT request_sha256, status, body FROM idempotency WHERE client = :client AND key = :key"),
        {"client": client_id, "key": key},
    ).first()
    return Remembered(*row) if row else None


def remember(tx: sa.Connection, client_id: str, key: str, answer: Remembered, now_us: int) -> None:
    """Keep an answer under the client's key."""
    tx.execute(
        sa.text(
            "INSERT INTO idempotency (client, key, request_sha256, status, body, at_us)"
            " VALUES (:client, :key, :request, :status, :body, :now)"
        ),
        {
            "client": client_id,
            "key": key,
            "request": answer.request_sha256,
            "status": answer.status,
            "body": answer.body,
            "now": now_us,
        },
    )
