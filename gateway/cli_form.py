"""The command that makes a form from an employer's sheet, and gives the sheet back with what is wrong marked in it."""

from __future__ import annotations

import argparse
import re
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.cli_terms import (
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
    wrapped,
    write_file,
)
from gateway.clock import VIETNAM, SystemClock
from gateway.opened import catalogue_here
from schemas.findings import Severity
from schemas.sheet_choice import Asked
from schemas.sheet_mark import mark, message_of
from schemas.sheet_template import template
from schemas.sheets import judge, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from schemas.catalogue import Catalogue
    from schemas.form import Form
    from schemas.sheets import CellFinding, Reading

CHANGES_SHOWN_MAX: Final = 20
_GIVEN: Final = re.compile(r"([A-Za-z][A-Za-z0-9_/]*)=(.*)", re.DOTALL)
_WHY: Final = {
    "section": "mục · section",
    "total": "dòng cộng · total",
    "foot": "cuối bảng · foot",
    "stray": "không có người · nobody",
    "hidden": "bị ẩn · hidden",
}


class _Told(Struct, frozen=True):
    """What the command says with --json. `cell` of a finding is E12, 12 for a whole row, or nothing."""

    ok: bool
    form: str
    sheet: str
    rows: int
    columns: dict[str, str]
    unused: list[dict[str, str]]
    skipped: list[dict[str, object]]
    changes: list[dict[str, str]]
    counted: dict[str, str]
    findings: list[dict[str, object]]


def declare(commands: Commands[Parser]) -> None:
    """Declare `form`."""
    form = command(
        commands,
        "form",
        _form,
        says="Lập tờ khai từ bảng Excel hoặc CSV, chỉ rõ ô sai. 0: đạt, 1: có lỗi, 2: không đọc được.",
        tells="Make a form from an Excel or CSV list and say which cells are wrong. 0: good, 1: errors, 2: unreadable.",
        example="""
            motcua form D02-TS --from danh-sach.xlsx -o D02-TS.xml --mark danh-sach.kiem-tra.xlsx
            motcua form D02-TS --from thang-1.csv --set PA=TM --set TuThang=01/2026 -o D02-TS.xml
            motcua form D02-TS --from luong.xlsx --sheet "Tháng 1" --column TienLuong=G
            motcua form D02-TS --template -o mau-D02-TS.xlsx     # bảng mẫu để điền · an empty sheet to fill in
            motcua form --list                                   # các mẫu có danh sách · forms that have a list
        """,
    )
    form.add_argument("form", nargs="?", metavar="FORM", help="mã mẫu, như D02-TS · the form")
    form.add_argument("--from", dest="source", metavar="FILE", help="bảng .xlsx hoặc .csv, hoặc - · the list")
    form.add_argument("--template", action="store_true", help="tạo bảng mẫu trống (-o) · write an empty workbook")
    form.add_argument("--list", action="store_true", help="kể các mẫu lập được từ bảng · forms made from sheets")
    form.add_argument("--sheet", default="", metavar="NAME", help="tên trang tính · which sheet of the workbook")
    form.add_argument("-o", "--output", metavar="FILE", help="ghi tờ khai XML, - ra đầu ra chuẩn · where the XML goes")
    form.add_argument("--mark", metavar="OUT.xlsx", help="ghi bản sao bảng có đánh dấu ô sai · the sheet, marked")
    form.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="ghi cho cột không có trong bảng · fill a column",
    )
    form.add_argument(
        "--column", action="append", default=[], metavar="NAME=LETTER", help="lấy cột này của bảng · take this column"
    )
    form.add_argument("--into", default="", metavar="LIST", help="danh sách nào của mẫu, như CheDoThaiSan · which list")
    form.add_argument("--visible-only", action="store_true", help="bỏ các dòng bị ẩn, bị lọc · leave hidden rows out")
    form.add_argument("--at", type=a_day, metavar="DATE", help="xét như nộp ngày này (mặc định: hôm nay) · as of a day")
    add_language(form)
    add_json(form)


