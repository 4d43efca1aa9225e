"""Commands of a counter, with or without a network: write a manifest or the receipt of one, close it, send it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import msgspec
from msgspec import Struct, structs

from gateway import s10
from gateway.cli_proof import proof_of
from gateway.cli_terms import (
    COULD_NOT,
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    an_instant,
    aside,
    command,
    group,
    settings,
    whole,
)
from gateway.clock import SystemClock, for_people
from gateway.postal import manifest_file
from gateway.postal.manifest_file import FileUnfit, Paper
from gateway.postal.manifest_said import Condition, Count, ItemSaid
from gateway.postal.pieces import COUNT_MAX, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.client_manifest import CounterGateway
    from gateway.postal.manifest_file import ManifestFile

PATIENCE_S: Final = 120
_SIDES: Final = {"handed": "bản kê giao · handed over", "taken": "bản kê nhận · received"}


class _Line(Struct, frozen=True, omit_defaults=True):
    """What became of one file, for a program."""

    file: str
    outcome: str
    manifest: str = ""
    side: str = ""
    sha256: str = ""
    entered_at: str = ""
    signed_by: str = ""
    why: str = ""
    problem: dict[str, object] = {}


def declare(post: Commands[Parser]) -> None:
    """Declare `post manifest new|add|close|send`."""
    manifest = group(
        post,
        "manifest",
        says="Bản kê giao nhận ở quầy, lập được khi không có mạng.",
        tells="Manifests at a counter, written also where there is no network.",
    )
    _declare_new(manifest)
    _declare_add(manifest)
    close = command(
        manifest,
        "close",
        _close,
        says="Đóng bản kê: ghi thời điểm, và ký nếu có khóa. Sau đó không sửa được nữa.",
        tells="Close it: its time is written and, with a key, its signature. Nothing can be changed afterwards.",
        example="motcua post manifest close bk-01.json --key quay.pem",
    )
    close.add_argument("file", type=Path, metavar="FILE", help="tệp bản kê · the manifest's file")
    close.add_argument("--key", type=Path, metavar="PATH", help="khóa của quầy (PEM) · the counter's key")
    close.add_argument("--at", type=an_instant, metavar="TIME", help="lúc giao nhận, nếu đã qua · when it was, if past")
    send = command(
        manifest,
        "send",
        _send,
        says="Gửi các bản kê đã đóng. Gửi lại bao nhiêu lần cũng được.",
        tells="Send closed manifests. Safe to run again. 1: some were refused.",
        example="""
            motcua post manifest send bk-*.json --client post-abc12345 --secret-file secret.txt
            motcua post manifest send bk-01.json --client post-abc12345 --key quay.pem --url http://127.0.0.1:8080
        """,
    )
    send.add_argument("files", nargs="+", type=Path, metavar="FILE", help="các tệp đã đóng · closed files")
    send.add_argument("--url", help="địa chỉ cổng (mặc định: cổng trên máy này) · the gateway's address")
    send.add_argument("--client", required=True, metavar="ID", help="mã tài khoản kết nối · client id")
    proof = send.add_mutually_exclusive_group()
    proof.add_argument("--secret-file", type=Path, metavar="PATH", help="tệp chứa client_secret; không có thì hỏi")
    proof.add_argument("--key", type=Path, metavar="PATH", help="khóa của tài khoản · the client's key")
    send.add_argument(
        "--patience",
        type=whole(0, 86_400),
        default=PATIENCE_S,
        metavar="SECONDS",
        help="chờ cổng bao lâu (%(default)s)",
    )
    add_json(send)


def _declare_new(manifest: Commands[Parser]) -> None:
    new = command(
        manifest,
        "new",
        _new,
        says="Lập bản kê mới, hoặc bản kê nhận của một bản kê (--receipt-of).",
        tells="Begin a manifest, or the receipt of one (--receipt-of: its id, or the giver's file).",
        example="""
            motcua post manifest new bk-01.json --number BK-05/01 --carrier vnpost --office 07906 --direction in
            motcua post manifest new nhan-01.json --receipt-of bk-01.json --officer "Lê Thị Ước"
        """,
    )
    new.add_argument("file", type=Path, metavar="FILE", help="tệp sẽ lập · the file to make")
    new.add_argument("--receipt-of", metavar="ID|FILE", help="nhận theo bản kê này · the manifest that was received")
    new.add_argument("--number", metavar="NUMBER", help="số bản kê trên giấy · the number on the paper")
    new.add_argument("--carrier", metavar="CODE", help="mã bưu chính · the carrier")
    new.add_argument("--office", metavar="CODE", help="mã cơ quan BHXH · the office")
    new.add_argument("--direction", choices=("in", "out"), help="in: bưu chính giao; out: cơ quan giao · which way")
    new.add_argument(
        "--officer", default="", metavar="NAME", help="người giao, người nhận · who hands over or receives"
    )


def _declare_add(manifest: Commands[Parser]) -> None:
    add = command(
        manifest,
        "add",
        _add,
        says="Thêm bưu gửi vào bản kê, hoặc ghi lại; «-»: quét từng dòng.",
        tells="Put items in, or say anew what is said of one; `-`: scanned numbers from standard input, one a line.",
        example="""
            motcua post manifest add bk-01.json RR473124829VN --piece book=2 --piece "decision=1:QĐ hưu trí"
            motcua post manifest add nhan-01.json RR473124829VN --condition damaged --note "rách mép"
            motcua post manifest add bk-01.json -
        """,
    )
    add.add_argument("file", type=Path, metavar="FILE", help="tệp bản kê · the manifest's file")
    add.add_argument("items", nargs="+", metavar="ITEM", help="số hiệu bưu gửi, hoặc - · item numbers, or -")
    add.add_argument(
        "--piece",
        type=_piece,
        action="append",
        default=[],
        metavar="KIND=N[:NAME]",
        help=f"số giấy tờ theo loại · by kind: {', '.join(KINDS)}",
    )
    add.add_argument("--empty", action="store_true", help="đã mở, không có gì · it was looked into: nothing")
    add.add_argument("--condition", choices=get_args(Condition), default="intact", help="tình trạng (%(default)s)")
    add.add_argument("--note", default="", metavar="TEXT", help="ghi chú · a remark")
    add.add_argument("--remove", action="store_true", help="bỏ ra khỏi bản kê · take them out")


def _piece(text: str) -> Count:
    """`book=2`, or `decision=1:QĐ hưu trí`."""
    kind, _, rest = text.partition("=")
    number, _, name = rest.partition(":")
    if kind not in KINDS or not number.isascii() or not number.isdigit() or int(number) > COUNT_MAX:
        raise argparse.ArgumentTypeError(f"{text}: KIND=N, KIND: {', '.join(KINDS)}")
    return msgspec.convert({"kind": kind, "count": int(number)} | ({"name": name} if name else {}), Count)


def _new(asked: argparse.Namespace) -> int:
    with _one_line():
        told = _begun(asked)
        manifest_file.write(asked.file, told, fresh=True)
    print(f"{told.manifest}  {_SIDES[told.side]}  {asked.file}")
    return DONE


def _begun(asked: argparse.Namespace) -> ManifestFile:
    named = [getattr(asked, name) for name in ("number", "carrier", "office", "direction")]
    paper = Paper(number=named[0], carrier=named[1], office=named[2], direction=named[3]) if all(named) else None
    if not asked.receipt_of:
        if paper is None:
            raise FileUnfit("cần --number, --carrier, --office, --direction · all four are needed")
        return manifest_file.begin(paper, asked.officer)
    if not (file := Path(asked.receipt_of)).is_file():
        return manifest_file.begin_receipt(asked.receipt_of, paper, asked.officer)
    given = manifest_file.read(file)
    if given.side != "handed":
        raise FileUnfit(f"{file}: không phải bản kê giao · is no manifest of a giver")
    return manifest_file.begin_receipt(given.manifest, paper or given.paper, asked.officer)


def _add(asked: argparse.Namespace) -> int:
    if asked.empty and asked.piece:
        raise CannotWork("--empty hay --piece · one of the two")
    numbers = _numbers(asked.items)
    bad = 0
    with _one_line():
        told = manifest_file.read(asked.file)
        for number, scanned in numbers:
            try:
                told = _changed(told, number, asked, scanned=scanned)
            except FileUnfit as unfit:
                if not scanned:
                    raise
                # The scanner goes on: what was refused is put aside and read again.
                aside(f"✗ {number}: {unfit}")
                bad += 1
                continue
            # Each is kept at once: what was scanned before the power went is not scanned again.
            manifest_file.write(asked.file, told)
    print(f"{asked.file}: {len(told.items)} bưu gửi · items")
    return JUDGED_BAD if bad else DONE


def _numbers(named: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The numbers, each with whether it was scanned."""
    for one in named:
        if one != "-":
            yield one, False
            continue
        yield from ((line.strip(), True) for line in sys.stdin if line.strip())


