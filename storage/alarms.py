"""Alarms: durable records of what needs a person, with an owner and a next step.

Every function takes the open transaction `tx` and never commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence


class Alarm(Struct, frozen=True, kw_only=True):
    """One alarm. At most one is open for a rule and subject. Times are microseconds since 1970 UTC."""

    id: str
    rule: str
    subject: str
    owner: str
    since_us: int
    next_step_vi: str
    next_step_en: str
    closed_by: str | None = None
    closed_at_us: int | None = None


_COLUMNS = ", ".join(Alarm.__struct_fields__)
_RAISE = sa.text(
    f"INSERT INTO alarm ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Alarm.__struct_fields__)})"  # noqa: S608 - names are ours
    " ON CONFLICT DO NOTHING"
)


def sound(tx: sa.Connection, alarm: Alarm) -> None:
    """Open an alarm; nothing happens when one is open for the same rule and subject."""
    tx.execute(_RAISE, msgspec.structs.asdict(alarm))


def alarms(tx: sa.Connection, owners: Sequence[str] | None, *, closed: bool = False) -> list[Alarm]:
    """The alarms of these owners (None: of all), the oldest first."""
    condition = "closed_at_us IS NOT NULL" if closed else "closed_at_us IS NULL"
    sql = f"SELECT {_COLUMNS} FROM alarm WHERE {condition}"  # noqa: S608 - names are ours
    if owners is None:
        rows = tx.execute(sa.text(sql + " ORDER BY since_us, id"))
    else:
        mine = sa.text(sql + " AND owner IN :owners ORDER BY since_us, id").bindparams(
            sa.bindparam("owners", expanding=True)
        )
        rows = tx.execute(mine, {"owners": list(owners)})
    return [msgspec.convert(dict(row._mapping), Alarm) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def close(tx: sa.Connection, rule: str, subject: str, closed_by: str, now_us: int) -> None:
    """Close the open alarm for this rule and subject, if there is one."""
    tx.execute(
        sa.text(
            "UPDATE alarm SET closed_by = :by, closed_at_us = :now"
            " WHERE rule = :rule AND subject = :subject AND closed_at_us IS NULL"
        ),
        {"by": closed_by, "now": now_us, "rule": rule, "subject": subject},
    )
