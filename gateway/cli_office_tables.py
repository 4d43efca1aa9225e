"""Commands of the operator for the versions of the table of offices: import one, list them, put one in force."""

from __future__ import annotations

import argparse
import unicodedata
from datetime import date
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import office_changes
from gateway import office_tables as signed
from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    a_day,
    add_json,
    aside,
    command,
    read_file,
    settings,
    table,
    whole,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock, for_people, from_us, rfc3339
from gateway.office_files import read_csv, read_toml
from gateway.office_rows import OfficesMistaken, Rows, Rule
from gateway.offices_here import base_here, table_here
from gateway.opened import open_migrated
from gateway.routing import OfficeTable
from gateway.seals import open_seal
from storage import log_rows, office_tables

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.config import Settings
    from storage.office_tables import Kept

NAME_CHARACTERS_MAX: Final = 100
NOTE_CHARACTERS_MAX: Final = 500
VERSION_MAX: Final = 2**31
_SOURCES: Final = {
    "shipped": "kèm chương trình · shipped",
    "file": "tệp cấu hình · file",
    "operator": "nhập · imported",
}


def declare(offices: Commands[Parser]) -> None:
    """Declare `office import|tables|use`."""
    put = command(
        offices,
        "import",
        _import,
        says="Nhập bảng cơ quan của đơn vị vận hành (CSV, TOML): xem khác gì, rồi niêm phong thành phiên bản mới.",
        tells="Import the operator's own table: see what differs, then keep it as a new sealed version and use it.",
        example="""
            motcua office import coquan.csv --dry-run
            motcua office import coquan.csv --valid-from 01/01/2027 --by "Nguyễn Thị Mẫu" --note "CV 123/BHXH-TCCB"
            motcua office import sua.csv --over --by "Nguyễn Thị Mẫu"     # chỉ các dòng đổi · only the rows that change
        """,
    )
    put.add_argument(
        "file", metavar="FILE", help="tệp .csv hoặc .toml, như `office export` ghi ra · as export writes it"
    )
    put.add_argument("--dry-run", action="store_true", help="chỉ cho xem khác gì · only show what differs")
    put.add_argument(
        "--valid-from",
        type=a_day,
        metavar="DAY",
        help="dùng từ ngày, cũng là ngày đầu của dòng không ghi (mặc định: hôm nay) · in force from; default: today",
    )
    put.add_argument(
        "--over", action="store_true", help="phủ lên bảng đang dùng · lay the rows over the table in force"
    )
    _add_who(put, "--note", "căn cứ, ghi chú · why, and where it stands")
    listed = command(
        offices,
        "tables",
        _tables,
        says="Các phiên bản bảng cơ quan, ai nhập, dùng từ ngày nào.",
        tells="The versions of the table, who made them, and since when each is in force.",
        example="motcua office tables",
    )
    add_json(listed)
    use = command(
        offices,
        "use",
        _use,
        says="Dùng lại một phiên bản bảng đã có.",
        tells="Put a version that is there already in force.",
        example='motcua office use 1 --by "Nguyễn Thị Mẫu" --why "bảng 2 nhập nhầm"',
    )
    use.add_argument("version", type=whole(1, VERSION_MAX), metavar="VERSION", help="số phiên bản · its number")
    use.add_argument("--valid-from", type=a_day, metavar="DAY", help="từ ngày (mặc định: hôm nay) · default: today")
    _add_who(use, "--why", "lý do · the reason")


def _add_who(parser: Parser, option: str, says: str) -> None:
    parser.add_argument("--by", default="", metavar="NAME", help="họ tên người chịu trách nhiệm · who answers for it")
    parser.add_argument(option, dest="why", default="", metavar="TEXT", help=says)


