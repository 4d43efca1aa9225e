"""LINE 3: paper comes, and becomes a dossier like any other: announced, posted, delivered, opened, scanned, filed.

What was announced is judged by the same rules, kept, sealed, logged, routed and offered through the same round as what
comes by wire; its scans and the story of its way are documents about it. A signature by hand is not judged, and the
receipt says so. Results and originals go back through `gateway.postal.returns`.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway import events, ids, office_statement, states
from gateway.about import HALF, About, about_of
from gateway.belonging import look_up
from gateway.clock import VIETNAM, rfc3339, to_us
from gateway.course import procedure_of
from gateway.judge import WITH_DOSSIER, Filing, Refusal, Submission, open_dossier
from gateway.postal import halves
from gateway.postal.filed import CUSTODY, SCANS
from gateway.postal.paper_judge import judge_paper
from gateway.postal.paper_told import POST, PaperTold
from gateway.postal.pieces import Piece
from gateway.report_rules import NATIONAL
from gateway.routing import Route
from gateway.settle import Settled
from gateway.states import State
from schemas.references import digests_in
from storage import announcements, documents, journal
from storage import halves as rows
from storage.announcements import Announced
from storage.documents import Document
from storage.vault import Entry

if TYPE_CHECKING:
    from gateway.callers import Caller
    from gateway.house import House
    from gateway.judge import Tables
    from gateway.settle import Stores
    from schemas.findings import Finding
    from storage.journal import Dossier

XML: Final = "application/xml"
_PDF: Final = "application/pdf"
_JSON: Final = "application/json"
_EVERYTHING: Final = journal.Scope(everything=True)


class PaperRefused(Exception):
    """What was announced cannot become a dossier now, for these findings: a person must look. Nothing was lost or
    written; trying again helps when the register, the tables or the catalogue were mended.
    """

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(f"{one.code}: {one.message_vi}" for one in findings))
        self.findings = findings


class Paper(Struct, frozen=True, kw_only=True):
    """A paper dossier that is complete, as the mail room has it. `scans` is one PDF of its `pages` (b"" where nothing
    was scanned), `counted` the pieces that were found. Where a person said that it is complete, `reason` says why, and
    `missing` (JSON) what it lacks.
    """

    announced: Announced
    content: bytes
    item: str
    posted_at: datetime | None
    arrived_at: datetime
    opened_at: datetime
    office: str
    scans: bytes
    pages: int
    counted: tuple[Piece, ...]
    reason: str = ""
    missing: str = "[]"


class Custody(Struct, frozen=True, kw_only=True):
    """How paper came to be a dossier, as it is kept beside it (`custody`, JSON)."""

    announcement: str
    announced: str
    digest: str
    announced_sha256: str
    item: str
    posted_at: str | None
    arrived_at: str
    opened_at: str
    office: str
    filed_by: str
    filed_at: str
    time_of_receipt: str
    basis: str
    rules: str
    pages: int
    scans_sha256: str
    counted: tuple[Piece, ...]
    reason: str
    missing: msgspec.Raw


async def file_paper(house: House, paper: Paper, caller: Caller) -> Settled:
    """From announced data and scans to receipt. Doing it again, also after a power cut, gives the same dossier.

    Raises `PaperRefused`; `VaultAway`, `DatabaseAway` and `Poisonous` as the intake does.
    """
    # (1) The clock is read once.
    now = house.clock.now()
    # (2) It became a dossier before?
    found = await house.run(_found, house, paper)
    if found.earlier is not None:
        return Settled(found.earlier, fresh=False)
    main = found.main
    told = _told(paper, house.tables, main, caller, now)
    submission = Submission(
        content=found.content,
        sha256=hashlib.sha256(found.content).digest(),
        submitter=found.announcement.client if found.announcement else caller.client,
        received_at=told.time_of_receipt,
        batch=paper.announced.batch,
        channel=POST,
        media_type=found.media_type,
        about=_about(main),
        paper=told,
    )
    # (3) The same judgement, by the rules of the day on which it counts as received.
    outcome = await house.run_apart(_judge, house, submission, main)
    if isinstance(outcome, Refusal):
        raise PaperRefused(outcome.findings)
    # (4) Scans and custody are durable before the round.
    kept = await house.run_apart(_keep, house.stores, _documents(paper, told, caller, now), now)
    # (5) One round with all others: kept, sealed, committed. From here on it is what came now.
    entering = structs.replace(submission, received_at=now)
    settled = await house.intake.enter(structs.replace(outcome, submission=entering, documents=kept))
    if settled.dossier.channel != POST:
        # Its very data came by wire in this moment: then its paper is the other half of that.
        return await file_paper(house, paper, caller)
    return settled


class _Found(Struct, frozen=True, kw_only=True):
    """The dossier that it is already; who announced it; the dossier whose other half it is; what it brings."""

    earlier: Dossier | None
    announcement: announcements.Announcement | None
    main: Dossier | None
    content: bytes
    media_type: str


def _found(house: House, paper: Paper) -> _Found:
    one, content, media_type = paper.announced, paper.content, paper.announced.media_type
    with house.database.read() as tx:
        # Its electronic half may have come since the row was read.
        row = next((each for each in announcements.of(tx, one.announcement) if each.id == one.id), one)
        main = journal.dossier(tx, row.half_of, _EVERYTHING) if row.half_of else None
        earlier = journal.dossier(tx, ids.dossier_id(one.sha256), _EVERYTHING)
        if earlier is not None and earlier.channel != POST:
            # The very same data came by wire: that is the dossier, and one content has one name.
            main, content, media_type = earlier, halves.of_paper(one, earlier), "application/json"
            earlier = journal.dossier(tx, ids.dossier_id(hashlib.sha256(content).digest()), _EVERYTHING)
        return _Found(
            earlier=earlier,
            announcement=announcements.find(tx, one.announcement),
            main=main,
            content=content,
            media_type=media_type,
        )


def _about(main: Dossier | None) -> About | None:
    # Paper that has come is received, also when its dossier has ended.
    return None if main is None else about_of(HALF, main)


def _told(paper: Paper, tables: Tables, main: Dossier | None, caller: Caller, now: datetime) -> PaperTold:
    basis = tables.post.time_of_receipt.of(paper.announced.procedure)
    # What no carrier told of, or a clock that is ahead, is never later than now.
    arrived_at = min(paper.arrived_at, paper.opened_at, now)
    posted_at = min(paper.posted_at, arrived_at) if paper.posted_at else None
    return PaperTold(
        item=paper.item,
        posted_at=posted_at,
        arrived_at=arrived_at,
        opened_at=min(paper.opened_at, now),
        basis=basis if posted_at is not None else "arrived",
        rules=tables.post.version,
        office=paper.office,
        pages=paper.pages,
        scans_sha256=hashlib.sha256(paper.scans).hexdigest() if paper.scans else "",
        announced=paper.announced.id,
        is_half=main is None and bool(paper.announced.hybrid),
        originals=tuple((one.kind, one.name, one.count) for one in paper.counted if one.original),
        told_by=caller.client,
    )


def _judge(house: House, submission: Submission, main: Dossier | None) -> Filing | Refusal:
    if submission.media_type != XML and main is not None:
        return _half_alone(submission, main, house.tables)
    opened = open_dossier(submission)
    if isinstance(opened, Refusal):
        return opened
    known = look_up(
        house.database,
        unit_code=opened.header.unit_code,
        on=submission.received_at.astimezone(VIETNAM).date(),
        references=digests_in(opened.root),
        submitter=submission.submitter,
    )
    return judge_paper(submission, known, house.tables)


def _half_alone(submission: Submission, main: Dossier, tables: Tables) -> Filing:
    """The paper of an electronic dossier, announced without data of its own: nothing is judged but whose it is."""
    procedure = procedure_of(main, tables) or tables.catalogue.procedure(main.procedure, submission.received_at.date())
    if procedure is None:
        raise LookupError(main.procedure)
    route = Route(
        competent_office=main.competent_office,
        competent_name="",
        rule=WITH_DOSSIER,
        table_version=tables.offices.version,
        original="",
    )
    return Filing(
        submission=submission,
        procedure=procedure,
        unit=main.unit,
        tax_code=main.tax_code,
        period=main.period,
        parts=(),
        verdicts=(),
        findings=(),
        schema_versions=(procedure.version,),
        route=route,
        due=None,
    )


def _documents(paper: Paper, told: PaperTold, caller: Caller, now: datetime) -> list[tuple[str, str, bytes]]:
    """What is kept about it beside its content: kind, media type, bytes."""
    custody = Custody(
        announcement=paper.announced.announcement,
        announced=paper.announced.id,
        digest=paper.announced.digest.hex(),
        announced_sha256=paper.announced.sha256.hex(),
        item=told.item,
        posted_at=rfc3339(told.posted_at) if told.posted_at else None,
        arrived_at=rfc3339(told.arrived_at),
        opened_at=rfc3339(told.opened_at),
        office=told.office,
        filed_by=caller.client,
        filed_at=rfc3339(now),
        time_of_receipt=rfc3339(told.time_of_receipt),
        basis=told.basis,
        rules=told.rules,
        pages=told.pages,
        scans_sha256=told.scans_sha256,
        counted=paper.counted,
        reason=paper.reason,
        missing=msgspec.Raw(paper.missing.encode()),
    )
    made = [(CUSTODY, _JSON, msgspec.json.encode(custody))]
    return [*made, (SCANS, _PDF, paper.scans)] if paper.scans else made


def _keep(stores: Stores, made: list[tuple[str, str, bytes]], now: datetime, number: int = 1) -> tuple[Document, ...]:
    """The documents, durable and without a dossier yet; a power cut leaves noise in a pack."""
    digests = [hashlib.sha256(content).digest() for _, _, content in made]
    locked = [stores.cipher.lock(content, sha256) for (_, _, content), sha256 in zip(made, digests, strict=True)]
    places = stores.vault.put_many([Entry(sha256, one.body) for sha256, one in zip(digests, locked, strict=True)])
    return tuple(
        Document(
            dossier="",
            kind=kind,
            number=number,
            media_type=media_type,
            sha256=sha256,
            size_bytes=len(content),
            pack=place.pack,
            pack_offset=place.offset,
            pack_length=place.length,
            wrapped_key=one.wrapped_key,
            made_at_us=to_us(now),
        )
        for (kind, media_type, content), sha256, one, place in zip(made, digests, locked, places, strict=True)
    )


async def refile(house: House, dossier_id: str, scans: bytes, pages: int, caller: Caller, reason: str) -> None:
    """The pages of a dossier that was filed are others than was thought: keep the new file beside the old, and say so.

    Nothing is overwritten; the same file again changes nothing. Raises `LookupError`, `IllegalTransition` (erased), and
    what the stores raise; trying again is safe.
    """
    now = house.clock.now()
    sha256 = hashlib.sha256(scans).hexdigest() if scans else ""
    dossier_id = await house.run(_kept_as, house, dossier_id)
    number = await house.run(_next_scans, house, dossier_id, sha256)
    if number is None:
        return
    made = [(SCANS, _PDF, scans)] if scans else []
    kept = await house.run_apart(_keep, house.stores, made, now, number) if made else ()
    await house.run(_rebound, house, dossier_id, kept, sha256, pages, caller, reason, now)


def _kept_as(house: House, announced: str) -> str:
    """The id under which the paper that was announced by that id is kept: of the same data by wire it is a half."""
    with house.database.read() as tx:
        dossier = journal.dossier(tx, announced, _EVERYTHING)
        if dossier is None or dossier.channel == POST:
            return announced
        came = (each.came for each in rows.of(tx, announced) if each.kind == halves.PAPER)
        return next(came, None) or announced


def _next_scans(house: House, dossier_id: str, sha256: str) -> int | None:
    """The number of its next file of scans; None when the last one is these bytes."""
    with house.database.read() as tx:
        kept = [one for one in documents.of(tx, dossier_id) if one.kind == SCANS]
    if kept and kept[-1].sha256.hex() == sha256:
        return None
    return kept[-1].number + 1 if kept else 1


def _rebound(
    house: House,
    dossier_id: str,
    kept: tuple[Document, ...],
    sha256: str,
    pages: int,
    caller: Caller,
    reason: str,
    now: datetime,
) -> None:
    with house.database.begin() as tx:
        turn = journal.take_turn(tx)
        dossier = events.dossier_of(tx, dossier_id)
        if dossier.erased_at_us is not None:
            raise states.IllegalTransition("pages-rebound cannot follow erased")
        for one in kept:
            documents.add(tx, structs.replace(one, dossier=dossier_id))
        seq = turn.head + 1
        detail: dict[str, object] = {
            "report": office_statement.number_of(dossier, seq),
            "pages": pages,
            "scans_sha256": sha256,
            "reason": reason,
            "salt": secrets.token_hex(16),
        }
        journal.record(tx, [events.fact(turn, dossier, "pages-rebound", caller.client, now, detail)], {})
        said = office_statement.Reported(
            report=str(detail["report"]),
            receipt=dossier.statement_number,
            receipt_sha256=events.receipt_sha256(dossier),
            dossier=dossier.id,
            sha256=dossier.sha256.hex(),
            fact="pages-rebound",
            state=dossier.state,
            national=NATIONAL[State(dossier.state)],
            office=dossier.competent_office,
            reported_by=caller.client,
            reported_at=rfc3339(now),
            words_sha256=office_statement.digest_of_words(detail),
        )
        office_statement.state_it(tx, house.stores, dossier, said, seq, now)
        journal.end_turn(tx, turn)
