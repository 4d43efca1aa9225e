"""The papers of the desk: those of a decision made once from its report, control sheets and registers made afresh.

A decision's paper is kept in the vault under the number of its fact, and given out byte for byte thereafter.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from gateway import desk_paper_acts, desk_paper_control, desk_paper_registers
from gateway.clock import VIETNAM, to_us
from gateway.contents import ContentErased
from gateway.desk_paper_acts import ACTS, ToldAct, acts_of
from gateway.desk_paper_control import ToldSheet
from gateway.desk_paper_facts import facts_of, on
from gateway.desk_paper_registers import Entry, ToldRegister, Which, receiving_office
from gateway.papers import PDF, find, keep, read
from schemas import desk_paper, desk_paper_table
from storage import documents, journal, office_register, register, statements

if TYPE_CHECKING:
    from gateway.desk_paper_facts import Fact
    from gateway.house import House
    from gateway.settle import Stores
    from storage.documents import Document
    from storage.journal import Dossier
    from storage.statements import Stated

# A register of more lines is no paper, and no worksheet: a shorter span is asked for.
LINES_MAX: Final = 50_000
DAYS_MAX: Final = 366


class PaperNotThere(Exception):
    """There is no such paper: the fact is no decision, has no statement, or the register has no such part. Trying again
    changes nothing.
    """


class RegisterTooLong(Exception):
    """The register of that span has too many lines, or too many days. A shorter span can be had."""


class RegisterInParts(Exception):
    """The register fills several papers, and none was named. Ask for each by its number, or for CSV."""


class Paper(Struct, frozen=True, kw_only=True):
    """A paper of a decision: its kind and the number of the fact that it tells, with the fact."""

    kind: str
    fact: Fact
    stated: Stated


def document_kind(kind: str) -> str:
    """What a decision's paper of that kind is called among the dossier's documents."""
    return f"{kind}-pdf"


def papers_of(stores: Stores, dossier: Dossier) -> list[Paper]:
    """The papers of what was decided about a dossier, by fact; whether they were made already or not.

    Raises `DatabaseAway`.
    """
    with stores.database.read() as tx:
        decided = acts_of(tx, dossier.id, journal.head(tx))
        stated = {one.seq: one for one in statements.of(tx, dossier.id)}
    return [
        Paper(kind=ACTS[one.event.type], fact=one, stated=stated[one.event.seq])
        for one in decided
        if one.event.seq in stated
    ]


async def act_pdf(house: House, dossier: Dossier, kind: str, seq: int) -> tuple[Document, bytes]:
    """The paper of the decision that fact `seq` is.

    Whoever asks first has it made; two who ask at once get the same bytes, whichever process they ask. Trying again is
    safe. Raises `PaperNotThere`, `ContentErased`, `TypesetError`, and what the stores raise; then nothing is given out.
    """
    if dossier.erased_at_us is not None:
        raise ContentErased(dossier.id)
    kept = await house.run_apart(find, house.stores, dossier.id, document_kind(kind), seq)
    if kept is None:
        told = await house.run_apart(_told_act, house, dossier, kind, seq)
        kept = await house.typeset(_act_pdf, house, told, kind, house.clock.now())
    return kept, await house.run_apart(read, house.stores, kept)


async def control_sheet_pdf(house: House, dossier: Dossier) -> bytes:
    """The control sheet as it stands now, which says up to which fact it speaks. Raises as `act_pdf` does."""
    if dossier.erased_at_us is not None:
        raise ContentErased(dossier.id)
    now = house.clock.now().astimezone(VIETNAM)
    told = await house.run_apart(_told_sheet, house, dossier, now)
    return await house.typeset(desk_paper_table.pdf, desk_paper_control.paper_of(told), now, apart=True)


async def register_pdf(
    house: House, office: str, first: date, last: date, which: Which, part: int | None
) -> tuple[ToldRegister, bytes]:
    """One part of the office's register of the dossiers received on those days, as it stands now.

    Without a `part` all of it, if it is one paper; else raises `RegisterInParts`. Raises `RegisterTooLong`,
    `PaperNotThere`, `TypesetError`, `DatabaseAway`.
    """
    now = house.clock.now().astimezone(VIETNAM)
    told = await house.run_apart(told_register, house, office, first, last, which, now)
    if part is None and told.parts > 1:
        raise RegisterInParts(f"{len(told.entries)} / {told.parts}")
    if part is not None and part > told.parts:
        raise PaperNotThere(f"part {part} of {told.parts}")
    paper = await house.run_apart(desk_paper_registers.paper_of, told, part or 1)
    return told, await house.typeset(desk_paper_table.pdf, paper, now, apart=True)


async def register_csv(house: House, office: str, first: date, last: date, which: Which) -> bytes:
    """The same register whole, as CSV. Raises `RegisterTooLong`, `DatabaseAway`."""
    now = house.clock.now().astimezone(VIETNAM)
    told = await house.run_apart(told_register, house, office, first, last, which, now)
    return await house.run_apart(desk_paper_registers.csv_of, told)


def told_register(house: House, office: str, first: date, last: date, which: Which, now: datetime) -> ToldRegister:
    """The register of the office: what it settles or passed on to another; of those that are non-territorial, also what
    it received for other offices. Raises `RegisterTooLong`, `DatabaseAway`.
    """
    if last - first >= timedelta(days=DAYS_MAX):
        raise RegisterTooLong(f"{(last - first).days + 1} > {DAYS_MAX}")
    begins = datetime.combine(first, time(), VIETNAM)
    ends = datetime.combine(last + timedelta(days=1), time(), VIETNAM)
    # What the gateway receives for all others stands in the receipts alone: every office's are looked through.
    is_receiver = which == "non-territorial" and office == house.tables.receiving_office
    entries: list[Entry] = []
    with house.database.read() as tx:
        upto_seq = journal.head(tx)
        found = office_register.lines(
            tx, None if is_receiver else office, to_us(begins), to_us(ends), last.isoformat(), LINES_MAX + 1
        )
        for count, line in enumerate(found, 1):
            if count > LINES_MAX:
                raise RegisterTooLong(f"> {LINES_MAX}")
            receiver = receiving_office(line.statement)
            if which == "non-territorial" and receiver == line.competent_office:
                continue
            if is_receiver and office not in (receiver, line.competent_office):
                continue
            entries.append(Entry(len(entries) + 1, _without_statement(line), receiver))
    return ToldRegister(
        office=office,
        first=first,
        last=last,
        which=which,
        entries=entries,
        upto_seq=upto_seq,
        tables=house.tables,
        now=now,
    )


def stated_paper(stores: Stores, receipt_number: str, seq: int) -> tuple[Dossier, Paper, Document | None] | None:
    """The decision that a printed paper speaks of, by the numbers that stand on it; None: there is none.

    Raises `DatabaseAway`.
    """
    with stores.database.read() as tx:
        named = documents.about(tx, receipt_number)
        dossier = journal.dossier(tx, named, journal.Scope(everything=True)) if named else None
    if dossier is None:
        return None
    paper = next((one for one in papers_of(stores, dossier) if one.fact.event.seq == seq), None)
    if paper is None:
        return None
    return dossier, paper, find(stores, dossier.id, document_kind(paper.kind), seq)


def _told_act(house: House, dossier: Dossier, kind: str, seq: int) -> ToldAct:
    with house.database.read() as tx:
        facts = facts_of(tx, dossier.id, seq)
        stated = next((one for one in statements.of(tx, dossier.id) if one.seq == seq), None)
    if not facts or facts[-1].event.seq != seq or ACTS.get(facts[-1].event.type) != kind or stated is None:
        raise PaperNotThere(f"{kind} {seq}")
    return ToldAct(
        dossier=dossier,
        fact=facts[-1],
        before=facts[:-1],
        stated=stated,
        unit_name=_unit_name(house, dossier),
        tables=house.tables,
        url=house.settings.url,
    )


def _act_pdf(house: House, told: ToldAct, kind: str, now: datetime) -> Document:
    dossier, seq = told.dossier, told.fact.event.seq
    # Where type is set one asks after the other, so that in one process none is set twice.
    if kept := find(house.stores, dossier.id, document_kind(kind), seq):
        return kept
    content = desk_paper.pdf(desk_paper_acts.paper_of(told), told.fact.at, apart=True)
    return keep(
        house.stores, content, dossier=dossier.id, kind=document_kind(kind), number=seq, media_type=PDF, now=now
    )


def _told_sheet(house: House, dossier: Dossier, now: datetime) -> ToldSheet:
    with house.database.read() as tx:
        upto_seq = journal.head(tx)
        facts = facts_of(tx, dossier.id, upto_seq)
    return ToldSheet(
        dossier=dossier,
        facts=facts,
        upto_seq=upto_seq,
        receiving_office=receiving_office(dossier.statement),
        unit_name=_unit_name(house, dossier),
        tables=house.tables,
        now=now,
    )


def _unit_name(house: House, dossier: Dossier) -> str:
    unit = register.unit_at(house.database, dossier.unit, on(dossier)) if dossier.unit else None
    return unit.name if unit else ""


def _without_statement(line: office_register.Line) -> office_register.Line:
    """Tens of thousands of receipts need not stay in memory."""
    return structs.replace(line, statement="")
