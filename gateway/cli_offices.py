"""Commands that show the table of offices: who is there on a day, one office with its history, the whole as a file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import cli_office_seals, cli_office_tables, cli_office_work
from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    a_day,
    add_json,
    aside,
    command,
    group,
    settings,
    table,
    wrapped,
    write_file,
)
from gateway.clock import VIETNAM, SystemClock
from gateway.office_files import write_csv
from gateway.offices_here import table_here

if TYPE_CHECKING:
    from datetime import date

    from gateway.routing import Office, OfficeTable

MARKS: Final = {"verified": "", "unconfirmed": "chưa xác nhận · unconfirmed", "demo": "mẫu · demo"}
_KINDS: Final = {
    "": "—",
    "central": "trung ương · central",
    "provincial": "tỉnh · provincial",
    "grassroots": "cơ sở · grassroots",
    "district": "huyện · district",
}
_PLACES_SHOWN: Final = 12


def declare(commands: Commands[Parser]) -> None:
    """Declare `office list|show|import|tables|use|export|bind|work`."""
    offices = group(
        commands,
        "office",
        says="Bảng cơ quan BHXH: theo ngày, có phiên bản, được niêm phong.",
        tells="The table of offices: dated, versioned, sealed.",
    )
    shown = command(
        offices,
        "list",
        _list,
        says="Liệt kê cơ quan BHXH có hiệu lực trong một ngày.",
        tells="List the offices in force on a day.",
        example="""
            motcua office list
            motcua office list --at 30/06/2025 --table 1
        """,
    )
    shown.add_argument("--at", type=a_day, metavar="DAY", help="ngày (mặc định: hôm nay) · default: today")
    _add_table(shown)
    add_json(shown)
    one = command(
        offices,
        "show",
        _show,
        says="Một cơ quan: tên qua các thời kỳ, cấp trên, thay cho ai, ai thay, được giao gì, phục vụ nơi nào.",
        tells="One office: its names by day, what is above it, predecessors, successors, what it handles and serves.",
        example="motcua office show 07906",
    )
    one.add_argument("code", metavar="CODE", help="mã cơ quan · its code")
    _add_table(one)
    add_json(one)
    export = command(
        offices,
        "export",
        _export,
        says="Ghi bảng ra tệp để sửa rồi nhập lại: TOML cả quy tắc, CSV chỉ cơ quan.",
        tells="Write the table to a file, to be edited and imported again: TOML with the rules, CSV the offices alone.",
        example="""
            motcua office export -o coquan.toml
            motcua office export --format csv -o coquan.csv
        """,
    )
    export.add_argument("--format", choices=("toml", "csv"), default="toml", help="mặc định · default: %(default)s")
    export.add_argument("-o", "--output", metavar="FILE", help="mặc định: đầu ra chuẩn · default: standard output")
    _add_table(export)
    cli_office_tables.declare(offices)
    cli_office_seals.declare(offices)
    cli_office_work.declare(offices)


def _add_table(parser: Parser) -> None:
    parser.add_argument("--table", default="", metavar="VERSION", help="phiên bản bảng (mặc định: đang dùng) · version")


def _list(asked: argparse.Namespace) -> int:
    held, on = _held(asked)
    offices = held.offices_on(asked.at or on)
    if asked.json:
        print(msgspec.json.encode({"table": held.version, "offices": offices}).decode())
        return DONE
    rows = [("MÃ", "TÊN", "LOẠI", "CẤP TRÊN", "TỪ", "")]
    rows += [
        (one.code, one.name, _KINDS[one.kind], one.parent or "—", f"{one.valid_from:%d/%m/%Y}", MARKS[one.certainty])
        for one in offices
    ]
    print("\n".join(table(rows)))
    print(f"Bảng · table {held.version}")
    return DONE


def _show(asked: argparse.Namespace) -> int:
    held, on = _held(asked)
    rows = held.of_code(asked.code.zfill(5))
    if not rows:
        near = held.resolve(asked.code, on).candidates
        hint = f": {', '.join(each.code for each in near)}?" if near else ""
        raise CannotWork(f"bảng không có cơ quan {asked.code} · the table has no such office{hint}")
    before = held.predecessors(rows[0].code)
    if asked.json:
        print(msgspec.json.encode({"table": held.version, "rows": rows, "predecessors": before}).decode())
        return DONE
    for one in rows:
        for line in _lines(one, held, on):
            print(line)
    if before:
        print("\n".join(wrapped("Thay cho · took over from: ", ", ".join(_named(held, each) for each in before), 0)))
    print(f"Bảng · table {held.version}")
    return DONE


def _lines(one: Office, held: OfficeTable, on: date) -> list[str]:
    last = f"{one.valid_to:%d/%m/%Y}" if one.valid_to else "nay · now"
    mark = MARKS[one.certainty]
    lines = [f"{one.code}  {one.name}" + (f"   [{mark}]" if mark else "")]
    told = [
        ("Loại · kind: ", _KINDS[one.kind]),
        ("Hiệu lực · in force: ", f"{one.valid_from:%d/%m/%Y} – {last}"),
        ("Cấp trên · above: ", _named(held, one.parent) if one.parent else "—"),
        ("Thay bằng · successors: ", ", ".join(_named(held, each) for each in one.successors)),
        ("Thủ tục được giao · handles: ", ", ".join(one.handles) or "tất cả · all"),
        ("Địa bàn · places: ", _places(one, held, on)),
        ("Ghi chú · note: ", one.note),
    ]
    return lines + [line for head, text in told if text for line in wrapped(head, text, 2)]


def _places(one: Office, held: OfficeTable, on: date) -> str:
    names = []
    for code in one.places[:_PLACES_SHOWN]:
        known = held.places.resolve(code, on)
        names.append(f"{code} {known[0].name}" if known else code)
    more = len(one.places) - _PLACES_SHOWN
    return ", ".join(names) + (f" … +{more}" if more > 0 else "")


def _named(held: OfficeTable, code: str) -> str:
    rows = held.of_code(code)
    return f"{code} {rows[-1].name}" if rows else code


def _export(asked: argparse.Namespace) -> int:
    held, _ = _held(asked)
    content = write_csv(held.offices).encode() if asked.format == "csv" else held.content
    write_file(asked.output, content)
    if asked.output:
        aside(f"Đã ghi · wrote {asked.output}: {len(held.offices)} dòng · rows, bảng · table {held.version}")
    return DONE


def _held(asked: argparse.Namespace) -> tuple[OfficeTable, date]:
    now = SystemClock().now()
    return table_here(settings(), now, asked.table), now.astimezone(VIETNAM).date()
