"""Counting: what the rows of the figures amount to, by office, procedure and month, in one aggregate a kind of figure.

Every function takes the open transaction `tx` and never commits. Each kind is dated by a time of its own and counts at
an office of its own; a group that no dossier falls into is not there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

By = Literal["office", "procedure", "month"]
BYS: Final[tuple[By, ...]] = ("office", "procedure", "month")
GROUPS_MAX: Final = 20_000
REASONS_MAX: Final = 20

_NAME: Final = re.compile(r":(\w+)")

Key = tuple[Any, ...]
"""What a group has in common, in the order of `Asked.by`; a month is yyyymm."""

Counts = dict[Key, dict[str, int]]


class TooManyGroups(Exception):
    """More groups than one answer holds. Asking for a shorter time, or by less, helps."""


class Asked(Struct, frozen=True, kw_only=True):
    """What is asked: what happened from `from_us` on and before `to_us`, grouped by `by`.

    `offices` and `procedures` are all if they are None. `decided` are the states that are on time or late;
    `by_appointed` says that an apology's date counts instead of the due date; a dossier of which more than
    `supplements_max` supplements were asked for is late.
    """

    by: tuple[By, ...]
    from_us: int
    to_us: int
    offices: tuple[str, ...] | None = None
    procedures: tuple[str, ...] | None = None
    decided: tuple[str, ...]
    by_appointed: bool
    supplements_max: int


def received(tx: sa.Connection, asked: Asked) -> Counts:
    """Dossiers by their receipt, at the office that was competent then."""
    return _count(
        tx,
        asked,
        ("received_at_us", "received_month", "received_office"),
        {
            "received": "1 = 1",
            "received_direct": "channel = 1",
            "received_online": "channel = 2",
            "received_post": "channel = 3",
            "moved_out": "office <> received_office",
        },
    )


def moved_in(tx: sa.Connection, asked: Asked) -> Counts:
    """Dossiers by their receipt, at an office that got them from another one."""
    dated = ("received_at_us", "received_month", "office")
    return _count(tx, asked, dated, {"moved_in": "1 = 1"}, " AND office <> received_office")


def taken(tx: sa.Connection, asked: Asked) -> Counts:
    """Dossiers by the time when the office that has them took them."""
    return _count(tx, asked, ("taken_at_us", "taken_month", "office"), {"taken": "1 = 1"})


def returned(tx: sa.Connection, asked: Asked) -> Counts:
    """Dossiers by the time when their result was returned, and by which way."""
    return _count(
        tx,
        asked,
        ("returned_at_us", "returned_month", "office"),
        {
            "returned": "1 = 1",
            "returned_electronic": "returned_by IN ('electronic', 'both')",
            "returned_post": "returned_by IN ('post', 'both')",
        },
    )


def ended(tx: sa.Connection, asked: Asked) -> Counts:
    """Dossiers by the time when they ended, and how."""
    decided, due, again = "state IN :decided", _due(asked), "supplements > :supplements_max"
    on_time = f"{decided} AND NOT {again} AND ended_at_us <= {due}"
    late = f"{decided} AND ({again} OR ended_at_us > {due})"
    finished = "state IN ('finished', 'returned')"
    return _count(
        tx,
        asked,
        ("ended_at_us", "ended_month", "office"),
        {
            "finished": finished,
            "declined": "state = 'declined'",
            "stopped": "state = 'stopped'",
            "withdrawn": "state = 'withdrawn'",
            "on_time": on_time,
            "on_time_told_late": f"{on_time} AND told_at_us > {due}",
            "late": late,
            "late_by_second_supplement": f"{decided} AND {again}",
            "late_within_apology": f"{late} AND ended_at_us <= appointed_at_us",
            "without_due_date": f"{decided} AND NOT {again} AND {due} IS NULL",
            "supplement_never": f"{decided} AND supplements = 0",
            "supplement_once": f"{decided} AND supplements = 1",
            "supplement_again": f"{decided} AND supplements > 1",
            "finished_online": f"{finished} AND channel = 2",
            "credited_online": f"{finished} AND channel = 2 AND has_electronic_result = 1",
            "straight_through": f"{finished} AND is_straight = 1",
        },
    )


def still_open(tx: sa.Connection, asked: Asked, now_us: int, ages: Mapping[str, tuple[int, int]]) -> Counts:
    """Dossiers that have not ended, by their receipt, at the office that has them.

    `ages` names stretches of time, from and before microseconds since 1970 UTC: `open_…` counts receipts in them,
    `overdue_…` due dates.
    """
    due, waits = _due(asked), "is_waiting = 1"
    overdue = f"NOT {waits} AND (supplements > :supplements_max OR {due} <= :now)"
    wanted = {"open": "1 = 1", "open_waiting": waits, "open_overdue": overdue}
    values: dict[str, object] = {"now": now_us}
    for name, (since_us, before_us) in ages.items():
        values |= {f"{name}_since": since_us, f"{name}_before": before_us}
        span = f">= :{name}_since AND {{0}} < :{name}_before"
        wanted[f"open_{name}"] = f"received_at_us {span.format('received_at_us')}"
        wanted[f"overdue_{name}"] = f"{overdue} AND {due} {span.format(due)}"
    dated = ("received_at_us", "received_month", "office")
    return _count(tx, asked, dated, wanted, " AND ended_at_us IS NULL", values)


def working_times(tx: sa.Connection, asked: Asked, step_us: int) -> dict[Key, dict[int, int]]:
    """How many results took so many steps of working time, rounded to the nearest, half a step upwards."""
    keys, where, values = _parts(asked, ("ended_at_us", "ended_month", "office"))
    columns = "".join(f"{key} AS {name}, " for key, name in zip(keys, asked.by, strict=True))
    steps = "(worked_us + :half_us) / :step_us"
    sql = (
        f"SELECT {columns}{steps} AS steps, count(*) AS held FROM figure WHERE {where} AND worked_us IS NOT NULL"  # noqa: S608 - names are ours
        f" GROUP BY {', '.join((*keys, steps))}"
    )
    found: dict[Key, dict[int, int]] = {}
    for row in _run(tx, sql, values | {"step_us": step_us, "half_us": step_us // 2}):
        found.setdefault(tuple(row[name] for name in asked.by), {})[int(row["steps"])] = int(row["held"])
    return found


def refusals(tx: sa.Connection, asked: Asked) -> Counts:
    """Dossiers that the gateway refused, by their receipt. They are no office's: `by` and `offices` must not say so."""
    keys, where, values = _parts(asked, ("received_at_us", "received_month", ""))
    columns = "".join(f"{key} AS {name}, " for key, name in zip(keys, asked.by, strict=True))
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    sql = f"SELECT {columns}count(*) AS refused FROM figure_refusal WHERE {where} AND reason = ''{group}"  # noqa: S608
    return _counts(asked, _run(tx, sql, values))


