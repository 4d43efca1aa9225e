"""The register of an office: each dossier that was received in a span of time and is, or was, the office's to settle.

The function takes the open transaction `tx` and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_AT_ONCE: Final = 500


class Line(Struct, frozen=True, kw_only=True):
    """One dossier. Times are microseconds since 1970 UTC; `unit_name` is the unit's on the day that was asked for.

    `due_at_us` is the due date now, `appointed_at_us` the new date that an apology named, as in `storage.courses`.
    `statement` is the signed receipt, which names the office that received it.
    """

    seq: int
    id: str
    state: str
    procedure: str
    unit: str
    unit_name: str
    received_at_us: int
    competent_office: str
    statement_number: str
    statement: str
    due_at_us: int | None
    appointed_at_us: int | None
    paused_since_us: int | None
    supplements: int
    finished_at_us: int | None
    ended_at_us: int | None
    returned_at_us: int | None
    returned_by: str
    national_code: str
    bhxh_number: str


_FIELDS: Final = Line.__struct_fields__
# What is refused, or not judged yet, is no office's; what was sent about a dossier belongs to that one.
_IN_SPAN: Final = (
    "SELECT d.id FROM dossier d WHERE d.received_at_us >= :first AND d.received_at_us < :end AND d.purpose = ''"
    " AND d.state NOT IN ('refused', 'pending')"
)
_IN_ORDER: Final = " ORDER BY d.received_at_us, d.seq LIMIT :most"
_OF_OFFICE: Final = sa.text(
    _IN_SPAN  # noqa: S608 - the words are ours
    + " AND d.id IN (SELECT o.id FROM dossier o WHERE o.competent_office = :office AND o.received_at_us >= :first"
    " AND o.received_at_us < :end"
    " UNION SELECT e.dossier FROM event e WHERE e.office = :office AND e.type = 'sent-on')" + _IN_ORDER
)
_OF_ALL: Final = sa.text(_IN_SPAN + _IN_ORDER)
_LINES: Final = sa.text(
    "SELECT d.seq, d.id, d.state, d.procedure, d.unit,"
    " coalesce((SELECT u.name FROM unit u WHERE u.code = d.unit AND u.valid_from <= :day"
    " ORDER BY u.valid_from DESC LIMIT 1), '') AS unit_name,"
    " d.received_at_us, d.competent_office, d.statement_number, d.statement,"
    " CASE WHEN c.dossier IS NULL THEN d.due_at_us ELSE c.due_at_us END AS due_at_us,"
    " c.appointed_at_us, c.paused_since_us, coalesce(c.supplements, 0) AS supplements, c.finished_at_us,"
    " c.ended_at_us, c.returned_at_us, coalesce(c.returned_by, '') AS returned_by,"
    " coalesce(c.national_code, '') AS national_code, coalesce(c.bhxh_number, '') AS bhxh_number"
    " FROM dossier d LEFT JOIN course c ON c.dossier = d.id WHERE d.id IN :ids ORDER BY d.received_at_us, d.seq"
).bindparams(sa.bindparam("ids", expanding=True))


def lines(tx: sa.Connection, office: str | None, first_us: int, end_us: int, day: str, most: int) -> Iterator[Line]:
    """The first `most` dossiers that were received from `first_us` to before `end_us`, in the order of their receipt:
    what the office is competent for, and what it was and passed on to another; of every office where it is None.

    `day` (ISO 8601) is the day whose names of units are wanted. Rows are fetched a few hundred at a time: receipts are
    long, and are not to be sorted or held by the ten thousand.
    """
    values: dict[str, object] = {"first": first_us, "end": end_us, "most": most}
    if office is not None:
        values["office"] = office
    ids = tx.execute(_OF_ALL if office is None else _OF_OFFICE, values).scalars().all()
    for start in range(0, len(ids), ROWS_AT_ONCE):
        for row in tx.execute(_LINES, {"ids": ids[start : start + ROWS_AT_ONCE], "day": day}):
            yield msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Line)
