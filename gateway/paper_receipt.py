"""What the printable receipt says: the signed statement, and the names that its codes stand for."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway import paper_words as words
from gateway.clock import VIETNAM, for_people, from_us
from gateway.postal.paper_told import NOT_JUDGED
from gateway.printing import signer_told
from gateway.receipt import Judgement, Notice, Receipt
from gateway.report import read_report
from gateway.track_code import shown, tracking_code
from schemas.printed_findings import complaints
from schemas.printed_page import seen
from schemas.receipt_paper import (
    FILES_SHOWN_MAX,
    FINDINGS_SHOWN_MAX,
    Complaint,
    Field,
    File,
    ReceiptPaper,
    Words,
    grouped,
)
from signing.seal import kid_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from gateway.judge import Tables
    from gateway.report import Report
    from storage.journal import Dossier, Part

_PASSED: Final = "TOTAL-PASSED"
_KEY_BYTES: Final = 16
# January and February are written with their zero, the other months without (Decree 30/2020, annex I, II.4).
_LAST_MONTH_WITH_ZERO: Final = 2


class Told(Struct, frozen=True, kw_only=True):
    """What a paper is made from: the dossier's row and parts, its unit's name, the tables, the public address."""

    dossier: Dossier
    parts: Sequence[Part]
    unit_name: str
    tables: Tables
    url: str

    @property
    def on(self) -> date:
        """The day of receipt in Vietnam."""
        return from_us(self.dossier.received_at_us).astimezone(VIETNAM).date()


def paper_key(statement: str) -> str:
    """What opens a receipt's page to who holds its paper: 128 bits that follow from the signed statement.

    Not its SHA-256, which the log shows to everyone.
    """
    digest = hashlib.sha256(b"motcua paper\0" + statement.encode("ascii")).digest()
    return base64.b32encode(digest[:_KEY_BYTES]).decode("ascii").rstrip("=").lower()


def address(url: str, dossier: Dossier) -> str:
    """What the square code holds: where the paper is checked, and, behind the #, which is sent nowhere, the SHA-256 of
    the statement, so that a reader without a network can look for it in a copy of the log. Nothing of it is personal.
    """
    key, digest = paper_key(dossier.statement), _digest(dossier.statement)
    return f"{url}/v1/receipts/{dossier.statement_number}?key={key}#sha256={digest}"


def statement_of(dossier: Dossier) -> Receipt | Notice:
    """What the dossier's own statement says. It is ours, and was sealed before it was kept: nothing is checked."""
    payload = payload_of(dossier.statement)
    if dossier.pack is None:
        return msgspec.json.decode(payload, type=Notice)
    return msgspec.json.decode(payload, type=Receipt)


def paper_of(told: Told) -> ReceiptPaper:
    """The paper of a dossier's receipt or notice, and of its judgement when it has one."""
    dossier, said = told.dossier, statement_of(told.dossier)
    report = read_report(dossier.report)
    judged = msgspec.json.decode(payload_of(dossier.judgement), type=Judgement) if dossier.judgement else None
    if isinstance(said, Notice):
        why = words.WHY.get(said.code)
        state, about = words.REFUSED, ((why,) if why else ()) + (words.NOT_KEPT,)
    elif judged is not None:
        refused = judged.state == "refused"
        state = words.REFUSED if refused else words.ACCEPTED
        about = (words.JUDGED_BAD if refused else words.JUDGED_GOOD,)
    else:
        passed = said.verdict in (_PASSED, NOT_JUDGED)
        state = words.ACCEPTED if passed else words.PENDING
        judged_good = words.BY_HAND if said.verdict == NOT_JUDGED else words.NOT_A_DECISION
        about = (judged_good if passed else words.WAITING,)
    bad = state is words.REFUSED
    found = tuple(_complaints(report)) if bad else ()
    receiving = said.receiving_office if isinstance(said, Receipt) else told.tables.receiving_office
    at = _made_at(dossier)
    return ReceiptPaper(
        title=_title(dossier, state),
        outcome="bad" if bad else "good" if state is words.ACCEPTED else "waits",
        issuer=words.ISSUER,
        office=_office(told, receiving).partition(" – ")[2] or receiving,
        number=dossier.statement_number,
        dated=_dated(at),
        state=state,
        words=about,
        fields=tuple(_fields(told, said, judged, report)),
        checking=words.CHECKING,
        steps=tuple(_fill(step, url=told.url) for step in words.STEPS),
        code=address(told.url, dossier),
        qr_told=words.CODE_TOLD.format(number=dossier.statement_number),
        files_title=_fill(words.FILES, count=len(told.parts)),
        files_heads=words.FILES_HEADS,
        files=tuple(map(_file, told.parts[:FILES_SHOWN_MAX])),
        files_more=_more(words.FILES_MORE, len(told.parts) - FILES_SHOWN_MAX),
        findings_title=_fill(words.FINDINGS, count=len(found)),
        findings=found[:FINDINGS_SHOWN_MAX],
        findings_more=_more(words.FINDINGS_MORE, len(found) - FINDINGS_SHOWN_MAX, dossier=dossier.id),
        foot=f"{dossier.statement_number} · {dossier.id}",
    )


