"""An announcement judged before anything is printed: the same findings as for an electronic dossier, and its own."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.about import HALF, About, about_of
from gateway.belonging import look_up
from gateway.callers import seen_by
from gateway.clock import VIETNAM
from gateway.ids import dossier_id
from gateway.judge import Filing, Refusal, Submission, open_dossier
from gateway.postal.announced_input import Content, DossierSent, SheetRead, content_of, half_alone
from gateway.postal.announced_words import say
from gateway.postal.paper_judge import judge_paper
from gateway.postal.paper_told import POST
from gateway.postal.pieces import COUNT_MAX, PAGES_MAX, PIECES_MAX, Piece
from gateway.states import State
from gateway.supplements import OPEN
from schemas.findings import Finding, Place, Severity
from schemas.references import digests_in
from storage import announcements, journal, register

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.judge import Tables
    from gateway.settle import Stores
    from storage.journal import Dossier

NAME_CHARACTERS_MAX: Final = 200
XML: Final = "application/xml"
JSON: Final = "application/json"


class FoundAt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finding, the dossier of the announcement that it is of (from 1), and the cell where it came from a sheet."""

    dossier: int
    finding: Finding
    sheet_file: str = ""
    sheet: str = ""
    cell: str = ""
    sheet_row: int | None = None


class Whose(Struct, frozen=True, kw_only=True):
    """Whose dossier it is, and who decides it."""

    unit: str
    tax_code: str
    procedure: str
    period: str
    competent_office: str


class Judged(Struct, frozen=True, kw_only=True):
    """One dossier of an announcement, judged. `whose` is None when it was refused; `filing` also for a half that has no
    data of its own.
    """

    number: int
    sent: DossierSent
    content: bytes
    media_type: str
    sha256: bytes
    filing: Filing | None
    whose: Whose | None
    findings: tuple[FoundAt, ...]
    half_of: Dossier | None = None

    @property
    def id(self) -> str:
        """What its dossier will be called."""
        return dossier_id(self.sha256)

    @property
    def is_refused(self) -> bool:
        """Whether it has errors."""
        return self.whose is None or any(one.finding.severity is Severity.ERROR for one in self.findings)


def judge_one(sent: DossierSent, number: int, caller: Caller, stores: Stores, tables: Tables, now: datetime) -> Judged:
    """Make the dossier's envelope, and judge it as it would be judged if it came by wire now, but for its signatures.

    Reads the database. Raises `DatabaseAway`; trying again is safe.
    """
    on = now.astimezone(VIETNAM).date()
    main, found = _half(sent, caller, stores, now)
    sent = _like(sent, main)
    unit = register.unit_at(stores.database, sent.unit, on) if sent.unit else None
    is_alone = bool(sent.half_of) and not (sent.envelope or sent.forms)
    if is_alone:
        made = Content(envelope=half_alone(sent))
    else:
        made = content_of(sent, catalogue=tables.catalogue, unit=unit, ivan_code=caller.ivan_code, on=on)
    found += [*made.findings, *_of_pieces(sent)]
    filing: Filing | None = None
    if made.envelope and not is_alone:
        about = about_of(HALF, main) if main is not None else None
        outcome = _judge(made, about, sent, caller, stores, tables, now)
        found += outcome.findings
        filing = outcome if isinstance(outcome, Filing) else None
    sha256 = hashlib.sha256(made.envelope).digest()
    whose = _whose(filing, main if is_alone else None)
    if whose is not None:
        found += _known_before(sha256, caller, stores, now)
    return Judged(
        number=number,
        sent=sent,
        content=made.envelope,
        media_type=JSON if is_alone else XML,
        sha256=sha256,
        filing=filing,
        whose=whose,
        findings=(*_of_sheets(number, made.sheets), *(found_at(number, one, made.sheets) for one in found)),
        half_of=main,
    )


def _whose(filing: Filing | None, main: Dossier | None) -> Whose | None:
    if filing is not None:
        return Whose(
            unit=filing.unit,
            tax_code=filing.tax_code,
            procedure=filing.procedure.code,
            period=filing.period,
            competent_office=filing.route.competent_office,
        )
    if main is None:
        return None
    return Whose(
        unit=main.unit,
        tax_code=main.tax_code,
        procedure=main.procedure,
        period=main.period,
        competent_office=main.competent_office,
    )


def twice(judged: Sequence[Judged]) -> list[FoundAt]:
    """What is wrong with the dossiers together: each content, and each half, once."""
    seen: set[bytes] = set()
    halves: set[str] = set()
    found: list[FoundAt] = []
    for one in judged:
        if one.content and one.sha256 in seen:
            found.append(FoundAt(dossier=one.number, finding=say("announced-twice")))
        elif one.half_of is not None and one.half_of.id in halves:
            found.append(FoundAt(dossier=one.number, finding=say("half-announced-before", value=one.half_of.id)))
        seen.add(one.sha256)
        if one.half_of is not None:
            halves.add(one.half_of.id)
    return found


def found_at(number: int, found: Finding, sheets: Mapping[str, SheetRead]) -> FoundAt:
    """Lead a finding back to the cell that it is about."""
    source = sheets.get(found.file)
    if source is None:
        return FoundAt(dossier=number, finding=found)
    reading = source.reading
    row = reading.rows[found.row - 1] if found.row is not None and 0 < found.row <= len(reading.rows) else None
    return FoundAt(
        dossier=number,
        finding=found,
        sheet_file=source.file,
        sheet=reading.sheet,
        cell=reading.cell_of(found),
        sheet_row=row,
    )


