"""The custody of originals: who has one from when, until its owner has it back; and what lies too long."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from gateway import repeated
from gateway.alarm_watch import Wanted
from gateway.clock import VIETNAM, for_people, from_us, rfc3339, to_us
from gateway.postal.pieces import KINDS
from gateway.postal.returns import ReturnUnfit
from gateway.postal.wanted import Rule, has_passed
from storage import journal, originals, outbound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.judge import Tables
    from gateway.repeated import Once
    from storage.database import Database
    from storage.originals import Custody, Kept, Original

FORM_05: Final = "post-form-05"
KEPT: Final = "post-original-kept"
Fact = Literal["filed", "moved", "handed-over", "lost", "found"]

# What may be told of an original where it stands, and where it stands then.
_AFTER: Final[dict[tuple[str, str], str]] = {
    (originals.HELD, "filed"): originals.HELD,
    (originals.HELD, "moved"): originals.HELD,
    (originals.HELD, "handed-over"): originals.RETURNED,
    (originals.HELD, "lost"): originals.LOST,
    (originals.SENT, "lost"): originals.LOST,
    (originals.LOST, "found"): originals.HELD,
}
_DAY_US: Final = 86_400_000_000
# A worksheet would take what begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
CSV_HEADS: Final = (
    "original", "receipt_number", "dossier", "unit", "office", "kind", "name", "count", "state", "holder", "arrived_at",
    "arrived_in", "days", "sent_in", "dossier_state",
)  # fmt: skip


class OriginalUnknown(Exception):
    """There is no such original, or it is not this caller's to tell of. Trying again changes nothing."""


class Traced(Struct, frozen=True):
    """An original, and who had it from when."""

    original: Original
    trace: tuple[Custody, ...]


class Told(Struct, frozen=True, kw_only=True):
    """What is told of an original: who has it now, and why; another office that holds it from now on."""

    fact: Fact
    holder: str = ""
    note: str = ""
    office: str = ""


def tell(
    database: Database, original: str, caller: Caller, said: Told, now: datetime, once: Once | None = None
) -> Traced | bytes:
    """Write into the original's custody what an office did with it.

    Raises `OriginalUnknown`, `OriginalElsewhere`, `ReturnUnfit`, `KeyReused`: nothing was written; `DatabaseAway`:
    trying again is safe under the same key.
    """
    if said.fact in ("moved", "handed-over") and not said.holder and not said.office:
        raise ReturnUnfit("holder", "ghi ai giữ từ nay", "name who has it from now on")
    if said.fact == "lost" and not said.note:
        raise ReturnUnfit("note", "ghi lý do mất", "say how it was lost")
    if said.office and said.fact != "moved":
        raise ReturnUnfit("office", "chỉ ghi khi chuyển giữ", "only with moved")
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        if kept := repeated.answered(tx, caller.client, once):
            return kept
        found = originals.find(tx, original)
        if found is None or (caller.role != "operator" and found.office not in caller.offices):
            raise OriginalUnknown(original)
        state = _AFTER.get((found.state, said.fact))
        if state is None:
            raise originals.OriginalElsewhere(f"{found.id}: {found.state}")
        if state != found.state:
            originals.stand(tx, found, state, to_us(now), sent_in=found.sent_in)
        if said.office:
            originals.move(tx, found, said.office)
        holder = said.holder or said.office or originals.holder_of(tx, found.id)
        originals.tell(tx, found.id, said.fact, holder=holder, at_us=to_us(now), told_by=caller.client, note=said.note)
        traced = _traced(tx, found.id)
        repeated.remember(tx, caller.client, once, traced, now)
        journal.end_turn(tx, turn)
    return traced


def of_dossier(tx: sa.Connection, dossier: str) -> list[Traced]:
    """All originals that came for a dossier, each with its custody."""
    return [Traced(one, tuple(originals.trace(tx, one.id))) for one in originals.of(tx, dossier)]


def not_returned(tx: sa.Connection, offices: Sequence[str] | None, older_days: int, now: datetime) -> list[Kept]:
    """What these offices (None: all) hold, or sent, for its owners since more than so many days, the oldest first."""
    before_us = to_us(now - timedelta(days=older_days)) + 1
    if offices is None:
        return originals.not_returned(tx, None, before_us)
    found = [one for office in offices for one in originals.not_returned(tx, office, before_us)]
    return sorted(found, key=lambda one: (one.original.arrived_at_us, one.original.id))[: originals.LISTED_MAX]


