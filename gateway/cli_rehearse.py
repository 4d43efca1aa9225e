"""The command that rehearses a change of a form's layout or rules: which dossiers would break, and whose software.

With `--json` it prints one object:

- `ok`: nobody would break;
- `form`, `version`, `valid_from`: the version rehearsed; `against`: dossiers by the version in force at their receipt
  ("none" where there was none);
- `dossiers` looked at: each is one of `judged`, `without_form`, `unreadable`, `erased`; each judged one is one of
  `good`, `newly_broken`, `newly_good`, `bad_before` (bad under both versions); `newly_warned` have a new warning;
- `software[]`: `ivan` (MaIVAN; "" where none is told, "*" beyond 200), `name`, and the same counts;
- `broken[]` and `warned[]`, most dossiers first: `ivan`, `ivan_name`, `code` of the finding (a rule's id), `dossiers`,
  `findings`, `columns[]` (at most 10) and an `example` (`dossier`: receipt number or file; `message_vi`, `message_en`,
  `fix_vi`, `fix_en`);
- `unread[]`, at most 20: `dossier`, `vi`, `en`.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from gateway.cli_terms import (
    COULD_NOT,
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    a_day,
    add_json,
    add_language,
    aside,
    command,
    read_file,
    settings,
    table,
    thousands,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock
from gateway.facts import open_catalogue, read_confirmed
from gateway.judge import ASIC_E
from gateway.opened import open_migrated
from gateway.rehearse import NEXT, Asked, Kept, Rehearsal, judge_stored, version_of
from schemas.catalogue import ROOM, Catalogue
from storage.cipher import Cipher
from storage.vaults import open_vault

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from gateway.cli_terms import Language
    from gateway.config import Settings
    from gateway.rehearse import Breakage, Rehearsed, Software
    from storage.database import Database

ROWS_SHOWN_MAX = 50
_ZIP = b"PK\x03\x04"


def declare(commands: Commands[Parser]) -> None:
    """Declare `rehearse`."""
    rehearse = command(
        commands,
        "rehearse",
        _rehearse,
        says="Xét thử hồ sơ theo bản tờ khai sắp có hiệu lực: phần mềm nào sẽ hỏng, vì quy tắc nào. Không ghi gì.",
        tells="Judge dossiers by a version of a form that is yet to come: whose software would break, by which rule.\n"
        "Writes nothing. 0: nobody would break, 1: somebody would, 2: could not.",
        example="""
            motcua rehearse --form D02-TS --version NEXT --stored --since 2026-01-01
            motcua rehearse --form D02-TS --version 600-2027 --stored --unit TS12345 --json
            motcua rehearse --form D02-TS --version NEXT thang-11/*.xml   # hồ sơ hoặc tờ khai · dossiers or bare forms
            motcua rehearse --form D02-TS --version NEXT --stored --catalogue du-thao/   # bản dự thảo · a draft
        """,
    )
    rehearse.add_argument("files", nargs="*", metavar="FILE", help="hồ sơ, hoặc tờ khai · dossiers, or bare forms")
    rehearse.add_argument("--form", required=True, metavar="CODE", help="mã tờ khai, như D02-TS · the form's code")
    rehearse.add_argument(
        "--version",
        required=True,
        metavar="VERSION",
        help=f"tên bản, hoặc {NEXT}: bản sắp tới · a version, or the next",
    )
    rehearse.add_argument("--stored", action="store_true", help="xét hồ sơ đã nhận · judge what this gateway received")
    rehearse.add_argument("--since", type=a_day, metavar="DATE", help="nhận từ ngày này · received from this day")
    rehearse.add_argument("--until", type=a_day, metavar="DATE", help="đến hết ngày này · up to this day, included")
    rehearse.add_argument("--unit", default="", metavar="CODE", help="chỉ của đơn vị này · of this unit alone")
    rehearse.add_argument(
        "--catalogue", metavar="FOLDER", help="danh mục đặt lên trên, có bản cần xét · laid over: holds the version"
    )
    add_language(rehearse)
    add_json(rehearse)


def _rehearse(asked: argparse.Namespace) -> int:
    _refuse_contradictions(asked)
    told = settings()
    now = SystemClock().now()
    today = now.astimezone(VIETNAM).date()
    before = open_catalogue(told)
    after = _laid_over(told, asked.catalogue) if asked.catalogue else before
    version = version_of(after, asked.form, asked.version, today)
    unopened = 0
    if _has_database(told):
        with open_migrated(told) as database:
            confirmed = read_confirmed(database, today).words
            rehearsal = Rehearsal(version, before.confirming(confirmed), after.confirming(confirmed))
            if asked.stored:
                _judge_stored(rehearsal, told, database, asked)
    elif asked.stored:
        raise CannotWork("chưa có hồ sơ nào ở đây · no dossiers here (MOTCUA_HOME, MOTCUA_DATABASE_URL)")
    else:
        rehearsal = Rehearsal(version, before, after)
    for file in asked.files:
        unopened += not _judge_file(rehearsal, file, now)
    found = rehearsal.end()
    if asked.json:
        print(msgspec.json.encode({"ok": not found.newly_broken, **msgspec.to_builtins(found)}).decode())
    else:
        print("\n".join(_report(found, asked.lang)))
    if not found.judged:
        aside("motcua: không có tờ khai nào để xét · nothing could be judged")
    return COULD_NOT if unopened or not found.judged else JUDGED_BAD if found.newly_broken else DONE


def _refuse_contradictions(asked: argparse.Namespace) -> None:
    if not asked.files and not asked.stored:
        raise CannotWork("cần tệp hồ sơ hoặc --stored · name files, or say --stored")
    if not asked.stored and (asked.since or asked.until or asked.unit):
        raise CannotWork("--since, --until, --unit: chỉ dùng với --stored · for --stored only")
    if asked.since and asked.until and asked.since > asked.until:
        raise CannotWork("--since sau --until · --since is after --until")


def _laid_over(told: Settings, folder: str) -> Catalogue:
    """The catalogue in force here, with another folder laid over it."""
    if not told.catalogue:
        return open_catalogue(structs.replace(told, catalogue=folder))
    overlays = [_room(structs.replace(told, catalogue=one)) for one in (told.catalogue, folder)]
    return Catalogue.load(ROOM, *overlays)


def _room(told: Settings) -> Path:
    """A folder that is known to be one of a catalogue."""
    open_catalogue(told)
    return told.path("catalogue", "")


def _has_database(told: Settings) -> bool:
    # Looking must not make one.
    return bool(told.database_url) or (told.home_path / "motcua.sqlite").exists()


def _judge_stored(rehearsal: Rehearsal, told: Settings, database: Database, asked: argparse.Namespace) -> None:
    vault = open_vault(told.vault)
    try:
        kept = Kept(database, vault, Cipher.load(told.path("master_key", "master.key")))
        chosen = Asked(since=asked.since, until=asked.until, unit=asked.unit)
        for count in judge_stored(rehearsal, kept, chosen):
            if sys.stderr.isatty():
                print(f"\r\x1b[K{thousands(count)} hồ sơ · dossiers", end="", file=sys.stderr, flush=True)
    finally:
        vault.close()
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)


def _judge_file(rehearsal: Rehearsal, file: str, now: datetime) -> bool:
    """Judge one file as if it came now; False when there is none."""
    try:
        content = read_file(file)
    except CannotWork as error:
        aside(f"motcua: {error}")
        return False
    rehearsal.judge(file, content, now, ASIC_E if content.startswith(_ZIP) else "application/xml")
    return True


def _report(found: Rehearsed, language: Language) -> list[str]:
    """The counts, then who would break by what, with an example each."""
    lines = [f"{found.version}, hiệu lực từ · in force from {_day(found.valid_from)}"]
    against = ", ".join(f"{version}: {thousands(count)}" for version, count in sorted(found.against.items()))
    rows = [
        ("hồ sơ đã đọc · dossiers", found.dossiers, ""),
        ("đã xét · judged", found.judged, f"so với · against {against}" if against else ""),
        ("đạt cả hai bản · good under both", found.good, ""),
        ("SẼ HỎNG · newly broken", found.newly_broken, ""),
        ("sẽ đạt · newly good", found.newly_good, ""),
        ("hỏng cả hai bản · bad under both", found.bad_before, ""),
        ("có lưu ý mới · newly warned", found.newly_warned, ""),
        ("không có tờ khai này · without this form", found.without_form, ""),
        ("không đọc được · unreadable", found.unreadable, ""),
        ("đã xóa · erased", found.erased, ""),
    ]
    lines += table((what, thousands(count), more) for what, count, more in rows)
    if found.software:
        lines += ["", *_of_software(found.software)]
    for title, told in (("SẼ HỎNG · WOULD BREAK", found.broken), ("LƯU Ý MỚI · NEW WARNINGS", found.warned)):
        if told:
            lines += ["", title, *_of_findings(told, language)]
    for one in found.unread:
        lines += wrapped(f"? {one.dossier}: ", _in(language, one.vi, one.en), 0)
    lines.append("")
    if found.newly_broken:
        lines.append(f"{thousands(found.newly_broken)} HỒ SƠ SẼ HỎNG · DOSSIERS WOULD BREAK")
    elif found.judged:
        lines.append("KHÔNG HỒ SƠ NÀO HỎNG THÊM · NOBODY WOULD BREAK")
    return lines


def _of_software(software: list[Software]) -> list[str]:
    counted = [
        (one.ivan or "—", one.name, *map(thousands, (one.judged, one.newly_broken, one.newly_warned, one.newly_good)))
        for one in software
    ]
    return table(
        [
            ("MaIVAN", "phần mềm · software", "xét · judged", "hỏng · broken", "lưu ý · warned", "sẽ đạt · newly good"),
            *counted,
        ]
    )


def _of_findings(told: list[Breakage], language: Language) -> list[str]:
    lines = table(
        [
            ("MaIVAN", "lỗi · finding", "hồ sơ · dossiers", "lần · times", "cột · columns"),
            *(
                (one.ivan or "—", one.code, thousands(one.dossiers), thousands(one.findings), ", ".join(one.columns))
                for one in told[:ROWS_SHOWN_MAX]
            ),
        ]
    )
    for one in told[:ROWS_SHOWN_MAX]:
        message = _in(language, one.example.message_vi, one.example.message_en)
        fix = _in(language, one.example.fix_vi, one.example.fix_en)
        lines += wrapped(f"  {one.ivan or '—'} {one.code}, {one.example.dossier}: ", f"{message} {fix}", 0)
    if more := len(told) - ROWS_SHOWN_MAX:
        lines += [f"  … và {thousands(more)} dòng nữa · more rows (--json)"] if more > 0 else []
    return lines


def _in(language: Language, vi: str, en: str) -> str:
    return {"vi": vi, "en": en, "both": f"{vi} · {en}"}[language]


def _day(day: date) -> str:
    return f"{day:%d/%m/%Y}"