def _import(asked: argparse.Namespace) -> int:
    now, told = SystemClock().now(), settings()
    today = now.astimezone(VIETNAM).date()
    since = asked.valid_from or today
    by, why = _who(asked, needed=not asked.dry_run), _text(asked.why, "--note", NOTE_CHARACTERS_MAX)
    held = table_here(told, now)
    rows = _read(asked.file, held, since, over=asked.over)
    # What contradicts itself is told now, before anything is written.
    OfficeTable(rows)
    changes = office_changes.compare(held.rows, rows)
    print("\n".join(_shown(changes, rows, held, since)))
    if changes.is_none:
        print("Không khác bảng đang dùng, không ghi gì · nothing differs, nothing is written")
        return DONE
    if asked.dry_run:
        print("Xem thử: chưa ghi gì · dry run: nothing was written")
        return DONE
    with open_migrated(told) as database, database.begin() as tx:
        sealing = _logged(tx, _sealing(told, now))
        # The table before it stays replayable, and the first kept is version 1.
        signed.keep_base(tx, base_here(told), is_file=bool(told.offices), sealing=sealing)
        version = office_tables.next_version(tx)
        rules_version = rows.rules_version if rows.rules == held.rules else f"rules-v{version}"
        fresh = OfficeTable(Rows(f"offices-v{version}", rules_version, rows.offices, rows.rules))
        kept = signed.keep(tx, fresh, version, source="operator", by=by, note=why, sealing=sealing)
        _tell_of_planned(tx, since)
        used = signed.put_in_force(tx, kept, since, by=by, why=why, sealing=sealing)
    aside(f"Các cổng dùng bảng này {_when(since, today)} · the gateways take it then")
    print(f"Đã niêm phong · sealed: bảng · table {kept.version} ({kept.name}), dùng · use #{used.number}, {by}")
    return DONE


def _read(path: str, held: OfficeTable, since: date, *, over: bool) -> Rows:
    """The file as a whole table. Raises `CannotWork`, OfficesMistaken."""
    content = read_file(path)
    if path.lower().endswith(".toml"):
        rows = read_toml(content, held.rows.rules_version, held.rules)
    else:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise CannotWork(f"{path}: không phải UTF-8 · not UTF-8") from fault
        rows = Rows(path, held.rows.rules_version, read_csv(text, since), held.rules)
    if over:
        return msgspec.structs.replace(rows, offices=office_changes.laid_over(held.rows, rows.offices))
    known = {each.code for each in rows.offices}
    if rows.rules == held.rules:
        # Invented rules go with the invented offices.
        rows = msgspec.structs.replace(rows, rules=tuple(each for each in rows.rules if _fits(each, known)))
    if not rows.offices:
        raise OfficesMistaken(f"{path}: không có cơ quan nào · there is no office in it")
    return rows


def _fits(rule: Rule, known: set[str]) -> bool:
    """Whether an invented rule's offices are all there; any other rule is the operator's to mend."""
    named = {*rule.under, *rule.weights, *filter(None, (rule.fallback,))}
    return rule.certainty != "demo" or named <= known


def _shown(changes: office_changes.Changes, rows: Rows, held: OfficeTable, since: date) -> list[str]:
    lines = office_changes.lines(changes)
    lines += [f"! {one}" for one in office_changes.doubts(rows, since)]
    counts = (
        f"{len(changes.added)} thêm · added, {len(changes.changed)} đổi · changed, "
        f"{len(changes.ended)} kết thúc · ended, {len(changes.gone)} bỏ · gone, "
        f"{changes.unchanged} giữ nguyên · unchanged"
    )
    return [*lines, f"So với · against {held.version}: {counts}"]


def _tables(asked: argparse.Namespace) -> int:
    now, told = SystemClock().now(), settings()
    today = now.astimezone(VIETNAM).date()
    base = base_here(told)
    with open_migrated(told) as database, database.read() as tx:
        kept, uses = office_tables.kept(tx), office_tables.uses(tx)
        used = office_tables.in_force(tx, today)
    keys = signed.keys_of(open_seal(told, now, keep=False, to_seal=False), now, compromised=True) if kept else {}
    holds = {one.version: _fault_of(one, keys) for one in kept}
    current = next((one.name for one in kept if used and one.version == used.version), base.version)
    if asked.json:
        shown = [
            {
                "version": one.version, "name": one.name, "source": one.source, "sha256": one.sha256.hex(),
                "made_at": rfc3339(from_us(one.made_at_us)), "made_by": one.made_by, "note": one.note,
                "in_force": one.name == current, "fault": holds[one.version],
                "uses": [msgspec.to_builtins(each) for each in uses if each.version == one.version],
            }
            for one in kept
        ]  # fmt: skip
        print(msgspec.json.encode({"in_force": current, "tables": shown}).decode())
        return DONE
    if not kept:
        print(f"Chưa ghi bảng nào; đang dùng bảng 1 kèm chương trình · none kept yet; in force: 1, {base.version}")
        return DONE
    rows = [("SỐ", "TÊN", "NGUỒN", "NGƯỜI LẬP", "LÚC", "")]
    rows += [
        (
            str(one.version), one.name, _SOURCES[one.source], one.made_by, for_people(from_us(one.made_at_us)),
            holds[one.version] or ("ĐANG DÙNG · in force" if one.name == current else ""),
        )
        for one in kept
    ]  # fmt: skip
    print("\n".join(table(rows)))
    for each in uses:
        day = "/".join(reversed(each.valid_from.split("-")))
        text = f"bảng · table {each.version} từ · from {day}, {each.used_by}, {for_people(from_us(each.at_us))}"
        print("\n".join(wrapped(f"#{each.number} ", text + (f": {each.why}" if each.why else ""), 0)))
    return DONE