def days_kept(one: Original, now: datetime) -> int:
    """How many days the office has kept it, or did until it was returned or lost; by the calendar's days."""
    is_gone = one.state in (originals.RETURNED, originals.LOST)
    until = from_us(one.state_at_us) if is_gone else now.astimezone(VIETNAM)
    return (until.date() - from_us(one.arrived_at_us).date()).days


def csv_of(kept: Sequence[Kept], now: datetime) -> bytes:
    """The list as CSV (RFC 4180) in UTF-8 with its mark, by which worksheets know it. What a worksheet would take for a
    formula begins with an apostrophe.
    """
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(CSV_HEADS)
    for one in kept:
        held = one.original
        row = (
            held.id, one.receipt_number, held.dossier, held.unit, held.office, held.kind, held.name, held.count,
            held.state, one.holder, rfc3339(from_us(held.arrived_at_us)), held.arrived_in, days_kept(held, now),
            held.sent_in or "", one.dossier_state,
        )  # fmt: skip
        write.writerow([_cell(str(cell)) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def _cell(said: str) -> str:
    return f"'{said}" if said.startswith(_FORMULA) else said


def _traced(tx: sa.Connection, original: str) -> Traced:
    found = originals.find(tx, original)
    if found is None:
        raise OriginalUnknown(original)
    return Traced(found, tuple(originals.trace(tx, original)))


def _before_us(now: datetime, working_days: int) -> int:
    """So many working days take at least so many days."""
    return to_us(now - timedelta(days=working_days)) + _DAY_US


def _form_05_awaited(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    days_max = tables.post.waits.form_05_days_max
    wanted = []
    for one in outbound.form_05_awaited(tx, _before_us(now, days_max)):
        delivered_us = one.outbound.confirmed_at_us
        if delivered_us is None or not has_passed(tables.calendar, delivered_us, days_max, now):
            continue
        since, number = for_people(from_us(delivered_us)), one.outbound.item
        wanted.append(
            Wanted(
                rule=FORM_05,
                subject=number,
                owner=one.office,
                vi=f"Bưu gửi {number} đã phát lúc {since} mà mẫu 05 chưa thu hồi quá {days_max} ngày làm việc: đòi bưu "
                f"chính ({one.carrier}) phiếu có chữ ký người nhận, rồi ghi nhận.",
                en=f"Item {number} was delivered at {since} and its form 05 is not back after {days_max} working days: "
                f"ask the carrier ({one.carrier}) for the slip with the receiver's signature, then enter it.",
            )
        )
    return wanted


def _kept_too_long(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    """One alarm an office: it names how many, and the longest kept."""
    days_max = tables.post.waits.original_days_max
    of_office: dict[str, list[Kept]] = {}
    for one in originals.kept_after_end(tx, _before_us(now, days_max)):
        if one.ended_at_us is not None and has_passed(tables.calendar, one.ended_at_us, days_max, now):
            of_office.setdefault(one.original.office, []).append(one)
    return [_kept(office, kept, days_max) for office, kept in sorted(of_office.items())]


def _kept(office: str, kept: Sequence[Kept], days_max: int) -> Wanted:
    first = kept[0]
    ended = for_people(from_us(first.ended_at_us or 0))
    vi, en = KINDS.get(first.original.kind, KINDS["other"])  # type: ignore[call-overload]
    return Wanted(
        rule=KEPT,
        subject=office,
        owner=office,
        vi=f"{len(kept)} bản chính của hồ sơ đã kết thúc quá {days_max} ngày làm việc chưa trả, lâu nhất: {vi}, hồ sơ "
        f"{first.receipt_number}, kết thúc {ended}: gửi trả hoặc bàn giao tận tay, ghi nhận việc giao.",
        en=f"{len(kept)} originals of dossiers that ended more than {days_max} working days ago are not back with their"
        f" owners, the longest: {en}, dossier {first.receipt_number}, ended {ended}: send them or hand them over, and"
        " say so.",
    )


RETURN_RULES: Final = (Rule((FORM_05,), _form_05_awaited), Rule((KEPT,), _kept_too_long))
