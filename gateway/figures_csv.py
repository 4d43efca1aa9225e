"""Figures as CSV (RFC 4180): the names of the JSON as heads, one line a group."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from gateway.figures import FigureRow
from gateway.figures_public import StatisticsRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.figures import FiguresAnswer
    from gateway.figures_public import Statistics

CSV: Final = "text/csv"
# A spreadsheet would reckon with text that begins so (OWASP, CSV injection); our codes never do, names might.
_RECKONED: Final = ("=", "+", "-", "@", "\t", "\r")


def figures_csv(answer: FiguresAnswer) -> bytes:
    """The figures, each line with the days and the fact number that it speaks of; no line for the total."""
    told = (answer.first, answer.last, answer.upto_seq)
    names = [name for name in FigureRow.__struct_fields__ if name in answer.by or name not in _KEYS]
    rows = ((*told, *(getattr(row, name) for name in names)) for row in answer.rows)
    return _written(("first", "last", "upto_seq", *names), rows)


def statistics_csv(made: Statistics) -> bytes:
    """The public statistics, each line with the time up to which it speaks."""
    names = StatisticsRow.__struct_fields__
    rows = ((made.at, made.upto_seq, *(getattr(row, name) for name in names)) for row in made.rows)
    return _written(("at", "upto_seq", *names), rows)


_KEYS: Final = frozenset({"office", "procedure", "month"})


def _written(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_RECKONED) else value
