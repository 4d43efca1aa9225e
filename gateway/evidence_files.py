"""What belongs into an evidence bundle, file by file, as the journal, the log and the catalogue have it now."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM, from_us, rfc3339
from gateway.contents import ContentErased
from gateway.deadlines import OutsideCalendar, due
from gateway.log_proofs import proof_text, proofs_of
from gateway.papers import read
from gateway.postal.came import time_of_receipt
from gateway.postal.filed import CUSTODY, SCANS
from gateway.receipt import JUDGEMENT_TYPE, NOTICE_TYPE, ORIGIN_TYPE, RECEIPT_TYPE
from gateway.report import read_report
from gateway.validation import NothingJudged, NotKept, validation_of
from signing.jwks import jwks_of
from storage import documents, journal, log_rows, readings, results, statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.judge import Tables
    from gateway.settle import Stores
    from storage.database import Database
    from storage.journal import Dossier

_ASIC: Final = "application/vnd.etsi.asic-e+zip"
RECEIVED_XML: Final = "received/dossier.xml"
RECEIVED_ASIC: Final = "received/dossier.asice"
# The paper half of an electronic dossier has no data of its own: what was announced of it.
_RECEIVED: Final = {_ASIC: RECEIVED_ASIC, "application/json": "received/announced.json"}
KEYS: Final = "keys.jwks"
EVENTS: Final = "events.json"
_ENDINGS: Final = {"certificate": "cer", "crl": "crl", "ocsp": "ocsp", "timestamp": "tst"}
_RESULT_ENDINGS: Final = {"application/pdf": "pdf", "application/xml": "xml", _ASIC: "asice"}
_STEMS: Final = {RECEIPT_TYPE: "receipt", NOTICE_TYPE: "notice", JUDGEMENT_TYPE: "judgement"}
_EVERYTHING: Final = journal.Scope(everything=True)


class Gathered(Struct, frozen=True):
    """The small files of a bundle in their order, and how many statements have no proof of the log yet."""

    files: dict[str, bytes]
    unlogged: int


class EventNamed(Struct, frozen=True, kw_only=True):
    """A fact, as events.json has it."""

    seq: int
    type: str
    at: str
    actor: str
    dossier: str
    detail: msgspec.Raw


class ReadingNamed(Struct, frozen=True, kw_only=True):
    """A reading, as readings.json has it."""

    number: int
    at: str
    client: str
    role: str
    what: str
    why: str
    correlation: str


class StepNamed(Struct, frozen=True, kw_only=True):
    """One step of working out the due date."""

    vi: str
    en: str
    at: str


class DueNamed(Struct, frozen=True, kw_only=True):
    """How the due date came about. `due_at` is the receipt's; where `recalculated` is false the steps cannot be made
    again, and `note_vi`, `note_en` say why.
    """

    due_at: str | None
    received_at: str
    procedure: str
    procedure_version: str
    working_days: int | None
    calendar: str
    recalculated: bool
    steps: tuple[StepNamed, ...]
    note_vi: str
    note_en: str


def received_name(dossier: Dossier) -> str | None:
    """Where the received bytes stand in the bundle; None when there are none: refused at once, or erased."""
    if dossier.pack is None or dossier.wrapped_key is None:
        return None
    return _RECEIVED.get(dossier.media_type, RECEIVED_XML)


def gather(stores: Stores, tables: Tables, dossier: Dossier, now: datetime, *, reader: str | None = None) -> Gathered:
    """Every file but the received bytes, the texts to read first and the seal; `reader` limits the readings told to
    those of one client. All of it is as of one look at the journal, which may be later than `dossier` was read.

    Raises `ContentErased` when it was erased meanwhile; `LogCorrupt`; `DatabaseAway`, after which trying again is safe.
    """
    database = stores.database
    with database.read() as tx:
        # Reading what was received takes long: it may have been judged since.
        now_is = journal.dossier(tx, dossier.id, _EVERYTHING)
        if now_is is None or received_name(now_is) != received_name(dossier):
            raise ContentErased(dossier.id)
        dossier = now_is
        stated = statements.of(tx, dossier.id)
        files = {f"{stem}.jws": jws.encode() for stem, jws in _first(dossier) if jws}
        stems = {one.seq: f"{number:03}-{_kind(one.type)}" for number, one in enumerate(stated, 1)}
        files |= {f"statements/{stems[one.seq]}.jws": one.jws.encode() for one in stated}
        told = {EVENTS: _json({"events": list(_events(tx, dossier.id))})}
        told |= {"due-date.json": _json(_due(tables, dossier))}
        told |= {"readings.json": _json({"readings": list(_readings(tx, dossier.id, reader))})}
        proved = _log(tx, dossier.id, stems)
        kept = (
            []
            if dossier.erased_at_us is not None
            else [one for one in documents.of(tx, dossier.id) if one.kind in (results.KIND, SCANS, CUSTODY)]
        )
    files |= _reports(database, tables, dossier) | told | _results(stores, kept)
    said = [name for name in files if name.endswith(".jws")]
    unlogged = sum(f"log/{PurePosixPath(name).stem}.tlog-proof" not in proved for name in said)
    files |= proved
    files |= {KEYS: _json(jwks_of(stores.seal.keys(now), now.astimezone(VIETNAM)))}
    return Gathered(files, unlogged)


def _results(stores: Stores, kept: list[documents.Document]) -> dict[str, bytes]:
    """The files of the results, and those of a paper dossier's way, read from the vault."""
    return {_name_of(one): read(stores, one) for one in kept}