def _form(asked: argparse.Namespace) -> int:
    on: date = asked.at or SystemClock().now().astimezone(VIETNAM).date()
    catalogue = catalogue_here(settings(), on)
    if asked.list:
        return _list(catalogue, on, as_json=asked.json)
    form = _chosen(asked.form, catalogue, on)
    if asked.template:
        if not asked.output:
            raise CannotWork("--template: thiếu -o TỆP.xlsx · say where: -o FILE.xlsx")
        write_file(asked.output, template(form, catalogue.lists, on))
        aside(f"Đã tạo · wrote {asked.output} ({form.version})")
        return DONE
    if not asked.source:
        raise CannotWork("thiếu --from TỆP.xlsx (hoặc --template, --list) · say what to read: --from FILE")
    return _read(asked, form, catalogue, on)


def _refuse_one_file_for_two(asked: argparse.Namespace) -> None:
    """The employer's list is nobody's to write over, and one file cannot hold two things. Raises CannotWork."""
    named = [
        (name, path) for name, path in (("--from", asked.source), ("-o", asked.output), ("--mark", asked.mark)) if path
    ]
    for (first, one), (second, other) in combinations(named, 2):
        if Path(one).resolve() == Path(other).resolve() and (one != "-" or first != "--from"):
            raise CannotWork(
                f"{first} và · and {second}: cùng một tệp {one} · are one file; đặt tên khác · name another"
            )


def _read(asked: argparse.Namespace, form: Form, catalogue: Catalogue, on: date) -> int:
    _refuse_one_file_for_two(asked)
    content = read_file(asked.source)
    file = "CSV" if asked.source == "-" else Path(asked.source).name
    told = Asked(
        sheet=asked.sheet,
        columns=_pairs(asked.column, "--column"),
        given=_pairs(asked.set, "--set"),
        into=asked.into,
        visible_only=asked.visible_only,
    )
    reading = read(content, form, catalogue.lists, on, file=file, asked=told)
    found = judge(reading, form, catalogue.facts(on), file=file)
    ok = not any(each.finding.severity is Severity.ERROR for each in found)
    marked = mark(content, reading, found, language="en" if asked.lang == "en" else "vi") if asked.mark else b""
    if asked.output:
        write_file(asked.output, reading.content)
    if asked.mark:
        write_file(asked.mark, marked)
    say = aside if asked.output == "-" else print
    if asked.json:
        say(msgspec.json.encode(_as_told(reading, found, form, ok=ok)).decode())
    else:
        say("\n".join(_report(asked, file, form, reading, found, ok=ok)))
    return DONE if ok else JUDGED_BAD


def _chosen(code: str | None, catalogue: Catalogue, on: date) -> Form:
    with_rows = {form.code.casefold(): form for form in catalogue.forms(on) if form.rows is not None}
    if code is None:
        raise CannotWork("thiếu mã mẫu, như D02-TS (xem --list) · name a form, such as D02-TS")
    form = with_rows.get(code.casefold())
    if form is None:
        shown = ", ".join(sorted(each.code for each in with_rows.values()))
        raise CannotWork(f"không có mẫu danh sách “{code}”; có · no such form; there are: {shown}")
    return form


def _list(catalogue: Catalogue, on: date, *, as_json: bool) -> int:
    rows = [(form.code, form.version, form.title_vi, form.title_en) for form in catalogue.forms(on) if form.rows]
    if as_json:
        names = ("form", "version", "title_vi", "title_en")
        print(msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows]).decode())
    else:
        print("\n".join(table(rows)))
    return DONE