def clash_told(clash: announcements.AlreadyAnnounced, number: int, client: str) -> FoundAt:
    """The dossier is announced already; where, is told to who announced it alone."""
    return FoundAt(dossier=number, finding=_announced_before(clash.announcement if clash.client == client else ""))


def _of_sheets(number: int, sheets: Mapping[str, SheetRead]) -> list[FoundAt]:
    """What was noticed while sheets were read."""
    return [found_at(number, one, sheets) for source in sheets.values() for one in source.reading.notices]


def _judge(
    made: Content,
    about: About | None,
    sent: DossierSent,
    caller: Caller,
    stores: Stores,
    tables: Tables,
    now: datetime,
) -> Filing | Refusal:
    submission = Submission(
        content=made.envelope,
        sha256=hashlib.sha256(made.envelope).digest(),
        submitter=caller.client,
        received_at=now,
        batch=sent.batch,
        channel=POST,
        about=about,
    )
    opened = open_dossier(submission)
    if isinstance(opened, Refusal):
        return opened
    # A clerk keys in whoever's paper has come.
    is_clerk = caller.role == "office"
    known = look_up(
        stores.database,
        unit_code=opened.header.unit_code,
        on=now.astimezone(VIETNAM).date(),
        client=None if is_clerk else caller.client,
        submitter=caller.client,
        ivan_code=caller.ivan_code,
        references=digests_in(opened.root),
    )
    return judge_paper(submission, known, tables)


def _half(sent: DossierSent, caller: Caller, stores: Stores, now: datetime) -> tuple[Dossier | None, list[Finding]]:
    """The dossier whose paper half is announced, if the caller may see it and it can have one."""
    if not sent.half_of:
        return None, []
    scope = seen_by(caller, now.astimezone(VIETNAM).date())
    with stores.database.read() as tx:
        main = journal.dossier(tx, sent.half_of, scope) if scope is not None else None
        is_announced = bool(announcements.paper_halves(tx, sent.half_of))
    found: list[Finding] = []
    if main is None:
        return None, [say("half-not-there", value=sent.half_of)]
    if State(main.state) not in OPEN or main.purpose or main.channel == POST:
        found.append(say("half-not-open", value=sent.half_of))
    elif is_announced:
        found.append(say("half-announced-before", value=sent.half_of))
    if not (sent.pieces or sent.forms or sent.envelope):
        found.append(say("half-without-pieces"))
    return main, found


def _like(sent: DossierSent, main: Dossier | None) -> DossierSent:
    """A half that names nothing else is of the unit, procedure and period of the other."""
    if main is None or sent.envelope:
        return sent
    return msgspec.structs.replace(
        sent,
        procedure=sent.procedure or main.procedure,
        unit=sent.unit or main.unit,
        period=sent.period or main.period,
        batch=main.batch,
    )


def _of_pieces(sent: DossierSent) -> list[Finding]:
    """What is wrong with the employer's own list, before our forms are added to it."""
    found: list[Finding] = []
    if len(sent.pieces) > PIECES_MAX:
        found.append(say("pieces-too-many", value=str(len(sent.pieces)), most=PIECES_MAX))
    for at, one in enumerate(sent.pieces[:PIECES_MAX], 1):
        place = Place(file="pieces", row=at, row_name=one.name)
        if not 1 <= one.count <= COUNT_MAX:
            found.append(say("piece-count", place, value=str(one.count), most=COUNT_MAX))
        if not 0 <= one.pages <= PAGES_MAX:
            found.append(say("piece-pages", place, value=str(one.pages), most=PAGES_MAX))
        if len(one.name) > NAME_CHARACTERS_MAX or any(unicodedata.category(letter) == "Cc" for letter in one.name):
            found.append(say("piece-name", place, value=one.name, most=NAME_CHARACTERS_MAX))
        if one.form:
            found.append(say("piece-form", place, value=one.form))
    return found


def pieces_too_thick(number: int, pieces: Sequence[Piece]) -> list[FoundAt]:
    """Whether all pieces together, with the forms that we print, are more than one dossier holds."""
    pages = sum(one.pages for one in pieces)
    found: list[FoundAt] = []
    if len(pieces) > PIECES_MAX:
        words = say("pieces-too-many", Place(file="pieces"), value=str(len(pieces)), most=PIECES_MAX)
        found.append(FoundAt(dossier=number, finding=words))
    if pages > PAGES_MAX:
        words = say("piece-pages", Place(file="pieces"), value=str(pages), most=PAGES_MAX)
        found.append(FoundAt(dossier=number, finding=words))
    return found


def _known_before(sha256: bytes, caller: Caller, stores: Stores, now: datetime) -> list[Finding]:
    """Whether this very dossier was received, or announced, before."""
    with stores.database.read() as tx:
        received = journal.accepted(tx, [sha256]).get(sha256)
        if received is not None:
            return [say("already-received", value=_number_told(tx, received, caller, now))]
        there = announcements.announced(tx, dossier_id(sha256))
        if there is None or there.state == announcements.CANCELLED:
            return []
        one = announcements.find(tx, there.announcement)
    return [_announced_before(there.announcement if one is not None and one.client == caller.client else "")]


def _number_told(tx: sa.Connection, received: Dossier, caller: Caller, now: datetime) -> str:
    scope = seen_by(caller, now.astimezone(VIETNAM).date())
    seen = scope is not None and journal.dossier(tx, received.id, scope) is not None
    return received.statement_number if seen else "?"


def _announced_before(announcement: str) -> Finding:
    where = f" ({announcement})" if announcement else ""
    return say("announced-before", value=announcement, where_vi=where, where_en=where)
