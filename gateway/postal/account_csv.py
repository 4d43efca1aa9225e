"""The account of paper as CSV (RFC 4180): a line for each flow, office and carrier; and what does not meet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from storage.post_counts import Counted

if TYPE_CHECKING:
    from gateway.postal.account import Account

CSV: Final = "text/csv"
_DIFFERENCES: Final = ("rule", "item", "dossier", "office", "carrier", "vi", "en")
# A spreadsheet would reckon with text that begins so (OWASP, CSV injection).
_RECKONED: Final = ("=", "+", "-", "@", "\t", "\r")


def account_csv(account: Account) -> bytes:
    """The lines and the totals (their office is empty), each with the time of the count; in UTF-8."""
    names = Counted.__struct_fields__
    rows = [
        ("counted_at", *names),
        *((account.counted_at, *(getattr(one, name) for name in names)) for one in (*account.lines, *account.totals)),
    ]
    return _written(rows)


def differences_csv(account: Account) -> bytes:
    """What does not meet, one a line; in UTF-8."""
    found = ((account.counted_at, *(getattr(one, name) for name in _DIFFERENCES)) for one in account.differences)
    return _written([("counted_at", *_DIFFERENCES), *found])


def _written(rows: list[tuple[object, ...]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RECKONED) else value