def _pairs(told: Sequence[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in told:
        match = _GIVEN.fullmatch(each)
        if match is None:
            raise CannotWork(f"{option} {each}: viết như TÊN=GIÁ TRỊ · write NAME=TEXT")
        found[match[1]] = match[2]
    return found


def _as_told(reading: Reading, found: Sequence[CellFinding], form: Form, *, ok: bool) -> _Told:
    return _Told(
        ok=ok,
        form=form.version,
        sheet=reading.sheet,
        rows=len(reading.rows),
        columns={name: header.cell for name, header in reading.headers.used.items()},
        unused=[{"cell": each.cell, "text": each.text, "why": each.why_en} for each in reading.headers.unused],
        skipped=[{"row": each.row, "why": each.why, "text": each.text} for each in reading.skipped],
        changes=[msgspec.structs.asdict(each) for each in reading.changes],
        counted=dict(reading.counted),
        findings=[{"cell": each.cell} | msgspec.to_builtins(each.finding) for each in found],
    )


def _report(
    asked: argparse.Namespace, file: str, form: Form, reading: Reading, found: Sequence[CellFinding], *, ok: bool
) -> list[str]:
    errors = sum(each.finding.severity is Severity.ERROR for each in found)
    word = "ĐẠT · GOOD" if ok else "KHÔNG ĐẠT · BAD"
    counted = f"{len(reading.rows)} dòng · rows, {errors} lỗi · errors, {len(found) - errors} lưu ý · warnings"
    lines = [f"{word}  {file} › {reading.sheet} → {form.version}: {counted}", *_how_read(reading)]
    for number, each in enumerate(found, 1):
        lines += _finding_lines(number, each, asked.lang)
    if asked.output and asked.output != "-":
        unfit = "" if ok else " (còn lỗi, chưa nên ký · not fit to be signed)"
        lines.append(f"Tờ khai · form: {asked.output}{unfit}")
    if asked.mark:
        lines.append(f"Bảng đã đánh dấu · marked sheet: {asked.mark}")
    return lines


def _how_read(reading: Reading) -> list[str]:
    """What was taken for what, and what was not used: a clerk must be able to see it."""
    headers = reading.headers
    used = ", ".join(f"{header.cell} {name}" for name, header in headers.used.items())
    lines = wrapped(f"Cột đã nhận · columns taken ({len(headers.used)}): ", used, 2)
    if headers.unused:
        shown = ", ".join(f"{each.cell} “{each.text}” ({each.why_vi})" for each in headers.unused)
        lines += wrapped("Không dùng · not used: ", shown, 2)
    if reading.skipped:
        shown = ", ".join(f"{each.row} {_WHY[each.why]} “{each.text}”" for each in reading.skipped)
        lines += wrapped("Dòng bỏ qua · rows left out: ", shown, 2)
    if reading.renumbered:
        lines.append(f"  STT được đánh lại · renumbered: 1–{len(reading.rows)}")
    if reading.counted:
        shown = ", ".join(f"{name}={text}" for name, text in reading.counted.items())
        lines += wrapped("Đã đếm · counted: ", f"{shown} (đổi bằng · change with --set)", 2)
    if reading.changes:
        lines.append(f"  Ghi khác với ô · written otherwise than typed: {len(reading.changes)}")
        lines += [
            f"    ô · cell {each.cell} ({each.column}): “{each.typed}” → {each.written or '(trống · empty)'}"
            for each in reading.changes[:CHANGES_SHOWN_MAX]
        ]
        if len(reading.changes) > CHANGES_SHOWN_MAX:
            more = len(reading.changes) - CHANGES_SHOWN_MAX
            lines.append(f"    … và {more} chỗ khác · and {more} more (--json, --mark)")
    return lines


def _finding_lines(number: int, each: CellFinding, language: str) -> list[str]:
    found = each.finding
    head = "LỖI · ERROR" if found.severity is Severity.ERROR else "LƯU Ý · WARNING"
    place = f"dòng · row {each.cell}" if each.cell.isdigit() else f"ô · cell {each.cell}" if each.cell else ""
    about = [place, found.column_label or found.column, found.row_name, found.row_key]
    lines = [f"{number:>3}. {head}  {' · '.join(word for word in about if word)}  [{found.code}]"]
    if found.value:
        lines += wrapped("Giá trị · value: ", f"“{found.value}”", 5)
    if language in ("vi", "both"):
        lines += wrapped("Sai gì   : ", message_of(found, "vi"), 5) + wrapped("Cách sửa : ", found.fix_vi, 5)
    if language in ("en", "both"):
        lines += wrapped("Wrong    : ", message_of(found, "en"), 5) + wrapped("To mend  : ", found.fix_en, 5)
    return lines
