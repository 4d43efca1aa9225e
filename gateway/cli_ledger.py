"""Commands of the ledger: close the books, list the closings, show one; check a proof of non-receipt, offline."""

from __future__ import annotations

import argparse
import hashlib
from typing import TYPE_CHECKING

import msgspec

from gateway import closing
from gateway.absence import NOT_PROVABLE
from gateway.absence_check import AbsenceBroken, check_absence
from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    aside,
    command,
    group,
    read_file,
    settings,
    table,
    thousands,
    whole,
    wrapped,
)
from gateway.clock import SystemClock, for_people, from_us, rfc3339
from gateway.closing_lines import read_lines
from gateway.closing_stocks import STATE, STOCKS
from gateway.opened import open_migrated
from gateway.seals import open_seal
from gateway.settle import Stores
from gateway.states import State
from signing.jwks import JwksUnusable, read_jwks
from signing.unique import UniqueKeyUnusable, create_unique_key
from storage import ledger
from storage.cipher import Cipher
from storage.vaults import open_vault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.closing_lines import Line

NUMBER_MAX = 2**62
CLOSINGS_LISTED_MAX = 48


def declare(commands: Commands[Parser]) -> None:
    """Declare `ledger close|list|show|key` and `verify-absence`."""
    books = group(
        commands,
        "ledger",
        says="Sổ đối chiếu: đầu kỳ + vào = ra + cuối kỳ, khóa mỗi giờ.",
        tells="The conservation ledger: opening + in = out + closing, closed every hour.",
    )
    close = command(
        books,
        "close",
        _close,
        says="Khóa sổ ngay bây giờ, không đợi hết giờ. 1: có chỗ lệch.",
        tells="Close the books now, before the hour is over. 1: something does not meet.",
        example="motcua ledger close",
    )
    add_json(close)
    listed = command(
        books,
        "list",
        _list,
        says="Các kỳ đã khóa, mới nhất sau cùng.",
        tells="The closings, the latest last.",
        example="motcua ledger list --after 100",
    )
    listed.add_argument("--after", type=whole(0, NUMBER_MAX), metavar="N", help="từ sau kỳ N · after closing N")
    add_json(listed)
    show = command(
        books,
        "show",
        _show,
        says="Bảng của một kỳ: đầu kỳ, vào, ra, cuối kỳ; và chỗ lệch.",
        tells="The table of one closing: opening, in, out, closing; and what does not meet.",
        example="""
            motcua ledger show 12
            motcua ledger show 12 --offices      # từng kênh, từng cơ quan · each channel and office
        """,
    )
    show.add_argument("number", type=whole(1, NUMBER_MAX), metavar="N")
    show.add_argument("--offices", action="store_true", help="từng kênh, từng cơ quan · each channel and office")
    add_json(show)
    command(
        books,
        "key",
        _key,
        says="Tạo khóa chứng minh không tiếp nhận cho cổng chưa từng có; không bao giờ ghi đè.",
        tells="Make the key for proofs of non-receipt where there never was one; it is never overwritten.",
        example="motcua ledger key",
    )
    declare_check(commands)


def declare_check(commands: Commands[Parser]) -> None:
    """Declare `verify-absence`."""
    check = command(
        commands,
        "verify-absence",
        _verify,
        says="Kiểm chứng ngoại tuyến bằng chứng không tiếp nhận (câu trả lời của /v1/absence). 0: đúng, 1: không.",
        tells="Check a proof of non-receipt (the answer of /v1/absence) offline. 0: it holds, 1: it does not.",
        example="motcua verify-absence khong-tiep-nhan.json --key khoa-cong.json",
    )
    check.add_argument("file", metavar="FILE", help="bằng chứng · the proof")
    check.add_argument("--key", required=True, metavar="JWKS", help="khóa công khai của cổng đã lưu · the pinned keys")
    add_json(check)


def _close(asked: argparse.Namespace) -> int:
    told, now = settings(), SystemClock().now()
    with open_migrated(told) as database:
        stores = Stores(
            database=database,
            vault=open_vault(told.vault),
            cipher=Cipher.load(told.path("master_key", "master.key")),
            seal=open_seal(told, now, keep=False),
            gateway_unit=told.gateway_unit,
        )
        try:
            made = closing.close(stores, told.path("absence_key", closing.ABSENCE_KEY_FILE), now)
        finally:
            stores.vault.close()
    if made is None:
        raise CannotWork("một tiến trình khác đang khóa sổ: thử lại sau · another process is closing: try again later")
    if asked.json:
        print(msgspec.json.encode({"closing": made.number, "gaps": made.gaps}).decode())
    else:
        print(f"Đã khóa kỳ {made.number} · closed; {_gaps(made.gaps)}")
    return JUDGED_BAD if made.gaps else DONE


