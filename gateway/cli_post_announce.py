"""The commands of who sends paper: announce it, get what is to be printed, see where it is."""

from __future__ import annotations

import argparse
import asyncio
import base64
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gateway.cli_proof import proof_of
from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    aside,
    command,
    settings,
    table,
    whole,
    write_file,
)
from gateway.client import PATIENCE_S, GatewayAway, NotAllowed, Unexpected
from gateway.client_post import Announced, PostGateway, Unannounced
from gateway.clock import SystemClock
from gateway.findings_text import finding_lines
from gateway.postal.pieces import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence


BATCH_MAX: Final = 9999
_SHEETS: Final = frozenset({".xlsx", ".csv"})
_PIECE: Final = re.compile(r"([a-z-]+)=([0-9]{1,4})(?:/([0-9]{1,3}))?(?::(.*))?", re.DOTALL)


def declare(commands: Commands[Parser]) -> None:
    """Declare `post announce` and `post show`."""
    announce = command(
        commands,
        "announce",
        _announce,
        says="Báo trước hồ sơ giấy: kiểm như hồ sơ điện tử, rồi lấy phiếu gửi và tờ khai để in. Chạy lại vẫn an toàn.",
        tells="Announce paper: judged as an electronic dossier is; then cover and forms to print. Safe to run again.",
        example="""
            motcua post announce hoso.xml --client employer-abc12345 --secret-file secret.txt --cover phieu.pdf
            motcua post announce luong.xlsx --procedure 600 --form D02-TS --unit TS12345 --period 03/2026 --client …
            motcua post announce hoso.xml --piece "attachment=2/6:Hợp đồng lao động" --original book=2 --client …
            motcua post announce --half-of d-… --piece decision=1/2 --item RR473124829VN --client …
            motcua post announce hoso.xml --check --client …      # chỉ kiểm · judge only
        """,
    )
    announce.add_argument(
        "files", nargs="*", metavar="FILE", help="phong bì .xml, bảng .xlsx hoặc .csv; mỗi tệp một hồ sơ"
    )
    announce.add_argument("--half-of", default="", metavar="DOSSIER", help="nửa giấy của hồ sơ điện tử này · its paper")
    announce.add_argument("--hybrid", action="store_true", help="sẽ còn nửa điện tử · an electronic half is to come")
    for name, says in (("--piece", "giấy gửi kèm"), ("--original", "bản gốc, sẽ trả lại · an original")):
        announce.add_argument(name, action="append", default=[], metavar="KIND=N[/PAGES][:NAME]", help=says)
    for name, says in (("procedure", "thủ tục"), ("form", "mẫu"), ("unit", "mã đơn vị"), ("period", "kỳ, MM/yyyy")):
        announce.add_argument(f"--{name}", default="", help=f"{says} (với bảng · for a sheet)")
    announce.add_argument("--unit-name", default="", help="tên đơn vị, nếu danh bạ chưa có · the unit's name")
    announce.add_argument("--batch", type=whole(1, BATCH_MAX), metavar="N", help="đợt · batch")
    announce.add_argument("--office", default="", metavar="CODE", help="gửi đến cơ quan nào · which mail room")
    announce.add_argument("--carrier", default="", metavar="CODE", help="bên vận chuyển · who carries it")
    announce.add_argument("--item", default="", metavar="NUMBER", help="số bưu gửi, gắn ngay · bind this item")
    announce.add_argument("--cover", metavar="OUT.pdf", help="ghi phiếu gửi · the cover sheets")
    announce.add_argument("--forms", metavar="OUT.pdf", help="ghi tờ khai để in · the forms to print")
    announce.add_argument("--check", action="store_true", help="chỉ kiểm, không lưu · judge, keep nothing")
    _add_client(announce)
    show = command(
        commands,
        "show",
        _show,
        says="Một báo trước: từng hồ sơ, số biên nhận, các bưu gửi đang ở đâu.",
        tells="An announcement: its dossiers, receipt numbers, and where its items are.",
        example="motcua post show p-abcdefghijklmnop --client employer-abc12345 --secret-file secret.txt",
    )
    show.add_argument("announcement", metavar="ID")
    show.add_argument("--cancel", action="store_true", help="hủy, khi chưa gửi · cancel it, while nothing is posted")
    _add_client(show)