def reasons(tx: sa.Connection, asked: Asked) -> list[tuple[str, int]]:
    """Why they were refused: in how many dossiers each reason stood, the most frequent first."""
    _, where, values = _parts(asked, ("received_at_us", "received_month", ""))
    sql = (
        f"SELECT reason, count(*) AS held FROM figure_refusal WHERE {where} AND reason <> ''"  # noqa: S608 - names are ours
        f" GROUP BY reason ORDER BY held DESC, reason LIMIT {REASONS_MAX}"
    )
    return [(row["reason"], int(row["held"])) for row in _run(tx, sql, values)]


def _due(asked: Asked) -> str:
    return "coalesce(appointed_at_us, due_at_us)" if asked.by_appointed else "due_at_us"


def _count(
    tx: sa.Connection,
    asked: Asked,
    dated: tuple[str, str, str],
    wanted: Mapping[str, str],
    further: str = "",
    more: dict[str, object] | None = None,
) -> Counts:
    keys, where, values = _parts(asked, dated)
    columns = [f"{key} AS {name}" for key, name in zip(keys, asked.by, strict=True)]
    columns += [f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END) AS {name}" for name, condition in wanted.items()]
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    sql = f"SELECT {', '.join(columns)} FROM figure WHERE {where}{further}{group}"  # noqa: S608 - names are ours
    return _counts(asked, _run(tx, sql, values | (more or {})))


def _parts(asked: Asked, dated: tuple[str, str, str]) -> tuple[list[str], str, dict[str, object]]:
    """The columns to group by, the condition and its values, for what is dated and counted so."""
    at, month, office = dated
    names = {"office": office, "procedure": "procedure", "month": month}
    where = f"{at} >= :from_us AND {at} < :to_us"
    values: dict[str, object] = {
        "from_us": asked.from_us,
        "to_us": asked.to_us,
        "supplements_max": asked.supplements_max,
        "decided": list(asked.decided),
    }
    if asked.offices is not None and office:
        where += f" AND {office} IN :offices"
        values["offices"] = list(asked.offices)
    if asked.procedures is not None:
        where += " AND procedure IN :procedures"
        values["procedures"] = list(asked.procedures)
    return [names[one] for one in asked.by], where, values


def _run(tx: sa.Connection, sql: str, values: Mapping[str, object]) -> list[Mapping[str, Any]]:
    statement = sa.text(sql)
    named = set(_NAME.findall(sql))
    used = {name: value for name, value in values.items() if name in named}
    lists: list[sa.BindParameter[Any]] = [
        sa.bindparam(name, expanding=True) for name, value in used.items() if isinstance(value, list)
    ]
    rows = tx.execute(statement.bindparams(*lists), used)
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def _counts(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> Counts:
    if len(rows) > GROUPS_MAX:
        raise TooManyGroups(len(rows))
    return {
        tuple(row[name] for name in asked.by): {
            name: int(value) for name, value in row.items() if name not in asked.by and value is not None
        }
        for row in rows
    }
