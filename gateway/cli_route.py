"""The command `route`: finds the competent office, says how step by step, and replays what a receipt decided."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa

from gateway.audit_statements import open_sealed
from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    a_day,
    add_json,
    command,
    read_file,
    settings,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock
from gateway.judge import WITH_DOSSIER
from gateway.office_tables import keys_of
from gateway.offices_here import table_here
from gateway.opened import open_if_there
from gateway.receipt import RECEIPT_TYPE
from gateway.route_replay import asked_by, replay
from gateway.routing import SHA256_BYTES, Ambiguous, Route, route
from gateway.seals import open_seal
from signing.keyring import KeyringUnusable
from signing.seal import SealBroken, SealKeyUnusable
from storage import register

if TYPE_CHECKING:
    from datetime import date, datetime

    from gateway.config import Settings
    from gateway.route_replay import Asked, Replayed
    from storage.database import Database

_CERTAINTY: Final = {
    "verified": "đã kiểm chứng · verified",
    "unconfirmed": "CHƯA xác nhận · unconfirmed",
    "demo": "mẫu, không phải cơ quan thật · demo",
}
_BY_NUMBER = sa.text("SELECT statement FROM dossier WHERE statement_number = :number")


def declare(commands: Commands[Parser]) -> None:
    """Declare `route`."""
    asked = command(
        commands,
        "route",
        _run,
        says="Tìm cơ quan giải quyết, hoặc tính lại phân công của một biên nhận. 1: không xác định được, hay ra khác.",
        tells="Find the competent office, or replay a receipt's routing. 1: it cannot be told, or comes out otherwise.",
        example="""
            motcua route 600 --unit-office 09991 --at 2026-03-31 --explain
            motcua route 601 --unit-office 9993 --place 99003 --json
            motcua route 630a --unit-office 09981 --sha256 "$(sha256sum hoso.xml | cut -d' ' -f1)" --table 1 --explain
            motcua route --receipt bienhan.jws
            motcua route --receipt G00.01-20261123-0000001
        """,
    )
    asked.add_argument("procedure", nargs="?", metavar="PROCEDURE", help="mã thủ tục · code of the procedure")
    asked.add_argument("--unit-office", default="", metavar="CODE", help="cơ quan đang quản lý đơn vị · its agency")
    asked.add_argument("--written", metavar="CODE", help="mã cơ quan ghi trong hồ sơ (mặc định: như trên) · as written")
    asked.add_argument("--place", default="", metavar="CODE", help="mã xã, tỉnh nơi kiểm tra · place of the inspection")
    asked.add_argument("--receiving", default="", metavar="CODE", help="cơ quan tiếp nhận · where it was handed in")
    asked.add_argument("--sha256", type=_digest, default=b"", metavar="HEX", help="mã băm hồ sơ · the dossier's digest")
    asked.add_argument("--at", type=a_day, metavar="DAY", help="ngày (mặc định: hôm nay) · default: today")
    asked.add_argument(
        "--table", default="", metavar="VERSION", help="phiên bản bảng, số hay tên · version of the table"
    )
    asked.add_argument("--receipt", metavar="FILE|NUMBER", help="tính lại phân công của biên nhận · replay a receipt's")
    asked.add_argument("--explain", action="store_true", help="nói rõ từng bước · say how, step by step")
    add_json(asked)


def _digest(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != SHA256_BYTES:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not a SHA-256 in 64 hex digits")
    return found


def _run(asked: argparse.Namespace) -> int:
    now, told = SystemClock().now(), settings()
    if asked.receipt:
        return _replay(asked, told, now)
    if not asked.procedure or not asked.unit_office:
        raise CannotWork(
            "cần PROCEDURE và --unit-office, hoặc --receipt · give PROCEDURE and --unit-office, or --receipt"
        )
    held = table_here(told, now, asked.table)
    at = asked.at or now.astimezone(VIETNAM).date()
    written = asked.unit_office if asked.written is None else asked.written
    found = route(
        asked.procedure, asked.unit_office, written, at, held,
        place=asked.place, receiving=asked.receiving, sha256=asked.sha256,
    )  # fmt: skip
    ambiguous = isinstance(found, Ambiguous)
    if asked.json:
        print(msgspec.json.encode({"ok": not ambiguous, **msgspec.to_builtins(found)}).decode())
    else:
        print("\n".join(_told(found, at, explain=asked.explain)))
    return JUDGED_BAD if ambiguous else DONE


def _told(found: Route | Ambiguous, at: date, *, explain: bool) -> list[str]:
    """The decision for people; with its steps when they are wanted, or needed."""
    if isinstance(found, Ambiguous):
        lines = ["KHÔNG xác định được cơ quan giải quyết · the competent office cannot be told"]
    else:
        lines = [f"{found.competent_office}  {found.competent_name}"]
    if not explain and isinstance(found, Route):
        return lines
    for number, step in enumerate(found.steps, 1):
        lines += [*wrapped(f"{number}. ", step.vi, 2), *wrapped("   ", step.en, 2)]
    if isinstance(found, Route):
        if found.explanation_vi:
            lines += [*wrapped("! ", found.explanation_vi, 2), *wrapped("  ", found.explanation_en, 2)]
        if found.receiving_office:
            lines.append(f"  tiếp nhận · received at {found.receiving_office}")
        lines.append(f"  mức chắc chắn · certainty: {_CERTAINTY[found.certainty]}")
    if found.candidates:
        lines.append("  có thể là · candidates:")
    lines += [f"  - {one.code}  {one.name}" for one in found.candidates]
    lines.append(f"  ngày · day {at:%d/%m/%Y}, quy tắc · rule {found.rule or '—'}, bảng · table {found.table_version}")
    return lines


def _replay(asked: argparse.Namespace, told: Settings, now: datetime) -> int:
    database = open_if_there(told)
    try:
        statement = _statement(asked.receipt, database)
        by = asked_by(statement)
        if by.rule == WITH_DOSSIER:
            print(f"{by.number}: theo hồ sơ mà nó bổ sung hay rút · goes where the dossier is that it is about")
            return DONE
        registered = asked.unit_office or by.registered or _registered(by, database)
    finally:
        if database is not None:
            database.close()
    by = msgspec.structs.replace(by, registered=registered)
    done = replay(by, table_here(told, now, asked.table or by.table))
    holds, sealed = _sealed(statement, told, now)
    is_good = done.is_same and holds is not False
    if asked.json:
        shown = {
            "ok": is_good, "receipt": by.number, "seal": sealed, "competent_office": by.competent, "rule": by.rule,
            "table": by.table, "replayed": msgspec.to_builtins(done.found),
        }  # fmt: skip
        print(msgspec.json.encode(shown).decode())
    else:
        print("\n".join(_compared(done, sealed, explain=asked.explain)))
    return DONE if is_good else JUDGED_BAD


def _compared(done: Replayed, sealed: str, *, explain: bool) -> list[str]:
    by, found = done.asked, done.found
    lines = [
        f"Biên nhận · receipt {by.number}, {by.on:%d/%m/%Y}",
        f"  thủ tục · procedure {by.procedure}, đơn vị · unit {by.unit}, cơ quan quản lý · its agency {by.registered}",
        f"  con dấu · seal: {sealed}",
        f"  đã phân công · decided: {by.competent}, quy tắc · rule {by.rule}, bảng · table {by.table}",
        *_told(found, by.on, explain=explain or not done.is_same),
    ]
    if done.is_same:
        return [*lines, "✓ Tính lại ra đúng như vậy · it comes out the same"]
    return [*lines, "✗ Tính lại ra KHÁC · it comes out OTHERWISE"]


def _statement(named: str, database: Database | None) -> str:
    """The receipt's own text: from a file, standard input or, by its number, from the database."""
    if named == "-" or Path(named).is_file():
        try:
            return read_file(named).decode("ascii")
        except UnicodeDecodeError as error:
            raise CannotWork(f"{named}: không phải biên nhận · not a receipt") from error
    if database is None:
        raise CannotWork(
            f"{named}: không có tệp, cũng không có cơ sở dữ liệu ở đây · no such file, and no database here"
        )
    with database.read() as tx:
        found: str | None = tx.execute(_BY_NUMBER, {"number": named}).scalar()
    if not found:
        raise CannotWork(f"{named}: không có tệp hay biên nhận nào như vậy · no such file or receipt")
    return found


def _registered(by: Asked, database: Database | None) -> str:
    """The unit's agency on that day by the register, for receipts that do not say it yet."""
    unit = register.unit_at(database, by.unit, by.on) if database is not None else None
    if unit is None:
        raise CannotWork(
            f"không rõ cơ quan quản lý đơn vị {by.unit} ngày {by.on:%d/%m/%Y}: thêm --unit-office · "
            "the unit's agency is not known here: add --unit-office"
        )
    return unit.office


def _sealed(statement: str, told: Settings, now: datetime) -> tuple[bool | None, str]:
    """Whether the receipt's seal is one of this gateway's keys'; None where there is no key to check it with."""
    try:
        keys = keys_of(open_seal(told, now, keep=False, to_seal=False), now, compromised=True)
        open_sealed(statement.strip(), keys, RECEIPT_TYPE)
    except (KeyringUnusable, SealKeyUnusable):
        return None, "chưa kiểm ở đây: dùng `motcua verify` · not checked here"
    except SealBroken as error:
        return False, f"KHÔNG đúng · does NOT hold: {error}"
    return True, "đúng · holds"
