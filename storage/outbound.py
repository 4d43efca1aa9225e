"""Items that bring results and originals back: what is in each, and what became of it.

Every function takes the open transaction `tx` and never commits. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SENT, DELIVERED, UNDELIVERED, SENT_AGAIN, KEPT = "sent", "delivered", "undelivered", "sent-again", "kept"
STATES: Final = (SENT, DELIVERED, UNDELIVERED, SENT_AGAIN, KEPT)
AWAITED, CAME_BACK, NOT_ASKED = "awaited", "returned", "not-asked"
LISTED_MAX: Final = 1000


class Outbound(Struct, frozen=True, kw_only=True):
    """What an item brings back, and to whom. `contents` and `address` are JSON; cleared when a dossier in it is erased.

    `state`: sent, delivered (`confirmed_at_us`), undelivered (it came back to the office, which has to decide),
    sent-again (in `next_item`) or kept (for collection at the office). `form_05`: awaited, returned or not-asked.
    """

    item: str
    contents: str
    address: str
    manifest_number: str
    form_05: str
    form_05_at_us: int | None = None
    form_05_note: str = ""
    made_at_us: int
    made_by: str
    state: str = SENT
    state_at_us: int
    confirmed_at_us: int | None = None
    decided_by: str = ""
    decision_note: str = ""
    next_item: str | None = None


class Carried(Struct, frozen=True, kw_only=True):
    """An outbound item as it stands: ours beside what its carrier told."""

    outbound: Outbound
    office: str
    unit: str
    carrier: str
    item_state: str
    item_state_at_us: int
    delivered_at_us: int | None


_FIELDS = Outbound.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_ADD = sa.text(f"INSERT INTO outbound ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})")  # noqa: S608 - names are ours
_BESIDE = "i.office, i.unit, i.carrier, i.state AS item_state, i.state_at_us AS item_state_at_us, i.delivered_at_us"
_CARRIED = (
    f"SELECT {', '.join('b.' + name for name in _FIELDS)}, {_BESIDE}"  # noqa: S608 - names are ours
    " FROM outbound b JOIN item i ON i.number = b.item"
)
_FIND = sa.text(f"{_CARRIED} WHERE b.item = :item")
# What a carrier told since that was not followed: it was delivered (after all), or came back, or is lost; what was lost
# came back after all, and with it what it holds.
_TOLD = sa.text(
    f"{_CARRIED} WHERE b.state IN ('sent', 'undelivered') AND (i.state = 'delivered'"  # noqa: S608 - words are ours
    " OR (b.state = 'sent' AND i.state IN ('returned', 'lost')) OR (i.state = 'returned' AND EXISTS"
    " (SELECT 1 FROM original o WHERE o.sent_in = b.item AND o.state = 'sent'))) ORDER BY b.state, b.item LIMIT :most"
)
# The office has decided about what was lost, and then its originals were found after all.
_FOUND = sa.text(
    f"{_CARRIED} WHERE b.state IN ('sent-again', 'kept') AND i.state IN ('delivered', 'returned') AND b.item IN"  # noqa: S608 - words are ours
    " (SELECT o.sent_in FROM original o WHERE o.state = 'sent') ORDER BY b.item LIMIT :most"
)
_TAKEN_BACK = sa.text(
    f"{_CARRIED} WHERE b.state = 'delivered' AND b.confirmed_at_us > :since AND i.state IN ('returned', 'lost')"
    " ORDER BY b.confirmed_at_us, b.item LIMIT :most"
)
_STAND = sa.text(
    "UPDATE outbound SET state = :state, state_at_us = :state_at_us, confirmed_at_us = :confirmed_at_us,"
    " decided_by = :decided_by, decision_note = :decision_note, next_item = :next_item, form_05 = :form_05,"
    " form_05_at_us = :form_05_at_us, form_05_note = :form_05_note, contents = :contents, address = :address"
    " WHERE item = :item"
)


def add(tx: sa.Connection, one: Outbound) -> None:
    """Write what the item brings; it must be bound already, and bring nothing else."""
    tx.execute(_ADD, msgspec.structs.asdict(one))


def find(tx: sa.Connection, item: str) -> Carried | None:
    """What the item brings; None when it is none of ours that goes out."""
    return next(iter(_carried(tx.execute(_FIND, {"item": item}))), None)


def put(tx: sa.Connection, one: Outbound) -> None:
    """Write how it stands now, in the place of what stood before."""
    tx.execute(_STAND, msgspec.structs.asdict(one))


def told(tx: sa.Connection, delivered_since_us: int, most: int) -> list[Carried]:
    """The items whose carrier has told an end that was not followed yet. A delivery that is older than that instant is
    not taken back any more.
    """
    found = _carried(tx.execute(_TOLD, {"most": most}))
    if left := most - len(found):
        found += _carried(tx.execute(_FOUND, {"most": left}))
    left = most - len(found)
    return found + (_carried(tx.execute(_TAKEN_BACK, {"since": delivered_since_us, "most": left})) if left else [])


def listed(
    tx: sa.Connection,
    *,
    offices: Sequence[str] | None = None,
    states: Sequence[str] = (),
    after: str = "",
    most: int = LISTED_MAX,
) -> list[Carried]:
    """The outbound items (of these offices; None: of all; in these states, if any are named) after number `after`, by
    number.
    """
    sql, names = f"{_CARRIED} WHERE b.item > :after", []
    values: dict[str, object] = {"after": after, "most": most}
    if offices is not None:
        sql, values = f"{sql} AND i.office IN :offices", values | {"offices": list(offices)}
        names.append("offices")
    if states:
        sql, values = f"{sql} AND b.state IN :states", values | {"states": list(states)}
        names.append("states")
    statement = sa.text(f"{sql} ORDER BY b.item LIMIT :most")
    return _carried(tx.execute(statement.bindparams(*(sa.bindparam(name, expanding=True) for name in names)), values))


def form_05_awaited(tx: sa.Connection, delivered_before_us: int, most: int = LISTED_MAX) -> list[Carried]:
    """The delivered items whose form 05 has not come back since that instant."""
    sql = sa.text(
        f"{_CARRIED} WHERE b.form_05 = 'awaited' AND b.state = 'delivered' AND b.confirmed_at_us < :before"
        " ORDER BY b.confirmed_at_us, b.item LIMIT :most"
    )
    return _carried(tx.execute(sql, {"before": delivered_before_us, "most": most}))


def forget_addresses(tx: sa.Connection, dossier: str) -> None:
    """Clear whom the items of an erased dossier were sent to, and what was in them by name."""
    tx.execute(
        sa.text(
            "UPDATE outbound SET address = '', contents = '[]', decision_note = '', form_05_note = ''"
            " WHERE item IN (SELECT item FROM item_dossier WHERE dossier = :dossier)"
        ),
        {"dossier": dossier},
    )


def _carried(rows: Iterable[sa.Row[Any]]) -> list[Carried]:
    found = []
    for row in rows:
        told_now = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
        ours = msgspec.convert({name: told_now.pop(name) for name in _FIELDS}, Outbound)
        found.append(Carried(outbound=ours, **told_now))
    return found
