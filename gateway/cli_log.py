"""Commands of the operator for the transparency log: how it stands, its files, whether it holds, a new origin."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    command,
    group,
    settings,
    table,
    thousands,
    wrapped,
)
from gateway.clock import SystemClock, for_people, from_us, rfc3339
from gateway.log_opening import DISPUTED_RULE, ROLLED_BACK_RULE, check_published, published_file
from gateway.log_steps import TSA_RULE
from gateway.log_verify import export_log, verify_log
from gateway.logbook import STOPPED_RULE, LogRolledBack, PublishedBroken, reopen
from gateway.opened import open_migrated
from gateway.seals import open_seal
from storage import log, log_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from gateway.config import Settings

_FAULTS_SHOWN_MAX = 20


class _Origin(Struct, frozen=True, kw_only=True):
    """One origin, as it stands."""

    number: int
    origin: str
    vkey: str
    opened_at: str
    signed_size: int
    signed_at: str | None


class _Standing(Struct, frozen=True, kw_only=True):
    """How the log stands: its origins, what waits, and what an operator should mend."""

    origins: list[_Origin]
    waiting: int
    stamped_at: str | None
    published: str
    troubles: list[str]


def declare(commands: Commands[Parser]) -> None:
    """Declare `log show|export|reopen|verify`."""
    kinds = group(commands, "log", says="Nhật ký công khai.", tells="The transparency log.")
    show = command(
        kinds,
        "show",
        _show,
        says="Nhật ký đang ở đâu: tên, khóa, số lá, điểm kiểm, dấu thời gian, cảnh báo.",
        tells="How the log stands: names, keys, leaves, checkpoints, time-stamps, alarms.",
        example="motcua log show",
    )
    add_json(show)
    export = command(
        kinds,
        "export",
        _export,
        says="Ghi nhật ký thành các tệp tĩnh (C2SP tlog-tiles) cho máy chủ web bất kỳ; chạy lại chỉ ghi phần mới.",
        tells="Write the log as static files (C2SP tlog-tiles) for any web server; again: only what is new.",
        example="motcua log export /srv/www/log",
    )
    export.add_argument("folder", metavar="DIR", help="thư mục đích · where to")
    verify = command(
        kinds,
        "verify",
        _verify,
        says="Tính lại cả cây từ các lá; so mọi mảnh, mọi điểm kiểm, tệp đã công bố. 0: tất cả đúng, 1: có chỗ sai.",
        tells="Work the whole tree out again from its leaves; compare every tile, checkpoint, what was published.",
        example="motcua log verify",
    )
    add_json(verify)
    again = command(
        kinds,
        "reopen",
        _reopen,
        says="Mở nhật ký mới nối tiếp nhật ký cũ, sau khi khôi phục cơ sở dữ liệu hoặc thay khóa. Dừng cổng trước.",
        tells="Open a new origin that names the old one, after a restore or for a new key. Stop the gateway first.",
        example='motcua log reopen --because "khôi phục từ bản sao lưu 22/11/2026"',
    )
    again.add_argument("--because", required=True, metavar="WHY", help="lý do, sẽ được công bố · why; it is published")
    add_json(again)


def _show(asked: argparse.Namespace) -> int:
    told = settings()
    with open_migrated(told) as database, database.read() as tx:
        shown = _standing(told, tx)
    if asked.json:
        print(msgspec.json.encode(shown).decode())
        return DONE
    if not shown.origins:
        print("Chưa có nhật ký · no log is kept yet")
        return DONE
    rows = [("SỐ", "NHẬT KÝ", "MỞ LÚC", "LÁ ĐÃ KÝ", "KÝ LÚC")]
    rows += [
        (str(one.number), one.origin, _people(one.opened_at), thousands(one.signed_size), _people(one.signed_at))
        for one in shown.origins
    ]
    print("\n".join(table(rows)))
    print(f"Khóa · key  {shown.origins[-1].vkey}")
    print(f"Lá chờ ghi · leaves waiting  {thousands(shown.waiting)}")
    print(f"Dấu thời gian gần nhất · last time-stamp  {_people(shown.stamped_at)}")
    print(f"Đã công bố từ máy này · published from here  {shown.published}")
    for line in shown.troubles:
        print("\n".join(wrapped("✗ ", line, 0)))
    return DONE


def _standing(told: Settings, tx: sa.Connection) -> _Standing:
    troubles, published, here = [], "—", None
    # Before the database: a gateway may publish more meanwhile.
    try:
        if here := published_file(told).read():
            published = f"{here.origin}, {thousands(here.size)}"
    except PublishedBroken as error:
        troubles.append(str(error))
    origins = log_rows.origins(tx)
    heads = [log_rows.newest(tx, one.number) for one in origins]
    last = origins[-1] if origins else None
    stamped = log_rows.last_stamped(tx, last.number) if last else None
    try:
        check_published(tx, origins, here)
    except (LogRolledBack, log.LogCorrupt) as error:
        troubles.append(str(error))
    troubles += [
        f"{rule}: từ · since {for_people(from_us(since_us))} (GET /v1/alarms)"
        for rule in (ROLLED_BACK_RULE, DISPUTED_RULE, STOPPED_RULE, TSA_RULE)
        if last and (since_us := log_rows.alarm_since_us(tx, rule, last.origin)) is not None
    ]
    return _Standing(
        origins=[
            _Origin(
                number=one.number,
                origin=one.origin,
                vkey=one.vkey,
                opened_at=rfc3339(from_us(one.opened_at_us)),
                signed_size=head.size if head else 0,
                signed_at=rfc3339(from_us(head.signed_at_us)) if head else None,
            )
            for one, head in zip(origins, heads, strict=True)
        ],
        waiting=log_rows.waiting(tx, last.upto_seq) if last else 0,
        stamped_at=_told(stamped.stamped_at_us if stamped else None),
        published=published,
        troubles=troubles,
    )


def _told(instant_us: int | None) -> str | None:
    return None if instant_us is None else rfc3339(from_us(instant_us))


def _people(told: str | None) -> str:
    return "—" if told is None else for_people(datetime.fromisoformat(told))


def _export(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database:
        written = export_log(database, Path(asked.folder), _progress("tệp · files"))
    _wipe()
    print(f"Đã ghi · written: {thousands(written)} tệp · files → {asked.folder}")
    return DONE


def _verify(asked: argparse.Namespace) -> int:
    told, now = settings(), SystemClock().now()
    keys = {key.kid: key.jwk for key in open_seal(told, now, keep=False, to_seal=False).keys(now)}
    with open_migrated(told) as database:
        found = verify_log(database, published_file(told), keys, _progress("lá · leaves"))
    _wipe()
    if asked.json:
        print(msgspec.json.encode({"ok": found.holds, **msgspec.to_builtins(found)}).decode())
        return DONE if found.holds else JUDGED_BAD
    rows = [
        ("lá · leaves", thousands(found.leaves), f"{thousands(found.waiting)} đang chờ · waiting"),
        ("mảnh · tiles", thousands(found.tiles), ""),
        ("điểm kiểm · checkpoints", thousands(found.checkpoints), f"{thousands(found.stamped)} có dấu thời gian"),
    ]
    print("\n".join(table(rows)))
    for fault in found.faults[:_FAULTS_SHOWN_MAX]:
        print("\n".join(wrapped(f"✗ {fault.origin}: ", f"{fault.vi} · {fault.en}", 0)))
    held = "NHẬT KÝ ĐÚNG · THE LOG HOLDS"
    print(held if found.holds else f"{thousands(len(found.faults))} CHỖ SAI · FAULTS")
    return DONE if found.holds else JUDGED_BAD


def _reopen(asked: argparse.Namespace) -> int:
    told, now = settings(), SystemClock().now()
    if not asked.because.strip():
        raise CannotWork("--because: cần lý do · a reason is needed")
    with open_migrated(told) as database:
        origin = reopen(told, database, open_seal(told, now), now, asked.because.strip())
    if asked.json:
        print(msgspec.json.encode({"origin": origin.origin, "number": origin.number, "vkey": origin.vkey}).decode())
        return DONE
    print(f"Nhật ký mới · new origin  {origin.origin}")
    if origin.previous_origin:
        print(f"Nối tiếp · continues  {origin.previous_origin}, {thousands(origin.previous_size)} lá · leaves")
    print("Số biên nhận đã nhảy qua mọi số có thể đã cấp · receipt numbers have leapt beyond any that may be out.")
    print("Khởi động lại mọi máy của cổng · restart every gateway on this database.")
    return DONE


def _progress(what: str) -> Callable[[int], None]:
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda count: print(f"\r\x1b[K{thousands(count)} {what}", end="", file=sys.stderr, flush=True)


def _wipe() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
