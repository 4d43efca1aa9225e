"""The command that judges dossiers offline, as the gateway would, and says everything that is wrong at once."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct, structs

from gateway import once_only
from gateway.api.submit import checked
from gateway.app import open_tables
from gateway.belonging import Known, look_up
from gateway.cli_print import write_notice
from gateway.cli_terms import (
    COULD_NOT,
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    add_language,
    an_instant,
    aside,
    command,
    read_file,
    settings,
)
from gateway.clock import VIETNAM, SystemClock, from_us
from gateway.facts import read_confirmed, tables_confirming
from gateway.findings_text import block, signature_lines
from gateway.judge import ASIC_E, Refusal, Submission, judge, open_dossier
from gateway.opened import open_if_there
from gateway.validation import VALIDATOR
from schemas.findings import Severity
from signing.etsi_report import etsi_report
from signing.validation_report import ReportSubject, report_of
from storage import proofs
from storage.register import Unit

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.judge import Filing, Opened, Tables
    from storage.database import Database

FETCHED_MAX = 10_000
_ZIP = b"PK\x03\x04"
_REGISTER = "Đơn vị đã đối chiếu với sổ trên máy này · unit compared with the register here"
_ITSELF = "Đơn vị CHƯA được đối chiếu: không có trong sổ trên máy này · unit NOT compared: not in the register here"


class _Judged(Struct, frozen=True):
    """One file's judgement, and against what its unit was compared."""

    file: str
    outcome: Filing | Refusal
    ok: bool
    unit_from: str


def declare(commands: Commands[Parser]) -> None:
    """Declare `check`."""
    check = command(
        commands,
        "check",
        _check,
        says="Kiểm tra hồ sơ ngoại tuyến như cổng sẽ làm; báo mọi lỗi trong một lần. 0: đạt, 1: không đạt.",
        tells="Judge dossiers offline as the gateway would; all findings at once. 0: good, 1: bad.",
        example="""
            motcua check hoso.signed.xml
            motcua check hoso.xml --unsigned        # chưa ký: chỉ xét nội dung · content alone
            motcua check thang-11/*.xml --lang both
            motcua check hoso.signed.xml --json
            motcua check hoso.signed.xml --report bao-cao.xml   # ETSI TS 119 102-2; .json: JSON
            motcua check hoso.signed.xml --notice thong-bao.pdf # để in · to be printed
        """,
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="hồ sơ, hoặc - · dossiers, or - for standard input")
    check.add_argument(
        "--unsigned", "--paper", action="store_true", help="chưa ký, hoặc hồ sơ giấy: chỉ xét nội dung · content alone"
    )
    check.add_argument(
        "--at", type=an_instant, metavar="TIME", help="xét như nhận lúc này (mặc định: bây giờ) · as if received then"
    )
    check.add_argument(
        "--report", metavar="FILE", help="ghi báo cáo kiểm tra chữ ký (.xml: ETSI, .json) · write the validation report"
    )
    check.add_argument("--notice", metavar="OUT", help="ghi thông báo để in (.pdf, .html) · write the printable notice")
    add_language(check)
    add_json(check)


def _check(asked: argparse.Namespace) -> int:
    told = settings()
    for option in ("report", "notice"):
        if getattr(asked, option) and len(asked.files) != 1:
            raise CannotWork(f"--{option}: chỉ cho một hồ sơ · for one dossier only")
    now = SystemClock().now()
    tables = open_tables(told, now)
    at = asked.at or now
    database = open_if_there(told)
    bad = unread = 0
    try:
        if database is not None:
            tables = _learn(tables, database, at)
        for file in asked.files:
            try:
                content = read_file(file)
            except CannotWork as error:
                aside(f"motcua: {error}")
                unread += 1
                continue
            judged = _judge(file, content, at, database, tables, unsigned=asked.unsigned)
            bad += not judged.ok
            _tell(judged, asked)
            _write(judged, asked, tables, now)
    finally:
        if database is not None:
            database.close()
    if len(asked.files) > 1 and not asked.json:
        good = len(asked.files) - bad - unread
        print(f"{len(asked.files)} hồ sơ · dossiers: {good} đạt · good, {bad} không đạt · bad, {unread} không đọc được")
    if len(asked.files) > unread and not tables.trust.anchors and not asked.unsigned:
        aside("Chưa có chứng thư số gốc nào được tin (MOTCUA_TRUST) · no trust anchor: no signature can pass")
    return COULD_NOT if unread else JUDGED_BAD if bad else DONE


def _write(judged: _Judged, asked: argparse.Namespace, tables: Tables, now: datetime) -> None:
    """The report and the notice, where they were asked for."""
    if asked.report:
        _write_report(Path(asked.report), judged, tables, now)
    if asked.notice:
        language: Literal["vi", "en"] = "en" if asked.lang == "en" else "vi"
        write_notice(judged.outcome, asked.notice, language, content_alone=asked.unsigned)
        aside(f"Thông báo · notice: {asked.notice}")


