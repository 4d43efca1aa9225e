"""What the papers of an office's decisions say: a supplement request, a refusal, an apology, each from its report."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway import desk_paper_words as words
from gateway.clock import for_people, from_us
from gateway.desk_paper_facts import (
    Asked,
    Fact,
    dated,
    facts_of,
    in_words,
    instant,
    on,
    paragraphs,
    procedure_told,
    unit_told,
)
from gateway.paper_receipt import paper_key
from schemas.desk_paper import ActPaper, Item, Passage
from schemas.printed_page import seen
from schemas.receipt_paper import Field, Words, grouped
from signing.seal import kid_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.judge import Tables
    from storage.journal import Dossier
    from storage.statements import Stated

# Which paper each fact has; the paper's kind stands in its file's name.
ACTS: Final = {
    "supplement-requested": "supplement-request",
    "declined": "refusal",
    "stopped": "refusal",
    "re-appointed": "apology",
}


class ToldAct(Struct, frozen=True, kw_only=True):
    """What such a paper is made from: the dossier, the fact and those before it, the signed statement of it, the
    unit's name on the day of receipt, the tables, the public address.
    """

    dossier: Dossier
    fact: Fact
    before: Sequence[Fact]
    stated: Stated
    unit_name: str
    tables: Tables
    url: str


def acts_of(tx: sa.Connection, dossier: str, upto_seq: int) -> list[Fact]:
    """The facts of a dossier that have a paper of their own."""
    return [one for one in facts_of(tx, dossier, upto_seq) if one.event.type in ACTS]


def stated_address(url: str, receipt_number: str, stated: Stated) -> str:
    """What the square code holds: where the report is checked, and, behind the #, which is sent nowhere, the SHA-256 of
    the statement. Nothing of it is personal.
    """
    digest = hashlib.sha256(stated.jws.encode("ascii")).hexdigest()
    return f"{url}/v1/reports/{receipt_number}/{stated.seq}?key={paper_key(stated.jws)}#sha256={digest}"


def paper_of(told: ToldAct) -> ActPaper:
    """The paper of a report; the same told gives the same paper, whenever it is made."""
    dossier, fact, number = told.dossier, told.fact, told.stated.number
    office, superior = _office(told)
    opening, items, closing = _ACT[fact.event.type](told, office)
    signer = [line for line in (fact.said.department, fact.said.officer) if line]
    return ActPaper(
        superior=superior,
        office=office,
        number=number,
        dated=dated(fact.at),
        title=words.TITLES[ACTS[fact.event.type]],
        subject=_fill(words.SUBJECT, number=dossier.statement_number),
        addressee_label=words.TO,
        addressee=unit_told(dossier, told.unit_name),
        fields=tuple(_fields(told)),
        opening=opening,
        items_heads=words.SUPPLEMENT_HEADS if items else (),
        items=items,
        closing=closing,
        recipients_label=words.RECIPIENTS,
        recipients=(words.RECIPIENT_UNIT, _fill(words.RECIPIENT_FILE, number=dossier.statement_number)),
        signer_title=words.SIGNER,
        signer_lines=tuple(map(seen, signer if fact.said.officer else [*signer, words.OFFICER_MISSING])),
        signer_note=_fill(words.SIGNER_NOTE, report=number),
        checking=words.CHECKING,
        steps=tuple(_fill(step, url=told.url) for step in words.STEPS),
        code=stated_address(told.url, dossier.statement_number, told.stated),
        qr_told=words.CODE_TOLD.format(number=number),
        foot=f"{number} · {dossier.id}",
    )


def _supplement(told: ToldAct, office: str) -> tuple[tuple[Passage, ...], tuple[Item, ...], tuple[Passage, ...]]:
    said, dossier = told.fact.said, told.dossier
    items = tuple(_item(number, one) for number, one in enumerate(said.asked, 1))
    closing = []
    if said.reason:
        closing.append(Passage(words=words.SUPPLEMENT_NOTE, quoted=paragraphs(said.reason)))
    due = _due_after(told)
    shown = for_people(due) if due else words.DUE_UNKNOWN
    closing.append(Passage(words=_fill(words.SUPPLEMENT_CLOCK, at=for_people(told.fact.at), due=shown)))
    if said.second:
        count = sum(one.event.type == "supplement-requested" for one in told.before) + 1
        closing.append(Passage(words=_fill(words.SUPPLEMENT_SECOND, count=count)))
    closing.append(Passage(words=_fill(words.SUPPLEMENT_HOW, dossier=dossier.statement_number)))
    opening = (Passage(words=_fill(words.SUPPLEMENT_OPENING, office=office, count=len(items))),)
    return opening, items, tuple(closing)


def _item(number: int, asked: Asked) -> Item:
    return Item(number=number, what=paragraphs(asked.what), why=paragraphs(asked.why) or ("—",))


def _refusal(told: ToldAct, office: str) -> tuple[tuple[Passage, ...], tuple[Item, ...], tuple[Passage, ...]]:
    said = words.STOPPED_OPENING if told.fact.event.type == "stopped" else words.REFUSAL_OPENING
    opening = Passage(words=_fill(said, office=office), quoted=_reason(told))
    return (opening,), (), (Passage(words=words.REFUSAL_CLOSING),)


def _apology(told: ToldAct, office: str) -> tuple[tuple[Passage, ...], tuple[Item, ...], tuple[Passage, ...]]:
    before, after = _due_before(told), _due_after(told)
    is_late = before is not None and told.fact.at > before
    opening = Passage(
        words=_fill(words.APOLOGY_AFTER if is_late else words.APOLOGY_BEFORE, office=office), quoted=_reason(told)
    )
    due = in_words(after) if after else words.DUE_UNKNOWN
    return (opening,), (), (Passage(words=_fill(words.APOLOGY_CLOSING, due=due)),)


_ACT: Final = {
    "supplement-requested": _supplement,
    "declined": _refusal,
    "stopped": _refusal,
    "re-appointed": _apology,
}


def _fields(told: ToldAct) -> Iterator[Field]:
    dossier, fact = told.dossier, told.fact
    yield _field(words.NUMBER, dossier.statement_number)
    for label, name in ((words.NATIONAL_CODE, "national_code"), (words.BHXH_NUMBER, "bhxh_number")):
        known = [getattr(one.said, name) for one in (*told.before, fact) if getattr(one.said, name)]
        if known:
            yield _field(label, known[-1])
    yield _field(words.PROCEDURE, procedure_told(told.tables, dossier.procedure, on(dossier)))
    if dossier.period:
        yield _field(words.PERIOD, f"{dossier.period}, đợt {dossier.batch}")
    yield _field(words.RECEIVED_AT, for_people(from_us(dossier.received_at_us)))
    yield from _dates(told)
    if (own := instant(fact.said.at)) is not None and for_people(own) != for_people(fact.at):
        yield Field(
            label=words.DECIDED_AT,
            lines=(for_people(fact.at),),
            note=_fill(words.OFFICE_SAYS, at=for_people(own)),
        )
    else:
        yield _field(words.DECIDED_AT, for_people(fact.at))
    yield _field(words.STATED, told.stated.number)
    yield Field(
        label=words.STATED_DIGEST,
        lines=grouped(told.stated.leaf.hex()),
        digits=True,
        note=_fill(words.SEALED_BY, kid=kid_of(told.stated.jws)),
    )


def _dates(told: ToldAct) -> Iterator[Field]:
    fact = told.fact.event.type
    after, before = _due_after(told), _due_before(told)
    if fact == "re-appointed":
        yield _field(words.DUE_BEFORE, for_people(before) if before else words.DUE_UNKNOWN)
        yield _field(words.DUE_NEW, for_people(after) if after else words.DUE_UNKNOWN)
    elif fact == "supplement-requested":
        if after:
            yield _field(words.DUE_AT, for_people(after))
        if until := instant(told.fact.said.until):
            yield _field(words.UNTIL, for_people(until))
    else:
        if before:
            yield _field(words.DUE_AT, for_people(before))
        decided = words.STOPPED if fact == "stopped" else words.DECLINED
        yield Field(label=words.DECIDED, lines=(decided.vi,), note=Words(decided.en))


def _due_before(told: ToldAct) -> datetime | None:
    """The due date in force before the fact: the last that a fact told, else the receipt's."""
    for one in reversed(told.before):
        if due := instant(one.said.due_at):
            return due
    return from_us(told.dossier.due_at_us) if told.dossier.due_at_us is not None else None


def _due_after(told: ToldAct) -> datetime | None:
    return instant(told.fact.said.due_at) or _due_before(told)


def _reason(told: ToldAct) -> tuple[str, ...]:
    return paragraphs(told.fact.said.reason) or (words.REASON_MISSING,)


def _office(told: ToldAct) -> tuple[str, str]:
    """The office's name, and that of the one above it; the social insurance of Vietnam is above a provincial one."""
    code, day = told.fact.event.office, told.fact.at.date()
    office = told.tables.offices.get(code, day)
    if office is None:
        return code, ""
    parent = told.tables.offices.get(office.parent, day) if office.parent else None
    return office.name, parent.name if parent else words.VSS


def _field(label: Words, line: str) -> Field:
    return Field(label=label, lines=(seen(line),))


def _fill(said: Words, **values: object) -> Words:
    return Words(said.vi.format(**values), said.en.format(**values))
