"""Work as its office's software is handed it, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gateway.attached import scan_state
from gateway.clock import from_us, rfc3339
from gateway.report import read_report
from gateway.straight_through import Check, checks_made, is_straight_through

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.desk import Handed, Leased
    from schemas.procedure import Procedure
    from storage import journal
    from storage.work import Work


class WorkShown(Struct, frozen=True, kw_only=True):
    """A piece of work under its lease."""

    lease: str
    attempt: int
    dossier: str
    receipt_number: str
    procedure: str
    sha256: str
    size_bytes: int
    content_url: str
    lease_until: str
    due_at: str | None
    # "clean", "not-scanned" or "none": what a malware scanner said of the supporting papers
    papers_scanned: str
    unit: str
    period: str
    # "api" or "post"; "paper" or "electronic" while that half of it has not come; and "" for a filing, or "supplement",
    # "half" or "withdrawal" for what was sent about the dossier `about`.
    channel: str
    awaits: str
    purpose: str
    about: str | None
    # Whether the procedure is simple and every check below was made and passed: nothing is left to be looked at.
    straight_through: bool
    checks: list[Check]


class WorkPage(Struct, frozen=True):
    """What was leased, and the mark up to which nothing is missing."""

    work: list[WorkShown]
    complete_until: int


class OpenWork(Struct, frozen=True, kw_only=True):
    """Work that no office has acknowledged yet: since when it is offered, how often it was handed out, and to whom."""

    dossier: str
    state: str
    procedure: str
    unit: str
    offered_at: str
    due_at: str | None
    attempts: int
    holder: str | None
    lease_until: str | None


class OpenWorkPage(Struct, frozen=True):
    """A page of open work; ask on with `after=next`."""

    work: list[OpenWork]
    next: int


def work_shown(leased: Leased, procedure: Procedure | None) -> WorkShown:
    """A piece of work, as its holder needs it. `procedure` is that of its version, None where it is not known."""
    work, dossier = leased.work, leased.dossier
    report = read_report(dossier.report)
    straight = None if dossier.purpose else procedure
    return WorkShown(
        lease=work.lease or "",
        attempt=work.attempt,
        dossier=dossier.id,
        receipt_number=dossier.statement_number,
        procedure=dossier.procedure,
        sha256=dossier.sha256.hex(),
        size_bytes=dossier.size_bytes,
        content_url=f"/v1/dossiers/{dossier.id}/content",
        lease_until=_time(work.lease_until_us or 0),
        due_at=_time_or_none(work.due_at_us),
        papers_scanned=scan_state(report.papers),
        unit=dossier.unit,
        period=dossier.period,
        channel=dossier.channel,
        awaits=leased.awaits,
        purpose=dossier.purpose,
        about=dossier.about,
        straight_through=straight is not None
        and not leased.awaits
        and is_straight_through(straight, report, has_references=leased.refers),
        checks=checks_made(report),
    )


def work_page(handed: Handed, procedure_of: Callable[[journal.Dossier], Procedure | None]) -> WorkPage:
    """What a lease request is answered with."""
    shown = [work_shown(one, procedure_of(one.dossier)) for one in handed.leased]
    return WorkPage(shown, handed.complete_until)


def open_work_page(works: Sequence[Work], after: int) -> OpenWorkPage:
    """A page of an office's open work."""
    shown = [
        OpenWork(
            dossier=one.dossier,
            state=one.state,
            procedure=one.procedure,
            unit=one.unit,
            offered_at=_time(one.offered_at_us),
            due_at=_time_or_none(one.due_at_us),
            attempts=one.attempt,
            holder=one.holder,
            lease_until=_time_or_none(one.lease_until_us),
        )
        for one in works
    ]
    return OpenWorkPage(shown, works[-1].offered_seq if works else after)


def _time(at_us: int) -> str:
    return rfc3339(from_us(at_us))


def _time_or_none(at_us: int | None) -> str | None:
    return None if at_us is None else _time(at_us)
