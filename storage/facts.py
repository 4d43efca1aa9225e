"""Which unconfirmed facts of the catalogue an operator has confirmed: who, when, from where, and who withdrew it.

Functions take the open transaction `tx` and never commit; `last` looks by itself. Nothing is ever changed or deleted: a
withdrawal is a word of its own, so that what was in force at any number can be told again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage import journal
from storage.database import Statement

if TYPE_CHECKING:
    from datetime import date

    from storage.database import Database

What = Literal["confirmed", "withdrawn"]
_SERIES: Final = "facts"


class Word(Struct, frozen=True, kw_only=True):
    """What a person said of a fact: `source` is where it is written, or why it is withdrawn.

    `number` is its place in commit order, without gaps. It counts from the day `valid_from` on (ISO 8601, Vietnam's
    day; None: at once). `at_us` is microseconds since 1970 UTC.
    """

    number: int
    fact: str
    what: What
    said_by: str
    source: str
    valid_from: str | None = None
    at_us: int


_FIELDS = Word.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_SAY = sa.text(f"INSERT INTO fact_word ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})")  # noqa: S608 - names are ours
# The last word that has begun by that day, of each fact; only those that confirm.
_IN_FORCE = Statement(
    f"SELECT {_COLUMNS} FROM fact_word WHERE what = 'confirmed' AND number IN"  # noqa: S608 - names are ours
    " (SELECT max(number) FROM fact_word WHERE number <= :upto AND (valid_from IS NULL OR valid_from <= :day)"
    " GROUP BY fact) ORDER BY fact"
)
_HISTORY = Statement(f"SELECT {_COLUMNS} FROM fact_word ORDER BY number")  # noqa: S608 - names are ours
_HISTORY_OF = Statement(f"SELECT {_COLUMNS} FROM fact_word WHERE fact = :fact ORDER BY number")  # noqa: S608 - names are ours
_LAST = Statement(f"SELECT value FROM ordinal WHERE name = '{_SERIES}'")  # noqa: S608 - the name is ours
_EVERYTHING: Final = 2**63 - 1


def confirm(tx: sa.Connection, fact: str, *, by: str, source: str, now_us: int, valid_from: date | None = None) -> Word:
    """Write that a person vouches for a fact, and where it is written. Said again, it is a further word.

    `by` and `source` must not be empty: the database refuses that.
    """
    return _say(tx, fact, "confirmed", by, source, now_us, valid_from)


def withdraw(tx: sa.Connection, fact: str, *, by: str, why: str, now_us: int) -> Word:
    """Write that a fact is confirmed no more, at once; what was judged by it stays as it is."""
    return _say(tx, fact, "withdrawn", by, why, now_us, None)


def in_force(tx: sa.Connection, on: date, *, upto: int = _EVERYTHING) -> list[Word]:
    """The confirmations that count on that day, one a fact, by fact; as they stood when `upto` was the last number."""
    return [_word(row) for row in _IN_FORCE(tx, {"day": on.isoformat(), "upto": upto})]


def history(tx: sa.Connection, fact: str | None = None) -> list[Word]:
    """Every word about a fact (None: about any), in the order in which they were said."""
    rows = _HISTORY(tx, {}) if fact is None else _HISTORY_OF(tx, {"fact": fact})
    return [_word(row) for row in rows]


def last(database: Database) -> int:
    """The number of the last word; 0 when none was ever said. Looked up by itself. Raises `DatabaseAway`."""
    return next((int(value) for (value,) in database.look(_LAST, {})), 0)


def _say(tx: sa.Connection, fact: str, what: What, by: str, source: str, now_us: int, valid_from: date | None) -> Word:
    word = Word(
        number=journal.reserve(tx, _SERIES, 1),
        fact=fact,
        what=what,
        said_by=by,
        source=source,
        valid_from=valid_from.isoformat() if valid_from else None,
        at_us=now_us,
    )
    tx.execute(_SAY, msgspec.structs.asdict(word))
    return word


def _word(row: tuple[object, ...]) -> Word:
    return msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Word)