def _learn(tables: Tables, database: Database, at: datetime) -> Tables:
    """Know the revocation data that the gateway here has fetched, too, and the facts that its operators confirmed."""
    with database.read() as tx:
        fetched = proofs.fetched_after(tx, 0, FETCHED_MAX)
    for one in fetched:
        add = tables.revocation.add_ocsp if one.kind == "ocsp" else tables.revocation.add_crl
        add(one.content, source=one.source, fetched_at=from_us(one.fetched_at_us))
    return tables_confirming(tables, read_confirmed(database, at.astimezone(VIETNAM).date()))


def _write_report(file: Path, judged: _Judged, tables: Tables, now: datetime) -> None:
    """The validation report of one dossier, as JSON or as ETSI has it."""
    outcome = judged.outcome
    if not outcome.verdicts:
        raise CannotWork(f"{file}: không có chữ ký nào để báo cáo · no signature to report about")
    submission = outcome.submission
    subject = ReportSubject(
        sha256=submission.sha256.hex(), name=Path(judged.file).name, received_at=submission.received_at
    )
    report = report_of(outcome.verdicts, subject=subject, policy=tables.policy, generated_at=now)
    rests_on = {proof.sha256: proof.der for verdict in outcome.verdicts for proof in verdict.proofs}
    as_xml = file.suffix.lower() == ".xml"
    file.write_bytes(etsi_report(report, rests_on, VALIDATOR) if as_xml else report.keep())
    print(f"Báo cáo · report: {file}")


def _judge(
    file: str, content: bytes, at: datetime, database: Database | None, tables: Tables, *, unsigned: bool
) -> _Judged:
    media_type = ASIC_E if content.startswith(_ZIP) else "application/xml"
    sha256 = hashlib.sha256(content).digest()
    submission = Submission(content=content, sha256=sha256, submitter="", received_at=at, media_type=media_type)
    opened = open_dossier(submission)
    if isinstance(opened, Refusal):
        return _Judged(file, opened, ok=False, unit_from="")
    known, unit_from = _known(opened, at, database)
    outcome = judge(opened, known, tables)
    errors = any(one.severity is Severity.ERROR for one in outcome.findings)
    ok = not errors if unsigned else not isinstance(outcome, Refusal)
    return _Judged(file, outcome, ok, unit_from)


def _known(opened: Opened, at: datetime, database: Database | None) -> tuple[Known, str]:
    header = opened.header
    if database is not None:
        known = look_up(database, unit_code=header.unit_code, on=at.astimezone(VIETNAM).date())
        if known.unit is not None:
            return structs.replace(known, held=once_only.NOT_ASKED), _REGISTER
    itself = Unit(code=header.unit_code, tax_code=header.tax_code, office=header.office_code, valid_from="")
    known = Known(unit=itself if header.unit_code else None, may_speak=True, held=once_only.NOT_ASKED)
    return known, _ITSELF if header.unit_code else ""


def _tell(judged: _Judged, asked: argparse.Namespace) -> None:
    if asked.json:
        shown = checked(judged.outcome, "en" if asked.lang == "en" else "vi")
        if asked.unsigned:
            content_alone: dict[str, object] = {
                "ok": judged.ok,
                "waits": False,
                "verdict": None,
                "signatures": (),
                "papers": [],
            }
            shown = msgspec.structs.replace(shown, **content_alone)
        print(msgspec.json.encode(shown).decode())
        return
    print(_headline(judged, unsigned=asked.unsigned))
    if not asked.unsigned:
        for line in signature_lines(judged.outcome.verdicts, asked.lang):
            print(line)
    for number, found in enumerate(judged.outcome.findings, 1):
        for line in block(number, found, asked.lang):
            print(line)
    if judged.unit_from:
        print(f"  {judged.unit_from}")
    if len(asked.files) > 1:
        print()


def _headline(judged: _Judged, *, unsigned: bool) -> str:
    """The judgement in one line, with its counts."""
    findings, verdicts = judged.outcome.findings, judged.outcome.verdicts
    errors = sum(one.severity is Severity.ERROR for one in findings)
    counted = f"{errors} lỗi · errors, {len(findings) - errors} lưu ý · warnings"
    if not unsigned:
        passed = sum(one.passed for one in verdicts)
        counted += f", {passed}/{len(verdicts)} chữ ký hợp lệ · signatures hold"
    word = "ĐẠT · GOOD" if judged.ok else "KHÔNG ĐẠT · BAD"
    if judged.ok and not unsigned and any(one.waits for one in verdicts):
        word = "CHỜ DỮ LIỆU THU HỒI · would be received, PENDING"
    return f"{word}  {judged.file}: {counted}"
