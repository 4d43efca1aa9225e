"""The look for halves: a dossier that came in one half, and whose other one has not come in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.alarm_watch import Wanted
from gateway.clock import for_people, from_us, to_us
from gateway.events import dossier_of
from gateway.postal.halves import PAPER
from gateway.postal.wanted import Rule
from gateway.supplements import OPEN
from storage import halves

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.judge import Tables
    from storage.halves import Half
    from storage.journal import Dossier

MISSING: Final = "post-half-missing"


def _missing(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    """One for each open dossier whose other half is overdue; its office sees that the employer sends it."""
    del tables
    awaited = [(one, dossier_of(tx, one.dossier)) for one in halves.missing(tx, to_us(now))]
    return [_wanted(half, dossier) for half, dossier in awaited if dossier.state in OPEN]


def _wanted(half: Half, dossier: Dossier) -> Wanted:
    since = for_people(from_us(half.awaited_since_us))
    vi, en = ("bản giấy", "paper") if half.kind == PAPER else ("bản điện tử", "electronic")
    return Wanted(
        rule=MISSING,
        subject=dossier.id,
        owner=dossier.competent_office,
        vi=f"Hồ sơ {dossier.statement_number} của đơn vị {dossier.unit} chờ {vi} từ {since}: hỏi đơn vị đã gửi chưa, "
        "hoặc yêu cầu bổ sung. Phần đã nhận vẫn được giữ nguyên.",
        en=f"Dossier {dossier.statement_number} of unit {dossier.unit} has waited for its {en} half since {since}: ask "
        "the unit whether it was sent, or request it as a supplement. What was received is kept.",
    )


HALF_RULE: Final = Rule((MISSING,), _missing)
