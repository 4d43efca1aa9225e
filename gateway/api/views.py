"""The bodies that programs rely on: dossiers, events, work, alarms, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.about import HALF
from gateway.api.halves_shown import HalfShown
from gateway.attached import scan_state
from gateway.clock import from_us, rfc3339
from gateway.course import due_in_force_us
from gateway.postal.came import came_by_post
from gateway.postal.paper_told import POST
from gateway.receipt import PaperNamed
from gateway.report import (
    FindingShown,
    Language,
    PaperShown,
    VerdictShown,
    by_hand,
    read_report,
    shown_findings,
    shown_papers,
    shown_verdict,
)
from gateway.straight_through import Check, checks_made, is_straight_through

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.desk import Handed, Leased
    from schemas.procedure import Procedure
    from storage import alarms, journal
    from storage.courses import Course
    from storage.work import Work


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
    purpose: str
    about: str | None
    verdict: VerdictShown | None
    parts: list[PartShown]
    papers: list[PaperShown]
    findings: list[FindingShown]
    came_by_post: PaperNamed | None
    halves: list[HalfShown]


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
    purpose: str
    about: str | None


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
            # Both halves of a dossier are known by one name.
            dossier=dossier.about if dossier.purpose == HALF and dossier.about else dossier.id,
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


def dossier_shown(
    dossier: journal.Dossier,
    parts: Sequence[journal.Part],
    language: Language,
    course: Course | None = None,
    halves: Sequence[HalfShown] = (),
) -> DossierShown:
    """A dossier with its parts and report; `due_at` is the date in force, if its office has gone on with it."""
    due_us = dossier.due_at_us if course is None else due_in_force_us(course)
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
        due_at=_time_or_none(due_us),
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
        purpose=dossier.purpose,
        about=dossier.about,
        verdict=by_hand(language) if dossier.channel == POST else shown_verdict(report, language),
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
        came_by_post=came_by_post(dossier),
        halves=list(halves),
    )


def dossier_page(dossiers: Sequence[journal.Dossier], after: int, courses: Mapping[str, Course]) -> DossierPage:
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
            due_at=_time_or_none(due_in_force_us(courses[one.id]) if one.id in courses else one.due_at_us),
            purpose=one.purpose,
            about=one.about,
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