def _title(dossier: Dossier, state: Words) -> Words:
    if state is words.REFUSED:
        return words.TITLE_REFUSED
    return words.TITLE_APPOINTED if state is words.ACCEPTED and dossier.due_at_us is not None else words.TITLE_RECEIVED


def _made_at(dossier: Dossier) -> datetime:
    return from_us(dossier.received_at_us if dossier.judged_at_us is None else dossier.judged_at_us)


def _fields(told: Told, said: Receipt | Notice, judged: Judgement | None, report: Report) -> Iterator[Field]:
    dossier = told.dossier
    is_receipt = isinstance(said, Receipt)
    yield _field(words.NUMBER if is_receipt else words.NOTICE_NUMBER, dossier.statement_number)
    yield _field(words.RECEIVED_AT, _to_the_second(from_us(dossier.received_at_us)))
    if isinstance(said, Receipt):
        yield from _came(said)
    if said.procedure:
        procedure = told.tables.catalogue.procedure(said.procedure, told.on)
        yield _field(words.PROCEDURE, f"{said.procedure} – {procedure.title_vi}" if procedure else said.procedure)
    yield from _whose(told, said)
    if isinstance(said, Receipt):
        yield _field(words.PERIOD, words.FILING.format(period=said.period or "—", batch=said.batch))
        if signer := next((one for one in report.signatures if _signed(said, one.certificate_sha256)), None):
            yield _field(words.SIGNER, signer_told(signer))
    yield _field(words.SUBMITTER, said.submitter)
    if isinstance(said, Receipt):
        yield _field(words.OFFICE, _office(told, said.competent_office))
    # A refused dossier is nobody's to answer.
    if dossier.due_at_us is not None and not (judged and judged.state == "refused"):
        yield _field(words.DUE, for_people(from_us(dossier.due_at_us)))
    code = shown(tracking_code(dossier.statement))
    yield Field(label=words.TRACKING, lines=(code,), digits=True, note=_fill(words.TRACK_AT, url=told.url))
    size = Words(f"{_thousands(dossier.size_bytes)} byte")
    yield Field(label=words.CONTENT, lines=grouped(dossier.sha256.hex()), digits=True, note=size)
    yield Field(
        label=words.STATEMENT if is_receipt else words.NOTICE_STATEMENT,
        lines=grouped(_digest(dossier.statement)),
        digits=True,
        note=_fill(words.SEALED_BY, kid=kid_of(dossier.statement)),
    )
    if judged is not None and dossier.judgement:
        yield Field(
            label=words.JUDGEMENT,
            lines=(words.JUDGED.format(number=judged.judgement, at=_to_the_second(_made_at(dossier))),),
        )
    if said.log:
        by = for_people(datetime.fromisoformat(said.log_by)) if said.log_by else ""
        yield Field(label=words.LOG, lines=(said.log,), note=_fill(words.LOG_BY, at=by) if by else Words(""))
    yield _field(words.DOSSIER, said.dossier)