def _list(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database, database.read() as tx:
        last = ledger.last(tx)
        after = asked.after if asked.after is not None else max(0, (last.number if last else 0) - CLOSINGS_LISTED_MAX)
        held = ledger.closings(tx, after)
    if asked.json:
        print(msgspec.json.encode([_told(one) for one in held]).decode())
        return DONE
    rows = [("KỲ", "TỪ", "ĐẾN", "SỰ KIỆN", "ĐỐI CHIẾU")]
    rows += [
        (
            str(one.number),
            for_people(from_us(one.opened_at_us)),
            for_people(from_us(one.closed_at_us)),
            f"{thousands(one.from_seq)} → {thousands(one.upto_seq)}",
            _gaps(one.gaps),
        )
        for one in held
    ]
    print("\n".join(table(rows)) if held else "Chưa khóa kỳ nào · no closings yet")
    return DONE


def _show(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database, database.read() as tx:
        found = ledger.find(tx, asked.number)
        if found is None:
            raise CannotWork(f"không có kỳ {asked.number} · no such closing")
        jws = ledger.said(tx, [found])[found.number]
    said = closing.read_said(jws)
    if hashlib.sha256(found.lines.encode()).hexdigest() != said.lines.sha256:
        aside("Các dòng KHÔNG khớp văn bản đã ký · the lines are NOT those of the signed statement")
        return JUDGED_BAD
    if asked.json:
        whole_of_it = {**_told(found), "statement": jws, "lines": msgspec.Raw(found.lines.encode())}
        print(msgspec.json.encode(whole_of_it).decode())
        return JUDGED_BAD if found.gaps else DONE
    opened, closed = from_us(found.opened_at_us), from_us(found.closed_at_us)
    print(f"Kỳ {found.number}: {for_people(opened)} – {for_people(closed)}, {_gaps(found.gaps)}")
    print("\n".join(_table_of(read_lines(found.lines), offices=asked.offices)))
    for gap in said.gaps:
        where = " ".join(part for part in (gap.channel, gap.office) if part)
        vi = f"{gap.stock} {where}: phải là {thousands(gap.expected)}, có {thousands(gap.counted)}"
        print("\n".join(wrapped("✗ ", f"{vi} · {thousands(gap.expected)} expected, {thousands(gap.counted)} there", 0)))
    return JUDGED_BAD if found.gaps else DONE


def _table_of(lines: Sequence[Line], *, offices: bool) -> list[str]:
    """The table for people: stocks in all, or each stock by channel and office."""
    rows: list[tuple[str, ...]] = []
    heads = ("ĐẦU KỲ", "VÀO", "RA", "CUỐI KỲ")
    if offices:
        rows.append(("", "KÊNH", "CƠ QUAN", *heads))
        rows += [(_named(one.stock), one.channel or "—", one.office or "—", *_numbers(*one.numbers)) for one in lines]
    else:
        rows.append(("", *heads))
        rows += [(_named(stock), *_numbers(*numbers)) for stock, *numbers in closing.totals(tuple(lines))]
    return table(rows)


def _numbers(*numbers: int) -> tuple[str, ...]:
    return tuple(thousands(number).rjust(9) for number in numbers)


def _named(stock: str) -> str:
    if stock in STOCKS:
        return " · ".join(part if at == 0 else part.strip() for at, part in enumerate(STOCKS[stock]))
    state = stock.removeprefix(STATE)
    return f"  trạng thái · state {state}" if state in set(State) else stock


def _gaps(count: int) -> str:
    return f"{thousands(count)} CHỖ LỆCH · GAPS" if count else "khớp · balanced"


def _told(one: ledger.Closing) -> dict[str, object]:
    """A closing for programs, without its lines."""
    return {
        "closing": one.number,
        "from_seq": one.from_seq,
        "upto_seq": one.upto_seq,
        "opened_at": rfc3339(from_us(one.opened_at_us)),
        "closed_at": rfc3339(from_us(one.closed_at_us)),
        "gaps": one.gaps,
    }


def _key(_: argparse.Namespace) -> int:
    path = settings().path("absence_key", closing.ABSENCE_KEY_FILE)
    try:
        made = create_unique_key(path)
    except UniqueKeyUnusable as error:
        raise CannotWork(str(error)) from error
    print(f"Đã tạo khóa · made a key: {path} ({made.kid})")
    return DONE


def _verify(asked: argparse.Namespace) -> int:
    try:
        pinned = read_jwks(read_file(asked.key))
    except JwksUnusable as error:
        raise CannotWork(f"{asked.key}: {error}") from error
    try:
        shown = check_absence(read_file(asked.file), pinned)
    except AbsenceBroken as error:
        if asked.json:
            print(msgspec.json.encode({"ok": False, "wrong": str(error)}).decode())
        else:
            print(f"✗ KHÔNG ĐÚNG · does NOT hold: {error}")
        return JUDGED_BAD
    if asked.json:
        print(msgspec.json.encode({"ok": True, **msgspec.to_builtins(shown), "not_provable": NOT_PROVABLE}).decode())
        return DONE
    first, last = shown.first, shown.last
    print("\n".join(wrapped("✓ ", f"Không tiếp nhận · not received: {shown.item}", 0)))
    span = f"{first.opened_at} – {last.closed_at}, kỳ · closings {first.closing}–{last.closing}"
    print("\n".join(wrapped("  ", f"{span}; sự kiện · facts {first.from_seq + 1}–{last.upto_seq}", 0)))
    in_log = f"{shown.logged}/{shown.closings} kỳ có trong nhật ký công khai · closings are in the public log"
    print("\n".join(wrapped("  ", in_log, 0)))
    for words in NOT_PROVABLE.values():
        print("\n".join(wrapped("! ", words, 0)))
    return DONE