def _changed(told: ManifestFile, number: str, asked: argparse.Namespace, *, scanned: bool) -> ManifestFile:
    if asked.remove:
        return manifest_file.remove(told, number)
    pieces = tuple(asked.piece) if asked.piece else () if asked.empty else None
    item = ItemSaid(number=s10.tidy(number), pieces=pieces, condition=asked.condition, note=asked.note)
    added = manifest_file.add(told, item, scanned=scanned)
    if added.warning:
        aside(f"! {added.warning}")
    return added.file


def _close(asked: argparse.Namespace) -> int:
    with _one_line():
        told = manifest_file.read(asked.file)
        if told.is_closed:
            print(f"{asked.file}: đã đóng từ trước · was closed before  {told.sha256}")
            return DONE
        key = None
        if asked.key:
            from signing.seal import load_seal_key  # noqa: PLC0415 - its libraries are loaded for it alone

            key = load_seal_key(asked.key)
        at = asked.at or SystemClock().now()
        closed = manifest_file.close(told, at, key)
        manifest_file.write(asked.file, closed)
    signed = "có chữ ký · signed" if closed.signature else "không ký · not signed"
    print(f"{asked.file}: {len(closed.items)} bưu gửi · items, {for_people(at)}, {signed}  {closed.sha256}")
    return DONE


