"""How far each dossier has come at its office: one row that its facts amount to, kept beside them.

Every function takes the open transaction `tx` and never commits; whoever writes holds its turn, and writes the fact in
the same transaction. A dossier has a row from the first fact on that an office, or its employer, added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

Pause = tuple[int, int]
"""From when to when a supplement was awaited, in microseconds since 1970 UTC."""


class Course(Struct, frozen=True, kw_only=True):
    """How far a dossier has come. Times are microseconds since 1970 UTC.

    `department` and `officer` have it since `since_us`, until `until_us` if they were given a time. `due_at_us` is the
    due date now, with all pauses that have ended; `appointed_at_us` the new date that an apology named. While a
    supplement is awaited, `paused_since_us` says since when. `supplements` counts how often one was asked for.
    `finished_at_us` is the last time that a result was reported, `ended_at_us` when nobody works on it any more.
    `starts_at_us` is when the clock started, where that was not the receipt (a half that came later).
    `warned` is the last warning about the due date: '', 'due-soon', 'due-now' or 'overdue'.
    """

    dossier: str
    office: str
    department: str = ""
    officer: str = ""
    since_us: int
    until_us: int | None = None
    due_at_us: int | None
    calendar: str = ""
    appointed_at_us: int | None = None
    paused_since_us: int | None = None
    pauses: tuple[Pause, ...] = ()
    supplements: int = 0
    taken_at_us: int | None = None
    finished_at_us: int | None = None
    ended_at_us: int | None = None
    returned_at_us: int | None = None
    returned_by: str = ""
    national_code: str = ""
    bhxh_number: str = ""
    warned: str = ""
    starts_at_us: int | None = None


_FIELDS = Course.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_PUT = sa.text(
    f"INSERT INTO course ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)}) ON CONFLICT (dossier)"  # noqa: S608 - names are ours
    f" DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _FIELDS if name != 'dossier')}"
)
_FIND = sa.text(f"SELECT {_COLUMNS} FROM course WHERE dossier = :dossier")  # noqa: S608 - names are ours
_OF = sa.text(f"SELECT {_COLUMNS} FROM course WHERE dossier IN :dossiers").bindparams(  # noqa: S608 - names are ours
    sa.bindparam("dossiers", expanding=True)
)


def put(tx: sa.Connection, course: Course) -> None:
    """Write the row, in the place of the one before."""
    tx.execute(_PUT, msgspec.structs.asdict(course) | {"pauses": msgspec.json.encode(course.pauses).decode()})


def find(tx: sa.Connection, dossier: str) -> Course | None:
    """The dossier's course; None while no office has done anything with it."""
    row = tx.execute(_FIND, {"dossier": dossier}).first()
    return _course(row) if row else None


def of(tx: sa.Connection, dossiers: Sequence[str]) -> dict[str, Course]:
    """The courses of these dossiers, as far as they have one."""
    rows = tx.execute(_OF, {"dossiers": list(dossiers)}) if dossiers else ()
    return {course.dossier: course for course in map(_course, rows)}


def _course(row: sa.Row[tuple[object, ...]]) -> Course:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return msgspec.convert(values | {"pauses": msgspec.json.decode(values["pauses"])}, Course)
