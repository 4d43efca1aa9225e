"""The bodies that programs rely on: dossiers, events, alarms, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.about import HALF
from gateway.api.halves_shown import HalfShown
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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage import alarms, journal
    from storage.courses import Course


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
    same_case: list[str]


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
    same_case: Sequence[str] = (),
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
        same_case=list(same_case),
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