def _name_of(one: documents.Document) -> str:
    if one.kind == results.KIND:
        return f"results/{one.number:03}.{_RESULT_ENDINGS.get(one.media_type, 'bin')}"
    return f"paper/{one.kind}-{one.number:03}.{'pdf' if one.kind == SCANS else 'json'}"


def _first(dossier: Dossier) -> list[tuple[str, str]]:
    """The statements that stand in the dossier's row; '' for one that gave way to a tombstone."""
    return [
        ("notice" if dossier.pack is None else "receipt", dossier.statement),
        ("judgement", dossier.judgement or ""),
    ]


def _kind(typ: str) -> str:
    """motcua-handover+jws → handover."""
    return typ.removeprefix("motcua-").removesuffix("+jws")


def _log(tx: sa.Connection, dossier: str, stems: dict[int, str]) -> dict[str, bytes]:
    """Each statement's proof and time-stamp under the statement's own name; and the origins that they are of."""
    files, names = dict[str, bytes](), set[str]()
    for proof in proofs_of(tx, dossier):
        stem = _STEMS.get(proof.type) or stems[proof.seq]
        if not proof.logged:
            continue
        files[f"log/{stem}.tlog-proof"] = proof_text(proof).encode()
        if proof.token is not None:
            files[f"log/{stem}.tst"] = proof.token
        names.add(proof.origin)
    said = log_rows.announced(tx, ORIGIN_TYPE)
    for origin in log_rows.origins(tx):
        if origin.origin in names and origin.origin in said:
            files[f"log/origin-{origin.number}.jws"] = said[origin.origin].encode()
    return files


def _reports(database: Database, tables: Tables, dossier: Dossier) -> dict[str, bytes]:
    """The findings; and the validation report with what it rests on, where a signature was looked at."""
    report = read_report(dossier.report)
    told = {"refused": report.refused, "findings": report.findings, "papers": report.papers}
    findings = {"report/findings.json": _json(told)}
    try:
        found = validation_of(database, dossier, tables.policy, whole=True)
    except (NothingJudged, NotKept):
        return findings
    rests_on = {
        f"proofs/{one.sha256}.{_ENDINGS[one.kind]}": found.proofs[one.sha256]
        for one in found.report.proofs
        if one.sha256 in found.proofs
    }
    return {"report/validation-report.xml": found.as_xml(), **findings, **rests_on}


def _events(tx: sa.Connection, dossier: str) -> Iterator[EventNamed]:
    after = 0
    while page := journal.events(tx, _EVERYTHING, after, dossier):
        for one in page:
            yield EventNamed(
                seq=one.seq,
                type=one.type,
                at=rfc3339(from_us(one.at_us)),
                actor=one.actor,
                dossier=one.dossier,
                detail=msgspec.Raw(one.detail.encode()),
            )
        after = page[-1].seq


def _readings(tx: sa.Connection, dossier: str, reader: str | None) -> Iterator[ReadingNamed]:
    after = 0
    while page := readings.of(tx, dossier, after, client=reader):
        for one in page:
            yield ReadingNamed(
                number=one.number,
                at=rfc3339(from_us(one.at_us)),
                client=one.client,
                role=one.role,
                what=one.what,
                why=one.why,
                correlation=one.correlation,
            )
        after = page[-1].number


def _due(tables: Tables, dossier: Dossier) -> DueNamed:
    """The steps, made again from the procedure's limit and the calendar; told apart where they come out otherwise."""
    versions = tables.catalogue.procedure_versions(dossier.procedure)
    procedure = next((one for one in versions if one.version == dossier.procedure_version), None)
    limit = procedure.time_limit_working_days if procedure else None
    received_at = time_of_receipt(dossier)
    due_at = None if dossier.due_at_us is None else from_us(dossier.due_at_us)
    steps: tuple[StepNamed, ...] = ()
    note = ("Thủ tục không có thời hạn giải quyết.", "The procedure has no time limit.")
    is_same = due_at is None
    if due_at is not None and limit is not None:
        note = ("", "")
        try:
            found = due(received_at, limit, tables.calendar)
        except OutsideCalendar:
            is_same = False
        else:
            steps = tuple(StepNamed(vi=one.vi, en=one.en, at=rfc3339(one.at)) for one in found.steps)
            is_same = found.due_at == due_at
    if not is_same:
        note = (
            "Ngày hẹn trả là ngày ghi trong biên nhận; bảng lịch hoặc thời hạn nay đã khác, các bước chỉ để tham khảo.",
            "The due date is the receipt's; calendar or limit are others now, so the steps are for information only.",
        )
    return DueNamed(
        due_at=None if due_at is None else rfc3339(due_at),
        received_at=rfc3339(received_at),
        procedure=dossier.procedure,
        procedure_version=dossier.procedure_version,
        working_days=limit,
        calendar=tables.calendar.version,
        recalculated=is_same,
        steps=steps,
        note_vi=note[0],
        note_en=note[1],
    )


def _json(told: object) -> bytes:
    """JSON for programs, indented for people."""
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"