def _send(asked: argparse.Namespace) -> int:
    # What cannot be sent is told before the network is asked for anything.
    with _one_line():
        for path in asked.files:
            try:
                manifest_file.to_send(manifest_file.read(path))
            except FileUnfit as unfit:
                raise FileUnfit(str(unfit) if str(path) in str(unfit) else f"{path}: {unfit}") from unfit
        return asyncio.run(_send_all(asked))


async def _send_all(asked: argparse.Namespace) -> int:
    from gateway.client import GatewayAway, NotAllowed, Unexpected  # noqa: PLC0415 - loaded for what sends alone

    refused = 0
    async with _gateway(asked) as gateway:
        for number, path in enumerate(asked.files, 1):
            _draw(f"{number}/{len(asked.files)} {path.name} …")
            try:
                line = await _send_one(gateway, path)
            except Unexpected as error:
                refused += 1
                line = _Line(file=str(path), outcome="refused", why=str(error), problem=dict(error.problem))
            except (GatewayAway, NotAllowed) as error:
                _draw("")
                aside(f"{error}; còn {len(asked.files) - number + 1} tệp, chạy lại lệnh này · run this again")
                return COULD_NOT
            _draw("")
            _tell(line, as_json=asked.json)
    return JUDGED_BAD if refused else DONE


async def _send_one(gateway: CounterGateway, path: Path) -> _Line:
    held = manifest_file.read(path)
    told = await gateway.tell(*manifest_file.to_send(held))
    manifest_file.write(path, structs.replace(held, statement=told.statement))
    return _Line(
        file=str(path),
        outcome="written" if told.fresh else "known",
        manifest=told.manifest,
        side=told.side,
        sha256=told.sha256,
        entered_at=told.entered_at,
        signed_by=told.signed_by,
    )


def _tell(line: _Line, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(line).decode(), flush=True)
    elif line.why:
        print(f"✗ {line.file}: {line.why}", flush=True)
    else:
        known = "" if line.outcome == "written" else " (đã gửi từ trước · sent before)"
        print(f"✓ {line.file}: {_SIDES[line.side]}, {line.manifest}{known}", flush=True)


def _gateway(asked: argparse.Namespace) -> CounterGateway:
    from gateway.client_manifest import CounterGateway  # noqa: PLC0415 - loaded for what sends alone

    told = settings()
    url = asked.url or f"http://{told.host}:{told.port}"
    return CounterGateway(url, proof_of(asked), SystemClock(), patience_s=asked.patience)


def _draw(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


@contextmanager
def _one_line() -> Iterator[None]:
    """What cannot be done to a file is one clear line."""
    try:
        yield
    except FileUnfit as unfit:
        raise CannotWork(str(unfit)) from unfit
