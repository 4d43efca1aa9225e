"""The bodies that programs rely on: dossiers, events, work, alarms, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.attached import scan_state
from gateway.clock import from_us, rfc3339
from gateway.report import (
    FindingShown,
    Language,
    PaperShown,
    VerdictShown,
    read_report,
    shown_findings,
    shown_papers,
    shown_verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.desk import Handed, Leased
    from storage import alarms, journal


class Received(Struct, frozen=True, kw_only=True):
    """The answer to a received dossier. The receipt is the same at every time of asking; `state` moves on, and where
    the dossier had to wait for its judgement, the signed `judgement` follows.
    """

    dossier: str
    receipt_number: str
    state: str
    received_at: str
    sha256: str
    size_bytes: int
    batch: int
    follows: str | None
    competent_office: str
    due_at: str | None
    receipt: str
    judgement_number: str | None
    judgement: str | None


class PartShown(Struct, frozen=True, kw_only=True):
    """One file of a dossier."""

    number: int
    form: str
    name: str
    kind: str
    size_bytes: int
    sha256: str


class DossierShown(Struct, frozen=True, kw_only=True):
    """A dossier as its parties see it. For a refused one, `receipt` is the signed notice."""

    dossier: str
    receipt_number: str
    state: str
    received_at: str
    sha256: str
    size_bytes: int
    batch: int
    follows: str | None
    competent_office: str
    due_at: str | None
    receipt: str
    judgement_number: str | None
    judgement: str | None
    erased_at: str | None
    channel: str
    media_type: str
    procedure: str
    procedure_version: str
    unit: str
    period: str
    submitter: str
    verdict: VerdictShown | None
    parts: list[PartShown]
    papers: list[PaperShown]
    findings: list[FindingShown]


class DossierLine(Struct, frozen=True, kw_only=True):
    """A dossier in a list."""

    seq: int
    dossier: str
    receipt_number: str
    state: str
    received_at: str
    sha256: str
    procedure: str
    unit: str
    period: str
    batch: int
    competent_office: str
    due_at: str | None


class DossierPage(Struct, frozen=True):
    """A page of dossiers; ask on with `after=next`."""

    dossiers: list[DossierLine]
    next: int


class EventShown(Struct, frozen=True, kw_only=True):
    """A fact, in the past tense."""

    seq: int
    type: str
    at: str
    actor: str
    dossier: str
    detail: msgspec.Raw


class EventPage(Struct, frozen=True):
    """A page of facts; ask on with `after=next`."""

    events: list[EventShown]
    next: int


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


class WorkPage(Struct, frozen=True):
    """What was leased, and the mark up to which nothing is missing."""

    work: list[WorkShown]
    complete_until: int


class AlarmShown(Struct, frozen=True, kw_only=True):
    """What needs a person."""

    id: str
    rule: str
    subject: str
    owner: str
    since: str
    next_step: str
    closed_by: str | None


def received(dossier: journal.Dossier) -> bytes:
    """The answer to an accepted dossier, from what was kept."""
    return msgspec.json.encode(
        Received(
            dossier=dossier.id,
            receipt_number=dossier.statement_number,
            state=dossier.state,
            received_at=_time(dossier.received_at_us),
            sha256=dossier.sha256.hex(),
            size_bytes=dossier.size_bytes,
            batch=dossier.batch,
            follows=dossier.follows,
            competent_office=dossier.competent_office,
            due_at=_time_or_none(dossier.due_at_us),
            receipt=dossier.statement,
            judgement_number=dossier.judgement_number,
            judgement=dossier.judgement,
        )
    )


def dossier_shown(dossier: journal.Dossier, parts: Sequence[journal.Part], language: Language) -> DossierShown:
    """A dossier with its parts and report."""
    report = read_report(dossier.report)
    return DossierShown(
        dossier=dossier.id,
        receipt_number=dossier.statement_number,
        state=dossier.state,
        received_at=_time(dossier.received_at_us),
        sha256=dossier.sha256.hex(),
        size_bytes=dossier.size_bytes,
        batch=dossier.batch,
        follows=dossier.follows,
        competent_office=dossier.competent_office,
        due_at=_time_or_none(dossier.due_at_us),
        receipt=dossier.statement,
        judgement_number=dossier.judgement_number,
        judgement=dossier.judgement,
        erased_at=_time_or_none(dossier.erased_at_us),
        channel=dossier.channel,
        media_type=dossier.media_type,
        procedure=dossier.procedure,
        procedure_version=dossier.procedure_version,
        unit=dossier.unit,
        period=dossier.period,
        submitter=dossier.submitter,
        verdict=shown_verdict(report, language),
        parts=[
            PartShown(
                number=part.number,
                form=part.form,
                name=part.name,
                kind=part.kind,
                size_bytes=part.size_bytes,
                sha256=part.sha256.hex(),
            )
            for part in parts
        ],
        papers=shown_papers(report.papers, language),
        findings=shown_findings(report.findings, language),
    )


def dossier_page(dossiers: Sequence[journal.Dossier], after: int) -> DossierPage:
    """A page of a list."""
    lines = [
        DossierLine(
            seq=one.seq,
            dossier=one.id,
            receipt_number=one.statement_number,
            state=one.state,
            received_at=_time(one.received_at_us),
            sha256=one.sha256.hex(),
            procedure=one.procedure,
            unit=one.unit,
            period=one.period,
            batch=one.batch,
            competent_office=one.competent_office,
            due_at=_time_or_none(one.due_at_us),
        )
        for one in dossiers
    ]
    return DossierPage(lines, lines[-1].seq if lines else after)


def event_page(events: Sequence[journal.Event], after: int) -> EventPage:
    """A page of facts."""
    shown = [
        EventShown(
            seq=event.seq,
            type=event.type,
            at=_time(event.at_us),
            actor=event.actor,
            dossier=event.dossier,
            detail=msgspec.Raw(event.detail.encode()),
        )
        for event in events
    ]
    return EventPage(shown, shown[-1].seq if shown else after)


def work_shown(leased: Leased) -> WorkShown:
    """A piece of work, as its holder needs it."""
    work, dossier = leased.work, leased.dossier
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
        due_at=_time_or_none(dossier.due_at_us),
        papers_scanned=scan_state(read_report(dossier.report).papers),
    )


def work_page(handed: Handed) -> WorkPage:
    """What a lease request is answered with."""
    return WorkPage([work_shown(one) for one in handed.leased], handed.complete_until)


def alarm_shown(alarm: alarms.Alarm, language: Language) -> AlarmShown:
    """An alarm in one language."""
    return AlarmShown(
        id=alarm.id,
        rule=alarm.rule,
        subject=alarm.subject,
        owner=alarm.owner,
        since=_time(alarm.since_us),
        next_step=alarm.next_step_vi if language == "vi" else alarm.next_step_en,
        closed_by=alarm.closed_by,
    )


def _time(at_us: int) -> str:
    return rfc3339(from_us(at_us))


def _time_or_none(at_us: int | None) -> str | None:
    return None if at_us is None else _time(at_us)