def _fault_of(one: Kept, keys: signed.Keys) -> str:
    """What is wrong with a kept table; "" when its seal and digest hold."""
    try:
        signed.open_kept(one, keys)
    except OfficesMistaken as fault:
        return f"✗ {fault}"
    return ""


def _use(asked: argparse.Namespace) -> int:
    now, told = SystemClock().now(), settings()
    today = now.astimezone(VIETNAM).date()
    since = asked.valid_from or today
    by, why = _who(asked, needed=True), _text(asked.why, "--why", NOTE_CHARACTERS_MAX)
    with open_migrated(told) as database, database.begin() as tx:
        sealing = _logged(tx, _sealing(told, now))
        signed.keep_base(tx, base_here(told), is_file=bool(told.offices), sealing=sealing)
        kept = office_tables.find(tx, asked.version)
        if kept is None:
            raise CannotWork(f"không có bảng {asked.version}: xem · see: motcua office tables")
        # A table that does not hold is never put in force again.
        signed.open_kept(kept, signed.keys_of(sealing.seal, now, compromised=True))
        _tell_of_planned(tx, since)
        used = signed.put_in_force(tx, kept, since, by=by, why=why, sealing=sealing)
    aside(f"Các cổng dùng bảng này {_when(since, today)} · the gateways take it then")
    print(f"Đã dùng · in force: bảng · table {kept.version} ({kept.name}), #{used.number}, {by}")
    return DONE


def _sealing(told: Settings, now: datetime) -> signed.Sealing:
    return signed.Sealing(open_seal(told, now, keep=False), now, told.gateway_unit)


def _logged(tx: sa.Connection, sealing: signed.Sealing) -> signed.Sealing:
    origin = log_rows.current(tx)
    return msgspec.structs.replace(sealing, log_origin=origin.origin if origin else "")


def _tell_of_planned(tx: sa.Connection, since: date) -> None:
    """What is put in force last wins from its day on, so a table that was planned for a later day never comes."""
    for one in office_tables.planned(tx, since):
        day = f"{date.fromisoformat(one.valid_from):%d/%m/%Y}"
        aside(
            f"! Bảng {one.version} đã hẹn từ {day} (#{one.number}) sẽ KHÔNG được dùng nữa; nếu vẫn cần, dùng lại · "
            f"table {one.version}, planned from {day}, will NOT come into force; if it still should: "
            f"motcua office use {one.version} --valid-from {day}"
        )


def _when(since: date, today: date) -> str:
    return "trong vài giây nữa · within seconds" if since <= today else f"từ ngày · from {since:%d/%m/%Y}"


def _who(asked: argparse.Namespace, *, needed: bool) -> str:
    by = _text(asked.by, "--by", NAME_CHARACTERS_MAX)
    if needed and not by:
        raise CannotWork("--by: cần họ tên người chịu trách nhiệm · who answers for it is needed")
    return by


def _text(given: str, option: str, most: int) -> str:
    """What a person wrote, in one line, composed (NFC). Raises `CannotWork`."""
    text = unicodedata.normalize("NFC", " ".join(given.split()))
    if len(text) > most or not text.isprintable():
        raise CannotWork(f"{option}: nhiều nhất {most} ký tự đọc được · at most {most} printable characters")
    return text
