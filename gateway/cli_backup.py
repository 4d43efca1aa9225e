"""Commands of the operator against the loss of a machine: backups while the gateway serves, and the way back."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import logbook
from gateway.app import open_the_database
from gateway.audit import Audit
from gateway.backup import Backup
from gateway.cli_erase import ERASURES_FILE
from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    an_instant,
    command,
    settings,
    table,
    thousands,
    wrapped,
)
from gateway.clock import SystemClock
from gateway.opened import open_migrated, stores_beside
from gateway.restore import Restore, all_erasures, check, choose
from gateway.seals import open_seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.audit import Audited
    from gateway.backup import Made
    from gateway.restore import Chosen, Restored

FAULTS_TOLD_MAX: Final = 20
_KEYS: Final = (
    "Khóa KHÔNG nằm trong bản sao lưu. Hãy giữ riêng: khóa chính, khóa niêm phong và sổ khóa của nó, khóa nhật ký.",
    "Keys are NOT in the backup. Keep apart: the master key, the seal keys and their history, the log's key.",
)


def declare(commands: Commands[Parser]) -> None:
    """Declare `backup` and `restore`."""
    make = command(
        commands,
        "backup",
        _backup,
        says="Sao lưu sổ và kho khi cổng vẫn chạy; các bản trong một thư mục dùng chung các gói.",
        tells="Back up journal and vault while the gateway serves; backups in one folder share their packs.",
        example="""
            motcua backup saoluu
            motcua backup saoluu --no-packs      # kho được giữ bằng cách khác · the vault is kept by other means
        """,
    )
    make.add_argument("folder", type=Path, metavar="DIR", help="thư mục các bản sao lưu · the folder of backups")
    make.add_argument("--no-packs", action="store_true", help="chỉ sổ, không có kho · the journal without the vault")
    add_json(make)
    back = command(
        commands,
        "restore",
        _restore,
        says="Khôi phục vào cơ sở dữ liệu và kho trống: kiểm niêm phong, xóa lại những gì đã xóa, mở nhật ký mới, "
        "đối chiếu.",
        tells="Restore into an empty database and vault: check the seals, erase again what was erased since, open the "
        "log anew, audit.",
        example="""
            motcua restore saoluu --erasures erasures.jsonl
            motcua restore saoluu --at "31/03/2026 16:30" --no-later-erasures
            motcua restore saoluu --check        # chỉ kiểm, không ghi gì · only look
        """,
    )
    back.add_argument("folder", type=Path, metavar="DIR", help="thư mục các bản sao lưu · the folder of backups")
    which = back.add_mutually_exclusive_group()
    which.add_argument("--at", type=an_instant, metavar="TIME", help="bản mới nhất tính đến lúc đó · newest by then")
    which.add_argument("--backup", metavar="NAME", help="đúng bản này · this very one")
    later = back.add_mutually_exclusive_group()
    later.add_argument("--erasures", type=Path, metavar="FILE", help="tệp các lần xóa · the file of erasures")
    later.add_argument(
        "--no-later-erasures", action="store_true", help="khẳng định sau đó không xóa gì · nothing was erased since"
    )
    later.add_argument("--check", action="store_true", help="chỉ kiểm bản sao lưu · only check the backup")
    add_json(back)


def _backup(asked: argparse.Namespace) -> int:
    told, now = settings(), SystemClock().now()
    with open_migrated(told) as database, stores_beside(told, database, now) as stores:
        keys = {key.kid: key.jwk for key in stores.seal.keys(now)}
        making = Backup(stores, asked.folder, told.path("erasures", ERASURES_FILE), keys, _progress())
        made = making.make(now, packs=not asked.no_packs)
    _clear()
    if asked.json:
        print(msgspec.json.encode({"backup": made.folder.name, "manifest": made.manifest}).decode())
    else:
        print("\n".join(_made(made)))
    return JUDGED_BAD if made.manifest.damaged else DONE


def _made(made: Made) -> list[str]:
    manifest = made.manifest
    rows = sum(one.file.rows for one in manifest.tables)
    lines = [f"Đã sao lưu · backed up: {made.folder}"]
    lines += table(
        [
            ("đến sự kiện · up to fact", thousands(manifest.head), manifest.made_at),
            ("bảng · tables", thousands(len(manifest.tables)), f"{thousands(rows)} dòng · rows"),
            (
                "gói · packs",
                thousands(made.packs) if manifest.packs else "KHÔNG · none",
                f"{thousands(made.packs_copied)} mới · new, {thousands(made.bytes_copied)} byte"
                if manifest.packs
                else "",
            ),
        ]
    )
    if manifest.damaged:
        lines += wrapped(
            "✗ ", f"gói hỏng hoặc mất ngay trong kho · damaged in the vault: {', '.join(manifest.damaged)}", 0
        )
        lines.append("  Chạy `motcua audit` để biết hồ sơ nào · run `motcua audit` to see whose they are")
    return [*lines, *_KEYS]


def _restore(asked: argparse.Namespace) -> int:
    if not (asked.erasures or asked.no_later_erasures or asked.check):
        raise CannotWork(
            "nêu --erasures FILE (các lần xóa từ sau bản sao lưu), hoặc --no-later-erasures · say which erasures were "
            "made since"
        )
    if asked.erasures and not asked.erasures.is_file():
        raise CannotWork(f"{asked.erasures}: không có tệp này · no such file")
    told, now = settings(), SystemClock().now()
    keys = {key.kid: key.jwk for key in open_seal(told, now, keep=False, to_seal=not asked.check).keys(now)}
    chosen = choose(asked.folder, keys, at=asked.at, name=asked.backup)
    packs = check(chosen, _progress())
    _clear()
    if asked.check:
        print(f"Nguyên vẹn · whole: {chosen.folder} ({thousands(len(packs))} gói · packs)")
        return DONE
    own = told.path("erasures", ERASURES_FILE)
    erased = all_erasures(
        chosen, [*([asked.erasures] if asked.erasures else []), own], keys, complete=bool(asked.erasures)
    )
    told.home_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_the_database(told)
    try:
        with stores_beside(told, database, now) as stores:
            restored = Restore(stores, chosen, packs, _progress()).run(erased, own, now)
            origin = ""
            if restored.is_log_shut:
                because = f"khôi phục từ bản sao lưu · restored from backup {restored.manifest.name}"
                origin = logbook.reopen(told, database, stores.seal, now, because).origin
            found, _ = Audit(stores, keys, _count()).go_on(now, parts=1, whole=True)
    finally:
        database.close()
    _clear()
    if asked.json:
        told_so = {"ok": found.holds, "restored": restored, "origin": origin, "audit": found}
        print(msgspec.json.encode(told_so).decode())
    else:
        print("\n".join([*_restored(restored, origin, chosen), *_audited(found)]))
    return DONE if found.holds else JUDGED_BAD


def _restored(restored: Restored, origin: str, chosen: Chosen) -> list[str]:
    manifest = restored.manifest
    rows = [
        ("hồ sơ · dossiers", thousands(restored.dossiers), f"đến sự kiện · up to fact {thousands(manifest.head)}"),
        (
            "gói · packs",
            thousands(restored.packs),
            "" if manifest.packs else "bản không có kho · a backup without packs",
        ),
        ("xóa lại · erased again", thousands(restored.erased_again), ""),
        ("giữ lại thêm · holds since", thousands(restored.holds_again), ""),
        ("việc giao lại · leases taken back", thousands(restored.leases_back), ""),
    ]
    lines = [f"Đã khôi phục · restored: {chosen.folder.name} ({manifest.made_at})", *table(rows)]
    if origin:
        lines.append(f"Nhật ký mở tên mới · the log has a new origin: {origin}")
    return lines


def _audited(found: Audited) -> list[str]:
    lines = []
    for fault in found.faults[:FAULTS_TOLD_MAX]:
        lines += wrapped(f"✗ {fault.subject}: ", f"{fault.vi} · {fault.en}", 0)
    verdict = "MỌI BIÊN NHẬN ĐỀU ĐÚNG · EVERY RECEIPT HOLDS"
    return [*lines, verdict if found.holds else f"{thousands(found.faults_count)} CHỖ SAI · FAULTS"]


def _progress() -> Callable[[str, int, int], None]:
    """Tell how far it is, where somebody watches."""
    if not sys.stderr.isatty():
        return lambda _what, _done, _total: None

    def tell(what: str, done: int, total: int) -> None:
        of = f"/{thousands(total)}" if total else ""
        print(f"\r\x1b[K{what} {thousands(done)}{of}", end="", file=sys.stderr, flush=True)

    return tell


def _count() -> Callable[[int], None]:
    tell = _progress()
    return lambda count: tell("hồ sơ · dossiers", count, 0)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