def _add_client(parser: Parser) -> None:
    parser.add_argument("--url", help="địa chỉ cổng (mặc định: cổng trên máy này) · the gateway's address")
    parser.add_argument("--client", required=True, metavar="ID", help="mã tài khoản kết nối · client id")
    proof = parser.add_mutually_exclusive_group()
    proof.add_argument("--secret-file", type=Path, metavar="PATH", help="tệp chứa client_secret; không có thì hỏi")
    proof.add_argument("--key", type=Path, metavar="PATH", help="khóa của tài khoản · the client's key")
    parser.add_argument(
        "--patience", type=whole(0, 86_400), default=int(PATIENCE_S), metavar="SECONDS", help="chờ cổng bao lâu"
    )
    add_json(parser)


def _announce(asked: argparse.Namespace) -> int:
    body = _body(asked)
    return _with_gateway(asked, lambda gateway: _send(gateway, asked, body))


def _show(asked: argparse.Namespace) -> int:
    async def look(gateway: PostGateway) -> int:
        step = gateway.cancel if asked.cancel else gateway.announcement
        _tell(await step(asked.announcement), as_json=asked.json)
        return DONE

    return _with_gateway(asked, look)


async def _send(gateway: PostGateway, asked: argparse.Namespace, body: dict[str, Any]) -> int:
    if asked.check:
        ok, found = await gateway.check(body)
        if asked.json:
            print(msgspec.json.encode({"ok": ok, "findings": found}).decode())
        else:
            print("ĐẠT · GOOD" if ok else "CÓ LỖI · ERRORS")
            _tell_findings(found, asked.files)
        return DONE if ok else JUDGED_BAD
    _progress("gửi · sending")
    outcome = await gateway.announce(body)
    if isinstance(outcome, Unannounced):
        return _refused(outcome, asked)
    told = await _after(gateway, outcome, asked)
    _progress("")
    _tell(told, as_json=asked.json, fresh=outcome.fresh)
    for name, path in (("phiếu gửi · cover", asked.cover), ("tờ khai · forms", asked.forms)):
        if path:
            aside(f"{name}: {path}")
    return DONE


async def _after(gateway: PostGateway, made: Announced, asked: argparse.Namespace) -> dict[str, Any]:
    """What is to be done with an announcement: each step may be taken again."""
    told = made.told
    if asked.item:
        _progress("gắn bưu gửi · binding")
        await gateway.bind(asked.item, made.announcement, asked.carrier)
        told = await gateway.announcement(made.announcement)
    for url, path in ((told["cover_url"], asked.cover), (told["forms_url"], asked.forms)):
        if path:
            _progress(f"in · printing {path}")
            write_file(path, await gateway.printed(url))
    return told


def _refused(outcome: Unannounced, asked: argparse.Namespace) -> int:
    _progress("")
    if asked.json:
        print(msgspec.json.encode(outcome.problem).decode())
        return JUDGED_BAD
    print(f"✗ KHÔNG nhận · not taken ({outcome.code}): {outcome.problem.get('title', '')}")
    if not outcome.findings:
        print(f"    {outcome.problem.get('detail', '')}")
    _tell_findings(outcome.findings, asked.files)
    return JUDGED_BAD


def _tell_findings(found: Sequence[dict[str, Any]], files: Sequence[str]) -> None:
    for one in found:
        number = one["dossier"]
        file = files[number - 1] if number <= len(files) else f"{number}"
        cell = f", ô · cell {one['cell']}" if one["cell"] else ""
        head = "LỖI · ERROR" if one["severity"] == "error" else "LƯU Ý · WARNING"
        print(f"{head}  {file}{cell}  [{one['code']}]")
        for line in finding_lines(one):
            print(f"    {line}")


