"""Commands of the operator for the register of units: one unit by hand, or all of them from a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway import cli_bindings
from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
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
    thousands,
)
from gateway.clock import VIETNAM, SystemClock
from gateway.offices_here import table_here
from gateway.opened import open_migrated
from gateway.unit_import import Difference, compare, fault_of, write
from schemas.checkdigits import tax_code_canonical, tax_code_holds
from storage import clients, register

if TYPE_CHECKING:
    from collections.abc import Callable


def declare(commands: Commands[Parser]) -> None:
    """Declare `unit add|import` and what `cli_bindings` adds to them."""
    kinds = group(commands, "unit", says="Sổ đăng ký đơn vị.", tells="The register of units.")
    add = command(
        kinds,
        "add",
        _add,
        says="Đăng ký một đơn vị (hoặc sửa dòng cùng mã, cùng ngày bắt đầu).",
        tells="Register a unit; a row with the same code and first day is replaced.",
        example="""
            motcua unit add --code AK4549H --tax-code 9922360686 --office 09993 --name "Công ty Mẫu"
            motcua unit add --code AK4549H --tax-code 9922360686 --office 09993 --client employer-abc12345
        """,
    )
    add.add_argument("--code", required=True, metavar="CODE", help="mã đơn vị, 7 ký tự · unit code")
    add.add_argument("--tax-code", required=True, metavar="MST", help="mã số thuế · tax code")
    add.add_argument("--office", required=True, metavar="CODE", help="cơ quan BHXH quản lý · registered office")
    add.add_argument("--name", default="", help="tên đơn vị · its name")
    add.add_argument("--valid-from", type=a_day, metavar="DAY", help="từ ngày (mặc định: hôm nay) · default: today")
    add.add_argument("--valid-to", type=a_day, metavar="DAY", help="đến hết ngày · its last day")
    add.add_argument("--client", metavar="ID", help="cho tài khoản này nộp thay đơn vị · let this client speak for it")
    bring = command(
        kinds,
        "import",
        _import,
        says="Nhập sổ từ CSV. Có dòng sai thì không ghi gì, trừ khi có --skip-bad. Dòng vắng mặt được giữ nguyên.",
        tells="Import from CSV. With a bad row nothing is written, unless --skip-bad. Rows not in the file stay.",
        example="""
            motcua unit import donvi.csv --dry-run
            motcua unit import donvi.csv
            # code,tax_code,office,name,valid_from,valid_to
            # AK4549H,9922360686,09993,Công ty Mẫu,2020-01-01,
            # tùy chọn · optional: thêm cột · more columns signing (tax-code|registered), signed_by_parent (yes|no)
        """,
    )
    bring.add_argument("file", type=Path, metavar="FILE.csv", help="CSV, UTF-8, có dòng tên cột · with a header line")
    bring.add_argument("--dry-run", action="store_true", help="chỉ so sánh, không ghi · compare, write nothing")
    bring.add_argument("--skip-bad", action="store_true", help="ghi các dòng đúng, bỏ dòng sai · leave bad rows out")
    add_json(bring)
    cli_bindings.declare(kinds)


def _add(asked: argparse.Namespace) -> int:
    told = settings()
    today = SystemClock().now().astimezone(VIETNAM).date()
    # Whose certificates sign for it stays as it stands; `unit signing` changes that.
    unit = register.Told(
        code=asked.code,
        tax_code=tax_code_canonical(asked.tax_code),
        office=asked.office,
        name=asked.name,
        valid_from=(asked.valid_from or today).isoformat(),
        valid_to=asked.valid_to.isoformat() if asked.valid_to else None,
    )
    if wrong := fault_of(unit):
        raise CannotWork(" · ".join(wrong))
    if table_here(told, SystemClock().now()).resolve(unit.office, today).office is None:
        aside(f"Lưu ý: cơ quan {unit.office} không có trong bảng · note: not in the table of offices")
    if not tax_code_holds(unit.tax_code):
        aside(f"Lưu ý: mã số thuế {unit.tax_code} sai số kiểm tra · note: its check digit is wrong")
    with open_migrated(told) as database, database.begin() as tx:
        if asked.client and clients.client(tx, asked.client) is None:
            raise CannotWork(f"không có tài khoản {asked.client} · no such client")
        register.put(tx, [unit])
        if asked.client:
            clients.add_units(tx, asked.client, [unit.code])
            if unit.code not in clients.units(tx, asked.client, today):
                aside(
                    f"Lưu ý: ủy quyền của {asked.client} cho {unit.code} không có hiệu lực hôm nay; xem motcua client "
                    "mandates · note: that client's mandate does not hold today, see motcua client mandates"
                )
    print(f"Đã đăng ký · registered {unit.code} ({unit.tax_code}, {unit.office})")
    return DONE


def _import(asked: argparse.Namespace) -> int:
    told = settings()
    progress = _progress()
    with open_migrated(told) as database:
        # A byte order mark, as spreadsheets write it, is passed over.
        with asked.file.open(encoding="utf-8-sig", newline="") as file:
            found = compare(file, database, table_here(told, SystemClock().now()), progress)
        writing = not asked.dry_run and (asked.skip_bad or not found.bad)
        written = 0
        if writing and found.rows > found.unchanged + found.bad:
            with asked.file.open(encoding="utf-8-sig", newline="") as file:
                written = write(file, database, progress)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    _tell(found, written, asked)
    return JUDGED_BAD if found.bad else DONE


def _progress() -> Callable[[int], None]:
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda rows: print(f"\r\x1b[K{thousands(rows)} dòng · rows", end="", file=sys.stderr, flush=True)


def _tell(found: Difference, written: int, asked: argparse.Namespace) -> None:
    if asked.json:
        told = {**msgspec.to_builtins(found), "written": written, "dry_run": asked.dry_run}
        print(msgspec.json.encode(told).decode())
        return
    for fault in found.faults:
        print(f"✗ dòng · line {fault.line}: {fault.vi} · {fault.en}")
    if found.bad > len(found.faults):
        print(f"  … và {thousands(found.bad - len(found.faults))} dòng sai nữa · more bad rows")
    rows = [
        ("dòng · rows", thousands(found.rows)),
        ("mới · added", thousands(found.added)),
        ("đổi · changed", thousands(found.changed)),
        ("kết thúc · ended", thousands(found.ended)),
        ("như cũ · unchanged", thousands(found.unchanged)),
        ("sai · bad", thousands(found.bad)),
    ]
    print("\n".join(table(rows)))
    if found.offices_unknown:
        print(f"Lưu ý: {thousands(found.offices_unknown)} dòng có cơ quan ngoài bảng · offices not in the table")
    if found.tax_codes_doubtful:
        doubtful = thousands(found.tax_codes_doubtful)
        print(f"Lưu ý: {doubtful} dòng có mã số thuế sai số kiểm tra · tax codes with a wrong check digit")
    if asked.dry_run:
        print("Chạy thử: chưa ghi gì · dry run: nothing was written")
    elif found.bad and not asked.skip_bad:
        print("CHƯA ghi gì: sửa các dòng sai, hoặc thêm --skip-bad · NOTHING was written: mend them, or add --skip-bad")
    else:
        print(f"Đã ghi · written: {thousands(written)}")
