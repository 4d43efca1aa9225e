"""Commands of a mail room without software of its own: say that an item was opened, send its scanned pages."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.cli_proof import proof_of
from gateway.cli_terms import (
    COULD_NOT,
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    aside,
    command,
    settings,
)
from gateway.client import GatewayAway, NotAllowed, Unexpected
from gateway.clock import SystemClock
from gateway.postal.pieces import COUNT_MAX, KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.client_mailroom import MailRoomGateway, Opening, Scanned, Stand

MEDIA_TYPES: Final = {
    ".pdf": "application/pdf",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
WAITING_SHOWN_MAX: Final = 10


def declare(post: Commands[Parser]) -> None:
    """Declare `post open` and `post scan`."""
    opened = command(
        post,
        "open",
        _open,
        says="Ghi một bưu gửi đã mở và số giấy tờ đếm được. Chạy lại vẫn an toàn.",
        tells="Say that an item was opened, and what was counted in it. Safe to run again.",
        example="""
            motcua post open RR473124829VN --office 07906 --count book=2 --count card=1 --client office-abc12345
            motcua post open TU000001BD --office 07906 --count d-…:book=1 --damaged --client office-abc12345
        """,
    )
    opened.add_argument("item", metavar="ITEM", help="số hiệu bưu gửi · item number")
    opened.add_argument("--office", required=True, metavar="CODE", help="mã cơ quan · code of the office")
    opened.add_argument(
        "--count",
        type=_counted,
        action="append",
        default=[],
        metavar="[DOSSIER:]KIND=N",
        help=f"số đếm theo loại · by kind: {', '.join(KINDS)}",
    )
    opened.add_argument("--officer", default="", metavar="NAME", help="người mở · who opened it")
    state = opened.add_mutually_exclusive_group()
    state.add_argument("--damaged", action="store_true", help="bưu gửi bị hư hỏng · it was damaged")
    state.add_argument("--found-opened", action="store_true", help="đã bị mở trước · it had been opened before")
    opened.add_argument("--confirmed", action="store_true", help="số hiệu lạ đã đọc lại · an odd number, read again")
    _add_client(opened)
    add_json(opened)
    scan = command(
        post,
        "scan",
        _scan,
        says="Gửi tệp quét (PDF, TIFF, JPEG) của một bưu gửi đã mở, theo thứ tự. Chạy lại vẫn an toàn.",
        tells="Send the scanned pages of an opened item, in their order. Safe to run again.",
        example="""
            motcua post scan o-… trang.pdf --client office-abc12345 --secret-file secret.txt
            motcua post scan o-… trang-01.jpg trang-02.jpg --batch tap-1 --client office-abc12345
        """,
    )
    scan.add_argument("opening", metavar="OPENING", help="mã lần mở (in ra bởi «post open») · what `post open` printed")
    scan.add_argument("files", nargs="+", type=Path, metavar="FILE", help="tệp quét · scans")
    scan.add_argument(
        "--batch", default="", metavar="NAME", help="các tệp nối tiếp nhau · files that follow each other"
    )
    _add_client(scan)
    add_json(scan)


def _counted(text: str) -> dict[str, object]:
    """`book=2`, or `d-…:book=2`."""
    where, _, number = text.partition("=")
    dossier, _, kind = where.rpartition(":")
    if kind not in KINDS or not number.isascii() or not number.isdigit() or int(number) > COUNT_MAX:
        raise argparse.ArgumentTypeError(f"{text}: KIND=N, KIND: {', '.join(KINDS)}")
    return {"kind": kind, "count": int(number)} | ({"dossier": dossier} if dossier else {})


def _add_client(parser: Parser) -> None:
    parser.add_argument("--url", help="địa chỉ cổng (mặc định: cổng trên máy này) · the gateway's address")
    parser.add_argument(
        "--client", required=True, metavar="ID", help="mã tài khoản của cơ quan · the office's client id"
    )
    proof = parser.add_mutually_exclusive_group()
    proof.add_argument("--secret-file", type=Path, metavar="PATH", help="tệp chứa client_secret; không có thì hỏi")
    proof.add_argument("--key", type=Path, metavar="PATH", help="khóa của tài khoản · the client's key")


def _gateway(asked: argparse.Namespace) -> MailRoomGateway:
    from gateway.client_mailroom import MailRoomGateway  # noqa: PLC0415 - loaded for these commands alone

    told = settings()
    return MailRoomGateway(asked.url or f"http://{told.host}:{told.port}", proof_of(asked), SystemClock())


def _open(asked: argparse.Namespace) -> int:
    condition = "damaged" if asked.damaged else "opened" if asked.found_opened else "intact"
    told = {
        "item": asked.item,
        "office": asked.office,
        "condition": condition,
        "counted": asked.count,
        "officer": asked.officer,
        "confirmed": asked.confirmed,
    }

    async def tell() -> Opening:
        async with _gateway(asked) as gateway:
            return await gateway.open_item(told)

    try:
        opening = asyncio.run(tell())
    except (GatewayAway, NotAllowed, Unexpected) as error:
        raise CannotWork(str(error)) from error
    if asked.json:
        print(msgspec.json.encode(opening).decode())
    else:
        _tell_opening(opening)
    return DONE if opening.agrees else JUDGED_BAD


def _tell_opening(opening: Opening) -> None:
    print(f"{opening.opening}  {opening.item}")
    if not opening.announced:
        print("  chưa ai khai báo bưu gửi này: nhập dữ liệu hồ sơ · nobody announced it: key in what it is")
    for line in opening.pieces:
        if line.short or line.surplus:
            what = f"thiếu · short {line.short}" if line.short else f"thừa · surplus {line.surplus}"
            print(f"  ✗ {line.dossier or 'cả bưu gửi · the item'}: {line.name}: {what}")
    _tell_stands(opening.dossiers)


def _scan(asked: argparse.Namespace) -> int:
    for path in asked.files:
        if path.suffix.lower() not in MEDIA_TYPES:
            raise CannotWork(f"{path}: chỉ nhận · only {', '.join(sorted(MEDIA_TYPES))}")
        if not path.is_file():
            raise CannotWork(f"không có tệp · no such file: {path}")
    return asyncio.run(_send(asked))


async def _send(asked: argparse.Namespace) -> int:
    """One file after the other, for the pages of a batch follow one another."""
    last: Scanned | None = None
    async with _gateway(asked) as gateway:
        for number, path in enumerate(asked.files, 1):
            _draw(f"{number}/{len(asked.files)} {path.name} …")
            try:
                media_type = MEDIA_TYPES[path.suffix.lower()]
                last = await gateway.scan(asked.opening, path.read_bytes(), media_type, asked.batch)
            except Unexpected as error:
                _draw("")
                print(f"✗ {path}: {error}", file=sys.stderr)
                # The pages behind it would be taken to follow those before it.
                aside(
                    f"dừng ở tệp {number}/{len(asked.files)}; sửa rồi chạy lại lệnh này · stopped; mend it, run again"
                )
                return COULD_NOT
            except (GatewayAway, NotAllowed) as error:
                _draw("")
                raise CannotWork(f"{error}; chạy lại lệnh này · run this again") from error
            _draw("")
            _tell_scanned(path, last, as_json=asked.json)
    if last is None:
        return COULD_NOT
    if not asked.json:
        _tell_stands(last.dossiers)
    return DONE if all(one.state == "filed" for one in last.dossiers) else JUDGED_BAD


def _tell_scanned(path: Path, scanned: Scanned, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({"file": str(path)} | msgspec.to_builtins(scanned)).decode(), flush=True)
        return
    waiting = [page for page in scanned.pages if page.state == "waiting"]
    filed = sum(page.state == "filed" for page in scanned.pages)
    print(f"✓ {path}: {len(scanned.pages)} trang · {filed} đã xếp · {len(waiting)} chờ người xem", flush=True)
    for page in waiting[:WAITING_SHOWN_MAX]:
        print(f"    trang {page.number}: {page.why}")
    if (more := len(waiting) - WAITING_SHOWN_MAX) > 0:
        print(f"    … và {more} trang nữa")


def _tell_stands(stands: Sequence[Stand]) -> None:
    for one in stands:
        said = {
            "filed": "đã lập hồ sơ · filed",
            "wanted": "đang lập · being made",
            "refused": "không lập được · refused",
        }
        print(f"  {'✓' if one.state == 'filed' else '…'} {one.dossier}: {said.get(one.state, 'còn chờ · waits')}")
        if one.state == "waiting":
            for lack in one.missing:
                print(f"      {lack.why}")


def _draw(text: str) -> None:
    """A line of progress on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