def _tell(told: dict[str, Any], *, as_json: bool, fresh: bool | None = None) -> None:
    if as_json:
        print(msgspec.json.encode(told).decode())
        return
    how = {True: "đã báo trước · announced", False: "đã báo từ trước · announced before", None: told["state"]}[fresh]
    address = told["address"]
    print(f"✓ {told['announcement']}  {how}  → {address['office']} {address['name']}")
    rows = [("HỒ SƠ", "THỦ TỤC", "KỲ", "TRẠNG THÁI", "BIÊN NHẬN", "GIẤY TỜ")]
    for one in told["dossiers"]:
        pieces = sum(piece.get("count", 1) for piece in one["pieces"])
        rows.append(
            (one["dossier"], one["procedure"], one["period"], one["state"], one["receipt_number"] or "—", str(pieces))
        )
    print("\n".join(table(rows)))
    for item in told["items"]:
        print(f"bưu gửi · item {item['item']}: {item['state']} {item['state_at']}")
    for one in told["dossiers"]:
        _tell_findings(one["findings"], [])


def _body(asked: argparse.Namespace) -> dict[str, Any]:
    """The request: the same files and options give the same bytes, which find the same announcement again."""
    pieces = [_piece(one, original=False) for one in asked.piece] + [
        _piece(one, original=True) for one in asked.original
    ]
    dossiers = [_dossier(Path(name), asked) for name in asked.files]
    if asked.half_of and len(dossiers) > 1:
        raise CannotWork("--half-of đi với một tệp, hoặc không tệp nào · goes with one file, or none")
    if asked.half_of:
        dossiers = [(dossiers[0] if dossiers else {}) | {"half_of": asked.half_of}]
    if not dossiers:
        raise CannotWork("thiếu tệp · name a file, or --half-of")
    if pieces and len(dossiers) > 1:
        raise CannotWork("--piece đi với một hồ sơ · goes with one dossier")
    if pieces:
        dossiers[0]["pieces"] = pieces
    more = {"office": asked.office, "carrier": asked.carrier}
    return {"dossiers": dossiers} | {name: value for name, value in more.items() if value}


def _dossier(path: Path, asked: argparse.Namespace) -> dict[str, Any]:
    try:
        content = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise CannotWork(f"{path}: {error.strerror}") from error
    told: dict[str, Any] = {"batch": asked.batch} if asked.batch else {}
    told |= {"hybrid": True} if asked.hybrid else {}
    if path.suffix.lower() not in _SHEETS:
        return told | {"envelope": content}
    if missing := [name for name in ("procedure", "form", "unit", "period") if not getattr(asked, name)]:
        raise CannotWork(f"{path}: cần · needs --{', --'.join(missing)}")
    told |= {"header": {"TenDoiTuong": asked.unit_name}} if asked.unit_name else {}
    form = {"form": asked.form, "sheet": content, "file": path.name}
    return told | {"procedure": asked.procedure, "unit": asked.unit, "period": asked.period, "forms": [form]}


def _piece(text: str, *, original: bool) -> dict[str, Any]:
    match = _PIECE.fullmatch(text)
    if match is None or match[1] not in KINDS:
        kinds = ", ".join(KINDS)
        raise CannotWork(f"“{text}”: viết như · write KIND=N[/PAGES][:NAME]; KIND: {kinds}")
    told: dict[str, Any] = {"kind": match[1], "count": int(match[2])}
    told |= {"pages": int(match[3])} if match[3] else {}
    told |= {"name": match[4]} if match[4] else {}
    return told | ({"original": True} if original else {})


def _with_gateway(asked: argparse.Namespace, step: Callable[[PostGateway], Coroutine[Any, Any, int]]) -> int:
    told = settings()
    url = asked.url or f"http://{told.host}:{told.port}"

    async def run() -> int:
        async with PostGateway(url, proof_of(asked), SystemClock(), patience_s=asked.patience) as gateway:
            return await step(gateway)

    try:
        return asyncio.run(run())
    except (GatewayAway, NotAllowed, Unexpected) as error:
        raise CannotWork(str(error)) from error


def _progress(text: str) -> None:
    """What is going on, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