def _came(said: Receipt) -> Iterator[Field]:
    """Of paper when it counts as received, and in which item it came; of one of two halves which one it is."""
    if said.paper:
        at = _to_the_second(datetime.fromisoformat(said.paper.time_of_receipt))
        yield Field(label=words.COUNTS_FROM, lines=(at,), note=words.BASIS[said.paper.basis])
        yield _field(words.ITEM, f"{said.paper.item}, {said.paper.pages}")
    if said.half:
        half = words.HALVES[said.half]
        yield Field(label=words.HALF, lines=(half.vi,), note=Words(half.en))


def _whose(told: Told, said: Receipt | Notice) -> Iterator[Field]:
    if isinstance(said, Notice):
        # What a refused dossier says of its unit proves nothing.
        if said.unit:
            yield _field(words.SAID_UNIT, said.unit)
        return
    codes = _fill(words.UNIT_CODES if said.unit else words.FIRST_UNIT, unit=said.unit, tax_code=said.tax_code)
    named = seen(told.unit_name)
    lines = (named, codes.vi) if named else (codes.vi,)
    yield Field(label=words.UNIT, lines=lines)


def _signed(said: Receipt, certificate_sha256: str) -> bool:
    return said.signer is not None and said.signer.certificate_sha256 == certificate_sha256


def _complaints(report: Report) -> Iterator[Complaint]:
    """First the signatures that do not hold, then the findings, numbered through, in the words of every other door."""
    failed = [one for one in report.signatures if one.indication != _PASSED]
    for number, one in enumerate(failed, 1):
        yield Complaint(
            number=number,
            head=words.SIGNATURE_HEAD.format(code=one.reason),
            message=Words(seen(one.reason_vi), seen(one.reason_en)),
            value="",
            fix=words.SIGNATURE_FIX,
            place=seen(f"{one.file} {one.path}"),
            is_error=True,
        )
    vi, en = complaints(report.findings, "vi", "").items, complaints(report.findings, "en", "").items
    for said, told in zip(vi, en, strict=True):
        yield Complaint(
            number=len(failed) + said.number,
            head=said.head,
            message=Words(said.message, told.message),
            value=said.value,
            fix=Words(said.fix, told.fix),
            place=said.place,
            is_error=said.severity == "error",
        )


def _file(part: Part) -> File:
    return File(
        number=part.number,
        name=seen(part.name),
        form=seen(part.form or part.kind),
        size=_thousands(part.size_bytes),
        sha256=grouped(part.sha256.hex()),
    )


def _office(told: Told, code: str) -> str:
    office = told.tables.offices.get(code, told.on)
    return f"{code} – {office.name}" if office else code


def _field(label: Words, line: str) -> Field:
    return Field(label=label, lines=(seen(line),))


def _fill(said: Words, **values: object) -> Words:
    return Words(said.vi.format(**values), said.en.format(**values))


def _more(said: Words, count: int, **values: object) -> Words:
    return _fill(said, more=count, **values) if count > 0 else Words("")


def _thousands(count: int) -> str:
    return f"{count:,}".replace(",", ".")


def _to_the_second(instant: datetime) -> str:
    return f"{instant.astimezone(VIETNAM):%d/%m/%Y %H:%M:%S} (UTC+7)"


def _dated(instant: datetime) -> str:
    day = instant.astimezone(VIETNAM)
    month = f"{day:%m}" if day.month <= _LAST_MONTH_WITH_ZERO else str(day.month)
    return f"Ngày {day:%d} tháng {month} năm {day.year}"


def _digest(statement: str) -> str:
    return hashlib.sha256(statement.encode("ascii")).hexdigest()


def payload_of(statement: str) -> bytes:
    """The JSON of a statement of ours (a compact JWS); nothing is checked."""
    payload = statement.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
